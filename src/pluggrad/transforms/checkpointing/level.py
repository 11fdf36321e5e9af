"""The level at which a checkpointed function runs.

From inside, all outer levels look like one: the arguments, and every outer Variable that the
function uses, become leaves of the checkpoint's level, whichever outer level they belong to.
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

    `enter` meets each outer Variable on its way into an operation, and replaces it by a leaf. The
    first run notes them as further inputs (`found`), in the order of first use. Later runs take
    their values from `given`, in the same order. A raw array of the caller cannot be told from one
    that the function makes; so the first run notes marks of all of them (`constants`), by which a
    later change is noticed, and does not keep the arrays.
    """

    __slots__ = ("below", "constants", "found", "given", "leaves", "level", "outer", "tracked",
                 "values_only")  # fmt: skip

    def __init__(self, level: Level, outer: Inside | None, given: Iterator[Any] | None) -> None:
        """`outer` is the run around this one, if any. `given` is None in the first run."""
        self.level, self.outer, self.given = level, outer, given
        self.values_only = False  # whether this run needs no gradients
        self.below = False  # whether an operation of this level is running one level down
        self.leaves: dict[Any, tuple[Any, Any]] = {}
        self.found: list[Any] = []
        self.tracked: list[bool] = []
        self.constants: dict[int, Any] = {}

    def made(self) -> list[Any]:
        """The leaves that `enter` made."""
        return [leaf for leaf, _ in self.leaves.values()]

    def leaf(self, value: Any, tracked: bool, birth: Level) -> Any:
        """A leaf of this level for an input; differentiable if `tracked` and floating-point."""
        backend = backend_of(value)
        assert backend is not None
        value = snapshot_of(value)
        v = wrap(value, None, self.level, backend)
        v._birth = birth
        if tracked and value.dtype in backend.float_dtypes:
            v._node = make_leaf(v)
        return v

    def outside(self, x: Any) -> bool:
        """Whether `x` is a Variable that comes from outside the function."""
        if not is_variable(x):
            return False
        if x._cell is not None and not x._cell.content._level.alive:
            return True  # a view into a value of a transform that has returned
        node = x._read()[1]  # reading first: a write can have moved a view to another level
        if x._level.contains(self.level):
            return False
        # An untracked Variable may be the function's own: then it was born at this level.
        return x._level is not ROOT or node is not None or not x._born.contains(self.level)

    def enter(self, x: Any, history: bool = True) -> Any:
        """`x`, or if it is an outer Variable, the leaf that stands for it here.

        Without `history` the leaf stands for the value of `x` alone, and carries no gradient to it.
        """
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
            # Keep `x` alive, so that no other object gets its id.
            self.leaves[key] = self.leaf(value, tracked, self.level.parent), x
        return self.leaves[key][0]

    def watch(self, x: Any) -> None:
        """Note a mark of the raw array `x` in this run and in those around, to notice changes."""
        run: Inside | None = self
        while run is not None and id(x) not in run.constants and (mark := marked(x)) is not None:
            run.constants[id(x)] = mark
            run = run.outer

    def own_value(self, y: Any) -> Any:
        """The result of an operation here, brought to this level if it belongs to another."""
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
        """Record an operation at this level."""
        with self.further_down():
            y = record(primitive, args, kwargs, raw, level, backend)
        return self.own_value(y)

    def further_down(self) -> _Below:
        """A block that works on values below this level: they do not enter as leaves."""
        return _Below(self)

    def refuse(self, v: Any, born: Level) -> None:
        """Raise if a Variable born at level `born`, about to be written, is an outer one."""
        if not born.contains(self.level):
            raise DifferentiationError(
                f"a Variable of shape {tuple(v.shape)} from around a checkpointed function was "
                "written inside it, and would be written again when it is computed again. Return "
                "the new value, or write into a copy."
            )


class _Below:
    """The block of `further_down`: sets `below`, and afterwards puts back what it was."""

    __slots__ = ("before", "run")

    def __init__(self, run: Inside) -> None:
        """Remember the mark that `run` has now."""
        self.run, self.before = run, run.below

    def __enter__(self) -> None:
        """Mark the run as working below its level."""
        self.run.below = True

    def __exit__(self, *exc_info: object) -> None:
        """Put back the mark from before the block."""
        self.run.below = self.before


class Checkpoint(Level):
    """The level of one `run` of a checkpointed function."""

    __slots__ = ("run",)

    run: Any

    @staticmethod
    def operate(primitive: Any, args: Any, kwargs: Any, raw: Any, level: Any, backend: Any) -> Any:
        """Run an operation at this level, by its run."""
        return level.run.operate(primitive, args, kwargs, raw, level, backend)


class run_inside(open_level):
    """A block that opens a level for one run of a checkpointed function, and gives the run."""

    __slots__ = ()

    _level: Checkpoint

    def __init__(self, given: Iterator[Any] | None) -> None:
        """`given` are the values of the outer Variables; None in the first run."""
        super().__init__(Checkpoint)
        self._level.run = Inside(self._level, inside(), given)

    def __enter__(self) -> Any:
        """Open the level, with its run as the innermost one."""
        put(altered(self._level.inside, {"inside": self._level.run}))
        return self._level.run

    def __exit__(self, *exc_info: object) -> None:
        """Close the level."""
        put(self._level.outside)
        self._level.run = None  # break the cycle: the run holds the level
        super().__exit__()


def stripped(x: Any) -> Any:
    """The value of `x` without history at any level; the batches of `vmap` stay."""
    if not is_variable(x):
        return x
    value = stripped(x._snapshot()._value)
    return value if not x._level.maps else batched(value, x._level, x._backend)


def _kind(x: Any) -> Any:
    """The rank and dtype of `x`, for a quick comparison."""
    # A Variable is not read: its level may have ended, while its rank and dtype never change.
    value = x._value if is_variable(x) else x
    return len(value.shape) - (is_variable(x) and x._level.maps), value.dtype


def another_path(what: str) -> DifferentiationError:
    """The error for a second run that differs from the first; `what` says how."""
    return DifferentiationError(
        f"a checkpointed function was computed again for its gradient, and {what}, unlike the "
        "first time. It must do the same each time it is called with the same arguments."
    )
