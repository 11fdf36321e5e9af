"""Vector spaces: the shapes and dtypes of values, with sums, products and random members.

`vspace(x)` describes an array, or nested lists, tuples and dicts of arrays. Programs use it to make
zeros like a value, and `check_grads` for its random directions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ... import numpy as np
from ...arrays.dispatch import is_variable
from ...engine.handles import raw_of
from ...errors import TypeMismatchError

__all__ = ["ArrayVSpace", "ContainerVSpace", "VSpace", "vspace"]


class VSpace:
    """The base of all vector spaces. `size` is the number of real numbers in a member."""

    size: Any
    iscomplex = False

    def zeros(self) -> Any:
        """The member that is zero."""
        raise NotImplementedError

    def ones(self) -> Any:
        """The member whose numbers are 1, or 1 + 1j."""
        raise NotImplementedError

    def randn(self) -> Any:
        """A member of normally distributed random numbers."""
        raise NotImplementedError

    def standard_basis(self) -> Iterator[Any]:
        """The members with a single 1 (or 1j) and zeros."""
        raise NotImplementedError

    def add(self, x: Any, y: Any) -> Any:
        """The sum of two members."""
        raise NotImplementedError

    def mut_add(self, x: Any, y: Any) -> Any:
        """The sum; an `x` of None counts as zero."""
        return y if x is None else self.add(x, y)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """The member `x` times the number `a`."""
        raise NotImplementedError

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The inner product of two members, a real number."""
        raise NotImplementedError

    def covector(self, x: Any) -> Any:
        """The cotangent whose product with a tangent is the inner product with `x`."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}_{self.__dict__}"


class ArrayVSpace(VSpace):
    """Arrays of one shape and dtype."""

    def __init__(self, value: Any) -> None:
        value = np.asarray(value)
        self.shape, self.dtype = value.shape, value.dtype
        self.iscomplex = value.dtype.kind == "c"

    @property
    def size(self) -> int:
        """The number of real numbers in a member."""
        count: int = math.prod(self.shape)
        return 2 * count if self.iscomplex else count

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def zeros(self) -> Any:
        """Zeros of the shape and dtype."""
        return np.zeros(self.shape, self.dtype)

    def ones(self) -> Any:
        """Ones of the shape and dtype; 1 + 1j if it is complex."""
        return np.full(self.shape, 1 + 1j if self.iscomplex else 1, self.dtype)

    def randn(self) -> Any:
        """Normally distributed random numbers, from NumPy's global generator."""
        found = np.asarray(np.random.randn(*self.shape)).astype(self.dtype)
        if not self.iscomplex:
            return found
        return found + 1j * np.asarray(np.random.randn(*self.shape)).astype(self.dtype)

    def standard_basis(self) -> Iterator[Any]:
        """Each array with a single 1, and with a single 1j if they are complex."""
        for place in np.ndindex(*self.shape):
            for unit in (1.0, 1.0j) if self.iscomplex else (1.0,):
                x = self.zeros()
                x[place] = unit
                yield x

    def add(self, x: Any, y: Any) -> Any:
        """The sum of two arrays."""
        return x + y

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """The array times a number."""
        return x * a

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The sum of products; of complex arrays, the real part, with `x` conjugated."""
        if self.iscomplex:
            return np.real(np.sum(np.conj(x) * y))
        return np.sum(x * y)

    def covector(self, x: Any) -> Any:
        """The conjugate."""
        return np.conj(x) if self.iscomplex else x


class ContainerVSpace(VSpace):
    """Lists, tuples or dicts whose items are members of the spaces in `shape`."""

    def __init__(self, value: Any) -> None:
        self.kind = type(value)
        self.shape = _made(self.kind, value, [vspace(x) for x in _items(value)])

    @property
    def size(self) -> int:
        """The number of real numbers in a member."""
        return sum(vs.size for vs in _items(self.shape))

    def _each(self, f: Callable[..., Any], *members: Any) -> Any:
        """The container of ``f(space, *items)``."""
        parts = zip(_items(self.shape), *[_items(x, self.shape) for x in members], strict=True)
        return _made(self.kind, self.shape, [f(*part) for part in parts])

    def zeros(self) -> Any:
        """A container of zeros."""
        return self._each(lambda vs: vs.zeros())

    def ones(self) -> Any:
        """A container of ones."""
        return self._each(lambda vs: vs.ones())

    def randn(self) -> Any:
        """A container of normally distributed random numbers."""
        return self._each(lambda vs: vs.randn())

    def standard_basis(self) -> Iterator[Any]:
        """The containers with a single 1 (or 1j) and zeros."""
        spaces = _items(self.shape)
        for place, vs in enumerate(spaces):
            for x in vs.standard_basis():
                items = [x if i == place else other.zeros() for i, other in enumerate(spaces)]
                yield _made(self.kind, self.shape, items)

    def add(self, x: Any, y: Any) -> Any:
        """The sum, item by item."""
        return self._each(lambda vs, a, b: vs.add(a, b), x, y)

    def scalar_mul(self, x: Any, a: Any) -> Any:
        """Each item times the number `a`."""
        return self._each(lambda vs, item: vs.scalar_mul(item, a), x)

    def inner_prod(self, x: Any, y: Any) -> Any:
        """The sum of the items' inner products."""
        parts = zip(_items(self.shape), _items(x, self.shape), _items(y, self.shape), strict=True)
        return sum(vs.inner_prod(a, b) for vs, a, b in parts)

    def covector(self, x: Any) -> Any:
        """Each item's covector."""
        return self._each(lambda vs, item: vs.covector(item), x)


def _items(value: Any, like: Any = None) -> list[Any]:
    """The items of a container; of a dict, the values in the order of the keys of `like`."""
    if isinstance(value, dict):
        return [value[key] for key in (value if like is None else like)]
    return list(value)


def _made(kind: Any, like: Any, items: list[Any]) -> Any:
    """A container of type `kind` with these items, and with the keys of `like` if it is a dict."""
    if issubclass(kind, dict):
        return dict(zip(like, items, strict=True))
    return kind(*items) if hasattr(kind, "_fields") else kind(items)


def vspace(value: Any) -> Any:
    """The vector space that `value` belongs to.

    >>> vspace([1.0, 2.0]).zeros()
    [array(0.), array(0.)]
    """
    if is_variable(value):
        return ArrayVSpace(raw_of(value))
    if isinstance(value, (list, tuple, dict)):
        return ContainerVSpace(value)
    if isinstance(value, (np.ndarray, np.generic, float, complex)) or hasattr(value, "__array__"):
        return ArrayVSpace(value)
    raise TypeMismatchError(f"no vector space has members of type {type(value)}")
