"""What HIPS autograd differentiates, found in its own tables, and arguments for each function."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

MODULES = (
    "numpy", "numpy.linalg", "numpy.fft", "scipy.special", "scipy.linalg", "scipy.signal",
    *[f"scipy.stats.{name}" for name in (
        "beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t",
    )],
)  # fmt: skip
#: Names that HIPS autograd has for its own use.
INTERNAL = {"array_from_args", "concatenate_args", "truncate_pad"}

rng = np.random.default_rng(0)
U = rng.uniform


def fractions(*shape: int) -> Any:
    """Numbers between 0.1 and 0.9, where most functions are smooth."""
    return U(0.1, 0.9, shape)


def spread(*shape: int) -> Any:
    """Numbers between -2 and 2."""
    return U(-2, 2, shape)


def complexes(*shape: int) -> Any:
    """Complex numbers."""
    return spread(*shape) + 1j * spread(*shape)


def definite(*front: int, n: int = 3) -> Any:
    """Symmetric positive definite matrices."""
    a = spread(*front, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def regular(*front: int, n: int = 3) -> Any:
    """Regular matrices."""
    return spread(*front, n, n) + n * np.eye(n)


UNARY = [(fractions(),), (0.3,), (fractions(3),), (fractions(2, 3),), (fractions(1, 3),), (fractions(0),),
         (fractions(4, 6)[::2, ::-2],), (fractions(3).astype("float32"),)]  # fmt: skip
ABOVE_ONE = [(1.0 + x,) for (x,) in UNARY]
BINARY = [(fractions(), fractions(3)), (fractions(2, 3), fractions(3)), (fractions(2, 1), fractions(1, 3)), (0.3, fractions(2)),
          (fractions(2, 3), 0.7), (0.3, 0.7), (fractions(3).astype("float32"), fractions(3))]  # fmt: skip
TIES = [(np.asarray([1.0, 2.0, 2.0]), np.asarray([1.0, 3.0, 2.0]))]
REDUCED = [(x, {"axis": axis, "keepdims": keepdims})
           for x in (spread(2, 3), spread(3, 1, 2)) for axis in (None, 0, -1, (0, 1))
           for keepdims in (False, True)] + [(spread(4),), (0.5,), (spread(0),)]  # fmt: skip
ORDERED = [c for c in REDUCED if np.size(c[0])] + [(np.asarray([1.0, 3.0, 3.0]),)]
FLIPPED = [(spread(2, 3),), (spread(3, 2, 2),)]
SHAPED = [(spread(2, 6),), (spread(12),)]
PRODUCTS = [(spread(3), spread(3)), (spread(2, 3), spread(3)), (spread(3), spread(3, 2)),
            (spread(2, 3), spread(3, 4))]  # fmt: skip
FFT = [(complexes(4),), (complexes(2, 5),), (complexes(3, 4), {"axis": 0}),
       (complexes(6), {"n": 4}), (complexes(3), {"n": 5}), (complexes(4), {"norm": "ortho"})]  # fmt: skip
FFTN = [(complexes(4, 4),), (complexes(2, 3, 4),), (complexes(3, 4), {"norm": "ortho"})]
RFFT = [(spread(4),), (spread(3, 6),), (spread(6), {"n": 4}), (spread(4), {"norm": "ortho"})]
IRFFT = [(complexes(3),), (complexes(2, 4),), (complexes(4), {"norm": "ortho"})]
STATS = {"x": spread(3), "positive": 1.0 + fractions(3), "unit": fractions(3)}
LOC = [(spread(3), spread(3), 1 + fractions(3)), (spread(3), 0.0, 1.0), (0.3, 0.2, 1.5),
       (spread(2, 3), spread(3), 1.5)]  # fmt: skip


def each(names: str, arguments: list[Any]) -> dict[str, list[Any]]:
    """The same arguments for several functions."""
    return dict.fromkeys(names.split(), arguments)


#: Arguments by function: tuples, in which a dict at the end holds keywords. What is not here takes
#: one number between 0 and 1 for each element.
ARGUMENTS: dict[str, list[Any]] = {
    **each("acosh arccosh", ABOVE_ONE),
    **each("add subtract multiply divide true_divide power pow arctan2 atan2 hypot logaddexp logaddexp2 mod remainder", BINARY),
    **each("maximum minimum fmax fmin", BINARY + TIES),
    **each("abs absolute fabs", [*UNARY, (spread(4),), (np.zeros(2),)]),
    **each("sum mean prod var std", REDUCED),
    **each("max min amax amin", ORDERED),
    **each("fliplr flipud rot90 transpose triu tril permute_dims", FLIPPED),
    **each("real imag conj conjugate angle real_if_close", [(complexes(3),), (complexes(2, 2),), (0.3 + 0.2j,)]),
    **each("split array_split", [(spread(2, 6), 3, {"axis": 1}), (spread(6), [2, 3]), (spread(4, 2), 2)]),
    **each("hsplit vsplit", [(spread(4, 4), 2)]),
    **each("atleast_1d atleast_2d atleast_3d", UNARY[:4]),
    **each("sort", [(spread(4),), (spread(5), {"axis": 0})]),
    "dot": [*PRODUCTS, (spread(2, 3, 4), spread(4)), (2.0, spread(3)), (spread(2, 3), 0.5)],
    "matmul": [*PRODUCTS, (spread(5, 2, 3), spread(3, 4)), (spread(5, 2, 3), spread(5, 3, 2))],
    "inner": [(spread(3), spread(3)), (spread(2, 3), spread(4, 3))],
    "outer": [(spread(2), spread(3)), (spread(2, 2), spread(2))],
    "kron": [(spread(2, 2), spread(3, 2)), (spread(2), spread(3))],
    "tensordot": [(spread(2, 3), spread(3, 4), 1), (spread(2, 3, 4), spread(4, 3), ([1, 2], [1, 0]))],
    "einsum": [("ij,jk->ik", spread(2, 3), spread(3, 2)), ("ii->i", spread(3, 3)),
               ("...ij,...j->...i", spread(4, 2, 3), spread(3)), ("i,j->", spread(2), spread(3))],
    "cross": [(spread(3), spread(3)), (spread(2, 3), spread(2, 3))],
    "cumsum": [(spread(4),), (spread(2, 3),), (spread(2, 3), {"axis": 1})],
    "diff": [(spread(5),), (spread(2, 4), {"n": 2}), (spread(4, 2), {"axis": 0})],
    "gradient": [(spread(6),), (spread(6, 6), {"axis": 0}), (spread(7, 7),)],
    "diag": [(spread(3),), (spread(3, 3),), (spread(3), 1), (spread(4, 4), -1)],
    "diagonal": [(spread(3, 3), {"offset": 0, "axis1": -1, "axis2": -2})],
    "make_diagonal": [(spread(2, 3), {"axis1": -1, "axis2": -2})],
    "trace": [(spread(3, 3),), (spread(3, 4), {"offset": 1})],
    "astype": [(spread(3), "float32"), (spread(2, 2), "float64")],
    "broadcast_to": [(spread(1, 3), (4, 3)), (spread(2, 1), (2, 5))],
    "clip": [(spread(6), -1.0, 1.0), (spread(2, 3), 0.0, 1.5)],
    "dsplit": [(spread(2, 2, 4), 2)],
    "expand_dims": [(spread(3), 0), (spread(2, 3), 1)],
    "full": [((2, 3), 0.5)],
    "linspace": [(0.1, 0.9, 5)],
    "moveaxis": [(spread(2, 3, 4), 0, 2)],
    "rollaxis": [(spread(2, 3, 4), 2, 0)],
    "swapaxes": [(spread(2, 3, 4), 0, 2)],
    "nan_to_num": [(spread(3),), (np.asarray([1.0, np.nan, -np.inf]),)],
    "pad": [(spread(3), (1, 2), "constant"), (spread(2, 3), ((1, 0), (0, 2)), "constant")],
    "partition": [(spread(5), 2)],
    "ravel": [*SHAPED, (spread(2, 3), "F")],
    "repeat": [(spread(3), 2), (spread(2, 3), 2, {"axis": 1})],
    "reshape": [(spread(2, 6), (3, 4)), (spread(12), (2, -1)), (spread(2, 3), (3, 2), {"order": "F"})],
    "roll": [(spread(4), 1), (spread(2, 3), 1, {"axis": 1})],
    "squeeze": [(spread(1, 3),), (spread(2, 1), 1)],
    "tile": [(spread(3), 2), (spread(2, 3), (2, 1))],
    "transpose": [*FLIPPED, (spread(2, 3, 4), (2, 0, 1))],
    # numpy.linalg
    "cholesky": [(definite(),), (definite(2),)],
    "det": [(regular(),), (regular(2),)],
    "eig": [(regular() + np.diag([0.0, 5.0, 10.0]),)],
    "eigh": [(definite(),), (definite(2),), (definite(), "U")],
    "inv": [(regular(),), (regular(2),)],
    "pinv": [(spread(3, 2),), (regular(),)],
    "slogdet": [(regular(),), (regular(2),)],
    "solve": [(regular(), spread(3)), (regular(), spread(3, 2)), (regular(2), spread(2, 3, 1))],
    "svd": [(spread(3, 2), {"full_matrices": False}), (spread(2, 3), {"full_matrices": False}),
            (spread(3, 3), {"compute_uv": False})],
    # numpy.fft
    **each("fft ifft", FFT),
    **each("fft2 ifft2 fftn ifftn", FFTN),
    **each("rfft", RFFT),
    **each("rfft2 rfftn", [(spread(4, 4),), (spread(2, 4), {"norm": "ortho"})]),
    **each("irfft", IRFFT),
    **each("irfft2 irfftn", [(complexes(4, 3),)]),
    **each("fftshift ifftshift", [(spread(5),), (spread(2, 3), {"axes": 1})]),
    # scipy
    "beta": [(1 + fractions(3), 1 + fractions(3)), (1.5, 2.5)],
    "betaln": [(1 + fractions(3), 1 + fractions(3))],
    "betainc": [(1.5, 2.5, fractions(3))],
    "gammainc": [(1.5, 1 + fractions(3))],
    "gammaincc": [(1.5, 1 + fractions(3))],
    "polygamma": [(1, 1 + fractions(3))],
    "multigammaln": [(4 + fractions(3), 2)],
    **each("jn yn iv ive", [(2, 1 + fractions(3))]),
    "logsumexp": [*[c for c in REDUCED if np.size(c[0])], (spread(2, 3), {"b": fractions(2, 3)})],
    "solve_banded": [((1, 1), 1 + fractions(3, 5), spread(5))],
    "solve_sylvester": [(regular(), regular(), spread(3, 3))],
    "solve_triangular": [(np.tril(regular()), spread(3), {"lower": True}), (regular(), spread(3, 2)),
                         (regular(), spread(3), {"trans": "T"})],
    "sqrtm": [(definite(),)],
    "convolve": [(spread(5), spread(3)), (spread(3, 4), spread(2, 2), {"mode": "valid"}),
                 (spread(2, 5), spread(2, 3), {"axes": ([1], [1]), "dot_axes": ([0], [0])}),
                 (spread(5), spread(3), {"mode": "same"})],
    "scipy.stats.norm": LOC,
    "scipy.stats.t": [(spread(3), 2 + fractions(3), spread(3), 1 + fractions(3)), (0.3, 2.5, 0.1, 1.2)],
    "scipy.stats.beta": [(fractions(3), 1 + fractions(3), 1 + fractions(3)), (0.3, 1.5, 2.5)],
    "scipy.stats.gamma": [(1 + fractions(3), 1 + fractions(3)), (0.5, 2.5)],
    "scipy.stats.chi2": [(1 + fractions(3), 3.0), (0.5, 4.0)],
    "scipy.stats.poisson": [(np.asarray([0.0, 2.0, 3.0]), 1 + fractions(3))],
    "scipy.stats.dirichlet": [(np.asarray([0.2, 0.3, 0.5]), 1 + fractions(3))],
    "scipy.stats.multivariate_normal": [(spread(3), spread(3), definite()),
                                        (spread(4, 3), spread(3), definite())],
    "scipy.stats.multivariate_normal.entropy": [(spread(3), definite())],
}  # fmt: skip
#: Arguments, counted from 0, that have no derivative in HIPS autograd, or are no numbers.
FIXED = {
    "betainc": (0, 1), "gammainc": (0,), "gammaincc": (0,), "polygamma": (0,), "multigammaln": (1,),
    "jn": (0,), "yn": (0,), "iv": (0,), "ive": (0,), "linspace": (2,), "clip": (1, 2),
    "full": (0,), "solve_banded": (0,), "scipy.stats.t.cdf": (1, 3), "scipy.stats.t.logcdf": (1, 3),
    "scipy.stats.beta.cdf": (1, 2), "scipy.stats.gamma.cdf": (1,), "scipy.stats.chi2": (1,),
    "scipy.stats.poisson": (0,), "scipy.stats.multivariate_normal.entropy": (0,),
}  # fmt: skip


def names(module: str) -> list[str]:
    """The functions of ``autograd.<module>`` that HIPS autograd differentiates."""
    from autograd.core import primitive_vjps

    theirs = importlib.import_module(f"autograd.{module}")
    rules = {id(f) for f in primitive_vjps}
    found = [n for n, f in vars(theirs).items() if id(f) in rules and n[0] != "_"]
    if module.startswith("scipy.stats"):
        found = [n for n in found if n in ("pdf", "cdf", "sf", "logpdf", "logcdf", "logsf", "pmf",
                                           "logpmf", "entropy")]  # fmt: skip
    return sorted(set(found) - INTERNAL)


def cases(module: str, name: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Arguments and keywords for the function."""
    full = f"{module}.{name}"
    for key in (full, module, name):
        if key in ARGUMENTS:
            break
    for case in ARGUMENTS.get(key, UNARY):
        keywords = case[-1] if isinstance(case[-1], dict) else {}
        yield (case[:-1] if keywords else case), dict(keywords)


def differentiable(module: str, name: str, args: tuple[Any, ...]) -> list[int]:
    """The numbers of the arguments to differentiate by."""
    full = f"{module}.{name}"
    fixed = FIXED.get(full, FIXED.get(module, FIXED.get(name, ())))
    return [
        i for i, x in enumerate(args)
        if i not in fixed and (type(x) in (float, complex) or (
            isinstance(x, np.ndarray) and x.dtype.kind in "fc"))
    ]  # fmt: skip
