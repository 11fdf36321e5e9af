"""`autograd.numpy.random`: `numpy.random`, as `pluggrad.numpy` has it."""

from __future__ import annotations

from typing import Any

from ....numpy import random as _ours

__all__ = list(_ours.__all__)

for _name in dir(_ours):
    if _name[0] != "_":
        globals()[_name] = getattr(_ours, _name)


def __getattr__(name: str) -> Any:
    return getattr(_ours, name)
