"""JUnit: one suite for each backend, one test for each cell, as CI servers show them.

Outcomes that an expectation explains count as skipped, and so does what is not supported.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as xml

from ..results import BAD, Result
from .load import Run

__all__ = ["render_junit"]

#: Characters that XML 1.0 cannot contain.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: Outcomes of cells that could not be judged: errors to JUnit. Other bad outcomes are failures.
_ERRORS = ("error", "timeout")


def render_junit(run: Run) -> str:
    """The XML document of a run."""
    root = xml.Element("testsuites", name="pluggrad conformance")
    by_backend: dict[str, list[Result]] = {backend: [] for backend in run.backends}
    for result in run.results:
        by_backend[result.cell.backend].append(result)
    for backend, results in by_backend.items():
        suite = xml.SubElement(root, "testsuite", name=_text(backend))
        if run.facts.get("start"):
            suite.set("timestamp", str(run.facts["start"]))
        properties = xml.SubElement(suite, "properties")
        for name, version in run.facts.get("versions", {}).items():
            xml.SubElement(properties, "property", name=_text(name), value=_text(version))
        for result in results:
            suite.append(_test(result, run))
        _count(suite)
    _count(root)
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, "unicode") + "\n"


def _test(result: Result, run: Run) -> xml.Element:
    cell = result.cell
    name = " ".join(cell.key.split("|")[2:])
    test = xml.Element(
        "testcase", classname=_text(f"{cell.backend}.{cell.operation}"), name=_text(name),
        time=f"{result.seconds:.6f}",
    )  # fmt: skip
    message = f"{result.outcome}: {result.detail}"
    if (entry := run.explained.get(cell.key)) is not None and result.outcome in BAD:
        xml.SubElement(test, "skipped", message=_text(f"{result.outcome}, because {entry.reason}"))
    elif result.outcome in BAD:
        kind = "error" if result.outcome in _ERRORS else "failure"
        found = xml.SubElement(test, kind, type=result.outcome, message=_text(message))
        found.text = _text(_body(result))
    elif result.outcome.startswith(("unsupported", "unmapped")):
        xml.SubElement(test, "skipped", message=_text(message))
    return test


def _body(result: Result) -> str:
    """What each oracle said, and how to reproduce it."""
    rows = [result.detail, ""]
    for oracle in result.oracles:
        error = "" if oracle.error is None else f", {oracle.error:.3g} eps"
        rows.append(f"{oracle.name}: {oracle.verdict}{error} {oracle.note}".rstrip())
    rows += [f"does not hold: {p.name} {p.note}".rstrip() for p in result.properties if not p.held]
    return "\n".join([*rows, f"pluggrad conformance repro {result.cell.id}"]).strip()


def _count(element: xml.Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"),
                      ("skipped", "skipped")):  # fmt: skip
        element.set(name, str(sum(1 for _ in element.iter(tag))))
    seconds = sum(float(test.get("time", 0)) for test in element.iter("testcase"))
    element.set("time", f"{seconds:.3f}")


def _text(x: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", x)
