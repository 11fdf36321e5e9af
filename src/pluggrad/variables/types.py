"""Types for annotations: arrays, and the functions that transforms return."""

from __future__ import annotations

from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

from .variable import Variable

__all__ = ["Array", "ArrayLike", "Scalar", "Transformed"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Array(Protocol):
    """An array of any library that follows the Array API standard."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """The length of each axis."""
        ...

    @property
    def dtype(self) -> Any:
        """The dtype object of the library."""
        ...


Scalar: TypeAlias = bool | int | float | complex

#: What functions and operators take in place of an array.
ArrayLike: TypeAlias = Variable | Array | Scalar | list[Any] | tuple[Any, ...]


class Transformed(Protocol[P, R_co]):
    """A function made by a transform, which takes the arguments that the original takes."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
