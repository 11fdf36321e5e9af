"""The standard library's `math`, whose functions take Variables, too.

Numbers go to `math` itself. So does the value of a Variable first, for `math`'s own errors, such as
``ValueError: math domain error``; then pluggrad computes, and the result is a Variable without
axes. What `math` answers with an integer or a truth value (`floor`, `isnan`, ...) is a plain one
here, too: it is constant between its jumps.

>>> import pluggrad as pg
>>> from pluggrad.adoption import math
>>> math.hypot(3, 4)
5.0
>>> print(pg.grad(lambda x: math.hypot(x, 4.0))(3.0))
0.6
"""

from __future__ import annotations

import math as _math
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from ..arrays.backend import VARIABLES
from ..arrays.dispatch import xp
from ..engine.handles import raw_of
from ..errors import TypeMismatchError, UnsupportedError

__all__ = [name for name in dir(_math) if name[0] != "_"]


def _value(x: Any) -> Any:
    """The one element of `x` as a plain number; None if it is not known, under `vmap` or while a
    compiler traces."""
    raw = raw_of(x)
    kind = type(x)
    if kind not in VARIABLES:
        return x
    if x.size != 1:
        raise TypeMismatchError(
            f"a function of math takes one number, not a Variable of shape {tuple(x.shape)}"
        )
    known = x._backend.adapter.host(raw)
    return None if known is None or known.size != 1 else known.item()


def _alone(x: Any) -> Any:
    """A Variable without axes; anything else as it is."""
    return xp.reshape(x, ()) if type(x) in VARIABLES and x.ndim else x


def _floating(x: Any) -> Any:
    """`x` with a dtype of floats, if it is a Variable of integers."""
    if type(x) not in VARIABLES or x.dtype in x._backend.float_dtypes:
        return _alone(x)
    return xp.astype(_alone(x), x._backend.xp.float64)


def _taking(name: str, computed: Callable[..., Any]) -> Callable[..., Any]:
    """`math`'s function `name`: of numbers itself, and of Variables as `computed` says."""
    theirs = getattr(_math, name)

    @wraps(theirs)
    def call(*args: Any) -> Any:
        if len(args) == 1 and type(args[0]) not in VARIABLES:  # the most frequent call
            return theirs(*args)
        for x in args:
            if type(x) in VARIABLES:
                values = [_value(x) for x in args]
                if None not in values:
                    theirs(*values)
                return computed(*[_floating(x) for x in args])
        return theirs(*args)

    call.__module__ = "pluggrad.adoption.math"
    return call


def _plain(name: str) -> Callable[..., Any]:
    """`math`'s function `name`, whose result is a plain one for the value of a Variable, too."""
    theirs = getattr(_math, name)

    @wraps(theirs)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        if not any([type(x) in VARIABLES for x in given]):
            return theirs(*args, **kwargs)
        if None in [_value(x) for x in given]:
            raise UnsupportedError(
                f"math.{name} returns a plain value, and that of this Variable is not known here, "
                "under vmap or while a compiler traces"
            )
        return theirs(*map(_value, args), **{key: _value(x) for key, x in kwargs.items()})

    call.__module__ = "pluggrad.adoption.math"
    return call


def _listed(name: str, computed: Callable[..., Any]) -> Callable[..., Any]:
    """`math`'s function `name` of an iterable (or several), as `computed` from lists."""
    theirs = getattr(_math, name)

    @wraps(theirs)
    def call(*args: Any, **kwargs: Any) -> Any:
        lists = [list(x) if isinstance(x, Iterable) else x for x in args]
        flat = [x for items in lists for x in (items if isinstance(items, list) else [items])]
        if any([type(x) in VARIABLES for x in (*flat, *kwargs.values())]):
            return computed(*lists, **kwargs)
        return theirs(*lists, **kwargs)

    call.__module__ = "pluggrad.adoption.math"
    return call


# ---------------------------------------------------------------- of one number

_SAME = {
    "acos": "acos", "acosh": "acosh", "asin": "asin", "asinh": "asinh", "atan": "atan",
    "atanh": "atanh", "cos": "cos", "cosh": "cosh", "exp": "exp", "expm1": "expm1", "fabs": "abs",
    "log10": "log10", "log1p": "log1p", "log2": "log2", "sin": "sin", "sinh": "sinh",
    "sqrt": "sqrt", "tan": "tan", "tanh": "tanh", "erf": "special.erf", "erfc": "special.erfc",
    "gamma": "special.gamma", "lgamma": "special.gammaln",
}  # fmt: skip


def _function(name: str) -> Callable[..., Any]:
    found: Any = xp
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _log(x: Any, base: Any = None) -> Any:
    return _log_of(x) if base is None else _log_of(x) / _log_of(base)


def _log_of(x: Any) -> Any:
    return xp.log(x) if type(x) in VARIABLES else _math.log(x)


def _cube_root(x: Any) -> Any:
    return xp.sign(x) * xp.abs(x) ** (1.0 / 3.0)


def _beside(x: Any, other: Any) -> Any:
    """`x` as a Variable beside `other`, one of the two being a Variable."""
    return x if type(x) in VARIABLES else xp.zeros_like(other) + x


def _pair(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of two Variables, for a Variable and a number in either place."""

    def call(x1: Any, x2: Any) -> Any:
        return function(_beside(x1, x2), _beside(x2, x1))

    return call


# ---------------------------------------------------------------- of several


def _hypot(*coordinates: Any) -> Any:
    """The norm, without overflow or underflow in between."""
    y = abs(coordinates[0])
    for x in coordinates[1:]:
        y = _pair(xp.hypot)(y, x) if type(x) in VARIABLES or type(y) in VARIABLES else (
            _math.hypot(y, x)
        )  # fmt: skip
    return y


def _dist(p: list[Any], q: list[Any]) -> Any:
    if len(p) != len(q):
        return _math.dist([0.0] * len(p), [0.0] * len(q))  # raises math's error
    return _hypot(*[_alone(a) - _alone(b) for a, b in zip(p, q, strict=True)])


def _prod(items: list[Any], *, start: Any = 1) -> Any:
    for x in items:
        start = start * _alone(x)
    return start


def _total(items: list[Any]) -> Any:
    y: Any = 0.0
    for x in items:
        y = y + _alone(x)
    return y


def _modulo(x: Any, y: Any) -> Any:
    """The exact remainder of C's fmod; its quotient is constant between its jumps."""
    return _remainder(_math.fmod, x, y)


def _ieee(x: Any, y: Any) -> Any:
    return _remainder(_math.remainder, x, y)


def _remainder(theirs: Callable[..., float], x: Any, y: Any) -> Any:
    a, b = _value(x), _value(y)
    if a is None or b is None:
        if theirs is _math.remainder:
            return x - y * xp.round(x / y)
        return x - y * xp.trunc(x / y)
    exact = theirs(a, b)
    turns = round((a - exact) / b) if _math.isfinite(a) and _math.isfinite(b) else 0
    y0 = x - y * float(turns) if turns else x + 0.0
    # The difference x - y·n is rounded; the remainder is exact.
    return y0 + (exact - _value(y0))


def _next(x: Any, y: Any) -> Any:
    return x + (_math.nextafter(_value(x), _value(y)) - _value(x))


def _copysign(x: Any, y: Any) -> Any:
    return _pair(xp.copysign)(x, y)


def ldexp(x: Any, i: int, /) -> Any:
    """``x * 2**i``."""
    if type(x) not in VARIABLES:
        return _math.ldexp(x, i)
    value = _value(x)
    if value is not None:
        _math.ldexp(value, i)
    half = i // 2
    return _floating(x) * _math.ldexp(1.0, half) * _math.ldexp(1.0, i - half)


def frexp(x: Any, /) -> Any:
    """The pair (m, e) with ``x == m * 2**e`` and 0.5 ≤ abs(m) < 1; m is a Variable, e is not."""
    if type(x) not in VARIABLES:
        return _math.frexp(x)
    _, exponent = _plain("frexp")(x)
    return ldexp(x, -exponent), exponent


def modf(x: Any, /) -> Any:
    """The fractional part, a Variable, and the whole part, which is constant between its jumps."""
    if type(x) not in VARIABLES:
        return _math.modf(x)
    _, whole = _plain("modf")(x)
    return (_floating(x) - whole if _math.isfinite(whole) else _floating(x) * 0.0), whole


_MADE: dict[str, Callable[..., Any]] = {
    **{name: _taking(name, _function(ours)) for name, ours in _SAME.items()},
    "log": _taking("log", _log),
    "exp2": _taking("exp2", lambda x: xp.pow(xp.zeros_like(x) + 2.0, x)),
    "cbrt": _taking("cbrt", _cube_root),
    "degrees": _taking("degrees", lambda x: x * (180.0 / _math.pi)),
    "radians": _taking("radians", lambda x: x * (_math.pi / 180.0)),
    "atan2": _taking("atan2", _pair(xp.atan2)),
    "pow": _taking("pow", _pair(xp.pow)),
    "fmod": _taking("fmod", _modulo),
    "remainder": _taking("remainder", _ieee),
    "nextafter": _taking("nextafter", _next),
    "copysign": _taking("copysign", _copysign),
    "hypot": _taking("hypot", _hypot),
    "dist": _listed("dist", _dist),
    "prod": _listed("prod", _prod),
    "fsum": _listed("fsum", _total),
    **{name: _plain(name) for name in (
        "ceil", "floor", "trunc", "isfinite", "isinf", "isnan", "isclose", "ulp",
    )},
}  # fmt: skip
if hasattr(_math, "sumprod"):  # Python 3.12
    _MADE["sumprod"] = _listed(
        "sumprod", lambda p, q: _total([_alone(a) * _alone(b) for a, b in zip(p, q, strict=True)])
    )
if hasattr(_math, "fma"):  # Python 3.13
    _MADE["fma"] = _taking("fma", lambda x, y, z: x * y + z)

for _name in __all__:  # what is left takes integers, or is a number
    if _name not in globals():
        globals()[_name] = _MADE.get(_name, getattr(_math, _name))
del _name
