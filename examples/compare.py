"""A function to compare across frameworks: the energy of a lattice of pendulums.

    pluggrad compare examples/compare.py:energy --backends numpy,torch,jax
    pluggrad compare examples/compare.py:energy --backends numpy,dask --html compare.html

`energy` takes the namespace of its arrays as `xp`, so it runs unchanged on every library. The
command calls it with the arrays that `inputs` returns. Run as a program, this file prints the table
itself.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np


def energy(xp: Any, angles: Any, masses: Any) -> Any:
    """Potential energy of coupled pendulums: gravity, and springs between neighbours."""
    gravity = xp.sum(masses * (1 - xp.cos(angles)))
    springs = xp.sum((angles[1:, :] - angles[:-1, :]) ** 2)
    return gravity + springs / 2 + xp.sum((angles[:, 1:] - angles[:, :-1]) ** 2) / 2


def inputs() -> list[np.ndarray]:
    """Angles in radians and masses in kilograms, on a lattice of 200 × 200."""
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.5, 0.5, (200, 200)), rng.uniform(1, 2, (200, 200))]


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", default="numpy", help="default: %(default)s")
    arguments = parser.parse_args()
    from pluggrad_conformance.functions import main as compare

    compare([f"{__file__}:energy", "--backends", arguments.backends, "--memory", "1"])


if __name__ == "__main__":
    main()
