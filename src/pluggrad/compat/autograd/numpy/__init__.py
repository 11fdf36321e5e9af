"""`autograd.numpy`: NumPy's namespace, as `pluggrad.numpy` has it, under HIPS autograd's
conventions.

What differs from `pluggrad.numpy`: `where` of plain Python values gives plain Python values,
`linalg.eigh` reads one triangle in its gradient, too, `stack` and the like take generators, and
`make_diagonal` is here.
"""

from __future__ import annotations

import sys as _sys
from typing import Any

from .... import numpy as _ours
from ....numpy.classes import CLASSES as _CLASSES
from ....numpy.classes import Module as _Module
from . import fft as fft
from . import linalg as linalg
from . import random as random
from .own import OWN as _OWN

__all__ = [*_ours.__all__, "make_diagonal"]

_BY_USE = frozenset({"ndarray", *_CLASSES})  # `_Module` has these

for _name in dir(_ours):
    if _name[0] != "_" and _name not in _BY_USE and _name not in (
        "fft", "linalg", "random", "testing",
    ):  # fmt: skip
        globals()[_name] = getattr(_ours, _name)
globals().update(_OWN)
_sys.modules[__name__].__class__ = _Module
__version__ = _ours.__version__


def __dir__() -> list[str]:
    return sorted({*dir(_ours), *_OWN})


def __getattr__(name: str) -> Any:
    """What NumPy finds later; its own error for unknown names."""
    return getattr(_ours, name)
