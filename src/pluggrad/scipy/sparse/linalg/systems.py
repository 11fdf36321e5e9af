"""Systems with a sparse matrix, by its factors, and functions of sparse matrices."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ....arrays.dispatch import is_variable, xp
from ....engine.arguments import whole
from ....engine.cotangents import is_complex
from ....errors import InvalidArgumentError, LinAlgError, UnsupportedError
from ....functions.gathering import values_of
from ....functions.operand import as_array, as_floats
from ....rules.kinds import general
from ....rules.linalg import H
from ... import linalg as dense
from ...linalg.matrix_rows import EXPM_DERIVATIVE
from ...rows import explained, host, host_function, like
from .. import algebra
from ..array import SparseArray, as_sparse, class_of, constant_like, is_sparse, promoted, summed
from ..build import eye_array, tril, triu
from .rows import SOLVE

__all__ = ["SuperLU", "expm", "expm_multiply", "factorized", "inv", "matrix_power", "norm",
           "operands", "splu", "spsolve", "spsolve_triangular"]  # fmt: skip


def operands(where: str, a: Any, b: Any) -> tuple[SparseArray, Any, Any]:
    """A square matrix without duplicates, its data and a dense right-hand side, in one dtype."""
    a = as_sparse(a).merged()
    b = as_array(b, f"scipy.sparse.linalg.{where}", "b", a.data)
    b = b if is_variable(b) else constant_like(b, b)
    if a.shape[0] != a.shape[1]:
        raise InvalidArgumentError(f"scipy.sparse.linalg.{where}: A is square, not {a.shape}")
    if b.ndim not in (1, 2) or b.shape[0] != a.shape[0]:
        raise InvalidArgumentError(
            f"scipy.sparse.linalg.{where}: b has {a.shape[0]} rows, not the shape {tuple(b.shape)}"
        )
    if a.data._backend is not b._backend and b._backend.name == "numpy" and not b._tracked:
        b = constant_like(b.data, a.data)
    data, b = promoted(as_floats(a.over(b._backend)), as_floats(b))
    return a, data, b


@explained("sparse.linalg")
def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """The solution of ``A @ x = b`` for a sparse matrix, by its factors.

    It is differentiable by the data of `A` and by `b`, a vector, a dense matrix or a sparse one.
    The factors serve the derivative, too. `use_umfpack` is not followed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.spsolve.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.sparse
    >>> rows, columns = np.asarray([0, 0, 1]), np.asarray([0, 1, 1])
    >>> def f(data):
    ...     A = pg.scipy.sparse.csc_array((data, (rows, columns)))
    ...     return pg.sum(pg.scipy.sparse.linalg.spsolve(A, np.ones(2)))
    >>> pg.grad(f)(np.asarray([2.0, 1.0, 4.0]))
    array([-0.1875 , -0.125  , -0.03125])
    """
    if is_sparse(b):
        b = as_sparse(b)
        x = spsolve(A, b.toarray(), permc_spec)
        kind = as_sparse(A)
        return x if x.ndim == 1 else class_of(kind.format, kind.is_matrix)(x)
    a, data, b = operands("spsolve", A, b)
    order = "COLAMD" if permc_spec is None else permc_spec
    x = SOLVE(data, b, pattern=a.pattern, adjoint=False, order=order)
    return xp.reshape(x, (-1,)) if x.ndim == 2 and x.shape[1] == 1 else x


class SuperLU:
    """The factors of a sparse matrix, as those of `scipy.sparse.linalg.splu`.

    `solve` is differentiable by the data of the matrix and by the right-hand side. The factors
    `L` and `U` themselves, and the permutations, are constants.
    """

    def __init__(self, a: SparseArray, order: str) -> None:
        self._a, self._order = a, order
        self.shape, self.nnz = a.shape, a.nnz

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """The solution of the system; with `trans` "T" or "H", of the transposed or adjoint one."""
        if trans not in ("N", "T", "H"):
            raise InvalidArgumentError(
                f"scipy.sparse.linalg.splu: trans is 'N', 'T' or 'H', not {trans!r}"
            )
        a, data, b = operands("splu", self._a, rhs)
        if trans == "T" and is_complex(data):
            data = xp.conj(data)
        return SOLVE(data, b, pattern=a.pattern, adjoint=trans != "N", order=self._order)

    def __getattr__(self, name: str) -> Any:
        data = values_of(self._a.data)
        if name.startswith("_") or data is None:
            raise UnsupportedError(f"scipy.sparse.linalg.SuperLU: {name!r} is not known here")
        found = host_function("sparse.factors")(np.asarray(data), self._a.pattern, self._order)
        return getattr(found, name)


@explained("sparse.linalg")
def splu(
    A: Any, permc_spec: Any = None, diag_pivot_thresh: Any = None, relax: Any = None,
    panel_size: Any = None, options: Any = None,
) -> Any:  # fmt: skip
    """The factors of a sparse matrix, whose `solve` is differentiable.

    Of the settings of the factorisation `permc_spec` is offered.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.splu.html
    """
    for name, value in (("diag_pivot_thresh", diag_pivot_thresh), ("relax", relax),
                        ("panel_size", panel_size), ("options", options or None)):  # fmt: skip
        if value is not None:
            raise UnsupportedError(
                f"pluggrad.scipy.sparse.linalg.splu({name}=...) is not supported: leave it out"
            )
    a = as_sparse(A).merged()
    if a.shape[0] != a.shape[1]:
        raise InvalidArgumentError(f"scipy.sparse.linalg.splu: A is square, not {a.shape}")
    a = a._made(a.pattern, as_floats(a.data))
    order = "COLAMD" if permc_spec is None else permc_spec
    data = values_of(a.data)
    if data is not None:
        try:
            host_function("sparse.factors")(np.asarray(data), a.pattern, order)
        except RuntimeError as error:
            raise LinAlgError(f"scipy.sparse.linalg.splu: {error}") from error
    return SuperLU(a, order)


@explained("sparse.linalg")
def factorized(A: Any) -> Any:
    """The function that solves ``A @ x = b``, differentiable by the data of `A` and by `b`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.factorized.html
    """
    return splu(A).solve


@explained("sparse.linalg")
def spsolve_triangular(
    A: Any, b: Any, lower: bool = True, overwrite_A: bool = False, overwrite_b: bool = False,
    unit_diagonal: bool = False,
) -> Any:  # fmt: skip
    """The solution of a sparse triangular system; only the triangle that is read has a gradient.

    `overwrite_A` and `overwrite_b` are not followed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.spsolve_triangular.html
    """
    a = as_sparse(A)
    k = int(unit_diagonal) * (-1 if lower else 1)
    a = (tril if lower else triu)(a, k)
    if unit_diagonal:
        a = a + eye_array(a.shape[0])
    a, data, b = operands("spsolve_triangular", a, b)
    diagonal = values_of(algebra.METHODS["diagonal"](a))
    if diagonal is not None and (np.asarray(diagonal) == 0).any():
        raise LinAlgError("scipy.sparse.linalg.spsolve_triangular: A has a zero on its diagonal")
    return SOLVE(data, b, pattern=a.pattern, adjoint=False, order="NATURAL")


@explained("sparse.linalg")
def inv(A: Any) -> Any:
    """The inverse of a sparse matrix.

    Its elements are stored one and all, so that none loses its gradient.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.inv.html
    """
    a = as_sparse(A)
    if not is_sparse(A):
        raise InvalidArgumentError("scipy.sparse.linalg.inv: A is a sparse matrix")
    x = splu(a).solve(constant_like(np.eye(a.shape[0]), a.data))
    return class_of(a.format, a.is_matrix)(x)


#: The exponential of a matrix as SciPy rounds it here: `scipy.linalg.expm` differs in last digits.
EXPM: Any = host(
    general("scipy.sparse.linalg.expm(x, /)", lambda g, x: EXPM_DERIVATIVE(H(x), g),
            jvp=lambda t, x: EXPM_DERIVATIVE(x, t), fresh=True),
    like(),
)  # fmt: skip


@explained("sparse.linalg")
def expm(A: Any) -> Any:
    """The exponential of a square matrix; it is computed densely.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.expm.html
    """
    if not is_sparse(A):
        return dense.expm(A)
    a = as_sparse(A)
    return class_of(a.format, a.is_matrix)(EXPM(as_floats(a.toarray())))


@explained("sparse.linalg")
def matrix_power(A: Any, power: Any) -> Any:
    """The product of `power` times the square sparse matrix `A`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.matrix_power.html
    """
    return algebra.matrix_power(as_sparse(A), power)


@explained("sparse.linalg")
def norm(x: Any, ord: Any = None, axis: Any = None) -> Any:
    """The norm of a sparse matrix, or of its rows or columns: Frobenius' (also "fro"), 1, -1, inf,
    -inf; of rows and columns also 2 and 0.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.norm.html
    """
    where = "scipy.sparse.linalg.norm"
    a = as_sparse(x).merged()
    sizes = xp.abs(as_floats(a.data))
    if isinstance(axis, (tuple, list)) and len(axis) == 1:
        axis = axis[0]
    if axis is None or isinstance(axis, (tuple, list)):
        if ord in (None, "fro", "f"):
            return xp.linalg.vector_norm(sizes)
        if ord not in (1, -1, math.inf, -math.inf):
            raise UnsupportedError(f"{where}: the order {ord!r} is not offered for matrices")
        over = 0 if ord in (1, -1) else 1
        over = over if axis is None or tuple(axis) in ((0, 1), (-2, -1)) else 1 - over
        totals = summed(sizes, a.coords[1 - over], a.shape[1 - over])
        return xp.max(totals) if ord > 0 else xp.min(totals)
    from ....engine.arguments import axis_of

    axis = axis_of(axis, 2, where)
    places, count = a.coords[1 - axis], a.shape[1 - axis]
    if ord in (None, 2):
        squares = summed(sizes * sizes, places, count)
        zero = squares == 0  # where the derivative of the norm is 0
        return xp.where(zero, 0.0, xp.sqrt(xp.where(zero, 1.0, squares)))
    if ord == 1:
        return summed(sizes, places, count)
    if ord in (math.inf, -math.inf):
        full = xp.abs(a.toarray())
        return xp.max(full, axis=axis) if ord > 0 else xp.min(full, axis=axis)
    raise UnsupportedError(f"{where}: the order {ord!r} is not offered for rows and columns")


# ---------------------------------------------------------------- the exponential times a matrix

#: How many terms of Taylor's series are exact in double precision up to that norm (Al-Mohy and
#: Higham 2011, table 3.1).
TERMS = ((5, 0.13), (10, 1.0), (15, 2.2), (20, 3.6), (25, 4.9), (30, 6.3), (35, 7.7), (40, 9.1),
         (45, 11.0), (50, 12.0), (55, 13.0))  # fmt: skip


@explained("sparse.linalg")
def expm_multiply(
    A: Any, B: Any, start: Any = None, stop: Any = None, num: Any = None, endpoint: Any = None,
    traceA: Any = None,
) -> Any:  # fmt: skip
    """The exponential of a square sparse matrix times `B`, without the exponential itself.

    It is Taylor's series in as many steps as the norm of `A` asks for, differentiable by the data
    of `A` and by `B`. With `start`, `stop` and `num` the results for `A` times each of these
    numbers are stacked. `traceA` is not needed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.expm_multiply.html
    """
    a, data, b = operands("expm_multiply", A, B)
    a = a._made(a.pattern, data)
    if start is None and stop is None and num is None and endpoint is None:
        return _propagated(a, b)
    if start is None or stop is None:
        raise InvalidArgumentError("scipy.sparse.linalg.expm_multiply: give start and stop, both")
    count = 50 if num is None else whole(num, "scipy.sparse.linalg.expm_multiply", "num", 1)
    times = np.linspace(start, stop, count, endpoint=endpoint is not False)
    found = [_propagated(a, b, float(times[0]))]
    for before, after in itertools.pairwise(times):
        found.append(_propagated(a, found[-1], float(after - before)))
    return xp.stack(found)


def _propagated(a: SparseArray, b: Any, t: float = 1.0) -> Any:
    """``exp(t A) @ b``."""
    values = values_of(a.data)
    if values is None:
        raise UnsupportedError(
            "scipy.sparse.linalg.expm_multiply: the values of A are not known here, and decide how "
            "many terms are needed"
        )
    mean = algebra.METHODS["trace"](a) / a.shape[0] if a.shape[0] else 0.0
    known = np.bincount(a.pattern.columns, weights=abs(np.asarray(values)), minlength=1)
    size = abs(t) * (float(known.max()) if known.size else 0.0)
    terms, steps = min([(m, max(math.ceil(size / limit), 1)) for m, limit in TERMS],
                       key=lambda pair: pair[0] * pair[1])  # fmt: skip
    factor = t / steps
    shift = xp.exp(mean * factor)
    for _ in range(steps):
        term = total = b
        for k in range(1, terms + 1):
            term = (a.times(term) - mean * term) * (factor / k)
            total = total + term
        b = total * shift
    return b
