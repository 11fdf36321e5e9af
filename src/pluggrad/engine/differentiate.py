"""Gradients over the graph of Variables, accumulated into the `.grad` of leaves or returned.

Everything is checked before the walk, so that a failed call changes no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import RLock
from typing import Any

from ..arrays.backend import SCALARS, VARIABLES, Backend, backend_of
from ..errors import DifferentiationError, InvalidArgumentError, TypeMismatchError
from .adopted import NOTED
from .arguments import convert, one_device
from .backward import among_variables, count_uses_towards, in_place_type, walk
from .caught import raise_caught
from .cotangents import create, same_shape
from .grad_mode import recording, stopped
from .graph import HookedNode, LeafNode, Node
from .handles import finished, make, raw_of, released, wrap
from .hooks import quietly, received
from .lazy_cotangents import Uniform, add, own
from .levels import ROOT, VOLATILE, Level, deepest, put, read
from .modes import inside
from .record import alone, make_leaf

__all__ = ["as_list", "backward", "cotangents_of", "gradients", "lifter", "seed_for"]


ACCUMULATING = RLock()


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
        What to differentiate. Gradients of several tensors are added up.
    grad_tensors : array, Variable, None, or a sequence of them, optional
        One cotangent per tensor, of the same shape. None means 1, for tensors of one element only.
    retain_graph, create_graph, inputs
        As in `Variable.backward`.

    Raises
    ------
    RuntimeError, ValueError
        As in `Variable.backward`. A failed call changes no `grad`.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([1.0, 2.0]), requires_grad=True)
    >>> pg.autograd.backward([(x * x).sum(), (3 * x).sum()])
    >>> x.grad.data
    array([5., 7.])
    """
    outputs = as_list(tensors)
    seeds = cotangents_of(outputs, grad_tensors)
    targets = None
    if inputs is not None:
        inputs = as_list(inputs)
        if not inputs:
            raise InvalidArgumentError("inputs is empty; leave it out to reach all leaves")
        targets = [_node_of(x, "inputs") for x in inputs]
    for y in outputs:
        if type(y) in VARIABLES and y._level not in (ROOT, VOLATILE) and y._level.alive:
            raise DifferentiationError(
                "backward() inside a transform would write to .grad, which belongs to the "
                "outermost level; use pluggrad.autograd.grad there"
            )
    arrived, backend = _run(outputs, seeds, retain_graph, create_graph, targets)
    quiet = None if create_graph else ROOT  # hooks are recorded exactly if the walk is
    by_node = {} if inputs is None else dict(zip(targets or (), inputs, strict=True))
    sums = []
    # The lock is for threads that add to the same leaf. Compilers that trace cannot follow locks.
    adapter = backend.adapter
    compiling = adapter.reads_code and adapter.tracing()
    with nullcontext() if compiling else ACCUMULATING:
        for node, g in arrived.items():
            v = by_node.get(node)
            if v is None and isinstance(node, HookedNode) and node.extra.variable is not None:
                v = node.extra.variable()
            if v is not None and v.requires_grad:  # may have been switched off since recording
                if type(node) is LeafNode and node.extra.before:
                    g = received(node, g, quiet)
                if type(g) in VARIABLES:
                    g = released(g)
                else:
                    g = wrap(finished(g, v), None, ROOT, v._backend)
                before = v.grad
                sums.append((node, v, g, before, g if before is None else before + g))
        try:
            for _, v, _, _, total in sums:  # all or none: a sum above may have failed
                v._grad = total
        except BaseException:  # an interrupt
            for _, v, _, before, _ in sums:
                v._grad = before
            raise
    for node, v, g, _, _ in sums:
        if type(node) is LeafNode:
            for hook in tuple(node.extra.after or ()):
                _without_answer(quietly(hook, quiet, v), "post-accumulate-grad hook")
            for hook in tuple(node.extra.sent or ()):
                _without_answer(quietly(hook, quiet, (), (g,)), "hook on the node of a leaf")


def _without_answer(answer: Any, what: str) -> None:
    """Raise if a hook that cannot change the gradient any more returned something."""
    if answer is not None:
        raise TypeMismatchError(
            f"a {what} returned {type(answer).__name__}, and comes too late to change the "
            "gradient: set `grad` in it, or use a hook of the Variable"
        )


def gradients(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """`pluggrad.autograd.grad` without batches of cotangents."""
    outputs, inputs = as_list(outputs), as_list(inputs)
    if (run := inside()) is not None:
        outputs, inputs = [run.enter(y) for y in outputs], [run.enter(x) for x in inputs]
    if allow_unused is None:
        allow_unused = materialize_grads
    if materialize_grads and not allow_unused:
        raise InvalidArgumentError(
            "materialize_grads asks for zeros where allow_unused=False raises"
        )
    seeds = cotangents_of(outputs, grad_outputs)
    targets = [_node_of(x, "inputs") for x in inputs]
    needed = None if allow_unused else inputs
    arrived, backend = _run(outputs, seeds, retain_graph, create_graph, targets, needed)
    found: list[Any] = []
    for node, x in zip(targets, inputs, strict=True):
        g = arrived.get(node)
        if g is None:
            if not allow_unused:
                raise _unused(len(found), x)
            if materialize_grads:
                g = x._backend.namespace.zeros_like(x.detach())
                if create_graph:  # tracked, so that further derivatives of it are zeros, too
                    g._level, g._node = outputs[0]._level, make_leaf(g)
        elif type(g) not in VARIABLES:
            if node in targets[: len(found)]:
                g = own(g)  # the same input a second time: its gradient needs its own array
            g = wrap(finished(g, x), None, ROOT, backend)
        found.append(released(g))
    return tuple(found)


def _unused(position: int, x: Any) -> DifferentiationError:
    """The error for an input that no output depends on."""
    return DifferentiationError(
        f"input {position}, of shape {tuple(x.shape)}, was not used in the graph of the outputs. "
        "Give allow_unused=True for None, or materialize_grads=True for zeros."
    )


def cotangents_of(outputs: list[Any], given: Any) -> list[Any]:
    """The given cotangents as a list, one per output. A list of numbers beside a single output is
    one cotangent."""
    if given is None:
        return [None] * len(outputs)
    if not isinstance(given, (list, tuple)):
        return [given]
    one = len(outputs) == 1 and outputs[0].ndim > 0
    if one and not any(g is None or hasattr(g, "shape") for g in given):
        return [list(given)]
    return list(given)


def _run(
    outputs: Sequence[Any],
    seeds: Sequence[Any],
    retain_graph: bool | None,
    create_graph: bool,
    targets: list[Node] | None,
    needed: Sequence[Any] | None = None,
) -> tuple[dict[Node, Any], Backend]:
    """Check everything, including that gradients will reach all of `needed`; then walk."""
    if not outputs:
        raise InvalidArgumentError("there is no output to differentiate")
    if len(seeds) != len(outputs):
        raise InvalidArgumentError(f"{len(outputs)} outputs, but {len(seeds)} cotangents")
    nodes = [_node_of(y, "outputs") for y in outputs]
    level, backend = outputs[0]._level, outputs[0]._backend
    if NOTED and not (backend.adapter.reads_code and backend.adapter.tracing()):
        raise_caught()
    if level is not ROOT:
        deepest(level, ROOT)  # raises if its transform has returned
    cotangents: dict[Node, Any] = {}
    for y, node, seed in zip(outputs, nodes, seeds, strict=True):
        if y._level is not level:
            raise DifferentiationError("outputs of different levels cannot be walked together")
        g = seed_for(y, seed, create_graph)
        cotangents[node] = add(cotangents[node], g) if node in cotangents else g
    uses = None if targets is None else count_uses_towards(cotangents, targets)
    for position, x in enumerate(needed or ()):
        assert targets is not None and uses is not None
        if targets[position] not in uses:
            raise _unused(position, x)
    retain = create_graph if retain_graph is None else retain_graph
    state = read()
    run = None if state.modes is None else inside()
    block: Any = nullcontext()
    if create_graph:
        block, lift = recording(level), lifter(level, backend)
        if level is ROOT and stopped(backend):
            block = _also_there(block, backend.adapter)
    else:
        lift = among_variables(cotangents.values())
        if run is not None and run.level is level:
            block = run.further_down()
    try:
        with block:
            arrived = walk(
                cotangents,
                targets=targets,
                uses=uses,
                retain=retain,
                lift=lift,
                in_place=None if create_graph else in_place_type(backend),
                quiet=None if create_graph else level,
            )
        put(state)
    except BaseException:  # even an interrupt between two statements of the block
        put(state)
        raise
    return arrived, backend


@contextmanager
def _also_there(block: Any, adapter: Any) -> Iterator[None]:
    """`block`, in which the library's own switch for recording is on as well."""
    with block, adapter.recording():
        yield


def as_list(x: Any) -> Any:
    """A single Variable, or any iterable of Variables, as a list."""
    if hasattr(x, "dtype") or not isinstance(x, Iterable):
        return [x]
    return list(x)


def _node_of(v: Any, where: str) -> Node:
    """The Node of `v`, which is one of the `where` ("inputs" or "outputs"), or an error that says
    why it has none."""
    if type(v) not in VARIABLES:
        raise TypeMismatchError(f"{where} must be Variables, not {type(v).__name__}")
    if v._level.maps:
        raise DifferentiationError(
            f"a mapped value, of shape {tuple(v.shape)}, is among the {where}: inside vmap, "
            "differentiate with `pluggrad.grad` or `pluggrad.vjp`"
        )
    node = v._read()[1]
    if node is None:
        why = "is volatile" if v.volatile else "does not require grad"
        switch = v._backend.adapter.switch
        raise DifferentiationError(
            f"a Variable of shape {tuple(v.shape)} among the {where} {why} and has no graph; "
            "create the leaves with requires_grad=True. (The gradient of a linear function depends "
            "on nothing, and has none either."
            + (f" Under {switch}, nothing is recorded.)" if switch else ")")
        )
    if not isinstance(node, Node):
        raise DifferentiationError(
            f"a Variable of shape {tuple(v.shape)} among the {where} belongs to forward mode, "
            "which has no graph: inside jvp, differentiate with `pluggrad.grad` or `pluggrad.vjp`"
        )
    return node


def lifter(level: Level, backend: Backend) -> Any:
    """The `lift` for `walk` under ``create_graph``: it makes a saved value a Variable of `level`
    again."""

    cls, nested = backend.variable, backend.nested

    def lift(value: Any, node: Node | None) -> Any:
        if node is None and (
            type(value) in SCALARS or type(value) in VARIABLES or not hasattr(value, "shape")
        ):
            return value
        kind = nested if isinstance(value, cls) else cls
        return make(kind, value, node, level if node else ROOT)

    return lift


def seed_for(y: Any, seed: Any, create_graph: bool) -> Any:
    """The cotangent that the walk starts with at `y`: checked, and unwrapped to one level down
    unless the walk is recorded."""
    backend = y._backend
    value = y._read()[0]
    if seed is None:
        if value.shape != () and y.size != 1:
            raise DifferentiationError(
                f"backward of an output of shape {tuple(y.shape)} needs a cotangent: gradient= (or "
                "grad_outputs=) of the same shape. It can be left out for one element only."
            )
        if value.dtype in backend.complex_dtypes:
            raise DifferentiationError(
                f"backward of a complex output ({value.dtype}) needs a cotangent: gradient= (or "
                "grad_outputs=). Without one, take the real part or abs first."
            )
        if value.shape == () and not (backend.adapter.reads_code and backend.adapter.tracing()):
            # (Compilers that read code cannot follow `Uniform * x`, and fuse the product anyway.)
            seed = backend.adapter.one(raw_of(value))
            if create_graph or type(value) in VARIABLES:
                seed = wrap(seed, None, ROOT, backend)
            return Uniform(seed, backend.like(value), one=True)
        seed = create("ones", value.shape, beside=value, dtype=value.dtype)
    else:
        if isinstance(seed, (int, float, complex, list, tuple)):
            seed = backend.namespace.raw_asarray(seed, dtype=y.dtype)
        if backend_of(seed) is not backend:
            seed = convert(seed, backend, y._node.rule.primitive)
        if not hasattr(seed, "shape"):
            raise TypeMismatchError(f"gradient is an array, not {type(seed).__name__}")
        if not same_shape(seed.shape, y.shape):
            raise InvalidArgumentError(
                f"gradient has shape {tuple(seed.shape)}, and the output {tuple(y.shape)}"
            )
        if not backend.adapter.same_device(raw_of(seed), raw_of(y)):
            one_device((seed, y), "backward")
        if y._level is ROOT and backend.follows is not None:
            alone("backward", (seed,), backend)
        if type(seed) in VARIABLES:
            seed = seed._snapshot()
            if not create_graph and (seed._level is y._level or seed._node is None):
                seed = seed._value
        if seed.dtype != y.dtype:
            if seed.dtype in backend.complex_dtypes and y.dtype not in backend.complex_dtypes:
                raise TypeMismatchError(
                    f"gradient has dtype {seed.dtype}, and the output is real ({y.dtype})"
                )
            seed = (
                backend.namespace.astype(seed, y.dtype) if type(seed) in VARIABLES
                else backend.raw("astype")(seed, y.dtype)
            )  # fmt: skip
    if (create_graph or type(value) in VARIABLES) and type(seed) not in VARIABLES:
        seed = wrap(seed, None, ROOT, backend)
    return seed
