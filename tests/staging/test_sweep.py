"""Compiled functions against eager ones, to the last bit: a sample of `tests/compile_sweep.py`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.compile_sweep import is_bad, sweep
from tests.support.compile_judge import Row
from tests.support.compile_rows import fuzz_rows, rule_rows, special_rows, transform_rows
from tests.support.optional import needs


def sample(rows: Iterator[Row], step: int) -> list[Row]:
    """Each row whose number is a multiple of `step`, a prime, so that every kind is among them."""
    return list(itertools.islice(rows, 0, None, step))


def judged(rows: list[Row]) -> None:
    """All are the same, or broken for a reason that is known."""
    verdicts = list(sweep(rows))
    assert [(name, v) for name, v in verdicts if is_bad(v)] == []
    assert sum([v.kind == "same" for _, v in verdicts]) > 0.9 * len(rows)


@pytest.mark.parametrize("mode", ["value", "gradient", "jvp", "hvp"])
def test_rules(mode: str) -> None:
    judged(sample(rule_rows((mode,)), 5))


def test_special_functions() -> None:
    needs("scipy")
    judged(sample(special_rows(), 5))


def test_transforms() -> None:
    judged(sample(transform_rows(), 3))


def test_random_programs() -> None:
    needs("torch")  # in which the generator states its functions
    judged(list(fuzz_rows(25)))
