"""A program on torch tensors with torch's own views, writes and `no_grad`.

torch refuses many programs: saved values that were written, views made under `no_grad`. It has no
answer then.
"""

from __future__ import annotations

from typing import Any

import torch

from .oracle import loss, rows_of
from .programs import CALLS, LOOPS, Program, Statement, Sub, is_basic, loop, numpy_key, statements

__all__ = ["answer"]


def answer(program: Program) -> list[Any] | None:
    """The gradient, or None where torch has no answer."""
    if not all([_is_native(s) for s in statements(program.body)]):
        return None
    xs = [torch.tensor(x, requires_grad=True) for x in program.inputs()]
    try:
        y = loss(Native().run(program, xs))
        if not y.requires_grad:
            return [torch.zeros_like(x).numpy() for x in xs]
        found = torch.autograd.grad(y, xs, allow_unused=True)
    except (RuntimeError, IndexError, TypeError):
        return None
    return [(torch.zeros_like(x) if g is None else g).numpy() for g, x in zip(found, xs)]


def _is_native(s: Statement) -> bool:
    """No derivatives inside, no negative steps, no duplicates that are written, no flips."""
    if s.op == "sub":
        return s.info.kind in (*LOOPS, "checkpoint", "vmap")
    if s.op == "view":
        name, setting = s.info
        return name not in ("flip", "reshape") and (name != "index" or _steps_forward(setting))
    if s.op == "take":  # (an index without axes gives a view there)
        return _steps_forward(s.info) and len(s.info) == 1 and isinstance(s.info[0][1], list)
    if s.op == "write":
        key, _, _, _ = s.info
        return _steps_forward(key) and (is_basic(key) or (len(key) == 1 and key[0][0] == "m"))
    return True


def _steps_forward(key: Any) -> bool:
    return all([not (isinstance(p, tuple) and p[0] == "s" and (p[3] or 1) < 0) for p in key])


def _torch_key(key: Any) -> Any:
    found = numpy_key(key)
    return tuple([torch.from_numpy(p) if hasattr(p, "dtype") else p for p in found])


class Native:
    """Runs a program."""

    def run(self, program: Program, xs: list[Any]) -> list[Any]:
        env: dict[str, Any] = {f"x{i}": x for i, x in enumerate(xs)}
        self.block(program.body, env)
        return [env[name] for name in program.outputs]

    def block(self, body: Any, env: dict[str, Any]) -> None:
        for s in body:
            self.step(s, env)

    def step(self, s: Statement, env: dict[str, Any]) -> None:
        match s.op:
            case "call":
                name, settings = s.info
                y = CALLS[name].torch(*[env[i] for i in s.ins], **settings)
                env[s.out] = y.clone() if name == "detach" else y  # a snapshot here
            case "view":
                env[s.out] = self.view(env[s.ins[0]], *s.info)
            case "take":
                env[s.out] = env[s.ins[0]][_torch_key(s.info)]
            case "write":
                key, operator, number, lead = s.info
                a = env[s.ins[0]]
                b = number if number is not None else env[s.ins[1]].clone()
                if lead:
                    b = b.reshape((1,) * lead + tuple(b.shape))
                a, key = a, _torch_key(key)
                if operator == "=":
                    a[key] = b
                elif operator == "+=":
                    a[key] += b
                elif operator == "-=":
                    a[key] -= b
                else:
                    a[key] *= b
            case "inplace":
                operator, number = s.info
                a = env[s.ins[0]]
                b = number if number is not None else env[s.ins[1]].clone()
                {"+=": a.add_, "-=": a.sub_, "*=": a.mul_}[operator](b)
            case "quiet":
                with torch.no_grad():
                    self.block(s.info, env)
            case "sub":
                env[s.out] = self.sub(s.info, [env[i] for i in s.ins], env)

    def view(self, a: Any, name: str, setting: Any) -> Any:
        match name:
            case "index":
                return a[_torch_key(setting)]
            case "permute":
                return a.permute(setting)
            case "mT":
                return a.mT
            case "moveaxis":
                return a.moveaxis(*setting)
            case "squeeze":
                return a.squeeze(setting)
            case "expand":
                return a.unsqueeze(setting)
            case "diagonal":
                return a.diagonal(setting, -2, -1)
            case "real":
                return a.view_as(a)
            case "unstack":
                return a.select(*setting)
            case "iterate":
                return a[setting]
            case "broadcast":
                return a.expand(setting)
        raise ValueError(name)

    def sub(self, sub: Sub, values: list[Any], env: Any) -> Any:
        if sub.kind in LOOPS:
            return loop(sub.kind, values)
        if sub.kind == "checkpoint":
            return self.call(sub, values, env)
        rows = rows_of(values, sub.setting)
        return torch.stack([self.call(sub, row, env) for row in rows])

    def call(self, sub: Sub, values: list[Any], env: Any) -> Any:
        inner = dict(env) | {name: v.clone() for name, v in zip(sub.params, values)}
        self.block(sub.body, inner)
        return inner[sub.result].clone()
