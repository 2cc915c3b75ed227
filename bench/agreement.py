"""How well the models agree with LiteRT's reference kernels, as a Markdown table.

    python bench/agreement.py [--full] [MODEL ...]

Every operator is fed with the reference's own inputs; edgerun's eval and its engine must give the same bits,
and are at most one quantum from the reference. LiteRT refuses vww/person_detect_int8: its reference is
TFLite Micro. --full classifies all 200 pictures of datasets/imagenet200 with the classifiers trained on it
(some minutes); the models are those of the folder EDGERUN_SHARED, by default ../shared.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

import edgerun
from edgerun.frontends import load_graph
from edgerun.ir.graph import Graph, Node, Value
from edgerun.ir.types import TensorInfo
from edgerun.plan.lower import lower
from edgerun.plan.program import bind
from edgerun.session import fixed_inputs

Array = npt.NDArray[Any]

# Model of the shared folder -> a picture to feed it with; "" feeds the fixed pseudo-random input.
MODELS = {
    "classification/mnist_cnn_int8": "mnist_nine.bmp",
    "classification/mobilenet_v1_0.25_128_quant": "cat.bmp",
    "classification/mobilenet_v1_0.5_160_quant": "cat.bmp",
    "classification/mobilenet_v2_1.0_224_quant": "cat.bmp",
    "classification/resnet8_cifar10_int8": "cat.bmp",
    "classification/tf2_mobilenet_v2_1.0_224_ptq": "cat.bmp",
    "vww/person_detect_int8": "tflm_person.bmp",
    "vww/vww_96_int8": "grace_hopper.bmp",
    "keyword/kws_dscnn_int8": "",
    "keyword/micro_speech_int8": "",
    "anomaly/ad01_toycar_int8": "",
    "micro/hello_world_int8": "",
    "face/openmv_fomo_face_detection": "face.jpg",
    "detection/ssd_mobilenet_v1_0.75_pets_uint8": "pets.jpg",
    "detection/openmv_yolo_lc_192": "grace_hopper.bmp",
}
IMAGENET = tuple(name for name in MODELS if "/mobilenet" in name or "/tf2_mobilenet" in name)


# -- references --


class LitertReference:
    """LiteRT's reference kernels, every tensor of whose last run can be read.

    path: a .tflite file; xnnpack: LiteRT's fast kernels instead, of which only the outputs can be read.
    """

    def __init__(self, path: Path, *, xnnpack: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter = Interpreter(
            str(path),
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=not xnnpack,
        )
        self._interpreter.allocate_tensors()
        self._inputs = {d["name"]: d["index"] for d in self._interpreter.get_input_details()}
        self._outputs = [d["index"] for d in self._interpreter.get_output_details()]

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Arrays by input name -> the outputs in the file's order."""
        for name, index in self._inputs.items():
            self._interpreter.set_tensor(index, feeds[name])
        self._interpreter.invoke()
        return [self.tensor(index) for index in self._outputs]

    def tensor(self, index: int) -> Array:
        """A copy of the tensor with this index in the file, as the last run left it."""
        return np.asarray(self._interpreter.get_tensor(index))


class MicroReference:
    """TFLite Micro, for what LiteRT refuses; the same methods. One input and one output."""

    def __init__(self, path: Path) -> None:
        from tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(
            path.read_bytes(),
            arena_size=8 << 20,
            intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
        )

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        (given,) = feeds.values()
        self._interpreter.set_input(given, 0)
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_output(0))]

    def tensor(self, index: int) -> Array:
        return np.array(self._interpreter.GetTensor(index, 0)["tensor_data"])


Reference = LitertReference | MicroReference


def reference(path: Path) -> Reference:
    """The reference that can run this model."""
    return MicroReference(path) if path.stem == "person_detect_int8" else LitertReference(path)


# -- inputs --


def picture(path: Path, info: TensorInfo) -> Array:
    """A picture stretched to an image input [1, height, width, 1 or 3]; uint8, or int8 by the flip of the
    highest bit, as all of these models want it."""
    _, height, width, channels = info.shape
    flags = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    image = cv2.imread(str(path), flags)
    assert image is not None, f"{path} cannot be read"
    image = cv2.resize(image, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    if channels == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    array = image.reshape([int(d) for d in info.shape])
    return array if info.dtype == np.uint8 else (array.view(np.uint8) ^ np.uint8(0x80)).view(np.int8)


def centre_crop(path: Path, side: int) -> Array:
    """The middle 87.5 % of a picture as uint8 [1, side, side, 3] in RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None, f"{path} cannot be read"
    edge = int(min(image.shape[:2]) * 0.875)
    top, left = (image.shape[0] - edge) // 2, (image.shape[1] - edge) // 2
    image = image[top : top + edge, left : left + edge]
    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)[None])


def model_feeds(name: str, folder: Path, infos: tuple[TensorInfo, ...]) -> dict[str, Array]:
    """The inputs that a model of MODELS is compared with."""
    if not MODELS[name]:
        return fixed_inputs(infos)
    return {info.name: picture(folder / "media/images" / MODELS[name], info) for info in infos}


# -- operator by operator --


@dataclass
class Difference:
    """How far one operator (or the whole model) is from the reference, in quanta; float tensors are
    compared by |a - b| / max(1, |b|)."""

    operator: str
    index: int
    quanta: int = 0
    relative: float = 0.0
    engine_is_eval: bool = True

    def __str__(self) -> str:
        return f"{self.quanta}" if not self.relative else f"{self.quanta} / {self.relative:.1g}"


def compare_operators(path: Path, feeds: Mapping[str, Array]) -> list[Difference]:
    """Every operator of a model, fed with the tensors of the reference's run on `feeds`."""
    truth = reference(path)
    truth.run(feeds)
    graph = load_graph(path)
    made: dict[Value, Array] = {}  # what importers put between two tensors of the file

    def known(value: Value) -> Array:
        if value.data is not None:
            return value.data
        return made[value] if value.index < 0 else truth.tensor(value.index).reshape(value.type.shape)

    differences = []
    for node in graph.nodes:
        arrays = [None if v is None else known(v) for v in node.inputs]
        evaluated = node.op.eval(node.types(), *arrays)  # type: ignore[arg-type]
        found = Difference(node.op.name, node.index)
        for mine, engine, value in zip(evaluated, run_alone(node, arrays), node.outputs, strict=True):
            found.engine_is_eval &= bool(np.array_equal(mine, engine, equal_nan=mine.dtype.kind == "f"))
            if value.index < 0:
                made[value] = mine
            else:
                measure(found, engine, known(value))
        differences.append(found)
    return differences


def run_alone(node: Node, arrays: Sequence[Array | None]) -> list[Array]:
    """The outputs of one node by the engine: a graph of nothing else, lowered, bound and run."""
    feeds = {
        value.name: np.ascontiguousarray(array)
        for value, array in zip(node.inputs, arrays, strict=True)
        if value is not None and array is not None and value.data is None
    }
    inputs = dict.fromkeys(v for v in node.inputs if v is not None and v.data is None)
    graph = Graph(node.op.name, list(inputs), node.outputs, [node])
    results = bind(lower(graph), 1).runner(1).run(feeds)
    return [results[value.name] for value in node.outputs]


def measure(found: Difference, mine: Array, truth: Array) -> None:
    """Adds the difference of two arrays to `found`."""
    if mine.shape != truth.shape or mine.dtype != truth.dtype:
        raise ValueError(f"{mine.dtype}{mine.shape} is compared with {truth.dtype}{truth.shape}.")
    if mine.dtype.kind == "f":
        apart = np.abs(mine.astype(np.float64) - truth) / np.maximum(1, np.abs(truth))
        found.relative = max(found.relative, float(apart.max(initial=0)))
    else:
        apart = np.abs(mine.astype(np.int64) - truth.astype(np.int64))
        found.quanta = max(found.quanta, int(apart.max(initial=0)))


def worst_by_operator(differences: Iterable[Difference]) -> dict[str, Difference]:
    """The worst of each kind of operator, in order of first use."""
    worst: dict[str, Difference] = {}
    for d in differences:
        w = worst.setdefault(d.operator, Difference(d.operator, d.index))
        w.quanta, w.relative = max(w.quanta, d.quanta), max(w.relative, d.relative)
        w.engine_is_eval &= d.engine_is_eval
    return worst


def compare_whole(path: Path, feeds: Mapping[str, Array]) -> tuple[Difference, list[Array], list[Array]]:
    """The model end to end: the difference, edgerun's outputs, the reference's."""
    mine = list(edgerun.Session(path).run(dict(feeds)).values())
    truth = reference(path).run(feeds)
    found = Difference("Model", -1)
    for a, b in zip(mine, truth, strict=True):
        measure(found, a, b.reshape(a.shape))
    return found, mine, truth


# -- labels --


@dataclass
class Labels:
    """Top-1 labels of pictures by edgerun and by the reference, and how far the outputs are apart.

    ties: disagreements on pictures whose reference top two are at most one quantum apart in the output;
    near_ties: in what the final softmax reads, of which it makes several quanta; differ: all others.
    xnnpack: pictures on which LiteRT's own fast kernels agree with the reference, or there is a tie.
    error, xnnpack_error: sums over pictures of the mean distance from the reference, in quanta.
    """

    pictures: int = 0
    agree: int = 0
    ties: list[str] = field(default_factory=list)
    near_ties: list[str] = field(default_factory=list)
    differ: list[str] = field(default_factory=list)
    xnnpack: int = 0
    error: float = 0.0
    xnnpack_error: float = 0.0

    def __str__(self) -> str:
        near = f", {len(self.near_ties)} ties before softmax" if self.near_ties else ""
        return (
            f"{self.agree + len(self.ties)} of {self.pictures}{near} (XNNPACK {self.xnnpack}); "
            f"error {self.error / self.xnnpack_error:.2f} of XNNPACK's"
        )


def imagenet_files(folder: Path) -> list[Path]:
    """The 200 pictures, in the order of labels.tsv."""
    lines = (folder / "datasets/imagenet200/labels.tsv").read_text().splitlines()[1:]
    return [folder / "datasets/imagenet200" / line.split("\t")[0] for line in lines]


def compare_labels(path: Path, files: Iterable[Path]) -> Labels:
    """Top-1 of a classifier on centre crops: ours, the reference's, XNNPACK's."""
    session = edgerun.Session(path)
    truth, fast = LitertReference(path), LitertReference(path, xnnpack=True)
    info = session.inputs[0]
    logits = _read_by_softmax(path)
    labels = Labels()
    for file in files:
        feeds = {info.name: centre_crop(file, int(info.shape[1]))}
        (mine,) = session.run(feeds).values()
        (theirs,) = truth.run(feeds)
        (quick,) = fast.run(feeds)
        labels.pictures += 1
        labels.error += _distance(mine, theirs)
        labels.xnnpack_error += _distance(quick, theirs)
        labels.xnnpack += bool(quick.argmax() == theirs.argmax() or _margin(theirs) <= 1)
        if mine.argmax() == theirs.argmax():
            labels.agree += 1
        elif _margin(theirs) <= 1:
            labels.ties.append(file.name)
        elif _margin(truth.tensor(logits)) <= 1:
            labels.near_ties.append(file.name)
        else:
            labels.differ.append(file.name)
    return labels


def _margin(scores: Array) -> int:
    second, first = np.sort(scores.ravel().astype(np.int64))[-2:]
    return int(first - second)


def _distance(a: Array, b: Array) -> float:
    return float(np.abs(a.astype(np.int64) - b.astype(np.int64)).mean())


def _read_by_softmax(path: Path) -> int:
    """The index of the tensor that a classifier's softmax reads."""
    (node,) = (n for n in load_graph(path).nodes if n.op.name == "Softmax")
    assert node.inputs[0] is not None
    return node.inputs[0].index


# -- the table --


def row(name: str, folder: Path, labels: Callable[[Path], Labels] | None) -> str:
    """One line of the table."""
    path = folder / "models" / f"{name}.tflite"
    feeds = model_feeds(name, folder, edgerun.Session(path).inputs)
    differences = compare_operators(path, feeds)
    worst = worst_by_operator(differences)
    whole, mine, truth = compare_whole(path, feeds)
    cells = [
        name,
        str(len(differences)),
        ", ".join(f"{kind} {d}" for kind, d in worst.items()),
        "yes" if all(d.engine_is_eval for d in differences) else "NO",
        str(whole),
    ]
    if labels is not None and name in IMAGENET:
        cells.append(str(labels(path)))
    elif name.startswith(("classification", "vww", "keyword")):
        same = mine[0].argmax() == truth[0].argmax()
        cells.append(f"{int(same)} of 1")
    else:
        cells.append("-")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("models", nargs="*", help="names or parts of names; all by default")
    parser.add_argument("--full", action="store_true", help="all 200 pictures of imagenet200")
    arguments = parser.parse_args()
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("EDGERUN_SHARED") or beside)
    files = imagenet_files(folder)
    labels = functools.partial(compare_labels, files=files if arguments.full else files[::10])
    print(
        "Differences are in quanta; of float tensors, after the slash, |a - b| / max(1, |b|).\n\n"
        "| model | operators | worst of each operator, fed with the reference's inputs "
        "| engine = eval | end to end | same label |\n|---|---|---|---|---|---|"
    )
    for name in MODELS:
        if not arguments.models or any(part in name for part in arguments.models):
            print(row(name, folder, labels), flush=True)


if __name__ == "__main__":
    main()
