"""torch's random functions inside `vmap`, where `randomness` says what each element gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pluggrad.plugin import BatchingError, drawn, is_variable, names

#: Random functions that take a size, those that take a tensor, and those that write into one.
OF_SIZE = {"rand", "randn", "randint", "randperm", "normal"}
OF_TENSOR = {"rand_like", "randn_like", "randint_like", "bernoulli", "dropout", "multinomial"}
IN_PLACE = {"bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_",
            "random_", "uniform_"}  # fmt: skip


@contextmanager
def drawing(backend: Any, randomness: str) -> Iterator[None]:
    """While `vmap` runs, let `randomness` also govern draws that involve no mapped value: they
    differ between elements, or are an error. The error is noticed afterwards, by the state of the
    generator, since a mode would slow down every function of torch."""
    if randomness == "different":
        modes = torch._C._len_torch_function_stack()
        try:
            with _Different(backend):
                yield
        except BaseException:  # an interrupt, perhaps on the way into the `__exit__` of the mode
            while torch._C._len_torch_function_stack() > modes:
                torch._C._pop_torch_function_stack()
            raise
    elif randomness == "error":
        before = torch.get_rng_state()
        yield
        if not torch.equal(before, torch.get_rng_state()):
            raise BatchingError(
                "inside vmap, random numbers were drawn. Say what they are for each element, by "
                "`randomness='same'` or 'different', or draw them outside of vmap"
            )
    else:
        yield


class _Different(TorchFunctionMode):  # type: ignore[misc]
    """Lets random functions of plain tensors and of sizes draw for each element of the batch."""

    def __init__(self, backend: Any) -> None:
        super().__init__()
        self.backend = backend

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call `func`, with one draw per element if it is random."""
        kwargs = kwargs or {}
        _, name = names(func)
        if name not in OF_SIZE | OF_TENSOR | IN_PLACE or any([is_variable(x) for x in args]):
            return func(*args, **kwargs)
        if name in IN_PLACE:
            raise BatchingError(
                f"inside vmap, torch.Tensor.{name} writes the same numbers for all elements, and "
                "randomness is 'different'. Use `torch.rand`, `torch.randn` or the like"
            )

        def make(sizes: Any) -> Any:
            # Not for the `vmap` around this one. On one line no interrupt comes before the exit.
            with torch._C.DisableTorchFunction(): return _draw(name, func, sizes, args, {**kwargs})  # fmt: skip  # noqa: E501, E701

        return drawn(make, self.backend)


def _draw(name: str, func: Any, sizes: Any, args: Any, kwargs: Any) -> Any:
    """What `func(*args, **kwargs)` returns, drawn for each element of a batch whose axes, `sizes`,
    come first."""
    if name == "randperm":
        kwargs.setdefault("dtype", torch.int64)
        dtype = kwargs.pop("dtype")
        found = torch.rand((*sizes, *args), dtype=torch.float64, **kwargs)
        return torch.argsort(found, dim=-1).to(dtype)
    if name == "multinomial" and args[0].ndim == 1 and sizes:
        rows = args[0].expand(math.prod(sizes), -1)
        found = func(rows, *args[1:], **kwargs)
        return found.reshape((*sizes, *found.shape[1:]))
    if name in OF_TENSOR or (name == "normal" and "size" not in kwargs and len(args) < 3):
        wide = [x.expand((*sizes, *x.shape)) if torch.is_tensor(x) else x for x in args]
        return func(*wide, **kwargs)
    size = kwargs.pop("size", None)
    if size is None:
        count = {"randint": -1, "normal": 2}.get(name, 0)
        size, args = args[count:], args[:count]
        size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    return func(*args, size=(*sizes, *size), **kwargs)


# ---------------------------------------------------------------- functions of Variables
#
# Outside of `vmap`, each draws what torch would draw from the same state of its generator. That
# depends on the strides of a tensor, too.


def _drawn(input: Any, draw: Any) -> Any:
    """What ``draw(x)`` makes of a tensor `x` like `input`, or for each element of a batch."""
    model = input
    while is_variable(model):
        model = model._value

    def make(sizes: Any) -> Any:
        if not sizes and tuple(model.shape) == tuple(input.shape):
            return draw(model.detach())
        return draw(torch.empty((*sizes, *input.shape), dtype=input.dtype, device=input.device))

    return drawn(make, input._backend)


def _like(name: str) -> Any:
    """rand_like and the like, for Variables."""

    def answer(xp: Any, input: Any, *args: Any, dtype: Any = None, device: Any = None,
               **kwargs: Any) -> Any:  # fmt: skip
        function = getattr(torch, name)
        return _drawn(input, lambda x: function(x, *args, dtype=dtype, device=device, **kwargs))

    return answer


def _bernoulli(xp: Any, input: Any, p: Any = None, *, generator: Any = None) -> Any:
    if p is not None:
        return _drawn(input, lambda x: torch.bernoulli(x, p, generator=generator))
    if generator is not None:
        return NotImplemented
    chance = input.detach()
    return xp.astype(_drawn(chance, lambda x: _contiguous(torch.rand, x)) < chance, input.dtype)


def _normal(xp: Any, mean: Any, std: Any = 1.0) -> Any:
    mean, std = [x.detach() if is_variable(x) else x for x in (mean, std)]
    return mean + std * _drawn(mean + std * 0, lambda x: _contiguous(torch.randn, x))


def _contiguous(function: Any, x: Any) -> Any:
    return function(x.shape, dtype=x.dtype, device=x.device)


def _dropout(xp: Any, input: Any, p: float = 0.5, training: bool = True,
             inplace: bool = False) -> Any:  # fmt: skip
    if inplace:
        return NotImplemented
    if not training or p == 0:
        return xp.asarray(input)
    dropout = torch.nn.functional.dropout
    return input * _drawn(input, lambda x: dropout(torch.ones_like(x), p))


RANDOM: dict[str, Any] = {
    "rand_like": _like("rand_like"), "randn_like": _like("randn_like"),
    "randint_like": _like("randint_like"),
    "bernoulli": _bernoulli, "normal": _normal, "dropout": _dropout,
}  # fmt: skip
