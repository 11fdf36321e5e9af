"""Variable: an array that remembers how it was computed."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..arrays.backend import Backend, backend_of
from ..arrays.choice import get_default_backend
from ..engine import views
from ..engine.anomaly import check_made
from ..engine.arguments import convert, explain
from ..engine.cotangents import same_shape
from ..engine.differentiate import backward
from ..engine.grad_mode import no_grad
from ..engine.graph import HookedNode, LeafNode, Node, RemovableHandle, add_hook, watch
from ..engine.handles import wrap
from ..engine.levels import ROOT, VOLATILE, Level, read, restored
from ..engine.linear import is_linear_level, refuse
from ..engine.modes import inside
from ..engine.primitive import new
from ..engine.record import make_leaf
from ..errors import (
    DifferentiationError,
    InvalidArgumentError,
    TypeMismatchError,
    UnknownNameError,
)
from .conversions import Conversions
from .indexing import Elements, Size, sized
from .methods import ArrayMethods

if TYPE_CHECKING:
    from .declared import Declared
    from .types import ArrayLike
else:

    class Declared:
        """The operators and methods that `operators` puts on Variables, for type checkers to see.

        They are declared in `declared.pyi`, which `docs/stubs.py` writes.
        """

        __slots__ = ()


__all__ = ["WANTED", "Variable", "rebuild"]

WANTED: Any = object()


class Variable(Declared, Elements, Conversions, ArrayMethods):
    """An array that remembers how it was computed.

    Parameters
    ----------
    data : array or scalar
        An array of any library that follows the Array API standard. It is not copied; a Python
        scalar or nested list becomes an array of the default backend.
    requires_grad : bool
        Whether gradients with respect to it are wanted: it is then a leaf of the graph, and
        `backward` accumulates into its `grad`. Only floating-point and complex dtypes can.
    volatile : bool
        Whether it is volatile. All that is computed from it is volatile, too, and not recorded.

    Raises
    ------
    TypeError
        `data` is not an array, its dtype is integer or boolean and `requires_grad` is set, or it is
        a torch tensor that torch itself tracks.

    Examples
    --------
    >>> import numpy as np
    >>> from pluggrad import Variable
    >>> x = Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.data
    array([2., 4.])
    """

    # `_value` is the value, one level down; `_node` its place in the graph, None if untracked;
    # `_level` the level that it belongs to. `_cell`, `_chain` and `_seen` are for handles that were
    # written or that are views (see `engine.views`). `_birth` is set inside transforms only.
    # `_leaf` keeps the node of a leaf while its requires_grad is switched off. It is WANTED where a
    # custom operation gets the untracked value of a tracked Variable, which requires grad to it.
    __slots__ = ("__weakref__", "_birth", "_cell", "_chain", "_grad", "_leaf", "_level", "_node",
                 "_seen", "_value")  # fmt: skip

    _backend: Backend
    _item: Callable[[tuple[Any, ...], Any], Any]
    _birth: Level
    _grad: Variable | None
    _value: Any
    _node: Any
    _level: Level
    _cell: views.Cell | None
    _chain: views.Step | None
    _leaf: Any
    _seen: views.Version

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Variable:
        if isinstance(data, Variable):
            backend, data = data._backend, data._snapshot()
            data = data._value if data._node is None and data._level in (ROOT, VOLATILE) else data
        elif isinstance(data, (bool, int, float, complex, list, tuple)):
            backend = get_default_backend()
            try:
                data = backend.namespace.raw_asarray(data)
            except (TypeError, ValueError) as error:
                explain(error, "Variable", (data,))
        else:
            found = backend_of(data)
            if found is None:
                raise TypeMismatchError(f"{type(data).__name__} is no array")
            backend = found
            if backend.hold is not None:
                data = backend.hold(data)
        if not backend.knows(data.dtype):
            raise TypeMismatchError(
                f"an array of dtype {data.dtype} cannot be wrapped: the standard's dtypes are "
                "boolean, integer, real and complex floating-point"
            )
        v: Variable = wrap(data, None, ROOT, backend)
        if isinstance(data, Variable):
            raise TypeMismatchError(
                "this is a tracked Variable already; `.detach()` gives an untracked one to wrap"
            )
        if requires_grad and volatile:
            raise InvalidArgumentError("a Variable cannot be volatile and require grad")
        if volatile:
            v._level = VOLATILE
        if requires_grad:
            v.requires_grad_()
        return v

    # ------------------------------------------------------------ the handle and its cell

    def _read(self) -> tuple[Any, Any]:
        """The present value and node. A view is brought up to date first."""
        if self._cell is not None and self._seen.past:
            views.refresh(self)
        return self._value, self._node

    def _take(self, other: Variable) -> None:
        """Take over the value, node, level and class of `other`."""
        node, cls = self._node, type(other)
        changes = type(self) is not cls
        if type(node) is HookedNode and node.extra.variable and other._node is not node:
            node.extra.variable = None  # `retain_grad` follows the handle to its new node
            if other._node is not None:
                watch(other._node).variable = weakref.ref(self)
        self._value, self._node, self._level = other._value, other._node, other._level
        if changes:  # no call since the line above, so no interrupt comes in between
            self.__class__ = cls

    def _snapshot(self) -> Variable:
        """A plain Variable of the same value and place in the graph, which later writes do not
        reach."""
        value, node = self._read()
        v: Variable = new(type(self))
        v._value, v._node, v._level, v._cell = value, node, self._level, None
        if self._cell is not None:
            self._cell.owned = False
        return v

    @property
    def _born(self) -> Level:
        """The level that was open when this handle was made; if none was noted, its own level."""
        try:
            return self._birth
        except AttributeError:
            return ROOT if self._level is VOLATILE else self._level

    # ------------------------------------------------------------ what it holds

    @property
    def data(self) -> Any:
        """The raw array. The graph does not see changes made to it in place."""
        value, node = self._read()
        if node is not None and is_linear_level(self._level):
            refuse(
                "it asks for its values, as `.data`, `float()`, `bool()` and a Python `if` do", True
            )
        if self._cell is not None:
            self._cell.owned = False
        while isinstance(value, Variable):
            value = value.data
        return value

    @data.setter
    def data(self, value: Any) -> None:
        """Overwrite the values. The write is not recorded, and the place in the graph stays."""
        if backend_of(value) is not self._backend or isinstance(value, Variable):
            raise TypeMismatchError(f"data must be an array of {self._backend.name}")
        _replace(self, wrap(value, None, ROOT, self._backend))

    @property
    def shape(self) -> tuple[Any, ...]:
        """The shape: a tuple of ints."""
        return self._read()[0].shape  # type: ignore[no-any-return]

    @shape.setter
    def shape(self, value: Any) -> None:
        """Refused, with the way out."""
        raise UnknownNameError(
            "the shape of a Variable stays; `reshape` gives a Variable of another one"
        )

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._read()[0].shape)

    @property
    def dtype(self) -> Any:
        """The dtype object of the wrapped library."""
        return self._read()[0].dtype

    @dtype.setter
    def dtype(self, value: Any) -> None:
        """Refused, with the way out."""
        raise UnknownNameError(
            "the dtype of a Variable stays; `astype` gives a Variable of another one"
        )

    @property
    def device(self) -> Any:
        """The device of the wrapped array."""
        value = self._read()[0]
        if isinstance(value, Variable):
            return value.device
        return value.device if hasattr(value, "device") else "cpu"

    @property
    def size(self) -> Size | Any:
        """The number of elements, or None if it is unknown; `size()` and `size(dim)` work, too."""
        count = 1
        shape = self.shape
        for n in shape:
            if n is None or n != n:
                return None
            count *= int(n)
        return sized(count, tuple(shape))

    @property
    def real(self) -> Variable:
        """The real part."""
        return self._backend.namespace.real(self)  # type: ignore[no-any-return]

    @real.setter
    def real(self, value: ArrayLike) -> None:
        """Write the real parts."""
        (self.real if self.dtype in self._backend.complex_dtypes else self)[...] = value

    @property
    def imag(self) -> Variable:
        """The imaginary part."""
        return self._backend.namespace.imag(self)  # type: ignore[no-any-return]

    @imag.setter
    def imag(self, value: ArrayLike) -> None:
        """Write the imaginary parts, which only complex numbers have."""
        if self.dtype not in self._backend.complex_dtypes:
            raise TypeMismatchError(
                f"a Variable of dtype {self.dtype} has no imaginary part to write; make a complex "
                "one, with `astype`"
            )
        self.imag[...] = value

    @property
    def T(self) -> Variable:
        """The transpose: the axes in reverse order. A vector stays as it is."""
        ndim = self.ndim
        if ndim == 2:
            return self.mT
        axes = tuple(range(ndim))[::-1]
        return self._backend.namespace.permute_dims(self, axes)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Variable:
        """The matrices in the last two axes transposed."""
        return self._backend.namespace.matrix_transpose(self)  # type: ignore[no-any-return]

    def squeeze(self, axis: Any = None) -> Variable:
        """Without the axes of length 1 that `axis` names; if it is left out, without all of
        them."""
        if axis is None:
            axis = tuple([n for n, length in enumerate(self.shape) if length == 1])
        return self._backend.namespace.squeeze(self, axis)  # type: ignore[no-any-return]

    # ------------------------------------------------------------ its place in the graph

    @property
    def _tracked(self) -> bool:
        """Whether what is computed from it is recorded."""
        return self._read()[1] is not None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients reach it."""
        return self._tracked or getattr(self, "_leaf", None) is WANTED

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        """As `requires_grad_(flag)`."""
        self.requires_grad_(flag)

    @property
    def volatile(self) -> bool:
        """Whether what is computed from it is never recorded."""
        self._read()
        return self._level is VOLATILE

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user, not by a recorded operation."""
        node = self._read()[1]
        return node is None or type(node) is LeafNode

    @property
    def grad_fn(self) -> Node | None:
        """The Node of the operation that made it; None for a leaf."""
        node = self._read()[1]
        return node.shown()[0] if isinstance(node, Node) and type(node) is not LeafNode else None

    @property
    def grad(self) -> Variable | Any:
        """The gradient accumulated so far, a Variable; None before the first `backward`."""
        # `Any` and not None, so that type checkers let users write `v.grad.data` after `backward`.
        try:
            return self._grad
        except AttributeError:
            return None

    @grad.setter
    def grad(self, value: ArrayLike | None) -> None:
        """Replace the gradient: by None, or by an array of the same shape, dtype and library."""
        if value is not None:
            if not isinstance(value, Variable):
                value = Variable(value)
            if not same_shape(value.shape, self.shape):
                raise InvalidArgumentError(
                    f"grad has shape {tuple(value.shape)}, the Variable {tuple(self.shape)}"
                )
            if value._backend is not self._backend or value.dtype != self.dtype:
                raise TypeMismatchError(
                    f"grad is {value._backend.name} {value.dtype}, the Variable "
                    f"{self._backend.name} {self.dtype}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        """Back to None, as `zero_grad` does."""
        self._grad = None

    def zero_grad(self) -> None:
        """Forget the accumulated gradient: `grad` is None again."""
        self._grad = None

    def requires_grad_(self, flag: bool = True) -> Variable:
        """Ask for gradients with respect to this leaf, or no longer; returns the Variable."""
        if not self.is_leaf:
            if flag:
                return self
            raise DifferentiationError(
                "requires_grad of a computed Variable cannot be switched off; `.detach()` it"
            )
        if not flag:
            if self._node is not None or self.requires_grad:
                self._leaf = self._node
            node = None
        elif self._node is not None:
            return self
        else:
            if self._level is VOLATILE:
                raise InvalidArgumentError("a Variable cannot be volatile and require grad")
            if self.dtype not in self._backend.float_dtypes:
                raise TypeMismatchError(
                    "only floating-point and complex arrays have gradients, and this one has "
                    f"dtype {self.dtype}; convert it first, with `astype`"
                )
            self._backend.adapter.check(self.data)
            node = getattr(self, "_leaf", None)
            node = make_leaf(self) if node is None or node is WANTED else node
        if self._cell is not None and self._chain:
            self._cell = None  # no longer a view: a leaf of its own
        self._node = node
        if self._cell is not None:
            self._cell.content._node = node
        elif node is not None and self._backend.adapter.reads_code:
            # The first view would make the cell. Made now, it does not make torch.compile compile a
            # step that takes views a second time.
            views.cell_of(self)
        return self

    def detach(self) -> Variable:
        """The present value without history. Later writes to either one do not reach the other."""
        run = inside()
        return self._detached(None) if run is None else run.enter(self, False)._detached(run)

    def _detached(self, run: Any) -> Variable:
        """What `detach` returns, where `run` is the innermost running checkpoint, or None."""
        v = self._snapshot()
        if v._node is not None and is_linear_level(self._level):
            refuse("it detaches it", True)
        if self._level.depth and self._level is not VOLATILE:
            inner: Any = v._value  # detached from all levels, as in JAX and torch.func
            if isinstance(inner, Variable):
                inner = inner._detached(run)
            else:
                inner = wrap(inner, None, ROOT, self._backend)
            if run is not None and run.level is self._level:
                return run.constant(inner)  # type: ignore[no-any-return]
            return inner  # type: ignore[no-any-return]
        v._node = None
        if (opened := read().level) is not ROOT:
            v._birth = opened
        return v

    def detach_(self) -> Variable:
        """Drop the history in place: the Variable becomes a leaf that does not require grad."""
        if self._cell is not None and self._chain:
            raise DifferentiationError("a view cannot be detached in place; use `.detach()`")
        self._take(self.detach())
        self._cell = None
        return self

    def retain_grad(self) -> None:
        """Have `backward` accumulate into the `grad` of this computed Variable as well."""
        if self.is_leaf:
            if self._node is None:
                raise DifferentiationError("retain_grad() of a Variable that does not require grad")
            return
        watch(self._backward_node("retain_grad()")).variable = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this computed Variable."""
        node = self._read()[1]
        if type(node) is not HookedNode or node.extra.variable is None:
            return False
        return node.extra.variable() is self

    def _backward_node(self, what: str) -> Node:
        """Its node in the graph; DifferentiationError if `what` has no effect there."""
        node = self._read()[1]
        if node is None:
            raise DifferentiationError(
                f"{what} on a Variable that does not require grad has no effect: no gradient "
                "arrives there"
            )
        if not isinstance(node, Node):
            raise DifferentiationError(
                f"{what} has no effect in forward mode, where no gradient arrives"
            )
        return node

    def register_hook(self, hook: Callable[[Variable], Variable | None]) -> RemovableHandle:
        """Have `hook(grad)` called with each gradient of this Variable; it may return another.

        What hooks compute is recorded if the backward itself is, under ``create_graph``.
        Returns a handle whose `remove()` takes the hook away.
        """
        node = self._backward_node("a hook")
        backend, level, primitive = self._backend, self._level, node.rule.primitive

        def run(g: Any) -> Any:
            inner = isinstance(g, Variable) and g._level is level
            answer = hook(g if isinstance(g, Variable) else wrap(g, None, ROOT, backend))
            if answer is None:
                return None
            answer = convert(answer, backend, primitive)
            if not hasattr(answer, "dtype"):
                raise TypeMismatchError(f"a hook returned {type(answer).__name__}, not an array")
            if not same_shape(answer.shape, g.shape):
                raise InvalidArgumentError(
                    f"a hook returned a gradient of shape {tuple(answer.shape)} for one of shape "
                    f"{tuple(g.shape)}"
                )
            if answer.dtype in backend.complex_dtypes and g.dtype not in backend.complex_dtypes:
                raise TypeMismatchError(
                    f"a hook returned a complex gradient ({answer.dtype}) for one of {g.dtype}"
                )
            check_made("what a hook made of a gradient", g, answer)
            if answer.dtype != g.dtype:
                answer = backend.namespace.astype(answer, g.dtype)
            if inner or not isinstance(answer, Variable):
                return answer
            return answer._value if answer._node is None else answer

        return add_hook(node, run)

    def register_post_accumulate_grad_hook(
        self, hook: Callable[[Variable], Any]
    ) -> RemovableHandle:
        """Have `hook(v)` called with this leaf each time `backward` has added to its `grad`.

        Returns a handle whose `remove()` takes the hook away.
        """
        node = self._read()[1]
        if type(node) is not LeafNode:
            raise DifferentiationError(
                "post-accumulate-grad hooks are for leaves that require grad; `register_hook` sees "
                "the gradients of computed Variables"
            )
        extra = node.more_of()
        if extra.after is None:
            extra.after = []
        extra.after.append(hook)
        return RemovableHandle(extra.after, hook)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradients of this Variable into the `grad` of the leaves it depends on.

        Parameters
        ----------
        gradient : Variable or array of the shape of this one, optional
            The cotangent to start from. It may be left out for one element only: it is then 1.
        retain_graph : bool, optional
            Keep what the graph has saved, for another call. The default is `create_graph`.
        create_graph : bool
            Record the backward computation, so that gradients can be differentiated again.
        inputs : Variable or sequence of them, optional
            Accumulate into these alone.

        Raises
        ------
        RuntimeError
            It does not require grad, `gradient` is missing, the graph was freed by an earlier call,
            or the Variable belongs to a transform such as `pluggrad.grad`.
        ValueError
            `gradient` has another shape.
        """
        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def __divmod__(self, other: Any) -> Any:
        """As ``(self // other, self % other)``."""
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        """As ``(other // self, other % self)``."""
        return other // self, other % self

    # ------------------------------------------------------------ copies

    @property
    def _stands_alone(self) -> bool:
        """Whether it is a leaf outside of transforms. (The arguments of a transform are leaves at
        its level.)"""
        return self.is_leaf and self._level in (ROOT, VOLATILE)

    def __reduce__(self) -> Any:
        """For pickle: a leaf as its raw array, its flags and its gradient."""
        if not self._stands_alone:
            raise DifferentiationError(
                "only leaves can be pickled, since the graph cannot; `.detach()` first"
            )
        grad = self.grad if self.grad is None or self.grad.is_leaf else self.grad.detach()
        return rebuild, (self.data, self._tracked, self.volatile, grad)

    def __deepcopy__(self, memo: Any) -> Variable:
        """A new leaf; of a computed Variable, a copy that stays connected to the graph."""
        import copy

        if not self._stands_alone:
            result: Variable = self._backend.namespace.copy(self)
        else:
            data = copy.deepcopy(self.data, memo)
            result = rebuild(data, self._tracked, self.volatile, None)
            if self.grad is not None:
                result._grad = copy.deepcopy(self.grad, memo)
        memo[id(self)] = result
        return result

    def __copy__(self) -> Variable:
        """As a deep copy."""
        return self.__deepcopy__({})

    __hash__ = object.__hash__


@restored
def _replace(v: Variable, value: Variable) -> None:
    """Overwrite all of `v`, which keeps its place in the graph."""
    with no_grad():
        views.write(v, None, value)


def rebuild(data: Any, requires_grad: bool, volatile: bool, grad: Any) -> Variable:
    """The leaf that `__reduce__` described."""
    v = Variable(data, requires_grad, volatile)
    if grad is not None:
        v._grad = grad
    return v
