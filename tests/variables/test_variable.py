"""The handle: conversions, spellings and methods."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable


def test_one_element_is_a_scalar_whatever_its_shape():
    for data in (np.asarray(1.5), np.asarray([1.5]), np.asarray([[1.5]])):
        v = Variable(data)
        assert float(v) == v.item() == complex(v) == 1.5
        assert int(v) == 1
        assert bool(v)
    for data in (np.ones(2), np.ones(0)):
        v = Variable(data)
        for convert in (float, int, complex, bool, Variable.item):
            with pytest.raises(pg.PluggradError, match="only one element") as caught:
                convert(v)
            assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
    with pytest.raises(TypeError, match="index"):
        [1, 2][Variable(np.asarray(1.0))]
    assert [1, 2][Variable(np.asarray(1))] == 2


def test_format_is_for_display_and_does_not_warn():
    x = Variable(np.asarray(1.25), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f"{x:.1f} {x * 2:8.2f}" == "1.2     2.50"
        assert f"{x}" == str(x)
        with pytest.raises(TypeError):
            f"{Variable(np.ones(2)):.2f}"


def test_divmod():
    x = np.asarray([7.0, -7.0])
    for ours, theirs in (
        (divmod(Variable(x), 3.0), divmod(x, 3.0)),
        (divmod(9.0, Variable(x)), divmod(9.0, x)),
    ):
        assert [v.tolist() for v in ours] == [v.tolist() for v in theirs]


def test_size_out_of_range_and_in_json():
    v = Variable(np.ones((5, 3)))
    with pytest.raises(IndexError) as caught:
        v.size(2)
    assert isinstance(caught.value, pg.PluggradError)
    assert json.dumps(v.size) == "15"


X = np.arange(24.0).reshape(2, 3, 4) / 7 + 0.1


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda v: v.sum(dim=1, keepdim=True), X.sum(1, keepdims=True)),
        (lambda v: v.std(ddof=1), X.std(ddof=1)),
        (lambda v: v.var(0), X.var(0)),
        (lambda v: v.mean((0, 2)), X.mean((0, 2))),
        (lambda v: v.max(axis=None), X.max()),
        (lambda v: v.reshape([6, 4]), X.reshape(6, 4)),
        (lambda v: v.reshape(6, -1), X.reshape(6, 4)),
        (lambda v: v.reshape(shape=(24,)), X.reshape(24)),
        (lambda v: v.transpose(2, 0, 1), X.transpose(2, 0, 1)),
        (lambda v: v.transpose(), X.T),
        (lambda v: v.cumsum(dim=1), X.cumsum(1)),
        (lambda v: v.astype(dtype=np.float32), X.astype(np.float32)),
        (lambda v: v[:1].squeeze(0), X[0]),
    ],
)
def test_methods_in_the_spellings_of_numpy_and_torch(ours, theirs):
    x = Variable(X, requires_grad=True)
    y = ours(x)
    np.testing.assert_allclose(y.data, theirs)
    pg.sum(y).backward()
    assert x.grad.shape == X.shape
