"""Levels of `vmap`: each operation runs once for the whole batch.

At a level of `vmap` a Variable holds the elements of the batch as one array, with the batch axis in
front, and shows the shape of a single element. An operation looks up its batching rule, which makes
room for the batch axis (in `BATCHING`, which `rules.batching` fills), and runs once, one level
down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..arrays.backend import Backend
from ..arrays.dispatch import is_variable, xp
from ..errors import BatchingError
from .arguments import axis_of
from .cotangents import create
from .handles import constant_of, make
from .levels import ROOT, Level, read
from .primitive import Primitive
from .record import evaluate

__all__ = [
    "BATCHING",
    "Batch",
    "Batched",
    "BatchedCall",
    "batched",
    "drawn",
    "elementwise",
    "refuse",
    "template",
]

#: How each primitive runs on a batch: a function of the `BatchedCall`.
BATCHING: dict[str, Callable[[BatchedCall], Any]] = {}


class Mark:
    """The `_node` of every Variable at a level of `vmap`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<batched>"


MARK = Mark()


class Batched:
    """What Variables of a level of `vmap` do differently: they hide the batch axis, and have no
    single value to show."""

    __slots__ = ()

    _read: Callable[[], tuple[Any, Any]]
    _backend: Backend
    _level: Any

    @property
    def shape(self) -> Any:
        """The shape of one element of the batch."""
        return self._read()[0].shape[1:]

    @property
    def ndim(self) -> int:
        """The number of axes of one element of the batch."""
        return len(self._read()[0].shape) - 1

    @property
    def _tracked(self) -> bool:
        """Whether an outer level tracks the batch."""
        value = self._read()[0]
        return is_variable(value) and bool(value._tracked)

    @property
    def is_leaf(self) -> bool:
        """False, because `vmap` made the Variable."""
        return False

    @property
    def grad_fn(self) -> Any:
        """The `grad_fn` of the whole batch, outside `vmap`."""
        value = self._read()[0]
        return value.grad_fn if is_variable(value) else None

    @property
    def data(self) -> Any:
        """Raises BatchingError, because the Variable stands for many arrays."""
        refuse(self, "there is no single array or number: `bool`, `float`, `.item()`, `.numpy()`, "
                     "`.data` and a Python `if` cannot be answered. Choose with `pluggrad.where`; "
                     "a plain array `a` is indexed as `pluggrad.asarray(a)[i]`")  # fmt: skip

    def requires_grad_(self, flag: bool = True) -> NoReturn:
        """Raises BatchingError, because there are no leaves inside `vmap`."""
        refuse(self, "it cannot become a leaf. Differentiate inside with `pluggrad.grad`")

    def register_hook(self, hook: Any) -> NoReturn:
        """Raises BatchingError, because there are no Nodes inside `vmap`."""
        refuse(
            self,
            "it has no place in a graph to hang a hook on. Put the hook inside `pluggrad.grad`",
        )

    def retain_grad(self) -> NoReturn:
        """Raises BatchingError, because there are no Nodes inside `vmap`."""
        refuse(self, "no gradient of its own arrives. Differentiate inside with `pluggrad.grad`")

    def _detached(self, run: Any) -> Any:
        value = self._read()[0]
        if is_variable(value):
            value = value._detached(run)
        return batched(value, self._level, self._backend)

    def __repr__(self) -> str:
        size = "x".join(str(n) for n in self.shape) or "()"
        count, inner = self._level.size, self._read()[0]
        return f"Variable of size {size}, of a batch of {count} in vmap:\n{inner!r}"


def refuse(v: Any, why: str) -> NoReturn:
    """Raise BatchingError: the batched value `v` does not allow this."""
    raise BatchingError(
        f"inside vmap, for a value of shape {tuple(v.shape)}, {why}, or do this outside of vmap."
    )


def batched(y: Any, level: Level, backend: Backend) -> Any:
    """The Variable of `level` that holds `y`, whose first axis is the batch axis; items of a tuple
    or list one by one."""
    if isinstance(y, backend.variable):
        y = y._snapshot()
        if y._node is None and y._level is ROOT:
            y = y._value
    elif isinstance(y, (tuple, list)):
        items = [batched(item, level, backend) for item in y]
        return type(y)(*items) if hasattr(y, "_fields") else type(y)(items)
    v = make(backend.batched, y, MARK, level)
    v._birth = read().level
    return v


class BatchedCall:
    """A call of a primitive some of whose arguments hold a batch, seen from one level down.

    `args` are the values one level down, and `on` says which of them have the batch axis in front.
    """

    __slots__ = ("args", "backend", "kwargs", "on", "primitive", "raw", "size")

    def __init__(
        self, primitive: Primitive, args: list[Any], on: list[bool], kwargs: Any,
        raw: Callable[..., Any], size: int, backend: Backend,
    ) -> None:  # fmt: skip
        self.primitive, self.args, self.on, self.kwargs = primitive, args, on, kwargs
        self.raw, self.size, self.backend = raw, size, backend

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The primitive itself, one level down."""
        return evaluate(self.primitive, args, kwargs, self.raw, self.backend)

    def get(self, name: str) -> Any:
        """A keyword argument, or its default."""
        return self.kwargs.get(name, self.primitive.defaults[name])

    def ndim(self, i: int) -> int:
        """How many axes argument `i` shows to the user, without the batch axis."""
        x = self.args[i]
        return len(x.shape) - self.on[i] if hasattr(x, "shape") else 0

    def shape(self, i: int) -> tuple[Any, ...]:
        """The shape that argument `i` shows to the user, without the batch axis."""
        x = self.args[i]
        return tuple(x.shape[1:] if self.on[i] else x.shape) if hasattr(x, "shape") else ()

    def aligned(self, i: int, ndim: int) -> Any:
        """Argument `i`, with axes of length 1 after its batch axis, so that it broadcasts against
        a batch of arrays of up to `ndim` axes."""
        x = self.args[i]
        if not self.on[i] or len(x.shape) > ndim:
            return x
        lengths = tuple(x.shape)
        return xp.reshape(x, (lengths[0], *(1,) * (ndim + 1 - len(lengths)), *lengths[1:]))

    def full(self, i: int) -> Any:
        """Argument `i` with a batch axis; without one, it is repeated along a new one."""
        x = self.args[i]
        if self.on[i]:
            return x
        if not hasattr(x, "shape"):
            x = self.backend.raw("asarray")(x)
        return xp.broadcast_to(x, (self.size, *x.shape))

    def axis(self, axis: int, ndim: int) -> int:
        """The number of `axis` (out of `ndim`) when the batch axis is in front."""
        return axis_of(axis, ndim, self.primitive.name) + 1

    def axes(self, axes: Any, ndim: int) -> Any:
        """`axis` for one axis or several; None stands for all `ndim` axes."""
        if axes is None:
            return tuple(range(1, ndim + 1))
        if isinstance(axes, (tuple, list)):
            return tuple([self.axis(n, ndim) for n in axes])
        return self.axis(axes, ndim)

    def counts(self) -> Any:
        """0, 1, ... along the batch, as a raw column of numbers."""
        beside = next(x for x in self.args if hasattr(x, "shape"))
        return create("arange", self.size, beside=beside)

    def refuse(self, why: str) -> NoReturn:
        """Raise BatchingError: this call cannot be batched."""
        raise BatchingError(f"inside vmap, {self.primitive.name}: {why}")


class Batch(Level):
    """A level of `vmap`: `size` is the length of the batch, `randomness` the argument of `vmap`."""

    __slots__ = ("randomness", "size")

    maps = True

    def __init__(self, parent: Level | None, size: int, randomness: str = "error") -> None:
        super().__init__(parent)
        self.size, self.randomness = size, randomness

    @staticmethod
    def operate(
        primitive: Primitive,
        args: Any,
        kwargs: Any,
        raw: Callable[..., Any],
        level: Any,
        backend: Backend,
    ) -> Any:
        """Run an operation at a level of `vmap`."""
        variable = backend.variable
        inner: list[Any] = []
        on: list[bool] = []
        off = read().off
        for x in args:
            here = False
            if isinstance(x, variable):
                value, node = x._value, x._node
                if x._cell is not None:
                    value, node = x._read()
                    x._cell.owned = False  # levels below may save its buffer
                if x._level is level:
                    here = True
                elif node is not None or x._level is not ROOT:
                    value = constant_of(x, off)
                x = value
            inner.append(x)
            on.append(here)
        rule = BATCHING.get(primitive.name)
        if rule is not None:
            y = rule(BatchedCall(primitive, inner, on, kwargs, raw, level.size, backend))
        elif primitive.kind == "elementwise":
            if len(inner) > 1:
                align(inner, on)
            y = evaluate(primitive, inner, kwargs, raw, backend)
        elif primitive.fallback is not None:
            return primitive.fallback(*args, **kwargs)
        else:
            op = BatchedCall(primitive, inner, on, kwargs, raw, level.size, backend)
            op.refuse(
                "there is no batching rule. Call it outside of vmap, or write it in other terms"
            )
        return batched(y, level, backend)


def drawn(make: Callable[[tuple[int, ...]], Any], backend: Backend) -> Any:
    """Random numbers, one array or one per element according to the `randomness` of each open
    level of `vmap`.

    ``make(sizes)`` draws a raw array with the lengths `sizes` in front of the shape asked for.
    """
    levels: list[Batch] = []
    level: Level | None = read().level
    while level is not None:
        if isinstance(level, Batch) and level.randomness == "error":
            raise BatchingError(
                "inside vmap, a random function was called. Say what it gives to each element, by "
                "`randomness='same'` or 'different', or call it outside of vmap"
            )
        if isinstance(level, Batch) and level.randomness == "different":
            levels.append(level)
        level = level.parent
    levels.reverse()
    y = make(tuple([level.size for level in levels]))
    for level in levels:
        y = batched(y, level, backend)
    return y if levels else backend.namespace.asarray_constant(y)


def align(args: list[Any], on: list[bool]) -> None:
    """Insert axes of length 1 after the batch axis of arguments that have one, so that all `args`
    broadcast."""
    ranks = [len(x.shape) - b if hasattr(x, "shape") else 0 for x, b in zip(args, on, strict=True)]
    most = max(ranks)
    for i, rank in enumerate(ranks):
        if on[i] and rank < most:
            n, *lengths = args[i].shape
            args[i] = xp.reshape(args[i], (n, *(1,) * (most - rank), *lengths))


def elementwise(op: BatchedCall) -> Any:
    """The batching rule of functions that act element by element: align the axes, run once."""
    align(op.args, op.on)
    return op(*op.args, **op.kwargs)


def template(x: Any) -> Any:
    """A raw array of zeros with the shape and dtype that the batched Variable `x` shows."""
    return create("zeros", tuple(x.shape), beside=x, dtype=x.dtype)
