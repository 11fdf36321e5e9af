"""Freezing: ask torch, JAX and mpmath, and write their answers into the package's ``data/``.

`oracles.frozen` reads them where these libraries are missing.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from . import oracles
from .cells import Cell, cells_of
from .oracles import OracleAnswer, consult_oracles, frozen, is_live
from .oracles.answers import apart, wide_inputs
from .oracles.frozen import FORMAT, LIBRARIES, clear_cache, digest, frozen_index
from .oracles.values import numpy_values
from .problem import Problem
from .tables import load_operations
from .tolerance import compare_with_oracle

__all__ = ["freeze", "problems_to_freeze", "verify_frozen"]

LARGEST = 5000  # components; answers with more are left out
#: What the manifest says of files in which every library was asked about the derivatives of every
#: case, not only of the typical ones.
ASKED = "cases"


def verify_frozen(directory: Path | None = None) -> dict[str, Any]:
    """Check every file against the manifest, and every answer against the tables of today.

    Returns the number of ``answers``; the keys of those whose problem has ``changed`` since, of
    those whose problem is ``gone``, and of problems whose answer is ``missing``; and the ``bytes``
    of all files. Raises `FrozenError` if a file is damaged.
    """
    directory = frozen.DATA if directory is None else Path(directory)
    clear_cache()
    index = frozen_index(directory)
    wanted = {f"{p.key}/{q}": p for p, q in problems_to_freeze()}
    changed = [
        k for k, (_, facts) in index.items() if k in wanted and facts["inputs"] != digest(wanted[k])
    ]
    return {
        "answers": len(index),
        "changed": sorted(changed),
        "gone": sorted(set(index) - set(wanted)),
        "missing": sorted(set(wanted) - set(index)),
        "bytes": sum(f.stat().st_size for f in directory.iterdir()),
    }


def problems_to_freeze(operations: Iterable[str] | None = None) -> Iterator[tuple[Problem, str]]:
    """The problems and quantities to freeze: those of the base cells and of the named cases, of
    some operations (None: all).

    The values of named cases are among them: who judges a gradient asks first whether the library's
    own value is right. Large elementwise problems of analytic functions are not, since NumPy
    differentiates all of their components at once, by the complex step.
    """
    quantities = {0: "value", 1: "gradient", 2: "second"}
    table = load_operations()
    for name in sorted(table) if operations is None else operations:
        operation, seen = table[name], set()
        for cell in cells_of(operation, "numpy"):
            if cell.shape == "non-contiguous":  # the typical problem, laid out otherwise
                continue
            base = cell == Cell(name, "numpy", cell.dtype, order=cell.order)
            named = cell.case != "typical" or cell.shape != "base"
            forward = cell.mode == "forward" and cell.case == "typical"
            if not (base or named or forward):
                continue
            quantity = "tangent" if cell.mode == "forward" else quantities[cell.order]
            problem = Problem.of(cell)
            if cell.shape == "large" and operation.analytic and _componentwise(problem):
                continue
            for asked in ("value", quantity) if named else (quantity,):
                if (problem.key, asked) not in seen:
                    seen.add((problem.key, asked))
                    yield problem, asked


def _componentwise(problem: Problem) -> bool:
    """Whether the complex step differentiates all components at once."""
    if problem.operation.kind != "elementwise":  # no need to compute it
        return False
    return apart(problem, numpy_values(problem)(*wide_inputs(problem)))


def freeze(
    directory: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    problems: Iterator[tuple[Problem, str]] | None = None,
    *,
    keep: bool = False,
    jobs: int = 1,
) -> Path:
    """Ask the live oracles and write their answers; the path of the manifest.

    ``progress(done, total, key)`` is called before each problem. `problems` defaults to
    `problems_to_freeze`. With `keep`, answers that are in `directory` already, by the same versions
    and to the same inputs, stay as they are. `jobs` processes share the work, unless `problems` are
    given. Raises `RuntimeError` if torch, JAX or mpmath is not installed: without their answers the
    files are useless; and if `keep` is to keep the answers of other versions.
    """
    if absent := [n for n in LIBRARIES if not is_live(n)]:
        raise RuntimeError(f"freezing answers needs {', '.join(absent)} live")
    directory = frozen.DATA if directory is None else Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    families: dict[str, _Family] = {}
    work = list(problems_to_freeze() if problems is None else problems)
    kept = _kept(directory) if keep else {}
    missing = [(p, q) for p, q in work if kept.get(f"{p.key}/{q}", ("",))[0] != digest(p)]
    names = sorted({p.operation.name for p, _ in missing})
    answers = _Processes(names, jobs) if jobs > 1 and problems is None else None
    for done, (problem, quantity) in enumerate(work):
        key = f"{problem.key}/{quantity}"
        if progress is not None:
            progress(done, len(work), key)
        if kept.get(key, ("",))[0] == digest(problem):
            found = kept[key][1]
        elif answers is not None:
            found = answers.of(problem.operation.name)[key]
        else:
            found = _said(problem, quantity)
        if found:
            families.setdefault(_family(problem), _Family()).add(problem, quantity, found)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "asked": ASKED,
        "date": _today(),
        "versions": _versions(),
        "families": {},
    }
    for old in directory.glob("*.npz"):
        old.unlink()
    for family, content in sorted(families.items()):
        path = directory / f"{family}.npz"
        content.write(path)
        manifest["families"][family] = {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "answers": len(content.index),
            "inputs": hashlib.sha256(
                "".join(sorted(f["inputs"] for f in content.index.values())).encode()
            ).hexdigest(),
        }
    path = directory / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    clear_cache()
    return path


Said = dict[str, OracleAnswer]


def _said(problem: Problem, quantity: str) -> Said:
    """The live answers by name, in the order of `LIBRARIES`."""
    with frozen.set_aside():
        found = {a.name: a for a in consult_oracles(problem, quantity, LIBRARIES)}
    return {name: found[name] for name in LIBRARIES if name in found}


def _said_of(operation: str) -> tuple[str, dict[str, Said]]:
    """Everything that is said of an operation, by problem and quantity; for a worker process."""
    found = {f"{p.key}/{q}": _said(p, q) for p, q in problems_to_freeze([operation])}
    oracles.clear()
    return operation, found


class _Processes:
    """The answers of worker processes, by operation, as they come."""

    def __init__(self, operations: Sequence[str], jobs: int) -> None:
        pool = multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=40)
        self.coming = pool.imap_unordered(_said_of, operations)
        self.here: dict[str, dict[str, Said]] = {}

    def of(self, operation: str) -> dict[str, Said]:
        """The answers about an operation."""
        while operation not in self.here:
            name, found = next(self.coming)
            self.here[name] = found
        return self.here[operation]


def _kept(directory: Path) -> dict[str, tuple[str, Said]]:
    """The digest of the inputs and the answers, for each problem and quantity in `directory`."""
    path = directory / "manifest.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    now = _versions()
    other = [n for n in LIBRARIES if before.get("versions", {}).get(n) != now.get(n)]
    if other or before.get("asked") != ASKED:
        raise RuntimeError(
            f"the answers in {directory} are by other versions of {', '.join(other)}: freeze all"
            if other else f"not every library was asked for the answers in {directory}: freeze all"
        )  # fmt: skip
    clear_cache()
    return {key: (facts["inputs"], frozen.answers_in(directory, family, facts))
            for key, (family, facts) in frozen_index(directory).items()}  # fmt: skip


def _family(problem: Problem) -> str:
    """The kind of the operation, special functions apart."""
    name = problem.operation.name
    return "special" if name.startswith("special.") else problem.operation.kind


class _Family:
    """The answers of a family on their way to a file."""

    def __init__(self) -> None:
        self.index: dict[str, Any] = {}
        self.numbers: list[np.ndarray] = []
        self.scales: list[np.ndarray] = []
        self.counts = [0, 0]

    def add(self, problem: Problem, quantity: str, found: Said) -> None:
        main = next(iter(found.values()))
        if sum(x.size for x in main.arrays) > LARGEST:
            return
        agree, own = [main.name], {}
        for name, other in found.items():
            if other is main:
                continue
            if [x.shape for x in other.arrays] != [x.shape for x in main.arrays]:
                continue
            said = compare_with_oracle(problem.operation, quantity, "float64", other.arrays, main)
            if said.verdict == "agrees":
                agree.append(name)
            else:
                own[name] = self._pack(other)
        self.index[f"{problem.key}/{quantity}"] = {
            "inputs": digest(problem),
            "shapes": [list(x.shape) for x in main.arrays],
            "main": self._pack(main),
            "agree": agree,
            "own": own,
        }

    def _pack(self, answer: OracleAnswer) -> list[Any]:
        start = list(self.counts)
        kinds = ""
        for x, s in zip(answer.arrays, answer.scale, strict=True):
            kind = {"u": "i"}.get(x.dtype.kind, x.dtype.kind)
            kinds += kind
            flat = np.ravel(x).astype(np.complex128 if kind == "c" else np.float64)
            self.numbers.append(flat.view(np.float64))
            with np.errstate(over="ignore"):  # an infinite scale counts as none
                self.scales.append(np.ravel(s).astype(np.float32))
            self.counts[0] += self.numbers[-1].size
            self.counts[1] += self.scales[-1].size
        return [*start, kinds]

    def write(self, path: Path) -> None:
        index = json.dumps(self.index, separators=(",", ":"), sort_keys=True).encode()
        np.savez_compressed(
            path,
            index=np.frombuffer(index, np.uint8),
            numbers=np.concatenate(self.numbers or [np.zeros(0)]),
            scales=np.concatenate(self.scales or [np.zeros(0, np.float32)]),
        )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("numpy", "array-api-compat", *LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
