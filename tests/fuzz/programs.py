"""A program as plain data, and as Python source over pluggrad.

A program is a list of statements over named values. `x0`, `x1` are the inputs; every other name is
defined by a statement. What a statement does is its `op`:

| op | source | `info` |
|---|---|---|
| call | ``a = pg.sin(b)`` | name in `CALLS`, and its settings |
| view | ``a = b[1:]``, ``a = pg.flip(b, axis=0)`` | name in `VIEWS`, and its setting |
| take | ``a = b[A([0, 0])]`` | a key with arrays: the result is a copy |
| write | ``b[key] += c`` | key, operator, a number or None, axes of length one to add to `c` |
| inplace | ``b *= c`` | operator, a number or None |
| look | ``b.shape`` | what is looked at |
| quiet | ``with pg.no_grad():`` | statements |
| sub | ``a = pg.vmap(function)(b)`` | a `Sub` |

A key is a tuple of parts: an int, ``("s", start, stop, step)``, ``"n"`` for None, ``"e"`` for an
Ellipsis, and ``("i", list)`` or ``("m", list)`` for an array of integers or a mask.

In the source, `A` makes an array of the backend, and `V` a Variable of what may be an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["CALLS", "LOOPS", "VIEWS", "Program", "Statement", "Sub", "numpy_key", "source"]


class Statement(NamedTuple):
    """One statement; `out` is the name that it defines, if it does."""

    op: str
    out: str
    ins: tuple[str, ...]
    info: Any = None


class Sub(NamedTuple):
    """A function inside of a program, and how it is called.

    `kind` is checkpoint, vmap, grad or hvp (of the sum of the sine of the result), jvp, linearize,
    vjp (of the cosine of the result), or one of `LOOPS`, which have no body. It may read values from
    around it.
    """

    kind: str
    params: tuple[str, ...] = ()
    body: tuple[Statement, ...] = ()
    result: str = ""
    setting: Any = None  # vmap: in_axes


class Program(NamedTuple):
    """Shapes of the inputs, statements, and the names of which the value is made."""

    shapes: tuple[tuple[int, ...], ...]
    body: tuple[Statement, ...]
    outputs: tuple[str, ...]
    seed: int = 0

    def inputs(self) -> list[np.ndarray[Any, Any]]:
        """The arrays at which it is differentiated."""
        random = np.random.default_rng(self.seed)
        return [np.asarray(random.uniform(-1.5, 1.5, shape)) for shape in self.shapes]


class Call(NamedTuple):
    """A function of values: its source over pluggrad, the same on torch, and whether it is smooth."""

    source: str
    torch: Callable[..., Any]
    smooth: bool = True


def _torch() -> Any:
    import torch

    return torch


def _sum(a: Any, axis: Any, keepdims: bool) -> Any:
    axes = tuple(range(a.ndim)) if axis is None else axis
    return a.sum(axes, keepdim=keepdims) if axes != () else a * 1


def _mean(a: Any, axis: Any, keepdims: bool) -> Any:
    axes = tuple(range(a.ndim)) if axis is None else axis
    return a.mean(axes, keepdim=keepdims) if axes != () else a * 1


def _max(a: Any, axis: Any, keepdims: bool) -> Any:
    axes = tuple(range(a.ndim)) if axis is None else axis
    return a.amax(axes, keepdim=keepdims) if axes != () else a * 1


#: Functions whose result is a new array.
CALLS: dict[str, Call] = {
    "sin": Call("pg.sin({0})", lambda a: a.sin()),
    "cos": Call("pg.cos({0})", lambda a: a.cos()),
    "tanh": Call("pg.tanh({0})", lambda a: a.tanh()),
    "exp": Call("pg.exp(-{0} * {0})", lambda a: (-a * a).exp()),
    "sqrt": Call("pg.sqrt(pg.abs({0}) + 1)", lambda a: (a.abs() + 1).sqrt(), smooth=False),
    "square": Call("{0} ** 2", lambda a: a**2),
    "scale": Call("{0} * 1.5", lambda a: a * 1.5),
    "shift": Call("0.5 - {0}", lambda a: 0.5 - a),
    "negative": Call("-{0}", lambda a: -a),
    "copy": Call("pg.asarray({0}, copy=True)", lambda a: a * 1),
    "zeros": Call("pg.zeros_like({0})", lambda a: (a * 0).detach()),
    "add": Call("{0} + {1}", lambda a, b: a + b),
    "subtract": Call("{0} - {1}", lambda a, b: a - b),
    "multiply": Call("{0} * {1}", lambda a, b: a * b),
    "divide": Call("{0} / (2 + pg.sin({1}))", lambda a, b: a / (2 + b.sin())),
    "maximum": Call("pg.maximum({0}, {1})", lambda a, b: _torch().maximum(a, b), smooth=False),
    "minimum": Call("pg.minimum({0}, {1})", lambda a, b: _torch().minimum(a, b), smooth=False),
    "where": Call("pg.where(A({mask}), {0}, {1})",
                  lambda a, b, mask: _torch().where(_torch().tensor(mask), a, b)),
    "where_positive": Call("pg.where({0} > 0.1, {0}, {1})",
                           lambda a, b: _torch().where(a > 0.1, a, b), smooth=False),
    "matmul": Call("{0} @ {1}", lambda a, b: a @ b),
    "outer": Call("{0}[:, None] * {1}", lambda a, b: a[:, None] * b),
    "sum": Call("pg.sum({0}, axis={axis}, keepdims={keepdims})", _sum),
    "mean": Call("pg.mean({0}, axis={axis}, keepdims={keepdims})", _mean),
    "max": Call("pg.max({0}, axis={axis}, keepdims={keepdims})", _max, smooth=False),
    "cumulative_sum": Call("pg.cumulative_sum({0}, axis={axis})", lambda a, axis: a.cumsum(axis)),
    "concat": Call("pg.concat([{0}, {1}], axis={axis})",
                   lambda a, b, axis: _torch().cat([a, b], axis)),
    "stack": Call("pg.stack([{0}, {1}], axis={axis})",
                  lambda a, b, axis: _torch().stack([a, b], axis)),
    "take": Call("pg.take({0}, A({places}), axis={axis})",
                 lambda a, places, axis: a.index_select(axis, _torch().tensor(places))),
    "tile": Call("pg.tile({0}, ({times},))", lambda a, times: a.tile((times,))),
    "triu": Call("pg.triu({0}, k={k})", lambda a, k: a.triu(k)),
    "roll": Call("pg.roll({0}, {shift}, axis={axis})",
                 lambda a, shift, axis: a.roll(shift, axis)),
    "detach": Call("{0}.detach()", lambda a: a.detach()),
}  # fmt: skip


class View(NamedTuple):
    """A function whose result shows its argument: its source, and the same on an array of
    positions."""

    source: str
    positions: Callable[[Any, Any], Any]


def _index(a: Any, key: Any) -> Any:
    return a[numpy_key(key)]


VIEWS: dict[str, View] = {
    "index": View("{0}[{key}]", _index),
    "permute": View("pg.permute_dims({0}, {setting})", np.transpose),
    "mT": View("{0}.mT", lambda a, _: np.swapaxes(a, -1, -2)),
    "moveaxis": View("pg.moveaxis({0}, {setting[0]}, {setting[1]})",
                     lambda a, axes: np.moveaxis(a, *axes)),
    "squeeze": View("pg.squeeze({0}, axis={setting})", lambda a, axis: np.squeeze(a, axis)),
    "expand": View("pg.expand_dims({0}, axis={setting})", np.expand_dims),
    "flip": View("pg.flip({0}, axis={setting})", np.flip),
    "diagonal": View("pg.linalg.diagonal({0}, offset={setting})",
                     lambda a, k: np.diagonal(a, k, -2, -1)),
    "real": View("pg.real({0})", lambda a, _: a),
    "unstack": View("pg.unstack({0}, axis={setting[0]})[{setting[1]}]",
                    lambda a, at: np.moveaxis(a, at[0], 0)[at[1]]),
    "iterate": View("list({0})[{setting}]", lambda a, i: a[i]),
    "reshape": View("pg.reshape({0}, {setting})", np.reshape),
    "broadcast": View("pg.broadcast_to({0}, {setting})", np.broadcast_to),
}  # fmt: skip

#: Functions with rules of their own, or recomputed ones, that are made in a loop and use its variable:
#: they compute sin(1.25 sin(0.5 p)). Those of two arguments compute p sin(q).
LOOPS: dict[str, str] = {
    "custom_vjp": """
{out} = {0}
for c in (0.5, 1.25):
    @pg.custom_vjp
    def {f}(p):
        return pg.sin(c * p)
    {f}.defvjp(lambda p: (pg.sin(c * p), (p, c)), lambda r, g: (g * r[1] * pg.cos(r[1] * r[0]),))
    {out} = V({f}({out}))
""",
    "custom_jvp": """
{out} = {0}
for c in (0.5, 1.25):
    @pg.custom_jvp
    def {f}(p):
        return pg.sin(c * p)
    {f}.defjvp(lambda p, t: ({f}(p[0]), t[0] * c * pg.cos(c * p[0])))
    {out} = V({f}({out}))
""",
    "function": """
{out} = {0}
for c in (0.5, 1.25):
    class {f}(pg.autograd.Function):
        @staticmethod
        def forward(ctx, p, factor):
            ctx.save_for_backward(p)
            ctx.factor = factor
            return pg.sin(factor * p)
        @staticmethod
        def backward(ctx, g):
            (p,) = ctx.saved_tensors
            return g * ctx.factor * pg.cos(ctx.factor * p), None
    {out} = V({f}.apply({out}, c))
""",
    "checkpoint_loop": """
{out} = {0}
for c in (0.5, 1.25):
    {out} = V(pg.checkpoint(lambda p: pg.sin(c * p))({out}))
""",
    "custom_vjp_pair": """
@pg.custom_vjp
def {f}(p, q):
    return p * pg.sin(q)
{f}.defvjp(lambda p, q: (p * pg.sin(q), (p, q)),
           lambda r, g: (g * pg.sin(r[1]), g * r[0] * pg.cos(r[1])))
{out} = V({f}({0}, {1}))
""",
    "custom_jvp_pair": """
@pg.custom_jvp
def {f}(p, q):
    return p * pg.sin(q)
{f}.defjvp(lambda p, t: (p[0] * pg.sin(p[1]), t[0] * pg.sin(p[1]) + t[1] * p[0] * pg.cos(p[1])))
{out} = V({f}({0}, {1}))
""",
    "function_pair": """
class {f}(pg.autograd.Function):
    @staticmethod
    def forward(ctx, p, q):
        ctx.save_for_backward(p, q)
        return p * pg.sin(q)
    @staticmethod
    def backward(ctx, g):
        p, q = ctx.saved_tensors
        return g * pg.sin(q), g * p * pg.cos(q)
{out} = V({f}.apply({0}, {1}))
""",
}


def loop(kind: str, values: list[Any]) -> Any:
    """What a function of `LOOPS` computes, on torch."""
    if len(values) == 2:
        return values[0] * values[1].sin()
    return (1.25 * (0.5 * values[0]).sin()).sin()


# ---------------------------------------------------------------- keys


def numpy_key(key: Any) -> Any:
    """The key as NumPy takes it."""
    return tuple([_numpy_part(part) for part in key])


def _numpy_part(part: Any) -> Any:
    if part == "n":
        return None
    if part == "e":
        return Ellipsis
    if isinstance(part, tuple):
        if part[0] == "s":
            return slice(*part[1:])
        return np.asarray(part[1], dtype=bool if part[0] == "m" else np.int64)
    return part


def is_basic(key: Any) -> bool:
    """Whether the key gives a view."""
    return not any([isinstance(part, tuple) and part[0] in "im" for part in key])


def _key_source(key: Any) -> str:
    parts = [_part_source(part) for part in key]
    return ", ".join(parts) if parts else "()"


def _part_source(part: Any) -> str:
    if part == "n":
        return "None"
    if part == "e":
        return "..."
    if isinstance(part, tuple):
        if part[0] == "s":
            start, stop, step = ["" if x is None else str(x) for x in part[1:]]
            return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        return f"A({part[1]})"
    return str(part)


# ---------------------------------------------------------------- source


HEADER = """\
import numpy as np
import pluggrad as pg
{imports}


def V(x):
    return x if isinstance(x, pg.Variable) else pg.Variable(x)


"""

FOOTER = """

def loss(*xs):
    terms = [pg.sum(pg.sin(a) * A(np.cos(1.7 * np.arange(a.size) + k).reshape(tuple(a.shape))))
             for k, a in enumerate(program(*xs))]
    return sum(terms)


xs = [{inputs}]
vs = [pg.Variable(x, requires_grad=True) for x in xs]
loss(*vs).backward()
print("backward", [None if v.grad is None else v.grad.data for v in vs])
print("grad", pg.grad(loss, argnums={argnums})(*xs))
print("hvp", pg.hvp(loss, tuple(xs), tuple([A(np.ones(tuple(x.shape))) for x in xs])))
"""

#: What makes an array, by backend.
MAKERS = {
    "numpy": "A = np.asarray",
    "torch": "import torch\nA = lambda x: torch.asarray(np.asarray(x))",
    "jax": "import jax\njax.config.update('jax_enable_x64', True)\nA = jax.numpy.asarray",
    "strict": "import array_api_strict\nA = lambda x: array_api_strict.asarray(np.asarray(x))",
}


def source(program: Program, backend: str = "") -> str:
    """The Python source of `program`, as a function of that name; with a backend, a whole script."""
    names = [f"x{i}" for i in range(len(program.shapes))]
    lines = [f"def program({', '.join(names)}):"]
    for statement in program.body:
        lines += ["    " + line for line in _lines(statement)]
    lines.append(f"    return [{', '.join(program.outputs)}]")
    text = "\n".join(lines) + "\n"
    if not backend:
        return text
    inputs = ", ".join([f"A({x.tolist()!r})" for x in program.inputs()])
    head = HEADER.format(imports=MAKERS[backend])
    return head + text + FOOTER.format(inputs=inputs, argnums=tuple(range(len(names))))


def _lines(s: Statement) -> Iterator[str]:
    match s.op:
        case "call":
            name, settings = s.info
            yield f"{s.out} = " + CALLS[name].source.format(*s.ins, **settings)
        case "view":
            name, setting = s.info
            key = _key_source(setting) if name == "index" else ""
            yield f"{s.out} = " + VIEWS[name].source.format(*s.ins, setting=setting, key=key)
        case "take":
            yield f"{s.out} = {s.ins[0]}[{_key_source(s.info)}]"
        case "write":
            key, operator, number, lead = s.info
            value = s.ins[1] if number is None else repr(number)
            if lead:
                value += f"[{', '.join(['None'] * lead)}]"
            yield f"{s.ins[0]}[{_key_source(key)}] {operator} {value}"
        case "inplace":
            operator, number = s.info
            yield f"{s.ins[0]} {operator} {s.ins[1] if number is None else repr(number)}"
        case "look":
            yield s.info.format(s.ins[0])
        case "quiet":
            yield "with pg.no_grad():"
            for inner in s.info:
                for line in _lines(inner):
                    yield "    " + line
        case "sub":
            yield from _sub_lines(s)
        case _:
            raise ValueError(s.op)


def _sub_lines(s: Statement) -> Iterator[str]:
    sub: Sub = s.info
    if sub.kind in LOOPS:
        text = LOOPS[sub.kind].format(*s.ins, out=s.out, f=f"f_{s.out}")
        yield from text.strip().split("\n")
        return
    yield f"def f_{s.out}({', '.join(sub.params)}):"
    for inner in sub.body:
        for line in _lines(inner):
            yield "    " + line
    given = ", ".join(s.ins)
    match sub.kind:
        case "checkpoint":
            yield f"    return {sub.result}"
            yield f"{s.out} = V(pg.checkpoint(f_{s.out})({given}))"
        case "vmap":
            yield f"    return {sub.result}"
            yield f"{s.out} = V(pg.vmap(f_{s.out}, in_axes={sub.setting})({given}))"
        case "grad":
            yield f"    return pg.sum(pg.sin({sub.result}))"
            yield f"{s.out} = V(pg.grad(f_{s.out})({given}))"
        case "hvp":
            yield f"    return pg.sum(pg.sin({sub.result}))"
            yield f"{s.out} = V(pg.hvp(f_{s.out}, ({s.ins[0]},), ({s.ins[1]},)))"
        case "linearize":
            yield f"    return {sub.result}"
            yield f"{s.out} = V(pg.linearize(f_{s.out}, {s.ins[0]})[1]({s.ins[1]}))"
        case "vjp":
            yield f"    return {sub.result}"
            yield f"y_{s.out}, pull_{s.out} = pg.vjp(f_{s.out}, {given})"
            yield f"{s.out} = V(pull_{s.out}(pg.cos(y_{s.out}))[0])"
        case "jvp":
            yield f"    return {sub.result}"
            yield f"{s.out} = V(pg.jvp(f_{s.out}, ({s.ins[0]},), ({s.ins[1]},))[1])"
        case _:
            raise ValueError(sub.kind)


# ---------------------------------------------------------------- looking through programs


def statements(body: Any) -> Iterator[Statement]:
    """Every statement, those inside of others too."""
    for s in body:
        yield s
        if s.op == "quiet":
            yield from statements(s.info)
        elif s.op == "sub":
            yield from statements(s.info.body)


def is_smooth(program: Program) -> bool:
    """Whether finite differences make sense: no kinks."""
    return all([s.op != "call" or CALLS[s.info[0]].smooth for s in statements(program.body)])


def count(program: Program) -> int:
    """How many statements there are."""
    return sum(1 for _ in statements(program.body))
