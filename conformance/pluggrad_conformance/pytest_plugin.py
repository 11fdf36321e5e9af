"""Options of ``pytest --pyargs pluggrad_conformance --backend NAME``.

pytest reads the conftest of ``--pyargs`` too late to add options, so this module is an entry point.
It does nothing in any other run: other projects have options of these names.
"""

from __future__ import annotations

import os
import sys
from typing import Any

MARK = "PLUGGRAD_CONFORMANCE_PYTEST"  # also set in the worker processes of pytest-xdist


def pytest_addoption(parser: Any) -> None:
    """Add the options, if this run is about the suite."""
    if any("pluggrad_conformance" in word for word in sys.argv):
        os.environ[MARK] = str(os.getpid())
    if MARK not in os.environ:
        return
    group = parser.getgroup("pluggrad_conformance", "conformance of gradients")
    group.addoption("--backend", action="append", default=[], metavar="NAME",
                    help="judge the gradients of this backend; may be given again")  # fmt: skip
    group.addoption("--operations", action="append", default=[], metavar="GLOB",
                    help="such as 'linalg.*'; may be given again (default: all)")  # fmt: skip
    group.addoption("--level", choices=("full", "gate"), default="full",
                    help="gate: a fixed part that takes minutes (default: full)")  # fmt: skip
    group.addoption("--plugin", action="append", default=[], metavar="MODULE|FILE.py",
                    help="import this first: it registers a backend")  # fmt: skip
    group.addoption("--expectations", default=None, metavar="FILE",
                    help="TOML file of cells that are known to fail, and why")  # fmt: skip
