"""What the sweep over Dask's functions calls them with, by parameter and by function."""

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


#: In several chunks, and in one: many functions of `linalg` and `fft` need that.
M, V = Array(POSITIVE, 2), Array(VECTOR, 2)
WHOLE = Array(POSITIVE)

#: What a parameter of that name takes.
BY_NAME: dict[str, Any] = {
    **dict.fromkeys(("a", "x", "arr", "m", "array", "A", "v", "lhs", "rhs", "b", "arr1", "arr2",
                     "y", "ary", "f", "ar1", "ar2", "ar", "array_like", "values", "data", "B",
                     "other", "fill_value", "prepend", "append", "x1", "x2"), M),
    "aweights": V, "fweights": V, "to_end": V, "to_begin": V,
    "axis": 0, "axes": 1, "n": 1, "k": 1, "shape": (9,), "shift": 1, "repeats": 2, "reps": 2,
    "q": 50.0, "order": 2, "source": 0, "destination": 1, "axis1": 0, "axis2": 1, "indices": [0, 2],
    "obj": 1, "pad_width": 1, "dtype": "float32", "offset": 0, "chunks": 1, "decimals": 1,
    "func": np.sin, "test_elements": [0.31], "min": 0.3, "max": 0.7, "depth": 0, "boundary": "none",
    "start": 0.0, "stop": 1.0, "indexer": [[0, 1], [2]], "type": np.ndarray, "value": 1.0,
}  # fmt: skip
TWO = [M, M]
MASK = da.from_array(POSITIVE > 0.5, chunks=2)
#: Arguments of functions whose parameters do not say what they take, or want something special.
CALLS: dict[str, list[tuple[Any, ...]]] = {
    **{name: [(TWO,), ([V, V],)]
       for name in ("stack", "concatenate", "hstack", "vstack", "dstack", "block")},
    **{name: [(M,), (V, M)]
       for name in ("atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays")},
    "apply_along_axis": [(np.sum, 0, M)], "apply_over_axes": [(np.sum, M, 0)],
    "apply_gufunc": [(np.add, "(),()->()", M, M)],
    "average": [(M,), (M, 0, V), (M, None, M)],
    "blockwise": [(np.add, "ij", M, "ij", M, "ij")],
    "atop": [(np.add, "ij", M, "ij", M, "ij")],
    "bincount": [(da.from_array(np.asarray([0, 1, 1])), Array(VECTOR))],
    "broadcast_to": [(M, (2, 3, 3))], "choose": [([0, 1, 0], [V, V])],
    "clip": [(M, 0.3, 0.7), (M, M, 0.9)],
    "coarsen": [(np.sum, Array(np.ones((4, 4)), 2), {0: 2})],
    "compress": [([True, False, True], M, 0)], "delete": [(M, 1, 0)],
    "digitize": [(M, np.asarray([0.2, 0.5]))], "divmod": [(M, M)],
    "einsum": [("ij,jk", M, M), ("ii", M)],
    "extract": [(MASK, M)], "fix": [(M,)], "i0": [(V,)], "sinc": [(V,)],
    **{name: [(M,)] for name in ("real", "imag", "iscomplex", "isreal", "nan_to_num")},
    "from_delayed": [], "fromfunction": [], "full": [((2,), 1.0)],
    "full_like": [(M, 1.0)],
    "histogram": [(M, np.asarray([0.0, 0.5, 1.0])),
                  (M, np.asarray([0.0, 0.5, 1.0]), None, False, M),
                  (M, Array(np.linspace(0.0, 1.0, 4)))],
    "histogram2d": [(V, V, [np.linspace(0, 1, 3)] * 2)],
    "histogramdd": [(WHOLE, [np.linspace(0, 1, 3)] * 3)],
    "isin": [(M, [0.31])],
    "linspace": [(0.0, Array(np.asarray(1.5)), 4), (Array(np.asarray(0.5)), 2.0, 4)],
    "map_blocks": [(np.sin, M), (np.add, M, M)],
    "map_overlap": [(np.sin, M)],
    "median": [(M, 0)], "nanmedian": [(M, 0)], "meshgrid": [(V, V)],
    "nanpercentile": [], "percentile": [(V, 50.0)],
    "nanquantile": [(WHOLE, 0.5, 0)], "quantile": [(WHOLE, 0.5, 0)],
    "reduction": [(M, np.sum, np.sum, None, False, float)], "ravel_multi_index": [],
    "reshape_blockwise": [(WHOLE, (9,))], "result_type": [(M, M)],
    "searchsorted": [(Array(np.asarray([0.1, 0.4, 0.9])), V)],
    "select": [([MASK], [M]), ([MASK, ~MASK], TWO)], "piecewise": [],
    "gradient": [(WHOLE,)], "insert": [(M, [1], Array(POSITIVE[:1]), 0)],
    "repeat": [(M, 2, 0)], "squeeze": [(Array(POSITIVE[:1]),)],
    "empty_like": [], "from_array": [], "tril_indices": [], "triu_indices": [], "push": [],
    "store": [(M, np.zeros((3, 3)))], "to_npy_stack": [("{tmp}", M)],
    "unify_chunks": [(M, "ij", V, "j")],
    "unravel_index": [], "where": [(MASK, M, 0.0), (MASK, M, M),
                                   (MASK, 0.0, M)],
    "topk": [(M, 2)], "argtopk": [(M, 2)], "trace": [(M,)],
    "rechunk": [(M,), (M, 1)], "rot90": [(M,)],
    "ldexp": [(M, 2)], "modf": [(M,)], "frexp": [(M,)],
    "arccosh": [(Array(POSITIVE + 1.5, 2),)], "assert_eq": [],
    "linalg.cholesky": [(Array(SYMMETRIC),)], "linalg.solve": [(Array(MATRIX), Array(VECTOR)),
                                                               (Array(MATRIX), Array(MATRIX))],
    "linalg.solve_triangular": [(Array(np.triu(MATRIX)), Array(VECTOR))],
    "linalg.lstsq": [(Array(MATRIX), Array(VECTOR))], "linalg.inv": [(Array(MATRIX),)],
    "linalg.norm": [(M,), (M, 1, 0), (WHOLE, "nuc")],
    "linalg.svd": [(WHOLE,)], "linalg.qr": [(WHOLE,)], "linalg.lu": [(WHOLE,)],
    "linalg.sfqr": [(Array(POSITIVE),)], "linalg.tsqr": [(Array(POSITIVE),)],
    "linalg.svd_compressed": [(WHOLE, 2)], "linalg.compression_matrix": [],
    **{f"fft.{name}": [(WHOLE,), (WHOLE, 3)]
       for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
    **{f"fft.{name}": [(WHOLE,)]
       for name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "irfft2", "rfftn", "irfftn")},
    "Array.__getitem__": [], "Array.__setitem__": [(0, V), ((slice(1), 0), Array(VECTOR[:1])),
                                                   (MASK, Array(np.asarray(0.5)))],
    "Array.map_blocks": [(np.add, M)], "Array.map_overlap": [],
    "Array.choose": [], "Array.store": [], "Array.clip": [(M, 0.9)],
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
