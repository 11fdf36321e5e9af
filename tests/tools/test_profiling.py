"""`profile` notes every operation, forwards and backwards, and its trace is one that viewers open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs


def loss(x: Any) -> Any:
    return pg.sum(pg.tanh(x @ x) * x)


def test_operations_of_both_phases_are_counted() -> None:
    x = pg.Variable(np.ones((20, 20)), requires_grad=True)
    with pg.profile() as found:
        loss(x).backward()
    rows = {(row.name, row.phase): row for row in found.rows()}
    assert {name: rows[name, "forward"].calls for name in ("matmul", "tanh", "multiply", "sum")} == {
        "matmul": 1, "tanh": 1, "multiply": 1, "sum": 1,
    }  # fmt: skip
    assert rows["matmul", "backward"].calls == 2  # one for each side
    assert rows["matmul", "forward"].bytes == 20 * 20 * 8
    assert all(event.seconds > 0 for event in found.events)
    assert "test_profiling.py" in found.events[0].line
    plain = pg.Variable(np.ones((20, 20)), requires_grad=True)
    loss(plain).backward()
    np.testing.assert_array_equal(x.grad.data, plain.grad.data)


def test_nothing_is_noted_outside_of_the_block() -> None:
    with pg.profile() as found:
        pg.sin(np.ones(3))
    pg.cos(np.ones(3))
    assert [event.name for event in found.events] == ["sin"]


def test_transforms_and_nested_levels() -> None:
    x = np.ones((5, 5))
    with pg.profile() as found:
        h = pg.hvp(loss, (x,), (x,))
        g = pg.vmap(pg.grad(lambda row: pg.sum(row**3)))(x)
    np.testing.assert_array_equal(h, pg.hvp(loss, (x,), (x,)))
    np.testing.assert_array_equal(g, 3 * x * x)
    assert {event.phase for event in found.events} == {"forward", "backward"}


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_other_libraries(name: str) -> None:
    needs(name)
    x = pg.namespace(name).asarray(np.ones((4, 4)))
    with pg.profile() as found:
        pg.grad(loss)(x.data)
    assert ("matmul", "backward") in {(row.name, row.phase) for row in found.rows()}


def test_the_table_and_the_trace(tmp_path: Path) -> None:
    with pg.profile() as found:
        pg.grad(loss)(np.ones((3, 3)))
    lines = str(found).splitlines()
    assert lines[0].split() == ["operation", "phase", "calls", "ms", "%", "MB"]
    assert len(lines) == 1 + len(found.rows())
    found.save(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert len(events) == len(found.events) and {event["ph"] for event in events} == {"X"}
    assert min(event["ts"] for event in events) == 0.0
