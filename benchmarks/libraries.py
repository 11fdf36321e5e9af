"""The libraries that are compared: how each makes leaves and takes a gradient.

A workload is written once, as ``f(xp, *leaves, *constants)``. A library runs it with its own
functions as `xp`, on leaves that it made once, as a training loop does.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from typing import Any

# One thread each, decided before any of the libraries is imported.
for _name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB_MAXIMUM"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

__all__ = ["LIBRARIES", "Library", "best", "load"]

Step = Callable[[], list[np.ndarray]]


class Library:
    """How one library takes a gradient, in the style of `backward()`. Subclasses name its
    functions."""

    module: str

    def __init__(self) -> None:
        self.root = importlib.import_module(self.module)
        self.xp: Any = self.root

    def leaf(self, a: np.ndarray) -> Any:
        """The array as a leaf that gets a gradient."""
        raise NotImplementedError

    def constant(self, a: np.ndarray) -> Any:
        """The array as a constant of this library."""
        return a

    def clear(self, leaf: Any) -> None:
        """Forget the gradient of `leaf`."""
        leaf.grad = None

    def gradient(self, leaf: Any) -> Any:
        """The gradient that arrived at `leaf`, as an array."""
        return leaf.grad

    def step(self, f: Callable[..., Any], leaves: Any, constants: Any) -> Step:
        """A function that computes the value of `f` and its gradients by all leaves, once."""
        xp, clear, gradient = self.xp, self.clear, self.gradient
        variables = [self.leaf(a) for a in leaves]
        arguments = [*variables, *[self.constant(a) for a in constants]]

        def step() -> Any:
            for v in variables:
                clear(v)
            f(xp, *arguments).backward()
            return [gradient(v) for v in variables]

        return step


class Pluggrad(Library):
    """pluggrad, on NumPy arrays."""

    module = "pluggrad"

    def leaf(self, a: np.ndarray) -> Any:
        """A Variable that requires a gradient."""
        return self.root.Variable(a, requires_grad=True)

    def constant(self, a: np.ndarray) -> Any:
        """A Variable that requires no gradient."""
        return self.root.Variable(a)

    def gradient(self, leaf: Any) -> Any:
        """The array of `leaf.grad`."""
        return leaf.grad.data


class PluggradNamespace(Pluggrad):
    """pluggrad, with the functions of `pluggrad.namespace("numpy")`.

    The functions of `pluggrad` itself ask their arguments for the backend at each call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.xp = self.root.namespace("numpy")


class Torch(Library):
    """torch on one thread, in float64."""

    module = "torch"

    def __init__(self) -> None:
        super().__init__()
        self.root.set_num_threads(1)
        self.root.set_default_dtype(self.root.float64)

    def leaf(self, a: np.ndarray) -> Any:
        """A tensor that requires a gradient."""
        return self.root.from_numpy(a).requires_grad_()

    def constant(self, a: np.ndarray) -> Any:
        """A tensor that requires no gradient."""
        return self.root.from_numpy(a)


class MyGrad(Library):
    """MyGrad, on NumPy arrays."""

    module = "mygrad"

    def leaf(self, a: np.ndarray) -> Any:
        """A MyGrad tensor."""
        return self.root.tensor(a, copy=False)

    def clear(self, leaf: Any) -> None:
        """Forget the gradient of `leaf`, by MyGrad's own method."""
        leaf.null_grad()


class HipsAutograd(Library):
    """HIPS autograd has no `backward()`: it transforms functions."""

    module = "autograd"

    def __init__(self) -> None:
        super().__init__()
        self.xp = importlib.import_module("autograd.numpy")

    def step(self, f: Callable[..., Any], leaves: Any, constants: Any) -> Step:
        """As in `Library`, by one call of `value_and_grad`."""
        xp = self.xp
        both = self.root.value_and_grad(
            lambda *arguments: f(xp, *arguments), argnum=tuple(range(len(leaves)))
        )
        arguments = [*leaves, *constants]
        return lambda: both(*arguments)[1]


#: In the order of the table's columns.
LIBRARIES: dict[str, type[Library]] = {
    "pluggrad": Pluggrad,
    "torch": Torch,
    "autograd": HipsAutograd,
    "mygrad": MyGrad,
}


def load(name: str, *, through_namespace: bool = False) -> Library | None:
    """The library called `name`, or None if it is not installed."""
    kind = PluggradNamespace if through_namespace and name == "pluggrad" else LIBRARIES[name]
    try:
        return kind()
    except ImportError:
        return None


def best(steps: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Seconds per call of each step: the best over all rounds.

    In each round the steps take turns. A step is called repeatedly for a hundredth of a second, so
    that its time does not depend on what another step left in the caches.
    """
    found = [float("inf")] * len(steps)
    for _ in range(rounds):
        for i, step in enumerate(steps):
            calls, passed, start = 0, 0.0, time.perf_counter()
            while passed < 0.01:
                step()
                calls += 1
                passed = time.perf_counter() - start
            found[i] = min(found[i], passed / calls)
    return found
