"""torch's own functions and methods, called with Variables: which functions of pluggrad answer
them. `recorded` answers all others, by torch's own derivative."""

from __future__ import annotations

import inspect
from typing import Any

from pluggrad import autograd
from pluggrad.errors import (
    DifferentiationError,
    GraphBreakError,
    MixedBackendsError,
    MixedDevicesError,
    OperationError,
)
from pluggrad.plugin import (
    BatchingError,
    Table,
    UnsupportedError,
    answer_raw,
    axis_of,
    is_variable,
    lookup,
    names,
)

TABLE = Table("""
mm bmm = matmul(input mat2)
mv = matmul(input vec)
matmul __matmul__ = matmul(input other)
mul multiply = multiply(input other)
__floordiv__ floor_divide = floor_divide(input other)
pow = pow(input exponent)
eq __eq__ = equal(input other)
ne not_equal = not_equal(input other)
lt less = less(input other)
le less_equal = less_equal(input other)
gt greater = greater(input other)
ge greater_equal = greater_equal(input other)
maximum = maximum(input other)
minimum = minimum(input other)
fmax = fmax(input other)
fmin = fmin(input other)
atan2 arctan2 = atan2(input other)
remainder = remainder(input other)
logical_and = logical_and(input other)
logical_or = logical_or(input other)
__and__ bitwise_and = bitwise_and(input other)
__or__ bitwise_or = bitwise_or(input other)
__xor__ bitwise_xor = bitwise_xor(input other)
absolute = abs(input)
angle = angle(input)
neg = negative(input)
arcsin = asin(input)
arccos = acos(input)
arctan = atan(input)
arcsinh = asinh(input)
arccosh = acosh(input)
arctanh = atanh(input)
fix = trunc(input)
sgn = sign(input)
conj_physical = conj(input)
clone = copy(input | [memory_format])
sum = sum(input | dim=axis keepdim=keepdims dtype out)
mean = mean(input | dim=axis keepdim=keepdims out)
prod = prod(input | dim=axis keepdim=keepdims dtype out)
amax = max(input | dim=axis keepdim=keepdims out)
amin = min(input | dim=axis keepdim=keepdims out)
all = all(input | dim=axis keepdim=keepdims out)
any = any(input | dim=axis keepdim=keepdims out)
argmax = argmax(input | dim=axis keepdim=keepdims)
argmin = argmin(input | dim=axis keepdim=keepdims)
count_nonzero = count_nonzero(input | dim=axis)
logsumexp special_logsumexp = special.logsumexp(input | dim=axis keepdim=keepdims out)
cumsum = cumulative_sum(input | dim=axis dtype out)
cumprod = cumulative_prod(input | dim=axis dtype out)
cat concat concatenate = concat(tensors | dim=axis out)
stack = stack(tensors | dim=axis out)
reshape view = reshape(input shape)
permute = permute_dims(input dims)
unsqueeze = expand_dims(input | dim=axis)
flip = flip(input | dims=axis)
roll = roll(input shifts | dims=axis)
tile = tile(input dims)
movedim moveaxis = moveaxis(input source destination)
broadcast_to expand = broadcast_to(input size)
unbind = unstack(input | dim=axis)
diff = diff(input | n dim=axis prepend append)
where = where(condition input other | out)
clamp clip = clip(input | min max out)
tril = tril(input | diagonal=k out)
triu = triu(input | diagonal=k out)
tensordot = tensordot(a b | dims=axes out)
linalg_vecdot = vecdot(input other | dim=axis out)
outer ger = linalg.outer(input vec2 | out)
trace = linalg.trace(input)
cross linalg_cross = linalg.cross(input other | dim=axis out)
det linalg_det = linalg.det(A)
inverse linalg_inv = linalg.inv(A)
cholesky linalg_cholesky = linalg.cholesky(input | upper)
slogdet linalg_slogdet = linalg.slogdet(A)
linalg_eigh = linalg.eigh(A)
linalg_eigvalsh = linalg.eigvalsh(A)
linalg_svdvals = linalg.svdvals(A)
linalg_pinv = linalg.pinv(A | rtol)
linalg_qr = linalg.qr(A | mode)
linalg_svd = linalg.svd(A | full_matrices)
linalg_matrix_power matrix_power = linalg.matrix_power(input n)
linalg_vector_norm = linalg.vector_norm(x | ord dim=axis keepdim=keepdims)
linalg_matrix_norm = linalg.matrix_norm(A | ord)
erf = special.erf(input)
erfc = special.erfc(input)
erfinv = special.erfinv(input)
lgamma = special.gammaln(input)
digamma = special.digamma(input)
xlogy = special.xlogy(input other)
sinc = special.sinc(input)
fft_fft = fft.fft(input | n dim=axis norm)
fft_ifft = fft.ifft(input | n dim=axis norm)
fft_rfft = fft.rfft(input | n dim=axis norm)
fft_irfft = fft.irfft(input | n dim=axis norm)
fft_hfft = fft.hfft(input | n dim=axis norm)
fft_ihfft = fft.ihfft(input | n dim=axis norm)
fft_fftn = fft.fftn(input | s dim=axes norm)
fft_ifftn = fft.ifftn(input | s dim=axes norm)
fft_rfftn = fft.rfftn(input | s dim=axes norm)
fft_irfftn = fft.irfftn(input | s dim=axes norm)
ones_like = ones_like(input | dtype device [layout] [requires_grad] [memory_format])
zeros_like = zeros_like(input | dtype device [layout] [requires_grad] [memory_format])
empty_like = empty_like(input | dtype device [layout] [requires_grad] [memory_format])
full_like = full_like(input fill_value | dtype device [layout] [requires_grad] [memory_format])
""")

#: Questions: the answer is a plain value, so no gradient can be lost.
QUESTIONS = {
    "allclose", "can_cast", "dim", "equal", "is_complex", "is_floating_point", "is_nonzero",
    "is_same_size", "numel", "result_type", "__getitem__", "isclose",
}  # fmt: skip
#: Random functions, which `random` answers.
RANDOM_NAMES = {"rand_like", "randn_like", "randint_like", "bernoulli", "normal", "dropout"}
#: Functions that take several integers, `*sizes` or `*dims`, in place of one tuple.
STARRED = {"reshape", "view", "permute", "expand", "tile", "flip"}
#: Functions whose `dim` is 0 if it is missing, unlike the `axis` of pluggrad's functions.
DIM_ZERO = {"stack", "cat", "concat", "concatenate", "unbind"}


#: Errors that are not about a function's arguments.
FINAL = (MixedBackendsError, MixedDevicesError, DifferentiationError, GraphBreakError,
         BatchingError)  # fmt: skip
#: Methods that are about a Variable's place in the graph: ours answer.
METHODS = {"backward", "register_hook", "retain_grad", "register_post_accumulate_grad_hook",
           "detach_", "requires_grad_"}  # fmt: skip


def answer(backend: Any, func: Any, args: Any, kwargs: Any) -> Any:
    """Answer ``func(*args, **kwargs)``: by a function of pluggrad that has its meaning, or else by
    torch's own derivative."""
    module, name = names(func)
    if module == "torch.autograd":
        return _autograd(name, args, kwargs)
    if module == "torch.nn.init":
        return _initialized(func, args, kwargs)
    if name == "__getitem__" and is_variable(args[0]):
        return args[0][args[1]]
    if name in QUESTIONS:
        return answer_raw(func, args, kwargs)
    if name in METHODS:
        return getattr(args[0], name)(*args[1:], **kwargs)
    if name == "__setitem__" or (name.endswith("_") and not name.endswith("__")):
        from .methods import written

        return written(func, name, module, args, kwargs)
    refusal: Exception | None = None
    try:
        y = _by_ours(backend, func, name, args, kwargs)
        if y is not NotImplemented:
            return y
    except FINAL:
        raise
    except Exception as error:  # perhaps torch takes these arguments
        refusal = error
    from .recorded import recorded

    try:
        return recorded(backend, func, name, args, kwargs)
    except OperationError as error:
        raise error if refusal is None else refusal from None


def _initialized(func: Any, args: Any, kwargs: Any) -> Any:
    """A function of `torch.nn.init`, which writes into a leaf and records nothing."""
    v, *rest = args or [kwargs["tensor"]]
    values = v.detach().data.clone()
    func(values, *rest, **{key: value for key, value in kwargs.items() if key != "tensor"})
    with autograd.no_grad():
        v[...] = values
    return v


def _by_ours(backend: Any, func: Any, name: str, args: Any, kwargs: Any) -> Any:
    """The answer of a function of pluggrad; NotImplemented where none takes these arguments."""
    special: Any = SPECIAL.get(name)
    if special is None and name in RANDOM_NAMES:
        from .random import RANDOM

        special = RANDOM[name]
    if special is not None:
        most, known, any_keyword = PARAMETERS.get(name, ANYTHING)
        if len(args) > most or not (any_keyword or known.issuperset(kwargs)):
            return NotImplemented
        return special(backend.namespace, *args, **kwargs)
    if name in STARRED and len(args) > 1 and isinstance(args[1], int):
        args = (args[0], tuple(args[1:]))
    if name == "cross" and len(args) < 3 and "dim" not in kwargs:
        return NotImplemented  # torch takes the first axis of length 3
    if name.endswith("logsumexp") and args and args[0].dtype.is_complex:
        return NotImplemented  # torch's is the principal value
    if name in DIM_ZERO and len(args) == 1:
        kwargs = {"dim": 0, **kwargs}
    if name in ("cumsum", "cumprod", "sum") and isinstance(kwargs.get("dim"), list):
        kwargs = {**kwargs, "dim": tuple(kwargs["dim"])}
    if name == "sum" and len(args) > 1 and isinstance(args[1], list):
        args = (args[0], tuple(args[1]), *args[2:])
    if name.startswith("special_") and name not in TABLE.rows:
        function = lookup(backend, f"special.{name.removeprefix('special_')}")
        if function is None or kwargs:
            return NotImplemented
        return function(*args)
    if not TABLE.takes(name, args, kwargs):
        return NotImplemented
    return TABLE.answer(backend, func, name, args, kwargs)


def _autograd(name: str, args: Any, kwargs: Any) -> Any:
    """`torch.autograd.grad` and `backward`, by those of `pluggrad.autograd`."""
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    if not kwargs.pop("only_inputs", True):
        raise UnsupportedError("torch.autograd.grad(only_inputs=False) does not exist any more")
    if name == "grad":
        return autograd.grad(*args, **kwargs)
    if name == "backward":
        kwargs.pop("grad_variables", None)
        return autograd.backward(*args, **kwargs)
    return NotImplemented


# ---------------------------------------------------------------- beyond what a row can say


def _add(xp: Any, input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    if out is not None:
        return NotImplemented
    return xp.add(input, other if alpha == 1 else xp.multiply(other, alpha))


def _sub(xp: Any, input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    if out is not None:
        return NotImplemented
    return xp.subtract(input, other if alpha == 1 else xp.multiply(other, alpha))


def _div(xp: Any, input: Any, other: Any, *, rounding_mode: Any = None, out: Any = None) -> Any:
    if out is not None:
        return NotImplemented
    if rounding_mode == "floor":
        return xp.floor_divide(input, other)
    y = xp.divide(input, other)
    return xp.trunc(y) if rounding_mode == "trunc" else y


def _extremum(xp: Any, which: str, input: Any, args: Any, kwargs: Any) -> Any:
    other = kwargs.get("other", args[0] if args else None)
    if not args and not kwargs:
        return getattr(xp, which)(input)
    if hasattr(other, "shape") and kwargs.keys() <= {"other"}:
        return getattr(xp, f"{which}imum")(input, other)
    return NotImplemented


def _variance(xp: Any, which: str, input: Any, dim: Any = None, unbiased: Any = None, *,
              correction: Any = None, keepdim: bool = False) -> Any:  # fmt: skip
    if isinstance(dim, bool):  # torch.var(x, unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return getattr(xp, which)(input, axis=_axis(dim), correction=correction, keepdims=keepdim)


def _axis(dim: Any) -> Any:
    return tuple(dim) if isinstance(dim, list) else dim


def _swap(xp: Any, input: Any, dim0: int, dim1: int) -> Any:
    axes = list(range(len(input.shape)))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return xp.permute_dims(input, tuple(axes))


def _t(xp: Any, input: Any) -> Any:
    ndim = len(input.shape)
    if ndim > 2:
        return NotImplemented
    return _swap(xp, input, 0, 1) if ndim == 2 else xp.asarray(input)


def _squeeze(xp: Any, input: Any, dim: Any = None) -> Any:
    dims = range(len(input.shape)) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = tuple([n for n in dims if input.shape[n] == 1])
    return xp.squeeze(input, axes) if axes else xp.asarray(input)


def _flatten(xp: Any, input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    shape = tuple(input.shape) or (1,)
    first = axis_of(start_dim, len(shape), "torch.flatten", "start_dim")
    last = axis_of(end_dim, len(shape), "torch.flatten", "end_dim")
    return xp.reshape(input, (*shape[:first], -1, *shape[last + 1 :]))


def _norm(xp: Any, A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    if ord is None or isinstance(dim, int) or (dim is None and len(A.shape) == 1):
        return xp.linalg.vector_norm(
            A, axis=_axis(dim), keepdims=keepdim, ord=2 if ord is None else ord
        )
    if dim is None or (tuple(dim) in ((-2, -1), (0, 1)) and len(A.shape) == 2):
        return xp.linalg.matrix_norm(A, keepdims=keepdim, ord=ord)
    return NotImplemented


def _p_norm(xp: Any, input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False,
            out: Any = None, dtype: Any = None) -> Any:  # fmt: skip
    if out is not None or dtype is not None:
        return NotImplemented
    ord = 2 if p in ("fro", None) else p
    return xp.linalg.vector_norm(input, axis=_axis(dim), keepdims=keepdim, ord=ord)


def _softmax(xp: Any, input: Any, dim: Any = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    if dim is None or dtype is not None:
        return NotImplemented
    return xp.special.softmax(input, axis=dim)


def _log_softmax(
    xp: Any, input: Any, dim: Any = None, _stacklevel: int = 3, dtype: Any = None
) -> Any:
    if dim is None or dtype is not None:
        return NotImplemented
    return xp.special.log_softmax(input, axis=dim)


def _round(xp: Any, input: Any, *, decimals: int = 0) -> Any:
    return xp.round(input) if not decimals else xp.round(input * 10.0**decimals) / 10.0**decimals


def _relu(xp: Any, input: Any, inplace: bool = False) -> Any:
    if inplace:
        return NotImplemented
    return xp.where(xp.less_equal(input, 0), xp.zeros_like(input), input)  # nan stays


def _linear(xp: Any, input: Any, weight: Any, bias: Any = None) -> Any:
    y = xp.matmul(input, xp.matrix_transpose(weight))
    return y if bias is None else y + bias


def _addmm(xp: Any, input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    if beta == 0:
        return NotImplemented  # torch does not look at `input`
    return beta * input + alpha * xp.matmul(mat1, mat2)


def _dot(xp: Any, input: Any, other: Any = None, *, tensor: Any = None) -> Any:
    return xp.sum(xp.multiply(input, tensor if other is None else other))


def _meshgrid(xp: Any, *tensors: Any, indexing: str = "ij") -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    return tuple(xp.meshgrid(*tensors, indexing=indexing or "ij"))


def _lerp(xp: Any, input: Any, end: Any, weight: Any) -> Any:
    return xp.add(input, xp.multiply(xp.subtract(end, input), weight))


def _solve(xp: Any, A: Any, B: Any) -> Any:
    if len(A.shape) - 1 == len(B.shape) != 1:
        return NotImplemented  # torch may take it for a batch of vectors
    return xp.linalg.solve(A, B)


def _einsum(xp: Any, equation: str, *operands: Any) -> Any:
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    return xp.einsum(equation, *operands) if hasattr(xp, "einsum") else NotImplemented


SPECIAL = {
    "add": _add, "sub": _sub, "subtract": _sub,
    "rsub": lambda xp, input, other, **kwargs: _sub(xp, other, input, **kwargs),
    "__rsub__": lambda xp, input, other: xp.subtract(other, input),
    "__rdiv__": lambda xp, input, other: xp.divide(other, input),
    "__rpow__": lambda xp, input, other: xp.pow(other, input),
    "__rfloordiv__": lambda xp, input, other: xp.floor_divide(other, input),
    "div": _div, "divide": _div, "true_divide": _div,
    "max": lambda xp, input, *args, **kwargs: _extremum(xp, "max", input, args, kwargs),
    "min": lambda xp, input, *args, **kwargs: _extremum(xp, "min", input, args, kwargs),
    "var": lambda xp, *args, **kwargs: _variance(xp, "var", *args, **kwargs),
    "std": lambda xp, *args, **kwargs: _variance(xp, "std", *args, **kwargs),
    "t": _t,
    "transpose": _swap, "swapaxes": _swap, "swapdims": _swap,
    "squeeze": _squeeze, "flatten": _flatten, "round": _round,
    "ravel": lambda xp, input: xp.reshape(input, (-1,)),
    "index_select": lambda xp, input, dim, index: xp.take(input, index, axis=dim),
    "view_as": lambda xp, input, other: xp.reshape(input, tuple(other.shape)),
    "reshape_as": lambda xp, input, other: xp.reshape(input, tuple(other.shape)),
    "expand_as": lambda xp, input, other: xp.broadcast_to(input, tuple(other.shape)),
    "rsqrt": lambda xp, input: xp.reciprocal(xp.sqrt(input)),
    "sigmoid": lambda xp, input: xp.special.expit(input),
    "special_expit": lambda xp, input: xp.special.expit(input),
    "relu": _relu, "softmax": _softmax, "log_softmax": _log_softmax, "linear": _linear,
    "linalg_solve": _solve, "linalg_norm": _norm, "norm": _p_norm, "dot": _dot, "einsum": _einsum,
    "meshgrid": _meshgrid, "lerp": _lerp,
    "broadcast_tensors": lambda xp, *tensors: tuple(xp.broadcast_arrays(*tensors)),
    "detach": lambda xp, input: input.detach(),
    "addmm": _addmm,
}  # fmt: skip


def _parameters(special: Any) -> tuple[int, frozenset[str], bool]:
    """How many arguments a function of `SPECIAL` takes by position, the names of its parameters,
    and whether it takes any keyword."""
    parameters = list(inspect.signature(special).parameters.values())[1:]
    kinds = [p.kind for p in parameters]
    most = 10**9 if inspect.Parameter.VAR_POSITIONAL in kinds else (
        len(kinds) - kinds.count(inspect.Parameter.KEYWORD_ONLY)
    )  # fmt: skip
    known = frozenset([p.name for p in parameters])
    return most, known, inspect.Parameter.VAR_KEYWORD in kinds


ANYTHING: tuple[int, frozenset[str], bool] = 10**9, frozenset(), True
#: What the functions of `SPECIAL` take. (Looked up, since compilers cannot read signatures.)
PARAMETERS = {name: _parameters(special) for name, special in SPECIAL.items()}
