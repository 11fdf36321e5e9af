"""The classes of sparse matrices, one for each of SciPy's formats, and how they are made."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays.backend import SCALARS, backend_of, get_backend
from ...arrays.dispatch import is_batched, is_variable, xp
from ...engine.arguments import explain
from ...engine.handles import is_tracked, wrap_untracked
from ...engine.lists import array_of
from ...errors import InvalidArgumentError
from ...functions.gathering import values_of
from ..rows import scipy_module
from .array import CLASSES, SparseArray, class_of, is_sparse, numbers_like
from .pattern import Pattern

__all__ = [
    "bsr_array", "bsr_matrix", "coo_array", "coo_matrix", "csc_array",
    "csc_matrix", "csr_array", "csr_matrix", "dia_array", "dia_matrix",
]  # fmt: skip


def _data(x: Any) -> Any:
    """The data that a matrix is made of, as a Variable."""
    if is_variable(x):
        return x
    if hasattr(x, "dtype") and not isinstance(x, SCALARS):
        backend = backend_of(x)
        if backend is not None:
            return wrap_untracked(x, backend)
    found = array_of(x, get_backend("numpy"), "scipy.sparse")
    return found if is_variable(found) else wrap_untracked(found, get_backend("numpy"))


def _index(x: Any) -> Any:
    """Indices, as a NumPy array."""
    found = values_of(x)
    if found is None:
        raise InvalidArgumentError("scipy.sparse: the indices of a matrix are known integers")
    return np.asarray(found)


class _Made(SparseArray):
    """A sparse matrix, made as SciPy makes it."""

    def __init__(
        self, arg1: Any, shape: Any = None, dtype: Any = None, copy: bool = False, **more: Any
    ) -> None:
        try:
            found = self._from(arg1, shape, more)
        except Exception as error:
            explain(error, f"pluggrad.scipy.sparse.{type(self).__name__}", ())
        self._set(*(found if dtype is None else (found[0], xp.astype(found[1], dtype))))

    def _from(self, arg1: Any, shape: Any, more: Any) -> tuple[Pattern, Any]:
        theirs = getattr(scipy_module("sparse"), type(self).__name__)
        if isinstance(arg1, SparseArray):
            found = arg1.asformat(self.format)
            return found.pattern, found.data
        if is_sparse(arg1) or _is_shape(arg1):
            made = arg1 if is_sparse(arg1) else theirs(arg1)
            if self.format in ("csr", "csc", "coo", "bsr"):
                made = made.asformat(self.format)  # adds up, and keeps zeros
            coo = made.tocoo()
            return Pattern.of(coo), _data(np.asarray(coo.data))
        if not isinstance(arg1, (tuple, list)) or not _has_parts(arg1):
            return self._from_dense(_data(arg1), theirs)
        data, *places = arg1
        data = _data(data)
        if len(places) == 1 and self.format not in ("dia",):
            coo = scipy_module("sparse").coo_array(
                (np.zeros(data.shape[0]), tuple([_index(i) for i in places[0]])), shape=shape
            )
            pattern = Pattern.of(coo)
            if self.format == "coo":
                return pattern, data
            made = object.__new__(class_of("coo", self.is_matrix))._set(pattern, data)
            found = made.asformat(self.format)
            return found.pattern, found.data
        shape_of = tuple(data.shape)
        numbers = np.arange(1, int(np.prod(shape_of)) + 1, dtype=np.int64).reshape(shape_of)
        numbered = theirs((numbers, *[_index(i) for i in places]), shape=shape, **more)
        if self.format != "dia":
            numbered.check_format(full_check=True)
        coo = numbered.tocoo()
        order = np.asarray(coo.data) - 1
        flat = xp.reshape(data, (-1,)) if data.ndim != 1 else data
        if order.size != numbers.size or (order != np.arange(order.size)).any():
            flat = xp.take(flat, numbers_like(order, flat), axis=0)
        return Pattern.of(coo), flat

    def _from_dense(self, x: Any, theirs: Any) -> tuple[Pattern, Any]:
        """The elements of a dense matrix. Zeros are left out where they are constants: otherwise
        their gradient would be lost."""
        if x.ndim == 1:
            x = xp.expand_dims(x, axis=0)
        if x.ndim != 2:
            raise InvalidArgumentError(f"scipy.sparse: a matrix has two axes, not {x.ndim}")
        values = None if is_tracked(x) or is_batched(x) else values_of(x)
        if values is not None:
            coo = theirs(np.asarray(values)).tocoo()
            pattern = Pattern.of(coo)
        else:
            rows, columns = np.indices(tuple(x.shape), dtype=np.int32).reshape(2, -1)
            if self.format == "csc":
                rows, columns = np.indices(tuple(x.shape), dtype=np.int32).T.reshape(-1, 2).T
            pattern = Pattern(rows, columns, tuple(x.shape))
        places = pattern.rows.astype(np.int64) * x.shape[1] + pattern.columns
        flat = xp.reshape(x, (-1,))
        return pattern, xp.take(flat, numbers_like(places, flat), axis=0)


def _is_shape(x: Any) -> bool:
    return isinstance(x, (tuple, list)) and len(x) == 2 and all(
        isinstance(n, (int, np.integer)) for n in x
    )  # fmt: skip


def _has_parts(x: Any) -> bool:
    """Whether `x` holds data and their places, and is no dense matrix as nested lists."""
    return isinstance(x, tuple) and len(x) in (2, 3)


def _class(form: str, text: str, is_matrix: bool) -> type[Any]:
    name = f"{form}_{'matrix' if is_matrix else 'array'}"
    doc = (
        f"A sparse matrix {text}, as `scipy.sparse.{name}`, whose data are a Variable.\n\n"
        "It is made of what SciPy's is made of. Derivatives are by the data: the places of the "
        "elements\nare constants. A dense matrix that requires grad is stored whole, zeros "
        "included, since their\ngradient is not zero.\n\n"
        f"https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.{name}.html\n"
    )
    body = {"format": form, "is_matrix": is_matrix, "__doc__": doc,
            "__module__": "pluggrad.scipy.sparse"}  # fmt: skip
    return type(name, (_Made,), body)


_FORMATS = {"csr": "in rows", "csc": "in columns", "coo": "in triples", "dia": "in diagonals",
            "bsr": "in blocks"}  # fmt: skip
for _form, _text in _FORMATS.items():
    for _older in (False, True):
        _made = _class(_form, _text, _older)
        CLASSES[_made.__name__] = _made

csr_array, csr_matrix = CLASSES["csr_array"], CLASSES["csr_matrix"]
csc_array, csc_matrix = CLASSES["csc_array"], CLASSES["csc_matrix"]
coo_array, coo_matrix = CLASSES["coo_array"], CLASSES["coo_matrix"]
dia_array, dia_matrix = CLASSES["dia_array"], CLASSES["dia_matrix"]
bsr_array, bsr_matrix = CLASSES["bsr_array"], CLASSES["bsr_matrix"]
