"""Call every function of `dask.array`, and every method of its arrays, with tracked Variables.

    python tests/dask_sweep.py [-v] [NAME ...]

The calls are generated from Dask's own signatures: each parameter that takes an array gets a
Variable, alone and beside Dask arrays. What can come of a call:

right       the result is in the graph, and its value and gradient are right
refused     pluggrad raises an error
by Dask     Dask itself raises an error, because the function takes its own arrays alone
constant    the result does not depend on the values of the Variable, as that of `shape` or `argmax`
untracked   the result depends on them, and is not in the graph: a gradient is lost in silence
wrong       another value or gradient than that of the raw function
foreign     an exception of another library, where the raw arrays are accepted
no call     the raw arrays are not accepted: the sweep does not know how to call the function
not installed  Dask needs another package, as pandas, for this function

The four before the last must not be. With constants, Variables that are not tracked, the value must be right.
Exit status 0 if there is none of them. With -v every call is listed.
"""

from __future__ import annotations

import collections
import functools
import inspect
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])

import dask
import dask.array as da
import numpy as np

import pluggrad as pg
from tests.support.dask_arguments import (
    BY_NAME,
    CALLS,
    DASK_REFUSES,
    NO_ARRAYS,
    POSITIVE,
    Array,
    M,
)
from tests.support.sweeping import leaves_of, slopes

BAD = ("untracked", "wrong", "foreign", "no call")

# ---------------------------------------------------------------- the functions, and their calls


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of Dask's that computes with arrays, and the methods of its arrays."""
    for module, prefix in ((da, ""), (da.linalg, "linalg."), (da.fft, "fft.")):
        for name in sorted(dir(module)):
            f = getattr(module, name)
            home = getattr(f, "__module__", None) or ""
            inside = home.startswith("dask.array") if not prefix else home == module.__name__
            known = inside or isinstance(f, functools.partial) or prefix + name in CALLS
            if not name.startswith("_") and callable(f) and known and not isinstance(f, type):
                yield prefix + name, f
    for name in sorted(dir(da.Array)):
        f = getattr(da.Array, name)
        if inspect.isfunction(f) and (not name.startswith("_") or name in OPERATORS):
            yield f"Array.{name}", f


OPERATORS = {
    f"__{kind}{name}__" for kind in ("", "r")
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "divmod")
} | {f"__{name}__" for name in ("eq", "lt", "ge", "getitem", "setitem")}  # fmt: skip


def calls(name: str, f: Callable[..., Any]) -> list[list[tuple[str, Any]]]:
    """Calls of `f`: pairs of a parameter's name ("" by position) and what it gets."""
    special = CALLS.get(name)
    if name.startswith("Array.") and special is None:
        parameters = list(inspect.signature(f).parameters.values())[1:]
        return _by_signature(parameters)
    if special is not None:
        return [[("", x) for x in call] for call in special]
    if isinstance(f, type(da.sin)):
        if not any("d" in types for types in f.types):
            return []  # of integers alone
        return [[("", M)] * f.nin]
    return _by_signature(list(inspect.signature(f).parameters.values()))


def _by_signature(parameters: list[Any]) -> list[list[tuple[str, Any]]]:
    """The call with required arguments, then one for each optional parameter that is an array."""
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    if any(p.name not in BY_NAME for p in required):
        return []
    base = [("", BY_NAME[p.name]) for p in required]
    found = [base]
    for p in parameters:
        value = BY_NAME.get(p.name)
        if p.default is None and isinstance(value, Array):
            found.append([*base, (p.name, value)])
        elif p.default is not p.empty and p.name == "axis":
            found.append([*base, (p.name, 0)])
    return [call for call in found if any(_arrays(x) for _, x in call)]


def left_out() -> list[str]:
    """Functions that the sweep should call, and does not know how."""
    called = {name for name, f in functions() if calls(name, f)}
    takes = {name for name, f in functions() if not name.startswith("Array.")
             or any(p in BY_NAME and isinstance(BY_NAME[p], Array)
                    for p in inspect.signature(f).parameters)}  # fmt: skip
    return sorted(takes - called - NO_ARRAYS)


def _arrays(x: Any) -> int:
    """How many arrays an argument holds."""
    return sum(map(_arrays, x)) if isinstance(x, list) else int(isinstance(x, Array))


# ---------------------------------------------------------------- one call, and what comes of it


def build(x: Any, given: Iterator[Any]) -> Any:
    """An argument, with the next of `given` in the place of each array."""
    if isinstance(x, Array):
        return next(given)
    if isinstance(x, list) and _arrays(x):
        return [build(item, given) for item in x]
    if isinstance(x, str) and x == "{tmp}":
        return os.path.join(tempfile.mkdtemp(), "stack")
    return x.copy() if isinstance(x, np.ndarray) else x


def specs(call: list[tuple[str, Any]]) -> list[Array]:
    """The arrays among the arguments of a call."""
    found = [s for _, x in call for s in leaves_of([x]) if isinstance(s, Array)]
    # No two are equal, since the derivative of many functions jumps there.
    return [Array(s.values + 0.037 * n if s.values.dtype == float else s.values, s.chunks)
            for n, s in enumerate(found)]  # fmt: skip


def run(name: str, f: Any, call: list[tuple[str, Any]], given: list[Any]) -> list[Any]:
    """The results of one call. A method is called on a Dask array; one that writes returns it."""
    rest = iter(given)
    built = [(key, build(x, rest)) for key, x in call]
    args = [x for key, x in built if not key]
    kwargs = {key: x for key, x in built if key}
    if name.startswith("Array."):
        own = da.from_array(POSITIVE[::-1] + 0.5, chunks=2)
        y = getattr(own, name.removeprefix("Array."))(*args, **kwargs)
        if y is NotImplemented:  # Python then asks the other operand
            other = args[0]
            method = name.removeprefix("Array.__")
            theirs = method[1:] if method[0] == "r" else SWAPPED.get(method, f"r{method}")
            y = getattr(type(other), f"__{theirs}")(other, own)
        return leaves_of(own if name == "Array.__setitem__" else y)
    if name == "store":
        f(*args, **kwargs)
        return [args[1]]
    return leaves_of(f(*args, **kwargs))


SWAPPED = {"eq__": "eq__", "lt__": "gt__", "ge__": "le__"}


def values(leaves: list[Any]) -> list[Any]:
    """Results as NumPy arrays, or as they are."""
    raw = [x.detach().data if isinstance(x, pg.Variable) else x for x in leaves]
    return list(dask.compute(*raw))


def total(leaves: list[Any], weights: list[Any]) -> Any:
    """A number that depends on every real or complex element of the results."""
    found = 0.0
    for x, w in zip(leaves, weights, strict=True):
        if w is None:
            continue
        if isinstance(x, pg.Variable):
            xp = pg.namespace(x)
            x = xp.real(x) + xp.imag(x) if xp.isdtype(x.dtype, "complex floating") else x
            found = found + xp.sum(x * xp.asarray(w))
        else:
            x = np.asarray(x)
            found = found + np.sum((x.real + x.imag if x.dtype.kind == "c" else x) * w)
    return found


def weights_of(leaves: list[Any]) -> list[Any]:
    """Weights for the results that are floating-point; None for the others."""
    random = np.random.default_rng(0)
    kinds = [getattr(getattr(x, "dtype", None), "kind", "") for x in leaves]
    return [
        random.uniform(0.5, 1.5, np.shape(x)) if kind in ("f", "c") else None
        for x, kind in zip(leaves, kinds, strict=True)
    ]


def judge(
    name: str, f: Any, call: list[tuple[str, Any]], which: int | None, grad: bool = True
) -> tuple[str, str]:
    """What comes of a call in which array number `which`, or every array, is a Variable. It is
    tracked, unless `grad` is False: then it is a constant."""
    arrays = specs(call)
    chosen = [n for n, s in enumerate(arrays) if which in (None, n) and s.values.dtype == float]
    raw = [s.raw() for s in arrays]
    try:
        expected = values(run(name, f, call, raw))
    except ModuleNotFoundError as error:
        return "not installed", str(error)
    except Exception as error:
        return "no call", f"{type(error).__name__}: {error}"
    weights = weights_of(expected)
    random = np.random.default_rng(1)
    along = {n: random.uniform(0.5, 1.5, arrays[n].values.shape) for n in chosen}

    def moved(h: float) -> Any:
        given = [s.raw(s.values + h * along[n]) if n in along else s.raw()
                 for n, s in enumerate(arrays)]  # fmt: skip
        return total(values(run(name, f, call, given)), weights)

    variables = [pg.Variable(x, requires_grad=grad) if n in chosen else x
                 for n, x in enumerate(raw)]  # fmt: skip
    try:
        leaves = run(name, f, call, variables)
        found = values(leaves)
        tracked = [x for x in leaves if isinstance(x, pg.Variable) and x.requires_grad]
        if tracked:
            total(leaves, weights).backward()
            grads = [variables[n].grad.data.compute() if variables[n].grad is not None else 0.0
                     for n in chosen]  # fmt: skip
    except pg.PluggradError as error:
        return "refused", f"{type(error).__name__}: {error}"
    except Exception as error:
        itself = name in DASK_REFUSES and isinstance(error, (TypeError, ValueError))
        return "by Dask" if itself else "foreign", f"{type(error).__name__}: {error}"
    for mine, theirs in zip(found, expected, strict=False):
        if hasattr(theirs, "dtype") and not (
            np.shape(mine) == np.shape(theirs) and np.allclose(mine, theirs, equal_nan=True)
        ):
            return "wrong", f"{mine!r} is not {theirs!r}"
    if len(found) != len(expected):
        return "wrong", f"{len(found)} results, not {len(expected)}"
    if not grad:
        return "right", ""
    change = slopes(moved)[0] if any(w is not None for w in weights) else 0.0
    if tracked:
        mine = sum([float(np.sum(g * along[n])) for n, g in zip(chosen, grads, strict=True)])
        close = math.isclose(mine, change, rel_tol=1e-5, abs_tol=1e-7)
        return ("right", "") if close else ("wrong", f"the slope {mine} is not {change}")
    if change and not math.isclose(change, 0.0, abs_tol=1e-9):
        return "untracked", f"{expected!r}"
    return "constant", ""


def sweep(chosen: Any = None) -> Iterator[tuple[str, str, str]]:
    """Every call: what was called, what came of it, and details."""
    for name, f in functions():
        if chosen is not None and name not in chosen:
            continue
        for call in calls(name, f):
            count = len(specs(call))
            floats = [n for n, s in enumerate(specs(call)) if s.values.dtype == float]
            ways: list[int | None] = [*floats] if len(floats) < 2 else [*floats, None]
            for which in ways:
                places = ["v" if which in (None, n) else "A" for n in range(count)]
                keys = [key for key, _ in call if key]
                shown = f"{name}({', '.join(places)}{''.join(f', {k}=' for k in keys)})"
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    yield (shown, *judge(name, f, call, which))
            if floats:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    shown = f"{name}(constants{''.join(f', {k}=' for k in keys)})"
                    yield (shown, *judge(name, f, call, None, grad=False))


def main() -> int:
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    counts: collections.Counter[str] = collections.Counter()
    with dask.config.set(scheduler="synchronous"):
        for shown, outcome, details in sweep(names or None):
            counts[outcome] += 1
            if outcome in BAD or "-v" in sys.argv:
                print(f"{outcome:10}{shown}: {' '.join(details.split())[:300]}", flush=True)
    called = {name for name, f in functions() if calls(name, f)}
    print(f"{len(called)} functions and methods called; left out: {left_out() or 'none'}")
    print(", ".join(f"{kind} {counts[kind]}" for kind in
                    ("right", "refused", "by Dask", "constant", *BAD)))  # fmt: skip
    return int(any(counts[kind] for kind in BAD) or bool(left_out()))


if __name__ == "__main__":
    sys.exit(main())
