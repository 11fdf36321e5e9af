"""``python -m pluggrad.compat.autograd program.py [arguments]``: run a program that was written for
HIPS autograd, unchanged.

``-m module`` runs a module, as Python's own ``-m`` does.
"""

from __future__ import annotations

import os
import runpy
import sys

from .aliases import install

USAGE = "usage: python -m pluggrad.compat.autograd (program.py | -m module) [arguments]"


def main(arguments: list[str]) -> None:
    """Run the program that `arguments` name, with the rest of them as its own."""
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print(USAGE)
        raise SystemExit(0 if arguments and arguments != ["-m"] else 2)
    install()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = arguments
    sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
