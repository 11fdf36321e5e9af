"""Settings for all tests: float64 on JAX, arrays of any library in SciPy, deterministic hypothesis."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # SciPy reads it once, when first imported

import hypothesis
import pytest

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

pytest.register_assert_rewrite("tests.support")  # so that its assertions show what they compared

#: Programs that need torch or Dask, and what they import.
collect_ignore = ["fuzz", "dask_sweep.py", "torch_sweep.py", "support/dask_arguments.py"]

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="module", autouse=True)
def programs_of_jax() -> Iterator[None]:
    """JAX keeps everything that it has compiled: some GB, if nobody says that it is done with."""
    before = peak()
    yield
    if "jax" in sys.modules and peak() - before > 2**18:
        sys.modules["jax"].clear_caches()


def peak() -> int:
    """The most memory that this process has had, in KiB on Linux."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if resource is not None else 0


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, a process that has nothing left takes half of what another still has to do.

    Tests that are beside each other stay in one process, which has compiled for JAX already.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)
