"""Functions that choose, sort, search, and write, against NumPy's: each row is called with both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.errors import GraphBreakError, PluggradError
from tests.support.arrays import convert, to_numpy
from tests.support.backends import OTHERS
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs
from tests.support.selection_rows import GRADIENTS, REFUSED, VALUES, WRITES, WRONG


def names(xp: Any, backend: str = "", tracked: bool = False) -> dict[str, Any]:
    """What rows are written in: `f`, the functions, and a few arrays."""
    arrays = {
        "v": np.asarray([0.3, -1.2, 2.5, -0.7, 4.1, 1.9]),
        "m": np.asarray([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]]),
        "i": np.asarray([0, 1, 2, 3, 4, 5]),
        "c": np.asarray([2 + 1j, 1 + 2j, 1 - 1j]),
        "n": np.asarray([np.nan, 1.0, np.nan, 1.0, 0.5]),
        "t": np.asarray([[1.0, 2.0], [1.0, 2.0], [0.0, 3.0]]),
        "z": np.asarray(2.5),
        "e": np.zeros((0, 3)),
        "s": np.asarray([1.5, 2.5, -0.5], dtype=np.float32),
    }
    if backend:
        arrays = {key: pg.Variable(convert(x, backend)) for key, x in arrays.items()}
        if tracked:
            arrays |= {key: x.requires_grad_() for key, x in arrays.items() if key != "i"}
    return {"f": xp, "np": np, "nan": np.nan, **arrays}


def same(mine: Any, theirs: Any) -> None:
    """Equal values, shapes and dtypes, also in tuples."""
    if isinstance(theirs, tuple):
        assert isinstance(mine, tuple) and len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            same(a, b)
        return
    a, b = to_numpy(mine), np.asarray(theirs)
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("row", VALUES + GRADIENTS)
def test_values_are_those_of_numpy(row):
    expected = eval(row, names(np))
    same(eval(row, names(pg, "numpy")), expected)
    same(eval(row, names(pg, "numpy", tracked=True)), expected)


@pytest.mark.parametrize("row", GRADIENTS)
def test_gradients(row):
    code = compile(row, row, "eval")

    used = [name for name in ("v", "m") if name in code.co_names]

    def f(*xs: Any) -> Any:
        own = {**names(pg, "numpy"), **dict(zip(used, xs, strict=True))}
        found = eval(code, own)
        parts = found if isinstance(found, tuple) else (found,)
        floats = [y for y in parts if "float" in str(y.dtype) or "complex" in str(y.dtype)]
        return floats

    own = names(np)
    lifted = lambda *xs: f(*map(pg.asarray, xs))
    check_derivatives(lifted, *[own[name] for name in used], second=False)


@pytest.mark.parametrize("row", REFUSED)
def test_what_numpy_refuses(row):
    with pytest.raises(Exception):  # noqa: B017
        eval(row, names(np))
    with pytest.raises(PluggradError):
        eval(row, names(pg, "numpy"))


@pytest.mark.parametrize("row", WRONG)
def test_what_is_refused_here(row):
    with pytest.raises(PluggradError):
        eval(row, names(pg, "numpy"))


@pytest.mark.parametrize("backend", OTHERS)
def test_values_and_gradients_on_other_backends(backend):
    needs(backend)
    for row in GRADIENTS[:: 3 if backend == "jax" else 1]:  # JAX compiles each by itself
        if backend == "strict" and "setdiff1d" in row:
            continue  # its `isin` takes integers only
        if "partition" in row:  # the order of the parts is the library's
            continue
        results = []
        for library in ("numpy", backend):
            own = names(pg, library, tracked=True)
            y = eval(row, own)
            y = y[0] if isinstance(y, tuple) else y
            weights = pg.namespace(library).reshape(
                pg.namespace(library).astype(
                    pg.namespace(library).arange(1, int(np.prod(y.shape)) + 1), own["v"].dtype
                ), y.shape,
            )  # fmt: skip
            y.backward(pg.namespace(library).astype(weights, y.dtype).data)
            gradients = [own[key].grad for key in ("v", "m")]
            results.append((to_numpy(y), *[None if g is None else to_numpy(g) for g in gradients]))
        for a, b in zip(*results, strict=True):
            assert (a is None) == (b is None), row
            if a is not None and b is not None:
                np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=row)


# ---------------------------------------------------------------- writers


@pytest.mark.parametrize("row", WRITES)
def test_writes_are_those_of_numpy(row):
    def written(own: dict[str, Any]) -> Any:
        assert eval(row, own) is None
        return [own[key] for key in "vmi"]

    expected = written(names(np))
    for mine in (written(names(pg, "numpy")), written({**names(np), "f": pg})):
        for a, b in zip(mine, expected, strict=True):
            same(a, b)

    code = compile(row, row, "eval")

    def f(*xs: Any) -> Any:
        v, m = [pg.asarray(x) * 1.0 for x in xs]
        eval(code, {**names(pg, "numpy"), "v": v, "m": m})
        return [v, m]

    own = names(np)
    check_derivatives(f, own["v"], own["m"], second=False)


WRITTEN = [
    "f.put(x, [0, 4], w)", "f.put(x, [0, 1, 2, 3], w)", "f.place(x, x > 0, w)",
    "f.putmask(x, x > 0, w)", "f.copyto(x, w)", "f.copyto(x, w, where=[True, False, True])",
    "f.put_along_axis(x, [[1], [0]], f.expand_dims(w[:2], axis=1), 1)", "f.fill_diagonal(x, w)",
    "f.fill_diagonal(x, w[0])",
]  # fmt: skip


@pytest.mark.parametrize("row", WRITTEN)
def test_gradients_of_what_is_written(row):
    def f(m: Any, w: Any) -> Any:
        x = m * m
        eval(row, {"f": pg, "x": x, "w": w})
        return x

    m, w = names(np)["m"], np.asarray([0.5, -1.5, 2.0])
    check_derivatives(lambda m, w: f(pg.asarray(m), pg.asarray(w)), m, w)


@pytest.mark.parametrize("row", WRITTEN)
def test_no_gradient_is_lost_in_a_raw_array(row):
    w = pg.Variable(np.asarray([0.5, -1.5, 2.0]), requires_grad=True)
    x = np.zeros((2, 3)) + 1
    with pytest.raises(GraphBreakError, match="writing into a raw array"):
        eval(row, {"f": pg, "x": x, "w": w})
    assert (x == 1).all()


def test_traced_and_batched():
    jax = needs("jax")

    def f(x: Any) -> Any:
        y = pg.select([x > 1, x > 0], [x * x, pg.sqrt(x)], -1.0)
        y = y + pg.choose(pg.astype(x > 0, pg.int32), [x, -x]) + pg.take(x, 7, mode="wrap")
        y = y + pg.piecewise(x, [x > 0], [pg.log, 3.0]) + pg.partition(x, 1)[1]
        return pg.sum(y * pg.insert(pg.delete(x, 0), 1, 2.0))

    x = np.asarray([0.5, 2.0, -1.0])
    expected = pg.grad(f)(pg.asarray(x))
    with jax.enable_x64(True):
        compiled = jax.jit(lambda x: pg.grad(f)(x))(jax.numpy.asarray(x))
        np.testing.assert_allclose(to_numpy(compiled), to_numpy(expected), rtol=1e-6)
    rows = np.stack([x, x[::-1]])
    batch = pg.vmap(pg.grad(f))(pg.asarray(rows))
    one_by_one = [to_numpy(pg.grad(f)(pg.asarray(row))) for row in rows]
    np.testing.assert_allclose(to_numpy(batch), np.stack(one_by_one), rtol=1e-12)
