"""The scripts in `examples/`, as modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

#: The top of the checkout.
CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples"


def load_example(name: str) -> Any:
    """Run an example as a module, whose `__name__` is not `__main__`."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
