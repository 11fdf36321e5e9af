"""DTensors over two processes, and data parallel training by hooks: see torch_checks.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.optional import needs, skip_without
from tests.support.processes import run_program

pytestmark = skip_without("torch")
PROGRAM = Path(__file__).parent / "torch_checks.py"

NAMES = [
    "elementwise", "shifted rows", "shifted columns", "strides", "row", "element", "new axes",
    "rows by integers", "pairs of integers", "several reads", "take", "take_along_axis", "concat",
    "mean", "sums", "max", "where", "matmul", "softmax", "reshape", "writes", "second order",
    "mlp, data", "mlp, tensor", "mlp, fully sharded", "all_reduce hooks beside DDP",
]  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    needs("torch", minversion="2.12")  # before, 19 of these programs fail in 2.8, and 3 in 2.10
    return run_program(PROGRAM, OMP_NUM_THREADS="1")


@pytest.mark.parametrize("name", NAMES)
def test_over_two_processes(found: dict[str, str], name: str) -> None:
    assert found[name] == "", found[name]


def test_every_check_is_named(found: dict[str, str]) -> None:
    assert list(found) == NAMES
