"""Global minima: SciPy searches, and the minimum that it finds is differentiated."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.dispatch import xp
from ...errors import UnsupportedError
from .calls import Element, size_of
from .constraints import bounds_for, pairs, pieces_of
from .functions import result, solver, theirs
from .minima import minimized
from .older import fmin
from .roots import only

__all__ = ["basinhopping", "brute", "differential_evolution", "direct", "dual_annealing", "shgo"]


def _searched(
    name: str, func: Any, bounds: Any, args: Any, options: dict[str, Any], constraints: Any = (),
    takes: Any = list,
) -> Any:  # fmt: skip
    """The result of SciPy's function of that name, called with bounds and with `options`."""
    n = len(bounds.lb if hasattr(bounds, "lb") else bounds)
    box = pairs(bounds, n)
    made = pieces_of(constraints)

    def find(e: Element, f: Any, x0: Any) -> tuple[Any, Any]:
        limits = bounds_for(e, box)
        given = dict(options)
        if made:
            parts = zip(made, e.given["pieces"][1:], strict=True)
            given["constraints"] = [piece.made(e, data) for piece, data in parts]
        if given.get("x0") is not None:
            given["x0"] = e.floats(x0)
        found = theirs(name)(
            e.plain(f, scalar=True), list(zip(limits.lb, limits.ub, strict=True)), **given
        )
        return found.x, found

    x0 = options.get("x0")
    solution, value = minimized(
        name, func, x0, args, find, bounds, constraints, n, x0 if x0 is not None else np.ones(n)
    )
    return result(solution, x=solution.z, fun=value(solution.z))


def _refuse(name: str, **given: Any) -> None:
    for key, x in given.items():
        if x is not None and x is not False:
            raise UnsupportedError(f"pluggrad.scipy.optimize.{name}({key}=...) is not supported")


@solver
def differential_evolution(
    func: Any, bounds: Any, args: Any = (), strategy: Any = "best1bin", maxiter: int = 1000,
    popsize: int = 15, tol: float = 0.01, mutation: Any = (0.5, 1), recombination: float = 0.7,
    rng: Any = None, callback: Any = None, disp: bool = False, polish: Any = True,
    init: Any = "latinhypercube", atol: float = 0, updating: str = "immediate", workers: Any = 1,
    constraints: Any = (), x0: Any = None, *, integrality: Any = None, vectorized: bool = False,
    seed: Any = None,
) -> Any:  # fmt: skip
    """A global minimum by differential evolution, differentiated as that of `minimize`.

    `integrality` and `vectorized` are left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.differential_evolution.html
    """
    _refuse("differential_evolution", integrality=integrality, vectorized=vectorized)
    options = {
        "strategy": strategy, "maxiter": maxiter, "popsize": popsize, "tol": tol,
        "mutation": mutation, "recombination": recombination, "callback": callback, "disp": disp,
        "polish": polish, "init": init, "atol": atol, "updating": updating, "workers": workers,
        "x0": x0, **_random(rng, seed),
    }  # fmt: skip
    return _searched("differential_evolution", func, bounds, args, options, constraints)


def _random(rng: Any, seed: Any) -> dict[str, Any]:
    """The source of random numbers, by its newer name or the older."""
    return {"rng": rng} if seed is None else {"seed": seed}


@solver
def dual_annealing(
    func: Any, bounds: Any, args: Any = (), maxiter: int = 1000, minimizer_kwargs: Any = None,
    initial_temp: float = 5230.0, restart_temp_ratio: float = 2e-5, visit: float = 2.62,
    accept: float = -5.0, maxfun: float = 1e7, rng: Any = None, no_local_search: bool = False,
    callback: Any = None, x0: Any = None, *, seed: Any = None,
) -> Any:  # fmt: skip
    """A global minimum by simulated annealing, differentiated as that of `minimize`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.dual_annealing.html
    """
    options = {
        "maxiter": maxiter, "minimizer_kwargs": minimizer_kwargs, "initial_temp": initial_temp,
        "restart_temp_ratio": restart_temp_ratio, "visit": visit, "accept": accept,
        "maxfun": maxfun, "no_local_search": no_local_search, "callback": callback, "x0": x0,
        **_random(rng, seed),
    }  # fmt: skip
    return _searched("dual_annealing", func, bounds, args, options)


@solver
def shgo(
    func: Any, bounds: Any, args: Any = (), constraints: Any = None, n: int = 100, iters: int = 1,
    callback: Any = None, minimizer_kwargs: Any = None, options: Any = None,
    sampling_method: Any = "simplicial", *, workers: Any = 1,
) -> Any:  # fmt: skip
    """A global minimum by simplicial homology, differentiated as that of `minimize`.

    Of the local minima, `xl` and `funl`, there are no derivatives.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.shgo.html
    """
    given = {
        "n": n, "iters": iters, "callback": callback, "minimizer_kwargs": minimizer_kwargs,
        "options": options, "sampling_method": sampling_method, "workers": workers,
    }  # fmt: skip
    return _searched("shgo", func, bounds, args, given, constraints or ())


@solver
def direct(
    func: Any, bounds: Any, *, args: Any = (), eps: float = 1e-4, maxfun: Any = None,
    maxiter: int = 1000, locally_biased: bool = True, f_min: float = -np.inf,
    f_min_rtol: float = 1e-4, vol_tol: float = 1e-16, len_tol: float = 1e-6, callback: Any = None,
) -> Any:  # fmt: skip
    """A global minimum by dividing rectangles, differentiated as that of `minimize`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.direct.html
    """
    options = {
        "eps": eps, "maxfun": maxfun, "maxiter": maxiter, "locally_biased": locally_biased,
        "f_min": f_min, "f_min_rtol": f_min_rtol, "vol_tol": vol_tol, "len_tol": len_tol,
        "callback": callback,
    }  # fmt: skip
    return _searched("direct", func, bounds, args, options)


@solver
def basinhopping(
    func: Any, x0: Any, niter: int = 100, T: float = 1.0, stepsize: float = 0.5,
    minimizer_kwargs: Any = None, take_step: Any = None, accept_test: Any = None,
    callback: Any = None, interval: int = 50, disp: bool = False, niter_success: Any = None,
    rng: Any = None, *, target_accept_rate: float = 0.5, stepwise_factor: float = 0.9,
    seed: Any = None,
) -> Any:  # fmt: skip
    """A global minimum by hopping from one to the next, differentiated as that of `minimize`.

    Arguments of `func` are in ``minimizer_kwargs["args"]``, and bounds and constraints there, too.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.basinhopping.html
    """
    given = dict(minimizer_kwargs or {})
    args, bounds = given.pop("args", ()), given.pop("bounds", None)
    constraints = given.pop("constraints", ())
    _refuse("basinhopping", **{f"minimizer_kwargs[{k!r}]": given.get(k) for k in ("jac", "hess")})
    box, made = pairs(bounds, size_of(x0)), pieces_of(constraints)

    def find(e: Element, f: Any, x0: Any) -> tuple[Any, Any]:
        own, count = dict(given), 0 if box is None else 1
        if box is not None:
            own["bounds"] = bounds_for(e, box)
        if made:
            parts = zip(made, e.given["pieces"][count:], strict=True)
            own["constraints"] = [piece.made(e, data) for piece, data in parts]
        found = theirs("basinhopping")(
            e.plain(f, scalar=True), e.floats(x0), niter, T, stepsize, own, take_step, accept_test,
            callback, interval, disp, niter_success, target_accept_rate=target_accept_rate,
            stepwise_factor=stepwise_factor, **_random(rng, seed),
        )  # fmt: skip
        return np.ravel(found.x), found

    solution, value = minimized("basinhopping", func, x0, args, find, bounds, constraints)
    return result(solution, x=solution.z, fun=value(solution.z))


@solver
def brute(
    func: Any, ranges: Any, args: Any = (), Ns: int = 20, full_output: Any = 0,
    finish: Any = fmin, disp: bool = False, workers: Any = 1,
) -> Any:  # fmt: skip
    """A global minimum on a grid, made precise by `finish`, differentiated as by `minimize`.

    With `full_output`, the minimum and the value there have derivatives. `ranges` are constants.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.brute.html
    """
    n = len(ranges)
    finish = theirs("fmin") if finish is fmin else finish

    def find(e: Element, f: Any, x0: Any) -> tuple[Any, Any]:
        found = theirs("brute")(
            e.plain(f, scalar=True), tuple(ranges), (), Ns, full_output, finish, disp, workers
        )
        return np.reshape(found[0] if full_output else found, (-1,)), found

    solution, value = minimized("brute", func, None, args, find, first=np.ones(n))
    x = solution.z
    if n == 1 and len(solution.results) == 1:
        found = only(solution)
        x = xp.reshape(x, np.shape(found[0] if full_output else found))
    return (x, value(solution.z), *only(solution)[2:]) if full_output else x
