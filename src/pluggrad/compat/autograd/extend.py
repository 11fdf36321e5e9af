"""Rules for functions of one's own: `primitive`, `defvjp`, `defjvp` and their relatives."""

from __future__ import annotations

from ...variables.variable import Variable as Box
from .defining import (
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
)
from .primitives import notrace_primitive, primitive
from .spaces import VSpace, vspace

__all__ = [
    "Box",
    "VSpace", "def_linear", "defjvp", "defjvp_argnum", "defjvp_argnums", "defvjp",
    "defvjp_argnum", "defvjp_argnums", "notrace_primitive", "primitive", "vspace",
]  # fmt: skip
