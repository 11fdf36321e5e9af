"""NumPy's ufuncs under their names in `pg`: values, derivatives, backends, transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import convert, to_numpy
from tests.support.derivatives import check_derivatives
from tests.support.optional import needs

X = np.asarray([[0.7, -1.3, 2.9], [-1.1, 0.45, 3.3]])
Y = np.asarray([0.9, 2.1, -0.8])
#: Each with arguments whose derivatives exist.
SMOOTH: dict[str, tuple[Any, ...]] = {
    "fabs": (X,), "rint": (X,), "exp2": (X,), "cbrt": (X,), "deg2rad": (X,), "rad2deg": (X,),
    "degrees": (X,), "radians": (X,), "modf": (X,), "fmax": (X, Y), "fmin": (X, Y),
    "fmod": (X, Y), "heaviside": (X, Y), "logaddexp2": (X, Y), "float_power": (np.abs(X), Y),
    "divmod": (X, Y), "arctan2": (X, Y), "power": (np.abs(X), Y), "absolute": (X,), "mod": (X, Y),
}  # fmt: skip
HARD = np.asarray([0.0, -0.0, 1.0, -2.5, 1e300, -1e-300, np.inf, -np.inf, np.nan])
OTHERS = ["torch", "jax", "strict", "dask"]


def as_tuple(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name: str) -> None:
    def f(*args: Any) -> Any:
        y = getattr(pg, name)(*args)
        return list(y) if isinstance(y, tuple) else y

    second = name not in ("rint", "heaviside", "modf", "divmod", "fmod", "mod", "fabs", "absolute")
    check_derivatives(f, *SMOOTH[name], second=second and name not in ("fmax", "fmin"))


@pytest.mark.parametrize("name", ["fabs", "rint", "exp2", "cbrt", "deg2rad", "rad2deg", "modf", "frexp",
                                  "spacing"])  # fmt: skip
def test_hard_numbers(name: str) -> None:
    with np.errstate(all="ignore"):
        found, expected = getattr(pg, name)(pg.Variable(HARD)), getattr(np, name)(HARD)
    for y, value in zip(as_tuple(found), as_tuple(expected), strict=True):
        assert y.dtype == value.dtype
        np.testing.assert_allclose(y.data, value, rtol=1e-15)


@pytest.mark.parametrize("name", ["fmax", "fmin", "fmod", "heaviside", "logaddexp2", "float_power", "divmod"])  # fmt: skip
def test_hard_pairs(name: str) -> None:
    a, b = np.meshgrid(HARD, HARD)
    with np.errstate(all="ignore"):
        found, expected = getattr(pg, name)(pg.Variable(a), pg.Variable(b)), getattr(np, name)(a, b)
    for y, value in zip(as_tuple(found), as_tuple(expected), strict=True):
        np.testing.assert_allclose(y.data, value, rtol=1e-14)


def test_exponents() -> None:
    """`frexp` and `ldexp` at the limits of the range, and each undoes the other."""
    x = np.asarray([1e300, 5e-324, 1.5, -0.1, 0.0])
    k = np.asarray([-2000, 2000, 3, -1074, 7])
    np.testing.assert_array_equal(pg.ldexp(pg.Variable(x), k).data, np.ldexp(x, k))
    v = pg.Variable(x[:4], requires_grad=True)
    mantissa, exponent = pg.frexp(v)
    np.testing.assert_array_equal(exponent.data, np.frexp(x[:4])[1])
    np.testing.assert_array_equal(pg.ldexp(mantissa, exponent).data, x[:4])
    check_derivatives(lambda z: pg.frexp(z)[0], X, second=False)
    check_derivatives(lambda z: pg.ldexp(z, [3, -1, 2]), X)
    with pytest.raises(pg.errors.TypeMismatchError, match="exp2"):
        pg.ldexp(v, 0.5)


def test_ties_and_steps() -> None:
    """A tie is split evenly, nan leaves all to the other, and a step has the slope of its value."""
    one = np.asarray([1.0, np.nan, 1.0])
    for f in (pg.fmax, pg.fmin):
        v, w = (
            pg.Variable(one, requires_grad=True),
            pg.Variable([1.0, 2.0, np.nan], requires_grad=True),
        )
        pg.sum(f(v, w)).backward()
        np.testing.assert_array_equal(v.grad.data, [0.5, 0.0, 1.0])
        np.testing.assert_array_equal(w.grad.data, [0.5, 1.0, 0.0])
    v, w = pg.Variable([0.0, 2.0], requires_grad=True), pg.Variable([3.0, 4.0], requires_grad=True)
    pg.sum(pg.heaviside(v, w)).backward()
    np.testing.assert_array_equal(v.grad.data, [0.0, 0.0])
    np.testing.assert_array_equal(w.grad.data, [1.0, 0.0])
    v = pg.Variable([-2.0, 0.0], requires_grad=True)
    pg.sum(pg.fabs(v) + pg.modf(v)[0]).backward()
    np.testing.assert_array_equal(v.grad.data, [0.0, 1.0])


@pytest.mark.parametrize("backend", OTHERS)
def test_backends(backend: str) -> None:
    """Values, gradients, numbers on either side and lists, as on NumPy."""
    needs(backend)
    for name, args in SMOOTH.items():
        f = getattr(pg, name)
        calls: list[Callable[..., Any]] = [f]
        if len(args) == 2:
            calls += [lambda a, b, f=f: f(a, 2.0), lambda a, b, f=f: f(1.5, b)]
        for call in calls:
            ours = [pg.Variable(convert(x, backend), requires_grad=True) for x in args]
            theirs = [pg.Variable(x, requires_grad=True) for x in args]
            for y, value in zip(as_tuple(call(*ours)), as_tuple(call(*theirs)), strict=True):
                np.testing.assert_allclose(to_numpy(y), to_numpy(value), rtol=1e-12)
                if value.requires_grad:
                    pg.sum(y * y).backward()
                    pg.sum(value * value).backward()
            for v, w in zip(ours, theirs, strict=True):
                if w.grad is not None:
                    np.testing.assert_allclose(
                        to_numpy(v.grad), w.grad.data, rtol=1e-10, atol=1e-13
                    )


@pytest.mark.parametrize("backend", ["numpy", *OTHERS])
def test_integers(backend: str) -> None:
    if backend != "numpy":
        needs(backend)
    a, b = np.asarray([12, -18, 0, 7]), np.asarray([8, 27, 5, 0])
    v, w = pg.Variable(convert(a, backend)), pg.Variable(convert(b, backend))
    for name in ("gcd", "lcm"):
        f, theirs = getattr(pg, name), getattr(np, name)
        for found, expected in (
            (f(v, w), theirs(a, b)),
            (f(v, 4), theirs(a, 4)),
            (f(6, w), theirs(6, b)),
        ):
            assert to_numpy(found).tolist() == expected.tolist()
    assert to_numpy(pg.bitwise_count(v)).tolist() == np.bitwise_count(a).tolist()
    assert to_numpy(pg.left_shift(v, 2)).tolist() == (a << 2).tolist()


def test_transforms() -> None:
    """Batches, and tracing by JAX."""
    for name in ("fmod", "fmax", "heaviside", "logaddexp2"):
        f = getattr(pg, name)
        np.testing.assert_allclose(pg.vmap(f, in_axes=(0, None))(X, Y), getattr(np, name)(X, Y))
        slopes = pg.vmap(pg.grad(lambda x, y, f=f: pg.sum(f(x, y))), in_axes=(0, None))(X, Y)
        assert slopes.shape == X.shape
    whole = np.asarray([[12, 18], [7, 21]])
    np.testing.assert_array_equal(pg.vmap(lambda x: pg.gcd(x, 6))(whole), np.gcd(whole, 6))
    jax = needs("jax")
    for name, args in SMOOTH.items():

        def loss(*xs: Any, name: str = name) -> Any:
            return pg.sum(as_tuple(getattr(pg, name)(*xs))[0])

        given = [jax.numpy.asarray(x) for x in args]
        np.testing.assert_allclose(jax.jit(pg.grad(loss))(*given), pg.grad(loss)(*args), rtol=1e-10)


@pytest.mark.parametrize("call", [
    lambda v: pg.fabs(v * 1j), lambda v: pg.fmod(v, 1j), lambda v: pg.cbrt("a"), lambda v: pg.gcd(v, 2),
    lambda v: pg.fmax(v, None), lambda v: pg.heaviside(v, np.ones(5)), lambda v: pg.modf([[1.0], [2.0, 3.0]]),
    lambda v: pg.ldexp(v, 1j), lambda v: pg.bitwise_count(v),
])  # fmt: skip
def test_odd_calls(call: Callable[[Any], Any]) -> None:
    with pytest.raises(pg.PluggradError):
        call(pg.Variable([1.0, 2.0, 3.0]))
