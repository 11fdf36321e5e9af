"""checkpoint: what it saves, and what it lets go."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np

import pluggrad as pg
from pluggrad import Variable
from pluggrad.engine.graph import nodes_below
from tests.support.operations import not_checkpointed


def chain(x, w, ck, blocks=30):
    block = ck(lambda x: pg.tanh(pg.sin(pg.cos(pg.sin(x * w) + x) * w)))
    for _ in range(blocks):
        x = block(x)
    return pg.sum(x)


def peak(f):
    gc.collect()
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def saved_bytes(y):
    """What the graph of `y` keeps."""
    arrays = {}

    def note(x):
        if isinstance(x, Variable):
            note(x._value)
        elif isinstance(x, np.ndarray):
            arrays[id(x)] = x.nbytes
        elif isinstance(x, (tuple, list)):
            for item in x:
                note(item)
        elif hasattr(x, "inputs"):
            note(x.inputs)
            note(x.outputs)
            note(x.residuals)

    for node in nodes_below([y.grad_fn]):
        for edge in node.edges():
            note(edge.saved)
    return sum(arrays.values())


def test_memory_goes_down():
    n = 50_000
    size = 8 * n

    def step(ck):
        def run():
            x, w = (Variable(np.full(n, 0.1), requires_grad=True) for _ in "xw")
            y = chain(x, w, ck)
            kept.append(saved_bytes(y))
            y.backward()

        return run

    kept: list[int] = []
    with_it, without = peak(step(pg.checkpoint)), peak(step(not_checkpointed))
    assert kept[0] <= 32 * size  # the input of each block, and w
    assert kept[1] >= 30 * 4 * size
    assert with_it < 50 * size < 120 * size < without

    def second(ck):
        f = lambda x: chain(x, np.full(n, 0.5), ck)
        return lambda: pg.grad(lambda x: pg.sum(pg.grad(f)(x) ** 2))(np.full(n, 0.1))

    assert peak(second(pg.checkpoint)) < 0.5 * peak(second(not_checkpointed))


def test_nested_memory_grows_like_the_square_root():
    n = 20_000

    def step(ck):
        inner = ck(lambda x: pg.tanh(pg.sin(pg.cos(x))))

        def run():
            def six(x):
                for _ in range(6):
                    x = inner(x)
                return x

            x = v = Variable(np.full(n, 0.1), requires_grad=True)
            for _ in range(6):
                x = ck(six)(x)
            pg.sum(x).backward()
            return v.grad.data

        return run

    np.testing.assert_array_equal(step(pg.checkpoint)(), step(not_checkpointed)())
    assert peak(step(pg.checkpoint)) < 25 * 8 * n < 70 * 8 * n < peak(step(not_checkpointed))


def test_outputs_and_inner_graph_are_not_kept():
    seen = []

    @pg.checkpoint
    def f(x):
        y = pg.sin(x)
        seen.append(weakref.ref(y.grad_fn))
        return pg.exp(y)

    gc.disable()
    try:
        x = Variable(np.ones(3), requires_grad=True)
        y = f(x)
        assert seen[0]() is None
        value = weakref.ref(y.data)
        z = pg.sum(y)
        del y
        assert value() is None
        z.backward()
        assert seen[1]() is None
        node = weakref.ref(z.grad_fn)
        del z
        assert node() is None
    finally:
        gc.enable()
