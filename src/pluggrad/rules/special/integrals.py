"""Exponential and elliptic integrals, the dilogarithm, Legendre and hypergeometric functions."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ..kinds import elementwise, unknown
from .stable import ELLIPE, ELLIPK, patched, series, spence_slope


def ellipk_slope(m: Any, k: Any, e: Any, rest: Any) -> Any:
    """The derivative of K(m): (E(m)/(1 - m) - K(m)) / (2m), or its series near m = 0, where `k` =
    K(m), `e` = E(m) and `rest` = 1 - m."""
    small = xp.abs(m) < 0.2
    safe = xp.where(small, 0.5, m)
    closed = (e / xp.where(small, 0.5, rest) - k) / (2 * safe)
    return xp.where(small, series(xp.where(small, m, 0.0), ELLIPK), closed)


def ellipk(t: Any, x: Any, y: Any) -> Any:
    """By the parameter m: t K'(m)."""
    return t * ellipk_slope(x, y, xp.special.ellipe(x), 1 - x)


def ellipkm1(t: Any, x: Any, y: Any) -> Any:
    """By p = 1 - m: -t K'(1 - p)."""
    return -t * ellipk_slope(1 - x, y, xp.special.ellipe(1 - x), x)


def ellipe(t: Any, x: Any, y: Any) -> Any:
    """By the parameter m: t (E(m) - K(m)) / (2m), or its series near m = 0."""
    return t * patched(
        x, 0.2, lambda m: series(m, ELLIPE),
        lambda m: (xp.special.ellipe(m) - xp.special.ellipk(m)) / (2 * m),
    )  # fmt: skip


def expn(t: Any, n: Any, x: Any) -> Any:
    """By x: -t Eₙ₋₁(x), where E₋₁(x) = (1 + x) e⁻ˣ/x²."""
    none = n == 0
    lower = xp.special.expn(xp.where(none, 1.0, n) - 1, x)
    return -t * xp.where(none, xp.exp(-x) * (1 + x) / (x * x), lower)


def lpmv(t: Any, m: Any, v: Any, x: Any, y: Any) -> Any:
    """By x: t (v x P_v(x) - (v + m) P_{v-1}(x)) / (x² - 1), all of order m."""
    return t * ((v * x * y - (v + m) * xp.special.lpmv(m, v - 1, x)) / (x * x - 1))


# fmt: off
elementwise("special.exp1",     lambda t, x: -t * (xp.exp(-x) / x))
elementwise("special.expi",     lambda t, x: t * (xp.exp(x) / x))
elementwise("special.expn(n, x, /)", unknown, expn, promotes=True)
elementwise("special.spence",   lambda t, x: t * spence_slope(x))
elementwise("special.ellipk",   ellipk)
elementwise("special.ellipkm1", ellipkm1)
elementwise("special.ellipe",   ellipe)
elementwise("special.lpmv(m, v, x, /)", unknown, unknown, lpmv, promotes=True)
elementwise("special.hyp1f1(a, b, x, /)", unknown, unknown,
            lambda t, a, b, x: t * (a / b * xp.special.hyp1f1(a + 1, b + 1, x)), promotes=True)
elementwise("special.hyp2f1(a, b, c, x, /)", unknown, unknown, unknown,
            lambda t, a, b, c, x: t * (a * b / c * xp.special.hyp2f1(a + 1, b + 1, c + 1, x)),
            promotes=True)
# fmt: on
