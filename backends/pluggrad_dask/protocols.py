"""How Dask takes Variables: the conversions that its functions call, and its protocol of
collections, which `dask.compute` and `dask.persist` follow.

Dask's functions cannot be overridden. Those that compute with NumPy's ufuncs pass Variables on, and
are recorded. All others take the values of what they are given, by one of the methods here, and
these raise where a gradient would be lost.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import pluggrad
from pluggrad import Variable
from pluggrad.plugin import (
    UnsupportedError,
    break_graph,
    called,
    get_backend,
    is_variable,
    lookup,
    warn_scalar,
)

#: Functions of Dask that ask for values, or about a graph, and compute nothing further.
ASKS = {"compute", "is_dask_collection", "normalize_token", "optimize", "persist", "tokenize",
        "visualize"}  # fmt: skip
#: Functions whose results have no derivative: questions, places, and constants of a shape.
CONSTANT = {
    "all", "allclose", "any", "argmax", "argmin", "argtopk", "argwhere", "count_nonzero",
    "digitize", "empty_like", "equal", "flatnonzero", "greater", "greater_equal", "isclose", "isin",
    "isnull", "less", "less_equal", "logical_and", "logical_or", "logical_xor", "nanargmax",
    "nanargmin", "nonzero", "not_equal", "notnull", "ones_like", "searchsorted",
    "tril_indices_from", "triu_indices_from", "zeros_like",
}  # fmt: skip
#: Modules whose names users write; the others are where Dask defines its functions.
MODULES = {"dask.array.fft", "dask.array.linalg"}


def guard(v: Any) -> str:
    """Raise GraphBreakError if Dask is about to compute with the values of `v`, and a gradient
    would be lost. Returns the name of the function that asks for them."""
    module, name = called("dask", "distributed")
    asked = name.rpartition(".")[2]
    harmless = CONSTANT if module.startswith("dask.array") else ASKS
    if v._tracked and module and asked not in harmless:
        written = _written(module, name)
        break_graph(written, instead=_instead(written, asked))
    if not v._tracked and _mistakes():
        _refuse_constant(v)
    return asked


def _mistakes() -> bool:
    """Whether a part of Dask asks that mistakes a Variable for something else: `from_array`, which
    would make chunks that are Variables, or indexing, which would take a mask for integers."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in ("dask", "pluggrad", "pluggrad_dask", "numpy"):
            return False
        if module == "dask.array.slicing" or frame.f_code.co_name == "from_array":
            return True
        frame = frame.f_back
    return False


def _refuse_constant(v: Any) -> NoReturn:
    """Raise, because a function of Dask takes the Variable `v`, a constant, for something else than
    an array that can be in its chunks."""
    module, name = called("dask")
    raise UnsupportedError(
        f"{_written(module, name)} does not take Variables; give it the array that the Variable "
        "holds, its `.data`"
    )


def _written(module: str, name: str) -> str:
    """How a user writes a function of Dask."""
    if module == "dask.delayed":
        return "dask.delayed"
    if module in MODULES:
        return f"{module}.{name}"
    return f"dask.array.{name}" if module.startswith("dask.array") else f"dask.{name}"


def _instead(written: str, name: str) -> str:
    """What to write in place of a function of Dask that cannot take Variables."""
    if name == "__setitem__":
        return "Make the array that is written a Variable, by `pluggrad.Variable(...)`"
    if name.startswith("__") or not written.startswith("dask.array."):
        return "Compute with functions of `pluggrad`"
    module = written.rpartition(".")[0].removeprefix("dask.array").removeprefix(".")
    ours = f"{module}.{name}" if f"dask.array.{module}" in MODULES else name
    if name in ("map_blocks", "map_overlap", "apply_gufunc", "apply_along_axis", "rechunk"):
        ours = "map_blocks" if name == "apply_along_axis" else name
        return f"Use `pluggrad.interop.dask.{ours}`, which differentiates the function of a block"
    public = dir(getattr(pluggrad, module)) if "." in ours else dir(pluggrad)
    if name not in public or lookup(get_backend("dask"), ours) is None:
        return "Functions of Dask have no derivative; write this with those of `pluggrad`"
    return f"Use `pluggrad.{ours}`, which takes Dask arrays as well as Variables"


def to_array(v: Any) -> Any:
    """The values of `v` as a Dask array."""
    if v._tracked and not called("dask", "distributed")[0]:
        break_graph("conversion to a Dask array")
    guard(v)
    return get_backend("dask").xp.asarray(v.data)


def _array(v: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    """The values of `v` as a NumPy array, computed."""
    guard(v)
    return Variable.__array__(v, dtype, copy)


def unwrapped(y: Any) -> Any:
    """`y`, an answer to a function of NumPy, with what Dask has computed as NumPy arrays."""
    if is_variable(y):
        return y if y._tracked or hasattr(y.data, "dask") else y.data
    return type(y)([unwrapped(x) for x in y]) if type(y) in (list, tuple) else y


# ---------------------------------------------------------------- the protocol of collections


def _graph(v: Any) -> Any:
    if guard(v) == "map_blocks":  # the blocks of other arrays would each meet the whole of `v`
        _refuse_constant(v)
    return v.data.__dask_graph__()


def token(v: Any) -> Any:
    """What Dask makes the names of tasks from that take the Variable `v`, over whichever arrays."""
    from dask.tokenize import normalize_token

    guard(v)
    # A tracked Variable is persisted as itself, so no other has its token.
    return "pluggrad.Variable", normalize_token(v.data), id(v._node) if v._tracked else None


def _postcompute(v: Any) -> Any:
    """Computed values are plain arrays, as `.data.compute()` gives them. Of a tracked Variable that
    warns, as `.item()` does."""
    if guard(v) == "compute" and v._tracked:
        warn_scalar("compute")
    return v.data.__dask_postcompute__()


def _postpersist(v: Any) -> Any:
    rebuild, rest = v.data.__dask_postpersist__()
    return _persisted, (v, rebuild, rest)


def _persisted(graph: Any, v: Any, rebuild: Any, rest: Any, **kwargs: Any) -> Any:
    """`v` with its values computed, at its place in the graph. A leaf is that very Variable, so
    that gradients still arrive there."""
    data = rebuild(graph, *rest, **kwargs)
    if v._tracked and v.is_leaf:
        v.data = data
        return v
    if not v._tracked:
        return Variable(data)
    y = pluggrad.copy(v)
    y.data = data
    return y


def methods() -> dict[str, Any]:
    """The methods that Variables over Dask arrays have beside those of all Variables."""
    from dask.array import Array
    from dask.base import DaskMethodsMixin

    from . import interop

    def answered(name: str) -> Any:
        """A question about chunks."""
        return property(lambda v: getattr(v.data, name), doc=getattr(Array, name).__doc__)

    own = {"_meta", *[name for name in dir(Array) if not name.startswith("_")]}

    def look_up(v: Any, name: str) -> Any:
        """What functions of Dask look for on arrays, and Variables do not have, such as `chunks`.
        Nobody else sees it."""
        if name in own and called("dask")[0] and guard(v) not in ASKS:
            return getattr(v.data, name)
        return object.__getattribute__(v, name)  # raises, and says what to use instead

    return {
        "__getattr__": look_up,
        "__array__": _array,
        "__dask_graph__": _graph,
        "__dask_keys__": lambda v: v.data.__dask_keys__(),
        "__dask_layers__": lambda v: v.data.__dask_layers__(),
        "__dask_postcompute__": _postcompute,
        "__dask_postpersist__": _postpersist,
        "__dask_optimize__": staticmethod(Array.__dask_optimize__),
        "__dask_scheduler__": staticmethod(Array.__dask_scheduler__),
        **{name: answered(name) for name in ("chunks", "chunksize", "numblocks", "npartitions")},
        "rechunk": interop.rechunk,
        "map_blocks": lambda v, func, *args, **kwargs: interop.map_blocks(func, v, *args, **kwargs),
        "map_overlap": lambda v, func, **kwargs: interop.map_overlap(func, v, **kwargs),
        "_elemwise": staticmethod(_elemwise),
        **{name: getattr(DaskMethodsMixin, name) for name in ("compute", "persist", "visualize")},
    }


def _elemwise(ufunc: Any, *args: Any, **kwargs: Any) -> Any:
    """How Dask's ufuncs call a NumPy function if a Variable is the first argument."""
    return ufunc(*args, **kwargs)
