"""Operators that run subgraphs fit the subgraphs: numbers of tensors, and their types."""

from __future__ import annotations

from collections.abc import Sequence

from edgerun.errors import FormatError
from edgerun.formats.tflite_model import Model, Operator, SubGraph

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
