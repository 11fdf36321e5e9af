"""What torch does not let others override, and what is therefore replaced, once, by a function that
looks for Variables among its arguments first.

The user's own `torch.autograd.Function` becomes one recorded operation, whose derivative is that of
the class. (torch would call `forward` with the Variables, without recording, and the gradient would
be lost.) The gradients of Variables are clipped by `torch.nn.utils.clip_grad_norm_` and
`clip_grad_value_`.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.nn.utils import clip_grad

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
            return recorded(get_backend("torch"), own, cls.__name__, args, kwargs, True)
    return _apply(cls, *args, **kwargs)


torch.autograd.Function.apply = classmethod(apply)

_group: Any = clip_grad._group_tensors_by_device_and_dtype


@functools.wraps(_group)
def group(tensors: Any, with_indices: bool = False) -> Any:
    """torch's own, which sorts lists of tensors by device and dtype; Variables, too."""
    if not any([is_variable(x) for row in tensors for x in row]):
        return _group(tensors, with_indices)
    found: dict[Any, Any] = {}
    for place, column in enumerate(zip(*tensors, strict=True)):
        x = next(x for x in column if x is not None)
        rows, places = found.setdefault((x.device, x.dtype), ([[] for _ in tensors], []))
        for row, item in zip(rows, column, strict=True):
            row.append(item)
        places.append(place)
    return found


def _alone(function: Any) -> Any:
    """`function` of parameters, which takes a single Variable, too. (It would iterate over it.)"""

    @functools.wraps(function)
    def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
        return function([parameters] if is_variable(parameters) else parameters, *args, **kwargs)

    return clip


clip_grad._group_tensors_by_device_and_dtype = group
for _name in ("clip_grad_norm_", "clip_grad_value_"):
    _function = _alone(getattr(clip_grad, _name))
    setattr(clip_grad, _name, _function)
    setattr(torch.nn.utils, _name, _function)
