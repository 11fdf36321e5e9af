"""`vmap(randomness=...)` on torch: what random functions give to each element of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.support.optional import needs

torch = needs("torch")

X = torch.full((3, 8), 0.5, dtype=torch.float64)
F = torch.nn.functional
ROWS: dict[str, Callable[[Any], Any]] = {
    "rand": lambda v: v + torch.rand(8),
    "randn, a tuple": lambda v: v + torch.randn((8,)),
    "randn, a keyword": lambda v: v + torch.randn(size=(2, 1)),
    "of no axes": lambda v: v * torch.randn(()),
    "randint": lambda v: v + torch.randint(1000, (8,)) + torch.randint(0, 1000, size=(8,)),
    "randperm": lambda v: v + torch.randperm(8),
    "normal, a size": lambda v: v + torch.normal(0.0, 1.0, (8,)),
    "normal, of tensors": lambda v: v + torch.normal(torch.zeros(8), torch.ones(8)),
    "rand_like": lambda v: torch.rand_like(v),
    "randn_like, a dtype": lambda v: torch.randn_like(v, dtype=torch.float32),
    "randint_like": lambda v: torch.randint_like(v, 1000),
    "of a plain tensor": lambda v: v + torch.rand_like(X[0]),
    "of a Variable that is not mapped": lambda v: v + torch.rand_like(pg.Variable(X[0])),
    "bernoulli": lambda v: torch.bernoulli(v) + 2 * torch.bernoulli(v) + 4 * torch.bernoulli(v),
    "normal, of mapped values": lambda v: torch.normal(v, 1.0),
    "dropout": lambda v: F.dropout(v + torch.arange(8), 0.4),
    "a module": lambda v: torch.nn.Dropout(0.5)(v),
    "inside a gradient": pg.grad(lambda v: pg.sum(F.dropout(v) * torch.rand(8))),
    "multinomial": lambda v: v + torch.multinomial(torch.ones(8), 8),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", ROWS)
def test_each_element_draws_as_it_is_told(name: str) -> None:
    f = ROWS[name]
    y = pg.vmap(f, randomness="different")(X)
    one = f(pg.Variable(X[0]))
    assert y.shape == (3, *one.shape) and y.dtype == one.dtype
    assert not torch.equal(y[0], y[1]) and not torch.equal(y[1], y[2])
    y = pg.vmap(f, randomness="same")(X)
    assert torch.equal(y[0], y[1]) and torch.equal(y[1], y[2])
    with pytest.raises(RuntimeError, match="randomness='same'` or 'different'") as caught:
        pg.vmap(f)(X)
    assert isinstance(caught.value, pg.PluggradError)


def test_torch_names_the_same_three() -> None:
    """The oracle: torch.func.vmap, of functions that it batches, agrees on what differs."""
    for f in (lambda v: v + torch.rand(8), lambda v: torch.randn_like(v), F.dropout):
        for randomness in ("same", "different"):
            y, other = (vmap(f, randomness=randomness)(X) for vmap in (pg.vmap, torch.func.vmap))
            assert torch.equal(y[0], y[1]) == torch.equal(other[0], other[1])
            assert torch.equal(y[1], y[2]) == torch.equal(other[1], other[2])
        for vmap in (pg.vmap, torch.func.vmap):
            with pytest.raises(RuntimeError, match="random"):
                vmap(f)(X)


def test_numbers_drawn_for_all_at_once_are_those_of_the_library() -> None:
    y = pg.vmap(lambda v: torch.rand_like(v), randomness="different")(X)
    torch.manual_seed(0)
    assert torch.equal(y, torch.rand_like(X))


def test_levels_inside_one_another_each_have_their_own_say() -> None:
    def f(inner: str, outer: str) -> Any:
        function = pg.vmap(lambda v: v * 0 + torch.rand((), dtype=v.dtype), randomness=inner)
        return pg.vmap(function, randomness=outer)(X).numpy()

    assert len(np.unique(f("different", "different"))) == 24
    rows = f("same", "different")
    assert len(np.unique(rows)) == 3 and (rows == rows[:, :1]).all()
    columns = f("different", "same")
    assert len(np.unique(columns)) == 8 and (columns == columns[:1]).all()
    assert len(np.unique(f("same", "same"))) == 1
    with pytest.raises(pg.PluggradError, match="randomness"):
        f("different", "error")


def test_what_is_mapped_only_on_the_way_to_a_jacobian_draws_as_ever() -> None:
    def f(x: Any) -> Any:
        return x * torch.rand(8, dtype=torch.float64)

    expected = []
    for derive in (pg.jacfwd, pg.jacrev):
        torch.manual_seed(1)
        expected.append(derive(f)(X[0]))
    assert torch.equal(*expected)
    torch.manual_seed(1)
    assert torch.equal(expected[0], torch.diag(torch.rand(8, dtype=torch.float64)))


def test_writing_random_numbers_in_place_cannot_differ() -> None:
    with pytest.raises(RuntimeError, match=r"uniform_.*torch\.rand"):
        pg.vmap(lambda v: v + torch.empty(8).uniform_(), randomness="different")(X)
    y = pg.vmap(lambda v: v + torch.empty(8).uniform_(), randomness="same")(X)
    assert torch.equal(y[0], y[1])


def test_dropout_of_a_variable() -> None:
    v = pg.Variable(torch.ones(1000, dtype=torch.float64), requires_grad=True)
    y = F.dropout(v, 0.25)
    pg.sum(y * y).backward()
    kept = y.data != 0
    assert 650 < int(kept.sum()) < 850
    torch.testing.assert_close(y.data, kept.double() / 0.75)
    torch.testing.assert_close(v.grad.data, 2 * kept.double() / 0.75**2)
    assert torch.equal(F.dropout(v, 0.25, training=False).data, v.data)
    assert not F.dropout(v, 1.0).data.any()
