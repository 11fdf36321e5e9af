"""No reference cycles: whatever is computed is freed at once, also after errors, and steps of training
leave nothing behind."""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable


def random_array(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 1.5, shape)


def random_leaf(*shape: int) -> Variable:
    return Variable(random_array(*shape), requires_grad=True)


class Exp(pg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.note = y = pg.exp(x)
        ctx.save_for_backward(x, y, pg.cos(x))
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[1]


@pg.custom_vjp
def square(x: Any) -> Any:
    return x * x


square.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x * g,))


@pg.custom_jvp
def cube(x: Any) -> Any:
    return x**3


cube.defjvp(lambda primals, tangents: (cube(*primals), 3 * primals[0] ** 2 * tangents[0]))


def f(x: Any) -> Any:
    return pg.sum(pg.sin(x) * cube(x) + square(Exp.apply(x)))


def fails(x: Any) -> Any:
    raise KeyError(pg.sin(x))


def backward() -> list[Any]:
    x = random_leaf(3)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(lambda v: None)
    z = f(y)
    z.grad_fn.register_hook(lambda sent, arrived: None)
    z.backward(retain_graph=True)
    z.backward()
    return [x, y]


def second_order() -> list[Any]:
    x = random_leaf(3)
    (g,) = pg.autograd.grad(f(x), x, create_graph=True)
    pg.autograd.grad(pg.sum(g), x)
    f(x).backward(create_graph=True)  # torch has a cycle here
    return [x, g]


def transforms() -> list[Any]:
    x = random_array(3)
    pg.grad(f)(x), pg.jvp(f, (x,), (x,)), pg.hessian(f)(x), pg.jacfwd(pg.jacrev(f))(x)
    pg.hvp(f, (x,), (x,)), pg.vjp(f, x)[1](1.0), pg.linearize(f, x)[1](x)
    pg.vmap(pg.grad(lambda a: square(cube(a))))(x), pg.vmap(Exp.apply)(x)
    return [x]


def checkpointed() -> list[Any]:
    x, w, c = random_leaf(3), random_leaf(3), random_array(3)
    block = pg.checkpoint(lambda x, c: f(x * w) * pg.checkpoint(pg.sin)(pg.sum(w) * c))
    pg.sum(block(x, c)).backward()
    pg.sum(block(x, c))
    pg.hessian(lambda x: pg.sum(block(x, c)))(x.data)
    return [x, w, c]


def modes() -> list[Any]:
    x = random_leaf(3)
    with pg.debug(), pg.strong_zeros(), pg.autograd.detect_anomaly():
        f(x).backward()
    with pg.autograd.saved_tensors_hooks(lambda v: v, lambda v: v):
        f(x).backward()
    pg.draw(f(x))._repr_svg_()
    return [x]


def writes() -> list[Any]:
    x = random_leaf(4, 3)
    u = x * 1
    rows = u[1:]
    rows.T[0] = 2.0
    u[0] = rows[1] * 3
    for k in range(1, 4):
        u[k] = u[k - 1] * u[k]
    (pg.sum(u * u) + pg.sum(rows)).backward()
    return [x, u]


def copies() -> list[Any]:
    x = random_leaf(3)
    copy.deepcopy([x, x * 2]), copy.copy(x), pickle.loads(pickle.dumps(x))
    return [x]


def errors() -> list[Any]:
    x, y = random_leaf(3), random_leaf(3) * 2

    def attempt(function: Callable[..., Any], *args: Any) -> None:
        with contextlib.suppress(KeyError, ValueError, IndexError, RuntimeError):
            function(*args)
            raise AssertionError

    for transform in (pg.grad, pg.vmap, pg.hessian, pg.checkpoint):
        attempt(transform(fails), random_array(3))
    attempt(pg.checkpoint(fails), x)
    attempt(pg.jvp, fails, (random_array(3),), (random_array(3),))
    y.register_hook(fails)
    attempt(pg.sum(y).backward)
    attempt(lambda: x + random_leaf(4))
    attempt(lambda: x[7])
    attempt(lambda: x @ random_leaf(4, 4))
    escaped: list[Any] = []
    pg.grad(lambda x: escaped.append(x) or pg.sum(x))(random_array(3))
    attempt(lambda: escaped[0] * 2)
    z = f(x)
    z.backward()
    attempt(z.backward)
    with pg.autograd.detect_anomaly(), np.errstate(all="ignore"):
        attempt(pg.sum(pg.sqrt(x * 0)).backward)
    return [x, y]


PROGRAMS = [backward, second_order, transforms, checkpointed, modes, writes, copies, errors]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_all_is_freed_at_once(program: Callable[[], list[Any]]) -> None:
    program()  # fills what is kept for good
    gc.collect()
    gc.disable()
    try:
        found = [v.data if isinstance(v, Variable) else v for v in program()]
        alive = [weakref.ref(x) for x in found]
        del found
        assert [ref() is None for ref in alive] == [True] * len(alive)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = [x for x in gc.garbage if type(x).__module__.startswith("pluggrad")]
        assert not ours
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def step_by_backward(x: Any) -> None:
    f(x).backward()
    with pg.no_grad():
        x -= 1e-9 * x.grad
    x.zero_grad()


def step_by_transforms(x: Any) -> None:
    with pg.no_grad():
        x -= 1e-9 * pg.grad(f)(x.data)
    pg.hvp(f, (x.data,), (x.data,))


def step_by_checkpoint(x: Any) -> None:
    pg.checkpoint(f)(x).backward()
    with pg.no_grad():
        x -= 1e-9 * x.grad
    x.zero_grad()


@pytest.mark.parametrize("step, count", [
    (step_by_backward, 200), (step_by_transforms, 100), (step_by_checkpoint, 100),
])  # fmt: skip
def test_steps_leave_nothing_behind(step: Callable[[Any], None], count: int) -> None:
    """Without the collector: what one step left would be there as often as steps were made."""
    x = random_leaf(3)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(300):  # NumPy's own cache fills slowly
            step(x)
        growths = []
        for _ in range(3):  # what a step leaves grows each time, what a cache takes does not
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(count):
                step(x)
            growths.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert min(growths) < 40 * count  # a node takes 88 bytes
