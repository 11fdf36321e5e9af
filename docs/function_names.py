"""Write docs/function-names.json: what the page of functions lists beside what the tests measured.

    python docs/function_names.py [FILE]

These are functions of NumPy that ask no argument for an answer, such as `np.array`; other names of
NumPy's functions, such as `np.abs`; and SciPy's functions that `pluggrad.scipy` does not have. Each
is called with a Variable that requires grad, and what came of it is kept.
"""

from __future__ import annotations

import importlib
import inspect
import json
import operator
import os
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

import pluggrad as pg
import pluggrad.numpy

DOCS = Path(__file__).parent
KEPT = DOCS / "function-names.json"
SWEEP = DOCS / "numpy-sweep.json"
#: A call of each function of NumPy's that other libraries cannot answer. `v` has three elements and
#: `m` is a matrix; `stored` writes an element of `v` into a new array.
CALLS = {
    "arange": "np.arange(v[0], 5.0)",
    "array": "np.array([v[0], 1.0])",
    "asanyarray": "np.asanyarray(v)",
    "asarray": "np.asarray(v)",
    "asarray_chkfinite": "np.asarray_chkfinite(v)",
    "ascontiguousarray": "np.ascontiguousarray(v)",
    "asfortranarray": "np.asfortranarray(v)",
    "asmatrix": "np.asmatrix(m)",
    "bmat": "np.bmat([[m, m]])",
    "broadcast": "np.broadcast(v, v)",
    "c_": "np.c_[v, v]",
    "complex128": "np.complex128(v[0])",
    "empty": "stored(np.empty(1))",
    "eye": "stored(np.eye(3))",
    "float32": "np.float32(v[0])",
    "float64": "np.float64(v[0])",
    "format_float_positional": "np.format_float_positional(v[0])",
    "format_float_scientific": "np.format_float_scientific(v[0])",
    "from_dlpack": "np.from_dlpack(v)",
    "frombuffer": "np.frombuffer(v)",
    "fromfunction": "np.fromfunction(lambda i: i * v[0], (3,))",
    "fromiter": "np.fromiter([v[0], v[1]], float)",
    "frompyfunc": "np.frompyfunc(lambda x: x * x, 1, 1)(v)",
    "full": "np.full(3, v[0])",
    "identity": "stored(np.identity(3))",
    "int64": "np.int64(v[0])",
    "isfortran": "np.isfortran(m)",
    "isscalar": "np.isscalar(v[0])",
    "iterable": "np.iterable(v)",
    "kaiser": "np.kaiser(5, v[0])",
    "matrix": "np.matrix(m)",
    "ndarray": "np.ndarray((3,), buffer=v)",
    "ndenumerate": "[x for _, x in np.ndenumerate(v)]",
    "nditer": "[x for x in np.nditer(v)]",
    "ones": "stored(np.ones(3))",
    "poly1d": "np.poly1d(v)(2.0)",
    "r_": "np.r_[v[0], v]",
    "require": "np.require(v)",
    "row_stack": "np.row_stack([v, v])",
    "tri": "stored(np.tri(3))",
    "vectorize": "np.vectorize(lambda x: x * x)(v)",
    "zeros": "stored(np.zeros(3))",
    "fft.fftfreq": "np.fft.fftfreq(4, v[0])",
    "fft.rfftfreq": "np.fft.rfftfreq(4, v[0])",
}
#: Functions that take no arrays of numbers.
WITHOUT_ARRAYS = {
    "bartlett", "base_repr", "binary_repr", "blackman", "broadcast_shapes", "datetime_data",
    "diag_indices", "fromfile", "fromregex", "fromstring", "genfromtxt", "get_include",
    "get_printoptions", "getbufsize", "geterr", "geterrcall", "hamming", "hanning", "indices",
    "info", "isdtype", "issubdtype", "load", "loadtxt", "mask_indices", "mintypecode",
    "nested_iters", "printoptions", "promote_types", "set_printoptions", "setbufsize", "seterr",
    "seterrcall", "show_config", "show_runtime", "test", "tril_indices", "triu_indices",
    "typename",
}  # fmt: skip
#: The modules of SciPy's that `pluggrad.scipy` has, in part.
SCIPY = (
    "cluster.vq", "fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal",
    "sparse", "sparse.linalg", "spatial", "spatial.distance", "special", "stats",
)  # fmt: skip
POINT = numpy.asarray([1.2, 2.3, 0.7])


# ---------------------------------------------------------------- NumPy


def public() -> dict[str, Any]:
    """NumPy's public functions and the classes in `CALLS`, by their names after ``np.``"""
    found = {}
    for module, prefix in ((numpy, ""), (numpy.linalg, "linalg."), (numpy.fft, "fft.")):
        for name in sorted(module.__all__):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                thing = getattr(module, name)
            is_function = callable(thing) and not isinstance(thing, (type, ModuleType))
            if is_function or prefix + name in CALLS:
                found[prefix + name] = thing
    return found


def numbers(y: Any) -> list[Any]:
    """The arrays and Variables in a result, lists included."""
    return [x for item in y for x in numbers(item)] if isinstance(y, (list, tuple)) else [y]


def outcome(call: str, np: Any) -> tuple[str, str]:
    """What comes of a call in a namespace: "right" with a gradient that is that of differences,
    "value" with NumPy's own answer, "differs" with another one, "warns" or "refused" with words."""

    def run(space: Any, x: Any, matrix: Any) -> Any:
        def stored(a: Any) -> Any:
            a[0] = x[0] * x[1]
            return a

        return eval(call, {"np": space, "v": x, "m": matrix, "stored": stored})

    def total(x: Any) -> float:
        found = numbers(run(numpy, x, numpy.outer(x, x)))
        return float(sum(numpy.sum(numpy.real(numpy.asarray(y))) for y in found))

    v = pg.Variable(POINT, requires_grad=True)
    try:
        with pluggrad.numpy.variables():
            y = run(np, v, np.outer(v, v) if hasattr(np, "outer") else pg.outer(v, v))
    except pg.errors.GraphBreakWarning as warning:
        return "warns", plain(warning)
    except Exception as error:
        ours = error if isinstance(error, pg.PluggradError) else error.__cause__
        return "refused", plain(ours if isinstance(ours, pg.PluggradError) else error)
    found = [x for x in numbers(y) if isinstance(x, pg.Variable) and x.requires_grad]
    if not found:
        theirs = run(numpy, POINT, numpy.outer(POINT, POINT))
        if repr(y) == repr(theirs):
            return "value", ""
        return "differs", f"the answer is {y!r}, and {theirs!r} for NumPy's own numbers"
    sum([pg.sum(pg.real(x)) for x in found], pg.asarray(0.0)).backward()
    step, near = (1e-2, 1e-3) if "float32" in call else (1e-5, 1e-6)
    slopes = [(total(POINT + d) - total(POINT - d)) / (2 * step) for d in step * numpy.eye(3)]
    right = numpy.allclose(v.grad.data, slopes, rtol=near, atol=near)
    return ("right", "") if right else ("differs", "the gradient is not that of differences")


def plain(error: BaseException) -> str:
    """An error's words, without the place in the code."""
    text = " ".join(str(error).split())
    return re.sub(r" \(inside [^)]*\)|, at \S+:\d+|\S+\.py:\d+: ", "", text)


def numpy_names() -> dict[str, Any]:
    """Other names of functions that the sweep calls, and what came of `CALLS`."""
    swept = json.loads(SWEEP.read_text(encoding="utf-8"))["functions"]
    own = {}
    for name in swept:
        owner, _, last = name.rpartition(".")
        own[id(getattr(operator.attrgetter(owner)(numpy) if owner else numpy, last))] = name
    aliases, calls, without = {}, {}, []
    for name, thing in public().items():
        if name in swept:
            continue
        if id(thing) in own:
            aliases[name] = own[id(thing)]
        elif name in WITHOUT_ARRAYS:
            without.append(name)
        elif name not in CALLS:
            sys.exit(f"np.{name}: give it a call in docs/function_names.py")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", pg.errors.GraphBreakWarning)
        for name in sorted(CALLS):
            spaces = {"numpy": numpy, "pluggrad.numpy": pluggrad.numpy, "pluggrad": pg}
            found = {key: outcome(CALLS[name], space) for key, space in spaces.items()}
            found = {key: [x for x in way if x] for key, way in found.items()
                     if key == "numpy" or way[0] in ("right", "value")}  # fmt: skip
            calls[name] = {"call": CALLS[name], **found}
    return {"version": numpy.__version__, "aliases": aliases, "calls": calls, "without": without}


# ---------------------------------------------------------------- SciPy


def scipy_names() -> dict[str, Any]:
    """By module, the functions that `pluggrad.scipy` has, and the error of each that it has not.
    Of SciPy's classes those are listed that refuse one Variable, or two, for their gradients."""
    import scipy

    found: dict[str, Any] = {"version": scipy.__version__}
    for module in SCIPY:
        ours: Any = operator.attrgetter(module)(pg.scipy)
        theirs = importlib.import_module(f"scipy.{module}")
        refused: dict[str, list[str]] = {}
        for name in sorted(getattr(theirs, "__all__", None) or vars(theirs)):
            thing = getattr(theirs, name, None)
            if name[0] == "_" or name in ours.__all__ or not callable(thing):
                continue
            said = refusal(getattr(ours, name))
            if said:
                said = said.replace(f"scipy.{module}.{name}", "It")
                refused.setdefault(said, []).append(name)
            elif not inspect.isclass(thing):
                sys.exit(f"pluggrad.scipy.{module}.{name} took a Variable; where is it listed?")
        own = [n for n in ours.__all__ if not isinstance(getattr(ours, n), ModuleType)]
        found[module] = {"own": sorted(own), "refused": refused}
    return found


def refusal(thing: Any) -> str:
    """The words with which a function refuses a Variable, or a class to lose its gradient; empty if
    they do not."""
    v = pg.Variable(numpy.outer(POINT, POINT), requires_grad=True)
    kind = pg.GraphBreakError if inspect.isclass(thing) else pg.PluggradError
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for args in ((v,), (v, v)):
            try:
                thing(*args)
            except kind as error:
                return plain(error)
            except Exception:  # other arguments may be needed
                continue
    return ""


def as_text(kept: dict[str, Any]) -> str:
    """JSON with a line for each item."""
    rows = []
    for library, parts in kept.items():
        inside = [f"{json.dumps(key)}: {json.dumps(part, ensure_ascii=False)}"
                  for key, part in parts.items()]  # fmt: skip
        rows.append(f'"{library}": {{\n' + ",\n".join(inside) + "\n}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main() -> None:
    """Write the file."""
    os.environ.pop("SCIPY_ARRAY_API", None)  # SciPy, which is imported later, as it is by default
    kept = {"numpy": numpy_names(), "scipy": scipy_names()}
    Path(*sys.argv[1:] or [KEPT]).write_text(as_text(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
