"""Minima as implicit functions, by the conditions of Karush, Kuhn and Tucker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...transforms import grad
from ..rows import scipy_module
from .calls import Call, Element, as_vector
from .constraints import Conditions
from .functions import start
from .implicit import Equations, Solution, implicit, jacobian

__all__ = ["minimum"]

#: A condition may be active if it is no larger than this.
CLOSE = 1e-3


def minimum(
    where: str,
    objective: Callable[[Any, Any], Any],
    x0: Any,
    given: dict[str, Any],
    find: Callable[[Element], tuple[Any, Any]],
    functions: Any = (),
    pieces: Any = (),
) -> Solution:
    """The minimum of ``objective(x, given)``, a number, that ``find(element)`` finds.

    `given` is the tree of its data, and `pieces` are the constraints. The equations are those of
    the Lagrangian: its gradient is 0, active constraints are 0, and the multipliers of the others
    are. A constraint that is 0 and has the multiplier 0 counts as not active.
    """
    pieces = list(pieces)
    given = {**given, "pieces": [piece.data for piece in pieces]}
    call = Call(where, given, [*functions, *[piece.function for piece in pieces]])
    first = xp.reshape(start(x0, call), (-1,))
    n = int(first.shape[0])
    conditions = Conditions(pieces, first, call.backend)
    equal = conditions.equal
    m = len(equal)

    def residual(z: Any, given: Any, active: Any) -> Any:
        if not m:
            return as_vector(grad(lambda x: objective(x, given))(z), call.backend)
        x, multipliers = z[:n], z[n:]

        def lagrangian(x: Any) -> Any:
            return objective(x, given) - xp.sum(multipliers * conditions(x, given["pieces"]))

        slopes = as_vector(grad(lagrangian)(x), call.backend)
        values = conditions(x, given["pieces"])
        return xp.concat([slopes, xp.where(active, values, multipliers)])

    def probe(x: Any, given: Any) -> Any:
        return [objective(x, given), *([conditions(x, given["pieces"])] if m else [])]

    def marks(z: np.ndarray, e: Element) -> np.ndarray:
        if not m:
            return np.zeros(0, bool)
        values = e.value(conditions(e.lift(z[:n]), e.given["pieces"]))
        return np.asarray(equal | (values < z[n:]))

    def extend(x: np.ndarray, e: Element) -> np.ndarray:
        """`x` with the multipliers that balance the gradient best."""
        if not m:
            return x
        at = e.lift(x)
        slope = e.value(grad(lambda x: objective(x, e.given))(at))
        values = e.value(conditions(at, e.given["pieces"]))
        matrix = e.value(jacobian(lambda x: conditions(x, e.given["pieces"]), at))
        may = equal | (values < CLOSE * (1 + np.max(np.abs(x), initial=0.0)))
        if not may.any():  # SciPy's `nnls` crashes where there are no columns
            return np.concatenate([x, np.zeros(m)])
        columns = matrix[may].T
        free = equal[may]
        found, _ = scipy_module("optimize").nnls(
            np.concatenate([columns, -columns[:, free]], axis=1), slope
        )
        multipliers = np.zeros(m)
        multipliers[may] = found[: int(may.sum())]
        multipliers[np.flatnonzero(may)[free]] -= found[int(may.sum()) :]
        return np.concatenate([x, multipliers])

    equations = Equations(residual, probe, marks, m, m, extend)
    return implicit(call, find, equations, first, n)
