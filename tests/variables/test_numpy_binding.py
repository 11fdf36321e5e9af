"""NumPy's functions reach pluggrad's by NumPy's signatures: which do not, and which arguments."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.arrays.backend import get_backend
from pluggrad_numpy.functions import QUESTIONS, bound, name_of, refused
from tests.support.optional import since

#: Functions that have no derivative, and none under `pluggrad`: they take constants.
WITHOUT = {
    "busday_count", "busday_offset", "datetime_as_string", "is_busday", "packbits",
    "ravel_multi_index", "save", "savetxt", "savez", "savez_compressed", "unpackbits",
    "unravel_index",
}  # fmt: skip
#: Arguments that are refused: those of the ufunc behind `clip`.
REFUSED = {"clip": ["kwargs"]}


def overridable() -> dict[str, Any]:
    """The functions of NumPy's that Variables can answer, by their names in pluggrad."""
    found = [f for module in (np, np.linalg, np.fft) for f in vars(module).values()]
    return {name_of(f): f for f in found if hasattr(f, "_implementation")}


FUNCTIONS = overridable()
LEAF = pg.Variable(np.arange(6.0).reshape(2, 3), requires_grad=True)


def test_every_function_is_answered_but_these():
    backend = get_backend("numpy")
    assert len(FUNCTIONS) > 250
    missing = {name for name, f in FUNCTIONS.items() if bound(backend, f) is None}
    assert missing == WITHOUT


@since("numpy", "2.4")  # versions before have arguments that were deprecated then
def test_every_argument_is_passed_on_but_these():
    asked = set(FUNCTIONS) - WITHOUT - QUESTIONS
    found = {name: refused(FUNCTIONS[name]) for name in asked}
    assert {name: names for name, names in found.items() if names} == REFUSED


def test_a_new_argument_is_refused_by_name():
    """As one of a later NumPy, whose meaning nobody here knows."""

    def roll(a: Any, shift: Any, axis: Any = None, *, bounce: bool = False) -> Any: ...

    roll.__module__ = "numpy"
    answer = bound(get_backend("numpy"), roll)
    assert isinstance(answer, FunctionType) and refused(roll) == ["bounce"]
    np.testing.assert_array_equal(answer(LEAF, 1, 1).detach().data, np.roll(LEAF.data, 1, 1))
    with pytest.raises(pg.UnsupportedError, match=r"numpy.roll\(bounce=...\)"):
        answer(LEAF, 1, bounce=True)


@since("numpy", "2.4")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: np.sort(v, kind="quack"), "kind='quack'"),
        (lambda v: np.sort(v, order="name"), "names fields of records"),
        (lambda v: np.copy(v, order="Z"), "order='Z'"),
        (lambda v: np.clip(v, 0.0, 1.0, min=2.0), "min is given twice"),
        (lambda v: np.clip(v, 0.0), "takes a_min and a_max together"),
        (lambda v: np.clip(v, 0.0, 1.0, where=v > 0), r"clip\(where=...\)"),
        (lambda v: np.concatenate([v, v], dtype=int), "casting='same_kind'"),
        (lambda v: np.stack([v], out=pg.zeros((1, 2, 3)), dtype=float), "not both"),
        (lambda v: np.sum(v, axis=0, out=pg.zeros(2)), "out has the shape"),
        (lambda v: np.sum(v, dtype="quack"), "quack"),
        (lambda v: np.size(v, axis=5), "axis 5"),
        (lambda v: np.packbits(v), "no derivative in pluggrad"),
    ],
)
def test_refused_by_name(call, message):
    with pytest.raises(pg.PluggradError, match=message):
        call(LEAF)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.sum(v, 0, None, None, True),
        lambda v: np.reshape(v, (3, 2), "F"),
        lambda v: np.concatenate((v, v), 1),
        lambda v: np.clip(v, None, 2.0),
        lambda v: np.var(v, 1, None, None, 1),
        lambda v: np.apply_along_axis(lambda row, a, b=1.0: row * a * b, 1, v, 2.0, b=3.0),
        lambda v: np.pad(v, 1, "constant", constant_values=(1.0, 2.0)),
        lambda v: np.piecewise(v, [v > 2], [lambda x, k, m=0.0: k * x + m, 0.0], 2.0, m=1.0),
    ],
)
def test_positions_and_keywords_are_numpys(call):
    np.testing.assert_array_equal(call(LEAF).detach().data, call(LEAF.detach().data))


def test_out_is_written():
    out = pg.zeros(3)
    assert np.sum(LEAF, axis=0, out=out) is out
    np.testing.assert_array_equal(out.detach().data, [3.0, 5.0, 7.0])
    with pytest.raises(pg.GraphBreakError, match=r"numpy.sum\(out=...\)"):
        np.sum(LEAF, axis=0, out=np.zeros(3))
