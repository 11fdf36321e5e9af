"""Variables in einops. pluggrad imports this as soon as einops is imported.

einops has a class for each library, which says what arrays it knows; this is the one for Variables.
(`einops.array_api` needs none.)
"""

from __future__ import annotations

from typing import Any

from einops._backends import AbstractBackend

import pluggrad as pg

__all__ = ["PluggradBackend"]


class PluggradBackend(AbstractBackend):  # type: ignore[misc]
    """How einops handles Variables."""

    framework_name = "pluggrad"

    def is_appropriate_type(self, tensor: Any) -> bool:
        """Whether `tensor` is a Variable."""
        return isinstance(tensor, pg.Variable)

    def from_numpy(self, x: Any) -> Any:
        """A NumPy array as an untracked Variable."""
        return pg.Variable(x)

    def to_numpy(self, x: Any) -> Any:
        """The values as a NumPy array; GraphBreakError if `x` requires grad."""
        return x.numpy()

    def arange(self, start: int, stop: int) -> Any:
        """`pluggrad.arange`, on the selected backend."""
        return pg.arange(start, stop)

    def reduce(self, x: Any, operation: str, axes: tuple[int, ...]) -> Any:
        """The reduction of that name, such as `pluggrad.sum`."""
        return getattr(pg, operation)(x, axis=tuple(axes))

    def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
        """`pluggrad.stack` along a new first axis."""
        return pg.stack(tensors)

    def add_axis(self, x: Any, new_position: int) -> Any:
        """`pluggrad.expand_dims`."""
        return pg.expand_dims(x, axis=new_position)

    def tile(self, x: Any, repeats: tuple[int, ...]) -> Any:
        """`pluggrad.tile`."""
        return pg.tile(x, repeats)

    def concat(self, tensors: list[Any], axis: int) -> Any:
        """`pluggrad.concat`."""
        return pg.concat(tensors, axis=axis)

    def is_float_type(self, x: Any) -> bool:
        """Whether the dtype is floating-point or complex."""
        return bool(pg.namespace(x).isdtype(x.dtype, ("real floating", "complex floating")))

    def einsum(self, pattern: str, *x: Any) -> Any:
        """`pluggrad.einsum`."""
        return pg.einsum(pattern, *x)
