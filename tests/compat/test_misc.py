"""`misc`, `test_util` and `vspace` of `pluggrad.compat.autograd`."""

from __future__ import annotations

import numpy
import pytest

import pluggrad.compat.autograd.numpy as np
from pluggrad.compat.autograd import grad, make_vjp
from pluggrad.compat.autograd.core import vspace
from pluggrad.compat.autograd.extend import defvjp, primitive
from pluggrad.compat.autograd.misc import const_graph, flatten
from pluggrad.compat.autograd.misc.fixed_points import fixed_point
from pluggrad.compat.autograd.misc.flatten import flatten_func
from pluggrad.compat.autograd.misc.optimizers import adam, rmsprop, sgd
from pluggrad.compat.autograd.test_util import check_equivalent, check_grads, combo_check

TREE = {"b": [numpy.arange(6.0).reshape(2, 3), 2.0], "a": (numpy.asarray([7.0]), {})}


def test_flatten_and_back():
    flat, unflatten = flatten(TREE)
    assert flat.tolist() == [7.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 2.0]
    check_equivalent(unflatten(flat), TREE)
    assert list(unflatten(flat)) == ["b", "a"]
    assert flatten([])[0].shape == (0,)


def test_flatten_is_differentiable_both_ways():
    check_grads(lambda tree: flatten(tree)[0])(TREE)
    flat, unflatten = flatten(TREE)
    check_grads(lambda x: unflatten(x)["b"][0])(flat)
    f, _, start = flatten_func(lambda tree: {"y": tree["b"][0] ** 2}, TREE)
    check_grads(f)(start)


@pytest.mark.parametrize("optimize", [sgd, rmsprop, adam])
def test_optimizers_find_a_minimum_of_nested_parameters(optimize):
    start = {"x": numpy.asarray([3.0, -2.0]), "y": 1.0}

    def loss(p, i):
        return np.sum((p["x"] - 1.0) ** 2) + (p["y"] + 2.0) ** 2

    seen = []
    found = optimize(
        grad(loss), start, lambda p, i, g: seen.append(i), num_iters=500, step_size=0.05
    )
    numpy.testing.assert_allclose(found["x"], [1.0, 1.0], atol=0.05)
    numpy.testing.assert_allclose(found["y"], -2.0, atol=0.05)
    assert seen == list(range(500))


def test_the_derivative_of_a_fixed_point():
    """Newton's iteration for a square root."""

    def root(a):
        return fixed_point(
            lambda a: lambda x: 0.5 * (x + a / x), a, 1.0, lambda x, y: np.abs(x - y), 1e-12
        )

    assert root(3.0) == pytest.approx(numpy.sqrt(3.0))
    assert grad(root)(3.0) == pytest.approx(0.5 / numpy.sqrt(3.0))
    assert grad(grad(root))(3.0) == pytest.approx(-0.25 * 3.0**-1.5)


def test_const_graph_keeps_arguments():
    f = const_graph(lambda a, x: a * x**2, 3.0)
    assert grad(f)(2.0) == 12.0


def test_check_grads_finds_wrong_rules():
    for factor in (1.0, 1.1):
        f = primitive(numpy.sin)
        defvjp(f, lambda ans, x, k=factor: lambda g: g * k * np.cos(x))
        check = check_grads(f, modes=["rev"], order=1)
        if factor == 1.0:
            check(0.3)
        else:
            with pytest.raises(AssertionError, match="VJP"):
                check(0.3)
    combo_check(lambda x, power: x**power, 0)([2.0, numpy.ones(2)], power=[1, 2, 3])


@pytest.mark.parametrize("value", [2.0, numpy.ones((2, 3)), 1j * numpy.ones(2), TREE], ids=repr)
def test_vector_spaces(value):
    vs = vspace(value)
    assert vs == vspace(vs.zeros()) == vspace(vs.ones()) == vspace(vs.randn())
    basis = list(vs.standard_basis())
    assert len(basis) == vs.size
    for i, x in enumerate(basis):
        assert [float(vs.inner_prod(x, y)) for y in basis] == [
            float(i == j) for j in range(vs.size)
        ]
    check_equivalent(vs.add(value, vs.scalar_mul(value, -1.0)), vs.zeros())
    check_grads(vs.inner_prod, 0, modes=["rev"])(value, vs.ones())


def test_a_vjp_of_zeros_of_a_vector_space():
    vjp, y = make_vjp(lambda tree: tree["b"][0] * tree["b"][1])(TREE)
    check_equivalent(vjp(vspace(y).zeros()), vspace(TREE).zeros())
