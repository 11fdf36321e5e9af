"""The registry of composites: functions that are written in terms of other functions.

The rules register them. A composite is called where gradients are tracked, because the functions
that it calls have rules, and where a library lacks the function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..errors import UnsupportedError
from .backend import Backend

__all__ = ["ARRAYS", "COMPOSITES", "OWN", "composite", "composite_over_raw"]


#: Composites by name.
COMPOSITES: dict[str, Callable[..., Any]] = {}


#: Composites that are called even where the library has a function of that name.
OWN: set[str] = set()


#: The parameters of composites that are arrays, by the composite's name: their positions and names.
ARRAYS: dict[str, dict[int | str, bool]] = {}


def composite(
    name: str | Callable[..., Any] | None = None, *, own: bool = False, arrays: str = ""
) -> Callable[..., Any]:
    """Register a function that is written in terms of others, computing through `xp`.

    It is called where gradients are tracked, and where the library lacks the function; otherwise
    the library's own is called. With `own` the library's is never called, because libraries mean
    different things by the name. `arrays` names the parameters that are arrays, such as
    ``"a weights"``: a list given there becomes a Variable, and so does a raw array. A number stays
    one, so that it does not decide the dtype of the result.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        full = name if isinstance(name, str) else function.__name__
        COMPOSITES[full] = function
        if own:
            OWN.add(full)
        if arrays:
            order = list(inspect.signature(function).parameters)
            ARRAYS[full] = {key: True for x in arrays.split() for key in (x, order.index(x))}
        return function

    return register(name) if callable(name) else register


def composite_over_raw(name: str, backend: Backend) -> Callable[..., Any]:
    """The composite called `name`, for a rule that needs a function which the library lacks."""
    if name not in COMPOSITES:
        raise UnsupportedError(f"the {backend.name} backend has no function {name!r}")
    return COMPOSITES[name]
