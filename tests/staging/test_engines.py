"""The engines that are other libraries: `jax` and `torch`, on NumPy's arrays and on their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.plugins import is_installed
from tests.support.arrays import convert
from tests.support.optional import needs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
W = RNG.normal(size=3)

ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(not is_installed(name), reason="not installed"))
    for name in ("jax", "torch")
]
every = pytest.mark.parametrize("engine", ENGINES)
jax_alone = pytest.mark.parametrize("engine", ENGINES[:1])  # where each program takes a second


def compiled(f: Callable[..., Any], engine: str, **kwargs: Any) -> Any:
    return pg.compile(f, engine=engine, on_break="error", **kwargs)


def same(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    """Types, dtypes and shapes are equal, values nearly."""
    if isinstance(expected, (tuple, list)):
        assert type(found) is type(expected) and len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            same(a, b, rtol)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            same(found[key], value, rtol)
    elif isinstance(expected, pg.Variable):
        assert isinstance(found, pg.Variable) and not found.requires_grad
        same(found.data, expected.data, rtol)
    else:
        assert type(found) is type(expected)
        if hasattr(expected, "dtype"):
            assert found.dtype == expected.dtype and found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-14)
        else:
            assert found == expected


def network(w: Any, x: Any, *, rate: float = 0.5, shift: float = 0.0) -> Any:
    """A step of a training, with most of what functions are made of."""

    def loss(w: Any) -> Any:
        h = pg.tanh(x @ w["in"] + w["bias"] + shift)
        z = np.maximum(h @ w["out"], 0.1 * np.mean(h))
        return pg.sum(z**2) - np.sum(np.sin(h[1:, ::-1])) + pg.mean(pg.where(h > 0, h, W[0] * h))

    value, g = pg.value_and_grad(loss)(w)
    new = {key: w[key] - rate * g[key] for key in w}
    return {"w": new, "loss": value, "also": (pg.sum(value), x * 1.0, "text", None)}


def weights(seed: int, n: int = 3) -> Any:
    r = np.random.default_rng(seed)
    return {"in": r.normal(size=(n, 5)), "bias": r.normal(size=5), "out": r.normal(size=(5, 2))}


@every
def test_a_step_on_numpy_arrays(engine: str) -> None:
    step = compiled(network, engine)
    for seed in range(3):
        same(step(weights(seed), X, rate=0.1 * seed), network(weights(seed), X, rate=0.1 * seed))
    assert step.programs == 1
    shifted = X + 1
    found = step(weights(0), shifted)
    assert step.programs == 2  # another rate: not given at all
    kept = [a.copy() for a in found["w"].values()]
    for a in (*found["w"].values(), found["also"][1]):
        assert (a.flags.writeable and a.flags.owndata) or a.base is not None
        assert not np.shares_memory(a, shifted)
        a[...] = 7.0
    again = step(weights(0), X + 1)
    for a, b in zip(again["w"].values(), kept, strict=True):
        np.testing.assert_array_equal(a, b)


@every
def test_arrays_of_its_own_library(engine: str) -> None:
    if engine == "jax":
        block = needs("jax").enable_x64(True)
    else:
        block = needs("torch").no_grad()
    f = pg.value_and_grad(lambda w, x: pg.sum(pg.tanh(x @ w) ** 2) + pg.sum(w[1:] * w[:-1]))
    with block:
        raw, x = convert(W, engine), convert(X, engine)
        for name in (engine, "auto"):
            run = compiled(f, name)
            for scale in (1.0, 2.0):
                value, g = run(raw * scale, x)
                expected = f(W * scale, X)
                assert type(value) is type(raw) and type(g) is type(raw)
                assert "float64" in str(g.dtype)
                np.testing.assert_allclose(np.asarray(value), expected[0], rtol=1e-12)
                np.testing.assert_allclose(np.asarray(g), expected[1], rtol=1e-12)
            assert run.programs == 1
        turned = convert(X.T.copy(), engine).T  # torch's compiler reads strides
        np.testing.assert_allclose(np.asarray(run(raw, turned)[1]), f(W, X)[1], rtol=1e-12)


DTYPES: dict[str, Callable[[Any], Any]] = {
    "float32": lambda x: (pg.grad(lambda a: pg.sum(a * a * 2.0))(x), x.sum(), pg.mean(x, axis=0)),
    "complex128": lambda x: (pg.grad(lambda a: pg.sum(abs(a) ** 2))(x), np.conj(x), np.abs(x)),
    "int32": lambda x: (x * 2, np.sum(x), x / 2, x > 1, np.mean(x)),
    "bool": lambda x: (~x, np.sum(x), np.any(x)),
}


@jax_alone
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_are_those_of_numpy(engine: str, dtype: str) -> None:
    f = DTYPES[dtype]
    run = compiled(f, engine)
    for shape in ((3, 2), (), (0, 2), (1,)):
        if dtype == "float32" and not shape:
            continue
        x = (4 * RNG.normal(size=shape)).astype(dtype)
        with np.errstate(all="ignore"):
            same(run(x), f(x), rtol=1e-6)


@every
def test_layouts(engine: str) -> None:
    f = pg.grad(lambda x: pg.sum(x[0] * pg.sin(x)))
    run = compiled(f, engine)
    read_only = X.copy()
    read_only.flags.writeable = False
    for x in (X, np.asfortranarray(X), X[::-1], np.repeat(X, 2, axis=1)[:, ::2], read_only):
        for _ in range(2):
            np.testing.assert_allclose(run(x), f(x), rtol=1e-12)
    assert run.programs == 4  # `read_only` lies as `X` does


@every
def test_results_may_be_arguments(engine: str) -> None:
    f = lambda x: (x, x * 1.0, x[1:], np.reshape(x, (2, 6)))
    run = compiled(f, engine)
    for _ in range(2):
        x = X.copy()
        found = run(x)
        for a, b in zip(found, f(x), strict=True):
            np.testing.assert_array_equal(a, b)
            if engine == "jax" or b.shape == x.shape:
                assert not np.shares_memory(a, x)


def stepping(x: Any) -> Any:
    """A simulation that writes into arrays that it makes."""

    def f(x: Any) -> Any:
        u = pg.zeros((4, 3))
        u[0] = x
        for k in range(3):
            u[k + 1] = pg.tanh(u[k]) * pg.arange(3) + pg.ones(3)
        return pg.sum(u * u) + pg.sum(pg.linspace(0.0, 1.0, 3) * x) + pg.sum(pg.eye(3) @ x)

    return pg.value_and_grad(f)(x)


@every
def test_arrays_that_the_function_makes(engine: str) -> None:
    run = compiled(stepping, engine)
    for scale in (1.0, 2.0):
        same(run(scale * W), stepping(scale * W))
    assert run.programs == 1


@jax_alone
def test_large_results_are_the_callers_own(engine: str) -> None:
    fixed = RNG.random(50_000)

    def f(x: Any) -> Any:
        y = pg.sin(x).data
        zeros = pg.zeros_like(x).data
        return x, x[::-1], x * 1.0, fixed * 1, y, y, y + zeros, zeros, pg.asarray(fixed).data

    run = compiled(f, engine)
    for _ in range(3):
        x = RNG.random(50_000)
        room = np.empty(50_008)
        aligned = room[(-room.ctypes.data % 64) // 8 :][:50_000]  # as JAX likes it
        for given in (x, aligned):
            given[...] = x
            expected = [np.array(y) for y in f(given)]
            found = run(given)
            for n, y in enumerate(found):
                np.testing.assert_allclose(y, expected[n], rtol=1e-14)
                assert y.flags.writeable
                y[...] = -1.0  # nothing else is written by that
                expected[n][...] = -1.0
                for a, b in zip(found, expected, strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-14)
            np.testing.assert_array_equal(given, x)
    held = run(x)[4]
    for _ in range(20):
        run(x)
    np.testing.assert_allclose(held, np.sin(x), rtol=1e-14)


@jax_alone
def test_floats_vary_unless_they_are_asked_for(engine: str) -> None:
    f = lambda x, rate: x * rate
    run = compiled(f, engine)
    for rate in (1.0, 2.5, np.inf):
        same(run(X, rate), f(X, rate))
    assert run.programs == 1
    single = X.astype("float32")
    same(run(single, 0.1), f(single, 0.1))
    g = lambda x, rate: x * rate if rate > 1 else x + rate
    run = compiled(g, engine)
    for rate in (0.5, 2.0, 0.5):
        same(run(X, rate), g(X, rate))
    assert run.programs == 2


@jax_alone
def test_what_functions_refer_to(engine: str) -> None:
    scale, shift = 2.0, np.ones(3)
    f = lambda x: x * scale + shift + pg.Variable(shift)
    run = compiled(f, engine)
    same(run(X), f(X))
    scale = 3.0
    same(run(X), f(X))
    shift = np.full(3, 5.0)
    same(run(X), f(X))
    assert run.programs == 1  # the last one


def drawing(x: Any) -> Any:
    return x + np.random.normal(size=3)  # noqa: NPY002


def writing(x: Any) -> Any:
    x[0] = 1.0
    return x * 2


def asking(x: Any) -> Any:
    return x * 2 if pg.sum(x) > 0 else -x


def choosing(x: Any) -> Any:
    return pg.sum(x[x > 0])


@every
@pytest.mark.parametrize("f", [drawing, writing, asking, choosing])
def test_what_breaks_a_trace(engine: str, f: Callable[..., Any]) -> None:
    if engine == "torch" and f is choosing:
        pytest.skip("torch knows shapes that depend on values")
    run = pg.compile(f, engine=engine)
    with pytest.warns(pg.CompileWarning, match=f.__name__):
        run(X.copy())
    assert run.programs == 0
    for x in (X, -X):
        np.random.seed(0)  # noqa: NPY002
        found = run(x.copy())
        np.random.seed(0)  # noqa: NPY002
        same(found, f(x.copy()))
    with pytest.raises(pg.UntraceableError):
        compiled(f, engine)(X.copy())


@every
def test_errors_are_those_of_the_function(engine: str) -> None:
    run = compiled(lambda x, y: x @ y, engine)
    with pytest.raises((ValueError, pg.PluggradError)):
        run(X, X)


def test_the_setting_of_jax_stays() -> None:
    jax = needs("jax")
    for setting in (False, True):
        with jax.enable_x64(setting):
            same(compiled(pg.grad(lambda x: pg.sum(x * x)), "jax")(X), 2 * X)
            assert jax.config.jax_enable_x64 is setting
            assert jax.numpy.ones(1).dtype == ("float64" if setting else "float32")


@every
def test_threads(engine: str) -> None:
    f = pg.value_and_grad(lambda x: pg.sum(pg.exp(-x * x) * x))
    run = compiled(f, engine)
    run(X)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).normal(size=X.shape)
        expected = f(x)
        for _ in range(30):
            value, g = run(x)
            if abs(value - expected[0]) > 1e-12 or np.abs(g - expected[1]).max() > 1e-12:
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and run.programs == 1


def test_tensors_that_torch_tracks_are_refused() -> None:
    torch = needs("torch")
    run = pg.compile(lambda x: x * 2.0, engine="torch")
    x = torch.ones(3)
    assert not run(x).requires_grad and run.programs == 1
    y = run(x.requires_grad_())
    assert y.requires_grad  # run as it is


def test_modes_of_torch() -> None:
    needs("torch")
    from pluggrad_torch.engine import TorchEngine

    run = TorchEngine("max-autotune-no-cudagraphs").make(lambda x: (x * 2.0,), [W])
    np.testing.assert_array_equal(run(W)[0], 2 * W)
    with pytest.raises(RuntimeError):
        TorchEngine("fastest")
