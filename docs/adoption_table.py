"""Judge calls of packages from the package index under `pluggrad.adopt`, and write docs/adopted.md.

    pip install pluggrad[adopted]   # or any of the packages
    python docs/adoption_table.py [--jobs 2]

The calls are in `tests/adoption/packages.py`. Each package is judged in a process of its own. A
package that is not installed is left out, and the table says so.
"""

from __future__ import annotations

import argparse
import collections
import importlib.metadata
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.adoption.packages import PACKAGES  # noqa: E402

VERDICTS = ("right", "refused", "own", "wrong", "foreign")
HEAD = """# Packages that were adopted

Written by `python docs/adoption_table.py`, which calls functions of packages from the package index,
unmodified, inside `pluggrad.adopt`. A call is **right** if its value is the plain call's and its gradient
that of central differences of the sixth order; **refused** if an error of pluggrad's names the line that
is in the way; **own** if the package itself raised an error, mostly because it asks for the type of a
number; **wrong** if a number was wrong; **foreign** if the error was anybody else's.

"""


def judged(name: str) -> list[dict[str, str]]:
    """The rows of one package, or none if it is not installed."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return []
    command = [sys.executable, "-m", "tests.adoption.judge", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    """Judge, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        rows = dict(zip(PACKAGES, pool.map(judged, PACKAGES), strict=True))
    total: collections.Counter[str] = collections.Counter()
    text = (
        HEAD
        + f"| package | version | {' | '.join(VERDICTS)} |\n|---|---|{'---|' * len(VERDICTS)}\n"
    )
    for name, found in rows.items():
        if not found:
            continue
        counts = collections.Counter(row["verdict"] for row in found)
        assert set(counts) <= set(VERDICTS), [row for row in found if row["verdict"] == "broken"]
        total += counts
        version = importlib.metadata.version(name)
        text += f"| {name} | {version} | {' | '.join(str(counts[v] or '') for v in VERDICTS)} |\n"
    text += f"| all | | {' | '.join(str(total[v]) for v in VERDICTS)} |\n"
    text += "\n## What is not right\n\n| package | call | verdict | why |\n|---|---|---|---|\n"
    for name, found in rows.items():
        for row in found:
            if row["verdict"] != "right":
                call, why = (
                    row["call"].replace("|", "\\|"),
                    shortened(row["why"]).replace("|", "\\|"),
                )
                text += f"| {name} | `{call}` | {row['verdict']} | {why} |\n"
    if missing := [name for name, found in rows.items() if not found]:
        text += f"\nNot installed, so left out: {', '.join(missing)}.\n"
    (ROOT / "docs" / "adopted.md").write_text(text, encoding="utf-8")
    print(dict(total))


def shortened(why: str) -> str:
    """The beginning of an error, with files as paths inside their packages."""
    folder = str(Path(importlib.metadata.distribution("numpy").locate_file("")))
    why = why.replace(folder + "/", "").replace(folder, "").replace("at <string>:1 ", "")
    return why.split(": its gradient would be lost")[0][:200]


if __name__ == "__main__":
    main()
