"""Errors and warnings. Each error derives from `PluggradError` and from the built-in error that a
caller would catch."""

from __future__ import annotations

from numpy.linalg import LinAlgError as _NumPyLinAlgError

__all__ = [
    "AnomalyError",
    "BackendError",
    "BatchedWriteError",
    "BatchingError",
    "CapturedVariableError",
    "CompileWarning",
    "DifferentiationError",
    "GraphBreakError",
    "GraphBreakWarning",
    "GraphFreedError",
    "InvalidArgumentError",
    "LeakedVariableError",
    "LinAlgError",
    "MissingFunctionError",
    "MixedBackendsError",
    "MixedDevicesError",
    "MutationError",
    "NotLinearError",
    "NotMappableError",
    "NotOneElementError",
    "OperationError",
    "OutOfRangeError",
    "PluggradError",
    "TypeMismatchError",
    "UnknownNameError",
    "UnsupportedError",
    "UntraceableError",
]


class PluggradError(Exception):
    """The base of every error that pluggrad raises on purpose."""


class InvalidArgumentError(PluggradError, ValueError):
    """An argument has the wrong shape, value or combination."""


class DifferentiationError(PluggradError, RuntimeError):
    """A gradient was asked for that does not exist. A RuntimeError, as in torch."""


class AnomalyError(DifferentiationError):
    """A derivative became nan or infinite, under `detect_anomaly`."""


class MutationError(DifferentiationError):
    """An array that the graph still needs was changed in place. A RuntimeError, as in torch."""


class GraphFreedError(DifferentiationError):
    """A graph was walked a second time, after the first walk had freed its saved values."""


class CapturedVariableError(DifferentiationError):
    """A custom operation used a Variable that was not passed to it: its gradient would be lost."""


class NotLinearError(DifferentiationError):
    """A derivative rule cannot be transposed, because it is not linear in its cotangent or tangent.

    `opaque` says that the rule left the graph, so that its linearity could not be checked.
    """

    opaque: bool = False


class LeakedVariableError(DifferentiationError):
    """A Variable of a transform was used after that transform had returned."""


class GraphBreakError(PluggradError, RuntimeError):
    """A tracked Variable was about to become a plain array, and its gradient would be lost.

    A RuntimeError, like torch's "Can't call numpy() on Tensor that requires grad": client libraries
    catch TypeError and ValueError, and would go on without the gradient.
    """


class CompileWarning(UserWarning):
    """A function given to `pluggrad.compile` runs as it is: there can be no program of it."""


class GraphBreakWarning(UserWarning):
    """A gradient may be lost: a tracked Variable was converted to a plain value, or a transformed
    function returned a value that does not depend on its arguments."""


class OperationError(PluggradError, ValueError, TypeError, RuntimeError):
    """The array library refused an operation, such as one on shapes that do not broadcast. NumPy
    raises a ValueError, torch a RuntimeError and JAX a TypeError, so this error is all three."""


class LinAlgError(OperationError, _NumPyLinAlgError):
    """A matrix is singular, not square or not positive definite, or a decomposition did not
    converge. Also NumPy's `LinAlgError`, on every backend; on torch, torch's as well."""


class OutOfRangeError(PluggradError, ValueError, IndexError):
    """An index or an axis is out of range for the array."""


class NotOneElementError(PluggradError, TypeError, ValueError):
    """An array of several elements, or of none, was converted to a Python scalar."""


class MixedBackendsError(PluggradError, TypeError):
    """Arrays of two libraries met in one operation. `backends` are their names, if known."""

    backends: tuple[str, str] = ("", "")


class MixedDevicesError(PluggradError, RuntimeError, ValueError):
    """Arrays on two devices met in one operation."""


class TypeMismatchError(PluggradError, TypeError):
    """A value has a type or dtype that cannot be used here."""


class BackendError(PluggradError, ValueError):
    """A backend is unknown, not installed, or lacks what was asked of it."""


class UnsupportedError(PluggradError, NotImplementedError):
    """This backend has no such function, or the function has no derivative here."""


class BatchingError(UnsupportedError, TypeMismatchError):
    """An operation has no meaning, or no rule, for a whole batch of `vmap`. A TypeError, like JAX's
    for `bool` of a tracer, and a RuntimeError, like torch's."""


class BatchedWriteError(BatchingError, InvalidArgumentError):
    """A value that `vmap` maps over was written into a Variable made outside of it."""


class NotMappableError(InvalidArgumentError, TypeMismatchError):
    """`vmap` was asked to map over a value that has no axis."""


class UnknownNameError(PluggradError, AttributeError):
    """Nothing has this name here. An AttributeError, so that `hasattr` is False."""


class MissingFunctionError(UnsupportedError, AttributeError):
    """This backend has no such function. Also an AttributeError, so that `hasattr` is False."""


class UntraceableError(PluggradError, RuntimeError):
    """What a function computes depends on more than the shapes and dtypes of its arguments, so that
    no program can be made of it."""
