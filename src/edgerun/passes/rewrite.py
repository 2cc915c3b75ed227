"""What passes are made of: merging and removing nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from edgerun.ir.graph import Graph, Node


def remove_dead(graph: Graph) -> None:
    """Removes nodes whose results nobody reads."""
    alive = set(graph.results())
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if alive.intersection(node.outputs):
            kept.append(node)
            alive.update(v for v in node.inputs if v is not None)
    graph.nodes = kept[::-1]


def rewrite_pairs(graph: Graph, merge: Callable[[Node, Node], bool]) -> None:
    """Offers each pair (producer, its only reader) to `merge`, in order, until none is taken.

    merge(first, second) changes `second` to do the work of both and says whether it did.
    """
    producers, results = graph.producers(), set(graph.results())
    reads = Counter(v for node in graph.nodes for v in node.inputs)
    merged: set[Node] = set()

    def merge_into(second: Node) -> bool:
        """Merges one producer into the node, if it can be."""
        before = second.inputs
        for value in before:
            first = None if value is None else producers.get(value)
            if first is None or value in results or reads[value] != 1 or not merge(first, second):
                continue
            reads.subtract([*first.inputs, *before])
            reads.update(second.inputs)
            merged.add(first)
            return True
        return False

    for second in graph.nodes:
        while merge_into(second):
            pass
    graph.nodes = [node for node in graph.nodes if node not in merged]
