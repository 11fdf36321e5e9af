"""The suite is itself tested: gradient bugs are planted, and it must catch each of them.

Some are planted in a copy of the engine, which is imported under another name; the others in a fake
array library (`fakelib`). A bug that ends in a pass fails the test, and so does a sound engine that
does not pass.
"""

import functools
import importlib.util
import operator
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.optional import needs

needs("mpmath", "torch")
import mpmath

import pluggrad
from pluggrad_conformance import operations, tables
from pluggrad_conformance.cells import Cell
from pluggrad_conformance.judge import judge_cell
from pluggrad_conformance.operations import Array, Operation, case

sys.path.insert(0, str(Path(__file__).parent))
import fakelib

# ---------------------------------------------------------------------- a small table of its own

thousand = Array((1000,), 0.5, 2.0)
ROWS = [
    Operation(
        "sin", "elementwise",
        (
            case("typical", Array((2, 3))),
            case("tiny", Array(values=(1e-7, -2e-7, 0.5))),
            case("zeros", Array(values=(0.0, 1.0, -0.0))),
            case("thousand", thousand, axis="shape"),
        ),
        exact=mpmath.sin, analytic=True,
    ),
    Operation(
        "multiply", "elementwise",
        (
            case("typical", Array((2, 3)), Array((2, 3))),
            case("broadcast", Array((3, 3)), Array((3,)), axis="shape"),
            case("thousand", thousand, thousand, axis="shape"),
        ),
        exact=lambda x1, x2: x1 * x2, operator=operator.mul,
    ),
    Operation(
        "max", "reduction", (case("typical", Array((4,))), case("ties", Array(values=(1.0, 3.0, 3.0)))),
        domains=("real",),
    ),
    Operation(
        "abs", "elementwise", (case("typical", Array((4,))), case("zero", Array(values=(0.0, 1.0)))),
        domains=("real",), torch=lambda torch, x: torch.abs(x),
    ),
    Operation(
        "add", "elementwise", (case("typical", Array((2, 3)), Array((2, 3))),),
        exact=lambda x1, x2: x1 + x2,
    ),
    Operation("matmul", "contraction", (case("typical", Array((2, 3)), Array((3, 2))),)),
    Operation(
        "take_twice", "movement", (case("typical", Array((4,))),),
        call=lambda xp, x: x[xp.asarray([0, 2, 2])],
        torch=lambda torch, x: x[torch.tensor([0, 2, 2])],
        jax=lambda jnp, x: x[jnp.asarray([0, 2, 2])],
    ),
    Operation(
        "used_twice",
        "elementwise",
        (case("typical", Array((3,))),),
        call=lambda xp, x: xp.sin(x) * x,
        torch=lambda torch, x: torch.sin(x) * x,
        jax=lambda jnp, x: jnp.sin(x) * x,
        exact=lambda x: mpmath.sin(x) * x,
    ),
    Operation("tan", "elementwise", (case("typical", Array((2,), -1.0, 1.0)),), analytic=True),
]  # fmt: skip


@pytest.fixture(autouse=True)
def table(monkeypatch):
    monkeypatch.setattr(tables, "read_tables", lambda: None)
    monkeypatch.setattr(operations, "OPERATIONS", {row.name: row for row in ROWS})
    fakelib.BUGS.clear()
    yield
    fakelib.BUGS.clear()


# ---------------------------------------------------------------------- bugs in a copy of the engine

_names = []


@functools.cache
def planted(plant):
    """A copy of pluggrad, whose every module is its own, with a bug in it."""
    name = f"pluggrad_copy_{len(_names)}"
    _names.append(name)
    path = Path(pluggrad.__file__)
    spec = importlib.util.spec_from_file_location(
        name, path, submodule_search_locations=[str(path.parent)]
    )
    copy = importlib.util.module_from_spec(spec)
    sys.modules[name] = copy
    spec.loader.exec_module(copy)
    copy.arrays.plugins.Adapter = pluggrad.Adapter  # the adapters are those of the original
    plant(copy, copy.arrays.dispatch.xp)
    return copy


@pytest.fixture(scope="module", autouse=True)
def leave_no_copies():
    yield
    planted.cache_clear()
    for module in [m for m in sys.modules if m.split(".")[0] in _names]:
        del sys.modules[module]


def nothing(engine, xp):
    """No bug."""


def rewrite(engine, name, *formulas, kind="elementwise", **options):
    """Replace a row of the copy's rule book."""
    getattr(engine.rules.kinds, kind)(name, *formulas, **options)


def raw(x):
    return x.data if hasattr(x, "volatile") else x


def scale(engine, xp):
    rewrite(engine, "sin", lambda t, x: t * xp.cos(x) * (1 + 1e-4))


def one_entry(change):
    """One entry of a thousand is multiplied by `change`."""

    def plant(engine, xp):
        def spoiled(g):
            factor = np.ones(g.shape, raw(g).dtype)
            if factor.size == 1000:
                factor[617] = change
            return g * factor

        rewrite(engine, "sin", lambda t, x: spoiled(t * xp.cos(x)))
        rewrite(
            engine, "multiply", lambda t, x2: spoiled(t * x2), lambda t, x1: spoiled(t * x1),
        )  # fmt: skip

    return plant


one_entry_off, one_entry_zeroed, one_entry_flipped = map(one_entry, (0.99, 0.0, -1.0))


def doubled_at_tiny(engine, xp):
    rewrite(engine, "sin", lambda t, x: t * xp.cos(x) * (1 + xp.astype(abs(x) < 1e-6, x.dtype)))


def missing_conj(engine, xp):
    product = engine.engine.primitive.PRIMITIVES["multiply"]
    for rule in product.rules:
        made = rule.variant(
            lambda g, kept, pull=rule.pull: engine.engine.lazy_cotangents.fit(
                pull(g, kept[0]), kept[1]
            )
        )
        rule.careful.pull = made.pull


def wrong_tie(engine, xp):
    def back(g, x, axis, keepdims):
        first = np.zeros(raw(x).shape, raw(x).dtype)
        first[int(np.argmax(raw(x)))] = 1.0
        return g * first

    rewrite(engine, "max(x, /, *, axis=None, keepdims=False)", back, kind="general")


def wrong_at_zero(engine, xp):
    rewrite(engine, "sin", lambda t, x: t * xp.where(x == 0, 0.0, xp.cos(x)))


def nan_at_zero(engine, xp):
    rewrite(engine, "sin", lambda t, x: t * (xp.cos(x) + 0.0 * (x / x)))


def abs_at_zero(engine, xp):
    """What JAX says, and torch does not: the convention is 0."""
    rewrite(engine, "abs", lambda t, x: t * xp.where(x >= 0, 1.0, -1.0))


def detached(engine, xp):
    rewrite(engine, "sin", lambda t, x: t * xp.cos(engine.stop_gradient(x)))


def wrong_dtype(engine, xp):
    rewrite(engine, "sin", lambda t, x: xp.astype(t * xp.cos(x), engine.float64))


def wrong_axis(engine, xp):
    def sum_to(g, shape):
        extra = g.ndim - len(shape)
        if extra:
            g = xp.sum(g, axis=tuple(range(g.ndim - extra, g.ndim)))
        axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
        return xp.sum(g, axis=axes, keepdims=True) if axes else g

    engine.engine.lazy_cotangents.sum_to = sum_to


def same_buffer(engine, xp):
    """Each gradient is written into the same memory."""
    buffers = {}

    def back(t, x):
        g = t * xp.cos(x)
        if hasattr(g, "volatile"):
            return g
        buffer = buffers.setdefault((g.shape, g.dtype), np.empty_like(g))
        buffer[...] = g
        return buffer

    rewrite(engine, "sin", back)


def shared_cotangent(engine, xp):
    """Nothing is copied on the way out: the gradients of a sum are one array, the cotangent."""
    copies = {engine.engine.lazy_cotangents.own, engine.engine.backward.own}
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{engine.__name__}.") and vars(module).get("own") in copies:
            module.own = engine.engine.lazy_cotangents.dense


def writes_input(engine, xp):
    def back(t, x):
        g = t * xp.cos(x)
        raw(x)[...] = 0.0
        return g

    rewrite(engine, "sin", back)


def writes_cotangent(engine, xp):
    def back(t, x):
        factor = raw(xp.cos(x))
        t = raw(t)
        t *= factor
        return t

    rewrite(engine, "sin", back)


def noise(engine, xp):
    rng = np.random.default_rng(0)
    rewrite(
        engine, "sin", lambda t, x: t * xp.cos(x) * (1.0 + 4e-16 * rng.choice([-1, 1], x.shape))
    )


def wrong_forwards(engine, xp):
    row = engine.engine.primitive.PRIMITIVES["max"]
    along = row.jvp
    row.jvp = functools.wraps(along)(lambda *args: 1.0001 * along(*args))


def last_use_only(engine, xp):
    """Of several uses of one value, only one counts."""
    engine.engine.differentiate.in_place_type = lambda backend: None
    engine.transforms.gradients.in_place_type = lambda backend: None
    engine.engine.backward.add = lambda a, c: c


def first_of_the_batch(engine, xp):
    """All items of a batch get the gradient of the first."""
    vmap = engine.vmap

    def wrong(fun):
        return lambda *args: [np.stack([g[0]] * len(g)) for g in vmap(fun)(*args)]

    engine.vmap = wrong


WRONG = {"wrong"}
#: The bug, the cell that shows it, and what the suite may say.
SEEDED = [
    (scale, "sin|numpy|float64", WRONG),
    (scale, "sin|numpy|float32", {"wrong", "numerically-off"}),
    (scale, "sin|numpy|complex128", WRONG),
    (scale, "sin|numpy|float64|shape=thousand", WRONG),
    (scale, "sin|numpy|float64|mode=vmap", WRONG),
    (scale, "sin|numpy|float64|order=2", WRONG),
    *[(plant, f"{name}|numpy|{dtype}|shape=thousand", WRONG)
      for plant in (one_entry_off, one_entry_zeroed, one_entry_flipped) for name in ("sin", "multiply")
      for dtype in ("float64", "float32")],
    (doubled_at_tiny, "sin|numpy|float64|case=tiny", WRONG),
    (doubled_at_tiny, "sin|numpy|float32|case=tiny", WRONG),
    (missing_conj, "multiply|numpy|complex128", WRONG),
    (missing_conj, "multiply|numpy|complex64", WRONG),
    (wrong_tie, "max|numpy|float64|case=ties", WRONG),
    (wrong_at_zero, "sin|numpy|float64|case=zeros", WRONG),
    (nan_at_zero, "sin|numpy|float64|case=zeros", {"nonfinite-mismatch"}),
    (abs_at_zero, "abs|numpy|float64|case=zero", {"wrong", "oracle-conflict"}),
    (detached, "sin|numpy|float64|order=2", WRONG),
    (detached, "sin|numpy|float64|order=2|mode=forward-over-reverse", WRONG),
    (wrong_dtype, "sin|numpy|float32", {"wrong-structure"}),
    (wrong_axis, "multiply|numpy|float64|shape=broadcast", WRONG),
    (same_buffer, "sin|numpy|float64", {"wrong-structure"}),
    (shared_cotangent, "add|numpy|float64", {"wrong-structure"}),
    (writes_input, "sin|numpy|float64", {"wrong-structure"}),
    (writes_input, "sin|numpy|float32", {"wrong-structure"}),
    (writes_cotangent, "sin|numpy|float64", {"wrong-structure"}),
    (noise, "sin|numpy|float64", {"nondeterministic"}),
    (last_use_only, "used_twice|numpy|float64", WRONG),
    (last_use_only, "used_twice|numpy|float64|order=2", WRONG),
    (first_of_the_batch, "sin|numpy|float64|mode=vmap", WRONG),
    (wrong_forwards, "max|numpy|float64|mode=forward", WRONG),
    (wrong_forwards, "max|numpy|float64", {"wrong-structure"}),  # by transposition
]  # fmt: skip


def name_of(x):
    return getattr(x, "__name__", None) or (x if isinstance(x, str) else "")


@pytest.mark.parametrize("plant, key, expected", SEEDED, ids=name_of)
def test_a_bug_in_the_engine_is_caught(plant, key, expected):
    result = judge_cell(Cell.parse(key), engine=planted(plant))
    assert result.outcome in expected, (result.outcome, result.detail)


@pytest.mark.parametrize("key", sorted({key for _, key, _ in SEEDED}))
def test_a_sound_copy_passes(key):
    result = judge_cell(Cell.parse(key), engine=planted(nothing))
    assert result.outcome in ("pass", "convention"), (result.outcome, result.detail)
    assert all(p.held for p in result.properties)


def test_what_a_bug_does_not_touch_still_passes():
    """The suite says what is wrong, and of nothing else that it is."""
    for plant, key in [
        (missing_conj, "multiply|numpy|float64"),
        (missing_conj, "sin|numpy|complex128"),
        (detached, "sin|numpy|float64"),
        (detached, "sin|numpy|float64|mode=forward"),
        (one_entry_zeroed, "sin|numpy|float64"),
        (wrong_tie, "max|numpy|float64"),
        (wrong_dtype, "sin|numpy|float64"),
        (wrong_axis, "multiply|numpy|float64"),
    ]:
        assert judge_cell(Cell.parse(key), engine=planted(plant)).outcome == "pass"


# ---------------------------------------------------------------------- bugs in a fake library

FAKE = [
    ("sin is wrong", "sin|fake|float64", {"forward-deviation"}),
    ("sin is wrong", "sin|fake|float64|order=0", {"forward-deviation"}),
    ("cos is wrong", "sin|fake|float64", WRONG),
    ("cos is wrong", "sin|fake|float64|mode=forward", WRONG),
    ("cos is float64", "sin|fake|float32", {"wrong-structure"}),
    ("cos is noisy", "sin|fake|float64", {"nondeterministic"}),
    ("cos is read as nan", "sin|fake|float64|case=zeros", {"nonfinite-mismatch"}),
    ("multiply writes", "multiply|fake|float64|form=operator", {"wrong-structure"}),
    ("copy is none", "add|fake|float64", {"wrong-structure"}),
    ("scatter overwrites", "take_twice|fake|float64", WRONG),
    ("", "tan|fake|float64", {"unsupported-by-backend"}),
]


@pytest.mark.parametrize("bug, key, expected", FAKE)
def test_a_bug_in_a_library_is_caught(bug, key, expected):
    fakelib.BUGS.add(bug)
    result = judge_cell(Cell.parse(key))
    assert result.outcome in expected, (result.outcome, result.detail)


@pytest.mark.parametrize("key", sorted({key for _, key, _ in FAKE} - {"tan|fake|float64"}))
def test_a_sound_library_of_a_third_party_passes(key):
    result = judge_cell(Cell.parse(key))
    assert result.outcome == "pass", (result.outcome, result.detail)
