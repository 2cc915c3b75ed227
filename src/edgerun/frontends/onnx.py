"""An ONNX file as a graph."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgerun.errors import EdgerunError, FormatError, InputError, UnsupportedOperatorError
from edgerun.formats.onnx_reader import array_of, opset_of, read_onnx
from edgerun.frontends.onnx_ops import IMPORTERS
from edgerun.frontends.onnx_ops.task import Emitted, Import
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import NUMBERS_DO_NOT_FIT
from edgerun.ir.shape import Reshape
from edgerun.ir.types import Array, Shape, TensorType


class OnnxFile:
    """An ONNX file, checked and ready to be imported. Raises FormatError, ModelError.

    It has one entry point, and no signatures.
    """

    signatures: Mapping[str, Any] = {}

    def __init__(self, data: bytes, path: str) -> None:
        self.path = path
        self.model = read_onnx(data, path)
        self.metadata: dict[str, bytes | memoryview] = {
            entry.key: entry.value.encode() for entry in self.model.metadata_props
        }
        self._constants = {t.name: array_of(t, path) for t in self.model.graph.initializer}

    def entry(self, signature: str | None) -> int:
        if signature is not None:
            raise InputError(f"{self.path}: there is no signature {signature!r}; an ONNX file has none.")
        return 0

    def graph(self, shapes: Mapping[str, Shape] | None = None, signature: str | None = None) -> Graph:
        """The graph, with inputs of other `shapes` where named; dimensions that the file leaves open are 1.

        Raises FormatError, UnsupportedOperatorError (which lists all), InputError for a wrong name or shape.
        """
        self.entry(signature)
        emitted = Emitted()
        values = {name: _constant(name, array) for name, array in self._constants.items()}
        inputs = self._inputs(shapes or {})
        values |= {value.name: value for value in inputs}
        emitted.names.update(values)
        emitted.names.update(name for node in self.model.graph.node for name in node.output)
        refused: list[str] = []
        unknown: set[str] = set()  # what operators that were refused would have computed
        for index, node in enumerate(self.model.graph.node):
            place = f"operator {index} {_name(node)}" + (f" '{node.name}'" if node.name else "")
            if unknown.intersection(node.input):
                unknown.update(node.output)
                if _name(node) not in IMPORTERS:
                    refused.append(f"  {place}: there is no importer for it")
                continue
            try:
                self._import(emitted, values, node, index)
            except UnsupportedOperatorError as error:
                refused.append(f"  {place}: {error}")
                unknown.update(node.output)
            except FormatError as error:
                raise FormatError(f"{self.path}: {place}: {error}.") from error
            except EdgerunError as error:
                raise FormatError(f"{self.path}: {place}: {error}") from error
            except (AttributeError, *NUMBERS_DO_NOT_FIT) as error:
                message = f"{self.path}: {place}: its operands or attributes do not fit it ({error})."
                raise FormatError(message) from error
        if refused:
            count = len(self.model.graph.node)
            raise UnsupportedOperatorError(
                f"{self.path}: {len(refused)} of {count} operators are not supported:\n" + "\n".join(refused)
            )
        outputs = [self._output(emitted, values, o.name) for o in self.model.graph.output]
        graph = Graph(self.path, inputs, outputs, emitted.nodes, dict(self.metadata))
        graph.check()
        return graph

    def ports(self, shapes: Mapping[str, Shape] | None = None, signature: str | None = None) -> Graph:
        """The inputs of the file, without what is between."""
        self.entry(signature)
        return Graph(self.path, self._inputs(shapes or {}), [], [], dict(self.metadata))

    def free_dimensions(self, signature: str | None = None) -> list[frozenset[int]]:
        """Of each input, the dimensions that may have another size: those that the file leaves open, and the
        first one, the batch."""
        free = []
        for port in self._ports():
            sizes = port.type.tensor_type.shape.dim
            open_ones = {i for i, d in enumerate(sizes) if d.dim_value <= 0}
            free.append(frozenset(open_ones | ({0} if len(sizes) else set())))
        return free

    def operator_names(self, signature: str | None = None) -> tuple[str, ...]:
        return tuple(_name(node) for node in self.model.graph.node)

    def weight_bytes(self, signature: str | None = None) -> int:
        return sum(array.nbytes for array in self._constants.values())

    # -- ports --

    def _ports(self) -> list[Any]:
        """The inputs that are fed: older files list the weights among them."""
        return [port for port in self.model.graph.input if port.name not in self._constants]

    def _inputs(self, shapes: Mapping[str, Shape]) -> list[Value]:
        from onnx import helper

        inputs = []
        for port in self._ports():
            kind = port.type.tensor_type
            if not kind.elem_type:
                raise UnsupportedOperatorError(f"{self.path}: input '{port.name}' is no tensor.")
            try:
                dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
            except KeyError as error:
                raise FormatError(f"{self.path}: input '{port.name}' has an element type {error}.") from error
            if dtype.hasobject:
                raise UnsupportedOperatorError(f"{self.path}: input '{port.name}' holds texts, no numbers.")
            shape = tuple(max(int(d.dim_value), 1) for d in kind.shape.dim)
            if port.name in shapes:
                shape = _sizes(port.name, shapes[port.name], shape)
            inputs.append(Value(port.name, TensorType(shape, dtype)))
        names = [value.name for value in inputs]
        for name in shapes:
            if name not in names:
                raise InputError(f"There is no input {name!r}; the inputs are {sorted(names)}.")
        return inputs

    def _output(self, emitted: Emitted, values: Mapping[str, Value], name: str) -> Value:
        """The value of an output, under its own name."""
        if name not in values:
            raise FormatError(f"{self.path}: the output '{name}' is never written.")
        value = values[name]
        if value.name == name:
            return value
        made = Value(name, value.type)
        emitted.nodes.append(Node(Reshape(value.type.shape), [value], [made]))
        return made

    # -- operators --

    def _import(self, emitted: Emitted, values: dict[str, Value], node: Any, index: int) -> None:
        importer = IMPORTERS.get(_name(node))
        if importer is None:
            raise UnsupportedOperatorError("there is no importer for it")
        outputs = list(node.output)
        while outputs and not outputs[-1]:
            outputs.pop()
        inputs = [self._operand(values, name) for name in node.input]
        attributes = {a.name: self._attribute(a) for a in node.attribute}
        task = Import(emitted, node.op_type, inputs, outputs, attributes, opset_of(self.model), index)
        with np.errstate(all="ignore"):
            made = importer(task)
        results = [made] if isinstance(made, Value) else list(made)
        for name, value in zip(outputs, results, strict=True):
            if name in values:
                raise FormatError(f"'{name}' is written twice")
            if value.name not in values:  # what an importer made has the name of nothing in the file
                value.name = name
            values[name] = value

    def _operand(self, values: Mapping[str, Value], name: str) -> Value | None:
        if not name:
            return None
        if name not in values:
            raise FormatError(f"it reads '{name}', which nothing has written")
        return values[name]

    def _attribute(self, attribute: Any) -> Any:
        from onnx import AttributeProto, helper

        if attribute.type == AttributeProto.TENSOR:
            return array_of(attribute.t, self.path)
        value = helper.get_attribute_value(attribute)
        return value.decode(errors="replace") if isinstance(value, bytes) else value


def _name(node: Any) -> str:
    own = node.domain in ("", "ai.onnx")
    return str(node.op_type) if own else f"{node.domain}.{node.op_type}"


def _constant(name: str, array: Array) -> Value:
    return Value(name, TensorType(array.shape, array.dtype), data=array)


def _sizes(name: str, shape: Shape, declared: Shape) -> Shape:
    try:
        sizes = tuple(operator.index(d) for d in shape)
    except TypeError:
        sizes = ()
    if len(sizes) != len(declared) or min(sizes, default=1) < 1:
        raise InputError(f"Input {name!r} has the shape {declared}, it cannot become {shape!r}.")
    return sizes
