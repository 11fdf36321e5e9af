"""Gradients and directional derivatives of functions: `grad`, `vjp`, `jvp` and their relatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import optree

from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import check_function
from ..engine.backward import among_variables, in_place_type, walk
from ..engine.boundary import (
    all_complex,
    as_cotangent,
    as_number,
    differs,
    dual_of,
    flat_tangent,
    flatten,
    gradient_at,
    is_of,
    is_one,
    leaves_of,
    node_of_number,
    numbered,
    outputs_of,
    pair,
    seen_outside,
    unflatten,
)
from ..engine.cotangents import conjugate
from ..engine.differentiate import seed_for
from ..engine.forward import Forward, tangent_of
from ..engine.graph import Node
from ..engine.graph_breaks import untracked_result
from ..engine.handles import unwrap_untracked, wrap
from ..engine.levels import ROOT, leave, open_level, restored
from ..errors import InvalidArgumentError, TypeMismatchError
from ..variables.types import ArrayLike, Transformed
from ..variables.variable import Variable
from .lazy_data import numpy_over_lazy

__all__ = ["grad", "jvp", "pushed_forward", "stop_gradient", "value_and_grad", "vjp"]

P = ParamSpec("P")
T = TypeVar("T")


@overload
def grad(
    fun: Callable[Concatenate[Variable, P], Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[Concatenate[ArrayLike, P], Any]: ...
@overload
def grad(
    fun: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[P, Any]: ...
def grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the gradient of `fun`, as `jax.grad`.

    Parameters
    ----------
    fun : callable
        Takes arrays, or pytrees of them. Returns one real number (an array of shape ``()``), or
        with `has_aux` a pair of that number and anything else.
    argnums : int or sequence of ints
        Which positional arguments to differentiate by. All their arrays must be real or complex
        floating-point.
    has_aux : bool
        Whether `fun` returns a pair ``(value, aux)``.
    holomorphic : bool
        Promise that `fun` is complex-differentiable and ask for df/dz. Arguments and value must
        then be complex.

    Returns
    -------
    callable
        Called like `fun`, it returns the gradient: plain arrays of the caller's own library, each
        with the shape and dtype of the array it belongs to, in the structure of the argument. For
        a sequence `argnums` it is a tuple of these; with `has_aux` the pair ``(gradient, aux)``.
        Inside a graph or another transform the arrays are Variables of that level, so calls nest.

    Raises
    ------
    TypeError
        An argument to differentiate by, or the value, is not floating-point (with `holomorphic`:
        not complex).
    ValueError
        The value is not of shape ``()``, or `argnums` is out of range or names an argument twice.
    RuntimeError
        The value is complex and `holomorphic` is False; or the value is constant because `fun`
        left the graph (GraphBreakError, which names the line). A value that is simply constant
        gives zeros and a GraphBreakWarning.

    For complex arguments the gradient is that of `backward`, ∂f/∂Re + i ∂f/∂Im, as in torch: the
    conjugate of JAX's. With `holomorphic` it is the derivative df/dz, as in JAX.

    >>> import numpy as np, pluggrad as pg
    >>> pg.grad(lambda x: pg.sum(x * x))(np.asarray([1.0, 2.0]))
    array([2., 4.])
    """
    both = value_and_grad(fun, argnums, has_aux, holomorphic)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


@overload
def value_and_grad(
    fun: Callable[Concatenate[Variable, P], Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[Concatenate[ArrayLike, P], tuple[Any, Any]]: ...
@overload
def value_and_grad(
    fun: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[P, tuple[Any, Any]]: ...
def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns both the value of `fun` and its gradient, as `jax.value_and_grad`.

    It returns ``(value, gradient)``, with `has_aux` ``((value, aux), gradient)``. Parameters,
    errors and the convention for complex numbers are those of `grad`.
    ``scipy.optimize.minimize(pluggrad.value_and_grad(f), x0, jac=True)`` works as it stands, also
    where `f` computes with Dask arrays: NumPy arguments give NumPy results, computed in one pass.

    >>> import numpy as np, pluggrad as pg
    >>> value, g = pg.value_and_grad(lambda x: pg.sum(x ** 3))(np.asarray([1.0, 2.0]))
    >>> float(value), g
    (9.0, array([ 3., 12.]))
    """

    check_function(fun, "grad")

    @functools.wraps(fun)
    @numpy_over_lazy
    def both(*args: Any, **kwargs: Any) -> Any:
        with open_level() as level:
            numbers = numbered(argnums, len(args))
            call = list(args)
            wrapped = []
            for number in numbers:
                call[number], leaves, spec = leaves_of(args[number], level, (args, kwargs))
                wrapped.append((leaves, spec))
            every = [v for leaves, _ in wrapped for v in leaves]
            value = fun(*call, **kwargs)
            aux: Any = None
            if has_aux:
                value, aux = pair(value)
                aux = optree.tree_map(lambda x: seen_outside(x, level), aux)
            value = as_number(value, every)
            if holomorphic:
                all_complex([*every, value])
            node = node_of_number(value, level, holomorphic)
            arrived = {}
            if node is None:
                untracked_result(level)
            else:
                seed = seed_for(value, 1.0 if holomorphic else None, False)
                leave(level)  # the walk itself runs at the outer levels
                arrived = walk(
                    {node: seed},
                    in_place=in_place_type(value._backend),
                    lift=among_variables([seed]),
                    quiet=level,
                )
            value = seen_outside(value, level)
        gradients = [
            unflatten(spec, [gradient_at(arrived, v) for v in leaves]) for leaves, spec in wrapped
        ]
        if holomorphic:
            gradients = [optree.tree_map(conjugate, g) for g in gradients]
        g = gradients[0] if is_one(argnums) else tuple(gradients)
        return ((value, aux) if has_aux else value), g

    return both


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` at `primals`, and a function from cotangents to gradients, as `jax.vjp`.

    Parameters
    ----------
    fun : callable
        Takes the primals. Returns arrays of any shape, or a pytree of them; with `has_aux` a pair
        of that and anything else.
    *primals : arrays, or pytrees of them
        Real or complex floating-point.
    has_aux : bool
        Whether `fun` returns a pair ``(y, aux)``.

    Returns
    -------
    tuple
        ``(y, pull)``, with `has_aux` ``(y, pull, aux)``. ``pull(g)`` takes a cotangent with the
        structure and shapes of `y`, and returns a tuple with one gradient per primal, of its
        structure, shapes and dtypes. `pull` may be called any number of times.

    Raises
    ------
    TypeError
        A primal is not floating-point, `fun` returned something other than arrays, or a cotangent
        is of another library than its output, or complex where the output is real.
    ValueError
        A cotangent differs from `y` in structure or shape.

    Complex numbers follow `backward`, as in torch: `pull` is the adjoint (conjugate transpose) of
    the derivative, where JAX's is the transpose.

    >>> import numpy as np, pluggrad as pg
    >>> y, pull = pg.vjp(lambda x: x * x, np.asarray([1.0, 2.0]))
    >>> pull(np.asarray([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    return _vjp(fun, primals, has_aux)


@restored
def _vjp(fun: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool) -> Any:
    """`vjp`, for a tuple of primals."""
    check_function(fun, "vjp")
    with open_level() as level:
        wrapped = [leaves_of(x, level, primals) for x in primals]
        y = fun(*[tree for tree, _, _ in wrapped])
        aux = None
        if has_aux:
            y, aux = pair(y)
            aux = optree.tree_map(lambda x: seen_outside(x, level), aux)
        outputs, y_spec = outputs_of(y, [v for _, flat, _ in wrapped for v in flat])
        values = [seen_outside(v, level) for v in outputs]
        nodes = [v._read()[1] if is_of(v, level) else None for v in outputs]
        if not any(nodes):
            untracked_result(level)

    @restored
    def pull(g: Any) -> tuple[Any, ...]:
        """The gradients of the primals for the cotangent `g`, by a walk that keeps the graph."""
        seeds, g_spec = flatten(g)
        if differs(g_spec, y_spec):
            raise InvalidArgumentError(f"the cotangent has structure {g_spec}, the output {y_spec}")
        cotangents: dict[Node, Any] = {}
        for node, seed, value in zip(nodes, seeds, values, strict=True):
            if node is not None:
                seed = as_cotangent(seed, value)
                if is_variable(value) and not is_variable(seed):
                    seed = wrap(seed, None, ROOT, value._backend)
                cotangents[node] = cotangents[node] + seed if node in cotangents else seed
        leaves = [v._node for _, flat, _ in wrapped for v in flat]
        arrived = walk(
            cotangents, targets=leaves, retain=True, lift=among_variables(cotangents.values())
        )
        return tuple(
            [unflatten(spec, [gradient_at(arrived, v) for v in flat])
             for _, flat, spec in wrapped]
        )  # fmt: skip

    y = unflatten(y_spec, values)
    return (y, pull, aux) if has_aux else (y, pull)


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> Any:
    """The value of `fun` at `primals` and its derivative along `tangents`, as `jax.jvp`.

    One forward pass computes both.

    Parameters
    ----------
    fun : callable
        Takes the primals. Returns arrays of any shape, or a pytree of them; with `has_aux` a pair
        of that and anything else.
    primals, tangents : tuple or list
        One entry per argument. Primals are floating-point arrays or pytrees of them; each tangent
        has the structure and shapes of its primal, and is cast to its dtype.
    has_aux : bool
        Whether `fun` returns a pair ``(y, aux)``.

    Returns
    -------
    tuple
        ``(y, t)``, with `has_aux` ``(y, t, aux)``. `t` has the structure and shapes of `y`.

    Raises
    ------
    TypeError
        `primals` or `tangents` is not a tuple or list, or a primal is not floating-point, or a
        tangent is of another library, or complex where its primal is real.
    ValueError
        A tangent differs from its primal in structure or shape.

    >>> import numpy as np, pluggrad as pg
    >>> y, t = pg.jvp(lambda x: x * x, (np.asarray([1.0, 2.0]),), (np.asarray([1.0, 1.0]),))
    >>> t
    array([2., 4.])
    """
    check_function(fun, "jvp")
    return pushed_forward(fun, primals, tangents, has_aux)


@numpy_over_lazy
def pushed_forward(
    fun: Callable[..., Any],
    primals: Any,
    tangents: Any,
    has_aux: bool,
    may_be_constant: bool = False,
) -> Any:
    """`jvp`. With `may_be_constant`, a constant result gives no warning."""
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeMismatchError("primals and tangents are tuples, with one entry per argument")
    if len(primals) != len(tangents):
        raise InvalidArgumentError(f"{len(primals)} primals, but {len(tangents)} tangents")
    with open_level(Forward) as level:
        call, duals = [], []
        for x, t in zip(primals, tangents, strict=True):
            flat, spec = flatten(x)
            flat_t = flat_tangent(t, spec)
            made = [dual_of(a, b, level, primals) for a, b in zip(flat, flat_t, strict=True)]
            call.append(unflatten(spec, made))
            duals += made
        y = fun(*call)
        aux = None
        if has_aux:
            y, aux = pair(y)
            aux = optree.tree_map(lambda x: seen_outside(x, level), aux)
        outputs, spec = outputs_of(y, duals)
        values = [seen_outside(v, level) for v in outputs]
        if all(tangent_of(v, level) is None for v in outputs):
            untracked_result(level, may_be_constant)
        pushed = [
            xp.zeros_like(value) if (t := tangent_of(v, level)) is None else t
            for v, value in zip(outputs, values, strict=True)
        ]
        pushed = [unwrap_untracked(t) for t in pushed]
    y, t = unflatten(spec, values), unflatten(spec, pushed)
    return (y, t, aux) if has_aux else (y, t)


def stop_gradient(x: T) -> T:
    """`x` as a constant: no gradient flows through it, at any level, as `jax.lax.stop_gradient`.

    `x` may be a pytree; every Variable in it is detached, and everything else stays as it is.

    >>> import numpy as np, pluggrad as pg
    >>> pg.grad(lambda x: pg.sum(x * pg.stop_gradient(x)))(np.asarray([1.0, 2.0]))
    array([1., 2.])
    """
    tree: Any = x
    return optree.tree_map(lambda v: v.detach() if is_variable(v) else v, tree)  # type: ignore[return-value]
