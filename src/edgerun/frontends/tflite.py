"""A TFLite file as a graph: tensors become values, operators are imported by the table in tflite_ops."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgerun.errors import FormatError, InputError, ModelError, UnsupportedOperatorError
from edgerun.formats.tflite_model import Operator, Tensor
from edgerun.formats.tflite_reader import read_model
from edgerun.frontends.tflite_ops import IMPORTERS
from edgerun.frontends.tflite_ops.task import Import, Known
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.types import Quantization, Shape, TensorType


def load_tflite(data: bytes, path: str, shapes: Mapping[str, Shape]) -> Graph:
    """The main subgraph of a TFLite file, with inputs of other `shapes` where named."""
    model = read_model(data, path=path)
    if not model.subgraphs:
        raise FormatError(f"{path}: the model has no subgraph.")
    subgraph = model.subgraphs[0]
    tensors = _Tensors(path, subgraph.tensors)
    inputs = [tensors.declared(i) for i in subgraph.inputs]
    _reshape_inputs(inputs, shapes)
    resized = bool(shapes)
    known = Known()
    nodes: list[Node] = []
    refused: list[str] = []
    for operator in subgraph.operators:
        place = f"{path}: operator {operator.index} {operator.name}"
        try:
            made = _import(operator, tensors, known, place, resized)
            for node in made:
                known.add(node)
            nodes += made
        except UnsupportedOperatorError as error:
            refused.append(_refusal(operator, subgraph.tensors, str(error)))
            for i in operator.outputs:  # go on with the declared types, to find them all
                tensors.declared(i)
        except FormatError:
            raise
        except ModelError as error:
            raise FormatError(f"{place}: {error}") from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # Importers read operands and options as sound files have them.
            raise FormatError(f"{place}: its operands or options do not fit it ({error}).") from error
    if refused:
        raise UnsupportedOperatorError(
            f"{path}: {len(refused)} of {len(subgraph.operators)} operators are not supported:\n"
            + "\n".join(refused)
        )
    outputs = [tensors.declared(i) for i in subgraph.outputs]
    graph = Graph(path, inputs, outputs, nodes, dict(model.metadata))
    graph.check()
    return graph


class _Tensors:
    """The values of a subgraph's tensors, made when first asked for."""

    def __init__(self, path: str, tensors: tuple[Tensor, ...]) -> None:
        self._path = path
        self._tensors = tensors
        self._values: dict[int, Value] = {}
        self._names: set[str] = set()

    def declared(self, index: int) -> Value:
        """The value with the type the file declares."""
        if index not in self._values:
            tensor = self._tensors[index]
            self._values[index] = Value(self._name(tensor), self.type_of(tensor), index, tensor.data)
        return self._values[index]

    def type_of(self, tensor: Tensor) -> TensorType:
        if tensor.dtype is None:
            raise UnsupportedOperatorError(
                f"{self._path}: tensor {tensor.index} '{tensor.name}' has the type {tensor.type_name}."
            )
        q = tensor.quantization
        quantization = None
        if q is not None and tensor.dtype.kind in "iu":
            zero = q.zero_point
            if np.abs(zero).max() > 1 << 30:
                raise FormatError(
                    f"{self._path}: tensor {tensor.index} '{tensor.name}' has the zero point {zero.max()}."
                )
            quantization = Quantization(q.scale, zero.astype(np.int32), q.axis)
        return TensorType(tensor.shape, tensor.dtype, quantization)

    def _name(self, tensor: Tensor) -> str:
        """The file's name of a tensor; files may use one twice, values may not."""
        name = tensor.name or f"tensor_{tensor.index}"
        if name in self._names:
            name = f"{name}#{tensor.index}"
        self._names.add(name)
        return name


def _import(
    operator: Operator, tensors: _Tensors, known: Known, place: str, resized: bool
) -> list[Node]:
    importer = IMPORTERS.get(operator.name)
    if importer is None:
        raise UnsupportedOperatorError("there is no importer for it")
    inputs = [None if i < 0 else tensors.declared(i) for i in operator.inputs]
    outputs = [tensors.declared(i) for i in operator.outputs]
    task = Import(operator, inputs, outputs, known, resized)
    op = importer(task)
    node = Node(op, list(task.inputs), outputs, operator.index)
    types = op.infer(*node.types())
    if len(types) != len(outputs):
        raise FormatError(f"{place}: it has {len(outputs)} outputs, expected {len(types)}.")
    for value, inferred in zip(outputs, types, strict=True):
        # An operator that shapes its outputs when it runs declares them as scalars.
        if value.type.shape != inferred.shape and not resized and value.type.shape != ():
            raise FormatError(
                f"{place}: its output '{value.name}' has the shape {inferred.shape}, "
                f"but the file says {value.type.shape}."
            )
        if value.type.dtype != inferred.dtype:
            raise FormatError(
                f"{place}: its output '{value.name}' is {inferred.dtype}, "
                f"but the file says {value.type.dtype}."
            )
        value.type = inferred
    return [*task.nodes, node]


def _refusal(operator: Operator, tensors: tuple[Tensor, ...], reason: str) -> str:
    def show(index: int) -> str:
        tensor = tensors[index]
        return f"{tensor.type_name.lower()}{list(tensor.shape)}"

    inputs = ", ".join(show(i) for i in operator.inputs if i >= 0)
    outputs = ", ".join(show(i) for i in operator.outputs)
    return (
        f"  operator {operator.index}: {operator.name} version {operator.version} "
        f"({inputs} -> {outputs}): {reason}"
    )


def _reshape_inputs(inputs: list[Value], shapes: Mapping[str, Shape]) -> None:
    by_name = {value.name: value for value in inputs}
    for name, shape in shapes.items():
        if name not in by_name:
            raise InputError(f"There is no input {name!r}; the inputs are {sorted(by_name)}.")
        value = by_name[name]
        if len(shape) != len(value.type.shape) or min(shape, default=1) < 1:
            raise InputError(f"Input {name!r} has the shape {value.type.shape}, it cannot become {shape}.")
        value.type = value.type.with_shape(tuple(int(d) for d in shape))
