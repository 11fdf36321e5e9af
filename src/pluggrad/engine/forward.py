"""Forward mode: tangents are computed along with the values, from the same rules.

At a forward level a Variable's `_node` is its Tangent, and an operation computes the tangent of its
result at once. An elementwise formula, linear in `t`, serves unchanged. A linear operation is its
own derivative, and a bilinear one has the product rule. A general rule is transposed: it is linear
in `g`, so a backward walk through it gives the tangent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.backend import Backend
from ..arrays.dispatch import is_variable, xp
from .adopted import NAMES
from .anomaly import check_made
from .backward import among_variables, walk
from .grad_mode import Sealed
from .handles import constant_of, wrap, wrap_untracked
from .lazy_cotangents import dense
from .levels import ROOT, Level, open_level, read
from .primitive import Primitive
from .record import evaluate, make_leaf, refuse_captured
from .strong_zeros import annihilating, strong_rule
from .tangents import Tangent, dual, like_value

__all__ = ["Forward", "push", "tangent_of"]


def tangent_of(v: Any, level: Level) -> Any:
    """The tangent of `v` at `level`; None if it has none."""
    if is_variable(v) and v._level is level and isinstance(v._read()[1], Tangent):
        return v._node.value
    return None


class Forward(Level):
    """A level of forward mode: the `_node` of its Variables is a Tangent."""

    __slots__ = ()

    @staticmethod
    def operate(
        primitive: Primitive,
        args: Any,
        kwargs: Any,
        raw: Callable[..., Any],
        level: Level,
        backend: Backend,
    ) -> Any:
        """Run an operation at a forward level."""
        variable = backend.variable
        inner: list[Any] = []
        tangents: list[Any] = []
        off = read().off
        for x in args:
            tangent = None
            if isinstance(x, variable):
                value, node = x._read()
                if x._cell is not None:
                    x._cell.owned = False  # levels below may save its buffer
                if x._level is level:
                    tangent = node.value if node is not None else None
                elif node is not None or x._level is not ROOT:
                    value = constant_of(x, off)
                x = value
            inner.append(x)
            tangents.append(tangent)
        y = evaluate(primitive, inner, kwargs, raw, backend)
        constant = primitive.kind == "constant" or level in off
        constant = constant or (not isinstance(y, tuple) and y.dtype not in backend.float_dtypes)
        if constant or all(t is None for t in tangents):
            if type(off) is Sealed and any(t is not None for t in tangents):
                refuse_captured(primitive, args, level, off)
            return wrap_untracked(y, backend)
        t = push(primitive, inner, tangents, kwargs, y, backend)
        if t is None:
            return wrap_untracked(y, backend)
        check_made(f"the derivative of {primitive.name!r} in forward mode", tangents, t)
        if isinstance(y, tuple):
            pairs = [
                dual(item, s, level, backend) if item.dtype in backend.float_dtypes
                else wrap_untracked(item, backend)
                for item, s in zip(y, t, strict=True)
            ]  # fmt: skip
            return type(y)(*pairs) if hasattr(y, "_fields") else type(y)(pairs)
        return dual(y, t, level, backend)


def push(
    primitive: Primitive, args: Any, tangents: Any, kwargs: Any, y: Any, backend: Backend
) -> Any:
    """The tangent of `y`, from the tangents of the arguments (None where there is none)."""
    one = y[0] if isinstance(y, tuple) else y
    # Values and tangents must both be raw arrays or both Variables: not every library allows
    # operators between its arrays and Variables.
    if isinstance(one, backend.variable):
        tangents = [t if t is None else wrap_untracked(t, backend) for t in tangents]
    tangents = [
        t if t is not None and (primitive.variadic or primitive.rule(i) is not None) else None
        for i, t in enumerate(tangents)
    ]
    moving = [i for i, t in enumerate(tangents) if t is not None]
    if not moving:
        return None
    if any([is_variable(tangents[i]) for i in moving]):
        args = [wrap_untracked(x, backend) if hasattr(x, "dtype") else x for x in args]
        y = wrap_untracked(y, backend)
    modes = read().modes
    strong = bool(NAMES) or (modes is not None and modes.strong)
    if primitive.jvp is not None:
        jvp = annihilating(primitive.jvp, primitive) if strong and primitive.pointwise else None
        return _explicit(primitive, args, tangents, kwargs, y, backend, jvp or primitive.jvp)
    raw = backend.raw(primitive.name)
    again: Any = lambda args: evaluate(primitive, args, kwargs, raw, backend)
    if primitive.kind == "elementwise":
        terms = []
        for i in moving:
            rule = primitive.rule(i)
            assert rule is not None
            if strong:
                rule = strong_rule(rule)
            terms.append(rule.pull(tangents[i], rule.pick(args, kwargs, y, backend.like)))
        return like_value(_sum(terms), y)
    if primitive.kind == "linear":
        filled = [
            x if t is None and primitive.rule(i) is None
            else _zeros_like(x) if t is None else t
            for i, (x, t) in enumerate(zip(args, tangents, strict=True))
        ]  # fmt: skip
        return like_value(again(filled), y)
    if primitive.kind == "bilinear":
        terms = [again([*args[:i], tangents[i], *args[i + 1 :]]) for i in moving]
        return like_value(_sum(terms), y)
    return transpose(primitive, args, tangents, kwargs, y, backend)


def _explicit(
    primitive: Primitive, args: Any, tangents: Any, kwargs: Any, y: Any, backend: Backend,
    jvp: Callable[..., Any],
) -> Any:  # fmt: skip
    """The tangent of `y` by the primitive's own `jvp`, with zeros for missing tangents."""
    count = 1 if primitive.variadic else len(primitive.formulas)
    filled = [
        _zeros_like(x) if t is None else t
        for x, t in zip(args[:count], tangents[:count], strict=True)
    ]
    return jvp(*filled, *primitive.pick_along(args, kwargs, y, backend.like))


def transpose(
    primitive: Primitive, args: Any, tangents: Any, kwargs: Any, y: Any, backend: Backend
) -> Any:
    """The tangent of a general primitive, as the adjoint of its adjoint.

    ``J t`` is the gradient of ``<V(g), t>`` by `g`, where `V` is the rule. `V` is linear, so the
    gradient is the same at every `g`, and the one at zero is taken.
    """
    several = isinstance(y, tuple)
    # The formulas see only Variables, because not every library allows operators between its arrays
    # and Variables.
    args = [wrap_untracked(x, backend) if hasattr(x, "dtype") else x for x in args]
    seen = wrap_untracked(y, backend)
    with open_level() as level:
        leaves = []
        for item in y if several else (y,):
            seed = _zeros_like(item)
            v = wrap(seed, None, level, backend)
            v._node = make_leaf(v)
            leaves.append(v)
        g: Any = tuple(leaves) if several else leaves[0]
        cotangents: dict[Any, Any] = {}
        for i, t in enumerate(tangents):
            if t is None:
                continue
            rule = primitive.rule(i)
            assert rule is not None
            pulled = rule.careful.pull(
                g, (rule.pick(args, kwargs, seen, backend.like), backend.like(args[i]))
            )
            pulled = dense(pulled)
            if is_variable(pulled) and pulled._level is level and pulled._node is not None:
                node = pulled._node
                cotangents[node] = cotangents[node] + t if node in cotangents else t
        lift = among_variables(cotangents.values())
        arrived = walk(cotangents, lift=lift) if cotangents else {}
    found = tuple(
        [arrived[v._node] if v._node in arrived else _zeros_like(item)
         for v, item in zip(leaves, y if several else (y,), strict=True)]
    )  # fmt: skip
    return found if several else found[0]


def _sum(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _zeros_like(x: Any) -> Any:
    return xp.zeros_like(x) if hasattr(x, "dtype") else 0.0
