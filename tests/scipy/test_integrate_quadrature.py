"""Integrals of `scipy.integrate`: values by SciPy, derivatives by differences of SciPy's values."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy

needs("scipy")
RNG = np.random.default_rng(3)
I = pg.scipy.integrate
judge = functools.partial(judge_scipy, others=(), maps=False)
#: One number, as users give it.
N = np.asarray

# ---------------------------------------------------------------- samples

SAMPLES = ["trapezoid", "cumulative_trapezoid", "simpson", "cumulative_simpson"]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_samples(name, count):
    path = f"integrate.{name}"
    y = RNG.normal(size=(2, count))
    x = np.cumsum(RNG.uniform(0.5, 1.5, size=(2, count)), axis=1)
    judge_scipy(path, y, x=x[0], tracked=(0, "x"), second=count == 4,
                others=("torch", "jax") if count == 4 else ())  # fmt: skip
    judge(path, y.T, x=x.T, axis=0, tracked=(0, "x"), second=False)
    judge(path, y * (1 - 2j), dx=0.3, second=False)


def test_samples_with_a_start():
    y = RNG.normal(size=(3, 6))
    judge("integrate.cumulative_trapezoid", y, initial=0)
    judge("integrate.cumulative_simpson", y, initial=2.0)
    judge("integrate.cumulative_simpson", y, initial=y[:, :1], tracked=(0, "initial"))
    judge("integrate.cumulative_simpson", y, axis=0, dx=np.full((1, 6), 0.5), tracked=(0, "dx"))
    judge("integrate.simpson", y, dx=N(0.3), tracked=(0, "dx"))
    x = np.asarray([0.0, 0.0, 1.0, 2.0, 2.0])  # intervals of length 0
    judge("integrate.simpson", y[0, :5], x=x)


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_romberg(count):
    judge_scipy("integrate.romb", RNG.normal(size=(count, 2)), axis=0, dx=0.7, second=False)
    judge("integrate.romb", RNG.normal(size=count), dx=N(0.7), tracked=(0, "dx"), maps=False)


# ---------------------------------------------------------------- functions


def close(name, function, *args, others=(), second=True, **kwargs):
    """Judge the first result of ``function(quad, *args)``, where quad is SciPy's or ours."""
    use = lambda quad, *xs: function(quad, *xs)[0]
    judge_scipy(f"integrate.{name}", *args, tracked=range(len(args)), use=use, maps=False,
                others=others, second=second, rtol=1e-9, atol=1e-12, **kwargs)  # fmt: skip


def test_quad_by_parameters():
    integrand = lambda x, a, b: a * np.exp(-b * x * x) + np.sin(a * x)
    close("quad", lambda quad, a, b: quad(integrand, 0.0, 2.0, args=(a, b)), N(1.5), N(0.7))
    close("quad", lambda quad, a: quad(lambda x: np.exp(-a * x), 0.0, 2.0), N(1.5))  # captured
    close("quad", lambda quad, a: quad(lambda x, a: a[0] * x + a[1], 0.0, 2.0, args=(a,)),
          np.asarray([1.0, 2.0]))  # fmt: skip
    close("quad", lambda quad, a: quad(lambda x, a: a * x, 0.0, 2.0, a), N(0.5))


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, np.inf), (-np.inf, 1.0), (-np.inf, np.inf), (1.0, -0.5), (np.inf, 0.0), (2.0, 2.0)],
)
def test_quad_of_ranges(low, high):
    f = lambda x, a: np.exp(-a * x * x) * (1 + x)
    close("quad", lambda quad, a: quad(f, low, high, args=(a,)), N(0.8), second=low < high)


def test_quad_by_limits():
    f = lambda x, a: np.exp(-a * x) * np.cos(x)
    close("quad", lambda quad, a, low, high: quad(f, low, high, args=(a,)), N(0.8), N(0.3), N(1.9))
    close("quad", lambda quad, low: quad(f, low, np.inf, args=(0.8,)), N(0.3))
    close("quad", lambda quad, high: quad(lambda x: x**2, 0, high), N(1.2))


def test_quad_with_singular_ends():
    close("quad", lambda quad, p: quad(lambda x: x**p, 0.0, 1.0), N(0.3), second=False)
    power = lambda p: I.quad(lambda x: x**p, 0.0, 1.0)[0]
    np.testing.assert_allclose(pg.grad(power)(N(0.0)), -1.0, rtol=1e-12)
    gamma = lambda p: I.quad(lambda x: x ** (p - 1) * np.exp(-x), 0.0, np.inf)[0]
    euler = 0.5772156649015329
    np.testing.assert_allclose(pg.grad(gamma)(N(1.0)), -euler, rtol=1e-12)
    second = pg.grad(pg.grad(gamma))(N(1.0))
    np.testing.assert_allclose(second, euler**2 + np.pi**2 / 6, rtol=1e-12)
    close("quad", lambda quad, a: quad(lambda x: np.abs(x - 0.3) * a * a, 0.0, 1.0, points=[0.3]),
          N(0.5))  # fmt: skip


def test_quad_of_functions_that_cannot_be_batched():
    def branching(x, a):
        return a * x if x > 1.0 else a * a * x

    close("quad", lambda quad, a: quad(branching, 0.0, 2.0, args=(a,), points=[1.0]), N(1.5))


def test_quad_of_complex_functions():
    close("quad", lambda quad, a: quad(lambda x, a: np.exp(1j * a * x), 0.0, 1.0, args=(a,),
                                       complex_func=True), N(1.5))  # fmt: skip


def test_all_of_its_results():
    y, error, info = I.quad(lambda x: x, 0.0, 1.0, full_output=1)
    assert y.data == 0.5 and error < 1e-10 and info["last"] == 1
    with pytest.warns(UserWarning, match="divisions"):
        I.quad(lambda x: np.sin(1000 * x), 0.0, 10.0, limit=3)


def test_quad_vec():
    f = lambda x, a: np.exp(-a * x) * x
    a = np.asarray([0.5, 1.0, 2.5])
    close("quad_vec", lambda quad, a: quad(f, 0.0, 2.0, args=(a,)), a)
    close("quad_vec", lambda quad, a: quad(lambda x: f(x, a), 0.0, np.inf), a, second=False)
    g = lambda x, a: np.exp(-a * x * x)
    for low, high in ((-np.inf, np.inf), (-np.inf, 1.0), (1.0, -np.inf), (1.0, 0.0)):
        close("quad_vec", lambda quad, a, r=(low, high): quad(lambda x: g(x, a), *r), a,
              second=False)  # fmt: skip
    close("quad_vec", lambda quad, a, b: quad(f, 0.0, b, args=(a,)), a, N(1.5))


def test_quad_vec_in_single_precision():
    a = np.asarray([0.5, 1.5], dtype=np.float32)
    f = lambda a: pg.sum(I.quad_vec(lambda x: pg.exp(-a * x), 0.0, 1.0)[0])
    expected = (np.exp(-a) * (a + 1) - 1) / a**2
    np.testing.assert_allclose(pg.grad(f)(a), expected, rtol=1e-4)


def test_fixed_quad():
    f = lambda x, a: np.exp(-a * x)
    close("fixed_quad", lambda quad, a, b, c: quad(f, b, c, args=(a,), n=7), N(1.0), N(0.2), N(2.0))
    close("fixed_quad", lambda quad, a: quad(f, 0.0, 1.0, (a,)), N(1.0))


def test_several_variables():
    f = lambda y, x, a: np.exp(-a * x * y) * x
    close("dblquad", lambda quad, a: quad(f, 0.0, 1.0, 0.0, 2.0, args=(a,)), N(0.7))
    close("dblquad", lambda quad, a, b: quad(f, 0.0, b, lambda x: x, lambda x: 2 * x, (a,)),
          N(0.7), N(1.3), second=False)  # fmt: skip
    g = lambda y, x: np.exp(-x * x - y * y)
    close("dblquad", lambda quad, a: quad(lambda y, x: g(y, a * x), -np.inf, np.inf, 0.0, np.inf),
          N(0.7), second=False)  # fmt: skip
    h = lambda z, y, x, a: a * x * y * z + a**2
    close("tplquad", lambda quad, a: quad(h, 0.0, 1.0, lambda x: 0.0, lambda x: x,
                                          lambda x, y: 0.0, lambda x, y: x + y, args=(a,)),
          N(0.7), second=False)  # fmt: skip
    close("nquad", lambda quad, a, c: quad(f, [[0.0, c], [0.5, 1.0]], args=(a,)), N(0.7), N(1.5))
    close("nquad", lambda quad, a: quad(f, [lambda x, a: [0.0, x], [0.5, 1.0]], args=(a,)), N(0.7))
    assert I.nquad(lambda x, y: x * y, [[0, 1], [0, 1]])[0].data == pytest.approx(0.25)


def test_sums_in_single_precision_may_round():
    a = np.asarray(0.7, np.float32)
    h = lambda z, y, x, a: a * x * y * z + a**2
    f = lambda a: I.tplquad(h, 0.0, 1.0, lambda x: 0.0, lambda x: x, lambda x, y: 0.0,
                            lambda x, y: x + y, args=(a,))[0]  # fmt: skip
    found = pg.grad(f)(a)
    # the integrals of xyz and of 2a
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(17 / 144 + 1.4 * 0.5, rel=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: I.quad(lambda x: v * x, 0.0, 1.0, weight="cos", wvar=1.0), "weight"),
        (lambda v: I.quad(lambda x: x**-0.5, v - v, 1.0), "not finite at a limit"),
        (lambda v: I.quad(np.array, 0.0, v), "."),
        (lambda v: I.trapezoid(v * np.ones(3), x=np.ones(4)), "4 places for 3"),
        (lambda v: I.simpson(v * np.ones(0)), "no samples"),
        (lambda v: I.cumulative_trapezoid(v * np.ones(3), initial=1.0), "None or 0"),
        (lambda v: I.cumulative_simpson(v * np.ones(3), x=[2.0, 1.0, 0.0]), "increases"),
        (lambda v: I.romb(v * np.ones(4)), "samples"),
        (lambda v: I.romb(v * np.ones(3), show=True), "show"),
        (lambda v: I.fixed_quad(np.sin, 0.0, np.inf, ()), "finite"),
        (lambda v: I.nquad(lambda x: v * x, [[0, 1]], opts={"epsabs": 1e-9}), "opts"),
        (lambda v: I.tanhsinh(lambda x: v * x, 0.0, 1.0), "."),
        (lambda v: pg.vmap(lambda a: I.quad(lambda x: a * x, 0.0, 1.0)[0])(np.ones(2)), "vmap"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(pg.Variable(0.5, requires_grad=True))


def test_constants_of_torch_stay_in_double_precision():
    torch = needs("torch")
    for t in (torch.tensor(1.3, dtype=torch.float64), torch.tensor(1.3)):
        v, f = pg.Variable(t), lambda *xs: pg.exp(-xs[-1] * xs[0])
        found = [I.quad(f, 0, 1, args=(v,)), I.dblquad(f, 0, 1, 0, 1, args=(v,)),
                 I.nquad(f, [[0, 1]], args=(v,)), I.quad_vec(f, 0, 1, args=(v,))]  # fmt: skip
        for y, *_ in found:
            assert y.dtype == t.dtype
            expected = -np.expm1(-float(t)) / float(t)
            np.testing.assert_allclose(y.data.numpy(), expected, rtol=1e-6 if t.dtype ==
                                       torch.float32 else 1e-12)  # fmt: skip
