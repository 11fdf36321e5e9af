"""The function and the arrays that it is called with."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "InputError", "cast", "describe_arguments", "load_function", "load_inputs", "places_of",
    "takes_namespace",
]  # fmt: skip


class InputError(ValueError):
    """A function or inputs cannot be found; the message says what to do."""


def _module(name: str) -> Any:
    if name.endswith(".py"):
        path = Path(name)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise InputError(f"there is no file {name}")
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        spec.loader.exec_module(module)
        return module
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"there is no module {error.name!r}; a path ending in .py works, too"
        ) from error


def load_function(name: str) -> Callable[..., Any]:
    """The function of ``module:function``, or of ``path.py:function``."""
    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        raise InputError(f"{name!r} is not MODULE:FUNCTION")
    found: Any = _module(module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{module} has no {attribute!r}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{name} is {type(found).__name__}, not a function")
    function: Callable[..., Any] = found
    return function


def takes_namespace(function: Callable[..., Any]) -> bool:
    """Whether the first parameter is called `xp`: then it gets the namespace of the arrays."""
    return next(iter(inspect.signature(function).parameters), "") == "xp"


def load_inputs(
    given: str | None, function: Callable[..., Any], seed: int = 0, size: int | None = None
) -> list[Any]:
    """The arguments, as NumPy arrays and settings. Python's numbers are settings.

    `given` is a ``.npz`` file (arrays in its order), ``module:name`` (a list of arguments, or a
    function that makes it), or shapes such as ``3x4,4,()``, which are filled with standard normal
    numbers. None: the attribute `inputs` of the function's module. Where there is a `size`, an n in
    a shape stands for it, and a function that makes the inputs is called with it.
    """
    if given is None:
        module = sys.modules.get(function.__module__)
        found = getattr(module, "inputs", None)
        if found is None:
            raise InputError(
                f"what is {function.__name__} to be called with? Give --inputs shapes such as "
                "'3x4,4', a .npz file or MODULE:NAME; or define `inputs` beside the function"
            )
    elif given.endswith(".npz"):
        with np.load(given) as file:
            found = [file[name] for name in file.files]
    elif ":" in given:
        path, _, name = given.rpartition(":")
        found = getattr(_module(path), name, None)
        if found is None:
            raise InputError(f"{path} has no {name!r}")
    elif re.fullmatch(r"[\dnx,() ]+", given):
        if "n" in given and size is None:
            raise InputError(f"an n in {given!r} is one of --sizes, and there are none")
        rng = np.random.default_rng(seed)
        shapes = given.replace("n", str(size))
        found = [rng.standard_normal(tuple(int(n) for n in re.findall(r"\d+", shape)))
                 for shape in shapes.split(",") if shape.strip()]  # fmt: skip
    else:
        raise InputError(f"{given!r} is no .npz file, no MODULE:NAME and no list of shapes")
    if callable(found):
        found = found() if size is None else found(size)
    elif size is not None and "n" not in (given or ""):
        raise InputError("with --sizes, `inputs` is a function of the size, or shapes have an n")
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(x) if hasattr(x, "__array__") else x for x in found]


def cast(x: Any, dtype: str) -> Any:
    """`x` in `dtype`, or the complex one of that precision; settings stay as they are."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
        return x
    if x.dtype.kind == "c":
        dtype = {"float32": "complex64", "float64": "complex128"}.get(dtype, dtype)
    return x.astype(dtype)


def places_of(args: list[Any], by: Sequence[int] | None) -> list[int]:
    """The positions of the arguments to differentiate by: `by`, or those of all arrays of
    floating-point numbers. `InputError` if there are none, or if one is no such array."""
    moves = [isinstance(x, np.ndarray) and x.dtype.kind in "fc" for x in args]
    places = [i for i, m in enumerate(moves) if m] if by is None else list(by)
    for i in places:
        if not 0 <= i < len(args):
            raise InputError(f"there is no argument {i}; there are {len(args)}, from 0")
        if not moves[i]:
            raise InputError(
                f"argument {i} is {type(args[i]).__name__}, a setting: to differentiate by it, "
                "make it an array of floating-point numbers, as numpy.asarray(0.5)"
            )
    if not places:
        raise InputError("there is nothing to differentiate by: floating-point arrays are needed")
    return places


def describe_arguments(args: list[Any]) -> list[str]:
    """A few words for each argument."""
    return [
        f"{x.dtype} {'×'.join(map(str, x.shape)) or 'number'}" if isinstance(x, np.ndarray)
        else repr(x)[:40] for x in args
    ]  # fmt: skip
