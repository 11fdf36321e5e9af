"""`pluggrad.adopt.report`: what adoption does for one call, and what stands in its way."""

from __future__ import annotations

import dis
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy

import pluggrad.numpy as facade

from ..arrays.backend import VARIABLES
from ..engine.adopted import covers
from ..engine.graph_breaks import noting
from ..engine.handles import is_tracked
from ..errors import PluggradError
from ..variables.variable import Variable
from .changes import Change

__all__ = ["Line", "Report", "report"]


class Line(NamedTuple):
    """A line of an adopted package that the call ran: where it is, its text, the adopted names that
    it uses, what stands in the way there (empty if nothing does), and what can be done about it."""

    file: str
    line: int
    source: str
    adopted: tuple[str, ...]
    obstacle: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        mark = "✗" if self.obstacle else " "
        text = f"{mark} {self.line:5}  {self.source}"
        if self.adopted:
            text += f"    [{', '.join(self.adopted)}]"
        if self.obstacle:
            text += f"\n         {self.obstacle}\n         → {self.remedy}"
        return text


@dataclass(frozen=True)
class Report:
    """What `pluggrad.adopt.report` found. Printed, it is a list of lines, file by file.

    Attributes
    ----------
    packages : tuple of str
        What was adopted.
    call : str
        The name of the function that ran.
    differentiable : bool
        Whether the result depends on the arguments by a graph, and nothing stood in the way.
    lines : tuple of Line
        The lines of the packages that ran and use adopted names, or leave the graph, in the order
        in which they ran first.
    changes : tuple of Change
        All that adoption changed in the packages: for each change `module`, `what`, `before` and
        `after`.
    error : Exception or None
        What the function raised.
    value : Any
        What it returned.
    """

    packages: tuple[str, ...]
    call: str
    differentiable: bool
    lines: tuple[Line, ...]
    changes: tuple[Change, ...] = field(repr=False)
    error: Exception | None = None
    value: Any = field(default=None, repr=False)

    @property
    def obstacles(self) -> tuple[Line, ...]:
        """The lines where something stands in the way."""
        return tuple([line for line in self.lines if line.obstacle])

    def _head(self) -> str:
        modules = len({change.module for change in self.changes})
        found = "can be differentiated" if self.differentiable else "cannot be differentiated"
        count = len(self.obstacles)
        why = f": {count} place{'s' * (count != 1)} in the way" if count else ""
        if not self.differentiable and not count:
            why = ": the result does not depend on the arguments"
            if self.error is not None:
                why = f": {type(self.error).__name__}: {self.error}"
        return (
            f"{self.call} {found}{why}\n"
            f"adopted: {len(self.changes)} names in {modules} modules of {', '.join(self.packages)}"
        )

    def _files(self) -> Iterator[tuple[str, list[Line]]]:
        files = dict.fromkeys([line.file for line in self.lines])
        for file in files:
            yield (
                file,
                sorted([line for line in self.lines if line.file == file], key=lambda x: x.line),
            )

    def __str__(self) -> str:
        text = [self._head()]
        for file, lines in self._files():
            text += ["", file, *map(str, lines)]
        return "\n".join(text)

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        """For `rich.print`: a table for each file."""
        from rich.markup import escape
        from rich.table import Table

        yield escape(self._head())
        for file, lines in self._files():
            table = Table(title=file, title_justify="left", box=None, pad_edge=False)
            for name, style in (("", "red"), ("line", "dim"), ("source", ""), ("adopted", "green")):
                table.add_column(name, style=style)
            for x in lines:
                source = escape(x.source)
                if x.obstacle:
                    source += f"\n[red]{escape(x.obstacle)}[/]\n[dim]{escape(x.remedy)}[/]"
                table.add_row("✗" if x.obstacle else "", str(x.line), source, ", ".join(x.adopted))
            yield table


def report(
    adopt: Any, packages: tuple[str, ...], f: Callable[..., Any], args: Any, kwargs: Any
) -> Report:
    """What `adopt.report` returns."""
    with adopt(*packages) as adopted, facade.variables(), noting() as breaks:
        given, named = _tracked(args), _tracked(kwargs)
        ran = _Trace()
        value, error = None, None
        try:
            with ran:
                value = f(*given, **named)
        except Exception as raised:
            error = raised
        changes = adopted.changes
        used = ran.uses(changes)
    lines = {place: Line(*place, _source(*place), used.get(place, ())) for place in ran.places}
    for found in breaks:
        file, _, number = found.place.inside.rpartition(":")
        where = (file, int(number)) if found.place.adopted else (found.place.file, found.place.line)
        what = f"{found.what} of a Variable: its gradient is lost"
        lines[where] = Line(*where, _source(*where), used.get(where, ()), what, found.remedy)
    if error is not None:
        where = _last(error)
        text = (
            str(error) if isinstance(error, PluggradError) else f"{type(error).__name__}: {error}"
        )
        remedy = "what else the line does with a Variable, the message says" if isinstance(
            error, PluggradError
        ) else "the function itself raised this, or a library that it calls"  # fmt: skip
        lines[where] = Line(*where, _source(*where), used.get(where, ()), text, remedy)
    shown = tuple([line for line in lines.values() if line.adopted or line.obstacle])
    good = error is None and not breaks and _depends(value)
    name = getattr(f, "__qualname__", None) or repr(f)
    module = getattr(f, "__module__", None)
    call = f"{module}.{name}" if module and module != "__main__" else name
    return Report(packages, call, good, shown, changes, error, value)


def _tracked(x: Any) -> Any:
    """`x` with a Variable for each number of the type float and each array of floats."""
    if isinstance(x, float) or (isinstance(x, numpy.ndarray) and x.dtype.kind in "fc"):
        return Variable(x if isinstance(x, numpy.ndarray) else numpy.asarray(x), requires_grad=True)
    if type(x) in (list, tuple):
        return type(x)([_tracked(item) for item in x])
    if type(x) is dict:
        return {key: _tracked(item) for key, item in x.items()}
    return x


def _depends(y: Any) -> bool:
    """Whether a Variable that a gradient leads back from is in the result `y`."""
    if type(y) in VARIABLES:
        return is_tracked(y)
    if isinstance(y, dict):
        return any([_depends(item) for item in y.values()])
    if isinstance(y, (list, tuple)):
        return any([_depends(item) for item in y])
    return any([_depends(item) for item in getattr(y, "__dict__", {}).values()])


def _source(file: str, line: int) -> str:
    return linecache.getline(file, line).strip()


def _last(error: BaseException) -> tuple[str, int]:
    """The innermost line of an adopted package, else of the user's, that `error` passed."""
    found = [
        (frame.f_code.co_filename, line, str(frame.f_globals.get("__name__", "")))
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    for file, line, module in reversed(found):
        if covers(module):
            return file, line
    outside = [(f, n) for f, n, m in found if m.partition(".")[0] != "pluggrad"]
    return outside[-1] if outside else found[-1][:2]


class _Trace:
    """A block in which the lines of adopted packages that run are noted."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, int], None] = {}
        self._codes: dict[CodeType, dict[str, Any]] = {}

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._enter)

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(self._before)

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not covers(str(frame.f_globals.get("__name__", ""))):
            return None
        self._codes[frame.f_code] = frame.f_globals
        return self._line

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.places[frame.f_code.co_filename, frame.f_lineno] = None
        return self._line

    def uses(self, changes: tuple[Change, ...]) -> dict[tuple[str, int], tuple[str, ...]]:
        """The adopted names that each line uses."""
        names: dict[str, set[str]] = {}
        for change in changes:
            names.setdefault(change.module, set()).add(change.what)
        found: dict[tuple[str, int], dict[str, None]] = {}
        for code, space in self._codes.items():
            known = names.get(str(space.get("__name__", "")), set())
            line, steps = code.co_firstlineno, list(dis.get_instructions(code))
            for n, step in enumerate(steps):
                if step.positions is not None and step.positions.lineno is not None:
                    line = step.positions.lineno
                name = ""
                if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in known:
                    after = steps[n + 1] if n + 1 < len(steps) else step
                    name = str(step.argval)
                    if after.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                        name += f".{after.argval}"
                elif step.opname == "IMPORT_NAME" and str(step.argval).startswith("adopted:"):
                    name = f"import {str(step.argval).removeprefix('adopted:')}"
                if name:
                    found.setdefault((code.co_filename, line), {})[name] = None
        return {place: tuple(names) for place, names in found.items()}
