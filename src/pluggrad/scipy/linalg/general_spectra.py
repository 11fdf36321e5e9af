"""Eigenvalues of general matrices, and systems of Toeplitz and circulant matrices."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError, UnsupportedError
from ..arguments import arrays, check_columns, columns, floats, matrices
from ..rows import public, refuse_away
from .structured import toeplitz

__all__ = ["eig", "eigvals", "matmul_toeplitz", "solve_circulant", "solve_toeplitz"]


@public("linalg", arrays="a")
def eig(
    a: Any, b: Any = None, left: bool = False, right: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False,
) -> Any:  # fmt: skip
    """The eigenvalues and right eigenvectors of general matrices, complex.

    Generalized problems, left eigenvectors and homogeneous eigenvalues are not supported.
    Eigenvectors are unique up to a phase, and those of equal eigenvalues have no derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.eig.html
    """
    if b is not None or left or homogeneous_eigvals:
        raise UnsupportedError(
            "scipy.linalg.eig: `b`, `left` and `homogeneous_eigvals` are not supported; of "
            "a generalized problem, take `eig(solve(b, a))`"
        )
    w, v = xp.linalg.eig(matrices("eig", a, check_finite))
    return (w, v) if right else w


@public("linalg", arrays="a")
def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:  # fmt: skip
    """The eigenvalues of general matrices, complex; see `eig`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.eigvals.html
    """
    return eig(
        a, b, right=False, check_finite=check_finite, homogeneous_eigvals=homogeneous_eigvals
    )


def _toeplitz(c_or_cr: Any, name: str) -> Any:
    """The matrix of the first column, or of the pair of that and the first row."""
    parts = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    if len(parts) > 2:
        raise InvalidArgumentError(f"scipy.linalg.{name} takes a column, or a column and a row")
    return toeplitz(*[xp.reshape(x, (-1,)) for x in floats(f"linalg.{name}", *parts)])


@public("linalg", arrays="b")
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """The solution of ``toeplitz(*c_or_cr) @ x = b``, by the matrix itself.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve_toeplitz.html
    """
    a, b = floats("linalg.solve_toeplitz", _toeplitz(c_or_cr, "solve_toeplitz"), b)
    check_columns("linalg.solve_toeplitz", a.shape[-1], columns(b))
    y = xp.linalg.solve(a, xp.reshape(b, (b.shape[0], -1)))
    return xp.reshape(y, tuple(b.shape))


@public("linalg", arrays="x")
def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    """The product ``toeplitz(*c_or_cr) @ x``, by the matrix itself. The hints are not followed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.matmul_toeplitz.html
    """
    a, x = floats("linalg.matmul_toeplitz", _toeplitz(c_or_cr, "matmul_toeplitz"), x)
    y = a @ xp.reshape(x, (x.shape[0], -1))
    return xp.reshape(y, (a.shape[0], *x.shape[1:]))


@public("linalg", arrays="c b")
def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0,
    outaxis: int = 0,
) -> Any:  # fmt: skip
    """The solution of ``circulant(c) @ x = b``, by Fourier transforms.

    Singular matrices are not recognised: of them the result is infinite or nan. The axes are the
    default ones, for a vector `c`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve_circulant.html
    """
    refuse_away("linalg.solve_circulant", singular=(singular, "raise"), tol=(tol, None),
                caxis=(caxis, -1), baxis=(baxis, 0), outaxis=(outaxis, 0))  # fmt: skip
    c, b = floats("linalg.solve_circulant", *arrays("linalg.solve_circulant", c, b))
    if c.ndim != 1:
        raise UnsupportedError("scipy.linalg.solve_circulant: c is a vector")
    check_columns("linalg.solve_circulant", c.shape[0], columns(b))
    values = xp.reshape(xp.fft.fft(c + 0j), (-1,) + (1,) * (b.ndim - 1))
    y = xp.fft.ifft(xp.fft.fft(b + 0j, axis=0) / values, axis=0)
    return y if "complex" in str(b.dtype) else xp.real(y)
