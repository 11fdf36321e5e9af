"""The results of functions of `scipy.special` that have several, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.special

_COUNTS = {"airy": 4, "sici": 2, "shichi": 2, "fresnel": 2, "ellipj": 4}


def _part(name: str, k: int) -> Callable[..., Any]:
    function = getattr(scipy.special, name)
    return lambda *args: function(*args)[k]


globals().update({f"{n}_{k}": _part(n, k) for n, count in _COUNTS.items() for k in range(count)})
__all__ = [f"{n}_{k}" for n, count in _COUNTS.items() for k in range(count)]
