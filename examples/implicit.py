"""Differentiate a solver by what it solves, not by its steps: custom_jvp, custom_vjp, vjp.

Newton's method solves Kepler's equation E - e·sin(E) = M, and a fixed-point iteration solves the
layer x = tanh(W·x + b). The implicit function theorem gives the derivatives at the solution,
however many steps were needed: no step is recorded.

    python examples/implicit.py
    python examples/implicit.py --backend torch
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import pluggrad as pg


@pg.custom_jvp
def kepler(mean: Any, e: Any) -> Any:
    """The eccentric anomaly E of an orbit with mean anomaly `mean` and eccentricity `e`,
    elementwise."""
    E = mean + e * pg.sin(mean)
    for _ in range(8):
        E = E - (E - e * pg.sin(E) - mean) / (1.0 - e * pg.cos(E))
    return E


@kepler.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (mean, e), (d_mean, d_e) = primals, tangents
    E = kepler(mean, e)
    return E, (d_mean + pg.sin(E) * d_e) / (1.0 - e * pg.cos(E))


def resting(step: Any, x: Any, rounds: int = 30) -> Any:
    """The fixed point x = step(x), by iteration from `x`."""
    for _ in range(rounds):
        x = step(x)
    return x


def layer(w: Any, b: Any) -> Any:
    """The fixed point of x = tanh(w·x + b), with every round recorded."""
    return resting(lambda x: pg.tanh(w @ x + b), b)


equilibrium = pg.custom_vjp(layer)


def _forward(w: Any, b: Any) -> Any:
    """The fixed point, and what the backward rule needs."""
    x = equilibrium(w, b)
    return x, (w, b, x)


def _backward(residuals: Any, g: Any) -> Any:
    """g_w and g_b, by the adjoint fixed point u = g + (∂f/∂x)ᵀ u, with f(x) = tanh(w·x + b)."""
    w, b, x = residuals
    _, by_state = pg.vjp(lambda x: pg.tanh(w @ x + b), x)
    _, by_weights = pg.vjp(lambda w, b: pg.tanh(w @ x + b), w, b)
    return by_weights(resting(lambda u: g + by_state(u)[0], g))


equilibrium.defvjp(_forward, _backward)


def run(backend: str = "numpy") -> dict[str, Any]:
    """Derivatives of both solvers, and the unrolled gradient that the implicit one must agree
    with."""
    xp = pg.namespace(backend)
    mean = xp.linspace(0.1, 3.0, 5, dtype=xp.float64).data
    w = xp.asarray(0.3 * np.cos(np.arange(9.0)).reshape(3, 3), dtype=xp.float64).data
    b = xp.asarray([0.5, -0.2, 0.1], dtype=xp.float64).data

    def loss(solve: Any) -> Any:
        return lambda w, b: pg.sum(solve(w, b) ** 2)

    return {
        "E": kepler(mean, 0.4),
        "dE/dM": pg.vmap(pg.grad(kepler), (0, None))(mean, 0.4),
        "d²E/dM²": pg.vmap(pg.grad(pg.grad(kepler)), (0, None))(mean, 0.4),
        "along (1, 1)": pg.jvp(kepler, (mean, mean * 0.0 + 0.4), (mean * 0.0 + 1.0,) * 2)[1],
        "implicit": pg.grad(loss(equilibrium), (0, 1))(w, b),
        "unrolled": pg.grad(loss(layer), (0, 1))(w, b),
    }


def main() -> None:
    """Print the derivatives."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="numpy", help="default: %(default)s")
    for name, value in run(parser.parse_args().backend).items():
        print(f"{name}:\n{value}")


if __name__ == "__main__":
    main()
