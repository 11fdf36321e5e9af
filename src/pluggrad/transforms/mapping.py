"""`vmap`: arguments enter a level of batches, results leave it. `engine.batch` works in between."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, overload

import optree

from ..arrays.backend import SCALARS, Backend, backend_of, peek
from ..arrays.choice import get_default_backend
from ..arrays.dispatch import is_variable, xp
from ..engine.arguments import check_function
from ..engine.batch import Batch, batched
from ..engine.boundary import flatten, flatten_call, is_of, unflatten_call
from ..engine.handles import constant_of, unwrap_untracked
from ..engine.levels import Level, open_level, read, restored
from ..engine.modes import inside
from ..errors import InvalidArgumentError, NotMappableError, TypeMismatchError
from ..variables.types import ArrayLike, Transformed
from ..variables.variable import Variable

__all__ = ["inner_vmap", "leave", "vmap"]

P = ParamSpec("P")


@overload
def vmap(
    fun: Callable[Concatenate[Variable, P], Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_size: int | None = None,
    randomness: str = "error",
) -> Transformed[Concatenate[ArrayLike, P], Any]: ...
@overload
def vmap(
    fun: Callable[P, Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_size: int | None = None,
    randomness: str = "error",
) -> Transformed[P, Any]: ...
def vmap(
    fun: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that applies `fun` to every slice of its arguments at once, as `jax.vmap`.

    Each operation in `fun` runs once, on the whole batch; there is no Python loop over the slices.

    Parameters
    ----------
    fun : callable
        Takes and returns arrays, or pytrees of them. It sees one slice: the mapped axis is hidden.
    in_axes : int, None, or a pytree of them
        The axis of each positional argument to map over; None passes the argument whole to every
        call. It may be a prefix of the structure of the arguments. Keyword arguments are always
        mapped over their first axis.
    out_axes : int, None, or a pytree of them
        Where the mapped axis goes in each result; None for results that do not depend on it.
    axis_size : int, optional
        The length of the mapped axis; needed only when no argument is mapped.
    randomness : 'error', 'different' or 'same'
        What torch's random functions (``torch.rand``, ``torch.nn.functional.dropout``) do inside:
        raise, draw separately for each slice, or draw once for all slices, as in
        ``torch.func.vmap``. It has no effect on other libraries: there `fun` draws once, and all
        slices share that draw. For separate draws, draw outside and map over the result.

    Returns
    -------
    callable
        Takes and returns plain arrays of the caller's own library. It nests with every other
        transform, in any order.

    Raises
    ------
    ValueError
        The mapped axes differ in length, or there is no axis to map over.
    TypeError
        `fun` needs a single value where there is one per slice: `bool`, `float` or `.item()` of a
        mapped value, indexing with a mapped mask, `nonzero`, `unique_values`, or `repeat` with
        mapped counts. The message says what to use instead. ``v[mask] = number`` works: it becomes
        a `where`.

    >>> import numpy as np, pluggrad as pg
    >>> pg.vmap(lambda x, y: pg.sum(x * y))(np.ones((2, 3)), np.asarray([[1.0], [2.0]]))
    array([3., 6.])
    >>> pg.vmap(pg.grad(lambda x: x**3))(np.asarray([1.0, 2.0]))
    array([ 3., 12.])
    """
    check_function(fun, "vmap")
    if randomness not in ("error", "different", "same"):
        raise InvalidArgumentError(
            f"randomness is 'error', 'different' or 'same', not {randomness!r}"
        )

    @functools.wraps(fun)
    @restored
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
        with open_level(Batch, size, randomness) as level:
            level.sample = _sample(flat, backend)
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
            outputs, y_spec = flatten(y, none_is_leaf=True)
            places = _prefix(out_axes, y, "out_axes")
            found = [
                leave(v, axis, level, backend) for v, axis in zip(outputs, places, strict=True)
            ]
        return optree.tree_unflatten(y_spec, found)

    return mapped


#: vmap for internal use; random functions behave as outside it.
inner_vmap: Any = functools.partial(vmap, randomness="same")


def _prefix(axes: Any, tree: Any, name: str) -> list[Any]:
    """One entry of `axes` for each leaf of `tree`, which `axes` is a prefix of."""
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


def _sample(values: list[Any], backend: Backend) -> Any:
    """The first of `values` that is an array of `backend`; or None."""
    return next((x for x in values if peek(x) is backend), None)


def _length(flat: list[Any], where: list[Any], axis_size: int | None) -> tuple[int, Backend]:
    """The common length of the mapped axes; the backend of the arrays, or the default one."""
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
    """`x` as a Variable of `level`, with `axis` moved to the front and hidden."""
    if (run := inside()) is not None:
        x = run.enter(x)
    backend = backend_of(x)
    if backend is None:
        raise TypeMismatchError(f"vmap maps over arrays, and an argument is {type(x).__name__}")
    # A slice counts as computed here: where recording is off, it is a constant.
    x = constant_of(x, read().off) if is_variable(x) else x
    x = unwrap_untracked(x)
    return batched(xp.moveaxis(x, axis, 0) if axis % len(x.shape) else x, level, backend)


def _same(x: Any) -> Any:
    """An argument that every slice shares. An array becomes a Variable,
    so that mapped indices may select from it.
    """
    if is_variable(x) or not hasattr(x, "dtype") or not hasattr(x, "shape"):
        return x
    backend = backend_of(x)
    return x if backend is None else backend.namespace.asarray_constant(x)


def leave(v: Any, axis: int | None, level: Any, backend: Backend) -> Any:
    """`v` as seen outside `level`, with the mapped axis at `axis`."""
    mapped = is_of(v, level)
    value = unwrap_untracked(v._read()[0] if mapped else v)
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
        value = unwrap_untracked(xp.copy(xp.broadcast_to(value, (level.size, *value.shape))))
    ndim = len(value.shape)
    if not -ndim <= axis < ndim:
        raise InvalidArgumentError(f"out_axes is {axis}, and the result has {ndim} axes")
    return unwrap_untracked(xp.moveaxis(value, 0, axis)) if axis % ndim else value
