"""Variables in einops: `import pluggrad_einops`, and its functions take them.

einops asks its own classes, one per library, which arrays they know; this is ours.
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
        return isinstance(tensor, pg.Variable)

    def from_numpy(self, x: Any) -> Any:
        return pg.Variable(x)

    def to_numpy(self, x: Any) -> Any:
        return x.numpy()

    def arange(self, start: int, stop: int) -> Any:
        return pg.arange(start, stop)

    def reduce(self, x: Any, operation: str, axes: tuple[int, ...]) -> Any:
        return getattr(pg, operation)(x, axis=tuple(axes))

    def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
        return pg.stack(tensors)

    def add_axis(self, x: Any, new_position: int) -> Any:
        return pg.expand_dims(x, axis=new_position)

    def tile(self, x: Any, repeats: tuple[int, ...]) -> Any:
        return pg.tile(x, repeats)

    def concat(self, tensors: list[Any], axis: int) -> Any:
        return pg.concat(tensors, axis=axis)

    def is_float_type(self, x: Any) -> bool:
        return bool(pg.namespace(x).isdtype(x.dtype, ("real floating", "complex floating")))

    def einsum(self, pattern: str, *x: Any) -> Any:
        return pg.einsum(pattern, *x)
