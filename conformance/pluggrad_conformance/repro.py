"""Scripts that reproduce a cell: they need pluggrad and the backend's library, not the suite.

The inputs, the cotangents and the oracle's answer stand in the script as numbers. It prints what
pluggrad gives and what was expected, and exits with 1 if they differ by more than the tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import pluggrad as pg

from .cells import Cell, enumerate_cells
from .literals import NotLiteral, comment, literal, write_down
from .operations import Array
from .oracles import NAMES, consult_oracles
from .problem import Problem
from .results import Result, read_results
from .script_native import native_script
from .selection import OURS, default_backends
from .source import definitions
from .systems import find_system, is_native
from .tables import load_operations
from .tolerance import bounds

__all__ = ["find_script", "script_for", "write_down"]


def find_script(text: str, run: Path | None = None, plugins: Sequence[str] = ()) -> str:
    """The script of a cell by its ID or key: that of the run, or a new one.

    Raises `ValueError` if there is no such cell.
    """
    if run is not None:
        for result in read_results(run):
            if text in (result.cell.id, result.cell.key):
                path = Path(run) / "repro" / f"{result.cell.id}.py"
                if path.exists():
                    return path.read_text(encoding="utf-8")
                return script_for(result.cell, Problem.of(result.cell), result, plugins=plugins)
        raise ValueError(f"{run} has no cell {text!r}")
    cell = cell_of(text)
    return script_for(cell, Problem.of(cell), plugins=plugins)


def cell_of(text: str) -> Cell:
    """The cell that an ID or a key names; `ValueError` if there is none."""
    if "|" in text:
        cell = Cell.parse(text)
        try:
            cell.case_of(load_operations()[cell.operation])
        except KeyError as error:
            raise ValueError(f"there is no cell {text!r}: {error}") from None
        return cell
    for backends in (lambda: OURS, default_backends):  # the second imports every library
        for cell in enumerate_cells(backends()):
            if cell.id == text:
                return cell
    raise ValueError(f"no cell has the ID {text!r}; give its key, or --run DIR if it is from a run")


def script_for(
    cell: Cell,
    problem: Problem,
    result: Result | None = None,
    *,
    plugins: Sequence[str] = (),
    oracles: bool = True,
) -> str:
    """The script of a cell at `problem`. It loads `plugins` (modules, or files by their path).

    Without `oracles` nothing is computed here, and the script does not say what is expected. If
    the operation cannot be written down (its row uses objects that have no literal), the script
    takes the operation from the suite's tables.
    """
    quantity = cell.quantity if result is None else result.quantity
    answer = first_answer(problem, quantity, result, cell) if oracles else None
    if is_native(cell.backend):
        return native_script(cell, problem, result, None if answer is None else answer.arrays)
    outputs = output_dtypes(problem) if oracles else None
    lines = [*header(cell, result, answer)]
    if cell.backend == "jax":  # or it has no double precision
        lines += ["import os", 'os.environ.setdefault("JAX_ENABLE_X64", "1")']
    lines += ["import sys", "import numpy as np", "import pluggrad as pg"]
    lines += [f"import runpy; runpy.run_path({p!r})" if p.endswith(".py") else f"import {p}"
              for p in plugins]  # fmt: skip
    lines += ["", *setup(cell, problem)]
    floating = None if quantity == "value" else floating_outputs(outputs)
    lines += call(cell, problem, floating, oracles)
    asked = question(cell, problem, quantity, outputs)
    if result is not None and result.outcome == "nondeterministic":
        asked = ["def ask():", *(f"    {line}" for line in asked), "    return got",
                 "got, again = ask(), ask()"]  # fmt: skip
        asked += ["print(*got, *again, sep='\\n')",
                  "same = lambda a, b: bool(xp.all(xp.asarray(a) == xp.asarray(b)))",
                  "sys.exit(not all(map(same, got, again)))"]  # fmt: skip
        return "\n".join([*lines, *asked]) + "\n"
    lines += [*asked, *verdict(cell, problem, quantity, answer)]
    return "\n".join(lines) + "\n"


def first_answer(
    problem: Problem, quantity: str, result: Result | None = None, cell: Cell | None = None
) -> Any:
    """The answer of the first oracle that has one; those that object in `result` come first."""
    said = [] if result is None else result.oracles
    own = find_system(cell.backend).own_oracle if cell and is_native(cell.backend) else ()
    objecting = [o.name for o in said if o.verdict not in ("agrees", "none")]
    for name in [*(o for o in objecting if o in NAMES), *NAMES]:
        if name in own:
            continue
        with np.errstate(all="ignore"):
            for answer in consult_oracles(problem, quantity, [name]):
                return answer
    return None


def output_dtypes(problem: Problem) -> list[tuple[tuple[int, ...], str]] | None:
    """Shape and dtype of each output, as an oracle computes them; None if none does."""
    answer = first_answer(problem, "value")
    if answer is None:
        return None
    real = problem.dtype.replace("complex64", "float32").replace("complex128", "float64")
    names = {"f": real, "c": problem.dtype}
    return [(y.shape, names.get(y.dtype.kind, "")) for y in answer.arrays]


def header(cell: Cell, result: Result | None, answer: Any) -> list[str]:
    """Comments that say what is wrong."""
    lines = [f"# {cell.key}"]
    if result is not None:
        lines = [f"# {result.outcome}: {cell.key}"]
        lines += [comment(line) for line in result.detail.strip().splitlines()[:4]]
        if result.minimal is not None:
            lines.append("# and in the same way at a smaller input, which is this one")
        for o in result.oracles:
            error = "" if o.error is None else f", {o.error:.3g} eps off"
            lines.append(f"# {o.name}: {o.verdict}{error}")
        lines += [comment(f"{p.name} does not hold: {p.note}")
                  for p in result.properties if not p.held]  # fmt: skip
    if answer is not None:
        lines.append(f"# what is expected was computed by: {answer.name}")
    return lines


# ---------------------------------------------------------------------- inputs


def setup(cell: Cell, problem: Problem) -> list[str]:
    """The lines that make the namespace and the inputs."""
    if ":" in cell.backend:  # a library that has no plugin
        module, _, path = cell.backend.partition(":")
        library = ".".join(["sys.modules[" + repr(module) + "]", *filter(None, [path])])
        lines = [f"import {module}", f"xp = pg.namespace({library})"]
    else:
        lines = [f"xp = pg.namespace({cell.backend!r})"]
    made = "xp.asarray(values, dtype=getattr(xp, dtype)).data"
    if cell.backend == "dask":  # several chunks
        lines += ["import dask.array as da",
                  "halves = lambda x: tuple(-1 if n < 2 else (n + 1) // 2 for n in x.shape)",
                  "split = lambda x: da.from_array(x, chunks=halves(x))"]  # fmt: skip
        made = "split(np.asarray(values, dtype))"
    elif cell.device != "default":
        lines += [f"devices = pg.backends()[{cell.backend!r}]['devices']",
                  f"device = next(d for d in devices if str(d) == {cell.device!r})"]  # fmt: skip
        made = "xp.asarray(values, dtype=getattr(xp, dtype), device=device).data"
    lines.append(f"array = lambda values, dtype={cell.dtype!r}: {made}")
    inputs = [write_down(x, cell.dtype) for x in problem.inputs]
    if problem.layout == "strided":
        lines.append("apart = lambda x: xp.stack([x, x], axis=-1).data[..., 0]  # not contiguous")
        inputs = [f"apart({text})" for text in inputs]
    return [*lines, f"x = [{', '.join(inputs)}]"]


# ---------------------------------------------------------------------- the operation


def call(cell: Cell, problem: Problem, floating: list[int] | None, try_it: bool) -> list[str]:
    """The lines that define `f`, which takes the inputs and returns a list of outputs: only those
    numbered in `floating`, if other outputs have no gradient."""
    try:
        *lines, last = plain_call(cell, problem, several(problem) if try_it else None)
    except NotLiteral:
        lines = ["from pluggrad_conformance.cells import Cell",
                 "from pluggrad_conformance.problem import Problem",
                 f"problem = Problem.of(Cell.parse({cell.key!r}))",
                 "outputs = problem.function(xp, lambda a: xp.asarray(a).data)"]  # fmt: skip
        last = "f = lambda *x: outputs(*x)"
    if floating is not None:
        lines.append(last.replace("f =", "every =", 1))
        last = f"f = lambda *x: [every(*x)[k] for k in {floating}]"
    return [*lines, last]


def plain_call(cell: Cell, problem: Problem, many: bool | None) -> list[str]:
    """The call as a person would type it; `NotLiteral` if it cannot be written. `many` is whether
    it returns several arrays, None if that is not known."""
    operation, lines = problem.operation, []
    where = {place: f"x{k}" for k, place in enumerate(problem.places)}
    args = [text_of(x, (i, None), where) for i, x in enumerate(problem.args)]
    if cell.form != "function":  # only Variables have these operators and methods
        args = [a.replace("array(", "pg.Variable(array(", 1) + ")" if a.startswith("array(") else a
                for a in args]  # fmt: skip
    kwargs = [f"{k}={literal(v)}" for k, v in problem.kwargs.items()]
    if cell.form == "method":
        made = f"{args[0]}.{operation.method}({', '.join(args[1:] + kwargs)})"
    elif cell.form == "operator" and operation.operator is not None:
        lines += defined(operation.operator, "operator")
        made = f"operator({', '.join(args + kwargs)})"
    elif operation.path:
        library, _, name = operation.path.partition(".")
        if name.startswith("Tensor."):
            made = f"{args[0]}{name.removeprefix('Tensor')}({', '.join(args[1:] + kwargs)})"
        else:
            lines.append(f"import {library}")
            made = f"{operation.path}({', '.join(args + kwargs)})"
    elif operation.call is None:
        made = f"xp.{operation.name}({', '.join(args + kwargs)})"
    else:
        lines += defined(operation.call, "call")
        made = f"call({', '.join(['xp', *args, *kwargs])})"
    inputs = ", ".join(where.values())
    if many is None:
        lines.append("listed = lambda y: list(y) if isinstance(y, (tuple, list)) else [y]")
        made = f"listed({made})"
    else:
        made = f"list({made})" if many else f"[{made}]"
    if operation.gauge is not None:
        lines += defined(operation.gauge, "gauge")
        made = f"list(gauge(xp, {made}, [{inputs}]))"
    return [*lines, f"f = lambda {inputs}: {made}"]


def several(problem: Problem) -> bool | None:
    """Whether the operation returns a tuple or list of arrays; None if NumPy does not know it."""
    args = problem.filled(problem.inputs)
    try:
        with np.errstate(all="ignore"):
            y = problem.operation.in_namespace(pg.namespace("numpy"), *args, **problem.kwargs)
    except Exception:
        return None
    return isinstance(y, (tuple, list))


def defined(function: Any, name: str) -> list[str]:
    """The statements that define `function` under `name`; `NotLiteral` if there are none."""
    lines = definitions(function, name)
    if lines is None:
        raise NotLiteral(name)
    return lines


def text_of(x: Any, place: tuple[int, int | None], where: dict[Any, str]) -> str:
    """An argument: one of the inputs, an array that is a setting, or a literal."""
    if place in where:
        return where[place]
    if isinstance(x, np.ndarray):
        return write_down(x, "setting")
    if isinstance(x, (list, tuple)) and any(isinstance(item, (np.ndarray, Array)) for item in x):
        items = [text_of(item, (place[0], j), where) for j, item in enumerate(x)]
        inside = ", ".join(items) + ("," if isinstance(x, tuple) and len(items) == 1 else "")
        return f"({inside})" if isinstance(x, tuple) else f"[{inside}]"
    return literal(x)


# ---------------------------------------------------------------------- the question


def question(cell: Cell, problem: Problem, quantity: str, outputs: Any) -> list[str]:
    """The lines that compute `got`, a sequence of arrays."""
    if quantity == "value":
        return ["got = f(*[pg.Variable(a, requires_grad=True) for a in x])"]
    t = f"t = [{', '.join(write_down(a, cell.dtype) for a in problem.tangents())}]"
    if quantity == "tangent":
        return [t, "got = pg.jvp(f, x, t)[1]"]
    lines = [cotangents(problem, outputs)]
    functional = "gradient = lambda *x: pg.vjp(f, *x)[1](c)"
    if cell.mode == "vmap":
        return [*lines, functional, "got = pg.vmap(gradient)(*[xp.stack([a, a]).data for a in x])",
                "got = [g[1, ...] for g in got]"]  # fmt: skip
    if cell.compiled == "jit":
        return [*lines, "import jax", "def gradient(*x):",
                "    v = [pg.Variable(a, requires_grad=True) for a in x]",
                "    found = pg.autograd.grad(f(*v), v, c, materialize_grads=True)",
                "    return [g.data for g in found]",
                "got = jax.jit(gradient)(*x)"]  # fmt: skip
    if cell.mode == "forward-over-reverse":
        return [*lines, functional, t, "got = pg.jvp(gradient, tuple(x), tuple(t))[1]"]
    lines.append("v = [pg.Variable(a, requires_grad=True) for a in x]")
    if quantity == "gradient":
        return [*lines, "got = pg.autograd.grad(f(*v), v, c, materialize_grads=True)"]
    return [
        *lines,
        t,
        "g = pg.autograd.grad(f(*v), v, c, create_graph=True, materialize_grads=True)",
        "t = [b for a, b in zip(g, t) if a.requires_grad]",
        "g = [a for a in g if a.requires_grad]",
        "zeros = [xp.zeros_like(a) for a in x]",
        "got = pg.autograd.grad(g, v, t, materialize_grads=True) if g else zeros",
    ]


def floating_outputs(outputs: Any) -> list[int] | None:
    """The numbers of the outputs that have a gradient, if others have none."""
    floating = [k for k, (_, dtype) in enumerate(outputs or []) if dtype]
    return floating if outputs and len(floating) < len(outputs) else None


def cotangents(problem: Problem, outputs: Any) -> str:
    """The line that defines the cotangents `c`; ones, where no oracle knows the outputs."""
    if outputs is None:
        return "c = [xp.ones_like(a).data for a in f(*x)]"
    made = []
    for k, (shape, dtype) in enumerate(outputs):
        if dtype:
            text = write_down(problem.cotangent(k, shape, dtype), wrap=False)
            made.append(f"array({text})" if dtype == problem.dtype else f"array({text}, {dtype!r})")
    return f"c = [{', '.join(made)}]"


# ---------------------------------------------------------------------- the verdict


def verdict(cell: Cell, problem: Problem, quantity: str, answer: Any) -> list[str]:
    """The lines that print the answer and what was expected, and exit."""
    if answer is None:
        return ["print(*got, sep='\\n')"]
    allowed = [_rounded_up(b) for b in bounds(problem.operation, quantity, cell.dtype, answer)]
    dtype = cell.dtype if quantity in ("gradient", "second") else ""
    home = "" if cell.device == "default" else ".to_device(xp.zeros(1).device)"
    return [
        f"expected = [{', '.join(write_down(a, wrap=False) for a in answer.arrays)}]",
        f"allowed = [{', '.join(write_down(b, wrap=False) for b in allowed)}]",
        "same = len(got) == len(expected)",
        "for a, b, most in zip(map(xp.asarray, got), map(np.asarray, expected), allowed):",
        f"    same = same and str(a.dtype).endswith({dtype!r}) and tuple(a.shape) == b.shape",
        "    wide = xp.complex128 if np.iscomplexobj(b) else xp.float64",
        f"    a = xp.astype(a.detach(), wide){home}.numpy()",
        "    print('got', a.tolist(), 'expected', b.tolist(), sep='\\n')",
        "    close = lambda: (abs(a - b) <= most) | (a == b) | np.isnan(a) & np.isnan(b)",
        "    same = same and bool(np.all(close()))",
        "sys.exit(print('they agree' if same else 'THEY DIFFER') or not same)",
    ]


def _rounded_up(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tolerances, rounded up to three digits to be readable."""
    return np.asarray([float(f"{1.01 * v:.3g}") for v in x.ravel()]).reshape(x.shape)
