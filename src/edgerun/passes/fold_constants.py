"""Computes what depends on constants alone."""

from __future__ import annotations

from edgerun import knobs
from edgerun.ir.graph import Graph
from edgerun.ir.op import evaluate


def fold_constants(graph: Graph) -> None:
    """Replaces nodes whose inputs are all constant by their value, up to EDGERUN_MAX_FOLD_MB each."""
    limit = knobs.max_fold_bytes()
    kept = []
    for node in graph.nodes:
        arrays = [None if v is None else v.data for v in node.inputs]
        constant = node.inputs and all(v is None or v.data is not None for v in node.inputs)
        if not constant or not node.op.folds or sum(v.type.nbytes for v in node.outputs) > limit:
            kept.append(node)
            continue
        results = evaluate(node.op, node.types(), arrays)
        for value, result in zip(node.outputs, results, strict=True):
            result.setflags(write=False)
            value.data = result
    graph.nodes = kept
