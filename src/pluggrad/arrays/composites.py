"""The registry of composites: functions that are written in terms of other functions.

A composite is called where gradients are tracked, because the functions that it calls have rules,
and where a library lacks the function. Functions of the standard are widened here: NumPy has more
arguments for some of them, and takes more by position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import UnsupportedError
from .backend import Backend

__all__ = ["ARRAYS", "COMPOSITES", "MAKERS", "OWN", "PLAIN", "WIDER", "Wider", "composite",
           "composite_over_raw", "widen"]  # fmt: skip


#: Composites by name.
COMPOSITES: dict[str, Callable[..., Any]] = {}


#: Composites that are called even where the library has a function of that name.
OWN: set[str] = set()


#: Composites that make arrays of numbers: their first argument is the backend to make them for.
MAKERS: set[str] = set()


#: The parameters of composites that are arrays, by the composite's name: their positions and names.
ARRAYS: dict[str, dict[int | str, bool]] = {}


#: Those that are handed on as the user gave them.
PLAIN: dict[str, dict[int | str, bool]] = {}


def composite(
    name: str | Callable[..., Any] | None = None,
    *,
    own: bool = False,
    arrays: str = "",
    plain: str = "",
    makes: bool = False,
) -> Callable[..., Any]:
    """Register a function that is written in terms of others, computing through `xp`.

    It is called where gradients are tracked, and where the library lacks the function; otherwise
    the library's own is called. With `own` the library's is never called, because libraries mean
    different things by the name. `arrays` names the parameters that are arrays, such as
    ``"a weights"``: a list given there becomes a Variable, and so does a raw array. A number stays
    one, so that it does not decide the dtype of the result. `plain` names the
    parameters that are handed on as they are: an array to write into, or indices whose values are
    looked at. With `makes` its first parameter is the backend, which callers do not give: it makes
    an array, perhaps of numbers alone.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        full = name if isinstance(name, str) else function.__name__
        COMPOSITES[full] = function
        if own:
            OWN.add(full)
        if makes:
            MAKERS.add(full)
        for table, named in ((ARRAYS, arrays), (PLAIN, plain)):
            if named:
                table[full] = _places(function, named.split(), makes)
        return function

    return register(name) if callable(name) else register


def _places(
    function: Callable[..., Any], names: list[str], skipped: int = 0
) -> dict[int | str, bool]:
    """The positions and the names of parameters of `function`, without those that are `skipped`.
    (`inspect.signature` takes too long for some hundred functions.)"""
    code = function.__code__
    order = code.co_varnames[skipped : code.co_argcount + code.co_kwonlyargcount]
    return {key: True for x in names for key in (x, order.index(x))}


class Wider(NamedTuple):
    """NumPy's form of a function of the standard.

    `arguments` are its parameters as a `def` spells them out. `function` computes what the standard
    has no argument for; it is called if such an argument is away from its default, or if the
    expression `when` of the parameters is true.
    """

    arguments: str
    function: Callable[..., Any] | None = None
    when: str = ""


#: The wider forms of functions of the standard, by their names.
WIDER: dict[str, Wider] = {}


def widen(
    signature: str, *, when: str = "", arrays: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function of the standard the `signature` of NumPy's form of it, such as
    ``"sum(x, /, axis=None, dtype=None, *, keepdims=False, initial=None, where=None)"``.

    The standard's parameters keep their names and defaults. The decorated function is called with
    all arguments, if one that the standard lacks is away from its default or if `when`, a Python
    expression of the parameters, is true; otherwise the standard's function is. Without a decorated
    function only more arguments are taken by position. `arrays` names the parameters that are
    arrays, as for `composite`; by default those that are positional only, and `where`.
    """
    name, _, arguments = signature.partition("(")
    arguments = arguments.rstrip()[:-1]
    WIDER[name] = Wider(arguments)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        WIDER[name] = Wider(arguments, function, when)
        code = function.__code__
        first = [x for x in code.co_varnames[: code.co_posonlyargcount] if x[0] == "x"]
        if "where" in code.co_varnames:
            first.append("where")
        ARRAYS[name] = _places(function, arrays.split() or first)
        return function

    return register


def composite_over_raw(name: str, backend: Backend) -> Callable[..., Any]:
    """The composite called `name`, for a rule that needs a function which the library lacks."""
    if name not in COMPOSITES:
        raise UnsupportedError(f"the {backend.name} backend has no function {name!r}")
    return COMPOSITES[name]
