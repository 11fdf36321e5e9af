"""Special functions of torch tensors, under SciPy's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from pluggrad.plugin import whole

special = torch.special


def _polygamma(n: Any, x: Any) -> Any:
    """torch wants the order as a Python int. Order 1 uses zeta, which has all digits; torch's
    trigamma has nine."""
    n = whole(int(n) if n == int(n) else n, "special.polygamma", "n")
    return special.zeta(2.0, x) if n == 1 else special.polygamma(n, x)


def _zeta(x: Any, q: Any = None) -> Any:
    return special.zeta(x, torch.ones_like(x) if q is None else q)


FUNCTIONS = {
    "j0": special.bessel_j0,
    "j1": special.bessel_j1,
    "y0": special.bessel_y0,
    "y1": special.bessel_y1,
    "k0": special.modified_bessel_k0,
    "k1": special.modified_bessel_k1,
    "k0e": special.scaled_modified_bessel_k0,
    "k1e": special.scaled_modified_bessel_k1,
    "polygamma": _polygamma,
    "zeta": _zeta,
}
#: Functions with SciPy's name and signature; others in `torch.special` only look alike.
SAME = {
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc",
    "gammaincc", "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "logit",
    "multigammaln", "ndtr", "ndtri", "psi", "sinc", "xlog1py", "xlogy",
}  # fmt: skip


def find(name: str) -> Callable[..., Any] | None:
    """The function of that name, or None."""
    return FUNCTIONS.get(name) or (getattr(special, name, None) if name in SAME else None)
