"""`numpy.testing`; its assertions compare the values of Variables."""

from __future__ import annotations

from typing import Any

import numpy.testing

from ..variables.library_functions import raw
from .calls import dressed

__all__ = list(numpy.testing.__all__)


def _asserting(name: str) -> Any:
    """The assertion `name`, of values."""
    function: Any = getattr(numpy.testing, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*raw(args), **raw(kwargs))

    return dressed(call, function, __name__, name)


for _name in numpy.testing.__all__:
    if _name.startswith("assert_"):
        globals()[_name] = _asserting(_name)


def __dir__() -> list[str]:
    return dir(numpy.testing)


def __getattr__(name: str) -> Any:
    return getattr(numpy.testing, name)
