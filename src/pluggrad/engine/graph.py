"""The graph: a Node per recorded operation, an Edge per input that needs a gradient.

A Node is its own first edge; its further edges hang on it as a linked list. Recording stays cheap
because an operation with one tracked input costs one garbage-collected object, without tuples or
closures.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import DifferentiationError
from .primitive import Rule

__all__ = [
    "Edge",
    "Extra",
    "HookedNode",
    "LeafNode",
    "Node",
    "RemovableHandle",
    "add_hook",
    "watch",
]


class Edge:
    """How a cotangent `g` travels to one input: `rule.pull(g, saved)` arrives at `parent`."""

    __slots__ = ("more", "parent", "rule", "saved")

    rule: Rule
    saved: Any
    parent: Node | None
    more: Edge | None


class Extra:
    """What only a few nodes need, kept apart so that other nodes stay small.

    Four lists of hooks: `hooks` on the cotangent that arrives, `before` (pre-hooks of the node),
    `sent` (on the gradients it sends on), and, at a leaf, `after` (once its `grad` has changed).
    Also a weak reference to the `variable` whose `grad` is wanted, and the user's `metadata`.
    """

    __slots__ = ("after", "before", "hooks", "metadata", "sent", "variable")

    def __init__(self) -> None:
        self.hooks: list[Any] = []
        self.before: list[Any] | None = None
        self.sent: list[Any] | None = None
        self.after: list[Any] | None = None
        self.metadata: dict[Any, Any] = {}
        self.variable: weakref.ref[Any] | None = None


class Node(Edge):
    """One recorded operation; what `Variable.grad_fn` shows.

    `name()` and `next_functions` read like torch's; `metadata` is a dict for the user's own notes.
    """

    __slots__ = ("__weakref__", "extra")

    extra: Extra

    def __reduce__(self) -> Any:
        """Refused: pickle takes functions and leaves, and no graph."""
        raise DifferentiationError(
            "the graph cannot be pickled, and so neither can what `vjp` and `linearize` return; "
            "send the function, and differentiate it where it arrives"
        )

    def name(self) -> str:
        """The operation's name in torch's style, such as ``MultiplyBackward``."""
        words = self.rule.primitive.name.replace(".", "_").split("_")
        return "".join(word[:1].upper() + word[1:] for word in words) + "Backward"

    def edges(self) -> Iterator[Edge]:
        """This node's edges, one per input that needs a gradient."""
        edge: Edge | None = self
        while edge is not None and edge.parent is not None:
            yield edge
            edge = edge.more

    def free(self) -> None:
        """Drop the saved values; a later walk through this node raises GraphFreedError.

        The edges stay, so that a later walk still knows which paths lead through this node.
        """
        edge: Edge | None = self
        while edge is not None:
            edge.rule, edge.saved = edge.rule.freed, None
            edge = edge.more

    @property
    def next_functions(self) -> tuple[tuple[Node, int], ...]:
        """The nodes that cotangents go to next, as in torch: pairs of (node, output number)."""
        node: Node = self
        if self.rule.primitive.is_call and self.parent is not None:
            node = self.parent  # the node that hands each input its gradient
        return tuple([edge.parent.shown() for edge in node.edges() if edge.parent is not None])

    def shown(self) -> tuple[Node, int]:
        """The operation's node, and which of its outputs this node stands for."""
        if self.rule.primitive.is_part and self.parent is not None:
            return self.parent, self.saved[0]
        return self, 0

    def more_of(self) -> Extra:
        """The node's `extra`, made on first use (ordinary recording never makes one)."""
        try:
            return self.extra
        except AttributeError:
            self.extra = Extra()
            return self.extra

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dict that lives as long as the node, for the user's own notes."""
        return self.more_of().metadata

    def register_prehook(self, hook: Callable[[tuple[Any, ...]], Any]) -> RemovableHandle:
        """Have ``hook(grad_outputs)`` called before each walk passes this node.

        `grad_outputs` is a tuple of Variables, one per output of the operation, None for outputs
        that are not used. The hook may return another such tuple, of the same shapes. It runs after
        the hooks of Variables. Returns a handle whose `remove()` takes the hook away.

        >>> import numpy as np, pluggrad as pg
        >>> x = pg.Variable(np.asarray(3.0), requires_grad=True)
        >>> y = x * x
        >>> handle = y.grad_fn.register_prehook(lambda gs: (10 * gs[0],))
        >>> y.backward()
        >>> x.grad.item()
        60.0
        """
        extra = watch(self)
        if extra.before is None:
            extra.before = []
        extra.before.append(hook)
        return RemovableHandle(extra.before, hook)

    def register_hook(self, hook: Callable[[tuple[Any, ...], tuple[Any, ...]], Any]) -> Any:
        """Have ``hook(grad_inputs, grad_outputs)`` called after each walk has passed this node.

        `grad_inputs` is a tuple of Variables (None where nothing arrives), one per entry of
        `next_functions`. The hook may return another such tuple. At a leaf the tuple is empty, and
        the hook runs after `grad` has changed. Returns a handle whose `remove()` takes the hook
        away.

        >>> import numpy as np, pluggrad as pg
        >>> x = pg.Variable(np.asarray(3.0), requires_grad=True)
        >>> y = x * 2
        >>> handle = y.grad_fn.register_hook(lambda sent, arrived: (-sent[0],))
        >>> y.backward()
        >>> x.grad.item()
        -2.0
        """
        extra = watch(self)
        if extra.sent is None:
            extra.sent = []
        extra.sent.append(hook)
        return RemovableHandle(extra.sent, hook)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class HookedNode(Node):
    """A Node that the walk must stop at, because a hook or `retain_grad` wants its cotangent. A
    Node becomes one (see `watch`) with its first hook, or by `retain_grad`."""

    __slots__ = ()


class LeafNode(HookedNode):
    """Where a walk ends: `backward` adds the cotangent that arrives here to the leaf's `.grad`. The
    reference to the leaf is weak."""

    __slots__ = ()

    @property
    def variable(self) -> Any:
        """The leaf, or None if it no longer exists."""
        return None if self.extra.variable is None else self.extra.variable()

    def name(self) -> str:
        """``AccumulateGrad``, as in torch."""
        return "AccumulateGrad"


class RemovableHandle:
    """Returned when a hook is registered; `remove()` takes the hook away, as in torch."""

    __slots__ = ("_hook", "_hooks")

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        for place, hook in enumerate(self._hooks):
            if hook is self._hook:
                del self._hooks[place]
                return

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def watch(node: Node) -> Extra:
    """Make the walk stop at `node`; return its `extra`, for hooks to be added."""
    extra = node.more_of()
    if type(node) is Node:
        node.__class__ = HookedNode
    return extra


def add_hook(node: Node, hook: Callable[..., Any]) -> RemovableHandle:
    """Have `hook` called with each cotangent that arrives at `node`."""
    hooks = watch(node).hooks
    hooks.append(hook)
    return RemovableHandle(hooks, hook)
