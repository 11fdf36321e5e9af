"""Writes docs/inventories/: where other libraries' documentation has which name.

    python docs/_ext/inventories.py

Sphinx links names of other libraries by inventories that it downloads from their sites. These are
made here instead, so that the site is built without a network: from the public names of the
installed library that have a docstring, and from the fixed scheme by which its site names its pages.
Whether a page is there was not asked: that takes a network.
"""

from __future__ import annotations

import importlib
import inspect
import zlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from pluggrad.variables.documentation import section_of
from pluggrad.variables.names import public_names

TARGET = Path(__file__).parents[1] / "inventories"
HEAD = "# Sphinx inventory version 2\n# Project: {}\n# Version: {}\n# zlib\n"
#: By distribution: modules, and where the site has their names.
SCHEMES = {
    "numpy": {
        "numpy numpy.linalg numpy.fft": "reference/generated/{name}.html",
    },
    "scipy": {
        "scipy.cluster.vq scipy.fft scipy.integrate scipy.interpolate scipy.linalg scipy.ndimage "
        "scipy.optimize scipy.signal scipy.sparse scipy.sparse.linalg scipy.spatial "
        "scipy.spatial.distance scipy.special scipy.stats scipy.optimize.elementwise "
        "scipy.differentiate": "reference/generated/{name}.html",
    },
    "torch": {
        "torch torch.fft torch.linalg torch.nn.functional torch.func torch.optim torch.nn":
        "generated/{name}.html",
        "torch.special": "special.html",
    },
    "jax": {
        "jax jax.numpy jax.numpy.linalg jax.numpy.fft jax.lax jax.nn jax.scipy.special":
        "_autosummary/{name}.html",
    },
}  # fmt: skip
#: Names that the scheme does not find.
ELSEWHERE = {
    "torch.Tensor": "tensors.html#torch.Tensor",
    "torch.nn.Parameter": "generated/torch.nn.parameter.Parameter.html#torch.nn.parameter.Parameter",
}


def public(module: str) -> Iterator[tuple[str, str]]:
    """The functions and classes of a module, with the role that Python's domain has for them."""
    found = importlib.import_module(module)
    for name in sorted(getattr(found, "__all__", None) or dir(found)):
        thing = getattr(found, name, None)
        full = f"{module}.{name}"
        if name.startswith("_") or not callable(thing):
            continue
        if not thing.__doc__ and full not in ELSEWHERE:
            continue
        yield full, "class" if inspect.isclass(thing) else "function"


def rows(distribution: str) -> Iterator[str]:
    """The lines of an inventory."""
    for modules, scheme in SCHEMES[distribution].items():
        for module in modules.split():
            for name, role in public(module):
                place = ELSEWHERE.get(name, f"{scheme.format(name=name)}#{name}")
                yield f"{name} py:{role} 1 {place} -\n"


def rows_of_the_standard() -> Iterator[str]:
    """The lines of the inventory of the Array API standard: what pluggrad's docstrings cite."""
    for prefix in ("", "linalg.", "fft."):
        folder = "extensions" if prefix else "API_specification"
        for name in public_names(prefix):
            if section_of(prefix + name):
                full = f"array_api.{prefix}{name}"
                yield f"{full} py:function 1 {folder}/generated/{full}.html#{full} -\n"


def inventory(project: str, version: str, lines: Iterator[str]) -> bytes:
    """The file, in the format of Sphinx: four lines of text, then lines that are compressed."""
    return HEAD.format(project, version).encode() + zlib.compress("".join(lines).encode(), 9)


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    files = {name: inventory(name, version(name), rows(name)) for name in SCHEMES}
    files["array_api"] = inventory("array_api", "2025.12", rows_of_the_standard())
    for name, content in files.items():
        (TARGET / f"{name}.inv").write_bytes(content)
        print(f"{name}.inv: {len(content)} bytes")


if __name__ == "__main__":
    main()
