"""Gradients on CUDA: right, and how fast. Run ``python -m tests.gpu``.

For torch, JAX and CuPy it compares values and gradients with those of NumPy, and times an MLP against
the library's own autograd where there is one. A library without a GPU is named, with the reason.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pluggrad as pg

PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: pg.sum(pg.exp(x) * pg.sin(x) + 2.0 * x - x / 3.0),
    "matmul": lambda x: pg.sum(pg.tanh(pg.matmul(x, pg.permute_dims(x, (1, 0))))),
    "slices": lambda x: pg.sum(x[1:] * x[:-1]) + x[2, 3] ** 2,
    "duplicated indices": lambda x: pg.sum(pg.take(x, pg.argsort(x[:, 0]) // 2, axis=0) ** 3),
    "softmax": lambda x: pg.sum(pg.softmax(x, axis=1) ** 2),
    "special": lambda x: pg.sum(pg.special.erf(x) + pg.special.gammaln(x * x + 1.0)),
    "write": lambda x: pg.sum(written(x) ** 2),
    "solve": lambda x: pg.sum(
        pg.linalg.solve(pg.matmul(pg.permute_dims(x, (1, 0)), x) + 8.0 * pg.tril(x[:8] * 0 + 1.0),
                        pg.permute_dims(x, (1, 0)))
    ),
}  # fmt: skip


def written(x: Any) -> Any:
    y = x * x
    y[1, ::2] = 3.0 * x[0, ::2]
    return y


def torch_device() -> tuple[Any, Any, Any]:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError(f"torch {torch.__version__} finds no CUDA device")
    return (
        lambda a: torch.asarray(a, device="cuda"),
        lambda y: y.cpu().numpy(),
        lambda y: torch.cuda.synchronize(),
    )


def jax_device() -> tuple[Any, Any, Any]:
    import jax

    devices = [d for d in jax.devices() if d.platform == "gpu"]
    if not devices:
        raise RuntimeError(f"jax {jax.__version__} finds no GPU, only {jax.devices()[0].platform}")
    return (lambda a: jax.device_put(a, devices[0]), np.asarray, jax.block_until_ready)


def cupy_device() -> tuple[Any, Any, Any]:
    import cupy

    if not cupy.cuda.is_available():
        raise RuntimeError(f"cupy {cupy.__version__} finds no CUDA device")
    return (cupy.asarray, lambda y: y.get(), lambda y: cupy.cuda.Device().synchronize())


LIBRARIES = {"torch": torch_device, "jax": jax_device, "cupy": cupy_device}


def mlp(xp: Any, w: Any, x: Any) -> Any:
    return xp.sum(xp.tanh(xp.matmul(xp.tanh(xp.matmul(x, w[0])), w[1])) ** 2)


def seconds(run: Callable[[], Any], wait: Callable[[Any], Any]) -> float:
    """The least time of five runs, after two that warm up."""
    times = []
    for _ in range(7):
        wait(run())
        start = time.perf_counter()
        wait(run())
        times.append(time.perf_counter() - start)
    return min(times[2:])


def native(name: str, w: Any, x: Any) -> Callable[[], Any] | None:
    """The same gradient by the library's own autograd."""
    if name == "jax":
        import jax
        import jax.numpy as jnp

        return lambda: jax.grad(lambda w: mlp(jnp, w, x))(w)
    if name == "torch":
        import torch

        leaves = [a.clone().requires_grad_() for a in w]
        return lambda: torch.autograd.grad(mlp(torch, leaves, x), leaves)
    return None


def check(name: str, put: Any, get: Any) -> list[str]:
    """The programs whose value or gradient is not NumPy's."""
    x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
    wrong = []
    for program, f in PROGRAMS.items():
        want, got = pg.value_and_grad(f)(x), pg.value_and_grad(f)(put(x))
        try:
            for a, b in zip(want, got, strict=True):
                np.testing.assert_allclose(get(b), a, rtol=2e-3, atol=2e-3)
        except AssertionError as error:
            wrong.append(f"{name}, {program}: {error}")
    return wrong


def main() -> int:
    failed = 0
    for name, open_device in LIBRARIES.items():
        try:
            put, get, wait = open_device()
        except (ImportError, RuntimeError) as reason:
            print(f"{name:6} skipped: {reason}")
            continue
        wrong = check(name, put, get)
        failed += len(wrong)
        print(f"{name:6} {len(PROGRAMS) - len(wrong)} of {len(PROGRAMS)} programs right", *wrong,
              sep="\n  ")  # fmt: skip
        rng = np.random.default_rng(1)
        for size in (256, 2048):
            shapes = ((size, size),) * 3
            *w, x = [put(rng.normal(size=s).astype("float32") / size**0.5) for s in shapes]
            ours = seconds(lambda w=w, x=x: pg.grad(lambda w: mlp(pg, w, x))(w), wait)
            other = native(name, w, x)
            line = f"{name:6} MLP {size}: {ours * 1e3:.2f} ms"
            if other is not None:
                theirs = seconds(other, wait)
                line += f", {name}'s own {theirs * 1e3:.2f} ms, ratio {ours / theirs:.2f}"
            print(line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
