"""The operators of `pluggrad.compat.autograd`, and HIPS autograd's conventions."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

import pluggrad as pg
import pluggrad.compat.autograd as ag
import pluggrad.compat.autograd.numpy as np

X = numpy.asarray([0.5, -1.0, 2.0])


def cubes(x):
    return np.sum(x**3)


def test_a_gradient_is_a_plain_array_of_the_dtype_of_the_argument():
    g = ag.grad(cubes)(X)
    assert type(g) is numpy.ndarray
    numpy.testing.assert_allclose(g, 3 * X**2)
    assert ag.grad(cubes)(X.astype("float32")).dtype == numpy.float32


def test_results_without_axes_are_scalars():
    value, g = ag.value_and_grad(lambda x: x * x)(3.0)
    assert type(value) is type(g) is numpy.float64
    assert (value, g) == (9.0, 6.0)
    assert type(ag.deriv(np.sin)(0.0)) is numpy.float64


def test_argnum_is_one_number_or_several():
    def f(x, y, scale=1.0):
        return np.sum(x * y) * scale

    y = X + 1
    numpy.testing.assert_allclose(ag.grad(f, 1)(X, y, scale=2.0), 2 * X)
    numpy.testing.assert_allclose(ag.grad(f, -1)(X, y), X)
    both = ag.grad(f, [1, 0])(X, y)
    assert type(both) is tuple
    numpy.testing.assert_allclose(both, (X, y))
    with pytest.raises(IndexError, match="argnum=2"):
        ag.grad(f, 2)(X, y)
    with pytest.raises(TypeError, match="argnum"):
        ag.grad(f, 1.5)


def test_integer_arrays_have_gradients_and_integers_have_none():
    numpy.testing.assert_array_equal(
        ag.elementwise_grad(np.square)(numpy.arange(3)), [0.0, 2.0, 4.0]
    )
    with pytest.raises(TypeError, match=r"give 3\.0"):
        ag.grad(cubes)(3)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_value_of_one_element_may_have_any_shape(shape):
    assert ag.grad(lambda x: np.reshape(x * x, shape))(3.0) == 6.0


@pytest.mark.parametrize(
    "f",
    [lambda x: x * np.ones(2), lambda x: x * 1j, lambda x: [x], lambda x: None, lambda x: x > 0],
)
def test_other_values_have_no_gradient(f):
    with pytest.raises(TypeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ag.grad(f)(3.0)


def test_a_constant_has_a_gradient_of_zero_and_a_warning():
    with pytest.warns(UserWarning, match="independent of input"):
        numpy.testing.assert_array_equal(ag.grad(lambda x: 2.0)(X), numpy.zeros(3))


def test_complex_gradients_are_conjugates_of_the_engines():
    z = numpy.asarray([1.0 + 2.0j, -0.5j])

    def f(z):
        return np.sum(np.real(z * z * (1 + 1j)))

    numpy.testing.assert_allclose(ag.grad(f)(z), pg.grad(f)(z).conj())
    numpy.testing.assert_allclose(ag.holomorphic_grad(np.sin)(0.3 + 0.4j), numpy.cos(0.3 + 0.4j))


def test_a_cotangent_is_pulled_through_the_transpose():
    """HIPS autograd's VJP of a holomorphic function is the product with its derivative."""
    z, g = numpy.asarray(0.3 + 0.4j), 2.0 - 1.0j
    vjp, _ = ag.make_vjp(np.exp)(z)
    numpy.testing.assert_allclose(vjp(g), g * numpy.exp(z))


def test_lists_tuples_and_dicts_have_gradients_like_themselves():
    tree = {"b": [X, 2.0], "a": (X[:1],)}

    def f(tree):
        return np.sum(tree["b"][0]) * tree["b"][1] + np.sum(tree["a"][0] ** 2)

    g = ag.grad(f)(tree)
    assert type(g) is dict
    assert type(g["b"]) is list
    assert type(g["a"]) is tuple
    numpy.testing.assert_allclose(g["b"][0], [2.0, 2.0, 2.0])
    numpy.testing.assert_allclose(g["b"][1], X.sum())
    numpy.testing.assert_allclose(g["a"][0], 2 * X[:1])


def test_gradients_nest():
    def f(x):
        return ag.grad(lambda y: x**2 * y**3)(x)

    assert ag.grad(f)(2.0) == pytest.approx(12 * 2.0**3)  # the derivative of 3 x⁴


def test_they_nest_inside_the_transforms_of_pluggrad():
    numpy.testing.assert_allclose(pg.grad(lambda x: pg.sum(ag.grad(cubes)(x)))(X), 6 * X)
    numpy.testing.assert_allclose(pg.vmap(ag.grad(lambda x: x**3))(X), 3 * X**2)
    numpy.testing.assert_allclose(ag.grad(lambda x: np.sum(pg.grad(cubes)(x)))(X), 6 * X)


def test_jacobian_and_hessian():
    def f(x):
        return np.stack([x[0] * x[1], np.sum(x), x[2] ** 2, x[0]])

    expected = [[X[1], X[0], 0], [1, 1, 1], [0, 0, 2 * X[2]], [1, 0, 0]]
    numpy.testing.assert_allclose(ag.jacobian(f)(X), expected)
    numpy.testing.assert_allclose(ag.hessian(cubes)(X), numpy.diag(6 * X))
    assert ag.jacobian(lambda x: np.outer(x, x))(X).shape == (3, 3, 3)
    assert ag.jacobian(lambda x: x[:0])(X).shape == (0, 3)
    with pytest.raises(TypeError, match="complex"):
        ag.jacobian(lambda x: x * 1j)(X)


def test_products_with_the_hessian_and_the_jacobian():
    v, h = X + 1, ag.hessian(cubes)(X)
    numpy.testing.assert_allclose(ag.hessian_vector_product(cubes)(X, v), h @ v)
    numpy.testing.assert_allclose(ag.make_hvp(cubes)(X)[0](v), h @ v)
    numpy.testing.assert_allclose(ag.tensor_jacobian_product(np.sin)(X, v), v * numpy.cos(X))
    numpy.testing.assert_allclose(ag.make_jvp(np.sin)(X)(v)[1], v * numpy.cos(X))
    numpy.testing.assert_allclose(ag.make_jvp_reversemode(np.sin)(X)(v), v * numpy.cos(X))
    # Half a square has the Hessian 1, so this is JᵀJ v.
    numpy.testing.assert_allclose(ag.make_ggnvp(np.sin)(X)(v), v * numpy.cos(X) ** 2)


def test_a_vjp_may_be_called_again():
    vjp, y = ag.make_vjp(lambda x: (np.sin(x), {"square": x**2}))(X)
    assert type(y) is tuple
    for _ in range(2):
        numpy.testing.assert_allclose(vjp((X, {"square": X})), X * numpy.cos(X) + 2 * X**2)
    with pytest.raises(ValueError, match="structure"):
        vjp((X, X))
    with pytest.raises(ValueError, match="shape"):
        vjp((X[:2], {"square": X}))


def test_grad_and_aux_and_grad_named():
    g, aux = ag.grad_and_aux(lambda x: (cubes(x), {"x": x, "name": "aux"}))(X)
    numpy.testing.assert_allclose(g, 3 * X**2)
    assert aux["name"] == "aux"
    assert type(aux["x"]) is numpy.ndarray
    assert ag.grad_named(lambda a, b: a * b**2, "b")(2.0, 3.0) == 12.0


def test_multigrad_dict_names_all_arguments():
    def f(a, b=2.0, *more, c=3.0):
        return a * b * c + sum(more)

    found = ag.multigrad_dict(f)(5.0)
    assert type(found) is OrderedDict
    assert found == {"a": 6.0, "b": 15.0, "more": (), "c": 10.0}


def test_checkpoint_computes_again():
    calls = []

    def f(x):
        calls.append(1)
        return np.sin(x) ** 2

    numpy.testing.assert_allclose(
        ag.grad(lambda x: np.sum(ag.checkpoint(f)(x)))(X), numpy.sin(2 * X)
    )
    assert len(calls) == 2


def test_names_and_documentation_say_what_is_derived():
    derived = ag.grad(cubes, 0)
    assert derived.__name__ == "grad_of_cubes_wrt_argnum_0"
    assert "cubes" in derived.__doc__
    assert ag.grad.__name__ == "grad"


def test_threads_do_not_see_each_other():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: ag.grad(lambda x: x**n)(2.0), range(1, 20)))
    assert found == [n * 2.0 ** (n - 1) for n in range(1, 20)]


def test_what_can_be_written_in_pluggrad_can_be_here():
    """HIPS autograd has no assignment."""

    def f(x):
        a = np.zeros(3)
        for i in range(3):
            a[i] = x[i] ** 2
        return np.sum(a)

    numpy.testing.assert_allclose(ag.grad(f)(X), 2 * X)


@pytest.mark.parametrize(("uplo", "unread"), [("L", (0, 1)), ("U", (1, 0))])
@pytest.mark.parametrize("name", ["eigh", "eigvalsh"])
def test_eigh_reads_one_triangle(name, uplo, unread):
    a = numpy.asarray([[2.0, 5.0], [1.0, 3.0]])
    f = getattr(np.linalg, name)
    g = ag.grad(lambda a: np.ravel(f(a, uplo)[0])[0])(a)
    assert g[unread] == 0.0
    assert g[unread[::-1]] != 0.0
    numpy.testing.assert_array_equal(f(a, uplo)[0], getattr(numpy.linalg, name)(a, uplo)[0])


def test_builtins_see_through_variables():
    seen = []

    def f(x):
        seen.append((ag.isinstance(x, numpy.ndarray), ag.type(x)))
        return np.sum(x)

    ag.grad(f)(X)
    assert seen == [(True, numpy.ndarray)]
    assert ag.tuple((1.0, 2.0)) == (1.0, 2.0)
