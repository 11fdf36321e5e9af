"""The arguments and results of compiled functions: sorted into what varies and what does not."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import optree

from ..arrays.backend import VARIABLES, Backend, backend_of, get_backend
from ..arrays.tracers import TRACERS
from ..engine.handles import is_tracked, raw_of, wrap_untracked
from ..errors import InvalidArgumentError, PluggradError, UntraceableError

__all__ = ["Call", "Result", "alike", "sort_call", "static_places"]


class Call:
    """The arguments of one call. `leaves` are the arrays and numbers that may vary, without
    Variables around them; `key` is equal for calls that one program can serve."""

    __slots__ = ("_items", "_places", "_spec", "backend", "inside", "key", "leaves", "numbers")

    def __init__(self, spec: Any, items: list[Any]) -> None:
        self._spec, self._items = spec, items
        self._places: list[tuple[int, bool]] = []  # of the leaves; and whether it is a Variable
        self.backend: Backend = get_backend("numpy")
        self.inside = False  # whether another compiler or a transform of the library is tracing
        self.leaves: list[Any] = []
        self.numbers = False  # whether there are Python floats among the leaves
        self.key: Any = None

    @property
    def kind(self) -> Any:
        """Equal for calls that differ in values only."""
        arrays = [x for x in self.leaves if type(x) is not float]
        return (self._spec, *[(tuple(x.shape), x.dtype) for x in arrays])

    @property
    def places(self) -> list[int]:
        """Where the leaves stand among all leaves of the arguments."""
        return [place for place, _ in self._places]

    def flat(self, fun: Callable[..., Any], result: Result) -> Callable[..., Any]:
        """`fun` as a function of the leaves, which returns the arrays of its result."""
        # What varies is not kept.
        items, places, spec = list(self._items), self._places, self._spec
        for place, _ in places:
            items[place] = None
        backend = self.backend

        def function(*leaves: Any) -> tuple[Any, ...]:
            given = list(items)
            for (place, is_variable), x in zip(places, leaves, strict=True):
                given[place] = wrap_untracked(x, backend) if is_variable else x
            args, kwargs = optree.tree_unflatten(spec, given)
            return result.taken_apart(fun(*args, **kwargs))

        return function

    def paths(self) -> list[tuple[Any, ...]]:
        """How to get to each leaf from ``(args, kwargs)``: keys and positions."""
        paths = self._spec.paths()
        return [paths[place] for place, _ in self._places]

    def add(self, place: int, x: Any, is_variable: bool = False) -> None:
        """Note that `x`, which stands at `place`, varies."""
        self._places.append((place, is_variable))
        self.leaves.append(x)


def sort_call(args: Any, kwargs: Any, static: Sequence[Any], numbers_vary: bool) -> Call:
    """Sort the arguments of a call. Raises UntraceableError if they allow no program."""
    given, named = args, kwargs
    if static:  # hide them from the pytree
        given = tuple([_Held(x) if i in static else x for i, x in enumerate(args)])
        named = {key: _Held(x) if key in static else x for key, x in kwargs.items()}
    flat: Any = (given, named)
    items: list[Any]
    items, spec = optree.tree_flatten(flat, none_is_leaf=True)
    call = Call(spec, items)
    key: list[Any] = []
    backend: Backend | None = None
    usual = call.backend  # that of NumPy
    for place, x in enumerate(items):
        kind = type(x)
        if kind is _Held:
            items[place] = x.value
            try:
                key.append(_static_key(x.value))
            except UntraceableError as error:
                raise UntraceableError(
                    f"{error}, and static arguments are compared by value; a tuple can be"
                ) from None
            continue
        if kind is float and numbers_vary:
            call.add(place, x)
            call.numbers = True
            key.append(float)
            continue
        if kind is np.ndarray and not x.dtype.hasobject and backend in (None, usual):
            backend = usual
            call.add(place, x)
            key.append((x.shape, x.dtype, x.strides))
            continue
        raw = x
        if kind in VARIABLES:
            if is_tracked(x):
                raise UntraceableError(
                    "an argument requires grad, and the result would have to be in its graph; "
                    "compile the whole step instead, as `pluggrad.value_and_grad(f)`"
                )
            raw = raw_of(x)
        found = _backend(raw)
        if found is None:
            key.append(_static_key(x))
            continue
        if backend is not None and found is not backend:
            raise UntraceableError(
                f"arrays of {backend.name} and {found.name} are among its arguments"
            )
        backend = found
        call.add(place, raw, kind in VARIABLES)
        if found.adapter.traced(raw):
            call.inside = True
            return call
        layout = raw.strides if found is usual else _layout(raw)
        key.append((raw.shape, raw.dtype, layout))
        if type(raw) is not np.ndarray or kind in VARIABLES:
            key.append(kind)
    call.backend = backend or call.backend
    simple = (
        not kwargs and not static and len(items) == len(args) == len(call.leaves)
        and all([x is y for x, y in zip(args, items, strict=True)])
    )  # fmt: skip
    call.key = tuple(key) if simple else (spec, *_orders(flat), *key)
    return call


def static_places(fun: Any, static: Any) -> tuple[Any, ...]:
    """Both the positions and the names of the arguments that `static` tells of."""
    given = (static,) if isinstance(static, (int, str)) else tuple(static)
    try:
        parameters = list(inspect.signature(fun).parameters.values()) if given else []
    except (TypeError, ValueError):  # nothing is known about it
        return given
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    known = {p.name for p in parameters}
    any_name = any([p.kind is p.VAR_KEYWORD for p in parameters])
    for x in given:
        if isinstance(x, str) and x not in known and not any_name:
            raise InvalidArgumentError(f"the function has no argument {x!r}, which is to be static")
    both = [i for i, name in enumerate(names) if name in given]
    return (*given, *both, *[name for i, name in enumerate(names) if i in given])


def _orders(x: Any) -> Iterator[Any]:
    """The order of the keys in each dict, which equal pytrees need not have in common."""
    items: Any = x
    if isinstance(x, dict):
        if len(x) > 1:
            yield tuple(x)
        items = x.values()
    for item in items:
        if isinstance(item, (dict, tuple, list)):
            yield from _orders(item)


def _backend(x: Any) -> Backend | None:
    """The backend of an array; None for anything else."""
    if not hasattr(x, "dtype") or isinstance(x, (np.dtype, type)):
        return None
    try:
        found = backend_of(x)
    except PluggradError:
        return None
    if found is not None and found.name == "numpy" and (
        (type(x) is not np.ndarray and not isinstance(x, np.generic)) or x.dtype.hasobject
    ):  # fmt: skip
        raise UntraceableError(f"{type(x).__name__} of {x.dtype} is among its arguments")
    return found


def _layout(raw: Any) -> Any:
    """Where an array of another library than NumPy lives, and how its elements lie there, if that
    can be asked, as torch's tensors can."""
    stride = getattr(raw, "stride", None)
    return (str(raw.device), None if stride is None else stride())


class _Held:
    """A static argument."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _static_key(x: Any) -> Any:
    """What is compared of an argument that does not vary. Objects are not kept alive by it."""
    kind = type(x)
    if kind in (int, bool, str, bytes, type(None)):
        return (kind, x)
    if kind in (float, complex):
        return (kind, repr(x))
    if kind in (tuple, list):
        return (kind, *[_static_key(item) for item in x])
    if kind is slice:
        return (kind, *[_static_key(item) for item in (x.start, x.stop, x.step)])
    try:
        hash(x)
    except TypeError:
        raise UntraceableError(
            f"an argument of type {kind.__name__} is "
            f"{'not' if kind is np.ndarray else 'neither an array nor'} hashable"
        ) from None
    try:
        return (kind, weakref.ref(x))
    except TypeError:
        return (kind, x)


class Result:
    """The form of a function's result: its structure, which of its leaves are arrays or Variables,
    and what its other leaves are."""

    def __init__(self, *example: Any) -> None:
        """The form of `example`; without one, that of the first result that is taken apart."""
        self._spec: Any = None
        self._wraps: list[Any] = []  # per leaf: the backend of a Variable; None for an array
        self._others: dict[int, Any] = {}  # leaves that are no arrays
        self.backend: Any = None
        if example:
            self.taken_apart(example[0])

    def taken_apart(self, y: Any) -> tuple[Any, ...]:
        """The arrays of a result."""
        leaves, spec = optree.tree_flatten(y, none_is_leaf=True)
        wraps: list[Any] = []
        others: dict[int, Any] = {}
        arrays: list[Any] = []
        for place, x in enumerate(leaves):
            wrap: Any = None
            if type(x) in VARIABLES:
                if is_tracked(x):
                    raise UntraceableError(
                        "it returns a Variable that requires grad; compile the whole step instead, "
                        "as `pluggrad.value_and_grad(f)`"
                    )
                wrap, x = x._backend, raw_of(x)
            elif not _is_array(x):
                others[place] = x
                wraps.append(None)
                continue
            elif type(x) in TRACERS and x.entry.kind == "number":
                self._others.pop(place, None)  # a Python float, which follows from others
            wraps.append(wrap)
            arrays.append(x)
        if self._spec is None:
            self._spec, self._wraps, self._others = spec, wraps, others
        elif spec != self._spec or not _same(others, self._others):
            raise UntraceableError("a second run returns something of another form")
        return tuple(arrays)

    def paths(self) -> list[tuple[Any, ...]]:
        """How to get to each array from the result: keys and positions."""
        paths = self._spec.paths()
        return [path for place, path in enumerate(paths) if place not in self._others]

    @property
    def others(self) -> list[Any]:
        """The leaves that are no arrays."""
        return list(self._others.values())

    def finished(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """`run`, which returns the arrays of a result, as a function that returns a result."""
        made: Callable[[Any], Any] | None = None

        def call(*leaves: Any) -> Any:
            nonlocal made
            arrays = run(*leaves)
            if made is None:
                made = self._builder()
            return made(arrays)

        return call

    def written(self, words: list[str]) -> str:
        """An expression for a result whose arrays have these texts; a tuple of them if the
        structure cannot be written."""
        arrays = iter(words)
        items = [
            repr(self._others[place]) if place in self._others else next(arrays)
            for place in range(len(self._wraps))
        ]
        text = _written(optree.tree_unflatten(self._spec, items))
        text = text if text is not None else f"({', '.join([*words, ''])})"
        return text.replace(", )", ")") if text.count(",") > 1 else text

    def _builder(self) -> Callable[[Any], Any]:
        """A function from the arrays of a result to the result."""
        words: list[str] = []
        scope: dict[str, Any] = {"wrap": wrap_untracked}
        count = 0
        for place, wrap in enumerate(self._wraps):
            if place in self._others:
                scope[f"x{place}"] = self._others[place]
                words.append(f"x{place}")
                continue
            word = f"y[{count}]"
            count += 1
            if wrap is not None:
                scope[f"b{place}"] = wrap
                word = f"wrap({word}, b{place})"
            words.append(word)
        text = _written(optree.tree_unflatten(self._spec, words))
        if text is None:
            scope.update(build=optree.tree_unflatten, spec=self._spec)
            text = f"build(spec, [{', '.join(words)}])"
        made: Callable[[Any], Any] = eval(f"lambda y: {text}", scope)
        return made


def _written(x: Any) -> str | None:
    """The expression that builds nested tuples, lists and dicts of the texts in `x`."""
    kind = type(x)
    if kind is str:
        return str(x)
    if kind is tuple or kind is list:
        items = [_written(item) for item in x]
        inner = "".join([f"{item}, " for item in items])
        return None if None in items else f"({inner})" if kind is tuple else f"[{inner}]"
    if kind is dict:
        pairs = {repr(key): _written(item) for key, item in x.items() if type(key) in (str, int)}
        if len(pairs) < len(x) or None in pairs.values():
            return None
        return f"{{{', '.join([f'{key}: {item}' for key, item in pairs.items()])}}}"
    return None


def _is_array(x: Any) -> bool:
    """Whether `x` is a raw array."""
    if not hasattr(x, "dtype") or isinstance(x, (np.dtype, type)):
        return False
    try:
        return backend_of(x) is not None
    except PluggradError:
        return False


def _same(some: dict[int, Any], others: dict[int, Any]) -> bool:
    """Whether leaves that are no arrays are the same in two results."""
    return some.keys() == others.keys() and all(
        [x is y or (type(x) is type(y) and (x == y or (x != x and y != y)))
         for x, y in [(x, others[key]) for key, x in some.items()]]
    )  # fmt: skip


# ---------------------------------------------------------------- comparing results


def alike(found: Any, expected: Any, exact: bool) -> str:
    """What is different between two results; empty if they are the same: to the last bit and in
    their memory layout if `exact`, otherwise to some 6 digits."""
    leaves, spec = optree.tree_flatten(found, none_is_leaf=True)
    others, wanted = optree.tree_flatten(expected, none_is_leaf=True)
    if spec != wanted:
        return f"the structure {spec} instead of {wanted}"
    for x, y in zip(leaves, others, strict=True):
        if (type(x) in VARIABLES) != (type(y) in VARIABLES):
            return f"a {type(x).__name__} instead of a {type(y).__name__}"
        why = _difference(raw_of(x), raw_of(y), exact)
        if why:
            return why
    return ""


def _near(x: Any, y: Any) -> bool:
    """Whether two NumPy arrays agree to some 6 digits, or to 3 in single precision."""
    if x.dtype.kind not in "fc":
        return True
    eps = np.finfo(x.dtype).eps
    size = np.max(np.abs(y), where=np.isfinite(y), initial=1.0)
    return bool(np.allclose(x, y, rtol=eps**0.4, atol=eps**0.6 * size, equal_nan=True))


def _difference(x: Any, y: Any, exact: bool) -> str:
    """What is different between two leaves of a result."""
    if not _is_array(y):
        return "" if x is y or x == y else f"{x!r} instead of {y!r}"
    if not _is_array(x) or (exact and type(x) is not type(y)):
        return f"a {type(x).__name__} instead of a {type(y).__name__}"
    if x.dtype != y.dtype or tuple(x.shape) != tuple(y.shape):
        return f"{x.dtype} of shape {x.shape} instead of {y.dtype} of shape {y.shape}"
    if not exact:
        x, y = (np.asarray(getattr(z, "detach", lambda z=z: z)()) for z in (x, y))
        return "" if _near(x, y) else f"values that differ by up to {np.nanmax(np.abs(x - y)):.2g}"
    if any([n > 1 and a != b for n, a, b in zip(x.shape, x.strides, y.strides, strict=True)]):
        return f"the strides {x.strides} instead of {y.strides}"
    if x.tobytes() != y.tobytes():
        equal = (x == y) & (np.signbit(x) == np.signbit(y)) if x.dtype.kind == "f" else x == y
        if not np.all(equal | ((x != x) & (y != y))):
            return f"values that differ by up to {np.nanmax(np.abs(x - y)):.2g}"
    return ""
