"""Functions with a derivative of their own: `custom_vjp` and `custom_jvp`, as JAX has them."""

from __future__ import annotations

from .forward import SymbolicZero, custom_jvp
from .reverse import custom_vjp

__all__ = ["SymbolicZero", "custom_jvp", "custom_vjp"]
