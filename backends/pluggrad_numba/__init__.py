"""The engine `numba` of `pluggrad.compile`: elementwise operations become loops, which Numba
compiles; all else stays NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pluggrad.plugin import Engine, emitted

from .groups import in_loops

__all__ = ["NumbaEngine", "engine"]


class NumbaEngine(Engine):
    """One loop for each group of elementwise operations on arrays of one shape, together with the
    sums of their results. What is computed on the way takes no memory.

    Results differ from NumPy's in the last digits: Numba's functions are those of the C library,
    and sums are added up in another order. Floating-point warnings are not given.
    """

    name = "numba"
    uses_program = True

    def make(
        self, function: Callable[..., Any], leaves: Sequence[Any], program: Any = None
    ) -> Callable[..., Any]:
        """The program with loops, as Python source."""
        return emitted(in_loops(program))


engine = NumbaEngine()
