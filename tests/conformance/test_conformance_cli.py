"""``pluggrad conformance``: what can be typed, and what comes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.optional import needs

needs("rich", "mpmath", "jinja2", "jsonschema")

from pluggrad.tools import cli
from pluggrad_conformance.results import OUTCOMES, RunError, read_run

STAND_IN = f"{Path(__file__).parent / 'stand_in.py'}:judge"


def pluggrad(*words):
    return cli.main(["conformance", *map(str, words)])


def run(out, *words, outcomes=None, monkeypatch=None):
    if outcomes is not None:
        monkeypatch.setenv("STAND_IN", json.dumps(outcomes))
    return pluggrad(
        "run", "--backends", "numpy", "--dtypes", "float64", "--out", out, "--jobs", 1,
        "--shrink", 0, "--quiet", "--no-report", "--judge", STAND_IN, *words,
    )  # fmt: skip


def test_help(capsys):
    assert pluggrad() == 0
    text = capsys.readouterr().out
    assert "examples:" in text and "--level gate" in text
    with pytest.raises(SystemExit):
        pluggrad("run", "--help")
    assert "--shard I/N" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "conformance" in capsys.readouterr().out


def test_what_is_missing_is_named(monkeypatch, capsys):
    monkeypatch.setattr(cli, "CONFORMANCE", ("mpmath", "no_such_library"))
    assert pluggrad("list") == 2
    said = capsys.readouterr().err
    assert "needs no_such_library" in said and "pip install 'pluggrad[conformance]'" in said


def test_list(capsys):
    assert pluggrad("list", "--backends", "numpy", "--operations", "sin", "exp") == 0
    keys = [line.split(" ")[1] for line in capsys.readouterr().out.splitlines()]
    assert "sin|numpy|float32" in keys and "exp|numpy|float64|order=2" in keys
    assert pluggrad("list", "outcomes") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in OUTCOMES)
    assert pluggrad("list", "operations", "--operations", "s*") == 0
    assert "elementwise" in capsys.readouterr().out
    assert pluggrad("list", "oracles") == 0
    assert "mpmath" in capsys.readouterr().out
    assert pluggrad("list", "backends") == 0
    names = capsys.readouterr().out.split()
    assert "numpy" in names and "array_api_strict" not in names


def test_mistakes(capsys, tmp_path):
    for words, says in [
        (["list", "--backends", "nunpy"], "unknown backend 'nunpy'"),
        (["list", "--backends", "numpy", "--operations", "sinn"], "no operation is called like"),
        (["gate", tmp_path], "is no run"),
        (["report", tmp_path, tmp_path], "--out"),
        (["list", "--plugin", "no_such_plugin.py"], "no plugin"),
        (["list", "--plugin", "no_such_plugin"], "No module"),
    ]:
        assert pluggrad(*words) == 2, words
        assert says in capsys.readouterr().err


def test_run_gate_and_shards(tmp_path, monkeypatch, capsys):
    told = {"sin|numpy|float64|order=2": "wrong"}
    words = ["--operations", "sin,exp"]
    assert run(tmp_path / "run", *words, outcomes=told, monkeypatch=monkeypatch) == 0
    text = capsys.readouterr().out
    assert "wrong" in text and "sin|numpy|float64|order=2" in text and "repro ID" in text
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["command"][:3] == ["pluggrad", "conformance", "run"]
    for i in (1, 2):
        assert run(tmp_path / f"part{i}", *words, "--shard", f"{i}/2") == 0
    parts = [(tmp_path / f"part{i}" / "results.jsonl").read_text().splitlines() for i in (1, 2)]
    whole = (tmp_path / "run" / "results.jsonl").read_text().splitlines()
    key = lambda line: json.loads(line)["key"]
    assert all(parts) and sorted(map(key, parts[0] + parts[1])) == sorted(map(key, whole))

    empty = tmp_path / "none.toml"
    empty.write_text("")
    capsys.readouterr()
    shards = [tmp_path / "part1", tmp_path / "part2"]
    for runs in ([tmp_path / "run"], shards):
        assert pluggrad("gate", *runs, "--expectations", empty) == 1
        text = capsys.readouterr().out
        assert "unexplained (1)" in text and "sin|numpy|float64|order=2" in text
    known = tmp_path / "known.toml"
    known.write_text(
        '[[expect]]\ncells = "sin|numpy|float64|order=2"\noutcome = "wrong"\nreason = "told so"\n'
        "expires = 2999-01-01\n"
    )
    assert pluggrad("gate", *shards, "--expectations", known) == 0
    assert "gate passed" in capsys.readouterr().out

    from pluggrad_conformance import runner

    both = runner.merge(shards, tmp_path / "both")
    assert list(map(key, (both / "results.jsonl").read_text().splitlines())) == list(
        map(key, whole)
    )
    assert read_run(both)["cells"] == len(whole)
    with pytest.raises(RunError, match="one of the runs"):
        runner.merge(shards, shards[0])


PLUGIN = """
import numpy as np
import pluggrad as pg

class Mine(pg.Adapter):
    name = "mine"
    modules = ("mine",)
    def namespace(self):
        return np
    def version(self):
        return "1.0"

pg.register_backend(Mine())
"""


def test_a_backend_of_a_third_party(tmp_path, monkeypatch, capsys):
    """A file registers a backend; from then on its name works as any other."""
    (tmp_path / "mine_plugin.py").write_text(PLUGIN)
    code = (
        "import sys; from pluggrad.tools.cli import main; sys.exit(main(['conformance', 'run',"
        f"'--backends', 'mine', '--operations', 'sin', '--out', {str(tmp_path / 'run')!r},"
        f"'--plugin', {str(tmp_path / 'mine_plugin.py')!r}, '--judge', {STAND_IN!r},"
        "'--no-report', '--jobs', '1']))"
    )
    env = os.environ | {"STAND_IN": "{}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    keys = [json.loads(line)["key"] for line in (tmp_path / "run" / "results.jsonl").open()]
    assert "sin|mine|float64" in keys
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["versions"]["mine"] == "1.0"
