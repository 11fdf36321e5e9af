"""The public names of the namespaces, and the signature of each function."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from ..arrays.backend import PRIMITIVES
from ..arrays.composites import COMPOSITES, MAKERS, WIDER
from ..arrays.plugins import nearest
from ..arrays.standard import CREATION, INQUIRIES, parse
from ..errors import UnknownNameError

__all__ = ["ALIASES", "CONSTANTS", "EXTENSIONS", "public_names", "signature_of", "unknown_name"]

#: Functions of the main namespace that an extension offers, too.
ALIASES = {
    "asanyarray": "asarray",
    "asfortranarray": "ascontiguousarray",
} | {f"linalg.{name}": name for name in ("matmul", "matrix_transpose", "tensordot", "vecdot")}
ALIASES |= {"around": "round", "fix": "trunc"}
ALIASES |= {"amax": "max", "amin": "min"}
#: NumPy's names for elementwise functions.
ALIASES |= {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "bitwise_not": "bitwise_invert",
    "conjugate": "conj", "degrees": "rad2deg", "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift", "mod": "remainder", "power": "pow", "radians": "deg2rad",
    "right_shift": "bitwise_right_shift", "true_divide": "divide",
}  # fmt: skip
EXTENSIONS = ("linalg", "fft", "special")
#: Names that are not functions: the standard's constants and dtypes.
CONSTANTS = (
    "e", "inf", "nan", "newaxis", "pi",
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip


def public_names(prefix: str = "") -> list[str]:
    """The names that a namespace offers: the main one, or an extension such as ``linalg.``."""
    names = {name for name, row in PRIMITIVES.items() if not row.private}
    names |= {*COMPOSITES, *CREATION, *INQUIRIES, *ALIASES, *EXTENSIONS, *CONSTANTS, "asarray"}
    inside = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return sorted([name for name in inside if "." not in name])


def signature_of(full: str) -> inspect.Signature:
    """The signature of a public function: the standard's, if the standard has the function, with
    what NumPy's form of it adds."""
    full = ALIASES.get(full, full)
    if full in WIDER:
        return parse(WIDER[full].arguments)
    if full in PRIMITIVES and full not in COMPOSITES:
        return PRIMITIVES[full].parsed
    if full in INQUIRIES or (full in CREATION and full not in MAKERS):
        return CREATION.get(full) or INQUIRIES[full]
    if full == "asarray":
        return _ASARRAY
    annotated = inspect.signature(COMPOSITES[full])
    bare = [p.replace(annotation=p.empty) for p in annotated.parameters.values()]
    return inspect.Signature(bare[full in MAKERS :])


def _asarray(obj, /, dtype=None, *, device=None, copy=None): ...  # type: ignore[no-untyped-def]


_ASARRAY = inspect.signature(_asarray)


def unknown_name(full: str, where: str, others: Iterable[str] = ()) -> UnknownNameError:
    """The error for a name that `where` does not have. The most similar public name is suggested,
    or one of `others`."""
    prefix, dot, name = full.rpartition(".")
    near = nearest(name, [*public_names(prefix + dot), *others], 0.7)
    meant = f"; did you mean `pluggrad.{prefix}{dot}{near[0]}`?" if near else ""
    return UnknownNameError(f"{where} has no attribute {full!r}{meant}")
