"""An ONNX file as a graph."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from edgerun.errors import FormatError, InputError, UnsupportedOperatorError
from edgerun.formats.onnx_functions import inline_functions
from edgerun.formats.onnx_reader import dtype_of, opset_of, read_onnx
from edgerun.frontends.onnx_control import CONTROL, decide
from edgerun.frontends.onnx_import import ScopeImport, attributes_of, guarded, unknown_elsewhere
from edgerun.frontends.onnx_ops import IMPORTERS
from edgerun.frontends.onnx_scopes import ABSENT, Scope, ScopeOperator, operator_name, read_scopes
from edgerun.frontends.stages import Call, Cut, Region
from edgerun.ir.graph import Graph, Value
from edgerun.ir.types import Array, Shape, TensorType


class OnnxFile:
    """An ONNX file, checked and ready to be imported. Raises FormatError, ModelError.

    It has one entry point, and no signatures. open_until_run: where open dimensions cannot be 1, the sizes of
    a run are waited for.
    """

    signatures: Mapping[str, Any] = {}
    open_until_run = True

    def __init__(self, data: bytes, path: str) -> None:
        self.path = path
        self.model = read_onnx(data, path)
        self._opset = opset_of(self.model)
        inline_functions(self.model, self._opset, _is_known, path)
        self.metadata: dict[str, bytes | memoryview] = {
            entry.key: entry.value.encode() for entry in self.model.metadata_props
        }
        self.scopes = read_scopes(self.model.graph, path)

    @property
    def constants(self) -> Mapping[str, Array]:
        """The weights of the file, by name."""
        main, stored = self.scopes[0], {t.name for t in self.model.graph.initializer}
        return {n: a for i, a in main.constants.items() if (n := main.names[i]) in stored}

    def entry(self, signature: str | None) -> int:
        if signature is not None:
            raise InputError(f"{self.path}: there is no signature {signature!r}; an ONNX file has none.")
        return 0

    def graph(self, shapes: Mapping[str, Shape] | None = None, signature: str | None = None) -> Graph:
        """The graph, with inputs of other `shapes` where named; dimensions that the file leaves open are 1.

        Raises FormatError, UnsupportedOperatorError (which lists all), Cut where it cannot be one graph,
        InputError for a wrong name or shape.
        """
        self.entry(signature)
        importing = ScopeImport(self.path, self.scopes, 0, self._opset)
        inputs = self._inputs(shapes or {})
        for value in inputs:
            importing.values[value.index] = value
            importing.taken.add(value.name)
        try:
            importing.run()
        except Cut:
            importing.refused += unknown_elsewhere(self.path, self.scopes, self._opset)
            raise
        finally:
            self._raise_refused(importing.refused)
        outputs = [importing.result(i) for i in self.scopes[0].outputs]
        graph = Graph(self.path, inputs, outputs, importing.emitted.nodes, dict(self.metadata))
        graph.check()
        return graph

    def ports(self, shapes: Mapping[str, Shape] | None = None, signature: str | None = None) -> Graph:
        """The inputs and outputs as the file declares them, without what is between; sizes that it leaves
        open are 1."""
        self.entry(signature)
        outputs = [self._port(port, i) for port, i in self._outputs()]
        return Graph(self.path, self._inputs(shapes or {}), outputs, [], dict(self.metadata))

    def free_dimensions(self, signature: str | None = None) -> list[frozenset[int]]:
        """Of each input, the dimensions that may have another size: those that the file leaves open, and the
        first one, the batch."""
        free = []
        for port in self.scopes[0].ports:
            sizes = port.type.tensor_type.shape.dim
            open_ones = {i for i, d in enumerate(sizes) if _is_open(d)}
            free.append(frozenset(open_ones | ({0} if len(sizes) else set())))
        return free

    def open_shapes(self) -> dict[str, tuple[int | str, ...]]:
        """The shapes of inputs and outputs that leave dimensions open: those are their names, or -1."""
        main = self.scopes[0]
        shapes = {port.name: _declared(port) for port in (*main.ports, *self.model.graph.output)}
        return {name: s for name, s in shapes.items() if not all(isinstance(d, int) and d >= 0 for d in s)}

    def operator_names(self, signature: str | None = None) -> tuple[str, ...]:
        return tuple(operator.name for operator in self.scopes[0].operators)

    def weight_bytes(self, signature: str | None = None) -> int:
        return sum(a.nbytes for scope in self.scopes for a in scope.constants.values())

    # -- stages --

    @property
    def subgraphs(self) -> Sequence[Scope]:
        return self.scopes

    def initial_variables(self) -> dict[str, Array]:
        """None: ONNX has no variables."""
        return {}

    def type_of(self, index: int, tensor: int, array: Array) -> TensorType:
        """The type of a tensor of scope `index` when it holds this array."""
        return TensorType(array.shape, array.dtype)

    def region(
        self,
        index: int,
        begin: int,
        types: Mapping[int, TensorType],
        arrays: Mapping[int, Array],
        variables: Mapping[str, Array],
    ) -> Region:
        """As many operators of scope `index` from `begin` on as can be one graph (see stages.StagedFile)."""
        scope = self.scopes[index]
        importing = ScopeImport(self.path, self.scopes, index, self._opset)
        inputs = {i: importing.declare(i, kind, arrays.get(i)) for i, kind in types.items()}
        end, wanted = len(scope.operators), None
        try:
            importing.run(begin)
        except Cut as cut:
            end, wanted = cut.operator.index, cut.wanted
        self._raise_refused(importing.refused)
        written = {i for o in scope.operators[begin:end] for i in o.outputs}
        later = set(scope.outputs).union(*(o.inputs for o in scope.operators[end:]))
        needed = sorted((written & later) - scope.constants.keys() - {ABSENT})
        known = {i: v.data for i in needed if (v := importing.values[i]).data is not None}
        computed = [i for i in needed if i not in known]
        outputs = [importing.result(i) for i in computed]
        nodes = importing.emitted.nodes
        read = {v for node in nodes for v in node.inputs}
        fed = {i: v for i, v in inputs.items() if v in read and v.data is None}
        name = f"{self.path}, operators {begin} to {end - 1}"
        graph = Graph(name, list(fed.values()), outputs, nodes, dict(self.metadata))
        graph.check()
        return Region(graph, begin, end, tuple(fed), tuple(computed), wanted, known=known)

    def decide(
        self, index: int, region: Region, arrays: Mapping[int, Array], call: Call
    ) -> dict[int, Array]:
        """Runs the operator at the end of a region for the tensors that are there: what it writes."""
        operator = self.scopes[index].operators[region.end]
        if operator.name not in CONTROL:
            return guarded(self.path, operator, lambda: self._by_itself(index, operator, arrays))
        names = self.scopes[index].names
        inputs = [arrays.get(i) for i in operator.own_inputs]
        captured = {names[i]: arrays[i] for i in operator.inputs if i != ABSENT}
        attributes = attributes_of(operator.node, self.path) if operator.name == "Scan" else {}
        results = guarded(
            self.path,
            operator,
            lambda: decide(self.scopes, operator, inputs, captured, attributes, call),
        )
        if len(results) < len(operator.outputs):
            raise FormatError(
                f"{self.path}: {operator.place}: it has {len(operator.outputs)} outputs, its body "
                f"makes {len(results)}."
            )
        return {i: array for i, array in zip(operator.outputs, results, strict=False) if i != ABSENT}

    def _by_itself(
        self, index: int, operator: ScopeOperator, arrays: Mapping[int, Array]
    ) -> dict[int, Array]:
        """An operator whose output's shape depends on its data: imported with all operands known, it is
        computed at once."""
        importing = ScopeImport(self.path, self.scopes, index, self._opset)
        importing.emitted.at_once = True
        for i in operator.inputs:
            if i != ABSENT and i not in importing.values:
                importing.declare(i, self.type_of(index, i, arrays[i]), arrays[i])
        importing.import_one(operator)
        made = {i: importing.values[i].data for i in operator.outputs if i in importing.values}
        return {i: array for i, array in made.items() if array is not None}

    def _raise_refused(self, refused: Sequence[str]) -> None:
        count = sum(len(scope.operators) for scope in self.scopes)
        if refused:
            raise UnsupportedOperatorError(
                f"{self.path}: {len(refused)} of {count} operators are not supported:\n" + "\n".join(refused)
            )

    # -- ports --

    def _outputs(self) -> list[tuple[Any, int]]:
        return list(zip(self.model.graph.output, self.scopes[0].outputs, strict=True))

    def _port(self, port: Any, index: int) -> Value:
        if not port.type.tensor_type.elem_type:
            raise UnsupportedOperatorError(f"{self.path}: '{port.name}' is no tensor.")
        shape = tuple(1 if _is_open(d) else int(d.dim_value) for d in port.type.tensor_type.shape.dim)
        try:
            dtype = dtype_of(port)
        except FormatError as error:
            raise FormatError(f"{self.path}: {error}.") from error
        if dtype.hasobject:
            raise UnsupportedOperatorError(f"{self.path}: '{port.name}' holds texts, no numbers.")
        return Value(port.name, TensorType(shape, dtype), index)

    def _inputs(self, shapes: Mapping[str, Shape]) -> list[Value]:
        main = self.scopes[0]
        inputs = [self._port(port, i) for port, i in zip(main.ports, main.inputs, strict=True)]
        names = [value.name for value in inputs]
        for name, shape in shapes.items():
            if name not in names:
                raise InputError(f"There is no input {name!r}; the inputs are {sorted(names)}.")
            value = inputs[names.index(name)]
            value.type = value.type.with_shape(_sizes(name, shape, value.type.shape))
        return inputs


def _is_known(node: Any) -> bool:
    name = operator_name(node)
    return name in IMPORTERS or name in CONTROL


def _declared(port: Any) -> tuple[int | str, ...]:
    sizes = port.type.tensor_type.shape.dim
    return tuple((d.dim_param or -1) if _is_open(d) else int(d.dim_value) for d in sizes)


def _is_open(dimension: Any) -> bool:
    """Whether the file says nothing of its size; some writers put a negative number there."""
    return not dimension.HasField("dim_value") or dimension.dim_value < 0


def _sizes(name: str, shape: Shape, declared: Shape) -> Shape:
    try:
        sizes = tuple(operator.index(d) for d in shape)
    except TypeError:
        sizes = ()
    if len(sizes) != len(declared) or min(sizes, default=1) < 1:
        raise InputError(f"Input {name!r} has the shape {declared}, it cannot become {shape!r}.")
    return sizes
