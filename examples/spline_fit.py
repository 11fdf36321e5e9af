"""Fit a spline whose knots move, by pluggrad.scipy.interpolate.CubicSpline.

Noisy points lie on a curve that is flat here and steep there. A cubic spline through a few knots
follows it: not only the heights of the knots are fitted, but also where they are. The gradient goes
through the system that makes the spline smooth.

    python examples/spline_fit.py
    python examples/spline_fit.py --knots 12 --picture spline_fit.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import pluggrad as pg
from pluggrad.scipy.interpolate import CubicSpline


def curve(t: Any) -> Any:
    """The curve in truth: a step and a slow wave."""
    return np.tanh(25.0 * (t - 0.6)) + 0.4 * np.sin(5.0 * t)


def data(count: int = 200) -> tuple[Any, Any]:
    """Places and noisy heights of points."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0.0, 1.0, count))
    return t, curve(t) + 0.05 * rng.normal(size=count)


def spline(z: Any) -> Any:
    """The spline of the parameters `z`: the heights, and the logarithms of the distances between
    knots, which keep these in their order."""
    knots = (z.shape[0] + 1) // 2
    widths = pg.exp(z[knots:])
    places = pg.cumulative_sum(widths / pg.sum(widths), include_initial=True)
    return CubicSpline(places, z[:knots])


def run(knots: int = 9, rounds: int = 200) -> dict[str, Any]:
    """The splines with fixed and with moving knots, and how far the gradient is off."""
    t, y = data()

    def loss(z: Any) -> Any:
        return pg.mean((spline(z)(t) - y) ** 2) + 1e-5 * pg.sum(z[knots:] ** 2)

    start = np.concatenate([np.interp(np.linspace(0, 1, knots), t, y), np.zeros(knots - 1)])
    along, step = np.random.default_rng(1).normal(size=start.size), 1e-6
    slope = float(pg.grad(loss)(start) @ along)
    difference = (loss(start + step * along) - loss(start - step * along)) / (2 * step)

    def heights_only(h: Any) -> Any:
        return loss(pg.concat([h, np.zeros(knots - 1)]))

    fixed = minimize(pg.value_and_grad(heights_only), start[:knots], jac=True, method="BFGS",
                     options={"maxiter": rounds})  # fmt: skip
    start[:knots] = fixed.x
    moving = minimize(pg.value_and_grad(loss), start, jac=True, method="BFGS",
                      options={"maxiter": rounds})  # fmt: skip
    return {
        "fixed": np.concatenate([fixed.x, np.zeros(knots - 1)]), "moving": moving.x,
        "before": float(fixed.fun), "after": float(moving.fun),
        "error": abs(float(difference) / slope - 1.0),
    }  # fmt: skip


def draw(found: dict[str, Any], path: Path) -> None:
    """The points, both splines, and the knots."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    at = np.linspace(0.0, 1.0, 500)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*data(), ".", color="C7", ms=3, label="points")
    for name, color in (("fixed", "C0"), ("moving", "C1")):
        fit = spline(pg.Variable(found[name]))
        axes.plot(at, fit(at).data, color, label=f"{name} knots")
        axes.plot(fit.x.data, fit(fit.x).data, color + "o", ms=5)
    axes.legend()
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print how well both splines fit, and draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--knots", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=200, help="at most (default: %(default)s)")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw them into this file")
    options = parser.parse_args()
    found = run(options.knots, options.rounds)
    print(f"loss {found['before']:.5f} with fixed knots, {found['after']:.5f} with moving ones")
    print(f"the gradient is off a finite difference by {found['error']:.1e}")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
