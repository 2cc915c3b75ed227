"""What passes are made of: replacing values, removing nodes."""

from __future__ import annotations

from collections.abc import Callable

from edgerun.ir.graph import Graph, Node, Value


def replace_uses(graph: Graph, old: Value, new: Value) -> None:
    """Lets every node that reads `old` read `new`. Results of the graph are left alone."""
    for node in graph.nodes:
        node.inputs = [new if v is old else v for v in node.inputs]


def only_user(graph: Graph, value: Value, uses: dict[Value, list[Node]]) -> Node | None:
    """The one node that reads `value`, which is not a result of the graph; or None."""
    readers = uses.get(value, [])
    return readers[0] if len(readers) == 1 and value not in graph.results() else None


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
    changed = True
    while changed:
        changed = False
        uses, producers = graph.uses(), graph.producers()
        for second in graph.nodes:
            for value in list(second.inputs):
                first = producers.get(value) if value is not None else None
                if first is None or only_user(graph, first.outputs[0], uses) is not second:
                    continue
                if merge(first, second):
                    graph.nodes.remove(first)
                    changed = True
                    break
            if changed:
                break
