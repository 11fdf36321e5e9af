"""Write docs/compatibility.md from the tests in tests/clients, the sweep over NumPy's functions,
and SciPy's own tests.

    python docs/compatibility.py             the clients' rows, from a run of their tests
    python docs/compatibility.py --scipy     SciPy's own tests, too (ten minutes on two cores)
    python docs/compatibility.py --scipy fft stats      these parts of them
    python docs/compatibility.py --numpy     the rows of NumPy's functions alone (three minutes)
    python docs/compatibility.py --torch     docs/torch-functions.md alone, from what is kept, and
                                             who answers each function, as docs/torch-functions.json
    python docs/compatibility.py --kept      no rows: write the page from what is kept

What SciPy's own tests gave is kept in docs/scipy-suite.json between runs, what the sweep over
NumPy's functions found in docs/numpy-sweep.json, what the one over torch's found in
docs/torch-sweep.json (`python tests/torch_sweep.py --samples 0 --keep docs/torch-sweep.json`, for
each `--dtype`), and what the clients' tests gave on the page.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SUITE = DOCS / "scipy-suite.json"
SWEEP = DOCS / "numpy-sweep.json"
PAGE = DOCS / "compatibility.md"
TORCH_SWEEP = DOCS / "torch-sweep.json"
TORCH_PAGE = DOCS / "torch-functions.md"
TORCH_FUNCTIONS = DOCS / "torch-functions.json"
BACKENDS = ("numpy", "torch")
#: Test functions that check gradients, and the client that they are about.
TITLES = {
    "test_scipy": ("SciPy", "scipy", "with `SCIPY_ARRAY_API=1`"),
    "test_sklearn": ("scikit-learn", "scikit-learn", "with `array_api_dispatch=True`"),
    "test_array_api_extra": ("array-api-extra", "array-api-extra", ""),
    "test_einops": (
        "einops",
        "einops",
        "`einops.array_api`, too",
    ),
    "test_pot": ("POT", "POT", "over the NumPy backend; some calls are tested over torch, too"),
    "test_opt_einsum": ("opt_einsum", "opt_einsum", ""),
    "test_autoray": ("autoray", "autoray", ""),
    "test_xarray": ("xarray", "xarray", "over the NumPy backend"),
}
HEAD = """\
# Compatibility

<!-- Written by `python docs/compatibility.py` from the tests in tests/clients. Do not edit. -->

Libraries that accept any array of the Array API standard take Variables as they are. Each row is a
test: the call, unmodified, gives the value that it gives on raw NumPy arrays, and its gradient is
that of finite differences. "raises" means that the call leaves the graph, and that
`GraphBreakError` names the client's line and what to do.

What clients have in common:

- Constants beside a Variable are lifted first, `c = pg.lift(array, like=x)`; a raw array or a list
  beside a Variable is refused by the client ("Multiple namespaces") or by us, never mixed in
  silence.
- Where a client asks for a Python number (`float` in scikit-learn's metrics), it gets one, with a
  `GraphBreakWarning` at its line; a transform whose function returned it raises `GraphBreakError`.
- A library that writes something else over a 0/0 or an overflow (scikit-learn's `StandardScaler`,
  `scipy.stats.tvar` with limits) has a gradient of nan there, as torch's.
- The root that `scipy.optimize.elementwise.find_root` returns is differentiated through its
  iterations.
"""

SWEEP_HEAD = """\
## NumPy's own functions

`np.f(v, ...)` with Variables. A sweep calls every function that NumPy lets other libraries answer,
and every ufunc with all its methods, with every argument away from its default, on arrays of 0 to
3 axes. Values, dtypes and shapes are NumPy's, and gradients those of finite differences of NumPy's
own function. ✓ means that there is a gradient, and that it is right; "value" that the answer has
none, as that of `np.argsort`; "–" that nothing that requires grad is taken; and nothing that NumPy
itself takes no numbers there. The calls in the last column raise an error of pluggrad's. ✗ counts
calls that are not right.
"""

TORCH_HEAD = """\
# Functions of torch

<!-- Written by `python docs/compatibility.py --torch`. Do not edit. -->

Every function that torch lets other libraries override (`torch.overrides`), called with Variables
over torch. The counts are those of torch {torch}. Who answers is one of these; what is not refused
has derivatives of every order, forward mode and `vmap`.

What is not a function of torch's C++ core, and checks for `torch.Tensor` itself, does not take
Variables: `torch.func.grad(f)(v)` (use `pg.grad`), `torch.autograd.functional`, `torch.tensor(v)`,
`torch.nn.Parameter(v)`. All of these raise. Your own `torch.autograd.Function`, `torch.nn.init`,
`torch.nn.utils.clip_grad_norm_` and `torch.utils.checkpoint` (with `use_reentrant=False`) do.

A method that NumPy's arrays have, too, means the same on every backend, unless the call is spelt as
only torch spells it: `v.max(1)`, `v.std()`, `v.repeat(2, 1)` and `v.sort()` are NumPy's, and
`v.max(dim=1)`, `v.std(dim=1)`, `v.repeat(2, 1, 1)`, `v.sort(dim=0)`, `v.transpose(0, 1)` are
torch's, as are all functions, such as `torch.std(v)`.

"""

SUITE_HEAD = """\
## SciPy's own tests

SciPy's tests take the array library from a fixture `xp`. Installed SciPy brings them along:

```sh
python tests/scipy_suite.py special fft signal
```

runs them with `pluggrad.namespace("numpy")` as `xp`, and with array_api_strict, SciPy's stand-in
for a library that it does not know, and lists what ours alone fails. With `--tracked` all that the
tests make requires grad. In a checkout of SciPy, these lines in `scipy/conftest.py`, before
`xp_available_backend_ids = ...`, do the same,

```python
import pluggrad

xp_known_backends |= {"pluggrad", pluggrad.namespace("numpy").__name__}
xp_available_backends.append(pytest.param(pluggrad.namespace("numpy"), id="pluggrad"))
```

and then `SCIPY_ARRAY_API='["pluggrad"]' pytest scipy/fft`.

Measured with SciPy {scipy}, on the tests that take `xp`:

| part | passed | failed | skipped | failed with array_api_strict | ours alone fails |
|---|---|---|---|---|---|"""


def outcomes() -> list[tuple[str, str, str]]:
    """(test function, parameter or "", outcome) of each test in tests/clients."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "tests/clients"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        tree = ElementTree.parse(report)
    found = []
    for case in tree.iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = "fails" if kinds & {"failure", "error"} else "skipped" if kinds else "passes"
        function, _, parameter = case.attrib["name"].partition("[")
        module = case.attrib["classname"].split(".")[-1]
        key = function if module == "test_arrays" else module
        found.append(
            (key, parameter.removesuffix("]") if parameter else "", f"{function}:{outcome}")
        )
    return found


def table(rows: list[tuple[str, str, str]], key: str) -> list[str]:
    cells: dict[str, dict[str, str]] = {}
    leaving: dict[str, str] = {}
    for client, parameter, result in rows:
        function, _, outcome = result.rpartition(":")
        if client != key or not parameter:
            continue
        if function == "test_leaving":
            leaving[parameter] = "raises" if outcome == "passes" else outcome
            continue
        name, _, backend = parameter.rpartition("-")
        if backend not in BACKENDS:
            continue
        cells.setdefault(name, {})[backend] = "✓" if outcome == "passes" else outcome
    lines = ["| call | " + " | ".join(BACKENDS) + " |", "|---" * (1 + len(BACKENDS)) + "|"]
    lines += [
        f"| {name} | " + " | ".join(cells[name].get(b, "") for b in BACKENDS) + " |"
        for name in cells
    ]
    return lines + [f"| {name} | {leaving[name]} | |" for name in leaving]


def scipy_suite(parts: list[str]) -> None:
    """Run SciPy's own tests, all that are listed or some parts, and keep the counts."""
    sys.path.insert(0, str(ROOT / "tests"))
    from scipy_suite import MEASURED, measure

    kept = json.loads(SUITE.read_text()) if SUITE.exists() else {"parts": {}}
    if kept.get("scipy") != version("scipy"):
        kept = {"scipy": version("scipy"), "parts": {}}
    kept["parts"].update(measure(tuple(parts) or MEASURED))
    SUITE.write_text(json.dumps(kept, indent=1) + "\n")


def suite_section() -> list[str]:
    if not SUITE.exists():
        return []
    kept = json.loads(SUITE.read_text())
    lines = [SUITE_HEAD.replace("{scipy}", kept["scipy"])]
    for part, row in kept["parts"].items():
        lines.append(f"| {part} | {row['passed']} | {row['failed']} | {row['skipped']} | "
                     f"{row['strict_failed']} | {len(row['worse'])} |")  # fmt: skip
    worse = {part: row["worse"] for part, row in kept["parts"].items() if row["worse"]}
    if worse:
        lines += ["", "What ours alone fails:", ""]
    for part, tests in worse.items():
        names: dict[str, list[str]] = {}
        for test, why in tests.items():
            short = re.sub(r"\[.*", "", test.split("::")[-1])
            names.setdefault(short, []).append(why)
        for short, reasons in names.items():
            lines.append(f"- {part} `{short}` ({len(reasons)}): {reasons[0][:160]}")
    return lines


def sweep_section() -> list[str]:
    """The tables of NumPy's functions, from what the sweep found last."""
    if not SWEEP.exists():
        return []
    sys.path.insert(0, str(ROOT))
    from tests.sweep.table import markdown

    return [SWEEP_HEAD, *markdown(json.loads(SWEEP.read_text(encoding="utf-8"))), ""]


def torch_page() -> None:
    """Write docs/torch-functions.md and docs/torch-functions.json."""
    sys.path.insert(0, str(ROOT))
    from tests.torch_table import as_text, by_place, markdown, read

    kept = read(TORCH_SWEEP)
    text = TORCH_HEAD.replace("{torch}", kept["torch"]) + "\n".join(markdown(kept))
    TORCH_PAGE.write_text(text.rstrip() + "\n", encoding="utf-8")
    TORCH_FUNCTIONS.write_text(
        as_text(version("torch").partition("+")[0], by_place()), encoding="utf-8"
    )


def clients_section() -> list[str]:
    """A table for each client, from a run of their tests."""
    rows, lines = outcomes(), []
    for key, (title, distribution, how) in TITLES.items():
        lines += [f"## {title} {version(distribution)}", ""]
        lines += [f"({how})", ""] if how else []
        lines += [*table(rows, key), ""]
    return lines


def kept_clients() -> list[str]:
    """The tables of the clients that are on the page."""
    page = PAGE.read_text(encoding="utf-8")
    first = f"## {next(iter(TITLES.values()))[0]} "
    inside = page[page.index(first) :]
    for after in (SWEEP_HEAD, SUITE_HEAD):
        inside = inside.partition(after.splitlines()[0] + "\n")[0]
    return [inside.rstrip("\n"), ""]


def main() -> None:
    if sys.argv[1:2] == ["--torch"]:
        torch_page()
        return
    if sys.argv[1:2] == ["--scipy"]:
        scipy_suite(sys.argv[2:])
    if sys.argv[1:2] == ["--numpy"]:
        command = [sys.executable, "-m", "tests.sweep", "--jobs", "2", "--keep", str(SWEEP)]
        subprocess.run(command, cwd=ROOT, check=False)
    kept = sys.argv[1:2] in (["--kept"], ["--numpy"])
    clients = kept_clients() if kept else clients_section()
    lines = [HEAD, *clients, *sweep_section(), *suite_section()]
    PAGE.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
