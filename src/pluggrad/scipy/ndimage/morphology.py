"""Grey morphology with flat elements: minima and maxima in windows, and their differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import InvalidArgumentError, UnsupportedError
from ..rows import public
from .common import array, axes_among, sequence
from .ranks import maximum_filter, minimum_filter

__all__ = [
    "black_tophat", "grey_closing", "grey_dilation", "grey_erosion", "grey_opening",
    "morphological_gradient", "morphological_laplace", "white_tophat",
]  # fmt: skip


def _element(size: Any, footprint: Any, structure: Any, where: str) -> tuple[Any, Any]:
    """The size and the footprint. A structure must be flat: its shape is the size then."""
    if structure is not None:
        if np.any(np.asarray(structure) != 0):
            raise UnsupportedError(
                f"scipy.ndimage.{where}: a structure that is not 0 everywhere is not supported; "
                "`size` and `footprint` are"
            )
        if footprint is None:
            size = np.asarray(structure).shape
    if size is None and footprint is None:
        raise InvalidArgumentError(f"scipy.ndimage.{where}: give size, footprint or structure")
    return size, footprint


def _erosion(
    x: Any, size: Any, footprint: Any, structure: Any, output: Any, mode: Any, cval: Any,
    origin: Any, axes: Any, where: str,
) -> Any:  # fmt: skip
    size, footprint = _element(size, footprint, structure, where)
    return minimum_filter(x, size, footprint, output, mode, cval, origin, axes=axes)


def _dilation(
    x: Any, size: Any, footprint: Any, structure: Any, output: Any, mode: Any, cval: Any,
    origin: Any, axes: Any, where: str,
) -> Any:  # fmt: skip
    """The maximum in the window turned about its middle."""
    size, footprint = _element(size, footprint, structure, where)
    x = array(x, where)
    count = len(axes_among(axes, x.ndim, where))
    if footprint is not None:
        footprint = np.flip(np.asarray(footprint))
        lengths = footprint.shape
    else:
        lengths = sequence(size, count, where, "size")
    origin = [-o - (n % 2 == 0) for o, n in
              zip(sequence(origin, count, where, "origin"), lengths, strict=True)]  # fmt: skip
    return maximum_filter(x, size, footprint, output, mode, cval, origin, axes=axes)


def _function(name: str, text: str, formula: Any) -> Any:
    def call(
        input: Any, size: Any = None, footprint: Any = None, structure: Any = None,
        output: Any = None, mode: str = "reflect", cval: Any = 0.0, origin: Any = 0, *,
        axes: Any = None,
    ) -> Any:  # fmt: skip
        rest = (size, footprint, structure, output, mode, cval, origin, axes, name)
        return formula(
            array(input, name), lambda x: _erosion(x, *rest), lambda x: _dilation(x, *rest)
        )

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""{text} Equal elements share a derivative.

    The element is flat: `structure` is 0 everywhere, and stands for its shape.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.ndimage.{name}.html
    """
    return public("ndimage")(call)


grey_erosion = _function("grey_erosion", "The minimum in each window.", lambda x, e, d: e(x))
grey_dilation = _function(
    "grey_dilation", "The maximum in each window, turned about.", lambda x, e, d: d(x)
)
grey_opening = _function("grey_opening", "The dilation of the erosion.", lambda x, e, d: d(e(x)))
grey_closing = _function("grey_closing", "The erosion of the dilation.", lambda x, e, d: e(d(x)))
white_tophat = _function("white_tophat", "What the opening removes.", lambda x, e, d: x - d(e(x)))
black_tophat = _function("black_tophat", "What the closing adds.", lambda x, e, d: e(d(x)) - x)
morphological_gradient = _function(
    "morphological_gradient", "The dilation without the erosion.", lambda x, e, d: d(x) - e(x)
)
morphological_laplace = _function(
    "morphological_laplace", "The dilation and the erosion without twice the image.",
    lambda x, e, d: d(x) + e(x) - 2 * x,
)  # fmt: skip
