"""How exact the accepted answers are: errors in eps by dtype, as numbers and in bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..cells import DTYPES
from ..results import Result

__all__ = ["BINS", "Accuracy", "accuracy_by_dtype", "bin_of"]

#: Decades of the error in eps: zero, below 0.1, below 1, ..., 10⁶ or more, not finite (or nan).
BINS = ("0", "<0.1", "<1", "<10", "<10²", "<10³", "<10⁴", "<10⁵", "<10⁶", "≥10⁶", "∞")


@dataclass(frozen=True)
class Accuracy:
    """Errors in eps of a dtype.

    `cells` is how many cells have an error; `median`, `percentile` (the 99th) and `largest` are
    over those that are pass or convention. `accepted` and `others` count the cells in each of
    `BINS`.
    """

    dtype: str
    cells: int
    median: float
    percentile: float
    largest: float
    accepted: tuple[int, ...]
    others: tuple[int, ...]


def accuracy_by_dtype(results: Sequence[Result]) -> list[Accuracy]:
    """One for each dtype that has errors, in the order of `DTYPES`."""
    seen = dict.fromkeys(r.cell.dtype for r in results)
    found = (_of(dtype, results) for dtype in [*DTYPES, *(d for d in seen if d not in DTYPES)])
    return [a for a in found if a.cells]


def _of(dtype: str, results: Sequence[Result]) -> Accuracy:
    bins = {True: [0] * len(BINS), False: [0] * len(BINS)}
    errors = []
    for r in results:
        if r.cell.dtype != dtype or r.error is None:
            continue
        accepted = r.outcome in ("pass", "convention")
        bins[accepted][bin_of(r.error)] += 1
        if accepted and math.isfinite(r.error):
            errors.append(r.error)
    errors.sort()
    return Accuracy(
        dtype, sum(bins[True]) + sum(bins[False]), _rank(errors, 0.5),
        _rank(errors, 0.99), _rank(errors, 1.0),
        tuple(bins[True]), tuple(bins[False]),
    )  # fmt: skip


def _rank(errors: list[float], part: float) -> float:
    """The error that `part` of the sorted errors do not exceed; nan where there are none."""
    return errors[max(0, math.ceil(part * len(errors)) - 1)] if errors else math.nan


def bin_of(error: float) -> int:
    """The number of the bin of an error.

    >>> [BINS[bin_of(e)] for e in (0.0, 0.5, 1.0, 2e7, float("inf"))]
    ['0', '<1', '<10', '≥10⁶', '∞']
    """
    if not math.isfinite(error):
        return len(BINS) - 1
    if error == 0:
        return 0
    return next((i for i in range(1, 9) if error < 10.0 ** (i - 2)), 9)
