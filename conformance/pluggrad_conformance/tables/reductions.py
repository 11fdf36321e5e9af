"""Reductions: sums, products, extrema, moments; and softmax and its kin, which contain one."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

import numpy as np

from ..operations import Array, Case, add
from .rows import about, inf, jnp_function, nan, numbers, shaped, usual

REAL = ("real",)
m, cube = Array((3, 4)), Array((2, 3, 4))


def reduction(name: str, *cases: Case, scalar: Case | None = None, **facts: Any) -> None:
    """A function that takes `axis` and `keepdims`."""
    add(name, "reduction", usual(m), scalar or shaped("0-d", Array()), shaped("large", Array((10, 100))),
        about("one axis", m, axis=1), shaped("several axes", cube, axis=(0, -1)), shaped("kept", m, axis=0, keepdims=True),
        *cases, **facts)


# ---------------------------------------------------------------- sums and products


def others(c: Any, x: Any) -> list[Any]:
    """The gradient of prod: for each element, the product of the others. frexp avoids overflow."""
    mantissas, exponents = np.frexp(x)
    found = [np.ldexp(np.prod(np.delete(mantissas, k)), int(np.sum(np.delete(exponents, k)))) for k in range(x.size)]
    return [c * np.asarray(found)]


reduction("sum", shaped("empty", Array((0, 3)), axis=0), about("far from zero", Array((100,), 9999, 10001), domain="real"), analytic=True, method="sum")
reduction("mean", about("far from zero", Array((100,), 9999, 10001), domain="real"), analytic=True, method="mean")
reduction("prod", shaped("empty", Array((0, 3)), axis=1), about("one zero", numbers(0.0, 2.0, 3.0)), about("two zeros", numbers(0.0, 2.0, 0.0)),
          about("all zeros", numbers(0.0, 0.0, 0.0, 0.0)), about("one element", numbers(2.5)),
          about("zeros along an axis", numbers((0.0, 2.0, 0.0), (1.0, 0.0, 3.0)), axis=1),
          about("huge", numbers(1e200, 1e-200, 1e200, 1e-200), domain="real", dtypes=("float64",), convention="tiny-huge", orders=1, expected=others),
          about("huge and zero", numbers(1e-300, 1e300, 1e-300, 1e300, 0.0), domain="real", dtypes=("float64",), convention="tiny-huge", orders=1, expected=others),
          about("large numbers", numbers(1e30, 1e-30, 1e30, 1e-30), domain="real", convention="tiny-huge", orders=1, expected=others),
          analytic=True, method="prod")

# ---------------------------------------------------------------- extrema


def evenly(c: Any, x: Any, y: Any) -> Any:
    """`c` split among the elements of the last axis of `x` that are `y`; nan if that is nan."""
    c, y = np.asarray(c)[..., None], np.asarray(y)[..., None]
    hits = x == y
    return np.where(np.isnan(y), nan, c * hits / np.sum(hits, axis=-1, keepdims=True))


for name, s in (("max", 1.0), ("min", -1.0)):
    extremum = np.max if name == "max" else np.min
    of_all = lambda c, x, extremum=extremum: [evenly(c, x.ravel(), extremum(x)).reshape(x.shape)]
    of_rows = lambda c, x, extremum=extremum: [evenly(c, x, extremum(x, axis=-1))]
    reduction(name,
              about("ties", numbers(s, 3 * s, 3 * s), convention="ties", expected=of_all),
              about("ties along an axis", numbers((s, 3 * s, 3 * s), (2.0, 2.0, 2.0)), axis=1, convention="ties", expected=of_rows),
              about("ties everywhere", numbers((s, 3 * s), (3 * s, s)), axis=(0, 1), convention="ties", expected=of_all),
              about("infinities", numbers((inf, inf, 1.0), (-inf, -inf, -inf)), axis=1, convention="ties", expected=of_rows),
              about("nan", numbers(1.0, nan, 3.0), convention="nan-propagates", orders=1, expected=of_all),
              domains=REAL, method=name)

# ---------------------------------------------------------------- moments

still = lambda c, x: [np.zeros_like(x)]


def no_freedom(c: Any, x: Any) -> list[Any]:
    """nan everywhere: the variance divides by zero."""
    return [np.full_like(x, nan)]


reduction("var", about("corrected", m, axis=1, correction=1), shaped("first axis", m, axis=0, correction=1, keepdims=True),
          about("far from zero", Array((100,), 9999, 10001)), about("constant", numbers(2.0, 2.0, 2.0)), about("one element", numbers(2.0)),
          about("no freedom", numbers(2.0), correction=1, convention="nan-propagates", orders=1, expected=no_freedom),
          domains=REAL, method="var", analytic=True)
reduction("std", about("corrected", m, axis=1, correction=1), shaped("first axis", m, axis=0, correction=1, keepdims=True),
          about("far from zero", Array((100,), 9999, 10001)),
          about("constant", numbers(2.0, 2.0, 2.0), convention="std-constant", orders=1, expected=still),
          about("constant but for rounding", numbers(0.1, 0.1, 0.1), convention="std-constant", orders=1, expected=still),
          about("one constant row", numbers((1.0, 1.0), (0.0, 2.0)), axis=1, convention="std-constant", orders=1,
                expected=lambda c, x: [np.asarray(c)[:, None] * np.asarray([[0.0, 0.0], [-0.5, 0.5]])]),
          scalar=shaped("0-d", Array(), convention="std-constant", expected=still), domains=REAL, method="std")

# ---------------------------------------------------------------- logsumexp and softmax


def torch_over_axes(name: str) -> Any:
    """torch's function of that name, which has no default for the axes."""
    def call(torch: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return getattr(torch, name)(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)

    return call


def torch_softmax(name: str) -> Any:
    """torch's softmax along one axis, or along all of them."""
    def call(torch: Any, x: Any, axis: Any = None) -> Any:
        f = getattr(torch, name)
        return f(x.reshape(-1), 0).reshape(x.shape) if axis is None else f(x, axis)

    return call


def jax_softmax(name: str) -> Any:
    """JAX's softmax, whose default is the last axis, not all of them."""
    def call(jnp: Any, x: Any, axis: Any = None) -> Any:
        return jnp_function("jax.nn", name)(jnp, x, axis=tuple(range(x.ndim)) if axis is None else axis)

    return call


def equal_infinities(c: Any, x: Any) -> list[Any]:
    """The infinities that attain the maximum share the gradient evenly."""
    return [c * (x == np.max(x)) / np.sum(x == np.max(x))]


reduction("logsumexp", about("far from zero", Array((100,), 9999, 10001)), about("far apart", numbers((-2000.0, 0.0, 0.0), (50.0, 50.0, -50.0)), axis=1),
          about("all -inf", numbers(-inf, -inf, -inf, -inf), convention="logsumexp-infinities", orders=1, expected=equal_infinities),
          about("inf", numbers(inf, 0.0, inf), convention="logsumexp-infinities", orders=1, expected=equal_infinities),
          about("some -inf", numbers(-inf, 0.0, 1.0)), domains=REAL, torch=torch_over_axes("logsumexp"), jax=jnp_function("jax.nn", "logsumexp"))
for name in ("softmax", "log_softmax"):
    add(name, "reduction", usual(m, axis=1), shaped("0-d", Array()), shaped("large", Array((10, 100)), axis=1), about("all axes", m), shaped("first axis", m, axis=0),
        about("far from zero", Array((20,), 999, 1001), axis=0), about("far apart", numbers((-2000.0, 0.0, 0.0), (50.0, 50.0, -50.0)), axis=1),
        about("some -inf", numbers(-inf, 0.0, 1.0), axis=0), domains=REAL, torch=torch_softmax(name), jax=jax_softmax(name))

# ---------------------------------------------------------------- passing over nan

with_nan = numbers((1.0, nan, 3.0, -2.0), (0.5, 2.0, nan, 4.0))


def without_nan(name: str, fill: float) -> Any:
    """The function in torch: nan is replaced by `fill`, which does not change the result."""
    def call(torch: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        filled = torch.where(torch.isnan(x), torch.full_like(x, fill), x)
        if axis is None:
            found = getattr(torch, name)(filled)
            return found.reshape((1,) * x.ndim) if keepdims else found
        return getattr(torch, name)(filled, dim=axis, keepdim=keepdims)

    return call


def torch_nanmean(torch: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """torch's nanmean, with the standard's keywords."""
    return torch.nanmean(x, dim=axis, keepdim=keepdims)


def torch_nanvar(torch: Any, x: Any, axis: Any = None, ddof: float = 0.0, keepdims: bool = False) -> Any:
    """torch has no nanvar: from nanmean and the elements that are not nan."""
    axes = tuple(range(x.ndim)) if axis is None else axis
    d = x - torch.nanmean(x, dim=axes, keepdim=True)
    d = torch.where(torch.isnan(x), torch.zeros_like(x), d)
    count = (~torch.isnan(x)).sum(dim=axes, keepdim=keepdims)
    return (d * d).sum(dim=axes, keepdim=keepdims) / (count - ddof)


def torch_nanstd(torch: Any, *args: Any, **kwargs: Any) -> Any:
    """The root of `torch_nanvar`."""
    return torch.sqrt(torch_nanvar(torch, *args, **kwargs))


TORCH = {"nansum": without_nan("sum", 0.0), "nanprod": without_nan("prod", 1.0), "nanmax": without_nan("amax", -inf),
         "nanmin": without_nan("amin", inf), "nanmean": torch_nanmean, "nanvar": torch_nanvar, "nanstd": torch_nanstd}

for name, spelled in TORCH.items():
    own = [about("corrected", with_nan, axis=1, ddof=1)] if name in ("nanvar", "nanstd") else []
    if name == "nanprod":
        own = [about("zeros", numbers(0.0, nan, 2.0, 3.0))]
    add(name, "reduction", usual(with_nan), about("one axis", with_nan, axis=1), shaped("kept", with_nan, axis=1, keepdims=True),
        about("no nan", m), shaped("large", Array((10, 100))), *own, domains=REAL, torch=spelled, jax=jnp_function("jax.numpy", name))

# ---------------------------------------------------------------- the middle


def torch_median(torch: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """torch's own median takes the lower of two middle elements; its quantile takes their mean, as NumPy does."""
    return torch.quantile(x, 0.5, dim=axis, keepdim=keepdims)


add("median", "reduction", usual(Array((5,))), shaped("0-d", Array()), shaped("large", Array((999,))), about("even", Array((6,))),
    about("one axis", m, axis=1), shaped("kept", m, axis=0, keepdims=True),
    domains=REAL, torch=torch_median, jax=jnp_function("jax.numpy", "median"))


def torch_nanmedian(torch: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """torch's own takes the lower of two middle elements."""
    return torch.nanquantile(x, 0.5, dim=axis, keepdim=keepdims)


add("nanmedian", "reduction", usual(with_nan), about("one axis", with_nan, axis=1), shaped("kept", with_nan, axis=1, keepdims=True), about("no nan", m),
    shaped("large", Array((999,))), domains=REAL, torch=torch_nanmedian, jax=jnp_function("jax.numpy", "nanmedian"))

# ---------------------------------------------------------------- range, weighted mean


def torch_ptp(torch: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """torch has no ptp."""
    axes = tuple(range(x.ndim)) if axis is None else axis
    return torch.amax(x, axes, keepdims) - torch.amin(x, axes, keepdims)


def average(xp: Any, x: Any, weights: Any = None, **kwargs: Any) -> Any:
    """`xp.average`, with the weights as a positional argument, so that they are differentiated."""
    return xp.average(x, weights=weights, **kwargs)


def torch_average(torch: Any, x: Any, weights: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """torch has no average."""
    axes = tuple(range(x.ndim)) if axis is None else axis
    w = torch.ones_like(x) if weights is None else weights * torch.ones_like(x)
    return (x * w).sum(dim=axes, keepdim=keepdims) / w.sum(dim=axes, keepdim=keepdims)


reduction("ptp", about("ties", numbers(1.0, 3.0, 3.0, 1.0)), domains=REAL, torch=torch_ptp, jax=jnp_function("jax.numpy", "ptp"))
add("average", "reduction", usual(m, Array((3, 4), 0.5, 2.0)), shaped("large", Array((10, 100)), Array((10, 100), 0.5, 2.0)),
    about("no weights", m), about("weights of an axis", m, Array((4,), 0.5, 2.0), axis=1),
    shaped("kept", m, Array((3, 4), 0.5, 2.0), axis=0, keepdims=True), call=average, torch=torch_average)
