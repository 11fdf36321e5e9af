"""Bessel functions. Formulas: NIST Digital Library of Mathematical Functions, 10.6, 10.29."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ..kinds import elementwise, unknown
from .stable import bessel_ratio, real, scaled_bessel

I_FRONT = 1 / math.sqrt(2 * math.pi)
K_FRONT = math.sqrt(math.pi / 2)


def i0e(t: Any, x: Any, y: Any) -> Any:
    """`t` times the derivative of e^-|x| I₀(x), 0 at 0."""
    return t * scaled_bessel(x, xp.special.i1e(x) - xp.sign(x) * y, 0, -1, I_FRONT)


def i1e(t: Any, x: Any, y: Any) -> Any:
    """`t` times the derivative of e^-|x| I₁(x), 1/2 at 0."""
    ratio = bessel_ratio(x, y, 1, lambda x: xp.exp(-xp.abs(x)))
    return t * scaled_bessel(x, xp.special.i0e(x) - ratio - xp.sign(x) * y, 1, -1, I_FRONT)


def k0e(t: Any, x: Any, y: Any) -> Any:
    """`t` times the derivative of eˣ K₀(x)."""
    return t * scaled_bessel(x, y - xp.special.k1e(x), 0, 1, K_FRONT)


def k1e(t: Any, x: Any, y: Any) -> Any:
    """`t` times the derivative of eˣ K₁(x)."""
    return t * scaled_bessel(x, y - y / x - xp.special.k0e(x), 1, 1, K_FRONT)


def mean(function: str, sign: int) -> Any:
    """The formula t (f(v - 1, z) ± f(v + 1, z)) / 2, where f is the `function` and ± the `sign`."""

    def formula(t: Any, v: Any, z: Any) -> Any:
        f = getattr(xp.special, function)
        return t * (0.5 * (f(v - 1, z) + sign * f(v + 1, z)))

    return formula


def ive(t: Any, v: Any, z: Any, y: Any) -> Any:
    """t (ive(v - 1, z) + ive(v + 1, z)) / 2 - t sign(z) y. The last term is from the scale e^-|z|,
    for real z only."""
    f = xp.special.ive
    return t * (0.5 * (f(v - 1, z) + f(v + 1, z)) - xp.sign(real(z)) * y)


def kve(t: Any, v: Any, z: Any, y: Any) -> Any:
    """t (y - (kve(v - 1, z) + kve(v + 1, z)) / 2), where y is from the scale e^z."""
    f = xp.special.kve
    return t * (y - 0.5 * (f(v - 1, z) + f(v + 1, z)))


# fmt: off
elementwise("special.j0",  lambda t, x: -t * xp.special.j1(x))
elementwise("special.j1",  lambda t, x, y: t * (xp.special.j0(x) - bessel_ratio(x, y, -1)))
elementwise("special.y0",  lambda t, x: -t * xp.special.y1(x))
elementwise("special.y1",  lambda t, x, y: t * (xp.special.y0(x) - y / x))
elementwise("special.i0",  lambda t, x: t * xp.special.i1(x))
elementwise("special.i1",  lambda t, x, y: t * (xp.special.i0(x) - bessel_ratio(x, y, 1)))
elementwise("special.k0",  lambda t, x: -t * xp.special.k1(x))
elementwise("special.k1",  lambda t, x, y: -t * (xp.special.k0(x) + y / x))
elementwise("special.i0e", i0e)
elementwise("special.i1e", i1e)
elementwise("special.k0e", k0e)
elementwise("special.k1e", k1e)
elementwise("special.jv(v, z, /)", unknown, mean("jv", -1), promotes=True)
elementwise("special.jn(n, z, /)", unknown, lambda t, n, z: mean("jv", -1)(t, n, z), promotes=True)
elementwise("special.yv(v, z, /)", unknown, mean("yv", -1), promotes=True)
elementwise("special.yn(n, z, /)", unknown, lambda t, n, z: mean("yn", -1)(t, n, z), promotes=True)
elementwise("special.iv(v, z, /)", unknown, mean("iv", 1), promotes=True)
elementwise("special.kv(v, z, /)", unknown, lambda t, v, z: -mean("kv", 1)(t, v, z), promotes=True)
elementwise("special.ive(v, z, /)", unknown, ive, promotes=True)
elementwise("special.kve(v, z, /)", unknown, kve, promotes=True)
# fmt: on
