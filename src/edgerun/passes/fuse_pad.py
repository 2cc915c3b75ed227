"""A PAD with the real value 0 in front of a convolution becomes padding of the convolution."""

from __future__ import annotations

from dataclasses import replace

from edgerun.ir.conv import Conv2d, DepthwiseConv2d
from edgerun.ir.graph import Graph
from edgerun.ir.shape import Pad
from edgerun.passes.rewrite import remove_dead


def fuse_pad(graph: Graph) -> None:
    """Each convolution that reads a padded tensor pads for itself; the PAD goes when nobody reads it."""
    producers = graph.producers()
    for node in graph.nodes:
        source = node.inputs[0] if node.inputs else None
        pad = producers.get(source) if source is not None else None
        if not isinstance(node.op, Conv2d | DepthwiseConv2d) or pad is None or not isinstance(pad.op, Pad):
            continue
        before, after = pad.op.before, pad.op.after
        spatial = before[0] == after[0] == before[3] == after[3] == 0
        if not spatial or not pad.op.pads_with_zero(pad.types()[0]):
            continue
        top, left, bottom, right = node.op.padding
        node.op = replace(
            node.op, padding=(top + before[1], left + before[2], bottom + after[1], right + after[2])
        )
        node.inputs[0] = pad.inputs[0]
    remove_dead(graph)
