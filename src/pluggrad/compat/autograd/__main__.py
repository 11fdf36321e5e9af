"""``python -m pluggrad.compat.autograd program.py [arguments]``: run a program that was written for
HIPS autograd, unchanged.

What Python itself takes in the place of a file works, too: ``-m module``, ``-c code``, and ``-``
for the standard input.
"""

from __future__ import annotations

import os
import runpy
import sys
from types import ModuleType
from typing import Any, NoReturn

from .aliases import install

COMMAND = "python -m pluggrad.compat.autograd"
USAGE = f"usage: {COMMAND} (program.py | -m module | -c code | -) [arguments]"

OPTIONS = ("-", "-m", "-c")


def main(arguments: list[str]) -> None:
    """Run the program that `arguments` name, with the rest of them as its own."""
    first, *rest = arguments or [""]
    if first in ("-h", "--help"):
        print(USAGE)
    elif (first[:1] in ("", "-") and first not in OPTIONS) or (first in OPTIONS[1:] and not rest):
        _stop(USAGE)
    elif first == "-m":
        install()
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        _run(rest[0], "<string>", ["-c", *rest[1:]])
    elif first == "-":
        _run(sys.stdin.read(), "<stdin>", arguments)
    else:
        _run_path(first, arguments)


def _stop(text: str) -> NoReturn:
    """End the process, as Python does when it finds no program."""
    print(text, file=sys.stderr)
    raise SystemExit(2)


def _run_path(given: str, arguments: list[str]) -> None:
    """Run a file; or, as Python does, a folder or an archive that has a ``__main__.py``."""
    path = os.path.abspath(given)
    if not sys.flags.safe_path:
        # In the place of the current folder, which is there because of this command's own `-m`.
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    try:
        with open(path, "rb") as file:
            source = file.read()
    except IsADirectoryError:
        source = b"PK"
    except OSError as error:
        _stop(f"{COMMAND}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}")
    if source[:2] == b"PK":
        install()
        sys.argv = arguments
        runpy.run_path(path, run_name="__main__")
        return
    _run(source, path, arguments, path)


def _run(source: Any, name: str, arguments: list[str], path: str | None = None) -> None:
    """Run `source` as the main module, which it stays until the process ends."""
    install()
    sys.argv = arguments
    module = ModuleType("__main__")
    vars(module)["__builtins__"] = __builtins__
    if path is not None:
        module.__file__ = path
    sys.modules["__main__"] = module
    exec(compile(source, name, "exec", dont_inherit=True), vars(module))


if __name__ == "__main__":
    main(sys.argv[1:])
