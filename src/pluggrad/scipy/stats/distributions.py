"""What the distributions of `pluggrad.scipy.stats` are: methods with SciPy's arguments around the
formulas in `continuous` and `discrete`, and everything else from SciPy.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...arrays.backend import Backend, get_backend
from ...arrays.dispatch import is_variable, xp
from ...errors import TypeMismatchError, UnsupportedError
from ...variables.library_functions import raw, tracked
from ..rows import public, scipy_module

__all__ = ["Distribution", "Formula", "Frozen"]

Formula = Callable[..., Any]


def floats(values: list[Any], where: str) -> list[Any]:
    """`values` as Variables of floating-point numbers, on NumPy in double precision, as SciPy has
    them. Numbers become arrays of no axes, in the dtype of the others."""
    arrays = [x for x in values if is_variable(x)]
    backend: Backend = (arrays[0]._backend if arrays else None) or get_backend("numpy")
    wide = backend.xp.float64
    double = backend.name == "numpy"
    # (torch would make single precision of integers, even beside doubles.)
    beside = [x.dtype for x in arrays if x.dtype in backend.real_dtypes]
    made = []
    for x in arrays:
        if x.dtype in backend.complex_dtypes:
            raise TypeMismatchError(f"{where} takes real numbers")
        if x.dtype not in backend.real_dtypes:
            x = xp.astype(x, wide) if double else xp.astype(x, beside[0]) if beside else x * 1.0
        elif double and x.dtype not in (wide, backend.xp.longdouble):
            x = xp.astype(x, wide)
        made.append(x)
    dtype = made[0].dtype if made else wide
    like = made[0] if made else None
    rest = iter(made)

    def number(x: Any) -> Any:
        try:
            return backend.namespace.asarray_beside(float(x), like, dtype)
        except (TypeError, ValueError):
            raise TypeMismatchError(f"{where} takes real numbers, not {x!r}") from None

    return [next(rest) if is_variable(x) else number(x) for x in values]


#: Methods that SciPy's models call inside the support, where they equal the public ones.
_INSIDE = frozenset({"_pdf", "_logpdf", "_cdf", "_logcdf", "_sf", "_logsf", "_ppf", "_isf"})


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
        if name in _INSIDE and name[1:] in self.own:
            return getattr(self, name[1:])
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
            tail = [None if g is d else v for g, d, v in zip(given, (0, 1), rest[count:])]
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
