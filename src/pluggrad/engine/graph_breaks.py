"""Nothing leaves the graph silently: what happens when a tracked Variable becomes a plain value."""

from __future__ import annotations

import dis
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

from ..decorator import AtOnce
from ..errors import GraphBreakError, GraphBreakWarning, InvalidArgumentError
from .adopted import NAMES, adopted_frame, covers, installed
from .levels import ROOT, Level, read
from .replacements import replacement, takes_arrays_of_the_standard

__all__ = [
    "COLLECT",
    "Break",
    "MetInListError",
    "break_by_write",
    "break_graph",
    "called",
    "chosen_policy",
    "collecting",
    "graph_breaks",
    "is_met_in_list",
    "noting",
    "storing",
    "untracked_result",
    "user_line",
    "warn_scalar",
]

_policy: ContextVar[str] = ContextVar("pluggrad.graph_breaks", default="")


def _frame() -> Any:
    """The innermost frame outside pluggrad's modules and backends."""
    frame: Any = sys._getframe(1)
    while frame is not None and (
        frame.f_globals.get("__name__", "").startswith("pluggrad")
        or "__pluggrad__" in frame.f_globals  # compiled by `short_cuts.bind`
    ):
        frame = frame.f_back
    return frame


#: Libraries that pass on what they were called with. The user's line is further out.
_THROUGH = frozenset({"numpy", "dask", "distributed", "toolz"})


def _module(frame: Any) -> str:
    """The module of the code that runs in `frame`."""
    return str(frame.f_globals.get("__name__", ""))


def _library(frame: Any) -> str:
    """The top-level module of the code that runs in `frame`."""
    return _module(frame).partition(".")[0]


class Place(NamedTuple):
    """Where the graph was left: the user's file and line that called pluggrad, directly or through
    other libraries; the library that it called, and the place in there; and the frames from there
    on, outermost first. The last three are empty where the user called pluggrad or NumPy.
    `adopted` is the adopted package that this happened in, and `inside` is then its line."""

    file: str
    line: int
    library: str = ""
    inside: str = ""
    frames: tuple[Any, ...] = ()
    adopted: str = ""

    def instead(self) -> str:
        """Our own function for what the library was doing; empty if there is none."""
        return replacement(self.frames, self.library)


def _place() -> Place:
    """Where the graph is left. The user's code is what is not installed. If all of it is, it is
    what called pluggrad or NumPy."""
    frame = _frame()
    while frame is not None and _library(frame) in _THROUGH:
        frame = frame.f_back
    if frame is None:
        return Place("<unknown>", 0)
    file, line = frame.f_code.co_filename, frame.f_lineno
    user, frames = frame, []
    package = adopted_frame()
    while user is not None and (
        user.f_code.co_filename.startswith(installed())
        or _library(user) == "pluggrad"
        or (package is not None and covers(_module(user)))
    ):
        frames.append(user)
        user = user.f_back
    if user is None or not frames:
        return Place(file, line)
    frames.reverse()
    if package is not None:
        at = f"{package.f_code.co_filename}:{package.f_lineno}"
        name = covers(_module(package))
        return Place(user.f_code.co_filename, user.f_lineno, name, at, tuple(frames), name)
    return Place(
        user.f_code.co_filename, user.f_lineno, _library(frames[0]), f"{file}:{line}", tuple(frames)
    )


def user_line() -> str:
    """The user's file and line, for messages."""
    place = _place()
    return f"{place.file}:{place.line}"


def called(*libraries: str) -> tuple[str, str]:
    """The function of one of `libraries` that the user called, and that led here: its module and
    its name, such as ``"dask.array.core"`` and ``"Array.dot"``; empty strings if there is none."""
    frame, found = _frame(), None
    while frame is not None and _library(frame) in _THROUGH:
        if _library(frame) in libraries:
            found = frame
        frame = frame.f_back
    return ("", "") if found is None else (found.f_globals["__name__"], _name_of(found))


def _name_of(frame: Any) -> str:
    """The name of the function that runs in `frame`. A function that another one made has the name
    that it was given in its module."""
    code, inside = frame.f_code, frame.f_locals
    if code.co_name == "__call__":
        return str(getattr(inside.get("self"), "__name__", "__call__"))
    if "<locals>" in code.co_qualname:
        free = code.co_freevars
        for name, f in frame.f_globals.items():
            if getattr(f, "__code__", None) is code:
                cells = [cell.cell_contents for cell in f.__closure__ or ()]
                if all(x is inside[n] for n, x in zip(free, cells, strict=True)):
                    return str(name)
    return str(code.co_qualname)


class MetInListError(GraphBreakError):
    """A function of `pluggrad.numpy` called NumPy's, which converts a Variable: one in a list. That
    function catches it, and stacks the list itself."""


def is_met_in_list(depth: int = 2) -> bool:
    """Whether a function of `pluggrad.numpy` is what called NumPy, which now converts a
    Variable. NumPy's frame, or that of its caller if NumPy's code is compiled, is `depth` up."""
    frame: Any = sys._getframe(depth)
    name = _module(frame)
    while name == "numpy" or name.startswith("numpy."):
        frame = frame.f_back
        name = _module(frame)
    return name == "pluggrad.numpy" or name.startswith("pluggrad.numpy.")


def storing() -> bool:
    """Whether the caller's statement is `a[i] = v`: NumPy then converts `v` to a float."""
    frame: Any = _frame()
    return frame is not None and frame.f_code.co_code[frame.f_lasti] in _STORES


#: What such a statement ends with; from Python 3.12, `a[i:j] = v` has an instruction of its own.
_STORES = {dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap}


#: A policy that only the package itself sets, by `collecting`.
COLLECT = "collect"


@contextmanager
def collecting(always: bool = False) -> Iterator[None]:
    """A block in which a function of the user's runs whose result may be ``np.array([v, w])``: of
    Variables without axes NumPy makes an array of objects, and nothing is lost. Everything else
    that leaves the graph is an error, unless the user chose a policy and it is not `always`."""
    before = _policy.get()
    try:
        if always or not before:
            _policy.set(COLLECT)
        yield
    finally:
        _policy.set(before)


def chosen_policy() -> str:
    """The policy that the user chose by `graph_breaks`; empty by default."""
    return _policy.get()


def allowed() -> bool:
    """Whether the policy of `graph_breaks` allows conversions to arrays. Warns if the policy is
    "warn"."""
    policy = _policy.get()
    if policy in ("warn", "ignore"):
        instead = _note("an array")
    if policy == "warn":
        _warn("conversion to an array", instead)
    return policy in ("warn", "ignore")


def break_graph(what: str, *, first: str = "", instead: str = "") -> None:
    """Raise GraphBreakError for `what`, unless `graph_breaks` allows it. See `refuse`."""
    if allowed():
        return
    refuse(what, first, instead)


class Break(NamedTuple):
    """A place where the graph is left: what the code does there, and what keeps the gradient."""

    place: Place
    what: str
    remedy: str


#: While `pluggrad.adopt.report` runs a function: what would have raised `GraphBreakError`.
_noting: ContextVar[list[Break] | None] = ContextVar("pluggrad.graph_breaks.noting", default=None)


@contextmanager
def noting() -> Iterator[list[Break]]:
    """A block in which no place where the graph is left is an error. Gives the list of them."""
    found: list[Break] = []
    token = _noting.set(found)
    try:
        yield found
    finally:
        _noting.reset(token)


def refuse(what: str, first: str = "", instead: str = "") -> None:
    """Raise GraphBreakError for `what`, naming the caller's line and the remedy. The text starts
    with `first`, unless a library did it. `instead` says what to write in its place. Inside a block
    of `noting` nothing is raised."""
    place = _place()
    library, hint = place.library, ""
    instead = instead or _beside_numpy()
    found = "" if instead else place.instead()
    if found:
        instead = f"`{found}` keeps it"
    elif (
        library in _ARRAY_API
        and not os.environ.get("SCIPY_ARRAY_API")
        and (library != "scipy" or takes_arrays_of_the_standard(place.frames))
    ):
        hint = (
            f" Many functions of {library} take Variables if the environment variable "
            "`SCIPY_ARRAY_API=1` is set before it is imported."
        )
    if place.adopted and not instead:
        instead = (
            f"That line of {place.adopted} needs a plain value: make the call a function with a "
            "rule of its own, by `pluggrad.custom_vjp`, if the gradient is wanted"
        )
    if library and not instead:
        instead = f"`pluggrad.custom_vjp` gives your call of {library} a derivative"
    remedy = (
        f"{instead}; use `.detach()` if it is a constant there" if instead else
        "`pluggrad.stack` makes an array of several Variables, and `pluggrad.zeros` one to write "
        "into; use `.detach()` if the gradient is not wanted"
    )  # fmt: skip
    found_here = _noting.get()
    if found_here is not None:
        found_here.append(Break(place, what, f"{remedy}.{hint}"))
        return
    where = f" (inside {library}, {place.inside})" if library else ""
    raise GraphBreakError(
        f"{'' if library else first}{what} of a Variable that requires grad, at "
        f"{place.file}:{place.line}{where}: its gradient would be lost.{hint} "
        f"{remedy}, or allow all of this with `pluggrad.graph_breaks('ignore')`."
    )


#: What to do in the place of NumPy's classes that cannot hold Variables.
_CLASSES = {
    "numpy.ma": "masked arrays cannot hold Variables, but `pluggrad.where(mask, 0.0, x)` can",
    "numpy.matrixlib": "matrices cannot hold Variables, but arrays of two axes and `@` can",
}


def _beside_numpy() -> str:
    """What does for the class of NumPy's that is being made; empty if it is no such class."""
    frame = _frame()
    while frame is not None and _library(frame) == "numpy":
        for module, instead in _CLASSES.items():
            if _module(frame).startswith(f"{module}."):
                return instead
        frame = frame.f_back
    return ""


def break_by_write(what: str) -> None:
    """As `break_graph`, where the user writes into a raw array."""
    break_graph(what, first="make the array with `pluggrad.zeros` and write into that: ")


#: Libraries that take arrays of the standard if `SCIPY_ARRAY_API` is set.
_ARRAY_API = frozenset({"scipy", "sklearn"})


def warn_scalar(what: str) -> None:
    """Warn, once per line, that a tracked Variable became a Python scalar; or raise, or do nothing,
    as the policy of `graph_breaks` says. Inside a transform, where a solver of SciPy's made it one
    and a solver of ours would not, it raises by default: the solution would not depend on the
    Variable. (At level 0 a function for SciPy may well have called `backward` itself.) Inside an
    adopted package it raises, too."""
    policy = _policy.get()
    if policy in ("error", COLLECT) or _noting.get() is not None or (
        not policy and _must_raise(what)
    ):  # fmt: skip
        refuse(f"{what}()")
        return  # only where it was noted
    instead = _note(f"a Python scalar, by {what}()")
    if policy != "ignore":
        _warn(f"{what}()", instead)


def _must_raise(what: str) -> bool:
    """Whether a scalar is an error though the user chose no policy. Inside an adopted package int()
    only warns: it is constant between its jumps, so what is computed from it is no less right."""
    if NAMES and what != "int" and adopted_frame() is not None:
        return True
    return read().level is not ROOT and _solving()


def _solving() -> bool:
    """Whether a solver of SciPy's asks, which hands errors on to its caller."""
    place = _place()
    if place.library != "scipy" or _module(place.frames[-1]) == "scipy.optimize._zeros_py":
        return False
    return place.instead().startswith(("pluggrad.scipy.optimize.", "pluggrad.scipy.integrate."))


def _note(what: str) -> str:
    """Note at the current level where its graph was left. Returns what would have kept it, in
    words; empty if nothing is known to."""
    place = _place()
    found = place.instead()
    instead = f" (`{found}` keeps it)" if found else ""
    read().level.left = f"at {place.file}:{place.line}, as {what}{instead}"
    return instead


def untracked_result(level: Level, may_be_constant: bool = False) -> None:
    """Report that the transformed function returned a value without a graph.

    Raises GraphBreakError, with the place, if the graph was left on the way. Otherwise the function
    is presumably constant: warns, unless `may_be_constant`.
    """
    if level.left is not None and _policy.get() != "ignore":
        raise GraphBreakError(
            f"the function returned a value that is not connected to its arguments: the graph was "
            f"left {level.left}. Keep to Variables there, or `stop_gradient` what is a constant."
        )
    if _policy.get() != "ignore" and not may_be_constant:
        _say(
            "the function returned a value that does not depend on its arguments: the gradient is "
            "zero. `pluggrad.graph_breaks('ignore')` silences this where it is meant."
        )


def _warn(what: str, instead: str) -> None:
    """Warn that the conversion `what` loses the gradient; `instead` is what `_note` returned."""
    _say(
        f"{what} of a Variable that requires grad: what is computed from the result has no "
        f"gradient{instead}. Use `.detach()` first if that is meant."
    )


def _say(message: str) -> None:
    """Warn with `message`, once per line of the user's code."""
    place = _place()
    warnings.warn_explicit(
        message,
        GraphBreakWarning,
        place.file,
        place.line,
        registry=_warned,
    )


_warned: dict[Any, Any] = {}


class graph_breaks(AtOnce):
    """Choose what happens when a tracked Variable is converted to an array or a Python scalar.

    By default, conversion to an array raises `GraphBreakError`, and conversion to a scalar warns
    with `GraphBreakWarning`. A call sets one policy for both, for this thread and task. As a
    context manager, the policy lasts until the block ends.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.ones(2), requires_grad=True)
    >>> with pg.graph_breaks("ignore"):
    ...     np.asarray(x)
    array([1., 1.])
    """

    def __init__(self, policy: Literal["error", "warn", "ignore"]) -> None:
        if policy not in ("error", "warn", "ignore"):
            raise InvalidArgumentError(
                f"graph_breaks takes 'error', 'warn' or 'ignore', not {policy!r}"
            )
        self._policy = policy
        self._start()

    _get: Any = staticmethod(_policy.get)
    _set: Any = staticmethod(_policy.set)

    def _on(self, state: str) -> tuple[str, str]:
        return self._policy, state

    def _off(self, state: str, before: str) -> str:
        return before

    def _again(self) -> graph_breaks:
        block = object.__new__(graph_breaks)  # without `__init__`, which would switch at once
        block._policy, block._before, block._waits_for = self._policy, [], []
        return block
