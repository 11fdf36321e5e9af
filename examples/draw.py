"""Draw the graph of a small network, and of a recurrent one of a thousand steps.

Writes network.svg and recurrent.svg. A box is an operation with what it saves for the gradient;
repeated parts are folded into one box.

    python examples/draw.py
    python examples/draw.py --backend torch --folder /tmp
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pluggrad as pg


def parameters(xp: Any, **shapes: tuple[int, ...]) -> dict[str, Any]:
    """Leaves by name, filled with small numbers that differ."""
    found = {}
    for name, shape in shapes.items():
        values = xp.linspace(-0.5, 0.5, max(1, pg.ones(shape).size), dtype=xp.float64)
        found[name] = pg.Variable(xp.reshape(values, shape).data, requires_grad=True)
    return found


def network(xp: Any) -> tuple[Any, Any]:
    """The loss of a network with two layers, and its named arrays."""
    p = parameters(xp, w1=(4, 8), b1=(8,), w2=(8, 3), b2=(3,))
    x = xp.ones((5, 4), dtype=xp.float64)
    hidden = xp.tanh(x @ p["w1"] + p["b1"])
    y = xp.exp(hidden @ p["w2"] + p["b2"])
    y = y / xp.sum(y, axis=1, keepdims=True)
    return -xp.mean(xp.log(y[:, 0])), {**p, "hidden": hidden}


def recurrent(xp: Any, steps: int = 1000) -> tuple[Any, Any]:
    """The sum of the last state of a recurrent network, and its parameters."""
    p = parameters(xp, w=(3, 3), b=(3,))
    state = xp.zeros((2, 3), dtype=xp.float64)
    for _ in range(steps):
        state = xp.tanh(state @ p["w"] + p["b"])
    return xp.sum(state), p


def draw(backend: str = "numpy", folder: str = ".") -> list[Any]:
    """The two drawings, after they are written into `folder`."""
    xp = pg.namespace(backend)
    drawings = []
    for make in (network, recurrent):
        y, names = make(xp)
        path = Path(folder) / f"{make.__name__}.svg"
        drawings.append(pg.draw({"y": y}, path, names=names))
        print(f"{path}: {drawings[-1]!r}")
    return drawings


def main() -> None:
    """Write the drawings."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="numpy", help="default: %(default)s")
    parser.add_argument("--folder", default=".", help="where to write (default: here)")
    arguments = parser.parse_args()
    draw(arguments.backend, arguments.folder)


if __name__ == "__main__":
    main()
