"""Comparisons, logic, and the choice between two tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgerun.frontends.tflite_ops.task import Import, Importer
from edgerun.ir.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    NotEqual,
    Select,
)
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import Op
from edgerun.ir.shape import Reshape


def _plain(op: type[Op]) -> Callable[[Import], Op]:
    return lambda task: op()


def select(task: Import) -> Op:
    """The first version's condition may be a vector that chooses whole slices of the first dimension."""
    condition, x = task.value(0), task.type(1)
    if len(condition.type.shape) == 1 and len(x.shape) > 1:
        shape = condition.type.shape + (1,) * (len(x.shape) - 1)
        op = Reshape(shape)
        made = Value(f"{task.outputs[0].name}/condition", op.infer(condition.type)[0])
        task.nodes.append(Node(op, [condition], [made]))
        task.inputs[0] = made
    return select_v2(task)


def select_v2(task: Import) -> Op:
    task.requantize_inputs()
    return Select()


IMPORTERS: Mapping[str, Importer] = {
    "EQUAL": _plain(Equal),
    "GREATER": _plain(Greater),
    "GREATER_EQUAL": _plain(GreaterEqual),
    "LESS": _plain(Less),
    "LESS_EQUAL": _plain(LessEqual),
    "LOGICAL_AND": _plain(LogicalAnd),
    "LOGICAL_NOT": _plain(LogicalNot),
    "LOGICAL_OR": _plain(LogicalOr),
    "NOT_EQUAL": _plain(NotEqual),
    "SELECT": select,
    "SELECT_V2": select_v2,
}
