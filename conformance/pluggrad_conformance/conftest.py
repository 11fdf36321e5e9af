"""One test for each cell; the options are in `pytest_plugin`.

NumPy reads OMP_NUM_THREADS and its like when it is first imported. What imports NumPy is therefore
imported late here, in `selection` and in `test_gradients`: the environment is set before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from .gate import read_expectations
from .plugins import load_plugins
from .pool import worker_environment
from .selection import Selection, group_cells


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that groups the cells of an operation for pytest-xdist."""
    config.addinivalue_line("markers", "xdist_group(name): tests that share a process")


def pytest_generate_tests(metafunc: Any) -> None:
    """A test for each cell. With ``-n 4 --dist loadgroup`` those of an operation share a process,
    and the oracles answer once."""
    name = next((n for n in ("cell", "smooth_cell") if n in metafunc.fixturenames), None)
    if name is None:
        return
    ask = metafunc.config.getoption
    cells: list[Any] = []
    if ask("backend", []):
        for variable, value in worker_environment().items():
            os.environ.setdefault(variable, value)
        load_plugins(ask("plugin"))
        operations = tuple(ask("operations")) or ("*",)
        chosen = Selection(tuple(ask("backend")), operations, level=ask("level"))
        cells = [cell for found in group_cells(chosen.cells()) for cell in found]
    if name == "smooth_cell":
        from .random_inputs import is_smooth

        cells = [cell for cell in cells if is_smooth(cell)]
    mark = pytest.mark.xdist_group
    params = [pytest.param(c, id=c.key, marks=mark(c.operation)) for c in cells]
    metafunc.parametrize(name, params)


@pytest.fixture(scope="session")
def expected(request: pytest.FixtureRequest) -> Any:
    """The entries of the file of expectations, if there is one."""
    path = request.config.getoption("expectations", None)
    return [] if path is None else read_expectations(Path(path))
