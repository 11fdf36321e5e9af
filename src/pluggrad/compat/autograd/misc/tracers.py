"""`const_graph`: HIPS autograd's wrapper for functions whose graph never changes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["const_graph", "const_graph_unary"]


def const_graph(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """`fun` with these first arguments and keywords.

    HIPS autograd follows its graph once and replays it. Here it runs each time, so it need not be
    the same each time; `pluggrad.compile` makes programs.
    """
    return functools.wraps(fun)(functools.partial(fun, *args, **kwargs))


def const_graph_unary(fun: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`const_graph` for a function of one argument."""
    return const_graph(fun)
