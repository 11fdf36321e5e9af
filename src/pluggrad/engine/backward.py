"""The backward walk: it takes cotangents from the outputs down to the leaves.

`walk` visits a node once all its cotangents have arrived, gives their sum to the rule on each edge,
and passes the result on to the next node. It knows no operation, no shape and no dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..arrays.backend import SCALARS, VARIABLES, Backend
from ..arrays.dispatch import is_variable
from ..arrays.tracers import ACTIVE
from .adopted import NAMES
from .anomaly import pull_with
from .graph import Edge, Node
from .handles import wrap
from .hooks import quietly, sending
from .lazy_cotangents import LazyCotangent, Scatter, Uniform, add, dense, own
from .levels import ROOT, Level, read
from .record import part_of
from .saved import Box
from .strong_zeros import pull_in_adopted

__all__ = [
    "among_variables",
    "count_uses",
    "count_uses_towards",
    "in_place_type",
    "nodes_below",
    "walk",
]


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
    """Send `cotangents` (one per root node) down the graph; return the cotangents at the ends.

    The ends are all leaves, or only `targets`; then only paths to these are walked. Nodes whose
    gradient is retained count as ends, too. A node's cotangents are added up in `waiting` until
    those of all its uses have arrived; then the walk passes the node.

    `uses` counts, for each node to be walked, the edges that lead to it, if the caller has counted
    already. With `retain`, saved values are kept for another walk. `lift(value, node)` makes a
    saved value a Variable again; under ``create_graph`` it does so for every value, so that what
    the rules compute is recorded. Arrays of type `in_place` may be added to in place if a rule has
    just made them. At the level `quiet`, the computations of hooks are not recorded.
    """
    ends: set[Node] = set() if targets is None else set(targets)
    if uses is None:
        uses = count_uses(cotangents) if targets is None else count_uses_towards(cotangents, ends)
    waiting = {node: g for node, g in cotangents.items() if node in uses}
    borrowed = set(waiting)  # nodes whose cotangent may be shared: never added to in place
    ready = [node for node in waiting if not uses[node]]
    arrived: dict[Node, Any] = {}
    modes = read().modes
    of_edge = lambda edge, node: _lifted(edge, node, lift)
    #: Replaces `rule.pull` while a mode is on.
    unusual = None if modes is None else pull_with(modes, of_edge)
    if NAMES and modes is None:
        unusual = pull_in_adopted(of_edge)
    # Whether nodes in a row can be passed quickly: those that get arrays of this type.
    quick = in_place if targets is None and unusual is None and lift is None else None
    node: Node | None = None
    while True:
        if node is None:
            if not ready:
                return arrived
            node = ready.pop()
            g = waiting.pop(node, None)
        # For speed: nodes in a row, of one edge each, need nothing of what follows.
        while type(g) is quick and type(node) is Node and node.more is None:
            parent = node.parent
            if parent is None or uses[parent] != 1 or (waiting and parent in waiting):
                break
            rule = node.rule
            g = rule.pull(g, node.saved)
            if rule.keeps and not retain:
                node.rule, node.saved = rule.freed, None
            node = parent
            if not rule.fresh and type(node) is not Node:
                borrowed.add(node)
        pull, passes, watched = unusual, node.parent is not None, False
        if type(node) is not Node or (ends and node in ends):
            g = _arrive(node, g, node in ends, arrived, borrowed, quiet)
            if passes:
                leads_on = any([edge.parent in uses for edge in node.edges()])
                watched = leads_on and type(node) is not Node and g is not None and _sends(node)
                passes = leads_on or node not in ends
        if not passes:  # the walk ends here and pulls nothing, so saved values stay
            node = None
            continue
        one = False  # whether g is known to be 1; then a rule may return a saved array itself
        if type(g) is not in_place and isinstance(g, LazyCotangent):
            g = g.for_rules_of(node)
            one = type(g) is Uniform and g.one
        if watched:
            pull = sending(node, g, unusual or pull_with(None, of_edge), quiet)
        keep = retain or not node.rule.keeps
        following = None
        edge: Edge | None = node
        while edge is not None:
            parent = edge.parent
            rule = edge.rule
            if parent in uses:
                if g is None:
                    c = None
                elif pull is None:
                    plain = lift is None or rule.sources is None
                    c = rule.pull(g, edge.saved if plain else _lifted(edge, node, lift))
                else:
                    c = pull(edge, node, g)
                left = uses[parent] - 1
                if parent not in waiting:
                    if one or not rule.fresh:
                        borrowed.add(parent)
                    if not left and edge.more is None:
                        following = parent  # no other edge leads there: go on at once
                    elif c is not None:
                        waiting[parent] = c
                elif c is not None:
                    a = waiting[parent]
                    if rule.fresh and type(c) is in_place and type(a) is in_place and not one:
                        c += a
                        waiting[parent] = c
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
        node = following
        if following is not None:
            g = c


def _arrive(
    node: Any, g: Any, is_end: bool, arrived: dict[Node, Any], borrowed: set[Node],
    quiet: Level | None,
) -> Any:  # fmt: skip
    """The cotangent `g` of `node` after its hooks, which is also put into `arrived` if it is
    wanted."""
    if g is None:
        return None
    if type(g) is Scatter:  # hooks or the caller will see it: no more writes to its buffer
        g = g.dense()
    if type(node) is not Node:
        for hook in tuple(node.extra.hooks):
            borrowed.add(node)  # a hook may keep the array it sees, or return a shared one
            replaced = quietly(hook, quiet, dense(g))
            g = g if replaced is None else replaced
        is_end = is_end or node.extra.variable is not None
    if is_end:
        arrived[node] = own(g) if node in borrowed else dense(g)
    return g


def _sends(node: Any) -> bool:
    """Whether `node` has hooks of its own (not of its Variable): before it, or on what it sends."""
    return bool(node.extra.sent or node.extra.before)


def _lifted(edge: Edge, node: Node, lift: Callable[[Any, Node | None], Any] | None) -> Any:
    """`edge.saved` with each array a Variable again, at its node in the graph.

    A saved input belongs to the node that its edge leads to, and the saved output to `node` itself.
    So nodes can save plain arrays, without reference cycles, and their places can still be found.
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
    """One value that `edge` of `node` has saved, as a Variable at its node in the graph. `source`
    says where that is (see `_sources` in `primitive`)."""
    if type(source) is int:
        if source == edge.rule.position:
            return lift(saved, edge.parent)
        other: Edge | None = node
        while other is not None:
            if other.rule.position == source:
                return lift(saved, other.parent)
            other = other.more
        return lift(saved, None)
    if source == "call":  # a custom operation
        return saved.lifted(node, lift)
    if source == "args":
        return tuple([_placed(i, value, edge, node, lift) for i, value in enumerate(saved)])
    if not isinstance(saved, tuple):  # the output
        return lift(saved, node)
    parts = [lift(item, part_of(node, saved, i)) for i, item in enumerate(saved)]
    return type(saved)(*parts) if hasattr(saved, "_fields") else type(saved)(parts)


def in_place_type(backend: Backend) -> type | None:
    """The type of arrays that the walk may add to in place; None if there is none."""
    if not backend.accumulates_in_place:
        return None
    return ACTIVE.array_type or backend.adapter.array_type


def among_variables(seeds: Iterable[Any]) -> Any:
    """A `lift` for `walk` that makes saved arrays untracked Variables, if a cotangent in `seeds` is
    a Variable, as under `vmap`; otherwise None. It is needed because not every library allows
    operators between its arrays and Variables."""
    for seed in seeds:
        seed = seed.number if type(seed) is Uniform else seed
        if type(seed) in VARIABLES:
            backend = seed._backend
            return lambda value, node: (
                wrap(value, None, ROOT, backend)
                if getattr(value, "dtype", None) in backend.float_dtypes and not is_variable(value)
                else value
            )
    return None


# ---------------------------------------------------------------- the order of a walk


def count_uses(roots: Iterable[Node]) -> dict[Node, int]:
    """For each node below `roots`, how many edges lead to it: in linear time, without recursion."""
    uses = dict.fromkeys(roots, 0)
    found = list(uses)
    follow = found.append
    for node in found:  # which grows meanwhile
        edge: Edge | None = node
        while edge is not None:
            parent = edge.parent
            if parent is not None:
                if parent in uses:
                    uses[parent] += 1
                else:
                    uses[parent] = 1
                    follow(parent)
            edge = edge.more
    return uses


def nodes_below(roots: Iterable[Node]) -> list[Node]:
    """Every node below `roots`, in an order in which each comes before the nodes it leads to."""
    roots = list(roots)
    uses = count_uses(roots)
    ready = [node for node in dict.fromkeys(roots) if not uses[node]]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for edge in node.edges():
            parent = edge.parent
            assert parent is not None
            uses[parent] -= 1
            if not uses[parent]:
                ready.append(parent)
    return order


def count_uses_towards(roots: Iterable[Node], targets: Iterable[Node]) -> dict[Node, int]:
    """`count_uses`, but only over the paths that lead to one of `targets`."""
    targets = set(targets)
    useful = set()
    order = nodes_below(roots)
    for node in reversed(order):
        if node in targets or any(edge.parent in useful for edge in node.edges()):
            useful.add(node)
    uses = {node: 0 for node in order if node in useful}
    for node in uses:
        for edge in node.edges():
            if edge.parent in useful:
                uses[edge.parent] += 1
    return uses
