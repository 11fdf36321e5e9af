"""Cotangents that are not arrays yet while they travel: scattered, uniform, or one of several."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import BACKENDS, PRIMITIVES, SCALARS, VARIABLES, backend_of, peek
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
    "parts_of",
    "scatter",
]


class LazyCotangent:
    """A travelling cotangent that is not an array yet, because making the array would cost too
    much.

    The walk calls these methods and does not know the subclasses.
    """

    __slots__ = ()

    def dense(self) -> Any:
        """The cotangent as an array."""
        raise NotImplementedError

    def own(self) -> Any:
        """The cotangent as an array that is not shared."""
        return own(self.dense())

    def for_rules_of(self, node: Any) -> Any:
        """The form in which the rules of `node`, where it arrived, receive it."""
        return self

    def plus(self, other: Any) -> Any:
        """The sum with another cotangent of the same value; may change and return this object."""
        raise NotImplementedError

    def parts(self) -> list[Any]:
        """The arrays that it is made of."""
        return [self.dense()]


def fit(g: Any, like: Any) -> Any:
    """`g` in the shape and dtype of the input `like`: summed over the axes along which the input
    was broadcast, and cast. A complex `g` of a real input loses its imaginary part."""
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
            g = spread(g, like)  # a length unknown while recording is known now
    return g if g.dtype == dtype else xp.astype(g, dtype)


class Scatter(LazyCotangent):
    """A sum of contributions `g` at positions `key`, collected in one unshared buffer.

    The gradient of `x[key]` is zero except at `key`. With a dense array per read, `n` reads of one
    array of size `n` would cost O(n²). The buffer is made when a second contribution arrives. If
    arrays cannot be written, or contributions are Variables (`lifted`), the contributions are
    collected and scattered by one operation.
    """

    __slots__ = ("buffer", "lifted", "like", "pieces", "writes")

    def __init__(self, key: Any, g: Any, like: Any) -> None:
        self.buffer: Any = None
        self.lifted = type(g) in VARIABLES
        self.like = like
        self.pieces = [(key, g)]
        self.writes: Any = None  # the adapter's scatter_add, once the buffer may be written

    def own(self) -> Any:
        """The sum as an array; no copy is needed, because the buffer is not shared."""
        return self.dense()

    def for_rules_of(self, node: Any) -> Any:
        """This object if the primitive of `node` takes a Scatter; otherwise the array."""
        return self if node.rule.primitive.takes_scatter else self.dense()

    def parts(self) -> list[Any]:
        """The contributions, and the buffer if there is one."""
        return [g for _, g in self.pieces] + ([] if self.buffer is None else [self.buffer])

    def plus(self, other: Any) -> Scatter:
        """This object, with the cotangent `other` (a Scatter, a Uniform or an array) added."""
        if type(other) is Uniform:
            other = other.dense()
        if self.lifted or (other.lifted if type(other) is Scatter else is_variable(other)):
            return self._merge_lifted(other)
        if type(other) is Scatter:
            if self.writes is not None and other.buffer is None:
                self.buffer = self.writes(self.buffer, other.pieces)
                return self
            if self.buffer is None:
                self.buffer = other.buffer  # taken over, because it is not shared
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
        """`plus`, where contributions are Variables: nothing is written in place."""
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
        """Add the array `g` to the buffer, or start the buffer with it."""
        if self.buffer is not None:
            self.buffer = self.buffer + g
        else:
            backend = backend_of(g)
            assert backend is not None
            self.buffer = xp.copy(g) if backend.writable else g

    def dense(self) -> Any:
        """The sum as an array: adds all pending contributions to the buffer and returns it."""
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
    """Zeros with each contribution added at its position. `find` looks up the operation by name: a
    primitive, or a raw function."""
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
    """`g` with zeros at `key`. If `g` is a Scatter, its own buffer is written; otherwise a copy."""
    if type(g) is Scatter and g.lifted:
        g = g.dense()
    if is_variable(g):
        return PRIMITIVES["put"](0, g, key)
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
    """A cotangent that is the same `number` everywhere: the 1 that a walk starts with, spread over
    an array by the rule of `sum`. `one` says that the number is known to be 1.

    A product with it is a product with a number, or just the other factor: on big arrays that saves
    a pass over memory. Only primitives with `takes_uniform` see it; their formulas multiply and
    divide it, and change its sign. For all others it becomes an array first.
    """

    __slots__ = ("_dtype", "_shape", "like", "number", "one")

    def __init__(self, number: Any, like: Any, one: bool = False) -> None:
        self.number, self.like, self.one = number, like, one
        self._shape, self._dtype = like if type(like) is tuple else (like.shape, like.dtype)

    def dense(self) -> Any:
        """The number, broadcast to the shape of the value."""
        return spread(self.number, self.like)

    def for_rules_of(self, node: Any) -> Any:
        """This object if every rule of `node` takes a Uniform; otherwise the array."""
        edge = node
        while edge is not None:
            rule = edge.rule
            if rule.is_careful or not rule.primitive.takes_uniform:
                return self.dense()
            edge = edge.more
        return self

    def plus(self, other: Any) -> Any:
        """The sum as an array, or as a Scatter if `other` is one."""
        return other.plus(self) if type(other) is Scatter else self.dense() + dense(other)

    def __mul__(self, x: Any) -> Any:
        shape = self._shape
        if type(x) in SCALARS:
            return Uniform(self.number * x, self.like) if shape else self.number * x
        value = x._read()[0] if type(x) in VARIABLES and not x._level.maps else x
        if value.shape != shape:
            return self.dense() * x if value.shape else Uniform(self.number * x, self.like)
        # In some libraries the array's dtype, and not the number's, would decide the result's.
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
    """`g` as an array that is not shared: a copy, unless arrays cannot be written anyway."""
    if isinstance(g, LazyCotangent):
        return g.own()
    backend = BACKENDS.get(type(g)) or peek(g)
    if backend is None or type(g) in VARIABLES:
        return g
    return backend.copy(g) if backend.writable or backend.hold is not None else g


class Shares(LazyCotangent):
    """The cotangents of an operation with several outputs; a missing one is None and means zero."""

    __slots__ = ("items", "likes")

    def __init__(self, g: Any, number: int, likes: Any) -> None:
        self.likes = likes
        self.items: list[Any] = [None] * len(likes)
        self.items[number] = g

    def for_rules_of(self, node: Any) -> Any:
        """A tuple with None for missing cotangents if the primitive is `partial`, else zeros."""
        return tuple(self.items) if node.rule.primitive.partial else self.all()

    def parts(self) -> list[Any]:
        """The arrays of the cotangents that are there."""
        return [part for g in self.items for part in parts_of(g)]

    def plus(self, other: Any) -> Shares:
        """This object, with the cotangents of `other` added output by output."""
        for number, g in enumerate(other.items):
            if g is not None:
                mine = self.items[number]
                self.items[number] = g if mine is None else mine + g
        return self

    def all(self) -> tuple[Any, ...]:
        """One cotangent per output, with zeros for missing ones."""
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
    """The sum of two cotangents of the same value."""
    if isinstance(a, LazyCotangent):
        return a.plus(c)
    return c.plus(a) if type(c) is Scatter else a + dense(c)
