"""Derivatives in the corners: at the ends of domains and at infinities, of the smallest and largest
numbers, of two dtypes together, of complex functions of real numbers, of arrays without axes.

The oracle is mpmath where there is a formula, and elsewhere the same computed in a harmless place:
in one dtype, of vectors of a middle size, by the other mode.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from tests.support.arrays import array, at_path, listed
from tests.support.backends import ALL, backend_fixture
from tests.support.optional import needs

mp = needs("mpmath")
pytestmark = pytest.mark.filterwarnings("ignore")

inf = math.inf


#: JAX is left out where numbers are too small for XLA, or its compiler too slow for the rows.
backend = backend_fixture(*[name for name in ALL if name != "jax"])


# ---------------------------------------------------------------- functions of one number

two = mp.mpf(2)
#: Name: first and second derivative, and the domain.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], float, float]] = {
    "sqrt": (lambda x: x**-0.5 / 2, lambda x: -(x**-1.5) / 4, 0, inf),
    "asin": (lambda x: (1 - x * x) ** -0.5, lambda x: x * (1 - x * x) ** -1.5, -1, 1),
    "acos": (lambda x: -((1 - x * x) ** -0.5), lambda x: -x * (1 - x * x) ** -1.5, -1, 1),
    "atan": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, -inf, inf),
    "sinh": (mp.cosh, mp.sinh, -inf, inf),
    "cosh": (mp.sinh, mp.cosh, -inf, inf),
    "asinh": (lambda x: (1 + x * x) ** -0.5, lambda x: -x * (1 + x * x) ** -1.5, -inf, inf),
    "acosh": (lambda x: (x * x - 1) ** -0.5, lambda x: -x * (x * x - 1) ** -1.5, 1, inf),
    "atanh": (lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2, -1, 1),
    "exp": (mp.exp, mp.exp, -inf, inf),
    "expm1": (mp.exp, mp.exp, -inf, inf),
    "log": (lambda x: 1 / x, lambda x: -1 / x**2, 0, inf),
    "log1p": (lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2, -1, inf),
    "log2": (lambda x: 1 / (x * mp.log(2)), lambda x: -1 / (x**2 * mp.log(2)), 0, inf),
    "log10": (lambda x: 1 / (x * mp.log(10)), lambda x: -1 / (x**2 * mp.log(10)), 0, inf),
    "square": (lambda x: 2 * x, lambda x: two, -inf, inf),
    "reciprocal": (lambda x: -1 / x**2, lambda x: 2 / x**3, -inf, inf),
    "abs": (mp.sign, lambda x: mp.mpf(0), -inf, inf),
    "special.erf": (
        lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
        lambda x: -4 * x / mp.sqrt(mp.pi) * mp.exp(-x * x), -inf, inf,
    ),
    "special.ndtr": (mp.npdf, lambda x: -x * mp.npdf(x), -inf, inf),
    "special.logit": (
        lambda x: 1 / (x * (1 - x)), lambda x: (2 * x - 1) / (x * (1 - x)) ** 2, 0, 1,
    ),
    "special.cbrt": (
        lambda x: abs(x) ** (-two / 3) / 3,
        lambda x: -two / 9 * abs(x) ** (-mp.mpf(5) / 3) * mp.sign(x), -inf, inf,
    ),
}  # fmt: skip
POINTS = [0.0, 1.0, -1.0, inf, -inf, 5e-324, -5e-324, 1e-310, 1e-300, -1e-300, 1e-200, -1e-200,
          1e-160, 1e-30, 1e-16, -1e-16, 0.5, -0.5, 2.0, -3.0, 1 - 2**-53, -(1 - 2**-53), 1 + 2**-52,
          1e8, -1e8, 1e154, 1e160, -1e160, 1e200, 1e300, -1e300, 1.7e308, 800.0, -800.0]  # fmt: skip


def cast(x: Any) -> float:
    if x == 0:
        return 0.0
    if abs(x) > mp.mpf("1.797e308"):
        return inf if x > 0 else -inf
    return float(x)


@functools.cache  # the same for every backend
def limit(f: Callable[..., Any], x: float, low: float, high: float) -> float | None:
    """The limit from inside of the domain; None if there are two."""
    if abs(x) == inf:  # with few digits: exponentials of such numbers take seconds with many
        with mp.workdps(50):
            found = f(mp.mpf(10) ** 1000 * (1 if x > 0 else -1))
            return math.copysign(inf, found) if abs(found) > 1e200 else cast(mp.nint(found))
    with mp.workdps(1600):
        if x in (low, high, 0):
            h = mp.mpf(10) ** -700
            sides = [cast(f(mp.mpf(x) + s * h)) for s, end in ((1, high), (-1, low)) if x != end]
            if len(sides) == 2 and sides[0] != sides[1] and max(map(abs, sides)) > 1e-300:
                return None
            return sides[0]
    with mp.workdps(700):
        return cast(f(mp.mpf(x)))


def close_number(a: Any, b: float, what: str) -> None:
    assert a == b or abs(a - b) <= 1e-12 * abs(b) + 1e-321, f"{what}: {a} instead of {b}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivatives_at_the_ends_of_the_domain(backend: str, name: str) -> None:
    first, second, low, high = FUNCTIONS[name]
    if not get_backend(backend).has(name):
        pytest.skip("the library has no such function")
    function = at_path(pg.namespace(backend), name)
    for x in POINTS:
        if not low <= x <= high:
            continue
        v = pg.Variable(array(x, backend), requires_grad=True)
        (g,) = pg.autograd.grad(function(v), v, create_graph=True)
        found = [float(listed(g)), float(listed(pg.autograd.grad(g, v)[0]))]
        one = array(1.0, backend)
        push = pg.jvp(function, (v.data,), (one,))[1]
        over = pg.jvp(pg.grad(function), (v.data,), (one,))[1]
        for order, (d, ours) in enumerate(zip((first, second), found, strict=True), 1):
            expected = limit(d, x, low, high)
            if expected is None or (name == "log1p" and x == 1e154):
                continue
            close_number(ours, expected, f"{name} at {x}, order {order}, backwards")
            other = float(listed((push, over)[order - 1]))
            close_number(other, expected, f"{name} at {x}, order {order}, forwards")


# ---------------------------------------------------------------- functions of two numbers


def r(x: Any, y: Any) -> Any:
    return mp.sqrt(x * x + y * y)


PAIRS = {
    "hypot": (
        [lambda x, y: x / r(x, y), lambda x, y: y / r(x, y)],
        [lambda x, y: y * y / r(x, y) ** 3, lambda x, y: -x * y / r(x, y) ** 3,
         lambda x, y: x * x / r(x, y) ** 3],
    ),
    "atan2": (
        [lambda x, y: y / r(x, y) ** 2, lambda x, y: -x / r(x, y) ** 2],
        [lambda x, y: -2 * x * y / r(x, y) ** 4, lambda x, y: (x * x - y * y) / r(x, y) ** 4,
         lambda x, y: 2 * x * y / r(x, y) ** 4],
    ),
}  # fmt: skip
PLACES = [(3.0, 4.0), (3e-200, 4e-200), (3e200, 4e200), (1e-300, 1e-310), (1e-160, 1.0),
          (1.0, 1e-160), (1e300, 1.0), (1e-200, 0.0), (0.0, 1e-200), (1e200, 1e100),
          (3e-310, 4e-310), (1e154, 1e154), (0.0, 5.0), (5.0, 0.0)]  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_hessians_of_long_and_short_legs(backend: str, name: str) -> None:
    first, second = PAIRS[name]
    function = at_path(pg.namespace(backend), name)
    for x, y in PLACES:
        args = (array(x, backend), array(y, backend))
        gradient = pg.grad(function, (0, 1))(*args)
        hessian = pg.hessian(function, (0, 1))(*args)
        for i in (0, 1):
            expected = cast(first[i](mp.mpf(x), mp.mpf(y)))
            close_number(float(listed(gradient[i])), expected, f"{name}{x, y}, by {i}")
            for j in (0, 1):
                found = float(listed(hessian[i][j]))
                expected = cast(second[i + j](mp.mpf(x), mp.mpf(y)))
                assert found == pytest.approx(expected, rel=1e-10, abs=1e-320), (name, x, y, i, j)


# ---------------------------------------------------------------- small and large


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e-310, 5e-323, 1e300, 1.2e308])
def test_absolute_values_of_small_and_large_complex_numbers(backend: str, scale: float) -> None:
    z = complex((3 + 4j) / 5 * scale)
    with mp.workdps(50):
        unit = complex(mp.mpc(z) / abs(mp.mpc(z)))
    x = array(np.asarray(z), backend)
    np.testing.assert_allclose(complex(listed(pg.grad(pg.abs)(x))), unit, rtol=1e-14)
    t = 1 + 2j
    push = complex(listed(pg.jvp(pg.abs, (x,), (array(np.asarray(t), backend),))[1])).real
    assert push == pytest.approx((unit.conjugate() * t).real)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-160, 1e160, 1e200, 1e300])
@pytest.mark.parametrize("order", [2, 3, 1.5, 1, -1, -2, inf])
def test_norms_of_short_and_long_vectors(backend: str, order: float, scale: float) -> None:
    values = np.asarray([[3.0, 4.0, 0.0 if order > 1 else 5.0], [-1.0, 2.0, 2.5]])

    def f(x: Any) -> Any:
        return pg.linalg.vector_norm(x, axis=-1, ord=order)

    def total(x: Any) -> Any:
        return pg.sum(f(x) * pg.asarray(array([1.0, 2.0], backend)))

    x, y = array(values * scale, backend), array(values, backend)
    close_to = np.testing.assert_allclose
    close_to(listed(f(pg.Variable(x))) / scale, listed(f(pg.Variable(y))), rtol=1e-12)
    close_to(listed(pg.grad(total)(x)), listed(pg.grad(total)(y)), rtol=1e-12)
    ours, expected = listed(pg.hessian(total)(x)) * scale, listed(pg.hessian(total)(y))
    close_to(ours, expected, rtol=1e-9, atol=1e-12)


def test_a_standard_deviation_of_one_number_has_the_slope_0() -> None:
    for f in (pg.nanstd, pg.std):
        assert pg.grad(f)(np.asarray(1.5)) == 0
        assert pg.grad(f)(np.asarray([1.5])).tolist() == [0.0]


# ---------------------------------------------------------------- two dtypes

DTYPES = ("float32", "float64", "complex64", "complex128")
PRODUCTS: dict[str, tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...]]] = {
    "matmul": (lambda a, b: pg.matmul(a, b), (3, 3), (3, 3)),
    "matmul of vectors": (lambda a, b: pg.matmul(a, b), (3,), (3,)),
    "matmul of a vector": (lambda a, b: pg.matmul(a, b), (3, 3), (3,)),
    "matmul of batches": (lambda a, b: pg.matmul(a, b), (2, 3, 3), (3, 3)),
    "@": (lambda a, b: a @ b, (3, 3), (3,)),
    "linalg.outer": (lambda a, b: pg.linalg.outer(a, b), (3,), (2,)),
    "outer": (lambda a, b: pg.outer(a, b), (3,), (2,)),
    "vecdot": (lambda a, b: pg.vecdot(a, b), (2, 3), (3,)),
    "tensordot": (lambda a, b: pg.tensordot(a, b, axes=1), (2, 3), (3, 2)),
    "einsum": (lambda a, b: pg.einsum("ij,jk->ik", a, b), (2, 3), (3, 2)),
    "kron": (lambda a, b: pg.kron(a, b), (2, 3), (2,)),
    "dot": (lambda a, b: pg.dot(a, b), (2, 3), (3, 2)),
    "inner": (lambda a, b: pg.einsum("ij,kj->ik", a, b), (2, 3), (2, 3)),
    "linalg.cross": (lambda a, b: pg.linalg.cross(a, b), (2, 3), (3,)),
    "linalg.solve": (lambda a, b: pg.linalg.solve(a, b), (3, 3), (3, 2)),
    "linalg.solve, a vector": (lambda a, b: pg.linalg.solve(a, b), (3, 3), (3,)),
    "convolve": (lambda a, b: pg.convolve(a, b), (3,), (2,)),
    "multiply": (lambda a, b: a * b, (2, 3), (3,)),
    "add": (lambda a, b: a + b, (3,), (3,)),
    "divide": (lambda a, b: a / (b + 5), (3,), (3,)),
    "where": (lambda a, b: pg.where(pg.real(a) > 0, a, b), (3,), (3,)),
    "concat": (lambda a, b: pg.concat([a, b]), (3,), (3,)),
}  # fmt: skip


def loss(y: Any) -> Any:
    """A real number, computed in double precision."""
    xp = get_backend(y._backend.name).xp
    weights = np.cos(np.arange(math.prod(y.shape)) + 1.0).reshape(y.shape)
    w = xp.asarray(weights.tolist(), dtype=xp.float64)
    if "complex" in str(y.dtype):
        y = pg.real(y * (1 - 2j))
    return pg.sum(pg.astype(y, xp.float64) * w)


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize(
    ("one", "other"), [(a, b) for a, b in product(DTYPES, DTYPES) if a != b], ids="/".join
)
def test_products_of_two_dtypes_go_backwards_as_forwards(
    backend: str, name: str, one: str, other: str
) -> None:
    if backend == "torch" and "@" in name:
        pytest.skip("torch's own operator refuses two dtypes")
    f, *shapes = PRODUCTS[name]
    rng = np.random.default_rng(3)

    def values(shape: tuple[int, ...], dtype: str) -> Any:
        x = rng.normal(size=shape)
        if len(shape) > 1 and shape[-1] == shape[-2]:
            x = x + 3 * np.eye(shape[-1])
        return (x + 1j * rng.normal(size=shape) if "complex" in dtype else x).astype(dtype)

    dtypes = (one, other)
    arrays = [values(s, d) for s, d in zip(shapes, dtypes, strict=True)]
    tangents = [values(s, d) for s, d in zip(shapes, dtypes, strict=True)]
    wide = ["complex128" if "complex" in d else "float64" for d in dtypes]
    common = "complex128" if "complex128" in wide else "float64"
    xp = get_backend(backend).xp

    def derivatives(kinds: Any, up: bool) -> Any:
        vs = [pg.Variable(array(x, backend, d), requires_grad=True)
              for x, d in zip(arrays, kinds, strict=True)]  # fmt: skip
        g = (lambda *xs: f(*[pg.astype(x, getattr(xp, common)) for x in xs])) if up else f
        first = pg.autograd.grad(loss(g(*vs)), vs, create_graph=True)
        for a, v in zip(first, vs, strict=True):
            assert a.dtype == v.dtype
        square = sum([loss(a * a) for a in first])
        second = (
            pg.autograd.grad(square, vs, materialize_grads=True) if square.requires_grad else ()
        )
        push = pg.jvp(g, tuple([v.data for v in vs]), tuple(
            [array(t, backend, d) for t, d in zip(tangents, kinds, strict=True)]))[1]  # fmt: skip
        return [listed(x) for x in (*first, *second, push)]

    for a, b in zip(derivatives(dtypes, False), derivatives(wide, True), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def test_float32_times_float64_matrices_of_torch() -> None:
    torch = needs("torch")
    a = pg.Variable(torch.ones(2, 2), requires_grad=True)
    b = pg.Variable(torch.ones(2, 2, dtype=torch.float64), requires_grad=True)
    pg.sum(pg.matmul(a, b)).backward()
    for v in (a, b):
        assert v.grad is not None
        assert v.grad.dtype == v.dtype
        assert v.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


# ---------------------------------------------------------------- complex functions of real numbers

COMPLEX: list[Callable[[Any], Any]] = [
    lambda a: pg.exp(1j * a),
    lambda a: pg.sum(pg.exp(1j * a)),
    lambda a: (pg.exp(1j * a), a * a),
    lambda a: {"k": pg.sum(a * a) * 1j},
]


def leaves(tree: Any) -> list[Any]:
    import optree

    return [listed(x) for x in optree.tree_leaves(tree)]


@pytest.mark.parametrize("number", range(len(COMPLEX)))
def test_jacobians_of_complex_functions_of_real_numbers(backend: str, number: int) -> None:
    f, x = COMPLEX[number], array([0.3, 0.7, 1.1], backend)
    expected = leaves(pg.jacfwd(f)(x))
    for a, b in zip(leaves(pg.jacrev(f)(x)), expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, atol=1e-15)
    expected = leaves(pg.jacfwd(pg.jacfwd(f))(x))
    for hessian in (pg.hessian(f), pg.jacrev(pg.jacfwd(f)), pg.jacrev(pg.jacrev(f))):
        for a, b in zip(leaves(hessian(x)), expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-15)
    many = array([[0.3, 0.7], [0.1, 0.2]], backend)
    for a, b in zip(
        leaves(pg.vmap(pg.jacrev(f))(many)), leaves(pg.vmap(pg.jacfwd(f))(many)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-15)


def test_jacobians_by_real_and_complex_numbers_together(backend: str) -> None:
    x, z = array([0.3, 0.7], backend), array([0.3 + 1j, 0.7 - 0.2j], backend)
    for f in (lambda a, c: pg.sum(c * c) * pg.exp(1j * a), lambda a, c: pg.real(pg.sum(c)) * a):
        for args in ((x, z), (z, x)):
            found, expected = pg.jacrev(f, (0, 1))(*args), pg.jacfwd(f, (0, 1))(*args)
            for a, b in zip(leaves(found), leaves(expected), strict=True):
                np.testing.assert_allclose(a, b, atol=1e-15)


# ---------------------------------------------------------------- arrays without axes


def written(v: Any, key: Any, value: Any) -> Any:
    c = v * 1.0
    c[key] = value
    return c * v


def raised(v: Any) -> Any:
    c = v * 1.0
    c[c > 1.0] += c * v
    return c


PARTS: dict[str, Callable[[Any], Any]] = {
    "dense": lambda v: v * v,
    "mask": lambda v: pg.sum(v[v > 1.0]),
    "mask of none": lambda v: pg.sum(v[v > 9.0] ** 2),
    "()": lambda v: v[()] * v,
    "...": lambda v: v[...] ** 2,
    "None": lambda v: pg.sum(v[None] ** 3),
    "written": lambda v: written(v, ..., 2.0),
    "written by a mask": lambda v: written(v, v > 1.0, v * 3),
    "raised": raised,
}


@pytest.mark.parametrize("start", [lambda v: v, lambda v: pg.stack([v, v])[0]])
@pytest.mark.parametrize("names", list(product(PARTS, repeat=2)), ids=", ".join)
def test_reads_and_writes_of_a_0d_array(backend: str, start: Any, names: Any) -> None:
    def f(v: Any) -> Any:
        u = start(v)
        return sum([PARTS[name](u) for name in (*names, "dense", names[0])])

    def value(x: float) -> float:
        return float(listed(f(pg.Variable(array(x, backend)))))

    expected = (value(1.5 + 1e-6) - value(1.5 - 1e-6)) / 2e-6
    v = pg.Variable(array(1.5, backend), requires_grad=True)
    (g,) = pg.autograd.grad(f(v), v, create_graph=True)
    f(v).backward()
    push = pg.jvp(f, (array(1.5, backend),), (array(1.0, backend),))[1]
    assert v.grad is not None
    assert v.grad.shape == ()
    for found in (g, v.grad, push):
        assert float(listed(found)) == pytest.approx(expected, rel=1e-7)


def test_bools_read_copies_of_torch_tensors() -> None:
    torch = needs("torch")
    v = pg.Variable(torch.tensor([1.5, 2.0]), requires_grad=True)
    pg.sum(v[True] * 2 + v[True, None, 1]).backward()
    assert v.grad is not None
    assert v.grad.tolist() == [2.0, 4.0]


# ---------------------------------------------------------------- angle and sinc


def test_angle_has_the_derivative_of_torch(backend: str) -> None:
    torch = needs("torch")
    z = np.asarray([1 + 2j, -1 + 1e-3j, 0j, 3 - 4j, -2 - 1j])
    x = array(z, backend)
    np.testing.assert_allclose(listed(pg.angle(x)), np.angle(z), rtol=1e-15)
    np.testing.assert_allclose(listed(pg.angle(x, deg=True)), np.angle(z, deg=True), rtol=1e-15)
    t = torch.tensor(z, requires_grad=True)
    torch.angle(t).sum().backward()
    np.testing.assert_allclose(
        listed(pg.grad(lambda v: pg.sum(pg.angle(v)))(x)), t.grad.numpy(), rtol=1e-14
    )
    np.testing.assert_allclose(listed(pg.vmap(pg.grad(pg.angle))(x)), t.grad.numpy(), rtol=1e-14)
    push = listed(pg.jvp(pg.angle, (x,), (array(np.full(5, 1 - 2j), backend),))[1])
    np.testing.assert_allclose(push, (np.conj(t.grad.numpy()) * (1 - 2j)).real, rtol=1e-14)
    small = pg.grad(pg.angle)(array(np.asarray(1e-200 + 1e-200j), backend))
    np.testing.assert_allclose(complex(listed(small)), (-1 + 1j) * 5e199)


def test_angles_of_real_numbers_are_steps(backend: str) -> None:
    x = array([2.0, -3.0, 0.0], backend)
    assert listed(pg.angle(x)).tolist() == [0.0, math.pi, 0.0]
    total = lambda v: pg.sum(pg.angle(v))
    assert np.all(listed(pg.grad(total)(x)) == 0)
    assert np.all(listed(pg.hessian(total)(x)) == 0)


def test_angle_and_sinc_of_the_libraries_themselves() -> None:
    z = np.asarray([1 + 2j, -3j])
    for deg in (False, True):
        v = pg.Variable(z, requires_grad=True)
        y = np.angle(v, deg=deg)
        np.testing.assert_allclose(y.data, np.angle(z, deg=deg))
        pg.sum(y).backward()
        assert v.grad is not None
        np.testing.assert_allclose(
            v.grad.data, 1j * z / np.abs(z) ** 2 * (180 / math.pi if deg else 1)
        )
    v = pg.Variable(np.asarray([0.0, 0.5]), requires_grad=True)
    pg.sum(np.sinc(v)).backward()
    assert v.grad is not None
    np.testing.assert_allclose(v.grad.data, [0.0, -4 / math.pi])
    torch = needs("torch")
    w = pg.Variable(torch.tensor([0.0, 0.5], dtype=torch.float64), requires_grad=True)
    pg.sum(torch.sinc(w) + torch.angle(w)).backward()
    assert w.grad is not None
    np.testing.assert_allclose(w.grad.tolist(), [0.0, -4 / math.pi])


def test_sinc_has_derivatives_of_three_orders_near_0(backend: str) -> None:
    """sinc(x) is the integral of cos(πxt) from 0 to 1."""
    f = [pg.sinc]
    for _ in range(3):
        f.append(pg.grad(f[-1]))
    for x in (0.0, -0.0, 1e-300, 1e-8, 1e-3, -0.1, 0.31, 0.318, 0.3184, 0.33, 0.64, 1.0, -2.5, 3.3):
        for k in range(4):
            with mp.workdps(40):
                expected = mp.quad(
                    lambda t, k=k, x=x: (mp.pi * t) ** k * mp.cos(mp.pi * (x * t + mp.mpf(k) / 2)),
                    [0, 0.25, 0.5, 0.75, 1],
                )
            assert float(listed(f[k](array(x, backend)))) == pytest.approx(
                float(expected), rel=0, abs=1e-14 * math.pi**k
            ), (x, k)
