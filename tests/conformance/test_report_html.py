"""The page of a report, as text: complete, escaped, and without a need for the network."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from tests.support.optional import needs

needs("jinja2", "jsonschema", "mpmath")

import synthetic
from report_text import Page, unpack
from synthetic import FACTS, HOSTILE, every_outcome, result, write_run

from pluggrad_conformance import reports
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.reports import html, load
from pluggrad_conformance.results import BAD, OUTCOMES


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run with every outcome and hostile names, with its reports."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "every", every_outcome())
    reports.write_reports(folder)
    return folder


@pytest.fixture(scope="module")
def page(run_dir):
    return Page((run_dir / "report.html").read_text(encoding="utf-8"))


def test_the_page_asks_the_network_for_nothing(run_dir, page):
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    for tag, attributes in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "video", "audio")
        for name in ("src", "srcset", "data", "action", "poster", "xlink:href"):
            assert name not in attributes, (tag, attributes)
        if "href" in attributes:
            assert attributes["href"].startswith("#")
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest|WebSocket", text)
    assert "default-src 'none'" in text


def test_names_are_escaped(run_dir, page):
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    assert "<img" not in text
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert HOSTILE in "".join(page.text)
    assert sum(tag == "script" for tag, _ in page.tags) == 2


def test_the_page_without_its_script(run_dir, page):
    """The tables are there: every square with its worst outcome, and what is to be explained."""
    run = reports.load_run(run_dir)
    labels = {
        a["aria-label"]
        for tag, a in page.tags
        if tag == "button" and " on " in a.get("aria-label", "")
    }
    assert labels == {
        f"{name} on {backend}: {load.worst(counts)}, {counts[load.worst(counts)]} of {counts.total()} cells"
        for (name, backend), counts in run.squares.items()
    }
    text = "".join(page.text)
    assert sum(tag == "noscript" for tag, _ in page.tags) == 2
    for outcome, meaning in OUTCOMES.items():
        assert meaning in text and outcome in text
    assert FACTS["git"]["commit"] in text and "Some CPU" in text and "<run>" in text


def test_the_data_of_the_page_are_the_results(run_dir, page):
    data = unpack(page)
    run = reports.load_run(run_dir)
    columns, words = data["columns"], data["dictionaries"]
    word = lambda name, i: words[name][columns[name][i]]
    assert len(columns["outcome"]) == len(run.results)
    for i, r in enumerate(run.results):
        cell = Cell(**{name: word(name, i) for name in html.COLUMNS})
        assert cell == r.cell and word("outcome", i) == r.outcome and word("detail", i) == r.detail
        assert [[p.name, p.held, p.note] for p in r.properties] == [
            [n, bool(h), note] for n, h, note in word("properties", i)
        ]
        oracles = [words["oracle"][k] for k in data["oracles"][i][::3]]
        assert oracles == [[o.name, o.verdict, o.note] for o in r.oracles]
        if r.outcome in BAD:
            assert data["failures"][str(i)]["script"] == run.scripts[r.cell.id]
            assert data["failures"][str(i)]["minimal"] == r.minimal
    flat = [name for names in data["kinds"].values() for name in names]
    assert words["operation"] == flat  # the order of the rows


def test_reports_are_the_same_every_time(run_dir, tmp_path):
    again = reports.write_reports(run_dir, out=tmp_path)
    assert [p.name for p in again] == ["report.html", "summary.csv", "summary.tex", "junit.xml"]
    for path in again:
        assert path.read_bytes() == (run_dir / path.name).read_bytes()


def test_a_run_without_facts_and_without_cells(tmp_path):
    (tmp_path / "results.jsonl").write_text("")
    for path in reports.write_reports(tmp_path):
        assert path.stat().st_size > 0
    (tmp_path / "results.jsonl").write_text(
        result(Cell("sin", "numpy", "float64")).to_line() + "\n"
    )
    reports.write_reports(tmp_path)
    assert "sin on numpy: pass, 1 of 1 cells" in (tmp_path / "report.html").read_text(
        encoding="utf-8"
    )


@pytest.mark.slow
def test_forty_thousand_cells_are_a_small_page(tmp_path):
    names = [f"linalg.operation_{i}" for i in range(330)]
    run = load.Run(
        FACTS, list(synthetic.many(names, ["numpy", "torch", "jax", "strict", "dask"], 25))
    )
    assert len(run.results) > 40_000
    assert len(html.render_html(run).encode()) < 6e6


def test_the_templates_are_in_the_package():
    spec = importlib.util.find_spec("pluggrad_conformance.reports")
    folder = Path(spec.origin).parent
    for name in ("template.html.j2", "page.css", "page.js", "schema.json", "run.schema.json"):
        assert (folder / name).is_file()
