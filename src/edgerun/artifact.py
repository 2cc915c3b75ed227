"""Compiled models: a Plan in one file, which loads without a frontend on any machine.

The file holds what lower() made, before bind() chose anything for one CPU: `compile_model` writes it,
`read_artifact` reads it, with every field, index, place and type checked. formats/compiled_file.py is the
container, formats/records.py how dataclasses become JSON.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import edgerun.ir
from edgerun.errors import FormatError, InputError, ModelError
from edgerun.formats.compiled_file import MAGIC, Arrays, read_compiled, write_compiled
from edgerun.formats.records import Decoder, encode
from edgerun.ir.graph import Graph, Value
from edgerun.ir.op import NUMBERS_DO_NOT_FIT, OPERATORS, Op
from edgerun.ir.types import Array, Element, Quantization, Shape, TensorType
from edgerun.plan.absent import WithAbsent
from edgerun.plan.check import check_plan
from edgerun.plan.plan import ByteTable, Plan, PlanState, PlanTensor, Quantum, Step, Weights
from edgerun.plan.program import Program, bind

__all__ = [
    "MAGIC",
    "Artifact",
    "Cached",
    "compile_model",
    "made_artifact",
    "read_artifact",
    "read_record",
    "record_bytes",
]

Record = TypeVar("Record")


@dataclass(frozen=True, eq=False)
class Artifact:
    """A model as a plan, and what a session tells about it.

    operators: those of the graph, by name, in order; weight_bytes: of the constants that are computed with;
    metadata: the raw metadata of the model's file, by name.
    """

    plan: Plan
    operators: tuple[str, ...]
    weight_bytes: int
    metadata: Mapping[str, Array]

    def ports(self) -> Graph:
        """Inputs, outputs and metadata as a graph without nodes."""

        def values(ids: list[int]) -> list[Value]:
            return [Value(t.name, t.type) for t in (self.plan.tensors[i] for i in ids)]

        metadata: dict[str, bytes | memoryview] = {k: v.tobytes() for k, v in self.metadata.items()}
        return Graph(self.plan.name, values(self.plan.inputs), values(self.plan.outputs), [], metadata)

    def bind(self, threads: int) -> Program:
        """The program for this machine. Raises FormatError when the plan is none that its kernels take."""
        try:
            return bind(self.plan, threads)
        except (AssertionError, RuntimeError, *NUMBERS_DO_NOT_FIT) as error:
            raise FormatError(f"{self.plan.name}: the plan does not fit the engine ({error!r}).") from error


@dataclass(frozen=True, eq=False)
class Cached:
    """A plan, and what a session asks of the file that it came from.

    key: the name that the cache has for it, so that a file under another name is known for what it is; free:
    of each input, the dimensions that may have another size; open_shapes: the shapes of inputs and outputs,
    by name, of which some dimensions are names or -1; signatures: the file's entry points.
    """

    key: str
    artifact: Artifact
    free: tuple[tuple[int, ...], ...]
    open_shapes: tuple[tuple[str, tuple[int | str, ...]], ...]
    signatures: tuple[str, ...]


def compile_model(source: str | Path | bytes, shapes: Mapping[str, Shape] | None = None) -> bytes:
    """The compiled form of a model file, or of its bytes, with inputs of other `shapes` where named.

    Raises what opening the model raises, InputError for wrong shapes, and ModelError for a model that is run
    in stages.
    """
    from edgerun.frontends import open_model
    from edgerun.frontends.stages import Cut
    from edgerun.passes import PIPELINE, run_passes
    from edgerun.plan.lower import lower

    file = open_model(source)
    try:
        graph = file.graph(shapes)
    except Cut as cut:
        raise ModelError(
            f"{file.path}: it cannot be compiled: operator {cut.operator.index} {cut.operator.name} is "
            f"decided at run time ({cut}), so that there is no single plan."
        ) from cut
    except FormatError as error:
        if shapes or not file.open_shapes():
            raise
        hint = "The file leaves dimensions open: `--shape` gives them sizes."
        raise FormatError(f"{error} ({hint})") from error
    operators = tuple(node.op.name for node in graph.nodes)
    graph = run_passes(graph, PIPELINE)
    data = record_bytes(made_artifact(graph, operators, lower(graph)))
    read_artifact(data, file.path)  # what cannot be read again is better refused here
    return data


def made_artifact(graph: Graph, operators: tuple[str, ...], plan: Plan) -> Artifact:
    """What is kept of a graph after the passes, and its plan; `operators`: those before the passes."""
    return Artifact(
        replace(plan, name=""),  # the name is the place on this machine
        operators,
        sum(v.type.nbytes for v in graph.constants()),
        {name: np.frombuffer(data, np.uint8) for name, data in graph.metadata.items()},
    )


def record_bytes(record: object) -> bytes:
    """A compiled file of an Artifact, or of a dataclass around one."""
    arrays = Arrays()
    return write_compiled(encode(record, arrays), arrays)


def read_artifact(data: bytes, path: str) -> Artifact:
    """The compiled model of a file's bytes; `path` is for messages.

    Raises FormatError for what is truncated, damaged, of a newer version, or no plan.
    """
    artifact = read_record(data, path, Artifact, lambda record: record)
    return replace(artifact, plan=replace(artifact.plan, name=path))


def read_record(
    data: bytes, path: str, kind: type[Record], artifact: Callable[[Record], Artifact]
) -> Record:
    """The dataclass `kind` of a file's bytes, the plan of the `artifact` in it checked.

    Raises FormatError as read_artifact does.
    """
    content, arrays = read_compiled(data, path)
    try:
        record = Decoder(arrays, _Classes(kind)).decode(content, kind, "The content")
        assert isinstance(record, kind)
        check_plan(artifact(record).plan)
    except (ModelError, InputError, *NUMBERS_DO_NOT_FIT, RecursionError) as error:
        raise FormatError(f"{path}: the compiled model is not sound: {error}") from error
    return record


class _Classes(Mapping[str, type[Any]]):
    """The dataclasses of a compiled model by name: those of a plan, `kind` around it, and every operator.

    Operators are imported when the first is asked for: most plans have no host step, and need none.
    """

    def __init__(self, kind: type[Any]) -> None:
        own = (Artifact, Plan, PlanState, PlanTensor, Step, Weights, Quantum, ByteTable, WithAbsent)
        self._own = {c.__name__: c for c in (*own, Element, Quantization, TensorType, kind)}

    def __getitem__(self, name: str) -> type[Any]:
        return self._own[name] if name in self._own else _operators()[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**_operators(), **self._own})

    def __len__(self) -> int:
        return len({**_operators(), **self._own})


@functools.cache
def _operators() -> Mapping[str, type[Op]]:
    for module in pkgutil.iter_modules(edgerun.ir.__path__):
        importlib.import_module(f"edgerun.ir.{module.name}")  # operators register themselves
    return OPERATORS
