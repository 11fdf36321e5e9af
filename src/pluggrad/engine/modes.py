"""Modes: anomaly detection, saved-tensor hooks, strong zeros, and checks for changed arrays.

While one is on, the short cuts of `bind` are off, and every operation is recorded the long way. So
none of them costs anything while unused.
"""

from __future__ import annotations

import dataclasses
import math
import traceback
from collections.abc import Callable
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import xp
from ..decorator import (
    AtOnce,
    Decorator,
)
from ..errors import AnomalyError
from .cotangents import (
    Scatter,
    Shares,
    Uniform,
    dense,
    is_complex,
)
from .graph import Edge, Node
from .handles import raw_of
from .levels import (
    State,
    put,
    read,
    state_of,
)
from .primitive import (
    PASS,
    Primitive,
    Rule,
    _careful_pull,
    _puller,
)

__all__ = ["Modes", "altered", "annihilating", "callers", "changed", "check_made", "debug",
           "detect_anomaly", "inside", "pull_with", "saved_tensors_hooks", "set_detect_anomaly",
           "strong_rule", "strong_zeros"]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Modes:
    """What is unusual in this thread and task; the state holds None where nothing is."""

    anomaly: bool = False
    check_nan: bool = False
    pack: Callable[[Any], Any] | None = None
    unpack: Callable[[Any], Any] | None = None
    mutations: bool = False
    strong: bool = False
    parent: Node | None = None  # under `anomaly`, the node that is being pulled through
    inside: Any = None  # the run of a checkpointed function that this is inside of


def inside() -> Any:
    """The run of a checkpointed function that we are directly inside of; None elsewhere."""
    modes = read().modes
    run = None if modes is None else modes.inside
    return None if run is None or run.below else run


def altered(state: State, facts: dict[str, Any]) -> State:
    """`state` with modes that have these `facts`."""
    found = dataclasses.replace(state.modes or Modes(), **facts)
    return state_of(state.level, state.off, None if found == Modes() else found)


class changed(Decorator):
    """A block in which the modes have these `facts`."""

    _get: Any = staticmethod(read)
    _set: Any = staticmethod(put)

    def __init__(self, **facts: Any) -> None:
        self._facts = facts
        self._before = []

    def _on(self, state: State) -> tuple[State, dict[str, Any]]:
        modes = state.modes or Modes()
        return altered(state, self._facts), {name: getattr(modes, name) for name in self._facts}

    def _off(self, state: State, before: dict[str, Any]) -> State:
        return altered(state, before)

    def _again(self) -> changed:
        return changed(**self._facts)


# ---------------------------------------------------------------- what users switch on


def detect_anomaly(check_nan: bool = True) -> changed:
    """Errors of the backward walk show where the operation was called, as in torch.

    Operations recorded in the block remember the lines that called them (in
    ``grad_fn.metadata["traceback"]``). If in a walk inside such a block the rule of one raises, the
    error shows them; and if it makes nan or infinity out of a finite cotangent, an error does.

    Parameters
    ----------
    check_nan : bool
        Look for nan and infinity. It asks each cotangent for its values: lazy arrays are computed.

    Raises
    ------
    RuntimeError
        In the walk, with `check_nan`: names the operation, and the line that called it.

    What a derivative records, as under ``create_graph``, shows the operation whose derivative it
    is, too. Forward mode is checked for nan and infinity as the walk is.

    It makes recording several times slower. It is meant for finding errors.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.zeros(2), requires_grad=True)
    >>> with pg.autograd.detect_anomaly():
    ...     y = pg.sum(pg.sqrt(x))
    ...     try:
    ...         y.backward()
    ...     except RuntimeError as error:
    ...         print(str(error).splitlines()[0])
    the derivative of 'sqrt' by input 0 has inf at 2 of 2 elements
    """
    return changed(anomaly=True, check_nan=bool(check_nan))


class set_detect_anomaly(AtOnce, changed):
    """`detect_anomaly` on or off by a flag: at once, and, as a context manager, until the block
    ends. It holds for this thread and async task.

    >>> import pluggrad as pg
    >>> with pg.autograd.set_detect_anomaly(True):
    ...     y = pg.exp(pg.Variable(1.0, requires_grad=True))
    >>> "traceback" in y.grad_fn.metadata
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._facts = {"anomaly": bool(mode), "check_nan": bool(mode and check_nan)}
        self._start()


def saved_tensors_hooks(
    pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]
) -> changed:
    """What operations save goes through hooks: to disk, to another device, to fewer bits.

    For each array that an operation recorded in the block keeps for its gradient, ``pack_hook(v)``
    is called with an untracked Variable, and what it returns is kept instead. When a walk needs the
    array, ``unpack_hook(kept)`` returns it, as a Variable or an array of the same library and
    shape; the dtype is made what it was. As torch's; the innermost block counts. In transforms `v`
    is the array behind all levels, that of a whole batch under `vmap`.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    >>> with pg.autograd.saved_tensors_hooks(lambda v: v.tolist(), np.asarray):
    ...     y = pg.sum(pg.exp(x))
    >>> y.backward()
    >>> x.grad.data.round(2)
    array([2.72, 7.39])
    """
    return changed(pack=pack_hook, unpack=unpack_hook)


def strong_zeros() -> changed:
    """A zero cotangent annihilates infinities and nan in the rules of elementwise functions.

    The derivative of ``where(x > 0, log(x), 0)`` at 0 is 0 · ∞ = nan, here as in torch and JAX,
    because the branch that was not taken is differentiated, too. For operations recorded, or walks
    made, in this block, it is 0: rules compute ``t ⊙ partial``, where ⊙ is the product with
    0 ⊙ anything = 0. It is bilinear, so every order has it, forwards and backwards.

    It changes no value of a function, and a derivative that is a number by a rounding error at most
    (unless the partial overflows on its way). It holds for functions that act element by element.
    The rules of reductions (``max``, ``prod``, ``std``, ...),
    contractions (``matmul``, ``vecdot``, ...), ``fft`` and ``linalg`` keep the ordinary product,
    and so does what a rule of one's own computes. As a decorator it holds in the body of a
    function; other threads do not see it, and a function that ``jax.jit`` compiled keeps the mode
    in which it was traced. Elementwise rules take two to three times as long.

    >>> import numpy as np, pluggrad as pg
    >>> f = lambda x: pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0))
    >>> with pg.strong_zeros():
    ...     pg.grad(f)(np.asarray([0.0, 4.0]))
    array([0.  , 0.25])
    """
    return changed(strong=True)


def debug(mutations: bool = True) -> changed:
    """Have changes of arrays that the graph still needs found.

    Raw operands are kept by reference. If one is changed in place after ``y = x * w`` and before
    ``y.backward()``, the gradient would be wrong. On torch, whose tensors count their changes, that
    is always an error. On other libraries it is one for what is recorded in this block; on torch
    the block finds the changes, too, that are not counted: those through torch's own ``w.data``,
    through a NumPy array of the same memory, and under ``torch.inference_mode``.

    Parameters
    ----------
    mutations : bool
        Take a checksum (CRC-32) of every array that is kept, and compare it when it is used. It
        reads each array twice more, at some 1 GB/s, and takes some 20 µs an operation.

    Raises
    ------
    RuntimeError
        In the walk: names the operation, and the array's shape and dtype.

    >>> import numpy as np, pluggrad as pg
    >>> x, w = pg.Variable(np.ones(2), requires_grad=True), np.asarray([2.0, 3.0])
    >>> with pg.debug(mutations=True):
    ...     y = pg.sum(x * w)
    >>> w[:] = 0
    >>> try:
    ...     y.backward()
    ... except RuntimeError as error:
    ...     print(str(error).split(",")[0])
    an array that 'multiply' had saved for its gradient
    """
    return changed(mutations=bool(mutations))


# ---------------------------------------------------------------- in the walk


def strong_rule(rule: Rule) -> Rule:
    """`rule` with the product ⊙ between the cotangent and the partial derivative."""
    try:
        return rule.strong
    except AttributeError:
        pass
    primitive, formula = rule.primitive, getattr(rule, "formula", None)
    if not primitive.pointwise or formula is None or formula is PASS:
        rule.strong = rule
        return rule
    pull = annihilating(_puller(formula, len(rule.names)), primitive)
    if rule.is_careful:
        pull = _careful_pull(pull, primitive)
    made = rule.variant(pull)
    made.strong = made
    rule.strong = made
    return made


def annihilating(f: Callable[..., Any], primitive: Primitive) -> Callable[..., Any]:
    """`f(t, ...)`, linear in `t` and element by element, as ``t ⊙ f(1, ...)``."""

    def strong(t: Any, *rest: Any) -> Any:
        if type(t) is Uniform:
            if t.one:
                return f(t, *rest)
            t = t.array()
        with strong_zeros():
            one = xp.ones_like(t)
            if primitive.holomorphic or not is_complex(t):
                return xp.strong_multiply(t, f(one, *rest))
            parts = (xp.real(t), f(one, *rest)), (xp.imag(t), f(one * 1j, *rest))
            return xp.strong_multiply(*parts[0]) + xp.strong_multiply(*parts[1])

    return strong


def pull_with(
    modes: Modes | None, saved_of: Callable[[Edge, Node], Any]
) -> Callable[[Edge, Node, Any], Any]:
    """How the walk pulls a cotangent through an edge, where it is not the usual way.

    `saved_of` gives what the edge has saved.
    """
    if modes is None or not (modes.strong or modes.anomaly):
        return lambda edge, node, g: edge.rule.pull(g, saved_of(edge, node))
    anomaly, check_nan, strong = modes.anomaly, modes.check_nan, modes.strong

    def pull(edge: Edge, node: Node, g: Any) -> Any:
        rule = strong_rule(edge.rule) if strong else edge.rule
        if not anomaly:
            return rule.pull(g, saved_of(edge, node))
        try:
            with changed(parent=node):
                c = rule.pull(g, saved_of(edge, node))
        except Exception as error:
            if not isinstance(error, AnomalyError):
                where = _called(_facts(node))
                error.add_note(f"in the backward of {rule.primitive.name!r}, {where}")
            raise
        if check_nan and (bad := _made_bad(g, c)):
            raise AnomalyError(
                f"the derivative of {rule.primitive.name!r} by input {rule.position} has {bad}\n"
                f"{_called(_facts(node))}"
            )
        return c

    return pull


def check_made(what: str, given: Any, made: Any) -> None:
    """Raise, under `detect_anomaly`, if `what` has just made `made` of `given`, and it is bad."""
    modes: Modes | None = read().modes
    if modes is not None and modes.check_nan and (bad := _made_bad(given, made)):
        where = _called({"traceback": callers(), "parent": modes.parent})
        raise AnomalyError(f"{what} has {bad}\n{where}")


def _made_bad(given: Any, made: Any) -> str:
    """How many nan or infinities are in `made`, if there are none in `given`."""
    if any([_count_bad(x)[1] for x in _parts(given)]):
        return ""
    for part in _parts(made):
        nan, bad = _count_bad(part)
        if bad:
            size = math.prod(raw_of(part).shape)
            return f"{'nan' if nan else 'inf'} at {bad} of {size} elements"
    return ""


def _parts(c: Any) -> list[Any]:
    """The arrays in a cotangent on its way."""
    if c is None:
        return []
    if type(c) is Scatter:
        return [g for _, g in c.pieces] + ([] if c.buffer is None else [c.buffer])
    items = getattr(c, "gradients", None) or (c.items if type(c) is Shares else None)
    if items is not None:  # of an operation with several inputs or outputs
        return [part for item in items for part in _parts(item)]
    if isinstance(c, (tuple, list)):
        return [part for item in c for part in _parts(item)]
    return [dense(c)]


def _count_bad(x: Any) -> tuple[int, int]:
    """How many elements of `x` are nan, and how many nan or infinite."""
    x = raw_of(x)
    total = [xp.sum(xp.astype(f(x), _integers(x))) for f in (xp.isnan, xp.isfinite)]
    nan, finite = int(total[0]), int(total[1])
    return nan, math.prod(x.shape) - finite


def _integers(x: Any) -> Any:
    backend = backend_of(x)
    assert backend is not None
    return backend.xp.int64


def callers() -> list[str]:
    """The lines that led here, without pluggrad's own."""
    frames = [
        (frame, line) for frame, line in traceback.walk_stack(None)
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("pluggrad", "contextlib")
    ]  # fmt: skip
    return traceback.StackSummary.extract(iter(frames[::-1]), lookup_lines=False).format()


def _facts(node: Node) -> dict[Any, Any]:
    extra = getattr(node, "extra", None)
    return {} if extra is None else extra.metadata


def _called(facts: dict[Any, Any]) -> str:
    """Where what has these `facts` was recorded, and whose derivative it is part of."""
    if "traceback" not in facts:
        return (
            "recorded outside of detect_anomaly: have the forward computation inside, too, to see "
            "where it was called"
        )
    text = "called here (most recent call last):\n" + "".join(facts["traceback"]).rstrip()
    parent = facts.get("parent")
    if parent is not None:
        where = _called(_facts(parent))
        text += f"\nin the derivative of {parent.rule.primitive.name!r}, {where}"
    return text
