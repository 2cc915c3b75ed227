"""Every Case: the numpy reference against LiteRT's, the engine against the numpy reference."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from cases import CASES, Case, evaluate
from edgerun.frontends import load_graph
from edgerun.session import Session, check_steps
from engine import ISAS, assert_equal, bound_for

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def test_ids_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [c for c in CASES if c.litert], ids=lambda case: case.id)
def test_eval_against_litert(case: Case) -> None:
    litert = pytest.importorskip("litert")
    feeds = case.feeds()
    mine, theirs = evaluate(load_graph(case.build()), feeds), litert.run(case.build(), feeds)
    assert mine.keys() == theirs.keys()
    # LiteRT leaves the places of detections that it does not find as they were.
    found = mine["confidences"][0] != 0 if case.operator == "DetectionPostProcess" else None
    for name, expected in theirs.items():
        got = mine[name]
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        if found is not None and name != "count":
            got, expected = got[:, found], expected[:, found]
        exact, wanted = got.astype(np.float64), expected.astype(np.float64)
        if got.dtype.kind == "f":
            np.testing.assert_allclose(exact, wanted, rtol=1e-5, atol=1e-6)
        else:
            assert np.abs(exact - wanted).max() <= 1


@every_case
def test_eval_spans_its_outputs(case: Case) -> None:
    """A case whose output is constant would prove nothing."""
    outputs = evaluate(load_graph(case.build()), case.feeds())
    nothing_found = "count" in outputs and not outputs["count"].any()
    for value in outputs.values():
        assert value.size < 8 or value.min() < value.max() or nothing_found


@every_case
def test_engine_equals_eval(case: Case) -> None:
    model = case.build()
    graph = load_graph(model)
    runs = [(feeds, evaluate(graph, feeds)) for feeds in map(case.feeds, (0, 1))]
    for isa, threads in product(ISAS, (1, 2)):
        with bound_for(isa):
            session = Session(model, threads)
        for feeds, expected in runs:  # the second must not depend on what the first left
            assert_equal(session.run(feeds), expected)


@every_case
def test_every_tensor_equals_eval(case: Case) -> None:
    session = Session(case.build(), 1, preserve_all_tensors=True)
    feeds = case.feeds()
    assert_equal(session.run(feeds), evaluate(load_graph(case.build()), feeds))
    check_steps(session._graph, {**session.tensors(feeds), **feeds})
