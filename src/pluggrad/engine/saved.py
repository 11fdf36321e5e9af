"""Boxes for saved values that are checked for changes, or packed by the user's hooks.

If a mode or the library asks for it, the values that an operation saves for its rule are put into a
`Box`, which the walk opens.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ..arrays.backend import Backend, backend_of, peek
from ..arrays.dispatch import is_variable, xp
from ..errors import InvalidArgumentError, MutationError
from .anomaly import callers
from .arguments import of_backend
from .cotangents import same_shape
from .graph import Edge, Node
from .handles import raw_of, wrap_untracked
from .levels import read
from .modes import Modes, changed
from .primitive import Rule
from .strong_zeros import strong_rule

__all__ = ["Box", "Kept", "keep", "marked", "opened"]


class Box:
    """The saved values of an edge, with each array inside a `Kept`, which checks or unpacks it."""

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:
        self.content = content

    def open(self) -> Any:
        """The saved values; raises MutationError if an array was changed since."""
        return _remade(self.content, lambda x: x.open() if isinstance(x, Kept) else x)


class Kept:
    """A saved array that is checked for changes when it is used: `seen` is the count or checksum
    at the time of saving, `name` the operation that saved it."""

    __slots__ = ("name", "seen", "value")

    def __init__(self, value: Any, name: str, seen: Any) -> None:
        self.value, self.name, self.seen = value, name, seen

    def now(self) -> Any:
        """The present count or checksum, to compare with `seen`."""
        raise NotImplementedError

    def open(self) -> Any:
        """The array; raises MutationError if it was changed since."""
        if self.now() != self.seen:
            raise MutationError(
                f"an array that {self.name!r} had saved for its gradient, of shape "
                f"{tuple(self.value.shape)} and dtype {self.value.dtype}, was changed in place "
                "since. Change a copy, or change it after the backward."
            )
        return self.value


class _Versioned(Kept):
    """A saved array whose library counts its changes."""

    __slots__ = ()

    def now(self) -> Any:
        """How often the array has been changed."""
        return _adapter(self.value).writes(raw_of(self.value))


class _Checked(Kept):
    """A saved array that is checked by its checksum."""

    __slots__ = ()

    def now(self) -> Any:
        """The present checksum of the array."""
        return _adapter(self.value).checksum(raw_of(self.value))


class _Marked:
    """An array that is checked for changes, but not kept alive."""

    __slots__ = ("kind", "ref", "seen")

    def __init__(self, kept: Kept) -> None:
        self.kind, self.ref, self.seen = type(kept), weakref.ref(kept.value), kept.seen

    def open(self) -> None:
        """Raise MutationError if the array still exists and was changed."""
        x = self.ref()
        if x is not None:
            self.kind(x, "checkpoint", self.seen).open()


def marked(x: Any) -> _Marked | None:
    """An object whose `open` raises if the raw array `x` was changed since; None if changes cannot
    be found."""
    backend = peek(x)
    guard = None if backend is None else _watcher(read().modes, "checkpoint", backend)
    kept = x if guard is None else guard(x)
    try:
        return _Marked(kept) if isinstance(kept, Kept) else None
    except TypeError:  # takes no weak reference, like NumPy's scalars, which never change
        return None


class _Packed(Kept):
    """A saved array that a user's hook has packed. `value` is the packed form, `seen` the hook that
    unpacks it, and `like` the array's shape and dtype. Of a tracked Variable only the raw array at
    the bottom is packed; `around` holds the Variables around it."""

    __slots__ = ("around", "backend", "like")

    def __init__(
        self, value: Any, name: str, seen: Any, like: Any, around: Any, backend: Backend
    ) -> None:
        super().__init__(value, name, seen)
        self.like, self.around, self.backend = like, around, backend

    def open(self) -> Any:
        """The unpacked array, checked and cast to the dtype that it had, at all its levels."""
        with changed(pack=None, unpack=None):
            found = self.seen(self.value)
        if is_variable(found):
            found = found._snapshot()
            if found._node is None:
                found = found._value
        if backend_of(found) is None:
            raise MutationError(
                f"the unpack hook returned {type(found).__name__} for an array that {self.name!r} "
                "had saved, and not an array"
            )
        found = of_backend(
            found, self.backend, "the unpack hook returned", f"for one of {self.name!r}"
        )
        shape, dtype = self.like
        if not same_shape(found.shape, shape):
            raise InvalidArgumentError(
                f"the unpack hook returned an array of shape {tuple(found.shape)} for one of shape "
                f"{shape} that {self.name!r} had saved"
            )
        found = found if found.dtype == dtype else xp.astype(found, dtype)
        return found if self.around is None else _with_bottom(self.around, raw_of(found))


def _with_bottom(x: Any, array: Any) -> Any:
    """`x` with its Variables of all levels, but `array` as the raw array at the bottom."""
    if not is_variable(x):
        return array
    v = x._snapshot()
    v._value = _with_bottom(v._value, array)
    return v


def _remade(saved: Any, f: Callable[[Any], Any]) -> Any:
    """`saved`, with `f` applied to each value in it."""
    if isinstance(saved, (tuple, list)) and not hasattr(saved, "shape"):
        items = [_remade(x, f) for x in saved]
        return type(saved)(*items) if hasattr(saved, "_fields") else type(saved)(items)
    if hasattr(type(saved), "remade"):  # a call of a custom operation
        return saved.remade(lambda x: _remade(x, f))
    return f(saved)


def _adapter(x: Any) -> Any:
    """The adapter of the library of `x`."""
    backend = backend_of(raw_of(x))
    assert backend is not None
    return backend.adapter


def keep(node: Node, backend: Backend) -> Node:
    """`node`, just recorded, after what the modes and the library ask for: its saved values are
    boxed, its rules made strong, its callers noted."""
    modes: Modes | None = read().modes
    if modes is None and backend.adapter.tracing():
        return node  # traced arrays have no contents yet that could be changed
    if modes is not None and modes.anomaly:
        node.metadata["traceback"] = callers()
        if modes.parent is not None:
            node.metadata["parent"] = modes.parent
    guard = _guard(modes, node.rule.primitive.name, backend)
    strong = modes is not None and modes.strong
    edge: Edge | None = node
    while edge is not None:
        if type(edge.saved) is not Box:
            if strong:
                edge.rule = strong_rule(edge.rule)
            if guard is not None and edge.saved is not None:
                boxed = _remade(edge.saved, guard)
                edge.saved, edge.rule = Box(boxed), _boxed_rule(edge.rule)
        edge = edge.more
    return node


def _guard(modes: Modes | None, name: str, backend: Backend) -> Callable[[Any], Any] | None:
    """The function that wraps each saved value of the operation `name`; None if none is needed."""
    pack = modes.pack if modes is not None else None
    if modes is not None and pack is not None:
        unpack = modes.unpack

        def packed(x: Any) -> Any:
            if not _is_array(x, backend):
                return x
            with changed(pack=None, unpack=None):
                array = raw_of(x)
                like = tuple(array.shape), array.dtype
                around = _with_bottom(x, None) if is_variable(x) else None
                return _Packed(pack(_shown(array, backend)), name, unpack, like, around, backend)

        return packed
    return _watcher(modes, name, backend)


def _watcher(modes: Modes | None, name: str, backend: Backend) -> Callable[[Any], Any] | None:
    """The function that wraps each saved array so that changes are found; None if no mode and no
    library asks for it."""
    if modes is not None and modes.mutations:
        count: Callable[[Any], Any] = backend.adapter.checksum
        kind: type[Kept] = _Checked
    elif backend.adapter.writes is not None:
        count, kind = backend.adapter.writes, _Versioned
    else:
        return None

    def guarded(x: Any) -> Any:
        seen = count(raw_of(x)) if _is_array(x, backend) else None
        return x if seen is None else kind(x, name, seen)

    return guarded


def _is_array(x: Any, backend: Backend) -> bool:
    """Whether `x` is a raw array or Variable of `backend`."""
    return hasattr(x, "shape") and hasattr(x, "dtype") and backend_of(raw_of(x)) is backend


def _shown(array: Any, backend: Backend) -> Any:
    """A raw array in the form that the user's hook gets: an untracked Variable."""
    return wrap_untracked(array, backend)


def opened(saved: Any) -> Any:
    """`saved`, taken out of its Box if it is in one."""
    return saved.open() if type(saved) is Box else saved


def _boxed_rule(rule: Rule) -> Rule:
    """`rule` for an edge whose saved values are in a Box."""
    try:
        return rule.boxed
    except AttributeError:
        pull = rule.pull
        rule.boxed = made = rule.variant(lambda g, saved: pull(g, opened(saved)))
        made.boxed = made
        return made
