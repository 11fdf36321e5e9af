"""The graph as in `torch.autograd.graph`: its nodes, and hooks on the arrays that they save."""

from __future__ import annotations

from ..engine.backward import nodes_below
from ..engine.graph import LeafNode, Node, RemovableHandle
from ..engine.modes import saved_tensors_hooks

__all__ = ["LeafNode", "Node", "RemovableHandle", "nodes_below", "saved_tensors_hooks"]
