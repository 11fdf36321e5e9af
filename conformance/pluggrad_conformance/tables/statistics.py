"""Quantiles, covariances, histograms."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

from ..operations import Array, add
from .rows import about, jnp_function, nan, numbers, shaped, usual

REAL = ("real",)
m = Array((3, 4))
with_nan = numbers((1.0, nan, 3.0, -2.0), (0.5, 2.0, nan, 4.0))

# ---------------------------------------------------------------- quantiles


def torch_quantile(name: str, scale: float = 1.0) -> Any:
    """torch's function of that name; `scale` is what it calls 1."""
    def call(torch: Any, x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
        return getattr(torch, name)(x, torch.as_tensor(q, dtype=x.dtype) / scale, dim=axis, interpolation=method, keepdim=keepdims)

    return call


for name, of, scale in (("quantile", "quantile", 1.0), ("percentile", "quantile", 100.0), ("nanquantile", "nanquantile", 1.0), ("nanpercentile", "nanquantile", 100.0)):
    own = (about("nan", with_nan, 0.4 * scale, axis=1),) if "nan" in name else ()
    add(name, "reduction", usual(Array((5,)), Array(values=0.3 * scale)), shaped("large", Array((99,)), 0.37 * scale), about("several", Array((6,)), numbers(0.13 * scale, 0.71 * scale)),
        about("one axis", m, 0.6 * scale, axis=1), shaped("kept", m, 0.6 * scale, axis=0, keepdims=True),
        about("lower", Array((6,)), 0.3 * scale, method="lower"), about("midpoint", Array((6,)), 0.3 * scale, method="midpoint"),
        *own, domains=REAL, torch=torch_quantile(of, scale), jax=jnp_function("jax.numpy", name))

# ---------------------------------------------------------------- covariances


def with_more(name: str) -> Any:
    """`xp.cov` and the like, with all arrays as positional arguments, so that they are differentiated."""
    def call(xp: Any, x: Any, y: Any = None, aweights: Any = None, **kwargs: Any) -> Any:
        return getattr(xp, name)(x, y, **kwargs, **({} if aweights is None else {"aweights": aweights}))

    return call


def torch_covariance(name: str) -> Any:
    """torch's function of that name, which takes one matrix of variables in rows."""
    def call(torch: Any, x: Any, y: Any = None, aweights: Any = None, rowvar: bool = True, ddof: int = 1) -> Any:
        x = torch.atleast_2d(x) if rowvar else x.T
        x = x if y is None else torch.cat([x, torch.atleast_2d(y)])
        return getattr(torch, name)(x, **({"correction": ddof, "aweights": aweights} if name == "cov" else {}))

    return call


add("cov", "contraction", usual(m), shaped("large", Array((10, 100))), about("in columns", m, rowvar=False), about("more variables", m, Array((4,))),
    about("weights", m, None, Array((4,), 0.5, 2.0)), about("biased", m, ddof=0), domains=REAL, call=with_more("cov"), torch=torch_covariance("cov"))
add("corrcoef", "contraction", usual(m), shaped("large", Array((10, 100))), about("in columns", m, rowvar=False), about("more variables", m, Array((4,))),
    domains=REAL, call=with_more("corrcoef"), torch=torch_covariance("corrcoef"))

# ---------------------------------------------------------------- histograms

integers = Array(values=(0, 1, 1, 4, 2, 1), dtype="int64")


def torch_bincount(torch: Any, x: Any, weights: Any, minlength: int = 0) -> Any:
    """torch's own has no gradient."""
    return torch.zeros(max(int(x.max()) + 1, minlength), dtype=weights.dtype).index_add(0, x, weights)


add("bincount", "reduction", usual(integers, Array((6,))), about("long", integers, Array((6,)), minlength=9),
    domains=REAL, torch=torch_bincount, no_jax=True, compiled=False)


def histogram(xp: Any, weights: Any, *x: Any, **kwargs: Any) -> Any:
    """What is in the bins, which has a gradient by the weights."""
    if len(x) == 2:
        return xp.histogram2d(*x, weights=weights, **kwargs)[0]
    return (xp.histogram if x[0].ndim == 1 else xp.histogramdd)(x[0], weights=weights, **kwargs)[0]


def torch_histogram(torch: Any, weights: Any, *x: Any, bins: int = 10, density: bool = False) -> Any:
    """torch's own have no gradient."""
    x = x if len(x) == 2 else (x[0],) if x[0].ndim == 1 else tuple(x[0].T)
    places, size = 0, 1.0
    for column in x:
        low, high = column.min(), column.max()
        edges = torch.linspace(low.item(), high.item(), bins + 1, dtype=column.dtype)
        places = places * bins + torch.clamp(torch.bucketize(column, edges, right=True) - 1, 0, bins - 1)
        size = size * (high - low) / bins
    found = torch.zeros(bins ** len(x), dtype=weights.dtype).index_add(0, places, weights)
    found = found / size / weights.sum() if density else found
    return found.reshape((bins,) * len(x))


def edges(xp: Any, x: Any, **kwargs: Any) -> Any:
    """The edges, which have a gradient by the least and the greatest element."""
    return xp.histogram_bin_edges(x, **kwargs)


def torch_edges(torch: Any, x: Any, bins: int = 10) -> Any:
    """Evenly spaced."""
    share = torch.arange(bins + 1, dtype=x.dtype) / bins
    return x.min() + (x.max() - x.min()) * share


steady = {name: Array(shape, constant=True) for name, shape in (("row", (12,)), ("points", (12, 2)))}
for name, x in (("histogram", (steady["row"],)), ("histogram2d", (steady["row"], steady["row"])), ("histogramdd", (steady["points"],))):
    add(name, "reduction", usual(Array((12,), 0.5, 2.0), *x, bins=3), about("density", Array((12,), 0.5, 2.0), *x, bins=3, density=True),
        domains=REAL, call=histogram, torch=torch_histogram, no_jax=True)
add("histogram_bin_edges", "reduction", usual(Array((9,))), about("few", Array((9,)), bins=2), domains=REAL, call=edges, torch=torch_edges, jax=jnp_function("jax.numpy", "histogram_bin_edges"))
