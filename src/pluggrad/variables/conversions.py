"""Conversions of a Variable to a scalar, an array or text, and the protocols of other libraries."""

from __future__ import annotations

import operator
from contextlib import suppress
from typing import Any

from ..arrays.backend import get_backend
from ..arrays.dispatch import is_batched
from ..arrays.standard import VERSIONS
from ..engine.adopted import is_adopted
from ..engine.graph_breaks import (
    COLLECT,
    MetInListError,
    break_by_write,
    break_graph,
    chosen_policy,
    is_met_in_list,
    storing,
    warn_scalar,
)
from ..engine.handles import raw_of
from ..engine.levels import ROOT
from ..errors import InvalidArgumentError, NotOneElementError, TypeMismatchError
from .library_functions import foreign
from .ufuncs import numpy_ufunc

__all__ = ["Conversions"]


class Conversions:
    """The part of `Variable` that gives its values to others. Nothing leaves the graph silently."""

    __slots__ = ()

    # ------------------------------------------------------------ leaving the graph

    def _one(self: Any, name: str) -> Any:
        """The only element as a raw array without axes; an error if there are several."""
        data = self.data
        if not len(data.shape) or (count := self.size) is None:
            return data
        if count != 1:
            raise NotOneElementError(
                f"{name}() of a Variable of shape {tuple(self.shape)}: only one element is a scalar"
            )
        return self._backend.raw("reshape")(data, ())

    def _scalar(self: Any, kind: type, name: str) -> Any:
        """The only element as a Python scalar. Of a tracked Variable, it warns that the graph is
        left; while a raw array stores the scalar, it raises."""
        one = self._one(name)
        if self._tracked:
            if is_met_in_list(3):
                raise MetInListError
            if storing():
                break_by_write("writing an element into a raw array")
            else:
                warn_scalar(name)
        return kind(one)

    def __bool__(self: Any) -> bool:
        """The only element as a bool. It is control flow, so nothing warns."""
        return bool(self._one("bool"))

    def __float__(self: Any) -> float:
        """The only element as a float; a tracked Variable warns."""
        return self._scalar(float, "float")  # type: ignore[no-any-return]

    def __int__(self: Any) -> int:
        """The only element as an int; a tracked Variable warns."""
        return self._scalar(int, "int")  # type: ignore[no-any-return]

    def __complex__(self: Any) -> complex:
        """The only element as a complex; a tracked Variable warns."""
        return self._scalar(complex, "complex")  # type: ignore[no-any-return]

    def __index__(self: Any) -> int:
        """The integer without axes that it holds, for use as an index."""
        data = self.data
        try:
            return operator.index(data)
        except TypeError as error:
            raise TypeMismatchError(
                f"only a 0-d integer is an index, not {self.dtype} of shape {tuple(self.shape)}"
            ) from error

    def __format__(self: Any, spec: str) -> str:
        """The only element by a format specification; without one, as `str`."""
        return format(_to_scalar(self._one("format")), spec) if spec else str(self)

    def item(self: Any, *index: Any) -> Any:
        """The one element as a Python scalar; with an index, or a place in the flat array, that
        element. In an adopted package a tracked Variable stays one, without axes."""
        if index:
            whole = index[0] if len(index) == 1 else index
            return (self[whole] if isinstance(whole, tuple) else self.flat[whole]).item()
        if self._tracked and is_adopted():  # the package's number stays a Variable
            self._one("item")
            return self if not self.ndim else self._backend.namespace.reshape(self, ())
        one = self._one("item")
        if self._tracked:
            _left(self, "item")
        return _to_scalar(one)

    def tolist(self: Any) -> Any:
        """The elements as nested lists of Python scalars. In an adopted package those of a tracked
        Variable are Variables without axes."""
        if self._tracked:
            if is_adopted():
                return [x.tolist() for x in self] if self.ndim else self
            _left(self, "tolist")
        data = self.data
        return data.tolist() if hasattr(data, "tolist") else _to_list(data)

    def numpy(self: Any) -> Any:
        """The elements as a NumPy array; GraphBreakError if this Variable requires grad."""
        return self.__array__()

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        """As `numpy`, for NumPy's own conversions, such as ``np.asarray(v)``."""
        import numpy

        if is_met_in_list():
            raise MetInListError
        if chosen_policy() == COLLECT and dtype is None and self._is_collected():
            found = numpy.empty((), object)
            found[()] = self
            return found
        if self._tracked:
            if storing():
                break_by_write("writing into a raw array")
            else:
                break_graph("conversion to a NumPy array")
        data = self.data
        if not hasattr(data, "__array__") and numpy.asarray(data).dtype == object:
            # NumPy sees an opaque object.
            data = numpy.asarray(_to_list(data), dtype=str(self.dtype).split(".")[-1].lower())
        if copy is None:
            return numpy.asarray(data, dtype=dtype)
        return numpy.array(data, dtype=dtype, copy=copy)

    def _is_collected(self: Any) -> bool:
        """Whether NumPy gets an object here, while results are collected; see `collecting`."""
        return not self.ndim and (self._tracked or is_batched(self))

    def __dlpack__(
        self: Any,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Export to another library; GraphBreakError if this Variable requires grad."""
        if self._tracked:
            break_graph("export through DLPack")
        given = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        return self.data.__dlpack__(**{k: x for k, x in given.items() if x is not None})

    def __dlpack_device__(self: Any, /) -> Any:
        """The device, as DLPack states it."""
        return self.data.__dlpack_device__()

    def to_dask_array(self: Any) -> Any:
        """The elements as a Dask array, which is how functions of Dask take them; GraphBreakError
        if this Variable requires grad."""
        adapter: Any = get_backend("dask").adapter
        return adapter.taken(self)

    def __dask_tokenize__(self: Any) -> Any:
        """What stands for this Variable in the names of Dask's tasks; GraphBreakError if it
        requires grad, and a function of Dask takes it for a constant."""
        adapter: Any = get_backend("dask").adapter
        return adapter.token(self)

    # ------------------------------------------------------------ protocols

    def __array_namespace__(self: Any, /, *, api_version: str | None = None) -> Any:
        """The differentiable namespace of its backend."""
        if api_version is not None and api_version not in VERSIONS:
            raise InvalidArgumentError(
                f"version {api_version!r} of the standard is not known here; {VERSIONS[-1]!r} is"
            )
        return self._backend.namespace

    def to_device(self: Any, device: Any, /, *, stream: Any = None) -> Any:
        """The same values on another device."""
        if stream is not None:
            raise InvalidArgumentError("to_device: streams are not supported")
        return self._backend.namespace.to_device(self, device)

    def __array_ufunc__(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Answer a NumPy ufunc that was called with this Variable."""
        if method == "__call__" and not kwargs:
            function = self._backend.ufuncs.get(ufunc)  # filled by the call below
            if function is not None:
                return function(*inputs)
        return numpy_ufunc(self._backend, ufunc, method, inputs, kwargs)

    def __array_function__(self: Any, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Answer any other function of NumPy's that was called with this Variable."""
        answer = self._backend.answers.get(func)  # filled by the call below
        if answer is not None:
            return answer(*args, **kwargs)
        return foreign(self._backend, func, args, kwargs)

    @classmethod
    def __torch_function__(
        cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Answer a torch function that was called with a Variable."""
        return foreign(cls._backend, func, args, kwargs or {})

    def __repr__(self: Any) -> str:
        """The values, the dtype and the shape, in the layout of early versions of torch."""
        data = raw_of(self)
        kind = f"{self._backend.name}.{str(self.dtype).split('.')[-1]}"
        text = str(data)
        if not tuple(self.shape) and hasattr(data, "tolist"):
            with suppress(Exception):  # no value yet, while a compiler traces
                text = repr(data.tolist())
        size = "x".join(str(n) for n in self.shape) or "()"
        return f"Variable containing:\n{text}\n[{kind} of size {size}]"


def _left(v: Any, name: str) -> None:
    """Warn that the values of `v` leave the graph by the method `name`, unless the library's own
    arrays have that method and do not warn either."""
    if v._level is not ROOT or v._backend.adapter.warns_of_items or chosen_policy():
        warn_scalar(name)


def _to_scalar(data: Any) -> Any:
    """The element of a raw array without axes as a Python scalar."""
    if hasattr(data, "item"):
        return data.item()
    if str(data.dtype).split(".")[-1].startswith("complex"):
        return complex(data)
    if "float" in str(data.dtype):
        return float(data)
    return bool(data) if "bool" in str(data.dtype) else int(data)


def _to_list(data: Any) -> Any:
    """A raw array as nested lists of Python scalars."""
    if not data.shape:
        return _to_scalar(data)
    if hasattr(data, "compute"):  # lazy: compute all elements at once
        return _to_list(data.compute())
    return [_to_list(data[i, ...]) for i in range(data.shape[0])]
