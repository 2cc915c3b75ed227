"""Rewriting the graph: the list of passes is data, and every one keeps the bits of the integer graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgerun.errors import ModelError
from edgerun.ir.graph import Graph
from edgerun.ir.op import NUMBERS_DO_NOT_FIT
from edgerun.passes.eliminate import eliminate
from edgerun.passes.fold_affine import fold_affine
from edgerun.passes.fold_constants import fold_constants
from edgerun.passes.fold_qdq import fold_qdq
from edgerun.passes.fuse_activation import fuse_activation
from edgerun.passes.fuse_pad import fuse_pad
from edgerun.passes.fuse_tables import fuse_tables
from edgerun.passes.transposes import merge_transposes, sink_transposes


@dataclass(frozen=True)
class Pass:
    """A named function that changes a graph in place."""

    name: str
    run: Callable[[Graph], None]


def _fuse_dynamic(graph: Graph) -> None:
    """The pass of models that quantise dynamically; others do not import it."""
    if any(node.op.name == "DynamicQuantize" for node in graph.nodes):
        from edgerun.passes.fuse_dynamic import fuse_dynamic

        fuse_dynamic(graph)


PIPELINE: Sequence[Pass] = (
    Pass("fold_qdq", fold_qdq),
    Pass("fold_constants", fold_constants),
    Pass("fuse_dynamic", _fuse_dynamic),
    Pass("sink_transposes", sink_transposes),
    Pass("merge_transposes", merge_transposes),
    Pass("eliminate", eliminate),
    Pass("fold_affine", fold_affine),
    Pass("fuse_pad", fuse_pad),
    Pass("fuse_activation", fuse_activation),
    Pass("fuse_tables", fuse_tables),
)

# For debuggers and preserve_all_tensors: every value that is computed exists and has its own meaning.
UNFUSED: Sequence[Pass] = (Pass("fold_constants", fold_constants),)


def run_passes(graph: Graph, pipeline: Sequence[Pass] = PIPELINE) -> Graph:
    """Runs a pipeline over the graph, in place; after each pass the graph is checked.

    Raises ModelError that names the pass whose result does not hold together.
    """
    for step in pipeline:
        try:
            with np.errstate(all="ignore"):
                step.run(graph)
        except NUMBERS_DO_NOT_FIT as error:
            raise ModelError(f"{graph.name}: in pass {step.name}, numbers do not fit ({error}).") from error
        try:
            graph.check()
        except ModelError as error:
            raise ModelError(f"After pass {step.name}: {error}") from error
    return graph
