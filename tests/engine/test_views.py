"""Views and writes: what NumPy's own in-place semantics give, with the right gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import pluggrad as pg
from tests.support.optional import needs

SHAPE = (3, 4)
STEP = 1e-6


class World:
    """The few functions of one library that the programs use."""

    def __init__(self, name: str) -> None:
        self.name = name
        if name == "torch":
            import torch

            self.transpose: Callable[..., Any] = torch.transpose
            self.constant = torch.as_tensor
            self.tanh, self.where = torch.tanh, torch.where
        else:
            lib: Any = np if name == "numpy" else pg
            self.transpose = lib.swapaxes
            self.constant = np.asarray
            self.tanh, self.where = lib.tanh, lib.where

    def view(self, a: Any, kind: int, n: int) -> Any:
        shape = tuple(a.shape)
        kind %= 9
        if kind == 0 and len(shape) > 1:
            return a[n % shape[0]]
        if kind == 1 and shape[0] > 1:
            return a[n % 2 :]
        if kind == 2:
            return a[..., : max(1, shape[-1] - 1)]
        if kind == 3:
            return a[:: 1 + n % 2]
        if kind == 4 and len(shape) > 1:
            return self.transpose(a, 0, 1)
        if kind == 5:
            return a[None]
        if kind == 6 and shape[0] == 1 and len(shape) > 1:
            return a.squeeze(0) if self.name == "torch" else self.lib.squeeze(a, axis=0)
        if kind == 7 and len(shape) > 1:
            return a[:, n % shape[1]]
        if kind == 8 and self.name != "torch":
            return self.lib.flip(a, axis=n % len(shape))
        return a[...]

    def apart(self, b: Any) -> Any:
        """`b`; where torch would read what it has just written, a copy of it."""
        return b.clone() if self.name == "torch" else b

    @property
    def lib(self) -> Any:
        return np if self.name == "numpy" else pg

    def run(self, x: Any, program: Any) -> Any:
        """All handles that `program` makes, starting from `x`."""
        handles = [x * 1.0]
        for op, i, j, n in program:
            a = handles[i % len(handles)]
            b = handles[j % len(handles)]
            match op % 11:
                case 0 | 1 | 2:
                    handles.append(self.view(a, j, n))
                case 3:
                    handles.append(self.tanh(a))
                case 4:
                    handles.append(a * b if a.shape == b.shape else a * 0.5)
                case 5:
                    a[...] = b * 0.5 if a.shape == b.shape else 0.25 * n
                case 6:
                    a[n % a.shape[0]] += a[j % a.shape[0]] * 0.5
                case 7:
                    a *= self.apart(b) if a.shape == b.shape else 1.5
                    handles[i % len(handles)] = a
                case 8:
                    mask = np.arange(np.prod(a.shape, dtype=int)).reshape(a.shape) % 3 == n % 3
                    a[self.constant(mask)] += 0.5 + n
                case 9:
                    if a.shape[0] > 1:
                        a[1:] = self.apart(a[:-1])
                case 10:
                    rows = np.asarray([j % a.shape[0], n % a.shape[0]])
                    a[self.constant(rows)] = self.tanh(a[self.constant(rows)]) + 1.0
        return handles

    def loss(self, x: Any, program: Any) -> Any:
        return sum([(self.tanh(h) * (k + 1)).sum() for k, h in enumerate(self.run(x, program))])


def start() -> np.ndarray:
    return np.random.default_rng(5).standard_normal(SHAPE)


steps = st.tuples(st.integers(0, 10), st.integers(0, 7), st.integers(0, 8), st.integers(0, 5))
programs = st.lists(steps, min_size=1, max_size=9)


@settings(max_examples=150)
@given(programs)
@example([(0, 0, 0, 1), (7, 1, 1, 0), (3, 0, 0, 0), (9, 0, 0, 0), (8, 1, 0, 1), (5, 0, 2, 0)])
@example([(0, 0, 8, 0), (0, 1, 4, 0), (6, 2, 1, 2), (7, 0, 0, 0), (10, 1, 0, 0), (6, 0, 2, 2)])
def test_random_programs(program: Any) -> None:
    """Values as NumPy's after the same in-place program; gradients as its central differences."""
    x, world = start(), World("numpy")
    expected = world.run(x, program)
    v = pg.Variable(x, requires_grad=True)
    found = World("pluggrad").run(v, program)
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine.data, theirs)
    World("pluggrad").loss(v, program).backward()
    np.testing.assert_array_equal(v.data, start())
    for seed in range(2):
        t = np.random.default_rng(seed).standard_normal(SHAPE)
        slope = (world.loss(x + STEP * t, program) - world.loss(x - STEP * t, program)) / (2 * STEP)
        np.testing.assert_allclose(np.sum(v.grad.data * t), slope, rtol=1e-5, atol=1e-5)


@settings(max_examples=100)
@given(programs)
def test_random_programs_on_torch(program: Any) -> None:
    """Gradients as torch.autograd's, for the programs that it does not refuse."""
    torch = needs("torch")
    # No flip, which copies there, and no duplicate indices, whose order it does not promise.
    program = [(op % 10, i, j % 8 if op % 10 < 3 else j, n) for op, i, j, n in program]
    x = torch.tensor(start(), requires_grad=True)
    try:
        World("torch").loss(x, program).backward()
    except RuntimeError:
        return
    v = pg.Variable(start(), requires_grad=True)
    World("pluggrad").loss(v, program).backward()
    np.testing.assert_allclose(v.grad.data, x.grad.numpy(), rtol=1e-12, atol=1e-12)


@settings(max_examples=40)
@given(programs)
def test_random_programs_to_second_order(program: Any) -> None:
    x, t = start(), np.random.default_rng(2).standard_normal(SHAPE)
    world = World("pluggrad")

    def gradient(x: Any) -> Any:
        return pg.grad(lambda z: world.loss(z, program))(x)

    pushed = pg.jvp(gradient, (x,), (t,))[1]
    v = pg.Variable(x, requires_grad=True)
    (g,) = pg.autograd.grad(world.loss(v, program), [v], create_graph=True)
    found = pg.autograd.grad((g * t).sum(), [v], allow_unused=True, materialize_grads=True)[0].data
    expected = (gradient(x + STEP * t) - gradient(x - STEP * t)) / (2 * STEP)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(pushed, expected, rtol=1e-4, atol=1e-4)


def counted(*shape: int) -> Any:
    x = np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)
    return pg.Variable(x, requires_grad=True)


VIEWS: dict[str, Callable[[Any], Any]] = {
    "getitem": lambda v: v[1:, ::2],
    "row": lambda v: v[-1],
    "element": lambda v: v[1, 2],
    "none": lambda v: v[None, ..., None, 1],
    "NumPy integer": lambda v: v[np.int64(1)],
    "T": lambda v: v.T,
    "mT": lambda v: v.mT,
    "permute_dims": lambda v: pg.permute_dims(v, (1, 0)),
    "moveaxis": lambda v: pg.moveaxis(v, 0, -1),
    "transpose": lambda v: v.transpose(),
    "swapaxes": lambda v: pg.swapaxes(v, 0, 1),
    "flip": lambda v: pg.flip(v, axis=1),
    "expand_dims": lambda v: pg.expand_dims(v, axis=1),
    "squeeze": lambda v: pg.squeeze(v[:1], 0),
    "reshape": lambda v: pg.reshape(v, (4, 3)),
    "ravel": lambda v: pg.ravel(v),
    "iteration": lambda v: list(v)[1],
    "unstack": lambda v: pg.unstack(v, axis=1)[2],
    "view of a view": lambda v: v.T[1:][::-1, 0],
    "diagonal": lambda v: pg.linalg.diagonal(v),
}


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_seen_from_both_sides(name: str, tracked: bool) -> None:
    x = counted(3, 4)
    v = (x if tracked else x.detach()) * 1.0
    v[0, 0] = 7.0  # the buffer is owned from here on
    s = VIEWS[name](v)
    where = VIEWS[name](pg.Variable(np.arange(12).reshape(3, 4))).data
    s *= 2
    expected = x.data.copy()
    expected[0, 0] = 7
    expected.ravel()[np.ravel(where)] *= 2
    np.testing.assert_array_equal(v.data, expected)
    v += 1
    np.testing.assert_array_equal(s.data, (expected + 1).ravel()[where])
    np.testing.assert_array_equal(x.data, np.arange(1.0, 13).reshape(3, 4))
    if tracked:
        (v * v).sum().backward()
        slope = np.ones(12)
        slope[np.ravel(where)] = 2
        slope[0] = 0
        np.testing.assert_array_equal(x.grad.data, 2 * (expected + 1) * slope.reshape(3, 4))


@pytest.mark.parametrize("part", ["real", "imag"])
def test_parts_of_complex_numbers_are_views(part: str) -> None:
    x = pg.Variable(np.asarray([1 + 2j, 3 - 1j]), requires_grad=True)
    v = x * 1
    s = getattr(v, part)
    s[1] = 5.0
    expected = x.data.copy()
    setattr(expected, part, [getattr(expected, part)[0], 5.0])
    np.testing.assert_array_equal(v.data, expected)
    (v.real**2 + v.imag**2).sum().backward()
    zero = 0 if part == "real" else 3
    second = complex(zero and 6, -2 if zero == 0 else 0)
    np.testing.assert_array_equal(x.grad.data, [2 + 4j, second])


COPIES: dict[str, Callable[[Any], Any]] = {
    "integers": lambda v: v[np.asarray([0, 1])],
    "mask": lambda v: v[np.ones((3, 4), dtype=bool)],
    "astype": lambda v: pg.astype(v, np.float64),
    "flatten": lambda v: v.flatten(),
    "copy": lambda v: pg.copy(v),
    "detach": lambda v: v.detach(),
    "reshape of a transpose": lambda v: pg.reshape(v.T, (12,)),
    "roll": lambda v: pg.roll(v, 1),
    "meshgrid": lambda v: pg.meshgrid(v[0], v[1])[0],
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_not_seen(name: str) -> None:
    v = counted(3, 4) * 1.0
    v[0, 0] = 7.0
    s = COPIES[name](v)
    before, copied = v.data.copy(), s.data.copy()
    s *= 2
    np.testing.assert_array_equal(v.data, before)
    v[...] = 0.0
    np.testing.assert_array_equal(s.data, copied * 2)


def test_a_broadcast_view_is_read_only() -> None:
    v = counted(3) * 1
    wide = pg.broadcast_to(v, (2, 3))
    v[0] = 9.0
    np.testing.assert_array_equal(wide.data, [[9, 2, 3]] * 2)
    with pytest.raises(TypeError, match="read-only"):
        wide[0, 0] = 1.0
    with pytest.raises(TypeError, match="read-only"):
        wide += 1.0
    np.testing.assert_array_equal(v.data, [9, 2, 3])


def test_an_update_in_place_records_one_write() -> None:
    x = counted(4)
    v = x * 1
    v[1] += 2.0
    names = []
    node = v.grad_fn
    while node is not None and node.next_functions:
        names.append(node.name())
        node = node.next_functions[-1][0]
    assert names.count("PutBackward") == 1


def test_what_was_saved_keeps_its_value() -> None:
    x = counted(3)
    v = x * 1
    y = v * v  # saves v
    e = pg.exp(v)
    v[0] = 100.0
    v += 1.0
    z = v * v
    v[1] = -1.0
    (y.sum() + z.sum()).backward()
    np.testing.assert_array_equal(x.grad.data, [2, 2 * 2 + 2 * 3, 2 * 3 + 2 * 4])
    np.testing.assert_allclose(e.data, np.exp(x.data))


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "strict"])
def test_rows_are_permuted_in_place(name: str) -> None:
    """Where the buffer that is written is also the one that is read."""
    try:
        make = pg.namespace(name).asarray
    except pg.BackendError:
        pytest.skip(f"{name} is not installed")
    x = make([[1.0, 2.0], [3.0, 4.0]]).requires_grad_()
    y = x * 1.0
    y[0, 0] = y[0, 0] * 2.0
    if name == "strict":
        y[::-1, :] = y
    else:
        y[make([1, 0]).data] = y
    assert y.detach().tolist() == [[3.0, 4.0], [2.0, 2.0]]
    pg.sum(y * make([[1.0, 2.0], [3.0, 4.0]])).backward()
    assert x.grad.tolist() == [[6.0, 4.0], [1.0, 2.0]]


def test_a_leaf_is_not_written_but_under_no_grad() -> None:
    x = counted(3)
    for write in (
        lambda: x.__setitem__(0, 1.0),
        lambda: x.__iadd__(1.0),
        lambda: x[1:].__imul__(2.0),
    ):
        with pytest.raises(RuntimeError, match="leaf"):
            write()
    np.testing.assert_array_equal(x.data, [1, 2, 3])
    raw, y = x.data, (x * x).sum()
    with pg.no_grad():
        x -= 0.5
        x[1:] *= 2.0
        x[0] = np.float32(4)
        x[...] = x + 1.0
    assert x.is_leaf and x.requires_grad and x.grad_fn is None and x.dtype == np.float64
    np.testing.assert_array_equal(x.data, [5, 4, 6])
    np.testing.assert_array_equal(raw, [1, 2, 3])
    y.backward()
    np.testing.assert_array_equal(x.grad.data, [2, 4, 6])
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [12, 12, 18])


def test_a_write_under_no_grad_keeps_the_history() -> None:
    x = counted(3)
    v = x * 2
    before = v.grad_fn
    with pg.no_grad():
        v[0] = 10.0
        s = v[1:]
        s += 1.0
    assert v.grad_fn is before
    np.testing.assert_array_equal(v.data, [10, 5, 7])
    (v * v).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [40, 20, 28])


@pytest.mark.parametrize("through", [lambda f: f, pg.checkpoint], ids=["plain", "checkpoint"])
def test_a_write_under_no_grad_keeps_the_history_in_transforms(through: Any) -> None:
    torch = needs("torch")

    def element(x: Any, no_grad: Any) -> Any:
        u = x * 1.0
        with no_grad():
            u[0] = 5.0
        return (u * u).sum()

    def whole(x: Any, no_grad: Any) -> Any:
        u = x * 1.0
        with no_grad():
            u += u
        return (u * x).sum()

    def view(x: Any, no_grad: Any) -> Any:
        u = x * 1.0
        rows = u[None]
        with no_grad():
            u[1:] *= 3.0
            rows[0, 0] -= 1.0
        return (u * rows).sum()

    x = np.asarray([1.0, 2.0, 3.0])
    for f in (element, whole, view):
        expected = torch.func.grad(lambda x, f=f: f(x, torch.no_grad))(torch.asarray(x)).numpy()
        ours = through(lambda x, f=f: f(x, pg.no_grad))
        np.testing.assert_allclose(pg.grad(ours)(x), expected)
        np.testing.assert_allclose(pg.jvp(ours, (x,), (x,))[1], np.sum(expected * x))
        np.testing.assert_allclose(pg.vmap(pg.grad(ours))(x[None])[0], expected)
        v = pg.Variable(x, requires_grad=True)
        ours(v).backward()
        np.testing.assert_allclose(v.grad.data, expected)


def test_a_view_is_at_the_level_of_what_was_written_last() -> None:
    def f(x: Any, c: Any) -> Any:
        u = pg.asarray(c) * 1.0  # mapped, and not differentiated by
        row = u[:]
        pg.sum(row)
        u[1:] = x[:2] * x[1]
        return pg.sum(pg.tanh(row) * 2.0)

    x, c = np.arange(6.0).reshape(2, 3) / 6, np.ones((2, 3))
    found = pg.vmap(pg.grad(f))(x, c)
    np.testing.assert_allclose(found, [pg.grad(f)(a, b) for a, b in zip(x, c, strict=True)])


def test_detach_is_a_snapshot() -> None:
    v = counted(3) * 1
    v[0] = 5.0
    d = v.detach()
    v[1] = 6.0
    np.testing.assert_array_equal(d.data, [5, 2, 3])
    d[2] = 7.0
    np.testing.assert_array_equal(v.data, [5, 6, 3])
    assert not d.requires_grad


def test_data_is_not_written_behind_its_back() -> None:
    v = counted(3) * 1
    v[0] = 5.0
    raw = v.data
    v[1] = 6.0
    np.testing.assert_array_equal(raw, [5, 2, 3])


def test_the_wrapped_array_is_never_written() -> None:
    raw = np.ones((2, 2))
    v = pg.Variable(raw)
    v[0] = 3.0
    v.T[...] *= 2.0
    np.testing.assert_array_equal(raw, 1)
    np.testing.assert_array_equal(v.data, [[6, 6], [2, 2]])


def test_a_view_that_becomes_a_leaf_stands_alone() -> None:
    v = pg.Variable(np.ones(4))
    s = v[1:3]
    s.requires_grad_()
    v[1] = 9.0
    np.testing.assert_array_equal(s.data, [1, 1])
    (s * s).sum().backward()
    np.testing.assert_array_equal(s.grad.data, [2, 2])
    assert not v.requires_grad


def test_gradients_that_somebody_looks_at_are_not_written_by_the_walk() -> None:
    x = counted(4)
    a = x * 1
    a[0] = 5.0
    a.retain_grad()
    seen = []
    a.register_hook(lambda g: seen.append(g))
    middle = a[...]  # shows the same place in the graph
    (g,) = pg.autograd.grad((middle * middle).sum(), [x], retain_graph=True)
    np.testing.assert_array_equal(g.data, [0, 4, 6, 8])
    seen.clear()
    a.zero_grad()
    a[1] = 7.0
    (a * a).sum().backward()
    np.testing.assert_array_equal(a.grad.data, [10, 14, 6, 8])  # of what it shows, as in torch
    np.testing.assert_array_equal(seen[0].data, [10, 0, 6, 8])
    np.testing.assert_array_equal(x.grad.data, [0, 0, 6, 8])


def test_gradients_by_several_places_of_one_history() -> None:
    first = counted(4)
    with pg.no_grad():
        first[0] = 5.0
    b = first * 1
    b[1] = 7.0
    places = [b]
    b = b + 0
    b[2] = 8.0
    found = pg.autograd.grad((b * b).sum(), [*places, first], retain_graph=True)
    np.testing.assert_array_equal(found[0].data, [10, 14, 0, 8])
    np.testing.assert_array_equal(found[1].data, [10, 0, 0, 8])


def test_values_of_a_transform_stay_inside() -> None:
    kept = pg.zeros(3)
    owned = pg.zeros(3)
    owned[0] = 1.0
    for v in (kept, owned):
        view = v[1:]

        def f(x: Any, v: Any = v, view: Any = view) -> Any:
            with pytest.raises(ValueError, match="transform"):
                v[0] = x
            with pytest.raises(ValueError, match="transform"):
                view[0] = x
            with pytest.raises(ValueError, match="transform"):
                v[1:][0] = x
            inside = pg.zeros(3)
            inside[1:][0] = x
            return inside.sum() * x

        before = v.data.copy()
        assert pg.grad(f)(np.asarray(3.0)) == 6
        np.testing.assert_array_equal(v.data, before)


def test_all_handles_know_that_a_value_of_a_transform_was_written_through_a_view() -> None:
    """Also those that nobody looks at in between: the base, and other views of it."""
    seen = []

    def f(x: Any) -> Any:
        base = pg.zeros(4)
        middle = base[1:]
        part, other = middle[:2], base[::2]
        seen.append(other[0])
        part[...] = x * x
        return base, middle, other

    x, t = np.asarray([3.0, 5.0]), np.asarray([1.0, 10.0])
    values, tangents = pg.jvp(f, (x,), (t,))
    rows = pg.vmap(f)(np.stack([x, x]))
    for n, key in enumerate((slice(None), slice(1, None), slice(None, None, 2))):
        expected = np.asarray([0.0, 9.0, 25.0, 0.0])[key]
        np.testing.assert_array_equal(values[n], expected, strict=True)
        np.testing.assert_array_equal(rows[n], np.stack([expected] * 2), strict=True)
        np.testing.assert_array_equal(tangents[n], np.asarray([0.0, 6.0, 100.0, 0.0])[key])
    jacobian = pg.jacrev(lambda x: f(x)[0])(x)
    np.testing.assert_array_equal(jacobian, [[0, 0], [6, 0], [0, 10], [0, 0]])


def test_volatile_values_may_be_written() -> None:
    v = pg.zeros(3)
    v[0] = pg.Variable(np.asarray(2.0), volatile=True)
    np.testing.assert_array_equal(v.data, [2, 0, 0])


def test_a_shape_must_stay() -> None:
    v = counted(3) * 1
    s = v[1:]
    with pytest.raises(ValueError, match="shape"):
        s.data = np.ones(3)
    with pytest.raises(ValueError):
        s += np.ones((2, 2))
    np.testing.assert_array_equal(v.data, [1, 2, 3])


# ---------------------------------------------------------------- written to where they are from


@pytest.mark.parametrize("key", [..., slice(None), (slice(None), slice(1, None)), 0], ids=repr)
@pytest.mark.parametrize("written_before", [False, True])
def test_a_view_made_under_no_grad_makes_its_own_place_constant(key, written_before):
    """`a[key] = a[key]` changes nothing, unless the view was taken as a constant, as in torch."""
    torch = needs("torch")
    values = np.arange(6.0).reshape(2, 3) + 0.5

    def program(xp, x):
        a = x * 1.5
        if written_before:
            a[0] = a[0] + 0.25
        with xp.no_grad():
            view = a[key]
        a[key] = view
        return (xp.sin(a) * a).sum()

    x = pg.Variable(values, requires_grad=True)
    theirs = torch.tensor(values, requires_grad=True)
    program(pg, x).backward()
    program(torch, theirs).backward()
    np.testing.assert_allclose(x.grad.data, theirs.grad.numpy())
    np.testing.assert_allclose(pg.grad(lambda x: program(pg, x))(values), theirs.grad.numpy())
    _, t = pg.jvp(lambda x: program(pg, x), (values,), (np.ones((2, 3)),))
    np.testing.assert_allclose(t, theirs.grad.numpy().sum())
