"""The LiteRT backend: the surface of a Session, and sentences for what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from edgerun.backends.litert import LitertBackend
from edgerun.errors import InputError, ModelError

pytest.importorskip("ai_edge_litert")


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no model file '.*none\.tflite'"):
        LitertBackend(tmp_path / "none.tflite")
    (tmp_path / "a.tflite").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"LiteRT refuses .*a\.tflite"):
        LitertBackend(tmp_path / "a.tflite")


@pytest.mark.shared
def test_it_runs_by_path_and_by_bytes(shared):
    path = shared / "models/micro/hello_world_int8.tflite"
    session = LitertBackend(path, 1)
    (given,), (result,) = session.inputs, session.outputs
    assert given.shape == (1, 1)
    assert given.dtype == np.int8
    assert given.quantization is not None
    assert given.quantization.step > 0
    quarter = round(np.pi / 2 / given.quantization.step) + given.quantization.zero
    value = session.run({given.name: np.array([[quarter]], np.int8)})[result.name]
    assert result.quantization is not None
    sine = (int(value[0, 0]) - result.quantization.zero) * result.quantization.step
    assert abs(sine - 1) < 0.1
    twin = LitertBackend(path.read_bytes(), 1).twin()
    assert twin(np.array([[quarter]], np.int8))[result.name] == value


@pytest.mark.shared
def test_wrong_feeds_say_what_was_expected(shared):
    session = LitertBackend(shared / "models/micro/hello_world_int8.tflite")
    name = session.inputs[0].name
    with pytest.raises(InputError, match="int8 of shape"):
        session.run({name: np.zeros((1, 1), np.float32)})
    with pytest.raises(InputError, match="int8 of shape"):
        session.run({name: np.zeros((2, 1), np.int8)})
    with pytest.raises(InputError, match="Expected the inputs"):
        session.run({"x": np.zeros((1, 1), np.int8)})


@pytest.mark.shared
def test_outputs_that_take_shape_in_the_run_have_it(shared):
    session = LitertBackend(shared / "models/detection/ssd_mobilenet_v1_0.75_pets_uint8.tflite")
    assert [info.shape for info in session.outputs] == [(1, 10, 4), (1, 10), (1, 10), (1,)]
