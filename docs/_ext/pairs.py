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

import os
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from pair_programs import RULE, plain, run, same, shown
from sphinx.util.docutils import SphinxDirective


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
