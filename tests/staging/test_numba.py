"""The engine `numba`: loops, their edges, and what stays NumPy."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import optree
import pytest

import pluggrad as pg
from pluggrad.staging.emit import emitted
from pluggrad.staging.engines import program_of
from tests.support.optional import needs

needs("numba")

from pluggrad_numba.groups import in_loops
from pluggrad_numba.loops import CALLED, EXPRESSIONS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))


def check(f: Callable[..., Any], *args: Any, rtol: float = 1e-12) -> Any:
    """The compiled `f` gives what `f` does, twice, and the same dtypes and types."""
    run = pg.compile(f, engine="numba", on_break="error")
    run(*args)
    with np.errstate(all="ignore"):
        found, expected = run(*args), f(*args)
    assert run.programs == 1
    pairs = (
        zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
    )
    for a, b in pairs:
        assert type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
    return run


def loops_of(f: Callable[..., Any], *args: Any) -> list[Any]:
    """The names of the calls in the program of `f`."""
    program = in_loops(program_of(lambda *xs: optree.tree_leaves(f(*xs)), args, set()))
    return [call.name for call in program.calls]


#: Where functions turn, and where they end.
CORNERS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 2.0, 1e-300, -1e300, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_function_at_its_corners(dtype: str) -> None:
    names = sorted({*CALLED, *EXPRESSIONS} - {"where"})
    with np.errstate(over="ignore"):
        pairs = np.asarray([(a, b) for a in CORNERS for b in CORNERS], dtype)
    x, y = pairs[:, 0].copy(), pairs[:, 1].copy()

    def f(x: Any, y: Any) -> Any:
        return tuple([ufunc(*(x, y)[: ufunc.nin]) for ufunc in map(np.__dict__.get, names)])

    with np.errstate(all="ignore"):
        assert set(loops_of(f, x, y)) == {"loop"}
        run = pg.compile(f, engine="numba", on_break="error")
        for found, expected, name in zip(run(x, y), f(x, y), names, strict=True):
            assert found.dtype == expected.dtype, name
        found = run(x, y)
        for a, b, name in zip(found, f(x, y), names, strict=True):
            assert a.dtype == b.dtype, name
            rtol = 1e-13 if dtype == "float64" else 1e-5
            np.testing.assert_allclose(a, b, rtol=rtol, err_msg=name)
            zero = (b == 0) & (x != 0)
            if b.dtype.kind == "f":
                np.testing.assert_array_equal(np.signbit(a[zero]), np.signbit(b[zero]), name)


def test_powers() -> None:
    x = np.asarray(CORNERS)
    for p in (2, 1, 0.5, -1, 3, -2, 0, 2.0, 1.5):
        with np.errstate(all="ignore"):
            check(lambda x, p=p: operator.pow(x, p) + x * 0.0, x)


SHAPES = [((4, 3), (4, 3)), ((4, 3), (3,)), ((4, 1), (1, 3)), ((4, 1), (3,)), ((4, 3), ()),
          ((2, 1, 3), (4, 1)), ((1,), (5,)), ((1, 1), (1,)), ((0, 3), (3,)), ((1, 0), (1,))]  # fmt: skip


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_broadcast(shapes: Any) -> None:
    a, b = (RNG.normal(size=shape) for shape in shapes)
    check(lambda a, b: (np.tanh(a * b + 1.0) * a, np.sum(np.exp(a - b) * 2.0 + b)), a, b)


def test_axes_of_sums() -> None:
    x = RNG.normal(size=(3, 4, 5))
    for axis in (None, 0, 1, -1, (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        for keepdims in (False, True):
            check(lambda x, axis=axis, keep=keepdims: (
                np.sum(x * x + 1.0, axis=axis, keepdims=keep), np.sin(x * 2.0)
            ), x)  # fmt: skip
    check(lambda x: (np.max(x * 2.0 - 1.0), np.min(np.sin(x) + x), np.sum(x + x * x)), x)
    nans = x.copy()
    nans[1, 2, 3] = np.nan
    check(lambda x: (np.max(x * 2.0 - 1.0), np.min(np.sin(x) + x), np.sum(x + x * x)), nans)


def test_sums_of_many_elements_are_precise() -> None:
    x = np.full(3_000_001, 0.1)
    run = check(lambda x: np.sum(x * 1.0 + 0.2), x, rtol=1e-14)
    rows = RNG.random((3, 100_001)) + 1e3
    check(lambda x: (np.sum(x * 1.0 + 0.2, axis=1), np.sum(x + x * 0.5, axis=0)), rows, rtol=1e-14)
    check(lambda x: np.sum(x * 2.0 + np.inf), rows)
    tall = rows.astype("float32").T.copy()
    for axis in (0, 1):  # NumPy itself is off by a thousandth along the first
        f = lambda x, axis=axis: np.sum(x * 1.5 + 0.25, axis=axis)
        exact = np.sum(tall.astype("float64") * 1.5 + 0.25, axis=axis)
        loop = in_loops(program_of(lambda x, f=f: (f(x),), [tall], set()))
        found = emitted(loop)(tall)[0]
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, exact, rtol=1e-6)
    single = x.astype("float32")
    exact = np.sum(single.astype("float64") + np.float64(np.float32(0.2)))
    own = abs(np.sum(single * 1.0 + 0.2) / exact - 1)  # 3e-6 in NumPy 2.2
    assert abs(run(single) / exact - 1) <= max(own, 1e-6)


def test_layouts() -> None:
    wide = RNG.normal(size=(8, 6))
    fixed = X.copy()
    fixed.flags.writeable = False
    for x in (X, X.T, wide[::2, ::2], wide[::-1, 1:4], fixed, np.broadcast_to(X[0], (5, 3)),
              X[:, 0], X.reshape(-1)[::-2]):  # fmt: skip
        check(lambda x: (np.tanh(x * 2.0 + 1.0), np.sum(x * x - 1.0)), x)


def test_loops_are_as_long_as_can_be() -> None:
    f = pg.value_and_grad(lambda x: pg.sum(pg.tanh(pg.sin(x) * x + 0.1) ** 2))
    assert loops_of(f, X[0]) == ["run"]  # a loop, whose first result is made a NumPy scalar
    names = loops_of(lambda x: np.sum(np.tanh(x @ x.T + 1.0) * 2.0), X)
    assert names == ["T", "matmul", "run"]


def test_loops_alike_are_compiled_once() -> None:
    def f(x: Any) -> Any:
        for _ in range(5):
            x = x[1:-1] + 0.1 * (x[2:] - 2.0 * x[1:-1] + x[:-2])
        return x

    program = in_loops(program_of(lambda x: (f(x),), [np.ones(20)], set()))
    loops = [call.function for call in program.calls if call.name == "loop"]
    assert len(loops) == 5 and len(set(map(id, loops))) == 1
    check(f, RNG.normal(size=20))


def test_writes_keep_their_order() -> None:
    def f(x: Any) -> Any:
        u = x * 2.0
        before = u + 1.0
        u[1:] = before[:-1] * 3.0
        after = u * u + before
        u += after
        np.add(u, x, out=u)
        return u, after, before, np.sum(u * 1.5 + after)

    check(f, X)


def test_other_dtypes_stay_with_numpy() -> None:
    check(lambda x: (x * 2 + 1, np.sum(x * x + 1)), np.arange(5))
    check(lambda x: (x * 2.0 + 1.0, np.abs(np.exp(x) * x)), X + 1j * X)
    check(lambda x, i: (x * i + 1.0, np.sin(x) * i), X, np.arange(3))
    check(lambda x, m: (x * m + 1.0, np.where(m, x * 2.0, -x), m & (x > 0)), X, X > 0)
    single = X.astype("float32")
    check(lambda x, y: (x * y + 1.0, np.sin(x) + x), single, X, rtol=1e-6)
    check(lambda x, y: (x * 0.1, y * 0.1, np.sin(x), np.sin(y), x * x, y * y), single, X, rtol=1e-6)
    check(
        lambda x, s: (x * s + 1.0, np.sin(x) + s), X.astype("float32"), np.float64(2.0), rtol=1e-6
    )
    two = np.asarray(2.0, "float32")
    check(lambda x, s: (x * s + 1.0, np.sin(x) + s), X.astype("float32"), two, rtol=1e-6)


def test_floats_vary() -> None:
    run = pg.compile(lambda x, rate: x - rate * np.sin(x), engine="numba", on_break="error")
    for rate in (1.0, 2.0, np.inf):
        np.testing.assert_allclose(run(X, rate), X - rate * np.sin(X), rtol=1e-15)
        assert run(X.astype("float32"), rate).dtype == "float32"
    assert run.programs == 2


def test_training() -> None:
    def step(w: Any, x: Any, rate: float) -> Any:
        def loss(w: Any) -> Any:
            h = pg.tanh(x @ w["in"] + w["bias"])
            z = pg.log(pg.sum(pg.exp(h), axis=1, keepdims=True))
            return pg.mean((h - z) ** 2) + pg.sum(pg.where(h > 0, h, 0.1 * h))

        value, g = pg.value_and_grad(loss)(w)
        return value, {key: w[key] - rate * g[key] for key in w}

    run = pg.compile(step, engine="numba", on_break="error")
    for seed in range(3):
        r = np.random.default_rng(seed)
        w = {"in": r.normal(size=(3, 5)), "bias": r.normal(size=5)}
        value, new = run(w, X, 0.1 * seed)
        expected, wanted = step(w, X, 0.1 * seed)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        for key in w:
            np.testing.assert_allclose(new[key], wanted[key], rtol=1e-11, atol=1e-14)
            assert new[key].flags.writeable
    assert run.programs == 1


def test_threads() -> None:
    f = pg.value_and_grad(lambda x: pg.sum(pg.exp(-x * x) * x))
    run = pg.compile(f, engine="numba", on_break="error")
    wrong: list[Any] = []

    def work(seed: int) -> None:
        x = np.random.default_rng(seed).normal(size=1000)
        expected = f(x)
        for _ in range(50):
            value, g = run(x)
            if abs(value - expected[0]) > 1e-9 or np.abs(g - expected[1]).max() > 1e-12:
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_long_programs_take_linear_time() -> None:
    def f(x: Any) -> Any:
        for n in range(300):
            x = np.tanh(x * 1.01 + 0.1)
            if n % 3 == 0:
                x = np.cumsum(x)
        return x

    program = in_loops(program_of(lambda x: (f(x),), [np.ones(4)], set()))
    assert [call.name for call in program.calls].count("loop") >= 100
    assert all(call.name in ("loop", "cumsum") for call in program.calls)
