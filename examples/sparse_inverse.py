"""An inverse problem of a partial differential equation, with sparse matrices: what is inside?

Heat flows through a plate whose conductivity is not known. Its temperature, with noise, is measured
everywhere; the conductivity is found by the gradient through pluggrad.scipy.sparse.linalg.spsolve,
which solves one more system for it.

    python examples/sparse_inverse.py
    python examples/sparse_inverse.py --size 40 --picture sparse_inverse.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import pluggrad as pg
from pluggrad.scipy import sparse
from pluggrad.scipy.sparse.linalg import spsolve


def differences(n: int) -> Any:
    """The differences along both axes between neighbours in an n by n grid, with zeros around it,
    as a sparse matrix; and that of the means of neighbours."""
    ones = np.ones(n + 1)
    step = sparse.diags_array([ones[:n], -ones[:n]], offsets=[0, -1], shape=(n + 1, n))
    mean = abs(step).tolil()
    mean = sparse.csr_array(mean / np.asarray(mean.sum(axis=1))[:, None])
    eye = sparse.eye_array(n)
    both = [sparse.vstack([sparse.kron(m, eye), sparse.kron(eye, m)]) for m in (step, mean)]
    return both[0].tocsr(), both[1].tocsr()


class Plate:
    """A plate of n by n cells, cold at its edge and heated from below."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.slope, self.mean = differences(n)
        at = (np.arange(n) + 0.5) / n
        x, y = np.meshgrid(at, at)
        self.truth = np.where((x - 0.35) ** 2 + (y - 0.4) ** 2 < 0.04, 1.2, 0.0)
        self.truth = np.where((abs(x - 0.7) < 0.12) & (abs(y - 0.65) < 0.2), -0.8, self.truth)
        noise = np.random.default_rng(0).normal(size=n * n)
        exact = self.temperature(self.truth.ravel()).data
        self.measured = exact + 1e-3 * exact.max() * noise

    def temperature(self, logs: Any) -> Any:
        """The temperature, for the logarithm of the conductivity of each cell."""
        between = self.mean @ pg.exp(logs)
        system = self.slope.T @ (sparse.diags_array(between) @ self.slope)
        return spsolve(system.tocsc(), np.full(self.n**2, (1.0 / self.n) ** 2))

    def loss(self, logs: Any) -> Any:
        """The misfit, and a little of the total variation, which keeps edges."""
        misfit = pg.sum((self.temperature(logs) - self.measured) ** 2) / np.sum(self.measured**2)
        jumps = self.slope @ logs
        return 1e3 * misfit + 2e-3 / self.n * pg.sum(pg.sqrt(jumps * jumps + 1e-4))


def run(n: int = 24, rounds: int = 200) -> dict[str, Any]:
    """The conductivity, its error before and after, and the gradient's from a difference."""
    plate = Plate(n)
    start = np.zeros(n * n)
    along, step = np.random.default_rng(1).normal(size=n * n), 1e-5
    gradient = pg.grad(plate.loss)(start)
    difference = (plate.loss(start + step * along) - plate.loss(start - step * along)) / (2 * step)
    found = minimize(pg.value_and_grad(plate.loss), start, jac=True, method="L-BFGS-B",
                     options={"maxiter": rounds})  # fmt: skip
    off = lambda x: float(np.sqrt(np.mean((x - plate.truth.ravel()) ** 2)))
    return {
        "found": found.x.reshape(n, n), "truth": plate.truth, "before": off(start),
        "after": off(found.x), "error": abs(float(difference) / float(gradient @ along) - 1.0),
        "measured": plate.measured.reshape(n, n),
    }  # fmt: skip


def draw(found: dict[str, Any], path: Path) -> None:
    """The conductivity, the measurement and what was found."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for axes, (name, image) in zip(figure.subplots(1, 3), (
        ("log of the conductivity", found["truth"]), ("measured temperature", found["measured"]),
        ("found", found["found"]),
    ), strict=True):  # fmt: skip
        figure.colorbar(axes.imshow(image, origin="lower"), ax=axes)
        axes.set_title(name)
        axes.set_axis_off()
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print how well the conductivity is found, and draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=24, help="cells a side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=200, help="at most (default: %(default)s)")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw it into this file")
    options = parser.parse_args()
    found = run(options.size, options.rounds)
    print(f"the logarithm of the conductivity is off by {found['before']:.3f} at first, "
          f"then by {found['after']:.3f}")  # fmt: skip
    print(f"the gradient is off a finite difference by {found['error']:.1e}")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
