"""Primitives and their rules: the rows of the rule book, made ready for the engine.

A `Primitive` is a row of the rule book. It has one `Rule` per differentiable input, which knows how
a cotangent travels back to that input. The parameter names of a formula say what is saved for it:
``x x1 x2 ...`` the inputs, ``y`` the output, ``like`` the input's shape and dtype, and any other
name a keyword argument.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, cached_property
from types import CodeType
from typing import Any

from ..arrays.backend import PRIMITIVES
from ..arrays.standard import parse
from ..errors import GraphFreedError
from .cotangents import conjugate, in_dtype_of
from .lazy_cotangents import dense, fit

__all__ = ["PASS", "Primitive", "Rule", "new"]

new: Any = object.__new__


def PASS(t: Any) -> Any:
    """The formula of an input whose partial derivative is 1, such as both inputs of `add`."""
    return t


class Rule:
    """How the cotangent `g` of a primitive's output reaches its input number `position`.

    The walk calls only `pull(g, saved)`. `careful` is the same rule, extended for broadcasting,
    mixed dtypes and complex numbers. Recording decides which of the two an edge holds, so the walk
    never looks at a shape or a dtype.
    """

    __slots__ = ("boxed", "careful", "code", "formula", "freed", "fresh", "is_careful", "keeps",
                 "names", "pick", "place", "position", "primitive", "pull", "sources",
                 "strong")  # fmt: skip

    boxed: Rule  # the variant for boxed saved values, made on first use (see `saved`)
    strong: Rule  # the variant with strong zeros, made on first use (see `strong_zeros`)

    def __init__(self, primitive: Primitive, position: int, formula: Callable[..., Any]) -> None:
        self.primitive = primitive
        self.position = position
        self.formula = formula
        names = () if formula is PASS else _parameters(formula)[1:]
        # `i`, the number of the input, is not saved, so that all inputs of a variadic primitive can
        # share one tuple of saved values.
        self.place = names.index("i") if "i" in names else None
        self.names = tuple([name for name in names if name != "i"])
        self.pick = _picker(primitive, position, self.names)
        self.sources = _sources(primitive, self.names)
        self.keeps = any(primitive.saves(name) for name in self.names)
        self.fresh = formula is not PASS and (
            primitive.fresh or primitive.kind in ("elementwise", "bilinear")
        )
        self.pull = self._pull_at(position)
        # Which single value the rule saves, for the short cuts in `bind`: 0 none, 1 the first
        # input, 2 the second, 3 the output, 4 anything else.
        places = {(): 0, (primitive.parameters[0],): 1, (primitive.parameters[1:2] or ("",)): 2}
        self.code = places.get(self.names, 3 if self.names == ("y",) else 4)
        self.is_careful = False
        self.freed = primitive.freed
        self.careful = careful = self.variant(_careful_pull(self.pull, primitive))
        careful.careful = careful
        careful.is_careful = True
        careful.fresh = primitive.fresh

    def variant(self, pull: Callable[[Any, Any], Any]) -> Rule:
        """This rule with another `pull`."""
        made: Rule = new(Rule)
        for name in Rule.__slots__:
            if name not in ("boxed", "strong") and hasattr(self, name):
                setattr(made, name, getattr(self, name))
        made.pull = pull
        return made

    def _pull_at(self, position: int) -> Callable[[Any, Any], Any]:
        """The formula for input number `position`, as a function of `g` and the saved values."""
        if self.formula is PASS:
            return _pass
        if self.place is None:
            return _puller(self.formula, len(self.names))
        return _puller_at(self.formula, len(self.names), self.place, position)

    def at(self, position: int) -> Rule:
        """This rule, which belongs to a variadic primitive, for input number `position`."""
        pull = self._pull_at(position)
        made = self.variant(pull)
        made.careful = self.careful.variant(_careful_pull(pull, self.primitive))
        made.careful.careful = made.careful
        made.position = made.careful.position = position
        return made

    def values(self, saved: Any) -> tuple[Any, ...]:
        """The saved values as a tuple, in the order of `names`."""
        if len(self.names) == 1:
            return (saved,)
        return saved if self.names else ()


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the parameters. (`inspect.signature` takes ten times as long.)"""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None:
        return tuple(inspect.signature(function).parameters)
    names: tuple[str, ...] = code.co_varnames
    return names[: code.co_argcount + code.co_kwonlyargcount]


def _signature_of(arguments: str) -> tuple[CodeType, dict[str, Any]]:
    """The code of a function with these arguments, and the default of each argument."""
    function = eval(f"lambda {arguments}: None")
    code = function.__code__
    defaults = dict.fromkeys(code.co_varnames, inspect.Parameter.empty)
    given = function.__defaults__ or ()
    defaults |= zip(code.co_varnames[code.co_argcount - len(given) : code.co_argcount], given)
    return code, defaults | (function.__kwdefaults__ or {})


def _sources(primitive: Primitive, names: tuple[str, ...]) -> Any:
    """Where the walk finds the value of each name in the graph: the number of an input; the name
    itself for "y", "args" and "call"; None for a setting. One name: its source. Several: a tuple.
    Settings only: None."""
    inputs = primitive.positional[: len(primitive.formulas)]  # later ones have no gradient
    sources: list[Any] = [
        name if name in ("y", "args", "call") else inputs.index(name) if name in inputs else None
        for name in names
    ]
    if not any([source is not None for source in sources]):
        return None
    return sources[0] if len(sources) == 1 else tuple(sources)


def _pass(g: Any, saved: Any) -> Any:
    """The `pull` of `PASS`."""
    return g


def _puller(formula: Callable[..., Any], count: int) -> Callable[[Any, Any], Any]:
    """`formula`, which names `count` saved values, as a function of `g` and the saved values."""
    if count == 0:
        return lambda g, saved: formula(g)
    if count == 1:
        return formula
    return lambda g, saved: formula(g, *saved)


def _puller_at(
    formula: Callable[..., Any], count: int, place: int, position: int
) -> Callable[[Any, Any], Any]:
    """`_puller` for a formula whose parameter number `place` is the number of the input."""

    def pull(g: Any, saved: Any) -> Any:
        kept = (saved,) if count == 1 else saved or ()
        return formula(g, *kept[:place], position, *kept[place:])

    return pull


def _careful_pull(
    pull: Callable[[Any, Any], Any], primitive: Primitive
) -> Callable[[Any, Any], Any]:
    """`pull` for inputs that were broadcast, have another dtype than the output, or are complex.

    Formulas of elementwise, linear and bilinear primitives are transposes. The gradient convention
    (∂L/∂Re + i ∂L/∂Im, as in torch) needs the adjoint: conj ∘ transpose ∘ conj. The other factor of
    a product is cast to the dtype of the product, because not all libraries multiply matrices of
    two dtypes.
    """
    holomorphic, product = primitive.holomorphic, primitive.kind == "bilinear"

    def careful(g: Any, kept: Any) -> Any:
        saved, like = kept
        if product:
            g = dense(g)
            saved = in_dtype_of(g, saved)
        if holomorphic:
            g = conjugate(pull(conjugate(g), saved))
        else:
            g = pull(g, saved)
        return fit(g, like)

    return careful


def _picker(
    primitive: Primitive, position: int, names: tuple[str, ...], packed: bool = True
) -> Callable[..., Any]:
    """A function of (args, kwargs, y, like) that collects the values of `names`. It is compiled
    from source, because it runs in every recorded operation. It returns a tuple; if `packed`, a
    single value is returned as it is, and None stands for no values."""
    values = [_source_of(primitive, position, name) for name in names]
    found = f"({''.join([f'{value}, ' for value in values])})"
    if packed and len(values) < 2:
        found = values[0] if values else "None"
    if "defaults" not in found and "computed" not in found:
        return _compiled_picker(found)
    scope = {"defaults": primitive.defaults, "computed": primitive.computed}
    picker: Callable[..., Any] = eval(f"lambda args, kwargs, y, like: {found}", scope)
    return picker


@cache
def _compiled_picker(found: str) -> Callable[..., Any]:
    """The function that evaluates `found`, which many rules share."""
    picker: Callable[..., Any] = eval(f"lambda args, kwargs, y, like: {found}")
    return picker


def _source_of(primitive: Primitive, position: int, name: str) -> str:
    """The source of an expression for the value of `name`, over the arguments of the `_picker`."""
    if name in ("y", "args", "kwargs"):
        return name
    if name in ("like", "like1", "like2"):
        return f"like(args[{position if name == 'like' else int(name[-1]) - 1}])"
    if name == "likes":
        return "tuple([like(x) for x in args])"
    if name == "like_y":
        return "like(y)"
    if name in primitive.positional:
        return f"args[{primitive.positional.index(name)}]"
    if name in primitive.computed:
        return f"computed[{name!r}](args, kwargs)"
    return f"kwargs.get({name!r}, defaults[{name!r}])"


def _freed_rule(primitive: Primitive) -> Rule:
    """The rule on the edges of a node whose saved values were freed: it raises."""

    def refuse(g: Any, saved: Any) -> Any:
        raise GraphFreedError(
            f"backward through {primitive.name!r} a second time: the values it had saved were "
            "freed by the first. (One that fails half-way has freed what it passed.) Give "
            "`retain_graph=True` to the first call, or run the forward computation again."
        )

    rule: Rule = new(Rule)
    rule.primitive, rule.position, rule.names, rule.pull = primitive, -1, (), refuse
    rule.keeps = rule.fresh = rule.is_careful = False
    rule.sources = None
    rule.freed = rule
    return rule


#: Types of lists of arrays and of numbers; types of numbers; no types.
LISTS: frozenset[type] = frozenset({list, tuple})
NUMBERS: frozenset[type] = frozenset({float, int, complex, bool})
NOTHING: frozenset[type] = frozenset()


class Primitive:
    """One differentiable operation: a name, the standard's signature, a formula per input.

    `kind` says what a formula computes: the partial derivative times `t` (elementwise), the
    transpose (linear, bilinear), or the adjoint itself (general); ``constant`` primitives have no
    formulas. See `rules`.
    """

    rules: tuple[Rule | None, ...]
    squares: Rule | None = None  # the only rule of `x * x` and `x ** 2`: one edge, one saved value
    prepare: Callable[..., Any]  # only for `put`: makes a value ready to be written
    pick_along: Callable[..., Any]  # the values that `jvp` takes after the tangents
    is_part = False  # stands for one output of its parent node, which has several
    is_custom = False  # a custom operation
    is_call = False  # a custom operation whose inputs are the edges of its parent node

    def __init__(
        self,
        signature: str,
        kind: str,
        formulas: tuple[Callable[..., Any] | None, ...],
        *,
        jvp: Callable[..., Any] | None = None,
        fallback: Callable[..., Any] | None = None,
        variadic: bool = False,
        aliases: bool = False,
        private: bool = False,
        takes_scatter: bool = False,
        takes_uniform: bool | None = None,
        partial: bool = False,
        fresh: bool = False,
        holomorphic: bool = False,
        pointwise: bool = False,
        view: bool = False,
        put: Callable[..., Any] | None = None,
        promotes: bool = False,
        contracts: bool = False,
        needs: str = "",
        steps: bool = False,
        linear_in: tuple[int, ...] = (),
        whole: str = "",
        check: Callable[..., None] | None = None,
        computed: dict[str, Callable[[Any, Any], Any]] | None = None,
    ) -> None:
        self.name, self.signature = signature.split("(", 1)[0], signature
        self.kind = kind
        self.jvp = jvp
        self.fallback = fallback
        self.variadic = variadic
        self.aliases = aliases or view
        self.view = view
        self.put = put
        self.promotes = promotes
        self.contracts = contracts  # whether it broadcasts only the axes before the last two
        # Names that formulas use and no argument has: functions of (args, kwargs).
        self.computed = computed or {}
        # Inputs that it is linear in although their rules save the output.
        self.linear_in = linear_in
        # Whether it has jumps, so that it is not linear even where its derivative is constant.
        self.steps = steps
        self.whole = whole.split()  # arguments that are one integer or several
        # A function of (args, kwargs) that raises for arguments that libraries wrongly accept.
        self.check = check
        self.needs = needs.split()  # functions that the fallback calls and a library may lack
        self.private = private
        # The types of arguments that stand for arrays, and are made arrays before it is called.
        self.lists = NOTHING if private else LISTS | NUMBERS if variadic else LISTS
        self.takes_scatter = takes_scatter
        if takes_uniform is None:
            takes_uniform = kind == "elementwise"
        self.takes_uniform = takes_uniform
        self.partial = partial
        self.fresh = fresh  # whether all formulas return new arrays, never `g` or a saved one
        self.holomorphic = holomorphic or kind in ("elementwise", "bilinear")
        self.pointwise = pointwise or kind == "elementwise"
        code, self.defaults = _signature_of(signature.split("(", 1)[1][:-1])
        self.parameters = code.co_varnames
        self.positional = self.parameters[: max(code.co_posonlyargcount, len(formulas))]
        self.formulas = formulas
        if jvp is not None:
            names = _parameters(jvp)[1 if variadic else len(formulas) :]
            self.pick_along = _picker(self, 0, names, packed=False)
        self.freed = _freed_rule(self)
        self.rules = tuple(
            None if formula is None else Rule(self, position, formula)
            for position, formula in enumerate(formulas)
        )
        keeps = any(rule is not None and rule.keeps for rule in self.rules)
        self.keeps = keeps
        for rule in self.rules:
            if rule is not None:
                rule.keeps = rule.careful.keeps = keeps
        self._later: dict[int, Rule] = {}
        PRIMITIVES[self.name] = self

    @cached_property
    def parsed(self) -> inspect.Signature:
        """The standard's signature. It is made when it is asked for, as that takes its time."""
        return parse(self.signature.split("(", 1)[1][:-1])

    def saves(self, name: str) -> bool:
        """Whether a rule that saves `name` saves an array."""
        return name in ("y", "args") or name in self.positional[: max(1, len(self.formulas))]

    def rule(self, position: int) -> Rule | None:
        """The rule of input number `position`, or None. Variadic primitives have one formula for
        all inputs; its rule for each position is made on first use."""
        if not self.variadic:
            rules = self.rules
            return rules[position] if position < len(rules) else None
        rule = self._later.get(position)
        if rule is None:
            assert self.rules[0] is not None
            rule = self._later[position] = self.rules[0].at(position)
        return rule

    #: ``evaluate(primitive, args, kwargs)``. `record` sets it, because `record` imports this
    #: module.
    evaluate: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on values of any level: raw arrays give a raw array, Variables a Variable."""
        return self.evaluate(args, kwargs)

    def __repr__(self) -> str:
        return f"<{self.kind} primitive {self.signature}>"
