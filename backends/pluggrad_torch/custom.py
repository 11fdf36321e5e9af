"""The user's own `torch.autograd.Function` on Variables: one recorded operation, whose derivative
is that of the class.

`apply` is no function that torch lets others override: it would call `forward` with the Variables,
without recording, and the gradient would be lost. So it is replaced, once, by one that looks at its
arguments first.
"""

from __future__ import annotations

import functools
from typing import Any

import torch

from pluggrad.plugin import get_backend, is_variable

__all__: list[str] = []

_apply: Any = torch.autograd.Function.__dict__["apply"].__func__


@functools.wraps(_apply)
def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """torch's own; with a Variable among the arguments, as one recorded operation."""
    for x in args:
        if is_variable(x):
            from .recorded import recorded

            own = functools.partial(_apply, cls)
            own.__name__ = cls.__name__  # type: ignore[attr-defined]
            return recorded(get_backend("torch"), own, cls.__name__, args, kwargs)
    return _apply(cls, *args, **kwargs)


torch.autograd.Function.apply = classmethod(apply)
