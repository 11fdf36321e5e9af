# ruff: noqa: NPY002  (the global random numbers of NumPy are meant)
"""checkpoint and what is around it: random numbers, hooks, modes, writes, errors."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.arrays import all_listed, array, assert_identical
from tests.support.examples import load_example
from tests.support.operations import not_checkpointed
from tests.support.optional import needs

A, B = np.asarray([0.5, 0.3, -1.2]), np.asarray([1.5, -0.4, 0.8])


def test_random_numbers_are_the_same():
    x = Variable(np.ones(20), requires_grad=True)
    np.random.seed(3)
    y = pg.checkpoint(lambda x: x * 2 * (np.random.random(20) < 0.5))(x)
    after = np.random.random()
    pg.sum(y).backward()
    np.testing.assert_array_equal(x.grad.data, y.data)
    np.random.seed(3)
    np.random.random(20)
    assert np.random.random() == after
    before = np.random.get_state()[1].copy()
    pg.checkpoint(lambda x: pg.sum(x * np.random.random(20)))(x).backward()
    np.random.seed(3)
    np.random.random(21)
    assert (np.random.get_state()[1] == before).all()
    x.grad = None
    y = pg.checkpoint(lambda x: x * np.random.random(20), preserve_rng_state=False)(x)
    pg.sum(y).backward()
    assert (x.grad.data != y.data).any()


def test_generators_of_ones_own():
    around = np.random.default_rng(1)

    class Layer:
        def __init__(self):
            self.rng = np.random.RandomState(2)

        def __call__(self, x):
            return x * self.rng.random_sample(20)

        def call(self, x):
            return self(x)

    layer = Layer()
    cases = [
        (lambda x: x * around.random(20),),
        (lambda x, rng: x * rng.random(20), np.random.default_rng(3)),
        (lambda x, *, rng=around: x * rng.random(20),),
        (functools.partial(lambda rng, x: x * rng.random(20), around),),
        (layer,),
        (layer.call,),
        (lambda x: layer(x),),
        (pg.checkpoint(lambda x: x * around.random(20)),),
    ]
    for f, *more in cases:
        x = Variable(np.ones(20), requires_grad=True)
        y = pg.checkpoint(f)(x, *more)
        state = around.bit_generator.state
        pg.sum(y).backward()
        np.testing.assert_array_equal(x.grad.data, y.data)
        assert around.bit_generator.state == state
    torch = needs("torch")
    own = torch.Generator()
    x = Variable(torch.ones(20), requires_grad=True)
    y = pg.checkpoint(lambda x: x * torch.rand(20, generator=own))(x)
    pg.sum(y).backward()
    assert torch.equal(x.grad.data, y.data)


def test_a_change_of_a_raw_argument_is_noticed():
    x = Variable(A, requires_grad=True)
    w = B.copy()
    with pg.debug(mutations=True):
        y = pg.sum(pg.checkpoint(lambda x, tree: x * np.multiply(tree["w"], 2))(x, {"w": w}))
    y.backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad.data, 2 * B)
    w[0] = 100.0
    with pytest.raises(pg.MutationError, match="checkpoint"):
        y.backward()
    torch = needs("torch")
    x, w = Variable(torch.ones(3), requires_grad=True), torch.ones(3)
    y = pg.sum(pg.checkpoint(lambda x, w: x * w)(x, w))
    w.add_(1)
    with pytest.raises(pg.MutationError, match="checkpoint"):
        y.backward()


def test_arguments_that_are_no_arrays_of_ours():
    masked, words = np.ma.ones(3), np.asarray(["a", "b"])
    found = pg.grad(lambda x: pg.sum(pg.checkpoint(lambda x, m, w: x * (m.sum() + len(w)))(
        x, masked, words)))(A)  # fmt: skip
    np.testing.assert_array_equal(found, [5.0, 5.0, 5.0])
    jax = needs("jax")
    x, key = jax.numpy.ones(3), jax.random.key(0)
    f = pg.checkpoint(lambda x, key: x * jax.random.normal(key, (3,)))
    for g in (lambda x: pg.grad(lambda x: pg.sum(f(x, key)))(x),):
        np.testing.assert_array_equal(g(x), jax.random.normal(key, (3,)))
        np.testing.assert_array_equal(jax.jit(g)(x), jax.random.normal(key, (3,)))


def test_random_numbers_of_torch():
    torch = needs("torch")
    x = Variable(torch.ones(20, dtype=torch.float64), requires_grad=True)

    @pg.checkpoint
    def dropout(x):
        return x * (torch.rand(20) < 0.5) * torch.rand(20)

    torch.manual_seed(1)
    y = dropout(x)
    torch.rand(7)
    state = torch.get_rng_state()
    (g,) = pg.autograd.grad(pg.sum(y * x.detach()), x, retain_graph=True)
    assert torch.equal(g.data, y.data)
    assert torch.equal(torch.get_rng_state(), state)
    (h,) = pg.autograd.grad(pg.sum(y), x)
    assert torch.equal(h.data, y.data)


def test_hooks():
    seen = []

    def f(x):
        y = pg.sin(x)
        y.register_hook(lambda g: seen.append(all_listed(g)))
        y.register_hook(lambda g: 2 * g)
        return y * x

    for ck in (pg.checkpoint, not_checkpointed):
        x = Variable(A, requires_grad=True)
        x.register_hook(lambda g: -g)
        y = ck(f)(x)
        y.register_hook(lambda g: 3 * g)
        calls = []
        y.grad_fn.register_hook(lambda sent, arrived: calls.append(len(arrived)))  # noqa: B023
        pg.sum(y).backward()
        np.testing.assert_allclose(x.grad.data, -3 * (np.sin(A) + 2 * A * np.cos(A)))
        assert calls == [1]
    assert len(seen) == 2
    np.testing.assert_array_equal(*seen)


def test_the_cotangent_of_each_output():
    f = pg.checkpoint(lambda x, y: (x * y, x + y, pg.astype(x, pg.int64)))
    x, y = Variable(A, requires_grad=True), Variable(B, requires_grad=True)
    pg.sum(f(x, y)[1]).backward()  # the others are not used
    np.testing.assert_array_equal(x.grad.data, np.ones(3))
    value, pull = pg.vjp(f, A, B)
    assert_identical(all_listed(pull((A, B, value[2]))), all_listed((A * B + B, A * A + B)))


def test_an_unused_argument_and_an_untracked_one():
    x, y = Variable(A, requires_grad=True), Variable(B, requires_grad=True)
    f = pg.checkpoint(lambda x, y, z: pg.sum(x * z))
    f(x, y, Variable(B)).backward()
    assert y.grad is None
    np.testing.assert_array_equal(x.grad.data, B)
    assert not f(x.detach(), y.detach(), B).requires_grad
    with pg.no_grad():
        assert not f(x, y, B).requires_grad
    assert isinstance(pg.checkpoint(lambda: B)(), np.ndarray)
    assert pg.checkpoint(lambda: x)().requires_grad
    with pytest.raises(RuntimeError, match="not used"):
        pg.autograd.grad(f(x, y, B), y)


def test_strong_zeros_hold_when_computed_again():
    f = pg.checkpoint(lambda x: pg.where(x > 0, pg.sqrt(x), 0.0))
    x = Variable(np.asarray([0.0, 4.0]), requires_grad=True)
    with pg.strong_zeros():
        y = pg.sum(f(x))
    y.backward()
    np.testing.assert_array_equal(x.grad.data, [0.0, 0.25])


def test_the_backend_chosen_holds_when_computed_again():
    needs("strict")
    x = array(A, "strict")
    v = Variable(x, requires_grad=True)
    with pg.use("strict"):
        y = pg.sum(pg.checkpoint(lambda v: v * pg.asarray([1.0, 2.0, 3.0], dtype=v.dtype))(v))
    y.backward()
    assert v.grad.tolist() == [1.0, 2.0, 3.0]


def test_a_second_backward():
    x = Variable(A, requires_grad=True)
    y = pg.sum(pg.checkpoint(pg.sin)(x))
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_array_equal(x.grad.data, 2 * np.cos(A))
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_a_later_update_is_not_seen():
    """The values of the first time count, also of what is around."""
    x, w = Variable(A, requires_grad=True), Variable(B, requires_grad=True)
    y = pg.sum(pg.checkpoint(lambda x: x * pg.sin(w))(x))
    with pg.no_grad():
        w[...] = np.zeros(3)
    y.backward()
    np.testing.assert_array_equal(x.grad.data, np.sin(B))
    np.testing.assert_array_equal(w.grad.data, A * np.cos(B))


def test_arguments_are_its_own():
    x = Variable(A, requires_grad=True)
    z = x * 1

    @pg.checkpoint
    def f(z):
        z[0] = 5.0
        z *= 2
        return z * z

    y = f(z)
    pg.sum(y).backward()
    np.testing.assert_array_equal(z.data, A)
    np.testing.assert_allclose(x.grad.data, [0.0, *(8 * A[1:])])


def write_leaf(x, w):
    w[0] = 1.0
    return x * w


def write_view(x, w):
    w[:2][0] = 1.0
    return x * w


def write_without_grad(x, w):
    with pg.no_grad():
        w += 1.0
    return x * w


def write_result(x, w):
    w[0] = x[0]
    return x * w


@pytest.mark.parametrize(
    "write", [write_leaf, write_view, write_without_grad, write_result], ids=lambda f: f.__name__
)
def test_a_write_of_what_is_around_is_an_error(write):
    leaf = Variable(B, requires_grad=True)
    for w in (leaf, leaf * 1, Variable(B)):
        for ck in (pg.checkpoint, lambda f: pg.checkpoint(pg.checkpoint(f))):
            with pytest.raises(RuntimeError, match="from around a checkpointed function"):
                ck(lambda x: write(x, w))(Variable(A, requires_grad=True))  # noqa: B023
            np.testing.assert_array_equal(w.data, B)
    w = leaf * 1
    w[0] = 2.0  # outside it is none, and none after an error
    assert w[0].item() == 2.0


def test_another_path_is_an_error():
    ws = [Variable(B, requires_grad=True), Variable(A, requires_grad=True)]
    turns = iter([ws[:1], ws, ws, ws[:1]])

    @pg.checkpoint
    def f(x):
        for w in next(turns):
            x = x * w
        return x

    x = Variable(A, requires_grad=True)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="computed again"):
            pg.sum(f(x)).backward()
        assert x.grad is None


@pytest.mark.parametrize("other", [
    lambda a: pg.sum(a) * pg.sum(a), lambda a: pg.exp(a)[:1], lambda a: pg.exp(a)[None, :],
    lambda a: pg.astype(a, np.float32), lambda a: (a, a),
])  # fmt: skip
@pytest.mark.parametrize("transform", [lambda f: f, pg.vmap])
def test_other_outputs_are_an_error(other, transform):
    turns = iter([pg.exp, other])
    f = transform(pg.checkpoint(lambda a: next(turns)(a)))
    x = Variable(np.stack([A, A]), requires_grad=True)
    with pytest.raises(RuntimeError, match="computed again for its gradient, and it"):
        pg.sum(f(x)).backward()
    assert x.grad is None


@pytest.mark.parametrize("change", [
    lambda w: w.requires_grad_(False), lambda w: w.detach_(), lambda w: w.zero_grad(),
])  # fmt: skip
def test_what_is_around_may_be_detached_in_between(change):
    x, w = Variable(A, requires_grad=True), Variable(B, requires_grad=True)
    y = pg.sum(pg.checkpoint(lambda x: x * w)(x))
    change(w)
    y.backward()
    np.testing.assert_array_equal(x.grad.data, B)


def test_a_constant_around_it_may_be_written_in_between():
    x, w, b = Variable(A, requires_grad=True), Variable(B), Variable(B)
    block = pg.checkpoint(lambda x: pg.sin(x * w) * w[0] + b.detach() * x)
    y = pg.sum(block(x))
    w[0] = 100.0
    b += 1.0
    y.backward()
    expected = pg.grad(lambda x: pg.sum(pg.sin(x * B) * B[0] + B * x))(A)
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-14)


def test_a_view_of_what_is_written_only_then_has_a_gradient():
    def f(x):
        u = pg.zeros(3)
        row = u[1:]
        u[1] = x[0] * x[1]
        return pg.sum(pg.sin(row) * row)

    np.testing.assert_allclose(pg.grad(pg.checkpoint(f))(A), pg.grad(f)(A), rtol=1e-14)
    x = Variable(A, requires_grad=True)
    pg.checkpoint(f)(x).backward()
    np.testing.assert_allclose(x.grad.data, pg.grad(f)(A), rtol=1e-14)


def test_errors_pass_through():
    @pg.checkpoint
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        f(Variable(A, requires_grad=True))
    assert pg.autograd.is_grad_enabled()
    leaked = []
    with pytest.raises(pg.LeakedVariableError):
        pg.checkpoint(lambda x: leaked.append(x) or x)(Variable(A, requires_grad=True))
        leaked[0] * 2
    with pytest.raises(NotImplementedError, match="policy"):
        pg.checkpoint(f, policy=lambda *_: True)


def test_options_and_names():
    @functools.partial(pg.checkpoint, static_argnums=(1,))
    def scaled(x, how, *, power=1):
        """Scaled."""
        return how["by"] * x**power

    assert scaled.__name__ == "scaled" and scaled.__doc__ == "Scaled."
    assert pg.grad(lambda x: scaled(x, {"by": 3.0}, power=2))(2.0) == 12.0
    x = Variable(A, requires_grad=True)
    assert scaled(x, {"by": 2}).grad_fn.name() == "CheckpointBackward"


def test_a_batched_jacobian():
    w = Variable(B, requires_grad=True)
    x = Variable(A, requires_grad=True)
    y = pg.checkpoint(lambda x: pg.cumulative_sum(pg.sin(x) * w))(x)
    j, k = pg.autograd.grad(y, (x, w), np.eye(3), is_grads_batched=True)
    lower = np.tril(np.ones((3, 3)))
    np.testing.assert_allclose(j.data, lower * np.cos(A) * B)
    np.testing.assert_allclose(k.data, lower * np.sin(A))


def test_under_jit_it_is_not_merged():
    jax = needs("jax")

    def gradient(lib, xp, ck):
        block = ck(lambda x: xp.sin(xp.cos(xp.sin(x))))
        return jax.jit(lib.grad(lambda x: xp.sum(block(block(x)))))

    x = jax.numpy.asarray(A)
    counts = []
    for args in (
        (pg, pg, pg.checkpoint),
        (jax, jax.numpy, jax.checkpoint),
        (pg, pg, functools.partial(pg.checkpoint, prevent_cse=False)),
    ):
        f = gradient(*args)
        np.testing.assert_allclose(f(x), gradient(pg, pg, not_checkpointed)(x), rtol=1e-12)
        counts.append(f.lower(x).as_text().count("optimization_barrier"))
    assert counts == [2, 2, 0]


def test_example():
    found = load_example("checkpoint").compare("numpy", blocks=12, size=20_000)
    assert found["with"]["memory"] < 0.5 * found["without"]["memory"]
    assert found["difference"] == 0.0


def test_volatile_spreads():
    x, w = Variable(A, volatile=True), Variable(B, requires_grad=True)
    for y in (pg.checkpoint(lambda x: x * w)(x), pg.checkpoint(lambda w: x * w)(w)):
        assert y.volatile and not y.requires_grad


def test_what_is_written_under_no_grad_in_a_checkpoint_inside_of_another():
    def program(ck):
        def run(x):
            a = x * 1.5

            def outer(q):
                with pg.no_grad():
                    total = pg.sum(a)

                    def inner(z):
                        z *= total
                        return pg.sin(z)

                    y = ck(inner)(a if ck is pg.checkpoint else a.detach())
                return y * 1.5 + q

            return pg.sum(ck(outer)(x))

        return run

    np.testing.assert_allclose(
        program(pg.checkpoint)(Variable(A)).data, program(not_checkpointed)(Variable(A)).data
    )
    for f in (program(pg.checkpoint), program(not_checkpointed)):
        v = Variable(A, requires_grad=True)
        y = f(v)
        y.backward()
        np.testing.assert_allclose(y.data, program(not_checkpointed)(Variable(A)).data)
        np.testing.assert_array_equal(v.grad.data, np.ones(3))
