"""Programs as users write them: mypy and pyright, both strict, must accept every line, and all run.

`test_typing.py` checks and calls them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import pluggrad as pg
from pluggrad import Variable
from pluggrad.autograd import Function

Floats = npt.NDArray[np.float64]


def readme() -> None:
    """The programs of the README."""
    x = Variable(np.asarray([1.0, 2.0, 3.0]), requires_grad=True)
    y = pg.sum(x * x * x)
    y.backward()
    print(x.grad.tolist())
    (g,) = pg.autograd.grad(pg.sum(x * x * x), [x], create_graph=True)
    (h,) = pg.autograd.grad(pg.sum(g), [x])
    print(h.tolist())
    print(pg.grad(lambda a: pg.sum(a * a))(np.asarray([1.0, 2.0])))
    with pg.strong_zeros():
        pg.grad(lambda a: pg.sum(pg.where(a > 0, pg.sqrt(a), 0.0)))(np.asarray([0.0, 4.0]))


def operators() -> None:
    """Arrays and numbers on both sides."""
    a: Floats = np.asarray([1.0, 2.0])
    v = pg.Variable(a, requires_grad=True)
    y: Variable = v + 1
    y = 1 + v
    y = v - a
    y = 2.0 * v
    y = v / 2
    y = 2 / v
    y = v**2
    y = 2**v
    y = v % 2
    y = v // 2
    y = v @ v
    y = v @ a
    y = -v + abs(v)
    y = +v
    y = v * np.float64(2.0)
    y = a * v
    y = a - v
    y = a @ v
    mask: Variable = (v > 0) & (v < 3) | ~(v == 1)
    mask = (v >= 0) ^ (v != 2)
    n = pg.arange(3)
    n = n << 1 >> 1
    print(y, mask, n, hash(v), len(v), bool(v[0] > 0), float(v.detach()[0]))


def in_place() -> None:
    """Writes by operator and by index."""
    v = pg.zeros(3)
    v += 1.0
    v *= np.asarray([1.0, 2.0, 3.0])
    v -= v
    v /= 2
    v[0] = 5.0
    v[1:] = np.ones(2)
    v[v > 3] = 0.0
    v[..., None][0] = 1.0
    row: Variable = pg.ones((2, 3))[0, 1:]
    for element in row:
        print(element.item(), element.shape)


def methods() -> None:
    """Methods and attributes."""
    v = pg.ones((2, 3), requires_grad=True)
    total: Variable = v.sum() + v.sum(0).mean() + v.max(axis=1).min() + v.prod() + v.std() + v.var()
    shape: tuple[Any, ...] = v.shape
    rows: int = shape[0] * v.ndim
    same = v.reshape(3, 2).reshape((2, 3)).transpose(1, 0).transpose().T.mT
    same = same.astype(pg.float32).copy().conj().flatten().ravel().squeeze()
    same = v.clip(0.0, 1.0).round().repeat(2).swapaxes(0, 0).take(pg.asarray([0]))
    answers = v.all(), v.any(), v.argmax(), v.argmin(axis=0), v.cumsum(0), v.cumprod(axis=1)
    leaf: bool = v.is_leaf and v.requires_grad and not v.volatile
    numbers = v.size + 1, v.dtype, v.device, v.real, v.grad_fn
    total.backward(retain_graph=True)
    handle = v.register_hook(lambda g: g * 2)
    handle.remove()
    v.zero_grad()
    array = v.detach().numpy()
    print(total, rows, same, answers, leaf, numbers, array)
    fresh = pg.Variable(np.ones(2)).requires_grad_()
    fresh.retain_grad()


def functions() -> None:
    """The functions of the standard, and beyond."""
    a: Floats = np.asarray([[2.0, 0.0], [0.0, 4.0]])
    v = pg.Variable(a, requires_grad=True)
    y: Variable = pg.sin(v) + pg.exp(a) + pg.sqrt(4.0) + pg.maximum(v, 0.0) + pg.clip(v, 0.0, 1.0)
    y = pg.sum(v, axis=0) + pg.mean(v, axis=(0, 1), keepdims=True) + pg.max(v)
    y = pg.where(v > 0, v, 0.0)
    y = pg.concat([v, a], axis=0)
    y = pg.stack((v, v))
    y = pg.reshape(v, (4,)) + pg.reshape(v, -1)
    y = pg.linalg.solve(v, pg.ones(2)) + pg.linalg.det(v) + pg.linalg.vector_norm(v)
    y = pg.fft.rfft(pg.ones(4))
    y = pg.special.expit(v)
    y = pg.einsum("ij,j->i", v, np.ones(2)) + pg.logsumexp(v)
    y = pg.zeros((2, 2), dtype=pg.float32) + pg.ones(2, requires_grad=True) + pg.eye(2)
    y = pg.zeros_like(v) + pg.full((2, 2), 3.0) + pg.linspace(0.0, 1.0, 2) + pg.asarray([1.0, 2.0])
    values, vectors = pg.linalg.eigh(pg.eye(2))
    u, s, vh = pg.linalg.svd(pg.eye(2))
    sign: Variable = pg.linalg.slogdet(pg.eye(2)).sign
    first, *rest = pg.unstack(v)
    angle: float = 2 * pg.pi + pg.e
    fits: bool = pg.isdtype(v.dtype, "real floating")
    largest = pg.finfo(v.dtype).max
    row = v[pg.newaxis, 0]
    print(y, values, vectors, u, s, vh, sign, first, rest, angle, fits, largest, row)


def numpy_functions() -> None:
    """NumPy's functions take Variables."""
    v = pg.Variable(np.asarray([1.0, 2.0]))
    print(np.sin(v), np.sum(v), np.asarray(v), np.shape(v), np.testing.assert_allclose(v, [1, 2]))


def namespaces() -> None:
    """The namespace of one backend."""
    xp = pg.namespace("numpy")
    v: Variable = xp.sum(xp.sin(xp.ones(3)))
    w: Variable = xp.linalg.inv(xp.eye(2)) + xp.asarray([1.0, 2.0])
    print(v.__array_namespace__() is xp, w, pg.namespace(v).float64, xp.fft.fftfreq(4))
    with pg.use("numpy"):
        pg.lift([1.0], like=v)
    print(pg.backends()["numpy"]["version"])


def loss(w: Variable, scale: float = 1.0) -> Variable:
    """A loss, to be differentiated."""
    return pg.sum(w * w) * scale


def several(x: Variable, y: Variable, *, power: int = 2) -> Variable:
    return pg.sum(x**power + y)


def of_dict(parameters: dict[str, Any]) -> Variable:
    return pg.sum(parameters["w"] * parameters["b"])


def with_aux(x: Variable) -> tuple[Variable, str]:
    return pg.sum(x * x), "aux"


def transforms() -> None:
    """Functions that take functions; what they return takes what the function took."""
    a: Floats = np.asarray([1.0, 2.0])
    v = pg.Variable(a)
    print(pg.grad(loss)(a, 2.0), pg.grad(loss)(a, scale=2.0), pg.grad(loss)(v))
    value, g = pg.value_and_grad(loss)(a)
    print(float(value), g + 1)
    print(pg.grad(several, argnums=(0, 1))(a, v, power=3), pg.grad(several, 1)(a, v))
    print(pg.grad(of_dict)({"w": a, "b": a}))
    print(pg.grad(with_aux, has_aux=True)(a))
    print(pg.jacrev(lambda x: x * x)(a), pg.jacfwd(lambda x: pg.sin(x))(a))
    print(pg.hessian(loss)(a), pg.hvp(loss, (a,), (a,)))
    y, pull = pg.vjp(loss, a)
    print(y, pull(np.asarray(1.0)))
    y, t = pg.jvp(loss, (a,), (a,))
    y, push = pg.linearize(loss, a)
    print(y, t, push(a))
    print(
        pg.vmap(lambda x: pg.sum(x * x))(np.ones((2, 3))), pg.vmap(pg.grad(loss))(np.ones((2, 3)))
    )
    print(pg.vmap(several, in_axes=(0, None))(np.ones((2, 3)), v[:1]))
    print(pg.grad(lambda x: pg.sum(x * pg.stop_gradient(x)))(a))


@pg.custom_vjp
def clipped(x: Variable) -> Variable:
    return x * 1.0


def clipped_fwd(x: Variable) -> tuple[Variable, None]:
    return x * 1.0, None


def clipped_bwd(residuals: None, g: Variable) -> tuple[Variable]:
    return (pg.clip(g, -1.0, 1.0),)


clipped.defvjp(clipped_fwd, clipped_bwd)


@pg.custom_jvp
def log1pexp(x: Variable) -> Variable:
    return pg.log(1 + pg.exp(x))


@log1pexp.defjvp
def log1pexp_rule(primals: tuple[Variable], tangents: tuple[Variable]) -> tuple[Variable, Variable]:
    (x,), (t,) = primals, tangents
    return log1pexp(x), t * (1 - 1 / (1 + pg.exp(x)))


@pg.checkpoint
def block(x: Variable, scale: float = 1.0) -> Variable:
    return pg.tanh(x) * scale


class Cube(Function):
    """An operation with a backward of its own."""

    @staticmethod
    def forward(ctx: Any, x: Variable) -> Variable:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Variable) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


@pg.no_grad()
def predict(w: Variable, x: Floats) -> Variable:
    return pg.asarray(x) @ w


@pg.no_grad
def evaluate(w: Variable) -> Variable:
    return w * 2


def custom_rules() -> None:
    """Rules of one's own."""
    a = np.asarray(2.0)
    print(pg.grad(lambda x: 100 * clipped(x))(a), pg.grad(log1pexp)(a))
    double = pg.custom_vjp(lambda x: x * 2.0)
    double.defvjp(lambda x: (x * 2.0, None), lambda _, g: (g * 2.0,))
    triple = pg.custom_jvp(lambda x: x * 3.0)
    triple.defjvp(lambda primals, tangents: (primals[0] * 3.0, tangents[0] * 3.0))
    print(pg.grad(lambda x: double(x) + triple(x))(a))
    v = pg.Variable(a, requires_grad=True)
    (block(v) + block(v, scale=2.0) + Cube.apply(v)).backward()
    print(v.grad.item())


def modes() -> None:
    """Context managers and decorators."""
    w = pg.ones(2, requires_grad=True)
    with pg.no_grad():
        print((w * 2).requires_grad, pg.is_grad_enabled())
    with pg.enable_grad(), pg.autograd.detect_anomaly(), pg.debug():
        pg.sum(w * w).backward()
    with pg.graph_breaks("ignore"):
        print(np.asarray(w), float(w[0]))
    with pg.set_grad_enabled(False):
        print(predict(w, np.ones((1, 2))).shape, evaluate(w))


def optimisation() -> None:
    """Gradient descent, with a loop of one's own."""
    x: Floats = np.asarray([[1.0, 2.0], [3.0, 4.0]])
    t: Floats = np.asarray([1.0, 0.0])
    w = pg.zeros(2, requires_grad=True)
    learning_rate = 0.01
    for _ in range(3):
        error = pg.mean((x @ w - t) ** 2)
        error.backward()
        with pg.no_grad():
            w -= learning_rate * w.grad
        w.zero_grad()
    for _ in range(3):
        pg.mean((x @ w - t) ** 2).backward()
        assert w.grad is not None
        with pg.no_grad():
            w -= learning_rate * w.grad
        w.grad = None
    if w.grad is not None:
        print(w.grad.tolist())
    print(w.tolist() if not w.requires_grad else w.detach().tolist())


PROGRAMS = [
    readme, operators, in_place, methods, functions, numpy_functions, namespaces, transforms,
    custom_rules, modes, optimisation,
]  # fmt: skip
