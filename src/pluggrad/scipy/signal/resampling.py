"""Resampling: filters between two rates, and by Fourier transforms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.batch import BatchedCall
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ...functions.operand import as_floats
from ...rules.kinds import bilinear
from ..arguments import constant
from ..rows import host, looped, public, scipy_module
from .common import array, constants, count_of, extended, floats, part
from .filters import LAGS

__all__ = ["resample", "resample_poly", "upfirdn"]

# ---------------------------------------------------------------- the row


def _by_h(g: Any, h: Any, x: Any, up: int, down: int, start: int, length: int, axis: int) -> Any:
    """The lags between `g` and `x`, both with zeros in between, as at the rate of `h`."""
    first = max(-start, 0)  # earlier elements are 0
    g = part(g, axis, first, length)
    total = max((start + length - 1) * down, (x.shape[axis] - 1) * up) + 1
    g = _stuffed(g, down, (start + first) * down, total, axis)
    return LAGS(g, _stuffed(x, up, 0, total, axis), count=h.shape[0], axis=axis)


def _stuffed(x: Any, step: int, start: int, total: int, axis: int) -> Any:
    """Zeros, `total` along `axis`, with the elements of `x` at every `step` of them from `start`
    on."""
    n = x.shape[axis]
    if step > 1:
        x = extended(xp.expand_dims(x, axis=axis + 1), 0, step - 1, axis + 1, "value")
        x = xp.reshape(x, (*x.shape[:axis], n * step, *x.shape[axis + 2 :]))
    x = part(x, axis, 0, max(min(n * step, total - start), 0))
    return extended(x, start, total - start - x.shape[axis], axis, "value")


def _by_x(g: Any, h: Any, like2: Any, up: int, down: int, start: int, axis: int) -> Any:
    """The rates change places, and `h` runs backwards, with zeros so that the samples fit."""
    shape = like2[0] if type(like2) is tuple else like2.shape
    last = h.shape[0] - 1 - start * down
    more = -last % up
    h = xp.flip(extended(h, 0, more, 0, "value"))
    return UPFIRDN(h, g, up=down, down=up, start=(last + more) // up, length=shape[axis], axis=axis)


def _along(op: BatchedCall) -> Any:
    """Batching rule, of a filter that all of the batch share."""
    if op.on[0]:
        return looped(op)
    return op(*op.args, **{**op.kwargs, "axis": op.get("axis") + 1})


def _sizes(args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    shape = list(args[1].shape)
    shape[kwargs["axis"]] = kwargs["length"]
    return tuple(shape), args[1].dtype


#: ``sum(h[(start + n) * down - m * up] * x[m] for m in ...)``, for n from 0 up to `length`.
UPFIRDN = host(
    bilinear("scipy.signal.upfirdn_at(h, x, /, *, up, down, start, length, axis)", _by_h, _by_x),
    _sizes, _along,
)  # fmt: skip

# ---------------------------------------------------------------- upfirdn

#: How SciPy's modes extend a signal.
_MODES = {"constant": "value", "symmetric": "symmetric", "reflect": "even", "edge": "nearest",
          "wrap": "wrap"}  # fmt: skip


def _filtered(
    h: Any, x: Any, up: int, down: int, start: int, length: int, axis: int, mode: Any, cval: Any,
    where: str,
) -> Any:  # fmt: skip
    """`length` samples of the filtered `x`, from `start` on."""
    if mode not in _MODES:
        raise UnsupportedError(
            f"scipy.signal.{where}: the mode {mode!r} is not supported; 'constant', 'symmetric', "
            "'reflect', 'edge' and 'wrap' are"
        )
    kind = _MODES[mode]
    if kind != "value" or not isinstance(cval, (int, float)) or cval != 0:
        # So many that each sample finds all it needs, and that samples stay where they are.
        more = -(-h.shape[0] // up) + down
        more += -more % down
        x = extended(x, more, more, axis, kind, cval)
        start += more * up // down
    return UPFIRDN(h, x, up=up, down=down, start=start, length=length, axis=axis)


def _output_length(taps: int, n: int, up: int, down: int) -> int:
    return ((n - 1) * up + taps - 1) // down + 1 if n else 0


def _rate(value: Any, where: str, what: str) -> int:
    rate = count_of(value, where, what)
    if rate < 1:
        raise InvalidArgumentError(f"scipy.signal.{where}: {what} is at least 1, not {rate}")
    return rate


def _signal(x: Any, axis: Any, where: str, like: Any) -> tuple[Any, int]:
    x = array(x, where, "x", like)
    if not x.ndim:
        raise InvalidArgumentError(f"scipy.signal.{where}: x has one axis at least")
    return x, axis_of(axis, x.ndim, f"scipy.signal.{where}")


@public("signal", arrays="h x")
def upfirdn(
    h: Any, x: Any, up: int = 1, down: int = 1, axis: int = -1, mode: str = "constant",
    cval: Any = 0,
) -> Any:  # fmt: skip
    """Insert zeros into `x`, convolve it with `h`, and leave samples out.

    The arguments are SciPy's, with the modes 'constant', 'symmetric', 'reflect', 'edge' and 'wrap'.
    It is linear in `h` and in `x`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.upfirdn.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> x = np.asarray([1.0, 2.0, 3.0])
    >>> pg.grad(lambda h: pg.scipy.signal.upfirdn(h, x, 2)[2])(np.ones(3)).tolist()
    [2.0, 0.0, 1.0]
    """
    first = next((c for c in (x, h) if hasattr(c, "dtype")), None)
    h = array(h, "upfirdn", "h", first)
    if h.ndim != 1 or not h.shape[0]:
        raise InvalidArgumentError("scipy.signal.upfirdn: h is a vector that is not empty")
    x, axis = _signal(x, axis, "upfirdn", first)
    up, down = _rate(up, "upfirdn", "up"), _rate(down, "upfirdn", "down")
    h, x = floats(h, x)
    length = _output_length(h.shape[0], x.shape[axis], up, down)
    if not length:
        return x
    return _filtered(h, x, up, down, 0, length, axis, mode, cval, "upfirdn")


@public("signal", arrays="x")
def resample_poly(
    x: Any, up: int, down: int, axis: int = 0, window: Any = ("kaiser", 5.0),
    padtype: str = "constant", cval: Any = None,
) -> Any:  # fmt: skip
    """Resample `x` along `axis` by the rate up / down, with a filter against aliases.

    The arguments are SciPy's, with the paddings 'constant', 'symmetric', 'reflect', 'edge', 'wrap',
    'mean', 'median', 'maximum' and 'minimum'. It is differentiable by `x`, and by `window` if that
    holds the coefficients of the filter.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.resample_poly.html
    """
    where = "resample_poly"
    x, axis = _signal(x, axis, where, None)
    up, down = _rate(up, where, "up"), _rate(down, where, "down")
    if cval is not None and padtype != "constant":
        raise InvalidArgumentError(f"scipy.signal.{where}: cval goes with padtype='constant' only")
    background = _background(x, axis, padtype)
    if background is None and padtype not in _MODES:
        raise UnsupportedError(
            f"scipy.signal.{where}: padtype={padtype!r} is not supported; 'constant', 'symmetric', "
            "'reflect', 'edge', 'wrap', 'mean', 'median', 'maximum' and 'minimum' are"
        )
    common = math.gcd(up, down)
    up, down = up // common, down // common
    if up == down == 1:
        return xp.copy(x)
    n = x.shape[axis]
    if isinstance(window, list) or hasattr(window, "shape"):
        h = array(window, where, "window", x)
        if h.ndim != 1 or not h.shape[0]:
            raise InvalidArgumentError(f"scipy.signal.{where}: window is a vector")
        half = (h.shape[0] - 1) // 2
    else:
        half = 10 * max(up, down)
        found = scipy_module("signal").firwin(2 * half + 1, 1.0 / max(up, down), window=window)
        h = constants(np.asarray(found), as_floats(x))
    h, x = floats(h * up, x if background is None else x - background)
    before = down - half % down
    h = extended(h, before, 0, 0, "value")
    length = -(-n * up // down)
    start = (half + before) // down
    mode, cval = ("constant", 0) if background is not None else (padtype, cval or 0)
    y = _filtered(h, x, up, down, start, length, axis, mode, cval, where)
    return y if background is None else y + background


def _background(x: Any, axis: int, padtype: Any) -> Any:
    """What is subtracted before and added after, for the paddings that are statistics."""
    names = {"mean": xp.mean, "median": xp.median, "minimum": xp.min, "maximum": xp.max}
    if padtype not in names:
        return None
    return names[padtype](as_floats(x), axis=axis, keepdims=True)


# ---------------------------------------------------------------- by Fourier transforms


@public("signal", arrays="x")
def resample(
    x: Any, num: int, t: Any = None, axis: int = 0, window: Any = None, domain: str = "time"
) -> Any:
    """Resample `x` along `axis` to `num` samples by a Fourier transform.

    The arguments are SciPy's. It is linear in `x`. With `t`, the places of the samples, the new
    places are returned, too.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.resample.html
    """
    where = "scipy.signal.resample"
    if domain not in ("time", "freq"):
        raise InvalidArgumentError(f"{where}: domain is 'time' or 'freq', not {domain!r}")
    x = array(x, "resample", "x")
    axis = axis_of(axis, x.ndim, where) if x.ndim > 1 else 0
    num = _rate(num, "resample", "num")
    if not x.ndim or not x.shape[axis]:
        raise InvalidArgumentError(f"{where}: x is not empty, and has one axis at least")
    x = xp.moveaxis(as_floats(x), axis, -1)
    n = x.shape[-1]
    weights = _weights(window, n, x)
    if domain == "time" and not is_complex(x):
        y = _real(x, n, num, weights)
    else:
        y = _complex(xp.fft.fft(x) if domain == "time" else x, n, num, weights)
    y = xp.moveaxis(y, -1, axis)
    if t is None:
        return y
    t = array(t, "resample", "t", x)
    steps = constants(np.arange(num) * (n / num), as_floats(t))
    return y, t[0] + (t[1] - t[0]) * steps


def _weights(window: Any, n: int, x: Any) -> Any:
    """The window in the order of the frequencies, as an array beside `x`."""
    if window is None:
        return None
    if callable(window):
        window = window(np.fft.fftfreq(n))
    elif not hasattr(window, "shape"):
        window = np.fft.fftshift(scipy_module("signal").get_window(window, n))
    window = window if not isinstance(window, np.ndarray) else constants(window, x)
    if tuple(window.shape) != (n,):
        raise InvalidArgumentError(
            f"scipy.signal.resample: the window has the shape {(n,)}, not {tuple(window.shape)}"
        )
    return window


def _real(x: Any, n: int, num: int, weights: Any) -> Any:
    X = xp.fft.rfft(x)
    kept = X.shape[-1]
    if weights is not None and kept > 1:
        inner = (weights[1:kept] + xp.flip(weights[n - kept + 1 :])) / 2
        weights = xp.concat([weights[:1], inner])
    if weights is not None:
        X = X * weights[:kept]
    m = min(num, n)
    scale = np.full(m // 2 + 1, num / n)
    if m % 2 == 0 and num != n:
        scale[-1] *= 2.0 if num < n else 0.5
    X = X[..., : m // 2 + 1] * constants(scale, x)
    return xp.fft.irfft(X, n=num)


def _complex(X: Any, n: int, num: int, weights: Any) -> Any:
    if weights is not None:
        X = X * weights
    m, scale = min(num, n), num / n
    if not is_complex(X):
        raise TypeMismatchError("scipy.signal.resample: with domain='freq', x is complex")
    half = m // 2
    first, last = X[..., : half + 1], X[..., n - (m - half - 1) :]
    if m % 2 == 0 and num != n:
        one = first[..., half:]
        if num < n:
            one = one + X[..., n - half : n - half + 1]
        else:
            one = one / 2
            last = xp.concat([one, last], axis=-1)
        first = xp.concat([first[..., :half], one], axis=-1)
    gap = num - first.shape[-1] - last.shape[-1]
    zeros = constant("zeros", (*X.shape[:-1], gap), beside=X, dtype=X.dtype)
    return xp.fft.ifft(xp.concat([first, zeros, last], axis=-1) * scale)
