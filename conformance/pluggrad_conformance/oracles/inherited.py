"""Formulas that libraries inherit from one source. There two of them are one oracle, not two.

*Wrong* takes two oracles, because two independent ways to the same number are rarely wrong alike.
Libraries that differentiate a function by the same formula are not independent: where the formula
loses its digits, each loses them in the same way.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

__all__ = ["INHERITED", "same_source"]

#: Operation, quantity (both are globs), the libraries, and what they share.
INHERITED: tuple[tuple[str, str, frozenset[str], str], ...] = (
    (
        "*erfcx", "*", frozenset({"torch", "jax"}),
        "d/dx erfcx = 2x erfcx(x) - 2/√π: for large x the difference of two equal numbers",
    ),
)  # fmt: skip


def same_source(operation: str, quantity: str, one: str, other: str) -> bool:
    """Whether two libraries have a quantity of an operation from the same formula.

    >>> same_source("special.erfcx", "second", "torch", "jax (frozen)")
    True
    >>> same_source("special.erfcx", "second", "torch", "mpmath")
    False
    """
    names = {name.removesuffix(" (frozen)") for name in (one, other)}
    return len(names) == 1 or any(
        names <= libraries and fnmatchcase(operation, operations) and fnmatchcase(quantity, asked)
        for operations, asked, libraries, _ in INHERITED
    )
