"""A chain of unary operators on bytes is one table."""

from __future__ import annotations

import numpy as np

from edgerun.ir.elementwise import Table, Unary
from edgerun.ir.graph import Graph, Node
from edgerun.passes.rewrite import rewrite_pairs


def fuse_tables(graph: Graph) -> None:
    """Merges a unary operator into the unary operator that alone reads it."""

    def merge(first: Node, second: Node) -> bool:
        a, b = first.op, second.op
        if not isinstance(a, Unary | Table) or not isinstance(b, Unary | Table):
            return False
        if not all(node.types()[0].is_8bit for node in (first, second)) or b.out.dtype.itemsize != 1:
            return False
        inner = a.table(first.types()[0].element)
        outer = b.table(a.out)[inner.view(np.uint8)]
        second.op, second.inputs = Table(b.out, outer.tobytes()), first.inputs
        return True

    rewrite_pairs(graph, merge)
