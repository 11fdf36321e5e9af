"""The operators of HIPS autograd: `grad`, `jacobian`, `hessian`, `make_hvp` and their relatives.

Each takes a function and `argnum`, the number of the argument to differentiate by (or several
numbers), and returns a function of the same arguments. Complex gradients are those of HIPS
autograd, ∂f/∂Re - i ∂f/∂Im: for a holomorphic function the derivative itself.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import optree

from ... import numpy as np
from ...arrays.backend import SCALARS
from ...engine.handles import raw_of
from ...errors import BatchingError, GraphBreakError, TypeMismatchError
from ...transforms import checkpoint as _checkpoint
from ...transforms.mapping import inner_vmap
from .core import gradient
from .core import make_jvp as _make_jvp
from .core import make_vjp as _make_vjp
from .spaces import vspace
from .trees import is_array
from .wrap_util import unary_to_nary

__all__ = [
    "checkpoint", "deriv", "elementwise_grad", "grad", "grad_and_aux", "grad_named", "hessian",
    "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "jacobian",
    "make_ggnvp", "make_hvp", "make_jvp", "make_jvp_reversemode", "make_vjp", "multigrad_dict",
    "tensor_jacobian_product", "value_and_grad", "vector_jacobian_product",
]  # fmt: skip

make_vjp = unary_to_nary(_make_vjp)
make_jvp = unary_to_nary(_make_jvp)


def _is_complex(y: Any) -> bool:
    """Whether `y` is a complex number or array."""
    return isinstance(y, complex) or (is_array(y) and _kind(y) == "c")


def _kind(y: Any) -> str:
    """The letter of the dtype's kind, such as "f"; of another library's, "c" if it is complex."""
    dtype = raw_of(y).dtype
    return dtype.kind if hasattr(dtype, "kind") else "c" if "complex" in str(dtype) else "f"


def _check_number(y: Any) -> None:
    """Raise unless `y` is one real number; its shape may be (1,) and the like."""
    if type(y) is float:
        return
    if is_array(y) and math.prod(y.shape) == 1 and _kind(y) not in "cb":
        return
    what = f"shape {tuple(y.shape)} and dtype {y.dtype}" if is_array(y) else type(y).__name__
    raise TypeMismatchError(
        f"Grad only applies to real scalar-output functions, and this one returned {what}. Try "
        "jacobian, elementwise_grad or holomorphic_grad."
    )


def _check_real(y: Any) -> None:
    """Raise if `y` is complex."""
    if _is_complex(y):
        raise TypeMismatchError("Elementwise_grad only applies to real-output functions.")


@unary_to_nary
def grad(fun: Callable[[Any], Any], x: Any) -> Any:
    """
    Returns a function which computes the gradient of `fun` by argument number `argnum`. `fun`
    returns one real number. The gradient has the structure of the argument.

    >>> import pluggrad.compat.autograd.numpy as np
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return gradient(fun, x, _check_number)[1]


@unary_to_nary
def value_and_grad(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes both the value of `fun` and its gradient, as
    `scipy.optimize.minimize` takes them with ``jac=True``.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (np.float64(8.0), np.float64(12.0))
    """
    return gradient(fun, x, _check_number)


@unary_to_nary
def grad_and_aux(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes the pair of the gradient and `aux`, for a `fun` that returns
    the pair of a number and `aux`."""
    (_, aux), g = gradient(fun, x, _check_number, aux=True)
    return g, aux


@unary_to_nary
def elementwise_grad(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes the gradient of the sum of the elements of `fun`: the
    derivative of each element, if `fun` works element by element.

    >>> import pluggrad.compat.autograd.numpy as np
    >>> elementwise_grad(np.square)(np.array([1, 2, 3]))
    array([2., 4., 6.])
    """
    return gradient(fun, x, _check_real)[1]


@unary_to_nary
def deriv(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes the derivative of `fun` along ones, in forward mode."""
    return _make_jvp(fun, x)(vspace(x).ones())[1]


@unary_to_nary
def holomorphic_grad(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes the complex derivative of a holomorphic `fun`."""
    if not _is_complex(x):
        warnings.warn("Input to holomorphic_grad is not complex", stacklevel=3)
    return gradient(lambda x: np.real(fun(x)), x, _check_number)[1]


def grad_named(fun: Callable[..., Any], argname: str) -> Any:
    """The gradient by the argument that is called `argname`."""
    return grad(fun, list(inspect.signature(fun).parameters).index(argname))


@unary_to_nary
def jacobian(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes the Jacobian of `fun`. Its shape is that of the value,
    followed by that of the argument.

    >>> import pluggrad.compat.autograd.numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    vjp, y = _make_vjp(fun, x)
    if not is_array(y) and type(y) not in SCALARS:
        raise TypeMismatchError(f"jacobian: the function returned {type(y).__name__}, no array")
    if _is_complex(y):
        raise TypeMismatchError(
            "jacobian: the function returned complex numbers; take np.real or np.imag of them, or "
            "use holomorphic_grad"
        )
    shape = np.shape(y)
    if not shape:
        return vjp(1.0)
    count = math.prod(shape)
    basis = np.reshape(np.eye(count, dtype=raw_of(y).dtype), (count, *shape))
    if not count:
        return optree.tree_map(lambda v: np.zeros((*shape, *np.shape(v))), x)
    try:
        rows = inner_vmap(vjp)(basis)
    except (BatchingError, GraphBreakError):  # a rule of the user's, for one cotangent at a time
        rows = optree.tree_map(lambda *row: np.stack(row), *map(vjp, basis))
    return optree.tree_map(lambda r: np.reshape(r, (*shape, *np.shape(r)[1:])), rows)


@unary_to_nary
def hessian(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes the Hessian of `fun`."""
    return jacobian(jacobian(fun))(x)


@unary_to_nary
def make_hvp(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function of the arguments of `fun` that returns the pair of a function, from
    vectors to products of the Hessian with them, and the gradient."""
    return _make_vjp(grad(fun), x)


def hessian_tensor_product(fun: Callable[..., Any], argnum: Any = 0) -> Any:
    """A function ``(*args, tensor, **kwargs)`` that computes the product of the Hessian of `fun`
    with `tensor`, at about four times the cost of `fun`."""
    gradient_of = grad(fun, argnum)

    def along(*args: Any, **kwargs: Any) -> Any:
        *args, tensor = args  # type: ignore[assignment]
        return np.tensordot(gradient_of(*args, **kwargs), tensor, np.ndim(tensor))

    return grad(along, argnum)


hessian_vector_product = hessian_tensor_product


def tensor_jacobian_product(fun: Callable[..., Any], argnum: Any = 0) -> Any:
    """A function ``(*args, tensor, **kwargs)`` that computes the product of `tensor`, from the
    left, with the Jacobian of `fun`."""

    def along(*args: Any, **kwargs: Any) -> Any:
        *args, tensor = args  # type: ignore[assignment]
        return np.tensordot(tensor, fun(*args, **kwargs), axes=np.ndim(tensor))

    return jacobian(along, argnum)


vector_jacobian_product = tensor_jacobian_product


@unary_to_nary
def make_jvp_reversemode(fun: Callable[[Any], Any], x: Any) -> Any:
    """Returns a function that computes products of the Jacobian with a vector, by transposing the
    reverse mode. `make_jvp` is cheaper."""
    vjp, y = _make_vjp(fun, x)
    return _make_vjp(vjp, vspace(y).zeros())[0]


def _half_square(x: Any) -> Any:
    """Half the sum of squares along the last axis."""
    return 0.5 * np.sum(x**2, axis=-1)


def make_ggnvp(
    f: Callable[..., Any], g: Callable[[Any], Any] = _half_square, f_argnum: Any = 0
) -> Any:
    """A function of the arguments of `f` that returns a function from vectors to products with the
    generalised Gauss-Newton matrix JᵀHJ, where J is the Jacobian of `f` and H the Hessian of `g` at
    its value."""

    @unary_to_nary
    def make(f: Callable[[Any], Any], x: Any) -> Any:
        pull, y = _make_vjp(f, x)
        hvp, g_y = _make_vjp(grad(g), y)
        push = _make_vjp(pull, vspace(g_y).zeros())[0]
        return lambda v: pull(hvp(push(v)))

    return make(f, f_argnum)


def multigrad_dict(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function that computes the gradients of `fun` by all of its arguments, as a dict from their
    names, in their order."""
    signature = inspect.signature(fun)

    def gradients(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)

        def of_dict(values: dict[str, Any]) -> Any:
            call = inspect.BoundArguments(signature, OrderedDict(values))
            return fun(*call.args, **call.kwargs)

        found = grad(of_dict)(arguments)
        return OrderedDict((name, found[name]) for name in arguments)

    return gradients


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """`fun`, computed again in the backward walk, so that what it computes on the way need not be
    kept: less memory for more time."""
    return _checkpoint(fun)
