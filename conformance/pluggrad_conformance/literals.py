"""Numbers, arrays and settings as Python source, for scripts."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from .results import printable

__all__ = ["LONG", "NotLiteral", "comment", "literal", "packed", "write_down"]

#: Arrays with more components are written in compressed form.
LONG = 200


def comment(text: str) -> str:
    """The text as a comment of one line, without characters that Python rejects in source."""
    return "# " + printable(" ".join(text.splitlines())).replace("\0", "\\0")


def write_down(x: np.ndarray[Any, Any], dtype: str = "", wrap: bool = True) -> str:
    """The expression for an array: its numbers, or packed data if there are many.

    >>> write_down(np.asarray([0.5, 2.0]), wrap=False)
    '[0.5, 2.0]'
    """
    x = np.asarray(x)
    text = packed(x) if x.size > LONG or 0 in x.shape else _numbers(x.tolist())
    if not wrap:
        return text
    own = "" if not dtype or x.dtype.kind in "fc" else f", {str(x.dtype)!r}"
    return f"array({text}{own})"


def _numbers(x: Any) -> str:
    """Numbers in nested lists, as Python reads them back."""
    if isinstance(x, list):
        return f"[{', '.join(map(_numbers, x))}]"
    if isinstance(x, complex):
        odd = any(part == 0.0 or not np.isfinite(part) for part in (x.real, x.imag))
        return f"complex({_numbers(x.real)}, {_numbers(x.imag)})" if odd else repr(x)
    return repr(x).replace("nan", "np.nan").replace("inf", "np.inf")


def packed(x: np.ndarray[Any, Any]) -> str:
    """An expression for a large (or an empty) array."""
    if 0 in x.shape:
        return f"np.zeros({x.shape}, {str(x.dtype)!r})"
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(x).tobytes(), 9)).decode()
    unpack = "__import__('zlib').decompress(__import__('base64').b64decode"
    return f"np.frombuffer({unpack}({data!r})), {str(x.dtype)!r}).reshape({x.shape})"


class NotLiteral(Exception):
    """Something that Python has no literal for."""


def literal(x: Any) -> str:
    """The literal that Python reads back as `x`; `NotLiteral` if there is none."""
    if isinstance(x, float) and not np.isfinite(x):
        return f"float({str(x)!r})"
    text = repr(x)
    try:
        if eval(text, {"__builtins__": {"slice": slice, "Ellipsis": ...}}) == x:
            return text
    except Exception:
        pass
    raise NotLiteral(text)
