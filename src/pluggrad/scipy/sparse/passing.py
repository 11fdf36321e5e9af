"""SciPy's functions that have no derivative here, for sparse matrices of ours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...engine.arguments import explain
from ...errors import UnsupportedError
from ...variables.library_functions import raw, tracked
from .array import SparseArray, as_sparse, is_sparse

__all__ = ["passing"]


def passing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's `function`, called `name`: it takes the values of Variables and of sparse matrices
    that require no grad, and returns sparse matrices of ours."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        matrices = [x for x in (*args, *kwargs.values()) if isinstance(x, SparseArray)]
        if tracked(args, kwargs) or any(x.requires_grad for x in matrices):
            raise UnsupportedError(
                f"scipy.{name} has no derivative in pluggrad.scipy; `.detach()` its arguments if "
                "no gradient is needed"
            )
        try:
            y = function(*_plain(raw(args)), **_plain(raw(kwargs)))
        except Exception as error:
            explain(error, f"pluggrad.scipy.{name}", args)
        return as_sparse(y) if is_sparse(y) else y

    return call


def _plain(x: Any) -> Any:
    if isinstance(x, SparseArray):
        return x.host()
    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields"):
        return type(x)([_plain(y) for y in x])
    return {key: _plain(y) for key, y in x.items()} if isinstance(x, dict) else x
