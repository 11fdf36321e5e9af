"""`pluggrad.autograd.grad`, with one cotangent per output or, as in torch, a batch of them."""

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
    """The gradients of `outputs` with respect to `inputs`, as `torch.autograd.grad`.

    The inputs need not be leaves. Several outputs are weighted by their cotangents and summed.

    Parameters
    ----------
    outputs, inputs : Variable or sequence of Variables
        What to differentiate, and by what.
    grad_outputs : array, Variable, None, or a sequence of them, optional
        One cotangent per output, of its shape. None means 1, and is allowed for real outputs of
        one element only.
    retain_graph : bool, optional
        Keep the values that the graph has saved, so that it can be walked again. The default is
        `create_graph`.
    create_graph : bool
        Record the computation of the gradients, so that they can be differentiated again.
    allow_unused : bool, optional
        Return None for an input that the outputs do not depend on, instead of raising. The default
        is `materialize_grads`.
    is_grads_batched : bool
        Each cotangent is a batch, with one more axis in front. The gradients then have that axis,
        too; one walk computes them all.
    materialize_grads : bool
        Return zeros instead of None.

    Returns
    -------
    tuple of Variables
        One per input, each with its shape and dtype. No `.grad` is changed.

    Raises
    ------
    RuntimeError
        An input is unused or does not require grad, the graph was freed, or a cotangent is missing
        for an output that is complex or has several elements.
    ValueError
        A cotangent has the wrong shape, their number differs from that of the outputs, or
        `materialize_grads` is combined with ``allow_unused=False``.
    TypeError
        An output or input is not a Variable.

    For complex inputs the gradient of a real output L is ∂L/∂Re + i ∂L/∂Im, as in torch.

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
    """`grad` for batches of cotangents, in one walk under `vmap`."""

    def pull(seeds: Any) -> Any:
        """The gradients for one cotangent of the batch."""
        return gradients(outputs, inputs, seeds, retain, create, unused, zeros)

    given = [seed if seed is None or is_variable(seed) else wrap_seed(seed, y)
             for seed, y in zip(seeds, outputs, strict=True)]  # fmt: skip
    found = inner_vmap(pull)(given)
    return tuple(
        [g if g is None or is_variable(g) else wrap(g, None, ROOT, x._backend)
         for g, x in zip(found, inputs, strict=True)]
    )  # fmt: skip


def wrap_seed(seed: Any, y: Any) -> Any:
    """A batch of cotangents of `y`, possibly given as a list, as a Variable."""
    if isinstance(seed, (list, tuple)):
        seed = y._backend.namespace.asarray(list(seed))
    return seed if is_variable(seed) else wrap(seed, None, ROOT, y._backend)
