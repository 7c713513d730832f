"""The node: assembles a running mesh from its settings, the one place that picks engines and stores."""

from __future__ import annotations

from meshwright.node.assembly import Node, open_node

__all__ = ["Node", "open_node"]
