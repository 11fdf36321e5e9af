"""Custom operations made of their rules, and a checkpoint that is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggrad as pg


def made_by_jvp(fun: Any, rule: Any, **settings: Any) -> Any:
    """A `custom_jvp` with its rule."""
    f = pg.custom_jvp(fun, **settings)
    f.defjvp(rule)
    return f


def made_by_vjp(fun: Any, fwd: Any, bwd: Any, **settings: Any) -> Any:
    """A `custom_vjp` with its rules."""
    f = pg.custom_vjp(fun, **settings)
    f.defvjp(fwd, bwd)
    return f


def made_by_function(forward: Any, backward: Any, **more: Any) -> Any:
    """A `Function` with these static methods, applied."""
    methods = {"forward": forward, "backward": backward, **more}
    made = type("Made", (pg.autograd.Function,), {k: staticmethod(f) for k, f in methods.items()})
    return made.apply


def not_checkpointed(fun: Callable[..., Any], **_: Any) -> Callable[..., Any]:
    """In the place of `checkpoint`: the function itself."""
    return fun
