"""Find a signal and the filter that has blurred it, by pluggrad.scipy.signal.lfilter.

A row of pulses, such as the firing of a nerve, is seen through a filter that rises and decays. Both
are unknown: the gradient goes through the recursion of the filter, by its two coefficients and by
the signal. It is possible because the pulses are positive, and few: a penalty says so.

    python examples/deconvolution.py
    python examples/deconvolution.py --picture deconvolution.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import pluggrad as pg
from pluggrad.scipy.signal import lfilter

#: By how much the filter keeps of its two states at each step.
TRUTH = np.asarray([0.92, 0.45])


def blurred(signal: Any, kept: Any) -> Any:
    """`signal` through a recursive filter of second order, which has the sum 1."""
    slow, fast = kept[0], kept[1]
    one = 0.0 * slow + 1.0
    a = pg.stack([one, -(slow + fast), slow * fast])
    return lfilter(pg.stack([(1.0 - slow) * (1.0 - fast)]), a, signal)


def data(n: int) -> tuple[Any, Any]:
    """The pulses, and what is seen of them."""
    rng = np.random.default_rng(4)
    pulses = np.zeros(n)
    pulses[rng.choice(n - 20, n // 25, replace=False) + 5] = rng.uniform(2.0, 6.0, n // 25)
    return pulses, blurred(pulses, TRUTH).data + rng.normal(size=n) * 0.01


def unpacked(z: Any) -> tuple[Any, Any]:
    """The positive signal and the coefficients between 0 and 1 that `z` stands for."""
    return z[2:] ** 2, 1.0 / (1.0 + pg.exp(-z[:2]))


def run(n: int = 400, rounds: int = 400) -> dict[str, Any]:
    """The signal, the coefficients, and how far the gradient is from a difference."""
    pulses, seen = data(n)

    def loss(z: Any) -> Any:
        signal, kept = unpacked(z)
        misfit = pg.sum((blurred(signal, kept) - seen) ** 2)
        return misfit / 0.01**2 / 2.0 + 4.0 * pg.sum(pg.log1p(signal / 0.1))  # few pulses

    start = np.concatenate([[1.5, 0.5], np.full(n, 0.5)])
    along, step = np.random.default_rng(1).normal(size=n + 2), 1e-6
    slope = float(pg.grad(loss)(start) @ along)
    difference = (loss(start + step * along) - loss(start - step * along)) / (2 * step)
    found = minimize(pg.value_and_grad(loss), start, jac=True, method="L-BFGS-B",
                     options={"maxiter": rounds, "maxfun": 2 * rounds})  # fmt: skip
    signal, kept = unpacked(found.x)
    return {
        "signal": np.asarray(signal), "kept": np.asarray(kept.data), "pulses": pulses, "seen": seen,
        "error": abs(float(difference) / slope - 1.0), "before": float(loss(start)),
        "after": float(found.fun),
    }  # fmt: skip


def draw(found: dict[str, Any], path: Path) -> None:
    """What is seen, and the pulses as they were and as they are found."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.plot(found["seen"], "C7", label="seen")
    top.legend()
    bottom.plot(found["pulses"], "C0", lw=3, alpha=0.5, label="pulses")
    bottom.plot(found["signal"], "C1", lw=1, label="found")
    bottom.legend()
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the filter, and draw the signal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=400, help="samples (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=400, help="at most (default: %(default)s)")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw it into this file")
    options = parser.parse_args()
    found = run(options.size, options.rounds)
    for name, p, truth in zip(("slow", "fast"), found["kept"], TRUTH, strict=True):
        print(f"{name} {p:.4f}, in truth {truth:.4f}")
    print(f"loss {found['before']:.1f}, then {found['after']:.1f}")
    print(f"the gradient is off a finite difference by {found['error']:.1e}")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
