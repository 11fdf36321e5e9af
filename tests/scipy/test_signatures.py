"""Each function of `pluggrad.scipy` takes what SciPy's takes, with the same defaults, and is
documented; and every other name is SciPy's."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs
from tests.support.scipy_rows import in_pluggrad, of_scipy

needs("scipy")
MODULES = pg.scipy.__all__
FUNCTIONS = [f"{module}.{name}" for module in MODULES for name in getattr(pg.scipy, module).__all__]


def parameters(function: Any) -> list[tuple[str, str, str]]:
    signature = inspect.signature(function)
    return [
        (p.name, p.kind.name, re.sub("0x[0-9a-f]+", "", repr(p.default)))
        for p in signature.parameters.values()
    ]


@pytest.mark.parametrize("path", FUNCTIONS)
def test_signatures_are_those_of_scipy(path):
    function = in_pluggrad(path)
    if not inspect.isfunction(function):  # a class, a module, or a distribution
        return
    try:
        expected = parameters(of_scipy(path))
    except ValueError:  # SciPy's ufuncs say nothing of their arguments
        return
    found = parameters(function)
    if ("where", "KEYWORD_ONLY", "True") in expected:  # a ufunc, whose arguments have no names
        only = [kind for _, kind, _ in expected if kind == "POSITIONAL_ONLY"]
        assert [kind for _, kind, _ in found] == only
        return
    for n, (name, kind, default) in enumerate(found):
        if expected[n : n + 1] == [(name, "KEYWORD_ONLY", default)]:
            found[n] = expected[n]  # it may come by position, too
        assert kind != "VAR_KEYWORD" or expected[n][1] == kind
    assert found == expected


@pytest.mark.parametrize("path", FUNCTIONS)
def test_functions_are_documented(path):
    text = inspect.getdoc(in_pluggrad(path)) or ""
    assert text[0].isupper() and "." in text.splitlines()[0], path


@pytest.mark.parametrize("module", MODULES)
def test_all_names_of_scipy_are_offered(module):
    of_scipy = importlib.import_module(f"scipy.{module}")
    found = getattr(pg.scipy, module)
    assert set(of_scipy.__all__) <= set(dir(found))
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        found.no_such_name


def test_what_falls_through_takes_constants_only():
    x = np.arange(3.0)
    assert pg.scipy.fft.next_fast_len(11) == of_scipy("fft.next_fast_len")(11)
    np.testing.assert_array_equal(
        pg.scipy.fft.fht(pg.Variable(x), 1.0, 1.0).data, of_scipy("fft.fht")(x, 1.0, 1.0)
    )
    with pytest.raises(pg.PluggradError, match="has no derivative"):
        pg.scipy.fft.fht(pg.Variable(x, requires_grad=True), 1.0, 1.0)
