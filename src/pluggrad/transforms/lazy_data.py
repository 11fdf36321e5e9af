"""Functions of NumPy arrays whose data are lazy.

``scipy.optimize.minimize(pg.value_and_grad(f), w, jac=True)``, with an `f` that computes with Dask
arrays, is the one exception to the rule that arrays of two libraries are never mixed silently: who
hands NumPy arrays to a transform gets NumPy arrays back. The function runs with its arguments as
lazy arrays, and all results are computed in one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import optree

from ..arrays.backend import Backend, backend_of, get_backend
from ..engine.levels import ROOT, put, read, restored
from ..errors import MixedBackendsError

__all__ = ["numpy_over_lazy"]

F = TypeVar("F", bound=Callable[..., Any])


def numpy_over_lazy(call: F) -> F:
    """`call`, a transform's function: if NumPy arrays among its arguments meet lazy arrays inside,
    it runs again with lazy arguments, and its results are computed.

    It does what `engine.levels.restored` does as well, in the same try statement.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        return _run(call, args, kwargs)

    return run  # type: ignore[return-value]


def _run(call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """``call(*args, **kwargs)``, or what it gives with lazy arguments, as NumPy arrays. (A function
    of the module, so that cloudpickle takes it by name, and not what it names.)"""
    state = read()
    try:
        y = call(*args, **kwargs)
        put(state)
        return y
    except BaseException as error:
        put(state)
        backend = _lazy_backend(error, (args, kwargs))
        if backend is None:
            raise
    return _computed(backend, restored(call), args, kwargs)


def _lazy_backend(error: BaseException, arguments: Any) -> Backend | None:
    """The backend of the lazy arrays that NumPy's have met; None if `error` is about something
    else, or if the call is inside another transform."""
    if not isinstance(error, MixedBackendsError):
        return None
    first, second = error.backends
    if "numpy" not in (first, second) or read().level is not ROOT or not _all_numpy(arguments):
        return None
    backend = get_backend(second if first == "numpy" else first)
    return backend if backend.adapter.computed is not None else None


def _all_numpy(arguments: Any) -> bool:
    """Whether all arrays among the arguments are NumPy's own, and there is one."""
    arrays = [x for x in optree.tree_leaves(arguments) if hasattr(x, "dtype")]
    return bool(arrays) and all([isinstance(x, (np.ndarray, np.generic)) for x in arrays])


def _computed(backend: Backend, call: Any, args: Any, kwargs: Any) -> Any:
    """The results of `call` with lazy arguments, as NumPy arrays."""
    lazy = backend.raw("asarray")

    def enter(x: Any) -> Any:
        kind = x.dtype.kind if isinstance(x, (np.ndarray, np.generic)) else ""
        return lazy(x) if kind in ("f", "c") else x

    given: Any = args, kwargs
    args, kwargs = optree.tree_map(enter, given)
    results, spec = optree.tree_flatten(call(*args, **kwargs))
    places = [n for n, y in enumerate(results) if hasattr(y, "dtype") and backend_of(y) is backend]
    values = backend.adapter.computed([results[n] for n in places])
    for n, y in zip(places, values, strict=True):
        results[n] = y
    return optree.tree_unflatten(spec, results)
