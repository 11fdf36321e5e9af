"""The wrapped libraries' own functions, called with Variables: ``np.sum(v)``, ``torch.mm(v, w)``.

NumPy passes such calls on through `__array_ufunc__` and `__array_function__`, torch through
`__torch_function__`. The adapter says which function of pluggrad answers, mostly by a `Table`. The
code that adapters share is here.
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

__all__ = ["Table", "answer_constant", "answer_raw", "foreign", "into", "label", "lookup", "names",
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
    """The module and the name of `func`. Compilers take the results of `names` and `label` for
    constants."""
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
    """Answer `func`, a function of the wrapped library or of NumPy that was called with
    Variables."""
    library = label(func).split(".")[0]
    if library not in (*backend.adapter.modules, *backend.adapter.answers):
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
            f"{label(func)} does not work on Variables: it has no derivative in pluggrad. "
            "`.detach()` its arguments and take `.data`, if no gradient is needed"
        )
    return answer


# ---------------------------------------------------------------- what adapters answer with


def tracked(*values: Any) -> bool:
    """Whether a Variable that requires grad is among `values`, or in a sequence or dict there."""
    return any(
        x._tracked if is_variable(x)
        else tracked(*x.values()) if isinstance(x, dict)
        else isinstance(x, (list, tuple)) and tracked(*x)
        for x in values
    )  # fmt: skip


def raw(x: Any) -> Any:
    """`x` with raw arrays in place of Variables, also in sequences and dicts."""
    if is_variable(x):
        return x.data
    if isinstance(x, (list, tuple)):
        items = [raw(item) for item in x]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)
    if isinstance(x, dict):
        return {key: raw(value) for key, value in x.items()}
    return x


def answer_raw(func: Any, args: Any, kwargs: Any) -> Any:
    """Let the library answer a question about arrays, on the raw ones. Questions about shapes and
    dtypes also work inside `vmap`, where zeros stand in for the mapped values."""
    if names(func)[1] in ABOUT_SHAPES:
        args = [template(x) if is_batched(x) else x for x in args]
    return func(*raw(args), **raw(kwargs))


#: Questions whose answers do not depend on the values of elements.
ABOUT_SHAPES = {
    "shape", "ndim", "size", "iscomplexobj", "isrealobj", "result_type", "can_cast", "common_type",
    "dim", "numel", "is_complex", "is_floating_point", "is_same_size",
}  # fmt: skip


def answer_constant(backend: Backend, func: Any, args: Any, kwargs: Any) -> Any:
    """Let the library answer a function that pluggrad lacks, on the raw arrays; the result is
    untracked. NotImplemented if a gradient would be lost, or if there is an `out` to write."""
    if kwargs.get("out") is not None or loses((args, list(kwargs.values()))):
        return NotImplemented
    return wrap_untracked(answer_raw(func, args, kwargs), backend)


def write(func: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that writes into raw arrays; GraphBreakError if a gradient would be lost."""
    if tracked(args, kwargs):
        break_graph(f"writing into a raw array, by {label(func)},")
    return answer_raw(func, args, kwargs)


class Table:
    """Which functions of the library are answered by which of pluggrad's, one row each.

    ``amax = max(input | dim=axis keepdim=keepdims)``: the library's name, pluggrad's name, and the
    library's parameters in its order, with pluggrad's names for them. Parameters before the bar are
    passed on by position. A parameter in brackets, as in ``[order]``, is accepted and ignored,
    because it does not change the values.
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

    def takes(self, name: str, args: Any, kwargs: Any) -> bool:
        """Whether the row of `name` has parameters for these arguments, other than None."""
        if name not in self.rows:
            return not kwargs
        known = [theirs.strip("[]") for theirs, _, _ in self.rows[name][1]]
        given = [key for key, value in kwargs.items() if value is not None]
        return len(args) <= len(known) and set(known).issuperset(given)

    def answer(self, backend: Backend, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Answer `func` by the row of `name`, or by an elementwise function of that name; else
        NotImplemented."""
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
                keywords[our] = value  # an explicit axis=None may not be the default
        out = keywords.pop("out", None)
        refuse_keywords(func, kwargs)
        return into(func, out, function(*positional, **keywords))

    def _same_name(self, backend: Backend, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        """Answer an elementwise function by pluggrad's of the same name, which means the same."""
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
    """Raise for keywords that are not understood, unless they are None or False."""
    left = [name for name, value in kwargs.items() if value is not None and value is not False]
    if left:
        raise UnsupportedError(f"{label(func)}({left[0]}=...) does not work on Variables")


def into(func: Any, out: Any, y: Any) -> Any:
    """`y`, written into `out` if that is given."""
    if out is None:
        return y
    if tuple(out.shape) != tuple(y.shape):
        raise InvalidArgumentError(
            f"{label(func)}: out has the shape {tuple(out.shape)}, and the result {tuple(y.shape)}"
        )
    if not is_variable(out):
        if tracked(y):
            break_graph(f"writing into a raw array, by {label(func)}(out=...),")
        y = y.data
    out[...] = y
    return out


# ---------------------------------------------------------------- NumPy's ufuncs, on any backend


def numpy_ufunc(backend: Backend, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
    """Answer a NumPy ufunc that was called with a Variable among its arguments."""
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

    # By identity: scipy.special.log1p has the name of numpy.log1p, but is another function.
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
    """NumPy's ufuncs that are short for an expression; NotImplemented for all others."""
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
