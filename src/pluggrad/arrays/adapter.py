"""Adapters: what a plugin tells the engine about one array library.

`Adapter` declares every name that a plugin may override, and `hooks` reads them from its source
into a table. `FUNCTIONS` lists pluggrad's own functions that `Adapter.functions` may hold.
"""

from __future__ import annotations

import functools
import importlib
import math
import operator
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MissingFunctionError, UnsupportedError
from .immutable import has_arrays, surround

if TYPE_CHECKING:
    from .backend import Backend

__all__ = [
    "FUNCTIONS",
    "OLDEST_VERSION",
    "VERSION",
    "Adapter",
    "Hook",
    "careful_norm",
    "hooks",
    "selects_once",
]

#: The version of what `Adapter` and `pluggrad.plugin` promise. It grows when plugins written for
#: the previous version may stop working.
VERSION = 1
#: The oldest version whose plugins still work.
OLDEST_VERSION = 1


class Adapter:
    """What a backend plugin tells the engine about its library.

    Subclass it, fill in `name`, `modules` and `namespace`, and register an instance under the
    entry-point group ``pluggrad.backends`` or with `register_backend`. Everything else has a
    default. `namespace` is called before anything else is asked, so it may set attributes that
    depend on the library.
    """

    #: The name that users choose the backend by, as in ``pg.use("numpy")``. The entry point has the
    #: same name.
    name: str = ""
    #: The top-level modules that the classes of the library's arrays come from. The first is the
    #: one to look for in order to know whether the library is installed, and whose ``__version__``
    #: is shown.
    modules: tuple[str, ...] = ()
    #: The version of `pluggrad.plugin` that the adapter was written for, as a number. An adapter is
    #: refused if its version is not supported.
    #: Default: the current version.
    plugin_version: int = VERSION

    def namespace(self) -> Any:
        """The library's own Array API namespace. Import the library here and not before, so that
        the plugin can be imported where the library is not installed."""
        raise NotImplementedError

    #: Functions of raw arrays, by name: faster ones than the namespace's, or ones that it lacks.
    #: They are called in the place of the namespace's. The names are those of the standard, such as
    #: ``"sum"`` or ``"linalg.solve"``, those of `pluggrad.special`, such as ``"special.erf"``, and
    #: those in `pluggrad.plugin.FUNCTIONS`. `namespace` may fill it in.
    #: Default: the functions of the namespace.
    functions: dict[str, Callable[..., Any]] = {}  # noqa: RUF012

    # ------------------------------------------------------------ what arrays are like

    #: The class of ordinary arrays. Operators between a Variable and an array of exactly this class
    #: are quicker, and only buffers of this class are added to in place.
    #: Default: no class; all arrays take the longer way.
    array_type: type | None = None

    #: A dtype, and a mapping from each Python number to what stands for it beside an array of that
    #: dtype and of `array_type`: a 0-d array where that is quicker, or else the number itself.
    #: Default: no dtype.
    numbers: tuple[Any, Mapping[float, Any]] = (None, {})

    #: Whether arrays can be written in place. Where they cannot, every write makes a new array, by
    #: the function ``put``.
    #: Default: they can.
    writable: bool = True

    #: Whether, of several values that an index by integer arrays writes to one place, the last one
    #: stays. Where a library does not promise it, the engine sorts the values out before it writes.
    #: Default: not promised.
    last_write_wins: bool = False

    #: Whether the engine may add cotangents in place into buffers that it allocated itself.
    #: Default: it makes new arrays.
    accumulates_in_place: bool = False

    #: Whether special functions take integers beside floats, without losing digits of large ones.
    #: Default: integers are converted first.
    promotes: bool = False

    #: Whether the library takes NumPy arrays beside its own, as constants. pluggrad then does, too.
    #: Default: the two cannot be mixed.
    takes_numpy: bool = False

    #: The engine that compiles functions of these arrays, for `pluggrad.compile` with
    #: ``engine="auto"``: the name of an entry point in the group ``pluggrad.engines``.
    #: Default: none; functions run as they are.
    engine: str = ""

    #: Whether arrays compute at once, so that it pays to keep what `hvp` computes as a program.
    #: Default: nothing is kept.
    replays: bool = False

    #: Whether one index may hold slices beside an array of integers.
    #: Default: the engine does not rely on it, and spells the slices out as arrays.
    slices_beside_arrays: bool = False

    #: Whether an integer beside arrays of integers in an index selects first, as if it stood alone.
    #: In the standard it is an array without axes, which matters for where the axes of the arrays
    #: end up if a slice stands between them.
    #: Default: as in the standard.
    integers_first: bool = False

    #: Whether an Ellipsis between arrays in an index sets them apart even if it stands for no axes,
    #: so that the axes of the arrays come first in the result.
    #: Default: it does.
    ellipsis_between: bool = True

    def check(self, x: Any) -> None:
        """Raise `TypeMismatchError` if `x` must not be wrapped as a leaf that requires grad, such
        as a tensor that another autograd already follows.

        Default: every array can be wrapped.
        """

    #: A function that tells whether the library's own autograd records what is computed with an
    #: array. It is asked about each result that pluggrad records outside of transforms; if it says
    #: yes, `check` is called, which knows better, and says what to do.
    #: Default: the library has no autograd of that kind.
    follows: Callable[[Any], bool] | None = None

    #: A function that tells whether the library's own switch for recording is on, such as
    #: ``torch.is_grad_enabled``. While it is off, nothing is recorded outside of transforms.
    #: Default: there is no such switch.
    records: Callable[[], bool] | None = None

    #: How users turn that switch off, for messages.
    #: Default: no hint.
    switch: str = ""

    def recording(self) -> Any:
        """A context manager in which the library's own switch for recording is on.

        Default: one that does nothing.
        """
        return nullcontext()

    #: Whether `item()` and `tolist()` of a Variable that requires grad warn that the graph is left.
    #: Default: they do.
    warns_of_items: bool = True

    def refuse(self, x: Any) -> str:
        """Say why arrays of the type of `x` cannot be wrapped at all, with what to do instead;
        return an empty string if they can. Asked once per type.

        Default: they can.
        """
        return ""

    def same_device(self, x: Any, y: Any) -> bool:
        """Whether one operation can take both `x` and `y`, as far as devices go.

        Default: their attributes ``device`` are equal.
        """
        return bool(getattr(x, "device", None) == getattr(y, "device", None))

    # ------------------------------------------------------------ making arrays, and writing them

    def like(self, x: Any) -> Any:
        """What a rule keeps of `x` to make arrays like it later. Lazy libraries return `x` itself,
        so that what is made can follow its chunks.

        Default: the pair of its shape and its dtype.
        """
        return (x.shape, x.dtype)

    def one(self, x: Any) -> Any:
        """The number 1 as an array without axes, of the dtype of `x`, to be used beside it. It is
        where `backward` starts, and is never written.

        Default: made by ``ones`` of the namespace, and `beside`.
        """
        return self.beside(x, self.namespace().ones, (), dtype=x.dtype)

    def beside(self, x: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `function`, one of the creation functions such as ``zeros`` and ``arange``, so that
        what it makes can be used together with `x`. All constants that rules need are made here.
        Libraries whose arrays are spread over several devices or processes make them on all of
        these.

        Default: ``function(*args, device=x.device, **kwargs)``.
        """
        return function(*args, device=getattr(x, "device", None), **kwargs)

    #: A function that is called with each array that the user hands over, and returns another
    #: handle on the same values, which the user does not have. For libraries whose assignments
    #: change the handle, such as Dask.
    #: Default: arrays are taken as they are.
    hold: Callable[[Any], Any] | None = None

    #: A function that is called as ``finish(g, x)`` with each gradient `g` of `x` before the user
    #: gets it. For libraries whose arrays may be sums that are not carried out yet, such as a
    #: DTensor of partial sums.
    #: Default: gradients are handed out as they are.
    finish: Callable[[Any, Any], Any] | None = None

    def shares_memory(self, x: Any, y: Any) -> bool:
        """Whether `y`, which was made from `x` by a reshape, is a view of the memory of `x`.

        Default: it is.
        """
        return True

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """Add `g` to `buffer` at `key`, for each `(key, g)` of `pieces`, and return the sum. What
        several pieces, or duplicated indices, add to one place adds up. Where arrays can be
        written, the sum may be written into `buffer`.

        Default: in functions of the standard. Integer arrays cost as much as the length of the
        buffer times the number of indices.
        """
        for key, g in pieces:
            if not self.writable and not has_arrays(key):
                buffer = buffer + surround(self, buffer, key, g)
            elif self.writable and selects_once(key):
                buffer[key] += g
            else:
                buffer = buffer + self._add_by_position(buffer, key, g)
        return buffer

    def places(self, x: Any, key: Any) -> Any:
        """The positions in the flat `x` that `key` selects, in the shape of ``x[key]``.

        Default: the positions of all elements, read at `key`.
        """
        xp = self.namespace()
        count = math.prod(x.shape)
        flat = self.beside(x, xp.arange, count)
        read = self.functions.get("getitem", operator.getitem)
        return read(xp.reshape(flat, tuple(x.shape)), key)

    def _add_by_position(self, buffer: Any, key: Any, g: Any) -> Any:
        """Zeros like `buffer` with `g` added at `key`, in functions of the standard alone. Each
        element sums up its own contributions, which costs O(elements × contributions)."""
        xp = self.namespace()
        places = self.places(buffer, key)
        cells = self.beside(buffer, xp.arange, math.prod(buffer.shape))
        hits = xp.reshape(places, (-1, 1)) == xp.reshape(cells, (1, -1))
        g = xp.reshape(xp.broadcast_to(g, places.shape), (-1, 1))
        total = xp.sum(xp.where(hits, g, xp.zeros_like(g)), axis=0)
        return xp.reshape(total, buffer.shape)

    # ------------------------------------------------------------ noticing changes

    #: A function that returns how often an array was written in place, where the library counts
    #: that; it returns None for an array without such a count. The engine then notices when a value
    #: that it has saved was changed before it is used.
    #: Default: changes are noticed by `checksum`, and only under `pg.debug`.
    writes: Callable[[Any], Any] | None = None

    def checksum(self, x: Any) -> Any:
        """A number that changes when `x` is written in place; None where arrays never are.

        Default: computed by NumPy from the memory of `x`.
        """
        if not self.writable or self.hold is not None:
            return None
        import zlib

        import numpy as np

        return zlib.crc32(np.ascontiguousarray(np.asarray(x)).reshape(-1).view(np.uint8).data)

    def host(self, x: Any) -> Any:
        """The values of `x` as a NumPy array, if they can be looked at now; None if they cannot, as
        those of lazy arrays and of arrays that a compiler traces.

        Default: None.
        """
        return None

    # ------------------------------------------------------------ random numbers

    #: A function that is called as ``drawing(backend, randomness)``, with what `vmap` was told. It
    #: returns a context manager in which the library's random functions heed it; see
    #: `pluggrad.plugin.drawn`.
    #: Default: the library's random functions know nothing of `vmap`.
    drawing: Callable[..., Any] | None = None

    @property
    def generators(self) -> tuple[type, ...]:
        """The classes of the library's random number generators. `checkpoint` restores the state of
        those that a function uses before it runs the function again.

        Default: no classes.
        """
        return ()

    def rng_state(self, generator: Any = None) -> Any:
        """The state of `generator`, or of the library's global generators; None where there are
        none.

        Default: None.
        """
        return None

    def set_rng_state(self, state: Any, generator: Any = None) -> None:
        """Go back to a state that `rng_state` returned.

        Default: nothing to go back to.
        """

    # ------------------------------------------------------------ compilers

    #: Whether the library has a compiler that reads Python code, as torch.compile does.
    #: Default: it has none.
    reads_code: bool = False

    def tracing(self) -> bool:
        """Whether a compiler of the library is reading the code that is just running.

        Default: never.
        """
        return False

    def traced(self, x: Any) -> bool:
        """Whether `x` stands for an array in a program that the library is tracing. Beside such
        arrays, untracked Variables over NumPy are constants if NumPy's arrays are.

        Default: never.
        """
        return False

    def compiler(self) -> None:
        """Tell the library's compiler what it cannot read; see `pluggrad.plugin.UNREADABLE`. Called
        when the compiler is imported. pluggrad waits for one compiler, ``torch._dynamo``, and asks
        the backend ``torch``.

        Default: nothing is told.
        """

    def fence(self, x: Any) -> Any:
        """`x`, such that a compiler does not merge what is computed from it with what was computed
        from `x` before. `checkpoint` needs it.

        Default: `x` itself.
        """
        return x

    # ------------------------------------------------------------ more functions

    def foreign(self, backend: Backend, func: Any, args: Any, kwargs: Any) -> Any:
        """Answer `func`, a function of the library's own that was called with Variables among its
        arguments; return NotImplemented if no function of pluggrad has its meaning.
        `pluggrad.plugin.Table` helps.

        Default: every such call raises `UnsupportedError`.
        """
        return NotImplemented

    #: Other libraries whose functions `foreign` answers as well, such as NumPy for a library whose
    #: arrays NumPy's functions take.
    #: Default: no others; such a call raises `UnsupportedError`.
    answers: tuple[str, ...] = ()

    #: Methods of the library's arrays that Variables over them have, too, by name: those of the
    #: library's own protocols.
    #: Default: none.
    methods: dict[str, Any] = {}  # noqa: RUF012

    #: What to install for the special functions that the library itself does not have. It is shown
    #: when one is missing.
    #: Default: no hint.
    special_needs: str = ""

    def special(self, name: str) -> Callable[..., Any] | None:
        """The function of raw arrays that `scipy.special` calls `name`; None if there is none.

        Default: looked up in ``special`` of the namespace.
        """
        return getattr(getattr(self.namespace(), "special", None), name, None)

    def scipy(self, name: str) -> Callable[..., Any] | None:
        """The function of raw arrays that a row of `pluggrad.scipy` calls `name`, such as
        ``"ndimage.correlate1d"``, with the row's arguments; None if the library has none. SciPy's
        own is then called on NumPy arrays, by `callback`.

        Default: None.
        """
        return None

    #: A function of a list of lazy arrays that returns their values as NumPy arrays, computed in
    #: one pass. Transforms call it where NumPy arrays that they were given have met arrays of the
    #: library. Default: the two cannot meet.
    computed: Any = None

    def callback(
        self, function: Callable[..., Any], args: tuple[Any, ...], results: list[Any]
    ) -> list[Any]:
        """The results of `function`, which computes with NumPy arrays, for raw arrays of the
        library among `args`. `results` holds the shape and the dtype of each.

        Default: the values are copied to NumPy, by `host`, and back.
        """
        import numpy as np

        given, device = [], None
        for x in args:
            if hasattr(x, "dtype") and hasattr(x, "shape"):
                device = getattr(x, "device", None) if device is None else device
                x = self.host(x)
                if x is None:
                    raise UnsupportedError(
                        f"{self.name} has no values here that SciPy could compute with: call this "
                        "outside of what is compiled or lazy"
                    )
            given.append(x)
        y = function(*given)
        xp = self.namespace()
        return [
            xp.asarray(np.asarray(part), dtype=dtype, device=device)
            for part, (_, dtype) in zip(y if len(results) > 1 else [y], results, strict=True)
        ]

    def interop(self) -> Any:
        """What ``pg.interop.<name>`` is: a module that brings functions of pluggrad into the
        library's own autograd, and functions of the library into pluggrad's.

        Default: an error that the library has no autograd.
        """
        raise MissingFunctionError(
            f"pluggrad.interop is for libraries with an autograd of their own; {self.name} has none"
        )

    # ------------------------------------------------------------ what `pluggrad backends` shows

    def version(self) -> str:
        """The library's version.

        Default: ``__version__`` of the first of `modules`.
        """
        return str(getattr(importlib.import_module(self.modules[0]), "__version__", "unknown"))

    def devices(self) -> list[Any]:
        """The devices that arrays can live on.

        Default: what the namespace's inspection says; ``["cpu"]`` if it has none.
        """
        xp = self.namespace()
        if hasattr(xp, "__array_namespace_info__"):
            return list(xp.__array_namespace_info__().devices())
        return ["cpu"]

    def capabilities(self) -> dict[str, Any]:
        """What the library can do beyond computing: ``"writable"``, ``"lazy"``, and a ``"note"`` in
        a few words.

        Default: ``{"writable": self.writable}``.
        """
        return {"writable": self.writable}


class Hook(NamedTuple):
    """One name that an adapter may override: how to write it, what it must do, and what holds for
    an adapter that does not override it (empty if every adapter needs it)."""

    call: str
    does: str
    default: str


_FUNCTIONS = """
copy(x): A copy of `x`, with memory of its own. Default: `x + 0`.
getitem(x, key): `x[key]`, for every key that users may write: integers, slices, None, Ellipsis, masks and arrays of integers. Default: `x[key]`.
put(value, x, key): A new array: `x` with `value` at `key`, broadcast; `x` stays as it is. Default: written into a copy; where arrays cannot be written, put together in functions of the standard, for keys without arrays.
put_in_place(value, x, key): Write `value` into `x` at `key`, and return `x`. Only called where arrays can be written. Default: `x[key] = value`.
scatter(g, *, key, like): Zeros as `like` says (what `Adapter.like` returned), with `g` added at `key`; duplicated indices add up. Default: by `Adapter.scatter_add`.
scatter_all(*gs, keys, like): Zeros as `like` says, with each of `gs` added at its own of `keys`. Default: by `Adapter.scatter_add`.
add_at(g, places, *, length): Zeros with `length` rows, and the rows of `g` added at `places` along the first axis. Default: by `Adapter.scatter_add`.
add_along_axis(g, indices, *, axis, like): Zeros as `like` says, with `g` added at indices that are given for each row along `axis`; the transpose of `take_along_axis`. Only called if it is given, or where `Adapter.like` returns arrays. Default: by `scatter`.
put_at(value, x, places): A new array: `x`, of one axis, with `value` at `places`; of equal places the last wins. Default: by `put`.
index(places, *, length): `places` counted from the front of an axis of that length, as integers wide enough for positions; out of range is an error. Default: in functions of the standard.
last_of_each(places): For each of the integers in the row `places`, the number of the last element that is equal to it. Default: each is compared with each.
expand(x, *, to): `x` broadcast like `to` (what `Adapter.like` returned). Lazy libraries keep the chunks of `to`. Default: `broadcast_to`.
move(x, *, device): `x` on that device. Default: `to_device`, where the device is another one.
matmul_x1(g, x2, *, like): The cotangent of the first factor of `matmul`, of matrices with any axes in front: `g` times the transpose of `x2`, where `like` tells of the factor. Default: by `matrix_transpose`.
matmul_x2(g, x1, *, like): The same for the second factor: the transpose of `x1` times `g`. Default: by `matrix_transpose`.
solve_triangular(x1, x2, *, upper): The solution of a triangular system; the other triangle of `x1` holds zeros, and `x2` may have fewer axes in front. Default: by `inverse_triangular`.
lu_factor(x): The pair of LU factors and pivots of a matrix, for `lu_solve`; give both functions or none. Default: `linalg.solve` is called again in derivatives.
lu_solve(lu, pivots, x2, *, adjoint): The solution of the system whose factors `lu_factor` found, or with `adjoint` that of its conjugate transpose. Default: see `lu_factor`.
inverse_triangular(x, *, upper): The inverse of a triangular matrix. Default: by `solve_triangular`, else `linalg.inv`.
adjugate(x): The adjugate of a matrix, also of a singular one. Default: from the singular value decomposition.
hermitian(x, *, upper=False): The Hermitian matrices that the lower or upper triangle of `x` stands for. Default: in functions of the standard.
eigh_upper(x): As `linalg.eigh`, of the upper triangle of `x`. Default: by `hermitian`.
exponent(x): The whole number k, in the dtype of `x`, for which 2^k is next to the size of `x`; 0 for zeros, infinities and nan. Default: by `log2`.
strong_multiply(x1, x2): The product, but 0 wherever one factor is 0, be the other infinite or nan. Default: by `where`.
logistic(x): 1 / (1 + exp(-x)), without overflow. Default: in functions of the standard.
share(x1, x2): 1 / (1 + exp(x2 - x1)), without overflow; 1/2 for equal infinities. Default: in functions of the standard.
log_sum(x, *, axis=None, keepdims=False): The logarithm of the sum of the exponentials, without overflow. Default: in functions of the standard.
softmax_of(x, *, axis=None): The exponentials divided by their sum, without overflow. Default: in functions of the standard.
log_softmax_of(x, *, axis=None): The logarithm of `softmax_of`, without overflow. Default: in functions of the standard.
gap(x): 1 - x², precise near 1 and -1. Default: in functions of the standard.
below(x): √(x - 1) √(x + 1), without overflow of the square. Default: in functions of the standard.
above(x): √(x² + 1), without overflow of the square. Default: in functions of the standard.
cosine(x1, x2, r): x1 / r, where `r` is hypot(x1, x2); 0 where `r` is 0. Default: in functions of the standard.
leg(x1, x2, r): x1 / r², without the square; 0 where `r` is 0. Default: in functions of the standard.
gaussian(x): exp(-x²). Default: in functions of the standard.
bell(x): exp(-x² / 2). Default: in functions of the standard.
gamma_slope(a, x, *, order): The derivative of that order of the lower incomplete gamma function by `a`. Default: by quadrature.
beta_slope(a, b, x, *, order): The derivative of the incomplete beta function, of the two orders by `a` and `b`. Default: by quadrature.
student_slope(df, t, *, order): The derivative of that order of the distribution function of Student's t by `df`. Default: by quadrature.
"""  # noqa: E501
#: Functions of pluggrad's own that `Adapter.functions` may hold beside the standard's. They take
#: raw arrays; arguments after the star are passed by keyword.
FUNCTIONS: dict[str, Hook] = {}
for _line in _FUNCTIONS.strip().splitlines():
    _call, _, _text = _line.partition(": ")
    _does, _, _default = _text.partition(" Default: ")
    FUNCTIONS[_call.partition("(")[0]] = Hook(_call, _does, _default[0].upper() + _default[1:])


@functools.cache
def hooks() -> dict[str, Hook]:
    """Every name that an adapter may override, read from the source of `Adapter`."""
    import ast
    import inspect

    source = inspect.getsource(Adapter)
    lines = source.splitlines()
    found: dict[str, Hook] = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            first = node.lineno - 1
            while lines[first - 1].lstrip().startswith("#:"):
                first -= 1
            text = "\n".join(line.strip()[2:].strip() for line in lines[first : node.lineno - 1])
            found[node.target.id] = _hook(node.target.id, text)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            for argument in node.args.args:
                argument.annotation = None
            given = ast.unparse(node.args).partition(", ")[2]  # without `self`
            call = node.name if node.decorator_list else f"{node.name}({given})"
            found[node.name] = _hook(call, ast.get_docstring(node) or "")
    return found


def _hook(call: str, text: str) -> Hook:
    """The hook that a docstring describes. The text after ``Default:`` says what holds without an
    override."""
    does, _, default = text.partition("Default: ")
    default = " ".join(default.split())
    return Hook(call, " ".join(does.split()), default[:1].upper() + default[1:])


def careful_norm(norm: Callable[..., Any], xp: Any, concrete: Any = None) -> Callable[..., Any]:
    """`norm`, the library's `linalg.vector_norm`, made safe for very large and very small vectors.

    Where squares or powers leave the range of the dtype, the norm is computed once more, of the
    vectors divided by their largest element. Whether that is needed shows in the result, which
    therefore has to be read. `concrete(result)` says whether it can be: not while a compiler
    traces, nor where a device computes it later.
    """
    ranges: dict[Any, tuple[float, float]] = {}

    def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
        y = norm(x, axis=axis, keepdims=keepdims, ord=ord)
        if not 1 < abs(ord) < math.inf or (concrete is not None and not concrete(y)):
            return y
        known = ranges.get((y.dtype, ord))
        if known is None:
            info, root = xp.finfo(y.dtype), 1 / abs(ord)
            low = float(info.smallest_normal) / float(info.eps)
            known = ranges[y.dtype, ord] = low**root, float(info.max) ** root
        low, high = known
        fits = (y >= low) & (y <= high)
        if (bool(fits) if y.ndim == 0 else bool(xp.all(fits))) or 0 in x.shape:
            return y
        sizes = xp.abs(x)
        ones = xp.ones_like(sizes)
        top = xp.max(xp.where(sizes < math.inf, sizes, ones), axis=axis, keepdims=True)
        top = xp.where(top == 0, xp.ones_like(top), top)
        y = norm(sizes / top, axis=axis, keepdims=True, ord=ord) * top
        return y if keepdims else xp.sum(y, axis=axis)  # drops axes of length 1

    return vector_norm


def selects_once(key: Any) -> bool:
    """Whether `key` selects no element twice: it contains no array of integers."""
    if isinstance(key, tuple):
        return all([selects_once(k) for k in key])
    return isinstance(key, slice) or not hasattr(key, "dtype") or "bool" in str(key.dtype)
