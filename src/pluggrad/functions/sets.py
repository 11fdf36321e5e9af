"""Distinct values and operations of sets, with NumPy's names and meaning.

The values of the results keep their gradients: each goes to the first of the elements that are
equal to it.
"""

from __future__ import annotations

from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axis_of
from ..errors import InvalidArgumentError, TypeMismatchError
from .gathering import array_beside, is_kind, needs_array
from .ordering import stable_order


def _vector(x: Any, other: Any, where: str) -> Any:
    """`x` as a vector; a number beside an array."""
    if not hasattr(x, "ndim") and hasattr(other, "ndim"):
        x = array_beside(x, other, where)
    needs_array(x, where)
    return xp.reshape(x, (-1,))


def _two(x1: Any, x2: Any, where: str) -> tuple[Any, Any]:
    """Both arrays as vectors."""
    return _vector(x1, x2, where), _vector(x2, x1, where)


def _differs(x: Any, equal_nan: bool) -> Any:
    """Whether each element of the sorted vector `x`, but for the first one, differs from the one
    before it."""
    found = x[1:] != x[:-1]
    if equal_nan and x.dtype in backend_of(x).float_dtypes:  # type: ignore[union-attr]
        nan = x != x
        found = xp.logical_and(found, xp.logical_not(xp.logical_and(nan[1:], nan[:-1])))
    return found


def _groups(order: Any, differs: Any) -> tuple[Any, Any, Any]:
    """Where groups of equal elements start in their sorted `order`, the first index of each, and
    the number of the group of each element."""
    first = xp.ones_like(order[:1]) == 1
    begins = xp.concat([first, differs]) if order.shape[0] > 1 else first
    starts = xp.nonzero(begins)[0]
    number = xp.cumulative_sum(xp.astype(begins, starts.dtype)) - 1
    return starts, xp.take(order, starts, axis=0), xp.take(number, xp.argsort(order), axis=0)


@composite(own=True, arrays="x")
def unique(
    x: Any,
    /,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """The distinct elements of `x`, sorted; with `axis`, its distinct parts along that axis.

    The gradient of each goes to the first of its kind.

    Parameters
    ----------
    x : array
    return_index, return_inverse, return_counts : bool, default False
        Whether to return a tuple, in which there are also the index of the first of each kind, the
        number of the kind of each element, and how many there are of each kind.
    axis : int, optional
    equal_nan : bool, default True
        Whether all nan are of one kind. With `axis` they are not, as in NumPy.
    sorted : bool, default True
        With False the order is up to pluggrad, which sorts.

    >>> import numpy as np, pluggrad as pg
    >>> values, counts = pg.unique(np.asarray([2.0, 1.0, 2.0]), return_counts=True)
    >>> values.tolist(), counts.tolist()
    ([1.0, 2.0], [1, 2])
    """
    needs_array(x, "unique")
    shape = x.shape
    if axis is None:
        rows = xp.reshape(x, (-1,))
        order = stable_order(rows, 0)
        differs = _differs(xp.take(rows, order, axis=0), equal_nan)
    else:
        axis = axis_of(axis, x.ndim, "unique")
        rows = xp.moveaxis(x, axis, 0)
        shape = (rows.shape[0],)
        width = 1
        for n in rows.shape[1:]:
            width *= n
        flat = xp.reshape(rows, (rows.shape[0], width))
        order, differs = _order_of_rows(flat)
    if not rows.shape[0]:
        starts = first = inverse = order
    else:
        starts, first, inverse = _groups(order, differs)
    values = xp.take(rows, first, axis=0)
    results = [values if axis is None else xp.moveaxis(values, 0, axis)]
    if return_index:
        results.append(first)
    if return_inverse:
        results.append(xp.reshape(inverse, shape))
    if return_counts:
        results.append(_counts(starts, rows.shape[0]))
    return tuple(results) if len(results) > 1 else results[0]


def _order_of_rows(flat: Any) -> tuple[Any, Any]:
    """The indices that sort the rows of a matrix by their first element, then by the second one,
    and so on; whether each row differs from the one before it."""
    if not flat.shape[1]:
        order = xp.nonzero(xp.sum(xp.ones_like(flat), axis=1) == 0)[0]
        return order, order[1:] < 0
    if not flat.shape[0]:
        order = xp.nonzero(flat[:, 0])[0]
        return order, order[1:] < 0
    order = stable_order(flat[:, -1], 0)
    for n in range(flat.shape[1] - 2, -1, -1):
        again = stable_order(xp.take(flat[:, n], order, axis=0), 0)
        order = xp.take(order, again, axis=0)
    ranked = xp.take(flat, order, axis=0)
    return order, xp.any(ranked[1:] != ranked[:-1], axis=1)


def _counts(starts: Any, count: int) -> Any:
    """How many elements are from each of `starts` to the next one, or to `count`."""
    if not starts.shape[0]:
        return starts
    return xp.concat([starts[1:], xp.zeros_like(starts[:1]) + count]) - starts


# ---------------------------------------------------------------- sets


@widen("isin(x1, x2, /, assume_unique=False, invert=False, *, kind=None)")
def isin(
    x1: Any, x2: Any, /, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    """`isin`. That the elements are distinct, and how to search for them, makes no difference to
    the answer; but NumPy has tables of integers only."""
    if kind not in (None, "sort", "table"):
        raise InvalidArgumentError(f"isin: the kind is None, 'sort' or 'table', not {kind!r}")
    if kind == "table" and not all(
        [is_kind(x, ("bool", "integral")) for x in (x1, x2) if hasattr(x, "dtype")]
    ):
        raise TypeMismatchError("isin: kind='table' takes integers and booleans; leave `kind` out")
    return xp.isin(x1, x2, invert=invert)


@composite(own=True)
def in1d(x1: Any, x2: Any, /, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of the flat `x1` is among those of `x2`: `isin` as a vector.

    With `invert` the answers are negated. `assume_unique` is a hint, and changes nothing.

    Derivative: none; the result is a constant.

    >>> import numpy as np, pluggrad as pg
    >>> pg.in1d(np.asarray([[1.0, 2.0]]), [2.0]).tolist()
    [False, True]
    """
    x1, x2 = _two(x1, x2, "in1d")
    return xp.isin(x1, x2, invert=invert)


@composite(own=True)
def intersect1d(
    x1: Any, x2: Any, /, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """The values that both arrays hold, sorted and each once; their gradients go to `x1`.

    Parameters
    ----------
    x1, x2 : arrays, read as vectors
    assume_unique : bool, default False
        Whether each array is known to hold no value twice.
    return_indices : bool, default False
        Whether to return a tuple, in which there are also the first indices in both arrays.

    >>> import numpy as np, pluggrad as pg
    >>> pg.intersect1d(np.asarray([3.0, 1.0, 2.0]), [2.0, 3.0]).tolist()
    [2.0, 3.0]
    """
    x1, x2 = _two(x1, x2, "intersect1d")
    if not assume_unique:
        x1, first1 = xp.unique(x1, return_index=True)
        x2, first2 = xp.unique(x2, return_index=True)
    both = xp.concat([x1, x2])
    order = stable_order(both, 0)
    ranked = xp.take(both, order, axis=0)
    places = xp.nonzero(ranked[1:] == ranked[:-1])[0]
    values = xp.take(ranked, places, axis=0)
    if not return_indices:
        return values
    index1 = xp.take(order, places, axis=0)
    index2 = xp.take(order, places + 1, axis=0) - x1.shape[0]
    if not assume_unique:
        index1 = xp.take(first1, index1, axis=0)
        index2 = xp.take(first2, index2, axis=0)
    return values, index1, index2


@composite(own=True)
def union1d(x1: Any, x2: Any, /) -> Any:
    """The values that `x1` or `x2` holds, sorted and each once.

    >>> import numpy as np, pluggrad as pg
    >>> pg.union1d(np.asarray([3.0, 1.0]), [2.0, 3.0]).tolist()
    [1.0, 2.0, 3.0]
    """
    return xp.unique(xp.concat(list(_two(x1, x2, "union1d"))))


@composite(own=True)
def setdiff1d(x1: Any, x2: Any, /, assume_unique: bool = False) -> Any:
    """The values of `x1` that `x2` does not hold, sorted and each once.

    With `assume_unique` they are neither sorted nor made distinct.

    >>> import numpy as np, pluggrad as pg
    >>> pg.setdiff1d(np.asarray([3.0, 1.0, 2.0]), [2.0]).tolist()
    [1.0, 3.0]
    """
    x1, x2 = _two(x1, x2, "setdiff1d")
    x1 = x1 if assume_unique else xp.unique(x1)
    return xp.take(x1, xp.nonzero(xp.isin(x1, x2, invert=True))[0], axis=0)


@composite(own=True)
def setxor1d(x1: Any, x2: Any, /, assume_unique: bool = False) -> Any:
    """The values that exactly one of `x1` and `x2` holds, sorted and each once.

    With `assume_unique` each array is known to hold no value twice.

    >>> import numpy as np, pluggrad as pg
    >>> pg.setxor1d(np.asarray([3.0, 1.0]), [2.0, 3.0]).tolist()
    [1.0, 2.0]
    """
    x1, x2 = _two(x1, x2, "setxor1d")
    if not assume_unique:
        x1, x2 = xp.unique(x1), xp.unique(x2)
    both = xp.concat([x1, x2])
    if not both.shape[0]:
        return both
    both = xp.take(both, stable_order(both, 0), axis=0)
    differs = both[1:] != both[:-1]
    end = xp.ones_like(both[:1]) == 1
    alone = xp.logical_and(xp.concat([end, differs]), xp.concat([differs, end]))
    return xp.take(both, xp.nonzero(alone)[0], axis=0)
