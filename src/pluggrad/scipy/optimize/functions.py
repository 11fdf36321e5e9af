"""What the solvers share: public names, the user's functions and their derivatives, results."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays.backend import backend_of
from ...arrays.dispatch import xp
from ...engine.arguments import check_function, explain
from ...engine.graph_breaks import collecting
from ...errors import GraphBreakWarning, PluggradError, UnknownNameError, UnsupportedError
from ...transforms import grad
from ..rows import scipy_module
from .calls import Call, Element, as_vector, is_array, shape_of, stacked
from .implicit import Solution, jacobian

__all__ = ["derivative", "number", "on_flat", "result", "solver", "start", "theirs", "tuple_of"]


def solver(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function a public one of `pluggrad.scipy.optimize`: errors name it, and its first
    argument is checked where SciPy takes a function there."""
    name = f"pluggrad.scipy.optimize.{function.__name__}"
    first = next(iter(inspect.signature(function).parameters))

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if first in ("f", "fun", "func") and args:
                check_function(args[0], name)
            return function(*args, **kwargs)
        except Exception as error:
            explain(error, name, [x for x in args if not callable(x)])

    call.__module__ = "pluggrad.scipy.optimize"
    return call


def theirs(name: str) -> Any:
    """SciPy's function of that name."""
    return getattr(scipy_module("optimize"), name)


def tuple_of(args: Any) -> tuple[Any, ...]:
    """`args` as SciPy takes them: a single argument need not be in a tuple."""
    return args if isinstance(args, tuple) else (args,)


def start(x0: Any, call: Call) -> Any:
    """A starting point as an array of floats of the library of `call`."""
    if not is_array(x0) or isinstance(x0, np.generic):
        x0 = call.backend.namespace.asarray(x0 if shape_of(x0) == () else list(x0))
    elif backend_of(x0) is not call.backend:  # NumPy's beside arrays of another library
        return call.assembled([np.asarray(x0, float)], [])
    dtypes = call.backend.float_dtypes
    return x0 if x0.dtype in dtypes else xp.astype(x0, call.dtype)


def number(y: Any, where: str, like: Any = None) -> Any:
    """The value of an objective, as an array without axes. A Python number becomes one `like`
    another, by default NumPy's."""
    if not is_array(y):
        y = np.asarray(float(y)) if like is None else stacked(y, like)
    if y.ndim and tuple(y.shape) != (1,) * y.ndim:
        raise UnsupportedError(
            f"pluggrad.scipy.optimize.{where}: the function returns a number, not the shape "
            f"{tuple(y.shape)}"
        )
    return xp.reshape(y, ()) if y.ndim else y


def on_flat(f: Callable[..., Any], shape: Any) -> Callable[..., Any]:
    """`f` as a function of a vector, which stands for an array of this shape."""
    if len(shape) == 1:
        return f
    return lambda x, *args: f(xp.reshape(x, shape), *args)


def derivative(
    e: Element, f: Callable[..., Any], x0: Any, of_number: bool = False
) -> Callable[..., Any] | None:
    """The Jacobian of `f`, or of a number its gradient, as a function of NumPy arrays. None where
    `f` takes no Variables, so that SciPy has to take differences."""

    def call(x: Any, *_: Any) -> Any:
        x = np.asarray(x)
        x = x if x.dtype.kind in "fc" else x.astype(float)
        with collecting(always=True), warnings.catch_warnings():
            warnings.simplefilter("ignore", GraphBreakWarning)
            if of_number:
                return e.value(grad(f)(e.lift(x)))
            return e.value(jacobian(lambda z: as_vector(f(z), e.backend), e.lift(x)))

    try:
        found = call(x0)
    except PluggradError:
        return None
    return call if np.isfinite(found).all() else None


@functools.cache
def _result_class() -> Any:
    base: Any = scipy_module("optimize").OptimizeResult

    class OptimizeResult(base):  # type: ignore[misc]
        """SciPy's class, for a solution that is differentiated."""

        def __getattr__(self, name: str) -> Any:
            if name in self:
                return self[name]
            raise UnknownNameError(
                f"the result has no {name!r} here, which has no derivative, or which differs from "
                "element to element of a batch; `.detach()` the arguments to get SciPy's own"
            )

    return OptimizeResult


#: What a result says in plain numbers or words.
_PLAIN = (str, bool, int, np.bool_, np.integer)


def result(solution: Solution, kind: Any = None, **own: Any) -> Any:
    """SciPy's result, with the Variables in `own`. Where these have derivatives, its other arrays
    are left out."""
    results = solution.results
    constant = not solution.tracked and len(results) == 1
    given = dict(results[0].items()) if results else {}
    if not constant:
        given = {key: x for key, x in given.items() if isinstance(x, _PLAIN)}
        given = given if len(results) == 1 else {}
    made: Any = theirs("OptimizeResult") if constant else _result_class()
    return made({**given, **own})
