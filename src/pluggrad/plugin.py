"""The one door for backends: everything that a plugin for an array library needs.

A plugin imports from here, from `pluggrad` itself, from `pluggrad.errors` and from nowhere else. A
test checks that our own backends do.

A plugin is an object of a subclass of `Adapter`, registered as an entry point:

.. code-block:: toml

    [project.entry-points."pluggrad.backends"]
    mylib = "pluggrad_mylib:backend"

`hooks` and `FUNCTIONS` say what it may override, and what each name must do; ``pluggrad backends
--hooks`` prints them. Every hook has a default in terms of the standard, so begin with none:

>>> from pluggrad.plugin import Adapter
>>> class MyAdapter(Adapter):
...     name = "mylib"
...     modules = ("mylib",)
...     plugin_version = 1
...
...     def namespace(self):
...         import mylib.array_api
...         return mylib.array_api
>>> backend = MyAdapter()

What is here by group:

- the adapter: `Adapter`, `hooks`, `FUNCTIONS`, `Hook`, `VERSION`, `OLDEST_VERSION`,
  `register_backend`; to write hooks with: `selects_once`, `has_arrays`, `careful_norm`,
  `gamma_integral`
- arrays and Variables: `Backend`, `backend_of`, `get_backend`, `is_variable`, `is_batched`
- arguments: `whole`, `axis_of`, `axes_of`; `explain`, which makes an error of ours of another
- answering a library's own functions, for `Adapter.foreign`: `Table`, `lookup`, `names`, `label`,
  `signature_of`, `into`, `answer_raw`, `answer_constant`, `write`
- storing Variables: `rebuild`, the function that pickles of Variables call
- where a value would leave the graph: `break_graph`, `warn_scalar`, `called`, `loses`; Variables
  that a function brings along in its closure: `brought_along`
- functions that `pluggrad.compile` writes down as one call: `atomic`, with `ACTIVE` and `TRACERS`,
  which it asks; `writable`, for functions that write into arrays of their own
- random numbers under `vmap`, for `Adapter.drawing`: `drawn`
- functions of pluggrad in the library's autograd, for `Adapter.interop`: `HostProgram`, `for_host`,
  `first_possible`; and functions of the library in pluggrad's: `ForeignProgram`, `foreign_call`,
  `TreeCall`, `one_by_one`, `rule_of`, `Framework`, `calling`, `made_by`, `name_of`,
  `refuse_dtype`
- compilers that read Python code, for `Adapter.compiler`: `UNREADABLE`, `CONSTANT`, `make_ready`
- engines of `pluggrad.compile`, objects in the entry-point group ``pluggrad.engines``: `Engine`;
  those that compile programs: `TracedProgram`, `ProgramCall`, `Value`, `emitted`
- errors to raise: `BatchingError`, `InvalidArgumentError`, `MissingFunctionError`,
  `OutOfRangeError`, `TypeMismatchError`, `UnsupportedError`; all others are in `pluggrad.errors`

`VERSION` grows when a change here may stop plugins from working. An adapter states in
`plugin_version` the version that it was written for. It is refused if that is newer than `VERSION`
or older than `OLDEST_VERSION`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggrad

from .arrays.adapter import (
    FUNCTIONS,
    OLDEST_VERSION,
    VERSION,
    Adapter,
    Hook,
    careful_norm,
    hooks,
    selects_once,
)
from .arrays.backend import Backend, backend_of, get_backend, register_backend
from .arrays.choice import NO_CHOICE, choose, chosen, current_choice
from .arrays.dispatch import is_batched, is_variable
from .arrays.immutable import has_arrays
from .arrays.tracers import ACTIVE, TRACERS, atomic, writable
from .engine.arguments import axes_of, axis_of, explain, whole
from .engine.batch import drawn
from .engine.captures import brought_along, loses
from .engine.closures import Seen, seen
from .engine.custom_node import rule_of
from .engine.graph_breaks import break_graph, called, warn_scalar
from .engine.levels import START, put, read
from .engine.short_cuts.custom import usable
from .errors import (
    BatchingError,
    InvalidArgumentError,
    MissingFunctionError,
    OutOfRangeError,
    TypeMismatchError,
    UnsupportedError,
)
from .interop import (
    ForeignProgram,
    Framework,
    HostProgram,
    TreeCall,
    calling,
    first_possible,
    for_host,
    foreign_call,
    made_by,
    name_of,
    one_by_one,
    refuse_dtype,
)
from .rules.special.slopes import gamma_integral
from .staging.emit import emitted
from .staging.engines import Engine
from .staging.program import Call as ProgramCall
from .staging.program import Program as TracedProgram
from .staging.program import Value
from .staging.tracing import is_tracing
from .tools.compilers import find_all
from .transforms.checkpointing.checkpointed import recomputes
from .variables.indexing import sized
from .variables.library_functions import (
    Table,
    answer_constant,
    answer_raw,
    into,
    label,
    lookup,
    names,
    write,
)
from .variables.names import signature_of
from .variables.variable import rebuild

__all__ = [
    "ACTIVE",
    "CONSTANT",
    "FUNCTIONS",
    "OLDEST_VERSION",
    "TRACERS",
    "UNREADABLE",
    "VERSION",
    "Adapter",
    "Backend",
    "BatchingError",
    "Engine",
    "ForeignProgram",
    "Framework",
    "Hook",
    "HostProgram",
    "InvalidArgumentError",
    "MissingFunctionError",
    "OutOfRangeError",
    "ProgramCall",
    "Table",
    "TracedProgram",
    "TreeCall",
    "TypeMismatchError",
    "UnsupportedError",
    "Value",
    "answer_constant",
    "answer_raw",
    "atomic",
    "axes_of",
    "axis_of",
    "backend_of",
    "break_graph",
    "brought_along",
    "called",
    "calling",
    "careful_norm",
    "drawn",
    "emitted",
    "explain",
    "first_possible",
    "for_host",
    "foreign_call",
    "gamma_integral",
    "get_backend",
    "has_arrays",
    "hooks",
    "into",
    "is_batched",
    "is_variable",
    "label",
    "lookup",
    "loses",
    "made_by",
    "make_ready",
    "name_of",
    "names",
    "one_by_one",
    "rebuild",
    "refuse_dtype",
    "register_backend",
    "rule_of",
    "selects_once",
    "signature_of",
    "warn_scalar",
    "whole",
    "writable",
    "write",
]


# ---------------------------------------------------------------- compilers that read Python code


class _Traced:
    """How the function that is being traced has changed the engine's state and the choice of a
    backend; None where it has not."""

    state: Any
    choice: Any


_traced = _Traced()
_traced.state = _traced.choice = None


def _read() -> Any:
    state = _traced.state
    return START.now if state is None else state


def _put(state: Any) -> None:
    before = START.now
    same = state.level is before.level and state.modes is before.modes and state.off == before.off
    _traced.state = None if same else state


def _chosen() -> Any:
    choice = _traced.choice
    return NO_CHOICE.now if choice is None else choice


def _choose(choice: Any) -> None:
    _traced.choice = None if choice is NO_CHOICE.now else choice


def _recomputes() -> bool:
    """`checkpoint` computes nothing twice, since a compiler would merge the two computations."""
    return False


def _seen(fun: Any, steady: Any = None) -> Any:
    """Values that a rule closes over stay what they were when the rule was compiled."""
    return Seen(fun)


def _usable(noted: Any) -> Any:
    """No short cut depends on earlier calls, which would have to be compiled apart."""
    return False


def _is_tracing() -> bool:
    """A compiled function is read as what it was made of."""
    return True


def _sized(count: int, shape: Any) -> int:
    """A plain int: compilers do not know subclasses of it."""
    return count


#: Functions of the engine that a compiler cannot read, because they use context variables, look
#: into closures, or make objects that it does not know. Each comes with one to trace in its place.
UNREADABLE: dict[Any, Callable[..., Any]] = {
    read: _read,
    put: _put,
    chosen: _chosen,
    choose: _choose,
    recomputes: _recomputes,
    seen: _seen,
    sized: _sized,
    usable: _usable,
    is_tracing: _is_tracing,
}
#: Functions whose results a compiler may take for constants: from functions they make strings.
CONSTANT: tuple[Callable[..., Any], ...] = (label, names)


def make_ready(backend: Backend, *arrays: type) -> None:
    """Make now what is otherwise made at its first use: the choice of a backend, and all functions
    of `backend` for its `arrays` and for Variables over them. A compiler that reads code can look
    these up, but cannot make them."""
    current_choice()
    vars(backend).setdefault("copy", backend.raw("copy"))  # a property that takes a lock
    find_all(pluggrad, backend, *arrays)
