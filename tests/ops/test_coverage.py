"""Whatever LiteRT runs, edgerun runs with the same result, or it is known why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgerun.formats.tflite_schema import OPERATORS
from probes import PROBES
from probes.judge import Verdict
from probes.known import OTHERWISE, REFUSED, reason, unused

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    pytest.importorskip("ai_edge_litert")
    done = subprocess.run([sys.executable, "-m", "probes"], cwd=TESTS, capture_output=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        operator, kind, variant, *verdict = json.loads(line)
        found[f"{operator} | {kind} | {variant}"] = Verdict(*verdict)
    assert len(found) == len(PROBES)
    return found


def test_probes_are_of_the_format() -> None:
    assert {probe.operator for probe in PROBES} <= set(OPERATORS)
    assert len({probe.id for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize("operator", sorted({probe.operator for probe in PROBES}))
def test_what_litert_runs(operator: str, verdicts: dict[str, Verdict]) -> None:
    wrong = []
    for probe in PROBES:
        if probe.operator != operator:
            continue
        verdict = verdicts[probe.id]
        expected = {"agrees"}
        if reason(probe, REFUSED):
            expected.add("refuses")
        if reason(probe, OTHERWISE):
            expected.add("differs")
        if verdict.litert == "runs" and verdict.edgerun not in expected:
            wrong.append(f"{probe.id}: {verdict.edgerun}: {verdict.reason}")
    assert not wrong


def test_every_failure_is_a_sentence(verdicts: dict[str, Verdict]) -> None:
    """No other exception than ours leaves a Session, and ours say what is wrong."""
    refused = {id: v for id, v in verdicts.items() if v.edgerun == "refuses"}
    assert not [id for id, v in verdicts.items() if v.edgerun == "fails"]
    assert not [id for id, v in refused.items() if len(v.reason) < 15]


def test_what_is_known_is_so(verdicts: dict[str, Verdict]) -> None:
    """Each line about a known difference is about one that is there."""
    for entries, outcome in ((REFUSED, "refuses"), (OTHERWISE, "differs")):
        really = [
            probe
            for probe in PROBES
            if verdicts[probe.id].litert == "runs" and verdicts[probe.id].edgerun == outcome
        ]
        assert not list(unused(really, entries))
