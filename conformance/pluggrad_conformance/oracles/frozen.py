"""Frozen answers: what torch and JAX said when the package was made, for those who have neither.

`freeze` asks the live oracles about a chosen set of problems and writes ``data/``: one compressed
file for each family of operations, and ``manifest.json`` with the hash of each, the versions that
answered, and the date. `answer` gives them back, if the file is the one in the manifest and the
problem the one that was asked about: an answer belongs to inputs, and when a row of the tables
changes it is no answer any more.

A file holds an index (JSON: for each problem and quantity the shapes, and which libraries agree)
and two rows of numbers: the arrays in double precision, and their scales, for which float32 is
plenty. Where JAX or mpmath agreed with torch within the tolerance of double precision, which is
nearly everywhere, torch's numbers stand for theirs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, OracleAnswer

__all__ = ["DATA", "answer", "chosen", "digest", "freeze", "verify"]

DATA = Path(__file__).parent.parent / "data"
FORMAT = 1
#: The libraries whose answers are kept. What NumPy can answer by itself is never frozen.
LIBRARIES = ("torch", "jax", "mpmath")
LARGEST = 400  # components; answers with more are left out


class FrozenError(ValueError):
    """The data files are damaged, or not those of the manifest."""


# -------------------------------------------------------------------- reading


def answer(problem: Problem, quantity: str, name: str) -> OracleAnswer:
    """The frozen answer of a library; raises `NoAnswer` where there is none for this problem."""
    entry = _index(DATA).get(f"{problem.key}/{quantity}")
    if entry is None:
        raise NoAnswer("no frozen answer")
    family, facts = entry
    if facts["inputs"] != digest(problem):
        raise NoAnswer("the frozen answer is for other inputs: freeze anew")
    if name in facts["own"]:
        part = facts["own"][name]
    elif name in facts["agree"]:
        part = facts["main"]
    else:
        raise NoAnswer(f"no frozen answer of {name}")
    numbers, scales = _load(DATA, family)[1:]
    arrays, scale = _unpack(part, facts["shapes"], numbers, scales)
    return OracleAnswer(f"{name} (frozen)", arrays, scale, f"{name} {versions()[name]}")


def known(problem: Problem, quantity: str, name: str) -> OracleAnswer | None:
    """`answer` under the oracle's own name, where it is as good as live; None if there is none."""
    try:
        found = answer(problem, quantity, name)
    except NoAnswer:
        return None
    found.name = name
    return found


def _unpack(
    part: list[Any], shapes: list[list[int]], numbers: np.ndarray, scales: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    start, scale_start, kinds = part
    arrays, scale = [], []
    for shape, kind in zip(shapes, kinds, strict=True):
        n = math.prod(shape)
        length = 2 * n if kind == "c" else n
        flat = numbers[start : start + length]
        if kind == "c":
            x = flat.view(np.complex128)
        else:
            x = flat.astype({"f": np.float64, "i": np.int64, "b": np.bool_}[kind])
        arrays.append(x.reshape(shape).copy())
        scale.append(scales[scale_start : scale_start + n].astype(np.float64).reshape(shape))
        start, scale_start = start + length, scale_start + n
    return arrays, scale


@lru_cache(maxsize=4)
def _manifest(directory: Path) -> Any:
    path = directory / "manifest.json"
    if not path.exists():
        raise NoAnswer("no answers are frozen")
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("format") != FORMAT:
        raise FrozenError(f"{path} has format {found.get('format')}, this package reads {FORMAT}")
    return found


@lru_cache(maxsize=64)
def _load(directory: Path, family: str) -> tuple[Any, np.ndarray, np.ndarray]:
    name = _manifest(directory)["families"][family]["file"]
    content = (directory / name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    expected = _manifest(directory)["families"][family]["sha256"]
    if found != expected:
        raise FrozenError(
            f"{directory / name} is damaged: sha256 {found}, the manifest says {expected}"
        )
    with np.load(directory / name, allow_pickle=False) as data:
        index = json.loads(data["index"].tobytes().decode())
        return index, np.ascontiguousarray(data["numbers"]), data["scales"]


@lru_cache(maxsize=4)
def _index(directory: Path) -> dict[str, tuple[str, Any]]:
    found = {}
    for family in _manifest(directory)["families"]:
        for key, facts in _load(directory, family)[0].items():
            found[key] = (family, facts)
    return found


def verify(directory: Path | None = None) -> dict[str, Any]:
    """Check every file against the manifest, and every answer against the tables of today.

    Returns the number of ``answers``; the keys of those whose problem has ``changed`` since, of
    those whose problem is ``gone``, and of problems whose answer is ``missing``; and the ``bytes``
    of all files. Raises `FrozenError` if a file is damaged.
    """
    directory = DATA if directory is None else Path(directory)
    _forget()
    index = _index(directory)
    wanted = {f"{p.key}/{q}": p for p, q in chosen()}
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


def versions() -> dict[str, str]:
    """The versions of the libraries whose answers are frozen; empty if none are."""
    try:
        return dict(_manifest(DATA)["versions"])
    except NoAnswer:
        return {}


def _forget() -> None:
    for cached in (_manifest, _load, _index):
        cached.cache_clear()


def digest(problem: Problem) -> str:
    """A hash of the inputs and settings of a problem, the same on every machine.

    Numbers count to 30 bits: the last bit may differ where a machine fuses a multiplication with an
    addition, and changes an answer by less than its tolerance.
    """
    parts: list[Any] = []

    def put(x: Any) -> None:
        if isinstance(x, np.ndarray):
            parts.append((x.shape, x.dtype.kind))
            x = wide(x)
            for part in (x.real, x.imag) if x.dtype.kind == "c" else (x,):
                if part.dtype.kind != "f":
                    parts.append(part.tolist())
                    continue
                fraction, exponent = np.frexp(part)
                rounded = np.where(np.isfinite(part), np.round(fraction * 2.0**30), 0.0)
                special = np.where(
                    np.isfinite(part), 0, np.where(np.isnan(part), 1, 2 + (part > 0))
                )
                parts.append((rounded.tolist(), exponent.tolist(), special.tolist()))
        elif isinstance(x, (list, tuple)):
            for item in x:
                put(item)
        else:
            parts.append(repr(x))

    put(problem.args)
    parts.append(sorted((k, repr(v)) for k, v in problem.kwargs.items()))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# -------------------------------------------------------------------- writing


def chosen() -> Iterator[tuple[Problem, str]]:
    """The problems and quantities that are frozen: of the base cells and of the named cases."""
    from ..cells import Cell, cells_of
    from ..operations import load

    quantities = {0: "value", 1: "gradient", 2: "second"}
    seen = set()
    for name, operation in sorted(load().items()):
        for cell in cells_of(operation, "numpy"):
            if cell.dtype in ("float16", "bfloat16") or cell.shape in ("large", "non-contiguous"):
                continue
            base = cell == Cell(name, "numpy", cell.dtype, order=cell.order)
            named = cell.case != "typical" or cell.shape != "base"
            forward = cell.mode == "forward" and cell.case == "typical"
            if not (base or named or forward):
                continue
            quantity = "tangent" if cell.mode == "forward" else quantities[cell.order]
            problem = Problem.of(cell)
            if (problem.key, quantity) not in seen:
                seen.add((problem.key, quantity))
                yield problem, quantity


def freeze(
    directory: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    problems: Iterator[tuple[Problem, str]] | None = None,
) -> Path:
    """Ask the live oracles and write their answers; the path of the manifest.

    ``progress(done, total, key)`` is called before each problem; `problems` are those of `chosen`
    if None. Raises `RuntimeError` if torch, JAX or mpmath is not installed: the files would lack
    what they are for.
    """
    from . import is_live

    if absent := [n for n in LIBRARIES if not is_live(n)]:
        raise RuntimeError(f"freezing answers needs {', '.join(absent)} live")
    directory = DATA if directory is None else Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    families: dict[str, _Family] = {}
    work = list(chosen() if problems is None else problems)
    for done, (problem, quantity) in enumerate(work):
        if progress is not None:
            progress(done, len(work), f"{problem.key}/{quantity}")
        if found := _said(problem, quantity):
            families.setdefault(_family(problem), _Family()).add(problem, quantity, found)
    manifest: dict[str, Any] = {
        "format": FORMAT,
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
    _forget()
    return path


def _said(problem: Problem, quantity: str) -> dict[str, OracleAnswer]:
    """The live answers by name.

    JAX, which compiles for every shape, is asked about the typical case, and where torch is silent.
    """
    from . import consult

    found = consult(problem, quantity, ["torch", "mpmath"])
    typical = problem.case is problem.operation.typical
    if typical or not any(a.name == "torch" for a in found):
        found = sorted(
            [*found, *consult(problem, quantity, ["jax"])], key=lambda a: LIBRARIES.index(a.name)
        )
    return {a.name: a for a in found}


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

    def add(self, problem: Problem, quantity: str, found: dict[str, OracleAnswer]) -> None:
        from ..tolerance import compare

        main = next(iter(found.values()))
        if sum(x.size for x in main.arrays) > LARGEST:
            return
        agree, own = [main.name], {}
        for name, other in found.items():
            if other is main:
                continue
            if [x.shape for x in other.arrays] != [x.shape for x in main.arrays]:
                continue
            said = compare(problem.operation, quantity, "float64", other.arrays, main)
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
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("numpy", "array-api-compat", *LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()
