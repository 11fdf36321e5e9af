"""Linear operators given by functions, which may have captured Variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....arrays.backend import SCALARS
from ....arrays.dispatch import is_variable, xp
from ....engine.grad_mode import no_grad
from ....errors import InvalidArgumentError, UnsupportedError
from ....functions.gathering import values_of
from ....functions.operand import as_array
from ....rules.kinds import linear
from ...rows import explained, host, looped, scipy_module
from ..array import SparseArray, as_sparse, constant_like, is_sparse

__all__ = ["LinearOperator", "aslinearoperator", "host_operator", "is_operator"]

OPERATED: Any = host(  # the solution of the system of an operator, or of its adjoint
    linear("scipy.sparse.operated(x, /, *, operator, solver, adjoint)",
           lambda g, operator, solver, adjoint: OPERATED(
               g, operator=operator, solver=solver.derived, adjoint=not adjoint)),
    lambda args, kwargs: (tuple(args[0].shape), args[0].dtype), looped,
)  # fmt: skip


def is_operator(x: Any) -> bool:
    """Whether `x` is a linear operator, of ours or of SciPy's, and no matrix."""
    return isinstance(x, LinearOperator) or (
        hasattr(x, "matvec") and hasattr(x, "shape") and not is_sparse(x)
    )


def host_operator(x: Any) -> Any:
    """`x`, an operator, a sparse matrix or a dense one, as SciPy takes it; constant."""
    if isinstance(x, LinearOperator):
        return x.host(False)
    if isinstance(x, SparseArray):
        return x.detach().host()
    return np.asarray(x.detach().data) if is_variable(x) else x


class LinearOperator:
    """A linear operator given by functions, as `scipy.sparse.linalg.LinearOperator`.

    `matvec` takes and returns vectors, as Variables; the Variables that it has captured get
    gradients, too. `rmatvec` is that of the adjoint, which only unsymmetric systems need. `dtype`
    is float64 if it is not given.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.LinearOperator.html
    """

    def __init__(
        self, shape: Any, matvec: Any, rmatvec: Any = None, matmat: Any = None, dtype: Any = None,
        rmatmat: Any = None,
    ) -> None:  # fmt: skip
        if len(tuple(shape)) != 2:
            raise InvalidArgumentError(
                f"scipy.sparse.linalg.LinearOperator: two axes, not {shape!r}"
            )
        self.shape = (int(shape[0]), int(shape[1]))
        self._matvec, self._rmatvec = matvec, rmatvec
        self._matmat, self._rmatmat = matmat, rmatmat
        self.dtype = np.dtype(np.float64 if dtype is None else dtype)

    @classmethod
    def of(cls, x: Any) -> LinearOperator:
        """The operator of SciPy's, or of a matrix, `x`."""
        if isinstance(x, LinearOperator):
            return x
        if is_operator(x):
            made = cls(x.shape, x.matvec, x.rmatvec, x.matmat, x.dtype, x.rmatmat)
            made._theirs = x
            return made
        if not is_sparse(x):
            x = as_array(x, "scipy.sparse.linalg.aslinearoperator", "A")
            adjoint = xp.conj(xp.matrix_transpose(x))
        else:
            x = as_sparse(x)
            adjoint = x.H
        return cls(x.shape, lambda v: x @ v, lambda v: adjoint @ v, lambda v: x @ v,
                   str(x.dtype).split(".")[-1], lambda v: adjoint @ v)  # fmt: skip

    _theirs: Any = None

    def matvec(self, x: Any) -> Any:
        """The operator times a vector."""
        return self._applied(self._matvec, x, self.shape)

    def rmatvec(self, x: Any) -> Any:
        """The adjoint operator times a vector."""
        if self._rmatvec is None:
            raise UnsupportedError("scipy.sparse.linalg.LinearOperator: it has no rmatvec")
        return self._applied(self._rmatvec, x, self.shape[::-1])

    def _applied(self, function: Any, x: Any, shape: Any) -> Any:
        x = as_array(x, "scipy.sparse.linalg.LinearOperator", "x")
        if x.shape not in ((shape[1],), (shape[1], 1)):
            raise InvalidArgumentError(
                f"scipy.sparse.linalg.LinearOperator: a vector of {shape[1]} elements, not the "
                f"shape {tuple(x.shape)}"
            )
        if self._theirs is not None:
            return _of_host(function, x, (shape[0], *x.shape[1:]), self)
        x = x if is_variable(x) else constant_like(x, x)
        y = as_array(function(x), "scipy.sparse.linalg.LinearOperator", "the result", x)
        y = y if is_variable(y) else constant_like(y, x)
        return xp.reshape(y, (shape[0], *x.shape[1:]))

    def matmat(self, x: Any) -> Any:
        """The operator times columns."""
        if self._matmat is not None and self._theirs is None:
            return self._matmat(x)
        return xp.stack([self.matvec(x[:, k]) for k in range(x.shape[1])], axis=1)

    def __matmul__(self, x: Any) -> Any:
        x = as_array(x, "scipy.sparse.linalg.LinearOperator", "x")
        return self.matvec(x) if x.ndim == 1 else self.matmat(x)

    def __call__(self, x: Any) -> Any:
        return self @ x

    dot = __matmul__

    def __mul__(self, x: Any) -> Any:
        if not isinstance(x, SCALARS) and getattr(x, "shape", True):
            return self @ x
        back = None if self._rmatvec is None else lambda v: xp.conj(x) * self.rmatvec(v)
        return LinearOperator(self.shape, lambda v: x * self.matvec(v), back, dtype=self.dtype)

    __rmul__ = __mul__
    __array_ufunc__ = None

    def __add__(self, other: Any) -> LinearOperator:
        other = LinearOperator.of(other)
        there = lambda v: self.matvec(v) + other.matvec(v)
        back = lambda v: self.rmatvec(v) + other.rmatvec(v)
        return LinearOperator(self.shape, there, back, dtype=self.dtype)

    @property
    def H(self) -> LinearOperator:
        """The adjoint operator."""
        return LinearOperator(self.shape[::-1], self.rmatvec, self.matvec, dtype=self.dtype)

    adjoint = H

    def host(self, adjoint: bool, symmetric: bool = False) -> Any:
        """SciPy's operator of the same values, or of the adjoint."""
        if self._theirs is not None:
            return self._theirs.H if adjoint and not symmetric else self._theirs

        def run(function: Any) -> Any:
            def call(x: Any) -> Any:
                with no_grad():
                    y = function(np.asarray(x).reshape(-1))
                values = values_of(y)
                if values is None:
                    raise UnsupportedError(
                        "scipy.sparse.linalg.LinearOperator: its values are not known here: call "
                        "this outside of vmap and jit"
                    )
                return np.asarray(values)

            return call

        there, back = run(self.matvec), run(self.rmatvec)
        there, back = (back, there) if adjoint and not symmetric else (there, back)
        shape = self.shape[::-1] if adjoint else self.shape
        make = scipy_module("sparse.linalg").LinearOperator
        return make(shape, matvec=there, rmatvec=back, dtype=self.dtype)

    def solved(self, b: Any, solver: Any, adjoint: bool) -> Any:
        """The solution of the system; linear in `b`."""
        return OPERATED(b, operator=self, solver=solver, adjoint=adjoint)


HOSTED: Any = host(  # an operator of SciPy's, times a vector
    linear("scipy.sparse.hosted(x, /, *, operator, adjoint)",
           lambda g, operator, adjoint: HOSTED(g, operator=operator, adjoint=not adjoint),
           holomorphic=True),
    lambda args, kwargs: ((kwargs["operator"].shape[int(kwargs["adjoint"])],
                           *args[0].shape[1:]), args[0].dtype), looped,
)  # fmt: skip


def _of_host(function: Any, x: Any, shape: Any, operator: LinearOperator) -> Any:
    return HOSTED(x, operator=operator, adjoint=function == operator._rmatvec)


@explained("sparse.linalg")
def aslinearoperator(A: Any) -> Any:
    """`A`, a matrix or an operator of SciPy's, as a linear operator.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.aslinearoperator.html
    """
    return LinearOperator.of(A)
