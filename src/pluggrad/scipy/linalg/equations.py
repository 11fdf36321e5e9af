"""Equations whose unknown is a matrix between two others."""

from __future__ import annotations

from typing import Any

from ...arrays.dispatch import xp
from ...errors import InvalidArgumentError
from ...rules.linalg import identity
from ..arguments import adjoint, broadcast_shapes, check_square, floats
from ..rows import public
from .linear_rows import SYLVESTER

__all__ = ["solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_lyapunov",
           "solve_sylvester"]  # fmt: skip


def _equation(where: str, a: Any, b: Any, q: Any) -> Any:
    """The solution of ``a @ x + x @ b = q``; axes in front are broadcast."""
    check_square(where, a, b)
    if q.ndim < 2 or q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise InvalidArgumentError(
            f"scipy.{where}: the shape of `q` is {q.shape}, not that of the solution, "
            f"{(a.shape[-1], b.shape[-1])}"
        )
    if max(a.ndim, b.ndim, q.ndim) > 2:
        front = broadcast_shapes(a, a.shape[:-2], b.shape[:-2], q.shape[:-2])
        a, b, q = [xp.broadcast_to(x, (*front, *x.shape[-2:])) for x in (a, b, q)]
    return SYLVESTER(a, b, q)


@public("linalg", arrays="a b q")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution of Sylvester's equation ``a @ x + x @ b = q``.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve_sylvester.html
    """
    a, b, q = floats("linalg.solve_sylvester", a, b, q, check_finite=True)
    return _equation("linalg.solve_sylvester", a, b, q)


@public("linalg", arrays="a q")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The solution of Lyapunov's equation ``a @ x + x @ a.conj().T = q``.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve_continuous_lyapunov.html
    """
    a, q = floats("linalg.solve_continuous_lyapunov", a, q, check_finite=True)
    check_square("linalg.solve_continuous_lyapunov", a, q)
    return _equation("linalg.solve_continuous_lyapunov", a, adjoint(a), q)


solve_lyapunov = solve_continuous_lyapunov


@public("linalg", arrays="a q")
def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """The solution of the discrete Lyapunov equation ``a @ x @ a.conj().T - x + q = 0``.

    https://docs.scipy.org/doc/scipy/reference/generated/scipy.linalg.solve_discrete_lyapunov.html
    """
    where = "linalg.solve_discrete_lyapunov"
    method = method.lower() if isinstance(method, str) else method
    if method not in (None, "direct", "bilinear"):
        raise InvalidArgumentError(f"scipy.{where}: there is no method {method!r}")
    a, q = floats(where, a, q)
    check_square(where, a, q)
    if a.ndim != 2 or a.shape != q.shape:
        raise InvalidArgumentError(
            f"scipy.{where} takes two square matrices of one shape, not {a.shape} and {q.shape}; "
            "for batches, use `pluggrad.vmap`"
        )
    n, one, h = a.shape[0], identity(a), adjoint(a)
    if method == "direct" or (method is None and n < 10):
        product = xp.reshape(a[:, None, :, None] * xp.conj(a)[None, :, None, :], (n * n, n * n))
        x = xp.linalg.solve(identity(product) - product, xp.reshape(q, (-1, 1)))
        return xp.reshape(x, (n, n))
    inverse = xp.linalg.inv(h + one)
    b = (h - one) @ inverse
    c = 2 * xp.linalg.inv(a + one) @ q @ inverse
    return _equation(where, adjoint(b), b, -c)
