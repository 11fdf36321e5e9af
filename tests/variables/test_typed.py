"""What people type: lists beside Variables, NumPy's arrays beside those of JAX and Dask, NumPy's
methods."""

from __future__ import annotations

import math
import operator
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from pluggrad.variables.operators import BINARY, COMPARE
from tests.support.arrays import convert, leaf, leaf_of, numbers, to_numpy
from tests.support.backends import ALL, every_backend
from tests.support.optional import installed, needs

EVERY = pytest.mark.parametrize("backend", installed(*ALL, "dask"))
X = np.arange(1.0, 7.0).reshape(2, 3)
LIST = [2.0, 1.0, 3.0]
DIFFERENTIABLE = [name for name in BINARY if name in ("add", "sub", "mul", "truediv", "pow")]


def total(x: Any, y: Any, operate: Any) -> np.ndarray:
    """The gradient by `x` of the sum of ``operate(x, y)``, by central differences."""
    g = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-6
        g[place] = np.sum(operate(x + step, y) - operate(x - step, y)) / 2e-6
    return g


# ---------------------------------------------------------------- lists


@EVERY
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_lists_of_numbers_in_operators(backend: str, name: str) -> None:
    forwards = BINARY[name]
    for operate in (forwards, lambda x, y: forwards(y, x)):
        v = leaf_of(X, backend)
        y = operate(v, LIST)
        np.testing.assert_allclose(to_numpy(y), operate(X, np.array(LIST)))
        pg.sum(y).backward()
        np.testing.assert_allclose(to_numpy(v.grad), total(X, np.array(LIST), operate), rtol=1e-6)


@EVERY
def test_lists_as_matrices_and_in_place(backend: str) -> None:
    v = leaf_of(X, backend)
    np.testing.assert_allclose(to_numpy(v @ LIST), X @ LIST)
    np.testing.assert_allclose(to_numpy([[1.0, 2.0]] @ v), [[1.0, 2.0]] @ X)
    w = v * 1
    w += LIST
    w *= (2, 3, 4)
    w[0] = LIST
    w[1, :2] = [v[0, 0], 5]
    pg.sum(w).backward()
    np.testing.assert_allclose(to_numpy(w), [LIST, [1.0, 5.0, 36.0]])
    np.testing.assert_allclose(to_numpy(v.grad), [[1, 0, 0], [0, 0, 4]])
    items: Any = [1.0, 2.0, 3.0]
    items += v
    np.testing.assert_allclose(to_numpy(items), X + np.array([1.0, 2.0, 3.0]))


@EVERY
@pytest.mark.parametrize("name", COMPARE)
def test_lists_compared(backend: str, name: str) -> None:
    v, compare = leaf_of(X, backend), COMPARE[name]
    np.testing.assert_array_equal(to_numpy(compare(v, LIST)), compare(X, LIST))
    np.testing.assert_array_equal(to_numpy(compare(LIST, v)), compare(np.array(LIST), X))


@EVERY
def test_what_equals_nothing(backend: str) -> None:
    v = leaf_of(X, backend)
    for other in ("a", ["a"], [None], None, {}, [v, "a"]):
        assert (v == other) is False and (v != other) is True


@EVERY
def test_lists_that_hold_variables_are_stacked(backend: str) -> None:
    v = leaf_of(X, backend)
    y = v * [v[0, 0], 2.0, v[1, 1] ** 2] + [v[1], v[0]]
    row = np.array([1.0, 2.0, 25.0])
    np.testing.assert_allclose(to_numpy(y), X * row + X[::-1])
    pg.sum(y).backward()
    expected = np.tile(row + 1, (2, 1))
    expected[0, 0] += 5.0
    expected[1, 1] += 9.0 * 10.0
    np.testing.assert_allclose(to_numpy(v.grad), expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda xp, v: xp.add(v, LIST), lambda xp, v: xp.maximum(LIST, v),
        lambda xp, v: xp.where([True, False, True], v, LIST), lambda xp, v: xp.clip(v, LIST, 5.0),
        lambda xp, v: xp.concat([v, [LIST]]), lambda xp, v: xp.stack([v[0], LIST, [1, 2, 3]]),
        lambda xp, v: xp.stack([v[0, 0], 1.0, 2]), lambda xp, v: xp.take(v, [2, 0], axis=1),
        lambda xp, v: xp.matmul([[1, 2]], v), lambda xp, v: xp.sum([v[0], v[1]]),
        lambda xp, v: xp.exp([v[0, 0], v[1, 2]]), lambda xp, v: xp.multiply([v[0], v[1]], 2.0),
    ],
)  # fmt: skip
@EVERY
def test_lists_in_functions(backend: str, call: Any) -> None:
    needs("array_api_compat.numpy")
    import array_api_compat.numpy as raw

    v = leaf_of(X, backend)
    y = call(pg, v)
    np.testing.assert_allclose(to_numpy(y), call(raw, X))
    pg.sum(y).backward()
    assert v.grad is not None


@EVERY
def test_precision_beside_a_list(backend: str) -> None:
    """The numbers are no less precise than the Variable."""
    assert float(to_numpy(leaf_of([1.0], backend) * [0.1])[0]) == 0.1
    xp = get_backend(backend).xp
    narrow = pg.Variable(xp.astype(convert(X, backend), xp.float32), requires_grad=True)
    assert np.dtype(to_numpy(narrow * [1, 2, 3]).dtype).kind == "f"
    whole = pg.Variable(xp.asarray(3))
    np.testing.assert_array_equal(to_numpy(whole * [1, 2]), [3, 6])
    np.testing.assert_array_equal(to_numpy([1, 2] * whole), [3, 6])


def test_lists_inside_transforms():
    for transformed, expected in (
        (
            pg.vmap(lambda a: a * LIST + [a[0], 0.0, 1.0]),
            X * LIST + X[:, :1] * [1, 0, 0] + [0, 0, 1],
        ),
        (pg.grad(lambda a: pg.sum(a * LIST)), np.tile(LIST, (2, 1))),
        (lambda x: pg.jvp(lambda a: a * LIST, (x,), (x,))[1], X * LIST),
    ):
        np.testing.assert_allclose(transformed(X), expected)
    second = pg.hessian(lambda a: pg.sum(pg.stack([a[0] ** 2, a[1], 3.0]) * LIST))(X[0])
    np.testing.assert_allclose(second, np.diag([4.0, 0.0, 0.0]))


# ---------------------------------------------------------------- NumPy's arrays


@pytest.mark.parametrize("backend", installed("jax", "dask"))
def test_numpy_arrays_are_constants_beside_jax_and_dask(backend: str) -> None:
    row = np.array(LIST)
    for call in (
        lambda v, a: v * a, lambda v, a: a * v, lambda v, a: a**v, lambda v, a: a @ v.T,
        lambda v, a: pg.add(v, a), lambda v, a: pg.maximum(a, v),
        lambda v, a: pg.where(a > 1.5, v, a), lambda v, a: pg.concat([v, a[None]]),
        lambda v, a: v * [a, a], lambda v, a: pg.outer(a, v[0]), lambda v, a: np.multiply(a, v),
    ):  # fmt: skip
        v = leaf_of(X, backend)
        y = call(v, row)
        assert isinstance(y, pg.Variable) and y._backend.name == backend
        np.testing.assert_allclose(to_numpy(y), to_numpy(call(pg.Variable(X), row)))
        pg.sum(y).backward()
        assert v.grad._backend.name == backend
    tracked = pg.Variable(row, requires_grad=True)
    for other in (tracked, pg.Variable(row)):
        with pytest.raises(pg.MixedBackendsError):
            leaf_of(X, backend) * other


@pytest.mark.parametrize("backend", installed("jax", "dask"))
def test_numpy_arrays_from_custom_rules_and_hooks(backend: str) -> None:
    fives = np.full(X.shape, 5.0)
    f = pg.custom_vjp(lambda a: a * 2.0)
    f.defvjp(lambda a: (a * 2.0, None), lambda res, g: (fives,))
    raw = convert(X, backend)
    np.testing.assert_allclose(to_numpy(pg.grad(lambda a: pg.sum(f(a)))(raw)), fives)
    h = pg.custom_jvp(lambda a: a * 2.0)
    h.defjvp(lambda primals, tangents: (primals[0] * 2.0, fives))
    np.testing.assert_allclose(to_numpy(pg.jvp(h, (raw,), (raw,))[1]), fives)
    v = leaf_of(X, backend)
    y = v * 2
    y.register_hook(lambda g: fives)
    pg.sum(y).backward()
    np.testing.assert_allclose(to_numpy(v.grad), 2 * fives)


@pytest.mark.parametrize("backend", installed("torch", "strict"))
def test_numpy_arrays_are_not_mixed_with_others(backend: str) -> None:
    v = leaf_of(X, backend)
    for call in (lambda a: v * a, lambda a: a * v, lambda a: v * [a, a], lambda a: pg.add(a, v)):
        with pytest.raises(pg.MixedBackendsError, match=r"pluggrad\.lift"):
            call(np.array(LIST))


# ---------------------------------------------------------------- attributes and methods


@EVERY
def test_transpose_of_any_number_of_axes(backend: str) -> None:
    for shape in ((), (3,), (2, 3), (2, 3, 4)):
        x = np.arange(float(math.prod(shape))).reshape(shape)
        v = leaf_of(x, backend)
        np.testing.assert_array_equal(to_numpy(v.T), x.T)
        pg.sum(v.T * convert(x.T + 1, backend)).backward()
        np.testing.assert_array_equal(to_numpy(v.grad), x + 1)
    a, v = np.array([[2.0, 1.0], [0.0, 3.0]]), leaf_of([1.0, 2.0], backend)
    (v.T @ convert(a, backend) @ v).backward()
    np.testing.assert_allclose(to_numpy(v.grad), (a + a.T) @ [1.0, 2.0])


CALLS = {
    "sum": lambda x: x.sum(0), "prod": lambda x: x.prod(1), "mean": lambda x: x.mean(1),
    "max": lambda x: x.max(0), "min": lambda x: x.min(1), "keepdims": lambda x: x.sum(1, keepdims=True),
    "std": lambda x: x.std(0), "ddof": lambda x: x.var(0, ddof=1), "all": lambda x: (x > 2).all(1),
    "any": lambda x: (x > 2).any(0), "argmax": lambda x: x.argmax(1), "argmin": lambda x: x.argmin(0),
    "cumsum": lambda x: x.cumsum(1), "cumprod": lambda x: x.cumprod(0),
    "reshape": lambda x: x.reshape(3, 2), "reshape tuple": lambda x: x.reshape((3, -1)),
    "ravel": lambda x: x.ravel("F"), "flatten": lambda x: x.flatten("F"), "copy": lambda x: x.copy("F"),
    "transpose": lambda x: x.transpose(1, 0), "transpose()": lambda x: x.transpose(),
    "swapaxes": lambda x: x.swapaxes(0, 1), "squeeze": lambda x: x.reshape(1, 6, 1).squeeze(0),
    "clip": lambda x: x.clip(2, 4), "clip keyword": lambda x: x.clip(min=2.5),
    "round": lambda x: (x * 1.234).round(1), "round()": lambda x: (x * 1.234).round(),
    "round to tens": lambda x: (x * 123.4).round(-2), "repeat": lambda x: x.repeat(2, 1),
    "repeat()": lambda x: x.repeat(2), "take": lambda x: x.take([2, 0], 1),
    "compress": lambda x: x.compress([1, 0, 1], 1), "compress a row": lambda x: x[1].compress([False, True]),
    "trace": lambda x: x.trace(1), "diagonal": lambda x: x.diagonal(1),
    "argsort": lambda x: (-x).argsort(0), "conj": lambda x: x.conj(), "nonzero": lambda x: (x > 2).nonzero(),
    "conjugate": lambda x: x.conjugate(), "searchsorted": lambda x: x[0].searchsorted(2.0, "right"),
    "flat": lambda x: x.flat[4], "item": lambda x: x.item(4), "items": lambda x: x.item(1, 2),
    "nbytes": lambda x: x.nbytes, "itemsize": lambda x: (x + 1j).itemsize,
    "in": lambda x: [3.0 in x, 9.0 in x], "tobytes": lambda x: list(x.tobytes()),
    "reversed": lambda x: next(iter(reversed(x))), "format": lambda x: [float(f"{x[0, 1]:.1f}")],
}  # fmt: skip


LACKED_BY_DASK = ("nonzero", "reshape", "reshape tuple", "repeat()", "searchsorted")


@EVERY
@pytest.mark.parametrize("name", CALLS)
def test_methods_as_numpy_has_them(backend: str, name: str) -> None:
    if backend == "dask" and name in LACKED_BY_DASK:
        pytest.skip("Dask lacks it, or the length of the result is unknown")
    got = CALLS[name](pg.Variable(convert(X, backend)))
    expected = CALLS[name](X)
    if name == "squeeze":
        assert tuple(got.shape) == expected.shape
    for a, b in zip(numbers(got), numbers(expected), strict=True):
        np.testing.assert_allclose(a, b)


@EVERY
def test_reshape_by_columns(backend: str) -> None:
    if backend == "dask":
        pytest.skip("Dask lacks this reshape")
    v = leaf_of(X, backend)
    y = v.reshape(3, 2, order="F")
    np.testing.assert_array_equal(to_numpy(y), X.reshape((3, 2), order="F"))
    w = np.arange(6.0).reshape(3, 2)
    pg.sum(y * convert(w, backend)).backward()
    np.testing.assert_array_equal(to_numpy(v.grad), w.reshape((2, 3), order="F"))


@every_backend
def test_methods_that_write(backend: str) -> None:
    v = leaf_of([[3.0, 1.0, 2.0], [6.0, 4.0, 5.0]], backend)
    w = v * 1
    assert w.sort() is None
    pg.sum(w * convert(X, backend)).backward()
    np.testing.assert_array_equal(to_numpy(w), [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(to_numpy(v.grad), [[3, 1, 2], [6, 4, 5]])
    w.partition(1, 0)
    w = w.detach()
    w.put([0, 5], [9.0])
    np.testing.assert_array_equal(to_numpy(w), [[9, 2, 3], [4, 5, 9]])
    w.put([1, 2, 3], [7.0, 8.0])
    np.testing.assert_array_equal(to_numpy(w), [[9, 7, 8], [7, 5, 9]])
    w.flat = pg.Variable(convert(np.arange(6.0), backend))
    np.testing.assert_array_equal(to_numpy(w), np.arange(6.0).reshape(2, 3))
    w.fill(v[0, 0])
    np.testing.assert_array_equal(to_numpy(w), np.full((2, 3), 3.0))
    v.zero_grad()
    pg.sum(w).backward()
    np.testing.assert_array_equal(to_numpy(v.grad), [[6, 0, 0], [0, 0, 0]])


def test_methods_write_into_out():
    v, out = pg.Variable(X, requires_grad=True), pg.zeros(3)
    assert v.sum(0, None, out) is out and out.requires_grad
    assert out.tolist() == X.sum(0).tolist()
    with pytest.raises(pg.GraphBreakError):
        v.sum(0, out=np.zeros(3))


def test_torch_spellings_stay():
    v = pg.Variable(X, requires_grad=True)
    assert v.sum(dim=0, keepdim=True).shape == (1, 3)


def test_python_functions_of_numbers():
    v = pg.Variable(np.array(-1.5), requires_grad=True)
    assert isinstance(round(v), pg.Variable) and round(v).item() == -2.0
    assert round(v * 1.01, 1).tolist() == -1.5
    with pytest.warns(pg.GraphBreakWarning):
        assert math.trunc(v) == -1
    quotient, rest = divmod(pg.Variable(X), LIST)
    np.testing.assert_array_equal(quotient.data, X // LIST)
    np.testing.assert_array_equal(rest.data, X % LIST)
    assert abs(v).item() == 1.5 and operator.index(pg.Variable(np.array(2))) == 2


# ---------------------------------------------------------------- leaving the graph


def test_the_remedy_is_named():
    v = pg.Variable(np.array([1.0, 2.0]), requires_grad=True)
    for make in (
        lambda: np.array([v[0] * v[1], v[1]]), lambda: np.asarray([v, v]),
        lambda: np.array([v[0], 1.0]),
    ):  # fmt: skip
        with pytest.raises(pg.GraphBreakError, match=r"pluggrad\.stack"):
            make()
    c = np.zeros(2)
    with pytest.raises(ValueError) as caught:
        c[0] = v[0] ** 2
    assert isinstance(caught.value.__cause__, pg.GraphBreakError)
    assert str(caught.value.__cause__).startswith("make the array with `pluggrad.zeros`")
    with pytest.raises(pg.GraphBreakError, match=r"^make the array with `pluggrad\.zeros`"):
        c[:] = v


def test_a_graph_break_in_a_library_names_the_users_line() -> None:
    linalg = needs("scipy.linalg")
    v = pg.Variable(np.eye(2), requires_grad=True)
    with pytest.raises(pg.GraphBreakError, match=r"test_typed\.py:\d+ \(inside scipy") as caught:
        linalg.expm(v)
    assert "`pluggrad.scipy.linalg.expm` keeps it" in str(caught.value)
    with pytest.raises(pg.GraphBreakError, match=r"inside scipy.*lost\. `pluggrad\.custom_vjp`"):
        linalg.ldl(v)


def test_a_function_of_another_library_names_two_ways_that_work() -> None:
    torch = needs("torch")
    v, x = leaf(1.0, 2.0), torch.tensor([3.0, 4.0]).double()
    ways = (
        r"`pluggrad\.lift\(array, like=variable\)`.*`pluggrad\.interop\.torch\.call\(torch\.mul\)`"
    )
    with pytest.raises(pg.UnsupportedError, match=ways):
        torch.mul(x, v)
    with pytest.raises(pg.PluggradError, match=r"lift of .*detach\(\)"):
        pg.lift(x.requires_grad_(), like=v)
    x = x.detach()
    for y in (pg.multiply(pg.lift(x, like=v), v), pg.interop.torch.call(torch.mul)(x, v)):
        (g,) = pg.autograd.grad(y.sum(), v)
        np.testing.assert_array_equal(g.data, [3.0, 4.0])


@pytest.mark.parametrize("value", ["", "1"])
def test_a_graph_break_in_scipy_names_the_variable_that_is_not_set(value: str) -> None:
    """(In a process of its own: SciPy reads it when it is imported.)"""
    needs("scipy.stats")
    program = (
        "import numpy as np, pluggrad as pg, scipy.stats as stats\n"
        "from scipy.spatial.transform import Rotation\n"
        "v = pg.Variable(np.arange(3.0) ** 2, requires_grad=True)\n"
        "for f in (lambda: stats.kstat(v, 2), lambda: Rotation.from_rotvec(v).as_matrix()):\n"
        "    try: print(f().requires_grad)\n"
        "    except pg.GraphBreakError as error: print(error)"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": value}
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    expected = "True" if value else "environment variable `SCIPY_ARRAY_API=1` is set"
    assert [expected in line for line in done.stdout.splitlines()] == [True, True], done.stderr
