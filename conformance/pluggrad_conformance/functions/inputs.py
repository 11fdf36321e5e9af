"""The function and the arrays that it is called with."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["InputError", "describe_arguments", "load_function", "load_inputs", "takes_namespace"]


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


def load_inputs(given: str | None, function: Callable[..., Any], seed: int = 0) -> list[Any]:
    """The arguments, as NumPy arrays and settings.

    `given` is a ``.npz`` file (arrays in its order), ``module:name`` (a list of arguments, or a
    function that makes it), or shapes such as ``3x4,4,()``, which are filled with standard normal
    numbers. None: the attribute `inputs` of the function's module.
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
    elif re.fullmatch(r"[\dx,() ]+", given):
        rng = np.random.default_rng(seed)
        found = [rng.standard_normal(tuple(int(n) for n in re.findall(r"\d+", shape)))
                 for shape in given.split(",") if shape.strip()]  # fmt: skip
    else:
        raise InputError(f"{given!r} is no .npz file, no MODULE:NAME and no list of shapes")
    found = found() if callable(found) else found
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(x) if hasattr(x, "__array__") or isinstance(x, float) else x for x in found]


def describe_arguments(args: list[Any]) -> list[str]:
    """A few words for each argument."""
    return [
        f"{x.dtype} {'×'.join(map(str, x.shape)) or 'number'}" if isinstance(x, np.ndarray)
        else repr(x)[:40] for x in args
    ]  # fmt: skip
