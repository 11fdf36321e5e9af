"""What may be handed to the functions of `pluggrad.interop.dask`, and what is refused there."""

from __future__ import annotations

from typing import Any

import optree

import pluggrad
from pluggrad.plugin import (
    InvalidArgumentError,
    UnsupportedError,
    backend_of,
    brought_along,
    get_backend,
    is_variable,
    loses,
)

__all__ = ["by_axis", "check", "cores_of", "is_dask", "raw_of"]


def is_dask(x: Any) -> bool:
    """Whether `x` is a Dask array, or a Variable over one."""
    return hasattr(x, "dtype") and hasattr(x, "shape") and backend_of(x) is get_backend("dask")


def raw_of(x: Any) -> Any:
    """The Dask array at the bottom of `x`."""
    while is_variable(x):
        x = x.data
    return x


def check(name: str, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Raise where a gradient would be lost: by Variables that `func` refers to, that come by
    keyword or inside a list or dict, or that are over arrays of another library."""
    if not pluggrad.is_grad_enabled():
        return
    for key, x in kwargs.items():
        if any([loses(leaf) for leaf in _leaves(x)]):
            raise UnsupportedError(
                f"interop.dask.{name} differentiates by positional arguments; {key!r} is a "
                "Variable, or holds one"
            )
    for n, x in enumerate(args):
        if loses(x):
            if not is_dask(x):
                raise _mixed(name, backend_of(x).name)  # type: ignore[union-attr]
        elif any([loses(leaf) for leaf in _leaves(x)]):
            raise UnsupportedError(
                f"interop.dask.{name}: argument {n} holds Variables in a {type(x).__name__}; hand "
                "each of them over as an argument of its own"
            )
    found = brought_along(func)
    if found is not None:
        raise pluggrad.CapturedVariableError(
            f"interop.dask.{name}: {_named(func)} refers to a Variable of "
            f"shape {tuple(found.shape)} that is differentiated, and its gradient would be lost in "
            "the tasks. Hand it over as an argument, beside the arrays in blocks; or `.detach()` it"
        )


def _named(func: Any) -> str:
    """What a message calls `func`."""
    return str(getattr(func, "__name__", type(func).__name__))


def _leaves(x: Any) -> Any:
    """What is in a list, tuple or dict."""
    tree: Any = x
    return optree.tree_leaves(tree) if isinstance(x, (list, tuple, dict)) else (x,)


def _mixed(name: str, other: str) -> pluggrad.MixedBackendsError:
    """The error for Variables over another library. A transform that was handed NumPy arrays calls
    its function again with Dask arrays then."""
    error = pluggrad.MixedBackendsError(
        f"interop.dask.{name}: arrays of dask and {other} cannot be mixed. Convert the Variable "
        "explicitly, with `pluggrad.lift(value, like=variable)`"
    )
    error.backends = "dask", other
    return error


def by_axis(name: str, given: Any, ndim: int, default: Any) -> dict[int, Any]:
    """A setting for each axis."""
    if isinstance(given, dict):
        return {n: given.get(n, default) for n in range(ndim)}
    if isinstance(given, (tuple, list)):
        if len(given) != ndim:
            raise InvalidArgumentError(f"interop.dask.map_overlap: {name} for {ndim} axes")
        return dict(enumerate(given))
    return dict.fromkeys(range(ndim), default if given is None else given)


def cores_of(signature: str) -> tuple[list[list[str]], list[list[str]]]:
    """The names of the core axes of each input and of each output."""
    from dask.array.gufunc import _parse_gufunc_signature

    inputs, outputs = _parse_gufunc_signature(signature)
    listed = outputs if isinstance(outputs, list) else [outputs]
    return [list(c) for c in inputs], [list(c) for c in listed]
