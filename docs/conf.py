"""What Sphinx needs to know to build the site: ``python docs/build.py``."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "pluggrad"
author = "pluggrad authors"
project_copyright = "pluggrad authors. BSD-3-Clause"
release = version = version_of("pluggrad")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "formulas",
    "generated",
    "links",
    "pairs",
]
exclude_patterns = ["_ext", "images", "inventories", "reports/*/**"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}

# Pages
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "literal"  # docstrings write `x` for code
highlight_language = "python"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
nitpicky = False

# Pages that run. What they print is kept in the build folder until their code changes.
nb_execution_mode = "off" if os.environ.get("PLUGGRAD_DOCS_QUICK") else "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
nb_execution_excludepatterns: list[str] = []

# Reference
autodoc_member_order = "alphabetical"
autodoc_typehints = "none"  # docstrings say the types, and shapes and dtypes besides
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False  # words of a type are no links
napoleon_preprocess_types = False
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

# Names of other libraries. docs/_ext/inventories.py wrote the files; nothing is downloaded.
SITES = {
    "array_api": "https://data-apis.org/array-api/2025.12/",
    "jax": "https://docs.jax.dev/en/latest/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
intersphinx_mapping = {
    name: (url, str(HERE / "inventories" / f"{name}.inv")) for name, url in SITES.items()
}

# Looks
html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"pluggrad {version}"
html_static_path = ["_static"]
html_css_files = ["pluggrad.css"]
html_show_sourcelink = False
html_copy_source = False
html_baseurl = os.environ.get("PLUGGRAD_DOCS_URL", "")  # where the site is published
html_theme_options = {"navigation_with_keys": True}
