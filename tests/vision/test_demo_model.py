"""The bundled model: small, the same in LiteRT, good at an exam that colours alone do not pass."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

import edgerun
from edgerun.errors import ModelError
from edgerun.frontends import load_graph
from edgerun.serve.demo import DemoSource
from edgerun.vision.detections import Detection, Detections
from edgerun.vision.frame import Image, TrueObject
from edgerun.vision.metrics import PrecisionRecall, average_precision
from edgerun.vision.model import Model
from edgerun.vision.models import bundled
from edgerun.vision.preprocess import Placement
from edgerun.vision.scene import HEIGHT, WIDTH, Scene
from edgerun.vision.sprites import CLASSES
from litert import run as run_litert

TRAINING = Path(__file__).resolve().parents[2] / "training"
# Neither trained on nor used by training/evaluate.py.
FIRST_SEED = 3_000_000
Frames = list[tuple[Image, tuple[TrueObject, ...]]]


@pytest.fixture(scope="module")
def frames() -> Frames:
    return [Scene(FIRST_SEED + k // 3).render(30 + 60 * (k % 3)) for k in range(60)]


@pytest.fixture(scope="module")
def model() -> Model:
    return edgerun.load(bundled("demo"))


def detections(model: Model, image: Image) -> Detections:
    found = model(image)
    assert isinstance(found, Detections)
    return found


def test_it_is_small_and_integer(model: Model):
    assert bundled("demo").stat().st_size <= 300_000
    (info,) = model.session.inputs
    assert (info.shape, info.dtype) == ((1, HEIGHT, WIDTH, 3), np.int8)
    assert all(output.dtype == np.int8 for output in model.session.outputs)


def test_the_card_knows_the_classes(model: Model):
    assert model.card.labels is not None
    assert model.card.labels.for_detector() == dict(enumerate(CLASSES))
    assert model.card.decoder == "centre-points"
    assert model.card.notes == ()


def test_another_name_is_a_sentence():
    with pytest.raises(ModelError, match="no bundled model 'nothing'; there are: demo"):
        bundled("nothing")


def test_litert_gives_the_same_tensors_and_objects(model: Model, frames: Frames):
    """Rounding differences of one step in a layer grow over 53 layers, but not into the answer."""
    content = bundled("demo").read_bytes()
    (info,) = model.session.inputs
    for image, _ in frames[:4]:
        placement = model.prepare(image)
        ours = {name: array.copy() for name, array in model.infer().items()}
        fed = {info.name: model._feeds[info.name]}
        theirs = run_litert(content, fed)
        assert set(ours) == set(theirs)
        scores, boxes = (output.name for output in model.session.outputs)
        sure = theirs[scores].max(3) > 0
        assert np.abs(ours[scores].astype(int) - theirs[scores]).max() <= 40
        assert np.abs(ours[boxes].astype(int) - theirs[boxes])[sure].max() <= 6
        same_objects(model, ours, theirs, placement)


def same_objects(
    model: Model, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], placement: Placement
) -> None:
    """Each object that one side is sure of is an object of the other."""
    first, second = (model.decode(outputs, placement) for outputs in (ours, theirs))
    assert isinstance(first, Detections)
    assert isinstance(second, Detections)
    for some, others in ((first, second), (second, first)):
        for item in some.items:
            if item.score > model.card.threshold + 0.15:
                assert any(o.label == item.label and near(o, item) for o in others.items)


def near(a: Detection, b: Detection) -> bool:
    return np.abs(np.subtract(a.box, b.box)).max() < 6


def test_each_operator_is_within_one_step_of_litert(model: Model, frames: Frames):
    """Fed with LiteRT's own tensors; that the engine gives the bits of `eval` is tested by itself."""
    interpreter = Interpreter(
        model_content=bundled("demo").read_bytes(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    model.prepare(frames[0][0])
    (picture,) = model._feeds.values()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    tensors = {
        detail["name"]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_tensor_details()
        if detail["name"]
    }
    for node in load_graph(bundled("demo")).nodes:
        arrays = [tensors[v.name] if v.data is None else v.data for v in node.inputs if v is not None]
        (ours,) = node.op.eval(node.types(), *arrays)
        theirs = tensors[node.outputs[0].name]
        assert np.abs(ours.astype(int) - theirs).max() <= 1, node.op.name


def test_it_finds_the_objects_of_unseen_scenes(frames: Frames):
    low = edgerun.load(bundled("demo"), threshold=0.05)
    exam = [(truth, detections(low, image).items) for image, truth in frames]
    assert average_precision(exam).mean >= 0.8


def test_what_it_shows_is_right(model: Model, frames: Frames):
    live = PrecisionRecall(len(frames))
    for image, truth in frames:
        live.update(truth, detections(model, image).items)
    assert live.precision > 0.8
    assert live.recall > 0.75


def test_colours_alone_do_not_pass(frames: Frames, monkeypatch: pytest.MonkeyPatch):
    if not TRAINING.is_dir():
        pytest.skip("the training scripts are in the source tree alone")
    monkeypatch.syspath_prepend(str(TRAINING))
    import baseline

    classify = baseline.fit(100)
    exam = [(truth, baseline.detect(classify, image)) for image, truth in frames]
    score = average_precision(exam).mean
    assert 0.01 < score < 0.4
    for name in ("baseline", "generate"):
        sys.modules.pop(name, None)


def test_the_demo_camera_shows_the_scene_with_its_truth():
    import threading

    source = DemoSource("demo", seed=5)
    stop = threading.Event()
    read = [source.read(stop) for _ in range(3)]
    for number, frame in enumerate(read):
        image, truth = Scene(5).render(number)
        assert frame is not None
        assert (frame.camera, frame.number, frame.truth) == ("demo", number, truth)
        assert np.array_equal(frame.image, image)
    times = [frame.captured_ns for frame in read if frame is not None]
    assert times == sorted(times)
    stop.set()
    assert source.read(stop) is None
