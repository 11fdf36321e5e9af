"""The gamma and beta functions: logarithms, derivatives, incomplete forms, inverses; and zeta."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ...engine.arguments import whole
from ...engine.cotangents import is_complex
from ...errors import UnsupportedError
from ..elementwise import zero
from ..kinds import elementwise, unknown
from .stable import beta_density, gamma_density, real


def psi(x: Any) -> Any:
    """The digamma function, for the dtypes that the library supports."""
    return _of_complex(xp.special.psi, x)


def trigamma(x: Any) -> Any:
    """The derivative of `psi`, for the dtypes that the library supports."""
    return _of_complex(lambda x: xp.special.polygamma(1, x), x)


def _of_complex(function: Any, x: Any) -> Any:
    """function(x), with our own error where the library does not take complex numbers."""
    try:
        return function(x)
    except TypeError as error:  # libraries raise it for complex numbers
        if not is_complex(x):
            raise
        raise UnsupportedError(
            "the derivative of a gamma function of complex numbers needs digamma, and the second "
            "trigamma, of complex numbers, and the library has them of real ones only"
        ) from error


def rgamma_slope(x: Any) -> Any:
    """The derivative of 1/Γ(x). It uses the reflection formula for x < 1/2, where Γ has its
    poles."""
    left = real(x) < 0.5
    z = xp.where(left, x, 0.0)
    w = xp.where(left, 1.0, x)
    c, s = xp.cos(math.pi * z), xp.sin(math.pi * z) / math.pi
    reflected = xp.special.gamma(1 - z) * (c - psi(1 - z) * s)
    return xp.where(left, reflected, -psi(w) * xp.special.rgamma(w))


def gamma(x: Any) -> Any:
    """Γ(x), from its logarithm and sign."""
    return xp.special.gammasgn(x) * xp.exp(xp.special.gammaln(x))


def gammasgn(x: Any) -> Any:
    """The sign of Γ(x); nan at negative integers, as SciPy has it."""
    floor = xp.floor(x)
    odd = xp.remainder(floor, 2.0) != 0
    sign = xp.where((x < 0) & odd, -xp.ones_like(x), 1.0)
    return xp.where(((x < 0) & (x == floor)) | (x != x), math.nan, sign)


def rgamma(x: Any) -> Any:
    """1/Γ(x), and 0 at the poles."""
    pole = (x <= 0) & (x == xp.floor(x))
    return xp.where(pole, 0.0, 1 / gamma(xp.where(pole, 1.0, x)))


def betaln(a: Any, b: Any) -> Any:
    """log |B(a, b)|."""
    return xp.special.gammaln(a) + xp.special.gammaln(b) - xp.special.gammaln(a + b)


def beta(a: Any, b: Any) -> Any:
    """B(a, b)."""
    signs = xp.special.gammasgn(a) * xp.special.gammasgn(b) * xp.special.gammasgn(a + b)
    return signs * xp.exp(betaln(a, b))


def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension `d`."""
    total = sum((xp.special.gammaln(a - j / 2) for j in range(1, d)), xp.special.gammaln(a))
    return total + d * (d - 1) / 4 * math.log(math.pi)


def multigammaln_slope(t: Any, a: Any, d: int) -> Any:
    """t Σ ψ(a - j/2), summed over j = 0, ..., d - 1."""
    whole(d, "special.multigammaln", "d", least=1)
    return t * sum((psi(a - j / 2) for j in range(1, d)), psi(a))


def regular(*xs: Any) -> Any:
    """Where all arguments are positive, and so away from the poles of Γ."""
    found = xs[0] > 0
    for x in xs[1:]:
        found = found & (x > 0)
    return found


def binom_n(t: Any, n: Any, k: Any, y: Any) -> Any:
    """By `n`: t y (ψ(n + 1) - ψ(n - k + 1)). Unless n + 1 and n - k + 1 are positive, it uses the
    derivative of the factor 1/Γ(n - k + 1)."""
    ok = regular(n + 1, n - k + 1)
    n0, k0 = xp.where(ok, n, 1.0), xp.where(ok, k, 0.0)
    n1, k1 = xp.where(ok, 1.0, n), xp.where(ok, 0.0, k)
    pole = xp.special.gamma(n1 + 1) * xp.special.rgamma(k1 + 1) * rgamma_slope(n1 - k1 + 1)
    pole = pole + psi(n1 + 1) * xp.where(ok, 0.0, y)
    return t * xp.where(ok, y * (psi(n0 + 1) - psi(n0 - k0 + 1)), pole)


def binom_k(t: Any, n: Any, k: Any, y: Any) -> Any:
    """By `k`: t y (ψ(n - k + 1) - ψ(k + 1)). Unless k + 1 and n - k + 1 are positive, it uses the
    derivatives of the factors 1/Γ: the binomial may be 0 because one of them is."""
    ok = regular(k + 1, n - k + 1)
    n0, k0 = xp.where(ok, n, 1.0), xp.where(ok, k, 0.0)
    n1, k1 = xp.where(ok, 1.0, n), xp.where(ok, 0.0, k)
    low, high = k1 + 1, n1 - k1 + 1
    pole = rgamma_slope(low) * xp.special.rgamma(high) - xp.special.rgamma(low) * rgamma_slope(high)
    pole = xp.special.gamma(n1 + 1) * pole
    return t * xp.where(ok, y * (psi(n0 - k0 + 1) - psi(k0 + 1)), pole)


def poch_z(t: Any, z: Any, m: Any, y: Any) -> Any:
    """By `z`: t y (ψ(z + m) - ψ(z)). For z ≤ 0, which may be a pole of Γ, it uses the derivative of
    the factor 1/Γ(z)."""
    right = z > 0
    z0, z1 = xp.where(right, z, 1.0), xp.where(right, 0.5, z)
    m1 = xp.where(right, 0.5, m)
    pole = xp.special.gamma(z1 + m1) * rgamma_slope(z1) + psi(z1 + m1) * xp.where(right, 0.0, y)
    return t * xp.where(right, y * (psi(z0 + m) - psi(z0)), pole)


def along_quantile(t: Any, a: Any, y: Any) -> Any:
    """By `a`: the quantile `y` moves such that its probability stays."""
    return -t * (xp.gamma_slope(a, y, order=1) / gamma_density(a, y))


def along_beta_quantile(order: tuple[int, int]) -> Any:
    """The formula by `a` or by `b`, as `order` says, of a quantile of the beta distribution."""

    def formula(t: Any, a: Any, b: Any, y: Any) -> Any:
        return -t * (xp.beta_slope(a, b, y, order=order) / beta_density(a, b, y, 1 - y))

    return formula


# fmt: off
elementwise("special.gamma",
            lambda t, x, y: t * (y * psi(x)), fallback=gamma, needs="special.gammaln")
elementwise("special.rgamma",
            lambda t, x: t * rgamma_slope(x), fallback=rgamma, needs="special.gammaln")
elementwise("special.gammaln",  lambda t, x: t * psi(x))
elementwise("special.loggamma", lambda t, x: t * psi(x))
elementwise("special.gammasgn", zero, fallback=gammasgn)
elementwise("special.psi",      lambda t, x: t * trigamma(x))
elementwise("special.digamma",  lambda t, x: t * trigamma(x))
elementwise("special.polygamma(n, x, /)",
            unknown, lambda t, n, x: t * xp.special.polygamma(n + 1, x))
elementwise("special.multigammaln(a, d, /)",
            multigammaln_slope, unknown, fallback=multigammaln, needs="special.gammaln")
elementwise("special.poch(z, m, /)",
            poch_z, lambda t, z, m, y: t * (y * psi(z + m)), promotes=True)
elementwise("special.binom(n, k, /)", binom_n, binom_k, promotes=True)
elementwise("special.beta(a, b, /)", lambda t, a, b, y: t * (y * (psi(a) - psi(a + b))),
            lambda t, a, b, y: t * (y * (psi(b) - psi(a + b))), promotes=True, fallback=beta,
            needs="special.gammaln")
elementwise("special.betaln(a, b, /)",
            lambda t, a, b: t * (psi(a) - psi(a + b)), lambda t, a, b: t * (psi(b) - psi(a + b)),
            promotes=True, fallback=betaln, needs="special.gammaln")

elementwise("special.gammainc(a, x, /)",
            lambda t, a, x: t * xp.gamma_slope(a, x, order=1),
            lambda t, a, x: t * gamma_density(a, x), promotes=True)
elementwise("special.gammaincc(a, x, /)",
            lambda t, a, x: -t * xp.gamma_slope(a, x, order=1),
            lambda t, a, x: -t * gamma_density(a, x), promotes=True)
elementwise("special.gammaincinv(a, p, /)", along_quantile,
            lambda t, a, y: t / gamma_density(a, y), promotes=True)
elementwise("special.gammainccinv(a, p, /)", along_quantile,
            lambda t, a, y: -t / gamma_density(a, y), promotes=True)

elementwise("special.betainc(a, b, x, /)",
            lambda t, a, b, x: t * xp.beta_slope(a, b, x, order=(1, 0)),
            lambda t, a, b, x: t * xp.beta_slope(a, b, x, order=(0, 1)),
            lambda t, a, b, x: t * beta_density(a, b, x, 1 - x), promotes=True)
elementwise("special.betaincc(a, b, x, /)",
            lambda t, a, b, x: -t * xp.beta_slope(a, b, x, order=(1, 0)),
            lambda t, a, b, x: -t * xp.beta_slope(a, b, x, order=(0, 1)),
            lambda t, a, b, x: -t * beta_density(a, b, x, 1 - x), promotes=True,
            fallback=lambda a, b, x: xp.special.betainc(b, a, 1 - x), needs="special.betainc")
elementwise("special.betaincinv(a, b, p, /)",
            along_beta_quantile((1, 0)), along_beta_quantile((0, 1)),
            lambda t, a, b, y: t / beta_density(a, b, y, 1 - y), promotes=True)
elementwise("special.betainccinv(a, b, p, /)",
            along_beta_quantile((1, 0)), along_beta_quantile((0, 1)),
            lambda t, a, b, y: -t / beta_density(a, b, y, 1 - y), promotes=True)

elementwise("special.zeta(x, q=None, /)",
            unknown, lambda t, x, q: -t * (x * xp.special.zeta(x + 1, q)), promotes=True)
elementwise("special.zetac", unknown, fallback=lambda x: xp.special.zeta(x, xp.ones_like(x)) - 1,
            needs="special.zeta")
# fmt: on
