"""What tracing must know about NumPy: which functions depend on more than shapes and dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays.tracers import TRACERS

__all__ = ["FACTS", "METHODS", "PARTS", "STATIC", "WRITERS", "WRITING_METHODS", "depends"]


def _functions(names: str, module: Any = np) -> frozenset[Any]:
    """The functions of `module` with these names, as far as this NumPy has them."""
    return frozenset([getattr(module, name) for name in names.split() if hasattr(module, name)])


def _words(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


#: Functions whose result is the same for all arrays of a shape and dtype.
STATIC = _functions("shape ndim size result_type can_cast iscomplexobj isrealobj common_type "
                    "may_share_memory shares_memory isfortran")  # fmt: skip
#: Functions that write into their first argument.
WRITERS = _functions("copyto put put_along_axis place putmask fill_diagonal")
#: Attributes that are the same for all arrays of a shape, dtype and layout; attributes that are
#: arrays; methods; and methods that write.
FACTS = _words("size itemsize nbytes strides flags device")
PARTS = _words("T mT real imag")
METHODS = _words(
    "all any argmax argmin argpartition argsort astype byteswap choose clip conj conjugate copy "
    "cumprod cumsum diagonal dot flatten max mean min prod ravel repeat reshape round searchsorted "
    "squeeze std sum swapaxes take to_device trace transpose var view"
)
WRITING_METHODS = _words("fill partition put sort")

_SHAPES = _words(
    "argwhere bincount compress delete extract flatnonzero histogram histogram2d "
    "histogram_bin_edges histogramdd intersect1d ix_ lstsq nonzero poly1d polyadd polydiv polyfit "
    "polymul polysub roots setdiff1d setxor1d trim_zeros union1d unique unique_all unique_counts "
    "unique_inverse unique_values"
)
_DTYPES = _words("min_scalar_type real_if_close")
_COUNTS = {"repeat": "repeats"}


def depends(func: Any, args: Any, kwargs: Any) -> str:
    """Why the shape or dtype of what a function (or a method, given by name) returns is decided by
    elements; empty if it is not."""
    name = func if isinstance(func, str) else func.__name__
    if name in _SHAPES or (name == "where" and len(args) + len(kwargs) == 1):
        return "the shape of its result depends on elements"
    if name in _DTYPES or "scimath" in getattr(func, "__module__", ""):
        return "the dtype of its result depends on elements"
    if name in _COUNTS and not isinstance(func, str):
        counts = kwargs.get(_COUNTS[name], args[1] if len(args) > 1 else None)
        if type(counts) in TRACERS:
            return "the shape of its result depends on elements"
    return ""
