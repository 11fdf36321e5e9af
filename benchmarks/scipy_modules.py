"""What a gradient through SciPy's functions costs, next to SciPy's own call.

    python benchmarks/scipy_modules.py [--rounds 20] [name ...]

Each row compares a function of `pluggrad.scipy`, forward and backward from a given cotangent, with
SciPy's forward alone, on NumPy arrays in float64, with one thread, the best of interleaved rounds.
Where JAX has the function, its forward and backward (compiled) stands beside it. A row fails if it
takes longer than its limit times SciPy's forward; the program then exits with 1.

(The file is not called ``scipy.py``, because programs in this folder would import it in the place
of SciPy.)
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import libraries  # first: it sets the number of threads
import numpy as np
import scipy.fft
import scipy.ndimage

import pluggrad as pg
import pluggrad.scipy


@dataclass(frozen=True)
class Row:
    """One function: SciPy's, ours, the arrays that are differentiated, and the limit. `jax` is the
    function of `jax.scipy`, by its path, if JAX has it."""

    name: str
    theirs: Callable[..., Any]
    ours: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    limit: float
    jax: str = ""
    options: tuple[tuple[str, Any], ...] = ()


RNG = np.random.default_rng(0)
IMAGE, SMALL, WEIGHTS = (
    RNG.normal(size=(512, 512)),
    RNG.normal(size=(256, 256)),
    RNG.normal(size=(5, 5)),
)
#: Places near the grid, as in the registration of images.
PLACES = np.stack(np.meshgrid(np.arange(256.0), np.arange(256.0), indexing="ij"))
PLACES = PLACES + RNG.normal(size=PLACES.shape)

OWN: Any = pg.scipy
ROWS = [
    Row("dct", scipy.fft.dct, OWN.fft.dct, (IMAGE,), 4, "fft.dct"),
    Row(
        "gaussian_filter", lambda x: scipy.ndimage.gaussian_filter(x, 2.0),
        lambda x: OWN.ndimage.gaussian_filter(x, 2.0), (IMAGE,), 4,
    ),
    Row(
        "correlate", lambda x: scipy.ndimage.correlate(x, WEIGHTS),
        lambda x: OWN.ndimage.correlate(x, WEIGHTS), (IMAGE,), 4,
    ),
    Row(
        "correlate, by weights", lambda w: scipy.ndimage.correlate(IMAGE, w),
        lambda w: OWN.ndimage.correlate(IMAGE, w), (WEIGHTS,), 4,
    ),
    *[
        Row(
            f"map_coordinates {order}, by {what}",
            lambda *xs, f=given, n=order: scipy.ndimage.map_coordinates(*f(*xs), order=n),
            lambda *xs, f=given, n=order: OWN.ndimage.map_coordinates(*f(*xs), order=n),
            arrays, 5, "ndimage.map_coordinates" if order == 1 and what == "both" else "",
            (("order", order),),
        )
        for order in (1, 3)
        for what, given, arrays in (
            ("image", lambda x: (x, PLACES), (SMALL,)),
            ("places", lambda c: (SMALL, c), (PLACES,)),
            ("both", lambda x, c: (x, c), (SMALL, PLACES)),
        )
    ],
]  # fmt: skip


def gradient(row: Row) -> Callable[[], list[np.ndarray]]:
    """A function that computes our value and gradients, once."""
    variables = [pg.Variable(x, requires_grad=True) for x in row.arrays]
    seed = np.ones(row.theirs(*row.arrays).shape)

    def run() -> list[np.ndarray]:
        for v in variables:
            v.grad = None
        row.ours(*variables).backward(seed)
        return [v.grad.data for v in variables]

    return run


def by_jax(row: Row) -> Callable[[], Any] | None:
    """The same by JAX, compiled; None if JAX is missing or has no such function."""
    if not row.jax:
        return None
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    module, _, name = row.jax.partition(".")
    function = getattr(importlib.import_module(f"jax.scipy.{module}"), name)
    options, arrays = dict(row.options), [jax.numpy.asarray(x) for x in row.arrays]

    def both(*xs: Any) -> Any:
        y, pull = jax.vjp(lambda *xs: function(*xs, **options), *xs)
        return pull(jax.numpy.ones_like(y))

    compiled = jax.jit(both)
    return lambda: [g.block_until_ready() for g in compiled(*arrays)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="rounds (default: %(default)s)")
    parser.add_argument("names", nargs="*", help="rows whose name contains one of these")
    chosen, failed = parser.parse_args(), []
    print(f"{'':32}{'SciPy forward':>15}{'ours, both ways':>20}{'limit':>8}{'JAX, both':>12}")
    for row in ROWS:
        if chosen.names and not any(name in row.name for name in chosen.names):
            continue
        jax = by_jax(row)
        steps = [lambda row=row: row.theirs(*row.arrays), gradient(row), *([jax] if jax else [])]
        for step in steps:
            step()
        theirs, ours, *more = libraries.best(steps, chosen.rounds)
        ratio = ours / theirs
        beside = f"{more[0] * 1e3:>9.2f} ms" if more else ""
        print(
            f"{row.name:32}{theirs * 1e3:>12.2f} ms{ours * 1e3:>11.2f} ms {ratio:>5.2f}{row.limit:>8}{beside}"
        )
        if ratio > row.limit:
            failed.append(row.name)
    if failed:
        sys.exit(f"over the limit: {', '.join(failed)}")


if __name__ == "__main__":
    main()
