"""torch's own graph beside pluggrad's: they never meet in silence, and torch's switch for recording
holds for Variables over torch, outside of transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pluggrad as pg
from tests.support.optional import needs

torch: Any = needs("torch")
F = torch.nn.functional
f64 = torch.float64


def recorded_leaf(*values: float) -> Any:
    return pg.Variable(torch.tensor(values or (1.0, 2.0), dtype=f64), requires_grad=True)


def theirs(*values: float) -> Any:
    return torch.tensor(values or (3.0, 4.0), dtype=f64, requires_grad=True)


def written(u: Any, value: Any) -> Any:
    u[0] = value
    return u


def added(u: Any, value: Any) -> Any:
    u += value
    return u


LAYER = torch.nn.Linear(2, 2, dtype=f64)
MEETINGS: dict[str, Callable[[Any, Any], Any]] = {
    "an operator": lambda v, t: v * t,
    "an operator, the tensor first": lambda v, t: t - v,
    "matmul": lambda v, t: v @ t,
    "a power": lambda v, t: v**t,
    "a function": pg.maximum,
    "where": lambda v, t: pg.where(t > 0, v, t),
    "a list": lambda v, t: pg.concat([v, t]),
    "a bound": lambda v, t: pg.clip(v, t, None),
    "a composite": lambda v, t: pg.interp(v, t, t),
    "a function of the tensor alone before": lambda v, t: pg.exp(t) * v,
    "an untracked Variable of the tensor": lambda v, t: v * pg.Variable(t),
    "a function of torch": torch.mul,
    "a function of torch that pluggrad has not": lambda v, t: torch.addcmul(v, v, t),
    "torch's linear": lambda v, t: F.linear(v, t[None]),
    "a convolution": lambda v, t: F.conv1d(v[None, None], t[None, None]),
    "a module of Variables": lambda v, t: LAYER(v),
    "the result of a module": lambda v, t: LAYER(torch.ones(2, dtype=f64)) * v,
    "a write of an element": lambda v, t: written(v * 1, t[0]),
    "a write in place": lambda v, t: added(v * 1, t),
    "a cotangent of backward": lambda v, t: (v * v).backward(t),
    "a cotangent of grad": lambda v, t: pg.autograd.grad(v * v, v, t),
}


@pytest.mark.parametrize("meeting", MEETINGS.values(), ids=MEETINGS)
def test_two_graphs_do_not_meet_in_silence(meeting: Any) -> None:
    v, t = recorded_leaf(), theirs()
    with pytest.raises(pg.PluggradError, match=r"interop\.torch\.module"):
        meeting(v, t)
    assert v.grad is None
    assert t.grad is None


def test_what_meets_no_variable_that_requires_grad_passes() -> None:
    t = theirs()
    constant = pg.Variable(torch.ones(2, dtype=f64))
    pg.sum(constant * t).data.backward()
    assert t.grad.tolist() == [1.0, 1.0]
    with pg.no_grad():
        assert not (recorded_leaf() * t).requires_grad
    with torch.no_grad():
        assert not (recorded_leaf() * t).requires_grad


def test_inside_transforms_the_gradient_of_torch_flows() -> None:
    t = theirs()
    g = pg.grad(lambda x: pg.sum(x * x * t))(torch.ones(2, dtype=f64))
    g.sum().backward()
    assert t.grad.tolist() == [2.0, 2.0]


def test_tracers_of_torch_func_pass() -> None:
    v = recorded_leaf()
    found = torch.func.grad(lambda x: pg.sum(v.detach() * x * x).data)(torch.ones(2, dtype=f64))
    assert found.tolist() == [2.0, 4.0]


# ---------------------------------------------------------------- torch's switch

SWITCHES = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled": lambda: torch.set_grad_enabled(False),
}
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "an operator": lambda v: v * 2,
    "of two": lambda v: v * v,
    "elementwise": pg.sin,
    "reduction": pg.sum,
    "a method": lambda v: v.sum(),
    "an element": lambda v: v[0],
    "a view": lambda v: v[:1],
    "a list": lambda v: pg.stack([v, v]),
    "a composite": pg.std,
    "several results": lambda v: pg.unstack(v)[0],
    "a function of torch": torch.sin,
    "torch's own derivative": F.gelu,
    "a custom rule": lambda v: Twice.apply(v),
    "a checkpoint": lambda v: pg.checkpoint(pg.sin)(v),
    "a call": lambda v: pg.interop.torch.call(torch.exp)(v),
}


class Twice(pg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2 * g


@pytest.mark.parametrize("switch", SWITCHES.values(), ids=SWITCHES)
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_the_switch_of_torch_stops_recording(switch: Any, operation: Any) -> None:
    v = recorded_leaf()
    with switch():
        y = operation(v)
        assert not y.requires_grad
        with torch.inference_mode(False), torch.enable_grad():
            assert operation(v).requires_grad
    assert operation(v).requires_grad
    assert v.is_leaf
    assert v.requires_grad
    assert y.tolist() == operation(v).detach().tolist()


def test_a_parameter_is_updated_under_no_grad_of_torch() -> None:
    v = recorded_leaf()
    pg.sum(v * v).backward()
    with torch.no_grad():
        v -= 0.5 * v.grad
        v[1] = 7.0
    assert v.tolist() == [0.0, 7.0]
    assert v.is_leaf
    assert v.requires_grad
    with pytest.raises(pg.PluggradError, match="no_grad"):
        v -= 1


def test_a_level_that_is_opened_inside_records() -> None:
    v = recorded_leaf()
    with torch.no_grad():
        g = pg.grad(lambda x: pg.sum(x**3))(v)
        assert not g.requires_grad
        assert g.tolist() == [3.0, 12.0]
        assert pg.hessian(lambda x: pg.sum(x**3))(v).tolist() == [[6.0, 0.0], [0.0, 12.0]]
        assert pg.jvp(pg.sin, (v,), (v,))[1].shape == (2,)


def test_backward_under_no_grad_of_torch() -> None:
    v = recorded_leaf()
    y = pg.sum(pg.checkpoint(lambda x: pg.sin(x) * x)(v) + F.gelu(v))
    with torch.no_grad():
        y.backward()
    expected = recorded_leaf()
    pg.sum(pg.sin(expected) * expected + F.gelu(expected)).backward()
    assert v.grad.tolist() == pytest.approx(expected.grad.tolist())


def test_create_graph_under_no_grad_of_torch() -> None:
    v = recorded_leaf()
    y = pg.sum(v**3)
    with torch.no_grad():
        (g,) = pg.autograd.grad(y, v, create_graph=True)
    assert pg.autograd.grad(pg.sum(g), v)[0].tolist() == [6.0, 12.0]


def test_backward_names_the_switch() -> None:
    with torch.no_grad():
        y = pg.sum(recorded_leaf() * 2)
    with pytest.raises(pg.PluggradError, match=r"torch\.no_grad\(\)"):
        y.backward()


@pytest.mark.parametrize("backend", ["torch", "numpy"])
def test_inside_of_wrap_recording_goes_on(backend: str) -> None:
    def slope(x: Any) -> Any:
        c = pg.Variable(x.detach().data, requires_grad=True)
        return pg.autograd.grad(pg.sum(c**3), c)[0] * x

    f = pg.interop.torch.wrap(slope, backend)
    with torch.no_grad():
        assert f(torch.ones(2, dtype=f64)).tolist() == [3.0, 3.0]
    assert f(theirs(1.0, 2.0)).tolist() == [3.0, 24.0]


def test_items_leave_silently_as_in_torch(recwarn: Any) -> None:
    loss = pg.sum(recorded_leaf())
    assert loss.item() == 3.0
    assert recorded_leaf().tolist() == [1.0, 2.0]
    assert not recwarn.list
    with pytest.raises(pg.GraphBreakError), pg.graph_breaks("error"):
        loss.item()
    with pytest.warns(pg.GraphBreakWarning):
        float(loss)
