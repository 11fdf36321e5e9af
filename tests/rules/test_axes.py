"""Settings that make no sense are refused, by an error of ours: axes that an array does not have,
fractions of axes and of counts, negative counts. The rows are made from the functions' signatures.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from tests.support.arrays import at_path
from tests.support.backends import ALL, backend_fixture
from tests.support.optional import needs

pytestmark = pytest.mark.filterwarnings("ignore")

NAMES = ("axis", "axes", "axis1", "axis2")

Call = Callable[[Any, Any, Any], Any]  # of a namespace, an array and an axis


def zeros_like(xp: Any, x: Any) -> Any:
    raw = get_backend(pg.Variable(x)._backend.name if not isinstance(x, pg.Variable)
                      else x._backend.name).xp  # fmt: skip
    return raw.zeros(tuple(x.shape), dtype=raw.int64)


#: Functions with more arguments than an array and its axis.
CALLS: dict[str, Call] = {
    "concat": lambda xp, x, a: xp.concat([x, x], axis=a),
    "concatenate": lambda xp, x, a: xp.concatenate([x, x], axis=a),
    "stack": lambda xp, x, a: xp.stack([x, x], axis=a),
    "vecdot": lambda xp, x, a: xp.vecdot(x, x, axis=a),
    "linalg.vecdot": lambda xp, x, a: xp.linalg.vecdot(x, x, axis=a),
    "linalg.cross": lambda xp, x, a: xp.linalg.cross(x, x, axis=a),
    "roll": lambda xp, x, a: xp.roll(x, 1, axis=a),
    "repeat": lambda xp, x, a: xp.repeat(x, 2, axis=a),
    "take": lambda xp, x, a: xp.take(x, zeros_like(xp, x[..., 0]) if x.ndim > 1 else
                                     zeros_like(xp, x), axis=a),
    "take_along_axis": lambda xp, x, a: xp.take_along_axis(x, zeros_like(xp, x), axis=a),
    "swapaxes": lambda xp, x, a: xp.swapaxes(x, a, 0),
    "diagonal": lambda xp, x, a: xp.diagonal(x, 0, 0, a),
    "trace": lambda xp, x, a: xp.trace(x, 0, a, 0),
    "permute_dims": lambda xp, x, a: xp.permute_dims(x, (a, *range(1, x.ndim))),
    "transpose": lambda xp, x, a: xp.transpose(x, (a, *range(1, x.ndim))),
    "tensordot": lambda xp, x, a: xp.tensordot(x, x, axes=((a,), (a,))),
    "linalg.tensordot": lambda xp, x, a: xp.linalg.tensordot(x, x, axes=((a,), (a,))),
    "cross": lambda xp, x, a: xp.cross(x, x, axis=a),
    "matmul": lambda xp, x, a: xp.matmul(x, x, axes=[(a, -1), (-2, -1), (-2, -1)]),
    "linalg.matmul": lambda xp, x, a: xp.linalg.matmul(x, x, axes=[(a, -1), (0, 1), (0, 1)]),
    "matvec": lambda xp, x, a: xp.matvec(x, x, axes=[(a, -1), -1, -1]),
    "vecmat": lambda xp, x, a: xp.vecmat(x, x, axes=[-1, (a, -1), -1]),
    "linalg.tensorsolve": lambda xp, x, a: xp.linalg.tensorsolve(x, x, axes=(a,)),
    "moveaxis": lambda xp, x, a: xp.moveaxis(x, a, 0),
    "moveaxis to": lambda xp, x, a: xp.moveaxis(x, 0, a),
}  # fmt: skip
MORE = {"expand_dims", "stack"}  # of one axis more than the array has


def rows() -> dict[str, Call]:
    """All functions that name an axis, by name."""
    found = dict(CALLS)
    for prefix in ("", "linalg.", "fft.", "special."):
        space = at_path(pg.namespace("numpy"), prefix[:-1]) if prefix else pg.namespace("numpy")
        for name in dir(space):
            full = prefix + name
            function = getattr(space, name, None)
            if full in found or not callable(function):
                continue
            parameters = getattr(function, "__signature__", None) or (
                inspect.signature(function) if inspect.isfunction(function) else None
            )
            if parameters is None:
                continue
            named = [n for n in NAMES if n in parameters.parameters]
            if named == ["axis"]:
                found[full] = lambda xp, x, a, f=full: at_path(xp, f)(x, axis=a)
            elif named == ["axes"]:
                found[full] = lambda xp, x, a, f=full: at_path(xp, f)(x, axes=(a,))
            elif named:
                raise AssertionError(f"{full} needs a row")
    return found


ROWS = rows()


backend = backend_fixture(*ALL)


def make(backend: str, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    xp = get_backend(backend).xp
    values = np.random.default_rng(len(shape)).uniform(0.5, 2.0, shape)
    return xp.asarray(values.tolist(), dtype=getattr(xp, dtype))


def refused(call: Callable[[], Any], *kinds: type[Exception]) -> None:
    with pytest.raises(pg.PluggradError) as caught:
        call()
    assert isinstance(caught.value, kinds or (ValueError, IndexError, TypeError)), caught.value


def ways(backend: str, call: Call, x: Any, axis: Any) -> list[Callable[[], Any]]:
    xp = get_backend(backend).xp
    return [
        lambda: call(pg, pg.Variable(x, requires_grad=True), axis),
        lambda: call(pg, pg.Variable(x), axis),
        lambda: pg.vmap(lambda v: call(pg, v, axis))(xp.stack([x, x])),
    ]


def test_the_rows_are_all_functions_of_axes() -> None:
    assert len(ROWS) > 70
    assert {"median", "trapezoid", "diff", "unstack", "sort", "fft.irfft2"} <= set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_an_axis_that_is_not_there_is_never_taken_modulo(backend: str, name: str) -> None:
    for ndim in (1, 2):
        more = ndim + (name in MORE)
        x = make(backend, (3,) * ndim)
        for axis in (more, more + 3, -more - 1):
            for way in ways(backend, ROWS[name], x, axis):
                refused(way, ValueError, IndexError)


@pytest.mark.parametrize("name", sorted(set(ROWS) - MORE))
def test_a_0d_array_has_no_axis(backend: str, name: str) -> None:
    x = make(backend, ())
    if name.startswith("moveaxis") and backend == "torch":
        pytest.skip("torch has the axes 0 and -1 there, and nothing is moved")
    xp = get_backend(backend).xp
    for axis in (0, -1):
        refused(lambda a=axis: ROWS[name](pg, pg.Variable(x, requires_grad=True), a))
        refused(lambda a=axis: pg.vmap(lambda v: ROWS[name](pg, v, a))(xp.stack([x, x])))


@pytest.mark.parametrize("name", ROWS)
def test_an_axis_is_an_integer(backend: str, name: str) -> None:
    x = pg.Variable(make(backend, (3, 3)), requires_grad=True)
    for axis in (0.5, 1.0, "a"):
        refused(lambda a=axis: ROWS[name](pg, x, a))


@pytest.mark.parametrize("name", ["sum", "mean", "max", "std", "cumsum", "argmax", "swapaxes",
                                  "squeeze", "take", "trace", "diagonal", "repeat"])  # fmt: skip
def test_methods_refuse_axes_that_are_not_there(backend: str, name: str) -> None:
    x = pg.Variable(make(backend, (3, 3)), requires_grad=True)
    before = {"swapaxes": (0,), "take": ([0],), "trace": (0, 0), "diagonal": (0, 0), "repeat": (2,)}
    key = {"swapaxes": "axis2", "trace": "axis2", "diagonal": "axis2"}.get(name, "axis")
    for axis in (2, -3, 5):
        refused(lambda a=axis: getattr(x, name)(*before.get(name, ()), **{key: a}))


#: numpy.<name>(x, axis=...): what NumPy itself refuses, and what it answers.
NUMPY = """sum mean prod max amax min amin std var median nansum nanmean nanprod nanmax nanmin nanvar
nanstd cumsum cumprod cumulative_sum cumulative_prod flip sort argsort argmax argmin all any
count_nonzero diff trapezoid unstack linalg.norm linalg.vector_norm ptp average nancumsum nancumprod
expand_dims squeeze fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", NUMPY)
def test_functions_of_numpy_on_variables_have_its_axes(name: str) -> None:
    function = at_path(np, name) if name != "cumulative_sum" else np.cumulative_sum
    for ndim in (0, 1, 2):
        x = np.random.default_rng(0).uniform(0.5, 2.0, (3,) * ndim)
        for axis in (0, -1, ndim, ndim + 3, -ndim - 1, 0.5, "a", None, (0,), (0, 5)):
            v = pg.Variable(x, requires_grad=True)
            try:
                expected = function(x, axis=axis)
            except Exception:
                refused(lambda v=v, a=axis: function(v, axis=a))
                continue
            try:
                y = function(v, axis=axis)
            except pg.PluggradError:  # of a 0-d array, or settings of which nobody needs a gradient
                assert ndim == 0 or not isinstance(axis, int)
                continue
            ys, es = (y, expected) if isinstance(expected, tuple) else ((y,), (expected,))
            for a, b in zip(ys, es, strict=True):
                np.testing.assert_allclose(np.asarray(pg.stop_gradient(a).data), b)


def test_flattening_functions_of_numpy_go_backwards() -> None:
    x = np.asarray([[3.0, 1.0], [2.0, 4.0]])
    v = pg.Variable(x, requires_grad=True)
    pg.sum(np.sort(v, axis=None) * np.arange(4.0)).backward()
    assert v.grad is not None
    assert v.grad.data.tolist() == [[2.0, 0.0], [1.0, 3.0]]
    assert np.argsort(v, None).data.tolist() == [1, 2, 0, 3]


# ---------------------------------------------------------------- counts, orders and the like

M = (3, 3)
FRACTIONS = (0.5, 1.0, 1.5, "a", True)
#: A function of an array and a setting, and settings that it must refuse.
SETTINGS: dict[str, tuple[Call, tuple[Any, ...]]] = {
    "tril": (lambda xp, x, n: xp.tril(x, k=n), FRACTIONS),
    "triu": (lambda xp, x, n: xp.triu(x, k=n), FRACTIONS),
    "linalg.diagonal": (lambda xp, x, n: xp.linalg.diagonal(x, offset=n), FRACTIONS),
    "linalg.trace": (lambda xp, x, n: xp.linalg.trace(x, offset=n), FRACTIONS),
    "diag": (lambda xp, x, n: xp.diag(x[0, :], n), FRACTIONS),
    "matrix_power": (lambda xp, x, n: xp.linalg.matrix_power(x, n), (*FRACTIONS, None)),
    "diff": (lambda xp, x, n: xp.diff(x, n=n), (*FRACTIONS, -1, None)),
    "roll": (lambda xp, x, n: xp.roll(x, n, axis=0), FRACTIONS),
    "repeat": (lambda xp, x, n: xp.repeat(x, n, axis=0), (*FRACTIONS, -1, [0.5, 1, 1])),
    "tile": (lambda xp, x, n: xp.tile(x, (1, n)), FRACTIONS),
    "pad": (lambda xp, x, n: xp.pad(x, ((0, n), (1, 0))), (*FRACTIONS, -1)),
    "reshape": (lambda xp, x, n: xp.reshape(x, n), ((4.5, 2), (9.0,), (2, 5), (-1, -1), (-3, -3))),
    "broadcast_to": (lambda xp, x, n: xp.broadcast_to(x, n), ((2.0, 3, 3), (3,), (4, 3))),
    "fft.fft": (lambda xp, x, n: xp.fft.fft(x, n=n), (0.5, 1.0, "a", True)),
    "fft.irfft": (lambda xp, x, n: xp.fft.irfft(x, n=n), (0.5, 1.0, "a", True)),
    "take": (lambda xp, x, n: xp.take(x, n, axis=0), ([0.5], ["a"], [True])),
    "linspace": (lambda xp, x, n: xp.linspace(x[0, 0], x[0, 1], n), (*FRACTIONS, -1, None)),
    "vector_norm": (lambda xp, x, n: xp.linalg.vector_norm(x, ord=n), ("a", None, (1,))),
    "matrix_norm": (lambda xp, x, n: xp.linalg.matrix_norm(x, ord=n), (0.5, 3, "a")),
    "tensordot": (lambda xp, x, n: xp.tensordot(x, x, axes=n), (-1, 3, 0.5, "a", True)),
    "convolve matrices": (lambda xp, x, n: xp.convolve(x, x, n), ("full", "same", "valid")),
    "convolve": (lambda xp, x, n: xp.convolve(x[0, :], x[1, :], n), ("zz", 1)),
    "meshgrid": (lambda xp, x, n: xp.meshgrid(x[0, :], x[1, :], indexing=n), ("zz", None)),
    "einsum": (lambda xp, x, n: xp.einsum(n, x), ("ijk", "i", "i1->1", "ij->k", "ij->ii")),
    "interp": (lambda xp, x, n: xp.interp(x[0, :], x[0, :], x[0, :n]), (2, 1)),
    "where": (lambda xp, x, n: xp.where(x > 0, x, n), ("a", None)),
    "multiply": (lambda xp, x, n: xp.multiply(x, n), ("a", None)),
    "full": (lambda xp, x, n: xp.full((2, n), x[0, 0]), (-1, 0.5, 2.0)),
    "flatten": (lambda xp, x, n: x.reshape(n), ((2, 5), (4.5, 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_without_a_meaning_are_refused(backend: str, name: str) -> None:
    call, values = SETTINGS[name]
    raw = make(backend, M)
    for value in values:
        if isinstance(value, list) and name == "take":
            if value == ["a"]:
                continue
            xp = get_backend(backend).xp
            dtype = xp.bool if value == [True] and hasattr(xp, "bool") else None
            value = xp.asarray(value, dtype=dtype)
        refused(lambda n=value: call(pg, pg.Variable(raw, requires_grad=True), n))


def test_lists_are_arrays_to_functions() -> None:
    for v in (np.asarray([3.0, 4.0]), needs("torch").asarray([3.0, 4.0])):
        v = pg.Variable(v, requires_grad=True)
        pg.sum(pg.multiply(v, [1.0, 2.0])).backward()
        assert v.grad is not None
        assert v.grad.data.tolist() == [1.0, 2.0]


def test_a_list_of_axes_may_change_after_the_call() -> None:
    axes = [0]
    v = pg.Variable(np.ones((2, 3)), requires_grad=True)
    y = pg.sum(v, axis=axes)
    axes[0] = 1
    pg.sum(y).backward()
    assert v.grad is not None
    assert v.grad.data.tolist() == [[1.0] * 3] * 2


def test_matrices_of_functions_that_take_vectors_for_them() -> None:
    """np.tril broadcasts a vector to a matrix, np.outer takes the elements of matrices."""
    rng = np.random.default_rng(1)
    for call, *shapes in [
        (lambda x: np.tril(x), (3,)),
        (lambda x: np.triu(x, 1), (3,)),
        (lambda x, y: np.outer(x, y), (2, 2), (3, 1)),
        (lambda x: np.squeeze(x * 1.0), (1, 3)),
        (lambda x: pg.squeeze(x, None), (1, 3)),
        (lambda x: pg.permute_dims(x, None), (2, 3)),
        (lambda x: np.take_along_axis(x, np.asarray([3, 0, 0]), None), (2, 2)),
        (lambda x: pg.fft.fftn(x, s=()), (2, 2)),
    ]:
        xs = [rng.normal(size=shape) for shape in shapes]
        vs = [pg.Variable(x, requires_grad=True) for x in xs]
        y = call(*vs)
        weights = rng.normal(size=y.shape)
        grads = pg.autograd.grad(pg.sum(pg.real(y) * weights), vs)
        for i, (x, g) in enumerate(zip(xs, grads, strict=True)):
            for place in np.ndindex(*x.shape):
                step = np.zeros_like(x)
                step[place] = 1.0
                args = [pg.Variable(step if j == i else z) for j, z in enumerate(xs)]
                slope = np.sum(np.real(call(*args).data) * weights)
                assert g.data[place] == pytest.approx(slope)
