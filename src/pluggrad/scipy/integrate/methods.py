"""The methods of `solve_ivp` as classes: SciPy's own `solve_ivp` takes Variables with them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable, xp
from ...functions.operand import as_array, as_doubles
from ...transforms import stop_gradient
from ..rows import scipy_module
from .calls import backend_in, known
from .initial_value import right_hand_side
from .quadrature import shifted
from .steps import EXPLICIT, IMPLICIT, explicit, implicit

__all__ = ["METHODS", "method_class"]

METHODS = (*EXPLICIT, *IMPLICIT)


@functools.cache
def method_class(name: str) -> Any:
    """The class of this name: SciPy's chooses the steps, and they are recorded."""
    integrate = scipy_module("integrate")
    theirs = getattr(integrate, name)

    class Method(integrate.OdeSolver):  # type: ignore[misc, name-defined]
        def __init__(
            self, fun: Any, t0: float, y0: Any, t_bound: float, vectorized: bool = False,
            **options: Any,
        ) -> None:  # fmt: skip
            y0 = as_array(y0, f"scipy.integrate.{name}", "y0")
            y0 = as_doubles(y0 if is_variable(y0) else backend_in(y0).namespace.asarray(y0))
            where = f"scipy.integrate.{name}"
            self._recorded, host = right_hand_side(fun, (), y0, vectorized, where)
            self._host_fun = host
            start = known(stop_gradient(y0), where)
            self._inner = theirs(host, t0, start, t_bound, vectorized=vectorized, **options)
            self.t, self.t_old, self.y, self.t_bound = t0, None, y0, t_bound
            self.n, self.status, self.vectorized = int(y0.shape[0]), "running", vectorized
            self.direction = self._inner.direction
            self.fun = self.fun_single = self._recorded
            self._slope: Any = None
            self._part: Any = None

        nfev = property(lambda self: self._inner.nfev)
        njev = property(lambda self: self._inner.njev)
        nlu = property(lambda self: self._inner.nlu)

        def _step_impl(self) -> tuple[bool, Any]:
            message = self._inner.step()
            if self._inner.status == "failed":
                return False, message
            t, after = self.t, self._inner.t
            if name in EXPLICIT:
                y, self._slope, self._part = explicit(
                    name, self._recorded, t, self.y, after - t, self._slope
                )
            else:
                y, _, self._part = implicit(self._recorded, self._host_fun, t, self.y, after - t)
                y = shifted(y, self._inner.y)
            self.t, self.y = after, y
            return True, None

        def _dense_output_impl(self) -> Any:
            part, t_old, t = self._part, self.t_old, self.t
            values = self._inner.dense_output() if name in IMPLICIT else None

            class Between(integrate.DenseOutput):  # type: ignore[misc, name-defined]
                def _call_impl(self, at: Any) -> Any:
                    y = part(at if np.ndim(at) else float(at))
                    y = y if values is None else shifted(y, values(at).T)
                    return xp.matrix_transpose(y) if y.ndim > 1 else y

            return Between(t_old, t)

    Method.__name__ = Method.__qualname__ = name
    Method.__module__ = "pluggrad.scipy.integrate"
    Method.__doc__ = (
        f"The method {name!r} of `solve_ivp`, for SciPy's own ``solve_ivp(..., method=...)``, which"
        " then takes\nVariables as initial values and among `args`, as `pluggrad.scipy."
        "integrate.solve_ivp` does. Events\nare for that one.\n"
    )
    return Method
