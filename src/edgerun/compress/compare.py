"""A model beside another runtime, layer by layer: how far each operator is, and where the two part first.

Two measures. *Fed*: each operator alone, fed with the reference's own tensors: its own error. *Run*: the same
tensor of two whole runs on the same inputs: what errors have grown to at that layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgerun.backends.reference import AnyReference, make_reference
from edgerun.errors import ModelError
from edgerun.frontends import read_source
from edgerun.frontends.stages import Cut
from edgerun.frontends.tflite import TfliteFile
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.op import wrong_elements
from edgerun.ir.signal import SignalEnergy
from edgerun.ir.types import Array, TensorType
from edgerun.plan.lower import lower
from edgerun.plan.program import bind
from edgerun.session import Session

# Beyond this, in quanta or relative to the largest value, two runs have parted.
_PARTED_QUANTA, _PARTED_RELATIVE = 1, 1e-4
_SMALL = 0.01  # runtimes approximate what is so much smaller than the rest of a tensor


@dataclass(frozen=True)
class Distance:
    """How far an array is from the reference's.

    quanta: the largest difference of integers (0 for floats); differing: how many of them differ;
    relative: of floats, the largest |a - b| / magnitude, where the magnitude of a sum is that of its terms
    (Op.magnitude), at least a hundredth of the largest |b| of the tensor and, between two runs, that largest
    itself; sqnr: signal to noise in dB, infinite where the arrays are equal.
    """

    quanta: int = 0
    relative: float = 0.0
    sqnr: float = float("inf")
    differing: int = 0

    @property
    def parted(self) -> bool:
        return self.quanta > _PARTED_QUANTA or self.relative > _PARTED_RELATIVE

    def worst(self, other: Distance) -> Distance:
        return Distance(
            max(self.quanta, other.quanta),
            max(self.relative, other.relative),
            min(self.sqnr, other.sqnr),
            self.differing + other.differing,
        )


@dataclass(frozen=True)
class Layer:
    """One operator of the file. fed, run: as the module says; engine_is_eval: whether the engine and the
    numpy reference agree on it (bits; floats within the contract's tolerance)."""

    index: int
    operator: str
    name: str
    fed: Distance
    run: Distance
    engine_is_eval: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """A model beside a reference, its layers in the order of the file."""

    model: str
    reference: str
    layers: tuple[Layer, ...]

    @property
    def parting(self) -> Layer | None:
        """The first layer at which the two runs have parted."""
        return next((layer for layer in self.layers if layer.run.parted), None)

    def worst_by_operator(self) -> dict[str, Distance]:
        """The worst fed distance of each kind of operator, in order of first use."""
        worst: dict[str, Distance] = {}
        for layer in self.layers:
            worst[layer.operator] = layer.fed.worst(worst.get(layer.operator, Distance()))
        return worst


def compare(source: str | Path | bytes, feeds: Mapping[str, Array], against: str = "litert") -> Comparison:
    """Every layer of a .tflite file beside the reference `against` (backends.reference.REFERENCES), on
    `feeds` by input name. Raises ModelError where one of the two cannot run it."""
    path, data = read_source(source)
    try:
        graph = TfliteFile(data, path).graph()
    except Cut as cut:
        raise ModelError(
            f"{path}: it cannot be compared layer by layer: operator {cut.operator.index} "
            f"{cut.operator.name} is decided at run time ({cut})."
        ) from cut
    truth = make_reference(against, data)
    truth.keep([s.read.index for s in graph.states if s.read.index >= 0])
    truth.run(feeds)
    tensors = Session(data, threads=1, preserve_all_tensors=True).tensors(dict(feeds))
    layers = []
    for node, fed, equal in fed_nodes(graph, truth, feeds):
        run = Distance()
        for value in node.outputs:
            if value.index >= 0 and value.name in tensors:
                reference = shaped(truth.tensor(value.index), value)
                run = run.worst(distance(tensors[value.name], reference, value.type))
        layers.append(Layer(node.index, node.op.name, node.outputs[0].name, fed, run, equal))
    return Comparison(path, truth.name, tuple(layers))


def fed_nodes(
    graph: Graph, truth: AnyReference, feeds: Mapping[str, Array]
) -> Iterable[tuple[Node, Distance, bool]]:
    """Every node fed with the tensors of the reference's last run: its distance from them, and whether the
    engine and eval agree."""
    states = {s.read: s for s in graph.states}
    made: dict[Value, Array] = {}  # what importers put between two tensors of the file

    def known(value: Value) -> Array:
        if value.data is not None:
            return value.data
        if value in made:
            return made[value]
        if value in states:
            initial = states[value].initial
            return initial if value.index < 0 else shaped(truth.before(value.index), value)
        if value in graph.inputs:
            return feeds[value.name]
        return shaped(truth.tensor(value.index), value)

    for node in graph.nodes:
        arrays = [None if v is None else known(v) for v in node.inputs]
        results = run_alone(node, arrays)
        wrong = wrong_elements(node.op, node.types(), arrays, results)  # type: ignore[arg-type]
        fed = Distance()
        magnitudes: tuple[Array, ...] | None = None
        for i, (result, value) in enumerate(zip(results, node.outputs, strict=True)):
            if value.index < 0:
                made[value] = result
                continue
            if value.type.is_float and magnitudes is None:
                magnitudes = node.op.magnitude(node.types(), *arrays)  # type: ignore[arg-type]
            magnitude = magnitudes[i] if magnitudes is not None and value.type.is_float else None
            there = shaped(truth.tensor(value.index), value)
            if isinstance(node.op, SignalEnergy):  # the reference leaves the other bins as they were
                result, there = (a[node.op.start : node.op.end] for a in (result, there))
            fed = fed.worst(distance(result, there, value.type, magnitude))
        yield node, fed, not any(w.any() for w in wrong)


def run_alone(node: Node, arrays: Sequence[Array | None]) -> list[Array]:
    """The outputs of one node by the engine: a graph of nothing else, lowered, bound and run."""
    inputs: dict[Value, Array] = {}
    copies: list[Value | None] = []
    for value, array in zip(node.inputs, arrays, strict=True):
        if value is None or value.data is not None:
            copies.append(value)
            continue
        assert array is not None
        inputs[value] = np.asarray(array, order="C")
        copies.append(value)
    if not inputs:  # folded before anything runs
        return list(node.op.eval(node.types(), *arrays))  # type: ignore[arg-type]
    graph = Graph(node.op.name, list(inputs), node.outputs, [Node(node.op, copies, node.outputs)])
    results = bind(lower(graph), 1).runner(1).run({v.name: a for v, a in inputs.items()})
    return [results[value.name] for value in node.outputs]


def shaped(array: Array, value: Value) -> Array:
    """The reference's array in our shape: what is a scalar for one may be [1] for the other."""
    return array.reshape(value.type.shape)


def distance(mine: Array, truth: Array, kind: TensorType, magnitude: Array | None = None) -> Distance:
    """Between two arrays of one shape and dtype."""
    if mine.dtype.kind == "b" or truth.dtype.kind == "b":
        differ = np.not_equal(mine, truth)
        return Distance(int(differ.any()), differing=int(differ.sum()))
    a, b = mine.astype(np.float64), truth.astype(np.float64)
    if mine.dtype.kind != "f":
        quanta = int(np.abs(a - b).max(initial=0))
        q = kind.quantization
        scale, zero = (q.step, q.zero) if q is not None and q.per_tensor else (1.0, 0)
        noise = sqnr(scale * (a - zero), scale * (b - zero))
        return Distance(quanta, 0.0, noise, int(np.count_nonzero(a != b)))
    apart = np.abs(_difference(a, b))
    largest = np.abs(b[np.isfinite(b)]).max(initial=1e-6)
    base = largest if magnitude is None else np.maximum(magnitude.astype(np.float64), _SMALL * largest)
    return Distance(0, float((apart / base).max(initial=0)), sqnr(a, b))


def sqnr(mine: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> float:
    """10 log10(sum truth^2 / sum (mine - truth)^2), in dB."""
    noise = float(np.square(_difference(mine, truth)).sum())
    signal = float(np.square(truth[np.isfinite(truth)]).sum())
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(signal / noise)) if signal else float("-inf")


def _difference(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """a - b; 0 where both are the same infinity, or no number."""
    with np.errstate(invalid="ignore"):
        return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, a - b)
