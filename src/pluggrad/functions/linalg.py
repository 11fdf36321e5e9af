"""Linear algebra with NumPy's arguments: solving, factorisations, powers and diagonals."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..arrays.backend import backend_of
from ..arrays.composites import composite, widen
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of, shortened, whole
from ..errors import InvalidArgumentError, LinAlgError, UnsupportedError
from ..rules.linalg import H
from .operands import as_arrays, differ


class SVDResult(NamedTuple):
    """A singular value decomposition, as NumPy names its parts."""

    U: Any
    S: Any
    Vh: Any


# ---------------------------------------------------------------- diagonals


@composite(own=True, arrays="x")
def diagonal(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals over two axes, as the last axis of the result.

    (`linalg.diagonal` is the function of the standard, which takes the last two axes.)

    Parameters
    ----------
    x : array or list
        Of two axes or more.
    offset : int, default 0
        How far above the main diagonal it lies; negative below.
    axis1 : int, default 0
        The axis of the rows.
    axis2 : int, default 1
        The axis of the columns.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> pg.diagonal(v).tolist()
    [1.0, 4.0]
    """
    x = _matrices(x, axis1, axis2, "diagonal")
    return xp.linalg.diagonal(x, offset=whole(offset, "diagonal", "offset"))


@composite(own=True, arrays="x")
def trace(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """The sum along the diagonal over two axes.

    (`linalg.trace` is the function of the standard, which takes the last two axes.)

    Parameters
    ----------
    x : array or list
        Of two axes or more.
    offset : int, default 0
        How far above the main diagonal it lies; negative below.
    axis1 : int, default 0
        The axis of the rows.
    axis2 : int, default 1
        The axis of the columns.
    dtype : optional
        What the elements are converted to before.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[1.0, 2.0], [3.0, 4.0]]))
    >>> pg.trace(v).item()
    5.0
    """
    x = _matrices(x, axis1, axis2, "trace")
    offset = whole(offset, "trace", "offset")
    if dtype is None:
        return xp.linalg.trace(x, offset=offset)
    return xp.sum(xp.astype(xp.linalg.diagonal(x, offset=offset), dtype), axis=-1, dtype=dtype)


def _matrices(x: Any, axis1: Any, axis2: Any, where: str) -> Any:
    """`x` with the axes of the rows and of the columns last."""
    if getattr(x, "ndim", 0) < 2:
        raise InvalidArgumentError(f"{where} takes an array of two axes or more")
    axes = axes_of((axis1, axis2), x.ndim, where, "(axis1, axis2)")
    return x if axes == (x.ndim - 2, x.ndim - 1) else xp.moveaxis(x, axes, (-2, -1))


# ---------------------------------------------------------------- solving


@composite("linalg.solve", arrays="x1 x2")
def solve(x1: Any, x2: Any, /) -> Any:
    """The solution of ``x1 @ x == x2``."""
    if x1.dtype != x2.dtype:  # not all libraries take two dtypes
        dtype = backend_of(x1).xp.result_type(x1.dtype, x2.dtype)  # type: ignore[union-attr]
        x1, x2 = xp.astype(x1, dtype), xp.astype(x2, dtype)
    return xp.solve(x1, x2, kept=[])[0]


@widen("linalg.pinv(x, /, rcond=None, hermitian=False, *, rtol=None)")
def pinv(x: Any, /, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if rcond is not None and rtol is not None:
        raise InvalidArgumentError("linalg.pinv takes `rcond` or `rtol`, not both")
    x = _hermitian(x, "linalg.pinv") if hermitian else x
    rtol = rcond if rtol is None else rtol
    return xp.linalg.pinv(x) if rtol is None else xp.linalg.pinv(x, rtol=rtol)


def _hermitian(x: Any, where: str) -> Any:
    """The Hermitian matrices that the lower triangle of `x` stands for."""
    if x.ndim < 2 or differ(x.shape[-1], x.shape[-2]):
        raise LinAlgError(
            f"{where} with hermitian=True takes square matrices, and got the shape {tuple(x.shape)}"
        )
    return xp.hermitian(x)


# ---------------------------------------------------------------- factorisations


@composite("linalg.eigvals")
def eigvals(x: Any, /) -> Any:
    """The eigenvalues of square matrices."""
    return xp.linalg.eig(x)[0]


@widen("linalg.eigh(x, /, UPLO='L')")
def eigh(x: Any, /, UPLO: str = "L") -> Any:
    return xp.eigh_upper(x) if _is_upper(UPLO, "linalg.eigh") else xp.linalg.eigh(x)


@composite("linalg.eigvalsh")
def eigvalsh(x: Any, /, UPLO: str = "L") -> Any:
    """The eigenvalues of each Hermitian matrix, in ascending order.

    The gradient is Hermitian, although only one triangle is read.

    Parameters
    ----------
    x : array of shape (..., N, N)
        Hermitian matrices, real or complex.
    UPLO : 'L' or 'U', default 'L'
        Which triangle is read: the lower or the upper one.

    Returns
    -------
    Variable
        Of shape (..., N), real.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.asarray([[2.0, 1.0], [1.0, 2.0]]))
    >>> [round(w, 9) for w in pg.linalg.eigvalsh(v).tolist()]
    [1.0, 3.0]
    """
    upper = _is_upper(UPLO, "linalg.eigvalsh")
    return (xp.eigh_upper(x) if upper else xp.linalg.eigh(x))[0]


def _is_upper(which: Any, where: str) -> bool:
    """Whether the upper triangle is meant."""
    if not isinstance(which, str) or which.upper() not in ("L", "U"):
        raise InvalidArgumentError(f"{where}: UPLO is 'L' or 'U', not {shortened(which)}")
    return which.upper() == "U"


@composite("linalg.svdvals")
def svdvals(x: Any, /) -> Any:
    """The singular values of matrices."""
    return xp.linalg.svd(x, full_matrices=False)[1]


@widen("linalg.svd(x, /, full_matrices=True, compute_uv=True, hermitian=False)")
def svd(
    x: Any, /, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if not hermitian:
        return xp.linalg.svd(x, full_matrices=full_matrices) if compute_uv else svdvals(x)
    if not compute_uv:
        return svdvals(_hermitian(x, "linalg.svd"))
    # From the eigenvalues, in the order of their size; Vh takes their signs.
    w, u = xp.linalg.eigh(x)
    order = xp.flip(xp.argsort(xp.abs(w), axis=-1), axis=-1)
    w = xp.take_along_axis(w, order, axis=-1)
    u = xp.take_along_axis(u, xp.broadcast_to(order[..., None, :], u.shape), axis=-1)
    sign = xp.where(xp.signbit(w), -1.0, 1.0)[..., None, :]
    return SVDResult(u, xp.abs(w), H(u * xp.astype(sign, u.dtype)))


@widen("linalg.qr(x, /, mode='reduced')", when="mode not in ('reduced', 'complete')")
def qr(x: Any, /, mode: str = "reduced") -> Any:
    if mode == "r":
        return xp.linalg.qr(x, mode="reduced")[1]
    if mode == "raw":
        raise UnsupportedError(
            "linalg.qr: mode='raw' has no derivative here; 'reduced', 'complete' and 'r' have one"
        )
    raise InvalidArgumentError(
        f"linalg.qr: the mode is 'reduced', 'complete' or 'r', not {shortened(mode)}"
    )


@widen(
    "linalg.matrix_rank(x, /, tol=None, hermitian=False, *, rtol=None)",
    when="getattr(x, 'ndim', 2) < 2",
)
def matrix_rank(x: Any, /, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if tol is not None and rtol is not None:
        raise InvalidArgumentError("linalg.matrix_rank takes `tol` or `rtol`, not both")
    if x.ndim < 2:
        return xp.astype(xp.any(x != 0), xp.argmax(xp.reshape(x, (-1,))).dtype)
    s = svdvals(_hermitian(x, "linalg.matrix_rank") if hermitian else x)
    backend = backend_of(s)
    assert backend is not None
    if tol is None:
        if rtol is None:
            rtol = max(x.shape[-2:]) * float(backend.xp.finfo(s.dtype).eps)
        if not s.shape[-1]:
            return xp.count_nonzero(s, axis=-1)
        tol = xp.max(s, axis=-1) * _cutoff(rtol, s)
    tol = _cutoff(tol, s)
    return xp.count_nonzero(s > (tol[..., None] if hasattr(tol, "ndim") else tol), axis=-1)


def _cutoff(value: Any, like: Any) -> Any:
    """A tolerance: a number, or an array with one number for each matrix."""
    if isinstance(value, (int, float)):
        return value
    (found, _) = as_arrays("linalg.matrix_rank", value, like)
    return found
