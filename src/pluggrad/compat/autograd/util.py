"""Small helpers that programs import from `autograd.util`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["func", "quick_grad_check", "subval", "subvals"]


def subvals(x: Iterable[Any], pairs: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    """`x` as a tuple, with item `i` replaced by `value` for each ``(i, value)`` of `pairs`."""
    items = list(x)
    for place, value in pairs:
        items[place] = value
    return tuple(items)


def subval(x: Iterable[Any], place: int, value: Any) -> tuple[Any, ...]:
    """`x` as a tuple, with item number `place` replaced by `value`."""
    return subvals(x, [(place, value)])


def func(f: Any) -> Any:
    """`f` itself."""
    return f


def quick_grad_check(
    fun: Callable[..., Any], arg0: Any, extra_args: Any = (), kwargs: Any = None, **settings: Any
) -> None:
    """`test_util.check_grads` of the first argument, in reverse mode. Deprecated."""
    from .test_util import check_grads

    warnings.warn(
        "quick_grad_check is deprecated: use test_util.check_grads", DeprecationWarning,
        stacklevel=2,
    )  # fmt: skip
    check_grads(lambda x: fun(x, *extra_args, **(kwargs or {})), modes=["rev"], order=1)(arg0)
