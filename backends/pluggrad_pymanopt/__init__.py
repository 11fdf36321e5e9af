"""Variables in pymanopt: ``@pymanopt.function.pluggrad(manifold)``. pluggrad imports this as soon
as pymanopt is imported.

The function may be written with NumPy's functions or with pluggrad's. Its gradient and its Hessian
are ours.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from pymanopt.autodiff import backend_decorator_factory
from pymanopt.autodiff.backends._backend import Backend

import pluggrad as pg

__all__ = ["PluggradBackend"]


class PluggradBackend(Backend):  # type: ignore[misc]
    """How pymanopt differentiates a function by pluggrad."""

    def __init__(self) -> None:
        super().__init__("Pluggrad")

    @staticmethod
    def is_available() -> bool:
        """True: pluggrad is there."""
        return True

    def prepare_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, which returns a number."""

        @functools.wraps(function)
        def value(*args: Any) -> Any:
            y = function(*args)
            return y.detach().numpy()[()] if isinstance(y, pg.Variable) else y

        return value

    def generate_gradient_operator(
        self, function: Callable[..., Any], num_arguments: int
    ) -> Callable[..., Any]:
        """The gradient: an array if there is one argument, else a list of arrays."""
        gradient = pg.grad(function, argnums=tuple(range(num_arguments)))

        @functools.wraps(function)
        def operator(*args: Any) -> Any:
            return _shown(gradient(*args), num_arguments)

        return operator

    def generate_hessian_operator(
        self, function: Callable[..., Any], num_arguments: int
    ) -> Callable[..., Any]:
        """The product of the Hessian and a vector. The point comes first, then the vector, of
        `num_arguments` arrays each."""
        gradient = pg.grad(function, argnums=tuple(range(num_arguments)))

        @functools.wraps(function)
        def operator(*args: Any) -> Any:
            point, vector = args[:num_arguments], args[num_arguments:]
            return _shown(pg.jvp(gradient, point, vector)[1], num_arguments)

        return operator


def _shown(arrays: Any, num_arguments: int) -> Any:
    """The arrays in the form that pymanopt expects."""
    found = [np.asarray(x) for x in arrays]
    return found[0] if num_arguments == 1 else found


pluggrad = backend_decorator_factory(PluggradBackend)
for _name in ("pymanopt.function", "pymanopt.autodiff.backends"):
    _module: Any = sys.modules[_name]
    _module.pluggrad = pluggrad
