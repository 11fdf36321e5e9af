"""Variables in POT, the library of optimal transport. pluggrad imports this as soon as `ot` is.

POT has a class for each library, whose methods have NumPy's names; this is the one for Variables.
It is POT's own for NumPy, whose functions take Variables, but for what makes arrays or leaves the
graph.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from ot.backend import (
    NumpyBackend,
    _register_backend_implementation,
    get_available_backend_implementations,
)

import pluggrad as pg
from pluggrad.errors import UnsupportedError

__all__ = ["PluggradBackend"]


class PluggradBackend(NumpyBackend):  # type: ignore[misc]
    """How POT handles Variables."""

    __name__ = "pluggrad"
    __type__ = pg.Variable
    __type_list__ = [pg.Variable(np.ones((), t)) for t in (np.float32, np.float64)]  # noqa: RUF012

    def _to_numpy(self, a: Any) -> Any:
        """The values; POT hands them to compiled code, and sets the gradients itself."""
        return a.detach().numpy().copy() if isinstance(a, pg.Variable) else np.asarray(a)

    def _from_numpy(self, a: Any, type_as: Any = None) -> Any:
        """An untracked Variable, of the library and dtype of `type_as`."""
        if isinstance(a, pg.Variable):
            return a if type_as is None else pg.astype(a, type_as.dtype)
        if type_as is None:
            return pg.Variable(np.asarray(a))
        return pg.astype(pg.lift(np.asarray(a), like=type_as), type_as.dtype)

    def set_gradients(self, val: Any, inputs: Any, grads: Any) -> Any:
        """`val`, whose gradient by each of `inputs` is known."""
        inputs, grads = [x if isinstance(x, (list, tuple)) else (x,) for x in (inputs, grads)]
        val = pg.stop_gradient(val)
        for x, g in zip(inputs, grads, strict=True):
            slope = pg.sum(x * pg.stop_gradient(g))
            val = val + (slope - pg.stop_gradient(slope))
        return val

    def _detach(self, a: Any) -> Any:
        return pg.stop_gradient(a)

    # ------------------------------------------------------------ arrays of nothing

    def zeros(self, shape: Any, type_as: Any = None) -> Any:
        """`numpy.zeros`, as a Variable."""
        return self._from_numpy(np.zeros(shape), type_as)

    def ones(self, shape: Any, type_as: Any = None) -> Any:
        """`numpy.ones`, as a Variable."""
        return self._from_numpy(np.ones(shape), type_as)

    def arange(self, stop: Any, start: Any = 0, step: Any = 1, type_as: Any = None) -> Any:
        """`numpy.arange`, as a Variable; of integers, as POT's for NumPy."""
        made = np.arange(start, stop, step)
        return pg.Variable(made) if type_as is None else pg.lift(made, like=type_as)

    def full(self, shape: Any, fill_value: Any, type_as: Any = None) -> Any:
        """`numpy.full`; `fill_value` may be a Variable."""
        return self.ones(shape, type_as) * fill_value

    def eye(self, N: int, M: int | None = None, type_as: Any = None) -> Any:
        """`numpy.eye`, as a Variable."""
        return self._from_numpy(np.eye(N, M), type_as)

    def linspace(self, start: Any, stop: Any, num: int, type_as: Any = None) -> Any:
        """`numpy.linspace`, as a Variable."""
        return self._from_numpy(pg.linspace(start, stop, num), type_as)

    def rand(self, *size: int, type_as: Any = None) -> Any:
        """Uniform random numbers."""
        return self._from_numpy(self.rng_.rand(*size), type_as)

    def randn(self, *size: int, type_as: Any = None) -> Any:
        """Normal random numbers."""
        return self._from_numpy(self.rng_.randn(*size), type_as)

    # ------------------------------------------------------------ functions

    def logsumexp(self, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """`pluggrad.logsumexp`."""
        return pg.logsumexp(a, axis=axis, keepdims=keepdims)

    def norm(self, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        """The 2-norm, of all elements by default, as in POT's classes."""
        return pg.linalg.vector_norm(a, axis=axis, keepdims=keepdims)

    def inv(self, a: Any) -> Any:
        """The inverse of a matrix."""
        return pg.linalg.inv(a)

    def copy(self, a: Any) -> Any:
        """A copy that stays connected to the graph."""
        return pg.copy(a)

    def searchsorted(self, a: Any, v: Any, side: str = "left") -> Any:
        """`numpy.searchsorted`, row by row of matrices."""
        if a.ndim == 1:
            return pg.searchsorted(a, v, side=side)
        return pg.stack([pg.searchsorted(x, y, side=side) for x, y in zip(a, v, strict=True)])

    def is_floating_point(self, a: Any) -> bool:
        """Whether the dtype is a real floating-point one."""
        return bool(pg.isdtype(a.dtype, "real floating"))

    def dtype_device(self, a: Any) -> tuple[Any, Any]:
        """The dtype and the device."""
        return (a.dtype, a.device) if isinstance(a, pg.Variable) else (type(a), "cpu")

    def device_type(self, type_as: Any) -> str:
        """Where the array is, in capital letters."""
        return str(type_as.device).partition(":")[0].upper()

    # ------------------------------------------------------------ sparse matrices

    def issparse(self, a: Any) -> bool:
        """Whether `a` is sparse: Variables never are."""
        return False

    def coo_matrix(
        self, data: Any, rows: Any, cols: Any, shape: Any = None, type_as: Any = None
    ) -> NoReturn:
        """Raises: there are no sparse Variables in POT."""
        raise UnsupportedError(
            "POT cannot make a sparse matrix of Variables; choose the result that is dense, or "
            "`.detach()` the arguments and take `.data`"
        )

    def tocsr(self, a: Any) -> Any:
        """`a` itself, which is dense."""
        return a

    def eliminate_zeros(self, a: Any, threshold: float = 0.0) -> Any:
        """`a` with zeros where it is no larger than `threshold`."""
        return pg.where(pg.abs(a) <= threshold, 0.0, a) if threshold > 0 else a


if PluggradBackend not in get_available_backend_implementations():
    _register_backend_implementation(PluggradBackend)
