"""The product of many elements, and running sums and products."""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import xp
from ..engine.cotangents import conjugate, shape_dtype
from .kinds import constant, general, linear
from .reductions import axes_of, count, restore_axes


def exponent(x: Any) -> Any:
    """log2 |x|, rounded to an integer; 0 for zeros, infinities and nan."""
    r = xp.abs(x)
    ordinary = (r > 0) & (r < math.inf)
    return xp.where(ordinary, xp.round(xp.log2(xp.where(ordinary, r, 1.0))), 0.0)


def scaled(x: Any, k: Any) -> Any:
    """x 2^k, in two steps: 2^k alone may overflow where the result does not."""
    half = xp.floor(k / 2)
    return x * 2.0**half * 2.0 ** (k - half)


def within_range(k: Any) -> Any:
    """The exponent `k`, limited so that the powers of two in `scaled` do not overflow."""
    finfo = backend_of(k).xp.finfo(k.dtype)  # type: ignore[union-attr]
    limit = 2 * math.floor(math.log2(float(finfo.max))) - 2
    return xp.clip(k, -limit, limit)


def others(x: Any, n: int, level: int = 0) -> tuple[Any, Any]:
    """For each of the `n` elements along the last axis, the product of the others.

    It comes as mantissa and exponent. This is a tree: elements are multiplied in pairs, the product
    of everything outside each pair is found recursively, and times one partner it is the result for
    the other. Nothing is divided, so zeros are exact. On every fifth level the factors are scaled
    to about 1, so that the product of 32 of them cannot overflow.
    """
    if n == 1:
        return xp.ones_like(x), xp.zeros_like(xp.abs(x))
    k: Any = None
    if level % 5 == 0:
        k = xp.exponent(x)
        x = scaled(x, -k)
    half = n // 2
    one, two, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    pairs = one * two
    if n % 2:
        pairs = xp.concat((pairs, rest), axis=-1)
    outside, e = others(pairs, n - half, level + 1)
    near = outside[..., :half]
    parts = (near * two, near * one)
    outside = xp.concat((*parts, outside[..., half:]) if n % 2 else parts, axis=-1)
    e = xp.concat((e[..., :half], e), axis=-1)
    if k is not None:
        e = e + (xp.sum(k, axis=-1, keepdims=True) - k)
    return outside, e


def product_of_others(x: Any, axis: Any) -> Any:
    """The partial derivatives of `prod`: for each element, the product of the others."""
    axes = axes_of(axis, x.ndim)
    order = tuple([n for n in range(x.ndim) if n not in axes]) + axes
    shape = tuple([x.shape[n] for n in order])
    n = count(x.shape, axes)
    if n == 0:
        return x
    rows = xp.reshape(xp.permute_dims(x, order), (*shape[: x.ndim - len(axes)], n))
    mantissa, e = others(rows, n)
    found = xp.reshape(scaled(mantissa, within_range(e)), shape)
    return xp.permute_dims(found, tuple([order.index(n) for n in range(x.ndim)]))


def prod_back(g: Any, x: Any, axis: Any, dtype: Any, keepdims: Any) -> Any:
    """g_x: `g` times the conjugate of the product of the other elements."""
    x = x if dtype is None else xp.astype(x, dtype)
    return restore_axes(g, x.ndim, axis, keepdims) * conjugate(product_of_others(x, axis))


def prod_along(t: Any, x: Any, axis: Any, dtype: Any, keepdims: Any) -> Any:
    """t_y: the sum of each tangent times the product of the other elements."""
    x = x if dtype is None else xp.astype(x, dtype)
    return xp.sum(t * product_of_others(x, axis), axis=axis, keepdims=keepdims)


# ---------------------------------------------------------------- scans


def cumulative_sum_back(g: Any, like: Any, axis: Any, include_initial: Any) -> Any:
    """g_x at i: the sum of g_j over j ≥ i, because x_i is part of these sums."""
    axis = axes_of(axis, len(shape_dtype(like)[0]))[0]
    if include_initial:
        g = g[(slice(None),) * axis + (slice(1, None), ...)]
    return xp.flip(xp.cumulative_sum(xp.flip(g, axis=axis), axis=axis), axis=axis)


def recur(a: Any, b: Any) -> Any:
    """S_i = b_i + a_i S_{i+1} along the last axis, in log2(n) steps; `a` is one shorter than `b`.

    After each step S_i = b_i + a_i S_{i+d}, with `d` doubled. See P. Kogge and H. Stone, "A
    parallel algorithm for the efficient solution of a general class of recurrence equations"
    (1973).
    """
    n, d = b.shape[-1], 1
    while d < n:
        b = xp.concat((b[..., : n - d] + a * b[..., d:], b[..., n - d :]), axis=-1)
        if 2 * d < n:
            a = a[..., : n - 2 * d] * a[..., d:]
        d *= 2
    return b


def before(x: Any, y: Any, include_initial: Any) -> Any:
    """The product of all elements before each element, from the cumulative products `y`."""
    first = () if include_initial else (xp.astype(xp.ones_like(x[..., :1]), y.dtype),)
    return xp.concat((*first, y[..., :-1]), axis=-1)


def cumulative_prod_back(g: Any, x: Any, y: Any, axis: Any, include_initial: Any) -> Any:
    """g_x = p_i (g_i + x_{i+1} g_{i+1} + x_{i+1} x_{i+2} g_{i+2} + ...) at i, where p_i is the
    product of the elements before i."""
    axis = -1 if axis is None else axis
    if x.shape[axis] == 0:
        return xp.zeros_like(x)
    g, x, y = [xp.moveaxis(v, axis, -1) for v in (g, conjugate(x), conjugate(y))]
    total = recur(x[..., 1:], g[..., 1:] if include_initial else g)
    return xp.moveaxis(before(x, y, include_initial) * total, -1, axis)


def cumulative_prod_along(t: Any, x: Any, y: Any, axis: Any, include_initial: Any) -> Any:
    """t_y at i = x_i t_y_{i-1} + p_i t_i, where p_i is the product of the elements before i: the
    same recurrence, from the front."""
    axis = -1 if axis is None else axis
    if x.shape[axis] == 0:
        return xp.zeros_like(y)
    t, x, y = [xp.moveaxis(v, axis, -1) for v in (t, x, y)]
    b = xp.flip(t * before(x, y, include_initial), axis=-1)
    total = xp.flip(recur(xp.flip(x[..., 1:], axis=-1), b), axis=-1)
    if include_initial:
        total = xp.concat((xp.zeros_like(y[..., :1]), total), axis=-1)
    return xp.moveaxis(total, -1, axis)


# fmt: off
constant("exponent(x, /)", fallback=exponent, private=True)
general("prod(x, /, *, axis=None, dtype=None, keepdims=False)", prod_back, jvp=prod_along)
linear("cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)", cumulative_sum_back)
general("cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)",
        cumulative_prod_back, jvp=cumulative_prod_along)
# fmt: on
