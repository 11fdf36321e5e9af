"""Rows for products with sparse matrices, by their data: each derivative is such a product again,
or its counterpart that is sampled at the pattern."""

from __future__ import annotations

import math
from typing import Any

from ...arrays.dispatch import xp
from ...engine.batch import BatchedCall
from ...rules.kinds import bilinear
from ..rows import host, looped

__all__ = ["PRODUCT", "SAMPLED"]


def _dtype(args: Any) -> Any:
    """The dtype of a product; `args` may be of a library whose dtypes NumPy does not know."""
    if args[0].dtype == args[1].dtype:
        return args[0].dtype
    return xp.result_type(args[0].dtype, args[1].dtype)


def _product_result(args: Any, kwargs: Any) -> Any:
    return (kwargs["pattern"].shape[0], *args[1].shape[1:]), _dtype(args)


def _batched_product(op: BatchedCall) -> Any:
    """The vectors of a batch are the columns of one matrix; with a batch of data, a loop."""
    if op.on[0]:
        return looped(op)
    data, x = op.args
    x = xp.moveaxis(x, 0, -1)
    rest = tuple(x.shape[1:])
    y = op(data, xp.reshape(x, (x.shape[0], math.prod(rest))), **op.kwargs)
    return xp.moveaxis(xp.reshape(y, (y.shape[0], *rest)), -1, 0)


PRODUCT: Any = host(  # the sparse matrix with the data x1, times x2
    bilinear("scipy.sparse.product(x1, x2, /, *, pattern)",
             lambda g, x2, pattern: SAMPLED(g, x2, pattern=pattern),
             lambda g, x1, pattern: PRODUCT(x1, g, pattern=pattern.T)),
    _product_result, _batched_product,
)  # fmt: skip
SAMPLED: Any = host(  # the elements at the pattern of x1 x2ᵀ, for vectors or columns
    bilinear("scipy.sparse.sampled(x1, x2, /, *, pattern)",
             lambda g, x2, pattern: PRODUCT(g, x2, pattern=pattern),
             lambda g, x1, pattern: PRODUCT(g, x1, pattern=pattern.T)),
    lambda args, kwargs: (kwargs["pattern"].rows.shape, _dtype(args)), looped,
)  # fmt: skip
