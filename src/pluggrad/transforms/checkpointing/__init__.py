"""Functions that save memory: what they compute is computed again when it is differentiated."""

from __future__ import annotations

from .checkpointed import checkpoint

__all__ = ["checkpoint"]
