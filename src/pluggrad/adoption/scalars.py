"""NumPy's scalar types under a name of the package's own, such as ``DTYPE = np.float64``: classes
that are equal to NumPy's, and take Variables where they are called."""

from __future__ import annotations

import copyreg
from contextlib import suppress
from typing import Any

import numpy

from ..numpy.classes import CLASSES

__all__ = ["SCALAR_TYPES"]


class _Called(type):
    """The class of these classes: equal to NumPy's type, with the same instances."""

    theirs: Any
    ours: Any

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls.ours(*args, **kwargs)

    def __eq__(cls, other: object) -> bool:
        return other is cls.theirs or other is cls

    def __hash__(cls) -> int:
        return hash(cls.theirs)

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.theirs)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, cls.theirs)

    def __repr__(cls) -> str:
        return repr(cls.theirs)


def _as_theirs(cls: _Called) -> Any:
    """How `pickle` stores such a class, which it would look up by its name otherwise."""
    return _of_numpy, (cls.theirs.__name__,)


def _of_numpy(name: str) -> Any:
    return getattr(numpy, name)


copyreg.pickle(_Called, _as_theirs)


def _made(theirs: Any, ours: Any) -> Any:
    names = {"__doc__": theirs.__doc__, "__module__": "numpy"}
    made: Any = _Called(theirs.__name__, (theirs,), names)
    made.theirs, made.ours = theirs, staticmethod(ours)
    return made


#: What stands for each of NumPy's scalar types.
SCALAR_TYPES: dict[Any, Any] = {}
for _name, _ours in CLASSES.items():
    _theirs = getattr(numpy, _name)
    with suppress(TypeError):  # some cannot be a base class
        if _theirs not in SCALAR_TYPES and numpy.dtype(_found := _made(_theirs, _ours)) == _theirs:
            SCALAR_TYPES[_theirs] = _found
