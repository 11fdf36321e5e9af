"""The backward walk: cotangents from the outputs down to the leaves.

`walk` visits each node once all cotangents that lead to it have arrived, hands the sum to the rule
on each edge, and passes the result on. It knows no operation, no shape and no dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..arrays.backend import SCALARS
from .anomaly import pull_with
from .cotangents import Scatter, Shares, Uniform, add, dense, own
from .graph import Edge, Node, count_uses, count_uses_towards
from .hooks import quietly, sending
from .levels import Level, read
from .record import part_of
from .saved import Box

__all__ = ["walk"]


def walk(
    cotangents: dict[Node, Any],
    *,
    targets: Iterable[Node] | None = None,
    uses: dict[Node, int] | None = None,
    retain: bool = False,
    lift: Callable[[Any, Node | None], Any] | None = None,
    in_place: type | None = None,
    quiet: Level | None = None,
) -> dict[Node, Any]:
    """Send `cotangents` (one per root node) down the graph; return what arrived at the ends.

    The ends are all leaves, or `targets` alone, and then only paths to them are walked (`uses`
    counts the edges on these, if the caller has done so already); and nodes on the way whose
    gradient is retained. With `retain`, saved values are kept for another walk. `lift(value, node)`
    makes a saved value a Variable again: given under ``create_graph``, so that what the rules
    compute is recorded. Arrays of type `in_place` may be added to in place where a rule has just
    made them. What hooks compute is not recorded at the level `quiet`.
    """
    ends: set[Node] = set() if targets is None else set(targets)
    if uses is None:
        uses = count_uses(cotangents) if targets is None else count_uses_towards(cotangents, ends)
    waiting = {node: g for node, g in cotangents.items() if node in uses}
    borrowed = set(waiting)  # nodes whose cotangent somebody else may hold, too
    ready = [node for node in waiting if not uses[node]]
    arrived: dict[Node, Any] = {}
    modes = read().modes
    unusual: Callable[[Edge, Node, Any], Any] | None = None  # how to pull, where it is not plain
    of_edge = lambda edge, node: _lifted(edge, node, lift)
    if modes is not None:
        unusual = pull_with(modes, of_edge)
    usual, watched = unusual, False
    node: Node | None = None
    while True:
        if node is None:
            if not ready:
                return arrived
            node = ready.pop()
            g = waiting.pop(node, None)
        if type(node) is not Node and g is not None:  # somebody looks at what arrives
            g = g.flush() if type(g) is Scatter else g  # so its buffer is written no longer
            for hook in tuple(node.extra.hooks):
                borrowed.add(node)  # a hook may keep what it sees, or return what somebody holds
                replaced = quietly(hook, quiet, dense(g))
                g = g if replaced is None else replaced
            watched = bool(node.extra.sent or node.extra.before) and _leads_on(node, uses)
            if node.extra.variable is not None or node in ends:
                arrived[node] = own(g) if node in borrowed else dense(g)
        elif ends and node in ends and g is not None:
            g = g.flush() if type(g) is Scatter else g
            arrived[node] = own(g) if node in borrowed else dense(g)
        if (node.parent is None and not watched) or (  # the end
            ends and node in ends and not _leads_on(node, uses)
        ):
            node = None
            continue
        one = False  # where it is known to be 1, a rule may return what it had saved
        kind = type(g)
        if kind is not in_place:
            if kind is Scatter and not node.rule.primitive.takes_scatter:
                g = g.flush()
            elif kind is Shares:
                g = tuple(g.items) if node.rule.primitive.partial else g.all()
            elif kind is Uniform:
                if _takes_uniform(node):
                    one = g.one
                else:
                    g = g.array()
        if watched:
            unusual = sending(node, g, usual or pull_with(None, of_edge), quiet)
        keep = retain or not node.rule.keeps
        following = None
        edge: Edge | None = node
        while edge is not None:
            parent = edge.parent
            rule = edge.rule
            if parent in uses:
                if g is None:
                    c = None
                elif unusual is None:
                    plain = lift is None or rule.sources is None
                    c = rule.pull(g, edge.saved if plain else _lifted(edge, node, lift))
                else:
                    c = unusual(edge, node, g)
                left = uses[parent] - 1
                if parent not in waiting:
                    if one or not rule.fresh:
                        borrowed.add(parent)
                    if not left and edge.more is None:
                        following = parent  # nothing else goes there: go on at once
                    elif c is not None:
                        waiting[parent] = c
                elif c is not None:
                    a = waiting[parent]
                    if rule.fresh and type(c) is in_place and type(a) is in_place and not one:
                        c += a
                        waiting[parent] = c
                    elif type(a) is Scatter:
                        waiting[parent] = a.merge(c.array() if type(c) is Uniform else c)
                    else:
                        waiting[parent] = add(a, c)
                    borrowed.discard(parent)
                uses[parent] = left
                if not left and following is None:
                    ready.append(parent)
            if not keep and lift is None:
                edge.rule, edge.saved = rule.freed, None
            edge = edge.more
        if not keep and lift is not None:
            node.free()
        if watched:
            unusual, watched = usual, False
        node = following
        if following is not None:
            g = c


def _leads_on(node: Node, uses: dict[Node, int]) -> bool:
    """Whether the walk passes `node`; where it only arrives, what is saved there stays."""
    return any([edge.parent in uses for edge in node.edges()])


def _takes_uniform(node: Node) -> bool:
    edge: Edge | None = node
    while edge is not None:
        rule = edge.rule
        if rule.is_careful or not rule.primitive.takes_uniform:
            return False
        edge = edge.more
    return True


def _lifted(edge: Edge, node: Node, lift: Callable[[Any, Node | None], Any] | None) -> Any:
    """`edge.saved` with each array a Variable again, at the place in the graph that it had.

    A saved input hangs on the node that its edge leads to, the saved output on `node` itself:
    so nodes keep plain arrays, without reference cycles, and nothing is lost.
    """
    rule, saved = edge.rule, edge.saved
    if type(saved) is Box:
        saved = saved.open()
    sources = rule.sources
    if sources is None or lift is None:
        return saved
    like: Any = None
    if rule.is_careful:
        saved, like = saved
    if type(sources) is tuple:
        lifted: Any = []
        for source, value in zip(sources, saved):
            known = source is None or type(value) in SCALARS
            lifted.append(value if known else _placed(source, value, edge, node, lift))
        lifted = tuple(lifted)
    else:
        lifted = _placed(sources, saved, edge, node, lift)
    return (lifted, like) if rule.is_careful else lifted


def _placed(
    source: Any, saved: Any, edge: Edge, node: Node, lift: Callable[[Any, Node | None], Any]
) -> Any:
    """One value that `edge` of `node` has saved, by what it is: see `Rule.sources`."""
    if type(source) is int:
        if source == edge.rule.position:
            return lift(saved, edge.parent)
        other: Edge | None = node
        while other is not None:
            if other.rule.position == source:
                return lift(saved, other.parent)
            other = other.more
        return lift(saved, None)
    if source == "call":  # an operation of the user's
        return saved.lifted(node, lift)
    if source == "args":
        return tuple([_placed(i, value, edge, node, lift) for i, value in enumerate(saved)])
    if not isinstance(saved, tuple):  # the output
        return lift(saved, node)
    parts = [lift(item, part_of(node, saved, i)) for i, item in enumerate(saved)]
    return type(saved)(*parts) if hasattr(saved, "_fields") else type(saved)(parts)
