"""The figures of docs/benchmarks.json, as the page of benchmarks and as rows of the README's table.

python benchmarks/side_by_side.py --json docs/benchmarks.json
python docs/_ext/measured.py          write docs/benchmarks.md, and the rows of README.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "benchmarks.json"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
#: The rows of the README, and the systems in each of its columns.
README_ROWS = {
    "chain": "100 operations on 10 numbers",
    "mlp": "a network of two layers",
    "elementwise": "2,000,000 numbers",
    "index": "2,000 elements read in a loop",
    "stepping": "400 rows written in a loop",
}
COLUMNS = (("pluggrad", "pg.compile"), ("autograd",), ("JAX", "jax.jit"), ("torch",))
HEAD = """\
# Benchmarks

<!-- Written by `python docs/_ext/measured.py` from docs/benchmarks.json. Do not edit. -->

Value and gradient together, in float64, on one core. Every system runs the same function of its own arrays, and
all give the same gradient, or the row would say so. In each round the systems take turns, and the best of several
rounds counts. Time is processor time, in milliseconds; pluggrad and autograd compute with NumPy. These are the
programs that each system finds hard and easy: many small operations, large arrays, loops over elements.

| | {columns} |
|---|{dashes}
"""
TAIL = """
Measured by `{command}` with {versions}, on Python {python} ({machine}).

- `chain`, `mlp`, `elementwise` compare the cost of recording: small, middle and large arrays. *By hand* is NumPy with
  the gradient written out.
- `index` reads elements one by one. The gradient of an index here costs what the index costs, as in autograd; in torch
  it is an array of zeros as long as the input, for each element. In JAX the program compiles for minutes: not tried.
- `stepping` writes row after row into one array, `u[k + 1] = tanh(u[k])`. autograd and JAX cannot write.

More of them, each a program that prints its table:

| program | what it compares |
|---|---|
| `benchmarks/run.py` | time, peak memory and growth with size, beside torch, autograd and MyGrad |
| `benchmarks/compile.py` | the engines of `pg.compile` beside `jax.jit` and `torch.compile`; compile times |
| `benchmarks/transforms.py` | Hessians, Jacobians and their products, beside torch.func and autograd |
| `benchmarks/linalg.py` | factorisations and solvers |
| `benchmarks/custom.py` | operations of your own |
| `benchmarks/foreign.py` | functions of NumPy and torch called with Variables |
| `benchmarks/scipy_functions.py` | functions of `pluggrad.scipy` beside SciPy's |

`pluggrad compare MODULE:FUNCTION --backends numpy,torch,jax` measures a function of yours.

`pluggrad compare --suite adbench` does it for the objectives of ADBench: Gaussian mixtures, bundle adjustment, an LSTM
and a hand, written anew from their formulas. [adbench.html](adbench.html) has all figures. pluggrad on every backend,
torch, JAX, HIPS autograd, MyGrad and TensorFlow, eager and compiled, give the same gradients to 1e-8, and MLX to single
precision, in which it computes.

![Time of value and gradient over the size of each objective](images/adbench.png)

At every size pluggrad over NumPy takes less time than HIPS autograd, which takes 1.1 to 7 times as long, and than
MyGrad, which takes 1.3 to 10 times as long. Compiled by `pg.compile` on JAX it takes 0.7 to 1.5 times as long as
`jax.jit`. It is slower in other places. Run eagerly over torch, it is behind `torch.autograd` in 11 of the 12
comparisons, and takes up to 3.5 times as long. Run eagerly over JAX, it is ahead of `jax.grad`, but takes 3 to 18 times
as long as over NumPy. The first call of what torch compiles takes 9 to 38 seconds, with pluggrad and without it. The
LSTM is a loop, and compilers unroll it. torch's had not finished after 50 seconds, which was the limit, at 16
characters, nor JAX's at 64, again with pluggrad and without it.

These times are from two processes for each system at each size, on one core of a machine that was busy with other work,
so small differences mean little. The page shows the intervals. The whole took 39 minutes.
"""


def cell(value: Any) -> str:
    """Milliseconds; or why there are none."""
    return f"{value * 1e3:.2g}" if isinstance(value, float) and value < 1e-2 else (
        f"{value * 1e3:.0f}" if isinstance(value, float) else value or "")  # fmt: skip


def read() -> Any:
    return json.loads(RECORD.read_text(encoding="utf-8"))


def page() -> str:
    """The page, in Markdown."""
    record = read()
    systems = list(dict.fromkeys(s for row in record["rows"].values() for s in row["seconds"]))
    order = [s for column in COLUMNS for s in column] + ["by hand"]
    systems.sort(key=order.index)
    lines = HEAD.format(columns=" | ".join(systems), dashes="---|" * len(systems))
    for name, row in record["rows"].items():
        cells = [cell(row["seconds"].get(system, "")) for system in systems]
        lines += f"| `{name}`: {row['title']} | {' | '.join(cells)} |\n"
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return lines + TAIL.format(**{**record, "versions": versions})


def readme_rows() -> str:
    """The rows of the README's table; two figures where a system compiles, too."""
    lines = "\n| value and gradient, in ms | pluggrad | HIPS autograd | JAX | torch |\n|---|---|---|---|---|\n"
    for name, words in README_ROWS.items():
        seconds = read()["rows"][name]["seconds"]
        cells = []
        for column in COLUMNS:
            found = [seconds[system] for system in column if system in seconds]
            numbers = [cell(value) for value in found if isinstance(value, float)]
            texts = [value for value in found if isinstance(value, str)]
            cells.append("; ".join(numbers[:1] or texts[:1] or ["–"])
                         + "".join(f"; {n} compiled" for n in numbers[1:]))  # fmt: skip
        lines += f"| {words} | {' | '.join(cells)} |\n"
    return lines + "\n"


def written(readme: str) -> str:
    """The README with these rows."""
    before, _, rest = readme.partition(BEGIN)
    return before + BEGIN + readme_rows() + END + rest.partition(END)[2]


if __name__ == "__main__":
    (ROOT / "docs" / "benchmarks.md").write_text(page(), encoding="utf-8")
    target = ROOT / "README.md"
    target.write_text(written(target.read_text(encoding="utf-8")), encoding="utf-8")
