"""Every Case: the numpy reference against LiteRT's, the engine against the numpy reference."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from cases import CASES, Case, evaluate, tolerances
from edgerun.frontends import load_graph
from edgerun.ir.types import Array
from edgerun.session import Session, check_steps
from engine import FMA_ISAS, ISAS, assert_close, assert_equal, bound_for

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
    allowed = tolerances(load_graph(case.build()), feeds)
    for name, expected in theirs.items():
        got = mine[name]
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        if found is not None and name != "count":
            got, expected = got[:, found], expected[:, found]
        if got.dtype.kind == "f":
            # LiteRT computes in float32: as far from the exact value as we may be.
            wide = np.maximum(2 * allowed[name], 1e-5 * np.abs(expected)) if found is None else 1e-5
            assert_close({name: got}, {name: expected}, {name: wide})
        elif got.dtype.kind == "b":
            np.testing.assert_array_equal(got, expected)
        else:
            exact = 0 if case.id.startswith("s16") else 1
            # In Python's integers: 64-bit ones do not fit float64.
            pairs = zip(got.ravel().tolist(), expected.ravel().tolist(), strict=True)
            assert max((abs(a - b) for a, b in pairs), default=0) <= exact


@every_case
def test_eval_spans_its_outputs(case: Case) -> None:
    """A case whose output is constant would prove nothing."""
    outputs = evaluate(load_graph(case.build()), case.feeds())
    nothing_found = "count" in outputs and not outputs["count"].any()
    for value in outputs.values():
        assert value.size < 8 or np.unique(value).size > 1 or nothing_found


@every_case
def test_engine_equals_eval(case: Case) -> None:
    """Bit by bit; floats within the tolerance, and with the same bits wherever there is FMA."""
    model = case.build()
    graph = load_graph(model)
    runs = [(f, evaluate(graph, f), tolerances(graph, f)) for f in map(case.feeds, (0, 1))]
    first: list[dict[str, Array]] = []
    for isa, threads in product(ISAS, (1, 2)):
        with bound_for(isa):
            session = Session(model, threads)
        results = []
        for feeds, expected, allowed in runs:  # the second must not depend on what the first left
            session.reset()
            results.append(session.run(feeds))
            assert_close(results[-1], expected, allowed)
        if isa in FMA_ISAS:
            first = first or results
            for mine, other in zip(results, first, strict=True):
                assert_equal(mine, other)


@every_case
def test_every_tensor_equals_eval(case: Case) -> None:
    session = Session(case.build(), 1, preserve_all_tensors=True)
    feeds, graph = case.feeds(), load_graph(case.build())
    assert_close(session.run(feeds), evaluate(graph, feeds), tolerances(graph, feeds))
    check_steps(session._graph, {**session.tensors(feeds), **feeds})
