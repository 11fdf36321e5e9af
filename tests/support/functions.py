"""Functions that several test files differentiate: with rules of their own, with several results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

import pluggrad as pg
from pluggrad.autograd import Function


class Cube(Function):
    """factor · x³."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float = 1.0) -> Any:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return factor * x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * ctx.factor * x**2 * g, None


def scaling(base: Any) -> Any:
    """x y², as a Function of ours or of torch's, whichever `base` is."""

    class Scale(base):
        generate_vmap_rule = base is not Function  # torch asks for it

        @staticmethod
        def forward(x, y):
            return x * y * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y * y, 2 * g * x * y

    return Scale


def several_results(x: Any, w: Any) -> Any:
    """Several results, of which some depend on one argument alone, on any backend."""
    y = pg.tanh(x @ w)
    return {"y": y, "s": [pg.sum(y * y * x[:, :1]), pg.exp(w)]}


def function_that_vmap_cannot_batch() -> SimpleNamespace:
    """It in `f`, and the shapes that it was called with in `calls`."""
    calls = []

    class Sine(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            calls.append(x.shape)
            ctx.save_for_backward(x)
            return np.sin(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * np.cos(x)

    return SimpleNamespace(f=lambda x: Sine.apply(x) * x, calls=calls)
