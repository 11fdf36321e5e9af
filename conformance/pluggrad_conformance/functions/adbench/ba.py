"""Bundle adjustment: the errors of features that cameras see of points, and their Jacobian.

A camera has a rotation r (axis times angle), a centre C, a focal length f, a principal point x₀
and two coefficients κ of radial distortion. It sees the point X, moved to Y = R(r) (X - C), at

    x = f (1 + κ₁ ρ² + κ₂ ρ⁴) (Y₁, Y₂) / Y₃ + x₀        with ρ = ‖(Y₁, Y₂) / Y₃‖

and the errors of an observation with the weight w are w (x - feature) and 1 - w².
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ba_inputs", "ba_objective"]


def ba_inputs(observations: int) -> list[Any]:
    """A camera, a point, a weight and a feature for each observation, drawn at random, and written
    down twice: once for each of the two coordinates of an error, which `chosen` selects.

    The gradient by the copies holds each nonzero of the Jacobian once.
    """
    rng = np.random.default_rng(observations)
    n = observations
    cameras = np.concatenate([
        0.1 * rng.standard_normal((n, 3)), rng.standard_normal((n, 3)) - [0.0, 0.0, 6.0],
        500 + 10 * rng.standard_normal((n, 1)), rng.standard_normal((n, 2)),
        0.01 * rng.standard_normal((n, 2)),
    ], axis=1)  # fmt: skip
    points, weights = rng.standard_normal((n, 3)), rng.uniform(0.5, 1.5, n)
    features = 100 * rng.standard_normal((n, 2))
    chosen = np.repeat(np.eye(2), n, axis=0)
    twice = [np.concatenate([x, x]) for x in (cameras, points, weights, features)]
    return [*twice, chosen]


def ba_objective(
    xp: Any, cameras: Any, points: Any, weights: Any, features: Any, chosen: Any
) -> Any:
    """The sum of the selected errors, and of the errors of the weights, once each."""
    seen = project(xp, cameras, points)
    errors = xp.expand_dims(weights, axis=1) * (seen - features)
    once = chosen[:, 0]
    return xp.sum(errors * chosen) + xp.sum(once * (1 - weights * weights))


def project(xp: Any, cameras: Any, points: Any) -> Any:
    """Where each camera sees its point."""
    turned = rotate(xp, cameras[:, 0:3], points - cameras[:, 3:6])
    plane = turned[:, 0:2] / turned[:, 2:3]
    r2 = xp.sum(plane * plane, axis=1, keepdims=True)
    distorted = plane * (1 + cameras[:, 9:10] * r2 + cameras[:, 10:11] * r2 * r2)
    return cameras[:, 6:7] * distorted + cameras[:, 7:9]


def rotate(xp: Any, rotations: Any, x: Any) -> Any:
    """Rodrigues' formula, row by row: rotations are axes times angles, and none is zero."""
    angle = xp.sqrt(xp.sum(rotations * rotations, axis=1, keepdims=True))
    axis = rotations / angle
    cosine, sine = xp.cos(angle), xp.sin(angle)
    along = xp.sum(axis * x, axis=1, keepdims=True)
    return x * cosine + cross(xp, axis, x) * sine + axis * along * (1 - cosine)


def cross(xp: Any, a: Any, b: Any) -> Any:
    """The cross products of the rows."""
    parts = [
        a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
        a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
        a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
    ]
    return xp.stack(parts, axis=1)
