"""The tables: one module per family of operations, each a list of rows.

A row is an operation with its cases (`operations.Case`): the typical one, then shapes, then values
that hurt. A case that libraries disagree about, or that one of them gets wrong, names the
documented convention that decides:

| convention | says |
|---|---|
| ties | what is attained several times shares the gradient evenly (max, maximum, norms) |
| abs-zero | the slope of abs at 0 is 0, complex 0 included |
| sign-zero | the slope of sign at 0 is 0 |
| norm-zero | the gradient of a vector norm at 0 is 0, whatever the order |
| std-constant | the gradient of the standard deviation of equal numbers is 0 |
| hypot-zero | the slopes of hypot at (0, 0) are 0 |
| atan2-zero | the slopes of atan2 at (0, 0) are 0 |
| copysign-zero | the slope of copysign by a magnitude of 0 is 0 |
| clip-bound | at a bound of clip, x has the slope 1 and the bound 0 |
| clip-crossed | where the lower bound of clip is above the upper one, the upper one has it all |
| pow-zero | 0 ** p by the base: the limit, 0 for p = 0 and p > 1, 1 for p = 1; by p >= 0: 0 |
| logaddexp-infinities | equal infinities share evenly; the greater one has it all |
| logsumexp-infinities | the infinities that decide share evenly; all of them if all are -inf |
| tiny-huge | derivatives neither underflow nor overflow where their values do not |
| det-singular | the gradient of det is the cofactor matrix, at singular matrices too |
| last-write | of several writes to one place the last wins, and it alone has a gradient |
| where-nan | a branch that `where` does not choose still brings in 0 * inf = nan, as in torch |
| degenerate | equal eigenvalues and singular values have the slopes of a basis that was found |
| nan-propagates | where a nan is the value, the gradient is nan for all that took part |
| floor-divide | the slopes of floor_divide are 0 |
| heaviside | at the step, `x1` has the slope 0 and `x2` the slope 1 |
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from fnmatch import fnmatchcase

from .. import operations

__all__ = ["load_operations", "operation_names", "read_tables"]

_read = False


def load_operations() -> dict[str, operations.Operation]:
    """Every operation by name. The first call reads the tables."""
    read_tables()
    return operations.OPERATIONS


def read_tables() -> None:
    """Import every module of this package, once: each adds its rows to `operations.OPERATIONS`."""
    global _read
    if not _read:
        _read = True
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")


def operation_names(patterns: Iterable[str] = ("*",)) -> list[str]:
    """The operations whose name matches one of the globs, in alphabetical order."""
    patterns = list(patterns)
    return sorted(n for n in load_operations() if any(fnmatchcase(n, p) for p in patterns))
