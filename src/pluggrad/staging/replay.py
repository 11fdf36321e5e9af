"""The two walks of `hvp`, replaced by a compiled program when the same graph structure keeps
coming.

`hvp` walks the graph of its function, and then the graph of the gradient. Both walks are determined
by the structure of the first graph: which rules are connected how, their settings, and the shapes
and dtypes of what they saved. A structure that comes often is therefore compiled into a program,
straight-line code without Variables and Nodes, which takes half the time for small arrays.

Some graphs are always walked: those where the structure does not decide everything (a mask, whose
number of elements is a value; an array as a setting; rules that look at values), and those that
users watch through hooks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from ..arrays.backend import Backend, backend_of
from ..arrays.dispatch import is_variable
from ..arrays.tracers import stand_ins
from ..engine.backward import among_variables, count_uses, in_place_type, walk
from ..engine.boundary import is_of
from ..engine.differentiate import lifter, seed_for
from ..engine.graph import Edge, LeafNode, Node
from ..engine.handles import wrap
from ..engine.levels import Level, read
from ..engine.primitive import Rule, new
from ..errors import TypeMismatchError, UntraceableError
from .emit import emitted
from .engines import program_of
from .tracing import is_tracing

__all__ = ["products"]

#: By structure: the program; None if there can be none; or how often the structure has come.
PROGRAMS: dict[tuple[Any, ...], Any] = {}
SIZE = 256  # how many structures are remembered
LIMIT = 1000  # the most nodes in a structure; its tuple has at most 20 * LIMIT entries
NOTHING: Any = object()  # stands for the same saved object as on the edge before
#: In bytes. Where arrays are this large a program gains nothing, and its constants take memory.
LARGE = 2**18
OFTEN = 10  # compile after this many: compiling takes as long as 10 to 20 walks


class UnusualError(Exception):
    """The graph cannot be replayed from its structure alone."""


def products(
    node: Node, y: Any, leaves: list[Any], tangents: list[Any], level: Level
) -> dict[Any, Any] | None:
    """The product of the Hessian of `y`, recorded at `node`, with `tangents`, one per leaf.

    Returns an array by leaf; leaves whose product is zero map to None or are missing. Returns None
    as a whole if the graph has rules or hooks of the user: these can change the gradient to
    something whose Jacobian is not symmetric, and the second walk would give a wrong product.
    """
    # No modes, and recording; what is traced already becomes part of that program.
    if y._backend.adapter.replays and read().plain is level and not is_tracing():
        found = _replayed(node, y, leaves, tangents, level)
        if found is not None:
            return found
    return _walked(node, y, leaves, tangents, level)


def _replayed(
    node: Node, y: Any, leaves: list[Any], tangents: list[Any], level: Level
) -> dict[Any, Any] | None:
    """`products` by a program; None if there is no program for this structure."""
    backend = y._backend
    try:
        structure, values, nodes = _structure(node, y, leaves, tangents, backend)
    except UnusualError:
        return None
    try:
        program = PROGRAMS.get(structure, 0)
    except TypeError:  # the structure cannot be hashed
        return None
    if callable(program):
        try:
            return dict(zip(leaves, program(*values), strict=True))
        except Exception:  # fall back to the walks, which raise if this is a user's error
            PROGRAMS[structure] = None
    if program is None or callable(program):
        return None
    if program < OFTEN:
        if program == 0 and len(PROGRAMS) >= SIZE:
            _forget()
        PROGRAMS[structure] = program + 1
        return None
    PROGRAMS[structure] = None  # stays if the walks raise
    # (The walks free what is saved.)
    program = _compiled(nodes, values, y, leaves, tangents, level)
    found = _walked(node, y, leaves, tangents, level)
    expected = [(found or {}).get(leaf) for leaf in leaves]
    if program is not None and not _gives(program, values, expected, backend):
        program = None
    PROGRAMS[structure] = program
    return found


def _forget() -> None:
    """Make room: keep only the oldest programs, at most half of `SIZE`."""
    kept = [(key, program) for key, program in list(PROGRAMS.items()) if callable(program)]
    PROGRAMS.clear()
    PROGRAMS.update(kept[: SIZE // 2])


def _walked(
    node: Node, y: Any, leaves: list[Any], tangents: list[Any], level: Level
) -> dict[Any, Any] | None:
    """`products` by two walks of the graph."""
    backend = y._backend
    roots = {node: seed_for(y, None, True)}
    uses = count_uses(roots)
    if any([n.rule.primitive.is_custom or (type(n) is not Node and _is_watched(n)) for n in uses]):
        return None
    arrived = walk(roots, uses=uses, retain=True, lift=lifter(level, backend))
    cotangents: dict[Any, Any] = {}
    seen = list(tangents)
    for leaf, t in zip(leaves, tangents, strict=True):
        g: Any = arrived.get(leaf)
        if is_of(g, level) and g._node is not None:
            found = cotangents.get(g._node)
            cotangents[g._node] = t if found is None else found + t
            seen.append(g._value)
    if not cotangents:
        return {}
    lift = among_variables(seen)
    if lift is not None:
        cotangents = {n: lift(t, None) for n, t in cotangents.items()}
    return walk(cotangents, lift=lift, in_place=in_place_type(backend))


def _is_watched(node: Node) -> bool:
    """Whether `node` has hooks of the user."""
    extra = node.extra
    return bool(extra.hooks or extra.before or extra.sent)


# ---------------------------------------------------------------- the structure of a graph


def _structure(
    node: Node, y: Any, leaves: list[Any], tangents: list[Any], backend: Backend
) -> tuple[tuple[Any, ...], list[Any], list[Node]]:
    """The structure of a graph, the arrays in it, and its nodes.

    The structure is a tuple, and equal for any two graphs that the same program can replay. The
    arrays are the program's arguments.
    """
    readers = _readers(backend)
    places = {leaf: i for i, leaf in enumerate(leaves)}
    numbers: dict[Any, int] = {node: 0}
    nodes = [node]
    structure: list[Any] = [y.dtype]
    values: list[Any] = []
    for here in nodes:
        if type(here) is not Node:
            if here not in places or _is_watched(here):
                raise UnusualError("somebody looks at what arrives")
            structure.append(places[here])
            continue
        edge: Edge | None = here
        before: Any = NOTHING
        while edge is not None:
            parent: Any = edge.parent
            number = numbers.get(parent)
            if number is None:
                number = numbers[parent] = len(nodes)
                nodes.append(parent)
            saved = edge.saved
            structure += (edge.rule, number)
            if saved is before:  # the edges of a concatenation share one saved object
                structure.append(NOTHING)
            else:
                readers[type(saved)](saved, structure, values)
                before = saved
            edge = edge.more
            if len(nodes) > LIMIT or len(structure) > 20 * LIMIT:
                raise UnusualError("a program of this size takes long to be made")
        structure.append(None)
    for t in tangents:
        readers[type(t)](t, structure, values)
    return tuple(structure), values, nodes


class _Readers(dict[type, Callable[[Any, list[Any], list[Any]], None]]):
    """Functions, by type, that add a saved value to a structure.

    Each value is added together with its type, because values of different types can be equal (1,
    1.0 and True). Of an array the structure gets type, shape and dtype; the array itself goes into
    the list of values.
    """

    def __init__(self, backend: Backend) -> None:
        """Readers for what edges of `backend` save."""
        super().__init__()
        self.backend = backend
        for kind in (type(None), type(...), bool, int, str):
            self[kind] = _read_setting
        self.dtypes = {type(d) for d in backend.float_dtypes if not isinstance(d, type)}
        self.update(dict.fromkeys(self.dtypes, _read_setting))
        self[float] = self[complex] = _read_number
        self[slice] = _read_slice
        self[tuple] = self[list] = self._read_items

    def __missing__(self, kind: type) -> Any:
        """The reader of a type that comes for the first time."""
        return self._read_first  # it decides by a value, not by the type alone

    def _read_first(self, x: Any, structure: list[Any], values: list[Any]) -> None:
        """Decide how to read this type, remember it, and read `x`."""
        try:
            known = backend_of(x) is self.backend and not is_variable(x)
        except TypeMismatchError:
            known = False
        self[type(x)] = self.read_array if known else _refuse
        self[type(x)](x, structure, values)

    def read_array(self, x: Any, structure: list[Any], values: list[Any]) -> None:
        """Add the type, shape and dtype of an array; the array is a value."""
        structure += (type(x), x.shape, x.dtype)
        values.append(x)

    def _read_items(self, x: Any, structure: list[Any], values: list[Any]) -> None:
        """Add a tuple or list item by item; a pair (shape, dtype) as a whole."""
        if len(x) == 2 and type(x[0]) is tuple and type(x[1]) in self.dtypes:  # shape and dtype
            structure += (type(x), x)
            return
        structure += (type(x), len(x))
        for item in x:
            self[type(item)](item, structure, values)


def _refuse(x: Any, structure: list[Any], values: list[Any]) -> None:
    """Raise: a value of this type cannot be part of a structure."""
    raise UnusualError(f"{type(x).__name__} is saved")


def _read_setting(x: Any, structure: list[Any], values: list[Any]) -> None:
    """Add a setting that can be compared and hashed."""
    structure += (type(x), x)


def _read_slice(x: slice, structure: list[Any], values: list[Any]) -> None:
    """Add a slice, whose parts can be hashed in every version of Python."""
    structure += (slice, x.start, x.stop, x.step)


def _read_number(x: complex, structure: list[Any], values: list[Any]) -> None:
    """Add a float or complex number by its repr."""
    structure += (type(x), repr(x))  # tells -0.0 from 0.0, and nan equals itself


_readers = functools.cache(_Readers)


# ---------------------------------------------------------------- compiling it


def _compiled(
    nodes: list[Node],
    values: list[Any],
    y: Any,
    leaves: list[Any],
    tangents: list[Any],
    level: Level,
) -> Callable[..., Any] | None:
    """The program that computes `products`; None if the structure does not determine it."""

    def function(*arrays: Any) -> list[Any]:
        """`products`, of `arrays` in the place of `values`."""
        given = iter(arrays)
        copies = _copied(nodes, given, _readers(y._backend))
        ends = [copies.get(leaf, leaf) for leaf in leaves]
        root = wrap(y._read()[0], copies[nodes[0]], level, y._backend)
        found = _walked(copies[nodes[0]], root, ends, list(given), level)
        if found is None:
            raise UntraceableError("rules or hooks of the user")
        return [found.get(end) for end in ends]

    try:
        program = program_of(function, values, set())
    except Exception:  # never fatal: this structure will be walked instead
        return None
    sizes = [v.nbytes for call in program.calls for v in call.results]
    fixed = sum([v.nbytes for v, _ in program.constants])
    if program.hidden or max([fixed, *sizes]) >= LARGE:
        return None
    return emitted(program)


def _copied(nodes: list[Node], given: Iterator[Any], readers: _Readers) -> dict[Any, Node]:
    """A copy of the graph, with the arrays that are `given` in place of the saved ones."""

    def replaced(x: Any) -> Any:
        """`x` with each array replaced by the next one."""
        if type(x) in (tuple, list):
            if len(x) == 2 and type(x[0]) is tuple and type(x[1]) in readers.dtypes:
                return x  # shape and dtype
            return type(x)([replaced(item) for item in x])
        return next(given) if readers[type(x)] == readers.read_array else x

    copies: dict[Any, Node] = {node: new(type(node)) for node in nodes}
    for node, made in copies.items():
        edge: Edge | None = node
        copy: Any = made
        before: Any = NOTHING
        while edge is not None:
            if edge.saved is not before:
                before, saved = edge.saved, replaced(edge.saved)
                _check_settings(edge.rule, saved)
            copy.rule, copy.saved = edge.rule, saved
            copy.parent = edge.parent and copies[edge.parent]
            edge = edge.more
            copy.more = edge and new(Node)
            copy = copy.more
        if type(node) is LeafNode:
            made.extra = node.extra
    return copies


def _check_settings(rule: Rule, saved: Any) -> None:
    """Raise if a setting of the rule is an array; integer arrays that index are allowed."""
    if rule.is_careful:
        saved = saved[0]
    for name, value in zip(rule.names, rule.values(saved), strict=True):
        primitive = rule.primitive
        if name in ("y", "args") or name in primitive.positional[: len(primitive.formulas)]:
            continue
        chooses = name in primitive.positional
        for x in stand_ins((value,)):
            if not chooses or "bool" in str(x.dtype):
                raise UntraceableError(f"{primitive.name} has an array as its {name}")


def _gives(program: Any, values: Any, expected: Any, backend: Backend) -> bool:
    """Whether `program` reproduces the `expected` arrays."""
    try:
        return _same(program(*values), expected, backend)
    except Exception:
        return False


def _same(some: Any, others: Any, backend: Backend) -> bool:
    """Whether the arrays are the same: type, shape, dtype, strides, and every bit but the sign of
    zero.

    The library must compute at once, since values are compared.
    """
    for x, z in zip(some, others, strict=True):
        if x is None or z is None:
            if x is not z:
                return False
            continue
        alike = type(x) is type(z) and x.shape == z.shape and x.dtype == z.dtype
        alike = alike and getattr(x, "strides", None) == getattr(z, "strides", None)
        if not alike or not backend.raw("all")((x == z) | ((x != x) & (z != z))):
            return False
    return True
