"""The special functions, written out with mpmath, and points inside their domains."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple


class _Mpmath:
    """mpmath, imported when one of its functions is called: the tables need NumPy alone.

    Constants are called, too: ``mp.pi()``.
    """

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            import mpmath  # type: ignore[import-untyped]

            return getattr(mpmath.mp, name)(*args, **kwargs)

        call.__name__ = name
        return call


mp = _Mpmath()
mpf = mp.mpf

#: Digits of the oracle.
DIGITS = 34


class Row(NamedTuple):
    """A function: its definition in mpmath, points, and the arguments that have a derivative."""

    name: str
    exact: Callable[..., Any]
    points: list[tuple[float, ...]]
    by: tuple[int, ...]
    unknown: tuple[int, ...] = ()

    def slope(self, point: tuple[float, ...], i: int, order: int = 1) -> float:
        """The derivative of that order by argument `i`."""
        return slope_at(self.name, point, i, order)


def inverse(f: Callable[..., Any]) -> Callable[..., Any]:
    """The inverse of `f` in its last argument, where `f` is monotone on the positive axis."""

    def found(*args: Any) -> Any:
        *first, p = args
        key = (f, tuple(float(a) for a in args))
        if key not in STARTS:
            low, high = mpf(10) ** -8, mpf(50)
            if f in UNIT:
                high = 1 - low
            STARTS[key] = mp.findroot(
                lambda y: f(*first, y) - p, (low, high), solver="anderson", tol=1e-8, verify=False
            )
        return mp.findroot(lambda y: f(*first, y) - p, STARTS[key], tol=mpf(10) ** (4 - 2 * DIGITS))

    return found


STARTS: dict[Any, Any] = {}


def gammainc(a: Any, x: Any) -> Any:
    """The regularized lower incomplete gamma function."""
    return mp.gammainc(a, 0, x, regularized=True)


def gammaincc(a: Any, x: Any) -> Any:
    """The regularized upper incomplete gamma function."""
    return mp.gammainc(a, x, mpf("inf"), regularized=True)


def betainc(a: Any, b: Any, x: Any) -> Any:
    """The regularized incomplete beta function."""
    return mp.betainc(a, b, 0, x, regularized=True)


def betaincc(a: Any, b: Any, x: Any) -> Any:
    """The complement of `betainc`."""
    return 1 - betainc(a, b, x)


def chdtrc(v: Any, x: Any) -> Any:
    """The survival function of the chi-square distribution."""
    return gammaincc(v / 2, x / 2)


def fdtr(m: Any, n: Any, x: Any) -> Any:
    """The distribution function of the F distribution."""
    return betainc(m / 2, n / 2, m * x / (m * x + n))


def stdtr(df: Any, t: Any) -> Any:
    """The distribution function of Student's t distribution."""
    return mpf(1) / 2 + t * mp.gamma((df + 1) / 2) * mp.hyp2f1(
        0.5, (df + 1) / 2, 1.5, -t * t / df
    ) / (mp.sqrt(mp.pi() * df) * mp.gamma(df / 2))


def pdtr(k: Any, m: Any) -> Any:
    """The distribution function of the Poisson distribution."""
    return gammaincc(mp.floor(k) + 1, m)


def bdtr(k: Any, n: Any, p: Any) -> Any:
    """The distribution function of the binomial distribution."""
    return betainc(n - k, k + 1, 1 - p)


def nbdtr(k: Any, n: Any, p: Any) -> Any:
    """The distribution function of the negative binomial distribution."""
    return betainc(n, k + 1, p)


UNIT = {betainc, betaincc, bdtr, nbdtr}


def boxcox(x: Any, power: Any) -> Any:
    """The Box-Cox transform, written so that a power of zero needs no case of its own."""
    return ratio(mp.expm1, 1)(power * mp.log(x)) * mp.log(x)


def inv_boxcox(y: Any, power: Any) -> Any:
    """The inverse of `boxcox` in its first argument."""
    return mp.exp(y * ratio(mp.log1p, 1)(power * y))


def ratio(f: Callable[[Any], Any], at_zero: int) -> Callable[[Any], Any]:
    """``f(x) / x``, continued to `at_zero` at zero."""
    return lambda x: mpf(at_zero) if x == 0 else f(x) / x


def logerf(x: Any) -> Any:
    """The logarithm of the normal distribution function, accurate in both tails."""
    return mp.log1p(-mp.erfc(x / mp.sqrt(2)) / 2) if x > 0 else mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def probit(p: Any) -> Any:
    """The inverse of the normal distribution function."""
    return mp.sqrt(2) * mp.erfinv(2 * p - 1)


def scaled(f: Callable[..., Any], sign: int) -> Callable[..., Any]:
    """`f` times ``exp(sign * abs(x))``, where x is its last argument."""
    return lambda *args: mp.exp(sign * abs(args[-1])) * f(*args)


def bessel(f: Callable[..., Any], order: int) -> Callable[[Any], Any]:
    """The Bessel function `f` of a fixed order."""
    return lambda x: f(order, x)


def one(*xs: float) -> list[tuple[float, ...]]:
    """The points of a function of one argument."""
    return [(x,) for x in xs]


D = lambda: mp.pi() / 180
REAL = one(-3.3, -0.4, 1e-3, 0.7, 2.5)
SMALL = one(-2.4, -0.3, 0.2, 1.7)
POSITIVE = one(1e-3, 0.3, 1.6, 9.0, 45.0)
UNIT_POINTS = one(0.01, 0.3, 0.5, 0.93)
LEFT = one(-3.7, -0.4, 0.3, 1.5, 8.0, 40.0)

# fmt: off
ROWS = [
    Row("exp2", lambda x: 2**x, REAL, (0,)),
    Row("exp10", lambda x: mpf(10)**x, REAL, (0,)),
    Row("expm1", mp.expm1, REAL, (0,)),
    Row("log1p", mp.log1p, one(-0.6, 1e-9, 3.0), (0,)),
    Row("exprel", ratio(mp.expm1, 1), [*REAL, (0.0,), (1e-9,), (30.0,), (-30.0,)], (0,)),
    Row("cbrt", lambda x: mp.sign(x) * mp.cbrt(abs(x)), one(-8.0, 0.3, 5.0), (0,)),
    Row("cosm1", lambda x: mp.cos(x) - 1, REAL, (0,)),
    Row("sinc", lambda x: mpf(1) if x == 0 else mp.sin(mp.pi() * x) / (mp.pi() * x), [*REAL, (0.0,), (1e-7,), (0.31,), (0.33,)], (0,)),
    Row("sindg", lambda x: mp.sin(D() * x), one(-70.0, 10.0, 200.0), (0,)),
    Row("cosdg", lambda x: mp.cos(D() * x), one(-70.0, 10.0, 200.0), (0,)),
    Row("tandg", lambda x: mp.tan(D() * x), one(-70.0, 10.0, 200.0), (0,)),
    Row("cotdg", lambda x: mp.cot(D() * x), one(-70.0, 10.0, 200.0), (0,)),
    Row("radian", lambda d, m, s: D() * (d + m / 60 + s / 3600), [(10.0, 20.0, 30.0)], (0, 1, 2)),
    Row("expit", lambda x: 1 / (1 + mp.exp(-x)), [*REAL, (40.0,), (-40.0,)], (0,)),
    Row("logit", lambda x: mp.log(x / (1 - x)), [*UNIT_POINTS, (1e-9,)], (0,)),
    Row("log_expit", lambda x: -mp.log(1 + mp.exp(-x)), [*REAL, (40.0,), (-40.0,)], (0,)),
    Row("xlogy", lambda x, y: x * mp.log(y), [(0.0, 2.0), (1.5, 0.3)], (0, 1)),
    Row("xlog1py", lambda x, y: x * mp.log1p(y), [(0.0, 2.0), (1.5, -0.3), (2.0, 1e-9)], (0, 1)),
    Row("entr", lambda x: -x * mp.log(x), POSITIVE, (0,)),
    Row("rel_entr", lambda x, y: x * mp.log(x / y), [(0.3, 0.7), (5.0, 1e-3), (2.0, 2.0)], (0, 1)),
    Row("kl_div", lambda x, y: x * mp.log(x / y) - x + y, [(0.3, 0.7), (5.0, 1e-3), (2.0, 2.0), (1.0, 1.0 + 1e-8)], (0, 1)),
    Row("boxcox", boxcox, [(2.0, 0.3), (0.2, -1.5), (3.0, 0.0), (1.5, 1e-6)], (0, 1)),
    Row("boxcox1p", lambda x, p: boxcox(1 + x, p), [(2.0, 0.3), (-0.2, -1.5), (3.0, 0.0), (1e-7, 2.0)], (0, 1)),
    Row("inv_boxcox", inv_boxcox, [(2.0, 0.3), (0.2, -1.5), (1.5, 0.0), (0.5, 1e-6)], (0, 1)),
    Row("inv_boxcox1p", lambda x, p: inv_boxcox(x, p) - 1, [(2.0, 0.3), (0.2, -1.5), (1.5, 0.0)], (0, 1)),
    Row("huber", lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2), [(1.5, 0.4), (1.5, -4.0)], (0, 1)),
    Row("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d)**2) - 1), [(1.5, 0.4), (1.5, -4.0), (1e3, 0.2), (1e-3, 2.0)], (0, 1)),

    Row("gamma", mp.gamma, LEFT, (0,)),
    Row("rgamma", mp.rgamma, [*LEFT, (0.0,), (-1.0,), (-4.0,)], (0,)),
    Row("gammaln", lambda x: mp.log(abs(mp.gamma(x))), LEFT, (0,)),
    Row("loggamma", mp.loggamma, POSITIVE, (0,)),
    Row("psi", lambda x: mp.psi(0, x), LEFT, (0,)),
    Row("digamma", lambda x: mp.psi(0, x), LEFT, (0,)),
    Row("poch", lambda z, m: mp.gamma(z + m) / mp.gamma(z), [(1.5, 2.2), (4.0, -1.5), (0.3, 6.0), (-1.3, 0.7)], (0, 1)),
    Row("binom", lambda n, k: mp.binomial(n, k), [(5.5, 2.2), (30.0, 4.0), (4.0, 6.0), (3.5, -2.0), (2.5, 5.5)], (0, 1)),
    Row("beta", mp.beta, [(0.4, 2.2), (7.0, 3.0)], (0, 1)),
    Row("betaln", lambda a, b: mp.log(mp.beta(a, b)), [(0.4, 2.2), (7.0, 3.0), (200.0, 300.0)], (0, 1)),
    Row("gammainc", gammainc, [(0.4, 0.3), (3.0, 2.0), (15.0, 20.0), (17.0, 2.0), (400.0, 410.0)], (0, 1)),
    Row("gammaincc", gammaincc, [(0.4, 0.3), (3.0, 2.0), (40.0, 35.0)], (0, 1)),
    Row("gammaincinv", inverse(gammainc), [(0.8, 0.3), (3.0, 0.9), (18.0, 0.4)], (0, 1)),
    Row("gammainccinv", inverse(gammaincc), [(0.8, 0.3), (3.0, 0.9)], (0, 1)),
    Row("betainc", betainc, [(0.4, 0.8, 0.3), (3.0, 2.0, 0.9), (40.0, 30.0, 0.5)], (0, 1, 2)),
    Row("betaincc", betaincc, [(0.4, 0.8, 0.3), (3.0, 2.0, 0.9)], (0, 1, 2)),
    Row("betaincinv", inverse(betainc), [(0.7, 0.8, 0.3), (3.0, 2.0, 0.9)], (0, 1, 2)),
    Row("betainccinv", inverse(betaincc), [(0.7, 0.8, 0.3), (3.0, 2.0, 0.9)], (0, 1, 2)),
    Row("zeta", mp.zeta, [(2.5, 0.4), (3.0, 7.0)], (1,), (0,)),

    Row("erf", mp.erf, REAL, (0,)),
    Row("erfc", mp.erfc, [*REAL, (9.0,)], (0,)),
    Row("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), [*REAL, (3.9,), (4.1,), (30.0,), (1e4,)], (0,)),
    Row("erfi", mp.erfi, REAL, (0,)),
    Row("erfinv", mp.erfinv, one(-0.9, 0.0, 0.3, 0.999), (0,)),
    Row("erfcinv", lambda x: mp.erfinv(1 - x), one(0.01, 0.6, 1.7), (0,)),
    Row("dawsn", lambda x: mp.sqrt(mp.pi()) / 2 * mp.exp(-x * x) * mp.erfi(x), REAL, (0,)),
    Row("ndtr", lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, [*REAL, (-12.0,)], (0,)),
    Row("log_ndtr", logerf, [*REAL, (-40.0,), (-1e4,), (7.0,), (36.0,)], (0,)),
    Row("ndtri", probit, [*UNIT_POINTS, (1e-12,)], (0,)),
    Row("ndtri_exp", lambda x: probit(mp.exp(x)), one(-20.0, -2.0, -0.1), (0,)),
    Row("nrdtrimn", lambda p, s, x: x - s * probit(p), [(0.3, 2.0, 1.5)], (0, 1, 2)),
    Row("nrdtrisd", lambda m, p, x: (x - m) / probit(p), [(0.3, 0.8, 1.5)], (0, 1, 2)),
    Row("chdtr", lambda v, x: gammainc(v / 2, x / 2), [(3.0, 1.5), (2.0, 0.3), (60.0, 50.0)], (0, 1)),
    Row("chdtrc", chdtrc, [(3.0, 1.5), (2.0, 0.3)], (0, 1)),
    Row("chdtri", inverse(chdtrc), [(3.0, 0.3), (5.0, 0.9)], (0, 1)),
    Row("gdtr", lambda a, b, x: gammainc(b, a * x), [(1.5, 2.0, 0.7)], (0, 1, 2)),
    Row("gdtrc", lambda a, b, x: gammaincc(b, a * x), [(1.5, 2.0, 0.7)], (0, 1, 2)),
    Row("pdtr", pdtr, [(3.0, 2.5), (3.7, 2.5)], (1,)),
    Row("pdtrc", lambda k, m: 1 - pdtr(k, m), [(3.0, 2.5)], (1,)),
    Row("pdtri", inverse(pdtr), [(3.0, 0.4)], (1,), (0,)),
    Row("fdtr", fdtr, [(3.0, 5.0, 1.5), (1.0, 2.0, 0.2)], (0, 1, 2)),
    Row("fdtrc", lambda m, n, x: 1 - fdtr(m, n, x), [(3.0, 5.0, 1.5)], (0, 1, 2)),
    Row("fdtri", inverse(fdtr), [(3.0, 5.0, 0.6)], (0, 1, 2)),
    Row("stdtr", stdtr, [(3.0, 0.4), (2.5, -3.0), (50.0, 0.0)], (0, 1)),
    Row("stdtrit", inverse(stdtr), [(3.0, 0.7), (8.5, 0.95)], (0, 1)),
    Row("bdtr", bdtr, [(2.0, 6.0, 0.3)], (2,), (1,)),
    Row("bdtrc", lambda k, n, p: 1 - bdtr(k, n, p), [(2.0, 6.0, 0.3)], (2,), (1,)),
    Row("bdtri", inverse(bdtr), [(2.0, 6.0, 0.3)], (2,), (1,)),
    Row("nbdtr", nbdtr, [(2.0, 6.0, 0.3)], (2,), (0, 1)),
    Row("nbdtrc", lambda k, n, p: 1 - nbdtr(k, n, p), [(2.0, 6.0, 0.3)], (2,), (0, 1)),
    Row("nbdtri", inverse(nbdtr), [(2.0, 6.0, 0.3)], (2,), (0, 1)),

    Row("j0", bessel(mp.besselj, 0), [*REAL, (0.0,), (30.0,)], (0,)),
    Row("j1", bessel(mp.besselj, 1), [*REAL, (0.0,), (1e-7,), (30.0,)], (0,)),
    Row("y0", bessel(mp.bessely, 0), POSITIVE, (0,)),
    Row("y1", bessel(mp.bessely, 1), POSITIVE, (0,)),
    Row("i0", bessel(mp.besseli, 0), [*REAL, (0.0,), (30.0,)], (0,)),
    Row("i1", bessel(mp.besseli, 1), [*REAL, (0.0,), (1e-7,), (30.0,)], (0,)),
    Row("k0", bessel(mp.besselk, 0), POSITIVE, (0,)),
    Row("k1", bessel(mp.besselk, 1), POSITIVE, (0,)),
    Row("i0e", scaled(bessel(mp.besseli, 0), -1), [*REAL, (29.0,), (31.0,), (-60.0,), (1e4,)], (0,)),
    Row("i1e", scaled(bessel(mp.besseli, 1), -1), [*REAL, (29.0,), (31.0,), (-60.0,), (1e4,)], (0,)),
    Row("k0e", scaled(bessel(mp.besselk, 0), 1), [*POSITIVE, (1e4,)], (0,)),
    Row("k1e", scaled(bessel(mp.besselk, 1), 1), [*POSITIVE, (1e4,)], (0,)),
    Row("jv", mp.besselj, [(1.5, 2.0), (0.0, 3.0)], (1,), (0,)),
    Row("jn", mp.besselj, [(2.0, 2.0)], (1,), (0,)),
    Row("yv", mp.bessely, [(1.5, 2.0)], (1,), (0,)),
    Row("yn", mp.bessely, [(2.0, 2.0), (0.0, 3.0)], (1,), (0,)),
    Row("iv", mp.besseli, [(1.5, 2.0)], (1,), (0,)),
    Row("kv", mp.besselk, [(1.5, 2.0)], (1,), (0,)),
    Row("ive", scaled(mp.besseli, -1), [(1.5, 2.0)], (1,), (0,)),
    Row("kve", scaled(mp.besselk, 1), [(1.5, 2.0)], (1,), (0,)),
    Row("exp1", mp.e1, POSITIVE, (0,)),
    Row("expi", mp.ei, REAL, (0,)),
    Row("expn", lambda n, x: mp.expint(n, x), [(3.0, 0.7), (1.0, 2.0)], (1,), (0,)),
    Row("spence", lambda x: mp.polylog(2, 1 - x), one(0.2, 0.95, 1.0, 1.05, 1.8), (0,)),
    Row("ellipk", mp.ellipk, one(-3.0, -0.1, 0.0, 0.1, 0.25, 0.97), (0,)),
    Row("ellipkm1", lambda p: mp.ellipk(1 - p), one(1e-9, 0.2, 0.9, 1.0), (0,)),
    Row("ellipe", mp.ellipe, one(-3.0, -0.1, 0.0, 0.1, 0.25, 0.97), (0,)),
    Row("lpmv", lambda m, v, x: 7.5 * (7 * x * x - 1) * (1 - x * x), [(2.0, 4.0, -0.7), (2.0, 4.0, 0.2)], (2,), (0, 1)),
    Row("hyp1f1", mp.hyp1f1, [(1.5, 2.5, 0.7)], (2,), (0, 1)),
    Row("hyp2f1", mp.hyp2f1, [(1.5, 2.5, 3.0, 0.3)], (3,), (0, 1, 2)),
]
# fmt: on


@functools.cache
def slope_at(name: str, point: tuple[float, ...], i: int, order: int) -> float:
    """`Row.slope`, computed once."""
    (row,) = [row for row in ROWS if row.name == name]
    with mp.workdps(DIGITS):
        values = [mpf(p) for p in point]
        f = lambda z: row.exact(*values[:i], z, *values[i + 1 :])
        return float(
            mp.re(mp.diff(f, values[i], order))
        )  # a search for roots may end in complex numbers
