"""Cotangents on their way: fitted to an input's shape and dtype, gathered by index, shared out."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import PRIMITIVES, SCALARS, VARIABLES, backend_of
from ..arrays.dispatch import is_variable, xp

__all__ = ["Scatter", "Shares", "Uniform", "add", "conjugate", "dense", "erase", "fit",
           "in_dtype_of", "own", "pick", "same_shape", "scatter", "shape_dtype", "spread", "sum_to",
           "zeros"]  # fmt: skip


def shape_dtype(like: Any) -> tuple[tuple[Any, ...], Any]:
    """The shape and dtype that a `like` stands for."""
    return like if type(like) is tuple else (like.shape, like.dtype)


def same_shape(a: Any, b: Any) -> bool:
    """Whether two shapes agree; a length that is not known (None, or nan) agrees with any."""
    return a == b or (
        len(a) == len(b)
        and all(m == n or m is None or n is None or m != m or n != n for m, n in zip(a, b))
    )


def is_complex(x: Any) -> bool:
    """Whether the dtype of `x` is complex."""
    backend = backend_of(x)
    return backend is not None and x.dtype in backend.complex_dtypes


def is_continuous(x: Any) -> bool:
    """Whether the dtype of `x` is real or complex floating-point, so that it has gradients."""
    backend = backend_of(x)
    return backend is not None and x.dtype in backend.float_dtypes


def conjugate(g: Any) -> Any:
    """The conjugate of `g`; `g` itself if it is real."""
    return xp.conj(g) if is_complex(g) else g


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


def in_dtype_of(g: Any, saved: Any) -> Any:
    """What a rule keeps, with arrays of another dtype than the cotangent `g` cast to that."""
    if type(saved) is tuple:
        return tuple([in_dtype_of(g, x) if hasattr(x, "dtype") else x for x in saved])
    if not hasattr(saved, "dtype") or saved.dtype == g.dtype:
        return saved
    return xp.astype(saved, g.dtype)


def sum_to(g: Any, shape: tuple[Any, ...]) -> Any:
    """`g` summed over the axes along which an array of `shape` was broadcast to it."""
    extra = g.ndim - len(shape)
    if extra:
        g = xp.sum(g, axis=tuple(range(extra)))
    axes = tuple([i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1])
    return xp.sum(g, axis=axes, keepdims=True) if axes else g


def spread(g: Any, like: Any) -> Any:
    """`g` broadcast to the shape of `like`; in its chunks, where the library has such things."""
    return xp.broadcast_to(g, like[0]) if type(like) is tuple else xp.expand(g, to=like)


def zeros(like: Any, g: Any) -> Any:
    """Zeros of the shape and dtype of `like`, on the device of `g`, at the level of `g`."""
    if type(like) is not tuple:
        made = xp.zeros_like(like)
        wraps = is_variable(g) and not is_variable(made)
        return g._backend.namespace.asarray_constant(made) if wraps else made
    shape, dtype = like
    backend = backend_of(g)
    assert backend is not None
    made = backend.raw("zeros")(shape, dtype=dtype, device=device_of(g))
    return backend.namespace.asarray_constant(made) if is_variable(g) else made


def device_of(g: Any) -> Any:
    """The device of a raw array or Variable; None where the library has no such thing."""
    while is_variable(g):
        g = g._value
    return getattr(g, "device", None)


class Scatter:
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

    def merge(self, other: Any) -> Scatter:
        """Add another contribution, sparse or dense."""
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
            self.flush()
        return self

    def _merge_lifted(self, other: Any) -> Scatter:
        if not self.lifted:
            self.buffer = _constant(self.flush())
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

    def flush(self) -> Any:
        """Bring all contributions into the buffer, and return it."""
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
        g = g.flush()
    if is_variable(g):
        return xp.put(0, g, key)
    backend = backend_of(g.flush() if type(g) is Scatter else g)
    assert backend is not None
    if not backend.writable:
        return backend.raw("put")(0, dense(g), key)
    if type(g) is not Scatter:
        owned = Scatter(None, None, backend.like(g))
        owned.buffer, owned.pieces = xp.copy(g), []
        g = owned
    g.buffer = backend.raw("put_in_place")(0, g.buffer, key)
    return g


def pick(g: Any, key: Any) -> Any:
    """`g[key]`, by the library's own way of reading."""
    return g[key] if is_variable(g) else backend_of(g).getitem(g, key)  # type: ignore[union-attr]


class Uniform:
    """A cotangent that is the same `number` everywhere: where a walk starts, and what a sum makes
    of it. `one` says that it is known to be 1.

    A product with it is a product with a number, or the other factor as it is: on big arrays that
    saves a pass over memory. Only primitives that say `takes_uniform` see it, in products,
    quotients and with a sign; for all others it becomes an array first.
    """

    __slots__ = ("like", "number", "one")

    def __init__(self, number: Any, like: Any, one: bool = False) -> None:
        self.number, self.like, self.one = number, like, one

    def array(self) -> Any:
        """The array that it stands for."""
        return spread(self.number, self.like)

    def __mul__(self, x: Any) -> Any:
        shape, dtype = shape_dtype(self.like)
        if type(x) in SCALARS:
            return Uniform(self.number * x, self.like) if shape else self.number * x
        value = x._read()[0] if type(x) in VARIABLES and not x._level.maps else x
        if value.shape != shape:
            return self.array() * x if value.shape else Uniform(self.number * x, self.like)
        if value.dtype != dtype:  # some libraries let the dtype of the array win over the number's
            return self.array() * x
        return x if self.one else self.number * x

    def __truediv__(self, x: Any) -> Any:
        other = () if type(x) in SCALARS else x.shape
        shape, dtype = shape_dtype(self.like)
        if other == shape and (not shape or x.dtype == dtype):
            return self.number / x
        return self.array() / x if other else Uniform(self.number / x, self.like)

    def __neg__(self) -> Any:
        return Uniform(-self.number, self.like)


def dense(g: Any) -> Any:
    """`g` as an array, should it be a Scatter or Uniform."""
    if type(g) is Scatter:
        return g.flush()
    return g.array() if type(g) is Uniform else g


def own(g: Any) -> Any:
    """`g` as an array that nobody else holds: a copy, where arrays can be written at all."""
    if type(g) is Scatter:
        return g.flush()
    g = dense(g)
    backend = backend_of(g)
    if backend is None or type(g) in VARIABLES:
        return g
    return backend.raw("copy")(g) if backend.writable or backend.hold is not None else g


class Shares:
    """The cotangents of an operation with several outputs; those that are missing are zero."""

    __slots__ = ("items", "likes")

    def __init__(self, g: Any, number: int, likes: Any) -> None:
        self.likes = likes
        self.items: list[Any] = [None] * len(likes)
        self.items[number] = g

    def __add__(self, other: Shares) -> Shares:
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


def add(a: Any, c: Any) -> Any:
    """The sum of two cotangents of one value."""
    if type(a) is Scatter:
        return a.merge(dense(c) if type(c) is Uniform else c)
    if type(c) is Scatter:
        return c.merge(dense(a))
    return dense(a) + dense(c) if type(a) is Uniform or type(c) is Uniform else a + c
