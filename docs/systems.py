"""Write the pages about other autodiff systems from runs of the conformance suite.

    python docs/systems.py RUN ...

makes systems.md, systems.html, systems-run.json, systems-results.jsonl.xz and the drafts in
reports/ from the runs and from systems-faults.toml. Each script is run with this interpreter, and
must show its fault in at most ten lines.

    python docs/systems.py

makes the pages anew from the results that are here, without running scripts.
"""

from __future__ import annotations

import datetime
import json
import lzma
import os
import subprocess
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pluggrad_conformance.cells import Cell, enumerate_cells
from pluggrad_conformance.gate import Expectation
from pluggrad_conformance.reports.html import MARKS, render_html
from pluggrad_conformance.reports.load import SEVERITY, Run, load_run
from pluggrad_conformance.results import BAD, OUTCOMES

HERE = Path(__file__).parent
FAULTS = HERE / "systems-faults.toml"
SCRIPTS = HERE / "systems-scripts.json"
RESULTS = HERE / "systems-results.jsonl.xz"
PAGE = HERE / "systems.md"
#: How systems are called in prose.
NAMES = {
    "torch": "torch.autograd", "jax": "JAX", "autograd": "HIPS autograd", "mygrad": "MyGrad",
    "tensorflow": "TensorFlow", "mlx": "MLX",
}  # fmt: skip
#: Outcomes that are faults of the system; the other bad ones ask for a look.
FAULTY = ("wrong", "wrong-structure", "nonfinite-mismatch", "nondeterministic", "error")


def read_faults() -> list[dict[str, Any]]:
    """The entries of systems-faults.toml."""
    return list(tomllib.loads(FAULTS.read_text(encoding="utf-8"))["fault"])


def is_of(fault: dict[str, Any], key: str) -> bool:
    """Whether a fault explains the cell with this key."""
    return any(fnmatchcase(key, glob) for glob in fault["cells"])


def place(fault: dict[str, Any]) -> str:
    """Where a fault is known or reported, in Markdown."""
    if "link" in fault:
        return f"known: <{fault['link']}>"
    related = f"; related: <{fault['related']}>" if "related" in fault else ""
    if not (HERE / "reports" / fault["report"]).exists():
        return f"to be reported{related}"
    return f"new, [draft of a report](reports/{fault['report']}){related}"


# ---------------------------------------------------------------------- scripts


def check_scripts(run: Run, faults: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """The script of each fault, and what it printed. Those that show nothing are named."""
    known = json.loads(SCRIPTS.read_text(encoding="utf-8")) if SCRIPTS.exists() else {}

    bad = {r.cell.key for r in run.results if r.outcome in BAD}

    def check(fault: dict[str, Any]) -> dict[str, str] | None:
        # a script that was run before is kept: it may be of a run that made inputs small
        before = known.get(fault["cell"], {}).get("script") if fault["cell"] in bad else None
        script = before or run.scripts.get(Cell.parse(fault["cell"]).id)
        if script is None:
            print(f"no script: {fault['cell']}", file=sys.stderr)
            return None
        if known.get(fault["cell"], {}).get("script") == script:  # it was run before
            return dict(known[fault["cell"]])
        command = [sys.executable, "-"]
        done = subprocess.run(command, input=script, text=True, capture_output=True, timeout=600)
        lines, raised = len(script.splitlines()), "Error" in done.stderr
        shows = done.returncode == 1 and lines <= 10 and "pluggrad" not in script
        if not shows or raised != ("raises" in fault["title"]):
            print(f"{fault['cell']}: {lines} lines, exit {done.returncode}", file=sys.stderr)
            return None
        said = done.stderr.strip().splitlines()[-1] if raised else done.stdout.strip()
        return {"script": script, "printed": said[:1500]}

    with ThreadPoolExecutor(int(os.environ.get("SCRIPT_JOBS", "2"))) as pool:
        found = zip(faults, pool.map(check, faults), strict=True)
        return {fault["cell"]: script for fault, script in found if script is not None}


# ---------------------------------------------------------------------- pages


def explain(run: Run, faults: list[dict[str, Any]]) -> None:
    """Put the explanation of each fault beside its cells, for the page with the cells."""
    day = datetime.date(2027, 11, 29)
    for r in run.results:
        for fault in faults:
            if r.outcome in BAD and is_of(fault, r.cell.key):
                where = fault.get("link") or f"docs/reports/{fault['report']}"
                reason = f"{fault['title']}: {' '.join(fault['why'].split())} {where}"
                glob = next(g for g in fault["cells"] if fnmatchcase(r.cell.key, g))
                run.explained[r.cell.key] = Expectation(glob, r.outcome, reason, day)
                break


def counts(run: Run) -> list[str]:
    """The table of outcomes by system."""
    lines = [f"| outcome | {' | '.join(run.backends)} |", f"|---|{'--:|' * len(run.backends)}"]
    for outcome in OUTCOMES:
        row = [run.outcomes[b][outcome] for b in run.backends]
        if any(row):
            lines.append(f"| {outcome} | {' | '.join(str(n or '') for n in row)} |")
    return lines


def matrix(run: Run) -> list[str]:
    """The operations in which any system has a fault, with the worst outcome of each system."""
    lines = [f"| operation | {' | '.join(run.backends)} |", f"|---|{':-:|' * len(run.backends)}"]
    for names in run.operations.values():
        for name in names:
            squares = [run.squares.get((name, b), Counter()) for b in run.backends]
            if not any(c[o] for c in squares for o in FAULTY):
                continue
            worst = [next((o for o in SEVERITY if c[o]), "") for c in squares]
            marks = [f"{MARKS[o]} {c[o]}" if o in FAULTY else MARKS.get(o, "")
                     for o, c in zip(worst, squares, strict=True)]  # fmt: skip
            lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return lines


def listing(run: Run, faults: list[dict[str, Any]], scripts: dict[str, Any]) -> list[str]:
    """The faults by system, each with its reason, its place and its script."""
    lines: list[str] = []
    for subject in run.backends:
        system = subject.removeprefix("native:")
        chosen = [f for f in faults if f["system"] == system]
        if not chosen:
            continue
        lines += ["", f"### {NAMES.get(system, system)} {run.facts['versions'].get(subject, '')}"]
        for fault in chosen:
            cells = [r for r in run.results if r.outcome in BAD and is_of(fault, r.cell.key)]
            if not cells:
                continue
            outcomes = ", ".join(f"{n} {o}" for o, n in Counter(r.outcome for r in cells).items())
            lines += [
                "",
                f"**{fault['title']}** ({outcomes}; {place(fault)}). {flat(fault['why'])}",
            ]
            if fault["cell"] in scripts:
                lines += ["", "```python", scripts[fault["cell"]]["script"].rstrip(), "```"]
    return lines


def flat(text: str) -> str:
    return " ".join(text.split())


def open_cells(run: Run, faults: list[dict[str, Any]]) -> list[str]:
    """The operations whose cells are at odds without an entry that says why."""
    found: Counter[tuple[str, str]] = Counter()
    for r in run.results:
        if r.outcome in FAULTY and not any(is_of(f, r.cell.key) for f in faults):
            found[r.cell.backend, r.cell.operation] += 1
    lines = []
    for subject in run.backends:
        names = [f"`{o}` {n}" for (b, o), n in sorted(found.items()) if b == subject]
        if names:
            lines.append(f"- {subject}: {', '.join(names)}")
    return lines


def write_page(run: Run, faults: list[dict[str, Any]], scripts: dict[str, Any]) -> None:
    """systems.md."""
    facts = run.facts
    text = (HERE / "systems.md.in").read_text(encoding="utf-8")
    cells = sum(n for c in run.outcomes.values() for o, n in c.items() if o != "unmapped")
    versions = ", ".join(
        f"{NAMES.get(b.removeprefix('native:'), b)} {facts['versions'].get(b, '')}"
        for b in run.backends
    )
    parts = {
        "date": facts["start"][:10], "versions": versions, "cells": f"{cells:,}",
        "operations": str(sum(map(len, run.operations.values()))),
        "python": facts["versions"]["python"], "counts": "\n".join(counts(run)),
        "matrix": "\n".join(matrix(run)), "faults": "\n".join(listing(run, faults, scripts)),
        "open": "\n".join(open_cells(run, faults)),
        "complete": "" if facts.get("finished") else (
            f"The run was stopped after {len(run.results):,} of {facts['cells']:,} cells: operations "
            "that are missing below were not asked, and of some that are there not every case. "
        ),
        "legend": ", ".join(f"{MARKS[o]} {o}" for o in OUTCOMES if run.total[o]),
    }  # fmt: skip
    for name, value in parts.items():
        text = text.replace(f"@{name}@", value)
    PAGE.write_text(text, encoding="utf-8")


def write_reports(run: Run, faults: list[dict[str, Any]], scripts: dict[str, Any]) -> None:
    """The drafts of reports to the authors."""
    for fault in faults:
        if "report" not in fault or fault["cell"] not in scripts:
            continue
        system, script = fault["system"], scripts[fault["cell"]]
        version = run.facts["versions"].get(f"native:{system}", "")
        related = f"\n\nRelated: <{fault['related']}>" if "related" in fault else ""
        (HERE / "reports" / fault["report"]).write_text(
            f"# {NAMES[system]}: {fault['title']}\n\n"
            f"A draft of a report to the authors of {NAMES[system]}; it has not been sent. Seen "
            f"with version {version}, NumPy {run.facts['versions']['numpy']} and Python "
            f"{run.facts['versions']['python']} on {run.facts['os'].split('-')[0]}, CPU.\n\n"
            f"## What happens\n\n{fault['why'].strip()}\n\n## To reproduce\n\n"
            f"```python\n{script['script'].rstrip()}\n```\n\nIt prints\n\n"
            f"```text\n{script['printed']}\n```\n\nThe expected numbers are those on which "
            f"{judges(run, fault['cell'])} agree.\n\n"
            f"## What would mend it\n\n{fault['fix'].strip()}{related}\n",
            encoding="utf-8",
        )


def judges(run: Run, key: str) -> str:
    """The oracles that were asked about a cell, in words."""
    for r in run.results:
        if r.cell.key == key and r.oracles:
            names = {"convention": "the formula itself", "torch": "torch.autograd", "jax": "JAX"}
            said = [names.get(o.name, o.name) for o in r.oracles if o.verdict != "agrees"]
            return " and ".join(dict.fromkeys(said))
    return "the oracles"


def main(runs: list[str]) -> None:
    """Write everything."""
    faults = read_faults()
    if runs:
        run = load_run(*runs)
        run.facts.pop("git", None)
        words = run.facts["command"]
        run.facts["command"] = [
            "run" if previous == "--out" else word
            for previous, word in zip(["", *words], words, strict=False)
        ]
        run.facts["selection"] = {"backends": run.backends}
        run.facts["cells"] = sum(1 for _ in enumerate_cells(run.backends))
        scripts = check_scripts(run, faults)
        SCRIPTS.write_text(json.dumps(scripts, indent=1, ensure_ascii=False) + "\n")
        lines = "".join(r.to_line() + "\n" for r in run.results)
        RESULTS.write_bytes(lzma.compress(lines.encode(), preset=9))
        (HERE / "systems-run.json").write_text(json.dumps(run.facts, indent=2) + "\n")
    else:
        run = load_run(RESULTS)
        run.facts = json.loads((HERE / "systems-run.json").read_text())
        scripts = json.loads(SCRIPTS.read_text())
        for known in scripts:
            run.scripts[Cell.parse(known).id] = scripts[known]["script"]
    write_reports(run, faults, scripts)
    write_page(run, faults, scripts)
    explain(run, faults)
    (HERE / "systems.html").write_text(render_html(run), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
