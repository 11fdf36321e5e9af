"""HIPS autograd's own tests and examples, run on `pluggrad.compat.autograd`.

    python tests/compat/hips_suite.py CHECKOUT [--tests] [--examples [NAME ...]] [--calls 20]

CHECKOUT is a checkout of https://github.com/HIPS/autograd. Its tests run through pytest, with
``import autograd`` answered by our package. Each of its examples runs twice, in processes of their
own, with the real autograd (which must be installed) and with ours, until it has asked for `--calls`
derivatives. All of these must be equal; the times are of the derivatives alone. What the examples
would show on a screen or fetch from the network is replaced by nothing, and by random digits.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

#: Operators whose results are compared, outermost calls only.
OPERATORS = ("grad", "value_and_grad", "elementwise_grad", "jacobian", "hessian", "grad_and_aux",
             "hessian_vector_product", "holomorphic_grad", "multigrad_dict")  # fmt: skip
#: Examples that use the tracer of HIPS autograd itself, of which there is no counterpart.
INTERNAL = {"dot_graph", "print_trace", "rkhs"}


class Enough(BaseException):
    """Raised in an example once it has made the derivatives that were asked for."""


def run_example(path: str, ours: bool, calls: int) -> None:
    """Run one example in this process; print what it computed, and how long that took, as JSON."""
    import numpy as np

    class RandomState(np.random.RandomState):
        """NumPy's, with a seed where the example gives none."""

        def __init__(self, seed: Any = 0) -> None:
            super().__init__(seed)

    np.random.RandomState = RandomState  # type: ignore[misc]
    if ours:
        import pluggrad.compat.autograd as autograd

        autograd.install()
    import autograd

    results: list[Any] = []
    spent = [0.0]
    depth = [0]

    def digest(x: Any) -> Any:
        if isinstance(x, dict):
            return [digest(x[key]) for key in sorted(x)]
        if isinstance(x, (list, tuple)):
            return [digest(item) for item in x]
        x = np.asarray(x)
        if x.dtype == object:  # a type of the example's own
            return []
        weights = np.cos(np.arange(x.size)).reshape(x.shape)
        both = complex(np.sum(x * weights)), float(np.sqrt(np.sum(np.abs(x) ** 2)))
        return [list(x.shape), both[0].real, both[0].imag, both[1]]

    def watched(operator: Any) -> Any:
        def make(fun: Any, *args: Any, **kwargs: Any) -> Any:
            derivative = operator(fun, *args, **kwargs)

            def call(*args: Any, **kwargs: Any) -> Any:
                if depth[0]:
                    return derivative(*args, **kwargs)
                depth[0] += 1
                start = time.process_time()
                try:
                    found = derivative(*args, **kwargs)
                finally:
                    depth[0] -= 1
                took = time.process_time() - start
                if results:  # the first call warms up
                    spent[0] += took
                results.append(digest(found))
                if len(results) >= calls:
                    raise Enough
                return found

            return call

        return make

    for name in OPERATORS:
        setattr(autograd, name, watched(getattr(autograd, name)))
    replace_surroundings(path)
    solve_to_many_digits()
    np.random.seed(0)  # noqa: NPY002  (the generator that the examples use)
    with contextlib.suppress(Enough):
        runpy.run_path(path, run_name="__main__")
    print("\n" + json.dumps({"results": results, "seconds": spent[0]}))


def solve_to_many_digits() -> None:
    """Let `odeint` ignore the tolerance that it is given, which is two digits in `ode_net`: both
    packages are right to so many digits only, and not equal."""
    from autograd.scipy import integrate

    odeint = integrate.odeint
    integrate.odeint = lambda *args, **kwargs: odeint(
        *args, **{**kwargs, "rtol": 1e-10, "atol": 1e-10}
    )


def replace_surroundings(path: str) -> None:
    """Put stand-ins in the place of the screen and the network."""
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.show = plt.pause = plt.draw = lambda *args, **kwargs: None
    folder = str(Path(path).parent)
    sys.path[:0] = [folder, str(Path(folder).parent)]
    import types

    rng = np.random.default_rng(0)
    digits = types.ModuleType("data_mnist")
    digits.mnist = lambda: (  # type: ignore[attr-defined]
        rng.integers(0, 256, (2000, 28, 28)).astype("uint8"), rng.integers(0, 10, 2000),
        rng.integers(0, 256, (500, 28, 28)).astype("uint8"), rng.integers(0, 10, 500),
    )  # fmt: skip
    sys.modules["data_mnist"] = digits
    os.chdir(folder)


def in_process(path: Path, ours: bool, calls: int, seconds: float) -> dict[str, Any]:
    """What `run_example` prints, from a process of its own; {"error": ...} if it failed."""
    command = [sys.executable, __file__, "--one", str(path), "--calls", str(calls)]
    try:
        done = subprocess.run(
            command + (["--ours"] if ours else []), capture_output=True, text=True,
            timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"no {calls} derivatives in {seconds} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["?"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def flat(x: Any) -> list[float]:
    """All numbers in nested lists."""
    return [n for item in x for n in flat(item)] if isinstance(x, list) else [x]


def apart(a: Any, b: Any) -> float:
    """The largest relative difference of two nested lists of numbers."""
    first, second = flat(a), flat(b)
    if len(first) != len(second) or not first:
        return math.inf
    scale = max(map(abs, second)) or 1.0
    return max(abs(x - y) / max(abs(y), 1e-6 * scale, 1e-12) for x, y in zip(first, second))


def examples(folder: Path, names: list[str], calls: int) -> bool:
    """Run the examples with both packages and print a table; whether all are equal."""
    ratios, good, count = [], True, 0
    paths = [*sorted(folder.glob("*.py")), *sorted((folder / "fluidsim").glob("*.py"))]
    for path in paths:
        name = path.stem
        if name in ("__init__", "data", "data_mnist") or (names and name not in names):
            continue
        count += 1
        real = in_process(path, False, calls, 120)
        mine = in_process(path, True, calls, 120)
        if "error" in real or "error" in mine:
            expected = name in INTERNAL and "error" in mine
            good = good and expected
            print(
                f"{name:34} {'(internals)' if expected else 'FAILED'} "
                f"real: {real.get('error', 'ok')[:60]}; ours: {mine.get('error', 'ok')[:90]}"
            )
            continue
        difference = apart(mine["results"], real["results"]) if real["results"] else 0.0
        equal = difference < 1e-5
        good = good and equal
        text = ""
        if real["seconds"] and mine["seconds"]:
            ratios.append(mine["seconds"] / real["seconds"])
            text = f"{ratios[-1]:6.2f} of its time ({1e3 * real['seconds']:.1f} ms)"
        print(f"{name:34} {'equal' if equal else f'DIFFERS by {difference:.1e}':22} {text}",
              flush=True)  # fmt: skip
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"{count} examples; geometric mean of the times: {mean:.2f} of HIPS autograd's")
    return good


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkout", nargs="?", type=Path)
    parser.add_argument("--tests", action="store_true", help="only the tests")
    parser.add_argument("--examples", nargs="*", help="only the examples, or these of them")
    parser.add_argument("--calls", type=int, default=20, help="derivatives per example")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--ours", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        run_example(chosen.one, chosen.ours, chosen.calls)
        return
    if chosen.checkout is None:
        parser.error("give a checkout of HIPS autograd")
    failed = False
    if chosen.examples is None:
        command = ["-m", "pluggrad.compat.autograd", "-m", "pytest", "-q", "-c", os.devnull,
                   "--rootdir", str(chosen.checkout), str(chosen.checkout / "tests")]  # fmt: skip
        failed = bool(subprocess.run([sys.executable, *command]).returncode)
    if not chosen.tests:
        failed |= not examples(chosen.checkout / "examples", chosen.examples or [], chosen.calls)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
