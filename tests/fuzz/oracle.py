"""What a program means, on torch tensors that are never written.

Every array is a flat base, and a handle is a map of positions in it (an array of integers, to which
NumPy's own indexing and transposing is applied). A write makes a new base with `torch.index_put`. So
torch.autograd sees no views and no mutation, and has derivatives of every order. Custom rules and
`checkpoint` are what their functions compute, `vmap` is a loop, and the derivatives inside of a program
are those of torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .programs import CALLS, LOOPS, VIEWS, Program, Statement, Sub, loop, numpy_key

__all__ = ["Oracle", "loss", "rows_of", "terms", "weights"]


class Base:
    """The elements of an array, and how often they were written."""

    def __init__(self, flat: torch.Tensor) -> None:
        self.flat, self.version = flat, 0


class Handle:
    """Positions in a base, and the value as it was at some version.

    The value of a view that was made under `no_grad` is a constant until its base is written.
    """

    def __init__(self, base: Base, at: np.ndarray[Any, Any], value: torch.Tensor) -> None:
        self.base, self.at, self.value, self.version = base, at, value, base.version

    def read(self) -> torch.Tensor:
        if self.version != self.base.version:
            self.value = pick(self.base.flat, self.at)
            self.version = self.base.version
        return self.value


class Keep(torch.autograd.Function):
    """The new value, with the place of the old one in the graph: a write under `no_grad`."""

    @staticmethod
    def forward(ctx: Any, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        return new.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g, None


def pick(flat: torch.Tensor, at: np.ndarray[Any, Any]) -> torch.Tensor:
    """The elements at these positions."""
    return flat[torch.from_numpy(np.ascontiguousarray(at).reshape(-1))].reshape(at.shape)


def fresh(value: torch.Tensor) -> Handle:
    """An array of its own."""
    return Handle(Base(value.reshape(-1)), np.arange(value.numel()).reshape(value.shape), value)


class Oracle:
    """Runs programs. `copied` tells of the reshapes that the backend answered with a copy.

    With `frozen`, the constants of an earlier run (what was detached, or made under `no_grad`) are
    used again, so that finite differences see the same constants as derivatives do.
    """

    def __init__(self, copied: set[str] | None = None, frozen: list[Any] | None = None) -> None:
        self.copied = copied or set()
        self.quiet = False
        self.constants: list[Any] = []
        self.frozen = None if frozen is None else iter(frozen)

    def run(self, program: Program, xs: list[torch.Tensor]) -> list[torch.Tensor]:
        """The outputs."""
        env = {f"x{i}": fresh(x) for i, x in enumerate(xs)}
        self.block(program.body, env)
        return [env[name].read() for name in program.outputs]

    def block(self, body: Any, env: dict[str, Handle]) -> None:
        for statement in body:
            self.step(statement, env)

    def still(self, value: torch.Tensor) -> torch.Tensor:
        """A constant."""
        value = value.detach() if self.frozen is None else next(self.frozen)
        self.constants.append(value)
        return value

    def result(self, value: torch.Tensor) -> torch.Tensor:
        return self.still(value) if self.quiet else value

    def step(self, s: Statement, env: dict[str, Handle]) -> None:
        match s.op:
            case "call":
                name, settings = s.info
                values = [env[i].read() for i in s.ins]
                if name == "detach":
                    value = self.still(values[0])
                elif name == "zeros":
                    value = torch.zeros_like(values[0])
                else:
                    value = self.result(CALLS[name].torch(*values, **settings))
                env[s.out] = fresh(value)
            case "view":
                name, setting = s.info
                env[s.out] = self.view(env[s.ins[0]], name, setting, s.out in self.copied)
            case "take":
                a = env[s.ins[0]].read()
                at = np.arange(a.numel()).reshape(a.shape)[numpy_key(s.info)]
                env[s.out] = fresh(self.result(pick(a.reshape(-1), at)))
            case "write":
                self.write(s, env)
            case "inplace":
                operator, number = s.info
                a = env[s.ins[0]]
                b = env[s.ins[1]].read() if number is None else number
                self.put(a, a.at, joined(operator, a.read(), b))
            case "look":
                env[s.ins[0]].read()
            case "quiet":
                before, self.quiet = self.quiet, True
                self.block(s.info, env)
                self.quiet = before
            case "sub":
                env[s.out] = fresh(self.result(self.sub(s.info, s.ins, env)))
            case _:
                raise ValueError(s.op)

    def view(self, a: Handle, name: str, setting: Any, copied: bool) -> Handle:
        at = np.asarray(VIEWS[name].positions(a.at, setting))
        value = a.read()
        places = VIEWS[name].positions(np.arange(value.numel()).reshape(value.shape), setting)
        value = self.result(pick(value.reshape(-1), np.asarray(places)))
        return fresh(value) if copied else Handle(a.base, at, value)

    def write(self, s: Statement, env: dict[str, Handle]) -> None:
        key, operator, number, lead = s.info
        a = env[s.ins[0]]
        at = np.asarray(a.at[numpy_key(key)])
        value: Any = number
        if number is None:
            value = env[s.ins[1]].read()
            value = value.reshape((1,) * lead + value.shape)
        if operator != "=":
            now = a.read()
            places = np.arange(now.numel()).reshape(now.shape)[numpy_key(key)]
            value = joined(operator, pick(now.reshape(-1), np.asarray(places)), value)
        self.put(a, at, value)

    def put(self, a: Handle, at: np.ndarray[Any, Any], value: Any) -> None:
        """Write `value` at these positions of the base; the last of duplicates wins."""
        base = a.base
        if not isinstance(value, torch.Tensor):
            value = torch.full((), value, dtype=torch.float64)
        while value.ndim > at.ndim:  # as NumPy does: leading axes of one are let go
            value = value[0]
        value = value.expand(at.shape).reshape(-1)
        flat = at.reshape(-1)
        _, first = np.unique(flat[::-1], return_index=True)
        last = len(flat) - 1 - first
        value = value[torch.from_numpy(last)]
        new = base.flat.index_put((torch.from_numpy(flat[last]),), value)
        if self.quiet:
            new = self.kept(base.flat, new)
        base.flat, base.version = new, base.version + 1

    def kept(self, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        then = old.detach()
        if self.frozen is not None:
            then, new = next(self.frozen), next(self.frozen)
            self.constants += [then, new]
            return new + (old - then)
        self.constants += [then, new.detach()]
        return Keep.apply(old, new.detach())

    def sub(self, sub: Sub, ins: tuple[str, ...], env: dict[str, Handle]) -> torch.Tensor:
        values = [env[i].read() for i in ins]
        if sub.kind in LOOPS:
            return loop(sub.kind, values)
        if sub.kind == "checkpoint":
            return self.call(sub, values, env)
        if sub.kind == "vmap":
            rows = [self.call(sub, row, env) for row in rows_of(values, sub.setting)]
            return torch.stack(rows)
        before, self.quiet = self.quiet, False
        try:
            return self.derivative(sub, values, env)
        finally:
            self.quiet = before

    def call(self, sub: Sub, values: list[torch.Tensor], env: dict[str, Handle]) -> torch.Tensor:
        inner = dict(env) | {name: fresh(v) for name, v in zip(sub.params, values)}
        self.block(sub.body, inner)
        return inner[sub.result].read()

    def derivative(self, sub: Sub, values: list[torch.Tensor], env: Any) -> torch.Tensor:
        x = values[0]
        x = x * 1 if x.requires_grad else x.detach().requires_grad_()
        if sub.kind == "grad":
            y = self.call(sub, [x, *values[1:]], env)
            return along(y.sin().sum(), x, None)
        if sub.kind == "hvp":
            g = along(self.call(sub, [x], env).sin().sum(), x, None)
            return along(g, x, values[1])
        if sub.kind == "vjp":
            y = self.call(sub, [x, *values[1:]], env)
            return along(y, x, y.cos())
        y = self.call(sub, [x], env)
        if not y.requires_grad:
            return torch.zeros_like(y)
        u = torch.zeros_like(y).requires_grad_()
        g = along(y, x, u)
        return along(g, u, values[1]) if g.requires_grad else torch.zeros_like(y)


def rows_of(values: list[Any], axes: Any) -> list[list[Any]]:
    """The arguments of each call of a function that is mapped over these axes."""
    length = next(v.shape[axis] for v, axis in zip(values, axes) if axis is not None)
    return [
        [v if axis is None else v.select(axis, i) for v, axis in zip(values, axes)]
        for i in range(length)
    ]


def joined(operator: str, a: Any, b: Any) -> Any:
    """`b` as `a` takes it in place."""
    return {"=": lambda: b, "+=": lambda: a + b, "-=": lambda: a - b, "*=": lambda: a * b}[
        operator
    ]()


def along(y: torch.Tensor, x: torch.Tensor, g: torch.Tensor | None) -> torch.Tensor:
    """The gradient, differentiable; zeros if there is none."""
    if not y.requires_grad:
        return torch.zeros_like(x)
    (found,) = torch.autograd.grad(y, (x,), g, create_graph=True, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


def weights(shape: tuple[int, ...], k: int) -> np.ndarray[Any, Any]:
    """No two alike, so that a gradient in the wrong place is seen."""
    return np.cos(1.7 * np.arange(int(np.prod(shape))) + k).reshape(shape)


def terms(outputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """A number for each output."""
    return [
        (torch.from_numpy(weights(tuple(a.shape), k)) * a.sin()).sum()
        for k, a in enumerate(outputs)
    ]


def loss(outputs: list[torch.Tensor]) -> torch.Tensor:
    """The number that is differentiated."""
    return torch.stack(terms(outputs)).sum()
