"""The backends that tests run on: all of ours, and those whose library is installed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.optional import installed, needs

#: The eager backends; Dask's is lazy, and has tests of its own.
ALL = ("numpy", "torch", "jax", "strict")
#: Those of them that are installed.
INSTALLED = installed(*ALL)
#: The same but for NumPy, which the others are compared with.
OTHERS = [name for name in INSTALLED if name != "numpy"]

#: A test of each backend that is installed, as its argument ``backend``.
every_backend = pytest.mark.parametrize("backend", INSTALLED)


def backend_fixture(*names: str) -> Any:
    """A fixture ``backend``: each of these in turn, and those that are missing skip the test."""

    @pytest.fixture(params=names)
    def backend(request: pytest.FixtureRequest) -> str:
        needs(request.param)
        return str(request.param)

    return backend
