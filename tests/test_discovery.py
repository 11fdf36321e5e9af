"""What `dir`, `help` and `inspect.signature` say of the public names."""

from __future__ import annotations

import doctest
import inspect
import operator
import pydoc
import re

import pytest

import pluggrad as pg
from pluggrad.variables import names, summaries
from pluggrad.variables.documentation import documents_itself, section_of
from pluggrad.variables.methods import METHODS
from pluggrad.variables.operators import BINARY, COMPARE, UNARY
from tests.support.optional import needs

PREFIXES = ("", "linalg.", "fft.", "special.")
CONSTANTS = {*names.CONSTANTS, *names.EXTENSIONS}
FUNCTIONS = [
    prefix + name
    for prefix in PREFIXES
    for name in names.public_names(prefix)
    if prefix + name not in CONSTANTS
]
URL = "https://data-apis.org/array-api/2025.12/"


def get(owner, name):
    return operator.attrgetter(name)(owner)


def undecorated(listed) -> set[str]:
    """The names without two underscores."""
    return {name for name in listed if not name.startswith("__")}


# ---------------------------------------------------------------- dir


def test_dir_lists_the_public_names_and_no_other():
    assert undecorated(dir(pg)) == {*pg.__all__, *names.public_names()}
    assert {"sin", "sum", "linalg", "fft", "special", "pi", "float64", "einsum"} <= set(dir(pg))
    assert {"__all__", "__version__", "__array_api_version__"} <= set(dir(pg))
    for internal in ("arrays", "engine", "rules", "variables", "staging", "transforms", "tools",
                     "decorator", "errors", "annotations", "TYPE_CHECKING", "public_names"):  # fmt: skip
        assert internal not in dir(pg)


@pytest.mark.parametrize("extension", names.EXTENSIONS)
def test_dir_of_an_extension(extension):
    expected = set(names.public_names(f"{extension}."))
    assert undecorated(dir(getattr(pg, extension))) == expected
    assert undecorated(dir(getattr(pg.namespace("numpy"), extension))) == expected


def test_dir_of_a_namespace():
    xp = pg.namespace("numpy")
    assert undecorated(dir(xp)) == set(names.public_names())
    assert {"__array_api_version__", "__array_namespace_info__"} <= set(dir(xp))


def test_all_that_dir_lists_is_there():
    for name in dir(pg):
        assert hasattr(pg, name), name
    for name in dir(pg.namespace("numpy")):
        assert hasattr(pg.namespace("numpy"), name), name


def test_no_public_name_is_private_to_the_rule_book():
    for prefix in PREFIXES:
        assert not [n for n in names.public_names(prefix) if n.startswith("_")]
    with pytest.raises(AttributeError):
        pg.nonsense


def test_dir_has_all_of_the_standard():
    strict = needs("strict", reason="it names the standard's functions")
    more = {"Device", "ArrayAPIStrictFlags"}
    public = {n for n in strict.__all__ if "flags" not in n and not n.startswith("__")} - more
    assert public <= set(dir(pg))
    assert set(strict.linalg.__all__) <= set(dir(pg.linalg))
    assert set(strict.fft.__all__) <= set(dir(pg.fft))


# ---------------------------------------------------------------- documentation


def test_the_tables_name_public_functions_alone():
    known = set(FUNCTIONS)
    own = {full for full in known if documents_itself(names.ALIASES.get(full, full))}
    assert set(summaries.SUMMARIES) | set(names.ALIASES) | own == known
    assert not own & set(summaries.SUMMARIES)
    for table in (summaries.SECTIONS, summaries.RESULTS, summaries.DTYPES):
        for listed in table.values():
            assert set(listed.split()) <= known
    for listed in summaries.CORNERS:
        assert set(listed.split()) <= known
    for table in (summaries.SHAPES, summaries.EXAMPLES, summaries.TUPLES):
        assert set(table) <= known
    for key in summaries.PARAMETERS:
        function, _, parameter = key.rpartition(".")
        if function:
            assert parameter in names.signature_of(function).parameters, key


@pytest.mark.parametrize(
    "full", [n for n in FUNCTIONS if documents_itself(names.ALIASES.get(n, n))]
)
def test_a_function_beyond_the_standard_says_what_it_does(full):
    """Its own docstring does: a line about it, its parameters, and an example that is run."""
    function = get(pg, full)
    text = function.__doc__
    first = text.split("\n")[0]
    assert first.endswith(".") and len(first) <= 88
    for parameter in inspect.signature(function).parameters:
        alone, among = f"`{parameter}`", rf"(?m)^(\S+, )*\**{parameter}(, \S+)*( : |$)"
        assert alone in text or re.search(among, text), parameter
    assert ">>>" in text and max(len(line) for line in text.split("\n")) <= 100


@pytest.mark.parametrize(
    "full", [n for n in FUNCTIONS if not documents_itself(names.ALIASES.get(n, n))]
)
def test_a_function_says_what_it_does(full):
    function = get(pg, full)
    text = function.__doc__
    first = text.split("\n")[0]
    assert first == summaries.SUMMARIES[names.ALIASES.get(full, full)]
    assert first.endswith(".") and len(first) <= 88
    assert "Returns\n-------\n" in text
    for parameter in inspect.signature(function).parameters:
        assert f"\n{parameter} : " in text or f"\n*{parameter} : " in text
    if section_of(full):
        place = "extensions" if "." in full else "API_specification"
        assert f"{URL}{place}/generated/array_api.{full}.html" in text
        assert f"Array API 2025.12, {section_of(full)}: {full}\n" in text
    else:
        assert "Beyond the Array API standard" in text
    assert max(len(line) for line in text.split("\n") if URL not in line) <= 100
    assert function.__name__ == full.split(".")[-1] and function.__module__ == "pluggrad"


@pytest.mark.parametrize("name", pg.__all__)
def test_what_is_defined_here_has_a_docstring(name):
    found = getattr(pg, name)
    assert found.__doc__ and found.__doc__.strip()


def test_every_function_of_the_standard_has_its_section():
    strict = needs("strict", reason="it names the standard's functions")
    for prefix in ("", "linalg.", "fft."):
        owner = get(strict, prefix[:-1]) if prefix else strict
        for name in owner.__all__:
            if prefix + name in FUNCTIONS:
                assert section_of(prefix + name), prefix + name
    beyond = {full for full in FUNCTIONS if not section_of(full)}
    assert {"pad", "einsum", "fft.fft2", "linalg.norm", "special.erf"} <= beyond


@pytest.mark.parametrize("full", FUNCTIONS)
def test_signatures_are_the_same_everywhere(full):
    signature = names.signature_of(full)
    assert inspect.signature(get(pg, full)) == signature
    of_backend = get(pg.namespace("numpy"), full) if hasattr_of(full) else None
    if of_backend is not None:
        found = inspect.signature(of_backend).replace(return_annotation=inspect.Signature.empty)
        assert [(p.name, p.kind, p.default) for p in found.parameters.values()] == [
            (p.name, p.kind, p.default) for p in signature.parameters.values()
        ]


def hasattr_of(full) -> bool:
    """Whether NumPy, with SciPy if it is there, has the function."""
    try:
        get(pg.namespace("numpy"), full)
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax", "strict"])
def test_a_namespace_documents_its_functions(backend):
    needs(backend)
    xp = pg.namespace(backend)
    for full in ("sin", "sum", "full", "zeros", "pad", "linalg.solve", "linalg.matmul", "finfo"):
        assert get(xp, full).__doc__ == get(pg, full).__doc__
    assert f"{URL}API_specification/generated/array_api.asarray.html" in xp.asarray.__doc__


CONVENTIONS = {
    "max": "evenly", "minimum": "half", "abs": "at 0 is 0", "sign": "0 everywhere",
    "hypot": "(0, 0)", "std": "all elements are equal", "clip": "bound", "prod": "0",
    "cumulative_prod": "division", "pow": "limit", "logaddexp": "infinities",
    "logsumexp": "-inf", "linalg.det": "singular", "linalg.eigh": "Hermitian",
    "linalg.vector_norm": "at 0", "where": "strong_zeros", "argmax": "constant",
    "special.jv": "not known",
}  # fmt: skip


@pytest.mark.parametrize("full", CONVENTIONS)
def test_conventions_at_corners_are_said(full):
    text = " ".join(get(pg, full).__doc__.split())
    assert "Derivative: " in text
    assert CONVENTIONS[full] in text.partition("Derivative: ")[2]


@pytest.mark.parametrize("full", summaries.EXAMPLES)
def test_examples_run(full):
    text = get(pg, full).__doc__
    test = doctest.DocTestParser().get_doctest(text, {}, full, None, None)
    assert test.examples
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_help_prints_well():
    text = pydoc.render_doc(pg.sum, renderer=pydoc.plaintext)
    assert text.startswith("Python Library Documentation: function sum in module pluggrad")
    assert "keepdims=False, initial=None, where=None)\n    The sum of" in text
    assert "without the axes reduced" in text


# ---------------------------------------------------------------- Variable


def operator_names() -> list[str]:
    several = [f"{way}{short}" for short in BINARY for way in ("", "r", "i")]
    return [f"__{short}__" for short in (*UNARY, *COMPARE, *several)]


@pytest.mark.parametrize("name", [*operator_names(), *METHODS])
def test_operators_and_methods_stand_on_variable(name):
    method = vars(pg.Variable)[name]
    assert next(iter(inspect.signature(method).parameters)) == "self"
    assert method.__doc__ and "pluggrad." in method.__doc__
    assert method.__name__ == name and method.__qualname__ == f"Variable.{name}"
    assert name in dir(pg.Variable)


class Stranger:
    """A class whose operators might know Variables."""


def test_operators_of_variable_itself():
    """Called there, they are those of the Variable's own class."""
    v, w = pg.asarray([1.0, 2.0]), pg.asarray([3.0, 4.0])
    assert pg.Variable.__add__(v, w).tolist() == [4.0, 6.0]
    assert pg.Variable.__rsub__(v, 1.0).tolist() == [0.0, -1.0]
    assert pg.Variable.__neg__(v).tolist() == [-1.0, -2.0]
    assert pg.Variable.__lt__(v, 2.0).tolist() == [True, False]
    assert pg.Variable.__add__(v, Stranger()) is NotImplemented
    assert pg.Variable.sum(v).item() == 3.0
    assert hash(v) == object.__hash__(v)


def test_subclasses_have_the_fast_operators():
    own = type(pg.asarray([1.0]))
    assert own is not pg.Variable and issubclass(own, pg.Variable)
    assert {"__mul__", "__radd__", "__isub__", "__eq__"} <= set(vars(own))
    assert "sum" not in vars(own)
