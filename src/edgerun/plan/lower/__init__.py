"""Lowering: each operator of the graph becomes steps of the engine's verbs, or an alias, or a host step.

The module of each family of operators registers its functions in LOWERINGS, one entry per operator class; it
is imported when the first operator of the family is met (lowering.FAMILIES). An operator without an entry
runs in Python through its eval.
"""

from __future__ import annotations

from edgerun.ir.graph import Graph
from edgerun.plan.lower.lowering import LOWERINGS, Lowering
from edgerun.plan.plan import Plan

__all__ = ["LOWERINGS", "lower"]


def lower(graph: Graph) -> Plan:
    """The plan of a graph."""
    return Lowering(graph).plan()
