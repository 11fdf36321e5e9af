"""`primitive`: functions of one's own, as HIPS autograd has them. `defining` gives them rules.

The rules of a primitive are made ready for the engine once, when they are defined. A call of a
primitive whose arguments are Variables records one edge per argument (or one node for all of them,
if the rule is one for all), which holds the function from the cotangent to the gradient that the
rule returned. That is the whole cost; everything unusual (forward mode, vmap, arguments that are
lists) goes the way of all custom operations, in `primitive_calls`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...arrays.backend import VARIABLES, Backend, backend_of
from ...arrays.dispatch import is_variable
from ...engine.arguments import of_backend
from ...engine.custom_node import Custom, Gradients, rule_at, share
from ...engine.grad_mode import stopped
from ...engine.graph import Node
from ...engine.handles import captured, constant_of, raw_of, wrap, wrap_untracked
from ...engine.lazy_cotangents import Uniform, dense, fit
from ...engine.levels import ROOT, Level, put, read
from ...engine.primitive import new
from ...engine.views import settled
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from .defining import OLDER
from .trees import conjugated, holds_variables, is_array

__all__ = ["Rules", "backend_among_arrays", "fitted", "notrace_primitive", "primitive"]

CONTAINERS = frozenset({list, tuple, dict})


class Rules:
    """What is known of one primitive: its function, and its derivative rules as they were defined.

    `each(argnum)` is the rule of one argument, a function of (ans, *args, **kwargs) that returns
    the function from cotangent to gradient; None stands for the derivative zero. `joint` is one
    rule for all arguments, a function of (argnums, ans, args, kwargs). `jvp` is a function of
    (argnums, tangents, ans, args, kwargs). At most one of `each` and `joint` is set.
    """

    __slots__ = ("call", "each", "edges", "fun", "joint", "jvp", "name", "node", "wrapped")

    #: How unusual calls are made. `primitive_calls` sets it, because it imports this module.
    unusual: Callable[..., Any]

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.fun = fun
        self.name = str(getattr(fun, "__name__", "primitive"))
        self.each: Callable[[int], Any] | None = None
        self.joint: Callable[..., Any] | None = None
        self.jvp: Callable[..., Any] | None = None
        self.wrapped: Any = None
        self.edges: dict[int, Any] = {}
        own, alone = Custom(self.name), Custom(self.name)
        alone.is_call = False
        #: The engine's rule of a node that serves several arguments, and of one argument's edge.
        self.node = rule_at(own, 0, ("call",), _pull_together)
        self.call = alone

    def edge(self, position: int) -> Any:
        """The engine's rule on the edge to argument number `position`."""
        rule = self.edges.get(position)
        if rule is None:
            rule = self.edges[position] = rule_at(self.call, position, ("call",), _pull_one)
        return rule

    def maker(self, position: int) -> Any:
        """The rule of argument number `position`; None if its derivative is zero."""
        assert self.each is not None
        try:
            return self.each(position)
        except KeyError:
            raise self.missing("VJP", (position,)) from None

    def missing(self, what: str, argnums: Sequence[int]) -> UnsupportedError:
        """The error for a derivative that was not defined."""
        define = "defvjp" if what == "VJP" else "defjvp"
        return UnsupportedError(
            f"{what} of {self.name} wrt argnums {tuple(argnums)} not defined: call {define}"
        )


class Recorded:
    """One recorded call: the function `vjp` that its rule returned, and what is needed to make that
    function again, of Variables, for derivatives of derivatives at the same level."""

    __slots__ = ("ans", "argnums", "args", "kwargs", "rules", "vjp")

    def __init__(
        self, rules: Rules, argnums: tuple[int, ...], ans: Any, args: Any, kwargs: Any
    ) -> None:
        self.rules, self.argnums = rules, argnums
        self.ans, self.args, self.kwargs = ans, args, kwargs
        if rules.joint is not None:
            self.vjp = rules.joint(argnums, ans, args, kwargs)
        else:
            self.vjp = rules.maker(argnums[0])(ans, *args, **kwargs)

    def lifted(self, node: Node, lift: Callable[[Any, Any], Any]) -> Recorded:
        """This call with its values as Variables again, at their nodes in the graph."""
        ans = lift(self.ans, node)
        if not is_variable(ans) or ans._node is None:
            return self
        first = node if node.rule.primitive is self.rules.call else node.parent
        assert first is not None
        parents = {edge.rule.position: edge.parent for edge in first.edges()}
        args = [lift(x, parents.get(i)) if is_array(x) else x for i, x in enumerate(self.args)]
        return Recorded(self.rules, self.argnums, ans, tuple(args), self.kwargs)

    def remade(self, f: Callable[[Any], Any]) -> Recorded:
        """This call, with `f` applied to the arrays that it saves."""
        args = tuple([f(x) if is_array(x) else x for x in self.args])
        return Recorded(self.rules, self.argnums, f(self.ans), args, self.kwargs)


def _pull_one(g: Any, call: Recorded) -> Any:
    """The gradient of the one argument of `call`, from the cotangent `g` of its output."""
    if type(g) is Uniform and not call.ans.shape:
        g = g.number
    return fitted(call.vjp(conjugated(dense(g))), call.args[call.argnums[0]], call.rules)


def _pull_together(g: Any, call: Recorded) -> Gradients:
    """The gradients of all arguments of `call` that have one."""
    found = tuple(call.vjp(conjugated(dense(g))))
    if len(found) != len(call.argnums):
        raise InvalidArgumentError(
            f"the VJP of {call.rules.name} gave {len(found)} gradients for {len(call.argnums)} "
            "arguments"
        )
    gradients: list[Any] = [None] * len(call.args)
    for position, c in zip(call.argnums, found, strict=True):
        gradients[position] = fitted(c, call.args[position], call.rules)
    return Gradients(gradients)


def fitted(c: Any, x: Any, rules: Rules) -> Any:
    """The gradient `c` of the argument `x` that a rule returned, as the engine takes it: an array
    of the shape and dtype of `x`, conjugated if that is complex. None counts as zero."""
    kind = type(c)
    if kind is type(x) and (
        kind is np.float64 or (kind is np.ndarray and c.dtype == x.dtype and c.shape == x.shape)
    ):
        return c if c.dtype.kind == "f" else conjugated(c)
    if c is None:
        return None
    backend = backend_among_arrays((x,))
    if not is_array(c):
        c = backend.namespace.raw_asarray(c)
    c = of_backend(c, backend, f"the VJP of {rules.name} gave", "for an argument")
    if c.shape != x.shape:
        padded = (1,) * (len(c.shape) - len(x.shape)) + tuple(x.shape)
        if len(c.shape) < len(x.shape) or not all(
            m == 1 or n == m for n, m in zip(c.shape, padded, strict=True)
        ):
            raise InvalidArgumentError(
                f"the VJP of {rules.name} gave a gradient of shape {tuple(c.shape)} for an "
                f"argument of shape {tuple(x.shape)}"
            )
    return conjugated(fit(c, (tuple(x.shape), x.dtype)))


def backend_among_arrays(values: Any) -> Backend:
    """The backend of the first array in `values`."""
    for x in values:
        backend = backend_of(x) if is_array(x) else None
        if backend is not None:
            return backend
    raise TypeMismatchError("no argument of the primitive is an array")


def primitive(fun: Callable[..., Any]) -> Any:
    """`fun` as a function that derivative rules can be given to, by `defvjp` and `defjvp`.

    `fun` is called with plain arrays, so it may do anything: call compiled code, write in place.
    Positional arguments are differentiated by, keywords are not.

    >>> import numpy as np
    >>> from pluggrad.compat.autograd import grad
    >>> from pluggrad.compat.autograd.extend import defvjp, primitive
    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> defvjp(cube, lambda ans, x: lambda g: 3 * x**2 * g)
    >>> float(grad(cube)(2.0))
    12.0
    """
    rules = Rules(fun)

    @functools.wraps(fun, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            kind = type(x)
            if kind in VARIABLES or (kind in CONTAINERS and holds_variables(x)):
                return _differentiated(rules, args, kwargs)
        return fun(*args, **kwargs)

    wrapped.fun = fun  # type: ignore[attr-defined]
    wrapped._rules = rules  # type: ignore[attr-defined]
    wrapped._is_autograd_primitive = True  # type: ignore[attr-defined]
    for name, define in OLDER.items():
        setattr(wrapped, name, functools.partial(define, wrapped))
    rules.wrapped = wrapped
    return wrapped


def _differentiated(rules: Rules, args: Any, kwargs: Any) -> Any:
    """Call a primitive some of whose arguments are Variables, and record the call."""
    state = read()
    level = state.plain
    inner: Any = list(args)
    tracked: list[int] = []
    nested, backend = False, None
    for position, x in enumerate(args):
        if type(x) not in VARIABLES:
            if type(x) in CONTAINERS and holds_variables(x):
                return _unusual(rules, args, kwargs)
            continue
        cell, node = x._cell, x._node
        if level is None or (cell is not None and not settled(x, cell)):
            return _unusual(rules, args, kwargs)
        backend = x._backend
        if x._level is level:
            if node is not None:
                tracked.append(position)
            x = x._value
        elif node is None and x._level is ROOT:
            x = x._value
        else:
            x = constant_of(x, state.off)
        nested = nested or type(x) in VARIABLES
        inner[position] = x
    if not tracked or backend is None or backend.counts_writes:
        return _unusual(rules, args, kwargs)
    if level is ROOT and stopped(backend):
        return _unusual(rules, args, kwargs)
    assert level is not None
    try:
        put(level.outside or state)
        y = (rules.wrapped if nested else rules.fun)(*inner, **kwargs)
        y = _output(y, level, backend, rules)
        single = is_array(y)
        if single:
            y = _record(rules, tracked, y, tuple(inner), kwargs, args, level, backend)
        put(state)
    except BaseException:
        put(state)
        raise
    return y if single else _unusual(rules, args, kwargs, y)


def _output(y: Any, level: Level, backend: Backend, rules: Rules) -> Any:
    """The result `y` of a primitive's function as the value to wrap."""
    if type(y) in VARIABLES:
        if y._level is level and y._node is not None:
            raise captured(y, f"in {rules.name}")
        return y._value if y._node is None and y._level is ROOT else y
    return backend.namespace.raw_asarray(y) if type(y) in (float, complex, int, bool) else y


def _record(
    rules: Rules, tracked: list[int], y: Any, inner: Any, kwargs: Any, args: Any, level: Level,
    backend: Backend,
) -> Any:  # fmt: skip
    """The output `y` as a Variable at a new node."""
    if y.dtype not in backend.float_dtypes:
        return wrap_untracked(y, backend)
    first: Any = None
    if rules.joint is not None:
        for position in reversed(tracked):
            edge: Any = new(Node)
            edge.rule, edge.saved = share(position), None
            edge.parent, edge.more = args[position]._node, first
            first = edge
        node: Any = new(Node)
        node.rule, node.saved = rules.node, Recorded(rules, tuple(tracked), y, inner, kwargs)
        node.parent, node.more = first, None
        return wrap(y, node, level, backend)
    if rules.each is None:
        raise rules.missing("VJP", tracked)
    for position in reversed(tracked):
        if rules.maker(position) is None:
            continue
        node = new(Node)
        node.rule = rules.edge(position)
        node.saved = Recorded(rules, (position,), y, inner, kwargs)
        node.parent, node.more = args[position]._node, first
        first = node
    return wrap(y, first, level, backend) if first is not None else wrap_untracked(y, backend)


def _unusual(rules: Rules, args: Any, kwargs: Any, *computed: Any) -> Any:
    """Call a primitive in any other situation. `computed` is its result, where that is known."""
    return rules.unusual(rules, args, kwargs, *computed)


def notrace_primitive(fun: Callable[..., Any]) -> Any:
    """`fun` as a function that sees plain arrays, and whose result is a constant."""

    @functools.wraps(fun, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return fun(*[raw_of(x) for x in args], **kwargs)

    wrapped._is_primitive = True  # type: ignore[attr-defined]
    return wrapped
