"""Compiled models: the same answers as the model they were made from, on any machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgerun
from cases import CASES, Net
from edgerun.artifact import compile_model
from edgerun.errors import EdgerunError, FormatError, InputError, ModelError
from edgerun.session import Session
from shared_material import needs_shared, shared


def answers(session: Session) -> str:
    """The fingerprint, or why there is none, without the session's name."""
    try:
        return session.fingerprint()
    except ModelError as error:
        return str(error).rpartition(": ")[2]


def assert_same(model: bytes | Path, compiled: bytes) -> None:
    """Everything that a session says of itself but its name."""
    a, b = edgerun.Session(model, threads=2), edgerun.Session(compiled, threads=2)
    assert (a.inputs, a.outputs, a.operators) == (b.inputs, b.outputs, b.operators)
    assert {k: bytes(v) for k, v in a.metadata.items()} == {k: bytes(v) for k, v in b.metadata.items()}
    for stage in ("plan", "program", "memory"):
        assert a.describe(stage).splitlines()[1:] == b.describe(stage).splitlines()[1:]
    assert answers(a) == answers(b)
    mine, other = a.summary().to_dict(), b.summary().to_dict()
    for figures in (mine, other):
        del figures["name"], figures["fingerprint"]
    assert mine == other


@pytest.mark.parametrize("name", ["classifier", "pair", "float_border"])
def test_a_small_net_is_the_same_compiled(name, request):
    model = request.getfixturevalue(name)
    assert_same(model, compile_model(model))


@pytest.mark.parametrize("folder", [pytest.param("models", marks=needs_shared)])
def test_the_shared_models_are_the_same_compiled(folder):
    count = 0
    for path in sorted(shared(folder).rglob("*.tflite")):
        try:
            staged = edgerun.Session(path, threads=1).in_stages
        except EdgerunError:
            continue  # refused either way
        if not staged:
            assert_same(path, compile_model(path))
            count += 1
    assert count > 30


def test_every_operator_is_the_same_compiled():
    count = 0
    for case in CASES[::3]:
        model = case.build()
        session = edgerun.Session(model, threads=1)
        if session.in_stages or any(0 in info.shape for info in session.inputs):
            continue
        compiled = edgerun.Session(compile_model(model), threads=1)
        assert answers(session) == answers(compiled), (case.operator, case.id)
        count += 1
    assert count > 500


@pytest.mark.parametrize("isa", ["generic", ""])
def test_a_compiled_model_belongs_to_no_cpu(classifier, monkeypatch, isa):
    wanted = edgerun.Session(classifier).fingerprint()
    monkeypatch.setenv("EDGERUN_ISA", "generic")
    compiled = compile_model(classifier)
    monkeypatch.setenv("EDGERUN_ISA", isa)
    assert edgerun.Session(compiled).fingerprint() == wanted
    assert compiled == compile_model(classifier)


def test_a_compiled_model_does_not_tell_where_it_was_made(classifier, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(classifier)
    compiled = compile_model(path)
    assert compiled == compile_model(classifier)
    assert str(tmp_path).encode() not in compiled


def test_it_runs_like_any_session(classifier, images):
    session, original = edgerun.Session(compile_model(classifier), threads=1), edgerun.Session(classifier)
    for x in images(3):
        want = original.run(x)["scores"]
        np.testing.assert_array_equal(session.run(x)["scores"], want)
        np.testing.assert_array_equal(session.twin().run({"image": x})["scores"], want)
        into = np.zeros_like(want)
        session.run_into(x, into)
        np.testing.assert_array_equal(into, want)
        session.input("image")[...] = x
        np.testing.assert_array_equal(session.run()["scores"], want)
    assert [s.operator for s in session.profile(runs=1)] == [s.operator for s in original.profile(runs=1)]
    assert session.signatures == ()
    assert bytes(session.metadata["note"]) == b"made by a test"


def test_states_are_kept_and_reset():
    net = Net()
    x, v, y = (net.q(name, (1, 4)) for name in ("x", "v_value", "y"))
    handle = net.tensor("v", (), "RESOURCE")
    net.operator("VAR_HANDLE", [], [handle], {"shared_name": "v"})
    net.operator("READ_VARIABLE", [handle], [v])
    net.operator("ADD", [x, v], [y])
    net.operator("ASSIGN_VARIABLE", [handle, y], [])
    model = net.finish([x], [y])
    sessions = edgerun.Session(model), edgerun.Session(compile_model(model))
    x = np.array([[5, -9, 20, 40]], np.int8)
    runs = [[s.run(x)["y"] for _ in range(3)] for s in sessions]
    np.testing.assert_array_equal(*runs)
    assert (runs[1][0] != runs[1][1]).any()
    sessions[1].reset()
    np.testing.assert_array_equal(sessions[1].run(x)["y"], runs[1][0])


def test_other_shapes_are_settled_when_it_is_compiled(classifier, images):
    session = edgerun.Session(compile_model(classifier))
    with pytest.raises(InputError, match=r"compiled for inputs of the shapes .*\(1, 24, 24, 3\).*--shape"):
        session.run(images(1, batch=2)[0])
    with pytest.raises(InputError, match="must be int8"):
        session.run(np.zeros((1, 24, 24, 3), np.float32))
    pair = edgerun.Session(compile_model(classifier, {"image": (2, 24, 24, 3)}))
    (x,) = images(1, batch=2)
    np.testing.assert_array_equal(pair.run(x)["scores"], edgerun.Session(classifier).run(x)["scores"])
    with pytest.raises(InputError, match="no input 'picture'"):
        compile_model(classifier, {"picture": (1,)})


def test_what_a_compiled_model_cannot_do_is_said(classifier, monkeypatch):
    compiled = compile_model(classifier)
    session = edgerun.Session(compiled)
    for stage in ("graph", "passes"):
        with pytest.raises(InputError, match="begins with its plan"):
            session.describe(stage)
    with pytest.raises(ModelError, match="does not keep its tensors"):
        session.tensors()
    for option in ({"shapes": {"image": (2, 24, 24, 3)}}, {"signature": "a"}, {"preserve_all_tensors": True}):
        with pytest.raises(InputError, match="a compiled model takes no shapes"):
            edgerun.Session(compiled, **option)
    with pytest.raises(FormatError, match="not a model that edgerun knows"):
        compile_model(compiled)


def test_models_that_run_in_stages_are_refused():
    net = Net()
    x, shape, y = net.q("x", (1, 4)), net.tensor("shape", (2,), "int32"), net.q("y", (2, 2))
    net.operator("RESHAPE", [x, shape], [y])
    model = net.finish([x, shape], [y])
    assert edgerun.Session(model).in_stages
    with pytest.raises(ModelError, match="cannot be compiled: operator 0 RESHAPE is decided at run time"):
        compile_model(model)
