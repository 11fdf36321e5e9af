"""The pullback of a jitted function, compiled once for each structure of its arguments.

`jax.vjp` of a jitted function traces anew in each call, which takes longer than most functions do.
Here the function with its residuals, and the pullback, are jitted functions in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from pluggrad.plugin import TreeCall

__all__ = ["Pairs", "conjugate", "inexact"]

#: Arguments, apart from arrays, by whose values a pair is chosen; None stands for no argument.
_NAMES = (type(None), str, bytes, bool)
_NUMBERS = (int, float, complex)
#: How many pairs are kept for one function.
_MOST = 64


class Pair(NamedTuple):
    """The function and its pullback. `constants` are the places of JAX arrays among the arguments'
    leaves."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    constants: list[int]


class Pairs:
    """The pairs of one jitted function, by the structure of its arguments."""

    def __init__(self) -> None:
        self.pairs: dict[Any, Pair | None] = {}
        self.seen: set[Any] = set()

    def linearized(
        self, tree: TreeCall, arrays: Sequence[Any], needs: tuple[int, ...]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]]] | None:
        """What `ForeignProgram.linearized` returns; None where the arguments, or the results, are
        not of the kinds that a pair is made for."""
        flat = tree.flat
        try:
            key = (tree.spec, tree.names, needs, *[_key(x) for x in flat])
            pair = self.pairs[key] if key in self.pairs else self.made(key, tree, needs)
        except TypeError:  # an argument without a hash, or of another kind
            return None
        if pair is None:
            return None
        constants = [flat[n] for n in pair.constants]
        try:
            smooth, rest, pull, notes = pair.forward(list(arrays), constants)
        except Exception:  # the longer way works, or knows better what to say
            self.pairs[key] = None
            return None
        tree.y_spec, rest_of, results, places = notes.value
        tree.rest, tree.results = list(rest_of), list(results)
        outputs = merged(smooth, rest, places)
        backward = pair.backward

        def pulled(gs: list[Any]) -> list[Any]:
            found: list[Any] = backward(pull, [gs[k] for k in places])
            return found

        return outputs, [k in places for k in range(len(outputs))], pulled

    def made(self, key: Any, tree: TreeCall, needs: tuple[int, ...]) -> Pair | None:
        """A new pair. Numbers may differ in each call, so that those must come twice."""
        if any([type(x) in _NUMBERS for x in tree.flat]) and key not in self.seen:
            if len(self.seen) < _MOST:
                self.seen.add(key)
            return None
        if len(self.pairs) >= _MOST:
            return None
        pair = self.pairs[key] = _pair(tree, needs)
        return pair


class _Notes:
    """What a trace noted of the results' structure, as a pytree without leaves."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


jax.tree_util.register_pytree_node(
    _Notes, lambda notes: ((), notes.value), lambda value, _: _Notes(value)
)


def _key(x: Any) -> Any:
    """What a pair is chosen by for a leaf `x` of the arguments."""
    kind = type(x)
    if kind in _NAMES or kind in _NUMBERS:
        return kind, x
    if isinstance(x, jax.Array):
        return jax.Array
    raise TypeError


def _pair(tree: TreeCall, needs: tuple[int, ...]) -> Pair:
    """The pair for calls that are like `tree`, with gradients of the arrays in `needs`."""
    constants = [n for n, x in enumerate(tree.flat) if isinstance(x, jax.Array)]
    template = tree.alike(constants)

    def forward(arrays: list[Any], held: list[Any]) -> Any:
        alike, places = template.alike(()), list[int]()  # of this trace, in this thread

        def fun(*primals: Any) -> Any:
            given = [*arrays, *held]
            for place, x in zip(needs, primals, strict=True):
                given[place] = x
            ys = alike(given)
            places[:] = [k for k, y in enumerate(ys) if inexact(y)]
            return tuple([ys[k] for k in places]), [y for y in ys if not inexact(y)]

        smooth, pull, rest = jax.vjp(fun, *[arrays[n] for n in needs], has_aux=True)
        if any([x is not None for x in alike.rest]):
            raise TypeError
        notes = alike.y_spec, tuple(alike.rest), tuple(alike.results), tuple(places)
        zeros = [(y.shape, y.dtype) for y in smooth]
        return smooth, rest, (pull, _Notes(tuple(zeros))), _Notes(notes)

    def backward(kept: Any, gs: list[Any]) -> list[Any]:
        pull, zeros = kept
        seeds = [jnp.zeros(*zero) if g is None else conjugate(g)
                 for g, zero in zip(gs, zeros.value, strict=True)]  # fmt: skip
        return [conjugate(g) for g in pull(tuple(seeds))]

    return Pair(jax.jit(forward), jax.jit(backward), constants)


def merged(ys: Sequence[Any], rest: Sequence[Any], places: Sequence[int]) -> list[Any]:
    """All results in their order: `ys` at `places`, and the `rest` at the others."""
    found = list(rest)
    for place, y in zip(places, ys, strict=True):
        found.insert(place, y)
    return found


def inexact(x: Any) -> bool:
    """Whether an array can have a derivative."""
    return x.dtype.kind in "fc" or bool(jnp.issubdtype(x.dtype, jnp.inexact))


def conjugate(g: Any) -> Any:
    """The cotangent in the convention of the other library."""
    return jnp.conj(g) if g.dtype.kind == "c" else g
