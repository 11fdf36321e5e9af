"""The path of a gradient: the files that a backward walk enters are those that CONTRIBUTING names."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

import pluggrad as pg
from pluggrad.engine.adopted import NOTED

ROOT = Path(pg.__file__).parent
CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"


def files_entered(run) -> list[str]:
    """The files of pluggrad in which a Python function is called during `run`, in that order."""
    entered: dict[str, None] = {}

    def note(frame, event, arg):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            entered[path.relative_to(ROOT).as_posix()] = None

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return list(entered)


def files_named() -> list[str]:
    """The first column of the table in CONTRIBUTING's section on the path of a gradient."""
    section = CONTRIBUTING.read_text().split("### The path of a gradient")[1].split("\n#")[0]
    return re.findall(r"^\| `(\w[\w/]*\.py)` \|", section, re.MULTILINE)


def test_a_backward_walk_enters_the_files_that_contributing_names():
    x = pg.Variable(np.ones(3), requires_grad=True)
    w = pg.Variable(np.full(3, 2.0), requires_grad=True)

    def run():
        pg.sum(x * w).backward()

    NOTED.clear()  # an error in an adopted package that another test left waiting
    run()  # functions are looked up and bound when they are first used
    entered, named = files_entered(run), files_named()
    assert set(entered) == set(named)
    assert len(entered) == len(named) <= 10
    np.testing.assert_array_equal(x.grad.data, [4.0, 4.0, 4.0])
