"""A compiler is told about pluggrad when it is imported, whichever of the two comes first."""

from __future__ import annotations

import importlib
import sys
import warnings

import pytest

from pluggrad.arrays.backend import get_backend
from pluggrad.tools import compilers


@pytest.fixture
def told(monkeypatch, tmp_path):
    """A library `some_compiler` that the adapter of NumPy tells; the list of what it was told."""
    (tmp_path / "some_compiler.py").write_text("ready = True")
    monkeypatch.syspath_prepend(tmp_path)
    others = [f for f in sys.meta_path if not isinstance(f, compilers.Finder)]
    monkeypatch.setattr(sys, "meta_path", others)
    found: list[bool] = []
    adapter = get_backend("numpy").adapter
    watched = {"some_compiler": lambda: adapter.compiler()}
    monkeypatch.setattr(compilers, "WATCHED", watched)
    monkeypatch.setattr(
        adapter, "compiler", lambda: found.append(sys.modules["some_compiler"].ready)
    )
    yield found
    sys.modules.pop("some_compiler", None)


def test_a_compiler_that_comes_later(told):
    compilers.watch()
    assert importlib.util.find_spec("some_compiler") is not None and told == []
    module = importlib.import_module("some_compiler")
    assert told == [True]
    assert module.__spec__.loader.get_source("some_compiler") == "ready = True"
    importlib.import_module("some_compiler")
    assert told == [True]


def test_a_compiler_that_is_there(told):
    importlib.import_module("some_compiler")
    assert told == []
    compilers.watch()
    assert told == [True]


def test_two_finders_do_not_ask_each_other(told):
    compilers.watch()
    compilers.watch()
    with pytest.raises(ImportError):
        importlib.import_module("some_compiler_that_is_not_there")
    importlib.import_module("some_compiler")
    assert told and all(told)


def test_a_compiler_works_where_telling_it_fails(told, monkeypatch):
    def fail():
        raise RuntimeError("another version")

    monkeypatch.setattr(get_backend("numpy").adapter, "compiler", fail)
    compilers.watch()
    with pytest.warns(RuntimeWarning, match="not told about pluggrad.*another version"):
        assert importlib.import_module("some_compiler").ready


def test_nothing_is_told_without_a_compiler(told):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compilers.watch()
        importlib.import_module("graphlib")
    assert told == []
