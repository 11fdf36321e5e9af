"""Checks that need a process of their own, such as one with eight devices: many share one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["run_checks", "run_program"]


def run_checks(checks: dict[str, Callable[[], Any]]) -> None:
    """Run those of `checks` that the command line names, or all, in this process. Print what each
    raised as one line of JSON."""
    for name, check in checks.items():
        try:
            if name in (sys.argv[1:] or checks):
                check()
            print(json.dumps([name, ""]), flush=True)
        except Exception:
            print(json.dumps([name, traceback.format_exc()]), flush=True)


def run_program(path: Path, *names: str, **environment: str) -> dict[str, str]:
    """Run a program that calls `run_checks`, for these `names` or all, and return what each check
    raised; "" if nothing."""
    root = Path(__file__).parents[2]
    paths = [*sys.path, str(root)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    done = subprocess.run([sys.executable, str(path), *names], env=env, capture_output=True,
                          text=True, timeout=300, cwd=root)  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    found: dict[str, str] = dict(
        json.loads(line)
        for line in lines
        if line.startswith('["')  # Gloo prints, too
    )
    assert found, done.stderr[-3000:]
    return found
