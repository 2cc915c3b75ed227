"""Convolutions and the fully connected layer: the verbs conv and dwconv, in their integer, float (conv_f32,
dwconv_f32) and hybrid forms (quantize_dynamic before conv_hybrid, dwconv_hybrid)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import output_multiplier, quantization_of
from edgerun.ir.sums import SumOfProducts, is_hybrid
from edgerun.ir.types import FLOAT32, INT8, INT32, Array, Quantization, TensorType
from edgerun.plan.lower.lowering import (
    Lowering,
    clamp_attributes,
    constant,
    has_computed_integers,
    lowers,
)
from edgerun.plan.plan import Attribute, Quantum, Weights

Window = Mapping[str, Attribute]
POINT: Window = {"kernel": (1, 1), "strides": (1, 1), "dilations": (1, 1), "padding": (0, 0)}


def window_of(op: Conv2d | DepthwiseConv2d, kernel: tuple[int, int]) -> Window:
    return {
        "kernel": kernel,
        "strides": op.strides,
        "dilations": op.dilations,
        "padding": op.padding[:2],
    }


def convolve(
    lo: Lowering,
    node: Node,
    verb: str,
    x: tuple[int, ...],
    y: int,
    window: Window,
    shape: tuple[int, ...],
) -> None:
    """The step for the NHWC tensors that read_by() made, and y: `verb` is conv, with weights of `shape`
    [outputs, depth], or dwconv, with [height, width, channels]."""
    op = node.op
    assert isinstance(op, SumOfProducts)
    kinds = node.types()
    depth = shape[1] if verb == "conv" else shape[0] * shape[1]
    macs = math.prod(lo.shape(y)) * depth
    attributes: dict[str, Attribute]
    if kinds[0].is_8bit:
        n = shape[0] if verb == "conv" else shape[2]
        m = output_multiplier(
            quantization_of(kinds[0]), quantization_of(kinds[1]), quantization_of(op.out)
        )
        attributes = {
            **window,
            "input_zero_point": Quantum(quantization_of(kinds[0]).zero, x[0]),
            "multiplier": np.ascontiguousarray(np.broadcast_to(m, n)),
            **clamp_attributes(op.out, op.clamp, y),
        }
        lo.step(verb, x, (y,), attributes, weights=_weights(node, verb, shape), macs=macs)
        return
    attributes = {**window, "out_min": op.clamp[0], "out_max": op.clamp[1]}
    if is_hybrid(kinds[0], kinds[1]):
        scales = np.broadcast_to(quantization_of(kinds[1]).scale, lo.shape(y)[3])
        attributes["weight_scale"] = np.ascontiguousarray(scales)
        attributes["scales_in_turn"] = int(op.scales_in_turn)
        weights = _weights(node, verb, shape)
        lo.step(f"{verb}_hybrid", x, (y,), attributes, weights=weights, macs=macs)
    else:
        operands = [v for v in node.inputs[1:] if v is not None]
        if all(v.data is not None for v in operands):
            weights = _weights(node, verb, shape)
            lo.step(f"{verb}_f32", x, (y,), attributes, weights=weights, macs=macs)
        else:
            inputs = (*x, *_operands_of_the_run(lo, node, verb, shape))
            lo.step(f"{verb}_f32", inputs, (y,), attributes, macs=macs)


def _weights(node: Node, verb: str, shape: tuple[int, ...]) -> Weights:
    """The constant weights in `shape`, whose values are in this order already or, where a depthwise
    convolution is an ordinary one, in the transposed one."""
    w, kind = constant(node, 1), node.types()[1]
    n = shape[0] if verb == "conv" else shape[2]
    if verb == "conv" and isinstance(node.op, DepthwiseConv2d):
        values = np.ascontiguousarray(w.reshape(shape[1], n).T)
    else:
        values = w.reshape(shape)
    zero = np.zeros(1, np.int32) if kind.quantization is None else kind.quantization.zero_point
    return Weights(values, zero, _bias(node, n))


def _bias(node: Node, n: int) -> Array:
    dtype = INT32 if node.types()[0].is_8bit else FLOAT32
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return np.zeros(n, dtype)
    return constant(node, 2).reshape(-1).astype(dtype, copy=False)


def _operands_of_the_run(
    lo: Lowering, node: Node, verb: str, shape: tuple[int, ...]
) -> tuple[int, int]:
    """Weights and bias as tensors of their own, which nothing else can move."""
    kind, made = node.types()[1], []
    w = lo.tensor(node.inputs[1])
    if verb == "conv" and isinstance(node.op, DepthwiseConv2d):
        turned = lo.temporary(w, shape)
        flat = lo.reshaped(w, (shape[1], shape[0]))
        lo.copy(flat, turned, shape, source_dims=(1, 0))
        made.append(turned)
    else:
        made.append(_own_copy(lo, w))
    if len(node.inputs) < 3 or node.inputs[2] is None:
        n = shape[0] if verb == "conv" else shape[2]
        kind = TensorType((n,), FLOAT32)
        made.append(lo.layout.new("no bias", kind, data=np.zeros(n, np.float32)))
    else:
        made.append(_own_copy(lo, lo.tensor(node.inputs[2])))
    return made[0], made[1]


def _own_copy(lo: Lowering, i: int) -> int:
    if lo.layout.tensors[i].data is not None:
        return i
    copied = lo.temporary(i, lo.shape(i))
    lo.copy(i, copied, lo.shape(i))
    return copied


def read_by(lo: Lowering, node: Node, verb: str, x: int) -> tuple[int, ...]:
    """What convolve() reads of x: itself, or its quanta with their scales and zero points."""
    op = node.op
    assert isinstance(op, SumOfProducts)
    if not is_hybrid(*node.types()[:2]):
        return (x,)
    key = (x, verb, op.asymmetric, op.by_tensor)
    if key not in lo.quantised:
        lo.quantised[key] = _quantise(lo, op, verb, x)
    return lo.quantised[key]


def _quantise(lo: Lowering, op: SumOfProducts, verb: str, x: int) -> tuple[int, ...]:
    name, n = lo.layout.tensors[x].name, lo.shape(x)[0]
    # Depthwise sums fit float32 exactly: their quanta are kept as floats, without the zero point.
    dtype = INT8 if verb == "conv" else FLOAT32
    q = lo.layout.new(f"{name}/quantized", TensorType(lo.shape(x), dtype))
    scale = lo.layout.new(f"{name}/scale", TensorType((n,), FLOAT32))
    zero = lo.layout.new(f"{name}/zero", TensorType((n,), INT32))
    scheme = 2 if op.by_tensor else int(op.asymmetric)
    lo.step("quantize_dynamic", (x,), (q, scale, zero), {"scheme": scheme})
    return (q, scale, zero) if verb == "conv" else (q, scale)


@lowers(Conv2d)
def _conv2d(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, Conv2d)
    if has_computed_integers(node):
        lo.host(node)
        return
    n, *kernel, c = node.types()[1].shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    window = window_of(op, (kernel[0], kernel[1]))
    groups = lo.shape(x)[3] // c
    shape = (n // groups, math.prod(kernel) * c)
    read = read_by(lo, node, "conv", x)
    if groups == 1:
        convolve(lo, node, "conv", read, y, window, shape)
        return
    for group in range(groups):
        mine = _channels(lo, read[0], group * c, c), *read[1:]
        part = _channels(lo, y, group * shape[0], shape[0])
        convolve(lo, _group(node, group, groups), "conv", mine, part, window, shape)


def _channels(lo: Lowering, i: int, first: int, count: int) -> int:
    """So many channels of the NHWC tensor i, where they lie."""
    t = lo.layout.tensors[i]
    part = lo.layout.new(t.name, t.type.with_shape((*t.type.shape[:3], count)))
    inside = lo.layout.part(part, i, (0, 0, 0, first))
    assert inside
    return part


def _group(node: Node, group: int, groups: int) -> Node:
    """The node with the weights and the bias of one of its groups."""
    operands: list[Value | None] = [node.inputs[0]]
    for i, value in enumerate(node.inputs[1:], start=1):
        if value is None:
            operands.append(None)
            continue
        data = np.split(constant(node, i), groups)[group]
        q = value.type.quantization
        if q is not None and not q.per_tensor:
            zeros, scales = np.split(q.zero_point, groups), np.split(q.scale, groups)
            q = Quantization(scales[group], zeros[group], q.axis)
        operands.append(Value(value.name, TensorType(data.shape, value.type.dtype, q), data=data))
    return Node(node.op, operands, node.outputs)


@lowers(DepthwiseConv2d)
def _depthwise(lo: Lowering, node: Node) -> None:
    op = node.op
    assert isinstance(op, DepthwiseConv2d)
    if has_computed_integers(node):
        lo.host(node)
        return
    _, h, w, channels = node.types()[1].shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    in_channels = lo.shape(x)[3]
    if in_channels == 1:
        # Every output reads the one input channel: an ordinary convolution.
        read = read_by(lo, node, "conv", x)
        convolve(lo, node, "conv", read, y, window_of(op, (h, w)), (channels, h * w))
        return
    if in_channels != channels:
        x = _repeat_channels(lo, x, channels // in_channels)
    read = read_by(lo, node, "dwconv", x)
    convolve(lo, node, "dwconv", read, y, window_of(op, (h, w)), (h, w, channels))


def _repeat_channels(lo: Lowering, x: int, times: int) -> int:
    """Each channel `times` times in a row, as a depth multiplier reads them."""
    n, h, w, c = lo.shape(x)
    wide = lo.temporary(x, (n * h * w, c, times))
    flat = lo.reshaped(x, (n * h * w, c, 1))
    lo.copy(flat, wide, (n * h * w, c, times), source_dims=(0, 1, 2), source_steps=(1, 1, 0))
    return lo.reshaped(wide, (n, h, w, c * times))


@lowers(FullyConnected)
def _fully_connected(lo: Lowering, node: Node) -> None:
    if has_computed_integers(node):
        lo.host(node)
        return
    n, k = node.types()[1].shape
    x, y = lo.tensor(node.inputs[0]), lo.tensor(node.outputs[0])
    if n == 0:
        return  # nothing to write
    rows = math.prod(lo.shape(y)) // n
    read = read_by(lo, node, "conv", lo.reshaped(x, (rows, 1, 1, k)))
    convolve(lo, node, "conv", read, lo.reshaped(y, (rows, 1, 1, n)), POINT, (n, k))
