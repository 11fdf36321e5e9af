"""The rows of the sweep over compiled functions: rules, transforms, and random programs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import pluggrad as pg
from pluggrad.arrays.backend import PRIMITIVES, get_backend

from .compile_judge import Row
from .fft_rows import FFT_ROWS
from .linalg_rows import LINALG_ROWS
from .optional import is_installed
from .samples import (
    COMPLEX_ONLY,
    REAL_ONLY,
    RULES,
    argument_at,
    arrays_in,
    calls_of,
    put_argument,
    resolve,
)

__all__ = ["fuzz_rows", "rule_rows", "special_rows", "transform_rows"]

DTYPES = ("float64", "float32", "complex128", "complex64")


def squares(y: Any) -> Any:
    """The sum of the squares of the moduli of all arrays in `y`, which is real."""
    total: Any = 0.0
    for x in y if isinstance(y, (tuple, list)) else (y,):
        total = total + pg.sum(pg.real(x * pg.conj(x)) if "complex" in str(x.dtype) else x * x)
    return total


def _first(y: Any) -> Any:
    return tuple(y) if isinstance(y, (tuple, list)) else y


#: By name, what is made of a function of `n` arrays: a function of these, and of as many directions.
MODES: dict[str, Callable[[Any, int], Callable[..., Any]]] = {
    "value": lambda f, n: lambda *a: _first(f(*a[:n])),
    "gradient": lambda f, n: (
        lambda *a: pg.value_and_grad(lambda *xs: squares(f(*xs)), argnums=tuple(range(n)))(*a[:n])
    ),
    "jvp": lambda f, n: lambda *a: pg.jvp(lambda *xs: _first(f(*xs)), a[:n], a[n:]),
    "hvp": lambda f, n: lambda *a: pg.hvp(lambda *xs: squares(f(*xs)), a[:n], a[n:]),
}


def rows_of(name: str, f: Any, make: Callable[[int], list[Any]], modes: Any) -> Iterator[Row]:
    """A row for each mode of `f`, whose arguments ``make(seed)`` makes."""
    some, other, direction, last = [make(seed) for seed in range(4)]
    for mode in modes:
        fun = MODES[mode](f, len(some))
        yield Row(f"{name} {mode}", fun, [*some, *direction], [*other, *last])


def seeds(name: str, seed: int) -> np.random.Generator:
    """A generator for the arrays of a row."""
    return np.random.default_rng([zlib.crc32(name.encode()), seed])


# ---------------------------------------------------------------- rules


def rule_rows(modes: Any = tuple(MODES), dtypes: Any = DTYPES) -> Iterator[Row]:
    """Every rule with its samples, and the functions of `linalg` and `fft`."""
    for name in sorted(RULES):
        for dtype in dtypes:
            if name in (REAL_ONLY if dtype.startswith("c") else COMPLEX_ONLY):
                continue
            for place, call in enumerate(calls_of(RULES[name], "numpy")):
                yield from _rule(name, dtype, place, call, modes)
    for parameter in LINALG_ROWS:
        f, shapes, dtype = parameter.values
        if dtype in dtypes:
            yield from rows_of(f"linalg {parameter.id}", f, _matrices(shapes, dtype), modes)
    for parameter in FFT_ROWS:
        name, shape, kwargs = parameter.values
        for dtype in dtypes:
            if (dtype.startswith("c")) != (name in ("rfft", "rfftn", "ihfft")):
                f = lambda x, name=name, kwargs=kwargs: getattr(pg.fft, name)(x, **kwargs)
                made = lambda seed, s=shape, d=dtype: [_random(s, d, seeds(str(s), seed))]
                yield from rows_of(f"fft.{parameter.id} {dtype}", f, made, modes)


def _rule(name: str, dtype: str, place: int, call: Any, modes: Any) -> Iterator[Row]:
    function = getattr(pg, name)

    def all_of(seed: int) -> Any:
        args, places = arrays_in(call, seeds(f"{name} {dtype} {place}", seed), dtype)
        return resolve(args, dtype, get_backend("numpy").xp), places

    settings, places = all_of(0)

    def f(*xs: Any) -> Any:
        args = list(settings)
        for at, x in zip(places, xs, strict=True):
            put_argument(args, at, x)
        return function(*args, **call.kwargs)

    def make(seed: int) -> list[Any]:
        args, _ = all_of(seed)
        return [argument_at(args, at) for at in places]

    yield from rows_of(f"{name} {dtype} {place}", f, make, modes)


def _random(shape: Any, dtype: str, rng: np.random.Generator) -> Any:
    x = rng.normal(size=shape)
    return np.asarray(x + 1j * rng.normal(size=shape) if dtype[0] == "c" else x, dtype=dtype)


def _matrices(shapes: Any, dtype: str) -> Callable[[int], list[Any]]:
    def make(seed: int) -> list[Any]:
        rng = seeds(str(shapes), seed)
        return [
            _random(s, dtype, rng) + (1.5 * np.eye(*s[-2:]) if len(s) > 1 else 0) for s in shapes
        ]

    return make


def special_rows(modes: Any = tuple(MODES)) -> Iterator[Row]:
    """The special functions, at the points of the conformance suite."""
    from pluggrad_conformance.exact import ROWS

    for row in ROWS:
        if not is_installed("scipy") or f"special.{row.name}" not in PRIMITIVES:
            continue
        points = np.asarray(row.points, dtype=float).T
        by = list(row.by)

        def f(*xs: Any, row: Any = row, points: Any = points, by: Any = by) -> Any:
            args = list(points)
            for i, x in zip(by, xs, strict=True):
                args[i] = x
            return getattr(pg.special, row.name)(*args)

        make = lambda seed, p=points, by=by: [np.roll(p[i], seed) for i in by]
        yield from rows_of(f"special.{row.name}", f, make, modes)


# ---------------------------------------------------------------- transforms

W = np.random.default_rng(5).normal(size=(3, 3))


def _cells(x: Any) -> Any:
    y = pg.zeros(3)
    y[1:] = x[1:] * 2.0
    y[0] = x[0] ** 2
    y *= x
    return y


@pg.custom_vjp
def _doubled(x: Any) -> Any:
    return pg.sin(x) * 2.0


_doubled.defvjp(lambda x: (pg.sin(x) * 2.0, x), lambda x, g: (g * pg.cos(x) * 2.0,))


@pg.custom_jvp
def _cubed(x: Any) -> Any:
    return x**3


_cubed.defjvp(lambda primals, tangents: (primals[0] ** 3, 3 * primals[0] ** 2 * tangents[0]))


class _Scaled(pg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return pg.exp(x) * 0.5

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * pg.exp(x) * 0.5


#: Functions of a vector of three elements that return a vector.
VECTORS: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda x: pg.tanh(W @ x),
    "layers": lambda x: W @ pg.tanh(W @ pg.tanh(W @ x)) + x * 0.5,
    "written": _cells,
    "indexed": lambda x: x[[0, 0, 2]] ** 2 * x,
    "slices": lambda x: pg.concat([x[1:] - x[:-1], x[:1] * 3.0]),
    "sorted": lambda x: pg.sort(x) * pg.cumulative_sum(x),
    "softmax": lambda x: pg.special.softmax(x) * x if is_installed("scipy") else pg.exp(x),
    "where": lambda x: pg.where(x > 0, pg.sin(x), x * x),
    "maximum": lambda x: pg.maximum(x, 0.1) + pg.max(x) - pg.min(x) * x,
    "solve": lambda x: pg.linalg.solve(W + 4.0 * pg.eye(3), x),
    "norm": lambda x: x / pg.linalg.vector_norm(x),
    "custom_vjp": lambda x: _doubled(x) + x,
    "custom_jvp": lambda x: _cubed(x) * x,
    "Function": lambda x: _Scaled.apply(x) * x,
    "checkpoint": lambda x: pg.checkpoint(lambda y: pg.tanh(W @ pg.sin(y)))(x) * x,
    "numpy": lambda x: np.tanh(W @ x) + np.cumsum(x) * np.sin(x),
    "loop": lambda x: [x := x + 0.1 * pg.tanh(W @ x) for _ in range(5)][-1],
}


def _one(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: pg.sum(g(x) ** 2)


#: By name, what is made of a function of a vector: a function of a vector and a direction.
TRANSFORMS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "value": lambda g: lambda x, v: g(x),
    "grad": lambda g: lambda x, v: pg.grad(_one(g))(x),
    "value_and_grad": lambda g: lambda x, v: pg.value_and_grad(_one(g))(x),
    "has_aux": lambda g: lambda x, v: pg.value_and_grad(
        lambda y: (_one(g)(y), y * 2), has_aux=True
    )(x),
    "vjp": lambda g: lambda x, v: pg.vjp(g, x)[1](v),
    "jvp": lambda g: lambda x, v: pg.jvp(g, (x,), (v,)),
    "hvp": lambda g: lambda x, v: pg.hvp(_one(g), (x,), (v,)),
    "hessian": lambda g: lambda x, v: pg.hessian(_one(g))(x),
    "jacrev": lambda g: lambda x, v: pg.jacrev(g)(x),
    "jacfwd": lambda g: lambda x, v: pg.jacfwd(g)(x),
    "linearize": lambda g: lambda x, v: pg.linearize(g, x)[1](v),
    "vmap": lambda g: lambda x, v: pg.vmap(g)(pg.stack([x, v])),
    "vmap of grad": lambda g: lambda x, v: pg.vmap(pg.grad(_one(g)))(pg.stack([x, v])),
    "grad of vmap": lambda g: lambda x, v: pg.grad(
        lambda y: pg.sum(pg.vmap(g)(pg.stack([y, y * 2])) ** 2)
    )(x),
    "grad of grad": lambda g: lambda x, v: pg.grad(
        lambda y: pg.sum(pg.grad(_one(g))(y) * v)
    )(x),
    "jvp of grad": lambda g: lambda x, v: pg.jvp(pg.grad(_one(g)), (x,), (v,)),
    "checkpoint": lambda g: lambda x, v: pg.grad(_one(pg.checkpoint(g)))(x),
    "backward": lambda g: lambda x, v: _backward(g, x),
}  # fmt: skip


def _backward(g: Any, x: Any) -> Any:
    leaf = pg.Variable(x, requires_grad=True)
    pg.sum(g(leaf) ** 2).backward()
    return leaf.grad


def transform_rows() -> Iterator[Row]:
    """Each transform of each function of `VECTORS`, in double and in single precision."""
    for name, g in VECTORS.items():
        for transform, made in TRANSFORMS.items():
            for dtype in ("float64", "float32"):
                x, v, y, w = seeds(name, 0).normal(size=(4, 3)).astype(dtype)
                yield Row(f"{transform} of {name} {dtype}", made(g), (x, v), (y, w))


# ---------------------------------------------------------------- random programs


def fuzz_rows(count: int, first: int = 0) -> Iterator[Row]:
    """Random programs: their values, and their gradients."""
    from tests.fuzz.check import Run
    from tests.fuzz.generator import Seeded, generate

    for seed in range(first, first + count):
        program = generate(Seeded(seed), "numpy", seed)
        run = Run(program, "numpy")
        every = tuple(range(len(run.inputs)))
        xs, ys = run.inputs, [np.asarray(x[::-1].copy() if x.ndim else x * 0.5) for x in run.inputs]
        value = lambda *a, run=run: [
            y.detach() if isinstance(y, pg.Variable) else y
            for y in run.outputs(*[pg.Variable(x) for x in a])
        ]
        gradient = lambda *a, run=run, every=every: pg.value_and_grad(run.loss, argnums=every)(*a)
        yield Row(f"fuzz {seed} value", value, xs, ys)
        yield Row(f"fuzz {seed} gradient", gradient, xs, ys)
