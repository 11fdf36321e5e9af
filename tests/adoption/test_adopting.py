"""What adoption changes, in small packages made for it, and that nothing of it stays."""

from __future__ import annotations

import importlib
import io
import math
import sys
import textwrap
import threading

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

CODE = {
    "__init__": "",
    "names": """
        import math
        import numpy as np
        import numpy.linalg as la
        from math import sin
        from numpy import array, asarray, pi, sqrt, ndarray as nd, float64

        def modules(x):
            return math.cos(x) + np.array([x, 2.0]).sum() + la.norm(np.asarray([x, 1.0]))

        def functions(x):
            return sin(x) * array([x, pi]).sum() + sqrt(asarray(x))

        def classes(x):
            return float64(x) * (2.0 if isinstance(np.stack([x, x]), nd) else 1.0)

        def stores(x):
            a = np.zeros(3)
            for i in range(3):
                a[i] = x ** (i + 1)
            return a.sum()
    """,
    "places": """
        import functools
        import numpy as np

        DTYPE = np.float64
        TABLE = {"sin": np.sin, "list": [np.array]}
        PAIR = (np.asarray, 1.0)
        halved = functools.partial(np.full, 2)
        steps = np.vectorize(lambda t: t * t if t > 1.0 else 3.0 * t)

        def default(x, make=np.array, *, then=np.asarray):
            return then(make([x, 1.0])).sum()

        def closing(make):
            def inner(x):
                return make([x, x]).sum()
            return inner

        closed = closing(np.array)

        class Shape:
            make = np.array
            typed = staticmethod(np.asarray)

            def area(self, x):
                return self.make([x, x]).prod() + self.typed([x]).sum()

            @property
            def maker(self):
                import numpy
                return numpy.array

        SHAPE = Shape()

        def all_of(x):
            return (
                TABLE["sin"](x) + TABLE["list"][0]([x]).sum() + PAIR[0]([x]).sum() + DTYPE(x)
                + halved(x).sum() + steps(np.array([x, 2.0])).sum() + default(x) + closed(x)
                + SHAPE.area(x) + SHAPE.maker([x]).sum()
            )
    """,
    "inside": """
        def imports(x):
            import math
            import numpy as np
            import numpy.linalg
            from math import exp
            from numpy import array
            def deeper(y):
                import numpy.linalg as la
                return la.norm(np.array([y, 1.0]))
            return exp(x) * array([x, 1.0]).sum() + math.sin(x) + deeper(x) + numpy.linalg.norm(array([x]))
    """,
    "breaks": """
        import numpy as np

        def by_float(x):
            return 2.0 * float(x)

        def by_item(x):
            return np.array([x]).item() * x

        def by_list(x):
            return sum(np.array([x, 2.0 * x]).tolist())

        def by_mask(x):
            return np.ma.masked_array([x, 1.0])

        def by_subclass(x):
            class Mine(np.ndarray):
                pass
            return np.asarray([x]).view(Mine).sum()

        def by_values(x):
            return x.values
    """,
}  # fmt: skip


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the modules of `CODE`, whose name is new in each test."""
    name = f"adoptee_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name
    folder.mkdir()
    for module, code in CODE.items():
        (folder / f"{module}.py").write_text(textwrap.dedent(code))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [m for m in sys.modules if m == name or m.startswith(f"{name}.")]:
        del sys.modules[module]


def slope(f, x, h=1e-3):
    """The derivative of `f` by central differences of the sixth order."""
    return sum(c * (f(x + k * h) - f(x - k * h)) for k, c in ((1, 45.0), (2, -9.0), (3, 1.0))) / (
        60 * h
    )


def same_as_differences(f, x=1.3):
    value, g = pg.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-13)
    np.testing.assert_allclose(g, slope(f, x), rtol=1e-8)


@pytest.mark.parametrize("early", [True, False], ids=["imported before", "imported after"])
@pytest.mark.parametrize("function", [
    "names.modules", "names.functions", "names.classes", "names.stores", "places.all_of",
    "inside.imports",
])  # fmt: skip
def test_variables_pass_wherever_numpy_is_named(package, function, early):
    module, name = function.split(".")
    if early:
        importlib.import_module(f"{package}.{module}")
    with pg.adopt(package):
        same_as_differences(getattr(importlib.import_module(f"{package}.{module}"), name))


def everything(package):
    """All names of the modules of a package, and what hangs on them, by identity."""
    places = importlib.import_module(f"{package}.places")
    inside = importlib.import_module(f"{package}.inside")
    names = importlib.import_module(f"{package}.names")
    return [
        *vars(names).items(), *vars(places).items(), *vars(places.Shape).items(),
        *places.TABLE.items(), places.TABLE["list"][0], *places.PAIR, places.default.__defaults__,
        places.default.__kwdefaults__["then"], places.closed.__closure__[0].cell_contents,
        inside.imports.__code__, places.Shape.maker.fget.__code__,
    ]  # fmt: skip


def test_all_is_put_back(package):
    before = everything(package)
    path, names = list(sys.meta_path), set(vars(np)) | set(vars(math))
    adopted = pg.adopt(package)
    changed = everything(package)
    assert len(adopted.changes) > 20
    assert sum(a is not b for a, b in zip(before, changed, strict=True)) > 0
    adopted.undo()
    adopted.undo()
    after = everything(package)
    for a, b in zip(before, after, strict=True):
        one, other = (a, b) if not isinstance(a, tuple) or len(a) != 2 else (a[1], b[1])
        assert one is other
    assert adopted.changes == () and "undone" in repr(adopted)
    assert sys.meta_path == path and set(vars(np)) | set(vars(math)) == names


def test_what_the_package_sets_in_the_meantime_stays(package):
    names = importlib.import_module(f"{package}.names")
    with pg.adopt(package):
        names.sqrt = len
        del names.pi
    assert names.sqrt is len and not hasattr(names, "pi") and names.np is np


def test_others_see_plain_numpy(package):
    other = importlib.import_module(f"{package}.names")
    with pg.adopt(f"{package}.places"):
        places = importlib.import_module(f"{package}.places")
        assert other.np is np and places.np is pg.numpy
        with pytest.raises(pg.GraphBreakError):
            pg.grad(other.classes)(1.0)


def test_adoptions_nest_and_repeat(package):
    names = importlib.import_module(f"{package}.names")
    with pg.adopt(package) as outer:
        with pg.adopt(package, f"{package}.names"):
            assert names.np is pg.numpy
        assert names.np is pg.numpy
        with outer:
            assert names.np is pg.numpy
        assert names.np is pg.numpy
    assert names.np is np
    with outer:  # again
        assert names.np is pg.numpy
    assert names.np is np
    first, second = pg.adopt(package), pg.adopt(package)
    first.undo()
    assert names.np is pg.numpy
    second.undo()
    assert names.np is np


def test_an_error_in_the_block_undoes_it(package):
    names = importlib.import_module(f"{package}.names")
    with pytest.raises(KeyError), pg.adopt(package):
        raise KeyError
    assert names.np is np


def test_plain_calls_are_the_same_while_adopted(package):
    with pg.adopt(package):
        names = importlib.import_module(f"{package}.names")
        places = importlib.import_module(f"{package}.places")
        adopted = [names.modules(1.3), names.stores(1.3), names.classes(1.3), places.all_of(1.3)]
    plain = [names.modules(1.3), names.stores(1.3), names.classes(1.3), places.all_of(1.3)]
    for a, b in zip(adopted, plain, strict=True):
        assert type(a) is type(b) and a == b


def test_threads_adopt_and_compute(package):
    names = importlib.import_module(f"{package}.names")
    wrong = []

    def work():
        for _ in range(20):
            with pg.adopt(package):
                if pg.grad(names.stores)(2.0) != 1.0 + 4.0 + 12.0:
                    wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == [] and names.np is np


def lines(package):
    """A part of a file's name and the text of the line, for each function of the module breaks."""
    text = textwrap.dedent(CODE["breaks"]).splitlines()
    return {
        f: next(n + k for k, line in enumerate(text[n:], 1) if "return" in line)
        for n, f in [(i, s[4:].partition("(")[0]) for i, s in enumerate(text) if s[:4] == "def "]
    }


@pytest.mark.parametrize("name", ["by_float", "by_mask", "by_subclass", "by_values"])
def test_what_cannot_be_reached_names_the_line(package, name):
    f = getattr(importlib.import_module(f"{package}.breaks"), name)
    with pg.adopt(package), pytest.raises(pg.PluggradError) as caught:
        pg.grad(f)(1.5)
    assert f"breaks.py:{lines(package)[name]}" in str(caught.value)


def test_float_only_warns_outside(package):
    f = importlib.import_module(f"{package}.breaks").by_float
    with pg.adopt(package), pytest.raises(pg.GraphBreakError, match="custom_vjp"):
        pg.grad(f)(1.5)
    with pg.adopt(package), pytest.warns(pg.GraphBreakWarning):  # in code of the user's
        pg.grad(lambda x: x * float(x))(1.5)
    x = pg.Variable(1.5, requires_grad=True)
    with pytest.warns(pg.GraphBreakWarning):
        assert f(x) == 3.0
    with pg.adopt(package), pg.graph_breaks("ignore"):
        assert f(x) == 3.0  # the user asked for it


@pytest.mark.parametrize("name, expected", [("by_item", 3.0), ("by_list", 3.0)])
def test_items_stay_variables(package, name, expected):
    with pg.adopt(package):
        f = getattr(importlib.import_module(f"{package}.breaks"), name)
        assert pg.grad(f)(1.5) == expected
    assert isinstance(f(1.5), float)


@pytest.mark.parametrize(
    "name", ["numpy", "math", "json.decoder", "pluggrad", "scipy", "no_such", "", 3]
)
def test_what_cannot_be_adopted_is_refused(name):
    path = list(sys.meta_path)
    with pytest.raises(ValueError, match="adopt"):
        pg.adopt(name)
    assert sys.meta_path == path


def test_branches_not_taken_leave_no_nan(package):
    """Nobody can write the package's ``np.where`` in another way."""
    space = {"np": np, "__name__": package}
    exec("def f(x): return np.where(x > 0, np.sqrt(x) / x, 0.0).sum()", space)
    f = space["f"]
    x = np.array([0.0, 4.0])
    with np.errstate(all="ignore"), pg.adopt(package):
        g = pg.grad(f)(x)
        np.testing.assert_allclose(pg.jacfwd(f)(x), g)
    assert g[0] == 0.0 and np.isclose(g[1], -0.0625)


def test_loaders_and_reload(package):
    with pg.adopt(package):
        names = importlib.import_module(f"{package}.names")
        assert type(names.__loader__).__module__.startswith("_frozen_importlib")
        assert names.__spec__.loader is names.__loader__
        assert importlib.reload(names).np is pg.numpy
    assert names.np is np


def test_scipy_is_mirrored(package, tmp_path):
    needs("scipy")
    (tmp_path / package / "science.py").write_text(textwrap.dedent("""
        import scipy.stats as st
        from scipy import interpolate, optimize
        from scipy.integrate import quad
        from scipy.linalg import expm
        from scipy.stats import norm
        import numpy as np

        SPLINE = [interpolate.CubicSpline]

        def matrices(x):
            return expm(np.array([[0.0, x], [-x, 0.0]])).sum()

        def densities(x):
            return norm.pdf(x, 0.2, 1.1) + st.gamma(2.0).logpdf(x) + norm(x, 1.0).cdf(0.3)

        def splines(x):
            f = SPLINE[0]([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.5, 2.0])
            assert isinstance(f, interpolate.CubicSpline)
            return f(x) + interpolate.interp1d([0.0, x, 3.0], [1.0, 2.0, x])(1.7)

        def roots(x):
            return optimize.brentq(lambda t: t ** 3 - x, 0.0, 5.0)

        def integrals(x):
            return quad(lambda t: t * x, 0.0, x)[0]

        def later(x):
            from scipy.special import gammaln
            import scipy.linalg as sl
            return gammaln(x) + sl.norm(np.array([x, 1.0]))
    """))  # fmt: skip
    module = importlib.import_module(f"{package}.science")
    names = ["matrices", "densities", "splines", "roots", "integrals", "later"]
    plain = [getattr(module, name)(1.3) for name in names]
    kinds = [type(module.norm.pdf(0.3)), type(module.norm(0.0, 1.0)), type(module.expm(np.eye(2)))]
    with pg.adopt(package):
        assert [getattr(module, name)(1.3) for name in names] == plain
        assert [type(y) for y in plain] == [type(getattr(module, n)(1.3)) for n in names]
        assert type(module.norm.pdf(0.3)) is kinds[0]
        assert isinstance(module.norm(0.0, 1.0), kinds[1])
        assert type(module.expm(np.eye(2))) is kinds[2]
        for name in names:
            same_as_differences(getattr(module, name))


def test_the_report_lists_lines(package):
    names = importlib.import_module(f"{package}.names")
    breaks = importlib.import_module(f"{package}.breaks")
    good = pg.adopt.report(package, names.modules, 1.3)
    assert good.differentiable and not good.obstacles and good.error is None
    assert any("math.cos" in line.adopted and "la.norm" in line.adopted for line in good.lines)
    assert {c.what for c in good.changes if c.module == f"{package}.names"} >= {"np", "la", "sin"}
    bad = pg.adopt.report((package,), breaks.by_float, 1.3)
    (line,) = bad.obstacles
    assert not bad.differentiable and line.line == lines(package)["by_float"]
    assert "float()" in line.obstacle and "custom_vjp" in line.remedy
    assert "breaks.py" in str(bad) and "✗" in str(bad) and "1 place in the way" in str(bad)
    broken = pg.adopt.report(package, breaks.by_values, 1.3)
    assert isinstance(broken.error, pg.PluggradError) and len(broken.obstacles) == 1
    assert names.np is np


def test_rich_prints_the_report(package):
    console = needs("rich.console").Console(width=100, record=True, file=io.StringIO())
    console.print(
        pg.adopt.report(package, importlib.import_module(f"{package}.breaks").by_float, 1.3)
    )
    assert "by_float" in console.export_text()
