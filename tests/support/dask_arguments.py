"""What the sweep over Dask's functions calls them with, by the names of parameters and functions."""

from __future__ import annotations

import dataclasses
from typing import Any

import dask.array as da
import numpy as np

MATRIX = np.asarray([[2.5, 0.3, -0.4], [0.2, 1.8, 0.6], [-0.1, 0.7, 3.1]])
SYMMETRIC = MATRIX + MATRIX.T
VECTOR = np.asarray([0.45, 0.3, 0.7])
POSITIVE = np.asarray([[0.31, 0.82, 0.53], [0.24, 0.65, 0.76], [0.17, 0.48, 0.91]])


@dataclasses.dataclass
class Array:
    """An argument that is an array: raw in one call, and a Variable in another."""

    values: Any
    chunks: int = 3

    def raw(self, values: Any = None) -> Any:
        return da.from_array(self.values if values is None else values, chunks=self.chunks)


def a_matrix(chunks: int = 2) -> Array:
    return Array(POSITIVE, chunks)


def a_vector() -> Array:
    return Array(VECTOR, 2)


#: What a parameter of that name takes.
BY_NAME: dict[str, Any] = {
    **dict.fromkeys(("a", "x", "arr", "m", "array", "A", "v", "lhs", "rhs", "b", "arr1", "arr2", "y",
                     "ary", "f", "ar1", "ar2", "ar", "array_like", "values", "data", "B", "other",
                     "fill_value", "prepend", "append", "x1", "x2"), a_matrix()),
    "aweights": a_vector(), "fweights": a_vector(), "to_end": a_vector(), "to_begin": a_vector(),
    "axis": 0, "axes": 1, "n": 1, "k": 1, "shape": (9,), "shift": 1, "repeats": 2, "reps": 2,
    "q": 50.0, "order": 2, "source": 0, "destination": 1, "axis1": 0, "axis2": 1, "indices": [0, 2],
    "obj": 1, "pad_width": 1, "dtype": "float32", "offset": 0, "chunks": 1, "decimals": 1,
    "func": np.sin, "test_elements": [0.31], "min": 0.3, "max": 0.7, "depth": 0, "boundary": "none",
    "start": 0.0, "stop": 1.0, "indexer": [[0, 1], [2]], "type": np.ndarray, "value": 1.0,
}  # fmt: skip
TWO = [a_matrix(), a_matrix()]
MASK = da.from_array(POSITIVE > 0.5, chunks=2)
#: Arguments of functions whose parameters do not say what they take, or want something special.
CALLS: dict[str, list[tuple[Any, ...]]] = {
    **{name: [(TWO,), ([a_vector(), a_vector()],)]
       for name in ("stack", "concatenate", "hstack", "vstack", "dstack", "block")},
    **{name: [(a_matrix(),), (a_vector(), a_matrix())]
       for name in ("atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays")},
    "apply_along_axis": [(np.sum, 0, a_matrix())], "apply_over_axes": [(np.sum, a_matrix(), 0)],
    "apply_gufunc": [(np.add, "(),()->()", a_matrix(), a_matrix())],
    "average": [(a_matrix(),), (a_matrix(), 0, a_vector()), (a_matrix(), None, a_matrix())],
    "blockwise": [(np.add, "ij", a_matrix(), "ij", a_matrix(), "ij")],
    "atop": [(np.add, "ij", a_matrix(), "ij", a_matrix(), "ij")],
    "bincount": [(da.from_array(np.asarray([0, 1, 1])), Array(VECTOR))],
    "broadcast_to": [(a_matrix(), (2, 3, 3))], "choose": [([0, 1, 0], [a_vector(), a_vector()])],
    "clip": [(a_matrix(), 0.3, 0.7), (a_matrix(), a_matrix(), 0.9)],
    "coarsen": [(np.sum, Array(np.ones((4, 4)), 2), {0: 2})],
    "compress": [([True, False, True], a_matrix(), 0)], "delete": [(a_matrix(), 1, 0)],
    "digitize": [(a_matrix(), np.asarray([0.2, 0.5]))], "divmod": [(a_matrix(), a_matrix())],
    "einsum": [("ij,jk", a_matrix(), a_matrix()), ("ii", a_matrix())],
    "extract": [(MASK, a_matrix())], "fix": [(a_matrix(),)], "i0": [(a_vector(),)], "sinc": [(a_vector(),)],
    **{name: [(a_matrix(),)] for name in ("real", "imag", "iscomplex", "isreal", "nan_to_num")},
    "from_delayed": [], "fromfunction": [], "full": [((2,), 1.0)],
    "full_like": [(a_matrix(), 1.0)],
    "histogram": [(a_matrix(), np.asarray([0.0, 0.5, 1.0])),
                  (a_matrix(), np.asarray([0.0, 0.5, 1.0]), None, False, a_matrix()),
                  (a_matrix(), Array(np.linspace(0.0, 1.0, 4)))],
    "histogram2d": [(a_vector(), a_vector(), [np.linspace(0, 1, 3)] * 2)],
    "histogramdd": [(a_matrix(3), [np.linspace(0, 1, 3)] * 3)],
    "isin": [(a_matrix(), [0.31])],
    "linspace": [(0.0, Array(np.asarray(1.5)), 4), (Array(np.asarray(0.5)), 2.0, 4)],
    "map_blocks": [(np.sin, a_matrix()), (np.add, a_matrix(), a_matrix())],
    "map_overlap": [(np.sin, a_matrix())],
    "median": [(a_matrix(), 0)], "nanmedian": [(a_matrix(), 0)], "meshgrid": [(a_vector(), a_vector())],
    "nanpercentile": [], "percentile": [(a_vector(), 50.0)],
    "nanquantile": [(a_matrix(3), 0.5, 0)], "quantile": [(a_matrix(3), 0.5, 0)],
    "reduction": [(a_matrix(), np.sum, np.sum, None, False, float)], "ravel_multi_index": [],
    "reshape_blockwise": [(a_matrix(3), (9,))], "result_type": [(a_matrix(), a_matrix())],
    "searchsorted": [(Array(np.asarray([0.1, 0.4, 0.9])), a_vector())],
    "select": [([MASK], [a_matrix()]), ([MASK, ~MASK], TWO)], "piecewise": [],
    "gradient": [(a_matrix(3),)], "insert": [(a_matrix(), [1], Array(POSITIVE[:1]), 0)],
    "repeat": [(a_matrix(), 2, 0)], "squeeze": [(Array(POSITIVE[:1]),)],
    "empty_like": [], "from_array": [], "tril_indices": [], "triu_indices": [], "push": [],
    "store": [(a_matrix(), np.zeros((3, 3)))], "to_npy_stack": [("{tmp}", a_matrix())],
    "unify_chunks": [(a_matrix(), "ij", a_vector(), "j")],
    "unravel_index": [], "where": [(MASK, a_matrix(), 0.0), (MASK, a_matrix(), a_matrix()),
                                   (MASK, 0.0, a_matrix())],
    "topk": [(a_matrix(), 2)], "argtopk": [(a_matrix(), 2)], "trace": [(a_matrix(),)],
    "rechunk": [(a_matrix(),), (a_matrix(), 1)], "rot90": [(a_matrix(),)],
    "ldexp": [(a_matrix(), 2)], "modf": [(a_matrix(),)], "frexp": [(a_matrix(),)],
    "arccosh": [(Array(POSITIVE + 1.5, 2),)], "assert_eq": [],
    "linalg.cholesky": [(Array(SYMMETRIC),)], "linalg.solve": [(Array(MATRIX), Array(VECTOR)),
                                                               (Array(MATRIX), Array(MATRIX))],
    "linalg.solve_triangular": [(Array(np.triu(MATRIX)), Array(VECTOR))],
    "linalg.lstsq": [(Array(MATRIX), Array(VECTOR))], "linalg.inv": [(Array(MATRIX),)],
    "linalg.norm": [(a_matrix(),), (a_matrix(), 1, 0), (a_matrix(3), "nuc")],
    "linalg.svd": [(a_matrix(3),)], "linalg.qr": [(a_matrix(3),)], "linalg.lu": [(a_matrix(3),)],
    "linalg.sfqr": [(Array(POSITIVE),)], "linalg.tsqr": [(Array(POSITIVE),)],
    "linalg.svd_compressed": [(a_matrix(3), 2)], "linalg.compression_matrix": [],
    **{f"fft.{name}": [(a_matrix(3),), (a_matrix(3), 3)]
       for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
    **{f"fft.{name}": [(a_matrix(3),)]
       for name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "irfft2", "rfftn", "irfftn")},
    "Array.__getitem__": [], "Array.__setitem__": [(0, a_vector()), ((slice(1), 0), Array(VECTOR[:1])),
                                                   (MASK, Array(np.asarray(0.5)))],
    "Array.map_blocks": [(np.add, a_matrix())], "Array.map_overlap": [],
    "Array.choose": [], "Array.store": [], "Array.clip": [(a_matrix(), 0.9)],
    "Array.reshape": [], "Array.view": [],
}  # fmt: skip


#: Functions that look at the classes of their arguments first, and take Dask's alone.
DASK_REFUSES = {"diag", "histogram", "map_overlap", "store"}


#: Functions that compute with no array that they are given, or with integers alone; those that read
#: and write files, or need another library; tools of Dask's own; and functions whose result is not
#: determined. Methods that take no other array are left out by themselves.
NO_ARRAYS = {
    "arange", "array_expr_enabled", "as_gufunc", "assert_eq", "bitwise_and", "bitwise_not",
    "bitwise_or", "bitwise_xor", "empty_like", "eye", "from_array", "from_delayed",
    "from_npy_stack", "from_tiledb", "from_zarr", "fromfunction", "frompyfunc", "full", "indices",
    "invert", "isneginf", "isposinf", "left_shift", "nanpercentile", "ones", "optimize",
    "piecewise", "push", "ravel_multi_index", "register_chunk_type", "right_shift", "to_hdf5",
    "to_tiledb", "to_zarr", "tri", "tril_indices", "triu_indices", "unravel_index", "zeros",
    "empty", "fft.fft_wrap", "fft.fftfreq", "fft.rfftfreq", "linalg.compression_level",
    "linalg.compression_matrix",
}  # fmt: skip


#: Functions that look at the classes of their arguments first, and take Dask's alone.
DASK_REFUSES = {"diag", "histogram", "map_overlap", "store"}


#: Functions that compute with no array that they are given, or with integers alone; those that read
#: and write files, or need another library; tools of Dask's own; and functions whose result is not
#: determined. Methods that take no other array are left out by themselves.
NO_ARRAYS = {
    "arange", "array_expr_enabled", "as_gufunc", "assert_eq", "bitwise_and", "bitwise_not",
    "bitwise_or", "bitwise_xor", "empty_like", "eye", "from_array", "from_delayed",
    "from_npy_stack", "from_tiledb", "from_zarr", "fromfunction", "frompyfunc", "full", "indices",
    "invert", "isneginf", "isposinf", "left_shift", "nanpercentile", "ones", "optimize",
    "piecewise", "push", "ravel_multi_index", "register_chunk_type", "right_shift", "to_hdf5",
    "to_tiledb", "to_zarr", "tri", "tril_indices", "triu_indices", "unravel_index", "zeros",
    "empty", "fft.fft_wrap", "fft.fftfreq", "fft.rfftfreq", "linalg.compression_level",
    "linalg.compression_matrix",
}  # fmt: skip
