"""``pluggrad compare``: every system in a process of its own, and what it tells and writes."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest

from tests.support.examples import EXAMPLES
from tests.support.optional import installed, needs, skip_without

needs("rich", "jinja2", "mpmath", "pyperf")

from pluggrad_conformance.functions.cli import main
from pluggrad_conformance.functions.contenders import as_numpy, contenders
from pluggrad_conformance.functions.inputs import (
    InputError,
    load_function,
    load_inputs,
    places_of,
)  # fmt: skip
from pluggrad_conformance.functions.measure import Settings, compare_function
from pluggrad_conformance.functions.records import (
    Comparison,
    Figures,
    RecordError,
    Report,
    interval,
    merge_reports,
)  # fmt: skip

EXAMPLE = str(EXAMPLES / "compare.py")
ALONE = ["--backends", "numpy", "--systems", "pluggrad on numpy", "--no-compiled"]

SOURCE = """
import numpy as np
def f(xp, x, n, w):
    return xp.sin(x) ** n * w
inputs = [np.asarray([0.1, 0.2]), 2, np.asarray([[1.0], [3.0]])]
def of_pluggrad(x):
    import pluggrad as pg
    return pg.sum(x * x)
def numpy_only(x):
    return np.linalg.slogdet(np.asarray(x))[1]
def complex_one(xp, z):
    return xp.sum(z * z * z)
points = lambda: [np.asarray([1 + 2j, 0.5j])]
def scaled(xp, x, factor):
    return factor * xp.sum(x)
numbers = [np.asarray([1.0, 2.0]), 0.5]
def wrong(xp, x):
    hidden = getattr(x, "detach", None) or (lambda: x)
    return xp.sum(x * hidden())
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return str(path)


def steps(module, name, args, by, backends=("numpy",), without=()):
    """Each contender's name and step; not of those that compile for long, and JAX's only once."""
    function = load_function(f"{module}:{name}")
    slow = {"torch.compile", "pluggrad on torch, pg.compile", *without}
    for contender in contenders(backends):
        jax = contender.name.startswith("jax") and backends[0] != "numpy"
        if contender.name not in slow and not jax:
            yield contender.name, contender.make(function, args, by)


@pytest.mark.parametrize("backend", installed("numpy", "torch", "dask"))
def test_every_contender_computes_the_same(module, backend):
    x, w = np.asarray([0.1, 0.2]), np.asarray([[1.0], [3.0]])
    seen = []
    for name, step in steps(module, "f", [x, 2, w], [0, 2], [backend]):
        value, (gx, gw) = step.both()
        rtol = 1e-5 if "jax" in name else 1e-12
        np.testing.assert_allclose(as_numpy(value), np.sum(np.sin(x) ** 2 * w), rtol)
        np.testing.assert_allclose(as_numpy(step.value()), as_numpy(value), rtol)
        np.testing.assert_allclose(as_numpy(gx), 4 * np.sin(2 * x), rtol)
        np.testing.assert_allclose(as_numpy(gw), np.full((2, 1), np.sum(np.sin(x) ** 2)), rtol)
        seen.append(name)
    assert f"pluggrad on {backend}" in seen
    for library, name in (("torch", "torch.autograd"), ("autograd", "HIPS autograd"),
                          ("mygrad", "MyGrad")):  # fmt: skip
        assert (name in seen) == bool(installed(library))


def test_complex_gradients_follow_one_convention(module):
    z = np.asarray([1 + 2j, 0.5j])
    for name, step in steps(module, "complex_one", [z], [0], without=["MyGrad"]):
        np.testing.assert_allclose(
            as_numpy(step.both()[1][0]), np.conj(3 * z * z), 1e-5, err_msg=name
        )


def test_one_system_is_measured_in_processes_of_its_own(module):
    settings = Settings(["numpy"], processes=2, systems=["pluggrad on numpy"], compiled=False)
    found = compare_function(f"{module}:f", settings)
    (row,) = found.rows
    assert found.by == [0, 2] and found.arbiter == "mpmath, 50 digits"
    assert row.verdict == "agrees" and max(row.gradient_errors) < 8 and row.value_error < 8
    assert len(row.times) == len(row.first_calls) == len(row.value_times) == len(row.peaks) == 2
    low, high = row.spread
    assert 0 < low <= row.time <= high and row.first_call > 0 and row.ratio > 1
    assert not any("pluggrad_mine" in name for name in sys.modules)


def test_single_precision_is_judged_in_its_own_eps(module):
    settings = Settings(["numpy"], "float32", processes=0, systems=["pluggrad on numpy"],
                        compiled=False)  # fmt: skip
    found = compare_function(f"{module}:f", settings)
    (row,) = found.rows
    assert found.gradients[row.name][0].dtype == np.float32
    assert row.verdict == "agrees" and max(row.gradient_errors) < 8


@skip_without("torch")
def test_who_is_wrong_is_told_by_the_exit_status(module, capsys):
    """Behind `detach` half of the gradient is lost: NumPy has none, torch does."""
    command = [f"{module}:wrong", "--inputs", "3", "--backends", "numpy", "--processes", "0",
               "--no-compiled", "--systems", "torch.autograd"]  # fmt: skip
    assert main(command) == 1
    assert "torch.autograd: differs: gradient 0 at [0]" in capsys.readouterr().out


@skip_without("torch")
def test_functions_of_pluggrad_get_a_helpful_word(module, capsys):
    command = [f"{module}:of_pluggrad", "--inputs", "3", "--processes", "0", "--no-compiled",
               "--backends", "numpy", "--systems", "torch.autograd"]  # fmt: skip
    assert main(command) == 2
    assert "take `xp` first" in capsys.readouterr().err


def test_python_numbers_are_settings(module):
    args = load_inputs(f"{module}:numbers", len)
    assert args[1] == 0.5 and isinstance(args[1], float)
    assert places_of(args, None) == [0]
    with pytest.raises(InputError, match=r"argument 1 is float, a setting.*numpy.asarray"):
        places_of(args, [1])
    with pytest.raises(InputError, match="there is no argument 5"):
        places_of(args, [5])


def test_the_command(capsys, tmp_path):
    made = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "tex")}
    from pluggrad.tools.cli import main as pluggrad

    code = pluggrad(["compare", f"{EXAMPLE}:energy", *ALONE, "--processes", "1", "--json",
                     str(made["json"]), "--html", str(made["html"]), "--latex", str(made["tex"])])  # fmt: skip
    assert code == 0
    said = capsys.readouterr().out
    assert "pluggrad on numpy" in said and "confirmed by finite differences" in said
    facts = json.loads(made["json"].read_text())
    (run,) = facts["runs"]
    assert {"command", "seed", "commit", "machine", "load", "versions", "date"} <= set(run)
    assert run["command"][:2] == ["pluggrad", "compare"] and run["versions"]["numpy"]
    (row,) = facts["comparisons"][0]["rows"]
    assert row["gradient_errors"] and row["time"] and row["spread"] and row["peak"] is not None
    page = made["html"].read_text()
    assert "pluggrad on numpy" in page and "http://" not in page and "https://" not in page
    assert r"\toprule" in made["tex"].read_text()
    again = Report.read(made["json"])
    assert json.loads(again.as_json()) == facts


def test_sizes_and_their_picture(module, tmp_path, capsys):
    needs("matplotlib")
    name = tmp_path / "scaling"
    code = main([f"{module}:complex_one", *ALONE, "--inputs", "nx2", "--sizes", "2,4",
                 "--processes", "1", "--plot", str(name)])  # fmt: skip
    assert code == 0
    said = capsys.readouterr().out
    assert "at size 2" in said and "float64 4×2" in said
    assert (tmp_path / "scaling.png").read_bytes()[:4] == b"\x89PNG"
    picture = (tmp_path / "scaling.svg").read_text()
    assert "pluggrad on numpy" in picture and "</svg>" in picture


@pytest.mark.parametrize("words, message", [
    (["nothing"], "MODULE:FUNCTION"),
    (["no_such_module:f"], "no module"),
    (["math:no_such_function"], "has no"),
    (["math:pi"], "not a function"),
    ([f"{EXAMPLE}:energy", "--inputs", "??"], "is no"),
    ([f"{EXAMPLE}:energy", "--inputs", "nx3"], "one of --sizes"),
    ([f"{EXAMPLE}:energy", "--systems", "fortran"], "no system is called like fortran"),
    (["merge", "no-such.json"], "cannot be read"),
])  # fmt: skip
def test_mistakes_in_the_command(words, message, capsys):
    assert main([*words, "--processes", "0"] if words[0] != "merge" else words) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("words", [["--help"], ["merge", "--help"]])
def test_help_tells_what_is_needed(words, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(words)
    said = capsys.readouterr().out
    assert "--json" in said
    if len(words) == 1:
        assert "exit status" in said and "def loss(xp, x, w)" in said and "--suite" in said


def test_inputs(tmp_path, module):
    np.savez(tmp_path / "a.npz", x=np.ones(2), y=np.zeros((1, 3)))
    shapes = [x.shape for x in load_inputs(str(tmp_path / "a.npz"), len)]
    assert shapes == [(2,), (1, 3)]
    assert [x.shape for x in load_inputs("3x4,4,()", len)] == [(3, 4), (4,), ()]
    assert [x.shape for x in load_inputs("nx4,n", len, size=7)] == [(7, 4), (7,)]
    first, again = load_inputs("3", len, 1), load_inputs("3", len, 1)
    np.testing.assert_array_equal(first[0], again[0])
    with pytest.raises(InputError, match="what is len"):
        load_inputs(None, len)
    with pytest.raises(InputError, match="a function of the size"):
        load_inputs("3", len, size=7)


# ---------------------------------------------------------------- merging


def report(machine="one", name="torch.autograd", size=None, times=(1.0, 2.0), verdict="agrees"):
    row = Figures(name, "torch", value=1.0, verdict=verdict, times=[list(times)])
    made = Comparison("m:f", "float64", [0], ["float64 3"], "all 2 agree", [row], size)
    return Report([{"machine": machine, "versions": {"torch": "2"}}], [made])


def test_merging_pools_what_belongs_together():
    merged = merge_reports([report(), report(times=(3.0, 4.0)), report(name="MyGrad"),
                            report(machine="two"), report(size=5)])  # fmt: skip
    first, second = merged.comparisons
    names = [row.name for row in first.rows]
    assert names == ["torch.autograd", "MyGrad", "torch.autograd (2)"]
    assert first.rows[0].times == [[1.0, 2.0], [3.0, 4.0]] and first.rows[0].time == 2.5
    assert (first.rows[2].run, second.size, len(merged.runs)) == (3, 5, 5)
    with pytest.raises(RecordError, match="agrees in one run and differs in another"):
        merge_reports([report(), report(verdict="differs")])


def test_the_interval_is_over_processes():
    """Values of one process say little about another: three processes far apart give a wide one."""
    close, far = interval([[1.0, 1.01]] * 3), interval([[1.0, 1.01], [2.0, 2.01], [3.0, 3.01]])
    assert far[1] - far[0] > 50 * (close[1] - close[0])
    assert interval([[1.0]]) == (1.0, 1.0)
