"""What the rows of `pluggrad.scipy` are written with. The rows are in modules beside this one.

A row is called in a tree of modules that has SciPy's names: `pluggrad.scipy` for Variables, SciPy
itself for NumPy's arrays (by which finite differences judge), and `jax.scipy` as an oracle.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from ..operations import Case, Operation, add

__all__ = ["CALLS", "Tree", "scipy", "usual_call"]

#: How each row is called in a tree, by its name.
CALLS: dict[str, Callable[..., Any]] = {}


class Tree:
    """A package whose modules are imported when they are asked for: ``Tree("scipy").fft.dct``."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        package = importlib.import_module(self.__name__)
        try:
            return Tree(importlib.import_module(f"{self.__name__}.{name}").__name__)
        except ImportError:
            return getattr(package, name)


def _tree(xp: Any) -> Tree:
    """The tree for the namespace `xp`: a differentiable one, that of a bare library, or NumPy."""
    backend = getattr(xp, "_backend", None)
    if backend is not None and type(xp).__name__ != "BareNamespace":
        return Tree("pluggrad.scipy")
    if backend is not None and backend.name != "numpy":
        raise AttributeError(f"{backend.name} has no scipy")
    return Tree("scipy")


def usual_call(path: str) -> Callable[..., Any]:
    """The function of a tree that calls what is at `path` in it."""
    return lambda tree, *args, **kwargs: attrgetter(path)(tree)(*args, **kwargs)


def scipy(
    path: str, *cases: Case, kind: str = "linalg", how: Callable[..., Any] | None = None,
    jax: str | bool = False, torch: Callable[..., Any] | None = None, **facts: Any,
) -> Operation:  # fmt: skip
    """A row for the function of SciPy at `path`.

    ``how(tree, *args, **kwargs)`` calls it in a tree; by default with the arguments as they are.
    `jax` says that jax.scipy has it, perhaps at another path below `jax`; ``torch(torch, *args)``
    calls torch's.
    """
    how = usual_call(path) if how is None else how
    CALLS[f"scipy.{path}"] = how
    facts.setdefault("domains", ("real",))
    theirs = usual_call(jax) if isinstance(jax, str) else how
    root = "jax" if isinstance(jax, str) else "jax.scipy"
    return add(
        f"scipy.{path}", kind, *cases, torch=torch, no_torch=torch is None, no_jax=not jax,
        call=lambda xp, *args, **kwargs: how(_tree(xp), *args, **kwargs),
        jax=lambda jnp, *args, **kwargs: theirs(Tree(root), *args, **kwargs), **facts,
    )  # fmt: skip
