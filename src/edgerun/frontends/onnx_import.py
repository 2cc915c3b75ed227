"""Importing the operators of a scope of an ONNX file: values by name, branches that are known, refusals."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from edgerun.errors import EdgerunError, FormatError, UnsupportedOperatorError
from edgerun.formats.onnx_reader import array_of
from edgerun.frontends.onnx_control import CONTROL
from edgerun.frontends.onnx_ops import IMPORTERS
from edgerun.frontends.onnx_ops.task import DataDependent, Emitted, Import, NeedsValue
from edgerun.frontends.onnx_scopes import ABSENT, Scope, ScopeOperator
from edgerun.frontends.onnx_widen import imported
from edgerun.frontends.stages import Cut
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import NUMBERS_DO_NOT_FIT
from edgerun.ir.shape import Reshape
from edgerun.ir.types import Array, TensorType

T = TypeVar("T")
_NO_IMPORTER = "there is no importer for it"


class ScopeImport:
    """One scope while it is imported. Branches that are known add to what their operator's scope emits."""

    def __init__(
        self, path: str, scopes: Sequence[Scope], index: int, opset: int, emitted: Emitted | None = None
    ) -> None:
        self.path, self.scopes, self.index, self.opset = path, scopes, index, opset
        self.scope = scopes[index]
        self.inner = emitted is not None
        self.emitted = emitted or Emitted()
        self.refused: list[str] = []
        self.values: dict[int, Value] = {}
        self.taken: set[str] = set()  # names of values that are those of the file
        if not self.inner:
            self.emitted.names.update(self.scope.names)
        for i, array in self.scope.constants.items():
            self.declare(i, TensorType(array.shape, array.dtype), array)

    def declare(self, i: int, kind: TensorType, array: Array | None = None) -> Value:
        """The value of a tensor that is there before the operators; array: what it holds, if known."""
        name = self.scope.names[i]
        self.values[i] = Value(self.emitted.unique(name) if self.inner else name, kind, data=array)
        self.taken.add(self.values[i].name)
        return self.values[i]

    def run(self, begin: int = 0) -> None:
        """Imports the operators from `begin` on, and notes all that are not supported in `refused`.

        Raises Cut at the first that must be cut off, after a look at all that follow; FormatError.
        """
        unknown: set[int] = set()  # what operators that were refused would have computed
        for at, operator in enumerate(self.scope.operators[begin:], begin):
            if unknown.intersection(operator.inputs):
                unknown.update(set(operator.outputs) - {ABSENT})
                self._note_unknown([operator])
                continue
            try:
                guarded(self.path, operator, functools.partial(self.import_one, operator))
            except Cut:
                self._note_unknown(self.scope.operators[at:])
                raise
            except UnsupportedOperatorError as error:
                self._refuse(operator, str(error))
            unknown.update(i for i in operator.outputs if i != ABSENT and i not in self.values)

    def value(self, i: int) -> Value | None:
        if i == ABSENT:
            return None
        if i not in self.values:
            raise FormatError(f"it reads '{self.scope.names[i]}', which nothing has written")
        return self.values[i]

    def result(self, i: int) -> Value:
        """The value of tensor `i` under its own name, for the outputs of a graph."""
        name = self.scope.names[i]
        if i not in self.values:
            raise FormatError(f"{self.path}: the output '{name}' is never written.")
        value = self.values[i]
        if value.name == name:
            return value
        made = Value(name, value.type)
        self.emitted.nodes.append(Node(Reshape(value.type.shape), [value], [made]))
        return made

    def task(self, operator: ScopeOperator) -> Import:
        names = list(operator.node.output)
        while names and not names[-1]:
            names.pop()
        attributes = attributes_of(operator.node, self.path)
        inputs = [self.value(i) for i in operator.own_inputs]
        kind = operator.node.op_type
        return Import(self.emitted, kind, inputs, names, attributes, self.opset, operator.index)

    # -- operators --

    def import_one(self, operator: ScopeOperator) -> None:
        if operator.name in CONTROL:
            self._branch(operator)
            return
        importer = IMPORTERS.get(operator.name)
        if importer is None:
            raise UnsupportedOperatorError(_NO_IMPORTER)
        task = self.task(operator)
        before = self.emitted.mark()
        try:
            with np.errstate(all="ignore"):
                results = imported(importer, task, operator.node.domain)
        except NeedsValue as error:
            self.emitted.back_to(before)
            raise Cut(operator, str(error), operator.inputs[error.operand]) from error
        except DataDependent as error:
            self.emitted.back_to(before)
            raise Cut(operator, str(error)) from error
        self._bind(operator, task.outputs, results)

    def _bind(self, operator: ScopeOperator, names: Sequence[str], results: Sequence[Value]) -> None:
        """Makes values the outputs of an operator; what an importer made has the name of nothing in the file,
        and is given that of the output."""
        for i, name, value in zip(operator.outputs, names, results, strict=False):
            if i == ABSENT:
                continue
            if not self.inner and value.name not in self.taken:
                value.name = name
                self.taken.add(name)
            self.values[i] = value
        if len(results) != len(names):
            raise FormatError(f"it has {len(names)} outputs, expected {len(results)}")

    def _branch(self, operator: ScopeOperator) -> None:
        """The branch of an If whose condition is known, in its place; all other control flow is cut off."""
        condition = self.value(operator.inputs[0]) if operator.name == "If" else None
        if condition is None:
            raise Cut(operator, "it is a loop")
        if condition.data is None:
            raise Cut(operator, "its condition is computed at run time")
        if condition.data.dtype != np.bool_:
            raise FormatError(f"its condition is {condition.type}, expected bool")
        which = operator.bodies["then_branch" if condition.data.any() else "else_branch"]
        body = ScopeImport(self.path, self.scopes, which, self.opset, self.emitted)
        if body.scope.ports:
            raise FormatError("its branch has inputs")
        by_name = {self.scope.names[i]: self.values[i] for i in operator.inputs if i in self.values}
        for i in body.scope.inputs:
            if body.scope.names[i] not in by_name:
                raise FormatError(f"its branch reads '{body.scope.names[i]}', which nothing has written")
            body.values[i] = by_name[body.scope.names[i]]
        before = self.emitted.mark()
        try:
            body.run()
            if body.refused:
                self.refused += body.refused
                return
        except Cut as cut:
            self.emitted.back_to(before)
            raise Cut(operator, f"within its branch, {cut.operator.name}: {cut}") from cut
        outputs = [body.values[i] for i in body.scope.outputs]
        self._bind(operator, list(operator.node.output), outputs)

    # -- refusals --

    def _note_unknown(self, operators: Iterable[ScopeOperator]) -> None:
        for operator in operators:
            if operator.name not in IMPORTERS and operator.name not in CONTROL:
                self._refuse(operator, _NO_IMPORTER)

    def _refuse(self, operator: ScopeOperator, reason: str) -> None:
        within = f"graph {self.index}, " if self.index else ""
        self.refused.append(f"  {within}{operator.place}: {reason}")


def guarded(path: str, operator: ScopeOperator, work: Callable[[], T]) -> T:
    """The result of `work` on an operator; what goes wrong is a FormatError that says where, except for what
    is not supported."""
    place = f"{path}: {operator.place}"
    try:
        return work()
    except UnsupportedOperatorError:
        raise
    except FormatError as error:
        text = str(error)
        raise FormatError(text if text.startswith(path) else f"{place}: {text}.") from error
    except EdgerunError as error:
        raise FormatError(f"{place}: {error}") from error
    except (AttributeError, *NUMBERS_DO_NOT_FIT) as error:
        raise FormatError(f"{place}: its operands or attributes do not fit it ({error}).") from error


def unknown_elsewhere(path: str, scopes: Sequence[Scope], opset: int) -> list[str]:
    """Refusals of the operators without an importer in the bodies: those that control flow may come to."""
    found: list[str] = []
    for index in range(1, len(scopes)):
        body = ScopeImport(path, scopes, index, opset)
        body._note_unknown(body.scope.operators)
        found += body.refused
    return found


def attribute(attribute: Any, path: str) -> Any:
    """The value of an attribute: a number, text, an array, or lists of them."""
    from onnx import AttributeProto, helper

    if attribute.type == AttributeProto.TENSOR:
        return array_of(attribute.t, path)
    value = helper.get_attribute_value(attribute)
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def attributes_of(node: Any, path: str) -> Mapping[str, Any]:
    return {a.name: attribute(a, path) for a in node.attribute}
