"""`numpy.random`, whose distributions take Variables as parameters.

A draw is written as a function of the parameters and of numbers that do not depend on them, which
are drawn from the same stream: ``loc + scale * standard_normal()``. So the values are NumPy's, and
the derivatives are those of the draw itself. Where there is no such formula, as for `poisson`, an
error says so.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy

from ..arrays.dispatch import is_variable, xp
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, UnsupportedError
from ..variables.library_functions import raw, tracked
from .calls import dressed, is_met
from .classes import Kind
from .lists import array_from, backend_among, holds, lifted

__all__ = list(numpy.random.__all__)

_random: Any = numpy.random


class _Draw:
    """One call with Variables among its parameters: `draw(name, *args)` calls NumPy's function of
    that name, with the same source of random numbers."""

    def __init__(self, source: Any, given: dict[str, Any]) -> None:
        self.source, self.given = source, given
        parameters = [x for key, x in given.items() if key != "size"]
        backend = backend_among(parameters)
        assert backend is not None
        self.backend = backend
        shapes = [tuple(x.shape) if is_variable(x) else numpy.shape(x) for x in parameters]
        self.shape = numpy.broadcast_shapes(*shapes)
        size = given.get("size")
        self.size = self.shape if size is None else size
        if numpy.broadcast_shapes(self.shape, _lengths(self.size)) != _lengths(self.size):
            raise InvalidArgumentError(
                f"numpy.random: parameters of shape {self.shape} and size={size} do not fit"
            )

    def __call__(self, name: str, *args: Any) -> Any:
        """Random numbers that do not depend on the Variables, as a constant."""
        drawn = numpy.asarray(getattr(self.source, name)(*args, self.size))
        found = self.backend.xp.asarray(drawn)
        return self.backend.namespace.asarray_constant(found)

    def is_legacy(self) -> bool:
        """Whether the numbers come from the older `RandomState`."""
        return not isinstance(self.source, numpy.random.Generator)


def _lengths(size: Any) -> tuple[int, ...]:
    return (int(size),) if isinstance(size, (int, numpy.integer)) else tuple(size)


# ---------------------------------------------------------------- the distributions


def _located(name: str, *standard: float) -> Callable[..., Any]:
    """``loc + scale * z``."""
    return lambda draw, loc, scale: loc + scale * draw(name, *standard)


def _triangular(draw: _Draw, left: Any, mode: Any, right: Any) -> Any:
    u = draw("random_sample" if draw.is_legacy() else "random")
    base = right - left
    below = u <= (mode - left) / base
    low = left + xp.sqrt(u * ((mode - left) * base))
    high = right - xp.sqrt((1.0 - u) * ((right - mode) * base))
    return xp.where(below, low, high)


def _uniform(draw: _Draw, low: Any, high: Any) -> Any:
    return low + (high - low) * draw("random_sample" if draw.is_legacy() else "random")


def _weibull(draw: _Draw, a: Any) -> Any:
    return draw("standard_exponential") ** (1.0 / a)


def _pareto(draw: _Draw, a: Any) -> Any:
    e = draw("standard_exponential") / a
    return xp.exp(e) - 1.0 if draw.is_legacy() else xp.expm1(e)


def _power(draw: _Draw, a: Any) -> Any:
    e = draw("standard_exponential")
    return (1.0 - xp.exp(-e) if draw.is_legacy() else -xp.expm1(-e)) ** (1.0 / a)


def _lognormal(draw: _Draw, mean: Any, sigma: Any) -> Any:
    return xp.exp(mean + sigma * draw("standard_normal"))


def _gamma(draw: _Draw, shape: Any, scale: Any) -> Any:
    _constant("gamma", "shape", shape)
    return scale * draw("standard_gamma", raw(shape))


def _constant(name: str, parameter: str, value: Any) -> None:
    if tracked(value):
        raise _no_formula(name, parameter)


def _no_formula(name: str, parameter: str) -> UnsupportedError:
    return UnsupportedError(
        f"numpy.random.{name}: a draw has no derivative by {parameter!r} here. `.detach()` the "
        "parameter, and use the derivative of the logarithm of the density, if there is one in "
        "`pluggrad.scipy.stats`"
    )


#: How a draw follows from its parameters, which come in NumPy's order.
FORMULAS: dict[str, Callable[..., Any]] = {
    "exponential": lambda draw, scale: scale * draw("standard_exponential"),
    "gamma": _gamma,
    "gumbel": _located("gumbel", 0.0, 1.0),
    "laplace": _located("laplace", 0.0, 1.0),
    "logistic": _located("logistic", 0.0, 1.0),
    "lognormal": _lognormal,
    "normal": _located("standard_normal"),
    "pareto": _pareto,
    "power": _power,
    "rayleigh": lambda draw, scale: scale * draw("rayleigh", 1.0),
    "triangular": _triangular,
    "uniform": _uniform,
    "weibull": _weibull,
}
#: The default of each parameter: Cython's functions do not all say theirs.
DEFAULTS: dict[str, dict[str, Any]] = {
    "exponential": {"scale": 1.0},
    "gamma": {"shape": ..., "scale": 1.0},
    "gumbel": {"loc": 0.0, "scale": 1.0},
    "laplace": {"loc": 0.0, "scale": 1.0},
    "logistic": {"loc": 0.0, "scale": 1.0},
    "lognormal": {"mean": 0.0, "sigma": 1.0},
    "normal": {"loc": 0.0, "scale": 1.0},
    "pareto": {"a": ...},
    "power": {"a": ...},
    "rayleigh": {"scale": 1.0},
    "triangular": {"left": ..., "mode": ..., "right": ...},
    "uniform": {"low": 0.0, "high": 1.0},
    "weibull": {"a": ...},
}


def _bound(name: str, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a distribution by name, with its defaults."""
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([
        inspect.Parameter(key, kinds, default=inspect.Parameter.empty if x is ... else x)
        for key, x in {**DEFAULTS[name], "size": None}.items()
    ])  # fmt: skip
    found = signature.bind(*args, **kwargs)
    found.apply_defaults()
    return found.arguments


# ---------------------------------------------------------------- choosing and shuffling


def _order(source: Any, n: int) -> Any:
    """The numbers below `n`, shuffled."""
    places = numpy.arange(n)
    source.shuffle(places)
    return places


def _permutation(source: Any, x: Any, axis: int = 0) -> Any:
    x = array_from(x)
    if not x.ndim:
        return source.permutation(int(raw_of(x)))
    return xp.take(x, _order(source, x.shape[axis]), axis=axis)


def _shuffle(source: Any, x: Any, axis: int = 0) -> None:
    x[...] = xp.take(x, _order(source, x.shape[axis]), axis=axis)


def _permuted(source: Any, x: Any, *, axis: int | None = None, out: Any = None) -> Any:
    x = array_from(x)
    if out is not None:
        raise UnsupportedError("numpy.random.permuted takes no `out` beside Variables")
    if axis is None:
        places = source.permuted(numpy.arange(x.size).reshape(x.shape))
        return xp.reshape(xp.reshape(x, (-1,))[places.reshape(-1)], x.shape)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    places = numpy.broadcast_to(numpy.arange(x.shape[axis]).reshape(shape), x.shape)
    return xp.take_along_axis(x, source.permuted(places, axis=axis), axis=axis)


def _choice(
    source: Any, a: Any, size: Any = None, replace: bool = True, p: Any = None, *more: Any,
    **named: Any,
) -> Any:  # fmt: skip
    if tracked(p):
        raise _no_formula("choice", "p")
    p = numpy.asarray(raw(p)) if holds(p) else p
    if not holds(a):
        return source.choice(a, size, replace, p, *more, **named)
    a = array_from(a)
    axis = more[0] if more else named.pop("axis", 0)
    if not a.ndim:
        return source.choice(int(raw_of(a)), size, replace, p, *more, **named)
    places = source.choice(a.shape[axis], size, replace, p, **named)
    if size is None:
        return xp.take(a, numpy.asarray([places]), axis=axis)[(slice(None),) * axis + (0,)]
    y = xp.take(a, numpy.asarray(places).reshape(-1), axis=axis)
    return xp.reshape(y, (*y.shape[:axis], *numpy.shape(places), *y.shape[axis + 1 :]))


CHOOSING: dict[str, Callable[..., Any]] = {
    "choice": _choice,
    "permutation": _permutation,
    "permuted": _permuted,
    "shuffle": _shuffle,
}


def _multivariate_normal(
    source: Any, mean: Any, cov: Any, size: Any = None, check_valid: Any = "warn",
    tol: float = 1e-8, *, method: str = "svd",
) -> Any:  # fmt: skip
    mean = lifted(mean)
    legacy = not isinstance(source, numpy.random.Generator)
    named: dict[str, Any] = {"check_valid": check_valid, "tol": tol}
    if not legacy:
        named["method"] = method
    if tracked(cov):
        if legacy or method != "cholesky":
            raise UnsupportedError(
                "numpy.random.multivariate_normal has a derivative by `cov` only with "
                "method='cholesky', which `numpy.random.Generator` has"
            )
        factor = xp.linalg.cholesky(array_from(cov))
        n = factor.shape[-1]
        lengths = () if size is None else _lengths(size)
        z = source.standard_normal((*lengths, n))
        return mean + xp.matmul(z.reshape(-1, n), factor.mT).reshape((*lengths, n))
    centred = source.multivariate_normal(
        numpy.zeros(numpy.shape(raw(mean))), raw(cov), size, **named
    )
    return mean + centred


# ---------------------------------------------------------------- the functions


def _of_variables(source: Any, name: str, first: Exception, args: Any, kwargs: Any) -> Any:
    """``source.name(*args, **kwargs)``, which raised `first`."""
    if not holds(args) and not holds(kwargs):
        raise first
    if name in CHOOSING:
        return CHOOSING[name](source, *args, **kwargs)
    if name == "multivariate_normal":
        return _multivariate_normal(source, *args, **kwargs)
    if name in FORMULAS:
        given = _bound(name, args, kwargs)
        given = {key: x if key == "size" else _as_array(x) for key, x in given.items()}
        parameters = [x for key, x in given.items() if key != "size"]
        return FORMULAS[name](_Draw(source, given), *parameters)
    if not is_met(first):
        raise first
    if tracked(args, kwargs):
        parameter = next((key for key, x in kwargs.items() if tracked(x)), "its parameters")
        raise _no_formula(name, parameter)
    return getattr(source, name)(*raw(args), **raw(kwargs))


def _as_array(x: Any) -> Any:
    """The parameter `x`, of which formulas can be computed: no list."""
    return lifted(x) if holds(x) else numpy.asarray(x) if isinstance(x, (list, tuple)) else x


#: Functions without parameters that could be Variables.
PLAIN = frozenset({
    "bytes", "get_bit_generator", "get_state", "integers", "rand", "randint", "randn", "random",
    "random_integers", "random_sample", "ranf", "sample", "seed", "set_bit_generator", "set_state",
    "spawn", "standard_cauchy", "standard_exponential", "standard_normal", "tomaxint",
})  # fmt: skip


def _function(name: str) -> Any:
    """The function `name` of the module, which draws from NumPy's global source."""
    function = getattr(_random, name)

    if name == "shuffle":

        def shuffle(x: Any) -> Any:
            return _shuffle(_random, x) if is_variable(x) else function(x)

        return dressed(shuffle, function, __name__, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            first = error
        return _of_variables(_random, name, first, args, kwargs)

    return dressed(call, function, __name__, name)


def _method(kind: type, name: str) -> Any:
    """The method `name` of `kind`, `Generator` or `RandomState`."""
    function = getattr(kind, name)

    if name == "shuffle":  # NumPy would take a Variable for a list

        def shuffle(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
            return (_shuffle if is_variable(x) else function)(self, x, *args, **kwargs)

        return dressed(shuffle, function, __name__, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(self, *args, **kwargs)
        except Exception as error:
            first = error
        return _of_variables(self, name, first, args, kwargs)

    call = dressed(call, function, __name__, name)
    call.__qualname__ = f"{kind.__name__}.{name}"
    return call


def _subclass(kind: Any) -> Any:
    """`kind`, `Generator` or `RandomState`, with methods that take Variables."""
    methods = {
        name: _method(kind, name)
        for name, found in vars(kind).items()
        if name[0] != "_" and callable(found) and name not in PLAIN
    }

    def reduce(self: Any) -> Any:
        return (_restored, (kind.__name__, *kind.__reduce__(self)))

    own = {"__doc__": kind.__doc__, "__module__": __name__, "__reduce__": reduce}
    return Kind(kind.__name__, (kind,), {**own, **methods})


def _restored(name: str, make: Any, args: Any, state: Any = None) -> Any:
    """What a pickle holds: a source of numbers."""
    plain = make(*args)
    if state is not None:
        plain.__setstate__(state)
    return globals()[name](plain._bit_generator)


Generator: Any = _subclass(numpy.random.Generator)
RandomState: Any = _subclass(numpy.random.RandomState)


def default_rng(seed: Any = None) -> Any:
    made = numpy.random.default_rng(seed)
    if made is seed:
        return seed
    return Generator(made.bit_generator)


default_rng = dressed(default_rng, numpy.random.default_rng, __name__, "default_rng")

for _name in numpy.random.__all__:
    _found: Any = getattr(_random, _name)
    if _name not in globals():
        if isinstance(_found, type) or _name in PLAIN:
            globals()[_name] = _found
        else:
            globals()[_name] = _function(_name)


def __dir__() -> list[str]:
    return dir(numpy.random)


def __getattr__(name: str) -> Any:
    return getattr(numpy.random, name)
