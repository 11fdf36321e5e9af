"""The older names of splines, those of FITPACK, over `BSpline`."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, UnsupportedError
from ...variables.library_functions import tracked
from ..rows import scipy_module
from .bsplines import BSpline, evaluate_spline
from .common import doubles, method, numbers
from .fitting import make_interp_spline, make_lsq_spline

__all__ = ["InterpolatedUnivariateSpline", "LSQUnivariateSpline", "UnivariateSpline", "splantider",
           "splder", "splev", "splint", "splrep"]  # fmt: skip

#: How close the least squares with SciPy's knots must be to SciPy's smoothing spline.
_SAME = 1e-6


@method("splrep", "x y w t")
def _prepared(x: Any, y: Any, w: Any, t: Any, where: str) -> Any:
    first = next((z for z in (y, x) if hasattr(z, "dtype")), None)
    found = [z if z is None else doubles(z, where, n, first)
             for z, n in ((x, "x"), (y, "y"), (w, "w"), (t, "t"))]  # fmt: skip
    x, y = found[:2]
    if x.ndim != 1 or tuple(x.shape) != tuple(y.shape):
        raise InvalidArgumentError(
            f"scipy.interpolate.{where}: x and y are vectors of one length, and the shapes are "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    return tuple(found)


def _ended(inner: Any, x: Any, k: int, low: Any, high: Any) -> Any:
    """The inner knots between the ends, each `k` + 1 times."""
    n = x.shape[0]
    ends = [
        z if e is None else xp.reshape(doubles(e, "splrep", "xb", x), (1,))
        for z, e in ((x[:1], low), (x[n - 1 :], high))
    ]
    return xp.concat([*[ends[0]] * (k + 1), inner, *[ends[1]] * (k + 1)])


def spline_through(
    x: Any, y: Any, w: Any, low: Any, high: Any, k: int, s: Any, t: Any, where: str
) -> Any:
    """Knots and coefficients: an interpolation for s = 0, least squares for knots `t`, and
    otherwise SciPy's smoothing spline, which has derivatives if it is one of least squares."""
    x, y, w, t = _prepared(x, y, w, t, where)
    if t is not None:
        spline = make_lsq_spline(x, y, _ended(t, x, k, low, high), k, w)
        return spline.t, spline.c
    if s is not None and s == 0:
        if low is None and high is None:
            spline = make_interp_spline(x, y, k)
        else:
            inner = make_interp_spline(x, y, k).t
            inner = inner[k + 1 : inner.shape[0] - k - 1]
            spline = make_interp_spline(x, y, k, _ended(inner, x, k, low, high))
        return spline.t, spline.c
    known = [numbers(z) if z is not None else None for z in (x, y, w)]
    if known[0] is None or known[1] is None:
        raise UnsupportedError(
            f"pluggrad.scipy.interpolate.{where}(s=...) looks at the values of the data, and they "
            "are not known here: give s=0, or the knots"
        )
    theirs = scipy_module("interpolate").splrep(
        known[0], known[1], known[2], *[None if e is None else float(e) for e in (low, high)], k,
        0, s,
    )  # fmt: skip
    knots, c, _ = theirs
    count = len(knots) - k - 1
    if not tracked((x, y, w)):
        return doubles(knots, where, "t", x), doubles(c[:count], where, "c", x)
    inner = doubles(knots[k + 1 : -k - 1], where, "t", x)
    spline = make_lsq_spline(x, y, _ended(inner, x, k, low, high), k, w)
    if not np.allclose(numbers(spline.c), c[:count], rtol=_SAME, atol=_SAME * np.ptp(known[1])):
        raise UnsupportedError(
            f"pluggrad.scipy.interpolate.{where}(s={s!r}): a smoothing spline, whose knots SciPy "
            "chooses, has no derivative here; give s=0, the knots, or use `make_smoothing_spline`"
        )
    return spline.t, spline.c


def splrep(
    x: Any, y: Any, w: Any = None, xb: Any = None, xe: Any = None, k: int = 3, task: int = 0,
    s: Any = None, t: Any = None, full_output: Any = 0, per: Any = 0, quiet: Any = 1,
) -> Any:  # fmt: skip
    """Knots, coefficients and degree of the spline through data, or near to it.

    It is differentiable by `x`, `y` and `w` where it interpolates (`s` is 0 or, without weights,
    left out), for given knots `t`, and where the smoothing spline is one of least squares; other
    smoothing splines are for constants. `full_output` and `per` are left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.splrep.html
    """
    if full_output or per or task == 1:
        raise UnsupportedError(
            "pluggrad.scipy.interpolate.splrep: full_output, per and task=1 are not supported"
        )
    if s is None:
        s = 0.0 if w is None else len(x) - np.sqrt(2 * len(x))
    k = int(k)
    knots, c = spline_through(x, y, w, xb, xe, k, s, t, "splrep")
    return knots, xp.concat([c, *[xp.zeros_like(c[:1])] * (k + 1)]), k


def _of(tck: Any) -> Any:
    """The spline that a tuple or an object stands for."""
    if hasattr(tck, "tck"):
        return tck
    t, c, k = tck
    return BSpline(t, c, k)


@method("splev", "x")
def _valued(x: Any, t: Any, c: Any, k: int, der: int, ext: Any) -> Any:
    x = doubles(x, "splev", "x", c)
    low, high = t[k], t[t.shape[0] - k - 1]
    if ext not in (0, 1, 2, 3):
        raise InvalidArgumentError(f"scipy.interpolate.splev: ext is 0, 1, 2 or 3, not {ext!r}")
    if not 0 <= der <= k:
        raise InvalidArgumentError(f"scipy.interpolate.splev: der is from 0 to {k}, not {der!r}")
    outside = (x < low) | (x > high)
    if ext == 2:
        known = numbers(outside)
        if known is not None and known.any():
            raise InvalidArgumentError("scipy.interpolate.splev: a point is out of the range")
    at = xp.clip(x, low, high) if ext == 3 else x
    y = evaluate_spline(t, c, k, at, der, True)
    return xp.where(outside, 0.0, y) if ext == 1 else y


def splev(x: Any, tck: Any, der: int = 0, ext: Any = 0) -> Any:
    """The values of a spline at `x`, or its derivatives of the order `der`.

    It is differentiable by `x` and by the knots and coefficients. Of curves, whose coefficients are
    a list, it returns a list.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.splev.html
    """
    if not hasattr(tck, "tck") and isinstance(tck[1], (list, tuple)) and np.ndim(tck[1][0]):
        return [splev(x, (tck[0], c, tck[2]), der, ext) for c in tck[1]]
    spline = _of(tck)
    return _valued(x, spline.t, spline.c, spline.k, der, ext)


def splint(a: Any, b: Any, tck: Any, full_output: Any = 0) -> Any:
    """The integral of a spline from `a` to `b`; it is 0 outside of the knots.

    It is differentiable by `a`, `b` and by the knots and coefficients. `full_output` is left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.splint.html
    """
    if full_output:
        raise UnsupportedError("pluggrad.scipy.interpolate.splint(full_output=...) is left out")
    return _of(tck).integrate(a, b, False)


def _changed(tck: Any, n: int) -> Any:
    spline = _of(tck).derivative(n)
    if hasattr(tck, "tck"):
        return spline
    length = spline.t.shape[0]
    short = length - spline.c.shape[0]
    zeros = [xp.zeros_like(spline.c[:1])] * max(short, 0)
    return spline.t, xp.concat([spline.c, *zeros]), spline.k


def splder(tck: Any, n: int = 1) -> Any:
    """The derivative of a spline, in the form of `tck`.

    It is differentiable by the knots and the coefficients.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.splder.html
    """
    return _changed(tck, n)


def splantider(tck: Any, n: int = 1) -> Any:
    """The antiderivative of a spline, in the form of `tck`; see `splder`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.splantider.html
    """
    return _changed(tck, -n)


_EXTENSIONS = {0: 0, 1: 1, 2: 2, 3: 3, "extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}


class UnivariateSpline:
    """A smoothing spline through data, as `scipy.interpolate.UnivariateSpline`.

    It is differentiable by `x`, `y` and `w` for s = 0, and where the smoothing spline is one of
    least squares, as it is where a polynomial is near enough; otherwise, with the default `s` too,
    the data are constants. It is always differentiable by the points where it is evaluated.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.UnivariateSpline.html
    """

    def __init__(
        self, x: Any, y: Any, w: Any = None, bbox: Any = (None, None), k: int = 3, s: Any = None,
        ext: Any = 0, check_finite: bool = False,
    ) -> None:  # fmt: skip
        s = float(len(x)) if s is None else s
        self._begin(x, y, w, bbox, k, s, None, ext)

    def _begin(self, x: Any, y: Any, w: Any, bbox: Any, k: int, s: Any, t: Any, ext: Any) -> None:
        name = type(self).__name__
        if ext not in _EXTENSIONS:
            raise InvalidArgumentError(f"scipy.interpolate.{name}: there is no ext {ext!r}")
        self.k, self.ext = int(k), _EXTENSIONS[ext]
        self._data = x, y, w
        low, high = bbox
        knots, c = spline_through(x, y, w, low, high, self.k, s, t, name)
        self._spline = BSpline.construct_fast(knots, c, self.k)

    def __call__(self, x: Any, nu: int = 0, ext: Any = None) -> Any:
        """The values, or the derivatives of order `nu`, at `x`."""
        own = self._spline
        return _valued(
            x, own.t, own.c, own.k, nu, self.ext if ext is None else _EXTENSIONS.get(ext, ext)
        )

    def get_knots(self) -> Any:
        """The knots, each once."""
        return self._spline.t[self.k : self._spline.t.shape[0] - self.k]

    def get_coeffs(self) -> Any:
        """The coefficients."""
        return self._spline.c

    def get_residual(self) -> Any:
        """The weighted sum of the squares of the differences from the data."""
        x, y, w = _prepared(*self._data, None, type(self).__name__)[:3]
        r = y - evaluate_spline(self._spline.t, self._spline.c, self.k, x, 0, True)
        return xp.sum((r if w is None else r * w) ** 2)

    def integral(self, a: Any, b: Any) -> Any:
        """The integral from `a` to `b`, differentiable by both; it is 0 outside of the knots."""
        return self._spline.integrate(a, b, False)

    def derivatives(self, x: Any) -> Any:
        """All derivatives at the number `x`, the value included."""
        return xp.stack([self(x, n) for n in range(self.k + 1)])

    def derivative(self, n: int = 1) -> Any:
        """The derivative, as another spline."""
        return self._made(self._spline.derivative(n))

    def antiderivative(self, n: int = 1) -> Any:
        """The antiderivative, as another spline."""
        return self._made(self._spline.antiderivative(n))

    def _made(self, spline: BSpline) -> Any:
        made = object.__new__(UnivariateSpline)
        made._spline, made.k, made.ext = spline, spline.k, 0 if self.ext == 3 else self.ext
        return made

    def roots(self) -> Any:
        """The zeros, of a spline that is a constant."""
        t, c = self._spline.t, self._spline.c
        if tracked((t, c)):
            raise UnsupportedError(
                "scipy.interpolate.UnivariateSpline.roots has no derivative: `.detach()` the data"
            )
        tck = (numbers(t), numbers(c), self.k)
        return doubles(scipy_module("interpolate").sproot(tck), "roots", "x", c)


class InterpolatedUnivariateSpline(UnivariateSpline):
    """The spline through data, as `scipy.interpolate.InterpolatedUnivariateSpline`.

    It is differentiable by `x`, `y` and the points where it is evaluated.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.InterpolatedUnivariateSpline.html
    """

    def __init__(
        self, x: Any, y: Any, w: Any = None, bbox: Any = (None, None), k: int = 3, ext: Any = 0,
        check_finite: bool = False,
    ) -> None:  # fmt: skip
        self._begin(x, y, w, bbox, k, 0, None, ext)


class LSQUnivariateSpline(UnivariateSpline):
    """The spline with given inner knots that is nearest to data.

    It is `scipy.interpolate.LSQUnivariateSpline`, differentiable by `x`, `y`, `w`, `t` and the
    points where it is evaluated.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.interpolate.LSQUnivariateSpline.html
    """

    def __init__(
        self, x: Any, y: Any, t: Any, w: Any = None, bbox: Any = (None, None), k: int = 3,
        ext: Any = 0, check_finite: bool = False,
    ) -> None:  # fmt: skip
        self._begin(x, y, w, bbox, k, None, t, ext)
