"""What a file of any format offers so that its model can be run in stages, where it cannot be one graph.

Subgraphs and their tensors are numbers, as TFLite has them; an operand that is absent is tensor -1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edgerun.errors import UnsupportedOperatorError
from edgerun.ir.graph import Graph, Node
from edgerun.ir.types import Array, TensorType

# Runs a subgraph: its number and its inputs -> its outputs.
Call = Callable[[int, Sequence[Array]], list[Array]]


class StagedOperator(Protocol):
    """An operator of a subgraph: its place there, and the tensors that it reads and writes."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> tuple[int, ...]: ...
    @property
    def outputs(self) -> tuple[int, ...]: ...


class StagedSubgraph(Protocol):
    """Operators in an order in which they can run, and the tensors that have a value from the beginning."""

    @property
    def inputs(self) -> tuple[int, ...]: ...
    @property
    def outputs(self) -> tuple[int, ...]: ...
    @property
    def operators(self) -> Sequence[StagedOperator]: ...
    @property
    def constants(self) -> Mapping[int, Array]: ...


class Cut(UnsupportedOperatorError):
    """An operator that cannot be part of one fixed program: control flow, or a shape that depends on data.

    operator: which; wanted: the tensor whose value must be known first, when that is all it takes;
    nodes: what computes it, when its outputs alone depend on the data.
    """

    def __init__(
        self,
        operator: StagedOperator,
        reason: str,
        wanted: int | None = None,
        nodes: tuple[Node, ...] = (),
    ) -> None:
        super().__init__(reason)
        self.operator, self.wanted, self.nodes = operator, wanted, nodes


@dataclass(frozen=True)
class Region:
    """Operators begin .. end-1 of a subgraph as a graph, and what stands at `end`.

    inputs, outputs: the tensors of the graph's inputs and outputs; known: more outputs, which need no
    computing. wanted: the tensor whose value the next region must know. Otherwise the operator at `end`, if
    there is one, is run by itself: as `nodes` where the file gives them, else as the file decides.
    """

    graph: Graph
    begin: int
    end: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    wanted: int | None = None
    nodes: tuple[Node, ...] = ()
    known: Mapping[int, Array] = field(default_factory=dict)


class StagedFile(Protocol):
    """A file whose model can be run in stages."""

    path: str

    @property
    def subgraphs(self) -> Sequence[StagedSubgraph]: ...

    def initial_variables(self) -> dict[str, Array]:
        """What variables hold before the first run, by name. Raises FormatError where operators that run
        subgraphs do not fit them."""

    def type_of(self, index: int, tensor: int, array: Array) -> TensorType:
        """The type of a tensor of subgraph `index` when it holds this array."""

    def region(
        self,
        index: int,
        begin: int,
        types: Mapping[int, TensorType],
        arrays: Mapping[int, Array],
        variables: Mapping[str, Array],
    ) -> Region:
        """As many operators of subgraph `index` from `begin` on as can be one graph.

        types: the tensors that are there by now, with the shapes they have; arrays: those of them whose
        values the operators need to know; variables: what they hold. All that is read becomes an input of
        the graph, all that is needed later an output.
        """

    def decide(self, index: int, region: Region, arrays: Mapping[int, Array], call: Call) -> dict[int, Array]:
        """Runs the operator at the end of a region for the tensors that are there: what it writes."""
