"""Fit a differential equation to data: hares and lynxes, by pluggrad.scipy.integrate.solve_ivp.

The Hudson's Bay Company counted pelts, in thousands, from 1900 to 1920. Lotka and Volterra's model
says how predators and prey drive each other; its four rates and the two initial numbers are found
by the gradient through the solver's steps.

    python examples/ode_fit.py
    python examples/ode_fit.py --picture ode_fit.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import pluggrad as pg
from pluggrad.scipy.integrate import solve_ivp

YEARS = np.arange(21.0)
HARES = np.asarray([30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6,
                    52.3, 19.5, 11.2, 7.6, 14.6, 16.2, 24.7])  # fmt: skip
LYNXES = np.asarray([4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7,
                     51.1, 29.7, 15.8, 9.7, 10.1, 8.6])  # fmt: skip
PELTS = np.stack([HARES, LYNXES])
NAMES = ("births of hares", "hares eaten", "deaths of lynxes", "lynxes fed", "hares 1900",
         "lynxes 1900")  # fmt: skip


def rates(t: Any, y: Any, p: Any) -> Any:
    """Hares are born and eaten; lynxes starve and are fed."""
    hares, lynxes = y[0], y[1]
    return [(p[0] - p[1] * lynxes) * hares, (p[3] * hares - p[2]) * lynxes]


def numbers(p: Any, times: Any = YEARS) -> Any:
    """The numbers of hares and lynxes at `times`, of the model with the parameters `p`."""
    return solve_ivp(rates, (0.0, 20.0), p[4:], t_eval=times, args=(p[:4],), rtol=1e-8, atol=1e-8).y


def loss(logs: Any) -> Any:
    """How far the logarithms of the numbers are from those counted; `logs` are the logarithms of
    the parameters, which are positive."""
    return pg.mean((pg.log(numbers(pg.exp(logs))) - np.log(PELTS)) ** 2)


def run(rounds: int = 100) -> dict[str, Any]:
    """The parameters, the loss before and after, and how far the gradient is from a difference."""
    start = np.log(np.asarray([0.5, 0.025, 0.8, 0.025, 30.0, 4.0]))
    value, gradient = pg.value_and_grad(loss)(start)
    along, step = np.linspace(-1.0, 1.0, 6), 1e-4
    difference = (loss(start + step * along) - loss(start - step * along)) / (2 * step)
    found = minimize(pg.value_and_grad(loss), start, jac=True, method="BFGS",
                     options={"maxiter": rounds})  # fmt: skip
    return {
        "parameters": np.exp(found.x), "before": float(value), "after": float(found.fun),
        "error": abs(float(difference) / float(gradient @ along) - 1.0),
    }  # fmt: skip


def draw(parameters: Any, path: Path) -> None:
    """The counts, and the curves of the model."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    times = np.linspace(0.0, 20.0, 400)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name, counts, curve, color in zip(("hares", "lynxes"), PELTS,
                                          numbers(parameters, times).data, ("C0", "C1"),
                                          strict=True):  # fmt: skip
        axes.plot(1900 + times, curve, color, label=name)
        axes.plot(1900 + YEARS, counts, color + "o")
    axes.set_ylabel("thousands of pelts")
    axes.legend()
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the fit, and draw it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=100, help="at most (default: %(default)s)")
    parser.add_argument(
        "--picture", type=Path, metavar="PNG", help="draw the curves into this file"
    )
    options = parser.parse_args()
    found = run(options.rounds)
    for name, value in zip(NAMES, found["parameters"], strict=True):
        print(f"{name:>16} {value:8.4f}")
    print(f"mean square of the logarithms: {found['before']:.4f}, then {found['after']:.4f}")
    print(f"the gradient is off a finite difference by {found['error']:.1e}")
    if options.picture:
        draw(found["parameters"], options.picture)


if __name__ == "__main__":
    main()
