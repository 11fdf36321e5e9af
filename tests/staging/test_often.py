"""`linearize` becomes a program when it is called often: the same to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.staging import often

rng = np.random.default_rng(0)
A, X = rng.normal(size=(5, 5)), rng.normal(size=5)
FUNCTIONS = {
    "layers": lambda x: pg.tanh(A @ pg.tanh(A @ pg.sin(x) * 2)) * x,
    "slices": lambda x: x[1:] * x[:-1] + x[::2].sum(),
    "products": lambda x: pg.cumulative_prod(x) + pg.prod(x),
    "complex": lambda x: pg.exp(1j * x) * x,
    "ties": lambda x: pg.maximum(x, 0.0) + pg.max(x),
    "linear": lambda x: A @ x,
    "constant": lambda x: pg.sum(x) * 0.0 + pg.stop_gradient(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_program_pushes_as_the_walk(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    make = often._made
    monkeypatch.setattr(often, "_made", lambda *args: made.append(make(*args)) or made[-1])
    f = FUNCTIONS[name]
    _, push = pg.linearize(f, X)
    for _ in range(often.OFTEN + 3):
        t = rng.normal(size=5)
        _, expected = pg.linearize(f, X)[1], pg.linearize(f, X)[1](t)
        got = push(t)
        assert got.dtype == expected.dtype and got.strides == expected.strides
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_allclose(got, pg.jvp(f, (X,), (t,))[1], rtol=1e-12, atol=1e-14)
    assert len(made) == 1 and callable(made[0])


def test_several_layouts_and_levels() -> None:
    _, push = pg.linearize(lambda x: pg.sum(pg.sin(x) ** 2, axis=0), A)
    whole, pieces = rng.normal(size=(5, 5)), rng.normal(size=(10, 10))[::2, ::2]
    expected = [push(whole), push(pieces)]
    for _ in range(30):
        np.testing.assert_array_equal(push(whole), expected[0])
        np.testing.assert_array_equal(push(pieces), expected[1])
    g = pg.grad(lambda t: pg.sum(push(t) ** 2))(whole)  # a level of its own: no program there
    np.testing.assert_allclose(g, pg.grad(lambda t: pg.sum((pg.sin(2 * A) * t).sum(0) ** 2))(whole))


def test_a_program_is_as_closed_to_writes_as_the_walk() -> None:
    _, push = pg.linearize(lambda x: A @ x, X)
    for _ in range(often.OFTEN + 2):
        y = push(X)
        expected = y.copy()
        y[:] = 0.0
        np.testing.assert_array_equal(push(X), expected)
