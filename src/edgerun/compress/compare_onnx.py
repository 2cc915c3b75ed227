"""An ONNX model beside ONNX Runtime, layer by layer, in the two measures of compress/compare.py.

A layer is an operator of the file or, in a file of QuantizeLinear and DequantizeLinear, an operator with
those around it: that is what becomes one integer operator. Fed, it goes through all passes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgerun.backends.onnx_reference import every_tensor
from edgerun.compress.compare import Comparison, Distance, Layer, distance, run_alone, shaped
from edgerun.errors import ModelError
from edgerun.formats.onnx_pieces import Piece, pieces
from edgerun.frontends import parse_model, read_source
from edgerun.frontends.onnx import OnnxFile
from edgerun.ir.graph import Graph, Value
from edgerun.ir.op import wrong_elements
from edgerun.ir.shape import Reshape, Transpose
from edgerun.ir.types import Array
from edgerun.passes import run_passes
from edgerun.session import Session


def compare_onnx(source: str | Path | bytes, feeds: Mapping[str, Array]) -> Comparison:
    """Every layer of an .onnx file beside ONNX Runtime without its optimisations, on `feeds` by input name,
    whose shapes are those that the model is made for. Raises FormatError, ModelError where one of the two
    cannot run it."""
    path, data = read_source(source)
    file = parse_model(data, path)
    if not isinstance(file, OnnxFile):
        raise ModelError(f"{path}: only .onnx files can be compared with ONNX Runtime.")
    shapes = {name: array.shape for name, array in feeds.items()}
    graph = file.graph(shapes)
    computed = {v.name for v in graph.inputs} | {v.name for node in graph.nodes for v in node.outputs}
    truth = every_tensor(data, path, feeds)
    # What shapes decide is computed when the model is made: dimensions, mostly.
    settled = frozenset(
        n for n, a in truth.items() if n not in computed and np.asarray(a).dtype.kind in "iub"
    )
    mine = Session(source, threads=1, shapes=shapes, preserve_all_tensors=True).tensors(dict(feeds))
    layers = []
    for piece in pieces(file.model, file.constants, {**feeds, **truth}, settled):
        fed, equal = fed_piece(piece, {**feeds, **truth})
        run = Distance()
        for name in piece.outputs:
            if name in mine and mine[name].dtype == truth[name].dtype:
                value = _value(graph, name)
                run = run.worst(distance(mine[name], shaped(truth[name], value), value.type))
        layers.append(Layer(piece.index, piece.operator, piece.outputs[0], fed, run, equal))
    return Comparison(path, "ONNX Runtime without optimisations", tuple(layers))


def _value(graph: Graph, name: str) -> Value:
    return next(
        v
        for v in (*graph.inputs, *(o for n in graph.nodes for o in n.outputs), *graph.constants())
        if v.name == name
    )


def fed_piece(piece: Piece, tensors: Mapping[str, Array]) -> tuple[Distance, bool]:
    """A piece fed with the tensors of the reference: its distance from them, and whether the engine and the
    numpy reference agree on all its operators."""
    graph = run_passes(OnnxFile(piece.model.SerializeToString(), piece.operator).graph())
    arrays: dict[Value, Array] = {v: np.asarray(tensors[v.name]) for v in graph.inputs}
    magnitudes: dict[Value, Array] = {}
    equal = True
    for node in graph.nodes:
        read = [None if v is None else v.data if v.data is not None else arrays[v] for v in node.inputs]
        results = run_alone(node, read)
        equal &= not any(w.any() for w in wrong_elements(node.op, node.types(), read, results))  # type: ignore[arg-type]
        arrays.update(zip(node.outputs, results, strict=True))
        if any(v.type.is_float for v in node.outputs):
            source = node.inputs[0]
            if isinstance(node.op, Reshape | Transpose) and source in magnitudes:
                made = node.op.eval(node.types(), magnitudes[source])
            else:
                made = node.op.magnitude(node.types(), *read)  # type: ignore[arg-type]
            magnitudes.update(zip(node.outputs, made, strict=True))
    fed = Distance()
    for value in graph.outputs:
        there = shaped(np.asarray(tensors[value.name]), value)
        result = value.data if value.data is not None else arrays[value]
        fed = fed.worst(distance(result, there, value.type, magnitudes.get(value)))
    return fed, equal
