"""Linear algebra: factorisations, solving, determinants.

`H(x)` is the conjugate transpose. A function with several outputs gets one cotangent per output,
and None for an unused one. That saves most of the work if, say, only singular values matter.

Factors are unique only up to a gauge: the phase of an eigenvector or singular vector, a basis of
the space that belongs to equal eigenvalues, a basis of the null space in a full `svd` or a complete
`qr`. Only functions that do not depend on the gauge have a derivative, and these formulas give it.
Eigenvectors and singular vectors of equal values have no derivative: it comes out as inf or nan.
The values themselves have one (a subgradient), equal or not.

Most formulas are collected in M. Giles, "Collected matrix derivative results for forward and
reverse mode algorithmic differentiation" (2008); other sources are named where they are used.
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp
from ..engine.cotangents import conjugate, create, is_complex, spread, sum_to, zeros
from ..errors import InvalidArgumentError
from .kinds import bilinear, constant, general, linear
from .manipulation import shape_of
from .products import column, row


def H(x: Any) -> Any:
    """The conjugate transpose."""
    return conjugate(xp.matrix_transpose(x))


def as_matrix(g: Any) -> Any:
    """`g`, one number per matrix, as 1 × 1 matrices that broadcast against matrices."""
    return xp.reshape(g, (*g.shape, 1, 1))


def constant_like(raw: Any, x: Any) -> Any:
    """The array `raw` as a constant of the kind of `x`: raw, or a Variable."""
    backend = backend_of(x)
    assert backend is not None
    return backend.namespace.asarray_constant(raw) if is_variable(x) else raw


def identity(x: Any) -> Any:
    """The identity matrix, of the size and dtype of the square matrices `x`."""
    return constant_like(create("eye", x.shape[-1], beside=x, dtype=x.dtype), x)


def mask(x: Any, shape: Any, offset: int = 0) -> Any:
    """True on the diagonal `offset` of matrices of `shape`, and False elsewhere."""
    backend = backend_of(x)
    assert backend is not None
    raise_ = backend.raw("expand_dims")
    rows, columns = [create("arange", n, beside=x) for n in shape[-2:]]
    return constant_like(raise_(rows + offset, axis=1) == raise_(columns, axis=0), x)


def gaps(w: Any, other: Any = None) -> Any:
    """``w_j - w_i`` at (i, j), times ``other_j + other_i`` if `other` is given. The diagonal is
    infinite, so that quotients are 0 there."""
    differences = row(w) - column(w)
    if other is not None:
        differences = differences * (row(other) + column(other))
    return xp.where(mask(w, differences.shape), math.inf, differences)


def hermitian_raw(x: Any, *, upper: bool = False) -> Any:
    """The Hermitian matrices that one triangle of `x` stands for."""
    cut, k = (xp.triu, 1) if upper else (xp.tril, -1)
    y = cut(x) + H(cut(x, k=k))
    return (y + H(y)) / 2 if is_complex(x) else y  # the diagonal is real


def hermitian(t: Any) -> Any:
    """The Hermitian part: the derivative in both directions, as if both triangles were read."""
    return (t + H(t)) / 2


def diagonal_of(x: Any) -> Any:
    """The main diagonal of each matrix."""
    return xp.linalg.diagonal(x)


def imaginary(x: Any) -> Any:
    """i Im x, which is 0 for real x."""
    return (x - conjugate(x)) / 2


def skew(x: Any) -> Any:
    """x - H(x), twice the skew-Hermitian part."""
    return x - H(x)


def anti(x: Any) -> Any:
    """The strictly lower part of x - H(x) and half its diagonal, which determine a skew matrix."""
    low = xp.tril(skew(x), k=-1)
    if not is_complex(x):
        return low
    return low + identity(x) * row(imaginary(diagonal_of(x)))


# ---------------------------------------------------------------- diagonals


def embed(g: Any, like: Any, offset: int) -> Any:
    """g_x of `diagonal`: zeros like `like`, with `g` on the diagonal `offset`."""
    shape = shape_of(like)
    rows, columns = shape[-2:]
    length, short = g.shape[-1], (rows if offset >= 0 else columns)
    if short != length:
        pad = zeros(((*g.shape[:-1], short - length), g.dtype), g)
        g = xp.concat([g, pad], axis=-1)
    return xp.where(mask(g, shape, offset), column(g) if offset >= 0 else row(g), 0.0)


def put_diagonal(base: Any, value: Any, offset: int = 0) -> Any:
    """`base` with `value` on the diagonal `offset`."""
    if not hasattr(value, "shape"):
        return xp.where(mask(base, base.shape, offset), value, base)
    value = xp.broadcast_to(value, xp.linalg.diagonal(base, offset=offset).shape)
    return xp.where(mask(base, base.shape, offset), embed(value, base, offset), base)


def trace(g: Any, like: Any, offset: int) -> Any:
    """g_x: `g` everywhere on the diagonal `offset`, and 0 elsewhere."""
    shape = shape_of(like)
    g = xp.where(mask(g, shape, offset), as_matrix(g), 0.0)
    return g if g.shape == shape else spread(g, like)


def flat(x: Any) -> Any:
    """`x` as a vector."""
    return x if x.ndim == 1 else xp.reshape(x, (-1,))


def check_threes(args: Any, kwargs: Any) -> None:
    """Raise unless all vectors have three elements: some libraries take two, too."""
    for x in args:
        axis = kwargs.get("axis", -1)
        if hasattr(x, "ndim") and -x.ndim <= axis < x.ndim and x.shape[axis] != 3:
            raise InvalidArgumentError(
                f"linalg.cross takes vectors of 3 elements, and there are {x.shape[axis]} along "
                f"axis {axis} of the shape {tuple(x.shape)}; `pluggrad.cross` takes 2, too"
            )


def outer_x1(g: Any, x2: Any, like1: Any) -> Any:
    """g_x1 = g x2. Libraries flatten arrays of any shape to vectors."""
    return xp.reshape(g @ flat(x2), shape_of(like1))


def outer_x2(g: Any, x1: Any, like2: Any) -> Any:
    """g_x2 = x1 g, with x1 flattened to a vector."""
    return xp.reshape(flat(x1) @ g, shape_of(like2))


# ---------------------------------------------------------------- solving


def inv(g: Any, y: Any) -> Any:
    """g_x = -H(y) g H(y)."""
    h = H(y)
    return -(h @ g @ h)


def solve_raw(x1: Any, x2: Any, *, kept: Any) -> tuple[Any, ...]:
    """The solution and, if the library offers them, the LU factors and pivots that led to it."""
    backend = backend_of(x1)
    assert backend is not None
    factor = backend.adapter.functions.get("lu_factor")
    if factor is None or x1.ndim != 2 or x2.ndim > 2 or x1.dtype != x2.dtype:
        return (xp.linalg.solve(x1, x2),)
    lu, pivots = factor(x1)
    return (backend.raw("lu_solve")(lu, pivots, x2, adjoint=False), lu, pivots)


def solved_adjoint(g: Any, x1: Any, like2: Any, y: Any, kept: Any) -> Any:
    """H(x1)⁻¹ g, which the cotangents of both inputs need: the first call leaves it in `kept`.

    The walk makes a new tuple `g` on each visit, so the identity of `g` tells whether `kept` is
    from this visit.
    """
    if kept and kept[0] is g:
        found = kept[1]
        kept.clear()
        return found
    g_x = g[0]
    if len(y) > 1 and not is_variable(g_x) and not is_variable(x1):
        backend = backend_of(x1)
        assert backend is not None
        found = backend.raw("lu_solve")(y[1], y[2], g_x, adjoint=True)
    elif len(shape_of(like2)) == 1:
        found = xp.linalg.solve(H(x1), column(g_x))[..., 0]
    else:
        found = xp.linalg.solve(H(x1), g_x)
    kept[:] = [g, found]
    return found


def solve_x1(g: Any, x1: Any, like2: Any, y: Any, kept: Any) -> Any:
    """g_x1 = -g_x2 H(y), or for a vector y the outer product -g_x2 conj(y)ᵀ."""
    g_b, x = solved_adjoint(g, x1, like2, y, kept), y[0]
    if len(shape_of(like2)) == 1:
        return sum_to(column(-g_b) * row(conjugate(x)), x1.shape)
    return sum_to(-(g_b @ H(x)), x1.shape)


def solve_x2(g: Any, x1: Any, like2: Any, y: Any, kept: Any) -> Any:
    """g_x2 = H(x1)⁻¹ g."""
    return sum_to(solved_adjoint(g, x1, like2, y, kept), shape_of(like2))


def solve_jvp(t1: Any, t2: Any, x1: Any, y: Any) -> Any:
    """t_y = x1⁻¹ (t2 - t1 y)."""
    x = y[0]
    t1x = t1 @ x if t2.ndim > 1 else (t1 @ column(x))[..., 0]
    t = t2 - t1x
    if t2.ndim == 1 and t.ndim > 1:
        t = xp.linalg.solve(x1, column(t))[..., 0]
    else:
        t = xp.linalg.solve(x1, t)
    return (t, *y[1:])  # the factors are private: nothing differentiates them


def pinv(g: Any, x: Any, y: Any, rtol: Any) -> Any:
    """g_x for a matrix whose rank is constant nearby: G. Golub and V. Pereyra, "The differentiation
    of pseudo-inverses and nonlinear least squares problems whose variables separate" (1973).

    If singular values above rounding errors may be cut off, `cut_pinv` computes it.
    """
    if rtol is not None and not (isinstance(rtol, float) and rtol < 1e-10):
        return cut_pinv(g, x, rtol)
    if x.shape[-2] < x.shape[-1]:
        return H(pinv(H(g), H(x), H(y), None))
    inner = y @ H(g)
    outer = H(g) @ (y @ H(y))
    return outer - x @ (y @ outer) + H(y) @ (inner - (inner @ y) @ x) - H(inner @ y)


def cut_pinv(g: Any, x: Any, rtol: Any) -> Any:
    """g_x where singular values up to `rtol` times the greatest are cut off, but need not be 0.

    The result is a function f of the singular values, 1 / s or 0. Between the values i and j, the
    Hermitian part of a change is multiplied by (f_i - f_j) / (s_i - s_j) and the other part by
    (f_i + f_j) / (s_i + s_j). If both are kept, these are -f_i f_j and f_i f_j. See V. Noferini, "A
    formula for the Fréchet derivative of a generalized matrix function" (2017).
    """
    u, s, v = xp.linalg.svd(x, full_matrices=False)
    k = s.shape[-1]
    if not k:
        return xp.zeros_like(x)
    cut = rtol[..., None] if getattr(rtol, "ndim", 0) else rtol
    kept = s > xp.max(s, axis=-1, keepdims=True) * cut
    f = xp.where(kept, 1 / xp.where(kept, s, 1.0), 0.0)
    g = H(g)
    inside = H(u) @ g
    q = inside @ H(v)
    one = column(kept) != row(kept)  # of the two values, exactly one is kept
    both, either = column(f) * row(f), column(f) + row(f)
    gap = xp.where(one, xp.abs(column(s) - row(s)), 1.0)
    total = xp.where(one, column(s) + row(s), 1.0)
    even = xp.where(one, either / gap, -both) * (q + H(q))
    odd = xp.where(one, either / total, both) * (q - H(q))
    found = u @ ((even + odd) / 2) @ v
    if x.shape[-2] > k:
        found = found + ((g - u @ inside) @ H(v) * row(f * f)) @ v
    if x.shape[-1] > k:
        found = found + (u * row(f * f)) @ (inside - q @ v)
    return found


# ---------------------------------------------------------------- determinants


def others(s: Any) -> Any:
    """For each element along the last axis, the product of all the others, without division."""
    before = xp.cumulative_prod(s, axis=-1, include_initial=True)[..., :-1]
    after = xp.cumulative_prod(xp.flip(s, axis=-1), axis=-1, include_initial=True)[..., :-1]
    return before * xp.flip(after, axis=-1)


def adjugate(x: Any) -> Any:
    """det(x) x⁻¹, which exists for singular matrices too.

    From the singular value decomposition x = U S V: the adjugate of a product is the product of the
    adjugates in reverse order, and the adjugate of the unitary U is det(U) H(U).
    """
    u, s, v = xp.linalg.svd(x, full_matrices=False)
    sign = xp.linalg.det(u) * xp.linalg.det(v)
    return (H(v) * row(others(s))) @ H(u) * as_matrix(sign)


def adjugate_adjoint(g: Any, x: Any) -> Any:
    """g_x, by the derivative at the diagonal matrix S of the decomposition x = U S V.

    To first order, the adjugate of S + B differs from that of S by -p_ij b_ij at (i, j), and at (i,
    i) by the sum over k ≠ i of p_ik b_kk. Here p_ij is the product of all singular values but s_i
    and s_j.
    """
    u, s, v = xp.linalg.svd(x, full_matrices=False)
    sign = xp.linalg.det(u) * xp.linalg.det(v)
    g = (v @ g @ u) * conjugate(as_matrix(sign))
    diagonal = mask(g, g.shape)
    pairs = xp.where(diagonal, 0.0, others(xp.where(diagonal, 1.0, row(s))))
    on = xp.sum(pairs * column(diagonal_of(g)), axis=-2)
    return u @ (identity(g) * row(on) - pairs * g) @ v


def slogdet(g: Any, x: Any, y: Any) -> Any:
    """g_x = (g_log + i Im(conj(sign) g_sign)) H(x⁻¹)."""
    g_sign, g_log = g
    if g_sign is not None and is_complex(x):
        turn = imaginary(conjugate(y[0]) * g_sign)
        g_log = turn if g_log is None else g_log + turn
    if g_log is None:
        return xp.zeros_like(x)
    return as_matrix(g_log) * H(xp.linalg.inv(x))


# ---------------------------------------------------------------- factorisations


def cholesky(g: Any, y: Any, upper: bool) -> Any:
    """g_x = H(L)⁻¹ (P + H(P))/2 L⁻¹, where P = tril(H(L) g) with its diagonal halved.

    It is Hermitian, although the library reads only one triangle of x. See I. Murray,
    "Differentiation of the Cholesky decomposition" (2016), arXiv:1602.07527.
    """
    low, g = (H(y), H(g)) if upper else (y, g)
    p = xp.tril(H(low) @ g)
    p = (p + H(p)) / 2
    half = p - identity(p) * row(diagonal_of(p) / 2)
    solve = triangular_solver(low, half)
    if solve is None:
        inverse = xp.inverse_triangular(low, upper=False)
        return H(inverse) @ half @ inverse
    h = H(low)
    return solve(h, H(solve(h, half, upper=True)), upper=True)


def triangular_solver(x1: Any, x2: Any) -> Any:
    """The library's own triangular solver. None if it has none, or if an argument is a Variable,
    because then the steps must be recorded."""
    backend = backend_of(x1)
    assert backend is not None
    if is_variable(x1) or is_variable(x2):
        return None
    return backend.adapter.functions.get("solve_triangular")


def inverse_triangular_raw(x: Any, *, upper: bool) -> Any:
    """The inverse of triangular matrices, by the library's triangular solver if it has one."""
    solve = triangular_solver(x, x)
    return xp.linalg.inv(x) if solve is None else solve(x, identity(x), upper=upper)


def inverse_triangular(g: Any, y: Any, upper: bool) -> Any:
    """g_x = -H(y) g H(y), in the triangle of x."""
    h = H(y)
    g = -(h @ g @ h)
    return xp.triu(g) if upper else xp.tril(g)


def eigh_upper_raw(x: Any) -> Any:
    """`eigh` of the matrices that the upper triangle of `x` stands for."""
    return xp.linalg.eigh(hermitian_raw(x, upper=True))


def eigh(g: Any, y: Any) -> Any:
    """g_x = V (P + diag(g_w)) H(V), where P_ij = (H(V) g_v - H(g_v) V)_ij / (2 (w_j - w_i)), P_ii =
    0."""
    g_w, g_v = g
    w, v = y
    if g_v is None:
        return (v * row(g_w)) @ H(v)
    p = skew(H(v) @ g_v) / (2 * gaps(w))
    if g_w is not None:
        p = p + identity(p) * row(g_w)
    return v @ p @ H(v)


def eigh_jvp(t: Any, y: Any) -> Any:
    """t_w = diag(P) and t_v = V Q, where P = H(V) (t + H(t))/2 V, and Q_ij = P_ij / (w_j - w_i) off
    the diagonal."""
    w, v = y
    p = H(v) @ ((t + H(t)) / 2) @ v
    on = diagonal_of(p)
    return xp.real(on) if is_complex(on) else on, v @ (p / gaps(w))


def eig(g: Any, y: Any) -> Any:
    """g_x = H(V)⁻¹ (P + diag(g_w)) H(V), for eigenvectors of length 1 whose phase does not matter.

    For i ≠ j, P_ij = (A - H(V) V Re(diag(A)))_ij / conj(w_j - w_i), where A = H(V) g_v. See C.
    Boeddeker et al., "On the computation of complex-valued gradients with application to
    statistically optimum beamforming" (2017), arXiv:1701.00392.
    """
    g_w, g_v = g
    w, v = y
    if g_v is None:
        p = identity(v) * row(g_w)
    else:
        p = H(v) @ g_v
        one = identity(p)
        p = p - (H(v) @ v) * row(xp.real(diagonal_of(p)))
        p = (p - one * row(diagonal_of(p))) / conjugate(row(w) - column(w) + one)
        if g_w is not None:
            p = p + one * row(g_w)
    return xp.linalg.solve(H(v), p @ H(v))


def svd(g: Any, y: Any) -> Any:
    """g_x = U P V + tail, for x = U S V, where V is what the library returns as Vh.

    P is the cotangent of H(U) dx H(V); the tail is the part of the cotangent outside the spans of U
    and V. See J. Townsend, "Differentiating the singular value decomposition" (2016), and for
    complex matrices Z.-Q. Wan and S.-X. Zhang (2019), arXiv:1909.02659.
    """
    g_u, g_s, g_v = g
    u, s, v = y
    k = s.shape[-1]
    if g_u is None and g_v is None:
        return (u[..., :, :k] * row(g_s)) @ v[..., :k, :]
    u, u_rest = u[..., :, :k], u[..., :, k:]
    v, v_rest = v[..., :k, :], v[..., k:, :]
    gap = gaps(s, s)
    p: Any = 0.0
    tail: Any = 0.0
    on = g_s
    if g_u is not None:
        a = skew(H(u) @ g_u[..., :, :k])
        p = (a / gap) * row(s)
        if is_complex(a):  # the phase that a pair of vectors shares: half from each
            turn = diagonal_of(a) / (4 * s)
            on = turn if on is None else on + turn
        if u.shape[-2] > k:
            tail = (_rest(g_u, u, u_rest, k) / row(s)) @ v
    if g_v is not None:
        g_vh = H(g_v)
        a = skew(v @ g_vh[..., :, :k])
        p = p + column(s) * (a / gap)
        if is_complex(a):
            turn = diagonal_of(a) / (4 * s)
            on = -turn if on is None else on - turn
        if v.shape[-1] > k:
            tail = tail + u @ H(_rest(g_vh, H(v), H(v_rest), k) / row(s))
    if on is not None:
        p = p + identity(p) * row(on)
    return u @ p @ v + tail


def _rest(g: Any, u: Any, rest: Any, k: int) -> Any:
    """The part of the cotangent `g` that moves the orthonormal columns `u` out of their own span.
    If `rest` completes `u` to a full basis, `rest` turns the opposite way."""
    if not rest.shape[-1]:
        return g - u @ (H(u) @ g)
    return rest @ (H(rest) @ g[..., :, :k] - H(g[..., :, k:]) @ u)


def qr(g: Any, y: Any) -> Any:
    """g_x for x = Q R with independent columns.

    If there are more columns than rows, the first square block must have independent columns. It
    alone determines Q; the other columns are Q times their part of R. See D. Roberts and L.
    Roberts, "QR and LQ decomposition matrix backpropagation algorithms for square, wide, and deep
    matrices" (2020), arXiv:2009.10071.
    """
    g_q, g_r = g
    q, r = y
    k = min(r.shape[-2:])
    u, u_rest, r = q[..., :, :k], q[..., :, k:], r[..., :k, :]
    first = r[..., :, :k]
    g_r = None if g_r is None else g_r[..., :k, :]
    g_wide = None
    if r.shape[-1] > k and g_r is not None:
        g_tail, tail = g_r[..., :, k:], r[..., :, k:]
        g_wide = u @ g_tail
        turned = u @ (tail @ H(g_tail))
        g_q = turned if g_q is None else g_q + turned
    c: Any = 0.0
    m: Any = 0.0
    if g_r is not None:
        c = xp.triu(g_r[..., :, :k]) @ H(first)
        m = -c
    if g_q is not None:
        m = H(u) @ g_q[..., :, :k] + m
    found = u @ (c + anti(m))
    if g_q is not None and u.shape[-2] > k:
        found = found + _rest(g_q, u, u_rest, k)
    solve = triangular_solver(first, found)
    if solve is None:
        found = found @ H(xp.inverse_triangular(first, upper=True))
    else:
        found = H(solve(first, H(found), upper=True))
    if r.shape[-1] == k:
        return found
    if g_wide is None:
        g_wide = xp.zeros_like(r[..., :, k:])
    return xp.concat([found, g_wide], axis=-1)


# fmt: off
linear("linalg.diagonal(x, /, *, offset=0)", embed, view=True, put=put_diagonal,
       whole="offset")
linear("linalg.trace(x, /, *, offset=0, dtype=None)", trace, whole="offset")
bilinear("linalg.outer(x1, x2, /)", outer_x1, outer_x2, contracts=True)
bilinear("linalg.cross(x1, x2, /, *, axis=-1)",
         lambda g, x2, axis: xp.linalg.cross(x2, g, axis=axis),
         lambda g, x1, axis: xp.linalg.cross(g, x1, axis=axis), check=check_threes)

general("linalg.inv(x, /)", inv, jvp=lambda t, y: -(y @ t @ y), fresh=True)
general("solve(x1, x2, /, *, kept)", solve_x1, solve_x2, jvp=solve_jvp, fallback=solve_raw,
        private=True, needs="linalg.solve", fresh=True, linear_in=(1,))
general("linalg.pinv(x, /, *, rtol=None)", pinv, fresh=True)

general("linalg.det(x, /)", lambda g, x: as_matrix(g) * H(xp.adjugate(x)), fresh=True)
general("adjugate(x, /)", adjugate_adjoint, fallback=adjugate, private=True, fresh=True,
        needs="linalg.svd linalg.det cumulative_prod")
general("linalg.slogdet(x, /)", slogdet, partial=True, fresh=True)

general("linalg.cholesky(x, /, *, upper=False)", cholesky, fresh=True)
general("inverse_triangular(x, /, *, upper)", inverse_triangular, private=True,
        fallback=inverse_triangular_raw, needs="linalg.inv", fresh=True)
general("hermitian(x, /, *, upper=False)", hermitian, jvp=hermitian, private=True,
        fallback=hermitian_raw, needs="tril triu", fresh=True)
general("linalg.eigh(x, /)", eigh, jvp=eigh_jvp, partial=True, fresh=True)
general("eigh_upper(x, /)", eigh, jvp=eigh_jvp, partial=True, fresh=True, private=True,
        fallback=eigh_upper_raw, needs="linalg.eigh tril triu")
general("linalg.eig(x, /)", eig, partial=True, fresh=True)
general("linalg.svd(x, /, *, full_matrices=True)", svd, partial=True, fresh=True)
general("linalg.qr(x, /, *, mode='reduced')", qr, partial=True, fresh=True)
constant("linalg.matrix_rank(x, /, *, rtol=None)")
# fmt: on
