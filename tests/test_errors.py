"""Bad input gets a clear error and changes nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import leaf
from tests.support.optional import needs


def test_gradient_of_the_wrong_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(2,\)"):
        (x * 2).backward(np.ones(3))
    assert x.grad is None


def test_backward_of_many_elements_needs_a_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="needs a cotangent"):
        (x * 2).backward()
    assert x.grad is None


def test_backward_without_a_graph():
    with pytest.raises(RuntimeError, match="does not require grad"):
        Variable(np.asarray(1.0)).backward()


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_integers_cannot_require_grad(dtype):
    with pytest.raises(TypeError, match="floating-point"):
        Variable(np.ones(2, dtype=dtype), requires_grad=True)


def test_writing_a_leaf():
    x = leaf(1.0, 2.0)
    for write in (lambda: x.__setitem__(0, 3.0), lambda: x.__iadd__(1.0)):
        with pytest.raises(RuntimeError, match="leaf that requires grad"):
            write()
    assert x.data.tolist() == [1.0, 2.0]


def test_unknown_backend_lists_what_there_is():
    with pytest.raises(ValueError, match=r"unknown backend 'tensorflow'.*numpy"):
        pg.namespace("tensorflow")


def test_leaving_the_graph():
    x = leaf(1.0, 2.0)
    a = np.zeros(2)
    for leave in (
        lambda: np.asarray(x),
        lambda: x.numpy(),
        lambda: a.__setitem__(slice(None), x),
        lambda: a.__iadd__(x),
        lambda: np.add(a, x, out=a),
        lambda: np.add.at(a, [0], x[:1]),
        lambda: x.__dlpack__(),
    ):
        with pytest.raises(pg.GraphBreakError, match=r"test_errors\.py:\d+.*detach"):
            leave()
    # NumPy asks for a float here, and wraps whatever that raises.
    with pytest.raises(ValueError, match="array element") as caught:
        a[0] = x[0]
    assert isinstance(caught.value.__cause__, pg.GraphBreakError)
    assert a.tolist() == [0.0, 0.0]
    with pg.graph_breaks("ignore"):
        assert np.asarray(x).tolist() == [1.0, 2.0]
    assert np.asarray(x.detach()).tolist() == [1.0, 2.0]


def test_scalars_answer_and_warn_once_a_line():
    x = leaf(1.5)
    with pytest.warns(pg.GraphBreakWarning, match="no gradient"):
        assert float(x[0]) == 1.5
    with pytest.warns(pg.GraphBreakWarning):
        assert x.item() == 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bool(x > 1)
        assert float(x.detach()[0]) == 1.5
        with pg.graph_breaks("ignore"):
            assert float(x[0]) == 1.5
    with pg.graph_breaks("error"), pytest.raises(pg.GraphBreakError):
        float(x[0])


def test_a_transform_says_where_its_graph_was_left():
    def f(x):
        with pg.graph_breaks("warn"):
            y = float(pg.sum(x))
        return y * 2.0

    for transform in (
        lambda: pg.grad(f)(np.ones(2)),
        lambda: pg.vjp(f, np.ones(2)),
        lambda: pg.jvp(f, (np.ones(2),), (np.ones(2),)),
    ):
        where = r"left at .*test_errors\.py:\d+, as .*float"
        with pytest.warns(pg.GraphBreakWarning), pytest.raises(pg.GraphBreakError, match=where):
            transform()
    with pytest.warns(pg.GraphBreakWarning, match="does not depend"):
        assert pg.grad(lambda x: np.float64(1.0))(np.ones(2)).tolist() == [0.0, 0.0]


def test_not_an_array():
    with pytest.raises(TypeError, match="no array"):
        Variable(object())
    with pytest.raises(TypeError):
        Variable(np.ones(2)) + object()


def test_shapes_that_do_not_broadcast():
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError):
        x + np.ones(3)


def test_mixed_backends():
    strict = needs("array_api_strict")
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match=r"cannot be mixed.*lift"):
        x * strict.ones(2)
    assert (x * pg.lift([1.0, 2.0], like=x)).data.tolist() == [1.0, 4.0]


def test_transform_arguments():
    with pytest.raises(TypeError, match="floating-point"):
        pg.grad(pg.sum)(np.ones(2, dtype=np.int64))
    with pytest.raises(ValueError, match="must return one number"):
        pg.grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(ValueError, match="argnums"):
        pg.grad(pg.sum, argnums=1)(np.ones(2))
    with pytest.raises(ValueError, match="tangent"):
        pg.jvp(pg.sin, (np.ones(2),), (np.ones(3),))


def test_every_error_is_a_pluggrad_error():
    from pluggrad import errors

    for name in errors.__all__:
        kind = getattr(errors, name)
        if name not in ("PluggradError", "GraphBreakWarning", "CompileWarning"):
            assert issubclass(kind, pg.PluggradError)
            assert issubclass(
                kind, (TypeError, ValueError, RuntimeError, IndexError, AttributeError)
            )


def test_what_a_library_refuses_names_the_operation_and_the_arrays():
    x = leaf(1.0, 2.0)
    for refused in (lambda: x + np.ones(3), lambda: pg.add(x, np.ones(3)), lambda: x @ np.ones(3)):
        with pytest.raises(pg.PluggradError, match=r"float64 \(2,\), float64 \(3,\)") as caught:
            refused()
        assert isinstance(caught.value, (ValueError, RuntimeError))
    y = x * 1
    for outside in (lambda: x[5], lambda: y[5], lambda: y[:, 0], lambda: pg.sum(x, axis=3)):
        with pytest.raises(IndexError) as caught:
            outside()
        assert isinstance(caught.value, pg.PluggradError)
    with pytest.raises(pg.PluggradError, match="setitem"):
        y[:] = np.ones(3)
    assert y.data.tolist() == [1.0, 2.0]
    with pytest.raises(np.linalg.LinAlgError):
        pg.linalg.inv(np.zeros((2, 2)))


@pytest.mark.parametrize(
    "data",
    [np.asarray([1, None], dtype=object), np.asarray(["a"]), np.zeros(2, dtype=[("a", float)]),
     np.rec.array([(1.0,)]), np.ma.masked_array([1.0, 2.0], mask=[0, 1]),
     np.ones((1, 1)).view(np.matrix), [[1.0], [1.0, 2.0]]],
)  # fmt: skip
def test_arrays_that_the_standard_does_not_know(data):
    with pytest.raises(pg.PluggradError) as caught:
        Variable(data)
    assert isinstance(caught.value, TypeError)


def test_bad_arguments_of_backward_and_of_transforms():
    x = leaf(1.0, 2.0)
    y = x * 2
    for bad, message in ((("a",), "array, not .a. .str"), ((np.asarray([1j, 1j]),), "real")):
        with pytest.raises(TypeError, match=message):
            y.backward(*bad)
    with pytest.raises(TypeError, match="must be Variables"):
        pg.autograd.backward(np.ones(2))
    with pytest.raises(TypeError, match="argnums"):
        pg.grad(pg.sum, argnums=1.5)(np.ones(2))
    with pytest.raises(ValueError, match="2 primals, but 1"):
        pg.jvp(pg.add, (1.0, 2.0), (1.0,))
    with pytest.raises(TypeError, match="pair"):
        pg.vjp(lambda x: x, np.ones(2), has_aux=True)
    with pytest.raises(TypeError, match="grad is"):
        x.grad = np.ones(2, dtype=np.float32)
    assert x.grad is None
