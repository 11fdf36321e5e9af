"""Threads and tasks: levels, modes and graphs are their own, and shared leaves lose nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import array
from tests.support.optional import installed

BACKENDS = installed("numpy", "torch", "jax")


@pytest.fixture(autouse=True)
def often():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(work, count=8):
    """``work(number)`` in so many threads that start together; errors are raised here."""
    start = threading.Barrier(count)

    def run(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def closed_form(x, c):
    """What `nested` gives, by hand: f = c sin(x) x², and the derivatives of its sum."""
    first = c * (np.cos(x) * x**2 + 2 * x * np.sin(x))
    second = c * (-np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x))
    return first, second, np.sum(first), second


def nested(x, c):
    """Derivatives of three nestings, forwards and backwards, batched and not."""

    def f(x):
        return pg.sum(pg.vmap(lambda a: c * pg.sin(a) * a**2)(x))

    first = pg.grad(f)
    second = pg.grad(lambda x: pg.sum(first(x)))(x)
    pushed = pg.jvp(f, (x,), (x / x,))[1]
    crossed = pg.jvp(pg.checkpoint(pg.grad(f)), (x,), (x / x,))[1]
    return first(x), second, pushed, crossed


@pytest.mark.parametrize("name", BACKENDS)
def test_nested_gradients_in_eight_threads(name):
    rounds = 10 if name == "numpy" else 2

    def work(number):
        wrong = 0
        for turn in range(rounds):
            values = np.linspace(0.5, 1.5, 3) + number + 0.1 * turn
            found = nested(array(values.tolist(), name), float(number + 1))
            for got, want in zip(found, closed_form(values, number + 1), strict=True):
                wrong += not np.allclose(np.asarray(Variable(got).tolist()), want)
        return wrong

    assert at_once(work) == [0] * 8


def test_modes_and_levels_in_eight_threads():
    def work(number):
        odd = number % 2
        x = Variable(np.asarray([0.0, 1.0 + number]), requires_grad=True)
        for _ in range(25):
            with pg.set_grad_enabled(not odd):
                assert pg.is_grad_enabled() is (not odd)
                y = pg.sum(x * x)
                g = pg.grad(lambda x: pg.sum(x**3))(x.data)  # a transform records in any case
                np.testing.assert_array_equal(g, 3 * x.data**2)
                assert y.requires_grad is (not odd)
            context = pg.strong_zeros() if odd else pg.debug()
            with context, np.errstate(all="ignore"):
                g = pg.grad(lambda x: pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0)))(x.data)
                assert np.isnan(g[0]) == (not odd)
            with pg.use("numpy", dtype=np.float32 if odd else np.float64):
                assert pg.ones(1).dtype == (np.float32 if odd else np.float64)
            assert pg.is_grad_enabled()
        return True

    assert all(at_once(work))


def test_tasks_with_modes_and_levels_interleaved():
    """The steps of the tasks alternate, each in the middle of its own blocks."""

    async def work(number):
        odd = number % 2
        x = Variable(np.asarray([0.0, 1.0 + number]), requires_grad=True)
        for turn in range(5):
            with pg.set_grad_enabled(not odd):
                await asyncio.sleep(0)
                assert pg.is_grad_enabled() is (not odd)
                y = pg.sum(x * number)
                await asyncio.sleep(0.0001 * (number + turn) % 3)
                assert y.requires_grad is (not odd)
                if not odd:
                    y.backward()
            with pg.strong_zeros() if odd else pg.debug(), np.errstate(all="ignore"):
                await asyncio.sleep(0)
                g = pg.grad(lambda x: pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0)))(x.data)
                assert np.isnan(g[0]) == (not odd)
            assert pg.is_grad_enabled()
        return None if odd else x.grad.tolist()

    async def main():
        # in one task a whole computation may move to another thread, and takes its modes along
        with pg.no_grad():
            enabled = await asyncio.to_thread(pg.is_grad_enabled)
        return enabled, await asyncio.gather(*[work(n) for n in range(8)])

    enabled, found = asyncio.run(main())
    assert enabled is False
    assert found == [None if n % 2 else [5.0 * n, 5.0 * n] for n in range(8)]


def test_a_transform_that_waits_between_its_operations():
    """Coroutines stopped inside of different levels, resumed in turn."""

    def steps(x):
        def f(y):
            total = y * x
            yield
            total = total * y
            yield
            return total

        return f

    async def derivative(x):
        async def f(y):
            for stage in (turn := steps(x)(y)):
                assert stage is None
                await asyncio.sleep(0)
            del turn
            return pg.sum(y * y * x)

        # By hand, as no transform awaits: a leaf, levels of `grad` inside, and a walk at the end.
        y = Variable(np.asarray(3.0), requires_grad=True)
        z = await f(y)
        inner = pg.grad(lambda w: pg.grad(lambda v: v * v * w)(w))(2.0)
        await asyncio.sleep(0)
        z.backward()
        return float(y.grad.data), float(inner)

    async def main():
        return await asyncio.gather(*[derivative(float(n)) for n in range(6)])

    assert asyncio.run(main()) == [(6.0 * n, 8.0) for n in range(6)]


def test_an_asynchronous_generator_keeps_the_mode_to_its_body():
    seen = []

    @pg.no_grad()
    async def numbers(count):
        try:
            for n in range(count):
                await asyncio.sleep(0)
                assert not pg.is_grad_enabled()
                try:
                    seen.append((yield n))
                except KeyError:
                    assert not pg.is_grad_enabled()
                    yield "caught"
        finally:
            await asyncio.sleep(0)
            seen.append(pg.is_grad_enabled())

    async def main():
        async for n in numbers(2):
            assert n in (0, 1) and pg.is_grad_enabled()
        some = numbers(5)
        assert await some.asend(None) == 0 and await some.asend("sent") == 1
        assert await some.athrow(KeyError()) == "caught"
        await some.aclose()
        return pg.is_grad_enabled()

    assert asyncio.run(main())
    assert seen == [None, None, False, "sent", False]


def test_accumulation_from_two_threads_loses_nothing(monkeypatch):
    kind = type(Variable(np.zeros(1)))
    add = kind.__add__

    def slow(x, y):
        """Addition that gives the other thread its turn in the middle."""
        total = add(x, y)
        time.sleep(0.0005)
        return total

    monkeypatch.setattr(kind, "__add__", slow)
    v, w = (Variable(np.zeros(3), requires_grad=True) for _ in range(2))

    def work(number):
        for turn in range(20):
            y = pg.sum(v * float(10**number)) + pg.sum(w)
            if turn % 2:
                y.backward()
            else:
                pg.autograd.backward([y], inputs=[v, w])

    at_once(work, 2)
    np.testing.assert_array_equal(v.grad.data, np.full(3, 20.0 + 200.0))
    np.testing.assert_array_equal(w.grad.data, np.full(3, 40.0))


@pytest.mark.parametrize("name", BACKENDS)
def test_accumulation_from_eight_threads(name):
    v = Variable(array([0.0, 0.0], name), requires_grad=True)

    def work(number):
        for _ in range(25):
            pg.sum(v * float(number)).backward()

    at_once(work)
    assert v.grad.tolist() == [25.0 * 28] * 2


def test_one_graph_walked_by_many_threads():
    v = Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    y = pg.sum(pg.exp(pg.sin(v)) * v)
    (expected,) = pg.autograd.grad(y, v, retain_graph=True)

    def work(number):
        for _ in range(20):
            (g,) = pg.autograd.grad(y, v, retain_graph=True)
            np.testing.assert_array_equal(g.data, expected.data)
            y.backward(retain_graph=True)

    at_once(work)
    np.testing.assert_allclose(v.grad.data, 160 * expected.data, rtol=1e-12)


def test_hooks_may_walk_and_wait_for_others():
    """No lock is held while hooks run: one that waits for another thread does not stop it."""
    v, w = (Variable(np.ones(2), requires_grad=True) for _ in range(2))
    walked = []

    def hook(leaf):
        other = threading.Thread(target=lambda: pg.sum(w * 3.0).backward())
        other.start()
        other.join(timeout=10)
        walked.append(not other.is_alive())
        with pg.enable_grad():  # as in torch: the walk is not recorded, nor are its hooks
            pg.sum(w * 2.0).backward()

    v.register_post_accumulate_grad_hook(hook)
    v.register_hook(pg.enable_grad()(lambda g: pg.sum(w * 1.0).backward()))
    pg.sum(v).backward()
    assert walked == [True]
    np.testing.assert_array_equal(w.grad.data, [6.0, 6.0])


def test_a_value_of_a_running_transform_is_refused_elsewhere():
    found = []

    def use(x):
        try:
            pg.grad(lambda y: pg.sum(y * x))(np.ones(2))
        except pg.LeakedVariableError as error:
            found.append(str(error))

    def f(x):
        thread = threading.Thread(target=use, args=(x,))
        thread.start()
        thread.join()
        return pg.sum(x * x)

    np.testing.assert_array_equal(pg.grad(f)(np.ones(2)), [2.0, 2.0])
    assert len(found) == 1 and "another thread" in found[0]


FIRST_USE = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import pluggrad as pg

sys.setswitchinterval(1e-6)
names, start = sys.argv[1:], threading.Barrier(8)

def work(number):
    found = []
    for name in names:
        with pg.use(name):
            start.wait()
            x = pg.asarray([1.0, 2.0]).requires_grad_()
        pg.sum(pg.sin(x) * x).backward()
        h = pg.hessian(lambda x: pg.sum(x**3))(x.data)
        found.append((x.grad.tolist(), pg.asarray(h).tolist(), type(x), type(pg.asarray(x.data)),
                      pg.namespace(name)))
    return found

with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(work, range(8)))
assert all(one == found[0] for one in found), found
"""


def test_a_library_is_met_first_by_eight_threads_at_once():
    """They end up with one backend: arrays of two would be refused as of different libraries."""
    found = subprocess.run([sys.executable, "-c", FIRST_USE, *BACKENDS],
                           capture_output=True, text=True, timeout=300)  # fmt: skip
    assert found.returncode == 0, found.stderr
