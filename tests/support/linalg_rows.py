"""The functions of `linalg` that are tested, in forms that no gauge (sign, phase, basis) changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg

__all__ = ["BATCH", "DTYPES", "LINALG_CASES", "LINALG_ROWS", "shapes_of", "squared_modulus"]

L = pg.linalg
DTYPES = ["float64", "complex128"]


def H(x: Any) -> Any:
    return pg.conj(pg.matrix_transpose(x))


def hermitian(x: Any) -> Any:
    return x + H(x)


def definite(x: Any) -> Any:
    return x @ H(x) + 3.0 * L.matrix_power(x, 0)


def squared_modulus(x: Any) -> Any:
    """|x|², which no sign or phase changes."""
    return pg.real(x * pg.conj(x))


def projector(x: Any) -> Any:
    return x @ H(x)


def eigh(x: Any) -> Any:
    w, v = L.eigh(hermitian(x))
    return w, squared_modulus(v), (v * pg.expand_dims(pg.sin(w), axis=-2)) @ H(v)


def eig(x: Any) -> Any:
    w, v = L.eig(x)
    return pg.abs(w) ** 2, squared_modulus(v)


def svd(x: Any) -> Any:
    u, s, v = L.svd(x, full_matrices=False)
    return s, squared_modulus(u), squared_modulus(v), (u * pg.expand_dims(pg.sin(s), axis=-2)) @ v


def full_svd(x: Any) -> Any:
    u, s, v = L.svd(x)
    k = s.shape[-1]
    return s, projector(u[..., :, k:]), projector(H(v)[..., :, k:]), squared_modulus(v[..., :k, :])


def complete_qr(x: Any) -> Any:
    q, r = L.qr(x, mode="complete")
    k = min(x.shape[-2:])
    return r, q[..., :, :k], projector(q[..., :, k:])


def slogdet(x: Any) -> Any:
    return tuple(L.slogdet(x))


SQUARE = (3, 3)
BATCH = (2, 3, 3)
ANY = [(3, 3), (4, 2), (2, 4), (2, 3, 2)]

#: name -> a function, and for each test the shapes of its arguments.
LINALG_CASES: dict[str, tuple[Any, list[Any]]] = {
    "cholesky": (lambda x: L.cholesky(definite(x)), [SQUARE, BATCH, (1, 1)]),
    "cholesky upper": (lambda x: L.cholesky(definite(x), upper=True), [SQUARE]),
    "cross": (L.cross, [((3,), (3,)), ((2, 1, 3), (4, 3)), ((2, 3), (1, 3)), ((3,), (2, 3))]),
    "cross axis": (lambda a, b: L.cross(a, b, axis=-2), [((3, 2), (3, 2))]),
    "det": (L.det, [SQUARE, BATCH, (1, 1), (2, 2)]),
    "diagonal": (L.diagonal, [SQUARE, (2, 3, 4), (4, 2)]),
    "diagonal above": (lambda x: L.diagonal(x, offset=2), [(3, 4), (5, 3), (2, 2, 5)]),
    "diagonal below": (lambda x: L.diagonal(x, offset=-1), [(3, 4), (5, 3), (2, 2, 5)]),
    "eigh": (eigh, [SQUARE, BATCH]),
    "eigvalsh": (lambda x: L.eigvalsh(hermitian(x)), [SQUARE]),
    "eigvals": (lambda x: pg.abs(L.eigvals(x)) ** 2, [SQUARE]),
    "inv": (L.inv, [SQUARE, BATCH]),
    "matmul": (L.matmul, [((2, 3), (3, 2))]),
    "matrix_norm": (L.matrix_norm, ANY),
    "matrix_power -2": (lambda x: L.matrix_power(x, -2), [SQUARE]),
    "matrix_power 0": (lambda x: L.matrix_power(x, 0), [BATCH]),
    "matrix_power 1": (lambda x: L.matrix_power(x, 1), [SQUARE]),
    "matrix_power 5": (lambda x: L.matrix_power(x, 5), [BATCH]),
    "matrix_transpose": (L.matrix_transpose, [BATCH]),
    "outer": (L.outer, [((3,), (2,))]),
    "pinv": (L.pinv, ANY),
    "qr": (lambda x: tuple(L.qr(x)), ANY),
    "qr, q": (lambda x: L.qr(x)[0], ANY),
    "qr, r": (lambda x: L.qr(x)[1], ANY),
    "qr complete": (complete_qr, ANY),
    "slogdet": (slogdet, [SQUARE, BATCH]),
    "solve": (L.solve, [(SQUARE, (3, 2)), (BATCH, (3, 2)), (SQUARE, (2, 3, 1)), (BATCH, BATCH)]),
    "solve vector": (L.solve, [(SQUARE, (3,)), (BATCH, (3,))]),
    "svd": (svd, ANY),
    "svd full": (full_svd, ANY),
    "svdvals": (L.svdvals, ANY),
    "tensordot": (lambda a, b: L.tensordot(a, b, axes=1), [((2, 3), (3, 2))]),
    "trace": (L.trace, [SQUARE, (2, 3, 4)]),
    "trace above": (lambda x: L.trace(x, offset=1), [(2, 3, 4)]),
    "vecdot": (L.vecdot, [((2, 3), (3,))]),
    "vector_norm": (L.vector_norm, [(3,), (2, 3), ()]),
}
for _order in (1, -1, 2, -2, np.inf, -np.inf, "nuc"):
    LINALG_CASES[f"matrix_norm {_order}"] = (
        lambda x, order=_order: L.matrix_norm(x, ord=order, keepdims=True),
        [(3, 3), (2, 3, 2)],
    )
for _order in (0, 1, 3, 4, 2.5, 1.5, 0.5, -1, -2, np.inf, -np.inf):
    LINALG_CASES[f"vector_norm {_order}"] = (
        lambda x, order=_order: L.vector_norm(x, ord=order, axis=-1),
        [(3,), (2, 3)],
    )
LINALG_CASES["vector_norm axes"] = (
    lambda x: L.vector_norm(x, ord=3, axis=(0, -1), keepdims=True), [(2, 3, 2)])  # fmt: skip
LINALG_CASES["eig"] = (eig, [SQUARE, BATCH])


def shapes_of(shapes: Any) -> Any:
    """The shapes of all arguments: a single one may stand by itself."""
    return shapes if shapes and isinstance(shapes[0], tuple) else (shapes,)


#: (function, shapes, dtype) of each test.
LINALG_ROWS = [
    pytest.param(f, shapes_of(shapes), dtype, id=f"{name} {shapes} {dtype}")
    for name, (f, tests) in LINALG_CASES.items() for shapes in tests for dtype in DTYPES
    if name != "eig" or dtype == "complex128"
]  # fmt: skip
