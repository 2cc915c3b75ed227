"""The state of a lowering: the tensors of values, the steps so far, and the table of who lowers what."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from edgerun.errors import ModelError, UnsupportedOperatorError
from edgerun.ir.elementwise import Binary, Softmax, Unary
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.matmul import BatchMatMul
from edgerun.ir.op import NUMBERS_DO_NOT_FIT, Clamp, Op, clamp_range, quantization_of
from edgerun.ir.reduction import Reduction
from edgerun.ir.shape import Concat, Reshape, Transpose
from edgerun.ir.types import FLOAT64, INT32, Array, Element, Shape, is_added
from edgerun.plan.absent import WithAbsent
from edgerun.plan.layout import Layout
from edgerun.plan.plan import Attribute, Plan, PlanState, Quantum, Step, Weights


class Lowering:
    """The state of one lowering: the tensors of values, and the steps so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layout = Layout()
        self.steps: list[Step] = []
        self._ids: dict[Value, int] = {}
        # What several products read quantised by its own range is quantised once.
        self.quantised: dict[tuple[int, str, bool, bool], tuple[int, ...]] = {}
        self._node: Node | None = None

    def plan(self) -> Plan:
        inputs = [self._value(v, external=True) for v in self.graph.inputs]
        states = [PlanState(s.name, self._value(s.read, external=True), s.initial) for s in self.graph.states]
        outputs, copies = [], []
        for value in self.graph.outputs:
            if value in self._ids or value.data is not None:
                # An output that is an input, a constant or another output is copied.
                made = self.layout.new(value.name, value.type, external=True)
                copies.append((value, made))
                outputs.append(made)
            else:
                outputs.append(self._value(value, external=True))
        for node in self.graph.nodes:
            self._node = node
            self._lower(node)
        self._node = None
        for value, made in copies:
            self.copy(self.tensor(value), made, value.type.shape)
        self._write_states([state.tensor for state in states])
        values = {v.name: i for v, i in self._ids.items()}
        return Plan(self.graph.name, self.layout.tensors, self.steps, inputs, outputs, values, states)

    def _lower(self, node: Node) -> None:
        if all(map(_is_empty, node.outputs)):
            for value in node.outputs:
                self.tensor(value)  # nothing to compute
            return
        if not isinstance(node.op, Concat) and any(map(_is_empty, node.inputs)):
            self.host(node)  # a verb reads something
            return
        lowering = lowering_of_int16(node) if _of_int16(node) else lowering_of(type(node.op))
        if lowering is None or _in_float64(node) or _of_added_types(node):
            self.host(node)
            return
        try:
            with np.errstate(all="ignore"):
                lowering(self, node)
        except NUMBERS_DO_NOT_FIT as error:
            where = f"{self.graph.name}: {node.op.name} '{node.outputs[0].name}'"
            raise ModelError(f"{where}: its numbers do not fit it ({error}).") from error

    def _write_states(self, memory: list[int]) -> None:
        """Copies what the next run starts with into the memory of the states, when nobody reads the old
        elements any more."""
        written = [self.tensor(state.written) for state in self.graph.states]
        for k, (target, source) in enumerate(zip(memory, written, strict=True)):
            if source != target and self.layout.tensors[source].root in memory:
                # It lies in a state itself, which may be overwritten first.
                written[k] = self.temporary(source, self.shape(source))
                self.copy(source, written[k], self.shape(source))
        for target, source in zip(memory, written, strict=True):
            if source != target:
                self.copy(source, target, self.shape(target))

    # -- tensors --

    def _value(self, value: Value, external: bool = False) -> int:
        self._ids[value] = self.layout.new(value.name, value.type, external=external)
        return self._ids[value]

    def tensor(self, value: Value | None) -> int:
        """The tensor of a value, made when first asked for."""
        assert value is not None
        if value not in self._ids:
            self._ids[value] = self.layout.new(value.name, value.type, data=value.data)
        return self._ids[value]

    def shape(self, i: int) -> Shape:
        return self.layout.tensors[i].type.shape

    def temporary(self, like: int, shape: Shape) -> int:
        """A new tensor with the element type of `like`."""
        t = self.layout.tensors[like]
        return self.layout.new(f"{t.name}/{len(self.layout.tensors)}", t.type.with_shape(shape))

    def reshaped(self, i: int, shape: Shape) -> int:
        """Tensor i in another shape: a view, or a view of a contiguous copy."""
        view = self.layout.view(i, shape)
        if view is None:
            packed = self.temporary(i, self.shape(i))
            self.copy(i, packed, self.shape(i))
            view = self.layout.view(packed, shape)
            assert view is not None
        return view

    # -- steps --

    def step(
        self,
        verb: str,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        attributes: Mapping[str, Attribute],
        *,
        weights: Weights | None = None,
        macs: int = 0,
        op: Op | None = None,
    ) -> None:
        operator = "Copy" if self._node is None else self._node.op.name
        name = self.layout.tensors[outputs[0]].name
        self.steps.append(Step(verb, operator, name, inputs, outputs, attributes, weights, macs, op))

    def copy(
        self,
        source: int,
        target: int,
        shape: Shape,
        *,
        source_start: Shape = (),
        target_start: Shape = (),
        source_steps: tuple[int, ...] = (),
        source_dims: tuple[int, ...] = (),
        fill: Quantum | int | None = None,
    ) -> None:
        """Copies a box: loop dimension i walks dimension source_dims[i] of the source in steps of
        source_steps[i], and dimension i of the target; the target's rest is `fill`, when given."""
        if 0 in self.shape(target) or (0 in shape and fill is None):
            return  # nothing to write
        rank = len(shape)
        dims = source_dims or tuple(range(rank))
        steps = source_steps or (1,) * rank
        in_rows, in_channels = _strides(self.shape(source))
        out_rows, out_channels = _strides(self.shape(target))
        attributes: dict[str, Attribute] = {
            "shape": shape,
            "input_row_steps": tuple(in_rows[d] * s for d, s in zip(dims, steps, strict=True)),
            "input_channel_steps": tuple(in_channels[d] * s for d, s in zip(dims, steps, strict=True)),
            "output_row_steps": out_rows,
            "output_channel_steps": out_channels,
            "input_start": _dot(source_start, in_rows, in_channels),
            "output_start": _dot(target_start, out_rows, out_channels),
        }
        if fill is not None:
            attributes["fill"] = fill
        self.step("copy", (source,), (target,), attributes)

    def host(self, node: Node) -> None:
        """A node that runs in Python, through its eval."""
        inputs = tuple(self.tensor(v) for v in node.inputs if v is not None)
        outputs = tuple(self.tensor(v) for v in node.outputs)
        absent = tuple(i for i, v in enumerate(node.inputs) if v is None)
        self.step("host", inputs, outputs, {}, op=WithAbsent(node.op, absent) if absent else node.op)


def _in_float64(node: Node) -> bool:
    """Whether it is arithmetic that no verb has: there is none in float64."""
    computes = isinstance(node.op, BatchMatMul | Binary | Reduction | Softmax | Unary)
    return computes and node.outputs[0].type.dtype == FLOAT64


def _of_added_types(node: Node) -> bool:
    """Whether it has elements of a type that the engine only moves, and does not just move them."""
    kinds = [v.type.dtype for v in (*node.inputs, *node.outputs) if v is not None]
    return any(map(is_added, kinds)) and not isinstance(node.op, Concat | Reshape | Transpose)


def _is_empty(value: Value | None) -> bool:
    return value is not None and 0 in value.type.shape


Lower = Callable[[Lowering, Node], None]
LOWERINGS: dict[type[Op], Lower] = {}
_F = TypeVar("_F", bound=Lower)


def lowers(*ops: type[Op]) -> Callable[[_F], _F]:
    def register(function: _F) -> _F:
        LOWERINGS.update(dict.fromkeys(ops, function))
        return function

    return register


# Where operators are lowered: those of a module of ir in the module of the same name, but for these.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "gates": ("recurrent",),
    "quantize": ("quantize", "shape"),
    "scatter": ("along",),
    "shape": ("shape", "along"),
    "suppression": ("regions",),
}


@functools.cache
def load_family(module: str) -> None:
    """Imports what lowers the operators of a module of ir. A model needs few of them, and each brings the
    operators of its family along: importing all takes longer than lowering a small model."""
    name = module.rpartition(".")[2]
    for family in FAMILIES.get(name, (name,)):
        if importlib.util.find_spec(f"edgerun.plan.lower.{family}") is not None:
            importlib.import_module(f"edgerun.plan.lower.{family}")


def snake_case(name: str) -> str:
    """What the engine calls the function of an operator: "SquaredDifference" is "squared_difference"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


# Of nodes with int16 tensors; None: through eval. What is not here is lowered as for other types.
INT16_LOWERINGS: dict[type[Op], Lower | None] = {}


def lowers_int16(*ops: type[Op]) -> Callable[[_F], _F]:
    def register(function: _F) -> _F:
        INT16_LOWERINGS.update(dict.fromkeys(ops, function))
        return function

    return register


def _of_int16(node: Node) -> bool:
    kinds = [v.type for v in (*node.inputs, *node.outputs) if v is not None]
    wide = any(kind.dtype == INT32 and kind.quantization is not None for kind in kinds[:1])
    return wide or any(kind.is_int16 for kind in kinds)


def lowering_of_int16(node: Node) -> Lower | None:
    load_family("int16")
    for base in type(node.op).__mro__:
        if base in INT16_LOWERINGS:
            return INT16_LOWERINGS[base]
    return lowering_of(type(node.op))


def lowering_of(op: type[Op]) -> Lower | None:
    for base in op.__mro__:
        if issubclass(base, Op):
            load_family(base.__module__)
    return next((LOWERINGS[base] for base in op.__mro__ if base in LOWERINGS), None)


def _strides(shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How far one step in each dimension goes, in rows and in channels."""
    rank = len(shape)
    rows = tuple(math.prod(shape[i + 1 : rank - 1]) if i < rank - 1 else 0 for i in range(rank))
    return rows, tuple(int(i == rank - 1) for i in range(rank))


def _dot(start: Shape, rows: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int]:
    index = start or (0,) * len(rows)
    return (
        sum(i * r for i, r in zip(index, rows, strict=True)),
        sum(i * c for i, c in zip(index, channels, strict=True)),
    )


def clamp_attributes(element: Element, clamp: Clamp, tensor: int) -> dict[str, Attribute]:
    low, high = clamp_range(element, clamp)
    return {
        "out_min": Quantum(low, tensor),
        "out_max": Quantum(high, tensor),
        "out_zero_point": Quantum(quantization_of(element).zero, tensor),
    }


def has_computed_integers(node: Node) -> bool:
    """Whether operands behind the first input, weights or a bias, are integers that a run computes."""
    operands = [v for v in node.inputs[1:] if v is not None]
    return any(v.data is None for v in operands) and not all(v.type.is_float for v in operands)


def constant(node: Node, i: int) -> Array:
    value = node.inputs[i]
    if value is None or value.data is None:
        raise UnsupportedOperatorError(f"{node.op.name} with weights computed at run time.")
    return value.data
