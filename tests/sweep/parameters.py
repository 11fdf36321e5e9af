"""What the sweep gives to each parameter of NumPy's functions, by the parameter's name.

A value may be a function of the call's other arguments. An exception for one function is keyed by
"function.parameter". A parameter that is in no table fails the sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .specs import OUT_RAW, OUT_VARIABLE, A, B, Context, I, P, R

__all__ = ["BY_FUNCTION", "BY_NAME", "PARTNERS", "values_for"]

Values = list[Any] | Callable[[Context], list[Any]]


def masks(c: Context) -> list[Any]:
    """Masks that broadcast to the first array, raw and as Variables."""
    found: list[Any] = [B(*c.shape), B(*c.shape).values, False]
    return [*found, B(*c.shape[-1:])] if c.ndim > 1 else found


def same(kind: str, seed: int) -> Callable[[Context], list[Any]]:
    """An array of the shape of the first."""
    return lambda c: [A(c.shape, kind, seed)]


OUT = [OUT_RAW, OUT_VARIABLE]
DTYPES = [np.float32, "f4", np.complex128, np.int64]
METHODS = [
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf",
    "hazen", "weibull", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint",
    "nearest", "bogus",
]  # fmt: skip
BIN_EDGES = np.linspace(-2.0, 2.0, 6)
ORDERS: list[Any] = ["F", "A", "K", "bogus"]

BY_NAME: dict[str, Values] = {
    "axis": [0, -1, 1, None, (0, 1), (), 5, -5],
    "keepdims": [True],
    "where": masks,
    "initial": [1.5, R(s=3)],
    "dtype": DTYPES,
    "out": OUT,
    "ddof": [1, 0.5],
    "correction": [1, 0.5],
    "mean": lambda c: [R(*(1,) * c.ndim, s=4)],
    "order": ORDERS,
    "kind": ["stable", "heapsort", "bogus"],
    "stable": [True, False],
    "subok": [True, False],
    "casting": ["unsafe", "no"],
    "copy": [False, True, None],
    "device": ["cpu", "gpu"],
    "shape": [(4,), 3, (2, 2)],
    "method": METHODS,
    "weights": same("positive", 5),
    "overwrite_input": [True],
    "returned": [True],
    "rowvar": [False],
    "bias": [True],
    "fweights": lambda c: [I(c.shape[-1] if c.ndim else 1).values],
    "aweights": lambda c: [P(c.shape[-1] if c.ndim else 1, s=6)],
    "deg": [True],
    "equal_nan": [True, False],
    "rtol": [0.5],
    "atol": [0.5],
    "invert": [True],
    "assume_unique": [True],
    "return_indices": [True],
    "return_index": [True],
    "return_inverse": [True],
    "return_counts": [True],
    "sorted": [False],
    "decimals": [1, -1],
    "nan": [2.5],
    "posinf": [2.5],
    "neginf": [2.5],
    "k": [1, -1, 7],
    "n": [2, 0, 5, -1],
    "s": lambda c: [(2,) * c.ndim, (4,) * c.ndim],
    "axes": [(0,), (1, 0), (-1,), (5,), (0, 0)],
    "norm": ["ortho", "forward", "backward", "bogus"],
    "offset": [1, -1, 7],
    "axis1": [1, -1],
    "axis2": [0, -1],
    "prepend": lambda c: [0.5, A((*c.shape[:-1], 2), seed=7)],
    "append": lambda c: [0.5, A((*c.shape[:-1], 2), seed=8)],
    "to_end": [0.5, R(2, s=9)],
    "to_begin": [0.5, R(2, s=10)],
    "edge_order": [2, 3],
    "left": [0.25, R(s=11)],
    "right": [0.25, R(s=12)],
    "period": [1.1],
    "x": same("sorted", 13),
    "dx": [0.5, P(s=14)],
    "discont": [1.0, 4.0],
    "mode": ["wrap", "clip", "bogus"],
    "side": ["right", "bogus"],
    "density": [True, False],
    "bins": [3, BIN_EDGES],
    "range": [(-1.0, 1.5)],
    "minlength": [8, -1],
    "num": [5, 1, 0, -1],
    "endpoint": [False],
    "retstep": [True],
    "base": [2.0, P(s=15)],
    "increasing": [True],
    "N": [2, 0],
    "trim": ["f", "b", "bogus"],
    "wrap": [True],
    "tol": [0.5],
    "hermitian": [True],
    "UPLO": ["U", "u", "bogus"],
    "p": [1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc", "bogus"],
    "ord": [0, 1, -1, 2, -2, 3, 0.5, np.inf, -np.inf, "fro", "nuc", "bogus"],
    "rcond": [0.1],
    "full_matrices": [False],
    "compute_uv": [False],
    "upper": [True],
    "ind": [1, 0],
    "indexing": ["ij", "bogus"],
    "sparse": [True],
    "optimize": [True, "greedy"],
    "include_initial": [True],
    "y": same("real", 16),
    "full": [True],
    "w": same("positive", 17),
    "cov": [True, "unscaled"],
    "m": [2, 0],
    "start": [1, 2, 9],
    "max_work": [1],
    "default": [0.5, R(s=18)],
    "bitorder": ["little"],
    "count": [3],
    "writeable": [True],
    "axisa": [0, 5], "axisb": [0, 1], "axisc": [0, 5], "einsum_call": [False],
    # How arrays are printed, and written.
    "max_line_width": [20], "precision": [2], "suppress_small": [True], "separator": [", "],
    "prefix": ["x"], "suffix": ["x"], "threshold": [2], "edgeitems": [1], "sign": ["+"],
    "floatmode": ["fixed"], "legacy": ["1.13"], "formatter": [{"float": "{:.1f}".format}],
    "allow_pickle": [False], "fmt": ["%.3f"], "delimiter": [","], "newline": [";"],
    "header": ["h"], "footer": ["f"], "comments": ["!"], "encoding": ["utf-8"],
    # Calendars.
    "weekmask": ["1111110"], "holidays": [["2024-01-01"]], "busdaycal": [None], "roll": ["forward"],
    "unit": ["D"], "timezone": ["UTC"],
    # What a required parameter is called, where it also may be left out.
    "a_min": lambda c: [0.1, -0.5, A(c.shape, seed=19), R(s=20)],
    "a_max": lambda c: [0.1, 0.5, A(c.shape, seed=21)],
    "min": lambda c: [0.1, A(c.shape, seed=19)],
    "max": lambda c: [0.1, A(c.shape, seed=21)],
}  # fmt: skip

#: Where a parameter of that name means something else, or takes something else.
BY_FUNCTION: dict[str, Values] = {
    **{f"{name}.axis": lambda c: [0, -1, None, (0, c.ndim - 1), 5]
       for name in ("cumsum", "nancumsum")},
    "sort.descending": [True, False], "argsort.descending": [True, False],
    **{f"{name}.order": ["f0"] for name in ("sort", "argsort", "partition", "argpartition")},
    **{f"{name}.kind": ["introselect", "bogus"] for name in ("partition", "argpartition")},
    "isin.kind": ["sort", "table", "bogus"],
    "lib.stride_tricks.sliding_window_view.axis": [0, -1, 1, (0, 1), 5],
    "linspace.axis": [-1, 1, 5], "logspace.axis": [-1, 1, 5], "geomspace.axis": [-1, 1, 5],
    **{f"{name}.weights": lambda c: [A(c.shape, "positive", 5), A(c.shape, "positive", 5).values]
       for name in ("histogram", "histogram2d", "histogram_bin_edges", "bincount", "average")},
    "histogramdd.weights": lambda c: [P(c.shape[0], s=5)],
    "histogramdd.bins": [3, [BIN_EDGES, BIN_EDGES], (3, 4)],
    "histogramdd.range": [[(-1.0, 1.0), (-1.5, 1.5)]],
    "histogram2d.bins": [3, BIN_EDGES, (3, 4), [BIN_EDGES, 3]],
    "histogram2d.range": [[(-1.0, 1.0), (-1.5, 1.5)]],
    **{f"{name}.bins": [3, BIN_EDGES, "auto", BIN_EDGES.tolist(), [2.0, 1.0]]
       for name in ("histogram", "histogram_bin_edges")},
    "convolve.mode": ["same", "valid", "bogus"], "correlate.mode": ["same", "full", "bogus"],
    "linalg.qr.mode": ["complete", "r", "raw", "bogus"],
    "pad.mode": ["edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
                 "symmetric", "wrap", "empty", "bogus"],
    **{f"fft.{kind}{name}.axes": [(0,), (1, 0), (-1,), (5,), (0, 0), (0, 1)]
       for kind in ("", "i", "r", "ir") for name in ("fft2", "fftn")},
    **{f"fft.{kind}{name}.s": lambda c: [(2,) * c.ndim, (4,) * c.ndim, (3, 3), (0,)]
       for kind in ("", "i", "r", "ir") for name in ("fft2", "fftn")},
    "fft.fftshift.axes": [0, (0, 1), -1, 5], "fft.ifftshift.axes": [0, (0, 1), -1, 5],
    "rot90.axes": [(1, 0), (0, -1), (0, 0), (0, 5)], "rot90.k": [2, 3, -1, 0],
    "permute_dims.axes": lambda c: [tuple(range(c.ndim))[::-1], (*range(1, c.ndim), 0), (0, 0)],
    "transpose.axes": lambda c: [tuple(range(c.ndim))[::-1], (*range(1, c.ndim), 0), (0, 0),
                                 [*range(c.ndim)]],
    "tensordot.axes": [0, 1, ([1], [0]), (1, 0), ((0, 1), (1, 0)), ([5], [0])],
    "linalg.tensordot.axes": [0, 1, ([1], [0]), (1, 0), ((0, 1), (1, 0)), ([5], [0])],
    "linalg.tensorsolve.axes": [(0,), (0, 2)],
    "unwrap.period": [2.0, 1], "polyint.k": [0.5, R(s=3), [0.5]], "polyint.m": [2, 0, -1],
    "polyfit.w": lambda c: [P(*c.shape, s=17)],
    "real_if_close.tol": [1e9], "linalg.matrix_rank.tol": [0.5, 0.0],
    "linalg.matrix_rank.rtol": [0.5], "linalg.pinv.rtol": [0.1, 1e-3], "linalg.pinv.rcond": [0.1],
    "linalg.vector_norm.ord": [0, 1, -1, -2, 3, 0.5, np.inf, -np.inf, "bogus"],
    "linalg.matrix_norm.ord": [1, -1, 2, -2, np.inf, -np.inf, "nuc", "bogus"],
    "tril.k": [1, -1, 7, -7], "triu.k": [1, -1, 7, -7],
    "nan_to_num.nan": [2.5, R(s=3)],
    "searchsorted.sorter": [np.asarray([2, 0, 1, 3]), I(4, s=1)],
    "ravel_multi_index.mode": ["wrap", "clip"], "stack.axis": [1, -1, 2, 5],
    "swapaxes.axis1": [1], "shares_memory.max_work": [1],
    "trapezoid.x": lambda c: [A(c.shape, "sorted", 13), A(c.shape[-1:], "sorted", 13)],
    "take_along_axis.axis": [0, None, 5], "expand_dims.axis": [0],
    "cov.ddof": [0, 1, 2], "diff.n": [2, 0, 5, -1],
    "reshape.order": ["F", "A", "K", "bogus"], "unstack.axis": [1, -1, 5],
    **{f"{name}.weights": lambda c: [A(c.shape, "positive", 5)]
       for name in ("quantile", "percentile", "nanquantile", "nanpercentile")},
    "interp.period": [1.1, 0.0], "linalg.cross.axis": [0, 1, 5],
    "linalg.multi_dot.out": OUT, "copyto.where": masks,
    "gradient.axis": [0, -1, 1, (0, 1), 5],
    "packbits.axis": [0], "unpackbits.axis": [0],
    "squeeze.axis": [0, -1, 2, (0, 2), 5],
}  # fmt: skip

#: Options that are tried together, beside each option of a function together with `axis`.
PARTNERS = [
    ("initial", "where"), ("keepdims", "where"), ("where", "out"), ("dtype", "out"),
    ("weights", "returned"), ("weights", "keepdims"), ("weights", "density"), ("ddof", "where"),
    ("ddof", "keepdims"), ("full", "w"), ("hermitian", "compute_uv"), ("prepend", "append"),
    ("prepend", "n"), ("include_initial", "dtype"), ("full_matrices", "hermitian"),
    ("offset", "axis1"), ("axis1", "axis2"), ("retstep", "endpoint"), ("num", "retstep"),
    ("n", "norm"), ("s", "axes"), ("ord", "keepdims"), ("method", "keepdims"), ("x", "axis"),
    ("return_index", "return_inverse"), ("return_inverse", "return_counts"), ("fweights", "ddof"),
    ("y", "rowvar"), ("aweights", "fweights"), ("mean", "ddof"), ("left", "right"),
    ("min", "max"), ("a_min", "a_max"), ("method", "weights"), ("density", "bins"),
    ("range", "weights"), ("edge_order", "axis"),
]  # fmt: skip


def values_for(function: str, parameter: str, context: Context) -> list[Any] | None:
    """The values to give to a parameter; None if the tables do not know it."""
    for table, key in ((BY_FUNCTION, f"{function}.{parameter}"), (BY_NAME, parameter)):
        if key in table:
            found = table[key]
            return found(context) if callable(found) else found
    return None
