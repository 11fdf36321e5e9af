"""The operations that users call: the arguments are checked, and a Variable is returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.backend import Backend, backend_of
from ..arrays.dispatch import is_variable
from ..errors import MixedBackendsError
from .arguments import convert, explain, promote
from .cotangents import create
from .handles import raw_of, wrap_untracked
from .levels import ROOT, read
from .lists import lift_lists
from .modes import inside
from .primitive import Primitive
from .record import evaluate
from .views import view_of

__all__ = ["apply", "takes_numpy"]


def apply(
    primitive: Primitive, args: Any, kwargs: Any, raw: Callable[..., Any], backend: Backend
) -> Any:
    """Run an operation that a user called: check the arguments, always return a Variable."""
    try:
        converted = [convert(x, backend, primitive) for x in args]
    except MixedBackendsError:
        placed = with_indices(args, backend, primitive)
        if placed is not args:
            return apply(primitive, placed, kwargs, raw, backend)
        other, args = takes_numpy(args, backend)
        if other is None:
            raise
        return apply(primitive, args, kwargs, other.raw(primitive.name), other)
    args = converted
    if not primitive.lists.isdisjoint(map(type, args)):
        args = lift_lists(args, backend, primitive)
    modes = read().modes
    if modes is not None and modes.profile is not None:
        raw = modes.profile.timed(primitive.name, "forward", raw)
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


def with_indices(args: Any, backend: Backend, primitive: Primitive) -> Any:
    """`args` with an array of `backend` in place of NumPy's integers for `indices`: they are
    indices everywhere, as in ``v[indices]``."""
    for n, (name, x) in enumerate(zip(primitive.positional, args, strict=False)):
        numpy_s = name == "indices" and type(x).__module__ == "numpy" and x.dtype.kind in "iu"
        if numpy_s and backend_of(args[0]) is backend:
            return [*args[:n], create("asarray", x, beside=args[0]), *args[n + 1 :]]
    return args


def takes_numpy(args: Any, backend: Backend) -> tuple[Backend | None, Any]:
    """The backend among `args` that takes NumPy arrays as constants, and `args` for it; None if
    there is none, or if they differ in nothing from those that `backend` refused. (A function may
    have been found by its first argument, a NumPy array.)

    Beside arrays that a compiler traces, untracked Variables over NumPy are constants, too: what is
    computed from constants alone, such as `pg.sin(a)`, is one of these.
    """
    found: Backend | None = None
    wrapped = traced = False
    for x in args:
        other = backend_of(x) if hasattr(x, "dtype") else None
        if other is None:
            continue
        if other.name == "numpy":
            wrapped = wrapped or is_variable(x)
            if is_variable(x) and (x._level is not ROOT or x._tracked):
                return None, args
        elif found not in (None, other) or not other.adapter.takes_numpy:
            return None, args
        else:
            found = other
            traced = traced or other.adapter.traced(raw_of(x))
    if wrapped:
        return (found, [_bare(x) for x in args]) if traced else (None, args)
    return None if found is backend else found, args


def _bare(x: Any) -> Any:
    """The NumPy array in `x`, if it is a Variable over one; other things as they are."""
    return x.data if is_variable(x) and x._backend.name == "numpy" else x


def _constant(args: list[Any], backend: Backend) -> bool:
    """Whether no argument is tracked, and not all arrays among them are floating-point."""
    dtypes = [x.dtype for x in args if hasattr(x, "dtype")]
    if all(dtype in backend.float_dtypes for dtype in dtypes):
        return False
    for x in args:
        if isinstance(x, backend.variable) and (x._level is not ROOT or x._read()[1] is not None):
            return False
    return True
