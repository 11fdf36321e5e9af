"""Into a level and out again: arguments become leaves or duals, results lose the level."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import optree

from ..arrays.backend import BACKENDS, SCALARS, Backend, backend_of, mixed
from ..arrays.choice import get_default_backend
from ..arrays.dispatch import is_variable, xp
from ..errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from .cotangents import create, is_complex, same_shape
from .graph import Node
from .handles import constant_of, finished, released, unwrap_untracked, wrap
from .levels import Level, read
from .modes import inside
from .record import make_leaf
from .tangents import dual

__all__ = [
    "ARRAY",
    "all_complex",
    "as_array",
    "as_cotangent",
    "as_number",
    "as_tangent",
    "differs",
    "dual_of",
    "flat_tangent",
    "flatten",
    "flatten_call",
    "gradient_at",
    "inner_value",
    "is_of",
    "is_one",
    "leaves_of",
    "node_of_number",
    "numbered",
    "outputs_of",
    "pair",
    "seen_outside",
    "unflatten",
    "unflatten_call",
]

ARRAY: Any = optree.treespec_leaf()  # the structure of a single array


def flatten(tree: Any, none_is_leaf: bool = False) -> tuple[list[Any], Any]:
    """The leaves of a pytree, and its structure."""
    if BACKENDS.get(type(tree)) is not None and not none_is_leaf:
        return [tree], ARRAY
    return optree.tree_flatten(tree, none_is_leaf=none_is_leaf)


def unflatten(spec: Any, flat: list[Any]) -> Any:
    """The pytree with structure `spec` and these leaves."""
    return flat[0] if spec is ARRAY else optree.tree_unflatten(spec, flat)


def differs(spec: Any, other: Any) -> bool:
    """Whether two structures differ."""
    # Compilers that read code cannot compare structures, but ARRAY is always the same object.
    return spec is not other and bool(spec != other)


def flatten_call(args: Any, kwargs: Any, none_is_leaf: bool = False) -> tuple[list[Any], Any]:
    """The leaves of the arguments of a call, and their structure."""
    # torch.compile cannot handle an empty dict here.
    return flatten((args, kwargs) if kwargs else (args,), none_is_leaf)


def unflatten_call(spec: Any, flat: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments of a call, positional ones and keywords, rebuilt from their leaves."""
    call: Any = optree.tree_unflatten(spec, flat)
    return call[0], call[1] if len(call) > 1 else {}


def is_one(argnums: Any) -> bool:
    """Whether `argnums` is one integer, and not a sequence."""
    # (torch.compile cannot read attributes of its integers, so `int` is asked first.)
    return isinstance(argnums, int) or hasattr(argnums, "__index__")


def numbered(argnums: int | Sequence[int], count: int) -> list[int]:
    """`argnums` as a list of numbers counted from the front, checked against `count` arguments."""
    try:
        several: Any = [argnums] if is_one(argnums) else argnums
        numbers = [operator.index(n) for n in several]
    except TypeError:
        raise TypeMismatchError(f"argnums is one or several ints, not {argnums!r}") from None
    for n in numbers:
        if not -count <= n < count:
            raise InvalidArgumentError(f"argnums={argnums}, but there are {count} arguments")
    numbers = [n % count for n in numbers]
    if len(set(numbers)) < len(numbers):
        raise InvalidArgumentError(f"argnums={argnums} names an argument twice")
    return numbers


def pair(value: Any) -> Any:
    """`value`, which a function with ``has_aux=True`` returned, if it is a pair; otherwise an
    error."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeMismatchError("with has_aux=True the function returns a pair (value, aux)")
    return value


def as_cotangent(seed: Any, value: Any) -> Any:
    """`seed`, checked and converted to be a cotangent of the output `value`."""
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


def flat_tangent(t: Any, spec: Any) -> list[Any]:
    """The leaves of the tangent `t`, which must have the structure `spec` of its primal."""
    flat, spec_t = flatten(t)
    if differs(spec, spec_t):
        raise InvalidArgumentError(f"a primal has structure {spec}, its tangent {spec_t}")
    return flat


def as_tangent(t: Any, x: Any, name: str) -> Any:
    """`t`, checked and converted to be a tangent of the primal `x`."""
    backend = backend_of(x)
    assert backend is not None
    same = BACKENDS.get(type(t)) is backend and t.shape == x.shape and t.dtype == x.dtype
    if same and not is_variable(t) and inside() is None:
        return t
    t, other = inner_value(_alike(t, x))
    if other is not backend:
        raise mixed(backend, other, name)
    if not same_shape(x.shape, t.shape):
        raise InvalidArgumentError(
            f"a primal has shape {tuple(x.shape)}, and its tangent {tuple(t.shape)}"
        )
    return _cast(t, x, "tangent")


def _alike(t: Any, x: Any) -> Any:
    """`t`; a Python number becomes an array of the library and dtype of `x`."""
    if type(t) not in SCALARS or (type(t) is complex and not is_complex(x)):
        return t
    return create("asarray", t, beside=x, dtype=x.dtype)


def _cast(t: Any, x: Any, what: str) -> Any:
    """`t` in the dtype of `x`."""
    if t.dtype == x.dtype:
        return t
    backend = backend_of(x)
    assert backend is not None
    if t.dtype in backend.complex_dtypes and x.dtype not in backend.complex_dtypes:
        raise TypeMismatchError(f"the {what} is complex ({t.dtype}), its value real ({x.dtype})")
    return xp.astype(t, x.dtype)


def as_array(x: Any) -> Any:
    """`x`; a Python number becomes an array of the default backend."""
    if isinstance(x, (bool, int, float, complex)):
        return get_default_backend().namespace.raw_asarray(x)
    return x


def as_number(x: Any, among: Any) -> Any:
    """`x`; a Python number becomes an array. It takes the library, device and precision of the
    first array in the tree `among`; without one, of the sample of the innermost level that has one;
    without that, the default backend's."""
    if type(x) not in SCALARS:
        return x
    like: Any = None
    for v in optree.tree_leaves(among):
        if like is None and type(v) not in SCALARS and hasattr(v, "dtype"):
            like = v
    level: Level | None = read().level
    while like is None and level is not None:
        like, level = level.sample, level.parent
    backend = backend_of(like)
    if backend is None:
        return as_array(x)
    dtype = like.dtype if type(x) is float and like.dtype in backend.real_dtypes else None
    return create("asarray", x, beside=like, **({} if dtype is None else {"dtype": dtype}))


def outputs_of(y: Any, arguments: list[Any]) -> tuple[list[Any], Any]:
    """The arrays in the output `y`, and its structure."""
    flat, spec = flatten(y)
    flat = [as_number(v, arguments) for v in flat]
    for v in flat:
        if not hasattr(v, "dtype"):
            raise TypeMismatchError(f"the function returned {type(v).__name__}, not an array")
    return flat, spec


def all_complex(values: list[Any]) -> None:
    """Raise unless all `values`, arguments or results of a holomorphic function, are complex."""
    for v in values:
        if not is_complex(v):
            raise TypeMismatchError(
                "with holomorphic=True arguments and results are complex, and one has dtype "
                f"{getattr(v, 'dtype', type(v).__name__)}"
            )


def inner_value(x: Any, among: Any = ()) -> tuple[Any, Backend]:
    """`x` as the value to wrap at a new level (a raw array, or a snapshot of a tracked Variable),
    and its backend."""
    if type(x) in SCALARS:
        x = as_array(as_number(x, among))
    if (run := inside()) is not None:
        x = run.enter(x)
    backend = backend_of(x)
    if backend is None:
        raise TypeMismatchError(f"cannot differentiate by {type(x).__name__}")
    if type(x) in backend.classes:
        x = constant_of(x, read().off)
    if x.dtype not in backend.float_dtypes:
        raise TypeMismatchError(
            f"only floating-point and complex arguments have gradients, and one has dtype {x.dtype}"
        )
    return x, backend


def leaves_of(x: Any, level: Level, among: Any = ()) -> tuple[Any, list[Any], Any]:
    """Make the arrays in the pytree `x` leaves of `level`. Returns the pytree to call the function
    with, the leaf Variables, and the structure."""
    flat, spec = flatten(x)
    leaves = []
    for value in flat:
        value, backend = inner_value(value, among)
        if level.sample is None:
            level.sample = value
        v = wrap(value, None, level, backend)
        v._birth = level
        v._node = make_leaf(v)
        leaves.append(v)
    # The function gets its own handles, so that its writes do not change the leaves.
    return unflatten(spec, [v._snapshot() for v in leaves]), leaves, spec


def dual_of(x: Any, t: Any, level: Level, among: Any) -> Any:
    """The argument `x` of a `jvp`, with the tangent `t`, as a Variable of `level`."""
    x, backend = inner_value(x, among)
    if level.sample is None:
        level.sample = x
    v = dual(x, as_tangent(t, x, "jvp"), level, backend)
    v._birth = level
    return v


def is_of(v: Any, level: Level) -> bool:
    """Whether `v` is a Variable of `level`."""
    return is_variable(v) and v._level is level


def node_of_number(value: Any, level: Level, holomorphic: bool = False) -> Node | None:
    """The Node at `level` of a function's result, which must be one number that has a gradient;
    None if it does not depend on the arguments."""
    if not hasattr(value, "dtype"):
        raise TypeMismatchError(f"the function returned {type(value).__name__}, not an array")
    backend = backend_of(value)
    assert backend is not None
    shape, dtype = value.shape, value.dtype
    if tuple(shape) != ():
        raise InvalidArgumentError(
            f"the function to differentiate returned shape {tuple(shape)}, and must return "
            "one number; use vjp or jacrev for more"
        )
    if dtype not in backend.float_dtypes:
        raise TypeMismatchError(
            f"the function returned a number of dtype {dtype}, which has no gradient"
        )
    if dtype in backend.complex_dtypes and not holomorphic:
        raise DifferentiationError(
            "the function returned a complex number; take its real part, or give "
            "holomorphic=True for the derivative of a holomorphic function"
        )
    return value._read()[1] if is_of(value, level) else None


def seen_outside(v: Any, level: Level) -> Any:
    """`v` with `level` removed: a raw array, or a Variable of an outer level."""
    if is_of(v, level):
        return unwrap_untracked(v._read()[0])
    return unwrap_untracked(v)


def gradient_at(arrived: dict[Node, Any], v: Any) -> Any:
    """The gradient that a walk brought to the leaf `v`, or zeros if nothing arrived."""
    g = arrived.get(v._node)
    if g is None:
        return unwrap_untracked(xp.zeros_like(v._value))
    return unwrap_untracked(released(g)) if is_variable(g) else finished(g, v)
