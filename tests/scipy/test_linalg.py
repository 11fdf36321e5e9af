"""Systems of equations, factorisations, functions of matrices and structured matrices."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pluggrad as pg
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(1)
X, B, V = RNG.normal(size=(4, 4)) + 3 * np.eye(4), RNG.normal(size=(4, 2)), RNG.normal(size=4)
Z = X + 1j * RNG.normal(size=(4, 4))
C = B + 1j * RNG.normal(size=(4, 2))
STACK = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
TALL, WIDE = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 5))
POSITIVE = X @ X.T + np.eye(4)
HERMITIAN = Z @ Z.conj().T + np.eye(4)
quick = {"second": False, "maps": False, "others": ()}
alone: dict[str, tuple[str, ...]] = {"others": ()}


def symmetric(path, a, *args, second=False, tracked=(0,), **kwargs):
    """Judge a function that reads one triangle of `a`: by the matrix that leads to it."""
    function = getattr(pg.scipy.linalg, path)
    expected = of_scipy(f"linalg.{path}")(a, *args, **kwargs)
    got = function(a, *args, **kwargs)
    for y, e in zip(pg_leaves(got), pg_leaves(expected), strict=True):
        np.testing.assert_allclose(y, e, rtol=1e-11, atol=1e-12)
        assert y.dtype == e.dtype, path

    def run(x, *rest):
        full = (x + pg.conj(x.mT)) / 2 if hasattr(x, "requires_grad") else (x + x.conj().T) / 2
        return [y for y in pg_leaves(function(full, *rest, **kwargs)) if y.dtype.kind in "fc"]

    check_derivatives(run, a, *args, second=second)


def pg_leaves(y):
    found = list(y) if isinstance(y, (tuple, list)) else [y]
    return [x if hasattr(x, "dtype") else np.asarray(x) for x in found if x is not None]


# ---------------------------------------------------------------- systems


@pytest.mark.parametrize("b", [B, V], ids=["columns", "vector"])
def test_solve(b):
    judge_scipy("linalg.solve", X, b, tracked=(0, 1), others=("jax",) if b is V else ())
    judge_scipy("linalg.solve", X, b, transposed=True, tracked=(0, 1), **quick)
    judge_scipy("linalg.solve", X, b, assume_a="gen", tracked=(0, 1), **quick)
    judge_scipy("linalg.solve", STACK, b[:3], tracked=(0, 1), **quick)


def test_solve_of_complex_numbers():
    judge_scipy("linalg.solve", Z, C, tracked=(0, 1), **quick)


@pytest.mark.parametrize("kind", ["diagonal", "tridiagonal", "upper triangular",
                                  "lower triangular"])  # fmt: skip
def test_solve_reads_a_part(kind):
    judge_scipy("linalg.solve", X, B, assume_a=kind, tracked=(0, 1), **quick)
    judge_scipy("linalg.solve", X, B, assume_a=kind, transposed=True, tracked=(0, 1), **quick)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("kind", ["sym", "her", "pos", "positive definite"])
def test_solve_reads_a_triangle(kind, lower):
    symmetric("solve", POSITIVE, B, assume_a=kind, lower=lower)
    a = POSITIVE.copy()
    a[(0, 3) if lower else (3, 0)] = 7.0
    judge = of_scipy("linalg.solve")(a, B, assume_a=kind, lower=lower)
    np.testing.assert_allclose(pg.scipy.linalg.solve(a, B, assume_a=kind, lower=lower), judge)
    if kind == "sym":
        s = Z + Z.T
        judge_scipy("linalg.solve", s, C, assume_a=kind, lower=lower, tracked=(1,), **quick)
    else:
        symmetric("solve", HERMITIAN, C, assume_a=kind, lower=lower)


def test_banded_kind():
    judge_scipy("linalg.solve", np.triu(X, -1), B, assume_a="banded", tracked=(1,), **quick)


@pytest.mark.parametrize("b", [B, V], ids=["columns", "vector"])
@pytest.mark.parametrize("lower", [False, True])
def test_solve_triangular(lower, b):
    judge_scipy("linalg.solve_triangular", X, b, lower=lower, tracked=(0, 1),
                others=("torch", "jax") if lower and b is B else ())  # fmt: skip
    for trans in (1, 2, "T", "C"):
        judge_scipy("linalg.solve_triangular", X, b, trans, lower, tracked=(0, 1), **quick)
    judge_scipy("linalg.solve_triangular", X, b, 0, lower, True, tracked=(0, 1), **quick)
    judge_scipy("linalg.solve_triangular", np.asfortranarray(Z), b + 0j, 1, lower,
                tracked=(0, 1), **quick)  # fmt: skip
    judge_scipy("linalg.solve_triangular", Z, b + 0j, 2, lower, tracked=(0, 1), **quick)


def test_triangular_batches():
    judge_scipy("linalg.solve_triangular", STACK, B[:3], tracked=(0, 1), **alone)
    judge_scipy("linalg.solve_triangular", STACK[0], STACK, lower=True, tracked=(0, 1), **quick)


@pytest.mark.parametrize("b", [RNG.normal(size=6), RNG.normal(size=(6, 2))])
@pytest.mark.parametrize("bands", [(1, 1), (2, 1), (0, 2), (0, 0), (3, 0)])
def test_solve_banded(bands, b):
    ab = RNG.normal(size=(sum(bands) + 1, 6))
    ab[bands[1]] += 5
    full = bands == (2, 1)
    judge_scipy("linalg.solve_banded", bands, ab, b, tracked=(1, 2), maps=False,
                second=full, others=("torch",) if full and b.ndim == 1 else ())  # fmt: skip
    judge_scipy("linalg.solve_banded", bands, ab + 1j, b + 0j, tracked=(1, 2), **quick)


def test_solve_banded_of_one():
    judge_scipy("linalg.solve_banded", (1, 1), np.ones((3, 1)) * 2, np.ones(1), tracked=(1, 2),
                **quick)  # fmt: skip


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("width", [1, 2, 3])
def test_solveh_banded(width, lower):
    ab = RNG.normal(size=(width, 6))
    ab[0 if lower else -1] += 9
    b = RNG.normal(size=(6, 2))
    judge_scipy("linalg.solveh_banded", ab, b, lower=lower, tracked=(0, 1), maps=False,
                second=width == 3, **alone)  # fmt: skip
    judge_scipy("linalg.solveh_banded", ab + 0.5j, b[:, 0] + 0j, lower=lower, tracked=(0, 1),
                **quick)  # fmt: skip


def test_banded_solvers_in_vmap():
    ab, b = RNG.normal(size=(2, 3, 6)) + 4 * np.array([0, 1, 0])[:, None], RNG.normal(size=(6,))
    f = pg.vmap(lambda ab: pg.scipy.linalg.solve_banded((1, 1), ab, b))
    expected = [of_scipy("linalg.solve_banded")((1, 1), x, b) for x in ab]
    np.testing.assert_allclose(f(ab), expected)


def test_inv():
    judge_scipy("linalg.inv", X, **alone)
    judge_scipy("linalg.inv", STACK, **quick)
    for kind in ("gen", "diagonal", "upper triangular", "lower triangular"):
        judge_scipy("linalg.inv", np.diag(V) if kind == "diagonal" else X, assume_a=kind, **quick)
    for kind in ("sym", "pos", "her"):
        symmetric("inv", POSITIVE, assume_a=kind, lower=True)


def test_det():
    judge_scipy("linalg.det", X, **alone)
    judge_scipy("linalg.det", STACK, **quick)
    judge_scipy("linalg.det", Z, **quick)
    assert pg.scipy.linalg.det(np.eye(2, dtype=np.float32)).dtype == np.float64
    judge_scipy("linalg.det", np.zeros((2, 2)), **quick)


@pytest.mark.parametrize("b", [RNG.normal(size=5), RNG.normal(size=(5, 2))])
def test_lstsq(b):
    judge_scipy("linalg.lstsq", TALL, b, tracked=(0, 1), second=b.ndim == 1, maps=False, **alone)
    judge_scipy("linalg.lstsq", WIDE, b[:3], tracked=(0, 1), **quick)
    judge_scipy("linalg.lstsq", TALL, b, cond=1e-5, lapack_driver="gelss", tracked=(0, 1), **quick)


def test_pinv():
    judge_scipy("linalg.pinv", TALL, **alone)
    judge_scipy("linalg.pinv", WIDE, return_rank=True, **quick)
    judge_scipy("linalg.pinv", TALL, atol=0.5, rtol=0.1, **quick)
    judge_scipy("linalg.pinv", STACK, **quick)
    assert pg.scipy.linalg.pinv(np.zeros((3, 0))).shape == (0, 3)
    symmetric("pinvh", POSITIVE, lower=False)
    symmetric("pinvh", POSITIVE, atol=3.0, return_rank=True)


def test_matrix_equations():
    a, b, q = STACK[0], X, RNG.normal(size=(3, 4))
    judge_scipy("linalg.solve_sylvester", a, b, q, tracked=(0, 1, 2))
    judge_scipy("linalg.solve_sylvester", a + 1j, b + 0j, q + 0j, tracked=(0, 1, 2), **quick)
    judge_scipy("linalg.solve_continuous_lyapunov", Z, HERMITIAN, tracked=(0, 1), **quick)
    judge_scipy("linalg.solve_lyapunov", X, Z.real, tracked=(0, 1), **alone)
    for method in (None, "direct", "bilinear"):
        judge_scipy("linalg.solve_discrete_lyapunov", Z / 9, Z, method, tracked=(0, 1), **quick)


# ---------------------------------------------------------------- factorisations


@pytest.mark.parametrize("lower", [False, True])
def test_cholesky(lower):
    symmetric("cholesky", POSITIVE, second=True, lower=lower)
    symmetric("cholesky", HERMITIAN, lower=lower)
    symmetric("cho_factor", POSITIVE, lower=lower)
    c = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
    for b in (B, V):
        expected = of_scipy("linalg.cho_solve")((c, lower), b)
        np.testing.assert_allclose(pg.scipy.linalg.cho_solve((c, lower), b), expected)

    def by_factor(a):
        return pg.scipy.linalg.cho_solve(pg.scipy.linalg.cho_factor(a, lower=lower), V)

    got = pg.jacrev(by_factor)(POSITIVE)
    full = pg.jacrev(lambda a: pg.scipy.linalg.solve((a + a.mT) / 2, V))(POSITIVE)
    np.testing.assert_allclose(got, full, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("a", [X, TALL, WIDE, Z, STACK], ids=["square", "tall", "wide", "complex",
                                                             "stack"])  # fmt: skip
def test_lu(a):
    full = a is X
    options = {"second": full, "maps": full, "others": ("torch", "jax") if full else ()}
    judge_scipy("linalg.lu_factor", a, **options)
    for kwargs in ({}, {"permute_l": True}, {"p_indices": True}):
        judge_scipy("linalg.lu", a, **kwargs, **quick)


@pytest.mark.parametrize("trans", [0, 1, 2])
def test_lu_solve(trans):
    for a, b in ((X, V), (Z, C)):
        factors = of_scipy("linalg.lu_factor")(a)
        expected = of_scipy("linalg.lu_solve")(factors, b, trans)
        np.testing.assert_allclose(pg.scipy.linalg.lu_solve(factors, b, trans), expected)

    def by_factors(a, b):
        return pg.scipy.linalg.lu_solve(pg.scipy.linalg.lu_factor(a), b, trans=trans)

    def directly(a, b):
        return pg.linalg.solve(a.mT if trans else a, b)

    for argnums in (0, 1):
        got = pg.jacrev(by_factors, argnums=argnums)(X, V)
        np.testing.assert_allclose(got, pg.jacrev(directly, argnums=argnums)(X, V), atol=1e-12)
    batch = np.stack([X, X.T])
    np.testing.assert_allclose(
        pg.vmap(by_factors, in_axes=(0, None))(batch, V), [directly(a, V) for a in batch]
    )


@pytest.mark.parametrize("mode", ["full", "economic", "r"])
def test_qr(mode):
    judge_scipy("linalg.qr", X, mode=mode, maps=False, second=False, **alone)
    judge_scipy("linalg.qr", X, mode=mode, pivoting=True, **quick)
    judge_scipy("linalg.qr", WIDE, mode=mode, **quick)
    judge_scipy("linalg.qr", Z, mode=mode, **quick)
    if mode != "full":
        judge_scipy("linalg.qr", TALL, mode=mode, **quick)
        judge_scipy("linalg.qr", TALL, mode=mode, pivoting=True, **quick)


@pytest.mark.parametrize("lower", [False, True])
def test_eigh(lower):
    symmetric("eigvalsh", HERMITIAN, lower=lower, second=True)
    for driver in (None, "ev", "evd", "evx"):
        check_eigh((POSITIVE,), lower=lower, driver=driver)
    for type in (1, 2, 3):
        check_eigh((POSITIVE, HERMITIAN.real), lower=lower, type=type)
    check_eigh((HERMITIAN, HERMITIAN + np.eye(4)), lower=lower)


def check_eigh(matrices, **kwargs):
    """Eigenvectors are unique up to a phase, which rounding errors turn."""

    def free(matrices):
        symmetric = [(pg.asarray(a) + pg.conj(pg.asarray(a).mT)) / 2 for a in matrices]
        w, v = pg.scipy.linalg.eigh(*symmetric, **kwargs)
        return [w, pg.abs(v) ** 2]

    w, v = of_scipy("linalg.eigh")(*matrices, **kwargs)
    got = pg.scipy.linalg.eigh(*matrices, **kwargs)
    np.testing.assert_allclose(got[0], w, rtol=1e-9)
    np.testing.assert_allclose(np.abs(got[1]), np.abs(v), rtol=1e-9)
    if len(matrices) == 1:
        np.testing.assert_allclose(got[1], v, rtol=1e-12)
    check_derivatives(lambda *xs: free(xs), *matrices, second=len(matrices) == 2)


def test_svd():
    judge_scipy("linalg.svd", X, rtol=1e-10, **alone)
    judge_scipy("linalg.svd", TALL, full_matrices=False, rtol=1e-10, **quick)
    judge_scipy("linalg.svd", TALL, compute_uv=False, **quick)
    judge_scipy("linalg.svdvals", WIDE, **alone)


@pytest.mark.parametrize("side", ["right", "left"])
def test_polar(side):
    for a in (X, TALL, WIDE, Z):
        judge_scipy("linalg.polar", a, side, second=a is TALL, maps=a is X,
                    others=("jax",) if a is TALL else ())  # fmt: skip
    judge_scipy("linalg.polar", np.eye(3) * 2, side, **quick)  # equal singular values


def test_norm():
    judge_scipy("linalg.norm", X, **alone)
    judge_scipy("linalg.norm", V, **quick)
    for ord in (1, 2, -1, np.inf, "nuc"):
        judge_scipy("linalg.norm", X, ord, **quick)
    judge_scipy("linalg.norm", X, 3, 0, True, **quick)
    judge_scipy("linalg.norm", STACK, "fro", (0, 2), **quick)


# ---------------------------------------------------------------- functions of matrices

FUNCTIONS = ["expm", "cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_matrices(name):
    full = name in ("expm", "sinm")
    judge_scipy(f"linalg.{name}", STACK[0] / 4, second=full, maps=full,
                others=("torch", "jax") if full else ())  # fmt: skip
    judge_scipy(f"linalg.{name}", Z[:3, :3] / 4, **quick)
    judge_scipy(f"linalg.{name}", STACK / 4, rtol=1e-10, **quick)


@pytest.mark.parametrize("name", ["logm", "sqrtm"])
def test_logarithm_and_root(name):
    judge_scipy(f"linalg.{name}", STACK[0], rtol=1e-11, others=("torch",))
    judge_scipy(f"linalg.{name}", Z, rtol=1e-11, **quick)
    judge_scipy(f"linalg.{name}", STACK, rtol=1e-11, **quick)


def test_root_of_negative_eigenvalues():
    a = np.array([[-2.0, 1.0], [0.5, -3.0]])
    judge_scipy("linalg.sqrtm", a, rtol=1e-11, maps=False, second=False, others=())
    np.testing.assert_allclose(pg.scipy.linalg.logm(a), of_scipy("linalg.logm")(a))
    with pytest.raises(pg.PluggradError, match="below 0"):
        pg.grad(lambda a: pg.real(pg.scipy.linalg.logm(a)).sum())(a)


def test_expm_frechet():
    judge_scipy("linalg.expm_frechet", X, Z.imag, tracked=(0, 1), rtol=1e-11, **alone)
    judge_scipy("linalg.expm_frechet", X, Z.imag, "blockEnlarge", False, tracked=(0, 1), **quick)


def test_arrays_of_two_libraries_are_refused():
    torch = needs("torch")
    with pytest.raises(pg.errors.MixedBackendsError):
        pg.scipy.linalg.solve(pg.Variable(torch.eye(4)), V)


def test_numbers():
    for name in ("expm",):
        np.testing.assert_allclose(getattr(pg.scipy.linalg, name)(2.0),
                                   of_scipy(f"linalg.{name}")(2.0))  # fmt: skip
    np.testing.assert_allclose(pg.scipy.linalg.solve(2.0, [3.0]), [1.5])
    np.testing.assert_allclose(pg.scipy.linalg.cholesky([[4]]), [[2.0]])


# ---------------------------------------------------------------- structured matrices


def test_toeplitz():
    judge_scipy("linalg.toeplitz", V, **alone)
    judge_scipy("linalg.toeplitz", V, TALL[:, 0], tracked=(0, 1))
    judge_scipy("linalg.toeplitz", Z[0], **quick)
    judge_scipy("linalg.toeplitz", STACK[0], V, tracked=(0, 1), **quick)


def test_structured():
    judge_scipy("linalg.circulant", V, **alone)
    judge_scipy("linalg.circulant", B, **quick)
    judge_scipy("linalg.hankel", V, **alone)
    judge_scipy("linalg.hankel", V, TALL[:, 0], tracked=(0, 1), **quick)
    judge_scipy("linalg.companion", V, **alone)
    judge_scipy("linalg.companion", B.T, **quick)
    judge_scipy("linalg.khatri_rao", TALL, STACK[0], tracked=(0, 1), **alone)
    judge_scipy("linalg.block_diag", TALL, V, X, tracked=(0, 1, 2))
    judge_scipy("linalg.block_diag", STACK, V, tracked=(0, 1), **quick)
    for name in ("toeplitz", "circulant", "hankel"):
        found = getattr(pg.scipy.linalg, name)(np.arange(3))
        assert found.dtype == np.arange(3).dtype
    assert pg.scipy.linalg.toeplitz(np.zeros((2, 0)), np.ones(3)).shape == (2, 0, 3)
    assert pg.scipy.linalg.block_diag([1, 2], [[3]]).shape == (2, 3)
    assert pg.scipy.linalg.block_diag().shape == of_scipy("linalg.block_diag")().shape


def test_what_falls_through():
    np.testing.assert_array_equal(pg.scipy.linalg.hilbert(3), of_scipy("linalg.hilbert")(3))
    balanced, _ = pg.scipy.linalg.matrix_balance(X)
    np.testing.assert_array_equal(balanced, of_scipy("linalg.matrix_balance")(X)[0])
    v = pg.Variable(X, requires_grad=True)
    for call in (pg.scipy.linalg.null_space, pg.scipy.linalg.orth,
                 lambda v: pg.scipy.linalg.funm(v, np.exp)):  # fmt: skip
        with pytest.raises(pg.PluggradError, match="no derivative"):
            call(v)


# ---------------------------------------------------------------- odd calls


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "message"),
    [
        ("solve", (X, B), {"assume_a": "odd"}, "no kind"),
        ("solve", (TALL, B), {}, "square"),
        ("solve", (X, B[:2]), {}, "right-hand"),
        ("solve", (Z, C), {"transposed": True}, "transpose"),
        ("solve", (np.zeros((2, 2)), np.ones(2)), {}, "ingular"),
        ("solve", (0.0, np.ones(1)), {}, "singular"),
        ("solve", (X * np.nan, B), {}, "inf or nan"),
        ("solve_triangular", (np.zeros((2, 2)), np.ones(2)), {}, "singular"),
        ("solve_triangular", (X, B), {"trans": 3}, "trans"),
        ("solve_banded", ((1, 1), X, V), {}, "diagonals"),
        ("solve_banded", (3, X, V), {}, "pair"),
        ("solve_banded", ((1, 1), np.zeros((3, 4)), V), {}, "singular"),
        ("solveh_banded", (-np.ones((2, 4)), V), {}, "positive definite"),
        ("inv", (X,), {"assume_a": "odd"}, "no kind"),
        ("inv", (np.zeros((2, 2)),), {}, "ingular"),
        ("inv", ("x",), {}, "takes"),
        ("cholesky", (-X,), {}, "positive"),
        ("lstsq", (TALL, np.ones(5)), {"lapack_driver": "gelsy"}, "gelsy"),
        ("pinv", (TALL,), {"rtol": -1.0}, "negative"),
        ("eigh", (POSITIVE,), {"driver": "gvd"}, "driver"),
        ("eigvalsh", (POSITIVE, POSITIVE), {"type": 4}, "type"),
        ("svd", (X,), {"lapack_driver": "gesvd"}, "gesvd"),
        ("qr", (X,), {"mode": "raw"}, "raw"),
        ("qr", (X,), {"mode": "odd"}, "mode"),
        ("qr", (V,), {}, "matrices"),
        ("polar", (X, "up"), {}, "side"),
        ("lu_solve", ((X, [0, 1, 2, 3]), B), {"trans": 3}, "trans"),
        ("logm", (X,), {"disp": False}, "disp"),
        ("expm", (V,), {}, "square"),
        ("expm_frechet", (X, X), {"method": "odd"}, "method"),
        ("solve_sylvester", (X, X, B), {}, "shape"),
        ("solve_discrete_lyapunov", (X, X, "odd"), {}, "method"),
        ("companion", (np.array([0.0, 1.0]),), {}, "coefficient"),
        ("khatri_rao", (X, TALL), {}, "columns"),
        ("hankel", ([],), {}, "empty"),
    ],
)
def test_odd_calls(name, args, kwargs, message):
    with pytest.raises(pg.PluggradError, match=message), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getattr(pg.scipy.linalg, name)(*args, **kwargs)
