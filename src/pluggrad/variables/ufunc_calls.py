"""A NumPy ufunc called with Variables over any library: ``np.add(v, w, out=u, where=mask)``.

It is answered by pluggrad's function of its name. The dtypes of results are those that NumPy itself
resolves from the dtypes of the arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..arrays.backend import SCALARS, Backend
from ..arrays.dispatch import is_variable
from ..engine.arguments import axes_of, shortened
from ..engine.graph_breaks import break_graph
from ..engine.replacements import MIRRORS
from ..engine.strong_zeros import strong_zeros
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from .library_functions import lookup, raw, tracked

__all__ = ["Call", "called"]

#: Arguments that do not change values, and what they may be.
LAYOUT = {"order": ("K", "C", "A", "F"), "subok": (True, False)}


class Call:
    """One ufunc on one backend, and what its methods share: dtypes, masks, and writing results."""

    def __init__(self, backend: Backend, ufunc: Any, method: str) -> None:
        self.backend, self.ufunc, self.xp = backend, ufunc, backend.namespace
        place, self.function = _find(backend, ufunc)
        self.first: Any = None  # the dtype of what a reduction begins with
        self.name = f"{place}{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")

    def array(self, x: Any) -> Any:
        """`x` as a Variable of this backend."""
        return x if is_variable(x) else self.xp.asarray(x)

    def numpy_dtype(self, x: Any) -> Any:
        """The dtype of the array `x` as NumPy's; for a Python number its class, which NumPy
        promotes as a number."""
        import numpy

        if type(x) in SCALARS:
            return numpy.dtype(bool) if type(x) is bool else type(x)
        if isinstance(x.dtype, numpy.dtype):
            return x.dtype
        try:
            return numpy.dtype(str(x.dtype).rpartition(".")[2])
        except TypeError:
            raise UnsupportedError(
                f"{self.name}: NumPy has no dtype {x.dtype}, so it cannot say what the result is; "
                "use the function of that meaning in `pluggrad`"
            ) from None

    def cast(self, x: Any, dtype: Any) -> Any:
        """The array `x` in `dtype`, one of NumPy's; numbers stay as they are."""
        if type(x) in SCALARS or self.numpy_dtype(x) == dtype:
            return x
        return self.xp.astype(x, self.own_dtype(dtype))

    def own_dtype(self, dtype: Any) -> Any:
        """NumPy's `dtype` as the backend's own."""
        found = getattr(self.backend.xp, dtype.name, None)
        if found is None or dtype.kind not in "biufc":
            raise UnsupportedError(
                f"{self.name}: {self.backend.name} arrays of dtype {dtype} cannot be Variables"
            )
        return found

    def mask(self, where: Any) -> Any:
        """The argument `where` as a boolean array; None if it is True everywhere."""
        import numpy

        if where is True or (isinstance(where, numpy.bool_) and where):
            return None
        where = self.array(where)
        return self.cast(where, numpy.dtype(bool))

    def settings(self, kwargs: dict[str, Any], *known: str) -> None:
        """Raise for keywords but those in `known` and those about the memory layout, and for an
        `out` that holds something else than arrays."""
        for out in kwargs.get("out") or ():
            if out is not None and not hasattr(out, "dtype"):
                raise TypeMismatchError(
                    f"{self.name}: `out` is an array for each result, not {shortened(out)}"
                )
        for key, value in kwargs.items():
            if key in LAYOUT:
                if value not in LAYOUT[key]:
                    raise InvalidArgumentError(
                        f"{self.name}: {key} is one of {LAYOUT[key]}, not {value!r}"
                    )
            elif key not in known:
                raise UnsupportedError(f"{self.name}: the argument {key!r} is not known here")

    def write(self, y: Any, out: Any, mask: Any = None, casting: Any = "same_kind") -> Any:
        """`y`, or `out` with `y` written into it where `mask` is true."""
        import numpy

        if out is None:
            return y
        given, wanted = self.numpy_dtype(y), self.numpy_dtype(out)
        if not numpy.can_cast(given, wanted, casting):
            raise TypeMismatchError(
                f"{self.name}: the result of dtype {given} cannot be written into an `out` of "
                f"dtype {wanted} with casting={casting!r}; give another `out`"
            )
        shapes = [tuple(x.shape) for x in (y, out, *(() if mask is None else (mask,)))]
        known = all(isinstance(n, int) for shape in shapes for n in shape)
        if known and numpy.broadcast_shapes(*shapes) != shapes[1]:
            raise InvalidArgumentError(
                f"{self.name}: a result of shape {shapes[0]} cannot be written into an `out` of "
                f"shape {shapes[1]}"
            )
        if is_variable(out):
            y = self.cast(y, wanted)
            out[...] = y if mask is None else self.xp.where(mask, y, out)
        else:
            if tracked(y):
                break_graph(f"writing into a raw array, by {self.name},")
            there = True if mask is None else raw(mask)
            numpy.copyto(out, raw(y), where=there, casting=casting)
        return out


def _find(backend: Backend, ufunc: Any) -> tuple[str, Callable[..., Any]]:
    """The module that `ufunc` is called by, with a dot, and the function that answers it.

    Ufuncs are recognised by identity: scipy.special.log1p has the name of numpy.log1p, but is
    another function.
    """
    import numpy

    name = ufunc.__name__
    place, full = "", ""
    if getattr(numpy, name, None) is ufunc:
        place, full = "numpy.", name
    else:
        for module in ("scipy.special", "scipy.special._ufuncs"):
            if getattr(sys.modules.get(module), name, None) is ufunc:
                place, full = "scipy.special.", f"special.{name}"
    if not full:
        raise UnsupportedError(
            f"the ufunc {name!r} is none of NumPy's or SciPy's own (`numpy.frompyfunc` makes "
            "such), so nothing is known about its derivative. Write it with functions of "
            "`pluggrad`, or give it a derivative by `pluggrad.custom_vjp`"
        )
    function = lookup(backend, full)
    if function is None and place != "numpy." and "scipy" in MIRRORS:
        mirror = MIRRORS["scipy"]().special
        function = getattr(mirror, name) if name in mirror.__all__ else None
    if function is None:
        raise UnsupportedError(
            f"{place}{name.lstrip('_')} does not work on Variables over {backend.name} arrays; use "
            "other functions of `pluggrad`, or `.detach()` its arguments and take `.data`"
        )
    return place, function


# ---------------------------------------------------------------- the ufunc itself


def called(call: Call, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """``ufunc(*inputs, **kwargs)``."""
    if not kwargs:
        call.backend.ufuncs[call.ufunc] = call.function
        return call.function(*inputs)
    core = call.ufunc.signature
    known = ("axes", "axis", "keepdims") if core else ("where",)
    call.settings(kwargs, "out", "dtype", "casting", "signature", "sig", *known)
    casting = kwargs.get("casting", "same_kind")
    outs = kwargs.get("out") or (None,) * call.ufunc.nout
    mask = call.mask(kwargs.get("where", True))
    if mask is not None and any(out is None for out in outs):
        raise UnsupportedError(
            f"{call.name}: `where` without `out` leaves the other elements undefined; "
            "`pluggrad.where(mask, y, 0.0)` says what they are"
        )
    inputs, results = _resolved(call, inputs, kwargs)
    if core:
        found = _over_axes(call, inputs, kwargs)
    elif mask is not None:  # what is not written must not bring in 0 · inf = nan
        with strong_zeros():
            found = call.function(*inputs)
    else:
        found = call.function(*inputs)
    several = call.ufunc.nout > 1
    found = list(found) if several else [found]
    if results is not None:
        found = [call.cast(y, dtype) for y, dtype in zip(found, results, strict=True)]
    found = [call.write(y, out, mask, casting) for y, out in zip(found, outs, strict=True)]
    return tuple(found) if several else found[0]


def _resolved(call: Call, inputs: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The inputs, in the dtypes that the arguments `dtype`, `signature` and `casting` ask for, and
    the dtypes of the results; None for these if nothing is asked for."""
    import numpy

    ufunc = call.ufunc
    dtype, casting = kwargs.get("dtype"), kwargs.get("casting", "same_kind")
    signature = kwargs.get("signature", kwargs.get("sig"))
    if dtype is None and signature is None and casting == "same_kind":
        return inputs, None
    if dtype is not None:
        if signature is not None:
            raise InvalidArgumentError(f"{call.name} takes `dtype` or `signature`, not both")
        signature = (None,) * ufunc.nin + (numpy.dtype(dtype),) * ufunc.nout
    inputs = [x if type(x) in SCALARS else call.array(x) for x in inputs]
    given = (*map(call.numpy_dtype, inputs), *(None,) * ufunc.nout)
    chosen = {} if signature is None else {"signature": signature}
    resolved = ufunc.resolve_dtypes(given, casting=casting, **chosen)
    inputs = [call.cast(x, dtype) for x, dtype in zip(inputs, resolved, strict=False)]
    return inputs, resolved[ufunc.nin :]


def _over_axes(call: Call, inputs: Any, kwargs: dict[str, Any]) -> Any:
    """A ufunc of vectors and matrices, such as `matmul`, with `axes`, `axis` and `keepdims`."""
    axis, axes, keep = (kwargs.get(key) for key in ("axis", "axes", "keepdims"))
    cores = [part.strip("()") for part in call.ufunc.signature.replace("->", "),(").split("),(")]
    counts = [len(core.split(",")) if core else 0 for core in cores]
    if axis is None and axes is None and not keep:
        return call.function(*inputs)
    inputs = [call.array(x) for x in inputs]
    shared = {core for core in cores if core}
    if len(shared) > 1 or counts[0] != 1:
        if keep or axis is not None:
            raise InvalidArgumentError(
                f"{call.name}: `axis` and `keepdims` are for ufuncs of vectors; "
                "`axes` names the axes of each array"
            )
    elif axis is not None:
        if axes is not None:
            raise InvalidArgumentError(f"{call.name} takes `axis` or `axes`, not both")
        axes = [(axis,) if n else () for n in counts]
        if keep:
            axes[-1] = (axis,)
    result = counts[-1]
    if keep:
        result = 1
    axes = [(-1,) * n for n in counts] if axes is None else list(axes)
    if keep and len(axes) == len(counts) and not counts[-1] and axes[-1] == ():
        axes[-1] = axes[0]
    if len(axes) == len(inputs) and not counts[-1]:
        axes.append(axes[0] if keep else ())
    axes = [n if isinstance(n, (tuple, list)) else (n,) for n in axes]
    wanted = [*counts[:-1], result]
    if [len(n) for n in axes] != wanted or any(
        x.ndim < n for x, n in zip(inputs, counts, strict=False)
    ):
        raise InvalidArgumentError(f"{call.name}: `axes` names {wanted} axes of the arrays")
    moved = [
        call.xp.moveaxis(x, axes_of(tuple(n), x.ndim, call.name, "axes"), tuple(range(-len(n), 0)))
        for x, n in zip(inputs, axes, strict=False)
    ]
    y = call.function(*moved)
    y = call.xp.expand_dims(y, axis=-1) if keep else y
    if not result:
        return y
    places = axes_of(tuple(axes[-1]), y.ndim, call.name, "axes")
    return call.xp.moveaxis(y, tuple(range(-result, 0)), places)
