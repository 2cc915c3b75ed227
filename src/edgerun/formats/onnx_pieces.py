"""The operators of an ONNX model as models of their own, with what a quantiser put around each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_CLIPS = ("Relu", "Clip")  # quantisers leave them between an operator and its Quantize
_UNSEEN = ("Constant", "Identity", "DequantizeLinear")


@dataclass(frozen=True)
class Piece:
    """One operator, or one between DequantizeLinear and QuantizeLinear, as a model.

    index, operator: of the node that computes; inputs, outputs: tensors of the whole model.
    """

    index: int
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    model: Any


def pieces(
    model: Any, weights: Mapping[str, Array], tensors: Mapping[str, Array], settled: frozenset[str]
) -> Iterator[Piece]:
    """The pieces of a ModelProto, in its order.

    weights: its initializers; tensors: the inputs and all that a run computed; settled: tensors that do not
    depend on the values of the inputs, which become constants of the pieces.
    """
    nodes = list(model.graph.node)
    producers = {name: node for node in nodes for name in node.output if name}
    readers: dict[str, list[Any]] = {}
    for node in nodes:
        for name in _reads(node):
            readers.setdefault(name, []).append(node)
    results = Counter(port.name for port in model.graph.output)
    settled = settled | _constant(nodes, weights)
    for index, node in enumerate(nodes):
        if node.op_type in _UNSEEN or settled.issuperset(node.output):
            continue
        if _absorbed(node, producers, readers, results):
            continue
        group = [*(producers[n] for n in node.input if _dequantised(n, producers)), node]
        group += _behind(node, readers, results)
        yield _piece(index, node, _unique(group), model, weights, tensors, settled)


def _constant(nodes: Sequence[Any], weights: Mapping[str, Array]) -> frozenset[str]:
    """Weights, and what is computed from nothing else."""
    known = set(weights)
    for node in nodes:
        if known.issuperset(_reads(node)):
            known.update(node.output)
    return frozenset(known)


def _reads(node: Any) -> set[str]:
    """What a node reads, branches included."""
    names = set(node.input)
    for attribute in node.attribute:
        for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
            for inner in graph.node:
                names |= _reads(inner)
            names -= {name for inner in graph.node for name in inner.output}
            names -= {port.name for port in graph.input} | {t.name for t in graph.initializer}
    return names - {""}


def _dequantised(name: str, producers: Mapping[str, Any]) -> bool:
    return name in producers and producers[name].op_type == "DequantizeLinear"


def _behind(node: Any, readers: Mapping[str, list[Any]], results: Counter[str]) -> list[Any]:
    """The QuantizeLinear that alone reads a node, with a clip before it; or nothing."""
    found: list[Any] = []
    last = node
    while len(found) < 2:
        name = last.output[0]
        if results[name] or len(readers.get(name, [])) != 1 or len(last.output) != 1:
            return []
        last = readers[name][0]
        found.append(last)
        if last.op_type == "QuantizeLinear":
            return found if last.input[0] == name else []
        if last.op_type not in _CLIPS:
            return []
    return []


def _absorbed(
    node: Any,
    producers: Mapping[str, Any],
    readers: Mapping[str, list[Any]],
    results: Counter[str],
) -> bool:
    """Whether a QuantizeLinear, or the clip before it, is in the piece of another node."""
    if node.op_type not in ("QuantizeLinear", *_CLIPS):
        return False
    source = producers.get(node.input[0])
    while source is not None:
        if source.op_type not in _UNSEEN and any(n is node for n in _behind(source, readers, results)):
            return True
        if source.op_type not in _CLIPS:
            return False
        source = producers.get(source.input[0])
    return False


def _unique(group: Sequence[Any]) -> list[Any]:
    return list({id(node): node for node in group}.values())


def _piece(
    index: int,
    node: Any,
    group: Sequence[Any],
    model: Any,
    weights: Mapping[str, Array],
    tensors: Mapping[str, Array],
    settled: frozenset[str],
) -> Piece:
    from onnx import helper, numpy_helper

    inside = {name for member in group for name in member.output if name}
    read = list(dict.fromkeys(n for member in group for n in sorted(_reads(member)) if n not in inside))
    inputs = tuple(n for n in read if n not in settled)
    outputs = tuple(name for name in group[-1].output if name)
    constants = [
        numpy_helper.from_array(np.asarray(weights[n] if n in weights else tensors[n]), n)
        for n in read
        if n in settled
    ]

    def port(name: str) -> Any:
        kind = helper.np_dtype_to_tensor_dtype(np.asarray(tensors[name]).dtype)
        return helper.make_tensor_value_info(name, kind, np.shape(tensors[name]))

    graph = helper.make_graph(
        list(group), node.op_type, [port(n) for n in inputs], [port(n) for n in outputs], constants
    )
    # Until version 4 of the format, constants had to be inputs too.
    version = max(model.ir_version, 4)
    made = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=version)
    return Piece(index, node.op_type, inputs, outputs, made)
