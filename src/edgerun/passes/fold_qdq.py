"""Folds quantise-dequantise pairs: a float operator between a Dequantize and a Quantize is an integer one.

Tools that quantise ONNX models write each tensor as Quantize, Dequantize and leave the operators on floats.
Here Quantize (with a Clip in front of it) moves up and Dequantize moves down past what only moves elements,
until they stand around the operator that computes; that operator then works on the integers. This is the one
pass that may change a bit: by at most one quantum of the float evaluation (contract 4.1.8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edgerun.errors import ModelError
from edgerun.ir.elementwise import Binary, Clip, Softmax, Unary
from edgerun.ir.gather import Gather
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import NO_CLAMP, Op, quantization_of
from edgerun.ir.pool import AveragePool2d, MaxPool2d
from edgerun.ir.quantize import Dequantize, Quantize, Requantize
from edgerun.ir.reduction import Mean, ReduceMax, ReduceMin
from edgerun.ir.resize import ResizeNearestNeighbor
from edgerun.ir.shape import Broadcast, Concat, MirrorPad, Pad, Reshape, Slice, Split, Tile, Transpose
from edgerun.ir.sums import SumOfProducts
from edgerun.ir.types import FLOAT32, INT32, Element, Quantization
from edgerun.passes.rewrite import remove_dead

# What moves elements, and gives each result the quantisation of its operand.
_MOVES = (Reshape, Transpose, Slice, Split, Tile, Broadcast, Gather, MirrorPad, ResizeNearestNeighbor)
# What computes on integers as well as on floats.
_COMPUTES = (SumOfProducts, Binary, Unary, Softmax, AveragePool2d, Mean)


def fold_qdq(graph: Graph) -> None:
    """Makes float operators between Dequantize and Quantize integer operators, in place."""
    if not any(isinstance(node.op, Quantize) for node in graph.nodes):
        return  # constants that are dequantised are floats from now on
    _move_up(graph)
    _move_down(graph)
    _fold(graph)
    remove_dead(graph)


def _reads(graph: Graph) -> Counter[Value | None]:
    reads = Counter(v for node in graph.nodes for v in node.inputs)
    reads.update(graph.results())
    return reads


def _move_up(graph: Graph) -> None:
    """Quantize and Clip go in front of what moves elements, where nobody else reads what was moved."""
    reads, producers = _reads(graph), graph.producers()
    for node in graph.nodes:
        # They change places with the node in front, which has done so already where it could.
        while _goes_up(node.op):
            source = node.inputs[0]
            before = producers.get(source) if source is not None else None
            if before is None or not _lets_pass(before) or reads[source] != 1:
                break
            (first,), (target,) = before.inputs, node.outputs
            assert first is not None
            made = Value(f"{target.name}/{node.op.name.lower()}", node.op.infer(first.type)[0])
            before.op, node.op = node.op, before.op
            before.outputs, node.inputs = [made], [made]
            reads[made], producers[made] = 1, before
            node = before


def _lets_pass(node: Node) -> bool:
    """Whether what moves elements moves all of them or, as a slice, most: the rest is quantised in vain."""
    kept = node.inputs[0] is not None and 2 * node.outputs[0].type.size >= node.inputs[0].type.size
    return isinstance(node.op, Reshape | Transpose) or (isinstance(node.op, Slice) and kept)


def _goes_up(op: Op) -> bool:
    if isinstance(op, Quantize):
        return quantization_of(op.out).per_tensor
    return isinstance(op, Clip) and op.out.dtype == FLOAT32


def _dequantized(value: Value | None, producers: dict[Value, Node]) -> Value | None:
    """The integers that a value is dequantised from."""
    node = producers.get(value) if value is not None else None
    if node is None or not isinstance(node.op, Dequantize) or node.inputs[0] is None:
        return None
    return node.inputs[0] if node.inputs[0].type.quantization is not None else None


def _move_down(graph: Graph) -> None:
    """What moves elements, or chooses among them, works on the integers; Dequantize follows it."""
    producers = graph.producers()
    nodes: list[Node] = []
    for node in graph.nodes:
        # The indices of a Gather stay what they are.
        moved_values = node.inputs[:1] if isinstance(node.op, Gather) else node.inputs
        sources = [_dequantized(v, producers) for v in moved_values]
        op = _on_integers(node.op, sources)
        if op is None:
            nodes.append(node)
            continue
        inputs = [v for v in (*sources, *node.inputs[len(sources) :]) if v is not None]
        types = op.infer(*(v.type for v in inputs))
        made = [Value(f"{v.name}/quanta", t) for v, t in zip(node.outputs, types, strict=True)]
        moved = [Node(op, list(inputs), list(made), node.index)]
        for value, target in zip(made, node.outputs, strict=True):
            moved.append(Node(Dequantize(), [value], [target], node.index))
            producers[target] = moved[-1]
        producers.update(dict.fromkeys(made, moved[0]))
        nodes += moved
    graph.nodes = nodes


def _on_integers(op: Op, sources: Sequence[Value | None]) -> Op | None:
    """What does to the integers what `op` does to the floats, bit by bit; None where nothing does."""
    first = sources[0] if sources else None
    if first is None or any(s is None or not s.type.is_8bit for s in sources):
        return None
    q = quantization_of(first.type)
    if not q.per_tensor or any(s is not None and s.type.element != first.type.element for s in sources):
        return None
    if isinstance(op, (*_MOVES, Concat)):
        return op
    if isinstance(op, Pad) and op.fill == 0:
        return replace(op, fill=q.zero)
    if isinstance(op, MaxPool2d) and op.clamp == NO_CLAMP:
        return replace(op, out=first.type.element)
    if isinstance(op, ReduceMax | ReduceMin):
        return replace(op, out=first.type.element)
    return None


def _fold(graph: Graph) -> None:
    """Makes the operators that compute integer ones, where Quantize alone reads their result."""
    producers, uses, results = graph.producers(), graph.uses(), set(graph.results())
    gone: set[Node] = set()
    before: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        target = node.outputs[0]
        clip = None
        readers = uses.get(target, [])
        if target in results or len(readers) != 1:
            continue
        last = readers[0]
        behind = uses.get(last.outputs[0], [])
        if isinstance(last.op, Clip) and hasattr(node.op, "clamp") and len(behind) == 1:
            clip, last = last, behind[0]
            if clip.outputs[0] in results:
                continue
        if not isinstance(last.op, Quantize):
            continue
        out = last.op.out
        if out.dtype.itemsize != 1 or not quantization_of(out).per_tensor:
            continue
        made = _integer(node, clip, out, producers)
        if made is None:
            continue
        op, inputs, extra = made
        try:
            types = op.infer(*(None if v is None else v.type for v in inputs))  # type: ignore[arg-type]
        except ModelError:
            continue  # it stays as it is: floats
        if types != (last.outputs[0].type,):
            continue
        before[node] = extra
        node.op, node.inputs, node.outputs = op, inputs, [last.outputs[0]]
        producers[last.outputs[0]] = node
        gone.add(last)
        if clip is not None:
            gone.add(clip)
    graph.nodes = [n for node in graph.nodes if node not in gone for n in (*before.get(node, ()), node)]


_Made = tuple[Op, list[Value | None], list[Node]]


def _integer(node: Node, clip: Node | None, out: Element, producers: dict[Value, Node]) -> _Made | None:
    """The operator on integers, what it reads, and what has to be computed before."""
    op = node.op
    sources = [_dequantized(v, producers) for v in node.inputs]
    if isinstance(op, Concat) and all(s is not None and s.type.is_8bit for s in sources):
        return _concat(node, sources, out)
    if not isinstance(op, _COMPUTES) or getattr(op, "out", Element(FLOAT32)).dtype != FLOAT32:
        return None
    if sources[0] is None or not sources[0].type.is_8bit or not quantization_of(sources[0].type).per_tensor:
        return None
    changes: dict[str, object] = {"out": out}
    if clip is not None:
        assert isinstance(clip.op, Clip)
        assert isinstance(op, SumOfProducts | Binary | AveragePool2d | Clip)
        (low, high), (least, most) = op.clamp, clip.op.clamp
        changes["clamp"] = max(low, least), min(high, most)
    if isinstance(op, SumOfProducts):
        if len(sources) < 2 or sources[1] is None or not sources[1].type.is_8bit:
            return None
        bias = None
        if len(node.inputs) > 2 and node.inputs[2] is not None:
            bias = _bias(node.inputs[2], sources[2], sources[0], sources[1])
            if bias is None:
                return None
        extra = [] if len(node.inputs) < 3 else [bias]
        return replace(op, **changes), [sources[0], sources[1], *extra], []
    if any(s is None or not s.type.is_8bit or not quantization_of(s.type).per_tensor for s in sources):
        return None
    return replace(op, **changes), list(sources), []  # type: ignore[arg-type]


def _concat(node: Node, sources: list[Value | None], out: Element) -> _Made:
    """Parts of other quantisations are brought to that of the result."""
    inputs: list[Value | None] = []
    extra = []
    for i, source in enumerate(sources):
        assert source is not None
        if source.type.element == out:
            inputs.append(source)
            continue
        op = Requantize(out)
        made = Value(f"{node.outputs[0].name}/requantized_{i}", op.infer(source.type)[0])
        extra.append(Node(op, [source], [made], node.index))
        inputs.append(made)
    return node.op, inputs, extra


def _bias(value: Value, quanta: Value | None, x: Value, w: Value) -> Value | None:
    """The bias in int32 at the scale of the sums; None where it does not fit."""
    scales = [quantization_of(v.type).scale.astype(np.float64) for v in (x, w)]
    scale = scales[0] * scales[1]
    if quanta is not None and quanta.data is not None and quanta.type.dtype == INT32:
        q = quantization_of(quanta.type)
        real = (quanta.data.reshape(-1).astype(np.float64) - q.zero_point) * q.scale.astype(np.float64)
    elif value.data is not None and value.type.dtype == FLOAT32:
        real = value.data.reshape(-1).astype(np.float64)
    else:
        return None
    sums = np.rint(real / scale)
    if not (np.abs(sums) < 2.0**31).all():
        return None
    data = sums.astype(np.int32)
    data.setflags(write=False)
    kind = replace(value.type, shape=data.shape, dtype=INT32, quantization=_of(scale))
    return Value(f"{value.name}/int32", kind, data=data)


def _of(scale: npt.NDArray[np.float64]) -> Quantization | None:
    narrow = scale.astype(np.float32)
    if not (narrow > 0).all():
        return None
    return Quantization(narrow, np.zeros(narrow.shape, np.int32))
