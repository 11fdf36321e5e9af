"""What `pluggrad.compat.autograd` costs, next to HIPS autograd.

    python benchmarks/hips.py [--rounds 20]

Each row is a derivative of a small function, computed by both in interleaved rounds; the times are
the best ones. Targets: a primitive with `defvjp`, and `elementwise_grad`, at most 1.5 × HIPS
autograd's time. ``python tests/compat/hips_suite.py CHECKOUT --examples`` measures its examples
(target: a geometric mean of 0.6), and ``python tests/compat/clients.py`` lifelines and pymanopt.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import libraries  # first: it sets the number of threads
import numpy as np

X = np.linspace(0.1, 1.0, 10)
MATRIX = np.random.default_rng(0).normal(size=(10, 10))


def rows(package: str) -> dict[str, Callable[[], Any]]:
    """The derivatives, as functions without arguments, by what they are called."""
    ag = importlib.import_module(package)
    anp = importlib.import_module(f"{package}.numpy")
    extend = importlib.import_module(f"{package}.extend")
    norm = importlib.import_module(f"{package}.scipy.stats.norm")
    misc = importlib.import_module(f"{package}.misc")

    tanh = extend.primitive(lambda x: np.tanh(x))
    extend.defvjp(tanh, lambda ans, x: lambda g: g * (1 - ans**2))
    times = extend.primitive(lambda x, y: x * y)
    extend.defvjp(times, lambda ans, x, y: lambda g: g * y, lambda ans, x, y: lambda g: g * x)
    layers = [(MATRIX, X), (MATRIX.T, X)]
    flat, unflatten = misc.flatten(layers)

    def network(layers: Any) -> Any:
        h = MATRIX
        for w, b in layers:
            h = anp.tanh(anp.dot(h, w) + b)
        return anp.sum(h**2)

    derivatives = {
        "primitive, of a number": (ag.value_and_grad(tanh), 0.3),
        "primitive, of an array": (ag.value_and_grad(lambda x: anp.sum(tanh(x))), X),
        "primitive of two arguments": (ag.grad(lambda x: anp.sum(times(x, x))), X),
        "elementwise_grad of tanh": (ag.elementwise_grad(anp.tanh), X),
        "elementwise_grad of a formula": (ag.elementwise_grad(lambda x: anp.sin(x) * x**2), X),
        "grad of a sum": (ag.grad(lambda x: anp.sum(x * x)), X),
        "grad of three elements": (ag.grad(lambda x: x[0] * x[1] + x[2]), X),
        "grad of np.array([...])": (ag.grad(lambda x: anp.sum(anp.array([x[0], 2.0 * x[1]]))), X),
        "grad of a network": (ag.grad(network), layers),
        "grad of a network, flattened": (ag.grad(lambda x: network(unflatten(x))), flat),
        "grad of norm.logpdf": (ag.grad(lambda x: anp.sum(norm.logpdf(X, x[0], x[1]))), X),
        "jacobian": (ag.jacobian(lambda x: anp.tanh(anp.dot(MATRIX, x))), X),
        "hessian": (ag.hessian(lambda x: anp.sum(anp.tanh(anp.dot(MATRIX, x)))), X),
    }
    return {name: lambda f=f, x=x: f(x) for name, (f, x) in derivatives.items()}  # type: ignore[misc]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="rounds (default: %(default)s)")
    rounds = parser.parse_args().rounds
    real, mine = rows("autograd"), rows("pluggrad.compat.autograd")
    print(f"{'':32}{'HIPS autograd':>14}{'pluggrad':>12}{'ratio':>8}")
    for name, theirs in real.items():
        if isinstance(theirs(), np.ndarray):
            np.testing.assert_allclose(mine[name](), theirs())
        hips, ours = libraries.best([theirs, mine[name]], rounds)
        print(f"{name:32}{hips * 1e6:>11.1f} µs{ours * 1e6:>9.1f} µs{ours / hips:>8.2f}")


if __name__ == "__main__":
    main()
