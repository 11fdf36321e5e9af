"""Norms of matrices and of vectors, with NumPy's names and meaning."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.composites import composite
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, shortened
from ..errors import InvalidArgumentError, LinAlgError, TypeMismatchError
from ..rules.linalg import identity
from .operands import as_arrays, as_float


@composite("linalg.matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of each matrix. Tied columns, rows or singular values share the gradient evenly."""
    if ord in ("fro", None):
        return xp.linalg.vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in (1, -1):
        sizes = xp.sum(xp.abs(x), axis=-2)
    elif ord in (math.inf, -math.inf):
        sizes = xp.sum(xp.abs(x), axis=-1)
    elif ord in (2, -2, "nuc"):
        sizes = xp.linalg.svdvals(x)
    else:
        raise InvalidArgumentError(f"matrix_norm has no ord {ord!r}")
    if sizes.shape[-1] == 0 and ord != "nuc" and ord > 0:
        y = xp.sum(sizes, axis=-1)  # the greatest of no sizes is 0
    else:
        reduce = xp.sum if ord == "nuc" else xp.max if ord > 0 else xp.min
        y = reduce(sizes, axis=-1)
    return xp.reshape(y, (*y.shape, 1, 1)) if keepdims else y


@composite("linalg.norm", own=True, arrays="x")
def norm(x: Any, /, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of vectors along one axis, of matrices along two, or of all elements.

    The gradient of a vector's norm at 0 is 0, and a matrix's is as torch has it. Columns, rows or
    singular values that tie share the gradient evenly.

    Parameters
    ----------
    x : array or list
        Floating-point numbers; integers are converted.
    ord : number or str, optional
        For vectors any number, where 0 counts the elements that are not 0; by default 2. For
        matrices 1, -1, 2, -2, inf, -inf, 'nuc', or 'fro' (also 'f'), which is the default.
    axis : int or pair of ints, optional
        The axis of vectors, or the axes of the rows and columns of matrices. By default `x` is one
        vector or matrix; without `ord`, it may have any number of axes and is taken as a vector.
    keepdims : bool, default False
        Whether the reduced axes stay, of length 1.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[3.0, 4.0], [0.0, 2.0]]))
    >>> pg.linalg.norm(v, axis=1).tolist()
    [5.0, 2.0]
    >>> pg.linalg.norm(v, 1).item()
    6.0
    """
    (x,) = as_arrays("linalg.norm", x)
    x = as_float(x)
    if not (ord is None or isinstance(ord, (int, float, str)) or hasattr(ord, "__float__")):
        raise TypeMismatchError(f"linalg.norm: ord is a number or a name, not {shortened(ord)}")
    if axis is None:
        if ord is None:
            return xp.linalg.vector_norm(x, keepdims=keepdims)
        if x.ndim not in (1, 2):
            raise InvalidArgumentError(
                f"linalg.norm: with ord={ord!r} and no axis, x has 1 or 2 axes, and not {x.ndim}"
            )
    elif isinstance(axis, list):
        raise TypeMismatchError(f"linalg.norm: axis is an integer or a tuple of them, not {axis!r}")
    axes = axes_of(axis, x.ndim, "linalg.norm")
    if len(axes) == 1:
        if isinstance(ord, str):
            raise InvalidArgumentError(
                f"linalg.norm: ord={ord!r} is for matrices, and vectors along axis {axes[0]} "
                "were given"
            )
        if x.shape[axes[0]] == 0 and ord == math.inf:  # the greatest of no elements is 0
            return xp.sum(xp.abs(x), axis=axes[0], keepdims=keepdims)
        return xp.linalg.vector_norm(
            x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord
        )
    if len(axes) != 2:
        raise InvalidArgumentError(f"linalg.norm takes one axis or two, and got {axes}")
    ord = "fro" if ord is None or ord == "f" else ord
    if ord not in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise InvalidArgumentError(
            f"linalg.norm: the ord of matrices is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not "
            f"{ord!r}"
        )
    y = xp.linalg.matrix_norm(xp.moveaxis(x, axes, (-2, -1)), keepdims=keepdims, ord=ord)
    return xp.moveaxis(y, (-2, -1), axes) if keepdims else y


@composite("linalg.cond", own=True, arrays="x")
def cond(x: Any, /, p: Any = None) -> Any:
    """The condition number of each matrix: how much it may enlarge an error.

    It is the norm of the matrix times that of its inverse, and inf for a singular matrix. With `p`
    of None or 2, it is the greatest singular value divided by the least; with -2, the least divided
    by the greatest.

    Parameters
    ----------
    x : array or list of shape (..., M, N)
        Matrices; they are square unless `p` is None, 2 or -2.
    p : number or str, optional
        The order of the norm, as `ord` of `norm` for matrices.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[4.0, 0.0], [0.0, 2.0]]))
    >>> pg.linalg.cond(v).item()
    2.0
    """
    (x,) = as_arrays("linalg.cond", x)
    x = as_float(x)
    if x.ndim < 2 or 0 in x.shape[-2:]:
        raise LinAlgError(
            f"linalg.cond takes matrices that are not empty, and got the shape {tuple(x.shape)}"
        )
    if p is None or p in (2, -2):
        s = xp.linalg.svdvals(x)
        up, down = (s[..., -1], s[..., 0]) if p == -2 else (s[..., 0], s[..., -1])
        none = down == 0
        y = up / xp.where(none, 1.0, down)
    else:
        if x.shape[-1] != x.shape[-2]:
            raise LinAlgError(
                f"linalg.cond with p={p!r} takes square matrices, and got the shape "
                f"{tuple(x.shape)}"
            )
        # A singular matrix is replaced, because some libraries do not invert it.
        none = xp.linalg.det(x) == 0
        safe = xp.where(none[..., None, None], identity(x), x)
        y = norm(x, p, (-2, -1)) * norm(xp.linalg.inv(safe), p, (-2, -1))
    y = xp.where(none, math.inf, y)
    lost = xp.isnan(y) & ~xp.any(xp.isnan(x), axis=(-2, -1))
    return xp.where(lost, math.inf, y)
