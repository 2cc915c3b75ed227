"""Models that we write, run by LiteRT's reference kernels and compared with arithmetic by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tflite
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edgerun.errors import InputError
from edgerun.formats import flexbuffer
from edgerun.formats.tflite_reader import read_model
from edgerun.formats.tflite_writer import ModelBuilder, write_model

RNG = np.random.default_rng(0)


def int8(*shape: int) -> NDArray[np.int8]:
    return RNG.integers(-127, 128, shape, np.int8)


def interpreter(model: bytes, *inputs: NDArray[Any]) -> Interpreter:
    """LiteRT with the model loaded and its inputs set."""
    litert = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    litert.allocate_tensors()
    for detail, value in zip(litert.get_input_details(), inputs, strict=True):
        litert.set_tensor(detail["index"], value)
    return litert


def run(model: bytes, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
    read_model(model)
    litert = interpreter(model, *inputs)
    litert.invoke()
    return [litert.get_tensor(detail["index"]) for detail in litert.get_output_details()]


def quantize(real: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.int8]:
    return np.clip(np.rint(real / scale) + zero_point, -128, 127).astype(np.int8)


def real(stored: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float64]:
    return scale * (stored.astype(np.float64) - zero_point)


def close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """At most one quantum apart."""
    return int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1


def test_convolution_per_channel() -> None:
    b = ModelBuilder()
    scales = np.array([0.002, 0.003, 0.004, 0.005], np.float32)
    weights, bias = int8(4, 1, 1, 8), RNG.integers(-900, 900, 4, np.int32)
    x = b.tensor("x", (1, 5, 6, 8), "int8", scale=0.05, zero_point=7)
    w = b.tensor("w", weights.shape, "int8", scale=scales, data=weights)
    c = b.tensor("c", (4,), "int32", scale=0.05 * scales, data=bias)
    y = b.tensor("y", (1, 5, 6, 4), "int8", scale=0.04, zero_point=-5)
    options = {"stride_w": 1, "stride_h": 1, "fused_activation_function": "relu"}
    b.operator("CONV_2D", (x, w, c), (y,), options)
    image = int8(1, 5, 6, 8)
    sums = (image.astype(int) - 7) @ weights.reshape(4, 8).T.astype(int) + bias
    expected = quantize(np.maximum(sums * (0.05 * scales), 0), 0.04, -5)
    (result,) = run(b.finish((x,), (y,)), image)
    assert close(result, expected)
    assert np.unique(expected).size > 20


def test_depthwise_then_pad_then_pools() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 4, 4, 2), "int8", scale=0.5)
    pads = b.tensor(
        "pads", (4, 2), "int32", data=np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
    )
    padded = b.tensor("padded", (1, 6, 6, 2), "int8", scale=0.5)
    ones = np.ones((1, 3, 3, 2), np.int8)
    w = b.tensor("w", ones.shape, "int8", scale=(1.0, 2.0), axis=3, data=ones)
    c = b.tensor("c", (2,), "int32", scale=(0.5, 1.0), data=np.array([3, -3], np.int32))
    y = b.tensor("y", (1, 4, 4, 2), "int8", scale=8.0)
    average = b.tensor("average", (1, 2, 2, 2), "int8", scale=8.0)
    largest = b.tensor("largest", (1, 1, 1, 2), "int8", scale=8.0)
    b.operator("PAD", (x, pads), (padded,))
    options = {"padding": "valid", "stride_w": 1, "stride_h": 1, "depth_multiplier": 1}
    b.operator("DEPTHWISE_CONV_2D", (padded, w, c), (y,), options)
    pool = {"stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}
    b.operator("AVERAGE_POOL_2D", (y,), (average,), pool)
    b.operator("MAX_POOL_2D", (average,), (largest,), {"padding": "valid", **pool})
    image = int8(1, 4, 4, 2)
    wide = np.pad(image.astype(int), ((0, 0), (1, 1), (1, 1), (0, 0)))
    sums = sum(wide[:, i : i + 4, j : j + 4] for i in range(3) for j in range(3))
    expected = quantize((sums + np.array([3, -3])) * np.array([0.5, 1.0]), 8.0, 0)
    means = expected.reshape(1, 2, 2, 2, 2, 2).mean(axis=(2, 4))
    (result,) = run(b.finish((x,), (largest,)), image)
    assert close(result, means.max(axis=(1, 2), keepdims=True))


@pytest.mark.parametrize("bias", [True, False])
def test_fully_connected(bias: bool) -> None:
    b = ModelBuilder()
    weights = int8(3, 16)
    x = b.tensor("x", (2, 16), "int8", scale=0.1, zero_point=1)
    w = b.tensor("w", (3, 16), "int8", scale=0.01, data=weights)
    inputs = [x, w]
    if bias:
        values = np.array([100, 200, -300], np.int32)
        inputs.append(b.tensor("c", (3,), "int32", scale=0.001, data=values))
    y = b.tensor("y", (2, 3), "int8", scale=1.0, zero_point=2)
    b.operator("FULLY_CONNECTED", inputs, (y,))
    rows = int8(2, 16)
    sums = (rows.astype(int) - 1) @ weights.T.astype(int) + (values if bias else 0)
    (result,) = run(b.finish((x,), (y,)), rows)
    assert close(result, quantize(sums * 0.001, 1.0, 2))


def test_add_concatenate_softmax() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 8), "int8", scale=0.1, zero_point=3)
    y = b.tensor("y", (1, 8), "int8", scale=0.2, zero_point=-4)
    total = b.tensor("total", (1, 8), "int8", scale=0.3, zero_point=5)
    both = b.tensor("both", (1, 16), "int8", scale=0.3, zero_point=5)
    likely = b.tensor("likely", (1, 16), "int8", scale=1 / 256, zero_point=-128)
    b.operator("ADD", (x, y), (total,))
    b.operator("CONCATENATION", (total, total), (both,), {"axis": -1})
    b.operator("SOFTMAX", (both,), (likely,), {"beta": 1.0})
    one, other = int8(1, 8), int8(1, 8)
    sums = quantize(real(one, 0.1, 3) + real(other, 0.2, -4), 0.3, 5)
    result, softmax = run(b.finish((x, y), (total, likely)), one, other)
    assert close(result, sums)
    powers = np.exp(np.tile(real(result, 0.3, 5), 2))
    assert close(softmax, quantize(powers / powers.sum(), 1 / 256, -128))


def test_quantize_logistic_dequantize_reshape() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (2, 6), "float32")
    stored = b.tensor("stored", (2, 6), "int8", scale=0.05, zero_point=2)
    bent = b.tensor("bent", (2, 6), "int8", scale=1 / 256, zero_point=-128)
    back = b.tensor("back", (2, 6), "float32")
    shape = b.tensor("shape", (2,), "int32", data=np.array([3, 4], np.int32))
    y = b.tensor("y", (3, 4), "float32")
    b.operator("QUANTIZE", (x,), (stored,))
    b.operator("LOGISTIC", (stored,), (bent,))
    b.operator("DEQUANTIZE", (bent,), (back,))
    b.operator("RESHAPE", (back, shape), (y,), {"new_shape": (3, 4)})
    values = RNG.uniform(-5, 5, (2, 6)).astype(np.float32)
    (result,) = run(b.finish((x,), (y,)), values)
    assert result.shape == (3, 4)
    assert np.abs(result - (1 / (1 + np.exp(-values))).reshape(3, 4)).max() < 0.02


def test_float_operators_with_options() -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1, 2, 4), "float32")
    axis = b.tensor("axis", (1,), "int32", data=np.array([1], np.int32))
    total = b.tensor("total", (1, 1, 4), "float32")
    leaky = b.tensor("leaky", (1, 1, 4), "float32")
    flat = b.tensor("flat", (4,), "float32")
    best = b.tensor("best", (1,), "int64")
    b.operator("SUM", (x, axis), (total,), {"keep_dims": True})
    b.operator("LEAKY_RELU", (total,), (leaky,), {"alpha": 0.25})
    b.operator("SQUEEZE", (leaky,), (flat,), {"squeeze_dims": (0, 1)})
    last = b.tensor("last", (), "int32", data=np.array(-1, np.int32))
    b.operator("ARG_MAX", (total, last), (best,), {"output_type": "int64"})
    values = RNG.normal(size=(1, 2, 4)).astype(np.float32)
    sums = values.sum(axis=1).ravel()
    model = b.finish((x,), (flat, best))
    result, index = run(model, values)
    assert np.allclose(result, np.where(sums > 0, sums, 0.25 * sums))
    assert index.tolist() == [sums.argmax()]


def test_subgraphs() -> None:
    """WHILE doubles a number below 100: the fields are there to add subgraphs to."""
    b = ModelBuilder()
    x = b.tensor("x", (1,), "int32")
    y = b.tensor("y", (1,), "int32")
    limit = b.tensor("limit", (1,), "int32", data=np.array([100], np.int32))
    flag = b.tensor("flag", (1,), "bool")
    options = {"cond_subgraph_index": 1, "body_subgraph_index": 2}
    b.operator("WHILE", (x,), (y,), options)
    b.operator("LESS", (x, limit), (flag,))
    b.operator("ADD", (x, x), (y,))
    model = b.fields((x,), (y,))
    main = model["subgraphs"][0]
    loop, less, add = main["operators"]
    model["subgraphs"] = [
        main | {"operators": [loop]},
        main | {"operators": [less], "outputs": (flag,)},
        main | {"operators": [add]},
    ]
    (result,) = run(write_model(model), np.array([7], np.int32))
    assert result.tolist() == [112]


def test_detection_post_process() -> None:
    b = ModelBuilder()
    anchors = np.array([[0.5, 0.5, 1, 1], [0.25, 0.25, 0.5, 0.5]], np.float32)
    boxes = b.tensor("boxes", (1, 2, 4), "float32")
    scores = b.tensor("scores", (1, 2, 3), "float32")
    corners = b.tensor("anchors", (2, 4), "float32", data=anchors)
    outputs = [
        b.tensor("where", (1, 2, 4), "float32"),
        b.tensor("classes", (1, 2), "float32"),
        b.tensor("likely", (1, 2), "float32"),
        b.tensor("count", (1,), "float32"),
    ]
    options = flexbuffer.write(
        {
            "max_detections": 2,
            "max_classes_per_detection": 1,
            "detections_per_class": 10,
            "use_regular_nms": False,
            "nms_score_threshold": 0.5,
            "nms_iou_threshold": 0.6,
            "num_classes": 2,
            "y_scale": 10.0,
            "x_scale": 10.0,
            "h_scale": 5.0,
            "w_scale": 5.0,
        }
    )
    b.operator(
        "TFLite_Detection_PostProcess",
        (boxes, scores, corners),
        outputs,
        custom_options=options,
    )
    likely = np.array([[[0, 0.1, 0.9], [0, 0.6, 0.2]]], np.float32)
    model = b.finish((boxes, scores), outputs)
    where, classes, best, count = run(model, np.zeros((1, 2, 4), np.float32), likely)
    assert where.tolist() == [[[0, 0, 1, 1], [0, 0, 0.5, 0.5]]]
    assert classes.tolist() == [[1, 0]]
    assert best.ravel().tolist() == pytest.approx([0.9, 0.6])
    assert count.tolist() == [2]
    assert (
        flexbuffer.read(read_model(model).subgraphs[0].operators[0].custom_options)["num_classes"]
        == 2
    )


def test_equal_constants_are_shared_and_aligned() -> None:
    b = ModelBuilder()
    values = np.arange(5, dtype=np.int8)
    for index in range(4):
        b.tensor(f"t{index}", (5,), "int8", data=values if index else values + 1)
    b.metadata("note", b"123")
    content = b.finish((), (0, 1))
    model = tflite.Model.GetRootAs(content, 0)
    assert model.BuffersLength() == 4
    graph = model.Subgraphs(0)
    assert [graph.Tensors(i).Buffer() for i in range(4)] == [1, 2, 2, 2]
    assert len(content) % 16 == 0
    for data in (bytes(range(1, 6)), bytes(range(5)), b"123"):
        assert content.index(data) % 16 == 0


def test_metadata_and_description() -> None:
    b = ModelBuilder("what it is")
    b.tensor("x", (1,), "float32")
    b.metadata("name", b"content")
    model = tflite.Model.GetRootAs(b.finish((0,), (0,)), 0)
    assert model.Description() == b"what it is"
    assert model.Version() == 3
    assert model.Metadata(0).Name() == b"name"
    assert model.Buffers(model.Metadata(0).Buffer()).DataAsNumpy().tobytes() == b"content"


@pytest.mark.parametrize(
    ("name", "types", "version"),
    [
        ("CONV_2D", ("float32", "float32", "float32"), 1),
        ("CONV_2D", ("uint8", "uint8", "int32"), 1),
        ("CONV_2D", ("int8", "int8", "int32"), 3),
        ("CONV_2D", ("float32", "int8", "float32"), 5),
        ("DEPTHWISE_CONV_2D", ("int8", "int8", "int32"), 3),
        ("FULLY_CONNECTED", ("int8", "int8", "int32"), 4),
        ("FULLY_CONNECTED", ("int8", "int8"), 6),
        ("TRANSPOSE_CONV", ("int32", "int8", "int8"), 2),
        ("SPLIT", ("int32", "int8"), 2),
        ("SOFTMAX", ("int8",), 2),
        ("ADD", ("int8", "int8"), 2),
        ("ADD", ("int32", "int32"), 1),
        ("SUB", ("int16", "int16"), 5),
        ("BROADCAST_TO", ("float32", "int32"), 2),
    ],
)
def test_version(name: str, types: tuple[str, ...], version: int) -> None:
    b = ModelBuilder()
    inputs = [b.tensor(str(i), (1,), kind) for i, kind in enumerate(types)]
    outputs = [b.tensor("y", (1,), types[0])]
    b.operator(name, inputs, outputs)
    b.operator(name, inputs, [b.tensor("z", (1,), types[0])], version=9)
    operators = read_model(b.finish(inputs, outputs)).subgraphs[0].operators
    assert [operator.version for operator in operators] == [version, 9]


def test_wrong_arguments() -> None:
    b = ModelBuilder()
    with pytest.raises(InputError, match=r"INT8 \[2\], got int64 \[2\]"):
        b.tensor("x", (2,), "int8", data=np.array([1, 2]))
    with pytest.raises(InputError, match=r"INT8 \[3\], got int8 \[2\]"):
        b.tensor("x", (3,), "int8", data=np.array([1, 2], np.int8))
    with pytest.raises(InputError, match="as many zero points"):
        b.tensor("x", (2,), "int8", scale=(1, 2), zero_point=0)
    with pytest.raises(InputError, match="dtype that TFLite has"):
        b.tensor("x", (2,), "datetime64")
    x = b.tensor("x", (2,), "int8")
    with pytest.raises(InputError, match="expected tensor indices from -1 to 0, got 1"):
        b.operator("RELU", (x,), (1,))
    with pytest.raises(InputError, match="RELU has no options, got alpha"):
        b.operator("RELU", (x,), (x,), {"alpha": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 1}, "Conv2DOptions has no field stride"),
        ({"padding": "SAME"}, "'SAME' is no Padding"),
        ({"stride_w": 2.5}, "2.5 is no int32"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    b = ModelBuilder()
    x = b.tensor("x", (1,), "int8")
    b.operator("CONV_2D", (x,), (x,), options)
    with pytest.raises(InputError, match=message):
        b.finish((x,), (x,))
