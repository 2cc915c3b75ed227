"""A transpose that changes places with a reshape moves the same elements."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.shape import Reshape, Transpose
from edgerun.ir.types import FLOAT32, TensorType
from edgerun.passes.transposes import dimension_groups, sink_transposes


@st.composite
def cases(draw):
    """A shape, a permutation of it, and a reshape that joins neighbours and splits dimensions."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=2, max_size=5)))
    perm = tuple(draw(st.permutations(range(len(shape)))))
    result = []
    for size in (shape[p] for p in perm):
        parts = draw(st.sampled_from([(size,)] + [(d, size // d) for d in (2, 3) if size % d == 0]))
        if result and draw(st.booleans()):
            result[-1] *= parts[0]
            parts = parts[1:]
        result += parts
    back = tuple(draw(st.permutations(range(len(result)))))
    return shape, perm, tuple(result), back


@given(cases())
def test_the_elements_are_the_same(case):
    shape, perm, result, back = case
    ops = (Transpose(perm), Reshape(result), Transpose(back))
    values = [Value("x", TensorType(shape, FLOAT32))]
    for i, op in enumerate(ops):
        values.append(Value(f"v{i}", op.infer(values[-1].type)[0]))
    nodes = [Node(op, [a], [b]) for op, a, b in zip(ops, values, values[1:], strict=False)]
    graph = Graph("test", values[:1], values[-1:], nodes)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    expected = x.transpose(perm).reshape(result).transpose(back)
    sink_transposes(graph)
    graph.check()
    arrays = {values[0]: x}
    for node in graph.nodes:
        (source,) = node.inputs
        (arrays[node.outputs[0]],) = node.op.eval([source.type], arrays[source])
    np.testing.assert_array_equal(arrays[graph.outputs[0]], expected)
    moved = sum(n.outputs[0].type.size for n in graph.nodes if isinstance(n.op, Transpose))
    assert moved <= 2 * x.size


def test_a_shuffle_of_channels_is_one_transpose():
    """As channels-first models write it, between two changes of layout."""
    shape, split = (1, 5, 7, 6), (1, 2, 3, 5, 7)
    ops = (
        Transpose((0, 3, 1, 2)),
        Reshape(split),
        Transpose((0, 2, 1, 3, 4)),
        Reshape((1, 6, 5, 7)),
        Transpose((0, 2, 3, 1)),
    )
    values = [Value("x", TensorType(shape, FLOAT32))]
    for i, op in enumerate(ops):
        values.append(Value(f"v{i}", op.infer(values[-1].type)[0]))
    nodes = [Node(op, [a], [b]) for op, a, b in zip(ops, values, values[1:], strict=False)]
    graph = Graph("test", values[:1], values[-1:], nodes)
    sink_transposes(graph)
    graph.check()
    assert sum(isinstance(n.op, Transpose) for n in graph.nodes) == 1


def test_dimensions_are_grouped():
    assert dimension_groups((4, 6, 5), (2, 2, 30)) == [([0], [0, 1]), ([1, 2], [2])]
    assert dimension_groups((4, 1), (4,)) is None
    assert dimension_groups((6, 4), (4, 6)) == [([0, 1], [0, 1])]
