"""The judge of compiled functions: the same as eager to the last bit, or a reason why there is no
program."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import optree

import pluggrad as pg

__all__ = ["Row", "Verdict", "difference", "verdict_on"]


class Row(NamedTuple):
    """A function, and arguments of two calls: the second has the same shapes and dtypes, and other
    elements."""

    name: str
    fun: Callable[..., Any]
    args: Sequence[Any]
    again: Sequence[Any]


class Verdict(NamedTuple):
    """`kind` is "same", "broken" (no program, `why` says what the user is told), "raises" (the
    function itself), "different" or "foreign" (an exception that eager execution does not raise)."""

    kind: str
    why: str = ""


def verdict_on(row: Row) -> Verdict:
    """Compile the function of a row, and compare two calls with eager ones."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return _verdict(row)


def _verdict(row: Row) -> Verdict:
    calls: list[int] = []

    def counted(*args: Any) -> Any:
        calls.append(1)
        return row.fun(*args)

    try:
        expected = [row.fun(*row.args), row.fun(*row.again)]
    except Exception as error:
        return Verdict("raises", f"{type(error).__name__}: {error}")
    given = [copies(row.args), copies(row.again)]
    compiled: Any = pg.compile(counted, engine="numpy", on_break="error")
    try:
        first = compiled(*row.args)
    except pg.UntraceableError as error:
        return Verdict("broken", str(error))
    except Exception as error:
        return Verdict("foreign", f"{type(error).__name__}: {error}")
    calls.clear()
    found = [first, compiled(*row.args), compiled(*row.again)]
    if calls:
        return Verdict("foreign", "the program raises, and the function itself does not")
    for name, x, y in zip(
        ("first call", "second call", "other arguments"), found, [expected[0], *expected]
    ):
        if why := difference(x, y):
            return Verdict("different", f"{name}: {why}")
    if why := difference([copies(row.args), copies(row.again)], given):
        return Verdict("different", f"arguments were written: {why}")
    return Verdict("same")


def copies(args: Sequence[Any]) -> list[Any]:
    """The arguments, with copies of the arrays."""
    return optree.tree_map(lambda x: x.copy("K") if type(x) is np.ndarray else x, list(args))  # type: ignore[arg-type, return-value]


def difference(found: Any, expected: Any) -> str:
    """What is different, in structure, types, dtypes, shapes, memory order or any bit; "" if
    nothing is. One nan is as good as another."""
    leaves, spec = optree.tree_flatten(found, none_is_leaf=True)
    others, wanted = optree.tree_flatten(expected, none_is_leaf=True)
    if spec != wanted:
        return f"structure {spec}, expected {wanted}"
    for x, y in zip(leaves, others, strict=True):
        if type(x) is not type(y):
            return f"a {type(x).__name__}, expected a {type(y).__name__}"
        if isinstance(x, pg.Variable):
            x, y = x.data, y.data
        if not isinstance(y, (np.ndarray, np.generic)):
            if not (x is y or x == y):
                return f"{x!r}, expected {y!r}"
            continue
        if x.dtype != y.dtype or x.shape != y.shape:
            return f"{x.dtype} {x.shape}, expected {y.dtype} {y.shape}"
        if [n for n, axis in zip(x.strides, x.shape) if axis > 1] != [
            n for n, axis in zip(y.strides, y.shape) if axis > 1
        ] and x.size:
            return f"strides {x.strides}, expected {y.strides}"
        for a, b in ((x.real, y.real), (x.imag, y.imag)):
            same = (a == b) & (np.signbit(a) == np.signbit(b)) if a.dtype.kind == "f" else a == b
            if not np.all(same | ((a != a) & (b != b))):
                return f"{x.tolist()}, expected {y.tolist()}"[:400]
    return ""
