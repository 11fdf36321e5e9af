"""Run by test_jax.py in a process with eight devices: gradients of arrays spread over them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import pluggrad as pg
from tests.support.processes import run_checks

MESH = jax.make_mesh((4, 2), ("d", "t"), axis_types=(AxisType.Auto,) * 2)
X = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
ROWS = jnp.arange(16) * 3 % 10
PLACES = jnp.asarray(np.random.default_rng(1).integers(0, 8, size=(16, 3)))


def spread(x: Any, *spec: Any, mesh: Any = MESH) -> Any:
    return jax.device_put(jnp.asarray(x), NamedSharding(mesh, P(*spec)))


def native(f: Any) -> Any:
    """jax.grad or pg.grad, and jax.vmap or pg.vmap."""
    return pg if f is pg else jax


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "slices": lambda xp, x: xp.sum(x[1:] * x[:-1]),
    "strides": lambda xp, x: xp.sum(x[::2] ** 2),
    "backwards": lambda xp, x: xp.sum(x[::-2] ** 2),
    "row": lambda xp, x: xp.sum(x[3] * x),
    "element": lambda xp, x: x[3, 2] ** 2,
    "rows by integers": lambda xp, x: xp.sum(x[ROWS] ** 2),
    "pairs of integers": lambda xp, x: xp.sum(x[jnp.arange(16), PLACES[:, 0]] ** 2),
    "several reads": lambda xp, x: xp.sum(x[ROWS] ** 2) + xp.sum(x[2:5]) ** 2 + xp.sum(x * x),
    "take": lambda xp, x: xp.sum(xp.take(x, ROWS, axis=0) ** 2),
    "take columns": lambda xp, x: xp.sum(xp.take(x, PLACES[0], axis=1) ** 2),
    "take_along_axis": lambda xp, x: xp.sum(xp.take_along_axis(x, PLACES, axis=1) ** 2),
    "pad": lambda xp, x: xp.sum(xp.pad(x, ((1, 2), (0, 3))) ** 2),
    "pad with a number": lambda xp, x: xp.sum(xp.pad(x, 1, constant_values=2.0) ** 2),
    "sort": lambda xp, x: xp.sum(xp.sort(x, axis=0) * jnp.arange(16.0)[:, None]),
    "concat": lambda xp, x: xp.sum(xp.concat([x, x * 2]) ** 2),
    "matmul": lambda xp, x: xp.sum(xp.tanh(xp.matmul(x, x.T))),
    "vmap": lambda xp, x: xp.sum(native(xp).vmap(lambda r: xp.sum(r[1:] * r[:-1]))(x) ** 2),
    "vmap with indices": lambda xp, x: xp.sum(native(xp).vmap(lambda r, k: r[k])(x, PLACES) ** 2),
    "vmap with an index": lambda xp, x: xp.sum(
        native(xp).vmap(lambda r, k: r[k])(x, PLACES[:, 0]) ** 2
    ),
    "flip": lambda xp, x: xp.sum(xp.flip(x, axis=0) * x),
    "unstack": lambda xp, x: sum([xp.sum(row**2) for row in xp.unstack(x)[:3]]),
}


def check_sharding(f: Callable[[Any, Any], Any]) -> None:
    """The value and the sharding that `jax.grad` gives, for rows cut, and for rows and columns."""
    for spec in (("d", None), ("d", "t")):
        x = spread(X, *spec)
        got, want = pg.grad(partial(f, pg))(x), jax.grad(partial(f, jnp))(x)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
        assert got.sharding.is_equivalent_to(want.sharding, 2), (got.sharding, want.sharding)


# ---------------------------------------------------------------- parallel training under jit


def mlp(xp: Any, w: Any, x: Any, y: Any) -> Any:
    hidden = xp.tanh(xp.matmul(x, w[0]))
    return xp.mean((xp.matmul(hidden, w[1]) - y) ** 2)


def block(xp: Any, w: Any, x: Any, y: Any) -> Any:
    """A block of a transformer: attention with one head, then two layers."""
    q, k, v = [xp.matmul(x, w[n]) for n in range(3)]
    scores = xp.matmul(q, xp.matrix_transpose(k)) / x.shape[-1] ** 0.5
    weights = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    weights = weights / xp.sum(weights, axis=-1, keepdims=True)
    h = x + xp.matmul(xp.matmul(weights, v), w[3])
    h = h + xp.matmul(xp.tanh(xp.matmul(h, w[4])), w[5])
    return xp.mean((h - y) ** 2)


def parameters(*shapes: tuple[int, int]) -> list[Any]:
    rng = np.random.default_rng(2)
    return [rng.normal(size=shape).astype("float32") / 4 for shape in shapes]


def collectives(compiled: Any) -> dict[str, int]:
    text = compiled.as_text()
    names = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
    return {name: text.count(f" {name}(") + text.count(f" {name}-start(") for name in names}


#: How the data and each weight are cut.
LAYOUTS = {
    "data": (("d",), ()),
    "tensor": ((), ((None, "d"), ("d", None))),
    "fully sharded": (("d",), (("d", None), ("d", None))),
}


def check_collectives(f: Any, shapes: Any, data: Any, layout: str) -> None:
    """The gradient under `jax.jit` is placed like the weights, agrees with `jax.grad`, and takes
    no more collectives of any kind."""
    rows, cuts = LAYOUTS[layout]
    w0 = parameters(*shapes)
    w = [spread(a, *(cuts[n % len(cuts)] if cuts else ())) for n, a in enumerate(w0)]
    x, y = spread(data[0], *rows), spread(data[1], *rows)
    out = [a.sharding for a in w]
    found = {}
    for name, grad, xp in (("ours", pg.grad, pg), ("native", jax.grad, jnp)):
        jitted = jax.jit(grad(partial(f, xp)), out_shardings=out)
        compiled = jitted.lower(w, x, y).compile()
        found[name] = (collectives(compiled), compiled(w, x, y))
    counts = {name: count for name, (count, _) in found.items()}
    assert counts["ours"] == counts["native"], counts
    for a, b in zip(found["ours"][1], found["native"][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


DATA = np.random.default_rng(3).normal(size=(2, 16, 8)).astype("float32")
BATCHES = np.random.default_rng(3).normal(size=(2, 8, 4, 8)).astype("float32")
MLP = ((8, 16), (16, 8))
BLOCK = ((8, 8), (8, 8), (8, 8), (8, 8), (8, 16), (16, 8))

# ---------------------------------------------------------------- collectives written by hand


def check_shard_map() -> None:
    """`shard_map` with `psum` inside a function that pluggrad differentiates, by `call`."""
    summed = jax.shard_map(
        lambda x: jax.lax.psum(x * x, "d"), mesh=MESH, in_specs=P("d"), out_specs=P()
    )
    x = spread(X, "d")
    called = pg.interop.jax.call(summed)
    got = pg.grad(lambda x: pg.sum(pg.sin(called(x))))(x)
    want = jax.grad(lambda x: jnp.sum(jnp.sin(summed(x))))(x)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def check_psum_inside() -> None:
    """pluggrad inside `shard_map`: the gradient of the part that a device holds."""

    def local(x: Any) -> Any:
        return jax.lax.psum(pg.grad(lambda x: pg.sum(x**3))(x), "d")

    x = spread(X, "d")
    got = jax.shard_map(local, mesh=MESH, in_specs=P("d"), out_specs=P())(x)
    np.testing.assert_allclose(got, (3 * X**2).reshape(4, 4, 8).sum(0), rtol=1e-5)


def check_constraint() -> None:
    """`with_sharding_constraint` by `call`, under jit."""
    where = NamedSharding(MESH, P(None, "t"))
    cut = pg.interop.jax.call(lambda x: jax.lax.with_sharding_constraint(x, where))
    x = spread(X, "d")
    got = jax.jit(pg.grad(lambda x: pg.sum(cut(x * x) ** 2)))(x)
    np.testing.assert_allclose(got, 4 * X**3, rtol=1e-4)


def check_wrap() -> None:
    """`wrap` computes where the array lives, and refuses to gather it for NumPy."""
    x = spread(X, "d")
    f = pg.interop.jax.wrap(lambda x: pg.sum(pg.sin(x) ** 2))
    want = jax.grad(lambda x: jnp.sum(jnp.sin(x) ** 2))(x)
    got = jax.grad(f)(x)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    assert got.sharding.is_equivalent_to(want.sharding, 2), (got.sharding, want.sharding)
    try:
        pg.interop.jax.wrap(lambda x: pg.sum(x), backend="numpy")(x)
    except pg.UnsupportedError as error:
        assert "backend='jax'" in str(error)
    else:
        raise AssertionError("it was gathered silently")


def check_explicit() -> None:
    """A mesh with explicit axes: types carry shardings, and gradients have those of the inputs."""
    mesh = jax.make_mesh((8,), ("d",), axis_types=(AxisType.Explicit,))
    with jax.set_mesh(mesh):
        x, y = [spread(a, "d", None, mesh=mesh) for a in DATA]
        w = [spread(a, mesh=mesh) for a in parameters(*MLP)]
        got, want = pg.grad(partial(mlp, pg))(w, x, y), jax.grad(partial(mlp, jnp))(w, x, y)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
            assert a.sharding.is_equivalent_to(b.sharding, 2), (a.sharding, b.sharding)
        v = spread(X, "d", None, mesh=mesh)
        for name in ("take_along_axis", "take columns"):
            f = PROGRAMS[name]
            got, want = pg.grad(partial(f, pg))(v), jax.grad(partial(f, jnp))(v)
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
            assert got.sharding.is_equivalent_to(want.sharding, 2), name


CHECKS: dict[str, Callable[[], None]] = {
    **{f"sharding of {name}": partial(check_sharding, f) for name, f in PROGRAMS.items()},
    **{f"mlp, {layout}": partial(check_collectives, mlp, MLP, DATA, layout) for layout in LAYOUTS},
    **{
        f"transformer block, {layout}": partial(check_collectives, block, BLOCK, BATCHES, layout)
        for layout in LAYOUTS
    },
    "shard_map and psum": check_shard_map,
    "inside shard_map": check_psum_inside,
    "with_sharding_constraint": check_constraint,
    "wrap": check_wrap,
    "explicit mesh": check_explicit,
}

if __name__ == "__main__":
    run_checks(CHECKS)
