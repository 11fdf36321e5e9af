"""What the engine asks of an array: the attributes of the standard's array object that it reads."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["Array", "Scalar"]

Scalar = bool | int | float | complex


@runtime_checkable
class Array(Protocol):
    """An array of any library that follows the Array API standard."""

    @property
    def shape(self) -> tuple[Any, ...]: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def ndim(self) -> int: ...
    def __getitem__(self, key: Any, /) -> Any: ...
