"""The standard's functions that are not operations: those that make arrays, those that answer
questions about arrays, and the inspection of a namespace."""

from __future__ import annotations

import functools
import inspect
from typing import Any

__all__ = ["CREATION", "INQUIRIES", "VERSIONS", "Info", "parse"]

#: The supported versions of the standard: a namespace of 2025.12 has the functions of all of them.
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")


@functools.cache
def parse(arguments: str) -> inspect.Signature:
    """The signature with the parameters that `arguments` spells out."""
    return inspect.signature(eval(f"lambda {arguments}: None"))


_MAKES = "*, dtype=None, device=None"

#: Functions that make arrays.
CREATION = {
    name: parse(arguments)
    for name, arguments in {
        "arange": f"start, /, stop=None, step=1, {_MAKES}",
        "empty": f"shape, {_MAKES}",
        "empty_like": f"x, /, {_MAKES}",
        "eye": "n_rows, n_cols=None, /, *, k=0, dtype=None, device=None",
        "from_dlpack": "x, /, *, device=None, copy=None",
        "full": f"shape, fill_value, {_MAKES}",
        "full_like": f"x, /, fill_value, {_MAKES}",
        "linspace": f"start, stop, /, num, {_MAKES}, endpoint=True",
        "ones": f"shape, {_MAKES}",
        "ones_like": f"x, /, {_MAKES}",
        "zeros": f"shape, {_MAKES}",
        "zeros_like": f"x, /, {_MAKES}",
        "fft.fftfreq": "n, /, d=1.0, *, dtype=None, device=None",
        "fft.rfftfreq": "n, /, d=1.0, *, dtype=None, device=None",
    }.items()
}
#: Questions about arrays and dtypes, answered with plain Python values.
INQUIRIES = {
    name: parse(arguments)
    for name, arguments in {
        "broadcast_shapes": "*shapes",
        "can_cast": "from_, to, /",
        "finfo": "type, /",
        "iinfo": "type, /",
        "isdtype": "dtype, kind",
        "result_type": "*arrays_and_dtypes",
    }.items()
}


class Info:
    """The standard's inspection of a namespace: its devices, dtypes and capabilities.

    >>> import pluggrad as pg
    >>> pg.namespace("numpy").__array_namespace_info__().devices()
    ('cpu',)
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._raw = backend.xp.__array_namespace_info__()

    def capabilities(self) -> dict[str, Any]:
        """What the library can do that the standard leaves open."""
        return {"max dimensions": None, **self._raw.capabilities()}

    def default_device(self) -> Any:
        """The device of arrays for which none is named."""
        return self._raw.default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes of arrays for which none is named, by kind."""
        return dict(self._raw.default_dtypes(device=device))

    def devices(self) -> tuple[Any, ...]:
        """The devices that arrays can live on."""
        return tuple(self._raw.devices())

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The dtypes of a kind, by name."""
        return dict(self._raw.dtypes(device=device, kind=kind))

    def __repr__(self) -> str:
        return f"<inspection of {self._backend.namespace.__name__}>"
