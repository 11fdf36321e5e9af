"""Distances of points and of vectors, and vector quantization."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(2)
A, B = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3))
U, V = RNG.normal(size=5), RNG.normal(size=5)
P, Q = RNG.uniform(0.1, 1, size=(2, 5))
W, W5 = RNG.uniform(0.5, 2, size=3), RNG.uniform(0.5, 2, size=5)
METRICS = ["euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "braycurtis",
           "canberra", "cosine", "correlation", "seuclidean", "mahalanobis",
           "jensenshannon"]  # fmt: skip
quick = {"second": False, "maps": False, "others": ()}
module = pg.scipy.spatial.distance


def points(name):
    return (np.abs(A), np.abs(B)) if name in ("jensenshannon", "braycurtis") else (A, B)


@pytest.mark.parametrize("name", METRICS)
def test_cdist(name):
    a, b = points(name)
    full = name in ("euclidean", "cosine", "mahalanobis")
    others = ("torch", "jax") if name == "euclidean" else ()
    judge_scipy("spatial.distance.cdist", a, b, name, tracked=(0, 1), second=full, maps=full,
                others=others)  # fmt: skip
    if name not in ("seuclidean", "mahalanobis", "jensenshannon"):
        judge_scipy("spatial.distance.cdist", a, b, name, w=W,
                    tracked=(0, 1, "w")[: 2 + (name != "chebyshev")], **quick)  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_pdist(name):
    b = points(name)[1]
    full = name in ("sqeuclidean", "euclidean")
    judge_scipy("spatial.distance.pdist", b, name, second=full, maps=full,
                others=("torch", "jax") if full else ())  # fmt: skip
    if name not in ("seuclidean", "mahalanobis", "jensenshannon"):
        judge_scipy("spatial.distance.pdist", b, name, w=W,
                    tracked=(0, "w")[: 1 + (name != "chebyshev")], **quick)  # fmt: skip


def test_arguments_of_metrics():
    inverse = np.linalg.inv(A.T @ A) + 0.1 * RNG.normal(size=(3, 3))
    judge_scipy("spatial.distance.cdist", A, B, "mahalanobis", VI=inverse,
                tracked=(0, 1, "VI"), **quick)  # fmt: skip
    judge_scipy("spatial.distance.pdist", B, "seuclidean", V=W, tracked=(0, "V"), **quick)
    for p in (1, 1.5, 2, 3, np.inf):
        judge_scipy("spatial.distance.cdist", A, B, "minkowski", p=p, tracked=(0, 1), **quick)
        judge_scipy("spatial.distance.pdist", B, "minkowski", p=p, w=W, **quick)


@pytest.mark.parametrize("squared", [True, False])
def test_squared_distances_at_the_second_order(squared):
    name = "sqeuclidean" if squared else "euclidean"
    judge_scipy("spatial.distance.cdist", A, B, name, tracked=(0, 1), others=())


def test_names_and_functions():
    for metric in ("cityblock", "CB", "test_cityblock", of_scipy("spatial.distance.cityblock"),
                   module.cityblock):  # fmt: skip
        np.testing.assert_allclose(
            module.cdist(A, B, metric), of_scipy("spatial.distance.cdist")(A, B, "cityblock")
        )

    def metric(u, v, scale=1.0):
        return scale * pg.sum((u - v) ** 4)

    got = module.cdist(A, B, metric, scale=2.0)
    expected = 2 * np.sum((A[:, None] - B) ** 4, axis=-1)
    np.testing.assert_allclose(got, expected)
    np.testing.assert_allclose(
        module.pdist(A, metric), np.sum((A[:, None] - A) ** 4, axis=-1)[np.triu_indices(4, 1)]
    )
    g = pg.grad(lambda a: module.cdist(a, B, metric).sum())(A)
    np.testing.assert_allclose(g, np.sum(4 * (A[:, None] - B) ** 3, axis=1))


def test_gradients_of_near_points_are_precise():
    """Differences of near points that are far from all others keep their digits."""
    a = np.array([[1e3, 2e3], [-1.0, 5.0]])
    step = np.array([3e-7, 4e-7])
    b = np.stack([a[0] + step, -a[0]])
    g = pg.grad(lambda a: module.cdist(a, b)[0, 0])(a)
    exact = a[0] - b[0]
    np.testing.assert_allclose(g[0], exact / np.hypot(*exact), rtol=1e-12)
    g = pg.grad(lambda x: module.pdist(x)[0])(np.stack([a[0], b[0], a[1]]))
    np.testing.assert_allclose(g[0], exact / np.hypot(*exact), rtol=1e-12)


def test_equal_points():
    """The derivative of a distance of 0 is 0."""
    for name in ("euclidean", "cityblock", "chebyshev", "minkowski", "mahalanobis", "seuclidean"):
        kwargs = {"VI": np.eye(3)} if name == "mahalanobis" else {}
        kwargs |= {"V": np.ones(3)} if name == "seuclidean" else {}
        g = pg.grad(lambda a, n=name, k=kwargs: module.cdist(a, A[:1], n, **k).sum())(A[:1])
        np.testing.assert_array_equal(g, np.zeros((1, 3)))
    g = pg.grad(lambda x: module.pdist(x).sum())(np.ones((3, 2)))
    np.testing.assert_array_equal(g, np.zeros((3, 2)))


@pytest.mark.parametrize("shapes", [((0, 2), (3, 2)), ((3, 2), (0, 2)), ((1, 1), (1, 1))])
def test_few_points(shapes):
    a, b = [RNG.normal(size=s) for s in shapes]
    for name in ("euclidean", "cityblock", "cosine"):
        expected = of_scipy("spatial.distance.cdist")(a, b, name)
        np.testing.assert_allclose(module.cdist(a, b, name), expected, atol=1e-15)
        got = module.pdist(a, name)
        np.testing.assert_allclose(got, of_scipy("spatial.distance.pdist")(a, name), atol=1e-15)
    g = pg.grad(lambda a: module.cdist(a, b).sum())(a)
    assert g.shape == a.shape


def test_metrics_of_booleans_are_those_of_scipy():
    a, b = A > 0, B > 0
    for name in ("dice", "hamming", "jaccard", "yule"):
        expected = of_scipy("spatial.distance.cdist")(a, b, name)
        np.testing.assert_array_equal(module.cdist(a, b, name), expected)
        np.testing.assert_array_equal(
            module.pdist(b, name), of_scipy("spatial.distance.pdist")(b, name)
        )
    v = pg.Variable(A, requires_grad=True)
    with pytest.raises(pg.PluggradError, match="constant between"):
        module.cdist(v, B, "hamming")
    with pytest.raises(pg.PluggradError, match="no derivative"):
        module.hamming(v[0], B[0])


def test_squareform():
    y = of_scipy("spatial.distance.pdist")(B)
    judge_scipy("spatial.distance.squareform", y)
    judge_scipy("spatial.distance.squareform", y, "tomatrix", **quick)
    x = of_scipy("spatial.distance.squareform")(y)
    assert module.squareform(np.arange(6)).dtype == np.arange(6).dtype
    np.testing.assert_array_equal(module.squareform(x), y)
    judge_scipy("spatial.distance.squareform", x + A[0, 0] * np.triu(np.ones((5, 5)), 1),
                "tovector", False, **quick)  # fmt: skip
    for small in (np.zeros(0), np.zeros((1, 1)), np.ones(1), np.zeros((2, 2))):
        expected = of_scipy("spatial.distance.squareform")(small)
        np.testing.assert_array_equal(module.squareform(small), expected)


VECTORS = ["euclidean", "sqeuclidean", "cityblock", "chebyshev", "braycurtis", "canberra",
           "cosine", "correlation", "minkowski"]  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name):
    full = name in ("euclidean", "correlation")
    judge_scipy(f"spatial.distance.{name}", U, V, tracked=(0, 1), second=full, maps=full,
                others=("torch",) if full else ())  # fmt: skip
    judge_scipy(f"spatial.distance.{name}", U, V, w=W5,
                tracked=(0, 1, "w")[: 2 + (name != "chebyshev")], **quick)  # fmt: skip
    if name in ("cityblock", "chebyshev"):
        got = getattr(module, name)([1, 2], [4, 0])
        assert got.dtype == np.arange(1).dtype
    np.testing.assert_allclose(
        getattr(module, name)([1, 2, 5], [4, 0, 1]),
        of_scipy(f"spatial.distance.{name}")([1, 2, 5], [4, 0, 1]),
    )


def test_more_vectors():
    judge_scipy("spatial.distance.correlation", U, V, centered=False, tracked=(0, 1), **quick)
    judge_scipy("spatial.distance.seuclidean", U, V, W5, tracked=(0, 1, 2), **quick)
    inverse = np.eye(5) + 0.1 * RNG.normal(size=(5, 5))
    judge_scipy("spatial.distance.mahalanobis", U, V, inverse, tracked=(0, 1, 2), others=())
    for p in (1, 1.5, 3, np.inf):
        judge_scipy("spatial.distance.minkowski", U, V, p, tracked=(0, 1), **quick)
        judge_scipy("spatial.distance.minkowski", U, V, p, W5, tracked=(0, 1), **quick)
    judge_scipy("spatial.distance.jensenshannon", P, Q, tracked=(0, 1))
    judge_scipy("spatial.distance.jensenshannon", P, Q, 2.0, tracked=(0, 1), **quick)
    judge_scipy("spatial.distance.jensenshannon", np.abs(B), np.abs(B[:, ::-1]), axis=1,
                keepdims=True, tracked=(0, 1), **quick)  # fmt: skip


def test_canberra_of_zeros():
    u, v = np.array([0.0, 1.0, np.nan]), np.array([0.0, 2.0, 1.0])
    expected = of_scipy("spatial.distance.canberra")(u, v)
    np.testing.assert_allclose(module.canberra(u, v), expected)


def test_corners():
    zeros = np.zeros((2, 3))
    for name in ("jensenshannon", "chebyshev", "canberra", "cosine"):
        for x in (zeros, np.zeros((2, 0)), np.abs(A)):
            with np.errstate(all="ignore"):
                expected = of_scipy("spatial.distance.cdist")(x, x, name)
                got = module.cdist(x, x, name)
            np.testing.assert_allclose(got, expected, atol=1e-12)
    for call in (module.cosine, module.canberra):
        with pytest.raises(pg.PluggradError, match="real"):
            call(U * 1j, V)
    with pytest.raises(pg.PluggradError, match="inf or nan"):
        module.euclidean(U * np.nan, V)


def test_float32_of_numpy_is_taken_in_double_precision():
    a = A.astype(np.float32)
    assert module.cdist(a, a).dtype == module.pdist(a).dtype == np.float64
    g = pg.grad(lambda a: module.cdist(a, B).sum())(a)
    assert g.dtype == np.float32


# ---------------------------------------------------------------- scipy.cluster.vq


def test_whiten():
    judge_scipy("cluster.vq.whiten", A)
    judge_scipy("cluster.vq.whiten", U, False, **quick)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = np.array([[1.0, 2.0], [3.0, 2.0]])
        np.testing.assert_array_equal(
            pg.scipy.cluster.vq.whiten(x), of_scipy("cluster.vq.whiten")(x)
        )


def test_vq():
    judge_scipy("cluster.vq.vq", B, A, tracked=(0, 1))
    judge_scipy("cluster.vq.vq", U, V, False, tracked=(0, 1), **quick)


def test_kmeans_falls_through():
    codes, distortion = pg.scipy.cluster.vq.kmeans(B, A.copy())
    assert codes.shape[1] == 3 and distortion > 0
    with pytest.raises(pg.PluggradError, match="no derivative"):
        pg.scipy.cluster.vq.kmeans(pg.Variable(B, requires_grad=True), A.copy())


# ---------------------------------------------------------------- odd calls


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: module.cdist(A, B, "odd"), "no metric"),
        (lambda: module.cdist(A, B, 3), "metric"),
        (lambda: module.cdist(A, B[:, :2]), "coordinates"),
        (lambda: module.cdist(A[0], B), "matrices"),
        (lambda: module.cdist(A, B, out=A), "out"),
        (lambda: module.cdist(A, B, p=3), "no argument 'p'"),
        (lambda: module.cdist(A, B, "minkowski", p=0), "greater"),
        (lambda: module.cdist(A, B, w=-W), "negative"),
        (lambda: module.cdist(A, B, w=W[:2]), "weights"),
        (lambda: module.cdist(A * 1j, B), "real"),
        (lambda: module.cdist(A, B, "seuclidean", V=W[:2]), "variances"),
        (lambda: module.cdist(A[:1], B[:1], "mahalanobis"), "singular"),
        (lambda: module.cdist(A, B, "js", w=W), "no argument 'w'"),
        (lambda: module.euclidean(U, V[:2]), "length"),
        (lambda: module.minkowski(U, V, -1), "greater"),
        (lambda: module.mahalanobis(U, V, np.eye(2)), "coordinates"),
        (lambda: module.jensenshannon(P, Q, base=-1), "base"),
        (lambda: module.squareform(np.ones(4)), "pairs"),
        (lambda: module.squareform(np.ones(3), "tovector"), "force"),
        (lambda: module.squareform(A[:3]), "symmetric"),
        (lambda: module.squareform(A), "square"),
        (lambda: pg.scipy.cluster.vq.vq(A, U), "axes"),
        (lambda: pg.scipy.cluster.vq.vq(A, B[:, :2]), "fit"),
        (lambda: pg.scipy.cluster.vq.whiten(A * np.inf), "inf or nan"),
    ],
)
def test_odd_calls(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call()
