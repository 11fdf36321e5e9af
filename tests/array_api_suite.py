"""Run data-apis/array-api-tests on raw namespaces and on ours over them, and compare.

    python tests/array_api_suite.py CHECKOUT numpy torch strict [-- further options of pytest]

`CHECKOUT` is a checkout of https://github.com/data-apis/array-api-tests with its submodule. The
command fails if ours fails a test that the raw namespace passes; nothing else is allowed. A test
that ours alone fails is first given many more examples on the raw namespace, because one that is
rare may meet only one of the two.
"""

from __future__ import annotations

import argparse
import collections
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

#: What is given after `--` comes later on the command line, and wins.
OPTIONS = ["--max-examples=20", "--derandomize", "--disable-deadline", "-p", "no:cacheprovider"]
MANY = ["--max-examples=1000"]
RAW = 'import pluggrad; xp = pluggrad.arrays.backend.get_backend("{}").xp'
OURS = 'import pluggrad; xp = pluggrad.namespace("{}")'


def run(checkout: Path, script: str, options: list[str]) -> dict[str, str]:
    """The outcome of each test, "passed", "failed" or "skipped", by what pytest calls it."""
    environment = {
        **os.environ,
        "ARRAY_API_TESTS_MODULE": f"exec('{script}')",
        "ARRAY_API_TESTS_VERSION": "2025.12",
    }
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "--no-header", "--no-summary"]
        command += [f"--junitxml={report}", *OPTIONS, *options]
        if not any(option.startswith("array_api_tests") for option in options):
            command.append("array_api_tests")
        done = subprocess.run(
            command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            sys.exit(f"pytest could not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        tree = ElementTree.parse(report)
    outcomes: dict[str, str] = {}
    for case in tree.iter("testcase"):
        package, module, *classes = str(case.get("classname")).split(".")
        name = "::".join([f"{package}/{module}.py", *classes, str(case.get("name"))])
        kinds = {child.tag for child in case}
        outcome = "failed" if kinds & {"failure", "error"} else "passed"
        outcomes[name] = "skipped" if "skipped" in kinds else outcome
    return outcomes


def compare(checkout: Path, name: str, options: list[str]) -> list[str]:
    """Run both, say how they did, and return what ours alone does not pass."""
    raw = run(checkout, RAW.format(name), options)
    ours = run(checkout, OURS.format(name), options)
    for title, outcomes in (("raw", raw), ("ours", ours)):
        count = collections.Counter(outcomes.values())
        counts = ", ".join(f"{count[kind]} {kind}" for kind in ("passed", "failed", "skipped"))
        print(f"{name:8} {title:5} {counts}")
    worse = sorted(test for test in raw if raw[test] == "passed" and ours.get(test) != "passed")
    if worse:
        again = run(checkout, RAW.format(name), [*options, *MANY, *worse])
        for test in [test for test in worse if again.get(test) == "failed"]:
            worse.remove(test)
            print(f"{name:8} both fail, at rare examples: {test}")
    for test in worse:
        print(f"{name:8} ours alone fails: {test}")
    for test in sorted(test for test in raw if raw[test] == "failed"):
        if ours.get(test) == "passed":
            print(f"{name:8} ours alone passes: {test}")
    sys.stdout.flush()
    return worse


def main() -> int:
    options: list[str] = []
    arguments = sys.argv[1:]
    if "--" in arguments:
        place = arguments.index("--")
        arguments, options = arguments[:place], arguments[place + 1 :]
    parser = argparse.ArgumentParser(
        description="Run array-api-tests on raw namespaces and on ours over them, and compare.",
        epilog="What comes after `--` is handed to pytest.",
    )
    parser.add_argument("checkout", type=Path)
    parser.add_argument("backends", nargs="*", default=["numpy"])
    given = parser.parse_args(arguments)
    worse = [compare(given.checkout, name, options) for name in given.backends]
    return 1 if any(worse) else 0


if __name__ == "__main__":
    sys.exit(main())
