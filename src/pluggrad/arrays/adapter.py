"""Adapters: what a plugin tells the engine about one array library."""

from __future__ import annotations

import importlib
import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import MissingFunctionError
from .immutable import has_arrays, surround

if TYPE_CHECKING:
    from .backend import Backend

__all__ = ["Adapter", "careful_norm", "selects_once"]


class Adapter:
    """What a backend plugin tells the engine about its library. Every method has a default.

    Subclass it, fill in `name`, `modules` and `namespace`, and register an instance under the
    entry-point group ``pluggrad.backends`` or with `register_backend`.
    """

    name: str = ""
    #: Top-level modules that the library's array classes come from.
    modules: tuple[str, ...] = ()
    #: Whether an array can be written in place; False sends writes through `setitem`.
    writable: bool = True
    #: Whether the last of several values written to one place by integer arrays stays there.
    last_write_wins: bool = False
    #: Whether special functions take integers beside floats, without losing digits of large ones.
    promotes: bool = False
    #: Whether elementwise functions and products take lists of numbers in the place of arrays.
    takes_lists: bool = False
    #: Whether the engine may add cotangents in place into buffers that it allocated itself.
    accumulates_in_place: bool = False
    #: Whether arrays compute at once, so that it pays to keep what `hvp` computes as a program.
    replays: bool = False
    #: Whether arrays can be read by an array of integers and slices in one index.
    slices_beside_arrays: bool = False

    #: Whether integers beside integer arrays in an index select first, as if alone. The standard's
    #: are arrays of no axes, which decides where the arrays' axes are if a slice is between them.
    integers_first: bool = False
    #: Whether an Ellipsis between arrays in an index sets them apart even if it stands for no axes,
    #: so that their axes come first.
    ellipsis_between: bool = True
    #: Raw functions by name, used instead of the namespace's: faster ones, or ones it lacks.
    functions: dict[str, Callable[..., Any]] = {}  # noqa: RUF012

    def namespace(self) -> Any:
        """The raw Array API namespace; imported here and not before."""
        raise NotImplementedError

    def check(self, x: Any) -> None:
        """Raise if `x` must not be wrapped as a leaf that requires grad (see torch)."""

    def refuse(self, x: Any) -> str:
        """Why an array of the type of `x` cannot be wrapped at all; empty if it can."""
        return ""

    def like(self, x: Any) -> Any:
        """What a rule keeps of `x` to make arrays like it: its shape and dtype.

        Lazy libraries return `x` itself, so that expansions can follow its chunks.
        """
        return (x.shape, x.dtype)

    def one(self, x: Any) -> Any:
        """The number 1, of the dtype and on the device of `x`; nobody writes it."""
        return self.namespace().ones((), dtype=x.dtype, device=getattr(x, "device", None))

    #: Called with each array that the user hands over, where its library changes the objects
    #: themselves: it returns a handle of our own. None: arrays are taken as they are.
    hold: Callable[[Any], Any] | None = None

    #: A count that grows when an array is written in place, where the library keeps one (and None
    #: for an array that has none). What operations save is then checked before it is used.
    writes: Callable[[Any], Any] | None = None

    def checksum(self, x: Any) -> Any:
        """A number that tells whether `x` was written in place; None where arrays never are."""
        if not self.writable or self.hold is not None:
            return None
        import zlib

        import numpy as np

        return zlib.crc32(np.ascontiguousarray(np.asarray(x)).reshape(-1).view(np.uint8).data)

    def host(self, x: Any) -> Any:
        """The values of `x` as a NumPy array, where they are there to be looked at; None where they
        are not (lazy arrays, and those that a compiler traces)."""
        return None

    #: Called as ``drawing(backend, randomness)`` with what `vmap` was told: a context in which it
    #: runs, which makes the library's random functions heed it. None: they know nothing of `vmap`.
    drawing: Callable[..., Any] | None = None

    #: Whether the library has a compiler that reads Python code.
    reads_code: bool = False

    def tracing(self) -> bool:
        """Whether a compiler of the library is just reading Python code to compile it."""
        return False

    @property
    def generators(self) -> tuple[type, ...]:
        """The types of random number generators of one's own."""
        return ()

    def rng_state(self, generator: Any = None) -> Any:
        """The state of a generator of one's own, or of the library's global ones; None where it
        has none."""
        return None

    def set_rng_state(self, state: Any, generator: Any = None) -> None:
        """Go back to what `rng_state` returned."""

    def fence(self, x: Any) -> Any:
        """`x`, such that a compiler does not merge what is computed from it with what was computed
        from `x` before."""
        return x

    def shares_memory(self, x: Any, y: Any) -> bool:
        """Whether `y`, made from `x` by a reshape, is a view of it. Without an answer: it is."""
        return True

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """Add each `(key, g)` of `pieces` to `buffer`, in place if arrays can be written.

        Duplicated indices add up. This one serves any library that reads by integer arrays.
        """
        for key, g in pieces:
            if not self.writable and not has_arrays(key):
                buffer = buffer + surround(self.namespace(), buffer, key, g)
            elif self.writable and selects_once(key):
                buffer[key] += g
            else:
                buffer = buffer + self._add_by_position(buffer, key, g)
        return buffer

    def places(self, x: Any, key: Any) -> Any:
        """The positions in the flat `x` that `key` selects."""
        xp = self.namespace()
        count = math.prod(x.shape)
        flat = xp.arange(count, device=getattr(x, "device", None))
        read = self.functions.get("getitem", operator.getitem)
        return read(xp.reshape(flat, tuple(x.shape)), key)

    def _add_by_position(self, buffer: Any, key: Any, g: Any) -> Any:
        """`g` added into zeros like `buffer`, in functions of the standard alone: for each element
        of the buffer, the sum of what goes there. O(elements × contributions)."""
        xp = self.namespace()
        places = self.places(buffer, key)
        cells = xp.arange(math.prod(buffer.shape), device=getattr(buffer, "device", None))
        hits = xp.reshape(places, (-1, 1)) == xp.reshape(cells, (1, -1))
        g = xp.reshape(xp.broadcast_to(g, places.shape), (-1, 1))
        total = xp.sum(xp.where(hits, g, xp.zeros_like(g)), axis=0)
        return xp.reshape(total, buffer.shape)

    #: The class of ordinary arrays, if the engine may add to them in place.
    array_type: type | None = None

    def foreign(self, backend: Backend, func: Any, args: Any, kwargs: Any) -> Any:
        """Answer the library's own function `func`, called with Variables among its arguments."""
        return NotImplemented

    #: What to install for the special functions that the library itself does not have.
    special_needs: str = ""

    def special(self, name: str) -> Callable[..., Any] | None:
        """The raw function that `scipy.special` calls `name`; None where the library has none."""
        return getattr(getattr(self.namespace(), "special", None), name, None)

    def same_device(self, x: Any, y: Any) -> bool:
        """Whether `x` and `y` can be operands of one operation, as far as devices go."""
        return bool(getattr(x, "device", None) == getattr(y, "device", None))

    def interop(self) -> Any:
        """What `pluggrad.interop` has for this library: functions of ours in its own autograd."""
        raise MissingFunctionError(
            f"pluggrad.interop is for libraries with an autograd of their own; {self.name} has none"
        )

    def compiler(self) -> None:
        """Tell the library's compiler what it cannot read: called when that has been imported."""

    def version(self) -> str:
        """The library's version."""
        return str(getattr(importlib.import_module(self.modules[0]), "__version__", "unknown"))

    def devices(self) -> list[Any]:
        """The devices that arrays can live on."""
        xp = self.namespace()
        if hasattr(xp, "__array_namespace_info__"):
            return list(xp.__array_namespace_info__().devices())
        return ["cpu"]

    def capabilities(self) -> dict[str, Any]:
        """What the library can do beyond computing: shown by `pluggrad backends`."""
        return {"writable": self.writable}


def careful_norm(norm: Callable[..., Any], xp: Any, concrete: Any = None) -> Callable[..., Any]:
    """`norm`, the library's `linalg.vector_norm`, for vectors of all sizes: where squares or powers
    leave the range of the dtype, it is computed once more, of the vectors by their largest element.

    The result shows where that is so. It is looked at where it is `concrete`: not what compilers
    trace, nor what a device computes later.
    """
    ranges: dict[Any, tuple[float, float]] = {}

    def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
        y = norm(x, axis=axis, keepdims=keepdims, ord=ord)
        if not 1 < abs(ord) < math.inf or (concrete is not None and not concrete(y)):
            return y
        known = ranges.get((y.dtype, ord))
        if known is None:
            info, root = xp.finfo(y.dtype), 1 / abs(ord)
            low = float(info.smallest_normal) / float(info.eps)
            known = ranges[y.dtype, ord] = low**root, float(info.max) ** root
        low, high = known
        fits = (y >= low) & (y <= high)
        if (bool(fits) if y.ndim == 0 else bool(xp.all(fits))) or 0 in x.shape:
            return y
        sizes = xp.abs(x)
        ones = xp.ones_like(sizes)
        top = xp.max(xp.where(sizes < math.inf, sizes, ones), axis=axis, keepdims=True)
        top = xp.where(top == 0, xp.ones_like(top), top)
        y = norm(sizes / top, axis=axis, keepdims=True, ord=ord) * top
        return y if keepdims else xp.sum(y, axis=axis)  # one element

    return vector_norm


def selects_once(key: Any) -> bool:
    """Whether `key` names no element twice: it has no array of integers."""
    if isinstance(key, tuple):
        return all([selects_once(k) for k in key])
    return isinstance(key, slice) or not hasattr(key, "dtype") or "bool" in str(key.dtype)
