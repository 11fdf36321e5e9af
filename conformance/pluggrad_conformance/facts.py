"""The facts of a run, for ``run.json``: what ran, on what, in which versions."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pluggrad

from .libraries import Library
from .systems import find_system, is_native

__all__ = ["SEED", "cases_hash", "run_facts"]

#: The version of the scheme by which inputs are drawn (a generator seeded with the name of the
#: problem). It must change when the scheme does.
SEED = 1

#: Distributions whose version may change a number.
DISTRIBUTIONS = (
    "pluggrad", "numpy", "array-api-compat", "optree", "torch", "jax", "jaxlib", "ml_dtypes",
    "array-api-strict", "dask", "scipy", "mpmath",
)  # fmt: skip


def run_facts(backends: Iterable[str], plugins: Iterable[str] = ()) -> dict[str, Any]:
    """Seed, hash of the cases, versions, hardware, operating system and git commit.

    >>> sorted(run_facts(["numpy"]))
    ['cases', 'git', 'hardware', 'os', 'seed', 'versions']
    """
    return {
        "seed": SEED,
        "cases": cases_hash(plugins),
        "versions": versions(backends),
        "hardware": hardware(),
        "os": platform.platform(),
        "git": git(),
    }


def cases_hash(plugins: Iterable[str] = ()) -> str:
    """A hash of the sources that define the cells and their inputs, plugins included."""
    here = Path(__file__).parent
    files = sorted((here / "tables").glob("*.py"))
    files += [here / f"{name}.py" for name in ("cells", "operations", "problem", "programs")]
    files += [Path(plugin) for plugin in plugins if plugin.endswith(".py")]
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def versions(backends: Iterable[str]) -> dict[str, str]:
    """The versions of Python, of the libraries that matter, and of each backend's library."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    for name in backends:
        if is_native(name):
            found[name] = find_system(name).version()
        elif name not in found:
            found[name] = str(Library(name).backend.adapter.version())
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores and memory, and the GPUs that torch sees if it is loaded."""
    facts: dict[str, Any] = {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }
    with suppress(ValueError, OSError, AttributeError):
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        facts["memory_gb"] = round(size / 1e9, 1)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return facts


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def git() -> dict[str, Any] | None:
    """The commit of the checkout that pluggrad runs from, and whether it has changes; else None."""
    folder = Path(pluggrad.__file__).resolve().parent

    def ask(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=10
        ).stdout.strip()

    try:
        if "site-packages" in folder.parts or not ask("ls-files", "__init__.py"):
            return None
        return {"commit": ask("rev-parse", "HEAD"), "dirty": bool(ask("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None
