"""Reports: what is written about a run is what the run says, and opens anywhere."""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import math
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from tests.support.optional import needs

needs("jinja2", "jsonschema", "mpmath")

from report_text import Page, unpack
from synthetic import FACTS, HOSTILE, every_outcome, result, write_run

from pluggrad_conformance import reports
from pluggrad_conformance.cells import AXES, Cell
from pluggrad_conformance.reports import accuracy, html, junit, latex, load, validate
from pluggrad_conformance.results import BAD, OUTCOMES, OracleVerdict, Property, Result


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run with every outcome and hostile names, with its reports."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "every", every_outcome())
    reports.write_reports(folder)
    return folder


# ---------------------------------------------------------------------- schemas


def test_every_line_is_as_the_schema_says(run_dir):
    assert list(reports.check_run(run_dir)) == []
    assert {r.outcome for r in reports.load_run(run_dir).results} == set(OUTCOMES)


def test_the_schema_knows_the_fields_and_outcomes_of_the_code():
    schema = validate.schema()
    line = result(Cell("sin", "numpy", "float64")).as_dict()
    assert set(schema["properties"]) - {"killed"} == set(schema["required"]) == set(line)
    assert schema["properties"]["outcome"]["enum"] == list(OUTCOMES)
    assert {k: v.get("default") for k, v in schema["properties"].items() if k in AXES} == AXES


@pytest.mark.parametrize(
    "change",
    [{"outcome": "fine"}, {"id": "xyz"}, {"error_eps": "large"}, {"order": 3}, {"key": "sin"},
     {"extra": 1}, {"oracles": [{"name": "torch"}]}, {"seconds": -1}, {"minimal": []}],
    ids=str,
)  # fmt: skip
def test_the_schema_refuses(change, tmp_path):
    line = result(Cell("sin", "numpy", "float64")).as_dict() | change
    (tmp_path / "results.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    found = list(reports.check_run(tmp_path))
    assert found and all(message.startswith("line 1") for message in found)


def test_the_schema_of_runs(tmp_path):
    check = lambda facts: list(validate.validator("run.schema.json").iter_errors(facts))
    assert not check(FACTS)
    assert check(FACTS | {"cases": "none"}) and check(FACTS | {"git": {"commit": "?"}})
    assert check({k: v for k, v in FACTS.items() if k != "versions"})


def test_what_a_real_run_writes_is_as_its_schema_says():
    from pluggrad_conformance.facts import run_facts

    facts = FACTS | run_facts(["numpy"])
    assert not list(
        validate.validator("run.schema.json").iter_errors(json.loads(json.dumps(facts)))
    )


# ---------------------------------------------------------------------- reading


def test_results_survive_being_written_and_read(run_dir):
    expected = {r.cell.key: r.to_line() for r in every_outcome()}
    assert {r.cell.key: r.to_line() for r in reports.load_run(run_dir).results} == expected


@pytest.mark.parametrize(("suffix", "pack"), [("xz", lzma.compress), ("gz", gzip.compress)])
def test_compressed_results(run_dir, tmp_path, suffix, pack):
    packed = tmp_path / f"results.jsonl.{suffix}"
    packed.write_bytes(pack((run_dir / "results.jsonl").read_bytes()))
    for path in (tmp_path, packed):
        lines = [r.to_line() for r in reports.load_run(path).results]
        assert lines == [r.to_line() for r in reports.load_run(run_dir).results]


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_half_a_line_at_the_end_is_passed_over(tmp_path, cut):
    folder = write_run(tmp_path / "run", every_outcome())
    whole = (folder / "results.jsonl").read_bytes()
    (folder / "results.jsonl").write_bytes(whole[:-cut])
    missing = 0 if cut == 1 else 1  # without its newline, a line is still whole
    assert len(reports.load_run(folder).results) == len(every_outcome()) - missing


def test_a_cut_through_a_letter(tmp_path):
    facts = result(Cell("sin", "numpy", "float64"), "wrong", detail="ü" * 50).as_dict()
    line = json.dumps(facts, ensure_ascii=False)  # not as ours, which is ASCII
    (tmp_path / "results.jsonl").write_bytes(
        line.encode() + b"\n" + line.encode()[: line.index("ü") + 1]
    )
    assert len(reports.load_run(tmp_path).results) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("{broken\n{}\n", "line 1 is no JSON"), ("{}\n", "line 1 is no result"),
     ("[1]\n", "line 1 is no result")],
)  # fmt: skip
def test_damage_is_said(tmp_path, text, message):
    (tmp_path / "results.jsonl").write_text(text)
    with pytest.raises(reports.ReportError, match=message):
        reports.load_run(tmp_path)


def test_an_unknown_outcome_is_said(tmp_path):
    line = result(Cell("sin", "numpy", "float64")).to_line().replace('"pass"', '"great"')
    (tmp_path / "results.jsonl").write_text(line + "\n")
    with pytest.raises(reports.ReportError, match="'great' is no outcome"):
        reports.load_run(tmp_path)


def test_no_run(tmp_path):
    with pytest.raises(reports.ReportError, match="is no run"):
        reports.load_run(tmp_path)
    with pytest.raises(reports.ReportError, match="no run is named"):
        reports.load_run()
    with pytest.raises(reports.ReportError, match="no format 'pdf'"):
        reports.write_reports(tmp_path, ["pdf"])


def test_shards_are_merged(tmp_path):
    every = every_outcome()
    shard = FACTS["selection"]
    a = write_run(tmp_path / "a", every[::2], selection=shard | {"shard": [1, 2]})
    b = write_run(tmp_path / "b", every[1::2], selection=shard | {"shard": [2, 2]}, duration=7.5,
                  hardware={"processor": "Another"}, finished=False,
                  versions=FACTS["versions"] | {"torch": "2.13.0+cu", "jax": "0.10"})  # fmt: skip
    run = reports.load_run(a, b)
    assert [r.to_line() for r in run.results] == [
        r.to_line() for r in reports.load_run(write_run(tmp_path / "c", every)).results
    ]
    assert run.facts["cells"] == len(every) and run.facts["duration"] == 20.0
    assert run.facts["finished"] is False and "shard" not in run.facts["selection"]
    assert run.facts["versions"]["torch"] == "2.13.0 and 2.13.0+cu"
    assert run.facts["versions"]["jax"] == "0.10"
    assert [m["processor"] for m in run.facts["machines"]] == ["Some CPU", "Another"]
    assert len(run.scripts) == sum(r.outcome in BAD for r in every)
    page = reports.write_reports([a, b], ["html"], out=tmp_path / "out")[0]
    assert "2 runs together" in page.read_text(encoding="utf-8")


def test_what_cannot_be_merged(tmp_path):
    cell = Cell("sin", "numpy", "float64")
    a = write_run(tmp_path / "a", [result(cell)])
    other = write_run(tmp_path / "b", [result(cell)], cases="cd" * 32)
    with pytest.raises(reports.ReportError, match="no parts of one run: cases"):
        reports.load_run(a, other)
    conflict = write_run(tmp_path / "c", [result(cell, "wrong")])
    with pytest.raises(
        reports.ReportError, match=r"sin\|numpy\|float64 is pass in one run and wrong"
    ):
        reports.load_run(a, conflict)
    assert len(reports.load_run(a, a).results) == 1


# ---------------------------------------------------------------------- JUnit, CSV, LaTeX


def test_junit(run_dir):
    root = ElementTree.parse(run_dir / "junit.xml").getroot()
    results = reports.load_run(run_dir).results
    tests = {(t.get("classname"), t.get("name")): t for t in root.iter("testcase")}
    assert len(tests) == len(results) == int(root.get("tests"))
    assert [s.get("name") for s in root.findall("testsuite")] == ["numpy", "torch"]
    for r in results:
        name = " ".join(r.cell.key.split("|")[2:])
        test = tests[f"{r.cell.backend}.{r.cell.operation}", name]
        kinds = [child.tag for child in test]
        if r.outcome in ("pass", "convention", "other-convention"):
            assert kinds == []
        elif r.outcome.startswith(("unsupported", "unmapped")):
            assert kinds == ["skipped"]
        else:
            assert kinds == ["error" if r.outcome in ("error", "timeout") else "failure"]
            assert test[0].get("type") == r.outcome
            assert f"repro {r.cell.id}" in test[0].text
    for element in (root, *root.findall("testsuite")):
        for count, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"),
                           ("skipped", "skipped")):  # fmt: skip
            assert int(element.get(count)) == sum(1 for _ in element.iter(tag))


def test_junit_without_what_xml_cannot_write():
    cell = Cell("sin", "numpy", "float64")
    run = load.Run({}, [result(cell, "error", detail="a\x00b\x1b[31m\ud800 \U0001f600 ]]> <&")])
    (test,) = ElementTree.fromstring(junit.render_junit(run).encode()).iter("error")
    assert test.get("message") == "error: a\ufffdb\ufffd[31m\ufffd \U0001f600 ]]> <&"


def test_csv(run_dir):
    with open(run_dir / "summary.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    results = reports.load_run(run_dir).results
    assert sum(int(row["cells"]) for row in rows) == len(results)
    for outcome in OUTCOMES:
        assert sum(int(row[outcome]) for row in rows) == sum(r.outcome == outcome for r in results)
    by_place = {(row["operation"], row["backend"]): row for row in rows}
    assert by_place[HOSTILE, "torch"]["worst"] == "wrong"
    assert by_place[HOSTILE, "torch"]["largest_error_eps"] == ""  # of the accepted cells
    assert by_place["sin", "numpy"]["kind"] == "elementwise"
    errors = [r.error for r in results if (r.cell.operation, r.cell.backend) == ("sin", "torch")]
    assert float(by_place["sin", "torch"]["largest_error_eps"]) == pytest.approx(max(errors), 1e-5)


def test_latex_is_escaped():
    assert latex.escape("a_b & 5% $x$ #1 {y} ~^\\") == (
        r"a\_b \& 5\% \$x\$ \#1 \{y\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    run = load.Run(
        {"versions": {"pluggrad": "0.1_%"}}, [result(Cell("sin", HOSTILE, "f_%\\x"), "wrong")]
    )
    text = latex.render_latex(run)
    plain = re.sub(r"\\[_%$#{}&]|\\text\w+\{\}", "", text)
    body = [line for line in plain.splitlines() if "&" in line]
    assert body and all(not re.search(r"(?<!\\)[%$#^~_]", line) for line in body)
    assert r"0.1\_\%" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(run_dir, tmp_path):
    hostile = result(Cell("sin", HOSTILE, HOSTILE), "wrong")
    hostile_run = load.Run({}, [hostile, result(Cell("sin", "numpy", HOSTILE))])
    (tmp_path / "hostile.tex").write_text(latex.render_latex(hostile_run), encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}"
        r"\usepackage{textcomp}\usepackage{booktabs}\begin{document}"
        rf"\input{{{run_dir / 'summary.tex'}}}\input{{hostile.tex}}\end{{document}}"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]


def test_accuracy():
    cell = lambda i: Cell("sin", "numpy", "float32", case=str(i))
    results = [result(cell(i), error=float(i)) for i in range(100)]
    results.append(result(cell(100), "nonfinite-mismatch", error=math.inf))
    results.append(Result(cell(101), "oracle-missing"))
    (found,) = accuracy.accuracy_by_dtype(results)
    assert (found.dtype, found.cells) == ("float32", 101)
    assert (found.median, found.percentile, found.largest) == (49.0, 98.0, 99.0)
    assert found.accepted == (1, 0, 0, 9, 90, 0, 0, 0, 0, 0, 0)
    assert found.others == (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)


def test_errors_of_any_size_are_short():
    results = [result(Cell("sin", "numpy", "float64"), error=1e300)]
    run = load.Run({}, results)
    assert "largest 1e+300</span>" in html.render_html(run)
    assert r"1e+300 \\" in latex.render_latex(run)


def test_severity_names_every_outcome_once():
    assert sorted(load.SEVERITY) == sorted(OUTCOMES)
    assert sorted(html.MARKS) == sorted(OUTCOMES) == sorted(html.TONES)
    assert len(set(html.MARKS.values())) == len(OUTCOMES)


# ---------------------------------------------------------------------- what is explained


EXPECTATIONS = """
[[expect]]
cells = "sin|numpy|*"
outcome = "wrong"
reason = "known <since> long"
expires = 2030-01-01

[[expect]]
cells = "*|torch|float32"
outcome = "error"
reason = "another"
expires = 2030-01-02
"""


@pytest.fixture
def explained(tmp_path):
    """A run of which some is explained: (run directory, file of expectations)."""
    cells = [Cell("sin", "numpy", d) for d in ("float32", "float64")]
    results = [*(result(c, "wrong") for c in cells), result(Cell("sin", "numpy", "complex64")),
               result(Cell("sin", "torch", "float32"), "wrong"),  # expected is an error
               result(Cell("exp", "torch", "float32"), "error"),
               result(Cell("exp", "torch", "float64"), "error")]  # fmt: skip
    path = tmp_path / "known.toml"
    path.write_text(EXPECTATIONS, encoding="utf-8")
    return write_run(tmp_path / "run", results), path


def test_what_is_explained(explained):
    folder, expectations = explained
    reports.write_reports(folder, expectations=expectations)
    rows = csv.DictReader((folder / "summary.csv").read_text(encoding="utf-8").splitlines())
    assert {(r["operation"], r["backend"]): r["explained"] for r in rows} == {
        ("sin", "numpy"): "2", ("sin", "torch"): "0", ("exp", "torch"): "1"
    }  # fmt: skip
    root = ElementTree.parse(folder / "junit.xml").getroot()
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("1", "1", "3")
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    buttons = {
        a["aria-label"]: a["class"]
        for tag, a in page.tags
        if tag == "button" and " on " in a.get("aria-label", "")
    }
    assert buttons == {
        "sin on numpy: wrong, 2 of 3 cells, explained": "bad known",
        "sin on torch: wrong, 1 of 1 cells": "bad",
        "exp on torch: error, 2 of 2 cells": "bad",
    }
    assert "known <since> long" in "".join(page.text)
    found = [f.get("reason") for f in unpack(page)["failures"].values()]
    assert (
        sorted(filter(None, found))
        == ["another (to be looked at again by 2030-01-02)"]
        + ["known <since> long (to be looked at again by 2030-01-01)"] * 2
    )


def test_without_expectations(explained):
    folder, _ = explained
    reports.write_reports(folder, ["junit"], expectations=None)
    root = ElementTree.parse(folder / "junit.xml").getroot()
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("3", "2", "0")


def test_reports_of_texts_that_utf8_cannot_hold(tmp_path):
    """Half characters are written out; line separators and controls are text like any other."""
    strange = "one\u2028two\x85three \ud800 \x0b\x1c\x00 \N{SNOWMAN}"
    cells = [Cell(name, "numpy", "float64") for name in ("sin", "exp", "my_op")]
    results = [result(cell, "error", detail=strange) for cell in cells]
    results[0].oracles = [OracleVerdict("torch", "none", note=strange)]
    results[0].properties = [Property("dtype", False, strange)]
    folder = write_run(tmp_path / "run", results, command=["pluggrad", "--out", "\udcff"])
    assert not list(reports.check_run(folder))
    assert len(reports.load_run(folder).results) == 3
    for path in reports.write_reports(folder):
        path.read_text(encoding="utf-8")
    html.render_html(load.Run(FACTS, results))  # and of a run that was never written
    ElementTree.parse(folder / "junit.xml")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("\\ud800") >= 1
    changed = [result(cell, "wrong", detail=strange) for cell in cells]
    found = reports.compare_runs(folder, write_run(tmp_path / "after", changed))
    for text in (found.json(), found.text()):
        text.encode("utf-8")


def test_the_command_line(explained, tmp_path, capsys):
    from pluggrad_conformance.cli import main

    folder, expectations = explained
    out = tmp_path / "out"
    words = [
        "report",
        folder,
        "--formats",
        "csv,junit",
        "--out",
        out,
        "--expectations",
        expectations,
    ]
    assert main([str(word) for word in words]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["junit.xml", "summary.csv"]
    assert "explained" in (out / "summary.csv").read_text(encoding="utf-8")
    assert main(["report", str(folder), "--formats", "pdf"]) == 2
    assert main(["compare", str(folder), str(folder)]) == 0
    said = capsys.readouterr()
    assert "no cell has changed" in said.out and "no format 'pdf'" in said.err
    assert main(["compare", str(folder), str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] == []


def test_csv_reads_back_hostile_names():
    run = load.Run({}, [result(Cell('a,"b"\nc', "numpy", "float64"))])
    from pluggrad_conformance.reports import csv_

    (row,) = csv.DictReader(io.StringIO(csv_.render_csv(run), newline=""))
    assert row["operation"] == 'a,"b"\nc'
