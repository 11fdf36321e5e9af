"""Functions of the engine that become programs when they are called often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.levels import START, read
from .arguments import alike
from .emit import emitted
from .engines import program_of

__all__ = ["often"]

OFTEN = 10  # compile at this call: compiling takes as long as 10 to 20 calls
LARGE = 2**18  # in bytes: where arrays are this large a program gains nothing


def often(function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """`function`, which takes raw arrays and returns a list of raw arrays, as a program once it has
    been called often with NumPy arrays of the same shapes, dtypes and layouts.

    The program must reproduce what `function` returns, to the last bit; otherwise `function` stays.
    """
    calls = 0
    programs: dict[Any, Any] = {}

    def call(*arrays: Any) -> list[Any]:
        nonlocal calls
        if read() is not START or not all([type(x) is np.ndarray for x in arrays]):
            return function(*arrays)
        key = tuple([(x.shape, x.dtype, x.strides) for x in arrays])
        program = programs.get(key)
        if program is not None:
            return list(program(*arrays))
        y = function(*arrays)
        calls += 1
        if calls >= OFTEN and key not in programs and len(programs) < 8:
            programs[key] = None
            programs[key] = _made(function, arrays, y)
        return y

    return call


def _made(function: Callable[..., list[Any]], arrays: Any, expected: list[Any]) -> Any:
    """The program of `function`; None if there is none that pays."""
    try:
        program = program_of(function, arrays, set())
        sizes = [v.nbytes for call in program.calls for v in call.results]
        if max(sizes, default=0) >= LARGE:
            return None
        run = emitted(program)
        return None if alike(list(run(*arrays)), expected, exact=True) else run
    except Exception:  # never fatal: the function is called as before
        return None
