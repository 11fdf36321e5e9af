"""`pg.interop.torch`: functions of pluggrad in torch's own graph, by `wrap`, and functions of torch
in pluggrad's, by `call`; modules of torch, by `module`, and torch's optimizers, by `optimizer`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from pluggrad.plugin import (
    HostProgram,
    TreeCall,
    TypeMismatchError,
    UnsupportedError,
    backend_of,
    first_possible,
    for_host,
    get_backend,
)

from .calling import call
from .modules import Module, Optimizer, module, optimizer

__all__ = ["Module", "Optimizer", "call", "module", "optimizer", "wrap"]


def wrap(f: Callable[..., Any], backend: str | None = None) -> Callable[..., Any]:
    """A function of torch tensors that runs `f` and takes part in torch's own autograd.

    `f` sees Variables in place of tensors, and everything that it does with them is
    differentiated by pluggrad; torch sees one operation. ``backward``, double backward,
    ``torch.func`` (``grad``, ``vjp``, ``jvp``, ``jacrev``, ``hessian``, ``vmap``) and
    ``gradcheck`` work on it. `f` should be a function in the mathematical sense, because
    derivatives of higher order run it again.

    Parameters
    ----------
    f : callable
        Takes Variables, in any pytree and beside any other objects, and returns arrays or Variables
        in any pytree. Integer tensors are constants to it.
    backend : str, optional
        The library in which `f` computes, such as ``"numpy"``. With ``"torch"``, `f` computes on
        the tensors themselves, on their device. The default is NumPy, or torch if `f` fails on
        NumPy arrays, for example because it uses torch's functions or tensors.

    Returns
    -------
    callable
        Its arrays are tensors, on the device of the first argument and of the dtype that `f` gave
        them; integer and boolean ones have no gradient. Gradients have the dtype and device of
        their inputs. Complex gradients follow torch, whose convention is ours.

    Raises
    ------
    TypeError
        When called: `backend` lacks the dtype of a tensor (NumPy has no bfloat16).
    ValueError
        `backend` is unknown or not installed.

    >>> import numpy as np, pluggrad as pg, torch
    >>> f = pg.interop.torch.wrap(lambda x: np.sum(np.sin(x) ** 2))
    >>> x = torch.tensor([0.0, np.pi / 4], dtype=torch.float64, requires_grad=True)
    >>> f(x).backward()
    >>> x.grad
    tensor([0., 1.], dtype=torch.float64)
    """
    hosts = [Host(name) for name in (("numpy", "torch") if backend is None else (backend,))]

    def once(*args: Any, **kwargs: Any) -> Any:
        tree = TreeCall(f, args, kwargs, torch.is_tensor, lambda y: hasattr(y, "dtype"))
        tensors = tree.arrays

        def run(values: list[Any]) -> list[Any]:
            with torch.enable_grad():  # torch has switched it off, and `f` is not to notice
                return tree(values)

        return tree.completed(
            first_possible(lambda host: apply(Call(HostProgram(run), host), tensors), hosts)
        )

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        # torch.compile runs `f` without compiling it.
        run = torch.compiler.disable(once) if torch.compiler.is_compiling() else once
        return run(*args, **kwargs)

    return wrapped


class Host:
    """Turns torch tensors into arrays of a backend, and back."""

    def __init__(self, name: str) -> None:
        self.backend = get_backend(name)
        self.native = self.backend.name == "torch"

    def array(self, x: Any) -> Any:
        """A tensor as an array of the backend."""
        if torch._C._functorch.is_legacy_batchedtensor(x):
            raise UnsupportedError(
                "is_grads_batched, vectorize and check_batched_grad do not reach functions of "
                "`interop.torch.wrap`; torch.func.vmap, jacrev and jacfwd do"
            )
        x = x.detach()
        if torch._is_zerotensor(x):
            x = x.clone()  # it has no memory, and older versions of torch read what lies there
        if self.native:
            return x
        try:
            host = x.numpy(force=True)
        except TypeError:
            raise self._lacks(x) from None
        if self.backend.name == "numpy":
            return host
        array = self.backend.namespace.raw_asarray(host)
        if np.asarray(array).dtype != host.dtype:
            raise self._lacks(x)
        return array

    def _lacks(self, x: Any) -> TypeMismatchError:
        """The error for a tensor whose dtype the backend lacks."""
        return TypeMismatchError(
            f"the {self.backend.name} backend has no dtype for a tensor of {x.dtype} here; convert "
            "it first, by `.float()` (for float64 in JAX, set JAX_ENABLE_X64=1)"
        )

    def tensor(self, y: Any, device: Any, inputs: Sequence[Any], keep: bool) -> Any:
        """An array as a tensor that shares no memory with an input nor, with `keep`, with values
        that the graph has saved."""
        if torch.is_tensor(y):
            y = y.detach()
            pointers = {x.untyped_storage().data_ptr() for x in inputs if torch.is_tensor(x)}
            shares = y.untyped_storage().data_ptr() in pointers
            return (y.clone() if shares or keep else y).to(device)
        host = np.asarray(y)
        found = torch.from_numpy(np.array(host, copy=True)) if _borrowed(host, inputs) or keep \
            else torch.from_numpy(host)  # fmt: skip
        return found.to(device)


def _borrowed(host: Any, inputs: Sequence[Any]) -> bool:
    """Whether a NumPy array has to be copied, because torch cannot own its memory."""
    if not host.flags.writeable or any(step < 0 for step in host.strides):
        return True
    return not host.flags.owndata or any(
        isinstance(x, np.ndarray) and np.may_share_memory(host, x) for x in inputs
    )


class Call:
    """One call of a program, and what its forward pass keeps for its backward pass."""

    def __init__(self, program: HostProgram, host: Host) -> None:
        self.program, self.host = program, host
        self.pull: Any = None  # the pullback, if the forward pass recorded a graph
        self.needs: list[int] = []
        self.constant: list[bool] = []  # which results have no gradient

    def forward(self, tensors: Sequence[Any]) -> tuple[Any, ...]:
        """The results as tensors. pluggrad records them if a gradient is needed."""
        device = tensors[0].device if tensors else "cpu"
        arrays = [self.host.array(x) for x in tensors]
        if self.needs:
            results, self.pull = self.program.linearized(arrays, self.needs)
            results = [for_host(y) for y in results]
        else:
            results = self.program(arrays)
        backend = self.host.backend
        for y in results:
            if backend_of(y) is not backend:
                raise TypeMismatchError(
                    f"the wrapped function computes in {backend.name}, and returned "
                    f"{type(y).__name__}"
                )
        self.constant = [y.dtype not in backend.float_dtypes for y in results]
        keep = bool(self.needs)
        return tuple([self.host.tensor(y, device, arrays, keep) for y in results])

    def backward(self, ctx: Any, gs: Sequence[Any]) -> list[Any]:
        """The gradients of the tensors. Where torch tracks or traces the backward pass, they come
        from a program of their own, else from the pullback."""
        xs = ctx.saved_tensors  # always read, so that torch notices changed ones
        gs = [g for g, constant in zip(gs, self.constant, strict=True) if not constant]
        wanted = [n for n, need in enumerate(ctx.needs_input_grad[1:]) if need]
        found: list[Any] = [None] * len(xs)
        if self.pull is not None and not torch.is_grad_enabled() and not any(map(_traced, gs)):
            pulled = self.pull([self.host.array(g) for g in gs])
            some = [self.host.tensor(for_host(g), xs[0].device, (), False) for g in pulled]
            places = self.needs
        else:
            some = apply(Call(self.program.pullback(len(xs), wanted), self.host), [*xs, *gs])
            places = wanted
        for place, g in zip(places, some, strict=True):
            if place in wanted:
                found[place] = g.to(xs[place].dtype)
        return found


def apply(call: Call, tensors: Sequence[Any]) -> list[Any]:
    """The results of a call, connected to torch's graph."""
    if torch.is_grad_enabled() and not any([_traced(x) for x in tensors]):
        call.needs = [n for n, x in enumerate(tensors) if x.requires_grad]
    return list(Connected.apply(call, *tensors))


def _traced(x: Any) -> bool:
    """Whether a torch.func transform traces `x`."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(x))


class Connected(torch.autograd.Function):  # type: ignore[misc]
    """The one operation that torch sees."""

    @staticmethod
    def forward(call: Call, *tensors: Any) -> Any:
        """The results of the call."""
        return call.forward(tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Save the tensors, and mark the results that have no gradient."""
        call, *tensors = inputs
        ctx.call = call
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        ctx.mark_non_differentiable(
            *[y for y, constant in zip(output, call.constant, strict=True) if constant]
        )

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        """The gradients of the tensors; `call` has none."""
        return (None, *ctx.call.backward(ctx, gs))

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
        """The tangents of the results, by the program's pushforward."""
        call, xs = ctx.call, ctx.saved_tensors
        needs = [n for n, t in enumerate(tangents) if t is not None and _inexact(xs[n])]
        program = call.program.pushforward(len(xs), needs)
        pushed = iter(apply(Call(program, call.host), [*xs, *[tangents[n] for n in needs]]))
        return tuple([None if constant else next(pushed) for constant in call.constant])

    @staticmethod
    def vmap(info: Any, in_dims: Any, call: Call, *tensors: Any) -> Any:
        """The results for a batch, along their first axis."""
        program = call.program.mapped(in_dims[1:], info.batch_size)
        mapped = Call(program, call.host)
        results = apply(mapped, tensors)
        call.constant = mapped.constant
        return tuple(results), tuple([0] * len(results))


def _inexact(x: Any) -> bool:
    return bool(x.is_floating_point() or x.is_complex())
