"""The special functions that `pluggrad.scipy` computes with: those of `pluggrad.special`, over
every library.
Where a library lacks one of them, SciPy's own computes on the host, with the same derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.backend import PRIMITIVES, backend_of
from ..arrays.dispatch import xp
from ..engine.arguments import promote
from ..engine.batch import elementwise as batched_elementwise
from ..engine.primitive import Primitive
from ..errors import UnknownNameError
from ..rules.kinds import elementwise
from .rows import host

__all__ = ["NAMES", "S", "on_host"]

#: The names of the rows of `pluggrad.special`.
NAMES = [
    name.removeprefix("special.") for name, row in PRIMITIVES.items()
    if name.startswith("special.") and not row.private
]  # fmt: skip


def _broadcast(args: Any, kwargs: Any) -> tuple[tuple[int, ...], Any]:
    """The shape and the dtype of an elementwise function."""
    arrays = [x for x in args if hasattr(x, "shape")]
    found: list[int] = []
    for x in arrays:
        shape = [1] * (len(found) - len(x.shape)) + list(x.shape)
        found = [1] * (len(shape) - len(found)) + found
        found = [m if n == 1 else n for m, n in zip(found, shape, strict=True)]
    backend = backend_of(arrays[0])
    assert backend is not None
    dtype = arrays[0].dtype
    if len(arrays) > 1:
        dtype = backend.xp.result_type(*[x.dtype for x in arrays])
    if dtype not in backend.float_dtypes:
        dtype = (backend.raw("astype")(arrays[0], backend.xp.float64)).dtype
    return tuple(found), dtype


def on_host(signature: str, *formulas: Any) -> Primitive:
    """A row for an elementwise function that SciPy computes, or `scipy_functions` beside it."""
    return host(
        elementwise(signature, *formulas, promotes=len(formulas) > 1), _broadcast,
        batched_elementwise,
    )  # fmt: skip


class _Special:
    """The functions by name, of Variables or raw arrays: `S.betainc(a, b, x)`."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        full = f"special.{name}"
        if full not in PRIMITIVES:
            raise UnknownNameError(f"there is no special function {name!r}")
        ours: list[Callable[..., Any]] = []

        def call(*args: Any) -> Any:
            array = next((x for x in args if hasattr(x, "shape")), args[-1])
            backend = backend_of(array)
            if backend is None or backend.has(full):
                return getattr(xp.special, name)(*args)
            row = PRIMITIVES[full]
            if not ours:
                ours.append(on_host(f"scipy.{row.signature}", *row.formulas))
            return ours[0](*(promote(list(args), backend) if row.promotes else args))

        setattr(self, name, call)
        return call


S = _Special()
