"""Recursive filters: `lfilter`, and what is made of it.

A filter solves ``a * y = b * x`` for y, where ``*`` convolves. So the cotangent of y turns into
`u`, which solves the transposed equation, backwards in time. The cotangent of a coefficient is the
sum of u times what the coefficient is multiplied by.
"""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...engine.arguments import axis_of
from ...engine.batch import BatchedCall
from ...engine.cotangents import conjugate
from ...errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from ...functions.operand import values_of
from ...rules.kinds import bilinear, general
from ..arguments import constant
from ..rows import host, like, looped, public
from .common import array, backend_for, extended, floats, part, promoted, reversed_along

__all__ = ["filtfilt", "lfilter", "lfilter_zi"]

# ---------------------------------------------------------------- rows


def filtered(b: Any, a: Any, x: Any, axis: int) -> Any:
    """`x` filtered by b / a, all of one dtype; `axis` is not negative."""
    return RECURSION(xp.concat([b, a]), x, taps=b.shape[0], axis=axis)


def started(b: Any, a: Any, x: Any, zi: Any, axis: int) -> Any:
    """`x` filtered from the state `zi` on, if ``a[0]`` is 1."""
    return RECURSION_FROM(xp.concat([b, a]), x, zi, taps=b.shape[0], axis=axis)


def fir(b: Any, x: Any, axis: int) -> Any:
    """The convolution of `x` with `b` along `axis`, as long as `x`."""
    return filtered(b, xp.ones_like(b[:1]), x, axis)


def _back(g: Any, c: Any, taps: int, axis: int) -> Any:
    """What solves the transposed equation ``aᴴ u = g``: the filter 1 / a, backwards in time."""
    y = filtered(xp.ones_like(c[:1]), conjugate(c[taps:]), reversed_along(g, axis), axis)
    return reversed_along(y, axis)


def _by_coefficients(g: Any, c: Any, x: Any, y: Any, taps: int, axis: int) -> Any:
    u = _back(g, c, taps, axis)
    by_b = LAGS(u, conjugate(x), count=taps, axis=axis)
    return xp.concat([by_b, -LAGS(u, conjugate(y), count=c.shape[0] - taps, axis=axis)])


def _by_x(g: Any, c: Any, taps: int, axis: int) -> Any:
    y = RECURSION(conjugate(c), reversed_along(g, axis), taps=taps, axis=axis)
    return reversed_along(y, axis)


def _by_zi(g: Any, c: Any, zi: Any, taps: int, axis: int) -> Any:
    u = part(_back(g, c, taps, axis), axis, 0, zi.shape[axis])
    return extended(u, 0, zi.shape[axis] - u.shape[axis], axis, "value")


def _lags_by_first(g: Any, x: Any, axis: int) -> Any:
    return fir(g, x, axis)


def _lags_by_second(g: Any, u: Any, axis: int) -> Any:
    return reversed_along(fir(g, reversed_along(u, axis), axis), axis)


def _along(op: BatchedCall) -> Any:
    """Batching rule, of filters that all of the batch share."""
    if op.on[0]:
        return looped(op)
    others = [op.full(n) for n in range(1, len(op.args))]
    return op(op.args[0], *others, taps=op.get("taps"), axis=op.get("axis") + 1)


#: The filter itself. `c` is b followed by a, so that both cotangents share their work.
RECURSION = host(
    general("scipy.signal.recursion(c, x, /, *, taps, axis)", _by_coefficients, _by_x, fresh=True),
    like(1), _along,
)  # fmt: skip
#: The filter that starts in the state `zi`, if ``a[0]`` is 1.
RECURSION_FROM = host(
    general("scipy.signal.recursion_from(c, x, zi, /, *, taps, axis)", _by_coefficients, _by_x,
            _by_zi, fresh=True),
    like(1), _along,
)  # fmt: skip
#: For each lag k below `count`, the sum of ``u[n] * x[n - k]`` over n and all other axes.
LAGS = host(
    bilinear("scipy.signal.lags(u, x, /, *, count, axis)", _lags_by_first, _lags_by_second),
    lambda args, kwargs: ((kwargs["count"],), args[0].dtype),
)

# ---------------------------------------------------------------- lfilter


def _coefficients(c: Any, where: str, what: str, like: Any) -> Any:
    c = array(c, where, what, like)
    c = c if c.ndim else xp.reshape(c, (1,))
    if c.ndim != 1 or not c.shape[0]:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: {what} is a vector of one element at least, and has the shape "
            f"{tuple(c.shape)}"
        )
    return c


def signal_along(x: Any, where: str, axis: Any, like: Any) -> tuple[Any, int]:
    """`x` as an array, and the number of its `axis`."""
    x = array(x, where, "x", like)
    if not x.ndim:
        raise InvalidArgumentError(f"scipy.signal.{where}: x has one axis at least")
    return x, axis_of(axis, x.ndim, f"scipy.signal.{where}")


def _filter(b: Any, a: Any, x: Any, where: str) -> tuple[Any, Any, Any]:
    """The arguments of a filter in one dtype; raises for those that SciPy does not filter."""
    backend = backend_for(x)
    if not {b.dtype, a.dtype, x.dtype} & backend.float_dtypes:
        raise TypeMismatchError(
            f"scipy.signal.{where}: the arguments are integers; make one of them an array of floats"
        )
    if not x.shape[-1] and a.shape[0] == 1 and x.ndim == 1:
        raise InvalidArgumentError(f"scipy.signal.{where}: x is empty")
    if a.shape[0] > 1 and values_of(a[0]) == 0:
        raise InvalidArgumentError(f"scipy.signal.{where}: a[0] is 0")
    return promoted(b, a, x)


@public("signal", arrays="b a x zi")
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter `x` along `axis` by the rational transfer function b / a.

    The arguments are SciPy's. It is differentiable by `b`, `a`, `x` and the state `zi` that it
    starts in; with `zi`, the state that it ends in is returned, too.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.lfilter.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.signal
    >>> x = np.asarray([1.0, 0.0, 0.0, 0.0])
    >>> pg.grad(lambda a: pg.scipy.signal.lfilter([1.0], a, x)[2])(np.asarray([1.0, -0.5]))
    array([-0.75, -1.  ])
    """
    first = next((c for c in (x, b, a, zi) if hasattr(c, "dtype")), None)
    b, a = _coefficients(b, "lfilter", "b", first), _coefficients(a, "lfilter", "a", first)
    x, axis = signal_along(x, "lfilter", axis, first)
    if zi is None:
        b, a, x = _filter(b, a, x, "lfilter")
        return filtered(b, a, x, axis)
    zi = array(zi, "lfilter", "zi", x)
    b, a, zi = promoted(b, a, zi)
    b, a, x = _filter(b, a, x, "lfilter")
    (zi, x) = promoted(zi, x)
    length = max(b.shape[0], a.shape[0]) - 1
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    if zi.ndim != x.ndim or zi.shape[axis] != length or any(
        [m not in (1, n) for m, n in zip(zi.shape, shape, strict=True)]
    ):  # fmt: skip
        raise InvalidArgumentError(
            f"scipy.signal.lfilter: zi has the shape {shape}, not {tuple(zi.shape)}"
        )
    return with_state(b / a[0], a / a[0], x, axis, xp.broadcast_to(zi, shape))


def with_state(b: Any, a: Any, x: Any, axis: int, zi: Any) -> tuple[Any, Any]:
    """The filtered `x` and the state at the end. ``a[0]`` is 1."""
    count, n = zi.shape[axis], x.shape[axis]
    if not count:
        return filtered(b, a, x, axis), zi
    y = started(b, a, x, zi, axis)
    # What the state holds is what the equation lacks where the signal has ended.
    tail = min(n, count)

    def beyond(c: Any, z: Any) -> Any:
        z = extended(part(z, axis, n - tail, n), 0, count, axis, "value")
        return part(fir(c, z, axis), axis, tail, tail + count)

    end = beyond(b, x) - beyond(a, y)
    if n < count:
        end = end + extended(part(zi, axis, n, count), 0, n, axis, "value")
    return y, end


@public("signal", arrays="b a")
def lfilter_zi(b: Any, a: Any) -> Any:
    """The state of `lfilter` after a constant input of 1 for ever, for its argument `zi`.

    The arguments are SciPy's. It is differentiable by both.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.lfilter_zi.html
    """
    first = next((c for c in (b, a) if hasattr(c, "dtype")), None)
    b = _coefficients(b, "lfilter_zi", "b", first)
    a = _coefficients(a, "lfilter_zi", "a", first)
    b, a = floats(b, a)
    return steady(b, a, "lfilter_zi")


def steady(b: Any, a: Any, where: str) -> Any:
    values = values_of(a)
    zeros = next((n for n, c in enumerate(values or [1]) if c != 0), a.shape[0])
    a = a[zeros:]
    n = max(a.shape[0], b.shape[0])
    if not a.shape[0] or a.shape[0] < 2 > b.shape[0]:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: a filter without memory has no state; b or a has two elements "
            "at least, and a is not 0 everywhere"
        )
    b, a = b / a[0], a / a[0]
    b = extended(b, 0, n - b.shape[0], 0, "value")
    a = extended(a, 0, n - a.shape[0], 0, "value")
    unit = constant("eye", n - 1, beside=a, dtype=a.dtype)
    shifted = unit - constant("eye", n - 1, k=1, beside=a, dtype=a.dtype)
    first = unit[:1, :]
    matrix = shifted + xp.expand_dims(a[1:], axis=1) * first
    return xp.linalg.solve(matrix, b[1:] - a[1:] * b[0])


# ---------------------------------------------------------------- forwards and backwards


def padded(x: Any, axis: int, padtype: Any, padlen: Any, taps: int, where: str) -> tuple[Any, int]:
    """`x` with more at both ends, and how much more."""
    if padtype is not None and padtype not in ("even", "odd", "constant"):
        raise InvalidArgumentError(
            f"scipy.signal.{where}: padtype is 'odd', 'even', 'constant' or None, not {padtype!r}"
        )
    edge = 0 if padtype is None else 3 * taps if padlen is None else padlen
    if not isinstance(edge, int) or edge < 0:
        raise InvalidArgumentError(f"scipy.signal.{where}: padlen is an integer, not {padlen!r}")
    if x.shape[axis] <= edge:
        raise InvalidArgumentError(
            f"scipy.signal.{where}: x has {x.shape[axis]} elements along the axis, and must have "
            f"more than padlen, which is {edge}"
        )
    return (x if padtype is None else extended(x, edge, edge, axis, padtype)), edge


def both_ways(x: Any, edge: int, axis: int, once: Any) -> Any:
    """`once` of `x`, then of the result backwards. It starts as if the first element had been there
    for ever."""
    for _ in range(2):
        x = reversed_along(once(x, part(x, axis, 0, 1)), axis)
    return part(x, axis, edge, x.shape[axis] - edge)


@public("signal", arrays="b a x")
def filtfilt(
    b: Any, a: Any, x: Any, axis: int = -1, padtype: Any = "odd", padlen: Any = None,
    method: str = "pad", irlen: Any = None,
) -> Any:  # fmt: skip
    """Filter `x` forwards and then backwards, so that no phase is shifted.

    The arguments are SciPy's, but for ``method="gust"``, which is refused. It is differentiable by
    `b`, `a` and `x`.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.filtfilt.html
    """
    if method == "gust":
        raise UnsupportedError(
            "scipy.signal.filtfilt: method='gust' is not supported; method='pad' is"
        )
    if method != "pad":
        raise InvalidArgumentError(f"scipy.signal.filtfilt: method is 'pad', not {method!r}")
    first = next((c for c in (x, b, a) if hasattr(c, "dtype")), None)
    b, a = _coefficients(b, "filtfilt", "b", first), _coefficients(a, "filtfilt", "a", first)
    x, axis = signal_along(x, "filtfilt", axis, first)
    taps = max(b.shape[0], a.shape[0])
    x, edge = padded(x, axis, padtype, padlen, taps, "filtfilt")
    b, a, x = floats(b, a, x)
    state = state_along(steady(b, a, "filtfilt"), axis, x.ndim)
    b, a, x = _filter(b, a, x, "filtfilt")
    b, a = b / a[0], a / a[0]

    def once(x: Any, start: Any) -> Any:
        return started(b, a, x, state * start, axis)

    return both_ways(x, edge, axis, once)


def state_along(zi: Any, axis: int, ndim: int) -> Any:
    return xp.reshape(zi, (-1,) + (1,) * (ndim - 1 - axis))
