"""Makes a program that fails smaller, by leaving out what is not needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .programs import Program, Statement, count

__all__ = ["shrink"]


def shrink(program: Program, fails: Callable[[Program], bool], tries: int = 600) -> Program:
    """A smaller program that fails as well, as far as `tries` tries find one."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in candidates(program):
            if size(candidate) >= size(program):
                continue
            tries -= 1
            if tries < 0:
                return program
            if fails(candidate):
                program, smaller = candidate, True
                break
    return program


def size(program: Program) -> tuple[int, int, int]:
    """What makes a program large."""
    return count(program), len(program.outputs), len(str(program.body))


def candidates(program: Program) -> Iterator[Program]:
    """Programs with something left out, large parts first."""
    n = len(program.body)
    width = n // 2
    while width >= 1:
        for begin in range(0, n, width):
            keep = [s for i, s in enumerate(program.body) if not begin <= i < begin + width]
            yield from settled(program, keep)
        width //= 2
    for i, s in enumerate(program.body):
        for part in parts(s):
            yield from settled(program, [*program.body[:i], *part, *program.body[i + 1 :]])
    for name in program.outputs:
        if len(program.outputs) > 1:
            yield program._replace(outputs=tuple([o for o in program.outputs if o != name]))
    for i, s in enumerate(program.body):
        if s.out and s.op == "sub" and s.ins:  # nothing but its argument
            copy = Statement("call", s.out, s.ins[:1], ("scale", {}))
            yield from settled(program, [*program.body[:i], copy, *program.body[i + 1 :]])


def parts(s: Statement) -> Iterator[list[Statement]]:
    """The same statement with less inside."""
    if s.op == "quiet":
        yield list(s.info)
        for i in range(len(s.info)):
            body = (*s.info[:i], *s.info[i + 1 :])
            if body:
                yield [s._replace(info=body)]
        for i, inner in enumerate(s.info):
            for less in parts(inner):
                yield [s._replace(info=(*s.info[:i], *less, *s.info[i + 1 :]))]
    elif s.op == "sub" and s.info.body:
        sub = s.info
        for i, inner in enumerate(sub.body):
            if inner.out != sub.result:
                body = used((*sub.body[:i], *sub.body[i + 1 :]), inner.out)
                if sub.result in defined(body) | set(sub.params):
                    yield [s._replace(info=sub._replace(body=tuple(body)))]
            for less in parts(inner):
                yield [
                    s._replace(info=sub._replace(body=(*sub.body[:i], *less, *sub.body[i + 1 :])))
                ]
        if sub.kind in ("vmap", "checkpoint", "grad") and len(s.ins) == 2:
            free = sub.params[1]
            if not any([free in names(b) for b in sub.body]):
                setting = sub.setting[:1] if sub.setting else None
                less = sub._replace(params=sub.params[:1], setting=setting)
                yield [s._replace(ins=s.ins[:1], info=less)]


def names(s: Statement) -> set[str]:
    """All names that a statement mentions."""
    found = {s.out, *s.ins}
    if s.op == "quiet":
        for inner in s.info:
            found |= names(inner)
    elif s.op == "sub":
        for inner in s.info.body:
            found |= names(inner)
    return found


def defined(body: Any) -> set[str]:
    """The names that statements define where they stand."""
    found = set()
    for s in body:
        found |= {s.out} if s.op != "quiet" else defined(s.info)
    return found - {""}


def used(body: Any, gone: str) -> list[Statement]:
    """The statements that do not need the name `gone`, nor what needs it."""
    missing, kept = {gone} - {""}, []
    for s in body:
        if missing & names(s):
            missing |= defined([s])
        else:
            kept.append(s)
    return kept


def settled(program: Program, body: list[Statement]) -> Iterator[Program]:
    """The program of these statements, less those that need what is no longer defined."""
    missing = defined(program.body) - defined(body)
    kept = []
    for s in body:
        if missing & names(s):
            missing |= defined([s])
        else:
            kept.append(s)
    outputs = tuple([o for o in program.outputs if o not in missing])
    if outputs:
        yield program._replace(body=tuple(kept), outputs=outputs)
