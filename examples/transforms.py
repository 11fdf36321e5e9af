"""Fit a curve by the Gauss-Newton method, with transforms: vmap, jacfwd, hessian, hvp, linearize.

The model a·exp(-b·t) + c is fitted to noisy points. Gauss-Newton steps take the Jacobian of all
residuals at once. The Hessian tells how certain the parameters are; its product with a vector is
also computed without it.

    python examples/transforms.py
    python examples/transforms.py --backend torch
"""

from __future__ import annotations

import argparse
from typing import Any

import pluggrad as pg


def model(p: Any, t: Any) -> Any:
    """The curve at one time `t`."""
    return p[0] * pg.exp(-p[1] * t) + p[2]


def fit(backend: str = "numpy", steps: int = 10) -> dict[str, Any]:
    """The fitted parameters, the loss and its derivatives, and the standard errors of the
    parameters."""
    with pg.use(backend):
        xp = pg.namespace(backend)
        t = xp.linspace(0.0, 4.0, 40, dtype=xp.float64).data
        truth = xp.asarray([2.5, 1.3, 0.5], dtype=xp.float64).data
        noise = 0.05 * xp.sin(xp.asarray(t) * 47.0)  # reproducible on every backend
        y = (noise + pg.vmap(model, (None, 0))(truth, t)).data
        p = xp.asarray([1.0, 1.0, 0.0], dtype=xp.float64).data

    def residuals(p: Any) -> Any:
        return pg.vmap(model, (None, 0))(p, t) - y

    def loss(p: Any) -> Any:
        r = residuals(p)
        return pg.sum(r * r) / 2

    for _ in range(steps):
        r, jacobian = residuals(pg.Variable(p)), pg.Variable(pg.jacfwd(residuals)(p))
        p = p - pg.linalg.solve(jacobian.T @ jacobian, jacobian.T @ r).data

    hessian = pg.hessian(loss)(p)
    variance = pg.linalg.diagonal(pg.linalg.inv(hessian)) * (2 * loss(pg.Variable(p)) / 37)
    v = pg.ones_like(p).data
    _, push = pg.linearize(pg.grad(loss), p)
    return {
        "parameters": p,
        "loss": loss(pg.Variable(p)).item(),
        "gradient": pg.grad(loss)(p),
        "errors": pg.sqrt(variance).data,
        "hessian": hessian,
        "hvp": pg.hvp(loss, (p,), (v,)),
        "linearized": push(v),
    }


def main() -> None:
    """Print the fitted parameters with their standard errors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--backend", default="numpy", help="default: %(default)s")
    found = fit(parser.parse_args().backend)
    for name, p, e in zip("abc", found["parameters"], found["errors"], strict=True):
        print(f"{name} = {float(p):.4f} ± {float(e):.4f}")
    print(f"loss {found['loss']:.6f}")


if __name__ == "__main__":
    main()
