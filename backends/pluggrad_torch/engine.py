"""The engine `torch` of `pluggrad.compile`: torch's compiler, Inductor, for torch's tensors and for
NumPy's arrays.

The function is run once on torch's fake tensors, which is what the engine `jax` does with JAX's
tracers. Dynamo, which reads Python code, has no part in it, nor have its guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch._inductor
from torch.fx.experimental.proxy_tensor import make_fx

import pluggrad
from pluggrad import Variable
from pluggrad.plugin import Engine, TypeMismatchError, get_backend, is_variable

__all__ = ["TorchEngine", "engine"]


class TorchEngine(Engine):
    """The function is run on torch's fake tensors, and Inductor compiles what it does.

    NumPy's arrays are handed over without a copy, and the results have the dtypes that NumPy gives.
    On the way to them torch promotes as torch does: integers beside float32 are float32.

    Parameters
    ----------
    mode : str, optional
        One of ``torch._inductor.list_mode_options()``: ``"reduce-overhead"`` runs CUDA graphs on a
        GPU, ``"max-autotune"`` tries several kernels.
    """

    name = "torch"

    def __init__(self, mode: str | None = None) -> None:
        self.options = torch._inductor.list_mode_options(mode) if mode else {}
        self.copies = bool(self.options.get("triton.cudagraphs"))

    def make(
        self, function: Callable[..., Any], leaves: Sequence[Any], program: Any = None
    ) -> Callable[..., Any]:
        """`function`, compiled by Inductor."""
        if any([isinstance(x, torch.Tensor) for x in leaves]):
            return self._on_tensors(function, leaves)
        with np.errstate(all="ignore"):
            examples = function(*leaves)
        kinds = [(np.asarray(y).dtype, isinstance(y, np.generic)) for y in examples]
        run_tensors = self._on_tensors(tolerant(function), [_entered(x) for x in leaves])

        def run(*leaves: Any) -> tuple[Any, ...]:
            given = [_entered(x) for x in leaves]
            inputs = {x.data_ptr() for x in given if type(x) is not float}
            return tuple([
                _left(y, dtype, scalar, inputs)
                for y, (dtype, scalar) in zip(run_tensors(*given), kinds, strict=True)
            ])  # fmt: skip

        return run

    def _on_tensors(
        self, function: Callable[..., Any], leaves: Sequence[Any]
    ) -> Callable[..., Any]:
        """`function` of tensors, and of Python floats, compiled."""
        numbers = [n for n, x in enumerate(leaves) if not isinstance(x, torch.Tensor)]
        refuse_tracked(leaves)
        given = tensors(leaves, numbers)
        with torch.no_grad():
            with constants(given[0].device if given else torch.device("cpu")):
                graph = make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*given)
            compiled = torch._inductor.compile(graph, given, options=self.options)
        copies = self.copies

        def run(*leaves: Any) -> Any:
            refuse_tracked(leaves)
            with torch.no_grad():
                found = compiled(*(tensors(leaves, numbers) if numbers else leaves))
            # The memory of a CUDA graph is used again in the next run.
            return [y.clone() for y in found] if copies else found

        return run


@contextmanager
def constants(device: torch.device) -> Iterator[None]:
    """Take NumPy's arrays for constants on that device."""
    adapter: Any = get_backend("torch").adapter
    state = adapter.constants
    before, state.on = getattr(state, "on", False), True
    try:
        with device:
            yield
    finally:
        state.on = before


def tolerant(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, run on Variables over torch's fake tensors if code in it asks for the elements of
    these, as NumPy's functions do, which know Variables. Arrays that it makes by `pluggrad.zeros`
    and the like are torch's, of NumPy's default dtype."""

    @pluggrad.use("torch", dtype=torch.float64)
    def traced(*leaves: Any) -> tuple[Any, ...]:
        try:
            return tuple(function(*leaves))
        except (RuntimeError, TypeError) as error:
            if "numpy" not in str(error):
                raise
            found = function(*[Variable(x) for x in leaves])
            return tuple([y.data if is_variable(y) else y for y in found])

    return traced


def refuse_tracked(leaves: Sequence[Any]) -> None:
    """Raise if torch itself would record what is computed with one of `leaves`."""
    if torch.is_grad_enabled() and any([getattr(x, "requires_grad", False) for x in leaves]):
        raise TypeMismatchError(
            "an argument is a torch tensor that requires grad, and what is compiled has no gradient"
            " for torch; detach it"
        )


def tensors(leaves: Sequence[Any], numbers: Sequence[int]) -> list[Any]:
    """`leaves` with tensors in place of those at `numbers`, which are Python floats."""
    given = list(leaves)
    for n in numbers:
        given[n] = torch.tensor(given[n], dtype=torch.float64)
    return given


def _entered(x: Any) -> Any:
    """A NumPy array as a tensor with the same memory, if torch can have it; a float as it is."""
    if type(x) is float:
        return x
    x = np.asarray(x)
    if not x.flags.writeable or not x.dtype.isnative or min(x.strides, default=0) < 0:
        x = np.array(x, x.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(x)


def _left(y: Any, dtype: Any, scalar: bool, inputs: set[int]) -> Any:
    """A tensor as a NumPy array of that dtype, or as a NumPy scalar. It has memory of its own."""
    found = y.resolve_conj().resolve_neg().numpy()
    if found.dtype != dtype:
        found = found.astype(dtype)
    elif scalar:
        return found[()]
    elif y.untyped_storage().data_ptr() in inputs:
        found = found.copy()
    return found[()] if scalar else found


engine = TorchEngine()
