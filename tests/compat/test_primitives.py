"""`extend.primitive` and its rules: functions of one's own in `pluggrad.compat.autograd`."""

from __future__ import annotations

import warnings

import numpy
import pytest

import pluggrad as pg
import pluggrad.compat.autograd.numpy as np
from pluggrad.compat.autograd import (
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    make_jvp,
    make_vjp,
)
from pluggrad.compat.autograd.extend import (
    defjvp,
    defjvp_argnum,
    defvjp,
    defvjp_argnum,
    defvjp_argnums,
    notrace_primitive,
    primitive,
)
from pluggrad.compat.autograd.test_util import check_grads
from pluggrad.errors import PluggradError

X = numpy.asarray([0.5, -1.0, 2.0])


def sine():
    """sin, as a primitive that only NumPy's own sin computes."""
    f = primitive(lambda x: numpy.sin(x))
    defvjp(f, lambda ans, x: lambda g: g * np.cos(x))
    return f


def product():
    """The product of two arrays, with a rule for each."""
    f = primitive(lambda x, y: numpy.multiply(x, y))
    defvjp(f, lambda ans, x, y: lambda g: g * y, lambda ans, x, y: lambda g: g * x)
    return f


def test_a_rule_is_used_at_every_order():
    check_grads(sine(), modes=["rev"], order=3)(X)
    check_grads(product(), modes=["rev"], order=2)(X, X + 1)
    numpy.testing.assert_allclose(
        hessian(lambda x: np.sum(sine()(x)))(X), -numpy.diag(numpy.sin(X))
    )


def test_the_function_sees_plain_arrays_at_every_level():
    seen = []

    @primitive
    def f(x):
        seen.append(type(x))
        return numpy.sin(x)

    defvjp(f, lambda ans, x: lambda g: g * np.cos(x))
    grad(lambda x: np.sum(grad(lambda y: np.sum(f(y * x)))(x)))(X)
    f(X)
    assert set(seen) == {numpy.ndarray}


def test_forward_mode_has_its_rule_or_transposes_the_other():
    f = product()
    check_grads(f, modes=["fwd"], order=1)(X, X + 1)
    defjvp(f, lambda t, ans, x, y: t * y, "same")
    check_grads(f, order=2)(X, X + 1)
    both = primitive(numpy.multiply)
    defjvp_argnum(both, lambda i, t, ans, args, kwargs: t * args[1 - i])
    numpy.testing.assert_allclose(make_jvp(lambda x: both(x, x))(X)(X)[1], 2 * X**2)


def test_one_rule_may_serve_all_arguments():
    each, joint = primitive(numpy.multiply), primitive(numpy.multiply)
    defvjp_argnum(each, lambda i, ans, args, kwargs: lambda g: g * args[1 - i])
    asked = []

    def rule(argnums, ans, args, kwargs):
        asked.append(argnums)
        return lambda g: [g * args[1 - i] for i in argnums]

    defvjp_argnums(joint, rule)
    for f in (each, joint):
        check_grads(f, modes=["rev"])(X, X + 1)
        numpy.testing.assert_allclose(grad(lambda x, f=f: np.sum(f(x, x)))(X), 2 * X)
    assert (1,) not in asked
    grad(lambda y: np.sum(joint(X, y)))(X)
    assert asked[-1] == (1,)


def test_a_rule_of_none_is_a_gradient_of_zero():
    f = primitive(lambda x, y: x * y)
    defvjp(f, None, lambda ans, x, y: lambda g: g * x)
    numpy.testing.assert_allclose(grad(lambda x: np.sum(f(x, 3.0) + x))(X), numpy.ones(3))
    numpy.testing.assert_allclose(grad(lambda x: np.sum(f(2.0, x)))(X), numpy.full(3, 2.0))


def test_rules_may_be_for_chosen_arguments():
    f = primitive(lambda n, x: x**n)
    defvjp(f, lambda ans, n, x: lambda g: g * n * x ** (n - 1), argnums=[1])
    assert grad(f, 1)(3, 2.0) == 12.0
    with pytest.raises(NotImplementedError, match="argnums"):
        grad(f, 0)(3.0, 2.0)


def test_a_missing_rule_is_an_error():
    f = primitive(lambda x: 2.0 * x)
    assert f(2.0) == 4.0
    for derivative in (grad(f), make_jvp(f)):
        with pytest.raises(NotImplementedError, match="defvjp"):
            result = derivative(1.0)
            result(1.0)


def test_keywords_reach_function_and_rule():
    f = primitive(lambda x, power=2: x**power)
    defvjp(f, lambda ans, x, power=2: lambda g: g * power * x ** (power - 1))
    assert grad(lambda x: f(x, power=3))(2.0) == 12.0


def test_arguments_may_be_lists_and_dicts():
    f = primitive(lambda parts, scale: scale * sum(parts["x"]))
    defvjp(
        f,
        lambda ans, parts, scale: lambda g: {"x": [g * scale for _ in parts["x"]]},
        lambda ans, parts, scale: lambda g: np.sum(g * sum(parts["x"])),
    )
    g = grad(lambda parts: np.sum(f(parts, 3.0)))({"x": [X, 2 * X]})
    numpy.testing.assert_allclose(g["x"], [numpy.full(3, 3.0)] * 2)
    assert grad(lambda s: np.sum(f({"x": [X, X]}, s)))(2.0) == 2 * X.sum()


def test_results_may_be_tuples():
    f = primitive(lambda x: (numpy.sin(x), numpy.cos(x)))
    defvjp(f, lambda ans, x: lambda g: g[0] * np.cos(x) - g[1] * np.sin(x))

    def both(x):
        s, c = f(x)
        return np.sum(s) + 2 * np.sum(c)

    numpy.testing.assert_allclose(grad(both)(X), numpy.cos(X) - 2 * numpy.sin(X))
    numpy.testing.assert_allclose(grad(lambda x: np.sum(f(x)[1]))(X), -numpy.sin(X))
    check_grads(both, modes=["rev"])(X)


def test_complex_rules_are_in_the_convention_of_hips_autograd():
    f = primitive(numpy.exp)
    defvjp(f, lambda ans, z: lambda g: g * ans)
    z = numpy.asarray([0.3 + 0.4j, -1.0j])
    check_grads(f, modes=["rev"])(z)
    numpy.testing.assert_allclose(elementwise_grad(lambda z: np.real(f(z)))(z), numpy.exp(z))


def test_jacobians_use_rules_that_know_no_batches():
    """A rule may call compiled code, which takes one cotangent at a time."""
    f = primitive(numpy.sin)
    defvjp(f, lambda ans, x: lambda g: numpy.asarray(g) * numpy.cos(x))
    numpy.testing.assert_allclose(jacobian(f)(X), numpy.diag(numpy.cos(X)))


def test_vmap_calls_the_function_for_each_element():
    shapes = []

    @primitive
    def f(x):
        shapes.append(x.shape)
        return numpy.sin(x)

    defvjp(f, lambda ans, x: lambda g: g * np.cos(x))
    numpy.testing.assert_allclose(pg.vmap(f)(X), numpy.sin(X))
    assert set(shapes) == {()}
    numpy.testing.assert_allclose(pg.vmap(grad(lambda x: f(x) ** 2))(X), numpy.sin(2 * X))


def test_primitives_record_on_variables_of_torchs_face():
    v = pg.Variable(X, requires_grad=True)
    y = pg.sum(sine()(v))
    (g,) = pg.autograd.grad(y, v, create_graph=True)
    numpy.testing.assert_allclose(g.data, numpy.cos(X))
    pg.sum(g).backward()
    numpy.testing.assert_allclose(v.grad.data, -numpy.sin(X))


def test_a_graph_that_was_freed_is_not_walked_again():
    v = pg.Variable(X, requires_grad=True)
    y = pg.sum(sine()(v))
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_no_grad_records_nothing():
    v = pg.Variable(X, requires_grad=True)
    with pg.no_grad():
        assert not sine()(v).requires_grad


def test_checkpoint_runs_a_primitive_again():
    g = pg.grad(lambda x: pg.sum(pg.checkpoint(sine())(x)))(X)
    numpy.testing.assert_allclose(g, numpy.cos(X))


def test_a_rule_of_a_wrong_shape_is_refused():
    f = primitive(numpy.sin)
    defvjp(f, lambda ans, x: lambda g: numpy.ones((2, 2)))
    with pytest.raises(ValueError, match="shape"):
        grad(lambda x: np.sum(f(x)))(X)
    defvjp_argnums(f, lambda argnums, ans, args, kwargs: lambda g: [])
    with pytest.raises(ValueError, match="0 gradients"):
        grad(lambda x: np.sum(f(x)))(X)


def test_a_gradient_is_fitted_to_its_argument():
    """Gradients of broadcast arguments are summed, numbers become arrays."""
    f = product()
    numpy.testing.assert_allclose(grad(lambda s: np.sum(f(s, X)))(2.0), X.sum())
    assert grad(lambda x: np.sum(f(x, X)))(X.astype("float32")).dtype == numpy.float32


def test_a_captured_variable_is_refused():
    def f(x):
        @primitive
        def inner(y):
            return y * x

        defvjp(inner, lambda ans, y: lambda g: g * x)
        return np.sum(inner(x))

    with pytest.raises(PluggradError):
        grad(f)(X)


def test_rules_see_the_names_around_them_at_the_call():
    now = {"factor": 0.0}
    f = primitive(lambda x: x * now["factor"])

    def rule(ans, x):
        factor = now["factor"]
        return lambda g: g * factor

    defvjp(f, rule)

    def all_of_them(x):
        y = 0.0
        for factor in (1.0, 2.0, 3.0):
            now["factor"] = factor
            y = y + f(x)
        return y

    assert grad(all_of_them)(1.0) == 6.0


def test_only_primitives_take_rules():
    with pytest.raises(TypeError, match="primitive"):
        defvjp(lambda x: x, lambda ans, x: lambda g: g)
    with pytest.raises(TypeError, match="Bad VJP"):
        defvjp(primitive(numpy.sin), 3)
    with pytest.raises(TypeError, match="Bad JVP"):
        defjvp(primitive(numpy.sin), 3)


def test_notrace_functions_see_values():
    seen = []
    f = notrace_primitive(lambda x: seen.append(type(x)) or 2.0)
    assert grad(lambda x: np.sum(x) * f(x))(X).tolist() == [2.0] * 3
    assert seen == [numpy.ndarray]


def test_the_older_ways_still_work():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        f = primitive(lambda x, y: x * y)
        f.defgrad(lambda ans, x, y: lambda g: g * y)
        f.defvjp(lambda g, ans, vs, gvs, x, y: g * x, argnum=1)
        h = primitive(lambda x: 0.0 * x)
        h.defvjp_is_zero()
    assert {w.category for w in caught} == {DeprecationWarning}
    check_grads(f, modes=["rev"])(X, X)
    assert not grad(lambda x: np.sum(h(x) + x))(X).any() - 1


def test_make_vjp_of_a_primitive():
    vjp, y = make_vjp(sine())(X)
    numpy.testing.assert_allclose(y, numpy.sin(X))
    for _ in range(2):
        numpy.testing.assert_allclose(vjp(X), X * numpy.cos(X))
