"""Jacobians, Hessians and linear maps, made from `vjp`, `jvp` and `vmap`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, overload

import optree

from ..arrays.backend import backend_of
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import check_function
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
from ..engine.cotangents import conjugate, create, is_complex, is_continuous
from ..engine.graph_breaks import untracked_result
from ..engine.handles import unwrap_untracked, wrap
from ..engine.levels import ROOT, open_level, restored
from ..engine.linear import Linear
from ..errors import InvalidArgumentError, TypeMismatchError
from ..staging import replay
from ..staging.often import often
from ..variables.types import ArrayLike, Transformed
from ..variables.variable import Variable
from .gradients import grad, jvp, pushed_forward, vjp
from .lazy_data import numpy_over_lazy
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
    """A function that returns the Jacobian of `fun` by reverse mode, as `jax.jacrev`.

    The cotangents of all output elements are walked back as one batch: suited to functions with
    more inputs than outputs.

    Parameters
    ----------
    fun : callable
        Takes arrays, or pytrees of them. Returns floating-point arrays of any shape, or a pytree of
        them; with `has_aux` a pair of that and anything else.
    argnums, has_aux, holomorphic
        As for `grad`.

    Returns
    -------
    callable
        Called like `fun`, it returns the structure of the output, with each array replaced by the
        structure of the argument (for a sequence `argnums`: a tuple of these). In it, the
        derivative of an output of shape ``m`` by an argument of shape ``n`` has shape ``(*m, *n)``.
        With `has_aux` it returns the pair ``(jacobian, aux)``.

    Raises
    ------
    TypeError
        An argument to differentiate by, or an output, is not floating-point (with `holomorphic`:
        not complex).

    The derivative of a complex output by a real argument is complex. By a complex argument, entry
    (i, j) follows `backward`: it is what `grad` gives for the real part of output ``i``, which is
    ∂Re y_i/∂Re x_j + i ∂Re y_i/∂Im x_j. For a holomorphic function this is the conjugate of the
    derivative; with `holomorphic` it is the derivative itself, as in JAX.

    >>> import numpy as np, pluggrad as pg
    >>> pg.jacrev(lambda x: x * x)(np.asarray([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_function(fun, "jacrev")

    @functools.wraps(fun)
    @numpy_over_lazy
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
            # Walk back once more for the imaginary parts of the outputs.
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
    """A function that returns the Jacobian of `fun` by forward mode, as `jax.jacfwd`.

    The tangents of all input elements are pushed forward as one batch: suited to functions with
    more outputs than inputs. Parameters, result, errors and the convention for complex numbers are
    those of `jacrev`. For complex inputs a second batch of tangents, along the imaginary axes, is
    pushed forward, unless `holomorphic` makes it unnecessary.

    >>> import numpy as np, pluggrad as pg
    >>> pg.jacfwd(lambda x: x * x)(np.asarray([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_function(fun, "jacfwd")
    return _jacfwd(fun, argnums, has_aux, holomorphic)


def _jacfwd(
    fun: Callable[..., Any],
    argnums: Any,
    has_aux: bool,
    holomorphic: bool,
    derivative: bool = False,
) -> Callable[..., Any]:
    """`jacfwd`. With `derivative`, `fun` is a derivative: a constant result gives no warning."""

    @functools.wraps(fun)
    @numpy_over_lazy
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
    """A function that returns the Hessian of `fun`, as `jax.hessian`: ``jacfwd(jacrev(fun))``.

    The parameters and errors are those of `jacrev`; usually `fun` returns one number.

    Returns
    -------
    callable
        Called like `fun`. For a number that depends on one array of shape ``n`` it returns an array
        of shape ``(*n, *n)``: entry (i, j) is the second derivative by elements i and j. In general
        it returns the structure of the output, with each array replaced by the structure of the
        argument, and each array of that replaced by the structure of the argument again. The second
        derivative of an output of shape ``m`` by arguments of shapes ``n`` and ``k``, in this
        order, has shape ``(*m, *n, *k)``. With `has_aux` it returns the pair ``(hessian, aux)``.

    For complex arguments, let g be the gradient of `fun` in the convention of `backward`. Entry
    (i, j) is the gradient of Re g_i by argument element j: ∂Re g_i/∂Re x_j + i ∂Re g_i/∂Im x_j.
    The derivatives of Im g_i are not part of it; `hvp` accounts for them. With `holomorphic` entry
    (i, j) is the second derivative, as in JAX.

    The Hessian takes memory quadratic in the number of elements. If only its products with vectors
    are needed, use `hvp`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.hessian(lambda x: pg.sum(x**3))(np.asarray([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    gradient = jacrev(fun, argnums, has_aux, holomorphic)
    return _jacfwd(gradient, argnums, has_aux, holomorphic, derivative=True)


def hvp(fun: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """The product of the Hessian of `fun` at `primals` with the vector `tangents`.

    It equals ``jvp(grad(fun), primals, tangents)[1]``, the derivative of the gradient along
    `tangents`, and never builds the Hessian.

    Parameters
    ----------
    fun : callable
        Takes the primals, floating-point arrays or pytrees of them. Returns one real number (an
        array of shape ``()``).
    primals, tangents : tuple or list
        One entry per argument. Each tangent has the structure and shapes of its primal, and is cast
        to its dtype. A single argument need not be
        in a tuple.

    Returns
    -------
    The product, with the shapes and dtypes of the primals: for one argument its structure, for
    several a tuple with one entry per argument. Complex numbers follow `backward`, as in `grad`.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `grad` and `jvp`.

    How it is computed: one walk records the gradient, and a second walks the graph of the gradient
    back, starting from `tangents`. That gives the product because a Hessian is symmetric. If `fun`
    contains derivative rules or hooks of your own, the recorded gradient need not be a true
    gradient and symmetry is not guaranteed; then forward mode over `grad` is used instead, and
    `fun` is called again. On NumPy, when `fun` keeps leaving the same graph (same operations,
    settings, shapes and dtypes), both walks are compiled once into a straight-line program, which
    later calls run instead.

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


@numpy_over_lazy
def _hvp(fun: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """`hvp`, for tuples of primals and tangents."""
    check_function(fun, "hvp")
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
    if products is None:  # custom rules or hooks: run `fun` again, outside the level
        gradient = grad(fun, tuple(range(len(primals))))
        found = jvp(gradient, tuple(primals), tuple(tangents))[1]
    return found[0] if len(found) == 1 else tuple(found)


def linearize(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` at `primals`, and its derivative there as a linear map.

    Follows `jax.linearize`.

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
        ``(y, push)``, with `has_aux` ``(y, push, aux)``. ``push(*tangents)`` takes one tangent per
        primal, of its structure and shapes, and returns the tangent of `y`: the same as `jvp`, but
        without running `fun` again. It may be called any number of times, and under `vmap`.

    Raises
    ------
    TypeError, ValueError
        As `vjp`, and as `jvp` for a wrong tangent.

    How it is computed: `vjp` gives the linear map from cotangents to gradients. Its graph is
    recorded once, and `push` walks that graph back, since the adjoint of the adjoint is the
    derivative itself.

    >>> import numpy as np, pluggrad as pg
    >>> y, push = pg.linearize(lambda x: x**3, np.asarray([1.0, 2.0]))
    >>> push(np.asarray([1.0, 1.0]))
    array([ 3., 12.])
    """
    return _linearize(fun, primals, has_aux)


@restored
def _linearize(fun: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool) -> Any:
    """`linearize`, for a tuple of primals."""
    y, pull, *aux = vjp(fun, *primals, has_aux=has_aux)
    outputs, y_spec = flatten(y)
    inputs, x_spec = flatten(tuple(primals))
    inputs = [inner_value(x, primals)[0] for x in inputs]
    zeros = [unwrap_untracked(xp.zeros_like(v)) for v in outputs]
    with open_level(Linear) as level:
        # An integer output has no cotangent; its tangent is zero.
        ends = [leaves_of(v, level)[1][0] if is_continuous(v) else None for v in zeros]
        cotangents = [v if end is None else end._snapshot()
                      for v, end in zip(zeros, ends, strict=True)]  # fmt: skip
        gradients = optree.tree_leaves(pull(unflatten(y_spec, cotangents)))
        # If `fun` closes over tracked Variables, a gradient's value is a Variable of that level,
        # and tangents must be wrapped to meet it.
        reads = [g._read() if is_of(g, level) else (None, None) for g in gradients]
        nodes = [node for _, node in reads]
        nested = [is_variable(value) for value, _ in reads]

    def pushed(*flat: Any) -> list[Any]:
        """The tangents of the outputs for these tangents, by a walk that keeps the graph."""
        seeds: dict[Any, Any] = {}
        for node, t, x, inside in zip(nodes, flat, inputs, nested, strict=True):
            if node is not None:
                backend = backend_of(x)
                assert backend is not None
                if (inside or is_variable(x)) and not is_variable(t):
                    t = wrap(t, None, ROOT, backend)
                seeds[node] = seeds[node] + t if node in seeds else t
        targets = [v._node for v in ends if v is not None]
        arrived = walk(seeds, targets=targets, retain=True, lift=among_variables(seeds.values()))
        return [zero if v is None or v._node not in arrived else unwrap_untracked(arrived[v._node])
                for v, zero in zip(ends, zeros, strict=True)]  # fmt: skip

    pushed = often(pushed)

    @restored
    def push(*tangents: Any) -> Any:
        """The tangent of the output for these tangents."""
        flat, spec = flatten(tuple(tangents))
        if differs(spec, x_spec):
            raise InvalidArgumentError(f"the tangents have structure {spec}, the primals {x_spec}")
        flat = [as_tangent(t, x, "linearize") for t, x in zip(flat, inputs, strict=True)]
        return unflatten(y_spec, pushed(*flat))

    return (y, push, aux[0]) if has_aux else (y, push)


def _real(x: Any) -> Any:
    """The real part of `x`, also if `x` is real already."""
    return xp.real(x) if is_complex(x) else x


def _of_chosen(fun: Any, argnums: Any, args: Any, kwargs: Any) -> tuple[Any, list[Any], bool]:
    """`fun` as a function of the arguments named by `argnums` alone; these arguments; and whether
    `argnums` is a single int.
    """
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
    """Each array with its start and stop in the concatenation of all their elements."""
    start = 0
    for x in arrays:
        stop = start + math.prod(x.shape)
        yield x, start, stop
        start = stop


def _basis(arrays: list[Any]) -> list[Any]:
    """All unit vectors of the space of `arrays`, as one batch.

    There is one array per entry of `arrays`, of shape ``(total, *shape)``, where `total` counts the
    elements of all entries. Row k is 1 at element k of the concatenation, and 0 elsewhere.
    """
    total = sum([math.prod(x.shape) for x in arrays])
    found = []
    for x, start, stop in _spans(arrays):
        backend = backend_of(x)
        assert backend is not None
        if x.dtype not in backend.float_dtypes:
            raise TypeMismatchError(
                f"a Jacobian is of floating-point numbers, and one has dtype {x.dtype}"
            )
        eye = create("eye", total, beside=x, dtype=x.dtype)
        if stop - start < total:
            eye = backend.getitem(eye, (slice(None), slice(start, stop)))
        found.append(backend.raw("reshape")(eye, (total, *x.shape)))
    return found
