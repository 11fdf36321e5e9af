"""The modules of the distributions that `pluggrad.scipy.stats` differentiates."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from ..... import numpy as np
from .....errors import MissingFunctionError, UnknownNameError
from ..passing import two_ways
from .normal import multivariate_logpdf, norm_logpdf

__all__ = ["DISTRIBUTIONS"]


class _Distribution(ModuleType):
    """A distribution as a module, whose functions are looked up when they are first used."""

    def __init__(self, name: str, ours: Any) -> None:
        super().__init__(f"{__package__}.{name}", f"`scipy.stats.{name}`, differentiable.")
        self.__package__ = __package__
        self._short, self._ours = name, ours

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise UnknownNameError(f"module {self.__name__!r} has no attribute {name!r}")
        scipy_stats = importlib.import_module("scipy.stats")
        theirs = getattr(getattr(scipy_stats, self._short), name)
        found = theirs
        if callable(theirs):
            found = two_ways(theirs, getattr(self._ours, name, theirs))
        setattr(self, name, found)
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The frozen distribution."""
        return self._ours(*args, **kwargs)


def _normal_entropy(mean: Any = None, cov: Any = 1) -> Any:
    """The entropy of a multivariate normal distribution, which does not depend on the mean."""
    cov = np.atleast_2d(cov)
    return 0.5 * np.linalg.slogdet(2 * np.pi * np.e * cov)[1]


def _made() -> dict[str, Any]:
    """The modules, by the names of the distributions."""
    try:
        import pluggrad.scipy.stats as ours
        from pluggrad.scipy.stats.continuous import CONTINUOUS
        from pluggrad.scipy.stats.discrete import DISCRETE
    except (ImportError, MissingFunctionError):
        return {}
    theirs: Any = importlib.import_module("scipy.stats") if find_spec("scipy") else None
    found = {}
    for name in (*CONTINUOUS, *DISCRETE, "dirichlet", "multivariate_normal"):
        module = _Distribution(name, getattr(ours, name))
        sys.modules[module.__name__] = module
        found[name] = module
    normal = vars(found["multivariate_normal"])
    normal["entropy"] = _normal_entropy
    if theirs is not None:
        normal["logpdf"] = two_ways(
            theirs.multivariate_normal.logpdf,
            multivariate_logpdf(ours.multivariate_normal.logpdf),
        )
        vars(found["norm"])["logpdf"] = two_ways(theirs.norm.logpdf, norm_logpdf(ours.norm.logpdf))
    return found


DISTRIBUTIONS = _made()
