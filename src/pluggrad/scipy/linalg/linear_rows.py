"""Rows for systems that SciPy's compiled code solves: triangular, banded, and Sylvester's equation.

Right-hand sides are matrices here; a vector has been made a column.
"""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...engine.batch import BatchedCall
from ...engine.cotangents import conjugate, is_complex, sum_to
from ...rules.kinds import bilinear, general
from ...rules.linalg import H
from ...rules.manipulation import shape_of
from ..rows import aligned, fronts, host, looped

__all__ = ["BANDED", "HERMITIAN_BANDED", "SYLVESTER", "broadcast", "triangular"]


def broadcast(args: Any, kwargs: Any) -> Any:
    """The shape and dtype of the solutions of systems whose axes in front are broadcast."""
    return (*fronts(*args), *args[-1].shape[-2:]), args[-1].dtype


# ---------------------------------------------------------------- triangular systems


def _triangle(x: Any, lower: bool, unit: bool) -> Any:
    """The part of `x` that the solver reads."""
    return xp.tril(x, k=-int(unit)) if lower else xp.triu(x, k=int(unit))


def _triangular_adjoint(g: Any, x1: Any, lower: bool, unit: bool, kept: Any) -> Any:
    """H(x1)⁻¹ g, which both cotangents need: the first leaves it in `kept` (see
    `rules.linalg.solved_adjoint`)."""
    if kept and kept[0] is g:
        found = kept[1]
        kept.clear()
        return found
    found = triangular(H(x1), g[0], lower=not lower, unit=unit)
    kept[:] = [g, found]
    return found


def _triangular_x2(g: Any, x1: Any, like2: Any, lower: bool, unit: bool, kept: Any) -> Any:
    """g_x2 = H(x1)⁻¹ g."""
    return sum_to(_triangular_adjoint(g, x1, lower, unit, kept), shape_of(like2))


def _triangular_x1(g: Any, x1: Any, y: Any, lower: bool, unit: bool, kept: Any) -> Any:
    """g_x1 = -H(x1)⁻¹ g H(y), in the triangle that is read."""
    g = _triangular_adjoint(g, x1, lower, unit, kept)
    return sum_to(TRIANGLE(-g, H(y[0]), lower=lower, unit=unit), x1.shape)


def _triangular_jvp(t1: Any, t2: Any, x1: Any, y: Any, lower: bool, unit: bool) -> Any:
    """t_y = x1⁻¹ (t2 - t1 y)."""
    t = t2 - _triangle(t1, lower, unit) @ y[0]
    return (triangular(x1, t, lower=lower, unit=unit),)


def _triangular_batched(op: BatchedCall) -> Any:
    most = max(op.ndim(0), op.ndim(1))
    return op(op.aligned(0, most), op.aligned(1, most), **{**op.kwargs, "kept": []})


TRIANGLE = host(  # the part of the product that the solver reads
    bilinear("scipy.linalg.triangle_of_product(x1, x2, /, *, lower, unit)",
             lambda g, x2, lower, unit: _triangle(g, lower, unit) @ xp.matrix_transpose(x2),
             lambda g, x1, lower, unit: xp.matrix_transpose(x1) @ _triangle(g, lower, unit)),
    lambda args, kwargs: ((*fronts(*args), args[0].shape[-2],
                           args[1].shape[-1]), args[0].dtype),
    aligned,
)  # fmt: skip
_TRIANGULAR = host(
    general("scipy.linalg.triangular(x1, x2, /, *, lower, unit, kept)", _triangular_x1,
            _triangular_x2, jvp=_triangular_jvp, fresh=True),
    lambda args, kwargs: [broadcast(args, kwargs)], _triangular_batched,
)  # fmt: skip


def triangular(x1: Any, x2: Any, *, lower: bool, unit: bool) -> Any:
    """The solution of triangular systems."""
    return _TRIANGULAR(x1, x2, lower=lower, unit=unit, kept=[])[0]


# ---------------------------------------------------------------- banded systems


def _shifted(x: Any, k: int) -> Any:
    """`x` moved by `k` places along its last axis, with zeros where nothing arrives."""
    n = x.shape[-1]
    if not k:
        return x
    if abs(k) >= n:
        return xp.zeros_like(x)
    zeros = xp.zeros_like(x[..., : abs(k)])
    parts = [zeros, x[..., : n - k]] if k > 0 else [x[..., -k:], zeros]
    return xp.concat(parts, axis=-1)


def _transposed_bands(x: Any, lower: int, upper: int) -> Any:
    """The bands of the transpose. Row ``upper - d`` holds the diagonal `d`, whose element in column
    j is at j."""
    rows = [_shifted(x[..., upper - d, :], -d) for d in range(-lower, upper + 1)]
    return xp.stack(rows, axis=-2)


def _bands_of_product(g: Any, y: Any, lower: int, upper: int) -> Any:
    """The bands of ``g yᵀ``."""
    rows = [
        xp.sum(_shifted(xp.matrix_transpose(g), d) * xp.matrix_transpose(y), axis=-2)
        for d in range(upper, -lower - 1, -1)
    ]
    return xp.stack(rows, axis=-2)


def _bands_times(x: Any, y: Any, lower: int, upper: int) -> Any:
    """The banded matrix `x` times `y`."""
    y = xp.matrix_transpose(y)
    total: Any = 0.0
    for d in range(-lower, upper + 1):
        total = total + _shifted(x[..., upper - d, None, :] * y, -d)
    return xp.matrix_transpose(total)


def _banded_adjoint(g: Any, x1: Any, lower: int, upper: int) -> Any:
    """H(x1)⁻¹ g."""
    return BANDED(conjugate(_transposed_bands(x1, lower, upper)), g, lower=upper, upper=lower)


def _banded_x1(g: Any, x1: Any, y: Any, lower: int, upper: int) -> Any:
    """The bands of -H(x1)⁻¹ g H(y)."""
    g = _banded_adjoint(g, x1, lower, upper)
    return sum_to(-_bands_of_product(g, conjugate(y), lower, upper), x1.shape)


def _banded_x2(g: Any, x1: Any, like2: Any, lower: int, upper: int) -> Any:
    """g_x2 = H(x1)⁻¹ g."""
    return sum_to(_banded_adjoint(g, x1, lower, upper), shape_of(like2))


def _banded_jvp(t1: Any, t2: Any, x1: Any, y: Any, lower: int, upper: int) -> Any:
    """t_y = x1⁻¹ (t2 - t1 y)."""
    return BANDED(x1, t2 - _bands_times(t1, y, lower, upper), lower=lower, upper=upper)


BANDED = host(
    general("scipy.linalg.banded(x1, x2, /, *, lower, upper)", _banded_x1, _banded_x2,
            jvp=_banded_jvp, fresh=True),
    broadcast, aligned,
)  # fmt: skip


def _real_diagonal(x: Any, lower: bool) -> Any:
    """Bands whose main diagonal is real."""
    if not is_complex(x):
        return x
    k = 0 if lower else x.shape[-2] - 1
    rows = [x[..., i, :] for i in range(x.shape[-2])]
    rows[k] = (rows[k] + conjugate(rows[k])) / 2
    return xp.stack(rows, axis=-2)


def _both_bands(x: Any, lower: bool) -> Any:
    """The bands of the Hermitian matrix whose lower or upper bands are `x`."""
    x, u = _real_diagonal(x, lower), x.shape[-2] - 1
    if lower:
        other = conjugate(_transposed_bands(x, u, 0))[..., :u, :]
        return xp.concat([other, x], axis=-2)
    other = conjugate(_transposed_bands(x, 0, u))[..., 1:, :]
    return xp.concat([x, other], axis=-2)


def _hermitian_banded_x1(g: Any, x1: Any, y: Any, lower: bool) -> Any:
    """The bands of -x1⁻¹ g H(y), with those of the other triangle folded onto them."""
    g, u = HERMITIAN_BANDED(x1, g, lower=lower), x1.shape[-2] - 1
    both = -_bands_of_product(g, conjugate(y), u, u)
    flipped = conjugate(_transposed_bands(both, u, u))
    k = u if lower else 0
    whole = (both + flipped)[..., k : k + u + 1, :]
    rows = [whole[..., i, :] for i in range(u + 1)]
    middle = 0 if lower else u
    rows[middle] = rows[middle] / 2
    return sum_to(xp.stack(rows, axis=-2), x1.shape)


def _hermitian_banded_jvp(t1: Any, t2: Any, x1: Any, y: Any, lower: bool) -> Any:
    """t_y = x1⁻¹ (t2 - t1 y)."""
    u = x1.shape[-2] - 1
    t1y = _bands_times(_both_bands(t1, lower), y, u, u)
    return HERMITIAN_BANDED(x1, t2 - t1y, lower=lower)


HERMITIAN_BANDED: Any = host(
    general("scipy.linalg.hermitian_banded(x1, x2, /, *, lower)", _hermitian_banded_x1,
            lambda g, x1, like2, lower: sum_to(HERMITIAN_BANDED(x1, g, lower=lower),
                                               shape_of(like2)),
            jvp=_hermitian_banded_jvp, fresh=True),
    broadcast, aligned,
)  # fmt: skip

# ---------------------------------------------------------------- Sylvester's equation


def _sylvester_x3(g: Any, x1: Any, x2: Any) -> Any:
    """The solution z of H(x1) z + z H(x2) = g."""
    return SYLVESTER(H(x1), H(x2), g)


SYLVESTER: Any = host(
    general("scipy.linalg.sylvester(x1, x2, x3, /)",
            lambda g, x1, x2, y: -(_sylvester_x3(g, x1, x2) @ H(y)),
            lambda g, x1, x2, y: -(H(y) @ _sylvester_x3(g, x1, x2)),
            lambda g, x1, x2: _sylvester_x3(g, x1, x2),
            jvp=lambda t1, t2, t3, x1, x2, y: SYLVESTER(x1, x2, t3 - t1 @ y - y @ t2)),
    lambda args, kwargs: (tuple(args[2].shape), args[2].dtype), looped,
)  # fmt: skip
