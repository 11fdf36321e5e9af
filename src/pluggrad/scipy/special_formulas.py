"""Special functions that `pluggrad.special` has not: rows for SciPy's compiled code on the host."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..arrays.dispatch import xp
from ..engine.primitive import Primitive
from ..rules.kinds import unknown
from .special_rows import S, on_host

__all__ = ["PARTS", "ROWS"]

ROWS: dict[str, Primitive] = {}


def _row(signature: str, *formulas: Any) -> None:
    name = signature.partition("(")[0]
    ROWS[name] = on_host(f"scipy.special.{signature}", *formulas)


def _of(name: str) -> Callable[..., Any]:
    """The row of that name, which formulas call."""
    return lambda *args: ROWS[name](*args)


def _bessel(name: str, sign: int) -> Callable[..., Any]:
    """t (f(n - 1, z) ± f(n + 1, z)) / 2."""
    return lambda t, n, z: t * (ROWS[name](n - 1, z) + sign * ROWS[name](n + 1, z)) / 2


def _root(m: Any, phi: Any) -> Any:
    s = xp.sin(phi)
    return xp.sqrt(1 - m * s * s)


def _owens_h(t: Any, h: Any, a: Any) -> Any:
    """By h: -φ(h) (Φ(a h) - 1/2)."""
    return t * (xp.exp(h * h / -2) / math.sqrt(2 * math.pi) * -S.erf(a * h / math.sqrt(2)) / 2)


def _owens_a(t: Any, h: Any, a: Any) -> Any:
    return t * (xp.exp(h * h * (1 + a * a) / -2) / (2 * math.pi * (1 + a * a)))


def _legendre(t: Any, n: Any, x: Any, y: Any) -> Any:
    """By x: n (x P_n - P_{n-1}) / (x² - 1), and n (n + 1) / 2 (±1)ⁿ⁺¹ at the ends."""
    end = xp.abs(x) == 1
    safe = xp.where(end, 0.5, x)
    inner = n * (safe * y - ROWS["eval_legendre"](n - 1, x)) / (safe * safe - 1)
    return t * xp.where(end, n * (n + 1) / 2 * x * y, inner)


def _before(n: Any) -> Any:
    """The degree before `n`, but 0 before 0: what stands there is multiplied by 0."""
    return n - _any(n)


def _any(n: Any) -> Any:
    """0 for the degree 0, of a polynomial that is constant, and 1 for others."""
    if not hasattr(n, "shape"):
        return float(n != 0)
    return xp.astype(n != 0, n.dtype)


# fmt: off
_row("owens_t(h, a, /)", _owens_h, _owens_a)
_row("kn(n, x, /)", unknown, lambda t, n, x: -_bessel("kn", 1)(t, n, x))
_row("hyp0f1(v, z, /)", unknown, lambda t, v, z: t * (ROWS["hyp0f1"](v + 1, z) / v))
_row("ellipkinc(phi, m, /)", lambda t, phi, m: t / _root(m, phi),
     lambda t, phi, m, y: t * ellipkinc_m(phi, m, y))
_row("ellipeinc(phi, m, /)", lambda t, phi, m: t * _root(m, phi),
     lambda t, phi, m, y: t * ellipeinc_m(phi, m, y))
_row("wrightomega(z, /)", lambda t, y: t * (y / (1 + y)))
_row("eval_chebyt(n, x, /)", unknown, lambda t, n, x: t * n * ROWS["eval_chebyu"](_before(n), x))
_row("eval_chebyu(n, x, /)", unknown,
     lambda t, n, x:
     t * 2 * _any(n) * ROWS["eval_gegenbauer"](_before(n), xp.zeros_like(x) + 2, x))
_row("eval_gegenbauer(n, alpha, x, /)", unknown, unknown,
     lambda t, n, alpha, x:
     t * 2 * alpha * _any(n) * ROWS["eval_gegenbauer"](_before(n), alpha + 1, x))
_row("eval_legendre(n, x, /)", unknown, _legendre)
_row("eval_hermite(n, x, /)", unknown,
     lambda t, n, x: t * 2 * n * ROWS["eval_hermite"](_before(n), x))
_row("eval_hermitenorm(n, x, /)", unknown,
     lambda t, n, x: t * n * ROWS["eval_hermitenorm"](_before(n), x))
_row("eval_laguerre(n, x, /)", unknown,
     lambda t, n, x:
     -t * _any(n) * ROWS["eval_genlaguerre"](_before(n), xp.zeros_like(x) + 1, x))
_row("eval_genlaguerre(n, alpha, x, /)", unknown, unknown,
     lambda t, n, alpha, x: -t * _any(n) * ROWS["eval_genlaguerre"](_before(n), alpha + 1, x))
_row("eval_jacobi(n, alpha, beta, x, /)", unknown, unknown, unknown,
     lambda t, n, alpha, beta, x:
     t * (n + alpha + beta + 1) / 2 * _any(n)
     * ROWS["eval_jacobi"](_before(n), alpha + 1, beta + 1, x))
_row("struve(v, x, /)", unknown,
     lambda t, v, x, y: t * (ROWS["struve"](v - 1, x) - v / x * y))
_row("modstruve(v, x, /)", unknown,
     lambda t, v, x, y: t * (ROWS["modstruve"](v - 1, x) - v / x * y))
_row("powm1(x1, x2, /)", lambda t, x1, x2: t * x2 * x1 ** (x2 - 1),
     lambda t, x1, x2: t * x1**x2 * xp.log(x1 + xp.zeros_like(x2)))
# fmt: on


def _powers(phi: Any) -> list[Any]:
    """The integrals of sin², sin⁴ and sin⁶ from 0 to `phi`."""
    s, c = xp.sin(phi), xp.cos(phi)
    i2 = (phi - s * c) / 2
    i4 = (3 * i2 - s**3 * c) / 4
    return [i2, i4, (5 * i4 - s**5 * c) / 6]


def ellipeinc_m(phi: Any, m: Any, y: Any) -> Any:
    """The derivative (E - F) / (2 m), and its series near m = 0."""
    phi = phi + xp.zeros_like(m)  # (It may be a number.)
    small = xp.abs(m) < 1e-4
    safe = xp.where(small, 0.5, m)
    i2, i4, i6 = _powers(phi)
    near = -(i2 + m * i4 / 2 + 3 * m * m * i6 / 8) / 2
    far = (ROWS["ellipeinc"](phi, safe) - ROWS["ellipkinc"](phi, safe)) / (2 * safe)
    return xp.where(small, near, far)


def ellipkinc_m(phi: Any, m: Any, y: Any) -> Any:
    """The derivative by m, and its series near m = 0."""
    phi = phi + xp.zeros_like(m)  # (It may be a number.)
    small = xp.abs(m) < 1e-4
    safe = xp.where(small, 0.5, m)
    i2, i4, i6 = _powers(phi)
    near = (i2 + 3 * m * i4 / 2 + 15 * m * m * i6 / 8) / 2
    e, f = ROWS["ellipeinc"](phi, safe), ROWS["ellipkinc"](phi, safe)
    tail = xp.sin(phi) * xp.cos(phi) / (2 * (1 - safe) * _root(safe, phi))
    return xp.where(small, near, e / (2 * safe * (1 - safe)) - f / (2 * safe) - tail)


# ---------------------------------------------------------------- functions of several results


#: The parts of functions of several results: formulas of (t, z) for each, by the part's number.
PARTS: dict[str, list[Callable[..., Any]]] = {}


def _parts(name: str, *formulas: Callable[..., Any]) -> None:
    """Rows, one for each result of SciPy's function `name`."""
    for k, formula in enumerate(formulas):
        ROWS[f"{name}_{k}"] = on_host(f"scipy.special.{name}_{k}(z, /)", formula)
    PARTS[name] = list(formulas)


def _part(name: str, k: int) -> Callable[..., Any]:
    return _of(f"{name}_{k}")


def _over(f: Callable[..., Any]) -> Callable[..., Any]:
    """t f(z) / z, and t where z is 0: for f = sin and sinh."""

    def formula(t: Any, z: Any) -> Any:
        none = z == 0
        safe = xp.where(none, 1.0, z)
        return t * xp.where(none, 1.0, f(safe) / safe)

    return formula


def _square(z: Any) -> Any:
    return math.pi / 2 * z * z


_parts(
    "airy", lambda t, z: t * _part("airy", 1)(z), lambda t, z: t * z * _part("airy", 0)(z),
    lambda t, z: t * _part("airy", 3)(z), lambda t, z: t * z * _part("airy", 2)(z),
)  # fmt: skip
_parts("sici", lambda t, z: t * S.sinc(z / math.pi), lambda t, z: t * (xp.cos(z) / z))
_parts("shichi", _over(xp.sinh), lambda t, z: t * (xp.cosh(z) / z))
_parts("fresnel", lambda t, z: t * xp.sin(_square(z)), lambda t, z: t * xp.cos(_square(z)))


# ellipj: (sn, cn, dn, ph) of (u, m). Each result follows from sn, cn, dn; the amplitude's
# derivative by m has the second elliptic integral.


def _amplitude_m(u: Any, m: Any) -> Any:
    """The derivative by m of the amplitude."""
    sn, cn, dn, ph = (ROWS[f"ellipj_{k}"](u, m) for k in range(4))
    small = xp.abs(m) < 1e-6
    safe = xp.where(small, 0.5, m)
    e = ROWS["ellipeinc"](ph, m)
    far = dn * ((1 - safe) * u - e + safe * sn * cn / dn) / (2 * safe * (1 - safe))
    near = (xp.sin(u) * xp.cos(u) - u) / 4
    return xp.where(small, near, far)


def _jacobi(k: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The formulas of result `k` by u and by m."""

    def by_u(t: Any, u: Any, m: Any) -> Any:
        sn, cn, dn = (ROWS[f"ellipj_{i}"](u, m) for i in range(3))
        return t * (cn * dn, -sn * dn, -m * sn * cn, dn)[k]

    def by_m(t: Any, u: Any, m: Any) -> Any:
        sn, cn, dn = (ROWS[f"ellipj_{i}"](u, m) for i in range(3))
        slope = _amplitude_m(u, m)
        return t * (
            cn * slope, -sn * slope, -(sn * sn + 2 * m * sn * cn * slope) / (2 * dn), slope,
        )[k]  # fmt: skip

    return by_u, by_m


for _k in range(4):
    ROWS[f"ellipj_{_k}"] = on_host(f"scipy.special.ellipj_{_k}(u, m, /)", *_jacobi(_k))
