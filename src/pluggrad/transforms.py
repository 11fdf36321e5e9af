"""`vmap`, and transforms made of others: Jacobians, Hessians and linear maps, as batches."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import optree

from .autograd import among_variables, in_place_type, lifter, seed_for
from .backend import SCALARS, Backend, backend_of, get_default_backend
from .backward import walk
from .batch import batched, process
from .cotangents import conjugate, device_of, is_complex, is_continuous
from .dispatch import is_variable, xp
from .errors import InvalidArgumentError, NotMappableError, TypeMismatchError
from .func import (
    _argnums,
    _array,
    _arrived,
    _inner,
    _is_one,
    _leaves,
    _number,
    _of,
    _plain,
    _scalar_node,
    _tangent,
    all_complex,
    flatten_call,
    pushed_forward,
    unflatten_call,
    vjp,
)
from .graph_breaks import untracked_result
from .levels import ROOT, Level, open_level
from .modes import inside
from .record import wrap

__all__ = ["hessian", "hvp", "jacfwd", "jacrev", "linearize", "vmap"]


def vmap(
    fun: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that maps `fun` over an axis of its arguments, with one call per operation.

    Parameters
    ----------
    fun : callable
        Takes and returns arrays, or pytrees of them. It sees one element at a time: the axis that
        is mapped over is hidden from it.
    in_axes : int, None, or a pytree of them
        Which axis of each positional argument to map over; None for arguments that are the same in
        all calls. It may be a prefix of the structure of the arguments. Keyword arguments are
        mapped over their first axis.
    out_axes : int, None, or a pytree of them
        Where the axis appears in the results; None for results that do not depend on it.
    axis_size : int, optional
        The length of the axis, where no argument has it.
    randomness : 'error', 'different' or 'same'
        What torch's random functions give to each element, such as ``torch.rand`` and
        ``torch.nn.functional.dropout``; 'error' is for none. Of other libraries' random numbers
        nothing is known here: what `fun` draws is the same for all, so draw outside, and map over
        what was drawn.

    Returns
    -------
    callable
        It takes and returns plain arrays of the caller's own library, and nests with all other
        transforms, in any order.

    Raises
    ------
    ValueError
        The axes have different lengths, or there is none.
    TypeError
        `fun` asks for one value where there are many: `bool`, `float`, `.item()` of a mapped
        value, indexing by a mapped mask, `nonzero`, `unique_values`, `repeat` by mapped counts. The
        message says what to do instead. ``v[mask] = number`` works: it is a `where`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.vmap(lambda x, y: pg.sum(x * y))(np.ones((2, 3)), np.asarray([[1.0], [2.0]]))
    array([3., 6.])
    >>> pg.vmap(pg.grad(lambda x: x**3))(np.asarray([1.0, 2.0]))
    array([ 3., 12.])
    """
    if randomness not in ("error", "different", "same"):
        raise InvalidArgumentError(
            f"randomness is 'error', 'different' or 'same', not {randomness!r}"
        )

    @functools.wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
        if isinstance(axes, tuple) and len(axes) != len(args):
            raise InvalidArgumentError(
                f"vmap: in_axes has {len(axes)} entries, and there are {len(args)} positional "
                "arguments"
            )
        flat, spec = flatten_call(args, kwargs, none_is_leaf=True)
        where = _prefix(axes, args, "in_axes") + _prefix(0, kwargs, "in_axes")
        where = [None if x is None else axis for x, axis in zip(flat, where, strict=True)]
        size, backend = _length(flat, where, axis_size)
        with open_level(process, size) as level:
            level.randomness = randomness
            inside = [
                _same(x) if axis is None else _enter(x, axis, level)
                for x, axis in zip(flat, where, strict=True)
            ]
            call, keywords = unflatten_call(spec, inside)
            drawing = backend.adapter.drawing
            if drawing is None or backend.adapter.tracing():
                y = fun(*call, **keywords)
            else:
                with drawing(backend, randomness):
                    y = fun(*call, **keywords)
            outputs, y_spec = _flatten(y, none_is_leaf=True)
            places = _prefix(out_axes, y, "out_axes")
            found = [
                _leave(v, axis, level, backend) for v, axis in zip(outputs, places, strict=True)
            ]
        return optree.tree_unflatten(y_spec, found)

    return mapped


#: The same where it is only the means to an end, and random numbers are drawn as ever.
inner_vmap: Any = functools.partial(vmap, randomness="same")


def _flatten(tree: Any, none_is_leaf: bool = False) -> tuple[list[Any], Any]:
    return optree.tree_flatten(tree, none_is_leaf=none_is_leaf)


def _prefix(axes: Any, tree: Any, name: str) -> list[Any]:
    """One entry of `axes` for each leaf of `tree`."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(optree.tree_leaves(tree, none_is_leaf=True))
    try:
        found = optree.broadcast_prefix(axes, tree, none_is_leaf=True)
    except ValueError:
        spec = optree.tree_structure(tree, none_is_leaf=True)
        raise InvalidArgumentError(
            f"vmap: {name}, which is {axes!r}, is no prefix of the structure that it is for, {spec}"
        ) from None
    for axis in found:
        if axis is not None and not isinstance(axis, int):
            raise TypeMismatchError(f"vmap: {name} holds integers and None, and not {axis!r}")
    return list(found)


def _length(flat: list[Any], where: list[Any], axis_size: int | None) -> tuple[int, Backend]:
    """The length of the axis that is mapped over, which all must share; and the library."""
    lengths: list[int] = []
    shapes: list[str] = []
    backend: Backend | None = None
    for x, axis in zip(flat, where, strict=True):
        if axis is None:
            continue
        shape = getattr(x, "shape", None)
        if shape is None:
            raise NotMappableError(
                f"vmap maps over arrays, and an argument is {type(x).__name__}; give None in "
                "in_axes for what is the same in all calls"
            )
        if not -len(shape) <= axis < len(shape):
            raise InvalidArgumentError(f"vmap over axis {axis} of an array of shape {tuple(shape)}")
        lengths.append(int(shape[axis]))
        shapes.append(str(tuple(shape)))
        backend = backend or backend_of(x)
    if axis_size is not None:
        lengths.append(axis_size)
    if not lengths:
        raise InvalidArgumentError(
            "vmap has nothing to map over: give an argument an axis, or axis_size"
        )
    if len(set(lengths)) > 1:
        raise InvalidArgumentError(
            f"vmap over axes of different lengths: {', '.join(map(str, lengths))}, of arrays of "
            f"the shapes {', '.join(shapes)}" + (" and axis_size" if axis_size is not None else "")
        )
    if backend is None:
        for x in flat:
            backend = backend or (backend_of(x) if hasattr(x, "shape") else None)
    return lengths[0], backend or get_default_backend()


def _enter(x: Any, axis: int, level: Level) -> Any:
    """`x` as a Variable of `level`, with `axis` in front and hidden."""
    if (run := inside()) is not None:
        x = run.enter(x)
    backend = backend_of(x)
    if backend is None:
        raise TypeMismatchError(f"vmap maps over arrays, and an argument is {type(x).__name__}")
    x = _plain(x)
    return batched(xp.moveaxis(x, axis, 0) if axis % len(x.shape) else x, level, backend)


def _same(x: Any) -> Any:
    """What all calls get alike: an array as a Variable, so that mapped indices may select in it."""
    if is_variable(x) or not hasattr(x, "dtype") or not hasattr(x, "shape"):
        return x
    backend = backend_of(x)
    return x if backend is None else backend.namespace.asarray_constant(x)


def _leave(v: Any, axis: int | None, level: Level, backend: Backend) -> Any:
    """`v` as seen outside of `level`, with the axis at `axis`."""
    mapped = _of(v, level)
    value = _plain(v._read()[0] if mapped else v)
    if axis is None:
        if mapped:
            raise InvalidArgumentError(
                "out_axes is None for a result that depends on the mapped axis"
            )
        return value
    if v is None:
        return None
    if not mapped:
        if not hasattr(value, "shape"):
            if type(value) not in SCALARS:
                raise TypeMismatchError(
                    f"the function returned {type(v).__name__}, which vmap cannot stack; give None "
                    "in out_axes to pass it on"
                )
            value = backend.namespace.raw_asarray(value)
        value = _plain(xp.copy(xp.broadcast_to(value, (level.size, *value.shape))))
    ndim = len(value.shape)
    if not -ndim <= axis < ndim:
        raise InvalidArgumentError(f"out_axes is {axis}, and the result has {ndim} axes")
    return _plain(xp.moveaxis(value, 0, axis)) if axis % ndim else value


# ---------------------------------------------------------------- Jacobians


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

    Complex numbers follow `backward`: entry (i, j) is what `grad` gives for the real part of output
    ``i`` by input ``j``, ∂Re y_i/∂Re x_j + i ∂Re y_i/∂Im x_j. For a holomorphic function that
    is the conjugate of its derivative; with `holomorphic` it is the derivative, as JAX has it.

    >>> import numpy as np, pluggrad as pg
    >>> pg.jacrev(lambda x: x * x)(np.asarray([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    @functools.wraps(fun)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        f, chosen, single = _of_chosen(fun, argnums, args, kwargs)
        y, pull, *aux = vjp(f, *chosen, has_aux=has_aux)
        outputs, y_spec = _flatten(y)
        inputs, x_spec = _flatten(tuple(chosen))
        inputs = [_array(x) for x in inputs]
        if not outputs:
            raise TypeMismatchError(f"the function returned no array, but {type(y).__name__}")
        if holomorphic:
            all_complex([*inputs, *outputs])

        def row(*g: Any) -> Any:
            return pull(optree.tree_unflatten(y_spec, list(g)))

        if len(outputs) == 1 and not outputs[0].shape:
            pulled = optree.tree_leaves(row(*[b[0, ...] for b in _basis(outputs)]))
            gradients = [_plain(xp.expand_dims(g, axis=0)) for g in pulled]
        else:
            gradients = optree.tree_leaves(inner_vmap(row)(*_basis(outputs)))
        if holomorphic:
            gradients = [conjugate(g) for g in gradients]
        blocks = []
        for v, start, stop in _spans(outputs):
            leaves = [
                _plain(xp.reshape(g[start:stop, ...], (*v.shape, *x.shape)))
                for g, x in zip(gradients, inputs, strict=True)
            ]
            tree = optree.tree_unflatten(x_spec, leaves)
            blocks.append(tree[0] if single else tree)
        found = optree.tree_unflatten(y_spec, blocks)
        return (found, aux[0]) if has_aux else found

    return jacobian


def jacfwd(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `fun`, by the forward walk.

    The tangents of all inputs go along as one batch, so it suits functions of more outputs than
    inputs. Parameters and result are those of `jacrev`.

    Complex inputs follow `backward`, with the same entries as in `jacrev`, for which tangents go
    along the imaginary axis, too; with `holomorphic` they need not. By a real input a complex
    output has its complex derivative.

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
        inputs, x_spec = _flatten(tuple(chosen))
        inputs = [_inner(x)[0] for x in inputs]
        primals: Any = optree.tree_unflatten(x_spec, inputs)

        def column(*t: Any) -> Any:
            tangents: Any = optree.tree_unflatten(x_spec, list(t))
            return pushed_forward(f, primals, tangents, has_aux, derivative)

        axes = (None, -1, None) if has_aux else (None, -1)
        basis = _basis(inputs)
        _, columns, *aux = inner_vmap(column, out_axes=axes)(*basis)
        columns, y_spec = _flatten(columns)
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
                leaves.append(_plain(xp.reshape(part, (*shape, *x.shape))))
            tree = optree.tree_unflatten(x_spec, leaves)
            blocks.append(tree[0] if single else tree)
        found = optree.tree_unflatten(y_spec, blocks)
        return (found, aux[0]) if has_aux else found

    return jacobian


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
    transpose. Both walks are those of one level, which costs less than a level inside another.

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
    with open_level() as level:
        wrapped = [_leaves(x, level, primals) for x in primals]
        flat_t, spec_t = _flatten(tuple(tangents))
        leaves = [v for _, flat, _ in wrapped for v in flat]
        if spec_t != _flatten(tuple(primals))[1]:
            raise InvalidArgumentError(
                f"primals have structure {_flatten(tuple(primals))[1]}, tangents {spec_t}"
            )
        seeds = [_tangent(t, v, "hvp") for t, v in zip(flat_t, leaves, strict=True)]
        value = fun(*[tree for tree, _, _ in wrapped])
        value = _number(value, leaves)
        node = _scalar_node(value, level)
        products: dict[Any, Any] = {}
        if node is None:
            untracked_result(level)
        else:
            lift = lifter(level, value._backend)
            arrived = walk({node: seed_for(value, None, True)}, retain=True, lift=lift)
            cotangents: dict[Any, Any] = {}
            for v, seed in zip(leaves, seeds, strict=True):
                g: Any = arrived.get(v._node)
                if _of(g, level) and g._node is not None:
                    found = cotangents.get(g._node)
                    cotangents[g._node] = seed if found is None else found + seed
            if cotangents:
                in_place = in_place_type(value._backend, level)
                products = walk(cotangents, lift=among_variables(seeds), in_place=in_place)
        found = [
            optree.tree_unflatten(spec, [_arrived(products, v) for v in flat])
            for _, flat, spec in wrapped
        ]
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
    y, pull, *aux = vjp(fun, *primals, has_aux=has_aux)
    outputs, y_spec = _flatten(y)
    inputs, x_spec = _flatten(tuple(primals))
    inputs = [_inner(x, primals)[0] for x in inputs]
    zeros = [_plain(xp.zeros_like(v)) for v in outputs]
    with open_level() as level:
        # Integers have no cotangent, and their tangents are zero.
        ends = [_leaves(v, level)[1][0] if is_continuous(v) else None for v in zeros]
        cotangents = [v if end is None else end._snapshot()
                      for v, end in zip(zeros, ends, strict=True)]  # fmt: skip
        gradients = optree.tree_leaves(pull(optree.tree_unflatten(y_spec, cotangents)))
        nodes = [g._read()[1] if _of(g, level) else None for g in gradients]

    def push(*tangents: Any) -> Any:
        flat, spec = _flatten(tuple(tangents))
        if spec != x_spec:
            raise InvalidArgumentError(f"the tangents have structure {spec}, the primals {x_spec}")
        seeds: dict[Any, Any] = {}
        for node, t, x in zip(nodes, flat, inputs, strict=True):
            t = _tangent(t, x, "linearize")
            if node is not None:
                if is_variable(x) and not is_variable(t):
                    t = wrap(t, None, ROOT, x._backend)
                seeds[node] = seeds[node] + t if node in seeds else t
        targets = [v._node for v in ends if v is not None]
        arrived = walk(seeds, targets=targets, retain=True, lift=among_variables(seeds.values()))
        found = [zero if v is None or v._node not in arrived else _plain(arrived[v._node])
                 for v, zero in zip(ends, zeros, strict=True)]  # fmt: skip
        return optree.tree_unflatten(y_spec, found)

    return (y, push, aux[0]) if has_aux else (y, push)


def _real(x: Any) -> Any:
    return xp.real(x) if is_complex(x) else x


def _of_chosen(fun: Any, argnums: Any, args: Any, kwargs: Any) -> tuple[Any, list[Any], bool]:
    """`fun` as a function of the arguments that are differentiated by, these, and whether it is
    one alone."""
    numbers = _argnums(argnums, len(args))
    chosen = [
        optree.tree_map(lambda x: _number(x, (args, kwargs)), args[number]) for number in numbers
    ]

    def f(*xs: Any) -> Any:
        call = list(args)
        for number, x in zip(numbers, xs, strict=True):
            call[number] = x
        return fun(*call, **kwargs)

    return f, chosen, _is_one(argnums)


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
