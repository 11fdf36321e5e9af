"""Errors and warnings. Each derives from `PluggradError` and from the built-in that a caller would
catch."""

from __future__ import annotations

__all__ = [
    "AnomalyError",
    "BackendError",
    "BatchedWriteError",
    "BatchingError",
    "CapturedVariableError",
    "DifferentiationError",
    "GraphBreakError",
    "GraphBreakWarning",
    "GraphFreedError",
    "InvalidArgumentError",
    "LeakedVariableError",
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
    "UnsupportedError",
]


class PluggradError(Exception):
    """The base of every error that pluggrad raises on purpose."""


class InvalidArgumentError(PluggradError, ValueError):
    """An argument has the wrong shape, value or combination."""


class DifferentiationError(PluggradError, RuntimeError):
    """A gradient was asked for that does not exist, as torch's RuntimeError."""


class AnomalyError(DifferentiationError):
    """A derivative became nan or infinite, under `detect_anomaly`."""


class MutationError(DifferentiationError):
    """An array that the graph still needs was changed in place, as torch's RuntimeError."""


class GraphFreedError(DifferentiationError):
    """The graph was walked before, and the values it had saved are gone."""


class CapturedVariableError(DifferentiationError):
    """A custom operation used a Variable that it was not handed, whose gradient would be lost."""


class NotLinearError(DifferentiationError):
    """A derivative rule is not linear in its cotangent (or tangent), and was to be transposed.

    `opaque` says that it left the graph, so that what it does cannot be seen.
    """

    opaque: bool = False


class LeakedVariableError(DifferentiationError):
    """A Variable of a transform was used after that transform had returned."""


class GraphBreakError(PluggradError, RuntimeError):
    """A tracked Variable was about to become a plain array, and its gradient would be lost.

    A RuntimeError, as torch's "Can't call numpy() on Tensor that requires grad", because client
    libraries catch TypeError and ValueError and go on without the gradient.
    """


class GraphBreakWarning(UserWarning):
    """A tracked Variable was converted to a Python scalar; what follows has no gradient."""


class OperationError(PluggradError, ValueError, TypeError, RuntimeError):
    """The array library refused an operation, such as one on shapes that do not broadcast: a
    ValueError for NumPy, a RuntimeError for torch, a TypeError for JAX, and here all of them."""


class OutOfRangeError(PluggradError, ValueError, IndexError):
    """An index or an axis that the array does not have."""


class NotOneElementError(PluggradError, TypeError, ValueError):
    """A Python scalar was asked of an array of several elements, or of none."""


class MixedBackendsError(PluggradError, TypeError):
    """Arrays of two libraries met in one operation."""


class MixedDevicesError(PluggradError, RuntimeError, ValueError):
    """Arrays on two devices met in one operation."""


class TypeMismatchError(PluggradError, TypeError):
    """A value of a type or dtype that cannot be used here."""


class BackendError(PluggradError, ValueError):
    """A backend is unknown, not installed, or lacks what was asked of it."""


class UnsupportedError(PluggradError, NotImplementedError):
    """This backend has no such function, or the function has no derivative here."""


class BatchingError(UnsupportedError, TypeMismatchError):
    """Something that has no meaning, or no rule, for all that `vmap` maps over at once: a
    TypeError, as JAX's for `bool` of a tracer, and a RuntimeError, as torch's."""


class BatchedWriteError(BatchingError, InvalidArgumentError):
    """A value that `vmap` maps over was written into a Variable made outside of it."""


class NotMappableError(InvalidArgumentError, TypeMismatchError):
    """`vmap` was to map over something that has no axis."""


class MissingFunctionError(UnsupportedError, AttributeError):
    """This backend has no such function: an AttributeError too, so that `hasattr` answers."""
