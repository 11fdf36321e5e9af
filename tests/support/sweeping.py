"""What the sweeps over the functions of a library share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["leaves_of", "slopes"]


def leaves_of(y: Any) -> list[Any]:
    """The leaves of a result."""
    return [x for item in y for x in leaves_of(item)] if isinstance(y, (list, tuple)) else [y]


def slopes(at: Callable[[float], float], h: float = 1e-4) -> tuple[float, float, float]:
    """The derivative of `at` at 0: by central differences of fourth order, and from either side.

    The last two differ where the function has a kink.
    """
    here, up, down, far, back = at(0.0), at(h), at(-h), at(2 * h), at(-2 * h)
    both = (8 * (up - down) - (far - back)) / (12 * h)
    return both, (far - here) / (2 * h), (here - back) / (2 * h)
