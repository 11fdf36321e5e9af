"""The loss of a small recurrent network that predicts the next character of a text.

Each of two layers, with input x, hidden state h and cell c, computes, component by component,

    c ← c σ(x w₀ + b₀) + σ(h w₁ + b₁) tanh(h w₃ + b₃)
    h ← σ(x w₂ + b₂) tanh(c)

and hands h to the next layer. The first gets the bits of a character times a weight; the last gives
y, times a weight and plus a bias. The loss is the mean of -Σ target (y - log(2 + Σ exp y)).
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["lstm_inputs", "lstm_objective"]

LAYERS, BITS = 2, 14


def lstm_inputs(characters: int) -> list[Any]:
    """Parameters of the layers (weights, biases), of what is around them, and the first state, all
    uniformly distributed; and the bits of random characters."""
    rng = np.random.default_rng(characters)
    return [
        rng.uniform(-1, 1, (LAYERS, 2, 4, BITS)), rng.uniform(-1, 1, (3, BITS)),
        rng.uniform(-1, 1, (LAYERS, 2, BITS)),
        rng.integers(0, 2, (characters, BITS)).astype(np.float64),
    ]  # fmt: skip


def lstm_objective(xp: Any, layers: Any, around: Any, state: Any, text: Any) -> Any:
    """The loss over the text."""
    hidden = [state[k, 0, :] for k in range(LAYERS)]
    cells = [state[k, 1, :] for k in range(LAYERS)]
    weights = [[layers[k, 0, j, :] for j in range(4)] for k in range(LAYERS)]
    biases = [[layers[k, 1, j, :] for j in range(4)] for k in range(LAYERS)]
    before, after, bias = around[0, :], around[1, :], around[2, :]
    total = 0.0
    steps = text.shape[0] - 1
    for t in range(steps):
        x = text[t, :] * before
        for k in range(LAYERS):
            w, b, h = weights[k], biases[k], hidden[k]
            kept = cells[k] * sigmoid(xp, x * w[0] + b[0])
            new = sigmoid(xp, h * w[1] + b[1]) * xp.tanh(h * w[3] + b[3])
            cells[k] = kept + new
            hidden[k] = x = sigmoid(xp, x * w[2] + b[2]) * xp.tanh(cells[k])
        y = x * after + bias
        total = total + xp.sum(text[t + 1, :] * (y - xp.log(2 + xp.sum(xp.exp(y)))))
    return -total / (steps * BITS)


def sigmoid(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x))"""
    return 1 / (1 + xp.exp(-x))
