"""Links that need not be written.

`pg.grad` in code face, on any page or in a docstring, leads to the reference, and `numpy.sum`,
`scipy.linalg.expm`, `torch.mm`, `jax.jit` to that library's own. A link to an HTML file that is
committed, such as a report, leads to a copy of it in the site.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import relative_uri

#: How a library is written, and the module that it is.
LIBRARIES = {
    "pg": "pluggrad", "pluggrad": "pluggrad", "np": "numpy", "numpy": "numpy", "scipy": "scipy",
    "torch": "torch", "F": "torch.nn.functional", "jax": "jax", "jnp": "jax.numpy",
}  # fmt: skip
NAME = re.compile(rf"({'|'.join(LIBRARIES)})((?:\.\w+)+)(?:\([^()]*\))?")
#: Folder of the site that copies of reports are in.
REPORTS = "reports"


class Names(SphinxTransform):
    """Turns names in code face into references, which stay as they are if nothing is known."""

    default_priority = 9

    def apply(self, **kwargs: Any) -> None:
        for literal in list(self.document.findall(nodes.literal)):
            match = NAME.fullmatch(literal.astext())
            if match is None or inside_a_link(literal):
                continue
            target = LIBRARIES[match[1]] + match[2]
            reference = addnodes.pending_xref(
                "", literal.deepcopy(), refdomain="py", reftype="obj", reftarget=target,
                refdoc=self.env.docname, refwarn=False, refexplicit=True,
            )  # fmt: skip
            literal.replace_self(reference)


def inside_a_link(node: nodes.Node) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, (nodes.reference, addnodes.pending_xref, nodes.title)):
            return True
        parent = parent.parent
    return False


def lead_to_reports(app: Any, doctree: nodes.document, docname: str) -> None:
    """Links to committed HTML files lead to their copies, instead of downloading them."""
    for link in list(doctree.findall(addnodes.download_reference)):
        source = Path(app.srcdir, docname).parent / link["reftarget"]
        if source.suffix != ".html":
            continue
        page = app.builder.get_target_uri(docname)
        uri = relative_uri(page, f"{REPORTS}/{source.name}")
        link.replace_self(nodes.reference("", "", *link.children, internal=True, refuri=uri))


def copy_reports(app: Any, error: Exception | None) -> None:
    """Every committed HTML file in docs/, in a folder of the site."""
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir, REPORTS)
        folder.mkdir(exist_ok=True)
        source = Path(app.srcdir)
        for report in [*source.glob("*.html"), *source.glob("reports/**/*.html")]:
            shutil.copyfile(report, folder / report.name)


def setup(app: Any) -> dict[str, bool]:
    app.add_transform(Names)
    app.connect("doctree-resolved", lead_to_reports)
    app.connect("build-finished", copy_reports)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
