"""Hand tracking: half the sum of the squared distances of a posed hand from measured points.

A hand has a palm and five fingers of three bones. The first joint of a finger turns sideways and
bends, the other two bend: 20 angles, and 6 numbers for where the hand is. A point of the skin moves
with the bones near it, in a mean of what each of them would do (linear blend skinning).

The mesh is synthetic: capsules around a skeleton, whose points are drawn at random; a point belongs
to its bone and, near a joint, to the one before. ADBench has a scanned hand.
"""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as numpy
import numpy as np

from .ba import rotate

__all__ = ["hand_inputs", "hand_objective"]

#: Where fingers begin on the palm, and how long their bones are, in decimetres.
BASES = np.asarray(
    [[-0.45, 0.25, 0.0], [-0.3, 0.9, 0.0], [-0.1, 0.95, 0.0], [0.1, 0.9, 0.0], [0.3, 0.8, 0.0]]
)
LENGTHS = np.asarray(
    [[0.45, 0.3, 0.25], [0.45, 0.25, 0.2], [0.5, 0.3, 0.2], [0.45, 0.3, 0.2], [0.35, 0.2, 0.2]]
)
RADIUS, BLEND, NOISE = 0.08, 0.15, 0.01
BONES = 16  # the palm, then the first, second and third bones of the fingers


def hand_inputs(points: int) -> list[Any]:
    """A pose, near which the points were measured: rotation and translation, the angles of the
    fingers (sideways, then three to bend); the points of the skin in the frame of each bone, and by
    how much they belong to it; and the measured points."""
    rng = np.random.default_rng(points)
    joints = np.zeros((BONES, 3))
    reach = np.cumsum(np.pad(LENGTHS, [(0, 0), (1, 0)]), axis=1)  # of joints along the fingers
    for k in range(3):
        joints[1 + 5 * k : 6 + 5 * k] = BASES + reach[:, k, None] * np.asarray([0.0, 1.0, 0.0])
    bones = rng.integers(0, BONES, points)
    along = rng.uniform(0, 1, points)
    angle = rng.uniform(0, 2 * np.pi, points)
    lengths = np.concatenate([[0.8], LENGTHS.T.ravel()])[bones]
    width = np.where(bones == 0, 0.4, RADIUS)
    skin = joints[bones] + np.stack(
        [width * np.cos(angle), along * lengths, RADIUS * np.sin(angle)], axis=1
    )
    weights = np.zeros((BONES, points))
    before = np.where(bones <= 5, 0, bones - 5)
    share = np.where(bones == 0, 0.0, 0.5 * np.clip(1 - along / BLEND, 0, 1))
    np.add.at(weights, (bones, np.arange(points)), 1 - share)
    np.add.at(weights, (before, np.arange(points)), share)
    local = np.transpose(skin[None] - joints[:, None], (0, 2, 1))  # (bones, 3, points)
    place = np.concatenate([0.3 * rng.standard_normal(3), rng.standard_normal(3)])
    angles = np.concatenate([0.1 * rng.standard_normal((5, 1)), rng.uniform(0.1, 0.9, (5, 3))], 1)
    there = posed(numpy, place, angles, weights, local)
    measured = there + NOISE * rng.standard_normal(there.shape)
    start = [place + 0.05 * rng.standard_normal(6), angles + 0.1 * rng.standard_normal((5, 4))]
    return [*start, weights, local, measured]


def hand_objective(
    xp: Any, place: Any, angles: Any, weights: Any, local: Any, measured: Any
) -> Any:
    """Half the sum of the squared distances."""
    errors = posed(xp, place, angles, weights, local) - measured
    return 0.5 * xp.sum(errors * errors)


def posed(xp: Any, place: Any, angles: Any, weights: Any, local: Any) -> Any:
    """The points of the skin, (points, 3), of the hand in a pose."""
    base = xp.asarray(BASES)
    lengths = xp.asarray(LENGTHS)
    turns = [xp.matmul(sideways(xp, angles[:, 0]), bend(xp, angles[:, 1]))]
    origins = [base]
    for k in (1, 2):
        origins.append(origins[-1] + turns[-1][:, :, 1] * lengths[:, k - 1 : k])
        turns.append(xp.matmul(turns[-1], bend(xp, angles[:, k + 1])))
    palm = xp.asarray(np.eye(3)[None])
    turn = xp.concat([palm, *turns], axis=0)
    origin = xp.concat([xp.asarray(np.zeros((1, 3))), *origins], axis=0)
    each = xp.matmul(turn, local) + xp.expand_dims(origin, axis=2)  # (bones, 3, points)
    mean = xp.sum(xp.expand_dims(weights, axis=1) * each, axis=0)
    x = xp.permute_dims(mean, (1, 0))
    # the same rotation for every point
    rotation = xp.expand_dims(place[0:3], axis=0)
    return rotate(xp, rotation + 0 * x, x) + place[3:6]


def bend(xp: Any, angle: Any) -> Any:
    """Rotations about the x axis, (fingers, 3, 3)."""
    c, s, zero = xp.cos(angle), xp.sin(angle), 0 * angle
    rows = [zero + 1, zero, zero, zero, c, -s, zero, s, c]
    return xp.reshape(xp.stack(rows, axis=1), (5, 3, 3))


def sideways(xp: Any, angle: Any) -> Any:
    """Rotations about the z axis, (fingers, 3, 3)."""
    c, s, zero = xp.cos(angle), xp.sin(angle), 0 * angle
    rows = [c, -s, zero, s, c, zero, zero, zero, zero + 1]
    return xp.reshape(xp.stack(rows, axis=1), (5, 3, 3))
