"""`scipy.special` with derivatives: the functions of `pluggrad.special` over every library, and
others that SciPy computes on the host.

Arguments are positional, as those of SciPy's ufuncs are here; `out` and `where` are left out. A
derivative that is not known is an error that names the argument.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from ..arrays.backend import PRIMITIVES, get_backend
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of
from ..engine.cotangents import is_complex
from ..engine.primitive import Primitive
from ..errors import UnsupportedError
from ..rules.kinds import unknown
from .rows import falling_through, public
from .special_rows import NAMES, S, on_host

TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
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


def _wofz(t: Any, z: Any, y: Any) -> Any:
    return t * (TWO_OVER_ROOT_PI * 1j - 2 * z * y)


def _legendre(t: Any, n: Any, x: Any, y: Any) -> Any:
    """By x: n (x P_n - P_{n-1}) / (x² - 1), and n (n + 1) / 2 (±1)ⁿ⁺¹ at the ends."""
    end = xp.abs(x) == 1
    safe = xp.where(end, 0.5, x)
    inner = n * (safe * y - ROWS["eval_legendre"](n - 1, x)) / (safe * safe - 1)
    return t * xp.where(end, n * (n + 1) / 2 * x * y, inner)


# fmt: off
_row("owens_t(h, a, /)", _owens_h, _owens_a)
_row("kn(n, x, /)", unknown, lambda t, n, x: -_bessel("kn", 1)(t, n, x))
_row("hyp0f1(v, z, /)", unknown, lambda t, v, z: t * (ROWS["hyp0f1"](v + 1, z) / v))
_row("ellipkinc(phi, m, /)", lambda t, phi, m: t / _root(m, phi),
     lambda t, phi, m, y: t * ellipkinc_m(phi, m, y))
_row("ellipeinc(phi, m, /)", lambda t, phi, m: t * _root(m, phi),
     lambda t, phi, m, y: t * ellipeinc_m(phi, m, y))
_row("wrightomega(z, /)", lambda t, y: t * (y / (1 + y)))
_row("eval_chebyt(n, x, /)", unknown, lambda t, n, x: t * n * ROWS["eval_chebyu"](n - 1, x))
_row("eval_chebyu(n, x, /)", unknown,
     lambda t, n, x: t * 2 * ROWS["eval_gegenbauer"](n - 1, xp.zeros_like(x) + 2, x))
_row("eval_gegenbauer(n, alpha, x, /)", unknown, unknown,
     lambda t, n, alpha, x: t * 2 * alpha * ROWS["eval_gegenbauer"](n - 1, alpha + 1, x))
_row("eval_legendre(n, x, /)", unknown, _legendre)
_row("eval_hermite(n, x, /)", unknown, lambda t, n, x: t * 2 * n * ROWS["eval_hermite"](n - 1, x))
_row("eval_hermitenorm(n, x, /)", unknown,
     lambda t, n, x: t * n * ROWS["eval_hermitenorm"](n - 1, x))
_row("eval_laguerre(n, x, /)", unknown,
     lambda t, n, x: -t * ROWS["eval_genlaguerre"](n - 1, xp.zeros_like(x) + 1, x))
_row("eval_genlaguerre(n, alpha, x, /)", unknown, unknown,
     lambda t, n, alpha, x: -t * ROWS["eval_genlaguerre"](n - 1, alpha + 1, x))
_row("eval_jacobi(n, alpha, beta, x, /)", unknown, unknown, unknown,
     lambda t, n, alpha, beta, x:
     t * (n + alpha + beta + 1) / 2 * ROWS["eval_jacobi"](n - 1, alpha + 1, beta + 1, x))
_row("struve(v, x, /)", unknown,
     lambda t, v, x, y: t * (ROWS["struve"](v - 1, x) - v / x * y))
_row("modstruve(v, x, /)", unknown,
     lambda t, v, x, y: t * (ROWS["modstruve"](v - 1, x) - v / x * y))
_row("powm1(x1, x2, /)", lambda t, x1, x2: t * x2 * x1 ** (x2 - 1),
     lambda t, x1, x2: t * x1**x2 * xp.log(x1))
# fmt: on


def _powers(phi: Any) -> list[Any]:
    """The integrals of sin², sin⁴ and sin⁶ from 0 to `phi`."""
    s, c = xp.sin(phi), xp.cos(phi)
    i2 = (phi - s * c) / 2
    i4 = (3 * i2 - s**3 * c) / 4
    return [i2, i4, (5 * i4 - s**5 * c) / 6]


def ellipeinc_m(phi: Any, m: Any, y: Any) -> Any:
    """The derivative (E - F) / (2 m), and its series near m = 0."""
    small = xp.abs(m) < 1e-4
    safe = xp.where(small, 0.5, m)
    i2, i4, i6 = _powers(phi)
    near = -(i2 + m * i4 / 2 + 3 * m * m * i6 / 8) / 2
    far = (ROWS["ellipeinc"](phi, safe) - ROWS["ellipkinc"](phi, safe)) / (2 * safe)
    return xp.where(small, near, far)


def ellipkinc_m(phi: Any, m: Any, y: Any) -> Any:
    """The derivative by m, and its series near m = 0."""
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


def _several(name: str) -> Callable[..., Any]:
    """The public function `name`."""
    makers = [_one_part(name, k) for k in range(len(PARTS[name]))]

    def call(z: Any, /) -> Any:
        return tuple([make(z) for make in makers])

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""As `scipy.special.{name}`: a tuple of results, each with its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.special.{name}.html
    """
    call.__module__ = "pluggrad.scipy.special"
    return call


def _one_part(name: str, k: int) -> Callable[..., Any]:
    def part(z: Any, /) -> Any:
        return ROWS[f"{name}_{k}"](_floating(z))

    part.__name__ = name
    return public("special", arrays="z")(part)


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


def _one_jacobi(k: int) -> Callable[..., Any]:
    def ellipj(u: Any, m: Any, /) -> Any:
        return ROWS[f"ellipj_{k}"](*_floating(u, m))

    return public("special", arrays="u m")(ellipj)


_JACOBI = [_one_jacobi(k) for k in range(4)]


def ellipj(u: Any, m: Any, /) -> Any:
    """Jacobi's elliptic functions, as `scipy.special.ellipj`: sn, cn, dn and the amplitude.

    Derivatives by `u` and `m`. Near m = 0 the second one by `m` is not exact.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.special.ellipj.html
    """
    return tuple([make(u, m) for make in _JACOBI])


# ---------------------------------------------------------------- public functions


def _floating(*xs: Any) -> Any:
    """`xs` in floating-point dtypes; one alone, or a list of several."""
    found = []
    for x in xs:
        if hasattr(x, "dtype") and x.dtype not in x._backend.float_dtypes:
            double = x._backend.name == "numpy"
            x = xp.astype(x, x._backend.xp.float64) if double else x * 1.0
        found.append(x)
    return found[0] if len(xs) == 1 else found


def _array(x: Any) -> Any:
    """A number as an array of NumPy's."""
    return x if hasattr(x, "shape") else get_backend("numpy").namespace.asarray(float(x))


def _function(name: str, function: Callable[..., Any], row: Primitive) -> Callable[..., Any]:
    """The public function of a row, whose parameters it has."""
    names = list(row.parameters)
    optional = [n for n in names if row.defaults.get(n, inspect.Parameter.empty) is None]

    def call(*args: Any) -> Any:
        if any(hasattr(x, "shape") for x in args):
            return function(*args)
        return function(*args[:-1], _array(args[-1]))

    call.__name__ = call.__qualname__ = name
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                n, inspect.Parameter.POSITIONAL_ONLY,
                default=None if n in optional else inspect.Parameter.empty,
            )
            for n in names
        ]
    )  # fmt: skip
    call.__doc__ = f"""As `scipy.special.{name}`, with derivatives where they are known.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.special.{name}.html
    """
    return public("special", arrays=" ".join(names))(call)


def _on_floats(name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        found = _floating(*args)
        return ROWS[name](*(found if len(args) > 1 else [found]))

    return call


_OWN_SIGNATURES = ("multigammaln", "polygamma", "zeta")
_WHOLE = {
    name: _function(name, getattr(S, name), PRIMITIVES[f"special.{name}"])
    for name in NAMES if name not in _OWN_SIGNATURES
} | {
    name: _function(name, _on_floats(name), row) for name, row in ROWS.items()
    if not (name[-2] == "_" and name[-1].isdigit())
} | {name: _several(name) for name in PARTS}  # fmt: skip
globals().update(_WHOLE)


@public("special", arrays="a")
def multigammaln(a: Any, d: Any) -> Any:
    """The logarithm of the multivariate gamma function, by `a`."""
    return S.multigammaln(_floating(a), d)


@public("special", arrays="n x")
def polygamma(n: Any, x: Any) -> Any:
    """The polygamma function, by `x`."""
    return S.polygamma(n, _floating(_array(x)))


@public("special", arrays="x q")
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The Riemann or Hurwitz zeta function, by `q`; `out` is left out."""
    if out is not None:
        raise UnsupportedError(
            "pluggrad.scipy.special.zeta(out=...) is not supported: leave it out"
        )
    return S.zeta(_array(x), q)


@public("special", arrays="x")
def softmax(x: Any, axis: Any = None) -> Any:
    """The exponentials, divided by their sum along `axis`."""
    return xp.softmax(_floating(x), axis=axis)


@public("special", arrays="x")
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`, without underflow."""
    return xp.log_softmax(_floating(x), axis=axis)


@public("special", arrays="a b")
def _log_sum(a: Any, axis: Any, b: Any, keepdims: Any, sign: bool) -> Any:
    a = _floating(_array(a))
    axis = None if axis is None else axes_of(axis, a.ndim, "scipy.special.logsumexp")
    if is_complex(a) or (hasattr(b, "dtype") and is_complex(b)):
        raise UnsupportedError("pluggrad.scipy.special.logsumexp takes real numbers")
    if b is None and not sign:
        return xp.logsumexp(a, axis=axis, keepdims=keepdims)
    if b is None:
        b = xp.ones_like(a)
    a, b = a + xp.zeros_like(a * b), b + xp.zeros_like(a)
    none = b == 0
    top = xp.max(xp.where(none, -math.inf, a), axis=axis, keepdims=True)
    finite = xp.where(xp.abs(top) < math.inf, top, 0.0)
    terms = xp.where(none, 0.0, b * xp.exp(xp.where(none, 0.0, a - finite)))
    total = xp.sum(terms, axis=axis, keepdims=True)
    y = xp.log(xp.abs(total) if sign else total) + finite
    y, signs = (v if keepdims else xp.sum(v, axis=axis) for v in (y, xp.sign(total)))
    return xp.stack([y, signs]) if sign else y


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """The logarithm of the sum of exponentials, each multiplied by `b`, without overflow.

    With `return_sign`, that of the absolute value of the sum, and its sign. Without it, a negative
    sum gives nan.

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.special
    >>> pg.grad(pg.scipy.special.logsumexp)(np.zeros(2))
    array([0.5, 0.5])
    """
    y = _log_sum(a, axis, b, keepdims, bool(return_sign))
    return (y[0, ...], y[1, ...]) if return_sign else y


__all__ = sorted([*_WHOLE, *_OWN_SIGNATURES, "ellipj", "log_softmax", "logsumexp", "softmax"])

__getattr__, __dir__ = falling_through("special", __all__)
