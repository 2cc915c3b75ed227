"""ONNX files that the fuzzer made: each did something else than raise one of our errors."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgerun
from edgerun.errors import FormatError, ModelError, UnsupportedOperatorError
from frontends.test_onnx import FLOAT, model


def relu():
    return model([helper.make_node("Relu", ["x"], ["y"])], {"x": [4]}, {"y": FLOAT})


@pytest.mark.parametrize("role", ["input", "output"])
def test_two_ports_of_one_name(role):
    """The array of the first output was freed before the run that wrote to it."""
    proto = relu()
    ports = getattr(proto.graph, role)
    ports.append(ports[0])
    with pytest.raises(
        ModelError, match=f"{role}s need names of their own|used as graph {role} names multiple"
    ):
        edgerun.Session(proto.SerializeToString())


def test_a_function_that_calls_itself():
    proto = model([helper.make_node("F", ["x"], ["y"], domain="own")], {"x": [4]}, {"y": FLOAT})
    inner = helper.make_node("F", ["x"], ["y"], domain="own")
    proto.opset_import.append(helper.make_opsetid("own", 1))
    proto.functions.append(helper.make_function("own", "F", ["x"], ["y"], [inner], proto.opset_import))
    with pytest.raises(FormatError, match="functions cannot be inlined"):
        edgerun.Session(proto.SerializeToString())


def test_a_text_that_is_no_utf8():
    """protobuf gives its bytes, and the onnx package's own functions raise a TypeError for these."""
    data = relu().SerializeToString().replace(b"Relu", b"Re\xa0u")
    with pytest.raises(FormatError, match="a field 'op_type' is not UTF-8 text"):
        edgerun.Session(data)


def test_attributes_read_no_files(tmp_path, monkeypatch):
    """The onnx package looks for them in the folder where the process stands."""
    (tmp_path / "secret").write_bytes(bytes(16))
    monkeypatch.chdir(tmp_path)
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "c")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    proto = model([helper.make_node("Constant", [], ["y"], value=tensor)], {}, {"y": FLOAT})
    with pytest.raises(FormatError, match="tensor 'c' lies in another file"):
        edgerun.Session(proto.SerializeToString())


def test_inputs_that_are_no_numbers():
    proto = relu()
    kind = proto.graph.input[0].type.tensor_type
    kind.elem_type = TensorProto.STRING
    with pytest.raises((FormatError, UnsupportedOperatorError)):
        edgerun.Session(proto.SerializeToString())
    kind.elem_type = -1
    with pytest.raises(FormatError, match=r"type of elements|refuses it"):
        edgerun.Session(proto.SerializeToString())


def test_axes_that_repeat():
    node = helper.make_node("Unsqueeze", ["x", "a"], ["y"])
    proto = model([node], {"x": [4]}, {"y": FLOAT}, {"a": np.array([0, 0])})
    with pytest.raises(FormatError, match="repeat"):
        edgerun.Session(proto.SerializeToString())


@pytest.mark.parametrize("operator", ["Erf", "Sqrt"])
def test_functions_of_bytes_that_mean_themselves(operator):
    proto = model(
        [helper.make_node(operator, ["c"], ["y"])], {}, {"y": TensorProto.INT8}, {"c": np.int8([1, 2])}
    )
    with pytest.raises(UnsupportedOperatorError, match="does not take"):
        edgerun.Session(proto.SerializeToString())


def test_more_dimensions_than_numpy_has():
    """numpy raises a RuntimeError."""
    shape = numpy_helper.from_array(np.ones(60, np.int64), "shape")
    proto = model([helper.make_node("Expand", ["x", "shape"], ["y"])], {"x": [4]}, {"y": FLOAT})
    proto.graph.initializer.append(shape)
    with pytest.raises(FormatError, match="do not fit it"):
        edgerun.Session(proto.SerializeToString())


@pytest.mark.parametrize("operator", ["Trilu", "Dropout", "IsInf"])
def test_constants_of_the_size_of_an_input_have_a_limit(operator):
    """Two thousand million rows: the mask was made, in ten seconds and ten gigabytes, and then refused."""
    given = {"detect_positive": 0, "detect_negative": 0} if operator == "IsInf" else {}
    outputs = ["z", "y"] if operator == "Dropout" else ["y"]
    kind = FLOAT if operator == "Trilu" else TensorProto.BOOL
    proto = model([helper.make_node(operator, ["x"], outputs, **given)], {"x": [2147483647, 5]}, {"y": kind})
    with pytest.raises(UnsupportedOperatorError, match="EDGERUN_MAX_FOLD_MB leaves"):
        edgerun.Session(proto.SerializeToString())


def test_a_version_that_is_none():
    """The onnx package's get_schema raises a TypeError for a number of more than 32 bits."""
    proto = model([helper.make_node("F", ["x"], ["y"], domain="own")], {"x": [4]}, {"y": FLOAT})
    proto.opset_import.append(helper.make_opsetid("own", 1 << 40))
    with pytest.raises(ModelError):
        edgerun.Session(proto.SerializeToString())


def test_a_scan_of_more_inputs_than_it_has():
    """A list of 268 million axes was made for them."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["b"])],
        "body",
        [helper.make_tensor_value_info("a", FLOAT, [2])],
        [helper.make_tensor_value_info("b", FLOAT, [2])],
    )
    scan = helper.make_node("Scan", ["x"], ["y"], num_scan_inputs=1 << 28, body=body)
    session = edgerun.Session(model([scan], {"x": [3, 2]}, {"y": FLOAT}).SerializeToString())
    with pytest.raises(ModelError, match="it scans 268435456 of its 1 inputs"):
        session.run(np.zeros((3, 2), np.float32))


def test_a_constant_without_a_name():
    proto = relu()
    value = numpy_helper.from_array(np.zeros(4, np.float32), "c")
    proto.graph.node.insert(0, helper.make_node("Constant", [], [""], value=value))
    with pytest.raises(ModelError):
        edgerun.Session(proto.SerializeToString()).run(np.zeros(5, np.float32))


def test_a_condition_that_is_no_truth_value():
    """numpy warned of the truth of a number that is none."""
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", FLOAT, [4])],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    proto = model([node], {"x": [4]}, {"y": FLOAT})
    proto.graph.initializer.append(numpy_helper.from_array(np.float32(np.nan), "c"))
    with pytest.raises(FormatError, match="its condition is"):
        edgerun.Session(proto.SerializeToString())


def test_an_output_without_a_name_of_a_model_in_stages():
    """It was looked for among what the operators had given."""
    proto = model([helper.make_node("NonZero", ["x"], ["y"])], {"x": [4]}, {"y": TensorProto.INT64})
    port = proto.graph.output.add()
    port.CopyFrom(proto.graph.output[0])
    port.name = ""
    proto.opset_import.append(helper.make_opsetid("own", 1))  # what makes the onnx package's checker no judge
    with pytest.raises(FormatError, match="an output of graph 0 is written by no operator"):
        edgerun.Session(proto.SerializeToString()).run(np.ones(4, np.float32))
