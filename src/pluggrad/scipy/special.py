"""`scipy.special` with derivatives: the functions of `pluggrad.special` over every library, and
others that SciPy computes on the host.

Arguments are positional, as those of SciPy's ufuncs are here; `out` and `where` are left out. A
derivative that is not known is an error that names the argument.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from ..arrays.backend import PRIMITIVES, get_backend
from ..arrays.dispatch import xp
from ..engine.arguments import axes_of
from ..engine.cotangents import is_complex
from ..engine.primitive import Primitive
from ..errors import UnsupportedError
from .rows import falling_through, public
from .special_formulas import PARTS, ROWS
from .special_rows import NAMES, S

# ---------------------------------------------------------------- functions of several results


def _several(name: str) -> Callable[..., Any]:
    """The public function `name`."""
    makers = [_one_part(name, k) for k in range(len(PARTS[name]))]

    def call(z: Any, /) -> Any:
        return tuple([make(z) for make in makers])

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""As `scipy.special.{name}`: a tuple of results, each with its derivative.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.special.{name}.html
    """
    call.__module__ = "pluggrad.scipy.special"
    return call


def _one_part(name: str, k: int) -> Callable[..., Any]:
    def part(z: Any, /) -> Any:
        return ROWS[f"{name}_{k}"](_floating(z))

    part.__name__ = name
    return public("special", arrays="z")(part)


def _one_jacobi(k: int) -> Callable[..., Any]:
    def ellipj(u: Any, m: Any, /) -> Any:
        return ROWS[f"ellipj_{k}"](*_floating(u, m))

    return public("special", arrays="u m")(ellipj)


_JACOBI = [_one_jacobi(k) for k in range(4)]


def ellipj(u: Any, m: Any, /) -> Any:
    """Jacobi's elliptic functions, as `scipy.special.ellipj`: sn, cn, dn and the amplitude.

    Derivatives by `u` and `m`. Near m = 0 the second one by `m` is not exact.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.special.ellipj.html
    """
    return tuple([make(u, m) for make in _JACOBI])


# ---------------------------------------------------------------- public functions


def _floating(*xs: Any) -> Any:
    """`xs` in floating-point dtypes; one alone, or a list of several."""
    found = []
    beside = [x.dtype for x in xs if hasattr(x, "dtype") and x.dtype in x._backend.float_dtypes]
    for x in xs:
        if hasattr(x, "dtype") and x.dtype not in x._backend.float_dtypes:
            if x._backend.name == "numpy":
                x = xp.astype(x, x._backend.xp.float64)
            else:  # torch would make single precision of integers, even beside doubles
                x = xp.astype(x, beside[0]) if beside else x * 1.0
        found.append(x)
    return found[0] if len(xs) == 1 else found


def _array(x: Any) -> Any:
    """A number as an array of NumPy's."""
    return x if hasattr(x, "shape") else get_backend("numpy").namespace.asarray(float(x))


def _function(name: str, function: Callable[..., Any], row: Primitive) -> Callable[..., Any]:
    """The public function of a row, whose parameters it has."""
    names = list(row.parameters)
    optional = [n for n in names if row.defaults.get(n, inspect.Parameter.empty) is None]

    def call(*args: Any) -> Any:
        if any(hasattr(x, "shape") for x in args):
            return function(*args)
        return function(*args[:-1], _array(args[-1]))

    call.__name__ = call.__qualname__ = name
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                n, inspect.Parameter.POSITIONAL_ONLY,
                default=None if n in optional else inspect.Parameter.empty,
            )
            for n in names
        ]
    )  # fmt: skip
    call.__doc__ = f"""As `scipy.special.{name}`, with derivatives where they are known.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.special.{name}.html
    """
    return public("special", arrays=" ".join(names))(call)


def _on_floats(name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        found = _floating(*args)
        return ROWS[name](*(found if len(args) > 1 else [found]))

    return call


_OWN_SIGNATURES = ("multigammaln", "polygamma", "sinc", "zeta")
_WHOLE = {
    name: _function(name, getattr(S, name), PRIMITIVES[f"special.{name}"])
    for name in NAMES if name not in _OWN_SIGNATURES
} | {
    name: _function(name, _on_floats(name), row) for name, row in ROWS.items()
    if not (name[-2] == "_" and name[-1].isdigit())
} | {name: _several(name) for name in PARTS}  # fmt: skip
globals().update(_WHOLE)


@public("special", arrays="a")
def multigammaln(a: Any, d: Any) -> Any:
    """The logarithm of the multivariate gamma function, by `a`."""
    return S.multigammaln(_floating(a), d)


@public("special", arrays="x")
def sinc(x: Any) -> Any:
    """The sine of pi x, divided by pi x; 1 where `x` is 0."""
    return S.sinc(_floating(_array(x)))


@public("special", arrays="n x")
def polygamma(n: Any, x: Any) -> Any:
    """The polygamma function, by `x`."""
    return S.polygamma(n, _floating(_array(x)))


@public("special", arrays="x q")
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The Riemann or Hurwitz zeta function, by `q`; `out` is left out."""
    if out is not None:
        raise UnsupportedError(
            "pluggrad.scipy.special.zeta(out=...) is not supported: leave it out"
        )
    return S.zeta(x if hasattr(q, "shape") else _array(x), q)


@public("special", arrays="x")
def softmax(x: Any, axis: Any = None) -> Any:
    """The exponentials, divided by their sum along `axis`."""
    return xp.softmax(_floating(x), axis=axis)


@public("special", arrays="x")
def log_softmax(x: Any, axis: Any = None) -> Any:
    """The logarithm of `softmax`, without underflow."""
    return xp.log_softmax(_floating(x), axis=axis)


@public("special", arrays="a b")
def _log_sum(a: Any, axis: Any, b: Any, keepdims: Any, sign: bool) -> Any:
    a = _floating(_array(a))
    axis = None if axis is None else axes_of(axis, a.ndim, "scipy.special.logsumexp")
    if is_complex(a) or (hasattr(b, "dtype") and is_complex(b)):
        raise UnsupportedError("pluggrad.scipy.special.logsumexp takes real numbers")
    if b is None and not sign:
        return xp.logsumexp(a, axis=axis, keepdims=keepdims)
    if b is None:
        b = xp.ones_like(a)
    a, b = a + xp.zeros_like(a * b), b + xp.zeros_like(a)
    none = b == 0
    top = xp.max(xp.where(none, -math.inf, a), axis=axis, keepdims=True)
    finite = xp.where(xp.abs(top) < math.inf, top, 0.0)
    terms = xp.where(none, 0.0, b * xp.exp(xp.where(none, 0.0, a - finite)))
    total = xp.sum(terms, axis=axis, keepdims=True)
    y = xp.log(xp.abs(total) if sign else total) + finite
    y, signs = (v if keepdims else xp.sum(v, axis=axis) for v in (y, xp.sign(total)))
    return xp.stack([y, signs]) if sign else y


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """The logarithm of the sum of exponentials, each multiplied by `b`, without overflow.

    With `return_sign`, that of the absolute value of the sum, and its sign. Without it, a negative
    sum gives nan.

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.special
    >>> pg.grad(pg.scipy.special.logsumexp)(np.zeros(2))
    array([0.5, 0.5])
    """
    y = _log_sum(a, axis, b, keepdims, bool(return_sign))
    return (y[0, ...], y[1, ...]) if return_sign else y


__all__ = sorted([*_WHOLE, *_OWN_SIGNATURES, "ellipj", "log_softmax", "logsumexp", "softmax"])

__getattr__, __dir__ = falling_through("special", __all__)
