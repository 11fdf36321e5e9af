"""Functions with rules of their own that several test files of `autograd.Function` use."""

from __future__ import annotations

from typing import Any

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
