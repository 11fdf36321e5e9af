"""The special functions against mpmath and torch.autograd: to second order, at the edges too."""

# ruff: noqa: SIM905

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import PRIMITIVES, get_backend
from tests.support.optional import installed, needs

needs("scipy", "mpmath")

from pluggrad_conformance.exact import ROWS, Row

# What SciPy 1.17 sends to `xp.special`, and a few more.
SCIPY = """
bdtr bdtrc bdtri betainc betaincc betaincinv betaln binom boxcox boxcox1p cbrt chdtr chdtrc chdtri
cosdg cosm1 cotdg digamma ellipk ellipkm1 entr erf erfc erfcinv erfcx erfinv exp1 exp10 exp2 expi
expit expm1 expn exprel fdtr fdtrc fdtri gamma gammainc gammaincc gammainccinv gammaincinv gammaln
gammasgn gdtr gdtrc huber hyp1f1 i0 i0e i1 i1e inv_boxcox inv_boxcox1p j0 j1 k0 k0e k1 k1e kl_div
log1p log_expit log_ndtr log_softmax loggamma logit logsumexp lpmv multigammaln nbdtr nbdtrc nbdtri
ndtr ndtri nrdtrimn nrdtrisd pdtr pdtrc pdtri poch polygamma pseudo_huber psi radian rel_entr rgamma
sinc sindg softmax spence stdtr stdtrit tandg xlog1py xlogy y0 y1 yn zeta zetac
""".split()
#: Over a library that has the standard alone, these can be written out.
STANDARD = """
boxcox boxcox1p cbrt cosdg cosm1 entr exp10 exp2 expit expm1 exprel huber inv_boxcox inv_boxcox1p
kl_div log1p log_expit logit pseudo_huber radian rel_entr sinc sindg tandg xlog1py xlogy
""".split()
BY_NAME = {row.name: row for row in ROWS}
OTHERS = installed("torch", "jax")


def raw(backend: str, values: Any, dtype: str = "float64") -> Any:
    xp = get_backend(backend).xp
    if backend == "jax":
        return xp.asarray(np.asarray(values, dtype=dtype))
    return xp.asarray(np.asarray(values).tolist(), dtype=getattr(xp, dtype))


def along(name: str, args: Any, i: int) -> Any:
    """The function of its argument `i` alone."""
    function = getattr(pg.special, name)
    return lambda x: function(*args[:i], x, *args[i + 1 :])


def derivative(name: str, args: Any, i: int, order: int) -> float:
    f = along(name, args, i)
    for _ in range(order):
        f = pg.grad(f)
    return float(f(args[i]))


def cases(rows: list[Row]) -> Any:
    return [pytest.param(row, i, id=f"{row.name}-{i}") for row in rows for i in row.by]


def test_every_name_that_scipy_dispatches_is_here() -> None:
    assert [name for name in SCIPY if not hasattr(pg.namespace("numpy").special, name)] == []
    assert set(SCIPY) <= set(dir(pg.namespace("numpy").special))


def test_every_row_is_tested() -> None:
    here = {name.removeprefix("special.") for name in PRIMITIVES if name.startswith("special.")}
    apart = {"gammasgn", "multigammaln", "polygamma", "zetac"}
    assert here - apart == set(BY_NAME)


@pytest.mark.parametrize(("row", "i"), cases(ROWS))
def test_first_and_second_derivative_against_mpmath(row: Row, i: int) -> None:
    for point in row.points:
        args = [np.asarray(p) for p in point]
        # Some derivatives are constant, and meant to be.
        with warnings.catch_warnings(), pg.graph_breaks("ignore"):
            warnings.simplefilter("error")
            first, second = (derivative(row.name, args, i, order) for order in (1, 2))
        assert first == pytest.approx(row.slope(point, i), rel=1e-12, abs=1e-200), point
        assert second == pytest.approx(row.slope(point, i, 2), rel=1e-9, abs=1e-40), point


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_forwards_broadcast_and_in_float32(row: Row) -> None:
    """⟨g, J t⟩ = ⟨Jᵀ g, t⟩ with the arguments on different axes; float32 stays float32."""
    function = getattr(pg.special, row.name)
    rng = np.random.default_rng(0)
    for dtype, tolerance in (("float64", 1e-12), ("float32", 2e-3)):
        axes = len(row.points[0])
        args = [
            np.asarray([p[i] for p in row.points[:3]], dtype).reshape((-1,) + (1,) * (axes - 1 - i))
            for i in range(axes)
        ]

        def moving(*xs: Any, args: Any = args) -> Any:
            full = list(args)
            for i, x in zip(row.by, xs, strict=True):
                full[i] = x
            return function(*full)

        xs = [args[i] for i in row.by]
        ts = [rng.uniform(-1, 1, x.shape).astype(dtype) for x in xs]
        with np.errstate(all="ignore"):
            y, back = pg.vjp(moving, *xs)
            _, t_out = pg.jvp(moving, tuple(xs), tuple(ts))
            g = rng.uniform(-1, 1, y.shape).astype(dtype)
            gs = back(g)
        assert y.dtype == t_out.dtype == dtype
        assert t_out.shape == y.shape
        assert all(a.dtype == dtype and a.shape == x.shape for a, x in zip(gs, xs, strict=True))
        ok = np.isfinite(t_out)
        if not ok.all():  # a product of the points may lie outside the domain
            continue
        products = [np.sum(a * t, dtype="float64") for a, t in zip(gs, ts, strict=True)]
        scale = sum(np.sum(np.abs(a * t)) for a, t in zip(gs, ts, strict=True))
        assert abs(np.sum(g * t_out, dtype="float64") - sum(products)) <= tolerance * scale
        if dtype == "float32":
            double = pg.vjp(moving_in_double(function, args, row.by), *[x.astype("f8") for x in xs])
            for a, exact in zip(gs, double[1](g.astype("f8")), strict=True):
                np.testing.assert_allclose(a, exact, rtol=2e-3, atol=2e-4 * np.abs(exact).max())


def moving_in_double(function: Any, args: Any, by: Any) -> Any:
    def moving(*xs: Any) -> Any:
        full = [x.astype("float64") for x in args]
        for i, x in zip(by, xs, strict=True):
            full[i] = x
        return function(*full)

    return moving


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_other_backends_agree_with_numpy(row: Row, backend: str) -> None:
    space = pg.namespace(backend).special
    if not hasattr(space, row.name):
        with pytest.raises(pg.UnsupportedError, match=f"{backend}.*{row.name}"):
            getattr(space, row.name)
        return
    compare(row, backend, 1e-6)


@pytest.mark.parametrize("name", STANDARD)
def test_standard_alone_is_enough(name: str) -> None:
    needs("array_api_strict")
    compare(BY_NAME[name], "strict", 1e-9)


def compare(row: Row, backend: str, tolerance: float) -> None:
    function = getattr(pg.special, row.name)
    for point in row.points[:3]:
        args = [raw(backend, p) for p in point]
        expected = float(function(*[np.asarray(p) for p in point]).data)
        assert float(function(*args).data) == pytest.approx(expected, rel=tolerance, abs=1e-12)
        for i in row.by:
            for order in (1, 2):
                try:
                    found = derivative(row.name, args, i, order)
                except pg.UnsupportedError:
                    continue  # the derivative needs a function that this library lacks
                slope = row.slope(point, i, order)
                assert found == pytest.approx(slope, rel=30 * tolerance, abs=1e-9), (
                    point,
                    i,
                    order,
                )


def test_scipy_is_imported_when_it_is_needed() -> None:
    program = (
        "import sys, numpy as np, pluggrad as pg; pg.Variable(np.ones(2)) * 2;"
        "assert 'scipy' not in sys.modules; pg.special.erf(np.ones(2)); assert 'scipy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_scipy_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['scipy'] = None\n"
        "import numpy as np, pluggrad as pg\n"
        "print(pg.special.expit(np.asarray(0.0)).data)\n"
        "try: pg.special.erf(np.ones(2))\n"
        "except pg.UnsupportedError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("0.5\n")
    assert "special.erf" in done.stdout
    assert "pip install scipy" in done.stdout


@pytest.mark.parametrize(
    ("row", "i"), [pytest.param(r, i, id=f"{r.name}-{i}") for r in ROWS for i in r.unknown]
)
def test_what_is_unknown_raises_in_both_modes(row: Row, i: int) -> None:
    args = [np.asarray(p) for p in row.points[0]]
    parameter = PRIMITIVES[f"special.{row.name}"].parameters[i]
    f = along(row.name, args, i)
    for attempt in (lambda: pg.grad(f)(args[i]), lambda: pg.jvp(f, (args[i],), (args[i],))):
        with pytest.raises(pg.UnsupportedError, match=rf"{row.name}: .*'{parameter}'"):
            attempt()
    # and the other argument has its gradient as long as this one's is not asked for
    v = [pg.Variable(a, requires_grad=True) for a in args]
    last = row.by[-1]
    (found,) = pg.autograd.grad(getattr(pg.special, row.name)(*v), [v[last]])
    assert found.item() == pytest.approx(row.slope(row.points[0], last), rel=1e-10)


def test_polygamma_multigammaln_and_zeta() -> None:
    x = np.asarray([0.4, 2.5, 9.0])
    np.testing.assert_allclose(
        pg.grad(lambda x: pg.sum(pg.special.polygamma(2, x)))(x), pg.special.polygamma(3, x).data
    )
    a = np.asarray(5.0)
    slope = sum(pg.special.psi(a - j / 2).item() for j in range(3))
    assert pg.grad(lambda a: pg.special.multigammaln(a, 3))(a) == pytest.approx(slope)
    single = np.asarray([4.0], dtype="float32")
    assert pg.special.polygamma(1, single).dtype == pg.special.multigammaln(single, 2).dtype == "f4"
    for f in (pg.special.zetac, pg.special.zeta, lambda a: pg.special.polygamma(a, 2.0)):
        with pytest.raises(pg.UnsupportedError, match="derivative by"):
            pg.grad(f)(a)


def test_steps_have_the_derivative_zero() -> None:
    x = np.asarray(2.3)
    assert pg.grad(pg.special.gammasgn)(x) == 0
    assert pg.grad(lambda k: pg.special.pdtr(k, 1.5))(x) == 0
    assert pg.grad(lambda k: pg.special.bdtr(k, np.asarray(5), 0.3))(x) == 0


INF = math.inf
EDGES = [
    ("xlogy", (0.0, 0.0), 0, 0.0), ("xlogy", (0.0, 0.0), 1, 0.0), ("xlogy", (0.0, -1.0), 0, 0.0),
    ("xlog1py", (0.0, -1.0), 0, 0.0), ("xlog1py", (0.0, -1.0), 1, 0.0),
    ("entr", (0.0,), 0, INF), ("rel_entr", (0.0, 1.0), 0, -INF), ("rel_entr", (0.0, 0.0), 1, 0.0),
    ("kl_div", (0.0, 0.0), 0, 0.0), ("kl_div", (0.0, 0.0), 1, 1.0), ("kl_div", (0.0, 2.0), 1, 1.0),
    ("expit", (800.0,), 0, 0.0), ("expit", (-800.0,), 0, 0.0), ("log_expit", (-800.0,), 0, 1.0),
    ("logit", (0.0,), 0, INF), ("logit", (1.0,), 0, INF), ("cbrt", (0.0,), 0, INF),
    ("log_ndtr", (-1e10,), 0, 1e10), ("log_ndtr", (60.0,), 0, 0.0),
    ("i0e", (0.0,), 0, 0.0), ("i1e", (0.0,), 0, 0.5), ("huber", (1.0, 1.0), 1, 1.0),
    ("boxcox", (0.0, 2.0), 1, 0.25), ("pseudo_huber", (0.0, 1.0), 1, 0.0),
    ("gammainc", (1.0, 0.0), 1, 1.0), ("gammainc", (0.5, 0.0), 1, INF), ("gammainc", (20.0, 0.0), 1, 0.0),
    ("betainc", (1.0, 1.0, 0.0), 2, 1.0), ("betainc", (1.0, 2.0, 1.0), 2, 0.0),
    ("bdtr", (5.0, 5.0, 0.3), 2, 0.0), ("poch", (0.0, 3.0), 0, 2.0), ("poch", (-2.0, 3.0), 0, 2.0),
    ("stdtr", (3.0, 1e200), 1, 0.0), ("stdtr", (INF, 0.3), 1, math.exp(-0.045) / math.sqrt(2 * math.pi)),
    ("chdtr", (2.0, 0.0), 1, 0.5), ("fdtr", (2.0, 3.0, 0.0), 2, 1.0), ("exprel", (-800.0,), 0, 1 / 640000),
    ("gammainc", (1e6, 1e6), 1, 0.0003989422471562444), ("ndtri", (0.0,), 0, INF),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point", "i", "expected"), EDGES)
def test_edges(name: str, point: tuple[float, ...], i: int, expected: float) -> None:
    with np.errstate(all="ignore"):
        found = derivative(name, [np.asarray(p) for p in point], i, 1)
    assert found == pytest.approx(expected, rel=1e-10)


def test_rel_entr_and_kl_div_near_equality_lose_nothing() -> None:
    y = np.asarray(1.0)
    x = np.asarray(1.0 + 1e-12)
    exact = math.log1p(float(x - y))
    assert pg.grad(lambda x: pg.special.kl_div(x, y))(x) == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize(
    "name",
    ["erf", "erfc", "erfcx", "gamma", "rgamma", "loggamma", "expm1", "log1p", "exp1", "spence"],
)
def test_complex(name: str) -> None:
    """The gradient of Re f is the conjugate of f', by the convention of `backward`."""
    f = getattr(pg.special, name)
    z = np.asarray(0.7 + 0.4j)
    h = 1e-6
    slope = (f(z + h).item() - f(z - h).item()) / (2 * h)
    v = pg.Variable(z, requires_grad=True)
    pg.real(f(v)).backward()
    assert v.grad is not None
    assert v.grad.item() == pytest.approx(np.conj(slope), rel=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
def test_scalars_and_integers_take_the_dtype_of_the_floats(backend: str, dtype: str) -> None:
    x = raw(backend, [0.5, 2.0], dtype)
    assert pg.special.xlogy(2, x).dtype == pg.special.gammainc(2.5, x).dtype == x.dtype
    whole = raw(backend, [1, 3], "int64")
    f = lambda x: pg.sum(pg.special.gammainc(whole, x))
    assert float(pg.jvp(f, (x,), (x,))[1]) == pytest.approx(
        float((0.5 * math.exp(-0.5)) + 2 * math.exp(-2) * 2), rel=1e-5
    )


@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
def test_logsumexp_and_softmax(backend: str) -> None:
    x, b = raw(backend, [[0.3, 800.0, 799.0], [1.0, 2.0, -INF]]), raw(backend, [1.0, 2.0, 0.5])
    special = pg.special
    p = special.softmax(x, axis=1).data
    g = pg.grad(lambda x: pg.sum(special.logsumexp(x, axis=1)))(x)
    np.testing.assert_allclose(np.asarray(g), np.asarray(p), rtol=1e-12)
    total = np.asarray(special.logsumexp(x, axis=1, keepdims=True).data)
    np.testing.assert_allclose(
        np.asarray(special.log_softmax(x, axis=1).data), np.asarray(x) - total
    )
    weighted = pg.grad(lambda x: pg.sum(special.logsumexp(x, axis=1, b=b)))(x)
    w = np.asarray(p) * np.asarray(b)
    np.testing.assert_allclose(np.asarray(weighted), w / w.sum(1, keepdims=True), atol=1e-12)


NATIVE = ["digamma", "entr", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i0e",
          "i1", "i1e", "log1p", "log_ndtr", "logit", "ndtr", "ndtri", "sinc", "xlog1py", "xlogy"]  # fmt: skip


@pytest.mark.parametrize("name", NATIVE)
def test_against_torch_autograd(name: str) -> None:
    torch = needs("torch")
    row = BY_NAME[name]
    for i in row.by:
        for point in row.points:
            if name == "sinc" and point == (1e-7,):
                continue  # torch loses half of the digits there
            args = [torch.tensor(p, dtype=torch.float64) for p in point]
            leaf = args[i].clone().requires_grad_()
            y = getattr(torch.special, name)(*args[:i], leaf, *args[i + 1 :])
            (expected,) = torch.autograd.grad(y, leaf)
            assert derivative(name, args, i, 1) == pytest.approx(
                expected.item(), rel=1e-5, abs=1e-12
            )


@pytest.mark.parametrize(
    "name", ["betainc", "gammainc", "stdtr", "chdtr", "fdtr", "rel_entr", "zeta"]
)
def test_host_transforms_see_through(name: str) -> None:
    """jax.jit of a gradient is the gradient."""
    jax = needs("jax")
    row = BY_NAME[name]
    args = [raw("jax", p) for p in row.points[0]]
    i = row.by[-1]
    slope = jax.jit(pg.grad(along(name, args, i)))(args[i])
    assert float(slope) == pytest.approx(row.slope(row.points[0], i), rel=1e-6)


def test_scipy_dispatches_to_it() -> None:
    """`scipy.special` on Variables, with SciPy's array API switched on."""
    program = (
        "import os; os.environ['SCIPY_ARRAY_API'] = '1'\n"
        "import numpy as np, pluggrad as pg, scipy.special as sc\n"
        "for name, args in [('gammaln', (2.5,)), ('betainc', (2.0, 3.0, 0.4)), ('stdtr', (3.0, 0.4)),"
        " ('rel_entr', (0.5, 0.2)), ('log_ndtr', (-9.0,)), ('xlogy', (0.5, 0.3))]:\n"
        "    *first, last = map(np.asarray, args)\n"
        "    v = pg.Variable(last, requires_grad=True)\n"
        "    getattr(sc, name)(*map(pg.Variable, first), v).backward()\n"
        "    g = pg.grad(lambda x: getattr(pg.special, name)(*first, x))(last)\n"
        "    assert v.grad.item() == g, name"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
