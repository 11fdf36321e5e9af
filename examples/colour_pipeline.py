"""Calibrate a camera through colour-science, a package that knows nothing of gradients.

A camera sees 24 patches of known colour. From its raw values to the colour that a person sees there
is a gamma of the sensor, a matrix of its channels, and the CIE Lab space, in which distances are
differences that are seen. `pg.adopt("colour")` lets the functions of colour-science take Variables,
so that gamma and matrix are found by making the seen differences (CIEDE2000) small.

    python examples/colour_pipeline.py
    python examples/colour_pipeline.py --picture colour_pipeline.png

It needs `pip install colour-science`.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import pluggrad as pg

with warnings.catch_warnings():  # of optional packages of its own
    warnings.simplefilter("ignore")
    import colour

TRUE_GAMMA = 1.8
SPACE = colour.RGB_COLOURSPACES["sRGB"]
#: From the channels of the camera, which mix, to the channels of sRGB, in linear light.
TRUE_MATRIX = np.array([[1.35, -0.28, -0.07], [-0.12, 1.30, -0.18], [0.02, -0.40, 1.38]])


def patches() -> Any:
    """The sRGB values of the 24 patches: the greys, and colours around the cube."""
    grey = np.linspace(0.12, 0.92, 6)[:, None] * np.ones(3)
    hue = np.linspace(0.0, 1.0, 9, endpoint=False)
    rows = [np.stack([hue, np.full(9, s), np.full(9, v)], axis=-1)
            for s, v in ((0.75, 0.55), (0.35, 0.85))]  # fmt: skip
    return np.concatenate([grey, *[colour.HSV_to_RGB(row) for row in rows]])


def photographed(rgb: Any) -> Any:
    """What the camera makes of the patches, with noise."""
    linear = colour.cctf_decoding(rgb) @ np.linalg.inv(TRUE_MATRIX).T
    raw = np.clip(linear, 1e-4, None) ** (1.0 / TRUE_GAMMA)
    return np.clip(raw + np.random.default_rng(1).normal(0.0, 0.004, raw.shape), 1e-3, 1.0)


def developed(p: Any, raw: Any) -> Any:
    """CIE Lab of the raw values, with the gamma ``p[0]`` and the matrix ``p[1:]``."""
    linear = raw ** p[0] @ p[1:].reshape(3, 3).T
    xyz = colour.RGB_to_XYZ(linear, SPACE, apply_cctf_decoding=False)
    return colour.XYZ_to_Lab(xyz, SPACE.whitepoint)


def difference(p: Any, raw: Any, lab: Any) -> Any:
    """The mean square of the seen differences."""
    seen = colour.delta_E(developed(p, raw), lab, method="CIE 2000")
    return (seen * seen).mean()


def calibrate() -> dict[str, Any]:
    """Photograph the patches, and find gamma and matrix."""
    rgb = patches()
    xyz = colour.RGB_to_XYZ(colour.cctf_decoding(rgb), SPACE, apply_cctf_decoding=False)
    lab = colour.XYZ_to_Lab(xyz, SPACE.whitepoint)
    raw = photographed(rgb)
    start = np.concatenate([[1.0], np.eye(3).ravel()])
    with pg.adopt("colour"):
        gradient = pg.value_and_grad(lambda p: difference(p, raw, lab))
        found = minimize(gradient, start, jac=True, method="BFGS")
    seen = [colour.delta_E(developed(p, raw), lab, method="CIE 2000") for p in (start, found.x)]
    return {"x": found.x, "rgb": rgb, "raw": raw, "before": seen[0], "after": seen[1],
            "evaluations": found.nfev}  # fmt: skip


def shown(p: Any, raw: Any) -> Any:
    """The developed colours in sRGB, for the picture."""
    linear = np.clip(raw ** p[0] @ p[1:].reshape(3, 3).T, 0.0, 1.0)
    return np.clip(colour.cctf_encoding(linear), 0.0, 1.0)


def draw(result: dict[str, Any], path: Path) -> None:
    """Each patch as it is, within it what the camera and the calibrated camera show."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(8.0, 6.4), layout="constrained")
    top, bottom = figure.subplots(2, 1, height_ratios=[3, 1])
    final = shown(result["x"], result["raw"])
    for n, (true, raw, good) in enumerate(zip(result["rgb"], result["raw"], final, strict=True)):
        x, y = n % 6, -(n // 6)
        top.add_patch(Rectangle((x, y), 0.94, 0.94, color=true))
        top.add_patch(Rectangle((x + 0.15, y + 0.25), 0.32, 0.45, color=np.clip(raw, 0.0, 1.0)))
        top.add_patch(Rectangle((x + 0.47, y + 0.25), 0.32, 0.45, color=good))
    title = "patches, and in each the raw camera (left) and the calibrated one (right)"
    top.set(xlim=(-0.05, 6), ylim=(-3.05, 1), aspect="equal", title=title)
    top.set_axis_off()
    bottom.bar(np.arange(24) - 0.2, result["before"], 0.4, label="raw", color="0.7")
    bottom.bar(np.arange(24) + 0.2, result["after"], 0.4, label="calibrated", color="C0")
    bottom.set(xlabel="patch", ylabel="difference (CIEDE2000)", yscale="log", xlim=(-0.7, 23.7))
    bottom.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Calibrate, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, help="draw the patches into this file")
    options = parser.parse_args()
    result = calibrate()
    print(f"gamma {result['x'][0]:.3f} (true: {TRUE_GAMMA})")
    print(f"matrix\n{np.array2string(result['x'][1:].reshape(3, 3), precision=3)}")
    before, after = result["before"].mean(), result["after"].mean()
    print(f"mean difference {before:.2f} before and {after:.2f} after, CIEDE2000")
    print(f"{result['evaluations']} gradients through colour-science")
    if options.picture is not None:
        draw(result, options.picture)


if __name__ == "__main__":
    main()
