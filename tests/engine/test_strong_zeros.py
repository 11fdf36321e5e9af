"""Strong zeros: the branch that was not taken has no say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.arrays.backend import PRIMITIVES
from tests.support.arrays import array, leaf_of, value_of
from tests.support.backends import every_backend
from tests.support.optional import needs

BRANCHES = {
    "log": lambda x: pg.where(x > 0, pg.log(x), 0.0),
    "sqrt": lambda x: pg.where(x > 0, pg.sqrt(x), 0.0),
    "divide": lambda x: pg.where(x != 0, pg.sin(x) / x, 1.0),
    "pow": lambda x: pg.where(x > 0, x**0.5 * x**-1.5, 0.0),
    "norm": lambda x: pg.where(x > 0, pg.sqrt(x * x + 0 * x), 0.0),
    "exp": lambda x: pg.where(x < 1, pg.exp(x * 1e3), x),
    "atanh": lambda x: pg.where(pg.abs(x) < 1, pg.atanh(x), 0.0),
    "logaddexp": lambda x: pg.where(x > 0, pg.logaddexp(pg.log(x), x), 0.0),
}
BAD = {"exp": 2.0, "atanh": 1.0}


@every_backend
@pytest.mark.parametrize("name", BRANCHES)
def test_the_branch_not_taken_has_no_say(name, backend):
    f, bad, good = BRANCHES[name], BAD.get(name, 0.0), 0.5
    if backend == "strict" and name == "divide":
        pytest.skip("the same as on numpy")
    total = lambda x: pg.sum(f(x))
    point = array([bad, good], backend)
    with np.errstate(all="ignore"):
        plain = [value_of(g)[1] for g in (pg.grad(total)(point), second(total)(point))]
    with pg.strong_zeros(), np.errstate(all="ignore"):
        found = [pg.grad(total)(point), pg.jvp(f, (point,), (array([1.0, 1.0], backend),))[1],
                 second(total)(point), pg.jvp(pg.grad(total), (point,), (array([1.0, 1.0], backend),))[1],
                 pg.vmap(pg.grad(f))(point)]  # fmt: skip
        x = Variable(point, requires_grad=True)
        y = total(x)
    y.backward()  # outside: what was recorded inside has them
    at_bad = 1.0 if name == "exp" else 0.0
    for g, order in zip([*found, x.grad], (1, 1, 2, 2, 1, 1), strict=True):
        g = value_of(g)
        assert g[0] == (at_bad if order == 1 else 0.0)
        np.testing.assert_allclose(g[1], plain[order - 1], rtol=1e-12)


def second(f: Any) -> Any:
    return pg.grad(lambda x: pg.sum(pg.grad(f)(x)))


HURTFUL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 800.0, -800.0, 1e308, 5e-324]
POINTWISE = [
    (name, position) for name, primitive in sorted(PRIMITIVES.items())
    for position, formula in enumerate(primitive.formulas)
    if primitive.pointwise and not primitive.private and formula is not None
    and formula.__name__ != "unknown" and name != "special.multigammaln"  # refuses such points
]  # fmt: skip
REAL_ONLY = {"atan2", "ceil", "clip", "copysign", "floor", "floor_divide", "hypot", "logaddexp",
             "maximum", "minimum", "nextafter", "remainder", "round", "trunc"}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "position"), POINTWISE)
def test_no_rule_lets_a_masked_element_through(name, position):
    """Every rule by every argument, where the partial derivative is infinite, nan, or a number."""
    if name.startswith("special."):
        needs("scipy")
    function: Any = pg.namespace("numpy")
    for part in name.split("."):
        function = getattr(function, part)
    count = len(PRIMITIVES[name].formulas)
    real = name in REAL_ONLY or "." in name
    for dtype in ["float64"] if real else ["float64", "complex128"]:
        x = np.asarray([*HURTFUL, *[1j * v for v in HURTFUL if dtype == "complex128"]], dtype)
        for other in (0.0, np.nan, 2.0)[: 1 if count == 1 else 3]:
            others: Any = [np.asarray(other, dtype)] * (count - 1)
            if name == "special.polygamma":
                others = [2]
            if name == "where":
                others[0] = np.asarray(position == 2)
            none_passes(lambda v, o=others: function(*o[:position], v, *o[position:]), x)


def none_passes(f: Any, x: Any) -> None:
    """Whatever `f` does, nothing comes of it at `x` where its value is masked, or the tangent 0."""

    def masked(v: Any) -> Any:
        return pg.where(pg.real(v) == 12345, f(v), 0.0)

    gradient = pg.grad(lambda v: pg.sum(pg.real(masked(v))))
    ones = np.ones_like(x)
    with pg.strong_zeros(), np.errstate(all="ignore"):
        along = lambda v: pg.jvp(masked, (v,), (ones,))[1]
        for found in (
            gradient(x),
            pg.grad(lambda v: pg.sum(pg.real(gradient(v))))(x),
            pg.grad(lambda v: pg.sum(pg.real(along(v))))(x),
            pg.jvp(gradient, (x,), (ones,))[1],
            pg.jvp(f, (x,), (0 * ones,))[1],
        ):
            np.testing.assert_array_equal(found, 0 * ones)


@every_backend
def test_the_product_of_a_zero_keeps_its_derivatives(backend):
    """A zero cotangent is not a constant: sin(x)²/2 has the second derivative 1 at 0."""
    f = lambda x: pg.sum(0.5 * pg.sin(x) ** 2)
    x = array([0.0, 1.0], backend)
    with pg.strong_zeros():
        np.testing.assert_allclose(value_of(pg.hessian(f)(x)), np.diag([1.0, np.cos(2.0)]))
        total = lambda x: pg.grad(f)(x).sum()
        if backend == "jax":
            jax = needs("jax")
            np.testing.assert_allclose(jax.grad(total)(x), [1.0, np.cos(2.0)])
        if backend == "torch":
            torch = needs("torch")
            np.testing.assert_allclose(torch.func.grad(total)(x), [1.0, np.cos(2.0)])


def test_a_walk_inside_over_a_graph_from_outside():
    x = leaf_of([0.0, 4.0])
    y = pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0))
    with np.errstate(all="ignore"):
        y.backward(retain_graph=True)
        assert np.isnan(x.grad.data[0])
        x.zero_grad()
        with pg.strong_zeros():
            (g,) = pg.autograd.grad(y, x, create_graph=True)
            (h,) = pg.autograd.grad(g, x, np.ones(2))
    np.testing.assert_allclose(g.detach().data, [0.0, 0.25])
    np.testing.assert_allclose(h.data, [0.0, -1 / 32])


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_elsewhere_nothing_changes(dtype):
    rng = np.random.default_rng(0)
    x = np.asarray(rng.uniform(0.5, 2, (3, 4)), dtype)
    w = np.asarray(rng.uniform(0.5, 2, 4), dtype)

    def f(x, w):
        return pg.sum(pg.real(pg.sin(x) * pg.exp(-w) / (1 + x * x) + x**w)) + pg.sum(
            pg.real(pg.log(x) @ w)
        )

    plain = pg.grad(f, (0, 1))(x, w)
    with pg.strong_zeros():
        strong = pg.grad(f, (0, 1))(x, w)
    for a, b in zip(plain, strong, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-13)
