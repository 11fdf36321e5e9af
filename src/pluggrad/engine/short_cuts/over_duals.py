"""Duals: Variables of a forward level, and the short cuts for operations on them.

At a forward level a Variable's `_node` is its `Tangent`. The short cuts do what `forward` does, for
elementwise, linear and bilinear operations on ordinary duals. Everything else goes to `forward`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.backend import BACKENDS, SCALARS, VARIABLES, Backend, backend_of
from ...arrays.dispatch import xp
from ..arguments import explain
from ..cotangents import shape_dtype, spread
from ..handles import make, wrap
from ..levels import ROOT, Level, put, read
from ..primitive import Primitive
from ..views import settled

__all__ = ["Tangent", "dual", "like_value", "short_cut"]


class Tangent:
    """The `_node` of a Variable at a forward level: it holds the tangent."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def dual(x: Any, t: Any, level: Level, backend: Backend) -> Any:
    """The Variable of `level` with value `x` and tangent `t`."""
    v = make(backend.dual, x, Tangent(t), level)
    if (opened := read().level) is not level:
        v._birth = opened  # made inside a deeper level, so values of that level may be written in
    return v


def like_value(t: Any, y: Any) -> Any:
    """The tangent `t`, cast to the dtype of the value `y` and broadcast to its shape."""
    shape, dtype = shape_dtype(y)
    if t.dtype != dtype:
        t = xp.astype(t, dtype)
    return t if t.shape == shape else spread(t, backend_of(y).like(y))  # type: ignore[union-attr]


def short_cut(
    primitive: Primitive,
    backend: Backend,
    raw: Callable[..., Any],
    bound: Callable[..., Any],
) -> Callable[..., Any] | None:
    """The short cut of `primitive` for duals; None if it has none.

    The short cut takes the arguments and the keywords, and returns None where it does not apply.
    `bound` runs `primitive` on Variables of the levels below.
    """
    kind, floats, like = primitive.kind, backend.float_dtypes, backend.like
    rules, elementwise = primitive.rules, kind == "elementwise"
    several = len(rules) > 1 and kind == "linear"
    if kind not in ("elementwise", "linear", "bilinear") or primitive.variadic or several:
        return None
    if primitive.promotes or "." in primitive.name or backend.hold is not None:
        return None
    count = len(rules)

    def operate(args: tuple[Any, ...], kwargs: Any) -> Any:
        level: Any = None
        values: list[Any] = []
        tangents: list[Any] = []
        lifted = False
        for x in args:
            t = None
            if type(x) in SCALARS or len(values) >= count:
                pass
            elif type(x) in VARIABLES:
                if (c := x._cell) is not None and not settled(x, c):
                    return None
                node = x._node
                if type(node) is Tangent:
                    if level is None:
                        level = x._level
                    elif x._level is not level:
                        return None
                    t = node.value
                    lifted = lifted or type(t) in VARIABLES
                elif node is not None or x._level is not ROOT:
                    return None
                x = x._value
                lifted = lifted or type(x) in VARIABLES
            elif BACKENDS.get(type(x), 0) is not backend:
                return None
            values.append(x)
            tangents.append(t)
        state = read()
        if level is None or state is not level.inside or state.modes is not None:
            return None
        if lifted:  # not every library allows operators between its arrays and Variables
            values[:count] = [
                wrap(x, None, ROOT, backend)
                if hasattr(x, "dtype") and type(x) not in VARIABLES else x
                for x in values[:count]
            ]  # fmt: skip
        try:
            try:
                put(level.outside)
                y = bound(tuple(values), kwargs) if lifted else raw(*values, **kwargs)
                if y.dtype not in floats:
                    return wrap(y, None, ROOT, backend)
                total = None
                for i, t in enumerate(tangents):
                    if t is None or (rule := rules[i]) is None:
                        continue
                    if lifted and type(t) not in VARIABLES:
                        t = wrap(t, None, ROOT, backend)
                    if elementwise:
                        t = rule.pull(t, rule.pick(values, kwargs, y, like))
                    else:
                        along = (*values[:i], t, *values[i + 1 :])
                        t = bound(along, kwargs) if lifted else raw(*along, **kwargs)
                    total = t if total is None else total + t
                if total is None:
                    return wrap(y, None, ROOT, backend)
                if total.shape != y.shape or total.dtype != y.dtype:
                    total = like_value(total, y)
            finally:
                put(state)
        except Exception as error:
            put(state)
            explain(error, primitive.name, args)
        except BaseException:
            put(state)
            raise
        return make(backend.dual, y, Tangent(total), level)

    return operate
