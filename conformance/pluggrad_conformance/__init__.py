"""Conformance of gradients: every operation on every backend, against oracles that are not ours.

Run by ``pluggrad conformance run`` or ``pytest --pyargs pluggrad_conformance --backend NAME``.
"""

from __future__ import annotations
