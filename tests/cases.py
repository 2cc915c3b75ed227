"""One tiny model per operator and variant: for tests, benchmarks and `edgerun doctor`.

A Case is data: which operator of the IR it is about, and how to build a .tflite with it. CASES has
several per operator; add yours where its builder is, with one line per variant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from edgerun.formats import flexbuffer
from edgerun.formats.tflite_writer import ModelBuilder
from edgerun.frontends import load_graph
from edgerun.ir.graph import Graph
from edgerun.ir.types import Array

Pair = tuple[int, int]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Q:
    """A per-tensor quantisation and its dtype."""

    scale: float = 0.05
    zero: int = 3
    dtype: str = "int8"


I8 = Q()
U8 = Q(0.04, 120, "uint8")


@dataclass(frozen=True)
class Case:
    """A model about one operator. litert: whether LiteRT runs such a model too."""

    operator: str  # class name in the IR
    id: str
    build: Callable[[], bytes] = field(repr=False)
    litert: bool = True

    def feeds(self, seed: int = 0) -> dict[str, Array]:
        """Random inputs for the model, by name; the same for the same seed."""
        return random_feeds(load_graph(self.build()), seed)


def random_feeds(graph: Graph, seed: int) -> dict[str, Array]:
    """Inputs over the whole range of 8-bit types, up to +-1000 for wider ones, normal floats of spread 3."""
    rng = np.random.default_rng(seed)
    feeds: dict[str, Array] = {}
    for value in graph.inputs:
        shape, dtype = value.type.shape, value.type.dtype
        if dtype.kind == "f":
            feeds[value.name] = rng.normal(0, 3, shape).astype(dtype)
        elif dtype.itemsize == 1:
            feeds[value.name] = rng.integers(0, 256, shape, np.uint8).view(dtype)
        else:
            feeds[value.name] = rng.integers(-1000, 1000, shape).astype(dtype)
    return feeds


def evaluate(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of a graph by the numpy eval of its nodes, by name."""
    values: dict[Any, Array] = {v: feeds[v.name] for v in graph.inputs}
    values |= {v: v.data for v in graph.constants() if v.data is not None}
    for node in graph.nodes:
        arrays = [None if v is None else values[v] for v in node.inputs]
        results = node.op.eval(node.types(), *arrays)  # type: ignore[arg-type]
        values |= dict(zip(node.outputs, results, strict=True))
    return {v.name: values[v] for v in graph.outputs}


# -- builders: each returns the bytes of a model --


class Net(ModelBuilder):
    """A ModelBuilder with quantised tensors in one call; `rng` makes its constants."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)

    def q(self, name: str, shape: Sequence[int], q: Q = I8) -> int:
        return self.tensor(name, shape, q.dtype, scale=q.scale, zero_point=q.zero)

    def ints(self, name: str, values: Any) -> int:
        array = np.asarray(values, np.int32)
        return self.tensor(name, array.shape, "int32", data=array)

    def weights(self, shape: Shape, axis: int, w: Q, per_channel: bool) -> int:
        """Random weights over the whole range of their dtype, but -128."""
        low, high = (0, 256) if w.dtype == "uint8" else (-127, 128)
        data = self.rng.integers(low, high, shape).astype(w.dtype)
        n = shape[axis] if per_channel else 1
        scales = w.scale * (self.rng.uniform(0.5, 1.5, n) if per_channel else np.ones(1))
        zeros = np.full(n, w.zero)
        return self.tensor("w", shape, w.dtype, scale=scales, zero_point=zeros, axis=axis, data=data)

    def bias(self, n: int, depth: int) -> int:
        spread = int(5000 * np.sqrt(depth))
        data = self.rng.integers(-spread, spread + 1, n).astype(np.int32)
        return self.tensor("bias", (n,), "int32", scale=1e-3, data=data)


WS8 = Q(0.01, 0, "int8")
WU8 = Q(0.01, 140, "uint8")


def spread(x: Q, w: Q, depth: int) -> Q:
    """An output quantisation of which random sums of `depth` products use nearly all, and some leave it."""
    zero = 5 if x.dtype == "int8" else 125
    return Q(x.scale * w.scale * 5500 * float(np.sqrt(depth)) / 50, zero, x.dtype)


def window(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """The output size of a window along one axis, as TensorFlow has it."""
    extent = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == "same" else -(-(size - extent + 1) // stride)


def conv(
    c_in: int = 8,
    c_out: int = 16,
    kernel: Pair = (3, 3),
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    padding: str = "same",
    activation: str = "none",
    size: Pair = (7, 9),
    batch: int = 1,
    x: Q = I8,
    w: Q = WS8,
    per_channel: bool = True,
    bias: bool = True,
    multiplier: int = 0,
    out: Q | None = None,
    seed: int = 1,
) -> bytes:
    """CONV_2D, or DEPTHWISE_CONV_2D with c_in * multiplier outputs when there is a multiplier."""
    net = Net(seed)
    depth = kernel[0] * kernel[1] * (1 if multiplier else c_in)
    c_out = c_in * multiplier or c_out
    shape = (1, *kernel, c_out) if multiplier else (c_out, *kernel, c_in)
    h, w_ = (
        window(*args, padding) for args in zip(size, kernel, strides, dilations, strict=True)
    )
    inputs = [net.q("x", (batch, *size, c_in), x)]
    inputs.append(net.weights(shape, 3 if multiplier else 0, w, per_channel))
    if bias:
        inputs.append(net.bias(c_out, depth))
    y = net.q("y", (batch, h, w_, c_out), out or spread(x, w, depth))
    options = {
        "padding": padding,
        "stride_h": strides[0],
        "stride_w": strides[1],
        "dilation_h_factor": dilations[0],
        "dilation_w_factor": dilations[1],
        "fused_activation_function": activation,
    }
    if multiplier:
        options["depth_multiplier"] = multiplier
    net.operator("DEPTHWISE_CONV_2D" if multiplier else "CONV_2D", inputs, [y], options)
    return net.finish(inputs[:1], [y])


def fully_connected(
    shape: Shape = (1, 64),
    n: int = 10,
    keep_dims: bool = False,
    activation: str = "none",
    x: Q = I8,
    w: Q = WS8,
    per_channel: bool = False,
    bias: bool = True,
    out: Q | None = None,
    seed: int = 1,
) -> bytes:
    net = Net(seed)
    k = shape[-1]
    inputs = [net.q("x", shape, x), net.weights((n, k), 0, w, per_channel)]
    if bias:
        inputs.append(net.bias(n, k))
    rows = shape[:-1] if keep_dims else (int(np.prod(shape[:-1])),)
    y = net.q("y", (*rows, n), out or spread(x, w, k))
    options = {"keep_num_dims": keep_dims, "fused_activation_function": activation}
    net.operator("FULLY_CONNECTED", inputs, [y], options)
    return net.finish(inputs[:1], [y])


def binary(
    name: str,
    a_shape: Shape = (1, 4, 5, 16),
    b_shape: Shape | None = None,
    a: Q = I8,
    b: Q | None = None,
    out: Q | None = None,
    activation: str = "none",
    constant: bool = False,
) -> bytes:
    """ADD, SUB or MUL; with `constant` the second operand is one."""
    net = Net()
    b_shape = a_shape if b_shape is None else b_shape
    b = b or Q(0.03, a.zero // 2 + 9, a.dtype)
    scale = a.scale * b.scale * 90 if name == "MUL" else (a.scale + b.scale) * 0.6
    out = out or Q(scale, a.zero + 4, a.dtype)
    inputs = [net.q("a", a_shape, a)]
    if constant:
        data = net.rng.integers(0, 256, b_shape, np.uint8).view(b.dtype)
        inputs.append(net.tensor("b", b_shape, b.dtype, scale=b.scale, zero_point=b.zero, data=data))
    else:
        inputs.append(net.q("b", b_shape, b))
    y = net.q("y", np.broadcast_shapes(a_shape, b_shape), out)
    net.operator(name, inputs, [y], {"fused_activation_function": activation})
    return net.finish(inputs[:1] if constant else inputs, [y])


def pool(
    name: str,
    c: int = 16,
    kernel: Pair = (2, 2),
    strides: Pair = (2, 2),
    padding: str = "valid",
    activation: str = "none",
    size: Pair = (7, 9),
    batch: int = 1,
    x: Q = I8,
    out: Q | None = None,
) -> bytes:
    net = Net()
    h, w = (window(s, k, t, 1, padding) for s, k, t in zip(size, kernel, strides, strict=True))
    inputs = [net.q("x", (batch, *size, c), x)]
    y = net.q("y", (batch, h, w, c), out or x)
    options = {
        "padding": padding,
        "filter_height": kernel[0],
        "filter_width": kernel[1],
        "stride_h": strides[0],
        "stride_w": strides[1],
        "fused_activation_function": activation,
    }
    net.operator(name, inputs, [y], options)
    return net.finish(inputs, [y])


def mean(
    axes: Sequence[int],
    keep_dims: bool = False,
    shape: Shape = (2, 5, 7, 16),
    x: Q = I8,
    out: Q | None = None,
) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("axes", axes)]
    gone = {a % len(shape) for a in axes}
    y_shape = [1 if i in gone else d for i, d in enumerate(shape) if keep_dims or i not in gone]
    y = net.q("y", y_shape, out or x)
    net.operator("MEAN", inputs, [y], {"keep_dims": keep_dims})
    return net.finish(inputs[:1], [y])


def unary(
    name: str,
    x: Q = I8,
    out: Q | None = None,
    shape: Shape = (1, 4, 5, 16),
    **options: Any,
) -> bytes:
    """An operator of one tensor whose output has the shape of the input."""
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.q("y", shape, out or x)
    net.operator(name, inputs, [y], options)
    return net.finish(inputs, [y])


def chain(names: Sequence[str], qs: Sequence[Q]) -> bytes:
    """Unary operators in a row, with the quantisation of the input and behind each of them."""
    net = Net()
    tensors = [net.q(f"t{i}", (1, 4, 5, 16), q) for i, q in enumerate(qs)]
    for name, x, y in zip(names, tensors[:-1], tensors[1:], strict=True):
        net.operator(name, [x], [y])
    return net.finish(tensors[:1], tensors[-1:])


def quantize(shape: Shape = (1, 4, 5, 7), out: Q = I8) -> bytes:
    """QUANTIZE from float32."""
    net = Net()
    x = net.tensor("x", shape, "float32")
    y = net.q("y", shape, out)
    net.operator("QUANTIZE", [x], [y])
    return net.finish([x], [y])


def dequantize(shape: Shape = (1, 4, 5, 7), x: Q = I8) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.tensor("y", shape, "float32")
    net.operator("DEQUANTIZE", inputs, [y])
    return net.finish(inputs, [y])


def reshape(shape: Shape, to: Shape, x: Q = I8, as_option: bool = False) -> bytes:
    """RESHAPE, its shape a constant input or an option; -1 is what is left."""
    net = Net()
    inputs = [net.q("x", shape, x)]
    y = net.q("y", np.empty(shape).reshape(to).shape, x)
    if not as_option:
        inputs.append(net.ints("shape", to))
    net.operator("RESHAPE", inputs, [y], {"new_shape": to} if as_option else {})
    return net.finish(inputs[:1], [y])


def pad(paddings: Sequence[Pair], x: Q = I8, fill: int | None = None, shape: Shape = (1, 4, 5, 3)) -> bytes:
    """PAD, or PADV2 with the quantum `fill`."""
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("paddings", paddings)]
    if fill is not None:
        data = np.array([fill], x.dtype)
        inputs.append(
            net.tensor("fill", (1,), x.dtype, scale=x.scale, zero_point=x.zero, data=data)
        )
    y = net.q("y", [d + b + a for d, (b, a) in zip(shape, paddings, strict=True)], x)
    net.operator("PAD" if fill is None else "PADV2", inputs, [y])
    return net.finish(inputs[:1], [y])


def concat(
    axis: int,
    shapes: Sequence[Shape] = ((1, 4, 5, 8), (1, 4, 5, 8)),
    qs: Sequence[Q] = (I8,),
    produced: bool = False,
    out: Q | None = None,
) -> bytes:
    """CONCATENATION of inputs, or of what a RELU makes of each of them (`produced`)."""
    net = Net()
    qs = [qs[i % len(qs)] for i in range(len(shapes))]
    out = out or qs[0]
    inputs = [net.q(f"x{i}", s, q) for i, (s, q) in enumerate(zip(shapes, qs, strict=True))]
    parts = inputs
    if produced:
        parts = [net.q(f"r{i}", s, q) for i, (s, q) in enumerate(zip(shapes, qs, strict=True))]
        for x, r in zip(inputs, parts, strict=True):
            net.operator("RELU", [x], [r])
    shape = list(shapes[0])
    shape[axis] = sum(s[axis] for s in shapes)
    y = net.q("y", shape, out)
    net.operator("CONCATENATION", parts, [y], {"axis": axis})
    return net.finish(inputs, [y])


def slice_(begin: Shape, size: Shape, shape: Shape = (2, 6, 7, 8), x: Q = I8) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("begin", begin), net.ints("size", size)]
    sizes = [d - b if s == -1 else s for d, b, s in zip(shape, begin, size, strict=True)]
    y = net.q("y", sizes, x)
    net.operator("SLICE", inputs, [y])
    return net.finish(inputs[:1], [y])


def transpose(perm: Shape, shape: Shape = (2, 3, 5, 8), x: Q = I8) -> bytes:
    net = Net()
    inputs = [net.q("x", shape, x), net.ints("perm", perm)]
    y = net.q("y", [shape[p] for p in perm], x)
    net.operator("TRANSPOSE", inputs, [y])
    return net.finish(inputs[:1], [y])


def cumsum(axis: int, exclusive: bool = False, reverse: bool = False) -> bytes:
    net = Net()
    shape = (2, 5, 3)
    inputs = [net.tensor("x", shape, "int32"), net.ints("axis", axis)]
    y = net.tensor("y", shape, "int32")
    net.operator("CUMSUM", inputs, [y], {"exclusive": exclusive, "reverse": reverse})
    return net.finish(inputs[:1], [y])


def resize(
    name: str,
    size: Pair,
    c: int = 3,
    image: Pair = (5, 7),
    batch: int = 1,
    x: Q = I8,
    **options: bool,
) -> bytes:
    net = Net()
    inputs = [net.q("x", (batch, *image, c), x), net.ints("size", size)]
    y = net.q("y", (batch, *size, c), x)
    net.operator(name, inputs, [y], options)
    return net.finish(inputs[:1], [y])


def detection(
    kind: str = "float32", n: int = 40, classes: int = 5, background: int = 1, **options: Any
) -> bytes:
    """TFLite_Detection_PostProcess over n anchors on a grid, of boxes and scores of one kind of element."""
    net = Net()
    settings = {
        "max_detections": 8,
        "max_classes_per_detection": 1,
        "detections_per_class": 4,
        "use_regular_nms": False,
        "nms_score_threshold": 0.3,
        "nms_iou_threshold": 0.4,
        "num_classes": classes,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    } | options
    shapes = (1, n, 4), (1, n, classes + background)
    if kind == "float32":
        boxes, scores = (net.tensor(f, s, kind) for f, s in zip(("boxes", "scores"), shapes, strict=True))
    else:
        zero = 0 if kind == "uint8" else -128
        boxes = net.q("boxes", shapes[0], Q(0.09, zero + 128, kind))
        scores = net.q("scores", shapes[1], Q(1 / 256, zero, kind))
    centres = net.rng.uniform(0.1, 0.9, (n, 2))
    sides = net.rng.uniform(0.1, 0.5, (n, 2))
    anchors = np.concatenate([centres, sides], axis=1).astype(np.float32)
    inputs = [boxes, scores, net.tensor("anchors", (n, 4), "float32", data=anchors)]
    if kind != "float32":
        q = Q(1 / 200, 0, "uint8") if kind == "uint8" else Q(1 / 200, -100, "int8")
        quanta = np.rint(anchors / q.scale + q.zero).astype(q.dtype)
        inputs[2] = net.tensor(
            "q_anchors", (n, 4), q.dtype, scale=q.scale, zero_point=q.zero, data=quanta
        )
    m = settings["max_detections"] * settings["max_classes_per_detection"]
    shapes_out = ((1, m, 4), (1, m), (1, m), (1,))
    names = ("found", "labels", "confidences", "count")
    outputs = [net.tensor(f, s, "float32") for f, s in zip(names, shapes_out, strict=True)]
    net.operator(
        "TFLite_Detection_PostProcess", inputs, outputs, custom_options=flexbuffer.write(settings)
    )
    return net.finish(inputs[:2], outputs)


# -- the cases --


def _make(
    operator: str, build: Callable[..., bytes], *variants: dict[str, Any], litert: bool = True
) -> list[Case]:
    def show(value: Any) -> str:
        if isinstance(value, Q):
            return f"{value.dtype}({value.scale:g},{value.zero})"
        return str(value).replace(" ", "")

    cases = []
    for kwargs in variants:
        id = "-".join([operator, *(f"{k}={show(v)}" for k, v in kwargs.items())])
        cases.append(Case(operator, id, partial(build, **kwargs), litert))
    return cases


CHANNELS = (1, 3, 5, 8, 16, 17, 32, 33, 64, 65)
LEGACY = {"x": U8, "w": WU8, "per_channel": False}
PER_TENSOR = {"per_channel": False}
ACTIVATIONS = ("relu", "relu6", "relu_n1_to_1")
MIN, MAX = Q(zero=-128), Q(zero=127)

_CONV: list[dict[str, Any]] = [
    *({"c_in": c, "c_out": 12, "kernel": (1, 1)} for c in CHANNELS),
    *({"c_in": 12, "c_out": c, "kernel": (1, 1)} for c in CHANNELS),
    *({"c_in": c, "c_out": c, "strides": (2, 2)} for c in (1, 3, 17, 32, 65)),
    *({"activation": a} for a in ACTIVATIONS),
    *({"activation": a, **LEGACY} for a in ACTIVATIONS),
    *({"c_in": c, "kernel": k, **LEGACY} for c in (3, 8, 33) for k in ((1, 1), (3, 3))),
    {"kernel": (1, 1), "strides": (2, 2), **PER_TENSOR},
    {"kernel": (5, 3), "padding": "valid", **PER_TENSOR},
    {"kernel": (2, 4), "strides": (1, 2), "size": (8, 8)},
    {"kernel": (3, 3), "dilations": (2, 2)},
    {"kernel": (3, 2), "dilations": (2, 3), "padding": "valid", "size": (9, 11)},
    {"kernel": (3, 3), "strides": (3, 2), "size": (1, 1), "c_in": 4},
    {"kernel": (1, 1), "batch": 3, "size": (1, 1), "c_in": 20},
    {"kernel": (3, 3), "batch": 2, **LEGACY, "dilations": (2, 2)},
    {"kernel": (7, 9), "padding": "valid", "c_in": 5, "batch": 2},
    {"x": MIN, "c_in": 33, "out": Q(0.05, 127)},
    {"x": MAX, "c_in": 33, "out": Q(0.05, -128)},
    {**LEGACY, "x": Q(0.04, 255, "uint8"), "out": Q(0.1, 0, "uint8")},
    {"x": Q(0.04, 128, "uint8"), "out": Q(0.1, 128, "uint8"), "w": Q(0.01, 128, "uint8"), **PER_TENSOR},
]
_DEPTHWISE: list[dict[str, Any]] = [
    *({"c_in": c, "multiplier": 1} for c in CHANNELS),
    *({"c_in": c, "multiplier": 1, "strides": (2, 2)} for c in (3, 8, 17, 64)),
    *({"c_in": 16, "multiplier": 1, "activation": a} for a in ACTIVATIONS),
    *({"c_in": c, "multiplier": 1, **LEGACY} for c in (3, 8, 33)),
    *({"c_in": c, "multiplier": m} for c, m in ((1, 8), (3, 2), (4, 3), (16, 2), (9, 4))),
    {"c_in": 5, "multiplier": 2, **LEGACY, "strides": (2, 2), "batch": 2},
    {"c_in": 8, "multiplier": 1, "kernel": (5, 5), "padding": "valid", "size": (8, 6), **PER_TENSOR},
    {"c_in": 24, "multiplier": 1, "kernel": (1, 3), "bias": False},
    {"c_in": 24, "multiplier": 1, "kernel": (3, 3), "dilations": (2, 2)},
    {"c_in": 10, "multiplier": 1, "kernel": (2, 2), "strides": (1, 1), "dilations": (3, 1), "batch": 2},
    {"c_in": 16, "multiplier": 1, "size": (1, 1)},
    {"c_in": 16, "multiplier": 1, "x": MIN, "kernel": (7, 7)},
]
_FULLY_CONNECTED: list[dict[str, Any]] = [
    *({"shape": (2, c), "n": n} for c, n in zip(CHANNELS, reversed(CHANNELS), strict=True)),
    *({"activation": a} for a in ACTIVATIONS),
    {"shape": (1, 100), "n": 3, "per_channel": True},
    {"shape": (2, 3, 20), "keep_dims": True},
    {"shape": (2, 3, 20)},
    {"x": U8, "w": WU8, "shape": (3, 50), "activation": "relu6"},
    {"bias": False, "shape": (5, 33), "n": 17},
    {"x": MIN, "shape": (1, 640), "n": 40},
]
_UNARY_QUANTA: list[dict[str, Any]] = [
    {"x": I8},
    {"x": U8},
    {"x": Q(0.1, -128), "shape": (1, 3)},
    {"x": Q(0.02, 100), "shape": (3, 65)},
]


def _binaries(name: str) -> list[dict[str, Any]]:
    return [
        *({"name": name, "a_shape": (1, 2, 3, c)} for c in CHANNELS),
        *({"name": name, "activation": a} for a in ACTIVATIONS),
        {"name": name, "a": U8, "a_shape": (2, 3, 3, 7)},
        {"name": name, "a": U8, "activation": "relu6"},
        {"name": name, "b_shape": (1, 1, 1, 16)},
        {"name": name, "b_shape": (16,)},
        {"name": name, "b_shape": (1,)},
        {"name": name, "b_shape": (1, 4, 5, 1)},
        {"name": name, "a_shape": (1, 1, 5, 1), "b_shape": (2, 4, 1, 9)},
        {"name": name, "b_shape": (16,), "constant": True},
        {"name": name, "a_shape": (5,), "b_shape": (5,), "a": MIN, "out": Q(0.01, 127)},
    ]


def _sigmoids(name: str, scale: float, zero: int) -> list[Case]:
    """LOGISTIC and TANH, whose output LiteRT wants in one fixed quantisation."""
    variants = [v | {"name": name, "out": Q(scale, zero)} for v in _UNARY_QUANTA if v["x"].dtype == "int8"]
    variants.append({"name": name, "x": U8, "out": Q(scale, zero + 128, "uint8")})
    other = [{"name": name, "x": I8, "out": Q(0.02, 10)}]
    operator = name.capitalize()
    return _make(operator, unary, *variants) + _make(operator, unary, *other, litert=False)


def _pools(name: str) -> list[dict[str, Any]]:
    return [
        *({"name": name, "c": c} for c in CHANNELS),
        *({"name": name, "activation": a} for a in ACTIVATIONS),
        {"name": name, "kernel": (3, 3), "strides": (1, 1), "padding": "same"},
        {"name": name, "kernel": (3, 3), "strides": (2, 2), "padding": "same", "batch": 3, "x": U8},
        {"name": name, "kernel": (7, 9), "strides": (1, 1), "c": 33},
        {"name": name, "kernel": (2, 5), "strides": (3, 1), "c": 5},
    ]


def _resizes(name: str) -> list[dict[str, Any]]:
    modes: list[dict[str, Any]] = [{}, {"align_corners": True}, {"half_pixel_centers": True}]
    return [
        *({"name": name, "size": s, **m} for m in modes for s in ((10, 14), (3, 4), (13, 9))),
        *({"name": name, "size": (11, 16), "x": U8, "c": c, **m} for m in modes for c in (1, 17)),
        {"name": name, "size": (5, 7), "batch": 2},
        {"name": name, "size": (1, 1), "align_corners": True},
        {"name": name, "size": (4, 3), "image": (1, 1), "half_pixel_centers": True},
        {"name": name, "size": (8, 90), "image": (8, 45), "c": 32},
    ]


_CHANNEL_PARTS = ((1, 4, 5, 8), (1, 4, 5, 16), (1, 4, 5, 3))
_ANCHOR_PARTS = ((1, 12, 4), (1, 6, 4), (1, 1, 4))

CASES: list[Case] = [
    *_make("Conv2d", conv, *_CONV),
    *_make("Conv2d", conv, {"bias": False}, litert=False),  # LiteRT wants a bias for int8
    *_make("DepthwiseConv2d", conv, *_DEPTHWISE),
    *_make("FullyConnected", fully_connected, *_FULLY_CONNECTED),
    *_make("Add", binary, *_binaries("ADD")),
    *_make("Sub", binary, *_binaries("SUB")),
    *_make("Mul", binary, *_binaries("MUL")),
    *_make("MaxPool2d", pool, *_pools("MAX_POOL_2D")),
    *_make("AveragePool2d", pool, *_pools("AVERAGE_POOL_2D")),
    *_make("AveragePool2d", pool, {"name": "AVERAGE_POOL_2D", "out": Q(0.03, -9)}, litert=False),
    *_make(
        "Mean",
        mean,
        *({"axes": (1, 2), "keep_dims": k, "out": q} for k in (False, True) for q in (None, Q(0.03, -9))),
        *({"axes": a} for a in ((0,), (1,), (2,), (3,), (-1,), (0, 3), (1, 3), (2, 3), (0, 1, 2, 3))),
        {"axes": (0, 2), "keep_dims": True, "out": Q(0.04, 20)},
        {"axes": (1, 2), "x": U8, "shape": (1, 7, 7, 33)},
        {"axes": (1,), "shape": (3, 9, 5)},
    ),
    *_make(
        "Softmax",
        unary,
        *({"name": "SOFTMAX", "out": Q(1 / 256, -128), "shape": (2, c), "beta": 1.0} for c in CHANNELS),
        *({"name": "SOFTMAX", "out": Q(1 / 256, -128), "shape": (3, 10), "beta": b} for b in (0.3, 2.5)),
        {"name": "SOFTMAX", "x": U8, "out": Q(1 / 256, 0, "uint8"), "shape": (2, 3, 21), "beta": 1.0},
        {"name": "SOFTMAX", "x": Q(0.4, 7), "out": Q(1 / 256, -128), "shape": (1, 1001), "beta": 1.0},
    ),
    *_make(
        "Softmax",
        unary,
        {"name": "SOFTMAX", "out": Q(1 / 200, -100), "shape": (2, 9), "beta": 1.0},
        litert=False,
    ),
    *_make("HardSwish", unary, *({"name": "HARD_SWISH", **v} for v in _UNARY_QUANTA)),
    *_make("HardSwish", unary, {"name": "HARD_SWISH", "out": Q(0.03, -100)}),
    *_make(
        "LeakyRelu",
        unary,
        *({"name": "LEAKY_RELU", **v, "alpha": 0.1} for v in _UNARY_QUANTA),
        {"name": "LEAKY_RELU", "out": Q(0.03, -10), "alpha": 0.3},
    ),
    *_sigmoids("LOGISTIC", 1 / 256, -128),
    *_sigmoids("TANH", 1 / 128, 0),
    *_make(
        "Clip",
        unary,
        *({"name": n, **v} for n in ("RELU", "RELU6", "RELU_N1_TO_1") for v in _UNARY_QUANTA),
        *({"name": n, "out": Q(0.03, -20)} for n in ("RELU", "RELU6")),
    ),
    *_make(
        "Table",
        chain,
        {"names": ("RELU", "HARD_SWISH"), "qs": (I8, I8, Q(0.04, -100))},
        {"names": ("RELU6", "LOGISTIC"), "qs": (I8, I8, Q(1 / 256, -128))},
        {"names": ("QUANTIZE", "RELU", "TANH"), "qs": (U8, Q(0.04, -8), Q(0.04, -8), Q(1 / 128, 0))},
    ),
    *_make(
        "Requantize",
        unary,
        *(
            {"name": "QUANTIZE", "x": a, "out": b}
            for a, b in (
                (I8, Q(0.03, -20)),
                (I8, Q(0.05, 131, "uint8")),
                (I8, U8),
                (U8, I8),
                (U8, Q(0.04, -8)),
                (U8, Q(0.2, 3, "uint8")),
                (MIN, Q(0.01, -20)),
            )
        ),
    ),
    *_make(
        "Quantize",
        quantize,
        {"out": I8},
        {"out": U8},
        {"out": Q(0.011, -128)},
        *({"shape": (3, c)} for c in (1, 16, 33, 65)),
    ),
    *_make("Dequantize", dequantize, {"x": I8}, {"x": U8}, *({"shape": (3, c)} for c in (1, 16, 33, 65))),
    *_make(
        "Reshape",
        reshape,
        {"shape": (1, 4, 5, 8), "to": (1, 160)},
        {"shape": (1, 4, 5, 8), "to": (-1, 8), "x": U8},
        {"shape": (2, 3, 4), "to": (4, 6), "as_option": True},
        {"shape": (1, 1, 1, 9), "to": (9,)},
    ),
    *_make(
        "Pad",
        pad,
        {"paddings": ((0, 0), (1, 1), (2, 0), (0, 0))},
        {"paddings": ((1, 0), (0, 3), (2, 1), (4, 5)), "x": U8},
        {"paddings": ((0, 0), (1, 2), (1, 1), (0, 1)), "fill": -77},
        {"paddings": ((0, 0), (1, 2), (1, 1), (0, 0)), "fill": 200, "x": U8},
        {"paddings": ((0, 0), (0, 0), (0, 0), (0, 0))},
        {"paddings": ((2, 1), (0, 4)), "shape": (3, 17)},
    ),
    *_make(
        "Concat",
        concat,
        *({"axis": 3, "shapes": _CHANNEL_PARTS, "produced": p} for p in (False, True)),
        *({"axis": 1, "shapes": _ANCHOR_PARTS, "produced": p} for p in (False, True)),
        *({"axis": a, "produced": p} for a in (0, 1, 2, -1) for p in (False, True)),
        *({"axis": 3, "qs": (U8,), "produced": p} for p in (False, True)),
        *({"axis": 3, "qs": (U8, Q(0.02, 90, "uint8")), "produced": p} for p in (False, True)),
        {"axis": 1, "qs": (Q(0.02, 90, "uint8"), U8), "out": U8},
    ),
    *_make("Concat", concat, {"axis": 3, "qs": (I8, Q(0.02, -9)), "produced": True}, litert=False),
    *_make(
        "Slice",
        slice_,
        {"begin": (0, 0, 0, 0), "size": (2, 6, 7, 4)},
        {"begin": (0, 0, 0, 3), "size": (-1, -1, -1, 5)},
        {"begin": (1, 0, 0, 0), "size": (1, 6, 7, 8), "x": U8},
        {"begin": (0, 2, 1, 0), "size": (2, 3, 5, 8)},
        {"begin": (1, 2, 3, 4), "size": (1, 1, 1, 1)},
        {"begin": (2, 5), "size": (3, 10), "shape": (6, 17)},
    ),
    *_make(
        "Transpose",
        transpose,
        *({"perm": p} for p in ((0, 3, 1, 2), (0, 2, 3, 1), (3, 2, 1, 0), (0, 1, 2, 3), (1, 0, 2, 3))),
        {"perm": (1, 0), "shape": (9, 17), "x": U8},
        {"perm": (2, 0, 1), "shape": (4, 5, 6)},
    ),
    *_make(
        "Cumsum",
        cumsum,
        {"axis": 1},
        {"axis": -1, "exclusive": True},
        {"axis": 0, "reverse": True},
        {"axis": 2, "exclusive": True, "reverse": True},
    ),
    *_make("ResizeBilinear", resize, *_resizes("RESIZE_BILINEAR")),
    *_make("ResizeNearestNeighbor", resize, *_resizes("RESIZE_NEAREST_NEIGHBOR")),
    *_make(
        "DetectionPostProcess",
        detection,
        *({"kind": k, "use_regular_nms": r} for k in ("float32", "uint8") for r in (False, True)),
        {"max_classes_per_detection": 3},
        {"max_classes_per_detection": 3, "classes": 2},
        {"background": 0, "nms_score_threshold": 2.0},
        {"nms_score_threshold": 100.0},
        {"use_regular_nms": True, "max_detections": 30, "nms_iou_threshold": 1.0},
    ),
    *_make(
        "DetectionPostProcess",
        detection,
        *({"kind": "int8", "use_regular_nms": r} for r in (False, True)),
        litert=False,
    ),
]
