"""How each TFLite operator becomes an operator of ours: one importer per name.

An importer reads the options and constant inputs of the file's operator and returns the Op; what it leaves
in `task.inputs` are the tensors that are computed with. Most are three lines; add yours to IMPORTERS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats import flexbuffer
from edgerun.formats.tflite_model import Operator
from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected, Padding, Pair
from edgerun.ir.detection import DetectionPostProcess
from edgerun.ir.elementwise import Add, Clip, HardSwish, LeakyRelu, Logistic, Mul, Softmax, Sub, Tanh
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import NO_CLAMP, Clamp, Op, expect, quantization_of, supported
from edgerun.ir.pool import AveragePool2d, MaxPool2d, Mean
from edgerun.ir.quantize import Dequantize, Quantize, Requantize
from edgerun.ir.resize import ResizeBilinear, ResizeNearestNeighbor
from edgerun.ir.shape import Concat, Cumsum, Pad, Reshape, Slice, Transpose
from edgerun.ir.types import FLOAT32, Array, Element, TensorType

ACTIVATIONS: Mapping[str, Clamp] = {
    "none": NO_CLAMP,
    "relu": (0.0, float("inf")),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


class Import:
    """One operator of the file while it is imported."""

    def __init__(
        self, operator: Operator, inputs: list[Value | None], outputs: list[Value], resized: bool = False
    ) -> None:
        self.operator = operator
        self.resized = resized  # the inputs have other shapes than the file says
        self.inputs = inputs
        self.outputs = outputs
        self.nodes: list[Node] = []  # what has to be computed before

    @property
    def options(self) -> dict[str, Any]:
        return self.operator.options

    @property
    def out(self) -> Element:
        """The element type of the first output, as the file declares it."""
        return self.outputs[0].type.element

    @property
    def clamp(self) -> Clamp:
        """The range of the fused activation."""
        name = self.options["fused_activation_function"]
        if name not in ACTIVATIONS:
            raise UnsupportedOperatorError(f"the fused activation {name!r} is not supported")
        return ACTIVATIONS[name]

    def type(self, i: int) -> TensorType:
        return self.value(i).type

    def value(self, i: int) -> Value:
        value = self.inputs[i] if i < len(self.inputs) else None
        if value is None:
            raise FormatError(f"Operator {self.operator.index} {self.operator.name} lacks input {i}.")
        return value

    def constants(self, *names: str) -> list[Array]:
        """The constant inputs behind the first one, which are taken off `inputs`."""
        arrays = []
        for i, name in enumerate(names, start=1):
            data = self.value(i).data
            if data is None:
                raise UnsupportedOperatorError(f"its {name} is computed at run time")
            arrays.append(data)
        del self.inputs[1:]
        return arrays

    def integers(self, name: str) -> tuple[int, ...]:
        """The one constant input behind the first, as integers."""
        return tuple(int(v) for v in self.constants(name)[0].reshape(-1))

    def requantize_inputs(self) -> None:
        """Gives 8-bit inputs the element type of the output."""
        for i, value in enumerate(self.inputs):
            if value is not None and value.type.element != self.out and value.type.quantization is not None:
                op = Requantize(self.out)
                made = Value(f"{self.outputs[0].name}/requantized_{i}", op.infer(value.type)[0])
                self.nodes.append(Node(op, [value], [made]))
                self.inputs[i] = made


def same_padding(x: TensorType, kernel: Pair, strides: Pair, dilations: Pair) -> Padding:
    """TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel of padding at the end."""
    before, after = [], []
    for size, k, stride, dilation in zip(x.shape[1:3], kernel, strides, dilations, strict=True):
        expect(stride > 0, "Strides start at 1.")
        total = max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before[0], before[1], after[0], after[1]


def _padding(task: Import, kernel: Pair, strides: Pair, dilations: Pair = (1, 1)) -> Padding:
    expect(len(task.type(0).shape) == 4, f"A 4-D input is needed, got {task.type(0)}.")
    if task.options["padding"] == "valid":
        return 0, 0, 0, 0
    return same_padding(task.type(0), kernel, strides, dilations)


def _windowed(task: Import) -> dict[str, Any]:
    weights = task.type(1)
    expect(len(weights.shape) == 4, f"4-D weights are needed, got {weights}.")
    strides = task.options["stride_h"], task.options["stride_w"]
    dilations = task.options["dilation_h_factor"], task.options["dilation_w_factor"]
    _drop_absent_bias(task)
    return {
        "out": task.out,
        "strides": strides,
        "dilations": dilations,
        "padding": _padding(task, (weights.shape[1], weights.shape[2]), strides, dilations),
        "clamp": task.clamp,
    }


def _drop_absent_bias(task: Import) -> None:
    _constant_operands(task)
    if len(task.inputs) == 3 and task.inputs[2] is None:
        del task.inputs[2]


def _constant_operands(task: Import) -> None:
    for value in task.inputs[1:]:
        if value is not None and value.data is None:
            raise UnsupportedOperatorError("its weights are computed at run time")


def conv_2d(task: Import) -> Op:
    return Conv2d(**_windowed(task))


def depthwise_conv_2d(task: Import) -> Op:
    return DepthwiseConv2d(**_windowed(task))


def fully_connected(task: Import) -> Op:
    if task.options["weights_format"] not in (0, "default"):
        raise UnsupportedOperatorError("shuffled weights are not supported")
    _drop_absent_bias(task)
    return FullyConnected(task.out, bool(task.options["keep_num_dims"]), task.clamp)


def _binary(op: type[Add] | type[Sub] | type[Mul]) -> Callable[[Import], Op]:
    return lambda task: op(task.out, task.clamp)


def _pool(op: type[MaxPool2d] | type[AveragePool2d]) -> Callable[[Import], Op]:
    def pool_2d(task: Import) -> Op:
        kernel = task.options["filter_height"], task.options["filter_width"]
        strides = task.options["stride_h"], task.options["stride_w"]
        if op is MaxPool2d:
            task.requantize_inputs()
        return op(task.out, kernel, strides, _padding(task, kernel, strides), task.clamp)

    return pool_2d


def _axes(values: tuple[int, ...], rank: int) -> tuple[int, ...]:
    for axis in values:
        expect(-rank <= axis < rank, f"Axis {axis} does not fit a tensor of rank {rank}.")
    return tuple(sorted({axis % rank for axis in values}))


def mean(task: Import) -> Op:
    rank = len(task.type(0).shape)
    return Mean(task.out, _axes(task.integers("axes"), rank), bool(task.options["keep_dims"]))


def reshape(task: Import) -> Op:
    if len(task.inputs) > 1:
        shape = task.integers("shape")
    else:
        shape = tuple(int(d) for d in task.options["new_shape"])
    size = task.type(0).size
    if shape.count(-1) == 1:
        rest = -int(np.prod(shape, dtype=object))
        expect(rest > 0 and size % rest == 0, f"{task.type(0)} does not fit into {shape}.")
        shape = tuple(size // rest if d == -1 else d for d in shape)
    expect(min(shape, default=0) >= 0, f"The shape {shape} has a negative dimension.")
    rest = int(np.prod(shape[1:], dtype=object))
    if task.resized and shape and rest and size % rest == 0:
        shape = (size // rest, *shape[1:])  # the file's constant has the batch of its own inputs
    return Reshape(shape)


def softmax(task: Import) -> Op:
    return Softmax(task.out, float(task.options["beta"]))


def quantize(task: Import) -> Op:
    return Quantize(task.out) if task.type(0).dtype == FLOAT32 else Requantize(task.out)


def dequantize(task: Import) -> Op:
    return Dequantize()


def pad(task: Import) -> Op:
    x = task.type(0)
    fill = 0 if x.quantization is None else quantization_of(x).zero
    names = ("paddings", "fill")[: len(task.inputs) - 1]
    constants = task.constants(*names)
    paddings = constants[0]
    expect(paddings.shape == (len(x.shape), 2), f"Paddings of shape {paddings.shape} do not fit {x}.")
    if len(constants) == 2:
        expect(constants[1].size == 1, "The fill must be one value.")
        supported(x.dtype.kind in "iu" or not constants[1].any(), f"padding {x} with {constants[1]}")
        fill = int(constants[1].reshape(-1)[0])
    return Pad(tuple(map(int, paddings[:, 0])), tuple(map(int, paddings[:, 1])), fill)


def concatenation(task: Import) -> Op:
    (axis,) = _axes((task.options["axis"],), len(task.outputs[0].type.shape))
    if task.clamp != NO_CLAMP:
        raise UnsupportedOperatorError("a fused activation of CONCATENATION is not supported")
    task.requantize_inputs()
    return Concat(axis)


def transpose(task: Import) -> Op:
    rank = len(task.type(0).shape)
    perm = task.integers("permutation")
    expect(all(-rank <= p < rank for p in perm), f"The permutation {perm} does not fit {task.type(0)}.")
    return Transpose(tuple(p % rank for p in perm))


def slice_(task: Import) -> Op:
    shape = task.type(0).shape
    starts, sizes = (tuple(map(int, a.reshape(-1))) for a in task.constants("begin", "size"))
    expect(len(starts) == len(sizes) == len(shape), f"begin and size do not fit {shape}.")
    sizes = tuple(d - b if s == -1 else s for d, b, s in zip(shape, starts, sizes, strict=True))
    return Slice(starts, sizes, (1,) * len(shape))


def cumsum(task: Import) -> Op:
    (axis,) = _axes(task.integers("axis"), len(task.type(0).shape))
    return Cumsum(axis, bool(task.options["exclusive"]), bool(task.options["reverse"]))


def _clip(clamp: Clamp) -> Callable[[Import], Op]:
    return lambda task: Clip(task.out, clamp)


def _resize(op: type[ResizeBilinear] | type[ResizeNearestNeighbor]) -> Callable[[Import], Op]:
    def resize(task: Import) -> Op:
        size = task.integers("size")
        expect(len(size) == 2, f"The size must be two numbers, got {size}.")
        return op(
            (size[0], size[1]),
            bool(task.options["align_corners"]),
            bool(task.options["half_pixel_centers"]),
        )

    return resize


def detection_post_process(task: Import) -> Op:
    options = flexbuffer.read(task.operator.custom_options)
    if not isinstance(options, dict):
        raise FormatError("The options of TFLite_Detection_PostProcess are not a map.")

    def number(name: str, default: float | None = None) -> float:
        value = options.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FormatError(f"The option {name!r} must be a number, got {value!r}.")
        return value

    return DetectionPostProcess(
        max_detections=int(number("max_detections")),
        num_classes=int(number("num_classes")),
        scales=(number("y_scale"), number("x_scale"), number("h_scale"), number("w_scale")),
        score_threshold=float(number("nms_score_threshold")),
        iou_threshold=float(number("nms_iou_threshold")),
        max_classes_per_detection=int(number("max_classes_per_detection")),
        detections_per_class=int(number("detections_per_class", 100)),
        regular_nms=bool(options.get("use_regular_nms", False)),
    )


IMPORTERS: Mapping[str, Callable[[Import], Op]] = {
    "ADD": _binary(Add),
    "AVERAGE_POOL_2D": _pool(AveragePool2d),
    "CONCATENATION": concatenation,
    "CONV_2D": conv_2d,
    "CUMSUM": cumsum,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "DEQUANTIZE": dequantize,
    "FULLY_CONNECTED": fully_connected,
    "HARD_SWISH": lambda task: HardSwish(task.out),
    "LEAKY_RELU": lambda task: LeakyRelu(task.out, float(task.options["alpha"])),
    "LOGISTIC": lambda task: Logistic(task.out),
    "MAX_POOL_2D": _pool(MaxPool2d),
    "MEAN": mean,
    "MUL": _binary(Mul),
    "PAD": pad,
    "PADV2": pad,
    "QUANTIZE": quantize,
    "RELU": _clip(ACTIVATIONS["relu"]),
    "RELU6": _clip(ACTIVATIONS["relu6"]),
    "RELU_N1_TO_1": _clip(ACTIVATIONS["relu_n1_to_1"]),
    "RESHAPE": reshape,
    "RESIZE_BILINEAR": _resize(ResizeBilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resize(ResizeNearestNeighbor),
    "SLICE": slice_,
    "SOFTMAX": softmax,
    "SUB": _binary(Sub),
    "TANH": lambda task: Tanh(task.out),
    "TRANSPOSE": transpose,
    "TFLite_Detection_PostProcess": detection_post_process,
}
