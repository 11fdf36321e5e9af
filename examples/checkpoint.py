"""Train a deep chain of layers in less memory: `checkpoint` keeps only the input of each layer.

Each layer computes several arrays of the size of its input. Without `checkpoint`, the graph keeps
all of them for the backward walk. With it, the walk computes each layer a second time.

    python examples/checkpoint.py
    python examples/checkpoint.py --backend torch
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pluggrad as pg
from pluggrad.engine.backward import nodes_below


def layer(x: Any, w: Any) -> Any:
    """A layer of seven operations."""
    h = pg.tanh(x * w)
    return x + 0.1 * h * pg.exp(-h * h)


def step(block: Callable[..., Any], x: Any, weights: list[Any]) -> tuple[Any, int]:
    """The loss, after `backward`, and the number of bytes that its graph had saved."""
    for w in weights:
        x = block(x, w)
    loss = pg.mean(x * x)
    kept = saved_bytes(loss)
    loss.backward()
    return loss.detach(), kept


def saved_bytes(y: Any) -> int:
    """The number of bytes in all arrays that the graph of `y` has saved."""
    found: dict[int, int] = {}

    def look(x: Any) -> None:
        if isinstance(x, (tuple, list)):
            for item in x:
                look(item)
        elif hasattr(x, "inputs"):  # a checkpointed call
            look(x.inputs)
        elif hasattr(x, "content"):  # torch: a box of an array and its count of writes
            look(x.content)
        elif hasattr(x, "value"):
            look(x.value)
        elif hasattr(x, "dtype"):
            found[id(x)] = getattr(x, "nbytes", 0)

    for node in nodes_below([y.grad_fn]):
        for edge in node.edges():
            look(edge.saved)
    return sum(found.values())


def compare(backend: str = "numpy", blocks: int = 30, size: int = 200_000) -> dict[str, Any]:
    """Memory and time of one step with and without `checkpoint`; how far the gradients differ."""
    found: dict[str, Any] = {}
    with pg.use(backend):
        start = pg.linspace(-1.0, 1.0, size, dtype=pg.namespace(backend).float64)
        gradients: list[list[Any]] = []
        for name, block in (("without", layer), ("with", pg.checkpoint(layer))):
            weights = [
                pg.Variable((start * 0 + 1.0 + k / blocks).data, requires_grad=True)
                for k in range(blocks)
            ]
            tracemalloc.start()  # it sees memory of NumPy, not of other libraries
            _, kept = step(block, start, weights)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            gradients.append([w.grad for w in weights])
            began = time.perf_counter()
            step(block, start, weights)
            seconds = time.perf_counter() - began
            found[name] = {"memory": kept, "peak": peak, "seconds": seconds}
            gradients[-1] = [(w.grad - g).detach() for w, g in zip(weights, gradients[-1],
                                                                   strict=True)]  # fmt: skip
        found["difference"] = max(
            [float(pg.max(pg.abs(a - b))) for a, b in zip(*gradients, strict=True)]
        )
    return found


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="numpy", help="default: %(default)s")
    parser.add_argument("--blocks", type=int, default=30, help="layers; default: %(default)s")
    parser.add_argument("--size", type=int, default=200_000, help="numbers; default: %(default)s")
    args = parser.parse_args()
    found = compare(args.backend, args.blocks, args.size)
    print(f"{args.blocks} layers of {args.size} numbers, {args.backend}")
    for name in ("without", "with"):
        row = found[name]
        peak = f", peak {row['peak'] / 1e6:7.1f} MB" if args.backend == "numpy" else ""
        print(f"{name:8} checkpoint: kept for the backward {row['memory'] / 1e6:7.1f} MB{peak}, "
              f"{row['seconds'] * 1e3:6.0f} ms")  # fmt: skip
    print(f"largest difference of a gradient: {found['difference']}")


if __name__ == "__main__":
    main()
