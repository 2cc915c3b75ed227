"""ONNX's operators on images, sequences and volumes, with random shapes and attributes.

The truth is ONNX Runtime, whose pools reckon padding as the documentation says (onnx.reference spreads what
ceil_mode adds over both ends), and onnx.reference for Resize, where ONNX Runtime rounds in float32.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import edgerun

INT64 = 7


def model(op, x, constants, attributes, opset=19, outputs=1):
    """One node that reads x and constants; those whose name begins with _ are absent."""
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    names = ["x", *("" if name.startswith("_") else name for name in constants)]
    results = [f"y{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(op, names, results, **attributes)],
        "test",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info(y, INT64 if i else kind, None) for i, y in enumerate(results)],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items() if not n.startswith("_")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def by_runtime(proto, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})


def by_reference(proto, x):
    return ReferenceEvaluator(proto).run(None, {"x": x})


def agree(proto, x, truth, native=False):
    session = edgerun.Session(proto.SerializeToString())
    got, wanted = list(session.run({"x": x}).values()), truth(proto, x)
    for mine, theirs in zip(got, wanted, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=2e-5)
    if native:
        assert "host" not in {step.verb for step in session._program.plan.steps}


def floats(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


MODES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
)


@pytest.mark.parametrize("where", MODES)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize(mode, where):
    rng = np.random.default_rng(MODES.index(where))
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        x = floats(rng, 1, 2, *rng.integers(2, 8, 2))
        attributes = {"mode": mode, "coordinate_transformation_mode": where}
        if mode == "nearest":
            attributes["nearest_mode"] = rounding
        else:
            attributes["antialias"] = int(rounding == "floor")
        if mode == "cubic":
            attributes |= {"exclude_outside": int(rng.integers(2)), "cubic_coeff_a": -0.5}
        constants = {"_roi": 0}
        if where == "tf_crop_and_resize":
            constants = {"roi": np.array([0, 0, 0.13, -0.11, 1, 1, 0.92, 1.21], np.float32)}
            attributes["extrapolation_value"] = 7.5
        if rounding in ("floor", "round_prefer_ceil"):
            constants |= {"_scales": 0, "sizes": np.array([1, 2, *rng.integers(2, 14, 2)])}
        else:
            constants["scales"] = np.array([1, 1, *rng.choice([0.6, 1.3, 2, 3, 2.5], 2)], np.float32)
        agree(model("Resize", x, constants, attributes), x, by_reference, native=True)


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
def test_resize_of_some_axes_of_any_rank(policy):
    rng = np.random.default_rng(1)
    for rank in range(1, 6):
        x = floats(rng, *rng.integers(2, 6, rank))
        axes = sorted(int(a) for a in rng.permutation(rank)[: (rank + 1) // 2])
        attributes = {"mode": "linear", "axes": axes, "keep_aspect_ratio_policy": policy}
        constants = {"_roi": 0, "_scales": 0, "sizes": rng.integers(2, 8, len(axes))}
        agree(model("Resize", x, constants, attributes), x, by_reference)


@pytest.mark.parametrize(("op", "opset"), [("Upsample", 9), ("Resize", 10)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_of_old_opsets(op, opset, mode):
    rng = np.random.default_rng(2)
    for scales in ((2, 3), (1.5, 2.5), (0.5, 2) if op == "Resize" else (1, 2)):
        x = floats(rng, 1, 2, 4, 6)
        proto = model(op, x, {"scales": np.array([1, 1, *scales], np.float32)}, {"mode": mode}, opset)
        agree(proto, x, by_runtime)


def test_resize_of_small_integers_truncates():
    x = np.random.default_rng(3).integers(-128, 128, (1, 2, 4, 5)).astype(np.int8)
    constants = {"_roi": 0, "_scales": 0, "sizes": np.array([1, 2, 7, 9])}
    proto = model("Resize", x, constants, {"mode": "linear"})
    (got,) = edgerun.Session(proto.SerializeToString()).run({"x": x}).values()
    (wanted,) = by_runtime(proto, x)
    assert got.dtype == wanted.dtype == np.int8
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
@pytest.mark.parametrize("dilated", [False, True])
def test_pools(op, rank, dilated):
    rng = np.random.default_rng(rank)
    for attempt in range(4):
        x, kernel = floats(rng, 2, 2, *rng.integers(6, 9, rank)), rng.integers(2, 4, rank)
        attributes = {"kernel_shape": kernel.tolist(), "strides": rng.integers(1, 4, rank).tolist()}
        if dilated:
            attributes["dilations"] = rng.integers(1, 3, rank).tolist()
        if attempt % 2:
            attributes["pads"] = [1] * (2 * rank)
            attributes["ceil_mode"] = 1
        elif not dilated:  # ONNX Runtime forgets the dilations there
            attributes["auto_pad"] = ["SAME_UPPER", "SAME_LOWER"][attempt // 2]
        if op == "AveragePool":
            attributes["count_include_pad"] = attempt // 2
        native = op != "LpPool" and rank < 3 and not dilated
        agree(model(op, x, {}, attributes), x, by_runtime, native)


@pytest.mark.parametrize("columns_first", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8"])
def test_max_pool_of_integers_with_indices(columns_first, dtype):
    x = (50 * np.random.default_rng(4).standard_normal((2, 3, 6, 7))).astype(dtype)
    attributes = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}
    attributes["storage_order"] = columns_first
    agree(model("MaxPool", x, {}, attributes, outputs=2), x, by_runtime)


def test_max_unpool():
    x = floats(np.random.default_rng(5), 1, 2, 2, 3)
    places = np.arange(12).reshape(x.shape) * 4 + 1
    proto = model("MaxUnpool", x, {"i": places}, {"kernel_shape": [2, 2], "strides": [2, 2]}, 11)
    agree(proto, x, by_runtime)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_convolutions(op, rank):
    rng = np.random.default_rng(rank)
    for attempt in range(6):
        group, each, many = (1, 2, 4)[attempt % 3], 1 + attempt % 2, int(rng.integers(1, 3))
        x, kernel = floats(rng, 2, group * each, *rng.integers(5, 8, rank)), rng.integers(2, 4, rank)
        w = floats(rng, *((group * many, each) if op == "Conv" else (group * each, many)), *kernel)
        dilations = rng.integers(1, 3, rank) if attempt % 2 else np.ones(rank, int)
        strides = rng.integers(1, 3, rank)
        attributes = {"group": group, "strides": strides.tolist(), "dilations": dilations.tolist()}
        if attempt % 2 == 0:
            attributes["auto_pad"] = ["SAME_UPPER", "SAME_LOWER", "VALID"][attempt // 2]
        elif op == "ConvTranspose" and attempt == 3:
            whole = (np.array(x.shape[2:]) - 1) * strides + (kernel - 1) * dilations + 1
            attributes["output_shape"] = (whole - 1).clip(1).tolist()
        else:
            attributes["pads"] = rng.integers(0, 2, 2 * rank).tolist()
        if op == "ConvTranspose" and attempt == 5:
            attributes["output_padding"] = (strides - 1).tolist()
        constants = {"w": w, "b": floats(rng, group * many)} if attempt > 2 else {"w": w}
        agree(model(op, x, constants, attributes), x, by_runtime, native=True)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pad(mode):
    rng = np.random.default_rng(6)
    for least in (0, -2, 0):
        x = floats(rng, 2, 3, 4, 5)
        pads = rng.integers(least, 7, 8)
        pads[[0, 4]] = np.maximum(pads[[0, 4]], 0)
        if mode == "reflect":  # ONNX Runtime mirrors no more than there is
            pads = np.minimum(pads, 1)
            pads[[0, 2, 4, 6]] = 0
        agree(model("Pad", x, {"pads": pads}, {"mode": mode}), x, by_runtime, native=True)


NORMS = (
    ("LRN", {"size": 5, "alpha": 0.3}, (2, 6, 3, 2)),
    ("LRN", {"size": 4, "alpha": 0.3}, (5, 5, 3, 2)),  # onnx.reference takes the images for channels
    ("LpNormalization", {"axis": 1}, (2, 3, 4)),
    ("LpNormalization", {"p": 1}, (2, 3, 4)),
    ("GlobalLpPool", {"p": 3}, (2, 3, 4, 5)),
    ("GlobalLpPool", {}, (2, 3, 4, 5)),
)


@pytest.mark.parametrize(("op", "attributes", "shape"), NORMS)
def test_norms(op, attributes, shape):
    x = floats(np.random.default_rng(7), *shape)
    even = attributes.get("size", 1) % 2 == 0  # ONNX Runtime has no such windows
    agree(model(op, x, {}, attributes), x, by_reference if even else by_runtime, native=True)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("corners", [0, 1])
def test_grid_sample(mode, padding, corners):
    rng = np.random.default_rng(8)
    x = floats(rng, 2, 3, 5, 6)
    grid = rng.uniform(-1.7, 1.7, (2, 4, 3, 2)).astype(np.float32)
    attributes = {"mode": mode, "padding_mode": padding, "align_corners": corners}
    native = mode != "cubic" and padding != "reflection"
    if (mode, padding) != ("cubic", "border"):  # there it is neither PyTorch's nor ONNX Runtime's
        agree(model("GridSample", x, {"g": grid}, attributes, 20), x, by_reference, native)
    old = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    agree(model("GridSample", x, {"g": grid}, attributes | {"mode": old}, 16), x, by_runtime, native)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_grid_sample_of_volumes(mode):
    rng = np.random.default_rng(9)
    x, grid = floats(rng, 1, 2, 3, 4, 5), rng.uniform(-1.4, 1.4, (1, 2, 3, 2, 3)).astype(np.float32)
    agree(model("GridSample", x, {"g": grid}, {"mode": mode}, 20), x, by_runtime)


@pytest.mark.parametrize(("group", "fields"), [(1, 1), (2, 1), (1, 2), (2, 4)])
def test_deform_conv(group, fields):
    rng = np.random.default_rng(10)
    x, w = floats(rng, 2, 4, 6, 7), floats(rng, 4, 4 // group, 3, 2)
    attributes = {"group": group, "offset_group": fields, "pads": [1, 0, 1, 1], "strides": [2, 1]}
    size = (3, 7)
    constants = {"w": w, "o": floats(rng, 2, fields * 12, *size), "b": floats(rng, 4)}
    agree(model("DeformConv", x, constants, attributes), x, by_reference, native=True)
    constants["m"] = rng.uniform(0, 1, (2, fields * 6, *size)).astype(np.float32)
    agree(model("DeformConv", x, constants, attributes), x, by_reference, native=True)
