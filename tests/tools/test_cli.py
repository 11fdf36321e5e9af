"""The command line: every backend's tour runs, and what it prints is computed."""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from pluggrad.tools import tour
from pluggrad.tools.cli import main
from tests.support.backends import ALL
from tests.support.optional import skipped_if_missing


@pytest.fixture(scope="module", params=skipped_if_missing(ALL))
def walk(request):
    """What `pluggrad tour` prints on one backend, and the variables that it ends with."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["tour", "--backend", request.param]) == 0
        first = out.tell()
        scope = tour.run(request.param)
    text = out.getvalue()
    assert text[:first] == text[first:]  # seeded: every run is the same
    return request.param, text[:first], scope


def numbers_after(text: str, after: str) -> list[float]:
    """The list of numbers printed after `after`."""
    found = re.search(re.escape(after) + r"\s*(\[.*?\])", text)
    assert found, after
    return ast.literal_eval(found[1])


def test_every_step_is_shown_and_run(walk):
    name, text, _ = walk
    assert text.startswith(f"pluggrad on {name} ")
    assert len(tour.STEPS) >= 18
    for number, step in enumerate(tour.STEPS, 1):
        assert f"{number}. {step.title}\n" in text
        for shown, _, _ in tour.statements(step.code):
            assert f">>> {shown[0]}\n" in text
    assert "\033" not in text  # no colours unless on a terminal


def test_gradients_are_right(walk):
    _, text, _ = walk
    assert numbers_after(text, "once: ") == [2, 4, 6]
    assert numbers_after(text, "twice:") == [4, 8, 12]
    assert numbers_after(text, "after zero_grad:") == [2, 4, 6]
    assert numbers_after(text, "of the computed h:") == [2, 8, 18]
    assert numbers_after(text, "of the leaf x:") == [4, 32, 108]
    assert numbers_after(text, "by autograd.grad:") == [2, 8, 18]
    assert numbers_after(text, "first: ") == [3, 12, 27]
    assert numbers_after(text, "second:") == [6, 12, 18]
    assert numbers_after(text, "third: ") == [6, 6, 6]


def test_the_two_graphs(walk):
    """do/dx, do/dy and do/dz of both, against formulas in NumPy on the same random numbers."""
    _, text, scope = walk
    for name in ("do/dx", "do/dy", "do/dz"):
        assert text.count(f"\n{name}\n") == 2
    first, second = ([np.asarray(g.tolist()) for g in scope[f"do_dinputs_{n}"]] for n in (1, 2))
    x, y, z = random_inputs()
    ones = np.ones((5, 5))
    close = {"rtol": 1e-4, "atol": 1e-4}
    for mine, right in zip(first, (ones @ y.T, x.T @ ones, ones.sum(0)), strict=True):
        np.testing.assert_allclose(mine, right, **close)
    w = ones / z
    right2 = (w @ y.T, x.T @ w, -((x @ y) / z**2).sum(0))
    for mine, right in zip(second, right2, strict=True):
        np.testing.assert_allclose(mine, right, **close)


def random_inputs() -> list[np.ndarray]:
    """What the tour's `array` gave for x, y and z of the two graphs."""
    rng = random.Random(2017)
    shapes = []
    for step in tour.STEPS:
        found = re.findall(r"(?<!def )array\(([\d, ]+)\)", step.code)
        shapes += [tuple(int(n) for n in text.split(",")) for text in found]
        if step.title.startswith("Two graphs"):
            break
    arrays = [np.reshape([rng.uniform(-1, 1) for _ in range(int(np.prod(s)))], s) for s in shapes]
    return arrays[-3:]


def test_what_is_printed_comes_from_running(capsys, monkeypatch):
    step = tour.Chapter("A step", "Prose.", "a = 20\na + 1\nfor i in range(2):\n    print(i)")
    monkeypatch.setattr(tour, "STEPS", [step])
    tour.run("numpy")
    shown = capsys.readouterr().out.split("Prose.\n\n")[1].splitlines()
    assert shown == [
        ">>> a = 20", ">>> a + 1", "21", ">>> for i in range(2):", "...     print(i)", "0", "1",
    ]  # fmt: skip


def test_unknown_backend(capsys):
    assert main(["tour", "--backend", "nosuch"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "nosuch" in err
    assert "numpy" in err
    assert "Traceback" not in err


def test_backend_whose_library_is_missing(capsys, monkeypatch):
    from pluggrad.arrays.plugins import plugins

    class Point:
        name, module, value = "absent", "pluggrad_numpy", "pluggrad_numpy:absent"

        @staticmethod
        def load():
            raise ImportError("No module named 'absent'")

    monkeypatch.setitem(plugins(), "absent", Point())
    assert main(["tour", "--backend", "absent"]) == 2
    assert "pip install 'pluggrad[absent]'" in capsys.readouterr().err


def test_backends_table(capsys):
    assert main(["backends"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "VERSION", "DEVICES", "WRITES", "NOTES"]
    row = next(line for line in lines if line.startswith("numpy "))
    assert np.__version__ in row
    assert "in place" in row


def test_help_and_version(capsys):
    assert main([]) == 0
    assert "tour" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    with pytest.raises(SystemExit) as stop:
        main(["no-such-command"])
    assert stop.value.code == 2


def test_as_a_module():
    run = subprocess.run(
        [sys.executable, "-m", "pluggrad", "tour", "--backend", "numpy"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0
    assert run.stderr == ""
    assert "Graph 2" in run.stdout


WITHOUT_THE_EXTRA = """
import sys
from importlib.abc import MetaPathFinder
from pluggrad.tools.cli import CONFORMANCE, main

class Nothing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in CONFORMANCE:
            raise ModuleNotFoundError(name)

import importlib.util
spec, here = importlib.util.find_spec, CONFORMANCE
importlib.util.find_spec = lambda name: None if name in here else spec(name)
sys.meta_path.insert(0, Nothing())
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "words, code",
    [("conformance", 0), ("conformance run --help", 0), ("compare -h", 0), ("conformance run", 2)],
)
def test_help_is_there_without_the_extra_and_says_what_to_install(words, code):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA, *words.split()], capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    extra = words.split()[0]  # each command has an extra of its name
    assert f"`pip install 'pluggrad[{extra}]'`" in done.stdout + done.stderr
    assert ("usage: pluggrad" in done.stdout) == (code == 0)
