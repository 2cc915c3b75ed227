"""Computes what depends on constants alone."""

from __future__ import annotations

from edgerun import knobs
from edgerun.ir.graph import Graph
from edgerun.ir.op import evaluate


def fold_constants(graph: Graph) -> None:
    """Replaces nodes whose inputs are all constant by their value, up to EDGERUN_MAX_FOLD_MB each, and all of
    them up to some times the constants that there are."""
    limit = knobs.max_fold_bytes()
    room = limit + 8 * sum(v.type.nbytes for v in graph.constants())
    kept = []
    for node in graph.nodes:
        arrays = [None if v is None else v.data for v in node.inputs]
        constant = node.inputs and all(v is None or v.data is not None for v in node.inputs)
        size = sum(v.type.nbytes for v in node.outputs)
        if not constant or not node.op.folds or size > min(limit, room):
            kept.append(node)
            continue
        room -= size
        results = evaluate(node.op, node.types(), arrays)
        for value, result in zip(node.outputs, results, strict=True):
            result.setflags(write=False)
            value.data = result
    graph.nodes = kept
