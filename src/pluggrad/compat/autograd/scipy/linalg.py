"""`autograd.scipy.linalg`."""

from __future__ import annotations

from .passing import passing_through

__getattr__, __dir__ = passing_through("linalg", globals())
