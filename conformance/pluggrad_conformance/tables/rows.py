"""Helpers that rows are written with: cases, the usual shapes, expected gradients, mpmath."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..exact import mp
from ..operations import Array, Case

__all__ = [
    "about", "greater", "inf", "jnp_function", "lesser", "mp", "nan", "numbers", "partials",
    "shaped", "torch_function", "usual",
]  # fmt: skip

inf, nan = float("inf"), float("nan")

Expected = Callable[..., list[Any]]


def usual(*args: Any, **kwargs: Any) -> Case:
    """The typical case."""
    return Case("typical", args, kwargs)


def shaped(
    name: str, *args: Any, convention: str = "", expected: Expected | None = None, **kwargs: Any
) -> Case:
    """A case about a shape, or about the axes: "0-d", "empty", "broadcast", "batched", "large"."""
    return Case(name, args, kwargs, "shape", convention, expected=expected)


def about(
    name: str, *args: Any, convention: str = "", domain: str = "", expected: Expected | None = None,
    orders: int = 2, dtypes: tuple[str, ...] = (), **kwargs: Any,
) -> Case:  # fmt: skip
    """A case about values, or about one way of calling; other keywords are the operation's."""
    return Case(
        name, args, kwargs, convention=convention, domain=domain, expected=expected, orders=orders,
        dtypes=dtypes,
    )  # fmt: skip


def numbers(*values: Any) -> Array:
    """A row of these numbers; nested tuples are rows of rows."""
    return Array(values=values)


def torch_function(name: str, **words: str) -> Callable[..., Any]:
    """torch's function of that dotted name; `words` maps keywords to torch's names for them."""

    def call(torch: Any, *args: Any, **kwargs: Any) -> Any:
        function = torch
        for part in name.split("."):
            function = getattr(function, part)
        return function(*args, **{words.get(key, key): value for key, value in kwargs.items()})

    return call


def jnp_function(module: str, name: str) -> Callable[..., Any]:
    """The function of that name of a module of JAX."""

    def call(jnp: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return call


def partials(*slopes: Any) -> Expected:
    """The gradient of an elementwise operation from its partial derivatives, one for each input:
    functions of the inputs, or numbers."""

    def expected(c: Any, *inputs: Any) -> list[Any]:
        found = []
        for x, slope in zip(inputs, slopes, strict=True):
            part = np.asarray(slope(*inputs) if callable(slope) else slope, dtype=x.dtype)
            # without a cotangent even an infinite slope adds nothing
            found.append(np.broadcast_to(np.where(c == 0, 0.0, c * part), np.shape(x)))
        return found

    return expected


def greater(x: Any, y: Any) -> Any:
    """The greater of two exact numbers, nan if one of them is nan: Python's max takes the first."""
    return x + y if x != x or y != y else max(x, y)


def lesser(x: Any, y: Any) -> Any:
    """The lesser of two exact numbers, nan if one of them is nan."""
    return x + y if x != x or y != y else min(x, y)
