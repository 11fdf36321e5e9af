"""The subject: pluggrad's answers in every form, mode, layout and library, against plain formulas."""

import operator

import numpy as np
import pytest

from tests.support.optional import array_library, needs

needs("mpmath")
from pluggrad_conformance import operations, tables
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.libraries import Library, settings, to_numpy
from pluggrad_conformance.operations import Array, Operation, case
from pluggrad_conformance.problem import Problem
from pluggrad_conformance.properties import structure
from pluggrad_conformance.subject import Subject, batch, engine_answer, probe, traceback_of

LIBRARIES = ["numpy", "torch", "jax", "strict", "dask"]


ROWS = [
    Operation(
        "multiply", "elementwise",
        (
            case("typical", Array((2, 3)), Array((2, 3))),
            case("0-d", Array(()), Array(()), axis="shape"),
            case("empty", Array((0, 3)), Array((0, 3)), axis="shape"),
        ),
        operator=operator.mul, method="__mul__",
    ),
    Operation(
        "halves", "program", (case("typical", Array((4,)), Array((2,), 0, 1, dtype="int64")),),
        call=lambda xp, x, n: [xp.sum(x * x), xp.argmax(x), x[n[0]] * x],
    ),
    Operation("concat", "movement", (case("typical", [Array((2,)), Array((3,), constant=True), Array((1,))]),)),
    Operation("constant", "elementwise", (case("typical", Array((2,))),), call=lambda xp, x: xp.zeros_like(x)),
    Operation(
        "keeping", "elementwise", (case("typical", Array((2,)), Array((2,), constant=True)),),
        call=lambda xp, x, c: x * c,
    ),
    Operation("leading", "movement", (case("typical", Array((3,))),), call=lambda xp, x: x[x > 0]),
]  # fmt: skip


@pytest.fixture(autouse=True)
def table(monkeypatch):
    monkeypatch.setattr(tables, "read_tables", lambda: None)
    monkeypatch.setattr(operations, "OPERATIONS", {row.name: row for row in ROWS})


def asked(key):
    cell = Cell.parse(key)
    problem = Problem.of(cell)
    found = engine_answer(cell, problem)
    assert found.error is None, found.error.traceback
    assert all(p.held for p in structure(found)), structure(found)
    return problem, found


def answers_are(found, expected, dtype="float64"):
    eps = 2.0**-7 if dtype == "bfloat16" else np.finfo(dtype).eps
    assert len(found.arrays) == len(expected)
    for a, e in zip(found.arrays, expected):
        assert a.shape == e.shape
        np.testing.assert_allclose(a.astype(e.dtype), e, rtol=20 * eps, atol=20 * eps)


def product(problem):
    """x1, x2, c, t1 and t2 of the product."""
    wide = np.complex128 if problem.dtype.startswith("complex") else np.float64
    x1, x2 = problem.args
    c = problem.cotangent(0, x1.shape, problem.dtype)
    return [x.astype(wide) for x in (x1, x2, c, *problem.tangents())]


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_quantities(name, dtype):
    """Of a product, in the convention ∂L/∂Re + i ∂L/∂Im."""
    array_library(name)
    problem, found = asked(f"multiply|{name}|{dtype}")
    x1, x2, c, t1, t2 = product(problem)
    answers_are(found, [c * np.conj(x2), c * np.conj(x1)], dtype)
    assert found.dtypes == [dtype, dtype] and found.arrays[0].dtype == dtype
    answers_are(asked(f"multiply|{name}|{dtype}|order=0")[1], [x1 * x2], dtype)
    answers_are(asked(f"multiply|{name}|{dtype}|mode=forward")[1], [t1 * x2 + t2 * x1], dtype)
    second = [c * np.conj(t2), c * np.conj(t1)]
    answers_are(asked(f"multiply|{name}|{dtype}|order=2")[1], second, dtype)
    answers_are(
        asked(f"multiply|{name}|{dtype}|order=2|mode=forward-over-reverse")[1], second, dtype
    )


@pytest.mark.parametrize("name", LIBRARIES)
def test_axes(name):
    array_library(name)
    expected = None
    for axis in (
        "form=function",
        "form=operator",
        "form=method",
        "shape=non-contiguous",
        "mode=vmap",
    ):
        problem, found = asked(f"multiply|{name}|float64|{axis}")
        x1, x2, c, _, _ = product(problem)
        expected = [c * x2, c * x1]
        answers_are(found, expected)
    for number in (0, 1):
        for form in ("function", "operator", "method"):
            answers_are(
                asked(f"multiply|{name}|float64|form={form}|args={number}")[1], [expected[number]]
            )
    for shape in ("0-d", "empty"):
        problem, found = asked(f"multiply|{name}|float64|shape={shape}")
        x1, x2, c, _, _ = product(problem)
        answers_are(found, [c * x2, c * x1])


@pytest.mark.parametrize("name", LIBRARIES)
def test_several_outputs_settings_and_lists(name):
    array_library(name)
    problem, found = asked(f"halves|{name}|float64")
    x, n = problem.args
    c0, c2 = problem.cotangent(0, (), "float64"), problem.cotangent(2, x.shape, "float64")
    expected = 2 * c0 * x + c2 * x[n[0]]
    expected[n[0]] += np.sum(c2 * x)
    answers_are(found, [expected])
    value = asked(f"halves|{name}|float64|order=0")[1]
    assert len(value.arrays) == 3 and value.arrays[1] == np.argmax(x)
    tangent = asked(f"halves|{name}|float64|mode=forward")[1]
    t = problem.tangents()[0]
    answers_are(tangent, [np.asarray(2 * np.sum(x * t)), t[n[0]] * x + x[n[0]] * t])

    problem, found = asked(f"concat|{name}|float64")
    c = problem.cotangent(0, (6,), "float64")
    answers_are(found, [c[:2], c[5:]])
    for order in (1, 2):
        answers_are(asked(f"constant|{name}|float64|order={order}")[1], [np.zeros(2)])


def test_low_precision():
    for name, dtype in [
        ("numpy", "float16"),
        ("torch", "float16"),
        ("torch", "bfloat16"),
        ("jax", "bfloat16"),
    ]:
        array_library(name)
        problem, found = asked(f"multiply|{name}|{dtype}")
        x1, x2, c, _, _ = product(problem)
        answers_are(found, [c * x2, c * x1], dtype)
        assert found.dtypes == [dtype] * 2
        assert found.arrays[0].dtype == ("float32" if dtype == "bfloat16" else dtype)
    missing = engine_answer(cell := Cell.parse("multiply|numpy|bfloat16"), Problem.of(cell))
    assert missing.error.kind == "unsupported-by-backend" and missing.error.type == "MissingDtype"


def test_compiled():
    needs("jax")
    problem, found = asked("multiply|jax|float64|compiled=jit")
    x1, x2, c, _, _ = product(problem)
    answers_are(found, [c * x2, c * x1])
    cell = Cell.parse("leading|jax|float64|compiled=jit")
    failed = engine_answer(cell, Problem.of(cell))
    assert failed.error is not None  # shapes that depend on values cannot be compiled


def test_torch_compile_is_asked_for_the_whole_graph():
    torch = needs("torch")
    cell = Cell.parse("multiply|torch|float64|compiled=compile")
    problem = Problem.of(cell)
    found = engine_answer(cell, problem)
    if found.error is not None:  # what cannot be traced is an answer, too
        assert found.error.kind in ("error", "unsupported-by-engine")
        pytest.skip(f"torch {torch.__version__}: {found.error.summary}")
    x1, x2, c, _, _ = product(problem)
    answers_are(found, [c * x2, c * x1])


def test_unknown_lengths():
    needs("dask")
    problem, found = asked("leading|dask|float64")
    x = problem.args[0]
    c = problem.cotangent(0, (int(np.sum(x > 0)),), "float64")
    expected = np.zeros(3)
    expected[x > 0] = c
    answers_are(found, [expected])


def test_devices():
    needs("array_api_strict")
    device = "array_api_strict.Device('device1')"
    _problem, found = asked(f"multiply|strict|float64|device={device}")
    assert found.devices == [device] * 2
    cell = Cell.parse("multiply|numpy|float64|device=moon")
    failed = engine_answer(cell, Problem.of(cell))
    assert failed.error.kind == "error" and "moon" in failed.error.message


def test_layouts():
    """Strided inputs are strided where a library knows strides."""
    cell = Cell.parse("multiply|numpy|float64|shape=non-contiguous")
    subject = Subject(cell, problem := Problem.of(cell))
    assert subject.arrays[0].strides == (96, 16) and np.array_equal(
        subject.arrays[0], problem.inputs[0]
    )
    needs("torch")
    cell = Cell.parse("multiply|torch|float64|shape=non-contiguous")
    assert Subject(cell, Problem.of(cell)).arrays[0].stride() == (12, 2)


def test_dask_comes_in_chunks():
    needs("dask")
    assert Library("dask").array(np.ones((3, 4))).chunks == ((2, 1), (2, 2))
    assert Library("dask", whole=True).array(np.ones((3, 4))).npartitions == 1


def test_a_batch():
    cell = Cell.parse("multiply|numpy|float64|mode=vmap")
    problem = Problem.of(cell)
    found = engine_answer(cell, problem)
    assert len(found.others) == 2
    for other, gradients in zip(batch(problem)[1:], found.others):
        _x1, x2, c, _, _ = product(other)
        assert np.all(other.inputs[0] != problem.inputs[0])
        np.testing.assert_allclose(gradients[0], c * x2, rtol=1e-14)


def test_the_bare_library():
    cell = Cell.parse("multiply|numpy|float32")
    problem = Problem.of(cell)
    assert np.array_equal(probe(cell, problem).arrays[0], problem.args[0] * problem.args[1])
    cell = Cell.parse("keeping|numpy|float64")
    problem = Problem.of(cell)
    assert np.array_equal(probe(cell, problem).arrays[0], problem.args[0] * problem.args[1])


def test_what_is_changed_is_seen(monkeypatch):
    def spoil(xp, x, c):
        y = x * c
        (c.data if hasattr(c, "volatile") else c)[...] = 0
        return y

    monkeypatch.setitem(
        operations.OPERATIONS,
        "keeping",
        Operation("keeping", "elementwise", ROWS[4].cases, call=spoil),
    )
    cell = Cell.parse("keeping|numpy|float64")
    found = engine_answer(cell, Problem.of(cell))
    assert "a constant" in found.changed
    assert [p.name for p in structure(found) if not p.held] == ["unchanged"]


def test_namespaces_without_a_plugin():
    needs("array_api_strict")
    problem, found = asked("multiply|array_api_strict:|float64")
    x1, x2, c, _, _ = product(problem)
    answers_are(found, [c * x2, c * x1])
    assert Library("numpy:").backend.name == "numpy"


@pytest.mark.parametrize("name", LIBRARIES)
def test_there_and_back(name):
    array_library(name)
    with settings(name):
        library = Library(name)
        for x in (np.asarray(1.5), np.zeros((0, 2)), np.asarray([1, 2**40]), np.asarray([True, False]),
                  np.asarray([1j, np.nan]), np.asfortranarray(np.arange(6.0).reshape(2, 3))):  # fmt: skip
            back = to_numpy(library.array(x))
            assert back.dtype == x.dtype and np.array_equal(back, x, equal_nan=x.dtype.kind in "fc")


def test_memory_is_not_shared():
    x = np.ones(3)
    for name in ("numpy", "torch"):
        array_library(name)
        made = Library(name).array(x)
        made[...] = 5
        assert np.all(x == 1)
        back = to_numpy(made)
        made[...] = 6
        assert np.all(back == 5)


def test_quantities_of_cells():
    named = {
        "sin|numpy|float64": "gradient", "sin|numpy|float64|order=0": "value",
        "sin|numpy|float64|mode=forward": "tangent", "sin|numpy|float64|order=2": "second",
        "sin|numpy|float64|order=2|mode=forward-over-reverse": "second",
        "sin|numpy|float64|mode=vmap": "gradient",
    }  # fmt: skip
    assert {key: Cell.parse(key).quantity for key in named} == named


def test_tracebacks_name_no_folder_of_the_machine():
    try:
        np.linalg.cholesky(-np.eye(2))
    except np.linalg.LinAlgError as error:
        text = traceback_of(error)
    assert 'File "numpy/linalg/' in text
