"""`xp`, the namespace in which rules compute: raw functions of raw arrays, differentiable functions
of Variables.

Rules are written once, as ``t * xp.cos(x)``. The arguments decide which `xp.cos` is called. The
backward walk passes raw arrays by default and Variables under ``create_graph``, so derivatives of
every order follow from the one formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from ..errors import TypeMismatchError, UnsupportedError
from .backend import BACKENDS, PRIMITIVES, VARIABLES, Backend, backend_of
from .composites import composite_over_raw

__all__ = ["Dispatch", "find_for", "is_batched", "is_variable", "xp"]


class Dispatch:
    """Functions by name. Each call finds the backend of its arguments."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def __reduce__(self) -> Any:
        """For pickle: by name, as `xp` here or as an attribute of it."""
        return (getattr, (xp, self._prefix[:-1])) if self._prefix else "xp"

    def __getattr__(self, name: str) -> Any:
        if name in ("linalg", "fft", "special") and not self._prefix:
            found: Any = Dispatch(f"{name}.")
        elif name.startswith("__"):
            raise AttributeError(name)
        else:
            found = _dispatching(self._prefix + name)
        setattr(self, name, found)
        return found


xp = Dispatch()


def is_variable(x: Any) -> bool:
    """Whether `x` is a Variable. This package cannot import the class itself."""
    return type(x) in VARIABLES


def is_batched(x: Any) -> bool:
    """Whether `x`, or a Variable that it wraps, holds a batch of `vmap`."""
    while is_variable(x):
        if x._level.maps:
            return True
        x = x._read()[0]
    return False


_FOUND: dict[str, dict[type, Callable[..., Any]]] = {}  # by name, then by type


def find_for(name: str, backend: Backend, arrays: Iterable[type]) -> None:
    """Look up `xp.<name>` before its first call, for `arrays` of `backend` and for Variables over
    them. Compilers that read code need that."""
    found: Any = xp
    for part in name.split("."):
        found = getattr(found, part)
    with suppress(UnsupportedError):
        _FOUND[name].update(dict.fromkeys(arrays, _raw_function(name, backend)))
    with suppress(AttributeError, UnsupportedError):
        _FOUND[name].update(dict.fromkeys(backend.classes, _own_function(name, backend)))


def _dispatching(name: str) -> Callable[..., Any]:
    """A function that calls the function `name` of the backend of its arguments."""
    raw_functions = _FOUND.setdefault(name, {})

    def call(*args: Any, **kwargs: Any) -> Any:
        function = raw_functions.get(type(args[0]))
        if function is None or len(args) > 1:
            array = _first_array(args)
            function = raw_functions.get(type(array))
            if function is None:
                function = _function_for(array, name)
                if not isinstance(array, (list, tuple)):
                    raw_functions[type(array)] = function
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def _first_array(args: Any) -> Any:
    """The argument that decides the backend: a Variable if there is one, also inside lists, else
    the first array."""
    array: Any = None
    for x in args:
        if isinstance(x, (list, tuple)):
            for item in x:
                if is_variable(item) or array is None:
                    array = item
        elif is_variable(x):
            return x
        elif array is None and BACKENDS.get(type(x), 0) is not None:
            array = x
    return array


def _function_for(array: Any, name: str) -> Callable[..., Any]:
    """The function `name` for `array`: differentiable if that is a Variable, else raw."""
    backend = backend_of(array) if array is not None else None
    if backend is None:
        raise TypeMismatchError(f"{name}: there is no array among the arguments")
    return _own_function(name, backend) if is_variable(array) else _raw_function(name, backend)


def _own_function(name: str, backend: Backend) -> Callable[..., Any]:
    found: Any = backend.namespace
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _raw_function(name: str, backend: Backend) -> Callable[..., Any]:
    try:
        raw = backend.raw(name)
        primitive = PRIMITIVES.get(name)
        if primitive is not None and primitive.variadic:
            return lambda arrays, **kwargs: raw(*arrays, **kwargs)
        return raw
    except UnsupportedError:
        return composite_over_raw(name, backend)
