"""Lowering: each operator of the graph becomes steps of the engine's verbs, or an alias, or a host step.

LOWERINGS has one entry per operator class. An operator without one runs in Python through its eval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from edgerun.errors import UnsupportedOperatorError
from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.detection import DetectionPostProcess
from edgerun.ir.elementwise import Add, Mul, Softmax, Sub, Table, Unary
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import NO_CLAMP, Clamp, Op, clamp_range, output_multiplier, quantization_of
from edgerun.ir.pool import AveragePool2d, MaxPool2d, Mean
from edgerun.ir.quantize import Dequantize, Quantize
from edgerun.ir.resize import ResizeBilinear, ResizeNearestNeighbor
from edgerun.ir.shape import Concat, Pad, Reshape, Slice, Transpose
from edgerun.ir.types import INT8, Array, Element, Shape
from edgerun.plan.layout import Layout
from edgerun.plan.plan import Attribute, ByteTable, Plan, Quantum, Step, Weights


def lower(graph: Graph) -> Plan:
    """The plan of a graph."""
    return _Lowering(graph).plan()


class _Lowering:
    """The state of one lowering: the tensors of values, and the steps so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layout = Layout()
        self.steps: list[Step] = []
        self._ids: dict[Value, int] = {}
        self._node: Node | None = None

    def plan(self) -> Plan:
        inputs = [self._value(v, external=True) for v in self.graph.inputs]
        outputs, copies = [], []
        for value in self.graph.outputs:
            if value in self._ids or value.data is not None:
                # An output that is an input, a constant or another output is copied.
                made = self.layout.new(value.name, value.type, external=True)
                copies.append((value, made))
                outputs.append(made)
            else:
                outputs.append(self._value(value, external=True))
        for node in self.graph.nodes:
            self._node = node
            lowering = _lowering_of(type(node.op))
            if lowering is None:
                self._host(node)
            else:
                lowering(self, node)
        for value, made in copies:
            self.copy(self.tensor(value), made, value.type.shape)
        values = {v.name: i for v, i in self._ids.items()}
        return Plan(self.graph.name, self.layout.tensors, self.steps, inputs, outputs, values)

    # -- tensors --

    def _value(self, value: Value, external: bool = False) -> int:
        self._ids[value] = self.layout.new(value.name, value.type, external=external)
        return self._ids[value]

    def tensor(self, value: Value | None) -> int:
        """The tensor of a value, made when first asked for."""
        assert value is not None
        if value not in self._ids:
            self._ids[value] = self.layout.new(value.name, value.type, data=value.data)
        return self._ids[value]

    def shape(self, i: int) -> Shape:
        return self.layout.tensors[i].type.shape

    def temporary(self, like: int, shape: Shape) -> int:
        """A new tensor with the element type of `like`."""
        t = self.layout.tensors[like]
        return self.layout.new(f"{t.name}/{len(self.layout.tensors)}", t.type.with_shape(shape))

    def reshaped(self, i: int, shape: Shape) -> int:
        """Tensor i in another shape: a view, or a view of a contiguous copy."""
        view = self.layout.view(i, shape)
        if view is None:
            packed = self.temporary(i, self.shape(i))
            self.copy(i, packed, self.shape(i))
            view = self.layout.view(packed, shape)
            assert view is not None
        return view

    # -- steps --

    def step(
        self,
        verb: str,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        attributes: Mapping[str, Attribute],
        *,
        weights: Weights | None = None,
        macs: int = 0,
        op: Op | None = None,
    ) -> None:
        operator = "Copy" if self._node is None else self._node.op.name
        name = self.layout.tensors[outputs[0]].name
        self.steps.append(Step(verb, operator, name, inputs, outputs, attributes, weights, macs, op))

    def copy(
        self,
        source: int,
        target: int,
        shape: Shape,
        *,
        source_start: Shape = (),
        target_start: Shape = (),
        source_steps: tuple[int, ...] = (),
        source_dims: tuple[int, ...] = (),
        fill: Quantum | int | None = None,
    ) -> None:
        """Copies a box: loop dimension i walks dimension source_dims[i] of the source in steps of
        source_steps[i], and dimension i of the target; the target's rest is `fill`, when given."""
        rank = len(shape)
        dims = source_dims or tuple(range(rank))
        steps = source_steps or (1,) * rank
        in_rows, in_channels = _strides(self.shape(source))
        out_rows, out_channels = _strides(self.shape(target))
        attributes: dict[str, Attribute] = {
            "shape": shape,
            "input_row_steps": tuple(in_rows[d] * s for d, s in zip(dims, steps, strict=True)),
            "input_channel_steps": tuple(in_channels[d] * s for d, s in zip(dims, steps, strict=True)),
            "output_row_steps": out_rows,
            "output_channel_steps": out_channels,
            "input_start": _dot(source_start, in_rows, in_channels),
            "output_start": _dot(target_start, out_rows, out_channels),
        }
        if fill is not None:
            attributes["fill"] = fill
        self.step("copy", (source,), (target,), attributes)

    def _host(self, node: Node) -> None:
        inputs = tuple(self.tensor(v) for v in node.inputs if v is not None)
        outputs = tuple(self.tensor(v) for v in node.outputs)
        self.step("host", inputs, outputs, {}, op=node.op)


Lower = Callable[[_Lowering, Node], None]
LOWERINGS: dict[type[Op], Lower] = {}
_F = TypeVar("_F", bound=Lower)


def _lowers(*ops: type[Op]) -> Callable[[_F], _F]:
    def register(function: _F) -> _F:
        LOWERINGS.update(dict.fromkeys(ops, function))
        return function

    return register


def _lowering_of(op: type[Op]) -> Lower | None:
    return next((LOWERINGS[base] for base in op.__mro__ if base in LOWERINGS), None)


def _strides(shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How far one step in each dimension goes, in rows and in channels."""
    rank = len(shape)
    rows = tuple(math.prod(shape[i + 1 : rank - 1]) if i < rank - 1 else 0 for i in range(rank))
    return rows, tuple(int(i == rank - 1) for i in range(rank))


def _dot(start: Shape, rows: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int]:
    index = start or (0,) * len(rows)
    return (
        sum(i * r for i, r in zip(index, rows, strict=True)),
        sum(i * c for i, c in zip(index, channels, strict=True)),
    )


def _range(element: Element, clamp: Clamp, tensor: int) -> dict[str, Attribute]:
    low, high = clamp_range(element, clamp)
    return {
        "out_min": Quantum(low, tensor),
        "out_max": Quantum(high, tensor),
        "out_zero_point": Quantum(quantization_of(element).zero, tensor),
    }


def _weights(node: Node, values: Array, channels: int) -> Weights:
    bias = node.inputs[2].data if len(node.inputs) > 2 and node.inputs[2] is not None else None
    w = node.inputs[1]
    assert w is not None
    return Weights(
        values,
        quantization_of(w.type).zero_point,
        np.zeros(channels, np.int32) if bias is None else bias.reshape(-1).astype(np.int32, copy=False),
    )


def _multipliers(node: Node, out: Element, channels: int) -> Array:
    x, w = node.types()[:2]
    m = output_multiplier(quantization_of(x), quantization_of(w), quantization_of(out))
    return np.ascontiguousarray(np.broadcast_to(m, channels))


def _constant(node: Node, i: int) -> Array:
    value = node.inputs[i]
    if value is None or value.data is None:
        raise UnsupportedOperatorError(f"{node.op.name} with weights computed at run time.")
    return value.data


def _convolve(
    lo: _Lowering,
    verb: str,
    x: int,
    y: int,
    op: Conv2d | DepthwiseConv2d | FullyConnected,
    multiplier: Array,
    weights: Weights,
    kernel: tuple[int, int],
) -> None:
    window: dict[str, Attribute] = {
        "kernel": kernel,
        "strides": (1, 1),
        "dilations": (1, 1),
        "padding": (0, 0),
    }
    if not isinstance(op, FullyConnected):
        window |= {"strides": op.strides, "dilations": op.dilations, "padding": op.padding[:2]}
    zero = quantization_of(lo.layout.tensors[x].type).zero
    size = math.prod(lo.shape(y))
    depth = weights.values.shape[1] if verb == "conv" else kernel[0] * kernel[1]
    lo.step(
        verb,
        (x,),
        (y,),
        {
            **window,
            "input_zero_point": Quantum(zero, x),
            "multiplier": multiplier,
            **_range(op.out, op.clamp, y),
        },
        weights=weights,
        macs=size * depth,
    )


@_lowers(Conv2d)
def _conv2d(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Conv2d)
    w = _constant(node, 1)
    n = w.shape[0]
    weights = _weights(node, w.reshape(n, -1), n)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    _convolve(lo, "conv", x, y, op, _multipliers(node, op.out, n), weights, (w.shape[1], w.shape[2]))


@_lowers(DepthwiseConv2d)
def _depthwise(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, DepthwiseConv2d)
    w = _constant(node, 1)
    _, kernel_h, kernel_w, channels = w.shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    multiplier = _multipliers(node, op.out, channels)
    in_channels = lo.shape(x)[3]
    if in_channels == 1:
        # Every output reads the one input channel: an ordinary convolution.
        flat = np.ascontiguousarray(w.reshape(kernel_h * kernel_w, channels).T)
        weights = _weights(node, flat, channels)
        _convolve(lo, "conv", x, y, op, multiplier, weights, (kernel_h, kernel_w))
        return
    if in_channels != channels:
        x = _repeat_channels(lo, x, channels // in_channels)
    weights = _weights(node, w.reshape(kernel_h, kernel_w, channels), channels)
    _convolve(lo, "dwconv", x, y, op, multiplier, weights, (kernel_h, kernel_w))


def _repeat_channels(lo: _Lowering, x: int, times: int) -> int:
    """Each channel `times` times in a row, as a depth multiplier reads them."""
    n, h, w, c = lo.shape(x)
    wide = lo.temporary(x, (n * h * w, c, times))
    flat = lo.reshaped(x, (n * h * w, c, 1))
    lo.copy(flat, wide, (n * h * w, c, times), source_dims=(0, 1, 2), source_steps=(1, 1, 0))
    return lo.reshaped(wide, (n, h, w, c * times))


@_lowers(FullyConnected)
def _fully_connected(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, FullyConnected)
    w = _constant(node, 1)
    n, k = w.shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    rows = math.prod(lo.shape(y)) // n
    _convolve(
        lo,
        "conv",
        lo.reshaped(x, (rows, 1, 1, k)),
        lo.reshaped(y, (rows, 1, 1, n)),
        op,
        _multipliers(node, op.out, n),
        _weights(node, w, n),
        (1, 1),
    )


@_lowers(Add, Sub, Mul)
def _binary(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Add | Sub | Mul)
    a, b = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[1])
    y = lo.tensor(node.outputs[0])
    qa, qb = (quantization_of(t) for t in node.types())
    attributes: dict[str, Attribute] = {
        "kind": op.name.lower(),
        "a_zero_point": Quantum(qa.zero, a),
        "b_zero_point": Quantum(qb.zero, b),
    }
    if isinstance(op, Mul):
        attributes["a_multiplier"] = float(output_multiplier(qa, qb, quantization_of(op.out))[0])
    else:
        ma, mb = op.multipliers(qa, qb)
        attributes |= {"a_multiplier": float(ma), "b_multiplier": float(mb)}
    lo.step("binary", (a, b), (y,), {**attributes, **_range(op.out, op.clamp, y)})


@_lowers(MaxPool2d, AveragePool2d)
def _pool(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, MaxPool2d | AveragePool2d)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    window: dict[str, Attribute] = {
        "kernel": op.kernel,
        "strides": op.strides,
        "padding": op.padding[:2],
    }
    if isinstance(op, MaxPool2d):
        low, high = clamp_range(op.out, op.clamp)
        limits = {"out_min": Quantum(low, y), "out_max": Quantum(high, y)}
        lo.step("pool", (x,), (y,), {"kind": "max", **window, **limits})
    else:
        _average(lo, x, y, window, op.out, op.clamp)


def _average(
    lo: _Lowering, x: int, y: int, window: Mapping[str, Attribute], out: Element, clamp: Clamp
) -> None:
    q = quantization_of(lo.layout.tensors[x].type)
    attributes: dict[str, Attribute] = {
        "kind": "average",
        **window,
        "zero_point": Quantum(q.zero, x),
        "multiplier": q.step / quantization_of(out).step,
        **_range(out, clamp, y),
    }
    lo.step("pool", (x,), (y,), attributes)


@_lowers(Mean)
def _mean(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Mean)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    shape = lo.shape(x)
    axes = op.axes or (0,)
    if not op.axes or axes != tuple(range(axes[0], axes[-1] + 1)):
        # Axes that do not follow each other are brought to the end first.
        perm = tuple(i for i in range(len(shape)) if i not in op.axes) + op.axes
        moved = lo.temporary(x, tuple(shape[p] for p in perm))
        lo.copy(x, moved, lo.shape(moved), source_dims=perm)
        x, shape = moved, lo.shape(moved)
        axes = tuple(range(len(shape) - len(op.axes), len(shape)))
    first, last = (axes[0], axes[-1] + 1) if op.axes else (len(shape), len(shape))
    outer, taps, inner = (math.prod(s) for s in (shape[:first], shape[first:last], shape[last:]))
    window: dict[str, Attribute] = {"kernel": (taps, 1), "strides": (1, 1), "padding": (0, 0)}
    x = lo.reshaped(x, (outer, taps, 1, inner))
    _average(lo, x, lo.reshaped(y, (outer, 1, 1, inner)), window, op.out, NO_CLAMP)


@_lowers(Unary, Table)
def _table(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Unary | Table)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    entries = op.table(node.types()[0].element).view(np.uint8)
    lo.step("table", (x,), (y,), {"table": ByteTable(entries, x, y)})


@_lowers(Softmax)
def _softmax(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Softmax)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    attributes: dict[str, Attribute] = {
        "table": op.table(quantization_of(node.types()[0])),
        "out_inverse_scale": 1.0 / quantization_of(op.out).step,
        **_range(op.out, NO_CLAMP, y),
    }
    lo.step("softmax", (x,), (y,), attributes)


@_lowers(Reshape)
def _reshape(lo: _Lowering, node: Node) -> None:
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if not lo.layout.alias(y, x):
        lo.copy(x, lo.reshaped(y, lo.shape(x)), lo.shape(x))


@_lowers(Concat)
def _concat(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Concat)
    y = lo.tensor(node.outputs[0])
    at = 0
    for value in node.inputs:
        x = lo.tensor(value)
        start = tuple(at if i == op.axis else 0 for i in range(len(lo.shape(y))))
        if not lo.layout.inside(x, y, start):
            lo.copy(x, y, lo.shape(x), target_start=start)
        at += lo.shape(x)[op.axis]


@_lowers(Slice)
def _slice(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Slice)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if set(op.steps) != {1} or not lo.layout.part(y, x, op.starts):
        lo.copy(x, y, op.sizes, source_start=op.starts, source_steps=op.steps)


@_lowers(Transpose)
def _transpose(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Transpose)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    lo.copy(x, y, lo.shape(y), source_dims=op.perm)


@_lowers(Pad)
def _pad(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Pad)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    fill: Quantum | int = Quantum(op.fill, y) if node.types()[0].is_8bit else op.fill
    lo.copy(x, y, lo.shape(x), target_start=op.before, fill=fill)


@_lowers(Quantize)
def _quantize(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Quantize)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    scale = quantization_of(op.out).step
    lo.step("quantize", (x,), (y,), {"scale": scale, **_range(op.out, NO_CLAMP, y)})


@_lowers(Dequantize)
def _dequantize(lo: _Lowering, node: Node) -> None:
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    q = quantization_of(node.types()[0])
    lo.step("dequantize", (x,), (y,), {"scale": q.step, "zero_point": Quantum(q.zero, x)})


@_lowers(ResizeBilinear, ResizeNearestNeighbor)
def _resize(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, ResizeBilinear | ResizeNearestNeighbor)
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    kind = "nearest"
    if isinstance(op, ResizeBilinear):
        kind = "bilinear_q10" if node.types()[0].dtype == INT8 else "bilinear"
    attributes: dict[str, Attribute] = {
        "kind": kind,
        "align_corners": int(op.align_corners),
        "half_pixel_centers": int(op.half_pixel_centers),
    }
    lo.step("resize", (x,), (y,), attributes)


@_lowers(DetectionPostProcess)
def _detection(lo: _Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, DetectionPostProcess)
    boxes, scores = lo.tensor(node.inputs[0]), lo.tensor(node.inputs[1])
    attributes: dict[str, Attribute] = {
        "anchors": op.real(_constant(node, 2), node.types()[2]),
        "max_detections": op.max_detections,
        "max_classes_per_detection": op.max_classes_per_detection,
        "detections_per_class": op.detections_per_class,
        "num_classes": op.num_classes,
        "use_regular_nms": int(op.regular_nms),
        "nms_score_threshold": op.score_threshold,
        "nms_iou_threshold": op.iou_threshold,
        **dict(zip(("y_scale", "x_scale", "h_scale", "w_scale"), map(float, op.scales), strict=True)),
    }
    for name, tensor, kind in zip(("box", "score"), (boxes, scores), node.types(), strict=False):
        q = kind.quantization
        attributes[f"{name}_scale"] = 1.0 if q is None else q.step
        attributes[f"{name}_zero_point"] = 0 if q is None else Quantum(q.zero, tensor)
    lo.step("detection_postprocess", (boxes, scores), tuple(map(lo.tensor, node.outputs)), attributes)
