"""From operators on functions of one argument to operators that take `argnum`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...errors import OutOfRangeError, TypeMismatchError

__all__ = ["get_name", "unary_to_nary"]


def get_name(fun: Any) -> str:
    """The name of a function, for messages."""
    return str(getattr(fun, "__name__", "[unknown name]"))


def unary_to_nary(operator: Callable[..., Any]) -> Any:
    """`operator`, which takes a function and the one argument to differentiate by, as an operator
    ``(fun, argnum=0, *options)`` that returns a function of all arguments.

    `argnum` is the number of a positional argument, or a tuple or list of numbers; then the
    derivative is by the tuple of these arguments.
    """

    @functools.wraps(operator)
    def nary(fun: Callable[..., Any], argnum: Any = 0, *options: Any, **settings: Any) -> Any:
        if type(argnum) not in (int, tuple, list):
            raise TypeMismatchError(f"argnum is an int, or a tuple or list of ints, not {argnum!r}")
        one = type(argnum) is int

        name, of = get_name(operator), get_name(fun)

        def derived(*args: Any, **kwargs: Any) -> Any:
            try:
                x = args[argnum] if one else tuple([args[i] for i in argnum])
            except IndexError:
                raise OutOfRangeError(
                    f"argnum={argnum}, but {get_name(fun)} was called with {len(args)} positional "
                    "arguments"
                ) from None
            if one and len(args) == 1 and not kwargs:
                return operator(fun, x, *options, **settings)

            def of_one(x: Any) -> Any:
                call = list(args)
                if one:
                    call[argnum] = x
                else:
                    for i, item in zip(argnum, x, strict=True):
                        call[i] = item
                return fun(*call, **kwargs)

            of_one.__name__ = of
            return operator(of_one, x, *options, **settings)

        derived.__name__ = f"{name}_of_{of}_wrt_argnum_{argnum}"
        derived.__doc__ = (
            f"    {name} of function {of} with respect to argument number {argnum}. It takes the\n"
            f"    arguments of {of}."
        )
        return derived

    return nary
