"""``pluggrad compare --suite adbench``: the objectives of ADBench, on every system.

They are those of F. Srajer, Z. Kukelova and A. Fitzgibbon, "A benchmark of selected algorithmic
differentiation tools on some problems in computer vision and machine learning" (2018), and of the
benchmark ADBench that grew from it: written here from the formulas, in the functions of the Array
API standard, on data drawn by its rules.

| module | objective | size |
|---|---|---|
| `gmm` | the log-likelihood of a mixture of 5 Gaussians, with a Wishart prior | dimensions |
| `ba` | bundle adjustment: all nonzeros of the Jacobian of the reprojection errors | observations |
| `lstm` | the loss of a network of two LSTM layers that predicts characters | characters |
| `hand` | tracking: half the squares of the distances of a posed hand to points | points |

Where ADBench takes a Jacobian, these are gradients. That of bundle adjustment has the same numbers:
each error depends on one camera, one point and one weight alone, so the gradient of their sum, in
copies of them, holds every nonzero of the Jacobian once. For the hand it is that of the sum of
squares, and the hand is a synthetic mesh of capsules on a skeleton, not the scanned one of ADBench.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..measure import Settings, compare_sizes
from ..records import Report, merge_reports

__all__ = ["OBJECTIVES", "TOLERANCE", "compare_suite"]

#: The objectives: the arguments to differentiate by, and the sizes that they run at.
OBJECTIVES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "gmm": ((0, 1, 2, 3), (2, 10, 32)),
    "ba": ((0, 1, 2), (100, 1000, 10000)),
    "lstm": ((0, 1, 2), (8, 32, 128)),
    "hand": ((0, 1), (100, 1000, 10000)),
}
TOLERANCE = 1e-8  # relative, in double precision


def compare_suite(
    settings: Settings,
    sizes: Sequence[int] = (),
    *,
    only: Sequence[str] = (),
    command: Sequence[str] = (),
    progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Compare every objective, at its own sizes or at `sizes`, or those that `only` names."""
    if unknown := set(only) - set(OBJECTIVES):
        known = ", ".join(OBJECTIVES)
        raise ValueError(f"no objective {', '.join(sorted(unknown))}; they are {known}")
    if settings.tolerance is None and settings.dtype == "float64":
        settings = replace(settings, tolerance=TOLERANCE)
    reports = [
        compare_sizes(
            f"{__name__}.{name}:{name}_objective", settings,
            inputs=f"{__name__}.{name}:{name}_inputs",
            by=by, sizes=list(sizes) or list(own), command=command, progress=progress,
        )
        for name, (by, own) in OBJECTIVES.items()
        if not only or name in only
    ]  # fmt: skip
    merged = merge_reports(reports)
    merged.runs = merged.runs[:1]  # one command, one machine
    for comparison in merged.comparisons:
        for row in comparison.rows:
            row.run = 0
    return merged
