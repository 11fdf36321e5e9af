"""The torch.autograd face: `backward` and `grad` over the graph of Variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arguments import convert, one_device
from .backend import Backend, backend_of
from .backward import walk
from .cotangents import device_of, same_shape
from .dispatch import is_variable
from .errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from .graph import HookedNode, Node
from .levels import (
    ROOT,
    Level,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .record import wrap
from .variable import Variable

__all__ = [
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate gradients of `tensors` into the `grad` of the leaves that they depend on.

    Parameters
    ----------
    tensors : Variable or sequence of Variables
        What to differentiate; several are added up.
    grad_tensors : array, Variable, None, or a sequence of them, optional
        A cotangent of the shape of each; None, for one-element tensors, is 1.
    retain_graph, create_graph, inputs
        As in `Variable.backward`.

    Raises
    ------
    RuntimeError, ValueError
        As `Variable.backward`. A failed call changes no `grad`.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    >>> pg.autograd.backward([(x * x).sum(), (3 * x).sum()])
    >>> x.grad.data
    array([5., 7.])
    """
    outputs = _sequence(tensors)
    seeds = [None] * len(outputs) if grad_tensors is None else _sequence(grad_tensors)
    targets = None
    if inputs is not None:
        inputs = _sequence(inputs)
        if not inputs:
            raise InvalidArgumentError("inputs is empty; leave it out to reach all leaves")
        targets = [_node_of(x, "inputs") for x in inputs]
    arrived, level, backend = _run(outputs, seeds, retain_graph, create_graph, targets)
    if level is not ROOT:
        raise DifferentiationError(
            "backward() inside a transform would write to .grad, which belongs to the outermost "
            "level; use pluggrad.autograd.grad there"
        )
    by_node = {} if inputs is None else dict(zip(targets or (), inputs, strict=True))
    for node, g in arrived.items():
        v = by_node.get(node)
        if v is None and isinstance(node, HookedNode) and node.extra.variable is not None:
            v = node.extra.variable()
        if v is not None:
            accumulate_grad(v, g)


def accumulate_grad(v: Variable, g: Any) -> None:
    """Add the cotangent `g` to `v.grad`."""
    if not is_variable(g):
        g = wrap(g, None, ROOT, v._backend)
    before = v.grad
    v._grad = g if before is None else before + g


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, which need not be leaves.

    Parameters
    ----------
    outputs, inputs : Variable or sequence of Variables
        What to differentiate, and by what.
    grad_outputs : array, Variable, None, or a sequence of them, optional
        A cotangent of the shape of each output; None, for one-element outputs, is 1.
    retain_graph : bool, optional
        Keep what the graph has saved; the default is `create_graph`.
    create_graph : bool
        Record the computation of the gradients, so that they can be differentiated again.
    allow_unused : bool, optional
        Give None for an input that the outputs do not depend on, instead of raising; the default
        is `materialize_grads`.
    is_grads_batched : bool
        The first axis of each cotangent counts cotangents, and that of each gradient the results.
    materialize_grads : bool
        Give zeros instead of None.

    Returns
    -------
    tuple of Variables, one per input, each of its shape and dtype. No `.grad` is touched.

    Raises
    ------
    RuntimeError
        An input is unused or does not require grad, or the graph was freed.
    ValueError
        A cotangent has the wrong shape.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray(3.0), requires_grad=True)
    >>> (g,) = pg.autograd.grad(x ** 3, x, create_graph=True)
    >>> (h,) = pg.autograd.grad(g, x)
    >>> float(g.detach()), float(h)
    (27.0, 18.0)
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    if allow_unused is None:
        allow_unused = materialize_grads
    if materialize_grads and not allow_unused:
        raise InvalidArgumentError("materialize_grads asks for zeros where allow_unused=False raises")
    seeds = [None] * len(outputs) if grad_outputs is None else _sequence(grad_outputs)
    if is_grads_batched:
        return _batched(outputs, inputs, seeds, retain_graph, create_graph, allow_unused,
                        materialize_grads)  # fmt: skip
    targets = [_node_of(x, "inputs") for x in inputs]
    arrived, level, backend = _run(outputs, seeds, retain_graph, create_graph, targets)
    gradients = []
    for position, (node, x) in enumerate(zip(targets, inputs, strict=True)):
        g = arrived.get(node)
        if g is None:
            if not allow_unused:
                raise DifferentiationError(
                    f"input {position}, of shape {tuple(x.shape)}, was not used in the graph of the "
                    "outputs. Give allow_unused=True for None, or materialize_grads=True for zeros."
                )
            if materialize_grads:
                g = x._backend.namespace.zeros_like(x.detach())
        elif not is_variable(g):
            g = wrap(g, None, ROOT, backend)
        gradients.append(g)
    return tuple(gradients)


def _batched(
    outputs: Any, inputs: Any, seeds: Any, retain: Any, create: bool, unused: bool, zeros: bool
) -> tuple[Any, ...]:
    """One cotangent after the other, stacked."""
    count = next(len(seed) for seed in seeds if seed is not None)
    rows = []
    for i in range(count):
        row = [None if seed is None else seed[i] for seed in seeds]
        keep = True if i < count - 1 else retain
        rows.append(grad(outputs, inputs, row, keep, create, unused, False, zeros))
    stack = inputs[0]._backend.namespace.stack
    return tuple(
        [None if column[0] is None else stack(list(column)) for column in zip(*rows, strict=True)]
    )


def _run(
    outputs: Sequence[Variable],
    seeds: Sequence[Any],
    retain_graph: bool | None,
    create_graph: bool,
    targets: list[Node] | None,
) -> tuple[dict[Node, Any], Level, Backend]:
    """Check everything, then walk."""
    if not outputs:
        raise InvalidArgumentError("there is no output to differentiate")
    if len(seeds) != len(outputs):
        raise InvalidArgumentError(f"{len(outputs)} outputs, but {len(seeds)} cotangents")
    roots: list[tuple[Node, Any]] = []
    level, backend = outputs[0]._level, outputs[0]._backend
    for y, seed in zip(outputs, seeds, strict=True):
        node = _node_of(y, "outputs")
        if y._level is not level:
            raise DifferentiationError("outputs of different levels cannot be walked together")
        roots.append((node, seed_for(y, seed, create_graph)))
    cotangents: dict[Node, Any] = {}
    for node, g in roots:
        cotangents[node] = cotangents[node] + g if node in cotangents else g
    retain = create_graph if retain_graph is None else retain_graph
    arrived = walk(
        cotangents,
        targets=targets,
        retain=retain,
        lift=lifter(level, backend) if create_graph else None,
        in_place=None if create_graph else in_place_type(backend, level),
    )
    return arrived, level, backend


def in_place_type(backend: Backend, level: Level) -> type | None:
    """The type of arrays that the walk may add to in place."""
    return backend.adapter.array_type if backend.accumulates_in_place else None


def lifter(level: Level, backend: Backend) -> Any:
    """A function that makes a saved value a Variable of `level` again."""

    def lift(value: Any, node: Node | None) -> Any:
        if node is not None:
            return wrap(value, node, level, backend)
        if is_variable(value) or not hasattr(value, "shape"):
            return value
        return wrap(value, None, ROOT, backend)

    return lift


def seed_for(y: Variable, seed: Any, create_graph: bool) -> Any:
    """The cotangent to start from at `y`: checked, and one level down unless recorded."""
    backend = y._backend
    value = y._read()[0]
    if seed is None:
        if y.size != 1:
            raise DifferentiationError(
                f"backward of an output of shape {tuple(y.shape)} needs a cotangent: gradient= (or "
                "grad_outputs=) of the same shape. It can be left out for one element only."
            )
        inner: Any = value
        while is_variable(inner):
            inner = inner._value
        seed = backend.raw("ones")(inner.shape, dtype=inner.dtype, device=device_of(inner))
    else:
        if isinstance(seed, (int, float, complex, list, tuple)):
            seed = backend.namespace.raw_asarray(seed, dtype=y.dtype)
        if backend_of(seed) is not backend:
            seed = convert(seed, backend, y._node.rule.primitive)
        if not same_shape(seed.shape, y.shape):
            raise InvalidArgumentError(
                f"gradient has shape {tuple(seed.shape)}, and the output {tuple(y.shape)}"
            )
        if not backend.adapter.same_device(_bottom(seed), _bottom(y)):
            one_device((seed, y), "backward")
        if is_variable(seed):
            seed = seed._snapshot()
            if not create_graph and (seed._level is y._level or seed._node is None):
                seed = seed._value
        if seed.dtype != y.dtype:
            if seed.dtype in backend.complex_dtypes and y.dtype not in backend.complex_dtypes:
                raise TypeMismatchError(
                    f"gradient has dtype {seed.dtype}, and the output is real ({y.dtype})"
                )
            seed = (
                backend.namespace.astype(seed, y.dtype) if is_variable(seed)
                else backend.raw("astype")(seed, y.dtype)
            )  # fmt: skip
    if (create_graph or is_variable(value)) and not is_variable(seed):
        seed = wrap(seed, None, ROOT, backend)
    return seed


def _bottom(x: Any) -> Any:
    """The raw array at the bottom of `x`."""
    while is_variable(x):
        x = x._read()[0]
    return x


def _sequence(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return list(x)
    return [x]


def _node_of(v: Any, where: str) -> Node:
    if not isinstance(v, Variable):
        raise TypeMismatchError(f"{where} must be Variables, not {type(v).__name__}")
    node = v._read()[1]
    if node is None:
        why = "is volatile" if v.volatile else "does not require grad"
        raise DifferentiationError(
            f"a Variable of shape {tuple(v.shape)} among the {where} {why} and has no graph; create "
            "the leaves with requires_grad=True"
        )
    return node  # type: ignore[no-any-return]
