"""`pg.interop.jax`: functions of pluggrad in JAX's own transforms, by `wrap`, and functions of JAX
in pluggrad's graph, by `call`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import optree
from jax.interpreters import ad, batching, mlir

from pluggrad.plugin import (
    Backend,
    HostProgram,
    InvalidArgumentError,
    TypeMismatchError,
    UnsupportedError,
    backend_of,
    first_possible,
    get_backend,
)

from .calling import call
from .spread import beneath, is_spread

__all__ = ["call", "wrap"]


def wrap(f: Callable[..., Any], backend: str | None = None, out: Any = None) -> Any:
    """A function of JAX arrays that runs `f` and takes part in JAX's own transforms.

    `f` sees Variables in place of arrays, and everything that it does with them is
    differentiated by pluggrad; JAX sees one operation, a primitive with derivatives of its own.
    ``jit``, ``vmap``, ``grad``, ``jvp`` and what JAX builds from them work on it, in any order. `f`
    should be a function in the mathematical sense, because derivatives run it again.

    Parameters
    ----------
    f : callable
        Takes Variables, in any pytree and beside any other objects, and returns arrays or Variables
        in any pytree. Integer arrays are constants to it.
    backend : str, optional
        The library in which `f` computes. While JAX traces, `f` is called through
        ``jax.pure_callback``. With ``"jax"``, `f` computes on the JAX arrays themselves, traced or
        not. The default is NumPy, or JAX if `f` fails on NumPy arrays, for example because it uses
        JAX arrays, or if an argument is spread over several devices. (While JAX traces, that
        cannot be seen: say ``"jax"``.)
    out : pytree of ``jax.ShapeDtypeStruct``, or callable, optional
        The shapes and dtypes that `f` returns. A callable returns them for the arguments of `f`,
        which have a ``ShapeDtypeStruct`` in place of each array. Needed only under ``jit`` or
        ``vmap``, and only if `f` fails on arrays of ones, from which they are found otherwise.

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
        `backend` is unknown, or `f` returned another shape than `out` says.
    RuntimeError
        An argument is spread over several devices, and `backend` is another library than JAX.

    >>> import jax, numpy as np, pluggrad as pg
    >>> f = pg.interop.jax.wrap(lambda x: np.sum(np.sin(x) ** 2))
    >>> jax.jit(jax.grad(f))(np.asarray([0.0, np.pi / 4])).round(3)
    Array([0., 1.], dtype=float64)
    """
    choices = [get_backend(name) for name in (("numpy", "jax") if backend is None else (backend,))]

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        flat, spec = jax.tree_util.tree_flatten((args, kwargs))
        places = [n for n, x in enumerate(flat) if isinstance(x, (jax.Array, np.ndarray))]
        found: list[Any] = []  # the structure of the results, and where its arrays are

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

        def shapes(using: Backend, specs: list[Any]) -> list[Any]:
            if using.name == "jax":
                return list(
                    jax.eval_shape(lambda *xs: _results(HostProgram(run), xs, using), *specs)
                )
            if out is None:
                return _tried(f, HostProgram(run), specs, using)
            call, keywords = filled(specs)
            made = flattened(out(*call, **keywords) if callable(out) else out)
            return [_spec(y.shape, y.dtype) for y in made]

        def attempt(using: Backend) -> list[Any]:
            return Call(HostProgram(run), using, functools.partial(shapes, using))(*arrays)

        arrays = [jnp.asarray(flat[n]) for n in places]
        possible = choices
        if any([is_spread(beneath(x)) for x in arrays]):
            possible = [using for using in choices if using.name == "jax"]
            if not possible:
                raise UnsupportedError(
                    "pluggrad.interop.jax.wrap: an argument is spread over several devices, and "
                    f"{choices[0].name} would need all of it in one place. Say backend='jax', so "
                    "that the function computes on JAX arrays, or gather the argument first, by "
                    "jax.device_put(x, jax.devices()[0])"
                )
        results = first_possible(attempt, possible)
        y_spec, arrays, outputs = found
        outputs = list(outputs)
        for place, y in zip(arrays, results, strict=True):
            outputs[place] = y
        return optree.tree_unflatten(y_spec, outputs)

    return wrapped


class Call:
    """One call of a program as JAX sees it: all that does not depend on the values of its arrays.

    `shapes` maps the shapes and dtypes of the arrays to those of the results. If the program is
    linear in the arrays after the first `count`, `pull` is its transpose.
    """

    def __init__(
        self, program: HostProgram, using: Backend, shapes: Callable[[list[Any]], list[Any]],
        count: int = 0, pull: Call | None = None,
    ) -> None:  # fmt: skip
        self.program, self.using, self.shapes = program, using, shapes
        self.count, self.pull = count, pull
        self._known: dict[Any, list[Any]] = {}

    def specs(self, xs: Sequence[Any]) -> list[Any]:
        """The shapes and dtypes of the results."""
        given = [_spec(x.shape, x.dtype) for x in xs]
        key = tuple([(x.shape, x.dtype) for x in given])
        if key not in self._known:
            self._known[key] = self.shapes(given)
        return self._known[key]

    def __call__(self, *xs: Any) -> list[Any]:
        """The results, as one operation of JAX's."""
        return list(OPERATION.bind(*xs, call=self))

    def run(self, *xs: Any) -> list[Any]:
        """The results at arrays that JAX does not trace."""
        if self.using.name == "jax":
            return _results(self.program, xs, self.using)
        return [jnp.asarray(y) for y in compute(self.program, xs, self.using)]

    def compiled(self, *xs: Any) -> list[Any]:
        """The results at arrays that JAX traces to compile them."""
        if self.using.name == "jax":
            return _results(self.program, xs, self.using)
        specs = self.specs(xs)

        def callback(*values: Any) -> list[Any]:
            found = compute(self.program, values, self.using)
            return [_checked(y, spec) for y, spec in zip(found, specs, strict=True)]

        return list(jax.pure_callback(callback, specs, *xs))


OPERATION = jax.extend.core.Primitive("pluggrad")
OPERATION.multiple_results = True
OPERATION.def_impl(lambda *xs, call: call.run(*xs))
OPERATION.def_abstract_eval(
    lambda *xs, call: [jax.core.ShapedArray(y.shape, y.dtype) for y in call.specs(xs)]
)
mlir.register_lowering(
    OPERATION, mlir.lower_fun(lambda *xs, call: call.compiled(*xs), multiple_results=True)
)


def _jvp(xs: Sequence[Any], tangents: Sequence[Any], *, call: Call) -> Any:
    """The results and their tangents. The program of the tangents comes with its transpose."""
    ys = call(*xs)
    program, using, count = call.program, call.using, len(xs)
    moving = [n for n, t in enumerate(tangents) if type(t) is not ad.Zero]
    smooth = [k for k, y in enumerate(ys) if _inexact(y)]
    moved: list[Any] = [
        ad.Zero(jax.core.ShapedArray(y.shape, y.dtype if _inexact(y) else jax.dtypes.float0))
        for y in ys
    ]
    if moving and smooth:
        specs = [_spec(y.shape, y.dtype) for y in ys]
        pull = Call(
            program.pullback(count, moving), using, lambda given: [given[n] for n in moving]
        )
        push = Call(
            program.pushforward(count, moving), using, lambda given: [specs[k] for k in smooth],
            count, pull,
        )  # fmt: skip
        pushed = push(*xs, *[tangents[n] for n in moving])
        for k, t in zip(smooth, pushed, strict=True):
            moved[k] = t.astype(ys[k].dtype)
    return ys, moved


def _transpose(gs: Sequence[Any], *xs: Any, call: Call) -> list[Any]:
    """The cotangents of the arrays in which the program is linear. JAX's are the conjugates of
    pluggrad's."""
    linear = [n for n, x in enumerate(xs) if ad.is_undefined_primal(x)]
    known = list(xs)
    pull = call.pull
    if pull is not None and linear == list(range(call.count, len(xs))):
        known = known[: call.count]
    else:  # a linear function has the same derivative everywhere
        for n in linear:
            known[n] = jnp.zeros(xs[n].aval.shape, xs[n].aval.dtype)
        pull = Call(
            call.program.pullback(len(xs), linear),
            call.using,
            lambda given: [given[n] for n in linear],
        )
    seeds = [_conjugate(g) for g in map(ad.instantiate_zeros, gs) if _inexact(g)]
    found: list[Any] = [None] * len(xs)
    for n, g in zip(linear, pull(*known, *seeds), strict=True):
        found[n] = _conjugate(g).astype(xs[n].aval.dtype)
    return found


def _batched(xs: Sequence[Any], axes: Sequence[Any], *, call: Call) -> Any:
    """The results for a batch, along their first axis."""
    size = next(x.shape[axis] for x, axis in zip(xs, axes, strict=True) if axis is not None)

    def shapes(given: list[Any]) -> list[Any]:
        one = [
            x if axis is None else _spec(np.delete(x.shape, axis), x.dtype)
            for x, axis in zip(given, axes, strict=True)
        ]
        return [_spec((size, *y.shape), y.dtype) for y in call.specs(one)]

    ys = Call(call.program.mapped(axes, size), call.using, shapes)(*xs)
    return ys, [0] * len(ys)


ad.primitive_jvps[OPERATION] = _jvp
ad.primitive_transposes[OPERATION] = _transpose
batching.primitive_batchers[OPERATION] = _batched


def compute(program: HostProgram, values: Sequence[Any], using: Backend) -> list[Any]:
    """The results of a program at arrays of any library, as NumPy arrays."""
    arrays = [np.asarray(x) for x in values]
    if using.name != "numpy":
        arrays = [using.namespace.raw_asarray(x if x.flags.writeable else x.copy()) for x in arrays]
    found = _results(program, arrays, using)
    return [np.asarray(y.cpu() if hasattr(y, "cpu") else y) for y in found]


def _results(program: HostProgram, arrays: Sequence[Any], using: Backend) -> list[Any]:
    """The results of a program; an error if one is not of the library that it computes in."""
    found = program(arrays)
    for y in found:
        if backend_of(y) is not using:
            raise TypeMismatchError(
                f"the wrapped function computes in {using.name}, and returned {type(y).__name__}"
            )
    return found


def _tried(f: Any, program: HostProgram, specs: list[Any], using: Backend) -> list[Any]:
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


def _checked(y: Any, spec: Any) -> Any:
    """`y` in the promised dtype; an error if its shape is not the promised one."""
    if y.shape != spec.shape:
        raise InvalidArgumentError(
            f"the wrapped function returned shape {y.shape}, and JAX was told {spec.shape}; see "
            "`out`"
        )
    return y.astype(spec.dtype, copy=False)


def _spec(shape: Any, dtype: Any) -> Any:
    return jax.ShapeDtypeStruct(tuple(shape), jax.dtypes.canonicalize_dtype(dtype))


def _inexact(x: Any) -> bool:
    return bool(jnp.issubdtype(x.dtype, jnp.inexact))


def _conjugate(g: Any) -> Any:
    return jnp.conj(g) if jnp.iscomplexobj(g) else g
