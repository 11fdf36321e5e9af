"""The calls of NumPy's ufuncs: every ufunc, every method, every argument of the methods."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from .specs import OUT_RAW, OUT_VARIABLE, A, B, C, Call, I, P, R, U

__all__ = ["KNOWN", "METHODS", "ufunc_calls", "ufuncs", "unknown_of_ufuncs"]

METHODS = ("__call__", "reduce", "accumulate", "reduceat", "outer", "at")
#: The parameters of ufuncs and of their methods that the calls below vary.
KNOWN = {
    "x", "x1", "x2", "out", "where", "casting", "order", "dtype", "subok", "signature", "axes",
    "axis", "keepdims", "array", "initial", "indices", "A", "B", "a", "b", "kwargs", "args",
}  # fmt: skip
#: Where the function is defined or smooth, if not between 0 and 1.
ABOVE_ONE = {"arccosh", "acosh"}
INTEGERS = {"bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm",
            "invert", "bitwise_count"}  # fmt: skip


@functools.cache
def ufuncs() -> dict[str, Any]:
    """NumPy's ufuncs, each under one of its names."""
    found: dict[int, tuple[str, Any]] = {}
    for name in sorted(dir(np)):
        f = getattr(np, name)
        if isinstance(f, np.ufunc) and (id(f) not in found or name == f.__name__):
            found[id(f)] = (name, f)
    return dict(sorted(found.values(), key=lambda row: row[0]))


def unknown_of_ufuncs() -> list[str]:
    """Parameters of ufuncs or of their methods that this module does not know."""
    found = set()
    for name, f in ufuncs().items():
        for method in METHODS:
            try:
                keys = inspect.signature(getattr(f, method) if method != "__call__" else f)
            except ValueError:  # NumPy before 2.4 does not say
                continue
            found |= {f"{name}.{method}({key}=)" for key in keys.parameters if key not in KNOWN}
    return sorted(found)


def ufunc_calls(name: str) -> Iterator[Call]:
    """Every call of a ufunc and of its methods."""
    f = ufuncs()[name]
    if f.signature is not None:
        yield from _generalized(name, f)
    else:
        yield from _elementwise(name, f)
    for method in METHODS[1:]:
        for args, kwargs in _methods(f, method):
            yield Call(f"{name}.{method}", getattr(f, method), args, kwargs)


def _elementwise(name: str, f: Any) -> Iterator[Call]:
    shapes: list[Any]
    if f.nin == 1:
        shapes = [(), (4,), (2, 3, 2), (0,)]
        bases: list[tuple[Any, ...]] = [(_real(name, (2, 3)),), (R(2, 3, s=5),)]  # and nan
        bases += [(_real(name, shape),) for shape in shapes]
        bases += [(I(2, 3),), (B(3),), (C(2, 3),), (R(4),)]
    else:
        shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((), (3,)), ((0,), (0,)), ((2, 1, 2), (3, 1))]
        bases = [(_real(name, one), _real(name, other, 1)) for one, other in shapes]
        bases += [(U(3), 0.5), (2, U(3)), (U(3), [0.5, 0.25, 0.7]), ([1.0, 2.0, 3.0], U(2, 3)),
                  (I(3), U(3)), (I(3), I(3, s=1)), (B(3), B(3, s=1)), (C(3), R(3)), (R(4), R(4, s=1)),
                  (U(3), np.float32(0.5)), (U(3), I(3)), (U(2), U(3)), (I(3), 2)]  # fmt: skip
    for n, base in enumerate(bases):
        yield Call(name, f, base, {})
        if n < 4 or (name in INTEGERS and n == 10):
            shape = np.broadcast_shapes(*[a.shape for a in base if isinstance(a, A)])
            for kwargs in _keywords(f, shape):
                # On a branch cut, the derivative is not that along the real numbers.
                if (f.nin, n) != (1, 1) or kwargs.get("dtype") != np.complex128:
                    yield Call(name, f, base, kwargs)
            if f.nout == 1:
                yield Call(name, f, (*base, OUT_RAW), {})
                yield Call(name, f, (*base, OUT_VARIABLE), {})


def _real(name: str, shape: tuple[int, ...], seed: int = 0) -> A:
    return A(shape, "above", seed) if name in ABOVE_ONE else U(*shape, s=seed)


def _keywords(f: Any, shape: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    mask = A(shape, "mask")
    yield from ({"out": OUT_RAW}, {"out": OUT_VARIABLE})
    yield from ({"where": True}, {"where": mask}, {"where": mask, "out": OUT_VARIABLE},
                {"where": mask.values, "out": OUT_RAW}, {"where": False, "out": OUT_VARIABLE})  # fmt: skip
    yield from ({"dtype": np.float32}, {"dtype": np.complex128}, {"dtype": np.int64},
                {"dtype": "f4", "casting": "unsafe"}, {"dtype": np.float32, "casting": "no"})  # fmt: skip
    yield from ({"casting": "unsafe"}, {"casting": "bogus"}, {"order": "F"}, {"subok": False})
    yield from ({"signature": "d" * f.nin + "->" + "d" * f.nout}, {"signature": "bogus"})
    yield {"dtype": np.float64, "out": OUT_VARIABLE}


def _generalized(name: str, f: Any) -> Iterator[Call]:
    bases = {
        "matmul": [
            (R(2, 3), R(3, 2)),
            (R(3), R(3, s=1)),
            (R(2, 2, 3), R(3, 2)),
            (R(2, 3), R(3)),
            (R(), R(3)),
            (R(2, 3), R(2, 3)),
            (C(2, 2), R(2)),
            (R(3), R(2, 3, 2)),
            (R(2, 3), [1.0, 2.0, 3.0]),
            (I(2, 2), R(2)),
            (R(2, 0), R(0, 2)),
        ],
        "matvec": [
            (R(2, 3), R(3)),
            (R(2, 2, 3), R(2, 3)),
            (C(2, 3), C(3)),
            (R(2, 3), R(2)),
            (R(3), R(3)),
        ],
        "vecmat": [(R(2), R(2, 3)), (R(2, 2), R(2, 3)), (C(2), C(2, 3)), (R(3), R(2, 3))],
        "vecdot": [(R(3), R(3, s=1)), (R(2, 3), R(3)), (C(2, 3), C(3)), (R(2), R(3)), (R(), R(3))],
    }[name]  # a new one is not known, and fails the sweep
    last = {"matmul": [(-1, -2), (-2, -1), (-2, -1)], "matvec": [(-1, -2), (-1,), (-1,)],
            "vecmat": [(-1,), (-1, -2), (-1,)], "vecdot": [(-1,), (-1,), ()]}[name]  # fmt: skip
    for n, base in enumerate(bases):
        yield Call(name, f, base, {})
        if n < 4:
            for kwargs in ({"axes": last}, {"axis": -1}, {"axis": 0}, {"keepdims": True},
                           {"dtype": np.float32}, {"dtype": np.complex128}, {"out": OUT_RAW},
                           {"out": OUT_VARIABLE}, {"casting": "no"}, {"order": "F"}):  # fmt: skip
                yield Call(name, f, base, kwargs)


def _methods(f: Any, method: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    if (f.nin != 2 or f.nout != 1 or f.signature is not None) and method != "at":
        one: tuple[Any, ...] = (P(2, 3), [0, 1]) if method == "reduceat" else (P(2, 3),)
        yield (*one, U(2)) if method == "outer" else one, {}
        return
    if method == "reduce":
        for x in (P(2, 3), P(2, 3, 2), P(4), P(), P(0), P(2, 0), I(2, 3), B(2, 3), C(2, 3)):
            yield (x,), {}
            for axis in (0, 1, -1, None, (0, 1), (), 5):
                yield (x,), {"axis": axis}
            mask = B(*x.shape)
            options: list[dict[str, Any]] = [
                {"dtype": np.float32}, {"dtype": np.complex128}, {"dtype": np.int64},
                {"out": OUT_RAW}, {"out": OUT_VARIABLE}, {"keepdims": True}, {"initial": 1.5},
                {"initial": P(s=3)}, {"initial": None}, {"where": mask}, {"where": mask.values, "initial": 1.5},
                {"where": False, "initial": 0.5},
            ]  # fmt: skip
            for option in options:
                yield (x,), option
                yield (x,), {"axis": None, **option}
                yield (x,), {"axis": -1, **option}
            yield (x, -1), {}
            yield (x, 0, np.float32), {}
            yield (x, 0, None, OUT_VARIABLE), {}
            yield (x, None, None, None, True), {}
        yield ([1.0, 2.0],), {}
    elif method == "accumulate":
        for x in (P(2, 3), P(2, 3, 2), P(4), P(), P(0), I(2, 3), B(3), C(3)):
            yield (x,), {}
            for option in ({"axis": 1}, {"axis": -1}, {"axis": 5}, {"axis": None}, {"dtype": np.float32},
                           {"dtype": np.complex128}, {"out": OUT_RAW}, {"out": OUT_VARIABLE}):  # fmt: skip
                yield (x,), option
            yield (x, -1), {}
    elif method == "reduceat":
        for x in (P(2, 3), P(4), P(3, 2, 2), I(4), C(4)):
            for indices in ([0, 1], [1, 0], [0, 0, 1], [-1], [7], np.asarray([0]), [0.5]):
                yield (x, indices), {}
                if x.shape[-1] > 1:
                    for option in ({"axis": -1}, {"dtype": np.float32}, {"out": OUT_VARIABLE}):
                        yield (x, indices), option
            yield (x, [0, 1], -1), {}
    elif method == "outer":
        for base in ((U(2), U(3, s=1)), (U(2, 2), U(3)), (U(), U(2)), (U(2), 0.5), (U(2), [0.5, 0.7]), (U(0), U(2)),
                     (I(2), I(3)), (C(2), C(2, s=1)), (0.5, U(2))):  # fmt: skip
            yield base, {}
            for option in ({"dtype": np.float32}, {"out": OUT_RAW}, {"out": OUT_VARIABLE},
                           {"where": True}, {"dtype": np.complex128}, {"bogus": 1}):  # fmt: skip
                yield base, option
    else:
        for x in (U(4), U(3, 2), I(4), C(4)):
            if f.nin == 1:
                for indices in (
                    [0, 2],
                    [1, 1],
                    [],
                    0,
                    slice(0, 2),
                    [9],
                    [True, False, True, False][: x.shape[0]],
                ):
                    yield (x, indices), {}
            else:
                rows: list[tuple[Any, Any]] = [([0, 2], U(2, s=1)), ([1, 1], U(s=2)), ([1, 1], [0.5, 0.25]), (0, 0.5),
                                               ([9], 0.5), (slice(0, 2), 0.5), ([0, 1, 1], U(3, s=1))]  # fmt: skip
                for indices, b in rows:
                    fits = isinstance(b, A) and b.shape and len(x.shape) > 1
                    yield (x, indices, A((b.shape[0], 2), "unit", 1) if fits else b), {}
