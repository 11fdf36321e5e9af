"""Whole programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import programs
from ..operations import Array, add, case

labels = tuple(tuple(float(i == (3 * k) % 10) for i in range(10)) for k in range(6))


def program(function: Callable[..., Any], *args: Any, **facts: Any) -> None:
    """A row for one of `programs`, real."""
    add(
        f"program.{function.__name__}", "program", case("typical", *args), domains=("real",),
        call=lambda xp, *given: function(xp, *given), **facts,
    )  # fmt: skip


images = Array((6, 64), 0, 1, constant=True)
program(programs.mlp, images, Array((64, 12), -0.3, 0.3), Array((12,)), Array((12, 10), -0.5, 0.5),
        Array((10,)), Array(values=labels, constant=True))  # fmt: skip
program(programs.rnn, Array((9, 3)), Array((4, 4), -0.5, 0.5), Array((4, 3)), Array((4,)), 7)
program(programs.kalman, Array((3, 3), -0.5, 0.5), Array((2, 3)), Array((3, 3), structure="spd"),
        Array((2, 2), structure="spd"), Array((5, 2)))  # fmt: skip
program(programs.nbody, Array((4, 3)), Array((4, 3), -0.5, 0.5), Array((4,), 0.5, 1.5))
program(
    programs.gaussian_process, Array((6,)), Array((6,)), Array((), 0.5, 1.5), Array((), 0.1, 0.3)
)
program(programs.attention, Array((5, 6)), Array((6, 4)), Array((6, 4)), Array((6, 6)))
