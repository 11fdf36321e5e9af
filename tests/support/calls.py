"""Calls of NumPy's functions under pluggrad's names: the value against NumPy's own, the gradient
against central differences."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import convert, to_numpy

__all__ = ["check_call", "floats", "numpy_row", "values_of", "variables"]

STEP = 1e-6


def flat(y: Any) -> list[Any]:
    """The results of a call, those in nested lists and tuples in a row."""
    return [v for item in y for v in flat(item)] if isinstance(y, (tuple, list)) else [y]


def values_of(y: Any) -> list[np.ndarray]:
    """The results of a call as NumPy arrays."""
    return [to_numpy(v) for v in flat(y)]


def same(mine: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    """The same values, shapes and dtypes."""
    ours, expected = values_of(mine), values_of(theirs)
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype, (a.shape, b.shape, a.dtype, b.dtype)
        rough = max(tolerance, 2e-6 if a.dtype in (np.float32, np.complex64) else 0.0)
        np.testing.assert_allclose(a, b, rtol=rough, atol=rough)


def weighted(y: Any, weights: list[np.ndarray]) -> Any:
    """A number that depends on all of the results, in NumPy or in pluggrad. Where a weight is 0, the
    result may be infinite or nan."""
    total: Any = 0.0
    for v, w in zip(flat(y), weights, strict=True):
        if isinstance(v, pg.Variable):
            total = total + pg.sum(pg.real(pg.where(w != 0, v, 0.0) * w))
        else:
            total = total + np.sum(np.real(np.where(w != 0, v, 0.0) * w))
    return total


def check_call(
    name: str, *args: Any, by: tuple[int | str, ...] = (0,), tolerance: float = 1e-6, **kwargs: Any
) -> None:
    """``pg.<name>(*args, **kwargs)`` against NumPy's function of that name, and its gradient by the
    arguments `by`, positions or keywords."""
    function, own = attrgetter(name)(np), attrgetter(name)(pg)
    with np.errstate(all="ignore"):
        same(own(*args, **kwargs), function(*args, **kwargs))

    def call(f: Any, changed: dict[int | str, Any]) -> Any:
        given = [changed.get(n, x) for n, x in enumerate(args)]
        return f(*given, **{key: changed.get(key, x) for key, x in kwargs.items()})

    if not by:
        return
    at = {key: np.asarray(args[key] if isinstance(key, int) else kwargs[key]) for key in by}
    leaves: dict[int | str, Any] = {
        key: pg.Variable(x, requires_grad=True) for key, x in at.items()
    }
    with np.errstate(all="ignore"):
        y = call(own, leaves)
        theirs = call(function, dict(at))
    same(y, theirs)
    rng = np.random.default_rng(5)
    weights = [np.where(np.isfinite(v), rng.normal(size=v.shape), 0.0) for v in values_of(theirs)]
    if not any(v.size for v in weights):
        return
    total = weighted(y, weights)
    if total.requires_grad:
        total.backward()
    for key, x in at.items():
        expected = np.zeros(x.shape)
        for index in np.ndindex(*x.shape):
            ahead, behind = x.copy(), x.copy()
            ahead[index] += STEP
            behind[index] -= STEP
            with np.errstate(all="ignore"):
                change = weighted(call(function, {**at, key: ahead}), weights) - weighted(
                    call(function, {**at, key: behind}), weights
                )
            expected[index] = change / (2 * STEP)
        found = leaves[key].grad
        found = np.zeros(x.shape) if found is None else found.data
        there = np.isfinite(x)
        np.testing.assert_allclose(found[there], expected[there], rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(found[~there], 0.0)


def numpy_row(name: str, *args: Any, **kwargs: Any) -> Any:
    """One call; the test's name spells it."""
    shown = [str(x.shape) if hasattr(x, "shape") else repr(x) for x in args]
    shown += [f"{key}={value!r}" for key, value in kwargs.items()]
    return pytest.param(name, args, kwargs, id=f"{name} {' '.join(shown)}")


def floats(args: Any) -> tuple[int, ...]:
    """The places of the arguments that have a gradient."""
    return tuple([n for n, x in enumerate(args) if getattr(x, "dtype", None) == "float64"])


def variables(args: Any) -> Any:
    """`args` with tracked Variables in place of arrays, inside lists, too."""
    return [
        pg.Variable(x, requires_grad=x.dtype.kind in "fc") if hasattr(x, "dtype")
        else variables(x) if isinstance(x, list) else x
        for x in args
    ]  # fmt: skip


def check_on(backend: str, name: str, *args: Any, **kwargs: Any) -> None:
    """``pg.<name>(*args, **kwargs)`` on a backend against the same on NumPy, and the gradients by
    all arguments that are floating-point arrays."""
    found, expected = _pulled(backend, name, args, kwargs), _pulled("numpy", name, args, kwargs)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.dtype.kind == theirs.dtype.kind and mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)


def _pulled(backend: str, name: str, args: Any, kwargs: Any) -> list[np.ndarray]:
    """The results, and then the gradients of the sum of their squares; 0 where there is none."""
    leaves = []

    def made(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        raw = convert(np.asarray(x, order="C"), backend)
        if x.dtype.kind != "f":
            return raw
        leaves.append(pg.Variable(raw, requires_grad=True))
        return leaves[-1]

    y = getattr(pg, name)(*map(made, args), **{key: made(x) for key, x in kwargs.items()})
    losses = [pg.sum(v * v) for v in flat(y) if v.requires_grad]
    if losses:
        sum(losses[1:], losses[0]).backward()
    gradients = [np.zeros(tuple(v.shape)) if v.grad is None else to_numpy(v.grad) for v in leaves]
    return [*values_of(y), *gradients]
