"""Eigenvalues, singular values, the polar decomposition, and norms."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, UnsupportedError
from ..arguments import adjoint, check_square, find_backend, floats, matrices
from ..rows import public
from .linear_rows import triangular
from .matrix_rows import EIGH, UNITARY

__all__ = ["eigh", "eigvalsh", "norm", "polar", "svd", "svdvals"]

# ---------------------------------------------------------------- eigenvalues


def _eigh(
    name: str, a: Any, b: Any, lower: bool, type: Any, check_finite: bool, subset_by_index: Any,
    subset_by_value: Any, driver: Any,
) -> Any:  # fmt: skip
    where = f"scipy.linalg.{name}"
    if subset_by_value is not None:
        raise UnsupportedError(
            f"{where}: subset_by_value is not supported. Take them from all: `w[2:5]`, `v[:, 2:5]`"
        )
    if subset_by_index is not None:
        low, high = map(int, subset_by_index)
        if not 0 <= low <= high < a.shape[-1]:
            raise InvalidArgumentError(f"{where}: there are no eigenvalues {low} to {high}")
        w, v = _eigh(name, a, b, lower, type, check_finite, None, None, driver)
        return w[..., low : high + 1], v[..., low : high + 1]
    drivers = ("ev", "evd", "evr", "evx") if b is None else ("gv", "gvd", "gvx")
    if driver not in (None, *drivers):
        raise InvalidArgumentError(f"{where}: there is no driver {driver!r} for this problem")
    a, b = floats(f"linalg.{name}", a, b, check_finite=check_finite)
    check_square(f"linalg.{name}", a)
    lower = bool(lower)
    if b is None:
        return _standard(a, lower, driver or "evr")
    if type not in (1, 2, 3):
        raise InvalidArgumentError(f"{where}: type is 1, 2 or 3, not {type!r}")
    check_square(f"linalg.{name}", b)
    if a.shape[-1] != b.shape[-1]:
        raise InvalidArgumentError(f"{where}: `a` has the shape {a.shape}, and `b` {b.shape}")
    # As LAPACK does: with b = L H(L), the eigenvalues are those of L⁻¹ a H(L)⁻¹ or of H(L) a L.
    a = xp.hermitian(a, upper=not lower)
    low = xp.linalg.cholesky(xp.hermitian(b, upper=not lower), upper=not lower)
    low, high = (low, adjoint(low)) if lower else (adjoint(low), low)
    if type == 1:
        inner = triangular(low, a, lower=True, unit=False)
        c = adjoint(triangular(low, adjoint(inner), lower=True, unit=False))
    else:
        c = high @ a @ low
    w, v = _standard((c + adjoint(c)) / 2, lower, "ev" if driver == "gv" else "evd")
    return w, (low @ v if type == 3 else triangular(high, v, lower=False, unit=False))


def _standard(a: Any, lower: bool, driver: str) -> Any:
    """The eigenvalues and eigenvectors of the Hermitian matrices in one triangle of `a`."""
    if find_backend(a).name == "numpy":  # eigenvectors of the signs that SciPy gives them
        return tuple(EIGH(a, lower=lower, driver=driver))
    w, v = xp.linalg.eigh(a) if lower else xp.eigh_upper(a)
    return w, v


@public("linalg", arrays="a b")
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1, check_finite: bool = True,
    subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """The eigenvalues and eigenvectors of Hermitian matrices.

    With a positive-definite `b`, they are those of the generalized problem. One triangle is read;
    the gradient is Hermitian, as if both were. Eigenvectors are unique up to a phase, and those of
    equal eigenvalues have no derivative. A subset by index is taken from all, and one by value is
    not supported.
    `check_finite` and `driver` are followed for NumPy arrays; the other hints are not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.eigh.html
    """
    w, v = _eigh("eigh", a, b, lower, type, check_finite, subset_by_index, subset_by_value, driver)
    return w if eigvals_only else (w, v)


@public("linalg", arrays="a b")
def eigvalsh(
    a: Any, b: Any = None, *, lower: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, type: int = 1, check_finite: bool = True,
    subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """The eigenvalues of Hermitian matrices; see `eigh`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.eigvalsh.html
    """
    return _eigh(
        "eigvalsh", a, b, lower, type, check_finite, subset_by_index, subset_by_value, driver
    )[0]


# ---------------------------------------------------------------- singular values


@public("linalg", arrays="a")
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """The singular value decomposition of matrices: U, the singular values, and Vh.

    Singular vectors are unique up to a phase, and those of equal values have no derivative.
    `check_finite` is followed for NumPy arrays; `overwrite_a` is not. Only the driver "gesdd" is
    offered.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.svd.html
    """
    if lapack_driver == "gesvd":
        raise UnsupportedError("scipy.linalg.svd(lapack_driver='gesvd') is not supported: 'gesdd'")
    if lapack_driver != "gesdd":
        raise InvalidArgumentError(f"scipy.linalg.svd: there is no driver {lapack_driver!r}")
    a = matrices("svd", a, check_finite)
    if not compute_uv:
        return xp.linalg.svdvals(a)
    u, s, v = xp.linalg.svd(a, full_matrices=bool(full_matrices))
    return u, s, v


@public("linalg", arrays="a")
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The singular values of matrices, in descending order.

    `check_finite` is followed for NumPy arrays; `overwrite_a` is not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.svdvals.html
    """
    return xp.linalg.svdvals(matrices("svdvals", a, check_finite))


@public("linalg", arrays="a")
def polar(a: Any, side: str = "right") -> Any:
    """The polar decomposition of matrices into a unitary and a Hermitian factor.

    It is u and p in ``a = u @ p``, or with ``side="left"`` in ``a = p @ u``. The factor u has a
    derivative for matrices of full rank, equal singular values or not.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.polar.html
    """
    if side not in ("right", "left"):
        raise InvalidArgumentError(f"scipy.linalg.polar: side is 'right' or 'left', not {side!r}")
    a = matrices("polar", a, False)
    wide = a.shape[-2] < a.shape[-1]
    u = adjoint(UNITARY(adjoint(a))) if wide else UNITARY(a)
    p = adjoint(u) @ a if side == "right" else a @ adjoint(u)
    return u, (p + adjoint(p)) / 2


@public("linalg", arrays="a")
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    """The norm of a vector or a matrix, as `pluggrad.linalg.norm`.

    `check_finite` is followed for NumPy arrays.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.norm.html
    """
    (a,) = floats("linalg.norm", a, check_finite=check_finite)
    return xp.linalg.norm(a, ord=ord, axis=axis, keepdims=keepdims)
