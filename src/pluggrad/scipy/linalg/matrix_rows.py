"""Rows for factors and functions of matrices that SciPy's compiled code computes."""

from __future__ import annotations

import functools
from typing import Any

from ...arrays.dispatch import xp
from ...engine.cotangents import is_complex, zeros
from ...errors import UnsupportedError
from ...rules.batching import of_matrices
from ...rules.kinds import constant, general
from ...rules.linalg import H, eigh, eigh_jvp, identity
from ...rules.products import column
from ..arguments import find_backend
from ..rows import host, like, looped
from .linear_rows import SYLVESTER, triangular

__all__ = [
    "EIGH",
    "EXPM",
    "EXPM_DERIVATIVE",
    "LOGM",
    "LU",
    "PERMUTATION",
    "QR_PIVOTS",
    "SQRTM",
    "UNITARY",
    "frechet",
]

# ---------------------------------------------------------------- functions of matrices


def blocks(x: Any, t: Any) -> Any:
    """The matrix of blocks x, t, 0, x."""
    top = xp.concat([x, t], axis=-1)
    return xp.concat([top, xp.concat([xp.zeros_like(x), x], axis=-1)], axis=-2)


def frechet(function: Any, x: Any, t: Any) -> Any:
    """The derivative of a function of matrices at `x` in the direction `t`: the upper right block
    of its value for the blocks x, t, 0, x. See R. Mathias, "A chain rule for matrix functions and
    applications" (1996)."""
    n = x.shape[-1]
    return function(blocks(x, t))[..., :n, n:]


def _real_to_complex(x: Any, y: Any) -> None:
    if is_complex(y) and not is_complex(x):
        raise UnsupportedError(
            "scipy.linalg.logm: there is no derivative here for a real matrix with eigenvalues "
            "below 0, whose logarithm is complex"
        )


def _expm(g: Any, x: Any) -> Any:
    """g_x, the derivative at H(x) in the direction g."""
    return EXPM_DERIVATIVE(H(x), g)


def _expm_derivative(g: Any, x1: Any, x2: Any) -> Any:
    """The cotangent of the matrix of blocks x1, x2, 0, x1, of whose exponential the derivative is
    the upper right block."""
    g = xp.concat([xp.zeros_like(g), g], axis=-1)
    g = xp.concat([g, xp.zeros_like(g)], axis=-2)
    return EXPM_DERIVATIVE(H(blocks(x1, x2)), g)


def _expm_derivative_x1(g: Any, x1: Any, x2: Any) -> Any:
    n, g = x1.shape[-1], _expm_derivative(g, x1, x2)
    return g[..., :n, :n] + g[..., n:, n:]


def _expm_derivative_jvp(t1: Any, t2: Any, x1: Any, x2: Any) -> Any:
    n = x1.shape[-1]
    return EXPM_DERIVATIVE(blocks(x1, x2), blocks(t1, t2))[..., :n, n:]


def _logm(g: Any, x: Any, y: Any, keeps: bool) -> Any:
    """g_x, the derivative at H(x) in the direction g."""
    _real_to_complex(x, y)
    return frechet(functools.partial(LOGM, keeps=keeps), H(x), g)


def _logm_jvp(t: Any, x: Any, y: Any, keeps: bool) -> Any:
    _real_to_complex(x, y)
    return frechet(functools.partial(LOGM, keeps=keeps), x, t)


EXPM: Any = host(
    general("scipy.linalg.expm(x, /)", _expm, jvp=lambda t, x: EXPM_DERIVATIVE(x, t), fresh=True),
    like(), of_matrices,
)  # fmt: skip
EXPM_DERIVATIVE: Any = host(  # of the exponential at x1 in the direction x2
    general("scipy.linalg.expm_derivative(x1, x2, /)", _expm_derivative_x1,
            lambda g, x1: EXPM_DERIVATIVE(H(x1), g), jvp=_expm_derivative_jvp),
    like(1), looped,
)  # fmt: skip
LOGM = host(
    general("scipy.linalg.logarithm(x, /, *, keeps)", _logm, jvp=_logm_jvp), like(), of_matrices
)
SQRTM = host(  # the derivative t of the root y solves y t + t y = t_x
    general("scipy.linalg.root(x, /, *, keeps)", lambda g, y: SYLVESTER(H(y), H(y), g),
            jvp=lambda t, y: SYLVESTER(y, y, t)),
    like(), of_matrices,
)  # fmt: skip

# ---------------------------------------------------------------- unitary factors


def _turn(x: Any, y: Any, t: Any) -> Any:
    """The derivative of the unitary factor `y` of a tall matrix `x` in the direction `t`. It is its
    own adjoint. With x = y P, the part of it in the span of y is y S with S P + P S = H(y) t - H(t)
    y, and the rest is that of t P⁻¹."""
    p = H(y) @ x
    p = (p + H(p)) / 2
    inside = H(y) @ t
    found = y @ SYLVESTER(p, p, inside - H(inside))
    if x.shape[-2] == x.shape[-1]:
        return found
    return found + H(xp.linalg.solve(p, H(t - y @ inside)))


UNITARY = host(
    general("scipy.linalg.unitary(x, /)", lambda g, x, y: _turn(x, y, g),
            jvp=lambda t, x, y: _turn(x, y, t)),
    like(), of_matrices,
)  # fmt: skip

# ---------------------------------------------------------------- Hermitian eigenvalues


def _pairs(args: Any, kwargs: Any) -> Any:
    x = args[0]
    return [(tuple(x.shape[:-1]), x.real.dtype), (tuple(x.shape), x.dtype)]


EIGH = host(
    general("scipy.linalg.hermitian_eigh(x, /, *, lower, driver)", eigh, jvp=eigh_jvp,
            partial=True),
    _pairs, of_matrices,
)  # fmt: skip

# ---------------------------------------------------------------- LU


def _padded(x: Any, m: int, n: int) -> Any:
    """`x` with zeros below and to the right of it, to the shape (m, n)."""
    rows, width = x.shape[-2:]
    if n > width:
        x = xp.concat([x, zeros(((*x.shape[:-1], n - width), x.dtype), x)], axis=-1)
    if m > rows:
        x = xp.concat([x, zeros(((*x.shape[:-2], m - rows, n), x.dtype), x)], axis=-2)
    return x


def _square_factors(lu: Any) -> tuple[Any, Any]:
    """The factors L and U in `lu`, made square: with ones on the diagonal where there is nothing.
    (The ones of L are not written.)"""
    m, n = lu.shape[-2:]
    k = min(m, n)
    low = _padded(lu[..., :, :k], m, m)
    up = _padded(lu[..., :k, :], n, n)
    return low, up + (identity(up) - _padded(identity(lu[..., :k, :k]), n, n))


def _lu(g: Any, y: Any) -> Any:
    """g_x, for x = Pᵀ L U. With F = tril(H(L) g_L, -1) + triu(g_U H(U)), it is Pᵀ H(L)⁻¹ F
    H(U)⁻¹, L and U made square."""
    g_lu, (lu, _, _, back) = g[0], y
    low, up = _square_factors(lu)
    m, n = lu.shape[-2:]
    k = min(m, n)
    unit = xp.tril(low, k=-1) + identity(low)
    g_low = _padded(xp.tril(g_lu[..., :, :k], k=-1), m, n)
    g_up = _padded(xp.triu(g_lu[..., :k, :]), m, n)
    f = xp.tril(H(unit) @ g_low, k=-1) + xp.triu(g_up @ H(xp.triu(up)))
    f = triangular(H(low), f, lower=False, unit=True)
    f = H(triangular(up, H(f), lower=False, unit=False))
    return xp.take_along_axis(f, column(back), axis=-2)


def _lu_jvp(t: Any, y: Any) -> Any:
    """With F = L⁻¹ P t U⁻¹, t_L = L tril(F, -1) and t_U = triu(F) U, L and U made square."""
    lu, pivots, order, back = y
    low, up = _square_factors(lu)
    t = xp.take_along_axis(t, column(order), axis=-2)
    f = triangular(low, t, lower=True, unit=True)
    f = H(triangular(H(up), H(f), lower=True, unit=False))
    k = min(lu.shape[-2:])
    t_low = (xp.tril(low, k=-1) + identity(low)) @ xp.tril(f, k=-1)
    t_up = xp.triu(f) @ xp.triu(up)
    n, m = lu.shape[-1], lu.shape[-2]
    t_lu = _padded(xp.tril(t_low[..., :, :k], k=-1), m, n) + _padded(
        xp.triu(t_up[..., :k, :]), m, n
    )
    return (t_lu, pivots, order, back)


def _factors(args: Any, kwargs: Any) -> Any:
    """The factors, the pivots, the order of the rows of x, and the order that leads back."""
    x = args[0]
    *front, m, n = x.shape
    integers = find_backend(x).xp
    where, pivots = (*front, m), (*front, min(m, n))
    return [(tuple(x.shape), x.dtype), (pivots, integers.int32),
            (where, integers.int64), (where, integers.int64)]  # fmt: skip


LU = host(general("scipy.linalg.lu_pivoted(x, /)", _lu, jvp=_lu_jvp, partial=True), _factors,
          of_matrices)  # fmt: skip
PERMUTATION = host(
    constant("scipy.linalg.permutation(x, /)"),
    lambda args, kwargs: (tuple(args[0].shape), find_backend(args[0]).xp.int64),
    lambda op: op(*op.args),
)  # fmt: skip
QR_PIVOTS = host(
    constant("scipy.linalg.qr_pivots(x, /)"),
    lambda args, kwargs: (
        (*args[0].shape[:-2], args[0].shape[-1]), find_backend(args[0]).xp.int32
    ),
    of_matrices,
)  # fmt: skip
