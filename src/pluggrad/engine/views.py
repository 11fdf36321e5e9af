"""Cells and views: a cell holds the value of a Variable that was written or has views.

Most Variables never get a cell: the first write or view makes one. A view consists of a cell, a
chain of steps and the version of the cell it last saw. It is brought up to date when it is read,
not when the cell is written. A write replaces the cell's content by the result of an ordinary
differentiable operation, so the graph contains no mutation; ownership only decides whether that
operation may reuse the old buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..arrays.backend import PRIMITIVES
from ..arrays.dispatch import is_variable, xp
from ..errors import (
    BatchedWriteError,
    DifferentiationError,
    InvalidArgumentError,
    TypeMismatchError,
)
from .arguments import explain
from .cotangents import same_shape
from .grad_mode import every_level_records, off_over
from .graph import LeafNode
from .handles import make, wrap, wrap_untracked
from .levels import ROOT, VOLATILE, Level, read
from .modes import inside
from .primitive import Primitive
from .record import alone, evaluate

if TYPE_CHECKING:
    from ..variables.variable import Variable

__all__ = [
    "Cell",
    "Step",
    "Version",
    "is_basic",
    "refresh",
    "same_place",
    "settled",
    "view_of",
    "write",
]


class Version:
    """One state of a cell; it is `past` once the cell is written again.

    (With a counter instead, compilers would recompile after each write.)
    """

    __slots__ = ("past",)

    def __init__(self) -> None:
        self.past = False


class Cell:
    """A value that several handles share: `content` is a Variable without a cell, replaced by each
    write.

    `owned` says that no Node and no raw view shares the buffer. `handles` are the handles on the
    cell, kept only where a write can bring in a value of a deeper level: they must then be updated
    at once, because a handle's level, unlike its value, is looked at without reading it first.
    """

    __slots__ = ("born", "content", "handles", "like", "owned", "version")

    def __init__(self, content: Variable, born: Level) -> None:
        self.content = content
        self.born = born
        # (Compilers that read code cannot follow weak references.)
        shown = content._level is not born and not content._backend.adapter.tracing()
        self.handles: Any = WeakValueDictionary() if shown else None
        self.like = content._backend.like(content._value)
        self.owned = False
        self.version = Version()


class Step:
    """One view function on the way from a cell to a handle; `before` is the preceding step."""

    __slots__ = ("args", "before", "kwargs", "primitive")

    def __init__(
        self, function: Primitive, args: Any, kwargs: Any, before: Step | None = None
    ) -> None:
        self.primitive, self.args, self.kwargs, self.before = function, args, kwargs, before

    @staticmethod
    def all(chain: Step | None) -> list[Step]:
        """The steps of `chain`, in order from the cell to the handle."""
        steps = []
        while chain is not None:
            steps.append(chain)
            chain = chain.before
        return steps[::-1]

    def look(self, base: Any) -> Any:
        """The view that this step shows of `base`."""
        return self.primitive(base, *self.args, **self.kwargs)

    def put(self, base: Any, value: Any) -> Any:
        """`base`, with the part that this step shows replaced by `value`."""
        put = self.primitive.put
        if put is None:
            raise TypeMismatchError(
                f"the result of {self.primitive.name!r} is read-only; write into a copy of it"
            )
        return put(base, value, *self.args, **self.kwargs)

    def same(self, other: Step) -> bool:
        """Whether both steps show the same part, like the `v[i]` read and the `v[i]` written by
        `v[i] += 1`."""
        return (self.primitive is other.primitive and self.args == other.args
                and self.kwargs == other.kwargs)  # fmt: skip


def cell_of(v: Variable) -> Cell:
    """The cell of `v`, made on first use."""
    if v._cell is None:
        cell = Cell(v._snapshot(), v._born)
        # In one statement, with `_cell` last, so that an interrupt leaves no half-made state.
        v._chain, v._seen, v._cell = None, cell.version, cell
        if cell.handles is not None:
            cell.handles[id(v)] = v
    return v._cell


def settled(v: Any, cell: Cell) -> bool:
    """Whether `v`, a handle on `cell`, is up to date and its buffer may be shared. Operations may
    then use its value as it is."""
    return not v._seen.past and (not cell.owned or bool(v._chain))


def _born(v: Variable) -> Level:
    """The level at which `v`, or the Variable that it is a view of, was made."""
    return v._born if v._cell is None else v._cell.born


def view_of(v: Variable, y: Variable, function: Primitive, args: Any, kwargs: Any) -> Variable:
    """`y`, just computed from `v` by `function`, tied to the cell of `v` if it is a view of it."""
    if function.name == "getitem":
        if not is_basic(args[0]):
            return y
    elif function.name == "reshape" and not _shares(v, y):
        return y
    cell = cell_of(v)
    y._cell, y._seen = cell, cell.version
    y._chain = Step(function, tuple(args), kwargs, v._chain)
    if cell.handles is not None:
        cell.handles[id(y)] = y
    return y


def is_basic(key: Any) -> bool:
    """Whether indexing with `key` gives a view: integers, slices, None and Ellipsis only."""
    if type(key) is slice or type(key) is int:
        return True
    if isinstance(key, tuple):
        return all([is_basic(k) for k in key])
    return (
        key is None or key is Ellipsis
        or (hasattr(key, "__index__") and not isinstance(key, bool) and not hasattr(key, "shape"))
    )  # fmt: skip


def _shares(v: Variable, y: Variable) -> bool:
    """Whether the raw arrays of `v` and `y` share memory."""
    raw, raw_y = v._value, y._value
    while is_variable(raw):
        raw = raw._value
    while is_variable(raw_y):
        raw_y = raw_y._value
    return v._backend.adapter.shares_memory(raw, raw_y)


def refresh(v: Variable) -> None:
    """Bring `v` up to date with its cell, which was written since `v` was last read."""
    cell = v._cell
    assert cell is not None
    if cell.version.past:  # a write was begun and failed
        cell.version = Version()
    y = cell.content
    if v._chain:
        cell.owned = False  # a view may show this buffer from now on
    with every_level_records():  # a view of a tracked value is tracked, even when read in `no_grad`
        for step in Step.all(v._chain):
            y = step.look(y)
    v._take(y)
    v._seen = cell.version


def same_place(v: Variable, key: Any, value: Any) -> bool:
    """Whether `value` is the view `v[key]`. Writing it there changes nothing, because it shows what
    is there already."""
    if v._cell is None or value._cell is not v._cell or not is_basic(key):
        return False
    value._read()
    content = v._cell.content
    if (value._node is None) is not (content._node is None) or value._level is not content._level:
        return False  # a view made under `no_grad` is a constant, and makes its place one
    a: Step | None = Step(PRIMITIVES["getitem"], (key,), {}, v._chain)
    b: Step | None = value._chain
    while a is not b:
        if a is None or b is None or not a.same(b):
            return False
        a, b = a.before, b.before
    return True


def write(v: Variable, step: Step | None, value: Any) -> None:
    """Replace the part of `v` that `step` shows by `value`; without a step, all of `v`.

    Under `no_grad` the place in the graph stays: a leaf remains the same leaf.
    """
    state = read()
    if (run := inside()) is not None:
        run.refuse(v, _born(v))
        value = run.enter(value)
    v._read()
    # Without a cell no other handle sees the value, so replacing all of it needs no cell either.
    cell = None if step is None and v._cell is None else cell_of(v)
    content = v if cell is None else cell.content
    node, level = content._node, content._level  # of the cell: those of a view may differ
    off = off_over(content._backend, state.off)
    if type(node) is LeafNode and level is ROOT and level not in off:
        raise DifferentiationError(
            "a leaf that requires grad was written in place, and its gradient would be ambiguous. "
            "Write under `with pluggrad.no_grad():` (a parameter update), or into a copy."
        )
    steps = Step.all(v._chain) if cell is not None else []
    if step is not None:
        steps.append(step)
    value = _fitting(v, value, whole=step is None)
    if content._backend.follows is not None and ROOT not in off and _at_root(content, value):
        alone("setitem", (content, value), content._backend)
    for step in steps:
        if step.primitive.put is None:
            step.put(None, None)  # raises
    y: Any
    owned = False
    if cell is None:
        y = value
    elif len(steps) == 1 and steps[0].primitive.name == "getitem":
        key = steps[0].args[0]
        try:
            y, owned = _put(cell, content, value, key)
        except Exception as error:
            explain(error, "setitem", (v, key, value))
    else:
        bases = [content]
        for step in steps[:-1]:
            bases.append(step.look(bases[-1]))
        y = value
        for step, base in zip(reversed(steps), reversed(bases), strict=False):
            y = step.put(base, y)
    if not is_variable(y):
        y = wrap_untracked(y, content._backend)
    after = y._snapshot()
    if off and level is not VOLATILE:
        after = _in_its_place(content, after, off)
    if cell is None:
        v._take(after)
        return
    deeper = after._level is not level
    # First mark the old version past: views read the cell again, even if an interrupt comes next
    # and they find the old content. Then change the cell in one statement, so that `owned` never
    # describes another buffer than the one in the cell.
    version = Version()
    cell.version.past = True
    cell.content, cell.owned, cell.version = after, owned, version
    if not v._chain:
        v._take(after)
        v._seen = cell.version
    if deeper and cell.handles is not None:
        for handle in list(cell.handles.values()):
            handle._read()


def _at_root(*values: Any) -> bool:
    """Whether one of `values` is tracked outside of transforms."""
    return any([is_variable(x) and x._level is ROOT and x._node is not None for x in values])


def _in_its_place(old: Any, new: Any, off: frozenset[Level]) -> Any:
    """The value of `new`, at the place in the graph of `old` for each level that does not record.

    A write under `no_grad` changes a value and no derivative. With several levels open, each has a
    Node (or Tangent) of its own around the value of the level below, so the result is assembled
    level by level. It takes the place of `old` at levels that are `off`, and the place of `new` at
    levels that record, such as that of a transform called under `no_grad`.
    """
    if not _has_place(old):
        return new
    level = old._level
    here = _has_place(new) and new._level is level
    if not here and _has_place(new) and new._level.depth > level.depth:
        if new._level.maps:  # each element of the batch takes the place of `old`
            with every_level_records():
                old = xp.broadcast_to(old, (new._level.size, *old.shape))
        return _at(_in_its_place(old, new._value, off), new)
    below = new._value if here else new
    if level.maps and not here:
        below = xp.broadcast_to(new, (level.size, *new.shape))
    below = _in_its_place(old._value, below, off)
    if level in off or level.maps:
        return _at(below, old)
    return _at(below, new) if here else below


def _has_place(x: Any) -> bool:
    """Whether some level tracks or maps `x`."""
    return is_variable(x) and not (x._node is None and x._level in (ROOT, VOLATILE))


def _at(value: Any, like: Any) -> Any:
    """`value`, wrapped at the level of `like`, with the Node, Tangent or batch of `like`."""
    if is_variable(value) and not _has_place(value):
        value = value._value
    backend = like._backend
    v = wrap(value, like._node, like._level, backend)
    if type(like) in (backend.dual, backend.batched):
        v.__class__ = type(like)
    return v


def _put(cell: Cell, content: Variable, value: Any, key: Any) -> tuple[Any, bool]:
    """`content` with `value` written at `key`, and whether the cell owns the result's buffer. If it
    owns the old buffer, the write happens in place."""
    backend = content._backend
    raw = backend.raw("put")
    put = PRIMITIVES["put"]
    value = put.prepare(value, content, key)
    if backend.writable and type(content) is backend.variable:
        if getattr(value, "_cell", None) is cell:
            if not value._chain:
                cell.owned = False  # `v[rows] = v` reads what it writes
            value._read()  # before this write has all views read again
            value = make(type(value), value._value, value._node, value._level)
        if cell.owned:
            raw = backend.raw("put_in_place")
            cell.version.past = True  # even if the write fails, views must read the cell again
        # (While a compiler traces, arrays are not written in place.)
        owned = not (backend.adapter.reads_code and backend.adapter.tracing())
    else:
        owned = False
    y = evaluate(put, (value, content, key), {}, raw, backend)
    return y, owned


def _fitting(v: Variable, value: Any, whole: bool) -> Any:
    """`value` in the dtype of `v`, or an error if it must not be written into `v`."""
    if not hasattr(value, "dtype"):
        return value
    backend = v._backend
    tracked = is_variable(value) and value._tracked
    has_node = tracked or (is_variable(value) and value._read()[1] is not None)
    if has_node and value._level.depth > _born(v).depth:
        if value._level.maps:
            raise BatchedWriteError(
                "inside vmap, a mapped value was written into a Variable made outside of it, of "
                f"shape {tuple(v.shape)}, which has no place for all of the batch. Make the "
                "Variable inside, with `pluggrad.zeros` or `pluggrad.copy`, and return it."
            )
        raise InvalidArgumentError(
            "a value of a transform was written into a Variable made outside of it, where it would "
            "outlive the transform. Make the Variable inside, or write into a copy."
        )
    if whole and not same_shape(value.shape, v.shape):
        raise InvalidArgumentError(
            f"a value of shape {tuple(value.shape)} cannot replace one of {tuple(v.shape)}"
        )
    if value.dtype == v.dtype:
        return value
    if value.dtype in backend.complex_dtypes and v.dtype not in backend.complex_dtypes:
        raise TypeMismatchError(
            f"complex values cannot be written into a Variable of dtype {v.dtype}; take their real "
            "part, or convert the Variable first, with `astype`"
        )
    if tracked and v.dtype not in backend.float_dtypes:
        raise TypeMismatchError(
            f"a value that requires grad was written into an integer Variable (dtype {v.dtype}), "
            "where its gradient would be lost; convert the Variable first, with `astype`"
        )
    namespace = backend.namespace
    cast = namespace.astype(value, v.dtype)
    return cast if is_variable(value) else cast.data
