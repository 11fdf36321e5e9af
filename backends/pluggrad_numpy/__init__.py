"""NumPy, the default backend."""

from __future__ import annotations

import operator
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from pluggrad.plugin import ACTIVE, TRACERS, Adapter, atomic, careful_norm, selects_once, writable


def broadcast_to(x: Any, shape: Any) -> Any:
    """`numpy.broadcast_to`; for one number a read-only view of it, at a tenth of the cost."""
    if x.ndim == 0 and min(shape, default=0) >= 0 and type(x) in (np.float64, np.ndarray):
        return np.ndarray(shape, x.dtype, x.tobytes(), 0, (0,) * len(shape))
    return np.broadcast_to(x, shape)


def copy(x: Any) -> Any:
    """`numpy.copy`, without NumPy's Python code around the method."""
    return x.copy("K") if type(x) is np.ndarray else np.copy(x)


def reduction(ufunc: Any, function: Any) -> Any:
    """`numpy.sum` and the like, without NumPy's Python code around `ufunc.reduce`."""
    reduce = ufunc.reduce

    def call(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if x.dtype.kind != "f" or dtype is not None:
            kwargs = {} if dtype is None else {"dtype": dtype}
            return function(x, axis=axis, keepdims=keepdims, **kwargs)
        return reduce(x, axis, None, None, keepdims)

    return call


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """`numpy.zeros`, without the Python code of array-api-compat around it."""
    if device not in (None, "cpu"):
        raise ValueError(f"NumPy arrays are on the device 'cpu', not {device!r}")
    return np.zeros(shape, float if dtype is None else dtype)


def matrix_transpose(x: Any) -> Any:
    """`numpy.matrix_transpose`, without NumPy's Python code around `swapaxes`."""
    if x.ndim < 2:
        raise ValueError(f"a matrix has two axes, and there are {x.ndim}")
    return x.swapaxes(-1, -2)


def eigh_upper(x: Any) -> Any:
    """`numpy.linalg.eigh` of the upper triangle, with NumPy's own choice of signs."""
    return np.linalg.eigh(x, UPLO="U")


@atomic
def scatter(g: Any, *, key: Any, like: Any) -> Any:
    """Zeros with `g` added at `key`."""
    return scatter_add(np.zeros(*like), [(key, g)])


@atomic
def scatter_all(*gs: Any, keys: Any, like: Any) -> Any:
    """Zeros with each of `gs` added at its own key."""
    return scatter_add(np.zeros(*like), zip(keys, gs, strict=True))


def scatter_add(buffer: Any, pieces: Any) -> Any:
    """Add each `(key, g)` of `pieces` to `buffer`, in place. Sums of 0-d arrays are NumPy scalars,
    which cannot be written: such a buffer becomes an array first."""
    try:
        for key, g in pieces:
            if ACTIVE.array_type is not None:
                buffer = writable(buffer, g, key)
            if type(key) is slice or type(key) is int or selects_once(key):
                buffer[key] += g
            else:
                np.add.at(buffer, key, g)
    except TypeError:
        if isinstance(buffer, np.ndarray):
            raise
        return scatter_add(np.asarray(buffer), pieces)
    return buffer


@atomic
def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """`numpy.clip`, in the dtype of `x` as the standard has it, unless that holds integers and a
    bound does not."""
    if x.dtype.kind in "iu" and (type(min) is float or type(max) is float):
        return np.clip(x, min, max)
    return xp.clip(x, min, max)  # type: ignore[attr-defined]


#: Functions of array-api-compat that are written with NumPy's inner functions.
LOOKING = ("eig", "eigvals", "solve", "trace")


def gamma_slope(a: Any, x: Any, *, order: int) -> Any:
    """See `gamma_slopes`, which is loaded when it is called: it needs SciPy."""
    from .gamma_slopes import gamma_slope as found

    return found(a, x, order=order)


class Numbers(dict[float, Any]):
    """Arrays of float64 in place of Python numbers, which NumPy would convert at each operation.

    The latest few hundred are kept. Zeros, which are equal whatever their sign, and numbers that
    NumPy cannot convert stay as they are.
    """

    def __missing__(self, number: float) -> Any:
        if not number or abs(number) > 1e300 or number != number:
            return number
        if len(self) >= 256:
            self.clear()
        array = self[number] = np.asarray(number, np.float64)
        array.flags.writeable = False
        return array


class NumpyAdapter(Adapter):
    """What the engine needs to know about NumPy."""

    name = "numpy"
    modules = ("numpy",)
    array_type = np.ndarray
    numbers = (np.dtype(np.float64), Numbers())
    accumulates_in_place = True
    engine = "numpy"
    replays = True
    last_write_wins = True
    promotes = True
    functions = {  # noqa: RUF012
        "asarray": atomic(xp.asarray),  # type: ignore[attr-defined]
        "broadcast_to": broadcast_to,
        "clip": clip,
        "copy": copy,
        "eigh_upper": eigh_upper,
        "gamma_slope": atomic(gamma_slope),
        "scatter": scatter,
        "scatter_all": scatter_all,
        "matmul": operator.matmul,
        "matrix_transpose": matrix_transpose,
        "linalg.cholesky": np.linalg.cholesky,  # which reads the upper triangle if asked to
        **{f"linalg.{name}": atomic(getattr(xp.linalg, name)) for name in LOOKING},
        "linalg.vector_norm": atomic(careful_norm(xp.linalg.vector_norm, xp)),
        "take": atomic(xp.take),  # type: ignore[attr-defined]
        "zeros": zeros,
        "sum": reduction(np.add, np.sum),
        "max": reduction(np.maximum, np.max),
        "min": reduction(np.minimum, np.min),
    }

    def namespace(self) -> Any:
        """array-api-compat's namespace."""
        return xp

    def host(self, x: Any) -> Any:
        """The array itself; None for a stand-in, whose elements are unknown."""
        return None if type(x) in TRACERS else x

    # Implemented in C, because most operations call it.
    like = staticmethod(operator.attrgetter("shape", "dtype"))  # type: ignore[assignment]

    def one(self, x: Any) -> Any:
        """A NumPy scalar, which stands for a 0-d array."""
        return x.dtype.type(1)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """Written in place, with `numpy.add.at` for indices that may repeat."""
        return scatter_add(buffer, pieces)

    def foreign(self, backend: Any, func: Any, args: Any, kwargs: Any) -> Any:
        """Answered by pluggrad's functions of the same names."""
        from .functions import answer, bound

        found = bound(backend, func)
        if found is not None:
            backend.answers[func] = found
        return answer(backend, func, args, kwargs)

    def scipy(self, name: str) -> Any:
        """SciPy's own, or what is written in terms of them in `scipy_functions`."""
        from .scipy_functions import find

        return find(name)

    def refuse(self, x: Any) -> str:
        """Refuses matrices and masked arrays: their operators differ from the standard's."""
        if isinstance(x, (np.matrix, np.ma.MaskedArray)):
            return "its operators mean something else than the standard's; give `np.asarray(x)`"
        return ""

    special_needs = "scipy"

    def special(self, name: str) -> Any:
        """SciPy's functions, if SciPy is installed."""
        try:
            from . import special
        except ImportError:
            return None
        found = special.find(name)
        return found if found is None or isinstance(found, np.ufunc) else atomic(found)

    @property
    def generators(self) -> tuple[type, ...]:
        """`Generator`, and the older `RandomState`."""
        return np.random.Generator, np.random.RandomState

    def rng_state(self, generator: Any = None) -> Any:
        """By default that of the global generator, which is a `RandomState`."""
        if isinstance(generator, np.random.Generator):
            return generator.bit_generator.state
        return (generator or np.random).get_state()

    def set_rng_state(self, state: Any, generator: Any = None) -> None:
        """By default that of the global generator."""
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = state
        else:
            (generator or np.random).set_state(state)

    def shares_memory(self, x: Any, y: Any) -> bool:
        """Asks NumPy."""
        # A NumPy scalar stands for a 0-d array, of which a reshape is a view.
        return isinstance(x, np.generic) or bool(np.may_share_memory(x, y))


backend = NumpyAdapter()
