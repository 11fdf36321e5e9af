"""`scipy.linalg`, `scipy.spatial`, `scipy.cluster` and `scipy.interpolate`."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

from ..operations import Array
from .rows import about, numbers, torch_function, usual
from .scipy_rows import scipy

square, spd, low, up = Array((3, 3), structure="regular"), Array((3, 3), structure="spd"), Array((3, 3), structure="lower"), Array((3, 3), structure="upper")
spread, hermitian = Array((3, 3), structure="spread"), Array((3, 3), structure="hermitian")
v, b, tall = Array((3,)), Array((3, 2)), Array((4, 3))
BOTH = ("real", "complex")

# ---------------------------------------------------------------- linalg: systems

scipy("linalg.solve", usual(square, b), about("positive definite", spd, v, assume_a="pos"), about("transposed", square, v, transposed=True, domain="real"), how=lambda s, a, b, **kw: s.linalg.solve(_hermitian(a) if "assume_a" in kw else a, b, **kw), domains=BOTH, torch=lambda torch, a, b, **kw: torch.linalg.solve(_hermitian(a) if "assume_a" in kw else a.T if "transposed" in kw else a, b))
scipy("linalg.solve_triangular", usual(low, b, lower=True), about("upper, transposed", up, v, trans=1), about("unit", low, v, lower=True, unit_diagonal=True), domains=BOTH, jax=True)
scipy("linalg.solve_banded", usual((1, 1), numbers((0.0, 1.0, 0.5, -0.4), (4.0, 5.0, 3.0, 4.5), (1.0, -0.3, 0.8, 0.0)), Array((4, 2))))
scipy("linalg.solveh_banded", usual(numbers((0.0, 1.0, 0.5, -0.4), (4.0, 5.0, 3.0, 4.5)), Array((4,))), about("lower", numbers((4.0, 5.0, 3.0, 4.5), (1.0, -0.3, 0.8, 0.0)), Array((4, 2)), lower=True))
scipy("linalg.inv", usual(square), domains=BOTH, jax=True, torch=torch_function("linalg.inv"))
scipy("linalg.det", usual(square), domains=BOTH, jax=True, torch=torch_function("linalg.det"))
scipy("linalg.pinv", usual(tall), kind="decomposition", torch=torch_function("linalg.pinv"))
scipy("linalg.pinvh", usual(spd), how=lambda s, a: s.linalg.pinvh(_hermitian(a)), kind="decomposition")
scipy("linalg.lstsq", usual(tall, Array((4,))), how=lambda s, a, b: s.linalg.lstsq(a, b)[0], kind="decomposition", torch=lambda torch, a, b: torch.linalg.pinv(a) @ b)
scipy("linalg.solve_sylvester", usual(square, spd, Array((3, 3))))
scipy("linalg.solve_continuous_lyapunov", usual(square, Array((3, 3))))
scipy("linalg.solve_lyapunov", usual(square, Array((3, 3))))
scipy("linalg.solve_discrete_lyapunov", usual(Array((3, 3), -0.4, 0.4), Array((3, 3))), about("bilinear", Array((3, 3), -0.4, 0.4), Array((3, 3)), method="bilinear"))

# ---------------------------------------------------------------- linalg: factors and functions

scipy("linalg.cholesky", usual(spd), about("lower", spd, lower=True), how=lambda s, a, **kw: s.linalg.cholesky(_hermitian(a), **kw), domains=BOTH, jax=True)
scipy("linalg.cho_factor", usual(spd), how=lambda s, a: _upper(s.linalg.cho_factor(_hermitian(a))[0]))
scipy("linalg.cho_solve", usual(up, v), how=lambda s, c, b: s.linalg.cho_solve((c, False), b), jax=True)
scipy("linalg.lu_factor", usual(square), how=lambda s, a: s.linalg.lu_factor(a)[0], jax=True)
scipy("linalg.lu_solve", usual(square, b), how=lambda s, lu, b: s.linalg.lu_solve(s.linalg.lu_factor(lu), b), jax=True)
scipy("linalg.lu", usual(square), how=lambda s, a: s.linalg.lu(a)[1:], jax=True)
scipy("linalg.qr", usual(tall), how=lambda s, a: _unsigned_qr(*s.linalg.qr(a, mode="economic")), kind="decomposition", jax=True)
scipy("linalg.polar", usual(tall), kind="decomposition", jax=True)
scipy("linalg.svd", usual(tall), how=lambda s, a: _projections(*s.linalg.svd(a, full_matrices=False)), kind="decomposition", jax=True)
scipy("linalg.svdvals", usual(tall), kind="decomposition", torch=torch_function("linalg.svdvals"))
scipy("linalg.eigh", usual(hermitian), about("generalised", hermitian, spd), how=lambda s, *a: _squares(*s.linalg.eigh(*map(_hermitian, a))), kind="decomposition")
scipy("linalg.eigvalsh", usual(hermitian), how=lambda s, a: s.linalg.eigvalsh(_hermitian(a)), kind="decomposition")
scipy("linalg.norm", usual(tall), about("rows", tall, 1, axis=1), about("spectral", tall, 2), domains=("real",), kind="decomposition")
scipy("linalg.expm", usual(Array((3, 3), -0.6, 0.6)), domains=BOTH, jax=True, torch=torch_function("linalg.matrix_exp"))
scipy("linalg.expm_frechet", usual(Array((3, 3)), Array((3, 3))), jax=True)
for name in ("cosm", "sinm", "coshm", "sinhm", "tanm", "tanhm"):
    scipy(f"linalg.{name}", usual(Array((3, 3), -0.3, 0.3)), kind="decomposition")
scipy("linalg.logm", usual(spd), kind="decomposition", domains=("real",))
scipy("linalg.sqrtm", usual(spd), kind="decomposition", domains=("real",))


def _hermitian(a: Any) -> Any:
    """The Hermitian part: no function of it depends on which triangle is read."""
    h = a.mT if hasattr(a, "mT") else a.T
    return (a + (h.conj() if "complex" in str(a.dtype) else h)) / 2


def _upper(a: Any) -> Any:
    """The part that SciPy defines, as rows."""
    return [a[0, :], a[1, 1:], a[2, 2:]]


def _unsigned_qr(q: Any, r: Any) -> Any:
    """What does not depend on the signs of the columns."""
    return [q @ (q.mT if hasattr(q, "mT") else q.T), (r.mT if hasattr(r, "mT") else r.T) @ r]


def _projections(u: Any, s: Any, vh: Any) -> Any:
    return [s, (u * s**2) @ vh]


def _squares(w: Any, v: Any) -> Any:
    return [w, v**2]


# ---------------------------------------------------------------- linalg: structured matrices

scipy("linalg.toeplitz", usual(v, Array((4,))), about("symmetric", v), kind="movement", jax=True)
scipy("linalg.circulant", usual(v), kind="movement")
scipy("linalg.hankel", usual(v, Array((4,))), kind="movement")
scipy("linalg.companion", usual(numbers(2.0, 1.0, -0.5, 0.3)))
scipy("linalg.block_diag", usual(b, v, square), kind="movement", jax=True)
scipy("linalg.khatri_rao", usual(b, Array((4, 2))))

scipy("linalg.solve_toeplitz", usual(numbers(5.0, 1.0, -0.5, 0.3), Array((4, 2))), about("with a row", numbers(5.0, 1.0, -0.5, 0.3), Array((4,)), numbers(5.0, 0.7, 0.2, 0.4)), how=lambda s, c, b, *r: s.linalg.solve_toeplitz((c, *r) if r else c, b))
scipy("linalg.matmul_toeplitz", usual(Array((4,)), Array((4, 2))), about("with a row", Array((4,)), Array((3,)), Array((3,))), how=lambda s, c, x, *r: s.linalg.matmul_toeplitz((c, *r) if r else c, x))
scipy("linalg.solve_circulant", usual(numbers(5.0, 1.0, -0.5, 0.3), Array((4, 2))))
scipy("linalg.eig", usual(spread), how=lambda s, a: s.linalg.eig(a)[0], kind="decomposition", torch=torch_function("linalg.eigvals"))
scipy("linalg.eigvals", usual(spread), kind="decomposition", torch=torch_function("linalg.eigvals"))

# ---------------------------------------------------------------- spatial and cluster

scipy("spatial.distance_matrix", usual(Array((4, 3)), Array((2, 3))), about("city block", Array((4, 3)), Array((2, 3)), 1), about("cubes", Array((4, 3)), Array((2, 3)), 3))

points, others = Array((4, 3)), Array((2, 3))
METRICS = ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine", "correlation", "canberra", "braycurtis", "jensenshannon", "minkowski")
cases = [about(metric, Array((4, 3), 0.5, 2), Array((2, 3), 2.5, 4), metric) for metric in METRICS[1:]]
scipy("spatial.distance.cdist", usual(points, others), *cases, torch=lambda torch, x, y, metric="euclidean": torch.cdist(x, y, {"euclidean": 2.0, "cityblock": 1.0}[metric]))
cases = [about(metric, Array((4, 3), 0.5, 2), metric) for metric in METRICS[1:]]
scipy("spatial.distance.pdist", usual(points), *cases)
scipy("spatial.distance.squareform", usual(Array((6,))), kind="movement")
for metric in METRICS:
    scipy(f"spatial.distance.{metric}", usual(Array((4,), 0.5, 2), Array((4,), 2.5, 4)))
scipy("spatial.distance.mahalanobis", usual(v, Array((3,)), spd))
scipy("spatial.distance.seuclidean", usual(v, Array((3,)), Array((3,), 0.5, 2)))
scipy("cluster.vq.vq", usual(points, others), how=lambda s, x, c: s.cluster.vq.vq(x, c)[1])
scipy("cluster.vq.whiten", usual(points))
