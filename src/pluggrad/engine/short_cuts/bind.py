"""The hot path: primitives bound to one backend, with short cuts for the common cases.

The short cuts do what `record` does, for tracked arrays of one library at one level with no modes
on. Everything else goes to `apply`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...arrays.backend import Backend
from ...arrays.composites import WIDER
from ...arrays.dispatch import is_variable
from ...arrays.standard import parse
from ..arguments import explain, integers, no_axis, number, setting, several
from ..graph import Node
from ..handles import make, wrap
from ..levels import ROOT, read
from ..operation import apply
from ..primitive import LISTS, Primitive, new
from ..record import alone
from ..saved import keep
from ..views import settled, view_of
from . import over_duals, over_variables
from .one_edge import beside_number, with_itself

__all__ = ["bind", "bind_binary", "bind_first", "bind_unary"]

NONE: dict[str, Any] = {}  # no keywords; shared and never written
SIMPLE = frozenset({int, bool, float, str, type(None)})  # settings that need no conversion
WHOLE = frozenset({int, type(None)})  # types of settings that count something or name an axis
NUMBERS = frozenset({int, float})
MORE_AXES = {"expand_dims", "stack", "concat"}  # `axis` need not be an axis of the first argument
RUNNING = {"cumulative_sum", "cumulative_prod", "argsort"}  # need an axis even by default


def bind_unary(primitive: Primitive, backend: Backend, raw: Callable[..., Any]) -> Any:
    """`primitive` of one argument over one backend, with a short cut for tracked arrays."""
    cls, reals = backend.variable, backend.real_dtypes
    rule = primitive.rules[0]
    if rule is None or rule.code == 4:
        return lambda x, /: apply(primitive, (x,), {}, raw, backend)
    code = rule.code
    bound: Any
    others = _other_levels(primitive, backend, raw, lambda args, kwargs: bound(*args))

    def operate(x: Any, /) -> Any:
        if type(x) is cls and ((c := x._cell) is None or settled(x, c)):
            parent = x._node
            if parent is None:
                if x._level is ROOT and read().modes is None:
                    try:
                        return wrap(raw(x._value), None, ROOT, backend)
                    except Exception as error:
                        explain(error, primitive.name, (x._value,))
            elif (level := x._level) is read().plain:
                value = x._value
                try:
                    y = raw(value)
                    real = y.dtype in reals
                except Exception as error:
                    explain(error, primitive.name, (value,))
                if real:
                    node = Node()
                    node.rule, node.parent, node.more = rule, parent, None
                    node.saved = y if code == 3 else value if code == 1 else None
                    v = new(cls)
                    v._value, v._node = y, node
                    v._level, v._cell = level, None
                    return v
        elif (short := others.get(type(x))) and (v := short((x,), NONE)) is not None:
            return v
        return apply(primitive, (x,), {}, raw, backend)

    bound = _keeping(operate, backend)
    return bound


def _other_levels(
    primitive: Primitive, backend: Backend, raw: Callable[..., Any], bound: Callable[..., Any]
) -> dict[type, Callable[..., Any]]:
    """The short cuts for duals and nested Variables, by class. Each is a function of the arguments
    and the keywords that returns None where it does not apply. `bound` runs `primitive` at the
    levels below."""
    found = {
        backend.dual: over_duals.short_cut(primitive, backend, raw, bound),
        backend.nested: over_variables.short_cut(primitive, backend, bound),
    }
    return {cls: short for cls, short in found.items() if short is not None}


def _keeping(operate: Any, backend: Backend) -> Any:
    """`operate`, followed by what a library with an autograd of its own asks for. If it counts
    writes, saved arrays are checked for changes before they are used. If it has a switch for
    recording, that holds, too. If it records the result itself, the operation is refused."""
    if not backend.counts_writes:
        return operate
    cls, records, follows = backend.variable, backend.records, backend.follows

    def kept(*args: Any) -> Any:
        v = operate(*args)
        if type(v) is cls and (node := v._node) is not None:
            if v._level is ROOT:
                if records is not None and not records():
                    v._node = None
                    return v
                if follows is not None and follows(v._value):
                    alone(node.rule.primitive.name, (v,), backend)
            keep(node, backend)
        return v

    return kept


def bind_binary(
    primitive: Primitive,
    backend: Backend,
    raw: Callable[..., Any],
    *,
    reflected: bool = False,
    check: Callable[[Any, Backend], Any] | None = None,
) -> Any:
    """`primitive` of two arguments over one backend, with a short cut for tracked arrays.

    The other argument may be an array of the same library and level, a raw array or a Python
    scalar. With `reflected`, the arguments come swapped. Operators give a `check` of the other
    operand; if it returns NotImplemented, so does the operation.
    """
    cls, reals, like = backend.variable, backend.real_dtypes, backend.like
    constants = {float, int, backend.adapter.array_type}
    rule1, rule2 = primitive.rules
    assert rule1 is not None and rule2 is not None
    code1, code2 = rule1.code, rule2.code
    bilinear = primitive.kind == "bilinear"
    before_number = beside_number(primitive, backend, raw, True)
    after_number = beside_number(primitive, backend, raw, False)
    times_itself = with_itself(primitive, backend, raw)
    bound: Any
    others = _other_levels(primitive, backend, raw, lambda args, kwargs: bound(*args))

    def operate(x1: Any, x2: Any, /) -> Any:
        kind1, kind2, v = type(x1), type(x2), None
        try:
            if kind1 is cls:
                if kind2 is float or kind2 is int:
                    v = before_number(x1, x2)
                elif x1 is x2:
                    v = times_itself(x1)
            elif kind2 is cls and (kind1 is float or kind1 is int):
                v = after_number(x2, x1)
        except Exception as error:
            explain(error, primitive.name, (x1, x2))
        if v is not None:
            return v
        parent1 = parent2 = level = None
        if kind1 is cls:
            if (c := x1._cell) is not None and not settled(x1, c):
                return general(x1, x2)
            value1, parent1, level = x1._value, x1._node, x1._level
        elif kind1 in constants:
            value1 = x1
        else:
            return general(x1, x2)
        if kind2 is cls:
            if (c := x2._cell) is not None and not settled(x2, c):
                return general(x1, x2)
            value2, parent2 = x2._value, x2._node
            # x1 without a Node at ROOT is a constant at every level.
            if level is None or (parent1 is None and level is ROOT):
                level = x2._level
            elif x2._level is not level and (parent2 is not None or x2._level is not ROOT):
                return general(x1, x2)
        elif kind2 in constants:
            value2 = x2
        else:
            return general(x1, x2)
        untracked = parent1 is None and parent2 is None
        state = read()
        if untracked:
            if level is not ROOT or state.modes is not None:
                return general(x1, x2)
        elif level is not state.plain:
            return general(x1, x2)
        try:
            y = raw(value1, value2)
        except Exception as error:
            explain(error, primitive.name, (value1, value2))
        if untracked:
            return wrap(y, None, ROOT, backend)
        dtype, shape = y.dtype, y.shape
        fits = dtype in reals  # whether the ordinary rule serves, if dtypes and shapes agree
        if bilinear and fits:
            fits = len(value1.shape) <= 2 >= len(value2.shape) and value1.dtype is value2.dtype
        kept = (None, value1, value2, y)  # indexed by `Rule.code`
        node = None
        if parent2 is not None:
            node = Node()
            saved = kept[code2] if code2 < 4 else rule2.pick((value1, value2), NONE, y, like)
            if fits and value2.dtype is dtype and (bilinear or value2.shape == shape):
                node.rule, node.saved = rule2, saved
            else:
                node.rule, node.saved = rule2.careful, (saved, like(value2))
            node.parent, node.more = parent2, None
        if parent1 is not None:
            edge, node = node, Node()
            saved = kept[code1] if code1 < 4 else rule1.pick((value1, value2), NONE, y, like)
            if fits and value1.dtype is dtype and (bilinear or value1.shape == shape):
                node.rule, node.saved = rule1, saved
            else:
                node.rule, node.saved = rule1.careful, (saved, like(value1))
            node.parent, node.more = parent1, edge
        v = new(cls)
        v._value, v._node = y, node
        v._level, v._cell = level, None
        return v

    def general(x1: Any, x2: Any) -> Any:
        for x in (x1, x2):
            if (short := others.get(type(x))) and (v := short((x1, x2), NONE)) is not None:
                return v
        if check is not None and check(x1 if reflected else x2, backend) is NotImplemented:
            return NotImplemented
        return apply(primitive, (x1, x2), {}, raw, backend)

    bound = _keeping(operate, backend)
    return (lambda x2, x1, /: bound(x1, x2)) if reflected else bound


def bind_first(
    primitive: Primitive, backend: Backend, raw: Callable[..., Any]
) -> Callable[[tuple[Any, ...], Any], Any]:
    """`primitive`, of which only the first argument has a derivative, with a short cut for tracked
    arrays. Returns a function of the arguments and the keywords."""
    cls, reals, floats, like = (
        backend.variable, backend.real_dtypes, backend.float_dtypes, backend.like
    )  # fmt: skip
    rule = primitive.rules[0]
    assert rule is not None
    bound: Callable[[tuple[Any, ...], Any], Any]
    others = _other_levels(primitive, backend, raw, lambda args, kwargs: bound(args, kwargs))

    def operate(args: tuple[Any, ...], kwargs: Any) -> Any:
        x = args[0]
        if type(x) is not cls or not ((c := x._cell) is None or settled(x, c)):
            if (short := others.get(type(x))) and (v := short(args, kwargs)) is not None:
                return v
            return apply(primitive, args, kwargs, raw, backend)
        parent, level, value = x._node, x._level, x._value
        dtype = value.dtype
        if parent is None:
            if level is not ROOT or read().modes is not None:
                return apply(primitive, args, kwargs, raw, backend)
        elif level is not read().plain or dtype not in reals:
            return apply(primitive, args, kwargs, raw, backend)
        values = (value, *args[1:])
        try:
            y = raw(*values, **kwargs)
        except Exception as error:
            explain(error, primitive.name, args)
        found = y.dtype
        if parent is None or found not in floats:  # integers and booleans have no gradient
            v = wrap(y, None, ROOT, backend)
        else:
            node = Node()
            node.rule, node.saved = rule, rule.pick(values, kwargs, y, like)
            node.parent, node.more = parent, None
            if found != dtype:
                node.rule, node.saved = rule.careful, (node.saved, like(value))
            v = make(cls, y, node, level)
        return v

    bound = _keeping(operate, backend)
    if not primitive.view:
        return bound

    def look(args: tuple[Any, ...], kwargs: Any) -> Any:
        x, v = args[0], bound(args, kwargs)
        if v._cell is not None or not is_variable(x):  # `apply` has made it a view already
            return v
        return view_of(x, v, primitive, args[1:], kwargs)

    return look


def bind(primitive: Primitive, backend: Backend, wide: Callable[..., Any] | None = None) -> Any:
    """`primitive` over one backend, as a function with the standard's own signature, or with the
    wider one that `WIDER` holds. `wide` is the function that is called for arguments beyond the
    standard."""
    raw = backend.raw(primitive.name)
    # (Functions of extensions, with "." in their names, may change dtypes.)
    simple = primitive.parameters == ("x",) and "." not in primitive.name
    if primitive.kind == "elementwise" and simple:
        function = bind_unary(primitive, backend, raw)
        if wide is not None:
            function = _compiled(WIDER[primitive.name].arguments, _wider(primitive),
                                 ["    return narrow(x)"], wide=wide, narrow=function)  # fmt: skip
    elif primitive.promotes:
        function = _with_signature(primitive, backend, raw, wide)
    elif (primitive.kind == "elementwise" or primitive.contracts) and primitive.parameters == (
        "x1", "x2",
    ):  # fmt: skip
        function = bind_binary(primitive, backend, raw)
        if wide is not None:
            body = ["    return narrow(x1, x2)"]
            function = _compiled(WIDER[primitive.name].arguments, _wider(primitive), body,
                                 wide=wide, narrow=function)  # fmt: skip
    else:
        function = _with_signature(primitive, backend, raw, wide)
    function.__name__ = function.__qualname__ = primitive.name.split(".")[-1]
    function.__signature__ = (
        parse(WIDER[primitive.name].arguments) if primitive.name in WIDER else primitive.parsed
    )
    function.__module__ = "pluggrad"
    return function


def _wider(primitive: Primitive) -> list[str]:
    """The lines that lead to the wider form of `primitive`, called `wide`; none if there is no such
    function."""
    if primitive.name not in WIDER or WIDER[primitive.name].function is None:
        return []
    arguments, _, when = WIDER[primitive.name]
    parameters = parse(arguments).parameters.values()
    more = [p for p in parameters if p.name not in primitive.parameters]
    given = [
        f"{p.name} is not {p.default!r}" if type(p.default) in (bool, type(None))
        else f"type({p.name}) is not {type(p.default).__name__} or {p.name} != {p.default!r}"
        for p in more
    ]  # fmt: skip
    passed = [
        p.name if p.kind is p.POSITIONAL_ONLY else f"{p.name}={p.name}" for p in parameters
    ]  # fmt: skip
    return [
        f"    if {' or '.join([*given, *([when] if when else [])])}:",
        f"        return wide({', '.join(passed)})",
    ]


def _compiled(arguments: str, *parts: list[str], **scope: Any) -> Any:
    """The function of these `arguments` whose body is the lines of all `parts`."""
    lines = [f"def function({arguments}):"]
    for part in parts:
        lines += part
    # Whose frames these are. (With a `__name__`, torch.compile looks for `scope` in that module.)
    scope["__pluggrad__"] = True
    exec("\n".join(lines), scope)
    return scope["function"]


def _with_signature(
    primitive: Primitive,
    backend: Backend,
    raw: Callable[..., Any],
    wide: Callable[..., Any] | None = None,
) -> Any:
    """A function compiled from a `def` with the primitive's parameters, as dataclasses compile
    their `__init__`. The interpreter itself then checks the call, for a tenth of the cost of
    `inspect.Signature.bind`.

    Arguments at their defaults are not passed on, so that older libraries need not know them.
    Keyword arguments are settings, and reach the library as plain values.
    """
    wider = WIDER.get(primitive.name)
    arguments = primitive.signature.split("(", 1)[1][:-1] if wider is None else wider.arguments
    names = list(primitive.parameters)
    alone = len(primitive.positional) == 1 and not (primitive.variadic or primitive.promotes)
    if alone and primitive.kind in ("linear", "general") and not primitive.partial:
        call = bind_first(primitive, backend, raw)
    else:
        call = lambda args, kwargs: apply(primitive, args, kwargs, raw, backend)
    plain = "{0} if type({0}) in SIMPLE else setting({0}, primitive)"
    whole = "{0} if type({0}) in WHOLE else integers({0}, primitive, {0!r})"
    orders = "{0} if type({0}) in NUMBERS else number({0}, primitive, {0!r})"
    kinds = dict.fromkeys(("axis", "axes", *primitive.whole), whole)
    kinds |= {"ord": orders, "correction": orders}
    lines = ["    kwargs = {}"]
    counted = [name for name in primitive.positional if name in primitive.whole]
    lines += [f"    {name} = {kinds[name].format(name)}" for name in counted]
    for name in names[len(primitive.positional) :]:
        value = kinds.get(name, plain).format(name)
        if primitive.defaults[name] is inspect.Parameter.empty:
            lines.append(f"    kwargs['{name}'] = {value}")
        else:
            lines.append(f"    if {name} is not defaults['{name}']:")
            lines.append(f"        kwargs['{name}'] = {value}")
    if "axis" in names and primitive.name not in MORE_AXES:
        x = names[0]
        lines += [
            "    if True:" if primitive.name in RUNNING else "    if axis is not defaults['axis']:",
            f"        if type({x}) is cls:",
            f"            if not {x}._value.shape: no_axis(axis, primitive.name)",
            f"        elif not getattr({x}, 'shape', True): no_axis(axis, primitive.name)",
        ]
    positional = "".join(f"{name}, " for name in primitive.positional)
    if primitive.variadic:
        first = primitive.positional[0]
        positional = f"*{first}, "
        lines.append(
            f"    if type({first}) not in LISTS: {first} = several({first}, primitive.name)"
        )
    if primitive.check is not None:
        lines.append(f"    primitive.check(({positional}), kwargs)")
    lines.append(f"    return call(({positional}), kwargs)")
    return _compiled(
        arguments, _wider(primitive), lines,
        call=call, primitive=primitive, defaults=primitive.defaults, wide=wide,
        setting=setting, SIMPLE=SIMPLE, cls=backend.variable, no_axis=no_axis, LISTS=LISTS,
        several=several, WHOLE=WHOLE, integers=integers, NUMBERS=NUMBERS, number=number,
    )  # fmt: skip
