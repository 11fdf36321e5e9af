"""`autograd.scipy.special`. Parameters have derivatives, too, where HIPS autograd knows none."""

from __future__ import annotations

from .passing import passing_through

__getattr__, __dir__ = passing_through("special", globals())
