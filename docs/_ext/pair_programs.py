"""What a `pair` of programs is: both halves run, and what they give is compared and shown.

It needs no Sphinx, so that the tests run the pairs of all pages, too.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

#: What separates the two sides.
RULE = "\n---\n"


def run(code: str, scope: dict[str, Any]) -> Any:
    """Execute `code` and return the value of its last line, if that is an expression."""
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<pair>", "exec"), scope)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "<pair>", "eval"), scope)


def plain(value: Any) -> Any:
    """A value as NumPy arrays, numbers and containers of these."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if value is None or isinstance(value, (str, bool)):
        return value
    if hasattr(value, "detach"):
        value = value.detach()
    return np.asarray(getattr(value, "data", value) if hasattr(value, "requires_grad") else value)


def same(left: Any, right: Any) -> bool:
    """Whether two plain values are equal, arrays to seven digits."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.shape == right.shape and np.allclose(left, right, 1e-6, 1e-7, equal_nan=True)
    return bool(left == right)


def shown(value: Any) -> str:
    """The common value, as it stands on the page."""
    if isinstance(value, np.ndarray):
        return str(np.round(value, 4).tolist())
    if isinstance(value, dict):
        return ", ".join(f"{name}: {shown(v)}" for name, v in value.items())
    if isinstance(value, list):
        return ", ".join(shown(v) for v in value)
    return repr(value)
