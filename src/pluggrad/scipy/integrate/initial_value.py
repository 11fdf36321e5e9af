"""Initial value problems: SciPy's solvers choose the steps, and the steps are differentiated."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable, xp
from ...engine.graph_breaks import collecting
from ...errors import InvalidArgumentError, UnsupportedError
from ...functions.operand import as_array, as_doubles
from ...transforms import stop_gradient
from ..optimize.calls import listed
from ..rows import explained, host_function, scipy_module
from .adjoint import solved_by_adjoint
from .calls import backend_in, constants, known, number, on_host, some_tracked
from .quadrature import shifted
from .steps import EXPLICIT, IMPLICIT, explicit, implicit

__all__ = ["OdeSolution", "path", "right_hand_side", "solve_ivp", "steps_of",
           "within_precision"]  # fmt: skip


def right_hand_side(
    fun: Any, args: Any, like: Any, vectorized: bool, where: str
) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """The right-hand side for Variables, and on the host."""
    shape = tuple(like.shape)
    namespace = like._backend.namespace

    def recorded(t: Any, y: Any) -> Any:
        y = xp.expand_dims(y, axis=-1) if vectorized else y
        with collecting():
            slope = as_array(listed(fun(t, y, *args)), where, "the right-hand side", like)
        slope = slope if is_variable(slope) else namespace.asarray(slope)
        slope = slope if slope.dtype == like.dtype else xp.astype(slope, like.dtype)
        return slope if tuple(slope.shape) == shape else xp.reshape(slope, shape)

    call = on_host(fun, args, where)
    other = like._backend.name != "numpy"

    def host(t: Any, y: Any) -> Any:
        given = y[:, None] if vectorized and y.ndim == 1 else y
        slope = call(t, namespace.asarray(given, dtype=like.dtype) if other else given)
        return np.asarray(slope).reshape(y.shape)

    return recorded, host


class OdeSolution:
    """The solution of a differential equation as a function of time, as SciPy's `OdeSolution`.

    It is differentiable by the time, too. `ts` holds the times between which it is known.
    """

    def __init__(self, ts: Any, parts: list[Any], theirs: Any = None) -> None:
        self.ts, self._parts, self._theirs = np.asarray(ts), parts, theirs
        self.t_min, self.t_max = float(self.ts.min()), float(self.ts.max())
        self.interpolants = parts

    def __call__(self, t: Any) -> Any:
        where = "scipy.integrate.OdeSolution"
        times = known(stop_gradient(t) if is_variable(t) else t, where).astype(float)
        if times.ndim > 1:
            raise InvalidArgumentError(f"{where}: t is a number or a vector")
        ascending = self.ts[-1] >= self.ts[0]
        order = self.ts if ascending else -self.ts
        flat = np.atleast_1d(times)
        places = np.searchsorted(order, flat if ascending else -flat, side="left") - 1
        places = np.clip(places, 0, len(self._parts) - 1)
        t = t if is_variable(t) else (times if times.ndim else float(times))
        if not times.ndim:
            return self._at(int(places[0]), t, times)
        found, order_of = [], []
        for place in np.unique(places):
            on = np.nonzero(places == place)[0]
            order_of.append(on)
            if is_variable(t):
                part = xp.take(t, t._backend.namespace.asarray(on), axis=0)
            else:
                part = times[on]
            found.append(self._at(int(place), part, times[on]))
        y = xp.concat(found, axis=0)
        back = np.argsort(np.concatenate(order_of))
        y = xp.take(y, y._backend.namespace.asarray(back), axis=0)
        return xp.matrix_transpose(y)

    def _at(self, place: int, t: Any, values: Any) -> Any:
        """The states at times within one step, one in each row."""
        y = self._parts[place](t)
        return y if self._theirs is None else shifted(y, self._theirs(values).T)


def path(
    method: str, fun: Any, host: Any, t0: Any, y0: Any, times: Any, scale: Callable[[Any], Any],
    states: Any = None, guess: Any = None,
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    """The states at all `times`, which begin at `t0`, and the functions of time in between.

    ``scale(t)`` is the time, as a Variable where the span is tracked; `states` are SciPy's at the
    times, to begin the steps of implicit methods with, and `guess` is its solution.
    """
    y, slope, t = y0, None, scale(times[0])
    found, parts = [y0], []
    for k, later in enumerate(times[1:]):
        after = scale(later)
        if method in EXPLICIT:
            y, slope, part = explicit(method, fun, t, y, after - t, slope)
        else:
            y, slope, part = implicit(fun, host, t, y, after - t, guess)
            y = y if states is None else shifted(y, states[k + 1])
        found.append(y)
        parts.append(part)
        t = after
    return found, parts


@explained("integrate")
def solve_ivp(
    fun: Any, t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None,
    dense_output: bool = False, events: Any = None, vectorized: bool = False, args: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    """The solution of ``dy/dt = fun(t, y)`` from ``y(t_span[0]) = y0`` on.

    It is differentiable by `y0`, `args`, by Variables that `fun` has captured, by `t_span`,
    `t_eval`, and by the times at which the `dense_output` is evaluated. SciPy chooses the steps,
    with all of its `options`. The steps of "RK23", "RK45" and "DOP853" are then repeated and
    recorded: the derivative is that of the numerical solution, with the steps as constants. For
    "Radau", "BDF" and "LSODA" the derivatives are those of Radau's method of order 5 over the same
    steps; the values are SciPy's. Derivatives of the times of `events` come from the implicit
    function theorem; these, too, are as precise as the tolerances `rtol` and `atol` make the
    solution.

    Where `fun` has kinks, as in ``maximum(x, 0)``, a derivative of the steps has about half as many
    digits as the solution. Choose smaller tolerances, or ``adjoint=True``, there.

    With ``adjoint=True``, a keyword of pluggrad's own, no step is recorded: the adjoint equation is
    solved backwards in time, by the same method and to the same tolerances. That takes little
    memory. The result is differentiable once, in reverse mode, by `y0` and `args` only.

    Over NumPy it computes in double precision, as SciPy does. In single precision, of other
    libraries, the tolerances are no less than 1e-5 and 1e-7.

    It is not possible under `vmap` and inside compiled functions, as the steps depend on values.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.integrate.solve_ivp.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.integrate
    >>> def end(rate):
    ...     decay = lambda t, y, k: -k * y
    ...     solve = pg.scipy.integrate.solve_ivp
    ...     return solve(decay, (0, 1), [1.0], args=(rate,), rtol=1e-9).y[0, -1]
    >>> round(float(pg.grad(end)(np.asarray(2.0))), 6)
    -0.135335
    """
    where = "scipy.integrate.solve_ivp"
    name = method if isinstance(method, str) else getattr(method, "__name__", "")
    if name not in (*EXPLICIT, *IMPLICIT):
        raise InvalidArgumentError(f"{where}: method is one of {(*EXPLICIT, *IMPLICIT)}")
    args = () if args is None else tuple(args)
    namespace = backend_in(y0, t_span, args).namespace
    y0 = as_array(y0, where, "y0")
    y0 = as_doubles(y0 if is_variable(y0) else namespace.asarray(y0))
    options = within_precision(options, y0)
    if y0.ndim != 1:
        raise InvalidArgumentError(f"{where}: y0 is a vector, not of shape {tuple(y0.shape)}")
    if isinstance(t_eval, (list, tuple)) and some_tracked(t_eval):
        t_eval = as_array(t_eval, where, "t_eval")
    span = [number(t, where) for t in constants(t_span)]
    recorded, host = right_hand_side(fun, args, y0, vectorized, where)
    events = _listed(events)
    if options.pop("adjoint", False):
        if events is not None or dense_output or some_tracked(*t_span, t_eval):
            raise UnsupportedError(
                f"pluggrad.{where}(adjoint=True) has no events, no dense_output, and no derivative "
                "by times: leave `adjoint` out"
            )
        options = _on_host_options(options, args, where)
        at = None if t_eval is None else known(t_eval, where)
        start = known(stop_gradient(y0), where)
        return solved_by_adjoint(
            args, y0, span, name,
            lambda dense: steps_of(host, span, start, name, None, at, dense, None, vectorized,
                                   options),
            lambda given: right_hand_side(fun, given, y0, vectorized, where)[0], options, where,
        )  # fmt: skip
    times: list[float] = [span[0]]
    probe = recorded(span[0], y0)
    tracked = dense_output or some_tracked(probe, y0, *t_span, t_eval)
    raw = steps_of(
        host, span, known(stop_gradient(y0), where), name, times if tracked else None,
        None if t_eval is None else known(stop_gradient(t_eval), where),
        dense_output or (tracked and (name in IMPLICIT or bool(events))),
        None if events is None else [_host_event(e, args, y0, where) for e in events],
        vectorized, _on_host_options(options, args, where),
    )  # fmt: skip
    if not tracked:
        return _finished(raw, namespace)
    return _recorded(raw, name, recorded, host, t_span, y0, times, t_eval, events, args,
                     dense_output, where)  # fmt: skip


def within_precision(options: dict[str, Any], y0: Any) -> dict[str, Any]:
    """The options of a solver, with tolerances that single precision can keep where `y0` has it."""
    if y0.dtype in (y0._backend.xp.float64, y0._backend.xp.complex128):
        return options
    floors = {"rtol": 1e-5, "atol": 1e-7}
    found = {key: known(x, "scipy.integrate") for key, x in options.items() if key in floors}
    return options | {key: np.maximum(x, floors[key]) for key, x in found.items()}


def _listed(events: Any) -> Any:
    if events is None or isinstance(events, (list, tuple)):
        return events
    return [events]


def _host_event(event: Any, args: Any, like: Any, where: str) -> Any:
    call = on_host(event, args, where)
    other = like._backend.name != "numpy"
    asarray = like._backend.namespace.asarray

    @functools.wraps(event)
    def host(t: Any, y: Any) -> float:
        value = call(t, asarray(y, dtype=like.dtype) if other else y)
        return float(np.asarray(value).reshape(()))

    for name in ("terminal", "direction"):
        if hasattr(event, name):
            setattr(host, name, getattr(event, name))
    return host


def _on_host_options(options: dict[str, Any], args: Any, where: str) -> dict[str, Any]:
    """The options with constants in place of Variables."""
    found = {}
    for key, x in options.items():
        if key == "jac" and callable(x):
            found[key] = on_host(x, args, where)
        else:
            found[key] = known(stop_gradient(x), where) if is_variable(x) else x
    return found


def steps_of(
    host: Any, span: Any, y0: Any, name: str, times: Any, t_eval: Any, dense: bool, events: Any,
    vectorized: bool, options: Any,
) -> Any:  # fmt: skip
    """SciPy's solution; `times` is filled with the times of the steps."""
    method = name if times is None else host_function("integrate.noting")(name, times)
    return scipy_module("integrate").solve_ivp(
        host, span, y0, method=method, t_eval=t_eval, dense_output=dense, events=events,
        vectorized=vectorized, **options,
    )  # fmt: skip


def _finished(raw: Any, namespace: Any) -> Any:
    """SciPy's result, with the states as a Variable."""
    raw.y = namespace.asarray(raw.y)
    return raw


def _recorded(
    raw: Any, name: str, fun: Any, host: Any, t_span: Any, y0: Any, times: list[float],
    t_eval: Any, events: Any, args: Any, dense: bool, where: str,
) -> Any:  # fmt: skip
    t0, t1 = t_span
    low, high = times[0], number(stop_gradient(t1) if is_variable(t1) else t1, where)

    def scale(t: Any) -> Any:
        """The time `t`, which moves along with the ends of the span."""
        if not some_tracked(t0, t1) or high == low:
            return float(t)
        share = (float(t) - low) / (high - low)
        return t0 * (1.0 - share) + t1 * share

    theirs = raw.sol if name in IMPLICIT else None
    mesh = list(times)
    if name in IMPLICIT and t_eval is not None:
        inner = known(stop_gradient(t_eval), where)
        inside = inner[(inner >= min(mesh)) & (inner <= max(mesh))]
        mesh = sorted({*mesh, *map(float, inside)}, reverse=mesh[-1] < mesh[0])
    states = None if theirs is None else [theirs(t) for t in mesh]
    found, parts = path(name, fun, host, low, y0, mesh, scale, states, theirs)
    solution = OdeSolution(mesh, parts, theirs)
    y_events: Any = None
    if events is not None:
        pairs = [_event_times(e, ts, solution, raw.sol, args, y0, where)
                 for e, ts in zip(events, raw.t_events, strict=True)]  # fmt: skip
        raw.t_events, y_events = [p[0] for p in pairs], [p[1] for p in pairs]
        raw.y_events = y_events
    if t_eval is not None:
        count = len(raw.t)
        at = t_eval[:count] if some_tracked(t_eval) else raw.t
        y = solution(at) if count else xp.reshape(y0, (-1, 1))[:, :0]
        if not some_tracked(t_eval) and name in IMPLICIT and count:
            y = xp.stack([found[mesh.index(float(t))] for t in raw.t], axis=1)
        raw.t = at
    else:
        if raw.status == 1:
            e, k = _last(raw.t_events, raw.t[-1], where)
            found = [*found[: len(raw.t) - 1], y_events[e][k]]
            if some_tracked(raw.t_events[e]):
                moved = y0._backend.namespace.asarray(raw.t[:-1], dtype=raw.t_events[e].dtype)
                raw.t = xp.concat([moved, raw.t_events[e][k : k + 1]], axis=0)
        elif some_tracked(t0, t1):
            raw.t = xp.stack([as_array(scale(t), where, "t", y0) for t in raw.t])
        y = xp.stack(found, axis=1)
    raw.y, raw.sol = y, solution if dense else None
    return raw


def _last(t_events: Any, t: Any, where: str) -> tuple[int, int]:
    """Which event ended the solution: its number, and that of its time."""
    for e, ts in enumerate(t_events):
        values = known(stop_gradient(ts) if is_variable(ts) else ts, where)
        if values.size and values[-1] == t:
            return e, values.size - 1
    raise InvalidArgumentError(f"{where}: no event is at the end of the solution")


def _event_times(
    event: Any, ts: Any, solution: OdeSolution, theirs: Any, args: Any, y0: Any, where: str
) -> tuple[Any, Any]:  # fmt: skip
    """The times of an event, and the states there: Newton's steps from SciPy's times, which change
    nothing, carry the first and the second derivative."""
    if not len(ts):
        empty = y0._backend.namespace.asarray(np.zeros((0, y0.shape[0])))
        return ts, empty
    host = _host_event(event, args, y0, where)
    times, states = [], []
    for t in ts:
        step = 1e-6 * max(abs(solution.t_max - solution.t_min), 1e-9)
        before, after = max(t - step, solution.t_min), min(t + step, solution.t_max)
        slope = (host(after, theirs(after)) - host(before, theirs(before))) / (after - before)
        at = y0._backend.namespace.asarray(float(t), dtype=xp.real(stop_gradient(y0)).dtype)
        for _ in range(2):
            value = as_array(event(at, solution(at), *args), where, "an event", y0)
            change = xp.reshape(value, ()) / slope
            at = at - (change - stop_gradient(change))
        times.append(at)
        states.append(solution(at))
    return xp.stack(times), xp.stack(states)
