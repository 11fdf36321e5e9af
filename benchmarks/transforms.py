"""Hessians, Jacobians and their products with vectors, next to torch.func and HIPS autograd.

    python benchmarks/transforms.py
    python benchmarks/transforms.py --rounds 3

In float64, on one thread, the best of several rounds in which the libraries take turns. pluggrad
runs on the arrays of its peer: torch tensors next to torch.func, NumPy arrays next to HIPS
autograd. Both must give the same numbers.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import libraries  # first: it sets the number of threads
import numpy as np

import pluggrad as pg

Function = Callable[[Any], Any]
#: Targets: at most this many times the peer's time.
LIMITS = {"torch": 1.5, "autograd": 0.2}
#: Transforms without a target.
FREE = {"jvp"}

rng = np.random.default_rng(0)
X, V = rng.standard_normal(200), rng.standard_normal(200)
A, W = rng.standard_normal((200, 200)) / 15, rng.standard_normal((100, 200)) / 15


def rosenbrock(xp: Any, lift: Any) -> Function:
    """The Rosenbrock function."""
    return lambda x: xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def layer(xp: Any, lift: Any) -> Function:
    """A scalar function with one matrix product."""
    a = lift(A)
    return lambda x: xp.sum(xp.tanh(a @ x) ** 2) + xp.sum(xp.sin(x) * x)


def network(xp: Any, lift: Any) -> Function:
    """Two tanh layers, with 100 outputs."""
    a, w = lift(A), lift(W)
    return lambda x: xp.tanh(w @ xp.tanh(a @ x))


def chain(xp: Any, lift: Any) -> Function:
    """A sum after 25 elementwise layers."""

    def f(x: Any) -> Any:
        for _ in range(25):
            t = xp.tanh(x * 1.01 + 0.1)
            x = t * t
        return xp.sum(x)

    return f


ROWS: list[tuple[str, str, Callable[[Any, Any], Function]]] = [
    ("hessian, 200 variables, elementwise", "hessian", rosenbrock),
    ("hessian, 200 variables, one layer", "hessian", layer),
    ("jacrev, 100 outputs, two layers", "jacrev", network),
    ("jacfwd, 200 inputs, two layers", "jacfwd", network),
    ("hvp, 200 variables, elementwise", "hvp", rosenbrock),
    ("hvp, 200 variables, one layer", "hvp", layer),
    ("hvp, 200 variables, 25 layers", "hvp", chain),
    ("jvp, 200 variables, elementwise", "jvp", rosenbrock),
    ("jvp, 200 variables, 25 layers", "jvp", chain),
]


def ours(transform: str, make: Any, lift: Any) -> Callable[[], Any]:
    """A function that runs the transform once, by pluggrad."""
    f, x, v = make(pg, lift), lift(X), lift(V)
    if transform == "hvp":
        return lambda: pg.hvp(f, (x,), (v,))
    if transform == "jvp":
        return lambda: pg.jvp(f, (x,), (v,))[1]
    g = getattr(pg, transform)(f)
    return lambda: g(x)


def by_torch(torch: Any, transform: str, make: Any) -> Callable[[], Any]:
    """A function that runs the transform once, by torch.func."""
    f, x, v = make(torch, torch.from_numpy), torch.from_numpy(X), torch.from_numpy(V)
    if transform == "hvp":
        return lambda: torch.func.jvp(torch.func.grad(f), (x,), (v,))[1]
    if transform == "jvp":
        return lambda: torch.func.jvp(f, (x,), (v,))[1]
    g = getattr(torch.func, transform)(f)
    return lambda: g(x)


def by_autograd(autograd: Any, transform: str, make: Any) -> Callable[[], Any] | None:
    """A function that runs the transform once, by HIPS autograd; None if that lacks the
    transform."""
    f = make(importlib.import_module("autograd.numpy"), lambda a: a)
    if transform == "hvp":
        product = autograd.hessian_vector_product(f)
        return lambda: product(X, V)
    if transform == "jvp":
        return lambda: autograd.make_jvp(f)(X)(V)[1]
    if transform == "jacfwd":
        return None
    g = {"hessian": autograd.hessian, "jacrev": autograd.jacobian}[transform](f)
    return lambda: g(X)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds (default: %(default)s)")
    rounds = parser.parse_args().rounds
    print(f"{'':38}{'peer':<12}{'pluggrad':>10}{'peer':>10}{'ratio':>8}  at most")
    for title, transform, make in ROWS:
        for peer, limit in LIMITS.items():
            try:
                module = importlib.import_module(peer)
            except ImportError:
                continue
            if peer == "torch":
                module.set_num_threads(1)
                theirs: Any = by_torch(module, transform, make)
                mine = ours(transform, make, module.from_numpy)
            else:
                theirs = by_autograd(module, transform, make)
                mine = ours(transform, make, lambda a: a)
            if theirs is None:
                continue
            np.testing.assert_allclose(
                np.asarray(mine()), np.asarray(theirs()), rtol=1e-9, atol=1e-12
            )
            t, u = libraries.best([mine, theirs], rounds)
            verdict = "" if transform in FREE else str(limit) if t / u <= limit else f"{limit}  NO"
            times = f"{t * 1e3:>7.2f} ms{u * 1e3:>7.2f} ms{t / u:>8.2f}"
            print(f"{title:38}{peer:<12}{times}  {verdict}")


if __name__ == "__main__":
    main()
