"""`gradcheck` and `gradgradcheck`: compare derivatives with finite differences.

Every entry of the full Jacobian is compared, so that a single wrong one is found. A complex
number counts as two real ones, which is what the gradient convention means.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable
from typing import Any

from ..arrays.dispatch import is_variable
from ..engine.grad_mode import no_grad
from ..engine.handles import wrap
from ..engine.levels import ROOT, restored
from ..errors import DifferentiationError, InvalidArgumentError, PluggradError
from ..transforms.gradients import jvp, vjp
from ..transforms.mapping import vmap
from .gradients import grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(PluggradError, RuntimeError, AssertionError):
    """A derivative differs from the finite difference, or two backward runs differ."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Check the derivatives of `func` at `inputs` against central differences, as torch's
    `gradcheck`.

    Parameters
    ----------
    func : callable
        Takes Variables and returns one, or a tuple of them. Outputs that are not floating-point
        are ignored.
    inputs : Variable or tuple
        The arguments of `func`. Those that require grad are varied; use float64 or complex128, or
        the differences are too inexact (a warning says so).
    eps : float
        The step of the differences.
    atol, rtol : float
        The tolerance for each entry: ``atol + rtol * abs(numerical)``.
    raise_exception : bool
        Raise if a derivative is wrong; otherwise return False.
    nondet_tol : float
        How far the results of two runs of the same backward may differ.
    check_batched_grad, check_batched_forward_grad : bool
        Also check that a batch of cotangents, or of tangents, gives the same as one at a time.
    check_forward_ad, check_backward_ad : bool
        Which modes to check.
    check_undefined_grad, check_grad_dtypes, fast_mode, masked
        Accepted for compatibility with torch, and ignored: outputs are always differentiated one at
        a time, without cotangents for the others; gradients always have the input's dtype; every
        entry is compared.

    Returns
    -------
    bool
        True if all derivatives agree.

    Raises
    ------
    GradcheckError
        A derivative is wrong, or the backward is not deterministic (RuntimeError, AssertionError).
    RuntimeError
        No output of `func` is a floating-point Variable.
    ValueError
        No input requires grad, or both modes are switched off.

    A complex input or output counts as two real ones: its real and imaginary parts are checked
    separately.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([0.5, 1.5]), requires_grad=True)
    >>> pg.autograd.gradcheck(lambda x: pg.sin(x) * x, x)
    True
    """
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if not check_forward_ad and not check_backward_ad:
        raise InvalidArgumentError("neither mode is to be checked; there is nothing to do")
    _warn_of_precision(inputs)
    try:
        _check(func, inputs, eps, atol, rtol, nondet_tol,
               backward=check_backward_ad, forward=check_forward_ad,
               batched=check_batched_grad, batched_forward=check_batched_forward_grad)  # fmt: skip
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Check the second derivatives of `func`, as torch's `gradgradcheck`.

    It is `gradcheck` of the function that maps inputs and cotangents to gradients.

    Parameters
    ----------
    func, inputs
        As for `gradcheck`.
    grad_outputs : array, Variable, or a sequence of them, optional
        The cotangents to start from, one per output. By default random ones, from a fixed seed.
    gen_non_contig_grad_outputs : bool
        Make the random cotangents non-contiguous in memory.
    check_fwd_over_rev, check_rev_over_rev : bool
        Which mode differentiates the gradients.

    The other parameters are those of `gradcheck`. Returns and raises the same as `gradcheck`.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([0.5, 1.5]), requires_grad=True)
    >>> pg.autograd.gradgradcheck(lambda x: pg.sin(x) * x, x)
    True
    """
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    moving = _moving(inputs)
    count = len(inputs)
    outputs = _outputs(func(*inputs))
    if grad_outputs is None:
        draw = random.Random(0)
        seeds = []
        for y in outputs:
            values = [draw.uniform(0.5, 1.5) for _ in range(2 * _size(y))]
            seed = _unit(y, 0, values[0]) if _size(y) else y.detach()
            for k in range(1, _size(y)):
                seed = seed + _unit(y, k, values[k])
            if _is_complex(y):
                for k in range(_size(y)):
                    seed = seed + _unit(y, k, 1j * values[-1 - k])
            if gen_non_contig_grad_outputs:
                seed = y._backend.namespace.stack([seed, seed], axis=-1)[..., 0]
            seeds.append(seed)
    else:
        seeds = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
    leaves = [wrap(g.data, None, ROOT, g._backend) if is_variable(g) else type(outputs[0])(g)
              for g in seeds]  # fmt: skip
    for leaf in leaves:
        leaf.requires_grad_()

    def gradients(*args: Any) -> Any:
        """The gradients of the outputs, for inputs followed by cotangents."""

        def f(*chosen: Any) -> list[Any]:
            given = list(args[:count])
            for i, x in zip(moving, chosen, strict=True):
                given[i] = x
            return _outputs(func(*given))

        _, pull = vjp(f, *[args[i] for i in moving])
        found = pull(list(args[count:]))
        return tuple([g if is_variable(g) else wrap(g, None, ROOT, inputs[i]._backend)
                      for i, g in zip(moving, found, strict=True)])  # fmt: skip

    return gradcheck(gradients, (*inputs, *leaves), eps=eps, atol=atol, rtol=rtol,
                     raise_exception=raise_exception, nondet_tol=nondet_tol,
                     check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev,
                     check_backward_ad=check_rev_over_rev)  # fmt: skip


def _check(
    func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float,
    nondet_tol: float, *, backward: bool, forward: bool, batched: bool, batched_forward: bool,
) -> None:  # fmt: skip
    """Compare everything that is asked for; raises GradcheckError at the first difference."""
    moving = _moving(inputs)
    outputs = _outputs(func(*inputs))
    chosen = [inputs[i] for i in moving]
    pulled = _pulled(outputs, chosen, nondet_tol) if backward else []
    if backward and batched:
        _compare_batched(outputs, chosen, pulled, atol, rtol)
    for number, place in enumerate(moving):
        columns = [[[row[number][column] for row in rows] for rows in pulled]
                   for column in range(len(_reals(inputs[place])))]  # fmt: skip
        pushed = _pushed(func, inputs, place, False) if forward else []
        if forward and batched_forward:
            again = _pushed(func, inputs, place, True)
            for column, (alone, found) in enumerate(zip(pushed, again, strict=True)):
                _compare(alone, found, (place, column), atol, rtol, "forward derivative of a batch")
        for column, step in enumerate(_directions(inputs[place], eps)):
            numerical = _difference(func, inputs, place, step, eps)
            if backward:
                _compare(numerical, columns[column], (place, column), atol, rtol,
                         "backward derivative")  # fmt: skip
            if forward:
                _compare(numerical, pushed[column], (place, column), atol, rtol,
                         "forward derivative")  # fmt: skip


def _pulled(
    outputs: list[Any], chosen: list[Any], nondet_tol: float
) -> list[list[list[list[float]]]]:
    """The gradients, indexed by output, by its real component, and by input; each is run twice."""
    pulled: list[list[list[list[float]]]] = []
    for y in outputs:
        rows: list[list[list[float]]] = []
        for seed in _directions(y, 1.0):
            pair = []
            for _ in range(2):
                if not y.requires_grad:
                    pair.append([[0.0] * len(_reals(x)) for x in chosen])
                    continue
                found = grad(y, chosen, seed, retain_graph=True, allow_unused=True,
                             materialize_grads=True)  # fmt: skip
                pair.append([_reals(g) for g in found])
            for first, again in zip(*pair, strict=True):
                if any(
                    not _close(a, b, nondet_tol, 0.0) for a, b in zip(first, again, strict=True)
                ):
                    raise GradcheckError(
                        "the backward is not deterministic: two runs differ by more than "
                        f"nondet_tol={nondet_tol}"
                    )
            rows.append(pair[0])
        pulled.append(rows)
    return pulled


def _compare_batched(
    outputs: list[Any], chosen: list[Any], pulled: Any, atol: float, rtol: float
) -> None:
    """Raise unless a batch of cotangents gives the same gradients as one at a time."""
    for k, (y, rows) in enumerate(zip(outputs, pulled, strict=True)):
        seeds = list(_directions(y, 1.0))
        if not seeds or not y.requires_grad:
            continue
        seed = y._backend.namespace.stack(seeds)
        found = grad(y, chosen, seed, retain_graph=True, is_grads_batched=True,
                     materialize_grads=True)  # fmt: skip
        for number, g in enumerate(found):
            for row, alone in enumerate(rows):
                pairs = zip(_reals(g[row]), alone[number], strict=True)
                if not all(_close(a, b, atol, rtol) for a, b in pairs):
                    raise GradcheckError(
                        f"a batch of cotangents of output {k} gives another gradient by input "
                        f"{number} than they give one by one, at component {row} of the output"
                    )


def _compare(
    numerical: list[list[float]], found: list[list[float]], where: tuple[int, int], atol: float,
    rtol: float, what: str,
) -> None:  # fmt: skip
    """Raise unless the derivatives `found` agree with the `numerical` ones, output by output."""
    place, column = where
    for k, (expected, values) in enumerate(zip(numerical, found, strict=True)):
        for row, (n, a) in enumerate(zip(expected, values, strict=True)):
            if not _close(a, n, atol, rtol):
                means = "one by one" if what.endswith("batch") else "by finite differences"
                raise GradcheckError(
                    f"the {what} of output {k} by input {place} is wrong at component {row} of the "
                    f"output and {column} of the input: {a!r}, and {n!r} {means} (components count "
                    "real and imaginary parts one by one)"
                )


def _close(a: float, n: float, atol: float, rtol: float) -> bool:
    """Whether `a` is within tolerance of `n`; nan agrees with nan."""
    if math.isnan(a) or math.isnan(n):
        return math.isnan(a) and math.isnan(n)
    return a == n or abs(a - n) <= atol + rtol * abs(n)


def _difference(
    func: Callable[..., Any], inputs: tuple[Any, ...], place: int, step: Any, eps: float
) -> list[list[float]]:
    """The central difference of every output when one component of one input moves."""
    ends = []
    for sign in (1, -1):
        args = [x.detach() if is_variable(x) else x for x in inputs]
        for i in _same(inputs, place):
            args[i] = args[i] + sign * step
        for i in _moving(inputs):
            args[i] = wrap(args[i].data, None, ROOT, args[i]._backend).requires_grad_()
        ends.append([_reals(y) for y in _outputs(func(*args))])
    return [
        [(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)]
        for up, down in zip(*ends, strict=True)
    ]


def _same(inputs: tuple[Any, ...], place: int) -> list[int]:
    """All positions of the input at `place`, which may be passed more than once."""
    return [i for i, x in enumerate(inputs) if x is inputs[place]]


def _pushed(
    func: Callable[..., Any], inputs: tuple[Any, ...], place: int, batched: bool
) -> list[list[list[float]]]:
    """The tangents, indexed by component of one input and by output. If `batched`, all directions
    are pushed forward as one batch.
    """

    plain = [x.detach() if is_variable(x) else x for x in inputs]
    x, where = plain[place], _same(inputs, place)
    backend = x._backend

    def f(x: Any) -> Any:
        return tuple(_outputs(func(*[x if i in where else a for i, a in enumerate(plain)])))

    def push(t: Any) -> Any:
        return jvp(f, (x.data,), (t,))[1]

    def shown(t: Any) -> Any:
        return t if is_variable(t) else wrap(t, None, ROOT, backend)

    directions = list(_directions(x, 1.0))
    if not batched or not directions:
        return [[_reals(shown(t)) for t in push(d.data)] for d in directions]
    found = [shown(t) for t in vmap(push)(backend.namespace.stack(directions).data)]
    return [[_reals(t[row]) for t in found] for row in range(len(directions))]


def _warn_of_precision(inputs: tuple[Any, ...]) -> None:
    """Warn of inputs whose dtype is too inexact for the default tolerances."""
    for i, x in enumerate(inputs):
        if is_variable(x) and x.requires_grad:
            xp = x._backend.xp
            if x.dtype not in (xp.float64, getattr(xp, "complex128", None)):
                warnings.warn(
                    f"input {i} of gradcheck has dtype {x.dtype}: differences are too inexact for "
                    "the default tolerances; use float64 or complex128, or a larger eps and atol",
                    stacklevel=3,
                )


def _moving(inputs: tuple[Any, ...]) -> list[int]:
    """The positions of the inputs that require grad."""
    places = [i for i, x in enumerate(inputs) if is_variable(x) and x.requires_grad]
    if not places:
        raise InvalidArgumentError("none of the inputs requires grad; there is nothing to check")
    return places


def _outputs(y: Any) -> list[Any]:
    """The floating-point outputs, which can have gradients."""
    items = list(y) if isinstance(y, (tuple, list)) else [y]
    found = [v for v in items if is_variable(v) and v.dtype in v._backend.float_dtypes]
    if not found:
        raise DifferentiationError("no output of the function is a floating-point Variable")
    return found


def _is_complex(v: Any) -> bool:
    """Whether `v` has a complex dtype."""
    return v.dtype in v._backend.complex_dtypes


def _size(v: Any) -> int:
    """The number of elements of `v`."""
    return math.prod(v.shape)


def _unit(v: Any, k: int, value: complex) -> Any:
    """Zeros like `v`, but `value` at position `k` of the flattened array."""
    space = v._backend.namespace
    flat = [value if i == k else 0.0 for i in range(_size(v))]
    made = space.asarray(flat, dtype=v.dtype, device=v.device)
    return space.reshape(made, tuple(v.shape))


def _directions(v: Any, length: float) -> Any:
    """One step of `length` per real component of `v`; real and imaginary parts are separate."""
    for k in range(_size(v)):
        yield _unit(v, k, length)
        if _is_complex(v):
            yield _unit(v, k, 1j * length)


@restored
def _reals(v: Any) -> list[float]:
    """The real components of `v`, in the order of `_directions`."""
    with no_grad():
        flat = v._backend.namespace.reshape(v.detach(), (-1,)).tolist()
    if not _is_complex(v):
        return [float(x) for x in flat]
    return [part for x in flat for part in (x.real, x.imag)]
