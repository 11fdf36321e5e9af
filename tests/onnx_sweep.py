"""Make models of everything, run them with onnxruntime, and compare with eager execution.

    python tests/onnx_sweep.py [--programs 100] [rules] [special] [transforms] [fuzz]

The rows are those of `compile_sweep.py` with real numbers. What can come of a row:

same        the model gives what eager execution gives, at other arguments, up to rounding
refused     there is no model, and the user is told why
raises      the function itself raises an error
different   the model gives something else
foreign     another exception: from pluggrad, from onnx, from onnxruntime

The last two must not be; exit status 0 if they are not.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

from tests.support.compile_rows import fuzz_rows, rule_rows, special_rows, transform_rows
from tests.support.onnx_judge import verdict_on_model

REAL = ("float64", "float32")


def main() -> int:
    """Run the rows that the command line asks for; 1 if a verdict is bad."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="rules, special, transforms, fuzz")
    parser.add_argument("--programs", type=int, default=100, help="random programs")
    given = parser.parse_args()
    parts = {
        "rules": lambda: rule_rows(dtypes=REAL), "special": special_rows,
        "transforms": transform_rows, "fuzz": lambda: fuzz_rows(given.programs),
    }  # fmt: skip
    bad = 0
    for part in given.parts or parts:
        counts, reasons = collections.Counter[str](), collections.Counter[str]()
        for row in parts[part]():
            kind, why = verdict_on_model(row)
            counts[kind] += 1
            if kind == "refused":
                reasons[re.sub(r"[\d.]+|\(at .*", "#", why)[:100]] += 1
            if kind in ("different", "foreign"):
                bad += 1
                print(f"{kind:<10} {row.name}: {why}")
        print(f"{part}: {', '.join([f'{count} {kind}' for kind, count in sorted(counts.items())])}")
        for reason, count in reasons.most_common():
            print(f"    {count} {reason}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
