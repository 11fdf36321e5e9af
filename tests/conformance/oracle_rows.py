"""A small table of operations that the tests of the oracles ask about."""

from __future__ import annotations

import math
from typing import Any

from tests.support.optional import needs, skip_without

mpmath = needs("mpmath")

from pluggrad_conformance.operations import Array, Operation, case
from pluggrad_conformance.problem import Problem

inf, nan = math.inf, math.nan
need_torch, need_both = skip_without("torch"), skip_without("torch", "jax")
m = Array((2, 3))


def row(name: str, kind: str, *arrays: Any, **facts: Any) -> Operation:
    return Operation(name, kind, (case("typical", *arrays),), **facts)


def problem_of(operation: Operation, dtype: str = "float64", **facts: Any) -> Problem:
    return Problem(operation, operation.typical, dtype, **facts)


def split(xp: Any, x: Any) -> list[Any]:
    """Outputs of which one has no gradient."""
    return [xp.sum(x), xp.argmax(x), x * x]


def written(xp: Any, x: Any, v: Any) -> Any:
    if hasattr(x, "at"):
        return x.at[0].set(v) * x
    y = 1 * x
    y[0] = v
    return y * x


ROWS = {
    r.name: r
    for r in (
        row("sin", "elementwise", m, exact=mpmath.sin, analytic=True),
        row("abs", "elementwise", m, exact=abs),
        row("conj", "elementwise", m, exact=mpmath.conj),
        row("multiply", "elementwise", m, Array((3,)), exact=lambda a, b: a * b, analytic=True),
        row("pow", "elementwise", Array((2, 3), 0.5, 2.0), Array((2, 1)),
            exact=lambda a, b: a**b, analytic=True),
        row("where", "elementwise", Array((3,), dtype="bool"), m, m,
            exact=lambda c, a, b: a if c else b, analytic=True),
        row("sum", "reduction", m),
        row("matmul", "contraction", m, Array((3, 2)), analytic=True),
        row("concat", "movement", [m, Array((1, 3))], analytic=True),
        row("linalg.inv", "linalg", Array((3, 3), structure="regular")),
        row("fft.fft", "fft", Array((8,)), domains=("complex",)),
        row("fft.rfft", "fft", Array((8,)), domains=("real",)),
        row("written", "movement", m, Array((3,)), call=written),
        row("split", "program", m, call=split, domains=("real",)),
        row("std", "reduction", Array((5,), 90.0, 110.0), domains=("real",)),
    )
}  # fmt: skip
