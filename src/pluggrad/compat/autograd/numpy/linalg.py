"""`autograd.numpy.linalg`: `numpy.linalg`, in which `eigh` and `eigvalsh` read one triangle of
their argument, and so does their gradient."""

from __future__ import annotations

from typing import Any

from .... import numpy as _np
from ....numpy import linalg as _ours
from ..trees import holds_variables

__all__ = list(_ours.__all__)

for _name in dir(_ours):
    if _name[0] != "_":
        globals()[_name] = getattr(_ours, _name)


def _from_triangle(a: Any, UPLO: str) -> Any:
    """The Hermitian matrices that one triangle of `a`, its lower or upper one, stands for."""
    below = _np.tril(a, -1) if UPLO.upper() == "L" else _np.triu(a, 1)
    n = a.shape[-1]
    return below + _np.conj(_np.swapaxes(below, -1, -2)) + _np.real(a) * _np.eye(n, variable=False)


def eigh(a: Any, UPLO: str = "L") -> Any:
    """`numpy.linalg.eigh`. The gradient is zero in the triangle that is not read."""
    return _ours.eigh(_from_triangle(a, UPLO) if holds_variables(a) else a, UPLO)


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """`numpy.linalg.eigvalsh`. The gradient is zero in the triangle that is not read."""
    return _ours.eigvalsh(_from_triangle(a, UPLO) if holds_variables(a) else a, UPLO)


def __getattr__(name: str) -> Any:
    return getattr(_ours, name)
