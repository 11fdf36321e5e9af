"""The methods and properties of torch's tensors, on Variables over torch.

A method that all Variables have keeps its meaning, which is the standard's and NumPy's and the same
on every backend, unless the call is spelt as only torch spells it (`SPELT`): ``v.max(1)`` are the
largest values, ``v.max(dim=1)`` also their places. Any other is torch's: ``v.f(...)`` is
``torch.Tensor.f(v, ...)``. Methods that write in place, such as ``v.grad.zero_()``, write as
``v[...] = value`` does.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

import pluggrad as pg
from pluggrad.plugin import InvalidArgumentError, UnsupportedError, explain, is_variable, write

from . import dtensor

__all__ = ["methods", "written"]

#: Methods that return the tensor itself where there is nothing to convert.
CONVERSIONS = {
    "to", "cpu", "cuda", "float", "double", "half", "bfloat16", "cfloat", "cdouble", "chalf",
    "bool", "byte", "char", "short", "int", "long", "type", "type_as", "contiguous",
}  # fmt: skip
#: Questions about memory and kind, whose answers are plain values: methods, and properties.
PLAIN = {
    "element_size", "stride", "storage_offset", "is_contiguous", "data_ptr", "get_device",
    "is_signed", "is_conj", "is_neg", "is_inference", "is_pinned", "is_shared", "untyped_storage",
    "dim_order",
}  # fmt: skip
PROPERTIES = {
    "is_cuda", "is_cpu", "is_meta", "is_mps", "is_xpu", "is_sparse", "is_sparse_csr",
    "is_quantized", "is_nested", "is_mkldnn", "layout",
}  # fmt: skip
#: Methods that fill a tensor with random numbers.
FILLS = {"uniform_", "normal_", "exponential_", "cauchy_", "geometric_", "log_normal_", "random_"}
#: Methods that make another tensor of this dtype, on this device.
MAKERS = {"new_empty", "new_full", "new_ones", "new_tensor", "new_zeros"}
#: What has no meaning for Variables: memory that others share, names of axes, internals.
WITHOUT = {
    "as_subclass", "const_data_ptr", "storage", "storage_type", "storage_offset_", "module_load",
    "share_memory_", "pin_memory", "record_stream", "reinforce", "register_hook", "name", "names",
    "rename", "rename_", "refine_names", "align_as", "align_to", "has_names", "set_", "resize",
    "resize_", "resize_as", "resize_as_", "resize_as_sparse_", "apply_", "map_", "map2_", "new",
    "is_leaf", "output_nr", "grad_dtype", "coalesce", "is_set_to", "is_distributed", "imag", "real",
}  # fmt: skip
#: Keywords of torch's that NumPy's methods lack.
WORDS = {
    "dim", "keepdim", "unbiased", "start_dim", "end_dim", "dim0", "dim1", "dim2", "descending",
    "as_tuple", "sizes", "other",
}  # fmt: skip


def _integers(args: Any) -> bool:
    return bool(args) and all([isinstance(x, int) and not isinstance(x, bool) for x in args])


#: Methods that all Variables have, and when a call of theirs means torch's: by its keywords, or by
#: its positional arguments, as the function tells.
SPELT: dict[str, Callable[[Any], bool]] = {
    "argsort": lambda args: False,
    "diagonal": lambda args: False,
    "flatten": _integers,
    "max": lambda args: bool(args) and hasattr(args[0], "dtype"),
    "min": lambda args: bool(args) and hasattr(args[0], "dtype"),
    "nonzero": lambda args: False,
    "repeat": lambda args: len(args) > 2 and _integers(args),
    "sort": lambda args: False,
    "squeeze": _integers,
    "std": lambda args: bool(args) and isinstance(args[0], bool),
    "transpose": lambda args: len(args) == 2 and _integers(args) and args[0] != args[1],
    "var": lambda args: bool(args) and isinstance(args[0], bool),
}


def methods() -> dict[str, Any]:
    """The methods and properties that Variables over torch have beside those of all Variables."""
    found: dict[str, Any] = dtensor.methods()
    own = set(dir(pg.Variable))
    for name, spelt in SPELT.items():
        found[name] = _either(name, spelt)
    for name in dir(torch.Tensor):
        if name.startswith("_") or name in own or name in WITHOUT:
            continue
        theirs = inspect.getattr_static(torch.Tensor, name)
        if name in PROPERTIES:
            found[name] = property(_attribute(name), doc=f"As `torch.Tensor.{name}`.")
        elif name in ("H", "mH"):
            found[name] = property(_adjoint(name), doc=f"As `torch.Tensor.{name}`.")
        elif not callable(theirs) or (name.startswith(("is_", "q_", "sparse_", "to_")) and (
            name not in PLAIN and not hasattr(torch, name) and name != "is_same_size"
        )):  # fmt: skip
            continue
        elif name.endswith("_"):
            found[name] = _named(name, _writing(name))
        elif name in PLAIN:
            found[name] = _named(name, _asking(name))
        elif name in CONVERSIONS:
            found[name] = _named(name, _converting(name))
        elif name in MAKERS:
            found[name] = _named(name, _making(name))
        else:
            found[name] = _named(name, _calling(name))
    return found


def _named(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """`method`, named and documented."""
    method.__name__, method.__qualname__ = name, f"Variable.{name}"
    method.__module__ = "pluggrad"
    how = "; it writes in place" if name.endswith("_") else ""
    method.__doc__ = f"As `torch.Tensor.{name}`{how}."
    return method


def _answered(func: Any, v: Any, args: Any, kwargs: Any) -> Any:
    """What pluggrad answers to ``func(v, *args, **kwargs)``, a method of torch's."""
    return type(v).__torch_function__(func, (), (v, *args), kwargs)


def _calling(name: str) -> Callable[..., Any]:
    """A method that computes a new value."""
    func = getattr(torch.Tensor, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _answered(func, self, args, kwargs)

    return method


def _either(name: str, spelt: Callable[[Any], bool]) -> Callable[..., Any]:
    """A method of all Variables that is torch's where the call is spelt as only torch spells it."""
    ours, func = getattr(pg.Variable, name), getattr(torch.Tensor, name)

    @functools.wraps(ours)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if spelt(args) or not WORDS.isdisjoint(kwargs):
            return _answered(func, self, args, kwargs)
        return ours(self, *args, **kwargs)

    return method


def _converting(name: str) -> Callable[..., Any]:
    """A method that returns the Variable itself where there is nothing to convert, so that a leaf
    stays a leaf."""
    func = getattr(torch.Tensor, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        plain = [_bottom(x) for x in args]
        with suppress(Exception):  # it is raised again below
            if func(_bottom(self), *plain, **kwargs) is _bottom(self):
                return self
        return _answered(func, self, args, kwargs)

    return method


def _bottom(x: Any) -> Any:
    """The raw tensor at the bottom of `x`, below all transforms."""
    while is_variable(x):
        x = x._read()[0]
    return x


def _of_torch(name: str, x: Any, args: Any, kwargs: Any) -> Any:
    """torch's own method of the raw tensor `x`."""
    try:
        return getattr(x, name)(*args, **kwargs)
    except Exception as error:
        explain(error, f"torch.Tensor.{name}", (x, *args))


def _asking(name: str) -> Callable[..., Any]:
    """A question that the raw tensor answers."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _of_torch(name, self.data, args, kwargs)

    return method


def _attribute(name: str) -> Callable[[Any], Any]:
    """An attribute of the raw tensor."""
    return lambda self: getattr(self.data, name)


def _adjoint(name: str) -> Callable[[Any], Any]:
    """The conjugate transpose: `H` of a matrix, `mH` of the matrices in the last two axes."""

    def value(self: Any) -> Any:
        if self.ndim != 2 and (name == "H" or self.ndim < 2):
            raise InvalidArgumentError(
                f"{name} of a Variable of {self.ndim} axes: it is for matrices"
            )
        return pg.conj(self.mT)

    return value


def _making(name: str) -> Callable[..., Any]:
    """A method that makes another tensor, as a new leaf."""

    def method(self: Any, *args: Any, requires_grad: bool = False, **kwargs: Any) -> Any:
        plain = [x.detach().data if is_variable(x) else x for x in args]
        made = _of_torch(name, self.data, plain, kwargs)
        return pg.Variable(made, requires_grad=requires_grad)

    return method


def _writing(name: str) -> Callable[..., Any]:
    """A method that writes in place: the value comes from the method without the underscore."""
    pure = getattr(torch.Tensor, name[:-1], None)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if name == "zero_":
            value: Any = pg.zeros_like(self.detach())
        elif name in ("fill_", "copy_"):
            value = args[0] if args else kwargs.get("value", kwargs.get("src"))
            kwargs.pop("non_blocking", None)
            if hasattr(value, "dtype") and value.dtype != self.dtype:
                value = pg.astype(pg.asarray(value), self.dtype)
        elif name in FILLS:
            with torch.no_grad():
                value = _of_torch(name, self.detach().data.clone(), args, kwargs)
        elif pure is None:
            raise UnsupportedError(
                f"torch.Tensor.{name} does not work on Variables: assign to `v[...]` what it is to "
                "hold"
            )
        else:
            value = _answered(pure, self, args, kwargs)
            if tuple(value.shape) != tuple(self.shape):
                raise InvalidArgumentError(
                    f"torch.Tensor.{name}: in place, the shape {tuple(self.shape)} stays, and the "
                    f"result would have {tuple(value.shape)}"
                )
            if not torch.can_cast(value.dtype, self.dtype):
                raise InvalidArgumentError(
                    f"torch.Tensor.{name}: in place, {self.dtype} cannot take a result of dtype "
                    f"{value.dtype}"
                )
            if value.dtype != self.dtype:
                value = pg.astype(value, self.dtype)
        self[...] = value
        return self

    return method


def written(func: Any, name: str, module: str | None, args: Any, kwargs: Any) -> Any:
    """Answer ``func(*args, **kwargs)``, a function of torch's that writes into its first argument:
    by the method of that name, if it is a Variable, and for `torch.nn.init` without recording."""
    args, kwargs = list(args), dict(kwargs)
    if not args and "tensor" in kwargs:
        args.append(kwargs.pop("tensor"))
    v: Any = args[0] if args else None
    if not is_variable(v):
        return write(func, args, kwargs)
    if module != "torch.nn.init":
        if hasattr(v, name):
            return getattr(v, name)(*args[1:], **kwargs)
        v[...] = getattr(torch.nn.functional, name[:-1])(*args, **kwargs)
        return v
    with torch.no_grad():
        v[...] = _of_func(func, [v.detach().data.clone(), *args[1:]], kwargs)
    return v


def _of_func(func: Any, args: Any, kwargs: Any) -> Any:
    """torch's own function of raw tensors."""
    try:
        return func(*args, **kwargs)
    except Exception as error:
        explain(error, func.__name__, args)
