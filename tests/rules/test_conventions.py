"""The numerical conventions, one test per row: ties, kinks, corners, and the extremes of the range.

Each holds on every backend that is installed, by VJP (of the sum of the outputs) and by JVP (along
every axis of every argument), and where a Hessian is given, for that too, in two ways.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import array, listed
from tests.support.backends import ALL, backend_fixture

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

inf, nan = math.inf, math.nan


backend = backend_fixture(*ALL)


def real_sum(y: Any) -> Any:
    return pg.sum(y if "float" in str(y.dtype) else pg.real(y))


def check(
    backend: str, f: Any, *args: Any, gradients: Any, hessian: Any = None, rtol: float = 1e-13
) -> None:
    """`gradients` of sum(f(*args)), one per argument, and the Hessian by a single argument."""
    inputs = [array(x, backend) for x in args]
    gradients = [np.broadcast_to(g, np.shape(x)) for g, x in zip(gradients, args, strict=True)]

    def close(a: Any, b: Any, what: str) -> None:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=0, err_msg=what)

    def total(*xs: Any) -> Any:
        return real_sum(f(*xs))

    found = pg.grad(total, argnums=tuple(range(len(args))))(*inputs)
    for a, b in zip(found, gradients, strict=True):
        close(listed(a), b, "VJP")
    for i, (x, gradient) in enumerate(zip(args, gradients, strict=True)):
        apart = not np.all(np.isfinite(gradient))  # nan in one place of the output, not in all
        tangent = np.zeros(np.shape(x), np.result_type(np.asarray(x), 1.0))
        for place in np.ndindex(np.shape(x)):
            tangent[place] = 1.0
            t = pg.jvp(
                lambda v, i=i: f(*inputs[:i], v, *inputs[i + 1 :]),
                (inputs[i],),
                (array(tangent, backend),),
            )[1]
            t = np.real(listed(t))
            close(
                t[place] if apart and t.shape == np.shape(x) else np.sum(t),
                np.real(gradient[place]),
                "JVP",
            )
            tangent[place] = 0.0
    if hessian is None or backend == "jax":  # JAX compiles for every shape, and these are many
        return
    (x,) = inputs
    gradient = pg.grad(total)
    for row, unit in zip(hessian, np.eye(len(hessian)), strict=True):
        e = array(unit.reshape(np.shape(args[0])), backend)
        close(
            listed(pg.jvp(gradient, (x,), (e,))[1]),
            np.reshape(row, np.shape(args[0])),
            "JVP of the VJP",
        )
        v = pg.Variable(x, requires_grad=True)
        (g,) = pg.autograd.grad(total(v), v, create_graph=True)
        (h,) = pg.autograd.grad(pg.sum(g * pg.Variable(e)) + 0.0 * pg.sum(v), v)
        close(listed(h), np.reshape(row, np.shape(args[0])), "create_graph")


# ---------------------------------------------------------------- ties and nan


@pytest.mark.parametrize("name, sign", [("max", 1.0), ("min", -1.0)])
def test_ties_of_max_and_min_are_split_evenly(backend: str, name: str, sign: float) -> None:
    f = getattr(pg, name)
    x = sign * np.asarray([1.0, 3.0, 3.0])
    check(backend, f, x, gradients=[[0, 0.5, 0.5]], hessian=np.zeros((3, 3)))
    x = sign * np.asarray([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    third = 1 / 3
    rows = [[0, 0.5, 0.5], [third, third, third]]
    check(backend, lambda x: f(x, axis=1), x, gradients=[rows])
    check(backend, lambda x: f(x, axis=-1, keepdims=True), x, gradients=[rows])
    check(backend, lambda x: f(x, axis=(0, 1)), x, gradients=[[[0, 0.5, 0.5], [0, 0, 0]]])


@pytest.mark.parametrize("name", ["max", "min"])
def test_max_and_min_of_infinities_and_nan(backend: str, name: str) -> None:
    f = getattr(pg, name)
    x = np.asarray([[inf, inf], [-inf, -inf]])
    check(backend, lambda x: f(x, axis=1), x, gradients=[0.5])
    check(backend, f, [1.0, nan, 3.0], gradients=[nan])
    x = np.asarray([[1.0, nan, 3.0], [1.0, 2.0, 0.0]])
    g = pg.grad(lambda x: pg.sum(f(x, axis=1)))(array(x, backend))
    np.testing.assert_array_equal(listed(g), [[nan] * 3, [0, 1, 0] if name == "max" else [0, 0, 1]])


def test_ties_of_maximum_and_minimum_are_split_evenly(backend: str) -> None:
    a, b = [1.0, 2.0, 3.0, inf, -inf, 0.0], [2.0, 2.0, 2.0, inf, -inf, -0.0]
    up, down = [0, 0.5, 1, 0.5, 0.5, 0.5], [1, 0.5, 0, 0.5, 0.5, 0.5]
    check(backend, pg.maximum, a, b, gradients=[up, down])
    check(backend, pg.minimum, a, b, gradients=[down, up])
    for f in (pg.maximum, pg.minimum):
        check(backend, f, [nan, 1.0, nan], [1.0, nan, nan], gradients=[nan, nan])
        check(backend, lambda x, f=f: f(x, x), [1.0, 2.0], gradients=[1.0])
    check(backend, lambda x: pg.maximum(x, 0.0), [-1.0, 0.0, 2.0], gradients=[[0, 0.5, 1]])
    check(backend, lambda x: pg.minimum(0.0, x), [-1.0, 0.0, 2.0], gradients=[[1, 0.5, 0]])


# ---------------------------------------------------------------- kinks


def test_abs_and_sign_at_zero(backend: str) -> None:
    check(backend, pg.abs, [0.0, -2.0], gradients=[[0, -1]], hessian=np.zeros((2, 2)))
    check(backend, pg.sign, [0.0, -2.0, 3.0], gradients=[0], hessian=np.zeros((3, 3)))


def test_abs_and_sign_of_complex_numbers(backend: str) -> None:
    check(backend, pg.abs, [0j, 3 + 4j, -2j], gradients=[[0, 0.6 + 0.8j, -1j]])
    # Re(z/|z|) at 3 + 4i: (1 - s Re(s))/|z| with s = z/|z|
    s = 0.6 + 0.8j
    check(backend, pg.sign, [0j, 3 + 4j], gradients=[[0, (1 - s * 0.6) / 5]], rtol=1e-12)


def test_second_derivative_of_the_complex_abs(backend: str) -> None:
    v = pg.Variable(array([3 + 4j, 0j], backend), requires_grad=True)
    (g,) = pg.autograd.grad(pg.sum(pg.abs(v)), v, create_graph=True)
    (h,) = pg.autograd.grad(pg.sum(pg.real(g)), v)
    # ∂/∂(x, y) of x/|z| is (y², -xy)/|z|³
    np.testing.assert_allclose(listed(h), [(16 - 12j) / 125, 0], rtol=1e-12)


def test_std_of_a_constant(backend: str) -> None:
    check(backend, pg.std, [2.0, 2.0, 2.0], gradients=[0], hessian=np.zeros((3, 3)))
    check(backend, pg.std, [0.1, 0.1, 0.1], gradients=[0])  # whose mean is off by a rounding error
    check(backend, lambda x: pg.std(x, axis=1, correction=1), [[1.0, 1.0], [0.0, 2.0]],
          gradients=[[[0, 0], [-math.sqrt(0.5), math.sqrt(0.5)]]])  # fmt: skip


def test_var_without_degrees_of_freedom_is_nan(backend: str) -> None:
    check(backend, lambda x: pg.var(x, correction=1), [2.0], gradients=[nan])
    check(backend, pg.var, [2.0], gradients=[0], hessian=[[0.0]])


def test_hypot_and_atan2_at_zero(backend: str) -> None:
    check(backend, pg.hypot, [0.0, -0.0], [0.0, 0.0], gradients=[0, 0])
    check(backend, pg.atan2, [0.0, 0.0], [0.0, -0.0], gradients=[0, 0])
    check(backend, lambda x: pg.hypot(x, x), [0.0], gradients=[0], hessian=[[0.0]])


def test_copysign_at_zero(backend: str) -> None:
    check(backend, pg.copysign, [0.0, 2.0, -2.0, 2.0], [-1.0, -1.0, -1.0, 0.0],
          gradients=[[0, -1, 1, 1], 0])  # fmt: skip


# ---------------------------------------------------------------- the extremes of the range


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e-300, 1e300])
def test_hypot_and_atan2_neither_underflow_nor_overflow(backend: str, scale: float) -> None:
    a, b = [3 * scale], [4 * scale]
    check(backend, pg.hypot, a, b, gradients=[0.6, 0.8])
    check(backend, pg.atan2, a, b, gradients=[0.16 / scale, -0.12 / scale])


def test_second_derivatives_of_hypot_and_atan2_at_huge_values(backend: str) -> None:
    v = [pg.Variable(array(x * 1e100, backend), requires_grad=True) for x in (3.0, 4.0)]
    for f, expected in (
        (pg.hypot, (0.128e-100, -0.096e-100)),
        (pg.atan2, (-0.0384e-200, -0.0112e-200)),
    ):
        (g,) = pg.autograd.grad(f(*v), v[:1], create_graph=True)
        found = pg.autograd.grad(g, v)
        np.testing.assert_allclose([listed(x) for x in found], expected, rtol=1e-12)


def test_derivatives_that_vanish_slowly(backend: str) -> None:
    check(backend, pg.asinh, [1e200], gradients=[1e-200])
    check(backend, pg.acosh, [1e200], gradients=[1e-200])
    check(backend, pg.expm1, [-40.0], gradients=[math.exp(-40)])
    near = 1 - 2.0**-30
    check(backend, pg.asin, [near], gradients=[1 / math.sqrt(2.0**-30 * (2 - 2.0**-30))])
    check(backend, pg.atanh, [near], gradients=[1 / (2.0**-30 * (2 - 2.0**-30))])


# ---------------------------------------------------------------- clip


def test_clip_at_its_bounds(backend: str) -> None:
    x, low, high = [0.0, 1.0, 2.0, 3.0, 4.0], [1.0] * 5, [3.0] * 5
    inside, below, above = [0, 1, 1, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]
    check(backend, pg.clip, x, low, high, gradients=[inside, below, above])
    check(backend, lambda x: pg.clip(x, 1.0, 3.0), x, gradients=[inside], hessian=np.zeros((5, 5)))
    check(backend, lambda x, low: pg.clip(x, low), x, low, gradients=[[0, 1, 1, 1, 1], below])
    check(
        backend, lambda x, high: pg.clip(x, max=high), x, high, gradients=[[1, 1, 1, 1, 0], above]
    )


def test_clip_with_min_above_max(backend: str) -> None:
    if backend == "strict":
        pytest.skip("array-api-strict refuses min > max")
    x = [0.0, 2.0, 4.0]
    check(backend, pg.clip, x, [3.0] * 3, [1.0] * 3, gradients=[0, 0, 1])


# ---------------------------------------------------------------- products


def test_prod_with_zeros(backend: str) -> None:
    check(backend, pg.prod, [0.0, 2.0, 3.0], gradients=[[6, 0, 0]],
          hessian=[[0, 3, 2], [3, 0, 0], [2, 0, 0]])  # fmt: skip
    check(
        backend, pg.prod, [0.0, 2.0, 0.0], gradients=[0], hessian=[[0, 0, 2], [0, 0, 0], [2, 0, 0]]
    )
    check(backend, pg.prod, [0.0, 0.0, 0.0, 5.0, 1.0], gradients=[0])
    check(
        backend,
        lambda x: pg.prod(x, axis=0),
        [[0.0, 2.0], [3.0, 4.0]],
        gradients=[[[3, 4], [0, 2]]],
    )
    check(backend, pg.prod, [1j, 2.0, 0j], gradients=[[0, 0, -2j]])


@pytest.mark.parametrize(
    "x, gradient",
    [
        ([1e200, 1e-200, 1e200, 1e-200], [1e-200, 1e200, 1e-200, 1e200]),
        ([1e-200, 1e-100, 1e200, 1e200], [1e300, 1e200, 1e-100, 1e-100]),
        ([1e-300, 1e300, 1e-300, 1e300, 0.0], [0, 0, 0, 0, 1]),
    ],
)
def test_prod_overflows_only_where_it_must(backend: str, x: Any, gradient: Any) -> None:
    check(backend, pg.prod, x, gradients=[gradient])


def test_prod_of_many_factors_is_linear_in_memory() -> None:
    n = 200_001  # an n × n matrix would take 320 GB
    x = np.where(np.arange(n) % 2, 0.71, 1 / 0.71)
    np.testing.assert_allclose(pg.grad(pg.prod)(x), np.prod(x) / x, rtol=1e-9)


def test_cumulative_prod_with_zeros(backend: str) -> None:
    x = [2.0, 0.0, 3.0, 0.0, 5.0]
    # the cumulative products' sum is x0 + x0x1 + x0x1x2 + x0x1x2x3 + x0x1x2x3x4
    check(backend, pg.cumulative_prod, x, gradients=[[1, 8, 0, 0, 0]])
    check(
        backend,
        lambda x: pg.cumulative_prod(x, include_initial=True),
        x,
        gradients=[[1, 8, 0, 0, 0]],
    )
    check(backend, pg.cumulative_prod, [0.0, 2.0, 3.0], gradients=[[9, 0, 0]],
          hessian=[[0, 4, 2], [4, 0, 0], [2, 0, 0]])  # fmt: skip
    check(backend, lambda x: pg.cumulative_prod(x, axis=0), [[2.0, 0.0], [3.0, 4.0]],
          gradients=[[[4, 5], [2, 0]]])  # fmt: skip


# ---------------------------------------------------------------- powers, exponentials


def test_zero_to_a_power(backend: str) -> None:
    p = [0.0, 1.0, 2.0, 3.5]
    check(backend, pg.pow, [0.0] * 4, p, gradients=[[0, 1, 0, 0], 0])
    for exponent, slope in zip(p, [0, 1, 0, 0], strict=True):
        check(backend, lambda x, p=exponent: x**p, [0.0, 0.0], gradients=[slope])
    check(backend, lambda p: 0.0**p, p, gradients=[0])
    check(backend, pg.pow, [0j, 0j], [2.0 + 0j, 0j], gradients=[0, 0])
    check(backend, pg.pow, [0.0], [0.5], gradients=[inf, 0])


def test_powers_have_all_their_second_derivatives(backend: str) -> None:
    def f(v: Any) -> Any:
        return v[0] ** v[1]

    check(backend, f, [2.0, 0.0], gradients=[[0, math.log(2)]],
          hessian=[[0, 0.5], [0.5, math.log(2) ** 2]])  # fmt: skip
    check(backend, f, [0.0, 2.0], gradients=[[0, 0]], hessian=[[2, 0], [0, 0]])
    check(backend, lambda x: x**2, [0.0, 3.0], gradients=[[0, 6]], hessian=[[2, 0], [0, 2]])
    check(backend, lambda p: 2**p, [0.0], gradients=[math.log(2)], hessian=[[math.log(2) ** 2]])


def test_a_negative_base_has_no_derivative_by_its_real_exponent(backend: str) -> None:
    check(backend, pg.pow, [-2.0], [3.0], gradients=[12, nan])
    check(backend, lambda p: (-2.0) ** p, [3.0], gradients=[nan])


def test_logaddexp_of_infinities(backend: str) -> None:
    a, b = [inf, -inf, inf, -inf, 0.0, inf], [inf, -inf, 0.0, 0.0, 0.0, -inf]
    first = np.asarray([0.5, 0.5, 1, 0, 0.5, 1])
    check(backend, pg.logaddexp, a, b, gradients=[first, 1 - first])
    far = [0.0, 1000.0, 2000.0]
    check(backend, lambda x: pg.logaddexp(x, 1000.0), far, gradients=[[0, 0.5, 1]],
          hessian=np.diag([0, 0.25, 0]))  # fmt: skip
    check(backend, pg.logaddexp, [1e15], [1e15], gradients=[0.5, 0.5])


def test_logsumexp_and_softmax_of_infinities(backend: str) -> None:
    check(backend, pg.logsumexp, [-inf] * 4, gradients=[0.25])
    check(backend, pg.logsumexp, [inf, 0.0, inf], gradients=[[0.5, 0, 0.5]])
    check(backend, lambda x: pg.logsumexp(x, axis=1), [[-inf, 0.0], [1000.0, 1000.0]],
          gradients=[[[0, 1], [0.5, 0.5]]])  # fmt: skip
    check(
        backend, pg.logsumexp, [1.0, 1.0], gradients=[0.5], hessian=[[0.25, -0.25], [-0.25, 0.25]]
    )
    np.testing.assert_allclose(listed(pg.softmax(array([-inf, -inf], backend))), [0.5, 0.5])
    check(backend, lambda x: pg.log_softmax(x)[1], [-2000.0, 0.0, 0.0], gradients=[[0, 0.5, -0.5]])


def test_nan_is_passed_over(backend: str) -> None:
    x = [1.0, nan, 3.0]
    check(backend, pg.nansum, x, gradients=[[1, 0, 1]])
    check(backend, pg.nanmean, x, gradients=[[0.5, 0, 0.5]])
    check(backend, pg.nanmax, x, gradients=[[0, 0, 1]])
    check(backend, pg.nanmin, x, gradients=[[1, 0, 0]])
    check(backend, pg.nanprod, x, gradients=[[3, 0, 1]])
    check(backend, pg.nanvar, x, gradients=[[-1, 0, 1]])


def test_where_does_not_stop_nan_by_default(backend: str) -> None:
    g = pg.grad(lambda x: pg.sum(pg.where(x > 0, pg.log(x), 0.0)))(array([0.0, 2.0], backend))
    np.testing.assert_array_equal(listed(g), [nan, 0.5])


# ---------------------------------------------------------------- dtypes, complex numbers


def test_the_gradient_has_the_dtype_of_the_input(backend: str) -> None:
    a = pg.Variable(array([1.0, 2.0], backend, "float32"), requires_grad=True)
    b = pg.Variable(array([3.0, 4.0], backend), requires_grad=True)
    c = pg.Variable(array([1j, 2.0], backend), requires_grad=True)
    for f in (pg.multiply, pg.hypot, pg.pow, pg.maximum, pg.logaddexp):
        for g, v in zip(pg.autograd.grad(pg.sum(f(a, b)), (a, b)), (a, b), strict=True):
            assert g.dtype == v.dtype
    for g, v in zip(pg.autograd.grad(pg.sum(pg.real(a * c)), (a, c)), (a, c), strict=True):
        assert g.dtype == v.dtype


def test_the_complex_gradient_is_that_of_torch(backend: str) -> None:
    check(backend, lambda z: z * z, [1 + 2j], gradients=[2 - 4j])
    check(backend, pg.imag, [1 + 2j], gradients=[1j])
    check(backend, pg.conj, [1 + 2j], gradients=[1])
    check(backend, pg.exp, [1 + 2j], gradients=[np.exp(1 - 2j)])
