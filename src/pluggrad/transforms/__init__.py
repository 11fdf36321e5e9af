"""The function transforms, with the signatures of `jax`: derivatives and maps of functions."""

from __future__ import annotations

from .checkpointing import checkpoint
from .custom_rules import SymbolicZero, custom_jvp, custom_vjp
from .gradients import grad, jvp, stop_gradient, value_and_grad, vjp
from .jacobians import hessian, hvp, jacfwd, jacrev, linearize
from .mapping import vmap

__all__ = [
    "SymbolicZero",
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]
