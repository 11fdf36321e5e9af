"""vmap of what `test_vmap` has no samples for: functions written in terms of others, settings of
axes, products of all ranks, writes and views; over other axes, batches of one and of none, nested.

The oracle is a Python loop over the batch. One call per operation shows in the number of calls of
any function, Python's or the library's: it must not depend on the length of the batch.
"""

from __future__ import annotations

import gc
import sys
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import numbers, stacked
from tests.support.samples import A

Row = tuple[Callable[..., Any], list[Any]]
ROWS: dict[str, Row] = {}
SORTED, INTEGERS, BOOLEANS, POSITIVE = "sorted", "integers", "booleans", "positive definite"


def row(f: Callable[..., Any], *shapes: Any, name: str = "") -> None:
    """A function of arrays of these shapes; a shape with a word in front says what is in them."""
    ROWS[f"{len(ROWS)} {name}"] = f, list(shapes)


def make(shape: Any, batch: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    kind, *lengths = shape if shape and isinstance(shape[0], str) else ("", *shape)
    x = A((*batch, *lengths)).make(rng, "float64")
    if kind == INTEGERS:
        return rng.integers(0, 3, x.shape)
    if kind == BOOLEANS:
        return x > 0
    if kind == POSITIVE:
        return x @ np.swapaxes(x, -1, -2) + 3 * np.eye(x.shape[-1])
    return np.sort(x, axis=-1) if kind == SORTED else x


M = (3, 4)
REDUCTIONS = ("sum", "mean", "prod", "max", "std", "nansum", "nanmax", "logsumexp")
OF_ANY_RANK = ("sum", "max", "std", "nanmean", "median", "softmax", "flip", "argmax")
for axis in (None, 0, -1, (0, 1), (-1,), ()):
    for keepdims in (False, True):
        settings = {"axis": axis, "keepdims": keepdims}
        for name in REDUCTIONS:
            row(lambda x, n=name, s=settings: getattr(pg, n)(x, **s), M, name=f"{name} {settings}")
        row(lambda x, s=settings: pg.count_nonzero(x > 0, **s), M, name=f"count {settings}")
        if axis != ():
            row(lambda x, s=settings: pg.median(x, **s), M, name=f"median {settings}")
            row(lambda x, s=settings: pg.linalg.vector_norm(x, ord=3, **s), M, name="norm")
    row(lambda x, a=axis: pg.flip(x, axis=a), M, name="flip")
    row(lambda x, a=axis: pg.softmax(x, axis=a), M, name="softmax")
for name in (*OF_ANY_RANK, "sort", "cumulative_sum"):
    if name in OF_ANY_RANK:
        row(lambda x, n=name: getattr(pg, n)(x), (), name=f"{name} of a number")
    row(lambda x, n=name: getattr(pg, n)(x), (4,), name=f"{name} of a row")
for shift, axis in [(1, None), (-1, 0), ((1, 2), (0, 1)), (2, (0, 1)), ((1, 2), (0, 0))]:
    row(lambda x, n=shift, a=axis: pg.roll(x, n, axis=a), M, name="roll")
for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
    row(lambda x, m=mode: pg.pad(x, ((1, 0), (2, 1)), mode=m), M, name=f"pad {mode}")
for shapes in [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((2, 2, 3), (3, 2)),
               ((2, 3), (4, 3, 2)), ((1, 2, 2, 3), (4, 1, 3, 2)), ((4, 2, 3), (3,)),
               ((2, 3), (3, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 2)), ((3, 0), (0,))]:  # fmt: skip
    row(lambda x, y: pg.asarray(x) @ y, *shapes, name=f"@ {shapes}")
    row(lambda x, y: pg.dot(x, y), *shapes) if shapes[0][-1:] == shapes[1][-2:][:1] else None
for shapes in [((3,), (2,)), ((2, 3), (2,)), ((), (2,)), ((2, 2), (3, 1))]:
    row(lambda x, y: pg.kron(x, y), *shapes, name="kron")
    row(lambda x, y: pg.outer(x, y), *shapes, name="outer")
for text, *shapes in [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,ij->", (2, 3), (2, 3)),
    ("ii->i", (3, 3)),
    ("...i,...i->...", (2, 3), (4, 2, 3)),
    ("ij,j", (2, 3), (3,)),
    ("i,ij,j->", (3,), (3, 4), (4,)),
    ("ij->ji", M),
    (",i->i", (), (3,)),
]:
    row(lambda *xs, t=text: pg.einsum(t, *xs), *shapes, name=text)
for name, *shapes in [("solve", (3, 3), (3,)), ("solve", (2, 3, 3), (3, 2)),
                      ("solve", (3, 3), (2, 3, 2)), ("inv", (3, 3)), ("cholesky", (2, 3, 3)),
                      ("eigvalsh", (3, 3)), ("svdvals", M), ("pinv", M), ("matrix_rank", M),
                      ("matrix_norm", M), ("det", (2, 3, 3))]:  # fmt: skip
    ws = [(POSITIVE, *s) if n == 0 and s[-1] == s[-2] else s for n, s in enumerate(shapes)]
    row(lambda *xs, n=name: getattr(pg.linalg, n)(*xs), *ws, name=name)
row(lambda x: pg.linalg.matrix_power(x, -2), (POSITIVE, 3, 3), name="matrix_power")
row(lambda x: pg.fft.rfftn(x, s=(2, 5), axes=(-1, 0)), M, name="rfftn")
row(lambda x: pg.fft.fftshift(x), M, name="fftshift")
row(lambda x, y: list(pg.broadcast_arrays(x, y)), (3, 1), (4,), name="broadcast_arrays")
row(lambda x, y: list(pg.meshgrid(x, y)), (3,), (4,), name="meshgrid")
row(lambda x: list(pg.unstack(x, axis=-1)), M, name="unstack")
row(lambda x, y: pg.diff(x, prepend=y, n=2), M, (3, 1), name="diff")
row(lambda x, y: pg.stack([x, y, 1.0 * pg.zeros_like(x)], axis=-1), M, M, name="stack")
row(lambda x, y: pg.concat([x, y], axis=None), M, (2,), name="concat")
row(lambda x, y: pg.asarray([[x, y], [1.0, x]]), (), (), name="asarray")
row(lambda x: pg.tile(x, (2, 1, 3)), M, name="tile")
row(lambda x: pg.repeat(x, np.asarray([1, 0, 2]), axis=0), M, name="repeat")
row(lambda x, y: pg.full_like(x, y) + pg.zeros_like(x) + pg.ones_like(x), M, (), name="full_like")
row(lambda x, y: pg.linspace(x, y, 5), (), (), name="linspace")
row(lambda x, y: pg.full((2, 3), x) * y, (), (3,), name="full")
row(lambda x, p, f: pg.interp(x, p, f), (2, 5), (SORTED, 4), (4,), name="interp")
row(lambda x, p, f: pg.interp(x, p, f, period=3.0), (), (SORTED, 4), (4,), name="interp")
row(lambda y, x: pg.trapezoid(y, x), M, (SORTED, 4), name="trapezoid")
row(lambda x, a, b: pg.clip(x, a, pg.exp(b)), M, (4,), (3, 1), name="clip")
row(lambda x, a: pg.clip(x, max=a), M, (4,), name="clip")
row(lambda x, y: pg.convolve(x, y), (5,), (3,), name="convolve")
for side in ("left", "right"):
    row(lambda t, x, s=side: pg.searchsorted(t, x, side=s), (SORTED, 5), (2, 3), name="search")
    row(lambda t, x, s=side: pg.searchsorted(t, t[x], side=s), (SORTED, 5), (INTEGERS, 4))
row(lambda x, y: pg.isin(x, y), (INTEGERS, *M), (INTEGERS, 2), name="isin")
row(lambda x, i: pg.take(x, i, axis=-1), M, (INTEGERS, 5), name="take")
row(lambda x, i: pg.take_along_axis(x, i, axis=0), M, (INTEGERS, 2, 4), name="take_along_axis")
row(lambda x, i, j: pg.asarray(x)[i[:, None], j], (3, 3), (INTEGERS, 2), (INTEGERS, 4), name="[]")
row(lambda x, i, j: pg.asarray(x)[i, j], M, (INTEGERS, 2), (INTEGERS,), name="[i, j]")
row(lambda x, i: pg.asarray(x)[-1, i], M, (INTEGERS,), name="[-1, i]")
row(lambda x, c, y: pg.where(c, x, y), M, (BOOLEANS, 4), (3, 1), name="where")
row(lambda x: pg.stack([len(x) * r for r in x]), M, name="iteration")
row(lambda x, y: x.T @ y.T, M, (2, 3), name="T")


def write(change: Callable[..., Any], *shapes: Any, name: str) -> None:
    """A row that changes a copy of its first argument."""

    def f(x: Any, *args: Any) -> Any:
        y = pg.copy(pg.asarray(x))
        change(y, *args)
        return y

    row(f, *shapes, name=name)


def by_transpose(y: Any, v: Any) -> None:
    y.T[0] = v
    y.mT[1:, 0] *= 2.0


def by_slice(y: Any, v: Any) -> None:
    part = y[1:, ::2]
    part[...] = v
    part += 1.0
    assert part.shape == (2, 2)


def by_reshape(y: Any, v: Any) -> None:
    pg.reshape(y, (-1,))[3] = v


def by_rows(y: Any, v: Any) -> None:
    first, *_ = pg.unstack(y)
    first[1] = v
    assert y.shape == (3, 4) and y[0].shape == (4,)


def by_mask(y: Any, v: Any) -> None:
    y[y > v] = v
    y[y[:, 0] < 0] = 0.0


def by_place(y: Any, i: Any, v: Any) -> None:
    y[i] += v
    y[:, i] = 0.5


def steps(y: Any) -> None:
    for n in range(1, 3):
        y[n] = pg.sin(y[n - 1]) * 2
    y[1:] = y[:-1]


write(by_transpose, M, (3,), name="T[0] = v")
write(by_slice, M, (2,), name="a slice is written")
write(by_reshape, M, (), name="a reshape is written")
write(by_rows, M, (), name="a row of unstack is written")
write(by_mask, M, (), name="[mask] = v")
write(by_place, M, (INTEGERS,), (4,), name="[i] += v")
write(steps, M, name="a recurrence")


def loop(f: Callable[..., Any], batch: list[np.ndarray], on: tuple[Any, ...], size: int) -> Any:
    rows = []
    for n in range(size):
        args = [x if axis is None else x[n] for x, axis in zip(batch, on, strict=True)]
        rows.append(numbers(f(*[pg.Variable(np.asarray(x)) for x in args])))
    return stacked(rows)


def same(got: Any, expected: Any, what: Any) -> None:
    for a, b in zip(numbers(got), expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), what
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=str(what))


def calls(f: Callable[..., Any], args: list[Any]) -> int:
    """How many functions, of Python or of C, run in `f(*args)`."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()  # what it calls comes at any time
    sys.setprofile(note)
    try:
        f(*args)
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


@pytest.mark.parametrize("name", ROWS)
def test_it_equals_a_loop(name: str) -> None:
    f, shapes = ROWS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    count = len(shapes)
    patterns: list[tuple[Any, ...]] = [(0,) * count, (-1,) * count]
    patterns += [tuple([-1 if i == j else None for i in range(count)]) for j in range(count)]
    for on in patterns:
        for size in (3, 1):
            batch = [make(s, (size,) if a is not None else (), rng)
                     for s, a in zip(shapes, on, strict=True)]  # fmt: skip
            given = [x if axis is None else np.moveaxis(x, 0, axis)
                     for x, axis in zip(batch, on, strict=True)]  # fmt: skip
            same(pg.vmap(f, on)(*given), loop(f, batch, on, size), (on, size))
    everything = [make(s, (2, 3), rng) for s in shapes]
    expected = stacked([loop(f, [x[n] for x in everything], (0,) * count, 3) for n in range(2)])
    same(pg.vmap(pg.vmap(f))(*everything), expected, "nested")
    turned = [np.moveaxis(x, 1, -1) for x in everything]
    got = pg.vmap(pg.vmap(f, -1, -1), 0)(*turned)
    same([np.moveaxis(y, -1, 1) for y in numbers(got)], expected, "nested, along the last axis")
    nobody = pg.vmap(f)(*[make(s, (0,), rng) for s in shapes])
    same(nobody, [y[0][:0] for y in expected], "nobody")
    two, more = [[make(s, (n,), rng) for s in shapes] for n in (2, 9)]
    pg.vmap(f)(*two), pg.vmap(f)(*more)  # whatever is made once is there now
    assert calls(pg.vmap(f), two) == calls(pg.vmap(f), more)
