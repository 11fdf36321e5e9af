"""HIPS autograd's interface over pluggrad's engine, as in
``import pluggrad.compat.autograd.numpy as np``.

The names, arguments and conventions are those of HIPS autograd; orders, threads, backends and speed
are ours. Two ways to run a program that imports ``autograd`` unchanged:

- ``python -m pluggrad.compat.autograd program.py`` runs it;
- ``pluggrad.compat.autograd.install()``, before the program's own imports, makes
  ``import autograd`` mean this package; `uninstall` undoes it.
"""

from __future__ import annotations

from .aliases import install, uninstall
from .builtins import dict, isinstance, list, tuple, type
from .differential_operators import (
    checkpoint,
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    holomorphic_grad,
    jacobian,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_jvp_reversemode,
    make_vjp,
    multigrad_dict,
    tensor_jacobian_product,
    value_and_grad,
    vector_jacobian_product,
)
from .primitive_calls import primitive

__all__ = [
    "checkpoint", "deriv", "dict", "elementwise_grad", "grad", "grad_and_aux", "grad_named",
    "hessian", "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "install",
    "isinstance", "jacobian", "list", "make_ggnvp", "make_hvp", "make_jvp",
    "make_jvp_reversemode", "make_vjp", "multigrad_dict", "primitive", "tensor_jacobian_product",
    "tuple", "type", "uninstall", "value_and_grad", "vector_jacobian_product",
]  # fmt: skip
