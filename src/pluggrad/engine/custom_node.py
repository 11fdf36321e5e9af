"""The nodes that a custom operation records in the graph.

A call with several inputs has two nodes: that of the operation, whose `pull` returns the gradients
of all inputs at once, and a second one, its parent, which hands each input its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .custom_call import pulled
from .lazy_cotangents import LazyCotangent, parts_of
from .primitive import Primitive, Rule, _freed_rule, new
from .record import LEAF

__all__ = ["SHARING", "CallRules", "Custom", "Gradients", "rule_at", "rule_of", "share"]


class Custom(Primitive):
    """The primitive of a custom operation: it names a Node, and is not in the rule book."""

    def __init__(self, name: str, partial: bool = False) -> None:
        self.__dict__.update(LEAF.primitive.__dict__)  # general, of one output, without settings
        self.name, self.signature = name, f"{name}(*args)"
        self.parameters = self.positional = ("args",)
        self.partial, self.keeps, self.is_call, self.is_custom = partial, True, True, True
        self.freed = _freed_rule(self)


class Gradients(LazyCotangent):
    """The gradients of all inputs of a call, on their way to the node that hands them out."""

    __slots__ = ("gradients",)

    def __init__(self, gradients: list[Any]) -> None:
        self.gradients = gradients

    def dense(self) -> Any:
        """This object: the node that receives it needs no array."""
        return self

    def parts(self) -> list[Any]:
        """The arrays in all the gradients."""
        return [part for g in self.gradients for part in parts_of(g)]


def rule_at(primitive: Custom, position: int, names: tuple[str, ...], pull: Any) -> Rule:
    """A Rule made without a formula, from its `pull`."""
    rule: Rule = new(Rule)
    rule.primitive, rule.position, rule.names, rule.pull = primitive, position, names, pull
    rule.keeps, rule.sources = bool(names), names[0] if names else None
    rule.fresh = rule.is_careful = False
    rule.freed, rule.careful = primitive.freed, rule
    return rule


def rule_of(name: str, partial: bool = False, keeps: bool = True) -> CallRules:
    """The rules of the custom operation `name`. Unless it `keeps` saved values, it can be walked
    through any number of times."""

    def pull(g: Any, call: Any) -> Gradients:
        return Gradients(pulled(g, call))

    def pull_alone(g: Any, call: Any) -> Any:
        return pulled(g, call)[0]

    several, alone = Custom(name, partial), Custom(name, partial)
    alone.is_call = False
    rules = CallRules(
        rule_at(several, 0, ("call",), pull), rule_at(alone, 0, ("call",), pull_alone), several
    )
    rules.several.keeps = rules.alone.keeps = keeps
    return rules


class CallRules(NamedTuple):
    """The rules of a custom operation: `several` for calls with several inputs, whose gradients
    come together, and `alone` for calls with one input, whose node is like any other. `primitive`
    has its name."""

    several: Rule
    alone: Rule
    primitive: Primitive


SHARING = Custom("share")


def _sharing(position: int) -> Rule:
    """The rule that takes the gradient of input number `position` out of a `Gradients`."""
    return rule_at(SHARING, position, (), lambda g, saved: g.gradients[position])


# Made in advance, because compilers that read code cannot follow a cache.
_SHARES = tuple([_sharing(position) for position in range(16)])


def share(position: int) -> Rule:
    """The rule on the edge to input number `position`."""
    return _SHARES[position] if position < len(_SHARES) else _sharing(position)
