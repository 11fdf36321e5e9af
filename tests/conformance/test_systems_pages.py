"""The pages about other systems say what their data say."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.optional import needs

needs("jinja2", "mpmath")

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

import systems

FAULTS = systems.read_faults()
SCRIPTS = json.loads(systems.SCRIPTS.read_text())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f["cell"])
def test_a_fault_is_known_somewhere_or_reported_before_it_is_called_new(fault):
    assert ("link" in fault) != ("report" in fault)
    assert systems.is_of(fault, fault["cell"])
    assert fault["why"].strip() and fault["system"] in systems.NAMES
    if fault["cell"] in SCRIPTS and "report" in fault:
        text = (DOCS / "reports" / fault["report"]).read_text()
        assert SCRIPTS[fault["cell"]]["script"].strip() in text and fault["fix"].strip() in text


@pytest.mark.parametrize("cell", sorted(SCRIPTS))
def test_a_script_is_short_and_uses_that_library_alone(cell):
    script = SCRIPTS[cell]["script"]
    assert len(script.splitlines()) <= 10 and "pluggrad" not in script
    compile(script, cell, "exec")
    assert SCRIPTS[cell]["printed"]


def test_the_page_names_at_least_six_systems_and_what_was_run():
    facts = json.loads((DOCS / "systems-run.json").read_text())
    subjects = facts["selection"]["backends"]
    assert len(subjects) >= 6
    page = systems.PAGE.read_text()
    assert all(facts["versions"][s] in page and s in page for s in subjects)
    assert facts["start"][:10] in page
    assert "@" not in page.replace("@ ", "").split("## Operations")[0]


def test_what_the_page_shows_is_in_the_results():
    run = systems.load_run(systems.RESULTS)
    outcomes = {r.cell.key: r.outcome for r in run.results}
    page = systems.PAGE.read_text()
    for fault in FAULTS:
        if fault["cell"] in SCRIPTS:
            assert outcomes[fault["cell"]] in systems.FAULTY, fault["cell"]
            assert SCRIPTS[fault["cell"]]["script"].strip() in page
