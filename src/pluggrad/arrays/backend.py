"""Backends: from the type of an array to the functions that compute on it.

An adapter is what a plugin provides: a few facts and hooks about one library. From it the engine
builds a `Backend`: the raw functions, and over them the classes of Variables and the differentiable
namespace. Finding the backend of an array is one dict look-up on its type.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING, Any

from ..errors import (
    BackendError,
    MissingFunctionError,
    MixedBackendsError,
    TypeMismatchError,
    UnsupportedError,
)
from .adapter import FUNCTIONS, Adapter
from .generic import UnknownLibrary
from .host import PREFIX, raw_scipy
from .plugins import PluginError, asked, check_adapter, doubles, load, misspelt, plugins, unknown
from .standard import CREATION, INQUIRIES

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from ..engine.primitive import Primitive

__all__ = [
    "BACKENDS",
    "LIBRARIES",
    "PRIMITIVES",
    "SCALARS",
    "VARIABLES",
    "Backend",
    "backend_of",
    "backends",
    "get_backend",
    "has_backend",
    "mixed",
    "peek",
    "register_backend",
]

SCALARS = (float, int, complex, bool)


#: The names under which libraries have real and complex dtypes, those of the standard first.
_REALS = (
    "float32", "float64", "float16", "bfloat16", "longdouble", "float8_e4m3fn", "float8_e5m2",
    "float8_e4m3fnuz", "float8_e5m2fnuz",
)  # fmt: skip
_COMPLEX = ("complex64", "complex128", "clongdouble", "complex32")


class Backend:
    """One array library as the engine sees it.

    `raw(name)` finds a function of raw arrays, and `namespace` holds the differentiable functions.
    `variable` is the class of Variables over raw arrays; `nested`, `dual` and `batched` are the
    classes of Variables over other Variables: plain ones, those with a tangent, and those that hold
    a batch.
    """

    variable: Any
    nested: Any
    dual: Any
    batched: Any
    namespace: Any
    classes: tuple[type, ...]
    #: Makes the namespace and the classes of Variables. Set by `variables.operators`.
    complete: Callable[[Backend], None]

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.name = adapter.name
        self.xp = adapter.namespace()
        self.like = adapter.like
        self.hold = adapter.hold
        self.finish = adapter.finish
        self.getitem = adapter.functions.get("getitem", operator.getitem)
        self.writable = adapter.writable
        self.accumulates_in_place = adapter.accumulates_in_place
        self.counts_writes = adapter.writes is not None
        self.follows = adapter.follows
        self.records = adapter.records
        self.real_dtypes = frozenset(self._dtypes(*_REALS))
        self.complex_dtypes = frozenset(self._dtypes(*_COMPLEX))
        self.float_dtypes = self.real_dtypes | self.complex_dtypes
        self._known = dict.fromkeys(self.float_dtypes, True)
        self._raw: dict[str, Callable[..., Any]] = {}
        self.ufuncs: dict[Any, Callable[..., Any]] = {}  # NumPy's, and our functions for them
        self.answers: dict[Any, Callable[..., Any]] = {}  # the library's, and what answers them
        self.complete(self)
        VARIABLES.update(self.classes)
        BACKENDS.update(dict.fromkeys(self.classes, self))

    def _dtypes(self, *names: str) -> Iterable[Any]:
        for name in names:
            dtype = getattr(self.xp, name, None)
            if dtype is not None:
                # NumPy and JAX export scalar classes under these names; arrays carry dtype objects.
                yield dtype
                if isinstance(dtype, type):
                    import numpy

                    yield numpy.dtype(dtype)
                    yield numpy.dtype(dtype).newbyteorder()

    def knows(self, dtype: Any) -> bool:
        """Whether `dtype` is boolean or numeric. Dtypes of objects, strings and records are not."""
        known = self._known.get(dtype)
        if known is None:
            isdtype = getattr(self.xp, "isdtype", None)
            try:
                known = isdtype is None or bool(isdtype(dtype, ("bool", "numeric")))
            except TypeError:  # NumPy raises it for records
                known = False
            self._known[dtype] = known
        return known

    def raw(self, name: str) -> Callable[..., Any]:
        """The function of raw arrays called `name`, such as ``sin`` or ``linalg.solve``: the
        adapter's, else the library's, else the primitive's fallback."""
        function = self._raw.get(name)
        if function is None:
            function = self._raw[name] = self._find_raw(name)
        return function

    def _find_raw(self, name: str) -> Callable[..., Any]:
        """Look `name` up in the adapter, then in the library, then among the fallbacks of
        primitives."""
        if name in self.adapter.functions:
            return self.adapter.functions[name]
        if name.startswith(PREFIX):
            return raw_scipy(name, self.adapter, get_backend("numpy").adapter)
        primitive = PRIMITIVES.get(name)
        found: Any = self.xp
        if name.startswith("special."):
            found = self.adapter.special(name.removeprefix("special."))
        else:
            for part in name.split("."):
                found = getattr(found, part, None)
        if primitive is not None and primitive.private:
            found = None  # the name is ours; to the library it may mean something else
        if (
            found is None and primitive is not None and primitive.fallback is not None
            and all(map(self.has, primitive.needs))
        ):  # fmt: skip
            return primitive.fallback
        if found is None:
            needs = self.adapter.special_needs if name.startswith("special.") else ""
            hint = f"; `pip install {needs}` may bring it" if needs else ""
            raise MissingFunctionError(f"the {self.name} backend has no function {name!r}{hint}")
        if primitive is not None and primitive.variadic:
            function = found
            return lambda *arrays, **kwargs: function(list(arrays), **kwargs)
        return found  # type: ignore[no-any-return]

    @cached_property
    def copy(self) -> Callable[[Any], Any]:
        """The library's function that copies an array."""
        return self.raw("copy")

    def has(self, name: str) -> bool:
        """Whether `raw(name)` finds a function."""
        try:
            self.raw(name)
        except UnsupportedError:
            return False
        return True

    def __repr__(self) -> str:
        return f"<backend {self.name}>"

    def __reduce__(self) -> Any:
        """For pickle: by name, since each process has one such object."""
        return get_backend, (self.name,)


PRIMITIVES: dict[str, Primitive] = {}  # the rows of the rule book, by name
VARIABLES: set[type] = set()  # the classes of Variables, of all backends
BACKENDS: dict[type, Backend | None] = dict.fromkeys(
    (float, int, complex, bool, type(None), str, slice, type(...))
)
_by_name: dict[str, Backend] = {}
_registered: dict[str, Adapter] = {}
_making = RLock()  # one backend per library: two would not know each other's arrays


def register_backend(adapter: Adapter) -> None:
    """Make `adapter` known under its name in this process, as an entry point would.

    It takes precedence over a plugin of the same name. Types of arrays that were seen before keep
    their backend.

    Raises
    ------
    ValueError
        `adapter` is not an adapter, lacks a name or a namespace, or was written for a version of
        `pluggrad.plugin` that this pluggrad does not support.
    """
    if why := check_adapter(adapter):
        raise BackendError(f"this adapter cannot be registered: {why}")
    _registered[adapter.name] = adapter
    _by_name.pop(adapter.name, None)


def has_backend(name: str) -> bool:
    """Whether a plugin or a registered adapter has that name. It may still turn out to be
    unusable."""
    return name in _registered or name in plugins()


def _adapter(name: str) -> Adapter:
    if name in _registered:
        return _registered[name]
    if name not in plugins():
        raise unknown(name, _registered)
    return load(name)


def _point(name: str) -> EntryPoint | None:
    return None if name in _registered else plugins().get(name)


def get_backend(name: str) -> Backend:
    """The backend called `name`. For an unknown name, BackendError lists the installed ones."""
    try:
        backend = _by_name.get(name)
    except TypeError:  # it is not hashable
        raise unknown(name, _registered) from None
    if backend is None:
        adapter = _adapter(name)  # imports the library, so not under the lock
        made = asked(name, _point(name), "when its backend is made", lambda: _made(adapter))
        backend = _by_name[name] = made
    return backend


def _made(adapter: Adapter) -> Backend:
    """The backend for the adapter's name, made at the first call.

    Names that look like misspelt hooks are only warned about, because an adapter may have helpers
    of its own with such names.
    """
    with _making:
        backend = _by_name.get(adapter.name)
        if backend is None:
            backend = _by_name[adapter.name] = Backend(adapter)
            for problem in misspelt(adapter, _function_names(), backend.xp):
                warnings.warn(
                    f"the plugin of the backend {adapter.name!r}: {problem} See "
                    "`pluggrad backends --hooks`.",
                    RuntimeWarning,
                    stacklevel=2,
                )
    return backend


def _function_names() -> set[str]:
    """The names of functions that pluggrad looks up in every library."""
    public = {name for name, primitive in PRIMITIVES.items() if not primitive.private}
    return {*FUNCTIONS, *public, *CREATION, *INQUIRIES}


def backend_of(x: Any) -> Backend | None:
    """The backend that `x`, an array or a Variable, belongs to; None for Python scalars.

    Raises TypeMismatchError if `x` is not an array that follows the standard.
    """
    try:
        return BACKENDS[type(x)]
    except KeyError:
        backend = _find_backend(x)
        if backend is not None and (why := backend.adapter.refuse(x)):
            raise TypeMismatchError(f"{type(x).__name__} cannot be wrapped: {why}") from None
        BACKENDS[type(x)] = backend
        return backend


def peek(x: Any) -> Backend | None:
    """As `backend_of`, but None for whatever is no array."""
    try:
        return BACKENDS[type(x)]
    except KeyError:
        try:
            return backend_of(x) if hasattr(x, "dtype") else None
        except TypeMismatchError:
            return None


def _find_backend(x: Any) -> Backend | None:
    """The backend of `x`, from the module of its type or from array-api-compat."""
    # Dtype objects come from the libraries' modules, too, but have no attribute `dtype`.
    module = type(x).__module__.split(".")[0] if hasattr(x, "dtype") else ""
    for adapter in tuple(_registered.values()):
        if module in adapter.modules:
            return get_backend(adapter.name)
    if module in LIBRARIES:
        return get_backend(LIBRARIES[module])
    import array_api_compat

    name, namespace = module, None
    try:
        namespace = array_api_compat.array_namespace(x)
        name = str(namespace.__name__).removeprefix("array_api_compat.")
    except TypeError:
        if module not in plugins():
            raise TypeMismatchError(
                f"{type(x).__name__} is no array: pluggrad wraps arrays whose library follows the "
                "Array API standard. Make one first, by `pluggrad.asarray(...)` or your library's "
                "own."
            ) from None
    for point_name in dict.fromkeys((module, name.split(".")[0])):
        if point_name in plugins():
            try:
                return get_backend(point_name)
            except PluginError as error:
                if namespace is None:
                    raise
                # The library follows the standard, so its arrays work without the plugin.
                warnings.warn(f"{error}. Its arrays are taken as those of a library without a "
                              "plugin.", RuntimeWarning, stacklevel=3)  # fmt: skip
    if name not in _by_name:
        return _made(UnknownLibrary(name, namespace, x))
    return _by_name[name]


#: The backends for arrays of these modules, known without importing any plugin.
LIBRARIES = {
    "numpy": "numpy",
    "torch": "torch",
    "jax": "jax",
    "jaxlib": "jax",
    "array_api_strict": "strict",
    "dask": "dask",
}


def backends() -> dict[str, dict[str, Any]]:
    """What is installed: for each backend its version, devices and capabilities.

    Each library is imported, to ask it for its devices. A backend that cannot be used has
    ``installed: False`` and an ``"error"``, which says why in one line. If only its library is
    missing, ``"install"`` is the command that brings it. ``"warnings"`` is there if there are any.

    >>> import pluggrad as pg
    >>> pg.backends()["numpy"]["installed"]
    True
    """
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({*_registered, *plugins()}):
        try:
            adapter = _adapter(name)
            if adapter.name in found:  # already, by another of its entry points
                continue
            shown, facts = adapter.name, _facts(name, adapter)
        except PluginError as error:
            shown, facts = name, {"installed": False, "error": error.line}
            if error.install:
                facts["install"] = error.install
        if warned := doubles(name):
            facts["warnings"] = [*facts.get("warnings", ()), *warned]
        found[shown] = facts
    return dict(sorted(found.items()))


def _facts(name: str, adapter: Adapter) -> dict[str, Any]:
    """What `backends` reports about a loaded adapter."""
    point = _point(name)
    namespace = asked(name, point, "in namespace()", adapter.namespace)
    version = asked(name, point, "in version()", lambda: str(adapter.version()))
    devices = asked(name, point, "in devices()", lambda: [x for x in adapter.devices() if str(x)])
    can = asked(name, point, "in capabilities()", lambda: dict(adapter.capabilities()))
    found: dict[str, Any] = {
        "installed": True,
        "version": version,
        "devices": devices,
        "capabilities": {"writable": adapter.writable, **can},
    }
    if warned := misspelt(adapter, _function_names(), namespace):
        found["warnings"] = warned
    return found


def mixed(first: Backend, second: Backend, where: str) -> MixedBackendsError:
    """The error for two libraries in one operation."""
    error = MixedBackendsError(
        f"{where}: arrays of {first.name} and {second.name} cannot be mixed. Convert one of them "
        "explicitly, with `pluggrad.lift(value, like=variable)`."
    )
    error.backends = first.name, second.name
    return error
