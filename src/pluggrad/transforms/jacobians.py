"""Transforms made of others: Jacobians, Hessians and linear maps, as batches."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, overload

import optree

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp
from ..engine.backward import among_variables, walk
from ..engine.boundary import (
    all_complex,
    as_array,
    as_number,
    as_tangent,
    differs,
    flat_tangent,
    flatten,
    gradient_at,
    inner_value,
    is_of,
    is_one,
    leaves_of,
    node_of_number,
    numbered,
    unflatten,
)
from ..engine.cotangents import conjugate, device_of, is_complex, is_continuous
from ..engine.graph_breaks import untracked_result
from ..engine.handles import unwrap_untracked, wrap
from ..engine.levels import ROOT, open_level, restored
from ..engine.linear import Linear
from ..errors import InvalidArgumentError, TypeMismatchError
from ..staging import replay
from ..variables.types import ArrayLike, Transformed
from ..variables.variable import Variable
from .gradients import grad, jvp, pushed_forward, vjp
from .mapping import inner_vmap

__all__ = ["hessian", "hvp", "jacfwd", "jacrev", "linearize"]

P = ParamSpec("P")


@overload
def jacrev(
    fun: Callable[Concatenate[Variable, P], Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[Concatenate[ArrayLike, P], Any]: ...
@overload
def jacrev(
    fun: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[P, Any]: ...
def jacrev(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `fun`, by the backward walk.

    The cotangents of all outputs go down the graph as one batch, so it suits functions of more
    inputs than outputs. The parameters are those of `grad`, but that `fun` may return arrays of any
    shape, or a pytree of them.

    Returns
    -------
    callable
        It returns the structure of the result, with the structure of the argument (a tuple of these
        for several) in the place of each array. Shapes are that of the result's array, followed by
        that of the argument's. With `has_aux` a pair of this and the auxiliary value.

    By a real input, a complex output has its complex derivative. By a complex input, entry (i, j)
    follows `backward`: it is what `grad` gives for the real part of output ``i`` by input ``j``,
    ∂Re y_i/∂Re x_j + i ∂Re y_i/∂Im x_j. For a holomorphic function that is the conjugate of its
    derivative; with `holomorphic` it is the derivative, as JAX has it.

    >>> import numpy as np, pluggrad as pg
    >>> pg.jacrev(lambda x: x * x)(np.asarray([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @functools.wraps(fun)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        f, chosen, single = _of_chosen(fun, argnums, args, kwargs)
        y, pull, *aux = vjp(f, *chosen, has_aux=has_aux)
        outputs, y_spec = flatten(y)
        inputs, x_spec = flatten(tuple(chosen))
        inputs = [as_array(x) for x in inputs]
        if not outputs:
            raise TypeMismatchError(f"the function returned no array, but {type(y).__name__}")
        if holomorphic:
            all_complex([*inputs, *outputs])

        def row(*g: Any) -> Any:
            return pull(unflatten(y_spec, list(g)))

        def rows(basis: list[Any]) -> list[Any]:
            if len(outputs) == 1 and not outputs[0].shape:
                pulled = optree.tree_leaves(row(*[b[0, ...] for b in basis]))
                return [unwrap_untracked(xp.expand_dims(g, axis=0)) for g in pulled]
            return optree.tree_leaves(inner_vmap(row)(*basis))

        basis = _basis(outputs)
        gradients = rows(basis)
        turned = gradients
        if holomorphic:
            gradients = [conjugate(g) for g in gradients]
        elif any(map(is_complex, outputs)) and not all(map(is_complex, inputs)):
            # The imaginary parts of the outputs, which are real functions of the real inputs.
            turned = rows([b * 1j if is_complex(b) else b * 0 for b in basis])
        blocks = []
        for v, start, stop in _spans(outputs):
            leaves = []
            for g, d, x in zip(gradients, turned, inputs, strict=True):
                part = g[start:stop, ...]
                if is_complex(v) and not is_complex(x):
                    part = xp.astype(part, v.dtype) + xp.astype(d[start:stop, ...], v.dtype) * 1j
                leaves.append(unwrap_untracked(xp.reshape(part, (*v.shape, *x.shape))))
            tree = unflatten(x_spec, leaves)
            blocks.append(tree[0] if single else tree)
        found = unflatten(y_spec, blocks)
        return (found, aux[0]) if has_aux else found

    return jacobian


@overload
def jacfwd(
    fun: Callable[Concatenate[Variable, P], Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[Concatenate[ArrayLike, P], Any]: ...
@overload
def jacfwd(
    fun: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[P, Any]: ...
def jacfwd(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `fun`, by the forward walk.

    The tangents of all inputs go along as one batch, so it suits functions of more outputs than
    inputs. Parameters and result are those of `jacrev`, of complex numbers, too: for complex inputs
    tangents go along the imaginary axis as well, unless `holomorphic` says that they need not.

    >>> import numpy as np, pluggrad as pg
    >>> pg.jacfwd(lambda x: x * x)(np.asarray([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacfwd(fun, argnums, has_aux, holomorphic)


def _jacfwd(
    fun: Callable[..., Any],
    argnums: Any,
    has_aux: bool,
    holomorphic: bool,
    derivative: bool = False,
) -> Callable[..., Any]:
    """`jacfwd`; of a `derivative`, which may well be constant."""

    @functools.wraps(fun)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        f, chosen, single = _of_chosen(fun, argnums, args, kwargs)
        inputs, x_spec = flatten(tuple(chosen))
        inputs = [inner_value(x)[0] for x in inputs]
        primals: Any = unflatten(x_spec, inputs)

        def column(*t: Any) -> Any:
            tangents: Any = unflatten(x_spec, list(t))
            return pushed_forward(f, primals, tangents, has_aux, derivative)

        axes = (None, -1, None) if has_aux else (None, -1)
        basis = _basis(inputs)
        _, columns, *aux = inner_vmap(column, out_axes=axes)(*basis)
        columns, y_spec = flatten(columns)
        turned: list[Any] = [None] * len(columns)
        if holomorphic:
            all_complex([*inputs, *columns])
        elif any(is_complex(x) for x in inputs):
            basis = [b * 1j if is_complex(x) else b * 0 for b, x in zip(basis, inputs, strict=True)]
            turned = optree.tree_leaves(inner_vmap(column, out_axes=axes)(*basis)[1])
        blocks = []
        for c, d in zip(columns, turned, strict=True):
            shape = tuple(c.shape)[:-1]
            leaves = []
            for x, start, stop in _spans(inputs):
                part = c[..., start:stop]
                if is_complex(x) and not holomorphic:
                    real, imag = [xp.astype(_real(v), x.dtype) for v in (part, d[..., start:stop])]
                    part = real + imag * 1j
                leaves.append(unwrap_untracked(xp.reshape(part, (*shape, *x.shape))))
            tree = unflatten(x_spec, leaves)
            blocks.append(tree[0] if single else tree)
        found = unflatten(y_spec, blocks)
        return (found, aux[0]) if has_aux else found

    return jacobian


@overload
def hessian(
    fun: Callable[Concatenate[Variable, P], Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[Concatenate[ArrayLike, P], Any]: ...
@overload
def hessian(
    fun: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Transformed[P, Any]: ...
def hessian(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Hessian of `fun`: `jacfwd` of `jacrev`, whose parameters it has.

    The result has the structure of the result of `fun`, in it that of the argument, and in that
    again that of the argument. For complex arguments it is, as these have it, the gradient of the
    real part of the gradient.

    >>> import numpy as np, pluggrad as pg
    >>> pg.hessian(lambda x: pg.sum(x**3))(np.asarray([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    gradient = jacrev(fun, argnums, has_aux, holomorphic)
    return _jacfwd(gradient, argnums, has_aux, holomorphic, derivative=True)


def hvp(fun: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """The product of the Hessian of `fun` with `tangents`.

    The gradient is recorded, and walked back in its turn from the tangents: the Hessian is its own
    transpose. Where `fun` has rules or hooks of your own in it, it need not be, and this is
    ``jvp(grad(fun), primals, tangents)``. On NumPy, where the graph of `fun` comes out the same
    again and again (operations, settings, shapes, dtypes), what the two walks compute becomes a
    program that is run instead.

    Parameters
    ----------
    fun : callable
        Returns one real number (shape ``()``).
    primals, tangents : tuple
        One entry per argument, arrays or pytrees of them.

    Returns
    -------
    A tuple with one entry per argument, of its structure; for one argument that entry itself.

    >>> import numpy as np, pluggrad as pg
    >>> x, v = np.asarray([1.0, 2.0]), np.asarray([1.0, 10.0])
    >>> pg.hvp(lambda x: pg.sum(x**3), (x,), (v,))
    array([  6., 120.])
    """
    if not isinstance(primals, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    if len(primals) != len(tangents):
        raise InvalidArgumentError(f"{len(primals)} primals, but {len(tangents)} tangents")
    return _hvp(fun, primals, tangents)


@restored
def _hvp(fun: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    with open_level() as level:
        wrapped = [leaves_of(x, level, primals) for x in primals]
        leaves = [v for _, flat, _ in wrapped for v in flat]
        seeds = []
        for t, (_, flat, spec) in zip(tangents, wrapped, strict=True):
            flat_t = flat_tangent(t, spec)
            seeds += [as_tangent(t, v, "hvp") for t, v in zip(flat_t, flat, strict=True)]
        value = fun(*[tree for tree, _, _ in wrapped])
        value = as_number(value, leaves)
        node = node_of_number(value, level)
        products: dict[Any, Any] | None = {}
        if node is None:
            untracked_result(level)
        else:
            products = replay.products(node, value, [v._node for v in leaves], seeds, level)
        found: Any = products is not None and [
            unflatten(spec, [gradient_at(products, v) for v in flat]) for _, flat, spec in wrapped
        ]
    if products is None:  # outside of the level, which saw `fun` for nothing
        gradient = grad(fun, tuple(range(len(primals))))
        found = jvp(gradient, tuple(primals), tuple(tangents))[1]
    return found[0] if len(found) == 1 else tuple(found)


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` at `primals`, and its derivative there, as a linear function of tangents.

    Returns ``(y, push)``, with `has_aux` ``(y, push, aux)``. ``push(*tangents)`` gives what `jvp`
    would, but does not compute `fun` again: it walks the graph of the adjoint, whose own adjoint is
    the derivative. It may be called many times, and under `vmap`.

    >>> import numpy as np, pluggrad as pg
    >>> y, push = pg.linearize(lambda x: x**3, np.asarray([1.0, 2.0]))
    >>> push(np.asarray([1.0, 1.0]))
    array([ 3., 12.])
    """
    return _linearize(fun, primals, has_aux)


@restored
def _linearize(fun: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool) -> Any:
    y, pull, *aux = vjp(fun, *primals, has_aux=has_aux)
    outputs, y_spec = flatten(y)
    inputs, x_spec = flatten(tuple(primals))
    inputs = [inner_value(x, primals)[0] for x in inputs]
    zeros = [unwrap_untracked(xp.zeros_like(v)) for v in outputs]
    with open_level(Linear) as level:
        # Integers have no cotangent, and their tangents are zero.
        ends = [leaves_of(v, level)[1][0] if is_continuous(v) else None for v in zeros]
        cotangents = [v if end is None else end._snapshot()
                      for v, end in zip(zeros, ends, strict=True)]  # fmt: skip
        gradients = optree.tree_leaves(pull(unflatten(y_spec, cotangents)))
        # A gradient's value is a Variable where the function closes over some: tangents are, too.
        reads = [g._read() if is_of(g, level) else (None, None) for g in gradients]
        nodes = [node for _, node in reads]
        nested = [is_variable(value) for value, _ in reads]

    @restored
    def push(*tangents: Any) -> Any:
        flat, spec = flatten(tuple(tangents))
        if differs(spec, x_spec):
            raise InvalidArgumentError(f"the tangents have structure {spec}, the primals {x_spec}")
        seeds: dict[Any, Any] = {}
        for node, t, x, inside in zip(nodes, flat, inputs, nested, strict=True):
            t = as_tangent(t, x, "linearize")
            if node is not None:
                backend = backend_of(x)
                assert backend is not None
                if (inside or is_variable(x)) and not is_variable(t):
                    t = wrap(t, None, ROOT, backend)
                seeds[node] = seeds[node] + t if node in seeds else t
        targets = [v._node for v in ends if v is not None]
        arrived = walk(seeds, targets=targets, retain=True, lift=among_variables(seeds.values()))
        found = [zero if v is None or v._node not in arrived else unwrap_untracked(arrived[v._node])
                 for v, zero in zip(ends, zeros, strict=True)]  # fmt: skip
        return unflatten(y_spec, found)

    return (y, push, aux[0]) if has_aux else (y, push)


def _real(x: Any) -> Any:
    return xp.real(x) if is_complex(x) else x


def _of_chosen(fun: Any, argnums: Any, args: Any, kwargs: Any) -> tuple[Any, list[Any], bool]:
    """`fun` as a function of the arguments that are differentiated by, these, and whether it is
    one alone."""
    numbers = numbered(argnums, len(args))
    chosen = [
        optree.tree_map(lambda x: as_number(x, (args, kwargs)), args[number]) for number in numbers
    ]

    def f(*xs: Any) -> Any:
        call = list(args)
        for number, x in zip(numbers, xs, strict=True):
            call[number] = x
        return fun(*call, **kwargs)

    return f, chosen, is_one(argnums)


def _spans(arrays: list[Any]) -> Any:
    """Each of `arrays` with its first and last place in the row of all of their elements."""
    start = 0
    for x in arrays:
        stop = start + math.prod(x.shape)
        yield x, start, stop
        start = stop


def _basis(arrays: list[Any]) -> list[Any]:
    """All unit vectors of the space that `arrays` are one of, as one batch."""
    total = sum([math.prod(x.shape) for x in arrays])
    found = []
    for x, start, stop in _spans(arrays):
        backend = backend_of(x)
        assert backend is not None
        if x.dtype not in backend.float_dtypes:
            raise TypeMismatchError(
                f"a Jacobian is of floating-point numbers, and one has dtype {x.dtype}"
            )
        eye = backend.raw("eye")(total, dtype=x.dtype, device=device_of(x))
        if stop - start < total:
            eye = backend.getitem(eye, (slice(None), slice(start, stop)))
        found.append(backend.raw("reshape")(eye, (total, *x.shape)))
    return found
