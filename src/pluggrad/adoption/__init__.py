"""Packages written for NumPy, adopted: inside them, Variables pass where arrays do.

`changes` finds and replaces what a module has of NumPy's, `math`'s and SciPy's, `replacements` says
by what, and `hook` does it for modules that are imported later.
"""

from .adopting import adopt
from .changes import Change

__all__ = ["Change", "adopt"]
