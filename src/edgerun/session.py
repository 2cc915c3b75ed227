"""Session: a model that runs. The two streams of the house, models and frames, meet here."""

from __future__ import annotations

import os
import time
from _thread import RLock
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from edgerun import cache, knobs
from edgerun.errors import FormatError, InputError, ModelError
from edgerun.ir.ports import Array, Shape, TensorInfo
from edgerun.plan.image import Image, Runner, tensor_infos

# A start from the cache needs none of these, and takes a tenth of a second less without them: each is
# imported where it is wanted. So is `threading`, of which a lock is all that is wanted here.
if TYPE_CHECKING:
    from pathlib import Path

    from edgerun.artifact import Artifact
    from edgerun.frontends.onnx import OnnxFile
    from edgerun.frontends.tflite import TfliteFile
    from edgerun.ir.graph import Graph
    from edgerun.plan.plan import Plan
    from edgerun.plan.program import Program
    from edgerun.report import StepProfile, Summary
    from edgerun.staged import StagedRunner, Timed

Feeds = Mapping[str, Array] | Array | None
STAGES = ("graph", "passes", "plan", "program", "memory")


def default_threads() -> int:
    """EDGERUN_THREADS, or the CPUs this process may use (affinity, and the cgroup's quota)."""
    wanted = knobs.threads()
    if wanted is not None:
        return wanted
    return max(1, min(len(os.sched_getaffinity(0)), _cgroup_cpus()))


def _cgroup_cpus() -> int:
    """The CPUs that the cgroup's quota pays for; as many as there are when it has none."""
    try:
        with open("/sys/fs/cgroup/cpu.max") as file:
            quota, period = file.read().split()
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
    Raises FormatError, UnsupportedOperatorError, QuantizationError, ModelError, InputError, and MemoryError
    where the machine has less memory than the model needs, as a run does, too: all is as it was before.
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
        self._path = None if isinstance(source, bytes) else os.fspath(source)
        try:
            self._open(source, threads, shapes, signature, preserve_all_tensors)
        except OSError as error:  # of our own modules, when the process may open no more files
            raise ModelError(f"{self.name}: the model cannot be set up: {error}.") from error

    def _open(
        self,
        source: str | Path | bytes,
        threads: int | None,
        shapes: Mapping[str, Shape] | None,
        signature: str | None,
        preserve_all_tensors: bool,
    ) -> None:
        self.threads = threads or default_threads()
        self._artifact: Artifact | None = None
        self._open_shapes: Mapping[str, tuple[int | str, ...]] = {}  # as the file has them
        self._cached: Artifact | None = None
        self._image: Image | None = None
        self._bound: Program | None = None
        self._opened: TfliteFile | OnnxFile | None = None
        self._key: str | None = None  # of the plan in the cache
        self._source: bytes | None = source if isinstance(source, bytes) else None
        plain = not preserve_all_tensors and not knobs.verify()
        key = None
        if plain and self._path is not None:  # before it is read: if it changes meanwhile, so does its key
            key = cache.file_key(self._path, shapes, signature, self.threads)
        if self._start_from_image(key, shapes, signature):
            return
        data, path = self._content()
        if data.startswith(b"EDGERUN\0"):
            if shapes or signature is not None or preserve_all_tensors:
                raise InputError(
                    f"{path}: a compiled model takes no shapes, no signature and no preserve_all_tensors; "
                    "the model it was compiled from does."
                )
            from edgerun.artifact import read_artifact

            self._artifact = read_artifact(data, path)
            self._set_up(shapes, signature, preserve_all_tensors)
            return
        self._key = cache.key_of(data, path, shapes, signature) if plain else None
        if key is None:
            key = cache.content_key(self._key, self.threads)
            if self._start_from_image(key, shapes, signature):
                return
        if self._start_cached(shapes, signature):
            self._keep_image(key)
            return
        begin = time.perf_counter()
        plan = self._set_up(shapes, signature, preserve_all_tensors)
        if plan is not None and time.perf_counter() - begin >= cache.WORTH_SECONDS:
            self._keep_plan(plan)
            self._keep_image(key)

    def _content(self) -> tuple[bytes, str]:
        """The file's bytes, read when first wanted, and its name for messages. Raises ModelError when it is
        not what the session began with."""
        name = "<bytes>" if self._path is None else self._path
        if self._source is None:
            from edgerun.frontends import read_source

            self._source = read_source(name)[1]
            if self._key is not None:
                key = cache.key_of(self._source, name, self._shapes, self._signature)
                if key != self._key:
                    raise ModelError(f"{name}: the file changed since the session began.")
        return self._source, name

    def _keep_plan(self, plan: Plan) -> None:
        if self._key is None:
            return
        from edgerun.artifact import Cached, made_artifact

        free = tuple(tuple(sorted(f)) for f in self._free)
        shown = tuple(self._open_shapes.items())
        artifact = made_artifact(self._ports, self.operators, plan)
        cache.store(Cached(self._key, artifact, free, shown, self.signatures))

    def _keep_image(self, key: str | None) -> None:
        if self._key is None or self._bound is None:
            return
        told = {
            "operators": self.operators,
            "free": [sorted(f) for f in self._free],
            "open_shapes": dict(self._open_shapes),
            "signatures": self.signatures,
            "plan": self._key,
        }
        cache.store_image(key, self._bound, told)

    @property
    def path(self) -> Path | None:
        """The model's file, None for bytes."""
        from pathlib import Path

        return None if self._path is None else Path(self._path)

    @property
    def _file(self) -> TfliteFile | OnnxFile:
        """The model's file, opened when first asked for; of a compiled model there is none."""
        if self._opened is None:
            from edgerun.frontends import parse_model

            self._opened = parse_model(*self._content())
            self._source = b""
        return self._opened

    def _start_from_image(
        self, key: str | None, shapes: Mapping[str, Shape] | None, signature: str | None
    ) -> bool:
        """Starts with a program as an earlier start bound it; whether there was one for this machine."""
        image = cache.load_image(key)
        if image is None:
            return False
        self._begin(shapes, signature, preserve_all_tensors=False)
        self._image = image
        told = image.told
        self._key = told["plan"]
        self.operators, self._signatures = tuple(told["operators"]), tuple(told["signatures"])
        self._free = [frozenset(dimensions) for dimensions in told["free"]]
        self._open_shapes = {name: tuple(shape) for name, shape in told["open_shapes"].items()}
        self._start()
        return True

    def _start_cached(self, shapes: Mapping[str, Shape] | None, signature: str | None) -> bool:
        """Starts from a plan of the cache; whether there was one that fits the engine."""
        cached = cache.load(self._key, "<bytes>" if self._path is None else self._path)
        if cached is None:
            return False
        try:
            program = cached.artifact.bind(self.threads)
        except FormatError:
            cache.discard(self._key)
            return False
        self._begin(shapes, signature, preserve_all_tensors=False)
        self._image, self._bound = None, program
        self._cached, self._signatures = cached.artifact, cached.signatures
        self.operators, self._ports = cached.artifact.operators, cached.artifact.ports()
        self._free = [frozenset(dimensions) for dimensions in cached.free]
        self._open_shapes = dict(cached.open_shapes)
        self._start()
        return True

    def _fill_in(self) -> None:
        """Reads the plan and binds it: a session that began with an image has neither until one is wanted."""
        if self._image is None:
            return
        with self._making:
            if self._image is None:
                return
            import copy

            whole = copy.copy(self)
            whole._image = None
            if not whole._start_cached(self._shapes, self._signature):
                whole._set_up(self._shapes, self._signature, preserve_all_tensors=False)
            self._ports, self._bound, self._cached = whole._ports, whole._bound, whole._cached
            self._opened = whole._opened
            self._image = None

    @property
    def _program(self) -> Program | None:
        """The program; of a model that is run in stages there is none."""
        self._fill_in()
        return self._bound

    @property
    def _graph(self) -> Graph:
        """The graph after the passes; of a session from the cache its ports alone."""
        self._fill_in()
        return self._ports

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
        self._making = RLock()
        self._open_shapes = {}
        self._waits = False  # for a run that tells the sizes of open dimensions

    def _set_up(
        self, shapes: Mapping[str, Shape] | None, signature: str | None, preserve_all_tensors: bool
    ) -> Plan | None:
        """Starts the model, from its file or compiled; the plan that was made of a file, if it has one."""
        self._begin(shapes, signature, preserve_all_tensors)
        self._cached = self._image = None
        if self._artifact is not None:
            self.operators, self._ports = self._artifact.operators, self._artifact.ports()
            self._free = [frozenset(range(len(v.type.shape))) for v in self._ports.inputs]
            self._bound = self._artifact.bind(self.threads)
            self._start()
            return None
        from edgerun.frontends.stages import Cut
        from edgerun.passes import PIPELINE, UNFUSED, run_passes
        from edgerun.plan.lower import lower
        from edgerun.plan.program import bind

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
        self._ports = run_passes(graph, UNFUSED if preserve_all_tensors else PIPELINE)
        plan = lower(self._ports)
        self._bound = bind(plan, self.threads, share_memory=not preserve_all_tensors)
        self._start()
        return plan

    def _start_in_stages(self, shapes: Mapping[str, Shape] | None, signature: str | None) -> None:
        self._ports, self._bound = self._file.ports(shapes, signature), None
        self.operators = self._file.operator_names(signature)
        self._start()

    def _open_inputs(self) -> str:
        """The inputs with open dimensions besides the batch, for a message."""
        values = zip(self._file.ports(None, self._signature).inputs, self._free, strict=True)
        return ", ".join(f"'{value.name}'" for value, free in values if free - {0})

    def _start(self) -> None:
        """Makes the runner: of the image, of the program, or of stages where there is neither."""
        self._traced: Session | None = None
        self._runner: Runner | StagedRunner
        self._staged: StagedRunner | None = None
        if self._image is not None:
            self._runner = self._image.runner(self.threads)
            self._inputs, self._outputs = self._image.inputs, self._image.outputs
        else:
            self._inputs, self._outputs = tensor_infos(self._ports.inputs), tensor_infos(self._ports.outputs)
            if self._bound is not None:
                self._runner = self._bound.runner(self.threads)
            else:
                from edgerun.staged import StagedRunner

                entry = self._file.entry(self._signature)
                self._runner = self._staged = StagedRunner(self._file, entry, self._ports, self.threads)
        self._run = self._runner.run
        self._verify = knobs.verify() and self._bound is not None and self._artifact is None

    @property
    def name(self) -> str:
        """The file's name, without folder."""
        return "<bytes>" if self._path is None else os.path.basename(self._path)

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The inputs. What an ONNX file leaves open is a name or -1, unless `shapes` was given."""
        return self._shown(self._inputs)

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        return self._shown(self._outputs)

    def _shown(self, infos: tuple[TensorInfo, ...]) -> tuple[TensorInfo, ...]:
        return tuple(
            TensorInfo(info.name, self._open_shapes.get(info.name, info.shape), info.dtype, info.quantization)
            for info in infos
        )

    @property
    def metadata(self) -> Mapping[str, bytes | memoryview]:
        """The raw metadata of the file, by name."""
        return self._graph.metadata

    @property
    def in_stages(self) -> bool:
        """Whether what is computed, or its shapes, is decided at run time: then there is no single program,
        and the outputs have the shapes that a run gives them."""
        return self._staged is not None

    @property
    def signatures(self) -> tuple[str, ...]:
        """The entry points of the file, for `signature`."""
        if self._image is not None or self._cached is not None:
            return self._signatures
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
        return self._with(self._bound)

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
        given = feeds if isinstance(feeds, Mapping) else {info.name: feeds for info in self._inputs[:1]}
        shapes: dict[str, Shape] = {}
        for info, free in zip(self._inputs, self._free, strict=True):
            array = given.get(info.name)
            if not isinstance(array, np.ndarray) or array.dtype != info.dtype:
                return None
            if array.ndim != len(info.shape):
                return None
            differ = {d for d, (a, b) in enumerate(zip(array.shape, info.shape, strict=True)) if a != b}
            if not differ <= free or 0 in array.shape:
                return None
            shapes[info.name] = array.shape
        if len(given) != len(shapes) or all(info.shape == shapes[info.name] for info in self._inputs):
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
            wanted = {info.name: info.shape for info in self._inputs}
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
        pairs = zip(self._inputs, batched._inputs, strict=True)
        sizes = {(a.shape[:1], b.shape[1:] == a.shape[1:]) for a, b in pairs}
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
        import copy

        session: Session = copy.copy(self)
        session._set_up(shapes, self._signature, self._preserve)
        return session

    def _with(self, program: Program | None) -> Session:
        """A session like this one over another binding of the graph, or the same."""
        import copy

        session: Session = copy.copy(self)
        session._variants, session._making = OrderedDict(), RLock()
        session._bound = program
        session._start()
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
        from edgerun.report import StepProfile

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
        import hashlib

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
        from edgerun.report import Summary

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
            from edgerun.plan.program import bind

            # Two threads may make it at once; one of them stays.
            self._traced = self._with(bind(lower(self._whole_graph()), self.threads, share_memory=False))
        if feeds is None:
            feeds = {info.name: self.input(info.name) for info in self.inputs}
        check_steps(self._whole_graph(), self._traced.tensors(feeds))
        return self._run(feeds)


def check_steps(graph: Graph, tensors: Mapping[str, Array]) -> None:
    """Raises ModelError for the first node whose outputs differ from its eval on the same inputs, floats by
    more than the tolerance."""
    from edgerun.ir.op import wrong_elements

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
    from edgerun.ir.types import is_added

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
