"""Anomaly detection: errors in a walk show where the operation was called, and nan is found."""

from __future__ import annotations

import dataclasses
import math
import traceback
from collections.abc import Callable
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import xp
from ..decorator import AtOnce
from ..errors import AnomalyError
from .graph import Edge, Node
from .handles import raw_of
from .lazy_cotangents import parts_of
from .levels import read
from .modes import Modes, changed
from .strong_zeros import strong_rule

__all__ = ["callers", "check_made", "detect_anomaly", "pull_with", "set_detect_anomaly"]


def detect_anomaly(check_nan: bool = True) -> changed:
    """Make errors in the backward walk show where the operation was called, as in torch.

    Operations recorded in the block remember the lines that called them (in
    ``grad_fn.metadata["traceback"]``). If the rule of such an operation raises in a walk, and the
    walk is made in such a block too, the error shows these lines. A rule that turns a finite
    cotangent into nan or infinity is an error, too.

    Parameters
    ----------
    check_nan : bool
        Look for nan and infinity. This reads the values of each cotangent, so lazy arrays are
        computed.

    Raises
    ------
    RuntimeError
        In the walk, with `check_nan`: names the operation, and the line that called it.

    Operations that a derivative records, as under ``create_graph``, also show the operation whose
    derivative they belong to. Forward mode is checked for nan and infinity, too.

    Recording becomes several times slower, so use it only to find errors.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.zeros(2), requires_grad=True)
    >>> with pg.autograd.detect_anomaly():
    ...     y = pg.sum(pg.sqrt(x))
    ...     try:
    ...         y.backward()
    ...     except RuntimeError as error:
    ...         print(str(error).splitlines()[0])
    the derivative of 'sqrt' by input 0 has inf at 2 of 2 elements
    """
    return changed(anomaly=True, check_nan=bool(check_nan))


class set_detect_anomaly(AtOnce, changed):
    """Switch `detect_anomaly` on or off by a flag: at once, or, as a context manager, for the
    block. It holds for this thread and async task.

    >>> import pluggrad as pg
    >>> with pg.autograd.set_detect_anomaly(True):
    ...     y = pg.exp(pg.Variable(1.0, requires_grad=True))
    >>> "traceback" in y.grad_fn.metadata
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._facts = {"anomaly": bool(mode), "check_nan": bool(mode and check_nan)}
        self._start()


def pull_with(
    modes: Modes | None, saved_of: Callable[[Edge, Node], Any]
) -> Callable[[Edge, Node, Any], Any]:
    """The function with which the walk pulls a cotangent through an edge, under `modes`.

    ``saved_of(edge, node)`` gives the saved values of the edge.
    """
    if modes is not None and modes.profile is not None:
        return _timed(modes, saved_of)
    if modes is None or not (modes.strong or modes.anomaly):
        return lambda edge, node, g: edge.rule.pull(g, saved_of(edge, node))
    anomaly, check_nan, strong = modes.anomaly, modes.check_nan, modes.strong

    def pull(edge: Edge, node: Node, g: Any) -> Any:
        rule = strong_rule(edge.rule) if strong else edge.rule
        if not anomaly:
            return rule.pull(g, saved_of(edge, node))
        try:
            with changed(parent=node):
                c = rule.pull(g, saved_of(edge, node))
        except Exception as error:
            if not isinstance(error, AnomalyError):
                where = _called(_facts(node))
                error.add_note(f"in the backward of {rule.primitive.name!r}, {where}")
            raise
        if check_nan and (bad := _made_bad(g, c)):
            raise AnomalyError(
                f"the derivative of {rule.primitive.name!r} by input {rule.position} has {bad}\n"
                f"{_called(_facts(node))}"
            )
        return c

    return pull


def _timed(modes: Modes, saved_of: Callable[[Edge, Node], Any]) -> Callable[..., Any]:
    """The pull under the other modes, whose time `modes.profile` notes."""
    pull = pull_with(dataclasses.replace(modes, profile=None), saved_of)

    def timed(edge: Edge, node: Node, g: Any) -> Any:
        name = edge.rule.primitive.name
        c: Any = modes.profile.timed(name, "backward", pull)(edge, node, g)
        return c

    return timed


def check_made(what: str, given: Any, made: Any) -> None:
    """Under `detect_anomaly`, raise if `made`, which `what` computed from `given`, has new nan or
    infinities."""
    modes: Modes | None = read().modes
    if modes is not None and modes.check_nan and (bad := _made_bad(given, made)):
        where = _called({"traceback": callers(), "parent": modes.parent})
        raise AnomalyError(f"{what} has {bad}\n{where}")


def _made_bad(given: Any, made: Any) -> str:
    """A phrase that says how many nan or infinities `made` has; empty if it has none, or if `given`
    has some."""
    if any([_count_bad(x)[1] for x in parts_of(given)]):
        return ""
    for part in parts_of(made):
        nan, bad = _count_bad(part)
        if bad:
            size = math.prod(raw_of(part).shape)
            return f"{'nan' if nan else 'inf'} at {bad} of {size} elements"
    return ""


def _count_bad(x: Any) -> tuple[int, int]:
    """How many elements of `x` are nan, and how many are nan or infinite."""
    x = raw_of(x)
    total = [xp.sum(xp.astype(f(x), _integers(x))) for f in (xp.isnan, xp.isfinite)]
    nan, finite = int(total[0]), int(total[1])
    return nan, math.prod(x.shape) - finite


def _integers(x: Any) -> Any:
    """The int64 dtype of the library of `x`."""
    backend = backend_of(x)
    assert backend is not None
    return backend.xp.int64


def callers() -> list[str]:
    """The formatted stack of this call, without pluggrad's own lines."""
    frames = [
        (frame, line) for frame, line in traceback.walk_stack(None)
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("pluggrad", "contextlib")
    ]  # fmt: skip
    return traceback.StackSummary.extract(iter(frames[::-1]), lookup_lines=False).format()


def _facts(node: Node) -> dict[Any, Any]:
    """The metadata of `node`, empty if it has none."""
    extra = getattr(node, "extra", None)
    return {} if extra is None else extra.metadata


def _called(facts: dict[Any, Any]) -> str:
    """A text that says where the node with the metadata `facts` was recorded, and whose derivative
    it is part of."""
    if "traceback" not in facts:
        return (
            "recorded outside of detect_anomaly: have the forward computation inside, too, to see "
            "where it was called"
        )
    text = "called here (most recent call last):\n" + "".join(facts["traceback"]).rstrip()
    parent = facts.get("parent")
    if parent is not None:
        where = _called(_facts(parent))
        text += f"\nin the derivative of {parent.rule.primitive.name!r}, {where}"
    return text
