"""array-api-extra, einops, opt_einsum, autoray and xarray: libraries about arrays of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from recipe import MATRIX, RNG, X, cases, check, total

import pluggrad as pg
from tests.support.optional import needs

IMAGES = RNG.normal(size=(2, 4, 6))
OTHER = RNG.normal(size=(3, 5))


def module(name: str) -> Any:
    return needs(name)


def xpx() -> Any:
    return needs("array_api_extra", minversion="0.8")


# fmt: off
EXTRA = [
    ("at.add", lambda x, c: xpx().at(x, slice(1, 3)).add(c([10.0, 20.0]) * x[0], copy=True), X),
    ("at.set with a mask", lambda x, c: xpx().at(x, x > 1.0).set(0.0, copy=True), X),
    ("at.multiply", lambda x, c: xpx().at(x)[2].multiply(x[0], copy=True), X),
    ("at.min", lambda x, c: xpx().at(x)[:3].min(x[3], copy=True), X),
    ("apply_where", lambda x, c: xpx().apply_where(x > 1.0, x, lambda t: t**2, lambda t: t**3), X),
    ("atleast_nd", lambda x, c: xpx().atleast_nd(x, ndim=3), X),
    ("cov", lambda x, c: xpx().cov(x.T), MATRIX),
    ("create_diagonal", lambda x, c: xpx().create_diagonal(x, offset=1), X),
    ("expand_dims", lambda x, c: xpx().expand_dims(x, axis=(0, 2)), X),
    ("kron", lambda x, c: xpx().kron(x, c(OTHER)), MATRIX),
    ("nan_to_num", lambda x, c: xpx().nan_to_num(x * x), X),
    ("pad", lambda x, c: xpx().pad(x, (2, 1), constant_values=3.0), X),
    ("sinc", lambda x, c: xpx().sinc(x), X),
    ("one_hot", lambda x, c: xpx().one_hot(c([0, 2, 1]), 7, dtype=c([0.5]).dtype) @ x, X),
]
EINOPS = [
    ("rearrange", lambda x, c: einops().rearrange(x, "b (h u) w -> b u w h", u=2) ** 2, IMAGES),
    ("reduce mean", lambda x, c: einops().reduce(x * x, "b h w -> b w", "mean"), IMAGES),
    ("reduce max", lambda x, c: einops().reduce(x, "b (h u) w -> b h w", "max", u=2), IMAGES),
    ("reduce prod", lambda x, c: einops().reduce(x, "b h w -> h", "prod"), IMAGES[:, :, :2]),
    ("repeat", lambda x, c: einops().repeat(x, "b h w -> b (2 h) w"), IMAGES),
    ("pack", lambda x, c: einops().pack([x, x**2], "b * w")[0], IMAGES),
]
OPT_EINSUM = [
    ("contract",
     lambda x, c: module("opt_einsum").contract("ij,jk,lk->il", x, c(OTHER), c(OTHER)), MATRIX),
    ("contract, a chain",
     lambda x, c: module("opt_einsum").contract("ij,ik,il->jkl", x, x, x), MATRIX),
    ("contract_expression",
     lambda x, c: module("opt_einsum").contract_expression("ij,jk->k", (6, 3), (3, 5))(x, c(OTHER)),
     MATRIX),
    ("contract, a trace",
     lambda x, c: module("opt_einsum").contract("ii,ij->j", x[:3], x[:3]), MATRIX),
]
AUTORAY = [
    ("do sum", lambda x, c: module("autoray").do("sum", x * x, axis=0), MATRIX),
    ("do tensordot", lambda x, c: module("autoray").do("tensordot", x, c(OTHER), axes=1), MATRIX),
    ("do einsum", lambda x, c: module("autoray").do("einsum", "ij,ik->jk", x, x), MATRIX),
    ("do transpose", lambda x, c: module("autoray").do("transpose", x, (1, 0)) ** 2, MATRIX),
    ("do linalg.norm", lambda x, c: module("autoray").do("linalg.norm", x), MATRIX),
    ("do linalg.svd", lambda x, c: module("autoray").do("linalg.svd", x)[1], MATRIX[:3]),
    ("do stack", lambda x, c: module("autoray").do("stack", (x, x * x)), MATRIX),
    ("do concatenate", lambda x, c: module("autoray").do("concatenate", (x, x * x)), MATRIX),
    ("do exp", lambda x, c: module("autoray").do("exp", x), X),
    ("do clip", lambda x, c: module("autoray").do("clip", x, 0.5, 2.0), X),
    ("do diag", lambda x, c: module("autoray").do("diag", x), X),
    ("do pad", lambda x, c: module("autoray").do("pad", x, ((1, 0), (0, 2))), MATRIX),
    ("do cumsum", lambda x, c: module("autoray").do("cumsum", x, 0), X),
    ("do take", lambda x, c: module("autoray").do("take", x, c([0, 2]), axis=0), X),
    ("do where", lambda x, c: module("autoray").do("where", x > 1.0, x, x**2), X),
    ("do reshape", lambda x, c: module("autoray").do("reshape", x, (3, 6)) ** 2, MATRIX),
]


def einops() -> Any:
    return needs("einops")


def labelled(x: Any, dims: str = "t") -> Any:
    coords = {dims[0]: np.arange(x.shape[0])}
    return needs("xarray").DataArray(x, dims=tuple(dims), coords=coords)


XARRAY = [
    ("arithmetic", lambda x, c: (labelled(x) * 2 + labelled(x) ** 2).data, X),
    ("sum", lambda x, c: labelled(x * x, "tc").sum("t").data, MATRIX),
    ("mean", lambda x, c: labelled(x * x, "tc").mean("c").data, MATRIX),
    ("std", lambda x, c: labelled(x, "tc").std("t").data, MATRIX),
    ("max", lambda x, c: labelled(x, "tc").max("t").data, MATRIX),
    ("prod", lambda x, c: labelled(x).prod().data, X),
    ("numpy.exp", lambda x, c: np.exp(labelled(x)).data, X),
    ("dot", lambda x, c: labelled(x, "tc").dot(labelled(x * x, "tc"), dim="t").data, MATRIX),
    ("transpose", lambda x, c: labelled(x * x, "tc").transpose("c", "t").data, MATRIX),
    ("isel, sel", lambda x, c: labelled(x * x).isel(t=slice(1, 5)).sel(t=[2, 3]).data, X),
    ("shift", lambda x, c: labelled(x * x).shift(t=2, fill_value=0.0).data, X),
    ("roll", lambda x, c: labelled(x * x).roll(t=2).data, X),
    ("pad", lambda x, c: labelled(x).pad(t=(1, 2), constant_values=0.0).data, X),
    ("cumsum", lambda x, c: labelled(x).cumsum("t").data, X),
    ("median", lambda x, c: labelled(x).median("t", skipna=False).data, X),
    ("where", lambda x, c: labelled(x).where(labelled(x) > 1.0, 0.0).data, X),
    ("clip", lambda x, c: labelled(x).clip(0.5, 2.0).data, X),
    ("broadcasting by name", lambda x, c: (labelled(x, "tc") * labelled(x[:, 0] ** 2)).data, MATRIX),
    ("concat",
     lambda x, c: module("xarray").concat([labelled(x), labelled(x * x)], "s").data, X),
    ("Dataset",
     lambda x, c: module("xarray").Dataset({"a": labelled(x)}).map(lambda a: a**3)["a"].data,
     X),
    ("stack", lambda x, c: labelled(x * x, "tc").stack(z=("t", "c")).data, MATRIX),
    ("diff", lambda x, c: labelled(x * x).diff("t").data, X),
    ("coarsen", lambda x, c: labelled(x * x, "tc").coarsen(t=2).mean().data, MATRIX),
    ("integrate", lambda x, c: labelled(x * x).integrate("t").data, X),
]
# fmt: on


@cases(EXTRA, "numpy", "torch")
def test_array_api_extra(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(EINOPS, "numpy", "torch")
def test_einops(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(OPT_EINSUM, "numpy", "torch")
def test_opt_einsum(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(AUTORAY, "numpy", "torch")
def test_autoray(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


@cases(XARRAY, "numpy")
def test_xarray(function: Any, x: Any, backend: str) -> None:
    check(function, x, backend)


def test_einops_array_api() -> None:
    """The functions of `einops.array_api` ask for no backend."""
    api = module("einops.array_api")
    check(lambda x, c: api.rearrange(x, "b h w -> (w h) b") ** 2, IMAGES, "numpy")
    check(lambda x, c: api.reduce(x * x, "b h w -> b", "mean"), IMAGES, "numpy")


def test_at_writes_as_into_any_array() -> None:
    """A leaf refuses to be written, a copy or a computed Variable does not."""
    at = xpx().at
    v = pg.Variable(X.copy(), requires_grad=True)
    with pytest.raises(pg.DifferentiationError, match="leaf"):
        at(v, 0).add(1.0)
    np.testing.assert_array_equal(v.data, X)
    y = v * 1.0
    z = at(y, 0).add(1.0)
    assert z is y
    total(y * y, pg).backward()
    np.testing.assert_allclose(v.grad.data[0], 2 * (X[0] + 1) * np.cos(1.0))
