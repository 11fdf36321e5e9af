"""Calls of functions that NumPy has too: the value is NumPy's, and the derivative is checked
against central differences, or on another backend against ours on NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import array, at_path, listed, to_numpy, tracked
from tests.support.derivatives import STEP, as_list, check_derivatives, inner, random_like

__all__ = ["call", "check_call", "check_on", "check_refused"]


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """A row of a table: one call of the function `name`."""
    shown = [x.shape if isinstance(x, np.ndarray) else x for x in args]
    text = ", ".join([*map(_short, shown), *[f"{k}={_short(x)}" for k, x in kwargs.items()]])
    return pytest.param(name, args, kwargs, id=f"{name}({text})"[:80])


def _short(x: Any) -> str:
    if isinstance(x, (list, tuple)):
        return f"[{', '.join(map(_short, x))}]"
    return str(x.shape if isinstance(x, np.ndarray) else x)


def _leaves(tree: Any) -> list[np.ndarray]:
    """The arrays in double precision in nested lists, tuples and dictionaries."""
    if isinstance(tree, (list, tuple)):
        return [x for item in tree for x in _leaves(item)]
    if isinstance(tree, dict):
        return _leaves(list(tree.values()))
    return [tree] if isinstance(tree, np.ndarray) and tree.dtype.char in "dD" else []


def _mapped(tree: Any, leaf: Callable[[Any], Any], other: Callable[[Any], Any]) -> Any:
    """`tree` with `leaf` of the arrays in double precision, and `other` of all other arrays."""
    if isinstance(tree, (list, tuple)):
        return type(tree)([_mapped(item, leaf, other) for item in tree])
    if isinstance(tree, dict):
        return {key: _mapped(item, leaf, other) for key, item in tree.items()}
    if not isinstance(tree, np.ndarray):
        return tree
    return leaf(tree) if tree.dtype.char in "dD" else other(tree)


def check_call(
    name: str, args: Any, kwargs: Any, *, second: bool = False, constant: bool = False
) -> None:
    """The value and the dtype are NumPy's, and the derivative is right; that by numbers in single
    precision is not checked. With `constant` the result does not depend on the arrays."""
    function, theirs = at_path(pg, name), at_path(np, name)
    leaves: list[Any] = []

    def leaf(x: Any) -> Any:
        leaves.append(tracked(x))
        return leaves[-1]

    found = function(*_mapped(args, leaf, lambda x: x), **_mapped(kwargs, leaf, lambda x: x))
    expected = theirs(*args, **kwargs)
    assert isinstance(found, (list, tuple)) == isinstance(expected, (list, tuple))
    values = [np.asarray(y) for y in as_list(expected)]
    for mine, value in zip(as_list(found), values, strict=True):
        assert (to_numpy(mine).shape, to_numpy(mine).dtype) == (value.shape, value.dtype)
        single = value.dtype.char in "fF"
        np.testing.assert_allclose(
            to_numpy(mine), value, rtol=1e-6 if single else 1e-12, atol=1e-14
        )
    if constant:
        assert not any(y.requires_grad for y in as_list(found))
    if constant or not leaves:
        return

    def of(call: Any, leaves: Any) -> Any:
        rest = iter(leaves)
        return call(*_mapped(args, lambda _: next(rest), lambda x: x),
                    **_mapped(kwargs, lambda _: next(rest), lambda x: x))  # fmt: skip

    arrays = _leaves((*args, kwargs))
    if second:
        check_derivatives(lambda *xs: of(function, xs), *arrays)
        return
    rng = np.random.default_rng(0)
    weights = [random_like(y, rng) for y in values]
    tangents = [random_like(x, rng) for x in arrays]
    sides = [as_list(of(theirs, [_moved(x, h * t) for x, t in zip(arrays, tangents, strict=True)]))
             for h in (STEP, -STEP)]  # fmt: skip
    slope = sum(inner(w, np.asarray(a) - np.asarray(b)) / (2 * STEP)
                for w, a, b in zip(weights, *sides, strict=True))  # fmt: skip
    total = sum(
        pg.sum(pg.real(y * np.conj(w))) for w, y in zip(weights, as_list(found), strict=True)
    )
    gradients = pg.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    for x, g in zip(arrays, gradients, strict=True):
        assert (g.shape, g.dtype) == (x.shape, x.dtype)
    pushed = sum(inner(g.data, t) for g, t in zip(gradients, tangents, strict=True))
    np.testing.assert_allclose(pushed, slope, rtol=2e-6, atol=2e-6)


def _moved(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """`x + t`, in memory as `x` is."""
    y = x.copy(order="K")
    y += t
    return y


def _total(found: Any, xp: Any) -> Any:
    """A weighted sum of all results: its gradient tells their elements apart."""
    total: Any = 0.0
    for n, y in enumerate(as_list(found)):
        flat = xp.reshape(y * (n + 1.0), (-1,))
        total = total + xp.sum(flat * xp.cumulative_sum(xp.ones_like(flat)))
    return total


def check_on(backend: str, name: str, args: Any, kwargs: Any) -> None:
    """The values, and the gradient of a weighted sum of them, are as on NumPy."""
    results = []
    for library in ("numpy", backend):
        leaves: list[Any] = []

        def leaf(x: Any, library: str = library, leaves: list[Any] = leaves) -> Any:
            leaves.append(tracked(array(x, library)))
            return leaves[-1]

        def other(x: Any, library: str = library) -> Any:
            return array(x, library, str(x.dtype))

        xp = pg.namespace(library)
        found = at_path(xp, name)(*_mapped(args, leaf, other), **_mapped(kwargs, leaf, other))
        gradients = pg.autograd.grad(_total(found, xp), leaves)
        results.append([listed(y) for y in (*as_list(found), *gradients)])
    for mine, theirs in zip(*results, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)


def check_refused(name: str, args: Any, kwargs: Any, *, numpy_too: bool = True) -> None:
    """Both raise; or only we do, without `numpy_too`."""
    if numpy_too:
        with pytest.raises(Exception):  # noqa: B017  (whatever NumPy raises there)
            at_path(np, name)(*args, **kwargs)
    with pytest.raises(pg.errors.PluggradError) as caught:
        at_path(pg, name)(*_mapped(args, tracked, lambda x: x),
                          **_mapped(kwargs, tracked, lambda x: x))  # fmt: skip
    assert str(caught.value)
