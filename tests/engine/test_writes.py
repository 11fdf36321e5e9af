"""Writes: what is written, under which mode, at which level, and what others see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.arrays import value_of
from tests.support.backends import ALL
from tests.support.optional import array_library, needs

RNG = np.random.default_rng(0)
W = RNG.normal(size=(3, 4))
X = np.arange(12.0).reshape(3, 4) + 0.5
MASK = np.asarray([True, False, True])
GRID = np.asarray([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]], bool)


def library(name: str) -> Any:
    if name == "jax":
        jax = needs("jax")
        jax.config.update("jax_enable_x64", True)
    return array_library(name)


# ---------------------------------------------------------------- axes of length 1 in front

KEYS = [
    0, -1, slice(0, 2), slice(None, None, -1), (0, 1), (slice(None), 1), (None, 0), (Ellipsis, 2),
    Ellipsis, [0, 2], [0, 0, 2], ([0, 2], [1, 1]), ([[0], [2]], [1, 3]), MASK, GRID,
    (slice(None), [1, 1, 0]), (0, [1, 2]), (None, [0, 2]), (), slice(3, 3),
]  # fmt: skip


def arrays(key: Any, lib: Any) -> Any:
    if isinstance(key, tuple):
        return tuple([arrays(k, lib) for k in key])
    return lib.asarray(np.asarray(key)) if isinstance(key, (list, np.ndarray)) else key


def shapes_at(key: Any) -> list[tuple[int, ...]]:
    shape = X[arrays(key, np)].shape
    found = {shape, (1, *shape), (1, 1, *shape), (1,) * (len(shape) + 1), (), (1,), (1, 1, 1)}
    if shape:
        found |= {shape[1:], (1, *shape[1:]), (1, 1, *shape[1:])}
    return sorted(found)


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_a_value_may_have_more_axes_than_the_place_it_is_written_to(name: str, key: Any) -> None:
    lib = library(name)
    raw_key, checked = arrays(key, np), 0
    lib_key = arrays(key, lib)

    def write(a: Any, x: Any) -> Any:
        y = x * 1.0
        y[lib_key] = a
        return y

    def by_numpy(a: np.ndarray, x: np.ndarray) -> np.ndarray:
        y = x * 1.0
        y[raw_key] = a
        return y

    for shape in shapes_at(key):
        a, t, s = RNG.normal(size=shape), RNG.normal(size=shape), RNG.normal(size=X.shape)
        try:
            value = by_numpy(a, X)
        except (TypeError, ValueError):
            continue
        moved = np.asarray([
            np.sum((by_numpy(a + e.reshape(shape), X) - value) * W) for e in np.eye(a.size)
        ]).reshape(shape)  # fmt: skip
        kept = np.where(np.isnan(by_numpy(a * 0 + np.nan, X)), 0.0, W)
        v, x = (pg.Variable(lib.asarray(q), requires_grad=True) for q in (a, X))
        try:
            y = write(v, x)
        except pg.PluggradError:
            assert name == "strict"  # the standard leaves such an index open
            continue
        pg.sum(y * lib.asarray(W)).backward()
        for got, want in ((y, value), (v.grad, moved), (x.grad, kept)):
            np.testing.assert_allclose(value_of(got), want, atol=1e-9)
        made, pushed = pg.jvp(
            write, (lib.asarray(a), lib.asarray(X)), (lib.asarray(t), lib.asarray(s))
        )
        np.testing.assert_allclose(value_of(made), value)
        np.testing.assert_allclose(value_of(pushed), by_numpy(t, s), atol=1e-12)
        if raw_key is not MASK and raw_key is not GRID:
            two = pg.vmap(write)(lib.asarray(np.stack([a, t])), lib.asarray(np.stack([X, s])))
            np.testing.assert_allclose(value_of(two), [value, by_numpy(t, s)])
        checked += 1
    assert checked or name == "strict"


def test_a_value_with_an_axis_in_front_goes_to_mapped_places() -> None:
    def f(a: Any, i: Any) -> Any:
        y = pg.asarray(X) * 1.0
        y[i] = a
        return pg.sum(y * W)

    a, places = np.ones((2, 1, 4)), np.asarray([0, 2])
    want = W[places][:, None]
    np.testing.assert_allclose(pg.vmap(pg.grad(f))(a, places), want)
    np.testing.assert_allclose(pg.grad(lambda a: pg.sum(pg.vmap(f)(a, places)))(a), want)


# ---------------------------------------------------------------- views that are out of date


def test_a_stale_view_that_was_only_looked_at_keeps_its_value() -> None:
    for look in (
        lambda v: v[0], lambda v: v.shape, repr, lambda v: v.data, lambda v: float(v.detach()[0]),
        lambda v: pg.jvp(lambda t: t * v, (np.ones(2),), (np.ones(2),)),
        lambda v: pg.vmap(lambda t: t * v)(np.ones(2)), lambda v: pg.checkpoint(pg.sin)(v),
    ):  # fmt: skip
        a = pg.Variable(np.asarray([1.0, 2.0, 3.0]), requires_grad=True)
        x = a * 1.0
        v = x[:2]
        x[0] = 5.0
        look(v)
        y = v * v
        x[1] = 7.0
        pg.sum(y).backward()
        np.testing.assert_array_equal(a.grad.data, [0.0, 4.0, 0.0])


def test_a_stale_view_keeps_its_history_wherever_it_is_looked_at() -> None:
    a = pg.Variable(np.asarray([1.0, 2.0, 3.0]), requires_grad=True)
    x = a * 1.0
    v = x[:2]
    x[0] = 5.0
    with pg.no_grad():
        pg.grad(lambda t: pg.sum(t * v))(np.ones(2))
    pg.sum(v * v).backward()
    np.testing.assert_array_equal(a.grad.data, [0.0, 4.0, 0.0])


@pytest.mark.parametrize("transform", [
    lambda f, w: pg.sum(pg.vmap(f)(w)),
    lambda f, w: pg.sum(pg.jvp(lambda r: f(r) * w[0], (np.ones(3),), (np.ones(3),))[1]),
], ids=["vmap", "jvp"])  # fmt: skip
def test_a_constant_that_a_transform_used_may_be_written_afterwards(transform: Any) -> None:
    w = pg.Variable(np.ones((2, 3)), requires_grad=True)
    c = pg.zeros(3)
    c[0] = 1.0  # the buffer is its own from now on
    y = transform(lambda r: r * c, w)
    c[0] = 5.0
    y.backward()
    np.testing.assert_array_equal(w.grad.data[0], [1.0, 0.0, 0.0])


# ---------------------------------------------------------------- under no_grad


def keeping(value: Any, y: Any) -> Any:
    """The value of one and the derivative of the other: what a write under `no_grad` means."""
    return pg.stop_gradient(value) + (y - pg.stop_gradient(y))


def element(a: Any, write: bool) -> Any:
    y = a * a
    if not write:
        kept = pg.stack([y[0], *[keeping(y[i] * 0 + 0.31, y[i]) for i in (1, 2)]])
        return pg.sum(kept**3)
    with pg.no_grad():
        y[1:] = 0.31
    return pg.sum(y**3)


def whole(a: Any, write: bool) -> Any:
    y = a * a
    if not write:
        return pg.sum(keeping(y * 2, y) ** 3 * a)
    with pg.no_grad():
        y *= 2
    return pg.sum(y**3 * a)


def tracked_value(a: Any, write: bool) -> Any:
    y = a * a
    if not write:
        return pg.sum(keeping(a, y) ** 3 * a)
    with pg.no_grad():
        y[...] = a
    return pg.sum(y**3 * a)


def through_a_view(a: Any, write: bool) -> Any:
    y = a * a
    if not write:
        kept = pg.stack([keeping(a[0], y[0]), y[1], y[2]])
        return pg.sum(kept**3 * a)
    with pg.no_grad():
        v = y[:1]
        v[...] = a[0]
    return pg.sum(y**3 * a)


def and_then_outside(a: Any, write: bool) -> Any:
    y = a * a
    if not write:
        kept = keeping(y * 2, y)
        first = a[0] * a[1]
        return first**3 + kept[1] ** 3 + kept[2] ** 3 + first**2
    v = y[0:1]
    with pg.no_grad():
        y *= 2
    v[0] = a[0] * a[1]
    return pg.sum(y**3) + v[0] * v[0]


def a_view_made_there(a: Any, write: bool) -> Any:
    y = a * a
    if not write:
        return pg.sum(pg.stack([a[1], y[1], y[2]]) ** 2) + a[1] ** 3 * y[1]
    with pg.no_grad():
        v = y[:2]
    v[0] = a[1]
    return pg.sum(y**2) + v[0] ** 3 * v[1]


def a_transform_inside(a: Any, write: bool) -> Any:
    y = a * a
    if not write:
        return pg.sum(keeping(a * 3, y) ** 2)
    with pg.no_grad():
        y[...] = pg.grad(lambda t: pg.sum(3 * t * t / 2))(a)
    return pg.sum(y**2)


def mapped(value: Any, start: Any) -> Callable[..., Any]:
    def program(a: Any, write: bool) -> Any:
        def one(s: Any) -> Any:
            y = start(a, s)
            if not write:
                return pg.sum(keeping(0 * y + value(s), y) ** 3)
            with pg.no_grad():
                y[...] = value(s)
            return pg.sum(y**3)

        return pg.sum(pg.vmap(one)(pg.namespace(a).asarray([1.0, 2.0, 0.5])))

    return program


def in_an_inner_derivative(a: Any, write: bool) -> Any:
    def inner(b: Any) -> Any:
        y = a * b
        if not write:
            return pg.sum(keeping(y * 0 + 0.4, y) ** 3)
        with pg.no_grad():
            y[...] = 0.4
        return pg.sum(y**3)

    return pg.sum(pg.grad(inner)(a) ** 2)


def of_an_inner_value(a: Any, write: bool) -> Any:
    def inner(b: Any) -> Any:
        y = a * a
        if not write:
            return pg.sum(keeping(y * 0 + b, y) ** 3 * b)
        with pg.no_grad():
            y[...] = b
        return pg.sum(y**3 * b)

    return pg.sum(pg.grad(inner)(a) ** 2)


def in_a_checkpoint(a: Any, write: bool) -> Any:
    def body(a: Any) -> Any:
        return in_an_inner_derivative(a, write) + element(a, write)

    return pg.checkpoint(body)(a) if write else body(a)


def without_axes(a: Any, write: bool) -> Any:
    s = pg.sum(a * a)
    if not write:
        return keeping(s * 2, s) ** 3
    with pg.no_grad():
        s += s
    return s**3


PROGRAMS = {f.__name__: f for f in (
    element, whole, tracked_value, through_a_view, and_then_outside, a_view_made_there,
    a_transform_inside, in_an_inner_derivative, of_an_inner_value, in_a_checkpoint, without_axes,
)} | {
    "a mapped value": mapped(lambda s: s, lambda a, s: a * a),
    "into what is mapped": mapped(lambda s: 0.7, lambda a, s: a * s),
    "mapped into mapped": mapped(lambda s: s, lambda a, s: a * s),
}  # fmt: skip
POINT, ALONG = np.asarray([0.5, 1.2, -0.7]), np.asarray([0.3, -1.0, 2.0])


def faces(f: Any, lib: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Gradients and Hessian-vector products of `f`, by every way that there is."""
    x, t = lib.asarray(POINT), lib.asarray(ALONG)
    dot = lambda m: value_of(m) @ ALONG

    def leaf() -> pg.Variable:
        return pg.Variable(lib.asarray(POINT), requires_grad=True)

    a = leaf()
    f(a).backward()
    yield "backward", value_of(a.grad)
    for name in ("grad", "jacfwd", "jacrev"):
        yield name, value_of(getattr(pg, name)(f)(x))
    a = leaf()
    (g,) = pg.autograd.grad(f(a), [a], create_graph=True)
    yield "twice backwards", value_of(pg.autograd.grad(pg.sum(g * t), [a])[0])
    yield "hvp", value_of(pg.hvp(f, (x,), (t,)))
    yield "hessian", dot(pg.hessian(f)(x))
    yield "twice forwards", dot(pg.jacfwd(pg.jacfwd(f))(x))
    yield "backwards over backwards", dot(pg.jacrev(pg.grad(f))(x))
    yield "third", value_of(pg.grad(lambda z: pg.sum(pg.hvp(f, (z,), (t,))))(x))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore::pluggrad.GraphBreakWarning")
def test_a_write_under_no_grad_changes_the_value_and_no_derivative(name: str, program: str) -> None:
    lib, f = library(name), PROGRAMS[program]
    found = faces(lambda a: f(a, True), lib)
    for (face, got), (_, want) in zip(found, faces(lambda a: f(a, False), lib), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=face)


# ---------------------------------------------------------------- at any depth


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("closed_over", [False, True], ids=["argument", "closure"])
@pytest.mark.parametrize("transform", [
    pg.grad, pg.jacfwd, pg.hessian, lambda f: pg.jacrev(pg.jacfwd(f)),
], ids=["grad", "jacfwd", "hessian", "jacrev(jacfwd)"])  # fmt: skip
def test_values_are_written_where_they_are_made_at_any_depth(
    transform: Any, closed_over: bool, depth: int
) -> None:
    def program(write: bool) -> Any:
        def go(k: int, x: Any, outer: Any) -> Any:
            if k:
                return pg.sum(pg.grad(lambda a: go(k - 1, a, outer))(x) ** 2)
            base = outer if closed_over else x
            if write:
                t = base * 1.0
                t[0] = x[0] * outer[1]
            else:
                t = pg.stack([x[0] * outer[1], base[1]])
            return pg.sum(t * t * t)

        return lambda x: go(depth, x, x)

    x = np.asarray([0.7, 0.9])
    np.testing.assert_allclose(transform(program(True))(x), transform(program(False))(x))


def test_what_a_constant_operation_makes_inside_may_be_written_there() -> None:
    def program(write: bool) -> Any:
        def f(x: Any) -> Any:
            def inner(a: Any) -> Any:
                t = pg.copysign(x, a)  # of the outer level, and a constant here
                if write:
                    t[0] = a[1] * a[0]
                else:
                    t = pg.stack([a[1] * a[0], t[1]])
                return pg.sum(t * t * a)

            return pg.sum(pg.grad(inner)(x) ** 2)

        return f

    x = np.asarray([0.7, 0.9])
    for transform in (pg.grad, pg.jacfwd):
        np.testing.assert_allclose(transform(program(True))(x), transform(program(False))(x))


def test_a_value_that_would_outlive_its_transform_is_refused() -> None:
    outside = pg.zeros(2)

    def f(a: Any) -> Any:
        outside[0] = a[0]
        return pg.sum(outside)

    for transform in (pg.grad, pg.jacfwd, pg.hessian):
        with pytest.raises(pg.PluggradError, match="outlive"):
            transform(f)(np.ones(2))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("update", [
    lambda y: y.__setitem__(..., y + y), lambda y: y.__iadd__(y), lambda y: y.__setitem__((), 2 * y),
], ids=["y[...] = y + y", "y += y", "y[()] = 2 * y"])  # fmt: skip
def test_what_has_no_axes_is_updated_in_place(name: str, update: Any) -> None:
    lib = library(name)

    def f(v: Any) -> Any:
        y = v * 1.0
        update(y)
        update(y)
        return y * v

    v = pg.Variable(lib.asarray(3.0, dtype=lib.float64), requires_grad=True)
    f(v).backward()
    assert value_of(v.grad) == 24.0
    assert value_of(pg.hessian(f)(lib.asarray(3.0, dtype=lib.float64))) == 8.0
