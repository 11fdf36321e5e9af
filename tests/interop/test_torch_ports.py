"""Training loops written for torch, and the same loops ported: the losses and the parameters are
equal, from the same seeds."""

from __future__ import annotations

import math

import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.optional import needs

torch = needs("torch")
F = torch.nn.functional


def cloned_leaf(x):
    return Variable(x.detach().clone(), requires_grad=True)


def optimizers(kind, parameters, **settings):
    """An optimizer for parameters of torch, or for Variables."""
    if any(isinstance(p, Variable) for p in parameters):
        return pg.interop.torch.optimizer(kind, parameters, **settings)
    return kind(parameters, **settings)


def agree(theirs, ours, rtol):
    losses, parameters = zip(theirs, ours, strict=True)
    torch.testing.assert_close(losses[1], losses[0], rtol=rtol, atol=0.0)
    for a, b in zip(*parameters, strict=True):
        torch.testing.assert_close(b.detach().data, a.detach(), rtol=rtol, atol=rtol)


# ---------------------------------------------------------------- a perceptron, with Adam


def perceptron(make):
    """Dropout, batches of a DataLoader, clipping and decay; `make` makes a leaf."""
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x = torch.randn(64, 5)
    data = TensorDataset(x, torch.sin(x.sum(1, keepdim=True)))
    w1, w2 = make(torch.empty(5, 8)), make(torch.empty(8, 1))
    b1, b2 = make(torch.empty(8)), make(torch.empty(1))
    torch.nn.init.xavier_uniform_(w1)
    torch.nn.init.kaiming_uniform_(w2, a=math.sqrt(5))
    torch.nn.init.constant_(b1, 0.1)
    torch.nn.init.uniform_(b2, -0.1, 0.1)
    parameters = [w1, b1, w2, b2]
    optimizer = optimizers(torch.optim.Adam, parameters, lr=1e-2, weight_decay=1e-3)
    clip = torch.nn.utils.clip_grad_norm_
    losses = []
    for _ in range(3):
        for inputs, targets in DataLoader(data, batch_size=16, shuffle=True):
            hidden = F.dropout(torch.relu(inputs @ w1 + b1), 0.1)
            loss = F.mse_loss(hidden.mm(w2) + b2, targets)
            optimizer.zero_grad()
            loss.backward()
            if hasattr(optimizer, "on_parameters"):
                norm = optimizer.on_parameters(clip, 0.5)
            else:
                norm = clip(parameters, 0.5)
            optimizer.step()
            losses += [loss.item(), norm.item()]
    return torch.tensor(losses), parameters


def test_a_perceptron():
    theirs = perceptron(lambda x: torch.nn.Parameter(x))
    ours = perceptron(cloned_leaf)
    agree(theirs, ours, rtol=1e-5)
    assert all(v.is_leaf and v.requires_grad for v in ours[1])


# ---------------------------------------------------------------- a recurrent network


class Recurrent(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.last = torch.nn.LSTMCell(4, 6), torch.nn.Linear(6, 1)

    def forward(self, steps):
        h = c = steps.new_zeros(steps.shape[1], 6)
        for step in steps:
            h, c = self.cell(step, (h, c))
        return self.last(h)


def by_hand(p, steps):
    """The same, with the gates written out."""
    h = c = torch.zeros(steps.shape[1], 6, dtype=steps.dtype)
    for step in steps:
        gates = step @ p["cell.weight_ih"].T + p["cell.bias_ih"]
        gates = gates + h @ p["cell.weight_hh"].T + p["cell.bias_hh"]
        i, f, g, o = gates.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * c.tanh()
    return F.linear(h, p["last.weight"], p["last.bias"])


def recurrent(way):
    torch.manual_seed(0)
    module = Recurrent().double()
    steps = torch.randn(7, 5, 4, dtype=torch.float64)
    targets = steps.sum((0, 2)).unsqueeze(1)
    if way == "torch":
        f, parameters = module, dict(module.named_parameters())
    elif way == "module":
        whole = pg.interop.torch.module(module)
        parameters = whole.parameters
        f = lambda x: whole(parameters, x)
    else:
        parameters = {name: cloned_leaf(p) for name, p in module.named_parameters()}
        f = lambda x: by_hand(parameters, x)
    optimizer = optimizers(torch.optim.RMSprop, list(parameters.values()), lr=1e-2)
    schedule = torch.optim.lr_scheduler.StepLR(getattr(optimizer, "torch", optimizer), 4, 0.5)
    losses = []
    for _ in range(10):
        loss = F.smooth_l1_loss(f(steps), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64), [parameters[n] for n in sorted(parameters)]


@pytest.mark.parametrize("way", ["module", "by hand"])
def test_a_recurrent_network(way):
    agree(recurrent("torch"), recurrent(way), rtol=1e-12)


# ---------------------------------------------------------------- a variational autoencoder


class Autoencoder(torch.nn.Module):
    """With batch normalization, whose statistics are buffers, and with random numbers."""

    def __init__(self):
        super().__init__()
        self.encode, self.mean = torch.nn.Linear(6, 8), torch.nn.Linear(8, 2)
        self.scale, self.decode = torch.nn.Linear(8, 2), torch.nn.Linear(2, 8)
        self.norm, self.last = torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 6)

    def forward(self, x):
        hidden = F.relu(self.encode(x))
        mean, scale = self.mean(hidden), self.scale(hidden)
        z = mean + torch.randn_like(scale) * torch.exp(0.5 * scale)
        return torch.sigmoid(self.last(self.norm(F.relu(self.decode(z))))), mean, scale


def by_functions(p, buffers, x):
    """The same, with functions of torch on Variables."""
    linear = lambda name, x: F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])
    hidden = F.relu(linear("encode", x))
    mean, scale = linear("mean", hidden), linear("scale", hidden)
    z = mean + torch.randn_like(scale) * torch.exp(0.5 * scale)
    statistics = buffers["norm.running_mean"], buffers["norm.running_var"]
    hidden = F.batch_norm(F.relu(linear("decode", z)), *statistics, p["norm.weight"],
                          p["norm.bias"], training=True)  # fmt: skip
    return torch.sigmoid(linear("last", hidden)), mean, scale


def autoencoder(way):
    torch.manual_seed(0)
    module = Autoencoder().double()
    buffers = dict(module.named_buffers())
    images = torch.rand(32, 6, dtype=torch.float64)
    if way == "torch":
        f, parameters = module, dict(module.named_parameters())
    elif way == "module":
        whole = pg.interop.torch.module(module)
        parameters = whole.parameters
        f = lambda x: whole(parameters, x)
    else:
        parameters = {name: cloned_leaf(p) for name, p in module.named_parameters()}
        f = lambda x: by_functions(parameters, buffers, x)
    optimizer = optimizers(torch.optim.AdamW, list(parameters.values()), lr=1e-2, amsgrad=True)
    losses = []
    for _ in range(5):
        for chosen in torch.randperm(32).split(8):
            found, mean, scale = f(images[chosen])
            loss = F.binary_cross_entropy(found, images[chosen], reduction="sum")
            loss = loss - 0.5 * torch.sum(1 + scale - mean.pow(2) - scale.exp())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    statistics = [buffers["norm.running_mean"], buffers["norm.running_var"]]
    return torch.tensor(losses + torch.cat(statistics).tolist(), dtype=torch.float64), [
        parameters[name] for name in sorted(parameters)
    ]


@pytest.mark.parametrize(("way", "rtol"), [("module", 1e-12), ("functions", 1e-8)])
def test_a_variational_autoencoder(way, rtol):
    # Adam's first steps have the signs of gradients, those that are nearly 0 included
    agree(autoencoder("torch"), autoencoder(way), rtol)


# ---------------------------------------------------------------- parts of loops


def test_on_parameters_gives_gradients_of_their_own():
    v, w = cloned_leaf(torch.ones(3)), cloned_leaf(torch.ones(2))
    steps = pg.interop.torch.optimizer(torch.optim.SGD, [v, w], lr=1.0)
    kept = pg.sum(v * v)
    kept.backward()
    before = v.grad.data
    steps.on_parameters(torch.nn.utils.clip_grad_value_, 0.5)
    assert before.tolist() == [2.0] * 3 and v.grad.tolist() == [0.5] * 3
    assert w.grad is None
    found = steps.on_parameters(torch.nn.utils.parameters_to_vector)
    assert found.shape == (5,)


def test_distributions_without_their_checks():
    from torch.distributions import Normal, kl_divergence

    def loss(mean, scale):
        torch.manual_seed(0)
        q = Normal(mean, scale, validate_args=False)
        prior = Normal(torch.zeros(3), 2 * torch.ones(3))
        return q.log_prob(q.rsample()).sum() + kl_divergence(q, prior).sum()

    theirs = [torch.zeros(3, requires_grad=True), torch.full((3,), 0.5, requires_grad=True)]
    ours = [cloned_leaf(x) for x in theirs]
    expected, found = loss(*theirs), loss(*ours)
    expected.backward()
    found.backward()
    torch.testing.assert_close(found.detach().data, expected.detach())
    for v, x in zip(ours, theirs, strict=True):
        torch.testing.assert_close(v.grad.data, x.grad)


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "trunc_normal_", "xavier_normal_", "kaiming_normal_",
             "kaiming_uniform_", "orthogonal_", "eye_", "ones_"],
)  # fmt: skip
def test_initialization_is_that_of_torch(name):
    init = getattr(torch.nn.init, name)
    v = Variable(torch.zeros(4, 3), requires_grad=True)
    torch.manual_seed(0)
    expected = init(torch.zeros(4, 3))
    torch.manual_seed(0)
    assert init(v) is v
    assert torch.equal(v.detach().data, expected)
    assert v.is_leaf and v.requires_grad and v.grad is None


def test_backward_does_not_make_the_methods_again(monkeypatch):
    """It took 7 ms."""
    from pluggrad.arrays.backend import get_backend

    def again(*args):
        raise AssertionError("the functions were made again")

    v = cloned_leaf(torch.ones(3))
    monkeypatch.setattr(type(get_backend("torch").adapter), "prepare", again)
    (v * v).sum().backward()
    assert v.grad.tolist() == [2.0, 2.0, 2.0]
