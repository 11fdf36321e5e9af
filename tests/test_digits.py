"""The digits example: it learns, and every backend learns exactly the same."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.examples import load_example
from tests.support.optional import needs

needs("sklearn")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load_example("digits")


@pytest.fixture(scope="module")
def reference(example: Any) -> list[float]:
    needs("torch")
    curve: list[float] = example.loss_curve(example.REFERENCE, example.load())
    return curve


@pytest.mark.parametrize(
    ("backend", "library"),
    [("numpy", "numpy"), ("torch", "torch"), ("jax", "jax"), ("strict", "array_api_strict")],
)
def test_loss_curve_is_that_of_torch(
    example: Any, reference: list[float], backend: str, library: str
) -> None:
    needs(library)
    curve = example.loss_curve(backend, example.load())
    assert len(curve) == 100
    assert curve[-1] < 0.5 * curve[0]
    assert example.difference(curve, reference) <= 1e-9


def test_learns_to_read(example: Any) -> None:
    history = example.train("numpy", example.load(), epochs=15)
    assert history.accuracies[0] < history.accuracies[-1]
    assert history.accuracies[-1] >= 0.95


def test_runs_as_a_command(example: Any, tmp_path: Path, capsys: Any) -> None:
    needs("rich")
    needs("matplotlib")
    picture = tmp_path / "new" / "curve.png"
    arguments = ["--epochs", "15", "--no-compare", "--picture", str(picture)]
    assert example.main(arguments) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "test accuracy 9" in capsys.readouterr().out


def test_tells_about_an_unknown_backend(example: Any, capsys: Any) -> None:
    with pytest.raises(SystemExit) as stopped:
        example.main(["--backend", "abacus"])
    assert stopped.value.code == 2
    assert "abacus" in capsys.readouterr().err
