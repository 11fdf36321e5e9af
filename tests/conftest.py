"""Settings for all tests: float64 on JAX, arrays of any library in SciPy, deterministic hypothesis."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # SciPy reads it once, when first imported

import hypothesis

collect_ignore = ["fuzz"]  # a program, and what test_fuzz.py imports; it needs torch

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")
