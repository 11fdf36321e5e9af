"""The clients are imported with SCIPY_ARRAY_API=1, which the conftest above sets."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
