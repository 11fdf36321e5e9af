"""Functions of the user's along axes, with NumPy's names and meaning."""

from __future__ import annotations

import itertools
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, axis_of, check_function
from ..engine.cotangents import same_shape
from ..errors import InvalidArgumentError
from .gathering import array_beside, in_dtype, needs_array


@composite(own=True, arrays="arr")
def apply_along_axis(func1d: Any, axis: int, arr: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`func1d` of each vector along `axis` of `arr`.

    Parameters
    ----------
    func1d : function
        It takes a vector and returns a number or an array, always of one shape, which stands in the
        place of `axis` in the result. It is called once for each vector; `pluggrad.vmap` calls a
        function once for all of them.
    axis : int
    arr : array
    *args, **kwargs
        Further arguments of `func1d`.

    >>> import numpy as np, pluggrad as pg
    >>> x = np.asarray([[1.0, 2.0], [3.0, 5.0]])
    >>> pg.apply_along_axis(lambda v: v[1] * v, 0, x).tolist()
    [[3.0, 10.0], [9.0, 25.0]]
    """
    check_function(func1d, "apply_along_axis")
    needs_array(arr, "apply_along_axis")
    axis = axis_of(axis, arr.ndim, "apply_along_axis")
    rows = xp.moveaxis(arr, axis, -1)
    outer = tuple(rows.shape[:-1])
    if 0 in outer:
        raise InvalidArgumentError(
            f"apply_along_axis: there is no vector along axis {axis} of the shape "
            f"{tuple(arr.shape)}"
        )
    backend = backend_of(arr)
    assert backend is not None
    found = [
        backend.namespace.asarray(func1d(rows[index], *args, **kwargs))
        for index in itertools.product(*map(range, outer))
    ]
    first = found[0]
    found = [y if y.dtype == first.dtype else in_dtype(y, first) for y in found]
    if any([not same_shape(y.shape, first.shape) for y in found]):
        raise InvalidArgumentError("apply_along_axis: the function returns arrays of one shape")
    y = xp.reshape(xp.stack(found), (*outer, *first.shape))
    inner = tuple(range(len(outer), len(outer) + first.ndim))
    return xp.moveaxis(y, inner, tuple(range(axis, axis + first.ndim)))


@composite(own=True, arrays="a")
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """`func` applied to `a` along each of `axes` in turn, as in ``func(a, axis)``.

    An axis that `func` removes is put back with length 1.

    >>> import numpy as np, pluggrad as pg
    >>> pg.apply_over_axes(pg.median, np.ones((2, 3, 4)), [0, 2]).tolist()
    [[[1.0], [1.0], [1.0]]]
    """
    check_function(func, "apply_over_axes")
    needs_array(a, "apply_over_axes")
    axes = axes.tolist() if hasattr(axes, "tolist") else axes
    for axis in axes if isinstance(axes, (list, tuple)) else [axes]:
        (axis,) = axes_of(axis, a.ndim, "apply_over_axes")
        y = array_beside(func(a, axis), a)
        if y.ndim != a.ndim:
            if y.ndim != a.ndim - 1:
                raise InvalidArgumentError(
                    f"apply_over_axes: the function returned an array of {y.ndim} axes for one of "
                    f"{a.ndim}"
                )
            y = xp.expand_dims(y, axis=axis)
        a = y
    return a
