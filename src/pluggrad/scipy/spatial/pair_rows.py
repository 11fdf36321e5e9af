"""Rows for Euclidean distances of pairs of points, which SciPy's compiled code computes."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ...engine.batch import elementwise as by_element
from ...engine.cotangents import sum_to
from ...rules.batching import of_matrices
from ...rules.kinds import elementwise, general, linear
from ...rules.linalg import constant_like, mask
from ...rules.products import column
from ..arguments import find_backend
from ..rows import aligned, fronts, host

__all__ = ["PAIRS", "PAIRS_WITHIN", "SQUARE", "upper_places"]


QUOTIENT: Any = host(  # x1 / x2, but 0 where x2 is 0: distances of 0 have the derivative 0
    elementwise(
        "scipy.distance.quotient(x1, x2, /)",
        lambda t, x2: QUOTIENT(t, x2),
        lambda t, x1, x2: -QUOTIENT(t * QUOTIENT(x1, x2), x2),
    ),
    lambda args, kwargs: (fronts(*args, core=0), args[0].dtype),
    by_element,
)  # fmt: skip


def _weighted(g: Any, y: Any, squared: bool) -> Any:
    """`g` times the derivative of a distance `y` by half its square."""
    return 2.0 * g if squared else QUOTIENT(g, y)


def _along(t: Any, x1: Any, x2: Any) -> Any:
    """The inner products of t_i and x1_i - x2_j. A point near all others is taken for the origin,
    for precision."""
    origin = x2[..., :1, :]
    x1, x2 = x1 - origin, x2 - origin
    return column(xp.sum(t * x1, axis=-1)) - t @ xp.matrix_transpose(x2)


def _pairs_x1(g: Any, x1: Any, x2: Any, y: Any, squared: bool) -> Any:
    """g_x1_i = Σ_j w_ij (x1_i - x2_j), where w = g y'."""
    return sum_to(_spread(g, x1, x2, y, squared), x1.shape)


def _pairs_x2(g: Any, x1: Any, x2: Any, y: Any, squared: bool) -> Any:
    """g_x2, as g_x1 with the roles exchanged."""
    g, y = xp.matrix_transpose(g), xp.matrix_transpose(y)
    return sum_to(_spread(g, x2, x1, y, squared), x2.shape)


def _spread(g: Any, x1: Any, x2: Any, y: Any, squared: bool) -> Any:
    return SPREAD(2.0 * g if squared else g, x1, x2, y, divided=not squared)


def _pairs_jvp(t1: Any, t2: Any, x1: Any, x2: Any, y: Any, squared: bool) -> Any:
    """t_y_ij = y'_ij ⟨x1_i - x2_j, t1_i - t2_j⟩."""
    total = _along(t1, x1, x2) + xp.matrix_transpose(_along(t2, x2, x1))
    return _weighted(total, y, squared)


def _table(args: Any, kwargs: Any) -> Any:
    x1, x2 = args
    return (*fronts(x1, x2), x1.shape[-2], x2.shape[-2]), x1.dtype


PAIRS: Any = host(
    general("scipy.distance.pairs(x1, x2, /, *, squared)", _pairs_x1, _pairs_x2, jvp=_pairs_jvp,
            fresh=True),
    _table, aligned,
)  # fmt: skip

# ---------------------------------------------------------------- the sum of weighted differences


def _weights(x1: Any, x4: Any, divided: bool) -> Any:
    return QUOTIENT(x1, x4) if divided else x1


def _spread_x1(g: Any, x1: Any, x2: Any, x3: Any, x4: Any, divided: bool) -> Any:
    return sum_to(_weights(_along(g, x2, x3), x4, divided), x1.shape)


def _spread_x2(g: Any, x1: Any, x2: Any, x4: Any, divided: bool) -> Any:
    w = _weights(x1, x4, divided)
    return sum_to(column(xp.sum(w, axis=-1)) * g, x2.shape)


def _spread_x3(g: Any, x1: Any, x3: Any, x4: Any, divided: bool) -> Any:
    w = _weights(x1, x4, divided)
    return sum_to(-(xp.matrix_transpose(w) @ g), x3.shape)


def _spread_x4(g: Any, x1: Any, x2: Any, x3: Any, x4: Any, divided: bool) -> Any:
    if not divided:
        return xp.zeros_like(x4)
    return sum_to(-QUOTIENT(_along(g, x2, x3) * QUOTIENT(x1, x4), x4), x4.shape)


def _spread_jvp(
    t1: Any, t2: Any, t3: Any, t4: Any, x1: Any, x2: Any, x3: Any, x4: Any, divided: bool
) -> Any:
    w = _weights(x1, x4, divided)
    if divided:
        t1 = t1 - t4 * w
    t = SPREAD(t1, x2, x3, x4, divided=divided)
    return t + column(xp.sum(w, axis=-1)) * t2 - w @ t3


#: Σ_j w_ij (x2_i - x3_j), where w is x1, or if `divided` x1 / x4 and 0 where x4 is 0.
SPREAD: Any = host(
    general("scipy.distance.spread(x1, x2, x3, x4, /, *, divided)", _spread_x1, _spread_x2,
            _spread_x3, _spread_x4, jvp=_spread_jvp),
    lambda args, kwargs: ((*fronts(*args), *args[1].shape[-2:]), args[1].dtype),
    aligned,
)  # fmt: skip

# ---------------------------------------------------------------- the pairs of one set of points


def upper_places(n: int, like: Any) -> tuple[Any, Any]:
    """The raw numbers of the first and of the second point of each pair."""
    backend = find_backend(like)
    rows = [i for i in range(n) for _ in range(i + 1, n)]
    others = [j for i in range(n) for j in range(i + 1, n)]
    asarray, integers = backend.xp.asarray, backend.xp.int64
    return asarray(rows, dtype=integers), asarray(others, dtype=integers)


def _square_shape(args: Any, kwargs: Any) -> Any:
    n = (1 + math.isqrt(1 + 8 * args[0].shape[-1])) // 2
    return (*args[0].shape[:-1], n, n), args[0].dtype


def _folded_shape(args: Any, kwargs: Any) -> Any:
    *front, n, _ = args[0].shape
    return (*front, n * (n - 1) // 2), args[0].dtype


#: The symmetric matrix, with zeros on its diagonal, of the numbers of all pairs.
SQUARE: Any = host(
    linear("scipy.distance.square(x, /)", lambda g: FOLDED(g), fresh=True),
    _square_shape,
    lambda op: op(*op.args),
)
#: Its transpose: the sum of the two elements of each pair.
FOLDED: Any = host(
    linear("scipy.distance.folded(x, /)", lambda g: SQUARE(g)), _folded_shape, of_matrices
)


def _within(g: Any, x: Any, y: Any, squared: bool) -> Any:
    """g_x_i = Σ_j w_ij (x_i - x_j), where w = g y' of the pair i, j."""
    if x.shape[-2] < 2:
        return xp.zeros_like(x)
    apart = SQUARE(y)
    # The weight of a point beside itself is 0 in any case, and not that of a near one.
    apart = xp.where(mask(apart, apart.shape), math.inf, apart)
    return _spread(SQUARE(g), x, x, apart, squared)


def _within_jvp(t: Any, x: Any, y: Any, squared: bool) -> Any:
    """t_y_ij = y'_ij ⟨x_i - x_j, t_i - t_j⟩."""
    i, j = [constant_like(k, x) for k in upper_places(x.shape[-2], x)]
    difference, turn = [xp.take(z, i, axis=-2) - xp.take(z, j, axis=-2) for z in (x, t)]
    return _weighted(xp.sum(difference * turn, axis=-1), y, squared)


PAIRS_WITHIN: Any = host(
    general("scipy.distance.pairs_within(x, /, *, squared)", _within, jvp=_within_jvp, fresh=True),
    lambda args, kwargs: (
        (*args[0].shape[:-2], args[0].shape[-2] * (args[0].shape[-2] - 1) // 2), args[0].dtype
    ),
    of_matrices,
)  # fmt: skip
