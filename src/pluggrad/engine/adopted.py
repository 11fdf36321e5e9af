"""Which packages are adopted (see `pluggrad.adoption`), and where in them the program is.

The engine must know: a Variable that becomes a Python float there would give a wrong derivative of
code that its user cannot mend, so it is an error, and errors name the package's line.
"""

from __future__ import annotations

import functools
import os
import sys
from types import FrameType

__all__ = ["NAMES", "NOTED", "adopted_frame", "covers", "installed", "is_adopted", "where"]

#: The adopted packages and modules by name, each with how often it is adopted now.
NAMES: dict[str, int] = {}

#: Not empty once an error was raised in an adopted package outside of transforms. (See `caught`.)
NOTED: list[str] = []


@functools.cache
def installed() -> tuple[str, ...]:
    """Where installed libraries and the standard library live."""
    import sysconfig

    paths = sysconfig.get_paths()
    roots = {os.path.join(path, "") for key, path in paths.items() if "lib" in key}
    return (*roots, "<frozen", "<__array_function__")


def covers(module: str) -> str:
    """The adopted name that the module called `module` belongs to; empty if there is none."""
    name = module
    while name:
        if name in NAMES:
            return name
        name = name.rpartition(".")[0]
    return ""


def adopted_frame() -> FrameType | None:
    """The innermost frame that runs code of an adopted package, unless code of the user's runs
    further in, such as a function that the package was given. None if there is none."""
    frame: FrameType | None = sys._getframe(1) if NAMES else None
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if covers(name):
            return frame
        ours = name.partition(".")[0] == "pluggrad" or "__pluggrad__" in frame.f_globals
        if not ours and not frame.f_code.co_filename.startswith(installed()):
            return None
        frame = frame.f_back
    return None


def is_adopted() -> bool:
    """Whether code of an adopted package has called pluggrad directly."""
    if not NAMES:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] != "pluggrad" and "__pluggrad__" not in frame.f_globals:
            return bool(covers(name))
        frame = frame.f_back
    return False


def where(text: str) -> str:
    """The line of an adopted package where an error with this `text` is made, for the end of the
    text; empty if there is none, or if the text names it."""
    frame = adopted_frame()
    if frame is None or f"{frame.f_code.co_filename}:{frame.f_lineno}" in text:
        return ""
    package = covers(str(frame.f_globals.get("__name__", "")))
    return f" (inside {package}, {frame.f_code.co_filename}:{frame.f_lineno})"
