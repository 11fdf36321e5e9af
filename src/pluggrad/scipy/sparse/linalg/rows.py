"""Rows for systems with a sparse matrix, by its data and by the right-hand side.

Columns and vectors are right-hand sides. ``adjoint`` says that the system is that of the conjugate
transpose.
"""

from __future__ import annotations

from typing import Any

from ....arrays.dispatch import xp
from ....engine.batch import BatchedCall
from ....engine.cotangents import conjugate
from ....rules.kinds import general
from ...rows import host, looped
from ..rows import PRODUCT, SAMPLED

__all__ = ["ITERATED", "SOLVE"]


def _data(g: Any, y: Any, pattern: Any, adjoint: bool) -> Any:
    """The gradient by the data, from that of the right-hand side: of A⁻¹b, at the pattern, -g yᴴ;
    of A⁻ᴴb its conjugate transpose."""
    if adjoint:
        return -SAMPLED(y, conjugate(g), pattern=pattern)
    return -SAMPLED(g, conjugate(y), pattern=pattern)


def _times(t: Any, y: Any, pattern: Any, adjoint: bool) -> Any:
    """The product of the matrix with the data `t`, or its adjoint, with `y`."""
    if adjoint:
        return PRODUCT(conjugate(t), y, pattern=pattern.T)
    return PRODUCT(t, y, pattern=pattern)


def _solve_x1(g: Any, x1: Any, y: Any, pattern: Any, adjoint: bool, order: str) -> Any:
    g = SOLVE(x1, g, pattern=pattern, adjoint=not adjoint, order=order)
    return _data(g, y, pattern, adjoint)


def _solve_jvp(
    t1: Any, t2: Any, x1: Any, y: Any, pattern: Any, adjoint: bool, order: str
) -> Any:  # fmt: skip
    t = t2 - _times(t1, y, pattern, adjoint)
    return SOLVE(x1, t, pattern=pattern, adjoint=adjoint, order=order)


def _batched(op: BatchedCall) -> Any:
    """The right-hand sides of a batch are columns; with a batch of matrices, a loop."""
    data, b = op.args
    if op.on[0] or b.ndim != 2:
        return looped(op)
    return xp.matrix_transpose(op(data, xp.matrix_transpose(b), **op.kwargs))


def _result(args: Any, kwargs: Any) -> Any:
    return tuple(args[1].shape), args[1].dtype


SOLVE: Any = host(  # by its factors, which are found once for all systems
    general("scipy.sparse.solve(x1, x2, /, *, pattern, adjoint, order)", _solve_x1,
            lambda g, x1, pattern, adjoint, order: SOLVE(x1, g, pattern=pattern,
                                                         adjoint=not adjoint, order=order),
            jvp=_solve_jvp),
    _result, _batched,
)  # fmt: skip


def _iterated_x1(g: Any, x1: Any, y: Any, pattern: Any, adjoint: bool, solver: Any) -> Any:
    g = ITERATED(x1, g, pattern=pattern, adjoint=not adjoint, solver=solver.derived)
    return _data(g, y, pattern, adjoint)


def _iterated_jvp(
    t1: Any, t2: Any, x1: Any, y: Any, pattern: Any, adjoint: bool, solver: Any
) -> Any:  # fmt: skip
    t = t2 - _times(t1, y, pattern, adjoint)
    return ITERATED(x1, t, pattern=pattern, adjoint=adjoint, solver=solver.derived)


ITERATED: Any = host(  # by one of SciPy's iterative solvers
    general("scipy.sparse.iterated(x1, x2, /, *, pattern, adjoint, solver)", _iterated_x1,
            lambda g, x1, pattern, adjoint, solver: ITERATED(
                x1, g, pattern=pattern, adjoint=not adjoint, solver=solver.derived),
            jvp=_iterated_jvp),
    _result, looped,
)  # fmt: skip
