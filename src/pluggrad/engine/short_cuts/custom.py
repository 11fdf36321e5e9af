"""The short cut for custom operations: `plain` says whether it applies, and `record` records the
call. The operation itself runs the user's function in between.

It does what `custom_op.at_once` does, for arrays of one library that `ROOT` tracks, if no mode is
on and the library asks for nothing more. On small arrays, custom operations spend most of their
time in Python code, and this saves a third of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...arrays.backend import VARIABLES, Backend
from ..custom_call import Call
from ..custom_op import Operation, node_of
from ..levels import ROOT, START, read
from ..primitive import new
from ..views import settled

__all__ = ["is_plain", "plain", "record", "usable"]


#: Arguments taken apart: the backend, the raw arrays, handles over them for the user's function,
#: the Nodes, and which arguments have one.
Plain = tuple[Backend, list[Any], list[Any], list[Any], list[bool]]


def usable(noted: Any) -> Any:
    """What earlier calls of a custom function noted, if the short cut may be taken. Code that a
    compiler reads must not depend on earlier calls: there, this gives False (see plugin.py)."""
    return noted


def plain(args: Sequence[Any]) -> Plain | None:
    """The arguments of a custom operation, taken apart; None where the short cut does not apply."""
    if read() is not START:
        return None
    backend: Any = None
    cls: Any = None
    values, handles, parents, needs = [], [], [], []
    for x in args:
        if type(x) is not cls:
            if backend is not None or type(x) not in VARIABLES:
                return None
            backend = x._backend
            cls = backend.variable
            if type(x) is not cls or backend.counts_writes or backend.records or backend.follows:
                return None
        if x._level is not ROOT or ((c := x._cell) is not None and not settled(x, c)):
            return None
        v, node = new(cls), x._node
        v._value, v._node, v._level, v._cell = x._value, None, ROOT, None
        values.append(x._value)
        handles.append(v)
        parents.append(node)
        needs.append(node is not None)
    return (backend, values, handles, parents, needs) if True in needs else None


def is_plain(y: Any, backend: Backend) -> bool:
    """Whether `y`, which the user's function returned, is an untracked Variable over a
    floating-point array of the same library."""
    return (
        type(y) is backend.variable and y._node is None and y._cell is None
        and y._level is ROOT and y._value.dtype in backend.float_dtypes
    )  # fmt: skip


def record(op: Operation, given: Plain, y: Any, residuals: Any) -> Any:
    """The Variable of the raw output `y` of `op`, which was called with the arguments `given`."""
    backend, values, _, parents, needs = given
    inputs, outputs = op.kept(values, [y])
    call = Call(op, inputs, outputs, residuals, needs, ROOT, backend)
    v = new(backend.variable)
    v._value, v._node, v._level, v._cell = y, node_of(op.rule, call, parents), ROOT, None
    return v
