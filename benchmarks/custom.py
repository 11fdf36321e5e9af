"""What a custom operation costs, next to a built-in rule that computes the same.

    python benchmarks/custom.py [--rounds 40]

`sin` and its derivative are written four times: as a rule, a custom_vjp, a Function and a
custom_jvp. Each time is for one operation forward and backward, on NumPy arrays in float64, with
one thread, the best of interleaved rounds. `sum` walks back from ``f(x).sum()``, `seed` from
``f(x)`` with a given cotangent. Target for a custom_vjp and a Function: at most 2 × the rule.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import libraries  # first: it sets the number of threads
import numpy as np

import pluggrad as pg

SIZES = (10, 1000)


@pg.custom_vjp
def by_vjp(x: Any) -> Any:
    """sin(x), with its derivative as a `custom_vjp`."""
    return pg.sin(x)


by_vjp.defvjp(lambda x: (pg.sin(x), x), lambda x, g: (g * pg.cos(x),))


class Sine(pg.autograd.Function):
    """sin(x), with its derivative as a `Function`."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """sin(x)."""
        ctx.save_for_backward(x)
        return pg.sin(x)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """g cos(x)."""
        (x,) = ctx.saved_tensors
        return g * pg.cos(x)


@pg.custom_jvp
def by_jvp(x: Any) -> Any:
    """sin(x), with its derivative as a `custom_jvp`."""
    return pg.sin(x)


by_jvp.defjvp(lambda primals, tangents: (pg.sin(primals[0]), tangents[0] * pg.cos(primals[0])))

OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "rule": pg.sin, "custom_vjp": by_vjp, "Function": Sine.apply, "custom_jvp": by_jvp,
}  # fmt: skip


def step(f: Callable[[Any], Any], size: int, seeded: bool) -> Callable[[], np.ndarray]:
    """A function that computes the gradient of `f` at `size` numbers, once."""
    x, seed = pg.Variable(np.linspace(0, 1, size), requires_grad=True), np.ones(size)

    def run() -> Any:
        x.grad = None
        if seeded:
            f(x).backward(seed)
        else:
            f(x).sum().backward()
        return x.grad.data

    return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="rounds (default: %(default)s)")
    rounds = parser.parse_args().rounds
    print(f"{'':14}" + "".join(f"{name:>18}" for name in OPERATIONS))
    for size in SIZES:
        for seeded in (False, True):
            steps = [step(f, size, seeded) for f in OPERATIONS.values()]
            for run in steps:
                np.testing.assert_allclose(run(), steps[0]())
            times = libraries.best(steps, rounds)
            cells = [f"{t * 1e6:>8.1f} µs {t / times[0]:>5.2f}" for t in times]
            print(
                f"{size:>6,}  {'seed' if seeded else 'sum':<6}"
                + "".join(f"{cell:>18}" for cell in cells)
            )


if __name__ == "__main__":
    main()
