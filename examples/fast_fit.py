"""Fit a model with SciPy twice, eagerly and compiled, and print the source of its gradient.

Three decaying oscillations are found in a noisy signal, from many starts, since the loss has many
valleys. `pg.compile` traces the loss and its
gradient once, and runs them as straight-line NumPy from then on: the same numbers, to the last bit,
so that the optimizer takes the same steps.

    python examples/fast_fit.py
    python examples/fast_fit.py --picture fast_fit.png --engine numba
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import pluggrad as pg

TIMES = np.linspace(0.0, 4.0, 200)
TRUE = np.asarray([1.0, 0.6, 0.3, 0.4, 0.8, 0.2, 5.0, 9.0, 14.0])
NOISE = np.random.default_rng(0).normal(0.0, 0.05, TIMES.size)


def signal(p: Any) -> Any:
    """A sum of three oscillations: their amplitudes, decays and frequencies are `p`."""
    y = 0.0
    for k in range(3):
        y = y + p[k] * pg.exp(-p[3 + k] * TIMES) * pg.sin(p[6 + k] * TIMES)
    return y


SIGNAL = signal(TRUE).data + NOISE


def loss(p: Any) -> Any:
    """How far the model is from the data."""
    difference = signal(p) - SIGNAL
    return pg.mean(difference * difference)


def fit(f: Any, starts: int) -> dict[str, Any]:
    """The best of what SciPy finds with `f`, which returns value and gradient, from many starts."""
    random = np.random.default_rng(1)
    begin, best, count = time.perf_counter(), None, 0
    for _ in range(starts):
        start = TRUE * random.uniform(0.6, 1.4, TRUE.size)
        found = minimize(f, start, jac=True, method="L-BFGS-B")
        count += found.nfev
        if best is None or found.fun < best.fun:
            best = found
    assert best is not None
    seconds = time.perf_counter() - begin
    return {"x": best.x, "loss": float(best.fun), "evaluations": count, "seconds": seconds}


def run(starts: int = 40, engine: str = "numpy") -> dict[str, Any]:
    """Fit both ways; compiling is part of the second time."""
    eager = pg.value_and_grad(loss)
    compiled = pg.compile(eager, engine=engine)
    found = {"eager": fit(eager, starts), "compiled": fit(compiled, starts)}
    compiled.check(found["compiled"]["x"])
    return {**found, "source": pg.source(pg.grad(loss), TRUE)}


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw the signal and the model."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    axes.plot(TIMES, SIGNAL, ".", color="0.6", label="data")
    axes.plot(TIMES, np.asarray(signal(found["compiled"]["x"])), label="model")
    axes.set(xlabel="time", ylabel="signal")
    axes.legend()
    figure.savefig(path)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Fit, print, and draw if a picture is asked for."""
    parser = argparse.ArgumentParser(description="Fit a model eagerly and compiled.")
    parser.add_argument("--starts", type=int, default=40, help="how many fits (default 40)")
    parser.add_argument("--engine", default="numpy", help="numpy, numba, jax or torch")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw data and model")
    chosen = parser.parse_args(arguments)
    found = run(chosen.starts, chosen.engine)
    print("the gradient, as NumPy computes it:\n")
    print(found["source"])
    for name in ("eager", "compiled"):
        result = found[name]
        print(f"{name:9} loss {result['loss']:.8f} after {result['evaluations']} evaluations, "
              f"{result['seconds'] * 1e3:6.1f} ms")  # fmt: skip
    same = np.array_equal(found["eager"]["x"], found["compiled"]["x"])
    print(f"the parameters are {'the same to the last bit' if same else 'close'}")
    if chosen.picture:
        draw(found, chosen.picture)
        print(f"drawn in {chosen.picture}")


if __name__ == "__main__":
    main()
