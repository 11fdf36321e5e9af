"""Traps of compiled functions: what changes between calls, what is shared, and what must break."""

from __future__ import annotations

import gc
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import optree
import pytest
from optree.registry import __GLOBAL_NAMESPACE as GLOBAL

import pluggrad as pg
from tests.support.compile_judge import difference

X = np.asarray([1.0, 2.0, 3.0])
Y = np.asarray([0.5, -1.0, 2.0])


def compiled(f: Callable[..., Any], **settings: Any) -> Any:
    return pg.compile(f, engine="numpy", on_break="error", **settings)


def same(f: Callable[..., Any], *args: Any, programs: int = 1, g: Any = None) -> Any:
    """Three calls give what eager execution gives; returns the compiled function."""
    g = compiled(f) if g is None else g
    for _ in range(3):
        assert difference(g(*args), f(*args)) == ""
    assert g.programs == programs
    return g


# ---------------------------------------------------------------- what changes between calls


def test_elements_of_a_closure_are_read_at_each_call() -> None:
    table, ones = X.copy(), np.ones(3)
    f = lambda w: (table @ w, ones * w, w * ones + table)
    g = same(f, Y)
    table[:], ones[:] = 10.0, 4.0  # the ones are the user's: no neutral element
    same(f, Y, g=g)


def test_check_finds_a_number_made_before_the_trace_could_see_it() -> None:
    table = X.copy()
    g = compiled(lambda w: (2.0 * table) @ w + table @ w)
    assert g.check(Y) == (2.0 * table) @ Y + table @ Y
    table[:] = 10.0
    with pytest.raises(pg.UntraceableError, match="does not compute what the function does"):
        g.check(Y)


def test_rebound_names() -> None:
    scale, table = 2.0, X

    def f(w: Any) -> Any:
        return pg.sum(w * table) * scale

    g = same(f, Y)
    scale = 3.0
    same(f, Y, g=g, programs=1)
    scale, table = 3.0, X * 2
    same(f, Y, g=g)
    scale = 3  # equal, and of another type
    same(f, Y, g=g)


FACTOR = 2.0


def test_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = lambda w: w * FACTOR
    f = lambda w: pg.sin(helper(w))
    g = same(f, Y)
    monkeypatch.setitem(globals(), "FACTOR", 5.0)
    same(f, Y, g=g)


def test_a_kind_of_arguments_for_each_program() -> None:
    f = lambda x, n=2: pg.sum(x, axis=0) * n
    g = compiled(f)
    a = np.arange(6.0).reshape(2, 3)
    kinds = [a, a[:, :2], a.T, a[:, ::-1], a.astype(np.float32), a[:0], a * 1j, a > 2, a[:1].T]
    for count, x in enumerate(kinds):
        same(f, x, g=g, programs=count + 1)
    for n in (3, True, 2.5):
        assert difference(g(a, n), f(a, n)) == "" and difference(g(a, n=n), f(a, n=n)) == ""


def test_python_floats_are_inputs() -> None:
    f = lambda x, t, o: (x * t + 1.0, x ** (t * 2), x - (o["s"] - t) / 3)
    g = compiled(f)
    for t in (0.1, 0.2, -0.0, float("inf")):
        assert difference(g(X, t, {"s": t / 2}), f(X, t, {"s": t / 2})) == ""
    assert g.programs == 1


def test_python_floats_whose_value_is_asked() -> None:
    g = compiled(lambda x, t: x * t if t > 0 else x - t)
    for t in (0.1, -0.2, 0.1):
        assert difference(g(X, t), X * t if t > 0 else X - t) == ""
    assert g.programs == 2


def test_python_floats_that_come_out() -> None:
    f = lambda x, t: (x * t, t * 2, t - t)
    g = compiled(f)
    for t in (0.1, -0.0, float("inf"), 0.1):
        assert difference(g(X, t)[:2], f(X, t)[:2]) == ""
    assert g.programs == 1


def test_static_arguments() -> None:
    f = lambda x, axis, mode: pg.sum(x, axis=axis) if mode == "sum" else pg.max(x, axis=axis)
    g = compiled(f, static=(1, "mode"))
    a = np.arange(6.0).reshape(2, 3)
    for axis in (0, 1):
        for mode in ("sum", "max"):
            assert difference(g(a, axis, mode=mode), f(a, axis, mode)) == ""
    assert g.programs == 4


def test_the_number_of_programs_is_bounded() -> None:
    g = compiled(lambda x: x * 2.0, cache=3)
    for n in range(8):
        g(np.ones(n))
    assert g.programs == 3


# ---------------------------------------------------------------- what is shared


ALIASES: dict[str, Callable[[Any], Any]] = {
    "two equal outputs": lambda x: (pg.sin(x), pg.sin(x)),
    "one output twice": lambda x: [pg.sin(x)] * 2,
    "times one": lambda x: (x * 1.0, x + 0.0, x / 1),
    "a copy": lambda x: (x.copy(), np.copy(x), pg.astype(x, pg.float64)),
    "a copy of a result": lambda x: [y := pg.sin(x), np.copy(y), y * 1.0],
    "written, then copied": lambda x: [y := pg.zeros_like(x), np.copy(y), pg.sin(x)],
    "constants": lambda x: (np.zeros(3) + x, pg.zeros(3), np.arange(3.0)),
    "of nothing": lambda x: (pg.ones(3).data, 1.5, None, "text"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIASES)
def test_outputs_are_arrays_of_their_own_as_in_eager(name: str) -> None:
    f, g = ALIASES[name], compiled(ALIASES[name])
    g(X.copy())
    for h in (g, f):
        x = X.copy()
        found = h(x)
        arrays = [a.data if isinstance(a, pg.Variable) else a for a in found]
        arrays = [a for a in arrays if isinstance(a, np.ndarray)]
        shared = [[np.shares_memory(a, b) for a in [*arrays, x]] for b in arrays]
        if h is g:
            expected, kept = shared, [np.copy(a) for a in arrays]
            for a in arrays:
                a[...] = 7.0
            again = [a.data if isinstance(a, pg.Variable) else a for a in g(X.copy())]
            again = [a for a in again if isinstance(a, np.ndarray)]
            assert difference(again, kept) == ""
    assert shared == expected


@pytest.mark.parametrize("f", [lambda x: x, lambda x: x[1:], lambda x: (x.T, pg.sin(x))])
def test_inputs_and_views_of_them_are_returned_as_such(f: Callable[[Any], Any]) -> None:
    g, x = same(f, X), X.copy()
    y = g(x)[0] if isinstance(g(x), tuple) else g(x)
    assert np.shares_memory(x, y)


def test_no_array_of_the_user_is_kept() -> None:
    def make() -> Any:
        table = np.ones(1000)
        return compiled(lambda x: x @ table + pg.sum(x)), weakref.ref(table)

    g, table = make()
    big = np.ones(1000)
    for _ in range(2):
        g(big)
    reference = weakref.ref(big)
    del big
    gc.collect()
    assert reference() is None
    assert table() is not None  # the function itself holds it
    del g
    gc.collect()
    assert table() is None


def test_results_are_not_kept() -> None:
    g = compiled(lambda x: pg.sin(x) * 2.0)
    g(X)
    reference = weakref.ref(g(X))
    gc.collect()
    assert reference() is None


# ---------------------------------------------------------------- threads


@pytest.mark.parametrize("many", [False, True])
def test_threads(many: bool) -> None:
    def step(x: Any) -> Any:
        y = pg.sin(x) * x + 1.0
        y *= x
        return pg.value_and_grad(lambda z: pg.sum(pg.tanh(z * y) ** 2))(x)

    shared, wrong = compiled(step), []
    start = threading.Barrier(8)

    def work(seed: int) -> None:
        g = compiled(step) if many else shared
        x = np.random.default_rng(seed).normal(size=500)
        expected = step(x)
        start.wait()
        wrong.extend([why for _ in range(60) if (why := difference(g(x), expected))])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ---------------------------------------------------------------- what must break


class _Model:
    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def __call__(self, x: Any) -> Any:
        return x + self.rng.normal(size=3)


def _rewritten(x: Any) -> Any:
    x[0] = 5.0
    return x * 2


def _leak(x: Any) -> Any:
    KEPT.append(pg.sin(x))
    return x * 2


KEPT: list[Any] = []
RNG = np.random.default_rng(0)
BROKEN: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a question": (lambda x: x if pg.sum(x) > 0 else -x, "elements"),
    "a conversion": (lambda x: x * float(x[0]), "elements"),
    "a mask": (lambda x: x[x > 1.5], "mask"),
    "nonzero": (lambda x: x[np.nonzero(x)], "depends on elements"),
    "a global generator": (
        lambda x: x + np.random.normal(size=3),  # noqa: NPY002
        "random",
    ),
    "a generator of a closure": (lambda x: x + RNG.normal(size=3), "random"),
    "a generator of an object": (_Model(), "random"),
    "a written argument": (_rewritten, "writ"),
    "asarray": (lambda x: np.asarray(x) * 2, "not written with NumPy"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_breaks(name: str) -> None:
    f, why = BROKEN[name]
    with pytest.raises(pg.UntraceableError, match=why):
        compiled(f)(X.copy())
    g = pg.compile(f, engine="numpy", on_break="warn")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = [np.asarray(g(X.copy())) for _ in range(3)]
    assert len(seen) == 1 and seen[0].category is pg.CompileWarning
    assert why in str(seen[0].message) and seen[0].filename == __file__
    assert g.programs == 0
    if "generator" in name:
        assert not np.array_equal(found[1], found[2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pg.compile(f, engine="numpy", on_break="ignore")(X.copy())


def test_a_leaked_array_says_so() -> None:
    KEPT.clear()
    g = compiled(_leak)
    g(X)
    with pytest.raises(pg.LeakedVariableError, match="was kept"):
        [x * 2 for x in KEPT]


def test_tracked_variables_break() -> None:
    v = pg.Variable(X, requires_grad=True)
    with pytest.raises(pg.UntraceableError, match="requires grad"):
        compiled(lambda x: x * 2)(v)
    with pytest.raises(pg.UntraceableError, match="requires grad"):
        compiled(lambda x: pg.sum(x * v))(X)


def test_errors_of_a_program_are_those_of_the_function() -> None:
    f = lambda a: pg.linalg.solve(a, np.ones(2))
    g = compiled(f)
    g(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as expected:
        f(np.zeros((2, 2)))
    with pytest.raises(np.linalg.LinAlgError) as found:
        g(np.zeros((2, 2)))
    assert type(found.value) is type(expected.value) and str(found.value) == str(expected.value)
    assert difference(g(2 * np.eye(2)), f(2 * np.eye(2))) == ""


# ---------------------------------------------------------------- pytrees and Variables


class Pair(NamedTuple):
    w: Any
    b: Any


class Box:
    def __init__(self, x: Any, name: str) -> None:
        self.x, self.name = x, name

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Box) and self.name == other.name and not difference(self.x, other.x)
        )

    __hash__ = object.__hash__


optree.register_pytree_node(
    Box, lambda b: ((b.x,), b.name), lambda name, xs: Box(xs[0], name), namespace=GLOBAL
)


def test_nodes_that_users_register() -> None:
    f = lambda box: Box(pg.sin(box.x) * 2, box.name + "'")
    g = same(f, Box(X, "a"))
    same(f, Box(X, "b"), g=g, programs=2)


def test_pytrees() -> None:
    f = lambda tree: {
        "p": Pair(tree["p"].w * 2, [tree["l"][0] + tree["p"].b, None]),
        "n": (tree["n"], "text", 3),
    }
    g = same(f, {"p": Pair(X, 2.0), "l": [Y], "n": None})
    same(f, {"p": Pair(X, np.asarray(2.0)), "l": [Y], "n": None}, g=g, programs=2)


def test_an_array_and_containers_of_one_array_differ() -> None:
    g = compiled(lambda x: pg.sin(x) if isinstance(x, np.ndarray) else ([*x], len(x) * 2.0))
    for count, x in enumerate([X, [X], (X,), {"a": X}, [X, X], {"b": X}]):
        for _ in range(2):
            assert difference(g(x), g.__wrapped__(x)) == ""
        assert g.programs == count + 1


def test_isinstance_is_that_of_eager() -> None:
    kinds = (np.ndarray, np.generic, np.floating, float, int)
    f = lambda x, t: (
        [
            y * sum([isinstance(y, kind) << n for n, kind in enumerate(kinds)])
            for y in (x, np.sum(x), x * t, np.max(x) * t)
        ]
        + [x * isinstance(t, float)]
    )
    g = compiled(f)
    for _ in range(2):
        assert difference(g(X, 0.5), f(X, 0.5)) == ""
    assert g.programs == 1


def test_variables_come_in_and_go_out() -> None:
    f = lambda v, x: (v * x, pg.sin(v).data, pg.Variable(x))
    same(f, pg.Variable(X), Y)


def test_writes_into_variables_inside() -> None:
    def f(x: Any) -> Any:
        v = pg.Variable(np.zeros(3))
        v[1:] = x[1:] * 2
        v += x
        v[0] *= 3.0
        w = v[::2]
        w -= 1.0
        leaf = pg.Variable(x, requires_grad=True)
        z = leaf * 2
        z[1] = pg.sum(leaf) ** 2
        z *= leaf
        pg.sum(z * v).backward()
        return v, leaf.grad

    same(f, X)


ARRAYS = {
    "float32": X.astype(np.float32), "complex": X * (1 + 2j), "0-d": np.asarray(0.7),
    "empty": X[:0], "strided": np.arange(12.0)[::2], "backwards": X[::-1],
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3) + 1), "scalar": np.float64(0.3),
    "nan": np.asarray([np.nan, -0.0, np.inf]), "big-endian": X.astype(">f8"),
    "integers": np.arange(4), "broadcast": np.broadcast_to(X, (2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_hurt(name: str) -> None:
    x = ARRAYS[name]
    with np.errstate(all="ignore"):
        same(lambda x: (x * 2, x + x.T if x.ndim < 2 else x, pg.sum(x), np.abs(x), -x, x**2), x)
        if x.dtype.kind == "f":
            same(lambda x: pg.grad(lambda y: pg.sum(pg.sin(y) * y))(x), x)
            same(lambda x: pg.value_and_grad(lambda y: pg.sum(y * y * 2.0 + y))(x), x)


# ---------------------------------------------------------------- composition


def test_inside_transforms_and_each_other() -> None:
    f = lambda x: pg.sum(pg.tanh(x) ** 2 * X)
    inner = compiled(f)
    v = Y.copy()
    pairs = [
        (pg.grad(inner)(v), pg.grad(f)(v)),
        (pg.jvp(inner, (v,), (X,)), pg.jvp(f, (v,), (X,))),
        (pg.hvp(inner, (v,), (X,)), pg.hvp(f, (v,), (X,))),
        (pg.vmap(inner)(np.stack([v, X])), pg.vmap(f)(np.stack([v, X]))),
        (pg.grad(pg.checkpoint(inner))(v), pg.grad(pg.checkpoint(f))(v)),
        (pg.hessian(inner)(v), pg.hessian(f)(v)),
    ]
    for got, expected in pairs:
        assert difference(got, expected) == ""
    same(lambda x: pg.grad(inner)(x) + compiled(pg.grad(f))(x), v)


def test_a_method_and_its_docstring() -> None:
    class Layer:
        def __init__(self, w: Any) -> None:
            self.w = w

        @pg.compile
        def __call__(self, x: Any) -> Any:
            """Apply."""
            return pg.tanh(x * self.w)

    assert Layer.__call__.__doc__ == "Apply."
    for w in (1.0, 2.0):
        layer = Layer(w)
        for _ in range(2):
            assert difference(layer(X), pg.tanh(X * w)) == ""
