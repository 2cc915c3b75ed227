"""Products of dynamically quantised floats become hybrid products, which quantise what they read themselves.

    q, s, z = DynamicQuantize(x);  y = Cast(IntegerConv(q, w, z)) * (s * t)

is a Conv2d of x with the weights w at scale t, and has the same bits: the sums are the same integers, and
become floats by the same float32 operations. So too IntegerMatMul with constant weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.dynamic import DynamicQuantize, IntegerConv, IntegerMatMul
from edgerun.ir.elementwise import Mul
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import NO_CLAMP
from edgerun.ir.quantize import Cast
from edgerun.ir.shape import Reshape, Transpose
from edgerun.ir.sums import MAX_HYBRID_DEPTH
from edgerun.ir.types import FLOAT32, INT8, UINT8, Array, Element, Quantization, TensorType
from edgerun.passes.rewrite import remove_dead

Scales = npt.NDArray[np.float32]
_FLOAT = Element(FLOAT32)
_MAX_TAPS = (1 << 24) // (255 * 255)  # depthwise sums of quanta without their zero points, exact in float32


def fuse_dynamic(graph: Graph) -> None:
    """Fuses every occurrence whose weights and their scales and zero points are constant."""
    producers, uses = graph.producers(), graph.uses()
    results = set(graph.results())

    def only_reader(value: Value) -> Node | None:
        readers = uses.get(value, [])
        return readers[0] if len(readers) == 1 and value not in results else None

    made: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        if not isinstance(node.op, IntegerConv | IntegerMatMul):
            continue
        # Back to the quantisation, and on to the product with the scales, past what only moves elements.
        before, value = [], node.inputs[0]
        while value in producers and isinstance(producers[value].op, Transpose | Reshape):
            before.append(producers[value])
            value = producers[value].inputs[0]
        quantize = producers.get(value) if value is not None else None
        behind, reader = [], only_reader(node.outputs[0])
        while reader is not None and isinstance(reader.op, Transpose | Reshape | Cast):
            behind.append(reader)
            reader = only_reader(reader.outputs[0])
        if quantize is None or not isinstance(quantize.op, DynamicQuantize) or reader is None:
            continue
        casts = [n.op.dtype for n in behind if isinstance(n.op, Cast)]
        zero = node.inputs[2] if len(node.inputs) > 2 else None
        if value is not quantize.outputs[0] or zero is not quantize.outputs[2] or casts != [FLOAT32]:
            continue
        scale = _weight_scale(reader, behind[-1].outputs[0], quantize.outputs[1], producers)
        product = None if scale is None else _product(node, scale, reader.outputs[0].type.shape)
        if product is None:
            continue
        op, weights = product
        x = quantize.inputs[0]
        assert x is not None
        chain: list[Node] = []
        moves = [(n.op, n.index) for n in reversed(before)] + [(op, node.index)]
        moves += [(n.op, n.index) for n in behind if not isinstance(n.op, Cast)]
        for step, index in moves:
            inputs: list[Value | None] = [x, weights] if step is op else [x]
            (kind,) = step.infer(*(v.type for v in inputs if v is not None))
            x = Value(f"{reader.outputs[0].name}/{len(chain)}", kind)
            chain.append(Node(step, inputs, [x], index))
        if x.type != reader.outputs[0].type:
            continue
        chain[-1].outputs = [reader.outputs[0]]
        made[reader] = chain
    if made:
        graph.nodes = [n for node in graph.nodes for n in made.get(node, [node])]
        remove_dead(graph)


def _weight_scale(mul: Node, sums: Value, x_scale: Value, producers: dict[Value, Node]) -> Array | None:
    """t where `mul` is sums * (x_scale * t), or (t * x_scale), or x_scale alone: then 1."""
    if not isinstance(mul.op, Mul) or mul.op.clamp != NO_CLAMP or mul.op.out != _FLOAT:
        return None
    scales = _other(mul, sums)
    if scales is x_scale:
        return np.ones((), np.float32)
    both = producers.get(scales) if scales is not None else None
    if both is not None and isinstance(both.op, Reshape) and both.inputs[0] in producers:
        both = producers[both.inputs[0]]
    if both is None or not isinstance(both.op, Mul) or both.op.clamp != NO_CLAMP:
        return None
    scale = _other(both, x_scale)
    return None if scale is None or scale.type.dtype != FLOAT32 else scale.data


def _other(node: Node, one: Value) -> Value | None:
    """The other operand of a product that reads `one`."""
    a, b = node.inputs
    return b if a is one else a if b is one else None


def _product(
    node: Node, scale: Array, shape: tuple[int, ...]
) -> tuple[Conv2d | DepthwiseConv2d | FullyConnected, Value] | None:
    """The hybrid operator, and its weights with their meaning. `scale` broadcasts with `shape`."""
    w = node.inputs[1]
    zero = node.inputs[3] if len(node.inputs) > 3 else None
    if w is None or w.data is None or (zero is not None and zero.data is None):
        return None
    op = node.op
    assert isinstance(op, IntegerConv | IntegerMatMul)
    if isinstance(op, IntegerMatMul):
        if len(w.type.shape) != 2:
            return None
        values, axis = w.data.T, len(shape) - 1
    else:
        values, axis = w.data, 1
    channels, scales = values.shape[0], _along(scale, shape, axis, values.shape[0])
    meant = _signed(values, None if zero is None else zero.data)
    if scales is None or meant is None or values[0].size > MAX_HYBRID_DEPTH:
        return None
    data, w_zero = meant
    fused: Conv2d | DepthwiseConv2d | FullyConnected
    x, at = node.inputs[0], 0
    assert x is not None
    if isinstance(op, IntegerMatMul):
        fused = FullyConnected(_FLOAT, keep_dims=True, by_tensor=True)
    elif data.shape[3] == 1 and channels % x.type.shape[3] == 0 and x.type.shape[3] > 1:
        if data[0].size > _MAX_TAPS:
            return None
        conv = op.convolution()
        fused = DepthwiseConv2d(_FLOAT, conv.strides, conv.dilations, conv.padding, by_tensor=True)
        data, at = data.transpose(3, 1, 2, 0), 3
    else:
        fused = replace(op.convolution(), by_tensor=True)
    data = np.ascontiguousarray(data)
    data.setflags(write=False)
    meaning = Quantization(scales, np.full(scales.shape, w_zero, np.int32), at)
    return fused, Value(f"{w.name}/{node.outputs[0].name}", TensorType(data.shape, INT8, meaning), data=data)


def _signed(w: Array, zero: Array | None) -> tuple[Array, int] | None:
    """int8 weights and the zero point of all of them; None where there is none for all."""
    zeros = np.zeros(1, np.int16) if zero is None else zero.reshape(-1).astype(np.int16)
    centred = w.astype(np.int16) - zeros.reshape(-1, *(1,) * (w.ndim - 1))
    if centred.min() >= -128 and centred.max() <= 127:
        return centred.astype(np.int8), 0
    if np.unique(zeros).size > 1 or w[0].size > MAX_HYBRID_DEPTH // 2:
        return None
    shift = 128 if w.dtype == UINT8 else 0
    return (w.astype(np.int16) - shift).astype(np.int8), int(zeros[0]) - shift


def _along(scale: Array, shape: tuple[int, ...], axis: int, channels: int) -> Scales | None:
    """The scales as one number, or one per channel along `axis`; None where they are neither."""
    scales: Scales = scale.astype(np.float32)
    if scale.size == 1:
        return scales.reshape(1)
    padded = (1,) * (len(shape) - scale.ndim) + scale.shape
    fits = len(padded) == len(shape) and shape[axis] == channels == scale.size == padded[axis]
    return scales.reshape(-1) if fits else None
