"""The command line: ``pluggrad backends``, ``tour``, ``conformance`` and ``compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

from ..errors import BackendError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code: 0, or 2 for a backend that is not there."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["conformance"], ["compare"]):  # they have command lines of their own
        return _conformance(words[0], words[1:])
    parser = _parser()
    arguments = parser.parse_args(words)
    if arguments.run is None:
        parser.print_help()
        return 0
    try:
        return int(arguments.run(arguments))
    except BackendError as error:
        print(f"pluggrad: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pluggrad",
        description="Automatic differentiation for any library of the Array API standard.",
    )
    parser.add_argument("--version", action="version", version=f"pluggrad {version('pluggrad')}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    command = commands.add_parser(
        "backends",
        help="list the array libraries that pluggrad can use here",
        description="List the array libraries that pluggrad can use here, with their versions and "
        "devices, what to install for the others, and which plugins do not work, and why.",
    )
    command.add_argument(
        "--hooks",
        nargs="?",
        choices=("text", "markdown"),
        const="text",
        help="print instead what a plugin for a library may override, what each name must do, and "
        "what holds without it; as text, or as tables in Markdown",
    )
    command.set_defaults(run=_backends)
    command = commands.add_parser(
        "tour",
        help="walk through automatic differentiation, computed as you watch",
        description="Walk through automatic differentiation with Variables. Every line of code "
        "that is shown is run, and what is printed below it is what it gave.",
    )
    command.add_argument(
        "--backend",
        default=None,
        metavar="NAME",
        help="the array library to compute with: numpy, torch, jax, strict, or any other that "
        "`pluggrad backends` lists (default: numpy, or PLUGGRAD_BACKEND)",
    )
    command.add_argument(
        "--seed", type=int, default=2017, help="of the random numbers (default: %(default)s)"
    )
    command.set_defaults(run=_tour)
    commands.add_parser(
        "conformance",
        add_help=False,
        help="check every gradient on every backend, and write a report",
    )
    commands.add_parser(
        "compare",
        add_help=False,
        help="compare a function of yours across backends and frameworks",
    )
    return parser


#: What the conformance suite needs beyond pluggrad, by module; the extra brings it.
CONFORMANCE = ("hypothesis", "jinja2", "jsonschema", "mpmath", "rich", "scipy")


def _conformance(command: str, words: Sequence[str]) -> int:
    """Hand over to the conformance suite, if what it needs is there."""
    from importlib.util import find_spec

    needed = ["pluggrad_conformance", *CONFORMANCE, *(["pyperf"] if command == "compare" else [])]
    missing = [name for name in needed if find_spec(name) is None]
    needs = (
        f"the conformance suite needs {', '.join(missing)}; "
        f"`pip install 'pluggrad[{command}]'` brings everything"
    )
    if missing and (words and not {"-h", "--help"} & set(words)):
        print(f"pluggrad: {needs}", file=sys.stderr)
        return 2
    if missing:  # help is there without them
        print(f"To run this, {needs}.\n")
    if command == "compare":
        from pluggrad_conformance.functions.cli import main as run
    else:
        from pluggrad_conformance.cli import main as run
    return int(run(words))


def _tour(arguments: Any) -> int:
    from ..arrays.choice import current_choice
    from .tour import run

    run(arguments.backend or current_choice().name, seed=arguments.seed)
    return 0


def _backends(arguments: Any) -> int:
    from ..arrays.backend import backends, has_backend
    from ..arrays.choice import current_choice
    from ..arrays.plugins import unknown

    if arguments.hooks:
        print(hooks_as_markdown() if arguments.hooks == "markdown" else hooks_as_text())
        return 0
    default = current_choice().name
    listed = backends()
    rows = [("NAME", "VERSION", "DEVICES", "WRITES", "NOTES")]
    broken, warned = [], []
    for name, facts in listed.items():
        warned += [f"{name}: {warning}" for warning in facts.get("warnings", ())]
        if not facts["installed"]:
            if "install" in facts:
                rows.append((name, "not installed", "", "", facts["install"]))
            else:
                rows.append((name, "not usable", "", "", "see below"))
                broken.append(f"{name}: {facts['error']}")
            continue
        can = facts["capabilities"]
        notes = "; ".join(
            filter(None, ["the default" if name == default else "", can.get("note", "")])
        )
        writes = "in place" if can["writable"] else "by copying"
        rows.append((name, facts["version"], _devices(facts["devices"]), writes, notes))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    _paragraphs("Plugins that do not work (all others do):", broken)
    _paragraphs("Warnings:", warned)
    if not has_backend(default):
        usable = [name for name, facts in listed.items() if facts["installed"]]
        _paragraphs("The default:", [str(unknown(default, usable))])
    return 0


def _paragraphs(title: str, items: Sequence[str]) -> None:
    """A title and, below it, items that are wrapped to the width of the terminal."""
    if items:
        print(f"\n{title}")
    for item in items:
        print(_wrapped(item, "  ", "    "))


def _wrapped(text: str, first: str, indent: str) -> str:
    width = max(50, min(100, get_terminal_size().columns))
    return fill(text, width, initial_indent=first, subsequent_indent=indent,
                break_long_words=False, break_on_hyphens=False)  # fmt: skip


#: What introduces the two tables of names.
INTRODUCTIONS = (
    "What an adapter may override",
    "What `functions` of an adapter may hold, beside functions of the standard",
)


def hooks_as_text() -> str:
    """The names that a plugin may override, to be read in a terminal."""
    from ..plugin import FUNCTIONS, VERSION, hooks

    lines = [f"pluggrad.plugin, version {VERSION}"]
    for title, table in zip(INTRODUCTIONS, (hooks(), FUNCTIONS), strict=True):
        lines += ["", title]
        for hook in table.values():
            default = f"Default: {hook.default}" if hook.default else "Required."
            texts = [_wrapped(text, " " * 6, " " * 6) for text in (hook.does, default)]
            lines += ["", f"  {hook.call}", *texts]
    return "\n".join(lines)


def hooks_as_markdown() -> str:
    """The same as two tables, which are in CONTRIBUTING.md."""
    from ..plugin import FUNCTIONS, VERSION, hooks

    lines = [f"This is version {VERSION} of `pluggrad.plugin`."]
    for title, table in zip(INTRODUCTIONS, (hooks(), FUNCTIONS), strict=True):
        lines += ["", f"{title}:", "", "| name | what it must do | without it |", "|---|---|---|"]
        for hook in table.values():
            does, default = [
                text.replace("|", r"\|").replace("``", "`")
                for text in (hook.does, hook.default or "(required)")
            ]
            lines.append(f"| `{hook.call}` | {does} | {default} |")
    return "\n".join(lines)


def _devices(devices: Sequence[Any]) -> str:
    """The devices in a few words: the standard leaves open how they are printed."""
    names = [str(device).split("'")[-2:][0] for device in devices if device is not None]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
