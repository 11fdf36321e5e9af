"""Some eigenvalues and singular values of sparse matrices, with their vectors.

SciPy finds them. Newton's steps from there, which change nothing, carry the first and the second
derivative: each solves the system of a matrix with a border, of an eigenvalue and its vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....arrays.dispatch import xp
from ....engine.cotangents import is_complex
from ....errors import DifferentiationError, LinAlgError, UnsupportedError
from ....functions.operand import as_floats
from ....transforms import stop_gradient
from ...rows import explained, scipy_module
from ..array import SparseArray, as_sparse, constant_like, is_sparse
from ..build import block_array, eye_array
from .operator import host_operator, is_operator
from .systems import splu

__all__ = ["eigsh", "svds"]


def _matrix(where: str, a: Any) -> SparseArray:
    """A sparse matrix of floating-point numbers, of a sparse matrix or of a dense one."""
    found = as_sparse(a).merged()
    if found.requires_grad and is_complex(found.data):
        raise UnsupportedError(
            f"pluggrad.scipy.sparse.linalg.{where}: the derivative is for real matrices; use "
            "pluggrad.linalg.eigh of the dense matrix for complex ones"
        )
    return found._made(found.pattern, as_floats(found.data)).tocsr()  # type: ignore[no-any-return]


def _tracked(*values: Any) -> bool:
    return any(
        x.requires_grad if isinstance(x, SparseArray) else bool(getattr(x, "_tracked", False))
        for x in values
    )


def _constant(x: Any) -> Any:
    """`x` as SciPy takes it."""
    return x if x is None or not (is_sparse(x) or hasattr(x, "shape")) else host_operator(x)


def refined(where: str, a: SparseArray, m: Any, value: float, vector: Any) -> tuple[Any, Any]:
    """The eigenvalue and the vector of ``a v = value m v``, with their derivatives. `m` is None for
    the identity."""
    like = a.data
    still = a.detach()
    mass = eye_array(a.shape[0]) if m is None else m.detach()
    border = mass @ vector
    system = block_array(
        [[still - mass * value, -xp.expand_dims(border, axis=-1)],
         [xp.expand_dims(border, axis=0), None]], format="csc"
    )  # fmt: skip
    try:
        lu = splu(system)
        pivots = np.abs(lu.U.diagonal())
    except LinAlgError:
        pivots = np.zeros(1)
    if pivots.min() <= 1e-11 * pivots.max():
        raise DifferentiationError(
            f"pluggrad.scipy.sparse.linalg.{where}: {value:.6g} is no single eigenvalue or "
            "singular value, and has no derivative"
        )
    v, w = constant_like(vector, like), constant_like(np.asarray(value), like)
    for _ in range(2):
        mv = v if m is None else m @ v
        size = (xp.vecdot(v, mv) - 1.0) / 2.0
        residual = xp.concat([a @ v - w * mv, xp.reshape(size, (1,))])
        step = lu.solve(residual)
        step = step - stop_gradient(step)
        v, w = v - step[:-1], w - step[-1]
    return w, v


@explained("sparse.linalg")
def eigsh(
    A: Any, k: int = 6, M: Any = None, sigma: Any = None, which: str = "LM", v0: Any = None,
    ncv: Any = None, maxiter: Any = None, tol: Any = 0, return_eigenvectors: bool = True,
    Minv: Any = None, OPinv: Any = None, mode: str = "normal", rng: Any = None,
) -> Any:  # fmt: skip
    """Some eigenvalues of a symmetric sparse matrix, with their eigenvectors.

    The arguments are SciPy's. It is differentiable by the data of `A` and `M`, which are real, at
    single eigenvalues; it raises at multiple ones. `A` is taken as it is, though it should be
    symmetric: a gradient by its data is that of each element alone.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.eigsh.html
    """
    tracked = _tracked(A, M)
    if tracked and (is_operator(A) or is_operator(M)):
        raise UnsupportedError("pluggrad.scipy.sparse.linalg.eigsh: operators are constants")
    a = A if is_operator(A) else _matrix("eigsh", A)
    m = M if M is None or is_operator(M) else _matrix("eigsh", M)
    w, v = scipy_module("sparse.linalg").eigsh(
        _constant(a), k, _constant(m), sigma, which, _constant(v0), ncv, maxiter, tol, True,
        _constant(Minv), _constant(OPinv), mode, rng,
    )  # fmt: skip
    if not return_eigenvectors:  # SciPy has another order then
        order = np.argsort(w) if which in ("LM", "SM", "LA", "SA", "BE") else np.arange(w.size)
        plain = scipy_module("sparse.linalg").eigsh(
            _constant(a), k, _constant(m), sigma, which, _constant(v0), ncv, maxiter, tol, False,
            _constant(Minv), _constant(OPinv), mode, rng,
        )  # fmt: skip
        order = order[np.argsort(np.argsort(plain))]
        w, v = w[order], v[:, order]
    if not tracked:
        like = a.data if isinstance(a, SparseArray) else v
        w, v = constant_like(w, like), constant_like(v, like)
        return (w, v) if return_eigenvectors else w
    pairs = [refined("eigsh", a, m, float(w[i]), v[:, i]) for i in range(w.size)]
    w = xp.stack([pair[0] for pair in pairs])
    return (w, xp.stack([pair[1] for pair in pairs], axis=1)) if return_eigenvectors else w


@explained("sparse.linalg")
def svds(
    A: Any, k: int = 6, ncv: Any = None, tol: Any = 0, which: str = "LM", v0: Any = None,
    maxiter: Any = None, return_singular_vectors: Any = True, solver: str = "arpack",
    rng: Any = None, options: Any = None, *, random_state: Any = None,
) -> Any:  # fmt: skip
    """Some singular values of a sparse matrix, with their vectors.

    The arguments are SciPy's. It is differentiable by the data of `A`, which are real, at single
    singular values that are not 0; it raises at multiple ones.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.sparse.linalg.svds.html
    """
    a = A if is_operator(A) else _matrix("svds", A)
    seed = {"rng": rng} if random_state is None else {"random_state": random_state}
    found = scipy_module("sparse.linalg").svds(
        _constant(a), k, ncv, tol, which, _constant(v0), maxiter,
        True if _tracked(a) else return_singular_vectors, solver, options=options, **seed,
    )  # fmt: skip
    if not _tracked(a):
        like = a.data if isinstance(a, SparseArray) else found[1]
        if return_singular_vectors is False:
            return constant_like(found, like)
        return tuple([x if x is None else constant_like(x, like) for x in found])
    u, s, vt = found
    zeros = [as_sparse(scipy_module("sparse").csr_array((n, n))) for n in a.shape]
    whole = block_array([[zeros[0], a], [a.T, zeros[1]]], format="csr")
    n = a.shape[0]
    values, left, right = [], [], []
    for i in range(s.size):
        w, v = refined("svds", whole, None, float(s[i]), np.concatenate([u[:, i], vt[i]]) / 2**0.5)
        values.append(w)
        left.append(v[:n] * 2**0.5)
        right.append(v[n:] * 2**0.5)
    s = xp.stack(values)
    if return_singular_vectors is False:
        return s
    u = xp.stack(left, axis=1) if return_singular_vectors in (True, "u") else None
    return u, s, xp.stack(right) if return_singular_vectors in (True, "vh") else None
