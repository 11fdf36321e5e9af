"""Functions of matrices: the exponential, its inverse, roots, and the trigonometric functions."""

from __future__ import annotations

import inspect
from typing import Any

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ...errors import InvalidArgumentError
from ..arguments import check_square, find_backend, floats
from ..rows import public, refuse_away, scipy_module
from .matrix_rows import EXPM, LOGM, SQRTM, blocks

__all__ = ["coshm", "cosm", "expm", "expm_frechet", "logm", "sinhm", "sinm", "sqrtm", "tanhm",
           "tanm"]  # fmt: skip


def _default(name: str, parameter: str) -> Any:
    """SciPy's own default of an argument: an object that stands for none."""
    parameters = inspect.signature(getattr(scipy_module("linalg"), name)).parameters
    return parameters[parameter].default if parameter in parameters else None


_LOGM_DISP, _DISP = _default("logm", "disp"), _default("sqrtm", "disp")
_BLOCKSIZE = _default("sqrtm", "blocksize")


def _square(name: str, a: Any, check_finite: bool = False) -> Any:
    (a,) = floats(f"linalg.{name}", a, check_finite=check_finite)
    check_square(f"linalg.{name}", a)
    return a


@public("linalg", arrays="A")
def expm(A: Any) -> Any:
    """The exponential of square matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.expm.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.linalg
    >>> pg.grad(lambda a: pg.scipy.linalg.expm(a)[0, 1])(np.zeros((2, 2))).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    (a,) = floats("linalg.expm", A)
    if a.ndim < 2 and a.shape in ((), (1,)):
        return xp.reshape(xp.exp(a), (1, 1))
    check_square("linalg.expm", a)
    return EXPM(a)


@public("linalg", arrays="A E")
def expm_frechet(
    A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    """The exponential of `A` and its derivative in the direction `E`.

    If `compute_expm` is False, it is the derivative alone. Both methods of SciPy's are computed as
    "blockEnlarge". `check_finite` is followed for NumPy arrays.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.expm_frechet.html
    """
    if method not in (None, "SPS", "blockEnlarge"):
        raise InvalidArgumentError(f"scipy.linalg.expm_frechet: there is no method {method!r}")
    a, e = floats("linalg.expm_frechet", A, E, check_finite=check_finite)
    check_square("linalg.expm_frechet", a, e)
    if a.shape[-1] != e.shape[-1]:
        raise InvalidArgumentError(
            f"scipy.linalg.expm_frechet: the shapes are {a.shape} and {e.shape}, not the same"
        )
    a, e = xp.broadcast_arrays(a, e)
    n, y = a.shape[-1], EXPM(blocks(a, e))
    return (y[..., :n, :n], y[..., :n, n:]) if compute_expm else y[..., :n, n:]


@public("linalg", arrays="A")
def logm(A: Any, disp: Any = _LOGM_DISP) -> Any:
    """The logarithm of square matrices.

    A real matrix with eigenvalues below 0 has a complex one, and no derivative here. Over other
    libraries than NumPy such a matrix is refused: give a complex matrix. `disp` is not supported.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.logm.html
    """
    refuse_away("linalg.logm", disp=(disp, _LOGM_DISP))
    a = _square("logm", A)
    return LOGM(a, keeps=find_backend(a).name != "numpy")


@public("linalg", arrays="A")
def sqrtm(A: Any, disp: Any = _DISP, blocksize: Any = _BLOCKSIZE) -> Any:
    """The square root of square matrices.

    A real matrix with eigenvalues below 0 has a complex one; over other libraries than NumPy such a
    matrix is refused: give a complex matrix. `disp` and `blocksize` are not supported.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.sqrtm.html
    """
    refuse_away("linalg.sqrtm", disp=(disp, _DISP), blocksize=(blocksize, _BLOCKSIZE))
    a = _square("sqrtm", A)
    return SQRTM(a, keeps=find_backend(a).name != "numpy")


def _cos(a: Any) -> Any:
    if is_complex(a):
        return 0.5 * (EXPM(1j * a) + EXPM(-1j * a))
    return xp.real(EXPM(1j * a))


def _sin(a: Any) -> Any:
    if is_complex(a):
        return -0.5j * (EXPM(1j * a) - EXPM(-1j * a))
    return xp.imag(EXPM(1j * a))


def _cosh(a: Any) -> Any:
    return 0.5 * (EXPM(a) + EXPM(-a))


def _sinh(a: Any) -> Any:
    return 0.5 * (EXPM(a) - EXPM(-a))


@public("linalg", arrays="A")
def cosm(A: Any) -> Any:
    """The cosine of square matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.cosm.html
    """
    return _cos(_square("cosm", A))


@public("linalg", arrays="A")
def sinm(A: Any) -> Any:
    """The sine of square matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.sinm.html
    """
    return _sin(_square("sinm", A))


@public("linalg", arrays="A")
def tanm(A: Any) -> Any:
    """The tangent of square matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.tanm.html
    """
    a = _square("tanm", A, True)
    return xp.linalg.solve(_cos(a), _sin(a))


@public("linalg", arrays="A")
def coshm(A: Any) -> Any:
    """The hyperbolic cosine of square matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.coshm.html
    """
    return _cosh(_square("coshm", A))


@public("linalg", arrays="A")
def sinhm(A: Any) -> Any:
    """The hyperbolic sine of square matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.sinhm.html
    """
    return _sinh(_square("sinhm", A))


@public("linalg", arrays="A")
def tanhm(A: Any) -> Any:
    """The hyperbolic tangent of square matrices.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.tanhm.html
    """
    a = _square("tanhm", A, True)
    return xp.linalg.solve(_cosh(a), _sinh(a))
