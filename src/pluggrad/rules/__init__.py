"""The rule book: one row per differentiable function of the standard."""

from . import elementwise, indexing, manipulation, reductions

__all__ = ["elementwise", "indexing", "manipulation", "reductions"]
