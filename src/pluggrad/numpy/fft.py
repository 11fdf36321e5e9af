"""`numpy.fft`; its functions take Variables, and lists that hold them."""

from __future__ import annotations

from typing import Any

import numpy

from .calls import passing

__all__ = list(numpy.fft.__all__)

for _name in numpy.fft.__all__:
    _found: Any = getattr(numpy.fft, _name)
    globals()[_name] = _found if isinstance(_found, type) else passing(_found, __name__, _name)


def __dir__() -> list[str]:
    return dir(numpy.fft)


def __getattr__(name: str) -> Any:
    return getattr(numpy.fft, name)
