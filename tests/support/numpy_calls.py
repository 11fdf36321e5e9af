"""Calls of functions that NumPy has too: the value is NumPy's, and the derivative is checked
against central differences, or on another backend against ours on NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import array, at_path, listed, to_numpy, tracked
from tests.support.derivatives import as_list, check_derivatives

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


def check_call(name: str, args: Any, kwargs: Any, *, second: bool = False) -> None:
    """The value and the dtype are NumPy's, and the derivative is right; that by numbers in single
    precision is not checked."""
    expected = at_path(np, name)(*args, **kwargs)
    function = at_path(pg, name)
    keep = (lambda x: x, lambda x: x)
    found = function(*_mapped(args, tracked, lambda x: x), **_mapped(kwargs, tracked, lambda x: x))
    assert isinstance(found, (list, tuple)) == isinstance(expected, (list, tuple))
    for mine, theirs in zip(as_list(found), as_list(expected), strict=True):
        theirs = np.asarray(theirs)
        assert (to_numpy(mine).shape, to_numpy(mine).dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(to_numpy(mine), theirs, rtol=1e-12, atol=1e-14)

    def of_leaves(*leaves: Any) -> Any:
        rest = iter(leaves)
        return function(*_mapped(args, lambda _: next(rest), keep[1]),
                        **_mapped(kwargs, lambda _: next(rest), keep[1]))  # fmt: skip

    if leaves := _leaves((*args, kwargs)):
        check_derivatives(of_leaves, *leaves, second=second)


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
        with pytest.raises(Exception):  # noqa: B017, PT011  (whatever NumPy raises there)
            at_path(np, name)(*args, **kwargs)
    with pytest.raises(pg.errors.PluggradError) as caught:
        at_path(pg, name)(*_mapped(args, tracked, lambda x: x),
                          **_mapped(kwargs, tracked, lambda x: x))  # fmt: skip
    assert str(caught.value)
