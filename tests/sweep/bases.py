"""The calls that the sweep starts from: what each function gets for its required parameters.

A function that takes one array, by one of the names in `ONE`, needs no row here.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from .specs import A, B, C, I, N, P, R, S, U

__all__ = ["BASES", "EXTRA", "ONE", "SHAPES", "VALUES_ALONE"]

#: Whether `numpy.cross` takes vectors of two elements, as ours does.
PLANE = np.lib.NumpyVersion(np.__version__) < "2.5.0"

#: What a single array is called.
ONE = {"a", "x", "m", "arr", "ary", "v", "z", "val", "p", "f", "filt", "ar", "prototype", "array",
       "A", "sample", "seq_of_zeros", "y"}  # fmt: skip

#: Arrays for the functions that take one, of every number of axes from 0 to 3.
SHAPES: list[Any] = [
    R(2, 3), R(), R(4), R(2, 3, 2), R(0), R(2, 0), C(2, 3), C(3), I(2, 3), B(3), A((2, 4), "ties"),
]  # fmt: skip
NAN: list[Any] = [N(2, 5), N(5), N(2, 3, 4), R(2, 3), R(), R(0), I(2, 3), C(2, 3)]

#: Calls by function: the positional arguments. A Python number, list or raw array is a constant.
Rows = list[tuple[Any, ...]]
PAIRS: Rows = [(R(2, 3), R(2, 3, s=1)), (R(3), R(2, 3, s=1)), (R(), R(3, s=1)), (R(2, 3), 1.5),
               (R(0), R(0)), (C(3), R(3)), (I(3), R(3)), (I(3), I(3, s=1)),
               ([1.0, 2.0, 3.0], R(3))]  # fmt: skip
VECTORS: Rows = [(R(4), R(3, s=1)), (R(3), R(3, s=1)), (R(3), [1.0, 2.0, 3.0]), (C(3), C(4, s=1)),
                 (I(3), I(4, s=1)), (R(1), R(4))]  # fmt: skip
PRODUCTS: Rows = [(R(3), R(3, s=1)), (R(2, 3), R(3, 2, s=1)), (R(2, 3), R(3)), (R(3), R(3, 2)),
                  (R(), R(3)), (R(2, 3), 2.0), (C(2, 3), C(3, 2, s=1)), (R(2, 2, 3), R(3, 2)),
                  (R(2, 2, 3), R(2, 3, 2, s=1)), (I(2, 3), R(3)), (R(2, 3), [1.0, 2.0, 3.0]),
                  (R(2, 0), R(0, 3)), (R(2, 3), R(2, 3, s=1)), (I(3), I(3, s=1))]  # fmt: skip
SETS: Rows = [
    (R(4), R(3, s=1)),
    (R(4), A((4,), seed=0).values[:2]),
    (R(2, 2), R(3, s=1)),
    (I(6), I(3, s=1)),
    (R(3), [0.5, 1.5]),
    (A((6,), "ties"), A((4,), "ties", 1)),
]
JOINED: Rows = [
    ([R(2, 3), R(2, 3, s=1)],), ((R(3), R(3, s=1)),), ([R(2, 3, 2), R(2, 3, 2, s=1)],),
    ([R(), R(s=1)],), ([R(2, 3), C(2, 3)],), ([I(3), R(3)],), ([R(2, 0), R(2, 0)],),
    ([R(2, 3)],), ([R(3), [1.0, 2.0, 3.0]],), (R(2, 3),), ([],),
]  # fmt: skip
SQUARE: Rows = [(R(3, 3),), (R(2, 3, 3),), (C(3, 3),), (R(1, 1),), (R(2, 3),), (R(3),),
                (I(3, 3, s=5),), (R(0, 0),), (np.zeros((2, 2)).tolist(),)]  # fmt: skip
HERMITIAN: Rows = [(S(3, 3),), (S(2, 3, 3),), (R(3),), (R(2, 3),), (S(1, 1),)]
MATRICES: Rows = [(R(3, 3),), (R(2, 3),), (R(4, 2),), (R(2, 3, 2),), (C(3, 2),), (I(3, 2),),
                  (R(3),)]  # fmt: skip
SPLIT: Rows = [(R(6), 3), (R(2, 6), [1]), (R(4, 2, 6), 2), (R(6), [2, 4]), (R(6), 4), (R(), 2)]
ALONG = np.asarray([[0, 2, 1], [1, 0, 2]])
MASK = np.asarray([[True, False, True], [False, True, True]])
Q: Rows = [(R(2, 3), 0.3), (R(5), 0.3), (R(2, 3, 2), [0.25, 0.6]), (R(), 0.5), (R(5), U()),
           (R(2, 3), U(2, 2)), (R(0), 0.5), (R(4), 1.5), (I(2, 3), 0.3), (N(2, 5), 0.3)]  # fmt: skip
POLY: Rows = [(R(3), R(4, s=1)), (R(3), 2.0), (R(1), R(3)), ([1.0, 2.0], R(3)), (C(2), R(3)),
              (I(2), I(3))]  # fmt: skip


def total(x: Any, plus: Any = 0.0) -> Any:
    return np.sum(x) + plus


def sine(x: Any, plus: Any = 0.0) -> Any:
    return np.sin(x) + plus


def twice(x: Any, by: Any = 2.0, plus: Any = 0.0) -> Any:
    return x * by + plus


def table(x: Any, plus: Any = 0.0) -> Any:
    return np.outer(x, x) + plus


BASES: dict[str, Rows] = {
    **dict.fromkeys(("allclose", "isclose"), PAIRS),
    **{key: [*PAIRS, (R(3), R(3)), (R(3), R(2, 3))] for key in ("array_equal", "array_equiv")},
    "append": [*PAIRS[:3], (R(3), [1.0, 2.0]), (R(2, 3), R(1, 3))],
    "apply_along_axis": [(total, 0, R(2, 3)), (sine, -1, R(2, 3)), (table, 1, R(2, 3)),
                         (total, 0, R(3)), (twice, 1, R(2, 3, 2)), (total, 5, R(2, 3)),
                         (twice, 0, R(3), R(s=1))],
    "argsort": [(x,) for x in SHAPES if x.kind not in ("ties", "mask")],
    "apply_over_axes": [(np.sum, R(2, 3), 0), (np.sum, R(2, 3, 2), [0, 2]), (np.max, R(2, 3), -1)],
    **{key: [(R(5), 2), (R(2, 5), 1), (R(5), [1, 3]), (R(2, 3, 4), -1), (R(3), 7), (R(), 0), (I(5), 2)] for key in ("partition", "argpartition")},
    **dict.fromkeys(("split", "array_split"), SPLIT),
    "hsplit": SPLIT, "vsplit": SPLIT, "dsplit": SPLIT,
    "astype": [(R(2, 3), np.float32), (R(3), np.complex128), (R(3), np.int64), (C(2), np.float64),
               (I(3), np.float64), (R(3), bool)],
    "atleast_1d": [(R(),), (R(3),), (R(2, 3), R(), 1.0), (C(3),), ([1.0, 2.0], R())],
    "atleast_2d": [(R(),), (R(3),), (R(2, 3), R(), 1.0), (R(2, 3, 2),)],
    "atleast_3d": [(R(),), (R(3),), (R(2, 3), R(), 1.0), (R(2, 3, 2),)],
    "bincount": [(I(6),), (np.asarray([0, 3, 1]),), (I(2, 2),), ([0, 2, 2],), (R(3),)],
    "block": [([R(3), R(2, s=1)],), ([[R(2, 2), R(2, 1)], [R(1, 2), R(1, 1)]],), (R(2, 3),),
              ([R(), 1.0],), ([[R(3)], [R(3, s=1)]],), ([R(2), [R(2)]],)],
    "broadcast_arrays": [(R(2, 3), R(3)), (R(), R(2)), (R(3), 1.0), (R(2), R(3)), (C(3),)],
    "broadcast_to": [(R(3), (2, 3)), (R(), (2,)), (R(2, 1), (2, 3)), (R(3), (2,)), (R(2), 2),
                     (R(1), (0,))],
    "busday_count": [(["2024-01-01"], ["2024-02-01"]), (R(2), ["2024-01-01"])],
    "busday_offset": [(["2024-01-01"], [3]), (["2024-01-01"], R(1))],
    "is_busday": [(["2024-01-01"],), (R(2),)],
    "datetime_as_string": [(np.asarray(["2024-01-01"], "M8[D]"),), (R(2),)],
    "can_cast": [(R(3), np.float32), (np.float32, R(3)), (R(), np.float64)],
    "choose": [([0, 1, 0], [R(3), R(3, s=1)]), (np.asarray([[1, 0, 2]]), (R(3), R(s=1), 2.0)),
               ([0, 3, -1], [R(3), R(3, s=1)]), (I(3), [R(3), R(3, s=1)]), ([0, 1, 1], R(2, 3))],
    "clip": [(R(2, 3),), (R(2, 3), -0.5, 0.5), (R(3), R(3, s=1), None), (R(3), None, R(s=1)),
             (R(), -0.5, 0.5), (R(2, 3), R(3, s=1), 3.0), (R(0), -1.0, 1.0), (I(3), 2, 3),
             (I(3), 1.5, 3.0), (R(4), 0.5, -0.5), (R(3), [0.1, 0.2, 0.3], 0.5)],
    "column_stack": JOINED, "hstack": JOINED, "vstack": JOINED, "dstack": JOINED, "stack": JOINED,
    "concatenate": JOINED, "concat": JOINED,
    "common_type": [(R(3),), (R(3), C(3)), (I(3), R(3))],
    "compress": [([True, False, True], R(3)), ([True, False], R(2, 3)), ([0, 1, 1, 1], R(2, 3)),
                 (B(4), R(4)), ([True, False, True, True], R(2))],
    "convolve": [*VECTORS, (R(3), R()), (R(2, 3), R(3))],
    "correlate": [*VECTORS, (R(2, 3), R(3))],
    "copyto": [(R(2, 3), R(2, 3, s=1)), (R(2, 3), R(3, s=1)), (R(3), 1.5), (R(3), R(2, s=1)),
               (R(), R(s=1)), (R(3), C(3)), (I(3), R(3))],
    "corrcoef": [(R(3, 5),), (R(5),), (R(2, 4), R(2, 4, s=1)), (R(5), R(5, s=1)), (C(2, 4),),
                 (R(2, 3, 2),), (I(2, 4),)],
    "cov": [(R(3, 5),), (R(5),), (R(2, 4), R(2, 4, s=1)), (R(5), R(5, s=1)), (C(2, 4),),
            (R(2, 3, 2),), (I(2, 4),), (R(),)],
    "cross": [(R(3), R(3, s=1)), (R(2, 3), R(2, 3, s=1)), (R(2, 3), R(3, s=1)), (R(3, 3), R(3, 3)),
              (R(4), R(4)), (C(3), R(3)), (R(2, 1, 3), R(4, 3)),
              *([(R(2), R(2, s=1)), (R(3), R(2))] if PLANE else [])],
    "linalg.cross": [(R(3), R(3, s=1)), (R(2, 3), R(2, 3, s=1)), (R(3, 3), R(3, 3, s=1)),
                     (R(2), R(2, s=1)), (C(3), R(3))],
    "delete": [(R(4), 1), (R(2, 3), [0, 2]), (R(5), slice(1, 3)), (R(5), [True, False] * 2 + [True]),
               (R(3), 7), (R(3), []), (R(5), [-1, -1]), (R(2, 3), np.asarray([1]))],
    "diag": [(R(3),), (R(2, 3),), (R(3, 3),), (R(),), (R(2, 2, 2),), (C(3),), (I(3),), (R(0),)],
    "diagflat": [(R(3),), (R(2, 3),), (R(),), (C(3),), ([[1.0, 2.0]],)],
    "diagonal": [(R(3, 3),), (R(2, 3),), (R(2, 3, 2),), (R(3),), (C(3, 2),)],
    "linalg.diagonal": [(R(3, 3),), (R(2, 3),), (R(2, 3, 2),), (R(3),)],
    "trace": [(R(3, 3),), (R(2, 3),), (R(2, 3, 2),), (R(3),), (I(3, 3),)],
    "linalg.trace": [(R(3, 3),), (R(2, 3),), (R(2, 3, 2),), (R(3),), (I(3, 3),)],
    "diag_indices_from": [(R(3, 3),), (R(2, 3),)], "tril_indices_from": [(R(3, 3),), (R(2, 3),)],
    "triu_indices_from": [(R(3, 3),), (R(2, 3),)],
    "digitize": [(R(4), [-1.0, 0.0, 1.0]), (R(2, 3), A((3,), "sorted")), (R(), [0.0]),
                 (R(3), [1.0, 0.0]), (R(3), [0.0, 2.0, 1.0])],
    "dot": PRODUCTS, "inner": PRODUCTS, "outer": PRODUCTS, "kron": PRODUCTS,
    "vdot": PRODUCTS, "linalg.outer": PRODUCTS, "linalg.matmul": PRODUCTS,
    "linalg.vecdot": [*PRODUCTS, (C(2, 3), C(2, 3, s=1))],
    "tensordot": [(R(2, 3), R(2, 3, s=1)), (R(2, 3), R(3, 2)), (R(3, 2, 2), R(2, 2)),
                  (R(3), R(3, s=1)), (C(2, 2), R(2, 2)), (R(2, 3), np.ones((2, 3)).tolist())],
    "linalg.tensordot": [(R(2, 3), R(2, 3, s=1)), (R(2, 3), R(3, 2)), (R(2, 2), R(2, 2, s=1))],
    "linalg.multi_dot": [([R(2, 3), R(3, 2), R(2, 4)],), ([R(3), R(3, 2), R(2)],), ([R(2), R(2)],),
                         ([R(2, 3), R(2, 3)],), ([R(2, 2)],), ([R(2, 3), C(3, 2)],)],
    "ediff1d": [(R(4),), (R(2, 3),), (R(1),), (R(),), (C(3),), (I(4),)],
    "einsum": [("ij,jk->ik", R(2, 3), R(3, 2)), ("ij,jk", R(2, 3), R(3, 2)), ("ii", R(3, 3)),
               ("ii->i", R(3, 3)), ("...j,j", R(2, 2, 3), R(3)), ("i,j,k->kij", R(2), R(3), R(2)),
               ("ij->ji", C(2, 3)), ("i , i", R(3), R(3, s=1)), ("...", R(2, 3)), ("->", R()),
               (R(2, 3), [0, 1], R(3), [1], [0]), (R(2, 3), [0, 1], R(3), [1]), ("ij", R(3, 2)),
               (R(2, 3), [Ellipsis, 1], [1]), ("ij,jk", R(2, 3), R(2, 2)), ("ij->k", R(2, 3)),
               ("ba", R(2, 3)), ("ij,ij->", R(2, 3), I(2, 3)), ("i...->...", R(2, 3))],
    "einsum_path": [("ij,jk->ik", R(2, 3), R(3, 2)), (R(2, 3), [0, 1], R(3), [1], [0])],
    "expand_dims": [(R(2, 3), 0), (R(2, 3), -1), (R(), 0), (R(3), (0, 2)), (R(3), 5), (R(3), (0, 0))],
    "extract": [(MASK, R(2, 3)), ([True, False, True], R(3)), (B(3), R(3))],
    "fill_diagonal": [(R(3, 3), 1.5), (R(3, 3), R(3, s=1)), (R(4, 2), R(s=1)), (R(2, 2, 2), 0.5),
                      (R(3), 1.0), (R(2, 3), [0.5, 1.5])],
    "fliplr": [(R(2, 3),), (R(3),), (R(2, 3, 2),)], "flipud": [(R(2, 3),), (R(3),), (R(),)],
    "full_like": [(R(2, 3), 1.5), (R(2, 3), R(s=1)), (R(2, 3), R(3, s=1)), (I(3), 1.5), (C(2), 1.0),
                  (I(3), R()), (R(2, 2), [0.5, 1.5])],
    "geomspace": [(1.0, P(s=1)), (P(), P(s=1)), (P(3), P(3, s=1)), (P(3), 2.0), (0.0, P()),
                  (C(), C(s=1)), (P(2, 2), P(2, s=1))],
    "linspace": [(0.0, R(s=1)), (R(), R(s=1)), (R(3), R(3, s=1)), (R(3), 2.0), (C(), C(s=1)),
                 (R(2, 2), R(2, s=1)), (I(), I(s=1))],
    "logspace": [(0.0, R(s=1)), (R(), R(s=1)), (R(3), R(3, s=1)), (R(3), 2.0), (R(2, 2), R(2, s=1))],
    "gradient": [(R(4),), (R(3, 4),), (R(4), 0.5), (R(4), A((4,), "sorted")), (R(4), P(s=2)),
                 (R(3, 4), 0.5, P(s=2)), (R(3, 4), A((3,), "sorted"), 0.5), (R(1),), (R(3, 4), 1.0,),
                 (C(4),), (I(4),), (R(3, 3, 3),)],
    "histogram": [(R(5),), (R(2, 3),), (I(5),)], "histogram_bin_edges": [(R(5),), (R(2, 3),)],
    "histogram2d": [(R(5), R(5, s=1))], "histogramdd": [(R(5, 2),), ([R(5), R(5, s=1)],)],
    "insert": [(R(4), 1, 0.5), (R(4), [0, 2], R(2, s=1)), (R(2, 3), 1, R(2, 1, s=1)),
               (R(4), slice(0, 2), R(2, s=1)), (R(3), 7, 0.5), (R(3), -1, R(s=1)),
               (R(4), [1, 1], [0.5, 1.5]), (I(3), 1, 0.5), (R(3), [True, False, True], 0.5)],
    **dict.fromkeys(("intersect1d", "setdiff1d", "setxor1d", "union1d", "isin"), SETS),
    "interp": [(U(4), [0.0, 0.4, 1.0], R(3, s=1)), (U(2, 2), A((5,), "sorted"), R(5)), (0.3, [0.0, 1.0], R(2)),
               (U(), A((4,), "sorted"), R(4)), (R(5), A((4,), "sorted"), R(4)), (U(2), [0.0, 1.0], C(2)),
               (U(3), A((3,), "sorted"), [1.0, 2.0, 0.5])],
    "ix_": [(I(2), I(3)), ([0, 1], [True, False]), (R(2),), (I(2, 2),)],
    "lexsort": [((R(4), R(4, s=1)),), (R(2, 4),), ([R(4)],)],
    "matrix_transpose": [(R(2, 3),), (R(2, 3, 2),), (R(3),)],
    "linalg.matrix_transpose": [(R(2, 3),), (R(2, 3, 2),), (R(3),)],
    **{key: [(R(3), R(3, s=1)), (R(3), 1.0)] for key in ("may_share_memory", "shares_memory")},
    "meshgrid": [(R(2), R(3, s=1)), (R(2),), (R(2), R(3), R(2, s=1)), (R(), R(2)), ([1.0, 2.0], R(2)), ()],
    "moveaxis": [(R(2, 3), 0, 1), (R(2, 3, 2), [0, 1], [-1, 0]), (R(2, 3), 0, 5), (R(2, 3), [0, 0], [0, 1])],
    **{name: [(x,) for x in NAN]
       for name in ("nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian",
                    "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "nan_to_num")},
    **dict.fromkeys(("quantile", "nanquantile"), Q),
    **{key: [(a, 100 * np.asarray(q) if not isinstance(q, A) else q) for a, q in Q] for key in ("percentile", "nanpercentile")},
    "packbits": [(I(3),), (B(9),), (R(3),)], "unpackbits": [(np.asarray([3], np.uint8),), (R(3),)],
    "pad": [(R(4), 1), (R(2, 3), (1, 2)), (R(2, 3), ((1, 0), (0, 2))), (R(2, 3, 2), 1), (R(), 1), (R(3), -1),
            (R(2, 3), [[1], [2]]), (I(3), 2), (C(3), 1), (R(3), {0: (1, 2)}), (R(4), 0.5)],
    "piecewise": [(R(4), [np.asarray([True, False, True, False])], [sine]),
                  (R(2, 3), [MASK, ~MASK], [sine, 0.5]), (R(4), [[True, False, False, True]], [twice, sine]),
                  (R(4), [[True, False, False, True]], [twice, 1.5], 3.0), (R(), [True], [sine])],
    "place": [(R(2, 3), MASK, R(2, s=1)), (R(3), [True, False, True], [0.5]), (R(3), B(3), R(1, s=1))],
    "put": [(R(4), [0, 2], R(2, s=1)), (R(2, 3), [0, -1], 0.5), (R(4), [1, 1], [0.5, 1.5]), (R(3), 7, 0.5),
            (R(4), [0, 1, 2], R(2, s=1))],
    "putmask": [(R(2, 3), MASK, R(2, 3, s=1)), (R(3), [True, False, True], R(2, s=1)), (R(3), B(3), 0.5)],
    "put_along_axis": [(R(2, 3), ALONG, R(2, 3, s=1), 1), (R(2, 3), [[0, 1, 0]], 0.5, 0),
                       (R(6), [3, 1], R(2, s=1), None), (R(2, 3), ALONG, 0.5, 5)],
    "poly": [(R(3),), (S(3, 3),), (R(0),), (C(2),), (R(2, 3),), (R(2, 2, 2),)],
    **dict.fromkeys(("polyadd", "polysub", "polymul"), POLY),
    "polydiv": [(R(4), R(2, s=1)), (R(2), R(3)), ([1.0, 2.0, 3.0], R(2)), (R(3), 2.0), (C(3), R(2))],
    "polyder": [(R(4),), (R(1),), (C(3),), (I(3),), (R(2, 3),)], "polyint": [(R(4),), (R(1),), (C(3),), (I(3),)],
    "polyfit": [(A((6,), "sorted"), R(6), 2), (A((6,), "sorted"), R(6, 2), 1), ([0.0, 1.0, 2.0], R(3), 1),
                (A((6,), "sorted"), R(6), [0, 2]), (R(3), R(4), 1), (R(4), R(4), -1), (A((6,), "sorted"), C(6), 1)],
    "polyval": [(R(3), R(4, s=1)), (R(3), R()), (R(2), R(2, 3)), ([1.0, 2.0], R(3)), (R(3), 0.5), (R(0), R(3)),
                (C(3), R(2)), (I(3), R(2))],
    "ravel_multi_index": [(([0, 1], [1, 2]), (2, 3)), ((I(2), I(2)), (7, 7)), ((R(2), R(2)), (3, 3))],
    "unravel_index": [([1, 5], (2, 3)), (I(3), (7, 7)), (R(2), (3, 3))],
    "repeat": [(R(3), 2), (R(2, 3), 2), (R(3), [1, 0, 2]), (R(), 3), (R(2, 3), [1, 2]), (R(3), -1), (R(3), I(3))],
    "reshape": [(R(2, 3), (3, 2)), (R(2, 3), -1), (R(), (1, 1)), (R(2, 3, 2), (4, -1)), (R(2, 3), 5), (R(0), (0, 2)),
                (R(2, 3), [3, 2]), (C(2, 3), (6,))],
    "resize": [(R(2, 3), (2, 2)), (R(3), 7), (R(2, 3), (4, 3)), (R(0), 2), (R(3), -1)],
    "result_type": [(R(3), np.float32), (I(3), R(3)), (R(), 1)],
    "roll": [(R(4), 1), (R(2, 3), -2), (R(2, 3), (1, 2)), (R(), 1), (R(0), 1), (R(3), 7)],
    "rollaxis": [(R(2, 3, 2), 2), (R(2, 3), 1), (R(2, 3), 5), (R(2, 3), -1)],
    "roots": [(P(3),), (R(4),), (R(1),), ([0.0, 1.0, 2.0],), (C(3),), (R(2, 2),)],
    "save": [(io.BytesIO, R(3))], "savez": [(io.BytesIO, R(3))], "savez_compressed": [(io.BytesIO, R(3))],
    "savetxt": [(io.StringIO, R(3)), (io.StringIO, R(2, 3))],
    "searchsorted": [(A((4,), "sorted"), R(3)), ([0.0, 1.0], R(2, 2)), (A((3,), "sorted"), 0.5), (R(2, 2), 0.5)],
    "select": [([MASK, ~MASK], [R(2, 3), R(2, 3, s=1)]), ([MASK], [R(3)]), ([MASK, MASK], [R(), 1.5]),
               ([B(3)], [R(3)]), ([MASK], [R(3), R(3)]), ([[1, 0, 1]], [R(3)])],
    "swapaxes": [(R(2, 3), 0, 1), (R(2, 3, 2), -1, 0), (R(2, 3), 0, 5), (R(3), 0, 0)],
    "squeeze": [(R(1, 3, 1),), (R(1),), (R(),), (R(2, 3),), (R(1, 0, 1),)],
    "take": [(R(4), [0, 2]), (R(2, 3), 1), (R(2, 3), [[0, 1], [1, -1]]), (R(3), 7), (R(2, 3), [5, -7]), (R(), 0),
             (R(4), I(2)), (R(4), R(2))],
    "take_along_axis": [(R(2, 3), ALONG), (R(3), [0, 0, 2]), (R(2, 3, 2), np.zeros((2, 3, 1), int)), (R(2, 3), [0, 1]),
                        (R(3), I(3))],
    "tile": [(R(3), 2), (R(2, 3), (2, 1)), (R(), 3), (R(3), (2, 2)), (R(2, 3), [2, 1, 2]), (R(3), 0), (R(3), -1)],
    "trapezoid": [(R(4),), (R(2, 4),), (R(2, 3, 4),), (R(1),), (C(4),), (I(4),), (R(),)],
    "trim_zeros": [(R(3),), (np.asarray([0.0, 1.0, 0.0]),), (A((5,), "ties"),), ([0, 1, 2, 0],), (R(2, 3),)],
    "unique": [(R(4),), (R(2, 3),), (A((6,), "ties"),), (I(6),), (N(5),), (R(),)],
    **{key: [(R(4),), (R(2, 3),), (A((6,), "ties"),), (I(6),), (N(5),)] for key in ("unique_all", "unique_counts", "unique_inverse", "unique_values")},
    "unwrap": [(A((6,), "sorted"),), (R(2, 5),), (A((5,), seed=3),), (R(),), (I(5),)],
    "vander": [(R(3),), ([1.0, 2.0],), (C(3),), (I(3),), (R(2, 3),), (R(0),)],
    "where": [(MASK, R(2, 3), R(2, 3, s=1)), (MASK, R(3), 1.5), (B(3), R(3), R(3, s=1)), ([True, False], R(2), R()),
              (R(2, 3),), (MASK,), (R(3), R(3, s=1), 0.0), (MASK, R(2, 3)), (MASK, R(), [1.0, 2.0, 3.0]),
              (MASK, I(3), R(3))],
    "emath.logn": [(2.0, P(3)), (P(), P(3)), (2.0, R(3))],
    "emath.power": [(P(3), 2.0), (P(3), R(3)), (R(3), R(3, s=1)), (R(3), 2)],
    "lib.stride_tricks.sliding_window_view": [(R(5), 3), (R(4, 5), (2, 3)), (R(3), 7), (I(4), 2)],
    # linalg
    "linalg.cholesky": [*HERMITIAN, (R(3, 3),)], "linalg.eigh": HERMITIAN, "linalg.eigvalsh": HERMITIAN,
    **{key: [*MATRICES, (S(3, 3),)] for key in ("linalg.cond", "linalg.matrix_norm", "linalg.svdvals", "linalg.qr", "linalg.pinv")},
    "linalg.svd": [(R(3, 3),), (R(2, 3),), (R(4, 2),), (R(2, 3, 2),), (R(3),), (S(3, 3),)],
    "linalg.matrix_rank": [*MATRICES, (S(3, 3),), (R(),)],
    **dict.fromkeys(("linalg.det", "linalg.inv", "linalg.slogdet"), SQUARE),
    "linalg.eig": [(S(3, 3),), (R(2, 2, s=3),), (R(2, 3),), (np.asarray([[1.0, 2.0], [-2.0, 1.0]]),)],
    "linalg.eigvals": [(S(3, 3),), (R(3, 3),), (R(2, 3),), (C(2, 2),), (R(2, 2, 2),)],
    "linalg.lstsq": [(R(4, 2), R(4, s=1)), (R(4, 2), R(4, 3, s=1)), (R(2, 3), R(2)), (R(3, 3), R(3)), (R(3), R(3)),
                     (C(4, 2), R(4)), (R(3, 2), [1.0, 2.0, 3.0]), (R(3, 2), R(4))],
    "linalg.matrix_power": [(R(3, 3), 2), (R(3, 3), -1), (R(3, 3), 0), (R(2, 2, 2), 3), (R(2, 3), 2), (R(2, 2), 0.5),
                            (C(2, 2), 3), (R(2, 2), 1), (R(2, 2), -3)],
    "linalg.norm": [*[(x,) for x in SHAPES], (R(3, 3),)],
    "linalg.vector_norm": [(x,) for x in SHAPES],
    "linalg.solve": [(R(3, 3), R(3)), (R(3, 3), R(3, 2)), (R(2, 3, 3), R(2, 3, 1)), (R(2, 3, 3), R(3)), (R(2, 3), R(2)),
                     (np.zeros((2, 2)), R(2)), (C(2, 2), R(2)), (R(2, 2), [1.0, 2.0]), (I(2, 2, s=4), R(2))],
    "linalg.tensorinv": [(A((2, 3, 6), seed=1),), (A((4, 4), seed=1),), (R(2, 2),)],
    "linalg.tensorsolve": [(A((2, 3, 6), seed=1), R(2, 3)), (A((2, 3, 2, 3), seed=2), R(2, 3)), (R(2, 2), R(3))],
    # fft
    **{f"fft.{kind}fft{end}": [(R(4),), (R(3, 4),), (C(4),), (C(2, 5),), (R(2, 3, 4),), (R(),), (I(4),), (R(0),), (R(5),)]
       for kind in ("", "i", "r", "ir") for end in ("", "2", "n")},
    "fft.hfft": [(R(4),), (C(4),), (C(2, 4),)], "fft.ihfft": [(R(4),), (R(2, 5),), (C(4),)],
}  # fmt: skip

#: Keywords beyond a function's own parameters, or several that belong together.
EXTRA: dict[str, list[dict[str, Any]]] = {
    "pad": [{"constant_values": 1.5}, {"constant_values": (0.5, 1.5)}, {"constant_values": R(s=3)},
            {"mode": "linear_ramp", "end_values": 1.5}, {"mode": "linear_ramp", "end_values": (R(s=3), 2.0)},
            {"mode": "reflect", "reflect_type": "odd"}, {"mode": "symmetric", "reflect_type": "odd"},
            *[{"mode": mode, "stat_length": 2} for mode in ("maximum", "mean", "median", "minimum")],
            {"mode": "edge", "constant_values": 1.0}],
    "clip": [{"casting": "unsafe"}, {"dtype": np.float32}, {"where": np.asarray(True)}],
    "einsum": [{"dtype": np.float32, "casting": "same_kind"}, {"dtype": np.complex128}, {"order": "F"},
               {"casting": "no"}],
    "apply_along_axis": [{"plus": 3.0}], "piecewise": [{"plus": 3.0}], "savez": [{"other": R(2)}],
    "savez_compressed": [{"other": R(2)}], "gradient": [{"axis": 0, "edge_order": 2}],
    "quantile": [{"method": "inverted_cdf", "weights": np.asarray([0.5, 1.0, 0.7, 0.2, 0.3])}],
    "nanquantile": [{"method": "inverted_cdf", "weights": np.asarray([0.5, 1.0, 0.7, 0.2, 0.3])}],
    "percentile": [{"method": "inverted_cdf", "weights": P(5)}, {"method": "inverted_cdf", "weights": P(3), "axis": 1}],
    "nanpercentile": [{"method": "inverted_cdf", "weights": P(5)}],
    "average": [{"weights": P(3), "axis": -1}, {"weights": P(2), "axis": 0}, {"weights": [1.0, 2.0, 0.5], "axis": 1},
                {"weights": P(2, 3), "axis": (0, 1)}, {"weights": P(3), "axis": 1, "returned": True}],
    "cross": [{"axisc": 0}, {"axisa": 5}, {"axisb": 1},
              *([{"axisa": 0, "axisb": 0}, {"axisa": 0, "axisb": 0, "axisc": 0}, {"axis": 0}] if PLANE else [])],
    "bincount": [{"weights": P(6)}, {"weights": P(3)}, {"weights": [0.5, 1.5, 2.5]}],
    "diagonal": [{"axis1": 1, "axis2": 2}, {"axis1": -1, "axis2": 0, "offset": 1}, {"axis1": 0, "axis2": 0}],
    "trace": [{"axis1": 1, "axis2": 2}, {"axis1": -1, "axis2": 0, "offset": 1}],
    "linalg.norm": [{"ord": 1, "axis": 0}, {"ord": "fro", "axis": (0, 1)}, {"ord": "nuc", "axis": (1, 0)},
                    {"ord": np.inf, "axis": (0, 1), "keepdims": True}, {"ord": 0.5, "axis": -1, "keepdims": True}],
}  # fmt: skip

#: Functions whose derivatives hang on the choice of a phase or of a basis, where the arrays are
#: complex, or where a basis is completed: values alone are compared.
VALUES_ALONE = {"empty_like"}
