"""Session: a model that runs. The two streams of the house, models and frames, meet here."""

from __future__ import annotations

import copy
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgerun import cache, knobs
from edgerun.artifact import MAGIC, Artifact, made_artifact, read_artifact
from edgerun.errors import FormatError, InputError, ModelError
from edgerun.frontends import parse_model, read_source
from edgerun.ir.graph import Graph, Value
from edgerun.ir.op import wrong_elements
from edgerun.ir.types import Array, Shape, TensorInfo, is_added
from edgerun.plan.plan import Plan
from edgerun.plan.program import Program, Runner, bind

if TYPE_CHECKING:
    from edgerun.frontends.onnx import OnnxFile
    from edgerun.frontends.tflite import TfliteFile
    from edgerun.staged import StagedRunner, Timed

# What makes a plan of a file (frontends, passes, lowering) and the runner of stages are imported where they
# are needed: a start from a compiled model or the cache takes a tenth of a second less without them.
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
    """What a model is, in figures.

    weight_bytes: of the constants that are computed with, packed_bytes: of what they were packed into for
    this machine's kernels; arena_bytes: of the activations; host_steps: operators that run in numpy.
    """

    name: str
    operators: int
    steps: int
    macs: int
    weight_bytes: int
    packed_bytes: int
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

    source: path of a model file, compiled or not, or its bytes. threads: CPU threads of one run; None: as
    many as the machine allows. shapes: other shapes for inputs, by name. signature: the entry point of a file
    that has several, whose names inputs and outputs then have. preserve_all_tensors: no fusion, and every
    tensor keeps its memory, so that `tensors` can show them. A compiled model takes none of the last three.
    Raises FormatError, UnsupportedOperatorError, QuantizationError, ModelError, InputError.
    """

    def __new__(cls, *args: Any, backend: str = "edgerun", **kwargs: Any) -> Any:
        if backend == "edgerun":
            return super().__new__(cls)
        if backend == "litert":
            from edgerun.backends.litert import LitertBackend

            return LitertBackend(*args, **kwargs)
        if backend == "onnxruntime":
            from edgerun.backends.onnxruntime import OnnxruntimeBackend

            return OnnxruntimeBackend(*args, **kwargs)
        raise InputError(
            f"There is no backend {backend!r}; there are 'edgerun', 'litert' and 'onnxruntime'."
        )

    def __init__(
        self,
        source: str | Path | bytes,
        threads: int | None = None,
        *,
        shapes: Mapping[str, Shape] | None = None,
        signature: str | None = None,
        preserve_all_tensors: bool = False,
        backend: str = "edgerun",
    ) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"threads must be at least 1, got {threads}.")
        self.path = None if isinstance(source, bytes) else Path(source)
        self.threads = threads or default_threads()
        self._artifact: Artifact | None = None
        self._open_shapes: Mapping[str, tuple[int | str, ...]] = {}  # as the file has them
        self._cached: Artifact | None = None
        self._opened: TfliteFile | OnnxFile | None = None
        path, data = read_source(source)
        self._source = (data, path)
        if data.startswith(MAGIC):
            if shapes or signature is not None or preserve_all_tensors:
                raise InputError(
                    f"{path}: a compiled model takes no shapes, no signature and no preserve_all_tensors; "
                    "the model it was compiled from does."
                )
            self._artifact = read_artifact(data, path)
            self._set_up(shapes, signature, preserve_all_tensors)
            return
        plain = not preserve_all_tensors and not knobs.verify()
        key = cache.key_of(data, path, shapes, signature) if plain else None
        if not self._start_cached(cache.load(key, path), key, shapes, signature):
            begin = time.perf_counter()
            plan = self._set_up(shapes, signature, preserve_all_tensors)
            if plan is not None and time.perf_counter() - begin >= cache.WORTH_SECONDS:
                free = tuple(tuple(sorted(f)) for f in self._free)
                artifact = made_artifact(self._graph, self.operators, plan)
                shown = tuple(self._open_shapes.items())
                cache.store(key, cache.Cached(artifact, free, shown, self.signatures))

    @property
    def _file(self) -> TfliteFile | OnnxFile:
        """The model's file, opened when first asked for; of a compiled model there is none."""
        if self._opened is None:
            self._opened = parse_model(*self._source)
            self._source = (b"", self._source[1])
        return self._opened

    def _start_cached(
        self,
        cached: cache.Cached | None,
        key: str | None,
        shapes: Mapping[str, Shape] | None,
        signature: str | None,
    ) -> bool:
        """Starts from a plan of the cache; whether there was one that fits the engine."""
        if cached is None:
            return False
        try:
            program = cached.artifact.bind(self.threads)
        except FormatError:
            cache.discard(key)
            return False
        self._begin(shapes, signature, preserve_all_tensors=False)
        self._cached, self._cached_signatures = cached.artifact, cached.signatures
        self.operators, self._graph = cached.artifact.operators, cached.artifact.ports()
        self._free = [frozenset(dimensions) for dimensions in cached.free]
        self._open_shapes = dict(cached.open_shapes)
        self._start(program)
        return True

    def _whole_graph(self) -> Graph:
        """The graph after the passes; a session from the cache has only its ports until then."""
        if self._cached is None:
            return self._graph
        from edgerun.passes import PIPELINE, run_passes

        return run_passes(self._file.graph(self._shapes, self._signature), PIPELINE)

    def _begin(
        self, shapes: Mapping[str, Shape] | None, signature: str | None, preserve_all_tensors: bool
    ) -> None:
        self._shapes, self._signature, self._preserve = shapes, signature, preserve_all_tensors
        self._variants: OrderedDict[tuple[Shape, ...], Session | None] = OrderedDict()
        self._making = threading.Lock()
        self._open_shapes = {}
        self._waits = False  # for a run that tells the sizes of open dimensions

    def _set_up(
        self, shapes: Mapping[str, Shape] | None, signature: str | None, preserve_all_tensors: bool
    ) -> Plan | None:
        """Starts the model, from its file or compiled; the plan that was made of a file, if it has one."""
        self._begin(shapes, signature, preserve_all_tensors)
        self._cached = None
        if self._artifact is not None:
            self.operators, self._graph = self._artifact.operators, self._artifact.ports()
            self._free = [frozenset(range(len(v.type.shape))) for v in self._graph.inputs]
            self._start(self._artifact.bind(self.threads))
            return None
        from edgerun.frontends.stages import Cut
        from edgerun.passes import PIPELINE, UNFUSED, run_passes
        from edgerun.plan.lower import lower

        self._free = self._file.free_dimensions(signature)
        if not shapes:
            self._open_shapes = self._file.open_shapes()
        try:
            graph = self._file.graph(shapes, signature)
        except Cut as cut:
            if preserve_all_tensors:
                raise ModelError(
                    f"{self._file.path}: its tensors cannot be kept: operator {cut.operator.index} "
                    f"{cut.operator.name} is decided at run time ({cut})."
                ) from cut
            self._start_in_stages(shapes, signature)
            return None
        except FormatError as error:
            names = self._open_inputs()
            if shapes or not names:
                raise
            if preserve_all_tensors or not self._file.open_until_run:
                raise FormatError(
                    f"{error} (The file leaves dimensions of {names} open: `shapes` gives them sizes.)"
                ) from error
            # Not every sound model has a meaning where its open dimensions are 1: a run tells their sizes.
            self._waits = True
            self._start_in_stages(shapes, signature)
            return None
        self.operators = tuple(node.op.name for node in graph.nodes)
        self._graph = run_passes(graph, UNFUSED if preserve_all_tensors else PIPELINE)
        plan = lower(self._graph)
        self._start(bind(plan, self.threads, share_memory=not preserve_all_tensors))
        return plan

    def _start_in_stages(self, shapes: Mapping[str, Shape] | None, signature: str | None) -> None:
        self._graph = self._file.ports(shapes, signature)
        self.operators = self._file.operator_names(signature)
        self._start(None)

    def _open_inputs(self) -> str:
        """The inputs with open dimensions besides the batch, for a message."""
        values = zip(self._file.ports(None, self._signature).inputs, self._free, strict=True)
        return ", ".join(f"'{value.name}'" for value, free in values if free - {0})

    def _start(self, program: Program | None) -> None:
        """Makes the runner; without a program the model is run in stages."""
        self._traced: Session | None = None
        self._program = program
        self._runner: Runner | StagedRunner
        self._staged: StagedRunner | None = None
        if program is not None:
            self._runner = program.runner(self.threads)
        else:
            from edgerun.staged import StagedRunner

            entry = self._file.entry(self._signature)
            self._runner = self._staged = StagedRunner(self._file, entry, self._graph, self.threads)
        self._run = self._runner.run
        self._verify = knobs.verify() and program is not None and self._artifact is None

    @property
    def name(self) -> str:
        """The file's name, without folder."""
        return "<bytes>" if self.path is None else self.path.name

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The inputs. What an ONNX file leaves open is a name or -1, unless `shapes` was given."""
        return tuple(self._info(v) for v in self._graph.inputs)

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return tuple(self._info(v) for v in self._graph.outputs)

    def _info(self, value: Value) -> TensorInfo:
        kind, shape = value.type, self._open_shapes.get(value.name, value.type.shape)
        return TensorInfo(value.name, shape, kind.dtype, kind.quantization)

    @property
    def metadata(self) -> Mapping[str, bytes | memoryview]:
        """The raw metadata of the file, by name."""
        return self._graph.metadata

    @property
    def in_stages(self) -> bool:
        """Whether what is computed, or its shapes, is decided at run time: then there is no single program,
        and the outputs have the shapes that a run gives them."""
        return self._program is None

    @property
    def signatures(self) -> tuple[str, ...]:
        """The entry points of the file, for `signature`."""
        if self._cached is not None:
            return self._cached_signatures
        return () if self._artifact is not None else tuple(self._file.signatures)

    def run(self, feeds: Feeds = None) -> dict[str, Array]:
        """One inference: arrays by input name (or the array of the only input; or nothing, for what `input`
        holds) -> new arrays by output name, in the model's own dtypes.

        Inputs may have another batch size, or another size of a dimension that the file leaves open: the
        program for these shapes is made at the first such run, and kept. Releases the GIL; runs of one
        session from several threads take turns. Raises InputError for a wrong name, shape or dtype.
        """
        try:
            return self._run_verified(feeds) if self._verify else self._run(feeds)
        except InputError:
            variant = self._variant(feeds)
            if variant is None:
                raise
        return variant.run(feeds)

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

    def reset(self) -> None:
        """Makes a model that remembers (variables, recurrent layers) forget: the next run is the first."""
        self._runner.reset()
        with self._making:
            others = [v for v in self._variants.values() if v is not None]
        for other in [*others, self._traced] if self._traced is not None else others:
            other.reset()

    def _variant(self, feeds: Feeds) -> Session | None:
        """The session for feeds of other sizes, when it is sizes that may change; None otherwise, which is
        kept too. Threads that come with new sizes at the same time take turns."""
        given = feeds if isinstance(feeds, Mapping) else {v.name: feeds for v in self._graph.inputs[:1]}
        shapes: dict[str, Shape] = {}
        for value, free in zip(self._graph.inputs, self._free, strict=True):
            array, kind = given.get(value.name), value.type
            if not isinstance(array, np.ndarray) or array.dtype != kind.dtype:
                return None
            if array.ndim != len(kind.shape):
                return None
            differ = {d for d, (a, b) in enumerate(zip(array.shape, kind.shape, strict=True)) if a != b}
            if not differ <= free or 0 in array.shape:
                return None
            shapes[value.name] = array.shape
        if len(given) != len(shapes) or all(v.type.shape == shapes[v.name] for v in self._graph.inputs):
            return None
        key = tuple(shapes.values())
        with self._making:
            if key not in self._variants:
                self._variants[key] = self._made_for(shapes)
                if len(self._variants) > knobs.max_programs():
                    self._variants.popitem(last=False)
            self._variants.move_to_end(key)
            return self._variants[key]

    def _made_for(self, shapes: Mapping[str, Shape]) -> Session | None:
        """A session for inputs of these shapes; None where the model is not made for them, so that it is the
        caller's array that is wrong. Raises InputError for a compiled model, whose shapes are settled."""
        if self._artifact is not None:
            wanted = {v.name: v.type.shape for v in self._graph.inputs}
            raise InputError(
                f"{self.name}: the model was compiled for inputs of the shapes {wanted}, got {dict(shapes)}; "
                "`edgerun compile --shape` makes it for others."
            )
        try:
            made = self._reshaped(shapes)
            return made if self._waits or self._takes_batches(made) else None
        except ModelError:
            if self._waits:
                raise
            return None

    def _takes_batches(self, batched: Session) -> bool:
        """Whether a session for a batch gives what this one gives for its parts one by one, as a model whose
        file has a batch of 1 need not do; tried on pseudo-random inputs. True for other changes of shape."""
        pairs = zip(self._graph.inputs, batched._graph.inputs, strict=True)
        sizes = {(a.type.shape[:1], b.type.shape[1:] == a.type.shape[1:]) for a, b in pairs}
        if sizes != {((1,), True)}:
            return True
        if self._program is not None and self._program.plan.states:
            return False
        feeds = fixed_inputs(batched.inputs)
        whole, single = batched.run(feeds), self.twin()
        for i in range(len(next(iter(feeds.values())))):
            part = single.run({name: np.ascontiguousarray(array[i : i + 1]) for name, array in feeds.items()})
            for name, array in part.items():
                if array.ndim == 0:
                    return False  # one number for the whole batch
                got = whole[name][i : i + 1]
                if got.shape != array.shape or not np.array_equal(
                    got, array, equal_nan=array.dtype.kind == "f"
                ):
                    return False
        return True

    def _reshaped(self, shapes: Mapping[str, Shape]) -> Session:
        """A session over the same file with inputs of other shapes."""
        session: Session = copy.copy(self)
        session._set_up(shapes, self._signature, self._preserve)
        return session

    def _with(self, program: Program | None) -> Session:
        """A session like this one over another binding of the graph, or the same."""
        session: Session = copy.copy(self)
        session._variants, session._making = OrderedDict(), threading.Lock()
        session._start(program)
        return session

    def tensors(self, feeds: Feeds = None) -> dict[str, Array]:
        """Every tensor of a run by its name in the file, for sessions with preserve_all_tensors."""
        if self._program is None or not isinstance(self._runner, Runner):
            raise ModelError(f"{self.name}: a model that is run in stages does not keep its tensors.")
        if self._artifact is not None:
            raise ModelError(f"{self.name}: a compiled model does not keep its tensors.")
        buffers, values = self._runner.trace(feeds), self._program.plan.values
        tensors = {v.name: v.data for v in self._whole_graph().constants() if v.data is not None}
        return tensors | {name: self._program.read(i, buffers) for name, i in values.items()}

    def profile(self, feeds: Feeds = None, runs: int = 20) -> list[StepProfile]:
        """The steps of a run with their median times over `runs` runs."""
        samples = [self._timed(feeds) for _ in range(max(1, runs) + 2)][2:]
        last = [id(bound) for _, bound, _ in samples[-1]]
        # A loop that depends on what the model remembers need not do the same each time.
        samples = [sample for sample in samples if [id(bound) for _, bound, _ in sample] == last]
        times = np.median([[ns for _, _, ns in sample] for sample in samples], axis=0) / 1e3
        total = float(times.sum()) or 1.0
        profiles = []
        for (program, bound, _), time_us in zip(samples[0], times, strict=True):
            step, tensors = bound.step, program.plan.tensors
            moved = sum(tensors[i].type.nbytes for i in (*step.inputs, *step.outputs))
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

    def _timed(self, feeds: Feeds) -> list[Timed]:
        """The steps of one run with their nanoseconds."""
        if self._staged is not None:
            return self._staged.profile(feeds)
        assert isinstance(self._runner, Runner)
        assert self._program is not None
        program, times = self._program, self._runner.profile(feeds)[1]
        return [(program, bound, ns) for bound, ns in zip(program.steps, times, strict=True)]

    def _programs(self) -> list[Program]:
        """The program or, of a model run in stages, those made so far."""
        if self._staged is not None:
            return self._staged.programs()
        assert self._program is not None
        return [self._program]

    def fingerprint(self) -> str:
        """A hash of the outputs on fixed pseudo-random inputs, and how far it is the same elsewhere."""
        results = self._fixed_run()
        digest = hashlib.sha256()
        for name in sorted(results):
            digest.update(name.encode() + b"\0" + results[name].tobytes())
        steps = (bound.step for program in self._programs() for bound in program.steps)
        where = " on CPUs with FMA" if any(step.needs_fma for step in steps) else ""
        return f"{digest.hexdigest()[:32]} exact{where}"

    def _fixed_run(self) -> dict[str, Array]:
        """A run on fixed pseudo-random inputs, which a model that takes shapes or indices need not accept."""
        feeds = fixed_inputs(self.inputs)
        try:
            if self._staged is None:
                return self.twin().run(feeds)
            with self._staged.aside():
                return self._staged.run(feeds)
        except ModelError as error:
            if not self.in_stages:
                raise
            sizes = ", of size 1 where a dimension is open: `shapes` says others" if self._open_shapes else ""
            raise ModelError(f"{error} (The inputs were pseudo-random{sizes}.)") from error

    def summary(self) -> Summary:
        """Operators, multiply-adds, memory, raw metadata, fingerprint."""
        try:
            fingerprint = self.fingerprint()  # first: it makes the programs of a model run in stages
        except ModelError as error:
            fingerprint = f"none: {error}"
        programs = self._programs()
        steps = [bound.step for program in programs for bound in program.steps]
        return Summary(
            self.name,
            len(self.operators),
            len(steps),
            sum(step.macs for step in steps),
            self._weight_bytes(),
            sum(bound.weight_bytes for program in programs for bound in program.steps),
            max((program.arena.nbytes for program in programs), default=0),
            sum(step.verb == "host" for step in steps),
            tuple(self.metadata),
            fingerprint,
        )

    def describe(self, stage: str) -> str:
        """A stage of the way from file to program, as text: graph (as loaded), passes (after them), plan,
        program, memory."""
        if stage not in STAGES:
            raise InputError(f"There is no stage {stage!r}; there are {', '.join(STAGES)}.")
        if self._program is None:
            if stage in ("graph", "passes"):
                return f"{self._graph}\n  (run in stages: the stages plan, program and memory show them)"
            self._fixed_run()  # makes the programs of one run
            parts = {"plan": lambda p: p.plan, "program": lambda p: p, "memory": lambda p: p.arena}
            return "\n".join(str(parts[stage](program)) for program in self._programs())
        if self._artifact is not None:
            if stage in ("graph", "passes"):
                raise InputError(
                    f"{self.name}: a compiled model begins with its plan; the stage {stage!r} is shown by "
                    "the model it was compiled from."
                )
            if stage == "plan":
                return str(self._artifact.plan)
        if stage == "graph":
            return str(self._file.graph(self._shapes, self._signature))
        if stage == "plan":  # as lowered: the program's own has this machine's storage and packs
            from edgerun.plan.lower import lower

            return str(lower(self._whole_graph()))
        if stage == "passes":
            return str(self._whole_graph())
        return str({"program": self._program, "memory": self._program.arena}[stage])

    def _weight_bytes(self) -> int:
        """Of the constants that are computed with; of a model run in stages, of all in the file."""
        if self._program is None:
            return self._file.weight_bytes(self._signature)
        artifact = self._artifact or self._cached
        if artifact is not None:
            return artifact.weight_bytes
        return sum(v.type.nbytes for v in self._graph.constants())

    def _run_verified(self, feeds: Feeds) -> dict[str, Array]:
        """A run whose every step is compared with the numpy reference, fed with the run's own tensors."""
        if self._traced is None:
            from edgerun.plan.lower import lower

            # Two threads may make it at once; one of them stays.
            self._traced = self._with(bind(lower(self._whole_graph()), self.threads, share_memory=False))
        if feeds is None:
            feeds = {info.name: self.input(info.name) for info in self.inputs}
        check_steps(self._whole_graph(), self._traced.tensors(feeds))
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
        elif info.dtype.itemsize == 1 and not is_added(info.dtype):
            array = (z >> np.uint64(56)).astype(np.uint8).view(info.dtype)
        else:
            array = (z >> np.uint64(56)).astype(info.dtype)
        feeds[info.name] = array.reshape(shape)
    return feeds
