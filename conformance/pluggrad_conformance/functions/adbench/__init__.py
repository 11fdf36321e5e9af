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

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..measure import Progress, Settings, compare_sizes
from ..records import Report, merge_reports

__all__ = ["OBJECTIVES", "PROCESSES", "TIMEOUT", "TOLERANCE", "Objective", "compare_suite"]


@dataclass(frozen=True)
class Objective:
    """What is run: the title of the objective, what its size is, and what else it is run with.

    `by` are the arguments to differentiate by, `sizes` the sizes that it runs at.
    """

    title: str
    axis: str
    setting: str
    by: tuple[int, ...]
    sizes: tuple[int, ...]


OBJECTIVES = {
    "gmm": Objective("Gaussian mixture model", "dimensions d", "n = 1,000, d = {:,}, K = 5",
                     (0, 1, 2, 3), (2, 10, 32)),
    "ba": Objective("Bundle adjustment", "observations", "{:,} observations",
                    (0, 1, 2), (100, 1000, 10000)),
    "lstm": Objective("LSTM", "characters", "{:,} characters", (0, 1, 2), (4, 16, 64)),
    "hand": Objective("Hand tracking", "points", "{:,} points", (0, 1), (100, 1000, 10000)),
}  # fmt: skip
TOLERANCE = 1e-8  # relative, in double precision
PROCESSES, TIMEOUT = 2, 50.0  # of each system at each size; in seconds


def compare_suite(
    settings: Settings,
    sizes: Sequence[int] = (),
    *,
    only: Sequence[str] = (),
    command: Sequence[str] = (),
    progress: Progress = lambda text, part: None,
) -> Report:
    """Compare every objective, at its own sizes or at `sizes`, or those that `only` names."""
    if unknown := set(only) - set(OBJECTIVES):
        known = ", ".join(OBJECTIVES)
        raise ValueError(f"no objective {', '.join(sorted(unknown))}; they are {known}")
    if settings.tolerance is None and settings.dtype == "float64":
        settings = replace(settings, tolerance=TOLERANCE)
    chosen = {name: it for name, it in OBJECTIVES.items() if not only or name in only}
    reports = []
    with tempfile.TemporaryDirectory(prefix="pluggrad-compiled-") as folder:
        for k, (name, objective) in enumerate(chosen.items()):

            def inner(text: str, part: float, name: str = name, before: int = k) -> None:
                progress(f"{name}: {text}", (before + part) / len(chosen))

            report = compare_sizes(
                f"{__name__}.{name}:{name}_objective", settings,
                inputs=f"{__name__}.{name}:{name}_inputs", by=objective.by,
                sizes=list(sizes) or list(objective.sizes), command=command, progress=inner,
                compiled=Path(folder),
            )  # fmt: skip
            for comparison in report.comparisons:
                comparison.title, comparison.axis = objective.title, objective.axis
                comparison.setting = objective.setting.format(comparison.size)
            reports.append(report)
    merged = merge_reports(reports)
    merged.runs = merged.runs[:1]  # one command, one machine
    merged.runs[0]["load"]["after"] = reports[-1].runs[0]["load"]["after"]
    for comparison in merged.comparisons:
        for row in comparison.rows:
            row.run = 0
    return merged
