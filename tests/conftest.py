"""Settings for all tests: float64 on JAX, arrays of any library in SciPy, deterministic hypothesis."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # SciPy reads it once, when first imported

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.support")  # so that its assertions show what they compared

#: Programs that need torch or Dask, and what they import.
collect_ignore = ["fuzz", "dask_sweep.py", "torch_sweep.py", "support/dask_arguments.py"]

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, a process that has nothing left takes half of what another still has to do.

    Tests that are beside each other stay in one process, which has compiled for JAX already.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)
