"""The arbiter of ``pluggrad compare`` believes no single system, and compares infinities by place."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest

from tests.support.optional import installed, needs

needs("mpmath")

from pluggrad_conformance.functions.adbench import OBJECTIVES, TOLERANCE
from pluggrad_conformance.functions.arbiter import arbitrate, error_in_eps
from pluggrad_conformance.functions.contenders import as_numpy, contenders
from pluggrad_conformance.functions.measure import Settings, _judge
from pluggrad_conformance.functions.records import Figures

TOL = 1e-8
inf, nan = np.inf, np.nan


def det(xp, x):
    return xp.linalg.det(x)


def ruling(function, args, answers=(), places=(0,)):
    said = {f"system {k}": [np.asarray(a, float) for a in got] for k, got in enumerate(answers)}
    return arbitrate(function, [np.asarray(x) for x in args], list(places), said, TOL)


def test_torch_is_not_believed_about_det():
    """Of a singular matrix the gradient is the matrix of cofactors, and torch says zeros."""
    x = np.diag([2.0, 0.0, 5.0])
    cofactors = np.diag([0.0, 10.0, 0.0])
    found = ruling(det, [x])
    assert found.by == "mpmath, 50 digits"
    np.testing.assert_array_equal(found.arrays[1], cofactors)
    assert found.judge([np.asarray(0.0), cofactors], TOL) == ("agrees", "")
    verdict, note = found.judge([np.asarray(0.0), np.zeros((3, 3))], TOL)
    assert (verdict, note) == ("differs", "gradient 0 at [1, 1]: 0 instead of 10")


def test_differences_decide_where_systems_differ_and_nobody_has_a_majority():
    """Too large for fifty digits: two systems are wrong alike, one is right."""
    x = np.linspace(0.5, 2.0, 50)
    right, wrong = np.cos(x), np.cos(x).copy()
    wrong[7] = 0.0
    value = np.asarray(np.sum(np.sin(x)))
    found = ruling(
        lambda xp, x: xp.sum(xp.sin(x)), [x], [(value, wrong), (value, wrong), (value, right)]
    )
    assert found.by == "finite differences where systems differ (1 components)"
    assert found.judge([value, right], TOL)[0] == "agrees"
    assert found.judge([value, wrong], TOL)[0] == "differs"


def test_agreement_must_be_confirmed():
    """What all systems agree in is checked along random directions, and may be wrong."""
    x = np.linspace(0.5, 2.0, 50)
    f, value = lambda xp, x: xp.sum(xp.sin(x)), np.asarray(np.sum(np.sin(x)))
    found = ruling(f, [x], [(value, np.cos(x))] * 2)
    assert found.by == "all 2 agree, confirmed by finite differences"
    assert found.judge([value, np.cos(x)], TOL)[0] == "agrees"
    found = ruling(f, [x], [(value, 2 * np.cos(x))] * 2)
    assert found.by.endswith("finite differences contradict")
    assert found.judge([value, 2 * np.cos(x)], TOL)[0] == "undecided"


@pytest.mark.parametrize("size", [2, 50])
def test_a_choice_at_a_kink_is_not_wrong(size):
    """By fifty digits, and by differences."""
    x = np.linspace(0.0, 2.0, size)
    f = lambda xp, x: xp.sum(xp.abs(x))
    chosen = [np.sign(x), np.sign(x), np.sign(x)]
    chosen[1][0], chosen[2][0] = 1.0, 1.5
    value = np.asarray(np.sum(x))
    found = ruling(f, [x], [(value, g) for g in chosen])
    verdicts = [found.judge([value, g], TOL)[0] for g in chosen]
    assert verdicts[1:] == ["kink", "differs"]
    assert verdicts[0] in ("agrees", "kink")


def test_infinities_and_nan_are_compared_by_place():
    assert error_in_eps(np.asarray([inf, 5.0]), np.asarray([inf, 1.0]), "float64") > 1e15
    assert error_in_eps(np.asarray([inf, 1.0]), np.asarray([inf, 1.0]), "float64") == 0
    for other in (-inf, nan, 1.0):
        assert error_in_eps(np.asarray([other, 1.0]), np.asarray([inf, 1.0]), "float64") == inf
    assert error_in_eps(np.asarray([nan]), np.asarray([nan]), "float64") == 0
    found = ruling(lambda xp, x: xp.sum(xp.sqrt(x)), [[0.0, 4.0]],
                   [(2.0, [inf, 0.25]), (2.0, [inf, 0.25])])  # fmt: skip
    assert found.judge([np.asarray(2.0), np.asarray([inf, 0.25])], TOL)[0] == "agrees"
    assert found.judge([np.asarray(2.0), np.asarray([inf, 1.0])], TOL)[0] == "differs"
    assert found.judge([np.asarray(2.0), np.asarray([nan, 0.25])], TOL)[0] == "differs"


def test_a_library_that_computes_in_a_narrower_dtype_is_held_to_that():
    x = np.linspace(0.5, 1.5, 40)
    right = [np.asarray(np.sum(x**3)), 3 * x**2]
    rounded = [np.asarray(a.astype(np.float32), float) for a in right]
    answers = {"one": right, "narrow": rounded, "off": rounded, "far": [right[0], 1.01 * right[1]]}
    rows = [Figures(name) for name in answers]
    narrow = {"narrow": "float32", "far": "float32"}
    cube = lambda xp, x: xp.sum(x * x * x)
    settings = Settings([], tolerance=1e-12)
    _judge(cube, [x], [0], rows, answers, answers, narrow, settings)
    assert [row.verdict for row in rows] == ["agrees", "narrow", "differs", "differs"]
    assert "float32" in rows[1].note
    told, expected = re.search(r"(\S+) instead of (\S+)$", rows[2].note).groups()
    assert told != expected


def test_fifty_digits_of_complex_and_several_arguments():
    z, w = np.asarray([1 + 2j, 0.5j]), np.asarray([0.5, 2.0])
    found = ruling(lambda xp, z, w: xp.sum(xp.real(z * z * z) * w), [z, w], places=(0, 1))
    assert found.by == "mpmath, 50 digits"
    np.testing.assert_allclose(found.arrays[1], np.conj(3 * z * z) * w, rtol=1e-15)
    np.testing.assert_allclose(found.arrays[2], np.real(z**3), rtol=1e-15)


# ---------------------------------------------------------------- the suite


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_objectives_of_adbench_agree_on_every_system(name):
    by, sizes = OBJECTIVES[name].by, OBJECTIVES[name].sizes
    module = importlib.import_module(f"pluggrad_conformance.functions.adbench.{name}")
    args = getattr(module, f"{name}_inputs")(10 if name != "gmm" else sizes[0])
    objective = getattr(module, f"{name}_objective")
    answers = {}
    for contender in contenders(installed("numpy", "torch")):
        if not contender.compiled and "jax" not in contender.name:
            value, gradients = contender.make(objective, args, by).both()
            answers[contender.name] = [as_numpy(value), *[as_numpy(g) for g in gradients]]
    found = arbitrate(objective, args, by, answers, TOLERANCE)
    assert found.by.endswith(("confirmed by finite differences", "50 digits"))
    for got in answers.values():
        assert found.judge(got, TOLERANCE) == ("agrees", "")


def test_the_gradient_of_bundle_adjustment_is_its_jacobian():
    """Each nonzero once: the derivatives of the two coordinates of an error, one below the other."""
    import pluggrad as pg
    from pluggrad_conformance.functions.adbench import ba

    args = ba.ba_inputs(3)
    errors = lambda cameras, points, w: w[:, None] * (ba.project(pg, cameras, points) - args[3][:3])
    one = [x[:3] for x in args[:3]]
    jacobians = pg.jacrev(errors, (0, 1, 2))(*one)
    gradients = pg.grad(lambda *xs: ba.ba_objective(pg, *xs, *args[3:]), (0, 1, 2))(*args[:3])
    for jacobian, gradient in zip(jacobians[:2], gradients[:2], strict=True):
        for n in range(3):
            for c in range(2):
                np.testing.assert_allclose(gradient[n + 3 * c], jacobian[n, c, n], rtol=1e-12)
