"""Gradients of `pluggrad.scipy`: value and gradient beside SciPy's value alone, torch and JAX.

    python benchmarks/scipy_functions.py [--rounds 9] [--only NAME ...]

Over NumPy arrays, one thread, the best of interleaved rounds. A row's limit is how many times
SciPy's own forward the value and the gradient by all arguments may take together. (The file is not
called `scipy`, because scripts in this folder would then import it in place of SciPy.)
"""

from __future__ import annotations

import argparse
import functools
import importlib
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

import libraries  # first: it sets the number of threads
import numpy as np
import scipy.sparse.linalg

import pluggrad as pg

RNG = np.random.default_rng(0)


class Row(NamedTuple):
    """One function: its path in SciPy, its arguments, and the positions that are differentiated."""

    path: str
    args: tuple[Any, ...]
    tracked: tuple[int, ...]
    limit: float
    torch: Callable[..., Any] | None = None  # of the tracked arguments, as tensors
    jax: Callable[..., Any] | None = None
    kwargs: dict[str, Any] = {}  # noqa: RUF012 (never written)
    how: Callable[..., Any] | None = None  # called with `scipy.sparse`, SciPy's or ours, first


def of_torch(path: str, *more: Any, **kwargs: Any) -> Callable[..., Any]:
    """torch's function at `path`."""
    return lambda *xs: attrgetter(path)(importlib.import_module("torch"))(*xs, *more, **kwargs)


def of_jax(path: str, *more: Any, **kwargs: Any) -> Callable[..., Any]:
    """The function at `path` of jax.scipy."""
    module, _, name = path.rpartition(".")

    def call(*xs: Any) -> Any:
        found = getattr(importlib.import_module(f"jax.scipy.{module}"), name)
        return found(*xs, *more, **kwargs)

    return call


def distances(*xs: Any) -> Any:
    """Euclidean distances, as one writes them for JAX, which has no `cdist`."""
    jnp = importlib.import_module("jax.numpy")
    return jnp.sqrt(jnp.sum((xs[0][:, None] - xs[1]) ** 2, axis=-1))


def filtered_by_torch(x: Any) -> Any:
    """`gaussian_filter` with ``mode="constant"``, as one writes it in torch: two convolutions."""
    torch = importlib.import_module("torch")
    taps = torch.exp(-0.5 * (torch.arange(-8.0, 9.0, dtype=x.dtype) / 2.0) ** 2)
    taps = taps / taps.sum()
    y = torch.nn.functional.conv2d(x[None, None], taps[None, None, :, None], padding=(8, 0))
    return torch.nn.functional.conv2d(y, taps[None, None, None, :], padding=(0, 8))[0, 0]


def scanned(*xs: Any) -> Any:
    """`lfilter` of second order, as one writes it for JAX, which has none: a scan."""
    jax = importlib.import_module("jax")
    (b, a, x) = (xs[0] / xs[1][0], xs[1] / xs[1][0], xs[2])

    def step(state: Any, x: Any) -> Any:
        y = b[0] * x + state[0]
        return (b[1] * x - a[1] * y + state[1], b[2] * x - a[2] * y), y

    return jax.lax.scan(step, (0.0, 0.0), x)[1]


IMAGE = RNG.normal(size=(512, 512))
PLACES = RNG.uniform(5, 250, size=(2, 256, 256))
TRIANGLE = np.tril(RNG.normal(size=(300, 300))) + 20 * np.eye(300)
PLACES_OF = np.unique(RNG.integers(0, 20_000 * 20_000, 200_000))
AT = (PLACES_OF // 20_000, PLACES_OF % 20_000)  # a sparse matrix with about 10 elements in each row
DATA = RNG.normal(size=len(PLACES_OF))
LAPLACE = scipy.sparse.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(5000, 5000))
BANDS = RNG.normal(size=(3, 5000)) + np.array([[0.0], [5.0], [0.0]])
ROWS: dict[str, Row] = {
    "dct": Row("fft.dctn", (IMAGE,), (0,), 4, None, of_jax("fft.dctn")),
    "dct, one axis": Row("fft.dct", (IMAGE,), (0,), 4, None, of_jax("fft.dct")),
    "gaussian_filter": Row(
        "ndimage.gaussian_filter", (IMAGE, 2.0), (0,), 4, filtered_by_torch, None,
        {"mode": "constant"},
    ),
    "gaussian_filter, reflect": Row("ndimage.gaussian_filter", (IMAGE, 2.0), (0,), 4),
    "correlate": Row("ndimage.correlate", (IMAGE, RNG.normal(size=(5, 5))), (0, 1), 4),
    "correlate, image alone": Row("ndimage.correlate", (IMAGE, RNG.normal(size=(5, 5))), (0,), 4),
    "correlate1d": Row("ndimage.correlate1d", (IMAGE, RNG.normal(size=9)), (0, 1), 4),
    "map_coordinates, 1": Row(
        "ndimage.map_coordinates", (IMAGE[:256, :256], PLACES), (0, 1), 5,
        None, of_jax("ndimage.map_coordinates", order=1), {"order": 1},
    ),
    "map_coordinates, 3": Row(
        "ndimage.map_coordinates", (IMAGE[:256, :256], PLACES), (0, 1), 5
    ),
    "map_coordinates, 3, image alone": Row(
        "ndimage.map_coordinates", (IMAGE[:256, :256], PLACES), (0,), 5
    ),
    "lfilter": Row(
        "signal.lfilter",
        (np.array([0.2, 0.3, 0.1]), np.array([1.0, -0.5, 0.2]), RNG.normal(size=100_000)),
        (0, 1, 2), 5, None, scanned,
    ),
    "lfilter, signal alone": Row(
        "signal.lfilter",
        (np.array([0.2, 0.3, 0.1]), np.array([1.0, -0.5, 0.2]), RNG.normal(size=100_000)), (2,), 5,
    ),
    "fftconvolve": Row(
        "signal.fftconvolve", (RNG.normal(size=100_000), RNG.normal(size=1000)), (0, 1), 4
    ),
    "solve_triangular": Row(
        "linalg.solve_triangular", (TRIANGLE, RNG.normal(size=(300, 300))), (0, 1), 4,
        of_torch("linalg.solve_triangular", upper=False), of_jax("linalg.solve_triangular",
                                                                 lower=True),
        {"lower": True},
    ),
    "solve_triangular, 20": Row(
        "linalg.solve_triangular", (TRIANGLE, RNG.normal(size=(300, 20))), (0, 1), 4,
        of_torch("linalg.solve_triangular", upper=False), of_jax("linalg.solve_triangular",
                                                                 lower=True),
        {"lower": True},
    ),
    "solve_banded": Row(
        "linalg.solve_banded", ((1, 1), BANDS, RNG.normal(size=5000)), (1, 2), 10
    ),
    "expm": Row(
        "linalg.expm", (RNG.normal(size=(100, 100)) / 10,), (0,), 10,
        of_torch("linalg.matrix_exp"), of_jax("linalg.expm"),
    ),
    "cdist": Row(
        "spatial.distance.cdist", (RNG.normal(size=(500, 10)), RNG.normal(size=(500, 10))), (0, 1),
        4, of_torch("cdist"), distances,
    ),
    "csr @ vector": Row(
        "sparse", (scipy.sparse.csr_array((DATA, AT), shape=(20_000, 20_000)),
                   RNG.normal(size=20_000)), (1,), 4, how=lambda sparse, a, v: a @ v,
    ),
    "csr @ matrix": Row(
        "sparse", (scipy.sparse.csr_array((DATA, AT), shape=(20_000, 20_000)),
                   RNG.normal(size=(20_000, 8))), (1,), 4, how=lambda sparse, a, v: a @ v,
    ),
    "spsolve": Row(
        "sparse", (LAPLACE.tocsc(), RNG.normal(size=5000)), (1,), 6,
        how=lambda sparse, a, b: sparse.linalg.spsolve(a, b),
    ),
    "pdist": Row("spatial.distance.pdist", (RNG.normal(size=(500, 10)),), (0,), 6),
}  # fmt: skip


def ours(row: Row) -> Callable[[], Any]:
    """One step of pluggrad: the gradients of the sum of the result's squares."""
    function = attrgetter(row.path)(importlib.import_module("pluggrad.scipy"))
    if row.how is not None:
        function = functools.partial(row.how, function)
        sparse = importlib.import_module("pluggrad.scipy.sparse")
        made = [getattr(sparse, f"{x.format}_array")(x) if scipy.sparse.issparse(x) else x
                for x in row.args]  # fmt: skip
        row = row._replace(args=tuple(made))

    def loss(*xs: Any) -> Any:
        given = list(row.args)
        for n, x in zip(row.tracked, xs, strict=True):
            given[n] = x
        return pg.sum(function(*given, **row.kwargs))

    step = pg.value_and_grad(loss, argnums=tuple(range(len(row.tracked))))
    arrays = [row.args[n] for n in row.tracked]
    return lambda: step(*arrays)[1]


def theirs(row: Row) -> Callable[[], Any]:
    """SciPy's own function, forward alone."""
    module, _, name = row.path.rpartition(".")
    function = getattr(importlib.import_module(f"scipy.{module}".rstrip(".")), name)
    if row.how is not None:
        function = functools.partial(row.how, function)
    return lambda: function(*row.args, **row.kwargs)


def by_torch(row: Row) -> Callable[[], Any] | None:
    """One step of torch, if it is installed and has the function."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    function = row.torch
    if function is None:
        return None
    xs = [torch.tensor(row.args[n], requires_grad=True) for n in row.tracked]
    return lambda: torch.autograd.grad(function(*xs).sum(), xs)


def by_jax(row: Row) -> Callable[[], Any] | None:
    """One compiled step of JAX, if it is installed and has the function."""
    try:
        jax = importlib.import_module("jax")
    except ImportError:
        return None
    function = row.jax
    if function is None:
        return None
    jax.config.update("jax_enable_x64", True)
    places = tuple(range(len(row.tracked)))
    step = jax.jit(jax.value_and_grad(lambda *xs: function(*xs).sum(), argnums=places))
    xs = [jax.numpy.asarray(row.args[n]) for n in row.tracked]
    return lambda: jax.block_until_ready(step(*xs))[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="interleaved repetitions")
    parser.add_argument("--only", nargs="*", default=list(ROWS), choices=list(ROWS))
    options = parser.parse_args()
    print(f"{'':<22}{'SciPy':>10}{'pluggrad':>11}{'ratio':>7}{'limit':>7}{'torch':>10}{'JAX':>10}")
    for name in options.only:
        row = ROWS[name]
        steps = [theirs(row), ours(row)]
        others = [by_torch(row), by_jax(row)]
        for step in filter(None, others):
            for a, b in zip(steps[1](), step(), strict=True):
                np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6, atol=1e-8)
        times = libraries.best([*steps, *filter(None, others)], options.rounds)
        value, gradient, *rest = [1e3 * t for t in times]
        cells = [f"{rest.pop(0):.2f} ms" if step else "–" for step in others]
        ratio = gradient / value
        print(f"{name:<32}{value:>7.2f} ms{gradient:>8.2f} ms{ratio:>7.1f}{row.limit:>7.0f}"
              f"{cells[0]:>10}{cells[1]:>10}")  # fmt: skip


if __name__ == "__main__":
    main()
