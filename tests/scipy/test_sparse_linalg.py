"""`scipy.sparse.linalg`: values by SciPy, derivatives by the data and by right-hand sides."""

from __future__ import annotations

import functools
import sys
import warnings

import numpy as np
import pytest

import pluggrad as pg
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs, since
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(5)
ROWS = np.asarray([0, 1, 2, 3, 0, 1, 3, 2])
COLUMNS = np.asarray([0, 1, 2, 3, 2, 0, 1, 3])
D = np.concatenate([RNG.normal(size=4) * 0.3 + 3.0, RNG.normal(size=4)])
B, C = RNG.normal(size=4), RNG.normal(size=(4, 2))
S = pg.scipy.sparse
L = S.linalg


def judge(call, *args, **kwargs):
    """Judge ``call(S, L, *args)``, where these are SciPy's modules or ours."""

    def use(linalg, *xs):
        y = call(sys.modules[linalg.__name__.rpartition(".")[0]], linalg, *xs)
        return y.toarray() if hasattr(y, "toarray") else y

    kwargs = {"others": (), "maps": False, "second": False, "tracked": range(len(args))} | kwargs
    judge_scipy("sparse.linalg", *args, use=use, **kwargs)


def a(s, data, kind="csc_array"):
    return getattr(s, kind)((data, (ROWS, COLUMNS)), shape=(4, 4))


def symmetric(s, data):
    """A positive-definite matrix."""
    half = a(s, data)
    return (half @ half.T).tocsr()


def test_spsolve():
    full = functools.partial(judge, second=True, maps=True, others=("torch", "jax"))
    full(lambda s, m, d, b: m.spsolve(a(s, d), b), D, B)
    full(lambda s, m, b, d: m.spsolve(a(s, d), b), C, D)
    judge(lambda s, m, b, d: m.spsolve(a(s, d, "csr_array"), b), C[:, :1], D, maps=True)
    judge(lambda s, m, d, b: m.spsolve(a(s, d), b), D * (1 + 0.2j), B * (1 - 1j))
    judge(lambda s, m, d, b: m.spsolve(a(s, d), b, permc_spec="MMD_AT_PLUS_A"), D, B)
    judge(lambda s, m, d, e: m.spsolve(a(s, d), a(s, e)), D, D[::-1].copy())
    judge(lambda s, m, b: m.spsolve(a(s, D), b), B, maps=True, others=("torch", "jax"))


def test_factors():
    for trans in "NTH":
        judge(lambda s, m, d, b, t=trans: m.splu(a(s, d)).solve(b, t), D, C, second=True)
        judge(lambda s, m, d, b, t=trans: m.splu(a(s, d)).solve(b, t), D * 1j + 1, B + 0j)
    judge(lambda s, m, d, b: m.factorized(a(s, d))(b), D, B, maps=True)
    judge(lambda s, m, d: m.inv(a(s, d)), D)
    lu = L.splu(a(S, D))
    assert (
        lu.shape == (4, 4) and abs(lu.L.toarray()).sum() > 0 and sorted(lu.perm_c) == [0, 1, 2, 3]
    )


def test_factors_of_one_matrix_serve_all_right_hand_sides():
    """Real ones, complex ones and those of another precision, one after the other."""
    lu, full = L.splu(a(S, D)), a(S, D).toarray().data
    for b in (B, B * (1 + 2j), B.astype(np.float32), C, B):
        np.testing.assert_allclose(lu.solve(b).data, np.linalg.solve(full, b), rtol=1e-6)
    matrix = a(S, D)
    for b in (B, B * 1j, B):
        np.testing.assert_allclose(L.spsolve(matrix, b).data, np.linalg.solve(full, b), rtol=1e-12)


@since("scipy", "1.17.1")  # SciPy 1.17.0 refuses matrices of its own
def test_triangular_systems():
    lower, upper = lambda s, d: s.tril(a(s, d), format="csr"), lambda s, d: s.triu(a(s, d))
    judge(lambda s, m, d, b: m.spsolve_triangular(lower(s, d), b), D, B, second=True)
    judge(lambda s, m, d, b: m.spsolve_triangular(upper(s, d).tocsr(), b, lower=False), D, C)
    judge(lambda s, m, d, b: m.spsolve_triangular(lower(s, d), b, unit_diagonal=True), D, B)


def test_a_singular_matrix():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(L.spsolve(S.csc_array(np.diag([1.0, 0.0])), np.ones(2)).data).all()
    with pytest.raises(pg.errors.LinAlgError, match="singular"):
        L.splu(S.csc_array(np.diag([1.0, 0.0])))


@pytest.mark.parametrize("name", ["bicg", "bicgstab", "cgs", "gcrotmk", "gmres", "lgmres", "qmr",
                                  "tfqmr"])  # fmt: skip
def test_iterative_solvers(name):
    def solve(s, m, d, b, **kwargs):
        return getattr(m, name)(a(s, d), b, rtol=1e-13, **kwargs)[0]

    judge(solve, D, B, second=True, maps=True, others=("torch", "jax"), rtol=1e-9)
    judge(functools.partial(solve, x0=np.ones(4)), D, B, rtol=1e-9)
    if name == "tfqmr":  # SciPy's takes what is no solution for one
        with pytest.raises(pg.PluggradError, match="did not find the solution"):
            solve(S, L, pg.Variable(D, requires_grad=True), B, M=np.diag(1 / D[:4]))
    elif name != "qmr":
        inverse = np.diag(1 / D[:4])
        judge(functools.partial(solve, M=inverse), D, B, rtol=1e-9)
    judge(lambda s, m, d, b: getattr(m, name)(a(s, d).toarray(), b, rtol=1e-13)[0], D, B, rtol=1e-9)


@pytest.mark.parametrize("name", ["cg", "minres"])
def test_iterative_solvers_of_symmetric_systems(name):
    def solve(s, m, d, b, **kwargs):
        return getattr(m, name)(symmetric(s, d), b, rtol=1e-13, **kwargs)[0]

    judge(solve, D, B, second=True, maps=True, rtol=1e-8)
    judge(functools.partial(solve, M=np.diag(1 / D[:4])), D, B, rtol=1e-8)


@pytest.mark.parametrize("name", ["bicg", "bicgstab", "cg", "cgs", "gcrotmk", "gmres", "lgmres",
                                  "minres", "qmr", "tfqmr"])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_iterative_solvers_in_single_precision(name, dtype):
    if name in ("minres", "cg") and dtype is np.complex64:
        pytest.skip("for Hermitian matrices, which the next ones are not")
    rng = np.random.default_rng(7)
    for _ in range(5):
        half, b = rng.normal(size=(10, 10)), rng.normal(size=10).astype(dtype)
        matrix = (half @ half.T + 10 * np.eye(10)).astype(dtype)
        if dtype is np.complex64:
            matrix = matrix + np.eye(10, k=1, dtype=dtype) * np.complex64(1j)
        x = np.linalg.solve(matrix, b)
        v = pg.Variable(b, requires_grad=True)
        pg.sum(pg.real(pg.conj(found := getattr(L, name)(matrix, v)[0]) * found)).backward()
        expected = np.linalg.solve(matrix.conj().T, 2 * x)
        assert v.grad.dtype == dtype
        error = np.linalg.norm(v.grad.data - expected) / np.linalg.norm(expected)
        assert error < 1e-4


@pytest.mark.parametrize("name", ["cg", "gmres", "bicgstab", "minres", "lgmres"])
def test_operators(name):
    """Variables that the functions of an operator have captured get gradients, too."""
    pattern = symmetric(S, D).detach()

    def solve(d, b):
        matrix = symmetric(S, d)
        operator = L.LinearOperator((4, 4), lambda v: matrix @ v, rmatvec=lambda v: matrix.T @ v)
        return getattr(L, name)(operator, b, rtol=1e-13)[0]

    check_derivatives(solve, D, B, second=True)
    expected = np.linalg.solve(pattern.toarray().data, B)
    np.testing.assert_allclose(solve(D, B).data, expected, rtol=1e-9)
    theirs = of_scipy("sparse.linalg.aslinearoperator")(pattern.toarray().data)
    check_derivatives(lambda b: getattr(L, name)(theirs, b, rtol=1e-13)[0], B)
    check_derivatives(lambda b: L.aslinearoperator(theirs) @ b, B)
    assert (L.aslinearoperator(pattern) * 2.0 @ B).shape == (4,)


def test_functions():
    judge(lambda s, m, d: m.expm(a(s, d)), D, rtol=1e-11)
    judge(lambda s, m, d: m.matrix_power(a(s, d), 3), D, second=True)
    judge(lambda s, m, d, b: m.expm_multiply(a(s, d), b), D, B, second=True, rtol=1e-11, maps=False)
    judge(lambda s, m, d, b: m.expm_multiply(a(s, 9 * d), b), D, C, rtol=1e-9)
    judge(lambda s, m, d, b: m.expm_multiply(a(s, d), b, start=0.2, stop=1.0, num=4), D, B,
          rtol=1e-10)  # fmt: skip
    for order in (None, "fro", 1, -1, np.inf, -np.inf):
        judge(lambda s, m, d, o=order: m.norm(a(s, d), o), D)
    for order in (None, 1, 2, np.inf):
        for axis in (0, 1):
            judge(lambda s, m, d, o=order, x=axis: m.norm(a(s, d), o, axis=x), D)


def test_least_squares():
    tall = lambda s, d: s.vstack([a(s, d), a(s, d * d)], format="csr")
    b, tight = RNG.normal(size=8), {"atol": 1e-15, "btol": 1e-15}
    for name in ("lsqr", "lsmr"):
        solve = lambda m, *xs, name=name, **kw: getattr(m, name)(*xs, **tight, **kw)[0]
        judge(lambda s, m, d, b, f=solve: f(m, tall(s, d), b), D, b, rtol=1e-9, second=True)
        judge(lambda s, m, d, b, f=solve: f(m, tall(s, d), b, damp=0.7), D, b, rtol=1e-9)
        judge(lambda s, m, d, b, f=solve: f(m, tall(s, d).T, b), D, B, rtol=1e-9)  # a wide matrix
    damped = lambda damp: L.lsqr(tall(S, D), b, damp=damp, **tight)[0]
    check_derivatives(damped, np.asarray(0.7))
    assert len(L.lsqr(tall(S, D), b)) == 10 and len(L.lsmr(tall(S, D), b)) == 8


def test_eigenvalues():
    full = np.diag([1.0, 2.5, 4.0, 7.0, 9.0, 12.0]) + 0.1 * np.add.outer(np.arange(6), np.arange(6))
    start = np.ones(6)
    same = lambda s, x: s.csr_array((x + x.T) / 2)

    def judge_all(call, *args, **kwargs):
        """Vectors by their squares: SciPy's signs are as they come."""
        judge(call, *args, rtol=1e-9, **kwargs)

    values = functools.partial(lambda s, m, x, **kw: m.eigsh(
        same(s, x), v0=start, return_eigenvectors=False, **kw), k=3)  # fmt: skip
    judge_all(values, full, second=True)
    for which in ("SM", "LA", "SA", "BE"):
        judge_all(functools.partial(values, which=which), full)
    judge_all(functools.partial(values, sigma=3.0), full)
    vectors = lambda s, m, x: m.eigsh(same(s, x), k=2, v0=start)[1] ** 2
    judge_all(vectors, full, second=True)
    mass = np.diag(np.arange(1.0, 7.0))
    judge_all(lambda s, m, x, y: m.eigsh(same(s, x), k=2, M=same(s, y), sigma=0.5, v0=start)[0],
              full, mass)  # fmt: skip
    assert L.eigsh(full, k=2, v0=start)[0].shape == (2,)
    wide = RNG.normal(size=(4, 6))
    for vectors in (True, "u", "vh"):
        judge_all(lambda s, m, x, v=vectors: [
            y**2 for y in m.svds(s.csr_array(x), k=2, v0=np.ones(4), return_singular_vectors=v)
            if y is not None][-1 if v != "u" else 0], wide)  # fmt: skip
    judge_all(lambda s, m, x: m.svds(s.csr_array(x), k=2, v0=np.ones(4),
                                     return_singular_vectors=False), wide, second=True)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: L.spsolve(m, np.ones(3)), "4 rows"),
        (lambda m: L.spsolve(m[:3], np.ones(3)), "square"),
        (lambda m: L.splu(m, relax=2), "relax"),
        (lambda m: L.splu(m).solve(B, "X"), "trans"),
        (lambda m: L.cg(m, C), "one right-hand side"),
        (lambda m: L.gmres(m, B, maxiter=1, restart=1, rtol=1e-14), "did not find the solution"),
        (lambda m: L.norm(m, 2), "not offered"),
        (lambda m: L.eigs(m, k=1), "no derivative"),
        (lambda m: L.eigsh(S.eye_array(6) + 0.0 * S.kron(m[:1, :1], S.eye(6)), k=2), "single"),
        (lambda m: L.lsqr(S.vstack([m, m]) @ S.csr_array(np.ones((4, 4))), np.ones(8)), "rank"),
        (lambda m: L.lsmr(m, B, maxiter=1, atol=0.0, btol=0.0), "converged"),
        (lambda m: L.expm_multiply(m, B, start=0.0), "start and stop"),
        (lambda m: L.LinearOperator((3,), None), "two axes"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(a(S, pg.Variable(D, requires_grad=True)))
