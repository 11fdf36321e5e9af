"""torch, through array-api-compat. torch's own autograd takes no part."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from pluggrad.plugin import (
    Adapter,
    TypeMismatchError,
    careful_norm,
    has_arrays,
    label,
    rebuild,
    selects_once,
)

from . import dtensor


class TorchAdapter(Adapter):
    """What the engine needs to know about torch."""

    name = "torch"
    engine = "torch"
    ellipsis_between = False
    modules = ("torch",)
    last_write_wins = True
    integers_first = True
    slices_beside_arrays = True
    reads_code = True
    answers = ("numpy",)
    constants = threading.local()  # whose `on` says that the engine is tracing a function
    warns_of_items = False
    switch = "torch.no_grad() and torch.inference_mode()"

    def namespace(self) -> Any:
        """array-api-compat's namespace, with functions that are quicker or that torch's transforms
        can trace."""
        import array_api_compat.torch as xp

        if not self.prepared:  # it is asked for again and again
            self.prepare(xp)
        return xp

    prepared = False

    def prepare(self, xp: Any) -> None:
        """Fill in the functions and the questions that need torch."""
        import torch
        from array_api_compat.torch import linalg

        def matmul(x1: Any, x2: Any) -> Any:
            return torch.matmul(x1, x2) if x1.dtype is x2.dtype else xp.matmul(x1, x2)

        def full(shape: Any, fill_value: Any, *, dtype: Any = None, **kwargs: Any) -> Any:
            dtype = dtype or getattr(fill_value, "dtype", None)  # torch ignores the dtype of it
            return xp.full(shape, fill_value, dtype=dtype, **kwargs)

        def linspace(
            start: Any, stop: Any, /, num: int, *, dtype: Any = None, **kwargs: Any
        ) -> Any:
            if dtype is None:
                dtypes = [
                    x.dtype for x in (start, stop) if torch.is_tensor(x) and x.is_floating_point()
                ]
                dtype = xp.result_type(*dtypes) if dtypes else None
            return xp.linspace(start, stop, num, dtype=dtype, **kwargs)

        # torch.func.vmap cannot trace array-api-compat's `sign`, `vecdot` and `moveaxis`.
        def sign(x: Any) -> Any:
            if x.is_complex():
                return torch.where(x == 0, 0, x / torch.abs(x))
            y = torch.sign(x)
            return torch.where(torch.isnan(x), torch.nan, y) if x.is_floating_point() else y

        def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
            alike = x1.dtype is x2.dtype and x1.shape[axis] == x2.shape[axis]
            if not alike or not (x1.is_floating_point() or x1.is_complex()):
                return xp.vecdot(x1, x2, axis=axis)
            return torch.linalg.vecdot(x1, x2, dim=axis)

        self.functions = {
            "sign": sign,
            "vecdot": vecdot,
            "moveaxis": torch.movedim,
            "matmul": matmul,
            "full": full,
            "linspace": linspace,
            "gcd": _of_integers(torch.gcd),
            "lcm": _of_integers(torch.lcm),
            "copy": torch.clone,
            "getitem": self._get,
            "put": self._put_anew,
            "put_in_place": self._put,
            "scatter": self._scatter,
            "scatter_all": self._scatter_all,
            "add_along_axis": _add_along,
            "solve_triangular": torch.linalg.solve_triangular,
            "linalg.vector_norm": careful_norm(linalg.vector_norm, xp, _at_hand),
            "lu_factor": torch.linalg.lu_factor,
            "lu_solve": _lu_solve,
        }
        is_tracer = torch._C._functorch.is_functorch_wrapped_tensor

        def writes(x: Any) -> Any:
            if self.tracing() or x.is_inference() or is_tracer(x):
                return None
            return x._version  # torch counts in-place writes

        # On the path of every operation, so without an import in each call.
        self.tracing = torch.compiler.is_compiling  # type: ignore[method-assign]
        self.records = torch.is_grad_enabled
        from . import replaced  # noqa: F401  (what torch lets nobody override)
        from .methods import methods

        self.methods = methods()
        # So that `torch.load(..., weights_only=True)` takes Variables.
        torch.serialization.add_safe_globals([rebuild])
        self.follows = lambda x: x.requires_grad
        self.writes = writes
        self.prepared = True

    def check(self, x: Any) -> None:
        """Refuses tensors that torch itself tracks; its transforms' tracers are welcome."""
        if x.requires_grad and not _is_tracer(x):
            raise TypeMismatchError(
                "a torch tensor that requires grad is recorded by torch itself, so there would be "
                "two graphs, and neither would reach the leaves of the other. Take the parameters "
                "of a module `m` as Variables, by `pluggrad.interop.torch.module(m)`; make a "
                "Variable of `tensor.detach()`, or use `tensor.detach()` itself as a constant"
            )

    def recording(self) -> Any:
        """`torch.enable_grad`."""
        import torch

        return torch.enable_grad()

    def host(self, x: Any) -> Any:
        """None for tracers, subclasses and tensors without values; bfloat16 comes as float32."""
        import torch

        kind = type(x)
        if torch.compiler.is_compiling() or kind not in (torch.Tensor, torch.nn.Parameter):
            return None
        if _is_tracer(x) or x.device.type == "meta":
            return None
        x = x.detach().resolve_conj().resolve_neg().cpu()
        return (x.float() if x.dtype is torch.bfloat16 else x).numpy()

    def checksum(self, x: Any) -> Any:
        """None while a compiler or torch.func traces."""
        import torch

        if torch.compiler.is_compiling() or _is_tracer(x):
            return None
        x = x.detach().resolve_conj().resolve_neg().cpu()
        return super().checksum(x.view(torch.int16) if x.dtype is torch.bfloat16 else x)

    def special(self, name: str) -> Any:
        """Looked up in `torch.special`."""
        from . import special

        return special.find(name)

    def scipy(self, name: str) -> Any:
        """One of the functions in `scipy_functions`; otherwise SciPy's own is called."""
        from .scipy_functions import find

        return find(name)

    def drawing(self, backend: Any, randomness: str) -> Any:
        """torch's random functions heed `randomness`; see `random`."""
        from .random import drawing

        return drawing(backend, randomness)

    @property
    def generators(self) -> tuple[type, ...]:
        """torch has one kind."""
        import torch

        return (torch.Generator,)

    def rng_state(self, generator: Any = None) -> Any:
        """By default those of the CPU and of all CUDA devices in use; None under torch.compile."""
        import torch

        if self.tracing():
            return None
        if generator is not None:
            return generator.get_state()
        cuda = torch.cuda.is_initialized()
        return torch.get_rng_state(), torch.cuda.get_rng_state_all() if cuda else []

    def set_rng_state(self, state: Any, generator: Any = None) -> None:
        """By default those of the CPU and of the CUDA devices."""
        import torch

        if generator is not None:
            generator.set_state(state)
            return
        torch.set_rng_state(state[0])
        if state[1]:
            torch.cuda.set_rng_state_all(state[1])

    def shares_memory(self, x: Any, y: Any) -> bool:
        """Compares storages. Tracers have none, so other signs of a view decide there."""
        if self.tracing():  # only tensors that are not contiguous are copied, and copies are
            return bool(x.is_contiguous() or not y.is_contiguous())
        try:
            return bool(x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr())
        except (NotImplementedError, RuntimeError):  # a tracer has no storage
            return bool(y._is_view())

    def finish(self, g: Any, x: Any) -> Any:
        """Partial sums over the processes of a mesh are carried out."""
        return dtensor.finished(g, x) if dtensor.is_dtensor(g) else g

    def beside(self, x: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        """On the device of `x`; replicated over the mesh of a DTensor."""
        made = function(*args, device=x.device, **kwargs)
        return dtensor.replicated(made, x) if dtensor.is_dtensor(x) else made

    # ------------------------------------------------------------ reading and writing elements

    def _get(self, x: Any, key: Any) -> Any:
        """``x[key]``. Slices with a negative step, which torch lacks, become positions."""
        if dtensor.is_dtensor(x):
            return dtensor.read(x, key)
        if not _steps_back(key):
            return x[key]
        return x.reshape(-1)[self.places(x, key)]

    def _put(self, value: Any, x: Any, key: Any) -> Any:
        """`x` with `value` at `key`, in place; where torch.func traces `value`, as a new tensor."""
        import torch

        if dtensor.is_dtensor(x):
            return dtensor.put(value, x, key)
        if not _steps_back(key) and not _is_tracer(value):
            x[key] = value
            return x
        places = self.places(x, key)
        if not torch.is_tensor(value):
            value = torch.asarray(value, dtype=x.dtype, device=x.device)
        value = value.to(x.dtype).expand(places.shape).reshape(-1)
        y = x.reshape(-1).index_put((places.reshape(-1),), value).reshape(x.shape)
        return y if _is_tracer(value) else x.copy_(y)

    def _put_anew(self, value: Any, x: Any, key: Any) -> Any:
        """A new tensor: `x` with `value` at `key`."""
        import torch

        return self._put(value, x if dtensor.is_dtensor(x) else torch.clone(x), key)

    def _scatter(self, g: Any, *, key: Any, like: Any) -> Any:
        """Zeros as `like` says, with `g` added at `key`."""
        if dtensor.is_dtensor(g):
            return dtensor.scatter(g, key, like[0])
        shape, dtype = like
        return self.scatter_add(g.new_zeros(tuple(shape), dtype=dtype), [(key, g)])

    def _scatter_all(self, *gs: Any, keys: Any, like: Any) -> Any:
        """Zeros as `like` says, with each of `gs` added at its own of `keys`."""
        if dtensor.is_dtensor(gs[0]):
            return sum([dtensor.scatter(g, key, like[0]) for key, g in zip(keys, gs, strict=True)])
        shape, dtype = like
        zeros = gs[0].new_zeros(tuple(shape), dtype=dtype)
        return self.scatter_add(zeros, list(zip(keys, gs, strict=True)))

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """In place where torch can; by flat positions for slices with a negative step, for tracers,
        and for integers beside other parts."""
        for key, g in pieces:
            if dtensor.is_dtensor(buffer):
                buffer = buffer + dtensor.scatter(g, key, buffer.shape)
            elif _is_tracer(g) or _steps_back(key):
                buffer = self._add_by_places(buffer, key, g)
            elif (found := dtensor.along_one_axis(key)) is not None:
                axis, places = found
                length = buffer.shape[axis]
                g = g.expand(*buffer.shape[:axis], places.shape[0], *buffer.shape[axis + 1 :])
                places = places.where(places >= 0, places + length)
                buffer.index_add_(axis, places, g)
            elif selects_once(key):
                if not has_arrays(key) and not _has_bools(key):
                    if self.traced(g):  # Inductor fuses sums, and slices written in a row badly
                        padded = g.new_zeros(tuple(buffer.shape))
                        padded[key].add_(g)
                        buffer = buffer + padded
                    else:
                        buffer[key].add_(g)
                else:  # by a mask
                    buffer[key] = buffer[key] + g
            elif _all_integers(key):
                buffer.index_put_(key if isinstance(key, tuple) else (key,), g, accumulate=True)
            else:
                buffer = self._add_by_places(buffer, key, g)
        return buffer

    def _add_by_places(self, buffer: Any, key: Any, g: Any) -> Any:
        """`buffer` with `g` added at the flat positions of `key`, as a new tensor."""
        places = self.places(buffer, key)
        g = g.expand(places.shape).reshape(-1)
        flat = buffer.reshape(-1).index_put((places.reshape(-1),), g, accumulate=True)
        return flat.reshape(buffer.shape)

    def places(self, x: Any, key: Any) -> Any:
        """The flat positions in `x` that `key` selects, with slices in any direction."""
        import torch

        if not _steps_back(key):
            return torch.arange(x.numel(), device=x.device).reshape(tuple(x.shape))[key]
        # On the host, since NumPy has slices with a negative step.
        host = tuple([part.cpu().numpy() if torch.is_tensor(part) else part
                      for part in (key if isinstance(key, tuple) else (key,))])  # fmt: skip
        places = np.arange(x.numel()).reshape(tuple(x.shape))[host]
        return torch.asarray(np.array(places), device=x.device)

    # ------------------------------------------------------------ about the library

    @property
    def takes_numpy(self) -> bool:  # type: ignore[override]
        """Only while the engine traces a function."""
        return getattr(self.constants, "on", False)

    def traced(self, x: Any) -> bool:
        """Whether `x` is a fake tensor, which stands for one in a graph of torch's compilers."""
        return type(x).__name__ == "FakeTensor"  # without an import, since indexing asks

    def foreign(self, backend: Any, func: Any, args: Any, kwargs: Any) -> Any:
        """Answered by the table in `functions`; NumPy's functions by pluggrad's of their names."""
        if label(func).startswith("numpy."):
            from pluggrad_numpy.functions import answer
        else:
            from .functions import answer

        return answer(backend, func, args, kwargs)

    def interop(self) -> Any:
        """The module `pg.interop.torch`."""
        from . import interop

        return interop

    def compiler(self) -> None:
        """Done by importing `compiling`."""
        from . import compiling  # noqa: F401

    def devices(self) -> list[Any]:
        """The CPU, then the CUDA devices."""
        import torch

        found = [torch.device("cpu")]
        return found + [torch.device("cuda", i) for i in range(torch.cuda.device_count())]


def _add_along(g: Any, indices: Any, *, axis: int, like: Any) -> Any:
    """Zeros as `like` says, with `g` added at `indices` along `axis`."""
    import torch

    shape, dtype = like
    long = list(g.shape)  # along axes where `x` had length 1, there may be more of `g`
    long[axis] = shape[axis]
    indices = torch.where(indices < 0, indices + shape[axis], indices).expand(g.shape)
    added = g.new_zeros(long, dtype=dtype).scatter_add(axis, indices, g)
    extra = [i for i, n in enumerate(shape) if long[i] != n]
    return added.sum(extra, keepdim=True) if extra else added


def _of_integers(function: Any) -> Any:
    """`function` of two tensors, with an integer in the place of one of them, too."""

    def call(x1: Any, x2: Any, /) -> Any:
        like = x1 if hasattr(x1, "new_tensor") else x2
        made = [like.new_tensor(x) if isinstance(x, int) else x for x in (x1, x2)]
        return function(*made)

    return call


def _lu_solve(lu: Any, pivots: Any, b: Any, *, adjoint: bool) -> Any:
    """`torch.linalg.lu_solve`, also for a right-hand side of one axis."""
    import torch

    if b.ndim == 1:
        return torch.linalg.lu_solve(lu, pivots, b[:, None], adjoint=adjoint)[:, 0]
    return torch.linalg.lu_solve(lu, pivots, b, adjoint=adjoint)


def _steps_back(key: Any) -> bool:
    """Whether `key` has a slice with a negative step."""
    if type(key) is tuple:
        return any([_steps_back(part) for part in key])
    return type(key) is slice and key.step is not None and key.step < 0


def _has_bools(key: Any) -> bool:
    """Whether `key` contains Python's bools: reading by these, torch copies."""
    return type(key) is bool or (type(key) is tuple and any([type(part) is bool for part in key]))


def _all_integers(key: Any) -> bool:
    """Whether `key` consists of integer tensors alone."""
    parts = key if isinstance(key, tuple) else (key,)
    return all([
        not isinstance(part, slice) and hasattr(part, "dtype") and "int" in str(part.dtype)
        for part in parts
    ])  # fmt: skip


def _at_hand(x: Any) -> bool:
    """Whether the values of `x` can be read now, at no cost."""
    import torch

    if torch.compiler.is_compiling() or backend.traced(x):
        return False
    return x.device.type == "cpu" and not _is_tracer(x)


def _is_tracer(x: Any) -> bool:
    """Whether `x` belongs to a running torch.func transform."""
    import torch

    if torch.compiler.is_compiling():
        return False  # the compiler handles torch.func itself
    wrapped = getattr(torch._C._functorch, "is_functorch_wrapped_tensor", None)
    return torch.is_tensor(x) and wrapped is not None and bool(wrapped(x))


backend = TorchAdapter()
