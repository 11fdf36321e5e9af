"""State survives what is raised: in users' functions, hooks and backends, and on any line of ours."""

from __future__ import annotations

import asyncio
import contextlib
import inspect

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.arrays.backend import (
    _registered,
    get_backend,
)
from pluggrad.arrays.choice import (
    NO_CHOICE,
    chosen,
)
from pluggrad.engine import levels
from pluggrad.engine.graph_breaks import _policy
from tests import injected_exceptions as injected
from tests.support.arrays import leaf


class Oops(Exception):
    """What is raised in the place of an error of the user's."""


class Stop(BaseException):
    """What is no Exception, as KeyboardInterrupt."""


RAISED = pytest.mark.parametrize("error", [Oops, Stop, KeyboardInterrupt])


@pytest.fixture(autouse=True)
def nothing_is_left_on():
    yield
    assert levels.read() is levels.START
    assert chosen() is NO_CHOICE and not _policy.get()


def raising(error):
    def f(*args):
        raise error("on purpose")

    return f


X = np.asarray([0.5, 1.5])


# ---------------------------------------------------------------- on any line


@pytest.mark.parametrize("at", ["lines", "signals"])
@pytest.mark.filterwarnings("ignore")
def test_nothing_is_left_on_by_an_exception_on_any_line(at, capfd):
    # A sample; all lines are gone through by `python tests/injected_exceptions.py`.
    wrong, count = [], 0
    for number, (name, make) in enumerate(injected.PROGRAMS.items()):
        whole = injected.run_whole(make, at)
        places = injected.chosen_places(whole, 1)[number % 29 :: 29]
        for place in places:
            kind = list(injected.KINDS.values())[count % 2]
            where, found = injected.inject(make, whole, at, place, kind)
            count += 1
            if found and where is not None and not where.cannot_be_helped:
                wrong.append(f"{name}: {where}: {', '.join(found)}")
    assert not wrong
    assert count > 400


@pytest.mark.parametrize("kind", injected.KINDS.values(), ids=injected.KINDS)
@pytest.mark.parametrize("name", ["modes as context managers", "modes as decorators",
                                  "modes on generators", "breaks and backends"])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_nothing_is_left_on_by_an_exception_on_a_line_of_a_mode(name, kind):
    make = injected.PROGRAMS[name]
    whole = injected.run_whole(make, "lines")
    helpless = 0
    for place in injected.chosen_places(whole, 1):
        where, found = injected.inject(make, whole, "lines", place, kind)
        if found:
            assert where is not None and where.cannot_be_helped, f"{where}: {found}"
            helpless += 1
    assert helpless < 10


# ---------------------------------------------------------------- users' functions

CALLS = {
    "grad": lambda f: pg.grad(f)(X),
    "vjp": lambda f: pg.vjp(f, X),
    "jvp": lambda f: pg.jvp(f, (X,), (X,)),
    "vmap": lambda f: pg.vmap(f)(X),
    "jacrev": lambda f: pg.jacrev(f)(X),
    "jacfwd": lambda f: pg.jacfwd(f)(X),
    "hessian": lambda f: pg.hessian(f)(X),
    "hvp": lambda f: pg.hvp(f, (X,), (X,)),
    "linearize": lambda f: pg.linearize(f, X),
    "checkpoint": lambda f: pg.checkpoint(f)(leaf(1.0)),
    "nested": lambda f: pg.grad(lambda x: pg.vmap(pg.grad(f))(x).sum())(X),
    "no_grad": lambda f: pg.no_grad()(f)(X),
    "custom_vjp": lambda f: ruled(pg.custom_vjp(f), "defvjp", f, f)(leaf(1.0)),
    "custom_jvp": lambda f: ruled(pg.custom_jvp(f), "defjvp", f)(leaf(1.0)),
    "Function": lambda f: type("F", (pg.autograd.Function,), {"forward": staticmethod(f)}).apply(
        leaf(1.0)
    ),
}


def ruled(custom, define, *rules):
    getattr(custom, define)(*rules)
    return custom


@RAISED
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_function_that_raises(call, error):
    def f(*args):
        with pg.no_grad(), pg.strong_zeros(), pg.graph_breaks("ignore"):
            raise error("on purpose")

    with pytest.raises(error, match="on purpose"):
        call(f)


@pytest.mark.parametrize("call", [CALLS[name] for name in ("grad", "jvp", "vmap", "nested")])
def test_modes_switched_at_once_in_a_function_end_with_the_transform(call):
    def f(x):
        pg.set_grad_enabled(False)
        pg.autograd.set_detect_anomaly(True)
        raise Oops

    with pytest.raises(Oops):
        call(f)


def test_a_function_that_catches_what_an_operation_raises_goes_on_at_its_level():
    def f(x):
        state = levels.read()
        with contextlib.suppress(ValueError):
            x @ pg.ones((5, 5))
        with contextlib.suppress(Oops):
            pg.grad(raising(Oops))(x)
        assert levels.read() is state
        return pg.sum(x * x)

    np.testing.assert_array_equal(pg.grad(f)(X), 2 * X)
    np.testing.assert_array_equal(pg.jvp(f, (X,), (X,))[1], 2 * X @ X)
    np.testing.assert_array_equal(pg.hvp(f, (X,), (X,)), 2 * X)


def test_no_grad_inside_a_transform_leaves_its_very_state_behind():
    # The short cuts at the level of a transform ask whether the state is the one that it opened.
    def f(x):
        with pg.no_grad(), pg.strong_zeros():
            pg.exp(x)
        assert levels.read() is levels.read().level.inside
        return pg.sum(x * x)

    np.testing.assert_array_equal(pg.grad(f)(X), 2 * X)


# ---------------------------------------------------------------- hooks

HOOKS = {
    "of a Variable": lambda x, y, hook: y.register_hook(hook),
    "of a leaf": lambda x, y, hook: x.register_hook(hook),
    "before a node": lambda x, y, hook: y.grad_fn.register_prehook(hook),
    "of a node": lambda x, y, hook: y.grad_fn.register_hook(hook),
    "before a leaf": lambda x, y, hook: (
        x.register_hook(lambda g: None) and y.grad_fn.next_functions[0][0].register_prehook(hook)
    ),
}


@RAISED
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("add", HOOKS.values(), ids=HOOKS)
def test_a_hook_that_raises_leaves_every_grad_as_it_was(add, create_graph, error):
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    pg.sum(x * w).backward()
    before = x.grad, w.grad
    y = x * w
    handle = add(x, y, raising(error))
    with pytest.raises(error):
        pg.sum(pg.exp(y)).backward(retain_graph=True, create_graph=create_graph)
    assert x.grad is before[0] and w.grad is before[1]
    assert levels.read() is levels.START
    handle.remove()
    pg.sum(x * w).backward()
    np.testing.assert_array_equal(x.grad.detach().data, [6.0, 8.0])


@RAISED
def test_a_hook_after_accumulation_that_raises_leaves_the_grad_there_as_in_torch(error):
    x = leaf(1.0, 2.0)
    x.register_post_accumulate_grad_hook(raising(error))
    with pytest.raises(error):
        pg.sum(x * x).backward()
    np.testing.assert_array_equal(x.grad.data, [2.0, 4.0])


@RAISED
@pytest.mark.parametrize("which", ["pack", "unpack"])
def test_hooks_of_saved_values_that_raise(which, error):
    x = leaf(1.0, 2.0)
    kept = (raising(error), lambda v: v) if which == "pack" else (lambda v: v, raising(error))
    with pytest.raises(error), pg.autograd.saved_tensors_hooks(*kept):
        pg.sum(pg.exp(x)).backward()
    assert x.grad is None and levels.read() is levels.START
    with pytest.raises(error), pg.no_grad(), pg.autograd.saved_tensors_hooks(*kept):
        pg.grad(lambda x: pg.sum(pg.exp(x)))(X)


@RAISED
def test_a_backward_and_a_rule_of_the_users_that_raise(error):
    class F(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        backward = staticmethod(raising(error))

    f = pg.custom_vjp(lambda x: x * 2)
    f.defvjp(lambda x: (x * 2, None), raising(error))
    for op in (F.apply, f):
        x = leaf(1.0, 2.0)
        with pytest.raises(error):
            pg.sum(op(x) * x).backward(create_graph=True)
        assert x.grad is None and levels.read() is levels.START
        with pytest.raises(error), pg.autograd.detect_anomaly():
            pg.grad(lambda x, op=op: pg.sum(op(x)))(X)


# ---------------------------------------------------------------- backends


class Fragile(np.ndarray):
    """The arrays of a library whose `cos` can be made to raise."""

    raises: type[BaseException] | None = None


class FragileLibrary(type(get_backend("numpy").adapter)):
    name = "fragile"
    modules = (__name__.partition(".")[0],)  # that in which Fragile is defined
    array_type = Fragile

    def __init__(self):
        super().__init__()
        self.functions = {**self.functions, "cos": self.cos}

    @staticmethod
    def cos(x):
        if Fragile.raises is not None:
            raise Fragile.raises("on purpose")
        return np.cos(x)


@RAISED
def test_a_backend_whose_function_raises(error, monkeypatch):
    monkeypatch.setitem(_registered, "fragile", FragileLibrary())
    array = X.view(Fragile)
    x, w = [Variable(array, requires_grad=True) for _ in range(2)]
    pg.sum(x * w).backward()
    y = pg.sum(pg.sin(x) * w)  # whose derivative is a cosine
    before = x.grad, w.grad
    monkeypatch.setattr(Fragile, "raises", error)
    with pytest.raises(error):
        y.backward()
    assert x.grad is before[0] and w.grad is before[1]
    products = [lambda f, p=p: lambda x: p(f, (x,), (x,)) for p in (pg.jvp, pg.hvp)]
    for call in (pg.grad, *products):
        for f in (lambda x: pg.sum(pg.sin(x)), lambda x: pg.sum(pg.cos(x))):
            with pytest.raises(error):
                call(f)(array)
            assert levels.read() is levels.START
    v = x * 1.0
    with pytest.raises(error):
        v[0] = pg.cos(x)[0]
    monkeypatch.setattr(Fragile, "raises", None)
    np.testing.assert_array_equal(pg.grad(lambda x: pg.sum(pg.sin(x)))(array), np.cos(X))


# ---------------------------------------------------------------- a retry


def test_a_walk_that_failed_says_to_a_retry_that_it_has_freed_what_it_passed():
    x = leaf(1.0, 2.0)
    y = pg.exp(x)
    handle = y.register_hook(raising(Oops))
    z = pg.sum(pg.sin(y))
    with pytest.raises(Oops):
        z.backward()
    handle.remove()
    with pytest.raises(pg.GraphFreedError, match="fails half-way has freed what it passed"):
        z.backward()
    assert x.grad is None


def test_a_walk_that_failed_is_retried_where_the_graph_was_retained():
    x = leaf(1.0, 2.0)
    y = pg.exp(x)
    handle = y.register_hook(raising(Oops))
    z = pg.sum(pg.sin(y))
    with pytest.raises(Oops):
        z.backward(retain_graph=True)
    handle.remove()
    z.backward()
    np.testing.assert_allclose(x.grad.data, np.cos(np.exp(x.data)) * np.exp(x.data))


# ---------------------------------------------------------------- generators and tasks

MODES = {
    "no_grad": pg.no_grad,
    "enable_grad": pg.enable_grad,
    "strong_zeros": pg.strong_zeros,
    "use": lambda: pg.use("numpy"),
    "detect_anomaly": pg.autograd.detect_anomaly,
}


def everything():
    return levels.read(), chosen(), _policy.get()


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_generators_that_are_closed_thrown_into_and_that_raise(mode):
    seen = []

    def numbers(error=None):
        try:
            yield 1
            if error is not None:
                raise error
            yield 2
        finally:
            seen.append(everything() != before)

    before = everything()
    decorated = mode()(numbers)
    some = decorated()
    assert next(some) == 1 and everything() == before
    some.close()
    assert everything() == before
    for error in (Oops, Stop):
        some = decorated()
        next(some)
        with pytest.raises(error):
            some.throw(error)
        assert everything() == before
        some = decorated(error)
        next(some)
        with pytest.raises(error):
            next(some)
        assert everything() == before
    next(decorated())  # and one that is dropped
    assert list(decorated()) == [1, 2] and everything() == before
    if mode is not pg.enable_grad:
        assert all(seen)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_tasks_that_are_cancelled_and_that_raise(mode):
    before = everything()

    @mode()
    async def wait(event, error=None):
        if error is not None:
            raise error
        await event.wait()

    @mode()
    async def several(event):
        yield 1
        await event.wait()
        yield 2

    async def run():
        event = asyncio.Event()
        task = asyncio.create_task(wait(event))
        await asyncio.sleep(0)
        assert everything() == before
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert everything() == before
        with pytest.raises(Oops):
            await wait(event, Oops)
        assert everything() == before
        some = several(event)
        assert await anext(some) == 1
        assert everything() == before
        with pytest.raises(Oops):
            await some.athrow(Oops)
        some = several(event)
        await anext(some)
        await some.aclose()
        assert everything() == before

    asyncio.run(run())


# ---------------------------------------------------------------- blocks


def test_one_object_may_be_the_block_of_several_and_inside_itself():
    mode = pg.no_grad()
    with mode:
        with mode:
            assert not pg.is_grad_enabled()
        assert not pg.is_grad_enabled()
    assert pg.is_grad_enabled()
    with pytest.raises(Oops), mode, mode:
        raise Oops
    assert pg.is_grad_enabled()


def test_what_is_switched_at_once_inside_a_block_stays_when_it_ends():
    with pg.no_grad():
        pg.autograd.set_detect_anomaly(True)
    assert levels.read().modes.anomaly and pg.is_grad_enabled()
    pg.autograd.set_detect_anomaly(False)


def test_blocks_that_end_in_another_order():
    def numbers():
        with pg.no_grad():
            yield 1

    some = numbers()
    next(some)
    strong = pg.strong_zeros()
    strong.__enter__()
    some.close()
    assert pg.is_grad_enabled() and levels.read().modes.strong
    strong.__exit__(None, None, None)


def test_what_switches_at_once_is_a_decorator_too():
    @pg.autograd.set_detect_anomaly(True)
    def f():
        return levels.read().modes.anomaly

    assert levels.read() is levels.START
    assert f() and f()

    @pg.graph_breaks("ignore")
    def policy():
        return _policy.get()

    assert not _policy.get()
    assert policy() == "ignore" == policy()

    @pg.use("numpy")
    def backend():
        return chosen().name

    assert backend() == "numpy" and chosen() is NO_CHOICE


def test_graph_breaks_ends_in_another_context_than_it_began_in():
    block = pg.graph_breaks("ignore")
    import contextvars

    contextvars.copy_context().run(block.__exit__, None, None, None)
    assert _policy.get() == "ignore"
    _policy.set("")


def test_functions_that_are_restored_keep_their_names_and_parameters():
    assert list(inspect.signature(pg.vjp).parameters) == ["fun", "primals", "has_aux"]
    assert pg.grad(np.sum).__name__ == "sum"
