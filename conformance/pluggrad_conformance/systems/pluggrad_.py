"""pluggrad over a backend, as a system like the others: by its transforms, with raw arrays.

Conformance runs ask pluggrad through `subject`, which knows its forms, modes and devices. This is
pluggrad as a stranger meets it, and `judge_native` must say the same of both. It is registered by::

    register_system(Pluggrad("numpy"))
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

import pluggrad as pg

from ..libraries import Library, dtype_name, raw, settings, to_numpy
from ..operations import Operation
from .system import MODES, Function, System

__all__ = ["Pluggrad"]


class Pluggrad(System):
    """`vjp` and `jvp`; the second derivative is one `vjp` of another."""

    module = "pluggrad"
    dtypes = ("float64", "float32", "complex128", "complex64")
    modes = MODES
    refusals = (NotImplementedError, pg.UnsupportedError)

    def __init__(self, backend: str) -> None:
        self.backend, self.name = backend, f"pluggrad-{backend}"

    def settings(self) -> AbstractContextManager[Any]:
        """Those of the backend."""
        return settings(self.backend)

    def array(self, x: np.ndarray) -> Any:
        """A raw array of the backend."""
        return Library(self.backend).array(x)

    def to_numpy(self, x: Any) -> np.ndarray:
        """The values of a raw array or a Variable."""
        return np.array(to_numpy(raw(x)))

    def dtype_name(self, x: Any) -> str:
        """The same for a raw array and a Variable."""
        return dtype_name(x)

    @cached_property
    def namespace(self) -> Any:
        """pluggrad's own namespace over the backend."""
        return pg.namespace(self.backend)

    def call(self, operation: Operation) -> Callable[..., Any]:
        """Every operation is mapped: the names are those of the standard."""
        return operation.in_namespace

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        """By `vjp`."""
        return list(pg.vjp(f, *xs)[1](cs))

    def value_and_pull(
        self, f: Function, xs: list[Any], cs: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """By one `vjp`."""
        ys, pull = pg.vjp(f, *xs)
        return list(ys), list(pull(cs))

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        """By `jvp`."""
        return list(pg.jvp(f, tuple(xs), tuple(ts))[1])

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        """By `vjp` of `vjp`."""
        return self.pull(lambda *x: self.pull(f, list(x), cs), xs, ts)
