"""The rule book: one row per differentiable function of the standard."""

from . import elementwise, extras, indexing, manipulation, products, reductions

__all__ = ["elementwise", "extras", "indexing", "manipulation", "products", "reductions"]
