"""Primitives: call the raw function, record a Node, keep what the rule names.

A `Primitive` is a row of the rule book. Its `Rule`s, one per input that has a gradient, know how a
cotangent travels back. The names of a formula's parameters say what is kept for it: ``x x1 x2 ...``
the inputs, ``y`` the output, ``like`` shape and dtype of the input, anything else a keyword.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any

from . import cells, cotangents
from .backend import BACKENDS, SCALARS, Backend, backend_of, mixed
from .errors import GraphFreedError, MixedDevicesError, PluggradError, TypeMismatchError
from .graph import Edge, LeafNode, Node
from .levels import ROOT, VOLATILE, Level, deepest, read

__all__ = ["PASS", "PRIMITIVES", "Primitive", "Rule", "apply", "bind", "bind_binary", "bind_unary"]

PRIMITIVES: dict[str, Primitive] = {}
new = object.__new__


def PASS(t: Any) -> Any:
    """The formula of an input that enters unchanged, as both of `add` do."""
    return t


class Rule:
    """How the cotangent `g` of a primitive's output reaches its input number `position`.

    `pull(g, saved)` is all that the walk calls. `careful` is the same rule with what broadcasting,
    mixed dtypes and complex numbers need around it; which one an edge holds is decided while
    recording, so that the walk never looks at a shape or a dtype.
    """

    __slots__ = ("careful", "code", "formula", "freed", "fresh", "is_careful", "keeps", "names",
                 "pick", "position", "primitive", "pull")  # fmt: skip

    def __init__(self, primitive: Primitive, position: int, formula: Callable[..., Any]) -> None:
        self.primitive = primitive
        self.position = position
        self.formula = formula
        self.names = () if formula is PASS else tuple(inspect.signature(formula).parameters)[1:]
        self.pick = _picker(primitive, position, self.names)
        self.keeps = any(primitive.saves(name) for name in self.names)
        self.fresh = formula is not PASS and (
            primitive.fresh or primitive.kind in ("elementwise", "bilinear")
        )
        self.pull = _puller(formula, len(self.names))
        # What the two fast recorders need to know: which one value is kept (see `bind_unary`).
        places = {(): 0, (primitive.parameters[0],): 1, (primitive.parameters[1:2] or ("",)): 2}
        self.code = places.get(self.names, 3 if self.names == ("y",) else 4)
        self.is_careful = False
        self.freed = primitive.freed
        self.careful = careful = new(Rule)
        for name in Rule.__slots__:
            if name != "careful":
                setattr(careful, name, getattr(self, name))
        careful.careful = careful
        careful.is_careful = True
        careful.fresh = primitive.fresh
        careful.pull = _careful_pull(self.pull, primitive.holomorphic)

    def values(self, saved: Any) -> tuple[Any, ...]:
        """What is saved, as a tuple in the order of `names`."""
        if len(self.names) == 1:
            return (saved,)
        return saved if self.names else ()


def _puller(formula: Callable[..., Any], count: int) -> Callable[[Any, Any], Any]:
    if count == 0:
        return lambda g, saved: formula(g)
    if count == 1:
        return formula
    return lambda g, saved: formula(g, *saved)


def _careful_pull(pull: Callable[[Any, Any], Any], holomorphic: bool) -> Callable[[Any, Any], Any]:
    """`pull` for inputs that were broadcast, of another dtype than the output, or complex.

    Formulas of elementwise, linear and bilinear primitives are transposes; the gradient convention
    (∂L/∂Re + i ∂L/∂Im, as torch's) asks for the adjoint, conj ∘ transpose ∘ conj.
    """
    def careful(g: Any, kept: Any) -> Any:
        saved, like = kept
        if holomorphic:
            g = cotangents.conjugate(pull(cotangents.conjugate(g), saved))
        else:
            g = pull(g, saved)
        return cotangents.fit(g, like)

    return careful


def _picker(primitive: Primitive, position: int, names: tuple[str, ...]) -> Callable[..., Any]:
    """A function of (args, kwargs, y, backend) that collects the values named."""
    getters = [_getter(primitive, position, name) for name in names]
    if not getters:
        return lambda args, kwargs, y, like: None
    if len(getters) == 1:
        return getters[0]
    return lambda args, kwargs, y, like: tuple([get(args, kwargs, y, like) for get in getters])


def _getter(primitive: Primitive, position: int, name: str) -> Callable[..., Any]:
    if name == "y":
        return lambda args, kwargs, y, like: y
    if name == "i":
        return lambda args, kwargs, y, like: position
    if name == "like":
        return lambda args, kwargs, y, like: like(args[position])
    if name == "likes":
        return lambda args, kwargs, y, like: tuple([like(x) for x in args])
    if name in ("like1", "like2"):
        place = int(name[-1]) - 1
        return lambda args, kwargs, y, like: like(args[place])
    if name == "like_y":
        return lambda args, kwargs, y, like: like(y)
    if name in primitive.positional:
        place = primitive.positional.index(name)
        return lambda args, kwargs, y, like: args[place]
    if name == "args":
        return lambda args, kwargs, y, like: args
    if name == "kwargs":
        return lambda args, kwargs, y, like: kwargs
    default = primitive.defaults[name]
    return lambda args, kwargs, y, like: kwargs.get(name, default)


def _freed_rule(primitive: Primitive) -> Rule:
    """What stands on the edges of a node after its saved values were let go."""

    def refuse(g: Any, saved: Any) -> Any:
        raise GraphFreedError(
            f"backward through {primitive.name!r} a second time: the values it had saved were "
            "freed by the first. Give `retain_graph=True` to the first call, or run the forward "
            "computation again."
        )

    rule = new(Rule)
    rule.primitive, rule.position, rule.names, rule.pull = primitive, -1, (), refuse
    rule.keeps = rule.fresh = rule.is_careful = False
    rule.freed = rule
    return rule


class Primitive:
    """One differentiable operation: a name, the standard's signature, a formula per input.

    `kind` says what a formula is: the partial derivative times `t` (elementwise), the transpose
    (linear, bilinear), or the adjoint itself (general); ``constant`` has none. See `rules`.
    """

    rules: tuple[Rule | None, ...]

    def __init__(
        self,
        signature: str,
        kind: str,
        formulas: tuple[Callable[..., Any] | None, ...],
        *,
        jvp: Callable[..., Any] | None = None,
        fallback: Callable[..., Any] | None = None,
        variadic: bool = False,
        aliases: bool = False,
        private: bool = False,
        takes_scatter: bool = False,
        partial: bool = False,
        fresh: bool = False,
        holomorphic: bool = False,
        view: bool = False,
        put: Callable[..., Any] | None = None,
        promotes: bool = False,
        needs: str = "",
    ) -> None:
        self.name, self.signature = signature.split("(", 1)[0], signature
        self.kind = kind
        self.jvp = jvp
        self.fallback = fallback
        self.variadic = variadic
        self.aliases = aliases or view
        self.view = view
        self.put = put
        self.promotes = promotes
        self.needs = needs.split()  # what the fallback calls, and a library may lack
        self.private = private
        self.takes_scatter = takes_scatter
        self.partial = partial
        self.fresh = fresh  # whether all formulas make new arrays, never `g` or a saved one
        self.holomorphic = holomorphic or kind in ("elementwise", "bilinear")
        arguments = "(" + signature.split("(", 1)[1]
        self.parsed = inspect.signature(eval(f"lambda {arguments[1:-1]}: None"))
        self.parameters = tuple(self.parsed.parameters)
        only = inspect.Parameter.POSITIONAL_ONLY
        count = sum(p.kind is only for p in self.parsed.parameters.values())
        self.positional = self.parameters[: max(count, len(formulas))]
        self.defaults = {name: p.default for name, p in self.parsed.parameters.items()}
        self.formulas = formulas
        self.freed = _freed_rule(self)
        self.rules = tuple(
            None if formula is None else Rule(self, position, formula)
            for position, formula in enumerate(formulas)
        )
        keeps = any(rule is not None and rule.keeps for rule in self.rules)
        self.keeps = keeps
        for rule in self.rules:
            if rule is not None:
                rule.keeps = rule.careful.keeps = keeps
        self._later: dict[int, Rule] = {}
        PRIMITIVES[self.name] = self

    def saves(self, name: str) -> bool:
        """Whether keeping `name` keeps an array."""
        return name in ("y", "args") or name in self.positional[: max(1, len(self.formulas))]

    def rule(self, position: int) -> Rule | None:
        """The rule of input number `position`; variadic primitives have one formula for all."""
        if not self.variadic:
            rules = self.rules
            return rules[position] if position < len(rules) else None
        rule = self._later.get(position)
        if rule is None:
            formula = self.formulas[0]
            assert formula is not None
            rule = self._later[position] = Rule(self, position, formula)
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on values of any level: raw arrays give a raw array, Variables a Variable."""
        backend = backend_among(args, self.name)
        return evaluate(self, args, kwargs, backend.raw(self.name), backend)

    def __repr__(self) -> str:
        return f"<{self.kind} primitive {self.signature}>"


def backend_among(args: tuple[Any, ...], where: str) -> Backend:
    """The one backend of the arrays in `args`."""
    backend: Backend | None = None
    for x in args:
        if type(x) in SCALARS or x is None:
            continue
        try:
            other = backend_of(x)
        except TypeMismatchError:
            if not hasattr(x, "dtype") or isinstance(x, type):
                continue
            raise
        if other is not None and other is not backend:
            if backend is not None:
                raise mixed(backend, other, where)
            backend = other
    if backend is None:
        raise TypeMismatchError(f"{where}: there is no array among the arguments")
    return backend


def evaluate(
    primitive: Primitive, args: Any, kwargs: Any, raw: Callable[..., Any], backend: Backend
) -> Any:
    """The operation at the deepest level among `args`; a raw result where there are none."""
    level: Level | None = None
    variable = backend.variable
    for x in args:
        if isinstance(x, variable) and x._level is not level:
            level = x._level if level is None else deepest(x._level, level)
    if level is None:
        return raw(*args, **kwargs)
    if level.process is not None:
        return level.process(primitive, args, kwargs, raw, level, backend)
    return record(primitive, args, kwargs, raw, level, backend)


def record(
    primitive: Primitive,
    args: Any,
    kwargs: Any,
    raw: Callable[..., Any],
    level: Level,
    backend: Backend,
) -> Any:
    """Compute one level further down, and leave a Node if an input asks for one."""
    variable = backend.variable
    inner = []
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
                inner.append(x._snapshot())  # of another level: a constant here
                nested = True
                continue
            nested = nested or type(x) is not variable
            inner.append(x._value)
        else:
            inner.append(x)
    y = evaluate(primitive, inner, kwargs, raw, backend) if nested else raw(*inner, **kwargs)
    if celled and (primitive.aliases or tracked and primitive.keeps):
        _lend(args, variable)
    if not tracked or primitive.kind == "constant" or level in read().off:
        return wrap_untracked(y, backend, VOLATILE if level is VOLATILE else ROOT)
    if nested and isinstance(y, variable) and y._node is None and y._level is ROOT:
        y = y._value
    several = isinstance(y, tuple)
    if not several and y.dtype not in backend.float_dtypes:
        return wrap_untracked(y, backend)  # integers and booleans have no gradient
    like = backend.like
    first: Edge | None = None
    for position in range(len(args) - 1, -1, -1):
        x = args[position]
        if not isinstance(x, variable) or x._level is not level or x._node is None:
            continue
        rule = primitive.rule(position)
        if rule is None:
            continue
        saved = rule.pick(inner, kwargs, y, like)
        if not plain(primitive, inner, inner[position], y, several, backend):
            saved = (saved, like(inner[position]))
            rule = rule.careful
        node = new(Node)
        node.rule, node.saved, node.parent, node.more = rule, saved, x._node, first
        first = node
    if first is None:
        return wrap_untracked(y, backend, ROOT)
    if several:
        return _outputs(y, first, level, backend)
    return wrap(y, first, level, backend)


def _lend(args: Any, variable: type) -> None:
    """Somebody keeps these buffers from now on: the next write copies first. (What a view shows
    is never in an owned buffer, see `cells`.)"""
    for x in args:
        if isinstance(x, variable) and x._cell is not None and not x._chain:
            x._cell.owned = False


def plain(
    primitive: Primitive, inner: Any, value: Any, y: Any, several: bool, backend: Backend
) -> bool:
    """Whether a cotangent of `y` has the dtype and shape that `value` needs, and is real."""
    if several or y.dtype != value.dtype:
        return False
    kind = primitive.kind
    if y.dtype not in backend.real_dtypes:
        return kind == "linear" and not primitive.holomorphic
    if kind == "elementwise":
        return bool(y.shape == value.shape)
    if kind == "bilinear":
        return all(getattr(x, "ndim", 0) == 2 and x.dtype == y.dtype for x in inner)
    return True


def wrap(y: Any, node: Any, level: Level, backend: Backend) -> Any:
    """A Variable for the result `y`, without the checks of the public constructor."""
    v = new(backend.nested if isinstance(y, backend.variable) else backend.variable)
    v._value, v._node, v._level, v._cell = y, node, level, None
    opened = read().level
    if opened is not ROOT:
        v._birth = opened
    return v


def wrap_untracked(y: Any, backend: Backend, level: Level = ROOT) -> Any:
    """`y`, computed without recording, as a Variable; tuples and lists item by item."""
    if isinstance(y, (tuple, list)) and not hasattr(y, "shape"):
        items = [wrap_untracked(item, backend, level) for item in y]
        return type(y)(*items) if hasattr(y, "_fields") else type(y)(items)
    if isinstance(y, backend.variable) or BACKENDS.get(type(y), backend) is None:
        return y
    return wrap(y, None, level, backend)


def _outputs(y: tuple[Any, ...], node: Node, level: Level, backend: Backend) -> Any:
    """One Variable per output; each has a small node of its own that hands on its share."""
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
    part = new(Node)
    part.rule, part.saved, part.parent, part.more = PART, (number, likes), node, None
    return part


def part_of(node: Node, y: tuple[Any, ...], number: int) -> Node:
    """A node for output `number` of `node`, whose outputs are `y`."""
    return _part(node, number, tuple([_like(item) for item in y]))


def _like(x: Any) -> Any:
    backend = backend_of(x)
    assert backend is not None
    return backend.like(x)


def apply(
    primitive: Primitive, args: Any, kwargs: Any, raw: Callable[..., Any], backend: Backend
) -> Any:
    """An operation called by a user: arguments checked, and always a Variable returned."""
    args = [convert(x, backend, primitive) for x in args]
    if primitive.promotes:
        args = promote(args, backend)
    try:
        y = wrap_untracked(evaluate(primitive, args, kwargs, raw, backend), backend)
    except (RuntimeError, TypeError, ValueError) as error:
        one_device(args, primitive.name, error)
        raise
    if primitive.view and isinstance(args[0], backend.variable):
        return cells.view_of(args[0], y, primitive, args[1:], kwargs)
    return y


def one_device(args: Any, where: str, error: Exception | None = None) -> None:
    """Raise MixedDevicesError if arrays among `args` are not on the same device."""
    arrays = [x for arg in args for x in (arg if isinstance(arg, (list, tuple)) else (arg,))]
    devices = {str(cotangents.device_of(x)) for x in arrays if hasattr(x, "shape")}
    if len(devices) > 1 and not isinstance(error, PluggradError):
        raise MixedDevicesError(
            f"{where}: arrays on the devices {' and '.join(sorted(devices))} cannot be mixed. Move "
            "one of them explicitly, with `.to_device(...)`."
        ) from error


def promote(args: list[Any], backend: Backend) -> list[Any]:
    """Scalars as arrays, and integers as floats, of the dtype that `args` have together."""
    arrays = [x for x in args if hasattr(x, "dtype")]
    dtypes = {x.dtype for x in arrays}
    if not arrays or (len(arrays) == len(args) and dtypes <= backend.float_dtypes):
        return args
    floats = dtypes & backend.float_dtypes
    try:
        dtype = backend.xp.result_type(*dtypes)
    except TypeError:  # the standard leaves integers beside floats open
        dtype = backend.xp.result_type(*floats) if floats else None
    if dtype not in backend.float_dtypes:
        dtype = backend.xp.asarray(1.0).dtype
    device = cotangents.device_of(arrays[0])
    return [
        backend.xp.asarray(x, dtype=dtype, device=device) if type(x) in SCALARS
        else backend.namespace.astype(x, dtype) if x is not None and x.dtype not in floats
        else x
        for x in args
    ]  # fmt: skip


def operand(x: Any, backend: Backend) -> Any:
    """NotImplemented if `x` is nothing that an operator of a Variable knows, so that Python asks
    the other operand."""
    if type(x) in SCALARS:
        return True
    try:
        return backend_of(x) is not None or NotImplemented
    except TypeMismatchError:
        return NotImplemented


def convert(x: Any, backend: Backend, primitive: Primitive) -> Any:
    """`x` as an argument beside arrays of `backend`, or an error that says what to do."""
    try:
        other = BACKENDS[type(x)]
    except KeyError:
        if isinstance(x, (tuple, list, slice)) or x is Ellipsis or isinstance(x, type):
            return x
        try:
            other = backend_of(x)
        except TypeMismatchError:
            return x
    if other is backend or other is None:
        return x
    if other.name == "numpy" and x.ndim == 0 and not hasattr(x, "__setitem__"):
        return x.item()  # np.generic: a weak scalar beside other libraries' arrays
    raise mixed(backend, other, primitive.name)


# ---------------------------------------------------------------- the hot path


def settled(x: Any, cell: Any) -> bool:
    """Whether a handle with a cell shows its present value, in a buffer that others may hold."""
    return x._seen == cell.version and (not cell.owned or bool(x._chain))


def bind_unary(primitive: Primitive, backend: Backend, raw: Callable[..., Any]) -> Any:
    """`primitive` of one argument over one backend, with a short cut for tracked arrays."""
    cls, reals = backend.variable, backend.real_dtypes
    rule = primitive.rules[0]
    if rule is None or rule.code == 4:
        return lambda x, /: apply(primitive, (x,), {}, raw, backend)
    code = rule.code

    def operate(x: Any, /) -> Any:
        if type(x) is cls and ((c := x._cell) is None or settled(x, c)) and not read().off:
            parent = x._node
            if parent is not None and (level := x._level).process is None:
                value = x._value
                y = raw(value)
                if y.dtype in reals:
                    node = new(Node)
                    node.rule = rule
                    node.saved = y if code == 3 else value if code == 1 else None
                    node.parent = parent
                    node.more = None
                    v = new(cls)
                    v._value, v._node, v._level, v._cell = y, node, level, None
                    return v
        return apply(primitive, (x,), {}, raw, backend)

    return operate


def bind_binary(
    primitive: Primitive,
    backend: Backend,
    raw: Callable[..., Any],
    *,
    reflected: bool = False,
    check: Callable[[Any, Backend], Any] | None = None,
) -> Any:
    """`primitive` of two arguments, with a short cut for tracked arrays beside others of the same
    library and level, and beside raw arrays and Python scalars. `reflected` takes its arguments
    swapped; operators `check` the other operand, and may answer NotImplemented."""
    cls, reals, like = backend.variable, backend.real_dtypes, backend.like
    constants = {float, int, backend.adapter.array_type}
    rule1, rule2 = primitive.rules
    assert rule1 is not None and rule2 is not None
    code1, code2 = rule1.code, rule2.code
    # The product of a value with itself is its square: one edge instead of two.
    itself = PRIMITIVES["square"].rules[0] if primitive.name == "multiply" else None

    def operate(x1: Any, x2: Any, /) -> Any:
        parent1 = parent2 = level = None
        if type(x1) is cls:
            if (c := x1._cell) is not None and not settled(x1, c):
                return general(x1, x2)
            value1, parent1, level = x1._value, x1._node, x1._level
        elif type(x1) in constants:
            value1 = x1
        else:
            return general(x1, x2)
        if type(x2) is cls:
            if (c := x2._cell) is not None and not settled(x2, c):
                return general(x1, x2)
            value2, parent2 = x2._value, x2._node
            if level is None:
                level = x2._level
            elif x2._level is not level:
                return general(x1, x2)
        elif type(x2) in constants:
            value2 = x2
        else:
            return general(x1, x2)
        if (
            (parent1 is None and parent2 is None)
            or level is None or level.process is not None
            or read().off
        ):  # fmt: skip
            return general(x1, x2)
        try:
            y = raw(value1, value2)
        except (RuntimeError, ValueError) as error:
            one_device((value1, value2), primitive.name, error)
            raise
        dtype = y.dtype
        real = dtype in reals
        node: Any = None
        if itself is not None and x1 is x2 and real:
            node = new(Node)
            node.rule, node.saved, node.parent, node.more = itself, value1, parent1, None
        else:
            if parent2 is not None:
                node = new(Node)
                node.parent, node.more = parent2, None
                if not code2:
                    saved = None
                elif code2 == 1:
                    saved = value1
                elif code2 == 3:
                    saved = y
                else:
                    saved = value2 if code2 == 2 else rule2.pick((value1, value2), {}, y, like)
                if real and value2.dtype is dtype and value2.shape == y.shape:
                    node.rule, node.saved = rule2, saved
                else:
                    node.rule, node.saved = rule2.careful, (saved, like(value2))
            if parent1 is not None:
                edge = node
                node = new(Node)
                node.parent, node.more = parent1, edge
                if not code1:
                    saved = None
                elif code1 == 2:
                    saved = value2
                elif code1 == 3:
                    saved = y
                else:
                    saved = value1 if code1 == 1 else rule1.pick((value1, value2), {}, y, like)
                if real and value1.dtype is dtype and value1.shape == y.shape:
                    node.rule, node.saved = rule1, saved
                else:
                    node.rule, node.saved = rule1.careful, (saved, like(value1))
        v = new(cls)
        v._value, v._node, v._level, v._cell = y, node, level, None
        return v

    def general(x1: Any, x2: Any) -> Any:
        if check is not None and check(x1 if reflected else x2, backend) is NotImplemented:
            return NotImplemented
        return apply(primitive, (x1, x2), {}, raw, backend)

    return (lambda x2, x1, /: operate(x1, x2)) if reflected else operate


def bind(primitive: Primitive, backend: Backend) -> Any:
    """`primitive` over one backend, as a function with the standard's own signature."""
    raw = backend.raw(primitive.name)
    if primitive.kind == "elementwise" and primitive.parameters == ("x",):
        function = bind_unary(primitive, backend, raw)
    elif primitive.promotes:
        function = _with_signature(primitive, backend, raw)
    elif primitive.kind == "elementwise" and primitive.parameters == ("x1", "x2"):
        function = bind_binary(primitive, backend, raw)
    else:
        function = _with_signature(primitive, backend, raw)
    function.__name__ = function.__qualname__ = primitive.name.split(".")[-1]
    function.__signature__ = primitive.parsed
    function.__module__ = "pluggrad"
    return function


def _with_signature(primitive: Primitive, backend: Backend, raw: Callable[..., Any]) -> Any:
    """A `def` with the primitive's parameters, as dataclasses make their `__init__`: the
    interpreter itself then checks the call, which costs a tenth of `inspect.Signature.bind`.
    Arguments at their defaults are not passed on, so that older libraries need not know them."""
    arguments = primitive.signature.split("(", 1)[1][:-1]
    names = list(primitive.parameters)
    lines = [f"def function({arguments}):", "    kwargs = {}"]
    for name in names[len(primitive.positional) :]:
        if primitive.defaults[name] is inspect.Parameter.empty:
            lines.append(f"    kwargs['{name}'] = {name}")
        else:
            lines.append(f"    if {name} is not defaults['{name}']: kwargs['{name}'] = {name}")
    positional = "".join(f"{name}, " for name in primitive.positional)
    if primitive.variadic:
        positional = f"*{primitive.positional[0]}, "
    lines.append(f"    return apply(primitive, ({positional}), kwargs, raw, backend)")
    scope = {"apply": apply, "primitive": primitive, "raw": raw, "backend": backend,
             "defaults": primitive.defaults}  # fmt: skip
    exec("\n".join(lines), scope)
    return scope["function"]


#: Two primitives of the graph itself: one output among several, and the end of a walk.
PART: Any = Primitive("part(x, /)", "general", (lambda g, kwargs: g,), private=True).rules[0]
PART.pull = lambda g, saved: cotangents.Shares(g, *saved)
LEAF: Any = Primitive("accumulate_grad(x, /)", "general", (PASS,), private=True).rules[0]


def make_leaf(variable: Any) -> LeafNode:
    """The node where cotangents for `variable` arrive."""
    node = new(LeafNode)
    node.rule, node.saved, node.parent, node.more = LEAF, None, None, None
    node.more_of().variable = weakref.ref(variable)
    return node
