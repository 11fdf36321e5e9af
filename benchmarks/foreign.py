"""What a function of torch or JAX costs as a recorded operation, next to the framework's own time.

    python benchmarks/foreign.py [--rounds 40]

Each time is for the function forward and backward with a given cotangent, with one thread, the best
of interleaved rounds. The first table has functions of torch on Variables over torch, by torch's own
derivative; target: at most 1.3 × torch.autograd. The second has `pg.interop.torch.call` and
`pg.interop.jax.call` with NumPy's arrays, beside torch.autograd and jax.vjp with their own; target:
at most 60 µs more. The last row has JAX's best, where the user jits the function and its pullback.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import libraries  # first: it sets the number of threads
import numpy as np

import pluggrad as pg

Step = Callable[[], Any]


def in_torch(f: Callable[..., Any], args: list[Any]) -> Step:
    """`f` by torch.autograd."""
    import torch

    xs = [x.clone().requires_grad_() for x in args]
    seed = torch.ones_like(f(*xs))

    def run() -> Any:
        for x in xs:
            x.grad = None
        f(*xs).backward(seed)
        return xs[0].grad

    return run


def in_pluggrad(f: Callable[..., Any], args: list[Any]) -> Step:
    """`f` on Variables."""
    xs = [pg.Variable(x, requires_grad=True) for x in args]
    seed = pg.ones_like(f(*xs).detach())

    def run() -> Any:
        for x in xs:
            x.grad = None
        f(*xs).backward(seed)
        return xs[0].grad.data

    return run


def in_jax(f: Callable[..., Any], args: list[Any]) -> Step:
    """`f` by jax.vjp, on JAX's own arrays."""
    import jax
    import jax.numpy as jnp

    xs = [jnp.asarray(x) for x in args]
    seed = jnp.ones_like(f(*xs))

    def run() -> Any:
        _, pull = jax.vjp(f, *xs)
        return jax.block_until_ready(pull(seed))[0]

    return run


def in_compiled_jax(f: Callable[..., Any], args: list[Any]) -> Step:
    """`f` and the pullback of jax.vjp, both jitted by hand."""
    import jax
    import jax.numpy as jnp

    xs = [jnp.asarray(x) for x in args]
    seed = jnp.ones_like(f(*xs))
    forward, backward = jax.jit(lambda *xs: jax.vjp(f, *xs)), jax.jit(lambda pull, g: pull(g))

    def run() -> Any:
        _, pull = forward(*xs)
        return jax.block_until_ready(backward(pull, seed))[0]

    return run


def functions_of_torch() -> dict[str, tuple[Step, Step]]:
    """Functions of torch: by torch.autograd, and on Variables."""
    import torch
    import torch.nn.functional as F

    torch.manual_seed(0)
    torch.set_num_threads(1)
    image, weight = torch.randn(8, 16, 32, 32), torch.randn(16, 16, 3, 3)
    heads = [torch.randn(4, 8, 128, 64) for _ in range(3)]
    rows = {
        "conv2d 8×16×32×32, 3×3": (lambda x, w: F.conv2d(x, w, padding=1), [image, weight]),
        "attention 4×8×128×64": (F.scaled_dot_product_attention, heads),
        "layer_norm 64×256": (lambda x: F.layer_norm(x, (256,)), [torch.randn(64, 256)]),
    }
    return {name: (in_torch(f, args), in_pluggrad(f, args)) for name, (f, args) in rows.items()}


def calls() -> dict[str, tuple[Step, Step]]:
    """Functions of a framework: by itself, and by `call` with NumPy's arrays."""
    import jax
    import jax.numpy as jnp
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 8))
    for p in module.parameters():
        p.requires_grad_(False)
    x = np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32)
    w = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    layer = jax.jit(lambda x, w: jnp.tanh(x @ w))
    ours = in_pluggrad(pg.interop.jax.call(layer), [x, w])
    return {
        "torch, a module": (
            in_torch(module, [torch.asarray(x)]), in_pluggrad(pg.interop.torch.call(module), [x])
        ),
        "JAX, jitted": (in_jax(layer, [x, w]), ours),
        "JAX, jitted with pullback": (in_compiled_jax(layer, [x, w]), ours),
    }  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="rounds (default: %(default)s)")
    rounds = parser.parse_args().rounds
    for rows in (functions_of_torch(), calls()):
        print(f"{'':26}{'itself':>12}{'pluggrad':>12}{'ratio':>8}{'more':>12}")
        for name, (theirs, ours) in rows.items():
            np.testing.assert_allclose(np.asarray(ours()), np.asarray(theirs()), rtol=1e-4)
            first, second = libraries.best([theirs, ours], rounds)
            print(f"{name:26}{first * 1e6:>9.1f} µs{second * 1e6:>9.1f} µs"
                  f"{second / first:>8.2f}{(second - first) * 1e6:>9.1f} µs")  # fmt: skip


if __name__ == "__main__":
    main()
