"""Functions of torch in pluggrad's graph, on any backend: `pg.interop.torch.call`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from pluggrad.errors import MutationError
from pluggrad.plugin import (
    Backend,
    Framework,
    TreeCall,
    calling,
    made_by,
    refuse_dtype,
)

from .program import TorchProgram, transforming, version_of
from .recorded import drawing_again, states_of

__all__ = ["call"]


def call(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of torch tensors, such as a module or a compiled function, as one recorded
    operation.

    `f` sees torch tensors in place of Variables and arrays, whatever their backend, and its results
    are Variables of the caller's backend. torch differentiates it: ``backward`` runs what torch
    recorded, and higher orders, forward mode, `vmap` and all other transforms run `f` again under
    ``torch.autograd`` and ``torch.func``. So `f` should be a function in the mathematical sense;
    random numbers are the same in each run, and statistics of a module, such as those of
    ``BatchNorm``, are updated once.

    Parameters
    ----------
    f : callable
        Takes and returns tensors, in any pytree and beside any other objects. Tensors that it
        closes over, such as the parameters of a module, are constants.

    Returns
    -------
    callable
        Takes Variables and arrays of one backend, and torch tensors, which are constants. It
        returns Variables if an argument is a Variable, otherwise arrays. Dtypes are those that `f`
        gives; results and gradients are on the device of the first argument. Arrays on the CPU are
        handed over without a copy where the library allows that, so `f` must not write into them.

    Raises
    ------
    TypeError
        When called: arrays of several libraries are mixed, or the caller's library lacks the dtype
        of a result (NumPy has no bfloat16).
    RuntimeError
        `f` wrote into an argument, or a tensor that torch had saved was changed before the
        backward.

    >>> import numpy as np, pluggrad as pg, torch
    >>> layer = pg.interop.torch.call(torch.nn.functional.softplus)
    >>> x = pg.Variable(np.asarray([0.0, 1.0]), requires_grad=True)
    >>> pg.sum(layer(x)).backward()
    >>> x.grad.data.round(3)
    array([0.5  , 0.731])
    """
    return calling(f, _Torch(f))


class _Torch(Framework):
    """torch, to `calling`."""

    name = "torch"
    draws = True

    def __init__(self, f: Any) -> None:
        #: The parameters of a module, looked up once.
        self.parameters = list(f.parameters()) if isinstance(f, torch.nn.Module) else []

    def program(self, run: TreeCall) -> TorchProgram:
        """A program, whose further runs are like the first."""
        return TorchProgram(_Again(run, self.parameters))

    def enter(self, x: Any, backend: Backend) -> Any:
        """By NumPy's buffer, or DLPack; with a copy where that is refused."""
        if backend.name == "numpy":
            x = np.asarray(x)
            if not x.flags.writeable or any([step < 0 for step in x.strides]):
                x = x.copy()
            return torch.from_numpy(x)
        try:
            return torch.from_dlpack(x)
        except (TypeError, BufferError, RuntimeError, AttributeError):
            return torch.from_numpy(np.array(x))

    def leave(self, y: Any, backend: Backend, device: Any) -> Any:
        """Through NumPy's buffer."""
        try:
            host = y.detach().numpy(force=True)
        except TypeError:
            raise refuse_dtype(y, backend, "interop.torch.call") from None
        if backend.name == "numpy":
            return host
        return made_by(backend, host, device, "interop.torch.call")


class _Again:
    """A user's function, which may be run again for a derivative. Further runs draw the same random
    numbers, and do not update a module's statistics."""

    def __init__(self, tree: TreeCall, parameters: list[Any]) -> None:
        self.tree, self.parameters = tree, parameters
        self.states: Any = None
        self.ran = False
        self.module = tree.f if isinstance(tree.f, torch.nn.Module) else None
        self.versions: list[tuple[Any, int]] = []

    def __call__(self, arrays: list[Any]) -> list[Any]:
        """The results."""
        arrays = arrays[: len(self.tree.places)]  # one more may say for what elements it draws
        if not self.ran:
            return self.first(arrays)
        for x, version in self.versions:
            if version_of(x) != version:
                raise MutationError(
                    f"{type(self.module).__name__} is run again for a derivative of higher order, "
                    f"and its parameter of shape {tuple(x.shape)} was changed in place since the "
                    "call. Change it after the backward."
                )
        if self.states is None:
            return self.run_again(arrays)
        with drawing_again(self.states):
            return self.run_again(arrays)

    def first(self, arrays: list[Any]) -> list[Any]:
        """The results of the first run."""
        states = states_of()
        counts = [] if transforming() else [(x, version_of(x)) for x in arrays]
        self.versions = [(p, version_of(p)) for p in self.parameters]
        found = self.tree(arrays)
        for x, version in counts:
            if version_of(x) != version:
                raise MutationError(
                    "interop.torch.call: the function wrote into its argument of shape "
                    f"{tuple(x.shape)}; let it write into a clone"
                )
        if not _same(states[0], torch.get_rng_state()):
            self.states = states
        self.ran = True
        return found

    def run_again(self, arrays: list[Any]) -> list[Any]:
        """The results of a further run, in which a module writes into copies of its buffers."""
        module, tree = self.module, self.tree
        if module is None:
            return tree(arrays)
        copies = {name: b.clone() for name, b in module.named_buffers()}
        tree.f = lambda *args, **kwargs: torch.func.functional_call(module, copies, args, kwargs)
        try:
            return tree(arrays)
        finally:
            tree.f = module


def _same(state: Any, other: Any) -> bool:
    """Whether two states of a generator are equal, in a third of the time of `torch.equal`."""
    try:
        same: bool = state.numpy().tobytes() == other.numpy().tobytes()
    except RuntimeError:  # inside a transform or a mode of torch's
        same = torch.equal(state, other)
    return same
