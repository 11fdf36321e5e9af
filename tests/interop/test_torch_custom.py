"""The user's own `torch.autograd.Function` called with Variables."""

from __future__ import annotations

from typing import Any

import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.optional import needs

torch: Any = needs("torch")
f64 = torch.float64
X = torch.tensor([0.5, -2.0, 3.0], dtype=f64)


class Rounded(torch.autograd.Function):
    """Straight through: the derivative is not that of what `forward` computes."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


class Beside(torch.autograd.Function):
    """Takes another tensor first, which it ignores."""

    @staticmethod
    def forward(ctx, other, x):
        return 3.0 * x

    @staticmethod
    def backward(ctx, g):
        return None, 3.0 * g


class Scaled(torch.autograd.Function):
    """Two results, a constant among the arguments, and saved tensors."""

    @staticmethod
    def forward(ctx, x, w, k):
        ctx.save_for_backward(x, w)
        ctx.k = k
        return x**3 * w * k, x > 0

    @staticmethod
    def backward(ctx, g, _):
        x, w = ctx.saved_tensors
        return 3 * x**2 * w * g * ctx.k, x**3 * g * ctx.k, None


class Modern(torch.autograd.Function):
    """With `setup_context`, and a derivative for torch.func."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return torch.exp(2 * x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return 2 * y * g


class Left(torch.autograd.Function):
    """Its backward leaves the graph, so there is no second derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return (2 * x * g).detach()


def test_the_derivative_is_that_of_the_class() -> None:
    v = Variable(X.clone(), requires_grad=True)
    y = Rounded.apply(v)
    assert y.requires_grad
    pg.sum(y * y).backward()
    torch.testing.assert_close(v.grad.data, 2 * X.round())
    torch.testing.assert_close(pg.grad(lambda x: pg.sum(Rounded.apply(x) * x))(X), X.round() + X)


def test_several_arguments_and_results() -> None:
    t, u = X.clone().requires_grad_(), (X + 1).requires_grad_()
    v, w = Variable(X.clone(), requires_grad=True), Variable(X + 1, requires_grad=True)
    y, positive = Scaled.apply(v, w, 2.0)
    expected, _ = Scaled.apply(t, u, 2.0)
    assert not positive.requires_grad and bool((positive.data == (X > 0)).all())
    for theirs, ours in zip(
        torch.autograd.grad(expected.sum(), [t, u], create_graph=True),
        pg.autograd.grad(pg.sum(y), [v, w], create_graph=True),
        strict=True,
    ):
        torch.testing.assert_close(ours.detach().data, theirs.detach())
        (second,) = torch.autograd.grad(theirs.sum(), [t], retain_graph=True)
        (mine,) = pg.autograd.grad(pg.sum(ours), [v], retain_graph=True)
        torch.testing.assert_close(mine.data, second)


@pytest.mark.parametrize("f", [
    lambda x: pg.sum(Scaled.apply(x, x, 2.0)[0]), lambda x: pg.sum(Modern.apply(x))
])  # fmt: skip
def test_transforms_with_and_without_torch_func(f: Any) -> None:
    plain = (lambda x: pg.sum(2 * x**4)) if f(X) == 2 * (X**4).sum() else (
        lambda x: pg.sum(pg.exp(2 * x))
    )  # fmt: skip
    torch.testing.assert_close(pg.hessian(f)(X), pg.hessian(plain)(X))
    torch.testing.assert_close(pg.jvp(f, (X,), (X,)), pg.jvp(plain, (X,), (X,)))
    rows = torch.stack([X, 2 * X])
    torch.testing.assert_close(pg.vmap(f)(rows), pg.vmap(plain)(rows))
    torch.testing.assert_close(pg.vmap(pg.grad(f))(rows), pg.vmap(pg.grad(plain))(rows))


def test_a_backward_that_leaves_the_graph_is_refused_where_it_counts() -> None:
    v = Variable(X.clone(), requires_grad=True)
    pg.sum(Left.apply(v)).backward()
    torch.testing.assert_close(v.grad.data, 2 * X)
    with pytest.raises(pg.PluggradError):
        pg.jvp(lambda x: Left.apply(x), (X,), (X,))


def test_reparametrized_samples_of_torch_have_gradients() -> None:
    concentration = torch.tensor([0.7, 2.0, 3.0], dtype=f64)
    t, v = concentration.clone().requires_grad_(), Variable(concentration, requires_grad=True)
    torch.manual_seed(0)
    expected = torch.distributions.Dirichlet(t.exp()).rsample()
    torch.manual_seed(0)
    found = torch.distributions.Dirichlet(v.exp()).rsample()
    torch.testing.assert_close(found.detach().data, expected.detach())
    (expected**2).sum().backward()
    pg.sum(found**2).backward()
    torch.testing.assert_close(v.grad.data, t.grad)


class Noisy(torch.autograd.Function):
    """It draws random numbers."""

    @staticmethod
    def forward(ctx, x):
        noise = torch.rand_like(x)
        ctx.save_for_backward(x, noise)
        return x**2 * noise

    @staticmethod
    def backward(ctx, g):
        x, noise = ctx.saved_tensors
        return 2 * x * noise * g


def test_random_numbers_are_the_same_in_every_derivative() -> None:
    t, v = X.clone().requires_grad_(), Variable(X.clone(), requires_grad=True)
    torch.manual_seed(0)
    (g,) = torch.autograd.grad(Noisy.apply(t).sum(), [t], create_graph=True)
    (h,) = torch.autograd.grad((g**2).sum(), [t])
    after = torch.rand(1)
    torch.manual_seed(0)
    (mine,) = pg.autograd.grad(pg.sum(Noisy.apply(v)), [v], create_graph=True)
    (second,) = pg.autograd.grad(pg.sum(mine**2), [v])
    assert bool(torch.rand(1) == after)
    torch.testing.assert_close(mine.detach().data, g.detach())
    torch.testing.assert_close(second.data, h)


def test_closures_over_variables_are_refused_and_tensors_are_left_to_torch() -> None:
    w, v = Variable(X, requires_grad=True), Variable(X, requires_grad=True)
    checkpoint = torch.utils.checkpoint.checkpoint
    with pytest.raises(pg.PluggradError, match="gradient would be lost"):
        checkpoint(lambda x: x * w, v, use_reentrant=True)
    y = checkpoint(lambda x: torch.sin(x) * x, v, use_reentrant=True)
    with pytest.raises(pg.PluggradError, match="use_reentrant=False"):
        pg.sum(y).backward()
    pg.sum(checkpoint(lambda x: torch.sin(x) * x, v, use_reentrant=False)).backward()
    torch.testing.assert_close(v.grad.data, X.cos() * X + X.sin())
    t = X.clone().requires_grad_()
    y = Rounded.apply(t)
    assert torch.is_tensor(y) and type(y.grad_fn).__name__ == "RoundedBackward"


def test_an_empty_tensor_that_requires_grad_is_a_constant() -> None:
    """`torch.utils.checkpoint` passed one before torch 2.12; its gradient has no elements."""
    v, empty = Variable(X, requires_grad=True), torch.empty((0,), requires_grad=True)
    pg.sum(Beside.apply(empty, v)).backward()
    torch.testing.assert_close(v.grad.data, torch.full_like(X, 3.0))
    with pytest.raises(pg.PluggradError, match="two graphs"):
        Beside.apply(torch.ones((1,), requires_grad=True), v)


def test_torch_compile_takes_both() -> None:
    needs("torch", minversion="2.13")
    compiled = torch.compile(lambda x: Scaled.apply(x, x, 2.0)[0] * 2, backend="eager")
    t, v = X.clone().requires_grad_(), Variable(X.clone(), requires_grad=True)
    compiled(t).sum().backward()
    pg.sum(compiled(v)).backward()
    torch.testing.assert_close(t.grad, 16 * X**3)
    torch.testing.assert_close(v.grad.data, 16 * X**3)
