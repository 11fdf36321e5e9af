"""A short cut for Variables over Variables, which transforms inside transforms make.

It does what `record` does, for elementwise, linear and bilinear operations at the open level.
Everything else takes the general way, through `apply`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.backend import BACKENDS, SCALARS, VARIABLES, Backend
from ..arguments import explain
from ..graph import Node
from ..handles import wrap
from ..levels import ROOT, put, read
from ..primitive import Primitive, new
from ..record import fits_as_is
from ..saved import keep
from ..views import settled

__all__ = ["short_cut"]


def short_cut(
    primitive: Primitive, backend: Backend, bound: Callable[..., Any]
) -> Callable[..., Any] | None:
    """The short cut of `primitive` for Variables over Variables; None if it has none.

    The short cut takes the arguments and the keywords, and returns None where it does not apply.
    `bound` runs `primitive` at the levels below.
    """
    like, rules = backend.like, primitive.rules
    if primitive.kind not in ("elementwise", "linear", "bilinear") or primitive.variadic:
        return None
    if primitive.promotes or backend.hold is not None:
        return None
    count = len(rules)

    def operate(args: tuple[Any, ...], kwargs: Any) -> Any:
        state = read()
        level = state.plain
        if level is None or state is not level.inside:
            return None
        inner: list[Any] = []
        parents: list[Any] = []
        for x in args[:count]:
            parent = None
            if type(x) in VARIABLES:
                if (c := x._cell) is not None and not settled(x, c):
                    return None
                if x._level is level:
                    parent = x._node
                    x = x._value
                elif x._level is ROOT and x._node is None:
                    x = x._value
                elif x._level.depth > level.depth or not level.contains(x._level):
                    return None
                else:
                    x = x._snapshot()  # of an outer level: a constant here
            elif type(x) not in SCALARS and BACKENDS.get(type(x), 0) is not backend:
                return None
            inner.append(x)
            parents.append(parent)
        inner += args[count:]
        try:
            put(level.outside)
            y = bound(inner, kwargs)
            put(state)
        except Exception as error:
            put(state)
            explain(error, primitive.name, args)
        except BaseException:
            put(state)
            raise
        if type(y) in VARIABLES and y._node is None and y._level is ROOT:
            y = y._value
        node = None
        if y.dtype in backend.float_dtypes:
            for i in range(count - 1, -1, -1):
                parent = parents[i]
                rule: Any = rules[i]
                if parent is None or rule is None:
                    continue
                saved = rule.pick(inner, kwargs, y, like)
                if not fits_as_is(primitive, inner, inner[i], y, False, backend):
                    rule, saved = rule.careful, (saved, like(inner[i]))
                edge = new(Node)
                edge.rule, edge.saved, edge.parent, edge.more = rule, saved, parent, node
                node = edge
            if node is not None and backend.counts_writes:
                keep(node, backend)
        if node is None and type(y) in VARIABLES:
            y._birth = level  # tracked at an outer level, and a constant at this one
            return y
        return wrap(y, node, ROOT if node is None else level, backend)

    return operate
