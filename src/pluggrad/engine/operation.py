"""The operations that users call: the arguments are checked, and a Variable is returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.backend import Backend
from .arguments import convert, explain, promote
from .handles import wrap_untracked
from .levels import ROOT
from .modes import inside
from .primitive import Primitive
from .record import evaluate
from .views import view_of

__all__ = ["apply"]


def apply(
    primitive: Primitive, args: Any, kwargs: Any, raw: Callable[..., Any], backend: Backend
) -> Any:
    """Run an operation that a user called: check the arguments, always return a Variable."""
    args = [convert(x, backend, primitive) for x in args]
    if (run := inside()) is not None:
        args = [run.enter(x) for x in args]
    if primitive.promotes and not (backend.adapter.promotes and _constant(args, backend)):
        args = promote(args, backend)
    try:
        y = wrap_untracked(evaluate(primitive, args, kwargs, raw, backend), backend)
    except Exception as error:
        explain(error, primitive.name, args)
    if primitive.view and isinstance(args[0], backend.variable):
        return view_of(args[0], y, primitive, args[1:], kwargs)
    return y


def _constant(args: list[Any], backend: Backend) -> bool:
    """Whether no argument is tracked, and not all arrays among them are floating-point."""
    dtypes = [x.dtype for x in args if hasattr(x, "dtype")]
    if all(dtype in backend.float_dtypes for dtype in dtypes):
        return False
    for x in args:
        if isinstance(x, backend.variable) and (x._level is not ROOT or x._read()[1] is not None):
            return False
    return True
