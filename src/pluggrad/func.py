"""The JAX face: transforms that take a function and return a function."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import optree

from .autograd import among_variables, in_place_type, seed_for
from .backend import SCALARS, Backend, backend_of, get_default_backend, mixed
from .backward import walk
from .cotangents import conjugate, device_of, is_complex, same_shape
from .dispatch import is_variable, xp
from .duals import dual
from .errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from .forward import process, tangent_of
from .graph import Node
from .graph_breaks import untracked_result
from .levels import ROOT, Level, open_level
from .modes import inside
from .record import make_leaf, wrap

__all__ = ["grad", "jvp", "stop_gradient", "value_and_grad", "vjp"]


def grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the gradient of `fun` at its arguments.

    Parameters
    ----------
    fun : callable
        Takes arrays, or pytrees of them, and returns one real number (shape ``()``), and with
        `has_aux` a pair of that and anything else.
    argnums : int or sequence of ints
        Which positional arguments to differentiate by.
    has_aux : bool
        Whether `fun` returns a pair.
    holomorphic : bool
        Whether `fun` is complex-differentiable, and the derivative df/dz is wanted. Arguments and
        value are complex then.

    Returns
    -------
    callable
        It returns plain arrays of the caller's own library, in the structure of the argument (a
        tuple of these for several); with `has_aux` a pair of the gradient and the auxiliary value.
        Inside a graph or another transform they are Variables of that level, so it nests.

    Complex arguments: the gradient is that of `backward`, ∂f/∂Re + i ∂f/∂Im, the conjugate of
    JAX's. With `holomorphic` it is the derivative, as JAX has it.

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


def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """A function that returns the value of `fun` and its gradient; the parameters are `grad`'s.

    It returns ``(value, gradient)``, with `has_aux` ``((value, aux), gradient)``.
    ``scipy.optimize.minimize(pluggrad.value_and_grad(f), x0, jac=True)`` takes it as it is.

    >>> import numpy as np, pluggrad as pg
    >>> value, g = pg.value_and_grad(lambda x: pg.sum(x ** 3))(np.asarray([1.0, 2.0]))
    >>> float(value), g
    (9.0, array([ 3., 12.]))
    """

    @functools.wraps(fun)
    def both(*args: Any, **kwargs: Any) -> Any:
        with open_level() as level:
            numbers = _argnums(argnums, len(args))
            call = list(args)
            wrapped = []
            for number in numbers:
                call[number], leaves, spec = _leaves(args[number], level, (args, kwargs))
                wrapped.append((leaves, spec))
            every = [v for leaves, _ in wrapped for v in leaves]
            value = fun(*call, **kwargs)
            aux: Any = None
            if has_aux:
                value, aux = _pair(value)
            value = _number(value, every)
            if holomorphic:
                all_complex([*every, value])
            node = _scalar_node(value, level, holomorphic)
            arrived = {}
            if node is not None:
                backend = value._backend
                seed = seed_for(value, 1.0 if holomorphic else None, False)
                arrived = walk(
                    {node: seed},
                    in_place=in_place_type(backend, level),
                    lift=among_variables([seed]),
                )
            else:
                untracked_result(level)
            value = _lower(value, level)
            aux = optree.tree_map(lambda x: _lower(x, level), aux)
            gradients = [
                optree.tree_unflatten(spec, [_arrived(arrived, v) for v in leaves])
                for leaves, spec in wrapped
            ]
        if holomorphic:
            gradients = [optree.tree_map(conjugate, g) for g in gradients]
        g = gradients[0] if _is_one(argnums) else tuple(gradients)
        return ((value, aux) if has_aux else value), g

    return both


def vjp(fun: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` at `primals`, and a function from cotangents to gradients.

    Returns ``(y, pull)``, with `has_aux` ``(y, pull, aux)``. ``pull(g)``, where `g` has the
    structure of `y`, returns a tuple with one gradient per primal, and may be called again.
    Complex numbers follow `backward`: `pull` is the adjoint, the conjugate of JAX's transpose.

    >>> import numpy as np, pluggrad as pg
    >>> y, pull = pg.vjp(lambda x: x * x, np.asarray([1.0, 2.0]))
    >>> pull(np.asarray([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    with open_level() as level:
        wrapped = [_leaves(x, level, primals) for x in primals]
        y = fun(*[tree for tree, _, _ in wrapped])
        aux = None
        if has_aux:
            y, aux = _pair(y)
            aux = optree.tree_map(lambda x: _lower(x, level), aux)
        outputs, y_spec = _outputs(y, [v for _, flat, _ in wrapped for v in flat])
        values = [_lower(v, level) for v in outputs]
        nodes = [v._read()[1] if _of(v, level) else None for v in outputs]
        if not any(nodes):
            untracked_result(level)

    def pull(g: Any) -> tuple[Any, ...]:
        seeds, g_spec = optree.tree_flatten(g)
        if g_spec != y_spec:
            raise InvalidArgumentError(f"the cotangent has structure {g_spec}, the output {y_spec}")
        cotangents: dict[Node, Any] = {}
        for node, seed, value in zip(nodes, seeds, values, strict=True):
            if node is not None:
                seed = _cotangent(seed, value)
                if is_variable(value) and not is_variable(seed):
                    seed = wrap(seed, None, ROOT, value._backend)
                cotangents[node] = cotangents[node] + seed if node in cotangents else seed
        leaves = [v._node for _, flat, _ in wrapped for v in flat]
        arrived = walk(
            cotangents, targets=leaves, retain=True, lift=among_variables(cotangents.values())
        )
        return tuple(
            [optree.tree_unflatten(spec, [_arrived(arrived, v) for v in flat])
             for _, flat, spec in wrapped]
        )  # fmt: skip

    y = optree.tree_unflatten(y_spec, values)
    return (y, pull, aux) if has_aux else (y, pull)


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> Any:
    """The value of `fun` at `primals`, and its derivative along `tangents`, in one forward pass.

    `tangents` have the structure and the shapes of `primals`, which must be floating-point. Returns
    ``(y, t)``, with `has_aux` ``(y, t, aux)``.

    >>> import numpy as np, pluggrad as pg
    >>> y, t = pg.jvp(lambda x: x * x, (np.asarray([1.0, 2.0]),), (np.asarray([1.0, 1.0]),))
    >>> t
    array([2., 4.])
    """
    return pushed_forward(fun, primals, tangents, has_aux)


def pushed_forward(
    fun: Callable[..., Any],
    primals: Any,
    tangents: Any,
    has_aux: bool,
    may_be_constant: bool = False,
) -> Any:
    """What `jvp` does; it says nothing of a constant result where that is nothing unusual."""
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeMismatchError("primals and tangents are tuples, with one entry per argument")
    if len(primals) != len(tangents):
        raise InvalidArgumentError(f"{len(primals)} primals, but {len(tangents)} tangents")
    with open_level(process) as level:
        call, duals = [], []
        for x, t in zip(primals, tangents, strict=True):
            flat, spec = optree.tree_flatten(x)
            flat_t, spec_t = optree.tree_flatten(t)
            if spec != spec_t:
                raise InvalidArgumentError(f"a primal has structure {spec}, its tangent {spec_t}")
            made = [_dual(a, b, level, primals) for a, b in zip(flat, flat_t, strict=True)]
            call.append(optree.tree_unflatten(spec, made))
            duals += made
        y = fun(*call)
        aux = None
        if has_aux:
            y, aux = _pair(y)
            aux = optree.tree_map(lambda x: _lower(x, level), aux)
        outputs, spec = _outputs(y, duals)
        values = [_lower(v, level) for v in outputs]
        if all(tangent_of(v, level) is None for v in outputs):
            untracked_result(level, may_be_constant)
        pushed = [
            xp.zeros_like(value) if (t := tangent_of(v, level)) is None else t
            for v, value in zip(outputs, values, strict=True)
        ]
        pushed = [_plain(t) for t in pushed]
    y, t = optree.tree_unflatten(spec, values), optree.tree_unflatten(spec, pushed)
    return (y, t, aux) if has_aux else (y, t)


def stop_gradient(x: Any) -> Any:
    """`x`, or every array in a pytree, as a constant: no gradient flows through it.

    >>> import numpy as np, pluggrad as pg
    >>> pg.grad(lambda x: pg.sum(x * pg.stop_gradient(x)))(np.asarray([1.0, 2.0]))
    array([1., 2.])
    """
    return optree.tree_map(lambda v: v.detach() if is_variable(v) else v, x)


# ---------------------------------------------------------------- into a level, and out of it


def flatten_call(args: Any, kwargs: Any, none_is_leaf: bool = False) -> tuple[list[Any], Any]:
    """The leaves of the arguments of a call, and their structure."""
    tree: Any = (args, kwargs) if kwargs else (args,)  # torch.compile knows no empty dict here
    return optree.tree_flatten(tree, none_is_leaf=none_is_leaf)


def unflatten_call(spec: Any, flat: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments of a call, by position and by keyword."""
    call: Any = optree.tree_unflatten(spec, flat)
    return call[0], call[1] if len(call) > 1 else {}


def _is_one(argnums: Any) -> bool:
    # torch.compile asks no integer of its own for an attribute.
    return isinstance(argnums, int) or hasattr(argnums, "__index__")


def _argnums(argnums: int | Sequence[int], count: int) -> list[int]:
    try:
        several: Any = [argnums] if _is_one(argnums) else argnums
        numbers = [operator.index(n) for n in several]
    except TypeError:
        raise TypeMismatchError(f"argnums is one or several ints, not {argnums!r}") from None
    for n in numbers:
        if not -count <= n < count:
            raise InvalidArgumentError(f"argnums={argnums}, but there are {count} arguments")
    return [n % count for n in numbers]


def _pair(value: Any) -> Any:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeMismatchError("with has_aux=True the function returns a pair (value, aux)")
    return value


def _cotangent(seed: Any, value: Any) -> Any:
    """`seed`, as a cotangent of the output `value`."""
    backend = backend_of(value)
    assert backend is not None
    seed = _alike(seed, value)
    other = backend_of(seed)
    if other is None:
        raise TypeMismatchError(f"a cotangent is an array, not {type(seed).__name__}")
    if other is not backend:
        raise mixed(backend, other, "vjp")
    if not same_shape(seed.shape, value.shape):
        raise InvalidArgumentError(
            f"the cotangent has shape {tuple(seed.shape)}, the output {tuple(value.shape)}"
        )
    return _cast(seed, value, "cotangent")


def _tangent(t: Any, x: Any, name: str) -> Any:
    """`t`, as a tangent of the primal `x`."""
    backend = backend_of(x)
    assert backend is not None
    t, other = _inner(_alike(t, x))
    if other is not backend:
        raise mixed(backend, other, name)
    if not same_shape(x.shape, t.shape):
        raise InvalidArgumentError(
            f"a primal has shape {tuple(x.shape)}, and its tangent {tuple(t.shape)}"
        )
    return _cast(t, x, "tangent")


def _alike(t: Any, x: Any) -> Any:
    """`t`; a Python number as an array of the library and dtype of `x`."""
    if type(t) not in SCALARS or (type(t) is complex and not is_complex(x)):
        return t
    backend = backend_of(x)
    assert backend is not None
    return backend.namespace.raw_asarray(t, dtype=x.dtype, device=device_of(x))


def _cast(t: Any, x: Any, what: str) -> Any:
    """`t` in the dtype of `x`."""
    if t.dtype == x.dtype:
        return t
    backend = backend_of(x)
    assert backend is not None
    if t.dtype in backend.complex_dtypes and x.dtype not in backend.complex_dtypes:
        raise TypeMismatchError(f"the {what} is complex ({t.dtype}), its value real ({x.dtype})")
    return xp.astype(t, x.dtype)


def _array(x: Any) -> Any:
    """`x`, or an array of the default backend if it is a Python number."""
    if isinstance(x, (bool, int, float, complex)):
        return get_default_backend().namespace.raw_asarray(x)
    return x


def _number(x: Any, among: Any) -> Any:
    """`x`; a Python number as an array of the library, device and precision of the arrays in the
    tree `among`, of which there may be none."""
    if type(x) not in SCALARS:
        return x
    like: Any = None
    for v in optree.tree_leaves(among):
        if like is None and type(v) not in SCALARS and hasattr(v, "dtype"):
            like = v
    backend = backend_of(like)
    if backend is None:
        return _array(x)
    dtype = like.dtype if type(x) is float and like.dtype in backend.real_dtypes else None
    return backend.namespace.raw_asarray(x, dtype=dtype, device=device_of(like))


def _outputs(y: Any, arguments: list[Any]) -> tuple[list[Any], Any]:
    """The arrays in the output `y`, and its structure."""
    flat, spec = optree.tree_flatten(y)
    flat = [_number(v, arguments) for v in flat]
    for v in flat:
        if not hasattr(v, "dtype"):
            raise TypeMismatchError(f"the function returned {type(v).__name__}, not an array")
    return flat, spec


def all_complex(values: list[Any]) -> None:
    """Raise unless this may be a holomorphic function's arguments and results."""
    for v in values:
        if not is_complex(v):
            raise TypeMismatchError(
                "with holomorphic=True arguments and results are complex, and one has dtype "
                f"{getattr(v, 'dtype', type(v).__name__)}"
            )


def _inner(x: Any, among: Any = ()) -> tuple[Any, Backend]:
    """`x` as a value to wrap: a raw array, or a snapshot of a tracked Variable."""
    x = _array(_number(x, among))
    if (run := inside()) is not None:
        x = run.enter(x)
    backend = backend_of(x)
    if backend is None:
        raise TypeMismatchError(f"cannot differentiate by {type(x).__name__}")
    if is_variable(x):
        x = x._snapshot()
        if x._node is None and x._level is ROOT:
            x = x._value
    if x.dtype not in backend.float_dtypes:
        raise TypeMismatchError(
            f"only floating-point and complex arguments have gradients, and one has dtype {x.dtype}"
        )
    return x, backend


def _leaves(x: Any, level: Level, among: Any = ()) -> tuple[Any, list[Any], Any]:
    """The pytree `x` with each array a leaf of `level`; the leaves; the structure."""
    flat, spec = optree.tree_flatten(x)
    leaves = []
    for value in flat:
        value, backend = _inner(value, among)
        v = wrap(value, None, level, backend)
        v._birth = level
        v._node = make_leaf(v)
        leaves.append(v)
    # The function gets handles of its own, which it may write.
    return optree.tree_unflatten(spec, [v._snapshot() for v in leaves]), leaves, spec


def _dual(x: Any, t: Any, level: Level, among: Any) -> Any:
    x, backend = _inner(x, among)
    v = dual(x, _tangent(t, x, "jvp"), level, backend)
    v._birth = level
    return v


def _of(v: Any, level: Level) -> bool:
    return is_variable(v) and v._level is level


def _scalar_node(value: Any, level: Level, holomorphic: bool = False) -> Node | None:
    if not hasattr(value, "dtype"):
        raise TypeMismatchError(f"the function returned {type(value).__name__}, not an array")
    backend = backend_of(value)
    assert backend is not None
    if tuple(value.shape) != ():
        raise InvalidArgumentError(
            f"the function to differentiate returned shape {tuple(value.shape)}, and must return "
            "one number; use vjp or jacrev for more"
        )
    if value.dtype not in backend.float_dtypes:
        raise TypeMismatchError(
            f"the function returned a number of dtype {value.dtype}, which has no gradient"
        )
    if value.dtype in backend.complex_dtypes and not holomorphic:
        raise DifferentiationError(
            "the function returned a complex number; take its real part, or give "
            "holomorphic=True for the derivative of a holomorphic function"
        )
    return value._read()[1] if _of(value, level) else None


def _lower(v: Any, level: Level) -> Any:
    """`v` as seen outside `level`: a plain array, or a Variable of a live outer level."""
    if _of(v, level):
        return _plain(v._read()[0])
    return _plain(v)


def _plain(v: Any) -> Any:
    """A raw array in the place of an untracked Variable."""
    if is_variable(v) and v._read()[1] is None and v._level is ROOT:
        return v._value
    return v


def _arrived(arrived: dict[Node, Any], v: Any) -> Any:
    g = arrived.get(v._node)
    return _plain(xp.zeros_like(v._value) if g is None else g)
