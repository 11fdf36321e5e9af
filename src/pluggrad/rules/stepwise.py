"""Elementwise functions beyond the standard that have no derivative: of integers and of bits."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import SCALARS, backend_of
from ..arrays.dispatch import xp
from .kinds import constant

#: Euclid's algorithm ends after so many steps, for integers of 64 bits.
STEPS = 92


def gcd(x1: Any, x2: Any) -> Any:
    """Euclid's algorithm, as often as the greatest integers need it."""
    if type(x1) in SCALARS:
        x1 = xp.zeros_like(x2) + x1
    a, b = xp.abs(x1), xp.abs(xp.zeros_like(x1) + x2)
    for _ in range(STEPS):
        done = b == 0
        a, b = xp.where(done, a, b), xp.where(done, b, xp.remainder(a, xp.where(done, 1, b)))
    return a


def lcm(x1: Any, x2: Any) -> Any:
    """|x1 x2| / gcd; 0 where either is 0."""
    divisor = xp.gcd(x1, x2)
    share = xp.floor_divide(x1, xp.where(divisor == 0, 1, divisor))
    return xp.abs(share * x2)


def bitwise_count(x: Any) -> Any:
    """The sum of the bits of |x|, as 8-bit integers."""
    backend = backend_of(x)
    assert backend is not None
    x = xp.abs(x)
    bits = [xp.bitwise_and(xp.bitwise_right_shift(x, k), 1) for k in range(_width(x, backend.xp))]
    return xp.astype(sum(bits[1:], bits[0]), backend.xp.uint8)


def _width(x: Any, raw: Any) -> int:
    """The number of bits of |x| that may be set."""
    return math.ceil(math.log2(int(raw.iinfo(x.dtype).max)))


def spacing(x: Any) -> Any:
    """The distance to the next number away from 0; nan for infinities."""
    up = xp.nextafter(x, xp.where(x < 0, -math.inf, xp.zeros_like(x) + math.inf))
    down = x - xp.nextafter(x, xp.zeros_like(x))
    return xp.where(xp.isfinite(up) | ~xp.isfinite(x), up - x, down)


constant("gcd(x1, x2, /)", fallback=gcd)
constant("lcm(x1, x2, /)", fallback=lcm)
constant("bitwise_count(x, /)", fallback=bitwise_count)
constant("spacing(x, /)", fallback=spacing)
