"""What ONNX's control flow does at run time: If, Loop and Scan, over bodies that are run as subgraphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgerun.errors import FormatError, UnsupportedOperatorError
from edgerun.formats.onnx_reader import dtype_of
from edgerun.frontends.onnx_scopes import Scope, ScopeOperator
from edgerun.frontends.stages import Call
from edgerun.ir.types import Array

Operands = Sequence[Array | None]
CONTROL = ("If", "Loop", "Scan")


def decide(
    scopes: Sequence[Scope],
    operator: ScopeOperator,
    inputs: Operands,
    captured: Mapping[str, Array],
    attributes: Mapping[str, Any],
    call: Call,
) -> list[Array]:
    """The outputs of a branch or loop. inputs: the operands of the operator; captured: what bodies read of
    the graphs around them, by name. Raises FormatError, UnsupportedOperatorError."""

    def run(attribute: str, *fed: Array) -> list[Array]:
        index = operator.bodies[attribute]
        scope = scopes[index]
        if len(fed) != len(scope.ports):
            raise FormatError(f"its body has {len(scope.ports)} inputs, it gives it {len(fed)}")
        return call(index, [*fed, *(captured[name] for name in scope.captured)])

    if operator.name == "If":
        condition = _given(inputs[0])
        return run("then_branch" if condition.any() else "else_branch")
    body = scopes[operator.bodies["body"]]
    if operator.name == "Loop":
        return _loop(body, inputs, lambda *fed: run("body", *fed))
    return _scan(body, inputs, attributes, lambda *fed: run("body", *fed))


def _given(array: Array | None) -> Array:
    if array is None:
        raise FormatError("an operand that must be there is absent")
    return array


def _loop(body: Scope, inputs: Operands, run: Any) -> list[Array]:
    """ONNX's Loop: while i < trip count and the condition holds, (i, condition, carried) -> (condition,
    carried, what is stacked)."""
    most = None if inputs[0] is None else int(inputs[0].reshape(()))
    keep = inputs[1] is None or bool(inputs[1].reshape(()))
    carried = [_given(array) for array in inputs[2:]]
    stacked: list[list[Array]] = [[] for _ in body.outputs[1 + len(carried) :]]
    i = 0
    while keep and (most is None or i < most):
        first, *results = run(np.array(i, np.int64), np.array(keep), *carried)
        keep, carried = bool(first.reshape(())), results[: len(carried)]
        for made, array in zip(stacked, results[len(carried) :], strict=True):
            made.append(array)
        i += 1
    ends = range(1 + len(carried), len(body.outputs))
    return [*carried, *(_stack(s, 0, body.graph.output[k]) for s, k in zip(stacked, ends, strict=True))]


def _scan(body: Scope, inputs: Operands, attributes: Mapping[str, Any], run: Any) -> list[Array]:
    """ONNX's Scan, from opset 9 on: a loop over the slices of the scanned inputs."""
    if len(inputs) != len(body.ports):
        raise UnsupportedOperatorError("it has lengths of sequences, as before opset 9")
    scanned = int(attributes["num_scan_inputs"])
    if not 1 <= scanned <= len(inputs):
        raise FormatError(f"it scans {scanned} of its {len(inputs)} inputs")
    carried = [_given(array) for array in inputs[: len(inputs) - scanned]]
    sources = [_given(array) for array in inputs[len(inputs) - scanned :]]
    made = len(body.outputs) - len(carried)

    def option(name: str, count: int) -> list[int]:
        given = list(attributes.get(name, [0] * count))
        if len(given) != count:
            raise FormatError(f"its {name} has {len(given)} entries, expected {count}")
        return given

    axes, backward = option("scan_input_axes", scanned), option("scan_input_directions", scanned)
    moved = [np.moveaxis(array, axis, 0) for array, axis in zip(sources, axes, strict=True)]
    moved = [array[::-1] if b else array for array, b in zip(moved, backward, strict=True)]
    if len({len(array) for array in moved}) != 1:
        raise FormatError("its scanned inputs have different lengths")
    stacked: list[list[Array]] = [[] for _ in range(made)]
    for slices in zip(*moved, strict=True):
        results = run(*carried, *(np.array(array, order="C") for array in slices))
        carried = results[: len(carried)]
        for pile, array in zip(stacked, results[len(carried) :], strict=True):
            pile.append(array)
    outputs = []
    prepend = option("scan_output_directions", made)
    for k, axis in enumerate(option("scan_output_axes", made)):
        pile = stacked[k][::-1] if prepend[k] else stacked[k]
        outputs.append(_stack(pile, axis, body.graph.output[len(carried) + k]))
    return [*carried, *outputs]


def _stack(arrays: Sequence[Array], axis: int, port: Any) -> Array:
    """The arrays along a new axis; of none, what the file declares, with 0 for dimensions it leaves open."""
    if not arrays:
        sizes = [max(int(d.dim_value), 0) for d in port.type.tensor_type.shape.dim]
        position = axis if axis >= 0 else axis + len(sizes) + 1
        return np.zeros([*sizes[:position], 0, *sizes[position:]], dtype_of(port))
    if len({array.shape for array in arrays}) > 1:
        raise FormatError(f"what it stacks as '{port.name}' has different shapes")
    return np.stack(arrays, axis)
