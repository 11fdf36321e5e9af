"""`to_onnx`: a traced function as a model that other programs run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.arguments import check_function
from ...engine.levels import ROOT, State, during, read
from ...engine.random_states import RandomStates
from ...errors import BackendError, InvalidArgumentError, UntraceableError
from ...staging.arguments import Result, sort_call
from ...staging.engines import program_of
from ...staging.guards import Guards
from ...staging.program import Program
from .graph import Graph, Tensor
from .translate import Translator

__all__ = ["to_onnx"]


def to_onnx(f: Callable[..., Any], /, *args: Any, path: str | Path | None = None) -> Any:
    """`f` as an ONNX model, which runs without Python and pluggrad.

    `f` is run once on stand-ins for `args`, as `compile` does, and what it computes becomes the
    graph of the model; of ``pg.value_and_grad(f)`` the gradient too. The model is for arrays of
    these shapes and dtypes.

    - Inputs are the arrays and Python floats among the arguments, also in tuples and dicts, under
      the names of the parameters: ``x``, ``params.w``, ``layers.0``. Floats are doubles without
      axes. Integers, booleans, strings and objects are frozen.
    - Outputs are the arrays that `f` returns: ``output``, or ``output.0``, ``output.1.w``. Other
      objects in the result must be None.
    - Arrays that `f` refers to by name are copied into the model.
    - Doubles stay doubles. Values agree with NumPy's up to rounding: functions that ONNX lacks, or
      onnxruntime lacks for doubles, are written by others.
    - Ties and nan are NumPy's, and so are repeated and negative indices.

    Parameters
    ----------
    f : callable
        A function of NumPy arrays.
    *args
        Examples of its arguments.
    path : str or Path, optional
        Where to write the model, too.

    Returns
    -------
    onnx.ModelProto
        Opset 18, which has passed ``onnx.checker``.

    Raises
    ------
    UnsupportedError
        ONNX has no operator for something that `f` calls, such as a decomposition of a matrix or
        complex numbers. The error names it.
    UntraceableError
        What `f` computes depends on more than shapes and dtypes; see `compile`.

    >>> import importlib.util, numpy as np, pluggrad as pg
    >>> def loss(w, x):
    ...     return pg.sum(pg.tanh(x @ w) ** 2)
    >>> w, x = np.ones(3), np.eye(3)
    >>> if importlib.util.find_spec("onnx"):
    ...     model = pg.to_onnx(pg.value_and_grad(loss), w, x)
    ...     assert [v.name for v in model.graph.input] == ["w", "x"]
    ...     assert [v.name for v in model.graph.output] == ["output.0", "output.1"]
    """
    try:
        import onnx
    except ImportError as error:
        raise BackendError("onnx is not installed: `pip install pluggrad[onnx]`") from error
    check_function(f, "to_onnx")
    program, inputs, outputs = traced_program(f, args)
    graph = Graph()
    translator = Translator(graph)
    for name, value in zip(inputs, program.inputs, strict=True):
        translator.tensors[value] = graph.input(name, value.dtype or float, value.shape)
    found = translator.add(program)
    for name, x in zip(outputs, found, strict=True):
        graph.output(name, x if isinstance(x, Tensor) else graph.constant(x))
    model = graph.model(getattr(f, "__name__", "function"))
    onnx.checker.check_model(model, full_check=True)
    if path is not None:
        onnx.save(model, str(path))
    return model


def traced_program(f: Any, args: Any) -> tuple[Program, list[str], list[str]]:
    """The program of `f`, and the names of its inputs and outputs."""
    guards = Guards(f)
    guards.check()
    for numbers_vary in (True, False):
        call, result = sort_call(args, {}, (), numbers_vary), Result()
        if call.backend.name != "numpy":
            raise BackendError(
                f"`to_onnx` takes NumPy arrays, and these are arrays of {call.backend.name}: give "
                "`numpy.asarray(x)`"
            )
        random = RandomStates(f, call.leaves)
        users = {id(x) for x in (*call.leaves, *guards.arrays) if type(x) is np.ndarray}
        state = State(ROOT, read().off)
        try:
            program = during(state, program_of, call.flat(f, result), call.leaves, users)
            break
        except UntraceableError:
            if not (numbers_vary and call.numbers):  # or it asks for the value of a Python float
                raise
    if random.moved():
        raise UntraceableError("it draws random numbers, and a model would not")
    if any([x is not None for x in result.others]):
        raise InvalidArgumentError(
            f"`to_onnx` takes functions that return arrays, and this one returns {result.others}"
        )
    parameters = _parameters(f, len(args))
    inputs = [".".join(map(str, (parameters[at], *path))) for _, at, *path in call.paths()]
    return program, inputs, [".".join(map(str, ("output", *path))) for path in result.paths()]


def _parameters(f: Any, count: int) -> list[str]:
    """The names of the first parameters of `f`."""
    try:
        found = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        found = []
    names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = [p.name for p in found if p.kind is p.VAR_POSITIONAL] or ["input"]
    return names[:count] + [f"{rest[0]}.{i}" for i in range(count - len(names))]
