"""NumPy's own functions, called with Variables.

A function of NumPy's is answered by the function of the same name in `pluggrad`. The two are
brought together by their signatures: `bound` compiles a function with NumPy's parameters, which
passes on those that were given by the names that ours has for them. What ours lacks is refused by
name. So nothing is dropped unless `HARMLESS` says that it does not change the values.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from pluggrad.plugin import (
    InvalidArgumentError,
    TypeMismatchError,
    UnsupportedError,
    answer_constant,
    answer_raw,
    backend_of,
    break_graph,
    explain,
    into,
    is_batched,
    is_variable,
    label,
    lookup,
    signature_of,
    write,
)

from .signatures import signature

__all__ = ["HARMLESS", "NAMES", "QUESTIONS", "RENAMED", "WRITERS", "answer", "bound", "name_of",
           "refused"]  # fmt: skip

#: Functions of NumPy's whose name in `pluggrad` is another.
NAMES = {"amax": "max", "amin": "min"}
#: Parameters of NumPy's that have another name in `pluggrad`.
RENAMED = {"clip": {"a_min": "min", "a_max": "max"}}
#: Questions: the answer is a plain value, so no gradient can be lost.
QUESTIONS = {
    "allclose", "array2string", "array_equal", "array_equiv", "array_repr", "array_str", "can_cast",
    "common_type", "diag_indices_from", "einsum_path", "iscomplex", "iscomplexobj", "isclose",
    "isreal", "isrealobj", "may_share_memory", "min_scalar_type", "ndim", "nonzero", "argwhere",
    "flatnonzero", "result_type", "shape", "shares_memory", "size", "tril_indices_from",
    "triu_indices_from",
}  # fmt: skip
#: Functions that write into their first argument.
WRITERS = {"copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"}
#: Parameters that ours need not have, because they do not change the values: in which functions
#: (all, if none is named), and what NumPy takes for them (anything, if nothing is listed).
HARMLESS: dict[str, tuple[set[str], tuple[Any, ...]]] = {
    "assume_unique": ({"intersect1d", "isin", "setxor1d"}, ()),
    "copy": ({"meshgrid"}, ()),
    "kind": (
        {"argpartition", "argsort", "isin", "partition", "sort"},
        (None, "quicksort", "heapsort", "mergesort", "stable", "introselect", "sort", "table"),
    ),
    # the layout of the result in memory
    "order": (
        {"copy", "empty_like", "full_like", "ones_like", "zeros_like"}, (None, "C", "F", "A", "K"),
    ),
    "overwrite_input": (set(), ()),
    "subok": (set(), ()),
}  # fmt: skip
#: What NumPy's default means where ours means something else: a line of the compiled function.
DEFAULTS = {
    "linalg.multi_dot": "if out is not None and len(arrays) > 2 and 1 in (_ndim(arrays[0]), "
    "_ndim(arrays[-1])): _refuse(_func, 'out')",
    "linalg.pinv": "if rcond is None and rtol is _no_value: _given['rcond'] = 1e-15",
}
#: Functions whose results have NumPy's dtype only if one looks at the values. From NumPy 2.5 they
#: are always complex.
REALS = {"linalg.eig", "linalg.eigvals"} if np.linalg.eigvals(np.eye(1)).dtype == float else set()
#: Functions whose `order` names fields of records, which Variables have not.
FIELDS = {"argpartition", "argsort", "partition", "sort"}


#: Modules of SciPy that hand on what `numpy.atleast_1d` gives them, to compiled code that hides the
#: error about a Variable behind one of its own.
HIDING = {"scipy.optimize._minpack_py", "scipy.signal._signaltools"}


def answer(backend: Any, func: Any, args: Any, kwargs: Any) -> Any:
    """Answer ``func(*args, **kwargs)``; NotImplemented if no function of pluggrad has its
    meaning."""
    found = bound(backend, func)
    if found is not None:
        return found(*args, **kwargs)
    y = answer_constant(backend, func, args, kwargs)
    if y is NotImplemented and func.__module__ == "numpy.lib.scimath":
        name = func.__name__
        instead = f"`pluggrad.{name}` of it" if lookup(backend, name) else "`pluggrad.log` of it"
        raise UnsupportedError(
            f"numpy.emath.{name} chooses real or complex numbers by their values, as Variables do "
            f"not. Convert them first, with `pluggrad.astype(x, 'complex128')`, and take {instead}"
        )
    return y


def name_of(func: Any) -> str:
    """The name in `pluggrad` of a function of NumPy's, such as ``linalg.norm``."""
    module = (func.__module__ or "numpy").removeprefix("numpy").strip(".")
    # (Those of numpy.emath have names of other functions, and are in `lib.scimath`.)
    name = f"{module}.{func.__name__}" if module else func.__name__
    return NAMES.get(name, name)


@functools.cache
def bound(backend: Any, func: Any) -> Callable[..., Any] | None:
    """The function that answers `func`, with its parameters; None if pluggrad has none."""
    name = name_of(func)
    if name in QUESTIONS:
        return _asked(func)
    ours = lookup(backend, name)
    if ours is None:
        return None
    try:
        theirs, own = signature(func), signature_of(name)
    except (KeyError, ValueError):  # a function of the library's that pluggrad only passes on
        return None
    compiled: Callable[..., Any] = _compiled(func, name, theirs, own, ours)
    if name in WRITERS:
        return _writer(func, compiled)
    return _stopping(compiled) if name == "atleast_1d" else compiled


def _caller() -> str:
    """The module that called NumPy."""
    frame: Any = sys._getframe(1)
    while frame is not None and (
        "__pluggrad__" in frame.f_globals
        or frame.f_globals.get("__name__", "").startswith(("pluggrad", "numpy"))
    ):
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__"))


def _stopping(ours: Callable[..., Any]) -> Callable[..., Any]:
    """`ours`, unless it is called by one of `HIDING`."""

    @functools.wraps(ours)
    def call(*arrays: Any) -> Any:
        tracked = any(is_variable(x) and x.requires_grad for x in arrays)
        if tracked and _caller() in HIDING:
            break_graph("conversion to a NumPy array")
        return ours(*arrays)

    return call


def _asked(func: Any) -> Callable[..., Any]:
    """`func`, a question, which NumPy answers."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        try:
            return answer_raw(func, args, kwargs)
        except AttributeError as error:  # of a list
            raise TypeMismatchError(f"{label(func)} takes arrays and Variables") from error
        except Exception as error:
            explain(error, label(func), args)

    return ask


def refused(func: Any) -> list[str]:
    """The parameters of `func` that `bound` refuses, because ours has none of that meaning."""
    name = name_of(func)
    theirs, own = signature(func), signature_of(name)
    return [p.name for p in theirs.parameters.values() if _place(p, name, theirs, own) == "refused"]


def _place(p: inspect.Parameter, name: str, theirs: inspect.Signature, own: Any) -> str:
    """How the parameter `p` of NumPy's reaches ours: "position", "star", "keyword", "keywords",
    "out", "casting", "harmless" or "refused"."""
    if p.kind is p.VAR_POSITIONAL:
        return "star"
    if p.kind is p.VAR_KEYWORD:
        # Ours takes any keywords, too, or spells out those that NumPy does not name.
        more = [q for q in own.parameters.values() if q.name not in theirs.parameters]
        named = any(q.kind is q.VAR_KEYWORD for q in own.parameters.values()) or (
            name != "clip" and any(q.kind is q.KEYWORD_ONLY for q in more)
        )
        return "keywords" if named else "refused"
    order = list(theirs.parameters)
    first = [q for q in own.parameters.values() if q.kind is q.POSITIONAL_ONLY]
    if order.index(p.name) < len(first):
        return "position"
    if RENAMED.get(name, {}).get(p.name, p.name) in own.parameters:
        return "keyword"
    if p.name == "out":
        return "out"
    if p.name == "casting" and "dtype" in theirs.parameters:
        return "casting"
    if p.name == "order" and name in FIELDS:
        return "harmless"
    functions, _ = HARMLESS.get(p.name, ({""}, ()))
    return "harmless" if not functions or name in functions else "refused"


def _compiled(
    func: Any, name: str, theirs: inspect.Signature, own: inspect.Signature, ours: Any
) -> Any:
    """A function with the parameters of `theirs`, NumPy's signature of `func`, that calls `ours`,
    whose signature is `own`."""
    # (The names with an underscore cannot be those of parameters.)
    scope: dict[str, Any] = {
        "__name__": __name__, "_ours": ours, "_func": func, "_into": into,
        "_no_value": np._NoValue, "_ndim": np.ndim, **{f.__name__: f for f in _CHECKS},
    }  # fmt: skip
    passed, body, end, taken = [], [], "return _y", set()
    for p in theirs.parameters.values():
        x, default = p.name, f"_default_{p.name}"
        scope[default] = p.default
        place = _place(p, name, theirs, own)
        value = f"_dtype({x})" if x == "dtype" else x
        away = f"{x} is not {default} and {x} is not _no_value"
        if place in ("position", "star"):
            passed.append(value if place == "position" else f"*{x}")
        elif place == "keyword":
            q = RENAMED.get(name, {}).get(x, x)
            if q in taken:
                body.append(f"if {away} and '{q}' in _given: _twice(_func, '{q}')")
            taken.add(q)
            line = f"_given['{q}'] = {value}"
            body.append(line if _always(p, own.parameters[q]) else f"if {away}: {line}")
        elif place == "keywords":
            if not any(q.kind is q.VAR_KEYWORD for q in own.parameters.values()):
                scope["_known"] = set(own.parameters) - set(theirs.parameters)
                body.append(f"for _key in {x}: _key in _known or _refuse(_func, _key)")
            body.append(f"_given.update({x})")
        elif place == "out":
            end = f"return _y if {x} is None else _into(_func, {x}, _y)"
        elif place == "casting":
            if "out" in theirs.parameters:
                body.append("if dtype is not None and out is not None: _out_or_dtype(_func)")
            body.append(f"if dtype is not None or {x} != 'same_kind': "
                        f"_casts(_func, {next(iter(theirs.parameters))}, dtype, {x})")  # fmt: skip
        elif place == "harmless":
            body.append(f"if {x} is not {default}: _harmless(_func, '{x}', {x})")
        elif p.kind is p.VAR_KEYWORD:
            body.append(f"if {x}: _refuse(_func, next(iter({x})))")
        else:
            body.append(f"if {away}: _refuse(_func, '{x}')")
    body += [DEFAULTS[name]] if name in DEFAULTS else []
    if name == "clip":
        body.insert(0, "if (a_min is _no_value) != (a_max is _no_value): _one_bound(_func)")
    lines = [f"def call({_spelled(theirs)}):", "    try:", "        _given = {}"]
    lines += [f"        {line}" for line in body]
    lines += [f"        _y = _ours({', '.join([*passed, '**_given'])})"]
    lines += [f"        _y = _real({passed[0]}, _y)"] if name in REALS else []
    lines += [f"        {end}"]
    lines += ["    except Exception as error:"]
    lines += [f"        _failed(error, _func, [{', '.join(passed)}])"]
    exec("\n".join(lines), scope)
    return scope["call"]


def _spelled(signature: inspect.Signature) -> str:
    """The parameters as a `def` spells them out; ``_default_x`` stands for the default of ``x``."""
    bare = [
        p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else _Name(p.name))
        for p in signature.parameters.values()
    ]
    return str(inspect.Signature(bare))[1:-1]


class _Name(str):
    """The name of a variable, which stands for a default in a signature."""

    def __repr__(self) -> str:
        return f"_default_{self}"


def _always(p: inspect.Parameter, q: inspect.Parameter) -> bool:
    """Whether NumPy's parameter `p` is passed on even at its default, because `q`, ours of that
    name, has another. NumPy's None and "no value" say that nothing is given; but an axis of None
    stands for all axes."""
    if p.default is p.empty:
        return True
    if p.default is np._NoValue:
        return False
    if p.default is None:
        return p.name in ("axis", "axes") and q.default is not None
    return bool(p.default != q.default)


def _dtype(dtype: Any) -> Any:
    """A dtype as NumPy's object for it: users write ``float`` and ``"f4"``, too."""
    return None if dtype is None else np.dtype(dtype)


def _refuse(func: Any, parameter: str) -> None:
    raise UnsupportedError(
        f"{label(func)}({parameter}=...) does not work on Variables. Leave it out, or `.detach()` "
        "the arguments and take `.data`, if no gradient is needed"
    )


def _twice(func: Any, parameter: str) -> None:
    raise TypeMismatchError(f"{label(func)}: {parameter} is given twice, by two names")


def _one_bound(func: Any) -> None:
    raise InvalidArgumentError(
        f"{label(func)} takes a_min and a_max together; give the other as None, or use min and max"
    )


def _out_or_dtype(func: Any) -> None:
    raise InvalidArgumentError(f"{label(func)} takes `out` or `dtype`, not both")


def _dtypes(x: Any) -> list[Any]:
    """The dtypes of an array and of numbers, and of those in a list."""
    if isinstance(x, (list, tuple)):
        return [dtype for item in x for dtype in _dtypes(item)] or [np.dtype(float)]
    return [x.dtype if hasattr(x, "dtype") else np.asarray(x).dtype]


def _casts(func: Any, arrays: Any, dtype: Any, casting: str) -> None:
    """Raise if NumPy would not convert `arrays` to `dtype`, or to their common dtype."""
    found = [np.result_type(*_dtypes(x)) for x in arrays]
    to = np.result_type(*found) if dtype is None else np.dtype(dtype)
    for x in found:
        if not np.can_cast(x, to, casting):  # type: ignore[arg-type]
            raise TypeMismatchError(
                f"{label(func)}: {x} is not converted to {to} with casting={casting!r}"
            )


def _harmless(func: Any, parameter: str, value: Any) -> None:
    """Raise for a `value` that NumPy would not take."""
    if parameter == "order" and func.__name__ in FIELDS and value is not None:
        raise UnsupportedError(
            f"{label(func)}(order=...) names fields of records, which Variables have not"
        )
    _, values = HARMLESS[parameter]
    if values and value not in values:
        raise InvalidArgumentError(f"{label(func)}({parameter}={value!r}): there is no such value")


def _failed(error: Exception, func: Any, args: Any) -> None:
    """Raise `error` as an error of pluggrad's that names `func`."""
    explain(error, label(func), args)


def _real(x: Any, y: Any) -> Any:
    """The eigenvalues `y` of `x`, or them and the eigenvectors, as real numbers if all eigenvalues
    of a real matrix are real: NumPy looks at them. Inside `vmap` nobody can."""
    w = y[0] if isinstance(y, tuple) else y
    if x.dtype.kind == "c" or is_batched(w):
        return y
    while is_variable(w):
        w = w.detach().data
    if np.any(w.imag != 0):
        return y
    backend = backend_of(x)
    assert backend is not None
    real = backend.namespace.real
    return type(y)(*map(real, y)) if isinstance(y, tuple) else real(y)


#: What compiled functions call, by name.
_CHECKS = (_dtype, _refuse, _twice, _one_bound, _out_or_dtype, _casts, _harmless, _failed,
           _real)  # fmt: skip


def _writer(func: Any, ours: Callable[..., Any]) -> Callable[..., Any]:
    """`func`, which writes into its first argument: into a Variable by `ours`, and into a raw array
    by NumPy's own function, if no gradient is lost."""

    @functools.wraps(ours)
    def call(*args: Any, **kwargs: Any) -> Any:
        target = args[0] if args else next(iter(kwargs.values()), None)
        if is_variable(target):
            return ours(*args, **kwargs)
        try:
            return write(func, args, kwargs)
        except Exception as error:
            _failed(error, func, args)

    return call
