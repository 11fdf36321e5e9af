"""Statistics of samples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...arrays.dispatch import xp
from ...engine.arguments import axes_of, axis_of, whole
from ...errors import InvalidArgumentError, UnsupportedError
from ..rows import public, refuse_away
from ..special_rows import S
from .distributions import floats

__all__ = ["gmean", "hmean", "kurtosis", "moment", "pearsonr", "skew", "zscore"]


def _sample(a: Any, axis: Any, nan_policy: Any, name: str) -> tuple[Any, Any, int]:
    """The sample in a floating-point dtype, the axes to reduce, and how many numbers there are."""
    if nan_policy != "propagate":
        if nan_policy not in ("omit", "raise"):
            raise InvalidArgumentError(
                f"scipy.stats.{name}: nan_policy is 'propagate' here, not {nan_policy!r}"
            )
        raise UnsupportedError(
            f"pluggrad.scipy.stats.{name} has nan_policy='propagate' only: take the nan out first"
        )
    (a,) = _kept([a], name)
    axes = axes_of(axis, a.ndim, f"scipy.stats.{name}")
    return a, axes, math.prod([a.shape[k] for k in axes])


def _kept(arrays: list[Any], name: str) -> list[Any]:
    """`arrays` in floating-point dtypes; narrow ones stay as they are."""
    if all(hasattr(x, "dtype") and x.dtype in x._backend.real_dtypes for x in arrays):
        return arrays
    return floats(arrays, f"scipy.stats.{name}")


def _constant(a: Any, axes: Any) -> Any:
    """Where all numbers are the same."""
    low, high = (f(a, axis=axes, keepdims=True) for f in (xp.min, xp.max))
    return low == high


def _moment(a: Any, axes: Any, order: int, keepdims: bool = False) -> Any:
    dev = a - xp.mean(a, axis=axes, keepdims=True)
    return xp.mean(dev**order, axis=axes, keepdims=keepdims)


@public("stats", arrays="a")
def zscore(a: Any, axis: Any = 0, ddof: Any = 0, nan_policy: Any = "propagate") -> Any:
    """The distances from the mean, in standard deviations; nan for a sample of equal numbers.

    `nan_policy` is ``"propagate"``.
    """
    a, axes, _ = _sample(a, axis, nan_policy, "zscore")
    same = _constant(a, axes)
    std = xp.std(xp.where(same, 0 * a, a), axis=axes, keepdims=True, correction=ddof)
    dev = a - xp.mean(a, axis=axes, keepdims=True)
    return xp.where(same, math.nan, dev / xp.where(same, 1.0, std))


@public("stats", arrays="a")
def moment(
    a: Any, order: Any = 1, axis: Any = 0, nan_policy: Any = "propagate", *, center: Any = None,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """The moment of a whole `order` about the mean, or about `center`.

    `nan_policy` is ``"propagate"``, and `order` is one number.
    """
    a, axes, _ = _sample(a, axis, nan_policy, "moment")
    order = whole(order, "scipy.stats.moment", "order", least=0)
    if order == 1 and center is None:
        return 0 * xp.mean(a, axis=axes, keepdims=keepdims)
    if center is None:
        return _moment(a, axes, order, keepdims)
    return xp.mean((a - center) ** order, axis=axes, keepdims=keepdims)


def _standard(a: Any, axes: Any, order: int) -> Any:
    """The moment of the standardised sample; nan where all numbers are equal, to rounding."""
    m2, mean = _moment(a, axes, 2, True), xp.mean(a, axis=axes, keepdims=True)
    eps = float(a._backend.xp.finfo(a.dtype).eps)
    none = m2 <= (eps * mean) ** 2
    high = _moment(a, axes, order, True)
    return xp.where(none, math.nan, high / xp.where(none, 1.0, m2) ** (order / 2))


def _shaped(y: Any, axes: Any, keepdims: bool) -> Any:
    return y if keepdims else xp.squeeze(y, axis=axes)


@public("stats", arrays="a")
def skew(
    a: Any, axis: Any = 0, bias: bool = True, nan_policy: Any = "propagate", *,
    keepdims: bool = False,
) -> Any:  # fmt: skip
    """The skewness of a sample. `nan_policy` is ``"propagate"``."""
    a, axes, n = _sample(a, axis, nan_policy, "skew")
    y = _standard(a, axes, 3)
    if not bias and n > 2:
        y = y * (math.sqrt(n * (n - 1)) / (n - 2))
    return _shaped(y, axes, keepdims)


@public("stats", arrays="a")
def kurtosis(
    a: Any, axis: Any = 0, fisher: bool = True, bias: bool = True, nan_policy: Any = "propagate",
    *, keepdims: bool = False,
) -> Any:  # fmt: skip
    """The kurtosis of a sample, less 3 with `fisher`. `nan_policy` is ``"propagate"``."""
    a, axes, n = _sample(a, axis, nan_policy, "kurtosis")
    y = _standard(a, axes, 4)
    if not bias and n > 3:
        y = ((n * n - 1) * y - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3
    return _shaped(y - 3 if fisher else y, axes, keepdims)


def _mean(a: Any, axes: Any, weights: Any, keepdims: bool, name: str) -> Any:
    """The mean, weighted if there are weights."""
    if weights is None:
        return xp.mean(a, axis=axes, keepdims=keepdims)
    if tuple(weights.shape) != tuple(a.shape):
        if len(axes) != 1 or tuple(weights.shape) != (a.shape[axes[0]],):
            raise InvalidArgumentError(f"scipy.stats.{name}: weights of shape {weights.shape} for "
                                       f"a sample of shape {a.shape}")  # fmt: skip
        weights = xp.reshape(weights, (-1,) + (1,) * (a.ndim - 1 - axes[0]))
    weights = weights + xp.zeros_like(a)
    total = xp.sum(weights, axis=axes, keepdims=keepdims)
    return xp.sum(a * weights, axis=axes, keepdims=keepdims) / total


@public("stats", arrays="a weights")
def gmean(
    a: Any, axis: Any = 0, dtype: Any = None, weights: Any = None, *,
    nan_policy: Any = "propagate", keepdims: bool = False,
) -> Any:  # fmt: skip
    """The geometric mean. `nan_policy` is ``"propagate"``, and `dtype` is left out."""
    refuse_away("stats.gmean", dtype=(dtype, None))
    a, axes, _ = _sample(a, axis, nan_policy, "gmean")
    return xp.exp(_mean(xp.log(a), axes, weights, keepdims, "gmean"))


@public("stats", arrays="a weights")
def hmean(
    a: Any, axis: Any = 0, dtype: Any = None, *, weights: Any = None,
    nan_policy: Any = "propagate", keepdims: bool = False,
) -> Any:  # fmt: skip
    """The harmonic mean; nan where a number is negative.

    `nan_policy` is ``"propagate"``, and `dtype` is left out.
    """
    refuse_away("stats.hmean", dtype=(dtype, None))
    a, axes, _ = _sample(a, axis, nan_policy, "hmean")
    wrong = xp.any(a < 0, axis=axes, keepdims=keepdims)
    y = 1 / _mean(1 / a, axes, weights, keepdims, "hmean")
    return xp.where(wrong, math.nan, y)


class PearsonR(NamedTuple):
    """The correlation and the probability of one as strong without a connection."""

    statistic: Any
    pvalue: Any


@public("stats", arrays="x y")
def _pearson(x: Any, y: Any, alternative: Any, axis: Any) -> Any:
    where = "scipy.stats.pearsonr"
    x, y = _kept([x, y], "pearsonr")
    if x.ndim < 1 or y.ndim < 1:
        raise InvalidArgumentError(f"{where}: x and y have at least one axis")
    if axis is None:
        x, y, axis = xp.reshape(x, (-1,)), xp.reshape(y, (-1,)), 0
    axis = axis_of(axis, x.ndim, where)
    n = x.shape[axis]
    if y.shape[axis_of(axis, y.ndim, where)] != n or n < 2:
        raise InvalidArgumentError(f"{where}: x and y have equally many numbers, at least two")
    same = _constant(x, axis) | _constant(y, axis)
    dx, dy = (v - xp.mean(v, axis=axis, keepdims=True) for v in (x, y))
    sizes = xp.linalg.vector_norm(dx, axis=axis, keepdims=True) * xp.linalg.vector_norm(
        dy, axis=axis, keepdims=True
    )
    r = xp.sum(dx * dy / xp.where(same, 1.0, sizes), axis=axis, keepdims=True)
    r = xp.squeeze(xp.where(same, math.nan, r), axis=axis)
    if n == 2:
        return xp.stack([r, xp.where(r == r, 0 * r + 1.0, math.nan)])
    r = xp.clip(r, -1.0, 1.0)
    half = xp.zeros_like(r) + (n / 2 - 1)
    if alternative == "two-sided":
        p = 2 * S.betaincc(half, half, (xp.abs(r) + 1) / 2)
    else:
        p = (S.betaincc if alternative == "greater" else S.betainc)(half, half, (r + 1) / 2)
    return xp.stack([r, p])


def pearsonr(
    x: Any, y: Any, *, alternative: Any = "two-sided", method: Any = None, axis: Any = 0
) -> PearsonR:
    """Pearson's correlation, and its p-value: a pair (`statistic`, `pvalue`).

    Both have derivatives. `method` is left out.
    """
    refuse_away("stats.pearsonr", method=(method, None))
    if alternative not in ("two-sided", "less", "greater"):
        raise InvalidArgumentError(
            "scipy.stats.pearsonr: alternative is 'two-sided', 'less' or 'greater', not "
            f"{alternative!r}"
        )
    both = _pearson(x, y, alternative, axis)
    return PearsonR(both[0, ...], both[1, ...])
