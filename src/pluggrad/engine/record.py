"""Call the raw function, record a Node, save the values that its rules name.

An operation runs at the deepest level among its inputs. To compute its value there, it runs one
level further down, and so on until its inputs are raw arrays. Each level that tracks an input
records a Node.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy

from ..arrays.backend import Backend, backend_of
from ..arrays.dispatch import is_variable
from ..errors import TypeMismatchError
from .arguments import backend_among, explain
from .grad_mode import Sealed, stopped
from .graph import Extra, LeafNode, Node
from .handles import captured, constant_of, raw_of, wrap, wrap_untracked
from .lazy_cotangents import Shares
from .levels import ROOT, VOLATILE, Level, deepest, put, read
from .primitive import PASS, Primitive, new
from .saved import keep

__all__ = [
    "LEAF",
    "PART",
    "alone",
    "evaluate",
    "fits_as_is",
    "make_leaf",
    "part_of",
    "record",
    "refuse_captured",
]


def evaluate(
    primitive: Primitive, args: Any, kwargs: Any, raw: Callable[..., Any], backend: Backend
) -> Any:
    """The operation at the deepest level among `args`; a raw result where there are none."""
    level: Level | None = None
    variable = backend.variable
    for x in args:
        if isinstance(x, variable):
            if x._cell is not None:
                x._read()  # a view takes the level of the last value written
            if x._level is not level:
                level = x._level if level is None else deepest(x._level, level)
    if level is None:
        return _numpy_number(raw(*args, **kwargs))
    if level.process is not None:
        return level.process(primitive, args, kwargs, raw, level, backend)
    return record(primitive, args, kwargs, raw, level, backend)


def _numpy_number(y: Any) -> Any:
    """The result `y`; of NumPy's where Python answered, as ``1j - numpy.float64(2.0)``."""
    return numpy.complex128(y) if type(y) is complex else y


def record(
    primitive: Primitive,
    args: Any,
    kwargs: Any,
    raw: Callable[..., Any],
    level: Level,
    backend: Backend,
) -> Any:
    """Compute one level further down, and record a Node if an input is tracked at `level`."""
    variable = backend.variable
    inner = []
    off = read().off
    tracked = nested = celled = False
    for x in args:
        if isinstance(x, variable):
            if x._cell is not None:
                x._read()
                celled = True
            node = x._node
            if x._level is level:
                tracked = tracked or node is not None
            elif (node is not None or x._level is not ROOT) and level is not VOLATILE:
                inner.append(constant_of(x, off))  # of an outer level: a constant here
                nested = True
                continue
            nested = nested or type(x) is not variable
            inner.append(x._value)
        else:
            inner.append(x)
    if not nested:
        y = _numpy_number(raw(*inner, **kwargs))
    elif (state := read()) is level.inside:
        try:
            put(level.outside)  # the state in which the levels below can use their short cuts
            y = evaluate(primitive, inner, kwargs, raw, backend)
            put(state)
        except BaseException:
            put(state)
            raise
        for item in y if isinstance(y, tuple) else (y,):
            if isinstance(item, variable):
                item._birth = level  # made here, even if it is tracked at an outer level
    else:
        y = evaluate(primitive, inner, kwargs, raw, backend)
    if celled and (primitive.aliases or (tracked and primitive.keeps)):
        _lend(args, variable)
    root = tracked and level is ROOT
    if not tracked or primitive.kind == "constant" or level in off or (root and stopped(backend)):
        if tracked and type(off) is Sealed:
            refuse_captured(primitive, args, level, off)
        return wrap_untracked(y, backend, VOLATILE if level is VOLATILE else ROOT)
    if nested and isinstance(y, variable) and y._node is None and y._level is ROOT:
        y = y._value
    several = isinstance(y, tuple)
    if root and backend.follows is not None:
        alone(primitive.name, y if several else (y,), backend)
    if not several and y.dtype not in backend.float_dtypes:
        return wrap_untracked(y, backend)  # integers and booleans have no gradient
    like = backend.like
    first: Any = None
    picked: Any = None
    for position in range(len(args) - 1, -1, -1):
        x = args[position]
        if not isinstance(x, variable) or x._level is not level or x._node is None:
            continue
        rule = primitive.rule(position)
        if rule is None:
            continue
        if picked is None or not primitive.variadic:
            picked = rule.pick(inner, kwargs, y, like)
        saved = picked
        if not fits_as_is(primitive, inner, inner[position], y, several, backend):
            saved = (saved, like(inner[position]))
            rule = rule.careful
        node = new(Node)
        node.rule, node.saved, node.parent, node.more = rule, saved, x._node, first
        first = node
    if first is None:
        return wrap_untracked(y, backend, ROOT)
    if backend.counts_writes or read().modes is not None:
        keep(first, backend)
    if several:
        return _outputs(y, first, level, backend)
    return wrap(y, first, level, backend)


def alone(name: str, arrays: Any, backend: Backend) -> None:
    """Raise if the library's own autograd records one of `arrays`, which the operation `name` takes
    or gives and pluggrad records: neither of two graphs would reach the leaves of the other."""
    follows: Any = backend.follows
    for x in arrays:
        x = raw_of(x)
        if hasattr(x, "dtype") and follows(x):
            try:
                backend.adapter.check(x)
            except TypeMismatchError as error:
                explain(error, name, arrays)


def refuse_captured(primitive: Primitive, args: Any, level: Level, off: Sealed) -> None:
    """Raise if a custom operation uses a tracked value that was not passed to it."""
    if level not in off.levels or primitive.kind == "constant":
        return
    for x in args:
        if is_variable(x) and x._level is level and x._node is not None:
            raise captured(x, f"in {primitive.name}")


def _lend(args: Any, variable: Any) -> None:
    """Mark the buffers of `args` as shared, because the result or a Node now holds them: the next
    write copies first. (Views are skipped: their buffer is never an owned one, see `views`.)"""
    for x in args:
        if isinstance(x, variable) and x._cell is not None and not x._chain:
            x._cell.owned = False


def fits_as_is(
    primitive: Primitive, inner: Any, value: Any, y: Any, several: bool, backend: Backend
) -> bool:
    """Whether the ordinary rule serves the input `value`; otherwise `Rule.careful` does.

    It does if the rule turns a cotangent of `y` into one of the shape and dtype of `value`, and
    needs no conjugation.
    """
    if several or y.dtype != value.dtype:
        return False
    kind = primitive.kind
    if y.dtype not in backend.real_dtypes:
        return kind == "linear" and not primitive.holomorphic
    if kind == "elementwise":  # special functions (".") may compute in other precisions inside
        return bool(y.shape == value.shape) and "." not in primitive.name
    if kind == "bilinear":
        if any([getattr(x, "dtype", None) != y.dtype for x in inner]):
            return False
        if primitive.contracts:  # batches of matrices might broadcast
            return all([x.ndim <= 2 for x in inner])
        return all([x.shape == y.shape for x in inner])
    return True


def _outputs(y: tuple[Any, ...], node: Node, level: Level, backend: Backend) -> Any:
    """One Variable per output, each at a small node of its own that passes its cotangent on to
    `node`."""
    outputs = []
    likes = tuple([backend.like(item) for item in y])
    for number, item in enumerate(y):
        if isinstance(item, backend.variable) and item._node is None and item._level is ROOT:
            item = item._value
        if item.dtype not in backend.float_dtypes:
            outputs.append(wrap_untracked(item, backend))
            continue
        outputs.append(wrap(item, _part(node, number, likes), level, backend))
    return type(y)(*outputs) if hasattr(y, "_fields") else type(y)(outputs)


def _part(node: Node, number: int, likes: Any) -> Node:
    """The node of output `number` of `node`; `likes` are the shapes and dtypes of all outputs."""
    part: Node = new(Node)
    part.rule, part.saved, part.parent, part.more = PART, (number, likes), node, None
    return part


def part_of(node: Node, y: tuple[Any, ...], number: int) -> Node:
    """A node for output `number` of `node`, whose outputs are `y`."""
    return _part(node, number, tuple([_like(item) for item in y]))


def _like(x: Any) -> Any:
    """The shape and dtype of `x`, in the form that its library needs."""
    if type(x) is tuple:
        return x  # a (shape, dtype) already
    backend = backend_of(x)
    assert backend is not None
    return backend.like(x)


def evaluate_among(primitive: Primitive, args: Any, kwargs: Any) -> Any:
    """Call a primitive: raw arrays give a raw array, Variables a Variable."""
    backend = backend_among(args, primitive.name)
    return evaluate(primitive, args, kwargs, backend.raw(primitive.name), backend)


Primitive.evaluate = evaluate_among

#: The rules of two primitives that belong to the graph itself: one output among several (PART), and
#: the end of a walk (LEAF).
PART: Any = Primitive("part(x, /)", "general", (lambda g, kwargs: g,), private=True).rules[0]
PART.pull = lambda g, saved: Shares(g, *saved)
PART.primitive.is_part, PART.keeps = True, False  # it saves no array, so nothing is freed
LEAF: Any = Primitive("accumulate_grad(x, /)", "general", (PASS,), private=True).rules[0]


def make_leaf(variable: Any) -> LeafNode:
    """The node where cotangents for `variable` arrive."""
    node: LeafNode = new(LeafNode)
    node.rule, node.saved, node.parent, node.more = LEAF, None, None, None
    node.extra = Extra()
    node.extra.variable = weakref.ref(variable)
    return node
