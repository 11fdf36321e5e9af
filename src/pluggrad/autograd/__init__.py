"""The face of `torch.autograd`: `backward`, `grad`, `Function`, `gradcheck` and grad modes."""

from __future__ import annotations

from .. import transforms as _transforms  # noqa: F401  (whole, before parts: threads may import both)
from ..engine.anomaly import detect_anomaly, set_detect_anomaly
from ..engine.differentiate import backward
from ..engine.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from ..engine.modes import saved_tensors_hooks
from . import function, graph
from .checking import gradcheck, gradgradcheck
from .function import Function
from .gradients import grad

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "saved_tensors_hooks",
    "set_detect_anomaly",
    "set_grad_enabled",
]
