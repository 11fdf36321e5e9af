"""Arrays of every backend made from NumPy's, and NumPy's made from those."""

from __future__ import annotations

from typing import Any

import numpy as np

import pluggrad as pg
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
        x = x.numpy(force=True)
    return np.asarray(x)


def numbers(y: Any) -> list[np.ndarray]:
    """An array, or each of several in a list or tuple, as NumPy arrays."""
    return [to_numpy(v) for v in (y if isinstance(y, (list, tuple)) else [y])]


def stacked(rows: list[list[Any]]) -> list[Any]:
    """The columns of a list of rows, each stacked into one array."""
    return [np.stack(column) for column in zip(*rows, strict=True)]
