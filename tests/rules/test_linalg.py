"""Linear algebra: central differences on NumPy, then torch.autograd and every other backend.

Factors are tested through functions that do not depend on their gauge (signs, phases, bases).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from tests.support.backends import OTHERS
from tests.support.derivatives import check_derivatives, host, random_like
from tests.support.linalg_rows import (
    BATCH,
    DTYPES,
    LINALG_CASES,
    LINALG_ROWS,
    shapes_of,
    squared_modulus,
)
from tests.support.optional import needs
from tests.support.slow import slow_if

L = pg.linalg


def arrays_for(shapes: Any, dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(len(shapes) + sum(map(sum, shapes)))
    return [np.asarray(random_like(np.empty(shape, dtype), rng) + 1.5 * np.eye(*shape[-2:])
                       if len(shape) > 1 else random_like(np.empty(shape, dtype), rng))
            for shape in shapes]  # fmt: skip


@pytest.mark.parametrize("f, shapes, dtype", LINALG_ROWS)
def test_against_differences(f: Any, shapes: Any, dtype: str) -> None:
    # Squares of these inputs may be ill-conditioned; the second order has its own test below.
    check_derivatives(f, *arrays_for(shapes, dtype), second=False)


def derivatives(f: Any, arrays: Any, convert: Any) -> list[np.ndarray]:
    """Gradients of a real loss, and the gradients of a function of these."""
    rng = np.random.default_rng(1)
    leaves = [pg.Variable(convert(x), requires_grad=True) for x in arrays]
    found = f(*leaves)
    total: Any = 0.0
    for y in found if isinstance(found, tuple) else (found,):
        weight = convert(rng.standard_normal(y.shape))
        total = total + pg.sum(pg.real(y) * weight)
        if "complex" in str(y.dtype):
            total = total + pg.sum(pg.imag(y) * weight)
    first = pg.autograd.grad(total, leaves, create_graph=True)
    again: Any = 0.0
    for g in first:
        again = again + pg.sum(pg.real(g * convert(rng.standard_normal(g.shape))))
    second = pg.autograd.grad(again, leaves, materialize_grads=True) if again.requires_grad else ()
    return [host(g) for g in (*first, *second)]


@pytest.mark.filterwarnings("ignore:the function returned a value that does not depend")  # ord=0
@pytest.mark.parametrize("f, shapes, dtype", LINALG_ROWS)
def test_second_order(f: Any, shapes: Any, dtype: str) -> None:
    """The second derivative along t, against a difference of gradients."""
    arrays = arrays_for(shapes, dtype)
    rng = np.random.default_rng(2)
    tangents = [random_like(x, rng) for x in arrays]

    def gradients(*xs: Any) -> Any:
        def total(*zs: Any) -> Any:
            found = f(*zs)
            return sum(pg.sum(squared_modulus(y)) + pg.sum(pg.real(y) ** 3)
                       for y in (found if isinstance(found, tuple) else (found,)))  # fmt: skip

        return pg.grad(total, argnums=tuple(range(len(xs))))(*xs)

    _, found = pg.jvp(lambda *xs: gradients(*xs), tuple(arrays), tuple(tangents))
    h = 1e-6
    ahead = gradients(*[x + h * t for x, t in zip(arrays, tangents, strict=True)])
    behind = gradients(*[x - h * t for x, t in zip(arrays, tangents, strict=True)])
    for mine, a, b in zip(found, ahead, behind, strict=True):
        expected = (a - b) / (2 * h)
        tolerance = 1e-5 * (1 + np.abs(expected).max())
        np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize(
    "name, dtype, backend",
    [slow_if(backend == "jax" and n % 2 > 0, name, dtype, backend)
     for n, name in enumerate(LINALG_CASES) for backend in OTHERS
     for dtype in (DTYPES[1:] if backend == "jax" else DTYPES)],  # JAX compiles for minutes
)  # fmt: skip
def test_backends_agree(name: str, dtype: str, backend: str) -> None:
    f, tests = LINALG_CASES[name]
    xp = pg.namespace(backend)
    general = name in ("eig", "eigvals")
    if general and (dtype == "float64" or not hasattr(get_backend(backend).xp.linalg, "eig")):
        pytest.skip("no general eigenvalues there, or NumPy's own are real")
    arrays = arrays_for(shapes_of(tests[-1]), dtype)
    mine = derivatives(f, arrays, lambda a: xp.asarray(np.asarray(a)).data)
    reference = derivatives(f, arrays, np.asarray)
    assert len(mine) == len(reference)
    for a, b in zip(mine, reference, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_precision_is_kept(dtype: str) -> None:
    x = (arrays_for([(3, 3)], "complex128" if dtype == "complex64" else "float64")[0]).astype(dtype)
    names = "cholesky det eigh inv matrix_norm pinv qr slogdet svd trace"
    for name in names.split():
        for g in derivatives(LINALG_CASES[name][0], [x], np.asarray):
            assert g.dtype == dtype and np.isfinite(g).all(), name


NAMES = "cholesky det diagonal eigvalsh inv svdvals trace"


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3)])
@pytest.mark.parametrize("name", NAMES.split())
def test_empty(name: str, shape: Any) -> None:
    x = pg.Variable(np.zeros(shape), requires_grad=True)
    pg.sum(getattr(L, name)(x)).backward()
    assert x.grad.shape == shape


# ---------------------------------------------------------------- conventions


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning:numpy")
@pytest.mark.parametrize("order", [0, 1, 2, 3, 1.5, 0.5, -1, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_vector_norm_at_zero_has_gradient_zero(order: Any, dtype: str) -> None:
    g = pg.grad(lambda x: L.vector_norm(x, ord=order))(np.zeros(3, dtype))
    assert g.dtype == dtype and (g == 0).all()


def test_largest_entries_share_the_norm_evenly() -> None:
    g = pg.grad(lambda x: L.vector_norm(x, ord=np.inf))(np.asarray([3.0, -3.0, 1.0]))
    np.testing.assert_array_equal(g, [0.5, -0.5, 0.0])
    g = pg.grad(lambda x: L.vector_norm(x, ord=-np.inf))(np.asarray([3.0, -2.0, 2.0]))
    np.testing.assert_array_equal(g, [0.0, -0.5, 0.5])


def cofactors(x: np.ndarray) -> np.ndarray:
    n = x.shape[-1]
    found = np.empty_like(x)
    for i in range(n):
        for j in range(n):
            rest = np.delete(np.delete(x, i, 0), j, 1)
            found[i, j] = (-1) ** (i + j) * np.linalg.det(rest)
    return found


SINGULAR = {
    "zeros": np.zeros((3, 3)), "zero": np.zeros((1, 1)), "2 zeros": np.zeros((2, 2)),
    "ones": np.ones((3, 3)), "rank 1": np.diag([1.0, 0.0, 0.0]), "identity": np.eye(4),
    "counting": np.arange(1.0, 10.0).reshape(3, 3), "near": np.diag([1.0, 1e-9, 1e-11]),
    "complex": np.outer([1, 2j, 1 + 1j], [1j, 2, 3]),
}  # fmt: skip


@pytest.mark.parametrize("x", SINGULAR.values(), ids=SINGULAR)
def test_det_at_singular_matrices(x: np.ndarray) -> None:
    t = random_like(x, np.random.default_rng(0))
    gradient = pg.grad(lambda z: pg.real(L.det(z)))
    np.testing.assert_allclose(gradient(x), np.conj(cofactors(x)), atol=1e-13)
    _, along = pg.jvp(gradient, (x,), (t,))
    expected = np.conj((cofactors(x + 1e-4 * t) - cofactors(x - 1e-4 * t)) / 2e-4)
    np.testing.assert_allclose(along, expected, atol=1e-6)
    leaf = pg.Variable(x, requires_grad=True)
    (g,) = pg.autograd.grad(pg.real(L.det(leaf)), [leaf], create_graph=True)
    (again,) = pg.autograd.grad(pg.sum(pg.real(g * np.conj(t))), [leaf])
    np.testing.assert_allclose(again.data, along, atol=1e-12)  # the second derivative is symmetric


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_equal_eigenvalues() -> None:
    """Eigenvalues have a subgradient; eigenvectors have none, and say so."""
    g = pg.grad(lambda x: pg.sum(L.eigh(x)[0] * np.asarray([1.0, 2.0, 3.0])))(np.eye(3))
    assert sorted(np.linalg.eigvalsh(g)) == pytest.approx([1, 2, 3])
    np.testing.assert_allclose(pg.grad(lambda x: pg.sum(L.svdvals(x)))(np.eye(3)), np.eye(3))
    g = pg.grad(lambda x: pg.sum(L.eigh(x)[1] * np.arange(9.0).reshape(3, 3)))(np.eye(3))
    assert not np.isfinite(g).any()


@pytest.mark.parametrize("f", [lambda x: L.cholesky(x), lambda x: L.eigh(x)[1] ** 2])
def test_cotangents_are_hermitian(f: Any) -> None:
    x = arrays_for([(3, 3)], "float64")[0]
    g = pg.grad(lambda z: pg.sum(f(z) * np.cos(np.arange(9.0)).reshape(3, 3)))(x @ x.T + np.eye(3))
    np.testing.assert_allclose(g, g.T, atol=1e-12)
    assert np.abs(g).max() > 1e-3


def test_solve_is_solved_once_in_the_walk_and_anew_in_the_next() -> None:
    a, b = arrays_for([(3, 3), (3,)], "float64")
    u, v = pg.Variable(a, requires_grad=True), pg.Variable(b, requires_grad=True)
    y = L.solve(u, v)
    seed = np.ones(3)
    (g_a,) = pg.autograd.grad(y, [u], seed, retain_graph=True)
    expected = -np.outer(np.linalg.solve(a.T, seed), np.linalg.solve(a, b))
    np.testing.assert_allclose(g_a.data, expected)
    seed *= 2.0  # the same array, other values
    (g_b,) = pg.autograd.grad(y, [v], seed, retain_graph=True)
    np.testing.assert_allclose(g_b.data, np.linalg.solve(a.T, seed))
    g_a, g_b = pg.autograd.grad(y, [u, v], seed)
    np.testing.assert_allclose(g_a.data, -np.outer(g_b.data, np.linalg.solve(a, b)))


def test_diagonal_is_a_view() -> None:
    x = pg.Variable(np.arange(12.0).reshape(3, 4), requires_grad=True)
    w = pg.Variable(np.asarray([1.0, 2.0, 3.0]), requires_grad=True)
    y = x * 1
    L.diagonal(y, offset=1)[...] = w
    L.diagonal(y)[1:] *= 2
    np.testing.assert_array_equal(y.data, [[0, 1, 2, 3], [4, 10, 2, 7], [8, 9, 20, 3]])
    pg.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad.data, [[0, 0, 4, 6], [8, 40, 0, 14], [16, 18, 80, 0]])
    np.testing.assert_array_equal(w.grad.data, [2, 4, 6])


def test_rank_is_a_constant() -> None:
    x = pg.Variable(np.eye(3), requires_grad=True)
    rank = L.matrix_rank(x)
    assert int(rank) == 3 and not rank.requires_grad


def test_unknown_norm() -> None:
    with pytest.raises(ValueError, match="ord"):
        L.matrix_norm(pg.Variable(np.eye(2), requires_grad=True), ord=7)


# ---------------------------------------------------------------- torch.autograd

TORCH_NAMES = ["inv", "det", "slogdet", "pinv", "qr", "svdvals", "solve", "cholesky", "eigvalsh"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TORCH_NAMES)
def test_against_torch(name: str, dtype: str) -> None:
    torch = needs("torch")
    rng = np.random.default_rng(3)
    arrays = arrays_for([BATCH, BATCH] if name == "solve" else [BATCH], dtype)
    if name in ("cholesky", "eigvalsh"):
        arrays = [x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(3) for x in arrays]
    ours = [pg.Variable(x, requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    totals: list[Any] = [0.0, 0.0]
    ys, zs = getattr(L, name)(*ours), getattr(torch.linalg, name)(*theirs)
    ys, zs = (ys, zs) if isinstance(ys, tuple) else ((ys,), (zs,))
    for y, z in zip(ys, zs, strict=True):
        w = random_like(np.empty(z.shape, z.detach().numpy().dtype), rng)
        totals[0] = totals[0] + pg.sum(pg.real(y * w))
        totals[1] = totals[1] + torch.real(z * torch.tensor(w)).sum()
    mine = pg.autograd.grad(totals[0], ours, create_graph=True)
    reference = torch.autograd.grad(totals[1], theirs, create_graph=True)

    def compare(a: Any, b: Any) -> None:
        a, b = a.detach().numpy(), b.detach().resolve_conj().numpy()
        if name in ("cholesky", "eigvalsh"):  # torch's need not be Hermitian
            b = (b + np.conj(np.swapaxes(b, -1, -2))) / 2
            a = (a + np.conj(np.swapaxes(a, -1, -2))) / 2
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)

    for a, b in zip(mine, reference, strict=True):
        compare(a, b)
    tangents = [random_like(x, rng) for x in arrays]
    if name in ("cholesky", "eigvalsh"):
        tangents = [t + np.conj(np.swapaxes(t, -1, -2)) for t in tangents]
    again = sum(pg.sum(pg.real(g * t)) for g, t in zip(mine, tangents, strict=True))
    expected = sum(
        torch.real(g * torch.tensor(t)).sum() for g, t in zip(reference, tangents, strict=True)
    )
    mine, reference = pg.autograd.grad(again, ours), torch.autograd.grad(expected, theirs)
    for a, b in zip(mine, reference, strict=True):
        compare(a, b)


#: Functions of a matrix that no sign of a factor changes, of which the adjoint is transposed.
FACTORED: dict[str, Any] = {
    "pinv": lambda xp, x: xp.linalg.pinv(x[:, :2]),
    "cholesky": lambda xp, x: xp.linalg.cholesky(x @ x.T),
    "qr": lambda xp, x: xp.linalg.qr(x)[1] ** 2,
    "svd": lambda xp, x: xp.linalg.svd(x)[1],
    "slogdet": lambda xp, x: xp.linalg.slogdet(x)[1],
    "solve": lambda xp, x: xp.linalg.solve(x, x[0, :]),
}


@pytest.mark.parametrize("backend", ["numpy", *[b for b in OTHERS if b == "strict"]])
@pytest.mark.parametrize("name", FACTORED)
def test_forward_mode_of_a_batch_and_twice(name: str, backend: str) -> None:
    # Tangents are Variables then, and not every library lets its arrays meet those in operators.
    f, raw, h = FACTORED[name], np.random.default_rng(1).standard_normal((3, 3)), 1e-4
    x = get_backend(backend).raw("asarray")(raw)

    def mine(v: Any) -> Any:
        return f(pg, v)

    steps = np.reshape(h * np.eye(9), (9, 3, 3))
    slopes = [(f(np, raw + d) - f(np, raw - d)) / (2 * h) for d in steps]
    found = np.asarray(pg.jacfwd(mine)(x))
    expected = np.reshape(np.stack(slopes, axis=-1), found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    _, twice = pg.jvp(lambda v: pg.jvp(mine, (v,), (x,))[1], (x,), (x,))
    bend = (f(np, raw + h * raw) - 2 * f(np, raw) + f(np, raw - h * raw)) / h**2
    np.testing.assert_allclose(np.asarray(twice), bend, rtol=1e-5, atol=1e-5)
