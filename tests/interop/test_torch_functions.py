"""torch's functions on Variables, recorded with torch's own derivative, against torch.autograd."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.optional import needs

torch = needs("torch")
F = torch.nn.functional

RANDOM = torch.Generator().manual_seed(0)


def randn(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=RANDOM)


def in_list(y):
    return list(y) if isinstance(y, (tuple, list)) else [y]


X, W, IMAGE = randn(3, 4), randn(4, 4), randn(2, 3, 6, 6)
LABELS = torch.tensor([0, 2, 1])

#: Functions with arguments of every kind: keywords, lists, several results, and None.
CALLS = {
    "gelu": (lambda x: F.gelu(x, approximate="tanh"), [X]),
    "softplus": (lambda x: F.softplus(x, beta=2), [X]),
    "conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), [IMAGE, randn(4, 3, 3, 3), randn(4)]
    ),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 2), [IMAGE]),
    "layer_norm": (lambda x, w: F.layer_norm(x, (4,), weight=w), [X, randn(4)]),
    "group_norm": (lambda x: F.group_norm(x, 3), [IMAGE]),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1), [X]),
    "mse_loss": (lambda x, y: F.mse_loss(x, y, reduction="sum"), [X, randn(3, 4)]),
    "attention": (F.scaled_dot_product_attention, [randn(2, 3, 4) for _ in range(3)]),
    "embedding": (lambda w: F.embedding(LABELS, w), [X]),
    "max with dim": (lambda x: torch.max(x, 1), [X]),
    "sort": (lambda x: torch.sort(x, dim=0, descending=True), [X]),
    "median": (lambda x: torch.median(x, dim=0, keepdim=True), [X]),
    "vstack": (lambda x, y: torch.vstack([x, y]), [X, W]),
    "hstack of tensors": (lambda x: torch.hstack([x, X]), [X]),
    "split": (lambda x: torch.split(x, [1, 2]), [X]),
    "meshgrid": (lambda x, y: torch.meshgrid(x, y, indexing="xy"), [X[0], W[0]]),
    "diagonal": (lambda x: torch.diagonal(x), [randn(2, 2, 3)]),
    "matrix_norm": (lambda x: torch.linalg.matrix_norm(x, "fro", dim=(0, 1)), [randn(2, 2, 3)]),
    "softmax in another dtype": (lambda x: F.softmax(x, dim=0, dtype=torch.float32), [X]),
    "lstsq": (lambda a, b: torch.linalg.lstsq(a, b).solution, [randn(5, 3), randn(5, 2)]),
    "grid_sample": (
        lambda x, g: F.grid_sample(x, g, align_corners=False), [IMAGE, randn(2, 3, 3, 2)]
    ),
    "0-d": (lambda x: F.softplus(x), [torch.tensor(0.3, dtype=torch.float64)]),
    "empty": (lambda x: F.gelu(x), [torch.zeros(0, 3, dtype=torch.float64)]),
    "complex": (lambda z: torch.linalg.eigvals(z), [randn(3, 3, dtype=torch.complex128)]),
    "addcmul": (lambda x, y: torch.addcmul(x, y, y, value=0.5), [X, X + 1]),
    "take_along_dim": (lambda x: torch.take_along_dim(x, torch.tensor([[5], [1]])), [X]),
}  # fmt: skip


def seeds(ys):
    return [torch.randn(y.shape, dtype=y.dtype, generator=torch.Generator().manual_seed(5))
            for y in ys]  # fmt: skip


def close(mine, theirs):
    for m, t in zip(mine, theirs, strict=True):
        m = m.detach().data if isinstance(m, Variable) else m
        torch.testing.assert_close(m, t.detach() if t is not None else t)


@pytest.mark.parametrize("name", CALLS)
def test_values_and_derivatives_are_torchs(name):
    f, arrays = CALLS[name]
    ts = [x.clone().requires_grad_() for x in arrays]
    vs = [Variable(x.clone(), requires_grad=True) for x in arrays]
    theirs, mine = in_list(f(*ts)), in_list(f(*vs))
    assert type(f(*vs)) is type(f(*ts)) or not isinstance(f(*ts), (tuple, list))
    close(mine, theirs)
    theirs = [y for y in theirs if y.requires_grad]
    mine = [y for y in mine if y.requires_grad]
    given = seeds(theirs)
    first = torch.autograd.grad(theirs, ts, given, create_graph=True)
    found = pg.autograd.grad(mine, vs, given, create_graph=True)
    close(found, first)
    again = [n for n, g in enumerate(first) if g.requires_grad]
    if not again:
        return
    given = seeds([first[n] for n in again])
    try:
        second = torch.autograd.grad([first[n] for n in again], ts, given, allow_unused=True)
    except (RuntimeError, NotImplementedError):  # torch has none
        return
    found = pg.autograd.grad([found[n] for n in again], vs, given, materialize_grads=True)
    close(found, [torch.zeros_like(t) if g is None else g for t, g in zip(ts, second, strict=True)])


SMOOTH = {
    "gelu": lambda x: F.gelu(x), "silu": lambda x: F.silu(x),
    "layer_norm": lambda x: F.layer_norm(x, (x.shape[-1],)),
    "logsigmoid": lambda x: F.logsigmoid(x), "mish": lambda x: F.mish(x),
    "max": lambda x: torch.max(x * x, dim=-1).values, "vstack": lambda x: torch.vstack([x, x * x]),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_transforms_are_those_of_torch_func(name):
    f, t = SMOOTH[name], torch.func
    x, v = X[0], X[1]

    def number(x):
        return (f(x) ** 2).sum()

    def mine(x):
        return pg.sum(f(x) ** 2)

    close([pg.grad(mine)(x)], [t.grad(number)(x)])
    close(pg.jvp(f, (x,), (v,)), t.jvp(f, (x,), (v,)))
    close([pg.jacfwd(f)(x)], [t.jacfwd(f)(x)])
    close([pg.jacrev(f)(x)], [t.jacrev(f)(x)])
    close([pg.hessian(mine)(x)], [t.hessian(number)(x)])
    close([pg.vmap(f)(X)], [t.vmap(f)(X)])
    close([pg.vmap(f, in_axes=1)(X)], [t.vmap(f, in_dims=1)(X)])
    close([pg.vmap(pg.grad(mine))(X)], [t.vmap(t.grad(number))(X)])
    close(
        [pg.grad(lambda x: pg.sum(pg.vmap(pg.grad(mine))(x) ** 2))(X)],
        [t.grad(lambda x: (t.vmap(t.grad(number))(x) ** 2).sum())(X)],
    )
    third = pg.grad(lambda x: pg.sum(pg.grad(lambda x: pg.sum(pg.grad(mine)(x) * v))(x) * v))(x)
    expected = t.grad(lambda x: (t.grad(lambda x: (t.grad(number)(x) * v).sum())(x) * v).sum())(x)
    close([third], [expected])
    close([pg.hvp(mine, (x,), (v,))], [t.jvp(t.grad(number), (x,), (v,))[1]])
    close([pg.grad(lambda x: pg.sum(pg.checkpoint(f)(x) ** 2))(x)], [t.grad(number)(x)])


def test_what_torch_cannot_differentiate_is_refused():
    with pytest.raises(pg.errors.UnsupportedError, match=r"cdist.*forward AD"):
        pg.jvp(lambda x: torch.cdist(x, W), (X,), (X,))
    x = Variable(X, requires_grad=True)
    (g,) = pg.autograd.grad(pg.sum(torch.cdist(x, W)), x)
    assert g.shape == X.shape


def test_values_of_two_levels():
    """Each level has its own gradients of one call."""

    def f(x, y):
        return pg.sum(torch.addcmul(x, x, y) ** 2)

    def g(x, y):
        return (torch.addcmul(x, x, y) ** 2).sum()

    mine = pg.grad(lambda y: pg.sum(pg.grad(lambda x: f(x, y))(X) ** 2))(X + 1)
    t = torch.func
    theirs = t.grad(lambda y: (t.grad(lambda x: g(x, y))(X) ** 2).sum())(X + 1)
    close([mine], [theirs])

    def split(x, y):
        a, b = torch.split(torch.vstack([x * 2, y * 3]), 3)
        return pg.sum(a) + pg.sum(b**2)

    inner = pg.grad(lambda y: pg.sum(pg.grad(lambda x: split(x, y))(X)) + split(X, y))(X)
    close([inner], [18 * X])


def test_unused_arguments_and_results():
    x, y = Variable(X.clone(), requires_grad=True), Variable(W.clone(), requires_grad=True)
    a, _ = torch.split(torch.vstack([x, y]), [3, 4])
    pg.sum(a * a).backward()
    close([x.grad], [2 * X])
    close([y.grad], [torch.zeros_like(W)])
    values, places = torch.max(x, dim=1)
    assert values.requires_grad and not places.requires_grad and places.dtype is torch.int64


def test_nothing_is_recorded_under_no_grad_or_for_constants():
    x = Variable(X, requires_grad=True)
    with pg.no_grad():
        assert not F.gelu(x).requires_grad
    y = F.gelu(Variable(X))
    assert isinstance(y, Variable) and not y.requires_grad
    close([y], [F.gelu(X)])


def test_the_graph_is_kept_and_freed_as_asked():
    x = Variable(X.clone(), requires_grad=True)
    y = pg.sum(F.gelu(x))
    y.backward(retain_graph=True)
    y.backward()
    close([x.grad], [2 * pg.grad(lambda x: pg.sum(F.gelu(x)))(X)])
    with pytest.raises(pg.errors.GraphFreedError):
        y.backward()
    freed = []

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.held = Held()
            freed.append(weakref.ref(ctx.held))
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    class Held:
        pass

    y = pg.interop.torch.call(Square.apply)(x)
    assert freed[0]() is not None
    pg.sum(y).backward()
    gc.collect()
    assert freed[0]() is None


def test_changed_arrays_are_noticed():
    t = X.clone()
    x = Variable(t, requires_grad=True)
    y = pg.sum(F.silu(x))
    t.add_(1)
    with pytest.raises(pg.errors.MutationError, match="changed in place"):
        y.backward()
    t = X.clone()
    y = pg.sum(F.embedding(LABELS, Variable(t, requires_grad=True)))
    t.add_(1)  # first order needs only the indices
    y.backward()
    t, w = X.clone(), Variable(W.clone(), requires_grad=True)
    y = pg.sum(F.softplus(torch.hstack([w, W])) ** 2)
    constant = X[:, :3].clone()
    z = pg.sum(torch.addmm(constant, x, w[:, :3]) ** 2)
    constant.add_(1)
    (g,) = pg.autograd.grad(y, w, create_graph=True)
    assert g.requires_grad
    z = F.gelu(x * 1.0)
    z.data.add_(1)
    pg.sum(z).backward()


def test_a_write_into_a_result_does_not_reach_what_torch_saved():
    x = Variable(X.clone(), requires_grad=True)
    y = F.elu(x)
    y[0, :] = 0.0
    pg.sum(y).backward()
    t = X.clone().requires_grad_()
    F.elu(t)[1:].sum().backward()
    close([x.grad], [t.grad])


def test_what_writes_is_refused_by_name():
    x = Variable(X, requires_grad=True)
    with pytest.raises(pg.errors.UnsupportedError, match="writes into its argument"):
        F.embedding(LABELS, x, max_norm=1.0)
    for call in (F.relu_, lambda x: F.relu(x, inplace=True), lambda x: F.dropout(x, inplace=True)):
        with pytest.raises(pg.errors.DifferentiationError, match="leaf"):
            call(x)
    with pytest.raises(pg.GraphBreakError, match="raw array"):
        torch.Tensor.__setitem__(X.clone(), 0, F.relu(x)[0])


@pytest.mark.parametrize("call", [
    lambda x: F.relu(x, True), lambda x: F.leaky_relu(x, 0.1, inplace=True),
    lambda x: F.hardtanh(x, inplace=True), lambda x: F.dropout(x, 0.5, True, True),
    lambda x: F.threshold(input=x, threshold=0.1, value=2.0, inplace=True), F.elu_, torch.relu_,
    lambda x: F.rrelu(x, inplace=True), torch.nn.ReLU(inplace=True), torch.sigmoid_,
    lambda x: torch.clamp_(x, -0.5, 0.5), torch.zero_,
])  # fmt: skip
def test_writes_into_the_argument_are_those_of_torch(call):
    x, t = Variable(X.clone(), requires_grad=True), X.clone().requires_grad_()
    v, u = x * 1, t * 1
    torch.manual_seed(0)
    expected = call(u)
    torch.manual_seed(0)
    assert call(v) is v
    close([v], [expected])
    pg.sum(v * v * x).backward()
    (expected * expected * t).sum().backward()
    close([x.grad], [t.grad])


def test_initializations_of_torch():
    for name in ("normal_", "uniform_", "constant_", "xavier_uniform_", "kaiming_uniform_", "eye_"):
        v, t = Variable(X.clone(), requires_grad=True), X.clone()
        args = (2.0,) if name == "constant_" else ()
        for x in (v, t):
            torch.manual_seed(0)
            assert getattr(torch.nn.init, name)(x, *args) is x
        close([v], [t])
        assert v.is_leaf and v.requires_grad


def test_clipping_of_gradients():
    for clip in (
        lambda x: torch.nn.utils.clip_grad_norm_([x], 0.5),
        lambda x: torch.nn.utils.clip_grad_norm_(x, 0.5, norm_type=float("inf")),
        lambda x: torch.nn.utils.clip_grad_value_([x], 0.1),
    ):
        x, t = Variable(X.clone(), requires_grad=True), X.clone().requires_grad_()
        pg.sum(x * x).backward()
        (t * t).sum().backward()
        total, expected = clip(x), clip(t)
        close([x.grad], [t.grad])
        if expected is not None:
            close([total], [expected])


def test_two_graphs_do_not_meet():
    x, t = Variable(X, requires_grad=True), W.clone().requires_grad_()
    with pytest.raises(TypeError, match="two graphs"):
        torch.vstack([x, t])
    f = lambda x: F.softplus(x) * F.softplus(x)  # inside torch's transforms both flow
    theirs = torch.func.grad(lambda t: pg.grad(lambda x: pg.sum(F.softplus(x) * t))(X).sum())(X)
    close([theirs], [torch.sigmoid(X)])
    close([torch.func.grad(lambda t: pg.grad(lambda x: pg.sum(f(x)))(t).sum())(X)],
          [torch.func.grad(lambda t: torch.func.grad(lambda x: f(x).sum())(t).sum())(X)])  # fmt: skip


def test_errors_are_ours_and_name_the_function():
    x = Variable(X, requires_grad=True)
    with pytest.raises(pg.PluggradError, match=r"conv2d"):
        F.conv2d(x, x)
    with pytest.raises(pg.PluggradError, match=r"bmm|matmul"):
        torch.baddbmm(x, x, x)


@pytest.mark.parametrize("training", [True, False])
def test_running_statistics_are_updated_once(training):
    def run(make):
        mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        x = make(IMAGE.clone())
        y = F.batch_norm(x, mean, var, training=training, momentum=0.5)
        return x, y, (mean, var)

    t, y, stats = run(lambda x: x.requires_grad_())
    v, z, found = run(lambda x: Variable(x, requires_grad=True))
    close(found, stats)
    given = seeds([y])
    (g,) = torch.autograd.grad(y, t, given, create_graph=True)
    (h,) = pg.autograd.grad(z, v, given, create_graph=True)
    close([h], [g])
    if training:
        close(pg.autograd.grad(h, v, given), torch.autograd.grad(g, t, given))
    close(found, stats)
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    pg.jvp(
        lambda x: F.batch_norm(x, mean, var, training=training, momentum=0.5), (IMAGE,), (IMAGE,)
    )
    close((mean, var), stats)


def test_random_functions_draw_once():
    x = Variable(X.clone(), requires_grad=True)
    for f in (
        lambda x: F.alpha_dropout(x, 0.5, training=True),
        lambda x: F.rrelu(x, training=True),
        lambda x: F.gumbel_softmax(x, dim=-1),
        lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
    ):
        torch.manual_seed(3)
        t = X.clone().requires_grad_()
        y = f(t) ** 2
        (g,) = torch.autograd.grad(y.sum(), t, create_graph=True)
        after = torch.get_rng_state()
        (h,) = torch.autograd.grad((g**2).sum(), t)
        torch.manual_seed(3)
        z = f(x) ** 2
        (k,) = pg.autograd.grad(pg.sum(z), x, create_graph=True)
        assert torch.equal(torch.get_rng_state(), after)
        (m,) = pg.autograd.grad(pg.sum(k**2), x)
        close([z, k, m], [y, g, h])
    torch.manual_seed(3)
    again = pg.grad(lambda x: pg.sum(pg.checkpoint(lambda x: F.rrelu(x, training=True))(x)))(X)
    torch.manual_seed(3)
    close([again], [pg.grad(lambda x: pg.sum(F.rrelu(x, training=True)))(X)])


def test_random_functions_heed_vmap():
    ones = torch.ones(6, 8)
    f = lambda x: F.alpha_dropout(x, 0.5, training=True)
    with pytest.raises(pg.errors.BatchingError, match="random"):
        pg.vmap(f)(ones)
    rows = pg.vmap(f, randomness="different")(ones)
    assert len(torch.unique(rows, dim=0)) > 1
    same = pg.vmap(lambda x: F.alpha_dropout(Variable(torch.ones(8)), 0.5, training=True) + 0 * x,
                   randomness="same")(ones)  # fmt: skip
    assert len(torch.unique(same, dim=0)) == 1
    apart = pg.vmap(lambda x: F.alpha_dropout(Variable(torch.ones(8)), 0.5, training=True) + 0 * x,
                    randomness="different")(ones)  # fmt: skip
    assert len(torch.unique(apart, dim=0)) > 1
    grads = pg.vmap(pg.grad(lambda x: pg.sum(f(x))), randomness="different")(ones)
    assert len(torch.unique(grads, dim=0)) > 1


def test_out_and_questions():
    x = Variable(X, requires_grad=True)
    out = Variable(torch.zeros(6, 4, dtype=torch.float64))
    y = torch.vstack([x, x], out=out)
    assert y is out and y.requires_grad
    with pytest.raises(pg.GraphBreakError, match="vstack"):
        torch.vstack([x, x], out=torch.zeros(6, 4, dtype=torch.float64))
    assert torch.is_floating_point(x) and torch.numel(x) == 12
    assert F.gelu(x).dtype is torch.float64


def test_threads_have_their_own_calls():
    found = {}

    def work(n):
        x = Variable(X + n, requires_grad=True)
        for _ in range(5):
            x.grad = None
            pg.sum(F.gelu(F.softplus(x))).backward()
        found[n] = x.grad.data

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, g in found.items():
        close([g], [torch.func.grad(lambda x: F.gelu(F.softplus(x)).sum())(X + n)])


def test_saved_hooks_and_anomaly_mode_work():
    x = Variable(X.clone(), requires_grad=True)
    with pg.autograd.saved_tensors_hooks(lambda v: v.data.clone(), lambda v: v):
        y = pg.sum(F.gelu(x))
    with pg.autograd.detect_anomaly():
        z = pg.sum(F.gelu(x))
        z.backward()
    y.backward()
    close([x.grad], [2 * pg.grad(lambda x: pg.sum(F.gelu(x)))(X)])


def test_torch_compile_reads_through():
    needs("torch", minversion="2.13")

    def gradient(x):
        v = Variable(x, requires_grad=True)
        F.gelu(v).backward(v.detach())
        return v.grad.data

    compiled = torch.compile(gradient, backend="eager", fullgraph=True)
    close([compiled(X)], [gradient(X)])


def test_compiled_functions_have_every_order():
    f = lambda x: torch.tanh(x) * x
    compiled = pg.interop.torch.call(torch.compile(f, backend="aot_eager"))
    number = lambda f: lambda x: pg.sum(f(x) ** 2)
    for transformed in (
        lambda f: pg.grad(number(f))(X),
        lambda f: pg.grad(lambda x: pg.sum(pg.grad(number(f))(x) ** 2))(X),
        lambda f: pg.jvp(f, (X,), (X,))[1],
        lambda f: pg.vmap(pg.grad(number(f)))(X),
    ):
        close([transformed(compiled)], [transformed(pg.interop.torch.call(f))])


ENDS = torch.tensor([-1e3, -100.0, -0.0, 0.0, 40.0, 1e3, torch.inf, -torch.inf, torch.nan],
                    dtype=torch.float64)  # fmt: skip


@pytest.mark.parametrize(
    "f", [torch.sigmoid, torch.special.expit, torch.relu, F.relu, F.silu, F.logsigmoid,
          lambda x: torch.softmax(x[:6], 0), lambda x: F.log_softmax(x[:6], 0),
          lambda x: torch.fmax(x, x.flip(0).detach()), lambda x: torch.fmin(x.flip(0).detach(), x)],
    ids=["sigmoid", "expit", "relu", "F.relu", "silu", "logsigmoid", "softmax", "log_softmax",
         "fmax", "fmin"],
)  # fmt: skip
def test_infinities_and_nan_are_those_of_torch(f):
    leaf, v = ENDS.clone().requires_grad_(), Variable(ENDS.clone(), requires_grad=True)
    expected, found = f(leaf), f(v)
    torch.testing.assert_close(found.detach().data, expected.detach(), equal_nan=True)
    weights = torch.arange(1.0, 1.0 + len(expected), dtype=torch.float64)
    (expected * weights).sum().backward()
    pg.sum(found * weights).backward()
    # a tie is split evenly here, and given to one of the two there: 0 and -0 are one
    apart = torch.arange(9) != 4 if f(ENDS).shape == ENDS.shape else slice(None)
    torch.testing.assert_close(v.grad.data[apart], leaf.grad[apart], equal_nan=True)


def test_addmm_without_beta_does_not_look_at_its_input():
    a, b = X, W
    v = Variable(torch.full((3, 4), torch.nan, dtype=torch.float64), requires_grad=True)
    w = Variable(b, requires_grad=True)
    y = torch.addmm(v, a, w, beta=0)
    torch.testing.assert_close(y.detach().data, a @ b)
    pg.sum(y).backward()
    torch.testing.assert_close(w.grad.data, a.T @ torch.ones(3, 4, dtype=torch.float64))
    assert torch.equal(v.grad.data, torch.zeros(3, 4, dtype=torch.float64))
