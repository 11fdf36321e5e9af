"""Frozen answers are what the libraries said, belong to their inputs, and are refused if damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.optional import needs

needs("mpmath")

from oracle_rows import ROWS, inf, nan, need_both, problem_of

from pluggrad_conformance import freezing, oracles
from pluggrad_conformance.oracles import consult_oracles, frozen, silence
from pluggrad_conformance.problem import QUANTITIES


@pytest.fixture
def ice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of frozen answers of a few problems, asked instead of the libraries."""
    oracles.clear()
    monkeypatch.delenv("PLUGGRAD_ORACLES", raising=False)
    asked = [
        (problem_of(ROWS[name], dtype), quantity)
        for name, dtype in [("sin", "float32"), ("abs", "complex128"), ("split", "float64")]
        for quantity in QUANTITIES
    ]
    seen = []
    freezing.freeze(tmp_path, lambda done, total, key: seen.append((done, total)), iter(asked))
    assert seen == [(k, 12) for k in range(12)]
    monkeypatch.setattr(frozen, "DATA", tmp_path)
    monkeypatch.setenv("PLUGGRAD_ORACLES", "frozen")
    yield tmp_path
    oracles.clear()
    frozen.clear_cache()


@need_both
def test_frozen_answers_are_what_was_said(ice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, dtype in [("sin", "float32"), ("abs", "complex128"), ("split", "float64")]:
        problem = problem_of(ROWS[name], dtype)
        for quantity in QUANTITIES:
            monkeypatch.setenv("PLUGGRAD_ORACLES", "frozen")
            stored = consult_oracles(problem, quantity, ["torch", "jax"])
            assert [a.name for a in stored] == ["torch (frozen)", "jax (frozen)"]
            assert all(a.note.split()[0] in a.name for a in stored)
            monkeypatch.delenv("PLUGGRAD_ORACLES")
            live = consult_oracles(problem, quantity, ["torch"])[0]
            for a, b in zip(stored[0].arrays, live.arrays, strict=True):
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)
            for a, b in zip(stored[0].scale, live.scale, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6)


@need_both
def test_frozen_answers_belong_to_inputs(ice: Path) -> None:
    problem = problem_of(ROWS["sin"], "float32")
    assert consult_oracles(problem, "gradient", ["torch"])
    other = problem.with_inputs([problem.inputs[0] + 1])
    assert consult_oracles(other, "gradient", ["torch"]) == []
    assert "other inputs" in silence(other, "gradient", ["torch"])["torch"]
    # what rounds differently in the last bit on another machine is the same problem
    beside = problem_of(ROWS["split"], "float64")
    beside = beside.with_inputs([beside.inputs[0] * (1 + 2e-16)])
    assert consult_oracles(beside, "gradient", ["torch"])
    assert silence(problem_of(ROWS["sum"]), "gradient", ["jax"]) == {"jax": "no frozen answer"}


@need_both
def test_damaged_files_are_refused(ice: Path) -> None:
    path = ice / "elementwise.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    frozen.clear_cache()
    problem = problem_of(ROWS["sin"], "float32")
    assert "is damaged" in silence(problem, "gradient", ["torch"])["torch"]
    with pytest.raises(frozen.FrozenError, match="the manifest says"):
        freezing.verify_frozen(ice)


@need_both
def test_verify_tells_what_has_no_answer(ice: Path) -> None:
    found = freezing.verify_frozen(ice)
    assert found["answers"] == 12
    manifest = json.loads((ice / "manifest.json").read_text())
    assert {"torch", "jax", "mpmath", "numpy", "python"} <= set(manifest["versions"])
    assert sum(f["answers"] for f in manifest["families"].values()) == 12
    # these problems are of rows that the tables may have, too, but from other cases
    assert set(found) == {"answers", "changed", "gone", "missing", "bytes"}


def test_without_frozen_answers_the_reason_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracles.clear()
    monkeypatch.setattr(frozen, "DATA", tmp_path)
    monkeypatch.setenv("PLUGGRAD_ORACLES", "frozen")
    problem = problem_of(ROWS["sin"])
    reasons = silence(problem, "gradient", ["torch", "jax"])
    assert reasons == {"torch": "no answers are frozen", "jax": "no answers are frozen"}
    # the others go on
    assert [a.name for a in consult_oracles(problem, "gradient")][-1] == "finite differences"
    oracles.clear()


def test_the_digest_tells_problems_apart() -> None:
    problem = problem_of(ROWS["sin"])
    digests = {frozen.digest(problem)}
    for change in (lambda x: x[:1], lambda x: -x, lambda x: x * (1 + 1e-6), lambda x: x.T,
                   lambda x: np.where(x == x[0, 0], nan, x), lambda x: np.where(x == x[0, 0], inf, x),
                   lambda x: np.where(x == x[0, 0], -inf, x)):  # fmt: skip
        digests.add(frozen.digest(problem.with_inputs([change(problem.inputs[0])])))
    assert len(digests) == 8
