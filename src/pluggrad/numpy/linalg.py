"""`numpy.linalg`; its functions take Variables, and lists that hold them."""

from __future__ import annotations

from typing import Any

import numpy

from .calls import passing

__all__ = list(numpy.linalg.__all__)

for _name in numpy.linalg.__all__:
    _found: Any = getattr(numpy.linalg, _name)
    globals()[_name] = _found if isinstance(_found, type) else passing(_found, __name__, _name)


def __dir__() -> list[str]:
    return dir(numpy.linalg)


def __getattr__(name: str) -> Any:
    return getattr(numpy.linalg, name)
