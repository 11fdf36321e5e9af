"""`scipy.spatial`: its module `distance` and what is made of it have derivatives, and the rest is
SciPy's."""

from __future__ import annotations

from typing import Any

from ..rows import falling_through, public
from . import distance

__all__ = ["distance", "distance_matrix"]


@public("spatial", arrays="x y")
def distance_matrix(x: Any, y: Any, p: Any = 2.0, threshold: int = 1000000) -> Any:
    """The distances, in the norm of order `p`, between each of the points `x` and each of `y`.

    `threshold` is a hint, and not followed.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.spatial.distance_matrix.html
    """
    if p == 2:
        return distance.cdist(x, y)
    return distance.cdist(x, y, "chebyshev") if p == float("inf") else (
        distance.cdist(x, y, "minkowski", p=p)
    )  # fmt: skip


__getattr__, __dir__ = falling_through("spatial", __all__)
