"""Numbers in adopted code are NumPy's numbers: neither views, nor changed in place."""

from __future__ import annotations

import importlib
import textwrap

import numpy as np
import pytest

import pluggrad as pg

CODE = textwrap.dedent(
    """
    import math
    import numpy as np

    def alias(x):
        s = math.sin(x)
        t = s
        t += 1.0
        return s * t

    def argument(x):
        x += 1.0
        return 2.0 * x

    def swapped(x):
        a = np.array([x, 2.0])
        a[0], a[1] = a[1], a[0]
        return 3.0 * a[0] + a[1] * a[1]

    def read(x):
        a = np.array([x, 2.0])
        t = a[0]
        a[0] = 7.0
        return 10.0 * t + a.sum()

    def total(x):
        a = np.array([x, 2.0])
        s = a.sum()
        t = s
        t -= 1
        return s * t

    def arrays(x):
        a = np.zeros(3)
        a[0] = x
        a[np.int64(1)] += x * x
        a[2] -= a[0]
        a *= 2.0
        m = np.outer(a, a)
        z = m[1, 0]
        m[1, 0] += 1
        m[0] = 0
        return z * m[1, 0] + a[2]
    """
)


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "adopted_numbers.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(importlib.sys.modules, "adopted_numbers", raising=False)
    return importlib.import_module("adopted_numbers")


@pytest.mark.parametrize("name", ["alias", "argument", "swapped", "read", "total", "arrays"])
def test_numbers_are_numbers(module, name):
    function = getattr(module, name)
    f, x, h = (lambda v: function(v) * v), 1.3, 1e-6
    value, slope = f(x), (f(x + h) - f(x - h)) / (2 * h)
    with pg.adopt("adopted_numbers"):
        got, gradient = pg.value_and_grad(f)(np.asarray(x))
        forward = pg.jacfwd(f)(np.asarray(x))
        mapped = pg.vmap(f)(np.asarray([x, x]))
    np.testing.assert_allclose([got, *mapped], value, rtol=1e-13)
    np.testing.assert_allclose([gradient, forward], slope, rtol=1e-7)


def test_afterwards_elements_are_views_again():
    v = pg.Variable(np.ones(3), requires_grad=True) * 2.0
    element = v[0]
    v[0] = 5.0
    assert element.item() == 5.0
