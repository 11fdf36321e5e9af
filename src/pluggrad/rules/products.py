"""Products of arrays. All are bilinear but `vecdot`, which conjugates its first argument."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp
from ..engine.lazy_cotangents import fit
from ..errors import InvalidArgumentError
from .kinds import bilinear, general
from .manipulation import inverse, shape_of


def column(x: Any) -> Any:
    """`x` as columns: with a last axis of length 1."""
    return xp.expand_dims(x, axis=-1)


def row(x: Any) -> Any:
    """`x` as rows: with an axis of length 1 before the last."""
    return xp.expand_dims(x, axis=-2)


def of_raw(own: Any, g: Any, x: Any) -> Any:
    """The library's `own` function, if there is one and both arrays are raw; otherwise None."""
    return None if own is None or is_variable(g) or is_variable(x) else own


def matmul_x1(g: Any, x2: Any, like1: Any) -> Any:
    """g_x1 = g x2ᵀ. A vector x1 stands for a row, a vector x2 for a column."""
    if x2.ndim == 1:
        return (column(g) if len(shape_of(like1)) > 1 else g) * x2
    if len(shape_of(like1)) > 1:
        own = backend_of(g).adapter.functions.get("matmul_x1")  # type: ignore[union-attr]
        product = of_raw(own, g, x2)
        return g @ xp.matrix_transpose(x2) if product is None else product(g, x2, like=like1)
    return x2 @ g if x2.ndim == 2 else (x2 @ column(g))[..., 0]


def matmul_x2(g: Any, x1: Any, like2: Any) -> Any:
    """g_x2 = x1ᵀ g. A vector x1 stands for a row, a vector x2 for a column."""
    if x1.ndim == 1:
        return column(x1) * row(g) if len(shape_of(like2)) > 1 else x1 * g
    if len(shape_of(like2)) > 1:
        own = backend_of(g).adapter.functions.get("matmul_x2")  # type: ignore[union-attr]
        product = of_raw(own, g, x1)
        return xp.matrix_transpose(x1) @ g if product is None else product(g, x1, like=like2)
    if x1.ndim == 2:
        return g @ x1
    return (xp.matrix_transpose(x1) @ column(g))[..., 0]


def contracted(axes: Any, ndim1: int, ndim2: int) -> tuple[list[int], list[int]]:
    """The axes of the first and of the second array that `tensordot` sums over."""
    if isinstance(axes, int):
        return list(range(ndim1 - axes, ndim1)), list(range(axes))
    axes1, axes2 = [[a] if isinstance(a, int) else list(a) for a in axes]
    return [a % ndim1 for a in axes1], [a % ndim2 for a in axes2]


def check_axes(args: Any, kwargs: Any) -> None:
    """Raise if the number `axes` is out of range: NumPy takes a negative one for 0."""
    axes = kwargs.get("axes", 2)
    if isinstance(axes, int) and not 0 <= axes <= min([getattr(x, "ndim", 0) for x in args]):
        raise InvalidArgumentError(
            f"tensordot: the last {axes} axes and the first {axes} of arrays of "
            f"{' and '.join([str(getattr(x, 'ndim', 0)) for x in args])} axes"
        )


def others(ndim: int, axes: list[int]) -> list[int]:
    """The axes that are not among `axes`."""
    return [n for n in range(ndim) if n not in axes]


def tensordot_x1(g: Any, x2: Any, like1: Any, axes: Any) -> Any:
    """g_x1: `g` and x2 contracted over the axes that x2 keeps, in the axis order of x1."""
    ndim1 = len(shape_of(like1))
    axes1, axes2 = contracted(axes, ndim1, x2.ndim)
    free1, free2 = others(ndim1, axes1), others(x2.ndim, axes2)
    found = xp.tensordot(g, x2, axes=(tuple(range(len(free1), g.ndim)), tuple(free2)))
    order = free1 + [axes1[k] for k in sorted(range(len(axes2)), key=lambda k: axes2[k])]
    return xp.permute_dims(found, inverse(order))


def tensordot_x2(g: Any, x1: Any, like2: Any, axes: Any) -> Any:
    """g_x2: x1 and `g` contracted over the axes that x1 keeps, in the axis order of x2."""
    ndim2 = len(shape_of(like2))
    axes1, axes2 = contracted(axes, x1.ndim, ndim2)
    free1, free2 = others(x1.ndim, axes1), others(ndim2, axes2)
    found = xp.tensordot(x1, g, axes=(tuple(free1), tuple(range(len(free1)))))
    order = [axes2[k] for k in sorted(range(len(axes1)), key=lambda k: axes1[k])] + free2
    return xp.permute_dims(found, inverse(order))


def conjugated(x: Any) -> Any:
    """The complex conjugate, by `conj` even for real `x`."""
    return xp.conj(x)


# fmt: off
bilinear("matmul(x1, x2, /)", matmul_x1, matmul_x2, contracts=True)
bilinear("tensordot(x1, x2, /, *, axes=2)", tensordot_x1, tensordot_x2, contracts=True,
         check=check_axes)
general("vecdot(x1, x2, /, *, axis=-1)",
        lambda g, x2, axis, like1: fit(conjugated(xp.expand_dims(g, axis=axis)) * x2, like1),
        lambda g, x1, axis, like2: fit(xp.expand_dims(g, axis=axis) * x1, like2),
        jvp=lambda t1, t2, x1, x2, axis: (xp.vecdot(t1, x2, axis=axis)
                                          + xp.vecdot(x1, t2, axis=axis)))
# fmt: on
