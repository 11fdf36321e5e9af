"""SciPy's solvers of differential equations, which note the steps that they take."""

from __future__ import annotations

from typing import Any

from scipy import integrate

__all__ = ["noting"]


def noting(name: str, times: list[float]) -> Any:
    """SciPy's method of that name, which appends the time of each step to `times`."""
    method = getattr(integrate, name)

    def step(self: Any) -> Any:
        message = method.step(self)
        if self.status != "failed":
            times.append(float(self.t))
        return message

    return type(name, (method,), {"step": step})
