"""Where the stored elements of a sparse matrix are."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Pattern"]


class Pattern:
    """The places of the stored elements of a sparse matrix, in the order of its data.

    It is immutable, and a setting of the rows that take the data: derivatives are by the data only.
    Two elements at one place add up.
    """

    __slots__ = ("_compressed", "_transposed", "columns", "factors", "rows", "shape")

    def __init__(self, rows: Any, columns: Any, shape: Any) -> None:
        self.rows, self.columns, self.shape = rows, columns, (int(shape[0]), int(shape[1]))
        self._compressed: tuple[bool, Any, Any, Any] | None = None
        self._transposed: Pattern | None = None
        #: The last matrix that was factorised, and its factors.
        self.factors: Any = None

    @classmethod
    def of(cls, coo: Any) -> Pattern:
        """The pattern of a matrix of SciPy's in triples."""
        return cls(coo.coords[0], coo.coords[1], coo.shape)

    @property
    def T(self) -> Pattern:
        """The pattern of the transpose, for the same data."""
        if self._transposed is None:
            made = Pattern(self.columns, self.rows, self.shape[::-1])
            if self._compressed is not None:
                by_rows, *rest = self._compressed
                made._compressed = (not by_rows, *rest)
            self._transposed, made._transposed = made, self
        return self._transposed

    @property
    def compressed(self) -> tuple[bool, Any, Any, Any]:
        """Whether the data are grouped by rows, else by columns; the other index of each element;
        where each group begins; and which element comes where, None if they stay in order."""
        if self._compressed is None:
            self._compressed = self._compress()
        return self._compressed

    def _compress(self) -> tuple[bool, Any, Any, Any]:
        for by_rows, groups, others in (
            (True, self.rows, self.columns),
            (False, self.columns, self.rows),
        ):
            if (groups[1:] >= groups[:-1]).all():
                return (by_rows, *self._grouped(groups, others, by_rows), None)
        order = np.lexsort((self.columns, self.rows))
        return (True, *self._grouped(self.rows[order], self.columns[order], True), order)

    def _grouped(self, groups: Any, others: Any, by_rows: bool) -> tuple[Any, Any]:
        counts = np.bincount(groups, minlength=self.shape[0 if by_rows else 1])
        starts = np.concatenate([np.zeros(1, others.dtype), np.cumsum(counts)])
        return others, starts.astype(others.dtype)

    def merged(self, by_columns: bool = False) -> tuple[Pattern, Any]:
        """The pattern without duplicates, sorted by rows or by columns; and the number of the
        element there that each element of this one adds to, None if each keeps its place."""
        first, second = (self.columns, self.rows) if by_columns else (self.rows, self.columns)
        keys = first.astype(np.int64) * self.shape[0 if by_columns else 1] + second
        if (keys[1:] > keys[:-1]).all():
            return self, None
        _, places, numbers = np.unique(keys, return_index=True, return_inverse=True)
        return Pattern(self.rows[places], self.columns[places], self.shape), numbers.reshape(-1)

    def same(self, other: Pattern) -> bool:
        """Whether `other` has the same elements in the same order."""
        return self is other or (
            self.shape == other.shape
            and np.array_equal(self.rows, other.rows)
            and np.array_equal(self.columns, other.columns)
        )
