"""What programs ask of HIPS's tracer: `primitive`, `isbox` and `getval`. Its nodes and boxes have
no counterpart here."""

from __future__ import annotations

from typing import Any

from ...engine.handles import is_tracked, raw_of
from ...variables.variable import Variable as Box
from .primitives import notrace_primitive, primitive

__all__ = ["Box", "getval", "isbox", "notrace_primitive", "primitive"]


def isbox(x: Any) -> bool:
    """Whether `x` is a Variable that some derivative follows."""
    return is_tracked(x)


def getval(x: Any) -> Any:
    """The plain array in `x`; `x` itself if it is no Variable."""
    return raw_of(x)
