"""NumPy's whole namespace, for code that differentiates: ``import pluggrad.numpy as np``.

Functions that take arrays are NumPy's own, which pass Variables on to pluggrad. They also take
lists that hold Variables, as NumPy's take lists of numbers. Functions that make arrays make
Variables where that is needed:

- `array`, `asarray`, `stack`, `full`, `linspace`, `r_` and the like, of what holds Variables;
- `zeros`, `empty`, `ones`, `full`, `eye`, `identity`, while a transform such as `pluggrad.grad` is
  open in this thread or task, or inside ``with np.variables()``, or with ``variable=True``. So
  ``a = np.zeros(n)`` and ``a[i] = f(x[i])`` work.

Otherwise each name is NumPy's, results are NumPy's arrays, and a call costs about 0.1 to 0.4 µs
more.

Three things differ from NumPy:

- An element ``v[0]`` of a Variable is a Variable without axes. It is no `float`, `np.floating` or
  `np.generic`, and has `__len__`, which raises. `np.isscalar` and ``v[0].ndim == 0`` recognise it.
- `isinstance` takes Variables for instances of `np.ndarray`; `functools.singledispatch` does not.
  Register a function for `pluggrad.Variable`, too.
- What `zeros` or `ones` made inside a transform stays a Variable. If it is kept, in a global or by
  `functools.lru_cache`, later calls outside get a Variable, too. Make such constants beforehand, or
  with ``variable=False``.

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

import sys as _sys
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as _numpy

from . import fft, linalg, random
from .applying import APPLYING as _APPLYING
from .calls import passing as _passing
from .classes import CLASSES as _CLASSES
from .classes import Module as _Module
from .joining import INDEXED as _INDEXED
from .making import MAKING as _MAKING
from .making import variables

__all__ = ["variables", *_numpy.__all__]

_OWN = {**_MAKING, **_APPLYING, **_INDEXED, "fft": fft, "linalg": linalg, "random": random}
#: Modules that are imported when they are asked for.
_LATER = frozenset({"testing"})
#: Classes for which `_Module` looks at how their names are used.
_BY_USE = frozenset({"ndarray", *_CLASSES})


def _fill() -> None:
    """Give this module NumPy's names."""
    for name in dir(_numpy):
        if name[0] == "_" or name in _BY_USE or name in _LATER:
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
_sys.modules[__name__].__class__ = _Module
__version__ = _numpy.__version__
if hasattr(_numpy, "__array_namespace_info__"):  # from NumPy 2.1
    __array_namespace_info__ = _numpy.__array_namespace_info__


def __dir__() -> list[str]:
    return sorted({*dir(_numpy), "variables"})


def __getattr__(name: str) -> Any:
    """What is found later; NumPy's own error for unknown names."""
    if name in _LATER:
        return import_module(f"{__name__}.{name}")
    return getattr(_numpy, name)
