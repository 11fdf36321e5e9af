"""The calls of NumPy's functions, generated from their signatures."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .bases import BASES, EXTRA, ONE, SHAPES, VALUES_ALONE
from .parameters import PARTNERS, values_for
from .specs import A, Call, Context
from .ufuncs import ufunc_calls, ufuncs

__all__ = ["calls", "functions", "names", "smooth", "unknown"]

EMPTY = inspect.Parameter.empty
#: Defaults that cannot be written are given as what they mean.
NEUTRAL = {"keepdims": False}


@functools.cache
def functions() -> dict[str, Callable[..., Any]]:
    """NumPy's public functions that ask their arguments for an answer (`__array_function__`). Those
    in C have no signature before NumPy 2.4, and are left out there."""
    found = {}
    tricks = np.lib.stride_tricks
    for module, prefix in ((np, ""), (np.linalg, "linalg."), (np.fft, "fft."),
                           (np.emath, "emath."), (tricks, "lib.stride_tricks.")):  # fmt: skip
        for name in sorted(dir(module)):
            f = getattr(module, name)
            if not name.startswith("_") and hasattr(f, "_implementation") and (
                f not in found.values() or prefix not in ("emath.", "lib.stride_tricks.")
            ):  # fmt: skip
                with contextlib.suppress(ValueError):
                    inspect.signature(f)
                    found[prefix + name] = f
    return found


def names(numpy: bool = True, ufunc: bool = True) -> list[str]:
    """The names of all functions, and of all ufuncs."""
    return [*(functions() if numpy else ()), *(ufuncs() if ufunc else ())]


def calls(name: str) -> Iterator[Call]:
    """Every call of a function."""
    if name in ufuncs():
        yield from ufunc_calls(name)
        return
    f = functions()[name]
    for n, base in enumerate(bases(name, f)):
        yield from _of_base(name, f, base, n)


def bases(name: str, f: Callable[..., Any]) -> list[tuple[Any, ...]]:
    """The positional arguments to start from; none if the tables do not say."""
    if name in BASES:
        return BASES[name]
    required = [p for p in _parameters(f) if p.default is EMPTY]
    if [p.name for p in required if p.name in ONE] == [p.name for p in required] and required:
        return [(x,) for x in SHAPES] if len(required) == 1 else []
    return []


def unknown(name: str, f: Callable[..., Any]) -> list[str]:
    """What the tables do not know: how to call the function, or some of its parameters."""
    found = [] if bases(name, f) else [f"{name}: how to call it"]
    base = bases(name, f)[0] if bases(name, f) else ()
    found += [f"{name}({p.name}=)" for p in _options(f, base)
              if values_for(name, p.name, Context(base)) is None]  # fmt: skip
    rest = [p for p in inspect.signature(f).parameters.values() if p.kind is p.VAR_KEYWORD]
    return found + [f"{name}(**{p.name})" for p in rest if name not in EXTRA]


def _parameters(f: Callable[..., Any]) -> list[inspect.Parameter]:
    given = inspect.signature(f).parameters.values()
    return [p for p in given if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _options(f: Callable[..., Any], base: tuple[Any, ...]) -> list[inspect.Parameter]:
    """The parameters that a call with the positional arguments `base` leaves at their default."""
    places = [p for p in _parameters(f) if p.kind is not p.KEYWORD_ONLY]
    rest = places[len(base) :] + [p for p in _parameters(f) if p.kind is p.KEYWORD_ONLY]
    return [p for p in rest if p.default is not EMPTY]


def is_default(value: Any, p: inspect.Parameter) -> bool:
    if isinstance(value, (A, np.ndarray)) or p.default is np._NoValue:
        return False
    return type(value) is type(p.default) and bool(value == p.default)


def _of_base(name: str, f: Callable[..., Any], base: tuple[Any, ...], n: int) -> Iterator[Call]:
    """The calls with these positional arguments: plain, with each option, and with some pairs."""
    make = functools.partial(Call, name, f)
    yield make(base, {})
    context = Context(base)
    options = _options(f, base)
    values = {p.name: [x for x in values_for(name, p.name, context) or () if not is_default(x, p)]
              for p in options if p.kind is not p.POSITIONAL_ONLY}  # fmt: skip
    for key, found in values.items():
        for value in found:
            yield make(base, {key: value})
    for given in EXTRA.get(name, ()):
        if not any(key in given for key in _given(f, base)):
            yield make(base, given)
    axis: list[Any] = [x for x in ((1, -1) if context.ndim > 1 else (0,)) if "axis" in values]
    for key, found in values.items():
        if key != "axis":
            for at in axis:
                for value in found[:2]:
                    yield make(base, {"axis": at, key: value})
    for one, other in PARTNERS:
        if values.get(one) and values.get(other):
            yield make(base, {one: values[one][0], other: values[other][0]})
            if axis:
                pair = {one: values[one][0], other: values[other][0]}
                yield make(base, {"axis": axis[0], **pair})
    if n < 2:
        yield from _by_position(make, f, base, values)


def _by_position(make: Any, f: Any, base: tuple[Any, ...], values: Any) -> Iterator[Call]:
    """The calls that give each option by its position, after the defaults of those before it."""
    places = [p for p in _parameters(f) if p.kind is p.POSITIONAL_OR_KEYWORD
              or p.kind is p.POSITIONAL_ONLY]  # fmt: skip
    before: list[Any] = []
    for p in places[len(base) :]:
        for value in values.get(p.name, ())[:2]:
            yield make((*base, *before, value), {})
        default = NEUTRAL.get(p.name, p.default)
        if default is np._NoValue or default is EMPTY:
            return
        before.append(default)


def _given(f: Callable[..., Any], base: tuple[Any, ...]) -> list[str]:
    """The names of the parameters that positional arguments fill."""
    return [p.name for p in _parameters(f) if p.kind is not p.KEYWORD_ONLY][: len(base)]


#: Where functions take `hermitian` by position.
HERMITIAN_AT = {"linalg.pinv": 2, "linalg.svd": 3, "linalg.matrix_rank": 2}


def smooth(call: Call) -> bool:
    """Whether derivatives are compared. Those of eigenvectors hang on a phase where the arrays are
    complex, and those of columns that complete a basis on its choice."""
    arrays = call.arrays()
    if call.kwargs.get("hermitian") or True in call.args[HERMITIAN_AT.get(call.name, 9) :]:
        return arrays[0].kind == "hermitian"  # the gradient is Hermitian, as that of `eigh`
    square = bool(arrays) and arrays[0].shape[-1:] == arrays[0].shape[-2:-1]
    if call.name in ("linalg.eigh", "linalg.eig", "linalg.svd", "linalg.qr"):
        full = call.kwargs.get("full_matrices", True) and call.args[1:2] != (False,)
        complete = "complete" in (call.kwargs.get("mode"), *call.args[1:])
        if arrays[0].kind == "complex" or (call.name.endswith("svd") and full and not square):
            return False
        return square or not complete
    return call.name not in VALUES_ALONE
