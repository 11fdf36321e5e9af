"""The wrapped libraries' own functions, called with Variables: answered by ours of that meaning.

NumPy hands them over through `__array_ufunc__` and `__array_function__`, torch through
`__torch_function__`. Which function of ours answers is the adapter's to say, mostly in a table of
rows that `Table` reads; what the adapters share is here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays.backend import PRIMITIVES, Backend
from ..arrays.composites import COMPOSITES
from ..arrays.dispatch import is_batched, is_variable
from ..engine.arguments import explain
from ..engine.batch import template
from ..engine.graph_breaks import break_graph
from ..engine.handles import wrap_untracked
from ..errors import InvalidArgumentError, UnsupportedError
from .namespace import loses

__all__ = ["Table", "answer_constant", "answer_raw", "foreign", "label", "lookup", "names",
           "numpy_ufunc", "raw", "tracked", "write"]  # fmt: skip

#: NumPy's names for functions of the standard, where they differ.
NUMPY_NAMES = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh",
    "arctan": "atan", "arctan2": "atan2", "arctanh": "atanh", "conjugate": "conj", "fabs": "abs",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "mod": "remainder",
    "power": "pow", "float_power": "pow", "right_shift": "bitwise_right_shift", "rint": "round",
    "true_divide": "divide",
}  # fmt: skip
#: `ufunc.reduce` and `ufunc.accumulate`, by the ufunc's name.
REDUCTIONS = {
    ("add", "reduce"): "sum", ("multiply", "reduce"): "prod", ("maximum", "reduce"): "max",
    ("minimum", "reduce"): "min", ("logical_and", "reduce"): "all", ("logical_or", "reduce"): "any",
    ("add", "accumulate"): "cumulative_sum", ("multiply", "accumulate"): "cumulative_prod",
}  # fmt: skip


def lookup(backend: Backend, name: str) -> Any:
    """The function `name` of the differentiable namespace, such as ``linalg.solve``; or None."""
    found: Any = backend.namespace
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except (AttributeError, UnsupportedError):
            return None
    return found


def names(func: Any) -> tuple[str | None, str]:
    """The module and name of `func`; compilers take these two as constants, this and `label`."""
    return getattr(func, "__module__", None), func.__name__


def label(func: Any) -> str:
    """How a user writes `func`: ``numpy.linalg.norm``, ``torch.Tensor.add_``."""
    name = getattr(func, "__name__", str(func))
    owner = getattr(func, "__objclass__", None)
    if owner is not None:
        return f"{owner.__module__.split('.')[0]}.{owner.__name__.removesuffix('Base')}.{name}"
    module = getattr(func, "__module__", None) or type(func).__module__
    return ".".join([part for part in module.split(".") if part[0] != "_"] + [name])


def foreign(backend: Backend, func: Any, args: Any, kwargs: Any) -> Any:
    """A function of the library that a Variable wraps, or of NumPy, answered by ours."""
    library = label(func).split(".")[0]
    if library not in backend.adapter.modules:
        if library == "numpy" and names(func)[1] in ("shape", "ndim"):
            return answer_raw(func, args, kwargs)
        raise UnsupportedError(
            f"{label(func)} was called with a Variable over {backend.name} arrays. Use the "
            f"function of that meaning in `pluggrad`, or bring the values over: "
            f"`pluggrad.lift(v.detach(), like=a {library} array)`."
        )
    try:
        answer = backend.adapter.foreign(backend, func, args, kwargs)
    except Exception as error:
        explain(error, label(func), args)
    if answer is NotImplemented:
        raise UnsupportedError(
            f"{label(func)} does not work on Variables; use the function of that meaning in "
            "`pluggrad`, or `.detach()` its arguments and take `.data`"
        )
    return answer


# ---------------------------------------------------------------- what adapters answer with


def tracked(*values: Any) -> bool:
    """Whether there is a Variable that requires grad among `values`, or in a sequence there."""
    return any(
        x._tracked if is_variable(x)
        else tracked(*x.values()) if isinstance(x, dict)
        else isinstance(x, (list, tuple)) and tracked(*x)
        for x in values
    )  # fmt: skip


def raw(x: Any) -> Any:
    """`x` with raw arrays in the place of Variables, in sequences and dicts too."""
    if is_variable(x):
        return x.data
    if isinstance(x, (list, tuple)):
        items = [raw(item) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    if isinstance(x, dict):
        return {key: raw(value) for key, value in x.items()}
    return x


def answer_raw(func: Any, args: Any, kwargs: Any) -> Any:
    """A question about arrays, which the library answers on the raw ones; one about a shape or
    a dtype also for values inside `vmap`, on zeros in their place."""
    if names(func)[1] in ABOUT_SHAPES:
        args = [template(x) if is_batched(x) else x for x in args]
    return func(*raw(args), **raw(kwargs))


#: Questions that no element has a part in.
ABOUT_SHAPES = {
    "shape", "ndim", "size", "iscomplexobj", "isrealobj", "result_type", "can_cast", "common_type",
    "dim", "numel", "is_complex", "is_floating_point", "is_same_size",
}  # fmt: skip


def answer_constant(backend: Backend, func: Any, args: Any, kwargs: Any) -> Any:
    """A function that nothing of ours answers, of untracked Variables: the library's own answer,
    untracked. NotImplemented where a gradient would be lost, or a Variable be written behind our
    back."""
    if kwargs.get("out") is not None or loses((args, list(kwargs.values()))):
        return NotImplemented
    return wrap_untracked(answer_raw(func, args, kwargs), backend)


def write(func: Any, args: Any, kwargs: Any) -> Any:
    """A function that writes Variables into raw arrays: refused where a gradient would be lost."""
    if tracked(args, kwargs):
        break_graph(f"writing into a raw array, by {label(func)},")
    return answer_raw(func, args, kwargs)


class Table:
    """Which function of ours answers which of the library's, one row each.

    ``amax = max(input | dim=axis keepdim=keepdims)``: the library's parameters, in its order, and
    what we call them. Those before the bar are handed on by position. A parameter in brackets, as
    in ``[order]``, is taken and left out, because it does not change the values.
    """

    def __init__(self, rows: str) -> None:
        self.rows: dict[str, tuple[str, list[tuple[str, str, bool]]]] = {}
        for line in rows.strip().splitlines():
            names, _, target = line.partition("=")
            ours, _, inside = target.strip().removesuffix(")").partition("(")
            positional, _, keyword = inside.partition("|")
            parameters = [(name, name, True) for name in positional.split()]
            for word in keyword.split():
                theirs, _, our = word.partition("=")
                parameters.append((theirs, our or theirs, False))
            for name in names.split():
                self.rows[name] = (ours, parameters)

    def answer(self, backend: Backend, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """What the row of `name` says; NotImplemented where there is none."""
        if name not in self.rows:
            return self._same_name(backend, func, name, args, kwargs)
        ours, parameters = self.rows[name]
        function = lookup(backend, ours)
        if function is None:
            return NotImplemented
        if len(args) > len(parameters):
            raise InvalidArgumentError(f"{label(func)} got {len(args)} arguments")
        kwargs = dict(kwargs)
        kwargs.update({parameters[i][0].strip("[]"): x for i, x in enumerate(args)})
        given = {name for name, x in kwargs.items() if x is None}
        positional, keywords = [], {}
        for theirs, our, by_position in parameters:
            value = kwargs.pop(theirs.strip("[]"), None)
            if by_position:
                positional.append(value)
            elif (value is not None or (our == "axis" and theirs in given)) and theirs[0] != "[":
                keywords[our] = value  # no axis at all, where it is asked for, is not the default
        out = keywords.pop("out", None)
        refuse_keywords(func, kwargs)
        return into(func, out, function(*positional, **keywords))

    def _same_name(self, backend: Backend, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Elementwise functions mean the same under the same name."""
        primitive = PRIMITIVES.get(name)
        if primitive is None or primitive.private or (
            primitive.parameters not in (("x",), ("x1", "x2"))
        ):  # fmt: skip
            return NotImplemented
        kwargs = dict(kwargs)
        out = kwargs.pop("out", None)
        refuse_keywords(func, kwargs)
        return into(func, out, lookup(backend, name)(*args))


def refuse_keywords(func: Any, kwargs: dict[str, Any]) -> None:
    """Raise for keywords that nothing here understands, unless they say nothing."""
    left = [name for name, value in kwargs.items() if value is not None and value is not False]
    if left:
        raise UnsupportedError(f"{label(func)}({left[0]}=...) does not work on Variables")


def into(func: Any, out: Any, y: Any) -> Any:
    """`y`, written to `out` if there is one."""
    if out is None:
        return y
    if not is_variable(out):
        if tracked(y):
            break_graph(f"writing into a raw array, by {label(func)}(out=...),")
        y = y.data
    out[...] = y
    return out


# ---------------------------------------------------------------- NumPy's ufuncs, on any backend


def numpy_ufunc(backend: Backend, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """A NumPy ufunc called with a Variable among its arguments."""
    out = kwargs.pop("out", None)
    name = f"numpy.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    if method == "at" or (out is not None and not all(o is None or is_variable(o) for o in out)):
        if tracked(inputs):
            break_graph(f"writing into a raw array, by {name},")
        if method != "at":
            kwargs["out"] = raw(out)
        return getattr(ufunc, method)(*raw(inputs), **kwargs)
    y = _ufunc_answer(backend, ufunc, method, inputs, kwargs, name)
    if y is NotImplemented:
        raise UnsupportedError(
            f"{name} does not work on Variables over {backend.name} arrays; use the function of "
            "that meaning in `pluggrad`, or `.detach()` its arguments and take `.data`"
        )
    if out is not None and out[0] is not None:
        out[0][...] = y
        return out[0]
    return y


def _ufunc_answer(
    backend: Backend, ufunc: Any, method: str, inputs: Any, kwargs: Any, name: str
) -> Any:
    import numpy

    # Matched by object: scipy.special.log1p has the name of numpy.log1p, and is another function.
    own = getattr(numpy, ufunc.__name__, None) is ufunc
    if method == "__call__":
        ours = NUMPY_NAMES.get(ufunc.__name__, ufunc.__name__)
        function: Callable[..., Any] | None = None
        if own:
            y = _ufunc_composite(backend, ufunc.__name__, inputs)
            if y is not NotImplemented:
                return y
            function = lookup(backend, ours)
        if function is None or (own and ours not in PRIMITIVES and ours not in COMPOSITES):
            function = lookup(backend, f"special.{ours}") or function
        if function is None:
            return NotImplemented
        dtype = kwargs.pop("dtype", None)
        where = kwargs.pop("where", True)
        if where is not True or any(value is not None for value in kwargs.values()):
            raise UnsupportedError(f"{name}(where=...) does not work on Variables")
        if dtype is None:
            backend.ufuncs[ufunc] = function
        y = function(*inputs)
        return y if dtype is None else backend.namespace.astype(y, numpy.dtype(dtype))
    ours = REDUCTIONS.get((ufunc.__name__, method), "") if own else ""
    if not ours:
        return NotImplemented
    if len(inputs) > 1:
        kwargs["axis"], inputs = inputs[1], inputs[:1]
    kwargs.setdefault("axis", 0)
    kwargs = {key: value for key, value in kwargs.items() if value is not None or key == "axis"}
    for key in ("where", "initial"):
        if kwargs.pop(key, True) not in (True, getattr(numpy, "_NoValue", True)):
            raise UnsupportedError(f"{name}({key}=...) does not work on Variables")
    function = lookup(backend, ours)
    return NotImplemented if function is None else function(*inputs, **kwargs)


def _ufunc_composite(backend: Backend, name: str, inputs: Any) -> Any:
    """NumPy's ufuncs that are short for others."""
    xp = backend.namespace
    if name in ("deg2rad", "radians"):
        return inputs[0] * 0.017453292519943295
    if name in ("rad2deg", "degrees"):
        return inputs[0] * 57.29577951308232
    if name == "exp2":
        return xp.pow(2.0, inputs[0])
    if name == "logaddexp2":
        ln2 = 0.6931471805599453
        return xp.logaddexp(inputs[0] * ln2, inputs[1] * ln2) / ln2
    if name == "divmod":
        return xp.floor_divide(*inputs), xp.remainder(*inputs)
    if name in ("fmax", "fmin"):
        pick = xp.maximum if name == "fmax" else xp.minimum
        a, b = (xp.asarray(x) for x in inputs)
        return xp.where(xp.isnan(a), b, xp.where(xp.isnan(b), a, pick(a, b)))
    return NotImplemented
