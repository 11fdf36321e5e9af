"""``pluggrad compare``: one function, every contender, the same gradients, and who is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.support.examples import EXAMPLES
from tests.support.optional import installed, needs

needs("rich", "jinja2")

from pluggrad_conformance.functions import compare_contenders, main
from pluggrad_conformance.functions.inputs import InputError, load_inputs

EXAMPLE = str(EXAMPLES / "compare.py")
BACKENDS = installed("numpy", "torch", "jax", "dask")


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n"
        "def f(xp, x, n, w):\n"
        "    return xp.sin(x) ** n * w\n"
        "inputs = [np.asarray([0.1, 0.2]), 2, np.asarray([[1.0], [3.0]])]\n"
        "def operators(x):\n"
        "    return (x * x + 1 / x).sum()\n"
        "def numpy_only(x):\n"
        "    return np.linalg.slogdet(np.asarray(x))[1]\n"
        "def complex_one(xp, z):\n"
        "    return xp.sum(z * z * z)\n"
        "points = lambda: [np.asarray([1 + 2j, 0.5j])]\n"
    )
    return str(path)


def test_all_agree(module):
    found = compare_contenders(f"{module}:f", BACKENDS, rounds=2, memory=0)
    x, w = np.asarray([0.1, 0.2]), np.asarray([[1.0], [3.0]])
    assert found.by == [0, 2]
    assert {row.name for row in found.rows} >= {f"pluggrad on {name}" for name in BACKENDS}
    for row in found.rows:
        assert not row.problem
        assert row.value == pytest.approx(np.sum(np.sin(x) ** 2 * w))
        gx, gw = found.gradients[row.name]
        np.testing.assert_allclose(gx, 4 * np.sin(2 * x), rtol=1e-6)
        np.testing.assert_allclose(gw, np.full((2, 1), np.sum(np.sin(x) ** 2)), rtol=1e-6)
        assert len(row.times) == 2 and row.time > 0
        if "jax" not in row.name:  # without x64, JAX computes in single precision
            assert max(row.gradient_errors) < 8 and row.value_error < 8


def test_complex_gradients_follow_one_convention(module):
    found = compare_contenders(
        f"{module}:complex_one", BACKENDS, inputs=f"{module}:points", rounds=1, memory=0
    )
    z = np.asarray([1 + 2j, 0.5j])
    for row in found.rows:
        if not row.problem:
            np.testing.assert_allclose(found.gradients[row.name][0], np.conj(3 * z * z), rtol=1e-5)
    assert sum(not row.problem for row in found.rows) >= len(BACKENDS)


def test_single_precision_is_judged_in_its_own_eps(module):
    found = compare_contenders(
        f"{module}:f", ["numpy"], dtype="float32", native=False, rounds=1, memory=0
    )
    (row,) = found.rows
    assert found.gradients[row.name][0].dtype == np.float32
    assert max(row.gradient_errors) < 8


def test_who_cannot_take_part_says_why(module):
    found = compare_contenders(
        f"{module}:operators", ["numpy"], inputs="2,", native=False, rounds=1, memory=0
    )
    assert not found.rows[0].problem
    with pytest.raises(ValueError, match="nobody could"):
        compare_contenders(f"{module}:numpy_only", ["numpy"], inputs="2x2", rounds=1, memory=0)


def test_memory_is_measured_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "big.py"
    path.write_text("def f(xp, x):\n    return xp.sum(xp.exp(xp.sin(x)))\n")
    (row,) = compare_contenders(
        f"{path}:f", ["numpy"], inputs="1000000", native=False, rounds=1, memory=2
    ).rows
    assert len(row.peaks) == 2
    assert 16e6 <= min(row.peaks) <= 80e6  # two arrays of 8 MB are saved at least


def test_the_command(capsys, tmp_path):
    made = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html")}
    from pluggrad.tools.cli import main as pluggrad

    code = pluggrad(["compare", f"{EXAMPLE}:energy", "--backends", "numpy", "--no-native", "--rounds", "1",
                 "--memory", "0", "--json", str(made["json"]), "--html", str(made["html"])])  # fmt: skip
    assert code == 0
    assert "pluggrad on numpy" in capsys.readouterr().out
    facts = json.loads(made["json"].read_text())
    assert facts["rows"][0]["gradient_errors"] and facts["facts"]["versions"]["numpy"]
    page = made["html"].read_text()
    assert "pluggrad on numpy" in page and "http://" not in page and "https://" not in page


@pytest.mark.parametrize("words, message", [
    (["nothing"], "MODULE:FUNCTION"),
    (["no_such_module:f"], "no module"),
    (["math:no_such_function"], "has no"),
    (["math:pi"], "not a function"),
    ([f"{EXAMPLE}:main"], "nobody could.*pluggrad on numpy: TypeError"),
    ([f"{EXAMPLE}:energy", "--inputs", "??"], "is no"),
])  # fmt: skip
def test_mistakes_in_the_command(words, message, capsys):
    import re

    assert main([*words, "--rounds", "1", "--memory", "0"]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_inputs(tmp_path, module):
    np.savez(tmp_path / "a.npz", x=np.ones(2), y=np.zeros((1, 3)))
    shapes = [x.shape for x in load_inputs(str(tmp_path / "a.npz"), len)]
    assert shapes == [(2,), (1, 3)]
    assert [x.shape for x in load_inputs("3x4,4,()", len)] == [(3, 4), (4,), ()]
    first, again = load_inputs("3", len, 1), load_inputs("3", len, 1)
    np.testing.assert_array_equal(first[0], again[0])
    with pytest.raises(InputError, match="what is len"):
        load_inputs(None, len)
