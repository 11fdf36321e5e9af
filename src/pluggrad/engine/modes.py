"""Modes: anomaly detection, saved-tensor hooks, strong zeros, and checks for changed arrays.

While any mode is on, the short cuts are off and every operation is recorded the general way. So
modes cost nothing while they are unused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..decorator import Decorator
from .graph import Node
from .levels import State, put, read, state_of

__all__ = ["Modes", "altered", "changed", "debug", "inside", "saved_tensors_hooks"]


@dataclasses.dataclass(frozen=True)
class Modes:
    """The modes of this thread and task. While none is on, the state holds None instead."""

    anomaly: bool = False
    check_nan: bool = False
    pack: Callable[[Any], Any] | None = None
    unpack: Callable[[Any], Any] | None = None
    mutations: bool = False
    strong: bool = False
    profile: Any = None  # what notes the time of each operation, see `tools.profiling`
    parent: Node | None = None  # under `anomaly`, the node that is being pulled through
    inside: Any = None  # the innermost running checkpoint


def inside() -> Any:
    """The innermost running checkpoint, or None. (Also None while it computes at the levels
    below.)"""
    modes = read().modes
    run = None if modes is None else modes.inside
    return None if run is None or run.below else run


def altered(state: State, facts: dict[str, Any]) -> State:
    """`state`, with the fields `facts` of its modes changed."""
    found = dataclasses.replace(state.modes or Modes(), **facts)
    return state_of(state.level, state.off, None if found == Modes() else found)


class changed(Decorator):
    """A block, or decorated function, in which the fields `facts` of the modes are changed."""

    _get: Any = staticmethod(read)
    _set: Any = staticmethod(put)

    def __init__(self, **facts: Any) -> None:
        self._facts = facts
        self._before = []

    def _on(self, state: State) -> tuple[State, dict[str, Any]]:
        modes = state.modes or Modes()
        return altered(state, self._facts), {name: getattr(modes, name) for name in self._facts}

    def _off(self, state: State, before: dict[str, Any]) -> State:
        return altered(state, before)

    def _again(self) -> changed:
        return changed(**self._facts)


# ---------------------------------------------------------------- what users switch on


def saved_tensors_hooks(
    pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]
) -> changed:
    """Pass saved arrays through hooks, which may move them to disk or compress them.

    For each array that an operation in the block saves for its gradient, ``pack_hook(v)`` is called
    with an untracked Variable, and its result is saved instead. When a walk needs the array,
    ``unpack_hook(packed)`` returns it, as a Variable or an array of the same library and shape; it
    is cast to its former dtype. This works as in torch; of nested blocks, the innermost counts.
    Inside transforms `v` holds the array below all levels; under `vmap`, that of the whole batch.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    >>> with pg.autograd.saved_tensors_hooks(lambda v: v.tolist(), np.asarray):
    ...     y = pg.sum(pg.exp(x))
    >>> y.backward()
    >>> x.grad.data.round(2)
    array([2.72, 7.39])
    """
    return changed(pack=pack_hook, unpack=unpack_hook)


def debug(mutations: bool = True) -> changed:
    """Find arrays that were changed in place while the graph still needs them.

    Raw operands are saved by reference. If one is changed in place after ``y = x * w`` and before
    ``y.backward()``, the gradient would be wrong. On torch, whose tensors count their changes, the
    walk always raises. On other libraries it raises for operations recorded in this block. On torch
    the block also finds changes that torch does not count: those through its own ``w.data``,
    through a NumPy array that shares the memory, and under ``torch.inference_mode``.

    Parameters
    ----------
    mutations : bool
        Take a checksum (CRC-32) of every saved array, and compare it when the array is used. This
        reads each array twice more, at about 1 GB/s, and costs about 20 µs per operation.

    Raises
    ------
    RuntimeError
        During the walk: names the operation, and the array's shape and dtype.

    >>> import numpy as np, pluggrad as pg
    >>> x, w = pg.Variable(np.ones(2), requires_grad=True), np.asarray([2.0, 3.0])
    >>> with pg.debug(mutations=True):
    ...     y = pg.sum(x * w)
    >>> w[:] = 0
    >>> try:
    ...     y.backward()
    ... except RuntimeError as error:
    ...     print(str(error).split(",")[0])
    an array that 'multiply' had saved for its gradient
    """
    return changed(mutations=bool(mutations))
