"""Iterative solvers, differentiated by what they solve."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ....arrays.dispatch import is_variable, xp
from ....errors import DifferentiationError, InvalidArgumentError
from ....functions.operand import as_array, as_floats
from ....transforms import stop_gradient
from ...rows import explained, scipy_module
from ..array import constant_like
from .operator import LinearOperator, host_operator, is_operator
from .rows import ITERATED
from .systems import operands

__all__ = ["bicg", "bicgstab", "cg", "cgs", "gcrotmk", "gmres", "lgmres", "minres", "qmr",
           "tfqmr"]  # fmt: skip

#: The tolerance of systems that only a derivative needs; in single precision, 4 units of rounding.
TIGHT = 1e-12
#: Solvers of symmetric systems, whose preconditioner is symmetric, too.
SYMMETRIC = ("cg", "minres")


@dataclasses.dataclass(eq=False)
class Solver:
    """One of SciPy's iterative solvers, with its settings."""

    name: str
    options: dict[str, Any]
    for_derivative: bool = False
    info: int = 0
    off: float = 0.0
    exact: float = 0.0

    @property
    def derived(self) -> Solver:
        """The solver of the system of the derivative."""
        if self.for_derivative:
            return self
        options = dict(self.options)
        for key in ("x0", "callback", "outer_v", "CU", "show", "maxiter"):
            options.pop(key, None)
        options["rtol"] = min(options["rtol"], TIGHT)
        if "atol" in options:
            options["atol"] = 0.0
        if self.name == "gcrotmk":
            options |= {"discard_C": True}
        if self.name in ("lgmres", "gcrotmk"):
            options["maxiter"] = 10000
        return Solver(self.name, options, True)

    def __call__(self, a: Any, b: Any, adjoint: bool) -> Any:
        """The solution of SciPy for the matrix or the operator `a`."""
        options = dict(self.options)
        if adjoint and self.name not in SYMMETRIC:
            for key in ("M", "M1", "M2"):
                if options.get(key) is not None:
                    options[key] = _adjoint(options[key])
        solve = getattr(scipy_module("sparse.linalg"), self.name)
        if self.for_derivative:
            return self._precisely(solve, a, b, options)
        x, self.info = solve(a, b, **options)
        self.off, self.exact = _residual(a, x, b), _exact(b)
        return np.asarray(x, dtype=b.dtype).reshape(b.shape)

    def _precisely(self, solve: Any, a: Any, b: Any, options: dict[str, Any]) -> Any:
        """The solution of a system that a derivative needs; by gmres where the solver itself
        breaks down, as some do close to the solution."""
        if not b.any():
            return np.zeros_like(b)
        gmres = scipy_module("sparse.linalg").gmres
        restart, rtol = min(b.size, 100), max(TIGHT, 4 * float(np.finfo(b.dtype).eps))
        options = options | {"rtol": max(options["rtol"], rtol)}
        more = {"rtol": rtol, "restart": restart, "maxiter": 100, "M": options.get("M")}
        off = np.inf
        for attempt, given in ((solve, options), (gmres, more)):
            x, _ = attempt(a, b, **given)
            off = _residual(a, x, b)
            if off < _exact(b):
                return np.asarray(x, dtype=b.dtype).reshape(b.shape)
        raise DifferentiationError(
            f"scipy.sparse.linalg.{self.name}: the system of the derivative was solved to "
            f"{off:.1e} only; help it with a preconditioner `M`, or use spsolve"
        )


def _exact(b: Any) -> float:
    """The relative residual below which a system counts as solved exactly, in the precision of
    `b`."""
    return max(1e-8, 100 * float(np.finfo(b.dtype).eps))


def _residual(a: Any, x: Any, b: Any) -> Any:
    """By how much `x` fails to solve the system, relative to `b`."""
    size = np.linalg.norm(b)
    return np.linalg.norm(a @ x - b) / size if size else 0.0


def _adjoint(m: Any) -> Any:
    """The adjoint of a preconditioner; None, which only costs iterations, if it is not known."""
    try:
        found = scipy_module("sparse.linalg").aslinearoperator(m).H
        found.matvec(np.zeros(found.shape[1]))
    except (NotImplementedError, AttributeError, TypeError, ValueError):
        return None
    return found


def _solved(name: str, a: Any, b: Any, options: dict[str, Any]) -> tuple[Any, int]:
    where = f"scipy.sparse.linalg.{name}"
    options = {key: host_operator(x) if key in ("M", "M1", "M2") else _constant(x)
               for key, x in options.items()}  # fmt: skip
    solver = Solver(name, options)
    if is_operator(a):
        return _operated(where, solver, a, b)
    a, data, b = operands(name, a, b)
    flat = xp.reshape(b, (-1,))
    if flat.shape[0] != a.shape[0]:
        raise InvalidArgumentError(f"{where}: b is one right-hand side, not {tuple(b.shape)}")
    x = ITERATED(data, flat, pattern=a.pattern, adjoint=False, solver=solver)
    _check(solver, x)
    return x, solver.info


def _constant(x: Any) -> Any:
    """An argument that the solution does not depend on, as SciPy takes it."""
    if is_variable(x):
        return np.asarray(stop_gradient(x).data)
    return x


def _check(solver: Solver, x: Any) -> None:
    limit = 0.0 if solver.info else 1e3 * solver.options["rtol"]
    if x._tracked and not solver.off <= max(limit, solver.exact):
        raise DifferentiationError(
            f"scipy.sparse.linalg.{solver.name} did not find the solution, whose derivative is "
            f"asked for: the relative residual is {solver.off:.1e} (and info {solver.info}). Raise "
            "`maxiter`, choose another solver, or `.detach()` the arguments"
        )


def _operated(where: str, solver: Solver, a: Any, b: Any) -> tuple[Any, int]:
    """The solution for an operator, whose functions may have captured Variables: Newton's steps
    from the solution, which change nothing, carry the first and the second derivative."""
    a = a if isinstance(a, LinearOperator) else LinearOperator.of(a)
    b = as_array(b, where, "b")
    b = as_floats(b if is_variable(b) else constant_like(b, b))
    b = xp.reshape(b, (-1,))
    if a.shape[0] != a.shape[1] or b.shape[0] != a.shape[0]:
        raise InvalidArgumentError(f"{where}: A of shape {a.shape} and b of shape {b.shape}")
    x = a.solved(stop_gradient(b), solver, False)
    x = x if is_variable(x) else constant_like(x, b)
    for _ in range(2):
        residual = b - a.matvec(x)
        if not residual._tracked:
            break
        step = a.solved(residual, solver.derived, False)
        x = x + (step - stop_gradient(step))
    _check(solver, x)
    return x, solver.info


def _solver(name: str, text: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The public function of a solver; `function` has SciPy's signature."""
    function.__name__ = name
    function.__doc__ = (
        f"The solution of ``A @ x = b`` by {text}, and 0 if it has converged.\n\n"
        "`A` is a sparse matrix, a dense one or a `LinearOperator`, which may have captured\n"
        "Variables. The derivative, by `A` and by `b`, is that of the exact solution: it solves\n"
        "the adjoint system by the same method, to a relative tolerance of 1e-12. `x0`, the\n"
        "preconditioner and the tolerances have none. It raises if the solver did not converge\n"
        "and a gradient is needed.\n\n"
        f"https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.{name}.html\n"
    )
    return explained("sparse.linalg")(function)


def _plain(name: str, text: str) -> Any:
    def solve(
        A: Any, b: Any, x0: Any = None, *, rtol: float = 1e-5, atol: float = 0.0,
        maxiter: Any = None, M: Any = None, callback: Any = None,
    ) -> Any:  # fmt: skip
        return _solved(name, A, b, {"x0": x0, "rtol": rtol, "atol": atol, "maxiter": maxiter,
                                    "M": M, "callback": callback})  # fmt: skip

    return _solver(name, text, solve)


cg = _plain("cg", "conjugate gradients")
cgs = _plain("cgs", "squared conjugate gradients")
bicg = _plain("bicg", "biconjugate gradients")
bicgstab = _plain("bicgstab", "stabilised biconjugate gradients")


def _gmres(
    A: Any, b: Any, x0: Any = None, *, rtol: float = 1e-5, atol: float = 0.0, restart: Any = None,
    maxiter: Any = None, M: Any = None, callback: Any = None, callback_type: Any = None,
) -> Any:  # fmt: skip
    return _solved("gmres", A, b, {
        "x0": x0, "rtol": rtol, "atol": atol, "restart": restart, "maxiter": maxiter, "M": M,
        "callback": callback, "callback_type": callback_type})  # fmt: skip


def _lgmres(
    A: Any, b: Any, x0: Any = None, *, rtol: float = 1e-5, atol: float = 0.0, maxiter: int = 1000,
    M: Any = None, callback: Any = None, inner_m: int = 30, outer_k: int = 3, outer_v: Any = None,
    store_outer_Av: bool = True, prepend_outer_v: bool = False,
) -> Any:  # fmt: skip
    return _solved("lgmres", A, b, {
        "x0": x0, "rtol": rtol, "atol": atol, "maxiter": maxiter, "M": M, "callback": callback,
        "inner_m": inner_m, "outer_k": outer_k, "outer_v": outer_v,
        "store_outer_Av": store_outer_Av, "prepend_outer_v": prepend_outer_v})  # fmt: skip


def _gcrotmk(
    A: Any, b: Any, x0: Any = None, *, rtol: float = 1e-5, atol: float = 0.0, maxiter: int = 1000,
    M: Any = None, callback: Any = None, m: int = 20, k: Any = None, CU: Any = None,
    discard_C: bool = False, truncate: str = "oldest",
) -> Any:  # fmt: skip
    return _solved("gcrotmk", A, b, {
        "x0": x0, "rtol": rtol, "atol": atol, "maxiter": maxiter, "M": M, "callback": callback,
        "m": m, "k": k, "CU": CU, "discard_C": discard_C, "truncate": truncate})  # fmt: skip


def _minres(
    A: Any, b: Any, x0: Any = None, *, rtol: float = 1e-5, shift: float = 0.0, maxiter: Any = None,
    M: Any = None, callback: Any = None, show: bool = False, check: bool = False,
) -> Any:  # fmt: skip
    return _solved("minres", A, b, {
        "x0": x0, "rtol": rtol, "shift": shift, "maxiter": maxiter, "M": M, "callback": callback,
        "show": show, "check": check})  # fmt: skip


def _qmr(
    A: Any, b: Any, x0: Any = None, *, rtol: float = 1e-5, atol: float = 0.0, maxiter: Any = None,
    M1: Any = None, M2: Any = None, callback: Any = None,
) -> Any:  # fmt: skip
    return _solved("qmr", A, b, {"x0": x0, "rtol": rtol, "atol": atol, "maxiter": maxiter,
                                 "M1": M1, "M2": M2, "callback": callback})  # fmt: skip


def _tfqmr(
    A: Any, b: Any, x0: Any = None, *, rtol: float = 1e-5, atol: float = 0.0, maxiter: Any = None,
    M: Any = None, callback: Any = None, show: bool = False,
) -> Any:  # fmt: skip
    return _solved("tfqmr", A, b, {"x0": x0, "rtol": rtol, "atol": atol, "maxiter": maxiter,
                                   "M": M, "callback": callback, "show": show})  # fmt: skip


gmres = _solver("gmres", "generalised minimal residuals", _gmres)
lgmres = _solver("lgmres", "loose generalised minimal residuals", _lgmres)
gcrotmk = _solver("gcrotmk", "flexible inner and outer minimal residuals", _gcrotmk)
minres = _solver("minres", "minimal residuals of a symmetric matrix", _minres)
qmr = _solver("qmr", "quasi-minimal residuals", _qmr)
tfqmr = _solver("tfqmr", "transpose-free quasi-minimal residuals", _tfqmr)
