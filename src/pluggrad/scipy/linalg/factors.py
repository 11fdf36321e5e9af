"""Factorisations, and systems that were factored before."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, UnsupportedError
from ...rules.products import column
from ..arguments import (
    adjoint,
    broadcast_shapes,
    check_columns,
    check_square,
    columns,
    constant,
    find_backend,
    floats,
    matrices,
)
from ..rows import public
from .linear_rows import triangular
from .matrix_rows import LU, PERMUTATION, QR_PIVOTS

__all__ = ["cho_factor", "cho_solve", "cholesky", "lu", "lu_factor", "lu_solve", "qr"]  # fmt: skip


# ---------------------------------------------------------------- Cholesky


def _cholesky(name: str, a: Any, lower: bool, check_finite: bool) -> tuple[Any, Any]:
    (a,) = floats(f"linalg.{name}", a, check_finite=check_finite)
    a = a if a.ndim > 1 else xp.reshape(a, (1, -1))
    check_square(f"linalg.{name}", a)
    return a, xp.linalg.cholesky(xp.hermitian(a, upper=not lower), upper=not lower)


@public("linalg", arrays="a")
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """The Cholesky factor of Hermitian positive-definite matrices, the upper one by default.

    One triangle of `a` is read; the gradient is Hermitian, as if both were. `check_finite` is
    followed for NumPy arrays; `overwrite_a` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.cholesky.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.linalg
    >>> pg.grad(lambda a: pg.scipy.linalg.cholesky(a)[0, 0])(np.diag([4.0, 1.0])).tolist()
    [[0.25, 0.0], [0.0, 0.0]]
    """
    return _cholesky("cholesky", a, lower, check_finite)[1]


@public("linalg", arrays="a")
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """The Cholesky factor and `lower`, for `cho_solve`.

    As in SciPy, the other triangle of the factor holds that of `a`. For a batch, too, `lower` is
    one bool. `check_finite` is followed for NumPy arrays; `overwrite_a` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.cho_factor.html
    """
    a, c = _cholesky("cho_factor", a, lower, check_finite)
    return c + (xp.triu(a, k=1) if lower else xp.tril(a, k=-1)), lower


@public("linalg", arrays="b")
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """The solution of ``a @ x = b``, where ``c_and_lower = cho_factor(a)``.

    `check_finite` is followed for NumPy arrays; `overwrite_b` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.cho_solve.html
    """
    c, lower = c_and_lower
    c, b = floats("linalg.cho_solve", c, b, check_finite=check_finite)
    check_square("linalg.cho_solve", c)
    vector, b, lower = b.ndim == 1, columns(b), bool(lower)
    check_columns("linalg.cho_solve", c.shape[-1], b)
    first, second = (c, adjoint(c)) if lower else (adjoint(c), c)
    x = triangular(first, b, lower=True, unit=False)
    x = triangular(second, x, lower=False, unit=False)
    return x[..., 0] if vector else x


# ---------------------------------------------------------------- LU


@public("linalg", arrays="a")
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The LU factors of matrices, in one array, and the pivots, for `lu_solve`.

    The pivots are taken to be the same nearby. `check_finite` is followed for NumPy arrays;
    `overwrite_a` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.lu_factor.html
    """
    return LU(matrices("lu_factor", a, check_finite))[:2]


@public("linalg", arrays="b")
def lu_solve(
    lu_and_piv: Any, b: Any, trans: Any = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """The solution of ``a @ x = b``, where ``lu_and_piv = lu_factor(a)``. With `trans` 1, `a` is
    transposed; with 2, also conjugated.

    `check_finite` is followed for NumPy arrays; `overwrite_b` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.lu_solve.html
    """
    if trans not in (0, 1, 2):
        raise InvalidArgumentError(f"scipy.linalg.lu_solve: trans is 0, 1 or 2, not {trans!r}")
    lu, pivots = lu_and_piv
    lu, b = floats("linalg.lu_solve", lu, b, check_finite=check_finite)
    check_square("linalg.lu_solve", lu)
    vector, b = b.ndim == 1, columns(b)
    check_columns("linalg.lu_solve", lu.shape[-1], b)
    if not hasattr(pivots, "shape"):
        pivots = find_backend(lu).namespace.asarray(pivots)
    order = PERMUTATION(pivots)
    if trans == 0:
        x = triangular(lu, _rows(b, order), lower=True, unit=True)
        x = triangular(lu, x, lower=False, unit=False)
    else:
        other = adjoint(lu) if trans == 2 else xp.matrix_transpose(lu)
        x = triangular(other, b, lower=True, unit=False)
        x = triangular(other, x, lower=False, unit=True)
        x = _rows(x, xp.argsort(order, axis=-1))
    return x[..., 0] if vector else x


def _rows(x: Any, order: Any) -> Any:
    """The rows of matrices in this order."""
    if order.ndim == 1:
        return xp.take(x, order, axis=-2)
    front = broadcast_shapes(x, x.shape[:-2], order.shape[:-1])
    x = xp.broadcast_to(x, (*front, *x.shape[-2:]))
    order = xp.broadcast_to(order, (*front, order.shape[-1]))
    return xp.take_along_axis(x, column(order), axis=-2)


@public("linalg", arrays="a")
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True,
    p_indices: bool = False,
) -> Any:  # fmt: skip
    """The factors p, l and u of matrices ``a = p @ l @ u``.

    With `permute_l` they are ``p @ l`` and u; with `p_indices`, p is the order of the rows of l in
    `a`. The pivots are taken to be the same nearby. `check_finite` is followed for NumPy arrays;
    `overwrite_a` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.lu.html
    """
    a = matrices("lu", a, check_finite)
    backend = find_backend(a)
    packed, _, _, back = LU(a)
    k = min(a.shape[-2:])
    low = packed[..., :, :k]
    eye = constant("eye", a.shape[-2], k, beside=a, dtype=a.dtype)
    low, up = xp.tril(low, k=-1) + eye, xp.triu(packed[..., :k, :])
    if permute_l:
        return _rows(low, back), up
    if p_indices:
        return (
            xp.astype(back, backend.xp.int32 if a.shape[-2:] != (1, 1) else backend.xp.int64),
            low,
            up,
        )
    counts = constant("arange", a.shape[-2], beside=a)
    at = xp.equal(xp.expand_dims(back, axis=-1), counts)
    dtype = a.dtype if a.shape[-2:] == (1, 1) else xp.real(a).dtype if is_complex(a) else a.dtype
    return xp.astype(at, dtype), low, up


# ---------------------------------------------------------------- QR


@public("linalg", arrays="a")
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """The factors Q and R of matrices ``a = Q @ R``, and with `pivoting` the order of the columns.

    `mode` is "full", "economic" or "r"; SciPy's "raw" is not supported. Only functions of a full Q
    that do not depend on the basis of what `a` does not span have a derivative. `check_finite` is
    followed for NumPy arrays; `overwrite_a` and `lwork` are not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.qr.html
    """
    if mode not in ("full", "qr", "r", "economic", "raw"):
        raise InvalidArgumentError(
            f"scipy.linalg.qr: mode is 'full', 'economic' or 'r', not {mode!r}"
        )
    if mode == "raw":
        raise UnsupportedError("scipy.linalg.qr(mode='raw') is not supported: use 'economic'")
    a = matrices("qr", a, check_finite)
    pivots: tuple[Any, ...] = ()
    if pivoting:
        pivots = (QR_PIVOTS(a),)
        a = xp.matrix_transpose(_rows(xp.matrix_transpose(a), pivots[0]))
    q, r = xp.linalg.qr(a, mode="complete" if mode in ("full", "qr") else "reduced")
    if mode == "r":
        m, n = a.shape[-2:]
        if m > n:
            zeros = xp.zeros_like(a[..., : m - n, :])
            r = xp.concat([r, zeros], axis=-2)
        return (r, *pivots)
    return (q, r, *pivots)
