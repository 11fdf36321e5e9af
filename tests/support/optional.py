"""What may be missing: the array libraries but NumPy, and every other library that a test uses.

The tests run with NumPy alone, too. Whether a library is there is asked here and nowhere else, under
the name of its module or of its backend.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

#: Backends whose library has another name.
MODULES = {"strict": "array_api_strict"}
#: Where a library keeps its array functions, if not at its top.
ARRAY_MODULES = {"jax": "jax.numpy", "dask": "dask.array", **MODULES}


def is_installed(name: str) -> bool:
    """Whether a library is there; it is not imported."""
    return importlib.util.find_spec(MODULES.get(name, name)) is not None


def installed(*names: str) -> list[str]:
    """Those of the backends or libraries that are installed, in the order given."""
    return [name for name in names if is_installed(name)]


def folder_of(name: str) -> Path | None:
    """The folder of a package that may be missing."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found is not None and found.origin is not None else None


def needs(name: str, *others: str, minversion: str | None = None, reason: str | None = None) -> Any:
    """Skip the test, or the file, unless these are installed. Returns the module of the first."""
    __tracebackhide__ = True  # the skip is reported where it was asked for
    module = pytest.importorskip(MODULES.get(name, name), minversion=minversion, reason=reason)
    for other in others:
        pytest.importorskip(MODULES.get(other, other))
    return module


def is_older(name: str, than: str) -> bool:
    """Whether a library is installed in a version before `than`."""
    return is_installed(name) and Version(version(MODULES.get(name, name))) < Version(than)


def since(name: str, first: str) -> pytest.MarkDecorator:
    """A mark for tests of what a library itself has, or answers, only since its version `first`."""
    return pytest.mark.skipif(is_older(name, first), reason=f"needs {name} {first}")


def array_library(name: str) -> Any:
    """The module with the array functions of a backend's library, or skip."""
    __tracebackhide__ = True
    return needs(ARRAY_MODULES.get(name, name))


def skip_without(*names: str) -> pytest.MarkDecorator:
    """A mark for tests that need all of these."""
    missing = not all([is_installed(name) for name in names])
    return pytest.mark.skipif(missing, reason=f"needs {' and '.join(names)}")


def skipped_if_missing(names: Any) -> list[Any]:
    """Parameters of a test, one for each backend: all of them, and those that are missing skip."""
    return [pytest.param(name, marks=skip_without(name)) for name in names]
