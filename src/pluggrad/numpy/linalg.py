"""`numpy.linalg`; its functions take Variables, and lists that hold them.

Functions that read one triangle of a matrix, such as `eigh` and `cholesky`, have the derivative of
just that: it is zero in the other triangle. (`pluggrad.linalg` shares it between both, as torch
does.)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy

from .calls import dressed, passing
from .lists import holds, lifted

__all__ = list(numpy.linalg.__all__)

for _name in numpy.linalg.__all__:
    _found: Any = getattr(numpy.linalg, _name)
    globals()[_name] = _found if isinstance(_found, type) else passing(_found, __name__, _name)


def of_triangle(a: Any, upper: bool) -> Any:
    """The Hermitian matrices that the upper, or the lower, triangle of `a` stands for."""
    half = numpy.triu(a, 1) if upper else numpy.tril(a, -1)
    both = half + numpy.conj(numpy.swapaxes(half, -1, -2))
    return numpy.where(numpy.eye(a.shape[-1], dtype=bool), numpy.real(a), both)


def _reading_one(name: str, upper: Callable[[Any], bool | None]) -> Any:
    """The function called `name`, which reads the upper or the lower triangle alone as `upper` says
    of its settings, or with None both."""
    function = globals()[name]
    signature = inspect.signature(getattr(numpy.linalg, name))

    def call(*args: Any, **kwargs: Any) -> Any:
        if holds((*args, *kwargs.values())):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            which = upper(bound.arguments)
            if which is not None:
                a = lifted(bound.args[0])
                return function(of_triangle(a, which), *bound.args[1:], **bound.kwargs)
        return function(*args, **kwargs)

    return dressed(call, getattr(numpy.linalg, name), __name__, name)


for _name in ("eigh", "eigvalsh"):
    globals()[_name] = _reading_one(_name, lambda given: str(given["UPLO"]).upper() == "U")
globals()["cholesky"] = _reading_one("cholesky", lambda given: bool(given["upper"]))
for _name in ("pinv", "svd", "matrix_rank"):
    globals()[_name] = _reading_one(_name, lambda given: False if given["hermitian"] else None)


def __dir__() -> list[str]:
    return dir(numpy.linalg)


def __getattr__(name: str) -> Any:
    return getattr(numpy.linalg, name)
