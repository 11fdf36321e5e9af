"""Linear algebra with NumPy's arguments: values and gradients against NumPy, and what is refused."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.errors import LinAlgError
from tests.support.backends import OTHERS
from tests.support.calls import check_call, floats, numpy_row, values_of, variables
from tests.support.derivatives import check_derivatives
from tests.support.optional import since

rng = np.random.default_rng(6)
inf, nan = np.inf, np.nan
v, b2, b4, b43 = (rng.normal(size=shape) for shape in ((3,), (2,), (4,), (4, 3)))
a, m, tall, cube = (rng.normal(size=shape) for shape in ((2, 3), (3, 3), (4, 2), (2, 3, 4)))
stack, pairs, tensor = (rng.normal(size=shape) for shape in ((2, 3, 3), (2, 3, 6), (6, 2, 3)))
hermitian = m + m.T
c = m + 1j * rng.normal(size=(3, 3))
singular, zeros, twice = np.asarray([[1.0, 2], [2, 4]]), np.zeros((2, 2)), np.ones((3, 2))
none, integers, single = (
    np.ones((0, 3)),
    np.arange(9).reshape(3, 3) + np.eye(3, dtype=int),
    m.astype("f4"),
)
holes = np.asarray([[1.0, nan], [0, 2]])


def row(name: str, *args: Any, **kwargs: Any) -> Any:
    return numpy_row(f"linalg.{name}", *args, **kwargs)


ORDERS = [
    row("norm", x, *more) for x, more in (
        (v, ()), (a, ()), (cube, ()), (cube, (2, 0)), (cube, (2, (0, 1))), (cube, ("nuc", (2, 0))),
        (cube, (1, (-1, 0))), (cube, (-1, (-1, 0), True)), (cube, (inf, (-1, 0), True)),
        (cube, (-inf, (1, 0))), (cube, (-2, (1, 0))), (cube, ("fro", (1, 0))),
        (cube, (None, (1, 0), True)), (a, ("fro",)), (a, ("f",)), (a, ("nuc",)), (a, (3, 1)),
        (a, (0, 1)), (v, (0,)), (v, (1,)), (v, (-1,)), (v, (inf,)), (v, (-inf,)), (v, (-2,)),
        (v, (2.5,)), (v, (None, None, True)), (cube, (None, None, True)), (none, ()),
        (none, (1,)), (none, ("nuc",)), (none, (None, 0)),
        (a, (2.0,)), (a, (None, (0,))), (np.asarray(2.0), ()), (single, (2,)), (single, ()),
        (c, (1,)), (c, (None, -1)), (c, (3, -1)), (integers, ()), (integers, (1,)),
    )
]  # fmt: skip
CALLS = [
    *ORDERS,
    *[row("cond", x, *more) for x, more in (
        (m, ()), (m, (2,)), (m, (-2,)), (m, (1,)), (m, (-1,)), (m, (inf,)), (m, (-inf,)),
        (m, ("fro",)), (m, ("nuc",)), (a, ()), (stack, ()), (stack, (1,)), (c, ()),
        (integers, (1,)), (np.ones((0, 2, 2)), (1,)))],
    row("lstsq", tall, b4), row("lstsq", tall, b43), row("lstsq", tall, b4, 0.9),
    row("lstsq", tall.T.copy(), b2), row("lstsq", m, v), row("lstsq", tall, b4, rcond=-1),
    row("lstsq", tall, [1, 2, 3, 4]), row("lstsq", tall, b43[:, :0]), row("lstsq", integers, v),
    row("lstsq", tall, b4.astype("f4")), row("lstsq", none, none[:, 0]), row("lstsq", none.T, v),
    row("lstsq", c, v),
    row("tensorsolve", pairs, a), row("tensorsolve", tensor, a, axes=(0,)),
    row("tensorsolve", tensor, a, (0,)), row("tensorsolve", m, v), row("tensorinv", pairs),
    row("tensorinv", tensor, 1), row("tensorinv", m, ind=1),
    row("svd", a, compute_uv=False), row("svd", a, True, False), row("svd", a, False, False),
    row("qr", a, "r"), row("qr", tall, mode="r"), row("qr", cube, "r"),
    row("pinv", a, 0.01), row("pinv", a, rcond=0.9), row("pinv", a, rtol=0.9),
    row("pinv", cube, np.asarray([0.01, 0.9])),
    row("matrix_rank", a), row("matrix_rank", v), row("matrix_rank", np.zeros(3)),
    row("matrix_rank", twice), row("matrix_rank", a, 0.5), row("matrix_rank", m, 0.5, True),
    row("matrix_rank", cube, [1, 5]), row("matrix_rank", cube, rtol=[0.1, 0.9]),
    row("matrix_rank", np.asarray(2.0)), row("matrix_rank", np.ones((0, 3, 3))),
    row("matrix_power", m, 3), row("matrix_power", m, -2), row("solve", m, [1, 2, 3]),
    row("solve", stack, a.T), row("solve", stack, v), row("solve", single, v),
    numpy_row("trace", a), numpy_row("trace", a, 1), numpy_row("trace", cube, 0, -1, 0),
    numpy_row("trace", cube, -1, 1, 2), numpy_row("trace", a, 1, 0, 1, np.complex128),
    numpy_row("trace", integers.astype("i1")), numpy_row("trace", a, 5), numpy_row("diagonal", a),
    numpy_row("diagonal", cube, 1, 2, 0), numpy_row("diagonal", cube, -1, axis2=2),
]  # fmt: skip


#: What NumPy answers, or answers in the right dtype, since 2.4.
LATER = [
    row("norm", none, 2), row("norm", none, inf), row("norm", none, inf, 0), row("cond", c, 1),
]  # fmt: skip


@since("numpy", "2.4")
@pytest.mark.parametrize(("name", "args", "kwargs"), LATER)
def test_norms_of_no_numbers_and_a_complex_condition(name: str, args: Any, kwargs: Any) -> None:
    test_values_and_gradients_are_those_of_numpy(name, args, kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_values_and_gradients_are_those_of_numpy(name: str, args: Any, kwargs: Any) -> None:
    by = () if "rank" in name else floats(args)[: 1 if "pinv" in name else None]
    check_call(name, *args, by=by, tolerance=2e-5, **kwargs)
    if not by:
        expected = values_of(attrgetter(name)(np)(*args, **kwargs))
        found = values_of(attrgetter(name)(pg)(*variables(args), **kwargs))
        for x, y in zip(found, expected, strict=True):
            assert x.shape == y.shape and x.dtype == y.dtype
            np.testing.assert_allclose(x, y, 1e-4, 1e-9)


@pytest.mark.parametrize(("x", "p", "expected"), [
    (singular, 1, inf), (singular, "fro", inf), (zeros, None, inf), (zeros, -2, inf),
    (zeros, 1, inf), (holes, 1, nan),
])  # fmt: skip
def test_the_condition_of_a_singular_matrix_is_infinite(x: Any, p: Any, expected: float) -> None:
    np.testing.assert_equal(pg.linalg.cond(pg.Variable(x, requires_grad=True), p).item(), expected)
    with np.errstate(all="ignore"):
        np.testing.assert_equal(float(np.linalg.cond(x, p)), expected)


def full(x: Any) -> Any:
    """A Hermitian matrix that depends on all of `x`."""
    return x + pg.conj(pg.matrix_transpose(x))


@pytest.mark.parametrize("x", [m, c, stack], ids=["real", "complex", "stack"])
@pytest.mark.parametrize("f", [
    lambda x: pg.linalg.eigvalsh(full(x), "U"),
    lambda x: pg.linalg.eigh(full(x), UPLO="u")[0],
    lambda x: pg.abs(pg.linalg.eigh(full(x), "U")[1]),
    lambda x: pg.linalg.pinv(full(x), hermitian=True),
    lambda x: pg.linalg.svd(full(x), hermitian=True)[1],
    lambda x: pg.abs(pg.linalg.svd(full(x), True, True, True)[0]),
    lambda x: pg.linalg.svd(full(x), compute_uv=False, hermitian=True),
], ids=["eigvalsh", "eigh values", "eigh vectors", "pinv", "svd", "svd vectors", "svdvals"])  # fmt: skip
def test_hermitian_matrices_have_hermitian_gradients(f: Any, x: Any) -> None:
    check_derivatives(f, x, second=x is m)
    leaf = pg.Variable(hermitian if x is m else full(pg.Variable(x)).data, requires_grad=True)
    pg.sum(pg.linalg.eigvalsh(leaf, "U") ** 2).backward()
    g = leaf.grad.data
    np.testing.assert_allclose(g, np.conj(np.swapaxes(g, -1, -2)), 1e-12)


@pytest.mark.parametrize("x", [m, c])
@pytest.mark.parametrize(("name", "kwargs"), [
    ("eigh", {"UPLO": "U"}), ("eigh", {"UPLO": "L"}), ("eigvalsh", {"UPLO": "U"}),
    ("svd", {"hermitian": True}), ("pinv", {"hermitian": True}),
    ("matrix_rank", {"hermitian": True}),
])  # fmt: skip
def test_only_one_triangle_is_read(name: str, kwargs: Any, x: Any) -> None:
    """Also of matrices that are not Hermitian, and with NumPy's choice of signs."""
    for tracked in (True, False):
        found = values_of(getattr(pg.linalg, name)(pg.Variable(x, requires_grad=tracked), **kwargs))
        for mine, theirs in zip(
            found, values_of(getattr(np.linalg, name)(x, **kwargs)), strict=True
        ):
            np.testing.assert_allclose(mine, theirs, 1e-9, 1e-9)


@pytest.mark.parametrize("x", [c, c[:2], tall + 0.5j], ids=["square", "wide", "tall"])
def test_the_gradient_knows_which_singular_values_are_cut_off(x: Any) -> None:
    s = np.linalg.svd(x, compute_uv=False)
    check_derivatives(lambda x: pg.linalg.pinv(x, rtol=(s[-1] + s[-2]) / 2 / s[0]), x)
    check_derivatives(lambda x: pg.linalg.pinv(x, rtol=0.001), x)


@pytest.mark.parametrize("name", ["norm", "cond", "lstsq", "tensorinv"])
def test_complex_functions_have_derivatives_of_two_orders(name: str) -> None:
    if name == "lstsq":
        x = rng.normal(size=(4, 2)) + 1j * tall
        check_derivatives(lambda x, y: list(pg.linalg.lstsq(x, y)[:2]), x, b4 + 1j)
    elif name == "tensorinv":
        check_derivatives(lambda x: pg.linalg.tensorinv(x, 1), pg.reshape(c, (3, 3, 1)).data)
    else:
        check_derivatives(lambda x: getattr(pg.linalg, name)(x, 1), c, second=name == "norm")


REFUSED = [
    row("norm", cube, axis=(0, 0)), row("norm", cube, axis=(0, 1, 2)), row("norm", cube, axis=[0]),
    row("norm", cube, "fro"), row("norm", cube, 2), row("norm", a, 3), row("norm", a, 0),
    row("norm", v, "fro"), row("norm", v, "nuc"), row("norm", a, "foo"), row("norm", v[0], 2),
    row("norm", none, -inf, 0), row("norm", a, axis=5), row("norm", a, axis=()),
    row("norm", a, [1]), row("cond", a, 1), row("cond", none), row("cond", v), row("cond", m, "foo"),
    row("cond", m, 3), row("lstsq", tall, b2), row("lstsq", stack, b4), row("lstsq", tall, b4[:0]),
    row("lstsq", tall, cube), row("tensorsolve", pairs, v), row("tensorinv", pairs, 1),
    row("tensorinv", m, 0), row("tensorinv", m), row("tensorinv", pairs, 2.0),
    row("eigh", m, "X"), row("eigh", m, 3), row("eigvalsh", m, "X"), row("eigvalsh", a, "U"),
    row("eigh", a, "U"), row("svd", v), row("svd", v, compute_uv=False), row("qr", a, "foo"),
    row("qr", v), row("qr", v, "r"), row("pinv", a, 0.1, rtol=0.1), row("pinv", v),
    row("matrix_rank", a, 0.5, rtol=0.5), row("matrix_power", m, 2.5), row("matrix_power", m, 2.0),
    row("matrix_power", a, 2), row("matrix_power", v, 2), row("matrix_power", singular, -1),
    row("cholesky", -hermitian @ hermitian), row("cholesky", a), row("det", a), row("slogdet", a),
    row("inv", singular), row("inv", a), row("inv", v), row("solve", singular, b2),
    row("solve", a, v), row("solve", m, b2), row("lstsq", singular, v), numpy_row("trace", v),
    numpy_row("trace", a, 0, 0, 0), numpy_row("trace", a, 0.5), numpy_row("trace", a, 0, 0, 5),
    numpy_row("diagonal", v), numpy_row("diagonal", a, 0, 0, -2),
]  # fmt: skip


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize(("name", "args", "kwargs"), REFUSED)
def test_what_numpy_refuses_is_refused(name: str, args: Any, kwargs: Any, tracked: bool) -> None:
    expected = pg.PluggradError
    try:
        attrgetter(name)(np)(*args, **kwargs)
    except np.linalg.LinAlgError:
        expected = LinAlgError if tracked else expected
    except Exception:
        pass
    else:
        pytest.fail("NumPy answers", pytrace=False)
    given = variables(args) if tracked else [pg.Variable(args[0]), *args[1:]]
    with pytest.raises(pg.PluggradError) as caught:
        attrgetter(name)(pg)(*given, **kwargs)
    assert name.split(".")[-1] in str(caught.value)
    assert expected is pg.PluggradError or isinstance(caught.value, ValueError)


def test_a_singular_matrix_is_numpys_error_and_ours() -> None:
    for f in (pg.linalg.inv, lambda x: pg.linalg.solve(x, b2), lambda x: pg.linalg.cholesky(-x)):
        with pytest.raises(np.linalg.LinAlgError) as caught:
            f(pg.Variable(singular, requires_grad=True))
        assert isinstance(caught.value, pg.PluggradError)


def test_what_has_no_derivative_is_refused_with_a_way_out() -> None:
    with pytest.raises(pg.UnsupportedError, match="'reduced', 'complete' and 'r'"):
        pg.linalg.qr(pg.Variable(a), "raw")


def test_the_residuals_depend_on_the_rank() -> None:
    x = pg.Variable(twice, requires_grad=True)
    solution, residuals, rank, _ = pg.linalg.lstsq(x, v)
    assert residuals.shape == (0,) and rank.item() == 1
    np.testing.assert_allclose(solution.detach().data, np.linalg.lstsq(twice, v)[0])
    y = pg.vmap(lambda b: pg.linalg.lstsq(tall, b)[1])(b43.T)  # nobody knows the rank there
    np.testing.assert_allclose(np.asarray(y)[:, 0], np.linalg.lstsq(tall, b43)[1])


def test_numpys_pinv_has_numpys_cutoff() -> None:
    close = np.diag([1.0, 8e-16])  # between NumPy's cutoff and the standard's, for this size
    found = np.linalg.pinv(pg.Variable(np.diag([1.0, 5e-16, 1.0])[:, :2] + 0.0))
    np.testing.assert_allclose(found.data, np.linalg.pinv(np.diag([1.0, 5e-16, 1.0])[:, :2]))
    np.testing.assert_allclose(np.linalg.pinv(pg.Variable(close)).data, np.linalg.pinv(close))


ELSEWHERE = [
    ("cond", (m,)), ("cond", (m, 1)), ("norm", (cube, "nuc", (0, 2))), ("lstsq", (tall, b4)),
    ("tensorsolve", (pairs, a)), ("eigvalsh", (hermitian, "U")), ("pinv", (hermitian, 1e-3, True)),
    ("multi_dot", ([a, m, v],)), ("matrix_rank", (a, 0.5)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("backend", "name", "args"),
    [
        (backend, *call)
        for backend in OTHERS
        for call in ELSEWHERE
        if backend != "jax" or call[0] in ("eigvalsh", "multi_dot")  # it compiles for long
    ],
)
def test_functions_on_every_backend(backend: str, name: str, args: Any) -> None:
    xp = pg.namespace(backend)

    def arrays(x: Any) -> Any:
        if isinstance(x, list):
            return [arrays(item) for item in x]
        return (
            xp.asarray(x.tolist(), dtype=xp.float32).requires_grad_() if hasattr(x, "dtype") else x
        )

    expected = values_of(getattr(np.linalg, name)(*args))
    given = [arrays(x) for x in args]
    found = getattr(pg.linalg, name)(*given)
    for mine, theirs in zip(values_of(found), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, 1e-3, 1e-4)
    if name == "matrix_rank":
        return
    first = found[0] if isinstance(found, tuple) else found
    pg.sum(first).backward()
    leaf = given[0][0] if isinstance(given[0], list) else given[0]
    values = args[0][0] if isinstance(args[0], list) else args[0]

    def f(x: Any) -> Any:
        rest = [[x, *args[0][1:]]] if isinstance(args[0], list) else [x, *args[1:]]
        return np.sum(values_of(getattr(np.linalg, name)(*rest))[0])

    slope = (f(values * (1 + 1e-6)) - f(values * (1 - 1e-6))) / 2e-6
    assert abs(np.sum(values_of(leaf.grad)[0] * values) - slope) < 1e-2 * max(1, abs(slope))
