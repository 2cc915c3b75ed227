"""What a session tells about itself: stages, steps, figures, tensors."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import edgerun
from edgerun.frontends import load_graph
from edgerun.session import STAGES

OPERATORS = ("Conv2d", "DepthwiseConv2d", "Conv2d", "Add", "Mean", "FullyConnected", "Softmax")


def test_the_profile_has_every_step(classifier, images):
    session = edgerun.Session(classifier)
    steps = session.profile(images(1)[0], runs=5)
    assert tuple(s.operator for s in steps if s.operator != "Convert") == OPERATORS
    assert sum(s.share for s in steps) == pytest.approx(1)
    stem, deep = steps[-7], steps[-6]
    assert (stem.name, stem.macs) == ("stem", 24 * 24 * 32 * 27)
    assert (deep.name, deep.macs) == ("deep", 24 * 24 * 32 * 9)
    for step in steps:
        assert re.fullmatch(r"\w+/\w+", step.kernel), step
        assert step.time_us >= 0
        assert step.bytes > 0
        assert (step.gmacs > 0) == (step.macs > 0 and step.time_us > 0)
        assert json.loads(json.dumps(step.to_dict()))["name"] == step.name
    assert steps[-1].bytes == 20


def test_the_profile_reads_the_own_input_too(classifier):
    assert len(edgerun.Session(classifier).profile(runs=1)) >= len(OPERATORS)


def test_the_summary_counts(classifier, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier)
    session = edgerun.Session(path, threads=1)
    summary = session.summary()
    assert (session.name, summary.name) == ("net.tflite", "net.tflite")
    assert session.operators == OPERATORS
    assert summary.operators == len(OPERATORS)
    assert summary.steps >= len(OPERATORS)
    assert summary.macs == 24 * 24 * 32 * (27 + 9 + 32) + 320
    weights, biases = 32 * 27 + 32 * 9 + 32 * 32 + 320, 32 + 32 + 32 + 10
    assert summary.weight_bytes == weights + 4 * biases
    # At the widest place three tensors of 24 x 24 x 32 bytes are alive.
    assert 3 * 18432 <= summary.arena_bytes <= 4 * 18432
    assert summary.host_steps == 0
    assert "note" in summary.metadata
    assert bytes(session.metadata["note"]) == b"made by a test"
    assert summary.fingerprint == session.fingerprint()
    assert json.loads(json.dumps(summary.to_dict()))["macs"] == summary.macs


def test_every_stage_is_a_text(classifier, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier)
    session = edgerun.Session(path, threads=2)
    texts = {stage: session.describe(stage) for stage in STAGES}
    assert texts["graph"] == str(load_graph(path))
    for stage in ("graph", "passes", "plan", "program"):
        first, *lines = texts[stage].splitlines()
        assert first.startswith(f"{stage if stage != 'passes' else 'graph'} {path}")
        # One line for each operator, in their order.
        found = re.findall(rf"\b({'|'.join(sorted(set(OPERATORS)))})\b", "\n".join(lines))
        assert tuple(found) == OPERATORS
    assert texts["memory"].startswith(f"arena {session.summary().arena_bytes} bytes")
    for name in ("stem", "deep", "point", "joined", "mean", "logits"):
        assert re.search(rf" {name}$", texts["memory"], re.MULTILINE)
    again = edgerun.Session(path, threads=2)
    assert {stage: again.describe(stage) for stage in STAGES} == texts


def test_the_plan_is_the_same_on_every_machine(classifier, monkeypatch):
    want = edgerun.Session(classifier, threads=2).describe("plan")
    monkeypatch.setenv("EDGERUN_ISA", "generic")
    assert edgerun.Session(classifier, threads=1).describe("plan") == want
    assert "object" not in want


def test_the_graph_of_bytes_can_be_shown(classifier):
    assert edgerun.Session(classifier).describe("graph").startswith("graph <bytes>")


def test_all_tensors_can_be_kept(classifier, images):
    session = edgerun.Session(classifier, preserve_all_tensors=True)
    plain = edgerun.Session(classifier)
    for x in images(2):
        tensors = session.tensors(x)
        known = {"image": x}
        graph = load_graph(classifier)
        for node in graph.nodes:
            arrays = [v.data if v.data is not None else known[v.name] for v in node.inputs if v is not None]
            for value, want in zip(node.outputs, node.op.eval(node.types(), *arrays), strict=True):
                known[value.name] = want
                assert tensors[value.name].dtype == want.dtype
                np.testing.assert_array_equal(tensors[value.name], want)
        np.testing.assert_array_equal(tensors["image"], x)
        np.testing.assert_array_equal(session.run(x)["scores"], plain.run(x)["scores"])
    assert session.summary().arena_bytes >= 4 * 18432
