"""Gradients of sharded JAX arrays under `jax.jit`, beside `jax.grad` of the same programs.

    python benchmarks/scale_jax.py [--devices 1 2 4] [--sizes 1 4 16] [--rounds 7] [--json FILE]

Devices are simulated by one process, so what counts are ratios, and growth with the data. First
logistic regression and a network over rows that are cut over 1, 2 and 4 devices; then a network and
a block of a transformer over 8 devices, data-parallel, tensor-parallel and fully sharded: seconds to
trace and compile, seconds to run, memory that the compiled program takes besides its arguments, and
the collective operations in it. The two take turns, and the best of the rounds counts. Tables show
processor time, of all threads together, which depends less on what else the machine does.

Target: at most 1.1 × the time of `jax.grad`, to compile and to run, and the same collectives.
`python docs/scale_table.py` writes the tables of docs/scale.md from the figures of `--json`.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import libraries  # noqa: F401  (first: it sets the number of threads)
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import pluggrad as pg  # noqa: E402

COLUMNS, HIDDEN, ROWS = 64, 32, 32_768
#: The rounds of programs that run for a short time go on for so many seconds.
SECONDS = 1.5


def logistic(xp: Any, w: Any, x: Any, y: Any) -> Any:
    """Logistic regression, with parameters in a list."""
    z = xp.matmul(x, w[0])
    return xp.mean(xp.logaddexp(0.0, z) - y * z)


def mlp(xp: Any, w: Any, x: Any, y: Any) -> Any:
    """A network with one hidden layer."""
    return xp.mean((xp.matmul(xp.tanh(xp.matmul(x, w[0])), w[1]) - y) ** 2)


def clocks() -> tuple[float, float]:
    """The time, and the processor time of all threads of this process."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float]) -> tuple[float, float]:
    """How much of each has passed."""
    now = clocks()
    return now[0] - start[0], now[1] - start[1]


def compare(f: Any, arguments: Any, out: Any, rounds: int) -> dict[str, Any]:
    """Both gradients of `f` by its first argument, placed as `out` says."""
    import jax
    import jax.numpy as jnp

    turns = [("ours", pg.grad, pg), ("native", jax.grad, jnp)]
    compiling: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in turns}
    running: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in turns}
    compiled: dict[str, Any] = {}
    for _ in range(rounds):
        for name, grad, xp in turns:
            gc.collect()
            start = clocks()
            lowered = jax.jit(grad(partial(f, xp)), out_shardings=out).lower(*arguments)
            compiled[name] = lowered.compile()
            compiling[name].append(since(start))
        turns.reverse()
    found = {name: jax.block_until_ready(run(*arguments)) for name, run in compiled.items()}
    for a, b in zip(found["ours"], found["native"], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5)
    begin = time.perf_counter()
    while len(running["ours"]) < 4 * rounds or time.perf_counter() - begin < SECONDS:
        for name, _, _ in turns:
            start = clocks()
            jax.block_until_ready(compiled[name](*arguments))
            running[name].append(since(start))
        turns.reverse()
    memory = {name: c.memory_analysis().temp_size_in_bytes for name, c in compiled.items()}
    row: dict[str, Any] = {}
    for what, times in (("compile", compiling), ("run", running)):
        for n, clock in enumerate(("", "_processor")):
            best = {name: min([t[n] for t in some]) for name, some in times.items()}
            row |= {f"{what}{clock}": best["ours"], f"{what}{clock}_native": best["native"]}
    return {**row, "temporary": memory["ours"], "temporary_native": memory["native"],
            "compiled": compiled}  # fmt: skip


def by_rows(devices: int, sizes: list[int], rounds: int) -> list[dict[str, Any]]:
    """Data of several sizes, whose rows are cut over all devices."""
    import jax
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    mesh = jax.make_mesh((devices,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    whole, cut = NamedSharding(mesh, P()), NamedSharding(mesh, P("d"))
    rng = np.random.default_rng(0)
    shapes = {"logistic": [(COLUMNS,)], "mlp": [(COLUMNS, HIDDEN), (HIDDEN,)]}
    rows = []
    for size in sizes:
        x = jax.device_put(rng.normal(size=(ROWS * size, COLUMNS)).astype("float32"), cut)
        y = jax.device_put((rng.normal(size=ROWS * size) > 0).astype("float32"), cut)
        for name, f in (("logistic", logistic), ("mlp", mlp)):
            w = [jax.device_put(rng.normal(size=s).astype("float32") / 8, whole)
                 for s in shapes[name]]  # fmt: skip
            found = compare(f, (w, x, y), [whole] * len(w), rounds)
            del found["compiled"]
            rows.append({"model": name, "devices": devices, "size": size, **found})
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def by_layouts(rounds: int) -> list[dict[str, Any]]:
    """The programs and layouts of tests/scale/jax_checks.py, at a size worth timing."""
    from tests.scale.jax_checks import LAYOUTS, block, collectives, mlp, parameters, spread

    rng = np.random.default_rng(3)
    models = {
        "MLP": (mlp, ((256, 512), (512, 256)), rng.normal(size=(2, 2048, 256))),
        "transformer block": (
            block, (*((128, 128),) * 4, (128, 512), (512, 128)), rng.normal(size=(2, 16, 64, 128)),
        ),
    }  # fmt: skip
    rows = []
    for name, (f, shapes, data) in models.items():
        for layout, (cut, cuts) in LAYOUTS.items():
            w = [a / a.shape[0] ** 0.5 for a in parameters(*shapes)]
            w = [spread(a, *(cuts[n % len(cuts)] if cuts else ())) for n, a in enumerate(w)]
            x, y = [spread(a.astype("float32"), *cut) for a in data]
            found = compare(f, (w, x, y), [a.sharding for a in w], rounds)
            compiled = found.pop("compiled")
            ours, native = collectives(compiled["ours"]), collectives(compiled["native"])
            rows.append({"model": name, "layout": layout, **found,
                         "collectives": ours, "collectives_native": native})  # fmt: skip
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def in_process(devices: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows for that many devices, which JAX must be told of before it is imported. For
    8, those by layouts."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    env = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "0"}
    command = [sys.executable, __file__, "--inside", str(devices), "--rounds", str(options.rounds)]
    command += ["--sizes", *map(str, options.sizes)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def show(found: dict[str, Any]) -> None:
    """The tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=110)
    for title, rows, keys in (
        ("rows cut over devices", found["by_rows"], ("model", "devices", "size")),
        ("over 8 devices", found["by_layouts"], ("model", "layout")),
    ):
        table = Table(title=title)
        for key in keys:
            table.add_column(key)
        for key in ("compile ms", "native", "ratio", "run ms", "native", "ratio", "memory ratio"):
            table.add_column(key, justify="right")
        for r in rows:
            cells = [str(r[key]) for key in keys]
            for what in ("compile_processor", "run_processor"):
                mine, theirs = r[what], r[f"{what}_native"]
                cells += [f"{1000 * mine:.1f}", f"{1000 * theirs:.1f}", f"{mine / theirs:.2f}"]
            table.add_row(*cells, f"{r['temporary'] / max(r['temporary_native'], 1):.2f}")
        console.print(table)
    same = all(r["collectives"] == r["collectives_native"] for r in found["by_layouts"])
    console.print("the same collectives in all" if same else "NOT the same collectives")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        layouts = options.inside == 8
        rows = by_layouts(options.rounds) if layouts else by_rows(
            options.inside, options.sizes, options.rounds
        )  # fmt: skip
        print(json.dumps(rows))
        return
    found = {
        "by_layouts": in_process(8, options),
        "by_rows": [row for n in options.devices for row in in_process(n, options)],
        "commands": [shlex.join(["python", "benchmarks/scale_jax.py", *sys.argv[1:]])],
        "versions": {name: importlib.metadata.version(name) for name in ("pluggrad", "jax")},
        "python": platform.python_version(), "cores": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "mib_of_size_1": round(ROWS * COLUMNS * 4 / 2**20),
    }  # fmt: skip
    show(found)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
