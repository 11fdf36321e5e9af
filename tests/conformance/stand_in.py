"""A judge that stands in for the real one in the tests of the runner: quick, and told what to do.

``STAND_IN`` is a JSON object from globs of cell keys to an outcome, or to "hang", "crash", "raise",
"leave" (the worker ends), "kill" (somebody kills the worker) or "slow" (0.2 s). ``STAND_IN_DETAIL``
is the detail of results, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import time
from fnmatch import fnmatchcase

from pluggrad_conformance.results import OracleVerdict, Property, Result


def judge(cell, problem=None):
    print("libraries print things")  # and nobody must be confused by it
    outcome = "pass"
    for glob, what in json.loads(os.environ.get("STAND_IN", "{}")).items():
        if fnmatchcase(cell.key, glob):
            outcome = what
    if outcome == "hang":
        time.sleep(1000)
    if outcome == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if outcome == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    detail = json.loads(os.environ.get("STAND_IN_DETAIL", '"as told"'))
    if outcome == "raise":
        raise KeyError("the judge is broken", detail)
    if outcome == "leave":
        os._exit(7)
    if outcome == "slow":
        time.sleep(0.2)
        outcome = "pass"
    with open(os.environ.get("STAND_IN_LOG", os.devnull), "a") as log:
        log.write(f"{os.getpid()} {cell.key}\n")
    error = 1.5 if outcome == "pass" else float("inf")
    return Result(
        cell, outcome, detail, "gradient", error, None,
        [OracleVerdict("torch", "agrees", error)], [Property("dtype", True)], 0.001,
    )  # fmt: skip
