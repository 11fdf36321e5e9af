"""Fourier transforms. Each is linear, and its adjoint is another transform with the other scaling.

The adjoint of the unscaled transform is the unscaled inverse transform. Hence a rule swaps the
norms "backward" and "forward". A real transform keeps half of a Hermitian spectrum: each
coefficient stands for itself and its conjugate, except the first and, for an even length, the last,
which stand alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import axis_of
from ..engine.cotangents import conjugate, is_complex, shape_dtype
from ..engine.lazy_cotangents import scatter
from ..errors import InvalidArgumentError, TypeMismatchError
from .kinds import general, linear
from .manipulation import arange, shape_of

SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward", None: "forward"}


def resized(g: Any, like: Any, axes: tuple[int, ...]) -> Any:
    """The transpose of what a transform does to its input first, along `axes`: pad it with zeros or
    cut it off."""
    shape, dtype = shape_dtype(like)
    backend = backend_of(g)
    assert backend is not None
    if is_complex(g) and dtype in backend.real_dtypes:
        g = xp.real(g)
    padded, cut = [slice(None)] * len(shape), [slice(None)] * len(shape)
    for n in axes:
        if g.shape[n] > shape[n]:
            padded[n] = slice(shape[n])
        elif g.shape[n] < shape[n]:
            cut[n] = slice(g.shape[n])
    if any(part.stop is not None for part in padded):
        g = g[tuple(padded)]
    if any(part.stop is not None for part in cut):
        g = scatter(g, tuple(cut), (shape, g.dtype))
    return g


def several(g: Any, s: Any, axes: Any) -> tuple[int, ...]:
    """The axes of an n-dimensional transform, none of them negative."""
    if axes is not None:
        return tuple([n % g.ndim for n in axes])
    s = (s,) if isinstance(s, int) else s
    return tuple(range(g.ndim))[0 if s is None else g.ndim - len(s) :]


def inner(g: Any, length: int, axis: int, factor: float) -> Any:
    """`g`, half of a spectrum of `length`, with all coefficients but those that stand alone
    multiplied by `factor`."""
    backend = backend_of(g)
    assert backend is not None
    raw, k = backend.raw, arange(g.shape[axis], g)
    dtype = (xp.real(g) if is_complex(g) else g).dtype
    ends = raw("astype")((k == 0) | (2 * k == length), dtype)
    weight = factor + (1.0 - factor) * ends
    weight = raw("reshape")(weight, (-1,) + (1,) * (g.ndim - 1 - axis % g.ndim))
    return g * (backend.namespace.asarray_constant(weight) if is_variable(g) else weight)


def fft(g: Any, like: Any, axis: int, norm: Any) -> Any:
    """g_x = ifft(g), unscaled where `fft` is."""
    return resized(xp.fft.ifft(g, axis=axis, norm=SWAPPED[norm]), like, (axis,))


def ifft(g: Any, like: Any, axis: int, norm: Any) -> Any:
    """g_x = fft(g), scaled where `ifft` is."""
    return resized(xp.fft.fft(g, axis=axis, norm=SWAPPED[norm]), like, (axis,))


def fftn(g: Any, like: Any, s: Any, axes: Any, norm: Any) -> Any:
    """g_x = ifftn(g), unscaled where `fftn` is."""
    axes = several(g, s, axes)
    g = xp.fft.ifftn(g, axes=axes, norm=SWAPPED[norm]) if axes else xp.copy(g)
    return resized(g, like, axes)


def ifftn(g: Any, like: Any, s: Any, axes: Any, norm: Any) -> Any:
    """g_x = fftn(g), scaled where `ifftn` is."""
    axes = several(g, s, axes)
    g = xp.fft.fftn(g, axes=axes, norm=SWAPPED[norm]) if axes else xp.copy(g)
    return resized(g, like, axes)


def rfft(g: Any, like: Any, n: Any, axis: int, norm: Any) -> Any:
    """g_x = irfft(g), where coefficients that stand for two are halved first."""
    n = shape_of(like)[axis] if n is None or n < 0 else n
    x = xp.fft.irfft(inner(g, n, axis, 0.5), n=n, axis=axis, norm=SWAPPED[norm])
    return resized(x, like, (axis,))


def irfft(g: Any, like: Any, axis: int, norm: Any) -> Any:
    """g_x = rfft(g), where coefficients that stand for two are doubled after."""
    x = xp.fft.rfft(g, axis=axis, norm=SWAPPED[norm])
    return resized(inner(x, g.shape[axis], axis, 2.0), like, (axis,))


def rfftn(g: Any, like: Any, s: Any, axes: Any, norm: Any) -> Any:
    """g_x = irfft(ifftn(g)), as in `rfft`, one axis after the other: libraries require of `irfftn`
    that the whole of `g` is Hermitian."""
    *others, last = axes = several(g, s, axes)
    s = (s,) if isinstance(s, int) else s
    n = s[-1] if s and s[-1] >= 0 else shape_of(like)[last]
    if others:
        g = xp.fft.ifftn(g, axes=tuple(others), norm=SWAPPED[norm])
    x = xp.fft.irfft(inner(g, n, last, 0.5), n=n, axis=last, norm=SWAPPED[norm])
    return resized(x, like, axes)


def irfftn(g: Any, like: Any, s: Any, axes: Any, norm: Any) -> Any:
    """g_x = rfftn(g), where coefficients that stand for two are doubled after."""
    axes = several(g, s, axes)
    x = xp.fft.rfftn(g, axes=axes, norm=SWAPPED[norm])
    return resized(inner(x, g.shape[axes[-1]], axes[-1], 2.0), like, axes)


def hfft(g: Any, like: Any, axis: int, norm: Any) -> Any:
    """The conjugate of the cotangent by `irfft`, since hfft(x) is the unscaled irfft(conj(x))."""
    return conjugate_of(irfft(g, like, axis, SWAPPED[norm]))


def ihfft(g: Any, like: Any, n: Any, axis: int, norm: Any) -> Any:
    """The cotangent by `rfft` of conj(g), since ihfft(x) is the conjugate of the scaled rfft(x)."""
    return rfft(conjugate(g), like, n, axis, SWAPPED[norm])


def conjugate_of(g: Any) -> Any:
    """The conjugate of `g`, which may be a `Scatter`."""
    if hasattr(g, "pieces"):
        g.pieces = [(key, conjugate(piece)) for key, piece in g.pieces]
        return g
    return conjugate(g)


def check(name: str) -> Callable[..., None]:
    """A function that raises for arguments of the transform `name` which a library may take for
    something else."""

    def check(args: Any, kwargs: Any) -> None:
        norm = kwargs.get("norm")
        if norm not in SWAPPED:
            raise InvalidArgumentError(
                f"fft.{name}: norm is 'backward', 'ortho' or 'forward', not {norm!r}"
            )
        if not hasattr(args[0], "shape"):  # a list, which the library checks
            return
        ndim, s, axes = len(args[0].shape), kwargs.get("s"), kwargs.get("axes")
        if name[-1] != "n":
            axis_of(kwargs.get("axis", -1), ndim, f"fft.{name}")
            s = (kwargs.get("n"),)
            s = None if s[0] is None else s
        else:
            for what, value in (("s", s), ("axes", axes)):
                if value is not None and not isinstance(value, (tuple, list)):
                    raise TypeMismatchError(
                        f"fft.{name}: {what} is a sequence of integers, not {value!r}"
                    )
            check_axes(name, ndim, s, axes)
        if s is not None and any([n is None or n < (1 if name[-1] != "n" else -1) or n == 0
                                  for n in s]):  # fmt: skip
            raise InvalidArgumentError(
                f"fft.{name}: a length is at least 1, and {s} was given"
                + ("; -1 keeps the length of `x`" if name[-1] == "n" else "")
            )

    return check


def check_axes(name: str, ndim: int, s: Any, axes: Any) -> None:
    """Raise for `axes` that repeat or do not fit to the lengths `s`."""
    if axes is None and s is not None and len(s) > ndim:
        raise InvalidArgumentError(f"fft.{name}: {len(s)} lengths for {ndim} axes")
    if axes is None:
        return
    counted = [axis_of(n, ndim, f"fft.{name}", "axes") for n in axes]
    if len(set(counted)) < len(counted):
        raise InvalidArgumentError(
            f"fft.{name}: axes={tuple(axes)} repeat an axis; transform it a second time by "
            "another call"
        )
    if s is not None and len(s) != len(axes):
        raise InvalidArgumentError(f"fft.{name}: {len(s)} lengths for {len(axes)} axes")
    if not counted and name[0] != "f" and name[:2] != "if":
        raise InvalidArgumentError(f"fft.{name}: there must be an axis at least")


def transform(name: str, arguments: str, adjoint: Callable[..., Any]) -> None:
    """Add the row of one transform. In forward mode, the transform is its own derivative."""
    general(f"fft.{name}(x, /, *, {arguments}, norm='backward')", adjoint, fresh=True, whole="n s",
            check=check(name),
            jvp=lambda t, kwargs: getattr(xp.fft, name)(t, **kwargs))  # fmt: skip


# fmt: off
transform("fft",    "n=None, axis=-1",   fft)
transform("ifft",   "n=None, axis=-1",   ifft)
transform("rfft",   "n=None, axis=-1",   rfft)
transform("irfft",  "n=None, axis=-1",   irfft)
transform("hfft",   "n=None, axis=-1",   hfft)
transform("ihfft",  "n=None, axis=-1",   ihfft)
transform("fftn",   "s=None, axes=None", fftn)
transform("ifftn",  "s=None, axes=None", ifftn)
transform("rfftn",  "s=None, axes=None", rfftn)
transform("irfftn", "s=None, axes=None", irfftn)
linear("fft.fftshift(x, /, *, axes=None)",  lambda g, axes: xp.fft.ifftshift(g, axes=axes))
linear("fft.ifftshift(x, /, *, axes=None)", lambda g, axes: xp.fft.fftshift(g, axes=axes))
# fmt: on
