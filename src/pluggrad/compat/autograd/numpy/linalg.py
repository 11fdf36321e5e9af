"""`autograd.numpy.linalg`: that of `pluggrad.numpy`. As in HIPS autograd, `eigh` and its gradient
read one triangle, while the gradient of `cholesky` is shared between both."""

from __future__ import annotations

from typing import Any

import numpy as _numpy

from ....numpy import linalg as _ours
from ....numpy.calls import passing as _passing

__all__ = list(_ours.__all__)

for _name in dir(_ours):
    if _name[0] != "_":
        globals()[_name] = getattr(_ours, _name)

for _name in ("cholesky", "pinv", "svd", "matrix_rank"):
    globals()[_name] = _passing(getattr(_numpy.linalg, _name), __name__, _name)


def __getattr__(name: str) -> Any:
    return getattr(_ours, name)
