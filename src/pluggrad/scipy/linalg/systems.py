"""Systems of linear equations, inverses and determinants."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...engine.arguments import whole
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError, LinAlgError, UnsupportedError
from ...rules.linalg import identity
from ..arguments import (
    adjoint,
    check_columns,
    check_square,
    columns,
    constant,
    find_backend,
    floats,
    known_numbers,
)
from ..rows import public
from .linear_rows import BANDED, HERMITIAN_BANDED, triangular

__all__ = ["det", "inv", "lstsq", "pinv", "pinvh", "solve", "solve_banded",
           "solve_triangular", "solveh_banded"]  # fmt: skip

_KINDS = {
    None: "general", "gen": "general", "sym": "symmetric", "her": "hermitian",
    "pos": "positive definite",
}  # fmt: skip
_KINDS |= {x: x for x in ("general", "diagonal", "tridiagonal", "banded", "upper triangular",
                          "lower triangular", *_KINDS.values())}  # fmt: skip


def _symmetric(a: Any, lower: bool) -> Any:
    """The symmetric matrices that one triangle of `a` stands for; their derivative is symmetric,
    as if both triangles were read."""
    if not is_complex(a):
        return xp.hermitian(a, upper=not lower)
    return xp.hermitian(xp.real(a), upper=not lower) + 1j * xp.hermitian(
        xp.imag(a), upper=not lower
    )


def _read(a: Any, kind: str, lower: bool) -> Any:
    """The matrices that `a` stands for, if they are of this kind."""
    if kind == "symmetric":
        return _symmetric(a, lower)
    if kind in ("hermitian", "positive definite"):
        return xp.hermitian(a, upper=not lower)
    if kind == "diagonal":
        return xp.tril(xp.triu(a))
    return xp.tril(xp.triu(a, k=-1), k=1) if kind == "tridiagonal" else a


@public("linalg", arrays="a b")
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """The solution of ``a @ x = b`` for square matrices `a`.

    The arguments are SciPy's, and so is what of `a` is read: `assume_a` and `lower` say. For
    symmetric, Hermitian and positive-definite matrices, of which one triangle is read, the gradient
    is symmetric or Hermitian, as if both were. There is no warning of ill-conditioned matrices.
    `check_finite` is followed for NumPy arrays; `overwrite_a` and `overwrite_b` are not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.linalg
    >>> pg.grad(lambda b: pg.scipy.linalg.solve(np.diag([2.0, 4.0]), b).sum())(np.ones(2))
    array([0.5 , 0.25])
    """
    if assume_a not in _KINDS:
        raise InvalidArgumentError(f"scipy.linalg.solve: {assume_a!r} is no kind of matrix")
    a, b = floats("linalg.solve", a, b, check_finite=check_finite)
    a = a if a.ndim > 1 else xp.reshape(a, (1, -1))
    check_square("linalg.solve", a)
    if transposed and is_complex(a):
        raise UnsupportedError(
            "scipy.linalg.solve(transposed=True) is for real matrices: transpose complex ones"
        )
    vector, b = b.ndim == 1, columns(b)
    kind = _KINDS[assume_a]
    if a.shape == (1, 1):
        if known_numbers(a) is not None and known_numbers(a).item() == 0:
            raise LinAlgError("scipy.linalg.solve: the matrix is singular")
        x = b / a[0, 0]
    else:
        check_columns("linalg.solve", a.shape[-1], b)
        if kind in ("upper triangular", "lower triangular"):
            low = kind == "lower triangular"
            a, low = (xp.matrix_transpose(a), not low) if transposed else (a, low)
            x = triangular(a, b, lower=low, unit=False)
        else:
            a = _read(a, kind, lower)
            x = xp.linalg.solve(xp.matrix_transpose(a) if transposed else a, b)
    return x[..., 0] if vector else x


@public("linalg", arrays="a b")
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """The solution of ``a @ x = b`` for triangular matrices `a`.

    Only the triangle that is read gets a gradient. `check_finite` is followed for NumPy arrays;
    `overwrite_b` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve_triangular.html
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise InvalidArgumentError(
            f"scipy.linalg.solve_triangular: trans is 0, 1, 2, 'N', 'T' or 'C', not {trans!r}"
        )
    a, b = floats("linalg.solve_triangular", a, b, check_finite=check_finite)
    check_square("linalg.solve_triangular", a)
    vector, b, low = b.ndim == 1, columns(b), bool(lower)
    check_columns("linalg.solve_triangular", a.shape[-1], b)
    if trans not in (0, "N"):
        a, low = (adjoint(a) if trans in (2, "C") else xp.matrix_transpose(a)), not low
    x = triangular(a, b, lower=low, unit=bool(unit_diagonal))
    return x[..., 0] if vector else x


@public("linalg", arrays="ab b")
def solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The solution of ``a @ x = b`` for banded matrices, whose diagonals are the rows of `ab`.

    The elements of `ab` outside of the matrix get the gradient 0. `check_finite` is followed for
    NumPy arrays; the other hints are not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve_banded.html
    """
    where = "scipy.linalg.solve_banded"
    if not isinstance(l_and_u, (tuple, list)) or len(l_and_u) != 2:
        raise InvalidArgumentError(f"{where}: l_and_u is a pair of integers, not {l_and_u!r}")
    low, up = [whole(n, where, "l_and_u", 0) for n in l_and_u]
    ab, b = floats("linalg.solve_banded", ab, b, check_finite=check_finite)
    if ab.ndim < 2 or ab.shape[-2] != low + up + 1:
        raise InvalidArgumentError(
            f"{where}: there are {low + up + 1} diagonals, and `ab` has the shape {ab.shape}"
        )
    vector, b = b.ndim == 1, columns(b)
    check_columns("linalg.solve_banded", ab.shape[-1], b)
    if ab.shape[-1] == 1:
        ab, low, up = ab[..., up : up + 1, :], 0, 0
    x = BANDED(ab, b, lower=low, upper=up)
    return x[..., 0] if vector else x


@public("linalg", arrays="ab b")
def solveh_banded(
    ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The solution of ``a @ x = b`` for Hermitian positive-definite banded matrices.

    The diagonals on one side of `a` are the rows of `ab`. The gradient is that by the
    elements of `ab`. `check_finite` is followed for NumPy arrays; the
    other hints are not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solveh_banded.html
    """
    ab, b = floats("linalg.solveh_banded", ab, b, check_finite=check_finite)
    if ab.ndim < 2:
        raise InvalidArgumentError(
            f"scipy.linalg.solveh_banded: `ab` has rows of diagonals, and the shape {ab.shape}"
        )
    vector, b = b.ndim == 1, columns(b)
    check_columns("linalg.solveh_banded", ab.shape[-1], b)
    x = HERMITIAN_BANDED(ab, b, lower=bool(lower))
    return x[..., 0] if vector else x


@public("linalg", arrays="a")
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None,
    lower: bool = False,
) -> Any:  # fmt: skip
    """The inverse of square matrices.

    `assume_a` and `lower` say what of `a` is read, as in `solve`. There is no warning of
    ill-conditioned matrices. `check_finite` is followed for NumPy arrays; `overwrite_a` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.inv.html
    """
    if assume_a not in (None, "general", "gen", "diagonal", "upper triangular",
                        "lower triangular", "pos", "sym", "her"):  # fmt: skip
        raise InvalidArgumentError(f"scipy.linalg.inv: {assume_a!r} is no kind of matrix")
    (a,) = floats("linalg.inv", a, check_finite=check_finite)
    check_square("linalg.inv", a)
    kind = _KINDS[assume_a]
    if kind in ("upper triangular", "lower triangular"):
        return triangular(a, identity(a), lower=kind == "lower triangular", unit=False)
    return xp.linalg.inv(_read(a, kind, lower))


@public("linalg", arrays="a")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinant of square matrices: as SciPy's, in double precision for NumPy arrays.

    `check_finite` is followed for NumPy arrays; `overwrite_a` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.det.html
    """
    (a,) = floats("linalg.det", a, check_finite=check_finite)
    check_square("linalg.det", a)
    backend = find_backend(a)
    if backend.name == "numpy":
        a = xp.astype(a, backend.xp.complex128 if is_complex(a) else backend.xp.float64, copy=False)
    return xp.linalg.det(a)


# ---------------------------------------------------------------- least squares


@public("linalg", arrays="a b")
def lstsq(
    a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, lapack_driver: Any = None,
) -> Any:  # fmt: skip
    """The least-squares solution of ``a @ x = b``.

    The results are the solution, the sums of the squared residuals, the rank and the singular
    values of `a`, as those of `pluggrad.linalg.lstsq`. Of the drivers, the two
    that use singular values are offered, "gelsd" and "gelss". One matrix is taken, not a batch of
    them: use `pluggrad.vmap`. `check_finite` is followed for NumPy arrays; the other hints are not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.lstsq.html
    """
    if lapack_driver == "gelsy":
        raise UnsupportedError(
            "scipy.linalg.lstsq(lapack_driver='gelsy') is not supported: 'gelsd'"
        )
    if lapack_driver not in (None, "gelsd", "gelss"):
        raise InvalidArgumentError(f"scipy.linalg.lstsq: there is no driver {lapack_driver!r}")
    a, b = floats("linalg.lstsq", a, b, check_finite=check_finite)
    backend = find_backend(a)
    rcond = float(backend.xp.finfo(a.dtype).eps) if cond is None else cond
    x, residuals, rank, s = xp.linalg.lstsq(a, b, rcond)
    if b.ndim == 1 and residuals.shape == (1,):
        residuals = residuals[0]
    return x, residuals, xp.astype(rank, backend.xp.int64), s


@public("linalg", arrays="a")
def pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The pseudo-inverse, and with `return_rank` the rank.

    Singular values up to ``atol + rtol`` times the greatest are cut off; they count as 0 in the
    derivative, too. `check_finite` is followed for NumPy arrays.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.pinv.html
    """
    (a,) = floats("linalg.pinv", a, check_finite=check_finite)
    return _pinv(a, atol, rtol, return_rank, "linalg.pinv")


@public("linalg", arrays="a")
def pinvh(
    a: Any, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The pseudo-inverse of Hermitian matrices, and with `return_rank` the rank.

    One triangle is read; the gradient is Hermitian. Eigenvalues whose absolute values are at most
    ``atol + rtol`` times the greatest are cut off. `check_finite` is followed for NumPy arrays.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.pinvh.html
    """
    (a,) = floats("linalg.pinvh", a, check_finite=check_finite)
    check_square("linalg.pinvh", a)
    return _pinv(xp.hermitian(a, upper=not lower), atol, rtol, return_rank, "linalg.pinvh")


def _pinv(a: Any, atol: Any, rtol: Any, return_rank: bool, where: str) -> Any:
    backend = find_backend(a)
    if a.ndim < 2:
        raise LinAlgError(f"scipy.{where} takes matrices, not the shape {a.shape}")
    if not min(a.shape[-2:]):
        rank = constant("zeros", a.shape[:-2], beside=a, dtype=backend.xp.int64)
        return (adjoint(a), rank) if return_rank else adjoint(a)
    atol = 0.0 if atol is None else atol
    rtol = float(backend.xp.finfo(a.dtype).eps) * max(a.shape[-2:]) if rtol is None else rtol
    if not isinstance(atol, (int, float)) or not isinstance(rtol, (int, float)):
        raise InvalidArgumentError(f"scipy.{where}: atol and rtol are numbers")
    if atol < 0 or rtol < 0:
        raise InvalidArgumentError(f"scipy.{where}: atol and rtol are not negative")
    cut: Any = float(rtol)
    if not atol and not return_rank:
        return xp.linalg.pinv(a, rtol=cut)
    s = xp.linalg.svdvals(a.detach())
    great = xp.max(s, axis=-1)
    if atol:
        cut = cut + atol / xp.where(great > 0, great, 1.0)
    y = xp.linalg.pinv(a, rtol=cut)
    if not return_rank:
        return y
    rank = xp.count_nonzero(s > xp.expand_dims(atol + great * rtol, axis=-1), axis=-1)
    return y, xp.astype(rank, backend.xp.int64)
