"""Write the tables of docs/scale.md from what was measured.

python benchmarks/scale.py --json docs/scale-dask.json
python benchmarks/scale_jax.py --json docs/scale-jax.json
python tests/scale/cluster.py --json docs/scale-failure.json
python docs/scale_table.py
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
NAMES = {
    "logistic": "logistic regression", "sum_blocks": "the same, by `sum_blocks`",
    "mlp": "network of one hidden layer", "log_mean_exp": "log-mean-exp",
}  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *[[str(cell) for cell in row] for row in rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def measured(found: dict[str, Any]) -> str:
    """When, with what and where."""
    versions = ", ".join([f"{name} {version}" for name, version in found["versions"].items()])
    commands = " and ".join([f"`{command}`" for command in found["commands"]])
    return (
        f"Measured on {found['date']} by {commands}, with {versions}, on Python "
        f"{found['python']} ({found['machine']}, {found['cores']} cores).\n\n"
    )


def dask_tables(found: dict[str, Any]) -> str:
    """Gradients on clusters, and steps of training."""
    least = {(r["model"], r["workers"]): r for r in reversed(found["gradients"])}
    rows = []
    for r in found["gradients"]:
        first = least[r["model"], r["workers"]]
        grown = r["processor"] / first["processor"] / (r["size"] / first["size"])
        rows.append([
            NAMES[r["model"]], r["workers"], r["size"], f"{1000 * r['seconds']:.0f}",
            f"{r['ratio']:.2f}", f"{r['processor'] / r['processor_by_hand']:.2f}", r["tasks"],
            r["tasks_by_hand"], f"{grown:.2f}", r["peak"], r["peak_by_hand"],
        ])  # fmt: skip
    head = ("model", "workers", "size", "ms", "time / by hand", "processor time / by hand", "tasks",
            "tasks by hand", "growth / size", "peak of a worker, MiB", "by hand")  # fmt: skip
    steps = [
        [NAMES[r["model"]], r["workers"], r["steps"], f"{1000 * r['first']:.0f}", f"{1000 * r['last']:.0f}",
         r["tasks_first"], r["tasks_last"]]
        for r in found["steps"]
    ]  # fmt: skip
    return (
        f"{measured(found)}{table(head, rows)}\nTraining steps at size 1, each persisted; "
        "the best time of the first third and of the last:\n\n"
        + table(("model", "workers", "steps", "first, ms", "last, ms", "tasks of a step", "of the last"),
                steps)
    )  # fmt: skip


def jax_tables(found: dict[str, Any]) -> str:
    """Layouts over 8 devices, and rows over 1, 2 and 4."""

    def ratios(r: dict[str, Any]) -> list[str]:
        pairs = [(f"{what}_processor", f"{what}_processor_native") for what in ("compile", "run")]
        cells = [f"{r[ours] / r[native]:.2f}" for ours, native in pairs]
        return [*cells, f"{r['temporary'] / max(r['temporary_native'], 1):.2f}"]

    names = ("compile / native", "run / native", "memory / native")
    layouts = []
    for r in found["by_layouts"]:
        same = "the same" if r["collectives"] == r["collectives_native"] else "OTHERS"
        kinds = ", ".join([f"{n} {kind}" for kind, n in r["collectives"].items() if n])
        layouts.append([r["model"], r["layout"], *ratios(r), f"{same}: {kinds}"])
    rows = [
        [NAMES[r["model"]], r["devices"], r["size"], f"{1000 * r['run']:.1f}", *ratios(r)]
        for r in found["by_rows"]
    ]
    return (
        measured(found)
        + table(("over 8 devices", "layout", *names, "collectives"), layouts)
        + "\n"
        + table(("rows cut over devices", "devices", "size", "run, ms", *names), rows)
    )


def failure_table(found: list[dict[str, Any]]) -> str:
    """What a cluster of processes went through."""
    rows = []
    for r in found:
        if "raised" in r:
            name, _, text = r["raised"].partition(":")
            reason = "scheduler-connection-lost" if "scheduler-connection-lost" in text else ""
            rows.append([r["what"], f"`{name}`, {reason}".rstrip(", "), "", "", ""])
        else:
            rows.append([r["what"].replace("\n    ", " "), f"{r['error']:.0e}",
                         f"{r['seconds']:.0f}", f"{r['peak_mib']} MiB", f"{r['spilled_mib']} MiB"])  # fmt: skip
    return table(("what happens", "error", "seconds", "peak of a worker", "spilled"), rows)


def picture(found: dict[str, Any], path: Path) -> None:
    """Processor time over the size of the data, with 2 workers, ours and by hand."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for n, (model, name) in enumerate(NAMES.items()):
        rows = [r for r in found["gradients"] if r["model"] == model and r["workers"] == 2]
        sizes = [r["size"] for r in rows]
        axes.plot(
            sizes, [r["processor"] for r in rows], "o-", color=f"C{n}", label=name.replace("`", "")
        )
        if model != "sum_blocks":
            axes.plot(sizes, [r["processor_by_hand"] for r in rows], "--", color=f"C{n}")
    axes.set(xscale="log", yscale="log", xlabel="size of the data", xticks=[1, 4, 16],
             xticklabels=["1", "4", "16"], ylabel="processor time, s")  # fmt: skip
    axes.legend(title="dashed: by hand", fontsize="small")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Put each table between its two marks."""
    picture(json.loads((DOCS / "scale-dask.json").read_text("utf-8")), DOCS / "images/scale.png")
    page = DOCS / "scale.md"
    text = page.read_text("utf-8")
    for name, write in (("dask", dask_tables), ("jax", jax_tables), ("failure", failure_table)):
        path = DOCS / f"scale-{name}.json"
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + write(json.loads(path.read_text("utf-8"))) + end + after
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
