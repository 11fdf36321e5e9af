"""NumPy, the default backend."""

from __future__ import annotations

from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from pluggrad.backend import Adapter

MODULES = ("numpy",)


class NumpyAdapter(Adapter):
    name = "numpy"
    modules = MODULES
    array_type = np.ndarray

    def namespace(self) -> Any:
        return xp


backend = NumpyAdapter()
