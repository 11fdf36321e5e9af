"""Modes: anomaly detection, saved-tensor hooks, strong zeros, and checks for changed arrays.

While one is on, the short cuts of `bind` are off, and every operation is recorded the long way. So
none of them costs anything while unused.
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
    """What is unusual in this thread and task; the state holds None where nothing is."""

    anomaly: bool = False
    check_nan: bool = False
    pack: Callable[[Any], Any] | None = None
    unpack: Callable[[Any], Any] | None = None
    mutations: bool = False
    strong: bool = False
    parent: Node | None = None  # under `anomaly`, the node that is being pulled through
    inside: Any = None  # the run of a checkpointed function that this is inside of


def inside() -> Any:
    """The run of a checkpointed function that we are directly inside of; None elsewhere."""
    modes = read().modes
    run = None if modes is None else modes.inside
    return None if run is None or run.below else run


def altered(state: State, facts: dict[str, Any]) -> State:
    """`state` with modes that have these `facts`."""
    found = dataclasses.replace(state.modes or Modes(), **facts)
    return state_of(state.level, state.off, None if found == Modes() else found)


class changed(Decorator):
    """A block in which the modes have these `facts`."""

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
    """What operations save goes through hooks: to disk, to another device, to fewer bits.

    For each array that an operation recorded in the block keeps for its gradient, ``pack_hook(v)``
    is called with an untracked Variable, and what it returns is kept instead. When a walk needs the
    array, ``unpack_hook(kept)`` returns it, as a Variable or an array of the same library and
    shape; the dtype is made what it was. As torch's; the innermost block counts. In transforms `v`
    is the array behind all levels, that of a whole batch under `vmap`.

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
    """Have changes of arrays that the graph still needs found.

    Raw operands are kept by reference. If one is changed in place after ``y = x * w`` and before
    ``y.backward()``, the gradient would be wrong. On torch, whose tensors count their changes, that
    is always an error. On other libraries it is one for what is recorded in this block; on torch
    the block finds the changes, too, that are not counted: those through torch's own ``w.data``,
    through a NumPy array of the same memory, and under ``torch.inference_mode``.

    Parameters
    ----------
    mutations : bool
        Take a checksum (CRC-32) of every array that is kept, and compare it when it is used. It
        reads each array twice more, at some 1 GB/s, and takes some 20 µs an operation.

    Raises
    ------
    RuntimeError
        In the walk: names the operation, and the array's shape and dtype.

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
