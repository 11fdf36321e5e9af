"""A function to compare across frameworks: the energy of a lattice of pendulums.

    pluggrad compare examples/compare.py:energy
    pluggrad compare examples/compare.py:energy --backends numpy,dask --html compare.html
    pluggrad compare examples/compare.py:energy --sizes 10,100,1000 --plot energy

`energy` takes the namespace of its arrays as `xp`, so it runs unchanged on every library. The
command calls it with the arrays that `inputs` returns. Run as a program, this file compares two
ways of pluggrad alone: as it runs, and compiled.
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


def inputs(n: int = 200) -> list[np.ndarray]:
    """Angles in radians and masses in kilograms, on a lattice of n × n."""
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.5, 0.5, (n, n)), rng.uniform(1, 2, (n, n))]


def main() -> None:
    """Print the comparison, and leave with its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", default="numpy", help="default: %(default)s")
    arguments = parser.parse_args()
    from pluggrad_conformance.functions.cli import main as compare

    command = ["--backends", arguments.backends, "--no-native", "--processes", "1"]
    if status := compare([f"{__file__}:energy", *command]):
        raise SystemExit(status)


if __name__ == "__main__":
    main()
