"""Operators that run subgraphs: that they fit them in number and types of tensors, and what they decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgerun.errors import FormatError, ModelError, UnsupportedOperatorError
from edgerun.formats.tflite_model import Model, Operator, SubGraph
from edgerun.frontends.stages import Call, Region
from edgerun.ir.graph import Value
from edgerun.ir.op import evaluate
from edgerun.ir.types import Array

_CALLS = {"CALL": "subgraph", "STABLEHLO_COMPOSITE": "decomposition_subgraph_index"}


def check_control(path: str, model: Model) -> None:
    """Raises FormatError at the first branch, loop or call whose tensors are not those of its subgraphs."""
    for i, subgraph in enumerate(model.subgraphs):
        for operator in subgraph.operators:
            try:
                _check(model, subgraph, operator)
            except FormatError as error:
                raise FormatError(
                    f"{path}: subgraph {i}, operator {operator.index} {operator.name}: {error}"
                ) from None


def _check(model: Model, subgraph: SubGraph, operator: Operator) -> None:
    def target(option: str) -> SubGraph:
        index: int = operator.options[option]
        return model.subgraphs[index]

    inputs, outputs = _types(subgraph, operator.inputs), _types(subgraph, operator.outputs)
    if operator.name == "IF":
        _expect(["BOOL"], inputs[:1], "its condition")
        for option in ("then_subgraph_index", "else_subgraph_index"):
            branch = target(option)
            _expect(_types(branch, branch.inputs), inputs[1:], "its inputs")
            _expect(_types(branch, branch.outputs), outputs, "its outputs")
    elif operator.name == "WHILE":
        condition, body = target("cond_subgraph_index"), target("body_subgraph_index")
        _expect(["BOOL"], _types(condition, condition.outputs), "its condition")
        _expect(_types(condition, condition.inputs), inputs, "the inputs of its condition")
        _expect(_types(body, body.inputs), inputs, "its inputs")
        _expect(_types(body, body.outputs), inputs, "the outputs of its body")
        _expect(inputs, outputs, "its outputs")
    elif operator.name in _CALLS:
        called = target(_CALLS[operator.name])
        _expect(_types(called, called.inputs), inputs, "its inputs")
        _expect(_types(called, called.outputs), outputs, "its outputs")


def _types(subgraph: SubGraph, indices: Sequence[int]) -> list[str]:
    return ["none" if i < 0 else subgraph.tensors[i].type_name for i in indices]


def _expect(expected: list[str], got: list[str], what: str) -> None:
    if got != expected or "none" in got:
        raise FormatError(f"expected {what} to be {_shown(expected)}, got {_shown(got)}.")


def _shown(types: list[str]) -> str:
    return f"({', '.join(types)})".lower()


def decide(
    path: str, operator: Operator, region: Region, arrays: Mapping[int, Array], call: Call
) -> dict[int, Array]:
    """Runs the operator that ended a region: what it writes."""
    if region.nodes:
        return _evaluate(region, arrays)
    if not arrays.keys() >= set(operator.inputs):
        raise UnsupportedOperatorError(
            f"{path}: operator {operator.index} {operator.name}: an operand is a variable."
        )
    inputs = [arrays[i] for i in operator.inputs]
    options = operator.options
    if operator.name == "IF":
        which = "then_subgraph_index" if inputs[0].any() else "else_subgraph_index"
        results = call(options[which], inputs[1:])
    elif operator.name == "WHILE":
        results = inputs
        while call(options["cond_subgraph_index"], results)[0].any():
            results = call(options["body_subgraph_index"], results)
    elif operator.name in _CALLS:
        results = call(options[_CALLS[operator.name]], inputs)
    else:
        raise ModelError(f"{path}: operator {operator.index} {operator.name} cannot be run by itself.")
    return dict(zip(operator.outputs, results, strict=True))


def _evaluate(region: Region, arrays: Mapping[int, Array]) -> dict[int, Array]:
    """An operator whose output's shape depends on its data, through eval."""
    made: dict[Value, Array] = {}
    for node in region.nodes:
        operands = [None if v is None else _operand(v, made, arrays) for v in node.inputs]
        made.update(zip(node.outputs, evaluate(node.op, node.types(), operands), strict=True))
    return {value.index: array for value, array in made.items() if value.index >= 0}


def _operand(value: Value, made: Mapping[Value, Array], arrays: Mapping[int, Array]) -> Array:
    if value.data is not None:
        return value.data
    array = made.get(value, arrays.get(value.index))
    if array is None:
        raise UnsupportedOperatorError(f"it reads the variable {value.name!r}")
    return array
