"""The short cut for custom operations of arrays at the root level gives what the general way gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from pluggrad.autograd import function
from pluggrad.transforms.custom_rules import reverse
from tests.support.optional import needs


@pg.custom_vjp
def scaled(x):
    return pg.sin(x) * 2


scaled.defvjp(lambda x: (pg.sin(x) * 2, x), lambda x, g: (g * pg.cos(x) * 2,))


@pg.custom_vjp
def product(x, y):
    return x * y


product.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, g: (g * kept[1], g * kept[0]))


@pg.custom_vjp
def pair_or_one(x):
    return (x, x) if x.shape[0] > 2 else x * 3


pair_or_one.defvjp(
    lambda x: ((x * 1, x * 2), 0) if x.shape[0] > 2 else (x * 3, 0),
    lambda _, g: (g[0] + g[1] * 2,) if isinstance(g, tuple) else (g * 3,),
)


@pg.custom_vjp
def changed(x):
    return x * 2


def _changed_forward(x):
    x *= 2
    return x, None


changed.defvjp(_changed_forward, lambda _, g: (g * 2,))


class Exp(pg.autograd.Function):
    """Saves its output."""

    @staticmethod
    def forward(ctx, x):
        y = pg.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


class Product(pg.autograd.Function):
    """Saves its inputs in another order."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(y, x)
        return x * y

    @staticmethod
    def backward(ctx, g):
        y, x = ctx.saved_tensors
        return g * y if ctx.needs_input_grad[0] else None, g * x


class Power(pg.autograd.Function):
    """Saves another array, and an attribute."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x * x)
        ctx.factor = 3
        return x**3

    @staticmethod
    def backward(ctx, g):
        return ctx.factor * g * ctx.saved_tensors[0]


class Doubled(pg.autograd.Function):
    """Writes its input."""

    @staticmethod
    def forward(ctx, x):
        x *= 2
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


class Floor(pg.autograd.Function):
    """Has no gradient."""

    @staticmethod
    def forward(ctx, x):
        y = pg.floor(x)
        ctx.mark_non_differentiable(y)
        return y

    @staticmethod
    def backward(ctx, g):
        raise AssertionError("it has no gradient")


class Both(pg.autograd.Function):
    """Two outputs."""

    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, g, h):
        return g * 2 + h * 3


def _sum(y: Any) -> Any:
    return sum((pg.sum(item * item) for item in y), pg.zeros(())) if isinstance(y, tuple) else y


CALLS: dict[str, Callable[..., Any]] = {
    "custom_vjp": lambda x, y: scaled(x),
    "custom_vjp, twice": lambda x, y: scaled(scaled(x) * y),
    "custom_vjp of two": product,
    "custom_vjp of one twice": lambda x, y: product(x, x),
    "custom_vjp of a view": lambda x, y: product(x[::-1], y[:1]),
    "custom_vjp of a constant": lambda x, y: product(x, pg.Variable(np.arange(3.0))),
    "custom_vjp of a number": lambda x, y: product(x, 2.0),
    "custom_vjp, one or two outputs": lambda x, y: _sum(pair_or_one(x)) + _sum(pair_or_one(x[:2])),
    "custom_vjp that writes": lambda x, y: changed(x * 1) * x,
    "Function": lambda x, y: Exp.apply(x),
    "Function of two": Product.apply,
    "Function of a constant": lambda x, y: Product.apply(pg.Variable(np.arange(3.0)), y),
    "Function that saves more": lambda x, y: Power.apply(x),
    "Function that writes": lambda x, y: Doubled.apply(x * 1) * x,
    "Function without a gradient": lambda x, y: Floor.apply(x) * x,
    "Function of two outputs": lambda x, y: _sum(Both.apply(x)),
}


def derivatives(f: Callable[..., Any]) -> list[Any]:
    """The value, the gradients, and those of the squared gradients, at the root level."""
    x, y = (pg.Variable(np.asarray(v), requires_grad=True) for v in ([0.5, 1.5, -2.0], [3.0, 1, 2]))
    value = pg.sum(f(x, y))
    first = pg.autograd.grad(value, (x, y), create_graph=True, allow_unused=True)
    made = [value, *first]
    squares = [pg.sum(g * g) for g in first if g is not None]
    if any(s.requires_grad for s in squares):
        made += pg.autograd.grad(sum(squares, pg.zeros(())), (x, y), allow_unused=True)
    return [None if g is None else np.asarray(g.data) for g in made]


@pytest.mark.parametrize("name", CALLS)
def test_the_short_cut_agrees_with_the_general_way(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    derivatives(CALLS[name])  # from the second call on, the short cut applies
    quick = derivatives(CALLS[name])
    for module in (function, reverse):
        monkeypatch.setattr(module, "plain", lambda args: None)
    for found, expected in zip(quick, derivatives(CALLS[name]), strict=True):
        np.testing.assert_equal(found, expected)


def test_forward_runs_once_whatever_it_returns() -> None:
    calls = []

    class Counted(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            calls.append(1)
            if len(calls) == 3:
                ctx.note = 1
            return (x, x * 2) if len(calls) > 3 else x * 2

        @staticmethod
        def backward(ctx, g, *more):
            return g * 2

    x = pg.Variable(np.ones(2), requires_grad=True)
    for count in range(1, 5):
        Counted.apply(x)
        assert len(calls) == count


def test_calls_do_not_share_the_attributes_of_their_contexts() -> None:
    seen = []

    class Noting(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            Noting.found.append(getattr(ctx, "note", None))
            ctx.note = 1
            return g * 2

    Noting.found = seen
    x = pg.Variable(np.ones(2), requires_grad=True)
    for _ in range(3):
        y = pg.sum(Noting.apply(x))
        y.backward(retain_graph=True)
        y.backward()
    assert seen == [None, 1] * 3


def test_a_new_derivative_holds_at_once() -> None:
    @pg.custom_vjp
    def f(x):
        return x * 2

    x = pg.Variable(np.ones(2), requires_grad=True)
    for factor in (2, 5):
        if factor == 2:
            f.defvjp(lambda x: (x * 2, None), lambda _, g: (g * 2,))
        else:
            f.defvjp(lambda x: (x * 2, None), lambda _, g: (g * 5,))
        for _ in range(2):
            (g,) = pg.autograd.grad(pg.sum(f(x)), (x,))
            np.testing.assert_array_equal(g.data, [factor, factor])


def test_what_fwd_returns_is_checked_in_every_call() -> None:
    @pg.custom_vjp
    def f(x):
        return x * 2

    f.defvjp(lambda x: x * 2 if x.shape[0] == 2 else (x * 2, None), lambda _, g: (g * 2,))
    x = pg.Variable(np.ones(3), requires_grad=True)
    f(x)
    f(x)
    with pytest.raises(TypeError, match="returns a pair"):
        f(x[:2])


def test_a_mode_is_as_before_if_forward_raises() -> None:
    class Raising(pg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            if x.shape[0] == 2:
                raise ZeroDivisionError
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = pg.Variable(np.ones(3), requires_grad=True)
    Raising.apply(x)
    with pytest.raises(ZeroDivisionError):
        Raising.apply(x[:2])
    assert pg.is_grad_enabled()
    assert (x * 2).requires_grad


def test_a_function_that_was_called_can_be_pickled() -> None:
    x = pg.Variable(np.ones(3), requires_grad=True)
    scaled(scaled(x))
    cloudpickle = needs("cloudpickle")
    again = cloudpickle.loads(cloudpickle.dumps(scaled))
    (g,) = pg.autograd.grad(pg.sum(again(x)), (x,))
    np.testing.assert_allclose(g.data, 2 * np.cos(x.data))


def test_a_rule_sees_the_derivative_that_an_inner_function_had_at_the_call() -> None:
    inner = pg.custom_vjp(lambda x: pg.sin(x))
    inner.defvjp(lambda x: (pg.sin(x), x), lambda x, g: (g * pg.cos(x),))
    outer = pg.custom_vjp(lambda x: inner(x) * x)
    outer.defvjp(lambda x: (inner(x) * x, x), lambda x, g: (g * (inner(x) + x * pg.cos(x)),))
    x = pg.Variable(np.asarray(0.5), requires_grad=True)
    y = outer(x)
    inner.defvjp(lambda x: (pg.sin(x), x), lambda x, g: (g * 1000,))
    inner(pg.Variable(np.asarray(0.1), requires_grad=True))
    (first,) = pg.autograd.grad(y, (x,), create_graph=True)
    (second,) = pg.autograd.grad(first, (x,))
    assert first.detach().item() == pytest.approx(np.sin(0.5) + 0.5 * np.cos(0.5))
    assert second.item() == pytest.approx(2 * np.cos(0.5) - 0.5 * np.sin(0.5))


def test_a_builtin_that_is_shadowed_later_stays_the_builtin() -> None:
    names = {"pg": pg, "__builtins__": __builtins__}
    exec("def bwd(x, g):\n    return (g * max(2.0, 1.0) * x,)", names)
    f = pg.custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), names["bwd"])
    x = pg.Variable(np.asarray(3.0), requires_grad=True)
    y = f(x)
    names["max"] = lambda x1, x2: 7.0
    y.backward()
    assert x.grad.item() == 6.0


def test_a_backward_that_cannot_be_hashed() -> None:
    @dataclass
    class Times:
        factor: float

        def __call__(self, ctx, g):
            return self.factor * g

    class Tripled(pg.autograd.Function):
        forward = staticmethod(lambda ctx, x: x * 3)
        backward = Times(3.0)

    x = pg.Variable(np.asarray(1.0), requires_grad=True)
    for _ in range(2):
        (g,) = pg.autograd.grad(Tripled.apply(x), (x,))
        assert g.item() == 3.0


def test_rules_that_are_set_again_and_again_are_not_all_kept() -> None:
    f = pg.custom_vjp(lambda x: x * 2)
    x = pg.Variable(np.asarray(1.0), requires_grad=True)
    for _ in range(100):
        f.defvjp(lambda x: (x * 2, None), lambda _, g: (g * 2,))
        f(x)
    assert len(f._steady) < 20


def test_torch_compiles_what_was_called_before() -> None:
    torch = needs("torch", minversion="2.13")

    def gradient(x):
        v = pg.Variable(x, requires_grad=True)
        pg.sum(scaled(v)).backward()
        return v.grad.data

    x = torch.ones(2)
    expected = gradient(x)
    np.testing.assert_allclose(
        torch.compile(gradient, fullgraph=True, backend="eager")(x), expected
    )
