"""Passes on small models: the graph they leave, as text, and that no bit changes."""

from __future__ import annotations

from cases import evaluate, random_feeds
from edgerun.frontends import load_graph
from edgerun.ir.graph import Graph
from edgerun.passes import PIPELINE, run_passes
from edgerun.session import Session
from engine import assert_equal

PASSES = {p.name: p for p in PIPELINE}


def text(graph: Graph) -> str:
    """The nodes as `output = operator input input`, without constants."""
    return "\n".join(
        f"{node.outputs[0].name} = {node.op} "
        + " ".join(v.name for v in node.inputs if v is not None and v.data is None)
        for node in graph.nodes
    )


def rewritten(model: bytes, *names: str) -> str:
    """The text of the graph after the passes named; also checks that fusion does not change a bit."""
    unfused = load_graph(model)
    feeds = random_feeds(unfused, 0)
    expected = evaluate(unfused, feeds)
    graph = run_passes(load_graph(model), [PASSES[name] for name in names])
    assert_equal(evaluate(graph, feeds), expected)
    assert_equal(Session(model, 1).run(feeds), expected)
    return text(graph)


def untouched(model: bytes, name: str) -> bool:
    return rewritten(model, name) == text(load_graph(model))
