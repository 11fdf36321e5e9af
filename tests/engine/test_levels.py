"""Nesting: each transform differentiates at its own level, and no level sees another's."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable


def test_perturbation_confusion():
    # d/dx [x d/dy (x y)] at y = 1, x = 3: 6, and 3 where levels are confused.
    assert pg.grad(lambda x: x * pg.grad(lambda y: x * y)(1.0))(3.0) == 6.0

    def inner(x):
        return pg.jvp(lambda y: x + y, (1.0,), (1.0,))[1]

    assert pg.jvp(lambda x: x * inner(x), (1.0,), (1.0,))[1] == 1.0


def test_closure_over_a_torch_style_variable():
    w = Variable(np.asarray(2.0), requires_grad=True)
    g = pg.grad(lambda x: w * x**3)(np.asarray(3.0))
    assert isinstance(g, Variable)
    g.backward()
    assert w.grad.item() == 27.0


def test_a_tracked_argument_stays_connected():
    x = Variable(np.asarray(3.0), requires_grad=True)
    g = pg.grad(lambda x: x**3)(x)
    g.backward()
    assert x.grad.item() == 18.0


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_towers(order):
    f, expected = pg.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin][order - 1]
    for _ in range(order):
        f = pg.grad(f)
    np.testing.assert_allclose(f(np.asarray(0.7)), expected(0.7))


@pytest.mark.parametrize("modes", ["rr", "rf", "fr", "ff", "rfr", "frf", "ffr", "rrf"])
def test_modes_mix(modes):
    def forward(f):
        return lambda x: pg.jvp(f, (x,), (pg.ones_like(x),))[1]

    f = lambda x: pg.exp(2 * x) * x
    for mode in modes:
        f = pg.grad(f) if mode == "r" else forward(f)
    x = 0.3
    n = len(modes)
    expected = np.exp(2 * x) * (2**n * x + n * 2 ** (n - 1))
    result = f(np.asarray(x))
    result = result.data if isinstance(result, Variable) else result
    np.testing.assert_allclose(result, expected)


def test_no_grad_belongs_to_a_level():
    x = Variable(np.asarray(2.0), requires_grad=True)
    with pg.no_grad():
        g = pg.grad(lambda y: y**2 * x)(np.asarray(3.0))
    assert (g.data if isinstance(g, Variable) else g) == 12.0
    assert not isinstance(g, Variable) or not g.requires_grad

    def f(y):
        with pg.no_grad():
            c = y * 1.0
        return y * c

    assert pg.grad(f)(np.asarray(3.0)) == 3.0


NESTED = {
    "reverse over reverse": lambda f, x: pg.grad(pg.grad(f))(x),
    "forward over reverse": lambda f, x: pg.hessian(f)(x),
    "reverse over forward": lambda f, x: pg.grad(lambda x: pg.jvp(f, (x,), (1.0,))[1])(x),
    "forward over forward": lambda f, x: pg.jacfwd(pg.jacfwd(f))(x),
    "on one level": lambda f, x: pg.hvp(f, (x,), (1.0,)),
    "batched": lambda f, x: pg.vmap(pg.grad(pg.grad(f)))(np.stack([x, x]))[0],
}


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_no_grad_inside_makes_constants_at_every_level(nested):
    # As torch.func.grad(torch.func.grad(f)) has it, and `stop_gradient`.
    def f(x):
        with pg.no_grad():
            c = x**2
        return c * x**3

    def again(x):
        with pg.no_grad(), pg.enable_grad():
            c = x**2
        return c * x**3

    x = np.asarray(2.0)
    assert nested(f, x) == 6 * x**3
    assert nested(again, x) == 20 * x**3
    assert pg.is_grad_enabled()


def test_what_was_off_when_a_transform_began_stays_off():
    w = Variable(np.asarray(3.0), requires_grad=True)

    def f(x):
        with pg.enable_grad():
            return w * x**2

    with pg.no_grad():
        assert not isinstance(pg.grad(f)(2.0), Variable)
    assert isinstance(pg.grad(f)(2.0), Variable)

    def updates(x):
        with pg.no_grad():
            w[...] = 4.0
        return x * x

    assert pg.grad(updates)(2.0) == 4.0
    assert w.is_leaf and w.item() == 4.0


def test_a_leaked_variable_raises():
    kept = []

    def f(x):
        kept.append(x * 2)
        return pg.sum(x)

    pg.grad(f)(np.ones(2))
    with pytest.raises(pg.LeakedVariableError):
        kept[0] + 1.0
    with pytest.raises(pg.LeakedVariableError):
        pg.sum(kept[0])


def test_backward_inside_a_transform_raises():
    def f(x):
        y = x * x
        y.backward()
        return y

    with pytest.raises(pg.DifferentiationError, match="outermost level"):
        pg.grad(f)(np.asarray(1.0))


def test_autograd_grad_inside_a_transform():
    def f(x):
        y = x**3
        (g,) = pg.autograd.grad(y, x, create_graph=True)
        return g * 1.0

    assert pg.grad(f)(np.asarray(2.0)) == 12.0


def test_writing_a_deeper_value_outside_raises():
    outside = pg.zeros(2)

    def f(x):
        outside[0] = x
        return pg.sum(outside)

    with pytest.raises(pg.InvalidArgumentError, match="made outside"):
        pg.grad(f)(np.asarray(1.0))
    assert outside.data.tolist() == [0.0, 0.0]


def test_writing_inside_a_transform():
    def f(x):
        u = pg.zeros(3)
        u[0] = x
        for k in range(2):
            u[k + 1] = u[k] * x
        return pg.sum(u)

    assert pg.grad(f)(np.asarray(2.0)) == 1 + 4 + 12
    assert pg.jvp(f, (np.asarray(2.0),), (np.asarray(1.0),))[1] == 1 + 4 + 12


def test_value_and_grad_pytrees_argnums_aux():
    def f(params, x):
        return pg.sum(params["w"] * x) + params["b"][0], x * 2

    params = {"w": np.asarray([1.0, 2.0]), "b": [np.asarray(3.0)]}
    x = np.asarray([3.0, 4.0])
    (value, aux), (dparams, dx) = pg.value_and_grad(f, argnums=(0, 1), has_aux=True)(params, x)
    assert value == 14.0
    assert isinstance(aux, np.ndarray) and aux.tolist() == [6.0, 8.0]
    assert dparams["w"].tolist() == [3.0, 4.0]
    assert dparams["b"] == [1.0]
    assert dx.tolist() == [1.0, 2.0]


def test_vjp_may_be_pulled_more_than_once():
    y, pull = pg.vjp(lambda x: pg.exp(x), np.zeros(2))
    assert isinstance(y, np.ndarray)
    for _ in range(2):
        assert pull(np.asarray([1.0, 2.0]))[0].tolist() == [1.0, 2.0]


def test_stop_gradient():
    assert pg.grad(lambda x: x * pg.stop_gradient(x))(3.0) == 3.0


def test_threads_do_not_share_levels():
    results, errors = {}, []

    def work(seed):
        try:
            x = np.random.default_rng(seed).normal(size=3)
            f = pg.grad(lambda x: pg.sum(pg.grad(lambda y: pg.sum(pg.sin(y) * x))(x)))
            for _ in range(30):
                with pg.no_grad():
                    inner = pg.grad(lambda y: pg.sum(y * y))(x)
                np.testing.assert_allclose(inner, 2 * x)
                np.testing.assert_allclose(f(x), np.cos(x) - x * np.sin(x))
                assert pg.is_grad_enabled()
            results[seed] = True
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(results) == 8


def test_async_tasks_do_not_share_modes():
    async def untracked():
        with pg.no_grad():
            await asyncio.sleep(0.001)
            assert not pg.is_grad_enabled()

    async def tracked():
        for _ in range(5):
            await asyncio.sleep(0.0005)
            assert pg.is_grad_enabled()

    async def main():
        await asyncio.gather(untracked(), tracked(), untracked(), tracked())

    asyncio.run(main())


def test_modes_decorate_generators_coroutines_and_without_parentheses():
    @pg.no_grad
    def steps():
        received = yield pg.is_grad_enabled()
        yield received, pg.is_grad_enabled()

    iterator = steps()
    assert next(iterator) is False
    assert pg.is_grad_enabled()
    assert iterator.send("x") == ("x", False)
    iterator.close()
    assert pg.is_grad_enabled()

    @pg.no_grad()
    async def work():
        await asyncio.sleep(0)
        return pg.is_grad_enabled()

    assert asyncio.run(work()) is False

    @pg.set_grad_enabled(False)
    def off():
        return pg.is_grad_enabled()

    assert pg.is_grad_enabled()
    assert off() is off() is False
    assert pg.is_grad_enabled()


@pytest.mark.filterwarnings("ignore::pluggrad.GraphBreakWarning")
def test_a_mode_left_after_its_level_changes_nothing():
    kept = []

    def f(x):
        def inside():
            with pg.no_grad():
                yield

        kept.append(inside())
        next(kept[0])
        return pg.sum(x)

    pg.grad(f)(np.ones(2))
    kept[0].close()
    assert pg.is_grad_enabled()
    x = Variable(np.ones(2), requires_grad=True)
    pg.sum(x * x).backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_leaked_variable_cannot_be_walked_from():
    kept = []
    pg.grad(lambda x: kept.append(x) or pg.sum(x))(np.ones(2))
    with pytest.raises(pg.LeakedVariableError):
        pg.autograd.grad(kept[0], kept[0], np.ones(2))
    with pytest.raises(pg.LeakedVariableError):
        kept[0].backward(np.ones(2))


def test_an_argument_may_be_written_inside():
    def f(x):
        x *= 2
        x[0] = x[1]
        return pg.sum(x * x)

    x = np.asarray([1.0, 2.0])
    assert pg.grad(f)(x).tolist() == [0.0, 32.0]
    assert pg.jvp(f, (x,), (np.ones(2),))[1] == 32.0
    assert x.tolist() == [1.0, 2.0]


def test_cotangents_and_tangents_are_fitted():
    x = np.ones(2, dtype=np.float32)
    _, pull = pg.vjp(lambda x: (x * x, x[0]), x)
    (g,) = pull((np.ones(2), 1.0))
    assert g.dtype == np.float32 and g.tolist() == [3.0, 2.0]
    assert pg.jvp(lambda x: x, (x,), (np.ones(2),))[1].dtype == np.float32


def test_inference_mode_takes_a_flag_as_torch_s_does():
    with pg.inference_mode(True):
        assert not pg.is_grad_enabled()
        with pg.inference_mode(mode=False):
            assert pg.is_grad_enabled()
    assert not pg.inference_mode(pg.is_grad_enabled)()
    assert pg.no_grad(pg.inference_mode(False)(pg.is_grad_enabled))()
