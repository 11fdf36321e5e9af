"""Frozen answers: those of torch, JAX and mpmath when the package was made, for use without them.

`freezing.freeze` asks the live oracles about a chosen set of problems and writes ``data/``: one
compressed file for each family of operations, and ``manifest.json`` with the hash of each, the
versions that answered, and the date. `frozen_answer` returns an answer only if the file has the
hash in the manifest and the problem has the inputs that were asked about: an answer belongs to its
inputs, so it expires when a row of the tables changes.

A file holds an index (JSON: for each problem and quantity the shapes, and which libraries agree)
and two rows of numbers: the arrays in double precision, and their scales, for which float32 is
plenty. Where JAX or mpmath agreed with torch within the tolerance of double precision, which is
nearly everywhere, torch's numbers stand for theirs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, OracleAnswer

__all__ = [
    "DATA", "FORMAT", "LIBRARIES", "FrozenError", "answers_in", "clear_cache", "digest",
    "frozen_answer", "frozen_as_live", "frozen_index", "frozen_versions", "preferred", "set_aside",
    "stands_in",
]  # fmt: skip

DATA = Path(__file__).parent.parent / "data"
FORMAT = 1
#: The libraries whose answers are kept. What NumPy can answer by itself is never frozen.
LIBRARIES = ("torch", "jax", "mpmath")

_aside = _preferred = False


class FrozenError(ValueError):
    """The data files are damaged, or not those of the manifest."""


def frozen_answer(problem: Problem, quantity: str, name: str) -> OracleAnswer:
    """The frozen answer of a library; raises `NoAnswer` where there is none for this problem."""
    if (name == "jax" and problem.operation.no_jax) or (
        name == "torch" and problem.operation.no_torch
    ):
        raise NoAnswer(f"{name} has no {problem.operation.name}")
    entry = frozen_index(DATA).get(f"{problem.key}/{quantity}")
    if entry is None and problem.mask != "all" and quantity in ("value", "gradient"):
        return _by_one(problem, quantity, name)
    if entry is None:
        raise NoAnswer("no frozen answer")
    family, facts = entry
    if facts["inputs"] != digest(problem):
        raise NoAnswer("the frozen answer is for other inputs: freeze anew")
    if quantity != "value" and _by_others(problem):
        raise NoAnswer("the frozen answer is by other inputs: freeze anew")
    if name in facts["own"]:
        part = facts["own"][name]
    elif name in facts["agree"]:
        part = facts["main"]
    else:
        raise NoAnswer(f"no frozen answer of {name}")
    numbers, scales = _load(DATA, family)[1:]
    arrays, scale = _unpack(part, facts["shapes"], numbers, scales)
    return OracleAnswer(f"{name} (frozen)", arrays, scale, f"{name} {frozen_versions()[name]}")


def _by_one(problem: Problem, quantity: str, name: str) -> OracleAnswer:
    """The answer to a problem that is differentiated by one array alone: the values, or the
    gradient by that array, of the problem that is differentiated by all."""
    whole = Problem(problem.operation, problem.case, problem.dtype, seed=problem.seed,
                    layout=problem.layout, args=problem.args)  # fmt: skip
    found = frozen_answer(whole, quantity, name)
    if quantity == "gradient":
        number = int(problem.mask)
        found.arrays, found.scale = [found.arrays[number]], [found.scale[number]]
    return found


def answers_in(directory: Path, family: str, facts: Any) -> dict[str, OracleAnswer]:
    """The answers of an entry of a file, by library."""
    numbers, scales = _load(directory, family)[1:]
    found = {}
    for name in LIBRARIES:
        part = facts["own"].get(name, facts["main"] if name in facts["agree"] else None)
        if part is not None:
            found[name] = OracleAnswer(name, *_unpack(part, facts["shapes"], numbers, scales))
    return found


def _by_others(problem: Problem) -> bool:
    """Whether the frozen derivatives are not by those inputs that have one today."""
    found = [frozen_index(DATA).get(f"{problem.key}/{q}") for q in ("gradient", "second")]
    return any(len(entry[1]["shapes"]) != len(problem.inputs) for entry in found if entry)


@contextmanager
def set_aside() -> Iterator[None]:
    """In this block nothing stands in for a live oracle: answers are being frozen anew."""
    global _aside
    before, _aside = _aside, True
    try:
        yield
    finally:
        _aside = before


@contextmanager
def preferred() -> Iterator[None]:
    """In this block frozen answers stand in for live oracles of the same version: they are the
    same, and cost nothing."""
    global _preferred
    before, _preferred = _preferred, True
    try:
        yield
    finally:
        _preferred = before


def stands_in(name: str) -> bool:
    """Whether the frozen answers of a library are asked before the library itself. mpmath's always
    are: they are the same everywhere, and slow to compute."""
    return name == "mpmath" or (_preferred and _same_version(name))


@lru_cache(maxsize=8)
def _same_version(name: str) -> bool:
    try:
        return frozen_versions().get(name) == version(name)
    except PackageNotFoundError:
        return False


def frozen_as_live(problem: Problem, quantity: str, name: str) -> OracleAnswer | None:
    """The frozen answer under the oracle's own name, as if it were live. None if missing."""
    if _aside:
        return None
    try:
        found = frozen_answer(problem, quantity, name)
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
def frozen_index(directory: Path) -> dict[str, tuple[str, Any]]:
    """For each problem and quantity with an answer: its family, and its entry in the file."""
    found = {}
    for family in _manifest(directory)["families"]:
        for key, facts in _load(directory, family)[0].items():
            found[key] = (family, facts)
    return found


def frozen_versions() -> dict[str, str]:
    """The versions of the libraries whose answers are frozen; empty if none are."""
    try:
        return dict(_manifest(DATA)["versions"])
    except NoAnswer:
        return {}


def clear_cache() -> None:
    """Forget what was read: the files have changed."""
    for cached in (_manifest, _load, frozen_index, _same_version):
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
