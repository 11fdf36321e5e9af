"""What the sweep found, by function: kept as JSON, and written as tables in Markdown."""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .judge import BAD, FOLDS, Finding
from .ufuncs import METHODS, ufuncs

__all__ = ["GENERAL", "as_text", "keep", "markdown"]

#: Refusals that are the same everywhere: what the error says, and what the page says once.
GENERAL = [
    (r"writing into a raw array", "`out=` and the first argument of functions that write may be a "
     "Variable, and its gradient is right; a raw array cannot take a value that requires grad."),
    (r"a 0-d array has no axis", "Arrays without axes have no axis 0, which NumPy lets pass in some "
     "functions. Leave `axis` out."),
    (r"(float|complex|int|bool)\(\) of a Variable", "Arguments that NumPy itself turns into numbers, "
     "before it asks what the call means, such as `initial=` beside a raw array, warn if they "
     "require grad. Make the array a Variable, too: `pg.lift(array, like=v)`."),
    (r"`where` without `out`", "`where=` of a ufunc without `out=` leaves elements undefined, in NumPy, "
     "too. `pg.where(mask, y, 0.0)` says what they are."),
    (r"complex numbers have no order", "Complex numbers are neither sorted nor compared. Take `abs` "
     "or `real` first."),
]  # fmt: skip
SHOWN = 4  # reasons in a row


def keep(found: dict[str, list[Finding]]) -> dict[str, Any]:
    """The counts of each function, and its refusals in groups, as JSON can hold them."""
    functions = {}
    for name, findings in sorted(found.items()):
        methods = [_method(f, name) for f in findings]
        rows: dict[str, Any] = {}
        for method in dict.fromkeys(methods):
            mine = [f for f, m in zip(findings, methods, strict=True) if m == method]
            counts = collections.Counter(f.outcome for f in mine)
            rows[method] = {
                **{key: counts[key] for key in ("right", "refused", *BAD)},
                "answered": sum(f.outcome == "right" and not f.details for f in mine),
                "tracked": sum(f.outcome == "right" and not f.details for f in mine if f.tracked),
                "gradients": sum(f.gradient for f in mine),
                "reasons": _reasons(f for f in mine if f.outcome == "refused"),
            }
            if faults := [[f.call, _plain(f.details)] for f in mine if f.outcome in BAD]:
                rows[method]["faults"] = faults[:SHOWN]
        functions[name] = rows
    return {"numpy": np.__version__, "functions": functions}


def as_text(kept: dict[str, Any]) -> str:
    """What was found as JSON, with a line for each function."""
    rows = [f"{json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}"
            for name, row in kept["functions"].items()]  # fmt: skip
    inside = ",\n".join(rows)
    return f'{{"numpy": "{kept["numpy"]}", "functions": {{\n{inside}\n}}}}\n'


def _method(f: Finding, name: str) -> str:
    """The method of a ufunc that was called."""
    found = re.match(rf"np\.{re.escape(name)}\.(\w+)\(", f.call)
    return found[1] if found and name in ufuncs() else "__call__"


def _reasons(refused: Iterable[Finding]) -> list[list[Any]]:
    """The reasons that are no general ones: an example, the reason, and how often."""
    groups: dict[str, list[Finding]] = {}
    for f in refused:
        if not any(re.search(pattern, f.details) for pattern, _ in GENERAL):
            groups.setdefault(re.sub(r"[\d.]+|\([^)]*\)|'[^']*'", "#", f.details)[:90], []).append(
                f
            )
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [[group[0].call, _plain(group[0].details), len(group)] for group in ordered[:SHOWN]]


def _plain(reason: str) -> str:
    """A reason without the class of the error, the place, and the name of the function."""
    text = re.sub(r"^\w+: (numpy\.[\w.]+: ([a-z][\w.]+: )*)?", "", reason)
    text = re.sub(r", at \S+:\d+", "", text)
    if len(reason) > 290:  # it was cut
        text = re.split(r"[.;:] (?=[^.;:]*$)", text)[0]
    return text.replace("|", r"\|")


# ---------------------------------------------------------------- tables


def markdown(kept: dict[str, Any]) -> Iterator[str]:
    """The lines of the page about NumPy's functions."""
    rows = kept["functions"]
    plain = {name: row["__call__"] for name, row in rows.items() if name not in ufuncs()}
    total = sum(c[key] for row in rows.values() for c in row.values()
                for key in ("right", "refused", *BAD))  # fmt: skip
    yield f"Calls, in all: {total}. With NumPy {kept['numpy']}, of {len(rows)} functions."
    yield ""
    yield "What is refused everywhere:"
    yield ""
    yield from (f"- {text}" for _, text in GENERAL)
    yield ""
    yield "| function | works | refused, and what to do |"
    yield "|---|---|---|"
    for name, row in plain.items():
        yield f"| `{name}` | {_works(row)} | {_refusals(row, name)} |"
    yield ""
    yield ("Ufuncs, and their methods (fold: a left fold along every axis; NumPy's own is none along "
           "an axis that is contiguous in memory):")  # fmt: skip
    yield ""
    yield "| ufunc | " + " | ".join(m.strip("_") for m in METHODS) + " | refused, and what to do |"
    yield "|---" * (len(METHODS) + 2) + "|"
    for name, methods in rows.items():
        if name in ufuncs():
            marks = ["fold" if f"{name}.{m}" in FOLDS else _works(methods[m]) if m in methods
                     else "" for m in METHODS]  # fmt: skip
            yield f"| `{name}` | {' | '.join(marks)} | {_refusals(methods.get('__call__'), name)} |"


def _works(row: dict[str, Any]) -> str:
    """✓ with a gradient, "value" where there is none, "–" if nothing that requires grad is taken,
    and nothing if NumPy takes no numbers, either."""
    if row["wrong"] or row["foreign"]:
        return f"✗ {row['wrong'] + row['foreign']}"
    if not row["tracked"] and row["refused"]:
        return "–"
    return "✓" if row["gradients"] else "value" if row["answered"] else ""


def _refusals(row: dict[str, Any] | None, name: str) -> str:
    """The reasons of one function, each once, with a call that is refused for it."""
    if row is None:
        return ""
    if not row["tracked"] and row["reasons"]:
        return str(row["reasons"][0][1])
    return "; ".join(f"`{_shortened(call, name)}`: {reason}" for call, reason, _ in row["reasons"])


def _shortened(call: str, name: str) -> str:
    """A call with the keywords alone, where they are what was refused. `v` is a Variable."""
    inside = call.removeprefix(f"np.{name}(").removesuffix(")")
    inside = re.sub(r"\b[a-z](v|a)\w*\[[\d,]*\]", r"\1", inside)
    found = re.search(r"\b\w+=.*", inside)
    return (found[0] if found else inside).replace("|", r"\|")
