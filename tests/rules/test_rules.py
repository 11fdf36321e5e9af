"""Every rule × backend × dtype: against torch.autograd, forwards against backwards, and differences.

Each row is one test. For every sample call it checks, for every argument, the gradient and (in double
precision) the second order against torch running the function of the same name, ⟨g, J t⟩ = ⟨Jᵀ g, t⟩,
and, for the NumPy backend, a finite difference.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from tests.support.arrays import convert, to_numpy
from tests.support.backends import ALL
from tests.support.derivatives import inner
from tests.support.optional import installed, is_installed
from tests.support.samples import (
    COMPLEX_ONLY,
    REAL_ONLY,
    RULES,
    Call,
    argument_at,
    arrays_in,
    calls_of,
    put_argument,
    resolve,
)
from tests.support.slow import slow_if

BACKENDS = installed(*ALL, "dask")
DTYPES = ["float32", "float64", "complex64", "complex128"]
TOLERANCE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-9, "complex128": 1e-9}


def close_for_dtype(got: Any, expected: Any, dtype: str, what: str) -> None:
    got, expected = to_numpy(got), to_numpy(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(
        got, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale, err_msg=what
    )


def ours(name: str, backend: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return getattr(pg.namespace(backend), name)(*args, **kwargs)


def theirs(name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The same function by torch itself, recorded by torch.autograd."""
    import array_api_compat.torch as xp

    return getattr(xp, name)(*args, **kwargs)


@pytest.mark.parametrize("name, backend, dtype", [
    slow_if(backend == "jax" and dtype in ("float32", "complex64"), name, backend, dtype)
    for name in sorted(RULES) for backend in BACKENDS for dtype in DTYPES
])  # fmt: skip
def test_rule(name: str, backend: str, dtype: str) -> None:
    if dtype.startswith("complex") and name in REAL_ONLY:
        pytest.skip("real only")
    if dtype.startswith("float") and name in COMPLEX_ONLY:
        pytest.skip("complex only")
    if backend == "dask" and dtype in ("float32", "complex64"):
        pytest.skip("slow, and the same as in double precision")
    if not get_backend(backend).has(name):
        pytest.skip("the library has no such function")
    precise = dtype
    if name == "astype" and dtype == "complex128":
        precise = "complex64"  # the result is in single precision
    rng = np.random.default_rng(zlib.crc32(f"{name} {dtype}".encode()))
    xp = get_backend(backend).xp
    checked = 0
    for call in calls_of(RULES[name], backend):
        args, places = arrays_in(call, rng, dtype)
        raw = resolve([convert(x, backend) for x in args], dtype, xp)
        leaves = list(raw)
        if backend == "dask" and not able(xp, name, raw, call.kwargs):
            continue
        for place in places:
            put_argument(leaves, place, pg.Variable(argument_at(raw, place), requires_grad=True))
        xs = [argument_at(leaves, place) for place in places]
        y = ours(name, backend, leaves, call.kwargs)
        g = np.asarray(rng.normal(size=y.shape) + (1j * rng.normal(size=y.shape)
                       if "complex" in str(y.dtype) else 0), dtype=str(y.dtype).split(".")[-1])  # fmt: skip
        grads = pg.autograd.grad(
            y, xs, convert(g, backend), create_graph=True, materialize_grads=True
        )
        for x, dx in zip(xs, grads, strict=True):
            assert dx.dtype == x.dtype
            assert tuple(dx.shape) == tuple(x.shape)
            checked += 1
        w = [np.asarray(rng.normal(size=x.shape), dtype=dtype) for x in xs]
        second = second_order(grads, xs, [convert(v, backend) for v in w])
        if is_installed("torch"):
            against_torch(name, call, args, places, dtype, precise, y, g, grads, w, second)
        forwards(name, backend, call, raw, places, w, g, grads, precise)
        if backend == "numpy" and dtype == "float64":
            differences(name, call, raw, places, w, g, grads)
    assert checked


def able(xp: Any, name: str, args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether the library itself can do this: Dask reshapes and repeats in some ways only."""
    try:
        getattr(xp, name, lambda *args, **kwargs: None)(*args, **kwargs)
    except NotImplementedError:
        return False
    return True


def second_order(grads: Any, xs: list[Any], w: list[Any]) -> list[Any]:
    total: Any = None
    for dx, v in zip(grads, w, strict=True):
        term = pg.sum(pg.real(dx * v) if "complex" in str(dx.dtype) else dx * v)
        total = term if total is None else total + term
    if not total.requires_grad:
        return [None] * len(xs)
    return list(pg.autograd.grad(total, xs, allow_unused=True))


def against_torch(
    name: str, call: Call, args: Any, places: Any, dtype: str, precise: str, y: Any, g: Any,
    grads: Any, w: Any, second: list[Any],
) -> None:  # fmt: skip
    import array_api_compat.torch as txp
    import torch

    leaves = resolve([convert(x, "torch") for x in args], dtype, txp)
    for place in places:
        put_argument(leaves, place, argument_at(leaves, place).clone().requires_grad_(True))
    xs = [argument_at(leaves, place) for place in places]
    try:
        ty = theirs(name, leaves, call.kwargs)
    except (AttributeError, TypeError, RuntimeError, NotImplementedError) as error:
        pytest.skip(f"torch has no answer: {error}")
    close_for_dtype(y, ty, precise, f"{name}: value")
    if not ty.requires_grad:
        return
    g = torch.asarray(g)
    try:
        expected = torch.autograd.grad(ty, xs, g, create_graph=True, allow_unused=True)
    except RuntimeError:
        if name in NO_GRADIENT_IN_TORCH:
            return
        raise
    total: Any = 0
    for place, got, wanted, v in zip(places, grads, expected, w, strict=True):
        wanted = torch.zeros_like(argument_at(leaves, place)) if wanted is None else wanted
        close_for_dtype(got, wanted, precise, f"{name}: gradient by argument {place}")
        total = total + torch.sum(torch.real(wanted * torch.asarray(v)))
    if not total.requires_grad:
        return
    for got, wanted in zip(second, torch.autograd.grad(total, xs, allow_unused=True), strict=True):
        if wanted is not None or got is not None:
            zeros = torch.zeros(()) if wanted is None else torch.zeros_like(wanted)
            close_for_dtype(zeros if got is None else got, zeros if wanted is None else wanted, precise,
                  f"{name}: second order")  # fmt: skip


#: torch raises there, `nextafter` in versions before 2.13 only; differences and the forward check
#: still hold us to the truth.
NO_GRADIENT_IN_TORCH = {"floor_divide", "nextafter"}


def forwards(
    name: str, backend: str, call: Call, raw: Any, places: Any, w: Any, g: Any, grads: Any,
    dtype: str,
) -> None:  # fmt: skip
    """⟨g, J t⟩ = ⟨Jᵀ g, t⟩, with `J t` from the forward walk."""

    def f(*xs: Any) -> Any:
        args = list(raw)
        for place, x in zip(places, xs, strict=True):
            put_argument(args, place, x)
        return ours(name, backend, args, call.kwargs)

    primals = tuple(argument_at(raw, place) for place in places)
    _, jt = pg.jvp(f, primals, tuple(convert(v, backend) for v in w))
    left = inner(g, to_numpy(jt))
    right = sum(inner(to_numpy(dx), v) for dx, v in zip(grads, w, strict=True))
    scale = (
        1.0
        + abs(left)
        + sum(float(np.sum(np.abs(to_numpy(dx) * v))) for dx, v in zip(grads, w, strict=True))
    )
    assert abs(left - right) <= TOLERANCE[dtype] * scale, f"{name}: forward {left}, {right}"


def differences(name: str, call: Call, raw: Any, places: Any, w: Any, g: Any, grads: Any) -> None:
    """A central difference along `w`, extrapolated once."""

    def f(h: float) -> np.ndarray:
        args = list(raw)
        for place, v in zip(places, w, strict=True):
            put_argument(args, place, argument_at(args, place) + h * v)
        return to_numpy(ours(name, "numpy", args, call.kwargs))

    def slope(h: float) -> np.ndarray:
        return (f(h) - f(-h)) / (2 * h)

    estimate = inner(g, (4 * slope(5e-5) - slope(1e-4)) / 3)
    exact = sum(inner(to_numpy(dx), v) for dx, v in zip(grads, w, strict=True))
    assert abs(estimate - exact) <= 1e-6 * (1 + abs(exact)), (
        f"{name}: difference {estimate}, {exact}"
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_non_contiguous_and_unused(backend: str) -> None:
    base = np.arange(24.0).reshape(4, 6) / 10
    xp = pg.namespace(backend)
    whole = convert(base, backend)
    x = pg.Variable(whole[::2, ::3], requires_grad=True)
    unused = pg.Variable(whole, requires_grad=True)
    y = xp.sum(xp.sin(x).mT @ x)
    dx, none = pg.autograd.grad(y, [x, unused], allow_unused=True)
    assert none is None
    part = base[::2, ::3]
    expected = np.cos(part) * part.sum(1, keepdims=True) + np.sin(part).sum(1, keepdims=True)
    np.testing.assert_allclose(to_numpy(dx), expected)


def test_every_function_of_the_standard_is_there() -> None:
    """The names of the standard's top level, against the namespace."""
    xp = pg.namespace("numpy")
    missing = [name for name in STANDARD if not hasattr(xp, name)]
    assert not missing


STANDARD = """
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_invert bitwise_left_shift
bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1
floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p
log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative
nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh square sqrt
subtract tan tanh trunc
arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril
triu zeros zeros_like astype broadcast_arrays broadcast_to can_cast finfo iinfo isdtype result_type
take take_along_axis matmul matrix_transpose tensordot vecdot concat expand_dims flip moveaxis
permute_dims repeat reshape roll squeeze stack tile unstack argmax argmin count_nonzero nonzero
searchsorted where unique_all unique_counts unique_inverse unique_values argsort sort cumulative_prod
cumulative_sum max mean min prod std sum var all any diff e inf nan newaxis pi bool int8 int16 int32
int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128 __array_namespace_info__
""".split()  # noqa: SIM905
