"""Session: a model that runs. The two streams of the house, models and frames, meet here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgerun import knobs
from edgerun.errors import InputError, ModelError
from edgerun.frontends import load_graph
from edgerun.ir.graph import Graph
from edgerun.ir.op import wrong_elements
from edgerun.ir.types import Array, Shape, TensorInfo, TensorType
from edgerun.passes import PIPELINE, UNFUSED, run_passes
from edgerun.plan.lower import lower
from edgerun.plan.program import Program, bind

Feeds = Mapping[str, Array] | Array | None
STAGES = ("graph", "passes", "plan", "program", "memory")


@dataclass(frozen=True)
class StepProfile:
    """One step of a run: the operator it does, the kernel that ran, and what it cost.

    time_us: microseconds; macs: multiply-adds; gmacs: 10^9 multiply-adds per second (0 where there are none);
    bytes: what it reads and writes, weights included; share: of the run's time.
    """

    operator: str
    name: str
    kernel: str
    time_us: float
    macs: int
    gmacs: float
    bytes: int
    share: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Summary:
    """What a model is, in figures."""

    name: str
    operators: int
    steps: int
    macs: int
    weight_bytes: int
    arena_bytes: int
    host_steps: int
    metadata: tuple[str, ...]
    fingerprint: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def default_threads() -> int:
    """EDGERUN_THREADS, or the CPUs this process may use (affinity, and the cgroup's quota)."""
    wanted = knobs.threads()
    if wanted is not None:
        return wanted
    return max(1, min(len(os.sched_getaffinity(0)), _cgroup_cpus()))


def _cgroup_cpus() -> int:
    """The CPUs that the cgroup's quota pays for; as many as there are when it has none."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            return max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return os.cpu_count() or 1


class Session:
    """A model bound to this machine.

    source: path of a model file, or its bytes. threads: CPU threads of one run; None: as many as the machine
    allows. shapes: other shapes for inputs, by name. preserve_all_tensors: no fusion, and every tensor keeps
    its memory, so that `tensors` can show them. Raises FormatError, UnsupportedOperatorError,
    QuantizationError, ModelError.
    """

    def __new__(cls, *args: Any, backend: str = "edgerun", **kwargs: Any) -> Any:
        if backend == "edgerun":
            return super().__new__(cls)
        if backend == "litert":
            from edgerun.backends.litert import LitertBackend

            return LitertBackend(*args, **kwargs)
        raise InputError(f"There is no backend {backend!r}; there are 'edgerun' and 'litert'.")

    def __init__(
        self,
        source: str | Path | bytes,
        threads: int | None = None,
        *,
        shapes: Mapping[str, Shape] | None = None,
        preserve_all_tensors: bool = False,
        backend: str = "edgerun",
    ) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}.")
        self.path = None if isinstance(source, bytes) else Path(source)
        self._source, self._shapes = source, shapes
        self.threads = threads or default_threads()
        graph = load_graph(source, shapes)
        self.operators = tuple(node.op.name for node in graph.nodes)
        self._graph = run_passes(graph, UNFUSED if preserve_all_tensors else PIPELINE)
        plan = lower(self._graph)
        self._start(bind(plan, self.threads, share_memory=not preserve_all_tensors))

    def _start(self, program: Program) -> None:
        self._program = program
        self._runner = program.runner(self.threads)
        self._run = self._runner.run
        self._verify = knobs.verify()

    @property
    def name(self) -> str:
        """The file's name, without folder."""
        return "<bytes>" if self.path is None else self.path.name

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        return tuple(_info(v.name, v.type) for v in self._graph.inputs)

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return tuple(_info(v.name, v.type) for v in self._graph.outputs)

    @property
    def metadata(self) -> Mapping[str, bytes | memoryview]:
        """The raw metadata of the file, by name."""
        return self._graph.metadata

    def run(self, feeds: Feeds = None) -> dict[str, Array]:
        """One inference: arrays by input name (or the array of the only input; or nothing, for what `input`
        holds) -> new arrays by output name, in the model's own dtypes.

        Releases the GIL; runs of one session from several threads take turns. Raises InputError for a wrong
        name, shape or dtype.
        """
        if self._verify:
            return self._run_verified(feeds)
        return self._run(feeds)

    __call__ = run

    def run_into(self, feeds: Feeds, results: Mapping[str, Array] | Array) -> None:
        """One inference into arrays of the caller (writable, C-contiguous); allocates nothing."""
        self._runner.run_into(feeds, results)

    def input(self, name: str) -> Array:
        """The session's own array of an input, writable; `run()` without feeds reads it."""
        return self._runner.input(name)

    def twin(self) -> Session:
        """Another session over the same program and packed weights, with an arena of its own."""
        return self._with(self._program)

    def _with(self, program: Program) -> Session:
        """A session like this one over another binding of the graph, or the same."""
        session = object.__new__(Session)
        session.path, session.threads = self.path, self.threads
        session._source, session._shapes = self._source, self._shapes
        session.operators, session._graph = self.operators, self._graph
        session._start(program)
        return session

    def tensors(self, feeds: Feeds = None) -> dict[str, Array]:
        """Every tensor of a run by its name in the file, for sessions with preserve_all_tensors."""
        buffers, values = self._runner.trace(feeds), self._program.plan.values
        return {name: self._program.read(i, buffers) for name, i in values.items()}

    def profile(self, feeds: Feeds = None, runs: int = 20) -> list[StepProfile]:
        """The steps of a run with their median times over `runs` runs."""
        samples = [self._runner.profile(feeds)[1] for _ in range(max(1, runs) + 2)][2:]
        times = np.median(np.array(samples, float), axis=0) / 1e3
        total = float(times.sum()) or 1.0
        plan = self._program.plan
        profiles = []
        for bound, time_us in zip(self._program.steps, times, strict=True):
            step = bound.step
            moved = sum(plan.tensors[i].type.nbytes for i in (*step.inputs, *step.outputs))
            profiles.append(
                StepProfile(
                    step.operator,
                    step.name,
                    f"{step.verb}/{bound.kernel}",
                    float(time_us),
                    step.macs,
                    step.macs / 1e3 / float(time_us) if time_us else 0.0,
                    moved + bound.weight_bytes,
                    float(time_us) / total,
                )
            )
        return profiles

    def fingerprint(self) -> str:
        """A hash of the outputs on fixed pseudo-random inputs, and how far it is the same elsewhere."""
        feeds = fixed_inputs(self.inputs)
        results = self.run(feeds)
        digest = hashlib.sha256()
        for name in sorted(results):
            digest.update(name.encode() + b"\0" + results[name].tobytes())
        return f"{digest.hexdigest()[:32]} exact"

    def summary(self) -> Summary:
        """Operators, multiply-adds, memory, raw metadata, fingerprint."""
        program = self._program
        return Summary(
            self.name,
            len(self.operators),
            len(program.steps),
            sum(b.step.macs for b in program.steps),
            sum(v.type.nbytes for v in self._graph.constants()),
            program.arena.nbytes,
            sum(b.step.verb == "host" for b in program.steps),
            tuple(self.metadata),
            self.fingerprint(),
        )

    def describe(self, stage: str) -> str:
        """A stage of the way from file to program, as text: graph (as loaded), passes (after them), plan,
        program, memory."""
        if stage == "graph":
            return str(load_graph(self._source, self._shapes))
        if stage == "plan":  # as lowered: the program's own has this machine's storage and packs
            return str(lower(self._graph))
        shown: Mapping[str, object] = {
            "passes": self._graph,
            "program": self._program,
            "memory": self._program.arena,
        }
        if stage not in shown:
            raise InputError(f"There is no stage {stage!r}; there are {', '.join(STAGES)}.")
        return str(shown[stage])

    def _run_verified(self, feeds: Feeds) -> dict[str, Array]:
        """A run whose every step is compared with the numpy reference, fed with the run's own tensors."""
        if not hasattr(self, "_traced"):
            # Two threads may make it at once; one of them stays.
            self._traced = self._with(bind(lower(self._graph), self.threads, share_memory=False))
        if feeds is None:
            feeds = {info.name: self.input(info.name) for info in self.inputs}
        check_steps(self._graph, self._traced.tensors(feeds))
        return self._run(feeds)


def check_steps(graph: Graph, tensors: Mapping[str, Array]) -> None:
    """Raises ModelError for the first node whose outputs differ from its eval on the same inputs, floats by
    more than the tolerance."""
    for node in graph.nodes:
        arrays = [
            None if v is None else v.data if v.data is not None else tensors[v.name] for v in node.inputs
        ]
        results = [tensors[value.name] for value in node.outputs]
        wrong = wrong_elements(node.op, node.types(), arrays, results)  # type: ignore[arg-type]
        for value, elements in zip(node.outputs, wrong, strict=True):
            if elements.any():
                raise ModelError(
                    f"{graph.name}: {node.op.name} '{value.name}' differs from its reference in "
                    f"{np.count_nonzero(elements)} of {elements.size} elements."
                )


def fixed_inputs(infos: tuple[TensorInfo, ...]) -> dict[str, Array]:
    """The same pseudo-random inputs on every machine: SplitMix64 by the index of the element."""
    feeds: dict[str, Array] = {}
    for k, info in enumerate(infos):
        shape = tuple(d if isinstance(d, int) and d > 0 else 1 for d in info.shape)
        z = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint64)
        z = (z + np.uint64(k << 32) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        if info.dtype.kind == "f":
            array: Array = ((z >> np.uint64(40)).astype(np.float64) / 2.0**24).astype(info.dtype)
        elif info.dtype.itemsize == 1:
            array = (z >> np.uint64(56)).astype(np.uint8).view(info.dtype)
        else:
            array = (z >> np.uint64(56)).astype(info.dtype)
        feeds[info.name] = array.reshape(shape)
    return feeds


def _info(name: str, kind: TensorType) -> TensorInfo:
    return TensorInfo(name, kind.shape, kind.dtype, kind.quantization)
