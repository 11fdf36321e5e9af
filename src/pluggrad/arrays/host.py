"""Functions that run on NumPy arrays, in SciPy's compiled code, for arrays of any library.

A row of `pluggrad.scipy` names such a function, and says what it returns. The NumPy adapter has the
function itself. Another library's adapter may have one of its own; otherwise the arrays go to NumPy
and back, by `Adapter.callback`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import MissingFunctionError
from .tracers import atomic

if TYPE_CHECKING:
    from .adapter import Adapter

__all__ = ["PREFIX", "RESULTS", "raw_scipy"]

#: What the names of such functions begin with: ``scipy.ndimage.correlate1d``.
PREFIX = "scipy."
#: The results of each function, by its name: a function of the arguments and the keywords that
#: returns the shape and the dtype of the result, or a list with those of each result.
RESULTS: dict[str, Callable[[Any, Any], Any]] = {}


def raw_scipy(name: str, adapter: Adapter, numpy: Adapter) -> Callable[..., Any]:
    """The function of raw arrays that SciPy calls `name`, for the library of `adapter`; `numpy` is
    the adapter of NumPy."""
    short = name.removeprefix(PREFIX)
    own = adapter.scipy(short)
    if own is not None:
        return atomic(own) if adapter is numpy else own
    function = numpy.scipy(short)
    if function is None:
        raise MissingFunctionError(
            f"SciPy has no function {short!r}, or is not installed: `pip install pluggrad[scipy]`"
        )
    results = RESULTS[name]

    def call(*args: Any, **kwargs: Any) -> Any:
        found = results(args, kwargs)
        several = isinstance(found, list)
        y = adapter.callback(
            lambda *arrays: function(*arrays, **kwargs), args, found if several else [found]
        )
        return tuple(y) if several else y[0]

    return call
