"""Every function of `pluggrad.numpy`, by the calls of the sweep over NumPy's functions: without
Variables it is NumPy's to the last bit, and lists of Variables are as good as arrays."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy
import pytest

import pluggrad as pg
import pluggrad.numpy as np
from tests.support.arrays import at_path
from tests.sweep.calls import calls, names, smooth
from tests.sweep.judge import is_undefined, quiet
from tests.sweep.running import (
    backward,
    buffer,
    copied,
    differs,
    outs,
    plain,
    run,
    weights_of,
    writes,
)
from tests.sweep.specs import Call

#: Of the calls of a function, one in so many.
STRIDE = 41


def sample(name: str) -> list[Call]:
    """The same calls every time, and another part of them for each function."""
    found = list(calls(name))
    return [*found[:1], *found[1 + zlib.crc32(name.encode()) % STRIDE :: STRIDE]]


def with_ours(call: Call) -> Call:
    return dataclasses.replace(call, function=at_path(np, call.name))


def answer(call: Call, given: list[Any]) -> Any:
    """The results of a call, or what it raised."""
    try:
        out = buffer(call, given) if outs(call) else None
        return run(call, given, None if out is None else copied(out))
    except Exception as error:
        return error


def is_same(x: Any, y: Any) -> bool:
    """Whether two results are the same, to the last bit."""
    if isinstance(y, (numpy.ndarray, numpy.generic)):
        return type(x) is type(y) and x.dtype == y.dtype and (
            x.shape == y.shape and (x.tobytes() == y.tobytes() or x.dtype.hasobject)
        )  # fmt: skip
    return type(x) is type(y) and (x is y or bool(x == y))


@pytest.mark.parametrize("name", names())
def test_plain_calls_are_numpys(name):
    with quiet():
        for call in sample(name):
            raw = [a.values for a in call.arrays()]
            theirs = answer(call, [x.copy() for x in raw])
            ours = answer(with_ours(call), [x.copy() for x in raw])
            if isinstance(theirs, Exception):
                assert type(ours) is type(theirs), call.show(kind="a")
            else:
                assert not isinstance(ours, Exception), (call.show(kind="a"), ours)
                assert is_undefined(call, bool(outs(call))) or all(map(is_same, ours, theirs)), (
                    call.show(kind="a")
                )


def in_lists(v: Any) -> Any:
    """The elements of a Variable in nested lists."""
    return [in_lists(x) for x in v] if v.ndim else v


@pytest.mark.parametrize("name", names())
def test_lists_of_variables_are_arrays(name):
    """Each array in turn is nested lists of Variables. The value is NumPy's, of the lists or of the
    array, and the gradient that of the array."""
    with quiet():
        for call in sample(name):
            arrays = call.arrays()
            for n, a in enumerate(arrays):
                if not a.trackable or writes(call) or outs(call) or not a.shape or 0 in a.shape:
                    continue
                raw = [x.values for x in arrays]
                where = call.show(n).replace("v[", "list[")
                theirs = answer(call, [x if k != n else x.tolist() for k, x in enumerate(raw)])
                found, slopes = [], []
                for lists in (False, True):
                    leaf = pg.Variable(a.values, requires_grad=True)
                    given = [x.copy() if k != n else in_lists(leaf) if lists else leaf
                             for k, x in enumerate(raw)]  # fmt: skip
                    found.append(answer(with_ours(call), given))
                    if not isinstance(found[-1], Exception):
                        backward(found[-1], weights_of([*map(plain, found[-1])]))
                    slopes.append(0.0 if leaf.grad is None else leaf.grad.data)
                array, ours = found
                if isinstance(ours, Exception):
                    refused = isinstance(ours, pg.PluggradError) or type(ours) is type(theirs)
                    assert refused or type(ours) is type(array), (where, ours)
                    continue
                if isinstance(array, Exception) or differs(ours, [*map(plain, array)], False):
                    assert not differs(ours, theirs, is_undefined(call, False)), where
                elif smooth(call) and a.kind != "ties":
                    numpy.testing.assert_allclose(*slopes, rtol=1e-9, atol=1e-12, err_msg=where)
