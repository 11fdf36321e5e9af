"""Arrays that no plugin is for, and a plugin that is not ours."""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.adapter import Adapter
from pluggrad.arrays.backend import (
    backend_of,
    get_backend,
)
from tests.support.optional import needs

X = np.asarray([[0.0, 1.5, 0.0, 2.0], [0.0, 0.0, 3.0, 0.0], [1.0, 0.0, 0.0, 0.5]])

OPERATORS = "add sub mul truediv floordiv mod pow matmul and or xor eq ne lt le gt ge"


def make_library(name: str) -> tuple[type, types.SimpleNamespace]:
    """A library that nobody has heard of: immutable arrays, the standard, and nothing else."""

    class Array:
        __module__ = name

        def __init__(self, values: np.ndarray) -> None:
            self._values = values

        shape = property(lambda self: self._values.shape)
        ndim = property(lambda self: self._values.ndim)
        dtype = property(lambda self: self._values.dtype)
        device = property(lambda self: "cpu")

        def __array_namespace__(self, api_version: str | None = None) -> Any:
            return xp

        def __getitem__(self, key: Any) -> Any:
            parts = key if isinstance(key, tuple) else (key,)
            axes = sum(part is not None for part in parts)
            if axes < self.ndim and ... not in parts:
                raise IndexError("the standard wants an index for each axis")
            return Array(np.asarray(self._values[unwrap(key)]))

        def __neg__(self) -> Any:
            return Array(-self._values)

        def __abs__(self) -> Any:
            return Array(np.abs(self._values))

        def __float__(self) -> float:
            return float(self._values)

        def __bool__(self) -> bool:
            return bool(self._values)

    def unwrap(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            raise TypeError("a foreign array")
        if isinstance(x, (tuple, list)):
            return type(x)([unwrap(item) for item in x])
        return x._values if isinstance(x, Array) else x

    def wrap(y: Any) -> Any:
        if isinstance(y, tuple):
            return tuple([wrap(item) for item in y])
        return Array(np.asarray(y))

    def lifted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            return wrap(function(*unwrap(args), **kwargs))

        return call

    def binary(operation: Callable[..., Any]) -> Any:
        def operate(x1: Any, x2: Any) -> Any:
            if not isinstance(x2, (Array, int, float)):
                return NotImplemented
            return wrap(operation(unwrap(x1), unwrap(x2)))

        return operate

    for short in OPERATORS.split():
        operation = getattr(operator, {"and": "and_", "or": "or_"}.get(short, short))
        setattr(Array, f"__{short}__", binary(operation))
        if short[0] not in "elgn":
            setattr(Array, f"__r{short}__", binary(lambda a, b, f=operation: f(b, a)))
    xp = types.SimpleNamespace(__name__=name)
    functions = (
        "sin cos exp log sqrt abs sign sum mean max min var where concat stack reshape squeeze "
        "expand_dims broadcast_to zeros ones zeros_like ones_like arange flip take matmul astype "
        "asarray permute_dims matrix_transpose multiply add logical_not any full_like result_type"
    )
    for function in functions.split():
        setattr(xp, function, lifted(getattr(np, function)))
    for dtype in ("float32", "float64", "int64", "bool"):
        setattr(xp, dtype, np.dtype(dtype))
    xp.asarray = lambda obj, **kwargs: wrap(np.asarray(obj, **kwargs))
    return Array, xp


def toy(x: np.ndarray) -> Any:
    return TOY(x)


TOY, TOY_XP = make_library("toylib")


def sparse_array(x: np.ndarray) -> Any:
    return needs("sparse").COO.from_numpy(x)


def ndonnx_array(x: np.ndarray) -> Any:
    return needs("ndonnx").asarray(x)


def cubed_array(x: np.ndarray) -> Any:
    return needs("cubed.array_api").asarray(x, chunks=2)


LIBRARIES: dict[str, Callable[[np.ndarray], Any]] = {
    "toylib": toy, "sparse": sparse_array, "ndonnx": ndonnx_array, "cubed": cubed_array,
}  # fmt: skip


def unwrapped(x: Any) -> np.ndarray:
    x = x.data if isinstance(x, pg.Variable) else x
    for method in ("todense", "unwrap_numpy", "compute"):
        if hasattr(x, method):
            return np.asarray(getattr(x, method)())
    return np.asarray(getattr(x, "_values", x))


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "square": lambda x: x * x,
    "scalars": lambda x: 2.0 * (x + 1.0) ** 2 / 3.0 - x,
    "sin": lambda x: pg.sin(x) * pg.exp(x),
    "abs": abs,
    "sum": lambda x: pg.sum(x, axis=0) ** 2,
    "mean": lambda x: pg.mean(x, axis=1, keepdims=True) * x,
    "max": lambda x: pg.max(x, axis=1),
    "var": lambda x: pg.var(x),
    "matmul": lambda x: (x @ x.mT) * 0.5,
    "reshape": lambda x: pg.reshape(x, (-1,)) * 3.0,
    "broadcast": lambda x: x * x[0] + x[:, 1:2],
    "row": lambda x: x[1] ** 2,
    "slices": lambda x: x[::2, 1:] ** 2,
    "backwards": lambda x: x[::-1, 3:0:-2] ** 2,
    "element": lambda x: x[2, 3] * x[0, 1],
    "new axis": lambda x: x[1:, None, 0] ** 2,
    "empty": lambda x: x[1:1] ** 2,
    "where": lambda x: pg.where(x > 0, x * x, x * 2.0),
    "concat": lambda x: pg.concat([x, x * x]),
    "write": lambda x: write(x * x, x),
    "view": lambda x: view(x * x, x),
}

#: What the library itself refuses.
BEYOND = {
    ("sparse", "matmul"): ValueError,  # of a cotangent that is not sparse
    ("sparse", "broadcast"): pg.UnsupportedError,
    ("sparse", "write"): pg.UnsupportedError,
    ("sparse", "view"): pg.UnsupportedError,
    ("cubed", "backwards"): NotImplementedError,
    ("cubed", "empty"): ValueError,
}


def write(y: Any, x: Any) -> Any:
    y[1, ::2] = x[0, :2] * 3.0
    y[0] = 0.5
    return y


def view(y: Any, x: Any) -> Any:
    row = y[1]
    row *= 2.0
    return y


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_gradients(library: str, name: str) -> None:
    f = PROGRAMS[name]

    def run(x: Any) -> tuple[Any, Any]:
        v = pg.Variable(x, requires_grad=True)
        y = f(v)
        pg.sum(y).backward()
        assert v.grad is not None
        return y, v.grad

    x = LIBRARIES[library](X)
    if (library, name) in BEYOND:
        with pytest.raises(BEYOND[library, name]):
            run(x)
        return
    y, g = run(x)
    expected_y, expected = run(X)
    if (library, name) != ("sparse", "element"):  # its elements are NumPy's scalars
        assert type(g.data) is type(x)
    np.testing.assert_allclose(unwrapped(y), expected_y.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(unwrapped(g), expected.data, rtol=1e-6)


@pytest.mark.parametrize("library", LIBRARIES)
def test_transforms_and_second_order(library: str) -> None:
    x = LIBRARIES[library](X)

    def f(x: Any) -> Any:
        return pg.sum(x * x * x)

    np.testing.assert_allclose(unwrapped(pg.grad(f)(x)), 3 * X * X)
    _, t = pg.jvp(f, (x,), (x,))
    assert float(unwrapped(t)) == pytest.approx(np.sum(3 * X**3))
    h = pg.grad(lambda x: pg.sum(pg.grad(f)(x) ** 2))(x)
    np.testing.assert_allclose(unwrapped(h), 36 * X**3)
    v = pg.Variable(x, requires_grad=True)
    (g,) = pg.autograd.grad(f(v), v, create_graph=True)
    (h,) = pg.autograd.grad(pg.sum(g * g), v)
    np.testing.assert_allclose(unwrapped(h), 36 * X**3)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_variable_is_a_variable(library: str) -> None:
    v = pg.Variable(LIBRARIES[library](X))
    assert repr(v).startswith("Variable containing:")
    assert f"[{library}.float64 of size 3x4]" in repr(v)
    assert v.shape == (3, 4) and v.size == 12 and v.device is not None
    assert pg.sum(v).item() == X.sum()
    assert bool(pg.sum(v) > 0)
    assert v.tolist() == X.tolist()
    np.testing.assert_allclose(unwrapped(v.copy()), X)
    np.testing.assert_allclose(unwrapped(v.__array_namespace__().zeros((2, 3))), np.zeros((2, 3)))
    if library == "sparse":
        with pytest.raises(RuntimeError, match="todense"):
            v.numpy()
    else:
        assert v.numpy().dtype == np.float64
        np.testing.assert_allclose(v.numpy(), X)


def test_errors_name_what_is_missing() -> None:
    v = pg.Variable(toy(X), requires_grad=True)
    with pytest.raises(pg.UnsupportedError, match=r"toylib backend has no function 'linalg\.inv'"):
        pg.linalg.inv(v @ v.mT)
    with pytest.raises(TypeError, match="only floating-point"):
        pg.Variable(toy(np.asarray([1, 2])), requires_grad=True)
    with pytest.raises(pg.PluggradError, match="cannot be mixed"):
        v + X
    w = v * 1.0
    with pytest.raises(pg.UnsupportedError, match="toylib cannot be written by arrays"):
        w[v > 0] = 1.0


# ---------------------------------------------------------------- somebody else's plugin


class TheirAdapter(Adapter):
    """A plugin as a third party would write it, through the public door."""

    name = "theirs"
    modules = ("theirlib",)
    writable = False

    def namespace(self) -> Any:
        self.functions = {
            "getitem": lambda x, key: x[(*(key if isinstance(key, tuple) else (key,)), ...)],
            "exp": lambda x: self.counted("exp", x),
        }
        return THEIR_XP

    calls = 0

    def counted(self, name: str, x: Any) -> Any:
        TheirAdapter.calls += 1
        return getattr(THEIR_XP, name)(x)

    def special(self, name: str) -> Callable[..., Any] | None:
        return {"expit": lambda x: 1 / (1 + THEIR_XP.exp(-x))}.get(name)

    def version(self) -> str:
        return "3.1"

    def devices(self) -> list[Any]:
        return ["abacus"]


THEIRS, THEIR_XP = make_library("theirlib")


@pytest.fixture
def theirs() -> Iterator[None]:
    from pluggrad.arrays import backend

    pg.register_backend(TheirAdapter())
    yield
    backend._registered.pop("theirs", None)


def test_a_plugin_of_a_third_party(theirs: None) -> None:
    x = THEIRS(X)
    found = backend_of(x)
    assert found is not None and found.name == "theirs" and found is get_backend("theirs")
    before = TheirAdapter.calls
    g = pg.grad(lambda x: pg.sum(pg.exp(x) * x[1]))(x)
    assert TheirAdapter.calls > before
    expected = pg.grad(lambda x: pg.sum(pg.exp(x) * x[1]))(X)
    assert type(g) is THEIRS
    np.testing.assert_allclose(unwrapped(g), expected)
    e = pg.special.expit(pg.Variable(x))
    np.testing.assert_allclose(unwrapped(e), 1 / (1 + np.exp(-X)))
    with pg.use("theirs"):
        assert type(pg.ones((2, 2)).data) is THEIRS
    listed = pg.backends()["theirs"]
    assert listed["version"] == "3.1" and listed["devices"] == ["abacus"]
    with pytest.raises(pg.PluggradError, match="cannot be mixed"):
        pg.Variable(x) + pg.Variable(toy(X))
