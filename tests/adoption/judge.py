"""Judge the calls of one package: values against the plain call, gradients against differences.

``python -m tests.adoption.judge pvlib`` writes one line of JSON for each call of the package:
"right", "refused" (an error of pluggrad's), "own" (the package's own error), "wrong" or "foreign"
(an error of Python's or another library's that a Variable caused).
"""

from __future__ import annotations

import dataclasses
import json
import sys
import traceback
import warnings
from typing import Any

import numpy as np

import pluggrad as pg
from tests.adoption.packages import PACKAGES, Package

__all__ = ["judge"]


def flat(y: Any) -> list[Any]:
    """The numbers and arrays of floats in a result, in order."""
    if isinstance(y, pg.Variable):
        return [y] if y.dtype.kind in "fc" else []
    if isinstance(y, dict):
        return [leaf for value in y.values() for leaf in flat(value)]
    if dataclasses.is_dataclass(y) and not isinstance(y, type):
        return [leaf for f in dataclasses.fields(y) for leaf in flat(getattr(y, f.name))]
    if isinstance(y, (list, tuple)):
        return [leaf for value in y for leaf in flat(value)]
    if isinstance(y, np.ndarray) and y.dtype == object:
        return [leaf for value in y.ravel() for leaf in flat(value)]
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    if isinstance(y, (bool, int, str, np.bool_, np.integer)) or y is None:
        return []
    try:
        array = np.asarray(y)
    except (TypeError, ValueError):
        return []
    return [array] if array.dtype.kind in "fc" else []


def total(y: Any) -> Any:
    """One number of all in `y`, each with a weight of its own."""
    result: Any = 0.0
    n = 0
    for leaf in flat(y):
        if leaf.dtype.kind == "c":
            leaf = pg.real(leaf) + 0.7 * pg.imag(leaf) if isinstance(leaf, pg.Variable) else (
                np.real(leaf) + 0.7 * np.imag(leaf)
            )  # fmt: skip
        size = int(np.prod(leaf.shape, dtype=int))
        weights = np.cos(1.0 + 0.3 * np.arange(n, n + size)).reshape(leaf.shape)
        good = np.isfinite(leaf.data if isinstance(leaf, pg.Variable) else leaf)
        weights = weights * good
        leaf = (
            leaf
            if np.all(good)
            else (
                pg.where(good, leaf, 0.0)
                if isinstance(leaf, pg.Variable)
                else np.where(good, leaf, 0.0)
            )
        )
        result = result + (leaf * weights).sum()
        n += size
    return result


def differences(f: Any, x: Any) -> Any:
    """The gradient of `f` at `x` by central differences of the sixth order, and how far two step
    sizes differ."""
    array = np.asarray(x, dtype=float)
    found = []
    for step in (2e-3, 5e-4):
        g = np.zeros(array.shape)
        for i in np.ndindex(*array.shape):
            h = step * max(abs(float(array[i])), 1e-2 if array[i] == 0 else 0.0)
            for k, c in ((1, 45.0), (2, -9.0), (3, 1.0)):
                for sign in (1, -1):
                    moved = array.copy()
                    moved[i] += sign * k * h
                    arg = moved if isinstance(x, np.ndarray) else (
                        moved.tolist() if isinstance(x, list) else float(moved)
                    )  # fmt: skip
                    g[i] += sign * c * float(total(f(arg))) / (60.0 * h)
        found.append(g)
    return found[1], np.abs(found[0] - found[1])


def judge(package: Package, only: str = "") -> list[dict[str, str]]:
    """What becomes of each call of `package`."""
    space: dict[str, Any] = {"np": np}
    calls = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(package.setup, space)
        for expression, at in package.calls:
            f, x = eval(f"lambda x: {expression}", space), eval(at, space)
            if only in expression:
                try:
                    calls.append((expression, f, x, f(x), *differences(f, x)))
                except Exception as error:
                    calls.append((expression, f, x, error, None, None))
        space["np"] = pg.numpy  # the expressions are written by somebody who differentiates
        with pg.adopt(package.module):
            return [
                {"package": package.index, "call": call, **_judged(package, *rest)}
                for call, *rest in calls
            ]


def _judged(
    package: Package, f: Any, x: Any, expected: Any, slope: Any, doubt: Any
) -> dict[str, str]:
    """The verdict on one call, and why."""
    if isinstance(expected, Exception):
        return {"verdict": "broken", "why": _short(expected)}
    plain = f(x)
    if not _same(plain, expected):
        return {"verdict": "wrong", "why": f"plain value {plain!r}, not {expected!r}"}
    try:
        if isinstance(x, list):
            every = tuple(range(len(x)))
            value, gradient = pg.value_and_grad(lambda *v: total(f(list(v))), argnums=every)(*x)
        else:
            value, gradient = pg.value_and_grad(lambda v: total(f(v)))(x)
    except pg.PluggradError as error:
        return {"verdict": "refused", "why": _short(error)}
    except Exception as error:
        trace = traceback.format_exc()[-3000:]
        return {"verdict": _whose(error, package), "why": _short(error), "trace": trace}
    if not np.allclose(value, total(expected), rtol=1e-10, atol=1e-14):
        return {"verdict": "wrong", "why": f"value {value!r}, not {total(expected)!r}"}
    scale = np.max(np.abs(slope), initial=0.0)
    allowed = 1e-6 * np.abs(slope) + 1e-7 * scale + 3 * doubt + 1e-12
    if not np.all(np.abs(np.asarray(gradient) - slope) <= allowed):
        return {"verdict": "wrong", "why": f"gradient {gradient!r}, not {slope!r} ± {doubt!r}"}
    return {"verdict": "right", "why": "" if scale else "the gradient is zero"}


def _same(a: Any, b: Any) -> bool:
    one, other = flat(a), flat(b)
    return type(a) is type(b) and len(one) == len(other) and all(
        [type(p) is type(q) and np.array_equal(p, q, equal_nan=True) for p, q in zip(one, other)]
    )  # fmt: skip


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:400]


def _whose(error: BaseException, package: Package) -> str:
    """Whether the package raised the error itself."""
    import linecache

    frames = list(traceback.walk_tb(error.__traceback__))
    frame, line = frames[-1]
    text = linecache.getline(frame.f_code.co_filename, line).strip()
    name = str(frame.f_globals.get("__name__", ""))
    inside = name.partition(".")[0] == package.module.partition(".")[0]
    return "own" if inside and text.startswith(("raise", "assert")) else "foreign"


if __name__ == "__main__":
    for row in judge(PACKAGES[sys.argv[1]], *sys.argv[2:3]):
        print(json.dumps(row))
