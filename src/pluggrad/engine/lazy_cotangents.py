"""Cotangents on their way that are no arrays yet: gathered by index, uniform, or shared out."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import BACKENDS, PRIMITIVES, SCALARS, VARIABLES, backend_of
from ..arrays.dispatch import is_variable, xp
from .cotangents import shape_dtype, spread, sum_to, zeros

__all__ = [
    "LazyCotangent",
    "Scatter",
    "Shares",
    "Uniform",
    "add",
    "dense",
    "erase",
    "fit",
    "own",
    "scatter",
]


class LazyCotangent:
    """A cotangent on its way that is not an array yet, as an array of its own would cost too much.

    The walk asks it for what it needs, and does not know the kinds.
    """

    __slots__ = ()

    def dense(self) -> Any:
        """The array that it stands for."""
        raise NotImplementedError

    def own(self) -> Any:
        """The same as an array that nobody else holds."""
        return own(self.dense())

    def for_rules_of(self, node: Any) -> Any:
        """What the rules of `node`, where it arrived, are handed."""
        return self

    def plus(self, other: Any) -> Any:
        """The sum with another cotangent of the same value, perhaps in this very object."""
        raise NotImplementedError

    def parts(self) -> list[Any]:
        """The arrays that it is made of."""
        return [self.dense()]


def fit(g: Any, like: Any) -> Any:
    """`g` summed over what was broadcast, in the dtype of the input that it is meant for."""
    if type(g) is Scatter:
        return g
    shape, dtype = shape_dtype(like)
    backend = backend_of(g)
    assert backend is not None
    if g.dtype in backend.complex_dtypes and dtype not in backend.complex_dtypes:
        g = xp.real(g)
    if g.shape != shape:
        g = sum_to(g, shape)
        if g.shape != shape:
            g = spread(g, like)  # a length that was not known, and is
    return g if g.dtype == dtype else xp.astype(g, dtype)


class Scatter(LazyCotangent):
    """A sum of contributions `g` at positions `key`, into one buffer that nobody else holds.

    The gradient of `x[key]` is zero but at `key`. As a dense array per read, `n` reads of one
    array of size `n` would cost O(n²). The buffer is made when a second contribution comes;
    where arrays cannot be written, and where contributions are Variables (`lifted`), these are
    kept and scattered by one operation.
    """

    __slots__ = ("buffer", "lifted", "like", "pieces", "writes")

    def __init__(self, key: Any, g: Any, like: Any) -> None:
        self.buffer: Any = None
        self.lifted = type(g) in VARIABLES
        self.like = like
        self.pieces = [(key, g)]
        self.writes: Any = None  # the adapter's scatter_add, once the buffer may be written

    def own(self) -> Any:
        return self.dense()  # the buffer is nobody else's

    def for_rules_of(self, node: Any) -> Any:
        return self if node.rule.primitive.takes_scatter else self.dense()

    def parts(self) -> list[Any]:
        return [g for _, g in self.pieces] + ([] if self.buffer is None else [self.buffer])

    def plus(self, other: Any) -> Scatter:
        """Add another contribution, a Scatter or an array."""
        if type(other) is Uniform:
            other = other.dense()
        if self.lifted or (other.lifted if type(other) is Scatter else is_variable(other)):
            return self._merge_lifted(other)
        if type(other) is Scatter:
            if self.writes is not None and other.buffer is None:
                self.buffer = self.writes(self.buffer, other.pieces)
                return self
            if self.buffer is None:
                self.buffer = other.buffer  # taken over: nobody else holds it
            elif other.buffer is not None:
                self._add_dense(other.buffer)
            pieces = other.pieces
        else:
            self._add_dense(other)
            pieces = []
        if self.buffer is not None and self.writes is not None:
            self.buffer = self.writes(self.buffer, pieces)
            return self
        self.pieces += pieces
        backend = backend_of(self.pieces[0][1]) if self.pieces else None
        if backend is not None and backend.writable:
            self.writes = backend.adapter.scatter_add
            self.dense()
        return self

    def _merge_lifted(self, other: Any) -> Scatter:
        if not self.lifted:
            self.buffer = _constant(self.dense())
            self.writes, self.lifted = None, True
        if type(other) is Scatter and other.lifted:
            self.pieces += other.pieces
            other = other.buffer
        if other is not None:
            other = _constant(dense(other))
            self.buffer = other if self.buffer is None else self.buffer + other
        return self

    def _add_dense(self, g: Any) -> None:
        if self.buffer is not None:
            self.buffer = self.buffer + g
        else:
            backend = backend_of(g)
            assert backend is not None
            self.buffer = xp.copy(g) if backend.writable else g

    def dense(self) -> Any:
        """The sum as an array: all contributions are brought into the buffer, which is returned."""
        if self.pieces:
            pieces, self.pieces = self.pieces, []
            backend = backend_of(pieces[0][1])
            assert backend is not None
            if self.lifted:
                y = _scattered(pieces, self.like, PRIMITIVES.__getitem__)
                self.buffer = y if self.buffer is None else self.buffer + y
            elif self.buffer is None:
                self.buffer = _scattered(pieces, self.like, backend.raw)
            else:
                self.buffer = backend.adapter.scatter_add(self.buffer, pieces)
        return self.buffer


def _scattered(pieces: list[tuple[Any, Any]], like: Any, find: Any) -> Any:
    """Zeros with each contribution added at its position, by one operation that `find` knows."""
    if len(pieces) == 1:
        ((key, g),) = pieces
        return find("scatter")(g, key=key, like=like)
    keys = tuple([key for key, _ in pieces])
    return find("scatter_all")(*[g for _, g in pieces], keys=keys, like=like)


def _constant(x: Any) -> Any:
    """`x` as a Variable."""
    if is_variable(x):
        return x
    backend = backend_of(x)
    assert backend is not None
    return backend.namespace.asarray_constant(x)


def scatter(g: Any, key: Any, like: Any) -> Scatter:
    """Zeros with `g` added at `key`, lazily."""
    return Scatter(key, g, like)


def erase(g: Any, key: Any) -> Any:
    """`g` with zeros at `key`, in the buffer that it already owns where there is one."""
    if type(g) is Scatter and g.lifted:
        g = g.dense()
    if is_variable(g):
        return xp.put(0, g, key)
    backend = backend_of(g.dense() if type(g) is Scatter else g)
    assert backend is not None
    if not backend.writable:
        return backend.raw("put")(0, dense(g), key)
    if type(g) is not Scatter:
        owned = Scatter(None, None, backend.like(g))
        owned.buffer, owned.pieces = xp.copy(g), []
        g = owned
    g.buffer = backend.raw("put_in_place")(0, g.buffer, key)
    return g


class Uniform(LazyCotangent):
    """A cotangent that is the same `number` everywhere: where a walk starts, and what a sum makes
    of it. `one` says that it is known to be 1.

    A product with it is a product with a number, or the other factor as it is: on big arrays that
    saves a pass over memory. Only primitives that say `takes_uniform` see it, in products,
    quotients and with a sign; for all others it becomes an array first.
    """

    __slots__ = ("_dtype", "_shape", "like", "number", "one")

    def __init__(self, number: Any, like: Any, one: bool = False) -> None:
        self.number, self.like, self.one = number, like, one
        self._shape, self._dtype = like if type(like) is tuple else (like.shape, like.dtype)

    def dense(self) -> Any:
        return spread(self.number, self.like)

    def for_rules_of(self, node: Any) -> Any:
        edge = node
        while edge is not None:
            rule = edge.rule
            if rule.is_careful or not rule.primitive.takes_uniform:
                return self.dense()
            edge = edge.more
        return self

    def plus(self, other: Any) -> Any:
        return other.plus(self) if type(other) is Scatter else self.dense() + dense(other)

    def __mul__(self, x: Any) -> Any:
        shape = self._shape
        if type(x) in SCALARS:
            return Uniform(self.number * x, self.like) if shape else self.number * x
        value = x._read()[0] if type(x) in VARIABLES and not x._level.maps else x
        if value.shape != shape:
            return self.dense() * x if value.shape else Uniform(self.number * x, self.like)
        # Some libraries let the dtype of the array win over the number's.
        if value.dtype != self._dtype:
            return self.dense() * x
        return x if self.one else self.number * x

    def __truediv__(self, x: Any) -> Any:
        other = () if type(x) in SCALARS else x.shape
        shape = self._shape
        if other == shape and (not shape or x.dtype == self._dtype):
            return self.number / x
        return self.dense() / x if other else Uniform(self.number / x, self.like)

    def __neg__(self) -> Any:
        return Uniform(-self.number, self.like)


def dense(g: Any) -> Any:
    """`g` as an array."""
    return g.dense() if isinstance(g, LazyCotangent) else g


def own(g: Any) -> Any:
    """`g` as an array that nobody else holds: a copy, where arrays can be written at all."""
    if isinstance(g, LazyCotangent):
        return g.own()
    backend = BACKENDS.get(type(g))
    if backend is None or type(g) in VARIABLES:
        return g
    return backend.copy(g) if backend.writable or backend.hold is not None else g


class Shares(LazyCotangent):
    """The cotangents of an operation with several outputs; those that are missing are zero."""

    __slots__ = ("items", "likes")

    def __init__(self, g: Any, number: int, likes: Any) -> None:
        self.likes = likes
        self.items: list[Any] = [None] * len(likes)
        self.items[number] = g

    def for_rules_of(self, node: Any) -> Any:
        return tuple(self.items) if node.rule.primitive.partial else self.all()

    def parts(self) -> list[Any]:
        return [part for g in self.items for part in parts_of(g)]

    def plus(self, other: Any) -> Shares:
        for number, g in enumerate(other.items):
            if g is not None:
                mine = self.items[number]
                self.items[number] = g if mine is None else mine + g
        return self

    def all(self) -> tuple[Any, ...]:
        """One cotangent per output."""
        some = next(g for g in self.items if g is not None)
        return tuple(
            [zeros(like, some) if g is None else g
             for g, like in zip(self.items, self.likes, strict=True)]
        )  # fmt: skip


def parts_of(g: Any) -> list[Any]:
    """The arrays that the cotangent `g` is made of."""
    if g is None:
        return []
    if isinstance(g, LazyCotangent):
        return g.parts()
    if isinstance(g, (tuple, list)):
        return [part for item in g for part in parts_of(item)]
    return [g]


def add(a: Any, c: Any) -> Any:
    """The sum of two cotangents of one value."""
    if isinstance(a, LazyCotangent):
        return a.plus(c)
    return c.plus(a) if type(c) is Scatter else a + dense(c)
