"""Find what is wrong with a gradient: anomalies, hooks, strong zeros, changed arrays, gradcheck.

A log-likelihood has a nan in its gradient. `detect_anomaly` names the operation and the line that
called it, and `strong_zeros` shows that the branch not taken is to blame. Hooks inspect what flows
through the graph, and store its saved arrays in half the memory. `debug` finds an operand that was
changed after the graph saved it. `gradcheck` finds a mistake in a derivative that you wrote.

    python examples/debugging.py
    python examples/debugging.py --backend torch
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import pluggrad as pg


def log_likelihood(x: Any) -> Any:
    """Σ (log(x) - x) over gaps `x`, where the logarithm of a gap of 0 does not count."""
    return pg.sum(pg.where(x > 0, pg.log(x), 0.0) - x)


def find_the_nan(x: Any) -> dict[str, Any]:
    """The gradient, what `detect_anomaly` says about it, and the gradient with strong zeros."""
    with np.errstate(all="ignore"):
        plain = pg.grad(log_likelihood)(x)
        with pg.autograd.detect_anomaly():
            v = pg.Variable(x, requires_grad=True)
            y = log_likelihood(v)
            try:
                y.backward()
                report = "nothing"
            except pg.AnomalyError as error:
                report = str(error)
        with pg.strong_zeros():
            strong = pg.grad(log_likelihood)(x)
    return {"plain": plain, "report": report, "strong": strong}


def look_inside(x: Any) -> dict[str, Any]:
    """What hooks on a Variable, on a node and on a leaf see; saved arrays are kept in single
    precision."""
    seen: dict[str, Any] = {}
    xp = pg.namespace(x)

    def pack(v: Any) -> Any:
        seen["bytes"] = seen.get("bytes", 0) + v.size * 8
        return xp.astype(v, xp.float32).data

    with pg.autograd.saved_tensors_hooks(pack, lambda a: xp.astype(a, xp.float64)):
        v = pg.Variable(x, requires_grad=True)
        h = pg.exp(-v)
        y = pg.sum(h * h)
    h.register_hook(lambda g: seen.update(at_h=g.tolist()))
    h.grad_fn.register_hook(lambda sent, arrived: seen.update(sent=sent[0].tolist()))
    v.register_post_accumulate_grad_hook(lambda leaf: seen.update(leaf=leaf.grad.tolist()))
    y.backward()
    return seen


def find_the_change(backend: str) -> str:
    """The error when an operand is changed between forward and backward."""
    xp = pg.namespace(backend)
    x = pg.Variable(xp.ones(3, dtype=xp.float64).data, requires_grad=True)
    w = xp.asarray([1.0, 2.0, 3.0], dtype=xp.float64).data
    with pg.debug(mutations=True):
        y = pg.sum(x * w)
    try:
        w[0] = 100.0
    except TypeError:
        return "arrays of this library cannot be changed"
    try:
        y.backward()
    except pg.MutationError as error:
        return str(error)
    return "not found"


class Swish(pg.autograd.Function):
    """x / (1 + exp(-x)), with a derivative that forgets a term."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """x / (1 + exp(-x))."""
        ctx.save_for_backward(x)
        return x / (1 + pg.exp(-x))

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """g / (1 + exp(-x)), which lacks the term g x exp(-x) / (1 + exp(-x))²."""
        (x,) = ctx.saved_tensors
        return g / (1 + pg.exp(-x))


def find_the_mistake(x: Any) -> str:
    """What `gradcheck` says about `Swish`."""
    try:
        pg.autograd.gradcheck(Swish.apply, pg.Variable(x, requires_grad=True))
    except RuntimeError as error:
        return str(error)
    return "nothing"


def run(backend: str = "numpy") -> dict[str, Any]:
    """Everything above, on one backend."""
    xp = pg.namespace(backend)
    gaps = xp.asarray([0.0, 0.5, 2.0], dtype=xp.float64).data
    points = xp.asarray([-1.0, 0.5], dtype=xp.float64).data
    return {
        **find_the_nan(gaps),
        "hooks": look_inside(points),
        "change": find_the_change(backend),
        "mistake": find_the_mistake(points),
    }


def main() -> None:
    """Print what each tool finds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", default="numpy", help="default: %(default)s")
    found = run(parser.parse_args().backend)
    print("the gradient:           ", found["plain"])
    print("detect_anomaly says:     " + found["report"].replace("\n", "\n    "))
    print("with strong zeros:      ", found["strong"])
    for name, value in found["hooks"].items():
        print(f"hooks saw {name:>14}:", value)
    print("debug says:             ", found["change"])
    print("gradcheck says:         ", found["mistake"])


if __name__ == "__main__":
    main()
