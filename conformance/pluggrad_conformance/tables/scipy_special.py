"""Functions of `scipy.special` that `pluggrad.scipy` alone has; `special` has the others."""

# ruff: noqa: E501
# fmt: off

from __future__ import annotations

from typing import Any

from ..exact import mp
from ..operations import Array
from .rows import usual
from .scipy_rows import scipy

x, positive, modulus, inside = Array((4,)), Array((4,), 0.3, 3), Array((4,), 0.1, 0.8), Array((4,), -0.9, 0.9)
degree = Array(values=(0, 1, 2, 5), dtype="int64")


def special(name: str, *args: Any, exact: Any = None, **facts: Any) -> None:
    """A row; ``exact`` is its definition by mpmath."""
    scipy(f"special.{name}", usual(*args), kind="linalg", exact=exact, **facts)


special("ellipeinc", positive, modulus, exact=lambda phi, m: mp.ellipe(phi, m))
special("ellipkinc", positive, modulus, exact=lambda phi, m: mp.ellipf(phi, m))
special("eval_chebyt", degree, inside, exact=lambda n, x: mp.chebyt(n, x))
special("eval_chebyu", degree, inside, exact=lambda n, x: mp.chebyu(n, x))
special("eval_legendre", degree, inside, exact=lambda n, x: mp.legendre(n, x))
special("eval_hermite", degree, x, exact=lambda n, x: mp.hermite(n, x))
special("eval_hermitenorm", degree, x, exact=lambda n, x: mp.mpf(2) ** (-mp.mpf(n) / 2) * mp.hermite(n, x / mp.sqrt(2)))
special("eval_laguerre", degree, positive, exact=lambda n, x: mp.laguerre(n, 0, x))
special("eval_genlaguerre", degree, Array(values=0.7, constant=True), positive, exact=lambda n, a, x: mp.laguerre(n, a, x))
special("eval_gegenbauer", degree, Array(values=0.7, constant=True), inside, exact=lambda n, a, x: mp.gegenbauer(n, a, x))
special("eval_jacobi", degree, Array(values=0.7, constant=True), Array(values=1.2, constant=True), inside, exact=lambda n, a, b, x: mp.jacobi(n, a, b, x))
special("hyp0f1", Array(values=1.7, constant=True), x, exact=lambda b, x: mp.hyp0f1(b, x))
special("kn", degree, positive, exact=lambda n, x: mp.besselk(n, x))
special("struve", Array(values=1.5, constant=True), positive, exact=lambda v, x: mp.struveh(v, x))
special("modstruve", Array(values=1.5, constant=True), positive, exact=lambda v, x: mp.struvel(v, x))
special("owens_t", x, x)
special("powm1", positive, x, exact=lambda x, y: x**y - 1)
special("wrightomega", x, exact=lambda x: mp.lambertw(mp.exp(x)))
for name in ("airy", "fresnel", "sici", "shichi"):
    special(name, positive)
special("ellipj", x, modulus)
