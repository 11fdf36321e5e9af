"""Check a run against the published schemas. Needs jsonschema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from .load import numbered_lines, results_file

__all__ = ["check_run", "schema", "validator"]


@cache
def schema(name: str = "schema.json") -> dict[str, Any]:
    """A schema: "schema.json" (a line of results.jsonl) or "run.schema.json" (run.json)."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def validator(name: str = "schema.json") -> Any:
    """A jsonschema validator of one of the schemas."""
    import jsonschema  # type: ignore[import-untyped]

    jsonschema.Draft202012Validator.check_schema(schema(name))
    return jsonschema.Draft202012Validator(schema(name))


def check_run(run_dir: Path | str) -> Iterator[str]:
    """The violations of the schemas, one message each.

    Parameters
    ----------
    run_dir : path
        A run directory or a file of results.
    """
    path = Path(run_dir)
    facts = (path if path.is_dir() else path.parent) / "run.json"
    if facts.exists():
        yield from _errors("run.json", "run.schema.json", json.loads(facts.read_text("utf-8")))
    for number, line in numbered_lines(results_file(path)):
        yield from _errors(f"line {number}", "schema.json", line)


def _errors(where: str, name: str, value: Any) -> Iterator[str]:
    for error in validator(name).iter_errors(value):
        place = "".join(f"[{part!r}]" for part in error.absolute_path)
        yield f"{where}{place}: {error.message}"
