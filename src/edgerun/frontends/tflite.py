"""A TFLite file as graphs: one of a whole subgraph or, where that cannot be, one of each region of it."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence

from edgerun.errors import InputError, UnsupportedOperatorError
from edgerun.formats.archive import appended_metadata
from edgerun.formats.tflite_model import Signature, SubGraph
from edgerun.formats.tflite_reader import read_model
from edgerun.frontends.stages import Call, Cut, Region
from edgerun.frontends.tflite_constants import check_expanded
from edgerun.frontends.tflite_control import check_control, decide
from edgerun.frontends.tflite_import import (
    Imported,
    SubgraphImport,
    assigned_once,
    name_handle,
    unknown_elsewhere,
)
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.types import Array, Shape, TensorType


class TfliteFile:
    """A TFLite file, checked and ready to be imported. Raises FormatError, QuantizationError.

    open_until_run: see OnnxFile.
    """

    open_until_run = False

    def __init__(self, data: bytes, path: str) -> None:
        self.path = path
        self.model = read_model(data, path=path)
        check_expanded(self.model, len(data))
        self.metadata: dict[str, bytes | memoryview] = dict(self.model.metadata)
        self.metadata.update(appended_metadata(data, path))

    @property
    def signatures(self) -> Mapping[str, Signature]:
        return {signature.key: signature for signature in self.model.signatures}

    def entry(self, signature: str | None) -> int:
        """The subgraph of a signature; None is the first."""
        if signature is None:
            return 0
        if signature not in self.signatures:
            raise InputError(
                f"{self.path}: there is no signature {signature!r}; there are {list(self.signatures)}."
            )
        return self.signatures[signature].subgraph

    def graph(self, shapes: Mapping[str, Shape] | None = None, signature: str | None = None) -> Graph:
        """The graph of a whole subgraph, with inputs of other `shapes` where named (as the signature names
        them, or the file). Raises FormatError, UnsupportedOperatorError (which lists all), Cut where it
        cannot be one graph, InputError for a wrong name or shape."""
        index = self.entry(signature)
        subgraph = self.model.subgraphs[index]
        scope = self._begin(index, resized=bool(shapes))
        inputs = [scope.tensors.declared(i) for i in subgraph.inputs]
        self._name_ports(scope, signature, "inputs")
        scope.imported.batch = _reshape_inputs(inputs, shapes or {})
        try:
            scope.run()
        except Cut:
            scope.imported.refused += unknown_elsewhere(self.model, index)
            raise
        finally:
            self._raise_refused(scope)
        outputs = [scope.value(i) for i in dict.fromkeys(subgraph.outputs)]
        self._name_ports(scope, signature, "outputs")
        graph = Graph(self.path, inputs, outputs, scope.imported.nodes, dict(self.metadata))
        graph.states = scope.imported.states() + scope.imported.constant_variables()
        graph.check()
        return graph

    def ports(self, shapes: Mapping[str, Shape] | None = None, signature: str | None = None) -> Graph:
        """The inputs and outputs of a subgraph as the file declares them, without what is between."""
        index = self.entry(signature)
        subgraph = self.model.subgraphs[index]
        scope = self._begin(index, resized=bool(shapes))
        inputs = [scope.tensors.declared(i) for i in subgraph.inputs]
        outputs = [scope.tensors.declared(i) for i in dict.fromkeys(subgraph.outputs)]
        self._name_ports(scope, signature, "inputs")
        self._name_ports(scope, signature, "outputs")
        _reshape_inputs(inputs, shapes or {})
        return Graph(self.path, inputs, outputs, [], dict(self.metadata))

    def free_dimensions(self, signature: str | None = None) -> list[frozenset[int]]:
        """Of each input, the dimensions that may have another size: those that the file leaves open, and
        the first one, the batch."""
        subgraph = self.model.subgraphs[self.entry(signature)]
        free = []
        for tensor in (subgraph.tensors[i] for i in subgraph.inputs):
            open_ones = {d for d, size in enumerate(tensor.shape_signature or ()) if size == -1}
            free.append(frozenset(open_ones | ({0} if tensor.shape else set())))
        return free

    def open_shapes(self) -> dict[str, tuple[int | str, ...]]:
        """None: every tensor of a TFLite file has a shape of its own, whatever others it may take."""
        return {}

    def operator_names(self, signature: str | None = None) -> tuple[str, ...]:
        """The operators of a subgraph, as the file calls them."""
        return tuple(o.name for o in self.model.subgraphs[self.entry(signature)].operators)

    def initial_variables(self) -> dict[str, Array]:
        """What the CALL_ONCE operators of the file assign, by the names of the variables. Raises FormatError
        where operators that run subgraphs do not fit them."""
        check_control(self.path, self.model)
        found: dict[str, Array] = {}
        for subgraph in self.model.subgraphs:
            for once in subgraph.operators:
                if once.name == "CALL_ONCE":
                    found |= assigned_once(Imported(self.path, self.model), once)
        return found

    def weight_bytes(self, signature: str | None = None) -> int:
        """The bytes of the constants of a subgraph, as they are stored."""
        tensors = self.model.subgraphs[self.entry(signature)].tensors
        return sum(t.data.nbytes for t in tensors if t.data is not None)

    @property
    def subgraphs(self) -> Sequence[SubGraph]:
        return self.model.subgraphs

    def type_of(self, index: int, tensor: int, array: Array) -> TensorType:
        """The type of a tensor of subgraph `index` when it holds this array."""
        scope = self._begin(index, resized=True)
        return scope.tensors.type_of(scope.tensors.tensors[tensor]).with_shape(array.shape)

    def region(
        self,
        index: int,
        begin: int,
        types: Mapping[int, TensorType],
        arrays: Mapping[int, Array],
        variables: Mapping[str, Array],
    ) -> Region:
        """As many operators of subgraph `index` from `begin` on as can be one graph.

        types: the tensors that are there by now, with the shapes they have; arrays: those of them whose
        values the operators need to know; variables: what they hold. All that is read becomes an input of
        the graph, all that is needed later an output.
        """
        subgraph = self.model.subgraphs[index]
        scope = self._begin(index, resized=True)
        for i, kind in types.items():
            tensor = scope.tensors.tensors[i]
            if tensor.data is None:
                value = scope.tensors.declared(i)
                value.type, value.data = kind, arrays.get(i)
        scope.imported.held = variables
        for earlier in subgraph.operators[:begin]:
            if earlier.name == "VAR_HANDLE":
                name_handle(scope, earlier)
        end, wanted = len(subgraph.operators), None
        last: tuple[Node, ...] = ()
        try:
            scope.run(begin)
        except Cut as cut:
            end, wanted, last = cut.operator.index, cut.wanted, cut.nodes
        self._raise_refused(scope)
        written = {i for o in subgraph.operators[begin:end] for i in o.outputs}
        later = set(subgraph.outputs).union(*(o.inputs for o in subgraph.operators[end:]))
        outputs = tuple(sorted(i for i in written & later if scope.tensors.tensors[i].dtype is not None))
        nodes = scope.imported.nodes
        read = {v for node in nodes for v in node.inputs} | {scope.value(i) for i in outputs}
        inputs = tuple(i for i in types if (v := scope.tensors.declared(i)) in read and v.data is None)
        graph = Graph(
            f"{self.path}, operators {begin} to {end - 1}",
            [scope.tensors.declared(i) for i in inputs],
            [scope.value(i) for i in outputs],
            nodes,
            dict(self.metadata),
        )
        graph.states = scope.imported.states() + scope.imported.constant_variables()
        graph.check()
        return Region(graph, begin, end, inputs, outputs, wanted, last)

    def decide(
        self, index: int, region: Region, arrays: Mapping[int, Array], call: Call
    ) -> dict[int, Array]:
        """Runs the operator at the end of a region for the tensors that are there: what it writes."""
        return decide(self.path, self.model.subgraphs[index].operators[region.end], region, arrays, call)

    def _begin(self, index: int, resized: bool) -> SubgraphImport:
        return SubgraphImport(Imported(self.path, self.model, resized), index)

    def _raise_refused(self, scope: SubgraphImport) -> None:
        refused = scope.imported.refused
        count = sum(len(subgraph.operators) for subgraph in self.model.subgraphs)
        if refused:
            raise UnsupportedOperatorError(
                f"{self.path}: {len(refused)} of {count} operators are not supported:\n" + "\n".join(refused)
            )

    def _name_ports(self, scope: SubgraphImport, signature: str | None, role: str) -> None:
        """Gives inputs or outputs the names that the signature has for them."""
        if signature is None:
            return
        found = self.signatures[signature]
        ports = found.inputs if role == "inputs" else found.outputs
        for name, index in ports.items():
            scope.value(index).name = name


def _reshape_inputs(inputs: list[Value], shapes: Mapping[str, Shape]) -> int:
    """Gives inputs the shapes, of any rank; how many times the batch they have then, 1 where that means
    nothing."""
    by_name = {value.name: value for value in inputs}
    before = [value.type.shape for value in inputs]
    for name, shape in shapes.items():
        if name not in by_name:
            raise InputError(f"There is no input {name!r}; the inputs are {sorted(by_name)}.")
        value = by_name[name]
        try:
            sizes = tuple(operator.index(d) for d in shape)
        except TypeError:
            sizes = (0,)  # no numbers of elements
        if min(sizes, default=1) < 1:
            raise InputError(f"Input {name!r} has the shape {value.type.shape}, it cannot become {shape!r}.")
        value.type = value.type.with_shape(sizes)
    after = [value.type.shape for value in inputs]
    pairs = [(new, old) for new, old in zip(after, before, strict=True) if old and old[0]]
    if any(len(new) != len(old) for new, old in pairs):
        return 1
    ratios = {divmod(new[0], old[0]) for new, old in pairs}
    (factor, rest) = next(iter(ratios)) if len(ratios) == 1 else (1, 0)
    return factor if rest == 0 else 1
