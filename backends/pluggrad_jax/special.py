"""Special functions of JAX arrays: `jax.scipy.special`, by SciPy's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.scipy.special as special


def _zeta(x: Any, q: Any = None) -> Any:
    return special.zeta(x, 1.0 if q is None else q)


def _betaln(a: Any, b: Any) -> Any:
    """By `gammaln`: JAX's own loses digits where both arguments are large."""
    return special.gammaln(a) + special.gammaln(b) - special.gammaln(a + b)


FUNCTIONS = {"betaln": _betaln, "psi": special.digamma, "zeta": _zeta}
#: Functions that JAX has under SciPy's name, but not with its meaning or arguments.
OTHER = frozenset(["logsumexp", "softmax", "log_softmax"])


def find(name: str) -> Callable[..., Any] | None:
    """The function of that name, or None."""
    return FUNCTIONS.get(name) or (None if name in OTHER else getattr(special, name, None))
