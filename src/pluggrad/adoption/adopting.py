"""`pluggrad.adopt`: which packages are adopted, from when until when."""

from __future__ import annotations

import importlib.util
import sys
from threading import RLock
from types import ModuleType
from typing import Any

from ..engine.adopted import NAMES, covers
from ..engine.caught import follow_errors
from ..errors import InvalidArgumentError, UnknownNameError
from ..variables.variable import Variable
from .changes import Change, Changes
from .hook import Finder
from .imports import AliasFinder
from .report import report

__all__ = ["adopt"]

_lock = RLock()
#: What was changed, by the name of the module.
_changed: dict[str, Changes] = {}
#: Never adopted: what adopted packages see in another way is built on these.
_REFUSED = frozenset(
    {"pluggrad", "numpy", "scipy", "array_api_compat", "optree", "torch", "jax", "jaxlib", "dask",
     "cupy"}
)  # fmt: skip


class adopt:
    """Let packages written for NumPy take Variables, unmodified: ``pluggrad.adopt("pvlib")``.

    The modules of the named packages see `pluggrad.numpy` where they name `numpy`, a `math` whose
    functions take Variables, and `pluggrad.scipy` where a Variable is among the arguments of a
    function of SciPy's. That goes for what they import from these by name, for default arguments,
    and for modules that are imported later. With plain arguments they compute what they did before.

    A call adopts for good, a ``with`` block until it ends. `undo` ends either. docs/adopt.md says
    what adoption changes, what it cannot reach, and what its dangers are.

    Parameters
    ----------
    *packages : str
        Names of packages or modules, such as ``"pvlib"`` or ``"statsmodels.tsa"``, with all that is
        inside. They need not be imported yet.

    Raises
    ------
    ValueError
        There is no such package, it is part of Python itself, or it is a library that pluggrad
        stands on.

    Examples
    --------
    >>> import pluggrad as pg
    >>> with pg.adopt("colorsys_of_mine"):
    ...     pass
    Traceback (most recent call last):
    pluggrad.errors.InvalidArgumentError: adopt: there is no package 'colorsys_of_mine' here
    """

    __slots__ = ("_open", "_packages")

    def __init__(self, *packages: str) -> None:
        for name in packages:
            _check(name)
        self._packages = packages
        self._open = 0
        self._begin()
        self._open = -1  # begun, and no block yet

    def _begin(self) -> None:
        with _lock:
            before = dict(NAMES)
            try:
                for name in self._packages:
                    NAMES[name] = NAMES.get(name, 0) + 1
                _update()
            except BaseException:
                NAMES.clear()
                NAMES.update(before)
                _update()
                raise

    def undo(self) -> None:
        """Put everything back, except what another adoption still needs. Doing it twice does no
        harm."""
        with _lock:
            for _ in range(abs(self._open)):
                self._end()
            self._open = 0

    def _end(self) -> None:
        with _lock:
            for name in self._packages:
                count = NAMES.get(name, 0) - 1
                if count > 0:
                    NAMES[name] = count
                else:
                    NAMES.pop(name, None)
            _update()

    def __enter__(self) -> adopt:
        with _lock:
            if self._open < 0:
                self._open = 1
            else:
                self._begin()
                self._open += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        with _lock:
            if self._open > 0:
                self._open -= 1
                self._end()

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is changed now in these packages: for each change its module, what it is, and what
        stood there and stands there."""
        with _lock:
            return tuple(
                [
                    change
                    for name, changes in _changed.items()
                    if any([name == p or name.startswith(f"{p}.") for p in self._packages])
                    for change in changes.made
                ]
            )

    def __repr__(self) -> str:
        names = ", ".join(map(repr, self._packages))
        return f"adopt({names}){'' if self._open else ', undone'}"

    @staticmethod
    def report(packages: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
        """Run ``f(*args, **kwargs)`` with `packages` adopted and Variables for its numbers and
        arrays of floats, and tell line by line what was adopted and what stands in the way.

        Parameters
        ----------
        packages : str or sequence of str
            What to adopt for the time of the call.
        f : callable
            The function to try; `args` and `kwargs` are what it is called with.

        Returns
        -------
        Report
            Printed, it is the list. Its fields are in its documentation.
        """
        names = (packages,) if isinstance(packages, str) else tuple(packages)
        return report(adopt, names, f, args, kwargs)


def _check(name: Any) -> None:
    """Raise unless `name` is a package that can be adopted."""
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"adopt takes the names of packages, not {name!r}")
    top = name.partition(".")[0]
    if top in _REFUSED or top in sys.stdlib_module_names:
        raise InvalidArgumentError(
            f"adopt: {name!r} cannot be adopted; adopt the package that uses it"
        )
    if name in sys.modules:
        return
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise InvalidArgumentError(f"adopt: there is no package {name!r} here")


def _update() -> None:
    """Change the loaded modules of adopted packages, and put back all others."""
    for name in [name for name in _changed if not covers(name)]:
        _changed.pop(name).undo()
    for finder in (_finder, _aliases):
        if NAMES and finder not in sys.meta_path:
            sys.meta_path.insert(0, finder)
        elif not NAMES and finder in sys.meta_path:
            sys.meta_path.remove(finder)
    follow_errors(bool(NAMES))
    _answer_for_attributes(bool(NAMES))
    for name in [name for name in sys.modules if covers(name)]:
        if name not in _changed and (module := sys.modules.get(name)) is not None:
            _change(module, name)


def _answer_for_attributes(on: bool) -> None:
    """Let attributes that Variables lack, such as pandas' ``values``, raise an error that names the
    package's line; while nothing is adopted Python's own error does."""
    if on:
        Variable.__getattr__ = _missing  # type: ignore[attr-defined]
    elif "__getattr__" in vars(Variable):
        del Variable.__getattr__  # type: ignore[attr-defined]


def _missing(v: Variable, name: str) -> Any:
    if name[:1] == "_":
        raise AttributeError(f"'Variable' object has no attribute {name!r}")
    raise UnknownNameError(
        f"a Variable has no attribute {name!r}: it passes for an array of NumPy's, and not for "
        "another library's"
    )


def _change(module: Any, name: str) -> None:
    if isinstance(module, ModuleType) and not _is_running(module):
        _changed[name] = Changes(module, name)


def _is_running(module: ModuleType) -> bool:
    """Whether the module is being imported now; it is changed once it has run."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _loaded(module: ModuleType) -> None:
    """Change a module of an adopted package, which has just run for the first time."""
    with _lock:
        name = module.__name__
        if covers(name):
            if name in _changed:  # run again, by `importlib.reload`
                _changed.pop(name).undo()
            _changed[name] = Changes(module, name)


_finder, _aliases = Finder(_loaded), AliasFinder()
