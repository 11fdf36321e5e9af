"""An array library of a third party, written for the tests of the suite, with a backend for it.

Its arrays hold NumPy's; `BUGS` names what it does wrong at the moment. Importing this file, as the
option ``--plugin`` does, registers the backend "fake".
"""

import operator
import os

import array_api_compat.numpy as numpy_namespace
import numpy as np

import pluggrad as pg

BUGS = set(filter(None, os.environ.get("FAKELIB_BUGS", "").split(",")))
_noise = np.random.default_rng(0)


class FakeArray:
    """An array of the fake library."""

    __array_priority__ = 1000

    def __init__(self, held):
        self.held = np.asarray(held)

    shape = property(lambda self: self.held.shape)
    dtype = property(lambda self: self.held.dtype)
    ndim = property(lambda self: self.held.ndim)
    size = property(lambda self: self.held.size)
    device = property(lambda self: "fake device")
    T = property(lambda self: FakeArray(self.held.T))
    mT = property(lambda self: FakeArray(self.held.mT))

    def __array_namespace__(self, api_version=None):
        return namespace

    def __array__(self, dtype=None, copy=None):
        return np.array(self.held, dtype=dtype)

    def __getitem__(self, key):
        return FakeArray(self.held[bare(key)])

    def __setitem__(self, key, value):
        self.held[bare(key)] = bare(value)

    def __bool__(self):
        return bool(self.held)

    def __int__(self):
        return int(self.held)

    def __float__(self):
        return float(self.held)

    def __complex__(self):
        return complex(self.held)

    def __index__(self):
        return operator.index(self.held)

    def __repr__(self):
        return f"FakeArray({self.held})"

    def to_device(self, device, /, *, stream=None):
        return self


def bare(x):
    """NumPy's array in the place of a FakeArray, in lists and tuples too."""
    if isinstance(x, FakeArray):
        return x.held
    return type(x)([bare(item) for item in x]) if type(x) in (list, tuple) else x


def fake(x):
    """A FakeArray in the place of NumPy's array."""
    if isinstance(x, (np.ndarray, np.generic)):
        return FakeArray(x)
    return [fake(item) for item in x] if isinstance(x, (list, tuple)) else x


def _operator(name):
    def method(self, *others):
        others = [bare(other) for other in others]
        if name == "__mul__" and "multiply writes" in BUGS and self.held.ndim:
            self.held[...] *= others[0]
            return self
        y = getattr(self.held, name)(*others)
        return y if y is NotImplemented else FakeArray(y)

    return method


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "matmul",
    "radd",
    "rsub",
    "rmul",
    "rtruediv",
    "rfloordiv",
    "rmod",
    "rpow",
    "rmatmul",
    "neg",
    "pos",
    "abs",
    "invert",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
    "rand",
    "ror",
    "rxor",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]:
    setattr(FakeArray, f"__{_name}__", _operator(f"__{_name}__"))


def _spoil(name, args, y):
    """What a function gives, with the bug of the moment."""
    if name == "sin" and "sin is wrong" in BUGS:
        return y * 1.001
    if name == "cos" and "cos is wrong" in BUGS:
        return y * 1.0001
    if name == "cos" and "cos is float64" in BUGS:
        return y.astype(np.float64)
    if name == "cos" and "cos is noisy" in BUGS:
        return y + _noise.normal(size=y.shape) * 1e-16
    if name == "cos" and "cos is read as nan" in BUGS:
        return np.where(args[0] == 0, np.nan, y)
    return y


class _Namespace:
    """The standard's namespace, as far as NumPy's goes."""

    __name__ = "fakelib"
    __array_api_version__ = "2024.12"

    def __init__(self, over, prefix=""):
        self._over, self._prefix = over, prefix

    def __getattr__(self, name):
        if name.startswith("__") and name != "__array_namespace_info__":
            raise AttributeError(name)
        if self._prefix + name in ("tan", "linalg.pinv"):
            raise AttributeError(f"fakelib has no {name}")
        found = getattr(self._over, name)
        if name in ("linalg", "fft") and not self._prefix:
            return _Namespace(found, f"{name}.")
        if not callable(found) or isinstance(found, type):
            return found

        def call(*args, **kwargs):
            args, kwargs = bare(list(args)), {k: bare(x) for k, x in kwargs.items()}
            if kwargs.get("device") is not None:
                kwargs["device"] = "cpu"
            return fake(_spoil(name, args, found(*args, **kwargs)))

        return call


namespace = _Namespace(numpy_namespace)


class FakeAdapter(pg.Adapter):
    name = "fake"
    modules = ("fakelib",)
    last_write_wins = True

    def namespace(self):
        self.functions = {
            "copy": lambda x: x if "copy is none" in BUGS else FakeArray(x.held.copy())
        }
        return namespace

    def scatter_add(self, buffer, pieces):
        if "scatter overwrites" not in BUGS:
            return super().scatter_add(buffer, pieces)
        for key, g in pieces:
            buffer[key] = g
        return buffer

    def version(self):
        return "0.1"

    def devices(self):
        return ["fake device"]


pg.register_backend(FakeAdapter())
