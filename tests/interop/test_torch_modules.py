"""Modules and optimizers of torch over Variables: equal to torch's own run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

torch: Any = needs("torch")
nn = torch.nn
f64 = torch.float64


def drawn(*shape: int) -> Any:
    return torch.randn(*shape, dtype=f64, generator=torch.Generator().manual_seed(len(shape)))


class Tied(nn.Module):  # type: ignore[misc]
    """One weight under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4, dtype=f64)
        self.second = nn.Linear(4, 4, dtype=f64)
        self.second.weight = self.first.weight

    def forward(self, x: Any) -> Any:
        return self.second(torch.tanh(self.first(x)))


class Positions(nn.Module):  # type: ignore[misc]
    """An embedding of integers, and a scale without axes."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4, dtype=f64)
        self.scale = nn.Parameter(torch.tensor(2.0, dtype=f64))

    def forward(self, x: Any) -> Any:
        return self.scale * self.table(x)


MODULES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "linear": (lambda: nn.Linear(4, 3, dtype=f64), lambda: drawn(5, 4)),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3, dtype=f64), nn.ReLU(), nn.Flatten(),
                              nn.Linear(18, 2, dtype=f64)),
        lambda: drawn(2, 1, 5, 5),
    ),
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(4, 3, dtype=f64), nn.BatchNorm1d(3, dtype=f64)),
        lambda: drawn(6, 4),
    ),
    "layer norm": (lambda: nn.LayerNorm(4, dtype=f64), lambda: drawn(5, 4)),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, dtype=f64),
        lambda: drawn(2, 3, 8),
    ),
    "lstm": (lambda: nn.LSTM(4, 3, dtype=f64), lambda: drawn(3, 2, 4)),
    "tied": (Tied, lambda: drawn(3, 4)),
    "embedding": (Positions, lambda: torch.tensor([[0, 3], [3, 1]])),
    "dropout": (lambda: nn.Sequential(nn.Linear(4, 9, dtype=f64), nn.Dropout()),
                lambda: drawn(5, 4)),
}  # fmt: skip


def first(y: Any) -> Any:
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.parametrize(("make", "inputs"), MODULES.values(), ids=MODULES)
def test_values_gradients_and_buffers_are_those_of_torch(make: Any, inputs: Any) -> None:
    torch.manual_seed(0)
    own = make()
    f = pg.interop.torch.module(copy.deepcopy(own))
    x = inputs()
    torch.manual_seed(1)
    expected = first(own(x))
    (expected**2).sum().backward()
    torch.manual_seed(1)
    y = first(f(f.parameters, x))
    pg.sum(y**2).backward()
    assert torch.equal(y.detach().data, expected.detach())
    for name, p in own.named_parameters(remove_duplicate=False):
        assert torch.equal(f.parameters[name].grad.data, p.grad), name
    for name, b in own.named_buffers():
        assert torch.equal(dict(f.module.named_buffers())[name], b), name


def test_gradients_by_the_input_and_of_higher_order() -> None:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Linear(4, 3, dtype=f64), nn.Tanh(), nn.Linear(3, 1, dtype=f64))
    f = pg.interop.torch.module(own)
    x = drawn(4)
    v = pg.Variable(x, requires_grad=True)
    (g,) = pg.autograd.grad(pg.sum(f(f.parameters, v)), v, create_graph=True)
    pg.sum(g**2).backward()
    t = x.clone().requires_grad_()
    (gt,) = torch.autograd.grad(own(t).sum(), t, create_graph=True)
    (gt**2).sum().backward()
    for name, p in own.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(f.parameters[name].grad.data, p.grad)
    found = pg.hessian(lambda w: pg.sum(f({"0.weight": w}, x)))(f.parameters["0.weight"].detach())
    assert found.shape == (3, 4, 3, 4)
    batch = pg.vmap(lambda row: f(f.parameters, row))(drawn(5, 4))
    torch.testing.assert_close(batch.detach().data, own(drawn(5, 4)).detach())


def test_statistics_are_updated_once_whatever_the_order() -> None:
    f = pg.interop.torch.module(nn.BatchNorm1d(3, dtype=f64))
    x = pg.Variable(drawn(6, 3), requires_grad=True)
    (g,) = pg.autograd.grad(pg.sum(f(f.parameters, x) ** 3), x, create_graph=True)
    pg.sum(g**2).backward()
    assert int(f.module.num_batches_tracked) == 1
    f.eval()(f.parameters, x)
    assert int(f.module.num_batches_tracked) == 1


def test_parameters_over_numpy() -> None:
    f = pg.interop.torch.module(nn.Linear(2, 1, dtype=f64))
    weight = pg.Variable(np.ones((1, 2)), requires_grad=True)
    y = f({"weight": weight}, pg.Variable(np.asarray([[1.0, 2.0]])))
    pg.sum(y).backward()
    assert weight.grad.data.tolist() == [[1.0, 2.0]]


def test_frozen_and_tied_parameters() -> None:
    m = Tied()
    m.first.bias.requires_grad_(False)
    f = pg.interop.torch.module(m)
    assert not f.parameters["first.bias"].requires_grad
    assert f.parameters["first.weight"] is f.parameters["second.weight"]


def test_state_dicts_go_both_ways() -> None:
    f, g = (pg.interop.torch.module(nn.BatchNorm1d(3, dtype=f64)) for _ in range(2))
    with pg.no_grad():
        f.parameters["weight"] *= 3
    f(f.parameters, drawn(6, 3))
    assert set(f.state_dict()) == set(f.module.state_dict())
    g.load_state_dict(f.state_dict())
    assert g.parameters["weight"].tolist() == [3.0, 3.0, 3.0]
    assert torch.equal(g.module.running_mean, f.module.running_mean)
    assert g.parameters["weight"].is_leaf
    assert g.parameters["weight"].requires_grad
    g.load_state_dict(f.parameters, strict=False)
    assert g.module.weight.tolist() == [3.0, 3.0, 3.0]


def test_odd_calls_of_a_module() -> None:
    f = pg.interop.torch.module(nn.Linear(2, 1))
    for wrong in (lambda: f(torch.ones(2)), lambda: f({"weights": torch.ones(1, 2)}, torch.ones(2)),
                  lambda: f({"weight": torch.ones(2, 2)}, torch.ones(2)),
                  lambda: f({"weight": 1.0}, torch.ones(2)),
                  lambda: f(f.parameters, torch.ones(3)),
                  lambda: pg.interop.torch.module(torch.sin)):  # fmt: skip
        with pytest.raises(pg.PluggradError):
            wrong()


OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "SGD": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "Adam": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.1}),
    "AdamW": (torch.optim.AdamW, {"lr": 0.01, "amsgrad": True}),
    "RMSprop": (torch.optim.RMSprop, {"lr": 0.01}),
    "Rprop": (torch.optim.Rprop, {}),
}


@pytest.mark.parametrize(("kind", "settings"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_are_those_of_torch(kind: Any, settings: Any) -> None:
    torch.manual_seed(0)
    own = nn.Sequential(nn.Linear(4, 3, dtype=f64), nn.Tanh(), nn.Linear(3, 1, dtype=f64))
    f = pg.interop.torch.module(copy.deepcopy(own))
    x = drawn(5, 4)
    theirs = kind(own.parameters(), **settings)
    ours = pg.interop.torch.optimizer(kind, f.parameters, **settings)
    schedules = [torch.optim.lr_scheduler.StepLR(o, 2) for o in (theirs, ours.torch)]
    for _ in range(5):
        theirs.zero_grad()
        (own(x) ** 2).sum().backward()
        theirs.step()
        ours.zero_grad()
        pg.sum(f(f.parameters, x) ** 2).backward()
        ours.step()
        for schedule in schedules:
            schedule.step()
    for name, p in own.named_parameters():
        assert torch.equal(f.parameters[name].data, p.detach()), name
        assert f.parameters[name].is_leaf


def test_groups_closures_and_states_of_optimizers() -> None:
    v, w = (pg.Variable(torch.ones(2, dtype=f64), requires_grad=True) for _ in range(2))
    groups = [{"params": [v], "lr": 0.5}, {"params": [w]}]
    o = pg.interop.torch.optimizer(torch.optim.SGD, groups, lr=0.25)
    pg.sum(v * v + w * w).backward()
    o.step()
    assert (v.tolist(), w.tolist()) == ([0.0, 0.0], [0.5, 0.5])
    o.load_state_dict(o.state_dict())
    assert [group["lr"] for group in o.param_groups] == [0.5, 0.25]

    o = pg.interop.torch.optimizer(torch.optim.LBFGS, [w], max_iter=20)

    def closure() -> Any:
        o.zero_grad()
        loss = pg.sum((w - 3) ** 2)
        loss.backward()
        return loss

    o.step(closure)
    assert w.tolist() == pytest.approx([3.0, 3.0])
    for wrong in ([], [w * 2], ["w"], [torch.ones(2)], [pg.Variable(np.ones(2), requires_grad=True)]):
        with pytest.raises(pg.PluggradError):
            pg.interop.torch.optimizer(torch.optim.SGD, wrong, lr=0.1)
