"""Compile everything, and compare with eager execution, to the last bit.

    python tests/compile_sweep.py [-v] [--programs 1000] [rules] [special] [transforms] [fuzz]

The rows are every rule of the rule book with its samples, in four dtypes, as a value, gradient,
jvp and hvp; the functions of `linalg`, `fft` and `special`; each transform of many functions; and
random programs, their values and gradients. What can come of a row:

same        the program gives what eager execution gives, at the arguments that it was made with and
            at others: types, dtypes, memory layouts, and all bits
broken      there is no program, and the user is told why
raises      the function itself raises an error
different   the program gives something else
foreign     an exception that eager execution does not raise

The last two must not be, and what is broken must be among the reasons in `EXPECTED`. Exit status 0
if that holds. With -v every row that is not the same is listed.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

from tests.support.compile_judge import Row, Verdict, verdict_on
from tests.support.compile_rows import fuzz_rows, rule_rows, special_rows, transform_rows

__all__ = ["EXPECTED", "is_bad", "sweep"]

#: Why there may be no program: parts of what the user is told.
EXPECTED = ("the elements of an array are asked for",)  # random programs print their arrays


def is_bad(verdict: Verdict) -> bool:
    """Whether a verdict must not be."""
    broken = verdict.kind == "broken" and not any([why in verdict.why for why in EXPECTED])
    return broken or verdict.kind in ("different", "foreign")


def sweep(rows: Iterable[Row]) -> Iterator[tuple[str, Verdict]]:
    """The verdict on each row, with the name of the row."""
    for row in rows:
        yield row.name, verdict_on(row)


def main() -> int:
    """Run the rows that the command line asks for; 1 if a verdict is bad."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="rules, special, transforms, fuzz")
    parser.add_argument("--programs", type=int, default=1000, help="random programs")
    parser.add_argument("-v", action="store_true", help="list every row that is not the same")
    given = parser.parse_args()
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "rules": rule_rows, "special": special_rows, "transforms": transform_rows,
        "fuzz": lambda: fuzz_rows(given.programs),
    }  # fmt: skip
    bad = 0
    for part in given.parts or parts:
        start, counts = time.perf_counter(), collections.Counter[str]()
        reasons = collections.Counter[str]()
        for name, verdict in sweep(parts[part]()):
            counts[verdict.kind] += 1
            if verdict.kind != "same":
                reasons[
                    verdict.kind + ": " + re.sub(r"[\d.]+|\(at .*", "#", verdict.why)[:140]
                ] += 1
            bad += is_bad(verdict)
            if verdict.kind != "same" and (given.v or is_bad(verdict)):
                print(f"{verdict.kind:<10} {name}: {verdict.why}")
        found = ", ".join([f"{count} {kind}" for kind, count in sorted(counts.items())])
        print(f"{part}: {found} ({time.perf_counter() - start:.0f} s)")
        for reason, count in reasons.most_common():
            print(f"    {count} {reason}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
