"""Solutions as implicit functions: what a solver found is differentiated by the equations that it
solves, however it did so."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex
from ...engine.grad_mode import unrecorded
from ...engine.graph_breaks import collecting, graph_breaks
from ...engine.handles import is_tracked
from ...errors import (
    BatchingError,
    DifferentiationError,
    MixedBackendsError,
    PluggradError,
    UnsupportedError,
)
from ...functions.operand import constant
from ...transforms import jacfwd, jvp, stop_gradient
from .calls import Call, Element, is_array

__all__ = ["Equations", "Solution", "implicit", "jacobian"]

#: From a solution of SciPy's, Newton's method arrives within a few steps, or not at all.
STEPS = 12
#: How far SciPy's solution may be from the exact one, relative to its size.
NEAR = 1e-2
#: Matrices of a larger condition number count as singular.
WORST = 1e13


@dataclass
class Equations:
    """What a solver solves.

    ``residual(z, given, active)`` is a vector, 0 at the solution z, a vector as long. ``probe(z,
    given)`` calls the user's functions; it tells what they depend on. ``marks(z, element)`` is the
    NumPy array `active` of `count` booleans, which count as constant. SciPy's solver finds the
    first elements of z, and ``extend(z, element)`` the `more` others, roughly.
    """

    residual: Callable[[Any, Any, Any], Any]
    probe: Callable[[Any, Any], Any]
    marks: Callable[[np.ndarray, Element], np.ndarray] = lambda z, element: np.zeros(0, bool)
    count: int = 0
    more: int = 0
    extend: Callable[[np.ndarray, Element], np.ndarray] = lambda z, element: z


@dataclass
class Solution:
    """A solution `z`, whether it has derivatives, and what SciPy returned for each element."""

    z: Any
    tracked: bool
    results: list[Any]


def jacobian(f: Callable[[Any], Any], z: Any) -> Any:
    """The Jacobian of `f`, a function of vectors, at the vector `z`."""
    if is_complex(z):
        return jacfwd(f, holomorphic=True)(z)
    try:
        return jacfwd(f)(z)
    except BatchingError:  # something in `f` has no rule for batches
        unit = constant(z, "eye", z.shape[0])
        return xp.stack([jvp(f, (z,), (unit[k, ...],))[1] for k in range(z.shape[0])], axis=-1)


def _polished(z: np.ndarray, equations: Equations, e: Element) -> tuple[Any, Any, str]:
    """The exact solution near `z`, by Newton's method, what is active there, and what is wrong with
    it, if anything is."""
    first, last, before, there = z, np.inf, None, False
    z = equations.extend(z, e)
    active = equations.marks(z, e)
    for _ in range(STEPS if z.size else 0):
        residual = functools.partial(_residual, equations, e, e.lift(active))

        matrix = e.value(jacobian(residual, e.lift(z)))
        with np.errstate(all="ignore"):
            if not np.isfinite(matrix).all() or not np.linalg.cond(matrix) < WORST:
                return z, active, _SINGULAR
            step = np.linalg.solve(matrix, e.value(residual(e.lift(z))))
        if not np.isfinite(step).all():
            break
        size, z = np.max(np.abs(step) / (1 + np.abs(z))), z - step
        old, active = active, equations.marks(z, e)
        settled = np.array_equal(old, active)
        steady = before is not None and np.max(np.abs(matrix - before)) < 0.1 * np.max(
            np.abs(matrix)
        )  # at a multiple root, the matrix shrinks with every step
        if settled and steady and (size < 1e-14 or size >= last / 2):
            there = size < 1e-7
            break
        before, last = matrix, size if settled else np.inf
    away = np.abs(z[: first.size] - first) / (1 + np.abs(first))
    if z.size and not (there and np.max(away) < NEAR):
        return z, active, _FAR
    return z, active, ""


def _residual(equations: Equations, e: Element, active: Any, z: Any) -> Any:
    return equations.residual(z, e.given, active)


_SINGULAR = (
    "at the solution the equations do not determine how it depends on the parameters: their "
    "Jacobian (of a minimum the Hessian) is singular"
)
_FAR = "the solver stopped at a point that does not solve the equations, so it has no derivative"


def implicit(
    call: Call,
    solve: Callable[[Element], tuple[Any, Any]],
    equations: Equations,
    start: Any,
    size: int,
) -> Solution:
    """The solution of `equations` that ``solve(element)`` finds: a NumPy vector of `size` elements,
    and what SciPy returned. `start` is a point where the user's functions can be called.

    The value is SciPy's. The derivatives are those of two Newton steps from the exact solution: the
    first step gives the first order, and the second step all up to the third.
    """
    batches = call.batches(lambda: equations.probe(start, call.given))
    elements = [
        Element(call, dict(zip(batches, index, strict=True)))
        for index in np.ndindex(*[b.size for b in batches])
    ]
    if not elements:
        raise BatchingError(f"scipy.optimize.{call.where}: inside vmap, there is no element")
    if call.traced:
        _refuse_mixed(call, equations, elements[0], start)
        rows = [_traced(call, solve, equations, e, size) for e in elements]
        z, exact, active = [call.assembled(list(x), batches) for x in zip(*rows, strict=True)]
        return Solution(_followed(call, equations, z, exact, active), True, [])
    with unrecorded(), collecting(always=True) if batches else graph_breaks("ignore"):
        found = [solve(e) for e in elements]
    results = [result for _, result in found]
    points = [_floats(z) for z, _ in found]
    z = call.assembled(points, batches)
    with collecting():
        shown = equations.probe(z if batches else elements[0].lift(points[0]), call.given)
    if not any([is_tracked(x) for x in (*call.leaves, *optree.tree_leaves(shown))]):
        return Solution(z, False, results)
    with unrecorded(), collecting():
        better = [_polished(z, equations, e) for z, e in zip(points, elements, strict=True)]
    for _, _, wrong in better:
        if wrong:
            where = f"pluggrad.scipy.optimize.{call.where}"
            raise DifferentiationError(f"{where}: {wrong}{said(results)}")
    exact, active = [call.assembled([row[k] for row in better], batches) for k in (0, 1)]
    return Solution(_followed(call, equations, z, exact, active), True, results)


def said(results: list[Any]) -> str:
    """What SciPy says of the first solution, if it is not content."""
    message = getattr(results[0], "message", None)
    content = getattr(results[0], "success", True)
    return "" if content or not message else f" (SciPy says: {message})"


def _floats(z: Any) -> np.ndarray:
    found: np.ndarray = np.asarray(z)
    return found if found.dtype.kind == "c" else found.astype(float)


def _refuse_mixed(call: Call, equations: Equations, element: Element, start: Any) -> None:
    """Raise if the user's functions make arrays of another library than NumPy's, which they would
    mix with those that they get on the host: seen by a call with ones."""
    ones = [np.ones(tuple(x.shape)) if is_array(x) else x for x in element.leaves]
    z, active = np.ones(start.shape[0] + equations.more), np.zeros(equations.count, bool)
    try:
        with unrecorded(), collecting(always=True), np.errstate(all="ignore"):
            jacobian(lambda z: equations.residual(z, element.on_host(ones).given, active), z)
    except MixedBackendsError as error:
        raise UnsupportedError(
            f"pluggrad.scipy.optimize.{call.where}: what is compiled runs with NumPy's arrays, and "
            f"the function has others: hand these over in `args` ({error})"
        ) from error
    except Exception:  # the user's functions need not take ones
        return


def _traced(
    call: Call, solve: Any, equations: Equations, element: Element, size: int
) -> tuple[Any, ...]:
    """The solution, the exact solution and what is active, of arrays whose values come later. Where
    there are no derivatives the exact solution is nan."""
    places = [n for n, x in enumerate(element.leaves) if is_array(x)]

    def found(*arrays: Any) -> list[Any]:
        leaves = list(element.leaves)
        for n, x in zip(places, arrays, strict=True):
            leaves[n] = np.asarray(x)
        e = element.on_host(leaves)
        z = _floats(solve(e)[0])
        try:
            exact, active, wrong = _polished(z, equations, e)
        except PluggradError:
            exact, active, wrong = z, np.zeros(equations.count, bool), "not differentiable"
        return [z, exact * np.nan if wrong else exact, active]

    arrays = tuple([element.leaves[n] for n in places])
    dtypes = (call.dtype, call.dtype, call.backend.xp.bool)
    shapes = ((size,), (size + equations.more,), (equations.count,))
    results = list(zip(shapes, dtypes, strict=True))
    return tuple(call.backend.adapter.callback(found, arrays, results))


def _followed(call: Call, equations: Equations, z: Any, exact: Any, active: Any) -> Any:
    """The value `z`, with the derivatives of two Newton steps from the `exact` solution."""

    def residual(z: Any) -> Any:
        return equations.residual(z, call.given, active)

    with collecting():
        for first in (True, False):
            matrix = jacobian(residual, exact)
            matrix = stop_gradient(matrix) if first else matrix
            exact = exact - xp.linalg.solve(matrix, residual(exact))
    exact = exact[: z.shape[0]]
    return z + (exact - stop_gradient(exact))
