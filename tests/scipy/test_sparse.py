"""`scipy.sparse`: every expression is judged by SciPy's own sparse matrices, by their data."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy

needs("scipy")
RNG = np.random.default_rng(11)
#: A square matrix with an empty row and column, and a wide one, in triples without order.
ROWS, COLUMNS = np.asarray([4, 0, 2, 2, 0, 4, 1]), np.asarray([0, 1, 2, 4, 0, 4, 1])
D = RNG.normal(size=7) + 2.0
WIDE = (np.asarray([2, 0, 1, 2]), np.asarray([5, 0, 3, 1]))
E = RNG.normal(size=4)
V, X = RNG.normal(size=5), RNG.normal(size=(5, 2))
S = pg.scipy.sparse
KINDS = ["csr_array", "csc_array", "coo_array", "csr_matrix", "csc_matrix", "coo_matrix"]


def judge(call, *args, **kwargs):
    """Judge ``call(S, *args)``, where S is `scipy.sparse` of SciPy's or ours."""

    def use(linalg, *xs):
        y = call(sys.modules[linalg.__name__.rpartition(".")[0]], *xs)
        return y.toarray() if hasattr(y, "toarray") else y

    kwargs = {"others": (), "maps": False, "second": False, "tracked": range(len(args))} | kwargs
    judge_scipy("sparse.linalg", *args, use=use, **kwargs)


def square(s, data, kind="csr_array"):
    return getattr(s, kind)((data, (ROWS, COLUMNS)), shape=(5, 5))


def wide(s, data, kind="csr_array"):
    return getattr(s, kind)((data, WIDE), shape=(5, 6))


@pytest.mark.parametrize("kind", KINDS)
def test_products(kind):
    full = functools.partial(judge, maps=True, second=True, others=("torch", "jax"))
    full(lambda s, d, v: square(s, d, kind) @ v, D, V)
    full(lambda s, d, x: square(s, d, kind) @ x, D, X)
    judge(lambda s, v, d: wide(s, d, kind) @ v, np.ones(6), E, maps=True)
    judge(lambda s, x, d: wide(s, d, kind) @ x, np.ones((6, 3)), E, maps=True)
    judge(lambda s, d, v: wide(s, d, kind).T @ v, E, V)
    judge(lambda s, d, v: v @ wide(s, d, kind), E, V)
    judge(lambda s, d, x: x.T @ wide(s, d, kind), E, X)
    judge(lambda s, d, v: wide(s, d, kind).dot(v), E, np.ones(6))
    judge(lambda s, d, v: square(s, d, kind) @ v, D * (1 + 2j), V * 1j)
    judge(lambda s, d, v: square(s, d, kind).T.conj() @ v, D * (1 + 2j), V * 1j)
    judge(lambda s, d, v: square(s, d, kind) @ v, D.astype(np.float32), V, tracked=(1,))
    judge(lambda s, d, e: square(s, d, kind) @ wide(s, e, "csc_array"), D, E, second=True)


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "coo_array", "dia_array", "bsr_array"])
def test_constant_matrices_of_scipy(kind):
    """SciPy's own matrices, in every format, are taken as they are."""
    import scipy.sparse as theirs

    a = getattr(theirs, kind)(theirs.coo_array((D, (ROWS, COLUMNS)), shape=(5, 5)))
    judge(lambda s, x: getattr(s, kind)(a) @ x, X, maps=True, others=("torch", "jax"))
    got = getattr(S, kind)(a).host()
    assert type(got) is type(a) and abs(got - a).sum() == 0
    integers = theirs.csr_array(np.eye(5, dtype=np.int64))
    judge(lambda s, x: s.csr_array(integers) @ x, X)


@pytest.mark.parametrize("kind", KINDS)
def test_elements(kind):
    made = functools.partial(square, kind=kind)
    for call in (
        lambda a: a + a.T, lambda a: a - 2 * a.T, lambda a: -a, lambda a: a * 3.0, lambda a: 3.0 * a,
        lambda a: a / 2.0, lambda a: abs(a), lambda a: a.power(2), lambda a: a.multiply(a.T),
        lambda a: a.multiply(X[:, :1]), lambda a: a.multiply(V), lambda a: a.multiply(2.0),
        lambda a: a.sin(), lambda a: a.sqrt(), lambda a: a.expm1(), lambda a: a.arcsinh(),
        lambda a: a.tocsr(), lambda a: a.tocsc(), lambda a: a.tocoo(), lambda a: a.copy(),
        lambda a: a[1:4, ::2], lambda a: a[[0, 2, 4], :], lambda a: a[:, [4, 0]],
        lambda a: a.reshape((1, 25)), lambda a: a.conj(), lambda a: a.asformat("csr") @ a,
        lambda a: a.tocsr()[:3].T,
    ):  # fmt: skip
        judge(lambda s, d, call=call: call(made(s, d).tocsr()), D, second=True)
    if kind.endswith("array"):
        judge(lambda s, d: made(s, d).tocsr()[2], D)
        judge(lambda s, d: made(s, d).tocsr()[:, 4], D)
    else:
        judge(lambda s, d: made(s, d).tocsr()[2], D)
    for call in (
        lambda a: a.sum(), lambda a: a.mean(), lambda a: a.trace(), lambda a: a.diagonal(),
        lambda a: a.diagonal(2), lambda a: a.diagonal(-4), lambda a: a[0, 1], lambda a: a[1, 0],
        lambda a: a.toarray(),
    ):  # fmt: skip
        judge(lambda s, d, call=call: call(made(s, d).tocsr()), D)
    for axis in (0, 1, -1):
        judge(lambda s, d, axis=axis: np_array(made(s, d).sum(axis=axis)), D)
        judge(lambda s, d, axis=axis: np_array(made(s, d).mean(axis=axis)), D)


def np_array(y):
    """SciPy's older classes answer with `numpy.matrix`."""
    return np.asarray(y) if isinstance(y, np.matrix) else y


def test_the_older_classes_multiply_as_matrices():
    judge(lambda s, d, v: square(s, d, "csr_matrix") * v, D, V)
    judge(lambda s, d: square(s, d, "csr_matrix") * square(s, d, "csc_matrix"), D)
    judge(lambda s, d: square(s, d, "csr_matrix") ** 3, D)
    judge(lambda s, d: square(s, d, "csr_array") ** 3, D)
    judge(lambda s, d, v: square(s, d, "csr_array") * v, D, V)


def test_how_matrices_are_made():
    indices, starts = np.asarray([1, 0, 2, 1]), np.asarray([0, 2, 2, 4])
    for kind in ("csr_array", "csc_array"):
        judge(lambda s, d, k=kind: getattr(s, k)((d, indices, starts), shape=(3, 3)) @ V[:3], E)
        judge(lambda s, d, k=kind: getattr(s, k)((d, indices, starts)).toarray(), E)
    judge(lambda s, d: s.coo_array((d, ([0, 0, 1, 1], [1, 1, 0, 0]))), E)  # duplicates
    judge(lambda s, d: s.csr_array((d, ([0, 0, 1, 1], [1, 1, 0, 0]))).data, E)
    judge(lambda s, d: s.dia_array((d, [0, -2, 1]), shape=(5, 4)), RNG.normal(size=(3, 4)))
    blocks = RNG.normal(size=(3, 2, 2))
    judge(lambda s, d: s.bsr_array((d, [0, 1, 1], [0, 2, 3]), shape=(4, 4)), blocks)
    judge(lambda s, x: s.csr_array(x) @ V, RNG.normal(size=(3, 5)), maps=True)
    judge(lambda s, x: s.csc_array(x) @ V, RNG.normal(size=(3, 5)))
    dense = np.asarray([[0.0, 2.0], [0.0, 0.0]])  # zeros have gradients, too
    judge(lambda s, x: s.csr_array(x) @ V[:2], dense)
    assert S.csr_array(dense).nnz == 1
    assert S.csr_array((3, 4)).shape == (3, 4) and S.csr_array(S.csr_array(dense)).nnz == 1


def test_structures():
    a, b = functools.partial(square), functools.partial(wide, kind="coo_array")
    for call in (
        lambda s, d, e: s.hstack([a(s, d), b(s, e)]),
        lambda s, d, e: s.vstack([b(s, e), b(s, d[:4] * e)], format="csr"),
        lambda s, d, e: s.block_array([[a(s, d), b(s, e)], [None, b(s, e)]]),
        lambda s, d, e: s.bmat([[a(s, d), None], [None, b(s, e)]], format="csc"),
        lambda s, d, e: s.block_diag([a(s, d), b(s, e), [[3.0]]]),
        lambda s, d, e: s.kron(a(s, d), b(s, e)), lambda s, d, e: s.kronsum(a(s, d), a(s, d * e[0])),
        lambda s, d, e: s.diags_array([d, e], offsets=[0, 3]),
        lambda s, d, e: s.diags([d, e[:1]], [0, 3], shape=(7, 7), format="csr"),
    ):  # fmt: skip
        judge(call, D, E, second=True)
    for call in (
        lambda s, d: s.tril(a(s, d), k=-1), lambda s, d: s.triu(a(s, d), k=1, format="csr"),
        lambda s, d: s.diags_array(d, offsets=-2), lambda s, d: s.diags(d),
        lambda s, d: s.eye_array(5) - a(s, d), lambda s, d: s.identity(5) @ a(s, d),
    ):  # fmt: skip
        judge(call, D)
    judge(lambda s, d: s.spdiags(d, [0, 1], 4, 4), RNG.normal(size=(2, 4)))
    judge(lambda s, d: s.find(square(s, d))[2], np.sort(D))
    assert S.issparse(S.eye(3)) and S.isspmatrix(S.eye(3)) and not S.isspmatrix(S.eye_array(3))


def test_beside_matrices_of_scipy():
    """SciPy's own matrices leave the operation to ours, on either side."""
    import scipy.sparse as theirs

    a = theirs.csr_array((D[::-1].copy(), (ROWS, COLUMNS)), shape=(5, 5))
    for call in (
        lambda b: a @ b, lambda b: b @ a, lambda b: a + b, lambda b: b - a, lambda b: a - b,
        lambda b: b.multiply(a), lambda b: X.T @ b, lambda b: b @ X, lambda b: np.float64(2.0) * b,
    ):  # fmt: skip
        judge(lambda s, d, call=call: call(square(s, d)), D)


def test_what_else_scipy_offers_takes_constants():
    assert S.random_array((4, 4), density=0.5, rng=0).shape == (4, 4)
    a = S.csr_array((D, (ROWS, COLUMNS)), shape=(5, 5))
    assert a.count_nonzero() == 7 and a.has_sorted_indices
    assert S.csgraph.connected_components(a.host())[0] == 2
    with pytest.raises(pg.PluggradError, match="no derivative"):
        S.csr_array((pg.Variable(D, requires_grad=True), (ROWS, COLUMNS))).argmax()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: a @ np.ones(3), "5 rows"),
        (lambda a: a @ S.csr_array((3, 3)), "do not fit"),
        (lambda a: a + S.csr_array((3, 3)), "differ"),
        (lambda a: a + 1.0, "toarray"),
        (lambda a: a / a, "toarray"),
        (lambda a: a.no_such_name, "no attribute"),
        (lambda a: bool(a), "ambiguous"),
        (lambda a: len(a), "ambiguous"),
        (lambda a: a.multiply(np.ones(3)), "broadcast"),
        (lambda a: a**0, "ones"),
        (lambda a: S.linalg.eigs(a), "no derivative"),
        (lambda a: S.hstack([a, S.csr_array((3, 3))]), "hstack"),
        (lambda a: S.csr_array((pg.Variable(D), ROWS, COLUMNS)), "csr_array"),
        (lambda a: S.csc_array((pg.Variable(D), COLUMNS, [0, 9]), shape=(5, 1)), "csc_array"),
    ],
)
def test_odd_calls(call, message):
    a = S.csr_array((pg.Variable(D, requires_grad=True), (ROWS, COLUMNS)), shape=(5, 5))
    with pytest.raises(pg.PluggradError, match=message):
        call(a)
