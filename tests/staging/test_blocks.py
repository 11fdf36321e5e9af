"""Blocks: large arrays piece by piece give what whole arrays give, but for the order of sums."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.staging import blocks
from pluggrad.staging.blocks import Region, in_blocks
from pluggrad.staging.emit import emitted
from pluggrad.staging.engines import program_of

rng = np.random.default_rng(0)
SIZE = 5 * blocks.PIECE + 17  # the last piece is a short one
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: pg.sum(pg.exp(-x * x) * pg.sin(x) + pg.log(1 + x * x)),
    "several sums": lambda x: pg.sum(x * x) * pg.sum(pg.sin(x)) + pg.max(pg.cos(x) * x),
    "smallest": lambda x: pg.min(pg.tanh(x) * x) + pg.sum(x**3),
    "where": lambda x: pg.sum(pg.where(x > 0, x * x, -x) * pg.sqrt(pg.abs(x) + 1)),
    "sum in between": lambda x: pg.sum(pg.exp(x - pg.sum(x) / 1e6) * x),
    "axes": lambda x: pg.sum(pg.sum(pg.sin(x * x) + x, axis=-1) ** 2),
    "views": lambda x: pg.sum(pg.sin(x[..., 1:] * x[..., :-1]) * 2 + x[..., 1:] ** 2),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays count as large from some 300 kB on."""
    monkeypatch.setattr(blocks, "LARGE", 2**18)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", [(SIZE,), (7, SIZE // 6)])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name: str, shape: tuple[int, ...], threads: int) -> None:
    f = pg.value_and_grad(FUNCTIONS[name])
    compiled = pg.compile(f, blocks=True, threads=threads, on_break="error")
    for _ in range(2):
        x = rng.normal(size=shape)
        value, gradient = compiled(x)
        expected, slope = f(x)
        assert type(value) is type(expected) and value.dtype == expected.dtype
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-12)
    assert compiled.programs == 1


def test_a_group_becomes_one_call() -> None:
    x = rng.normal(size=SIZE)
    f = pg.value_and_grad(FUNCTIONS["sum"])
    program = in_blocks(program_of(lambda x: list(f(x)), [x], set()), 1)
    assert [type(call.function) for call in program.calls] == [Region]
    value, gradient = emitted(program)(x)
    np.testing.assert_array_equal(gradient, f(x)[1])  # what is not summed is the same
    eps = np.finfo(float).eps
    assert abs(value - f(x)[0]) <= 4 * eps * np.sum(np.abs(np.exp(-x * x) * np.sin(x)) + 1)


@pytest.mark.parametrize("x", [
    rng.normal(size=(SIZE, 2))[:, 0], rng.normal(size=(600, 500)).T, rng.normal(size=100),
    rng.normal(size=(300, 400)).astype(np.float32),
])  # fmt: skip
def test_other_layouts_and_dtypes(x: Any) -> None:
    f = pg.value_and_grad(FUNCTIONS["sum"])
    value, gradient = pg.compile(f, blocks=True, on_break="error")(x)
    expected, slope = f(x)
    np.testing.assert_allclose(value, expected, rtol=1e-5 if x.dtype == np.float32 else 1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5 if x.dtype == np.float32 else 1e-12)
    assert gradient.dtype == slope.dtype and gradient.strides == slope.strides


def test_threads_of_the_user() -> None:
    f = pg.value_and_grad(FUNCTIONS["sum"])
    compiled = pg.compile(f, blocks=True, threads=2)
    inputs = [rng.normal(size=SIZE) for _ in range(6)]
    expected = [f(x)[1] for x in inputs]
    wrong: list[int] = []

    def work() -> None:
        for i, x in enumerate(inputs):
            if not np.array_equal(compiled(x)[1], expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_threads_are_at_least_one() -> None:
    with pytest.raises(pg.InvalidArgumentError, match="at least 1"):
        pg.compile(pg.sin, blocks=True, threads=0)
