"""The derivatives that everything else here is made of: `make_vjp`, `make_jvp` and `gradient`.

They have HIPS's conventions. A complex gradient is ∂f/∂Re - i ∂f/∂Im, the conjugate of the
engine's, so cotangents are conjugated on the way in and gradients on the way out. Integer arrays
have gradients, and results without axes are NumPy's scalars.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optree

from ...arrays.backend import SCALARS, VARIABLES, backend_of
from ...arrays.dispatch import is_variable, xp
from ...engine.backward import among_variables, in_place_type, walk
from ...engine.boundary import ARRAY, as_array, flatten, unflatten
from ...engine.boundary import dual_of as _dual_of
from ...engine.differentiate import seed_for
from ...engine.forward import Forward, tangent_of
from ...engine.graph import Node
from ...engine.graph_breaks import untracked_result
from ...engine.handles import released, unwrap_untracked, wrap
from ...engine.lazy_cotangents import Uniform
from ...engine.levels import ROOT, Level, leave, open_level, restored
from ...errors import TypeMismatchError
from .defining import (
    def_linear,
    defjvp,
    defjvp_argnum,
    defjvp_argnums,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    primitive_vjps,
)
from .primitives import primitive
from .spaces import VSpace, vspace
from .trees import aligned, conjugated, cotangent, entered, floating, is_array, outside, plain

__all__ = [
    "VSpace",
    "def_linear",
    "defjvp",
    "defjvp_argnum",
    "defjvp_argnums",
    "defvjp",
    "defvjp_argnum",
    "defvjp_argnums",
    "gradient",
    "make_jvp",
    "make_vjp",
    "primitive",
    "primitive_vjps",
    "primitive_with_deprecation_warnings",
    "vspace",
]

primitive_with_deprecation_warnings = primitive

Leaves = list[tuple[Any, Any]]


def _nodes(flat: list[Any], level: Level) -> list[Node | None]:
    """The node at `level` of each output; None where an output does not depend on the input."""
    return [v._read()[1] if type(v) in VARIABLES and v._level is level else None for v in flat]


def _independent(level: Level) -> None:
    """Warn that the output does not depend on the input, or raise if the graph was left."""
    if level.left is not None:
        untracked_result(level)
    warnings.warn("Output seems independent of input.", stacklevel=4)


def _gradients(arrived: dict[Any, Any], leaves: Leaves, spec: Any) -> Any:
    """The gradients that arrived at the leaves, in the structure of the input."""
    found = []
    for node, value in leaves:
        g = arrived.get(node)
        if g is None:
            g = xp.zeros_like(value)
        found.append(plain(conjugated(unwrap_untracked(released(g)))))
    return found[0] if spec is ARRAY else unflatten(spec, found)


@restored
def make_vjp(fun: Callable[[Any], Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    """The function from cotangents of ``fun(x)`` to gradients by `x`, and the value ``fun(x)``.

    `x` is an array, or nested lists, tuples and dicts of arrays, and so is the value. The function
    may be called any number of times.

    >>> import numpy as np
    >>> vjp, y = make_vjp(lambda x: x * x, np.asarray([1.0, 2.0]))
    >>> vjp(np.asarray([1.0, 10.0]))
    array([ 2., 40.])
    """
    with open_level() as level:
        tree, leaves, spec = entered(x, level)
        y = fun(tree)
        flat, y_spec = flatten(y)
        nodes = _nodes(flat, level)
        values = [outside(v, level) for v in flat]
        if not any(nodes):
            _independent(level)

    @restored
    def vjp(g: Any) -> Any:
        seeds = [g] if y_spec is ARRAY else aligned(g, y, "cotangent")
        cotangents: dict[Any, Any] = {}
        for node, seed, value in zip(nodes, seeds, values, strict=True):
            if node is not None:
                seed = cotangent(seed, value)
                cotangents[node] = cotangents[node] + seed if node in cotangents else seed
        lift = among_variables(cotangents.values())
        return _gradients(walk(cotangents, retain=True, lift=lift), leaves, spec)

    return vjp, (values[0] if y_spec is ARRAY else unflatten(y_spec, values))


@restored
def gradient(
    fun: Callable[[Any], Any], x: Any, check: Callable[[Any], None], aux: bool = False
) -> tuple[Any, Any]:
    """The value of `fun` at `x`, and the gradient of the sum of its elements. `check` raises for
    values that have no such gradient. With `aux`, `fun` returns a pair, and its first item counts.

    It is `make_vjp` for one walk, which frees the graph as it goes.
    """
    with open_level() as level:
        tree, leaves, spec = entered(x, level)
        y = fun(tree)
        value = _outside_all(y, level)
        if aux:
            y = y[0]
        check(y)
        arrived: dict[Any, Any] = {}
        node = y._read()[1] if type(y) in VARIABLES and y._level is level else None
        if node is not None:
            seed = seed_for(y, None if not y.shape else xp.ones_like(y._value), False)
            if type(seed) is Uniform and not node.rule.primitive.takes_uniform:
                seed = seed.number  # saves the walk making an array of it
            leave(level)  # the walk itself runs at the outer levels
            arrived = walk(
                {node: seed},
                in_place=in_place_type(y._backend),
                lift=among_variables([seed]),
                quiet=level,
            )
        elif type(y) in (list, tuple, dict):
            raise TypeMismatchError(f"the function returned a {type(y).__name__}, not an array")
        else:
            _independent(level)
    return value, _gradients(arrived, leaves, spec)


def _outside_all(y: Any, level: Level) -> Any:
    """Every array in the result `y` without `level`."""
    if type(y) in VARIABLES or is_array(y) or type(y) in SCALARS:
        return outside(y, level)
    return optree.tree_map(lambda v: outside(v, level), y)


def make_jvp(fun: Callable[[Any], Any], x: Any) -> Callable[[Any], tuple[Any, Any]]:
    """The function from a tangent of `x` to the pair of ``fun(x)`` and its tangent.

    >>> import numpy as np
    >>> make_jvp(lambda x: x * x, np.asarray([1.0, 2.0]))(np.asarray([1.0, 1.0]))
    (array([1., 4.]), array([2., 4.]))
    """

    @restored
    def jvp(t: Any) -> tuple[Any, Any]:
        flat, spec = flatten(x)
        tangents = [t] if spec is ARRAY else aligned(t, x, "tangent")
        with open_level(Forward) as level:
            duals = []
            for value, tangent in zip(flat, tangents, strict=True):
                value = floating(value)
                if is_array(tangent) and not is_variable(tangent):
                    tangent = np.asarray(tangent) if isinstance(tangent, np.generic) else tangent
                duals.append(_dual_of(value, _cast(tangent, value), level, ()))
            y = fun(duals[0] if spec is ARRAY else unflatten(spec, duals))
            outputs, y_spec = flatten(y)
            values = [outside(v, level) for v in outputs]
            pushed = []
            for v, value in zip(outputs, values, strict=True):
                t = tangent_of(v, level)
                if t is None:
                    t = xp.zeros_like(as_array(value))
                pushed.append(plain(unwrap_untracked(t)))
            if all(tangent_of(v, level) is None for v in outputs):
                _independent(level)
        if y_spec is ARRAY:
            return values[0], pushed[0]
        return unflatten(y_spec, values), unflatten(y_spec, pushed)

    return jvp


def _cast(t: Any, x: Any) -> Any:
    """The tangent `t` of `x` as an array."""
    backend = backend_of(x)
    assert backend is not None
    if not is_array(t):
        return backend.namespace.raw_asarray(t, dtype=x.dtype)
    return wrap(t, None, ROOT, backend) if is_variable(x) and not is_variable(t) else t
