"""What must hold between parts of a TFLite model: order of operators, calls of subgraphs."""

from __future__ import annotations

from edgerun.formats.flatbuffer import MAX_SHOWN, FlatBuffer
from edgerun.formats.tflite_model import Operator, SubGraph, Tensor

MAX_CALLS = 50  # of subgraphs within each other: Python's stack bears them


def check_order(file: FlatBuffer, place: str, subgraph: SubGraph) -> None:
    """Each tensor is written once, by an operator that runs before those that read it.

    Raises FormatError, which names `place` and the operator.
    """
    tensors = subgraph.tensors
    file.place = place
    written = set(subgraph.inputs)
    if len(written) != len(subgraph.inputs):
        file.fail("expected each tensor at most once among its inputs, got one more than once")
    ready = written.union(
        tensor.index for tensor in tensors if tensor.data is not None or tensor.is_variable
    )
    ready.add(-1)
    for operator in subgraph.operators:
        for index in operator.inputs:
            if index not in ready:
                _at_operator(file, place, operator)
                file.fail(
                    "expected its inputs to be inputs of the subgraph, constants, variables or"
                    f" written by an earlier operator, got {_shown(tensors[index])}"
                )
        for index in operator.outputs:
            if index in written:
                _at_operator(file, place, operator)
                file.fail(
                    f"expected outputs that nothing else writes, got {_shown(tensors[index])}"
                )
            written.add(index)
            ready.add(index)
    for index in subgraph.outputs:
        if index not in ready:
            file.fail(
                f"expected its outputs to be written, got {_shown(tensors[index])} that is not"
            )


def _at_operator(file: FlatBuffer, place: str, operator: Operator) -> None:
    file.place = f"{place}, operator {operator.index} {operator.name[:MAX_SHOWN]}"


def _shown(tensor: Tensor) -> str:
    return f"tensor {tensor.index} {tensor.name[:MAX_SHOWN]!r}"


def check_calls(file: FlatBuffer, subgraphs: list[SubGraph]) -> None:
    """Subgraphs that operators call exist, calls are at most MAX_CALLS deep, and none calls itself, not even
    through others.

    Raises FormatError.
    """
    calls: list[list[int]] = []
    for number, subgraph in enumerate(subgraphs):
        called: set[int] = set()
        for operator in subgraph.operators:
            for index in _called(operator):
                if not 0 <= index < len(subgraphs):
                    _at_operator(file, f"subgraph {number}", operator)
                    file.fail(f"expected a subgraph index below {len(subgraphs)}, got {index}")
                called.add(index)
        calls.append(sorted(called))
    callers = [0] * len(subgraphs)
    for targets in calls:
        for index in targets:
            callers[index] += 1
    depths = [0] * len(subgraphs)
    free = [index for index, count in enumerate(callers) if count == 0]
    for caller in free:  # grows while it is walked
        for index in calls[caller]:
            callers[index] -= 1
            depths[index] = max(depths[index], depths[caller] + 1)
            if callers[index] == 0:
                free.append(index)
    if len(free) < len(subgraphs):
        stuck = next(index for index, count in enumerate(callers) if count)
        file.place = f"subgraph {stuck}"
        file.fail("expected subgraphs that do not call themselves, got one that does")

    if max(depths) > MAX_CALLS:
        file.place = f"subgraph {depths.index(max(depths))}"
        file.fail(f"expected calls at most {MAX_CALLS} deep, got one that is {max(depths)} deep")


def _called(operator: Operator) -> list[int]:
    """The subgraphs that an operator calls."""
    called: list[int] = []
    for name, value in operator.options.items():
        if name == "subgraph" or name.endswith("subgraph_index"):
            called.append(value)
        elif name in ("branch_subgraph_indices", "called_computations"):
            called.extend(value)
    return called
