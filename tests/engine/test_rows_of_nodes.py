"""Backward walks along rows of nodes with one edge each, and what interrupts such a row.

The oracle is torch.autograd, doing the same to the same function.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

torch = needs("torch")

X, SEED = np.linspace(-1.0, 1.0, 6).reshape(2, 3), np.linspace(0.5, 2.0, 6).reshape(2, 3)


def leaves() -> tuple[Any, Any]:
    """The same leaf, of ours and of torch's."""
    return pg.Variable(np.array(X), requires_grad=True), torch.tensor(X, requires_grad=True)


def row(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """A row of operations with one edge each: its beginning, a place in it and its end."""
    first = xp.tanh(x * 1.5 + 0.25)
    middle = first * first - 2.0
    return first, middle, xp.exp(-middle) / 3.0


@pytest.mark.parametrize("chosen", [(2, 1), (1, 2), (0, 1, 2), (2, 2), (2, 0)])
def test_outputs_on_one_row(chosen):
    x, tx = leaves()
    ours, theirs = row(pg, x), row(torch, tx)
    pg.autograd.backward([ours[i] for i in chosen], [SEED * (i + 1) for i in chosen])
    torch.autograd.backward(
        [theirs[i] for i in chosen], [torch.tensor(SEED * (i + 1)) for i in chosen]
    )
    np.testing.assert_allclose(x.grad.data, tx.grad.numpy(), rtol=1e-14)


def test_rows_that_meet():
    # The two rows begin and end together; the walk takes one after the other.
    x, tx = leaves()
    for xp, v, seed in ((pg, x, SEED), (torch, tx, torch.tensor(SEED))):
        start = v * 2.0
        (xp.exp(xp.sin(start)) * xp.tanh(xp.cos(start) + 1.0)).backward(seed)
    np.testing.assert_allclose(x.grad.data, tx.grad.numpy(), rtol=1e-14)


def test_hooks_and_retained_gradients_inside_a_row():
    x, tx = leaves()
    grads = []
    for xp, v, seed in ((pg, x, SEED), (torch, tx, torch.tensor(SEED))):
        first, middle, last = row(xp, v)
        first.retain_grad()
        middle.register_hook(lambda g: g * 10.0)
        last.backward(seed)
        grads.append(first.grad)
    np.testing.assert_allclose(x.grad.data, tx.grad.numpy(), rtol=1e-14)
    np.testing.assert_allclose(grads[0].data, grads[1].numpy(), rtol=1e-14)


@pytest.mark.parametrize("function", [lambda x: x + 1.0, lambda x: (x + 1.0) - 2.0, pg.positive])
def test_a_gradient_is_never_the_users_own_cotangent(function):
    x, _ = leaves()
    seed = np.array(SEED)
    function(x).backward(seed)
    assert not np.shares_memory(x.grad.data, seed)
    x.grad.data[:] = 0.0
    np.testing.assert_array_equal(seed, SEED)


def test_what_a_walk_along_a_row_keeps_and_frees():
    x, _ = leaves()
    first, _, last = row(pg, x)
    last.backward(SEED, retain_graph=True)
    once = np.array(x.grad.data)
    last.backward(SEED)
    np.testing.assert_array_equal(x.grad.data, 2 * once)
    with pytest.raises(RuntimeError, match="second time"):
        last.backward(SEED)
    with pytest.raises(RuntimeError, match="second time"):
        first.backward(SEED)
    np.testing.assert_array_equal(x.grad.data, 2 * once)


class _Failing(pg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, g):
        raise ArithmeticError


def test_a_row_that_fails_half_way():
    x, _ = leaves()
    before = pg.exp(x * 2.0)
    y = pg.exp(pg.sin(_Failing.apply(before)))
    with pytest.raises(ArithmeticError):
        y.backward(SEED)
    assert x.grad is None
    with pytest.raises(RuntimeError, match="passed"):  # what the failed walk passed is freed
        y.backward(SEED)
    before.backward(SEED)  # and what it did not reach is there
    np.testing.assert_allclose(x.grad.data, SEED * 2 * np.exp(2 * X), rtol=1e-14)


@pytest.mark.parametrize("square", [lambda x: x * x, lambda x: x**2, lambda x: pg.square(x)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_squares_at_the_edges_of_their_range(square, dtype):
    # 2x is x + x to the last bit, also where it overflows, is infinite, nan or denormal.
    top = np.finfo(dtype).max
    values = np.asarray([0.0, -0.0, 1e-45, 3e-324, 0.1, -top, top, np.inf, -np.inf, np.nan], dtype)
    x = pg.Variable(values, requires_grad=True)
    with np.errstate(all="ignore"):
        square(x).backward(np.ones_like(values))
        tx = torch.tensor(values, requires_grad=True)
        (tx * tx).backward(torch.ones_like(tx))
    real = dtype != "complex128"
    if real:
        np.testing.assert_array_equal(x.grad.data, tx.grad.numpy())
    finite = np.isfinite(values) & (np.abs(values) < top)
    np.testing.assert_array_equal(x.grad.data[finite], 2 * np.conj(values[finite]))
    assert x.grad.dtype == dtype
