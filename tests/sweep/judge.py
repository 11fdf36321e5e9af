"""What comes of a call of NumPy's functions with Variables, held against the raw arrays' answer."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import pluggrad as pg
from tests.support.sweeping import leaves_of, slopes

from .calls import calls, smooth
from .running import (
    as_variable,
    backward,
    buffer,
    copied,
    differs,
    outs,
    plain,
    run,
    short,
    total,
    weights_of,
    writes,
    written,
)
from .specs import Call

__all__ = [
    "BAD",
    "FOLDS",
    "OUTCOMES",
    "Finding",
    "is_undefined",
    "judge",
    "quiet",
    "sweep",
]

#: What can come of a call. Refusals say why; the last two must not be.
OUTCOMES = ("right", "refused", "wrong", "foreign")
BAD = ("wrong", "foreign")

#: Functions whose result has no values of its own; and reductions that NumPy gets wrong along an
#: axis that is contiguous in memory (they are no left fold there, as along any other).
FOLDS = {"arctan2.reduce", "arctan2.reduceat", "power.reduce", "power.reduceat"}
UNDEFINED = {"empty_like", *FOLDS}
#: What NumPy raises by accident: these calls have an answer.
NUMPY_FAILS = (
    r"^AttributeError|reshape array of size 0 into shape \([\d,]*newaxis\)|not enough values"
)
#: What no argument of a user's should ever lead to.
ACCIDENTS = (AttributeError, NameError, AssertionError, RecursionError)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What came of one call."""

    name: str
    call: str
    outcome: str
    details: str = ""
    #: Whether the result carries a gradient that was compared.
    gradient: bool = False
    #: Whether a Variable among the arguments requires grad.
    tracked: bool = True


def sweep(name: str) -> Iterator[Finding]:
    """Judge every call of a function."""
    with quiet():
        for call in calls(name):
            yield from judge_all(call, name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing warns, but a lost gradient: that is the same as an error, here."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", pg.errors.GraphBreakWarning)
        yield


def judge_all(call: Call, name: str) -> Iterator[Finding]:
    """A call with each of its arrays a Variable in turn, with all of them, and with constants."""
    arrays = call.arrays()
    if not arrays:  # no Variable to give
        return
    ways: list[int | None] = list(range(len(arrays)))
    if len(arrays) != 1:
        ways.append(None)
    for which in ways:
        tracked = any(a.trackable for n, a in enumerate(arrays) if which in (None, n))
        try:
            yield Finding(name, call.show(which), *judge(call, which), tracked)
        except Exception as error:
            yield Finding(name, call.show(which), "foreign", f"in the sweep itself: {error!r}")
    if not call.kwargs:
        yield Finding(name, call.show(None, "c"), *judge(call, None, constant=True), False)
        if len(arrays) > 1 and not writes(call):
            for which in ways[:-1]:
                text = call.show(which).replace("a[", "list[")
                yield Finding(name, text, *judge(call, which, lists=True))


def judge(
    call: Call, which: int | None, constant: bool = False, lists: bool = False
) -> tuple[str, str, bool]:
    """The outcome of a call in which array number `which`, or every array, is a Variable: the
    outcome, the details, and whether a gradient was compared."""
    arrays = call.arrays()
    chosen = [n for n in range(len(arrays)) if which in (None, n)]
    raw = [a.values.tolist() if lists and n not in chosen else a.values
           for n, a in enumerate(arrays)]  # fmt: skip
    kinds = outs(call)
    out, expected, refusal = None, None, None
    try:
        if kinds:
            out = buffer(call, raw)
        into = None if out is None else copied(out)
        expected = run(call, [_copy(x) for x in raw], into)
    except Exception as error:
        refusal = error
    leaves = {n: pg.Variable(arrays[n].values, requires_grad=arrays[n].trackable and not constant)
              for n in chosen}  # fmt: skip
    given: list[Any] = [_copy(x) for x in raw]
    for n, v in leaves.items():
        given[n] = v * 1.0 if writes(call) and n == 0 and v.requires_grad else v
    mine = out
    if mine is not None:
        mine = as_variable(copied(out)) if kinds[0].variable else copied(out)
    elif kinds:
        mine = np.zeros(())
    try:
        found = run(call, given, mine)
    except Exception as error:
        ours = (
            error if refusal is not None and isinstance(error, pg.PluggradError) else _ours(error)
        )
        if ours is None and refusal is not None and _untouched(error):
            return "right", _reason(error), False
        kind = "foreign" if ours is None else "refused" if refusal is None else "right"
        return kind, _reason(ours or error), False
    if refusal is not None:
        if re.search(NUMPY_FAILS, _reason(refusal)):
            return "right", _reason(refusal), False
        return "wrong", f"answers {_results(found)} where NumPy raises {_reason(refusal)}", False
    assert expected is not None
    if out is not None and not written(expected, into):
        found, expected = found[: -len(leaves_of(out))], expected[: -len(leaves_of(out))]
    if _unordered(call) and all(isinstance(x, np.ndarray) for x in map(plain, found)):
        found, expected = [[np.sort(plain(x)) for x in y] for y in (found, expected)]
    undefined = is_undefined(call, bool(kinds))
    if how := differs(found, expected, undefined):
        return "wrong", how, False
    ties = any(a.kind == "ties" for a in arrays) or _unordered(call)
    if constant or undefined or ties or not smooth(call):
        return "right", "", False
    return _gradient(call, raw, leaves, found, expected, out)


def is_undefined(call: Call, out: bool) -> bool:
    """Whether NumPy promises no values: some of the result is never written."""
    empty = call.name == "pad" and "empty" in (call.kwargs.get("mode"), *call.args[2:])
    masked = call.kwargs.get("where", True) is not True and isinstance(call.function, np.ufunc)
    return call.name in UNDEFINED or empty or (masked and not out)


def _unordered(call: Call) -> bool:
    return call.name == "unique_values" or call.kwargs.get("sorted") is False


def _gradient(call: Call, raw: Any, leaves: Any, found: Any, expected: Any, out: Any) -> Any:
    """Whether the gradient of the results is that of finite differences of NumPy."""
    arrays = call.arrays()
    weights = weights_of(expected)
    tracked = any(isinstance(x, pg.Variable) and x.requires_grad for x in found)
    moving = {n: arrays[n].direction(n + 1) for n, v in leaves.items() if v.requires_grad}
    if not moving or all(w is None for w in weights):
        return "right", "", False
    if any(getattr(x, "dtype", None) == np.float16 for x in expected):
        return "right", "", False  # too coarse for differences
    single = any(getattr(x, "dtype", None) in (np.float32, np.complex64) for x in expected)
    h = 2e-3 if single else 1e-4

    def at(t: float) -> float:
        given = [arrays[n].values + t * moving[n] if n in moving else _copy(x)
                 for n, x in enumerate(raw)]  # fmt: skip
        y = run(call, given, None if out is None else copied(out))
        return total(y[: len(weights)], weights)

    if tracked:
        try:
            backward(found, weights)
        except pg.PluggradError as error:
            return "refused", f"backward: {_reason(error)}", False
        except Exception as error:
            return "foreign", f"backward: {_reason(error)}", False
    try:
        slope, left, right = slopes(at, h)
    except Exception:  # a step leaves the domain
        return "right", "", False
    scale = 1.0 + abs(slope)
    smooth = np.isfinite(slope) and abs(left - right) < (0.05 if single else 1e-2) * scale
    if not smooth:
        return "right", "", False
    if not tracked:
        lost = abs(slope) > (1e-2 if single else 1e-6)
        return ("wrong", f"the gradient is lost; the slope is {slope:.6g}", False) if lost else (
            "right", "", False)  # fmt: skip
    mine = 0.0
    for n, d in moving.items():
        g = leaves[n].grad
        if g is not None:
            if g.data.shape != arrays[n].shape or g.data.dtype != arrays[n].values.dtype:
                return "wrong", f"a gradient of {g.data.dtype}{g.data.shape}", True
            mine += float(np.sum((np.conj(g.data) * d).real))
    if abs(mine - slope) <= (5e-3 if single else 2e-6) * scale:
        return "right", "", True
    return "wrong", f"the slope is {mine:.6g}, not {slope:.6g}", True


def _ours(error: BaseException | None) -> BaseException | None:
    """The error of pluggrad's: this one, or the one that NumPy raises it from. An accident inside
    that was made an error of pluggrad's on the way out is none."""
    if isinstance(error, pg.errors.OperationError) and isinstance(error.__cause__, ACCIDENTS):
        return None
    while error is not None:
        if isinstance(error, (pg.PluggradError, pg.errors.GraphBreakWarning)):
            return error
        error = error.__cause__
    return None


def _untouched(error: BaseException) -> bool:
    """Whether NumPy raised before it asked pluggrad."""
    frames = traceback.extract_tb(error.__traceback__)
    return not any(re.search(r"[/\\]pluggrad(_numpy)?[/\\]", frame.filename) for frame in frames)


def _copy(x: Any) -> Any:
    return x.copy() if isinstance(x, np.ndarray) else x


def _results(found: list[Any]) -> str:
    return ", ".join([short(np.asarray(plain(x))) if not isinstance(x, str) else x[:30]
                      for x in found[:2]])  # fmt: skip


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
