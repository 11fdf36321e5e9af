"""Libraries on CUDA, where there is a device; and CuPy's adapter, as far as it goes without one.

Without a device, NumPy stands in for the module cupy. That shows that the adapter calls functions
that exist with arguments that they take, and nothing about CuPy itself.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.gpu import LIBRARIES, check, main
from tests.support.optional import needs


@pytest.mark.cuda
@pytest.mark.parametrize("name", LIBRARIES)
def test_gradients_on_cuda(name: str) -> None:
    needs(name)
    try:
        put, get, _ = LIBRARIES[name]()
    except RuntimeError as reason:
        pytest.skip(str(reason))
    assert check(name, put, get) == []


def test_the_command_says_why_it_skips(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Any:
        raise RuntimeError("no CUDA device here")

    monkeypatch.setattr("tests.gpu.LIBRARIES", {"cupy": missing})
    assert main() == 0
    assert capsys.readouterr().out == "cupy   skipped: no CUDA device here\n"


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    linalg = needs("scipy.linalg")
    special = needs("scipy.special")

    class Error(Exception):
        pass

    def no_driver() -> int:
        raise Error

    runtime = types.SimpleNamespace(getDeviceCount=no_driver, CUDARuntimeError=Error)
    fakes = {
        "cupy": types.ModuleType("cupy"),
        "cupyx": types.ModuleType("cupyx"),
        "cupyx.scipy": types.ModuleType("cupyx.scipy"),
        "cupyx.scipy.linalg": linalg,
        "cupyx.scipy.special": special,
    }
    vars(fakes["cupy"]).update(vars(np), cuda=types.SimpleNamespace(runtime=runtime))
    vars(fakes["cupyx"]).update(scatter_add=np.add.at, scipy=fakes["cupyx.scipy"])
    vars(fakes["cupyx.scipy"]).update(linalg=linalg, special=special)
    for name, module in fakes.items():
        monkeypatch.setitem(sys.modules, name, module)
    from pluggrad_cupy import CupyAdapter

    yield CupyAdapter()


def test_the_adapter_adds_at_duplicated_indices(adapter: Any) -> None:
    key, g = np.asarray([0, 2, 0]), np.ones((3, 2))
    buffer = adapter.scatter_add(np.zeros((4, 2)), [(key, g), ((slice(1, 3), 0), np.ones(2))])
    np.testing.assert_array_equal(buffer, [[2, 2], [1, 0], [2, 1], [0, 0]])


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("lengths", [(), (3,), (0,)])
def test_the_adapter_solves_triangular_systems(adapter: Any, upper: bool, lengths: Any) -> None:
    from pluggrad_cupy import _solve_triangular

    a = np.random.default_rng(0).normal(size=(*lengths, 3, 3)) + 4 * np.eye(3)
    a = np.triu(a) if upper else np.tril(a)
    b = np.arange(6.0).reshape(3, 2)
    y = _solve_triangular(a, b, upper=upper)
    np.testing.assert_allclose(a @ y, np.broadcast_to(b, y.shape), atol=1e-12)


def test_the_adapter_finds_special_functions_and_no_devices(adapter: Any) -> None:
    assert adapter.special("erf")(0.0) == 0.0
    assert adapter.special("no_such_function") is None
    assert adapter.devices() == []
    x = np.arange(4.0)
    assert adapter.checksum(types.SimpleNamespace(get=lambda: x)) is not None
