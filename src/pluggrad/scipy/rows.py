"""What the modules of `pluggrad.scipy` are written with: rows that run on the host, public
functions with SciPy's signatures, and names that fall through to SciPy.

A row is a rule like those in `pluggrad.rules`, for a function that SciPy's compiled code computes.
Its name begins with ``scipy.``, as in ``linear("scipy.ndimage.spline_filter1d(x, /, *, order=3)",
...)``, and `host` says what shape and dtype it returns. Public functions are written in terms of
rows and of `xp`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..arrays.backend import Backend, backend_of, get_backend
from ..arrays.dispatch import is_variable, xp
from ..arrays.host import RESULTS
from ..engine.arguments import explain
from ..engine.batch import BATCHING, BatchedCall
from ..engine.handles import wrap_untracked
from ..engine.primitive import Primitive
from ..errors import MissingFunctionError, UnknownNameError, UnsupportedError
from ..variables.library_functions import raw, tracked
from ..variables.namespace import lifting

__all__ = [
    "aligned",
    "backend_among",
    "explained",
    "falling_through",
    "fronts",
    "host",
    "host_function",
    "like",
    "looped",
    "public",
    "refuse_away",
]

Results = Callable[[Any, Any], Any]


def host(
    row: Primitive, results: Results, batching: Callable[[BatchedCall], Any] | None = None
) -> Primitive:
    """`row`, whose function runs in SciPy's compiled code, on the host.

    ``results(args, kwargs)`` is the pair (shape, dtype) of its result, or a list of one pair for
    each result; libraries that trace need it. `batching` is its rule under `vmap` (see
    `rules.batching`); by default one call per element.
    """
    RESULTS[row.name] = results
    BATCHING[row.name] = looped if batching is None else batching
    return row


def host_function(name: str) -> Any:
    """The function of NumPy arrays that a row calls `name`, such as ``ndimage.spline_filter1d``."""
    found = get_backend("numpy").adapter.scipy(name)
    if found is None:
        raise MissingFunctionError("SciPy is not installed: `pip install pluggrad[scipy]`")
    return found


def like(position: int = 0) -> Results:
    """Of a row whose result has the shape and dtype of the argument at `position`."""
    return lambda args, kwargs: (tuple(args[position].shape), args[position].dtype)


def fronts(*arrays: Any, core: int = 2) -> tuple[int, ...]:
    """The shape that the axes in front of the last two broadcast to; `core` says how many are not
    in front."""
    shapes = [tuple(x.shape)[: len(x.shape) - core] for x in arrays]
    most = max(map(len, shapes))
    padded = [(1,) * (most - len(s)) + s for s in shapes]
    return tuple([max(lengths) if 0 not in lengths else 0 for lengths in zip(*padded, strict=True)])


def aligned(op: BatchedCall) -> Any:
    """Batching rule of functions of several matrices, whose axes in front are broadcast."""
    most = max([op.ndim(i) for i in range(len(op.args))])
    return op(*[op.aligned(i, most) for i in range(len(op.args))], **op.kwargs)


def looped(op: BatchedCall) -> Any:
    """Batching rule of functions that know no batches: one call for each element."""
    if not op.size:
        op.refuse("there is no element that would tell the shape of the result")
    rows = [
        op(*[x[i, ...] if on else x for x, on in zip(op.args, op.on, strict=True)], **op.kwargs)
        for i in range(op.size)
    ]
    if isinstance(rows[0], tuple):
        return tuple([xp.stack(list(column), axis=0) for column in zip(*rows, strict=True)])
    return xp.stack(rows, axis=0)


def public(module: str, arrays: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function, written for Variables, a public one of ``pluggrad.scipy.<module>``.

    Arrays among its arguments become Variables over the library of the first Variable, or of the
    first array. `arrays` names the parameters that are arrays, such as ``"input weights"``: a list
    or a number of NumPy's given there becomes a Variable, too. Errors name the function.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = f"pluggrad.scipy.{module}.{function.__name__}"
        order = list(inspect.signature(function).parameters)
        places = {key: True for x in arrays.split() for key in (x, order.index(x))}
        lifted: dict[Backend, Callable[..., Any]] = {}

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            backend = backend_among((*args, *kwargs.values())) or get_backend("numpy")
            found = lifted.get(backend)
            if found is None:
                found = lifted[backend] = lifting(name, function, backend, arrays=places)
            return found(*args, **kwargs)

        call.__module__ = f"pluggrad.scipy.{module}"
        return call

    return register


def explained(module: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function a public one of ``pluggrad.scipy.<module>`` that gets its arguments as they
    are: one of sparse matrices, or of functions. Errors name it."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = f"pluggrad.scipy.{module}.{function.__name__}"

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                explain(error, name, args)

        call.__module__ = f"pluggrad.scipy.{module}"
        return call

    return register


def backend_among(values: Any) -> Backend | None:
    """The backend of the first Variable among `values`, lists included, else of the first array."""
    first: Backend | None = None
    for x in values:
        if is_variable(x):
            return x._backend  # type: ignore[no-any-return]
        if isinstance(x, (list, tuple)):
            found = backend_among(x)
        else:
            is_array = hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, type)
            found = backend_of(x) if is_array else None
        first = first or found
    return first


def refuse_away(function: str, **arguments: tuple[Any, Any]) -> None:
    """Raise if an argument, given as a pair (value, default), is away from its default: for
    arguments that have no meaning here, such as SciPy's ``output``."""
    for name, (value, default) in arguments.items():
        if value is not default and value != default:
            raise UnsupportedError(
                f"pluggrad.scipy.{function}({name}=...) is not supported: leave it out"
            )


def falling_through(
    module: str, own: list[str], passing: Callable[[str, Callable[..., Any]], Any] | None = None
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`__getattr__` and `__dir__` of ``pluggrad.scipy.<module>``, which has the names in `own`: all
    other names are SciPy's. ``passing(name, function)`` is what stands for a function of SciPy's;
    by default one that takes Variables that require no grad."""
    passing = _passing if passing is None else passing

    def find(name: str) -> Any:
        adapter = get_backend("numpy").adapter
        found = None if name.startswith("__") else adapter.scipy(f"{module}.{name}")
        if found is None:
            raise UnknownNameError(f"module 'pluggrad.scipy.{module}' has no attribute {name!r}")
        return _offered(f"{module}.{name}", found, passing)

    def names() -> list[str]:
        theirs = get_backend("numpy").adapter.scipy(module)
        return sorted({*own, *getattr(theirs, "__all__", ())})

    return find, names


def _offered(name: str, found: Any, passing: Callable[[str, Callable[..., Any]], Any]) -> Any:
    """What stands for what SciPy has by that name: functions by `passing`, and objects that are
    called, such as distributions, with their methods."""
    if not callable(found) or isinstance(found, type):
        return found
    offered = passing(name, found)
    if not inspect.isroutine(found) and not hasattr(found, "nin"):  # nor a ufunc
        for method in dir(found):
            inside = getattr(found, method, None) if method[0] != "_" else None
            if callable(inside):
                setattr(offered, method, passing(f"{name}.{method}", inside))
    return offered


def _passing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's `function`, called `name`, which has no derivative here: it takes the values of
    Variables that require no grad."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if tracked(args, kwargs):
            raise UnsupportedError(
                f"scipy.{name} has no derivative in pluggrad.scipy; `.detach()` its arguments if "
                "no gradient is needed"
            )
        backend = backend_among((*args, *kwargs.values()))
        y = function(*raw(args), **raw(kwargs))
        if backend is None or not any(map(is_variable, (*args, *kwargs.values()))):
            return y
        return wrap_untracked(y, backend) if backend.name == "numpy" else y

    return call


def scipy_module(name: str) -> Any:
    """SciPy's module `name`; MissingFunctionError if SciPy is not installed."""
    found = get_backend("numpy").adapter.scipy(name)
    if found is None:
        raise MissingFunctionError("SciPy is not installed: `pip install pluggrad[scipy]`")
    return found
