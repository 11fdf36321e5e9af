"""vmap: every rule of the rule book against a loop over rows, and what must not be batched.

For each sample call of each function, with all arguments mapped and with each of them alone: the
values, the gradient of the mapped function and the mapped gradient are those of the rows.
"""

# ruff: noqa: B023
from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import PRIMITIVES, get_backend
from tests.support.arrays import closeness, convert, numbers, stacked, to_numpy
from tests.support.backends import OTHERS
from tests.support.fft_rows import FFT_ROWS, FROM_REAL
from tests.support.linalg_rows import LINALG_CASES, LINALG_ROWS
from tests.support.samples import COMPLEX_ONLY, REAL_ONLY, RULES, A, calls_of
from tests.support.slow import slow_if

SIZE = 3
X = np.random.default_rng(3).random((SIZE, 3, 4, 5))


close = closeness(rtol=1e-9, atol=1e-9, same_type=True, scaled=True)


def check(f: Any, shapes: list[Any], dtype: str, backend: str, *, grads: bool = True) -> None:
    """`f` of arrays, whose entries in `shapes` are the `A` to make them from."""
    rng = np.random.default_rng(zlib.crc32(repr(shapes).encode()))
    count = len(shapes)
    patterns = [(True,) * count]
    if count > 1:
        patterns += [tuple([i == j for j in range(count)]) for i in range(count)]
        patterns = patterns[: 2 if backend != "numpy" else None]
    for on in patterns:
        batch = [
            np.stack([a.make(rng, dtype) for _ in range(SIZE)]) if mapped else a.make(rng, dtype)
            for a, mapped in zip(shapes, on, strict=True)
        ]
        axes = tuple([0 if mapped else None for mapped in on])
        rows = [
            [x[i] if mapped else x for x, mapped in zip(batch, on, strict=True)]
            for i in range(SIZE)
        ]
        what = f"{shapes} {axes}"
        given = [convert(np.asarray(x), backend) for x in batch]

        def flat(*xs: Any) -> list[Any]:
            y = f(*xs)
            return list(y) if isinstance(y, (list, tuple)) else [y]

        values = [
            numbers(flat(*[pg.Variable(convert(np.asarray(x), backend)) for x in row]))
            for row in rows
        ]
        close(pg.vmap(flat, axes)(*given), stacked(values), what)
        if not grads:
            continue
        cotangents = [
            np.asarray(rng.standard_normal(v.shape), dtype=v.dtype) for v in stacked(values)
        ]
        numbers_of = range(count)

        def loss(ys: Any, gs: Any) -> Any:
            total: Any = 0.0
            for y, g in zip(ys, gs, strict=True):
                if y.dtype in get_backend(backend).float_dtypes:
                    total = total + pg.sum(pg.real(y * g))
            return total

        gs = [convert(g, backend) for g in cotangents]
        by_row = [
            numbers(
                pg.grad(
                    lambda *xs, i=i: loss(
                        flat(*xs), [convert(np.asarray(g[i]), backend) for g in cotangents]
                    ),
                    tuple(numbers_of),
                )(*[convert(np.asarray(x), backend) for x in row])
            )
            for i, row in enumerate(rows)
        ]
        per_row = stacked(by_row)
        inside = pg.vmap(
            lambda gs, *xs: pg.grad(lambda *xs: loss(flat(*xs), gs), tuple(numbers_of))(*xs),
            (0, *axes),
        )(gs, *given)
        close(inside, per_row, f"vmap of grad, {what}")
        outside = pg.grad(lambda *xs: loss(pg.vmap(flat, axes)(*xs), gs), tuple(numbers_of))(*given)
        expected = [g if mapped else g.sum(0) for g, mapped in zip(per_row, on, strict=True)]
        close(outside, expected, f"grad of vmap, {what}")


def function_of(name: str, call: Any, dtype: str, backend: str) -> tuple[Any, list[Any]]:
    """A function of the arrays in `call` alone, and what to make these from."""
    shapes: list[Any] = []
    for x in call.args:
        shapes += [x] if isinstance(x, A) else x if isinstance(x, list) else []
    xp = get_backend(backend).xp
    target = "complex128" if dtype.startswith("complex") else "float32"

    def f(*arrays: Any) -> Any:
        rest = iter(arrays)
        args = [
            next(rest) if isinstance(x, A)
            else [next(rest) for _ in x] if isinstance(x, list)
            else getattr(xp, target) if isinstance(x, str)
            else convert(x, backend)
            for x in call.args
        ]  # fmt: skip
        function: Any = pg.namespace(backend)
        for part in name.split("."):
            function = getattr(function, part)
        return function(*args, **call.kwargs)

    return f, shapes


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", sorted(RULES))
def test_rules(name: str, dtype: str) -> None:
    if dtype.startswith("complex") and name in REAL_ONLY:
        pytest.skip("real only")
    if not dtype.startswith("complex") and name in COMPLEX_ONLY:
        pytest.skip("complex only")
    for call in calls_of(PRIMITIVES[name], "numpy"):
        f, shapes = function_of(name, call, dtype, "numpy")
        check(f, shapes, dtype, "numpy")


@pytest.mark.parametrize("name, backend", [
    slow_if(backend == "jax" and n % 3 > 0, name, backend)
    for n, name in enumerate(sorted(RULES)) for backend in OTHERS
])  # fmt: skip
def test_rules_elsewhere(name: str, backend: str) -> None:
    if name in COMPLEX_ONLY:
        pytest.skip("complex only")
    if not get_backend(backend).has(name):
        pytest.skip("the library has no such function")
    calls = calls_of(PRIMITIVES[name], backend)
    for call in calls[: 1 if backend == "jax" else None]:
        f, shapes = function_of(name, call, "float64", backend)
        check(f, shapes, "float64", backend)


@pytest.mark.parametrize("f, shapes, dtype", LINALG_ROWS)
def test_linalg(f: Any, shapes: Any, dtype: str) -> None:
    check(f, [A(shape) for shape in shapes], dtype, "numpy")


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize(
    "name", ["solve", "solve vector", "det", "inv", "qr, r", "svdvals", "cholesky"]
)
def test_linalg_elsewhere(name: str, backend: str) -> None:
    f, cases = LINALG_CASES[name]
    shapes = cases[0] if isinstance(cases[0][0], tuple) else (cases[0],)
    check(f, [A(shape) for shape in shapes], "float64", backend)


@pytest.mark.parametrize("name, shape, kwargs", FFT_ROWS)
def test_fft(name: str, shape: Any, kwargs: Any) -> None:
    dtype = "float64" if name in FROM_REAL else "complex128"
    check(lambda x: getattr(pg.fft, name)(x, **kwargs), [A(shape)], dtype, "numpy")


# ---------------------------------------------------------------- what cannot be batched


def test_a_mask_chooses() -> None:
    def f(v: Any) -> Any:
        w = v * 1.0
        w[w < 0.5] = 0.0
        w[w[:, 0] > 0.9] = v[0, 0]
        return w

    x = X[:, :, :, 0]
    rows = [numbers(f(pg.Variable(v)))[0] for v in x]
    close(pg.vmap(f)(x), np.stack(rows))
    g = pg.vmap(pg.grad(lambda v: pg.sum(f(v))))(x)
    close(g, np.stack([pg.grad(lambda v: pg.sum(f(v)))(v) for v in x]))


@pytest.mark.parametrize(
    "f, remedy",
    [
        (lambda v: 1.0 if v[0] > 0 else 2.0, "where"),
        (lambda v: float(v[0]), "where"),
        (lambda v: v[0].item(), "where"),
        (lambda v: v.tolist(), "where"),
        (lambda v: range(pg.argmax(v)), "where"),
        (lambda v: v[: pg.argmax(v)], "where"),
        (lambda v: pg.searchsorted(v, v, sorter=pg.argsort(v)), "same for all"),
        (lambda v: np.asarray(v), "where"),
        (lambda v: v[v > 0], "where"),
        (lambda v: pg.nonzero(v), "where"),
        (lambda v: pg.unique_values(v), "outside of vmap"),
        (lambda v: pg.unique_all(v), "outside of vmap"),
        (lambda v: pg.repeat(v, pg.astype(v, pg.int64)), "where"),
        (lambda v: v.requires_grad_(), "grad"),
    ],
)
def test_what_has_no_meaning_names_the_remedy(f: Any, remedy: str) -> None:
    x = np.ones((2, 3))
    with pytest.raises((pg.UnsupportedError, pg.GraphBreakError), match=remedy) as caught:
        pg.vmap(f)(x)
    assert "vmap" in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_a_write_into_a_captured_handle_raises() -> None:
    outside = pg.zeros(3)

    def f(v: Any) -> Any:
        outside[0] = v
        return v

    def at_mapped(v: Any) -> Any:
        outside[pg.astype(v, pg.int64)] = 1.0
        return v

    def in_place(v: Any) -> Any:
        nonlocal outside
        outside += v
        return v

    for write in (f, at_mapped, in_place):
        with pytest.raises(pg.PluggradError, match=r"vmap.*made outside.*zeros") as caught:
            pg.vmap(write)(np.ones(2))
        assert isinstance(caught.value, TypeError) and isinstance(caught.value, ValueError)
        assert not np.any(outside.data) and outside.shape == (3,)

    def g(v: Any) -> Any:
        inside = pg.zeros(3)
        inside[1] = v
        inside[0] += 1.0
        return inside

    np.testing.assert_array_equal(pg.vmap(g)(np.asarray([5.0, 6.0])), [[1, 5, 0], [1, 6, 0]])


def test_a_leaked_value_raises() -> None:
    kept = []
    pg.vmap(lambda v: kept.append(v) or v)(np.ones(2))
    with pytest.raises(pg.LeakedVariableError):
        kept[0] + 1.0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: pg.vmap(pg.sin)(1.0), "arrays"),
        (lambda: pg.vmap(pg.add)(np.ones(2), 1.0), "None in in_axes"),
        (lambda: pg.vmap(pg.sin)(np.asarray(1.0)), "axis 0"),
        (lambda: pg.vmap(pg.sin, 2)(np.ones((2, 2))), "axis 2"),
        (lambda: pg.vmap(pg.add)(np.ones(2), np.ones((3, 1))), r"lengths: 2, 3.*\(2,\), \(3, 1\)"),
        (lambda: pg.vmap(pg.sin, axis_size=3)(np.ones(2)), "lengths: 2, 3.*axis_size"),
        (lambda: pg.vmap(pg.sin, None)(np.ones(2)), "nothing to map over"),
        (lambda: pg.vmap(pg.sin, 0, None)(np.ones(2)), "out_axes is None"),
        (lambda: pg.vmap(pg.sin, 0, 1)(np.ones(2)), "out_axes is 1"),
        (
            lambda: pg.vmap(pg.add, (0, 0, 0))(np.ones(2), np.ones(2)),
            "in_axes has 3.* 2 positional",
        ),
        (lambda: pg.vmap(pg.sin, ({"a": 0},))(np.ones(2)), r"in_axes.*'a'.*prefix"),
        (lambda: pg.vmap(lambda v: (v, v), 0, [0, 0])(np.ones(2)), r"out_axes.*prefix.*\(\*, \*\)"),
        (lambda: pg.vmap(lambda v: pg.sum(v, axis=1))(np.ones((2, 3))), "axis 1"),
        (lambda: pg.vmap(lambda v: "text")(np.ones(2)), "str"),
        (lambda: pg.vmap(pg.sin, randomness="maybe")(np.ones(2)), "randomness"),
    ],
)
def test_wrong_calls_are_explained(call: Any, message: str) -> None:
    with pytest.raises(pg.PluggradError, match=message) as caught:
        call()
    assert "array([" not in str(caught.value)  # shapes say enough


def test_mapping_over_a_number_is_the_error_of_either_library() -> None:
    for error in (TypeError, ValueError):  # torch's, JAX's
        with pytest.raises(error, match="None in in_axes"):
            pg.vmap(pg.sin)(1.0)


# ---------------------------------------------------------------- axes, structures, nesting


def test_axes_and_structures() -> None:
    x = X[:, :, :, 0]

    def f(tree: Any, factor: Any, *, shift: Any) -> Any:
        a, (b, _) = tree["a"], tree["b"]
        return {"sum": a + b[0] * factor, "first": (a, None), "plain": 1.0}

    tree = {"a": np.moveaxis(x, 0, 1), "b": (np.moveaxis(x, 0, -1), None)}
    got = pg.vmap(f, ({"a": 1, "b": -1}, None), {"sum": -1, "first": 1, "plain": 0})(
        tree, 2.0, shift=np.zeros(SIZE))  # fmt: skip
    np.testing.assert_allclose(np.moveaxis(got["sum"], -1, 0), x + 2 * x[:, :1])
    np.testing.assert_allclose(np.moveaxis(got["first"][0], 1, 0), x)
    assert got["first"][1] is None
    np.testing.assert_array_equal(got["plain"], np.ones(SIZE))
    assert pg.vmap(lambda: np.ones(2), axis_size=4)().shape == (4, 2)
    constant = pg.vmap(lambda v: (v, 3), out_axes=(0, None))(x)[1]
    assert constant == 3
    assert pg.vmap(lambda v: v + 1)(np.ones((0, 2))).shape == (0, 2)


@pytest.mark.parametrize("backend", ["numpy", *[b for b in OTHERS if b in ("torch", "strict")]])
def test_a_batch_of_none_is_read_and_written(backend: str) -> None:
    def read(x: Any, i: Any, v: Any) -> Any:
        return pg.sum(pg.sin(x[i, 1:, 0]) * v)

    def write(x: Any, i: Any, v: Any) -> Any:
        x = pg.copy(x)
        x[i, 0, 1] = v
        return pg.sum(x * x)

    none = [convert(a, backend) for a in (np.ones((0, 3, 2, 2)), np.zeros(0, np.int64), np.ones(0))]
    x, v = convert(np.ones((3, 2, 2)), backend), convert(np.asarray(2.0), backend)
    constant = convert(np.asarray([0, 2]), backend)
    for f, axes, args in [
        (write, (0, 0, None), (none[0], none[1], v)),
        (write, (0, 0, 0), none),
        (read, (0, None, 0), (none[0], constant, none[2])),
        (read, (None, None, 0), (x, constant, none[2])),
    ]:
        if f is read and backend == "strict":
            continue  # it takes no arrays beside slices
        total = lambda x, v: pg.sum(pg.vmap(f, axes)(x, args[1], v))
        for got, like in zip(pg.grad(total, (0, 1))(args[0], args[2]), (args[0], args[2])):
            assert got.shape == like.shape and not np.any(to_numpy(got))
        each = pg.vmap(pg.grad(f, (0, 2)), axes)(*args)
        assert [g.shape[0] for g in each] == [0, 0]


def test_it_shows_one_of_the_batch() -> None:
    seen = {}

    def f(v: Any) -> Any:
        seen.update(shape=v.shape, ndim=v.ndim, size=v.size, dtype=v.dtype, length=len(v),
                    text=repr(v), tracked=v.requires_grad, mT=v.mT.shape,
                    rows=len(list(v)))  # fmt: skip
        return pg.zeros_like(v) + pg.full_like(v, 2.0) + pg.ones_like(v)

    y = pg.vmap(f)(np.zeros((5, 2, 3), dtype=np.float32))
    assert y.shape == (5, 2, 3) and y.dtype == np.float32 and (y == 3).all()
    text = seen.pop("text")
    assert "2x3" in text and "batch of 5" in text
    assert seen == {"shape": (2, 3), "ndim": 2, "size": 6, "dtype": np.float32, "length": 2,
                    "tracked": False, "mT": (3, 2), "rows": 2}  # fmt: skip


def test_the_library_s_own_functions_take_mapped_values() -> None:
    def f(v: Any) -> Any:
        assert np.shape(v) == (3, 4) and np.ndim(v) == 2 and not np.iscomplexobj(v)
        return np.concatenate([np.sin(v), np.where(v > 0.5, v, 0.0)]) * np.sum(v, axis=0)

    x = X[:, :, :, 0]
    close(pg.vmap(f)(x), np.stack([to_numpy(f(row)) for row in x]))


def test_nesting() -> None:
    x, w = X[0, 0], X[1, 0, :, :2]  # (4, 5), (4, 2)
    outer = pg.vmap(lambda a: pg.vmap(lambda b: pg.sum(pg.sin(a)) * b)(w))(x)
    np.testing.assert_allclose(outer, np.sin(x).sum(1)[:, None, None] * w)

    def energy(a: Any, b: Any) -> Any:
        return pg.sum(pg.sin(a) * pg.sum(b**3))

    both = pg.vmap(lambda a: pg.grad(lambda a: pg.sum(pg.vmap(lambda b: energy(a, b))(w)))(a))(x)
    np.testing.assert_allclose(both, np.cos(x) * (w**3).sum())
    inner = pg.vmap(pg.grad(lambda a: pg.sum(pg.vmap(pg.grad(lambda b: b**3 * pg.sum(a)))(a))))(x)
    s = x.sum(1, keepdims=True)
    np.testing.assert_allclose(inner, 3 * (x**2).sum(1, keepdims=True) + 6 * x * s)
    deep = pg.vmap(lambda a: pg.jvp(pg.grad(lambda a: pg.sum(a**4)), (a,), (a,))[1])(x)
    np.testing.assert_allclose(deep, 12 * x**3)
    third = pg.vmap(pg.vmap(pg.grad(pg.grad(pg.grad(lambda t: t**4)))))(x)
    np.testing.assert_allclose(third, 24 * x)


def test_it_maps_over_tracked_variables() -> None:
    w = pg.Variable(X[0, 0], requires_grad=True)
    y = pg.vmap(lambda v: pg.sum(v * v * w[0]))(w)
    assert isinstance(y, pg.Variable) and y.requires_grad and y.shape == (4,)
    pg.sum(y).backward()
    a = X[0, 0]
    expected = 2 * a * a[0]
    expected[0] += (a * a).sum(0)
    np.testing.assert_allclose(w.grad.data, expected)

    def f(v: Any) -> Any:
        with pg.no_grad():
            assert not pg.is_grad_enabled()
            c = v * w[0]
        return pg.sum(v * c)

    w.zero_grad()
    pg.sum(pg.vmap(f)(w)).backward()
    np.testing.assert_allclose(w.grad.data, a * a[0])


def test_one_call_per_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = get_backend("numpy")
    calls = []
    raw = backend.raw("sin")
    namespace = pg.namespace("numpy")
    from pluggrad.engine.short_cuts.bind import bind

    counted = bind(PRIMITIVES["sin"], backend)
    monkeypatch.setitem(backend._raw, "sin", lambda x: calls.append(x.shape) or raw(x))
    counted = bind(PRIMITIVES["sin"], backend)
    pg.vmap(lambda v: counted(v))(X)
    assert calls == [X.shape]
    assert namespace is backend.namespace
