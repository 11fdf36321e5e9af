"""A real cluster of processes: gradients survive what the cluster survives. The heavy part is
``python tests/scale/cluster.py``."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

import pluggrad as pg
from tests.scale import cluster as scale
from tests.support.optional import needs
from tests.support.slow import slow_if

needs("distributed")
dask = needs("dask")
da = needs("dask.array")

X = np.asarray([1.0, 2.0, 3.0])


@pytest.fixture(scope="module")
def running() -> Any:
    with scale.cluster_of(2) as found:
        yield found


def test_transforms_and_leaves_travel(running: Any, caplog: Any) -> None:
    _, client = running
    cube = lambda x: pg.sum(x * x * x)  # local, so that it is sent as it is
    calls = {
        "grad": pg.grad(cube), "value_and_grad": pg.value_and_grad(cube), "jacrev": pg.jacrev(cube),
        "jacfwd": pg.jacfwd(cube), "hessian": pg.hessian(cube), "vmap": pg.vmap(pg.grad(pg.exp)),
        "checkpoint": pg.grad(pg.checkpoint(cube)), "compile": pg.compile(pg.grad(cube)),
        "hvp": lambda x: pg.hvp(cube, (x,), (x,)), "jvp": lambda x: pg.jvp(cube, (x,), (x,)),
        "vjp": lambda x: pg.vjp(cube, x)[1](np.asarray(1.0)),
        "linearize": lambda x: pg.linearize(cube, x)[1](x),
        "a namespace": lambda x: pg.namespace("numpy").sin(x).data,
        "a leaf": lambda x: pg.Variable(x, requires_grad=True),
    }  # fmt: skip
    with caplog.at_level(logging.WARNING):
        futures = {name: client.submit(f, X, pure=False) for name, f in calls.items()}
        found = client.gather(futures)
    leaf = found.pop("a leaf")
    assert leaf.is_leaf and leaf.requires_grad
    np.testing.assert_array_equal(leaf.data, X)
    for name, y in found.items():
        expected = calls[name](X)
        parts = isinstance(expected, tuple)
        for mine, theirs in zip(*[z if parts else (z,) for z in (y, expected)], strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-15, err_msg=name)

    # A leaf that a worker holds is a leaf there; one sent from here would lose its gradient.
    def slope(v: Any) -> Any:
        return pg.autograd.grad(pg.sum(v * v), v)[0].data

    np.testing.assert_array_equal(client.submit(slope, futures["a leaf"]).result(), 2 * X)
    with pytest.raises(pg.GraphBreakError, match="submit"):
        client.submit(slope, leaf)
    failures = [r.getMessage() for r in caplog.records if r.name.startswith("distributed")]
    assert [m for m in failures if "ailed" in m or "rror" in m] == []
    logs = str(client.get_worker_logs())
    assert "ailed" not in logs and "rror" not in logs


def test_one_pass_of_the_cluster(running: Any) -> None:
    _, client = running
    x, y = scale.data(6, 50, 4)
    w = pg.Variable(da.from_array(np.linspace(-1, 1, 4)), requires_grad=True)
    loss = scale.logistic(x, y)(w)
    loss.backward()
    expected = scale.by_numpy(6, 50, 4, np.linspace(-1, 1, 4))
    with pg.graph_breaks("ignore"):
        for found in (dask.compute(loss, w.grad), client.gather(client.compute([loss, w.grad]))):
            for mine, theirs in zip(found, expected, strict=True):
                assert scale.error_of(mine, theirs) < scale.CLOSE
    (z,) = client.persist([pg.matmul(x, w)])
    assert z.requires_grad
    again = pg.autograd.grad(pg.mean(pg.logaddexp(0.0, z) - y * z), w)[0]
    assert scale.error_of(again.compute(), expected[1]) < scale.CLOSE


@pytest.mark.parametrize(
    "case", [scale.one_killed, slow_if(True, scale.all_killed), slow_if(True, scale.one_added)]
)
def test_what_the_cluster_survives_gradients_survive(running: Any, case: Any) -> None:
    error, _ = case(*running)
    assert error < scale.CLOSE


def test_a_lost_scheduler_is_a_clear_error() -> None:
    lost = scale.scheduler_lost()
    assert "Cancelled" in lost and "scheduler" in lost, lost
