"""The cells of the 2017 torch.autograd tutorial, unchanged but for where Variable comes from."""

from __future__ import annotations

import ast
import contextlib
import io
import pathlib
import re

import pytest

from tests.support.optional import needs

torch = needs("torch")

from pluggrad import Variable

TEXT = (pathlib.Path(__file__).parent / "tutorial_cells.txt").read_text()
CELLS = dict(re.findall(r"In \[(\d+)\]:\n(.*?)(?=\n\nIn \[|\Z)", TEXT, re.DOTALL))
THEIRS, OURS = "from torch.autograd import Variable", "from pluggrad import Variable"


def run(replace_import: bool, stop: str = "") -> dict[str, tuple[object, str, dict[str, object]]]:
    """Run the cells in order: for each its value, what it printed, and the variables after it."""
    torch.manual_seed(0)
    scope: dict[str, object] = {}
    results = {}
    for number, source in CELLS.items():
        if number == stop:
            break
        if replace_import:
            source = source.replace(THEIRS, OURS)
        elif number == "26":
            continue  # `volatile` is gone from torch
        value = None
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            for node in ast.parse(source).body:  # one by one, as a notebook runs them
                if isinstance(node, ast.Expr):
                    code = compile(ast.Expression(node.value), f"cell {number}", "eval")
                    value = eval(code, scope)
                else:
                    exec(compile(ast.Module([node], []), f"cell {number}", "exec"), scope)
        results[number] = (value, printed.getvalue(), dict(scope))
    return results


@pytest.fixture(scope="module")
def ours():
    return run(replace_import=True)


@pytest.fixture(scope="module")
def theirs():
    return run(replace_import=False, stop="120")


def same(v, tensor) -> None:
    assert isinstance(v, Variable)
    assert v.data.dtype == tensor.dtype
    torch.testing.assert_close(v.data, tensor.detach(), rtol=1e-6, atol=1e-6)


def test_every_cell_is_there():
    assert len(CELLS) == 19
    assert TEXT.count("In [") == 19
    assert CELLS["5"].count(THEIRS) == 1


def test_wrapping_and_properties(ours):
    assert ours["17"][1].startswith("Variable containing:")
    assert "[torch.float32 of size 5x3]" in ours["17"][1]
    lines = ours["26"][1].splitlines()
    assert lines[:3] == ["Requires Gradient : False ", "Volatile : False ", "Gradient : None "]
    assert ours["30"][1] == "(5, 5)\n"
    assert ours["35"][1] == "None\n"


@pytest.mark.parametrize("number", ["30", "35", "78", "85", "107", "110", "112", "114", "119"])
def test_same_values_as_torch(ours, theirs, number):
    for name in ("x", "y", "z", "o"):
        if name in theirs[number][2]:
            same(ours[number][2][name], theirs[number][2][name])


def test_backward(ours, theirs):
    same(ours["78"][2]["x"].grad, theirs["78"][2]["x"].grad)
    assert bool(ours["79"][0].data.all())
    assert ours["79"][0].shape == (5, 3)
    same(ours["80"][0], theirs["80"][0])


@pytest.mark.parametrize(
    ("number", "name"),
    [("85", "dz_dx"), ("85", "dz_dy"), ("110", "do_dinputs_1"), ("112", "do_dinputs_2")],
)
def test_autograd_grad(ours, theirs, number, name):
    mine, reference = ours[number][2][name], theirs[number][2][name]
    assert isinstance(mine, tuple)
    assert len(mine) == len(reference)
    for v, tensor in zip(mine, reference, strict=True):
        same(v, tensor)


@pytest.mark.parametrize("number", ["111", "113"])
def test_gradients_are_printed(ours, number):
    for name in ("do/dx", "do/dy", "do/dz"):
        assert f"{name} : \n" in ours[number][1]
    assert ours[number][1].count("Variable containing:") == 3


def test_requires_grad_and_volatile(ours):
    assert ours["119"][1].split() == ["False", "True"]
    assert ours["122"][1].split() == ["False", "None", "False", "None"]
