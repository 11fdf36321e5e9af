"""NumPy's whole namespace, for code that differentiates: ``import pluggrad.numpy as np``.

Functions that take arrays are NumPy's own, which pass Variables on to pluggrad. They also take
lists that hold Variables, as NumPy's take lists of numbers. Functions that make arrays make
Variables where that is needed:

- `array`, `asarray`, `stack`, `full`, `linspace`, `r_` and the like, of what holds Variables;
- `zeros`, `empty`, `ones`, `full`, `eye`, `identity`, while a transform such as `pluggrad.grad` is
  open in this thread or task, or inside ``with np.variables()``, or with ``variable=True``. So
  ``a = np.zeros(n)`` and ``a[i] = f(x[i])`` work.

Otherwise each name is NumPy's, results are NumPy's arrays, and a call costs about 0.1 µs more.

>>> import pluggrad as pg
>>> import pluggrad.numpy as np
>>> def f(x):
...     a = np.zeros(3)
...     for i in range(3):
...         a[i] = x[0] ** i
...     return np.sum(np.array([a[1], a[2], 1.0]))
>>> pg.grad(f)(np.array([2.0]))
array([5.])
"""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import Any

import numpy as _numpy

from . import fft, linalg, random
from .applying import APPLYING as _APPLYING
from .calls import passing as _passing
from .classes import CLASSES as _CLASSES
from .classes import class_at as _class_at
from .joining import INDEXED as _INDEXED
from .making import MAKING as _MAKING
from .making import variables

__all__ = ["variables", *_numpy.__all__]

_OWN = {**_MAKING, **_APPLYING, **_INDEXED, "fft": fft, "linalg": linalg, "random": random}
#: Classes for which `__getattr__` looks at how their names are used.
_BY_USE = frozenset({"ndarray", *_CLASSES})


def _fill() -> None:
    """Give this module NumPy's names."""
    for name in dir(_numpy):
        if name[0] == "_" or name in _BY_USE:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = getattr(_numpy, name)
        if name in _OWN:
            found = _OWN[name]
        elif callable(found) and not isinstance(found, (type, ModuleType)):
            found = _passing(found, __name__, name)
        globals()[name] = found


_fill()
__version__ = _numpy.__version__
__array_namespace_info__ = _numpy.__array_namespace_info__


def __dir__() -> list[str]:
    return sorted({*dir(_numpy), "variables"})


def __getattr__(name: str) -> Any:
    """The classes in `_BY_USE`, and what NumPy finds later; NumPy's own error for unknown names."""
    if name in _BY_USE:
        return _class_at(name)
    return getattr(_numpy, name)
