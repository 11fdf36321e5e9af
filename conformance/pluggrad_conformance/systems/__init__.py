"""Systems: whatever differentiates functions of arrays, and can be asked about a cell.

pluggrad over a backend is one, ``pluggrad:numpy``; torch.autograd is another, ``native:torch``. A
system of your own is an object with the attributes of `System`, most easily an instance of a
subclass. It is found by an entry point in the group ``pluggrad.subjects``, or registered by a file
that ``--plugin`` names::

    from pluggrad_conformance.systems import System, register_system

    class Mine(System):
        name, module, dtypes, modes = "mine", "mylib", ("float64",), ("reverse",)
        setup = "import mylib as xp"
        names = {"sin": "xp.sine", "sum": "lambda x, axis=None, keepdims=False: xp.total(x, axis)"}

        def pull(self, f, xs, cs): ...

    register_system(Mine())

Names are kept apart from those of backends by what stands before the colon: the cells of
``native:torch`` are never those of the backend ``torch``.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata

from .system import MODES, Names, System, Unmapped

__all__ = [
    "MODES", "Names", "System", "Unmapped", "find_system", "is_native", "register_system",
    "subject_of", "system_names",
]  # fmt: skip

GROUP = "pluggrad.subjects"
PREFIX = "native:"
_registered: dict[str, System] = {}


def register_system(system: System) -> None:
    """Make a system known under its name; it stands before an entry point of that name."""
    if not system.name or set(system.name) & set(":|*?[] ,"):
        raise ValueError(f"{system.name!r} cannot be the name of a system")
    _registered[system.name] = system
    find_system.cache_clear()


def is_native(subject: str) -> bool:
    """Whether a cell's backend is the name of a system other than pluggrad.

    >>> is_native("native:torch"), is_native("torch"), is_native("mylib:namespace")
    (True, False, False)
    """
    return subject.startswith(PREFIX)


@cache
def find_system(subject: str) -> System:
    """The system of a cell, by its name with or without ``native:``; `ValueError` if unknown."""
    name = subject.removeprefix(PREFIX)
    if name in _registered:
        return _registered[name]
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == name:
            system: System = entry.load()
            return system
    known = ", ".join(PREFIX + n for n in system_names())
    raise ValueError(f"no system is called {subject!r}; there are {known}")


def system_names() -> list[str]:
    """The systems that are known, whether or not their libraries are installed."""
    found = {entry.name for entry in metadata.entry_points(group=GROUP)}
    return sorted(found | set(_registered))


def subject_of(text: str) -> str:
    """What stands in the cells of a subject, as ``--subjects`` names it: the name of pluggrad's
    backend, or ``native:`` and the name of a system that is installed.

    >>> subject_of("pluggrad:numpy")
    'numpy'
    """
    if is_native(text):
        system = find_system(text)
        if not system.installed:
            raise ValueError(f"{text} needs {system.module}, which is not installed")
        return text
    kind, _, backend = text.partition(":")
    if kind != "pluggrad" or not backend:
        raise ValueError(f"{text!r} is no subject: they are pluggrad:BACKEND and native:SYSTEM")
    return backend
