"""gradcheck and gradgradcheck find what is wrong, and only that."""

from __future__ import annotations

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from pluggrad.autograd import Function, gradcheck, gradgradcheck
from tests.support.arrays import tracked
from tests.support.optional import array_library, needs

RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(2, 3)), RNG.normal(size=(3,)) + 1j * RNG.normal(size=(3,))


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "array_api_strict"])
def test_right_gradients_pass(name):
    lib = array_library(name)
    x, z = tracked(lib.asarray(X)), tracked(lib.asarray(Z))
    y = tracked(lib.asarray(X[0]))
    for f, inputs in [
        (lambda x, y: (pg.sin(x) * y, pg.sum(y * y)), (x, y)),
        (lambda z: pg.exp(z) * pg.conj(z), (z,)),
        (lambda z: pg.abs(z), (z,)),
        (lambda z, y: z * y, (z, y)),
    ]:
        assert gradcheck(f, inputs, check_forward_ad=True)
        assert gradgradcheck(f, inputs)


class Wrong(Function):
    """The identity times 2, and a gradient that is off at one place, or at higher order."""

    @staticmethod
    def forward(ctx, x, at, factor):
        ctx.at, ctx.factor = at, factor
        return 2 * x

    @staticmethod
    def backward(ctx, g):
        scale = np.full(g.shape, 2.0, dtype=g.dtype)
        scale[ctx.at] = ctx.factor
        return g * scale, None, None


def test_one_wrong_entry_in_a_thousand():
    x = tracked(np.linspace(0.1, 1.0, 32))
    outer = lambda at, factor: lambda x: Wrong.apply(x, at, factor)
    for at in (0, 17, 31):  # 1 of 1024 entries of the Jacobian
        assert gradcheck(outer(at, 2.0), x)
        assert not gradcheck(outer(at, 2.01), x, raise_exception=False)
        with pytest.raises(
            RuntimeError, match=f"component {at} of the output and {at} of the input"
        ):
            gradcheck(outer(at, 0.0), x)


def test_a_wrong_imaginary_part():
    z = tracked(Z)
    assert gradcheck(lambda z: Wrong.apply(z, 1, 2.0), z)
    assert not gradcheck(lambda z: Wrong.apply(z, 1, 2 + 0.1j), z, raise_exception=False)


def test_a_wrong_second_order():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x * 1.0)  # neither input nor output: a constant
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0] ** 2 * g

    x = tracked(np.asarray([0.5, 2.0]))
    assert gradcheck(Cube.apply, x)
    assert gradgradcheck(lambda x: x**3, x)
    with pytest.raises(RuntimeError, match="by input 0"):
        gradgradcheck(Cube.apply, x)


def test_a_backward_that_changes_its_mind():
    class Moody(Function):
        count = 0

        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            Moody.count += 1
            return g * (2 + 1e-9 * Moody.count)

    x = tracked(np.ones(2))
    with pytest.raises(RuntimeError, match="deterministic"):
        gradcheck(Moody.apply, x)
    assert gradcheck(Moody.apply, x, nondet_tol=1e-6)


def test_a_wrong_forward_mode():
    @pg.custom_vjp
    def f(x):
        return 2 * x

    f.defvjp(lambda x: (2 * x, None), lambda _, g: (2 * g,))
    x = tracked(np.ones(2))
    assert gradcheck(f, x, check_forward_ad=True)

    class Off(Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g

        @staticmethod
        def jvp(ctx, t):
            return 3 * t

    assert gradcheck(Off.apply, x)
    with pytest.raises(RuntimeError, match="forward derivative"):
        gradcheck(Off.apply, x, check_forward_ad=True)


def test_shapes_that_hurt():
    for shape in ((), (0,), (1, 2, 1)):
        assert gradcheck(pg.sin, tracked(np.full(shape, 0.5)))
        assert gradgradcheck(pg.sin, tracked(np.full(shape, 0.5)))
    with pytest.raises(ValueError, match="requires grad"):
        gradcheck(pg.sin, Variable(np.ones(2)))


# ---------------------------------------------------------------- torch's options


class Stubborn(Function):
    """A square whose backward is wrong for batches, and whose jvp too."""

    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return (3 if g._level.maps else 2) * x * g

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return (3 if t._level.maps else 2) * x * t


def test_torchs_options():
    torch = needs("torch")
    import inspect

    for ours, theirs in ((gradcheck, torch.autograd.gradcheck),
                         (gradgradcheck, torch.autograd.gradgradcheck)):  # fmt: skip
        a, b = (inspect.signature(f).parameters for f in (ours, theirs))
        assert [(p.name, p.default) for p in a.values()] == [
            (p.name, p.default) for p in b.values()
        ]
    x = Variable(np.asarray([0.5 + 1j, 1.5]), requires_grad=True)
    f = lambda z: z**3 + pg.conj(z) * z
    for batched in (False, True):
        assert gradcheck(f, x, check_batched_grad=batched, check_forward_ad=True,
                         check_batched_forward_grad=batched)  # fmt: skip
        assert gradgradcheck(f, x, check_batched_grad=batched, check_fwd_over_rev=True)
    assert gradgradcheck(f, x, check_fwd_over_rev=True, check_rev_over_rev=False,
                         gen_non_contig_grad_outputs=True)  # fmt: skip
    with pytest.raises(ValueError, match="neither mode"):
        gradcheck(f, x, check_backward_ad=False)


def test_batches_are_checked():
    x = Variable(np.asarray([0.5, 1.5]), requires_grad=True)
    f = Stubborn.apply
    assert gradcheck(f, x, check_forward_ad=True)
    with pytest.raises(RuntimeError, match="batch of cotangents"):
        gradcheck(f, x, check_batched_grad=True)
    with pytest.raises(RuntimeError, match="forward derivative of a batch"):
        gradcheck(f, x, check_forward_ad=True, check_batched_forward_grad=True)


def test_one_mode_alone():
    class Mixed(Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return 3 * g

        @staticmethod
        def jvp(ctx, t):
            return 2 * t

    x = Variable(np.asarray([0.5, 1.5]), requires_grad=True)
    assert gradcheck(Mixed.apply, x, check_forward_ad=True, check_backward_ad=False)
    assert not gradcheck(Mixed.apply, x, raise_exception=False)


def test_the_same_input_twice():
    x = Variable(np.asarray([0.5, 1.5]), requires_grad=True)
    assert gradcheck(lambda a, b: a * pg.sin(b), (x, x), check_forward_ad=True)
    assert gradgradcheck(lambda a, b: a * pg.sin(b), (x, x))


def test_single_precision_warns():
    x = Variable(np.asarray([0.5, 1.5], dtype=np.float32), requires_grad=True)
    with pytest.warns(UserWarning, match="input 0 of gradcheck has dtype float32"):
        assert gradcheck(lambda x: x * x, x, eps=1e-2, atol=1e-2)
