"""CuPy, through array-api-compat: NumPy's functions on one CUDA device."""

from __future__ import annotations

from typing import Any

from pluggrad.plugin import Adapter, has_arrays, selects_once


class CupyAdapter(Adapter):
    """What the engine needs to know about CuPy.

    CuPy writes values at equal places in no fixed order, so `last_write_wins` stays unset. As in
    CuPy itself, integers out of range in an array of indices are wrapped around.
    """

    name = "cupy"
    modules = ("cupy",)
    accumulates_in_place = True
    slices_beside_arrays = True
    special_needs = "scipy"

    def namespace(self) -> Any:
        """array-api-compat's namespace."""
        import array_api_compat.cupy as xp
        import cupy

        self.array_type = cupy.ndarray
        self.functions = {"copy": cupy.copy, "solve_triangular": _solve_triangular}
        return xp

    def beside(self, x: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        """On the device of `x`, which need not be the current one."""
        with x.device:
            return function(*args, **kwargs)

    def shares_memory(self, x: Any, y: Any) -> bool:
        """Compares pointers: a reshape is a view from its first element on, or a copy."""
        return bool(x.data.ptr == y.data.ptr)

    def scatter_add(self, buffer: Any, pieces: list[tuple[Any, Any]]) -> Any:
        """In place; by atomic additions for indices that may repeat."""
        import cupyx

        for key, g in pieces:
            if selects_once(key) and not has_arrays(key):
                buffer[key] += g
            else:
                cupyx.scatter_add(buffer, key, g)
        return buffer

    def host(self, x: Any) -> Any:
        """None: reading values would wait for the device."""
        return None

    def checksum(self, x: Any) -> Any:
        """That of a copy on the host."""
        import zlib

        import numpy as np

        return zlib.crc32(np.ascontiguousarray(x.get()).reshape(-1).view(np.uint8).data)

    def special(self, name: str) -> Any:
        """Looked up in `cupyx.scipy.special`, whose names are SciPy's."""
        import cupyx.scipy.special

        return getattr(cupyx.scipy.special, name, None)

    def devices(self) -> list[Any]:
        """The CUDA devices; none where there is no driver."""
        import cupy

        try:
            return [cupy.cuda.Device(n) for n in range(cupy.cuda.runtime.getDeviceCount())]
        except cupy.cuda.runtime.CUDARuntimeError:
            return []


def _solve_triangular(x1: Any, x2: Any, *, upper: bool) -> Any:
    """The solution of a triangular system; one call for each matrix in a batch, since CuPy has no
    batches here."""
    import cupy
    from cupyx.scipy.linalg import solve_triangular

    if x1.ndim == 2 and x2.ndim == 2:
        return solve_triangular(x1, x2, lower=not upper)
    lengths = x1.shape[:-2]
    x2 = cupy.broadcast_to(x2, (*lengths, *x2.shape[-2:]))
    a = x1.reshape(-1, *x1.shape[-2:])
    b = x2.reshape(-1, *x2.shape[-2:])
    if not len(a):
        return cupy.empty_like(x2)
    found = [solve_triangular(m, v, lower=not upper) for m, v in zip(a, b, strict=True)]
    return cupy.stack(found).reshape(x2.shape)


backend = CupyAdapter()
