"""Responses, quotients and other functions that are made of filters and convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, UnsupportedError
from ..arguments import constant
from ..rows import public, refuse_away, scipy_module
from .common import array, constants, count_of, extended, floats, part, promoted
from .convolutions import convolve, correlate
from .filters import lfilter
from .resampling import resample_poly, upfirdn
from .sections import sosfilt, sosfiltfilt

__all__ = ["decimate", "deconvolve", "freqz", "wiener"]


@public("signal", arrays="x")
def decimate(
    x: Any, q: int, n: Any = None, ftype: Any = "iir", axis: int = -1, zero_phase: bool = True
) -> Any:
    """Every `q`-th sample of `x`, after a filter against aliases.

    The arguments are SciPy's, but for filters given as systems, which are refused. It is linear in
    `x`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.decimate.html
    """
    where = "scipy.signal.decimate"
    (x,) = floats(array(x, "decimate", "x"))
    axis, q = axis_of(axis, x.ndim, where), count_of(q, "decimate", "q")
    design = scipy_module("signal")
    real = xp.real(x) if is_complex(x) else x
    if ftype == "fir":
        b = constants(np.asarray(design.firwin((20 * q if n is None else n) + 1, 1.0 / q)), real)
        if zero_phase:
            return resample_poly(x, 1, q, axis=axis, window=b)
        y = upfirdn(b, x, up=1, down=q, axis=axis)
        return part(y, axis, 0, -(-x.shape[axis] // q))
    if ftype != "iir":
        raise UnsupportedError(f"{where}: ftype is 'iir' or 'fir', not {ftype!r}")
    sos = constants(design.cheby1(8 if n is None else n, 0.05, 0.8 / q, output="sos"), real)
    y = (sosfiltfilt if zero_phase else sosfilt)(sos, x, axis=axis)
    return part(y, axis, 0, None, q)


@public("signal", arrays="signal divisor")
def deconvolve(signal: Any, divisor: Any) -> Any:
    """The quotient and the remainder of a signal by what it was convolved with.

    Both are vectors, such as the coefficients of two polynomials. It is differentiable by both.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.deconvolve.html
    """
    first = signal if hasattr(signal, "dtype") else divisor
    num, den = [array(z, "deconvolve", what, first) for z, what in
                ((signal, "signal"), (divisor, "divisor"))]  # fmt: skip
    num, den = floats(num, den)
    if num.ndim > 1 or den.ndim > 1:
        raise InvalidArgumentError("scipy.signal.deconvolve takes vectors")
    n, d = num.shape[0], den.shape[0]
    if d > n:
        return num[:0], num
    impulse = extended(xp.ones_like(num[:1]), 0, n - d, 0, "value")
    quotient = lfilter(num, den, impulse)
    return quotient, num - convolve(den, quotient, mode="full")


@public("signal", arrays="b a worN")
def freqz(
    b: Any, a: Any = 1, worN: Any = 512, whole: bool = False, plot: Any = None,
    fs: float = 2 * math.pi, include_nyquist: bool = False,
) -> Any:  # fmt: skip
    """Frequencies, and the response of the digital filter b / a there.

    The arguments are SciPy's, for vectors `b` and `a`. It is differentiable by these, and by the
    frequencies if they are given as an array.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.freqz.html
    """
    refuse_away("signal.freqz", plot=(plot, None))
    first = next((z for z in (b, a, worN) if hasattr(z, "dtype")), None)
    b, a = floats(array(b, "freqz", "b", first), array(a, "freqz", "a", b))
    b, a = [xp.reshape(z, (-1,)) if not z.ndim else z for z in (b, a)]
    if b.ndim > 1 or a.ndim > 1:
        raise UnsupportedError("scipy.signal.freqz: b and a are vectors")
    if isinstance(worN, (int, type(None))) or getattr(worN, "shape", None) == ():
        n = 512 if worN is None else count_of(worN, "freqz", "worN")
        end = np.linspace(0, 2 * np.pi if whole else np.pi, n,
                          endpoint=include_nyquist and not whole)  # fmt: skip
        w = constants(end, xp.real(b) if is_complex(b) else b)
    else:
        w = array(worN, "freqz", "worN", b) * (2 * math.pi / fs)
        b, w = (b, w) if is_complex(b) else promoted(b, *floats(w))
    taps = max(b.shape[0], a.shape[0])
    angles = xp.expand_dims(w, axis=-1) * constants(np.arange(float(taps)), w)
    waves = xp.cos(angles) - 1j * xp.sin(angles)
    h = _polynomial(waves, b) / _polynomial(waves, a)
    return w * (fs / (2 * math.pi)), h


def _polynomial(waves: Any, c: Any) -> Any:
    return xp.sum(waves[..., : c.shape[0]] * c, axis=-1)


@public("signal", arrays="im noise")
def wiener(im: Any, mysize: Any = None, noise: Any = None) -> Any:
    """Wiener's filter: local means where the local variance is that of noise.

    The arguments are SciPy's. It is differentiable by `im` and `noise`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.wiener.html
    """
    (x,) = floats(array(im, "wiener", "im"))
    sizes = np.asarray(3 if mysize is None else mysize)
    sizes = np.repeat(sizes, x.ndim) if sizes.ndim == 0 else sizes
    if sizes.shape != (x.ndim,):
        raise InvalidArgumentError(f"scipy.signal.wiener: mysize has {x.ndim} elements")
    ones = constant("ones", tuple([int(n) for n in sizes]), beside=x, dtype=x.dtype)
    count = float(np.prod(sizes))
    mean = correlate(x, ones, "same") / count
    variance = correlate(x * x, ones, "same") / count - mean * mean
    noise = xp.mean(variance) if noise is None else array(noise, "wiener", "noise", x)
    calm = variance < noise
    safe = xp.where(calm, 1.0, variance)
    return xp.where(calm, mean, (x - mean) * (1 - noise / safe) + mean)
