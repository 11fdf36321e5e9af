"""Helpers for programs: `flatten`, optimizers, fixed points."""

from __future__ import annotations

from .flatten import flatten
from .tracers import const_graph, const_graph_unary

__all__ = ["const_graph", "const_graph_unary", "flatten"]
