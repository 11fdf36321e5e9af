"""`pg.interop.dask`: functions of blocks that are differentiated, each block by itself; sums over
blocks; and gradients in two phases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pluggrad
from pluggrad.plugin import (
    InvalidArgumentError,
    TypeMismatchError,
    UnsupportedError,
    foreign_call,
    is_variable,
    rule_of,
)

from . import overlapping
from .arguments import by_axis, check, cores_of, is_dask, raw_of
from .programs import BlockProgram, Blocks, Single, SumProgram, linear
from .two_phases import in_two_phases

__all__ = ["apply_gufunc", "in_two_phases", "map_blocks", "map_overlap", "rechunk", "sum_blocks"]


def map_blocks(
    func: Callable[..., Any], *args: Any, name: Any = None, token: Any = None, dtype: Any = None,
    chunks: Any = None, drop_axis: Any = None, new_axis: Any = None, enforce_ndim: bool = False,
    meta: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """`dask.array.map_blocks`, with Variables over Dask arrays among `args`.

    Parameters
    ----------
    func : callable
        Takes a block of each array, as NumPy arrays, and returns a block. To be differentiated, it
        must compute with functions of `pluggrad`, NumPy's or operators, and be pure: backward runs
        it again in the task that differentiates it, so that no task keeps more than its block.
    *args : arrays, Variables, or anything else
        As in Dask. An array in one chunk along an axis is the same for all blocks along it; its
        gradient is the sum over them. Arrays that are no Dask arrays are constants.
    name, token, dtype, chunks, drop_axis, new_axis, enforce_ndim, meta, **kwargs
        As in Dask. Along a dropped axis a Variable is rechunked to one chunk.

    Returns
    -------
    Variable, or Dask array if there is no Variable among `args`.

    Raises
    ------
    RuntimeError
        `func` leaves the graph (GraphBreakError): now, if it does so on blocks of length 1, else
        when the gradient is computed.
    NotImplementedError
        `func` takes ``block_id`` or ``block_info``, or a Variable is given by keyword.

    >>> import dask.array as da, numpy as np, pluggrad as pg
    >>> x = pg.Variable(da.arange(4.0, chunks=2), requires_grad=True)
    >>> y = pg.interop.dask.map_blocks(lambda b: b * np.sum(b), x, dtype=float)
    >>> pg.sum(y).backward()
    >>> x.grad.compute()
    array([ 2.,  2., 10., 10.])
    """
    import dask.array as da
    from dask.utils import has_keyword

    check("map_blocks", func, args, kwargs)
    settings = {"name": name, "token": token, "dtype": dtype, "chunks": chunks,
                "drop_axis": drop_axis, "new_axis": new_axis, "meta": meta,
                "enforce_ndim": enforce_ndim, **kwargs}  # fmt: skip
    if not any([is_variable(x) for x in args]):
        return da.map_blocks(func, *args, **settings)
    if has_keyword(func, "block_id") or has_keyword(func, "block_info"):
        raise UnsupportedError(
            "interop.dask.map_blocks does not differentiate functions that take `block_id` or "
            "`block_info`; give an array in the same chunks that holds what they need"
        )
    dropped = [drop_axis] if isinstance(drop_axis, int) else list(drop_axis or ())
    ndim = max([x.ndim for x in args if is_dask(x)])
    gone = {ndim - 1 - n % ndim for n in dropped}  # as labels, which count from the last axis
    args = tuple([_whole(x, gone) if is_dask(x) else x for x in args])
    y = da.map_blocks(func, *[raw_of(x) if is_dask(x) else x for x in args], **settings)
    labels = [n for n in reversed(range(ndim)) if n not in gone]
    added = [new_axis] if isinstance(new_axis, int) else list(new_axis or ())
    if new_axis is None and chunks is not None and len(labels) < len(chunks):
        added = list(range(len(chunks) - len(labels)))
    for n in sorted(added):
        labels.insert(n, None)  # type: ignore[arg-type]
    arrays = [x for x in args if is_dask(x)]
    inputs = [(x, [None if n in gone else n for n in reversed(range(x.ndim))]) for x in arrays]
    function = Filled(func, args, kwargs)
    return _recorded("map_blocks", function, inputs, [(y, labels)], func)[0]


def map_overlap(
    func: Callable[..., Any], *args: Any, depth: Any = None, boundary: Any = None,
    trim: bool = True, dtype: Any = None, meta: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """`dask.array.map_overlap`, with Variables over Dask arrays among `args`.

    Parameters
    ----------
    func : callable
        As in `map_blocks`; it gets blocks that reach into their neighbours, and returns blocks of
        the same shape.
    *args : arrays or Variables
        Of the same number of axes.
    depth, boundary
        How far blocks reach, and what is beyond the ends, as in Dask: ``"none"``, ``"periodic"``,
        ``"reflect"``, ``"nearest"`` or a number; the same for all of `args`. Depths that differ
        before and after a block are not supported.
    trim : bool
        Whether to cut off what the blocks share.
    dtype, meta, **kwargs
        As in Dask.

    Returns
    -------
    Variable, or Dask array if there is no Variable among `args`.

    Raises
    ------
    NotImplementedError
        A depth that Dask takes and this function does not.

    >>> import dask.array as da, numpy as np, pluggrad as pg
    >>> x = pg.Variable(da.arange(4.0, chunks=2), requires_grad=True)
    >>> shift = lambda b: np.roll(b, 1) * b
    >>> y = pg.interop.dask.map_overlap(shift, x, depth=1, boundary="periodic", dtype=float)
    >>> pg.sum(y).backward()
    >>> x.grad.compute()
    array([4., 2., 4., 2.])
    """
    import dask.array as da

    check("map_overlap", func, args, kwargs)
    if not any([is_variable(x) for x in args]):
        return da.map_overlap(func, *args, depth=depth, boundary=boundary, trim=trim, dtype=dtype,
                              meta=meta, **kwargs)  # fmt: skip
    if not all(is_dask(x) for x in args) or len({x.ndim for x in args}) > 1:
        raise InvalidArgumentError(
            "interop.dask.map_overlap takes Dask arrays and Variables over them, all of the same "
            "number of axes; give constants as keywords"
        )
    ndim = args[0].ndim
    depths = by_axis("depth", depth, ndim, 0)
    edges = by_axis("boundary", boundary, ndim, "none")
    if not all(isinstance(n, int) for n in depths.values()):
        raise UnsupportedError(
            "interop.dask.map_overlap differentiates with one depth for each axis, the same before "
            "and after a block and for all arrays"
        )
    wide = [overlapping.overlap(x, depths, edges) for x in args]
    y = map_blocks(func, *wide, dtype=dtype, meta=meta, **kwargs)
    own = tuple([tuple(c) for c in wide[0].data.chunks]) if is_variable(wide[0]) else wide[0].chunks
    if y.data.chunks != own:
        raise InvalidArgumentError(
            "interop.dask.map_overlap: the function must return blocks of the shape it is given"
        )
    return overlapping.trim(y, depths, edges) if trim else y


def apply_gufunc(
    func: Callable[..., Any], signature: str, *args: Any, output_dtypes: Any = None,
    output_sizes: Any = None, vectorize: bool | None = None, allow_rechunk: bool = False,
    meta: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """`dask.array.apply_gufunc`, with Variables over Dask arrays among `args`.

    Parameters
    ----------
    func : callable
        As in `map_blocks`. It gets blocks with the core axes last, and returns one array, or a
        tuple if `signature` says so.
    signature : str
        Such as ``"(i),(i)->()"``.
    *args : arrays or Variables
        In one chunk along the core axes, or with `allow_rechunk` made so.
    output_dtypes, output_sizes, meta, **kwargs
        As in Dask. `vectorize`, `axes`, `axis` and `keepdims` raise if there is a Variable.

    Returns
    -------
    Variable, or a tuple of Variables; Dask arrays if there is no Variable among `args`.

    Raises
    ------
    NotImplementedError
        An argument that is not differentiated here.

    >>> import dask.array as da, numpy as np, pluggrad as pg
    >>> x = pg.Variable(da.ones((4, 3), chunks=(2, 3)), requires_grad=True)
    >>> norms = lambda b: np.sum(b * b, axis=-1)
    >>> y = pg.interop.dask.apply_gufunc(norms, "(i)->()", x, output_dtypes=float)
    >>> pg.sum(y).backward()
    >>> x.grad.compute()[0]
    array([2., 2., 2.])
    """
    import dask.array as da

    settings = {"output_dtypes": output_dtypes, "output_sizes": output_sizes, "meta": meta,
                "allow_rechunk": allow_rechunk, "vectorize": vectorize}  # fmt: skip
    check("apply_gufunc", func, args, kwargs)
    if not any([is_variable(x) for x in args]):
        return da.apply_gufunc(func, signature, *args, **settings, **kwargs)
    refused = [k for k in ("axes", "axis", "keepdims") if kwargs.get(k)]
    if refused or vectorize:
        raise UnsupportedError(
            f"interop.dask.apply_gufunc does not differentiate with {refused or 'vectorize'}; "
            "move the axes, or write the function for a batch"
        )
    cores, outs = cores_of(signature)
    if not all(is_dask(x) for x in args):
        raise TypeMismatchError(
            "interop.dask.apply_gufunc takes Dask arrays and Variables over them"
        )
    given = []
    for x, core in zip(args, cores, strict=True):
        chunks = raw_of(x).chunks[x.ndim - len(core) :]
        if any(len(c) > 1 for c in chunks) and allow_rechunk:
            x = rechunk(x, {x.ndim - 1 - n: -1 for n in range(len(core))})
        given.append(x)
    y = da.apply_gufunc(func, signature, *[raw_of(x) for x in given], **settings, **kwargs)
    results = list(y) if isinstance(y, tuple) else [y]
    inputs = [(x, [*reversed(range(x.ndim - len(core))), *[None] * len(core)])
              for x, core in zip(given, cores, strict=True)]  # fmt: skip
    outputs = [(r, [*reversed(range(r.ndim - len(core))), *[None] * len(core)])
               for r, core in zip(results, outs, strict=True)]  # fmt: skip
    several = isinstance(y, tuple)
    function = Single(func, kwargs, several)
    found = _recorded("apply_gufunc", function, inputs, outputs, func)
    return tuple(found) if several else found[0]


def sum_blocks(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The sum of ``func(*blocks, **kwargs)`` over all blocks: for losses that add up.

    The name says what it is, for any order of derivative: the sum is one operation, and its
    gradient, which ``pg.grad`` or ``backward`` ask for, is the sum of the blocks' own gradients.
    Each task computes value and gradient of its block, on a tape that ends with the task, and the
    results are added up by a tree. So memory does not depend on the number of blocks, and there are
    no other tasks than these.

    Parameters
    ----------
    func : callable
        Takes a block of each array, as NumPy arrays, and returns one number. As in `map_blocks`.
    *args : Dask arrays or Variables over them
        Axes are aligned from the first one on, as rows of data are: arrays in several chunks along
        an axis have the same chunks there. Those in one chunk, such as parameters, are
        the same for all blocks. Other arrays are constants, and go to each task as a whole.
    **kwargs
        Handed to `func`.

    Returns
    -------
    Variable of shape ``()``, or Dask array if there is no Variable among `args`.

    Raises
    ------
    ValueError
        Arrays in several chunks along an axis differ in these, or `func` returns no number.
    CapturedVariableError
        `func` refers to a Variable that is differentiated, and is not handed it.
    NotImplementedError
        A Variable comes by keyword, or inside a list or dict.
    TypeError
        A Variable over another library (MixedBackendsError). Where a transform was given NumPy
        arrays, it calls its function again with Dask arrays, and computes the results.

    >>> import dask.array as da, numpy as np, pluggrad as pg
    >>> x, y = da.ones((6, 2), chunks=(2, 2)), da.zeros(6, chunks=2)
    >>> squares = lambda x, y, w: np.sum((x @ w - y) ** 2)
    >>> w = da.from_array(np.asarray([1.0, 2.0]))
    >>> pg.grad(lambda w: pg.interop.dask.sum_blocks(squares, x, y, w))(w).compute()
    array([36., 36.])
    """
    check("sum_blocks", func, args, kwargs)
    arrays = [x for x in args if is_dask(x)]
    if not arrays:
        raise TypeMismatchError(
            "interop.dask.sum_blocks takes a Dask array, or a Variable over one"
        )
    inputs = [(x, list(range(x.ndim))) for x in arrays]
    grid, blocks = _grid("sum_blocks", inputs)
    _same_chunks(inputs)
    function = Filled(func, args, kwargs)
    small = _tried("sum_blocks", function, blocks, func, any([is_variable(x) for x in arrays]))
    if small is not None and np.shape(small[0]) != ():
        raise InvalidArgumentError(
            f"interop.dask.sum_blocks: the function returned shape {np.shape(small[0])}, and must "
            "return one number"
        )
    dtype = np.result_type(*[b.dtype for b in blocks]) if small is None else small[0].dtype
    program = SumProgram("sum_blocks", function, grid, blocks, [Blocks((), (), dtype)])
    if not any([is_variable(x) for x in arrays]):
        return program(arrays)[0]
    return foreign_call(program, rule_of("sum_blocks"), arrays)[0]


def rechunk(v: Any, chunks: Any = "auto", **kwargs: Any) -> Any:
    """`v` in other chunks, as ``dask.array.rechunk``. The gradient comes back in the old ones.

    >>> import dask.array as da, pluggrad as pg
    >>> v = pg.Variable(da.ones(4, chunks=4), requires_grad=True)
    >>> w = pg.interop.dask.rechunk(v, 2)
    >>> w.chunks, pg.autograd.grad(pg.sum(w * w), v)[0].chunks
    (((2, 2),), ((4,),))
    """
    if not is_variable(v):
        return v.rechunk(chunks, **kwargs)
    before = raw_of(v).chunks
    after = raw_of(v).rechunk(chunks, **kwargs).chunks
    return linear("rechunk", v, lambda x: x.rechunk(after), lambda g: g.rechunk(before))


# ---------------------------------------------------------------- programs


def _whole(x: Any, labels: set[int]) -> Any:
    """`x` in one chunk along the axes with these labels, which count from the last axis."""
    axes = {
        x.ndim - 1 - n: -1 for n in labels if n < x.ndim and raw_of(x).numblocks[x.ndim - 1 - n] > 1
    }
    return rechunk(x, axes) if axes else x


class Filled:
    """A function of the arrays among `args`, the others being constants."""

    def __init__(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.func, self.kwargs = func, kwargs
        self.args = [None if is_dask(x) else x for x in args]
        self.places = [n for n, x in enumerate(args) if is_dask(x)]

    def __call__(self, *blocks: Any) -> tuple[Any, ...]:
        """The result, in a tuple."""
        call = list(self.args)
        for n, x in zip(self.places, blocks, strict=True):
            call[n] = x
        return (self.func(*call, **self.kwargs),)


def _grid(name: str, arrays: list[tuple[Any, list[Any]]]) -> tuple[dict[int, int], list[Blocks]]:
    """The grid that blocks of `arrays` make, and how each array lies in it. Each array comes with
    the labels of its axes; None stands for one that belongs to no axis of the grid."""
    grid: dict[int, int] = {}
    for x, labels in arrays:
        for n, label in zip(raw_of(x).numblocks, labels, strict=True):
            if label is not None and n > 1 and grid.setdefault(label, n) != n:
                raise InvalidArgumentError(
                    f"interop.dask.{name}: {grid[label]} and {n} chunks along one axis; "
                    "`rechunk` one of the arrays"
                )
    grid = dict(sorted(grid.items(), reverse=True))
    found = []
    for x, labels in arrays:
        raw = raw_of(x)
        axes = [label if n > 1 else None for n, label in zip(raw.numblocks, labels, strict=True)]
        found.append(Blocks(tuple(axes), raw.chunks, raw.dtype))
    return grid, found


def _same_chunks(arrays: list[tuple[Any, list[Any]]]) -> None:
    """Raise if arrays in as many chunks along an axis have them at other places."""
    seen: dict[int, Any] = {}
    for x, labels in arrays:
        for chunks, label in zip(raw_of(x).chunks, labels, strict=True):
            known = not any(n != n for n in chunks)
            if known and len(chunks) > 1 and seen.setdefault(label, chunks) != chunks:
                raise InvalidArgumentError(
                    f"interop.dask.sum_blocks: chunks of {seen[label]} and of {chunks} along axis "
                    f"{label}; `rechunk` one of the arrays"
                )


def _recorded(
    name: str, function: Any, inputs: list[tuple[Any, list[Any]]],
    outputs: list[tuple[Any, list[Any]]], func: Any,
) -> list[Any]:  # fmt: skip
    """The results of `function`, with one operation recorded."""
    grid, blocks = _grid(name, [*inputs, *outputs])
    _tried(name, function, blocks[: len(inputs)], func, True)
    program = BlockProgram(name, function, grid, blocks[: len(inputs)], blocks[len(inputs) :])
    return foreign_call(program, rule_of(name), [x for x, _ in inputs])


def _tried(name: str, function: Any, inputs: list[Blocks], func: Any, tracked: bool) -> Any:
    """The results for blocks of length 1, or None if the function does not take these. Raises if
    it would lose a gradient."""
    ones = [np.ones((1,) * len(b.axes), dtype=b.dtype) for b in inputs]
    floats = [n for n, b in enumerate(inputs) if np.dtype(b.dtype).kind in "fc"]
    try:
        with np.errstate(all="ignore"):
            if not tracked or not floats:
                return function(*ones)
            made = [pluggrad.Variable(x, requires_grad=n in floats) for n, x in enumerate(ones)]
            with pluggrad.graph_breaks("error"):
                return [y.data if is_variable(y) else np.asarray(y) for y in function(*made)]
    except pluggrad.GraphBreakError as error:
        raise pluggrad.GraphBreakError(
            f"interop.dask.{name} cannot differentiate {getattr(func, '__name__', func)!s}: {error}"
        ) from error
    except Exception:
        return None
