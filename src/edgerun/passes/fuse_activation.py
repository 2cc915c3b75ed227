"""A RELU behind an operator that clamps its result anyway becomes part of that clamp."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgerun.ir.conv import Conv2d, DepthwiseConv2d, FullyConnected
from edgerun.ir.elementwise import Add, Clip, Mul, Sub
from edgerun.ir.graph import Graph, Node
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.op import clamp_range
from edgerun.ir.pool import AveragePool2d, MaxPool2d
from edgerun.ir.transpose_conv import TransposeConv
from edgerun.ir.types import FLOAT32
from edgerun.passes.rewrite import rewrite_pairs

_CLAMPING = (
    Conv2d,
    DepthwiseConv2d,
    TransposeConv,
    FullyConnected,
    BatchMatMul,
    Add,
    Sub,
    Mul,
    AveragePool2d,
    MaxPool2d,
)


def fuse_activation(graph: Graph) -> None:
    """Merges Clip into its producer where both have one quantisation and the bits stay the same."""

    def merge(first: Node, second: Node) -> bool:
        clip, op = second.op, first.op
        if not isinstance(clip, Clip) or not isinstance(op, _CLAMPING) or clip.out != op.out:
            return False
        if op.out.dtype != FLOAT32 and not second.types()[0].is_8bit:
            return False
        clamp = max(op.clamp[0], clip.clamp[0]), min(op.clamp[1], clip.clamp[1])
        if clamp[0] > clamp[1]:
            return False
        merged = replace(op, clamp=clamp)
        if op.out.dtype == FLOAT32:
            second.op, second.inputs = merged, first.inputs
            return True
        # Rounding of the limits could differ in ties: the table of the clip has the last word.
        low, high = clamp_range(op.out, op.clamp)
        quanta = np.arange(low, high + 1)
        table = clip.table(op.out)[quanta.astype(op.out.dtype).view(np.uint8)]
        if not np.array_equal(table, np.clip(quanta, *clamp_range(op.out, clamp))):
            return False
        second.op, second.inputs = merged, first.inputs
        return True

    rewrite_pairs(graph, merge)
