"""Hooks on nodes: calling them with cotangents, and checking the cotangents they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable
from ..errors import InvalidArgumentError
from .arguments import of_backend
from .cotangents import same_shape
from .grad_mode import recorded
from .graph import Edge, Node
from .handles import wrap
from .lazy_cotangents import dense, own
from .levels import ROOT, VOLATILE, Level, during

__all__ = ["quietly", "received", "sending"]


def quietly(hook: Callable[..., Any], level: Level | None, *args: Any) -> Any:
    """Call a hook without recording at `level` (None: record as usual)."""
    if level is None:
        return hook(*args)
    return during(recorded(level, False), hook, *args)


def received(node: Node, g: Any, quiet: Level | None) -> Any:
    """The cotangent after the node's pre-hooks."""
    several = isinstance(g, tuple)
    items: Sequence[Any] = [x if x is None else dense(x) for x in (g if several else (g,))]
    for hook in tuple(node.extra.before or ()):
        answer = quietly(hook, quiet, tuple([_shown(x) for x in items]))
        if answer is not None:
            items = _accepted(answer, items)
    return tuple(items) if several else items[0]


def sending(
    node: Node, g: Any, pull: Callable[[Edge, Node, Any], Any], quiet: Level | None
) -> Callable[[Edge, Node, Any], Any]:
    """The `pull` for a node with hooks of its own. The hooks must see the gradients of all edges
    together, so all edges are pulled now, and the returned function looks the gradients up."""
    if node.extra.before:
        g = received(node, g, quiet)
    edges = list(node.edges())
    sent = [pull(edge, node, g) for edge in edges]
    if node.extra.sent:
        _hooked(node, g, sent, quiet)
    by_edge = dict(zip(edges, sent, strict=True))
    return lambda edge, node, g: by_edge[edge]


def _hooked(node: Node, g: Any, sent: list[Any], quiet: Level | None) -> None:
    """Run the node's hooks on the gradients that it sends along its edges; change these in
    `sent`."""
    together = len(sent) == 1 and hasattr(sent[0], "gradients")  # a custom operation's
    items = list(sent[0].gradients) if together else [c if c is None else dense(c) for c in sent]
    arrived = tuple([_shown(x) for x in (g if isinstance(g, tuple) else (g,))])
    for hook in tuple(node.extra.sent or ()):
        answer = quietly(hook, quiet, tuple([_shown(x) for x in items]), arrived)
        if answer is not None:
            items = _accepted(answer, items)
    items = [x if x is None else own(x) for x in items]  # the hooks may have kept these arrays
    if together:
        sent[0].gradients = items
    else:
        sent[:] = items


def _shown(g: Any) -> Any:
    """A cotangent in the form that hooks get: a Variable, or None."""
    if g is None or is_variable(g):
        return g
    g = dense(g)
    backend = backend_of(g)
    return g if backend is None else wrap(g, None, ROOT, backend)


def _accepted(answer: Any, items: Sequence[Any]) -> list[Any]:
    """The gradients that a hook returned, checked against those it was given (`items`) and in the
    same form."""
    answer = tuple(answer) if isinstance(answer, (tuple, list)) else (answer,)
    if len(answer) != len(items):
        raise InvalidArgumentError(f"a hook returned {len(answer)} gradients, not {len(items)}")
    found = []
    for new, old in zip(answer, items, strict=True):
        if old is None or new is None:
            found.append(old)
            continue
        backend = backend_of(old)
        assert backend is not None
        new = of_backend(new, backend, "a hook returned", "for a gradient")
        if not same_shape(new.shape, old.shape) or new.dtype != old.dtype:
            raise InvalidArgumentError(
                f"a hook returned a gradient of shape {tuple(new.shape)} and dtype {new.dtype} for "
                f"one of shape {tuple(old.shape)} and dtype {old.dtype}"
            )
        if is_variable(new) and not is_variable(old):
            new = new._snapshot()
            if new._node is None and new._level in (ROOT, VOLATILE):  # no level tracks or maps it
                new = new._value
        found.append(new)
    return found
