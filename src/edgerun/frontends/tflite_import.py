"""Importing the operators of a TFLite subgraph: values, nodes, variables, calls of other subgraphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from edgerun import knobs
from edgerun.errors import FormatError, ModelError, UnsupportedOperatorError
from edgerun.formats.tflite_model import Model, Operator, Tensor
from edgerun.frontends.stages import Cut
from edgerun.frontends.tflite_ops import IMPORTERS
from edgerun.frontends.tflite_ops.task import Import, Known, NeedsValue
from edgerun.frontends.tflite_tensors import Names, Tensors
from edgerun.ir.graph import Node, State, Value
from edgerun.ir.op import NUMBERS_DO_NOT_FIT
from edgerun.ir.shape import Reshape
from edgerun.ir.types import INT8, Array, TensorType

# Of a graph: subgraphs that call others twice, which call others twice, are large beyond any file.
_MOST_OPERATORS = 1 << 14
_NO_IMPORTER = "there is no importer for it"


@dataclass
class Variable:
    """What a model remembers: the value that a run starts with, the one it has now, and the initial array
    (None: nothing has assigned one yet)."""

    name: str
    initial: Array | None = None
    read: Value | None = None
    current: Value | None = None


@dataclass
class Imported:
    """What an import has made so far; subgraphs that are called add to their caller's."""

    path: str
    model: Model
    resized: bool = False  # inputs have other shapes than the file says
    batch: int = 1  # how many times the file's batch they have
    known: Known = field(default_factory=Known)
    nodes: list[Node] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    operators: int = 0  # how many were imported, those of a subgraph as often as it is called
    held: Mapping[str, Array] = field(default_factory=dict)  # what variables hold by now
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        in_file = sum(len(subgraph.operators) for subgraph in self.model.subgraphs)
        self.most_operators = max(_MOST_OPERATORS, 2 * in_file)

    def add(self, nodes: list[Node]) -> None:
        self.nodes += nodes
        for node in nodes:
            self.known.add(node)

    def states(self) -> list[State]:
        """The variables that the imported operators write."""
        found = []
        for variable in self.variables.values():
            read, current = variable.read, variable.current
            if current is None or current is read:
                continue
            if read is None:  # written, and read by nobody in this stretch
                read = Value(self.names.unique(f"{variable.name}/before"), current.type)
            initial = variable.initial
            if initial is None:
                initial = zeros(read.type)
            found.append(State(variable.name, read, current, initial))
        return found

    def constant_variables(self) -> list[State]:
        """The variables that are read and never written by the imported operators."""
        return [
            State(v.name, v.read, v.read, zeros(v.read.type) if v.initial is None else v.initial)
            for v in self.variables.values()
            if v.read is not None and v.current is v.read
        ]


def zeros(kind: TensorType) -> Array:
    return _filled(kind, 0)


def _filled(kind: TensorType, element: int) -> Array:
    if kind.nbytes > knobs.max_arena_bytes():
        raise ModelError(
            f"A variable ({kind}) needs {kind.nbytes >> 20} MB, "
            f"EDGERUN_MAX_ARENA_MB allows {knobs.max_arena_bytes() >> 20}."
        )
    array = np.full(kind.shape, element, kind.dtype)
    array.setflags(write=False)
    return array


class SubgraphImport:
    """One subgraph while it is imported."""

    def __init__(self, imported: Imported, index: int, prefix: str = "") -> None:
        self.imported = imported
        self.index = index
        self.subgraph = imported.model.subgraphs[index]
        self.tensors = Tensors(imported.path, self.subgraph.tensors, imported.names, prefix)
        self.handles: dict[int, Variable] = {}  # of tensors that name a variable

    def run(self, begin: int = 0, end: int | None = None) -> None:
        """Imports operators begin .. end-1, and notes all that are not supported in `imported.refused`.

        Raises Cut at the first that must be cut off, after a look at all that follow; FormatError.
        """
        operators = self.subgraph.operators[begin:end]
        for at, operator in enumerate(operators):
            place = f"{self.imported.path}: operator {operator.index} {operator.name}"
            try:
                with np.errstate(all="ignore"):
                    self._import(operator, place)
            except Cut:
                for later in operators[at:]:
                    if later.name not in IMPORTERS and later.name not in CONTROL:
                        self._refuse(later, _NO_IMPORTER)
                raise
            except UnsupportedOperatorError as error:
                self._refuse(operator, str(error))
            except FormatError:
                raise
            except ModelError as error:
                raise FormatError(f"{place}: {error}") from error
            except (AttributeError, *NUMBERS_DO_NOT_FIT) as error:
                # Importers read operands and options as sound files have them: none is absent (None).
                raise FormatError(f"{place}: its operands or options do not fit it ({error}).") from error

    def value(self, index: int) -> Value:
        """What a reader of a tensor reads: of a variable, what it holds now."""
        if index < 0:
            raise FormatError(f"{self.imported.path}: an operand that must be there is absent.")
        tensor = self.tensors.tensors[index]
        if tensor.is_variable and tensor.data is None:
            variable = self.variable(f"{tensor.name} (tensor {index} of subgraph {self.index})")
            q = self.tensors.declared(index).type.quantization
            if variable.initial is None and q is not None and tensor.dtype == INT8:
                # TFLite starts these, and no others, with the real number zero.
                variable.initial = _filled(self.tensors.declared(index).type, q.zero)
            return self.read(variable, lambda: self.tensors.declared(index))
        return self.tensors.declared(index)

    # -- variables --

    def variable(self, name: str) -> Variable:
        imported = self.imported
        return imported.variables.setdefault(name, Variable(name, imported.held.get(name)))

    def read(self, variable: Variable, declare: Callable[[], Value]) -> Value:
        """What a variable holds now; `declare` makes its value when nothing has touched it yet."""
        if variable.current is None:
            value = declare()
            if variable.initial is not None:
                value.type = value.type.with_shape(variable.initial.shape)
            variable.read = variable.current = value
        return variable.current

    def same(self, value: Value, index: int) -> None:
        """Makes tensor `index` the elements of `value`."""
        target = self.tensors.declared(index)
        op = Reshape(value.type.shape)
        target.type = value.type
        self.imported.add([Node(op, [value], [target])])

    # -- operators --

    def _import(self, operator: Operator, place: str) -> None:
        self.imported.operators += 1
        if self.imported.operators > self.imported.most_operators:
            raise FormatError(
                f"{place}: with all that is called there are more than "
                f"{self.imported.most_operators} operators."
            )
        if operator.name in CONTROL:
            CONTROL[operator.name](self, operator)
            return
        importer = IMPORTERS.get(operator.name)
        if importer is None:
            raise UnsupportedOperatorError(_NO_IMPORTER)
        inputs = [None if i < 0 else self.value(i) for i in operator.inputs]
        outputs = [self.tensors.declared(i) for i in operator.outputs]
        within = [
            None if i < 0 else self.tensors.type_of(self.tensors.tensors[i]) for i in operator.intermediates
        ]
        task = Import(operator, inputs, outputs, self.imported.known, self.imported.batch, within)
        try:
            op = importer(task)
        except NeedsValue as error:
            raise Cut(operator, str(error), error.value.index) from error
        written = [state[1] for state in task.states]
        node = Node(op, list(task.inputs), [*outputs, *written], operator.index)
        if op.data_dependent:
            reason = "the shape of its output depends on its data"
            raise Cut(operator, reason, nodes=(*task.nodes, node))
        self._settle_types(node, place)
        self.imported.add([*task.nodes, node])
        for k, state in enumerate(task.states):
            self._remember(f"{self.index}/{operator.index}/{k}", *state)

    def _remember(self, name: str, read: Value, written: Value, initial: Array | None = None) -> None:
        if initial is not None:
            self.imported.variables[name] = Variable(name, initial, read, written)
            return
        variable = next((v for v in self.imported.variables.values() if v.current is read), None)
        if variable is None:
            raise ModelError(f"Its state '{read.name}' is not that of a variable.")
        variable.current = written

    def _settle_types(self, node: Node, place: str) -> None:
        types = node.op.infer(*node.types())
        if len(types) != len(node.outputs):
            raise FormatError(f"{place}: it has {len(node.outputs)} outputs, expected {len(types)}.")
        for value, inferred in zip(node.outputs, types, strict=True):
            tensor = self.tensors.tensors[value.index] if value.index >= 0 else None
            # An operator that shapes its outputs when it runs declares them as scalars.
            declared = value.type.shape
            if declared != inferred.shape and not self.imported.resized and not _open(declared, tensor):
                raise FormatError(
                    f"{place}: its output '{value.name}' has the shape {inferred.shape}, "
                    f"but the file says {declared}."
                )
            if value.type.dtype != inferred.dtype:
                raise FormatError(
                    f"{place}: its output '{value.name}' is {inferred.dtype}, "
                    f"but the file says {value.type.dtype}."
                )
            value.type = inferred

    def _refuse(self, operator: Operator, reason: str) -> None:
        self.imported.refused.append(_refusal(operator, self.subgraph.tensors, reason))


def _open(shape: tuple[int, ...], tensor: Tensor | None) -> bool:
    """Whether the declared shape of an output is open: a scalar's, or one with unknown dimensions."""
    return shape == () or (
        tensor is not None and tensor.shape_signature is not None and -1 in tensor.shape_signature
    )


def unknown_elsewhere(model: Model, index: int) -> list[str]:
    """Refusals of the operators without an importer in all subgraphs but `index`: those that control flow
    may come to."""
    return [
        _refusal(operator, subgraph.tensors, _NO_IMPORTER).replace("  ", f"  subgraph {i}, ", 1)
        for i, subgraph in enumerate(model.subgraphs)
        for operator in subgraph.operators
        if i != index and operator.name not in IMPORTERS and operator.name not in CONTROL
    ]


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


# -- operators about subgraphs and variables --

Control = Callable[[SubgraphImport, Operator], None]


def _inline(scope: SubgraphImport, operator: Operator, index: int, inputs: list[Value]) -> None:
    """The operators of subgraph `index` in the place of a call."""
    inner = SubgraphImport(scope.imported, index, f"{scope.imported.model.subgraphs[index].name or index}/")
    if len(inner.subgraph.inputs) != len(inputs) or len(inner.subgraph.outputs) != len(operator.outputs):
        raise FormatError(
            f"{scope.imported.path}: operator {operator.index} {operator.name} has {len(inputs)} inputs and "
            f"{len(operator.outputs)} outputs, its subgraph {len(inner.subgraph.inputs)} and "
            f"{len(inner.subgraph.outputs)}."
        )
    for i, value in zip(inner.subgraph.inputs, inputs, strict=True):
        inner.tensors.bind(i, value)
    try:
        inner.run()
    except Cut as cut:
        raise Cut(operator, f"within its subgraph, {cut.operator.name}: {cut}") from cut
    for i, target in zip(inner.subgraph.outputs, operator.outputs, strict=True):
        scope.same(inner.value(i), target)


def _call(scope: SubgraphImport, operator: Operator) -> None:
    _inline(scope, operator, operator.options["subgraph"], [scope.value(i) for i in operator.inputs])


def _composite(scope: SubgraphImport, operator: Operator) -> None:
    index = operator.options["decomposition_subgraph_index"]
    _inline(scope, operator, index, [scope.value(i) for i in operator.inputs])


def _if(scope: SubgraphImport, operator: Operator) -> None:
    condition = scope.imported.known.array(scope.value(operator.inputs[0]))
    if condition is None:
        raise Cut(operator, "its condition is computed at run time")
    which = "then_subgraph_index" if condition.any() else "else_subgraph_index"
    _inline(scope, operator, operator.options[which], [scope.value(i) for i in operator.inputs[1:]])


def _while(scope: SubgraphImport, operator: Operator) -> None:
    raise Cut(operator, "it is a loop")


def _call_once(scope: SubgraphImport, operator: Operator) -> None:
    for name, array in assigned_once(Imported(scope.imported.path, scope.imported.model), operator).items():
        if name not in scope.imported.held:
            scope.variable(name).initial = array


def assigned_once(imported: Imported, operator: Operator) -> dict[str, Array]:
    """The initial values of variables: what the subgraph of a CALL_ONCE assigns. `imported` is a new one."""
    inner = SubgraphImport(imported, operator.options["init_subgraph_index"])
    try:
        inner.run()
    except Cut as cut:
        raise UnsupportedOperatorError(f"within its subgraph, {cut.operator.name}: {cut}") from cut
    if imported.refused:
        raise UnsupportedOperatorError("its subgraph has:\n" + "\n".join(imported.refused))
    arrays = {}
    for name, assigned in imported.variables.items():
        array = None if assigned.current is None else imported.known.array(assigned.current)
        if array is None:
            raise UnsupportedOperatorError(f"the initial value of {name} is not a constant")
        array = np.array(array, order="C")
        array.setflags(write=False)
        arrays[name] = array
    return arrays


def name_handle(scope: SubgraphImport, operator: Operator) -> None:
    names = [operator.options.get(key) or b"" for key in ("container", "shared_name")]
    text = "/".join(n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names)
    scope.handles[operator.outputs[0]] = scope.variable(text)


def _handle(scope: SubgraphImport, operator: Operator) -> Variable:
    index = operator.inputs[0]
    if index not in scope.handles:
        raise UnsupportedOperatorError("its variable is not named by a VAR_HANDLE of the same subgraph")
    return scope.handles[index]


def _read_variable(scope: SubgraphImport, operator: Operator) -> None:
    output = scope.tensors.tensors[operator.outputs[0]]
    variable = _handle(scope, operator)
    name = scope.imported.names.unique(f"{variable.name}/before") if variable.current is None else ""
    value = scope.read(variable, lambda: Value(name, scope.tensors.type_of(output)))
    scope.same(value, output.index)


def _assign_variable(scope: SubgraphImport, operator: Operator) -> None:
    _handle(scope, operator).current = scope.value(operator.inputs[1])


CONTROL: Mapping[str, Control] = {
    "ASSIGN_VARIABLE": _assign_variable,
    "CALL": _call,
    "CALL_ONCE": _call_once,
    "IF": _if,
    "READ_VARIABLE": _read_variable,
    "STABLEHLO_COMPOSITE": _composite,
    "VAR_HANDLE": name_handle,
    "WHILE": _while,
}
