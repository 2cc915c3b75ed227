"""The graphs of an ONNX file as numbered scopes: the main one, and the bodies of its control flow.

A body reads what the graphs around it have written. Such names become more inputs of it, and more operands of
the operator that has the body, so that each scope can be run by itself. Names are numbers, scope by scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgerun.errors import FormatError
from edgerun.formats.onnx_reader import array_of
from edgerun.ir.types import Array

ABSENT = -1


@dataclass(frozen=True)
class ScopeOperator:
    """One operator. `inputs` end with what its `bodies` (the scopes, by attribute) capture."""

    index: int
    name: str
    node: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    bodies: Mapping[str, int]

    @property
    def place(self) -> str:
        return f"operator {self.index} {self.name}" + (f" '{self.node.name}'" if self.node.name else "")

    @property
    def own_inputs(self) -> tuple[int, ...]:
        return self.inputs[: len(self.node.input)]


@dataclass(frozen=True)
class Scope:
    """One graph. `inputs` end with those that are captured; the names of tensors are those of the file."""

    graph: Any
    names: list[str]
    ports: list[Any]  # the inputs that are fed; older files list the weights among them
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: list[ScopeOperator]
    constants: Mapping[int, Array]

    @property
    def captured(self) -> list[str]:
        return [self.names[i] for i in self.inputs[len(self.ports) :]]


def read_scopes(graph: Any, path: str) -> list[Scope]:
    """All scopes of a file; the first is the main graph. Raises FormatError for a name that nothing has."""
    scopes: list[Scope | None] = []
    _read(graph, path, frozenset(), {}, scopes)
    return [scope for scope in scopes if scope is not None]


def operator_name(node: Any) -> str:
    own = node.domain in ("", "ai.onnx")
    return str(node.op_type) if own else f"{node.domain}.{node.op_type}"


def _read(
    graph: Any, path: str, around: frozenset[str], constants: Mapping[str, Array], scopes: list[Scope | None]
) -> int:
    """Adds a graph and its bodies; its number. around: the names of the graphs around it that are written
    before it; constants: what those of them that are constants are."""
    number = len(scopes)
    scopes.append(None)
    own = {t.name: array_of(t, path) for t in graph.initializer}
    numbers: dict[str, int] = {}
    captured: list[str] = []
    known = dict(constants)
    read: dict[str, None] = {}  # constants of the graphs around that this one reads

    def number_of(name: str) -> int:
        return numbers.setdefault(name, len(numbers)) if name else ABSENT

    def look_up(name: str, place: str) -> int:
        if name and name not in numbers:
            if name in constants:
                read[name] = None
            elif name in around:
                captured.append(name)
            else:
                raise FormatError(f"{path}: {place}: it reads '{name}', which nothing has written.")
        return number_of(name)

    ports = [port for port in graph.input if port.name not in own]
    fed = [number_of(port.name) for port in ports]
    for name in own:
        number_of(name)
    known = {name: array for name, array in constants.items() if name not in numbers} | own
    operators = []
    for index, node in enumerate(graph.node):
        name = operator_name(node)
        place = f"operator {index} {name}" + (f" '{node.name}'" if node.name else "")
        inputs = [look_up(n, place) for n in node.input]
        bodies = {}
        for attribute, body in _bodies(node):
            bodies[attribute] = _read(body, path, around | numbers.keys(), known, scopes)
        outer = dict.fromkeys(n for b in bodies.values() for n in scopes[b].captured)  # type: ignore[union-attr]
        inputs += [look_up(n, place) for n in outer]
        for n in node.output:
            if n and n in numbers:
                raise FormatError(f"{path}: {place}: '{n}' is written twice.")
        outputs = tuple(number_of(n) for n in node.output)
        value = next((a for a in node.attribute if a.name == "value"), None)
        if name == "Constant" and value is not None and outputs and node.output[0]:
            own[node.output[0]] = known[node.output[0]] = array_of(value.t, path)
        operators.append(ScopeOperator(index, name, node, tuple(inputs), outputs, bodies))
    results = tuple(look_up(port.name, f"the output '{port.name}'") for port in graph.output)
    fixed = own | {name: constants[name] for name in read}
    scopes[number] = Scope(
        graph,
        list(numbers),
        ports,
        (*fed, *(numbers[n] for n in captured)),
        results,
        operators,
        {numbers[name]: array for name, array in fixed.items()},
    )
    return number


def _bodies(node: Any) -> Iterator[tuple[str, Any]]:
    from onnx import AttributeProto

    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.name, attribute.g
