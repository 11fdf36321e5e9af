"""The sweep over NumPy's functions: a sample of its calls, and whether it would notice."""

from __future__ import annotations

import inspect
import zlib
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import is_older, since
from tests.sweep.calls import bases, calls, functions, names, unknown
from tests.sweep.judge import BAD, judge, quiet
from tests.sweep.specs import Call, R
from tests.sweep.ufuncs import unknown_of_ufuncs

#: Of the calls of a function, one in so many; `python -m tests.sweep` makes them all.
STRIDE = 17

#: Functions of which some calls are not right, and why.
OPEN = {"can_cast": "NumPy reads `dtype` of the second argument, and does not ask pluggrad"}
if is_older("numpy", "2.4"):
    OPEN["pad"] = "NumPy takes widths by axis, in a dict, since 2.4"
    OPEN["linalg.norm"] = "NumPy has the greatest of no numbers since 2.4"


def sample(name: str) -> list[Call]:
    """The same calls every time, and another part of them for each function."""
    found = list(calls(name))
    return [*found[:1], *found[1 + zlib.crc32(name.encode()) % STRIDE :: STRIDE]]


@pytest.mark.parametrize("name", names())
def test_right_or_refused(name):
    if name in OPEN:
        pytest.skip(OPEN[name])
    with quiet():
        for call in sample(name):
            arrays = call.arrays()
            which = len(arrays) - 1 if arrays else None
            outcome, details, _ = judge(call, which)
            assert outcome not in BAD, f"{call.show(which)}: {details}"


@since("numpy", "2.4")  # versions before have others, which were deprecated then
def test_every_function_is_called():
    assert len(functions()) > 200
    assert [name for name, f in functions().items() if not bases(name, f)] == []


@since("numpy", "2.4")
def test_every_parameter_is_tried():
    assert [x for name, f in functions().items() for x in unknown(name, f)] == []
    assert unknown_of_ufuncs() == []


def test_a_new_parameter_is_noticed(monkeypatch):
    def amax(a: Any, axis: Any = None, *, stencil: Any = None) -> Any:
        return np.max(a, axis)

    assert unknown("amax", amax) == ["amax(stencil=)"]
    assert unknown("newest", lambda tensor: tensor) == ["newest: how to call it"]
    assert "stencil" not in inspect.signature(np.amax).parameters


def outcome(raw: Any, ours: Any) -> str:
    """What the sweep says of a function that answers `raw` on arrays, and `ours` on Variables."""

    def f(x: Any) -> Any:
        return ours(x) if isinstance(x, pg.Variable) else raw(x)

    with quiet():
        return judge(Call("f", f, (R(3),), {}), 0)[0]


def fails(error: type[Exception]) -> Any:
    def f(x: Any) -> Any:
        raise error("no")

    return f


@pytest.mark.parametrize(
    ("raw", "ours", "expected"),
    [
        (np.sin, pg.sin, "right"),
        (np.sin, lambda x: pg.sin(x) + 1e-6, "wrong"),  # another value
        (np.sin, lambda x: pg.sin(x.detach()), "wrong"),  # the gradient is lost
        (np.sin, lambda x: np.sin(x.detach().data), "wrong"),
        (np.sin, lambda x: 2 * pg.sin(x) - pg.sin(x.detach()), "wrong"),  # twice the gradient
        (np.sin, lambda x: pg.astype(pg.sin(x), np.float32), "wrong"),  # another dtype
        (np.sin, lambda x: pg.sin(x)[None], "wrong"),  # another shape
        (np.sin, lambda x: (pg.sin(x), 1.0), "wrong"),
        (np.sin, lambda x: np.sin(x.data), "wrong"),
        (np.sin, fails(pg.errors.UnsupportedError), "refused"),
        (np.sin, fails(ValueError), "foreign"),
        (fails(ValueError), pg.sin, "wrong"),
        (fails(ValueError), fails(pg.errors.UnsupportedError), "right"),
        (np.argsort, pg.argsort, "right"),
        (np.shape, np.shape, "right"),
    ],
)
def test_the_sweep_tells_them_apart(raw, ours, expected):
    assert outcome(raw, ours) == expected
