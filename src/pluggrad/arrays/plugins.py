"""Plugins: adapters registered as entry points, found once and loaded one at a time.

Whatever a plugin raises while it is loaded or queried becomes a `PluginError` that says whose
plugin it is. So a broken plugin disturbs only those who choose it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import BackendError
from .adapter import OLDEST_VERSION, VERSION, Adapter

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUP",
    "PluginError",
    "asked",
    "check_adapter",
    "doubles",
    "load",
    "misspelt",
    "plugins",
    "unknown",
]

#: The group of entry points that plugins are registered under.
GROUP = "pluggrad.backends"

_plugins: dict[str, EntryPoint] | None = None
_doubles: dict[str, list[EntryPoint]] = {}


class PluginError(BackendError):
    """A plugin that cannot be used. `line` says why, in one line. If only the library is missing,
    `install` is the command that brings it."""

    line: str = ""
    install: str = ""


def plugins() -> dict[str, EntryPoint]:
    """The entry points by name, read once. If several have one name, pluggrad's own wins, else the
    one whose distribution comes first in the alphabet."""
    global _plugins, _doubles
    if _plugins is None:
        from importlib.metadata import entry_points  # half the time of the rest of an import

        found: dict[str, EntryPoint] = {}
        doubled: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=GROUP):
            if point.name in found:
                point, lost = sorted((found[point.name], point), key=_rank)
                doubled.setdefault(point.name, []).append(lost)
            found[point.name] = point
        _plugins, _doubles = found, doubled
    return _plugins


def _rank(point: EntryPoint) -> tuple[bool, str]:
    """The sort key among plugins of one name. It reads metadata, which is slow."""
    return not is_ours(point), distribution(point)


def doubles(name: str) -> list[str]:
    """Warnings about plugins of that name which are not used, because another one is."""
    plugins()
    return [f"another plugin of this name is not used: {point.value}, registered by "
            f"{distribution(point)}" for point in _doubles.get(name, ())]  # fmt: skip


def distribution(point: EntryPoint) -> str:
    """The distribution that registered a plugin, with its version; empty if that is unknown."""
    dist: Any = getattr(point, "dist", None)
    try:
        return f"{dist.name} {dist.version}" if dist is not None and dist.name else ""
    except Exception:  # its metadata cannot be read
        return ""


def is_ours(point: EntryPoint) -> bool:
    """Whether a plugin comes with pluggrad."""
    return getattr(point, "dist", None) is None or distribution(point).startswith("pluggrad ")


# ---------------------------------------------------------------- loading


def load(name: str) -> Adapter:
    """The adapter of the plugin `name`. Its library is imported on the way.

    Raises a PluginError if that fails; its cause is what the plugin raised.
    """
    point = plugins()[name]
    adapter: Any = asked(name, point, "when it is imported", point.load)
    if why := asked(name, point, "when it is looked at", lambda: check_adapter(adapter)):
        raise failure(name, point, why)
    if adapter.name != name:  # an adapter may have several entry points, one of them with its name
        owner = plugins().get(adapter.name)
        if owner is None or owner.value != point.value:
            raise failure(name, point, f"its entry point is called {name!r}, and its adapter "
                          f"{adapter.name!r}; they need the same name")  # fmt: skip
    if asked(name, point, "in namespace()", adapter.namespace) is None:
        raise failure(name, point, "its namespace() returns None")
    return adapter  # type: ignore[no-any-return]


def asked(name: str, point: EntryPoint | None, where: str, question: Callable[[], Any]) -> Any:
    """The answer to `question`, which concerns the plugin behind `point`, or an adapter registered
    without one. Whatever it raises becomes a PluginError."""
    try:
        return question()
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ImportError) and point is not None and lacks_library(point, error):
            raise missing(point, error) from error
        raise failure(name, point, f"{one_line(error)} ({where})") from error


def failure(name: str, point: EntryPoint | None, why: str) -> PluginError:
    """The error that says why a plugin cannot be used."""
    by = "" if point is None else distribution(point)
    found = PluginError(
        f"the backend {name!r} cannot be used: its plugin{f', registered by {by},' if by else ''} "
        f"does not work: {why}"
    )
    found.line = f"{why}; registered by {by}" if by else why
    return found


def lacks_library(point: EntryPoint, error: ImportError) -> bool:
    """Whether the module that cannot be imported is the library, and not a part of the plugin or of
    pluggrad."""
    if is_ours(point):
        return True
    module = (error.name or "").partition(".")[0]
    own = ("", "pluggrad", point.value.partition(":")[0].partition(".")[0])
    return isinstance(error, ModuleNotFoundError) and module not in own


def missing(point: EntryPoint, error: ImportError) -> PluginError:
    """The error that says what to install."""
    if is_ours(point):
        same = [name for name, other in plugins().items() if other.value == point.value]
        install = f"pip install 'pluggrad[{min(same, key=len)}]'"  # aliases are no extras
    else:
        install = f"pip install {(error.name or point.name).partition('.')[0]}"
    found = PluginError(
        f"the backend {point.name!r} needs a library that is not installed ({error}); "
        f"`{install}` {'brings' if is_ours(point) else 'may bring'} it. {installed()}"
    )
    found.install = install
    by = distribution(point)
    found.line = one_line(error) + (f"; registered by {by}" if by else "")
    return found


def one_line(error: BaseException) -> str:
    """The type and the message of an error, in one line; a long message is cut."""
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = ""
    name = type(error).__name__
    message = message if len(message) <= 160 else f"{message[:157]}..."
    return f"{name}: {message}" if message else name


# ---------------------------------------------------------------- what must hold of an adapter


def check_adapter(adapter: Any) -> str:
    """Why an object cannot serve as an adapter; empty if it can."""
    if isinstance(adapter, type) and issubclass(adapter, Adapter):
        return f"the class {adapter.__name__} is registered; register an instance of it"
    if not isinstance(adapter, Adapter):
        return (
            f"an object of type {type(adapter).__name__} is registered, which is no instance of a "
            "subclass of `pluggrad.Adapter`"
        )
    given: Any = adapter
    version = given.plugin_version
    if type(version) is not int:
        return f"its plugin_version is {version!r}, which is no integer"
    if version > VERSION:
        return (
            f"it was written for version {version} of pluggrad.plugin, and this pluggrad has "
            f"version {VERSION}. Upgrade pluggrad: `pip install --upgrade pluggrad`"
        )
    if version < OLDEST_VERSION:
        return (
            f"it was written for version {version} of pluggrad.plugin, and this pluggrad supports "
            f"{OLDEST_VERSION} to {VERSION}. Upgrade the plugin, or install an older pluggrad"
        )
    if not isinstance(given.name, str) or not given.name:
        return f"its adapter {type(adapter).__name__} has no name"
    if isinstance(given.modules, str):
        return f"its modules are {given.modules!r}, a string; make that a tuple of strings"
    if type(adapter).namespace is Adapter.namespace and "namespace" not in vars(adapter):
        return f"its adapter {type(adapter).__name__} has no method namespace()"
    return ""


def nearest(name: str, names: Iterable[str], cutoff: float) -> list[str]:
    """The one of `names` that is most similar to `name`, in a list; no name if none is similar."""
    from difflib import get_close_matches

    return get_close_matches(name, names, 1, cutoff)


def misspelt(adapter: Adapter, functions: Collection[str], namespace: Any) -> list[str]:
    """Warnings about names in an adapter that resemble a hook but are none, so nothing would ever
    call them.

    `functions` are the names of functions that pluggrad looks up. Names that resemble none of them
    are helpers of the adapter, and are left alone.
    """
    found = []
    hooks = [name for name in vars(Adapter) if not name.startswith("_")]
    classes = type(adapter).__mro__
    for owner in (adapter, *classes[: classes.index(Adapter)]):
        for name in vars(owner):
            if name not in hooks and not name.startswith("_"):
                found += [f"{name!r} has no effect, since adapters have no hook of this name; is "
                          f"{near!r} meant?"
                          for near in nearest(name, hooks, 0.8)]  # fmt: skip
    for name in adapter.functions:
        if name not in functions and not _has(namespace, name):
            found += [f"functions[{name!r}] has no effect, since pluggrad looks up no function of "
                      f"this name; is {near!r} meant?"
                      for near in nearest(name, functions, 0.8)]  # fmt: skip
    return list(dict.fromkeys(found))


def _has(namespace: Any, name: str) -> bool:
    """Whether a namespace has the function of that name."""
    for part in name.split("."):
        namespace = getattr(namespace, part, None)
    return namespace is not None


# ---------------------------------------------------------------- names


def is_installed(name: str) -> bool:
    """Whether the plugin `name` can be imported and its library found. The library is not
    imported."""
    try:
        adapter: Any = plugins()[name].load()
        return not check_adapter(adapter) and has_module(adapter.modules)
    except (Exception, SystemExit):
        return False


def has_module(modules: Any) -> bool:
    """Whether the first of `modules` can be found; taken for granted if there are none."""
    try:
        return not modules or find_spec(modules[0]) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def installed(registered: Iterable[str] = ()) -> str:
    """A sentence that lists the installed backends."""
    names = {name for name in plugins() if is_installed(name)}
    return f"Installed: {', '.join(sorted({*registered, *names}))}."


def unknown(name: Any, registered: Iterable[str] = ()) -> BackendError:
    """The error for an unknown backend `name`, which suggests the most similar one."""
    names = sorted({*registered, *plugins()})
    near = nearest(str(name).lower(), names, 0.6)
    chosen = os.environ.get("PLUGGRAD_BACKEND", "") == name
    where = ", which the environment variable PLUGGRAD_BACKEND names" if chosen else ""
    meant = f"; did you mean {near[0]!r}?" if near else "."
    return BackendError(
        f"unknown backend {name!r}{where}{meant} {installed(registered)} Plugins are there for "
        f"{', '.join(sorted(plugins()))}; `pip install 'pluggrad[NAME]'` brings one."
    )
