"""`scipy.special`: every function against SciPy's, and the derivatives of those that
`pluggrad.special` has not."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import judge_scipy, of_scipy

needs("scipy")
RNG = np.random.default_rng(0)
P, Q = np.array([0.3, 0.7]), np.array([1.4, 2.6])
#: Functions with their arguments and the positions that have derivatives.
OWN = [
    ("owens_t", (Q, P), (0, 1)), ("kn", (2, Q), (1,)), ("hyp0f1", (1.5, Q), (1,)),
    ("ellipkinc", (P, np.array([0.4, 0.1])), (0, 1)), ("ellipeinc", (P, np.array([0.4, 0.1])), (0, 1)),
    ("wrightomega", (Q,), (0,)), ("eval_chebyt", (3, P), (1,)), ("eval_chebyu", (3, P), (1,)),
    ("eval_gegenbauer", (3, 0.7, P), (2,)), ("eval_legendre", (3, P), (1,)),
    ("eval_hermite", (4, P), (1,)), ("eval_hermitenorm", (4, P), (1,)), ("eval_laguerre", (3, P), (1,)),
    ("eval_genlaguerre", (3, 0.7, P), (2,)), ("eval_jacobi", (3, 0.7, 0.4, P), (3,)),
    ("struve", (1.5, Q), (1,)), ("modstruve", (1.5, Q), (1,)), ("powm1", (Q, P), (0, 1)),
    ("airy", (Q,), (0,)), ("sici", (Q,), (0,)), ("shichi", (Q,), (0,)), ("fresnel", (Q,), (0,)),
    ("ellipj", (Q, P), (0, 1)),
    ("gammainc", (Q, Q + 0.5), (0, 1)), ("gammaincc", (Q, P), (0, 1)), ("gammaincinv", (Q, P), (0, 1)),
    ("gammainccinv", (Q, P), (0, 1)),
    ("betainc", (Q, Q + 1, P), (0, 1, 2)), ("betaincc", (Q, Q + 1, P), (0, 1, 2)),
    ("betaincinv", (Q, Q + 1, P), (0, 1, 2)), ("betainccinv", (Q, Q + 1, P), (0, 1, 2)),
    ("stdtr", (Q, P), (0, 1)), ("stdtrit", (Q, P), (0, 1)), ("fdtr", (Q, Q + 1, P), (0, 1, 2)),
    ("fdtrc", (Q, Q + 1, P), (0, 1, 2)), ("fdtri", (Q, Q + 1, P), (0, 1, 2)),
    ("chdtr", (Q, P), (0, 1)), ("chdtrc", (Q, P), (0, 1)), ("chdtri", (Q, P), (0, 1)),
    ("gdtr", (P, Q, Q), (0, 1, 2)), ("gdtrc", (P, Q, Q), (0, 1, 2)),
    ("polygamma", (1, Q), (1,)), ("zeta", (3.0, Q), (1,)), ("multigammaln", (Q + 2, 2), (0,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "tracked"), OWN, ids=[name for name, _, _ in OWN])
def test_derivatives(name: str, args, tracked) -> None:
    full = name in ("owens_t", "betainc", "gammainc", "airy", "stdtrit")
    judge_scipy(f"special.{name}", *args, tracked=tracked, others=("torch", "jax") if full else (),
                maps=full)  # fmt: skip


@pytest.mark.parametrize("name", [n for n in pg.scipy.special.__all__
                                  if n in dir(pg.namespace("numpy").special)])  # fmt: skip
def test_values(name: str) -> None:
    """Those of `pluggrad.special`, of arrays, lists and numbers."""
    function, theirs = getattr(pg.scipy.special, name), of_scipy(f"special.{name}")
    if name in ("softmax", "log_softmax", "logsumexp", "multigammaln"):
        return
    parameters = inspect.signature(function).parameters
    count = len([x for x in parameters if x != "out"])
    points = [
        np.array([2.0, 3.0]),
        np.array([3.0, 5.0]),
        np.array([0.4, 0.3]),
        np.array([0.2, 0.1]),
    ]
    args = points[:count] if count > 1 else [np.array([0.3, 0.6])]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(function(*args).data, theirs(*args), rtol=1e-13)
        numbers = [x[0].item() for x in args]
        np.testing.assert_allclose(function(*numbers).data, theirs(*numbers), rtol=1e-13)
        np.testing.assert_allclose(
            function(*args[:-1], args[-1].tolist()).data, theirs(*args), rtol=1e-13
        )


def test_at_zero() -> None:
    for name in ("shichi", "sici"):
        z = pg.Variable(np.array(0.0), requires_grad=True)
        with np.errstate(all="ignore"):
            first = getattr(pg.scipy.special, name)(z)[0]
        assert pg.autograd.grad(first, z)[0].item() == 1.0
    m = np.array([0.0, 1e-6, 2e-4])
    for name in ("ellipkinc", "ellipeinc"):
        f = getattr(pg.scipy.special, name)
        g = pg.grad(lambda m, f=f: pg.sum(f(P[:1], m)))(m)
        step = 1e-5
        theirs = of_scipy(f"special.{name}")
        e = (theirs(P[:1], m + step) - theirs(P[:1], m - step)) / (2 * step)
        np.testing.assert_allclose(g, e, rtol=1e-6)


@pytest.mark.parametrize("axis", [None, 0, (0, 1), -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp(axis, keepdims) -> None:
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
    given = {"axis": axis, "keepdims": keepdims}
    judge_scipy("special.logsumexp", a, **given, others=("torch",))
    judge_scipy("special.logsumexp", a, b=np.abs(b), tracked=(0, "b"), **given, others=())
    judge_scipy("special.logsumexp", a, b=b, return_sign=True, tracked=(0, "b"), **given, others=())
    for name in ("softmax", "log_softmax"):
        judge_scipy(f"special.{name}", a, axis=axis, others=())


def test_logsumexp_at_the_ends() -> None:
    function, theirs = pg.scipy.special.logsumexp, of_scipy("special.logsumexp")
    a = np.array([800.0, -np.inf, np.inf, 2.0])
    for x, b in [(a[:2], [1.0, 1.0]), (a, [1.0, 2.0, 0.0, -1.0]), (a[3:], [-1.0]), (a[3:], [0.0])]:
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(function(x, b=b).data, theirs(x, b=b))
            for y, e in zip(function(x, b=b, return_sign=True),
                            theirs(x, b=b, return_sign=True), strict=True):  # fmt: skip
                np.testing.assert_allclose(y.data, e)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, v: s.jv(v, 1.0), "not known"),
        (lambda s, v: s.eval_legendre(v, 0.3), "not known"),
        (lambda s, v: s.betainc(v, 1.0), "argument"),
        (lambda s, v: s.zeta(2.0, v, np.ones(2)), "out"),
        (lambda s, v: s.elliprf(v, v, v), "no derivative"),
        (lambda s, v: s.logsumexp(v, axis=3), "no axis"),
    ],
)
def test_odd_calls(call, message) -> None:
    with pytest.raises(pg.PluggradError, match=message):
        v = pg.Variable(np.array([1.5, 2.5]), requires_grad=True)
        pg.sum(call(pg.scipy.special, v)).backward()


POLYNOMIALS = {
    "eval_chebyt": (), "eval_chebyu": (), "eval_legendre": (), "eval_hermite": (),
    "eval_hermitenorm": (), "eval_laguerre": (), "eval_genlaguerre": (0.7,),
    "eval_gegenbauer": (0.7,), "eval_jacobi": (0.7, 1.2),
}  # fmt: skip


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials_of_low_degree_have_all_derivatives(name):
    """The derivatives of constants are 0, not nan."""
    x = np.asarray([0.3, -0.7])
    for n in (0, 1, 2, np.asarray([0, 3])):
        judge_scipy(f"special.{name}", n, *POLYNOMIALS[name], x,
                    tracked=(1 + len(POLYNOMIALS[name]),), others=())  # fmt: skip


def test_integers_beside_doubles_of_torch_are_doubles():
    torch = needs("torch")
    k, p = torch.tensor([0, 2, 4]), torch.tensor(0.35, dtype=torch.float64)
    for y in (
        pg.scipy.stats.binom.logpmf(k, 6, p), pg.scipy.stats.poisson.pmf(k, p),
        pg.scipy.special.eval_jacobi(k, p, p, p), pg.scipy.stats.geom.cdf(k + 1, p),
    ):  # fmt: skip
        assert y.dtype == torch.float64
    expected = of_scipy("stats.poisson").pmf(k.numpy(), 0.35)
    got = pg.scipy.stats.poisson.pmf(k, p).data.numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-13)
