"""``pluggrad tour``: automatic differentiation step by step, every line run as it is shown.

The steps are source text. `run` executes them statement by statement, as a notebook would, and
prints what they return. No output is stored in advance.
"""

from __future__ import annotations

import ast
import os
import random
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from ..arrays.backend import get_backend
from ..arrays.choice import use

__all__ = ["STEPS", "Chapter", "run", "statements"]


class Chapter:
    """One step of the tour: a title, prose to read, and code to run."""

    __slots__ = ("code", "prose", "title")

    def __init__(self, title: str, prose: str, code: str) -> None:
        """Line breaks in `prose` and the indentation of `code` do not matter."""
        self.title = title
        self.prose = " ".join(prose.split())
        self.code = textwrap.dedent(code).strip("\n")


STEPS = [
    Chapter(
        "Setting up",
        """Two imports, and two helpers: `array` makes an array of the library that this tour
        runs on, of random numbers between -1 and 1. `rng` is Python's own generator, seeded,
        so that every run is the same.""",
        """
        import pluggrad as pg
        from pluggrad import Variable

        def uniform(*shape):
            if not shape:
                return rng.uniform(-1, 1)
            return [uniform(*shape[1:]) for _ in range(shape[0])]

        def array(*shape):
            return pg.asarray(uniform(*shape)).data

        array(2, 2)
        """,
    ),
    Chapter(
        "Wrapping an array",
        """A Variable is a thin handle around an array. It prints the values, and says which
        library and dtype they have.""",
        """
        z = Variable(array(5, 3))
        print(z)
        """,
    ),
    Chapter(
        "Properties",
        """`.data` is the raw array that was wrapped, not a copy. `.grad` is where gradients of
        this Variable will add up; there is none yet. `requires_grad` and `volatile` decide
        what is recorded, and have sections of their own below.""",
        """
        print('Requires gradient:', z.requires_grad)
        print('Volatile:', z.volatile)
        print('Gradient:', z.grad)
        z.data
        """,
    ),
    Chapter(
        "Operations",
        """Operators, and the functions of the Array API standard, take Variables like arrays.
        `size` is a number, the count of elements, and can be called for the shape.""",
        """
        x = Variable(array(5, 3))
        y = Variable(array(3, 5))
        z = x @ y
        print(z.shape, z.size, z.size())
        print('largest sine:', pg.max(pg.abs(pg.sin(z))).item())
        """,
    ),
    Chapter(
        "Define by run",
        """There is no separate description of a model. Whatever runs is what will be
        differentiated: loops, branches and early exits are Python's own, and may go
        differently each time. Here the number of doublings depends on the data.""",
        """
        x = Variable(pg.asarray([0.3, -0.2]).data, requires_grad=True)
        y, doublings = x, 0
        while pg.sum(y * y) < 10:
            y, doublings = y * 2, doublings + 1
        pg.sum(y).backward()
        print(doublings, 'doublings, so each derivative is', 2 ** doublings)
        print(x.grad)
        """,
    ),
    Chapter(
        "grad_fn",
        """While a Variable that requires grad is among the inputs, each operation leaves a node
        behind. The `grad_fn` of a result is its node, and `next_functions` leads on towards
        the leaves, where gradients accumulate. Without such an input there is nothing to
        remember.""",
        """
        x = Variable(array(5, 3), requires_grad=True)
        y = Variable(array(3, 5))
        z = x @ y
        print(z.grad_fn.name())
        print([node.name() for node, _ in z.grad_fn.next_functions])
        print((y * 2).grad_fn)
        """,
    ),
    Chapter(
        "Gradients with backward",
        """`backward` starts with a cotangent of the shape of the output, given as `gradient`,
        and brings the gradients to the leaves. For an output of one element it can be left
        out, and is 1.""",
        """
        x = Variable(array(5, 3), requires_grad=True)
        y = Variable(array(5, 3), requires_grad=True)
        z = x ** 2 + 3 * y
        z.backward(gradient=pg.ones((5, 3)))
        pg.equal(x.grad, 2 * x)
        y.grad
        """,
    ),
    Chapter(
        "Accumulation",
        """A second `backward` adds to what is there, which is how the gradients of several
        losses are summed. `zero_grad` starts afresh. The graph of a computation is let go by
        the first `backward` through it; here each one has a graph of its own.""",
        """
        x = Variable(pg.asarray([1.0, 2.0, 3.0]).data, requires_grad=True)
        pg.sum(x * x).backward()
        print('once: ', x.grad.tolist())
        pg.sum(x * x).backward()
        print('twice:', x.grad.tolist())
        x.zero_grad()
        pg.sum(x * x).backward()
        print('after zero_grad:', x.grad.tolist())
        """,
    ),
    Chapter(
        "Gradients with autograd.grad",
        """`pg.autograd.grad` returns the gradients in a tuple, and leaves every `.grad` alone.
        Its first walk frees what the graph had saved on the way it took, so `retain_graph`
        keeps it for the second.""",
        """
        x = Variable(array(5, 3), requires_grad=True)
        y = Variable(array(5, 3), requires_grad=True)
        z = x ** 2 + 3 * y
        dz_dx = pg.autograd.grad(z, x, grad_outputs=pg.ones((5, 3)), retain_graph=True)
        dz_dy = pg.autograd.grad(z, y, grad_outputs=pg.ones((5, 3)))
        dz_dx[0]
        print(bool(pg.all(dz_dx[0] == 2 * x)), bool(pg.all(dz_dy[0] == 3)))
        print(x.grad, y.grad)
        """,
    ),
    Chapter(
        "Two graphs from the same Variables",
        """Three leaves, from which two different computations follow.""",
        """
        x = Variable(array(5, 3), requires_grad=True)
        y = Variable(array(3, 5), requires_grad=True)
        z = Variable(array(5), requires_grad=True)
        """,
    ),
    Chapter(
        "Graph 1: xy + z",
        """Each row of do/dx is the sum of the columns of y; z is added to five rows, so its
        gradient is 5.""",
        """
        o = x @ y + z
        do_dinputs_1 = pg.autograd.grad(o, [x, y, z], grad_outputs=pg.ones((5, 5)))
        for name, gradient in zip(['do/dx', 'do/dy', 'do/dz'], do_dinputs_1):
            print(name)
            print(gradient)
        """,
    ),
    Chapter(
        "Graph 2: xy / z",
        """The same leaves in another graph. The broadcasting of z over the rows is undone on
        the way back, by summing.""",
        """
        o = x @ y / z
        do_dinputs_2 = pg.autograd.grad(o, [x, y, z], grad_outputs=pg.ones((5, 5)))
        for name, gradient in zip(['do/dx', 'do/dy', 'do/dz'], do_dinputs_2):
            print(name)
            print(gradient)
        """,
    ),
    Chapter(
        "Leaving parts out: requires_grad",
        """A result requires grad if any input does. Where no input does, nothing is recorded,
        and backward never goes there.""",
        """
        x = Variable(array(3, 5), requires_grad=False)
        y = Variable(array(3, 5), requires_grad=False)
        z = Variable(array(3, 5), requires_grad=True)
        o = x + y
        print(o.requires_grad)
        o = x + y + z
        print(o.requires_grad)
        """,
    ),
    Chapter(
        "Leaving parts out: volatile",
        """One volatile input is enough to switch recording off for all that follows from it,
        whatever the other inputs ask for: meant for evaluation, where no gradient is wanted.
        `pg.no_grad()` does the same for a block of code.""",
        """
        x = Variable(array(3, 5), volatile=True)
        y = Variable(array(3, 5), volatile=True)
        z = Variable(array(3, 5), requires_grad=True)
        o = x + y
        print(o.requires_grad, o.grad_fn)
        o = x + y + z
        print(o.requires_grad, o.grad_fn, o.volatile)
        with pg.no_grad():
            print((z * z).requires_grad)
        """,
    ),
    Chapter(
        "Leaving parts out: detach",
        """`detach` gives the value without its history: to the rest of the computation it is a
        constant. Of x² with one factor detached, the derivative is x and not 2x.""",
        """
        x = Variable(pg.asarray([1.0, 2.0, 3.0]).data, requires_grad=True)
        y = x * x.detach()
        pg.sum(y).backward()
        print(x.grad.tolist())
        print(x.detach().requires_grad, x.detach().grad_fn)
        """,
    ),
    Chapter(
        "Gradients of intermediate Variables",
        """Only leaves keep a gradient by default. `retain_grad` asks a computed Variable to
        keep its own, and `pg.autograd.grad` takes computed Variables among its inputs.""",
        """
        x = Variable(pg.asarray([1.0, 2.0, 3.0]).data, requires_grad=True)
        h = x * x
        h.retain_grad()
        pg.sum(h * h).backward()
        print('of the computed h:', h.grad.tolist())
        print('of the leaf x:    ', x.grad.tolist())
        h = x * x
        (dh,) = pg.autograd.grad(pg.sum(h * h), h)
        print('by autograd.grad: ', dh.tolist())
        """,
    ),
    Chapter(
        "Second order",
        """With `create_graph` the backward computation is recorded like any other, so a
        gradient can be differentiated again, as often as one likes. Of x³ they are 3x², 6x
        and 6.""",
        """
        x = Variable(pg.asarray([1.0, 2.0, 3.0]).data, requires_grad=True)
        (first,) = pg.autograd.grad(pg.sum(x ** 3), x, create_graph=True)
        (second,) = pg.autograd.grad(pg.sum(first), x, create_graph=True)
        (third,) = pg.autograd.grad(pg.sum(second), x)
        print('first: ', first.detach().tolist())
        print('second:', second.detach().tolist())
        print('third: ', third.tolist())
        """,
    ),
    Chapter(
        "The same for functions",
        """`pg.grad` takes a function and gives its derivative as a function: plain arrays in,
        plain arrays out. It nests.""",
        """
        cube = lambda t: pg.sum(t ** 3)
        print(pg.grad(cube)(x.data))
        print(pg.grad(lambda t: pg.sum(pg.grad(cube)(t)))(x.data))
        """,
    ),
]


def statements(code: str) -> Iterator[tuple[list[str], Any, bool]]:
    """Each top-level statement: its lines, its compiled form, whether it is an expression."""
    lines = code.splitlines()
    for node in ast.parse(code).body:
        shown = lines[node.lineno - 1 : node.end_lineno]
        if isinstance(node, ast.Expr):
            yield shown, compile(ast.Expression(node.value), "<tour>", "eval"), True
        else:
            yield shown, compile(ast.Module([node], []), "<tour>", "exec"), False


def run(backend: str, *, seed: int = 2017) -> dict[str, Any]:
    """Run all steps on `backend`, printing prose, code and output. Returns the variables of the
    tour.

    `seed` seeds the random numbers. Raises BackendError, before anything is printed, if the backend
    is unknown or not installed.
    """
    library = get_backend(backend)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    bold, code, plain = ("\033[1m", "\033[36m", "\033[0m") if colour else ("", "", "")
    print(f"{bold}pluggrad on {library.name} {library.adapter.version()}{plain}")
    scope: dict[str, Any] = {"__name__": "tour", "rng": random.Random(seed)}
    with use(backend):
        for number, step in enumerate(STEPS, 1):
            print(f"\n{bold}{number}. {step.title}{plain}\n")
            print(textwrap.fill(step.prose, 88) + "\n")
            for shown, compiled, has_value in statements(step.code):
                for i, line in enumerate(shown):
                    print(f"{code}{'...' if i else '>>>'} {line}{plain}".rstrip())
                value = eval(compiled, scope)
                if has_value and value is not None:
                    print(repr(value))
    return scope
