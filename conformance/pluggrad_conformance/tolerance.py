"""Tolerance as a policy: how far a number may be from what an oracle says.

An answer is judged against the oracle's double-precision answer at the same rounded inputs,
component by component. With o the oracle, s its scale (`oracles.OracleAnswer`: how much o changes
when all it is computed from changes by one part), eps and tiny the dtype's::

    |got - o|  <=  c · eps · (|o| + s)                          elementwise
    |got - o|  <=  c · eps · (|o| + s + rms(o) + rms(s))        the others
    plus 4 · tiny, what a result that underflows may lose, and the oracle's own doubt

An elementwise operation computes each component by itself, so each has to be right by itself,
however small it is beside the others. The other operations mix components: a backward stable
algorithm makes errors of the size of the whole array in each of them. Sizes are measured by the
root mean square, not by the norm, and errors component by component, so that one wrong entry of a
thousand cannot hide among the others.

Where o and s are zero everywhere, the scale is 1 instead: a result that is exactly zero by
cancellation comes out as a rounding of cotangents, which are about 1. (Not elementwise: zero is
zero.)

Infinities and nan must be in the same places, infinities of real numbers with the same sign; then
the finite components are compared. Where the oracle is beyond the range of the dtype, an infinity
of its sign is right. A complex number counts as infinite if a part is, else as nan if a part is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .operations import Operation
from .oracles.answers import OracleAnswer

__all__ = [
    "CONSTANTS",
    "Comparison",
    "Limits",
    "bounds",
    "compare_with_oracle",
    "constant",
    "limits",
]

#: c for each kind of operation: for values and first derivatives, for second ones, and why.
CONSTANTS: dict[str, tuple[float, float, str]] = {
    "elementwise": (16, 32, "a few roundings and a library function, each good to a few eps"),
    "movement": (2, 2, "copies; the cotangents that meet add up almost exactly"),
    "reduction": (8, 16, "sums of up to hundreds of terms, pairwise or in blocks"),
    "scan": (16, 32, "sums and products one after the other"),
    "contraction": (8, 16, "sums of products"),
    "fft": (8, 16, "log n stages of a few roundings"),
    "linalg": (64, 128, "factorisations: small multiples of n, several in a row"),
    "decomposition": (128, 256, "the same, and iterations that stop at a few eps"),
    "program": (64, 128, "many operations after each other"),
}
#: Factors of c, by how the operation's name begins. Special functions are series, recurrences and
#: asymptotics: libraries promise 1e-13, not eps.
SPECIAL = {"special.": 16.0}

OFF = 100.0  # tolerances; further away is wrong
_RANK = {"agrees": 0, "off": 1, "nonfinite": 2, "wrong": 3}


@dataclass(frozen=True)
class Limits:
    """The limits of a dtype: the spacing at 1, the smallest normal and the largest number."""

    eps: float
    tiny: float
    max: float


def limits(dtype: str) -> Limits:
    """The limits of a dtype by name; a complex one has those of its parts."""
    if dtype == "bfloat16":
        return Limits(2.0**-7, 2.0**-126, 3.3895313892515355e38)
    info = np.finfo(np.dtype(dtype))
    return Limits(float(info.eps), float(info.smallest_normal), float(info.max))


def constant(operation: Operation, quantity: str) -> float:
    """c of an operation: the tolerance in units of eps where nothing cancels."""
    first, second, _ = CONSTANTS[operation.kind]
    c = second if quantity == "second" else first
    for prefix, factor in SPECIAL.items():
        if operation.origin.startswith(prefix):
            c *= factor
    return float(c)


@dataclass(frozen=True)
class Comparison:
    """How an answer compares with an oracle's.

    `error` is the largest error in units of eps of the dtype, relative to the component and its
    scale, and to their root mean squares unless the operation is elementwise. `ratio` is the
    largest error in tolerances. `verdict`: "agrees" · "off" (up to 100 tolerances, and of the right
    size) · "wrong" · "nonfinite" (infinities or nan in other places). `where` is the number of the
    array and the index of the worst component in it.
    """

    error: float
    ratio: float
    verdict: str
    where: tuple[int, ...] = ()
    note: str = ""


def compare_with_oracle(
    operation: Operation, quantity: str, dtype: str, got: list[np.ndarray], answer: OracleAnswer
) -> Comparison:
    """Compare the arrays `got`, computed in `dtype`, with an oracle's answer.

    >>> from pluggrad_conformance.tables import load_operations
    >>> sin = load_operations()["sin"]
    >>> answer = OracleAnswer("by hand", [np.ones(3)], [np.zeros(3)])
    >>> got = [np.asarray([1, 1.0001, 1], "float32")]
    >>> found = compare_with_oracle(sin, "gradient", "float32", got, answer)
    >>> found.verdict, found.where, round(found.error)
    ('off', (0, 1), 839)
    """
    if len(got) != len(answer.arrays):
        note = f"structure: {len(got)} arrays instead of {len(answer.arrays)}"
        return Comparison(math.inf, math.inf, "wrong", (), note)
    for k, (a, o) in enumerate(zip(got, answer.arrays, strict=True)):
        if np.shape(a) != o.shape:
            note = f"structure: array {k} has shape {np.shape(a)} instead of {o.shape}"
            return Comparison(math.inf, math.inf, "wrong", (k,), note)
    worst = Comparison(0.0, 0.0, "agrees")
    c = constant(operation, quantity)
    doubts = answer.doubt or [np.zeros(o.shape) for o in answer.arrays]
    parts = zip(got, answer.arrays, answer.scale, doubts, strict=True)
    for k, (a, o, s, doubt) in enumerate(parts):
        if o.size:
            apart = operation.kind == "elementwise"
            found = _compare(np.asarray(a), o, s, doubt, c, limits(dtype), apart, k)
            worst = max(worst, found, key=lambda x: (_RANK[x.verdict], x.ratio))
    return worst


def _compare(
    a: np.ndarray, o: np.ndarray, s: np.ndarray, doubt: np.ndarray, c: float, lim: Limits,
    apart: bool, k: int,
) -> Comparison:  # fmt: skip
    if o.dtype.kind not in "fc" or a.dtype.kind not in "fc":
        return _compare_exactly(a, o, k)
    a, o = _widened(a), _widened(o)
    with np.errstate(all="ignore"):
        beyond = _overflows(o, lim.max) & ~np.isfinite(a) & (_signs(a) == _signs(o))
        different = (_pattern(a) != _pattern(o)) & ~beyond
        if np.any(different):
            where = _place(np.where(different, 1.0, 0.0), k)
            note = f"{a[where[1:]]} instead of {o[where[1:]]}"
            return Comparison(math.inf, math.inf, "nonfinite", where, note)
        size, bound = _bound(o, s, doubt, c, lim, apart)
        d = np.where(np.isfinite(a) & np.isfinite(o), np.abs(a - o), 0.0)
        ratio = d / bound
        error = ratio * c
    worst = float(np.max(ratio))
    where = _place(ratio, k)
    if worst <= 1.0:
        return Comparison(float(np.max(error)), worst, "agrees", where)
    place = where[1:]
    right_size = worst <= 10.0 or d[place] <= 0.1 * size[place]
    verdict = "off" if worst <= OFF and right_size else "wrong"
    return Comparison(
        float(np.max(error)), worst, verdict, where, f"{a[place]} instead of {o[place]}"
    )


def _bound(
    o: np.ndarray, s: np.ndarray, doubt: np.ndarray, c: float, lim: Limits, apart: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The size that an error is measured by, and the largest error allowed, for each component."""
    finite = np.isfinite(o)
    size = np.where(finite, np.abs(o), 0.0)
    s = np.where(finite & np.isfinite(s), s, 0.0)
    if not apart:
        # a component that overflows in the dtype must not excuse the others
        within = ~_overflows(o, lim.max)
        size = size + _rms(size[within])
        s = s + _rms(s[within])
        if not np.any(size + s):
            s = np.ones_like(s)
    slack = 4.0 * lim.tiny + np.where(np.isfinite(doubt), doubt, 0.0)
    return size, c * lim.eps * (size + s) + slack


def bounds(
    operation: Operation, quantity: str, dtype: str, answer: OracleAnswer
) -> list[np.ndarray]:
    """The largest error that `compare_with_oracle` allows, for each component; zero for integers.

    >>> from pluggrad_conformance.tables import load_operations
    >>> answer = OracleAnswer("by hand", [np.asarray([1.0, 2.0])], [np.zeros(2)])
    >>> (allowed,) = bounds(load_operations()["sin"], "gradient", "float64", answer)
    >>> np.round(allowed / np.finfo(float).eps)
    array([16., 32.])
    """
    c, lim = constant(operation, quantity), limits(dtype)
    apart = operation.kind == "elementwise"
    doubts = answer.doubt or [np.zeros(o.shape) for o in answer.arrays]
    found = []
    for o, s, doubt in zip(answer.arrays, answer.scale, doubts, strict=True):
        exact = o.dtype.kind not in "fc" or not o.size
        found.append(np.zeros(o.shape) if exact else _bound(o, s, doubt, c, lim, apart)[1])
    return found


def _compare_exactly(a: np.ndarray, o: np.ndarray, k: int) -> Comparison:
    """Compare integers and booleans, which must be equal."""
    different = a != o
    if a.dtype.kind in "fc" or o.dtype.kind in "fc":
        different |= np.asarray(True)  # one of them is no integer
    if not np.any(different):
        return Comparison(0.0, 0.0, "agrees")
    where = _place(np.where(different, 1.0, 0.0), k)
    return Comparison(
        math.inf, math.inf, "wrong", where, f"{a[where[1:]]} instead of {o[where[1:]]}"
    )


def _widened(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def _rms(x: np.ndarray) -> float:
    """The root mean square, computed so that squares neither overflow nor underflow."""
    largest = float(np.max(x, initial=0.0))
    return largest * math.sqrt(float(np.mean((x / largest) ** 2))) if largest > 0.0 else 0.0


def _place(badness: np.ndarray, k: int) -> tuple[int, ...]:
    """The number of the array and the index of its worst component."""
    index: Any = np.unravel_index(int(np.argmax(badness)), badness.shape)
    return (k, *[int(i) for i in index])


def _overflows(o: np.ndarray, largest: float) -> np.ndarray:
    parts = (o.real, o.imag) if o.dtype.kind == "c" else (o,)
    return np.asarray(np.any([np.abs(p) > largest for p in parts], axis=0) & np.isfinite(o))


def _signs(x: np.ndarray) -> np.ndarray:
    """The signs of real numbers, 0 for nan; 1 for complex ones, whose direction is not judged."""
    if x.dtype.kind == "c":
        return np.where(np.isnan(x) & ~np.isinf(x), 0.0, 1.0)
    return np.where(np.isnan(x), 0.0, np.sign(x))


def _pattern(x: np.ndarray) -> np.ndarray:
    """0 for numbers, 1 for nan, 2 for infinities, 3 for negative ones."""
    found = np.where(np.isnan(x), 1, 0)
    if x.dtype.kind == "c":
        return np.where(np.isinf(x), 2, found)
    return np.where(np.isinf(x), np.where(x > 0, 2, 3), found)
