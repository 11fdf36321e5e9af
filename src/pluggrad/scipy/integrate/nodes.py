"""Nodes and weights of quadrature by double exponentials, which keeps its precision where an
integrand, or its derivative by a parameter, is singular at an end."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["finite", "half_line", "intervals", "line", "unfolded"]


def _steps(step: float, reach: float) -> Any:
    count = int(reach / step)
    return np.arange(-count, count + 1) * step


def finite(step: float, reach: float = 4.0) -> tuple[Any, Any, Any]:
    """Distances of the nodes from 0 and from 1, and weights, on the interval from 0 to 1."""
    t = _steps(step, reach)
    z = np.pi * np.sinh(t)
    near = 1.0 / (1.0 + np.exp(-z))
    far = 1.0 / (1.0 + np.exp(z))
    return near, far, step * np.pi * np.cosh(t) * near * far


def half_line(step: float, reach: float = 4.0) -> tuple[Any, Any]:
    """Nodes and weights from 0 to infinity."""
    t = _steps(step, reach)
    x = np.exp(0.5 * np.pi * np.sinh(t))
    return x, step * 0.5 * np.pi * np.cosh(t) * x


def line(step: float, reach: float = 3.5) -> tuple[Any, Any]:
    """Nodes and weights from minus infinity to infinity."""
    t = _steps(step, reach)
    z = 0.5 * np.pi * np.sinh(t)
    return np.sinh(z), step * 0.5 * np.pi * np.cosh(t) * np.cosh(z)


def intervals(pieces: Any, step: float) -> tuple[Any, Any]:
    """Nodes and weights on each of `pieces`, rows of two limits."""
    near, far, w = finite(step)
    a, b = pieces[:, :1], pieces[:, 1:]
    x = np.where(near < 0.5, a + (b - a) * near, b - (b - a) * far)
    weights = np.broadcast_to((b - a) * w, x.shape)
    inside = (x != a) & (x != b)
    return x[inside], weights[inside]


def unfolded(x: Any, w: Any, a: float, b: float) -> tuple[Any, Any]:
    """Nodes and weights in the variable that SciPy integrates over in an infinite range, brought
    to the range itself."""
    if np.isinf(a) and np.isinf(b):
        found = (1.0 - np.abs(x)) / x
    elif np.isinf(b):
        found = a + (1.0 - x) / x
    else:
        found = b - (1.0 - x) / x
    near = np.abs(found) < 1e20
    return found[near], (w / x / x)[near]
