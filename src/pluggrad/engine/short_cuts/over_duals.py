"""Short cuts for operations on duals, the Variables of a forward level.

At a forward level a Variable's `_node` is its `Tangent`. The short cuts do what `forward` does, for
elementwise, linear and bilinear operations on ordinary duals. Everything else goes to `forward`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...arrays.backend import BACKENDS, SCALARS, VARIABLES, Backend
from ..adopted import NAMES
from ..arguments import explain
from ..handles import make, wrap
from ..levels import ROOT, put, read
from ..primitive import Primitive
from ..tangents import Tangent, like_value
from ..views import settled

__all__ = ["short_cut"]


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
        if level is None or state is not level.inside or state.modes is not None or NAMES:
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
                if type(y) is complex:  # Python answered `1j - numpy.float64(2.0)` itself
                    return None
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
