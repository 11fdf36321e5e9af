"""`scipy.optimize`: roots, fits and programs as functions of their parameters.

The equations have solutions in closed form, which torch and JAX differentiate. Minima are not here:
SciPy stops at half of the digits.
"""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

from ..operations import Array
from .rows import usual
from .scipy_rows import scipy

p, q, matrix = Array(values=1.7), Array((3,), 0.6, 2.5), Array((4, 2), 0.5, 2)


def cube_root(_: Any, p: Any) -> Any:
    """What the equations below are solved by."""
    return p ** (1 / 3)


def cubic(x: Any, p: Any) -> Any:
    """The equation x³ = p."""
    return x * x * x - p


for name in ("bisect", "brentq", "brenth", "ridder", "toms748"):
    scipy(f"optimize.{name}", usual(p), how=lambda s, p, name=name: getattr(s.optimize, name)(cubic, 0.5, 2.0, (p,), xtol=4e-16, rtol=1e-15), kind="decomposition", torch=cube_root)
scipy("optimize.newton", usual(p), how=lambda s, p: s.optimize.newton(cubic, 1.0, lambda x, p: 3 * x * x, (p,), tol=1e-15), kind="decomposition", torch=cube_root)
scipy("optimize.root_scalar", usual(p), how=lambda s, p: s.optimize.root_scalar(cubic, (p,), bracket=(0.5, 2.0), xtol=4e-16, rtol=1e-15).root, kind="decomposition", torch=cube_root)
scipy("optimize.fixed_point", usual(p), how=lambda s, p: s.optimize.fixed_point(lambda x, p: (2 * x + p / (x * x)) / 3, 1.1, (p,), 1e-15), kind="decomposition", torch=cube_root)
scipy("optimize.root", usual(q), how=lambda s, q: s.optimize.root(cubic, [1.0, 1.0, 1.0], (q,), tol=1e-15).x, kind="decomposition", torch=cube_root)
scipy("optimize.fsolve", usual(q), how=lambda s, q: s.optimize.fsolve(cubic, [1.0, 1.0, 1.0], (q,), xtol=1e-15), kind="decomposition", torch=cube_root)
scipy("optimize.lsq_linear", usual(matrix, Array((4,))), how=lambda s, a, b: s.optimize.lsq_linear(a, b, tol=1e-15).x, kind="decomposition", torch=lambda torch, a, b: torch.linalg.pinv(a) @ b)
scipy("optimize.nnls", usual(matrix, Array((4,), 2, 3)), how=lambda s, a, b: s.optimize.nnls(a, b)[0], kind="decomposition")
scipy("optimize.isotonic_regression", usual(Array(values=(0.3, 1.5, 1.1, 2.4))), how=lambda s, y: s.optimize.isotonic_regression(y).x)
scipy("optimize.rosen", usual(q))
scipy("optimize.rosen_der", usual(q))
scipy("optimize.rosen_hess", usual(q))
scipy("optimize.rosen_hess_prod", usual(q, Array((3,))))
