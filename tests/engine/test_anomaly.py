"""Anomaly detection: what is wrong is named, with the line that computed it."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import leaf_of
from tests.support.backends import every_backend


@every_backend
def test_an_anomaly_names_the_operation_and_the_line(backend):
    x = leaf_of([1.0, 0.0, 4.0], backend)
    with pg.autograd.detect_anomaly():
        y = pg.sum(pg.sqrt(x) * 2)  # the line that the error names
        with pytest.raises(RuntimeError, match="'sqrt' by input 0 has inf at 1 of 3") as caught:
            y.backward()
    assert "the line that the error names" in str(caught.value)
    assert "test_anomaly.py" in str(caught.value) and "src/pluggrad" not in str(caught.value)
    assert x.grad is None


def test_nan_is_named():
    x = leaf_of([0.0])
    with pg.autograd.detect_anomaly():
        y = pg.sum(pg.where(x > 0, pg.log(x), 0.0))
        with pytest.raises(pg.AnomalyError, match="'log' by input 0 has nan"):
            y.backward()
    with pg.autograd.detect_anomaly(check_nan=False):
        y = pg.sum(pg.where(x > 0, pg.log(x), 0.0))
        y.backward()
    assert np.isnan(x.grad.item())


def test_a_graph_from_outside_says_so():
    x = leaf_of([0.0])
    y = pg.sum(pg.sqrt(x))
    with pg.autograd.detect_anomaly(), pytest.raises(pg.AnomalyError, match="recorded outside"):
        y.backward()


def test_a_bad_backward_shows_the_forward_line():
    class Bad(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            raise ValueError("no gradient today")

    x = leaf_of([1.0])
    with pg.autograd.detect_anomaly():
        y = pg.sum(Bad.apply(x))  # here it was called
        with pytest.raises(ValueError, match="no gradient today") as caught:
            y.backward()
    assert any("here it was called" in note for note in caught.value.__notes__)


def test_infinite_cotangents_are_no_anomaly_of_the_operation():
    x = leaf_of([1.0, 2.0])
    with pg.autograd.detect_anomaly():
        (x * 2).backward(np.asarray([np.inf, 1.0]))
    np.testing.assert_array_equal(x.grad.data, [np.inf, 2.0])


def test_anomalies_of_the_second_order_and_in_transforms():
    with pg.autograd.detect_anomaly():
        x = leaf_of([1.0, 0.0])
        (g,) = pg.autograd.grad(pg.sum(x**1.5), x, create_graph=True)
        with pytest.raises(pg.AnomalyError, match="'pow'"):
            g.backward(np.ones(2))
        with pytest.raises(pg.AnomalyError, match="'sqrt'"):
            pg.grad(lambda x: pg.sum(pg.sqrt(x)))(np.zeros(2))
        assert pg.grad(lambda x: x * x)(3.0) == 6.0


def test_a_derivative_shows_whose_it_is():
    def power(x):
        return pg.sum(x**1.5)  # forward

    with pg.autograd.detect_anomaly():
        x = leaf_of([1.0, 0.0])
        (g,) = pg.autograd.grad(power(x), x, create_graph=True)  # backward
        with pytest.raises(pg.AnomalyError) as caught:
            g.backward(np.ones(2))
        first, second = str(caught.value).split("in the derivative of 'pow', called here")
        assert "# backward" in first and "# forward" in second

        y = pg.checkpoint(lambda x: pg.sqrt(x))(x)  # checkpoint
        with pytest.raises(pg.AnomalyError) as caught:
            y.backward(np.ones(2))
        assert "'sqrt'" in str(caught.value).splitlines()[0]
        assert "# checkpoint" in str(caught.value).split("in the derivative of 'checkpoint'")[1]
        with pytest.raises(pg.AnomalyError, match="'pow' in forward mode has") as caught:
            pg.hessian(power)(np.zeros(2))
        assert "# forward" in str(caught.value).split("in the derivative of 'pow'")[1]


@every_backend
def test_anomalies_of_forward_mode(backend):
    x = leaf_of([1.0, 0.0], backend).data
    root = lambda x: pg.sqrt(x)  # the root

    class Bad(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def jvp(ctx, t):
            return t * np.nan

    for f, what in ((root, "'sqrt'.* has inf at 1 of 2"), (Bad.apply, "'Bad'.* has nan at 2 of 2")):
        with (
            pg.autograd.detect_anomaly(),
            pytest.raises(pg.AnomalyError, match=what) as caught,
        ):
            pg.jvp(f, (x,), (x * 0 + 1,))
    with pg.autograd.detect_anomaly(check_nan=False):
        pg.jvp(root, (x,), (x,))
    assert "test_anomaly.py" in str(caught.value)


def test_a_hook_that_makes_nan():
    x = leaf_of([1.0])
    with pg.autograd.detect_anomaly():
        y = x * 2
        y.register_hook(lambda g: g * np.nan)
        with pytest.raises(pg.AnomalyError, match="a hook"):
            y.backward()


def test_set_detect_anomaly():
    x = leaf_of([0.0])

    def bad():
        with pytest.raises(pg.AnomalyError):
            pg.sqrt(x).backward()
        return True

    with pg.autograd.set_detect_anomaly(True):
        assert bad()
        with pg.autograd.set_detect_anomaly(False):
            pg.sqrt(x).backward()
        with pg.autograd.set_detect_anomaly(True, check_nan=False):
            pg.sqrt(x).backward()
        assert bad()
    pg.sqrt(x).backward()
    with pg.strong_zeros():
        pg.autograd.set_detect_anomaly(True)
    assert bad()  # what ended is strong_zeros alone
    pg.autograd.set_detect_anomaly(False)
    pg.sqrt(x).backward()


def test_reads_and_several_outputs_under_anomaly_detection():
    with pg.autograd.detect_anomaly():
        x = leaf_of(np.arange(1.0, 7.0).reshape(3, 2))
        y = x[0, 0] * x[1, 1] + pg.sum(x[np.asarray([0, 0])])
        _, r = pg.linalg.qr(x)
        (y + pg.sum(r * r)).backward()
    z = leaf_of(np.arange(1.0, 7.0).reshape(3, 2))
    _, r = pg.linalg.qr(z)
    (z[0, 0] * z[1, 1] + pg.sum(z[np.asarray([0, 0])]) + pg.sum(r * r)).backward()
    np.testing.assert_array_equal(x.grad.data, z.grad.data)
