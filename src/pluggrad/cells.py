"""Cells: what stands behind a handle that was written to or that has views.

Most Variables never meet this room: a result that is neither written nor viewed has no cell. The
first write or view makes one. A view is a cell, a chain of steps and the version it saw; it is
pulled when read, never pushed. A write replaces the cell's content by the result of an ordinary
differentiable operation, so the graph knows of no mutation; ownership only decides whether that
operation may compute in the old buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import primitive
from .errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from .levels import ROOT, enable_grad, read

if TYPE_CHECKING:
    from .primitive import Primitive
    from .variable import Variable

__all__ = ["Cell", "Step", "is_basic", "refresh", "same_place", "view_of", "write"]


class Cell:
    """A value that several handles can see: `content` is a plain Variable, replaced by writes.

    `owned` says that its buffer is held by nobody else, neither by a node nor by a raw view.
    """

    __slots__ = ("content", "like", "owned", "version")

    def __init__(self, content: Variable) -> None:
        self.content = content
        self.like = content._backend.like(content._value)
        self.owned = False
        self.version = 0


class Step:
    """One view function on the way from a cell to a handle."""

    __slots__ = ("args", "kwargs", "primitive")

    def __init__(self, function: Primitive, args: Any, kwargs: Any) -> None:
        self.primitive, self.args, self.kwargs = function, args, kwargs

    def look(self, base: Any) -> Any:
        """The view of `base`."""
        return self.primitive(base, *self.args, **self.kwargs)

    def put(self, base: Any, value: Any) -> Any:
        """`base` with its view replaced by `value`."""
        put = self.primitive.put
        if put is None:
            raise TypeMismatchError(
                f"the result of {self.primitive.name!r} is read-only; write into a copy of it"
            )
        return put(base, value, *self.args, **self.kwargs)

    def same(self, other: Step) -> bool:
        """Whether both are the same view, as `v[i]` and the `v[i]` in `v[i] += 1` are."""
        return self.primitive is other.primitive and all(
            a is b or (type(a) is int and type(b) is int and a == b)
            for a, b in zip(self.args, other.args, strict=True)
        ) and self.kwargs == other.kwargs  # fmt: skip


def cell_of(v: Variable) -> Cell:
    """The cell of `v`, made if there is none."""
    if v._cell is None:
        v._cell, v._chain, v._seen = Cell(v._snapshot()), (), 0
    return v._cell


def view_of(v: Variable, y: Variable, function: Primitive, args: Any, kwargs: Any) -> Variable:
    """Tie `y`, just computed from `v`, to the cell of `v`, if it is a view of it."""
    if function.name == "getitem":
        if not is_basic(args[0]):
            return y
    elif function.name == "reshape" and not _shares(v, y):
        return y
    cell = cell_of(v)
    y._cell, y._seen = cell, cell.version
    y._chain = (*v._chain, Step(function, args, kwargs))
    return y


def is_basic(key: Any) -> bool:
    """Whether indexing with `key` gives a view: integers, slices, None and Ellipsis only."""
    if isinstance(key, tuple):
        return all(is_basic(k) for k in key)
    return (
        key is None or key is Ellipsis or isinstance(key, slice)
        or (hasattr(key, "__index__") and not isinstance(key, bool) and not hasattr(key, "shape"))
    )  # fmt: skip


def _shares(v: Variable, y: Variable) -> bool:
    raw, raw_y = v._value, y._value
    while hasattr(type(raw), "_backend"):
        raw = raw._value
    while hasattr(type(raw_y), "_backend"):
        raw_y = raw_y._value
    return v._backend.adapter.shares_memory(raw, raw_y)


def refresh(v: Variable) -> None:
    """Pull the present value of a handle whose cell was written since it last looked."""
    cell = v._cell
    assert cell is not None
    y = cell.content
    if v._chain:
        cell.owned = False  # what a view shows is never in an owned buffer
    with enable_grad():
        for step in v._chain:
            y = step.look(y)
    v._take(y)
    v._seen = cell.version


def same_place(v: Variable, key: Any, value: Any) -> bool:
    """Whether `value` is the up-to-date view `v[key]`: then writing it there changes nothing."""
    if v._cell is None or value._cell is not v._cell or value._seen != v._cell.version:
        return False
    chain = (*v._chain, Step(primitive.PRIMITIVES["getitem"], (key,), {}))
    return len(chain) == len(value._chain) and all(
        a.same(b) for a, b in zip(chain, value._chain, strict=True)
    )


def write(v: Variable, steps: tuple[Step, ...], value: Any) -> None:
    """Replace what `steps` show of `v` by `value`; with no steps, all of it.

    Under `no_grad` the place in the graph stays: `v` keeps being the leaf it was.
    """
    state = read()
    node, level = v._read()[1], v._level
    recording = level not in state.off
    if recording and v.is_leaf and v.requires_grad:
        raise DifferentiationError(
            "a leaf that requires grad was written in place, and its gradient would be ambiguous. "
            "Write under `with pluggrad.no_grad():` (a parameter update), or into a copy."
        )
    cell = cell_of(v)
    steps = v._chain + steps
    if any(step.primitive.put is None for step in steps):
        steps[-1].put(None, None)
    content = cell.content
    if len(steps) == 1 and steps[0].primitive.name == "getitem":
        y = _put(cell, content, value, steps[0].args[0])
    else:
        bases = [content]
        for step in steps[:-1]:
            bases.append(step.look(bases[-1]))
        y = value
        for step, base in zip(reversed(steps), reversed(bases), strict=False):
            y = step.put(base, y)
        cell.owned = False
    if not hasattr(type(y), "_backend"):
        y = primitive.wrap_untracked(y, content._backend)
    _check_level(v, y)
    after = y._snapshot()
    if not recording and level is y._level or (node is not None and y._node is None and y._level is ROOT and level is ROOT):
        after._node, after._level = content._node, content._level
    cell.content = after
    cell.version += 1
    if not v._chain:
        v._take(after)
        v._seen = cell.version


def _put(cell: Cell, content: Variable, value: Any, key: Any) -> Any:
    """`put`, in the cell's own buffer if nobody else sees it."""
    backend = content._backend
    raw = backend.raw("put")
    if backend.writable and type(content) is backend.variable:
        raw = backend.raw("put_in_place") if cell.owned else raw
        owned = True
    else:
        owned = False
    y = primitive.evaluate(primitive.PRIMITIVES["put"], (value, content, key), {}, raw, backend)
    cell.owned = owned
    return y


def _check_level(v: Variable, y: Variable) -> None:
    if y._level.depth > v._born.depth:
        raise InvalidArgumentError(
            "a value of a transform was written into a Variable made outside of it, where it would "
            "outlive the transform. Make the Variable inside, or write into a copy."
        )
