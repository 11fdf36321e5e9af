"""`scipy.fft` with derivatives. SciPy's own functions come here, too: ``scipy.fft.dct(v)`` of a
Variable (see `tools.compilers`).

A cosine or sine transform is a matrix of cosines or sines, with some of its rows and columns
scaled. Types 2 and 3 are transposes of each other up to these scales, and types 1 and 4 of
themselves. So each adjoint is another transform in SciPy's compiled code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import axes_of, axis_of, whole
from ..engine.batch import BatchedCall
from ..engine.cotangents import is_complex
from ..errors import InvalidArgumentError
from ..rules.fft import resized
from ..rules.kinds import linear
from ..rules.manipulation import arange
from .rows import falling_through, host, public, refuse_away

__all__ = [
    "dct", "dctn", "dst", "dstn", "fft", "fft2", "fftn", "fftshift", "hfft", "idct", "idctn",
    "idst", "idstn", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft", "irfft", "irfft2", "irfftn",
    "rfft", "rfft2", "rfftn",
]  # fmt: skip

_ROOT2 = math.sqrt(2.0)

# ---------------------------------------------------------------- cosine and sine transforms: rows


def _ends(x: Any, axis: int, first: float = 1.0, last: float = 1.0) -> Any:
    """`x` with its first and last elements along `axis` multiplied by these numbers."""
    backend = backend_of(x)
    assert backend is not None
    n = x.shape[axis]
    if n == 1 and first != 1.0 != last:
        return x * (first * last)
    raw, k = backend.raw, arange(n, x)
    dtype = (xp.real(x) if is_complex(x) else x).dtype
    at_first, at_last = raw("astype")(k == 0, dtype), raw("astype")(k == n - 1, dtype)
    weight = 1.0 + (first - 1.0) * at_first + (last - 1.0) * at_last
    weight = raw("reshape")(weight, (-1,) + (1,) * (x.ndim - 1 - axis))
    return x * (backend.namespace.asarray_constant(weight) if is_variable(x) else weight)


def _cosines_adjoint(g: Any, like: Any, type: int, axis: int, norm: Any, orthogonalize: Any) -> Any:
    """The transpose of `dct`. With `orthogonalize`, SciPy scales the ends by √2, of the input, the
    output or both."""
    ortho = norm == "ortho" if orthogonalize is None else orthogonalize

    def plain(x: Any, type: int) -> Any:
        return DCT(x, type=type, axis=axis, norm=norm, orthogonalize=False)

    if type == 1:  # cosines · diag(1, 2, ..., 2, 1)
        inner, outer = (1 / _ROOT2, _ROOT2) if ortho else (1.0, 1.0)
        g = _ends(g, axis, 2.0 * inner, 2.0 * inner)
        y = _ends(plain(g, 1), axis, 0.5 * outer, 0.5 * outer)
    elif type == 2:
        y = plain(_ends(g, axis, 2 / _ROOT2 if ortho else 2.0), 3)
    elif type == 3:
        y = _ends(plain(g, 2), axis, _ROOT2 / 2 if ortho else 0.5)
    else:
        y = plain(g, 4)
    return resized(y, like, (axis,))


def _sines_adjoint(g: Any, like: Any, type: int, axis: int, norm: Any, orthogonalize: Any) -> Any:
    """The transpose of `dst`, as that of `dct`."""
    ortho = norm == "ortho" if orthogonalize is None else orthogonalize

    def plain(x: Any, type: int) -> Any:
        return DST(x, type=type, axis=axis, norm=norm, orthogonalize=False)

    if type == 2:
        y = plain(_ends(g, axis, last=2 / _ROOT2 if ortho else 2.0), 3)
    elif type == 3:
        y = _ends(plain(g, 2), axis, last=_ROOT2 / 2 if ortho else 0.5)
    else:
        y = plain(g, type)
    return resized(y, like, (axis,))


def _transformed(args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    """The shape and dtype of a transform of length `n` along `axis`."""
    x, n = args[0], kwargs.get("n")
    shape = list(x.shape)
    if n is not None:
        shape[kwargs["axis"]] = n
    return tuple(shape), x.dtype


def _along(op: BatchedCall) -> Any:
    """Batching rule: the axes behind that of the batch count one more."""
    return op(op.args[0], **{**op.kwargs, "axis": op.get("axis") + 1})


_ARGUMENTS = "(x, /, *, type=2, n=None, axis, norm=None, orthogonalize=None)"
DCT = host(linear(f"scipy.fft.dct{_ARGUMENTS}", _cosines_adjoint, fresh=True), _transformed, _along)
DST = host(linear(f"scipy.fft.dst{_ARGUMENTS}", _sines_adjoint, fresh=True), _transformed, _along)

# ---------------------------------------------------------------- cosine and sine transforms

#: The norm and the type of the inverse transform.
_INVERSE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
_INVERSE_TYPE = {1: 1, 2: 3, 3: 2, 4: 4}


def _one(row: Any, name: str, inverse: bool) -> Callable[..., Any]:
    """The public function `name` of one axis."""

    def transform(
        x: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, orthogonalize: Any = None,
    ) -> Any:  # fmt: skip
        x = _checked(x, name, type, norm)
        axis = axis_of(axis, x.ndim, f"scipy.fft.{name}")
        n = None if n is None else whole(n, f"scipy.fft.{name}", "n")
        length = x.shape[axis] if n is None else n
        if length < (2 if (row is DCT and type == 1) else 1):
            raise InvalidArgumentError(f"scipy.fft.{name} of type {type}: {length} is too short")
        kind, norm = (_INVERSE_TYPE[type], _INVERSE[norm or "backward"]) if inverse else (
            type, norm or "backward"
        )  # fmt: skip
        return row(x, type=kind, n=n, axis=axis, norm=norm, orthogonalize=orthogonalize)

    words = f"inverse {_NAMES[row]}" if inverse else _NAMES[row]
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"""The {words} transform along one axis, of SciPy's types 1 to 4.

    The arguments are SciPy's. It is linear in `x`; the adjoint is a transform of the same kind.
    `overwrite_x` and `workers` are hints, and not followed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.fft.{name}.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.fft
    >>> pg.grad(lambda x: pg.scipy.fft.{name}(x, norm="ortho")[0])(np.ones(1))
    array([1.])
    """
    return public("fft", arrays="x")(transform)


def _several(row: Any, name: str, one: Callable[..., Any]) -> Callable[..., Any]:
    """The public function `name` of several axes: `one` along each of them."""

    def transform(
        x: Any, type: int = 2, s: Any = None, axes: Any = None, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, orthogonalize: Any = None,
    ) -> Any:  # fmt: skip
        x = _checked(x, name, type, norm)
        where = f"scipy.fft.{name}"
        lengths = None if s is None else [s] if isinstance(s, int) else list(s)
        if axes is None and lengths is not None:
            axes = tuple(range(x.ndim - len(lengths), x.ndim))
        found = axes_of(axes, x.ndim, where)
        if lengths is not None and len(lengths) != len(found):
            raise InvalidArgumentError(f"{where}: {len(lengths)} lengths for {len(found)} axes")
        for k, axis in enumerate(found):
            n = None if lengths is None else lengths[k]
            x = one(x, type, n, axis, norm, orthogonalize=orthogonalize)
        return x

    words = f"inverse {_NAMES[row]}" if name.startswith("i") else _NAMES[row]
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"""The {words} transform along several axes, by default all of them.

    The arguments are SciPy's; see `{one.__name__}`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.fft.{name}.html
    """
    return public("fft", arrays="x")(transform)


def _checked(x: Any, name: str, type: Any, norm: Any) -> Any:
    """`x` in a floating-point dtype; raises for a `type` or `norm` that SciPy does not have."""
    if type not in _INVERSE_TYPE:
        raise InvalidArgumentError(f"scipy.fft.{name}: type is 1, 2, 3 or 4, not {type!r}")
    if norm is not None and norm not in _INVERSE:
        raise InvalidArgumentError(
            f"scipy.fft.{name}: norm is 'backward', 'ortho' or 'forward', not {norm!r}"
        )
    backend = backend_of(x)
    assert backend is not None
    return x if x.dtype in backend.float_dtypes else x * 1.0


_NAMES = {DCT: "discrete cosine", DST: "discrete sine"}
dct, idct = _one(DCT, "dct", False), _one(DCT, "idct", True)
dst, idst = _one(DST, "dst", False), _one(DST, "idst", True)
dctn, idctn = _several(DCT, "dctn", dct), _several(DCT, "idctn", idct)
dstn, idstn = _several(DST, "dstn", dst), _several(DST, "idstn", idst)

# ---------------------------------------------------------------- Fourier transforms


def _fourier(name: str) -> Callable[..., Any]:
    """The public function `name`, a Fourier transform: that of `pluggrad.fft`, with SciPy's
    arguments."""
    one = name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    both = name.endswith("2")
    if one:

        def transform(
            x: Any, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False,
            workers: Any = None, *, plan: Any = None,
        ) -> Any:  # fmt: skip
            refuse_away(f"fft.{name}", plan=(plan, None))
            return getattr(xp.fft, name)(x, n=n, axis=axis, norm=norm or "backward")
    else:

        def transform(  # type: ignore[misc]
            x: Any, s: Any = None, axes: Any = (-2, -1) if both else None, norm: Any = None,
            overwrite_x: bool = False, workers: Any = None, *, plan: Any = None,
        ) -> Any:  # fmt: skip
            refuse_away(f"fft.{name}", plan=(plan, None))
            function = getattr(xp.fft, f"{name[:-1]}n" if both else name)
            return function(x, s=s, axes=axes, norm=norm or "backward")

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"""As `pluggrad.fft.{name}`, with SciPy's arguments.

    `overwrite_x` and `workers` are hints, and not followed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.fft.{name}.html
    """
    return public("fft", arrays="x")(transform)


fft, ifft, rfft, irfft, hfft, ihfft = map(
    _fourier, ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
)
fft2, ifft2, rfft2, irfft2 = map(_fourier, ["fft2", "ifft2", "rfft2", "irfft2"])
fftn, ifftn, rfftn, irfftn = map(_fourier, ["fftn", "ifftn", "rfftn", "irfftn"])


@public("fft", arrays="x")
def fftshift(x: Any, axes: Any = None) -> Any:
    """As `pluggrad.fft.fftshift`."""
    return xp.fft.fftshift(x, axes=axes)


@public("fft", arrays="x")
def ifftshift(x: Any, axes: Any = None) -> Any:
    """As `pluggrad.fft.ifftshift`."""
    return xp.fft.ifftshift(x, axes=axes)


__getattr__, __dir__ = falling_through("fft", __all__)
