"""torch.autograd, through torch's own functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..operations import Operation
from .system import Function, System, Unmapped, has

__all__ = ["system"]


class _Torch(System):
    """torch.autograd on the CPU; forwards by `torch.func.jvp`."""

    name, module, own_oracle = "torch", "torch", ("torch",)
    dtypes = ("float64", "float32", "complex128", "complex64")
    modes = ("reverse", "forward", "second")
    setup = "import torch, array_api_compat.torch as xp"
    names: ClassVar[dict[str, str]] = {
        name: f"lambda x, axis=None, keepdims=False: torch.{own}(x, tuple(range(x.ndim)) "
        "if axis is None else axis, keepdims)"
        for name, own in (("logsumexp", "logsumexp"), ("special.logsumexp", "special.logsumexp"))
    } | {
        name: f"lambda x, axis=-1: torch.{own}(x, axis)"
        for name, own in (
            ("softmax", "softmax"), ("log_softmax", "log_softmax"),
            ("special.softmax", "special.softmax"), ("special.log_softmax", "special.log_softmax"),
        )
    } | {
        "sort": "xp.sort", "linalg.cond": "torch.linalg.cond",
        "linalg.svd": "torch.linalg.svd", "unique_values": "xp.unique_values",
        "nansum": "lambda x, axis=None, keepdims=False: torch.nansum(x, axis, keepdims)",
        "nanmean": "lambda x, axis=None, keepdims=False: torch.nanmean(x, axis, keepdims)",
    }  # fmt: skip
    refusals = (NotImplementedError,)
    making, reading = "torch.asarray({})", "np.array(a.tolist())"
    asking: ClassVar[dict[str, str]] = {
        "value": "got = f(*x)",
        "gradient": "v = [a.clone().requires_grad_() for a in x]; got = torch.autograd.grad("
        "f(*v), v, c, materialize_grads=True)",
        "tangent": "got = torch.func.jvp(f, tuple(x), tuple(t))[1]",
        "second": "v = [a.clone().requires_grad_() for a in x]; g = torch.autograd.grad("
        "f(*v), v, c, create_graph=True)\ngot = torch.autograd.grad(g, v, t)",
    }

    def array(self, x: np.ndarray) -> Any:
        import torch

        if x.dtype.name == "bfloat16":
            return torch.from_numpy(x.astype(np.float32)).to(torch.bfloat16)
        return torch.from_numpy(np.array(x, order="C"))

    def to_numpy(self, x: Any) -> np.ndarray:
        x = x.detach()
        if x._is_zerotensor():
            x = x.clone()
        x = x.resolve_conj().resolve_neg()
        return np.array((x.float() if self.dtype_name(x) == "bfloat16" else x).numpy())

    def pull(self, f: Function, xs: list[Any], cs: list[Any], deeper: bool = False) -> list[Any]:
        import torch

        if not deeper:
            xs = [x.detach().clone().requires_grad_() for x in xs]
        ys = f(*xs)
        pairs = [(y, c) for y, c in zip(ys, cs, strict=True) if y.requires_grad]
        if not pairs:
            return [torch.zeros_like(x) for x in xs]
        outputs, seeds = [y for y, _ in pairs], [c for _, c in pairs]
        return list(
            torch.autograd.grad(outputs, xs, seeds, create_graph=deeper, materialize_grads=True)
        )

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        import torch

        return list(torch.func.jvp(lambda *x: tuple(f(*x)), tuple(xs), tuple(ts))[1])

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        def gradient(*leaves: Any) -> list[Any]:
            return self.pull(f, list(leaves), cs, deeper=True)

        return self.pull(gradient, xs, ts)

    # ------------------------------------------------------------------ names

    def expression(self, name: str) -> str:
        if name in self.names:
            return self.names[name]
        import array_api_compat.torch as xp
        import torch

        if name.startswith("special."):
            return f"torch.{name}" if has(f"torch.{name}") else ""
        room, _, last = name.rpartition(".")
        place = getattr(xp, room) if room else xp
        found = getattr(place, last, None)
        if not callable(found) and not isinstance(found, torch.dtype):
            return ""
        own = getattr(getattr(torch, room) if room else torch, last, None)
        return f"torch.{name}" if own is found else f"xp.{name}"

    def written(self, operation: Operation) -> str:
        spelled = operation.torch
        if spelled is None or operation.name in self.names:
            return super().written(operation)
        if not spelled.__qualname__.startswith("torch_function"):
            return ""
        facts = inspect.getclosurevars(spelled).nonlocals
        path, words = f"torch.{facts['name']}", facts.get("words")
        if not has(path):
            return ""
        named = f"{{{words!r}.get(n, n): v for n, v in k.items()}}"
        return f"lambda *x, **k: {path}(*x, **{named})" if words else path

    def call(self, operation: Operation) -> Callable[..., Any]:
        """Rows say in one line how torch spells an operation. Where they say it in a function of
        several lines, that is a substitute for what torch lacks: it is not asked about."""
        import torch

        spelled = operation.torch
        if spelled is None or operation.name in ("getitem", "setitem", *self.names):
            return super().call(operation)
        if self.written(operation) or operation.no_torch:
            return super().call(operation)
        if not spelled.__qualname__.endswith(("<lambda>", "along.<locals>.call")):
            raise Unmapped(f"torch has no {operation.name}")
        return lambda xp, *args, **kwargs: spelled(torch, *args, **kwargs)


system = _Torch()
