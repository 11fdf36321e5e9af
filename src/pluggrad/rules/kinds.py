"""The kinds of rule. A row gives a function's name, its signature, and one formula per input.

`elementwise("multiply", lambda t, x2: t * x2, lambda t, x1: t * x1)`
    Each formula is `t` times the partial derivative by that input. It serves both modes.
`linear("sum(x, /, *, axis=None)", lambda g, like, axis: ...)`
    Each formula is the transpose: it maps the cotangent of the output to that of the input. In
    forward mode the function is its own derivative. Its coefficients are real (sums, reorderings),
    unless ``holomorphic=True`` says that some are complex.
`bilinear("matmul(x1, x2, /)", lambda g, x2: ..., lambda g, x1: ...)`
    Linear in each of two inputs. The formulas are transposes; forward mode is the product rule.
`general("cholesky(x, /, *, upper=False)", lambda g, y, upper: ...)`
    Each formula is the vector-Jacobian product itself, in torch's convention for complex numbers.
    Forward mode transposes it in `g`, unless the row gives `jvp`: a function of one tangent per
    input, followed by named parameters as in a formula.
`constant("argmax(x, /, *, axis=None, keepdims=False)")`
    No derivative: the result is untracked.

A formula is None for an input that has no derivative, such as a setting or an index. It is
`unknown` for a derivative that nobody has written: asking for it raises an error.

The names of a formula's further parameters say which values the engine keeps for it:
``x``, ``x1``, ... an input, by its name in the signature · ``y`` the output (a tuple if there are
several) · ``like``, ``like1``, ``like2`` the shape and dtype of this input, the first or the second
(for `zeros`, `shape_dtype` and `fit`), at no cost in memory · any other name in the signature: the
argument's value · ``args``, ``kwargs``: all arguments · ``i`` the number of the input, if one
formula serves all inputs · a name in `computed`: the result of that function of `args` and
`kwargs`.

The engine does the rest, and no formula mentions it: it sums over axes that were broadcast, casts
cotangents to the dtype of the input, conjugates for elementwise, linear and bilinear rules, skips
inputs that need no gradient, and passes zeros for unused outputs (None, with ``partial=True``).
Formulas compute with operators and `xp` only, because their arguments may be raw arrays or
Variables. They never branch on the values of an array.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..arrays.dispatch import is_variable
from ..engine.primitive import PASS, Primitive
from ..errors import UnsupportedError

__all__ = ["PASS", "bilinear", "constant", "elementwise", "general", "linear", "unknown"]

Formula = Callable[..., Any] | None


def unknown(t: Any) -> Any:
    """The formula of a derivative that nobody has written: asking for it raises an error."""
    raise UnsupportedError("this derivative is not known")


def _refusing(primitive: str, parameter: str) -> Formula:
    """`unknown`, with an error that names the primitive and the parameter."""

    def unknown(t: Any) -> Any:
        raise UnsupportedError(
            f"{primitive}: the derivative by {parameter!r} is not known here; "
            f"if it is not needed, `.detach()` that argument"
        )

    return unknown


def _among_equals(formula: Callable[..., Any]) -> Callable[..., Any]:
    """`formula`, with its kept values all raw or all Variables. A constant is kept raw even beside
    a Variable, and some libraries' arrays refuse to be the left operand of a Variable."""

    @functools.wraps(formula)
    def lifted(t: Any, *kept: Any) -> Any:
        for v in kept:
            if is_variable(v):
                constant = v._backend.namespace.asarray_constant
                kept = tuple(
                    [constant(x) if hasattr(x, "dtype") and not is_variable(x) else x for x in kept]
                )
                break
        return formula(t, *kept)

    return lifted


def elementwise(name: str, *formulas: Formula, **options: Any) -> Primitive:
    """A row for a function of arrays that acts element by element."""
    if "(" not in name:
        name += "(x, /)" if len(formulas) == 1 else "(x1, x2, /)"
    if unknown in formulas:
        function, parameters = name.rstrip(")").split("(", 1)
        names = [part.split("=")[0].strip() for part in parameters.split(",")]
        formulas = tuple(
            [_refusing(function, n) if f is unknown else f for f, n in zip(formulas, names)]
        )
    if options.get("promotes"):
        formulas = tuple([f and _among_equals(f) if f is not PASS else f for f in formulas])
    return Primitive(name, "elementwise", formulas, **options)


def linear(signature: str, *transposes: Formula, **options: Any) -> Primitive:
    """A row for a function that is linear in every input with a transpose."""
    return Primitive(signature, "linear", transposes, **options)


def bilinear(signature: str, *transposes: Formula, **options: Any) -> Primitive:
    """A row for a function that is linear in each of two inputs."""
    return Primitive(signature, "bilinear", transposes, **options)


def general(signature: str, *adjoints: Formula, **options: Any) -> Primitive:
    """A row for any other differentiable function."""
    return Primitive(signature, "general", adjoints, **options)


def constant(signature: str, **options: Any) -> Primitive:
    """A row for a function without a derivative."""
    if "(" not in signature:
        signature += "(x, /)"
    return Primitive(signature, "constant", (), **options)
