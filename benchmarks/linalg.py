"""Gradients through linear algebra and FFT, on 500 × 500 numbers.

    python benchmarks/linalg.py [--size 500] [--rounds 7] [--only NAME ...]

The NumPy backend runs next to hand-written NumPy, the torch backend next to torch.autograd. Times
are for value and gradient, one thread, the best of interleaved rounds. Target: at most 1.2 × either.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import libraries  # first: it sets the number of threads
import numpy as np

Program = Callable[..., Any]


def solve(xp: Any, a: Any, b: Any) -> Any:
    """Σ x², where x solves a x = b."""
    return xp.sum(xp.linalg.solve(a, b) ** 2)


def solve_by_hand(a: np.ndarray, b: np.ndarray) -> Any:
    """The gradients of `solve` by a and b."""
    x = np.linalg.solve(a, b)
    np.sum(x**2)  # the value, which is computed as well
    db = np.linalg.solve(a.T, 2 * x)
    return -db @ x.T, db


def cholesky(xp: Any, a: Any) -> Any:
    """Σ L², where L is the Cholesky factor."""
    return xp.sum(xp.linalg.cholesky(a) ** 2)


def cholesky_by_hand(a: np.ndarray) -> Any:
    """The gradient of `cholesky`."""
    low = np.linalg.cholesky(a)
    np.sum(low**2)
    phi = np.tril(low.T @ (2 * low))
    phi[np.diag_indices_from(phi)] /= 2
    half = np.linalg.solve(low.T, np.linalg.solve(low.T, phi.T).T)
    return ((half + half.T) / 2,)


def svd(xp: Any, a: Any) -> Any:
    """Σ s³ of the singular values."""
    _, s, _ = xp.linalg.svd(a, full_matrices=False)
    return xp.sum(s**3)


def svd_by_hand(a: np.ndarray) -> Any:
    """The gradient of `svd`."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    np.sum(s**3)
    return ((u * (3 * s**2)) @ vh,)


def eigh(xp: Any, a: Any) -> Any:
    """Σ w² of the eigenvalues plus Σ v⁴ of the eigenvectors."""
    values, vectors = xp.linalg.eigh(a)
    return xp.sum(values**2) + xp.sum(vectors**4)


def eigh_by_hand(a: np.ndarray) -> Any:
    """The gradient of `eigh`."""
    values, v = np.linalg.eigh(a)
    np.sum(values**2) + np.sum(v**4)
    gap = values[None, :] - values[:, None]
    np.fill_diagonal(gap, np.inf)
    inner = (v.T @ (4 * v**3)) / gap
    inner[np.diag_indices_from(inner)] = 2 * values
    g = v @ inner @ v.T
    return ((g + g.T) / 2,)


def fft(xp: Any, x: Any) -> Any:
    """Σ |y|², where y is the Fourier transform of x."""
    return xp.sum(xp.abs(xp.fft.fft(x)) ** 2)


def fft_by_hand(x: np.ndarray) -> Any:
    """The gradient of `fft`."""
    y = np.fft.fft(x)
    size = np.abs(y)
    np.sum(size**2)
    sign = np.divide(y, size, out=np.zeros_like(y), where=size != 0)
    return (np.fft.ifft(2 * size * sign * x.shape[-1]).real,)


def inputs(name: str, n: int) -> list[np.ndarray]:
    """Random matrices of n × n numbers on which program `name` is well conditioned."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(n, n))
    if name == "solve":
        return [a + n**0.5 * np.eye(n), rng.normal(size=(n, n))]
    if name == "cholesky":
        return [a @ a.T / n + np.eye(n)]
    return [a + a.T] if name == "eigh" else [a]


ROWS: dict[str, tuple[Program, Program]] = {
    "solve": (solve, solve_by_hand),
    "cholesky": (cholesky, cholesky_by_hand),
    "svd": (svd, svd_by_hand),
    "eigh": (eigh, eigh_by_hand),
    "fft": (fft, fft_by_hand),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", type=int, default=500, help="rows and columns")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved repetitions")
    parser.add_argument("--only", nargs="*", default=list(ROWS), choices=list(ROWS))
    options = parser.parse_args()
    ours, torch = libraries.Pluggrad(), libraries.load("torch")
    pg = ours.root
    print(f"{'':<10}{'NumPy backend':>15}{'by hand':>11}{'ratio':>7}", end="")
    print(
        f"{'torch backend':>16}{'torch':>11}{'ratio':>7}"
        if torch
        else "   (torch is not installed)"
    )
    for name in options.only:
        f, by_hand = ROWS[name]
        arrays = inputs(name, options.size)
        steps = [ours.step(f, arrays, []), lambda: by_hand(*arrays)]
        if torch is not None:
            tensors = [pg.Variable(torch.constant(a), requires_grad=True) for a in arrays]

            def through_torch(f: Any = f, tensors: Any = tensors) -> Any:
                for v in tensors:
                    v.grad = None
                f(pg, *tensors).backward()
                return [v.grad.data.numpy() for v in tensors]

            steps += [through_torch, torch.step(f, [a.copy() for a in arrays], [])]
        answers = [[np.asarray(g) for g in step()] for step in steps]
        for answer in answers[1:]:
            for a, b in zip(answers[0], answer, strict=True):
                np.testing.assert_allclose(
                    symmetric(name, a), symmetric(name, b), rtol=1e-6, atol=1e-6
                )
        times = libraries.best(steps, options.rounds)
        for a, b in zip(times[::2], times[1::2], strict=True):
            width = 15 if a is times[0] else 16
            print(f"{name if a is times[0] else '':<{10 if a is times[0] else 0}}"
                  f"{a * 1e3:>{width - 3}.1f} ms{b * 1e3:>8.1f} ms{a / b:>7.2f}", end="")  # fmt: skip
        print()


def symmetric(name: str, g: np.ndarray) -> np.ndarray:
    """`g`, made symmetric where libraries spread the gradient of a symmetric matrix over its two
    triangles in different ways."""
    return (g + g.T) / 2 if name in ("cholesky", "eigh") else g


if __name__ == "__main__":
    main()
