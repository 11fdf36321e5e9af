"""Derivative rules for functions of one's own: `defvjp`, `defjvp` and their relatives, as HIPS
autograd has them. They fill in the `Rules` that `primitive` has made for the function."""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from ...errors import TypeMismatchError
from .spaces import vspace

__all__ = [
    "OLDER",
    "def_linear",
    "defjvp",
    "defjvp_argnum",
    "defjvp_argnums",
    "defvjp",
    "defvjp_argnum",
    "defvjp_argnums",
    "primitive_vjps",
    "rules_of",
]

#: The rules that programs have defined, by primitive. To take one out of it changes nothing.
primitive_vjps: Any = WeakKeyDictionary()


def rules_of(fun: Any) -> Any:
    """The `Rules` of a function that `primitive` returned."""
    try:
        return fun._rules
    except AttributeError:
        raise TypeMismatchError(
            f"{getattr(fun, '__name__', fun)} takes no derivative rules: only functions that "
            "`primitive` returned do. Wrap it: f = primitive(f)"
        ) from None


def defvjp_argnums(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Give `fun` one rule for all arguments: ``vjpmaker(argnums, ans, args, kwargs)`` returns a
    function from the cotangent to the gradients of the arguments with the numbers `argnums`."""
    rules = rules_of(fun)
    rules.joint, rules.each = vjpmaker, None
    primitive_vjps[fun] = vjpmaker


def defvjp_argnum(fun: Any, vjpmaker: Callable[..., Any]) -> None:
    """Give `fun` a rule that serves every argument: ``vjpmaker(argnum, ans, args, kwargs)`` returns
    the function from the cotangent to the gradient of argument number `argnum`."""
    rules = rules_of(fun)

    def each(argnum: int) -> Any:
        return lambda ans, *args, **kwargs: vjpmaker(argnum, ans, args, kwargs)

    rules.each, rules.joint = functools.cache(each), None
    primitive_vjps[fun] = vjpmaker


def defvjp(fun: Any, *vjpmakers: Any, **kwargs: Any) -> None:
    """Give `fun` a rule per argument: ``vjpmaker(ans, *args, **kwargs)`` returns the function from
    the cotangent of the output to the gradient of the argument. None says that it is zero.

    `argnums` names the arguments that the rules belong to, by default the first ones.
    """
    rules = rules_of(fun)
    makers = dict(zip(kwargs.get("argnums", count()), vjpmakers))
    for maker in makers.values():
        if maker is not None and not callable(maker):
            raise TypeMismatchError(f"Bad VJP '{maker}' for '{rules.name}'")
    rules.each, rules.joint = makers.__getitem__, None
    primitive_vjps[fun] = makers


def defjvp_argnums(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Give `fun` one rule for forward mode: ``jvpmaker(argnums, tangents, ans, args, kwargs)``
    returns the tangent of the output."""
    rules_of(fun).jvp = jvpmaker


def defjvp_argnum(fun: Any, jvpmaker: Callable[..., Any]) -> None:
    """Give `fun` a rule for forward mode that serves every argument:
    ``jvpmaker(argnum, tangent, ans, args, kwargs)`` returns the output's share of the tangent."""

    def together(argnums: Any, tangents: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        shares = [jvpmaker(i, t, ans, args, kwargs) for i, t in zip(argnums, tangents, strict=True)]
        return functools.reduce(operator.add, shares)

    rules_of(fun).jvp = together


def defjvp(fun: Any, *jvpfuns: Any, **kwargs: Any) -> None:
    """Give `fun` a rule per argument for forward mode: ``jvpfun(tangent, ans, *args, **kwargs)``
    returns the output's share of the tangent. None says that it is zero, and ``"same"`` that `fun`
    is linear in the argument.

    Without rules for forward mode, the VJP is transposed, which needs one that is linear in `g`.
    """
    rules = rules_of(fun)
    makers = dict(zip(kwargs.get("argnums", count()), jvpfuns))
    for maker in makers.values():
        if maker not in (None, "same") and not callable(maker):
            raise TypeMismatchError(f"Bad JVP '{maker}' for '{rules.name}'")

    def share_of(argnum: int, t: Any, ans: Any, args: Any, kwargs: Any) -> Any:
        if argnum not in makers:
            raise rules.missing("JVP", (argnum,))
        maker = makers[argnum]
        if maker is None:
            return 0.0 * ans
        if maker == "same":
            return fun(*args[:argnum], t, *args[argnum + 1 :], **kwargs)
        return maker(t, ans, *args, **kwargs)

    defjvp_argnum(fun, share_of)


def def_linear(fun: Any) -> None:
    """Say that `fun` is linear in each of its arguments, for forward mode."""
    defjvp_argnum(
        fun,
        lambda argnum, t, ans, args, kwargs: fun(*args[:argnum], t, *args[argnum + 1 :], **kwargs),
    )


# ---------------------------------------------------------------- the older way to give rules

_WARNING = "fun.{} is deprecated: use defvjp of pluggrad.compat.autograd.extend"


def _extended(fun: Any, maker: Any, argnums: Sequence[int]) -> None:
    """Add `maker` for `argnums` to the rules that the older functions have given `fun`."""
    makers = getattr(fun, "_older", {})
    makers |= dict.fromkeys(argnums, maker)
    fun._older = makers
    defvjp(fun, *makers.values(), argnums=tuple(makers))


def _older_defgrad(fun: Any, vjpmaker: Any, argnum: int = 0) -> None:
    """`defvjp` for one argument, as a method."""
    warnings.warn(_WARNING.format("defgrad"), DeprecationWarning, stacklevel=2)
    _extended(fun, vjpmaker, (argnum,))


def _older_defvjp(fun: Any, vjpfun: Any, argnum: int = 0) -> None:
    """`defvjp` for one argument, with the rule ``vjpfun(g, ans, vs, gvs, *args, **kwargs)``."""
    warnings.warn(_WARNING.format("defvjp"), DeprecationWarning, stacklevel=2)

    def maker(ans: Any, *args: Any, **kwargs: Any) -> Any:
        return lambda g: vjpfun(g, ans, vspace(args[argnum]), vspace(g), *args, **kwargs)

    _extended(fun, maker, (argnum,))


def _older_is_zero(fun: Any, argnums: Sequence[int] = (0,)) -> None:
    """Say that the derivatives by `argnums` are zero."""
    warnings.warn(_WARNING.format("defvjp_is_zero"), DeprecationWarning, stacklevel=2)
    _extended(fun, None, argnums)


#: These functions as methods of a primitive, by their names.
OLDER: dict[str, Callable[..., Any]] = {
    "defvjp": _older_defvjp,
    "defgrad": _older_defgrad,
    "defvjp_is_zero": _older_is_zero,
}
