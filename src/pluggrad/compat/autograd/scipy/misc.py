"""`autograd.scipy.misc`, where older programs look for `logsumexp`."""

from __future__ import annotations

from .passing import passing_through

__getattr__, __dir__ = passing_through("special", globals())
