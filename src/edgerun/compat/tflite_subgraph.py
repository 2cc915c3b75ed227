"""One subgraph of a model as LiteRT keeps it: tensors by index, with memory from allocation to allocation."""

from __future__ import annotations

import logging
import operator
from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from edgerun import knobs
from edgerun.compat.tflite_checks import check_strict, check_value
from edgerun.compat.tflite_memory import Kind, Memory
from edgerun.compat.tflite_source import Source
from edgerun.errors import EdgerunError
from edgerun.formats.tflite_model import Signature, SubGraph, Tensor
from edgerun.ir.graph import Value
from edgerun.ir.types import Array, Shape
from edgerun.session import Session

_log = logging.getLogger(__name__)

_NULL = "Tensor data is null. Run allocate_tensors() first"


class Subgraph:
    """The tensors of a subgraph by index, and the session that computes them.

    `allocate` makes the session for the shapes asked for, and the memory of inputs and outputs. `signature`
    is how the session reaches the subgraph; None: it is the first. Errors are LiteRT's: ValueError for a
    wrong index or value, RuntimeError for what cannot run.
    """

    def __init__(self, graph: SubGraph, source: Source, signature: Signature | None = None) -> None:
        self.graph, self._source, self._preserve = graph, source, source.preserve
        self._key = None if signature is None else signature.key
        self._shapes = {tensor.index: tensor.shape for tensor in graph.tensors}
        self._names = _input_names(graph, signature)
        self._memory = Memory({})
        self._run: _Run | None = None  # None: not ready to run
        self._inner: Mapping[str, Array] = {}  # all tensors of the last run, where they are preserved
        self._values: dict[int, Value] | None = {}  # the tensors of a run by index; None: not asked for yet
        self._resized: dict[str, Shape] = {}
        # By the shapes asked for, the latest last: scripts go back and forth between batch sizes.
        self._sessions: dict[tuple[tuple[str, Shape], ...], Session] = {}

    # -- shapes --

    def shape(self, index: int) -> Shape:
        """The shape a tensor has now: the file's, the one asked for, or that of the allocation."""
        ends = (*self.graph.inputs, *self.graph.outputs)
        if index not in ends and self.graph.tensors[index].data is None:
            value = self._known_values().get(index)
            if value is not None:
                return value.type.shape
        return self._shapes[index]

    def resize(self, index: SupportsIndex, size: Sequence[int] | Array, strict: bool) -> None:
        """Another shape for an input; `strict` allows it for dimensions of unknown size only."""
        i, sizes, count = operator.index(index), np.array(size, np.int32), len(self.graph.tensors)
        if sizes.ndim != 1:
            raise ValueError(f"Shape should be 1D instead of {sizes.ndim}.")
        if not 0 <= i < count:
            raise RuntimeError(f"Cannot resize: Invalid tensor index {i} exceeds max tensor index {count}.")
        shape, old = tuple(sizes.tolist()), self._shapes[i]
        if self.graph.tensors[i].data is not None:
            raise RuntimeError("Attempting to resize a fixed-size tensor.")
        if strict:
            check_strict(self.graph.tensors[i], old, shape)
        if min(shape, default=0) < 0:
            raise RuntimeError(f"Cannot resize: Tensor {i} cannot have the shape {list(shape)}.")
        if shape != old:
            self._run = None
            if i in self.graph.inputs:
                self._shapes[i] = shape
                self._memory.arrays.pop(i, None)

    # -- memory --

    def allocate(self) -> None:
        """Makes the session and the memory, where a shape changed since the last time."""
        if self._run is not None:
            return
        tensors, resized = self.graph.tensors, {}
        for i, name in zip(self.graph.inputs, self._names, strict=True):
            if self._shapes[i] != tensors[i].shape:
                resized[name] = self._shapes[i]
        session = self._session(resized)
        ends = zip(
            (*self.graph.inputs, *dict.fromkeys(self.graph.outputs)),
            (*session.inputs, *session.outputs),
            strict=True,
        )
        kinds: dict[int, Kind] = {}
        for i, info in ends:
            if tensors[i].data is None:
                known = tuple(d for d in info.shape if isinstance(d, int) and d >= 0)
                # What is shaped by a run has the file's shape until then.
                shape = known if len(known) == len(info.shape) else tensors[i].shape
                kinds[i] = shape, info.dtype
        self._resized, self._values, self._inner = resized, None, {}
        self._place(session, kinds)

    def _session(self, resized: dict[str, Shape]) -> Session:
        """The session for these shapes: a new one, or one of before, as new."""
        key = tuple(resized.items())
        session = self._sessions.pop(key, None)
        if session is None:
            session = self._source.session(resized, self._key, preserve=self._preserve)
        else:
            session.reset()
        self._sessions[key] = session
        if len(self._sessions) > knobs.max_programs():
            self._sessions.pop(next(iter(self._sessions)))
        return session

    def _place(self, session: Session, kinds: dict[int, Kind]) -> None:
        """New memory, with the values of what keeps its shape."""
        memory = Memory(kinds)
        memory.take(self._memory)
        self._memory = memory
        self._shapes.update({i: shape for i, (shape, _) in kinds.items()})
        self._run = _Run(session, self.graph, memory.arrays, self._preserve)

    @property
    def viewed(self) -> bool:
        """Whether the caller holds a view of the memory."""
        return self._memory.viewed

    # -- values --

    def set(self, index: SupportsIndex, value: object) -> None:
        """Copies a value into a tensor."""
        mine = self._memory.arrays.get(operator.index(index))
        if (
            mine is not None
            and isinstance(value, np.ndarray)
            and value.shape == mine.shape
            and value.dtype == mine.dtype
        ):
            mine[...] = value  # the usual case, in few steps
            return
        tensor = self._tensor(index)
        try:
            array = np.asarray(value)
        except Exception as error:
            raise ValueError("Failed to convert value into readable tensor.") from error
        check_value(tensor, self._shapes[tensor.index], array)
        if tensor.data is not None:
            raise ValueError(f"Cannot set tensor: Tensor {tensor.index}, name: {tensor.name}, is a constant.")
        if tensor.index not in self._memory.arrays:
            raise ValueError("Cannot set tensor: Tensor is unallocated. Try calling allocate_tensors() first")
        self._memory.arrays[tensor.index][...] = array

    def get(self, index: SupportsIndex) -> Any:
        """A copy of a tensor; a numpy scalar where it has no dimensions."""
        mine = self._memory.arrays.get(operator.index(index))
        array = self._array(self._tensor(index)) if mine is None else mine
        return array.copy() if array.ndim else array[()]

    def view(self, index: SupportsIndex) -> Any:
        """A tensor in its memory; a numpy scalar where it has no dimensions."""
        array = self._array(self._tensor(index))
        return array[...] if array.ndim else array[()]

    def _array(self, tensor: Tensor) -> npt.NDArray[Any]:
        if tensor.index in self._memory.arrays:
            return self._memory.arrays[tensor.index]
        if tensor.data is not None:
            if tensor.dtype is None:
                raise ValueError("Unknown tensor type.")
            return tensor.data
        if self._run is None or tensor.index in (*self.graph.inputs, *self.graph.outputs):
            raise ValueError(_NULL)
        value = self._known_values().get(tensor.index)
        if value is None:
            raise ValueError(_NULL if self._preserve else _intermediate(tensor))
        if not self._preserve:
            self._preserve_all(self._run, tensor)
        found = self._inner.get(value.name)
        return np.zeros(value.type.shape, value.type.dtype) if found is None else found

    def _preserve_all(self, run: _Run, asked: Tensor) -> None:
        """Keeps every tensor from now on, and computes those of the last run once more.

        LiteRT shows an intermediate tensor when its memory happens to be its own still, and scripts live on
        that. Raises ValueError for a model that remembers: another run would change what it remembers.
        """
        if self._source.remembers(self._resized, self._key):
            raise ValueError(_intermediate(asked))
        _log.warning(
            "%s: tensor %d, '%s', is an intermediate one: from now on runs keep all tensors and are slower.",
            self._source.file.path,
            asked.index,
            asked.name,
        )
        self._preserve, invoked = True, run.invoked
        self._sessions.clear()
        session = self._session(self._resized)
        self._run = _Run(session, self.graph, self._memory.arrays, True)
        if invoked:
            with self._source.errors():
                self._inner = session.tensors(self._run.feeds)

    def _known_values(self) -> dict[int, Value]:
        if self._values is None:
            self._values = self._source.values(self._resized, self._key)
        return self._values

    def _tensor(self, index: SupportsIndex) -> Tensor:
        i, count = operator.index(index), len(self.graph.tensors)
        if not 0 <= i < count:
            raise ValueError(f"Invalid tensor index {i} exceeds max tensor index {count}")
        return self.graph.tensors[i]

    # -- runs --

    def invoke(self) -> None:
        """One inference, from the memory of the inputs into that of the outputs."""
        run = self._run
        if run is None:
            raise RuntimeError("Invoke called on model that is not ready.")
        run.invoked = True
        if run.direct:
            try:
                run.session.run_into(run.feeds, run.results)
            except EdgerunError as error:
                raise self._source.error(error) from error
            return
        with self._source.errors():
            if self._preserve:
                found = self._inner = run.session.tensors(run.feeds)
            else:
                found = run.session.run(run.feeds)
        shapes = {i: found[name].shape for i, name in run.outputs.items()}
        kinds = self._memory.kinds()
        if any(kinds[i][0] != shape for i, shape in shapes.items()):
            self._place(run.session, kinds | {i: (shape, kinds[i][1]) for i, shape in shapes.items()})
        for i, name in run.outputs.items():
            self._memory.arrays[i][...] = found[name]

    def reset(self) -> None:
        """Variables back to what they were at first."""
        if self._run is not None:
            self._run.session.reset()


class _Run:
    """What a run of a session reads and writes, by the session's names.

    outputs: the names of the outputs that have memory of their own; other outputs are inputs or constants.
    direct: whether the session can write into that memory, and nothing else is wanted of it. invoked: whether
    there was a run.
    """

    def __init__(
        self, session: Session, graph: SubGraph, arrays: Mapping[int, Array], preserve: bool
    ) -> None:
        self.session = session
        ends = list(zip(dict.fromkeys(graph.outputs), session.outputs, strict=True))
        self.feeds = {info.name: arrays[i] for i, info in zip(graph.inputs, session.inputs, strict=True)}
        self.outputs = {
            i: info.name for i, info in ends if graph.tensors[i].data is None and i not in graph.inputs
        }
        self.direct = (
            not preserve
            and not session.in_stages
            and len(self.outputs) == len(ends)
            and all(info.shape == arrays[i].shape for i, info in ends)
        )
        self.invoked = False
        self.results = {name: arrays[i] for i, name in self.outputs.items()}


def _intermediate(tensor: Tensor) -> str:
    return (
        f"Tensor data is null. Tensor {tensor.index}, name: {tensor.name}, is an intermediate one: of "
        "a model that remembers it is there with experimental_preserve_all_tensors=True only, and of a "
        "model that decides at run time what comes next it is not."
    )


def _input_names(graph: SubGraph, signature: Signature | None) -> list[str]:
    """The names that a session gives the inputs: the signature's, or the file's, with the index where one is
    there already."""
    given = {} if signature is None else {index: name for name, index in signature.inputs.items()}
    names: list[str] = []
    for i in graph.inputs:
        name = given.get(i) or graph.tensors[i].name or f"tensor_{i}"
        names.append(f"{name}#{i}" if name in names else name)
    return names
