"""Functions that ONNX has no operator for, written with functions that it has.

They are traced like a user's function, and their calls take the place of the one call. `FLOATS` are
those whose operator is for integers; `DOUBLE` those whose operator onnxruntime lacks for doubles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["DOUBLE", "FLOATS", "FORMULAS"]

#: By the name of a NumPy function, ufunc or method.
FORMULAS: dict[str, Callable[..., Any]] = {}
FLOATS: dict[str, Callable[..., Any]] = {}
DOUBLE: dict[str, Callable[..., Any]] = {}


def formula(*names: str) -> Callable[[Any], Any]:
    """Add a function to `FORMULAS`."""

    def add(f: Any) -> Any:
        FORMULAS.update(dict.fromkeys(names, f))
        return f

    return add


# ---------------------------------------------------------------- elementwise


def _one(x: Any) -> Any:
    return x.dtype.type(1)


def log1p(x: Any) -> Any:
    """The logarithm of the rounded 1 + x, corrected by what rounding took away (Kahan)."""
    u = _one(x) + x
    exact = (u == 1) | (u == np.inf)
    return np.where(exact, x, np.log(u) * (x / np.where(exact, _one(x), u - 1)))


def expm1(x: Any) -> Any:
    """As `log1p`: from the rounded exponential and its logarithm (Kahan)."""
    u = np.exp(x)
    plain = (u == 1) | (u - 1 == -1) | (u == np.inf)
    y = (u - 1) * (x / np.where(plain, _one(x), np.log(u)))
    return np.where(u == 1, x, np.where(plain, u - 1, y))


def negative(x: Any) -> Any:
    """Whether the sign is negative, of zeros too."""
    return (x < 0) | ((x == 0) & (_one(x) / x < 0))


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


def arctan2(y: Any, x: Any) -> Any:
    """From the arcus tangent of a quotient of at most 1."""
    a, b = np.abs(y), np.abs(x)
    both = (a == np.inf) & (b == np.inf)
    a, b = np.where(both, _one(a), a), np.where(both, _one(b), b)
    steep = a > b
    low, high = np.where(steep, b, a), np.where(steep, a, b)
    angle = np.arctan(low / np.where((high == 0), _one(a), high))
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
    return np.where(large, np.log(np.where(large, x, 1.0)) + math.log(2), near)


def logaddexp(x: Any, y: Any) -> Any:
    """The larger plus a small correction."""
    same = x == y
    far = -np.abs(np.where(same, 0, x) - np.where(same, 0, y))
    return np.maximum(x, y) + np.log1p(np.exp(far))


def hypot(x: Any, y: Any) -> Any:
    """Without overflow in between."""
    a, b = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    plain = (a == 0) | (a == np.inf)
    r = np.where(plain, 0, b / np.where(plain, _one(a), a))
    endless = np.maximum(np.where(np.isinf(x), np.abs(x), 0), np.where(np.isinf(y), np.abs(y), 0))
    return np.where(endless == np.inf, endless, a * np.sqrt(1 + r * r))


def cbrt(x: Any) -> Any:
    """A power, and a step of Newton's method."""
    a = np.abs(x)
    y = a ** x.dtype.type(1 / 3)
    plain = (a == 0) | (a == np.inf)
    z = np.where(plain, _one(x), y)
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
    "reciprocal": lambda x: _one(x) / x,
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
    "heaviside": lambda x, y: np.where(x == 0, y, np.where(np.isnan(x), x, (x > 0) * _one(x))),
    "rad2deg": lambda x: x * (180 / math.pi),
    "deg2rad": lambda x: x * (math.pi / 180),
    "fmax": lambda x, y: np.where(x != x, y, np.where(y != y, x, np.maximum(x, y))),
    "fmin": lambda x, y: np.where(x != x, y, np.where(y != y, x, np.minimum(x, y))),
    "clip": clip,
    "round": round_,
    "around": round_,
    "special.expit": lambda x: 1 / (1 + np.exp(-x)),
}
FORMULAS |= {"radians": FORMULAS["deg2rad"], "degrees": FORMULAS["rad2deg"]}
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


# ---------------------------------------------------------------- reductions and sums


def _count(x: Any, axis: Any) -> int:
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return math.prod([x.shape[i] for i in axes])


@formula("mean")
def mean(x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum, divided."""
    total = np.sum(x, axis=axis, dtype=dtype or np.result_type(x.dtype, np.float16), keepdims=keepdims)
    return total / float(_count(x, axis))


@formula("var")
def var(
    x: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: bool = False,
    correction: Any = None,
) -> Any:  # fmt: skip
    """The mean of the squares around the mean."""
    x = x - mean(x, axis, dtype, True)
    less = ddof if correction is None else correction
    return np.sum(x * x, axis=axis, keepdims=keepdims) / float(_count(x, axis) - less)


FORMULAS["std"] = lambda *args, **kwargs: np.sqrt(var(*args, **kwargs))
FORMULAS["ptp"] = lambda x, axis=None, keepdims=False: (
    np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)
)
FORMULAS["count_nonzero"] = lambda x, axis=None, *, keepdims=False: np.sum(
    x != 0, axis=axis, dtype=np.int64, keepdims=keepdims
)


@formula("linalg.vector_norm", "linalg.norm", "vector_norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norms of vectors, and the Frobenius norm. Scaled by the largest modulus, so that no square
    overflows."""
    several = isinstance(axis, tuple) or (axis is None and x.ndim > 1)
    if ord == "fro":
        ord = None
    if ord not in (None, 2) and several:
        raise TypeError("a norm of matrices other than Frobenius'")
    return _norm(np.abs(x), 2 if ord is None else ord, axis, keepdims)


def _norm(a: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    kwargs = {"axis": axis, "keepdims": keepdims}
    if ord in (np.inf, -np.inf):
        return (np.max if ord > 0 else np.min)(a, **kwargs)
    if ord == 0:
        return np.sum((a != 0).astype(a.dtype), **kwargs)
    if ord == 1:
        return np.sum(a, **kwargs)
    if ord != 2:
        return np.sum(a**ord, **kwargs) ** (1 / ord)
    top = np.max(a, axis=axis, keepdims=True)
    top = np.where((top == 0) | (top == np.inf), _one(a), top)
    scale = np.reshape(top, np.sum(np.empty(a.shape, bool), **kwargs).shape)
    return np.sqrt(np.sum((a / top) ** 2, **kwargs)) * scale


@formula("diff")
def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours."""
    for _ in range(n):
        x = np.moveaxis(x, axis, 0)
        x = np.moveaxis(x[1:] != x[:-1] if x.dtype == bool else x[1:] - x[:-1], 0, axis)
    return x


def running(function: Any) -> Callable[..., Any]:
    """``function.accumulate``, by doubling: in as many steps as the length has binary digits."""

    def accumulate(x: Any, axis: Any = 0, dtype: Any = None) -> Any:
        x = np.moveaxis(x if dtype is None else np.astype(x, dtype), axis, 0)
        step = 1
        while step < x.shape[0]:
            x = np.concatenate([x[:step], function(x[step:], x[:-step])])
            step *= 2
        return np.moveaxis(x, 0, axis)

    return accumulate


def cumprod(x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Products of the first elements."""
    dtype = dtype or (np.int64 if x.dtype.kind in "bi" else None)
    return running(np.multiply)(np.ravel(x) if axis is None else x, axis or 0, dtype)


def cumulative(function: Any, start: int) -> Callable[..., Any]:
    """The standard's cumulative sums and products."""

    def cumulate(x: Any, *, axis: Any = None, dtype: Any = None, include_initial: bool = False) -> Any:
        axis = 0 if axis is None else axis
        y = function(x, axis=axis, dtype=dtype)
        if include_initial:
            first = np.full([1 if i == axis % x.ndim else n for i, n in enumerate(x.shape)], start)
            y = np.concatenate([first.astype(y.dtype), y], axis=axis)
        return y

    return cumulate


FORMULAS |= {
    "cumprod": cumprod,
    "cumulative_sum": cumulative(np.cumsum, 0),
    "cumulative_prod": cumulative(cumprod, 1),
    "add.accumulate": lambda x, axis=0, dtype=None: np.cumsum(x, axis=axis, dtype=dtype),
    **{f"{f.__name__}.accumulate": running(f) for f in (np.multiply, np.maximum, np.minimum)},
}


# ---------------------------------------------------------------- products


@formula("dot", "linalg.dot")
def dot(x: Any, y: Any) -> Any:
    """NumPy's: over the last axis of `x` and the last but one of `y`."""
    if x.ndim == 0 or y.ndim == 0:
        return np.multiply(x, y)
    return np.tensordot(x, y, axes=((x.ndim - 1,), (max(y.ndim - 2, 0),)))


@formula("tensordot", "linalg.tensordot")
def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """A product of matrices, between reshapes."""
    if isinstance(axes, int):
        axes = (tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes)))
    one, two = [
        tuple([i % z.ndim for i in ((a,) if isinstance(a, int) else a)])
        for a, z in zip(axes, (x, y), strict=True)
    ]
    left = [i for i in range(x.ndim) if i not in one]
    right = [i for i in range(y.ndim) if i not in two]
    shape = [x.shape[i] for i in left] + [y.shape[i] for i in right]
    size = math.prod([x.shape[i] for i in one])
    a = np.reshape(np.transpose(x, (*left, *one)), (math.prod([x.shape[i] for i in left]), size))
    b = np.reshape(np.transpose(y, (*two, *right)), (size, math.prod([y.shape[i] for i in right])))
    return np.reshape(a @ b, tuple(shape))


FORMULAS |= {
    "vdot": lambda x, y: np.sum(np.ravel(x) * np.ravel(y)),
    "inner": lambda x, y: (
        x * y if x.ndim == 0 or y.ndim == 0 else tensordot(x, y, ((x.ndim - 1,), (y.ndim - 1,)))
    ),
    "outer": lambda x, y: np.ravel(x)[:, None] * np.ravel(y),
    "linalg.outer": lambda x, y: x[:, None] * y,
    "vecdot": lambda x, y, axis=-1: np.sum(x * y, axis=axis),
    "matvec": lambda x, y: (x @ y[..., None])[..., 0],
    "vecmat": lambda x, y: (x[..., None, :] @ y)[..., 0, :],
    "trace": lambda x, offset=0, axis1=0, axis2=1, dtype=None: np.sum(
        np.diagonal(x, offset, axis1, axis2), axis=-1, dtype=dtype
    ),
    "linalg.trace": lambda x, *, offset=0, dtype=None: np.sum(
        np.diagonal(x, offset, -2, -1), axis=-1, dtype=dtype
    ),
    "linalg.matmul": np.matmul,
}
FORMULAS |= {"linalg.vecdot": FORMULAS["vecdot"]}


# ---------------------------------------------------------------- order


@formula("sort")
def sort(x: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Any:
    """By `argsort`."""
    if axis is None:
        x, axis = np.ravel(x), -1
    return np.take_along_axis(x, np.argsort(x, axis), axis)


@formula("take_along_axis")
def take_along_axis(x: Any, places: Any, axis: Any = -1) -> Any:
    """Indexing with integers for all axes."""
    if axis is None:
        return np.ravel(x)[places]
    axis %= x.ndim
    shape = np.broadcast_shapes(*[
        tuple([1 if i == axis else n for i, n in enumerate(z.shape)]) for z in (x, places)
    ])  # fmt: skip
    x = np.broadcast_to(x, tuple([x.shape[i] if i == axis else n for i, n in enumerate(shape)]))
    grids = np.ogrid[tuple([slice(n) for n in shape])]
    return x[tuple([places if i == axis else grid for i, grid in enumerate(grids)])]


@formula("searchsorted")
def searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    """How many elements of `a` come before each of `v`."""
    before = np.less if side == "left" else np.less_equal
    return np.sum(before(a, v[..., None]), axis=-1, dtype=np.int64)
