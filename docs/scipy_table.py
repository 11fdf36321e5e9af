"""Write docs/scipy.md: which functions of `pluggrad.scipy` are right on which backend.

    python docs/scipy_table.py             judge them all again (half an hour on two cores)
    python docs/scipy_table.py ndimage     judge those of one module again
    python docs/scipy_table.py --run DIR   take the verdicts of a run of the suite that is there
    python docs/scipy_table.py --kept      judge nothing: write the page from what is kept

The verdicts are those of the conformance suite on the rows of `pluggrad.scipy`, in double
precision. They are kept in docs/scipy-table.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

DOCS = Path(__file__).parent
KEPT, PAGE = DOCS / "scipy-table.json", DOCS / "scipy.md"
BACKENDS = ("numpy", "torch", "jax")
#: What is asked, and how the key of the cell ends.
ASKED = {
    "value": "order=0", "first": "", "second": "order=2", "forward": "mode=forward",
    "vmap": "mode=vmap",
}  # fmt: skip
#: How outcomes of the suite are written; all others are wrong.
MARKS = {
    "pass": "✓", "convention": "✓", "oracle-missing": "?", "unsupported-by-engine": "–",
    "unsupported-by-backend": "–", "error": "–", "oracle-conflict": "?", "numerically-off": "≈",
}  # fmt: skip
HEAD = """\
# SciPy's functions

<!-- Written by `python docs/scipy_table.py` from a run of the conformance suite. Do not edit. -->

The functions of `pluggrad.scipy`, which has SciPy's names and arguments. The conformance suite
judged each on each backend, in double precision: whether the value is SciPy {scipy}'s, the first
and the second derivative, the first one forwards, and the gradient under `vmap`. Derivatives are
judged by mpmath, the complex step and finite differences of SciPy's own functions. (A whole run of
the suite asks torch and JAX as well, where they have the function.)

✓ means that all of these are right. Where they are not, the cell says which: "–" raises an error of
pluggrad's, "≈" is right to fewer digits than the suite asks for, "?" means that nobody could judge
so precisely, and ✗ would be wrong.
"""


def judge(operations: list[str], folder: str) -> None:
    """Run the suite on these operations, and put the verdicts into `folder`."""
    cells = [f"*|{dtype}{'|' + end if end else ''}" for dtype in ("float64", "complex128")
             for end in ASKED.values()]  # fmt: skip
    command = [
        sys.executable, "-m", "pluggrad", "conformance", "run", "--backends", *BACKENDS,
        "--operations", *operations, "--cells", *cells, "--out", folder, "--no-report",
        "--shrink", "0",
    ]  # fmt: skip
    subprocess.run(command, check=False, env={**os.environ, "PLUGGRAD_ORACLES": "frozen"})


def verdicts(folder: str) -> dict[str, dict[str, dict[str, str]]]:
    """By function and backend, a mark for each of `ASKED`, from the run in `folder`."""
    lines = (Path(folder) / "results.jsonl").read_text(encoding="utf-8").splitlines()
    results = [json.loads(line) for line in lines]
    ends = {end: name for name, end in ASKED.items()}
    found: dict[str, dict[str, dict[str, str]]] = {}
    for result in sorted(results, key=lambda r: r["key"].split("|")[2], reverse=True):
        name, backend, _, *rest = result["key"].split("|")
        if "|".join(rest) not in ends or backend not in BACKENDS:
            continue
        row = found.setdefault(name.removeprefix("scipy."), {}).setdefault(backend, {})
        row.setdefault(ends["|".join(rest)], MARKS.get(result["outcome"], "✗"))  # float64 is first
    return found


def written(marks: dict[str, str]) -> str:
    """A cell of the table."""
    if set(marks.values()) == {"✓"}:
        return "✓"
    if len(set(marks.values())) == 1:
        return next(iter(marks.values()))
    return "✓ but " + ", ".join([f"{name} {mark}" for name, mark in marks.items() if mark != "✓"])


def main() -> None:
    """Judge what is asked for, keep it, and write the page."""
    chosen = sys.argv[1:]
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"rows": {}}
    if chosen != ["--kept"]:
        with tempfile.TemporaryDirectory() as folder:
            if chosen[:1] == ["--run"]:
                folder = chosen[1]
            else:
                patterns = [f"scipy.{name}.*" for name in chosen] or ["scipy.*"]
                judge(patterns, folder)
            kept["rows"].update(verdicts(folder))
        kept["scipy"] = version("scipy")
        text = json.dumps(kept, indent=0, ensure_ascii=False, sort_keys=True)
        KEPT.write_text(text + "\n", encoding="utf-8")
    modules: dict[str, list[str]] = {}
    for name in sorted(kept["rows"]):
        modules.setdefault(name.rpartition(".")[0], []).append(name)
    lines = [HEAD.replace("{scipy}", kept["scipy"])]
    for module, names in modules.items():
        lines += [
            f"## {module}",
            "",
            "| function | " + " | ".join(BACKENDS) + " |",
            "|---" * 4 + "|",
        ]
        for name in names:
            cells = [written(kept["rows"][name].get(b, {"": "–"})) for b in BACKENDS]
            lines.append(f"| `{name.rpartition('.')[2]}` | " + " | ".join(cells) + " |")
        lines.append("")
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
