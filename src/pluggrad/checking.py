"""Gradients against finite differences: `gradcheck` and `gradgradcheck`.

Every entry of the full Jacobian is compared, so that one wrong in a thousand is found. Complex
numbers count as two real ones, which is what the gradient convention means.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from .dispatch import is_variable
from .errors import DifferentiationError, InvalidArgumentError, PluggradError
from .levels import ROOT, no_grad
from .record import wrap

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(PluggradError, RuntimeError, AssertionError):
    """A derivative that differs from the finite difference, or from itself when run again."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_forward_ad: bool = False,
) -> bool:
    """Whether the gradients of `func` at `inputs` are those of central differences.

    Parameters
    ----------
    func : callable
        Takes Variables and returns one, or a tuple of them.
    inputs : Variable or tuple
        Those that require grad are varied; use float64 or complex128.
    eps, atol, rtol : float
        The step, and how far an entry may be off: ``atol + rtol * abs(numerical)``.
    raise_exception : bool
        Raise where a derivative is wrong, instead of returning False.
    nondet_tol : float
        How far two runs of one backward may differ.
    check_forward_ad : bool
        Check the derivatives of forward mode, too.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([0.5, 1.5]), requires_grad=True)
    >>> pg.autograd.gradcheck(lambda x: pg.sin(x) * x, x)
    True
    """
    inputs = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    try:
        _check(func, inputs, eps, atol, rtol, nondet_tol, check_forward_ad)
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
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """`gradcheck` of the gradients of `func`, by its inputs and by the cotangents.

    Parameters are those of `gradcheck`; `grad_outputs` are the cotangents to start from, random
    ones by default.

    >>> import numpy as np, pluggrad as pg
    >>> x = pg.Variable(np.asarray([0.5, 1.5]), requires_grad=True)
    >>> pg.autograd.gradgradcheck(lambda x: pg.sin(x) * x, x)
    True
    """
    from .autograd import grad

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
            seeds.append(seed)
    else:
        seeds = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
    leaves = [wrap(g.data, None, ROOT, g._backend) if is_variable(g) else type(outputs[0])(g)
              for g in seeds]  # fmt: skip
    for leaf in leaves:
        leaf.requires_grad_()

    def gradients(*args: Any) -> Any:
        values = _outputs(func(*args[:count]))
        found = grad(values, [args[i] for i in moving], list(args[count:]), create_graph=True,
                     allow_unused=True, materialize_grads=True)  # fmt: skip
        return tuple(found)

    return gradcheck(gradients, (*inputs, *leaves), eps=eps, atol=atol, rtol=rtol,
                     raise_exception=raise_exception, nondet_tol=nondet_tol)  # fmt: skip


def _check(
    func: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float,
    nondet_tol: float, forward: bool,
) -> None:  # fmt: skip
    from .autograd import grad

    moving = _moving(inputs)
    outputs = _outputs(func(*inputs))
    chosen = [inputs[i] for i in moving]
    backward: list[list[list[list[float]]]] = []  # by output, its real components, and inputs
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
        backward.append(rows)
    for number, place in enumerate(moving):
        for column, step in enumerate(_directions(inputs[place], eps)):
            numerical = _difference(func, inputs, place, step, eps)
            for k, values in enumerate(numerical):
                _compare(values, [row[number][column] for row in backward[k]],
                         (k, place, column), atol, rtol, "backward")  # fmt: skip
            if forward:
                pushed = _pushed(func, inputs, place, column)
                for k, values in enumerate(numerical):
                    _compare(values, pushed[k], (k, place, column), atol, rtol, "forward")


def _compare(
    numerical: list[float], found: list[float], where: tuple[int, int, int], atol: float,
    rtol: float, mode: str,
) -> None:  # fmt: skip
    for row, (n, a) in enumerate(zip(numerical, found, strict=True)):
        if not _close(a, n, atol, rtol):
            k, place, column = where
            raise GradcheckError(
                f"the {mode} derivative of output {k} by input {place} is wrong at component {row} "
                f"of the output and {column} of the input: {a!r}, and {n!r} by finite differences "
                "(components count real and imaginary parts one by one)"
            )


def _close(a: float, n: float, atol: float, rtol: float) -> bool:
    if math.isnan(a) or math.isnan(n):
        return math.isnan(a) and math.isnan(n)
    return a == n or abs(a - n) <= atol + rtol * abs(n)


def _difference(
    func: Callable[..., Any], inputs: tuple[Any, ...], place: int, step: Any, eps: float
) -> list[list[float]]:
    """The central difference of each output, when one component of one input moves."""
    ends = []
    for sign in (1, -1):
        args = [x.detach() if is_variable(x) else x for x in inputs]
        args[place] = args[place] + sign * step
        for i in _moving(inputs):
            args[i] = wrap(args[i].data, None, ROOT, args[i]._backend).requires_grad_()
        ends.append([_reals(y) for y in _outputs(func(*args))])
    return [
        [(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)]
        for up, down in zip(*ends, strict=True)
    ]


def _pushed(
    func: Callable[..., Any], inputs: tuple[Any, ...], place: int, column: int
) -> list[list[float]]:
    from .func import jvp

    plain = [x.detach() if is_variable(x) else x for x in inputs]
    tangent = list(_directions(inputs[place], 1.0))[column]

    def f(x: Any) -> Any:
        return tuple(_outputs(func(*plain[:place], x, *plain[place + 1 :])))

    _, tangents = jvp(f, (plain[place].data,), (tangent.data,))
    backend = plain[place]._backend
    return [_reals(t if is_variable(t) else wrap(t, None, ROOT, backend)) for t in tangents]


def _moving(inputs: tuple[Any, ...]) -> list[int]:
    places = [i for i, x in enumerate(inputs) if is_variable(x) and x.requires_grad]
    if not places:
        raise InvalidArgumentError("none of the inputs requires grad; there is nothing to check")
    return places


def _outputs(y: Any) -> list[Any]:
    """The outputs that can have gradients."""
    items = list(y) if isinstance(y, (tuple, list)) else [y]
    found = [v for v in items if is_variable(v) and v.dtype in v._backend.float_dtypes]
    if not found:
        raise DifferentiationError("no output of the function is a floating-point Variable")
    return found


def _is_complex(v: Any) -> bool:
    return v.dtype in v._backend.complex_dtypes


def _size(v: Any) -> int:
    return math.prod(v.shape)


def _unit(v: Any, k: int, value: complex) -> Any:
    """Zeros like `v`, with `value` at place `k` of the flattened array."""
    space = v._backend.namespace
    flat = [value if i == k else 0.0 for i in range(_size(v))]
    made = space.asarray(flat, dtype=v.dtype, device=v.device)
    return space.reshape(made, tuple(v.shape))


def _directions(v: Any, length: float) -> Any:
    """The real directions in which `v` can move, one component at a time."""
    for k in range(_size(v)):
        yield _unit(v, k, length)
        if _is_complex(v):
            yield _unit(v, k, 1j * length)


def _reals(v: Any) -> list[float]:
    """The real components of `v`, in the order of `_directions`."""
    with no_grad():
        flat = v._backend.namespace.reshape(v.detach(), (-1,)).tolist()
    if not _is_complex(v):
        return [float(x) for x in flat]
    return [part for x in flat for part in (x.real, x.imag)]
