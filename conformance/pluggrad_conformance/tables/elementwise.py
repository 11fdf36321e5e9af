"""Elementwise functions."""

from __future__ import annotations

from typing import Any

import mpmath

from ..operations import Array, add, case

m = Array((2, 3))


def unary(name: str, low: float = -2.0, high: float = 2.0, **facts: Any) -> None:
    add(
        name, "elementwise",
        case("typical", Array((2, 3), low, high)),
        case("0-d", Array((), low, high), axis="shape"),
        case("empty", Array((0, 3), low, high), axis="shape"),
        analytic=True, **facts,
    )  # fmt: skip


unary("sin", exact=mpmath.sin)
unary("exp", exact=mpmath.exp)
