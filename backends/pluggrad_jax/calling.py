"""Functions of JAX in pluggrad's graph, on any backend: `pg.interop.jax.call`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pluggrad.plugin import (
    Backend,
    ForeignProgram,
    Framework,
    OutOfRangeError,
    TreeCall,
    UnsupportedError,
    calling,
    made_by,
    name_of,
    one_by_one,
)

from .compiled import Pairs, conjugate, inexact, merged

try:
    from jax import enable_x64
except ImportError:  # of older versions
    from jax.experimental import enable_x64

__all__ = ["call"]


def call(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of JAX arrays, jitted or not, as one recorded operation.

    `f` sees JAX arrays in place of Variables and arrays, whatever their backend, and its results
    are Variables of the caller's backend. JAX differentiates it: ``backward`` runs the pullback of
    ``jax.vjp``, and higher orders, forward mode, `vmap` and all other transforms use ``jax.vjp``,
    ``jax.jvp`` and ``jax.vmap`` of `f`. So `f` should be a function in the mathematical sense. Of a
    jitted `f` the pullback is compiled, too, once for each structure, shapes and dtypes of the
    arguments; that is several times as fast as calling ``jax.vjp`` each time.

    Parameters
    ----------
    f : callable
        Takes and returns JAX arrays, in any pytree and beside any other objects. JAX arrays that it
        closes over are constants.

    Returns
    -------
    callable
        Takes Variables and arrays of one backend, and JAX arrays, which are constants. It returns
        Variables if an argument is a Variable, otherwise arrays. Where an argument is float64 or
        complex128, JAX computes with 64 bits in this call, whatever its own setting. Otherwise
        its setting counts, and without 64 bits, integers are handed over as int32. Dtypes are
        those that `f` gives; results are on the device of the first argument. Complex gradients
        follow pluggrad, whose convention is the conjugate of JAX's. NumPy's arrays and torch's on
        the CPU are handed over without a copy where JAX allows that, and results are copied, since
        JAX's arrays cannot be written.

    Raises
    ------
    TypeError
        When called: arrays of several libraries are mixed, or the caller's library lacks the dtype
        of a result.
    NotImplementedError
        When called with lazy arrays, or with arrays of another library while JAX traces.

    >>> import jax, jax.numpy as jnp, numpy as np, pluggrad as pg
    >>> f = pg.interop.jax.call(jax.jit(lambda x: jnp.sum(jnp.sin(x) ** 2)))
    >>> x = pg.Variable(np.asarray([0.0, np.pi / 4]), requires_grad=True)
    >>> f(x).backward()
    >>> x.grad.data.round(3)
    array([0., 1.])
    """
    return calling(f, _Jax(f))


class _Jax(Framework):
    """JAX, to `calling`."""

    name = "jax"

    def __init__(self, f: Any) -> None:
        #: Of a jitted function, which takes NumPy's arrays, too.
        self.pairs = Pairs() if isinstance(f, type(_entered)) else None

    def program(self, run: TreeCall) -> JaxProgram:
        """A program, in 64 bits where an argument has them."""
        wide = False
        for x in run.arrays:
            wide = wide or name_of(x.dtype) in _WIDE
        return JaxProgram(run, wide, self.pairs)

    def enter(self, x: Any, backend: Backend) -> Any:
        """By DLPack, or from NumPy's buffer."""
        host: Any = None
        if backend.name == "numpy":
            host = np.asarray(x)
        elif getattr(x, "nbytes", _SMALL) < _SMALL:
            with suppress(TypeError, RuntimeError, AttributeError):
                host = x.numpy()  # quicker than DLPack, which torch has, too
        if host is None:
            try:
                return jax.dlpack.from_dlpack(x)
            except (TypeError, BufferError, RuntimeError, AttributeError, ValueError):
                host = np.asarray(x.cpu() if hasattr(x, "cpu") else x)
        if self.pairs is not None and host.dtype.kind == "f":
            return host
        made = _entered(host)
        if made.dtype != host.dtype and host.dtype.kind in "iu" and host.size:
            info = jnp.iinfo(made.dtype)
            if host.max() > info.max or host.min() < info.min:
                raise OutOfRangeError(
                    f"interop.jax.call: JAX computes with 32 bits here, and an argument of "
                    f"{host.dtype} holds larger integers. Set JAX_ENABLE_X64=1"
                )
        return made

    def leave(self, y: Any, backend: Backend, device: Any) -> Any:
        """A copy, which the caller may write."""
        if isinstance(y, jax.core.Tracer):
            raise UnsupportedError(
                f"interop.jax.call: JAX traces, and cannot hand its arrays to {backend.name}. Use "
                "arrays of JAX"
            )
        host = np.array(y)
        if backend.name == "numpy":
            return host
        return made_by(backend, host, device, "interop.jax.call")


#: NumPy's arrays as JAX's: a third of the time of `jnp.asarray`.
_entered: Any = jax.jit(lambda x: x)
_WIDE = ("float64", "complex128")
#: Bytes of an array that is copied in less time than DLPack takes.
_SMALL = 1 << 16


class JaxProgram(ForeignProgram):
    """A function of a list of JAX arrays, by JAX's own transforms; with `wide`, in 64 bits. With
    `pairs`, `run` is the call of a jitted function."""

    def __init__(
        self, run: Callable[[list[Any]], list[Any]], wide: bool, pairs: Pairs | None = None
    ) -> None:
        super().__init__(run)
        self.wide, self.pairs = wide, pairs

    def block(self) -> Any:
        """A block in which JAX computes with 64 bits, if the program does."""
        return enable_x64(True) if self.wide else nullcontext()

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results."""
        with self.block():
            return self.run(arrays)

    def linearized(
        self, arrays: list[Any], needs: Sequence[int]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]]]:
        """By `jax.vjp`, compiled if `run` is."""
        if self.pairs is not None and isinstance(self.run, TreeCall):
            with self.block():
                found = self.pairs.linearized(self.run, arrays, tuple(needs))
            if found is not None:
                outputs, smooth, pull_back = found

                def pulled_back(gs: list[Any]) -> list[Any]:
                    with self.block():
                        return pull_back(gs)

                return outputs, smooth, pulled_back
        places: list[int] = []
        with self.block():
            ys, pull, rest = jax.vjp(
                self._of(arrays, needs, places), *[arrays[n] for n in needs], has_aux=True
            )
        outputs = merged(ys, rest, places)

        def pulled(gs: list[Any]) -> list[Any]:
            with self.block():
                seeds = [jnp.zeros_like(outputs[k]) if gs[k] is None else conjugate(gs[k])
                         for k in places]  # fmt: skip
                return [conjugate(g) for g in pull(tuple(seeds))]

        return outputs, [k in places for k in range(len(outputs))], pulled

    def _of(
        self, arrays: Sequence[Any], needs: Sequence[int], places: list[int]
    ) -> Callable[..., Any]:
        """`run` as a function of the arrays in `needs` alone. It returns the results that can have
        a derivative, whose numbers it puts into `places`, and apart from them the others."""

        def fun(*primals: Any) -> Any:
            given = list(arrays)
            for place, x in zip(needs, primals, strict=True):
                given[place] = x
            ys = self.run(given)
            places[:] = [k for k, y in enumerate(ys) if inexact(y)]
            return tuple([ys[k] for k in places]), [y for y in ys if not inexact(y)]

        return fun

    def derived(self, run: Callable[[list[Any]], list[Any]]) -> JaxProgram:
        """Another program of the same precision."""
        return JaxProgram(run, self.wide)

    def pullback(self, count: int, needs: Sequence[int], given: Sequence[int]) -> JaxProgram:
        """By `jax.vjp`."""

        def run(values: list[Any]) -> list[Any]:
            xs, places = values[:count], list[int]()
            ys, pull, _ = jax.vjp(
                self._of(xs, needs, places), *[xs[n] for n in needs], has_aux=True
            )
            known = dict(zip(given, values[count:], strict=True))
            seeds = [conjugate(known[k]) if k in known else jnp.zeros_like(y)
                     for k, y in zip(places, ys, strict=True)]  # fmt: skip
            return [conjugate(g) for g in pull(tuple(seeds))]

        return self.derived(run)

    def pushforward(self, count: int, needs: Sequence[int], smooth: list[int]) -> JaxProgram:
        """By `jax.jvp`; where `f` has no derivative in that mode, as with ``jax.custom_vjp``, the
        pullback is transposed."""

        def run(values: list[Any]) -> list[Any]:
            xs, ts = values[:count], tuple(values[count:])
            primals = tuple([xs[n] for n in needs])
            fun = self._of(xs, needs, smooth)
            try:
                ys, moved, rest = jax.jvp(fun, primals, ts, has_aux=True)
            except TypeError as error:
                if "custom_vjp" not in str(error):
                    raise
                ys, pull, rest = jax.vjp(fun, *primals, has_aux=True)
                (moved,) = jax.linear_transpose(pull, ys)(ts)
            return [*merged(ys, rest, smooth), *moved]

        return self.derived(run)

    def mapped(self, axes: Sequence[int | None], size: int, randomness: str) -> JaxProgram:
        """By `jax.vmap`; one call per element where that fails, as for functions that look at
        values."""

        def run(values: list[Any]) -> list[Any]:
            try:
                return list(jax.vmap(lambda *xs: self.run(list(xs)), tuple(axes))(*values))
            except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
                if not size:
                    raise
                return one_by_one(self.run, axes, size, jnp.stack)(values)

        return self.derived(run)
