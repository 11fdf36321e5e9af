"""`autograd.scipy.integrate`: `odeint` and the rest of SciPy's."""

from __future__ import annotations

from .passing import passing_through

__getattr__, __dir__ = passing_through("integrate", globals())
