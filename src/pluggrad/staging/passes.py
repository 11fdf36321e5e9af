"""Passes: each makes a shorter program that computes the same, to the last bit.

What the caller gets to see stays an array of its own, and arrays that a call writes are left alone:
see `Program.shown` and `Program.written`.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .program import Call, Program, Value, attribute

__all__ = ["PASSES", "dead_code", "negations", "no_change", "out_of_place", "repeated", "shorten"]


def shorten(program: Program) -> Program:
    """The program after all passes. It is changed in place."""
    for change in PASSES:
        change(program)
    return program


# ---------------------------------------------------------------- writes that can be results


def out_of_place(program: Program) -> None:
    """Write ``c += a`` as ``c2 = c + a``, where `c` has no views and `c2` has its layout. Other
    passes understand results better than writes, and `emit` uses the memory of `c` again."""
    owners: dict[Value, int] = {}
    for call in program.calls:
        for v in call.results:
            owners[v.memory] = owners.get(v.memory, 0) + 1
    new: dict[Value, Value] = {}
    first: dict[Value, Value] = {}  # of a Value in `new`: what calls still say for it
    for call in program.calls:
        if new:
            call.replaced(new)
        if len(call.writes) != 1 or call.function not in IN_PLACE or call.several:
            continue
        (c,) = call.writes
        alone = owners.get(c.memory) == 1 and c.memory is c and list(call.kwargs) == ["out"]
        if alone and _makes(call, c):
            y = c.copied()
            call.kwargs, call.writes, call.results = {}, (), (y,)
            call.forget_inputs()
            owners[y] = 1
            first[y] = first.get(c, c)
            new[first[y]] = y
    program.outputs = [new.get(v, v) if type(v) is Value else v for v in program.outputs]


#: Ufuncs whose results have the dtype of their arguments.
IN_PLACE = frozenset({np.add, np.subtract, np.multiply, np.divide})


def _makes(call: Call, c: Value) -> bool:
    """Whether `call`, a ufunc, makes an array like `c` if it is not told where to write."""
    values = [x for x in call.args if type(x) is Value]
    return (
        c.dtype.kind in "fc" and any([v.like(c) for v in values])
        and all([
            v.like(c) or v.kind == "number" or (not v.shape and v.dtype == c.dtype) for v in values
        ])
        and all([type(x) in (Value, float, int) for x in call.args])
    )  # fmt: skip


# ---------------------------------------------------------------- calls that change nothing


def no_change(program: Program) -> None:
    """Leave out calls that return what they are given: a product with 1, a cast to the same dtype,
    a reshape to the same shape, a copy that nobody writes."""
    written, shown = program.written(), program.shown()
    new: dict[Value, Value] = {}
    views: dict[Value, Call] = {}  # results of indexing, by the calls that made them
    kept = []
    for call in program.calls:
        if new:
            call.replaced(new)
        if call.function is operator.setitem and _puts_back(call, views):
            continue
        if call.function is operator.getitem:
            views[call.results[0]] = call
        x = None if call.writes or call.several else _unchanged(call)
        if x is not None:
            (y,) = call.results
            own = y.memory is y  # a copy: the two must never be told apart by a write
            if y.memory not in shown and not (own and (y in written or x.memory in written)):
                new[y] = x
                continue
        kept.append(call)
    program.calls = kept
    program.replace(new)


def _puts_back(call: Call, views: dict[Value, Call]) -> bool:
    """Whether ``x[key] = v`` writes the view ``v = x[key]`` where it came from, as the last step of
    ``x[key] += a`` does."""
    x, key, v = call.args
    made = views.get(v) if type(v) is Value else None
    return (
        made is not None
        and v.memory is x.memory
        and (made.args[0] is x and _key(made.args[1]) == _key(key))
    )


def _unchanged(call: Call) -> Value | None:
    """The argument that the result equals in every element and in layout, if there is one."""
    x = call.args[0] if call.args else None
    function, y = call.function, call.results[0]
    neutral = NEUTRAL.get(function) if not isinstance(function, str) else None
    if neutral == 1 and y.dtype is not None and y.dtype.kind == "c":
        same = False  # (x * 1 computes with the zero beside the 1: signs of zeros, infinities)
    elif neutral is not None and len(call.args) == 2 and not call.kwargs:
        other = call.args[1]
        if type(x) is not Value and function is np.multiply:
            x, other = other, x
        same = type(x) is Value and type(other) in NUMBERS and other == neutral
    else:
        same = function in SAME_IF_ALIKE or (
            function is operator.getitem and type(x) is Value and y.memory is x.memory
        ) or (function in SAME_IF_REAL and type(x) is Value and y.dtype.kind in "biuf")  # fmt: skip
    return x if same and type(x) is Value and y.like(x) else None


#: Functions of two arguments that return the first if the second is this number. (x + 0.0 is not x
#: where x is -0.0.)
NEUTRAL: dict[Any, int] = {np.multiply: 1, np.divide: 1, np.subtract: 0}
NUMBERS = frozenset({int, float, np.float64, np.float32, np.int64})
#: Functions and methods that return equal elements, possibly in another shape, dtype or layout.
SAME_IF_ALIKE = frozenset({
    np.reshape, np.broadcast_to, np.copy, np.positive, np.astype, np.ravel, np.squeeze, "reshape",
    "astype", "copy", "ravel", "squeeze",
})  # fmt: skip
SAME_IF_REAL = frozenset({np.conjugate, np.real, "conj", "conjugate", attribute("real")})


# ---------------------------------------------------------------- negations


def negations(program: Program) -> None:
    """Write ``a + (-b)`` as ``a - b``, and ``(-a) + b`` as ``b - a``."""
    written = program.written()
    negated: dict[Value, Value] = {}
    for call in program.calls:
        if call.kwargs or call.writes or call.several:
            continue
        y = call.results[0]
        if call.function is np.negative:
            x = call.args[0]
            if y.dtype.kind in "fc" and x.memory not in written and y.memory not in written:
                negated[y] = x
        elif call.function is np.add and negated:
            first, second = call.args
            for other, b in ((first, second), (second, first)):
                x = negated.get(b) if type(b) is Value else None
                if x is not None and x.dtype == y.dtype:
                    call.function, call.args = np.subtract, (other, x)
                    call.forget_inputs()
                    break


# ---------------------------------------------------------------- the same thing twice


def repeated(program: Program) -> None:
    """Compute each thing once (common subexpressions)."""
    kept_apart = program.written() | program.shown()
    seen: dict[Any, Call] = {}
    new: dict[Value, Value] = {}
    kept = []
    for call in program.calls:
        if new:
            call.replaced(new)
        if call.writes or any([v.memory in kept_apart for v in (*call.results, *call.inputs())]):
            kept.append(call)
            continue
        errors = tuple((call.errors or {}).items())
        key = [call.function, errors, *[x if type(x) is Value else _key(x) for x in call.args]]
        if call.kwargs:
            key.append(_key(call.kwargs))
        before = seen.setdefault(tuple(key), call)
        if before is call:
            kept.append(call)
        else:
            new.update(zip(call.results, before.results, strict=True))
    program.calls = kept
    program.replace(new)


def _key(x: Any) -> Any:
    """What equal calls have in common. Numbers of different types differ, and 0.0 from -0.0."""
    kind = type(x)
    if kind is Value:
        return x
    if kind is tuple or kind is list:
        return (kind, *[_key(item) for item in x])
    if kind is dict:
        return (kind, *[(key, _key(item)) for key, item in x.items()])
    if kind is slice:
        return (kind, _key(x.start), _key(x.stop), _key(x.step))
    if kind in (float, complex) or isinstance(x, np.inexact):
        return (kind, repr(x))
    try:
        hash(x)
    except TypeError:
        return (kind, id(x))
    return (kind, x)


# ---------------------------------------------------------------- what nobody needs


def dead_code(program: Program) -> None:
    """Leave out calls whose results nobody needs."""
    needed = {v for v in program.outputs if type(v) is Value}
    memory = program.shown()
    kept = []
    for call in reversed(program.calls):
        if call.writes:
            used = any([v.memory in memory for v in call.writes])
        else:
            used = not needed.isdisjoint(call.results) or _may_raise(call)
        if used:
            kept.append(call)
            inputs = call.inputs()
            needed.update(inputs)
            memory.update([v.memory for v in inputs])
    program.calls = kept[::-1]


def _may_raise(call: Call) -> bool:
    """Whether elements decide if `call` raises an error, which somebody may wait for."""
    if call.function in SELECT:
        return len(call.inputs()) > 1  # the second may be out of bounds
    if call.function in DIVIDE and call.results and call.results[0].kind == "number":
        return True
    return call.function in RAISE or "raise" in (call.errors or {}).values()


SELECT = frozenset({operator.getitem, np.take, "take", np.take_along_axis})
DIVIDE = frozenset({operator.truediv, operator.floordiv, operator.mod, operator.pow})
#: Functions that refuse some matrices.
RAISE = frozenset({
    np.linalg.cholesky, np.linalg.inv, np.linalg.solve, np.linalg.eigh, np.linalg.eigvalsh,
    np.linalg.eig, np.linalg.eigvals, np.linalg.svd, np.linalg.svdvals, np.linalg.pinv,
    np.linalg.matrix_power, np.linalg.tensorinv, np.linalg.tensorsolve,
})  # fmt: skip

PASSES = (out_of_place, no_change, negations, repeated, dead_code)
