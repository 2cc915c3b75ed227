"""How well the models agree with LiteRT's reference kernels, as a Markdown table.

    python bench/agreement.py [--full] [MODEL ...]
    python bench/agreement.py --onnx [MODEL ...]

Every operator is fed with the reference's own inputs; edgerun's eval and its engine must give the same bits,
and are at most one quantum from the reference, which is TFLite Micro for what LiteRT cannot run. --full
classifies all 200 pictures of datasets/imagenet200 with the classifiers trained on it (some minutes); the
models are those of the folder EDGERUN_SHARED, by default ../shared. --onnx: the .onnx models,
beside ONNX Runtime.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

import edgerun
from edgerun.backends.reference import AnyReference, make_reference
from edgerun.compress.compare import Distance, distance, fed_nodes
from edgerun.formats.tflite_reader import read_model
from edgerun.formats.tflite_writer import ModelBuilder
from edgerun.frontends import load_graph
from edgerun.ir.types import TensorInfo, TensorType
from edgerun.session import fixed_inputs

Array = npt.NDArray[Any]

# Model of the shared folder -> a picture to feed it with; "" feeds the fixed pseudo-random input.
MODELS = {
    "classification/fer_emotion_model_quantized": "face.jpg",
    "classification/mnist_cnn_int8": "mnist_nine.bmp",
    "classification/mobilenet_v1_0.25_128_float32": "cat.bmp",
    "classification/mobilenet_v1_0.25_128_quant": "cat.bmp",
    "classification/mobilenet_v1_0.5_160_quant": "cat.bmp",
    "classification/mobilenet_v2_1.0_224_quant": "cat.bmp",
    "classification/resnet8_cifar10_float32": "cat.bmp",
    "classification/resnet8_cifar10_int8": "cat.bmp",
    "classification/tf2_mobilenet_v2_1.0_224_ptq": "cat.bmp",
    "vww/person_detect_int8": "tflm_person.bmp",
    "vww/vww_96_int8": "grace_hopper.bmp",
    "keyword/keyword_scrambled_8bit": "",
    "keyword/kws_dscnn_float32": "",
    "keyword/kws_dscnn_int8": "",
    "keyword/micro_speech_int8": "",
    "keyword/mww_okay_nabu_v2": "",
    "keyword/streaming_wakeword_str_ww_int8": "",
    "audio/audio_preprocessor_int8": "",
    "audio/basic_pitch_nmp": "",
    "anomaly/ad01_toycar_dynamic_range": "",
    "anomaly/ad01_toycar_float32": "",
    "anomaly/ad01_toycar_int8": "",
    "denoise/dtln_dynamic_range_1": "",
    "denoise/dtln_noise_suppression_int8": "",
    "lstm/mnist_lstm_float32": "",
    "lstm/mnist_lstm_int8": "",
    "micro/hello_world_int8": "",
    "face/mp_face_detection_short_range_f16": "face.jpg",
    "face/openmv_blazeface_front_128": "face.jpg",
    "face/openmv_fomo_face_detection": "face.jpg",
    "face/ultraface_slim_320_float32": "face.jpg",
    "hand/mp_palm_detection_lite_f16": "face.jpg",
    "hand/openmv_hand_landmarks_full_224": "face.jpg",
    "detection/openmv_yolo_lc_192": "grace_hopper.bmp",
    "detection/ssd_mobilenet_v1_0.75_pets_uint8": "pets.jpg",
    "detection/yolov5n_int8": "kite_and_cold.jpg",
    "detection/yolov8n_full_integer_quant_416": "kite_and_cold.jpg",
    "detection/yolox_nano_dynamic_range": "kite_and_cold.jpg",
    "detection/yolox_nano_float16": "kite_and_cold.jpg",
    "detection/yolox_nano_int8_mixed": "kite_and_cold.jpg",
    "pose/movenet_single_pose_lightning_ptq": "squat.bmp",
    "pose/posenet_mobilenet_v1_075_353_481_quant": "posenet_test_image.bmp",
    "segmentation/deeplabv3_mnv2_dm05_pascal_quant": "bird_segmentation.bmp",
    "segmentation/selfie_segmentation_256_f16": "grace_hopper.bmp",
}
IMAGENET = tuple(n for n in MODELS if "mobilenet_v" in n and "classification" in n and "float" not in n)
# LiteRT crashes on these, or refuses them.
MICRO = ("person_detect_int8", "keyword_scrambled_8bit", "audio_preprocessor_int8")
# Only XNNPACK, whose tensors cannot be read, has a custom operator of these: operator by operator they are
# compared as far as the reference kernels go, the number of operators.
XNNPACK = {"selfie_segmentation_256_f16": 244}
# The largest value of a pixel, where it is not 1.
_FLOAT_RANGE = {"yolox_nano": 255.0}


# -- references --


def reference(path: Path) -> AnyReference:
    """The reference that can run this model."""
    kind = "micro" if path.stem in MICRO else "litert-xnnpack" if path.stem in XNNPACK else "litert"
    return make_reference(kind, path.read_bytes())


# -- inputs --


def picture(
    path: Path,
    info: TensorInfo,
    highest: float = 1.0,
    *,
    lowest: float = 0.0,
    bgr: bool = False,
    letterbox: bool = False,
) -> Array:
    """A picture stretched to an image input [1, height, width, 1 or 3] or [1, 3, height, width], or in its
    own proportions on grey (letterbox); uint8, int8 by the flip of the highest bit, as all of these models
    want it, float32 in `lowest` .. `highest`."""
    planar = info.shape[1] == 3
    _, height, width, channels = (info.shape[i] for i in ((0, 2, 3, 1) if planar else (0, 1, 2, 3)))
    flags = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
    image = cv2.imread(str(path), flags)
    assert image is not None, f"{path} cannot be read"
    if letterbox:
        image = _padded(image, int(width) / int(height))
    image = cv2.resize(image, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    if channels == 3 and not bgr:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    array = image.reshape(1, int(height), int(width), int(channels))
    if planar:
        array = np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    if info.dtype == np.float32:
        return (array * np.float32((highest - lowest) / 255) + np.float32(lowest)).astype(np.float32)
    return array if info.dtype == np.uint8 else (array.view(np.uint8) ^ np.uint8(0x80)).view(np.int8)


def _padded(image: Array, proportion: float) -> Array:
    """A picture with grey bars, so that its width is `proportion` times its height."""
    height, width = image.shape[:2]
    across, down = max(0, round(height * proportion) - width), max(0, round(width / proportion) - height)
    sides = (down // 2, down - down // 2, across // 2, across - across // 2)
    return cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=(114, 114, 114))


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
    highest = next((value for part, value in _FLOAT_RANGE.items() if part in name), 1.0)
    return {info.name: picture(folder / "media/images" / MODELS[name], info, highest) for info in infos}


# -- operator by operator --


def compare_operators(path: Path, feeds: Mapping[str, Array]) -> list[tuple[str, Distance, bool]]:
    """Every operator of a model, fed with the tensors of the reference's run on `feeds`: its name, its
    distance, and whether the engine and the numpy reference agree."""
    if path.stem in XNNPACK:
        data = first_operators(path.read_bytes(), XNNPACK[path.stem])
        truth, graph = make_reference("litert", data), load_graph(data)
    else:
        truth, graph = reference(path), load_graph(path)
    truth.keep([s.read.index for s in graph.states if s.read.index >= 0])
    truth.run(feeds)
    return [(node.op.name, fed, equal) for node, fed, equal in fed_nodes(graph, truth, feeds)]


def first_operators(model: bytes, count: int) -> bytes:
    """A model of the first `count` operators of the main subgraph; the output is the last one's."""
    subgraph = read_model(model).subgraphs[0]
    net = ModelBuilder()
    for t in subgraph.tensors:
        q = t.quantization
        numbers = {} if q is None else {"scale": q.scale, "zero_point": q.zero_point, "axis": q.axis}
        net.tensor(t.name, t.shape, t.dtype or t.type_name, data=t.data, is_variable=t.is_variable, **numbers)
    for o in subgraph.operators[:count]:
        custom = {"custom_options": bytes(o.custom_options)} if o.custom else {}
        net.operator(o.name, o.inputs, o.outputs, o.options, version=o.version, **custom)
    return net.finish(subgraph.inputs, subgraph.operators[count - 1].outputs)


def worst_by_operator(differences: Iterable[tuple[str, Distance, bool]]) -> dict[str, Distance]:
    """The worst of each kind of operator, in order of first use."""
    worst: dict[str, Distance] = {}
    for operator, fed, _ in differences:
        worst[operator] = fed.worst(worst.get(operator, Distance()))
    return worst


def compare_whole(path: Path, feeds: Mapping[str, Array]) -> tuple[Distance, list[Array], list[Array]]:
    """The model end to end: the distance, edgerun's outputs, the reference's."""
    session = edgerun.Session(path)
    mine = list(session.run(dict(feeds)).values())
    truth = reference(path).run(feeds)
    found = Distance()
    for a, b, info in zip(mine, truth, session.outputs, strict=True):
        kind = TensorType(a.shape, info.dtype, info.quantization)
        found = found.worst(distance(a, b.reshape(a.shape), kind))
    return found, mine, truth


def show(found: Distance) -> str:
    return f"{found.relative:.1g}" if found.relative else str(found.quanta)


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
    truth, fast = (make_reference(kind, path.read_bytes()) for kind in ("litert", "litert-xnnpack"))
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
        ", ".join(f"{kind} {show(d)}" for kind, d in worst.items()),
        "yes" if all(equal for _, _, equal in differences) else "NO",
        show(whole),
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
    os.environ["EDGERUN_CACHE"] = "off"  # what the importers make of the file now is compared
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("models", nargs="*", help="names or parts of names; all by default")
    parser.add_argument("--full", action="store_true", help="all 200 pictures of imagenet200")
    parser.add_argument("--onnx", action="store_true", help="the .onnx models, beside ONNX Runtime")
    arguments = parser.parse_args()
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("EDGERUN_SHARED") or beside)
    if arguments.onnx:
        from agreement_onnx import HEAD, rows

        print(HEAD)
        for line in rows(folder, arguments.models, picture):
            print(line, flush=True)
        return
    files = imagenet_files(folder)
    labels = functools.partial(compare_labels, files=files if arguments.full else files[::10])
    print(
        "Differences are in quanta; of floats, relative to the magnitude (a sum's is that of its terms).\n\n"
        "| model | operators | worst of each operator, fed with the reference's inputs "
        "| engine = eval | end to end | same label |\n|---|---|---|---|---|---|"
    )
    for name in MODELS:
        if not arguments.models or any(part in name for part in arguments.models):
            print(row(name, folder, labels), flush=True)


if __name__ == "__main__":
    main()
