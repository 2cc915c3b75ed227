"""A product or sum with one constant per channel behind a convolution of floats becomes part of it.

That is what is left of a batch normalisation: y * factor + shift.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.elementwise import Add, Mul
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import NO_CLAMP
from edgerun.ir.types import FLOAT32, TensorType
from edgerun.passes.rewrite import rewrite_pairs

Reals = npt.NDArray[np.float64]


def fold_affine(graph: Graph) -> None:
    """Merges Mul and Add with constants into the convolution whose result they alone read."""

    def merge(first: Node, second: Node) -> bool:
        conv, op = first.op, second.op
        if not isinstance(conv, Conv2d | DepthwiseConv2d | FullyConnected) or conv.clamp != NO_CLAMP:
            return False
        if not isinstance(op, Add | Mul) or second.outputs[0].type != first.outputs[0].type:
            return False
        w = first.inputs[1]
        bias = first.inputs[2] if len(first.inputs) > 2 else None
        constants = [v for v in (w, bias) if v is not None]
        if w is None or any(v.data is None for v in constants):
            return False
        # Behind the integer sums of a hybrid product only the bias comes last, as the sum does.
        alone = conv.by_tensor and bias is None and isinstance(op, Add)
        if not alone and any(v.type.dtype != FLOAT32 for v in constants):
            return False
        channels = first.outputs[0].type.shape[-1]
        other = second.inputs[0] if second.inputs[1] is first.outputs[0] else second.inputs[1]
        by = _per_channel(other, channels)
        if by is None or w.data is None:
            return False
        weights = w
        shift = np.zeros(channels) if bias is None else _real(bias).reshape(-1)
        if isinstance(op, Mul):
            # The output channels are the last dimension of depthwise weights and else the first.
            last = isinstance(conv, DepthwiseConv2d)
            factor = by if last else by.reshape(-1, *(1,) * (w.data.ndim - 1))
            weights = _constant(f"{w.name}/scaled", _real(w) * factor)
            shift = shift * by
        else:
            shift = shift + by
        second.inputs = [first.inputs[0], weights, _constant(f"{second.outputs[0].name}/bias", shift)]
        second.op = replace(conv, clamp=op.clamp)
        return True

    rewrite_pairs(graph, merge)


def _per_channel(value: Value | None, channels: int) -> Reals | None:
    """A constant that is one number per channel, or one for all; None for anything else."""
    if value is None or value.data is None or value.type.dtype != FLOAT32:
        return None
    if value.data.size == 1:
        return np.full(channels, _real(value).reshape(()))
    if value.data.size != channels or value.type.shape[-1:] != (channels,):
        return None
    return _real(value).reshape(-1)


def _real(value: Value) -> Reals:
    assert value.data is not None
    return value.data.astype(np.float64)


def _constant(name: str, real: Reals) -> Value:
    data = real.astype(np.float32)
    data.setflags(write=False)
    return Value(name, TensorType(data.shape, FLOAT32), data=data)
