"""Anomaly detection, saved-tensor hooks, node hooks, strong zeros, and changed arrays."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.engine.levels import read
from tests.support.arrays import leaf_of

# ---------------------------------------------------------------- all of them


def test_modes_belong_to_the_thread():
    seen = []

    def other() -> None:
        x = leaf_of([0.0])
        y = pg.sum(pg.sqrt(x))
        with np.errstate(all="ignore"):
            y.backward()
        seen.append(x.grad.item())

    with pg.autograd.detect_anomaly(), pg.strong_zeros():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [np.inf]


def test_modes_end_and_cost_nothing_after():
    with pytest.raises(ZeroDivisionError), pg.strong_zeros(), pg.debug():
        assert read().modes.strong and read().modes.mutations and read().plain is None
        raise ZeroDivisionError
    assert read().modes is None and read().plain is not None


def test_as_decorators():
    @pg.strong_zeros()
    def f(x):
        return pg.grad(lambda x: pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0)))(x)

    with np.errstate(all="ignore"):
        for _ in range(2):
            np.testing.assert_array_equal(f(np.zeros(1)), [0.0])


def test_as_decorators_of_generators_and_coroutines_and_used_again():
    strong = lambda: read().modes is not None and read().modes.strong

    @pg.strong_zeros()
    def steps():
        yield strong()
        yield strong()

    @pg.strong_zeros()
    async def later():
        return strong()

    seen = []
    for inside in steps():
        seen += [inside, strong()]
    assert seen == [True, False, True, False]
    assert asyncio.run(later()) and not strong()
    mode = pg.strong_zeros()
    with mode, mode:
        assert strong()
    assert not strong()
    with mode:
        assert strong()
    assert not strong()
