"""Methods and properties of torch's tensors on Variables: values, gradients and writes as in torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pluggrad as pg
from tests.support.optional import needs

torch: Any = needs("torch")
f64 = torch.float64

A = torch.rand(3, 4, dtype=f64, generator=torch.Generator().manual_seed(0)) + 0.1
S = A[:, :3] + 3 * torch.eye(3, dtype=f64)
INDEX = torch.tensor([[0, 1, 2, 0]])
MASK = A > 0.5
CALLS: list[tuple[Any, ...]] = [
    ("to", torch.float32), ("to", "cpu"), ("cpu",), ("float",), ("double",), ("half",), ("long",),
    ("bool",), ("type",), ("type", torch.float32), ("clone",), ("contiguous",), ("unsqueeze", 0),
    ("unsqueeze", -1), ("view", 4, 3), ("view", -1), ("view", (2, 6)), ("permute", 1, 0),
    ("permute", (1, 0)), ("numel",), ("dim",), ("norm",), ("norm", 1), ("norm", 2, 0), ("exp",),
    ("log",), ("sigmoid",), ("tanh",), ("relu",), ("softmax", -1), ("log_softmax", 1), ("t",),
    ("mm", A.T), ("matmul", A.T), ("mv", A[0]), ("type_as", A.float()), ("new_zeros", 2, 3),
    ("new_ones", (2,)), ("new_full", (2,), 3.0), ("new_tensor", [1.0, 2.0]), ("expand", 2, 3, 4),
    ("expand", -1, -1), ("expand_as", torch.ones(2, 3, 4)), ("masked_fill", MASK, 0.0),
    ("masked_select", MASK), ("scatter", 0, INDEX, A[:1]), ("scatter", 0, INDEX, 1.0),
    ("scatter_add", 0, INDEX, A[:1]), ("gather", 0, INDEX), ("add", A), ("sub", 2.0), ("mul", A),
    ("index_select", 1, torch.tensor([0, 2])), ("index_add", 0, torch.tensor([0]), A[:1]),
    ("index_fill", 0, torch.tensor([0]), 2.0), ("div", 2), ("pow", 2), ("abs",), ("sqrt",),
    ("rsqrt",), ("clamp", 0.2, 0.5), ("chunk", 2), ("chunk", 2, 1), ("split", 2), ("narrow", 0, 1, 2),
    ("select", 0, 1), ("unbind",), ("unbind", 1), ("flip", 0), ("roll", 1, 0), ("tile", 2, 1),
    ("movedim", 0, 1), ("unfold", 1, 2, 1), ("unflatten", 1, (2, 2)), ("repeat_interleave", 2),
    ("topk", 2), ("kthvalue", 2), ("median",), ("quantile", 0.5), ("logsumexp", 1), ("cummax", 0),
    ("amax", 1), ("aminmax",), ("diff",), ("tril",), ("triu", 1), ("diag",), ("lerp", 2 * A, 0.5),
    ("where", MASK, 2 * A), ("maximum", 2 * A), ("eq", A), ("gt", 0.5), ("isnan",), ("nan_to_num",),
    ("sign",), ("floor",), ("frac",), ("fmod", 0.3), ("remainder", 0.3), ("erf",), ("lgamma",),
    ("square",), ("reciprocal",), ("atan2", A), ("count_nonzero",), ("nansum",), ("cov",),
    ("stride",), ("is_contiguous",), ("is_floating_point",), ("element_size",), ("allclose", A),
    ("equal", A), ("view_as", A.T), ("swapdims", 0, 1), ("multinomial", 2), ("tensor_split", 2),
    ("take_along_dim", INDEX), ("xlogy", A), ("kron", A), ("dist", 2 * A), ("flatten",), ("ravel",),
    ("masked_scatter", MASK, 2 * A), ("addmm", A @ A.T, A), ("squeeze",),
]  # fmt: skip
#: Methods of all Variables, spelt as only torch spells them.
SPELT: list[tuple[Any, ...]] = [
    ("max", {"dim": 1}), ("min", {"dim": 0, "keepdim": True}), ("max", 2 * A.flip(0)),
    ("min", {"other": A.flip(1)}), ("std", {"dim": 1}), ("var", {"dim": 0}), ("std", False),
    ("var", {"unbiased": False}), ("var", {"dim": (0, 1), "correction": 2}), ("transpose", 0, 1),
    ("transpose", -1, 0), ("transpose", {"dim0": 0, "dim1": 1}), ("squeeze", 0), ("flatten", 0, 1),
    ("flatten", {"start_dim": 1}), ("sort", {"dim": 0}), ("sort", {"descending": True}),
    ("argsort", {"dim": 0, "descending": True}), ("nonzero", {"as_tuple": True}),
    ("repeat", 2, 1, 3), ("diagonal", {"dim1": 1, "dim2": 0}), ("sum", {"dim": (0, 1)}),
    ("mean", {"dim": [0], "keepdim": True}), ("prod", {"dim": 1}), ("cumsum", {"dim": 0}),
    ("argmax", {"dim": 1, "keepdim": True}), ("all", {"dim": 0}), ("any", {"dim": 1}),
]  # fmt: skip
SQUARE: list[tuple[Any, ...]] = [
    ("det",), ("inverse",), ("logdet",), ("slogdet",), ("cross", A[:, :3] ** 2), ("trace",),
    ("adjoint",), ("matrix_exp",), ("diagonal",),
]  # fmt: skip
PROPERTIES = ["H", "mH", "T", "mT", "is_cuda", "is_cpu", "layout", "device", "dtype", "shape",
              "requires_grad", "is_leaf", "ndim", "nbytes", "itemsize"]  # fmt: skip


def plain(y: Any) -> Any:
    if isinstance(y, (tuple, list)) and not isinstance(y, torch.Size):
        return [plain(part) for part in y]
    if isinstance(y, pg.Variable):
        return y.detach().data
    return y.detach() if torch.is_tensor(y) else y


def smooth(y: Any) -> list[Any]:
    if isinstance(y, (tuple, list)) and not isinstance(y, torch.Size):
        return [part for item in y for part in smooth(item)]
    return [y] if hasattr(y, "requires_grad") and y.requires_grad else []


def agree(found: Any, expected: Any) -> None:
    if isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            agree(one, other)
    elif torch.is_tensor(expected):
        torch.testing.assert_close(found, expected, equal_nan=True)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("x", "row"),
    [(A, row) for row in CALLS + SPELT] + [(S, row) for row in SQUARE],
    ids=lambda row: row[0] if isinstance(row, tuple) else "",
)
def test_methods_are_those_of_torch(x: Any, row: tuple[Any, ...]) -> None:
    compare(x, row)


def compare(x: Any, row: tuple[Any, ...]) -> None:
    """Call the method of `row` on a tensor `x` and on a Variable: values and gradients agree, or
    both refuse."""
    name, *args = row
    if name == "aminmax":
        needs("torch", minversion="2.12")  # its first version with a derivative of this one
    kwargs: dict[str, Any] = args.pop() if args and isinstance(args[-1], dict) else {}
    t, v = x.clone().requires_grad_(), pg.Variable(x.clone(), requires_grad=True)
    torch.manual_seed(0)
    try:
        expected = getattr(t, name)(*args, **kwargs)
    except (RuntimeError, IndexError, TypeError, ValueError):
        with pytest.raises(pg.PluggradError):
            getattr(v, name)(*args, **kwargs)
        return
    torch.manual_seed(0)
    found = getattr(v, name)(*args, **kwargs)
    agree(plain(found), plain(expected))
    theirs, ours = smooth(expected), smooth(found)
    assert len(ours) == len(theirs)
    if theirs:
        sum((y * y).sum().double() for y in theirs).backward()
        pg.autograd.backward([pg.sum(y * y) for y in ours])
        torch.testing.assert_close(v.grad.data, t.grad, equal_nan=True)


#: Shapes that hurt: no axes, no elements, axes of one element, and strides that are not those of C.
SHAPES = {
    "0-d": A[0, 0], "empty": A[:0], "no columns": A[:, :0], "row": A[:1], "stack": A.reshape(3, 2, 2),
    "transposed": A.T, "strided": A.repeat(1, 2)[:, ::2], "ties": A.round().clamp(0, 1) + 1,
}  # fmt: skip
REDUCTIONS = {"sum", "mean", "prod", "cumsum", "argmax", "all", "any"}
UNARY: list[tuple[Any, ...]] = [
    row for row in CALLS + SPELT if not any([torch.is_tensor(x) for x in row])
    and row[0] not in ("multinomial", "new_tensor", "quantile", "stride", "is_contiguous", "aminmax")
    and not (row[0] in ("view", "unfold") and len(row) > 1)
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_methods_on_shapes_that_hurt(shape: str) -> None:
    for row in UNARY:
        if shape != "0-d" or row[0] not in REDUCTIONS:  # there is no axis 0 of 0 axes
            compare(SHAPES[shape], row)


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_are_those_of_torch(name: str) -> None:
    t, v = A.clone().requires_grad_(), pg.Variable(A.clone(), requires_grad=True)
    agree(plain(getattr(v, name)), plain(getattr(t, name)))


WRITES: list[tuple[Any, ...]] = [
    ("zero_",), ("fill_", 2.0), ("add_", A), ("mul_", A), ("sub_", 1), ("div_", 2.0), ("clamp_", 0.2),
    ("copy_", 2 * A), ("copy_", torch.ones(4)), ("exp_",), ("masked_fill_", MASK, 1.0), ("neg_",),
    ("scatter_", 0, INDEX, 5.0), ("index_fill_", 0, torch.tensor([1]), 0.0), ("normal_",), ("relu_",),
    ("uniform_", 0, 2), ("addcmul_", A, A), ("lerp_", A, 0.5), ("sigmoid_",), ("tril_",), ("abs_",),
]  # fmt: skip


@pytest.mark.parametrize("row", WRITES, ids=lambda row: row[0])
def test_writes_are_those_of_torch(row: tuple[Any, ...]) -> None:
    name, *args = row
    t, v = A.clone().requires_grad_(), pg.Variable(A.clone(), requires_grad=True)
    t2, v2 = t * 3, v * 3
    view, before = v2[1], v2.detach()
    torch.manual_seed(0)
    getattr(t2, name)(*args)
    torch.manual_seed(0)
    assert getattr(v2, name)(*args) is v2
    agree(plain(v2), plain(t2))
    agree(plain(view), plain(t2[1]))
    agree(plain(before), 3 * A)
    if t2.requires_grad:
        (t2**2).sum().backward()
        pg.sum(v2**2).backward()
        torch.testing.assert_close(v.grad.data, t.grad)
    with pytest.raises(pg.PluggradError, match="leaf"):
        getattr(v, name)(*args)


def test_zero_on_gradients() -> None:
    v = pg.Variable(torch.ones(2), requires_grad=True)
    pg.sum(v * v).backward()
    kept = v.grad.detach()
    v.grad.zero_()
    assert v.grad.tolist() == [0.0, 0.0]
    assert kept.tolist() == [2.0, 2.0]
    pg.sum(v * v).backward()
    assert v.grad.tolist() == [2.0, 2.0]


def test_a_leaf_with_nothing_to_convert_stays_that_leaf() -> None:
    v = pg.Variable(torch.ones(2), requires_grad=True)
    assert v.to("cpu") is v
    assert v.float() is v
    assert v.contiguous() is v
    assert v.double() is not v
    (w,) = pg.autograd.grad(pg.sum(v.double() ** 2), v)
    assert w.dtype == torch.float32


def test_makers_take_requires_grad() -> None:
    v = pg.Variable(torch.ones(2))
    assert v.new_zeros(3, requires_grad=True).is_leaf
    assert v.new_zeros(3, requires_grad=True).requires_grad
    assert not v.new_zeros(3).requires_grad


def test_methods_in_transforms() -> None:
    x = torch.arange(6.0, dtype=f64).reshape(2, 3) + 1
    torch.testing.assert_close(pg.grad(lambda x: x.log().norm())(x),
                               torch.func.grad(lambda x: x.log().norm())(x))  # fmt: skip
    assert pg.vmap(lambda row: row.unsqueeze(0).expand(2, -1).double())(x).shape == (2, 2, 3)


@pytest.mark.parametrize(
    "name", ["set_", "resize_", "apply_", "map_", "unsqueeze_", "share_memory_"]
)
def test_what_variables_cannot_do_is_refused(name: str) -> None:
    v = pg.Variable(torch.ones(2))
    with pytest.raises((pg.PluggradError, AttributeError)):
        getattr(v, name)(0)
    assert v.shape == (2,)


def test_odd_arguments_give_errors_of_ours() -> None:
    v = pg.Variable(torch.ones(2, 3), requires_grad=True)
    for wrong in (lambda: v.unsqueeze(7), lambda: v.mm(v), lambda: v.expand(5, 5),
                  lambda: v.gather(0), lambda: (v * 1).add_(torch.ones(4, 2, 3)),
                  lambda: pg.Variable(torch.ones(2, dtype=torch.int64)).add_(0.5),
                  lambda: v.to("nowhere"), lambda: v.H(1)):  # fmt: skip
        with pytest.raises((pg.PluggradError, TypeError)):
            wrong()


def test_save_and_load(tmp_path: Path) -> None:
    v = pg.Variable(torch.ones(2), requires_grad=True)
    pg.sum(v * v).backward()
    path = tmp_path / "state.pt"
    torch.save({"w": v, "steps": 3, "b": pg.Variable(torch.zeros(1))}, path)
    state = torch.load(path, weights_only=True)
    assert state["w"].tolist() == [1.0, 1.0]
    assert state["w"].requires_grad
    assert state["w"].grad.tolist() == [2.0, 2.0]
    assert not state["b"].requires_grad
    program = (
        f"import torch, pluggrad as pg; pg.use('torch'); print(torch.load({str(path)!r})['w'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "torch.float32 of size 2" in done.stdout, done.stderr
    with pytest.raises(pg.PluggradError, match="detach"):
        torch.save(v * 2, path)


def test_batches_of_a_data_loader_are_inputs() -> None:
    data = torch.utils.data.TensorDataset(torch.arange(6.0).reshape(3, 2), torch.arange(3))
    w = pg.Variable(torch.ones(2), requires_grad=True)
    for x, label in torch.utils.data.DataLoader(data, batch_size=2):
        pg.sum((x @ w - label) ** 2).backward()
    t = torch.ones(2, requires_grad=True)
    ((data.tensors[0] @ t - data.tensors[1]) ** 2).sum().backward()
    torch.testing.assert_close(w.grad.data, t.grad)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "complex32", "bfloat16"])
def test_narrow_dtypes_keep_the_gradient(name: str) -> None:
    dtype, w = getattr(torch, name), torch.tensor([1.1, 3.3, 0.17])
    t = torch.tensor([1.3, -0.2, 300.0], requires_grad=True)
    v = pg.Variable(t.detach(), requires_grad=True)
    wide = torch.complex64 if dtype.is_complex else torch.float32
    (t.to(dtype).to(wide) * w).abs().sum().backward()
    (v.to(dtype).to(wide) * w).abs().sum().backward()
    torch.testing.assert_close(v.grad.data, t.grad)


@pytest.mark.parametrize("correction", [0, 1])
@pytest.mark.parametrize("axis", [0, None])
def test_the_variance_of_nothing_is_a_constant(axis: Any, correction: int) -> None:
    x = torch.zeros(0, 3, dtype=f64)
    theirs = torch.func.jvp(lambda a: torch.var(a, dim=axis, correction=correction), (x,), (x,))
    ours = pg.jvp(lambda a: pg.var(a, axis=axis, correction=correction), (x,), (x,))
    torch.testing.assert_close(ours, theirs, equal_nan=True)
