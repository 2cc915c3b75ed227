"""One operator of an ONNX file while it is imported, and what many importers ask of it.

An importer emits operators of the IR and returns the values of the outputs. What follows from constants
alone is computed at once, so that arithmetic on shapes never becomes part of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgerun import knobs
from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.ir.graph import Node, Value
from edgerun.ir.op import Op, evaluate
from edgerun.ir.quantize import Dequantize
from edgerun.ir.shape import Transpose
from edgerun.ir.types import FLOAT32, FLOAT64, Array, Element, Quantization, TensorType

FLOAT = Element(FLOAT32)


def float_of(value: Value) -> Element:
    """What arithmetic on a value gives that is made for floats: float64 of float64, float32 otherwise."""
    return Element(FLOAT64) if value.type.dtype == FLOAT64 else FLOAT


class NeedsValue(UnsupportedOperatorError):
    """An importer has to know what an operand holds; `operand`: which one."""

    def __init__(self, name: str, operand: int) -> None:
        super().__init__(f"its {name} is computed at run time")
        self.operand = operand


class DataDependent(UnsupportedOperatorError):
    """The shape of a result depends on data that is not known before the run."""


@dataclass
class Emitted:
    """What the import of a file has made so far."""

    nodes: list[Node] = field(default_factory=list)
    producers: dict[Value, Node] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    room: int = field(default_factory=knobs.max_fold_bytes)  # for what is computed while importing
    at_once: bool = False  # operators on constants are all computed, whatever their size

    def mark(self) -> int:
        """Where `back_to` takes back what is made from now on."""
        return len(self.nodes)

    def back_to(self, mark: int) -> None:
        for node in self.nodes[mark:]:
            for value in node.outputs:
                self.producers.pop(value, None)
        del self.nodes[mark:]

    def unique(self, name: str) -> str:
        found, k = name, 0
        while found in self.names:
            k += 1
            found = f"{name}/{k}"
        self.names.add(found)
        return found


class Import:
    """One operator: its attributes, and the values it reads (None: absent)."""

    def __init__(
        self,
        emitted: Emitted,
        operator: str,
        inputs: Sequence[Value | None],
        outputs: Sequence[str],
        attributes: Mapping[str, Any],
        opset: int,
        index: int,
    ) -> None:
        self.emitted, self.operator = emitted, operator
        self.inputs, self.outputs = list(inputs), outputs
        self.attributes, self.opset, self.index = attributes, opset, index

    # -- operands --

    def has(self, i: int) -> bool:
        return i < len(self.inputs) and self.inputs[i] is not None

    def value(self, i: int) -> Value:
        value = self.inputs[i] if i < len(self.inputs) else None
        if value is None:
            raise FormatError(f"it lacks input {i}")
        return value

    def type(self, i: int) -> TensorType:
        return self.value(i).type

    def constant(self, i: int, name: str) -> Array:
        """Input i, which has to be known before the run."""
        data = self.value(i).data
        if data is None:
            raise NeedsValue(name, i)
        return data

    def integers(self, i: int, name: str) -> tuple[int, ...]:
        return tuple(int(v) for v in self.constant(i, name).reshape(-1))

    def moved_integers(self, i: int, name: str) -> tuple[int, ...] | None:
        """What older opsets have as attribute `name` and newer ones as input i; None where it is absent."""
        if name in self.attributes:
            given = self.attributes[name]
            return tuple(given) if isinstance(given, list | tuple) else (given,)
        return self.integers(i, name) if self.has(i) else None

    def get(self, name: str, default: Any) -> Any:
        return self.attributes.get(name, default)

    # -- what it makes --

    def emit(self, op: Op, *inputs: Value | None) -> Value:
        """The one result of `op`."""
        (value,) = self.emit_all(op, *inputs)
        return value

    def emit_all(self, op: Op, *inputs: Value | None) -> list[Value]:
        types = [None if v is None else v.type for v in inputs]
        constant = bool(inputs) and all(v is None or v.data is not None for v in inputs)
        arrays = [None if v is None else v.data for v in inputs]
        if op.data_dependent:
            if not constant:
                raise DataDependent("the shape of its output depends on its data")
            results = evaluate(op, types, arrays)  # type: ignore[arg-type]
            return [self.const(result) for result in results]
        inferred = op.infer(*types)  # type: ignore[arg-type]
        name = self.outputs[0] if self.outputs else self.operator
        values = [Value(self.emitted.unique(f"{name}/{op.name.lower()}"), kind) for kind in inferred]
        node = Node(op, list(inputs), values, self.index)
        size = sum(v.type.nbytes for v in values)
        # A dequantised constant stays one: the pass that folds quantisation wants its integers.
        folds = op.folds and not isinstance(op, Dequantize) and size <= self.emitted.room
        if constant and (folds or self.emitted.at_once):
            self.emitted.room -= size
            for value, result in zip(values, evaluate(op, types, arrays), strict=True):  # type: ignore[arg-type]
                value.data = np.ascontiguousarray(result).reshape(result.shape)
                value.data.setflags(write=False)
            return values
        self.emitted.nodes.append(node)
        self.emitted.producers.update(dict.fromkeys(values, node))
        return values

    def const(self, array: Any, dtype: Any = None, quantization: Quantization | None = None) -> Value:
        """A constant of the importer's own."""
        data = np.ascontiguousarray(np.asarray(array, dtype)).reshape(np.shape(array))
        data.setflags(write=False)
        kind = TensorType(data.shape, data.dtype, quantization)
        return Value(self.emitted.unique(f"{self.outputs[0]}/const"), kind, data=data)

    def afford(self, nbytes: int) -> None:
        """Room for a constant that an importer is about to compute. Raises UnsupportedOperatorError."""
        if nbytes > self.emitted.room:
            raise UnsupportedOperatorError(
                f"its constant needs {nbytes >> 20} MB, EDGERUN_MAX_FOLD_MB leaves {self.emitted.room >> 20}"
            )
        self.emitted.room -= nbytes

    def producer(self, value: Value) -> Node | None:
        return self.emitted.producers.get(value)

    # -- layout --

    def transpose(self, value: Value, perm: tuple[int, ...]) -> Value:
        """The value with its dimensions in another order; what is a dequantised constant stays one."""
        if perm == tuple(range(len(perm))):
            return value
        node = self.producer(value)
        source = node.inputs[0] if node is not None and isinstance(node.op, Dequantize) else value
        if source is not None and source.data is not None and source.type.quantization is not None:
            q = source.type.quantization
            moved = Quantization(q.scale, q.zero_point, 0 if q.per_tensor else perm.index(q.axis))
            quanta = self.const(source.data.transpose(perm), quantization=moved)
            return quanta if source is value else self.emit(Dequantize(), quanta)
        return self.emit(Transpose(perm), value)


Importer = Callable[[Import], "Value | Sequence[Value]"]


def axis_of(axis: int, rank: int) -> int:
    """An axis that may count from the end."""
    if not -rank <= axis < max(rank, 1):
        raise FormatError(f"axis {axis} does not fit a tensor of rank {rank}")
    return axis % max(rank, 1)


def axes_of(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    found = {axis_of(int(a), rank) for a in axes}
    if len(found) < len(axes):
        raise FormatError(f"axes {list(axes)} of a tensor of rank {rank} repeat")
    return tuple(sorted(found))


def refuse(reason: str) -> UnsupportedOperatorError:
    return UnsupportedOperatorError(reason)
