"""Raise an exception at every line of pluggrad, one at a time, and see what it leaves behind.

    python tests/injected_exceptions.py [--only NAME ...] [--at lines|signals] [--raise KIND]
                                        [--callers N] [--every N] [--show N]

Each program below is run once to the end, to find the lines of pluggrad and of its backends that
it executes; a line that is reached by other callers counts again. Then the program is run anew for
each of them, and an exception is raised there: one that derives from KeyboardInterrupt, as Ctrl-C
sends it, and an ordinary one. Afterwards everything must be as it
was before the program: grad mode, level, modes, the policy of `graph_breaks`, the backend that `use`
chose, the states of random number generators. The `grad` of leaves is that of before or after a
whole step. Views show what is in their base. The same program, run again, gives the right result.

With ``--at signals`` it is raised where Python itself lets a signal in: on entry to a function, after
the call of one in C, and at the end of a loop's body. These points are within lines, too. Then the
lock of `backward` is looked at as well: between the lines, it may be left locked where a `with`
statement ends, and there Python lets no signal in.

A `with` statement of the user's cannot be made safe where the exception comes before the first line
of `__exit__`, which is all that ever runs. These are counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import dataclasses
import dis
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

if __name__ == "__main__":  # beside this file there are folders called like libraries
    sys.path[0] = str(Path(__file__).parents[1])

import numpy as np

import pluggrad as pg
from pluggrad.arrays import choice
from pluggrad.arrays.backend import get_backend
from pluggrad.engine import differentiate, levels
from pluggrad.engine.graph_breaks import _policy
from tests.support.arrays import leaf
from tests.support.optional import folder_of, is_installed

#: Where our code is, in a checkout and where it is installed.
FOLDERS = tuple([
    f"{folder}{os.sep}"
    for name in ("pluggrad", "pluggrad_numpy", "pluggrad_torch")
    if (folder := folder_of(name)) is not None
])  # fmt: skip


class Interrupt(KeyboardInterrupt):
    """What is raised in the place of Ctrl-C."""


class Failure(Exception):
    """What is raised in the place of an ordinary error."""


KINDS: dict[str, type[BaseException]] = {"interrupt": Interrupt, "failure": Failure}

# ---------------------------------------------------------------- programs


@dataclasses.dataclass
class Case:
    """What a program is to the tool: `run` is traced, and what else there is was made before.

    `run(step)` calls `step()` wherever `grad` may have changed, and returns arrays. Each of `views`
    is a base, a view of it and the function that makes the one of the other. `after`, called when
    an exception was raised in `run`, gives what it gives when none was.
    """

    run: Callable[[Callable[[], None]], Any]
    leaves: tuple[Any, ...] = ()
    views: tuple[tuple[Any, Any, Callable[[Any], Any]], ...] = ()
    after: Callable[[], Any] = lambda: None


PROGRAMS: dict[str, Callable[[], Case]] = {}


def program(make: Callable[[], Case]) -> Callable[[], Case]:
    PROGRAMS[make.__name__.replace("_", " ")] = make
    return make


X = np.asarray([0.5, 1.5, 2.5])
M = np.asarray([[1.0, 2.0], [3.0, 4.0]])


@program
def backward() -> Case:
    x, w = leaf(1.0, 2.0, 3.0), leaf(0.5, 0.25, 2.0)

    def run(step: Callable[[], None]) -> Any:
        y = pg.sum(pg.tanh(x * w) + x[1:].sum() * pg.exp(w) @ x)
        y.backward()
        step()
        return y.data

    return Case(run, (x, w))


@program
def accumulating_into_several_leaves() -> Case:
    leaves = tuple([leaf(1.0, 2.0 + i) for i in range(4)])
    pg.sum(leaves[0] * leaves[1] * leaves[2] * leaves[3]).backward()

    def run(step: Callable[[], None]) -> Any:
        total = leaves[0]
        for x in leaves[1:]:
            total = total * pg.sin(x)
        pg.sum(total).backward(retain_graph=True)
        step()
        pg.autograd.backward([total.sum(), pg.sum(leaves[1] ** 2)], inputs=leaves[1:3])
        step()

    return Case(run, leaves)


@program
def grad_with_create_graph() -> Case:
    x = leaf(1.0, 2.0)

    def run(step: Callable[[], None]) -> Any:
        y = pg.sum(pg.exp(x) * x[0] ** 2)
        (g,) = pg.autograd.grad(y, x, create_graph=True)
        (h,) = pg.autograd.grad(g.sum(), x, create_graph=True)
        h.sum().backward(create_graph=True)
        step()
        return g.data, h.data

    return Case(run, (x,))


@program
def batched_cotangents() -> Case:
    x = leaf(1.0, 2.0)

    def run(step: Callable[[], None]) -> Any:
        seeds = np.eye(2)
        return pg.autograd.grad(pg.exp(x) * x, x, seeds, is_grads_batched=True)[0].data

    return Case(run, (x,))


@program
def hooks() -> Case:
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    x.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(lambda v: None)

    def run(step: Callable[[], None]) -> Any:
        y = x * w
        y.retain_grad()
        y.register_hook(lambda g: g + 1)
        y.grad_fn.register_prehook(lambda gs: (gs[0] * 3,))
        y.grad_fn.register_hook(lambda sent, arrived: tuple([pg.sin(g) for g in sent]))
        z = pg.sum(pg.exp(y * 0.1))
        z.backward(create_graph=False)
        step()
        return y.grad.data

    return Case(run, (x, w))


@program
def hooks_recorded() -> Case:
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g * x)

    def run(step: Callable[[], None]) -> Any:
        y = pg.exp(x)
        y.register_hook(lambda g: g * y)
        (g,) = pg.autograd.grad(pg.sum(y * y), x, create_graph=True)
        return g.data, pg.autograd.grad(g.sum(), x)[0].data

    return Case(run, (x,))


@program
def writes_and_views() -> Case:
    base = pg.Variable(np.arange(12.0).reshape(3, 4))
    row, column = base[1], base[:, 1]
    end, turned = row[2:], base.T
    views = (
        (base, row, lambda b: b[1]),
        (base, column, lambda b: b[:, 1]),
        (row, end, lambda b: b[2:]),
        (base, turned, lambda b: b.T),
        (base, end, lambda b: b[1][2:]),
    )
    w = leaf(2.0, 3.0)

    def run(step: Callable[[], None]) -> Any:
        nonlocal row
        end[...] = w * 5
        base[0] = 7.0
        turned[1] += 1.0
        row *= 2.0
        column[0] = w[0]
        y = pg.sum(base * base) + pg.sum(end)
        y.backward()
        step()
        return base.detach().data, y.detach().data

    return Case(run, (w,), views)


@program
def writes_without_recording() -> Case:
    p, q = leaf(1.0, 2.0, 3.0), leaf(4.0, 5.0)
    seen = p[1:]
    pg.sum(p * p).backward()

    def run(step: Callable[[], None]) -> Any:
        nonlocal p
        with pg.no_grad():
            p -= 0.1 * p.grad
            seen[0] = 9.0
            q[...] = 1.0
        p.data = np.asarray([3.0, 2.0, 1.0])
        pg.sum(p * p[0] + q[0]).backward()
        step()
        return p.detach().data

    return Case(run, (p, q), ((p, seen, lambda b: b[1:]),))


@program
def writes_of_what_the_graph_keeps() -> Case:
    base, w = pg.Variable(np.arange(4.0)) * 1.0, leaf(1.0, 2.0, 3.0, 4.0)
    kept = pg.sum(base * w * w)

    def run(step: Callable[[], None]) -> Any:
        base[0] = 7.0
        base[1] = 8.0
        y = pg.sum(base * w)
        base[2:] = 9.0
        y.backward()
        step()

    def after() -> Any:
        base[3] = 5.0
        return pg.autograd.grad(kept, w)[0].data

    return Case(run, (w,), (), after)


@program
def writes_inside_transforms() -> Case:
    def f(x: Any) -> Any:
        u = pg.zeros(3) * 1.0
        v = u[1:]
        u[0] = x[0]
        v[...] = x[1:] * 2
        v[0] += 1.0
        with pg.no_grad():
            u[2] = 5.0
        return pg.sum(u * u * x)

    def run(step: Callable[[], None]) -> Any:
        return (
            pg.grad(f)(X),
            pg.jvp(f, (X,), (X,))[1],
            pg.vmap(pg.grad(f))(np.stack([X, X])),
            pg.grad(lambda x: pg.sum(pg.grad(f)(x)))(X),
        )

    return Case(run)


@program
def modes_as_context_managers() -> Case:
    x = leaf(1.0, 2.0)

    def run(step: Callable[[], None]) -> Any:
        with pg.no_grad():
            a = pg.exp(x)
            with pg.enable_grad():
                b = pg.exp(x)
            with pg.set_grad_enabled(True):
                c = pg.exp(x)
        with pg.set_grad_enabled(False), pg.inference_mode():
            d = pg.exp(x)
        mode = pg.no_grad()
        with mode, mode:
            pass
        return [v.requires_grad for v in (a, b, c, d)]

    return Case(run, (x,))


@program
def modes_inside_transforms() -> Case:
    def f(x: Any) -> Any:
        with pg.no_grad():
            c = x * 2
            with pg.enable_grad():
                d = x * 3
        return pg.sum(c * x * d)

    def run(step: Callable[[], None]) -> Any:
        return pg.grad(f)(X), pg.hessian(f)(X), pg.vmap(pg.grad(lambda x: f(x * X)))(X)

    return Case(run)


@program
def modes_as_decorators() -> Case:
    x = leaf(1.0, 2.0)

    @pg.no_grad()
    def off() -> Any:
        return pg.exp(x)

    @pg.enable_grad
    def on() -> Any:
        return pg.exp(x), off()

    @pg.set_grad_enabled(False)
    def by_flag() -> Any:
        return on()

    @pg.strong_zeros()
    def strong() -> Any:
        return pg.exp(x)

    def run(step: Callable[[], None]) -> Any:
        return by_flag()[0].requires_grad, off().requires_grad, strong().data

    return Case(run, (x,))


@program
def modes_on_generators() -> Case:
    x = leaf(1.0, 2.0)

    @pg.no_grad()
    def numbers() -> Iterator[Any]:
        try:
            yield pg.exp(x)
            yield pg.sin(x)
        finally:
            pg.cos(x)

    @pg.no_grad()
    async def wait() -> Any:
        await asyncio.sleep(0)
        return pg.exp(x)

    @pg.no_grad()
    async def several() -> Any:
        yield pg.exp(x)
        yield pg.sin(x)

    async def gather() -> Any:
        return [await wait(), *[v async for v in several()]]

    def run(step: Callable[[], None]) -> Any:
        made = [v.requires_grad for v in numbers()]
        some = numbers()
        next(some)
        some.close()
        some = numbers()
        next(some)
        try:
            some.throw(ValueError)
        except ValueError:
            made.append(x.requires_grad)
        coroutine = gather()  # without a loop of asyncio's, which would take hold of interrupts
        try:
            while True:
                coroutine.send(None)
        except StopIteration as end:
            made += [v.requires_grad for v in end.value]
        return made

    return Case(run, (x,))


@program
def anomaly_detection() -> Case:
    x = leaf(1.0, 2.0)

    def run(step: Callable[[], None]) -> Any:
        with pg.autograd.detect_anomaly():
            y = pg.sum(pg.exp(x) * x)
            (g,) = pg.autograd.grad(y, x, create_graph=True)
            pg.sum(g).backward()
            step()
        with pg.autograd.set_detect_anomaly(True), pg.autograd.set_detect_anomaly(False):
            z = pg.exp(x)
        return y.data, z.data

    return Case(run, (x,))


@program
def saved_tensors_hooks() -> Case:
    x = leaf(1.0, 2.0)

    def run(step: Callable[[], None]) -> Any:
        with pg.autograd.saved_tensors_hooks(lambda v: (v * 1.0).tolist(), np.asarray):
            y = pg.sum(pg.exp(x) * x)
        y.backward()
        step()
        return y.data

    return Case(run, (x,))


@program
def strong_zeros() -> Case:
    def run(step: Callable[[], None]) -> Any:
        f = lambda x: pg.sum(pg.where(x > 0, pg.sqrt(x), 0.0))
        with pg.strong_zeros():
            return pg.grad(f)(np.asarray([0.0, 4.0])), pg.jvp(f, (X,), (X,))[1]

    return Case(run)


@program
def debug() -> Case:
    x, w = leaf(1.0, 2.0), np.asarray([2.0, 3.0])

    def run(step: Callable[[], None]) -> Any:
        with pg.debug(mutations=True):
            y = pg.sum(x * w)
        y.backward()
        step()

    return Case(run, (x,))


@program
def breaks_and_backends() -> Case:
    x = leaf(1.0, 2.0)

    def run(step: Callable[[], None]) -> Any:
        with pg.graph_breaks("ignore"):
            a = np.asarray(x)
            with pg.graph_breaks("warn"):
                b = float(x[0])
        with pg.use("numpy", dtype="float32"), pg.use("numpy"):
            c = pg.zeros(2).data
        return a, b, c

    return Case(run, (x,))


@program
def transforms() -> Case:
    def f(x: Any) -> Any:
        return pg.sum(pg.sin(x) * x**2)

    def run(step: Callable[[], None]) -> Any:
        _, pull = pg.vjp(lambda x: pg.exp(x) * x, X)
        _, push = pg.linearize(lambda x: pg.exp(x) * x, X)
        return (
            pg.grad(f)(X),
            pg.value_and_grad(f)(X),
            pull(X),
            push(X),
            pg.jvp(f, (X,), (X,)),
            pg.vmap(lambda x: x * pg.sum(X * x))(X),
        )

    return Case(run)


@program
def jacobians() -> Case:
    def f(x: Any) -> Any:
        return pg.exp(x) * x[0]

    def run(step: Callable[[], None]) -> Any:
        return pg.jacrev(f)(X), pg.jacfwd(f)(X), pg.hessian(lambda x: pg.sum(f(x)))(X)

    return Case(run)


@program
def transforms_nested() -> Case:
    def f(x: Any) -> Any:
        return pg.sum(pg.sin(x) * x**2)

    w = leaf(2.0, 1.0, 0.5)

    def run(step: Callable[[], None]) -> Any:
        g = pg.grad(lambda x: pg.sum(pg.grad(f)(x) * pg.jvp(f, (x,), (X,))[1]) * w[0])(X)
        pg.sum(g * w).backward()
        step()
        h = pg.jvp(lambda x: pg.vmap(pg.grad(lambda y: pg.sin(y) * y))(x), (X,), (X,))[1]
        return g.detach().data, h, pg.jvp(lambda x: pg.jvp(f, (x,), (x,))[1], (X,), (X,))[1]

    return Case(run, (w,))


@program
def exceptions_caught_inside_transforms() -> Case:
    kept: list[bool] = []
    cube = pg.checkpoint(lambda x: x**3)

    def f(x: Any) -> Any:
        state = levels.read()
        assert state.level.inside is state
        try:
            y = pg.sin(x) * x + pg.sum(pg.grad(lambda z: pg.sum(z * z * x))(x))
            pg.sum(pg.clip(y, 0.0, 1.0))
            pg.no_grad()(pg.exp)(x)
            cube(x)
        except BaseException:
            pass
        kept.append(levels.read() is state)
        return pg.sum(x * x)

    def run(step: Callable[[], None]) -> Any:
        g = pg.grad(f)(X), pg.jvp(f, (X,), (X,))[1], pg.grad(lambda x: pg.sum(pg.grad(f)(x)))(X)
        return g, all(kept)

    return Case(run, after=lambda: all(kept))


@program
def linear_algebra() -> Case:
    a = M @ M.T + np.eye(2)

    def run(step: Callable[[], None]) -> Any:
        f = lambda a: pg.sum(pg.linalg.eigh(a)[0] ** 2) + pg.sum(pg.linalg.cholesky(a))
        return pg.grad(f)(a), pg.jvp(f, (a,), (a,))[1]

    return Case(run)


@program
def hvp_and_its_programs() -> Case:
    from pluggrad.staging import replay

    replay.PROGRAMS.clear()
    f = lambda x: pg.sum(pg.exp(x) * x)
    for _ in range(replay.OFTEN):
        pg.hvp(f, (X,), (X,))

    def run(step: Callable[[], None]) -> Any:
        return [pg.hvp(f, (X,), (X,)) for _ in range(3)]

    return Case(run)


@program
def checkpoints() -> Case:
    x, w = leaf(1.0, 2.0), leaf(0.5, 0.25)

    @pg.checkpoint
    def inner(x: Any) -> Any:
        return pg.sin(x) * w

    @pg.checkpoint
    def block(x: Any) -> Any:
        return pg.tanh(inner(x) * w) + np.random.normal(size=2)  # noqa: NPY002

    np.random.seed(3)  # noqa: NPY002
    y = pg.sum(block(x))

    def run(step: Callable[[], None]) -> Any:
        y.backward()
        step()
        return pg.grad(lambda x: pg.sum(inner(inner(x))))(np.ones(2)).data

    return Case(run, (x, w))


@program
def checkpoints_called() -> Case:
    w = leaf(0.5, 0.25, 1.0)
    block = pg.checkpoint(lambda x: pg.tanh(pg.sin(x) * w))

    def run(step: Callable[[], None]) -> Any:
        y = pg.sum(block(X))
        with pg.no_grad():
            block(X)
        with pg.strong_zeros(), pg.use("numpy", dtype="float64"):
            z = block(X)
        (y + z.sum()).backward()
        step()
        return pg.hessian(lambda x: pg.sum(block(x)))(X).data

    return Case(run, (w,))


@program
def custom_rules() -> Case:
    x = leaf(1.0, 2.0)

    @pg.custom_vjp
    def f(x: Any) -> Any:
        return pg.exp(x)

    f.defvjp(lambda x: (pg.exp(x), pg.exp(x)), lambda saved, g: (g * saved,))

    @pg.custom_jvp
    def h(x: Any) -> Any:
        return pg.sin(x)

    h.defjvp(lambda primals, tangents: (h(primals[0]), pg.cos(primals[0]) * tangents[0]))

    class Cube(pg.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    def run(step: Callable[[], None]) -> Any:
        pg.sum(f(x) * h(x) * Cube.apply(x)).backward()
        step()
        every = lambda x: pg.sum(f(x) * h(x) * Cube.apply(x))
        return (
            pg.grad(every)(X),
            pg.jvp(every, (X,), (X,))[1],
            pg.vmap(pg.grad(lambda x: f(x) * h(x)))(X),
            pg.hvp(every, (X,), (X,)),
        )

    return Case(run, (x,))


@program
def flags_and_handles() -> Case:
    x = leaf(1.0, 2.0)

    def run(step: Callable[[], None]) -> Any:
        y = x.detach()
        y.requires_grad_()
        pg.sum(y * x).backward()
        step()
        y.requires_grad = False
        y.grad = None
        y[0] = 3.0
        return y.data, pg.Variable(X, volatile=True).sum().data

    return Case(run, (x,))


if is_installed("torch"):
    import torch

    get_backend("torch")

    @program
    def torch_and_its_random_states() -> Case:
        x = pg.Variable(torch.ones(3, dtype=torch.float64), requires_grad=True)
        drop = torch.Generator()
        drop.manual_seed(4)

        @pg.checkpoint
        def block(x: Any) -> Any:
            mask = torch.rand(3, generator=drop, dtype=torch.float64)
            return pg.sin(x) * torch.rand(3, dtype=torch.float64) * mask

        torch.manual_seed(5)
        y = pg.sum(block(x))

        def run(step: Callable[[], None]) -> Any:
            y.backward()
            step()
            x.grad[0] = 1.0
            step()

        return Case(run, (x,))

    @program
    def torch_drawing_inside_vmap() -> Case:
        def run(step: Callable[[], None]) -> Any:
            f = pg.vmap(lambda x: x * torch.rand(2).sum() * 0, randomness="different")
            before = torch.get_rng_state()
            try:
                return f(torch.ones(3)).tolist()
            finally:
                torch.set_rng_state(before)

        return Case(run)


# ---------------------------------------------------------------- injecting


class Injector:
    """A trace function that counts the places in pluggrad's files, and raises at one of them."""

    def __init__(self, at: str, place: int | None = None, error: Any = None) -> None:
        self.signals, self.place, self.error = at == "signals", place, error
        self.count = 0
        self.where: Where | None = None
        self.places: list[tuple[Any, ...]] = []
        self.previous: dict[FrameType, int] = {}
        self.called: set[FrameType] = set()  # those that have just called a function in Python

    def __enter__(self) -> Injector:
        sys.settrace(self.trace)
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(None)
        self.previous.clear()
        self.called.clear()

    def trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        caller = frame.f_back
        if (
            self.signals
            and caller is not None
            and frame.f_code.co_name not in ("__init__", "__new__")
        ):
            self.called.add(caller)
        if not frame.f_code.co_filename.startswith(FOLDERS):
            return None
        if self.signals:
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            self.hit(frame, True)
            return self.opcodes
        return self.lines

    def lines(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self.hit(frame, frame.f_lineno == first_line(frame))
        return self.lines

    def opcodes(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "opcode":
            before = self.previous.get(frame)
            self.previous[frame] = frame.f_code.co_code[frame.f_lasti]
            if before in LETTING_IN and frame not in self.called:
                self.hit(frame, frame.f_lineno == first_line(frame))
            self.called.discard(frame)
        elif event == "return":
            self.previous.pop(frame, None)
        return self.opcodes

    def hit(self, frame: FrameType, first: bool) -> None:
        self.count += 1
        if self.place is None:
            self.places.append(way_to(frame))
        elif self.count - 1 == self.place:
            caller = frame.f_back
            outside = caller is None or not caller.f_code.co_filename.startswith(FOLDERS)
            self.where = Where(frame.f_code.co_filename, frame.f_lineno,
                               frame.f_code.co_qualname, first and outside)  # fmt: skip
            raise self.error("injected")


def way_to(frame: FrameType | None) -> tuple[Any, ...]:
    """The line that a frame is at, and those of the callers in pluggrad, up to DEEP."""
    way: list[Any] = []
    while frame is not None and frame.f_code.co_filename.startswith(FOLDERS) and len(way) < DEEP:
        way.append((frame.f_code, frame.f_lasti if not way else frame.f_lineno))
        frame = frame.f_back
    return tuple(way)


DEEP = 6

#: The instructions after which the interpreter looks whether a signal has come; not so after the
#: call of a function in Python.
LETTING_IN = {
    dis.opmap[name] for name in ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD")
    if name in dis.opmap
}  # fmt: skip


def first_line(frame: FrameType) -> int:
    """The first line of the body of a frame's function."""
    for _, _, line in frame.f_code.co_lines():
        if line is not None and line != frame.f_code.co_firstlineno:
            return line
    return frame.f_code.co_firstlineno


@dataclasses.dataclass
class Where:
    """Where the exception was raised; `entry`: at the very beginning of a function that the user's
    code called."""

    file: str
    line: int
    function: str
    entry: bool

    @property
    def cannot_be_helped(self) -> bool:
        """Whether a `with` statement of the user's was being left, and nothing had run yet."""
        return self.entry and self.function.split(".")[-1] in ("__enter__", "__exit__")

    def __str__(self) -> str:
        file = "/".join(Path(self.file).parts[-2:])
        return f"{file}:{self.line} {self.function}"


# ---------------------------------------------------------------- judging


def plain(x: Any) -> Any:
    """`x` in a form that `same` can compare."""
    if isinstance(x, pg.Variable):
        x = x.detach().data
    if isinstance(x, (list, tuple)):
        return [plain(item) for item in x]
    return None if x is None else np.array(x)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list) or isinstance(b, list):
        alike = isinstance(a, list) and isinstance(b, list) and len(a) == len(b)
        return alike and all(same(x, y) for x, y in zip(a, b, strict=True))
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b)


def grads(case: Case) -> list[Any]:
    return [plain(x.grad) for x in case.leaves]


def random_states() -> list[Any]:
    found = [np.random.get_state()[1]]  # noqa: NPY002
    if "torch" in sys.modules:
        found.append(sys.modules["torch"].get_rng_state().numpy())
    return [np.array(x) for x in found]


def left_on(before: list[Any], at: str) -> list[str]:
    """What is not as it was when a program began; it is put right on the way."""
    found = []
    state = levels.read()
    if state.level is not levels.ROOT:
        found.append("a level")
    if state.off:
        found.append("grad mode")
    if state.modes is not None:
        found.append("modes")
    if not found and state is not levels.START:
        found.append("another state object")
    if _policy.get():
        found.append("graph_breaks")
    if differentiate.ACCUMULATING._is_owned():  # type: ignore[attr-defined]
        differentiate.ACCUMULATING.release()
        if at == "signals":
            found.append("a lock")
    if "torch" in sys.modules:
        overrides = sys.modules["torch.overrides"]
        if overrides._get_current_function_mode_stack():
            found.append("a mode of torch's")
            sys.modules["torch"]._C._pop_torch_function_stack()
        inside = sys.modules["torch"]._C
        if not inside._is_torch_function_enabled():
            found.append("torch's functions, which do not ask Variables")
            inside._set_torch_function_state(inside._TorchFunctionState.ENABLED)
    if choice.chosen() is not choice.NO_CHOICE:
        found.append("the backend of use")
    if not same(random_states(), before):
        found.append("random states")
    levels.put(levels.START)
    _policy.set("")
    choice.choose(choice.NO_CHOICE)
    return found


@dataclasses.dataclass
class Whole:
    """A program that was run to the end: how many places it has, and what is right afterwards."""

    places: list[tuple[Any, ...]]
    grads: list[Any]
    result: Any
    after: Any


def run_whole(make: Callable[[], Case], at: str) -> Whole:
    make().run(lambda: None)  # what is made on first use is there
    case = make()
    steps = [grads(case)]
    with Injector(at) as injector:
        result = case.run(lambda: steps.append(grads(case)))
    return Whole(injector.places, steps, plain(result), plain(case.after()))


def inject(
    make: Callable[[], Case], whole: Whole, at: str, place: int, error: type[BaseException]
) -> tuple[Where | None, list[str]]:
    """Run a program with an exception at one place: where that was, and what is wrong then."""
    case = make()
    before = random_states()
    ended = result = None
    with Injector(at, place, error) as injector:
        try:
            result = case.run(lambda: None)
            ended = True
        except BaseException as raised:
            if injector.where is None:
                raise
            del raised
    if injector.where is None:
        return None, []  # it took another way, with fewer places
    found = left_on(before, at)
    if ended and not same(plain(result), whole.result):
        found.append("a wrong result")
    try:
        if not any(same(grads(case), step) for step in whole.grads):
            found.append("half of the grads")
        if not all(same(plain(v), plain(look(base.detach().data))) for base, v, look in case.views):
            found.append("a view out of step")
        if not same(plain(case.after()), whole.after):
            found.append("a saved value that changed")
    except Exception:
        found.append("a handle that cannot be read")
    try:
        if not same(plain(make().run(lambda: None)), whole.result):
            found.append("a wrong result afterwards")
    except Exception as raised:
        found.append(f"an error afterwards ({type(raised).__name__})")
    left_on(before, at)
    return injector.where, found


def chosen_places(whole: Whole, callers: int, every: int = 1) -> list[int]:
    """The first time that each line is reached by other callers, and one in `every` of these."""
    first: dict[tuple[Any, ...], int] = {}
    for place, way in enumerate(whole.places):
        first.setdefault(way[: callers + 1], place)
    return list(first.values())[::every]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="programs with this in the name")
    parser.add_argument("--at", choices=("lines", "signals"), default="lines")
    parser.add_argument("--raise", dest="kind", choices=(*KINDS, "both"), default="both")
    parser.add_argument("--callers", type=int, default=2, metavar="N",
                        help="a line counts again where N callers are others (up to 5)")  # fmt: skip
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one place in N")
    parser.add_argument("--show", type=int, default=40, metavar="N", help="places to name")
    chosen = parser.parse_args()
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    kinds = list(KINDS) if chosen.kind == "both" else [chosen.kind]
    picked = {
        name: make for name, make in PROGRAMS.items()
        if not chosen.only or any(part in name for part in chosen.only)
    }  # fmt: skip
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda unraisable: None
    wrong: collections.Counter[str] = collections.Counter()
    helpless: collections.Counter[str] = collections.Counter()
    places: collections.Counter[str] = collections.Counter()
    console = Console()
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn(),
               TextColumn("{task.fields[left]} left on"))  # fmt: skip
    injected = bad = 0
    with Progress(*columns, console=console) as progress:
        wholes = {name: run_whole(make, chosen.at) for name, make in picked.items()}
        todo = [
            (name, place, kind) for name in picked for kind in kinds
            for place in chosen_places(wholes[name], chosen.callers, chosen.every)
        ]  # fmt: skip
        task = progress.add_task("", total=len(todo), left=0)
        for name, place, kind in todo:
            progress.update(task, description=name, advance=1, left=bad)
            where, found = inject(picked[name], wholes[name], chosen.at, place, KINDS[kind])
            if where is None:
                continue
            injected += 1
            counts = helpless if where.cannot_be_helped else wrong
            counts.update(found)
            if found and not where.cannot_be_helped:
                bad += 1
                places[f"{where}: {', '.join(found)} ({name})"] += 1
    what = "lines" if chosen.at == "lines" else "points at which Python lets signals in"
    console.print(
        f"{injected} {what} at which an exception was injected, in {len(picked)} programs"
    )
    for title, counts in (("left on or wrong", wrong), ("cannot be helped: at the entry of "
                          "__enter__ or __exit__ of the user's own `with`", helpless)):  # fmt: skip
        console.print(f"{title}: {counts.total()}")
        for kind, count in counts.most_common():
            console.print(f"  {count:6} {kind}")
    for line, count in places.most_common(chosen.show):
        console.print(f"  {count} × {line}", soft_wrap=True, highlight=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
