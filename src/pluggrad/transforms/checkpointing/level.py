"""The level at which a checkpointed function runs.

`Inside` stands for all levels outside of it: the arguments, and every tracked Variable that the
function finds around itself, become leaves there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...arrays.backend import backend_of
from ...arrays.dispatch import is_variable
from ...engine.batch import batched
from ...engine.handles import is_tracked, snapshot_of, wrap
from ...engine.levels import ROOT, Level, open_level, put
from ...engine.modes import altered, inside
from ...engine.record import make_leaf, record
from ...engine.saved import marked
from ...errors import DifferentiationError

__all__ = ["Inside", "another_path", "run_inside", "stripped"]


class Inside:
    """One run of a checkpointed function: its level, and the leaves there.

    Variables from around it are met on the way into an operation (`enter`). In the first run each
    is taken down as one more input, in the order of first use; in later runs they are replaced by
    what is `given` for them, in the same order. Raw arrays cannot be told from those that the
    function makes: the first run takes down how they are (`constants`), and does not keep them.
    """

    __slots__ = ("below", "constants", "found", "given", "leaves", "level", "outer", "tracked",
                 "values_only")  # fmt: skip

    def __init__(self, level: Level, outer: Inside | None, given: Iterator[Any] | None) -> None:
        self.level, self.outer, self.given = level, outer, given
        self.values_only = False  # whether no gradient is taken of this run
        self.below = False  # while an operation is taken further down
        self.leaves: dict[Any, tuple[Any, Any]] = {}
        self.found: list[Any] = []
        self.tracked: list[bool] = []
        self.constants: dict[int, Any] = {}

    def leaf(self, value: Any, tracked: bool, birth: Level) -> Any:
        """A Variable of this level for an input."""
        backend = backend_of(value)
        assert backend is not None
        value = snapshot_of(value)
        v = wrap(value, None, self.level, backend)
        v._birth = birth
        if tracked and value.dtype in backend.float_dtypes:
            v._node = make_leaf(v)
        return v

    def outside(self, x: Any) -> bool:
        """Whether `x` is a Variable from around the function."""
        if not is_variable(x):
            return False
        if x._cell is not None and not x._cell.content._level.alive:
            return True  # a view of what a transform made that has returned by now
        node = x._read()[1]  # a view may only now belong to the level of what was written
        if x._level.contains(self.level):
            return False
        # What has no history may have been made by the function itself.
        return x._level is not ROOT or node is not None or not x._born.contains(self.level)

    def enter(self, x: Any, history: bool = True) -> Any:
        """`x`, or the leaf that stands for it here, or for its value alone."""
        if not self.outside(x):
            if self.given is None and not is_variable(x):
                self.watch(x)
            return x
        key = id(x), history
        if key not in self.leaves:
            assert self.level.parent is not None
            if self.given is None:
                around = x if self.outer is None else self.outer.enter(x, history)
                snapshot = around._snapshot()
                if not history:
                    snapshot._node = None
                self.found.append(snapshot)
                value = stripped(snapshot)
                tracked = is_tracked(snapshot)
            else:
                value, tracked = next(self.given, (None, False))
                if value is None or _kind(value) != _kind(x):
                    raise another_path(f"it used another Variable, of shape {tuple(x.shape)}")
            self.tracked.append(tracked)
            # `x` is kept, so that no other object takes over its id
            self.leaves[key] = self.leaf(value, tracked, self.level.parent), x
        return self.leaves[key][0]

    def watch(self, x: Any) -> None:
        """Take down how the raw array `x` is, here and in the runs around."""
        run: Inside | None = self
        while run is not None and id(x) not in run.constants and (mark := marked(x)) is not None:
            run.constants[id(x)] = mark
            run = run.outer

    def own_value(self, y: Any) -> Any:
        """The result of an operation at this level, also if it is untracked, at this level."""
        if isinstance(y, (tuple, list)) and not hasattr(y, "shape"):
            items = [self.own_value(item) for item in y]
            return type(y)(*items) if hasattr(y, "_fields") else type(y)(items)
        if not is_variable(y) or y._level is self.level:
            return y
        if y._level is ROOT and y._read()[1] is None:
            return y
        return self.constant(y)

    def constant(self, y: Any) -> Any:
        """The value of `y`, without history at any level."""
        backend, value = y._backend, stripped(y)
        return wrap(value, None, self.level if is_variable(value) else ROOT, backend)

    def operate(
        self, primitive: Any, args: Any, kwargs: Any, raw: Any, level: Level, backend: Any
    ) -> Any:
        """An operation at this level."""
        with self.further_down():
            y = record(primitive, args, kwargs, raw, level, backend)
        return self.own_value(y)

    def further_down(self) -> _Below:
        """A block in which what is met are values below this level."""
        return _Below(self)

    def refuse(self, v: Any, born: Level) -> None:
        """Raise if what is born at that level is not the function's own."""
        if not born.contains(self.level):
            raise DifferentiationError(
                f"a Variable of shape {tuple(v.shape)} from around a checkpointed function was "
                "written inside it, and would be written again when it is computed again. Return "
                "the new value, or write into a copy."
            )


class _Below:
    __slots__ = ("before", "run")

    def __init__(self, run: Inside) -> None:
        self.run, self.before = run, run.below

    def __enter__(self) -> None:
        self.run.below = True

    def __exit__(self, *exc_info: object) -> None:
        self.run.below = self.before


class Checkpoint(Level):
    """The level of one `run` of a checkpointed function."""

    __slots__ = ("run",)

    run: Any

    @staticmethod
    def operate(primitive: Any, args: Any, kwargs: Any, raw: Any, level: Any, backend: Any) -> Any:
        """An operation at this level."""
        return level.run.operate(primitive, args, kwargs, raw, level, backend)


class run_inside(open_level):
    """A block at a new level, that of the run which it gives."""

    __slots__ = ()

    _level: Checkpoint

    def __init__(self, given: Iterator[Any] | None) -> None:
        super().__init__(Checkpoint)
        self._level.run = Inside(self._level, inside(), given)

    def __enter__(self) -> Any:
        put(altered(self._level.inside, {"inside": self._level.run}))
        return self._level.run

    def __exit__(self, *exc_info: object) -> None:
        put(self._level.outside)
        self._level.run = None  # which holds the level
        super().__exit__()


def stripped(x: Any) -> Any:
    """The value of `x` without history at any level; batches of `vmap` stay."""
    if not is_variable(x):
        return x
    value = stripped(x._snapshot()._value)
    return value if not x._level.maps else batched(value, x._level, x._backend)


def _kind(x: Any) -> Any:
    # Of a Variable, without reading it: its shape stays, and it may be of a level that has ended.
    value = x._value if is_variable(x) else x
    return len(value.shape) - (is_variable(x) and x._level.maps), value.dtype


def another_path(what: str) -> DifferentiationError:
    return DifferentiationError(
        f"a checkpointed function was computed again for its gradient, and {what}, unlike the "
        "first time. It must do the same each time it is called with the same arguments."
    )
