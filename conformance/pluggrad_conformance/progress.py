"""Progress of a run: a bar with the time left on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any, TextIO

from .results import BAD, OUTCOMES

__all__ = ["Progress"]


class Progress:
    """Shows how many cells are done, by outcome; without a terminal, every `every` seconds."""

    def __init__(
        self, total: int, done: Counter[str], *, stream: TextIO | None = None, every: float = 10.0
    ) -> None:
        self.total, self.counts, self.every = total, done, every
        self.before = self.done = sum(done.values())  # a resumed run begins in the middle
        self.stream = sys.stderr if stream is None else stream
        self.begin = self.shown = time.monotonic()
        self.bar: Any = None
        if self.stream.isatty():
            self._make_bar()

    def _make_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.bar = Progress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[outcomes]}"), console=Console(file=self.stream),
        )  # fmt: skip
        self.task = self.bar.add_task("", total=self.total, completed=self.done, left="",
                                      outcomes="")  # fmt: skip
        self.bar.start()

    def add(self, outcome: str) -> None:
        """One more cell is done."""
        self.counts[outcome] += 1
        self.done += 1

    def tick(self) -> None:
        """Update the bar, or print a line if the last one is old enough."""
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done, left=self.left(),
                            outcomes=self.outcomes(colour=True))  # fmt: skip
        elif time.monotonic() - self.shown >= self.every:
            self.shown = time.monotonic()
            self._say(self.line())

    def line(self) -> str:
        """Where the run is, in one line."""
        share = 100 * self.done // max(self.total, 1)
        return f"{self.done}/{self.total} cells ({share} %), {self.left()}: {self.outcomes()}"

    def left(self) -> str:
        """The time left, at the pace so far."""
        fresh, seconds = self.done - self.before, time.monotonic() - self.begin
        if not fresh:
            return "starting"
        return f"{span((self.total - self.done) * seconds / fresh)} left"

    def outcomes(self, colour: bool = False) -> str:
        """Counts by outcome, in the order of reports."""
        shown = []
        for name in sorted(self.counts, key=list(OUTCOMES).index):
            text = f"{name} {self.counts[name]}"
            shown.append(f"[red]{text}[/red]" if colour and name in BAD else text)
        return ", ".join(shown)

    def close(self) -> None:
        """Show the final state, and stop."""
        if self.bar is not None:
            self.tick()
            self.bar.stop()
        else:
            took = span(time.monotonic() - self.begin)
            self._say(f"{self.done}/{self.total} cells in {took}: {self.outcomes()}")

    def _say(self, text: str) -> None:
        print(text, file=self.stream, flush=True)


def span(seconds: float) -> str:
    """A time span in a few characters.

    >>> span(7.4), span(95), span(7322)
    ('7 s', '1:35 min', '2:02 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02d} h"
