"""`odeint`: its values are SciPy's, and its derivatives those of recorded steps."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from ...arrays.dispatch import is_variable, xp
from ...engine.grad_mode import no_grad
from ...engine.handles import is_tracked
from ...errors import DifferentiationError, PluggradError
from ...functions.operand import as_array, as_doubles
from ...transforms import jvp, stop_gradient
from ..rows import explained, scipy_module
from .calls import backend_in, known, on_host, some_tracked
from .initial_value import OdeSolution, path, right_hand_side, steps_of, within_precision
from .quadrature import shifted

__all__ = ["odeint"]


@explained("integrate")
def odeint(
    func: Any, y0: Any, t: Any, args: Any = (), Dfun: Any = None, col_deriv: int = 0,
    full_output: int = 0, ml: Any = None, mu: Any = None, rtol: Any = None, atol: Any = None,
    tcrit: Any = None, h0: float = 0.0, hmax: float = 0.0, hmin: float = 0.0, ixpr: int = 0,
    mxstep: int = 0, mxhnil: int = 0, mxordn: int = 12, mxords: int = 5, printmessg: int = 0,
    tfirst: bool = False,
) -> Any:  # fmt: skip
    """The solution of ``dy/dt = func(y, t)`` at the times `t`, from `y0` at the first of them on.

    It is differentiable by `y0`, `args`, by Variables that `func` has captured, and by `t`. The
    values are SciPy's. The derivatives are those of the recorded steps of another method of the
    same tolerances: of "DOP853", or of Radau's where SciPy found the equation stiff. The steps of
    "DOP853" are short enough for the state and for its derivative by `y0` and `args`, if `func` has
    a forward mode: at a kink, as in ``maximum(x, 0)``, the derivative needs the shorter ones.
    All other arguments are SciPy's, and are followed for the values.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.odeint.html
    """
    where = "scipy.integrate.odeint"
    args = args if isinstance(args, tuple) else (args,)
    namespace = backend_in(y0, t, args).namespace
    t = as_array(t, where, "t") if isinstance(t, (list, tuple)) and some_tracked(t) else t
    y0 = as_array(y0, where, "y0")
    y0 = xp.reshape(as_doubles(y0 if is_variable(y0) else namespace.asarray(y0)), (-1,))
    times = known(stop_gradient(t) if is_variable(t) else t, where).astype(float)
    tolerances = {"rtol": 1.49012e-8 if rtol is None else rtol,
                  "atol": 1.49012e-8 if atol is None else atol}  # fmt: skip
    rtol, atol = within_precision(tolerances, y0).values()
    fun = func if tfirst else lambda s, y, *more: func(y, s, *more)
    recorded, host = right_hand_side(fun, args, y0, False, where)
    jac = None if Dfun is None else on_host(Dfun, args, where)
    value, info = scipy_module("integrate").odeint(
        host, known(stop_gradient(y0), where), times, (),
        jac if jac is None or tfirst else lambda s, y: jac(y, s), col_deriv, 1, ml, mu, rtol, atol,
        tcrit, h0, hmax, hmin, ixpr, mxstep, mxhnil, mxordn, mxords, printmessg, True,
    )  # fmt: skip
    probe = recorded(float(times[0]), y0)
    if not some_tracked(probe, y0, t):
        y = namespace.asarray(value)
        return (y, info) if full_output else y
    stiff = "mused" in info and bool((np.asarray(info["mused"]) == 2).any())
    if stiff:
        y = _by_radau(recorded, host, y0, t, times, rtol, atol, value)
    else:
        both = _with_tangent(fun, args, y0, where)
        y = _by_steps(recorded, host, y0, t, times, rtol, atol, both)
    y = shifted(y, value)
    return (y, info) if full_output else y


def _time(t: Any, k: int) -> Any:
    """Time number `k`, as a Variable if `t` is tracked."""
    return t[k] if is_variable(t) and some_tracked(t) else float(np.asarray(
        stop_gradient(t).data if is_variable(t) else t)[k])  # fmt: skip


def _with_tangent(fun: Any, args: Any, y0: Any, where: str) -> Callable[[Any, Any], Any]:
    """The right-hand side, on the host, for a state with a tangent behind it.

    The tangent is a derivative by the initial state and by all arguments at once.
    """
    leaves, structure = optree.tree_flatten(args)
    places = [k for k, x in enumerate(leaves) if is_variable(x) and is_tracked(x)]
    fixed = [stop_gradient(x) if is_variable(x) else x for x in leaves]
    namespace, n = y0._backend.namespace, int(y0.shape[0])
    given = [fixed[k] for k in places]
    directions = [namespace.asarray(_direction(x.shape), dtype=x.dtype) for x in given]

    def both(s: Any, z: Any) -> Any:
        def slope(y: Any, *xs: Any) -> Any:
            moved = list(fixed)
            for k, x in zip(places, xs, strict=True):
                moved[k] = x
            rest = optree.tree_unflatten(structure, moved)
            return right_hand_side(fun, rest, y0, False, where)[0](s, y)

        y, tangent = [namespace.asarray(part, dtype=y0.dtype) for part in (z[:n], z[n:])]
        with no_grad():
            found = jvp(slope, (y, *given), (tangent, *directions))
        slopes = np.concatenate([known(stop_gradient(x), where) for x in found])
        if not np.isfinite(slopes).all():  # SciPy would never come to an end
            raise DifferentiationError(
                f"{where}: the derivative of the right-hand side is infinite"
            )
        return slopes

    return both


def _direction(shape: tuple[int, ...]) -> Any:
    """Numbers between -1 and 1, none of which is zero, and which follow no pattern."""
    return np.cos(1.0 + np.arange(int(np.prod(shape)))).reshape(shape)


def _mesh(
    host: Any, a: float, b: float, y: Any, method: str, rtol: Any, atol: Any, both: Any = None
) -> list[float]:  # fmt: skip
    """The times of SciPy's steps from `a` to `b`.

    They are short enough for the tangent, too, if `both` is given and can be followed to the end.
    """

    def steps(right: Any, start: Any, atol: Any) -> list[float]:
        times = [a]
        steps_of(right, (a, b), start, method, times, None, False, None, False,
                {"rtol": np.max(rtol), "atol": atol})  # fmt: skip
        return times

    if both is not None:
        start = np.concatenate([y, _direction(y.shape)])
        with contextlib.suppress(PluggradError), np.errstate(all="ignore"):
            times = steps(both, start, np.tile(np.broadcast_to(atol, y.shape), 2))
            if times[-1] == b:
                return times
    return steps(host, y, atol)


def _between(t: Any, k: int, share: float) -> Any:
    """The time at a share of the way from time number `k` to the next."""
    a, b = _time(t, k), _time(t, k + 1)
    return a + (b - a) * share


def _by_steps(
    fun: Any, host: Any, y0: Any, t: Any, times: Any, rtol: Any, atol: Any, both: Any
) -> Any:  # fmt: skip
    """The states at all times, by the steps of "DOP853"."""
    start = np.asarray(stop_gradient(y0).data)
    if len(times) < 2:
        return xp.expand_dims(y0, axis=0)
    if some_tracked(t):
        return _piece_by_piece("DOP853", fun, host, y0, t, times, rtol, atol, None, both)
    mesh = _mesh(host, times[0], times[-1], start, "DOP853", rtol, atol, both)
    _, parts = path("DOP853", fun, host, times[0], y0, mesh, float)
    return xp.matrix_transpose(OdeSolution(mesh, parts)(times))


def _by_radau(
    fun: Any, host: Any, y0: Any, t: Any, times: Any, rtol: Any, atol: Any, value: Any
) -> Any:  # fmt: skip
    """The states at all times, by Radau's steps from each of SciPy's to the next."""
    return _piece_by_piece("Radau", fun, host, y0, t, times, rtol, atol, value)


def _piece_by_piece(
    method: str, fun: Any, host: Any, y0: Any, t: Any, times: Any, rtol: Any, atol: Any, value: Any,
    both: Any = None,
) -> Any:  # fmt: skip
    found = [y0]
    for k, (a, b) in enumerate(itertools.pairwise(times)):
        y = found[-1]
        known_y = np.asarray(stop_gradient(y).data) if value is None else value[k]
        mesh = _mesh(host, float(a), float(b), known_y, method, rtol, atol, both)
        span = float(b) - float(a)
        scale = lambda s, k=k, a=a, span=span: _between(t, k, (s - a) / span if span else 0.0)
        states, _ = path(method, fun, host, a, y, mesh, scale)
        y = states[-1] if value is None else shifted(states[-1], value[k + 1])
        found.append(y)
    return xp.stack(found)
