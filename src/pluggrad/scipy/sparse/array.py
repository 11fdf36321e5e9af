"""A sparse matrix whose data are a Variable, and what it can do."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.backend import SCALARS, Backend, backend_of
from ...arrays.dispatch import is_variable, xp
from ...engine.handles import wrap_untracked
from ...errors import InvalidArgumentError, TypeMismatchError, UnknownNameError, UnsupportedError
from ...functions.operand import as_array, as_floats
from ..rows import host_function, scipy_module
from .pattern import Pattern
from .rows import PRODUCT

__all__ = ["CLASSES", "SparseArray", "as_sparse", "class_of", "constant_like", "is_sparse",
           "numbers_like", "promoted", "summed"]  # fmt: skip

#: Functions of the elements that are methods of sparse matrices, since they keep zeros.
ELEMENTWISE = frozenset(
    [
        "arcsin",
        "arcsinh",
        "arctan",
        "arctanh",
        "ceil",
        "deg2rad",
        "expm1",
        "floor",
        "log1p",
        "rad2deg",
        "rint",
        "sign",
        "sin",
        "sinh",
        "sqrt",
        "tan",
        "tanh",
        "trunc",
    ]
)
#: What `pluggrad` calls those that have another name in the standard.
NAMES = {
    "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctanh": "atanh", "rint": "round",
}  # fmt: skip


def is_sparse(x: Any) -> bool:
    """Whether `x` is a sparse matrix, of SciPy's or ours."""
    return isinstance(x, SparseArray) or (hasattr(x, "tocoo") and hasattr(x, "nnz"))


def constant_like(values: Any, like: Any) -> Any:
    """The NumPy array `values`, as a Variable of the library of `like`."""
    backend = backend_of(like)
    assert backend is not None
    return backend.namespace.asarray(values)


def numbers_like(values: Any, like: Any) -> Any:
    """The NumPy array of integers `values`, as an index into arrays of the library of `like`."""
    return constant_like(np.asarray(values, dtype=np.int64), like)


def summed(data: Any, numbers: Any, count: int) -> Any:
    """`count` sums: element k of `data` is added to number ``numbers[k]``."""
    places = np.arange(numbers.size, dtype=numbers.dtype)
    return PRODUCT(xp.ones_like(data), data, pattern=Pattern(numbers, places, (count, places.size)))


#: The classes of the formats, which `formats` fills in, by name.
CLASSES: dict[str, Any] = {}


def class_of(form: str, is_matrix: bool) -> type[Any]:
    """The class of the matrices of this format; of a format without a class here, that of `csr`."""
    name = f"{form}_{'matrix' if is_matrix else 'array'}"
    found: type[Any] = CLASSES.get(name, CLASSES["csr" + name[3:]])
    return found


def as_sparse(x: Any) -> Any:
    """A sparse matrix of SciPy's, or a dense matrix, as one of ours."""
    if isinstance(x, SparseArray):
        return x
    if not is_sparse(x):
        return CLASSES["csr_array"](x)
    modern = isinstance(x, scipy_module("sparse").sparray)
    cls = class_of(x.format if x.format in ("csr", "csc", "coo", "dia", "bsr") else "csr",
                   not modern)  # fmt: skip
    return cls(x)


class SparseArray:
    """The base of the sparse matrices of `pluggrad.scipy.sparse`.

    `data` is a Variable, and the places of its elements are constant. What only rearranges elements
    is left to SciPy, which does it with their numbers.
    """

    format = ""
    #: Whether ``*`` is the product of matrices, as for SciPy's older classes.
    is_matrix = False
    ndim = 2
    __array_ufunc__ = None  # NumPy's arrays leave `array @ matrix` to us
    __array_priority__ = 100.0
    __hash__ = object.__hash__

    data: Any
    pattern: Pattern
    _product: Any  # with a sparse matrix; `algebra` has it

    def _set(self, pattern: Pattern, data: Any) -> Any:
        self.pattern, self.data = pattern, data
        self._others: dict[Backend, Any] = {}
        return self

    def _made(self, pattern: Pattern, data: Any, form: str = "") -> Any:
        """A matrix of this kind, or of the format `form`, with these data."""
        cls = class_of(form or self.format, self.is_matrix)
        return object.__new__(cls)._set(pattern, data)

    # ------------------------------------------------------------ what it is

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return self.pattern.shape

    @property
    def dtype(self) -> Any:
        """The dtype of the data."""
        return self.data.dtype

    @property
    def nnz(self) -> int:
        """The number of stored elements."""
        return int(self.pattern.rows.size)

    size = nnz

    @property
    def requires_grad(self) -> bool:
        """Whether the data require grad."""
        return bool(self.data._tracked)

    @property
    def coords(self) -> tuple[Any, Any]:
        """The rows and the columns of the stored elements."""
        return self.pattern.rows, self.pattern.columns

    row = property(lambda self: self.pattern.rows)
    col = property(lambda self: self.pattern.columns)

    def _compressed(self, position: int) -> Any:
        """The indices, or where each group begins, of a matrix in rows or in columns."""
        by_rows, others, starts, order = self.pattern.compressed
        if order is not None or by_rows != (self.format == "csr"):
            raise UnsupportedError(f"scipy.sparse: convert the {self.format} matrix with `tocsr`")
        return (others, starts)[position]

    indices = property(lambda self: self._compressed(0))
    indptr = property(lambda self: self._compressed(1))

    def __repr__(self) -> str:
        return (
            f"<pluggrad {type(self).__name__} of dtype {self.dtype}, with {self.nnz} stored "
            f"elements and shape {self.shape}>"
        )

    def __len__(self) -> int:
        raise TypeMismatchError("scipy.sparse: the length of a sparse matrix is ambiguous")

    def __bool__(self) -> bool:
        raise InvalidArgumentError("scipy.sparse: the truth value of a sparse matrix is ambiguous")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("data", "pattern"):
            raise UnknownNameError(f"{type(self).__name__} has no attribute {name!r}")
        if name in ELEMENTWISE:
            function = getattr(xp, NAMES.get(name, name))
            return lambda: self.merged()._elements(function)
        if not hasattr(type(self.host(zeros=True)), name):
            raise UnknownNameError(f"{type(self).__name__} has no attribute {name!r}")
        if self.data._tracked:
            raise UnsupportedError(f"scipy.sparse: {name!r} has no derivative in pluggrad.scipy")
        return getattr(self.host(), name)

    # ------------------------------------------------------------ to SciPy and back

    def host(self, zeros: bool = False) -> Any:
        """SciPy's matrix of the same class: its data are constants, or `zeros`."""
        values: Any = np.zeros(self.nnz) if zeros else self.data
        if is_variable(values):
            if values._tracked:
                raise UnsupportedError(
                    "scipy.sparse: this function has no derivative by the data of a sparse matrix; "
                    "make the matrix from constants if no gradient is needed"
                )
            values = values.data
        found = scipy_module("sparse").coo_array(
            (np.asarray(values), (self.pattern.rows, self.pattern.columns)), shape=self.shape
        )
        return getattr(scipy_module("sparse"), type(self).__name__)(found)

    def numbered(self) -> Any:
        """SciPy's matrix of the numbers of the elements, from 1 on. (It needs no duplicates.)"""
        numbers = np.arange(1, self.nnz + 1, dtype=np.int64)
        return host_function("sparse.matrix")(numbers, self.pattern).copy()

    def rearranged(self, numbers: Any, form: str = "") -> Any:
        """The matrix with the elements whose numbers are in SciPy's matrix `numbers`."""
        if len(numbers.shape) != 2:
            raise UnsupportedError(
                "scipy.sparse: sparse vectors are not supported; keep two axes, as in "
                f"`A[i:i + 1]`, or take `A.toarray()`; the shape is {tuple(numbers.shape)}"
            )
        coo = numbers.tocoo()
        pattern = Pattern(coo.coords[0], coo.coords[1], coo.shape)
        places = np.asarray(coo.data, dtype=np.int64) - 1
        if places.size == self.nnz and (places == np.arange(places.size)).all():
            return self._made(pattern, self.data, form or numbers.format)
        data = xp.take(self.data, numbers_like(places, self.data), axis=0)
        return self._made(pattern, data, form or numbers.format)

    def over(self, backend: Backend) -> Any:
        """The data, over the library that the other operand is of."""
        if self.data._backend is backend:
            return self.data
        if self.data._tracked or self.data._backend.name != "numpy":
            return self.data  # the operation refuses to mix
        if backend not in self._others:
            self._others[backend] = backend.namespace.asarray(self.data.data)
        return self._others[backend]

    def merged(self) -> Any:
        """The same matrix without duplicates, sorted."""
        pattern, numbers = self.pattern.merged(self.format == "csc")
        if numbers is None:
            return self if pattern is self.pattern else self._made(pattern, self.data)
        return self._made(pattern, summed(self.data, numbers, pattern.rows.size))

    def asformat(self, format: str | None, copy: bool = False) -> Any:
        """The matrix in another format."""
        if format in (None, self.format):
            return self
        if format not in ("csr", "csc", "coo"):
            return self.merged().rearranged(self.merged().numbered().asformat(format), str(format))
        if format == "coo":
            return self._made(self.pattern, self.data, "coo")
        merged = self._made(self.pattern, self.data, str(format))
        if self.format == "coo":
            return merged.merged()
        by_rows, *_, order = self.pattern.compressed
        if order is None and by_rows == (format == "csr"):
            return merged
        rows, columns = self.coords
        order = np.lexsort((columns, rows) if format == "csr" else (rows, columns))
        pattern = Pattern(rows[order], columns[order], self.shape)
        data = xp.take(self.data, numbers_like(order, self.data), axis=0)
        return self._made(pattern, data, str(format))

    def tocsr(self, copy: bool = False) -> Any:
        """The matrix in rows; elements at one place are added."""
        return self.asformat("csr")

    def tocsc(self, copy: bool = False) -> Any:
        """The matrix in columns; elements at one place are added."""
        return self.asformat("csc")

    def tocoo(self, copy: bool = False) -> Any:
        """The matrix with the row and the column of each element."""
        return self.asformat("coo")

    def todia(self, copy: bool = False) -> Any:
        """The matrix, which says that it is in diagonals."""
        return self.asformat("dia")

    def tobsr(self, blocksize: Any = None, copy: bool = False) -> Any:
        """The matrix, which says that it is in blocks."""
        return self.asformat("bsr")

    def copy(self) -> Any:
        """The same matrix: nothing changes it in place."""
        return self._made(self.pattern, self.data)

    def detach(self) -> Any:
        """The matrix with constant data."""
        return self._made(self.pattern, self.data.detach())

    def toarray(self, order: Any = None, out: Any = None) -> Any:
        """The dense matrix, as a Variable."""
        if out is not None:
            raise UnsupportedError("scipy.sparse: toarray(out=...) is not supported: leave it out")
        n, m = self.shape
        places = self.pattern.rows.astype(np.int64) * m + self.pattern.columns
        return xp.reshape(summed(self.data, places, n * m), (n, m))

    todense = toarray

    # ------------------------------------------------------------ products

    def __matmul__(self, x: Any) -> Any:
        return self.times(x) if not isinstance(x, SCALARS) else NotImplemented

    def __rmatmul__(self, x: Any) -> Any:
        return self.from_left(x) if not isinstance(x, SCALARS) else NotImplemented

    def from_left(self, x: Any) -> Any:
        """The product ``x @ self``."""
        if is_sparse(x):
            return as_sparse(x).times(self)
        x = as_array(x, "scipy.sparse", "the other operand", self.data)
        return xp.matrix_transpose(self.T.times(xp.matrix_transpose(x))) if x.ndim > 1 else (
            self.T.times(x)
        )  # fmt: skip

    def times(self, x: Any) -> Any:
        """The product ``self @ x`` with a vector, with columns, or with a sparse matrix."""
        if is_sparse(x):
            return self._product(x)
        x = as_array(x, "scipy.sparse", "the other operand", self.data)
        backend = backend_of(x)
        if backend is not None and backend.name == "numpy" and not is_variable(x):
            x = constant_like(x, self.data)
        x = x if is_variable(x) else wrap_untracked(x, backend)  # type: ignore[arg-type]
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[1]:
            raise InvalidArgumentError(
                f"scipy.sparse: a matrix of shape {self.shape} is multiplied with "
                f"{self.shape[1]} rows, not with an array of shape {tuple(x.shape)}"
            )
        data, x = promoted(self.over(x._backend), x)
        return PRODUCT(data, x, pattern=self.pattern)

    def dot(self, other: Any) -> Any:
        """The product with a matrix, a vector or a number."""
        return self.multiply(other) if isinstance(other, SCALARS) else self @ other

    @property
    def T(self) -> Any:
        """The transpose."""
        return self.transpose()

    @property
    def H(self) -> Any:
        """The conjugate transpose."""
        return self.T.conj()

    def transpose(self, axes: Any = None, copy: bool = False) -> Any:
        """The transpose."""
        if axes not in (None, (1, 0), (-1, -2)):
            raise InvalidArgumentError("scipy.sparse: transpose swaps the two axes")
        other = {"csr": "csc", "csc": "csr"}.get(self.format, self.format)
        return self._made(self.pattern.T, self.data, other)

    def _elements(self, function: Any) -> Any:
        return self._made(self.pattern, function(as_floats(self.data)))

    # The operators, sums and the like are in `algebra`.


def promoted(a: Any, b: Any) -> tuple[Any, Any]:
    """Two arrays in the dtype of their product."""
    if a.dtype == b.dtype:
        return a, b
    dtype = b._backend.namespace.result_type(a.dtype, b.dtype)
    return (a if a.dtype == dtype else xp.astype(a, dtype)), (
        b if b.dtype == dtype else xp.astype(b, dtype)
    )
