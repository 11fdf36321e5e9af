"""Arrays of every backend made from NumPy's, NumPy's made from those, leaves, and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pluggrad as pg
from pluggrad import Variable
from pluggrad.arrays.backend import get_backend


def convert(x: Any, backend: str) -> Any:
    """A NumPy array as one of `backend`; strings are names of dtypes."""
    xp = get_backend(backend).xp
    if isinstance(x, np.ndarray):
        if backend == "numpy":
            return x
        if backend == "strict":
            return xp.asarray(x)
        if backend == "dask":
            return xp.from_array(x.copy(), chunks=2)  # several chunks in every axis
        return xp.asarray(x.copy())
    if isinstance(x, list):
        return [convert(item, backend) for item in x]
    return x


def to_numpy(x: Any) -> np.ndarray:
    """A Variable or a raw array of any backend as a NumPy array; Dask's are computed."""
    x = x.detach() if hasattr(x, "detach") else x
    x = x.data if isinstance(x, pg.Variable) else x
    if hasattr(x, "dask"):
        x = x.compute(scheduler="synchronous")
    if hasattr(x, "resolve_conj"):
        x = (
            x.clone() if x._is_zerotensor() else x
        )  # zeros without memory: torch 2.8 would read beyond
        x = x.numpy(force=True)
    return np.asarray(x)


def numbers(y: Any) -> list[np.ndarray]:
    """An array, or each of several in a list or tuple, as NumPy arrays."""
    return [to_numpy(v) for v in (y if isinstance(y, (list, tuple)) else [y])]


def stacked(rows: list[list[Any]]) -> list[Any]:
    """The columns of a list of rows, each stacked into one array."""
    return [np.stack(column) for column in zip(*rows, strict=True)]


def array(values: Any, backend: str = "numpy", dtype: str | None = None) -> Any:
    """A raw array of a backend, from numbers, nested lists or a NumPy array.

    Without `dtype` it is in double precision, complex if the values are. The values go there as
    Python numbers, so that a library need not know NumPy's arrays.
    """
    xp = get_backend(backend).xp
    values = np.asarray(values)
    dtype = dtype or ("complex128" if np.iscomplexobj(values) else "float64")
    return xp.asarray(values.tolist(), dtype=getattr(xp, dtype))


def tracked(x: Any) -> Variable:
    """A Variable over a raw array, as it is, that requires a gradient."""
    return Variable(x, requires_grad=True)


def leaf_of(values: Any, backend: str = "numpy") -> Variable:
    """A leaf of any shape in double precision, over an array of the backend."""
    return tracked(array(values, backend))


def leaf(*values: float) -> Variable:
    """A leaf of one axis over NumPy."""
    return tracked(np.asarray(values))


def listed(x: Any) -> np.ndarray:
    """A Variable or a raw array as a NumPy array, by way of `tolist`, which every backend has."""
    return np.asarray((x if isinstance(x, Variable) else Variable(x)).detach().tolist())


def all_listed(tree: Any) -> Any:
    """Every array in nested tuples and lists, as NumPy's."""
    if isinstance(tree, (tuple, list)):
        return [all_listed(x) for x in tree]
    return listed(tree)


def value_of(v: Any) -> np.ndarray:
    """A Variable or a raw array over NumPy, or convertible by itself, as a NumPy array."""
    return np.asarray(v.detach().data if isinstance(v, Variable) else v)


def at_path(namespace: Any, path: str) -> Any:
    """The function at a dotted path of a namespace, such as ``linalg.inv``."""
    for part in path.split("."):
        namespace = getattr(namespace, part)
    return namespace


def closeness(
    rtol: float, atol: float, *, same_type: bool = False, scaled: bool = False
) -> Callable[..., None]:
    """A function that compares two arrays, or lists of arrays one by one, within these tolerances.

    `same_type` asks for equal shapes and dtypes. `scaled` multiplies `atol` by the largest absolute
    value that is expected, if that is above 1.
    """

    def close(got: Any, expected: Any, what: str = "") -> None:
        if isinstance(expected, (list, tuple)) or isinstance(got, (list, tuple)):
            for a, b in zip(got, expected, strict=True):
                close(a, b, what)
            return
        a, b = to_numpy(got), to_numpy(expected)
        if same_type:
            assert (a.shape, a.dtype) == (b.shape, b.dtype), what
        scale = max(1.0, float(np.max(np.abs(b), initial=0.0))) if scaled else 1.0
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol * scale, err_msg=what)

    return close


def assert_identical(found: Any, expected: Any) -> None:
    """Two arrays, or nested lists of arrays, are equal to the last bit."""
    if isinstance(found, list):
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            assert_identical(a, b)
        return
    np.testing.assert_array_equal(found, expected)
