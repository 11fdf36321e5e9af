"""The wrapped libraries' own functions, called with Variables: ``np.sum(v)``, ``torch.mm(v, w)``.

NumPy passes such calls on through `__array_ufunc__` and `__array_function__`, torch through
`__torch_function__`. The adapter says which function of pluggrad answers, mostly by a `Table`. The
code that adapters share is here.
"""

from __future__ import annotations

from typing import Any

from ..arrays.adapter import Adapter
from ..arrays.backend import PRIMITIVES, Backend, get_backend, has_backend
from ..arrays.dispatch import is_batched, is_variable
from ..engine.arguments import explain
from ..engine.batch import template
from ..engine.graph_breaks import break_graph
from ..engine.handles import wrap_untracked
from ..errors import InvalidArgumentError, TypeMismatchError, UnsupportedError
from .namespace import loses

__all__ = ["Table", "answer_constant", "answer_raw", "foreign", "into", "label", "lookup", "names",
           "raw", "tracked", "write"]  # fmt: skip


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


def _differentiated(library: str, func: Any) -> str:
    """Another way, if `library` has an autograd of its own: it differentiates `func`."""
    if not has_backend(library) or type(get_backend(library).adapter).interop is Adapter.interop:
        return ""
    return f", or let {library} differentiate it: `pluggrad.interop.{library}.call({label(func)})`"


def foreign(backend: Backend, func: Any, args: Any, kwargs: Any) -> Any:
    """Answer `func`, a function of the wrapped library or of NumPy that was called with
    Variables."""
    library = label(func).split(".")[0]
    if library not in (*backend.adapter.modules, *backend.adapter.answers):
        if library == "numpy" and names(func)[1] in ("shape", "ndim"):
            return answer_raw(func, args, kwargs)
        raise UnsupportedError(
            f"{label(func)} was called with a Variable over {backend.name} arrays. Use the "
            f"function of that meaning in `pluggrad`, with the {library} arrays brought over by "
            f"`pluggrad.lift(array, like=variable)`{_differentiated(library, func)}."
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
    if not hasattr(out, "shape"):
        raise TypeMismatchError(
            f"{label(func)}: out is an array, not {out!r}; give arguments behind it by name"
        )
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
