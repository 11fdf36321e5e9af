"""Continuous and discrete distributions: what is around the formulas of the standard form.

A formula sees points inside the support and valid parameters only. Harmless ones stand in for all
others, and what comes of them is replaced. So gradients stay finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...arrays.dispatch import is_variable, xp
from .distributions import Distribution, Formula

__all__ = ["Continuous", "Discrete"]


def both(a: Any, b: Any) -> Any:
    """a and b, where True stands for no condition."""
    return b if a is True else a if b is True else a & b


class Continuous(Distribution):
    """A continuous distribution."""

    own = ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf", "median")

    def _formula(self, method: str) -> Formula:
        """The row's own formula, or what SciPy has by default."""
        found = self._formulas.get(method)
        if found is not None:
            return found
        if method in ("logcdf", "logsf"):
            other = "sf" if method == "logcdf" else "cdf"
            return _logarithm(self._formula(method[3:]), self._formula(other))
        default: dict[str, tuple[str, Callable[[Formula], Formula]]] = {
            "pdf": ("logpdf", lambda f: lambda *a: xp.exp(f(*a))),
            "sf": ("cdf", lambda f: lambda *a: 1 - f(*a)),
            "isf": ("ppf", lambda f: lambda q, *a: f(1 - q, *a)),
        }
        other, made = default[method]
        return made(self._formula(other))

    def _support(self, shapes: list[Any]) -> tuple[Any, Any]:
        lower, upper = self._facts.get("support", (-math.inf, math.inf))
        if callable(lower):
            lower = lower(*shapes)
        return lower, upper(*shapes) if callable(upper) else upper

    def _valid(self, shapes: list[Any], scale: Any) -> Any:
        """Where the parameters are valid; True if there are none."""
        valid = self._facts.get("valid")
        ok: Any = True
        if valid is not None:
            ok = valid(*shapes)
        else:
            for x in shapes:
                ok = both(ok, x > 0)
        return ok if scale is None else both(ok, scale > 0)

    def _evaluate(self, method: str, x: Any, shapes: list[Any], *tail: Any) -> Any:
        loc, scale = tail
        ok = self._valid(shapes, scale)
        lower, upper = self._support(shapes)
        quantile = method in ("ppf", "isf")
        z = x
        if not quantile:
            z = z if loc is None else z - loc
            z = z if scale is None else z / scale
        if quantile:
            good = both(ok, (z > 0) & (z < 1))
        elif method in ("pdf", "logpdf") and not self._facts.get("open"):
            good = both(ok, (z >= lower) & (z <= upper) & (xp.abs(z) < math.inf))
        else:
            good = both(ok, (z > lower) & (z < upper))
        if ok is not True:
            safe = self._facts.get("safe", 1.0)
            safe = safe if isinstance(safe, tuple) else (safe,) * len(shapes)
            shapes = [xp.where(ok, s, v) for s, v in zip(shapes, safe, strict=True)]
            scale = None if scale is None else xp.where(ok, scale, 1.0)
        inner = 0.5 if quantile else self._inner(shapes)
        y = self._formula(method)(xp.where(good, z, inner), *shapes)
        if quantile:
            y = y if scale is None else y * scale
            y = y if loc is None else y + loc
            zero, one = (lower, upper) if method == "ppf" else (upper, lower)
            nan = xp.zeros_like(z) + math.nan
            last = xp.where(z == 1, _moved(one, loc, scale), nan)
            fill = xp.where(z == 0, _moved(zero, loc, scale), last)
            fill = fill if loc is None else xp.where(loc == loc, fill, math.nan)
            return xp.where(good, y, fill if ok is True else xp.where(ok, fill, math.nan))
        if scale is not None and method in ("pdf", "logpdf"):
            y = y / scale if method == "pdf" else y - xp.log(scale)
        low, high = {
            "pdf": (0.0, 0.0), "logpdf": (-math.inf, -math.inf), "cdf": (0.0, 1.0),
            "sf": (1.0, 0.0), "logcdf": (-math.inf, 0.0), "logsf": (0.0, -math.inf),
        }[method]  # fmt: skip
        zero = xp.zeros_like(z)
        fill = zero + low if low == high else xp.where(z >= upper, zero + high, low)
        valid = both(ok, z == z)
        return xp.where(good, y, xp.where(valid, fill, math.nan))

    def _inner(self, shapes: list[Any]) -> Any:
        """A point inside the support."""
        inner = self._facts.get("inner")
        if inner is not None:
            return inner(*shapes)
        lower, upper = self._facts.get("support", (-math.inf, math.inf))
        if lower == -math.inf:
            return 0.25 if upper == math.inf else upper - 1.0
        return lower + 1.0 if upper == math.inf else (lower + upper) / 2


def _moved(end: Any, loc: Any, scale: Any) -> Any:
    """An end of the support, scaled and shifted; an infinite one stays, without a gradient."""
    if not is_variable(end) and math.isinf(end):
        return end
    finite: Any = end
    if is_variable(end):
        endless = xp.abs(end) == math.inf
        finite = xp.where(endless, 0.0, end)
    finite = finite if scale is None else finite * scale
    finite = finite if loc is None else finite + loc
    return xp.where(endless, end, finite) if is_variable(end) else finite


def _logarithm(near: Formula, rest: Formula) -> Formula:
    """The logarithm of a probability, by that of the opposite if it is close to 1."""

    def formula(*args: Any) -> Any:
        y = near(*args)
        high, none = y > 0.5, y == 0
        low = xp.where(none, -math.inf, xp.log(xp.where(high | none, 1.0, y)))
        return xp.where(high, xp.log1p(-xp.where(high, rest(*args), 0.5)), low)

    return formula


class Discrete(Distribution):
    """A discrete distribution: by its parameters. As a function of the point it has steps."""

    own = ("logpmf", "pmf", "cdf", "sf", "logcdf", "logsf")
    point = "k"
    tail = ("loc",)

    def _formula(self, method: str) -> Formula:
        found = self._formulas.get(method)
        if found is not None:
            return found
        other, made = {"pmf": ("logpmf", xp.exp), "logcdf": ("cdf", xp.log),
                       "logsf": ("sf", xp.log)}[method]  # fmt: skip
        inner = self._formula(other)
        return lambda *a: made(inner(*a))

    def _evaluate(self, method: str, x: Any, shapes: list[Any], *tail: Any) -> Any:
        (loc,) = tail
        k = x if loc is None else x - loc
        ok = self._facts["valid"](*shapes)
        lower, upper = self._facts["support"]
        upper = upper(*shapes) if callable(upper) else upper
        mass = method in ("pmf", "logpmf")
        whole = xp.floor(k)
        good = (k >= lower) & (whole == k) & (k <= upper) if mass else (k >= lower) & (k < upper)
        good = good & ok & (xp.abs(k) < math.inf)
        safe = [xp.where(ok, s, v) for s, v in zip(shapes, self._facts["safe"], strict=True)]
        y = self._formula(method)(xp.where(good, whole, float(lower)), *safe)
        low, high = {
            "pmf": (0.0, 0.0), "logpmf": (-math.inf, -math.inf), "cdf": (0.0, 1.0),
            "sf": (1.0, 0.0), "logcdf": (-math.inf, 0.0), "logsf": (0.0, -math.inf),
        }[method]  # fmt: skip
        zero = xp.zeros_like(k)
        fill = zero + low if low == high else xp.where(k < lower, zero + low, high)
        return xp.where(good, y, xp.where(ok & (k == k), fill, math.nan))
