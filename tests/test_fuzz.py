"""Random programs: values, gradients and second derivatives as those of torch.autograd.

hypothesis draws the seeds, always the same ones. ``python tests/fuzz/run.py`` runs many more.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest

import pluggrad as pg
from tests.support.optional import needs

needs("torch", "hypothesis")

import hypothesis
from hypothesis import strategies as st

from tests.fuzz.check import check, kind, refusals, report, smallest
from tests.fuzz.generator import Seeded, generate
from tests.fuzz.oracle import Oracle
from tests.fuzz.programs import Program, Statement, Sub, count, source
from tests.fuzz.run import MOST_REFUSED
from tests.fuzz.shrink import shrink
from tests.support.slow import slow_if

EACH = 100  # programs of a test


def run_random_programs(backend: str, seed: int, programs: int, slow: bool = True) -> None:
    """Programs of seeds that hypothesis draws; the first one that fails is made smaller and shown."""
    checked, refused = set(), []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=programs, database=None, deadline=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck), verbosity=hypothesis.Verbosity.quiet,
        print_blob=False,
    )  # fmt: skip
    @hypothesis.given(st.integers(0, 10**12))
    def run(number):
        program = generate(Seeded(number), backend, number)
        found = check(program, backend, slow)
        checked.add(number)
        refused.extend(refusals(found)[:1])
        if kind(found):
            small = report(smallest(program, backend), backend)
            pytest.fail(f"# run.py --backends {backend} --show {number}\n{small}", pytrace=False)

    run()
    assert len(checked) >= 0.99 * programs
    assert len(refused) <= MOST_REFUSED * programs, refused


@pytest.mark.parametrize("part", [slow_if(n >= 10, n) for n in range(20)])
def test_random_programs_on_numpy(part):
    run_random_programs("numpy", part, EACH)


@pytest.mark.parametrize("part", [slow_if(n > 0, n) for n in range(2)])
@pytest.mark.parametrize("backend", ["torch", "strict"])
def test_random_programs_on_other_backends(backend, part):
    needs(backend)
    run_random_programs(backend, 100 + part, EACH, slow=False)


def test_random_programs_on_jax():
    needs("jax")
    run_random_programs("jax", 200, 10, slow=False)


# ---------------------------------------------------------------- the fuzzer itself


def failing(programs: int) -> set[str]:
    """In which ways programs fail."""
    return {kind(check(generate(Seeded(seed), "numpy", seed))) for seed in range(programs)} - {""}


def stale(monkeypatch):
    """Views stay as they were when they were made."""
    from pluggrad.engine import views

    def refresh(v):
        v._seen = v._cell.version

    monkeypatch.setattr(views, "refresh", refresh)


def recorded(monkeypatch):
    """`no_grad` does nothing."""
    monkeypatch.setattr(pg, "no_grad", nullcontext)


def once(monkeypatch):
    """Gradients of an element that was read twice are not added up."""
    import pluggrad_numpy

    def scatter_add(buffer, pieces):
        for key, g in pieces:
            buffer[key] = buffer[key] + g
        return buffer

    monkeypatch.setattr(pluggrad_numpy, "scatter_add", scatter_add)


def swapped(monkeypatch):
    """The derivative of where, the wrong way round."""
    from tests.fuzz import programs

    call = programs.CALLS["where"]
    wrong = call._replace(torch=lambda a, b, mask: call.torch(b, a, mask=mask))
    monkeypatch.setitem(programs.CALLS, "where", wrong)


@pytest.mark.parametrize("fault", [stale, recorded, once, swapped])
def test_a_fault_of_the_engine_is_found(monkeypatch, fault):
    fault(monkeypatch)
    assert failing(60)


def test_a_program_is_made_smaller():
    program = generate(Seeded(7), "numpy", 7)
    names = {s.info[0] for s in program.body if s.op == "call"}
    assert len(names) > 2
    name = sorted(names)[-1]
    small = shrink(program, lambda p: any([s.op == "call" and s.info[0] == name for s in p.body]))
    assert name in str(small.body) and count(small) < count(program)
    assert len(small.outputs) == 1


def test_the_oracle_knows_views_and_writes():
    """Written by hand: a view sees what is written later, and a copy does not."""
    import torch

    s = Statement
    body = (
        s("call", "a", ("x0",), ("scale", {})),
        s("view", "b", ("a",), ("index", (("s", 1, None, None),))),
        s("take", "c", ("a",), (("i", [1, 1]),)),
        s("write", "", ("a",), ((1,), "=", 5.0, 0)),
        s("quiet", "", (), (s("write", "", ("b",), ((1,), "+=", 1.0, 0)),)),
        s(
            "sub",
            "d",
            ("b",),
            Sub("vmap", ("p",), (s("call", "q", ("p",), ("square", {})),), "q", (0,)),
        ),
    )
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    a, b, c, d = Oracle().run(Program(((3,),), body, ("a", "b", "c", "d")), [x])
    assert a.tolist() == [1.5, 5.0, 5.5] and b.tolist() == [5.0, 5.5] and c.tolist() == [3.0, 3.0]
    (g,) = torch.autograd.grad(d.sum() + c.sum(), (x,))
    assert g.tolist() == [0.0, 3.0, 2 * 5.5 * 1.5]  # the step under no_grad is a constant


def test_what_fails_is_shown_as_a_script(capsys):
    program = generate(Seeded(3), "numpy", 3)
    for backend in ("numpy", "torch"):
        compile(source(program, backend), "script", "exec")
    assert "def program(x0" in report(program, "numpy")
