"""Rows of `rules.manipulation` and `rules.products`, and of `functions`, on NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.engine.backward import nodes_below
from tests.support.derivatives import as_list, check_derivatives, inner, random_like
from tests.support.optional import needs

RNG = np.random.default_rng(7)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def cplx(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


def const(value: np.ndarray, x: Any) -> Any:
    """`value` as an array of the library of `x`."""
    x = x.data if isinstance(x, pg.Variable) else x
    return value if isinstance(x, (np.ndarray, np.generic)) else pg.lift(value, like=x)


INDEX = np.asarray([2, 0, 0, -1])
ALONG = np.asarray([[0, 2, 2, 1], [1, 1, 0, 0]])
MASK = np.asarray([[True, False, True], [False, False, True]])

ONE = {
    "broadcast_to": (lambda x: pg.broadcast_to(x, (4, 2, 3)), (2, 3)),
    "broadcast_to ones": (lambda x: pg.broadcast_to(x, (2, 5, 3)), (2, 1, 1)),
    "broadcast_to 0-d": (lambda x: pg.broadcast_to(x, (2, 3)), ()),
    "broadcast_to empty": (lambda x: pg.broadcast_to(x, (0, 3)), (1, 3)),
    "reshape": (lambda x: pg.reshape(x, (3, -1)), (2, 3)),
    "reshape 0-d": (lambda x: pg.reshape(x, (1, 1)), ()),
    "reshape copy": (lambda x: pg.reshape(x, (6,), copy=True), (2, 3)),
    "expand_dims": (lambda x: pg.expand_dims(x, axis=1), (2, 3)),
    "squeeze": (lambda x: pg.squeeze(x, 1), (2, 1, 3)),
    "squeeze two": (lambda x: pg.squeeze(x, (0, -1)), (1, 2, 1)),
    "permute_dims": (lambda x: pg.permute_dims(x, (2, 0, 1)), (2, 3, 4)),
    "permute_dims negative": (lambda x: pg.permute_dims(x, (-1, 0, -2)), (2, 3, 4)),
    "moveaxis": (lambda x: pg.moveaxis(x, 0, -1), (2, 3, 4)),
    "moveaxis two": (lambda x: pg.moveaxis(x, (0, 2), (1, 0)), (2, 3, 4)),
    "matrix_transpose": (lambda x: pg.matrix_transpose(x), (2, 3, 4)),
    "flip": (lambda x: pg.flip(x), (2, 3)),
    "flip axis": (lambda x: pg.flip(x, axis=-1), (2, 3)),
    "flip axes": (lambda x: pg.flip(x, axis=(0, 1)), (2, 3, 2)),
    "roll": (lambda x: pg.roll(x, 2), (2, 3)),
    "roll axis": (lambda x: pg.roll(x, -1, axis=1), (2, 3)),
    "roll axes": (lambda x: pg.roll(x, (1, 2), axis=(0, 1)), (2, 3)),
    "repeat": (lambda x: pg.repeat(x, 3), (2, 2)),
    "repeat axis": (lambda x: pg.repeat(x, 2, axis=-1), (2, 3)),
    "repeat zero": (lambda x: pg.repeat(x, 0, axis=0), (2, 3)),
    "repeat counts": (lambda x: pg.repeat(x, const(np.asarray([2, 0, 1]), x), axis=1), (2, 3)),
    "repeat counts flat": (lambda x: pg.repeat(x, const(np.asarray([2, 0, 1, 1]), x)), (2, 2)),
    "tile": (lambda x: pg.tile(x, (2, 3)), (2, 2)),
    "tile long": (lambda x: pg.tile(x, (2, 1, 3)), (2,)),
    "tile short": (lambda x: pg.tile(x, (2,)), (2, 3)),
    "tile 0-d": (lambda x: pg.tile(x, (2,)), ()),
    "tril": (lambda x: pg.tril(x), (2, 3, 4)),
    "tril k": (lambda x: pg.tril(x, k=-1), (3, 3)),
    "triu k": (lambda x: pg.triu(x, k=1), (3, 4)),
    "unstack": (lambda x: pg.unstack(x, axis=1), (2, 3)),
    "diff": (lambda x: pg.diff(x), (5,)),
    "diff n": (lambda x: pg.diff(x, axis=0, n=2), (4, 2)),
    "diff beyond": (lambda x: pg.diff(x, n=3), (2,)),
    "take": (lambda x: pg.take(x, const(INDEX, x), axis=0), (3, 2)),
    "take last": (lambda x: pg.take(x, const(INDEX, x), axis=-1), (2, 3)),
    "take flat": (lambda x: pg.take(x, const(INDEX, x)), (3,)),
    "take none": (lambda x: pg.take(x, const(INDEX[:0], x), axis=0), (3, 2)),
    "take_along_axis": (lambda x: pg.take_along_axis(x, const(ALONG, x), axis=1), (2, 3)),
    "take_along_axis 0": (lambda x: pg.take_along_axis(x, const(ALONG, x), axis=0), (3, 4)),
    "take_along_axis broadcast": (lambda x: pg.take_along_axis(x, const(ALONG, x), axis=1), (1, 3)),
    "sort": (lambda x: pg.sort(x), (2, 4)),
    "sort down": (lambda x: pg.sort(x, axis=0, descending=True), (3, 2)),
    "astype": (lambda x: pg.astype(x, x.dtype, copy=False), (2, 3)),
    "copy": (lambda x: pg.copy(x), (2, 3)),
    "full_like": (lambda x: pg.full_like(pg.broadcast_to(x, (2, 3)), x), ()),
    "where scalar": (lambda x: pg.where(const(MASK, x), x, 1.5), (3,)),
    "where other scalar": (lambda x: pg.where(const(MASK, x), 0.0, x), (2, 1)),
    "transpose": (lambda x: pg.transpose(x), (2, 3, 4)),
    "transpose axes": (lambda x: pg.transpose(x, (1, 0, 2)), (2, 3, 4)),
    "swapaxes": (lambda x: pg.swapaxes(x, 0, -1), (2, 3, 4)),
    "ravel": (lambda x: pg.ravel(x), (2, 3)),
    "flatten": (lambda x: pg.flatten(x), (2, 3)),
    "pad": (lambda x: pg.pad(x, 2), (3, 3)),
    "pad widths": (lambda x: pg.pad(x, ((1, 0), (0, 2)), constant_values=3.0), (2, 3)),
    "pad edge": (lambda x: pg.pad(x, (1, 4), mode="edge"), (3, 3)),
    "pad reflect": (lambda x: pg.pad(x, (1, 5), mode="reflect"), (3, 3)),
    "pad symmetric": (lambda x: pg.pad(x, (1, 7), mode="symmetric"), (3, 2)),
    "pad wrap": (lambda x: pg.pad(x, (1, 4), mode="wrap"), (3, 2)),
    "trapezoid": (lambda y: pg.trapezoid(y, dx=0.5), (2, 4)),
    "trapezoid axis": (lambda y: pg.trapezoid(y, const(np.asarray([0.0, 1.0, 3.0]), y), axis=0), (3, 2)),
    "einsum trace": (lambda x: pg.einsum("ii", x), (3, 3)),
    "einsum diagonal": (lambda x: pg.einsum("ii->i", x), (3, 3)),
    "einsum transpose": (lambda x: pg.einsum("ij->ji", x), (2, 3)),
    "einsum sum": (lambda x: pg.einsum("...j->...", x), (2, 3, 2)),
}  # fmt: skip
TWO = {
    "broadcast_arrays": (lambda a, b: pg.broadcast_arrays(a, b), (2, 1), (3,)),
    "concat": (lambda a, b: pg.concat([a, b, a], axis=1), (2, 3), (2, 1)),
    "concat flat": (lambda a, b: pg.concat([a, b], axis=None), (2, 3), (2,)),
    "concat empty": (lambda a, b: pg.concat((a, b)), (0,), (2,)),
    "stack": (lambda a, b: pg.stack([a, b, a], axis=-1), (2, 3), (2, 3)),
    "where": (lambda a, b: pg.where(const(MASK, a), a, b), (2, 1), (3,)),
    "where wide": (lambda a, b: pg.where(const(MASK[0], a), a, b), (2, 1, 1), (1,)),
    "meshgrid": (lambda a, b: pg.meshgrid(a, b), (2,), (3,)),
    "meshgrid ij": (lambda a, b: pg.meshgrid(a, b, indexing="ij"), (2,), (3,)),
    "diff ends": (lambda a, b: pg.diff(a, prepend=b, append=b, n=2), (2, 3), (2, 1)),
    "matmul": (lambda a, b: a @ b, (2, 3), (3, 4)),
    "matmul vectors": (lambda a, b: pg.matmul(a, b), (3,), (3,)),
    "matmul matrix vector": (lambda a, b: pg.matmul(a, b), (2, 3), (3,)),
    "matmul vector matrix": (lambda a, b: pg.matmul(a, b), (3,), (3, 2)),
    "matmul batch": (lambda a, b: pg.matmul(a, b), (5, 2, 3), (5, 3, 4)),
    "matmul broadcast": (lambda a, b: pg.matmul(a, b), (5, 1, 2, 3), (2, 3, 4)),
    "matmul batch matrix": (lambda a, b: pg.matmul(a, b), (5, 2, 3), (3, 4)),
    "matmul batch vector": (lambda a, b: pg.matmul(a, b), (5, 2, 3), (3,)),
    "matmul vector batch": (lambda a, b: pg.matmul(a, b), (3,), (5, 3, 2)),
    "matmul empty": (lambda a, b: pg.matmul(a, b), (2, 0), (0, 3)),
    "tensordot": (lambda a, b: pg.tensordot(a, b), (2, 3, 4), (3, 4, 2)),
    "tensordot 0": (lambda a, b: pg.tensordot(a, b, axes=0), (2,), (3, 2)),
    "tensordot 1": (lambda a, b: pg.tensordot(a, b, axes=1), (2, 3), (3, 2)),
    "tensordot axes": (lambda a, b: pg.tensordot(a, b, axes=((2, 0), (0, 1))), (2, 3, 4), (4, 2, 3)),
    "tensordot crossed": (lambda a, b: pg.tensordot(a, b, axes=((0, 2), (-1, 0))), (2, 3, 4), (4, 3, 2)),
    "tensordot all": (lambda a, b: pg.tensordot(a, b, axes=2), (2, 3), (2, 3)),
    "vecdot": (lambda a, b: pg.vecdot(a, b), (2, 3), (2, 3)),
    "vecdot broadcast": (lambda a, b: pg.vecdot(a, b), (2, 1, 3), (4, 3)),
    "vecdot axis": (lambda a, b: pg.vecdot(a, b, axis=-2), (2, 3), (2, 1)),
    "outer": (lambda a, b: pg.outer(a, b), (2, 2), (3,)),
    "dot": (lambda a, b: pg.dot(a, b), (2, 3), (4, 3, 2)),
    "dot vectors": (lambda a, b: pg.dot(a, b), (3,), (3,)),
    "dot scalar": (lambda a, b: pg.dot(a, b), (), (3,)),
    "kron": (lambda a, b: pg.kron(a, b), (2, 3), (2, 2)),
    "kron vector": (lambda a, b: pg.kron(a, b), (2,), (2, 2)),
    "trapezoid x": (lambda a, b: pg.trapezoid(a, b), (2, 4), (4,)),
    "full_like": (lambda a, b: pg.full_like(a, b) + a, (2, 3), ()),
    "linspace": (lambda a, b: pg.linspace(a, b, 5), (), ()),
    "linspace open": (lambda a, b: pg.linspace(a, b, 4, endpoint=False), (), ()),
    "pad tracked": (lambda a, b: pg.pad(a, 1, constant_values=b), (2, 2), ()),
    "einsum matmul": (lambda a, b: pg.einsum("ij,jk", a, b), (2, 3), (3, 4)),
    "einsum batch": (lambda a, b: pg.einsum("bij,bjk->bik", a, b), (2, 2, 3), (2, 3, 4)),
    "einsum outer": (lambda a, b: pg.einsum("i,j->ji", a, b), (2,), (3,)),
    "einsum dots": (lambda a, b: pg.einsum("...ij,...j->...i", a, b), (4, 2, 3), (3,)),
    "einsum sums": (lambda a, b: pg.einsum("ijk,kl->j", a, b), (2, 3, 4), (4, 2)),
    "einsum hadamard": (lambda a, b: pg.einsum("ij,ij->ij", a, b), (2, 3), (2, 3)),
    "einsum three": (lambda a, b: pg.einsum("ij,jk,ki->i", a, b, b * a), (3, 3), (3, 3)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("name", ONE)
def test_one_array(name: str, dtype: str) -> None:
    f, shape = ONE[name]
    if dtype == "complex128" and name in ("sort", "sort down", "astype"):
        pytest.skip("complex numbers have no order")
    check_derivatives(f, real(*shape) if dtype == "float64" else cplx(*shape))


@pytest.mark.parametrize("dtypes", ["ff", "cc", "fc", "cf"])
@pytest.mark.parametrize("name", TWO)
def test_two_arrays(name: str, dtypes: str) -> None:
    f, *shapes = TWO[name]
    if name in ("full_like", "pad tracked") and dtypes == "fc":
        pytest.skip("a complex fill in a real array")
    if name == "linspace" and dtypes != "ff":
        pytest.skip("NumPy rounds complex ends its own way")
    make = {"f": real, "c": cplx}
    check_derivatives(f, *[make[kind](*shape) for kind, shape in zip(dtypes, shapes, strict=True)])


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_astype_to_integers_is_untracked(dtype: str) -> None:
    x = pg.Variable(np.asarray([1.0, 0.0]), requires_grad=True)
    y = pg.astype(x, np.dtype(dtype))
    assert y.dtype == dtype and not y.requires_grad
    _, t = pg.jvp(
        lambda x: x * pg.astype(pg.astype(x, np.dtype(dtype)), x.dtype), (x.data,), (x.data,)
    )
    np.testing.assert_array_equal(t, [1.0, 0.0])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("float32", "float64"),
        ("float64", "float32"),
        ("float64", "complex64"),
        ("complex128", "complex64"),
    ],
)
def test_astype_gradients_keep_the_dtype(source: str, target: str) -> None:
    x = pg.Variable(np.asarray([1.0, 2.0], dtype=source), requires_grad=True)
    y = pg.astype(x, np.dtype(target))
    y.backward(np.asarray([2.0, 3.0], dtype=target) * (1j if target[0] == "c" else 1))
    assert y.dtype == target and x.grad.dtype == source
    real = np.asarray([2.0, 3.0], dtype=source)
    expected = real if target[0] == "f" else real * 1j if source[0] == "c" else real * 0
    np.testing.assert_array_equal(x.grad.data, expected)


def test_unique_values_gather() -> None:
    x = pg.Variable(np.asarray([[3.0, 1.0], [3.0, 2.0]]), requires_grad=True)
    values, counts = pg.unique_counts(x)
    np.testing.assert_array_equal(values.data, [1, 2, 3])
    np.testing.assert_array_equal(counts.data, [1, 1, 2])
    (values * np.asarray([1.0, 2.0, 3.0])).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[3, 1], [0, 2]])
    for f in (
        pg.unique_values,
        lambda x: pg.unique_all(x).values,
        lambda x: pg.unique_inverse(x)[0],
    ):
        check_derivatives(f, np.asarray([[3.0, 1.0], [4.0, 2.0]]))


@pytest.mark.parametrize("where", [[0.5, -1.0, 9.0, 1.0, 2.5], [[0.1, 2.9]], 1.5])
def test_interp(where: Any) -> None:
    x, places, values = np.asarray(where), np.asarray([0.0, 1.0, 3.0]), np.asarray([1.0, 4.0, 2.0])
    y = pg.interp(pg.Variable(x), places, values)
    np.testing.assert_allclose(y.data, np.interp(x, places, values))
    check_derivatives(
        lambda x, p, f: pg.interp(x, p, f, left=0.5), x + 0.01, places, values, second=False
    )
    periodic = pg.interp(pg.Variable(x), places, values, period=3.5)
    np.testing.assert_allclose(periodic.data, np.interp(x, places, values, period=3.5))


def test_nan_to_num() -> None:
    raw = np.asarray([np.nan, np.inf, -np.inf, 2.0])
    x = pg.Variable(raw, requires_grad=True)
    y = pg.nan_to_num(x, nan=7.0)
    np.testing.assert_array_equal(y.data, np.nan_to_num(raw, nan=7.0))
    y.backward(np.ones(4))
    np.testing.assert_array_equal(x.grad.data, [0, 0, 0, 1])


def pulled(f: Any, leaves: Any, cotangents: Any) -> list[np.ndarray]:
    """The gradients of <f, cotangents>, as NumPy arrays."""
    total: Any = 0.0
    for v, g in zip(as_list(f(*leaves)), cotangents, strict=True):
        total = total + pg.sum(pg.real(v * pg.conj(pg.lift(g, like=v))))
    grads = pg.autograd.grad(total, leaves)
    return [np.asarray(g.tolist(), dtype=complex).reshape(g.shape) for g in grads]


#: JAX compiles each shape that it meets, so it is asked for a few that differ.
FEW = ("broadcast_to", "squeeze", "flip", "roll axis", "repeat counts", "tile", "take last", "sort",
       "take_along_axis", "where scalar", "unstack", "concat", "stack", "matmul broadcast",
       "tensordot crossed", "vecdot", "einsum dots", "pad edge")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "backend"),
    [(name, backend) for backend in ("torch", "array_api_strict") for name in [*ONE, *TWO]]
    + [(name, "jax") for name in FEW],
)
def test_other_libraries(name: str, backend: str) -> None:
    """The same values and gradients as on NumPy."""
    needs(backend)
    f, *shapes = ONE.get(name) or TWO[name]
    rng = np.random.default_rng(1)
    for kind in "fc":
        if kind == "c" and name in ("sort", "sort down", "linspace", "linspace open"):
            continue
        arrays = [np.asarray(random_like(np.zeros(s, dtype=complex if kind == "c" else float), rng))
                  for s in (shapes if name in TWO else [shapes[0]])]  # fmt: skip
        leaves = [pg.Variable(x, requires_grad=True) for x in arrays]
        y = [v.data for v in as_list(f(*leaves))]
        cotangents = [random_like(np.asarray(v), rng) for v in y]
        expected = pulled(f, leaves, cotangents)
        like = pg.namespace(backend).asarray([0.0])
        others = [pg.lift(x, like=like).requires_grad_() for x in arrays]
        for mine, theirs in zip(as_list(f(*others)), y, strict=True):
            assert tuple(mine.shape) == theirs.shape
            np.testing.assert_allclose(
                np.asarray(mine.detach().tolist()).reshape(theirs.shape), theirs, rtol=1e-13
            )
        for g, e in zip(pulled(f, others, cotangents), expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14)
        tangents = [random_like(x, rng) for x in arrays]
        raws = [v.data for v in others]
        pushed = pg.jvp(lambda *xs: list(as_list(f(*xs))), tuple(raws),
                        tuple([pg.lift(t, like=like).data for t in tangents]))[1]  # fmt: skip
        found = sum([inner(c, np.asarray(pg.Variable(t).tolist()).reshape(c.shape))
                     for c, t in zip(cotangents, pushed, strict=True)])  # fmt: skip
        along = sum(map(inner, expected, tangents))
        np.testing.assert_allclose(found, along, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_full_and_linspace_of_variables_keep_their_dtype(backend: str) -> None:
    """torch's own look at the number alone, and make it single precision."""
    needs(backend)
    xp = pg.namespace(backend)
    third = xp.asarray(1 / 3, dtype=xp.float64)
    for y in (xp.full((2,), third), xp.linspace(third, 1, 3), xp.linspace(0.0, third, 2)):
        assert y.dtype == third.dtype
        assert (y[0] if float(y[0]) else y[-1]).item() == 1 / 3
    assert xp.full(2, xp.asarray(3)).dtype == xp.asarray(3).dtype
    assert xp.linspace(xp.asarray(0), 1, 3).tolist() == [0.0, 0.5, 1.0]


def test_what_joining_many_arrays_keeps_is_kept_once():
    xs = [pg.Variable(np.ones((1, n % 3)), requires_grad=True) for n in range(50)]
    y = pg.concat(xs, axis=1)
    first, *others = y.grad_fn.edges()
    assert len(others) == 49
    assert all(edge.saved is first.saved for edge in others)
    pg.sum(y * pg.arange(y.shape[1])).backward()
    found = np.concatenate([x.grad.data for x in xs], axis=1)
    np.testing.assert_array_equal(found, np.arange(y.shape[1])[None, :])


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk,k->i", [(2, 3), (3, 4), (4,)]),
        ("i,ij,j->", [(3,), (3, 4), (4,)]),
        ("ij,kl,jk->il", [(2, 3), (4, 5), (3, 4)]),
        ("...ij,...jk,...kl->...il", [(2, 3, 4), (4, 2), (5, 2, 2, 3)]),
        ("ii,ij,jk->k", [(3, 3), (3, 2), (2, 4)]),
        ("bij,bjk,bkl,bl->bi", [(2, 3, 4), (2, 4, 3), (2, 3, 2), (2, 2)]),
        ("a,b,c,d,e->ebdca", [(2,), (3,), (2,), (1,), (3,)]),
        ("ab,bc,cd,de,ef,fa->", [(2, 3), (3, 2), (2, 4), (4, 2), (2, 3), (3, 2)]),
    ],
)
def test_einsum_of_several(subscripts, shapes):
    torch = needs("torch")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = torch.einsum(subscripts, *theirs)
    g = rng.standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(g))
    y, pull = pg.vjp(lambda *arrays: pg.einsum(subscripts, *arrays), *arrays)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    for mine, other in zip(pull(g), theirs, strict=True):
        np.testing.assert_allclose(mine, other.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_einsum_takes_the_cheapest_order():
    a = pg.Variable(np.ones((20, 20)), requires_grad=True)
    y = pg.einsum("ij,jk,k->i", a, a, pg.ones(20))
    products = [n for n in nodes_below([y.grad_fn]) if n.rule.primitive.name == "matmul"]
    assert len(products) == 2  # matrices times vectors, none of two matrices
    for node in products:
        (saved, *_), _ = node.saved if node.rule.is_careful else (node.saved, None)
        assert min(saved.shape) == 1
