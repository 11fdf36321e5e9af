"""What `custom_vjp` and `custom_jvp` share: the function, its arguments, and the call to record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self, overload

import optree

from ...arrays.backend import BACKENDS, SCALARS, VARIABLES
from ...arrays.dispatch import is_variable
from ...engine.arguments import check_function
from ...engine.boundary import ARRAY, unflatten
from ...engine.closures import SeenModules
from ...engine.custom_node import CallRules, rule_of
from ...engine.custom_op import Operation, at_levels, at_once
from ...engine.handles import as_variable, as_variables, captured, is_tracked, unwrap_untracked
from ...engine.levels import ROOT
from ...engine.modes import inside
from ...errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from ...variables.variable import Variable

__all__ = [
    "TUPLES",
    "CustomCall",
    "CustomFunction",
    "described",
    "flatten_arguments",
    "mapped",
    "tuple_of",
    "unflatten_arguments",
]


class CustomFunction:
    """What `custom_vjp` and `custom_jvp` share: the function, its name, and how its arguments
    divide into arrays and settings (`nondiff_argnums`).
    """

    @overload  # from which type checkers know what the argument of a lambda is
    def __init__(
        self,
        fun: Callable[[Variable], Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None: ...
    @overload
    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None: ...
    def __init__(
        self,
        fun: Callable[..., Any],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None:
        """Note the signature of `fun`, and the positions of its settings."""
        check_function(fun, type(self).__name__)
        functools.update_wrapper(self, fun)
        self._fun = fun
        self._steady: dict[Any, SeenModules] = {}
        #: The operation that calls with arrays share; False where each needs its own.
        self._usual: Any = None
        self._rule = rule_of(getattr(fun, "__name__", type(fun).__name__))
        try:
            self._signature: inspect.Signature | None = inspect.signature(fun)
        except (TypeError, ValueError):
            self._signature = None
        numbers = {nondiff_argnums} if isinstance(nondiff_argnums, int) else set(nondiff_argnums)
        names = [nondiff_argnames] if isinstance(nondiff_argnames, str) else nondiff_argnames
        known = list(self._signature.parameters) if self._signature is not None else []
        for name in names:
            if name not in known:
                raise InvalidArgumentError(
                    f"nondiff_argnames: {self._rule.primitive.name} has no argument {name!r}"
                )
            numbers.add(known.index(name))
        #: A call with this many positional arguments needs no binding; -1 if every call does.
        self._arity = -1
        if self._signature is not None:
            kinds = {p.kind for p in self._signature.parameters.values()}
            if kinds <= {
                inspect.Parameter.POSITIONAL_ONLY,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
            }:
                self._arity = len(self._signature.parameters)
        if any(n < 0 for n in numbers):
            raise InvalidArgumentError(f"nondiff_argnums are not negative: {nondiff_argnums}")
        self._settings = tuple(sorted(numbers))

    def __copy__(self) -> Self:
        """A copy that may get other rules: it shares nothing that was noted about these."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, _steady={}, _usual=None)
        return made

    def _operation(self) -> CustomCall:
        """The operation to record for one call. Its `compute` raises if the derivative is not
        defined yet."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function. If an argument is tracked, record it with its custom derivative."""
        if not kwargs and (y := self._quickly(args)) is not NotImplemented:
            return y
        if kwargs or len(args) != self._arity:
            args = self._bound(args, kwargs)
        settings: list[Any] = []
        chosen = args
        if self._settings:
            settings = [args[n] for n in self._settings]
            self._check_settings(settings)
            chosen = tuple([x for n, x in enumerate(args) if n not in self._settings])
        flat, spec = flatten_arguments(chosen)
        op = self._operation()
        op.rule, op.spec, op.where, op.settings = self._rule, spec, self._settings, settings
        return self._called(op, args, flat)

    def _quickly(self, args: tuple[Any, ...]) -> Any:
        """A short cut for `__call__` with tracked arrays; NotImplemented where it does not
        apply."""
        return NotImplemented

    def _called(self, op: CustomCall, args: tuple[Any, ...], flat: list[Any]) -> Any:
        """The outputs of `op`, a call with the arguments `args`, whose leaves are `flat`."""
        outputs = at_once(op, flat)
        if outputs is None:
            if not any(map(is_tracked, flat)):
                return self._untracked(args, flat)
            if (run := inside()) is not None:
                flat = [run.enter(x) for x in flat]
            outputs = [as_variable(y) for y in at_levels(op, flat)]
        return outputs[0] if op.output_spec is ARRAY else unflatten(op.output_spec, outputs)

    def _untracked(self, args: tuple[Any, ...], flat: list[Any]) -> Any:
        """The plain function of `args`, whose leaves are `flat`. Variables in give Variables
        out."""
        y = self._fun(*args)
        if any([type(x) in VARIABLES for x in flat]):
            return y if type(y) in VARIABLES else optree.tree_map(as_variable, y)
        return unwrap_untracked(y) if is_variable(y) else optree.tree_map(unwrap_untracked, y)

    def _bound(self, args: Any, kwargs: Any) -> tuple[Any, ...]:
        """All arguments by position, with defaults filled in."""
        if self._signature is not None:
            try:
                bound = self._signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeMismatchError(f"{self._rule.primitive.name}(): {error}") from None
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        if kwargs:
            raise TypeMismatchError(
                f"keyword-only arguments of {self._rule.primitive.name} cannot be passed on to a "
                "derivative rule; make them positional"
            )
        return tuple(args)

    def _check_settings(self, settings: list[Any]) -> None:
        """Raise if a setting contains a tracked Variable, whose gradient would be lost."""
        for n, setting in zip(self._settings, settings, strict=True):
            for x in optree.tree_leaves(setting):
                if type(x) in VARIABLES and _is_watched(x):
                    where = f"as argument {n} of {self._rule.primitive.name}, in nondiff_argnums"
                    raise captured(x, where)


def _is_watched(x: Any) -> bool:
    """Whether some level differentiates by `x` or maps over it."""
    return x._read()[1] is not None or x._level is not ROOT


def flatten_arguments(args: tuple[Any, ...]) -> tuple[list[Any], Any]:
    """The leaves of the arguments, and their structure."""
    for x in args:
        if type(x) not in VARIABLES and type(x) not in SCALARS:
            return optree.tree_flatten(args)  # type: ignore[arg-type]
    return list(args), tuple_of(len(args))


class CustomCall(Operation):
    """One call of a function with a custom derivative, over the flat list of its differentiable
    leaves.

    `settings` are the arguments at the positions `where`; they are not differentiated by. `spec` is
    the structure of the other arguments, and `output_spec`, set by `flat`, that of the output.
    """

    where: tuple[int, ...] = ()
    settings: Sequence[Any] = ()
    spec: Any
    output_spec: Any = None
    rule: CallRules
    fun: Callable[..., Any]
    steady: dict[Any, SeenModules] | None = None  # functions that name only modules

    def arguments(self, args: Sequence[Any]) -> Sequence[Any]:
        """All arguments of the call, settings included, rebuilt from the flat list."""
        chosen = unflatten_arguments(self.spec, as_variables(args))
        if not self.where:
            return chosen  # type: ignore[no-any-return]
        rest = iter(chosen)
        given = dict(zip(self.where, self.settings, strict=True))
        count = len(given) + len(chosen)
        return [given[n] if n in given else next(rest) for n in range(count)]

    def run(self, args: list[Any]) -> list[Any]:
        """The outputs of the plain function, as a list."""
        return self.flat(self.fun(*self.arguments(args)))

    def flat(self, y: Any) -> list[Any]:
        """The outputs as a list; remembers their structure."""
        self.several = type(y) not in VARIABLES
        if not self.several:
            self.output_spec = ARRAY
            return [y]
        outputs, self.output_spec = optree.tree_flatten(y)
        return list(outputs)

    def again(self, name: str, differences: list[bool]) -> None:
        """Raise if any recomputed value differs from its value at the call."""
        if any(differences):
            raise DifferentiationError(
                f"{name} of {self.rule.primitive.name} was computed again for a higher derivative, "
                "and gave other numbers than at the call. It may depend on its arguments alone: "
                "something that it reads (an attribute, the items of a list or dict, random "
                "numbers) has changed."
            )


def mapped(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """`tree` with `f` applied to each of its arrays; `rest` are further arguments of `f`."""
    if type(tree) in BACKENDS:
        return f(tree, *rest)
    if type(tree) is tuple and all([type(x) in BACKENDS for x in tree]):
        return tuple([f(x, *rest) for x in tree])
    return optree.tree_map(lambda x: f(x, *rest), tree)


def described(found: Any) -> str:
    """What a rule returned, described for an error message."""
    if isinstance(found, (tuple, list)):
        return f"a {type(found).__name__} of {len(found)}"
    return "an array" if hasattr(found, "dtype") else type(found).__name__


TUPLES: dict[int, Any] = {}


def tuple_of(count: int) -> Any:
    """The structure of a tuple of `count` arrays, cached so that it can be compared by identity."""
    spec = TUPLES.get(count)
    if spec is None:
        tree: Any = tuple([0] * count)
        spec = TUPLES[count] = optree.tree_structure(tree)
    return spec


def unflatten_arguments(spec: Any, flat: list[Any]) -> Any:
    """The arguments with the structure `spec` and the leaves `flat`."""
    return flat if spec is TUPLES.get(len(flat)) else optree.tree_unflatten(spec, flat)
