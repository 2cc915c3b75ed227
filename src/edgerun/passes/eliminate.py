"""Removes what does nothing: unread results, and operators that return their input."""

from __future__ import annotations

import numpy as np

from edgerun.ir.elementwise import Table, Unary
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.shape import Concat, Pad, Reshape, Slice, Transpose
from edgerun.passes.rewrite import remove_dead


def eliminate(graph: Graph) -> None:
    """Removes dead nodes and identities; a graph's result keeps the node that writes it."""
    replaced: dict[Value | None, Value | None] = {}
    for node in graph.nodes:
        node.inputs = [replaced.get(v, v) for v in node.inputs]
        source = node.inputs[0] if node.inputs else None
        if source is not None and source.type == node.outputs[0].type and _is_identity(node):
            replaced[node.outputs[0]] = source
    remove_dead(graph)


def _is_identity(node: Node) -> bool:
    op, kind = node.op, node.types()[0]
    if isinstance(op, Reshape | Slice | Pad):
        # With the same shape before and after, these move nothing (a slice may still reverse).
        return not isinstance(op, Slice) or all(step == 1 for step in op.steps)
    if isinstance(op, Concat):
        return len(node.inputs) == 1
    if isinstance(op, Transpose):
        return op.perm == tuple(range(len(op.perm)))
    if isinstance(op, Unary | Table) and kind.is_8bit:
        return np.array_equal(op.table(kind.element).view(np.uint8), np.arange(256, dtype=np.uint8))
    return False
