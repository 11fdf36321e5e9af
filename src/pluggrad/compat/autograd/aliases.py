"""``import autograd`` as this package: `install` and `uninstall`.

`install` puts a finder in front of `sys.meta_path`. It answers every import of ``autograd`` or of a
module in it with the module of the same name here, whether or not the real package is installed.
Modules of the real one that were imported before are set aside, and `uninstall` puts them back.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from multiprocessing import spawn
from types import ModuleType
from typing import Any

__all__ = ["install", "uninstall"]

NAME = "autograd"
HERE = __name__.rpartition(".")[0]


class _Loader(Loader):
    """Loads a module of ours under HIPS's name: as the very same module object."""

    def __init__(self, name: str) -> None:
        self.module = importlib.import_module(HERE + name.removeprefix(NAME))
        self.spec = self.module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, which is loaded already."""
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be run, and the module keeps its own spec. Modules in it that are
        loaded already get HIPS's names now: a later import would set them as attributes, in the
        place of functions that are called like them, such as `misc.flatten`."""
        module.__spec__ = self.spec
        _name_loaded()


class _Finder(MetaPathFinder):
    """Finds ``autograd`` and its modules here. Once installed, it also holds the modules of the
    real package that it took the place of."""

    def __init__(self) -> None:
        self.replaced: dict[str, ModuleType] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the module of ours; None for names outside of the package."""
        if not _ours(name):
            return None
        try:
            return ModuleSpec(name, _Loader(name))
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.startswith(HERE):
                raise ModuleNotFoundError(
                    f"pluggrad.compat.autograd has no module {name!r}", name=name
                ) from None
            raise


def _ours(name: str) -> bool:
    """Whether `name` is that of the package or of a module in it."""
    return name == NAME or name.startswith(f"{NAME}.")


_finder = _Finder()


class _Installing:
    """A value that calls `install` in the process that unpickles it."""

    def __reduce__(self) -> Any:
        return install, ()


_prepare = spawn.get_preparation_data


def _prepare_with_alias(name: str) -> dict[str, Any]:
    """What multiprocessing sends to a new process, before this imports the main module."""
    found: dict[str, Any] = {"pluggrad.compat.autograd": _Installing(), **_prepare(name)}
    if name == "ignore":  # for the fork server, which takes no more than paths
        found.pop("init_main_from_path", None)
        found.pop("init_main_from_name", None)
    return found


def _name_loaded() -> None:
    """Give the modules here that are loaded HIPS's names."""
    for name, loaded in list(sys.modules.items()):
        if name == HERE or name.startswith(f"{HERE}."):
            sys.modules.setdefault(NAME + name.removeprefix(HERE), loaded)


def _taken_out() -> dict[str, ModuleType]:
    """The modules that were imported under the package's name, taken out of `sys.modules`."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}


def install() -> None:
    """Make ``import autograd``, from now on and in every module, mean `pluggrad.compat.autograd`.

    Modules that imported the real autograd before keep it. A second call does nothing. Processes
    that multiprocessing starts from here do the same, by whatever method.

    >>> install()
    >>> import autograd.numpy as np
    >>> from autograd import grad
    >>> float(grad(np.sin)(0.0))
    1.0
    >>> uninstall()
    """
    if _finder not in sys.meta_path:
        _finder.replaced = _taken_out()
        sys.meta_path.insert(0, _finder)
        # All but those that need SciPy are there at once, whatever other finders there are.
        for module in pkgutil.walk_packages(sys.modules[HERE].__path__, f"{HERE}."):
            if not module.name.endswith("__main__") and ".scipy" not in module.name:
                importlib.import_module(module.name)
        _name_loaded()
        vars(spawn)["get_preparation_data"] = _prepare_with_alias


def uninstall() -> None:
    """Undo `install`: ``import autograd`` means the real package again, or nothing if it is not
    installed. Modules that were imported meanwhile keep what they have imported."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        vars(spawn)["get_preparation_data"] = _prepare
        _taken_out()
        sys.modules.update(_finder.replaced)
        _finder.replaced = {}
