"""The protocol of a system, as a base class whose defaults keep each system short."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from ..operations import Operation

__all__ = ["MODES", "Function", "Names", "System", "Unmapped", "has"]

#: What a system may be able to do: `pull`, `push`, `pull_of_pull`.
MODES = ("reverse", "forward", "second")

#: A function of arrays of the library that returns a list of them.
Function = Callable[..., list[Any]]


class Unmapped(AttributeError):
    """No function of the system is mapped to a name of the standard. That is no fault of it."""


class System:
    """A system that differentiates, other than pluggrad.

    Gradients are those of ``Re⟨c, y⟩``, in the convention ∂L/∂Re + i ∂L/∂Im: `pull` and
    `pull_of_pull` conjugate where the system's own convention is the other one.

    Attributes
    ----------
    name, module : str
        Its name, and the module to import, which tells whether it is installed.
    distribution : str
        What its version is the version of; the module, if it is not said.
    own_oracle : tuple of str
        The oracles that are this very system: they are not asked about it.
    dtypes, modes : tuple of str
        The dtypes to ask about, and of `MODES` what it can do.
    setup : str
        Statements that import what `names` uses. They begin the scripts that show a fault.
    names : dict
        What the functions of the standard are called: expressions, by the standard's names.
        "numpy.sin" would do for "sin", and ``"lambda x, axis=None: ..."`` where arguments differ.
    overrides : frozenset
        Of `names`, those that replace the way in which the row of the tables calls the operation.
    narrow : dict
        Dtypes that the library computes in a narrower one in places, and which.
    refusals : tuple of type
        Exceptions by which it says that an operation has no derivative.
    """

    name = ""
    module = ""
    distribution = ""
    own_oracle: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float64", "float32")
    modes: tuple[str, ...] = ("reverse",)
    setup = ""
    names: ClassVar[dict[str, str]] = {}
    overrides: frozenset[str] = frozenset()
    refusals: tuple[type[Exception], ...] = (NotImplementedError,)
    narrow: ClassVar[dict[str, str]] = {}
    prelude = ""  # statements that a script needs before `setup`

    @property
    def installed(self) -> bool:
        """Whether the library is there, without importing it."""
        return find_spec(self.module.partition(".")[0]) is not None

    def version(self) -> str:
        """The library's version."""
        return metadata.version(self.distribution or self.module.partition(".")[0])

    def settings(self) -> AbstractContextManager[Any]:
        """What arrays are made and functions called in."""
        return nullcontext()

    # ------------------------------------------------------------------ arrays

    def array(self, x: np.ndarray) -> Any:
        """An array of the library with the values and the dtype of `x`, in memory of its own."""
        raise NotImplementedError

    def to_numpy(self, x: Any) -> np.ndarray:
        """The values as a NumPy array, a copy."""
        return np.array(x)

    def dtype_name(self, x: Any) -> str:
        """The standard's name of the dtype of an array."""
        return str(x.dtype).rsplit(".", 1)[-1]

    # ------------------------------------------------------------------ derivatives

    def pull(self, f: Function, xs: list[Any], cs: list[Any]) -> list[Any]:
        """The gradients by `xs` for the cotangents `cs` of the outputs of ``f(*xs)``.

        None stands where the system says that it has none.
        """
        raise NotImplementedError

    def value_and_pull(
        self, f: Function, xs: list[Any], cs: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The outputs and the gradients: what `pluggrad compare` times."""
        return list(f(*xs)), self.pull(f, xs, cs)

    #: What the library calls its compiler; "" if it has none.
    compiler = ""

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of arrays, compiled. Only asked if `compiler` is given."""
        raise NotImplementedError

    def push(self, f: Function, xs: list[Any], ts: list[Any]) -> list[Any]:
        """The tangents of the outputs for the tangents `ts` of `xs`."""
        raise NotImplementedError

    def pull_of_pull(self, f: Function, xs: list[Any], cs: list[Any], ts: list[Any]) -> list[Any]:
        """The gradients of Re⟨ts, the gradients for cs⟩."""
        raise NotImplementedError

    #: Statements that compute `got`, a list, from `f`, `x`, `c` and `t`, by quantity: for scripts.
    asking: ClassVar[dict[str, str]] = {}
    #: An expression that makes an array of the NumPy array ``{}``, and one that turns `a` into one.
    making, reading = "{}", "np.array(a)"

    # ------------------------------------------------------------------ functions

    @cached_property
    def scope(self) -> dict[str, Any]:
        """The names that `setup` defines."""
        found: dict[str, Any] = {}
        exec(self.setup, found)
        return found

    @cached_property
    def namespace(self) -> Names:
        """The library's functions under the names of the standard."""
        return Names(self)

    def expression(self, name: str) -> str:
        """The library's own expression for a function of the standard; "" if there is none."""
        return self.names.get(name, "")

    def written(self, operation: Operation) -> str:
        """The expression that the operation itself is called by; "" if the row composes it."""
        if operation.name == "getitem":
            return "lambda x, key: x[key]"
        if operation.call is not None and operation.name not in self.overrides:
            return ""
        return self.expression(operation.name)

    def call(self, operation: Operation) -> Callable[..., Any]:
        """The operation as ``call(xp, *args, **kwargs)``, where `xp` is `namespace`.

        Raises `Unmapped` if no function of the library is known for it.
        """
        text = self.written(operation)
        if text:
            function = self.evaluate(text)
            return lambda xp, *args, **kwargs: function(*args, **kwargs)
        if operation.call is None:
            raise Unmapped(f"{operation.name} is not mapped")
        return operation.call

    def evaluate(self, text: str) -> Any:
        """The value of an expression in `scope`; `Unmapped` where this version of the library lacks
        the function."""
        try:
            return eval(text, self.scope)
        except AttributeError as error:
            raise Unmapped(str(error)) from None


class Names:
    """A namespace of a system: attributes are looked up in its table, and `Unmapped` if missing."""

    def __init__(self, system: System, room: str = "") -> None:
        self._system, self._room = system, room

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self._room}{name}"
        text = self._system.expression(full)
        if text:
            found = self._system.evaluate(text)
        elif full in ("linalg", "fft", "special"):
            found = Names(self._system, f"{full}.")
        elif full in ("pi", "e", "inf", "nan", "newaxis"):
            found = getattr(np, full)
        else:
            raise Unmapped(f"{full} is not mapped")
        setattr(self, name, found)
        return found


def has(path: str) -> bool:
    """Whether a dotted path, such as ``jax.numpy.sin``, names something."""
    module, _, name = path.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False
