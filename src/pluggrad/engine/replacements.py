"""Which function of ours stands for a library's function that a Variable cannot pass through.

The function is known by the frames of the call. SciPy's functions live in private modules and
behind wrappers, and its distributions are methods of objects; what users call has a public name.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["MIRRORS", "replacement", "takes_arrays_of_the_standard"]

#: The packages of ours that mirror a library, by the name of the library. Each is imported when an
#: error asks for it.
MIRRORS: dict[str, Callable[[], Any]] = {}


def replacement(frames: Sequence[Any], library: str) -> str:
    """The name of our function for what `library` was doing in `frames`, from the outermost on,
    such as ``"pluggrad.scipy.ndimage.gaussian_filter"``. Empty if we have none."""
    load = MIRRORS.get(library)
    if load is None:
        return ""
    mirror = load()
    for frame in frames:
        for folder, name in _names(frame):
            module = mirror
            for part in folder.split(".")[1:]:
                module = getattr(module, part, None)
            if name.partition(".")[0] in getattr(module, "__all__", ()):
                return f"pluggrad.{folder}.{name}"
    return ""


def _folder(module: str) -> str:
    """The public part of the name of a module: ``"scipy.stats"`` of ``"scipy.stats._kde"``."""
    parts = module.split(".")
    private = [n for n, part in enumerate(parts) if part.startswith("_")]
    return ".".join(parts[: private[0]] if private else parts)


def _names(frame: Any) -> Iterator[tuple[str, str]]:
    """What the function that runs in `frame` may be called: a public module, and the name there."""
    code, module = frame.f_code, str(frame.f_globals.get("__name__", ""))
    yield _folder(module), code.co_name
    for name in code.co_freevars:  # a wrapper holds what it wraps
        held = frame.f_locals.get(name)
        if callable(held) and hasattr(held, "__name__"):
            yield _folder(str(held.__module__)), held.__name__
    this = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    if code.co_qualname == code.co_name or this is None:
        return
    # A method: of an object that is called by its class, or of one that the module offers.
    for owner in (this, getattr(this, "dist", None), getattr(this, "_dist", None)):
        kind = type(owner)
        folder = _folder(kind.__module__)
        yield folder, kind.__name__
        for name, found in vars(sys.modules.get(folder, this)).items():
            if type(found) is kind and kind.__module__.startswith(folder):
                yield folder, name if code.co_name[:1] == "_" else f"{name}.{code.co_name}"


def takes_arrays_of_the_standard(frames: Sequence[Any]) -> bool:
    """Whether SciPy says that the function running in one of `frames` takes arrays of any library,
    where ``SCIPY_ARRAY_API`` is set; also where it says nothing that we could read."""
    known = getattr(sys.modules.get("scipy._lib._array_api"), "xp_capabilities_table", None)
    if not known:
        return True
    codes = {getattr(inspect.unwrap(f), "__code__", None): says for f, says in known.items()}
    for frame in frames:
        found = [codes.get(frame.f_code)]  # a static method has no `self` to find it by
        for folder, name in _names(frame):
            called = getattr(sys.modules.get(folder), name.partition(".")[0], None)
            with contextlib.suppress(TypeError):  # what cannot be a key
                found.append(known.get(called))
        for says in found:
            if says is not None:
                return not (says["np_only"] or says["cpu_only"] or says["out_of_scope"])
    return False
