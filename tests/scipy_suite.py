"""Run SciPy's own tests with our namespace as an array library, and as a plugin of that run.

    python tests/scipy_suite.py special fft [--backend numpy] [--tracked] [-- options of pytest]

SciPy's tests take the array library from a fixture `xp`. As a plugin of pytest this module puts
`pluggrad.namespace(...)` there; in a checkout of SciPy two lines of its `conftest.py` do the same
(see docs/compatibility.md). For comparison the same tests run with array_api_strict, SciPy's own
stand-in for a library that it does not know: what fails there, too, is not counted against us.

With `--tracked` each floating-point array that a test makes requires grad, so that whatever leaves
the graph in silence, or cannot be recorded, shows.
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
from typing import Any

#: Arguments of pytest for each part; tests that do not take `xp` are left out by the plugin.
PARTS = {
    name: ["--pyargs", f"scipy.{name}"]
    for name in ("cluster", "constants", "differentiate", "fft", "integrate", "interpolate",
                 "linalg", "ndimage", "optimize", "signal", "spatial", "special", "stats")
}  # fmt: skip
#: The parts that docs/compatibility.md lists.
MEASURED = ("special", "stats", "fft", "signal", "integrate", "differentiate", "optimize",
            "cluster", "spatial", "linalg", "constants", "interpolate", "ndimage")  # fmt: skip


# ---------------------------------------------------------------- the plugin


def pytest_plugin_registered(plugin: Any, manager: Any) -> None:
    """As SciPy's conftest arrives, before its fixtures are collected: `xp` is ours alone."""
    if getattr(plugin, "__name__", "") != "scipy.conftest":
        return
    import pytest

    which = os.environ["PLUGGRAD_SCIPY_XP"]
    if which == "array_api_strict":
        import array_api_strict as xp
    else:
        import pluggrad

        xp = pluggrad.namespace(which)
        plugin.xp_known_backends.add(xp.__name__)
        if os.environ.get("PLUGGRAD_SCIPY_TRACKED"):
            _track(xp)
    function = plugin.xp._get_wrapped_function()
    plugin.xp = pytest.fixture(params=[pytest.param(xp, id="xp")])(function)

    @pytest.fixture
    def devices(xp: Any) -> list[Any]:
        """As SciPy's, for a library whose devices are a tuple, as version 2025.12 has it."""
        return [*xp.__array_namespace_info__().devices(), None]

    plugin.devices = devices


pytest_plugin_registered.pytest_impl = {"tryfirst": True}  # type: ignore[attr-defined]


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Only the tests that take `xp`."""
    items[:] = [item for item in items if "xp" in getattr(item, "fixturenames", ())]


def _track(xp: Any) -> None:
    """Have `xp.asarray` return results of an operation on a leaf, and let NumPy's asserts look."""
    import numpy.testing

    import pluggrad

    made = xp.asarray

    def asarray(obj: Any, /, **kwargs: Any) -> Any:
        x = made(obj, **kwargs)
        if isinstance(obj, pluggrad.Variable) or x.dtype not in x._backend.float_dtypes:
            return x
        return xp.copy(x.requires_grad_())

    xp.asarray = asarray

    def looking(check: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            args = tuple(x.detach() if isinstance(x, pluggrad.Variable) else x for x in args)
            check(*args, **kwargs)

        return call

    for name in ("assert_allclose", "assert_array_equal", "assert_array_less", "assert_equal",
                 "assert_", "assert_array_almost_equal_nulp"):  # fmt: skip
        setattr(numpy.testing, name, looking(getattr(numpy.testing, name)))


# ---------------------------------------------------------------- the command


def run(part: str, which: str, tracked: bool, options: list[str]) -> dict[str, str]:
    """The outcome of each test, "passed", "failed" or "skipped", by its name."""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PLUGGRAD_SCIPY_XP": which}
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    environment.pop("PLUGGRAD_SCIPY_TRACKED", None)
    if tracked:
        environment["PLUGGRAD_SCIPY_TRACKED"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "scipy_suite", "--no-header",
                   "--tb=line", "-p", "no:cacheprovider", f"--junitxml={report}", "-W", "ignore",
                   "--no-summary", *PARTS[part], *options]  # fmt: skip
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):
            sys.exit(f"pytest could not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        tree = ElementTree.parse(report)
    outcomes = {}
    for case in tree.iter("testcase"):
        found = {child.tag: child for child in case}
        outcome = "skipped" if "skipped" in found else "passed"
        for kind in ("failure", "error"):
            if kind in found:
                outcome = "failed: " + (found[kind].get("message") or "").split("\n")[0]
        outcomes[f"{case.get('classname')}::{case.get('name')}"] = outcome
    return outcomes


def compare(part: str, which: str, tracked: bool, options: list[str]) -> dict[str, Any]:
    """How ours and array_api_strict did, and what ours alone fails, with its error."""
    ours = run(part, which, tracked, options)
    strict = run(part, "array_api_strict", False, options)
    count = collections.Counter(value.split(":")[0] for value in ours.values())
    failed = {test for test, outcome in strict.items() if outcome.startswith("failed")}
    worse = {test: ours[test][8:] for test in sorted(ours)
             if ours[test].startswith("failed") and test not in failed}  # fmt: skip
    return {"passed": count["passed"], "failed": count["failed"], "skipped": count["skipped"],
            "strict_failed": len(failed), "worse": worse}  # fmt: skip


def measure(parts: tuple[str, ...] = MEASURED) -> dict[str, Any]:
    """`compare` for several parts: what docs/compatibility.md lists."""
    return {part: compare(part, "numpy", False, []) for part in parts}


def main() -> int:
    options: list[str] = []
    arguments = sys.argv[1:]
    if "--" in arguments:
        place = arguments.index("--")
        arguments, options = arguments[:place], arguments[place + 1 :]
    parser = argparse.ArgumentParser(
        description="Run SciPy's own tests with pluggrad as the array library.",
        epilog="What comes after `--` is handed to pytest.",
    )
    parser.add_argument("parts", nargs="+", choices=sorted(PARTS))
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--tracked", action="store_true")
    given = parser.parse_args(arguments)
    total = 0
    for part in given.parts:
        row = compare(part, given.backend, given.tracked, options)
        print(f"{part}: {row['passed']} passed, {row['failed']} failed, {row['skipped']} skipped; "
              f"array_api_strict: {row['strict_failed']} failed")  # fmt: skip
        for test, why in row["worse"].items():
            print(f"  {test}\n      {why}")
        sys.stdout.flush()
        total += len(row["worse"])
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
