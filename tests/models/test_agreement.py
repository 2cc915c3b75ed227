"""Every operator of the shared models, fed with the reference's own inputs, and the models end to end."""

from __future__ import annotations

import agreement
import numpy as np
import pytest
from agreement import MODELS

import edgerun
from edgerun.session import fixed_inputs
from shared_material import FOLDER, needs_shared, shared

pytestmark = needs_shared

# How far float32 results may be from LiteRT's, relative to the magnitude: both are rounded. LiteRT's LOGISTIC
# takes e^x for 1 / (1 + e^-x) below -9, which is wrong by e^-9 there.
FLOATS = {"Logistic": 1.3e-4}
every_model = pytest.mark.parametrize("name", MODELS)


def model_path(name: str):
    if name.split("/")[1] in agreement.MICRO:
        pytest.importorskip("tflite_micro")
    return shared(f"models/{name}.tflite")


def test_the_list_of_models_is_complete() -> None:
    folder = FOLDER / "models"
    found = {str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("*.tflite")}
    assert {name for name in found if not name.startswith("invalid/")} == set(MODELS)


@every_model
@pytest.mark.parametrize("given", ["real", "fixed"])
def test_operators_agree_with_the_reference(name: str, given: str) -> None:
    path = model_path(name)
    if given == "real" and not MODELS[name]:
        pytest.skip("there is no picture for this model")
    infos = edgerun.Session(path, threads=1).inputs
    feeds = agreement.model_feeds(name, FOLDER, infos) if given == "real" else fixed_inputs(infos)
    differences = agreement.compare_operators(path, feeds)
    count = agreement.XNNPACK.get(path.stem, len(edgerun.Session(path, threads=1).operators))
    assert len(differences) >= count > 0
    assert [name for name, _, engine_is_eval in differences if not engine_is_eval] == []
    assert [d for d in differences if d[1].quanta > 1 or d[1].relative > FLOATS.get(d[0], 2e-5)] == []


@every_model
def test_the_fused_model_gives_the_bits_of_the_unfused_graph(name: str) -> None:
    path = model_path(name)
    infos = edgerun.Session(path, threads=1).inputs
    feeds = agreement.model_feeds(name, FOLDER, infos)
    fused = edgerun.Session(path, threads=2).run(feeds)
    plain = edgerun.Session(path, threads=1, preserve_all_tensors=True).run(feeds)
    assert fused.keys() == plain.keys()
    for output, array in fused.items():
        np.testing.assert_array_equal(array, plain[output])


# Models of a few layers, where rounding has no room to grow, and those that only have a label to compare.
@pytest.mark.parametrize(
    ("name", "quanta"),
    [
        ("micro/hello_world_int8", 1),
        ("keyword/micro_speech_int8", 1),
        ("keyword/kws_dscnn_int8", 1),
        ("anomaly/ad01_toycar_int8", 1),
        ("classification/mnist_cnn_int8", 1),
    ],
)
def test_small_models_agree_end_to_end(name: str, quanta: int) -> None:
    path = model_path(name)
    infos = edgerun.Session(path, threads=1).inputs
    for feeds in (agreement.model_feeds(name, FOLDER, infos), fixed_inputs(infos)):
        found, _, _ = agreement.compare_whole(path, feeds)
        assert found.quanta <= quanta


def test_hello_world_agrees_on_all_256_inputs() -> None:
    path = model_path("micro/hello_world_int8")
    session, truth = edgerun.Session(path), agreement.reference(path)
    name = session.inputs[0].name
    for value in range(-128, 128):
        feeds = {name: np.array([[value]], np.int8)}
        (mine,) = session.run(feeds).values()
        (theirs,) = truth.run(feeds)
        assert abs(int(mine[0, 0]) - int(theirs[0, 0])) <= 1
