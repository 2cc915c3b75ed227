"""The graph: values, nodes, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from edgerun.errors import ModelError
from edgerun.ir.op import Op
from edgerun.ir.types import Array, TensorType


@dataclass(eq=False)
class Value:
    """A tensor of the graph. `index` and `name` are those of the file (index -1: made by a pass)."""

    name: str
    type: TensorType
    index: int = -1
    data: Array | None = None  # a constant's value, read-only

    def __str__(self) -> str:
        return f"%{self.name}"


@dataclass(eq=False)
class Node:
    """An operator applied to values. `index` is that of the operator in the file, -1 if a pass made it."""

    op: Op
    inputs: list[Value | None]
    outputs: list[Value]
    index: int = -1

    def __str__(self) -> str:
        outputs = ", ".join(f"{v}: {v.type}" for v in self.outputs)
        inputs = ", ".join("-" if v is None else str(v) for v in self.inputs)
        return f"{outputs} = {self.op} {inputs}"

    def types(self) -> list[TensorType]:
        """The types of the inputs; an absent optional input has type None."""
        return [None if v is None else v.type for v in self.inputs]  # type: ignore[misc]


@dataclass(eq=False)
class State:
    """What a model remembers from run to run: `read` is the value at the start of a run, `written` the one
    that the next run starts with, `initial` (read-only) that of the first run and after a reset."""

    name: str
    read: Value
    written: Value
    initial: Array


@dataclass(eq=False)
class Graph:
    """Nodes in an order in which each value is written before it is read."""

    name: str
    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    metadata: Mapping[str, bytes | memoryview] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)

    def results(self) -> list[Value]:
        """What a run is for: the outputs, and the states of the next run."""
        return [*self.outputs, *(state.written for state in self.states)]

    def uses(self) -> dict[Value, list[Node]]:
        """The nodes that read each value, in order; a node that reads it twice is there twice."""
        uses: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                if value is not None:
                    uses.setdefault(value, []).append(node)
        return uses

    def producers(self) -> dict[Value, Node]:
        return {value: node for node in self.nodes for value in node.outputs}

    def constants(self) -> list[Value]:
        """Every constant that a node or an output reads, once, in order of first use."""
        found: dict[Value, None] = {}
        for value in self._read():
            if value.data is not None:
                found[value] = None
        return list(found)

    def _read(self) -> Iterable[Value]:
        for node in self.nodes:
            yield from (value for value in node.inputs if value is not None)
        yield from self.results()

    def check(self) -> None:
        """Raises ModelError unless every value is written once, before it is read, with the inferred type,
        and inputs and outputs have names of their own."""
        for role, ports in (("inputs", self.inputs), ("outputs", self.outputs)):
            names = [value.name for value in ports]
            if len(set(names)) < len(names):
                raise ModelError(f"{self.name}: the {role} need names of their own, they are {names}.")
        known = {*self.inputs, *(state.read for state in self.states)}
        for node in self.nodes:
            for value in node.inputs:
                if value is not None and value.data is None and value not in known:
                    raise ModelError(f"{self.name}: {node.op} reads {value} before it is written.")
            types = node.op.infer(*node.types())
            if len(types) != len(node.outputs):
                raise ModelError(
                    f"{self.name}: {node.op} has {len(types)} outputs, the graph {len(node.outputs)}."
                )
            for value, inferred in zip(node.outputs, types, strict=True):
                if min(inferred.shape, default=0) < 0:
                    raise ModelError(f"{self.name}: {node.op} gives {value} the shape {inferred.shape}.")
                if value in known or value.data is not None:
                    raise ModelError(f"{self.name}: {value} is written twice (by {node.op}).")
                if value.type != inferred:
                    raise ModelError(
                        f"{self.name}: {node.op} gives {value} the type {inferred}, "
                        f"the graph has {value.type}."
                    )
                known.add(value)
        for value in self.outputs:
            if value not in known and value.data is None:
                raise ModelError(f"{self.name}: the output {value} is never written.")
        for state in self.states:
            if state.written not in known and state.written.data is None:
                raise ModelError(f"{self.name}: the state {state.name} is never written.")
            before, after = state.read.type, state.written.type
            if (before.shape, before.dtype) != (after.shape, after.dtype):
                raise ModelError(
                    f"{self.name}: the state {state.name} is {before} at the start of a run and {after} at "
                    "its end."
                )

    def __str__(self) -> str:
        lines = [f"graph {self.name}"]
        lines += [f"  input {v}: {v.type}" for v in self.inputs]
        lines += [f"  state {s.read}: {s.read.type}" for s in self.states]
        lines += [f"  const {v}: {v.type}" for v in self.constants()]
        lines += [f"  {node}" for node in self.nodes]
        lines += [f"  output {v}" for v in self.outputs]
        lines += [f"  next {s.read} = {s.written}" for s in self.states]
        return "\n".join(lines)
