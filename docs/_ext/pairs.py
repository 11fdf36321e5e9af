"""The directive `pair`: the same program in another library and in pluggrad, side by side.

    ```{pair} The gradient of a function
    :left: JAX
    jax.grad(lambda x: jnp.sum(x ** 3))(jnp.asarray([1.0, 2.0]))
    ---
    pg.grad(lambda x: pg.sum(x ** 3))(np.asarray([1.0, 2.0]))
    ```

Both halves run when the page is built, in the order of the page; each side keeps its variables from
one pair to the next. The value of the last line is shown once, and the build fails unless it is the
same on both sides. A directive `pairs-setup` holds the imports of both.
"""

from __future__ import annotations

import ast
import os
from typing import Any, ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

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


class Setup(SphinxDirective):
    """Imports: shown, and run for both sides of the pairs on this page."""

    has_content = True
    option_spec: ClassVar = {"left": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        scopes = self.env.temp_data["pairs"] = ({}, {}, self.options.get("left", "theirs"))
        if not os.environ.get("PLUGGRAD_DOCS_QUICK"):
            for scope in scopes[:2]:
                run(code, scope)
        return [nodes.literal_block(code, code, language="python")]


class Pair(SphinxDirective):
    """Two programs that compute the same."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        title = self.arguments[0]
        left, right = "\n".join(self.content).split(RULE)
        *scopes, name = self.env.temp_data["pairs"]
        if os.environ.get("PLUGGRAD_DOCS_QUICK"):
            result = None
        else:
            values = [plain(run(code, scope)) for code, scope in zip((left, right), scopes)]
            if not same(*values):
                raise self.error(f"the two sides differ: {shown(values[0])}, {shown(values[1])}")
            result = values[0]
        box = nodes.container(classes=["pair"])
        words, _ = self.state.inline_text(title, self.lineno)
        box += nodes.paragraph("", "", nodes.strong("", "", *words), classes=["pair-title"])
        sides = nodes.container(classes=["pair-sides"])
        for label, code in ((name, left), ("pluggrad", right)):
            side = nodes.container(classes=["pair-side"])
            side += nodes.paragraph(label, label, classes=["pair-name"])
            side += nodes.literal_block(code, code, language="python")
            sides += side
        box += sides
        if result is not None:
            text = shown(result)
            line = nodes.paragraph("", "Both give ", classes=["pair-result"])
            line += [nodes.literal(text, text), nodes.Text(".")]
            box += line
        return [box]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("pairs-setup", Setup)
    app.add_directive("pair", Pair)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
