"""Least squares, and fits of curves."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.dispatch import is_variable, xp
from ...engine.graph_breaks import collecting
from ...errors import InvalidArgumentError, UnsupportedError
from ...transforms import grad
from ..linalg import solve_triangular
from .calls import Call, Element, as_vector, is_array, shape_of, size_of, stacked
from .conditions import minimum
from .constraints import Bounds, bounds_for, pairs
from .functions import derivative, result, solver, theirs, tuple_of
from .implicit import Solution, jacobian
from .roots import only

__all__ = ["curve_fit", "least_squares", "leastsq"]


def cost_of(r: Any, loss: Any, scale: Any) -> Any:
    """Half the sum of squares, or of what `loss` makes of the squares."""
    if loss == "linear":
        return 0.5 * xp.sum(r * r)
    return 0.5 * scale**2 * xp.sum(_softened((r / scale) ** 2, loss))


def _softened(z: Any, loss: Any) -> Any:
    """What `loss` makes of the squares `z`."""
    if callable(loss):
        return loss(z)[0]
    if loss == "soft_l1":
        return 2 * (xp.sqrt(1 + z) - 1)
    if loss == "huber":
        inner = z <= 1
        return xp.where(inner, z, 2 * xp.sqrt(xp.where(inner, 1.0, z)) - 1)
    if loss == "cauchy":
        return xp.log1p(z)
    if loss == "arctan":
        return xp.atan(z)
    raise InvalidArgumentError(f"there is no loss {loss!r}")


def _weights(r: Any, loss: Any, scale: Any) -> Any:
    """What SciPy multiplies the rows of the Jacobian with, for a loss that is not linear."""
    first: Any = grad(lambda z: xp.sum(_softened(z, loss)))
    z = (r / scale) ** 2
    slope = first(z)
    curve: Any = grad(lambda z: xp.sum(first(z)))(z)
    y = slope + 2 * curve * z
    least = float(np.finfo(float).eps)
    return xp.sqrt(xp.where(y < least, least, y))


def slopes_of(residuals: Callable[[Any], Any], x: Any, loss: Any, scale: Any) -> Any:
    """The Jacobian of the residuals at `x`, scaled for the loss as SciPy scales it."""

    def f(x: Any) -> Any:
        with collecting():
            return _vector(residuals(x), x)

    j = jacobian(f, x)
    return j if loss == "linear" else j * xp.expand_dims(_weights(f(x), loss, scale), axis=-1)


def fitted(
    where: str,
    residuals: Callable[[Any, Any], Any],
    x0: Any,
    given: dict[str, Any],
    find: Callable[[Element], tuple[Any, Any]],
    functions: Any,
    bounds: Any = None,
    loss: Any = "linear",
    scale: Any = 1.0,
) -> Solution:
    """The least squares of ``residuals(x, given)`` that ``find(element)`` finds."""
    box = pairs(bounds, size_of(x0))

    def objective(x: Any, given: Any) -> Any:
        r = residuals(x, given)
        backend = x._backend if is_variable(x) else r._backend if is_variable(r) else None
        return cost_of(_vector(r, x, backend), loss, scale)

    return minimum(where, objective, x0, given, find, functions, [] if box is None else [box])


def _vector(r: Any, x: Any, backend: Any = None) -> Any:
    if backend is None:
        return xp.reshape(stacked(r, x), (-1,))
    return as_vector(r, backend)


def box_of(bounds: Any) -> Any:
    """Bounds as the functions of least squares take them, a pair of arrays, or None if all are
    infinite."""
    if hasattr(bounds, "lb"):
        return bounds
    if len(bounds) != 2:
        raise InvalidArgumentError("bounds are a pair (low, up)")
    if all([shape_of(b) == () and not is_array(b) and np.isinf(b) for b in bounds]):
        return None
    return Bounds(*bounds)


def limits_for(e: Element, piece: Any) -> Any:
    """SciPy's bounds, as a pair."""
    found = bounds_for(e, piece)
    return (-np.inf, np.inf) if found is None else (found.lb, found.ub)


@solver
def least_squares(
    fun: Any, x0: Any, jac: Any = "2-point", bounds: Any = (-np.inf, np.inf), method: str = "trf",
    ftol: Any = 1e-8, xtol: Any = 1e-8, gtol: Any = 1e-8, x_scale: Any = None,
    loss: Any = "linear", f_scale: Any = 1.0, diff_step: Any = None, tr_solver: Any = None,
    tr_options: Any = None, jac_sparsity: Any = None, max_nfev: Any = None, verbose: Any = 0,
    args: Any = (), kwargs: Any = None, callback: Any = None, workers: Any = None,
) -> Any:  # fmt: skip
    """The least squares of `fun`, as a function of what it and the bounds depend on.

    `x`, `fun`, `cost` and `jac` of the result are differentiable by `args` and `kwargs`, by all
    Variables that `fun` refers to, and by `bounds`. The derivatives are those of the conditions for
    a minimum, second derivatives of `fun` included; see `minimize`. `fun` gives its Jacobian where
    `jac` is ``"2-point"``.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.least_squares.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> t = np.arange(4.0)
    >>> f = lambda x, y: x[0] * np.exp(-x[1] * t) - y
    >>> fit = lambda y: pg.scipy.optimize.least_squares(f, [1.0, 1.0], args=(y,)).x[1]
    >>> pg.grad(fit)(2.0 * np.exp(-0.5 * t)).round(4)
    array([ 0.2649, -0.156 , -0.2867, -0.2904])
    """
    box = box_of(bounds)
    x0 = x0 if shape_of(x0) else [x0]
    given = {"args": tuple_of(args), "kwargs": dict(kwargs or {}), "x0": x0}
    piece = pairs(box, size_of(x0))

    def residuals(x: Any, given: Any) -> Any:
        return fun(x, *given["args"], **given["kwargs"])

    def find(e: Element) -> tuple[Any, Any]:
        f = lambda x: residuals(x, e.given)
        first = e.floats(e.given["x0"])
        slope = jac
        if callable(jac):
            slope = e.plain(lambda x: jac(x, *e.given["args"], **e.given["kwargs"]))
        elif jac == "2-point" and jac_sparsity is None and diff_step is None:
            slope = derivative(e, f, first) or jac
        found = theirs("least_squares")(
            e.plain(f), first, slope, limits_for(e, piece), method, ftol, xtol, gtol, x_scale, loss,
            f_scale, diff_step, tr_solver, tr_options or {}, jac_sparsity, max_nfev, verbose,
            callback=callback,
        )  # fmt: skip
        return found.x, found

    solution = fitted("least_squares", residuals, x0, given, find, (fun,), box, loss, f_scale)
    x = solution.z
    with collecting():
        r = _vector(residuals(x, given), x)
    own = {"x": x, "fun": r, "cost": cost_of(r, loss, f_scale)}
    if solution.tracked:
        own["jac"] = slopes_of(lambda x: residuals(x, given), x, loss, f_scale)
    return result(solution, **own)


def _covariance(j: Any) -> Any:
    """The inverse of JᵀJ."""
    return xp.linalg.inv(xp.matmul(xp.matrix_transpose(j), j))


@solver
def leastsq(
    func: Any, x0: Any, args: Any = (), Dfun: Any = None, full_output: bool = False,
    col_deriv: bool = False, ftol: float = 1.49012e-8, xtol: float = 1.49012e-8, gtol: float = 0.0,
    maxfev: int = 0, epsfcn: Any = None, factor: Any = 100, diag: Any = None,
) -> Any:  # fmt: skip
    """The least squares of `func` by the method of Levenberg and Marquardt; see `least_squares`.

    With `full_output`, the solution and `cov_x` have derivatives.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.leastsq.html
    """
    x0 = x0 if shape_of(x0) else [x0]
    given = {"args": tuple_of(args), "x0": x0}

    def residuals(x: Any, given: Any) -> Any:
        return func(x, *given["args"])

    def find(e: Element) -> tuple[Any, Any]:
        f = lambda x: residuals(x, e.given)
        first = e.floats(e.given["x0"]).ravel()
        slope = derivative(e, f, first)
        if Dfun is not None:
            slope = e.plain(lambda x: Dfun(x, *e.given["args"]))
        found = theirs("leastsq")(
            e.plain(f), first, (), slope, full_output, col_deriv if Dfun is not None else False,
            ftol, xtol, gtol, maxfev, epsfcn, factor, diag,
        )  # fmt: skip
        return found[0], found

    solution = fitted("leastsq", residuals, x0, given, find, (func,))
    x = solution.z
    found = only(solution)
    if not full_output:
        return x, found[1]
    covariance = found[1]
    if solution.tracked:
        covariance = _covariance(slopes_of(lambda x: residuals(x, given), x, "linear", 1.0))
    return x, covariance, *found[2:]


@solver
def curve_fit(
    f: Any, xdata: Any, ydata: Any, p0: Any = None, sigma: Any = None,
    absolute_sigma: bool = False, check_finite: Any = None, bounds: Any = (-np.inf, np.inf),
    method: Any = None, jac: Any = None, *, full_output: bool = False, nan_policy: Any = None,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """The parameters with which `f` fits the data best, and their covariance.

    Both are differentiable by `xdata`, `ydata` and `sigma`, by `bounds` and by all Variables that
    `f` refers to; see `least_squares`. `nan_policy` is not ``"omit"``.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.curve_fit.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.optimize
    >>> t = np.asarray([0.0, 1.0, 2.0])
    >>> line = lambda t, a, b: a + b * t
    >>> pg.grad(lambda y: pg.scipy.optimize.curve_fit(line, t, y)[0][1])(t**2).round(6)
    array([-0.5, -0. ,  0.5])
    """
    if nan_policy == "omit":
        raise UnsupportedError(
            "pluggrad.scipy.optimize.curve_fit(nan_policy='omit') is not supported: take the nan "
            "out first"
        )
    box = box_of(bounds)
    loss, scale = kwargs.get("loss", "linear"), kwargs.get("f_scale", 1.0)
    given = {"s": sigma, "x": _listed(xdata), "y": _listed(ydata), "p": p0}
    n = _count(f, p0, box)
    piece = pairs(box, n)

    def fit(x: Any, p: Any) -> Any:
        return f(x, *[p[k, ...] for k in range(n)])

    def residuals(p: Any, given: Any) -> Any:
        r = _vector(fit(given["x"], p), p) - xp.reshape(stacked(given["y"], p), (-1,))
        if given["s"] is None:
            return r
        s = stacked(given["s"], p)
        if s.ndim < 2:
            return r / s
        return solve_triangular(xp.linalg.cholesky(s), r, lower=True)

    def find(e: Element) -> tuple[Any, Any]:
        x, y, s, p = [
            None if e.given[key] is None else e.value(e.given[key]) for key in ("x", "y", "s", "p")
        ]
        plain = lambda x_, *p: e.value(fit(e.given["x"], e.lift(np.asarray(p))))
        slope = jac
        if callable(jac):
            slope = lambda x_, *p: e.value(jac(e.given["x"], *[e.lift(q) for q in p]))
        elif jac is None:
            first = np.ones(n) if p is None else p.astype(float).ravel()
            exact = derivative(e, lambda p: fit(e.given["x"], p), first)
            slope = None if exact is None else lambda x_, *p: exact(np.asarray(p))
        start = p
        if p is None:  # SciPy would count the parameters of `f`
            start = np.ones(n) if box is None else _inside(*limits_for(e, piece))
        finite = {} if check_finite is None else {"check_finite": check_finite}
        found = theirs("curve_fit")(
            plain, x, y, start, s, absolute_sigma,
            bounds=limits_for(e, piece), method=method, jac=slope, full_output=True,
            nan_policy=nan_policy, **finite, **kwargs,
        )  # fmt: skip
        return found[0], found

    first = np.ones(n) if p0 is None else p0
    solution = fitted("curve_fit", residuals, first, given, find, (f,), box, loss, scale)
    p = solution.z
    covariance = _errors(solution, lambda p: residuals(p, given), p, absolute_sigma, loss, scale)
    return (p, covariance, *only(solution)[2:]) if full_output else (p, covariance)


def _listed(x: Any) -> Any:
    """Data as an array, where they are a list of numbers."""
    if isinstance(x, (list, tuple)):
        call = Call("curve_fit", {"x": x})
        return stacked(list(x), call.backend.namespace.asarray([1.0]))
    return x


def _inside(low: Any, up: Any) -> Any:
    """A point between bounds, where SciPy begins."""
    one = np.where(np.isfinite(low), low + 1, np.where(np.isfinite(up), up - 1, 1.0))
    both = np.isfinite(low) & np.isfinite(up)
    with np.errstate(invalid="ignore"):
        return np.where(both, 0.5 * (low + up), one)


def _count(f: Any, p0: Any, box: Any) -> int:
    """How many parameters there are."""
    if p0 is not None:
        return size_of(p0)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(f).parameters.values()
    if any([p.kind is inspect.Parameter.VAR_POSITIONAL for p in found]):
        raise InvalidArgumentError("curve_fit: give `p0`, since `f` takes any number of parameters")
    return len([p for p in found if p.kind in kinds]) - 1


def _errors(
    solution: Solution, residuals: Any, p: Any, absolute: bool, loss: Any, scale: Any
) -> Any:
    """The covariance of the parameters, with SciPy's values."""
    values = [found[1] for found in solution.results]
    if not solution.tracked and len(values) == 1:
        return stacked(values[0].tolist(), p)
    y = _covariance(slopes_of(residuals, p, loss, scale))
    if not absolute:
        with collecting():
            r = _vector(residuals(p), p)
        size = r.shape[0] - p.shape[0]
        if size <= 0:
            return y * math.inf
        y = y * (2 * cost_of(r, loss, scale) / size)
    return y
