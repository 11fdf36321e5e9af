"""What a call through `pluggrad.numpy` costs where no Variable is around, next to NumPy's own.

    python benchmarks/facade.py [--rounds 20]

Each row is one call, or the look-up of a name, in nanoseconds of process time: the best of
interleaved rounds of 5,000 calls. Target: at most 300 ns more than NumPy's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import libraries  # first: it sets the number of threads  # noqa: F401
import numpy

import pluggrad.numpy

CALLS = 5000
ROWS = (
    "np.sin(x)",
    "np.add(x, x)",
    "np.sum(x)",
    "np.dot(x, x)",
    "np.array([1.0, 2.0])",
    "np.asarray(x)",
    "np.array(numbers)",
    "np.zeros(3)",
    "np.zeros((3, 3), dtype=float)",
    "np.full(3, 1.0)",
    "np.eye(3)",
    "np.linspace(0.0, 1.0, 3)",
    "np.arange(3)",
    "np.concatenate([x, x])",
    "np.r_[x, 0.0]",
    "np.linalg.norm(x)",
    "np.fft.fft(x)",
    "np.random.normal(0.0, 1.0)",
    "rng.normal(0.0, 1.0)",
    "np.float64(1.0)",
    "x.astype(np.float64)",
    "isinstance(x, np.ndarray)",
    "np.isscalar(1.0)",
    "np.pi",
)


def timed(text: str, np: Any) -> Callable[[], float]:
    """A function that makes the calls once, and returns the time of one of them in nanoseconds."""
    scope = {"np": np, "x": numpy.ones(3), "rng": np.random.default_rng(0), "numbers": [1.0] * 100}
    lines = f"def run():\n    for _ in range({CALLS}):\n        {text}\n"
    exec(lines, scope)
    run: Any = scope["run"]

    def once() -> float:
        start = time.process_time_ns()
        run()
        return (time.process_time_ns() - start) / CALLS

    return once


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="rounds (default: %(default)s)")
    rounds = parser.parse_args().rounds
    print(f"{'ns a call':<32}{'numpy':>9}{'pluggrad.numpy':>16}{'more':>7}")
    for text in ROWS:
        both = [timed(text, np) for np in (numpy, pluggrad.numpy)]
        found = [[once() for once in both] for _ in range(rounds)]
        theirs, ours = [min(column) for column in zip(*found)]
        print(f"{text:<32}{theirs:>9.0f}{ours:>16.0f}{ours - theirs:>7.0f}")


if __name__ == "__main__":
    main()
