"""Checks of derivatives against central differences, for the test files of the rule book."""

from __future__ import annotations

from typing import Any

import numpy as np

import pluggrad as pg
from tests.support.arrays import numbers

__all__ = ["as_list", "check_derivatives", "host", "inner", "random_like"]

STEP = 1e-6


def random_like(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normally distributed numbers in the shape and dtype of `x`, complex if `x` is."""
    t = rng.standard_normal(x.shape)
    if x.dtype.kind == "c":
        t = t + 1j * rng.standard_normal(x.shape)
    return np.asarray(t, dtype=x.dtype)


def inner(a: Any, b: Any) -> float:
    """The real inner product of two arrays."""
    return float(np.sum(np.real(np.conj(np.asarray(a)) * np.asarray(b))))


def as_list(y: Any) -> list[Any]:
    """The outputs of a function: one, or those in a list or tuple."""
    return list(y) if isinstance(y, (tuple, list)) else [y]


def host(v: Any) -> np.ndarray:
    """The value of `v` as a NumPy array; torch's lazy conjugates are computed first."""
    raw = v.detach().data
    return np.asarray(raw.resolve_conj().resolve_neg() if hasattr(raw, "resolve_conj") else raw)


def close(a: Any, b: Any, tolerance: float = 1e-6) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def check_derivatives(f: Any, *arrays: Any, second: bool = True) -> None:
    """`f` of NumPy arrays: its JVP, VJP and second derivative, against central differences."""
    rng = np.random.default_rng(0)
    arrays = tuple([np.asarray(x) for x in arrays])
    y = numbers(f(*arrays))
    for _ in range(2):
        tangents = tuple([random_like(x, rng) for x in arrays])
        ahead = numbers(f(*[x + STEP * t for x, t in zip(arrays, tangents, strict=True)]))
        behind = numbers(f(*[x - STEP * t for x, t in zip(arrays, tangents, strict=True)]))
        expected = [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]
        value, pushed = pg.jvp(lambda *xs: list(as_list(f(*xs))), arrays, tangents)
        for mine, theirs in zip(value, y, strict=True):
            close(mine, theirs, 1e-13)
        for t, e in zip(pushed, expected, strict=True):
            assert np.asarray(t).dtype == e.dtype
            close(t, e)
        cotangents = [random_like(v, rng) for v in y]
        gradients = pull(f, arrays, cotangents)
        for g, x in zip(gradients, arrays, strict=True):
            assert g.shape == x.shape and g.dtype == x.dtype
        close(sum(map(inner, gradients, tangents)), sum(map(inner, cotangents, expected)), 2e-6)
    if second:
        check_second(f, arrays, cotangents, tangents)


def loss(f: Any, xs: Any, cotangents: Any) -> Any:
    total: Any = 0.0
    for v, g in zip(as_list(f(*xs)), cotangents, strict=True):
        total = total + pg.sum(pg.real(v * np.conj(g)))
    return total


def pull(f: Any, arrays: Any, cotangents: Any, create_graph: bool = False) -> Any:
    leaves = [pg.Variable(x, requires_grad=True) for x in arrays]
    found = pg.autograd.grad(loss(f, leaves, cotangents), leaves)
    return [g.data for g in found]


def check_second(f: Any, arrays: Any, cotangents: Any, tangents: Any) -> None:
    """The derivative of <gradient of f(x*x), t>, by x."""

    def gradient(xs: Any, create_graph: bool) -> Any:
        total = loss(lambda *zs: f(*[z * z for z in zs]), xs, cotangents)
        return pg.autograd.grad(total, xs, create_graph=create_graph)

    def leaves_at(h: float) -> Any:
        return [pg.Variable(x + h * t, requires_grad=True)
                for x, t in zip(arrays, tangents, strict=True)]  # fmt: skip

    leaves = leaves_at(0.0)
    first = gradient(leaves, True)
    total: Any = 0.0
    for g, t in zip(first, tangents, strict=True):
        total = total + pg.sum(pg.real(g * np.conj(t)))
    found = pg.autograd.grad(total, leaves)
    ahead, behind = gradient(leaves_at(STEP), False), gradient(leaves_at(-STEP), False)
    expected = [(a.data - b.data) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]
    for g, e in zip(found, expected, strict=True):
        close(g.data, e, 2e-5)
