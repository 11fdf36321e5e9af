"""`checkpoint`: a function whose intermediate values are recomputed instead of kept.

First run: the function runs at a level of its own (`level.Checkpoint`), and the graph recorded
there is dropped when it returns. At the outer levels one operation stays behind. Its inputs are
the arguments, and the outer Variables that the function used. Backward walk: the pull of this
operation runs the function at such a level again, and walks back through the new graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import optree

from ...arrays.dispatch import is_variable
from ...engine.arguments import check_function
from ...engine.boundary import flatten_call, unflatten_call
from ...engine.closures import seen
from ...engine.handles import handle_of
from ...engine.levels import Level, read
from ...engine.modes import inside
from ...engine.random_states import RandomStates
from ...errors import UnsupportedError
from .operations import RecomputedBody

__all__ = ["checkpoint", "recomputes"]

P = ParamSpec("P")
R = TypeVar("R")


def checkpoint(
    fun: Callable[P, R],
    *,
    prevent_cse: bool = True,
    policy: None = None,
    static_argnums: int | Sequence[int] = (),
    preserve_rng_state: bool = True,
) -> Callable[P, R]:
    """`fun`, with its intermediate values recomputed in the backward walk instead of kept.

    The parameters are those of `jax.checkpoint`, with torch's `preserve_rng_state`.
    A call keeps only its arguments and the outer Variables that `fun` uses (closures and globals);
    both get their gradients. The price is one more run of `fun`. Checkpointing each of ``n`` blocks
    of ``k`` operations keeps about ``n + k`` arrays at a time instead of ``n * k``.

    Parameters
    ----------
    fun : callable
        Takes and returns pytrees of arrays. Called again with the same arguments, it must perform
        the same operations. See below for what it may write.
    prevent_cse : bool
        Under a compiler (``jax.jit``), keep it from merging the two runs into one, which would keep
        the intermediate values after all.
    policy : None
        JAX's choice of values to keep. None is supported here: everything is recomputed.
    static_argnums : int or sequence of ints
        Positions of arguments to pass to `fun` unchanged, without looking for arrays in them.
    preserve_rng_state : bool
        Make both runs draw the same random numbers. This covers the library's global generators
        (NumPy's `numpy.random`, torch's on the CPU and on CUDA), and every `Generator` that is an
        argument of `fun` or that `fun` refers to by name. A generator that only a function called
        by `fun` refers to is not restored: pass it to `fun`.

    Returns
    -------
    callable
        Called like `fun`, with the same result. It works in all transforms, at every order, and
        inside other checkpointed functions.

    Raises
    ------
    RuntimeError
        In the first run: `fun` wrote into an outer Variable. In the backward walk: the second run
        used other Variables, or returned other shapes, dtypes or numbers. (Numbers cannot be
        compared for lazy arrays, nor under a compiler.)
    NotImplementedError
        A `policy` was given.

    Writing: `fun` may write into its arguments, since it receives handles of its own, but not into
    outer Variables. Between the two runs the caller may write into outer Variables or detach them,
    but must not change raw arrays that `fun` uses. That is noticed, as an error, on torch and under
    ``pluggrad.debug``.

    Names: both runs see closures and globals as they were at the call, so `fun` may be defined in
    a loop. Attributes, and the items of lists and dicts, are read afresh.

    Inside `fun`, ``detach()``, ``stop_gradient`` and ``no_grad`` stop derivatives at all levels.

    >>> import numpy as np, pluggrad as pg
    >>> w = pg.Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    >>> @pg.checkpoint
    ... def block(x):
    ...     return pg.tanh(pg.sin(x) * w)
    >>> x = np.asarray([0.5, 0.0])
    >>> pg.sum(block(pg.Variable(x))).backward()
    >>> np.allclose(w.grad.data, pg.grad(lambda w: pg.sum(pg.tanh(np.sin(x) * w)))(w.data))
    True
    """
    if policy is not None:
        raise UnsupportedError(
            "checkpoint computes everything again, and takes no policy. To keep a value, compute "
            "it outside of the function and pass it in."
        )
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    check_function(fun, "checkpoint")

    @functools.wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not recomputes():  # nothing records: run it once, on handles that it may write
            return _released(fun(*_handles(args), **_handles(kwargs)))
        static = {n % len(args): args[n % len(args)] for n in numbers} if args else {}
        chosen = [None if n in static else x for n, x in enumerate(args)]
        flat, spec = flatten_call(chosen, kwargs)

        def run(fun: Callable[..., Any], flat: list[Any]) -> Any:
            chosen, keywords = unflatten_call(spec, flat)
            return fun(*[static.get(n, x) for n, x in enumerate(chosen)], **keywords)

        random = RandomStates(fun, [*flat, *static.values()]) if preserve_rng_state else None
        return RecomputedBody(run, seen(fun), flat, prevent_cse, random).start(flat)

    return checkpointed


def _handles(tree: Any) -> Any:
    """`tree` with every Variable replaced by a new handle, which `fun` may write."""
    return optree.tree_map(_own, tree) if tree else tree


def _own(x: Any) -> Any:
    """A new handle for `x`, if it is a Variable."""
    if not is_variable(x):
        return x
    run = inside()  # an outer checkpoint must note `x` as one of its inputs first
    return handle_of(x if run is None else run.enter(x))


def _released(y: Any) -> Any:
    """`y` with each view replaced by a plain handle; what it views was private to the call."""
    if is_variable(y):
        return y if y._cell is None else handle_of(y)
    tree: Any = y
    return optree.tree_map(_released, tree) if isinstance(y, (tuple, list, dict)) else y


def recomputes() -> bool:
    """Whether some open level records, so that a backward walk may come."""
    state = read()
    level: Level | None = state.level
    while level is not None:
        if not level.maps and level not in state.off:
            return True
        level = level.parent
    return False
