"""Models that cannot be one program: control flow, and shapes that depend on data.

Their subgraphs are run region by region. A region is a stretch of operators that is one graph once the shapes
of what it reads are known, and the values of what shapes it; it is bound when it is first met, and kept for
the next time that shapes and values are the same. Between regions stand the operators that decide: a branch
or loop is taken here, an operator whose output's shape depends on its data runs through its eval.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from edgerun import knobs
from edgerun.errors import FormatError, InputError, UnsupportedOperatorError
from edgerun.frontends.stages import Region, StagedFile
from edgerun.ir.graph import Graph, State, Value
from edgerun.ir.types import Array
from edgerun.passes import run_passes
from edgerun.plan.image import Runner
from edgerun.plan.lower import lower
from edgerun.plan.program import BoundStep, Program, bind

Feeds = Mapping[str, Array] | Array | None
_Place = tuple[int, int]
# A step that ran: the program it belongs to, and its nanoseconds.
Timed = tuple[Program, BoundStep, int]


@dataclass(frozen=True)
class _Bound:
    """A region with its program; `states` are ordinary inputs and outputs of the program."""

    region: Region
    states: tuple[State, ...]
    program: Program | None  # None where nothing is computed
    runner: Runner | None


class StagedRunner:
    """Runs one subgraph of a file, with what the model remembers. Runs take turns."""

    def __init__(self, file: StagedFile, index: int, ports: Graph, threads: int) -> None:
        self._file, self._index, self._ports, self._threads = file, index, ports, threads
        self._initial = file.initial_variables()
        self._variables = dict(self._initial)
        # By the place (subgraph, operator) where a region begins: programs for shapes and values met so
        # far, the tensors whose values must be known, the tensors that are read from there on.
        self._regions: dict[_Place, OrderedDict[tuple[object, ...], _Bound]] = {}
        self._wanted: dict[_Place, set[int]] = {}
        self._reads: dict[_Place, frozenset[int]] = {}
        self._own: dict[str, Array] = {}
        self._lock = threading.RLock()
        self._timed: list[Timed] | None = None

    def programs(self) -> list[Program]:
        """The programs of the regions met so far."""
        with self._lock:
            bounds = [bound for regions in self._regions.values() for bound in regions.values()]
        return [bound.program for bound in bounds if bound.program is not None]

    def reset(self) -> None:
        """Forgets what the model remembers."""
        with self._lock:
            self._variables = dict(self._initial)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Runs within are those of a model that was just loaded; what it remembers is as before afterwards.
        Other threads wait."""
        with self._lock:
            before, self._variables = self._variables, dict(self._initial)
            try:
                yield
            finally:
                self._variables = before

    def input(self, name: str) -> Array:
        """The runner's own array of an input."""
        for value in self._ports.inputs:
            if value.name == name:
                if value.type.nbytes > knobs.max_arena_bytes():
                    raise InputError(f"Input {name!r} is larger than EDGERUN_MAX_ARENA_MB allows.")
                return self._own.setdefault(name, np.zeros(value.type.shape, value.type.dtype))
        names = ", ".join(repr(v.name) for v in self._ports.inputs)
        raise InputError(f"There is no input {name!r}; the inputs are {names}.")

    def run(self, feeds: Feeds = None) -> dict[str, Array]:
        """One inference; raises InputError for a wrong name, shape or dtype."""
        arrays = [self._checked(value, feeds) for value in self._ports.inputs]
        if isinstance(feeds, Mapping) and len(feeds) != len(arrays):
            raise InputError(f"Unknown inputs among {list(feeds)}.")
        with self._lock:
            before = dict(self._variables)
            try:
                results = self._subgraph(self._index, arrays)
            except BaseException:
                self._variables = before  # a run that fails is no run
                raise
        by_tensor = dict(zip(self._file.subgraphs[self._index].outputs, results, strict=True))
        return {value.name: by_tensor[value.index] for value in self._ports.outputs}

    def run_into(self, feeds: Feeds, results: Mapping[str, Array] | Array) -> None:
        """One inference into arrays of the caller, which must have the shapes that come out; with others
        it raises InputError, writes nothing and remembers nothing."""
        with self._lock:
            before = dict(self._variables)
            made = self.run(feeds)
            try:
                targets = [(self._target(name, array, results), array) for name, array in made.items()]
            except InputError:
                self._variables = before
                raise
        for target, array in targets:
            target[...] = array

    def _target(self, name: str, made: Array, results: Mapping[str, Array] | Array) -> Array:
        """The caller's array for an output."""
        if not isinstance(results, Mapping):
            if len(self._ports.outputs) != 1:
                raise InputError(
                    f"The model has {len(self._ports.outputs)} outputs: pass a dict of arrays by name."
                )
            target: object = results
        elif name in results:
            target = results[name]
        else:
            names = ", ".join(repr(v.name) for v in self._ports.outputs)
            raise InputError(f"Output {name!r} is missing; the outputs are {names}.")
        wanted = f"{made.dtype} of shape {made.shape}"
        if not isinstance(target, np.ndarray):
            got = type(target).__name__
            raise InputError(f"Output {name!r} must be a numpy array ({wanted}), got {got}.")
        if target.shape != made.shape or target.dtype != made.dtype:
            raise InputError(
                f"Output {name!r} must be {wanted}, got {target.dtype} of shape {target.shape}."
            )
        if not target.flags.writeable or not target.flags.c_contiguous:
            raise InputError(f"Output {name!r} must be a writable, C-contiguous array.")
        return target

    def profile(self, feeds: Feeds = None) -> list[Timed]:
        """The steps of one inference, as they came, with their times."""
        with self._lock:
            self._timed = []
            try:
                self.run(feeds)
                return self._timed
            finally:
                self._timed = None

    def _checked(self, value: Value, feeds: Feeds) -> Array:
        if feeds is None:
            return self.input(value.name)
        if isinstance(feeds, Mapping):
            if value.name not in feeds:
                raise InputError(f"Input {value.name!r} is missing.")
            array = feeds[value.name]
        else:
            if len(self._ports.inputs) != 1:
                raise InputError(
                    f"The model has {len(self._ports.inputs)} inputs: pass a dict of arrays by name."
                )
            array = feeds
        if not isinstance(array, np.ndarray):
            raise InputError(f"Input {value.name!r} must be a numpy array, got {type(array).__name__}.")
        if array.dtype != value.type.dtype or array.shape != value.type.shape:
            raise InputError(
                f"Input {value.name!r} must be {value.type.dtype} of shape {value.type.shape}, "
                f"got {array.dtype} of shape {array.shape}."
            )
        return array

    # -- subgraphs --

    def _subgraph(self, index: int, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a subgraph."""
        subgraph = self._file.subgraphs[index]
        arrays = dict(subgraph.constants)
        arrays.update(zip(subgraph.inputs, inputs, strict=True))
        at = 0
        while at < len(subgraph.operators):
            bound = self._bound(index, at, arrays)
            self._run_region(bound, arrays)
            region = bound.region
            if region.wanted is not None:
                wanted = self._wanted.setdefault((index, region.end), set())
                known = region.end == at and region.wanted in wanted  # and it does not help
                if known or region.wanted not in arrays:
                    operator = subgraph.operators[region.end]
                    raise UnsupportedOperatorError(
                        f"{self._file.path}: operator {operator.index} {operator.name}: an operand that it "
                        "needs to know depends on what is computed within it, or is a variable."
                    )
                wanted.add(region.wanted)
                at = region.end
            elif region.end < len(subgraph.operators):
                arrays.update(self._file.decide(index, region, arrays, self._subgraph))
                at = region.end + 1
            else:
                break
        if not arrays.keys() >= set(subgraph.outputs):
            raise FormatError(f"{self._file.path}: an output of graph {index} is written by no operator.")
        return [np.array(arrays[i]) for i in subgraph.outputs]

    def _bound(self, index: int, at: int, arrays: Mapping[int, Array]) -> _Bound:
        """The region that begins at operator `at`, for the shapes and values there are."""
        reads = self._live(index, at)
        wanted = self._wanted.get((index, at), set())
        live = sorted(i for i in reads if i in arrays)
        key: tuple[object, ...] = (
            tuple((i, arrays[i].shape) for i in live),
            tuple((i, arrays[i].tobytes()) for i in sorted(wanted)),
            tuple((name, array.shape) for name, array in self._variables.items()),
        )
        regions = self._regions.setdefault((index, at), OrderedDict())
        if key not in regions:
            types = {i: self._file.type_of(index, i, arrays[i]) for i in live}
            known = {i: _frozen(arrays[i]) for i in wanted}
            regions[key] = self._bind(self._file.region(index, at, types, known, self._variables))
            if len(regions) > knobs.max_programs():
                regions.popitem(last=False)
        regions.move_to_end(key)
        return regions[key]

    def _live(self, index: int, at: int) -> frozenset[int]:
        """The tensors that operators from `at` on read, or that are results of the subgraph."""
        if (index, at) not in self._reads:
            subgraph = self._file.subgraphs[index]
            read = {i for o in subgraph.operators[at:] for i in o.inputs if i >= 0}
            self._reads[index, at] = frozenset(read | set(subgraph.outputs)) - subgraph.constants.keys()
        return self._reads[index, at]

    def _bind(self, region: Region) -> _Bound:
        graph, states = region.graph, tuple(region.graph.states)
        graph.states = []
        graph.inputs = list(dict.fromkeys([*graph.inputs, *(s.read for s in states)]))
        graph.outputs = list(dict.fromkeys([*graph.outputs, *(s.written for s in states)]))
        if not graph.outputs:
            return _Bound(region, states, None, None)
        program = bind(lower(run_passes(graph)), self._threads)
        return _Bound(region, states, program, program.runner(self._threads))

    def _run_region(self, bound: _Bound, arrays: dict[int, Array]) -> None:
        arrays.update(bound.region.known)
        if bound.runner is None or bound.program is None:
            return
        graph = bound.region.graph
        subgraph_inputs = zip(bound.region.inputs, graph.inputs, strict=False)
        feeds = {value.name: arrays[i] for i, value in subgraph_inputs}
        feeds |= {s.read.name: self._variables.get(s.name, s.initial) for s in bound.states}
        if self._timed is None:
            results = bound.runner.run(feeds)
        else:
            results, times = bound.runner.profile(feeds)
            steps = bound.program.steps
            self._timed += [(bound.program, s, ns) for s, ns in zip(steps, times, strict=True)]
        for i, value in zip(bound.region.outputs, graph.outputs, strict=False):
            arrays[i] = results[value.name]
        for state in bound.states:
            self._variables[state.name] = results[state.written.name]


def _frozen(array: Array) -> Array:
    """A copy that a program may keep, whatever the caller does with his array."""
    array = np.array(array, order="C")
    array.setflags(write=False)
    return array
