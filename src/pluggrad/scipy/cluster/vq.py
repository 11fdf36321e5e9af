"""Vector quantization: `scipy.cluster.vq` with derivatives.

Which code is the nearest has no derivative; the distance to it has. `kmeans` and `kmeans2` are
SciPy's, and take Variables that require no grad.
"""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError
from ...rules.kinds import constant
from ..arguments import find_backend, floats
from ..rows import aligned, falling_through, fronts, host, public

__all__ = ["vq", "whiten"]

NEAREST = host(
    constant("scipy.cluster.nearest(x1, x2, /)"),
    lambda args, kwargs: (
        (*fronts(*args), args[0].shape[-2]),
        find_backend(args[0]).xp.int32,
    ),
    aligned,
)  # fmt: skip


@public("cluster.vq", arrays="obs")
def whiten(obs: Any, check_finite: Any = None) -> Any:
    """The columns of `obs`, each divided by its standard deviation.

    Columns of equal numbers stay as they are; there is no warning. `check_finite` is followed for
    NumPy arrays.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.cluster.vq.whiten.html

    >>> import numpy as np, pluggrad as pg
    >>> import pluggrad.scipy.cluster
    >>> pg.scipy.cluster.vq.whiten(np.asarray([[1.0], [5.0]])).tolist()
    [[0.5], [2.5]]
    """
    (x,) = floats("cluster.vq.whiten", obs, check_finite=check_finite in (None, True))
    if not x.ndim:
        raise InvalidArgumentError("scipy.cluster.vq.whiten takes rows of observations")
    deviation = xp.std(x, axis=0)
    return x / xp.where(deviation == 0, 1.0, deviation)


@public("cluster.vq", arrays="obs code_book")
def vq(obs: Any, code_book: Any, check_finite: bool = True) -> Any:
    """The number of the code nearest to each observation, and the distance to it.

    The number has no derivative; the distance has, 0 where it is 0. `check_finite` is followed for
    NumPy arrays.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.cluster.vq.vq.html
    """
    x, codes = floats("cluster.vq.vq", obs, code_book, check_finite=check_finite)
    if x.ndim not in (1, 2) or x.ndim != codes.ndim:
        raise InvalidArgumentError(
            f"scipy.cluster.vq.vq takes observations and codes of one number of axes, 1 or 2, not "
            f"the shapes {x.shape} and {codes.shape}"
        )
    x, codes = [xp.expand_dims(z, axis=-1) if z.ndim == 1 else z for z in (x, codes)]
    if x.shape[1] != codes.shape[1] or not codes.shape[0]:
        raise InvalidArgumentError(
            f"scipy.cluster.vq.vq: observations of {x.shape[1]} coordinates do not fit "
            f"{codes.shape[0]} codes of {codes.shape[1]}"
        )
    nearest = NEAREST(x, codes)
    apart = x - xp.take(codes, nearest, axis=0)
    return nearest, xp.linalg.vector_norm(apart, axis=-1)


__getattr__, __dir__ = falling_through("cluster.vq", __all__)
