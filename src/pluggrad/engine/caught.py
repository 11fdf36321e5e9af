"""Errors of pluggrad's that an adopted package catches, as ``except Exception:`` does.

The package then goes on without the gradient, maybe with another value. So the error is raised
again when the transform ends, or before the walk of `backward`. An error that left the package, and
that the user's code caught, is not.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from ..errors import (
    BatchingError,
    GraphBreakError,
    LeakedVariableError,
    PluggradError,
    UnsupportedError,
)
from .adopted import NOTED, adopted_frame, covers, where
from .levels import ROOT, read

__all__ = ["follow_errors", "raise_caught"]

#: The errors that NumPy would not raise. A package that expects another error of NumPy's, such as
#: LinAlgError, may well catch it.
_OURS = (GraphBreakError, BatchingError, UnsupportedError, LeakedVariableError)


class Raised(NamedTuple):
    """An error that was raised inside an adopted package."""

    error: PluggradError
    package: str

    @property
    def is_caught(self) -> bool:
        """Whether code of the package caught the error: its traceback then ends there."""
        traceback = self.error.__traceback__
        name = "" if traceback is None else str(traceback.tb_frame.f_globals.get("__name__", ""))
        return name == self.package or name.startswith(f"{self.package}.")

    def again(self) -> None:
        """Raise GraphBreakError if code of the package caught the error."""
        if self.is_caught:
            raise GraphBreakError(
                f"{self.package} caught an error of pluggrad's and went on without the gradient, "
                f"maybe with another value. The error was: {self.error}"
            ) from self.error


#: The last such error outside all transforms.
_outside: ContextVar[Raised | None] = ContextVar("pluggrad.caught.outside", default=None)


def follow_errors(on: bool) -> None:
    """Let the messages of pluggrad's errors name the line of an adopted package, and note the
    errors, or no more."""
    if on:
        setattr(PluggradError, "__init__", _noted)  # noqa: B010  (compilers do not read it else)
    elif "__init__" in vars(PluggradError):
        delattr(PluggradError, "__init__")


def _noted(self: PluggradError, *args: Any, **kwargs: Any) -> None:
    """The constructor of errors while something is adopted."""
    if args and isinstance(args[0], str):
        args = (args[0] + _made(self, args[0]), *args[1:])
    super(PluggradError, self).__init__(*args, **kwargs)


def _made(error: PluggradError, text: str) -> str:
    """Note the error, and say where in an adopted package it is, for the end of its message."""
    if isinstance(error, _OURS) and (frame := adopted_frame()) is not None:
        raised = Raised(error, covers(str(frame.f_globals.get("__name__", ""))))
        level: Any = read().level
        before: Raised | None = _outside.get() if level is ROOT else level.caught
        if before is not None and before.is_caught:
            pass  # that one is to be raised
        elif level is ROOT:
            _outside.set(raised)
            NOTED[:] = [raised.package]
        else:
            level.caught = raised
    return where(text)


def raise_caught() -> None:
    """Raise GraphBreakError if an adopted package caught an error outside all transforms."""
    raised = _outside.get()
    if raised is not None:
        _outside.set(None)
        raised.again()
