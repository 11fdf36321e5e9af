"""Other systems are judged by the same cells: fairly, and so that no fault slips through."""

import subprocess
import sys

import numpy as np
import pytest

from pluggrad_conformance.cells import Cell, enumerate_cells
from pluggrad_conformance.gate import Expectation
from pluggrad_conformance.judge_native import judge_any
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.repro import script_for
from pluggrad_conformance.results import OUTCOMES
from pluggrad_conformance.systems import (
    System,
    find_system,
    register_system,
    subject_of,
    system_names,
)  # fmt: skip
from pluggrad_conformance.systems.pluggrad_ import Pluggrad
from tests.support.optional import needs

needs("torch", "mpmath")

Torch = type(find_system("torch"))


class Sound(Torch):
    """torch under another name: it may be judged by torch, which is quick."""

    name, own_oracle = "sound", ()


register_system(Sound())


def outcome_of(key, system=None):
    return judge_any(Cell.parse(key), system=system)


# ---------------------------------------------------------------------- names


def test_subjects_are_backends_of_pluggrad_and_systems_by_name():
    assert subject_of("pluggrad:numpy") == "numpy"
    assert subject_of("native:torch") == "native:torch"
    for mistake in ("torch", "native:nothing", "pluggrad:"):
        with pytest.raises(ValueError, match=r"subject|system"):
            subject_of(mistake)
    assert {"torch", "jax", "autograd", "mygrad", "tensorflow", "mlx"} <= set(system_names())


def test_what_is_not_installed_is_said():
    class Missing(System):
        name, module = "missing", "no_such_library"

    register_system(Missing())
    with pytest.raises(ValueError, match="native:missing needs no_such_library"):
        subject_of("native:missing")


def test_an_expectation_about_a_backend_says_nothing_of_a_system():
    import datetime

    entry = Expectation("*|*torch*|*", "wrong", "known", datetime.date(2027, 1, 1))
    assert entry.matches("sin|torch|float64") and not entry.matches("sin|native:torch|float64")
    named = Expectation("*|native:torch|*", "wrong", "known", datetime.date(2027, 1, 1))
    assert named.matches("sin|native:torch|float64") and not named.matches("sin|torch|float64")


@pytest.mark.parametrize("name", system_names())
def test_every_system_declares_what_it_can_do(name):
    """Its cells can be listed without its library."""
    system = find_system(name)
    assert system.name == name and set(system.modes) <= {"reverse", "forward", "second"}
    cells = list(enumerate_cells([f"native:{name}"], ["sin", "getitem", "program.mlp"]))
    assert cells and {c.backend for c in cells} == {f"native:{name}"}
    assert all(c.dtype in system.dtypes for c in cells)
    modes = {"second" if c.order == 2 else c.mode for c in cells}
    assert modes == set(system.modes)


@pytest.mark.parametrize("name", [n for n in system_names() if find_system(n).installed])
def test_ordinary_cells_pass_in_every_system_that_is_installed(name):
    """In each of its modes."""
    system = find_system(name)
    axes = {"reverse": "", "second": "|order=2", "forward": "|mode=forward"}
    dtype = "float32" if "float64" in system.narrow else "float64"
    for mode in system.modes:
        for operation in ("sin", "multiply", "matmul"):
            key = f"{operation}|native:{name}|{dtype}{axes[mode]}"
            result = outcome_of(key)
            assert result.outcome == "pass", (key, result.outcome, result.detail)


# ---------------------------------------------------------------------- fairness


def test_a_system_is_never_its_own_oracle():
    result = outcome_of("sin|native:torch|float64")
    assert result.outcome == "pass", result.detail
    assert result.oracles and not any(o.name.startswith("torch") for o in result.oracles)


def test_what_is_not_mapped_is_no_fault():
    result = outcome_of("special.hyp2f1|native:sound|float64")
    assert result.outcome == "unmapped" and OUTCOMES["unmapped"]


def test_what_has_no_derivative_is_unsupported():
    result = outcome_of("special.gammainc|native:sound|float64")
    assert result.outcome == "unsupported-by-backend" and "derivative" in result.detail


class InSinglePrecision(Sound):
    """It computes float64 in float32."""

    def call(self, operation):
        inner = super().call(operation)
        return lambda xp, x: inner(xp, x.float()).double()


def test_arithmetic_that_is_off_forwards_is_not_held_against_the_gradient():
    result = outcome_of("sin|native:sound|float64", InSinglePrecision())
    assert result.outcome == "forward-deviation", result.detail


def chosen(*shares):
    """A system that shares the cotangent among ties of `max` in its own way."""

    class Chosen(Sound):
        def pull(self, f, xs, cs):
            return [cs[0] * self.scope["torch"].asarray(shares, dtype=xs[0].dtype)]

    return Chosen()


@pytest.mark.parametrize("shares, expected", [
    ((0.0, 0.5, 0.5), "pass"),
    ((0.0, 1.0, 0.0), "other-convention"),
    ((0.0, 0.25, 0.75), "other-convention"),
    ((0.0, 2.0, -1.0), "wrong"),
    ((0.5, 0.5, 0.0), "wrong"),
])  # fmt: skip
def test_a_choice_at_ties_is_another_convention_if_it_lies_between_the_sides(shares, expected):
    result = outcome_of("max|native:sound|float64|case=ties", chosen(*shares))
    assert result.outcome == expected, result.detail


# ---------------------------------------------------------------------- bugs planted in a system


def planted(name, bug):
    """`Sound` with the answer of `pull`, `push` or `pull_of_pull` passed through `bug`."""

    class Planted(Sound):
        pass

    def wrong(self, f, xs, *others):
        return bug(getattr(Sound, name)(self, f, xs, *others), xs)

    setattr(Planted, name, wrong)
    return Planted()


def entry(k, value):
    def bug(gs, xs):
        g = gs[0].clone()
        g.reshape(-1)[k] = value(g.reshape(-1)[k])
        return [g, *gs[1:]]

    return bug


def writes(gs, xs):
    xs[0][...] = 0
    return gs


def noise(gs, xs, state=[0]):  # noqa: B006
    state[0] += 1
    return [gs[0] * (1.0 + 4e-16 * (state[0] % 2)), *gs[1:]]


def where_zero(value):
    return lambda gs, xs: [gs[0].masked_fill(xs[0] == 0, value), *gs[1:]]


SCALED = lambda gs, xs: [1.0001 * g for g in gs]
BUGS = [
    ("pull", SCALED, "sin|native:sound|float64", "wrong"),
    ("pull", SCALED, "sin|native:sound|complex128", "wrong"),
    ("pull", entry(3, lambda g: g * (1 + 1e-9)), "sin|native:sound|float64", "wrong"),
    ("pull", entry(0, lambda g: 0.0), "multiply|native:sound|float32", "wrong"),
    ("pull", entry(5, lambda g: -g), "matmul|native:sound|float64", "wrong"),
    ("pull", lambda gs, xs: [g.conj() for g in gs], "multiply|native:sound|complex128", "wrong"),
    ("pull", lambda gs, xs: [g.conj() for g in gs], "exp|native:sound|complex64", "wrong"),
    ("pull", where_zero(3.0), "tanh|native:sound|float64|case=zeros", "wrong"),
    ("pull", where_zero(float("nan")), "tanh|native:sound|float64|case=zeros", "nonfinite-mismatch"),
    ("pull", where_zero(2.0), "abs|native:sound|float64|case=zeros", "wrong"),
    ("pull", lambda gs, xs: [g.double() for g in gs], "sin|native:sound|float32", "wrong-structure"),
    ("pull", lambda gs, xs: [gs[0][:1], *gs[1:]], "sin|native:sound|float64", "wrong-structure"),
    ("pull", writes, "sin|native:sound|float64", "wrong-structure"),
    ("pull", noise, "sin|native:sound|float64", "nondeterministic"),
    ("pull", lambda gs, xs: [0.0 * g for g in gs], "getitem|native:sound|float64", "wrong"),
    ("push", SCALED, "sin|native:sound|float64|mode=forward", "wrong"),
    ("push", SCALED, "cumulative_sum|native:sound|float64", "wrong-structure"),  # by transposition
    ("pull_of_pull", lambda hs, xs: [0.0 * h for h in hs], "sin|native:sound|float64|order=2", "wrong"),
    ("pull_of_pull", SCALED, "linalg.det|native:sound|complex128|order=2", "wrong"),
]  # fmt: skip


@pytest.mark.parametrize(
    "name, bug, key, expected", BUGS, ids=[f"{b[2]}-{k}" for k, b in enumerate(BUGS)]
)
def test_a_bug_planted_in_a_system_is_caught(name, bug, key, expected):
    result = outcome_of(key, planted(name, bug))
    assert result.outcome == expected, (result.outcome, result.detail)


@pytest.mark.parametrize("key", sorted({key for _, _, key, _ in BUGS}))
def test_a_sound_system_passes(key):
    result = outcome_of(key)
    assert result.outcome in ("pass", "other-convention"), (result.outcome, result.detail)


# ---------------------------------------------------------------------- pluggrad is one, too

CELLS = [
    *(f"{name}|float64{axes}" for name in ("sin", "multiply", "max", "getitem", "linalg.det")
      for axes in ("", "|order=2", "|mode=forward")),
    "max|float64|case=ties", "abs|float64|case=zeros", "exp|complex128", "matmul|float32",
]  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_pluggrad_over_a_backend_is_a_system(backend):
    """Both ways to judge it say the same."""
    for short in CELLS:
        name, _, rest = short.partition("|")
        ours = judge_any(Cell.parse(f"{name}|{backend}|{rest}"))
        found = outcome_of(f"{name}|native:pluggrad-{backend}|{rest}", Pluggrad(backend))
        assert found.outcome == "pass", (short, found.outcome, found.detail)
        assert ours.outcome in ("pass", "convention"), (short, ours.detail)
        assert found.quantity == ours.quantity and found.oracles


def test_a_bug_of_pluggrad_is_caught_through_the_protocol():
    class Broken(Pluggrad):
        def pull(self, f, xs, cs):
            return [1.0001 * g for g in super().pull(f, xs, cs)]

    assert outcome_of("sin|native:pluggrad-numpy|float64", Broken("numpy")).outcome == "wrong"


# ---------------------------------------------------------------------- faults of other systems

FAULTS = [
    ("jax", "hypot|native:jax|float32|case=huge"),
    ("jax", "sign|native:jax|complex128"),
    ("autograd", "sign|native:autograd|complex128"),
    ("autograd", "fft.rfft|native:autograd|float64|case=cut"),
    ("torch", "special.log_ndtr|native:torch|float32|case=edges"),
]


@pytest.mark.parametrize("library, key", FAULTS)
def test_a_known_fault_is_found_and_shown_with_that_library_alone(library, key):
    needs("jax", library)
    cell = Cell.parse(key)
    result = judge_any(cell)
    assert result.outcome == "wrong", (result.outcome, result.detail)
    assert sum(o.verdict == "wrong" for o in result.oracles) >= 2
    script = script_for(cell, Problem.of(cell), result)
    assert len(script.splitlines()) <= 10 and "pluggrad" not in script
    done = subprocess.run([sys.executable, "-"], input=script, text=True, capture_output=True)
    assert done.returncode == 1 and "expected" in done.stdout, done.stderr


# ---------------------------------------------------------------------- a system of one's own

OWN = """
import numpy as np
from pluggrad_conformance.systems import System, register_system

class Own(System):
    name, module, dtypes = "own", "numpy", ("float64",)
    setup = "import numpy as np"
    names = {"sin": "np.sin"}
    asking = {"gradient": "got = [np.cos(x[0]) * c[0]]"}
    array = staticmethod(np.array)

    def pull(self, f, xs, cs):
        return [np.cos(xs[0]) * cs[0]]

register_system(Own())
"""


def test_a_file_brings_a_system_of_its_own(tmp_path):
    from pluggrad_conformance.cli import main
    from pluggrad_conformance.results import read_results

    plugin = tmp_path / "own_system.py"
    plugin.write_text(OWN)
    words = ["run", "--plugin", str(plugin), "--subjects", "pluggrad:numpy,native:own", "--quiet",
             "--operations", "sin", "cos", "--dtypes", "float64", "--no-report", "--jobs", "1",
             "--cells", "*|float64", "--out", str(tmp_path / "run")]  # fmt: skip
    assert main(words) == 0
    found = {r.cell.key: r.outcome for r in read_results(tmp_path / "run")}
    assert found == {
        "sin|numpy|float64": "pass", "cos|numpy|float64": "pass",
        "sin|native:own|float64": "pass", "cos|native:own|float64": "unmapped",
    }  # fmt: skip


def test_arrays_of_systems_hold_what_they_are_given():
    for name in ("torch", "sound"):
        system = find_system(name)
        for dtype in system.dtypes:
            x = np.asarray([0.5, -1.0], dtype)
            assert np.array_equal(system.to_numpy(system.array(x)), x)
