"""Which backend, device and dtype creation functions use: the default, and `use`."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Any

from ..decorator import Decorator
from .backend import Backend, get_backend

__all__ = [
    "NO_CHOICE",
    "choose",
    "chosen",
    "current_choice",
    "get_default_backend",
    "set_default_backend",
    "use",
]


class _Choice:
    """Which backend, device and dtype creation functions use."""

    __slots__ = ("device", "dtype", "name")

    now: property

    def __init__(self, name: str, device: Any = None, dtype: Any = None) -> None:
        self.name, self.device, self.dtype = name, device, dtype


_default: list[_Choice] = []


NO_CHOICE = _Choice("")


_choice: ContextVar[_Choice] = ContextVar("pluggrad.backend", default=NO_CHOICE)


chosen, choose = _choice.get, _choice.set


_Choice.now = property(_choice.get)  # compilers read this, as they read `State.now`


def current_choice() -> _Choice:
    """What `use` or `set_default_backend` chose; else ``PLUGGRAD_BACKEND``; else numpy."""
    choice = chosen()
    if choice is NO_CHOICE:
        if not _default:
            _default.append(_Choice(os.environ.get("PLUGGRAD_BACKEND", "numpy")))
        choice = _default[0]
    return choice


def get_default_backend() -> Backend:
    """The backend that creation functions use here."""
    return get_backend(current_choice().name)


def set_default_backend(name: str, device: Any = None, dtype: Any = None) -> None:
    """Choose the backend of creation functions, for the whole process.

    Parameters
    ----------
    name : str
        A name that `backends()` lists.
    device, dtype : optional
        For calls of creation functions that name none. None leaves the choice to the library.

    Raises
    ------
    ValueError
        No such backend is installed.

    >>> import pluggrad as pg
    >>> pg.set_default_backend("numpy")
    """
    get_backend(name)
    _default[:] = [_Choice(name, device, dtype)]


class use(Decorator):
    """Choose the backend of creation functions inside a `with` block, in this thread and task.

    >>> import pluggrad as pg
    >>> with pg.use("numpy"):
    ...     pg.zeros(2).data
    array([0., 0.])
    """

    _get: Any = staticmethod(chosen)
    _set: Any = staticmethod(choose)

    def __init__(self, name: str, device: Any = None, dtype: Any = None) -> None:
        self._given = get_backend(name)
        self._choice = _Choice(name, device, dtype)
        self._before = []

    def _on(self, state: _Choice) -> tuple[_Choice, _Choice]:
        return self._choice, state

    def _off(self, state: _Choice, before: _Choice) -> _Choice:
        return before

    def _again(self) -> use:
        return use(self._choice.name, self._choice.device, self._choice.dtype)
