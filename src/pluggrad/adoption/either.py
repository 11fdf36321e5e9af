"""SciPy's functions, classes and distributions as an adopted package sees them: SciPy's own for
plain arguments, and those of `pluggrad.scipy` as soon as a Variable is among the arguments."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy

from ..arrays.backend import VARIABLES
from ..engine.closures import seen
from ..errors import UnknownNameError

__all__ = ["Either", "adopted_scipy", "holds", "pairs"]


def holds(x: Any, functions: bool = True) -> bool:
    """Whether `x` is a Variable, an object of pluggrad's that may hold one, a collection that holds
    one, or a function that refers to one."""
    kind = type(x)
    if kind in VARIABLES:
        return True
    if kind is float or kind is numpy.ndarray or kind is str or kind is int or x is None:
        return False
    if isinstance(x, (list, tuple, set)):
        return any([holds(item) for item in x])
    if isinstance(x, dict):
        return any([holds(item) for item in x.values()])
    if kind in (FunctionType, MethodType, functools.partial):
        return functions and _refers(x)
    return kind.__module__.startswith("pluggrad.scipy")


def _refers(f: Any) -> bool:
    """Whether the function `f` refers to a Variable by name, through other functions included."""
    bound = getattr(f, "__self__", None)
    if bound is not None and any([holds(x, False) for x in _attributes(bound)]):
        return True
    noted = seen(f)
    if noted.variables:
        return True
    noted = getattr(noted, "inner", noted)
    values = [x for record in getattr(noted, "records", ()) for x in record.values]
    return any([isinstance(x, (list, tuple, dict)) and holds(x, False) for x in values])


def _attributes(x: Any) -> list[Any]:
    return list(getattr(x, "__dict__", {}).values())


class Either:
    """What stands in an adopted package for `theirs`, a function, class or distribution of SciPy's.
    ``ours()`` is its counterpart in `pluggrad.scipy`.

    It passes for `theirs`: in `isinstance`, as a base class, in pickles and by its attributes.
    """

    def __init__(self, theirs: Any, ours: Callable[[], Any]) -> None:
        self.__dict__.update(_theirs=theirs, _ours=ours)
        for name in ("__doc__", "__module__", "__name__", "__qualname__"):
            if hasattr(theirs, name):
                self.__dict__[name] = getattr(theirs, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        theirs = self._theirs
        if any(map(holds, args)) or (kwargs and any(map(holds, kwargs.values()))):
            return self._ours()(*args, **kwargs)
        y = theirs(*args, **kwargs)
        if type(y).__module__.startswith("scipy.") and (
            hasattr(y, "rvs") or (callable(y) and not hasattr(y, "matvec"))
        ):  # an interpolant or a frozen distribution, which may be asked at a Variable
            return Either(y, functools.cache(lambda: self._ours()(*args, **kwargs)))
        return y

    def __getattr__(self, name: str) -> Any:
        theirs = getattr(self._theirs, name)
        if name.startswith("__") or not callable(theirs):
            return theirs
        return Either(theirs, lambda: getattr(self._ours(), name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._theirs, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._theirs)

    def __instancecheck__(self, x: Any) -> bool:
        return isinstance(x, self._theirs)

    def __subclasscheck__(self, kind: Any) -> bool:
        return issubclass(kind, self._theirs)

    def __mro_entries__(self, bases: Any) -> tuple[Any, ...]:
        return (self._theirs,)

    def __eq__(self, other: object) -> bool:
        return self._theirs is other or self._theirs is getattr(other, "_theirs", self)

    def __hash__(self) -> int:
        return hash(self._theirs)

    def __reduce__(self) -> Any:
        return (_itself, (self._theirs,))

    def __repr__(self) -> str:
        return repr(self._theirs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None or not isinstance(self._theirs, FunctionType):
            return self
        return MethodType(self, instance)


def _itself(x: Any) -> Any:
    return x


# ---------------------------------------------------------------- SciPy's tree

#: Modules of SciPy whose functions take Variables themselves, or of which nothing is replaced.
_AS_THEY_ARE = ("fft", "constants", "io", "datasets", "odr", "misc")


def _mirrors() -> Iterator[tuple[str, Any]]:
    """The modules of `pluggrad.scipy`, by name: ``"special"``, ``"sparse.linalg"``."""
    import pluggrad.scipy as tree

    for name in tree.__all__:
        module = getattr(tree, name)
        yield name, module
        for inner in getattr(module, "__all__", ()):
            if isinstance(found := getattr(module, inner), ModuleType):
                yield f"{name}.{inner}", found


def pairs() -> Iterator[tuple[Any, Any]]:
    """Each function, class or distribution of SciPy's that is loaded and that `pluggrad.scipy`
    mirrors, with what stands for it."""
    for name, mirror in _mirrors():
        theirs = sys.modules.get(f"scipy.{name}")
        if theirs is None or name in _AS_THEY_ARE:
            continue
        for key in mirror.__all__:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = getattr(theirs, key, None)
            if found is None or isinstance(found, (ModuleType, numpy.ufunc)):
                continue  # SciPy's ufuncs pass Variables on themselves
            yield found, _stand_in(found, mirror, key)


def _stand_in(theirs: Any, mirror: Any, name: str) -> Any:
    made = _made.get(id(theirs))
    if made is None:
        made = _made[id(theirs)] = (theirs, Either(theirs, lambda: getattr(mirror, name)))
    return made[1]


_made: dict[int, tuple[Any, Either]] = {}


class _Module(ModuleType):
    """A module of SciPy's as adopted packages see it."""

    def __init__(self, theirs: ModuleType) -> None:
        super().__init__(theirs.__name__, theirs.__doc__)
        self.__dict__["_theirs"] = theirs

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._theirs, name)
        if isinstance(found, ModuleType) and found.__name__.startswith("scipy."):
            return adopted_scipy(found)
        if callable(found):
            known = _made.get(id(found))
            if known is not None:
                return known[1]
            mirror = _mirror_of(self._theirs.__name__)
            if name in getattr(mirror, "__all__", ()) and not isinstance(found, numpy.ufunc):
                return _stand_in(found, mirror, name)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, _Module):  # which the import system would set
            setattr(self._theirs, name, value)

    def __dir__(self) -> list[str]:
        return dir(self._theirs)

    def __reduce__(self) -> Any:
        return (sys.modules.__getitem__, (self._theirs.__name__,))


def _mirror_of(name: str) -> Any:
    found: Any = sys.modules["pluggrad.scipy"]
    for part in name.split(".")[1:]:
        try:
            found = getattr(found, part)
        except (AttributeError, UnknownNameError):
            return None
    return found if isinstance(found, ModuleType) and hasattr(found, "__all__") else None


@functools.cache
def adopted_scipy(theirs: ModuleType) -> ModuleType:
    """SciPy's module `theirs`, such as `scipy.special`, as adopted packages see it."""
    import pluggrad.scipy  # noqa: F401  (the mirrors are looked up by name)

    kept = theirs.__name__.split(".")[1:2] in [[name] for name in _AS_THEY_ARE]
    return theirs if kept else _Module(theirs)
