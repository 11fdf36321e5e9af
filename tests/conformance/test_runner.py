"""Runs: every cell once, whatever happens to workers, and nothing lost at a kill."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.optional import needs

needs("rich", "mpmath")

from pluggrad_conformance import runner
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.pool import PoolError
from pluggrad_conformance.progress import Progress
from pluggrad_conformance.results import Result, RunError, read_results, read_run
from pluggrad_conformance.selection import Selection, group_cells, in_gate, shard_of

STAND_IN = f"{Path(__file__).parent / 'stand_in.py'}:judge"
TWO = Selection(("numpy",), operations=("sin", "exp"), dtypes=("float64",))
ONE = Selection(("numpy",), operations=("sin",), dtypes=("float64",))


@pytest.fixture
def tell(monkeypatch):
    """Tell the stand-in what to do: globs of keys to outcomes."""

    def tell(**outcomes):
        monkeypatch.setenv("STAND_IN", json.dumps(outcomes))

    monkeypatch.delenv("STAND_IN", raising=False)
    return lambda outcomes: tell(**outcomes)


def go(out, selection=TWO, **options):
    options = {"progress": False, "judge": STAND_IN, "timeout": 30.0, "shrink": 0} | options
    return runner.run(selection, out, **options)


def outcomes(out):
    return {result.cell.key: result.outcome for result in read_results(out)}


def test_every_cell_once_and_in_the_order_of_keys(tmp_path, tell):
    tell({"sin|numpy|float64|order=2": "wrong"})
    out = go(tmp_path / "run", jobs=2)
    keys = [result.cell.key for result in read_results(out)]
    assert keys == sorted(cell.key for cell in TWO.cells())
    assert outcomes(out)["sin|numpy|float64|order=2"] == "wrong"
    assert Counter(outcomes(out).values())["wrong"] == 1
    facts = read_run(out)
    assert facts["finished"] and facts["cells"] == len(keys) and facts["resumed"] == 0
    assert facts["selection"]["operations"] == ["sin", "exp"]
    assert facts["versions"]["numpy"] and facts["hardware"]["cores"] >= 1 and facts["start"]
    first = next(read_results(out))
    assert first.error == 1.5 and first.oracles[0].name == "torch" and first.properties[0].held
    assert not list(out.glob(".lock")) and not list(out.glob("*.new"))


def test_backends_of_an_operation_share_a_worker(tmp_path, monkeypatch):
    needs("array_api_strict")
    log = tmp_path / "log"
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    both = Selection(("numpy", "strict"), operations=("sin", "exp"), dtypes=("float64",))
    go(tmp_path / "run", both, jobs=2)
    seen: dict[str, set[str]] = {}
    problems: dict[str, list[str]] = {}
    for line in log.read_text().splitlines():
        pid, key = line.split(" ")
        seen.setdefault(Cell.parse(key).operation, set()).add(pid)
        problems.setdefault(Cell.parse(key).operation, []).append(Cell.parse(key).problem_key)
    assert all(len(pids) == 1 for pids in seen.values()) and len(seen) == 2
    for found in problems.values():  # the same inputs stand together
        assert sum(a != b for a, b in pairwise(found)) == len(set(found)) - 1


def test_a_hang_costs_one_cell(tmp_path, tell):
    tell({"sin|numpy|float64|order=2": "hang"})
    out = go(tmp_path / "run", ONE, timeout=4.0)
    found = outcomes(out)
    assert found.pop("sin|numpy|float64|order=2") == "timeout"
    assert found and set(found.values()) == {"pass"}
    assert len(found) == len(ONE.cells()) - 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(("how", "says"), [("crash", "SIGSEGV"), ("leave", "exit code 7")])
def test_a_crash_costs_one_cell(tmp_path, tell, how, says):
    tell({"sin|numpy|float64|order=0": how, "sin|numpy|float64|mode=vmap": how})
    out = go(tmp_path / "run", ONE)
    found = {result.cell.key: result for result in read_results(out)}
    for key in ("sin|numpy|float64|order=0", "sin|numpy|float64|mode=vmap"):
        lost = found.pop(key)
        assert lost.outcome == "error" and says in lost.detail
    assert len(found) == len(ONE.cells()) - 2
    assert {result.outcome for result in found.values()} == {"pass"}


def test_a_broken_judge_is_an_error_of_the_suite(tmp_path, tell):
    tell({"sin|numpy|float64|order=0": "raise"})
    (lost,) = [r for r in read_results(go(tmp_path / "run", ONE)) if r.outcome == "error"]
    assert "the suite itself failed" in lost.detail and "KeyError" in lost.detail


def test_workers_that_cannot_start(tmp_path):
    with pytest.raises(PoolError, match="no_such_module"):
        go(tmp_path / "run", ONE, judge="no_such_module:judge")


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_nothing_is_lost_at_a_kill(tmp_path, tell, monkeypatch):
    """A run is killed twice, its last line is torn, and it goes on: each cell is there once, and
    none that was done is judged again."""
    tell({"*": "slow"})
    out, log = tmp_path / "run", tmp_path / "log"
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    code = (
        "from pluggrad_conformance.runner import run\n"
        "from pluggrad_conformance.selection import Selection\n"
        f"run(Selection(('numpy',), ('sin', 'exp'), ('float64',)), {str(out)!r}, jobs=2,\n"
        f"    judge={STAND_IN!r}, shrink=0)\n"
    )
    lines = out / "results.jsonl"
    for least in (2, 5):
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        limit = time.monotonic() + 60
        while time.monotonic() < limit and process.poll() is None:
            if lines.exists() and lines.read_bytes().count(b"\n") >= least:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        before = {line["key"]: line for line in map(json.loads, complete(lines))}
        assert least <= len(before) < len(TWO.cells())
        with open(lines, "ab") as torn:
            torn.write(b'{"key": "sin|numpy|float6')
    wait_until_gone(log)
    go(out, jobs=2)
    keys = [json.loads(line)["key"] for line in lines.read_text().splitlines()]
    assert keys == sorted(cell.key for cell in TWO.cells())
    after = {line["key"]: line for line in map(json.loads, complete(lines))}
    assert all(after[key] == line for key, line in before.items())
    judged = Counter(line.split(" ")[1] for line in log.read_text().splitlines())
    # What was in flight at a kill is judged again, and nothing else.
    assert sum(judged.values()) <= len(keys) + 2 * 2 * 2
    facts = read_run(out)
    assert facts["resumed"] == 2 and facts["finished"]


def complete(lines: Path) -> list[str]:
    return [line for line in lines.read_text().splitlines(keepends=True) if line.endswith("\n")]


def wait_until_gone(log: Path) -> None:
    """The workers of a killed run end with it."""
    pids = {int(line.split(" ")[0]) for line in log.read_text().splitlines()}
    limit = time.monotonic() + 10
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < limit, "workers outlive their run"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_run_goes_on_only_if_it_is_the_same(tmp_path):
    out = go(tmp_path / "run", ONE)
    mark = (out / "results.jsonl").stat().st_mtime_ns
    go(out, ONE)  # nothing to do
    assert read_run(out)["resumed"] == 1
    assert (out / "results.jsonl").stat().st_mtime_ns >= mark
    with pytest.raises(RunError, match="other selection"):
        go(out, TWO)
    facts = read_run(out)
    (out / "run.json").write_text(json.dumps(facts | {"cases": "other"}))
    with pytest.raises(RunError, match="other cases"):
        go(out, ONE)
    go(out, TWO, resume=False)
    assert len(outcomes(out)) == len(TWO.cells())
    assert read_run(out)["resumed"] == 0


def test_one_writer_at_a_time(tmp_path):
    needs("fcntl")
    (tmp_path / "run").mkdir()
    with runner._only_writer(tmp_path / "run"), pytest.raises(RunError, match="another"):
        go(tmp_path / "run", ONE)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match="no operation is called like"):
        Selection(("numpy",), operations=("sinn",)).cells()
    with pytest.raises(ValueError, match="no level"):
        Selection(("numpy",), level="all")
    with pytest.raises(ValueError, match="counted from 1"):
        Selection(("numpy",), shard=(0, 2))
    with pytest.raises(ValueError, match="no cell is selected"):
        go(tmp_path / "run", Selection(("numpy",), cells_like=("nothing|*",)))
    with pytest.raises(ValueError, match="positive"):
        go(tmp_path / "run", ONE, jobs=0)
    with pytest.raises(RunError, match="is no run"):
        read_run(tmp_path)
    with pytest.raises(RunError, match="is no run"):
        list(read_results(tmp_path))


def test_shards_are_a_partition_and_balanced():
    cells = [
        Cell(f"op{i}", "numpy", "float64", case=str(k)) for i in range(40) for k in range(i % 7 + 1)
    ]
    parts = [shard_of(cells, i, 4) for i in (1, 2, 3, 4)]
    assert sorted(c.key for part in parts for c in part) == sorted(c.key for c in cells)
    where: dict[str, set[int]] = {}
    for i, part in enumerate(parts):
        for cell in part:
            where.setdefault(cell.operation, set()).add(i)
    assert all(len(places) == 1 for places in where.values())
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 7
    assert shard_of(cells[::-1], 2, 4) == parts[1][::-1]  # the order does not matter


def test_dtypes_that_a_backend_lacks_are_no_cells():
    dtypes = {cell.dtype for cell in Selection(("numpy",), operations=("sin",)).cells()}
    assert "float16" in dtypes and "bfloat16" not in dtypes
    keys = [c.key for c in Selection(("numpy",), ("sin",), cells_like=("*|order=2",)).cells()]
    assert keys and all(key.endswith("order=2") for key in keys)


def test_the_gate_is_a_part_of_everything():
    full = {c.key for c in Selection(("numpy",)).cells()}
    gate = {c.key for c in Selection(("numpy",), level="gate").cells()}
    assert gate < full
    found, wanted = [{key.split("|")[0] for key in keys} for keys in (gate, full)]
    sampled = {name for name in wanted if name.startswith("scipy.")}
    assert found - sampled == wanted - sampled
    assert 0 < len(found & sampled) < len(sampled) / 4
    assert not in_gate(Cell("sin", "jax", "complex128")) and in_gate(Cell("sin", "jax", "float64"))
    assert in_gate(Cell("sin", "numpy", "float32", case="zeros"))


def test_large_groups_come_first():
    few = [cell for cell in TWO.cells() if cell.operation == "sin" or cell.order == 2]
    assert [cells[0].operation for cells in group_cells(few)] == ["sin", "exp"]
    assert sum(map(len, group_cells(few))) == len(few)


def test_progress_says_how_long_it_takes():
    shown = io.StringIO()
    progress = Progress(10, Counter({"pass": 4}), stream=shown, every=0.0)
    assert progress.line() == "4/10 cells (40 %), starting: pass 4"
    progress.add("wrong")
    progress.add("pass")
    progress.begin -= 20.0  # two cells took 20 s
    assert progress.line() == "6/10 cells (60 %), 40 s left: pass 5, wrong 1"
    progress.tick()
    progress.close()
    assert shown.getvalue().splitlines()[0].startswith("6/10 cells (60 %)")
    assert shown.getvalue().count("\n") == 2 and "\033" not in shown.getvalue()


def test_progress_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    progress = Progress(2, Counter(), stream=shown)
    progress.add("wrong")
    progress.tick()
    progress.close()
    assert "1/2" in shown.getvalue() and "wrong 1" in shown.getvalue()


def test_half_a_line_is_taken_out(tmp_path):
    good = Result(Cell("sin", "numpy", "float64"), "pass")
    path = tmp_path / "results.jsonl"
    path.write_text(good.to_line() + "\n" + good.to_line() + "\n\x00\n" + good.to_line()[:40])
    assert list(runner.repair(path)) == ["sin|numpy|float64"]
    assert path.read_text() == good.to_line() + "\n"


#: Ends of lines to str.splitlines that are none in a file of JSON, and text that UTF-8 cannot hold.
STRANGE = (
    "one\u2028two\u2029three\x85four\x0b\x0c\x1c\x1d\x1e\r\nfive \ud800 \udcff \x00 \N{SNOWMAN}"
)


def test_a_line_separator_in_a_detail_loses_no_cell(tmp_path, tell, monkeypatch):
    tell({"sin|numpy|float64|order=0": "wrong", "sin|numpy|float64|order=2": "raise"})
    monkeypatch.setenv("STAND_IN_DETAIL", json.dumps(STRANGE))
    out = go(tmp_path / "run", ONE)
    keys = sorted(cell.key for cell in ONE.cells())
    found = {result.cell.key: result for result in read_results(out)}
    assert sorted(found) == keys
    detail = found["sin|numpy|float64|order=0"].detail
    assert detail == STRANGE.replace("\ud800", "\\ud800").replace("\udcff", "\\udcff")
    assert (out / "results.jsonl").read_bytes().isascii()
    go(out, ONE)  # nothing is judged again, and nothing is lost
    assert {result.cell.key: result for result in read_results(out)} == found
    for script in (out / "repro").iterdir():
        compile(script.read_text(encoding="utf-8"), script.name, "exec")


def test_files_that_hold_line_separators_are_read_whole(tmp_path):
    """Not ours: JSON may have them as they are."""
    whole = Result(Cell("sin", "numpy", "float64"), "wrong", "one\u2028two\x85three")
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(whole.as_dict(), ensure_ascii=False) + "\n", encoding="utf-8")
    assert list(read_results(tmp_path)) == [whole]
    assert list(runner.repair(path).values()) == [whole]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_cell_whose_worker_was_killed_is_tried_again(tmp_path, tell):
    """A crash of the library is an outcome of the cell, and stays."""
    killed, crashed = "sin|numpy|float64|order=0", "sin|numpy|float64|order=2"
    tell({killed: "kill", crashed: "crash"})
    out = go(tmp_path / "run", ONE)
    found = {result.cell.key: result for result in read_results(out)}
    assert found[killed].outcome == "error" and "SIGKILL" in found[killed].detail
    assert [key for key, result in found.items() if result.killed] == [killed]
    assert len(list((out / "repro").iterdir())) == 2
    tell({})
    go(out, ONE)
    again = {result.cell.key: result for result in read_results(out)}
    assert again[killed].outcome == "pass" and not again[killed].killed
    assert again[crashed] == found[crashed] and len(again) == len(ONE.cells())
    assert [path.stem for path in (out / "repro").iterdir()] == [found[crashed].cell.id]


def test_a_line_that_was_cut_costs_one_cell(tmp_path, monkeypatch):
    log = tmp_path / "log"
    out = go(tmp_path / "run", ONE)
    before = list(read_results(out))
    path = out / "results.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    monkeypatch.setenv("STAND_IN_LOG", str(log))
    go(out, ONE)
    assert list(read_results(out)) == before
    assert [line.split(" ")[1] for line in log.read_text().splitlines()] == [before[-1].cell.key]
