"""Functions that ONNX has no operator for, written with functions that it has.

They are traced like a user's function, and their calls take the place of the one call. `INTEGERS`
and `FLOATS` are those whose operator is for the other kind of numbers; `DOUBLE` those whose
operator onnxruntime lacks for doubles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["DOUBLE", "FLOATS", "FORMULAS", "INTEGERS", "formula", "one"]

#: By the name of a NumPy function, ufunc or method.
FORMULAS: dict[str, Callable[..., Any]] = {}
INTEGERS: dict[str, Callable[..., Any]] = {}
FLOATS: dict[str, Callable[..., Any]] = {}
DOUBLE: dict[str, Callable[..., Any]] = {}


def formula(*names: str) -> Callable[[Any], Any]:
    """Add a function to `FORMULAS`."""

    def add(f: Any) -> Any:
        FORMULAS.update(dict.fromkeys(names, f))
        return f

    return add


# ---------------------------------------------------------------- elementwise


def one(x: Any) -> Any:
    """1, in the dtype of `x`."""
    return x.dtype.type(1)


def log1p(x: Any) -> Any:
    """The logarithm of the rounded 1 + x, corrected by what rounding took away (Kahan)."""
    u = one(x) + x
    exact = (u == 1) | (u == np.inf)
    return np.where(exact, x, np.log(u) * (x / np.where(exact, one(x), u - 1)))


def expm1(x: Any) -> Any:
    """As `log1p`: from the rounded exponential and its logarithm (Kahan)."""
    u = np.exp(x)
    plain = (u == 1) | (u - 1 == -1) | (u == np.inf)
    y = (u - 1) * (x / np.where(plain, one(x), np.log(u)))
    return np.where(u == 1, x, np.where(plain, u - 1, y))


def negative(x: Any) -> Any:
    """Whether the sign is negative, of zeros too."""
    return (x < 0) | ((x == 0) & (one(x) / x < 0))


def _copysign(x: Any, y: Any) -> Any:
    return np.where(negative(y), -np.abs(x), np.abs(x))


def remainder(x: Any, y: Any) -> Any:
    """The remainder with the sign of `y`."""
    r = np.fmod(x, y)
    return np.where(r == 0, _copysign(r, y), np.where((r < 0) != (y < 0), r + y, r))


def floor_divide(x: Any, y: Any) -> Any:
    """From the exact remainder, as in NumPy."""
    r = np.fmod(x, y)
    quotient = (x - r) / y - ((r != 0) & ((r < 0) != (y < 0))).astype(r.dtype)
    whole = np.floor(quotient)
    whole = whole + (quotient - whole > 0.5).astype(r.dtype)
    return np.where(y == 0, x / y, np.where(quotient == 0, _copysign(quotient, x / y), whole))


def power(x: Any, y: Any) -> Any:
    """Of integers, by squaring: the operator computes in doubles, which lack the last bits."""
    if not isinstance(y, (int, np.integer)):
        raise TypeError("integers with an exponent that is computed; convert them to floats")
    result, y = None, int(y)
    while y:
        if y % 2:
            result = x if result is None else result * x
        x, y = x * x, y // 2
    return np.ones(x.shape, x.dtype) if result is None else result


def arctan2(y: Any, x: Any) -> Any:
    """From the arcus tangent of a quotient of at most 1."""
    a, b = np.abs(y), np.abs(x)
    both = (a == np.inf) & (b == np.inf)
    a, b = np.where(both, one(a), a), np.where(both, one(b), b)
    steep = a > b
    low, high = np.where(steep, b, a), np.where(steep, a, b)
    angle = np.arctan(low / np.where((high == 0), one(a), high))
    angle = np.where(steep, math.pi / 2 - angle, angle)
    return _copysign(np.where(negative(x), math.pi - angle, angle), y)


def arctan(x: Any) -> Any:
    """Single precision, then two steps of Newton's method with sine and cosine."""
    steep = np.abs(x) > 1
    t = np.where(steep, 1.0 / np.where(steep, x, 1.0), x)
    y = np.arctan(t.astype(np.float32)).astype(np.float64)
    for _ in range(2):
        y = y - np.cos(y) * (np.sin(y) - t * np.cos(y))
    y = np.where(t == 0, t, y)
    return np.where(steep, _copysign(np.float64(math.pi / 2), x) - y, y)


def sinh(x: Any) -> Any:
    """Without cancellation near 0, and without overflow before the result."""
    u = np.expm1(np.abs(x))
    half = np.exp(0.5 * np.abs(x))
    y = np.where(np.abs(x) > 30, (0.5 * half) * half, 0.5 * (u + u / (u + 1)))
    return _copysign(y, x)


def cosh(x: Any) -> Any:
    """Without overflow before the result."""
    half = np.exp(0.5 * np.abs(x))
    return (0.5 * half) * half + 0.5 * np.exp(-np.abs(x))


def arcsinh(x: Any) -> Any:
    """Without cancellation near 0, and without overflow for large numbers."""
    a = np.abs(x)
    large = a > 1e150
    b = np.where(large, 1.0, a)
    near = np.log1p(b + b * b / (1 + np.sqrt(1 + b * b)))
    return _copysign(np.where(large, np.log(a) + math.log(2), near), x)


def arccosh(x: Any) -> Any:
    """Without cancellation near 1, and without overflow for large numbers."""
    large = x > 1e150
    t = np.where(large, 1.0, x - 1)
    near = np.log1p(t + np.sqrt(2 * t + t * t))
    y = np.where(large, np.log(np.where(large, x, 1.0)) + math.log(2), near)
    return np.where(x < 1, np.nan, y)


def logaddexp(x: Any, y: Any) -> Any:
    """The larger plus a small correction."""
    same = x == y
    far = -np.abs(np.where(same, 0, x) - np.where(same, 0, y))
    return np.maximum(x, y) + np.log1p(np.exp(far))


def hypot(x: Any, y: Any) -> Any:
    """Without overflow in between."""
    a, b = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    plain = (a == 0) | (a == np.inf)
    r = np.where(plain, 0, b / np.where(plain, one(a), a))
    endless = np.maximum(np.where(np.isinf(x), np.abs(x), 0), np.where(np.isinf(y), np.abs(y), 0))
    return np.where(endless == np.inf, endless, a * np.sqrt(1 + r * r))


def cbrt(x: Any) -> Any:
    """A power, and a step of Newton's method."""
    a = np.abs(x)
    y = a ** x.dtype.type(1 / 3)
    plain = (a == 0) | (a == np.inf)
    z = np.where(plain, one(x), y)
    return _copysign(np.where(plain, a, z - (z * z * z - a) / (3 * z * z)), x)


def round_(x: Any, decimals: int = 0) -> Any:
    """Scaled, rounded to even, and scaled back."""
    if x.dtype.kind != "f" and decimals >= 0:
        return np.positive(x)
    if decimals == 0:
        return np.rint(x)
    scale = float(10 ** abs(decimals))
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """The standard's and NumPy's."""
    y = x if min is None else np.maximum(x, min)
    return np.positive(y) if max is None else np.minimum(y, max)


FORMULAS |= {
    "log1p": log1p,
    "expm1": expm1,
    "log2": lambda x: np.log(x) * (1 / math.log(2)),
    "log10": lambda x: np.log(x) * (1 / math.log(10)),
    "exp2": lambda x: np.power(x.dtype.type(2), x),
    "square": lambda x: x * x,
    "reciprocal": lambda x: one(x) / x,
    "fabs": np.abs,
    "signbit": negative,
    "copysign": _copysign,
    "isfinite": lambda x: x - x == 0,
    "isinf": lambda x: np.abs(x) == np.inf,
    "trunc": lambda x: _copysign(np.floor(np.abs(x)), x),
    "divmod": lambda x, y: (np.floor_divide(x, y), np.remainder(x, y)),
    "arctan2": arctan2,
    "logaddexp": logaddexp,
    "logaddexp2": lambda x, y: logaddexp(x * math.log(2), y * math.log(2)) * (1 / math.log(2)),
    "hypot": hypot,
    "cbrt": cbrt,
    "float_power": lambda x, y: np.power(x * 1.0, y),
    "heaviside": lambda x, y: np.where(x == 0, y, np.where(np.isnan(x), x, (x > 0) * one(x))),
    "rad2deg": lambda x: x * (180 / math.pi),
    "deg2rad": lambda x: x * (math.pi / 180),
    "fmax": lambda x, y: np.where(x != x, y, np.where(y != y, x, np.maximum(x, y))),
    "fmin": lambda x, y: np.where(x != x, y, np.where(y != y, x, np.minimum(x, y))),
    "clip": clip,
    "sinc": lambda x: np.where(x == 0, 1, np.sin(math.pi * x) / np.where(x == 0, 1, math.pi * x)),
    "round": round_,
    "around": round_,
}
FORMULAS |= {"radians": FORMULAS["deg2rad"], "degrees": FORMULAS["rad2deg"]}
INTEGERS |= {
    "power": power,
    **dict.fromkeys(("floor", "ceil", "trunc", "rint"), np.copy),
    **dict.fromkeys(("isnan", "isinf"), lambda x: np.zeros(x.shape, bool)),
    "isfinite": lambda x: np.ones(x.shape, bool),
}
FLOATS |= {"remainder": remainder, "floor_divide": floor_divide}
DOUBLE |= {
    "tan": lambda x: np.sin(x) / np.cos(x),
    "arctan": arctan,
    "arcsin": lambda x: np.arctan(x / np.sqrt((1 - x) * (1 + x))),
    "arccos": lambda x: 2 * np.arctan(np.sqrt((1 - x) / (1 + x))),
    "sinh": sinh,
    "cosh": cosh,
    "arcsinh": arcsinh,
    "arccosh": arccosh,
    "arctanh": lambda x: _copysign(0.5 * np.log1p(2 * np.abs(x) / (1 - np.abs(x))), x),
}


# ---------------------------------------------------------------- of scipy.special


def log_expit(x: Any) -> Any:
    """Without overflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def xlogy(x: Any, y: Any) -> Any:
    """0 where `x` is 0, unless `y` is nan."""
    zero = (x == 0) & ~np.isnan(y)
    return np.where(zero, 0, x * np.log(np.where(zero, 1, y)))


def xlog1py(x: Any, y: Any) -> Any:
    """0 where `x` is 0, unless `y` is nan."""
    zero = (x == 0) & ~np.isnan(y)
    return np.where(zero, 0, x * np.log1p(np.where(zero, 0, y)))


FORMULAS |= {
    "special.expit": lambda x: one(x) / (1 + np.exp(-x)),
    "special.logit": lambda x: np.log(x) - np.log1p(-x),
    "special.log_expit": log_expit,
    "special.xlogy": xlogy,
    "special.xlog1py": xlog1py,
    "special.entr": lambda x: np.where(x < 0, -np.inf, -xlogy(x, x)),
    "special.exp10": lambda x: np.power(x.dtype.type(10), x),
    **{f"special.{name}": FORMULAS[name] for name in ("exp2", "expm1", "log1p", "cbrt")},
}


def erf(x: Any) -> Any:
    """A series up to 2.5 in magnitude, and from there on 1 less a continued fraction."""
    a = np.minimum(np.abs(x), 6.0)  # where the function is 1
    near = a < 2.5
    t = np.where(near, a, 0.0)
    term = total = t
    for n in range(1, 38):  # x (2 x²)ⁿ / (1 · 3 ⋯ (2 n + 1)): all of one sign
        term = term * (t * t * (2 / (2 * n + 1)))
        total = total + term
    far = np.where(near, 2.5, a)
    tail = far
    for n in range(26, 0, -1):
        tail = far + (n / 2) / tail
    root = 1 / math.sqrt(math.pi)
    y = np.where(near, 2 * root * np.exp(-t * t) * total, 1 - root * np.exp(-far * far) / tail)
    return np.where(np.isnan(x), x, _copysign(y, x))


DOUBLE["special.erf"] = erf
