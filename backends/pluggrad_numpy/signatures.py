"""The parameters of NumPy's functions: those in C tell theirs only from NumPy 2.4."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["signature"]

#: What NumPy 2.4 tells, for those that pluggrad answers.
IN_C: dict[str, Callable[..., None]] = {
    "bincount": lambda x, /, weights=None, minlength=0: None,
    "concatenate": lambda arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind": None,
    "copyto": lambda dst, src, casting="same_kind", where=True: None,
    "dot": lambda a, b, out=None: None,
    "empty_like": lambda prototype, /, dtype=None, order="K", subok=True, shape=None, *,
        device=None: None,
    "inner": lambda a, b, /: None,
    "lexsort": lambda keys, axis=-1: None,
    "packbits": lambda a, /, axis=None, bitorder="big": None,
    "putmask": lambda a, /, mask, values: None,
    "ravel_multi_index": lambda multi_index, dims, mode="raise", order="C": None,
    "unpackbits": lambda a, /, axis=None, count=None, bitorder="big": None,
    "unravel_index": lambda indices, shape, order="C": None,
    "vdot": lambda a, b, /: None,
    "where": lambda condition, x=None, y=None, /: None,
}  # fmt: skip


def signature(func: Any) -> inspect.Signature:
    """The parameters of `func`; ValueError if nobody knows them."""
    try:
        return inspect.signature(func)
    except ValueError:
        known = IN_C.get(func.__name__) if func.__module__ == "numpy" else None
        if known is None:
            raise
        return inspect.signature(known)
