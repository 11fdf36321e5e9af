"""What a Variable is to others: a scalar, an array, text, an operand of NumPy's functions."""

from __future__ import annotations

import operator
from contextlib import suppress
from typing import Any

from ..arrays.standard import VERSIONS
from ..engine.graph_breaks import break_graph, storing, warn_scalar
from ..engine.handles import raw_of
from ..errors import InvalidArgumentError, NotOneElementError, TypeMismatchError
from .library_functions import foreign, numpy_ufunc

__all__ = ["Conversions"]


class Conversions:
    """The part of `Variable` that hands its values out. Nothing leaves the graph silently."""

    __slots__ = ()

    # ------------------------------------------------------------ leaving the graph

    def _one(self: Any, name: str) -> Any:
        """The raw array of the one element, without axes."""
        data = self.data
        if not len(data.shape) or (count := self.size) is None:
            return data
        if count != 1:
            raise NotOneElementError(
                f"{name}() of a Variable of shape {tuple(self.shape)}: only one element is a scalar"
            )
        return self._backend.raw("reshape")(data, ())

    def _scalar(self: Any, kind: type, name: str) -> Any:
        one = self._one(name)
        if self._tracked:
            if storing():
                break_graph("writing an element into a raw array")
            else:
                warn_scalar(name)
        return kind(one)

    def __bool__(self: Any) -> bool:
        return bool(self._one("bool"))

    def __float__(self: Any) -> float:
        return self._scalar(float, "float")  # type: ignore[no-any-return]

    def __int__(self: Any) -> int:
        return self._scalar(int, "int")  # type: ignore[no-any-return]

    def __complex__(self: Any) -> complex:
        return self._scalar(complex, "complex")  # type: ignore[no-any-return]

    def __index__(self: Any) -> int:
        data = self.data
        try:
            return operator.index(data)
        except TypeError as error:
            raise TypeMismatchError(
                f"only a 0-d integer is an index, not {self.dtype} of shape {tuple(self.shape)}"
            ) from error

    def __format__(self: Any, spec: str) -> str:
        return format(_to_scalar(self._one("format")), spec) if spec else str(self)

    def item(self: Any) -> Any:
        """The one element as a Python scalar."""
        one = self._one("item")
        if self._tracked:
            warn_scalar("item")
        return _to_scalar(one)

    def tolist(self: Any) -> Any:
        """The elements as nested lists of Python scalars."""
        if self._tracked:
            warn_scalar("tolist")
        data = self.data
        return data.tolist() if hasattr(data, "tolist") else _to_list(data)

    def numpy(self: Any) -> Any:
        """The elements as a NumPy array; GraphBreakError if this Variable requires grad."""
        return self.__array__()

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy

        if self._tracked:
            break_graph("conversion to a NumPy array")
        data = self.data
        if not hasattr(data, "__array__") and numpy.asarray(data).dtype == object:
            # NumPy does not know what this is.
            data = numpy.asarray(_to_list(data), dtype=str(self.dtype).split(".")[-1].lower())
        if copy is None:
            return numpy.asarray(data, dtype=dtype)
        return numpy.array(data, dtype=dtype, copy=copy)

    def __dlpack__(
        self: Any,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if self._tracked:
            break_graph("export through DLPack")
        given = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
        return self.data.__dlpack__(**{k: x for k, x in given.items() if x is not None})

    def __dlpack_device__(self: Any, /) -> Any:
        return self.data.__dlpack_device__()

    # ------------------------------------------------------------ protocols

    def __array_namespace__(self: Any, /, *, api_version: str | None = None) -> Any:
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
        if method == "__call__" and not kwargs:
            function = self._backend.ufuncs.get(ufunc)  # filled by the call below
            if function is not None:
                return function(*inputs)
        return numpy_ufunc(self._backend, ufunc, method, inputs, kwargs)

    def __array_function__(self: Any, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return foreign(self._backend, func, args, kwargs)

    @classmethod
    def __torch_function__(
        cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return foreign(cls._backend, func, args, kwargs or {})

    def __repr__(self: Any) -> str:
        data = raw_of(self)
        kind = f"{self._backend.name}.{str(self.dtype).split('.')[-1]}"
        text = str(data)
        if not tuple(self.shape) and hasattr(data, "tolist"):
            with suppress(Exception):  # what a compiler traces has no value yet
                text = repr(data.tolist())
        size = "x".join(str(n) for n in self.shape) or "()"
        return f"Variable containing:\n{text}\n[{kind} of size {size}]"


def _to_scalar(data: Any) -> Any:
    if hasattr(data, "item"):
        return data.item()
    if str(data.dtype).split(".")[-1].startswith("complex"):
        return complex(data)
    if "float" in str(data.dtype):
        return float(data)
    return bool(data) if "bool" in str(data.dtype) else int(data)


def _to_list(data: Any) -> Any:
    if not data.shape:
        return _to_scalar(data)
    if hasattr(data, "compute"):  # lazy: once for all
        return _to_list(data.compute())
    return [_to_list(data[i, ...]) for i in range(data.shape[0])]
