"""`pg.to_onnx`: models that onnxruntime runs, against NumPy and eager gradients."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import optree
import pytest

import pluggrad as pg
from tests.support.compile_rows import fuzz_rows, rule_rows, special_rows, transform_rows
from tests.support.onnx_judge import difference_of, leaves_of, run_model, verdict_on_model
from tests.support.optional import needs

onnx = needs("onnx", reason="needs onnx")
onnxruntime = needs("onnxruntime", reason="needs onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

RNG = np.random.default_rng(3)
X = RNG.normal(size=(6, 4))
LABELS = np.asarray([0, 2, 1, 1, 0, 2])
PARAMETERS = {
    "w1": RNG.normal(size=(4, 5)),
    "b1": RNG.normal(size=5),
    "w2": RNG.normal(size=(5, 3)),
}


def agree(f: Callable[..., Any], args: Any, others: Any = None, rtol: float = 1e-12) -> Any:
    """The model of `f`, made for `args`, gives what `f` gives for `others`, in shapes and dtypes too."""
    others = args if others is None else others
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model = pg.to_onnx(f, *args)
        expected = leaves_of(f(*others))
    assert difference_of(run_model(model, others), expected, rtol) == ""
    return model


# ---------------------------------------------------------------- whole programs


def mlp(p: Any) -> Any:
    x = X.astype(p["b1"].dtype)
    return pg.mean((pg.tanh(x @ p["w1"] + p["b1"]) @ p["w2"]) ** 2)


def cross_entropy(p: Any, x: Any, labels: Any) -> Any:
    z = pg.tanh(x @ p["w1"] + p["b1"]) @ p["w2"]
    z = z - pg.max(z, axis=1, keepdims=True)
    chosen = pg.astype(labels[:, None] == pg.arange(3), z.dtype)
    return -pg.mean(pg.sum(chosen * z, axis=1) - pg.log(pg.sum(pg.exp(z), axis=1)))


def rosenbrock(x: Any) -> Any:
    return pg.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def chain(x: Any) -> Any:
    for _ in range(4):
        x = pg.sin(x) * pg.exp(-x) + x
    return pg.sum(x)


def stencil(x: Any) -> Any:
    for _ in range(3):
        y = pg.zeros_like(x)
        y[1:-1] = x[1:-1] + 0.1 * (x[2:] - 2 * x[1:-1] + x[:-2])
        y[0] += x[-1]
        x = y
    return pg.sum(x * x)


def sigmoid(x: Any) -> Any:
    return pg.sum(1 / (1 + pg.exp(-x)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("f", "args"),
    [(mlp, [PARAMETERS]), (cross_entropy, [PARAMETERS, X, LABELS]), (rosenbrock, [X[:, 0]]),
     (chain, [X]), (chain, [np.asarray(0.3)]), (chain, [X[:0]]), (stencil, [X.ravel()]),
     (sigmoid, [X]), (sigmoid, [X.T[::-1]])],
)  # fmt: skip
def test_value_and_gradient(f, args, dtype):
    cast = lambda x: x.astype(dtype) if x.dtype.kind == "f" else x
    args = optree.tree_map(cast, args)
    others = optree.tree_map(lambda x: x * 0.7 if x.dtype.kind == "f" else x[::-1].copy(), args)
    model = agree(pg.value_and_grad(f), args, others)
    assert model.opset_import[0].version == 18


def test_other_transforms():
    agree(pg.hessian(rosenbrock), [X[:4, 0]], [X[:4, 1]])
    agree(lambda x, v: pg.jvp(pg.grad(chain), (x,), (v,)), [X, X * 2], [X[::-1], X])
    agree(pg.vmap(pg.grad(chain)), [X], [X * 2])
    agree(pg.grad(pg.compile(chain)), [X], [X * 2])


def test_ties_and_nan():
    tied = np.asarray([[1.0, 2, 2], [1, 2, 0]])
    nan = np.asarray([[1.0, np.nan, 2], [3, 2, np.nan]])
    parts = lambda x: pg.sum(pg.max(x, axis=0) * 2 + pg.min(x, axis=0)) + pg.max(x)
    agree(pg.value_and_grad(parts), [tied], [tied[::-1]])
    f = lambda x: (pg.max(x, axis=1), pg.min(x), pg.maximum(x, 1.5), pg.argmax(x, axis=0),
                   pg.argmin(x), pg.sort(x), pg.argsort(x, axis=0), pg.sort(x, descending=True),
                   pg.any(x > 2), pg.all(x == x, axis=0))  # fmt: skip
    for x in (tied, nan, nan[:, ::-1], np.asarray([[np.inf, np.nan], [-np.inf, np.inf]])):
        agree(f, [tied[:, : x.shape[1]]], [x])


# ---------------------------------------------------------------- every elementwise operation

POINTS = np.asarray([
    0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3.7, -3.7, 1e-9, -1e-9, 1e-300, 1e300, -1e300, 20, -20, 40,
    700, -700, 800, np.inf, -np.inf, np.nan, 0.999999, 1.000001, 100.25,
])  # fmt: skip


def ufuncs() -> Iterator[Any]:
    from pluggrad.tools.onnx.rows import ELEMENTWISE, ROWS
    from pluggrad.tools.onnx.sums import FORMULAS

    for name in sorted({*ELEMENTWISE, *FORMULAS, *ROWS}):
        f = getattr(np, name, None)
        if isinstance(f, np.ufunc) and f.signature is None:
            yield f


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("f", list(ufuncs()), ids=lambda f: f.__name__)
def test_elementwise(f, dtype):
    with np.errstate(all="ignore"):
        x = POINTS.astype(dtype)
        args = [x] if f.nin == 1 else [np.repeat(x, len(x)), np.tile(x, len(x))]
        try:
            expected = f(*args)
        except TypeError:
            assert f.__name__.startswith(("bitwise", "invert"))
            return
    found = run_model(pg.to_onnx(lambda *args: f(*args), *args), args)
    several = expected if isinstance(expected, tuple) else (expected,)
    tiny, eps = np.finfo(dtype).tiny, np.finfo(dtype).eps
    for y, e in zip(found, several, strict=True):
        assert y.dtype == e.dtype
        with np.errstate(all="ignore"):
            same = ((y == e) & (np.signbit(y) == np.signbit(e))) if e.dtype.kind == "f" else y == e
            both_nan = (y != y) & (e != e)
            if e.dtype.kind == "f":
                same |= np.abs(y - e) <= 40 * eps * np.abs(e) + tiny
        assert np.all(same | both_nan), [a[~(same | both_nan)] for a in (*args, y, e)]


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "uint8", "bool"])
@pytest.mark.parametrize("f", list(ufuncs()), ids=lambda f: f.__name__)
def test_elementwise_on_integers(f, dtype):
    x = np.asarray([0, 1, 2, 3, 5, 7, -1, -2, -7, 100]).astype(dtype)
    args = [x] if f.nin == 1 else [np.repeat(x, len(x)), np.tile(x, len(x))]
    if f is np.power:
        for exponent in (0, 1, 2, 3, 7):
            assert (
                run_model(pg.to_onnx(lambda x, n=exponent: x**n, x), [x])[0].tolist()
                == (x**exponent).tolist()
            )
        return
    with np.errstate(all="ignore"):
        try:
            f(*args)
        except TypeError:
            return
    agree(lambda *args: f(*args), args, rtol=1e-6)


# ---------------------------------------------------------------- arrays

#: Functions of an array of shape (3, 4).
ARRAYS: dict[str, Callable[[Any], Any]] = {
    "reductions": lambda x: (np.sum(x, axis=(0, -1)), np.prod(x, axis=1, keepdims=True), x.sum(),
                             np.add.reduce(x), x.max(1), np.min(x, 0), x.mean(0), np.var(x, 1, ddof=1),
                             np.std(x), np.ptp(x, axis=0), np.count_nonzero(x, axis=1), x.all(),
                             np.any(x > 1, axis=0), np.sum(x, axis=()), np.max(x, initial=0.5)),
    "running": lambda x: (np.cumsum(x), np.cumsum(x, axis=-1), np.cumprod(x, axis=0), np.diff(x, axis=0),
                          np.diff(x, n=2), np.maximum.accumulate(x, axis=1),
                          pg.cumulative_sum(x, axis=0, include_initial=True)),
    "views": lambda x: (x[1], x[..., -1], x[::-2, None, 1:3], x[2:0:-1], x.T, np.moveaxis(x, 0, 1), x[:, 3:1],
                        np.broadcast_to(x[:, :1], (2, 3, 5)), x.reshape(2, -1), np.ravel(x, order="F"),
                        np.swapaxes(x[None], 0, 2), np.squeeze(x[:1]), np.flip(x, 1), np.rot90(x)),
    "moves": lambda x: (np.roll(x, 2), np.roll(x, (1, -1), axis=(0, 1)), np.repeat(x, 2, axis=1), np.tile(x, (2, 1)),
                        np.tril(x), np.triu(x, 1), np.diagonal(x, 1), np.diag(x[0]), np.trace(x),
                        np.pad(x, 1), np.pad(x, ((1, 2), (0, 1)), mode="edge"), np.pad(x, 2, mode="reflect"),
                        np.split(x, 2, axis=1)[1], np.take(x, [0, -1, 0], axis=1), x[[0, 0], 1:], x[x.shape[0] - 1, [1, 2]]),
    "joined": lambda x: (np.concatenate([x, x[:1]]), np.concatenate([x, x], axis=None), np.stack([x, x], axis=-1),
                         np.vstack([x[0], x]), np.hstack([x, x]), np.where(x > 0, x, 1), np.where(x > 0, x[:, :1], 0.5)),
    "products": lambda x: (x @ x.T, np.dot(x, x[0]), np.tensordot(x, x, axes=((0, 1), (0, 1))), np.outer(x, x[0]),
                           np.inner(x, x), np.vdot(x, x), np.einsum("ij,kj->ki", x, x), np.einsum("ij,ij", x, x),
                           np.einsum("...j->...", x), np.vecdot(x, x), np.cross(x[:, :3], x[:, 1:]), np.matvec(x, x[0])),
    "norms": lambda x: (np.linalg.norm(x), np.linalg.norm(x, axis=1), np.linalg.norm(x, 1), np.linalg.norm(x, np.inf, axis=(1, 0)), np.linalg.vector_norm(x, ord=3), np.linalg.norm(x * 0, axis=0)),
    "rounded": lambda x: (np.round(x, 1), np.clip(x, -0.5, 0.5), np.clip(x, None, x[0]), np.astype(x * 10, np.int32),
                          (x > 0).astype(np.float32), np.rint(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8"])
def test_functions_of_arrays(name, dtype):
    x = (RNG.normal(size=(3, 4)) * 3).astype(dtype)
    other = (RNG.normal(size=(3, 4)) * 3).astype(dtype)
    agree(ARRAYS[name], [x], [other], rtol=1e-11)


def test_empty_arrays():
    f = lambda x: (
        np.sum(x, axis=0),
        np.prod(x),
        x @ np.ones((3, 2)),
        x.T @ x,
        np.concatenate([x, x]),
        x * 2,
    )
    agree(f, [np.zeros((0, 3))])
    agree(lambda x: (x[:, :0] @ x[:0], x[:0], np.sum(x[:0]), np.concatenate([x[:0], x])), [X[:4]])


def test_writes_to_empty_views():
    def f(x):
        y = x * 2
        part = y[None, 1:1, 0]
        part += 1.0
        y[:0] = part[0, :, None]
        return y, part, pg.grad(lambda x: pg.sum(pg.cos(x[None, 1:1:2, -3])) + pg.sum(x))(x)

    agree(f, [X], [X * 2])


# ---------------------------------------------------------------- indices and writes


def test_indices_that_are_arguments():
    i, j = np.asarray([0, -1, 2]), np.asarray([[1], [-2]])
    f = lambda x, i, j: (x[i], x[:, i], x[i, j], x[..., i], x[None, i, :, None], x[j, 1:, None],
                         np.take(x, i, axis=1), x[i, 1], x[1, j], np.take_along_axis(x, i[None], 1))  # fmt: skip
    agree(f, [X, i, j], [X, i[::-1], j + 1])
    cube = lambda x, i, j: (x[i, :, i], x[:, i, j], x[:, i, None, i], x[i, j, [0, 0, 1]])
    agree(cube, [X[:, :, None] * X.T[:3, None, :].sum(0).ravel()[:4], i, j])
    g = lambda x, i: pg.grad(lambda x: pg.sum(x[i] ** 2) + pg.sum(x[:, i] ** 3))(x)
    agree(g, [X, i], [X, np.asarray([1, 1, -3])])
    model = pg.to_onnx(lambda x, i: x[i, i], X, i)
    pick = lambda x, i: pg.grad(lambda x: pg.sum(pg.take_along_axis(x, i[None], axis=0) ** 2))(x)
    picks = agree(pick, [X, np.asarray([0, 1, -1, 5])], [X, np.asarray([-6, 1, 1, 2])])
    for wrong in ([0, 4, 0, 0], [0, -7, 0, 0]):
        for made, places in ((model, wrong[:3]), (picks, [0, 0, 0, 2 * wrong[1]])):
            with pytest.raises(Exception, match="out of"):
                run_model(made, [X, np.asarray(places)])


def written(x: Any, i: Any) -> Any:
    y = x * 2
    before = y + 0
    y[i] = x[:2] * 3  # where an index comes twice, the last counts
    part = y[1:]
    part *= 2
    part[..., 0] = 1.0
    y.T[1, 1:3] += x[0, 0]
    np.add.at(y, i, 1.5)
    np.maximum.at(y, (0, [1, 1]), [5.0, 3.0])
    np.copyto(y[:, 2], x[:, 0])
    y[y > 4] = 0.0
    y[[0, 0, 1]] = y[[1, 2, 3]]
    np.sin(x, out=y[:, :])
    np.multiply(y, 2, out=y, where=x > 0)
    return before, y, part, y[::-1, 1]


def test_writes():
    agree(written, [X, np.asarray([1, 1])], [X * 2, np.asarray([0, -1])])

    def loss(x, i):
        y = x * 2
        y[i] = x[:2] ** 2
        y[1:] *= x[0]
        return pg.sum(y**2)

    agree(pg.value_and_grad(loss), [X, np.asarray([1, 2])], [X * 2, np.asarray([-1, 0])])


# ---------------------------------------------------------------- names, files, errors


def test_names_and_closures():
    weights = np.ones(4)

    def f(x, p, scale, *rest, power=2):
        return {"y": x * weights * scale**power, "z": (p["a"], rest[0] + p["b"][0])}

    args = (X, {"a": X[0], "b": [X[1]]}, 0.5, X[2])
    model = agree(f, args, (X * 2, {"a": X[2], "b": [X[3]]}, 3.5, X[0]))
    assert [x.name for x in model.graph.input] == ["x", "p.a", "p.b.0", "scale", "rest.0"]
    assert [x.name for x in model.graph.output] == ["output.y", "output.z.0", "output.z.1"]
    gradient = pg.to_onnx(pg.value_and_grad(rosenbrock), X[0])
    assert [x.name for x in gradient.graph.input] == ["x"]
    assert len(agree(lambda x: (x, x, np.ones(2)), [X]).graph.output) == 3


def test_settings_are_frozen():
    model = pg.to_onnx(lambda x, n, name: x**n if name == "power" else x, X, 3, "power")
    assert [x.name for x in model.graph.input] == ["x"]
    np.testing.assert_allclose(run_model(model, [X])[0], X**3)
    asked = pg.to_onnx(lambda x, a: x * 2 if a > 1 else x, X, 2.0)
    np.testing.assert_allclose(run_model(asked, [X])[0], X * 2)


def test_erf():
    special = needs("scipy.special")
    x = np.concatenate([np.linspace(-7, 7, 1001), [0.0, 1e-300, np.inf, -np.inf, np.nan]])
    agree(special.erf, [x], rtol=3e-15)
    agree(special.erf, [x.astype(np.float32)])


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(pg.BackendError, match=r"pip install pluggrad\[onnx\]"):
        pg.to_onnx(chain, X)


def test_path(tmp_path):
    path = tmp_path / "model.onnx"
    model = pg.to_onnx(chain, X, path=path)
    assert onnx.load(path) == model


@pytest.mark.parametrize(
    ("f", "args", "why"),
    [(np.linalg.inv, [np.eye(2)], "`linalg.inv`.*no operator.*give its result as an argument"),
     (lambda x: np.exp(1j * x), [X], "complex128"), (lambda x, n: x**n, [LABELS, LABELS], "`power`.*floats"),
     (lambda x: np.sum(x, where=x > 0), [X], "`sum`.*where"), (np.nextafter, [X, X], "nextafter"),
     (lambda x: np.linalg.norm(x, 2), [X], "`linalg.norm`.*norm 2 of matrices"),
     (lambda x: np.max(x), [LABELS.astype(np.uint64)], "`max`.*uint64")],
)  # fmt: skip
def test_what_has_no_operator_is_named(f, args, why):
    with pytest.raises(pg.UnsupportedError, match=why):
        pg.to_onnx(lambda *args: f(*args), *args)


def test_what_cannot_be_a_model():
    with pytest.raises(pg.UntraceableError, match="elements"):
        pg.to_onnx(lambda x: x if pg.sum(x) > 0 else -x, X)
    with pytest.raises(pg.UntraceableError, match="random"):
        pg.to_onnx(lambda x: x * np.random.normal(), X)  # noqa: NPY002
    with pytest.raises(pg.InvalidArgumentError, match="return arrays"):
        pg.to_onnx(lambda x: (x, "name"), X)
    leaf = pg.Variable(X, requires_grad=True)
    with pytest.raises(pg.UntraceableError, match="requires grad"):
        pg.to_onnx(lambda x: x * leaf, X)
    strict = needs("array_api_strict")
    with pytest.raises(pg.BackendError, match="NumPy arrays"):
        pg.to_onnx(lambda x: x, strict.ones(2))


# ---------------------------------------------------------------- samples of the sweep


@pytest.mark.parametrize("part", ["rules", "transforms", "special", "fuzz"])
def test_samples_of_the_sweep(part):
    """`python tests/onnx_sweep.py` runs all of them."""
    if part == "special":
        needs("scipy")
    if part == "fuzz":
        needs("torch")  # in which the generator states its functions
    make, step, least = {
        "rules": (lambda: rule_rows(dtypes=("float64", "float32")), 31, 0.7),
        "transforms": (transform_rows, 23, 0.9), "special": (special_rows, 13, 0.0),
        "fuzz": (lambda: fuzz_rows(12), 1, 0.8),
    }[part]  # fmt: skip
    rows = [row for i, row in enumerate(make()) if i % step == 0]
    verdicts = [(row.name, *verdict_on_model(row)) for row in rows]
    assert [v for v in verdicts if v[1] in ("different", "foreign")] == []
    assert sum([v[1] == "same" for v in verdicts]) >= least * len(rows)
