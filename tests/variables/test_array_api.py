"""Variables and namespaces as the standard describes arrays and namespaces.

Here is what can be told without the standard's own suite, which `array_api_suite.py` runs.
"""

from __future__ import annotations

import inspect
import operator

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.standard import CREATION, INQUIRIES
from tests.support.optional import needs

BACKENDS = ["numpy", "strict", "torch", "jax"]


@pytest.fixture(params=BACKENDS)
def xp(request):
    needs(request.param)
    return pg.namespace(request.param)


def parameters(function) -> list[tuple]:
    signature = inspect.signature(function)
    return [
        (p.name, p.kind.name, None if "UNDEF" in repr(p.default) else p.default)
        for p in signature.parameters.values()
    ]


def beyond(function, standard):
    """What `function` cannot be called with, though the standard's function can; empty if none.
    NumPy takes more arguments, and more of them by position or by name, and it has more defaults."""
    ours, theirs = parameters(function), parameters(standard)
    by_name = {name: (kind, default) for name, kind, default in ours}
    places = {name: n for n, (name, _, _) in enumerate(ours)}
    missing, empty = [], inspect.Parameter.empty
    for n, (name, kind, default) in enumerate(theirs):
        found, value = by_name.pop(name, ("", None))
        fits = found in (kind, "POSITIONAL_OR_KEYWORD")
        if (
            not fits
            or default not in (value, empty)
            or (kind.startswith("POS") and places[name] != n)
        ):
            missing.append(name)
    return missing + [name for name, (_, default) in by_name.items() if default is empty]


def leaf_in(xp, values=(1.0, 2.0, 3.0)) -> pg.Variable:
    return pg.Variable(xp.asarray(values).data, requires_grad=True)


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize("extension", ["", "linalg", "fft"])
def test_signatures_are_those_of_the_standard(xp, extension):
    standard = needs("array_api_strict", reason="it spells the signatures out")
    top = pg
    if extension:
        xp, top, standard = (getattr(namespace, extension) for namespace in (xp, pg, standard))
    names = [name for name in standard.__all__ if inspect.isfunction(getattr(standard, name))]
    names = [name for name in names if not name.endswith("array_api_strict_flags")]
    assert len(names) > 10
    for name in names:
        if name in ("eig", "eigvals", "__array_namespace_info__"):
            continue  # not every library has the first two; the third takes nothing
        expected = getattr(standard, name)
        assert beyond(getattr(xp, name), expected) == [], name
        assert parameters(getattr(top, name)) == parameters(getattr(xp, name)), name


@pytest.mark.parametrize("name", [*CREATION, *INQUIRIES])
def test_functions_that_are_no_operations_say_what_they_take(xp, name):
    function = operator.attrgetter(name)(xp)
    assert parameters(function) == parameters(operator.attrgetter(name)(pg))
    assert function.__name__ == name.split(".")[-1] and function.__doc__


UNARY = ["abs", "invert", "neg", "pos"]
COMPARISONS = ["eq", "ge", "gt", "le", "lt", "ne"]
ARITHMETIC = ["add", "and", "floordiv", "lshift", "matmul", "mod", "mul", "or", "pow", "rshift",
              "sub", "truediv", "xor"]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    UNARY + COMPARISONS + [prefix + name for name in ARITHMETIC for prefix in ("", "r", "i")],
)
def test_signatures_of_operators(xp, name):
    method = getattr(xp.ones((2, 2)), f"__{name}__")
    other = [("other", "POSITIONAL_ONLY", inspect.Parameter.empty)]
    assert parameters(method) == ([] if name in UNARY else other)
    assert method.__name__ == f"__{name}__"


# ---------------------------------------------------------------- attributes and protocols


def test_attributes(xp):
    x = xp.zeros((3, 0, 2))
    assert tuple(x.shape) == (3, 0, 2) and x.ndim == 3 and x.size == 0 and isinstance(x.size, int)
    assert tuple(x.mT.shape) == (3, 2, 0)
    assert x.dtype == x.data.dtype and x.device == xp.asarray(x).device
    assert xp.ones((2, 3)).T.shape == (3, 2)
    assert tuple(x.T.shape) == (2, 0, 3)
    assert tuple(xp.ones(2).T.shape) == (2,) and tuple(xp.ones(()).T.shape) == ()


def test_array_namespace(xp):
    x = xp.ones(2)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2022.12") is xp
    assert xp.__array_api_version__ == pg.__array_api_version__ == "2025.12"
    with pytest.raises(ValueError, match=r"2031\.12"):
        x.__array_namespace__(api_version="2031.12")


def test_inspection(xp):
    info = xp.__array_namespace_info__()
    devices = info.devices()
    assert isinstance(devices, tuple) and xp.ones(1).device in devices
    assert info.default_device() is None or info.default_device() in devices
    assert info.dtypes(kind="bool") == {"bool": xp.ones(1, dtype=xp.bool).dtype}
    assert info.default_dtypes()["real floating"] == xp.ones(1).dtype
    capabilities = {"boolean indexing", "data-dependent shapes", "max dimensions"}
    assert capabilities <= set(info.capabilities())
    assert isinstance(pg.__array_namespace_info__().devices(), tuple)


def test_dtypes_are_the_librarys(xp):
    x = xp.asarray([1.0, 2.0], dtype=xp.float32)
    assert xp.isdtype(x.dtype, ("real floating", xp.bool)) and not pg.isdtype(x.dtype, xp.int8)
    assert xp.result_type(x, xp.float64) == xp.ones(1, dtype=xp.float64).dtype
    assert xp.result_type(x, 1.0) == x.dtype
    assert xp.finfo(x).bits == pg.finfo(x.dtype).bits == 32 and xp.iinfo(xp.int8).max == 127
    assert xp.can_cast(x, xp.float64)
    assert xp.astype(x, xp.int64).dtype == xp.zeros(1, dtype=xp.int64).dtype
    assert pg.zeros(1, dtype=pg.int32).dtype == np.int32


def test_conversions(xp):
    assert bool(xp.asarray(True)) is True and int(xp.asarray(3)) == 3
    assert float(xp.asarray(0.5)) == 0.5 and complex(xp.asarray(1 + 2j)) == 1 + 2j
    assert operator.index(xp.asarray(2)) == 2 and "abc"[xp.asarray(1)] == "b"
    with pytest.raises(TypeError):
        operator.index(xp.asarray(1.0))


def test_to_device(xp):
    v = leaf_in(xp)
    w = v.to_device(v.device)
    assert w.device == v.device
    w[0].backward()
    assert v.grad.tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="stream"):
        v.to_device(v.device, stream=1)


def test_another_device():
    needs("array_api_strict")
    xp = pg.namespace("strict")
    here, there = xp.__array_namespace_info__().devices()[:2]
    v = leaf_in(xp)
    w = xp.asarray(v, device=there)
    assert w.device == there and xp.asarray(v, device=here) is v
    xp.sum(w * w).backward()
    assert v.grad.tolist() == [2.0, 4.0, 6.0] and v.grad.device == here
    with pytest.raises(ValueError, match="copy"):
        xp.asarray(v, device=there, copy=False)


def test_dlpack(xp):
    x = xp.asarray([1.0, 2.0])
    assert np.from_dlpack(x).tolist() == [1.0, 2.0]
    assert xp.from_dlpack(x).tolist() == [1.0, 2.0]
    assert xp.from_dlpack(np.asarray([1, 2])).tolist() == [1, 2]
    assert isinstance(x.__dlpack_device__()[1], int)
    assert parameters(x.__dlpack__) == [
        (name, "KEYWORD_ONLY", None) for name in ("stream", "max_version", "dl_device", "copy")
    ]
    for leave in (lambda v: v.__dlpack__(), xp.from_dlpack):
        with pytest.raises(pg.GraphBreakError):
            leave(leaf_in(xp))


# ---------------------------------------------------------------- making arrays


def test_asarray(xp):
    v = leaf_in(xp)
    assert xp.asarray(v) is v and xp.asarray(v, copy=False) is v
    copied = xp.asarray(v, copy=True)
    assert copied is not v and copied.requires_grad
    assert xp.asarray(v, dtype=xp.float32).requires_grad
    other = xp.float32 if v.dtype == xp.ones(1, dtype=xp.float64).dtype else xp.float64
    for refused in (lambda: xp.asarray(v, dtype=other, copy=False),
                    lambda: xp.asarray([v, v], copy=False)):  # fmt: skip
        with pytest.raises(ValueError, match="copy"):
            refused()
    rows = xp.asarray([[v[0], 5.0], [v[1], v[2]]])
    assert rows.shape == (2, 2)
    xp.sum(rows * rows).backward()
    assert v.grad.tolist() == [2.0, 4.0, 6.0]


def test_a_copy_has_a_buffer_of_its_own(xp):
    x = xp.asarray([1.0, 2.0])
    y = xp.asarray(x, copy=True)
    y[0] = 7.0
    assert x.tolist() == [1.0, 2.0] and y.tolist() == [7.0, 2.0]


def test_what_makes_arrays_does_not_lose_gradients(xp):
    v = leaf_in(xp)
    for make in (lambda: xp.arange(v[0], 5.0), lambda: xp.eye(2, k=v[0])):
        with pytest.raises(pg.UnsupportedError, match="derivative"):
            make()
    made = xp.full((2,), v[0]) + xp.full_like(xp.zeros(2), v[1]) + xp.linspace(v[0], v[2], 2)
    xp.sum(made).backward()
    assert v.grad.tolist() == [3.0, 2.0, 1.0]
    assert not xp.zeros_like(v).requires_grad and xp.ones_like(v).tolist() == [1.0, 1.0, 1.0]


def test_what_makes_arrays_makes_leaves(xp):
    made = [xp.ones(3, requires_grad=True), xp.zeros_like(xp.ones(3), requires_grad=True),
            xp.linspace(0.0, 1.0, 3, requires_grad=True), xp.eye(3, requires_grad=True)]  # fmt: skip
    for w in made:
        assert w.is_leaf and w.requires_grad
        assert not getattr(w.data, "requires_grad", False)  # of torch's own graph
        xp.sum(w * w).backward()
        np.testing.assert_array_equal(w.grad.numpy(), 2 * w.detach().numpy())
    assert not xp.ones(3, requires_grad=False).requires_grad
    with pytest.raises(TypeError, match="gradients"):
        xp.arange(3, requires_grad=True)


def test_volatile_is_no_gradient(xp):
    v = pg.Variable(xp.asarray(2.0).data, volatile=True)
    assert xp.arange(v, 4.0).tolist() == [2.0, 3.0]


# ---------------------------------------------------------------- arguments and operators


def test_settings_may_be_variables(xp):
    x = xp.asarray([3, 1, 2])
    assert xp.reshape(xp.ones(6), (x[2], 3)).shape == (2, 3)
    assert xp.searchsorted(x, xp.asarray([2]), sorter=xp.argsort(x)).tolist() == [1]
    assert pg.linalg.matrix_rank(pg.eye(2), rtol=pg.asarray(0.5)).item() == 2
    with pytest.raises(pg.UnsupportedError, match="keyword"):
        xp.var(xp.ones(3), correction=leaf_in(xp)[0])


def test_a_stale_view_is_tracked_in_composites(xp):
    w = leaf_in(xp)
    x = xp.zeros(4)
    s = x[1:3]
    x[1] = w[2]
    xp.sum(xp.sort(s)).backward()
    assert w.grad.tolist() == [0.0, 0.0, 1.0]


def test_in_place_keeps_the_dtype(xp):
    x = xp.asarray([1, 2])
    for value in (0.5, xp.asarray([0.5, 0.5]), 1j):
        with pytest.raises(TypeError):
            x += value
    assert x.tolist() == [1, 2]
    y = xp.asarray([1.0, 2.0], dtype=xp.float32)
    y += xp.asarray([0.5, 0.5], dtype=xp.float64)
    assert y.dtype == xp.ones(1, dtype=xp.float32).dtype and y.tolist() == [1.5, 2.5]
    with pytest.raises(TypeError, match="in place"):
        small = xp.asarray([1], dtype=xp.uint8)
        small += xp.asarray([1], dtype=xp.int16)


def test_operators_and_scalars(xp):
    x = xp.asarray([1.0, 2.0, 4.0])
    assert (8 / x).tolist() == [8.0, 4.0, 2.0] and (2**x).tolist() == [2.0, 4.0, 16.0]
    assert (1 - x).tolist() == [0.0, -1.0, -3.0] and (5 % x).tolist() == [0.0, 1.0, 1.0]
    assert (9 // x).tolist() == [9.0, 4.0, 2.0]
    assert (x == 2).tolist() == operator.eq(2, x).tolist() == [False, True, False]
    assert operator.gt(3, x).tolist() == [True, True, False]
    assert not isinstance(x == 2, bool) and (x == None) is False  # noqa: E711
    n = xp.asarray([1, 6])
    assert (7 & n).tolist() == [1, 6] and (1 << n).tolist() == [2, 64] and (~n).tolist() == [-2, -7]
    m = xp.ones((2, 2))
    m @= m
    assert m.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert all(isinstance(y, pg.Variable) for y in (8 / x, x == 2, ~n, m))


def test_empty_arrays(xp):
    x = xp.zeros((0, 3))
    assert xp.sum(x, axis=0).tolist() == [0.0, 0.0, 0.0] and xp.prod(x).item() == 1.0
    assert (x @ xp.ones((3, 2))).shape == (0, 2) and xp.sort(x, axis=0).shape == (0, 3)
    assert xp.concat([x, x]).size == 0 and (x + 1).tolist() == []
    v = pg.Variable(x.data, requires_grad=True)
    xp.sum(v * v).backward()
    assert v.grad.shape == (0, 3)


def test_results_with_names(xp):
    x = xp.asarray([3.0, 1.0, 3.0])
    counts = xp.unique_counts(x)
    assert counts.values.tolist() == [1.0, 3.0] and counts.counts.tolist() == [1, 2]
    svd = xp.linalg.svd(xp.eye(2))
    assert svd.S.tolist() == [1.0, 1.0] and svd.U.shape == svd.Vh.shape == (2, 2)
    assert xp.linalg.slogdet(xp.eye(2)).sign.item() == 1.0


def test_clip_broadcasts(xp):
    x = xp.asarray([[0.0], [5.0]])
    low, high = xp.asarray([1.0, 2.0, 3.0]), xp.asarray([[3.0], [4.0]])
    assert xp.clip(x, low, high).tolist() == [[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]]
    assert xp.clip(x, max=1).tolist() == [[0.0], [1.0]]
