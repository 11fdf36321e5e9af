"""What the distributions of `pluggrad.scipy.stats` are: methods with SciPy's arguments around the
formulas in `continuous` and `discrete`.

A formula sees points inside the support and valid parameters only: `inside` puts harmless ones in
the place of all others, and their results are replaced. So gradients stay finite.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from ...arrays.backend import BACKENDS, Backend, get_backend
from ...arrays.dispatch import is_variable, xp
from ...engine.cotangents import device_of
from ...errors import TypeMismatchError, UnsupportedError
from ...variables.library_functions import raw, tracked
from ..rows import public, scipy_module

__all__ = ["Distribution", "Frozen", "both"]

Formula = Callable[..., Any]


def both(a: Any, b: Any) -> Any:
    """a and b, where True stands for no condition."""
    return b if a is True else a if b is True else a & b


def floats(values: list[Any], where: str) -> list[Any]:
    """`values` as Variables of floating-point numbers, on NumPy in double precision, as SciPy has
    them. Numbers become arrays of no axes, in the dtype of the others."""
    arrays = [x for x in values if is_variable(x)]
    backend: Backend = (arrays[0]._backend if arrays else None) or get_backend("numpy")
    wide = backend.xp.float64
    double = backend.name == "numpy"
    made = []
    for x in arrays:
        if x.dtype in backend.complex_dtypes:
            raise TypeMismatchError(f"{where} takes real numbers")
        if x.dtype not in backend.real_dtypes:
            x = xp.astype(x, wide) if double else x * 1.0
        elif double and x.dtype not in (wide, backend.xp.longdouble):
            x = xp.astype(x, wide)
        made.append(x)
    dtype = made[0].dtype if made else wide
    device = device_of(made[0]) if made else None
    rest = iter(made)

    def number(x: Any) -> Any:
        try:
            return backend.namespace.asarray(float(x), dtype=dtype, device=device)
        except (TypeError, ValueError):
            raise TypeMismatchError(f"{where} takes real numbers, not {x!r}") from None

    return [next(rest) if is_variable(x) else number(x) for x in values]


class Distribution:
    """A distribution of SciPy's, with derivatives by the point and by all parameters.

    The methods that have derivatives are those in `own`. All other attributes are SciPy's: they
    take Variables that require no grad.
    """

    own: tuple[str, ...] = ()
    point = "x"
    tail: tuple[str, ...] = ("loc", "scale")

    def __init__(self, name: str, shapes: str, formulas: dict[str, Formula], **facts: Any) -> None:
        self.name = name
        self.shapes = ", ".join(shapes.split()) or None
        self._shapes = shapes.split()
        self._formulas = formulas
        self._facts = facts
        self._calls: dict[str, Callable[..., Any]] = {}
        names = "".join(f"{x}, " for x in shapes.split()) + ", ".join(
            f"{x}={'01'[x == 'scale']}" for x in self.tail
        )
        self.__doc__ = f"""The distribution `{name}`, with SciPy's parameters: {names}.

        Derivatives by the point and all parameters: {", ".join(self.own)}. Other methods are
        SciPy's, and take Variables that require no grad. Called with parameters, it returns the
        distribution that has them.

        https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.{name}.html
        """

    def _theirs(self) -> Any:
        return getattr(scipy_module("stats"), self.name)

    def _parse(self, args: Any, kwds: Any, first: tuple[str, ...] = ()) -> inspect.BoundArguments:
        parameters = [
            inspect.Parameter(
                x, inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default={"loc": 0, "scale": 1}[x] if x in self.tail else inspect.Parameter.empty,
            )
            for x in (*first, *self._shapes, *self.tail)
        ]  # fmt: skip
        signature = inspect.Signature(parameters)
        try:
            found = signature.bind(*args, **kwds)
        except TypeError as error:
            raise TypeMismatchError(f"pluggrad.scipy.stats.{self.name}: {error}") from None
        found.apply_defaults()
        return found

    def __call__(self, *args: Any, **kwds: Any) -> Frozen:
        """The distribution with these parameters."""
        self._parse(args, kwds)
        return Frozen(self, args, kwds)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.own:
            found = self._calls.get(name)
            if found is None:
                found = self._calls[name] = self._method(name)
            return found
        theirs = getattr(self._theirs(), name)
        return passing(f"{self.name}.{name}", theirs) if callable(theirs) else theirs

    def __dir__(self) -> list[str]:
        return sorted({*self.own, *dir(self._theirs())})

    def __repr__(self) -> str:
        return f"<pluggrad.scipy.stats.{self.name}>"

    def _method(self, method: str) -> Callable[..., Any]:
        """The public function behind `method`."""
        first = () if method == "median" else ("q" if method in ("ppf", "isf") else self.point,)
        where = f"scipy.stats.{self.name}.{method}"

        def call(*args: Any, **kwds: Any) -> Any:
            found = self._parse(args, kwds, first)
            x, *rest = floats([0.5, *found.args] if not first else list(found.args), where)
            count = len(self._shapes)
            given = [found.arguments[n] for n in self.tail]
            tail = [None if g is d else v for g, d, v in zip(given, (0, 1), rest[count:])]  # noqa: B905
            return self._evaluate("ppf" if not first else method, x, rest[:count], *tail)

        signature = self._signature(first)
        call.__name__ = call.__qualname__ = f"{self.name}.{method}"
        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__doc__ = f"""`{method}` of the distribution `{self.name}`, as in SciPy."""
        return public("stats", arrays=" ".join(signature.parameters))(call)

    def _signature(self, first: tuple[str, ...]) -> inspect.Signature:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature(
            [inspect.Parameter(x, kind) for x in (*first, *self._shapes)]
            + [inspect.Parameter(x, kind, default=int(x == "scale")) for x in self.tail]
        )

    def _evaluate(self, method: str, x: Any, shapes: list[Any], *tail: Any) -> Any:
        raise NotImplementedError


def passing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's method, which has no derivative here, for the values of Variables."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if tracked(args, kwargs):
            raise UnsupportedError(
                f"scipy.stats.{name} has no derivative in pluggrad.scipy; `.detach()` its "
                "arguments if no gradient is needed"
            )
        return function(*raw(args), **raw(kwargs))

    return call


class Frozen:
    """A distribution with its parameters, as SciPy's `norm(loc=1.0)`."""

    def __init__(self, dist: Distribution, args: Any, kwds: Any) -> None:
        self.dist, self.args, self.kwds = dist, args, kwds

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.dist.own:
            method = getattr(self.dist, name)
            return lambda *x, **kw: method(*x, *self.args, **kw, **self.kwds)
        if tracked(self.args, self.kwds):
            raise UnsupportedError(
                f"scipy.stats.{self.dist.name}(...).{name} has no derivative in pluggrad.scipy; "
                "`.detach()` the parameters if no gradient is needed"
            )
        theirs = self.dist._theirs()(*raw(self.args), **raw(self.kwds))
        found = getattr(theirs, name)
        return passing(f"{self.dist.name}(...).{name}", found) if callable(found) else found

    def __repr__(self) -> str:
        return f"<pluggrad.scipy.stats.{self.dist.name} with parameters>"


class Continuous(Distribution):
    """A continuous distribution."""

    own = ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf", "median")

    def _formula(self, method: str) -> Formula:
        """The row's own formula, or what SciPy has by default."""
        found = self._formulas.get(method)
        if found is not None:
            return found
        if method in ("logcdf", "logsf"):
            return _logarithm(self._formula(method[3:]), self._formula({"logcdf": "sf"}.get(method, "cdf")))
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
            ends = [e if scale is None else e * scale for e in (zero, one)]
            ends = [e if loc is None else e + loc for e in ends]
            nan = xp.zeros_like(z) + math.nan
            fill = xp.where(z == 0, ends[0], xp.where(z == 1, ends[1], nan))
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


def _logarithm(near: Formula, rest: Formula) -> Formula:
    """The logarithm of a probability, by that of the opposite if it is close to 1."""

    def formula(*args: Any) -> Any:
        y = near(*args)
        high = y > 0.5
        return xp.where(
            high, xp.log1p(-xp.where(high, rest(*args), 0.5)), xp.log(xp.where(high, 1.0, y))
        )

    return formula


class Discrete(Distribution):
    """A discrete distribution. It is differentiated by its parameters; as a function of the point it
    is piecewise constant."""

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
