"""Lay one image over another: a rotation, a scale and a shift, by map_coordinates.

The gradient by the four numbers goes through the cubic splines of
pluggrad.scipy.ndimage.map_coordinates, first on smoothed images and then on sharper ones.

    python examples/registration.py
    python examples/registration.py --picture registration.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import pluggrad as pg
from pluggrad.scipy.ndimage import gaussian_filter, map_coordinates

#: The angle in radians, the logarithm of the scale, and the shift in pixels.
TRUTH = np.asarray([0.35, -0.15, 4.0, -3.0])


def scene(n: int) -> Any:
    """An image of a few blurred shapes, each a disc or a bar."""
    x, y = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    image = 1.0 * ((x + 0.3) ** 2 + (y - 0.2) ** 2 < 0.06)
    image = image + 0.7 * ((abs(x - 0.3) < 0.12) & (abs(y + 0.1) < 0.45))
    image = image + 0.5 * ((x + 0.1) ** 2 + (y + 0.5) ** 2 < 0.02)
    return gaussian_filter(image, 1.0).data


def moved(image: Any, p: Any) -> Any:
    """`image`, rotated, scaled and shifted about its middle."""
    n = image.shape[0]
    i, j = np.indices((n, n)) - (n - 1) / 2.0
    c, s = pg.cos(p[0]) * pg.exp(p[1]), pg.sin(p[0]) * pg.exp(p[1])
    rows = c * i - s * j + p[2] + (n - 1) / 2.0
    columns = s * i + c * j + p[3] + (n - 1) / 2.0
    return map_coordinates(image, pg.stack([rows, columns]), order=3, mode="constant")


def run(
    n: int = 64, blurs: tuple[float, ...] = (4.0, 1.5, 0.0), rounds: int = 40
) -> dict[str, Any]:
    """The parameters, and how far the gradient is from a difference."""
    image = scene(n)
    target = moved(image, TRUTH).data
    p = np.zeros(4)
    error, before = 0.0, float(np.mean((image - target) ** 2))
    along, step = np.asarray([0.5, -0.5, 1.0, 1.0]), 1e-5
    beside = np.asarray([0.1, 0.05, 0.3, 0.2])  # where no pixel is just at the edge
    for blur in blurs:
        a, b = [gaussian_filter(x, blur).data if blur else x for x in (image, target)]

        def loss(p: Any, a: Any = a, b: Any = b) -> Any:
            return pg.mean((moved(a, p) - b) ** 2)

        if blur == blurs[0]:
            difference = (loss(beside + step * along) - loss(beside - step * along)) / (2 * step)
            error = abs(float(difference) / float(pg.grad(loss)(beside) @ along) - 1.0)
        p = minimize(pg.value_and_grad(loss), p, jac=True, method="BFGS",
                     options={"maxiter": rounds}).x  # fmt: skip
    found = moved(image, p).data
    return {
        "parameters": p, "image": image, "target": target, "found": found, "error": error,
        "before": before, "after": float(np.mean((found - target) ** 2)),
    }  # fmt: skip


def draw(found: dict[str, Any], path: Path) -> None:
    """Both images, and their difference before and after."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.8), layout="constrained")
    for axes, (name, image) in zip(figure.subplots(1, 4), (
        ("image", found["image"]), ("target", found["target"]),
        ("difference before", found["image"] - found["target"]),
        ("difference after", found["found"] - found["target"]),
    ), strict=True):  # fmt: skip
        axes.imshow(image, vmin=-1, vmax=1, cmap="RdBu_r")
        axes.set_title(name)
        axes.set_axis_off()
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the parameters, and draw the images."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=64, help="pixels a side (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=40, help="at most (default: %(default)s)")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw them into this file")
    options = parser.parse_args()
    found = run(options.size, rounds=options.rounds)
    for name, p, truth in zip(("angle", "log scale", "rows", "columns"), found["parameters"], TRUTH,
                              strict=True):  # fmt: skip
        print(f"{name:>10} {p:9.5f}, in truth {truth:9.5f}")
    print(f"mean square of the difference: {found['before']:.2e}, then {found['after']:.2e}")
    print(f"the gradient is off a finite difference by {found['error']:.1e}")
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
