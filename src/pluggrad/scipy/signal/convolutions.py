"""Convolutions and correlations.

A convolution is linear in each of its two arguments, and the adjoint by one of them is another
convolution: of the cotangent with the other one, backwards.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axes_of
from ...engine.batch import BatchedCall
from ...engine.cotangents import conjugate, is_complex
from ...errors import InvalidArgumentError, TypeMismatchError
from ...functions.operand import as_floats
from ...rules.kinds import bilinear
from ..arguments import constant
from ..rows import host, looped, public, scipy_module
from .common import array, backend_for, extended, promoted

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "oaconvolve"]

MODES = ("full", "same", "valid")

# ---------------------------------------------------------------- the row


def _by_first(g: Any, x2: Any, mode: str) -> Any:
    return CONVOLVE(g, xp.flip(x2), mode="valid" if mode == "full" else "full")


def _by_second(g: Any, x1: Any, mode: str) -> Any:
    if mode == "full":
        return CONVOLVE(g, xp.flip(x1), mode="valid")
    return xp.flip(CONVOLVE(x1, xp.flip(g), mode="valid"))


def _sizes(args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    x1, x2 = args
    full = kwargs["mode"] == "full"
    shape = [m + n - 1 if full else m - n + 1 for m, n in zip(x1.shape, x2.shape, strict=True)]
    return tuple(shape), x1.dtype


def _batches(op: BatchedCall) -> Any:
    """Batching rule: an array that all of the batch share gets an axis of length 1 instead."""
    if all(op.on) or (op.on[1] and op.get("mode") == "valid"):
        return looped(op)
    args = [
        x if on else xp.expand_dims(x, axis=0) for x, on in zip(op.args, op.on, strict=True)
    ]  # fmt: skip
    return op(*args, **op.kwargs)


#: The convolution of two arrays of one dtype and as many axes. With ``mode="valid"`` the second is
#: nowhere longer than the first.
CONVOLVE = host(
    bilinear("scipy.signal.convolve_direct(x1, x2, /, *, mode)", _by_first, _by_second),
    _sizes, _batches,
)  # fmt: skip

# ---------------------------------------------------------------- arguments


def _two(in1: Any, in2: Any, where: str) -> tuple[Any, Any]:
    """Both arguments as arrays of as many axes."""
    x1, x2 = array(in1, where, "in1", in2), array(in2, where, "in2", in1)
    if x1.ndim != x2.ndim:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: both arrays have the same number of axes, not {x1.ndim} and "
            f"{x2.ndim}"
        )
    return x1, x2


def _check_mode(mode: Any, where: str) -> None:
    if not isinstance(mode, str) or mode not in MODES:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: mode is 'full', 'same' or 'valid', not {mode!r}"
        )


def _swaps(x1: Any, x2: Any, mode: str, where: str, axes: Any = None) -> bool:
    """Whether the arrays change places: with mode 'valid' the first is the longer one."""
    if mode != "valid":
        return False
    axes = range(x1.ndim) if axes is None else axes
    if all([x1.shape[n] >= x2.shape[n] for n in axes]):
        return False
    if all([x2.shape[n] >= x1.shape[n] for n in axes]):
        return True
    raise InvalidArgumentError(
        f"scipy.signal.{where}: with mode='valid' one array is at least as long as the other along "
        f"every axis, and the shapes are {tuple(x1.shape)} and {tuple(x2.shape)}"
    )


def _centre(y: Any, shape: Any, *, later: bool = False) -> Any:
    """The middle of `y`, of that shape; of two middles the one before, or the `later` one."""
    key = []
    for n, m in zip(y.shape, shape, strict=True):
        start = (n - m + later) // 2
        key.append(slice(start, start + m))
    return y[tuple(key)]


# ---------------------------------------------------------------- any number of axes


@public("signal", arrays="in1 in2")
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution of two arrays by Fourier transforms, along all axes or those in `axes`.

    The arguments are SciPy's. It is differentiable by both arrays, and computed by the library of
    the arrays itself.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.fftconvolve.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> x, h = np.asarray([1.0, 2.0, 3.0]), np.asarray([1.0, 1.0])
    >>> pg.grad(lambda h: pg.scipy.signal.fftconvolve(x, h)[1])(h).round(9).tolist()
    [2.0, 1.0]
    """
    return _by_fft(in1, in2, mode, axes, "fftconvolve")


@public("signal", arrays="in1 in2")
def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The same as `fftconvolve`. (SciPy's cuts the longer array into blocks, for speed.)

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.oaconvolve.html
    """
    return _by_fft(in1, in2, mode, axes, "oaconvolve")


def _by_fft(in1: Any, in2: Any, mode: Any, axes: Any, where: str) -> Any:
    x1, x2 = _two(in1, in2, where)
    if not x1.ndim:
        return x1 * x2
    if 0 in x1.shape or 0 in x2.shape:
        return constant("zeros", (0,), beside=x1)
    found = axes_of(axes, x1.ndim, f"scipy.signal.{where}")
    if axes is not None and not found:
        raise InvalidArgumentError(f"scipy.signal.{where}: axes names one axis at least")
    _check_mode(mode, where)
    lengths = zip(x1.shape, x2.shape, strict=True)
    for n, (m1, m2) in enumerate(lengths):
        if n not in found and m1 != m2 and m1 != 1 != m2:
            raise InvalidArgumentError(
                f"scipy.signal.{where}: shapes {tuple(x1.shape)} and {tuple(x2.shape)} do not fit "
                f"along axis {n}"
            )
    along = tuple([n for n in found if x1.shape[n] != 1 and x2.shape[n] != 1])
    if _swaps(x1, x2, mode, where, along):
        x1, x2 = x2, x1
    y = _product(x1, x2, along)
    if mode == "same":
        return _centre(y, x1.shape)
    if mode == "valid":
        return _centre(
            y,
            [x1.shape[n] - x2.shape[n] + 1 if n in along else m for n, m in enumerate(y.shape)],
        )
    return y


def _product(x1: Any, x2: Any, axes: tuple[int, ...]) -> Any:
    """All of the convolution along `axes`."""
    if not axes:
        return x1 * x2
    x1, x2 = promoted(as_floats(x1), as_floats(x2))
    real = not is_complex(x1)
    lengths = [x1.shape[n] + x2.shape[n] - 1 for n in axes]
    faster = scipy_module("fft").next_fast_len
    s = tuple([int(faster(n, real)) for n in lengths])
    ahead, back = (xp.fft.rfftn, xp.fft.irfftn) if real else (xp.fft.fftn, xp.fft.ifftn)
    y = back(ahead(x1, s=s, axes=axes) * ahead(x2, s=s, axes=axes), s=s, axes=axes)
    key = [slice(None)] * y.ndim
    for n, length in zip(axes, lengths, strict=True):
        key[n] = slice(0, length)
    return y[tuple(key)]


@public("signal", arrays="in1 in2")
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The convolution of two arrays of any number of axes.

    The arguments are SciPy's. It is differentiable by both arrays. With ``method="auto"`` SciPy
    chooses between 'direct' and 'fft' for NumPy arrays; other libraries use 'fft' for floats, which
    they compute themselves.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.convolve.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> x, h = np.asarray([1.0, 2.0, 3.0]), np.asarray([1.0, 1.0])
    >>> pg.grad(lambda h: pg.scipy.signal.convolve(x, h)[1])(h).tolist()
    [2.0, 1.0]
    """
    return _convolved(*_two(in1, in2, "convolve"), mode, method, "convolve")


@public("signal", arrays="in1 in2")
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The cross-correlation of two arrays.

    It is the convolution of `in1` with the conjugate of `in2`, backwards.

    The arguments are SciPy's. It is differentiable by both arrays; see `convolve`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.correlate.html
    """
    x1, x2 = _two(in1, in2, "correlate")
    x2 = conjugate(x2)
    return _convolved(x1, xp.flip(x2) if x2.ndim else x2, mode, method, "correlate")


def _convolved(x1: Any, x2: Any, mode: Any, method: Any, where: str) -> Any:
    if not x1.ndim:
        return x1 * x2
    _check_mode(mode, where)
    if method not in ("auto", "direct", "fft"):
        raise InvalidArgumentError(
            f"scipy.signal.{where}: method is 'auto', 'direct' or 'fft', not {method!r}"
        )
    if 0 in x1.shape or 0 in x2.shape:
        raise InvalidArgumentError(f"scipy.signal.{where} takes arrays that are not empty")
    if _swaps(x1, x2, mode, where):
        x1, x2 = x2, x1
    x1, x2 = promoted(x1, x2)
    exact = x1.dtype not in backend_for(x1).float_dtypes
    if method == "auto":
        method = "direct" if exact else _faster(x1, x2, mode)
    if method == "direct" or exact:
        return _direct(x1, x2, mode)
    return _by_fft(x1, x2, mode, None, where)


def _faster(x1: Any, x2: Any, mode: str) -> str:
    """The method that SciPy chooses for arrays of these shapes."""
    backend = backend_for(x1)
    if backend.name != "numpy":
        return "fft"
    one = np.zeros((), x1.dtype)
    shapes = [np.broadcast_to(one, tuple(x.shape)) for x in (x1, x2)]
    return str(scipy_module("signal").choose_conv_method(*shapes, mode=mode))


def _direct(x1: Any, x2: Any, mode: str) -> Any:
    if mode == "same":
        return _centre(CONVOLVE(x1, x2, mode="full"), x1.shape)
    return CONVOLVE(x1, x2, mode=mode)


# ---------------------------------------------------------------- images

_BOUNDARIES = {"fill": "value", "pad": "value", "wrap": "wrap", "circular": "wrap",
               "symm": "symmetric", "symmetric": "symmetric"}  # fmt: skip


@public("signal", arrays="in1 in2")
def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """The convolution of two matrices, with a choice of what lies beyond the edges of the first.

    The arguments are SciPy's. It is differentiable by both matrices and by `fillvalue`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.convolve2d.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> h = np.ones((1, 2))
    >>> pg.grad(lambda x: pg.scipy.signal.convolve2d(x, h)[0, 1])(np.zeros((1, 3))).tolist()
    [[1.0, 1.0, 0.0]]
    """
    where = "convolve2d"
    x1, x2 = _images(in1, in2, where)
    _check_mode(mode, where)
    if _swaps(x1, x2, mode, where):
        x1, x2 = x2, x1
    return _image(x1, x2, mode, boundary, fillvalue, where)


@public("signal", arrays="in1 in2")
def correlate2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """The cross-correlation of two matrices; see `convolve2d`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.correlate2d.html
    """
    where = "correlate2d"
    x1, x2 = _images(in1, in2, where)
    _check_mode(mode, where)
    swaps = _swaps(x1, x2, mode, where)
    if swaps:
        x1, x2 = x2, x1
    y = _image(x1, xp.flip(conjugate(x2)), mode, boundary, fillvalue, where, later=True)
    return xp.flip(y) if swaps else y


def _images(in1: Any, in2: Any, where: str) -> tuple[Any, Any]:
    x1, x2 = _two(in1, in2, where)
    if x1.ndim != 2:
        raise InvalidArgumentError(
            f"scipy.signal.{where} takes two matrices, and arrays of {x1.ndim} axes were given"
        )
    if 0 in x1.shape or 0 in x2.shape:
        raise InvalidArgumentError(f"scipy.signal.{where} takes matrices that are not empty")
    return promoted(x1, x2)


def _image(
    x1: Any, x2: Any, mode: str, boundary: Any, fillvalue: Any, where: str, *, later: bool = False
) -> Any:
    if not isinstance(boundary, str) or boundary not in _BOUNDARIES:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: boundary is 'fill', 'wrap' or 'symm', not {boundary!r}"
        )
    if isinstance(fillvalue, (list, tuple)) or math.prod(getattr(fillvalue, "shape", ())) != 1:
        raise InvalidArgumentError(f"scipy.signal.{where}: fillvalue is one number")
    if isinstance(fillvalue, complex) and not is_complex(x1):
        raise TypeMismatchError(
            f"scipy.signal.{where}: fillvalue is complex, and the images are not"
        )
    if mode == "valid":
        return CONVOLVE(x1, x2, mode="valid")
    kind, shape = _BOUNDARIES[boundary], x1.shape
    if isinstance(fillvalue, float) and x1.dtype not in backend_for(x1).float_dtypes:
        fillvalue = int(fillvalue)
    if kind == "value" and isinstance(fillvalue, (int, float, complex)) and fillvalue == 0:
        y = CONVOLVE(x1, x2, mode="full")
    else:
        for n, m in enumerate(x2.shape):
            x1 = extended(x1, m - 1, m - 1, n, kind, fillvalue)
        y = CONVOLVE(x1, x2, mode="valid")
    return _centre(y, shape, later=later) if mode == "same" else y
