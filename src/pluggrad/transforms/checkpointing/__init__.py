"""`checkpoint`: save memory by recomputing intermediate values in the backward walk."""

from __future__ import annotations

from .checkpointed import checkpoint

__all__ = ["checkpoint"]
