"""`pluggrad.autograd.grad`, with batches of cotangents as torch has them."""

from __future__ import annotations

from typing import Any

from ..arrays.dispatch import is_variable
from ..engine.differentiate import as_list, cotangents_of, gradients
from ..engine.handles import wrap
from ..engine.levels import ROOT
from ..transforms.mapping import inner_vmap

__all__ = ["grad"]


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
    if not is_grads_batched:
        return gradients(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused,
                         materialize_grads)  # fmt: skip
    outputs, inputs = as_list(outputs), as_list(inputs)
    seeds = cotangents_of(outputs, grad_outputs)
    return _batched(outputs, inputs, seeds, retain_graph, create_graph, allow_unused,
                    materialize_grads)  # fmt: skip


def _batched(
    outputs: Any, inputs: Any, seeds: Any, retain: Any, create: bool, unused: Any, zeros: bool
) -> tuple[Any, ...]:
    """All cotangents as one batch, in one walk."""

    def pull(seeds: Any) -> Any:
        return gradients(outputs, inputs, seeds, retain, create, unused, zeros)

    given = [seed if seed is None or is_variable(seed) else wrap_seed(seed, y)
             for seed, y in zip(seeds, outputs, strict=True)]  # fmt: skip
    found = inner_vmap(pull)(given)
    return tuple(
        [g if g is None or is_variable(g) else wrap(g, None, ROOT, x._backend)
         for g, x in zip(found, inputs, strict=True)]
    )  # fmt: skip


def wrap_seed(seed: Any, y: Any) -> Any:
    """A batch of cotangents of `y`, be it a list, as a Variable."""
    if isinstance(seed, (list, tuple)):
        seed = y._backend.namespace.asarray(list(seed))
    return seed if is_variable(seed) else wrap(seed, None, ROOT, y._backend)
