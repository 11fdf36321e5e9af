"""Functions of pluggrad in JAX's own transforms: `pg.interop.jax.wrap`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optree

from pluggrad.backend import Backend, backend_of, get_backend
from pluggrad.errors import InvalidArgumentError, TypeMismatchError
from pluggrad.interop import Program

__all__ = ["wrap"]


def wrap(f: Callable[..., Any], backend: str | None = "numpy", out: Any = None) -> Any:
    """A function of JAX arrays that runs `f` and takes part in JAX's own transforms.

    `f` sees Variables in the place of arrays, and everything that it does with them is
    differentiated by pluggrad; JAX sees one operation with a derivative of its own. ``jax.grad``,
    ``vjp`` and ``jacrev`` of every order, ``jit`` and ``vmap`` work on it; ``jvp`` and ``jacfwd``
    do not, as for every ``jax.custom_vjp``. `f` should be a function in the mathematical sense:
    derivatives run it again.

    Parameters
    ----------
    f : callable
        Takes Variables, in any pytree and beside anything else, and returns arrays or Variables in
        any pytree. Integer arrays are constants to it.
    backend : str, optional
        The library in which `f` computes. While JAX traces, it is called through
        ``jax.pure_callback``. None or ``"jax"``: `f` computes on the JAX arrays themselves, traced
        or not.
    out : pytree of ``jax.ShapeDtypeStruct``, or callable, optional
        What `f` returns; a callable is given the arguments with a ``ShapeDtypeStruct`` in the place
        of each array, and answers that. Needed only under ``jit`` or ``vmap``, and only if `f`
        cannot be tried on arrays of ones, which is how the shapes are found otherwise.

    Returns
    -------
    callable
        Complex gradients follow JAX, whose convention is the conjugate of ours. Results have JAX's
        dtypes: without ``jax_enable_x64`` float64 becomes float32.

    Raises
    ------
    TypeError
        When called: `f` returned an array of another library.
    ValueError
        `backend` is unknown; or `f` returned another shape than `out` said.

    >>> import jax, numpy as np, pluggrad as pg
    >>> f = pg.interop.jax.wrap(lambda x: np.sum(np.sin(x) ** 2))
    >>> jax.jit(jax.grad(f))(np.asarray([0.0, np.pi / 4])).round(3)
    Array([0., 1.], dtype=float64)
    """
    using = get_backend("jax" if backend is None else backend)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        flat, spec = jax.tree_util.tree_flatten((args, kwargs))
        places = [n for n, x in enumerate(flat) if isinstance(x, (jax.Array, np.ndarray))]
        found: list[Any] = []  # the structure of the results, and where arrays are in it

        def filled(values: Sequence[Any]) -> Any:
            given = list(flat)
            for place, x in zip(places, values, strict=True):
                given[place] = x
            return jax.tree_util.tree_unflatten(spec, given)

        def flattened(y: Any) -> list[Any]:
            outputs, y_spec = optree.tree_flatten(y)
            arrays = [n for n, v in enumerate(outputs) if hasattr(v, "dtype")]
            rest = [None if n in arrays else v for n, v in enumerate(outputs)]
            found[:] = [y_spec, arrays, rest]
            return [outputs[n] for n in arrays]

        def run(values: list[Any]) -> list[Any]:
            call, keywords = filled(values)
            return flattened(f(*call, **keywords))

        def shapes(specs: list[Any]) -> list[Any]:
            if out is None:
                return _tried(f, Program(run), specs, using)
            call, keywords = filled(specs)
            made = flattened(out(*call, **keywords) if callable(out) else out)
            return [_spec(y.shape, y.dtype) for y in made]

        results = connected(Program(run), using, shapes)(*[jnp.asarray(flat[n]) for n in places])
        y_spec, arrays, outputs = found
        outputs = list(outputs)
        for place, y in zip(arrays, results, strict=True):
            outputs[place] = y
        return optree.tree_unflatten(y_spec, outputs)

    return wrapped


def connected(program: Program, using: Backend, shapes: Callable[[list[Any]], list[Any]]) -> Any:
    """The operation that JAX sees: a function of arrays that returns a list of arrays. `shapes`
    answers the shapes and dtypes of the results for those of the arrays."""

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def run(*xs: Any) -> Any:
        if using.name == "jax":
            return program(xs)
        if not any([isinstance(x, jax.core.Tracer) for x in xs]):
            return [jnp.asarray(y) for y in compute(program, xs, using)]
        specs = shapes([_spec(x.shape, x.dtype) for x in xs])
        ranks = [x.ndim for x in xs]

        def callback(*values: Any) -> Any:
            found = batched(program, values, ranks, using)
            lead = values[0].shape[: values[0].ndim - ranks[0]] if values else ()
            return [_checked(y, s, lead) for y, s in zip(found, specs, strict=True)]

        return jax.pure_callback(callback, specs, *xs, vmap_method="broadcast_all")

    def forward(*xs: Any) -> Any:
        return run(*xs), xs

    def backward(xs: Any, gs: Any) -> Any:
        needs = [n for n, x in enumerate(xs) if _inexact(x)]
        seeds = [_conjugate(g) for g in gs if _inexact(g)]
        # What is asked of the pull is known from the arrays.
        pullback = connected(
            program.pullback(len(xs), needs), using,
            lambda specs: [specs[n] for n in needs],
        )  # fmt: skip
        gradients: list[Any] = [np.zeros(x.shape, jax.dtypes.float0) for x in xs]
        if needs and seeds:
            for n, g in zip(needs, pullback(*xs, *seeds), strict=True):
                gradients[n] = _conjugate(g).astype(xs[n].dtype)
        else:
            for n in needs:
                gradients[n] = jnp.zeros_like(xs[n])
        return tuple(gradients)

    run.defvjp(forward, backward)
    return run


def compute(program: Program, values: Sequence[Any], using: Backend) -> list[Any]:
    """The results of a program at arrays of any library, as NumPy arrays."""
    arrays = [np.asarray(x) for x in values]
    if using.name != "numpy":
        arrays = [using.namespace.raw_asarray(x if x.flags.writeable else x.copy()) for x in arrays]
    found = program(arrays)
    for y in found:
        if backend_of(y) is not using:
            raise TypeMismatchError(
                f"the wrapped function computes in {using.name}, and returned {type(y).__name__}"
            )
    return [np.asarray(y.cpu() if hasattr(y, "cpu") else y) for y in found]


def batched(program: Program, values: Sequence[Any], ranks: list[int], using: Backend) -> list[Any]:
    """The results where `vmap` has put axes in front: all of them as one batch."""
    if not values or values[0].ndim == ranks[0]:
        return compute(program, values, using)
    lead = values[0].shape[: values[0].ndim - ranks[0]]
    size = math.prod(lead)
    flat = [np.asarray(x).reshape((size, *x.shape[len(lead) :])) for x in values]
    found = compute(program.mapped([0] * len(flat), size), flat, using)
    return [y.reshape((*lead, *y.shape[1:])) for y in found]


def _tried(f: Any, program: Program, specs: list[Any], using: Backend) -> list[Any]:
    """The shapes and dtypes of the results, from a run on ones."""
    try:
        found = compute(program, [np.ones(s.shape, s.dtype) for s in specs], using)
    except Exception as error:
        raise InvalidArgumentError(
            f"while JAX traces, {getattr(f, '__name__', f)!r} was run on arrays of ones, to see "
            f"what it returns, and failed: {type(error).__name__}: {error}. Tell what it returns, "
            "with `wrap(f, out=...)`."
        ) from error
    return [_spec(y.shape, y.dtype) for y in found]


def _checked(y: Any, spec: Any, lead: tuple[int, ...]) -> Any:
    if y.shape != (*lead, *spec.shape):
        raise InvalidArgumentError(
            f"the wrapped function returned shape {y.shape[len(lead) :]}, and JAX was told "
            f"{spec.shape}; see `out`"
        )
    return y.astype(spec.dtype, copy=False)


def _spec(shape: Any, dtype: Any) -> Any:
    return jax.ShapeDtypeStruct(tuple(shape), jax.dtypes.canonicalize_dtype(dtype))


def _inexact(x: Any) -> bool:
    return bool(jnp.issubdtype(x.dtype, jnp.inexact))


def _conjugate(g: Any) -> Any:
    return jnp.conj(g) if jnp.iscomplexobj(g) else g
