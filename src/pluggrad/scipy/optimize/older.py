"""The older names of minimizers, which return the minimum itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from .calls import Element, size_of
from .constraints import bounds_for, pairs, pieces_of
from .functions import solver, theirs, tuple_of
from .minima import hessians, minimized, slopes
from .roots import only

__all__ = ["fmin", "fmin_bfgs", "fmin_cg", "fmin_cobyla", "fmin_l_bfgs_b", "fmin_ncg",
           "fmin_powell", "fmin_slsqp", "fmin_tnc"]  # fmt: skip

_EPSILON = np.float64(1.4901161193847656e-08)
#: SciPy's own default of `iprint` and `disp`, which is not to print.
_QUIET = object()


def _simple(
    name: str, func: Any, x0: Any, args: Any, full: Any, find: Callable[..., Any],
    several: bool = False, **limits: Any,
) -> Any:  # fmt: skip
    """The minimum by ``find(element, f, x0)``, which returns what SciPy does. With `full`, or for a
    function that always returns `several` things, these come with it."""

    def solve(e: Element, f: Any, x0: Any) -> tuple[Any, Any]:
        found = find(e, f, e.floats(x0))
        return np.ravel(found[0] if full or several else found), found

    solution, value = minimized(name, func, x0, args, solve, **limits)
    if not full and not several:
        return solution.z
    rest = list(only(solution)[1:])
    if rest and np.ndim(rest[0]) == 0 and name not in ("fmin_tnc",):
        rest[0] = value(solution.z)
    if solution.tracked:  # arrays among the rest have no derivatives
        rest = [x if np.ndim(x) == 0 else None for x in rest]
        for x in rest:
            if isinstance(x, dict):  # of `fmin_l_bfgs_b`
                x.pop("grad", None)
    return (solution.z, *rest)


@solver
def fmin(
    func: Any, x0: Any, args: Any = (), xtol: float = 1e-4, ftol: float = 1e-4, maxiter: Any = None,
    maxfun: Any = None, full_output: Any = 0, disp: Any = 1, retall: Any = 0, callback: Any = None,
    initial_simplex: Any = None,
) -> Any:  # fmt: skip
    """A minimum by the method of Nelder and Mead, differentiated as that of `minimize`.

    With `full_output`, the minimum and the value there have derivatives; `retall` is left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin.html
    """
    _refuse(retall, "fmin")
    return _simple(
        "fmin", func, x0, args, full_output, lambda e, f, x: theirs("fmin")(
            e.plain(f, scalar=True), x, (), xtol, ftol, maxiter, maxfun, full_output, disp, 0,
            callback, initial_simplex,
        )
    )  # fmt: skip


def _refuse(retall: Any, name: str) -> None:
    if retall:
        raise UnsupportedError(
            f"pluggrad.scipy.optimize.{name}(retall=...) is not supported: use `callback`"
        )


@solver
def fmin_powell(
    func: Any, x0: Any, args: Any = (), xtol: float = 1e-4, ftol: float = 1e-4, maxiter: Any = None,
    maxfun: Any = None, full_output: Any = 0, disp: Any = 1, retall: Any = 0, callback: Any = None,
    direc: Any = None,
) -> Any:  # fmt: skip
    """A minimum by Powell's method, differentiated as that of `minimize`; `retall` is left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_powell.html
    """
    _refuse(retall, "fmin_powell")
    return _simple(
        "fmin_powell", func, x0, args, full_output, lambda e, f, x: theirs("fmin_powell")(
            e.plain(f, scalar=True), x, (), xtol, ftol, maxiter, maxfun, full_output, disp, 0,
            callback, direc,
        )
    )  # fmt: skip


@solver
def fmin_bfgs(
    f: Any, x0: Any, fprime: Any = None, args: Any = (), gtol: float = 1e-5, norm: Any = np.inf,
    epsilon: Any = _EPSILON, maxiter: Any = None, full_output: Any = 0, disp: Any = 1,
    retall: Any = 0, callback: Any = None, xrtol: Any = 0, c1: float = 1e-4, c2: float = 0.9,
    hess_inv0: Any = None,
) -> Any:  # fmt: skip
    """A minimum by the method BFGS, differentiated as that of `minimize`; `retall` is left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_bfgs.html
    """
    _refuse(retall, "fmin_bfgs")
    return _simple(
        "fmin_bfgs", f, x0, args, full_output, lambda e, f, x: theirs("fmin_bfgs")(
            e.plain(f, scalar=True), x, slopes(e, f, x, fprime, "bfgs"), (), gtol, norm, epsilon,
            maxiter, full_output, disp, 0, callback, xrtol, c1, c2, hess_inv0,
        )
    )  # fmt: skip


@solver
def fmin_cg(
    f: Any, x0: Any, fprime: Any = None, args: Any = (), gtol: float = 1e-5, norm: Any = np.inf,
    epsilon: Any = _EPSILON, maxiter: Any = None, full_output: Any = 0, disp: Any = 1,
    retall: Any = 0, callback: Any = None, c1: float = 1e-4, c2: float = 0.4,
) -> Any:  # fmt: skip
    """A minimum by conjugate gradients, differentiated as that of `minimize`; `retall` is left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_cg.html
    """
    _refuse(retall, "fmin_cg")
    return _simple(
        "fmin_cg", f, x0, args, full_output, lambda e, f, x: theirs("fmin_cg")(
            e.plain(f, scalar=True), x, slopes(e, f, x, fprime, "cg"), (), gtol, norm, epsilon,
            maxiter, full_output, disp, 0, callback, c1, c2,
        )
    )  # fmt: skip


@solver
def fmin_ncg(
    f: Any, x0: Any, fprime: Any, fhess_p: Any = None, fhess: Any = None, args: Any = (),
    avextol: float = 1e-5, epsilon: Any = _EPSILON, maxiter: Any = None, full_output: Any = 0,
    disp: Any = 1, retall: Any = 0, callback: Any = None, c1: float = 1e-4, c2: float = 0.9,
) -> Any:  # fmt: skip
    """A minimum by Newton's method and conjugate gradients, differentiated as that of `minimize`.

    `retall` is left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_ncg.html
    """
    _refuse(retall, "fmin_ncg")

    def find(e: Element, f: Any, x: Any) -> Any:
        product = None
        if callable(fhess_p):
            product = lambda x, p: e.value(fhess_p(e.lift(x), e.lift(p), *e.given["args"]))
        curve = None if product is not None else hessians(e, f, x, fhess, "newton-cg")
        return theirs("fmin_ncg")(
            e.plain(f, scalar=True), x, slopes(e, f, x, fprime, "newton-cg"), product, curve, (),
            avextol, epsilon, maxiter, full_output, disp, 0, callback, c1, c2,
        )  # fmt: skip

    return _simple("fmin_ncg", f, x0, args, full_output, find)


def _with_slopes(func: Any, fprime: Any, approx_grad: Any) -> tuple[Any, bool]:
    """The objective, and whether `func` returns its gradient, too."""
    pair = fprime is None and not approx_grad
    return ((lambda x, *args: func(x, *args)[0]) if pair else func), pair


def _slopes(e: Element, f: Any, x: Any, func: Any, fprime: Any, pair: bool) -> Any:
    if pair:
        return e.plain(lambda x: func(x, *e.given["args"])[1])
    return slopes(e, f, x, fprime, "l-bfgs-b")


def _box(e: Element, bounds: Any) -> Any:
    """The pairs of bounds that SciPy's older functions take."""
    limits = bounds_for(e, bounds)
    return limits if limits is None else list(zip(limits.lb, limits.ub, strict=True))


@solver
def fmin_l_bfgs_b(
    func: Any, x0: Any, fprime: Any = None, args: Any = (), approx_grad: Any = 0,
    bounds: Any = None, m: int = 10, factr: float = 1e7, pgtol: float = 1e-5,
    epsilon: float = 1e-8, iprint: Any = _QUIET, maxfun: int = 15000, maxiter: int = 15000,
    disp: Any = _QUIET, callback: Any = None, maxls: int = 20,
) -> Any:  # fmt: skip
    """A minimum within bounds by the method L-BFGS-B, differentiated as that of `minimize`.

    With `approx_grad`, `func` gives the gradient. `iprint` and `disp` are left out.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_l_bfgs_b.html
    """
    objective, pair = _with_slopes(func, fprime, approx_grad)
    box = pairs(bounds, size_of(x0))

    def find(e: Element, f: Any, x: Any) -> Any:
        slope = _slopes(e, f, x, func, fprime, pair)
        return theirs("fmin_l_bfgs_b")(
            e.plain(f, scalar=True), x, slope, (), slope is None,
            _box(e, box), m, factr, pgtol, epsilon, maxfun=maxfun, maxiter=maxiter,
            callback=callback, maxls=maxls,
        )  # fmt: skip

    return _simple("fmin_l_bfgs_b", objective, x0, args, 0, find, True, bounds=bounds)


@solver
def fmin_tnc(
    func: Any, x0: Any, fprime: Any = None, args: Any = (), approx_grad: Any = 0,
    bounds: Any = None, epsilon: float = 1e-8, scale: Any = None, offset: Any = None,
    messages: Any = 15, maxCGit: int = -1, maxfun: Any = None, eta: float = -1, stepmx: float = 0,
    accuracy: float = 0, fmin: float = 0, ftol: float = -1, xtol: float = -1, pgtol: float = -1,
    rescale: float = -1, disp: Any = None, callback: Any = None,
) -> Any:  # fmt: skip
    """A minimum within bounds by a truncated Newton method, differentiated as that of `minimize`.

    With `approx_grad`, `func` gives the gradient.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_tnc.html
    """
    objective, pair = _with_slopes(func, fprime, approx_grad)
    box = pairs(bounds, size_of(x0))

    def find(e: Element, f: Any, x: Any) -> Any:
        slope = _slopes(e, f, x, func, fprime, pair)
        return theirs("fmin_tnc")(
            e.plain(f, scalar=True), x, slope, (), slope is None,
            _box(e, box), epsilon, scale, offset, messages, maxCGit, maxfun, eta, stepmx, accuracy,
            fmin, ftol, xtol, pgtol, rescale, disp, callback,
        )  # fmt: skip

    return _simple("fmin_tnc", objective, x0, args, 0, find, True, bounds=bounds)


@solver
def fmin_slsqp(
    func: Any, x0: Any, eqcons: Any = (), f_eqcons: Any = None, ieqcons: Any = (),
    f_ieqcons: Any = None, bounds: Any = (), fprime: Any = None, fprime_eqcons: Any = None,
    fprime_ieqcons: Any = None, args: Any = (), iter: int = 100, acc: float = 1e-6,
    iprint: Any = 1, disp: Any = None, full_output: Any = 0, epsilon: Any = _EPSILON,
    callback: Any = None,
) -> Any:  # fmt: skip
    """A minimum within bounds and constraints, differentiated as that of `minimize`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_slsqp.html
    """
    args = tuple_of(args)
    constraints = [
        {"type": kind, "fun": f, "args": args, **({} if jac is None else {"jac": jac})}
        for kind, several, one, jac in (
            ("eq", eqcons, f_eqcons, fprime_eqcons), ("ineq", ieqcons, f_ieqcons, fprime_ieqcons)
        )
        for f in ([one] if one is not None else several)
    ]  # fmt: skip
    box = pairs(bounds, size_of(x0)) if len(bounds) else None
    count = 0 if box is None else 1
    made = pieces_of(constraints)

    def find(e: Element, f: Any, x: Any) -> Any:
        limits = bounds_for(e, box)
        given = [
            piece.made(e, data) for piece, data in zip(made, e.given["pieces"][count:], strict=True)
        ]
        options = {"maxiter": iter, "ftol": acc, "iprint": iprint, "eps": epsilon}
        options["disp"] = iprint != 0 if disp is None else disp
        found = theirs("minimize")(
            e.plain(f, scalar=True), x, (), "SLSQP", slopes(e, f, x, fprime, "slsqp"),
            bounds=limits, constraints=given, callback=callback, options=options,
        )  # fmt: skip
        if full_output:
            return found.x, found.fun, found.nit, found.status, found.message
        return found.x

    return _simple("fmin_slsqp", func, x0, args, full_output, find,
                   bounds=bounds if count else None, constraints=constraints)  # fmt: skip


@solver
def fmin_cobyla(
    func: Any, x0: Any, cons: Any, args: Any = (), consargs: Any = None, rhobeg: float = 1.0,
    rhoend: float = 1e-4, maxfun: int = 1000, disp: Any = None, catol: float = 2e-4, *,
    callback: Any = None,
) -> Any:  # fmt: skip
    """A minimum within constraints by the method COBYLA, differentiated as that of `minimize`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.optimize.fmin_cobyla.html
    """
    args = tuple_of(args)
    own = args if consargs is None else tuple_of(consargs)
    several = list(cons) if isinstance(cons, (list, tuple)) else [cons]
    constraints = [{"type": "ineq", "fun": f, "args": own} for f in several]
    made = pieces_of(constraints)

    def find(e: Element, f: Any, x: Any) -> Any:
        given = [
            piece.made(e, data)["fun"] for piece, data in zip(made, e.given["pieces"], strict=True)
        ]
        return theirs("fmin_cobyla")(
            e.plain(f, scalar=True), x, given, (), (), rhobeg, rhoend, maxfun, disp, catol,
            callback=callback,
        )  # fmt: skip

    return _simple("fmin_cobyla", func, x0, args, 0, find, constraints=constraints)
