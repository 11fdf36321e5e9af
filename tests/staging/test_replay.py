"""`hvp` by programs: the same to the last bit as by walks, for every rule, and never a wrong one."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import backend_of, get_backend
from pluggrad.arrays.dispatch import xp
from pluggrad.errors import UntraceableError
from pluggrad.staging import replay
from pluggrad.staging.emit import emitted
from pluggrad.staging.engines import program_of
from tests.support.optional import needs
from tests.support.samples import (
    COMPLEX_ONLY,
    RULES,
    argument_at,
    arrays_in,
    calls_of,
    put_argument,
    resolve,
)

rng = np.random.default_rng(0)
X = rng.uniform(0.5, 2.0, size=4)
V = rng.normal(size=4)
A = rng.normal(size=(4, 4))
I = np.asarray([0, 1, 1])
ADAPTER = get_backend("numpy").adapter


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program is made when a structure comes the second time."""
    monkeypatch.setattr(replay, "OFTEN", 1)
    monkeypatch.setattr(replay, "PROGRAMS", {})


def by_walks(f: Callable[..., Any], x: Any, v: Any) -> Any:
    programs, ADAPTER.replays = replay.PROGRAMS, False
    try:
        return pg.hvp(f, x, v)
    finally:
        ADAPTER.replays = True
        assert replay.PROGRAMS is programs


def programs() -> list[Any]:
    return [p for p in replay.PROGRAMS.values() if callable(p)]


def same(got: Any, expected: Any) -> None:
    """The same to the last bit, and of the same type."""
    some, others = [x if isinstance(x, tuple) else (x,) for x in (got, expected)]
    for a, b in zip(some, others, strict=True):
        assert a.dtype == b.dtype and type(a) is type(b)
        np.testing.assert_array_equal(a, b)


def check(f: Callable[..., Any], *xs: Any, count: int = 1) -> None:
    """Programs are made of `f`, as many as said, and right at other inputs, too."""
    before = len(programs())
    for n in range(4):
        at = tuple(x * (1 + n / 8) for x in xs)
        v = tuple(np.asarray(rng.normal(size=x.shape), dtype=x.dtype) for x in xs)
        same(pg.hvp(f, at, v), by_walks(f, at, v))
    assert len(programs()) - before == count


# ---------------------------------------------------------------- each rule

WITHOUT = {"repeat"}  # by an array of counts: the walks stay


@pytest.mark.parametrize("name", sorted(set(RULES) - COMPLEX_ONLY))
def test_rule(name: str) -> None:
    for dtype in ("float64", "float32"):
        for call in calls_of(RULES[name], "numpy"):
            replay.PROGRAMS.clear()
            for seed in range(4):
                made = np.random.default_rng(seed)
                args, places = arrays_in(call, made, dtype)
                args = resolve(args, dtype, get_backend("numpy").xp)

                def f(*xs: Any, args: Any = args, places: Any = places, call: Any = call) -> Any:
                    args = list(args)
                    for place, x in zip(places, xs, strict=True):
                        put_argument(args, place, x)
                    y = getattr(pg, name)(*args, **call.kwargs)
                    y = pg.real(y) if "complex" in str(y.dtype) else y
                    return pg.sum(y * y)

                xs = tuple(argument_at(args, place) for place in places)
                v = tuple(np.asarray(made.normal(size=x.shape), dtype=x.dtype) for x in xs)
                same(pg.hvp(f, xs, v), by_walks(f, xs, v))
            if name not in WITHOUT:
                assert len(programs()) == 1


def written(x: Any) -> Any:
    y = pg.zeros(4)
    y[1:] = x[1:] * 2
    y[0] = x[0] ** 2
    y *= x
    return pg.sum(y * y)


def scanned(x: Any) -> Any:
    total = 0.0
    for i in range(3):
        total = total + x[i] * x[i + 1] ** 2
        total = total * pg.tanh(pg.sum(x))
    return total


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "slices": lambda x: pg.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "layers": lambda x: pg.sum(pg.tanh(A @ pg.tanh(A @ x)) ** 2) + pg.sum(pg.sin(x) * x),
    "quadratic form": lambda x: x @ A @ x,
    "softmax": lambda x: pg.sum(pg.special.softmax(x) ** 2),
    "logsumexp": pg.special.logsumexp,
    "special functions": lambda x: pg.sum(pg.special.gammaln(x) * pg.special.erf(x)),
    "fft": lambda x: pg.sum(pg.abs(pg.fft.fft(x * x)) ** 2),
    "einsum": lambda x: pg.einsum("i,ij,j,j->", x, A, x, x),
    "ties": lambda x: pg.max(pg.maximum(x, 1.0) ** 2) + pg.sum(pg.where(x > 1, x**3, x)),
    "sorted": lambda x: pg.sum(pg.sort(x) ** 3 * V),
    "integers": lambda x: pg.sum(x[np.asarray([0, 1, 1])] ** 3),
    "integers as a setting": lambda x: pg.sum(pg.roll(x * x, np.asarray([1, 1]), axis=(0, 0)) * x),
    "integers beside a slice": lambda x: pg.sum(pg.reshape(x, (2, 2))[I, :] ** 3),
    "integers again and again": lambda x: (
        pg.sum(x[I] ** 3 * x[I + 1] * x[I - 2]) * x[1] + x[0] ** 3
    ),
    "joined": lambda x: pg.sum(pg.concat([x, x * x, pg.stack([x[0], x[1]])]) ** 3),
    "complex numbers": lambda x: pg.sum(pg.abs(pg.exp(x * 1j) * x) ** 4),
    "written": written,
    "read one by one": scanned,
    "one number": lambda x: x[0],
    "constant gradient": lambda x: pg.sum(x) + pg.sum(pg.floor(x)),
    "nan and infinities": lambda x: pg.sum(pg.log(x - x) * x) + pg.sum(x / (x - x)),
}


#: Masks, and results in several parts.
WALKED: dict[str, Callable[[Any], Any]] = {
    "mask": lambda x: pg.sum(x[X > 1] ** 3),
    "masks": lambda x: pg.sum(x[X > 1][0] ** 3 * pg.sum(x[X > 0.6])) + pg.sum(x[X < 1] * 2.0) ** 2,
    "linalg": lambda x: pg.linalg.slogdet(pg.linalg.diagonal(A @ A.T) + pg.eye(4) * x)[1],
    "solve": lambda x: pg.sum(pg.linalg.solve(A + pg.eye(4) * x, x) ** 2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    if name == "special functions":
        needs("scipy")
    with np.errstate(all="ignore"):
        check(FUNCTIONS[name], X)


@pytest.mark.parametrize("name", WALKED)
def test_function_that_is_walked(name: str) -> None:
    check(WALKED[name], X, count=0)


def test_pytrees_and_several_arguments() -> None:
    def f(tree: Any, b: Any, unused: Any) -> Any:
        return pg.sum(tree["w"] ** 2 * b) + pg.sum(pg.exp(tree["s"]) * b)

    for n in range(4):
        primals = ({"w": X * n, "s": np.asarray(0.5)}, X, X)
        tangents = ({"w": V, "s": np.asarray(1.0)}, V, V * n)
        got, expected = pg.hvp(f, primals, tangents), by_walks(f, primals, tangents)
        same((*got[0].values(), *got[1:]), (*expected[0].values(), *expected[1:]))
        np.testing.assert_array_equal(got[2], np.zeros(4))
    assert len(programs()) == 1


# ---------------------------------------------------------------- what tells structures apart


def each(*settings: Any, of: Callable[[Any], Callable[..., Any]]) -> list[Callable[..., Any]]:
    return [of(s) for s in settings]


#: Functions that differ in one thing only; no two of them may share a program.
FAMILIES: dict[str, list[Callable[..., Any]]] = {
    "numbers": each(2, 2.0, 3.0, 1, True, -2.0, np.inf, of=lambda c: lambda x: pg.sum(x**3 * c)),
    "signs of zero": each(0.0, -0.0, of=lambda c: lambda x: pg.sum(x * x * x * c)),
    "exponents": each(2, 3, 4, 2.5, -1, of=lambda c: lambda x: pg.sum(x**c)),
    "axes": each(0, 1, of=lambda n: lambda x: pg.sum(pg.sum((x * pg.asarray(A)) ** 2, axis=n) ** 2)),
    "slices": each(
        slice(1, 3), slice(0, 2), slice(None, None, 2), slice(3, None, -2),
        of=lambda s: lambda x: pg.sum(x[s] ** 3),
    ),
    "places": each(0, 1, -1, of=lambda i: lambda x: x[i] ** 3),
    "bounds": each(0.9, 1.1, of=lambda b: lambda x: pg.sum(pg.clip(x, b, None) ** 3)),
    "orders": each((0, 1), (1, 0),
                   of=lambda p: lambda x: pg.sum(pg.permute_dims(x * A, p) ** 3 * A)),
    "dtypes": each(np.float32, np.float64, of=lambda d: lambda x: pg.sum(pg.astype(x, d) ** 3)),
    "functions": each(pg.sin, pg.cos, pg.exp, of=lambda f: lambda x: pg.sum(f(x))),
    "operands": [
        lambda x: pg.sum((x * x) / (x + 1)), lambda x: pg.sum((x + 1) / (x * x)),
        lambda x: pg.sum((x * x) - (x + 1) ** 2), lambda x: pg.sum((x + 1) - (x * x) ** 2),
    ],
    "sharing": [
        lambda x: (lambda a: pg.sum(a * a * pg.exp(x)))(pg.sin(x)),
        lambda x: (lambda a, b: pg.sum(a * b * pg.exp(x)))(pg.sin(x), pg.sin(x)),
        lambda x: (lambda a, b: pg.sum(a * b + a))(pg.sin(x), pg.sin(pg.sin(x))),
        lambda x: (lambda a, b: pg.sum(a * b + b))(*(lambda a: (a, pg.sin(a)))(pg.sin(x))),
        lambda x: (lambda a, b: pg.sum(a * b + a))(*(lambda a: (a, pg.sin(a)))(pg.sin(x))),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_structures_are_told_apart(name: str) -> None:
    for _ in range(3):
        for f in FAMILIES[name]:
            got, expected = pg.hvp(f, (X,), (V,)), by_walks(f, (X,), (V,))
            same(got, expected)
            np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))
    assert len(programs()) == len(replay.PROGRAMS) > 1


def test_arguments_are_told_apart() -> None:
    for _ in range(3):
        for f in (lambda a, b: pg.sum(a * a * b), lambda a, b: pg.sum(b * b * a)):
            same(pg.hvp(f, (X, V), (V, X)), by_walks(f, (X, V), (V, X)))
    assert len(programs()) == 2


def test_shapes_and_dtypes_are_told_apart() -> None:
    f = lambda x: pg.sum(pg.sum(x, axis=0) ** 2 * x)
    arrays = [X, X[:3], X[:0], A, A.T, A[::2], X.astype(np.float32), X.astype(">f8"), A[:, :1]]
    for _ in range(3):
        for x in arrays:
            same(pg.hvp(f, (x,), (x,)), by_walks(f, (x,), (x,)))
    assert len(programs()) == len(arrays) - 1  # A and A.T are alike


def test_numbers_that_change() -> None:
    arrays, integers, masks = [X, V], [np.asarray([0, 1]), np.asarray([2, 0])], [X > 1, X > 0]
    for n in range(4):
        for c in arrays:  # an array is an input, not a constant
            f = lambda x, c=c: pg.sum((x * c) ** 3)
            same(pg.hvp(f, (X,), (V,)), by_walks(f, (X,), (V,)))
        for key in integers + masks:
            f = lambda x, key=key: pg.sum(x[key] ** 3)
            same(pg.hvp(f, (X,), (V,)), by_walks(f, (X,), (V,)))
            f = lambda x, key=key: pg.sum(pg.where(key[0] > 0, x, x * x) ** 3)
            same(pg.hvp(f, (X,), (V,)), by_walks(f, (X,), (V,)))
        f = lambda x, n=n: pg.sum(x**3 * (n + 0.5))  # a number is a constant
        same(pg.hvp(f, (X,), (V,)), by_walks(f, (X,), (V,)))


def test_settings_that_are_numpy_integers() -> None:
    f = lambda n: lambda x: pg.sum(pg.special.softmax(x, axis=n) * V) + pg.sum(x[n:, ...] ** 3)
    g = lambda n: lambda x: pg.sum(pg.sum(x * x, axis=(np.int64(n),)) ** 2)
    for _ in range(3):
        for n in (0, 1):
            for h in (f(np.int64(n)), f(np.asarray(n)), f(n), g(n)):
                same(pg.hvp(h, (A,), (A.T,)), by_walks(h, (A,), (A.T,)))
            same(pg.hvp(f(np.int32(n)), (A,), (A,)), by_walks(f(n), (A,), (A,)))


def test_masks_that_write_more_or_less() -> None:
    def f(x: Any, s: Any, mask: Any) -> Any:
        z = x * x
        z[mask] = s
        return pg.sum(z**3)

    one = np.asarray(1.5)
    for _ in range(3):
        for mask in (X > 1, X > 0.6, X > 10, X > 0):
            g = lambda x, s, mask=mask: f(x, s, mask)
            same(pg.hvp(g, (X, one), (V, one)), by_walks(g, (X, one), (V, one)))


def test_sums_keep_their_layout() -> None:
    """Which decides in what order later sums are."""
    n = 24
    d = rng.normal(size=(n, n))

    def f(x: Any, y: Any) -> Any:
        z = pg.exp(x) + y
        return pg.sum(pg.sin(z) * d) + pg.sum(pg.matrix_transpose(z) ** 2 * z)

    zeros = np.zeros((n, n))
    for k in range(6):
        x, y, v = [rng.normal(size=(n, n)) if k > 2 else zeros for _ in range(3)]
        got, expected = pg.hvp(f, (x, y), (v, x)), by_walks(f, (x, y), (v, x))
        same(got, expected)
        assert [a.strides for a in got] == [a.strides for a in expected]
    assert len(programs()) == 1


def test_large_arrays_are_walked() -> None:
    """NumPy writes into temporary arrays of 256 kB, in their layout: sums are in another order."""
    f = lambda x: pg.sum(pg.cos(pg.matrix_transpose(x) * x) * pg.sin(x)) ** 2
    zeros = np.zeros((182, 182))
    for k in range(5):
        x = zeros if k < 2 else rng.normal(size=(182, 182))
        same(pg.hvp(f, (x,), (x,)), by_walks(f, (x,), (x,)))
        g = lambda x: f(x[:, None] * x)  # large in between
        same(pg.hvp(g, (x[0],), (x[1],)), by_walks(g, (x[0],), (x[1],)))
    assert not programs()


def test_joining_many_arrays_takes_no_longer() -> None:
    def f(x: Any, c: float) -> Any:
        return pg.sum(pg.concat([x[i : i + 1] * c for i in range(300)]) ** 3)

    x = np.ones(300)
    for k in range(4):
        same(pg.hvp(lambda x, k=k: f(x, 1.0 + k), (x,), (x,)), 6 * (1.0 + k) ** 3 * x)
    assert sum([len(key) for key in replay.PROGRAMS]) < 4 * 20 * replay.LIMIT


def test_programs_hold_no_large_constants() -> None:
    f = lambda x: pg.mean(pg.cumulative_sum(x**3))
    small, large = np.ones(100), np.ones(100_000)
    for _ in range(4):
        same(pg.hvp(f, (small,), (small,)), by_walks(f, (small,), (small,)))
        same(pg.hvp(f, (large,), (large,)), by_walks(f, (large,), (large,)))
    assert len(programs()) == 1


def test_a_program_that_fails_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*values: Any) -> Any:
        if len(calls) > 0:
            raise ValueError("shapes")
        calls.append(1)
        return (6 * X * V,)

    calls: list[int] = []
    monkeypatch.setattr(replay, "_compiled", lambda *args: fails)
    monkeypatch.setattr(replay, "_same", lambda *args: True)
    for _ in range(4):
        np.testing.assert_allclose(pg.hvp(lambda x: pg.sum(x**3), (X,), (V,)), 6 * X * V)
    assert calls == [1] and list(replay.PROGRAMS.values()) == [None]
    with np.errstate(divide="raise"):
        f = lambda x: pg.sum(pg.log(x) * x)
        zero = np.zeros(4)
        for _ in range(4):
            with pytest.raises(FloatingPointError):
                pg.hvp(f, (zero,), (V,))


def test_masks_that_select_more_or_less() -> None:
    def f(x: Any, mask: Any) -> Any:
        y = x[mask]
        return pg.sum(y) ** 3 + pg.sum(pg.sin(y[:1] * 2.0)) + pg.sum(pg.sum(x * 1.0) * y * 3.0) ** 2

    x, bounds = X.copy(), np.sort(X)[:, None]
    masks = [*(x > bounds), *(x < bounds)]
    for _ in range(3):
        for mask in masks:
            g = lambda x, mask=mask: f(x, mask)
            same(pg.hvp(g, (X,), (V,)), by_walks(g, (X,), (V,)))
    assert not programs()


# ---------------------------------------------------------------- where the walks stay


def test_hooks_are_called() -> None:
    def f(x: Any) -> Any:
        y = x * x
        y.register_hook(lambda g: g * 10)
        return pg.sum(y * x)

    def g(x: Any) -> Any:
        x.register_hook(lambda g: g * 10)
        return pg.sum(x * x * x)

    for _ in range(4):
        same(pg.hvp(f, (X,), (V,)), by_walks(f, (X,), (V,)))
        assert not np.allclose(pg.hvp(f, (X,), (V,)), 6 * X * V)
        same(pg.hvp(g, (X,), (V,)), by_walks(g, (X,), (V,)))
        assert not np.allclose(pg.hvp(g, (X,), (V,)), 6 * X * V)
    assert not replay.PROGRAMS


def test_modes_hold() -> None:
    f = lambda x: pg.sum(pg.where(x > 1, pg.sqrt(x - 1), 0.0))
    x = np.asarray([1.0, 2.0])
    with np.errstate(all="ignore"):
        for _ in range(3):
            assert np.isnan(pg.hvp(f, (x,), (x,))[0])
            with pg.strong_zeros():
                assert pg.hvp(f, (x,), (x,))[0] == 0
        assert len(programs()) == 1
        with pg.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="sqrt"):
            pg.hvp(f, (x,), (x,))


def test_the_function_is_the_identity() -> None:
    for _ in range(4):
        assert pg.hvp(lambda x: x, (X[0],), (V[0],)) == 0
        assert pg.hvp(lambda x, y: y, (X[0], X[1]), (V[0], V[1])) == (0, 0)


def test_levels_around() -> None:
    f = lambda x, c: pg.sum(pg.tanh(x) ** 2 * c * x)
    outer = lambda c: pg.sum(pg.hvp(lambda x: f(x, c), (X,), (V,)))
    expected = pg.grad(lambda c: pg.sum(pg.hessian(lambda x: f(x, c))(X) @ V))(X)
    for _ in range(3):
        np.testing.assert_allclose(pg.grad(outer)(X), expected)
        mapped = pg.vmap(lambda c: pg.hvp(lambda x: f(x, c), (X,), (V,)))(A)
        np.testing.assert_allclose(mapped[1], pg.hessian(lambda x: f(x, A[1]))(X) @ V)
        along = pg.jvp(outer, (X,), (V,))[1]
        np.testing.assert_allclose(along, pg.sum(expected * V).item())
    assert not programs()


def test_operations_of_ones_own_are_called() -> None:
    calls = []

    @pg.custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    def back(x: Any, g: Any) -> Any:
        calls.append(1)
        return (g * 3 * x**2,)

    cube.defvjp(lambda x: (cube(x), x), back)
    for _ in range(3):
        before = len(calls)
        y = pg.hvp(lambda x: pg.sum(cube(x) * x), (X,), (V,))
        np.testing.assert_allclose(y, 12 * X**2 * V)
        assert len(calls) > before
    assert not programs()


def test_variables_captured() -> None:
    w = pg.Variable(X, requires_grad=True)
    for n in range(3):
        y = pg.hvp(lambda x: pg.sum((x * w) ** 3), (X,), (V,))
        np.testing.assert_allclose(y.data, 6 * X**4 * V)
        pg.sum(y).backward()
        np.testing.assert_allclose(w.grad.data, (n + 1) * 18 * X**3 * V)


# ---------------------------------------------------------------- results, memory, threads


def test_results_are_arrays_of_their_own() -> None:
    halves = lambda x: pg.sum(x * x) / 2  # its Hessian hands the tangent on
    views = lambda x: pg.sum(pg.reshape(x, (2, 2)) ** 2) / 2 + pg.sum(x[::-1])
    for f in (halves, views):
        for _ in range(4):
            v = V.copy()
            got = pg.hvp(f, (X,), (v,))
            got[:] = 0.0
            np.testing.assert_array_equal(v, V)
    both = lambda a, b: pg.sum(a * b)
    for _ in range(4):
        v, w = V.copy(), 2 * V
        a, b = pg.hvp(both, (X, X), (v, w))
        np.testing.assert_array_equal(a, w)
        a[:] = b[:] = 0.0
        np.testing.assert_array_equal(w, 2 * v)
        np.testing.assert_array_equal(v, V)
    added = lambda a, b: pg.sum((a + b) ** 2)
    for _ in range(4):
        a, b = pg.hvp(added, (X, X), (V, V))
        a[:] = 0.0
        np.testing.assert_array_equal(b, 4 * V)


def test_constants_of_a_program_are_not_written() -> None:
    f = lambda x: pg.sum(x[1:] * x[:-1] ** 2) + pg.sum(x[::2] ** 3) + pg.sum(x)
    first = [pg.hvp(f, (X,), (V,)) for _ in range(5)]
    for other in first[1:]:
        same(other, first[0])


def test_bits_decide() -> None:
    nan = np.asarray([np.nan, 1.0])
    numpy = get_backend("numpy")
    assert replay._same([X, None, nan], [X.copy(), None, nan.copy()], numpy)
    for x in (X[:3], X.astype(np.float32), X + 1e-15, None):
        assert not replay._same([X], [x], numpy)
        assert not replay._same([x], [X], numpy)
    assert not replay._same([X[0]], [np.asarray(X[0])], numpy)


def test_a_program_that_differs_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_compiled", lambda *args: lambda *values: (V,))
    for _ in range(4):
        np.testing.assert_allclose(pg.hvp(lambda x: pg.sum(x**3), (X,), (V,)), 6 * X * V)
    assert list(replay.PROGRAMS.values()) == [None]


def test_programs_hold_no_arrays() -> None:
    big = rng.normal(size=1000)
    gone = weakref.ref(big)

    def f(x: Any, c: Any) -> Any:
        return pg.sum(pg.tanh(x * c) ** 2)

    for _ in range(4):
        pg.hvp(lambda x, c=big: f(x, c), (X[0] * np.ones(1000),), (np.ones(1000),))
    assert len(programs()) == 1
    del big
    gc.collect()
    assert gone() is None


def test_the_number_of_programs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "SIZE", 8)
    for n in range(30):
        for _ in range(3):
            y = pg.hvp(lambda x, n=n: pg.sum(x**3 * n), (X,), (V,))
            np.testing.assert_allclose(y, 6 * X * n * V)
        assert len(replay.PROGRAMS) <= 8


def test_long_graphs_are_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "LIMIT", 10)

    def f(x: Any) -> Any:
        for _ in range(10):
            x = pg.sin(x) * 1.5
        return pg.sum(x)

    for _ in range(3):
        same(pg.hvp(f, (X,), (V,)), by_walks(f, (X,), (V,)))
    assert not replay.PROGRAMS


def test_threads() -> None:
    inputs = [X * (1 + n / 100) for n in range(40)]
    wrong: list[Any] = []

    def work(f: Callable[[Any], Any], expected: list[Any]) -> None:
        for _ in range(5):
            for x, y in zip(inputs, expected, strict=True):
                if not np.array_equal(pg.hvp(f, (x,), (V,)), y):
                    wrong.append(x)

    names = ("slices", "layers", "written", "joined")
    ask = {n: [by_walks(FUNCTIONS[n], (x,), (V,)) for x in inputs] for n in names}
    threads = [threading.Thread(target=work, args=(FUNCTIONS[n], ask[n])) for n in names * 2]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_only_what_comes_often_becomes_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "OFTEN", 5)
    made = []
    for _ in range(8):
        pg.hvp(FUNCTIONS["layers"], (X,), (V,))
        made.append(len(programs()))
    assert made == [0] * 5 + [1] * 3


# ---------------------------------------------------------------- programs by themselves


def traced(f: Callable[..., Any], *args: Any) -> Callable[..., Any]:
    def function(*arrays: Any) -> list[Any]:
        y = f(*arrays)
        return list(y) if isinstance(y, tuple) else [y]

    return emitted(program_of(function, args, set()))


def test_a_program_computes_what_was_traced() -> None:
    def f(x: Any, y: Any) -> Any:
        z = xp.sin(x) * y - 2.0 / x + (1.0 - y) ** 2 @ A
        i = xp.astype(x > y, np.int64)
        return z[1:], -z, xp.where(x > y, x, xp.sum(y, axis=0)), None, np.ones(2), x, z[i, ...]

    program = traced(f, X, V)
    got = program(V, X)
    z = np.sin(V) * X - 2.0 / V + (1.0 - X) ** 2 @ A
    i = (V > X).astype(np.int64)
    expected = (z[1:], -z, np.where(V > X, V, np.sum(X)), None, np.ones(2), V, z[i])
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    got[4][:] = 0.0  # a constant stays as it is
    np.testing.assert_array_equal(program(V, X)[4], np.ones(2))


def test_what_no_output_needs_is_left_out() -> None:
    def f(x: Any) -> Any:
        xp.sin(x)
        return xp.cos(x)

    assert "sin" not in [c.__name__ for c in traced(f, X).__globals__.values() if callable(c)]


def test_constants_are_not_written() -> None:
    zeros = np.zeros(4)
    added = traced(lambda x: ADAPTER.scatter_add(zeros, [(slice(0, 2), x[:2]), (1, x[0])]), X)
    put = traced(lambda x: backend_of(x).raw("put_in_place")(x[0], zeros, 0), X)
    for _ in range(3):
        np.testing.assert_array_equal(added(X)[0], [X[0], X[0] + X[1], 0.0, 0.0])
        np.testing.assert_array_equal(put(X)[0], [X[0], 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(zeros, 0.0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x[0] > 0 else -x,
        lambda x: x * float(x[0]),
        lambda x: x[int(x[0])],
        lambda x: x[x > 1],
        lambda x: x[(0 * x == 0) & (x > 1)],
        lambda x: x[(x > 1,)],
        lambda x: backend_of(x).raw("getitem")(x, (x > 1, ...)),
        lambda x: xp.nonzero(x)[0],
        lambda x: xp.unique_values(x),
        lambda x: xp.repeat(x, xp.astype(x, np.int64)),
        lambda x: np.asarray(x),
        lambda x: x.tolist(),
    ],
)
def test_what_depends_on_values_is_not_traced(f: Callable[[Any], Any]) -> None:
    with pytest.raises((UntraceableError, TypeError)):
        traced(f, X)
