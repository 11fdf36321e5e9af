"""torch.autograd in double precision: the main oracle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..problem import Problem, wide
from .answers import NoAnswer, wide_cotangents, wide_inputs

__all__ = ["NAME", "torch_answer", "torch_values"]

NAME = "torch"


@contextmanager
def _double(torch: Any) -> Iterator[None]:
    """float64 as torch's default in this block, for the numbers that a row makes by itself."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def _function(problem: Problem) -> Any:
    import array_api_compat.torch as xp
    import torch

    row = problem.operation
    if row.no_torch:
        raise NoAnswer(f"torch has no {row.name}")
    spelled = row.torch
    how = None if spelled is None else lambda _, *args, **kw: spelled(torch, *args, **kw)
    f = problem.function(xp, lambda x: _tensor(torch, wide(x)), how)
    # torch refuses to write into leaves, as some rows do: give them clones
    return torch, lambda *inputs: f(*[x.clone() for x in inputs])


def _tensor(torch: Any, x: np.ndarray) -> Any:
    return torch.from_numpy(np.array(x, order="C"))


def _numpy(x: Any) -> np.ndarray:
    x = x.detach()
    if x._is_zerotensor():  # zeros without memory, as some derivatives of torch are
        x = x.clone()
    return np.asarray(x.resolve_conj().resolve_neg().numpy())


def _derivatives(
    torch: Any, ys: list[Any], xs: list[Any], gs: list[Any], deeper: bool
) -> list[Any]:
    """The cotangents of `xs`; zeros where `ys` do not depend on them."""
    pairs = [(y, g) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
    if not pairs:
        return [torch.zeros_like(x) for x in xs]
    return list(
        torch.autograd.grad(
            [y for y, _ in pairs],
            xs,
            [g for _, g in pairs],
            create_graph=deeper,
            retain_graph=True,
            materialize_grads=True,
        )
    )


def torch_answer(problem: Problem, quantity: str) -> list[np.ndarray]:
    """The quantity as torch.autograd computes it.

    Tangents come from differentiating twice backwards: torch's forward rules decide some ties in
    another way than its backward ones.
    """
    torch, f = _function(problem)
    with _double(torch):
        if quantity == "value":
            with torch.no_grad():
                return [_numpy(y) for y in f(*[_tensor(torch, x) for x in wide_inputs(problem)])]
        xs = [_tensor(torch, x).requires_grad_() for x in wide_inputs(problem)]
        outputs = f(*xs)
        pairs = [
            (y, _tensor(torch, c))
            for y, c in zip(outputs, wide_cotangents(problem, outputs), strict=True)
            if c is not None
        ]
        ys, cs = [y for y, _ in pairs], [c for _, c in pairs]
        if quantity == "gradient":
            return [_numpy(g) for g in _derivatives(torch, ys, xs, cs, deeper=False)]
        ts = [_tensor(torch, wide(t)) for t in problem.tangents()]
        if quantity == "second":
            gs = _derivatives(torch, ys, xs, cs, deeper=True)
            return [_numpy(h) for h in _derivatives(torch, gs, xs, ts, deeper=False)]
        try:
            us = [c.requires_grad_() for c in cs]
            gs = _derivatives(torch, ys, xs, us, deeper=True)
            return [_numpy(t) for t in _derivatives(torch, gs, us, ts, deeper=False)]
        except (RuntimeError, NotImplementedError):  # no second derivative: use the forward rules
            ys = list(torch.func.jvp(f, tuple(x.detach() for x in xs), tuple(ts))[1])
            cotangents = wide_cotangents(problem, ys)
            return [_numpy(y) for y, c in zip(ys, cotangents, strict=True) if c is not None]


def torch_values(problem: Problem) -> Any:
    """The outputs as NumPy arrays, as a function of NumPy inputs, without autograd."""
    torch, f = _function(problem)

    def value(*inputs: np.ndarray) -> list[np.ndarray]:
        with _double(torch), torch.no_grad():
            return [_numpy(y) for y in f(*[_tensor(torch, x) for x in inputs])]

    return value
