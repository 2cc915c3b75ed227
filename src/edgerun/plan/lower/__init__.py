"""Lowering: each operator of the graph becomes steps of the engine's verbs, or an alias, or a host step.

The module of each family of operators registers its functions in LOWERINGS, one entry per operator class.
An operator without one runs in Python through its eval.
"""

from __future__ import annotations

from edgerun.ir.graph import Graph
from edgerun.plan.lower import (  # noqa: F401 - they register themselves
    along,
    comparison,
    conv,
    detection,
    dynamic,
    elementwise,
    gather,
    int16,
    matmul,
    mediapipe,
    normalize,
    pool,
    quantize,
    recurrent,
    reduction,
    regions,
    resize,
    search,
    shape,
    signal,
    signal_stream,
    transpose_conv,
)
from edgerun.plan.lower.lowering import LOWERINGS, Lowering
from edgerun.plan.plan import Plan

__all__ = ["LOWERINGS", "lower"]


def lower(graph: Graph) -> Plan:
    """The plan of a graph."""
    return Lowering(graph).plan()
