"""The judge of `pluggrad.scipy`: values against SciPy's own function, derivatives of both modes and
the second against central differences, `vmap` against a loop, other libraries against NumPy."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import optree

import pluggrad as pg
from tests.support.arrays import convert, to_numpy
from tests.support.derivatives import check_derivatives
from tests.support.optional import installed, needs

__all__ = ["in_pluggrad", "judge_scipy", "of_scipy"]


def of_scipy(path: str) -> Any:
    """SciPy's function, such as ``ndimage.gaussian_filter``, or skip."""
    module, _, name = path.partition(".")
    needs("scipy")
    return attrgetter(name)(importlib.import_module(f"scipy.{module}"))


def in_pluggrad(path: str) -> Any:
    """The function of `pluggrad.scipy` of that path, or skip where SciPy is missing."""
    needs("scipy")
    return attrgetter(path)(importlib.import_module("pluggrad.scipy"))


def judge_scipy(
    path: str,
    *args: Any,
    tracked: Sequence[int | str] = (0,),
    second: bool = True,
    maps: bool = True,
    others: Sequence[str] = ("torch", "jax"),
    rtol: float = 1e-12,
    atol: float = 1e-12,
    use: Callable[..., Any] | None = None,
    **kwargs: Any,
) -> None:
    """Judge one call of the function at `path`, by the arguments at the positions and of the names
    that are `tracked`.

    `rtol` and `atol` bound the difference of values from SciPy's. `second` asks for the second
    derivative, `maps` for a batch, and `others` for the same values and gradients there. For a
    class, ``use(it, *args)`` makes an object and calls it.
    """
    function, theirs = in_pluggrad(path), of_scipy(path)
    if use is not None:
        function, theirs = functools.partial(use, function), functools.partial(use, theirs)
    expected = theirs(*args, **kwargs)
    arrays = [np.asarray(_given(args, kwargs)[key]) for key in tracked]

    def run(*xs: Any, like: str = "numpy") -> Any:
        """The function of the tracked arguments, and all others as arrays of one library."""
        given = {
            key: convert(x, like) if isinstance(x, np.ndarray) else x
            for key, x in _given(args, kwargs).items()
        }
        given |= dict(zip(tracked, xs, strict=True))
        return function(*[given[n] for n in range(len(args))], **{k: given[k] for k in kwargs})

    def floats(*xs: Any) -> list[Any]:
        """The results that have derivatives."""
        return [y for y in arrays_in(run(*xs)) if y.dtype.kind in "fc"]

    got = arrays_in(run(*arrays))
    for y, e in zip(got, arrays_in(expected), strict=True):
        y, e = to_numpy(y), np.asarray(e)
        assert y.dtype == e.dtype and y.shape == e.shape, (path, y.dtype, e.dtype)
        np.testing.assert_allclose(y, e, rtol=rtol, atol=atol, err_msg=path)
    check_derivatives(floats, *arrays, second=second)
    if maps:
        first, *rest = arrays
        batch = np.stack([first, first * 1.0625])
        mapped = arrays_in(pg.vmap(lambda x: run(x, *rest))(batch))
        for n, x in enumerate(batch):
            for y, e in zip(mapped, arrays_in(run(x, *rest)), strict=True):
                np.testing.assert_allclose(
                    to_numpy(y)[n], to_numpy(e), rtol=1e-10, atol=1e-10, err_msg=f"{path}, vmap"
                )
    gradients = _gradients(run, arrays)
    for library in installed(*others):
        converted = [convert(x, library) for x in arrays]
        values = arrays_in(run(*converted, like=library))
        for y, e in zip(values, got, strict=True):
            np.testing.assert_allclose(to_numpy(y), to_numpy(e), rtol=1e-9, atol=1e-9,
                                       err_msg=f"{path}, {library}")  # fmt: skip
        found = _gradients(functools.partial(run, like=library), converted)
        for g, e in zip(found, gradients, strict=True):
            np.testing.assert_allclose(to_numpy(g), to_numpy(e), rtol=1e-8, atol=1e-8,
                                       err_msg=f"{path}, the gradient by {library}")  # fmt: skip


def _given(args: Any, kwargs: Any) -> dict[int | str, Any]:
    return {**dict(enumerate(args)), **kwargs}


def arrays_in(y: Any) -> list[Any]:
    """The arrays in a result: itself, or those in a tuple, a list or a named tuple."""
    return [x if hasattr(x, "dtype") else np.asarray(x) for x in optree.tree_leaves(y)]


def _gradients(run: Any, arrays: Any) -> Any:
    """The gradients by `arrays` of the sum of all results, each weighted by its place."""

    def total(*xs: Any) -> Any:
        found: Any = 0.0
        for y in arrays_in(run(*xs)):
            if "float" in str(y.dtype) or "complex" in str(y.dtype):
                found = found + pg.sum(pg.real(y) * 1.5) + pg.sum(pg.abs(y) ** 2)
        return found

    return pg.grad(total, argnums=tuple(range(len(arrays))))(*arrays)
