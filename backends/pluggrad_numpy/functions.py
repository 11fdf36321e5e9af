"""NumPy's own functions, called with Variables: which functions of pluggrad answer them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from pluggrad.plugin import (
    Table,
    UnsupportedError,
    answer_constant,
    answer_raw,
    axes_of,
    is_variable,
    lookup,
    write,
)

TABLE = Table("""
sum = sum(a | axis dtype out keepdims)
mean = mean(a | axis dtype out keepdims)
prod = prod(a | axis dtype out keepdims)
max amax = max(a | axis out keepdims)
min amin = min(a | axis out keepdims)
std = std(a | axis dtype out ddof=correction keepdims [where] [mean] correction)
var = var(a | axis dtype out ddof=correction keepdims [where] [mean] correction)
all = all(a | axis out keepdims)
any = any(a | axis out keepdims)
argmax = argmax(a | axis out keepdims)
argmin = argmin(a | axis out keepdims)
count_nonzero = count_nonzero(a | axis keepdims)
cumulative_sum = cumulative_sum(x | axis dtype out include_initial)
cumulative_prod = cumulative_prod(x | axis dtype out include_initial)
where = where(condition x y)
concatenate concat = concat(arrays | axis out dtype)
stack = stack(arrays | axis out)
reshape = reshape(a shape | [order] copy)
swapaxes = swapaxes(a axis1 axis2)
moveaxis = moveaxis(a source destination)
expand_dims = expand_dims(a | axis)
broadcast_to = broadcast_to(array shape)
flip = flip(m | axis)
roll = roll(a shift | axis)
repeat = repeat(a repeats | axis)
tile = tile(A reps)
take = take(a indices | axis out)
take_along_axis = take_along_axis(arr indices | axis)
unstack = unstack(x | axis)
diff = diff(a | n axis prepend append)
clip = clip(a a_min a_max | out)
tril = tril(m | k)
triu = triu(m | k)
sort = sort(a | axis)
argsort = argsort(a | axis)
searchsorted = searchsorted(a v | side sorter)
matrix_transpose = matrix_transpose(x)
matvec = matvec(x1 x2)
tensordot = tensordot(a b | axes)
outer = outer(a b)
linalg.outer = linalg.outer(x1 x2)
kron = kron(a b)
trace = linalg.trace(a | offset)
linalg.trace = linalg.trace(x | offset dtype)
diagonal = linalg.diagonal(a | offset)
linalg.diagonal = linalg.diagonal(x | offset)
cross = linalg.cross(a b)
linalg.cross = linalg.cross(x1 x2 | axis)
real = real(val)
imag = imag(val)
copy = copy(a | [order])
nan_to_num = nan_to_num(x | [copy] nan posinf neginf)
nansum = nansum(a | axis dtype out keepdims)
nanmean = nanmean(a | axis dtype out keepdims)
nanprod = nanprod(a | axis dtype out keepdims)
nanvar = nanvar(a | axis dtype out ddof keepdims [where] [mean] correction)
nanstd = nanstd(a | axis dtype out ddof keepdims [where] [mean] correction)
nanmax = nanmax(a | axis out keepdims)
nanmin = nanmin(a | axis out keepdims)
nancumsum = nancumsum(a | axis dtype out)
nancumprod = nancumprod(a | axis dtype out)
convolve = convolve(a v | mode)
median = median(a | axis out [overwrite_input] keepdims)
pad = pad(array pad_width | mode constant_values)
interp = interp(x xp fp)
trapezoid = trapezoid(y | x dx axis)
linalg.vecdot = vecdot(x1 x2 | axis)
linalg.matmul = matmul(x1 x2)
linalg.tensordot = tensordot(x1 x2 | axes)
linalg.matrix_transpose = matrix_transpose(x)
linalg.inv = linalg.inv(a)
linalg.det = linalg.det(a)
linalg.slogdet = linalg.slogdet(a)
linalg.solve = linalg.solve(a b)
linalg.cholesky = linalg.cholesky(a | upper)
linalg.eigh = linalg.eigh(a)
linalg.eigvalsh = linalg.eigvalsh(a)
linalg.eig = linalg.eig(a)
linalg.eigvals = linalg.eigvals(a)
linalg.svdvals = linalg.svdvals(x)
linalg.pinv = linalg.pinv(a | rcond=rtol)
linalg.qr = linalg.qr(a | mode)
linalg.matrix_power = linalg.matrix_power(a n)
linalg.vector_norm = linalg.vector_norm(x | axis keepdims ord)
linalg.matrix_norm = linalg.matrix_norm(x | keepdims ord)
fft.fft = fft.fft(a | n axis norm)
fft.ifft = fft.ifft(a | n axis norm)
fft.rfft = fft.rfft(a | n axis norm)
fft.irfft = fft.irfft(a | n axis norm)
fft.hfft = fft.hfft(a | n axis norm)
fft.ihfft = fft.ihfft(a | n axis norm)
fft.fftn = fft.fftn(a | s axes norm)
fft.ifftn = fft.ifftn(a | s axes norm)
fft.rfftn = fft.rfftn(a | s axes norm)
fft.irfftn = fft.irfftn(a | s axes norm)
fft.fft2 = fft.fftn(a | s axes norm)
fft.ifft2 = fft.ifftn(a | s axes norm)
fft.rfft2 = fft.rfft2(a | s axes norm)
fft.irfft2 = fft.irfft2(a | s axes norm)
fft.fftshift = fft.fftshift(x | axes)
fft.ifftshift = fft.ifftshift(x | axes)
ones_like = ones_like(a | dtype [order] [subok] shape device)
zeros_like = zeros_like(a | dtype [order] [subok] shape device)
empty_like = empty_like(prototype | dtype [order] [subok] shape device)
full_like = full_like(a fill_value | dtype [order] [subok] shape device)
""")

#: Questions: the answer is a plain value, so no gradient can be lost.
QUESTIONS = {
    "allclose", "array2string", "array_equal", "array_equiv", "array_repr", "array_str", "can_cast",
    "common_type", "iscomplex", "iscomplexobj", "isclose", "isreal", "isrealobj",
    "may_share_memory", "min_scalar_type", "ndim", "nonzero", "argwhere", "flatnonzero",
    "result_type", "shape", "shares_memory", "size",
}  # fmt: skip
#: Functions that flatten the array if axis is None, and the position of that argument.
FLAT = {"sort": 1, "argsort": 1, "take_along_axis": 2}
#: Functions that write into their first argument.
WRITERS = {"copyto", "put", "place", "putmask", "put_along_axis", "fill_diagonal"}


def answer(backend: Any, func: Any, args: Any, kwargs: Any) -> Any:
    """Answer ``func(*args, **kwargs)``; NotImplemented if no function of pluggrad has its
    meaning."""
    module = (func.__module__ or "numpy").removeprefix("numpy").strip(".")
    name = f"{module}.{func.__name__}" if module in ("linalg", "fft") else func.__name__
    if name in QUESTIONS:
        return answer_raw(func, args, kwargs)
    if name in WRITERS:
        return _write(func, name, args, kwargs)
    kwargs = {key: x for key, x in kwargs.items() if x is not np._NoValue}
    special = SPECIAL.get(name)
    if special is not None:
        return special(backend.namespace, *args, **kwargs)
    if name in ("reshape", "ravel", "copy") and kwargs.get("order", "C") not in ("C", "K", "A"):
        raise UnsupportedError(
            f"numpy.{name}(order={kwargs['order']!r}) does not work on Variables"
        )
    args = tuple([tuple(x) if isinstance(x, list) and _integers(x) else x for x in args])
    if name in ("concatenate", "concat", "stack") and len(args) + len(kwargs) == 1:
        kwargs["axis"] = 0
    if name in ("concatenate", "concat") and (
        kwargs.get("axis", 0) is None or args[1:2] == (None,)
    ):
        joined = [lookup(backend, "reshape")(x, (-1,)) for x in args[0]]
        return lookup(backend, "concat")(joined, axis=0)
    if name in FLAT and (kwargs.get("axis", 0) is None or args[FLAT[name] :][:1] == (None,)):
        args = (lookup(backend, "reshape")(args[0], (-1,)), *args[1 : FLAT[name]])
        kwargs["axis"] = -1
    if name == "where" and len(args) == 1:
        return answer_raw(func, args, kwargs)
    if name == "repeat" and "axis" not in kwargs and len(args) == 2:
        args = (lookup(backend, "reshape")(args[0], (-1,)), args[1])
    if name in ("fft.fft2", "fft.ifft2") and len(args) == 1 and "axes" not in kwargs:
        kwargs["axes"] = (-2, -1)
    y = TABLE.answer(backend, func, name, args, kwargs)
    return answer_constant(backend, func, args, kwargs) if y is NotImplemented else y


def _integers(x: list[Any]) -> bool:
    return all(isinstance(item, int) for item in x)


def _write(func: Any, name: str, args: Any, kwargs: Any) -> Any:
    """`np.copyto(dst, src)` and the like, into a Variable or into a raw array."""
    target = args[0] if args else kwargs["dst"]
    if not is_variable(target):
        return write(func, args, kwargs)
    if name == "copyto" and len(args) == 2 and not kwargs:
        target[...] = args[1]
        return None
    return NotImplemented


# ---------------------------------------------------------------- beyond what a row can say


def _flat(xp: Any, a: Any) -> Any:
    return xp.reshape(a, (-1,))


def _scan(name: str) -> Any:
    """cumsum and cumprod, which flatten the array if axis is None."""

    def call(xp: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        if out is not None:
            return NotImplemented
        kwargs = {} if dtype is None else {"dtype": np.dtype(dtype)}
        a = xp.asarray(a)
        if axis is None:
            a, axis = _flat(xp, a), 0
        return getattr(xp, name)(a, axis=axis, **kwargs)

    return call


def _norm(xp: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    ndim = len(x.shape)
    if ord is None and axis is None:
        return xp.linalg.vector_norm(x, keepdims=keepdims)
    axes = axes_of(axis, ndim, "numpy.linalg.norm")
    if len(axes) == 1:
        ord = 2 if ord is None else ord
        return xp.linalg.vector_norm(x, axis=axes[0], keepdims=keepdims, ord=ord)
    if len(axes) == 2:
        x = xp.moveaxis(x, axes, (-2, -1)) if axes != (ndim - 2, ndim - 1) else x
        y = xp.linalg.matrix_norm(x, keepdims=keepdims, ord="fro" if ord is None else ord)
        return xp.moveaxis(y, (-2, -1), axes) if keepdims else y
    raise UnsupportedError("numpy.linalg.norm takes one axis or two")


def _dot(xp: Any, a: Any, b: Any) -> Any:
    a, b = xp.asarray(a), xp.asarray(b)
    if not a.shape or not b.shape:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return xp.matmul(a, b)
    return xp.tensordot(a, b, axes=((-1,), (-2 if b.ndim > 1 else -1,)))


def _inner(xp: Any, a: Any, b: Any) -> Any:
    a, b = xp.asarray(a), xp.asarray(b)
    return a * b if not a.shape or not b.shape else xp.tensordot(a, b, axes=((-1,), (-1,)))


def _vdot(xp: Any, a: Any, b: Any) -> Any:
    return xp.sum(xp.conj(_flat(xp, a)) * _flat(xp, b))


def _transpose(xp: Any, a: Any, axes: Any = None) -> Any:
    return xp.permute_dims(a, tuple(range(len(a.shape)))[::-1] if axes is None else tuple(axes))


def _squeeze(xp: Any, a: Any, axis: Any = None) -> Any:
    if axis is None:
        axis = tuple([i for i, n in enumerate(a.shape) if n == 1])
    return xp.squeeze(a, axis)


def _diag(xp: Any, v: Any, k: int = 0) -> Any:
    if len(v.shape) == 2:
        return xp.linalg.diagonal(v, offset=k)
    n = v.shape[0] + abs(k)
    rows = np.arange(v.shape[0])
    y = xp.zeros((n, n), dtype=v.dtype)
    y[rows + max(-k, 0), rows + max(k, 0)] = v
    return y


def _at_least(ndim: int) -> Any:
    """atleast_1d and the like, with new axes where NumPy adds them."""

    def call(xp: Any, *arrays: Any) -> Any:
        found = []
        for a in arrays:
            a = xp.asarray(a)
            if a.ndim < ndim:
                before, after = {(3, 2): ((), (1,)), (3, 1): ((1,), (1,))}.get(
                    (ndim, a.ndim), ((1,) * (ndim - a.ndim), ()))  # fmt: skip
                a = xp.reshape(a, (*before, *a.shape, *after))
            found.append(a)
        return found[0] if len(found) == 1 else tuple(found)

    return call


def _joined(ndim: int, axis: int) -> Any:
    """hstack, vstack and dstack: arrays of at least `ndim` axes, joined along `axis`."""

    def call(xp: Any, tup: Any) -> Any:
        arrays = [_at_least(ndim)(xp, a) for a in tup]
        return xp.concat(arrays, axis=axis if arrays[0].ndim > axis else 0)

    return call


def _column_stack(xp: Any, tup: Any) -> Any:
    arrays = [xp.asarray(a) for a in tup]
    return xp.concat([a if a.ndim > 1 else xp.reshape(a, (-1, 1)) for a in arrays], axis=1)


def _split(xp: Any, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    n = ary.shape[axis]
    parts = np.array_split(np.arange(n), indices_or_sections)
    if isinstance(indices_or_sections, int) and n % indices_or_sections:
        raise UnsupportedError("numpy.split of a Variable into parts of different sizes")
    before = (slice(None),) * (axis % ary.ndim)
    starts = np.cumsum([0, *[len(part) for part in parts]]).tolist()
    return [ary[(*before, slice(a, b))] for a, b in itertools.pairwise(starts)]


def _average(xp: Any, a: Any, axis: Any = None, weights: Any = None) -> Any:
    if weights is None:
        return xp.mean(a, axis=axis)
    return xp.sum(a * weights, axis=axis) / xp.sum(weights * xp.ones_like(a), axis=axis)


def _round(xp: Any, a: Any, decimals: int = 0, out: Any = None) -> Any:
    if out is not None:
        return NotImplemented
    return xp.round(a) if not decimals else xp.round(a * 10.0**decimals) / 10.0**decimals


def _einsum(xp: Any, *operands: Any, out: Any = None, optimize: Any = False) -> Any:
    return xp.einsum(*operands) if out is None and hasattr(xp, "einsum") else NotImplemented


def _svd(xp: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return xp.linalg.svd(a, full_matrices=full_matrices) if compute_uv else xp.linalg.svdvals(a)


SPECIAL = {
    "cumsum": _scan("cumulative_sum"), "cumprod": _scan("cumulative_prod"), "linalg.norm": _norm,
    "dot": _dot, "inner": _inner, "vdot": _vdot, "transpose": _transpose,
    "permute_dims": _transpose,
    "squeeze": _squeeze, "ravel": lambda xp, a, order="C": _flat(xp, a), "diag": _diag,
    "atleast_1d": _at_least(1), "atleast_2d": _at_least(2), "atleast_3d": _at_least(3),
    "vstack": _joined(2, 0), "hstack": _joined(1, 1), "dstack": _joined(3, 2),
    "column_stack": _column_stack, "split": _split, "average": _average, "round": _round,
    "around": _round, "einsum": _einsum, "linalg.svd": _svd,
    "flipud": lambda xp, m: xp.flip(m, axis=0), "fliplr": lambda xp, m: xp.flip(m, axis=1),
    "broadcast_arrays": lambda xp, *arrays, subok=False: xp.broadcast_arrays(*arrays),
    "meshgrid": lambda xp, *arrays, indexing="xy", sparse=False, copy=True:
        xp.meshgrid(*arrays, indexing=indexing),
    "angle": lambda xp, z, deg=False: xp.angle(z, deg=deg),
    "ptp": lambda xp, a, axis=None: xp.max(a, axis=axis) - xp.min(a, axis=axis),
    "sinc": lambda xp, x: xp.sinc(x),
}  # fmt: skip
