"""Functions of another framework that take the arrays of any backend: ``pg.interop.torch.call``.

The framework says how it makes a program of a function, and how its arrays are made of others and
become others; all else is here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..arrays.backend import BACKENDS, Backend, backend_of, get_backend, mixed
from ..arrays.dispatch import is_variable
from ..engine.arguments import check_function, explain
from ..engine.batch import Batch, drawn
from ..engine.cotangents import device_of
from ..engine.custom_node import CallRules, rule_of
from ..engine.graph_breaks import break_graph
from ..engine.handles import is_tracked
from ..engine.levels import ROOT, Level, read
from ..errors import TypeMismatchError, UnsupportedError
from .foreign import ForeignProgram, TreeCall, foreign_call

__all__ = ["Framework", "calling", "made_by", "name_of", "refuse_dtype"]


class Framework:
    """What `calling` has to know of a framework: the name of its backend, and how it works."""

    name: str
    #: Whether its functions may draw random numbers from a global state. Where `vmap` draws
    #: separately for each element, their programs get one array more, which is mapped.
    draws = False

    def program(self, run: TreeCall) -> ForeignProgram:
        """A program that runs `run`."""
        raise NotImplementedError

    def enter(self, x: Any, backend: Backend) -> Any:
        """An array of `backend` as one of the framework, without a copy where that is possible."""
        raise NotImplementedError

    def leave(self, y: Any, backend: Backend, device: Any) -> Any:
        """An array of the framework as one of `backend`, on `device`."""
        raise NotImplementedError


class _Bridged(ForeignProgram):
    """A program of a framework as a program of arrays of `backend`."""

    def __init__(
        self, inner: ForeignProgram, framework: Framework, backend: Backend, device: Any
    ) -> None:
        self.inner, self.framework, self.backend, self.device = inner, framework, backend, device

    def entered(self, arrays: Sequence[Any]) -> list[Any]:
        """Arrays of the backend as those of the framework."""
        return [self.framework.enter(x, self.backend) for x in arrays]

    def left(self, arrays: Sequence[Any]) -> list[Any]:
        """Arrays of the framework as those of the backend."""
        leave, backend, device = self.framework.leave, self.backend, self.device
        return [None if y is None else leave(y, backend, device) for y in arrays]

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results."""
        with self.inner.block():
            return self.left(self.inner(self.entered(arrays)))

    def linearized(
        self, arrays: list[Any], needs: Sequence[int]
    ) -> tuple[list[Any], list[bool], Callable[[list[Any]], list[Any]] | None]:
        """The results, which of them have a gradient, and the framework's pullback."""
        enter, backend, block = self.framework.enter, self.backend, self.inner.block

        with block():
            found, smooth, pull = self.inner.linearized(self.entered(arrays), needs)
            outputs = self.left(found)
        if pull is None:
            return outputs, smooth, None

        def pulled(gs: list[Any]) -> list[Any]:
            with block():
                return self.left(pull([None if g is None else enter(g, backend) for g in gs]))

        return outputs, smooth, pulled

    def bridged(self, inner: ForeignProgram) -> _Bridged:
        """Another program, between the same two libraries."""
        return _Bridged(inner, self.framework, self.backend, self.device)

    def pullback(self, count: int, needs: Sequence[int], given: Sequence[int]) -> _Bridged:
        """The framework's."""
        return self.bridged(self.inner.pullback(count, needs, given))

    def pushforward(self, count: int, needs: Sequence[int], smooth: list[int]) -> _Bridged:
        """The framework's."""
        return self.bridged(self.inner.pushforward(count, needs, smooth))

    def mapped(self, axes: Sequence[int | None], size: int, randomness: str) -> _Bridged:
        """The framework's."""
        return self.bridged(self.inner.mapped(axes, size, randomness))


def calling(f: Callable[..., Any], framework: Framework) -> Callable[..., Any]:
    """`f`, a function of the framework's arrays, as a function of Variables and arrays of any
    backend that is recorded as one operation."""
    check_function(f, f"interop.{framework.name}.call")
    calls = _Calls(f, framework)

    @functools.wraps(f)
    def called(*args: Any, **kwargs: Any) -> Any:
        return calls.run(args, kwargs)

    return called


class _Calls:
    """What `calling` returns, without its name. Pickle takes the function and the framework."""

    def __init__(self, f: Callable[..., Any], framework: Framework) -> None:
        self.f, self.framework = f, framework
        self.where = f"interop.{framework.name}.call"
        self.rule = rule_of(getattr(f, "__name__", type(f).__name__))
        self.home = get_backend(framework.name)

    def __reduce__(self) -> Any:
        return _Calls, (self.f, self.framework)

    def takes(self, x: Any) -> bool:
        """Whether a leaf of the arguments is an array to hand over. Arrays of the framework itself
        are constants of `f`."""
        if is_variable(x):
            return True
        if BACKENDS.get(type(x), x) is None or not (hasattr(x, "dtype") and hasattr(x, "shape")):
            return False
        return backend_of(x) is not self.home

    def gives(self, y: Any) -> bool:
        """Whether a leaf of the results is an array."""
        return hasattr(y, "dtype") and hasattr(y, "shape") and backend_of(y) is self.home

    def run(self, args: Any, kwargs: Any) -> Any:
        """The results of one call."""
        framework, home, where = self.framework, self.home, self.where
        tree = TreeCall(self.f, args, kwargs, self.takes, self.gives)
        arrays = tree.arrays
        backend = _caller(arrays, home, where)
        program = framework.program(tree)
        if framework.draws and (level := read().level) is not ROOT and _draws_apart(level):
            arrays = [*arrays, drawn(backend.raw("zeros"), backend)]
        if backend is not home:
            device = device_of(arrays[0]) if arrays else None
            program = _Bridged(program, framework, backend, device)
        return tree.completed(_results(program, self.rule, arrays, tree, where))


def _draws_apart(level: Level | None) -> bool:
    """Whether some open level of `vmap` draws random numbers separately, and none refuses them."""
    found: set[str] = set()
    while level is not None:
        if isinstance(level, Batch):
            found.add(level.randomness)
        level = level.parent
    return "different" in found and "error" not in found


def _caller(arrays: list[Any], home: Backend, where: str) -> Backend:
    """The backend that `arrays` belong to; that of the framework, `home`, if there are none."""
    backend: Backend | None = None
    for x in arrays:
        other = backend_of(x)
        assert other is not None
        if backend is not None and other is not backend:
            raise mixed(backend, other, where)
        backend = other
    if backend is None or backend is home:
        return home
    if backend.adapter.capabilities().get("lazy"):
        raise UnsupportedError(
            f"{where} computes at once, and arrays of {backend.name} are lazy. Call it with what "
            "`.compute()` gives"
        )
    return backend


def _results(
    program: ForeignProgram, rule: CallRules, arrays: list[Any], tree: TreeCall, where: str
) -> list[Any]:
    """The results, as Variables if there are some among the arguments."""
    if any([is_variable(x) for x in arrays]):
        found = foreign_call(program, rule, arrays)
        leaves = [isinstance(x, (float, complex)) or hasattr(x, "dtype") for x in tree.rest]
        if not found and any(leaves) and any([is_tracked(x) for x in arrays]):
            break_graph(f"the call of {rule.primitive.name}, by {where},")
        return found
    try:
        return program(arrays)
    except Exception as error:
        explain(error, rule.primitive.name, arrays)


def made_by(backend: Backend, host: Any, device: Any, where: str) -> Any:
    """An array of `backend` with the values of `host`, a NumPy array. Where the backend lacks the
    dtype, only integers that fit may get another one."""
    try:
        made = backend.raw("asarray")(host)
        if device is not None and made.device != device:
            made = backend.raw("asarray")(host, device=device)
    except TypeError:
        raise refuse_dtype(host, backend, where) from None
    kept = name_of(made.dtype) == name_of(host.dtype)
    if kept or (host.dtype.kind in "iu" and (np.asarray(made) == host).all()):
        return made
    raise refuse_dtype(host, backend, where)


@functools.lru_cache(maxsize=256, typed=True)  # libraries warn where their dtypes meet others
def name_of(dtype: Any) -> str:
    """The name of a dtype, which is the same in all libraries."""
    return str(dtype).rpartition(".")[2]


def refuse_dtype(x: Any, backend: Backend, where: str) -> TypeMismatchError:
    """The error for an array whose dtype `backend` lacks."""
    return TypeMismatchError(
        f"{where}: the {backend.name} backend has no dtype for an array of {x.dtype}; convert it "
        "in the function, to float32 for example (for float64 in JAX, set JAX_ENABLE_X64=1)"
    )
