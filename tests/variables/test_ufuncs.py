"""Every ufunc of NumPy, called with Variables by every method and argument, beside NumPy's answer.

The calls are generated. A call is right if its value and dtype are NumPy's and its gradient that of
finite differences, or if NumPy raises and so do we. A ufunc of a new NumPy that has no row fails.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import pluggrad as pg

UFUNCS = {f.__name__: f for f in vars(np).values() if isinstance(f, np.ufunc)}

# fmt: off
#: Ufuncs of numbers between 0.6 and 1.4, and those of integers.
ORDINARY = (
    "absolute add cbrt ceil conjugate copysign cos cosh deg2rad degrees divide divmod equal exp "
    "exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod frexp greater greater_equal "
    "heaviside hypot isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp "
    "logaddexp2 logical_and logical_not logical_or logical_xor maximum minimum modf multiply "
    "negative nextafter not_equal positive power rad2deg radians reciprocal remainder rint sign "
    "signbit sin sinh spacing sqrt square subtract tanh trunc arcsinh arctan arctan2 matmul vecdot "
    "matvec vecmat isnat"
)
INTEGERS = "bitwise_and bitwise_or bitwise_xor bitwise_count gcd invert lcm left_shift right_shift"
#: Where the numbers come from, by the name of the ufunc.
DOMAINS: dict[str, Any] = dict.fromkeys(ORDINARY.split(), (0.6, 1.4))
DOMAINS |= {"arccosh": (1.2, 2.5), "tan": (-1.0, 1.0)}
DOMAINS |= dict.fromkeys(("arcsin", "arccos", "arctanh"), (-0.8, 0.8))
DOMAINS |= dict.fromkeys(INTEGERS.split(), "integers")
DOMAINS["ldexp"] = "float and integer"
# fmt: on
#: What NumPy answers and we refuse, by the text of the error.
REFUSED = (
    "cannot be Variables",
    "without `out`",
    "no derivative in pluggrad",
    "each step would be",
)


def test_every_ufunc_has_a_row() -> None:
    assert set(UFUNCS) == set(DOMAINS)


def sample(name: str, shape: Any, place: int = 0, kind: str = "") -> np.ndarray:
    """The argument number `place` of a ufunc."""
    rng = np.random.default_rng([place, *shape])
    domain = DOMAINS[name]
    if kind == "bool":
        return rng.random(shape) < 0.6
    if kind == "int" or domain == "integers" or (domain == "float and integer" and place):
        return rng.integers(1, 7, shape)
    low, high = domain if isinstance(domain, tuple) else (0.6, 1.4)
    x = rng.uniform(low, high, shape)
    return x + 1j * rng.uniform(low, high, shape) if kind == "complex" else x


class Case(NamedTuple):
    """``f(*arrays)``, where each array is a Variable or not."""

    label: str
    f: Callable[..., Any]
    arrays: list[np.ndarray]


def shapes(ufunc: Any) -> list[tuple[Any, ...]]:
    if ufunc.signature is None:
        if ufunc.nin == 1:
            return [((2, 3),), ((),), ((0, 2),)]
        return [((2, 3), (2, 3)), ((2, 3), (3,)), ((), (3,)), ((2, 1), (1, 3)), ((0, 3), (3,))]
    return {"matmul": [((2, 3), (3, 2)), ((3,), (3,))], "vecdot": [((2, 3), (2, 3)), ((3,), (3,))],
            "matvec": [((2, 3), (3,))], "vecmat": [((2,), (2, 3))]}[ufunc.__name__]  # fmt: skip


def calls(name: str) -> Iterator[Case]:
    """Ways to call the ufunc itself."""
    ufunc = UFUNCS[name]
    for row in shapes(ufunc):
        for kind in ("", "int", "bool"):
            if kind and len(row[0]) != 2:
                continue
            yield Case(
                f"{row} {kind}", ufunc, [sample(name, s, n, kind) for n, s in enumerate(row)]
            )
    xs = [sample(name, s, n) for n, s in enumerate(shapes(ufunc)[0])]
    yield Case(
        "complex", ufunc, [sample(name, s, n, "complex") for n, s in enumerate(shapes(ufunc)[0])]
    )
    if ufunc.nin == 2 and ufunc.signature is None:
        yield Case("number right", lambda x: ufunc(x, 2), xs[:1])
        if DOMAINS[name] == (0.6, 1.4):
            yield Case("number left", lambda x: ufunc(1.5, x), xs[1:])
            yield Case("list", lambda x: ufunc(x, [0.7, 0.9, 1.1]), xs[:1])
    for dtype in ("float32", "complex128", "int64", "bool", "float64"):
        for casting in ("same_kind", "unsafe", "no"):
            yield Case(f"dtype={dtype} {casting}",
                       lambda *x, d=dtype, c=casting: ufunc(*x, dtype=d, casting=c), xs)  # fmt: skip
    yield Case("order", lambda *x: ufunc(*x, order="F", subok=False), xs)
    yield Case("order=Q", lambda *x: ufunc(*x, order="Q"), xs)
    yield Case(
        "signature", lambda *x: ufunc(*x, signature="d" * ufunc.nin + "->" + "d" * ufunc.nout), xs
    )
    mask = np.asarray([True, False, True])
    with np.errstate(all="ignore"):
        try:
            made = ufunc(*xs)
        except TypeError:
            return
    outs = made if ufunc.nout > 1 else (made,)
    for masked in (True, mask) if ufunc.signature is None else (True,):
        kwargs = {} if masked is True else {"where": masked}
        for dtype in (None, "float32", "int8", "complex128"):

            def into(*x: Any, kwargs: Any = kwargs, dtype: Any = dtype) -> Any:
                fresh = [np.zeros(y.shape, dtype or y.dtype) for y in outs]
                if any(isinstance(v, pg.Variable) for v in x):
                    fresh = [pg.Variable(y) for y in fresh]
                return ufunc(*x, out=tuple(fresh), **kwargs)

            yield Case(f"out {dtype} {kwargs}", into, xs)
    yield Case("where", lambda *x: ufunc(*x, where=mask), xs)
    if ufunc.signature is not None:
        a, b = np.ones((3, 2, 4)), np.ones((3, 2, 4))
        yield Case("axis", lambda x, y: ufunc(x, y, axis=1), [a, b])
        yield Case("axis, keepdims", lambda x, y: ufunc(x, y, axis=0, keepdims=True), [a, b])
        yield Case("keepdims", lambda x, y: ufunc(x, y, keepdims=True), [a, b])
        yield Case("axes", lambda x, y: ufunc(x, y, axes=[(0, 1), (1, 0), (0, 1)]), [xs[0], xs[0]])
        yield Case("axes of vectors", lambda x, y: ufunc(x, y, axes=[0, 0, ()]), [a, b])


def reductions(name: str) -> Iterator[Case]:
    """Ways to call the methods, but `at`."""
    ufunc = UFUNCS[name]
    for kind in ("", "int", "bool"):
        for shape in ((2, 3), (), (0, 3), (3,)):
            x = sample(name, shape, 0, kind)
            yield Case(f"reduce {shape} {kind}", ufunc.reduce, [x])
            yield Case(f"accumulate {shape} {kind}", ufunc.accumulate, [x])
    x = sample(name, (2, 3))
    if DOMAINS[name] == (0.6, 1.4):
        x[0, 1] = 0.8125  # one tie among them would be a matter of convention
    mask = np.asarray([[True, False, True], [True, True, False]])
    settings: list[dict[str, Any]] = [
        {"axis": -1}, {"axis": None}, {"axis": (0, 1)}, {"axis": (0,)}, {"axis": ()}, {"axis": 5},
        {"axis": (0, 0)}, {"keepdims": True}, {"axis": None, "keepdims": True}, {"axis": 1.5},
        {"dtype": "float32"}, {"dtype": "complex128"}, {"dtype": "int64"}, {"dtype": "bool"},
        {"initial": 1.5}, {"initial": None}, {"initial": 1.5, "axis": None, "keepdims": True},
        {"where": mask}, {"where": mask, "initial": 1.25, "axis": 1}, {"where": mask[0]},
        {"where": mask, "axis": None, "initial": 0.75}, {"where": mask[:1, :2]},
        {"initial": 1.5, "axis": ()},
    ]  # fmt: skip
    for setting in settings:
        yield Case(f"reduce {setting}", lambda x, s=setting: ufunc.reduce(x, **s), [x])
    yield Case("reduce empty initial", lambda x: ufunc.reduce(x, initial=1.5), [x[:0]])
    for setting in settings[:2] + settings[10:14] + [{"axis": 1}, {"axis": 5}]:
        yield Case(f"accumulate {setting}", lambda x, s=setting: ufunc.accumulate(x, **s), [x])
        yield Case(
            f"reduceat {setting}", lambda x, s=setting: ufunc.reduceat(x, [0, 1, 0], **s), [x]
        )
    for indices in ([0, 5], [-1], [], 1, [[0, 1]], np.asarray([1, 0])):
        yield Case(f"reduceat {indices}", lambda x, i=indices: ufunc.reduceat(x, i, axis=1), [x])
    for dtype in (None, "float32", "int64"):

        def into(
            x: Any, method: str = "reduce", shape: Any = (3,), dtype: Any = dtype, **kwargs: Any
        ) -> Any:
            out: Any = np.zeros(shape, dtype or "float64")
            out = pg.Variable(out) if isinstance(x, pg.Variable) else out
            return getattr(ufunc, method)(x, out=out, **kwargs)

        yield Case(f"reduce out {dtype}", into, [x])
        yield Case(f"reduce out {dtype} other shape", lambda x, f=into: f(x, shape=(2, 3)), [x])
        yield Case(f"accumulate out {dtype}", lambda x, f=into: f(x, "accumulate", (2, 3)), [x])
    if ufunc.nin == 2:
        a, b = sample(name, (2, 1), 0), sample(name, (3,), 1)
        yield Case("outer", ufunc.outer, [a, b])
        yield Case("outer, 0-d", ufunc.outer, [a, b[0, ...]])
        yield Case("outer number", lambda x: ufunc.outer(x, 2), [a])
        yield Case("outer dtype", lambda x, y: ufunc.outer(x, y, dtype="float32"), [a, b])


def writes(name: str) -> Iterator[Case]:
    """Ways to call `at`."""
    ufunc = UFUNCS[name]
    keys: list[Any] = [
        [0, 1], [0, 0, 0], [-1, 1], slice(0, 2), (0, [1, 1]), np.asarray([True, False]), ...,
        ([0, 0, 1], [1, 1, 2]), [5], 0,
    ]  # fmt: skip
    for key in keys:

        def written(x: Any, *b: Any, key: Any = key) -> Any:
            x = x + 0 if x.dtype.kind != "b" else x.copy()
            ufunc.at(x, key, *b)
            return x

        x = sample(name, (2, 3))
        if ufunc.nin == 1:
            yield Case(f"at {key}", written, [x])
        else:
            yield Case(f"at {key}", written, [x, sample(name, (3,), 1)[:1]])
            yield Case(f"at {key} number", lambda x, f=written: f(x, 2), [x])
            yield Case(f"at {key} other shape", written, [x, sample(name, (7,), 1)])
            yield Case(
                f"at {key} integers",
                lambda x, f=written: f(x, 1.5),
                [sample(name, (2, 3), 0, "int")],
            )


def answer(f: Callable[..., Any], arrays: Any) -> Any:
    """The arrays that `f` returns, or its exception."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            y = f(*arrays)
        except Exception as error:
            return error
    return list(y) if isinstance(y, tuple) else [y]


def judged(case: Case) -> str:
    """What is wrong; empty if nothing is."""
    expected = answer(case.f, [x.copy() for x in case.arrays])
    floats = [x.dtype.kind in "fc" for x in case.arrays]
    leaves = [
        pg.Variable(x.copy(), requires_grad=t) for x, t in zip(case.arrays, floats, strict=True)
    ]
    found = answer(case.f, leaves)
    if isinstance(found, Exception):
        if not isinstance(found, pg.PluggradError):
            same = type(found) is type(expected) and str(found) == str(expected)
            return "" if same else f"foreign: {type(found).__name__}: {found}"
        refused = any(text in str(found) for text in REFUSED)
        return "" if isinstance(expected, Exception) or refused else f"refused: {found}"
    if isinstance(expected, Exception):
        return f"answered, and NumPy raises {expected}"
    loss: Any = 0.0
    weights, values = [], np.zeros(0)
    for mine, theirs in zip(found, expected, strict=True):
        theirs = np.asarray(theirs)
        value = np.asarray(mine.detach().data)
        if value.dtype != theirs.dtype or value.shape != theirs.shape:
            return f"{value.dtype} {value.shape} instead of {theirs.dtype} {theirs.shape}"
        values = np.append(values, theirs)
        tolerance = 1e-5 if theirs.dtype in ("float32", "complex64") else 1e-13
        if not np.allclose(value, theirs, rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"{value} instead of {theirs}"
        w = np.random.default_rng(0).normal(size=theirs.shape)
        weights.append(w * (1 + 0.5j) if theirs.dtype.kind == "c" else w)
        if theirs.dtype.kind in "fc" and mine.requires_grad:
            loss = loss + pg.sum(
                pg.real(mine * pg.Variable(np.conj(weights[-1]).astype(theirs.dtype)))
            )
    if any(y.dtype in ("float32", "complex64", "float16") for y in map(np.asarray, expected)):
        return ""
    if any(x.dtype.kind == "c" for x in case.arrays):
        return ""
    if isinstance(loss, pg.Variable):
        with np.errstate(all="ignore"):
            loss.backward()
    for n, leaf in enumerate(leaves):
        if floats[n]:
            slope = differences(case, n, weights)
            mine = np.zeros_like(slope) if leaf.grad is None else leaf.grad.data
            near = 1e-6 * np.max(np.abs(slope), initial=1.0)
            if np.all(np.isfinite(values)) and not np.allclose(mine, slope, rtol=2e-5, atol=near):
                return f"the gradient by argument {n} is {mine} and not {slope}"
    return ""


def differences(case: Case, place: int, weights: list[Any], step: float = 1e-6) -> np.ndarray:
    """The slopes of the weighted sum of the results, by central differences."""
    x = case.arrays[place]
    slope = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        sums = []
        for sign in (1, -1):
            moved = [a.copy() for a in case.arrays]
            moved[place][index] += sign * step
            ys = answer(case.f, moved)
            sums.append(sum(np.sum(np.nan_to_num(np.real(np.conj(w) * y))) for w, y in zip(weights, ys, strict=True)
                            if np.asarray(y).dtype.kind in "fc"))  # fmt: skip
        slope[index] = (sums[0] - sums[1]) / (2 * step)
    return slope


def check(cases: Iterator[Case]) -> None:
    wrong = {case.label: text for case in cases if (text := judged(case))}
    assert not wrong, "\n".join(f"{label}: {text}" for label, text in wrong.items())


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_calls(name: str) -> None:
    check(calls(name))


def reduces_rightly(ufunc: Any) -> bool:
    """Whether NumPy reduces three numbers from the left. On some processors, `power` and `arctan2`
    leave out all but the first and the last."""
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.__name__ not in ("power", "arctan2"):
        return True
    x = np.asarray([1.3, 1.1, 0.8])
    return bool(np.isclose(ufunc.reduce(x), ufunc.accumulate(x)[-1]))


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_methods(name: str) -> None:
    right = reduces_rightly(UFUNCS[name])
    check(case for case in reductions(name) if right or not case.label.startswith("reduce"))


def test_reductions_go_from_the_left() -> None:
    x = np.asarray([1.3, 1.1, 0.8])
    for ufunc in (np.power, np.arctan2):
        found = ufunc.reduce(pg.Variable(x))
        np.testing.assert_allclose(found.data, ufunc(ufunc(x[0], x[1]), x[2]))


@pytest.mark.parametrize("name", sorted(UFUNCS))
def test_at(name: str) -> None:
    check(writes(name))
