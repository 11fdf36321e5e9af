"""Run by test_torch.py: two processes, over which DTensors are spread. The first one reports."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

import pluggrad as pg
from tests.support.processes import run_checks

X = torch.tensor(np.random.default_rng(1).normal(size=(16, 8)))
ROWS = torch.arange(16) * 3 % 16
PLACES = torch.tensor(np.random.default_rng(0).integers(0, 8, size=(16, 3)))
PLACEMENTS = {"rows": Shard(0), "columns": Shard(1), "copies": Replicate()}

#: One program for pluggrad and one for torch, where the names differ. `d` replicates an array.
PROGRAMS: dict[str, tuple[Callable[..., Any], ...]] = {
    "elementwise": (
        lambda x, d: pg.sum(pg.exp(x) * pg.sin(x) + 2.0 * x - x / 3.0),
        lambda x, d: torch.sum(torch.exp(x) * torch.sin(x) + 2.0 * x - x / 3.0),
    ),
    "shifted rows": (lambda x, d: (x[1:] * x[:-1]).sum(),),
    "shifted columns": (lambda x, d: (x[:, 1:] * x[:, :-1]).sum(),),
    "strides": (lambda x, d: (x[::2] ** 2).sum(),),
    "row": (lambda x, d: (x[3] * x).sum(),),
    "element": (lambda x, d: x[3, 2] ** 2,),
    "new axes": (lambda x, d: (x[:, None, :] * x[:, :, None]).sum(),),
    "rows by integers": (lambda x, d: (x[d(ROWS)] ** 2).sum(),),
    "pairs of integers": (lambda x, d: (x[d(torch.arange(16)), d(PLACES[:, 0])] ** 2).sum(),),
    "several reads": (lambda x, d: sum([(x[i : i + 2] ** (i + 2)).sum() for i in range(4)]),),
    "take": (
        lambda x, d: pg.sum(pg.take(x, d(ROWS), axis=0) ** 2),
        lambda x, d: torch.sum(torch.index_select(x, 0, d(ROWS)) ** 2),
    ),
    "take_along_axis": (
        lambda x, d: pg.sum(pg.take_along_axis(x, d(PLACES), axis=1) ** 2),
        lambda x, d: torch.sum(torch.gather(x, 1, d(PLACES)) ** 2),
    ),
    "concat": (
        lambda x, d: pg.sum(pg.concat([x, x * 2]) ** 2),
        lambda x, d: torch.sum(torch.cat([x, x * 2]) ** 2),
    ),
    "mean": (lambda x, d: x.mean(),),
    "sums": (
        lambda x, d: pg.sum(pg.sum(x, axis=0) ** 2) + pg.sum(pg.sum(x, axis=1) ** 2),
        lambda x, d: torch.sum(torch.sum(x, 0) ** 2) + torch.sum(torch.sum(x, 1) ** 2),
    ),
    "max": (
        lambda x, d: pg.sum(pg.max(x, axis=1) ** 2),
        lambda x, d: torch.sum(torch.amax(x, 1) ** 2),
    ),
    "where": (
        lambda x, d: pg.sum(pg.where(x > 0, x * x, x)),
        lambda x, d: torch.sum(torch.where(x > 0, x * x, x)),
    ),
    "matmul": (
        lambda x, d: pg.sum(pg.tanh(x @ x.T)),
        lambda x, d: torch.sum(torch.tanh(x @ x.T)),
    ),
    "softmax": (
        lambda x, d: pg.sum(pg.softmax(x, axis=1) ** 2),
        lambda x, d: torch.sum(torch.softmax(x, 1) ** 2),
    ),
    "reshape": (
        lambda x, d: pg.sum(pg.reshape(x, (16, 2, 4))[:, 1] ** 2),
        lambda x, d: torch.sum(torch.reshape(x, (16, 2, 4))[:, 1] ** 2),
    ),
}
#: Where torch gathers and our rule leaves the gradient as the input is cut.
LESS_GATHERED = {("softmax", "columns")}


def mesh() -> Any:
    return MESHES[0]


MESHES: list[Any] = []


def spread(x: Any, placement: Any) -> Any:
    return distribute_tensor(x, mesh(), [placement])


def shown(x: Any) -> Any:
    return tuple(map(str, x.placements))


def wanted(x: Any) -> Any:
    """The placements of torch's gradient of `x`; that of `x` where torch leaves partial sums."""
    pairs = zip(x.grad.placements, x.placements, strict=True)
    return tuple([str(own if place.is_partial() else place) for place, own in pairs])


def whole(x: Any) -> Any:
    return x.full_tensor() if isinstance(x, DTensor) else x


def check_program(name: str) -> None:
    """Value, gradient and placements, against torch's own autograd."""
    ours, theirs = PROGRAMS[name][0], PROGRAMS[name][-1]
    plain = X.clone().requires_grad_()
    theirs(plain, lambda t: t).backward()
    for label, placement in PLACEMENTS.items():
        d = partial(spread, placement=Replicate())
        x = spread(X, placement).detach().requires_grad_()
        theirs(x, d).backward()
        v = pg.Variable(spread(X, placement), requires_grad=True)
        y = ours(v, d)
        y.backward()
        got = v.grad.data
        torch.testing.assert_close(whole(got), plain.grad)
        torch.testing.assert_close(whole(x.grad), plain.grad)
        expected = (str(placement),) if (name, label) in LESS_GATHERED else wanted(x)
        assert shown(got) == expected, (label, shown(got), shown(x.grad))


# ---------------------------------------------------------------- writes, and second order


def check_writes() -> None:
    """Writes make new DTensors: they are right along the cut axis, and the input stays."""
    for placement in PLACEMENTS.values():
        results = []
        for x in (spread(X, placement), X.clone()):
            v = pg.Variable(x, requires_grad=True)
            u = v * 1.0
            u[3] = 2.0 * v[4]
            u[8:10, 1] = v[0, :2]
            u[:, 5] = 0.0
            pg.sum(u * u * u).backward()
            results.append((whole(u.detach().data), whole(v.grad.data), whole(x)))
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b)


def check_second_order() -> None:
    """The gradient of a gradient through slices along the cut axis."""

    def f(x: Any) -> Any:
        return pg.sum(pg.grad(lambda y: pg.sum(y[1:] ** 3 * y[:-1]))(x) ** 2)

    for placement in PLACEMENTS.values():
        torch.testing.assert_close(whole(pg.grad(f)(spread(X, placement))), pg.grad(f)(X))


# ---------------------------------------------------------------- parallel training

LAYOUTS = {
    "data": (Shard(0), (Replicate(), Replicate())),
    "tensor": (Replicate(), (Shard(1), Shard(0))),
    "fully sharded": (Shard(0), (Shard(0), Shard(0))),
}


def weights() -> list[Any]:
    rng = np.random.default_rng(2)
    return [torch.tensor(rng.normal(size=s) / 4) for s in ((8, 16), (16, 8))]


def check_mlp(layout: str) -> None:
    """An MLP: gradients and their placements, as torch's own. Fully sharded weights are gathered by
    `redistribute`, and their gradients come back cut."""
    rows, cuts = LAYOUTS[layout]
    gather = layout == "fully sharded"

    def loss(w: Any, x: Any, tanh: Any) -> Any:
        if gather:
            w = [a.redistribute(placements=[Replicate()]) for a in w]
        return ((tanh(x @ w[0]) @ w[1] - x) ** 2).mean()

    x = spread(X, rows)
    theirs = [spread(a, c).detach().requires_grad_() for a, c in zip(weights(), cuts, strict=True)]
    loss(theirs, x, torch.tanh).backward()
    ours = [
        pg.Variable(spread(a, c), requires_grad=True)
        for a, c in zip(weights(), cuts, strict=True)
    ]  # fmt: skip
    loss(ours, x, pg.tanh).backward()
    for v, w in zip(ours, theirs, strict=True):
        torch.testing.assert_close(whole(v.grad.data), whole(w.grad))
        assert shown(v.grad.data) == wanted(w), (shown(v.grad.data), shown(w.grad))


def check_all_reduce_hooks() -> None:
    """Plain data parallel: each process has its rows and all weights, and averages the gradients in
    a hook, as DistributedDataParallel does."""
    rank, size = dist.get_rank(), dist.get_world_size()
    rows = X.chunk(size)[rank]
    model = torch.nn.Sequential(torch.nn.Linear(8, 16, bias=False), torch.nn.Tanh(),
                                torch.nn.Linear(16, 8, bias=False)).double()  # fmt: skip
    for p, w in zip(model.parameters(), weights(), strict=True):
        p.data = w.T.contiguous()
    replicated = torch.nn.parallel.DistributedDataParallel(model)
    ((replicated(rows) - rows) ** 2).mean().backward()

    def average(v: Any) -> None:
        dist.all_reduce(v.grad.data)
        v.grad.data.div_(size)

    ours = [pg.Variable(w.clone(), requires_grad=True) for w in weights()]
    for v in ours:
        v.register_post_accumulate_grad_hook(average)
    pg.mean((pg.tanh(rows @ ours[0]) @ ours[1] - rows) ** 2).backward()
    for v, p in zip(ours, model.parameters(), strict=True):
        torch.testing.assert_close(v.grad.data.T, p.grad)


CHECKS: dict[str, Callable[[], None]] = {
    **{name: partial(check_program, name) for name in PROGRAMS},
    "writes": check_writes,
    "second order": check_second_order,
    **{f"mlp, {layout}": partial(check_mlp, layout) for layout in LAYOUTS},
    "all_reduce hooks beside DDP": check_all_reduce_hooks,
}


def work(rank: int, size: int, port: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=size, timeout=timedelta(seconds=120))
    MESHES.append(dist.device_mesh.init_device_mesh("cpu", (size,)))
    if rank:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  (one process reports)
    run_checks(CHECKS)
    dist.destroy_process_group()


if __name__ == "__main__":
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        free = s.getsockname()[1]
    context = multiprocessing.get_context("fork")  # torch is imported once
    started = [context.Process(target=work, args=(rank, 2, free)) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join()
