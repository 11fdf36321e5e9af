"""What comes of a call of NumPy's functions with Variables, held against the raw arrays' answer."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import pluggrad as pg

from .calls import calls, smooth
from .specs import A, Call, Given

__all__ = ["BAD", "OUTCOMES", "Finding", "judge", "quiet", "sweep"]

#: What can come of a call. Refusals say why; the last two must not be.
OUTCOMES = ("right", "refused", "wrong", "foreign")
BAD = ("wrong", "foreign")

#: Functions that write into their first argument.
WRITERS = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
#: Functions whose result has no values of its own.
UNDEFINED = {"empty_like"}
STREAMS = (io.BytesIO, io.StringIO)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What came of one call."""

    name: str
    call: str
    outcome: str
    details: str = ""
    #: Whether the result carries a gradient that was compared.
    gradient: bool = False


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
        try:
            yield Finding(name, call.show(which), *judge(call, which))
        except Exception as error:
            yield Finding(name, call.show(which), "foreign", f"in the sweep itself: {error!r}")
    if not call.kwargs:
        yield Finding(name, call.show(None, "c"), *judge(call, None, constant=True))
        if len(arrays) > 1 and not call.name.endswith(".at") and name not in WRITERS:
            for which in ways[:-1]:
                text = call.show(which).replace("a[", "list[")
                yield Finding(name, text, *judge(call, which, lists=True))


# ---------------------------------------------------------------- running a call


def build(x: Any, given: Iterator[Any], out: Iterator[Any]) -> Any:
    """An argument, with the next of `given` in the place of each array."""
    if isinstance(x, A):
        return next(given)
    if isinstance(x, Given):
        return next(out)
    if isinstance(x, (list, tuple)):
        return type(x)([build(item, given, out) for item in x])
    if x in STREAMS if isinstance(x, type) else False:
        return x()
    return x.copy() if isinstance(x, np.ndarray) else x


def outs(call: Call) -> list[Given]:
    return [x for x in (*call.args, *call.kwargs.values()) if isinstance(x, Given)]


def run(call: Call, given: list[Any], out: Any = None) -> list[Any]:
    """The results of a call, and what it wrote. `out` is what its results are written into."""
    rest, buffers = iter(given), iter([out])
    args = [build(x, rest, buffers) for x in call.args]
    kwargs = {key: build(x, rest, buffers) for key, x in call.kwargs.items()}
    y = flat(call.function(*args, **kwargs))
    if call.name in WRITERS or call.name.endswith(".at"):
        y.append(args[0])
    y += [x.getvalue() for x in args if isinstance(x, STREAMS) and "z" not in call.name]
    return y + flat(out) if out is not None else y


def flat(y: Any) -> list[Any]:
    """The leaves of a result."""
    return [x for item in y for x in flat(item)] if isinstance(y, (list, tuple)) else [y]


def buffer(call: Call, given: list[Any]) -> Any:
    """An array of zeros for `out`, in the shape and dtype of the result without it."""
    rest = iter(given)
    args = [None if isinstance(x, Given) else build(x, rest, rest) for x in call.args]
    kwargs = {k: None if isinstance(x, Given) else build(x, rest, rest)
              for k, x in call.kwargs.items()}  # fmt: skip
    if isinstance(call.function, np.ufunc):
        kwargs.pop("where", None)  # without an array to write into, the rest is not defined
    y = call.function(*args, **kwargs)
    many = isinstance(y, tuple)
    found = [np.zeros(np.shape(x), np.asarray(x).dtype) for x in (y if many else [y])]
    return tuple(found) if many else found[0]


def as_variable(out: Any) -> Any:
    if isinstance(out, tuple):
        return tuple(map(as_variable, out))
    return pg.Variable(out) if out.dtype.kind in "biufc" else out


def copied(out: Any) -> Any:
    return tuple([x.copy() for x in out]) if isinstance(out, tuple) else out.copy()


# ---------------------------------------------------------------- comparing


def plain(x: Any) -> Any:
    """A result as a NumPy array, or as it is."""
    return x.detach().data if isinstance(x, pg.Variable) else x


def differs(mine: list[Any], theirs: list[Any], undefined: bool) -> str:
    """How the results differ; nothing if they do not."""
    if len(mine) != len(theirs):
        return f"{len(mine)} results, not {len(theirs)}"
    for a, b in zip(map(plain, mine), theirs, strict=True):
        if isinstance(b, (str, bytes, np.dtype, type, np.ufunc)) or b is None:
            if not (a is b or a == b):
                return f"{a!r:.80} is not {b!r:.80}"
            continue
        try:
            x, y = np.asarray(a), np.asarray(b)
        except Exception as error:
            return f"{type(a).__name__} ({error})"
        if x.shape != y.shape:
            return f"shape {x.shape} is not {y.shape}"
        if x.dtype != y.dtype:
            return f"dtype {x.dtype} is not {y.dtype}"
        if y.dtype.kind not in "biufc":
            if not (x == y).all():
                return f"{a!r:.80} is not {b!r:.80}"
            continue
        loose = y.dtype in (np.float32, np.complex64)
        rtol, atol = (2e-5, 2e-6) if loose else (1e-9, 1e-11)
        if not undefined and not np.allclose(x, y, rtol, atol, equal_nan=True):
            return f"{_short(x)} is not {_short(y)}"
    return ""


def _short(x: Any) -> str:
    return " ".join(np.array2string(x, precision=5, threshold=6).split())[:90]


def weights_of(leaves: list[Any]) -> list[Any]:
    """Weights for the results that are floating-point; None for the others."""
    random = np.random.default_rng(0)
    found = []
    for x in leaves:
        kind = x.dtype.kind if isinstance(x, (np.ndarray, np.generic)) else ""
        shape = np.shape(x) if kind in ("f", "c") else ()
        w = random.uniform(0.5, 1.5, shape) + 1j * random.uniform(0.5, 1.5, shape)
        found.append(w if kind == "c" else w.real if kind == "f" else None)
    return found


def total(leaves: list[Any], weights: list[Any]) -> Any:
    """A real number that depends on every floating-point element of raw results."""
    found = 0.0
    for x, w in zip(leaves, weights, strict=True):
        if w is not None:
            found += float(np.sum((np.asarray(x).astype(w.dtype) * w).real))
    return found


def backward(leaves: list[Any], weights: list[Any]) -> None:
    """Backward through the same number of Variables."""
    seeds = [(x, w) for x, w in zip(leaves, weights, strict=True)
             if w is not None and isinstance(x, pg.Variable) and x.requires_grad]  # fmt: skip
    for n, (x, w) in enumerate(seeds):
        # Re(x w) has the gradient conj(w), in torch's convention.
        g = pg.Variable(np.asarray(np.conj(w)).astype(x.data.dtype))
        x.backward(g, retain_graph=n + 1 < len(seeds))


def slopes(at: Any, h: float) -> tuple[float, float, float]:
    """The derivative at 0: by central differences, and from either side."""
    here, up, down = at(0.0), at(h), at(-h)
    far, back = at(2 * h), at(-2 * h)
    return (
        (8 * (up - down) - (far - back)) / (12 * h),
        (far - here) / (2 * h),
        (here - back) / (2 * h),
    )


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
        expected = run(call, [_copy(x) for x in raw], None if out is None else copied(out))
    except Exception as error:
        refusal = error
    leaves = {n: pg.Variable(arrays[n].values, requires_grad=arrays[n].trackable and not constant)
              for n in chosen}  # fmt: skip
    writes = call.name in WRITERS or call.name.endswith(".at")
    given: list[Any] = [_copy(x) for x in raw]
    for n, v in leaves.items():
        given[n] = v * 1.0 if writes and n == 0 and v.requires_grad else v
    mine = out
    if mine is not None:
        mine = as_variable(copied(out)) if kinds[0].variable else copied(out)
    elif kinds:
        mine = np.zeros(())
    try:
        found = run(call, given, mine)
    except Exception as error:
        ours = _ours(error)
        if ours is None and refusal is not None and _untouched(error):
            return "right", _reason(error), False
        kind = "foreign" if ours is None else "refused" if refusal is None else "right"
        return kind, _reason(ours or error), False
    if refusal is not None:
        return "wrong", f"answers {_results(found)} where NumPy raises {_reason(refusal)}", False
    assert expected is not None
    undefined = call.name in UNDEFINED or (call.kwargs.get("where", True) is not True and not kinds
                                           and isinstance(call.function, np.ufunc))  # fmt: skip
    if how := differs(found, expected, undefined):
        return "wrong", how, False
    if constant or undefined or not smooth(call):
        return "right", "", False
    return _gradient(call, raw, leaves, found, expected, out)


def _gradient(call: Call, raw: Any, leaves: Any, found: Any, expected: Any, out: Any) -> Any:
    """Whether the gradient of the results is that of finite differences of NumPy."""
    arrays = call.arrays()
    weights = weights_of(expected)
    tracked = any(isinstance(x, pg.Variable) and x.requires_grad for x in found)
    moving = {n: arrays[n].direction(n + 1) for n, v in leaves.items() if v.requires_grad}
    if not moving or all(w is None for w in weights):
        return "right", "", False
    single = any(getattr(x, "dtype", None) in (np.float32, np.complex64) for x in expected)
    h = 2e-3 if single else 1e-4

    def at(t: float) -> float:
        given = [arrays[n].values + t * moving[n] if n in moving else _copy(x)
                 for n, x in enumerate(raw)]  # fmt: skip
        return total(run(call, given, None if out is None else copied(out)), weights)

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
    """The error of pluggrad's: this one, or the one that NumPy raises it from."""
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
    return ", ".join([_short(np.asarray(plain(x))) if not isinstance(x, str) else x[:30]
                      for x in found[:2]])  # fmt: skip


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
