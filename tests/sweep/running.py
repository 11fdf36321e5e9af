"""Running a call of NumPy's functions, and comparing what it gave."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

import pluggrad as pg
from tests.support.sweeping import leaves_of

from .specs import A, Call, Given

__all__ = [
    "as_variable", "backward", "buffer", "copied", "differs", "outs", "plain", "run",
    "short", "total", "weights_of", "writes", "written",
]  # fmt: skip

#: Functions that write into their first argument.
WRITERS = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
STREAMS = (io.BytesIO, io.StringIO)


def writes(call: Call) -> bool:
    """Whether a call writes into its first argument."""
    return call.name in WRITERS or call.name.endswith(".at")


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
    y = leaves_of(call.function(*args, **kwargs))
    if writes(call):
        y.append(args[0])
    y += [x.getvalue() for x in args if isinstance(x, STREAMS) and "z" not in call.name]
    return y + leaves_of(out) if out is not None else y


def written(y: list[Any], out: Any) -> bool:
    """Whether NumPy has written its result into `out`; some of its functions forget it."""
    buffers = leaves_of(out)
    return [x is b for x, b in zip(y, buffers, strict=False)] == [True] * len(buffers)


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
        rtol = {2: 4e-3, 4: 2e-5}.get(np.finfo(y.dtype).dtype.itemsize, 1e-9) if y.dtype.kind in (
            "f", "c") else 0.0  # fmt: skip
        atol = rtol / 10
        if not undefined and not np.allclose(x, y, rtol, atol, equal_nan=True):
            return f"{short(x)} is not {short(y)}"
    return ""


def short(x: Any) -> str:
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
