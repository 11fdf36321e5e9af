"""The arguments of public functions: lists and numbers as arrays, in one dtype, checked."""

from __future__ import annotations

from typing import Any

from ..arrays.backend import SCALARS, Backend, backend_of, get_backend, mixed
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import shortened
from ..engine.cotangents import create, is_complex
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, LinAlgError, TypeMismatchError
from ..functions.operands import as_float, differ

__all__ = ["adjoint", "arrays", "broadcast_shapes", "check_columns", "check_square", "columns",
           "constant", "find_backend", "floats", "known_numbers", "matrices"]  # fmt: skip


def find_backend(x: Any) -> Backend:
    """The backend of the array `x`."""
    backend = backend_of(x)
    assert backend is not None
    return backend


def constant(name: str, *args: Any, beside: Any, **kwargs: Any) -> Any:
    """What the creation function `name` makes, to be used together with `beside`: on all of its
    devices, and a Variable if it is one."""
    made = create(name, *args, beside=beside, **kwargs)
    return beside._backend.namespace.asarray_constant(made) if is_variable(beside) else made


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return xp.conj(xp.matrix_transpose(x)) if is_complex(x) else xp.matrix_transpose(x)


def arrays(where: str, *given: Any) -> list[Any]:
    """`given` as Variables of one dtype. None stays None."""
    backend = next((x._backend for x in given if is_variable(x)), None) or get_backend("numpy")
    found = []
    for x in given:
        if x is not None and not is_variable(x):
            if not isinstance(x, (*SCALARS, list, tuple)):
                other = backend_of(x) if hasattr(x, "dtype") else None
                if other is not None:
                    raise mixed(backend, other, f"scipy.{where}")
                raise TypeMismatchError(f"scipy.{where} takes arrays, not {shortened(x)}")
            x = backend.namespace.asarray(x)
        found.append(x)
    some = [x for x in found if x is not None]
    if all([x.dtype == some[0].dtype for x in some]):
        return found
    dtype = backend.namespace.result_type(*some)
    return [x if x is None or x.dtype == dtype else xp.astype(x, dtype) for x in found]


def floats(where: str, *given: Any, check_finite: bool = False) -> list[Any]:
    """`given` as Variables of one floating-point dtype. With `check_finite`, NumPy arrays that hold
    inf or nan are refused."""
    found = [x if x is None else as_float(x) for x in arrays(where, *given)]
    for x in found:
        values = known_numbers(x) if check_finite and x is not None else None
        if values is not None and not find_backend(x).xp.all(find_backend(x).xp.isfinite(values)):
            raise InvalidArgumentError(
                f"scipy.{where}: an array holds inf or nan; `check_finite=False` lets them pass"
            )
    return found


def known_numbers(x: Any) -> Any:
    """The raw NumPy array in `x`; None for arrays of other libraries, which may be unknown yet."""
    return raw_of(x) if find_backend(x).name == "numpy" else None


def matrices(name: str, a: Any, check_finite: bool) -> Any:
    """`a` as matrices of floating-point numbers."""
    (a,) = floats(f"linalg.{name}", a, check_finite=check_finite)
    if a.ndim < 2:
        raise LinAlgError(f"scipy.linalg.{name} takes matrices, not the shape {a.shape}")
    return a


def check_square(where: str, *matrices: Any) -> None:
    """Raise LinAlgError unless all are square matrices."""
    for x in matrices:
        if x.ndim < 2 or differ(x.shape[-1], x.shape[-2]):
            raise LinAlgError(f"scipy.{where} takes square matrices, not the shape {x.shape}")


def broadcast_shapes(like: Any, *shapes: Any) -> Any:
    """The shape that these broadcast to; `like` is any array."""
    return find_backend(like).namespace.broadcast_shapes(*[tuple(s) for s in shapes])


def columns(b: Any) -> Any:
    """A right-hand side as columns: a vector is one column."""
    return xp.expand_dims(b, axis=-1) if b.ndim == 1 else b


def check_columns(where: str, n: Any, b: Any) -> None:
    """Raise unless the right-hand side `b`, made columns, has `n` rows."""
    if b.ndim < 2 or differ(b.shape[-2], n):
        raise InvalidArgumentError(
            f"scipy.{where}: the right-hand side has the shape {b.shape}, and the matrix {n} rows"
        )
