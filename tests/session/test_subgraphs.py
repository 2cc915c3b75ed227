"""Models of several subgraphs: calls, branches, loops, entry points; and sizes known only at run time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgerun
from cases import I8, Net
from edgerun.errors import FormatError, InputError, ModelError, UnsupportedOperatorError
from edgerun.formats.tflite_writer import SubgraphBuilder
from edgerun.ir.types import Array


def q(builder: SubgraphBuilder, name: str, shape: tuple[int, ...]) -> int:
    return builder.tensor(name, shape, "int8", scale=I8.scale, zero_point=I8.zero)


def unary_subgraph(net: Net, name: str, operator: str, shape: tuple[int, ...]) -> int:
    """A subgraph of one operator; its index."""
    inner = net.subgraph(name)
    x, y = q(inner, "x", shape), q(inner, "y", shape)
    inner.operator(operator, [x], [y])
    inner.ports([x], [y])
    return inner.index


def litert_run(model: bytes, *arrays: Array) -> list[Array]:
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    peer = interpreter_module.Interpreter(model_content=model)
    peer.allocate_tensors()
    for detail, array in zip(peer.get_input_details(), arrays, strict=True):
        peer.set_tensor(detail["index"], array)
    peer.invoke()
    return [peer.get_tensor(d["index"]) for d in peer.get_output_details()]


def random(shape: tuple[int, ...], seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def branching() -> bytes:
    """y = RELU(RELU6(x) if flag else HARD_SWISH(x))."""
    net = Net()
    flag = net.tensor("flag", (1,), "bool")
    x, branch, y = (net.q(name, (2, 5)) for name in ("x", "branch", "y"))
    options = {
        "then_subgraph_index": unary_subgraph(net, "then", "RELU6", (2, 5)),
        "else_subgraph_index": unary_subgraph(net, "else", "HARD_SWISH", (2, 5)),
    }
    net.operator("IF", [flag, x], [branch], options)
    net.operator("RELU", [branch], [y])
    return net.finish([flag, x], [y])


@pytest.mark.parametrize("flag", [True, False])
def test_a_branch_is_taken_at_run_time(flag: bool) -> None:
    feeds = {"flag": np.array([flag]), "x": random((2, 5))}
    session = edgerun.Session(branching())
    expected = litert_run(branching(), *feeds.values())
    for _ in range(2):
        np.testing.assert_array_equal(session.run(feeds)["y"], expected[0])
    out = np.empty((2, 5), np.int8)
    session.run_into(feeds, out)
    np.testing.assert_array_equal(out, expected[0])


def test_all_that_is_missing_in_branches_is_listed_at_once() -> None:
    net = Net()
    flag = net.tensor("flag", (1,), "bool")
    x, y = net.q("x", (2, 5)), net.q("y", (2, 5))
    options = {
        "then_subgraph_index": unary_subgraph(net, "then", "MyOwn", (2, 5)),
        "else_subgraph_index": unary_subgraph(net, "else", "MyOther", (2, 5)),
    }
    net.operator("IF", [flag, x], [y], options)
    with pytest.raises(UnsupportedOperatorError) as caught:
        edgerun.Session(net.finish([flag, x], [y]))
    assert str(caught.value) == (
        "<bytes>: 2 of 3 operators are not supported:\n"
        "  subgraph 1, operator 0: MyOwn version 1 (int8[2, 5] -> int8[2, 5]): there is no importer for it\n"
        "  subgraph 2, operator 0: MyOther version 1 (int8[2, 5] -> int8[2, 5]): there is no importer for it"
    )


def test_a_branching_model_can_be_looked_at() -> None:
    session = edgerun.Session(branching())
    assert session.operators == ("IF", "RELU")
    assert [i.name for i in session.inputs] == ["flag", "x"]
    assert {"Clip"} <= {step.operator for step in session.profile(runs=2)}
    assert session.summary().steps >= 2
    assert "program" in session.describe("program")
    with pytest.raises(InputError, match=r"'x' must be int8 of shape \(2, 5\), got int8 of shape \(2, 6\)"):
        session.run({"flag": np.array([True]), "x": random((2, 6))})
    with pytest.raises(ModelError, match="operator 0 IF is decided at run time"):
        edgerun.Session(branching(), preserve_all_tensors=True)


def test_a_constant_branch_is_part_of_the_program() -> None:
    net = Net()
    flag = net.tensor("flag", (1,), "bool", data=np.array([False]))
    x, y = net.q("x", (2, 5)), net.q("y", (2, 5))
    options = {
        "then_subgraph_index": unary_subgraph(net, "then", "RELU6", (2, 5)),
        "else_subgraph_index": unary_subgraph(net, "else", "HARD_SWISH", (2, 5)),
    }
    net.operator("IF", [flag, x], [y], options)
    model = net.finish([x], [y])
    session = edgerun.Session(model)
    assert session.operators == ("HardSwish", "Reshape")
    np.testing.assert_array_equal(session.run(random((2, 5)))["y"], litert_run(model, random((2, 5)))[0])
    assert len(session.profile(runs=1)) == 1


def test_a_call_is_inlined() -> None:
    net = Net()
    index = unary_subgraph(net, "inner", "RELU6", (3, 4))
    x, mid, y = (net.q(name, (3, 4)) for name in ("x", "mid", "y"))
    net.operator("CALL", [x], [mid], {"subgraph": index})
    net.operator("CALL", [mid], [y], {"subgraph": index})
    session = edgerun.Session(net.finish([x], [y]))
    x_value = random((3, 4))
    high = I8.zero + round(6 / I8.scale)
    np.testing.assert_array_equal(session.run(x_value)["y"], np.clip(x_value, I8.zero, high))


def test_a_call_that_does_not_fit_its_subgraph_is_refused() -> None:
    net = Net()
    index = unary_subgraph(net, "inner", "RELU6", (3, 4))
    x, y = net.q("x", (3, 4)), net.q("y", (3, 4))
    net.operator("CALL", [x, x], [y], {"subgraph": index})
    with pytest.raises(FormatError, match="CALL has 2 inputs and 1 outputs, its subgraph 1 and 1"):
        edgerun.Session(net.finish([x], [y]))


def computed_shape() -> bytes:
    """y = RESHAPE(x, shape), z = RELU6(y): the shape is fed."""
    net = Net()
    x, shape = net.q("x", (2, 6)), net.tensor("shape", (2,), "int32")
    y, z = net.q("y", (1, 1)), net.q("z", (1, 1))
    net.operator("RESHAPE", [x, shape], [y])
    net.operator("RELU6", [y], [z])
    return net.finish([x, shape], [z])


@pytest.mark.parametrize("shape", [(3, 4), (12, 1), (-1, 2)])
def test_a_shape_may_be_computed_at_run_time(shape: tuple[int, int]) -> None:
    session = edgerun.Session(computed_shape())
    x = random((2, 6))
    high = I8.zero + round(6 / I8.scale)
    for _ in range(2):
        got = session.run({"x": x, "shape": np.array(shape, np.int32)})["z"]
        np.testing.assert_array_equal(got, np.clip(x, I8.zero, high).reshape(shape))


def test_a_model_that_pseudo_random_inputs_do_not_suit_can_be_looked_at() -> None:
    """They are no shape that the other input could have."""
    session = edgerun.Session(computed_shape())
    summary = session.summary()
    assert (summary.operators, summary.steps) == (2, 0)
    assert summary.fingerprint.startswith("none: ")
    assert "shape" in session.describe("graph")
    for look in (session.fingerprint, lambda: session.describe("plan")):
        with pytest.raises(ModelError, match=r"operator 0 RESHAPE.*The inputs were pseudo-random\."):
            look()
    session.run({"x": random((2, 6)), "shape": np.array([3, 4], np.int32)})


def test_programs_of_many_shapes_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGERUN_MAX_PROGRAMS", "3")
    session = edgerun.Session(computed_shape())
    for shape in ((1, 12), (2, 6), (3, 4), (4, 3), (6, 2), (12, 1)):
        out = session.run({"x": random((2, 6)), "shape": np.array(shape, np.int32)})
        assert out["z"].shape == shape
    assert len(session._runner.programs()) <= 3


def counting(limit: int = 5) -> bytes:
    """(i, x) -> while i < limit: i += 1, x = RELU6(x + x)."""
    net = Net()
    condition, body = net.subgraph("condition"), net.subgraph("body")
    i, x = condition.tensor("i", (1,), "int32"), q(condition, "x", (2, 3))
    end = condition.tensor("end", (1,), "int32", data=np.array([limit], np.int32))
    go = condition.tensor("go", (1,), "bool")
    condition.operator("LESS", [i, end], [go])
    condition.ports([i, x], [go])
    i, x = body.tensor("i", (1,), "int32"), q(body, "x", (2, 3))
    one = body.tensor("one", (1,), "int32", data=np.array([1], np.int32))
    next_i, double, next_x = (
        body.tensor("next_i", (1,), "int32"),
        q(body, "double", (2, 3)),
        q(body, "y", (2, 3)),
    )
    body.operator("ADD", [i, one], [next_i])
    body.operator("ADD", [x, x], [double])
    body.operator("RELU6", [double], [next_x])
    body.ports([i, x], [next_i, next_x])
    i, x = net.tensor("i", (1,), "int32"), net.q("x", (2, 3))
    last_i, last_x = net.tensor("last_i", (1,), "int32"), net.q("last_x", (2, 3))
    options = {"cond_subgraph_index": condition.index, "body_subgraph_index": body.index}
    net.operator("WHILE", [i, x], [last_i, last_x], options)
    return net.finish([i, x], [last_i, last_x])


@pytest.mark.parametrize("start", [0, 3, 7])
def test_a_loop_runs_as_often_as_its_condition_says(start: int) -> None:
    session = edgerun.Session(counting())
    feeds = {"i": np.array([start], np.int32), "x": random((2, 3)) // 4}
    got = session.run(feeds)
    expected = litert_run(counting(), *feeds.values())
    np.testing.assert_array_equal(got["last_i"], expected[0])
    np.testing.assert_array_equal(got["last_x"], expected[1])
    assert got["last_i"] == max(start, 5)
    assert len(session._runner.programs()) <= 2  # one for the condition, one for the body


def test_an_output_may_be_listed_twice() -> None:
    net = Net()
    x, y = net.q("x", (2, 3)), net.q("y", (2, 3))
    net.operator("RELU6", [x], [y])
    session = edgerun.Session(net.finish([x], [y, y]))
    assert [info.name for info in session.outputs] == ["y"]
    out = np.empty((2, 3), np.int8)
    session.run_into(random((2, 3)), out)
    np.testing.assert_array_equal(out, session.run(random((2, 3)))["y"])


def two_entries() -> bytes:
    net = Net()
    other = net.subgraph("other")
    x, y = q(other, "in_other", (1, 7)), q(other, "out_other", (1, 7))
    other.operator("RELU6", [x], [y])
    other.ports([x], [y])
    a, b = net.q("a", (1, 7)), net.q("b", (1, 7))
    net.operator("RELU", [a], [b])
    net.signature("serving_default", {"image": a}, {"scores": b})
    net.signature("clip", {"value": x}, {"clipped": y}, other.index)
    return net.finish([a], [b])


def test_a_signature_chooses_the_entry_point() -> None:
    x = random((1, 7))
    plain, named = edgerun.Session(two_entries()), edgerun.Session(two_entries(), signature="serving_default")
    clip = edgerun.Session(two_entries(), signature="clip")
    assert plain.inputs[0].name == "a"
    np.testing.assert_array_equal(plain.run({"a": x})["b"], np.maximum(x, I8.zero))
    np.testing.assert_array_equal(named.run({"image": x})["scores"], np.maximum(x, I8.zero))
    high = I8.zero + round(6 / I8.scale)
    np.testing.assert_array_equal(clip.run({"value": x})["clipped"], np.clip(x, I8.zero, high))
    assert edgerun.Session(two_entries()).signatures == ("serving_default", "clip")
    with pytest.raises(InputError, match=r"no signature 'other'; there are \['serving_default', 'clip'\]"):
        edgerun.Session(two_entries(), signature="other")


def test_another_batch_gets_a_program_of_its_own(classifier: bytes, images: Any) -> None:
    session = edgerun.Session(classifier)
    pictures = images(3)
    single = [session.run(image)["scores"] for image in pictures]
    batch = np.concatenate(pictures)
    for _ in range(2):
        np.testing.assert_array_equal(session.run(batch)["scores"], np.concatenate(single))
    np.testing.assert_array_equal(session.run({"image": batch})["scores"], np.concatenate(single))
    assert len(session._variants) == 1
    np.testing.assert_array_equal(session.run(pictures[0])["scores"], single[0])
    with pytest.raises(InputError, match=r"must be int8 .*, got shape \(3, 24, 25, 3\)"):
        session.run(np.zeros((3, 24, 25, 3), np.int8))


def rows_of_all_images() -> bytes:
    """y = max over the batch and beyond: what is no batch of single answers."""
    net = Net()
    x = net.q("x", (1, 4, 3))
    y = net.q("y", (1, 1, 3))
    net.operator("REDUCE_MAX", [x, net.ints("axes", [0, 1])], [y], {"keep_dims": True})
    return net.finish([x], [y])


def test_a_model_that_mixes_its_batch_takes_none() -> None:
    session = edgerun.Session(rows_of_all_images())
    with pytest.raises(InputError, match=r"must be int8 of shape \(1, 4, 3\), got shape \(2, 4, 3\)"):
        session.run(random((2, 4, 3)))
    # Asked for by name it is what the file says.
    assert edgerun.Session(rows_of_all_images(), shapes={"x": (2, 4, 3)}).outputs[0].shape == (1, 1, 3)


def test_reshapes_of_a_batch_keep_the_images_apart() -> None:
    net = Net()
    x = net.q("x", (1, 4, 6))
    halves = [net.q(f"half{i}", (1, 2, 6)) for i in range(2)]
    flat = [net.q(f"flat{i}", (1, 4, 3)) for i in range(2)]
    y = net.q("y", (1, 8, 3))
    net.operator("SPLIT", [net.ints("axis", 1), x], halves, {"num_splits": 2}, version=2)
    for half, rows in zip(halves, flat, strict=True):
        net.operator("RESHAPE", [half, net.ints("shape", [1, -1, 3])], [rows])
    net.operator("CONCATENATION", flat, [y], {"axis": 1})
    session = edgerun.Session(net.finish([x], [y]))
    batch = random((3, 4, 6))
    single = [session.run(batch[i : i + 1])["y"] for i in range(3)]
    np.testing.assert_array_equal(session.run(batch)["y"], np.concatenate(single))
