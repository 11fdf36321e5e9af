"""How a client is checked: an unmodified call of it, its value, and its gradient.

A recipe is a function of `(x, c)`: `x` is the array to differentiate by, and `c` makes constants of
the same library. It runs on raw NumPy arrays, whose finite differences are the reference, and on
Variables. The page docs/compatibility.md lists the recipes and what became of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

Recipe = tuple[str, Callable[[Any, Any], Any], Any]

RNG = np.random.default_rng(0)
X = np.asarray([0.7, 1.9, 1.2, 0.4, 2.6, 1.5, 3.1])
MATRIX = RNG.normal(size=(6, 3))


def cases(recipes: list[Recipe], *backends: str) -> Any:
    """Each recipe on each backend, named ``recipe-backend``, as arguments of a test."""
    return pytest.mark.parametrize(
        ("function", "x", "backend"),
        [
            pytest.param(function, x, backend, id=f"{name}-{backend}")
            for name, function, x in recipes
            for backend in backends or ("numpy",)
        ],
    )


def leaving(recipes: list[Recipe]) -> Any:
    """Recipes that leave the graph, as arguments of a test."""
    return pytest.mark.parametrize(
        ("function", "x"), [pytest.param(function, x, id=name) for name, function, x in recipes]
    )


def total(y: Any, xp: Any) -> Any:
    """One real number out of the array `y`, to which each element contributes differently."""
    y = xp.reshape(y, (-1,))
    weights = np.cos(np.arange(1.0, y.shape[0] + 1))
    if xp is not np:
        weights = pg.lift(weights, like=y)
    if "complex" in str(y.dtype):
        return xp.sum(xp.real(y) * weights) + xp.sum(xp.imag(y) * weights * weights)
    return xp.sum(y * weights)


def differences(function: Callable[[Any, Any], Any], x: Any, step: float = 1e-6) -> Any:
    """The gradient of `total(function(x))`, by central differences on raw NumPy arrays."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            sides.append(total(np.asarray(function(moved, np.asarray)), np))
        gradient[index] = (sides[0] - sides[1]) / (2 * step)
    return gradient


def check(
    function: Callable[[Any, Any], Any],
    x: Any,
    backend: str,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> None:
    """The value is that of raw NumPy arrays, and the gradient that of finite differences."""
    if backend == "torch":
        torch = needs("torch")
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # as SciPy's tests do: it makes arrays of numbers
        try:
            return _check(function, x, backend, rtol, atol)
        finally:
            torch.set_default_dtype(before)
    return _check(function, x, backend, rtol, atol)


def _check(
    function: Callable[[Any, Any], Any], x: Any, backend: str, rtol: float, atol: float
) -> None:
    xp = pg.namespace(backend)
    v = pg.Variable(xp.raw_asarray(x), requires_grad=True)
    y = function(v, lambda a: pg.lift(np.asarray(a), like=v))
    assert isinstance(y, pg.Variable), f"the client returned {type(y)}"
    value = function(x.copy(), np.asarray)
    np.testing.assert_allclose(y.detach().numpy(), value, rtol=1e-9, atol=1e-11)
    assert y.requires_grad, "the client returned something without a gradient"
    total(y, xp).backward()
    expected = differences(function, x)
    assert np.any(expected != 0), "a recipe with a zero gradient shows nothing"
    np.testing.assert_allclose(v.grad.numpy(), expected, rtol=rtol, atol=atol)


def check_leaving(function: Callable[[Any, Any], Any], x: Any, *clients: str) -> None:
    """GraphBreakError, naming the user's line, that of a client and the remedy, and no gradient of
    zero."""
    v = pg.Variable(x.copy(), requires_grad=True)
    with pytest.raises(pg.GraphBreakError, match="detach") as caught:
        function(v, lambda a: pg.lift(np.asarray(a), like=v))
    where = str(caught.value).replace("\\", "/")
    assert any(f"/{client}/" in where for client in clients), where
    assert "/tests/clients/" in where
    assert v.grad is None
