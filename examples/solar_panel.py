"""Fit the parameters of a solar panel through pvlib, a package that knows nothing of gradients.

`pg.adopt("pvlib")` lets pvlib's functions take Variables. Two of them make the model: De Soto's,
which gives the parameters of the panel's one-diode circuit at some light and temperature, and the
equation of the circuit, which gives the current at a voltage. The parameters are found from noisy
measurements at three levels of light, by least squares with the Jacobian that `pg.jacfwd` computes.

    python examples/solar_panel.py
    python examples/solar_panel.py --picture solar_panel.png

It needs `pip install pvlib`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pvlib
from scipy.optimize import least_squares

import pluggrad as pg
import pluggrad.numpy as pnp

#: The light (W/m²) and the temperature of the cells (°C) of each measured curve.
CONDITIONS = [(1000.0, 45.0), (700.0, 38.0), (350.0, 30.0)]
VOLTAGES = np.linspace(0.0, 38.0, 24)
NAMES = ["short-circuit current (A)", "saturation current (log10 A)", "series resistance (Ω)",
         "shunt resistance (log10 Ω)", "diode factor (V)"]  # fmt: skip
TRUE = np.array([9.1, -9.6, 0.35, 2.6, 1.55])
START = np.array([8.0, -9.0, 0.6, 2.2, 1.70])
NOISE = 0.03


def currents(p: Any, light: float, cell: float) -> Any:
    """The currents at `VOLTAGES` of a panel with the parameters `p`."""
    circuit = pvlib.pvsystem.calcparams_desoto(
        light, cell, alpha_sc=0.004, a_ref=p[4], I_L_ref=p[0], I_o_ref=10.0 ** p[1],
        R_sh_ref=10.0 ** p[3], R_s=p[2],
    )  # fmt: skip
    photo, saturation, series, shunt, factor = circuit
    return pvlib.pvsystem.i_from_v(VOLTAGES, photo, saturation, series, shunt, factor)


def model(p: Any) -> Any:
    """All currents that were measured, one after the other."""
    return pnp.concatenate([currents(p, *condition) for condition in CONDITIONS])


def fit() -> dict[str, Any]:
    """Make measurements, and find the parameters again."""
    measured = model(TRUE) + np.random.default_rng(0).normal(0.0, NOISE, 24 * len(CONDITIONS))
    with pg.adopt("pvlib"):
        jacobian = pg.jacfwd(model)
        scale = np.array([1.0, 0.5, 0.1, 0.3, 0.1])
        found = least_squares(
            lambda p: (model(p) - measured) / NOISE, START, lambda p: jacobian(p) / NOISE,
            x_scale=scale,
        )  # fmt: skip
    spread = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    return {"x": found.x, "spread": spread, "measured": measured, "calls": int(found.njev)}


def draw(result: dict[str, Any], path: Path) -> None:
    """The measured currents, the fitted curves, and where the fit started."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    rows = result["measured"].reshape(len(CONDITIONS), -1)
    for n, (light, cell) in enumerate(CONDITIONS):
        color = f"C{n}"
        axes.plot(VOLTAGES, rows[n], "o", ms=4, color=color)
        axes.plot(VOLTAGES, currents(START, light, cell), ":", lw=1, color=color)
        text = f"{light:.0f} W/m², {cell:.0f} °C"
        axes.plot(VOLTAGES, currents(result["x"], light, cell), color=color, label=text)
    axes.plot([], [], "o", ms=4, color="0.4", label="measured")
    axes.plot([], [], ":", color="0.4", label="before the fit")
    axes.set(xlabel="voltage (V)", ylabel="current (A)", ylim=(0, 10.5), xlim=(0, 46),
             title="A solar panel, fitted through pvlib")  # fmt: skip
    axes.legend(loc="upper right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Fit, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, help="draw the curves into this file")
    options = parser.parse_args()
    result = fit()
    for name, true, found, spread in zip(NAMES, TRUE, result["x"], result["spread"], strict=True):
        print(f"{name:30} {found:8.3f} ± {spread:.3f}   (true: {true})")
    print(f"{result['calls']} Jacobians of pvlib's model")
    if options.picture is not None:
        draw(result, options.picture)


if __name__ == "__main__":
    main()
