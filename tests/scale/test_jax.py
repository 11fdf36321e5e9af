"""JAX arrays over eight devices, which one process simulates: see jax_checks.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.optional import is_older, needs, skip_without
from tests.support.processes import run_program
from tests.support.slow import slow_if

pytestmark = skip_without("jax")
PROGRAM = Path(__file__).parent / "jax_checks.py"


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


#: What others show, too: each of these is compiled for seconds.
SLOW = [
    "sharding of strides", "sharding of row", "sharding of pairs of integers",
    "sharding of take columns", "sharding of pad with a number", "mlp, data", "mlp, tensor",
    "transformer block, data", "transformer block, tensor",
]  # fmt: skip


@pytest.fixture(scope="module")
def found(request: pytest.FixtureRequest) -> dict[str, str]:
    """What each check raised, of those that are to run."""
    if not hasattr(needs("jax.sharding"), "AxisType"):
        pytest.skip("this JAX has no explicit meshes")
    items = [item for item in request.session.items if item.path == request.path]
    names = [item.callspec.params["name"] for item in items if hasattr(item, "callspec")]
    flags = "--xla_force_host_platform_device_count=8"
    return run_program(PROGRAM, *names, XLA_FLAGS=flags, JAX_PLATFORMS="cpu", JAX_ENABLE_X64="0")


@pytest.mark.parametrize("name", [slow_if(name in SLOW, name) for name in NAMES])
def test_over_eight_devices(found: dict[str, str], name: str) -> None:
    if name == "sharding of strides" and is_older("jax", "0.10"):
        pytest.skip("the gradient that this JAX gives is whole on each device; ours is cut")
    assert found[name] == "", found[name]


def test_every_check_is_named(found: dict[str, str]) -> None:
    assert list(found) == NAMES
    assert set(SLOW) < set(NAMES)
