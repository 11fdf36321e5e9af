"""Array libraries as the suite sees them: NumPy arrays go in, NumPy arrays come out.

A library is named as a backend of pluggrad (ours, one of an installed plugin, one registered with
`register_backend`), or as the Array API namespace of a library that has no plugin at all:
``"module:"`` or ``"module:namespace"``.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

import pluggrad

__all__ = [
    "BareNamespace", "Library", "MissingDtype", "description", "device_name", "dtype_name",
    "has_derivative", "raw", "settings", "to_numpy",
]  # fmt: skip


class MissingDtype(Exception):
    """The library does not have a dtype."""


class Library:
    """One library, by the name of its backend in the engine `engine`.

    `whole` asks a library that computes in chunks for a single chunk: some functions need that.
    """

    def __init__(
        self,
        name: str,
        engine: ModuleType = pluggrad,
        *,
        device: str = "default",
        whole: bool = False,
    ) -> None:
        self.namespace = engine.namespace(_module(name) if ":" in name else name)
        self.backend = self.namespace._backend
        self.xp = self.backend.xp
        self.bare = BareNamespace(self.backend)
        self.chunked = self.backend.name == "dask" and not whole
        self.device = None if device == "default" else self._device(device)

    def _device(self, name: str) -> Any:
        for device in self.backend.adapter.devices():
            if str(device) == name:
                return device
        raise ValueError(f"the {self.backend.name} backend has no device {name!r} here")

    def dtype(self, name: str) -> Any:
        """The library's dtype of that name; `MissingDtype` if it has none."""
        found = getattr(self.xp, name, None)
        if found is None:
            raise MissingDtype(f"{self.backend.name} has no {name}")
        return found

    def array(self, x: np.ndarray, dtype: str = "", strided: bool = False) -> Any:
        """An array of the library with the values of `x`, in memory of its own.

        With `strided` it is every second element, along each axis, of a larger array; whether
        that is a view in memory depends on the library (JAX copies, Dask is lazy).
        """
        if strided and x.ndim and x.size:
            larger = np.full([2 * n for n in x.shape], x.flat[0])
            larger[tuple([slice(None, None, 2)] * x.ndim)] = x
            return self.array(larger, dtype)[tuple([slice(None, None, 2)] * x.ndim)]
        x = np.array(x, order="C")
        options = {"dtype": self.dtype(dtype or str(x.dtype))}
        if self.chunked:
            return _in_chunks(x.astype(options["dtype"]))
        if self.device is not None:
            options["device"] = self.device
        try:
            return self.xp.asarray(x, **options)
        except (TypeError, ValueError, NotImplementedError):  # it takes no NumPy arrays
            return self.xp.reshape(self.xp.asarray(x.ravel().tolist(), **options), x.shape)


def to_numpy(x: Any) -> np.ndarray:
    """The values of a raw array in NumPy's memory, a copy; bfloat16 as float32."""
    if hasattr(x, "resolve_conj"):  # torch, which has lazy conjugates, and other devices
        x = x.detach().resolve_conj().resolve_neg().cpu()
        if dtype_name(x) == "bfloat16":
            x = x.float()
        return np.array(x.numpy())
    try:
        found = np.array(x)
        if found.dtype == object:
            raise TypeError("no numbers")
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        try:
            found = np.array(np.from_dlpack(x))
        except (AttributeError, TypeError, BufferError, RuntimeError):
            found = np.asarray([_scalar(x, i) for i in np.ndindex(*x.shape)]).reshape(x.shape)
    return found.astype(np.float32) if found.dtype.name == "bfloat16" else found


def _scalar(x: Any, index: tuple[int, ...]) -> Any:
    item, name = x[index], dtype_name(x)
    return bool(item) if "bool" in name else complex(item) if "complex" in name else float(item)


def dtype_name(x: Any) -> str:
    """The standard's name for the dtype of an array of any library: ``"float64"``."""
    return str(x.dtype).rsplit(".", 1)[-1].strip("'>")


def device_name(x: Any) -> str:
    """The device of a raw array in words; "cpu" where the library does not say."""
    return str(getattr(x, "device", "cpu"))


def has_derivative(y: Any) -> bool:
    """Whether an output is floating point or complex."""
    return dtype_name(y).startswith(("float", "bfloat", "complex"))


def raw(x: Any) -> Any:
    """The raw array in a Variable."""
    return x.data if hasattr(x, "volatile") else x


def description(x: Any) -> tuple[str, tuple[int, ...], str]:
    """(dtype, shape, device) of a raw array."""
    return dtype_name(x), tuple(x.shape), device_name(x)


class BareNamespace:
    """The library's own namespace, with the special functions of its adapter as `special`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        found = _Special(self._backend) if name == "special" else getattr(self._backend.xp, name)
        setattr(self, name, found)
        return found


class _Special:
    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        found = self._backend.adapter.special(name)
        if found is None:
            raise AttributeError(f"{self._backend.name} has no special.{name}")
        return found


@contextmanager
def settings(backend: str) -> Iterator[None]:
    """Double precision for this thread and this block: JAX has to be told. And no warnings, since
    the suite visits corner cases on purpose."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if backend != "jax":
            yield
            return
        import jax

        enable = getattr(jax, "enable_x64", None)
        if enable is None:  # before JAX 0.8
            enable = importlib.import_module("jax.experimental").enable_x64
        with enable(True):
            yield


def _module(name: str) -> Any:
    """The namespace that ``"module:namespace"`` names."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split(".") if path else ():
        found = getattr(found, part)
    return found


def _in_chunks(x: np.ndarray) -> Any:
    """A Dask array of several chunks along each axis that is long enough."""
    import dask.array as da

    return da.from_array(x, chunks=tuple([-1 if n < 2 else (n + 1) // 2 for n in x.shape]))
