"""`autograd.scipy.signal`: HIPS autograd's own `convolve`, and the rest of SciPy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import numpy as np
from ....errors import InvalidArgumentError
from ..defining import def_linear, defvjp
from ..primitives import primitive
from .passing import passing_through

__all__ = ["convolve"]

Axes = Sequence[Sequence[int]]


@primitive
def _windows(x: Any, sizes: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Every window of `sizes` along `axes`; the axes inside the windows come last."""
    return np.lib.stride_tricks.sliding_window_view(x, sizes, axes)


@primitive
def _overlaid(g: Any, sizes: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The transpose of `_windows`: the sum of all windows, each at its place."""
    front = g.ndim - len(sizes)
    shape = list(g.shape[:front])
    for axis, n in zip(axes, sizes):
        shape[axis] += n - 1
    y = np.zeros(shape, g.dtype)
    for offset in np.ndindex(*sizes):
        place = [slice(None)] * front
        for axis, start in zip(axes, offset):
            place[axis] = slice(start, start + g.shape[axis])
        y[tuple(place)] += g[(..., *offset)]
    return y


defvjp(_windows, lambda ans, x, sizes, axes: lambda g: _overlaid(g, sizes, axes))
defvjp(_overlaid, lambda ans, x, sizes, axes: lambda g: _windows(g, sizes, axes))
def_linear(_windows)
def_linear(_overlaid)


def convolve(
    A: Any, B: Any, axes: Axes | None = None, dot_axes: Axes | None = None, mode: str = "full"
) -> Any:
    """The convolution of `A` and `B` along ``axes``, a pair of lists of axes (by default all of
    them), and their dot product along ``dot_axes``.

    `mode` is ``"full"``, ``"valid"`` or ``"same"``, as for `scipy.signal.convolve`. The axes of the
    result are the other axes of `A`, those of `B`, and the convolved ones.

    >>> import numpy as np
    >>> convolve(np.asarray([1.0, 2.0, 3.0]), np.asarray([1.0, 1.0]))
    array([1., 3., 5., 3.])
    """
    if mode not in ("full", "valid", "same"):
        raise InvalidArgumentError(f"convolve: mode is 'full', 'valid' or 'same', not {mode!r}")
    every = list(range(np.ndim(A)))
    along_a, along_b = [every, every] if axes is None else [list(x) for x in axes]
    dots_a, dots_b = [[], []] if dot_axes is None else [list(x) for x in dot_axes]
    sizes = [(A.shape[a], B.shape[b]) for a, b in zip(along_a, along_b, strict=True)]
    if mode == "valid" and any([m < n for m, n in sizes]):
        if any([m > n for m, n in sizes]):
            raise InvalidArgumentError("convolve: one array must be the larger along all axes")
        y = convolve(B, A, [along_b, along_a], [dots_b, dots_a], mode)
        free = np.ndim(B) - len(along_b) - len(dots_b)
        last = np.ndim(y) - len(along_b)
        return np.transpose(y, (*range(free, last), *range(free), *range(last, np.ndim(y))))
    # The kernel B, backwards, against every window of A.
    pad = [(0, 0)] * np.ndim(A)
    for a, (_, n) in zip(along_a, sizes):
        if mode == "full":
            pad[a] = (n - 1, n - 1)
        elif mode == "same":
            pad[a] = (n - 1 - (n - 1) // 2, (n - 1) // 2)
    if any(map(any, pad)):
        A = np.pad(A, pad)
    windows = _windows(A, tuple([n for _, n in sizes]), tuple(along_a)) if along_a else A
    backwards: list[slice] = [slice(None)] * np.ndim(B)
    for b in along_b:
        backwards[b] = slice(None, None, -1)
    labels_a = list(range(np.ndim(A)))
    labels_b = [np.ndim(A) + i for i in range(np.ndim(B))]
    for a, b in zip(dots_a, dots_b, strict=True):
        labels_b[b] = labels_a[a]
    inside = [labels_b[b] for b in along_b]
    kept = [labels_a[a] for a in every if a not in along_a and a not in dots_a]
    kept += [labels_b[b] for b in range(np.ndim(B)) if b not in along_b and b not in dots_b]
    out = kept + [labels_a[a] for a in along_a]
    return np.einsum(windows, labels_a + inside, B[tuple(backwards)], labels_b, out, optimize=True)


__getattr__, __dir__ = passing_through("signal", globals())
