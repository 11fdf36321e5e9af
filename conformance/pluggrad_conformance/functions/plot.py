"""Pictures of the times: by size, on two logarithmic axes; or as bars, where there is one size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .records import Comparison, Report

__all__ = ["plot_report"]

#: Colours that are told apart without seeing red or green, and dashes for compiled functions.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#000000", "#cc79a7", "#888888",
           "#882255", "#999933")  # fmt: skip


def plot_report(report: Report, path: Path) -> list[Path]:
    """Write ``path.png`` and ``path.svg``, with one panel for each function.

    Lines of pluggrad are thick, those of compiled functions dashed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ImportError(
            "plots need matplotlib: `pip install 'pluggrad[compare]'` brings it"
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels: dict[tuple[str, str], list[Comparison]] = {}
    dtypes = {c.dtype for c in report.comparisons}
    for c in report.comparisons:
        if any(row.times for row in c.rows):
            panels.setdefault((c.function, c.dtype), []).append(c)
    if not panels:
        raise ValueError("there are no times to plot: --processes was 0")
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    with matplotlib.rc_context({"svg.hashsalt": "pluggrad", "svg.fonttype": "none"}):
        figure, axes = pyplot.subplots(
            lines,
            columns,
            figsize=(6.4 * columns, 4.6 * lines),
            squeeze=False,
            layout="constrained",
        )
        for ax in axes.flat[len(panels) :]:
            ax.set_axis_off()
        names = list(dict.fromkeys(row.name for c in report.comparisons for row in c.rows))
        for ax, ((_, dtype), found) in zip(axes.flat, panels.items()):
            _panel(ax, found, names)
            ax.set_title(found[0].name + (f", {dtype}" if len(dtypes) > 1 else ""), fontsize=11)
        handles: dict[str, Any] = {}
        for ax in axes.flat:
            for handle, label in zip(*ax.get_legend_handles_labels()):
                handles.setdefault(label, handle)
        if handles:
            figure.legend(handles.values(), handles.keys(), loc="outside right center", fontsize=8)
        written = []
        for kind in ("png", "svg"):
            target = path.with_name(f"{path.name}.{kind}")
            figure.savefig(target, dpi=150, metadata={"Date": None} if kind == "svg" else None)
            written.append(target)
        pyplot.close(figure)
    return written


def _panel(ax: Any, found: list[Comparison], names: list[str]) -> None:
    sizes = [c.size for c in found]
    if len(found) == 1 or None in sizes:
        rows = [row for row in found[0].rows if row.time is not None]
        for place, row in enumerate(rows):
            low, high = row.spread or (row.time, row.time)
            ax.barh(place, row.time, color=_colour(names, row.name),
                    hatch="//" if row.compiled else None)  # fmt: skip
            ax.plot([low, high], [place, place], color="black", linewidth=2)
        ax.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
        ax.invert_yaxis()
        ax.set_xscale("log")
        ax.set_xlabel("seconds for value and gradient")
        return
    for name in names:
        timed = [(c.size, row) for c in found for row in c.rows
                if row.name == name and row.time is not None]  # fmt: skip
        if not timed:
            continue
        times = [row.time or 0.0 for _, row in timed]
        spreads = [row.spread or (t, t) for (_, row), t in zip(timed, times)]
        below = [max(0.0, t - low) for t, (low, _) in zip(times, spreads)]
        above = [max(0.0, high - t) for t, (_, high) in zip(times, spreads)]
        ours = name.startswith("pluggrad")
        ax.errorbar([n for n, _ in timed], times, yerr=[below, above], label=name,
                    marker="o" if ours else "s", markersize=4 if ours else 3,
                    linewidth=2.2 if ours else 1.1, color=_colour(names, name),
                    linestyle="--" if timed[0][1].compiled else "-")  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
    ax.minorticks_off()
    ax.set_xlabel(found[0].axis or "size")
    ax.set_ylabel("seconds for value and gradient")
    ax.grid(True, which="major", alpha=0.3)


def _colour(names: list[str], name: str) -> str:
    eager = list(dict.fromkeys(_family(n) for n in names))
    return COLOURS[eager.index(_family(name)) % len(COLOURS)]


def _family(name: str) -> str:
    """The name without what says that it is compiled."""
    return name.partition(",")[0].replace("torch.compile", "torch.autograd")
