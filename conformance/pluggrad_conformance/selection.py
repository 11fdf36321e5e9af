"""Selections: which cells a run is about, and how they are split into groups and shards."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from .cells import DTYPES, Cell, enumerate_cells
from .systems import find_system, is_native
from .tables import load_operations, operation_names

__all__ = ["LEVELS", "OURS", "Selection", "default_backends", "group_cells", "in_gate", "shard_of"]

#: The backends of this project.
OURS = ("numpy", "torch", "jax", "strict", "dask")

#: How much is run: everything, or what fits into a few minutes of continuous integration.
LEVELS = ("full", "gate")


@dataclass(frozen=True)
class Selection:
    """Which cells: of some backends, by globs of operations and of keys, by dtypes, by level.

    ``shard=(i, n)`` takes the i-th of n parts, counted from one.

    >>> Selection(("numpy",), operations=("sin",), dtypes=("float32",)).cells()[0].key
    'sin|numpy|float32'
    """

    backends: tuple[str, ...]
    operations: tuple[str, ...] = ("*",)
    dtypes: tuple[str, ...] = ()
    cells_like: tuple[str, ...] = ()
    level: str = "full"
    shard: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"{self.level!r} is no level; there are {', '.join(LEVELS)}")
        part, parts = self.shard
        if not 1 <= part <= parts:
            raise ValueError(f"shard {part}/{parts}: parts are counted from 1 to {parts}")

    def cells(self) -> list[Cell]:
        """The cells, operation by operation, without dtypes that their backend lacks."""
        chosen = operation_names(self.operations)
        if not chosen:
            raise ValueError(f"no operation is called like {' '.join(self.operations)}")
        found = [cell for cell in enumerate_cells(
                    self.backends, chosen, self.dtypes or None, devices(self.backends)
                 ) if self._wanted(cell)]  # fmt: skip
        has = _dtypes({cell.backend for cell in found})
        found = [cell for cell in found if cell.dtype in has[cell.backend]]
        return found if self.shard == (1, 1) else shard_of(found, *self.shard)

    def _wanted(self, cell: Cell) -> bool:
        if self.level == "gate" and not in_gate(cell):
            return False
        return not self.cells_like or any(fnmatchcase(cell.key, glob) for glob in self.cells_like)

    def as_dict(self) -> dict[str, Any]:
        """For ``run.json``."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def in_gate(cell: Cell) -> bool:
    """Whether a cell is in the gate: a fixed part that is judged in a few minutes.

    Of the many functions of `pluggrad.scipy` a sample takes part, on NumPy and torch.

    On every backend the base cell in float64. In complex128, too, on NumPy and torch, which do not
    compile it first, or if the operation is complex only. On NumPy every case about values as well.
    Of operations that one library alone has, every second one.
    """
    if cell.operation.startswith("scipy."):
        sample = zlib.crc32(cell.operation.encode()) % 8 == 0
        return (
            sample
            and cell.is_base
            and cell.order == 1
            and (cell.dtype == "float64" and cell.backend in ("numpy", "torch"))
        )
    if cell.key.count("|") == 2:
        row = load_operations()[cell.operation]
        if row.backends and hashlib.sha256(row.name.encode()).digest()[0] % 2:
            return False
        if cell.dtype == "float64":
            return True
        return cell.dtype == "complex128" and (
            (cell.backend in ("numpy", "torch") and not row.backends) or "real" not in row.domains
        )
    return cell.backend == "numpy" and cell.case != "typical"


def _dtypes(backends: Iterable[str]) -> dict[str, set[str]]:
    """The dtypes of `DTYPES` that each backend has."""
    from .libraries import Library

    return {
        name: set(find_system(name).dtypes) if is_native(name)
        else {d for d in DTYPES if hasattr(Library(name).xp, d)}
        for name in backends
    }  # fmt: skip


def devices(backends: Iterable[str]) -> dict[str, list[str]]:
    """The devices of each backend, without its default, that hold complex128 arrays."""
    import numpy as np  # late, as `libraries` is: see `conftest`

    from .libraries import Library, device_name, settings

    found: dict[str, list[str]] = {}
    for name in backends:
        if is_native(name):
            continue
        with settings(name):
            library = Library(name)
            usual = device_name(library.array(np.ones(1)))
            others = [str(d) for d in library.backend.adapter.devices() if str(d) != usual]
            found[name] = []
            for device in others:
                with suppress(Exception):  # the device refuses: leave it out
                    Library(name, device=device).array(np.ones(1, complex))
                    found[name].append(device)
    return found


def default_backends() -> list[str]:
    """Every backend that is installed, each once."""
    import pluggrad as pg
    from pluggrad.arrays.backend import get_backend

    installed = [name for name, facts in pg.backends().items() if facts["installed"]]
    return [name for name in installed if get_backend(name).name == name]


def group_cells(cells: Iterable[Cell]) -> list[list[Cell]]:
    """One group for each operation, the largest first.

    Within a group, cells with the same inputs stand together: an oracle answers once for all
    backends, and JAX reuses what it compiled. Usual inputs come first, because only the first
    failures are shrunk.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.operation, []).append(cell)
    for found in groups.values():
        found.sort(key=_order)
    return sorted(groups.values(), key=lambda found: (-_weight(found), found[0].operation))


def _order(cell: Cell) -> tuple[object, ...]:
    unusual = (cell.case != "typical", cell.shape != "base", cell.dtype != "float64")
    return (*unusual, cell.problem_key, cell.order != 1, cell.order, cell.mode, cell.key)


def _weight(cells: list[Cell]) -> int:
    """About how long a group takes: compilers and programs dominate."""
    heavy = load_operations()[cells[0].operation].kind in ("program", "decomposition")
    return sum(5 if cell.backend in ("jax", "dask") else 1 for cell in cells) * (10 if heavy else 1)


def shard_of(cells: Iterable[Cell], part: int, parts: int) -> list[Cell]:
    """The cells of one of `parts` shards: whole operations, by a hash of their names, balanced by
    their number of cells. Every shard computes the same split."""
    cells = list(cells)
    sizes: dict[str, int] = {}
    for cell in cells:
        sizes[cell.operation] = sizes.get(cell.operation, 0) + 1
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in sizes}
    loads, place = [0] * parts, {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], digests[name])):
        place[name] = loads.index(min(loads))
        loads[place[name]] += sizes[name]
    return [cell for cell in cells if place[cell.operation] == part - 1]
