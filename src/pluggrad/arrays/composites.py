"""The registry of composites: functions that are written in terms of others.

The rules register them. They serve where gradients are tracked, and where a library lacks the
function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import UnsupportedError
from .backend import Backend

__all__ = ["COMPOSITES", "OWN", "composite", "composite_over_raw"]


COMPOSITES: dict[str, Callable[..., Any]] = {}


OWN: set[str] = set()


def composite(
    name: str | Callable[..., Any] | None = None, *, own: bool = False
) -> Callable[..., Any]:
    """Register a function that is written in terms of others, computing through `xp`.

    It serves where gradients are tracked, and where the library lacks it; otherwise the library's
    own is called, unless with `own`: libraries mean different things by that name.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        full = name if isinstance(name, str) else function.__name__
        COMPOSITES[full] = function
        if own:
            OWN.add(full)
        return function

    return register(name) if callable(name) else register


def composite_over_raw(name: str, backend: Backend) -> Callable[..., Any]:
    """What a rule calls when it names a function that the raw namespace lacks."""
    if name not in COMPOSITES:
        raise UnsupportedError(f"the {backend.name} backend has no function {name!r}")
    return COMPOSITES[name]
