"""What users do in compiled functions: handle errors, format numbers, pass state along."""

from __future__ import annotations

import math
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.compile_judge import difference
from tests.support.optional import needs

X = np.asarray([1.0, 2.0, 3.0])
GOOD, BAD = np.eye(2), -np.eye(2)


@pg.compile
def decorated(x: Any) -> Any:
    return 2 * x


def compiled(f: Any, **settings: Any) -> Any:
    return pg.compile(f, engine="numpy", **settings)


def test_the_order_of_a_dict_is_seen() -> None:
    f = lambda d, **more: np.stack([*d["in"].values(), *more.values()])
    g = compiled(f)
    for _ in range(2):
        for d in ({"a": X, "b": 2 * X}, {"b": X, "a": 2 * X}):
            assert difference(g({"in": d}, u=X, v=-X), f({"in": d}, u=X, v=-X)) == ""
            assert difference(g({"in": d}, v=X, u=-X), f({"in": d}, v=X, u=-X)) == ""
    assert g.programs == 4


def factor(a: Any) -> Any:
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return np.linalg.cholesky(a + 10 * np.eye(2))


def probe(a: Any) -> Any:
    try:
        np.linalg.cholesky(a)  # for the error alone
    except np.linalg.LinAlgError:
        return a + 10
    return a * 2


@pytest.mark.parametrize("f", [factor, probe])
@pytest.mark.parametrize("first", [GOOD, BAD], ids=["good", "bad"])
def test_an_error_that_is_caught(f: Any, first: Any) -> None:
    g = compiled(f, on_break="ignore")
    for a in (first, GOOD, BAD, 3 * GOOD, 2 * BAD):
        assert difference(g(a), f(a)) == ""
    assert g.programs == (first is GOOD)


def test_an_error_that_is_caught_breaks_the_trace() -> None:
    with pytest.raises(pg.UntraceableError, match="`cholesky` raises LinAlgError, which is caught"):
        compiled(factor, on_break="error")(BAD)


def test_a_result_that_nobody_needs_may_raise() -> None:
    g = compiled(lambda a: (np.linalg.inv(a), 2 * a)[1])
    assert difference(g(GOOD), 2 * GOOD) == ""
    with pytest.raises(np.linalg.LinAlgError):
        g(np.zeros((2, 2)))
    h = compiled(lambda x, i, t: (x[i], np.take(x, i), 1 / t, 2 * x)[-1])
    assert difference(h(X, np.asarray([2]), 0.5), 2 * X) == ""
    with pytest.raises(IndexError):
        h(X, np.asarray([3]), 0.5)
    with pytest.raises(ZeroDivisionError):
        h(X, np.asarray([2]), 0.0)


def quiet(x: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(x) / x
    return y + np.sqrt(x)


def strict(x: Any) -> Any:
    with np.errstate(all="raise"):
        try:
            return np.log(x)
        except FloatingPointError:
            return 7 * x


def test_errstate_in_the_function() -> None:
    for f in (quiet, strict, pg.grad(lambda x: pg.sum(quiet(x)))):
        g = compiled(f, on_break="error")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            g(X)
            if f is strict or f is quiet:
                assert difference(g(np.zeros(3)), f(np.zeros(3))) == ""
        assert g.programs == 1
    with pytest.warns(RuntimeWarning, match="sqrt"):  # outside of the block
        g = compiled(quiet)
        g(X)
        g(-X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, t: {f"{t:.2f}": x},
        lambda x, t: round(t) * x,
        lambda x, t: (math.floor(t) + math.ceil(t) + math.trunc(t)) * x,
        lambda x, t: {0.5: 1.0, 1.5: 2.0}[t] * x,
    ],
)
def test_numbers_that_are_asked_for(f: Any) -> None:
    g = compiled(f, on_break="error")
    for t in (0.5, 1.5, 0.5):
        assert difference(g(X, t), f(X, t)) == ""
    assert g.programs == 2


def test_numbers_that_are_returned() -> None:
    f = lambda x, t: {"x": x * (1 - 0.9**t), "t": t + 1, "same": t, "k": 3}
    g = compiled(f, on_break="error")
    for t in (0.0, 1.0, 2.5, 7.0):
        found = g(X, t)
        assert difference(found, f(X, t)) == ""
        assert type(found["t"]) is type(found["same"]) is float
        assert found["k"] == 3
    assert g.programs == 1


def test_an_error_of_the_second_run_alone() -> None:
    table = {id(X): 2.0}
    f = lambda x: table[id(x)] * x  # the stand-in is not in the table
    g = compiled(f)
    with pytest.warns(pg.CompileWarning, match="a second run raises KeyError"):
        assert difference(g(X), f(X)) == ""
    assert difference(g(X), f(X)) == ""


def test_a_function_that_counts_is_run_once_per_call() -> None:
    n = 0

    def f(x: Any) -> Any:
        nonlocal n
        n += 1
        return n * x

    g = compiled(f, on_break="ignore")
    g(X)
    before = n
    for i in range(1, 5):
        assert difference(g(X), (before + i) * X) == ""


def test_many_values_of_an_integer() -> None:
    f = lambda x, t: x * t
    g = compiled(f, cache=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in range(64):
            assert difference(g(X, t), f(X, t)) == ""
        assert difference(g(X, 63), f(X, 63)) == ""
        g(np.ones(2), 1)  # of another shape
    with pytest.warns(pg.CompileWarning, match="differ only in values"):
        assert difference(g(X, 64), f(X, 64)) == ""
    assert g.programs == 2


def test_static_by_position_and_by_name() -> None:
    f = lambda x, k: x * (k if k < 2.5 else 1)
    for static in ("k", 1):
        g = compiled(f, static=static, on_break="error")
        for k in (2.0, 3.0):
            assert difference(g(X, k), f(X, k)) == ""
            assert difference(g(X, k=k), f(X, k)) == ""
        assert g.programs == 4
    with pytest.raises(pg.InvalidArgumentError, match="no argument 'mode'"):
        compiled(f, static="mode")
    compiled(lambda **more: more, static="mode")
    with pytest.warns(pg.CompileWarning, match="static arguments are compared by value"):
        compiled(f, static="k")(X, X[:1])


def test_slices_are_arguments() -> None:
    f = lambda x, key: 2 * x[key]
    g = compiled(f, on_break="error")
    for key in (slice(0, 2), slice(1, 3), slice(0, 2), (slice(None), None)):
        assert difference(g(X, key), f(X, key)) == ""
    assert g.programs == 3


def test_pickles() -> None:
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    again = pickle.loads(pickle.dumps(pg.compile(factor)))
    assert difference(again(GOOD), factor(GOOD)) == ""
    again = pickle.loads(pickle.dumps(pg.compile(factor, on_break="error")))
    with pytest.raises(pg.UntraceableError):
        again(BAD)


def test_inside_of_jax() -> None:
    jax = needs("jax")
    g = pg.compile(lambda x: ((x * x).sum(), {"k": 2 * x}))
    x = jax.numpy.asarray([1.0, 2.0])
    for _ in range(2):
        found = jax.jit(g)(x)
        assert float(found[0]) == 5.0
        assert found[1]["k"].tolist() == [2.0, 4.0]
        assert jax.grad(lambda x: g(x)[0])(x).tolist() == [2.0, 4.0]
        assert jax.vmap(g)(x[:, None])[0].tolist() == [1.0, 4.0]
    assert g.programs == 0


def test_inside_of_torch_compile() -> None:
    torch = needs("torch")
    g = pg.compile(lambda x: (x * x * x).sum())
    x = torch.asarray([1.0, 2.0])
    for f in (g, lambda x: g(x) + 1.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own
            assert float(torch.compile(f, backend="eager")(x)) == float(f(x))
