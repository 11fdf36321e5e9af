"""Whole programs (`programs`), as users write them: many operations, loops, several inputs."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import programs
from ..operations import Array, Case, add
from .rows import about, nan, numbers, partials, shaped, usual


def program(function: Callable[..., Any], *cases: Case, **facts: Any) -> None:
    """The row of one of `programs`."""
    def call(xp: Any, *args: Any) -> Any:
        return function(xp, *args)

    add(f"program.{function.__name__}", "program", *cases, domains=("real",), call=call, **facts)


# Handwritten digits, 0 to 5, of 8 × 8 pixels from 0 to g, which is 16 (of the UCI repository, as scikit-learn has them).
DIGITS = (
    "005d910000dfaf5003f20b8004c008800580098004b01c7002e5ac00006da000",
    "000cd500000bg900003fg60007fgg200001gg300001gg600001gg600000bga00",
    "0004fc00003gfe00008d8g000016fb00018df10009gg500003dggb500003bg90",
    "007fd10008d6f400021dd000002fb1000001cc1000001a8000845e90007dd900",
    "0001b00000078000001d6220007f098005ga0g6004fgdg100003fa000002g400",
    "00ca000000egge0000dgfa1000bgg70000047g7000004g900054cg40009gga00",
)
images = Array(values=tuple(tuple(int(pixel, 17) / 16 for pixel in digit) for digit in DIGITS), constant=True)
labels = Array(values=tuple(tuple(float(k == n) for k in range(10)) for n in range(6)), constant=True)

program(programs.mlp, usual(images, Array((64, 8), -0.3, 0.3), Array((8,)), Array((8, 10), -0.5, 0.5), Array((10,)), labels))
program(programs.rnn, usual(Array((9, 3)), Array((4, 4), -0.5, 0.5), Array((4, 3)), Array((4,)), Array(values=7, dtype="int64")),
        shaped("no step", Array((9, 3)), Array((4, 4)), Array((4, 3)), Array((4,)), Array(values=0, dtype="int64")), compiled=False)
program(programs.kalman, usual(Array((3, 3), -0.5, 0.5), Array((2, 3)), Array((3, 3), structure="spd"), Array((2, 2), structure="spd"), Array((5, 2))))
program(programs.nbody, usual(Array((4, 3)), Array((4, 3), -0.5, 0.5), Array((4,), 0.5, 1.5)))
program(programs.gaussian_process, usual(Array((6,)), Array((6,)), Array((), 0.5, 1.5), Array((), 0.1, 0.3)))
program(programs.attention, usual(Array((5, 6)), Array((6, 4)), Array((6, 4)), Array((6, 6))))
program(programs.masked_log, usual(Array((2, 3), 0.2, 2)), about("negative", numbers(-1.0, 2.0)),
        about("zeros", numbers(0.0, 2.0), convention="where-nan", orders=1, expected=partials(lambda x: np.where(x == 0, nan, 1 / x))))
