"""Whole programs, of many operations each, as functions of a namespace and arrays."""

from __future__ import annotations

from typing import Any

__all__ = ["attention", "gaussian_process", "kalman", "masked_log", "mlp", "nbody", "rnn"]


def mlp(xp: Any, images: Any, w1: Any, b1: Any, w2: Any, b2: Any, labels: Any) -> Any:
    """The loss of a network of two layers, on a batch of images with one-hot labels."""
    z = xp.tanh(images @ w1 + b1) @ w2 + b2
    z = z - xp.max(z, axis=1, keepdims=True)
    log_softmax = z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
    return -xp.sum(log_softmax * labels) / images.shape[0]


def rnn(xp: Any, inputs: Any, w: Any, u: Any, start: Any, length: Any) -> Any:
    """The last state of a recurrent network, after as many steps as `length`, an integer array."""
    h = start
    for k in range(int(length)):
        h = xp.tanh(w @ h + u @ inputs[k, :])
    return h


def kalman(xp: Any, f: Any, h: Any, q: Any, r: Any, observed: Any) -> Any:
    """The negative log-likelihood of a linear system with noise, by the Kalman filter."""
    x, p = xp.zeros_like(observed[0, :]) @ h, q * 1
    total = 0.0
    for k in range(observed.shape[0]):
        x, p = f @ x, f @ p @ xp.matrix_transpose(f) + q
        s = h @ p @ xp.matrix_transpose(h) + r
        error = observed[k, :] - h @ x
        gain = xp.matrix_transpose(xp.linalg.solve(s, h @ p))
        total = total + error @ xp.linalg.inv(s) @ error + xp.log(xp.linalg.det(s))
        x, p = x + gain @ error, p - gain @ h @ p
    return total / 2


def nbody(xp: Any, places: Any, speeds: Any, masses: Any) -> Any:
    """The energy of bodies under gravity after ten leapfrog steps."""

    def pull(q: Any) -> Any:
        d = xp.expand_dims(q, axis=0) - xp.expand_dims(q, axis=1)
        r2 = xp.sum(d * d, axis=-1) + 0.1
        return xp.sum(d * xp.expand_dims(masses * r2**-1.5, axis=-1), axis=1)

    q, v = places, speeds
    for _ in range(10):
        v = v + 0.01 * pull(q)
        q = q + 0.02 * v
        v = v + 0.01 * pull(q)
    return xp.sum(masses * xp.sum(v * v, axis=1)) / 2 + xp.sum(q * q)


def gaussian_process(xp: Any, x: Any, y: Any, scale: Any, noise: Any) -> Any:
    """The negative log-likelihood of a Gaussian process with a squared exponential kernel."""
    d = (xp.expand_dims(x, axis=0) - xp.expand_dims(x, axis=1)) / scale
    identity = xp.astype(xp.expand_dims(x, axis=0) == xp.expand_dims(x, axis=1), x.dtype)
    k = xp.exp(-d * d / 2) + noise * identity
    low = xp.linalg.cholesky((k + xp.matrix_transpose(k)) / 2)
    z = xp.linalg.solve(low, y)
    return xp.sum(z * z) / 2 + xp.sum(xp.log(xp.linalg.diagonal(low)))


def attention(xp: Any, x: Any, wq: Any, wk: Any, wv: Any) -> Any:
    """One head of self-attention, causal, with a residual."""
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ xp.matrix_transpose(k) / wq.shape[1] ** 0.5
    scores = scores - 1e3 * xp.triu(xp.ones_like(scores), k=1)
    scores = scores - xp.max(scores, axis=-1, keepdims=True)
    weights = xp.exp(scores)
    return x + weights / xp.sum(weights, axis=-1, keepdims=True) @ v


def masked_log(xp: Any, x: Any) -> Any:
    """The logarithm of positive numbers, and 0 elsewhere; `where` computes both branches."""
    return xp.where(x > 0, xp.log(x), xp.zeros_like(x))
