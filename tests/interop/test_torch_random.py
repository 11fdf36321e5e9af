"""torch's random functions on Variables draw what torch draws from the same seed, whatever the
strides, and leave its generator in the same state."""

from __future__ import annotations

import pytest

import pluggrad as pg
from pluggrad import Variable
from tests.support.optional import needs

torch = needs("torch")
F = torch.nn.functional

CALLS = {
    "dropout": lambda x: F.dropout(x, 0.3),
    "dropout by its module": lambda x: torch.nn.Dropout(0.3)(x),
    "dropout of all": lambda x: F.dropout(x, 1.0),
    "dropout at rest": lambda x: F.dropout(x, 0.3, training=False),
    "alpha_dropout": lambda x: F.alpha_dropout(x, 0.3, training=True),
    "dropout1d": lambda x: F.dropout1d(x, 0.4),
    "rrelu": lambda x: F.rrelu(x, training=True),
    "gumbel_softmax": lambda x: F.gumbel_softmax(x, dim=-1),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.2),
    "rand_like": torch.rand_like,
    "rand_like in single precision": lambda x: torch.rand_like(x, dtype=torch.float32),
    "randn_like": lambda x: x * torch.randn_like(x),
    "randint_like": lambda x: torch.randint_like(x, 2, 9),
    "bernoulli": lambda x: torch.bernoulli(torch.sigmoid(x)),
    "bernoulli of a chance": lambda x: torch.bernoulli(x, 0.3),
    "bernoulli, the method": lambda x: x.bernoulli(0.3),
    "normal": lambda x: torch.normal(x, torch.exp(x)),
    "normal around a number": lambda x: torch.normal(0.0, torch.exp(x)),
    "poisson": lambda x: torch.poisson(torch.exp(x)),
    "multinomial": lambda x: torch.multinomial(torch.sigmoid(x[0]), 3),
}

TENSORS = {
    "contiguous": torch.linspace(-1.0, 1.0, 60, dtype=torch.float64).reshape(3, 4, 5),
    "transposed": torch.linspace(-1.0, 1.0, 60, dtype=torch.float64).reshape(3, 4, 5).mT,
    "every second": torch.linspace(-1.0, 1.0, 120).reshape(3, 4, 10)[..., ::2],
    "expanded": torch.linspace(-1.0, 1.0, 20, dtype=torch.float64).reshape(4, 5).expand(3, 4, 5),
}


@pytest.mark.parametrize("of", TENSORS)
@pytest.mark.parametrize("name", CALLS)
def test_draws_are_those_of_torch(name, of):
    x = TENSORS[of]
    torch.manual_seed(0)
    expected, after = CALLS[name](x), torch.rand(1)
    torch.manual_seed(0)
    found = CALLS[name](Variable(x, requires_grad=True)).detach()
    found = found.data
    assert torch.equal(torch.rand(1), after)
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=1e-6 if x.dtype == torch.float32 else 1e-14,
                               atol=0.0)  # fmt: skip


def test_dropout_has_torchs_gradient():
    x = TENSORS["transposed"]
    leaf, v = x.clone().requires_grad_(), Variable(x.clone(), requires_grad=True)
    torch.manual_seed(0)
    F.dropout(leaf * leaf, 0.3).sum().backward()
    torch.manual_seed(0)
    F.dropout(v * v, 0.3).sum().backward()
    assert torch.equal(v.grad.data, leaf.grad)


def test_dropout_of_nothing():
    v = Variable(torch.ones(0, 3, dtype=torch.float64), requires_grad=True)
    pg.sum(F.dropout(v, 0.5)).backward()
    assert v.grad.shape == (0, 3)
