"""Batching rules: how each primitive runs once for a whole batch, with the batch axis in front.

A rule is a function of the `BatchedCall`. The arguments there belong to the next level down, and so
does the result, which has the batch axis in front. No rule loops over the batch. Primitives of kind
`elementwise` need no row.
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.backend import PRIMITIVES
from ..arrays.dispatch import xp
from ..engine.batch import BATCHING, BatchedCall, elementwise
from ..engine.cotangents import create, shape_dtype
from ..errors import InvalidArgumentError

__all__: list[str] = []


def rows(names: str, rule: Any) -> None:
    """Make `rule` the batching rule of several primitives, named in one string."""
    for name in names.split():
        assert name in PRIMITIVES, name
        BATCHING[name] = rule


def swapped(kwargs: Any, **changed: Any) -> dict[str, Any]:
    """`kwargs` with some values replaced."""
    return {**kwargs, **changed}


def at_front(y: Any, axis: int) -> Any:
    """`y` with the batch axis moved from `axis` to the front."""
    return xp.moveaxis(y, axis, 0) if axis else y


def merged(x: Any) -> Any:
    """`x` with its first two axes merged into one."""
    return xp.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


# ---------------------------------------------------------------- reductions, scans, sorting


def as_is(op: BatchedCall) -> Any:
    """Batching rule of functions that accept any number of leading axes: the same call."""
    return op(*op.args, **op.kwargs)


def of_matrices(op: BatchedCall) -> Any:
    """Batching rule of functions of the last two axes: the same call, if there are two behind the
    batch axis."""
    if op.ndim(0) < 2:
        op.refuse(f"a matrix has two axes, and there are {op.ndim(0)}")
    return op(*op.args, **op.kwargs)


def reduction(op: BatchedCall) -> Any:
    """Batching rule of reductions over one or several axes."""
    axes = op.axes(op.get("axis"), op.ndim(0))
    if axes == ():  # reduce an added axis of length 1: some libraries take () for all axes
        x = xp.expand_dims(op.args[0], axis=-1)
        return op(x, **swapped(op.kwargs, axis=-1, keepdims=False))
    return op(op.args[0], **swapped(op.kwargs, axis=axes))


def normalised(op: BatchedCall) -> Any:
    """Batching rule of softmax and the like, which normalise along axes and keep them."""
    ndim = op.ndim(0)
    if not ndim:
        op.axes(op.get("axis"), 0)  # raises if `axis` names one
        x = xp.reshape(op.args[0], (-1, 1))
        return xp.reshape(op(x, **swapped(op.kwargs, axis=1)), (-1,))
    return op(op.args[0], **swapped(op.kwargs, axis=op.axes(op.get("axis"), ndim)))


def place_of_extremum(op: BatchedCall) -> Any:
    """Batching rule of `argmax` and `argmin`; with ``axis=None``, over all axes but the batch's."""
    x, ndim, axis = op.args[0], op.ndim(0), op.get("axis")
    if axis is not None:
        return op(x, **swapped(op.kwargs, axis=op.axis(axis, ndim)))
    y = op(xp.reshape(x, (op.size, math.prod(op.shape(0)))), axis=1)
    return xp.reshape(y, (op.size,) + (1,) * ndim) if op.get("keepdims") else y


def along_one(op: BatchedCall) -> Any:
    """Batching rule of functions along exactly one axis: running sums and products, and sorting."""
    axis, ndim = op.get("axis"), op.ndim(0)
    axis = 0 if axis is None and ndim == 1 else axis
    return op(op.args[0], **swapped(op.kwargs, axis=op.axis(axis, ndim)))


def searchsorted(op: BatchedCall) -> Any:
    """Batching rule of `searchsorted`. If `x1` is shared by the whole batch, one search does.

    Otherwise each row of `x1` and `x2` is sorted together. The answer for an element of `x2` is its
    rank among all, less its rank within `x2`: the number of elements of `x1` before it.
    """
    x1, x2 = op.args
    if op.get("side") not in ("left", "right"):
        raise InvalidArgumentError(f"searchsorted: there is no side {op.get('side')!r}")
    if not op.on[0]:
        return xp.reshape(op(x1, xp.reshape(x2, (-1,)), **op.kwargs), x2.shape)
    order = op.get("sorter")
    if order is not None:
        x1 = xp.take(x1, order, axis=1)
    shape, count = op.shape(1), math.prod(op.shape(1))
    x2 = xp.reshape(op.full(1), (op.size, count))
    if op.get("side") == "left":
        found = ranks(xp.concat([x2, x1], axis=1))[:, :count]
    else:
        found = ranks(xp.concat([x1, x2], axis=1))[:, x1.shape[1] :]
    one = create("zeros", 1, beside=x2)
    found = xp.astype(found - ranks(x2), op.raw(one, one).dtype)  # (narrower on JAX)
    return xp.reshape(found, (op.size, *shape))


def ranks(x: Any) -> Any:
    """The rank of each element in its row; equal elements rank in the order in which they stand."""
    return xp.argsort(xp.argsort(x, axis=1, stable=True), axis=1, stable=True)


def isin(op: BatchedCall) -> Any:
    """Batching rule of `isin`: each element is compared with every candidate."""
    x1, x2 = xp.expand_dims(op.args[0], axis=-1), op.args[1]
    if op.on[1]:
        x2 = xp.reshape(x2, (op.size, *(1,) * op.ndim(0), math.prod(op.shape(1))))
    else:
        x2 = xp.reshape(x2, (-1,))
    found = xp.any(x1 == x2, axis=-1)
    return ~found if op.get("invert") else found


# ---------------------------------------------------------------- manipulation


def broadcast_to(op: BatchedCall) -> Any:
    """Batching rule of `broadcast_to`: aligns the axes, and puts the batch in front of `shape`."""
    shape = op.get("shape")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any([n < 0 for n in shape]):
        raise InvalidArgumentError(f"broadcast_to: no length is negative, as in {shape}")
    return op(op.aligned(0, len(shape)), shape=(op.size, *shape))


def expand(op: BatchedCall) -> Any:
    """Batching rule of `expand`, which broadcasts to the shape of `to`."""
    shape = tuple(shape_dtype(op.get("to"))[0])
    return xp.broadcast_to(op.aligned(0, len(shape)), (op.size, *shape))


def reshape(op: BatchedCall) -> Any:
    """Batching rule of `reshape`. A length of -1 is worked out from the shape without the batch."""
    shape = op.get("shape")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if -1 in shape:
        known = math.prod([n for n in shape if n != -1])
        count = math.prod(op.shape(0))
        if shape.count(-1) > 1 or not known or count % known:
            raise InvalidArgumentError(f"reshape of {op.shape(0)} to {shape}")
        shape = tuple([count // known if n == -1 else n for n in shape])
    return op(op.args[0], **swapped(op.kwargs, shape=(op.size, *shape)))


def new_axes(op: BatchedCall) -> Any:
    """Batching rule of `expand_dims`."""
    axis = op.get("axis")
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = op.axes(tuple(axes), op.ndim(0) + len(axes))
    return op(op.args[0], axis=axes[0] if len(axes) == 1 else axes)


def no_axes(op: BatchedCall) -> Any:
    """Batching rule of `squeeze`."""
    return op(op.args[0], axis=op.axes(op.get("axis"), op.ndim(0)))


def permuted(op: BatchedCall) -> Any:
    """Batching rule of `permute_dims`."""
    return op(op.args[0], axes=(0, *op.axes(tuple(op.get("axes")), op.ndim(0))))


def moved(op: BatchedCall) -> Any:
    """Batching rule of `moveaxis`."""
    x, here, there = op.args
    if here is None or there is None:
        op.refuse("both the source and the destination must be given")
    return op(x, op.axes(here, op.ndim(0)), op.axes(there, op.ndim(0)))


def along_axes(name: str) -> Any:
    """The batching rule of functions of one or several axes, given by the argument `name`; None
    means all."""

    def rule(op: BatchedCall) -> Any:
        axes = op.axes(op.get(name), op.ndim(0))
        return op(op.args[0], **swapped(op.kwargs, **{name: axes})) if axes != () else op.args[0]

    return rule


def roll(op: BatchedCall) -> Any:
    """Batching rule of `roll`; with ``axis=None``, each element of the batch is rolled as a
    vector."""
    x, axis = op.args[0], op.get("axis")
    if axis == ():
        op.refuse("libraries differ about no axes at all. Leave the call out")
    if axis is not None:
        return op(x, **swapped(op.kwargs, axis=op.axes(axis, op.ndim(0))))
    flat = xp.reshape(x, (op.size, math.prod(op.shape(0))))
    return xp.reshape(op(flat, **swapped(op.kwargs, axis=1)), x.shape)


def repeat(op: BatchedCall) -> Any:
    """Batching rule of `repeat`, with counts that are the same for the whole batch."""
    x, repeats = op.args
    if op.on[1]:
        op.refuse("counts that differ give each of the batch another shape. Repeat as often as the "
                  "largest count, and choose with `pluggrad.where`")  # fmt: skip
    axis = op.get("axis")
    if axis is None:
        return op(xp.reshape(x, (op.size, math.prod(op.shape(0)))), repeats, axis=1)
    return op(x, repeats, axis=op.axis(axis, op.ndim(0)))


def tile(op: BatchedCall) -> Any:
    """Batching rule of `tile`; the batch axis itself is taken once."""
    counts = op.args[1]
    counts = (counts,) if isinstance(counts, int) else tuple(counts)
    ndim = max(len(counts), op.ndim(0))
    return op(op.aligned(0, ndim), (1,) * (1 + ndim - len(counts)) + counts)


def concat(op: BatchedCall) -> Any:
    """Batching rule of `concat`: arrays without a batch axis are repeated along one."""
    arrays, axis = [op.full(i) for i in range(len(op.args))], op.get("axis")
    if axis is None:
        arrays = [xp.reshape(x, (op.size, math.prod(x.shape[1:]))) for x in arrays]
    return op(*arrays, axis=1 if axis is None else op.axis(axis, op.ndim(0)))


def stack(op: BatchedCall) -> Any:
    """Batching rule of `stack`: arrays without a batch axis are repeated along one."""
    arrays = [op.full(i) for i in range(len(op.args))]
    return op(*arrays, axis=op.axis(op.get("axis"), op.ndim(0) + 1))


# ---------------------------------------------------------------- products and linear algebra


def matmul(op: BatchedCall) -> Any:
    """Batching rule of `matmul`: one product, as large as possible, of two arrays. A vector that
    needs it becomes a matrix of one row or column."""
    x1, x2 = op.args
    n1, n2 = op.ndim(0), op.ndim(1)
    if not n1 or not n2:
        raise InvalidArgumentError("matmul of a number; multiply instead")
    if not op.on[1] and n2 <= 2:
        if n1 == 1 or n2 == 1:
            return op(x1, x2)
        y = op(xp.reshape(x1, (math.prod(x1.shape[:-1]), x1.shape[-1])), x2)
        return xp.reshape(y, (*x1.shape[:-1], x2.shape[-1]))
    if not op.on[0] and n1 <= 2:
        if n1 == 1:
            return op(x2, x1) if n2 == 1 else op(x1, x2)
        if n2 == 1:
            return op(x2, xp.matrix_transpose(x1))
        if n2 == 2 and x2.shape[-1] == 1:
            y = op(xp.reshape(x2, (op.size, x2.shape[1])), xp.matrix_transpose(x1))
            return xp.expand_dims(y, axis=-1)
    left = x1 if n1 > 1 else xp.expand_dims(x1, axis=-2)
    right = x2 if n2 > 1 else xp.expand_dims(x2, axis=-1)
    ndim = max(n1, n2, 2)
    pair = BatchedCall(op.primitive, [left, right], op.on, {}, op.raw, op.size, op.backend)
    y = op(pair.aligned(0, ndim), pair.aligned(1, ndim))
    if n1 == 1:
        y = xp.squeeze(y, axis=-2)
    return xp.squeeze(y, axis=-1) if n2 == 1 else y


def tensordot(op: BatchedCall) -> Any:
    """Batching rule of `tensordot`. Two batched arrays become stacks of matrices, and the result is
    one `matmul`."""
    x1, x2 = op.args
    axes, n1, n2 = op.get("axes"), op.ndim(0), op.ndim(1)
    if isinstance(axes, int):
        if not 0 <= axes <= min(n1, n2):
            raise InvalidArgumentError(f"tensordot of arrays of {n1} and {n2} axes over {axes}")
        axes1, axes2 = list(range(n1 - axes, n1)), list(range(axes))
    else:
        axes1, axes2 = [[a] if isinstance(a, int) else list(a) for a in axes]
    axes1, axes2 = [op.axis(a, n1) - 1 for a in axes1], [op.axis(a, n2) - 1 for a in axes2]
    if not op.on[1]:
        return op(x1, x2, axes=(tuple([a + 1 for a in axes1]), tuple(axes2)))
    if not op.on[0]:
        y = op(x1, x2, axes=(tuple(axes1), tuple([a + 1 for a in axes2])))
        return at_front(y, n1 - len(axes1))
    free1 = [a for a in range(n1) if a not in axes1]
    free2 = [a for a in range(n2) if a not in axes2]
    shape1, shape2 = op.shape(0), op.shape(1)
    count = math.prod([shape1[a] for a in axes1])
    x1 = xp.permute_dims(x1, (0, *[a + 1 for a in free1 + axes1]))
    x2 = xp.permute_dims(x2, (0, *[a + 1 for a in axes2 + free2]))
    lengths1, lengths2 = [shape1[a] for a in free1], [shape2[a] for a in free2]
    x1 = xp.reshape(x1, (op.size, math.prod(lengths1), count))
    x2 = xp.reshape(x2, (op.size, count, math.prod(lengths2)))
    return xp.reshape(xp.matmul(x1, x2), (op.size, *lengths1, *lengths2))


def outer(op: BatchedCall) -> Any:
    """Batching rule of `linalg.outer`: a column times a row, for each element of the batch."""
    x1, x2 = [
        xp.reshape(x, ((op.size,) if on else ()) + (math.prod(op.shape(n)),))
        for n, (x, on) in enumerate(zip(op.args, op.on, strict=True))
    ]
    return xp.expand_dims(x1, axis=-1) * xp.expand_dims(x2, axis=-2)


def along_last(op: BatchedCall) -> Any:
    """Batching rule of `vecdot` and `cross`: one axis of both arrays after broadcasting, counted
    from the end."""
    ndim = max(op.ndim(0), op.ndim(1))
    axis = op.axis(op.get("axis"), ndim) - 1 - ndim
    return op(op.aligned(0, ndim), op.aligned(1, ndim), axis=axis)


def solve(op: BatchedCall) -> Any:
    """Batching rule of `solve`. If all share one matrix, the right-hand sides of the batch become
    columns of one system."""
    x1, x2 = op.args
    vector = op.ndim(1) == 1
    if not op.on[0] and op.ndim(0) == 2 and op.ndim(1) <= 2:
        order = (1, 0) if vector else (1, 0, 2)
        columns = xp.permute_dims(x2, order)
        shape = columns.shape
        y = op(x1, xp.reshape(columns, (shape[0], math.prod(shape[1:]))), kept=[])[0]
        return (xp.permute_dims(xp.reshape(y, shape), order),)
    columns = xp.expand_dims(x2, axis=-1) if vector else x2
    pair = BatchedCall(op.primitive, [x1, columns], op.on, {}, op.raw, op.size, op.backend)
    ndim = max(pair.ndim(0), pair.ndim(1))
    y = op(pair.aligned(0, ndim), pair.aligned(1, ndim), kept=[])[0]
    return (y[..., 0] if vector else y,)


# ---------------------------------------------------------------- Fourier transforms


def transform(op: BatchedCall) -> Any:
    """Batching rule of Fourier transforms along one axis."""
    return op(op.args[0], **swapped(op.kwargs, axis=op.axis(op.get("axis"), op.ndim(0))))


def transform_axes(op: BatchedCall) -> Any:
    """Batching rule of Fourier transforms along several axes. The default of `axes` is worked out
    without the batch."""
    s, axes, ndim = op.get("s"), op.get("axes"), op.ndim(0)
    if axes is None:
        s = (s,) if isinstance(s, int) else s
        axes = tuple(range(ndim))[0 if s is None else ndim - len(s) :]
    return op(op.args[0], **swapped(op.kwargs, axes=op.axes(tuple(axes), ndim)))


rows("sum mean prod max min var std all any count_nonzero log_sum linalg.vector_norm", reduction)
rows("softmax_of log_softmax_of", normalised)
rows("argmax argmin", place_of_extremum)
rows("cumulative_sum cumulative_prod argsort", along_one)
rows("searchsorted", searchsorted)
rows("isin", isin)

rows("isfinite isinf isnan signbit logical_not bitwise_invert equal not_equal less less_equal "
     "greater greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor "
     "bitwise_left_shift bitwise_right_shift bitwise_count gcd lcm spacing exponent abs sign conj "
     "real imag",
     elementwise)  # fmt: skip
rows("index astype copy move", as_is)
rows("matrix_transpose tril triu", of_matrices)
rows("broadcast_to", broadcast_to)
rows("expand", expand)
rows("reshape", reshape)
rows("expand_dims", new_axes)
rows("squeeze", no_axes)
rows("permute_dims", permuted)
rows("moveaxis", moved)
rows("flip", along_axes("axis"))
rows("roll", roll)
rows("repeat", repeat)
rows("tile", tile)
rows("concat", concat)
rows("stack", stack)

rows("matmul", matmul)
rows("tensordot", tensordot)
rows("linalg.outer", outer)
rows("linalg.cross vecdot", along_last)
rows("solve", solve)
rows("linalg.diagonal linalg.trace linalg.inv linalg.pinv linalg.det adjugate linalg.slogdet "
     "linalg.cholesky inverse_triangular linalg.eigh linalg.eig linalg.svd linalg.qr "
     "linalg.matrix_rank hermitian eigh_upper", of_matrices)  # fmt: skip

rows("fft.fft fft.ifft fft.rfft fft.irfft fft.hfft fft.ihfft", transform)
rows("fft.fftn fft.ifftn fft.rfftn fft.irfftn", transform_axes)
rows("fft.fftshift fft.ifftshift", along_axes("axes"))
