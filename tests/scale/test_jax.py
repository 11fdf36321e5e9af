"""JAX arrays over eight devices, which one process simulates: see jax_checks.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.optional import needs, skip_without
from tests.support.processes import run_program

pytestmark = skip_without("jax")
PROGRAM = Path(__file__).parent / "jax_checks.py"


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    if not hasattr(needs("jax.sharding"), "AxisType"):
        pytest.skip("this JAX has no explicit meshes")
    flags = "--xla_force_host_platform_device_count=8"
    return run_program(PROGRAM, XLA_FLAGS=flags, JAX_PLATFORMS="cpu", JAX_ENABLE_X64="0")


NAMES = [
    "sharding of slices", "sharding of strides", "sharding of backwards", "sharding of row",
    "sharding of element", "sharding of rows by integers", "sharding of pairs of integers",
    "sharding of several reads", "sharding of take", "sharding of take columns",
    "sharding of take_along_axis", "sharding of pad", "sharding of pad with a number",
    "sharding of sort", "sharding of concat", "sharding of matmul", "sharding of vmap",
    "sharding of vmap with indices", "sharding of vmap with an index", "sharding of flip",
    "sharding of unstack",
    "mlp, data", "mlp, tensor", "mlp, fully sharded",
    "transformer block, data", "transformer block, tensor", "transformer block, fully sharded",
    "shard_map and psum", "inside shard_map", "with_sharding_constraint", "wrap",
    "explicit mesh",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_over_eight_devices(found: dict[str, str], name: str) -> None:
    assert found[name] == "", found[name]


def test_every_check_is_named(found: dict[str, str]) -> None:
    assert list(found) == NAMES
