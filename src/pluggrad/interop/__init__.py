"""`pg.interop.torch`, `pg.interop.jax`: pluggrad beside another library's autograd, in both
directions.

``wrap(f)`` brings a function of ours into the other library's autograd (see `host`), and
``call(f)`` brings a function of theirs into ours (see `foreign` and `frameworks`).
"""

from __future__ import annotations

from typing import Any

from .. import transforms as _transforms  # noqa: F401  (whole, before parts: threads may import both)
from ..arrays.backend import get_backend, has_backend
from ..errors import MissingFunctionError
from .foreign import ForeignProgram, TreeCall, foreign_call, one_by_one
from .frameworks import Framework, calling, made_by, name_of, refuse_dtype
from .host import HostProgram, differentiable, first_possible, for_host

__all__ = [
    "ForeignProgram",
    "Framework",
    "HostProgram",
    "TreeCall",
    "calling",
    "differentiable",
    "first_possible",
    "for_host",
    "foreign_call",
    "made_by",
    "name_of",
    "one_by_one",
    "refuse_dtype",
]


def __getattr__(name: str) -> Any:
    if not has_backend(name):
        raise MissingFunctionError(f"pluggrad.interop has nothing for {name!r}; see `backends()`")
    return get_backend(name).adapter.interop()
