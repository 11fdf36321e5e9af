"""The differentiable Array API namespace of one backend."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..arrays.backend import PRIMITIVES, SCALARS, Backend, backend_of, get_backend
from ..arrays.choice import current_choice, get_default_backend
from ..arrays.composites import ARRAYS, COMPOSITES, MAKERS, OWN, PLAIN, WIDER
from ..arrays.dispatch import is_batched, is_variable
from ..arrays.standard import CREATION, INQUIRIES, Info
from ..engine.arguments import explain, shortened, whole
from ..engine.batch import template
from ..engine.cotangents import create
from ..engine.graph_breaks import break_graph
from ..engine.handles import raw_of, wrap, wrap_untracked
from ..engine.levels import ROOT, VOLATILE
from ..engine.lists import array_of, first_array
from ..engine.operation import takes_numpy
from ..engine.primitive import LISTS
from ..engine.short_cuts.bind import bind
from ..errors import (
    BackendError,
    BatchingError,
    InvalidArgumentError,
    MixedBackendsError,
    TypeMismatchError,
    UnsupportedError,
)
from .names import ALIASES, EXTENSIONS, public_names, signature_of, unknown_name

if TYPE_CHECKING:
    from .declared import Functions
else:
    Functions = object

__all__ = ["Namespace", "by_name", "describe", "is_dtype", "lift", "lifting", "loses", "namespace"]


#: Names with underscores that a namespace offers; its extensions lack the first one.
DUNDERS = ("__array_namespace_info__", "__array_api_version__", "__doc__", "__name__")


class Namespace(Functions):
    """The functions of the Array API standard, version 2025.12, on Variables over one backend.

    They take Variables, raw arrays of the backend and Python scalars, and return Variables,
    untracked where no input is tracked. `linalg`, `fft` and `special` are namespaces inside it.
    """

    __array_api_version__ = "2025.12"

    def __init__(self, backend: Backend, prefix: str = "") -> None:
        self._backend = backend
        self._prefix = prefix
        inside = f".{prefix[:-1]}" if prefix else ""
        self.__name__ = f"pluggrad.namespace({backend.name!r}){inside}"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "raw":
            raise AttributeError(name)
        found = self._find(name)
        if inspect.isfunction(found) and found.__module__ == "pluggrad":
            # How pickle finds it in `pluggrad`.
            found.__qualname__ = f"_by_name.{self._backend.name}.{self._prefix}{name}"
        setattr(self, name, found)
        return found

    def __reduce__(self) -> Any:
        """For pickle: by the backend's name, since each process has one such object."""
        if self._prefix:
            return getattr, (self._backend.namespace, self._prefix[:-1])
        return namespace, (self._backend.name,)

    def _find(self, name: str) -> Any:
        """The function, constant or extension called `name`, made for this backend."""
        backend, full = self._backend, self._prefix + name
        full = ALIASES.get(full, full)
        if name == "newaxis":
            return None
        if name in EXTENSIONS and not self._prefix:
            return Namespace(backend, f"{name}.")
        if full in PRIMITIVES and full not in COMPOSITES and backend.has(full):
            row, wider = PRIMITIVES[full], WIDER.get(full)
            wide = _bind_wider(full, backend) if wider and wider.function else None
            return describe(bind(row, backend, wide), self._prefix + name)
        if full in COMPOSITES:
            return _bind_composite(full, backend)
        if full == "asarray":
            return self.asarray
        if full in CREATION and backend.has(full):
            return _bind_creation(full, backend.raw(full), backend)
        raw: Any = backend.xp
        for part in full.split("."):
            raw = getattr(raw, part, None)
        if full in INQUIRIES:
            return _bind_inquiry(full, raw, backend)
        if raw is None:
            if full in PRIMITIVES:
                return bind(PRIMITIVES[full], backend)  # raises, and says what is missing
            raise unknown_name(full, f"the namespace of {backend.name}")
        if callable(raw) and not isinstance(raw, type) and not is_dtype(raw):
            return _bind_opaque(full, raw, backend)
        return raw

    def __dir__(self) -> list[str]:
        return [*DUNDERS[bool(self._prefix) :], *public_names(self._prefix)]

    def __array_namespace_info__(self) -> Any:
        """The standard's inspection utilities."""
        return Info(self._backend)

    def asarray(
        self, obj: Any, /, dtype: Any = None, *, device: Any = None, copy: bool | None = None
    ) -> Any:
        """`obj` as a Variable. Variables, also those inside a list, stay connected to the graph.

        Array API 2025.12, creation functions: asarray
        https://data-apis.org/array-api/2025.12/API_specification/generated/array_api.asarray.html
        """
        if isinstance(obj, (list, tuple)) and _holds_variables(obj):
            if copy is False:
                raise InvalidArgumentError("asarray: a list cannot become an array without a copy")
            if dtype is None:
                obj = array_of(obj, self._backend, "asarray")
            else:
                obj = self.stack([self.asarray(item, dtype=dtype) for item in obj])
            copy = None
        if not is_variable(obj):
            if device is None and not hasattr(obj, "shape"):
                device = chosen_device(self._backend)
            try:
                made = self.raw_asarray(obj, dtype=dtype, device=device, copy=copy)
            except Exception as error:
                explain(error, "asarray", (obj,))
            return self._numbers(made, obj)
        if obj._backend is not self._backend:
            return self.asarray(obj.numpy(), dtype=dtype, device=device, copy=copy)
        other = dtype is not None and obj.dtype != dtype
        away = device is not None and obj.device != device
        if copy is False and (other or away):
            raise InvalidArgumentError("asarray: another dtype or device needs a copy")
        if other:
            obj, copy = self.astype(obj, dtype), None
        if away:
            obj, copy = self.to_device(obj, device), None
        return self.copy(obj) if copy else obj

    def asarray_beside(self, obj: Any, x: Any, dtype: Any = None) -> Any:
        """`obj`, a number, a list of numbers or an array, as a Variable that can be used together
        with `x`; if `x` is None, as `asarray` makes it."""
        if x is None or backend_of(x) is not self._backend or is_variable(obj):
            return self.asarray(obj, dtype=dtype)
        given = {} if dtype is None else {"dtype": dtype}
        try:
            made = create("asarray", obj, beside=x, **given)
        except Exception as error:
            explain(error, "asarray", (obj,))
        return self._numbers(made, obj)

    def standard(self, name: str) -> Any:
        """The library's own function `name` that makes arrays, for a wider one of ours."""
        return _bind_creation(name, self._backend.raw(name), self._backend)

    def asarray_constant(self, raw: Any) -> Any:
        """A raw array as an untracked Variable."""
        return wrap(raw, None, ROOT, self._backend)

    def _numbers(self, made: Any, obj: Any) -> Any:
        """The raw array `made` of `obj` as a Variable, if it holds numbers."""
        if not self._backend.knows(made.dtype):
            raise TypeMismatchError(
                f"asarray takes numbers and arrays of numbers, not {shortened(obj)}"
            )
        return wrap_untracked(made, self._backend)

    def raw_asarray(self, obj: Any, **kwargs: Any) -> Any:
        """`obj` as a raw array of this backend."""
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        return self._backend.raw("asarray")(obj, **kwargs)

    def to_device(self, x: Any, device: Any, /) -> Any:
        """`x` on another device."""
        return self.move(x, device=device)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"


def describe(function: Any, full: str) -> Any:
    """Give `function` the documentation and the signature of the public function `full`; return it.

    The tables of the documentation are imported here, when the first function is asked for.
    """
    from .documentation import documentation

    name = ALIASES.get(full, full)
    if name in COMPOSITES:
        function.__signature__ = signature_of(name)
    text = documentation(full)
    if text:
        function.__doc__ = text
    return function


def is_dtype(raw: Any) -> bool:
    """Whether `raw`, an attribute of a library's namespace, is a dtype."""
    return type(raw).__name__ in ("dtype", "DType", "_ScalarMeta")


def _holds_variables(obj: Any) -> bool:
    """Whether the sequence `obj`, or one nested in it, contains a Variable."""
    return any(
        is_variable(x) or (isinstance(x, (list, tuple)) and _holds_variables(x)) for x in obj
    )


def _plain(x: Any) -> Any:
    """`x` with raw arrays in place of Variables, also in nested lists and tuples."""
    if is_variable(x):
        return x.data
    if isinstance(x, (list, tuple)) and _holds_variables(x):
        return type(x)([_plain(item) for item in x])
    return x


def _tracked(args: Any) -> bool:
    """Whether an argument is a tracked Variable, or one of another level than the root."""
    return any(
        (x._level is not ROOT or x._read()[1] is not None) if is_variable(x)
        else isinstance(x, (list, tuple)) and _tracked(x)
        for x in args
    )  # fmt: skip


def loses(args: Any) -> bool:
    """Whether a gradient would be lost if these arguments were taken as raw arrays."""
    return any(
        (x._level not in (ROOT, VOLATILE) or x._read()[1] is not None) if is_variable(x)
        else isinstance(x, (list, tuple)) and loses(x)
        for x in args
    )  # fmt: skip


def _bind_composite(name: str, backend: Backend) -> Callable[..., Any]:
    """The composite `name` for `backend`; the library's own is called where nothing is tracked."""
    raw: Any = None if name in OWN else backend.adapter.functions.get(name) or backend.xp
    if raw is not None and not callable(raw):
        for part in name.split("."):
            raw = getattr(raw, part, None)
    call = lifting(name, COMPOSITES[name], backend, raw)
    return describe(call, name)  # type: ignore[no-any-return]


def _bind_wider(name: str, backend: Backend) -> Callable[..., Any]:
    """What computes NumPy's arguments of the standard's function `name`, for `backend`."""
    function = WIDER[name].function
    assert function is not None
    return lifting(name, function, backend)


def lifting(
    name: str,
    function: Callable[..., Any],
    backend: Backend,
    raw: Callable[..., Any] | None = None,
    arrays: dict[int | str, bool] | None = None,
) -> Callable[..., Any]:
    """`function`, whose name in errors is `name`, with Variables in place of the arrays and lists
    among its arguments; `raw` is called instead where nothing is tracked. `arrays` are the
    positions and names of those that are arrays, as in `ARRAYS`, which is asked by default."""
    arrays, plain = ARRAYS.get(name, {}) if arrays is None else arrays, PLAIN.get(name, {})
    lift = (lambda x, _: x) if name in MAKERS else _lift
    first: tuple[Any, ...] = (backend,) if name in MAKERS else ()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        requires_grad = name in CREATION and kwargs.pop("requires_grad", False)
        try:
            if raw is not None and not _tracked(args) and not _tracked(kwargs.values()):
                y = raw(*map(_plain, args), **{key: _plain(x) for key, x in kwargs.items()})
            else:
                beside: Any = None
                if arrays and any([type(x) in LISTS for x in (*args, *kwargs.values())]):
                    beside = first_array((*args, *kwargs.values()))

                def given(key: int | str, x: Any) -> Any:
                    if key in plain:
                        return x
                    return _array(x, backend, name, beside) if key in arrays else lift(x, backend)

                y = function(
                    *first,
                    *[given(n, x) for n, x in enumerate(args)],
                    **{key: given(key, x) for key, x in kwargs.items()},
                )
        except Exception as error:
            if isinstance(error, MixedBackendsError):
                other, constants = takes_numpy(args, backend)
                if other is not None:
                    return lifting(name, function, other)(*constants, **kwargs)
            explain(error, name, args)
        if hasattr(y, "dtype") and not backend.knows(y.dtype):
            raise TypeMismatchError(f"{name}: an array of dtype {y.dtype} holds no numbers")
        y = y if is_variable(y) else wrap_untracked(y, backend)
        return y.requires_grad_() if requires_grad else y

    call.__module__ = "pluggrad"
    return call


def _array(x: Any, backend: Backend, name: str, beside: Any) -> Any:
    """`x`, an argument of `name` that is an array, as a Variable; a number and None as they are. A
    list of numbers gets the precision of the array `beside`."""
    if type(x) in LISTS:
        made = array_of(x, backend, name)
        if made.dtype in backend.float_dtypes and beside is not None and made.dtype != beside.dtype:
            made = array_of(x, backend, name, beside)
        return _lift(made, backend)
    if isinstance(x, (list, tuple)) or (isinstance(x, SCALARS) and hasattr(x, "dtype")):
        return backend.namespace.asarray(x)
    return _lift(x, backend)


def _lift(x: Any, backend: Backend) -> Any:
    """A raw array as a Variable, so that every step of a composite is an operation on Variables."""
    if isinstance(x, (list, tuple)):
        return type(x)([_lift(item, backend) for item in x])
    if is_variable(x) or isinstance(x, type) or not (hasattr(x, "shape") and hasattr(x, "dtype")):
        return x
    found = backend_of(x)
    if found is not backend:
        if found is None or found.name != "numpy" or not backend.adapter.takes_numpy:
            return x
        x = backend.xp.asarray(x)
    return wrap(x, None, ROOT, backend)


def chosen_device(backend: Backend) -> Any:
    """The device that `use` or `set_default_backend` chose for new arrays of `backend`."""
    choice = current_choice()
    return choice.device if choice.name == backend.name else None


def _bind_creation(name: str, raw: Callable[..., Any], backend: Backend) -> Any:
    """The library's creation function `name`, which also takes ``requires_grad``."""
    like = name.endswith("_like")
    parameters = list(signature_of(name).parameters.values())
    count = sum(p.kind is not p.KEYWORD_ONLY for p in CREATION[name].parameters.values())
    more = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY][count:]
    takes_dtype = not like and name not in ("from_dlpack", "arange", "full")

    def make(*args: Any, requires_grad: bool = False, **kwargs: Any) -> Any:
        if name.startswith("fft.") and args:
            args, kwargs = args[:1], _frequencies(name, args, kwargs)
        elif len(args) > count and more:  # NumPy takes more arguments by position
            given = dict(zip(more, args[count:], strict=False))
            if kwargs.keys() & given.keys() or len(args) > count + len(more):
                raise TypeMismatchError(f"{name} takes {', '.join(more)} once, behind the others")
            args, kwargs = args[:count], {**kwargs, **given}
        if like and (shape := kwargs.pop("shape", None)) is not None and args:
            x = args[0] if hasattr(args[0], "dtype") else backend.namespace.asarray(args[0])
            given = {key: value for key, value in kwargs.items() if value is not None}
            given.setdefault("dtype", x.dtype)
            plain = name.removesuffix("_like")
            if "device" in given:
                named = getattr(backend.namespace, plain)
                return named(shape, requires_grad=requires_grad, **given)
            try:
                y = wrap_untracked(create(plain, shape, beside=x, **given), backend)
            except Exception as error:
                explain(error, name, args)
            return y.requires_grad_() if requires_grad else y
        if name == "from_dlpack":
            if loses(args):
                break_graph("export through DLPack")
        elif loses(args[like:]) or loses(kwargs.values()):
            refuse_batch(name, (*args[like:], *kwargs.values()))
            raise UnsupportedError(
                f"{name!r} has no derivative by its arguments; `.detach()` them if none is needed"
            )
        elif not like:
            choice = current_choice()
            if choice.name == backend.name:
                if choice.device is not None:
                    kwargs.setdefault("device", choice.device)
                if choice.dtype is not None and takes_dtype:
                    kwargs.setdefault("dtype", choice.dtype)
        if like and args and not is_batched(args[0]):
            args = (raw_of(args[0]), *args[1:])  # its values are not needed
        args = tuple([template(x) if is_batched(x) else _plain(x) for x in args])
        kwargs = {key: _plain(x) for key, x in kwargs.items()}
        try:
            y = wrap_untracked(raw(*args, **kwargs), backend)
        except Exception as error:
            explain(error, name, args)
        if not backend.knows(y.dtype):
            raise TypeMismatchError(f"{name}: an array of dtype {y.dtype} holds no numbers")
        return y.requires_grad_() if requires_grad else y  # as torch's creation functions do

    return _like(make, raw, name)


def _frequencies(name: str, args: Any, kwargs: Any) -> Any:
    """The keywords of `fft.fftfreq` or `fft.rfftfreq`, checked; `d` may come by position."""
    whole(args[0], name, "n", least=1)
    if len(args) > 2 or (len(args) == 2 and "d" in kwargs):
        raise InvalidArgumentError(f"{name} takes n, d, dtype and device, the last two by name")
    kwargs = {**kwargs, "d": args[1]} if len(args) == 2 else kwargs
    d = kwargs.get("d", 1.0)
    if not hasattr(d, "shape") and (not isinstance(d, (int, float)) or d == 0):
        raise InvalidArgumentError(f"{name}: d is a number other than 0, not {shortened(d)}")
    return kwargs


def refuse_batch(name: str, args: Any) -> None:
    """Raise if `vmap` maps over a value among `args`."""
    for x in args:
        if isinstance(x, (list, tuple)):
            refuse_batch(name, x)
        elif is_batched(x):
            raise BatchingError(
                f"inside vmap, {name} does not take values that are mapped over. Call it outside "
                "of vmap, or write it in terms of other functions"
            )


def _bind_inquiry(name: str, raw: Callable[..., Any], backend: Backend) -> Any:
    """The library's function `name`, whose answer is a plain Python value."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        by_dtype = name == "can_cast"  # JAX takes no array there
        args = tuple(
            [x.dtype if is_batched(x) or (by_dtype and is_variable(x)) else _plain(x) for x in args]
        )
        try:
            return raw(*args, **kwargs)
        except Exception as error:
            explain(error, name, args)

    return _like(ask, raw, name)


def _bind_opaque(name: str, raw: Callable[..., Any], backend: Backend) -> Any:
    """A function that only the library has. It has no rule, so it takes constants only."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if loses(args) or loses(kwargs.values()):
            refuse_batch(name, (*args, *kwargs.values()))
            raise UnsupportedError(
                f"{name!r} has no derivative in pluggrad; `.detach()` its arguments if none "
                "is needed"
            )
        kwargs = {key: _plain(x) for key, x in kwargs.items()}
        try:
            return wrap_untracked(raw(*map(_plain, args), **kwargs), backend)
        except Exception as error:
            explain(error, name, args)

    return _like(call, raw, name)


def _like(function: Any, raw: Any, name: str) -> Any:
    """Give `function` the name, documentation and signature of the function `name`."""
    function.__name__ = function.__qualname__ = name.split(".")[-1]
    function.__module__ = "pluggrad"
    function.__doc__ = getattr(raw, "__doc__", None) or f"The library's `{name}`."
    describe(function, name)
    signature = signature_of(name) if name in CREATION or name in INQUIRIES else None
    if signature is None:
        try:
            signature = inspect.signature(raw)
        except (TypeError, ValueError):
            return function
    function.__signature__ = signature
    return function


def namespace(which: Any = None) -> Namespace:
    """The differentiable namespace of one backend.

    Parameters
    ----------
    which : str, array, Variable or raw namespace, optional
        A backend's name, an array that belongs to it, or its Array API namespace; the default
        backend if left out.

    >>> import pluggrad as pg
    >>> xp = pg.namespace("numpy")
    >>> xp.sum(xp.ones(3)).item()
    3.0
    """
    if isinstance(which, Namespace):
        return which
    if which is None:
        backend: Backend | None = get_default_backend()
    elif isinstance(which, str):
        backend = get_backend(which)
    else:
        backend = backend_of(which.asarray([0]) if inspect.ismodule(which) else which)
    if backend is None:
        raise BackendError(f"{which!r} is neither a backend's name nor an array")
    found: Namespace = backend.namespace
    return found


class _ByName:
    """The namespaces of all backends as attributes, where pickle finds their functions."""

    def __getattr__(self, name: str) -> Namespace:
        if name.startswith("__"):
            raise AttributeError(name)
        return namespace(name)


by_name = _ByName()


def lift(value: Any, like: Any) -> Any:
    """`value` as an untracked Variable of the same library as `like`.

    `value` is an array of any library, a Python number or a list. This is the explicit way to bring
    a constant into another library; mixing two libraries is an error otherwise.

    >>> import numpy as np, pluggrad as pg
    >>> v = pg.Variable(np.ones(3))
    >>> pg.lift([1.0, 2.0, 3.0], like=v).data
    array([1., 2., 3.])
    """
    backend = backend_of(like)
    if backend is None:
        raise BackendError("like must be an array or a Variable")
    if is_variable(value):
        value = value.numpy()
    if backend_of(value) is not backend if hasattr(value, "shape") else True:
        import numpy

        try:
            value = numpy.asarray(value)
        except (RuntimeError, TypeError, ValueError) as error:
            explain(error, "lift", (value,))
        if value.dtype.kind not in "biufc":
            raise TypeMismatchError(f"lift: {shortened(value.tolist())} holds no numbers")
        value = backend.xp.asarray(value if backend.name != "array_api_strict" else value.tolist())
    return wrap(value, None, ROOT, backend)
