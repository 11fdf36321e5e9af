"""The rows of `tests/compile_sweep.py` on another engine, compared with eager execution.

    python tests/engine_sweep.py ENGINE [-v] [--step 7] [rules] [special] [transforms] [fuzz]

The engine is `numba`, `jax` or `torch`. Structure, types, dtypes and shapes must be those of eager
execution, and values agree to about half of their digits, beside the largest of an array. With
`--step`, every so manieth row alone: XLA and Inductor take seconds for a program. What is broken
has no program, for which the user is told why, and is listed with -v. Exit status 0 if nothing is
different.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

import numpy as np
import optree

import pluggrad as pg
from tests.support.compile_judge import Row, Verdict, copies, difference
from tests.support.compile_rows import fuzz_rows, rule_rows, special_rows, transform_rows

__all__ = ["verdict_by"]


def verdict_by(row: Row, engine: str) -> Verdict:
    """Compile the function of a row, and compare three calls with eager ones."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = [row.fun(*args) for args in (row.args, row.args, row.again)]
        except Exception as error:
            return Verdict("raises", f"{type(error).__name__}: {error}")
        before = copies(row.args)
        run: Any = pg.compile(row.fun, engine=engine, on_break="error")
        try:
            found = [run(*args) for args in (row.args, row.args, row.again)]
        except pg.UntraceableError as error:
            return Verdict("broken", str(error))
        except Exception as error:
            return Verdict("foreign", f"{type(error).__name__}: {error}")
        why = next(filter(None, map(distance, found, expected)), "")
        why = why or difference(list(row.args), before)
        return Verdict("different", why) if why else Verdict("same")


def distance(found: Any, expected: Any) -> str:
    """What is different, beyond the precision of the dtype; empty if nothing is."""
    leaves, spec = optree.tree_flatten(found, none_is_leaf=True)
    others, wanted = optree.tree_flatten(expected, none_is_leaf=True)
    if spec != wanted:
        return f"structure {spec}, expected {wanted}"
    for x, y in zip(leaves, others, strict=True):
        if type(x) is not type(y):
            return f"a {type(x).__name__}, expected a {type(y).__name__}"
        a, b = (v.data if isinstance(v, pg.Variable) else v for v in (x, y))
        if not hasattr(b, "dtype"):
            if not (a is b or a == b):
                return f"{a!r}, expected {b!r}"
        elif a.dtype != b.dtype or a.shape != b.shape:
            return f"{a.dtype} {a.shape}, expected {b.dtype} {b.shape}"
        elif not near(a, b):
            return f"{a.tolist()}, expected {b.tolist()}"[:300]
    return ""


def near(a: Any, b: Any) -> bool:
    """Whether numbers agree to about half of their digits. JAX may have computed float64 results
    of single precision in that."""
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    eps = np.finfo(a.dtype).eps
    size = np.max(np.abs(b), where=np.isfinite(b), initial=1.0)
    return bool(np.allclose(a, b, rtol=eps**0.5, atol=eps**0.6 * size, equal_nan=True))


def main() -> int:
    """Run the rows that the command line asks for; 1 if something is different."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("engine", choices=["numba", "jax", "torch"])
    parser.add_argument("parts", nargs="*", metavar="PART", help="rules, special, transforms, fuzz")
    parser.add_argument("--step", type=int, default=7, help="every so manieth row")
    parser.add_argument("-v", action="store_true", help="list every row that is not the same")
    given = parser.parse_intermixed_args()
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "rules": rule_rows, "special": special_rows, "transforms": transform_rows,
        "fuzz": lambda: fuzz_rows(1000),
    }  # fmt: skip
    bad = 0
    for part in given.parts or parts:
        counts = collections.Counter[str]()
        for row in itertools.islice(parts[part](), 0, None, given.step):
            verdict = verdict_by(row, given.engine)
            counts[verdict.kind] += 1
            is_bad = verdict.kind in ("different", "foreign")
            bad += is_bad
            if is_bad or (given.v and verdict.kind != "same"):
                print(f"{verdict.kind:<10} {row.name}: {verdict.why}", flush=True)
        print(f"{part}: {', '.join([f'{n} {kind}' for kind, n in sorted(counts.items())])}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
