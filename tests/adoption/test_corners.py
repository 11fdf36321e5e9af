"""What real packages do that looks harmless, and must be right or an error while they are adopted:
functions compiled by numba, caught errors, infinities that cancel."""

from __future__ import annotations

import importlib
import sys
import textwrap

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module of source code, whose name is new in each test."""
    name = f"corner_{tmp_path.name.replace('-', '_')}"
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(code):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(code))
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield make
    sys.modules.pop(name, None)


# ---------------------------------------------------------------- numba


def test_numba_compiles_while_adopted(module):
    needs("numba")
    m = module("""
        import math
        from numba import njit, vectorize

        @njit
        def inner(x):
            return math.sin(x)

        @njit
        def one(x):
            return inner(x) + math.cos(x)

        @vectorize
        def element(x, y):
            return x * y + math.exp(x)

        @vectorize(["float64(float64)"])
        def typed(x):
            return math.sin(x)
    """)
    with pg.adopt(m.__name__):
        assert m.one(0.3) == np.sin(0.3) + np.cos(0.3)  # compiled now
        assert m.element(0.3, 2.0) == 0.6 + np.exp(0.3)
        assert np.isclose(pg.grad(m.one)(0.3), np.cos(0.3) - np.sin(0.3))
        assert np.isclose(pg.grad(lambda x: m.element(x, 2.0))(0.3), 2.0 + np.exp(0.3))
        x = np.array([0.3, 1.0])
        np.testing.assert_allclose(pg.grad(lambda x: m.typed(x).sum())(x), np.cos(x))
    assert m.one(1) == np.sin(1.0) + np.cos(1.0)
    assert m.element(0.3, 1) == 0.3 + np.exp(0.3)


# ---------------------------------------------------------------- errors that a package catches

CATCHING = """
    import contextlib

    def with_another_value(x):
        try:
            return 2.0 * float(x)
        except Exception:
            return 0.0 * x

    def bare(x):
        try:
            factor = float(x)
        except:
            factor = -1.0
        return factor * x

    def suppressed(x):
        factor = 1.0
        with contextlib.suppress(RuntimeError):
            factor = float(x)
        return factor * x

    def passed_on(x):
        return x * float(x)

    def translated(x):
        try:
            return float(x)
        except RuntimeError as error:
            raise KeyError("own") from error
"""


def by_backward(f):
    def gradient(x):
        v = pg.Variable(x, requires_grad=True)
        f(v).backward()
        return v.grad

    return gradient


def by_autograd(f):
    def gradient(x):
        v = pg.Variable(x, requires_grad=True)
        return pg.autograd.grad(f(v), v)[0]

    return gradient


TRANSFORMS = {
    "grad": pg.grad, "value_and_grad": pg.value_and_grad, "jacfwd": pg.jacfwd,
    "jacrev": pg.jacrev, "hessian": pg.hessian, "backward": by_backward,
    "autograd.grad": by_autograd, "jvp": lambda f: lambda x: pg.jvp(f, (x,), (1.0,)),
    "vjp": lambda f: lambda x: pg.vjp(f, x), "hvp": lambda f: lambda x: pg.hvp(f, (x,), (1.0,)),
    "vmap of grad": lambda f: lambda x: pg.vmap(pg.grad(f))(np.asarray([x, x])),
}  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_errors_that_a_package_catches_are_raised_at_the_end(module, transform):
    m = module(CATCHING)
    of = TRANSFORMS[transform]
    with pg.adopt(m.__name__):
        for f in (m.with_another_value, m.bare, m.suppressed):
            with pytest.raises(pg.GraphBreakError, match="caught an error of pluggrad") as caught:
                of(f)(1.5)
            assert f"{m.__name__}.py:" in str(caught.value)
        if transform not in ("backward", "autograd.grad"):
            with pytest.raises(KeyError, match="own"):
                of(m.translated)(1.5)


def test_errors_that_the_user_catches_are_not_raised_again(module):
    m = module(CATCHING)

    def careful(x):
        try:
            return m.passed_on(x)
        except pg.GraphBreakError:
            return 3.0 * x

    with pg.adopt(m.__name__):
        for transform in ("grad", "jacfwd", "backward", "autograd.grad"):
            assert float(TRANSFORMS[transform](careful)(1.5)) == 3.0
        with pg.graph_breaks("ignore"):
            assert pg.grad(m.bare)(1.5) == 1.5


# ---------------------------------------------------------------- strong zeros

VANISHING = """
    import math
    import numpy as np

    def root(x):
        return math.sqrt(0 * x) + x

    def power(x):
        return (0 * x) ** 0.5 + x

    def saturated(x):
        return 1 / (1 + np.exp(np.inf + x)) + x

    def chosen(x):
        return np.where(x > 0, x, np.sqrt(x - 1.3))
"""


@pytest.mark.parametrize("name", ["root", "power", "saturated", "chosen"])
def test_vanishing_terms_leave_no_nan_in_either_mode(module, name):
    m = module(VANISHING)
    with np.errstate(all="ignore"), pg.adopt(m.__name__):
        f = getattr(m, name)
        assert pg.grad(f)(1.3) == pg.jacfwd(f)(1.3) == pg.jvp(f, (1.3,), (1.0,))[1] == 1.0
        assert pg.hessian(f)(1.3) == 0.0
        np.testing.assert_array_equal(pg.vmap(pg.jacfwd(f))(np.full(2, 1.3)), np.ones(2))


# ---------------------------------------------------------------- names, keys and types

NAMING = """
    import math
    import pickle
    import numpy as np
    from collections import OrderedDict, defaultdict
    from numpy import float64

    class Hidden(type):
        @property
        def __module__(cls):
            return None

    class Odd(metaclass=Hidden):
        pass

    ODD = Odd()
    KEYS = {math.sin: 1, np.sum: 2, float64: 3}
    ORDERED = OrderedDict(sin=np.sin)
    DEFAULT = defaultdict(list, make=np.array)

    def looked_up(f):
        return KEYS[math.sin], KEYS[np.sum], KEYS[np.float64], KEYS[f]

    def pickled():
        return [pickle.loads(pickle.dumps(x)) for x in (float64, np.float64, np.sum, math.sin)]

    def collected(x):
        return ORDERED["sin"](x) * DEFAULT["make"]([x, 1.0]).sum()

    def lazily():
        global np2, m2, lin2, sin2
        import numpy as np2
        import math as m2
        import numpy.linalg as lin2
        from math import sin as sin2

    def stored(x):
        a = np.array([1.0, 0.0])
        a[0] = x
        return a.sum()
"""


def test_names_keys_and_types(module):
    m = module(NAMING)
    keys = list(m.KEYS)
    with pg.adopt(m.__name__):
        assert m.looked_up(np.sum) == (1, 2, 3, 2)
        assert m.pickled()[0] is np.float64
        m.lazily()
        assert m.np2 is pg.numpy
        slope = np.cos(1.3) * 2.3 + np.sin(1.3)
        assert np.isclose(pg.grad(m.collected)(1.3), slope)
    import math

    assert (m.np2, m.m2, m.lin2, m.sin2) == (np, math, np.linalg, math.sin)
    assert list(m.KEYS) == keys and m.ORDERED["sin"] is np.sin and m.DEFAULT["make"] is np.array


def test_the_report_names_the_line_behind_an_error_of_numpy(module):
    m = module(NAMING)
    with pg.adopt(m.__name__), pytest.raises(ValueError, match="sequence") as caught:
        pg.grad(m.stored)(1.3)
    assert f"{m.__name__}.py:" in str(caught.value.__cause__)
    (line,) = pg.adopt.report(m.__name__, m.stored, 1.3).obstacles
    assert line.source == "a[0] = x"


@pytest.mark.parametrize("f", [
    lambda x: (0.03 + 0.05j) - x, lambda x: (0.03 + 0.05j) / x, lambda x: (0.03 + 0.05j) ** x,
    lambda x: x - (0.03 + 0.05j), lambda x: x / (0.03 + 0.05j),
], ids=["minus", "divide", "power", "less", "over"])  # fmt: skip
def test_complex_numbers_before_a_variable_without_axes(f):
    """Python answers ``1j - numpy.float64(2.0)`` itself, with a complex of its own."""
    value = f(pg.Variable(1.5, requires_grad=True) * 2.0)
    assert np.isclose(value.data, f(3.0)) and value.dtype == np.complex128
    step = 1e-5
    expected = (f(3.0 + step) - f(3.0 - step)) / (2 * step) * 2.0
    for part, number in ((pg.real, expected.real), (pg.imag, expected.imag)):
        inner = lambda x, part=part: part(f(x * 2.0))
        assert np.isclose(pg.grad(inner)(1.5), number)
        assert np.isclose(pg.jvp(inner, (1.5,), (1.0,))[1], number)


def test_the_methods_that_models_of_distributions_call():
    needs("scipy")
    import pluggrad.scipy.stats as stats

    x = np.array([-0.4, 1.2])
    slope = pg.grad(lambda x: pg.sum(stats.norm._cdf(x)))(x)
    np.testing.assert_allclose(slope, stats.norm.pdf(x))
    with pytest.raises(AttributeError):
        _ = stats.norm._no_such_method
