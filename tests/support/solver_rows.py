"""The judge of solvers, whose results are precise to a tolerance of their own: wide differences for
the first order, and narrow ones of the gradient, which is exact, for the second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pluggrad as pg
from tests.support.arrays import convert, to_numpy
from tests.support.optional import installed
from tests.support.scipy_rows import arrays_in, in_pluggrad, of_scipy

__all__ = ["judge_solver"]

STEP = 1e-3


def judge_solver(
    path: str,
    use: Callable[..., Any],
    *arrays: Any,
    rtol: float = 1e-5,
    near: float = 1e-4,
    second: bool = True,
    others: Any = (),
) -> None:
    """Judge ``use(solver, *arrays)`` by all `arrays`, for the solver at `path` and SciPy's own.

    `rtol` bounds the difference of the values from SciPy's, and `near` that of the derivative from
    central differences.
    """
    solver, theirs = in_pluggrad(path), of_scipy(path)
    arrays = tuple([np.asarray(x) for x in arrays])
    weights = [np.cos(1.0 + np.arange(y.size).reshape(y.shape))
               for y in map(to_numpy, arrays_in(use(solver, *arrays)))]  # fmt: skip

    def total(*xs: Any) -> Any:
        ys = arrays_in(use(solver, *xs))
        return sum([_weighted(y, w) for y, w in zip(ys, weights, strict=True)])

    for y, e in zip(arrays_in(use(solver, *arrays)), arrays_in(use(theirs, *arrays)), strict=True):
        assert to_numpy(y).shape == np.shape(e), path
        np.testing.assert_allclose(to_numpy(y), e, rtol=rtol, atol=rtol, err_msg=path)
    every = tuple(range(len(arrays)))
    gradient = pg.grad(total, every)
    found = gradient(*arrays)
    rng = np.random.default_rng(0)
    tangents = tuple([rng.normal(size=x.shape) for x in arrays])

    def moved(h: float) -> Any:
        return [x + h * t for x, t in zip(arrays, tangents, strict=True)]

    def along(gs: Any) -> float:
        return sum([float(np.sum(g * t)) for g, t in zip(gs, tangents, strict=True)])

    slope = (float(total(*moved(STEP))) - float(total(*moved(-STEP)))) / (2 * STEP)
    np.testing.assert_allclose(along(found), slope, rtol=near, atol=near, err_msg=path)
    pushed = pg.jvp(total, arrays, tangents)[1]
    np.testing.assert_allclose(float(pushed), along(found), rtol=1e-8, atol=1e-9, err_msg=path)
    if second:
        curve = pg.grad(
            lambda *xs: sum([pg.sum(g * t) for g, t in zip(gradient(*xs), tangents, strict=True)]),
            every,
        )(*arrays)
        h = 1e-5
        expected = (along(gradient(*moved(h))) - along(gradient(*moved(-h)))) / (2 * h)
        np.testing.assert_allclose(along(curve), expected, rtol=2e-5, atol=2e-5, err_msg=path)
    first, *rest = arrays
    mapped = pg.vmap(pg.grad(lambda x: total(x, *rest)))(np.stack([first, first * 1.01]))
    np.testing.assert_allclose(mapped[0], found[0], rtol=1e-8, atol=1e-8, err_msg=path)
    for library in installed(*others):
        for g, e in zip(gradient(*[convert(x, library) for x in arrays]), found, strict=True):
            np.testing.assert_allclose(to_numpy(g), e, rtol=1e-6, atol=1e-8, err_msg=library)


def _weighted(y: Any, w: Any) -> Any:
    return pg.sum(y * pg.lift(w, like=y))
